package interop

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
)

func plaintextReads(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads }

var policyOperations = []operation{
	{"Plaintext item: refused unless allowed", everyFace, func(t tester, f *fixture) {
		key := customerKey("ada", 0)
		_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: customer("ada", 0)})
		require.NoError(t, err)
		get := &dynamodb.GetItemInput{TableName: &f.customers, Key: key}
		scan := &dynamodb.ScanInput{TableName: &f.customers}
		_, getErr := f.api.GetItem(t.Context(), get)
		_, queryErr := f.api.Query(t.Context(), f.query("ada"))
		_, scanErr := f.api.Scan(t.Context(), scan)
		_, _, batchErr, transactErr := f.getMany(t, f.api, 1)
		_, updateErr := f.api.UpdateItem(t.Context(), f.visit(key))
		for op, err := range map[string]error{"GetItem": getErr, "Query": queryErr, "Scan": scanErr, "BatchGetItem": batchErr, "TransactGetItems": transactErr} {
			require.ErrorIs(t, err, encryptor.ErrUnsigned, op)
		}
		requireFailedCondition(t, nil, updateErr)

		want := []encryptor.Item{customer("ada", 0)}
		api := f.open(t, f.codec(t, f.customers, customerActions, plaintextReads))
		got, err := api.GetItem(t.Context(), get)
		require.NoError(t, err)
		requireItem(t, want[0], got.Item)
		queried, err := api.Query(t.Context(), f.query("ada"))
		require.NoError(t, err)
		requireItems(t, want, queried.Items)
		scanned, err := api.Scan(t.Context(), scan)
		require.NoError(t, err)
		requireItems(t, want, scanned.Items)
		batch, transact, batchErr, transactErr := f.getMany(t, api, 1)
		require.NoError(t, batchErr)
		require.NoError(t, transactErr)
		requireItems(t, want, batch)
		requireItems(t, want, transact)
		update := f.visit(key)
		update.ReturnValues = types.ReturnValueAllNew
		updated, err := api.UpdateItem(t.Context(), update)
		require.NoError(t, err)
		want[0]["visits"] = num("1")
		requireItem(t, want[0], updated.Attributes)
		_, err = api.UpdateItem(t.Context(), f.visit(customerKey("nobody", 1)))
		requireFailedCondition(t, nil, err)
		require.Empty(t, f.stored(t, f.customers, customerKey("nobody", 1)))
	}},
	{"Nothing signed: written as it is", everyFace, func(t tester, f *fixture) {
		api := f.open(t, f.codec(t, f.customers, actions.AttributeActions{Default: actions.DoNothing}, func(o *encryptor.Options) { o.UnsignedKeys = true }))
		_, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: customer("ada", 1)})
		require.NoError(t, err)
		requireItem(t, customer("ada", 1), f.stored(t, f.customers, customerKey("ada", 1)))
		update := f.visit(customerKey("ada", 2)) // not there, and created: no signature could be missing
		update.UpdateExpression, update.ReturnValues = aws.String("ADD visits :one SET age = :one"), types.ReturnValueAllNew
		out, err := api.UpdateItem(t.Context(), update)
		require.NoError(t, err)
		want := customerKey("ada", 2)
		want["visits"], want["age"] = num("1"), num("1")
		requireItem(t, want, out.Attributes)
		requireItem(t, want, f.stored(t, f.customers, customerKey("ada", 2)))
	}},
	{"Several tables, one item each", several, func(t tester, f *fixture) {
		for _, c := range []struct {
			table string
			item  encryptor.Item
		}{{f.orders, order("x")}, {f.notes, note("x")}} {
			_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &c.table, Item: c.item})
			require.NoError(t, err)
			stored := f.stored(t, c.table, idKey("x"))
			if c.table == f.notes {
				requireItem(t, c.item, stored)
			} else {
				require.IsType(t, &types.AttributeValueMemberB{}, stored["goods"])
			}
			got, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &c.table, Key: idKey("x")})
			require.NoError(t, err)
			requireItem(t, c.item, got.Item)
			queried, err := f.api.Query(t.Context(), &dynamodb.QueryInput{
				TableName: &c.table, KeyConditionExpression: aws.String("id = :id"), ExpressionAttributeValues: encryptor.Item{":id": text("x")},
			})
			require.NoError(t, err)
			requireItems(t, []encryptor.Item{c.item}, queried.Items)
			scanned, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &c.table})
			require.NoError(t, err)
			requireItems(t, []encryptor.Item{c.item}, scanned.Items)
		}
		// What an encrypted table refuses is allowed on a plaintext one.
		update := &dynamodb.UpdateItemInput{
			TableName: &f.notes, Key: idKey("x"), UpdateExpression: aws.String("SET #t = :t"), ReturnValues: types.ReturnValueAllNew,
			ExpressionAttributeNames: map[string]string{"#t": "text"}, ExpressionAttributeValues: encryptor.Item{":t": text("changed")},
		}
		updated, err := f.api.UpdateItem(t.Context(), update)
		require.NoError(t, err)
		requireItem(t, encryptor.Item{"id": text("x"), "text": text("changed")}, updated.Attributes)
		got, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.notes, Key: idKey("x"), ProjectionExpression: aws.String("id")})
		require.NoError(t, err)
		requireItem(t, idKey("x"), got.Item)
		for _, table := range []string{f.orders, f.notes} {
			_, err := f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: idKey("x")})
			require.NoError(t, err)
			require.Empty(t, f.stored(t, table, idKey("x")))
		}
	}},
	{"Refused before any request", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		before := f.wire.allRequests()
		for _, c := range f.refusals() {
			err := c.send(t.Context(), f.api)
			require.ErrorIs(t, err, c.want, c.name)
		}
		require.Equal(t, before, f.wire.allRequests())
		requireItem(t, customer("ada", 1), f.get(t, customerKey("ada", 1)))
	}},
	{"PartiQL refused", []string{onMiddleware}, func(t tester, f *fixture) {
		client, ok := f.api.(*dynamodb.Client)
		require.True(t, ok)
		before := f.wire.allRequests()
		statement := aws.String(`SELECT * FROM "` + f.customers + `"`)
		_, single := client.ExecuteStatement(t.Context(), &dynamodb.ExecuteStatementInput{Statement: statement})
		_, batch := client.BatchExecuteStatement(t.Context(), &dynamodb.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{{Statement: statement}}})
		_, transaction := client.ExecuteTransaction(t.Context(), &dynamodb.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{{Statement: statement}}})
		for _, err := range []error{single, batch, transaction} {
			require.ErrorIs(t, err, encryptor.ErrUnsupported)
		}
		require.Equal(t, before, f.wire.allRequests())
	}},
	{"DescribeTable: waiter", everyFace, func(t tester, f *fixture) {
		waiter := dynamodb.NewTableExistsWaiter(f.api, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond })
		require.NoError(t, waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: &f.customers}, time.Minute))
	}},
}

// refusal is a request that must not be sent.
type refusal struct {
	name string
	want error
	send func(context.Context, encryptor.DynamoDBAPI) error
}

// refusals has one or two for each operation on items: encryptor's own tests have
// them all.
func (f *fixture) refusals() []refusal {
	key := customerKey("ada", 1)
	byName, names := aws.String("#n = :n"), map[string]string{"#n": "name"}
	values := encryptor.Item{":n": text("Ada")}
	unknown := aws.String("unknown")
	return []refusal{
		{"PutItem, condition", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: &f.customers, Item: customer("ada", 2), ConditionExpression: byName, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
			})
			return err
		}},
		{"PutItem, unknown table", encryptor.ErrUnknownTable, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.PutItem(ctx, &dynamodb.PutItemInput{TableName: unknown, Item: customer("ada", 2)})
			return err
		}},
		{"GetItem, projection", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &f.customers, Key: key, ProjectionExpression: aws.String("age")})
			return err
		}},
		{"Query, filter", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			in := f.query("ada")
			in.FilterExpression, in.ExpressionAttributeValues[":age"] = aws.String("age > :age"), num("1")
			_, err := api.Query(ctx, in)
			return err
		}},
		{"Query, index of keys only", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			in := f.query("ada")
			in.IndexName = aws.String("local")
			_, err := api.Query(ctx, in)
			return err
		}},
		{"Scan, Select", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.Scan(ctx, &dynamodb.ScanInput{TableName: &f.customers, Select: types.SelectSpecificAttributes, ProjectionExpression: aws.String("age")})
			return err
		}},
		{"BatchGetItem, projection", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				f.customers: {Keys: []map[string]types.AttributeValue{key}, ProjectionExpression: aws.String("age")},
			}})
			return err
		}},
		{"BatchWriteItem, unknown table", encryptor.ErrUnknownTable, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*unknown: {putRequest(customer("ada", 2))}}})
			return err
		}},
		{"TransactGetItems, projection", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
				{Get: &types.Get{TableName: &f.customers, Key: key, ProjectionExpression: aws.String("age")}},
			}})
			return err
		}},
		{"TransactWriteItems, update", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: &types.Update{
				TableName: &f.customers, Key: key, UpdateExpression: aws.String("SET age = :n"), ExpressionAttributeValues: values,
			}}}})
			return err
		}},
		{"UpdateItem, signed attribute", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: &f.customers, Key: key, UpdateExpression: aws.String("SET city = :n"), ExpressionAttributeValues: values,
			})
			return err
		}},
		{"DeleteItem, legacy parameter", encryptor.ErrUnsupported, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			_, err := api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &f.customers, Key: key, Expected: map[string]types.ExpectedAttributeValue{
				"city": {Value: text("Ulm")},
			}})
			return err
		}},
	}
}
