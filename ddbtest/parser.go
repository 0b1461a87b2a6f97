package ddbtest

import (
	"slices"
	"strconv"
	"strings"
)

// parser reads one expression by recursive descent. From the loosest binding to
// the tightest: OR, AND, NOT, then comparisons, BETWEEN, IN and functions.
type parser struct {
	source    string
	tokens    []token
	pos       int
	env       *environment
	operators int
	closed    map[int]int // where the parenthesis at a token is closed, if a condition stands in it
}

// Limits of DynamoDB on an expression.
const (
	maxOperators  = 300
	maxInOperands = 100
	maxPathDepth  = 32
)

func (p *parser) peek() token { return p.tokens[p.pos] }

// fail complains about the next token.
func (p *parser) fail() error { return syntaxError(p.source, p.tokens, p.pos) }

// symbol consumes the next token if it is the symbol.
func (p *parser) symbol(text string) bool {
	t := p.peek()
	if t.kind != tokenSymbol || t.text != text {
		return false
	}
	p.pos++
	return true
}

func (p *parser) expect(symbol string) error {
	if !p.symbol(symbol) {
		return p.fail()
	}
	return nil
}

// keyword consumes the next token if it is the word in any case of letters.
func (p *parser) keyword(word string) bool {
	t := p.peek()
	if t.kind != tokenName || !strings.EqualFold(t.text, word) {
		return false
	}
	p.pos++
	return true
}

// count is called for each operator and function.
func (p *parser) count() error {
	p.operators++
	if p.operators > maxOperators {
		return invalid("The expression contains too many operators; operator count: %d", p.operators)
	}
	return nil
}

func (p *parser) parseAll() (condition, error) {
	c, err := p.parseOr()
	if err == nil && p.peek().kind != tokenEnd {
		err = p.fail()
	}
	return c, err
}

func (p *parser) parseOr() (condition, error) {
	return p.parseChain("OR", p.parseAnd, func(l, r condition) condition { return or{l, r} })
}

func (p *parser) parseAnd() (condition, error) {
	return p.parseChain("AND", p.parseNot, func(l, r condition) condition { return and{l, r} })
}

func (p *parser) parseChain(word string, next func() (condition, error), join func(l, r condition) condition) (condition, error) {
	left, err := next()
	for err == nil && p.keyword(word) {
		if err = p.count(); err != nil {
			break
		}
		var right condition
		right, err = next()
		left = join(left, right)
	}
	return left, err
}

func (p *parser) parseNot() (condition, error) {
	if !p.keyword("NOT") {
		return p.parsePrimary()
	}
	if err := p.count(); err != nil {
		return nil, err
	}
	inner, err := p.parseNot()
	return not{inner}, err
}

func (p *parser) parsePrimary() (condition, error) {
	open := p.pos
	if p.symbol("(") {
		c, err := p.parseOr()
		if err != nil {
			return nil, err
		}
		if end, ok := p.closed[open+1]; ok && end == p.pos-1 {
			return nil, invalid("The expression has redundant parentheses;")
		}
		p.closed[open] = p.pos
		return c, p.expect(")")
	}
	if name, ok := p.call(); ok && name != "size" {
		return p.parseFunction(name)
	}
	left, err := p.parseOperand()
	if err != nil {
		return nil, err
	}
	return p.parseComparison(left)
}

// call tells whether a function call comes next, and of which function.
func (p *parser) call() (string, bool) {
	t := p.peek()
	if t.kind != tokenName || p.tokens[p.pos+1].text != "(" {
		return "", false
	}
	return t.text, true
}

func (p *parser) parseComparison(left operand) (condition, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	switch {
	case p.keyword("BETWEEN"):
		return p.parseBetween(left)
	case p.keyword("IN"):
		return p.parseIn(left)
	}
	t := p.peek()
	if t.kind != tokenSymbol || !slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, t.text) {
		if left.size != nil {
			return nil, misused("size")
		}
		return nil, p.fail()
	}
	p.pos++
	right, err := p.parseOperand()
	if err != nil {
		return nil, err
	}
	if t.text != "=" && t.text != "<>" {
		if err := requireOrdered(t.text, left, right); err != nil {
			return nil, err
		}
	}
	return compare{t.text, left, right}, requireDistinct(t.text, []operand{left, right})
}

func (p *parser) parseBetween(middle operand) (condition, error) {
	low, err := p.parseOperand()
	if err != nil {
		return nil, err
	}
	if !p.keyword("AND") {
		return nil, p.fail()
	}
	high, err := p.parseOperand()
	if err != nil {
		return nil, err
	}
	if err := requireOrdered("BETWEEN", middle, low, high); err != nil {
		return nil, err
	}
	if low.literal != nil && high.literal != nil {
		if low.kind() != high.kind() {
			return nil, invalid("The BETWEEN operator requires same data type for lower and upper bounds; lower bound: %s, upper bound: %s",
				low.kind(), high.kind())
		}
		if low.literal.compare(*high.literal) > 0 {
			return nil, invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
		}
	}
	return between{middle, low, high}, nil
}

func (p *parser) parseIn(left operand) (condition, error) {
	operands, err := p.parseArguments()
	if err != nil {
		return nil, err
	}
	if n := len(operands); n == 0 || n > maxInOperands {
		return nil, wrongNumber("IN", n+1)
	}
	operands = append([]operand{left}, operands...)
	return in{operands}, requireDistinct("IN", operands)
}

// parseArguments reads a parenthesised list of operands.
func (p *parser) parseArguments() ([]operand, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var out []operand
	for {
		o, err := p.parseOperand()
		if err != nil {
			return nil, err
		}
		out = append(out, o)
		if !p.symbol(",") {
			return out, p.expect(")")
		}
	}
}

// arity lists the functions of conditions and their numbers of operands.
var arity = map[string]int{
	"attribute_exists":     1,
	"attribute_not_exists": 1,
	"attribute_type":       2,
	"begins_with":          2,
	"contains":             2,
	"size":                 1,
}

// parseCall reads a function with its operands.
func (p *parser) parseCall(name string) ([]operand, error) {
	want, ok := arity[name]
	if !ok {
		return nil, invalid("Invalid function name; function: %s", name)
	}
	if err := p.count(); err != nil {
		return nil, err
	}
	p.pos++
	arguments, err := p.parseArguments()
	if err != nil {
		return nil, err
	}
	if len(arguments) != want {
		return nil, wrongNumber(name, len(arguments))
	}
	return arguments, nil
}

func (p *parser) parseFunction(name string) (condition, error) {
	arguments, err := p.parseCall(name)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == tokenSymbol && strings.Contains("= <> <= >=", t.text) {
		return nil, misused(name)
	}
	if err := requireDistinct(name, arguments); err != nil {
		return nil, err
	}
	switch name {
	case "attribute_exists", "attribute_not_exists":
		if arguments[0].path == nil {
			return nil, invalid("Operator or function requires a document path; operator or function: %s", name)
		}
	case "begins_with":
		for _, a := range arguments {
			if k := a.kind(); k != "" && k != "S" && k != "B" {
				return nil, wrongType(name, k)
			}
		}
	case "attribute_type":
		t := arguments[1].literal
		if t == nil || t.kind != "S" {
			return nil, wrongType(name, arguments[1].kind())
		}
		if !slices.Contains(allKinds, t.text) {
			return nil, invalid("Invalid attribute type name found; type: %q, valid types: {%s}", t.text, strings.Join(allKinds, ","))
		}
	}
	return function{name, arguments}, nil
}

func (p *parser) parseOperand() (operand, error) {
	if name, ok := p.call(); ok {
		arguments, err := p.parseCall(name)
		if err != nil {
			return operand{}, err
		}
		if name != "size" {
			return operand{}, misused(name)
		}
		if k := arguments[0].kind(); k == "N" || k == "BOOL" || k == "NULL" {
			return operand{}, wrongType(name, k)
		}
		return operand{size: &arguments[0]}, nil
	}
	if t := p.peek(); t.kind == tokenValue {
		p.pos++
		v, err := p.env.value(t.text)
		return operand{literal: &v}, err
	}
	found, err := p.parsePath()
	return operand{path: found}, err
}

func (p *parser) parsePath() (path, error) {
	first, err := p.parseName()
	if err != nil {
		return nil, err
	}
	out := path{first}
	for {
		switch {
		case p.symbol("."):
			s, err := p.parseName()
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		case p.symbol("["):
			t := p.peek()
			index, err := strconv.Atoi(t.text)
			if t.kind != tokenInteger || err != nil {
				return nil, p.fail()
			}
			p.pos++
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			out = append(out, step{index: index})
		case len(out) > maxPathDepth:
			return nil, invalid("The document path has too many nesting elements; nesting levels: %d", len(out))
		default:
			return out, nil
		}
	}
}

func (p *parser) parseName() (step, error) {
	switch t := p.peek(); t.kind {
	case tokenAlias:
		p.pos++
		name, err := p.env.name(t.text)
		return step{name: name}, err
	case tokenName:
		if reserved[strings.ToUpper(t.text)] {
			return step{}, invalid("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		p.pos++
		return step{name: t.text}, nil
	default:
		return step{}, p.fail()
	}
}

func (p *parser) parseProjection() ([]path, error) {
	var out []path
	for {
		one, err := p.parsePath()
		if err != nil {
			return nil, err
		}
		out = append(out, one)
		if p.symbol(",") {
			continue
		}
		if p.peek().kind != tokenEnd {
			return nil, p.fail()
		}
		return out, nil
	}
}

func misused(function string) error {
	return invalid("The function is not allowed to be used this way in an expression; function: %s", function)
}

func wrongNumber(operator string, n int) error {
	return invalid("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", operator, n)
}

func wrongType(operator, kind string) error {
	return invalid("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, kind)
}

// requireOrdered refuses literals of types that have no order.
func requireOrdered(operator string, operands ...operand) error {
	for _, o := range operands {
		if k := o.kind(); k != "" && !isScalarKey(k) {
			return wrongType(operator, k)
		}
	}
	return nil
}

// requireDistinct refuses two operands that are the same path.
func requireDistinct(operator string, operands []operand) error {
	if len(operands) == 2 && operands[0].path != nil && slices.Equal(operands[0].path, operands[1].path) {
		return invalid("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s",
			operator, operands[0].path)
	}
	return nil
}
