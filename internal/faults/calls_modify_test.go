package faults_test

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ddbec/ddbec-go/encryptor"
)

func (w *worker) visit(ctx context.Context, c *call) error {
	keys := counters
	if w.rng.IntN(4) == 0 {
		keys = registers
	}
	key := c.about(w.anyOf(keys))
	_, err := w.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: tableName, Key: keyItem(key), UpdateExpression: aws.String(addVisit),
		ExpressionAttributeValues: encryptor.Item{":one": number(1)}, ReturnValuesOnConditionCheckFailure: allOldOnFailure,
	})
	w.wrote(c, err, effect{kind: effectVisit, key: key})
	return err
}

func (w *worker) modifyCounter(ctx context.Context, c *call) error {
	key := c.about(w.anyOf(counters))
	alsoVisits := w.rng.IntN(3) == 0
	return w.modify(ctx, c, key, func(item encryptor.Item) error {
		next := makeItem(key, w.world.nextVersion(), numberOf(item["count"])+1)
		visits := item["visits"]
		if alsoVisits {
			visits = number(numberOf(visits) + 1)
		}
		clear(item)
		maps.Copy(item, next)
		item["visits"] = visits
		return nil
	})
}

var errRefused = errors.New("the function refuses")

func (w *worker) modifyRegister(ctx context.Context, c *call) error {
	key := c.about(w.anyOf(registers))
	choice := w.rng.IntN(6)
	err := w.modify(ctx, c, key, func(item encryptor.Item) error {
		switch choice {
		case 0:
			return encryptor.ErrDeleteItem
		case 1:
			return errRefused
		}
		clear(item)
		maps.Copy(item, makeItem(key, w.world.nextVersion(), 0))
		return nil
	})
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}

// modify calls Modify and checks that what the function did was done exactly once,
// or never, or that the error says that this cannot be told.
func (w *worker) modify(ctx context.Context, c *call, key string, change func(encryptor.Item) error) error {
	var (
		last    int64
		deletes bool
	)
	f := func(item encryptor.Item) error {
		if len(item) > 2 { // not absent
			w.world.verified(c, key, item)
		} else if keyText(item) != key {
			w.world.violate(wrongItem, "%s: the function got %s", c, keyText(item))
		}
		err := change(item)
		deletes = errors.Is(err, encryptor.ErrDeleteItem)
		if err == nil {
			last = numberOf(item["ver"])
			w.world.register(item)
		}
		return err
	}
	item, err := w.modifies(ctx, w.table, keyItem(key), f)
	if err == nil && !deletes {
		w.world.verified(c, key, item)
	}
	w.world.checkModify(c, key, last, deletes, err)
	return err
}

func (m *model) checkModify(c *call, key string, last int64, deletes bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// To Modify an older item that is put back looks as if its own write had not been
	// made; and its write is gone indeed.
	if c.rolledBack[key] || c.bornAgain {
		return
	}
	switch {
	case len(c.effects) > 1:
		m.violateLocked(twice, "%s: %s was changed %d times: %v; the error is %v", c, key, len(c.effects), c.effects, err)
	case errors.Is(err, encryptor.ErrUnknownOutcome):
	case err != nil && len(c.effects) > 0:
		m.violateLocked(outcome, "%s: %s was changed, although the error is %v", c, key, err)
	case err == nil && !deletes && len(c.effects) == 0:
		m.violateLocked(lost, "%s: the change of %s was not made", c, key)
	case err == nil && !deletes && c.effects[0].version != last:
		m.violateLocked(twice, "%s: version %d of %s was written, not the last one, %d", c, c.effects[0].version, key, last)
	case err == nil && deletes && len(c.effects) == 0 && !c.lied &&
		!slices.ContainsFunc(m.contents(key, c.from, m.now), func(held content) bool { return held.version == absent }):
		m.violateLocked(lost, "%s: %s was not deleted", c, key)
	}
}

func (w *worker) rotate(ctx context.Context, c *call) error {
	if w.process.store == nil {
		return w.get(ctx, c)
	}
	_, err := w.process.store.Rotate(ctx, material)
	if w.rng.IntN(2) == 0 {
		w.process.recent.Refresh()
	}
	return err
}
