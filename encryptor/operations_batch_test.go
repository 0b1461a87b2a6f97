package encryptor_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// keysOfAda asks for n customers ada, the first with its number spelled 0.0.
func keysOfAda(n int) types.KeysAndAttributes {
	keys := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for sk := range n {
		keys.Keys = append(keys.Keys, customerKey("ada", sk))
	}
	keys.Keys[0]["sk"] = &itemN{Value: "0.0"}
	return keys
}

// requireSet requires the items in any order, as batches answer.
func requireSet(t *testing.T, want, got []encryptor.Item) {
	t.Helper()
	texts := func(items []encryptor.Item) (all []string) {
		for _, item := range items {
			all = append(all, vectors.Text(item))
		}
		return all
	}
	require.ElementsMatch(t, texts(want), texts(got))
}

func batchGet(items map[string]types.KeysAndAttributes) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: cloneOf(items)}))
	}
}

var batchGetRows = []row{
	{"BatchGetItem decrypts", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 25)
		for _, name := range []string{customers, f.arn} {
			out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{name: keysOfAda(27)}})
			require.NoError(t, err)
			require.Equal(t, []string{name}, slices.Collect(maps.Keys(out.Responses)), "under the caller's map key")
			requireSet(t, all, out.Responses[name])
			require.Empty(t, out.UnprocessedKeys)
		}
	}},
	{"BatchGetItem passes UnprocessedKeys", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 5)
		f.server.UnprocessedNext("BatchGetItem", 2)
		out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{f.arn: keysOfAda(5)}})
		require.NoError(t, err)
		requireSet(t, all[:3], out.Responses[f.arn])
		left := out.UnprocessedKeys[f.arn]
		require.Equal(t, aws.Bool(true), left.ConsistentRead)
		requireSet(t, []encryptor.Item{customerKey("ada", 3), customerKey("ada", 4)}, left.Keys)
		out, err = f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: out.UnprocessedKeys})
		require.NoError(t, err)
		requireSet(t, all[3:], out.Responses[f.arn])
	}},
	{"BatchGetItem with a bad item", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 3)
		f.damage(t, customerKey("ada", 1))
		_, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{customers: keysOfAda(3)}})
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, "BatchGetItem", itemError.Op)
		require.Equal(t, customers, itemError.Table)
		require.Contains(t, []int{0, 1, 2}, itemError.Index, "the place in an answer that has no order")
		require.Equal(t, vectors.Text(customerKey("ada", 1)), vectors.Text(itemError.Key()))
		require.Contains(t, itemError.Stored(), itemSignature)
	}},
	{"BatchGetItem of several tables", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 0))
		f.putRaw(t, notes, note("n"))
		if f.alone() {
			f.requireRefused(t, refusal{do: batchGet(map[string]types.KeysAndAttributes{customers: keysOfAda(1), notes: {Keys: []encryptor.Item{noteKey("n")}}}),
				want: encryptor.ErrUnknownTable, says: `"notes"`})
			return
		}
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(orders), Item: order("o")})
		require.NoError(t, err)
		out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			customers: keysOfAda(2),
			orders:    {Keys: []encryptor.Item{orderKey("o")}},
			notes:     {Keys: []encryptor.Item{noteKey("n")}, ProjectionExpression: aws.String("id")},
		}})
		require.NoError(t, err)
		require.Len(t, out.Responses, 3)
		requireSet(t, []encryptor.Item{customer("ada", 0)}, out.Responses[customers])
		requireSet(t, []encryptor.Item{order("o")}, out.Responses[orders])
		requireSet(t, []encryptor.Item{noteKey("n")}, out.Responses[notes])
	}},
	{"BatchGetItem where plaintext is read", plaintextReads, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 0))
		f.putRaw(t, customers, customer("ada", 1))
		out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{customers: keysOfAda(2)}})
		require.NoError(t, err)
		requireSet(t, []encryptor.Item{customer("ada", 0), customer("ada", 1)}, out.Responses[customers])
	}},
	{"BatchGetItem answered for a table that it did not name", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 0))
		f.wire.answers(func(body string) string { return strings.ReplaceAll(body, `"customers"`, `"other"`) })
		_, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{customers: keysOfAda(1)}})
		require.ErrorIs(t, err, encryptor.ErrUnknownTable)
	}},
	refuses("BatchGetItem refuses", nil,
		refusal{name: "projection", do: batchGet(map[string]types.KeysAndAttributes{customers: {ProjectionExpression: aws.String("city")}}), says: "ProjectionExpression"},
		refusal{name: "AttributesToGet", do: batchGet(map[string]types.KeysAndAttributes{customers: {AttributesToGet: []string{"city"}}}), says: "AttributesToGet"},
		refusal{name: "another table", do: batchGet(map[string]types.KeysAndAttributes{customers: keysOfAda(1), "other": keysOfAda(1)}), want: encryptor.ErrUnknownTable, table: "other", says: `"other"`},
		refusal{name: "ARN of another account", do: batchGet(map[string]types.KeysAndAttributes{otherAccountARN: keysOfAda(1)}), want: encryptor.ErrUnknownTable, table: otherAccountARN},
		refusal{name: "empty table name", do: batchGet(map[string]types.KeysAndAttributes{"": keysOfAda(1)}), want: encryptor.ErrUnknownTable, nameless: true},
	),
}

// respelled returns a copy in which sk is written as n.
func respelled(item encryptor.Item, n string) encryptor.Item {
	return itemWith(item, "sk", &itemN{Value: n})
}

func batchWrite(items map[string][]types.WriteRequest) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: cloneOf(items)}))
	}
}

// mixedBatch has four puts and three deletes with numbers in many spellings. Each
// pair of a put and a delete differs in the key alone.
func mixedBatch() []types.WriteRequest {
	return []types.WriteRequest{
		putRequest(respelled(customer("ada", 1), "1.0")),
		deleteRequest(respelled(customerKey("eve", 1), "1")),
		putRequest(respelled(customer("ada", 0), "-0")),
		deleteRequest(respelled(customerKey("eve", 0), "0.00")),
		putRequest(respelled(customer("ada", 100), "1E2")),
		deleteRequest(respelled(customerKey("eve", 100), "+100")),
		putRequest(customer("ada", 10)),
	}
}

// requireOwn requires that unprocessed are requests of the caller's, not copies,
// and without repetition.
func requireOwn(t *testing.T, own, unprocessed []types.WriteRequest) {
	t.Helper()
	seen := make(map[types.WriteRequest]bool)
	for _, request := range unprocessed {
		require.Contains(t, own, request)
		require.True(t, slices.Contains(own, request), "the caller's own pointers")
		require.False(t, seen[request], "twice")
		seen[request] = true
	}
}

var batchWriteRows = []row{
	{"BatchWriteItem encrypts puts", nil, func(t *testing.T, f *operations) {
		for _, name := range []string{customers, f.arn} {
			f.put(t, customer("eve", 1))
			out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: mixedBatch()}})
			require.NoError(t, err)
			require.Empty(t, out.UnprocessedItems)
			for _, sk := range []int{0, 1, 10, 100} {
				requireCiphertext(t, customer("ada", sk), f.stored(t, customerKey("ada", sk)))
				require.Equal(t, vectors.Text(customer("ada", sk)), vectors.Text(f.get(t, customerKey("ada", sk))))
			}
			require.Nil(t, f.stored(t, customerKey("eve", 1)))
		}
	}},
	{"BatchWriteItem returns the caller's own requests", nil, func(t *testing.T, f *operations) {
		for _, name := range []string{customers, f.arn} {
			for n := range 8 {
				own := mixedBatch()
				f.server.UnprocessedNext("BatchWriteItem", n)
				out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: own}})
				require.NoError(t, err)
				require.Len(t, out.UnprocessedItems[name], n)
				requireOwn(t, own, out.UnprocessedItems[name])
				requireOwn(t, own[7-n:], out.UnprocessedItems[name])
				if n == 0 {
					require.Empty(t, out.UnprocessedItems)
					continue
				}
				require.Len(t, out.UnprocessedItems, 1)
				out, err = f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: out.UnprocessedItems})
				require.NoError(t, err, "they are fit for the next call")
				require.Empty(t, out.UnprocessedItems)
			}
		}
		for _, sk := range []int{0, 1, 10, 100} {
			require.Equal(t, vectors.Text(customer("ada", sk)), vectors.Text(f.get(t, customerKey("ada", sk))))
		}
	}},
	{"BatchWriteItem answered under the other form of the table's name", nil, func(t *testing.T, f *operations) {
		f.wire.answers(func(body string) string { return strings.ReplaceAll(body, f.arn, customers) })
		f.server.UnprocessedNext("BatchWriteItem", 2)
		own := mixedBatch()
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{f.arn: own}})
		require.NoError(t, err)
		require.Len(t, out.UnprocessedItems, 1)
		require.Len(t, out.UnprocessedItems[f.arn], 2)
		requireOwn(t, own, out.UnprocessedItems[f.arn])
	}},
	{"BatchWriteItem answered with what was not asked", nil, func(t *testing.T, f *operations) {
		for _, change := range []struct{ old, new string }{
			{`"N":"100"`, `"N":"101"`},                         // another key
			{`"B":"`, `"B":"AAAA`},                             // another stamp
			{`"customers":[`, `"arn:aws:s3:::customers":[`},    // no table
			{`"customers":[`, `"other":[`},                     // a table that was not written to
			{`"customers":[`, `"customers":[{},`},              // neither a put nor a delete
			{`"PutRequest":{"Item"`, `"DeleteRequest":{"Key"`}, // another kind
		} {
			changed := false
			f.wire.answers(func(body string) string {
				changed = strings.Contains(body, change.old)
				return strings.ReplaceAll(body, change.old, change.new)
			})
			f.server.UnprocessedNext("BatchWriteItem", 3)
			_, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{customers: mixedBatch()}})
			require.True(t, changed, "%s is in the answer", change.old)
			require.ErrorContains(t, err, "unprocessed request", "%s", change.new)
			require.NotErrorIs(t, err, encryptor.ErrUnsupported)
			var itemError *encryptor.ItemError
			require.ErrorAs(t, err, &itemError)
			require.Equal(t, "BatchWriteItem", itemError.Op)
		}
	}},
	{"BatchWriteItem of several tables", nil, func(t *testing.T, f *operations) {
		own := map[string][]types.WriteRequest{
			customers: {putRequest(customer("ada", 1))},
			notes:     {putRequest(note("n")), deleteRequest(noteKey("gone"))},
			orders:    {putRequest(order("o")), putRequest(order("o2")), deleteRequest(orderKey("o3"))},
		}
		if f.alone() {
			f.requireRefused(t, refusal{do: batchWrite(own), want: encryptor.ErrUnknownTable, says: `"notes"`})
			return
		}
		f.server.UnprocessedNext("BatchWriteItem", 5)
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: own})
		require.NoError(t, err)
		require.Len(t, out.UnprocessedItems[orders], 3)
		require.NotNil(t, f.stored(t, customerKey("ada", 1)))
		require.Len(t, out.UnprocessedItems, 2)
		requireOwn(t, own[orders], out.UnprocessedItems[orders])
		require.ElementsMatch(t, own[notes], out.UnprocessedItems[notes])
		out, err = f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: out.UnprocessedItems})
		require.NoError(t, err)
		require.Empty(t, out.UnprocessedItems)
		require.Equal(t, vectors.Text(note("n")), vectors.Text(f.getRaw(t, notes, noteKey("n"))))
		require.IsType(t, &itemB{}, f.getRaw(t, orders, orderKey("o"))["goods"])
	}},
	{"BatchWriteItem where nothing is signed", nothingSigned, func(t *testing.T, f *operations) {
		own := mixedBatch()
		for _, request := range own {
			if request.PutRequest != nil {
				request.PutRequest.Item["name"] = &itemS{Value: "public"}
			}
		}
		f.server.UnprocessedNext("BatchWriteItem", 7)
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{customers: own}})
		require.NoError(t, err)
		require.Len(t, out.UnprocessedItems[customers], 7)
		requireOwn(t, own, out.UnprocessedItems[customers])
	}},
	{"BatchWriteItem where plaintext is read", plaintextReads, func(t *testing.T, f *operations) {
		own := mixedBatch()
		f.server.UnprocessedNext("BatchWriteItem", 7)
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{customers: own}})
		require.NoError(t, err)
		require.Len(t, out.UnprocessedItems[customers], 7)
		requireOwn(t, own, out.UnprocessedItems[customers])
	}},
	{"BatchWriteItem with an item that cannot be encrypted", nil, func(t *testing.T, f *operations) {
		for _, bad := range []struct {
			item      encryptor.Item
			want      error
			attribute string
		}{
			{encryptor.Item{"pk": &itemS{Value: "ada"}, "name": &itemS{Value: secret}}, encryptor.ErrInvalidValue, "sk"},
			{itemWith(customer("ada", 3), itemSignature, &itemB{Value: []byte{1}}), encryptor.ErrReservedAttribute, itemSignature},
			{nil, encryptor.ErrInvalidValue, "pk"},
		} {
			_, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				customers: {putRequest(customer("ada", 1)), deleteRequest(customerKey("ada", 2)), putRequest(bad.item)},
			}})
			require.ErrorIs(t, err, bad.want)
			var itemError *encryptor.ItemError
			require.ErrorAs(t, err, &itemError)
			require.Equal(t, 2, itemError.Index)
			require.Equal(t, bad.attribute, itemError.Attribute)
			require.Empty(t, f.wire.sent(), "nothing of the batch is sent")
		}
	}},
	refuses("BatchWriteItem refuses", nil,
		refusal{name: "another table", do: batchWrite(map[string][]types.WriteRequest{customers: {putRequest(customer("ada", 1))}, "other": {putRequest(note("n"))}}),
			want: encryptor.ErrUnknownTable, table: "other", says: `"other"`},
		refusal{name: "ARN of another account", do: batchWrite(map[string][]types.WriteRequest{otherAccountARN: {putRequest(customer("ada", 1))}}),
			want: encryptor.ErrUnknownTable, table: otherAccountARN},
		refusal{name: "one table twice", do: batchWrite(map[string][]types.WriteRequest{
			customersARN: {putRequest(customer("ada", 1))}, customers: {putRequest(customer("ada", 2))}}), says: "twice"},
	),
}
