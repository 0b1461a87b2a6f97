package ddbtest

import (
	"maps"
	"slices"
)

// The errors of an update that does not fit the stored item.
func errOperandType() error {
	return invalid("An operand in the update expression has an incorrect data type")
}

func errInvalidPath() error {
	return invalid("The document path provided in the update expression is invalid for update")
}

func errNoAttribute() error {
	return invalid("The provided expression refers to an attribute that does not exist in the item")
}

// edit is the tree of the targets of an update. An inner node has children; a
// leaf has a value, or none if it removes.
type edit struct {
	children map[step]*edit
	value    *value
}

// apply returns what becomes of the item, which is not changed itself. All
// values are those before the update, and an index of a list means the element
// that was there.
func (u *update) apply(it item) (item, error) {
	root := &edit{children: map[step]*edit{}}
	for _, a := range u.actions {
		v, err := a.result(it)
		if err != nil {
			return nil, err
		}
		node := root
		for _, s := range a.target {
			if node.children == nil {
				node.children = map[step]*edit{}
			}
			if node.children[s] == nil {
				node.children[s] = &edit{}
			}
			node = node.children[s]
		}
		node.value = v
	}
	out, err := root.apply(value{kind: "M", fields: it})
	if err != nil {
		return nil, err
	}
	return out.fields, nil
}

// result is the value at the action's target afterwards, or nil for none.
func (a action) result(it item) (*value, error) {
	old, exists := a.target.find(it)
	switch a.clause {
	case "SET":
		v, err := a.value.eval(it)
		return &v, err
	case "ADD":
		if !exists {
			return &a.other, nil
		}
		return old.plus(a.other)
	case "DELETE":
		if !exists {
			return nil, nil
		}
		return old.minus(a.other)
	default:
		return nil, nil
	}
}

// plus is ADD to an existing value.
func (v value) plus(o value) (*value, error) {
	if v.kind != o.kind {
		return nil, errOperandType()
	}
	if v.kind == "N" {
		return sum(v.number, o.number)
	}
	out := value{kind: v.kind, members: slices.Clone(v.members)}
	for _, m := range o.members {
		if !slices.Contains(out.members, m) {
			out.members = append(out.members, m)
		}
	}
	return &out, nil
}

// minus is DELETE from an existing value. Nothing remains of a set without
// members.
func (v value) minus(o value) (*value, error) {
	if v.kind != o.kind {
		return nil, errOperandType()
	}
	out := value{kind: v.kind}
	for _, m := range v.members {
		if !slices.Contains(o.members, m) {
			out.members = append(out.members, m)
		}
	}
	if len(out.members) == 0 {
		return nil, nil
	}
	return &out, nil
}

func sum(a, b number) (*value, error) {
	n, err := a.add(b)
	if err != nil {
		return nil, err
	}
	return &value{kind: "N", text: n.String(), number: n}, nil
}

func (t *term) eval(it item) (value, error) {
	switch {
	case t.literal != nil:
		return *t.literal, nil
	case t.path != nil:
		v, ok := t.path.find(it)
		if !ok {
			return value{}, errNoAttribute()
		}
		return v, nil
	case t.operator == "if_not_exists":
		if v, ok := t.operands[0].path.find(it); ok {
			return v, nil
		}
		return t.operands[1].eval(it)
	}
	left, err := t.operands[0].eval(it)
	if err != nil {
		return value{}, err
	}
	right, err := t.operands[1].eval(it)
	if err != nil {
		return value{}, err
	}
	if t.operator == "list_append" {
		if left.kind != "L" || right.kind != "L" {
			return value{}, errOperandType()
		}
		return value{kind: "L", list: slices.Concat(left.list, right.list)}, nil
	}
	if left.kind != "N" || right.kind != "N" {
		return value{}, errOperandType()
	}
	addend := right.number
	if t.operator == "-" {
		addend = addend.negated()
	}
	v, err := sum(left.number, addend)
	if err != nil {
		return value{}, err
	}
	return *v, nil
}

// apply returns a copy of v with what the children say. The containers on the
// way have to exist.
func (e *edit) apply(v value) (value, error) {
	for s := range e.children {
		container := "M"
		if s.name == "" {
			container = "L"
		}
		if v.kind != container {
			return value{}, errInvalidPath()
		}
	}
	if v.kind == "L" {
		return e.applyToList(v)
	}
	out := value{kind: "M", fields: maps.Clone(v.fields)}
	for s, child := range e.children {
		old, exists := v.fields[s.name]
		changed, err := child.replace(old, exists)
		if err != nil {
			return value{}, err
		}
		if changed == nil {
			delete(out.fields, s.name)
		} else {
			out.fields[s.name] = *changed
		}
	}
	return out, nil
}

// applyToList appends what is set beyond the end, in the order of the indexes
// and without gaps.
func (e *edit) applyToList(v value) (value, error) {
	elements := make([]*value, len(v.list))
	for i := range v.list {
		elements[i] = &v.list[i]
	}
	for _, s := range slices.SortedFunc(maps.Keys(e.children), func(a, b step) int { return a.index - b.index }) {
		var old value
		exists := s.index < len(v.list)
		if exists {
			old = v.list[s.index]
		}
		changed, err := e.children[s].replace(old, exists)
		if err != nil {
			return value{}, err
		}
		if exists {
			elements[s.index] = changed
		} else {
			elements = append(elements, changed)
		}
	}
	out := value{kind: "L", list: []value{}}
	for _, el := range elements {
		if el != nil {
			out.list = append(out.list, *el)
		}
	}
	return out, nil
}

// replace returns what stands in the place of a value; nil is nothing.
func (e *edit) replace(old value, exists bool) (*value, error) {
	if e.children == nil {
		return e.value, nil
	}
	if !exists {
		return nil, errInvalidPath()
	}
	v, err := e.apply(old)
	return &v, err
}
