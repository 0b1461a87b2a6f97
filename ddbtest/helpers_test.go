package ddbtest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
)

type item = map[string]types.AttributeValue

func str(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func num(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
func bin(v string) types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte(v)} }
func list(v ...types.AttributeValue) types.AttributeValue {
	return &types.AttributeValueMemberL{Value: v}
}
func fields(v item) types.AttributeValue       { return &types.AttributeValueMemberM{Value: v} }
func boolean(v bool) types.AttributeValue      { return &types.AttributeValueMemberBOOL{Value: v} }
func texts(v ...string) types.AttributeValue   { return &types.AttributeValueMemberSS{Value: v} }
func numbers(v ...string) types.AttributeValue { return &types.AttributeValueMemberNS{Value: v} }

// start returns a server that ends with the test, and a client of it.
func start(t *testing.T) (*ddbtest.Server, *dynamodb.Client) {
	t.Helper()
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	return server, server.Client()
}

func element(name string, role types.KeyType) types.KeySchemaElement {
	return types.KeySchemaElement{AttributeName: aws.String(name), KeyType: role}
}

func definition(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
	return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
}

const table = "music"

// tableSpec is a table "music" with the keys artist and, of the given type,
// track; a local index by year (INCLUDE price) and global ones by genre:
// KEYS_ONLY, and all-genre with ALL.
func tableSpec(sortType types.ScalarAttributeType) *dynamodb.CreateTableInput {
	global := func(name string, p types.ProjectionType) types.GlobalSecondaryIndex {
		return types.GlobalSecondaryIndex{
			IndexName:  aws.String(name),
			KeySchema:  []types.KeySchemaElement{element("genre", types.KeyTypeHash), element("artist", types.KeyTypeRange)},
			Projection: &types.Projection{ProjectionType: p},
		}
	}
	return &dynamodb.CreateTableInput{
		TableName: aws.String(table),
		AttributeDefinitions: []types.AttributeDefinition{
			definition("artist", "S"), definition("track", sortType), definition("released", "N"), definition("genre", "S"),
		},
		KeySchema:   []types.KeySchemaElement{element("artist", types.KeyTypeHash), element("track", types.KeyTypeRange)},
		BillingMode: types.BillingModePayPerRequest,
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{{
			IndexName:  aws.String("by-release"),
			KeySchema:  []types.KeySchemaElement{element("artist", types.KeyTypeHash), element("released", types.KeyTypeRange)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"price"}},
		}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			global("by-genre", types.ProjectionTypeKeysOnly),
			global("all-genre", types.ProjectionTypeAll),
		},
	}
}

// startWithTable is start with the table of tableSpec, its sort key a number.
func startWithTable(t *testing.T) (*ddbtest.Server, *dynamodb.Client) {
	t.Helper()
	server, client := start(t)
	_, err := client.CreateTable(t.Context(), tableSpec(types.ScalarAttributeTypeN))
	require.NoError(t, err)
	return server, client
}

func put(t *testing.T, client *dynamodb.Client, items ...item) {
	t.Helper()
	for _, it := range items {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: it})
		require.NoError(t, err)
	}
}

func get(t *testing.T, client *dynamodb.Client, artist, track string) item {
	t.Helper()
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: key(artist, track), ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

func key(artist, track string) item { return item{"artist": str(artist), "track": num(track)} }

// with returns the key with further attributes.
func with(artist, track string, more item) item {
	out := key(artist, track)
	for name, v := range more {
		out[name] = v
	}
	return out
}

// requireCode checks that err is an answer of DynamoDB with the code, whose
// message contains the text.
func requireCode(t *testing.T, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, code, api.ErrorCode())
	assert.Contains(t, api.ErrorMessage(), text)
}

func requireInvalid(t *testing.T, err error, text string) {
	t.Helper()
	requireCode(t, err, "ValidationException", text)
}
