package encryptor_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

// replaying is a client that gives every answer twice, the very same one: a cache,
// or a mock.
type replaying struct {
	encryptor.DynamoDBAPI
	out any
	err error
}

func replay[In, Out any](r *replaying, ctx context.Context, in *In, call func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error)) (*Out, error) {
	if r.out != nil || r.err != nil {
		out, _ := r.out.(*Out)
		err := r.err
		r.out, r.err = nil, nil
		return out, err
	}
	out, err := call(ctx, in)
	if err != nil {
		r.err = err
		return nil, err
	}
	r.out = out
	return out, nil
}

func (r *replaying) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.PutItem)
}

func (r *replaying) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.GetItem)
}

func (r *replaying) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.UpdateItem)
}

func (r *replaying) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.DeleteItem)
}

func (r *replaying) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.Query)
}

func (r *replaying) Scan(ctx context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.Scan)
}

func (r *replaying) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.BatchGetItem)
}

func (r *replaying) TransactGetItems(ctx context.Context, in *dynamodb.TransactGetItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.TransactGetItems)
}

func (r *replaying) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return replay(r, ctx, in, r.DynamoDBAPI.TransactWriteItems)
}

// Answers and errors belong to the client under the face, and are not modified.
func TestAnswersAreNotModified(t *testing.T) {
	t.Parallel()
	condition := aws.String("attribute_not_exists(pk)")
	for name, c := range map[string]struct {
		do    call
		fails bool
	}{
		"PutItem":                    {do: put(dynamodb.PutItemInput{ReturnValues: types.ReturnValueAllOld})},
		"PutItem, condition":         {do: put(dynamodb.PutItemInput{ConditionExpression: condition, ReturnValuesOnConditionCheckFailure: allOldOnFailure}), fails: true},
		"GetItem":                    {do: get(dynamodb.GetItemInput{})},
		"UpdateItem":                 {do: update(*bump(types.ReturnValueAllNew))},
		"DeleteItem":                 {do: del(dynamodb.DeleteItemInput{ReturnValues: types.ReturnValueAllOld})},
		"Query":                      {do: query(*ofAda())},
		"Scan":                       {do: scan(dynamodb.ScanInput{})},
		"BatchGetItem":               {do: batchGet(map[string]types.KeysAndAttributes{customers: keysOfAda(3)})},
		"TransactGetItems":           {do: transactGet(getPart(customers, customerKey("ada", 1)))},
		"TransactWriteItems, reason": {do: transactWrite(failingPut()), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newOperations(t, onTable)
			f.putCustomers(t, 3)
			client := &replaying{DynamoDBAPI: f.client}
			table, err := encryptor.NewTable(client, f.table.Codec())
			require.NoError(t, err)
			first := c.do(t.Context(), table)
			require.NotErrorIs(t, first, encryptor.ErrUnsigned)
			before := dump(client.out) + exceptionDump(client.err)
			require.Contains(t, before, itemSignature, "the answer is as it came")
			answer, failure := client.out, client.err
			second := c.do(t.Context(), table)
			require.Equal(t, before, dump(answer)+exceptionDump(failure))
			if !c.fails {
				require.NoError(t, first)
				require.NoError(t, second)
				return
			}
			require.Equal(t, exceptionDump(first), exceptionDump(second))
			require.NotContains(t, exceptionDump(first), itemSignature)
			require.NotErrorIs(t, second, encryptor.ErrUnsigned)
		})
	}
}

func failingPut() types.TransactWriteItem {
	part := putPart(customers, customer("ada", 1))
	part.Put.ConditionExpression = aws.String("attribute_not_exists(pk)")
	part.Put.ReturnValuesOnConditionCheckFailure = allOldOnFailure
	return part
}

// exceptionDump is the text of the exception that carries items.
func exceptionDump(err error) string {
	var failed *types.ConditionalCheckFailedException
	var cancelled *types.TransactionCanceledException
	switch {
	case errors.As(err, &failed):
		return dump(failed)
	case errors.As(err, &cancelled):
		return dump(cancelled)
	default:
		return ""
	}
}
