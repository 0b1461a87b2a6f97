package interop

import (
	"fmt"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

const manyItems = 1000

// damage flips a bit of a stored item's signature.
func (f *fixture) damage(t tester, key encryptor.Item) {
	t.Helper()
	item := f.stored(t, f.customers, key)
	require.IsType(t, &types.AttributeValueMemberB{}, item["*amzn-ddb-map-sig*"])
	item["*amzn-ddb-map-sig*"].(*types.AttributeValueMemberB).Value[0] ^= 1
	_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: item})
	require.NoError(t, err)
}

// requireYields requires items in order, and in the place of each nil the error
// about a damaged one.
func requireYields(t tester, want []encryptor.Item, items iter.Seq2[encryptor.Item, error]) {
	t.Helper()
	n := 0
	for item, err := range items {
		require.Less(t, n, len(want))
		if want[n] == nil {
			require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		} else {
			require.NoError(t, err)
		}
		requireItem(t, want[n], item)
		n++
	}
	require.Equal(t, len(want), n)
}

var iterationOperations = []operation{
	{"WriteAll: 1,000 items", tableFace, func(t tester, f *fixture) {
		var all []encryptor.Item
		for i := range manyItems {
			all = append(all, customer(fmt.Sprint("p", i%10), i))
		}
		report, err := f.table.WriteAll(t.Context(), func(yield func(types.WriteRequest) bool) {
			for _, item := range all {
				if !yield(putRequest(item)) {
					return
				}
			}
		})
		require.NoError(t, err)
		require.Equal(t, encryptor.WriteReport{Written: manyItems}, report)
		require.Len(t, f.kms.Calls(), manyItems)
		var got []encryptor.Item
		for item, err := range f.table.ScanItems(t.Context(), &dynamodb.ScanInput{}) {
			require.NoError(t, err)
			got = append(got, item)
		}
		requireSame(t, all, got)
	}},
	{"WriteAll: requests for one key in their order", tableFace, func(t tester, f *fixture) {
		older := customer("ada", 1)
		older["age"] = num("41")
		requests := []types.WriteRequest{putRequest(older), putRequest(customer("ada", 2)), deleteRequest(customerKey("ada", 1)), putRequest(customer("ada", 1)), deleteRequest(customerKey("ada", 2))}
		report, err := f.table.WriteAll(t.Context(), slices.Values(requests))
		require.NoError(t, err)
		require.Equal(t, encryptor.WriteReport{Written: len(requests)}, report)
		f.requireQuery(t, []encryptor.Item{customer("ada", 1)}, f.query("ada"))
	}},
	{"QueryItems", tableFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		f.damage(t, customerKey("ada", 6))
		all[6] = nil
		in := f.query("ada")
		in.Limit = aws.Int32(5)
		requireYields(t, all, f.table.QueryItems(t.Context(), in))
		in.ScanIndexForward = aws.Bool(false)
		requireYields(t, reversed(all), f.table.QueryItems(t.Context(), in))
	}},
	{"ScanItems", tableFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		f.damage(t, customerKey("ada", 6))
		var got []encryptor.Item
		bad := 0
		for item, err := range f.table.ScanItems(t.Context(), &dynamodb.ScanInput{Limit: aws.Int32(5)}) {
			if err != nil {
				require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
				bad++
				continue
			}
			got = append(got, item)
		}
		require.Equal(t, 1, bad)
		requireSame(t, slices.Delete(all, 6, 7), got)
	}},
}
