package interop

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// query is a query for the items of one customer.
func (f *fixture) query(pk string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &f.customers, KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: encryptor.Item{":pk": text(pk)},
	}
}

// queryCity is a query of an index by city.
func (f *fixture) queryCity(index string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &f.customers, IndexName: &index, KeyConditionExpression: aws.String("city = :c"),
		ExpressionAttributeValues: encryptor.Item{":c": text("Ulm")},
	}
}

func (f *fixture) requireQuery(t tester, want []encryptor.Item, in *dynamodb.QueryInput) {
	t.Helper()
	out, err := f.api.Query(t.Context(), in)
	require.NoError(t, err)
	requireItems(t, want, out.Items)
	require.EqualValues(t, len(want), out.Count)
}

var queryOperations = []operation{
	{"Query: sort order", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12) // as text, 10 and 11 would come before 2
		f.putMany(t, "bob", 2)
		f.requireQuery(t, all, f.query("ada"))
		in := f.query("ada")
		in.ScanIndexForward = aws.Bool(false)
		f.requireQuery(t, reversed(all), in)
		f.requireQuery(t, nil, f.query("nobody"))
	}},
	{"Query: key conditions", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		for condition, want := range map[string][]encryptor.Item{
			"sk = :a":              all[2:3],
			"sk < :a":              all[:2],
			"sk <= :a":             all[:3],
			"sk > :b":              all[11:],
			"sk >= :b":             all[10:],
			"sk BETWEEN :a AND :b": all[2:11],
		} {
			in := f.query("ada")
			in.KeyConditionExpression = aws.String("pk = :pk AND " + condition)
			for name, v := range map[string]string{":a": "2", ":b": "1E1"} {
				if strings.Contains(condition, name) {
					in.ExpressionAttributeValues[name] = num(v)
				}
			}
			f.requireQuery(t, want, in)
		}
	}},
	{"Query: filter", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		in := f.query("ada")
		in.FilterExpression = aws.String("visits >= :v AND city = :c AND attribute_exists(#n) AND attribute_not_exists(email)")
		in.ExpressionAttributeNames = map[string]string{"#n": "name"}
		in.ExpressionAttributeValues[":v"], in.ExpressionAttributeValues[":c"] = num("9"), text("Ulm")
		out, err := f.api.Query(t.Context(), in)
		require.NoError(t, err)
		requireItems(t, all[9:], out.Items)
		require.EqualValues(t, 3, out.Count)
		require.EqualValues(t, 12, out.ScannedCount)
	}},
	{"Query: pages", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		var got []encryptor.Item
		sizes := []int{}
		pages := dynamodb.NewQueryPaginator(f.api, f.query("ada"), func(o *dynamodb.QueryPaginatorOptions) { o.Limit = 5 })
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			sizes = append(sizes, len(page.Items))
			got = append(got, page.Items...)
		}
		requireItems(t, all, got)
		require.Equal(t, []int{5, 5, 2}, sizes)
		in := f.query("ada")
		in.ExclusiveStartKey, in.ScanIndexForward = customerKey("ada", 3), aws.Bool(false)
		f.requireQuery(t, reversed(all[:3]), in)
	}},
	{"Query: pages of 1 MB", tableFace, func(t tester, f *fixture) {
		var all []encryptor.Item
		for i := range 5 {
			item := customer("ada", i)
			item["name"] = longText(300_000)
			f.put(t, item)
			all = append(all, item)
		}
		out, err := f.api.Query(t.Context(), f.query("ada"))
		require.NoError(t, err)
		require.Equal(t, 3, len(out.Items), "the item that would pass the limit is in the next page")
		requireItem(t, customerKey("ada", 2), out.LastEvaluatedKey)
		in := f.query("ada")
		in.ExclusiveStartKey = out.LastEvaluatedKey
		rest, err := f.api.Query(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, 2, len(rest.Items))
		for i, item := range append(out.Items, rest.Items...) {
			require.True(t, vectors.Text(all[i]) == vectors.Text(item), "item %d", i)
		}
	}},
	{"Query: COUNT", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 3)
		in := f.query("ada")
		in.Select = types.SelectCount
		calls := len(f.kms.Calls())
		out, err := f.api.Query(t.Context(), in)
		require.NoError(t, err)
		require.EqualValues(t, 3, out.Count)
		require.Empty(t, out.Items)
		require.Len(t, f.kms.Calls(), calls)
	}},
	{"Query: global index, ALL", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		f.requireQuery(t, all, f.queryCity("by-city"))
		in := f.queryCity("by-city")
		in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(5)
		out, err := f.api.Query(t.Context(), in)
		require.NoError(t, err)
		requireItems(t, reversed(all[7:]), out.Items)
		in.ExclusiveStartKey, in.Limit = out.LastEvaluatedKey, nil
		f.requireQuery(t, reversed(all[:7]), in)
	}},
	{"Query: global index, INCLUDE", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		f.requireQuery(t, all, f.queryCity("included"))
	}},
	{"Query: local index, ALL_ATTRIBUTES", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		in := f.query("ada")
		in.IndexName, in.Select = aws.String("local"), types.SelectAllAttributes
		f.requireQuery(t, all, in)
	}},
	{"Query: index, COUNT", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 3)
		for _, in := range []*dynamodb.QueryInput{f.queryCity("by-city"), f.queryCity("included"), f.query("ada")} {
			if in.IndexName == nil {
				in.IndexName = aws.String("local")
			}
			in.Select = types.SelectCount
			out, err := f.api.Query(t.Context(), in)
			require.NoError(t, err)
			require.EqualValues(t, 3, out.Count)
		}
	}},
}

var scanOperations = []operation{
	{"Scan: pages", everyFace, func(t tester, f *fixture) {
		all := append(f.putMany(t, "ada", 12), f.putMany(t, "bob", 12)...)
		var got []encryptor.Item
		pages := dynamodb.NewScanPaginator(f.api, &dynamodb.ScanInput{TableName: &f.customers, Limit: aws.Int32(7)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Items), 7)
			got = append(got, page.Items...)
		}
		requireSame(t, all, got)
	}},
	{"Scan: segments", everyFace, func(t tester, f *fixture) {
		var all, got []encryptor.Item
		for _, pk := range []string{"ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"} {
			all = append(all, f.putMany(t, pk, 3)...)
		}
		for segment := range 4 {
			pages := dynamodb.NewScanPaginator(f.api, &dynamodb.ScanInput{
				TableName: &f.customers, Segment: aws.Int32(int32(segment)), TotalSegments: aws.Int32(4), Limit: aws.Int32(5),
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				require.NoError(t, err)
				got = append(got, page.Items...)
			}
		}
		requireSame(t, all, got)
	}},
	{"Scan: filter, COUNT", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 12)
		in := &dynamodb.ScanInput{
			TableName: &f.customers, FilterExpression: aws.String("visits < :v AND size(city) = :three"),
			ExpressionAttributeValues: encryptor.Item{":v": num("3"), ":three": num("3")},
		}
		out, err := f.api.Scan(t.Context(), in)
		require.NoError(t, err)
		requireSame(t, all[:3], out.Items)
		in.Select = types.SelectCount
		out, err = f.api.Scan(t.Context(), in)
		require.NoError(t, err)
		require.EqualValues(t, 3, out.Count)
		require.EqualValues(t, 12, out.ScannedCount)
		require.Empty(t, out.Items)
	}},
	{"Scan: global index", everyFace, func(t tester, f *fixture) {
		all := f.putMany(t, "ada", 3)
		for _, index := range []string{"by-city", "included"} {
			out, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &f.customers, IndexName: &index})
			require.NoError(t, err)
			requireSame(t, all, out.Items)
		}
	}},
}
