package encryptor_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

// keyRows: a key of other attributes than the table's shows a mistake, in the
// request or in a TableInfo, before an item is bound to the wrong key.
var keyRows = []row{refuses("A key of other attributes", nil, slices.Concat(
	wrongKeys("no sort key", encryptor.Item{"pk": &itemS{Value: secret}}, `Key has the attributes "pk"; the primary key of the table is "pk", "sk"`),
	wrongKeys("another name", encryptor.Item{"pk": &itemS{Value: secret}, "SK": &itemN{Value: "1"}}, `"SK", "pk"`),
	wrongKeys("one too many", encryptor.Item{"pk": &itemS{Value: secret}, "sk": &itemN{Value: "1"}, "city": &itemS{Value: secret}}, `"city", "pk", "sk"`),
	wrongKeys("empty", encryptor.Item{}, "Key has the attributes ;"),
)...)}

func wrongKeys(name string, wrong encryptor.Item, says string) []refusal {
	name += ", "
	key := func() encryptor.Item { return itemClone(wrong) } // for each of the faces, which run at once
	part := func(build func() types.TransactWriteItem) call {
		return func(ctx context.Context, api encryptor.DynamoDBAPI) error { return transactWrite(build())(ctx, api) }
	}
	refusals := []refusal{
		{name: name + "GetItem", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(customers), Key: key()})
			return err
		}},
		{name: name + "DeleteItem", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(customers), Key: key()})
			return err
		}},
		{name: name + "UpdateItem", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.UpdateItem(ctx, with(bump(""), func(in *dynamodb.UpdateItemInput) { in.Key = key() }))
			return err
		}},
		{name: name + "BatchGetItem", index: 2, do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				customers: {Keys: []map[string]types.AttributeValue{customerKey("ada", 1), key()}},
			}})
			return err
		}},
		{name: name + "BatchWriteItem", index: 2, do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				customers: {putRequest(customer("ada", 1)), deleteRequest(key())},
			}})
			return err
		}},
		{name: name + "TransactGetItems", index: 2, do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			return transactGet(getPart(customers, customerKey("ada", 1)), getPart(customers, key()))(ctx, api)
		}},
		{name: name + "Update of a transaction", index: 1, do: part(func() types.TransactWriteItem {
			in := bump("")
			return types.TransactWriteItem{Update: &types.Update{
				TableName: in.TableName, Key: key(), UpdateExpression: in.UpdateExpression, ExpressionAttributeValues: in.ExpressionAttributeValues,
			}}
		})},
		{name: name + "Delete of a transaction", index: 1, do: part(func() types.TransactWriteItem {
			return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(customers), Key: key()}}
		})},
		{name: name + "ConditionCheck of a transaction", index: 1, do: part(func() types.TransactWriteItem {
			return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
				TableName: aws.String(customers), Key: key(), ConditionExpression: aws.String("attribute_exists(pk)"),
			}}
		})},
	}
	for i := range refusals {
		refusals[i].want, refusals[i].says = encryptor.ErrInvalidValue, says
	}
	return refusals
}

func TestNilInAKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: encryptor.Item{"pk": nil, "sk": &itemN{Value: "1"}}})
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	require.ErrorContains(t, err, `attribute "pk": invalid value: nil in a Key`)
}

func TestWrongKeysBeyondTheOperations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	calls := len(f.server.Calls())
	wrong := encryptor.Item{"pk": &itemS{Value: secret}}
	_, err := f.table.Modify(t.Context(), wrong, func(encryptor.Item) error { t.Error("f is called"); return nil })
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	require.ErrorContains(t, err, `Modify on table "customers": invalid value: Key has the attributes "pk"`)
	require.NotContains(t, err.Error(), secret)
	report, err := f.table.WriteAll(t.Context(), slices.Values([]types.WriteRequest{putRequest(customer("ada", 1)), deleteRequest(wrong)}))
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	require.ErrorContains(t, err, `WriteAll on table "customers": item 1: invalid value: Key has the attributes "pk"`)
	require.Len(t, report.Unsent, 2)
	require.Len(t, f.server.Calls(), calls)
}

// WriteAll counts from the first request, not from the first of a batch.
func TestWriteAllNamesTheBadRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	requests := manyPuts(70)
	requests[60].PutRequest.Item["age"] = &itemN{Value: "many"}
	report, err := f.table.WriteAll(t.Context(), slices.Values(requests))
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	require.ErrorContains(t, err, `WriteAll on table "customers": item 60: attribute "age"`)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, 60, itemError.Index)
	require.Equal(t, 50, report.Written)
	require.Equal(t, fmt.Sprint(requests[50:70]), fmt.Sprint(report.Unsent))
}
