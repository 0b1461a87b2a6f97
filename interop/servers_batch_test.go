package interop

import (
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

var batchOperations = []operation{
	{"BatchGetItem", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 30)
		var keys []encryptor.Item
		for i := range 40 { // the last ten are absent
			keys = append(keys, customerKey("ada", i))
		}
		out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{f.customers: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		require.NoError(t, err)
		require.Empty(t, out.UnprocessedKeys)
		requireSame(t, all, out.Responses[f.customers])
	}},
	{"BatchGetItem: 16 MB, the rest unprocessed", tableFace, func(t tester, f *fixture) {
		var all, got []encryptor.Item
		var keys []encryptor.Item
		for i := range 46 {
			item := customer("ada", i)
			item["name"] = longText(390_000)
			f.put(t, item)
			all, keys = append(all, item), append(keys, customerKey("ada", i))
		}
		next, calls := map[string]types.KeysAndAttributes{f.customers: {Keys: keys}}, 0
		for len(next) > 0 {
			out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: next})
			require.NoError(t, err)
			got = append(got, out.Responses[f.customers]...)
			next = out.UnprocessedKeys
			calls++
			require.Less(t, calls, 5)
		}
		require.True(t, slices.Equal(slices.Sorted(slices.Values(textsOf(all))), slices.Sorted(slices.Values(textsOf(got)))), "the items are those that were put")
		require.Equal(t, 2, calls, "an answer has at most 16 MB")
	}},
	{"BatchWriteItem: puts and deletions", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 20)
		requests := []types.WriteRequest{putRequest(customer("bob", 1))}
		for i := range 15 {
			requests = append(requests, deleteRequest(customerKey("ada", i)))
		}
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{f.customers: requests}})
		require.NoError(t, err)
		require.Empty(t, out.UnprocessedItems)
		requireCiphertext(t, f.stored(t, f.customers, customerKey("bob", 1)))
		left, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &f.customers})
		require.NoError(t, err)
		requireSame(t, append(all[15:], customer("bob", 1)), left.Items)
	}},
	{"Batches of several tables", several, func(t tester, f *fixture) {
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
			f.customers: {putRequest(customer("ada", 1))}, f.orders: {putRequest(order("o"))}, f.notes: {putRequest(note("n"))},
		}})
		require.NoError(t, err)
		require.Empty(t, out.UnprocessedItems)
		f.requireSeveral(t)
	}},
}

// requireSeveral requires an item in each of the three tables, two of them
// encrypted, and reads them by one request.
func (f *fixture) requireSeveral(t tester) {
	t.Helper()
	requireCiphertext(t, f.stored(t, f.customers, customerKey("ada", 1)))
	require.IsType(t, &types.AttributeValueMemberB{}, f.stored(t, f.orders, idKey("o"))["goods"])
	requireItem(t, note("n"), f.stored(t, f.notes, idKey("n")))
	out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		f.customers: {Keys: []map[string]types.AttributeValue{customerKey("ada", 1)}},
		f.orders:    {Keys: []map[string]types.AttributeValue{idKey("o")}},
		f.notes:     {Keys: []map[string]types.AttributeValue{idKey("n")}},
	}})
	require.NoError(t, err)
	requireItems(t, []encryptor.Item{customer("ada", 1)}, out.Responses[f.customers])
	requireItems(t, []encryptor.Item{order("o")}, out.Responses[f.orders])
	requireItems(t, []encryptor.Item{note("n")}, out.Responses[f.notes])
}

// transaction has a put, an update, a deletion and a condition check: of bob 1,
// ada 1, ada 2 and ada 3.
func (f *fixture) transaction() *dynamodb.TransactWriteItemsInput {
	return &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{
			TableName: &f.customers, Item: customer("bob", 1), ConditionExpression: aws.String("attribute_not_exists(pk)"),
			ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		}},
		{Update: &types.Update{
			TableName: &f.customers, Key: customerKey("ada", 1), UpdateExpression: aws.String("SET visits = visits + :one"),
			ConditionExpression: aws.String("visits <= :one"), ExpressionAttributeValues: encryptor.Item{":one": num("1")},
			ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		}},
		{Delete: &types.Delete{
			TableName: &f.customers, Key: customerKey("ada", 2), ConditionExpression: aws.String("city = :c"),
			ExpressionAttributeValues: encryptor.Item{":c": text("Ulm")}, ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		}},
		{ConditionCheck: &types.ConditionCheck{
			TableName: &f.customers, Key: customerKey("ada", 3), ConditionExpression: aws.String("attribute_exists(#n)"),
			ExpressionAttributeNames: map[string]string{"#n": "name"}, ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		}},
	}}
}

// requireCancelled requires the reasons of a cancelled transaction and returns
// them.
func requireCancelled(t tester, err error, codes ...string) []types.CancellationReason {
	t.Helper()
	var cancelled *types.TransactionCanceledException
	require.ErrorAs(t, err, &cancelled)
	var got []string
	for _, reason := range cancelled.CancellationReasons {
		got = append(got, aws.ToString(reason.Code))
	}
	require.Equal(t, codes, got)
	return cancelled.CancellationReasons
}

func (f *fixture) visits(t tester, key encryptor.Item) string {
	t.Helper()
	v := f.get(t, key)["visits"]
	require.IsType(t, &types.AttributeValueMemberN{}, v)
	return v.(*types.AttributeValueMemberN).Value
}

const failedCheck = "ConditionalCheckFailed"

var transactOperations = []operation{
	{"TransactWriteItems: put, update, delete, check", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 4)
		_, err := f.api.TransactWriteItems(t.Context(), f.transaction())
		require.NoError(t, err)
		requireCiphertext(t, f.stored(t, f.customers, customerKey("bob", 1)))
		requireItem(t, customer("bob", 1), f.get(t, customerKey("bob", 1)))
		require.Equal(t, "2", f.visits(t, customerKey("ada", 1)))
		require.Nil(t, f.get(t, customerKey("ada", 2)))
		requireItem(t, customer("ada", 3), f.get(t, customerKey("ada", 3)))
	}},
	{"TransactWriteItems: all or nothing", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 3) // the check of ada 3 fails
		_, err := f.api.TransactWriteItems(t.Context(), f.transaction())
		requireCancelled(t, err, "None", "None", "None", failedCheck)
		f.requireQuery(t, all, f.query("ada"))
		f.requireQuery(t, nil, f.query("bob"))
	}},
	{"TransactWriteItems: reasons with items", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 4)
		f.put(t, customer("bob", 1))
		other := customer("ada", 2)
		other["city"], other["age"] = text("Bern"), num("77")
		f.put(t, other)
		_, err := f.api.TransactWriteItems(t.Context(), f.transaction())
		reasons := requireCancelled(t, err, failedCheck, "None", failedCheck, "None")
		requireItem(t, customer("bob", 1), reasons[0].Item)
		requireItem(t, other, reasons[2].Item)
		require.Empty(t, reasons[1].Item)
		require.Equal(t, "1", f.visits(t, customerKey("ada", 1)))
	}},
	{"TransactWriteItems: absent item is not updated", everyFace, func(t tester, f *fixture) {
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Update: &types.Update{
			TableName: &f.customers, Key: customerKey("nobody", 1), UpdateExpression: aws.String("SET visits = :v"), ExpressionAttributeValues: encryptor.Item{":v": num("1")},
		}}}})
		requireCancelled(t, err, failedCheck)
		require.Empty(t, f.stored(t, f.customers, customerKey("nobody", 1)))
	}},
	{"TransactWriteItems: token, nothing encrypted", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String("token-of-" + f.customers), TransactItems: []types.TransactWriteItem{{Update: &types.Update{
			TableName: &f.customers, Key: customerKey("ada", 1), UpdateExpression: aws.String("ADD visits :one"), ExpressionAttributeValues: encryptor.Item{":one": num("1")},
		}}}}
		for range 2 { // the same request: done once
			_, err := f.api.TransactWriteItems(t.Context(), in)
			require.NoError(t, err)
		}
		require.Equal(t, "2", f.visits(t, customerKey("ada", 1)), "done once")
	}},
	{"TransactWriteItems: token, put encrypted again", everyFace, func(t tester, f *fixture) {
		in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String("token-of-" + f.customers), TransactItems: []types.TransactWriteItem{{Put: &types.Put{
			TableName: &f.customers, Item: customer("ada", 1),
		}}}}
		_, err := f.api.TransactWriteItems(t.Context(), in)
		require.NoError(t, err)
		_, err = f.api.TransactWriteItems(t.Context(), in)
		require.ErrorIs(t, err, encryptor.ErrUnknownOutcome)
		var mismatch *types.IdempotentParameterMismatchException
		require.True(t, errors.As(err, &mismatch), err)
	}},
	{"TransactWriteItems: answer lost, sent again by the SDK", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		f.wire.loseNext("TransactWriteItems")
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Update: &types.Update{
				TableName: &f.customers, Key: customerKey("ada", 1), UpdateExpression: aws.String("ADD visits :one"), ExpressionAttributeValues: encryptor.Item{":one": num("1")},
			}},
			{Put: &types.Put{TableName: &f.customers, Item: customer("bob", 1), ConditionExpression: aws.String("attribute_not_exists(pk)")}},
		}})
		require.NoError(t, err)
		require.Equal(t, 2, f.wire.requests("TransactWriteItems"))
		require.Equal(t, "2", f.visits(t, customerKey("ada", 1)))
	}},
	{"TransactGetItems", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 3)
		var gets []types.TransactGetItem
		for _, sk := range []int{2, 9, 0, 1} { // 9 is absent
			gets = append(gets, types.TransactGetItem{Get: &types.Get{TableName: &f.customers, Key: customerKey("ada", sk)}})
		}
		out, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: gets})
		require.NoError(t, err)
		require.Len(t, out.Responses, 4)
		for i, want := range []encryptor.Item{customer("ada", 2), nil, customer("ada", 0), customer("ada", 1)} {
			requireItem(t, want, out.Responses[i].Item)
		}
	}},
	{"Transactions of several tables", several, func(t tester, f *fixture) {
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: &f.customers, Item: customer("ada", 1)}},
			{Put: &types.Put{TableName: &f.orders, Item: order("o")}},
			{Put: &types.Put{TableName: &f.notes, Item: note("n")}},
		}})
		require.NoError(t, err)
		f.requireSeveral(t)
		out, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: &f.orders, Key: idKey("o")}},
			{Get: &types.Get{TableName: &f.notes, Key: idKey("n")}},
		}})
		require.NoError(t, err)
		requireItem(t, order("o"), out.Responses[0].Item)
		requireItem(t, note("n"), out.Responses[1].Item)
	}},
	{"TransactGetItems: projection of a plaintext item", several, func(t tester, f *fixture) {
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.notes, Item: note("n")})
		require.NoError(t, err)
		out, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: &f.notes, Key: idKey("n"), ProjectionExpression: aws.String("id")}},
		}})
		require.NoError(t, err)
		requireItem(t, idKey("n"), out.Responses[0].Item)
	}},
}
