package encryptor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	opTransactGet   = "TransactGetItems"
	opTransactWrite = "TransactWriteItems"
)

// part is what one part of a transaction is about; without a table it passes.
type part struct {
	table         *boundTable
	key           Item
	unconditional bool // an update whose only condition is that of onlyExisting
}

func (c *core) transactGetItems(_ context.Context, params *dynamodb.TransactGetItemsInput) (*dynamodb.TransactGetItemsInput, finisher[dynamodb.TransactGetItemsOutput], error) {
	in := copyOf(params)
	in.TransactItems = slices.Clone(in.TransactItems)
	parts := make([]part, len(in.TransactItems))
	for i := range in.TransactItems {
		if in.TransactItems[i].Get == nil {
			continue
		}
		get := *in.TransactItems[i].Get
		t, err := c.route(opTransactGet, get.TableName)
		if err != nil {
			return nil, nil, at(i, err)
		}
		if t == nil {
			continue
		}
		if err := t.firstError(opTransactGet, refuseProjection(get.ProjectionExpression), t.checkKey(get.Key)); err != nil {
			return nil, nil, at(i, err)
		}
		get.TableName = t.name(get.TableName)
		in.TransactItems[i].Get = &get
		parts[i] = part{table: t, key: pick(get.Key, t.keys)}
	}
	return &in, finishing(func(ctx context.Context, err error) error {
		return decryptCancellation(ctx, opTransactGet, parts, err)
	}, func(ctx context.Context, out *dynamodb.TransactGetItemsOutput) error {
		if len(out.Responses) != len(parts) {
			return fmt.Errorf("%s: %w: %d answers for %d items", opTransactGet, ErrWrongItem, len(out.Responses), len(parts))
		}
		out.Responses = slices.Clone(out.Responses)
		return forEach(len(out.Responses), concurrencyOf(parts), func(i int) (err error) {
			switch p, stored := parts[i], out.Responses[i].Item; {
			case p.table == nil:
			case len(stored) == 0:
				out.Responses[i].Item = nil
			default:
				out.Responses[i].Item, err = p.table.decryptAt(ctx, opTransactGet, i, p.key, stored)
			}
			return err
		})
	}), nil
}

func (c *core) transactWriteItems(ctx context.Context, params *dynamodb.TransactWriteItemsInput) (*dynamodb.TransactWriteItemsInput, finisher[dynamodb.TransactWriteItemsOutput], error) {
	in := copyOf(params)
	in.TransactItems = slices.Clone(in.TransactItems)
	parts := make([]part, len(in.TransactItems))
	encrypts := false
	for i := range in.TransactItems {
		update := in.TransactItems[i].Update
		t, err := c.checkTransactItem(&in.TransactItems[i])
		if err != nil {
			return nil, nil, at(i, err)
		}
		if t != nil {
			parts[i] = part{t, pick(keyOf(in.TransactItems[i]), t.keys), update != nil && update.ConditionExpression == nil}
		}
		encrypts = encrypts || t != nil && in.TransactItems[i].Put != nil
	}
	// All are checked before the first is encrypted, which may cost a call.
	err := forEach(len(parts), concurrencyOf(parts), func(i int) error {
		put := in.TransactItems[i].Put
		if parts[i].table == nil || put == nil {
			return nil
		}
		plain := put.Item
		put.Item = nil // of the copy; never the plaintext, whatever happens
		encrypted, err := parts[i].table.encryptAt(ctx, opTransactWrite, i, plain)
		put.Item = encrypted
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return &in, finishing(func(ctx context.Context, err error) error {
		err = notThereInParts(opTransactWrite, parts, decryptCancellation(ctx, opTransactWrite, parts, err))
		var mismatch *types.IdempotentParameterMismatchException
		if encrypts && errors.As(err, &mismatch) {
			return fmt.Errorf("%w: a transaction with this ClientRequestToken was accepted or is under way, and encrypting an item again makes another request of it: %w", ErrUnknownOutcome, err)
		}
		return err
	}, func(context.Context, *dynamodb.TransactWriteItemsOutput) error { return nil }), nil
}

// checkTransactItem checks one part of a transaction and replaces it by a copy.
func (c *core) checkTransactItem(item *types.TransactWriteItem) (*boundTable, error) {
	const op = opTransactWrite
	if actionCount(item) > 1 { // of which only one would be checked below
		return nil, c.unknown(op, "", fmt.Errorf("%w: a part of a transaction has one of Put, Update, Delete and ConditionCheck", ErrUnsupported))
	}
	switch {
	case item.Put != nil:
		put := *item.Put
		t, err := c.route(op, put.TableName)
		if t == nil {
			return nil, err
		}
		put.TableName = t.name(put.TableName)
		item.Put = &put
		return t, t.firstError(op, t.checkExpression("ConditionExpression", put.ConditionExpression, put.ExpressionAttributeNames))
	case item.Update != nil:
		update := *item.Update
		t, err := c.route(op, update.TableName)
		if t == nil {
			return nil, err
		}
		if err := t.firstError(op, t.checkKey(update.Key), t.checkUpdate(update.UpdateExpression, update.ExpressionAttributeNames),
			t.checkExpression("ConditionExpression", update.ConditionExpression, update.ExpressionAttributeNames)); err != nil {
			return nil, err
		}
		update.TableName = t.name(update.TableName)
		update.ConditionExpression, update.ExpressionAttributeNames = t.onlyExisting(update.ConditionExpression, update.ExpressionAttributeNames)
		item.Update = &update
		return t, nil
	case item.Delete != nil:
		del := *item.Delete
		t, err := c.route(op, del.TableName)
		if t == nil {
			return nil, err
		}
		del.TableName = t.name(del.TableName)
		item.Delete = &del
		return t, t.firstError(op, t.checkKey(del.Key), t.checkExpression("ConditionExpression", del.ConditionExpression, del.ExpressionAttributeNames))
	case item.ConditionCheck != nil:
		check := *item.ConditionCheck
		t, err := c.route(op, check.TableName)
		if t == nil {
			return nil, err
		}
		check.TableName = t.name(check.TableName)
		item.ConditionCheck = &check
		return t, t.firstError(op, t.checkKey(check.Key), t.checkExpression("ConditionExpression", check.ConditionExpression, check.ExpressionAttributeNames))
	default:
		return nil, nil // the service says that it is empty
	}
}

func actionCount(item *types.TransactWriteItem) int {
	n := 0
	for _, set := range []bool{item.Put != nil, item.Update != nil, item.Delete != nil, item.ConditionCheck != nil} {
		if set {
			n++
		}
	}
	return n
}

// keyOf returns an item that has the key of what a part is about, and maybe more.
func keyOf(item types.TransactWriteItem) Item {
	switch {
	case item.Put != nil:
		return item.Put.Item
	case item.Update != nil:
		return item.Update.Key
	case item.Delete != nil:
		return item.Delete.Key
	case item.ConditionCheck != nil:
		return item.ConditionCheck.Key
	default:
		return nil
	}
}

func concurrencyOf(parts []part) int {
	most := 1
	for _, p := range parts {
		if p.table != nil {
			most = max(most, p.table.concurrency)
		}
	}
	return most
}
