package ddbtest

import "maps"

type (
	// updateInput has the parameters of an update, in an operation of its own
	// or in a transaction.
	updateInput struct {
		guardInput
		Key              rawItem
		UpdateExpression *string
	}
	updateItemInput struct {
		updateInput
		writeAccountingInput
		ReturnValues string
	}
)

func (in *updateInput) change() (*change, error) {
	key, err := required("key", in.Key)
	if err != nil {
		return nil, err
	}
	env, err := in.environment()
	if err != nil {
		return nil, err
	}
	u, err := env.update(in.UpdateExpression)
	if err != nil {
		return nil, err
	}
	g, err := in.guard(env)
	if err != nil {
		return nil, err
	}
	if u == nil {
		u = &update{} // which makes sure that there is an item
	}
	return &change{
		tableName: in.TableName, key: key, guard: g, update: u,
		effect: func(stored item) (item, error) { return u.effect(key, stored) },
	}, nil
}

// effect applies the update to the item as stored, or to a new one with the
// key.
func (u *update) effect(key, stored item) (item, error) {
	if stored == nil {
		stored = key
	}
	out, err := u.apply(stored)
	if err != nil {
		return nil, err
	}
	for _, v := range out {
		if v.depth() > maxNesting {
			return nil, invalid("Nesting Levels have exceeded supported limits")
		}
	}
	if out.size() > maxItemSize {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	return out, nil
}

// checkUpdate refuses an update of key attributes, and paths that go into one.
func (t *table) checkUpdate(u *update) error {
	for _, a := range u.actions {
		for _, name := range t.key.names() {
			if a.target.top() == name {
				return invalidParameters("Cannot update attribute %s. This attribute is part of the key", name)
			}
		}
	}
	nested := map[string]bool{}
	u.paths(func(p path) {
		if len(p) > 1 {
			nested[p.top()] = true
		}
	})
	return t.checkNested(func(attribute string) bool { return nested[attribute] })
}

// checkUpdated holds the outcome of an update to the types of index keys.
func (t *table) checkUpdated(it item) error {
	return t.checkIndexKeys(it, func(*index, keyAttribute, string) error {
		return invalidParameters("The update expression attempted to update the secondary index key to unsupported type")
	})
}

func (db *database) updateItem(in *updateItemInput) (any, error) {
	c, err := in.change()
	if err != nil {
		return nil, err
	}
	if err := in.writeAccountingInput.check(); err != nil {
		return nil, err
	}
	switch in.ReturnValues {
	case "", "NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW":
	default:
		return nil, invalidEnum("returnValues", in.ReturnValues, "ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW")
	}
	before, after, err := db.carryOut(c)
	if err != nil {
		return nil, err
	}
	var shown item
	switch in.ReturnValues {
	case "ALL_OLD":
		shown = before
	case "ALL_NEW":
		shown = after
	case "UPDATED_OLD":
		shown = c.update.updated(before)
	case "UPDATED_NEW":
		shown = c.update.updated(after)
	}
	out := map[string]any{}
	if len(shown) > 0 {
		out["Attributes"] = shown.wire()
	}
	return out, nil
}

// updated returns the parts of the item that the update is about. Of a list it
// returns the whole attribute, since indexes mean something else afterwards.
func (u *update) updated(it item) item {
	root := &projection{}
	whole := item{}
	for _, a := range u.actions {
		if a.target.indexed() {
			if v, ok := it[a.target.top()]; ok {
				whole[a.target.top()] = v
			}
			continue
		}
		root.add(a.target)
	}
	if root.children == nil {
		return whole
	}
	out := root.apply(it)
	maps.Copy(out, whole)
	return out
}

// indexed tells whether the path goes through an element of a list.
func (p path) indexed() bool {
	for _, s := range p {
		if s.name == "" {
			return true
		}
	}
	return false
}
