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
	// writeAccountingInput is accountingInput of operations that write.
	writeAccountingInput struct {
		accountingInput
		ReturnItemCollectionMetrics string
	}
	// projectionInput is part of every operation that reads items by key.
	projectionInput struct {
		ProjectionExpression     *string
		ExpressionAttributeNames map[string]string
	}
	putItemInput struct {
		putInput
		writeAccountingInput
		ReturnValues string
	}
	deleteItemInput struct {
		keyInput
		writeAccountingInput
		ReturnValues string
	}
	getItemInput struct {
		accountingInput
		projectionInput
		TableName      *string
		Key            rawItem
		ConsistentRead bool
	}
)

func (in accountingInput) check() error {
	return onlyNone("ReturnConsumedCapacity", in.ReturnConsumedCapacity)
}

func (in writeAccountingInput) check() error {
	if err := in.accountingInput.check(); err != nil {
		return err
	}
	return onlyNone("ReturnItemCollectionMetrics", in.ReturnItemCollectionMetrics)
}

func onlyNone(parameter, v string) error {
	if v == "" || v == "NONE" {
		return nil
	}
	return invalid("%s: %q is not supported by ddbtest", parameter, v)
}

// parse returns the projection, which is nil if none was asked for.
func (in projectionInput) parse() (*projection, error) {
	env, err := newEnvironment(in.ExpressionAttributeNames, nil)
	if err != nil {
		return nil, err
	}
	proj, err := env.projection(in.ProjectionExpression)
	if err != nil {
		return nil, err
	}
	return proj, env.finish()
}

// required decodes an item parameter that must be given.
func required(parameter string, raw rawItem) (item, error) {
	if raw == nil {
		return nil, missing(parameter)
	}
	return raw.decode()
}

func (db *database) putItem(in *putItemInput) (any, error) {
	c, err := in.change()
	if err != nil {
		return nil, err
	}
	return db.replace(c, in.writeAccountingInput, in.ReturnValues)
}

func (db *database) deleteItem(in *deleteItemInput) (any, error) {
	c, err := in.deletion()
	if err != nil {
		return nil, err
	}
	return db.replace(c, in.writeAccountingInput, in.ReturnValues)
}

// replace carries out a PutItem or a DeleteItem.
func (db *database) replace(c *change, accounting writeAccountingInput, returnValues string) (any, error) {
	if err := accounting.check(); err != nil {
		return nil, err
	}
	if returnValues != "" && returnValues != "NONE" && returnValues != "ALL_OLD" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	before, _, err := db.carryOut(c)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if returnValues == "ALL_OLD" && before != nil {
		out["Attributes"] = before.wire()
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
	proj, err := in.parse()
	if err != nil {
		return nil, err
	}
	t, err := db.table(in.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkRead(key, proj); err != nil {
		return nil, err
	}
	out := map[string]any{}
	if it, ok := t.snapshot(in.ConsistentRead)[t.id(key)]; ok {
		out["Item"] = proj.of(it).wire()
	}
	return out, nil
}

// checkRead holds the parameters of reading one item to the table's schema. It
// refuses a projection that goes into a key attribute, which is a scalar.
func (t *table) checkRead(key item, p *projection) error {
	if err := t.checkKey(key); err != nil {
		return err
	}
	return t.checkProjection(p)
}

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
