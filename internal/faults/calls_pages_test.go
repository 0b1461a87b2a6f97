package faults_test

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

func (w *worker) query(ctx context.Context, c *call) error {
	pk := []string{"a", "b", "n"}[w.rng.IntN(3)]
	c.about(partition[pk]...)
	items, err := collect(dynamodb.NewQueryPaginator(w.api, w.queryOf(c, pk)).NextPage, ctx,
		func(out *dynamodb.QueryOutput) ([]encryptor.Item, bool) {
			return out.Items, out.LastEvaluatedKey != nil
		})
	w.observePage(c, partition[pk], items, err)
	return err
}

func (w *worker) queryOf(c *call, pk string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: tableName, ConsistentRead: w.consistent(c), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: encryptor.Item{":pk": text(pk)},
	}
}

func (w *worker) queryItems(ctx context.Context, c *call) error {
	pk := []string{"a", "b", "n"}[w.rng.IntN(3)]
	c.about(partition[pk]...)
	items, err := iterated(w.table.QueryItems(ctx, w.queryOf(c, pk)))
	w.observePage(c, partition[pk], items, err)
	return err
}

func (w *worker) scan(ctx context.Context, c *call) error {
	c.about(everyKey()...)
	in := &dynamodb.ScanInput{TableName: tableName, ConsistentRead: w.consistent(c)}
	items, err := collect(dynamodb.NewScanPaginator(w.api, in).NextPage, ctx,
		func(out *dynamodb.ScanOutput) ([]encryptor.Item, bool) { return out.Items, out.LastEvaluatedKey != nil })
	w.observePage(c, everyKey(), items, err)
	return err
}

func (w *worker) scanItems(ctx context.Context, c *call) error {
	c.about(everyKey()...)
	items, err := iterated(w.table.ScanItems(ctx, &dynamodb.ScanInput{TableName: tableName, ConsistentRead: w.consistent(c)}))
	w.observePage(c, everyKey(), items, err)
	return err
}

// maxPages is more than there can be, unless an answer lies about where to go on.
const maxPages = 20

func collect[Out any](next func(context.Context, ...func(*dynamodb.Options)) (*Out, error), ctx context.Context, page func(*Out) ([]encryptor.Item, bool)) ([]encryptor.Item, error) {
	var items []encryptor.Item
	for range maxPages {
		out, err := next(ctx)
		if err != nil {
			return items, err
		}
		more, again := page(out)
		if items = append(items, more...); !again {
			return items, nil
		}
	}
	return items, errTooManyPages
}

var errTooManyPages = errors.New("the pages do not end")

func iterated(all iter.Seq2[encryptor.Item, error]) (items []encryptor.Item, err error) {
	n := 0
	for item, itemErr := range all {
		err = errors.Join(err, itemErr)
		if itemErr == nil {
			items = append(items, item)
		}
		if n++; n > maxPages*len(everyKey()) {
			return items, errors.Join(err, errTooManyPages)
		}
	}
	return items, err
}

// observePage checks the items of some keys; those that are not there are absent,
// unless there was an error.
func (w *worker) observePage(c *call, keys []string, items []encryptor.Item, err error) {
	w.world.mu.Lock()
	lied := c.lied
	w.world.mu.Unlock()
	missing := make(map[string]bool)
	for _, key := range keys {
		missing[key] = true
	}
	for _, item := range items {
		key := keyText(item)
		if !missing[key] && !lied || !slices.Contains(keys, key) {
			w.world.violate(wrongItem, "%s: %s, asked for %v", c, key, keys)
		}
		delete(missing, key)
		w.world.observe(c, key, item)
	}
	if err == nil {
		for key := range missing {
			w.world.observe(c, key, nil)
		}
	}
}

func (w *worker) batchGet(ctx context.Context, c *call) error {
	keys := w.some(everyKey(), 1+w.rng.IntN(6))
	c.about(keys...)
	request := types.KeysAndAttributes{ConsistentRead: w.consistent(c)}
	for _, key := range keys {
		request.Keys = append(request.Keys, keyItem(key))
	}
	out, err := w.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{dataTable: request}})
	if err != nil {
		return err
	}
	for _, key := range out.UnprocessedKeys[dataTable].Keys {
		i := slices.Index(keys, keyText(key))
		if i < 0 {
			w.world.violate(unprocessed, "%s: key %s", c, keyText(key))
			continue
		}
		keys = slices.Delete(keys, i, i+1)
	}
	w.observePage(c, keys, out.Responses[dataTable], nil)
	return nil
}
