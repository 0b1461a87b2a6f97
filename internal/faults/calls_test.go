package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// addVisit is the update of the counter that is not signed.
const addVisit = "ADD visits :one"

// operation is something that a worker does.
type operation struct {
	name   string
	weight int
	do     func(w *worker, ctx context.Context, c *call) error
}

var operationsOfWorkers = []operation{
	{"PutItem", 4, (*worker).put},
	{"PutItem on condition", 2, (*worker).putOnCondition},
	{"GetItem", 4, (*worker).get},
	{"DeleteItem", 2, (*worker).delete},
	{"Query", 2, (*worker).query},
	{"QueryItems", 1, (*worker).queryItems},
	{"Scan", 1, (*worker).scan},
	{"ScanItems", 1, (*worker).scanItems},
	{"BatchGetItem", 2, (*worker).batchGet},
	{"BatchWriteItem", 3, (*worker).batchWrite},
	{"WriteAll", 3, (*worker).writeAll},
	{"TransactGetItems", 2, (*worker).transactGet},
	{"TransactWriteItems", 3, (*worker).transactWrite},
	{"UpdateItem", 3, (*worker).visit},
	{"Modify of a counter", 5, (*worker).modifyCounter},
	{"Modify of a register", 3, (*worker).modifyRegister},
	{"Rotate", 2, (*worker).rotate},
}

func pickOperation(rng *rand.Rand) operation {
	sum := 0
	for _, op := range operationsOfWorkers {
		sum += op.weight
	}
	n := rng.IntN(sum)
	for _, op := range operationsOfWorkers {
		if n -= op.weight; n < 0 {
			return op
		}
	}
	panic("unreachable")
}

func (w *worker) register(key string) encryptor.Item {
	item := makeItem(key, w.world.nextVersion(), 0)
	w.world.register(item)
	return item
}

func (w *worker) anyOf(keys []string) string { return keys[w.rng.IntN(len(keys))] }

// some returns n different keys.
func (w *worker) some(keys []string, n int) []string {
	keys = slices.Clone(keys)
	w.rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys[:min(n, len(keys))]
}

// consistent draws whether a read is, and lets the call see what it may.
func (w *worker) consistent(c *call) *bool {
	consistent := w.rng.IntN(2) == 0
	if !consistent {
		w.world.seeStale(c)
	}
	return &consistent
}

var (
	allOld          = types.ReturnValueAllOld
	allOldOnFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	tableName       = aws.String(dataTable)
)

func (w *worker) put(ctx context.Context, c *call) error {
	item := w.register(w.anyOf(registers))
	key := c.about(keyText(item))
	out, err := w.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: tableName, Item: item, ReturnValues: allOld})
	w.observeImage(c, key, err, func() encryptor.Item { return out.Attributes })
	w.wrote(c, err, effect{kind: effectPut, key: key, version: numberOf(item["ver"])})
	return err
}

func (w *worker) putOnCondition(ctx context.Context, c *call) error {
	item := w.register(w.anyOf(registers))
	key := c.about(keyText(item))
	_, err := w.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: tableName, Item: item, ConditionExpression: aws.String("attribute_not_exists(pk)"), ReturnValuesOnConditionCheckFailure: allOldOnFailure,
	})
	w.wrote(c, err, effect{kind: effectPut, key: key, version: numberOf(item["ver"])})
	w.observeFailure(c, key, err)
	return err
}

func (w *worker) get(ctx context.Context, c *call) error {
	key := c.about(w.anyOf(everyKey()))
	out, err := w.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: tableName, Key: keyItem(key), ConsistentRead: w.consistent(c)})
	if err == nil {
		w.world.observe(c, key, out.Item)
	}
	return err
}

func (w *worker) delete(ctx context.Context, c *call) error {
	key := c.about(w.anyOf(registers))
	out, err := w.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: tableName, Key: keyItem(key), ReturnValues: allOld})
	w.observeImage(c, key, err, func() encryptor.Item { return out.Attributes })
	w.wrote(c, err, effect{kind: effectDelete, key: key})
	return err
}

// observeImage checks the item that a write returned. After a retry by the SDK it
// may be the one that was written.
func (w *worker) observeImage(c *call, key string, err error, image func() encryptor.Item) {
	if err == nil {
		if item := image(); item != nil {
			w.world.observe(c, key, item)
		}
	}
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	if errors.Is(err, encryptor.ErrImage) && len(c.effects) == 0 {
		w.world.violateLocked(outcome, "%s: ErrImage says that the write took effect", c)
	}
}

func (w *worker) observeFailure(c *call, key string, err error) {
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) && failed.Item != nil {
		w.world.observe(c, key, failed.Item)
	}
}

// wrote requires of a call that succeeded that a write was carried out.
func (w *worker) wrote(c *call, err error, e effect) {
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	if err == nil && !c.lied && !slices.Contains(c.effects, e) {
		w.world.violateLocked(lost, "%s: %s was acknowledged, but not carried out", c, fmt.Sprint(e))
	}
}
