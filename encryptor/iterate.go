package encryptor

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// QueryItems queries page after page and yields the items, decrypted:
//
//	for item, err := range table.QueryItems(ctx, input) {
//
// An item that cannot be decrypted is yielded as nil and its *ItemError, which has
// the item's Index in its page, and the loop may go on to the next. Any other error
// ends the iteration: it is no *ItemError, or one with Index -1 about the request.
// Limit is the size of a page, not of the whole.
func (t *EncryptedTable) QueryItems(ctx context.Context, in *dynamodb.QueryInput, optFns ...func(*dynamodb.Options)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		next := copyOf(in)
		check := func() error { return t.table.checkQuery(&next) }
		asked := equalities(next.KeyConditionExpression, next.ExpressionAttributeNames, next.ExpressionAttributeValues)
		t.iterate(ctx, opQuery, asked, next.Select, next.TableName, check, func() ([]Item, bool, error) {
			next.TableName = t.table.name(next.TableName)
			out, err := answered(t.api.Query(ctx, &next, optFns...))
			if err != nil {
				return nil, false, err
			}
			next.ExclusiveStartKey = out.LastEvaluatedKey
			return out.Items, len(out.LastEvaluatedKey) > 0, nil
		}, yield)
	}
}

// ScanItems scans as QueryItems queries.
func (t *EncryptedTable) ScanItems(ctx context.Context, in *dynamodb.ScanInput, optFns ...func(*dynamodb.Options)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		next := copyOf(in)
		check := func() error { return t.table.checkScan(&next) }
		t.iterate(ctx, opScan, nil, next.Select, next.TableName, check, func() ([]Item, bool, error) {
			next.TableName = t.table.name(next.TableName)
			out, err := answered(t.api.Scan(ctx, &next, optFns...))
			if err != nil {
				return nil, false, err
			}
			next.ExclusiveStartKey = out.LastEvaluatedKey
			return out.Items, len(out.LastEvaluatedKey) > 0, nil
		}, yield)
	}
}

func (t *EncryptedTable) iterate(ctx context.Context, op string, asked Item, selected types.Select, requested *string, check func() error,
	fetch func() (stored []Item, more bool, err error), yield func(Item, error) bool) {
	_, err := t.core.route(op, requested)
	if err == nil && selected == types.SelectCount {
		err = t.table.fail(op, fmt.Errorf("%w: Select COUNT has no items to iterate", ErrUnsupported))
	}
	if err == nil {
		err = check()
	}
	for more := true; more && err == nil; {
		var stored []Item
		if stored, more, err = fetch(); err == nil && !t.yieldPage(ctx, op, asked, stored, yield) {
			return
		}
	}
	if err != nil {
		yield(nil, err)
	}
}

// yieldPage decrypts a page, several items at a time, and yields it in order. It
// reports whether to go on.
func (t *EncryptedTable) yieldPage(ctx context.Context, op string, asked Item, stored []Item, yield func(Item, error) bool) bool {
	items, errs := make([]Item, len(stored)), make([]error, len(stored))
	err := forEach(len(stored), t.table.concurrency, func(i int) error {
		items[i], errs[i] = t.table.decryptAt(ctx, op, i, asked, stored[i])
		return nil // a bad item does not stop the others
	})
	if err != nil { // one ended its goroutine; of the others nobody knows
		yield(nil, t.table.fail(op, err))
		return false
	}
	for i := range stored {
		if errs[i] != nil && ctx.Err() != nil {
			yield(nil, t.table.fail(op, ctx.Err())) // which is not about the item
			return false
		}
		if !yield(items[i], errs[i]) {
			return false
		}
	}
	return true
}
