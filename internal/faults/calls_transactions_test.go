package faults_test

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

func (w *worker) transactGet(ctx context.Context, c *call) error {
	keys := w.some(everyKey(), 1+w.rng.IntN(4))
	c.about(keys...)
	var parts []types.TransactGetItem
	for _, key := range keys {
		parts = append(parts, types.TransactGetItem{Get: &types.Get{TableName: tableName, Key: keyItem(key)}})
	}
	out, err := w.api.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: parts})
	if err != nil {
		return err
	}
	if len(out.Responses) != len(keys) {
		w.world.violate(wrongItem, "%s: %d answers for %d keys", c, len(out.Responses), len(keys))
		return nil
	}
	for i, key := range keys {
		w.world.observe(c, key, out.Responses[i].Item)
	}
	return nil
}

func (w *worker) transactWrite(ctx context.Context, c *call) error {
	keys := w.some(registers, 2+w.rng.IntN(2))
	requests, effects := w.writes(c, keys)
	var parts []types.TransactWriteItem
	for _, request := range requests {
		if request.DeleteRequest != nil {
			parts = append(parts, types.TransactWriteItem{Delete: &types.Delete{TableName: tableName, Key: request.DeleteRequest.Key}})
			continue
		}
		put := &types.Put{TableName: tableName, Item: request.PutRequest.Item, ReturnValuesOnConditionCheckFailure: allOldOnFailure}
		if w.rng.IntN(4) == 0 {
			put.ConditionExpression = aws.String("attribute_not_exists(pk)")
		}
		parts = append(parts, types.TransactWriteItem{Put: put})
	}
	counter := c.about(w.anyOf(counters))
	parts = append(parts, types.TransactWriteItem{Update: &types.Update{
		TableName: tableName, Key: keyItem(counter), UpdateExpression: aws.String(addVisit), ExpressionAttributeValues: encryptor.Item{":one": number(1)},
	}})
	_, err := w.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: parts})
	for _, e := range append(effects, effect{kind: effectVisit, key: counter}) {
		w.wrote(c, err, e)
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		for i, reason := range cancelled.CancellationReasons {
			if i < len(keys) && reason.Item != nil {
				w.world.observe(c, keys[i], reason.Item)
			}
		}
	}
	return err
}
