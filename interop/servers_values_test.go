package interop

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// spellings are numbers as a program may write them, and as DynamoDB gives them
// back.
var spellings = map[string]string{
	"1.0": "1", "1e2": "100", "-0": "0", "007": "7", "0.50": "0.5", "12E-1": "1.2", "-3.1400": "-3.14",
	"12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
}

var valueOperations = []operation{
	{"Number key written in any spelling", everyFace, func(t tester, f *fixture) {
		item := customer("ada", 100)
		item["sk"] = num("1E2")
		f.put(t, item)
		requireItem(t, customer("ada", 100), f.get(t, customerKey("ada", 100)))
		require.Equal(t, num("100"), f.stored(t, f.customers, customerKey("ada", 100))["sk"])
	}},
	{"Number key read in any spelling", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 100))
		in := &dynamodb.GetItemInput{TableName: &f.customers, Key: encryptor.Item{"pk": text("ada"), "sk": num("100.0")}}
		out, err := f.api.GetItem(t.Context(), in)
		require.NoError(t, err)
		require.NotEmpty(t, out.Item, "100.0 is the key 100")
		requireItem(t, customer("ada", 100), out.Item)
	}},
	{"Signed numbers and sets verify in any spelling", everyFace, func(t tester, f *fixture) {
		item := customer("ada", 1)
		var members []string
		for spelling := range spellings {
			members = append(members, spelling)
		}
		item["scores"] = &types.AttributeValueMemberNS{Value: members}
		f.put(t, item)
		requireItem(t, item, f.get(t, customerKey("ada", 1)))
	}},
	{"Numbers are stored in canonical spelling", everyFace, func(t tester, f *fixture) {
		for _, spelling := range slices.Sorted(maps.Keys(spellings)) {
			item := customer("ada", 1)
			item["visits"] = num(spelling)
			f.put(t, item)
			require.Equal(t, num(spellings[spelling]), f.stored(t, f.customers, customerKey("ada", 1))["visits"])
		}
	}},
	{"Conditions compare numbers by value, sets without order", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		_, err := f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: &f.customers, Key: customerKey("ada", 1), ConditionExpression: aws.String("visits = :v AND scores = :s"),
			ExpressionAttributeValues: encryptor.Item{
				":v": num("1.00"), ":s": &types.AttributeValueMemberNS{Value: []string{"-1.50", "9.0", "1e1"}},
			},
		})
		require.NoError(t, err)
	}},
	{"All types, encrypted, signed and unsigned", everyFace, func(t tester, f *fixture) {
		item := customer("ada", 1)
		for _, name := range []string{"profile", "scores", "meta"} { // encrypted, signed, unsigned
			item[name] = &types.AttributeValueMemberM{Value: everyType()}
		}
		f.put(t, item)
		requireItem(t, item, f.get(t, customerKey("ada", 1)))
	}},
}

func everyType() encryptor.Item {
	return encryptor.Item{
		"s": text("ä\U0001F600\x00"), "empty": text(""), "n": num("-1.5"),
		"b": &types.AttributeValueMemberB{Value: []byte{0, 255}}, "t": &types.AttributeValueMemberBOOL{Value: true},
		"null": &types.AttributeValueMemberNULL{Value: true}, "ss": &types.AttributeValueMemberSS{Value: []string{"\U0001F600", "\uFFFD", "a"}},
		"ns": &types.AttributeValueMemberNS{Value: []string{"2", "10"}}, "bs": &types.AttributeValueMemberBS{Value: [][]byte{{255}, {1, 2}}},
		"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberM{Value: encryptor.Item{"x": &types.AttributeValueMemberL{}}}}},
	}
}

var tableOperations = []operation{
	{"DescribeTable: keys and indexes", everyFace, func(t tester, f *fixture) {
		info, err := tableinfo.Describe(t.Context(), f.api, f.customers)
		require.NoError(t, err)
		require.Equal(t, f.customers, info.Name)
		require.NotEmpty(t, info.ARN)
		require.Equal(t, []string{"pk", "sk"}, info.KeyNames())
		require.ElementsMatch(t, []string{"pk", "sk", "city", "visits"}, info.ProtectedIndexKeys())
		projections := map[string]types.ProjectionType{}
		for _, index := range info.Secondary {
			projections[index.Name] = index.Projection
			if index.Name == "included" {
				require.ElementsMatch(t, []string{"*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*", "name", "age", "tags", "scores", "meta"}, index.NonKeyAttributes)
			}
			require.Equal(t, index.Name == "local", index.Local)
		}
		require.Equal(t, map[string]types.ProjectionType{
			"by-city": types.ProjectionTypeAll, "included": types.ProjectionTypeInclude, "local": types.ProjectionTypeKeysOnly,
		}, projections)
	}},
	{"Table ARN as its name: items", everyFace, func(t tester, f *fixture) {
		f.putMany(t, "ada", 3)
		name, arn := f.customers, f.table.Codec().Table().ARN
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &arn, Item: customer("bob", 1)})
		require.NoError(t, err)
		out, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &arn, Key: customerKey("bob", 1)})
		require.NoError(t, err)
		requireItem(t, customer("bob", 1), out.Item)
		update := f.visit(customerKey("bob", 1))
		update.TableName = &arn
		_, err = f.api.UpdateItem(t.Context(), update)
		require.NoError(t, err)
		query := f.query("ada")
		query.TableName = &arn
		f.requireQuery(t, []encryptor.Item{customer("ada", 0), customer("ada", 1), customer("ada", 2)}, query)
		page, err := f.api.Scan(t.Context(), &dynamodb.ScanInput{TableName: &arn, Select: types.SelectCount})
		require.NoError(t, err)
		require.EqualValues(t, 4, page.Count)
		_, err = f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &arn, Key: customerKey("bob", 1)})
		require.NoError(t, err)
		require.Empty(t, f.stored(t, name, customerKey("bob", 1)))
	}},
	{"Table ARN as its name: batches", everyFace, func(t tester, f *fixture) {
		arn := f.table.Codec().Table().ARN
		written, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{arn: {putRequest(customer("ada", 1))}}})
		require.NoError(t, err)
		require.Empty(t, written.UnprocessedItems)
		out, err := f.api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			arn: {Keys: []map[string]types.AttributeValue{customerKey("ada", 1)}},
		}})
		require.NoError(t, err)
		require.Len(t, out.Responses, 1)
		for _, items := range out.Responses {
			requireItems(t, []encryptor.Item{customer("ada", 1)}, items)
		}
	}},
	{"Table ARN as its name: transactions", everyFace, func(t tester, f *fixture) {
		arn := f.table.Codec().Table().ARN
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: &arn, Item: customer("ada", 1)}}}})
		require.NoError(t, err)
		out, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: &arn, Key: customerKey("ada", 1)}}}})
		require.NoError(t, err)
		require.Len(t, out.Responses, 1)
		requireItem(t, customer("ada", 1), out.Responses[0].Item)
	}},
	{"Keys of type N and B", tableFace, func(t tester, f *fixture) {
		f.requireNumberAndBinaryKeys(t)
	}},
}

// requireNumberAndBinaryKeys fills a table whose keys are n (N) and b (B), the
// latter in the order of unsigned bytes.
func (f *fixture) requireNumberAndBinaryKeys(t tester) {
	t.Helper()
	name := f.customers + "-n-b"
	_, err := f.raw.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema("n", "b"),
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("n"), AttributeType: types.ScalarAttributeTypeN},
			{AttributeName: aws.String("b"), AttributeType: types.ScalarAttributeTypeB},
		},
	})
	require.NoError(t, err)
	table, err := encryptor.NewTable(f.raw, f.codec(t, name, actions.AttributeActions{}))
	require.NoError(t, err)
	var all []encryptor.Item
	for _, b := range []string{"\x00", "\x7f", "\x80", "\xff", "\xff\x00"} {
		item := encryptor.Item{"n": num("-1.50"), "b": &types.AttributeValueMemberB{Value: []byte(b)}, "text": text(secret)}
		_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
		require.NoError(t, err)
		all = append(all, item)
	}
	out, err := table.Query(t.Context(), &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("n = :n AND b >= :b"),
		ExpressionAttributeValues: encryptor.Item{
			":n": num("-1.5"), ":b": &types.AttributeValueMemberB{Value: []byte("\x7f")},
		},
	})
	require.NoError(t, err)
	requireItems(t, all[1:], out.Items)
	_, err = f.raw.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &name})
	require.NoError(t, err)
}
