package ddbtest

import "strings"

// update is a parsed UpdateExpression.
type update struct {
	actions []action
}

// action is what an UpdateExpression does to one path.
type action struct {
	clause string // SET, REMOVE, ADD or DELETE
	target path
	value  *term // of SET: what it is set to
	other  value // of ADD and DELETE
}

// term is a value on the right side of SET: a path, a literal, or an operator or
// function applied to two terms.
type term struct {
	path     path
	literal  *value
	operator string // +, -, if_not_exists, list_append
	operands [2]*term
}

// update is condition for an UpdateExpression; a nil source gives nil.
func (env *environment) update(source *string) (*update, error) {
	if source == nil {
		return nil, nil
	}
	const prefix = "Invalid UpdateExpression: "
	env.conditions++
	p, err := env.parser(*source)
	if err != nil {
		return nil, prefixed(prefix, err)
	}
	u, err := p.parseUpdate()
	return u, prefixed(prefix, err)
}

func (p *parser) parseUpdate() (*update, error) {
	u := &update{}
	seen := map[string]bool{}
	for p.peek().kind != tokenEnd {
		clause := strings.ToUpper(p.peek().text)
		parse, ok := map[string]func() (action, error){
			"SET": p.parseSet, "REMOVE": p.parseRemove, "ADD": p.parseAdd, "DELETE": p.parseDelete,
		}[clause]
		if !ok {
			return nil, p.fail()
		}
		if seen[clause] {
			return nil, invalid("The %q section can only be used once in an update expression;", clause)
		}
		seen[clause] = true
		p.pos++
		for {
			a, err := parse()
			if err != nil {
				return nil, err
			}
			a.clause = clause
			u.actions = append(u.actions, a)
			if !p.symbol(",") {
				break
			}
		}
	}
	return u, u.checkTargets()
}

// checkTargets refuses actions whose paths overlap.
func (u *update) checkTargets() error {
	for i, a := range u.actions {
		for _, earlier := range u.actions[:i] {
			if err := compatible(earlier.target, a.target); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parser) parseSet() (action, error) {
	target, err := p.parsePath()
	if err != nil {
		return action{}, err
	}
	if err := p.expect("="); err != nil {
		return action{}, err
	}
	v, err := p.parseSum()
	return action{target: target, value: v}, err
}

func (p *parser) parseRemove() (action, error) {
	target, err := p.parsePath()
	return action{target: target}, err
}

func (p *parser) parseAdd() (action, error) { return p.parseWithLiteral("ADD", "N", "SS", "NS", "BS") }

func (p *parser) parseDelete() (action, error) {
	return p.parseWithLiteral("DELETE", "SS", "NS", "BS")
}

// parseWithLiteral reads a path and a value of one of the types.
func (p *parser) parseWithLiteral(clause string, kinds ...string) (action, error) {
	target, err := p.parsePath()
	if err != nil {
		return action{}, err
	}
	t := p.peek()
	if t.kind != tokenValue {
		return action{}, p.fail()
	}
	p.pos++
	v, err := p.env.value(t.text)
	if err != nil {
		return action{}, err
	}
	for _, k := range kinds {
		if v.kind == k {
			return action{target: target, other: v}, nil
		}
	}
	// This message names types in words of its own.
	name := v.kind
	if long, ok := map[string]string{"S": "STRING", "N": "NUMBER", "B": "Binary", "L": "LIST", "M": "MAP"}[v.kind]; ok {
		name = long
	}
	return action{}, invalid("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND", clause, name, clause)
}

// parseSum reads one term, or two with + or - between them.
func (p *parser) parseSum() (*term, error) {
	left, err := p.parseTerm()
	if err != nil {
		return nil, err
	}
	operator := p.peek().text
	if !p.symbol("+") && !p.symbol("-") {
		return left, nil
	}
	right, err := p.parseTerm()
	if err != nil {
		return nil, err
	}
	return p.operation(operator, left, right, "N")
}

// operation makes a term of an operator or function whose operands are of the
// type; an empty kind allows all.
func (p *parser) operation(operator string, left, right *term, kind string) (*term, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	for _, o := range []*term{left, right} {
		if kind != "" && o.literal != nil && o.literal.kind != kind {
			return nil, wrongType(operator, o.literal.kind)
		}
	}
	return &term{operator: operator, operands: [2]*term{left, right}}, nil
}

func (p *parser) parseTerm() (*term, error) {
	if name, ok := p.call(); ok {
		return p.parseTermCall(name)
	}
	if t := p.peek(); t.kind == tokenValue {
		p.pos++
		v, err := p.env.value(t.text)
		return &term{literal: &v}, err
	}
	found, err := p.parsePath()
	return &term{path: found}, err
}

func (p *parser) parseTermCall(name string) (*term, error) {
	if name != "if_not_exists" && name != "list_append" {
		if _, ok := arity[name]; ok {
			return nil, invalid("The function is not allowed in an update expression; function: %s", name)
		}
		return nil, invalid("Invalid function name; function: %s", name)
	}
	p.pos++
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var arguments []*term
	for {
		t, err := p.parseTerm()
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, t)
		if !p.symbol(",") {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if len(arguments) != 2 {
		return nil, wrongNumber(name, len(arguments))
	}
	if name == "list_append" {
		return p.operation(name, arguments[0], arguments[1], "L")
	}
	if arguments[0].path == nil {
		return nil, invalid("Operator or function requires a document path; operator or function: %s", name)
	}
	return p.operation(name, arguments[0], arguments[1], "")
}

// paths calls f with every path of the expression, on either side.
func (u *update) paths(f func(path)) {
	for _, a := range u.actions {
		f(a.target)
		a.value.paths(f)
	}
}

func (t *term) paths(f func(path)) {
	if t == nil {
		return
	}
	if t.path != nil {
		f(t.path)
	}
	for _, o := range t.operands {
		o.paths(f)
	}
}
