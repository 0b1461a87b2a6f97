package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

const customers = "customers"

// fixture is an encrypted table with the keys pk (S) and sk (N), over ddbtest and
// kmstest. By its actions, city is SIGN_ONLY, visits DO_NOTHING, and the rest
// encrypted. Its indexes: by-city (global, ALL), cities (global, KEYS_ONLY),
// partial (global, INCLUDE of what the format adds and nothing else), local
// (KEYS_ONLY) and local-all (ALL).
type fixture struct {
	server *ddbtest.Server
	raw    *dynamodb.Client
	kms    *kmstest.KMS
	key    string
	table  *encryptor.EncryptedTable
}

func newFixture(t *testing.T, optFns ...func(*encryptor.Options)) *fixture {
	t.Helper()
	f := &fixture{server: ddbtest.NewServer(), kms: kmstest.New()}
	t.Cleanup(f.server.Close)
	f.raw = f.server.Client()
	f.key = f.kms.CreateKey("alias/customers")
	createCustomers(t, f.raw)
	f.table = f.open(t, optFns...)
	return f
}

func createCustomers(t *testing.T, db *dynamodb.Client) {
	t.Helper()
	schema := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	all := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	keysOnly := &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   aws.String(customers),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeN},
			{AttributeName: aws.String("city"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("visits"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: schema("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("by-city"), KeySchema: schema("city", "sk"), Projection: all},
			{IndexName: aws.String("cities"), KeySchema: schema("city", "pk"), Projection: keysOnly},
			{IndexName: aws.String("partial"), KeySchema: schema("city", "visits"), Projection: &types.Projection{
				ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*"},
			}},
			{IndexName: aws.String("stampless"), KeySchema: schema("city", "visits"), Projection: &types.Projection{
				ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"name", "*amzn-ddb-map-sig*"},
			}},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			{IndexName: aws.String("local"), KeySchema: schema("pk", "visits"), Projection: keysOnly},
			{IndexName: aws.String("local-all"), KeySchema: schema("pk", "city"), Projection: all},
		},
	})
	require.NoError(t, err)
}

func (f *fixture) open(t *testing.T, optFns ...func(*encryptor.Options)) *encryptor.EncryptedTable {
	t.Helper()
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	options := append([]func(*encryptor.Options){func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly, "visits": actions.DoNothing}
	}}, optFns...)
	table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, customers, provider, options...)
	require.NoError(t, err)
	return table
}

func customer(pk string, sk int) encryptor.Item {
	return encryptor.Item{
		"pk":     &types.AttributeValueMemberS{Value: pk},
		"sk":     &types.AttributeValueMemberN{Value: fmt.Sprint(sk)},
		"name":   &types.AttributeValueMemberS{Value: secret + pk},
		"age":    &types.AttributeValueMemberN{Value: "42"},
		"tags":   &types.AttributeValueMemberSS{Value: []string{"b", "a"}},
		"city":   &types.AttributeValueMemberS{Value: "Ulm"},
		"visits": &types.AttributeValueMemberN{Value: "7"},
	}
}

// secret begins every encrypted text; it must be in no table and no error.
const secret = "s3cr3t of "

func customerKey(pk string, sk int) encryptor.Item {
	item := customer(pk, sk)
	return encryptor.Item{"pk": item["pk"], "sk": item["sk"]}
}

func (f *fixture) put(t *testing.T, item encryptor.Item) {
	t.Helper()
	_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
	require.NoError(t, err)
}

// stored returns the item as DynamoDB holds it.
func (f *fixture) stored(t *testing.T, key encryptor.Item) encryptor.Item {
	t.Helper()
	out, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// damage flips a bit of a stored item's signature.
func (f *fixture) damage(t *testing.T, key encryptor.Item) {
	t.Helper()
	item := f.stored(t, key)
	item["*amzn-ddb-map-sig*"].(*types.AttributeValueMemberB).Value[0] ^= 1
	_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: item})
	require.NoError(t, err)
}

func requireItems(t *testing.T, want, got []encryptor.Item) {
	t.Helper()
	texts := func(items []encryptor.Item) []string {
		var all []string
		for _, item := range items {
			all = append(all, vectors.Text(item))
		}
		return all
	}
	require.Equal(t, texts(want), texts(got))
}

func TestTableRoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	item := customer("ada", 1)
	before := vectors.Text(item)
	in := &dynamodb.PutItemInput{Item: item}
	_, err := f.table.PutItem(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, before, vectors.Text(item), "the caller's item is not modified")
	require.Equal(t, &dynamodb.PutItemInput{Item: item}, in, "the caller's request is not modified")

	stored := f.stored(t, customerKey("ada", 1))
	require.NotContains(t, vectors.Text(stored), secret)
	for _, name := range []string{"name", "age", "tags", "*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*"} {
		require.IsType(t, &types.AttributeValueMemberB{}, stored[name], name)
	}
	for _, name := range []string{"pk", "sk", "city", "visits"} {
		require.Equal(t, item[name], stored[name], name)
	}

	got, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("ada", 1)})
	require.NoError(t, err)
	require.Equal(t, before, vectors.Text(got.Item))

	absent, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("nobody", 1)})
	require.NoError(t, err)
	require.Nil(t, absent.Item)
}

func TestTableReturnedImages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	old, key := customer("ada", 1), customerKey("ada", 1)
	f.put(t, old)

	put, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer("ada", 1), ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	require.Equal(t, vectors.Text(old), vectors.Text(put.Attributes))

	deleted, err := f.table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: key, ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	require.Equal(t, vectors.Text(old), vectors.Text(deleted.Attributes))

	f.put(t, old)
	f.damage(t, key)
	out, err := f.table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: key, ReturnValues: types.ReturnValueAllOld})
	require.Nil(t, out)
	require.ErrorIs(t, err, encryptor.ErrImage)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, vectors.Text(key), vectors.Text(itemError.Key()))
	require.Contains(t, itemError.Stored(), "*amzn-ddb-map-sig*")
	require.Nil(t, f.stored(t, key), "the deletion took effect")
}

func TestTableFailedConditions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	old, key := customer("ada", 1), customerKey("ada", 1)
	f.put(t, old)
	fail := func() (*types.ConditionalCheckFailedException, error) {
		_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{
			Item: customer("ada", 1), ConditionExpression: aws.String("attribute_not_exists(pk)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception)
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.Same(t, exception, api)
		var operation *smithy.OperationError
		require.ErrorAs(t, err, &operation)
		return exception, err
	}
	exception, _ := fail()
	require.Equal(t, vectors.Text(old), vectors.Text(exception.Item))

	f.damage(t, key)
	exception, err := fail()
	require.Nil(t, exception.Item)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	require.NotErrorIs(t, err, encryptor.ErrImage, "nothing was written")

	_, err = f.table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: key, ConditionExpression: aws.String("city = :c"),
		ExpressionAttributeValues: encryptor.Item{":c": &types.AttributeValueMemberS{Value: "Bern"}}})
	require.ErrorAs(t, err, &exception)
	require.NotNil(t, f.stored(t, key))
}

func TestTablePages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *encryptor.Options) { o.Concurrency = 3 })
	var all []encryptor.Item
	for sk := range 25 {
		all = append(all, customer("ada", sk))
		f.put(t, all[sk])
	}
	query := func() *dynamodb.QueryInput {
		return &dynamodb.QueryInput{
			KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: encryptor.Item{":pk": &types.AttributeValueMemberS{Value: "ada"}},
		}
	}
	t.Run("query", func(t *testing.T) {
		out, err := f.table.Query(t.Context(), query())
		require.NoError(t, err)
		requireItems(t, all, out.Items)
	})
	t.Run("paginators", func(t *testing.T) {
		var got []encryptor.Item
		pages := dynamodb.NewQueryPaginator(f.table, query(), func(o *dynamodb.QueryPaginatorOptions) { o.Limit = 10 })
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Items), 10)
			got = append(got, page.Items...)
		}
		requireItems(t, all, got)

		got = nil
		scan := dynamodb.NewScanPaginator(f.table, &dynamodb.ScanInput{Limit: aws.Int32(7)})
		for scan.HasMorePages() {
			page, err := scan.NextPage(t.Context())
			require.NoError(t, err)
			got = append(got, page.Items...)
		}
		requireItems(t, all, got)
	})
	t.Run("count", func(t *testing.T) {
		calls := len(f.kms.Calls())
		in := query()
		in.Select = types.SelectCount
		out, err := f.table.Query(t.Context(), in)
		require.NoError(t, err)
		require.EqualValues(t, 25, out.Count)
		require.Empty(t, out.Items)
		scanned, err := f.table.Scan(t.Context(), &dynamodb.ScanInput{Select: types.SelectCount, IndexName: aws.String("cities")})
		require.NoError(t, err)
		require.EqualValues(t, 25, scanned.Count)
		require.Len(t, f.kms.Calls(), calls)
	})
	t.Run("filter", func(t *testing.T) {
		in := query()
		in.FilterExpression = aws.String("attribute_exists(#n) AND city = :c AND visits < :v")
		in.ExpressionAttributeNames = map[string]string{"#n": "name"}
		in.ExpressionAttributeValues[":c"] = &types.AttributeValueMemberS{Value: "Ulm"}
		in.ExpressionAttributeValues[":v"] = &types.AttributeValueMemberN{Value: "8"}
		out, err := f.table.Query(t.Context(), in)
		require.NoError(t, err)
		requireItems(t, all, out.Items)
	})
	t.Run("bad items", func(t *testing.T) {
		f.damage(t, customerKey("ada", 20))
		f.damage(t, customerKey("ada", 11))
		out, err := f.table.Query(t.Context(), query())
		require.Nil(t, out)
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, "Query", itemError.Op)
		require.Equal(t, 11, itemError.Index, "the first bad item")
		require.Equal(t, vectors.Text(customerKey("ada", 11)), vectors.Text(itemError.Key()))
		require.NotContains(t, err.Error(), "ada", "values are not in the text")
		_, err = f.table.Scan(t.Context(), nil)
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, 11, itemError.Index)
	})
}

func TestTableIndexes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	item := customer("ada", 1)
	f.put(t, item)
	for _, c := range []struct {
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
	} {
		t.Run(fmt.Sprint(c.index, " ", c.selected), func(t *testing.T) {
			out, err := f.table.Query(t.Context(), &dynamodb.QueryInput{
				IndexName: aws.String(c.index), Select: c.selected, KeyConditionExpression: aws.String(c.key + " = :k"),
				ExpressionAttributeValues: encryptor.Item{":k": item[c.key]},
			})
			if c.refused != nil {
				require.ErrorIs(t, err, c.refused)
				require.Nil(t, out)
				return
			}
			require.NoError(t, err)
			requireItems(t, []encryptor.Item{item}, out.Items)
		})
	}
	t.Run("an index made after the table was described", func(t *testing.T) {
		info := f.table.Codec().Table()
		info.Secondary = nil
		provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
		require.NoError(t, err)
		codec, err := encryptor.New(provider, info, func(o *encryptor.Options) {
			o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly, "visits": actions.DoNothing}
		})
		require.NoError(t, err)
		table, err := encryptor.NewTable(f.raw, codec)
		require.NoError(t, err)
		out, err := table.Scan(t.Context(), &dynamodb.ScanInput{IndexName: aws.String("by-city")})
		require.NoError(t, err)
		requireItems(t, []encryptor.Item{item}, out.Items)
		_, err = table.Scan(t.Context(), &dynamodb.ScanInput{IndexName: aws.String("cities")})
		require.ErrorIs(t, err, encryptor.ErrUnsigned)
	})
}

// Whatever is refused is refused before any call to DynamoDB or KMS.
func TestTableRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := customerKey("ada", 1)
	text := aws.String
	for name, c := range map[string]struct {
		do        func(context.Context, *encryptor.EncryptedTable) error
		want      error
		attribute string
		says      string
	}{
		"put: condition on an encrypted attribute": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), ConditionExpression: text("age > :a")}),
			want: encryptor.ErrUnsupported, attribute: "age", says: "ConditionExpression"},
		"put: condition by alias": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), ConditionExpression: text("attribute_exists(pk) AND #x = :a"),
			ExpressionAttributeNames: map[string]string{"#x": "age"}}), want: encryptor.ErrUnsupported, attribute: "age", says: "is encrypted"},
		"put: condition into an encrypted document": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), ConditionExpression: text("attribute_exists(tags.x)")}),
			want: encryptor.ErrUnsupported, attribute: "tags"},
		"put: condition on the signature": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), ConditionExpression: text("#s = :a"),
			ExpressionAttributeNames: map[string]string{"#s": "*amzn-ddb-map-sig*"}}), want: encryptor.ErrUnsupported, attribute: "*amzn-ddb-map-sig*", says: "belongs to the item format"},
		"put: condition that cannot be read": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), ConditionExpression: text("age >")}),
			want: encryptor.ErrUnsupported, says: "ConditionExpression"},
		"put: Expected": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), Expected: map[string]types.ExpectedAttributeValue{}}),
			want: encryptor.ErrUnsupported, says: "legacy parameter Expected"},
		"put: ConditionalOperator": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), ConditionalOperator: types.ConditionalOperatorOr}),
			want: encryptor.ErrUnsupported, says: "ConditionalOperator"},
		"put: another table":          {do: put(dynamodb.PutItemInput{Item: customer("a", 1), TableName: text("other")}), want: encryptor.ErrUnknownTable, says: `"other"`},
		"put: another table's ARN":    {do: put(dynamodb.PutItemInput{Item: customer("a", 1), TableName: text("arn:aws:dynamodb:us-east-1:111122223333:table/other")}), want: encryptor.ErrUnknownTable},
		"put: ARN of another account": {do: put(dynamodb.PutItemInput{Item: customer("a", 1), TableName: text("arn:aws:dynamodb:us-east-1:999999999999:table/customers")}), want: encryptor.ErrUnknownTable},
		"put: no key":                 {do: put(dynamodb.PutItemInput{Item: encryptor.Item{"pk": key["pk"]}}), want: encryptor.ErrInvalidValue, attribute: "sk", says: "missing"},
		"put: nothing":                {do: put(dynamodb.PutItemInput{}), want: encryptor.ErrInvalidValue, attribute: "pk"},
		"get: projection":             {do: get(dynamodb.GetItemInput{Key: key, ProjectionExpression: text("city")}), want: encryptor.ErrUnsupported, says: "ProjectionExpression"},
		"get: AttributesToGet":        {do: get(dynamodb.GetItemInput{Key: key, AttributesToGet: []string{"city"}}), want: encryptor.ErrUnsupported, says: "AttributesToGet"},
		"get: another table":          {do: get(dynamodb.GetItemInput{Key: key, TableName: text("other")}), want: encryptor.ErrUnknownTable},
		"delete: condition":           {do: del(dynamodb.DeleteItemInput{Key: key, ConditionExpression: text("begins_with(#n, :x)"), ExpressionAttributeNames: map[string]string{"#n": "name"}}), want: encryptor.ErrUnsupported, attribute: "name"},
		"delete: Expected":            {do: del(dynamodb.DeleteItemInput{Key: key, Expected: map[string]types.ExpectedAttributeValue{}}), want: encryptor.ErrUnsupported},
		"delete: another table":       {do: del(dynamodb.DeleteItemInput{Key: key, TableName: text("other")}), want: encryptor.ErrUnknownTable},
		"query: filter":               {do: query(dynamodb.QueryInput{KeyConditionExpression: text("pk = :p"), FilterExpression: text("size(tags) > :n")}), want: encryptor.ErrUnsupported, attribute: "tags", says: "FilterExpression"},
		"query: key condition":        {do: query(dynamodb.QueryInput{KeyConditionExpression: text("age = :p")}), want: encryptor.ErrUnsupported, attribute: "age", says: "KeyConditionExpression"},
		"query: KeyConditions":        {do: query(dynamodb.QueryInput{KeyConditions: map[string]types.Condition{}}), want: encryptor.ErrUnsupported, says: "KeyConditions"},
		"query: QueryFilter":          {do: query(dynamodb.QueryInput{QueryFilter: map[string]types.Condition{}}), want: encryptor.ErrUnsupported, says: "QueryFilter"},
		"query: AttributesToGet":      {do: query(dynamodb.QueryInput{AttributesToGet: []string{"pk"}}), want: encryptor.ErrUnsupported},
		"query: ConditionalOperator":  {do: query(dynamodb.QueryInput{ConditionalOperator: types.ConditionalOperatorAnd}), want: encryptor.ErrUnsupported},
		"query: projection":           {do: query(dynamodb.QueryInput{ProjectionExpression: text("pk")}), want: encryptor.ErrUnsupported},
		"query: SPECIFIC_ATTRIBUTES":  {do: query(dynamodb.QueryInput{Select: types.SelectSpecificAttributes}), want: encryptor.ErrUnsupported, says: "SPECIFIC_ATTRIBUTES"},
		"query: ALL_PROJECTED":        {do: query(dynamodb.QueryInput{Select: types.SelectAllProjectedAttributes, IndexName: text("by-city")}), want: encryptor.ErrUnsupported},
		"query: KEYS_ONLY index":      {do: query(dynamodb.QueryInput{IndexName: text("cities")}), want: encryptor.ErrUnsupported, says: `"cities"`},
		"query: local KEYS_ONLY":      {do: query(dynamodb.QueryInput{IndexName: text("local")}), want: encryptor.ErrUnsupported, says: "Select ALL_ATTRIBUTES"},
		"scan: filter":                {do: scan(dynamodb.ScanInput{FilterExpression: text("contains(tags, :x)")}), want: encryptor.ErrUnsupported, attribute: "tags"},
		"scan: undefined alias":       {do: scan(dynamodb.ScanInput{FilterExpression: text("#x = :x")}), want: encryptor.ErrUnsupported, says: "#x"},
		"scan: ScanFilter":            {do: scan(dynamodb.ScanInput{ScanFilter: map[string]types.Condition{}}), want: encryptor.ErrUnsupported},
		"scan: AttributesToGet":       {do: scan(dynamodb.ScanInput{AttributesToGet: []string{"pk"}}), want: encryptor.ErrUnsupported},
		"scan: ConditionalOperator":   {do: scan(dynamodb.ScanInput{ConditionalOperator: types.ConditionalOperatorAnd}), want: encryptor.ErrUnsupported},
		"scan: projection":            {do: scan(dynamodb.ScanInput{ProjectionExpression: text("pk")}), want: encryptor.ErrUnsupported},
		"scan: KEYS_ONLY index":       {do: scan(dynamodb.ScanInput{IndexName: text("cities")}), want: encryptor.ErrUnsupported},
		"scan: another table":         {do: scan(dynamodb.ScanInput{TableName: text("")}), want: encryptor.ErrUnknownTable},
	} {
		t.Run(name, func(t *testing.T) {
			calls, kmsCalls := len(f.server.Calls()), len(f.kms.Calls())
			err := c.do(t.Context(), f.table)
			require.ErrorIs(t, err, c.want)
			require.Contains(t, err.Error(), c.says)
			require.NotContains(t, err.Error(), secret)
			var itemError *encryptor.ItemError
			require.ErrorAs(t, err, &itemError)
			assert.Equal(t, c.attribute, itemError.Attribute)
			assert.Equal(t, customers, itemError.Table)
			assert.Equal(t, -1, itemError.Index)
			assert.Len(t, f.server.Calls(), calls)
			assert.Len(t, f.kms.Calls(), kmsCalls)
		})
	}
}

type call = func(context.Context, *encryptor.EncryptedTable) error

func put(in dynamodb.PutItemInput) call {
	return func(ctx context.Context, t *encryptor.EncryptedTable) error { return errorOf(t.PutItem(ctx, &in)) }
}

func get(in dynamodb.GetItemInput) call {
	return func(ctx context.Context, t *encryptor.EncryptedTable) error { return errorOf(t.GetItem(ctx, &in)) }
}

func del(in dynamodb.DeleteItemInput) call {
	return func(ctx context.Context, t *encryptor.EncryptedTable) error { return errorOf(t.DeleteItem(ctx, &in)) }
}

func query(in dynamodb.QueryInput) call {
	return func(ctx context.Context, t *encryptor.EncryptedTable) error { return errorOf(t.Query(ctx, &in)) }
}

func scan(in dynamodb.ScanInput) call {
	return func(ctx context.Context, t *encryptor.EncryptedTable) error { return errorOf(t.Scan(ctx, &in)) }
}

// errorOf also asserts that an output never accompanies an error.
func errorOf[T any](out *T, err error) error {
	if err != nil && out != nil {
		return errors.New("an output accompanies an error")
	}
	return err
}

func TestTableNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	item := customer("ada", 1)
	arn := f.table.Codec().Table().ARN
	require.Contains(t, arn, ":table/"+customers)
	_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(arn), Item: item})
	require.NoError(t, err)
	for _, name := range []*string{nil, aws.String(customers), aws.String(arn)} {
		got, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: name, Key: customerKey("ada", 1)})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(got.Item))
	}
	for _, c := range f.kms.Calls() {
		require.Equal(t, customers, c.EncryptionContext["*aws-kms-table*"], "the bare name is what is bound")
	}
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	byARN, err := encryptor.NewEncryptedTable(t.Context(), f.raw, arn, provider, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly, "visits": actions.DoNothing}
	})
	require.NoError(t, err)
	got, err := byARN.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("ada", 1)})
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(got.Item))
}

func TestTableServiceErrors(t *testing.T) {
	t.Parallel()
	t.Run("too large once encrypted", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		item := customer("ada", 1)
		item["name"] = &types.AttributeValueMemberS{Value: strings.Repeat("x", 409_500)}
		_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.Equal(t, "ValidationException", api.ErrorCode())
		require.Regexp(t, `encrypted, the item has about 410[0-9]{3} bytes; DynamoDB takes at most 409600`, err.Error())
	})
	t.Run("DynamoDB's own error", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, err := f.raw.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(customers)})
		require.NoError(t, err)
		_, err = f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("ada", 1)})
		var notFound *types.ResourceNotFoundException
		require.ErrorAs(t, err, &notFound)
	})
	t.Run("an unknown table", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
		require.NoError(t, err)
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, "custmers", provider)
		require.Nil(t, table)
		var notFound *types.ResourceNotFoundException
		require.ErrorAs(t, err, &notFound)
		require.Contains(t, err.Error(), `"custmers"`)
	})
	t.Run("KMS", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.kms.DisableKey(f.key)
		_, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("ada", 1)})
		require.ErrorIs(t, err, materials.ErrKMS)
		var disabled *kmstypes.DisabledException
		require.ErrorAs(t, err, &disabled)
		_, err = f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer("ada", 2)})
		require.ErrorAs(t, err, &disabled)
		require.Nil(t, f.stored(t, customerKey("ada", 2)), "nothing was written")
	})
}

func TestTableMovedItems(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, customer("ada", 1))
	moved := f.stored(t, customerKey("ada", 1))
	moved["pk"] = &types.AttributeValueMemberS{Value: "eve"}
	_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: moved})
	require.NoError(t, err)
	_, err = f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("eve", 1)})
	require.ErrorIs(t, err, materials.ErrContextMismatch)
	for _, name := range []string{`"pk"`, `"sk"`, `"*aws-kms-table*"`} {
		require.Contains(t, err.Error(), name, "names of the encryption context are listed")
	}
	require.NotContains(t, err.Error(), "eve")
}

// A wrapper over a wrapper would encrypt twice.
func TestTableTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, customer("ada", 1))
	_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: f.stored(t, customerKey("ada", 1))})
	require.ErrorIs(t, err, encryptor.ErrReservedAttribute)
	require.Contains(t, err.Error(), "encrypted already")
}

func TestTableConstructors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	fails := func(want string, optFns ...func(*encryptor.Options)) {
		t.Helper()
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, customers, provider, optFns...)
		require.Nil(t, table)
		require.ErrorContains(t, err, want)
	}
	fails(`attribute "city" is a key of index`, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"visits": actions.DoNothing}
	})
	signed := map[string]actions.CryptoAction{"city": actions.SignOnly, "visits": actions.DoNothing}
	fails("Concurrency", func(o *encryptor.Options) { o.Actions.Overrides, o.Concurrency = signed, -1 })
	fails(`"pk"`, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"pk": actions.EncryptAndSign}
	})

	_, err = encryptor.NewEncryptedTable(t.Context(), nil, customers, provider)
	require.ErrorContains(t, err, "nil DynamoDB client")
	_, err = encryptor.NewEncryptedTable(t.Context(), f.raw, customers, nil)
	require.ErrorContains(t, err, "nil materials provider")
	_, err = encryptor.NewTable(f.raw, nil)
	require.ErrorContains(t, err, "nil item codec")
	_, err = encryptor.NewTable(nil, f.table.Codec())
	require.ErrorContains(t, err, "nil DynamoDB client")

	describes := slices.DeleteFunc(f.server.Calls(), func(op string) bool { return op != "DescribeTable" })
	before := len(describes)
	f.open(t)
	require.Len(t, slices.DeleteFunc(f.server.Calls(), func(op string) bool { return op != "DescribeTable" }), before+1)
}

func TestTableKeyedByTableInfo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.Equal(t, tableinfo.TableInfo{Name: customers, Primary: tableinfo.Index{PartitionKey: "pk", SortKey: "sk"}}.KeyNames(), f.table.Codec().Table().KeyNames())
	require.Equal(t, []string{"city", "pk", "sk", "visits"}, f.table.Codec().Table().ProtectedIndexKeys())
}
