package ddbtest

import "strings"

// path is a document path: a top-level attribute and the steps below it.
type path []step

// step is a name, or an index into a list when name is empty.
type step struct {
	name  string
	index int
}

// String is the form of error messages.
func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// top is the name of the attribute that the path begins with.
func (p path) top() string { return p[0].name }

// find follows the path into the item.
func (p path) find(it item) (value, bool) {
	v := value{kind: "M", fields: it}
	for _, s := range p {
		var ok bool
		if v, ok = v.step(s); !ok {
			return value{}, false
		}
	}
	return v, true
}

func (v value) step(s step) (value, bool) {
	switch {
	case s.name != "" && v.kind == "M":
		f, ok := v.fields[s.name]
		return f, ok
	case s.name == "" && v.kind == "L" && s.index < len(v.list):
		return v.list[s.index], true
	default:
		return value{}, false
	}
}

// operand is a path, a literal, or size of another operand.
type operand struct {
	path    path
	literal *value
	size    *operand
}

// kind is the type that the operand is sure to have, or "".
func (o operand) kind() string {
	switch {
	case o.literal != nil:
		return o.literal.kind
	case o.size != nil:
		return "N"
	default:
		return ""
	}
}

func (o operand) eval(it item) (value, bool) {
	switch {
	case o.literal != nil:
		return *o.literal, true
	case o.size != nil:
		v, ok := o.size.eval(it)
		if !ok {
			return value{}, false
		}
		n, ok := v.length()
		return integer(n), ok
	default:
		return o.path.find(it)
	}
}

// condition is an expression with a truth value.
type condition interface {
	matches(it item) bool
	// walk calls f with every operand, and with the operand in each size().
	walk(f func(operand))
}

type (
	and     struct{ left, right condition }
	or      struct{ left, right condition }
	not     struct{ inner condition }
	compare struct {
		operator    string
		left, right operand
	}
	between  struct{ operand, low, high operand }
	in       struct{ operands []operand } // the first is looked for among the others
	function struct {
		name      string
		arguments []operand
	}
)

func (c and) matches(it item) bool { return c.left.matches(it) && c.right.matches(it) }
func (c or) matches(it item) bool  { return c.left.matches(it) || c.right.matches(it) }
func (c not) matches(it item) bool { return !c.inner.matches(it) }

// matches: an attribute that does not exist is unequal to everything, and
// neither less nor greater than anything.
func (c compare) matches(it item) bool {
	left, leftOK := c.left.eval(it)
	right, rightOK := c.right.eval(it)
	switch exist := leftOK && rightOK; {
	case c.operator == "=":
		return exist && left.equal(right)
	case c.operator == "<>":
		return !exist || !left.equal(right)
	case !exist || !ordered(left, right):
		return false
	default:
		return holds(c.operator, left.compare(right))
	}
}

// holds tells whether an operator of order is true for the result of a
// comparison.
func holds(operator string, order int) bool {
	switch operator {
	case "=":
		return order == 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		panic("ddbtest: unknown operator " + operator)
	}
}

func (c between) matches(it item) bool {
	return compare{">=", c.operand, c.low}.matches(it) && compare{"<=", c.operand, c.high}.matches(it)
}

func (c in) matches(it item) bool {
	for _, o := range c.operands[1:] {
		if (compare{"=", c.operands[0], o}).matches(it) {
			return true
		}
	}
	return false
}

func (c function) matches(it item) bool {
	first, ok := c.arguments[0].eval(it)
	switch c.name {
	case "attribute_exists":
		return ok
	case "attribute_not_exists":
		return !ok
	}
	second, secondOK := c.arguments[1].eval(it)
	if !ok || !secondOK {
		return false
	}
	switch c.name {
	case "attribute_type":
		return first.kind == second.text
	case "begins_with":
		return first.hasPrefix(second)
	case "contains":
		return first.contains(second)
	default:
		panic("ddbtest: unknown function " + c.name)
	}
}

func (c and) walk(f func(operand))     { c.left.walk(f); c.right.walk(f) }
func (c or) walk(f func(operand))      { c.left.walk(f); c.right.walk(f) }
func (c not) walk(f func(operand))     { c.inner.walk(f) }
func (c compare) walk(f func(operand)) { walkAll(f, c.left, c.right) }
func (c between) walk(f func(operand)) { walkAll(f, c.operand, c.low, c.high) }
func (c in) walk(f func(operand))      { walkAll(f, c.operands...) }
func (c function) walk(f func(operand)) {
	walkAll(f, c.arguments...)
}

func walkAll(f func(operand), operands ...operand) {
	for _, o := range operands {
		f(o)
		if o.size != nil {
			walkAll(f, *o.size)
		}
	}
}
