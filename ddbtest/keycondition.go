package ddbtest

import "strings"

// keyCondition is a KeyConditionExpression: conditions on key attributes by
// their names, of which the partition key has =.
type keyCondition map[string]keyRange

// keyRange is the condition on one key attribute: an operator of order,
// begins_with, or BETWEEN with both bounds.
type keyRange struct {
	operator string
	bounds   []value
}

func (r keyRange) matches(v value) bool {
	switch r.operator {
	case "BETWEEN":
		return v.compare(r.bounds[0]) >= 0 && v.compare(r.bounds[1]) <= 0
	case "begins_with":
		return v.hasPrefix(r.bounds[0])
	default:
		return holds(r.operator, v.compare(r.bounds[0]))
	}
}

// mirrored says what an operator becomes when its sides change places.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// newKeyCondition turns a parsed expression into a keyCondition, or says which
// part of it is more than a KeyConditionExpression may hold.
func newKeyCondition(c condition) (keyCondition, error) {
	k := keyCondition{}
	if err := k.add(c); err != nil {
		return nil, err
	}
	if len(k) > 2 {
		return nil, invalid("Conditions can be of length 1 or 2 only")
	}
	return k, nil
}

func (k keyCondition) add(c condition) error {
	switch c := c.(type) {
	case and:
		if err := k.add(c.left); err != nil {
			return err
		}
		return k.add(c.right)
	case compare:
		operator, left, right := c.operator, c.left, c.right
		if operator == "<>" {
			return badKeyOperator("<>")
		}
		if left.path == nil {
			operator, left, right = mirrored[operator], right, left
		}
		return k.set(operator, left, right)
	case between:
		return k.set("BETWEEN", c.operand, c.low, c.high)
	case function:
		if c.name != "begins_with" {
			return badKeyOperator(c.name)
		}
		return k.set(c.name, c.arguments[0], c.arguments[1])
	case or:
		return badKeyOperator("OR")
	case not:
		return badKeyOperator("NOT")
	case in:
		return badKeyOperator("IN")
	default:
		return invalid("Invalid KeyConditionExpression")
	}
}

func badKeyOperator(operator string) error {
	return invalid("Invalid operator used in KeyConditionExpression: %s", operator)
}

// set enters the condition on one attribute.
func (k keyCondition) set(operator string, attribute operand, bounds ...operand) error {
	r := keyRange{operator: operator}
	for _, o := range append([]operand{attribute}, bounds...) {
		if o.size != nil {
			return invalid("KeyConditionExpressions cannot contain nested operations")
		}
		if len(o.path) > 1 {
			return invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		}
	}
	if attribute.path == nil {
		return invalid("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", strings.ToUpper(operator))
	}
	for _, b := range bounds {
		if b.literal == nil {
			return invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		}
		r.bounds = append(r.bounds, *b.literal)
	}
	name := attribute.path.top()
	if _, twice := k[name]; twice {
		return invalid("KeyConditionExpressions must only contain one condition per key")
	}
	k[name] = r
	return nil
}

// check compares the condition with the key schema that it is to select from.
func (k keyCondition) check(schema keySchema) error {
	matched := 0
	for i, a := range schema {
		r, ok := k[a.name]
		if !ok {
			if i == 0 || len(k) > 1 {
				return invalid("Query condition missed key schema element: %s", a.name)
			}
			continue
		}
		matched++
		for _, b := range r.bounds {
			if b.kind != a.kind {
				return invalidParameters("Condition parameter type does not match schema type")
			}
			// A bound may be empty only where it selects a range.
			if r.operator == "=" {
				if err := checkKeyValue(b, i == 0, "Key: "+a.name); err != nil {
					return err
				}
			}
		}
		if i == 0 && r.operator != "=" {
			return invalid("Query key condition not supported")
		}
		if r.operator == "begins_with" && a.kind == "N" {
			return invalidParameters("ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type")
		}
	}
	if matched != len(k) {
		return invalid("Query key condition not supported")
	}
	return nil
}

// matches tells whether the item fulfils the condition on each key attribute.
func (k keyCondition) matches(it item) bool {
	for name, r := range k {
		if !r.matches(it[name]) {
			return false
		}
	}
	return true
}
