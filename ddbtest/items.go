package ddbtest

import "encoding/json"

// The parameters of the operations on single items. Field names are those of
// the wire; a parameter that is not here is refused.
type (
	// expressionInput is part of every operation with expressions.
	expressionInput struct {
		ExpressionAttributeNames  map[string]string
		ExpressionAttributeValues map[string]json.RawMessage
	}
	// accountingInput has what may be asked for in addition; ddbtest accepts
	// NONE only.
	accountingInput struct {
		ReturnConsumedCapacity string
	}
	writeInput struct {
		expressionInput
		accountingInput
		TableName                           *string
		ConditionExpression                 *string
		ReturnItemCollectionMetrics         string
		ReturnValues                        string
		ReturnValuesOnConditionCheckFailure string
	}
	putItemInput struct {
		writeInput
		Item rawItem
	}
	deleteItemInput struct {
		writeInput
		Key rawItem
	}
	getItemInput struct {
		accountingInput
		TableName                *string
		Key                      rawItem
		ConsistentRead           bool
		ProjectionExpression     *string
		ExpressionAttributeNames map[string]string
	}
)

func (in accountingInput) check() error {
	return onlyNone("ReturnConsumedCapacity", in.ReturnConsumedCapacity)
}

func onlyNone(parameter, v string) error {
	if v == "" || v == "NONE" {
		return nil
	}
	return invalid("%s: %q is not supported by ddbtest", parameter, v)
}

// guard is the condition of a write, and what its failure shows.
type guard struct {
	condition condition
	allOld    bool
}

// check evaluates the condition on the item as stored; nil is no item.
func (g guard) check(stored item) error {
	if g.condition == nil || g.condition.matches(stored) {
		return nil
	}
	e := newError(codeConditionFailed, "The conditional request failed")
	if g.allOld {
		e.item = stored
	}
	return e
}

// write validates the parameters that PutItem and DeleteItem have in common. It
// tells whether the old item is to be returned.
func (in *writeInput) write() (g guard, allOld bool, err error) {
	if err := in.check(); err != nil {
		return guard{}, false, err
	}
	if err := onlyNone("ReturnItemCollectionMetrics", in.ReturnItemCollectionMetrics); err != nil {
		return guard{}, false, err
	}
	switch in.ReturnValues {
	case "", "NONE":
	case "ALL_OLD":
		allOld = true
	default:
		return guard{}, false, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	switch in.ReturnValuesOnConditionCheckFailure {
	case "", "NONE":
	case "ALL_OLD":
		g.allOld = true
	default:
		return guard{}, false, invalidEnum("returnValuesOnConditionCheckFailure", in.ReturnValuesOnConditionCheckFailure, "ALL_OLD, NONE")
	}
	env, err := newEnvironment(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return guard{}, false, err
	}
	if g.condition, err = env.condition("ConditionExpression", in.ConditionExpression); err != nil {
		return guard{}, false, err
	}
	return g, allOld, env.finish()
}

// required decodes an item parameter that must be given.
func required(parameter string, raw rawItem) (item, error) {
	if raw == nil {
		return nil, missing(parameter)
	}
	return raw.decode()
}

func (db *database) putItem(in *putItemInput) (any, error) {
	it, err := required("item", in.Item)
	if err != nil {
		return nil, err
	}
	g, allOld, err := in.write()
	if err != nil {
		return nil, err
	}
	t, err := db.table(in.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkItem(it); err != nil {
		return nil, err
	}
	return t.replace(it, it, g, allOld)
}

func (db *database) deleteItem(in *deleteItemInput) (any, error) {
	key, err := required("key", in.Key)
	if err != nil {
		return nil, err
	}
	g, allOld, err := in.write()
	if err != nil {
		return nil, err
	}
	t, err := db.table(in.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkKey(key); err != nil {
		return nil, err
	}
	return t.replace(key, nil, g, allOld)
}

// replace puts the new item, or nothing if it is nil, in the place of the one
// with the key, if the guard allows.
func (t *table) replace(key, replacement item, g guard, allOld bool) (any, error) {
	if err := t.checkCondition(g.condition); err != nil {
		return nil, err
	}
	id := t.id(key)
	stored := t.items[id]
	if err := g.check(stored); err != nil {
		return nil, err
	}
	if replacement == nil {
		delete(t.items, id)
	} else {
		t.items[id] = replacement
	}
	out := map[string]any{}
	if allOld && stored != nil {
		out["Attributes"] = stored.wire()
	}
	return out, nil
}

func (db *database) getItem(in *getItemInput) (any, error) {
	key, err := required("key", in.Key)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	env, err := newEnvironment(in.ExpressionAttributeNames, nil)
	if err != nil {
		return nil, err
	}
	proj, err := env.projection(in.ProjectionExpression)
	if err != nil {
		return nil, err
	}
	if err := env.finish(); err != nil {
		return nil, err
	}
	t, err := db.table(in.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkKey(key); err != nil {
		return nil, err
	}
	if err := t.checkProjection(proj); err != nil {
		return nil, err
	}
	out := map[string]any{}
	if it, ok := t.snapshot(in.ConsistentRead)[t.id(key)]; ok {
		if proj != nil {
			it = proj.apply(it)
		}
		out["Item"] = it.wire()
	}
	return out, nil
}

// checkProjection refuses paths that go into a key attribute, which is a scalar.
func (t *table) checkProjection(p *projection) error {
	if p == nil {
		return nil
	}
	return t.checkNested(p.nested)
}

// checkCondition is checkProjection for the paths of a condition.
func (t *table) checkCondition(c condition) error {
	if c == nil {
		return nil
	}
	nested := map[string]bool{}
	c.walk(func(o operand) {
		if len(o.path) > 1 {
			nested[o.path.top()] = true
		}
	})
	return t.checkNested(func(attribute string) bool { return nested[attribute] })
}

func (t *table) checkNested(nested func(attribute string) bool) error {
	for _, schema := range t.schemas() {
		for _, name := range schema.names() {
			if nested(name) {
				return invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %s", name)
			}
		}
	}
	return nil
}
