package encryptor

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/expr"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// parameter is a request parameter, and whether the request sets it.
type parameter struct {
	name string
	set  bool
}

// refuseLegacy refuses the parameters that expressions have replaced: they name
// attributes in forms of their own, and nothing new uses them.
func refuseLegacy(parameters ...parameter) error {
	for _, p := range parameters {
		if p.set {
			return fmt.Errorf("%w: the legacy parameter %s; use an expression", ErrUnsupported, p.name)
		}
	}
	return nil
}

func refuseProjection(p *string) error {
	if p == nil {
		return nil
	}
	return fmt.Errorf("%w: ProjectionExpression: a part of an item cannot be verified; read the whole item", ErrUnsupported)
}

// checkExpression refuses an expression that looks at the value of an encrypted
// attribute. It would find nothing and say so without an error.
func (t *boundTable) checkExpression(parameter string, expression *string, names map[string]string) error {
	if expression == nil {
		return nil
	}
	uses, err := expr.Uses(*expression, names)
	if err != nil {
		return fmt.Errorf("%w: %s cannot be read: %w", ErrUnsupported, parameter, err)
	}
	for _, use := range uses {
		var what string
		rule := t.codec.Rule(use.Name)
		switch rule {
		case RuleSigned, RuleUnsigned:
			continue
		case RuleReserved:
			what = "belongs to the item format"
		default:
			what = "is encrypted"
		}
		if use.ExistsOnly && !use.Nested {
			continue
		}
		return &attributeError{use.Name, fmt.Errorf("%w: %s looks at its value, but it %s; %s", ErrUnsupported, parameter, what, possible(parameter, rule))}
	}
	return nil
}

// possible says what an expression can do with attributes instead.
func possible(parameter string, rule Rule) string {
	const exists = "only attribute_exists and attribute_not_exists work on it"
	switch {
	case parameter == "KeyConditionExpression":
		return "a key condition can only name SIGN_ONLY and DO_NOTHING attributes, which the keys of tables and indexes are"
	case rule == RuleReserved:
		return exists
	default:
		return exists + "; to compare it, give it the action SIGN_ONLY"
	}
}

// checkSelect refuses what would return parts of items.
func (t *boundTable) checkSelect(selected types.Select, indexName *string) error {
	switch selected {
	case types.SelectCount:
		return nil
	case "", types.SelectAllAttributes:
	default:
		return fmt.Errorf("%w: Select %s: a part of an item cannot be verified; use ALL_ATTRIBUTES or COUNT", ErrUnsupported, quote.Name(string(selected)))
	}
	if indexName == nil {
		return nil
	}
	index, known := t.index(*indexName)
	unclear := !known || index.Projection == ""
	switch {
	case index.Projection == types.ProjectionTypeAll:
	case (index.Local || unclear) && selected == types.SelectAllAttributes: // DynamoDB returns whole items or refuses
	case unclear && !t.acceptsPlaintext(): // the signature decides
	case index.Projection == types.ProjectionTypeInclude && t.includesLayout(index):
	default:
		return fmt.Errorf("%w: index %s does not hold whole items, so they cannot be verified; project ALL%s, or use Select COUNT",
			ErrUnsupported, quote.Name(*indexName), wholeHint(index.Local || unclear))
	}
	return nil
}

// includesLayout tells whether the index holds what one format adds to an item.
// Whether it holds everything that is signed, the signature decides.
func (t *boundTable) includesLayout(index tableinfo.Index) bool {
	return slices.ContainsFunc(t.layouts, func(l Layout) bool {
		if l.Stamp == "" {
			return false
		}
		for _, name := range append([]string{l.Stamp}, l.Other...) {
			if !slices.Contains(index.NonKeyAttributes, name) {
				return false
			}
		}
		return true
	})
}

// acceptsPlaintext tells whether an item without signature is an item. Then part
// of an encrypted one, without its signature, could pass for a whole one.
func (t *boundTable) acceptsPlaintext() bool {
	return slices.ContainsFunc(t.layouts, func(l Layout) bool { return l.Stamp == "" })
}

func wholeHint(can bool) string {
	if can {
		return ", read with Select ALL_ATTRIBUTES"
	}
	return ""
}
