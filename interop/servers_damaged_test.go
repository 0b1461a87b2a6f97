package interop

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// requireBadItem requires an error about an item whose signature does not verify.
func requireBadItem(t tester, op string, key encryptor.Item, err error) *encryptor.ItemError {
	t.Helper()
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, op, itemError.Op)
	requireItem(t, key, itemError.Key())
	require.Contains(t, itemError.Stored(), "*amzn-ddb-map-sig*")
	return itemError
}

// getMany reads customers of ada by one BatchGetItem, and by one TransactGetItems.
func (f *fixture) getMany(t tester, api encryptor.DynamoDBAPI, n int) (batch, transact []encryptor.Item, batchErr, transactErr error) {
	t.Helper()
	var keys []encryptor.Item
	var gets []types.TransactGetItem
	for i := range n {
		keys = append(keys, customerKey("ada", i))
		gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: &f.customers, Key: keys[i]}})
	}
	batched, batchErr := api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{f.customers: {Keys: keys}}})
	if batchErr == nil {
		batch = batched.Responses[f.customers]
	}
	got, transactErr := api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: gets})
	if transactErr == nil {
		for _, r := range got.Responses {
			transact = append(transact, r.Item)
		}
	}
	return batch, transact, batchErr, transactErr
}

var damagedOperations = []operation{
	{"Damaged item: GetItem, Query, Scan", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 12)
		key := customerKey("ada", 6)
		f.damage(t, key)
		_, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.customers, Key: key})
		requireBadItem(t, "GetItem", key, err)
		_, err = f.api.Query(t.Context(), f.query("ada"))
		require.Equal(t, 6, requireBadItem(t, "Query", key, err).Index)
		_, err = f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &f.customers})
		requireBadItem(t, "Scan", key, err)
		requireItem(t, customer("ada", 5), f.get(t, customerKey("ada", 5)))
	}},
	{"Damaged item: BatchGetItem, TransactGetItems", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 4)
		key := customerKey("ada", 2)
		f.damage(t, key)
		_, _, batchErr, transactErr := f.getMany(t, f.api, 4)
		requireBadItem(t, "BatchGetItem", key, batchErr)
		require.Equal(t, 2, requireBadItem(t, "TransactGetItems", key, transactErr).Index)
	}},
	{"Damaged item: images of writes", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		key := customerKey("ada", 1)
		f.damage(t, key)
		update := f.visit(key)
		update.ReturnValues = types.ReturnValueAllNew
		_, err := f.api.UpdateItem(t.Context(), update)
		require.ErrorIs(t, err, encryptor.ErrImage)
		requireBadItem(t, "UpdateItem", key, err)
		require.Equal(t, num("2"), f.stored(t, f.customers, key)["visits"])
		_, err = f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: customer("ada", 1), ReturnValues: types.ReturnValueAllOld})
		require.ErrorIs(t, err, encryptor.ErrImage)
		requireBadItem(t, "PutItem", key, err)
		requireItem(t, customer("ada", 1), f.get(t, key))
		f.damage(t, key)
		_, err = f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &f.customers, Key: key, ReturnValues: types.ReturnValueAllOld})
		require.ErrorIs(t, err, encryptor.ErrImage)
		requireBadItem(t, "DeleteItem", key, err)
		require.Empty(t, f.stored(t, f.customers, key))
	}},
	{"Damaged item: failed conditions", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		key := customerKey("ada", 1)
		f.damage(t, key)
		absent := aws.String("attribute_not_exists(pk)")
		_, putErr := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: &f.customers, Item: customer("ada", 1), ConditionExpression: absent, ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		})
		update := f.visit(key)
		update.ConditionExpression, update.ReturnValuesOnConditionCheckFailure = absent, allOldOnFailure
		_, updateErr := f.api.UpdateItem(t.Context(), update)
		_, deleteErr := f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: &f.customers, Key: key, ConditionExpression: absent, ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		})
		for op, err := range map[string]error{"PutItem": putErr, "UpdateItem": updateErr, "DeleteItem": deleteErr} {
			requireFailedCondition(t, nil, err)
			requireBadItem(t, op, key, err)
			require.NotErrorIs(t, err, encryptor.ErrImage, "nothing was written")
		}
	}},
	{"Damaged item: cancellation reasons", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 4)
		f.put(t, customer("bob", 1))
		other := customer("ada", 2)
		other["city"] = text("Bern")
		f.put(t, other)
		f.damage(t, customerKey("ada", 2))
		_, err := f.api.TransactWriteItems(t.Context(), f.transaction())
		reasons := requireCancelled(t, err, failedCheck, "None", failedCheck, "None")
		requireItem(t, customer("bob", 1), reasons[0].Item)
		require.Nil(t, reasons[2].Item)
		require.Equal(t, 2, requireBadItem(t, "TransactWriteItems", customerKey("ada", 2), err).Index)
	}},
	{"Item under another key", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 2)
		moved := f.stored(t, f.customers, customerKey("ada", 0))
		moved["sk"] = num("1")
		_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: moved})
		require.NoError(t, err)
		_, err = f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.customers, Key: customerKey("ada", 1)})
		require.ErrorIs(t, err, materials.ErrContextMismatch, "KMS binds an item to its key")
	}},
}
