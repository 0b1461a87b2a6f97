package ddbtest

import (
	"maps"
	"slices"
	"strconv"
)

func (s step) String() string {
	if s.name == "" {
		return "[" + strconv.Itoa(s.index) + "]"
	}
	return s.name
}

// projection is the tree of the paths of a ProjectionExpression. A node without
// children stands for everything below it.
type projection struct {
	children map[step]*projection
}

func newProjection(paths []path) (*projection, error) {
	for i, p := range paths {
		for _, earlier := range paths[:i] {
			if err := compatible(earlier, p); err != nil {
				return nil, err
			}
		}
	}
	root := &projection{}
	for _, p := range paths {
		root.add(p)
	}
	return root, nil
}

func (p *projection) add(to path) {
	node := p
	for _, s := range to {
		if node.children == nil {
			node.children = map[step]*projection{}
		}
		if node.children[s] == nil {
			node.children[s] = &projection{}
		}
		node = node.children[s]
	}
}

// compatible refuses two paths of which one holds the other, and two that take
// one value for a list and for a map.
func compatible(a, b path) error {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		if (a[i].name == "") != (b[i].name == "") {
			return invalid("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b)
		}
		return nil
	}
	return invalid("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b)
}

// of is apply, or the whole item if there is no projection.
func (p *projection) of(it item) item {
	if p == nil {
		return it
	}
	return p.apply(it)
}

// apply returns the chosen parts of the item. Elements of a list keep their
// order and close ranks.
func (p *projection) apply(it item) item {
	v, ok := p.pick(value{kind: "M", fields: it})
	if !ok {
		return item{}
	}
	return v.fields
}

func (p *projection) pick(v value) (value, bool) {
	if len(p.children) == 0 {
		return v, true
	}
	out := value{kind: v.kind}
	steps := slices.SortedFunc(maps.Keys(p.children), func(a, b step) int { return a.index - b.index })
	for _, s := range steps {
		child, ok := v.step(s)
		if !ok {
			continue
		}
		if child, ok = p.children[s].pick(child); !ok {
			continue
		}
		if s.name == "" {
			out.list = append(out.list, child)
			continue
		}
		if out.fields == nil {
			out.fields = map[string]value{}
		}
		out.fields[s.name] = child
	}
	return out, out.list != nil || out.fields != nil
}

// topLevel lists the attributes that the paths begin with, sorted.
func (p *projection) topLevel() []string {
	var names []string
	for s := range p.children {
		names = append(names, s.name)
	}
	return slices.Sorted(slices.Values(names))
}

// nested tells whether a path goes below the top-level attribute.
func (p *projection) nested(attribute string) bool {
	child := p.children[step{name: attribute}]
	return child != nil && len(child.children) > 0
}
