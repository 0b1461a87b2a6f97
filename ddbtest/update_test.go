package ddbtest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateNames = map[string]string{"#n": "n", "#name": "name", "#m": "m", "#absent": "absent"}

var updateValues = item{
	":one": num("1"), ":half": num("0.50"), ":two": num("2"), ":minus": num("-10"), ":x": str("x"), ":y": str("y"),
	":list": list(num("7")), ":empty": list(), ":map": fields(item{"k": str("v")}), ":ss": texts("b", "c"), ":one ss": texts("z"),
	":ns": numbers("2.0", "3"), ":bs": &types.AttributeValueMemberBS{Value: [][]byte{{2}}}, ":b": bin("b"), ":true": boolean(true),
	":nines": num(strings.Repeat("9", 38)), ":huge": num("9E125"), ":tiny": num("1E-130"), ":all": texts("a", "b"), ":deep": nested(31),
	":null": &types.AttributeValueMemberNULL{Value: true},
}

func updateInput(expression string) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: aws.String(table), Key: key("a", "1.0"), UpdateExpression: aws.String(expression),
		ExpressionAttributeNames: used(expression, updateNames), ExpressionAttributeValues: used(expression, updateValues),
	}
}

// updateFixture is the item that the tests of expressions begin with.
func updateFixture() item {
	return with("a", "1", item{
		"n": num("5"), "s": str("s"), "l": list(str("0"), str("1"), str("2")), "m": fields(item{"x": num("1"), "l": list(num("1"), num("2"))}),
		"ss": texts("a", "b"), "ns": numbers("1", "2"), "bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}}, "name": str("N"),
	})
}

// TestUpdateExpressions: nil is an attribute that is gone, and attributes that
// are not mentioned are as before.
func TestUpdateExpressions(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for expression, changes := range map[string]item{
		// SET.
		"SET v = :x":                     {"v": str("x")},
		"set n = :x, v=:y":               {"n": str("x"), "v": str("y")},
		"SET n = n + :one":               {"n": num("6")},
		"SET n = n - :half":              {"n": num("4.5")},
		"SET n = :minus - n":             {"n": num("-15")},
		"SET #n = #n + n":                {"n": num("10")},
		"SET v = :nines - :one":          {"v": num(strings.Repeat("9", 37) + "8")},
		"SET v = n + :minus":             {"v": num("-5")},
		"SET n = n - n":                  {"n": num("0")},
		"SET v = if_not_exists(v, :one)": {"v": num("1")},
		"SET n = if_not_exists(n, :one)": {},
		"SET n = if_not_exists(absent, :one) + if_not_exists(n, :two)": {"n": num("6")},
		"SET v = if_not_exists(m.y, if_not_exists(m.x, :two))":         {"v": num("1")},
		"SET l = list_append(l, :list)":                                {"l": list(str("0"), str("1"), str("2"), num("7"))},
		"SET l = list_append(:list, l)":                                {"l": list(num("7"), str("0"), str("1"), str("2"))},
		"SET v = list_append(if_not_exists(v, :empty), :list)":         {"v": list(num("7"))},
		"SET v = s, s = n":                                             {"v": str("s"), "s": num("5")},
		"SET v = l[1], w = m.l[0]":                                     {"v": str("1"), "w": num("1")},
		"SET m.y = :x, m.l[1] = :y":                                    {"m": fields(item{"x": num("1"), "y": str("x"), "l": list(num("1"), str("y"))})},
		"SET l[1] = :x":                                                {"l": list(str("0"), str("x"), str("2"))},
		"SET l[9] = :x, l[7] = :y":                                     {"l": list(str("0"), str("1"), str("2"), str("y"), str("x"))},
		"SET m = :map, #name = :null":                                  {"m": fields(item{"k": str("v")}), "name": &types.AttributeValueMemberNULL{Value: true}},
		"SET v = artist":                                               {"v": str("a")},
		"SET v = :deep":                                                {"v": nested(31)},
		" SET\tv\n=\r:x ":                                              {"v": str("x")},
		"SET genre = :x":                                               {"genre": str("x")},
		"SET v = :one REMOVE n ADD w :two DELETE ss :ss":               {"v": num("1"), "n": nil, "w": num("2"), "ss": texts("a")},
		"DELETE ss :ss ADD w :two REMOVE n SET v = n":                  {"v": num("5"), "n": nil, "w": num("2"), "ss": texts("a")},
		"SET l[0] = :x, l[3] = :y REMOVE l[1]":                         {"l": list(str("x"), str("2"), str("y"))},
		"REMOVE n, l[0], l[2], m.x":                                    {"n": nil, "l": list(str("1")), "m": fields(item{"l": list(num("1"), num("2"))})},
		"REMOVE absent, l[9], m.absent":                                {},
		"REMOVE l[0], l[1], l[2]":                                      {"l": list([]types.AttributeValue{}...)},
		"REMOVE l[0] SET l[1] = l[0]":                                  {"l": list(str("0"), str("2"))},
		"SET l[4] = :x REMOVE l[3]":                                    {"l": list(str("0"), str("1"), str("2"), str("x"))},
		"ADD n :one":                                                   {"n": num("6")},
		"ADD n :minus":                                                 {"n": num("-5")},
		"ADD absent :two, m.x :half":                                   {"absent": num("2"), "m": fields(item{"x": num("1.5"), "l": list(num("1"), num("2"))})},
		"ADD absent :ss":                                               {"absent": texts("b", "c")},
		"DELETE ss :all":                                               {"ss": nil},
		"DELETE ns :ns, bs :bs":                                        {"ns": numbers("1"), "bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}}}},
		"DELETE absent :ss":                                            {},
		"SET v = if_not_exists(#absent, :x), w = if_not_exists(#m.#absent, :y)": {"v": str("x"), "w": str("y")},
	} {
		put(t, client, updateFixture())
		out, err := client.UpdateItem(t.Context(), updateInput(expression))
		require.NoError(t, err, expression)
		assert.Nil(t, out.Attributes, expression)
		want := updateFixture()
		for name, v := range changes {
			if v == nil {
				delete(want, name)
			} else {
				want[name] = v
			}
		}
		assertSameItem(t, want, get(t, client, "a", "1"), expression)
	}
}

// assertSameItem compares items whose sets come back in any order.
func assertSameItem(t *testing.T, want, got item, what string) {
	t.Helper()
	assert.Len(t, got, len(want), what)
	for name, v := range want {
		switch v := v.(type) {
		case *types.AttributeValueMemberSS:
			require.IsType(t, v, got[name], what)
			assert.ElementsMatch(t, v.Value, got[name].(*types.AttributeValueMemberSS).Value, what)
		case *types.AttributeValueMemberNS:
			require.IsType(t, v, got[name], what)
			assert.ElementsMatch(t, v.Value, got[name].(*types.AttributeValueMemberNS).Value, what)
		case *types.AttributeValueMemberBS:
			require.IsType(t, v, got[name], what)
			assert.ElementsMatch(t, v.Value, got[name].(*types.AttributeValueMemberBS).Value, what)
		default:
			assert.Equal(t, v, got[name], "%s: %s", what, name)
		}
	}
}

func TestAddToSets(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, updateFixture())
	_, err := client.UpdateItem(t.Context(), updateInput("ADD ss :ss, ns :ns, bs :bs"))
	require.NoError(t, err)
	want := updateFixture()
	want["ss"], want["ns"] = texts("a", "b", "c"), numbers("1", "2", "3")
	assertSameItem(t, want, get(t, client, "a", "1"), "ADD")
}

func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, updateFixture())
	const syntax = "Invalid UpdateExpression: Syntax error"
	for expression, text := range map[string]string{
		"":                                       "Invalid UpdateExpression: The expression can not be empty",
		" ":                                      "Invalid UpdateExpression: The expression can not be empty",
		"v = :x":                                 syntax,
		"PUT v :x":                               syntax,
		"SET":                                    syntax,
		"SET v":                                  syntax,
		"SET v = ":                               syntax,
		"SET v = :x,":                            syntax,
		"SET v = :x w = :y":                      syntax,
		"SET v : :x":                             syntax,
		"SET _v = :x":                            syntax + `; token: "_", near: "SET _v"`,
		"SET v = :x REMOVE __v":                  syntax + `; token: "_", near: "REMOVE __"`,
		"SET v = n + n + n":                      syntax,
		"SET v = n * n":                          syntax,
		"SET v = (n + n)":                        syntax,
		"SET v = if_not_exists(n, n + n)":        syntax,
		"SET v = if_not_exists(n, :one":          syntax,
		"SET :x = n":                             syntax,
		"SET l[-1] = :x":                         syntax,
		"REMOVE":                                 syntax,
		"REMOVE n = :x":                          syntax,
		"ADD n n":                                syntax,
		"ADD n = :one":                           syntax,
		"DELETE ss":                              syntax,
		"DELETE ss :ss :ss":                      syntax,
		"SET v = :x SET w = :y":                  `The "SET" section can only be used once in an update expression`,
		"REMOVE n SET v = :x REMOVE s":           `The "REMOVE" section can only be used once`,
		"SET name = :x":                          "Attribute name is a reserved keyword; reserved keyword: name",
		"SET v = name":                           "reserved keyword: name",
		"SET v = :undefined":                     "value used in expression is not defined; attribute value: :undefined",
		"ADD v :undefined":                       "value used in expression is not defined; attribute value: :undefined",
		"SET #undefined = :x":                    "name used in the document path is not defined; attribute name: #undefined",
		"SET v = size(s)":                        "The function is not allowed in an update expression; function: size",
		"SET v = attribute_exists(s)":            "not allowed in an update expression; function: attribute_exists",
		"SET v = now()":                          "Invalid function name; function: now",
		"SET v = if_not_exists(n)":               "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
		"SET v = list_append(l, l, l)":           "operator or function: list_append, number of operands: 3",
		"SET v = if_not_exists(:x, :y)":          "Operator or function requires a document path; operator or function: if_not_exists",
		"SET v = n + :x":                         "Incorrect operand type for operator or function; operator or function: +, operand type: S",
		"SET v = :list - n":                      "operator or function: -, operand type: L",
		"SET v = list_append(l, :one)":           "operator or function: list_append, operand type: N",
		"ADD n :x":                               "operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
		"ADD l :list":                            "operator: ADD, operand type: LIST",
		"DELETE n :one":                          "operator: DELETE, operand type: NUMBER",
		"DELETE ss :true":                        "operator: DELETE, operand type: BOOL",
		"SET v = :x, v = :y":                     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [v], path two: [v]",
		"SET m = :x, m.x = :y":                   "paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, x]",
		"SET n = :x REMOVE #n":                   "paths overlap",
		"SET l[1] = :x ADD l[1] :one":            "path one: [l, [1]], path two: [l, [1]]",
		"SET m.x = :x, m[0] = :y":                "Two document paths conflict with each other",
		"SET artist = :x":                        "Cannot update attribute artist. This attribute is part of the key",
		"REMOVE track":                           "Cannot update attribute track. This attribute is part of the key",
		"ADD track :one":                         "Cannot update attribute track",
		"DELETE artist.x :ss":                    "Cannot update attribute artist",
		"SET genre.x = :x":                       "Key attributes must be scalars",
		"SET v = artist.x":                       "Key attributes must be scalars",
		"SET v = absent":                         "The provided expression refers to an attribute that does not exist in the item",
		"SET v = absent + :one":                  "does not exist in the item",
		"SET v = if_not_exists(absent, l[9])":    "does not exist in the item",
		"SET v = s + :one":                       "An operand in the update expression has an incorrect data type",
		"SET v = list_append(s, :list)":          "incorrect data type",
		"SET v = list_append(:list, absent)":     "does not exist in the item",
		"ADD ss :one":                            "incorrect data type",
		"ADD s :one":                             "incorrect data type",
		"ADD ns :ss":                             "incorrect data type",
		"DELETE n :ss":                           "incorrect data type",
		"DELETE ss :ns":                          "incorrect data type",
		"SET absent.x = :x":                      "The document path provided in the update expression is invalid for update",
		"SET s.x = :x":                           "invalid for update",
		"SET s[0] = :x":                          "invalid for update",
		"SET m[0] = :x":                          "invalid for update",
		"SET l.x = :x":                           "invalid for update",
		"SET l[9].x = :x":                        "invalid for update",
		"REMOVE absent.x":                        "invalid for update",
		"REMOVE m.x.y":                           "invalid for update",
		"ADD absent.x :one":                      "invalid for update",
		"DELETE absent.x :ss":                    "invalid for update",
		"SET v = :nines + :half":                 "more than 38 significant digits",
		"SET v = :huge + :huge":                  "Number overflow",
		"SET v = :huge - :tiny":                  "more than 38 significant digits",
		"ADD n :nines":                           "more than 38 significant digits",
		"SET released = :x":                      "The update expression attempted to update the secondary index key to unsupported type",
		"SET m.y = :deep":                        "Nesting Levels have exceeded supported limits",
		"SET v = :x" + strings.Repeat(" ", 4096): "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size",
	} {
		_, err := client.UpdateItem(t.Context(), updateInput(expression))
		t.Log(expression)
		requireInvalid(t, err, text)
	}
	assertSameItem(t, updateFixture(), get(t, client, "a", "1"), "a refused update changes nothing")
}

func TestUpdateLimits(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()

	// Assignments are no operators, additions are.
	assign := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return "SET " + strings.Join(parts, ",")
	}
	for _, c := range []struct {
		expression, text string
	}{
		{assign(400, "a%d=:x"), ""},
		{assign(300, "a%d=n+n"), ""},
		{assign(301, "a%d=n+n"), "The expression contains too many operators; operator count: 301"},
	} {
		put(t, client, updateFixture())
		_, err := client.UpdateItem(ctx, updateInput(c.expression))
		if c.text == "" {
			require.NoError(t, err)
			continue
		}
		requireInvalid(t, err, c.text)
	}

	// The item must not grow beyond 400 KB.
	put(t, client, sized(400<<10-4))
	in := updateInput("SET z = :z")
	in.ExpressionAttributeValues = item{":z": str("123")}
	_, err := client.UpdateItem(ctx, in)
	require.NoError(t, err)
	in.ExpressionAttributeValues = item{":z": str("1234")}
	_, err = client.UpdateItem(ctx, in)
	requireInvalid(t, err, "Item size to update has exceeded the maximum allowed size")

	// Names and values together have 2 MB, of which :z, #n and n are 5 bytes.
	in = updateInput("SET z = if_not_exists(#n, :z)")
	put(t, client, updateFixture())
	in.ExpressionAttributeValues = item{":z": str(strings.Repeat("x", 2<<20-5))}
	_, err = client.UpdateItem(ctx, in)
	require.NoError(t, err)
	in.ExpressionAttributeValues = item{":z": str(strings.Repeat("x", 2<<20-4))}
	_, err = client.UpdateItem(ctx, in)
	requireInvalid(t, err, "exceed the maximum size of 2097152 bytes")

	// An alias has 255 bytes.
	for _, c := range []struct {
		length int
		text   string
	}{{255, ""}, {256, "contains a key that is too long; size of key: 256"}} {
		alias := "#" + strings.Repeat("n", c.length-1)
		in = updateInput("SET " + alias + " = :x")
		in.ExpressionAttributeNames = map[string]string{alias: "n"}
		_, err = client.UpdateItem(ctx, in)
		if c.text == "" {
			require.NoError(t, err)
			continue
		}
		requireInvalid(t, err, c.text)
	}
}

func TestUpdateReturnValues(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	const expression = "SET m.x = :x, v = :y, l[9] = :one REMOVE s ADD n :two"
	old := updateFixture()
	updated := with("a", "1", updateFixture())
	delete(updated, "s")
	updated["m"], updated["v"], updated["n"] = fields(item{"x": str("x"), "l": list(num("1"), num("2"))}), str("y"), num("7")
	updated["l"] = list(str("0"), str("1"), str("2"), num("1"))
	for values, want := range map[types.ReturnValue]item{
		"": nil, types.ReturnValueNone: nil, types.ReturnValueAllOld: old, types.ReturnValueAllNew: updated,
		types.ReturnValueUpdatedOld: {"m": fields(item{"x": num("1")}), "l": old["l"], "s": str("s"), "n": num("5")},
		types.ReturnValueUpdatedNew: {"m": fields(item{"x": str("x")}), "l": updated["l"], "v": str("y"), "n": num("7")},
	} {
		put(t, client, updateFixture())
		in := updateInput(expression)
		in.ReturnValues = values
		out, err := client.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		assertSameItem(t, want, out.Attributes, string(values))
		assertSameItem(t, updated, get(t, client, "a", "1"), string(values))
	}
	for expression, want := range map[string]item{
		"REMOVE n":            nil,
		"REMOVE m.x":          nil,
		"SET v = :x REMOVE n": {"v": str("x")},
	} {
		put(t, client, updateFixture())
		in := updateInput(expression)
		in.ReturnValues = types.ReturnValueUpdatedNew
		out, err := client.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, want, out.Attributes, expression)
	}
	in := updateInput(expression)
	in.ReturnValues = "SOME"
	_, err := client.UpdateItem(t.Context(), in)
	requireInvalid(t, err, "Value 'SOME' at 'returnValues' failed to satisfy constraint")
}

func TestUpdateCreates(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for name, c := range map[string]struct {
		expression *string
		values     types.ReturnValue
		want       item
		returned   item
	}{
		"nothing to do": {nil, types.ReturnValueAllNew, key("a", "1"), key("a", "1")},
		"all old":       {aws.String("SET v = :x"), types.ReturnValueAllOld, with("a", "1", item{"v": str("x")}), nil},
		"all new":       {aws.String("ADD v :one"), types.ReturnValueAllNew, with("a", "1", item{"v": num("1")}), with("a", "1", item{"v": num("1")})},
		"updated old":   {aws.String("SET v = :x"), types.ReturnValueUpdatedOld, with("a", "1", item{"v": str("x")}), nil},
		"updated new":   {aws.String("SET v = track"), types.ReturnValueUpdatedNew, with("a", "1", item{"v": num("1")}), item{"v": num("1")}},
		"only removals": {aws.String("REMOVE v DELETE w :ss"), types.ReturnValueUpdatedNew, key("a", "1"), nil},
	} {
		_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key("a", "1")})
		require.NoError(t, err)
		in := updateInput(aws.ToString(c.expression))
		in.UpdateExpression, in.ReturnValues = c.expression, c.values
		out, err := client.UpdateItem(t.Context(), in)
		require.NoError(t, err, name)
		assert.Equal(t, c.returned, out.Attributes, name)
		assert.Equal(t, c.want, get(t, client, "a", "1"), name)
	}
	in := updateInput("SET v = gone")
	in.Key = key("new", "1")
	_, err := client.UpdateItem(t.Context(), in)
	requireInvalid(t, err, "does not exist in the item")
	assert.Nil(t, get(t, client, "new", "1"))
}

func TestConditionalUpdates(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	in := updateInput("SET v = :x")
	in.ConditionExpression = aws.String("attribute_exists(artist)")
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err := client.UpdateItem(t.Context(), in)
	var failed *types.ConditionalCheckFailedException
	require.ErrorAs(t, err, &failed)
	assert.Nil(t, failed.Item)
	assert.Nil(t, get(t, client, "a", "1"), "the condition sees that there is no item")

	put(t, client, key("a", "1"))
	_, err = client.UpdateItem(t.Context(), in)
	require.NoError(t, err)
	in.ConditionExpression = aws.String("v <> :x")
	_, err = client.UpdateItem(t.Context(), in)
	failed = nil
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, with("a", "1", item{"v": str("x")}), failed.Item)
	in.ReturnValuesOnConditionCheckFailure = ""
	_, err = client.UpdateItem(t.Context(), in)
	failed = nil
	require.ErrorAs(t, err, &failed)
	assert.Nil(t, failed.Item)
}

func TestUpdateParametersRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for text, change := range map[string]func(*dynamodb.UpdateItemInput){
		"does not match the schema":                         func(in *dynamodb.UpdateItemInput) { in.Key = item{"artist": str("a")} },
		`"AttributeUpdates" is not supported by ddbtest`:    func(in *dynamodb.UpdateItemInput) { in.AttributeUpdates = map[string]types.AttributeValueUpdate{} },
		`"Expected" is not supported by ddbtest`:            func(in *dynamodb.UpdateItemInput) { in.Expected = map[string]types.ExpectedAttributeValue{} },
		`"ConditionalOperator" is not supported by ddbtest`: func(in *dynamodb.UpdateItemInput) { in.ConditionalOperator = "AND" },
		`ReturnConsumedCapacity: "TOTAL"`:                   func(in *dynamodb.UpdateItemInput) { in.ReturnConsumedCapacity = "TOTAL" },
		`ReturnItemCollectionMetrics: "SIZE"`:               func(in *dynamodb.UpdateItemInput) { in.ReturnItemCollectionMetrics = "SIZE" },
		"enum value set: [ALL_OLD, NONE]":                   func(in *dynamodb.UpdateItemInput) { in.ReturnValuesOnConditionCheckFailure = "SOME" },
		"unused in expressions: keys: {:y}":                 func(in *dynamodb.UpdateItemInput) { in.ExpressionAttributeValues[":y"] = str("y") },
		"ExpressionAttributeValues can only be specified":   func(in *dynamodb.UpdateItemInput) { in.UpdateExpression = nil },
		"Invalid ConditionExpression: Syntax error":         func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("v =") },
	} {
		in := updateInput("SET v = :x")
		change(in)
		_, err := client.UpdateItem(t.Context(), in)
		requireInvalid(t, err, text)
	}
	in := updateInput("SET v = :x")
	in.TableName = aws.String("absent")
	_, err := client.UpdateItem(t.Context(), in)
	var absent *types.ResourceNotFoundException
	require.True(t, errors.As(err, &absent))
	assert.Nil(t, get(t, client, "a", "1"))
}

func TestConcurrentIncrements(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	const writers, increments = 16, 50
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range increments {
				_, err := client.UpdateItem(t.Context(), updateInput("ADD n :one SET v = if_not_exists(v, :two) + :one"))
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	const total = writers * increments
	assert.Equal(t, with("a", "1", item{"n": num(fmt.Sprint(total)), "v": num(fmt.Sprint(total + 2))}), get(t, client, "a", "1"))
}
