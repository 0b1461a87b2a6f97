package ddbtest

// The parameters of a write of one item, in an operation of its own or in a
// transaction.
type (
	// guardInput has the table and the condition.
	guardInput struct {
		expressionInput
		TableName                           *string
		ConditionExpression                 *string
		ReturnValuesOnConditionCheckFailure string
	}
	putInput struct {
		guardInput
		Item rawItem
	}
	keyInput struct { // of a deletion or a ConditionCheck
		guardInput
		Key rawItem
	}
)

// change is a write of one item whose parameters are valid as far as that can
// be told without looking at the table.
type change struct {
	tableName *string
	key       item // the key attributes; all attributes of a put
	put       bool
	update    *update // of an update
	guard     guard
	effect    func(stored item) (item, error) // what the item becomes; nil is no item
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

// environment is newEnvironment for the names and values of the input.
func (in *expressionInput) environment() (*environment, error) {
	return newEnvironment(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
}

// guard parses the condition, which is the last expression of the request.
func (in *guardInput) guard(env *environment) (g guard, err error) {
	switch in.ReturnValuesOnConditionCheckFailure {
	case "", "NONE":
	case "ALL_OLD":
		g.allOld = true
	default:
		return guard{}, invalidEnum("returnValuesOnConditionCheckFailure", in.ReturnValuesOnConditionCheckFailure, "ALL_OLD, NONE")
	}
	if g.condition, err = env.condition("ConditionExpression", in.ConditionExpression); err != nil {
		return guard{}, err
	}
	return g, env.finish()
}

func (in *putInput) change() (*change, error) {
	it, err := required("item", in.Item)
	if err != nil {
		return nil, err
	}
	if err := it.checkSize(); err != nil {
		return nil, err
	}
	env, err := in.environment()
	if err != nil {
		return nil, err
	}
	g, err := in.guard(env)
	if err != nil {
		return nil, err
	}
	return &change{
		tableName: in.TableName, key: it, put: true, guard: g,
		effect: func(item) (item, error) { return it, nil },
	}, nil
}

func (in *keyInput) deletion() (*change, error) {
	key, err := required("key", in.Key)
	if err != nil {
		return nil, err
	}
	env, err := in.environment()
	if err != nil {
		return nil, err
	}
	g, err := in.guard(env)
	if err != nil {
		return nil, err
	}
	return &change{
		tableName: in.TableName, key: key, guard: g,
		effect: func(item) (item, error) { return nil, nil },
	}, nil
}

// check holds the change to the schema of its table.
func (c *change) check(t *table) error {
	check := t.checkKey
	if c.put {
		check = t.checkItem
	}
	if err := check(c.key); err != nil {
		return err
	}
	if c.update != nil {
		if err := t.checkUpdate(c.update); err != nil {
			return err
		}
	}
	return t.checkCondition(c.guard.condition)
}

// evaluate tells what the item is and what it would become, if the guard allows
// the change. Nil is no item.
func (c *change) evaluate(t *table) (before, after item, err error) {
	if err := c.check(t); err != nil {
		return nil, nil, err
	}
	before = t.items[t.id(c.key)]
	if err := c.guard.check(before); err != nil {
		return nil, nil, err
	}
	if after, err = c.effect(before); err == nil && c.update != nil {
		err = t.checkUpdated(after)
	}
	return before, after, err
}

// carryOut makes the change, and returns the item before and after it.
func (db *database) carryOut(c *change) (before, after item, err error) {
	t, err := db.table(c.tableName)
	if err != nil {
		return nil, nil, err
	}
	before, after, err = c.evaluate(t)
	if err != nil {
		return nil, nil, err
	}
	t.store(c.key, after)
	return before, after, nil
}

// store puts the item, or nothing if it is nil, in the place of the one with
// the key.
func (t *table) store(key, it item) {
	if it == nil {
		delete(t.items, t.id(key))
		return
	}
	t.items[t.id(key)] = it
}
