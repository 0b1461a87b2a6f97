package ddbtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryTypeComesBack(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	want := with("Nina", "1", item{
		"s": str("π <&>\x00"), "empty s": str(""), "n": num("-12.5"), "b": bin("\x00\xff"), "empty b": bin(""),
		"true": boolean(true), "false": boolean(false), "null": &types.AttributeValueMemberNULL{Value: true},
		"l":       list(str("a"), num("1"), &types.AttributeValueMemberL{Value: []types.AttributeValue{}}, fields(item{})),
		"m":       fields(item{"x": num("1"), "y": list(boolean(true))}),
		"one ss":  texts("only"),
		"one bs":  &types.AttributeValueMemberBS{Value: [][]byte{{0, 1}}},
		"one ns":  numbers("7"),
		"ö.[0]#:": str("any name"),
	})
	put(t, client, want)
	assert.Equal(t, want, get(t, client, "Nina", "1"))
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	nines := strings.Repeat("9", 38)
	for _, c := range []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"+0", "0"}, {"0.00", "0"}, {"-0.0e5", "0"}, {"0e999999999999999999999", "0"},
		{"1.0", "1"}, {"00042", "42"}, {"+7", "7"}, {"-007.50", "-7.5"}, {".5", "0.5"}, {"5.", "5"},
		{"1.5E2", "150"}, {"1.5e+2", "150"}, {"15E-1", "1.5"}, {"1E-3", "0.001"}, {"100", "100"}, {"0.00100", "0.001"},
		{"123456.789", "123456.789"}, {nines, nines}, {"-0." + nines, "-0." + nines}, {"0000" + nines + "0000", nines + "0000"},
		{"9.99E125", "999" + strings.Repeat("0", 123)}, {"1E-130", "0." + strings.Repeat("0", 129) + "1"},
		{"-1E-130", "-0." + strings.Repeat("0", 129) + "1"}, {"0.00001E-125", "0." + strings.Repeat("0", 129) + "1"},
	} {
		put(t, client, with("n", "1", item{"n": num(c.in), "set": numbers(c.in), "deep": list(num(c.in))}))
		got := get(t, client, "n", "1")
		assert.Equal(t, num(c.want), got["n"], c.in)
		assert.Equal(t, numbers(c.want), got["set"], c.in)
		assert.Equal(t, list(num(c.want)), got["deep"], c.in)
	}
	for _, c := range []struct{ in, text string }{
		{"", "cannot be converted to a numeric value"}, {"abc", "cannot be converted"}, {"1e", "cannot be converted"},
		{"1e+", "cannot be converted"}, {".", "cannot be converted"}, {"-", "cannot be converted"}, {"--1", "cannot be converted"},
		{" 1", "cannot be converted"}, {"1_000", "cannot be converted"}, {"0x10", "cannot be converted"}, {"NaN", "cannot be converted"},
		{"Infinity", "cannot be converted"}, {"1.2.3", "cannot be converted"}, {"١", "cannot be converted"}, {"1e2.5", "cannot be converted"},
		{"1" + nines, "more than 38 significant digits"}, {"0." + nines + "1", "more than 38 significant digits"},
		{"1E126", "Number overflow"}, {"-1E126", "Number overflow"}, {"1e999999999999999999999", "Number overflow"},
		{"1E-131", "Number underflow"}, {"1e-999999999999999999999", "Number underflow"},
	} {
		for _, v := range []types.AttributeValue{num(c.in), numbers(c.in), list(num(c.in))} {
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: with("n", "2", item{"n": v})})
			requireInvalid(t, err, c.text)
		}
	}
}

func TestNumberSizes(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for literal, want := range map[string]int{
		"0": 1, "-0": 1, "1": 2, "-1": 3, "12": 2, "123": 3, "1234": 3, "0042": 2, "100": 2, "1010": 3, "123456": 4, "1E125": 2, "1E-100": 2,
		"1.5": 3, "1.200": 3, "1.234": 4, "3.14159": 5, "100.5": 4, "1.0005": 4, "0.15": 2, "0.0000001": 2, "-42": 3, "12345678901234567890123456789012345678": 20,
	} {
		put(t, client, with("a", "0", item{"n": num(literal)}))
		out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(table)})
		require.NoError(t, err)
		assert.EqualValues(t, len("artist")+len("a")+len("track")+1+len("n")+want, aws.ToInt64(out.Table.TableSizeBytes), literal)
	}
}

func TestNullIsAlwaysTrue(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, with("a", "1", item{"x": &types.AttributeValueMemberNULL{Value: false}}))
	assert.Equal(t, &types.AttributeValueMemberNULL{Value: true}, get(t, client, "a", "1")["x"])
}

func TestNumberKeysAreOneByValue(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, with("a", "1.0", item{"v": str("first")}), with("a", "01", item{"v": str("second")}))
	assert.Equal(t, with("a", "1", item{"v": str("second")}), get(t, client, "a", "1E0"))
}

func TestSetsComeBackInAnotherOrder(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	members := []string{"a", "b", "c"}
	for n := range len(members) - 1 {
		want := members[:n+2]
		put(t, client, with("a", "1", item{"set": texts(want...)}))
		for range 20 {
			got := get(t, client, "a", "1")["set"].(*types.AttributeValueMemberSS).Value
			assert.NotEqual(t, want, got)
			assert.ElementsMatch(t, want, got)
		}
	}
}

// nested returns a value with that many lists around it.
func nested(levels int) types.AttributeValue {
	v := boolean(true)
	for range levels {
		v = list(v)
	}
	return v
}

func TestPutItemRefuses(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	long := strings.Repeat("x", 2049)
	for name, c := range map[string]struct {
		item item
		text string
	}{
		"no partition key":      {item{"track": num("1")}, "Missing the key artist in the item"},
		"no sort key":           {item{"artist": str("a")}, "Missing the key track in the item"},
		"key of another type":   {item{"artist": num("1"), "track": num("1")}, "Type mismatch for key artist expected: S actual: N"},
		"empty key":             {key("", "1"), "cannot contain an empty string value. Key: artist"},
		"long partition key":    {key(long, "1"), "Size of hashkey has exceeded the maximum size limit"},
		"index key type":        {with("a", "1", item{"released": str("x")}), "Type mismatch for Index Key released Expected: N Actual: S IndexName: by-release"},
		"empty index key":       {with("a", "1", item{"genre": str("")}), "cannot contain an empty string value. IndexName: by-genre, IndexKey: genre"},
		"empty string set":      {with("a", "1", item{"x": texts()}), "may not be empty"},
		"empty number set":      {with("a", "1", item{"x": numbers()}), "may not be empty"},
		"empty binary set":      {with("a", "1", item{"x": &types.AttributeValueMemberBS{Value: [][]byte{}}}), "should not be empty"},
		"duplicate strings":     {with("a", "1", item{"x": texts("a", "b", "a")}), "type SS contains duplicates"},
		"duplicate numbers":     {with("a", "1", item{"x": numbers("1", "1.0")}), "Input collection contains duplicates"},
		"duplicate binaries":    {with("a", "1", item{"x": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {1}}}}), "type BS contains duplicates"},
		"bad value in a map":    {with("a", "1", item{"x": fields(item{"y": texts()})}), "may not be empty"},
		"nesting beyond 32":     {with("a", "1", item{"x": nested(32)}), "Nesting Levels have exceeded supported limits"},
		"empty attribute name":  {with("a", "1", item{"": str("x")}), "Empty attribute name"},
		"name of 64 KB":         {with("a", "1", item{strings.Repeat("n", 64<<10): str("x")}), "Attribute name is too large"},
		"name of 65,536 bytes":  {with("a", "1", item{strings.Repeat("ä", 32<<10): str("x")}), "must be less than 65536 bytes"},
		"one byte over 400 KB":  {sized(400<<10 + 1), "Item size has exceeded the maximum allowed size"},
		"nested beyond 400 KB":  {with("a", "1", item{"x": list(str(strings.Repeat("x", 400<<10)))}), "Item size has exceeded"},
		"set beyond 400 KB":     {with("a", "1", item{"x": texts(strings.Repeat("x", 400<<10), "y")}), "Item size has exceeded"},
		"elements beyond 400KB": {with("a", "1", item{"x": list(slices.Repeat([]types.AttributeValue{str(strings.Repeat("x", 409))}, 1000)...)}), "Item size has exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: c.item})
			requireInvalid(t, err, c.text)
		})
	}
}

// sized returns an item of that many bytes as DynamoDB counts them: names,
// key values (1 and 2 bytes), an element's overhead, and the rest in text.
func sized(bytes int) item {
	it := with("a", "1", item{"l": list(num("-123"), boolean(true), str(""))})
	const others = len("artist") + 1 + len("track") + 2 + len("l") + 3 + 3*1 + 4 + 1 + 0 + len("pad")
	it["pad"] = str(strings.Repeat("x", bytes-others))
	return it
}

func TestLargestItem(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, sized(400<<10), with("b", "1", item{"x": nested(31)}))
	assert.Equal(t, sized(400<<10), get(t, client, "a", "1"))
}

func TestLongestName(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	longest := strings.Repeat("n", 64<<10-1)
	put(t, client, with("a", "1", item{longest: num("1")}))
	add := func(name string) error {
		_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String(table), Key: key("a", "1"), UpdateExpression: aws.String("ADD #long :one"),
			ExpressionAttributeNames: map[string]string{"#long": name}, ExpressionAttributeValues: item{":one": num("1")},
		})
		return err
	}
	require.NoError(t, add(longest))
	requireInvalid(t, add(longest+"n"), "ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less than 65536 bytes for key #long")
	assert.Equal(t, with("a", "1", item{longest: num("2")}), get(t, client, "a", "1"))
}

func TestLongSortKey(t *testing.T) {
	t.Parallel()
	_, client := start(t)
	_, err := client.CreateTable(t.Context(), tableSpec(types.ScalarAttributeTypeB))
	require.NoError(t, err)
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(table), Item: item{"artist": str("a"), "track": bin(strings.Repeat("x", 1025))},
	})
	requireInvalid(t, err, "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}

func TestKeyMustMatchTheSchema(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for name, c := range map[string]struct {
		key  item
		text string
	}{
		"missing sort key": {item{"artist": str("a")}, "does not match the schema"},
		"more attributes":  {with("a", "1", item{"x": str("y")}), "does not match the schema"},
		"other attribute":  {item{"artist": str("a"), "x": str("y")}, "does not match the schema"},
		"other type":       {item{"artist": str("a"), "track": str("1")}, "does not match the schema"},
		"empty":            {key("", "1"), "cannot contain an empty string value"},
	} {
		_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: c.key})
		t.Log(name)
		requireInvalid(t, err, c.text)
		_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: c.key})
		requireInvalid(t, err, c.text)
	}
}

func TestWriteLifecycle(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	first, second := with("a", "1", item{"v": num("1")}), with("a", "1", item{"w": num("2")})

	out, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: first, ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	assert.Nil(t, out.Attributes, "nothing was there before")

	out, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: second, ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	assert.Equal(t, first, out.Attributes)
	assert.Equal(t, second, get(t, client, "a", "1"), "the whole item is replaced")

	out, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: second})
	require.NoError(t, err)
	assert.Nil(t, out.Attributes)

	deleted, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key("a", "1"), ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	assert.Equal(t, second, deleted.Attributes)
	assert.Nil(t, get(t, client, "a", "1"))

	deleted, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key("a", "1"), ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	assert.Nil(t, deleted.Attributes)
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	stored := with("a", "1", item{"v": num("1")})
	put(t, client, stored)

	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(table), Item: with("a", "1", item{"v": num("2")}),
		ConditionExpression: aws.String("attribute_not_exists(artist)"),
	})
	requireCode(t, err, "ConditionalCheckFailedException", "The conditional request failed")
	var failed *types.ConditionalCheckFailedException
	require.True(t, errors.As(err, &failed))
	assert.Nil(t, failed.Item)

	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(table), Key: key("a", "1"),
		ConditionExpression:                 aws.String("v = :v"),
		ExpressionAttributeValues:           item{":v": num("2")},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failed = nil
	require.True(t, errors.As(err, &failed))
	assert.Equal(t, stored, failed.Item)
	assert.Equal(t, stored, get(t, client, "a", "1"), "a failed condition changes nothing")

	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(table), Key: key("nobody", "1"),
		ConditionExpression:                 aws.String("attribute_exists(artist)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failed = nil
	require.True(t, errors.As(err, &failed))
	assert.Nil(t, failed.Item, "there is no item to show")

	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(table), Key: key("a", "1"),
		ConditionExpression: aws.String("v = :v"), ExpressionAttributeValues: item{":v": num("1.0")},
	})
	require.NoError(t, err)
	assert.Nil(t, get(t, client, "a", "1"))
}

func TestWriteParametersRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for text, change := range map[string]func(*dynamodb.PutItemInput){
		"ReturnValues can only be ALL_OLD or NONE": func(in *dynamodb.PutItemInput) { in.ReturnValues = types.ReturnValueAllNew },
		"enum value set: [ALL_OLD, NONE]":          func(in *dynamodb.PutItemInput) { in.ReturnValuesOnConditionCheckFailure = "SOME" },
		`ReturnConsumedCapacity: "TOTAL" is not supported by ddbtest`: func(in *dynamodb.PutItemInput) {
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
		},
		`ReturnItemCollectionMetrics: "SIZE" is not supported by ddbtest`: func(in *dynamodb.PutItemInput) {
			in.ReturnItemCollectionMetrics = types.ReturnItemCollectionMetricsSize
		},
		`the parameter "Expected" is not supported by ddbtest`: func(in *dynamodb.PutItemInput) {
			in.Expected = map[string]types.ExpectedAttributeValue{"v": {Exists: aws.Bool(false)}}
		},
		`the parameter "ConditionalOperator" is not supported by ddbtest`: func(in *dynamodb.PutItemInput) {
			in.ConditionalOperator = types.ConditionalOperatorAnd
		},
	} {
		in := &dynamodb.PutItemInput{TableName: aws.String(table), Item: key("a", "1")}
		change(in)
		_, err := client.PutItem(t.Context(), in)
		requireInvalid(t, err, text)
	}
	assert.Nil(t, get(t, client, "a", "1"), "nothing was written")
}

func TestGetItemProjection(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, with("a", "1", item{
		"v": num("1"),
		"m": fields(item{"x": num("1"), "y": num("2"), "deep": fields(item{"z": num("3")})}),
		"l": list(str("0"), str("1"), fields(item{"k": str("2"), "o": str("x")})),
	}))
	for expression, want := range map[string]item{
		"v":                       {"v": num("1")},
		"v, artist":               {"v": num("1"), "artist": str("a")},
		"absent":                  {},
		"m.x, m.deep.z":           {"m": fields(item{"x": num("1"), "deep": fields(item{"z": num("3")})})},
		"m.absent":                {},
		"l[1], l[0]":              {"l": list(str("0"), str("1"))},
		"l[2].k, l[0]":            {"l": list(str("0"), fields(item{"k": str("2")}))},
		"l[9]":                    {},
		"v[0]":                    {},
		"#m.#x":                   {"m": fields(item{"x": num("1")})},
		" v ,\n\tm . x , l [ 0 ]": {"v": num("1"), "m": fields(item{"x": num("1")}), "l": list(str("0"))},
	} {
		in := &dynamodb.GetItemInput{TableName: aws.String(table), Key: key("a", "1"), ProjectionExpression: aws.String(expression)}
		if strings.Contains(expression, "#") {
			in.ExpressionAttributeNames = map[string]string{"#m": "m", "#x": "x"}
		}
		out, err := client.GetItem(t.Context(), in)
		require.NoError(t, err, expression)
		require.NotNil(t, out.Item, expression)
		assert.Equal(t, want, out.Item, expression)
	}
	for expression, text := range map[string]string{
		"":             "The expression can not be empty",
		"v,":           "Syntax error",
		"v w":          "Syntax error",
		"v, v":         "paths overlap",
		"m, m.x":       "paths overlap",
		"m.x, m":       "paths overlap",
		"m.x, m[0]":    "paths conflict",
		"#undefined":   "not defined; attribute name: #undefined",
		"name":         "reserved keyword: name",
		"m.value":      "reserved keyword: value",
		":v":           "Syntax error",
		"fun(v)":       "Syntax error",
		"l[-1]":        "Syntax error",
		"l[x]":         "Syntax error",
		"l[0":          "Syntax error",
		"artist.x":     "Key attributes must be scalars",
		"genre[1]":     "Key attributes must be scalars",
		"v$":           "Syntax error",
		"*amzn-ddb-x*": "Syntax error",
	} {
		_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: key("a", "1"), ProjectionExpression: aws.String(expression)})
		requireInvalid(t, err, text)
	}
}

func TestMissingTable(t *testing.T) {
	t.Parallel()
	_, client := start(t)
	ctx, name := t.Context(), aws.String("absent")
	condition, values := aws.String("a = :a"), item{":a": str("a")}
	for op, call := range map[string]func() error{
		"put": func() error {
			_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: name, Item: key("a", "1")})
			return err
		},
		"get": func() error {
			_, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: name, Key: key("a", "1")})
			return err
		},
		"delete": func() error {
			_, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: name, Key: key("a", "1")})
			return err
		},
		"scan": func() error { _, err := client.Scan(ctx, &dynamodb.ScanInput{TableName: name}); return err },
		"describe": func() error {
			_, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: name})
			return err
		},
		"drop": func() error {
			_, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: name})
			return err
		},
		"query": func() error {
			_, err := client.Query(ctx, &dynamodb.QueryInput{TableName: name, KeyConditionExpression: condition, ExpressionAttributeValues: values})
			return err
		},
	} {
		var missing *types.ResourceNotFoundException
		assert.ErrorAs(t, call(), &missing, fmt.Sprint(op))
	}
}
