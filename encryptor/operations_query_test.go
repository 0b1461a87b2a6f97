package encryptor_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// putCustomers writes n items of customer ada and returns them in order.
func (f *operations) putCustomers(t *testing.T, n int) []encryptor.Item {
	t.Helper()
	var all []encryptor.Item
	for sk := range n {
		all = append(all, customer("ada", sk))
		f.put(t, all[sk])
	}
	return all
}

// ofAda is a query for the items of customer ada.
func ofAda() *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: aws.String(customers), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: encryptor.Item{":pk": &itemS{Value: "ada"}},
	}
}

func threeAtATime(o *encryptor.Options) { o.Concurrency = 3 }

// indexReads are reads of one item, customer ada 1, through an index.
var indexReads = []struct {
	index    string
	selected types.Select
	key      string
	refused  error
}{
	{"by-city", "", "city", nil},
	{"by-city", types.SelectAllAttributes, "city", nil},
	{"local-all", "", "pk", nil},
	{"local", types.SelectAllAttributes, "pk", nil},
	{"local", "", "pk", encryptor.ErrUnsupported},
	{"cities", "", "city", encryptor.ErrUnsupported},
	{"stampless", "", "city", encryptor.ErrUnsupported},
	{"partial", "", "city", encryptor.ErrInvalidSignature}, // holds signature and description, but not what is signed
}

var queryRows = []row{
	{"Query decrypts a page in order", threeAtATime, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 25)
		out, err := f.api.Query(t.Context(), ofAda())
		require.NoError(t, err)
		requireItems(t, all, out.Items)
		require.EqualValues(t, 25, out.Count)
		out, err = f.api.Query(t.Context(), with(ofAda(), func(in *dynamodb.QueryInput) { in.ExpressionAttributeValues[":pk"] = &itemS{Value: "nobody"} }))
		require.NoError(t, err)
		require.Empty(t, out.Items)
	}},
	{"Query by a paginator", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 25)
		var got []encryptor.Item
		pages := dynamodb.NewQueryPaginator(f.api, with(ofAda(), func(in *dynamodb.QueryInput) { in.TableName = aws.String(f.arn) }),
			func(o *dynamodb.QueryPaginatorOptions) { o.Limit = 10 })
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Items), 10)
			got = append(got, page.Items...)
		}
		requireItems(t, all, got)
	}},
	{"Query counts without KMS", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 3)
		calls := len(f.kms.Calls())
		out, err := f.api.Query(t.Context(), with(ofAda(), func(in *dynamodb.QueryInput) { in.Select = types.SelectCount }))
		require.NoError(t, err)
		require.EqualValues(t, 3, out.Count)
		require.Empty(t, out.Items)
		require.Len(t, f.kms.Calls(), calls)
	}},
	{"Query filters", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 3)
		in := ofAda()
		in.FilterExpression = aws.String("attribute_exists(#n) AND city = :c AND visits < :v")
		in.ExpressionAttributeNames = map[string]string{"#n": "name"}
		in.ExpressionAttributeValues[":c"] = &itemS{Value: "Ulm"}
		in.ExpressionAttributeValues[":v"] = &itemN{Value: "8"}
		out, err := f.api.Query(t.Context(), in)
		require.NoError(t, err)
		requireItems(t, all, out.Items)
		in.ExpressionAttributeValues[":v"] = &itemN{Value: "7"}
		out, err = f.api.Query(t.Context(), in)
		require.NoError(t, err)
		require.Empty(t, out.Items)
	}},
	{"Query of a page with bad items", threeAtATime, func(t *testing.T, f *operations) {
		f.putCustomers(t, 25)
		f.damage(t, customerKey("ada", 20))
		f.damage(t, customerKey("ada", 11))
		_, err := f.api.Query(t.Context(), ofAda())
		requireBadItem(t, "Query", err)
	}},
	{"Query of an index", nil, func(t *testing.T, f *operations) {
		item := customer("ada", 1)
		f.put(t, item)
		for _, c := range indexReads {
			out, err := f.api.Query(t.Context(), &dynamodb.QueryInput{
				TableName: aws.String(customers), IndexName: aws.String(c.index), Select: c.selected, KeyConditionExpression: aws.String(c.key + " = :k"),
				ExpressionAttributeValues: encryptor.Item{":k": item[c.key]},
			})
			if c.refused != nil {
				require.ErrorIs(t, err, c.refused, c.index)
				continue
			}
			require.NoError(t, err, c.index)
			requireItems(t, []encryptor.Item{item}, out.Items)
		}
	}},
	{"Query of an index where plaintext is read", plaintextReads, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		for index, want := range map[string]error{
			"by-city":   nil,
			"cities":    encryptor.ErrUnsupported,
			"stampless": encryptor.ErrUnsupported, // it would pass for plaintext
			"partial":   encryptor.ErrInvalidSignature,
		} {
			_, err := f.api.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String(customers), IndexName: &index,
				KeyConditionExpression: aws.String("city = :c"), ExpressionAttributeValues: encryptor.Item{":c": &itemS{Value: "Ulm"}}})
			require.ErrorIs(t, err, want, index)
		}
	}},
	{"Query of a plaintext table", nil, func(t *testing.T, f *operations) {
		f.putRaw(t, notes, note("n"))
		in := &dynamodb.QueryInput{TableName: aws.String(notes), KeyConditionExpression: aws.String("id = :i"), ProjectionExpression: aws.String("id"),
			ExpressionAttributeValues: encryptor.Item{":i": &itemS{Value: "n"}}}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.Query(t.Context(), in)))
			return
		}
		out, err := f.api.Query(t.Context(), in)
		require.NoError(t, err)
		requireItems(t, []encryptor.Item{noteKey("n")}, out.Items)
	}},
	{"Query where plaintext is read", plaintextReads, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 2)
		all = append(all, customer("ada", 2))
		f.putRaw(t, customers, all[2])
		out, err := f.api.Query(t.Context(), ofAda())
		require.NoError(t, err)
		requireItems(t, all, out.Items)
	}},
	refuses("Query refuses", nil,
		refusal{name: "filter on an encrypted attribute", do: query(dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("size(tags) > :n")}), attribute: "tags", says: "FilterExpression"},
		refusal{name: "key condition on an encrypted attribute", do: query(dynamodb.QueryInput{KeyConditionExpression: aws.String("age = :p")}), attribute: "age", says: "KeyConditionExpression"},
		refusal{name: "KeyConditions", do: query(dynamodb.QueryInput{KeyConditions: map[string]types.Condition{}}), says: "KeyConditions"},
		refusal{name: "QueryFilter", do: query(dynamodb.QueryInput{QueryFilter: map[string]types.Condition{}}), says: "QueryFilter"},
		refusal{name: "AttributesToGet", do: query(dynamodb.QueryInput{AttributesToGet: []string{"pk"}}), says: "AttributesToGet"},
		refusal{name: "ConditionalOperator", do: query(dynamodb.QueryInput{ConditionalOperator: types.ConditionalOperatorAnd}), says: "ConditionalOperator"},
		refusal{name: "projection", do: query(dynamodb.QueryInput{ProjectionExpression: aws.String("pk")}), says: "ProjectionExpression"},
		refusal{name: "SPECIFIC_ATTRIBUTES", do: query(dynamodb.QueryInput{Select: types.SelectSpecificAttributes}), says: "SPECIFIC_ATTRIBUTES"},
		refusal{name: "ALL_PROJECTED_ATTRIBUTES", do: query(dynamodb.QueryInput{Select: types.SelectAllProjectedAttributes, IndexName: aws.String("by-city")}), says: "ALL_PROJECTED_ATTRIBUTES"},
		refusal{name: "KEYS_ONLY index", do: query(dynamodb.QueryInput{IndexName: aws.String("cities")}), says: `"cities"`},
		refusal{name: "KEYS_ONLY local index", do: query(dynamodb.QueryInput{IndexName: aws.String("local")}), says: "Select ALL_ATTRIBUTES"},
		refusal{name: "another table", do: query(dynamodb.QueryInput{TableName: aws.String("other")}), want: encryptor.ErrUnknownTable, table: "other"},
	),
}

var scanRows = []row{
	{"Scan decrypts a page", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 3)
		out, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(f.arn)})
		require.NoError(t, err)
		requireItems(t, all, out.Items)
	}},
	{"Scan without a request", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		if !f.alone() {
			f.requireRefused(t, refusal{do: func(ctx context.Context, api encryptor.DynamoDBAPI) error { return errorOf(api.Scan(ctx, nil)) },
				want: encryptor.ErrUnknownTable, nameless: true})
			return
		}
		out, err := f.api.Scan(t.Context(), nil)
		require.NoError(t, err)
		requireItems(t, []encryptor.Item{customer("ada", 1)}, out.Items)
	}},
	{"Scan by a paginator", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 25)
		var got []encryptor.Item
		pages := dynamodb.NewScanPaginator(f.api, &dynamodb.ScanInput{TableName: aws.String(customers), Limit: aws.Int32(7)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			got = append(got, page.Items...)
		}
		requireItems(t, all, got)
	}},
	{"Scan counts any index without KMS", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 3)
		calls := len(f.kms.Calls())
		for _, index := range []string{"by-city", "cities", "stampless", "partial", "local", "local-all"} {
			out, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(customers), Select: types.SelectCount, IndexName: &index})
			require.NoError(t, err, index)
			require.EqualValues(t, 3, out.Count, index)
		}
		require.Len(t, f.kms.Calls(), calls)
	}},
	{"Scan of a page with bad items", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 25)
		f.damage(t, customerKey("ada", 20))
		f.damage(t, customerKey("ada", 11))
		_, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(customers)})
		requireBadItem(t, "Scan", err)
	}},
	{"Scan of an index", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		for _, c := range indexReads {
			out, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(customers), IndexName: aws.String(c.index), Select: c.selected})
			if c.refused != nil {
				require.ErrorIs(t, err, c.refused, c.index)
				continue
			}
			require.NoError(t, err, c.index)
			requireItems(t, []encryptor.Item{customer("ada", 1)}, out.Items)
		}
	}},
	{"Scan of a plaintext table", nil, func(t *testing.T, f *operations) {
		f.putRaw(t, notes, note("n"))
		in := &dynamodb.ScanInput{TableName: aws.String(notes), FilterExpression: aws.String("age = :a OR attribute_exists(id)"),
			ExpressionAttributeValues: encryptor.Item{":a": &itemN{Value: "1"}}}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.Scan(t.Context(), in)))
			return
		}
		out, err := f.api.Scan(t.Context(), in)
		require.NoError(t, err)
		requireItems(t, []encryptor.Item{note("n")}, out.Items)
	}},
	refuses("Scan refuses", nil,
		refusal{name: "filter on an encrypted attribute", do: scan(dynamodb.ScanInput{FilterExpression: aws.String("contains(tags, :x)")}), attribute: "tags", says: "FilterExpression"},
		refusal{name: "undefined alias", do: scan(dynamodb.ScanInput{FilterExpression: aws.String("#x = :x")}), says: "#x"},
		refusal{name: "ScanFilter", do: scan(dynamodb.ScanInput{ScanFilter: map[string]types.Condition{}}), says: "ScanFilter"},
		refusal{name: "AttributesToGet", do: scan(dynamodb.ScanInput{AttributesToGet: []string{"pk"}}), says: "AttributesToGet"},
		refusal{name: "ConditionalOperator", do: scan(dynamodb.ScanInput{ConditionalOperator: types.ConditionalOperatorAnd}), says: "ConditionalOperator"},
		refusal{name: "projection", do: scan(dynamodb.ScanInput{ProjectionExpression: aws.String("pk")}), says: "ProjectionExpression"},
		refusal{name: "SPECIFIC_ATTRIBUTES", do: scan(dynamodb.ScanInput{Select: types.SelectSpecificAttributes}), says: "SPECIFIC_ATTRIBUTES"},
		refusal{name: "KEYS_ONLY index", do: scan(dynamodb.ScanInput{IndexName: aws.String("cities")}), says: `"cities"`},
		refusal{name: "another table", do: scan(dynamodb.ScanInput{TableName: aws.String("other")}), want: encryptor.ErrUnknownTable, table: "other"},
	),
	refuses("Scan refuses what PreviousActions encrypt", func(o *encryptor.Options) {
		o.PreviousActions = []actions.AttributeActions{{}}
	},
		refusal{name: "filter", do: scan(dynamodb.ScanInput{FilterExpression: aws.String("visits > :x")}), attribute: "visits", says: "is encrypted"},
	),
}

// requireBadItem requires the error about item 11 of a page.
func requireBadItem(t *testing.T, op string, err error) {
	t.Helper()
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, op, itemError.Op)
	require.Equal(t, customers, itemError.Table)
	require.Equal(t, 11, itemError.Index, "the first bad item")
	require.Equal(t, vectors.Text(customerKey("ada", 11)), vectors.Text(itemError.Key()))
	require.NotContains(t, err.Error(), "ada", "values are not in the text")
}
