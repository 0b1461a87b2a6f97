package ddbtest_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var placeholder = regexp.MustCompile(`[#:]\w+`)

// used keeps the names or values that occur in the expression, since DynamoDB
// refuses the others.
func used[V any](expression string, all map[string]V) map[string]V {
	var out map[string]V
	for _, name := range placeholder.FindAllString(expression, -1) {
		v, ok := all[name]
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]V{}
		}
		out[name] = v
	}
	return out
}

var names = map[string]string{
	"#s": "s", "#size": "size", "#m": "m", "#dotted": "m.x", "#absent": "absent", "#map": "*amzn-ddb-map-sig*", "#_s": "s",
}

var values = item{
	":one": num("1"), ":two": num("2"), ":three": num("3.0"), ":minus": num("-5"), ":ten": num("10"),
	":abc": str("abc"), ":_abc": str("abc"), ":bc": str("bc"), ":abd": str("abd"), ":Z": str("Z"), ":big": str("\uffff"), ":bigger": str("\U00010000"),
	":bin": bin("\x80\x01"), ":binpre": bin("\x80"), ":binlow": bin("\x7f\xff"),
	":true": boolean(true), ":null": &types.AttributeValueMemberNULL{Value: true},
	":ss": texts("y", "x"), ":ns": numbers("2", "1.0"), ":list": list(num("1"), str("abc")), ":map": fields(item{"x": num("1.0")}),
	":S": str("S"), ":N": str("N"), ":SS": str("SS"), ":bogus": str("STRING"), ":x": str("x"),
}

func expressionItem() item {
	return with("a", "1", item{
		"s": str("abc"), "n": num("3"), "neg": num("-10"), "b": bin("\x80\x01"), "t": boolean(true), "nul": &types.AttributeValueMemberNULL{Value: true},
		"ss": texts("x", "y"), "ns": numbers("1", "2"), "l": list(num("1"), str("abc")), "m": fields(item{"x": num("1")}),
		"m.x": str("dotted"), "two": num("2"), "astral": str("\U00010000"), "utf8": str("äö"), "empty": str(""), "size": num("7"),
		"*amzn-ddb-map-sig*": bin("sig"),
		"deep":               fields(item{"l": list(fields(item{"k": str("abc")}))}),
	})
}

func TestConditions(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	put(t, client, expressionItem())
	for expression, want := range map[string]bool{
		// Equality is by type and value.
		"s = :abc": true, ":abc = s": true, "s = :bc": false, "s <> :bc": true, "s <> :abc": false, "n = :three": true, "n = :abc": false, "n <> :abc": true,
		"b = :bin": true, "t = :true": true, "nul = :null": true, "ss = :ss": true, "ns = :ns": true, "l = :list": true, "m = :map": true,
		"ss <> :ss": false, "l <> :map": true, "n = two": false, "m.x = l[0]": true,
		// What does not exist is equal to nothing.
		"absent = :abc": false, "absent <> :abc": true, "absent < :abc": false, "NOT absent < :abc": true, "absent = gone": false,
		// Order is by number, or by unsigned UTF-8 bytes.
		"n > :two": true, "n >= :three": true, "n < :ten": true, "n <= :two": false, "neg < :minus": true, "neg > :minus": false, ":minus > neg": true, "neg < n": true,
		"s < :abd": true, "s > :Z": true, "astral > :big": true, "astral >= :bigger": true, "b > :binlow": true, "b >= :binpre": true,
		"n > :abc": false, "n <= :abc": false, "n < s": false,
		// BETWEEN and IN.
		"n BETWEEN :two AND :ten": true, "n between :three and :three": true, "n BETWEEN :one AND :two": false, "NOT n BETWEEN :one AND :two": true,
		":two BETWEEN m.x AND n": true, "n BETWEEN :two AND :ten AND s = :abc": true, "s BETWEEN :one AND :ten": false, "absent BETWEEN :one AND :two": false,
		"n IN (:one, :three)": true, "n in (:one)": false, "s IN (:one, :abc, :bc)": true, "n IN (two, :three)": true, "absent IN (:one)": false,
		// Functions.
		"attribute_exists(s)": true, "attribute_exists(absent)": false, "attribute_not_exists(absent)": true, "attribute_not_exists(m.x)": false,
		"attribute_exists(m.y)": false, "attribute_exists(l[1])": true, "attribute_exists(l[2])": false, "attribute_exists(s.x)": false, "attribute_exists(s[0])": false,
		"attribute_exists(deep.l[0].k)": true, "deep.l[0].k = :abc": true, "attribute_exists(nul)": true, "attribute_exists(utf8)": true,
		"attribute_type(s, :S)": true, "attribute_type(s, :N)": false, "attribute_type(ss, :SS)": true, "attribute_type(absent, :S)": false, "attribute_type(l[0], :N)": true,
		"begins_with(s, :abc)": true, "begins_with(s, :bc)": false, "begins_with(b, :binpre)": true, "begins_with(n, :abc)": false, "begins_with(b, :abc)": false, "begins_with(absent, :abc)": false,
		"contains(s, :bc)": true, "contains(s, :abd)": false, "contains(ss, :x)": true, "contains(ss, :abc)": false, "contains(ns, :one)": true, "contains(ns, :x)": false,
		"contains(l, :abc)": true, "contains(l, :one)": true, "contains(l, :two)": false, "contains(b, :binpre)": true, "contains(absent, :x)": false, "contains(n, :three)": false,
		"contains(s, :one)": false,
		"size(s) = :three":  true, "size(ss) = :two": true, "size(b) = :two": true, "size(l) = :two": true, "size(m) = :one": true, "size(absent) >= :one": false,
		"size(n) > :one": false, "size(utf8) > :three": true, "size(s) > size(ss)": true, "size(s) BETWEEN :one AND :three": true, "size(s) IN (:three)": true, "n = size(s)": true,
		"size(:abc) = size(s)": true,
		// Precedence: NOT, then AND, then OR.
		"n = :one AND n = :two OR s = :abc": true, "s = :abc OR n = :one AND n = :two": true, "(s = :abc OR n = :one) AND n = :two": false,
		"NOT n = :one AND s = :abc": true, "NOT (n = :one AND s = :abc)": true, "NOT n = :three OR s = :abc": true, "NOT (n = :three OR s = :abc)": false,
		"not not s = :abc": true, "NOT attribute_exists(s)": false, "(s = :abc) AND (n = :three)": true, "s = :abc and n = :three oR n = :one": true,
		// Names.
		"#s = :abc": true, "#m.x = :one": true, "attribute_exists(#dotted)": true, "attribute_type(#dotted, :S)": true, "attribute_not_exists(#absent)": true,
		"#_s = :abc": true, "s_ = :_abc": false, "attribute_exists(s_0) OR s = :abc": true,
		"#size > :one": true, "attribute_exists(#map)": true, "s=:abc AND(n>:two)": true, "\ts\n=\r:abc ": true,
	} {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String(table), Item: expressionItem(), ConditionExpression: aws.String(expression),
			ExpressionAttributeNames: used(expression, names), ExpressionAttributeValues: used(expression, values),
		})
		var failed *types.ConditionalCheckFailedException
		if err != nil && !errors.As(err, &failed) {
			assert.NoError(t, err, expression)
			continue
		}
		assert.Equal(t, want, err == nil, expression)
	}
}

func TestConditionsRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for expression, text := range map[string]string{
		"":                            "The expression can not be empty",
		"  ":                          "The expression can not be empty",
		"s":                           "Syntax error",
		"s =":                         "Syntax error",
		"s = :abc :bc":                "Syntax error",
		"s == :abc":                   `Syntax error; token: "=", near: "== :abc"`,
		"s != :abc":                   `Syntax error; token: "!", near: "s !="`,
		"!!s":                         `Syntax error; token: "!", near: "!!"`,
		"s = :abc !":                  `Syntax error; token: "!", near: ":abc !"`,
		"_s = :abc":                   `Syntax error; token: "_", near: "_s"`,
		"__s <> :abc":                 `Syntax error; token: "_", near: "__"`,
		"s = :abc AND m._x = :one":    `Syntax error; token: "_", near: "._x"`,
		"attribute_exists(_)":         `Syntax error; token: "_", near: "(_)"`,
		"1s = :abc":                   "Syntax error",
		"s = 'abc'":                   "Syntax error",
		"s = 3":                       "Syntax error",
		"s + n = :abc":                "Syntax error",
		"(s = :abc":                   "Syntax error",
		"s = :abc)":                   "Syntax error",
		"s = :abc OR":                 "Syntax error",
		"s BETWEEN :abc OR :abd":      "Syntax error",
		"n IN ()":                     "Syntax error",
		"n IN :one":                   "Syntax error",
		"NOT":                         "Syntax error",
		"# = :abc":                    "Syntax error",
		"s = :":                       "Syntax error",
		"l[-1] = :one":                "Syntax error",
		"s. = :abc":                   "Syntax error",
		"SET s = :abc":                "reserved keyword: SET",
		"name = :abc":                 "reserved keyword: name",
		"m.Value = :abc":              "reserved keyword: Value",
		"((s = :abc))":                "redundant parentheses",
		"(((s = :abc)) AND t = t)":    "redundant parentheses",
		"exists(s)":                   "Invalid function name; function: exists",
		"ATTRIBUTE_EXISTS(s)":         "Invalid function name",
		"if_not_exists(s, :abc)":      "Invalid function name",
		"begins_with(s)":              "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
		"attribute_exists(s, n)":      "number of operands: 2",
		"attribute_exists(:abc)":      "requires a document path; operator or function: attribute_exists",
		"attribute_type(s, n)":        "Incorrect operand type",
		"attribute_type(s, :one)":     "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
		"attribute_type(s, :bogus)":   "Invalid attribute type name found",
		"begins_with(s, :one)":        "operator or function: begins_with, operand type: N",
		"size(:one) = :one":           "operator or function: size, operand type: N",
		"size(s)":                     "not allowed to be used this way in an expression; function: size",
		"attribute_exists(s) = :true": "not allowed to be used this way in an expression; function: attribute_exists",
		"s = attribute_exists(n)":     "not allowed to be used this way",
		"s < :ss":                     "operator or function: <, operand type: SS",
		"s > :true":                   "operand type: BOOL",
		"s BETWEEN :list AND :abc":    "operand type: L",
		"n BETWEEN :one AND :abc":     "same data type for lower and upper bounds",
		"n BETWEEN :ten AND :two":     "upper bound to be greater than or equal to lower bound",
		"s = s":                       "must be distinct from the remaining operands",
		"#s = s":                      "must be distinct",
		"s IN (s)":                    "must be distinct",
		"s = :undefined":              "An expression attribute value used in expression is not defined; attribute value: :undefined",
		"#undefined = :abc":           "An expression attribute name used in the document path is not defined; attribute name: #undefined",
		"artist.x = :abc":             "Key attributes must be scalars",
		"size(genre[0]) = :one":       "Key attributes must be scalars",
		"attribute_exists(" + strings.Repeat("a.", 33) + "a)": "too many nesting elements",
		"s = :abc" + strings.Repeat(" ", 4<<10):               "Expression size has exceeded the maximum allowed size",
		"s = :abc" + strings.Repeat(" OR s = :abc", 200):      "too many operators",
		"n IN (" + strings.Repeat(":one,", 100) + ":one)":     "operator or function: IN, number of operands: 102",
	} {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String(table), Item: key("a", "1"), ConditionExpression: aws.String(expression),
			ExpressionAttributeNames: used(expression, names), ExpressionAttributeValues: used(expression, values),
		})
		requireInvalid(t, err, text)
		if !strings.HasPrefix(text, "Key attributes") {
			requireInvalid(t, err, "Invalid ConditionExpression: ")
		}
	}
	assert.Nil(t, get(t, client, "a", "1"))
}

func TestExpressionAttributes(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	condition := aws.String("#s = :abc")
	for text, in := range map[string]dynamodb.PutItemInput{
		"unused in expressions: keys: {#m}": {
			ConditionExpression: condition, ExpressionAttributeNames: map[string]string{"#s": "s", "#m": "m"}, ExpressionAttributeValues: item{":abc": str("abc")},
		},
		"ExpressionAttributeValues unused in expressions: keys: {:x, :y}": {
			ConditionExpression: condition, ExpressionAttributeNames: map[string]string{"#s": "s"},
			ExpressionAttributeValues: item{":abc": str("abc"), ":y": str("y"), ":x": str("x")},
		},
		"ExpressionAttributeNames can only be specified when using expressions":  {ExpressionAttributeNames: map[string]string{"#s": "s"}},
		"ExpressionAttributeValues can only be specified when using expressions": {ExpressionAttributeValues: item{":abc": str("abc")}},
		"ExpressionAttributeNames must not be empty":                             {ConditionExpression: condition, ExpressionAttributeNames: map[string]string{}},
		"ExpressionAttributeValues must not be empty":                            {ConditionExpression: condition, ExpressionAttributeValues: item{}},
		`ExpressionAttributeNames contains invalid key: Syntax error; key: "s"`:  {ConditionExpression: condition, ExpressionAttributeNames: map[string]string{"s": "s"}},
		`ExpressionAttributeValues contains invalid key: Syntax error; key: ":"`: {ConditionExpression: condition, ExpressionAttributeValues: item{":": str("abc")}},
		"contains duplicates. for key :abc":                                      {ConditionExpression: condition, ExpressionAttributeValues: item{":abc": texts("a", "a")}},
		"Empty attribute name for key #s":                                        {ConditionExpression: condition, ExpressionAttributeNames: map[string]string{"#s": ""}},
	} {
		in.TableName, in.Item = aws.String(table), key("a", "1")
		_, err := client.PutItem(t.Context(), &in)
		requireInvalid(t, err, text)
	}
}

func TestReservedWords(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for _, word := range []string{"ABORT", "abort", "Comment", "date", "NAME", "status", "ttl", "type", "ZONE"} {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String(table), Item: key("a", "1"), ConditionExpression: aws.String(fmt.Sprintf("attribute_exists(%s)", word)),
		})
		requireInvalid(t, err, "Attribute name is a reserved keyword; reserved keyword: "+word)
	}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(table), Item: key("a", "1"),
		ConditionExpression: aws.String("attribute_not_exists(#n)"), ExpressionAttributeNames: map[string]string{"#n": "name"},
	})
	require.NoError(t, err)
}
