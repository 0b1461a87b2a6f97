package ddbtest_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tableARN = "arn:aws:dynamodb:us-east-1:111122223333:table/" + table

func putRequest(it item) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: it}}
}

func deleteRequest(key item) types.WriteRequest {
	return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
}

func batchWrite(requests ...types.WriteRequest) *dynamodb.BatchWriteItemInput {
	return &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: requests}}
}

func batchGet(keys ...item) *dynamodb.BatchGetItemInput {
	return &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys}}}
}

// trackKeys returns n keys, of the tracks 0 to n-1.
func trackKeys(n int) []item {
	var out []item
	for i := range n {
		out = append(out, key("a", fmt.Sprint(i)))
	}
	return out
}

func puts(items ...item) []types.WriteRequest {
	var out []types.WriteRequest
	for _, it := range items {
		out = append(out, putRequest(it))
	}
	return out
}

// createTable makes the table of tableSpec once more under another name.
func createTable(t *testing.T, client *dynamodb.Client, name string) {
	t.Helper()
	spec := tableSpec(types.ScalarAttributeTypeN)
	spec.TableName = aws.String(name)
	_, err := client.CreateTable(t.Context(), spec)
	require.NoError(t, err)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	createTable(t, client, "other")
	put(t, client, with("a", "1", item{"v": str("old")}), key("a", "2"))

	written, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		tableARN: {putRequest(with("a", "1", item{"v": str("new"), "w": num("01")})), deleteRequest(key("a", "2.0")), deleteRequest(key("nobody", "1"))},
		"other":  puts(key("a", "1"), key("b", "1")),
	}})
	require.NoError(t, err)
	assert.Empty(t, written.UnprocessedItems)
	assert.Equal(t, with("a", "1", item{"v": str("new"), "w": num("1")}), get(t, client, "a", "1"))
	assert.Nil(t, get(t, client, "a", "2"))

	read, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		tableARN: {
			Keys:                 []item{key("a", "1"), key("a", "2")},
			ProjectionExpression: aws.String("#v, track"), ExpressionAttributeNames: map[string]string{"#v": "v"},
		},
		"other": {Keys: []item{key("a", "1.0"), key("b", "1"), key("c", "1")}},
	}})
	require.NoError(t, err)
	assert.Empty(t, read.UnprocessedKeys)
	assert.Len(t, read.Responses, 2)
	assert.Equal(t, []item{{"v": str("new"), "track": num("1")}}, read.Responses[tableARN])
	assert.Equal(t, []item{key("b", "1"), key("a", "1")}, read.Responses["other"], "two items come back in the other order")

	read, err = client.BatchGetItem(ctx, batchGet(key("nobody", "1")))
	require.NoError(t, err)
	assert.Equal(t, map[string][]item{table: {}}, read.Responses)
}

func TestLargestBatches(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for keys := range slices.Chunk(trackKeys(100), 25) {
		_, err := client.BatchWriteItem(t.Context(), batchWrite(puts(keys...)...))
		require.NoError(t, err)
	}
	out, err := client.BatchGetItem(t.Context(), batchGet(trackKeys(100)...))
	require.NoError(t, err)
	assert.ElementsMatch(t, trackKeys(100), out.Responses[table])
	assert.NotEqual(t, trackKeys(100), out.Responses[table], "the answer has another order")
}

func TestBatchGetStaleReads(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	server.SetStaleReads(true)
	put(t, client, key("a", "1"))
	in := batchGet(key("a", "1"))
	out, err := client.BatchGetItem(t.Context(), in)
	require.NoError(t, err)
	assert.Empty(t, out.Responses[table])
	in.RequestItems[table] = types.KeysAndAttributes{Keys: []item{key("a", "1")}, ConsistentRead: aws.Bool(true)}
	out, err = client.BatchGetItem(t.Context(), in)
	require.NoError(t, err)
	assert.Len(t, out.Responses[table], 1)
}

// TestBatchGetSize: what comes after 16 MB is unprocessed, whatever the
// projection leaves of it.
func TestBatchGetSize(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	const fit = 40 // times 400 KB, and 16 MB hold 40.96 of them
	for i := range fit + 2 {
		it := sized(400<<10 - 1) // the key has one digit more
		it["track"] = num(fmt.Sprint(100 + i))
		put(t, client, it)
	}
	var keys []item
	for i := range fit + 2 {
		keys = append(keys, key("a", fmt.Sprintf("%d.0", 100+i)))
	}
	in := &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: {
		Keys: keys, ConsistentRead: aws.Bool(true),
		ProjectionExpression: aws.String("#t"), ExpressionAttributeNames: map[string]string{"#t": "track"},
	}}}
	out, err := client.BatchGetItem(t.Context(), in)
	require.NoError(t, err)
	assert.Len(t, out.Responses[table], fit)
	assert.Equal(t, map[string]types.KeysAndAttributes{table: {
		Keys: []item{key("a", "141"), key("a", "140")}, ConsistentRead: aws.Bool(true),
		ProjectionExpression: aws.String("#t"), ExpressionAttributeNames: map[string]string{"#t": "track"},
	}}, out.UnprocessedKeys)
	out, err = client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: out.UnprocessedKeys})
	require.NoError(t, err)
	assert.Len(t, out.Responses[table], 2)
	assert.Empty(t, out.UnprocessedKeys)
}

func TestBatchWriteRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	createTable(t, client, "other")
	good := putRequest(key("good", "1"))
	for name, c := range map[string]struct {
		in   map[string][]types.WriteRequest
		text string
	}{
		"no table":            {map[string][]types.WriteRequest{}, "Member must have length greater than or equal to 1"},
		"no request":          {map[string][]types.WriteRequest{table: {}, "other": {good}}, "greater than or equal to 1]"},
		"26 requests":         {map[string][]types.WriteRequest{table: puts(trackKeys(26)...)}, "length less than or equal to 25"},
		"26 in two tables":    {map[string][]types.WriteRequest{table: puts(trackKeys(20)...), "other": puts(trackKeys(6)...)}, "length less than or equal to 25"},
		"two puts":            {map[string][]types.WriteRequest{table: {good, putRequest(with("good", "1.0", item{"v": num("1")}))}}, "Provided list of item keys contains duplicates"},
		"put and delete":      {map[string][]types.WriteRequest{table: {good, deleteRequest(key("good", "01"))}}, "contains duplicates"},
		"name and ARN":        {map[string][]types.WriteRequest{table: {good}, tableARN: {good}}, "contains duplicates"},
		"neither":             {map[string][]types.WriteRequest{table: {good, {}}}, "exactly one of PutRequest and DeleteRequest"},
		"both":                {map[string][]types.WriteRequest{table: {{PutRequest: good.PutRequest, DeleteRequest: deleteRequest(key("a", "1")).DeleteRequest}}}, "exactly one"},
		"no key attribute":    {map[string][]types.WriteRequest{table: {good, putRequest(item{"artist": str("a")})}}, "does not match the schema"},
		"key of another type": {map[string][]types.WriteRequest{table: {good, deleteRequest(item{"artist": str("a"), "track": str("1")})}}, "does not match the schema"},
		"index key type":      {map[string][]types.WriteRequest{table: {good, putRequest(with("a", "1", item{"genre": num("1")}))}}, "Type mismatch for Index Key genre"},
		"large item":          {map[string][]types.WriteRequest{table: {good, putRequest(sized(400<<10 + 1))}}, "Item size has exceeded"},
		"bad value":           {map[string][]types.WriteRequest{table: {good, putRequest(with("a", "1", item{"x": texts()}))}}, "may not be empty"},
	} {
		_, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: c.in})
		t.Log(name)
		requireInvalid(t, err, c.text)
	}
	for name, change := range map[string]func(*dynamodb.BatchWriteItemInput){
		`ReturnConsumedCapacity: "TOTAL"`:     func(in *dynamodb.BatchWriteItemInput) { in.ReturnConsumedCapacity = "TOTAL" },
		`ReturnItemCollectionMetrics: "SIZE"`: func(in *dynamodb.BatchWriteItemInput) { in.ReturnItemCollectionMetrics = "SIZE" },
	} {
		in := batchWrite(good)
		change(in)
		_, err := client.BatchWriteItem(ctx, in)
		requireInvalid(t, err, name)
	}
	var absent *types.ResourceNotFoundException
	_, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: {good}, "absent": {good}}})
	require.ErrorAs(t, err, &absent)
	assert.Nil(t, get(t, client, "good", "1"), "a refused batch has no effect")
}

func TestBatchGetRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	createTable(t, client, "other")
	one := []item{key("a", "1")}
	for name, c := range map[string]struct {
		in   map[string]types.KeysAndAttributes
		text string
	}{
		"no table":          {map[string]types.KeysAndAttributes{}, "Member must have length greater than or equal to 1"},
		"no key":            {map[string]types.KeysAndAttributes{table: {Keys: []item{}}}, "greater than or equal to 1]"},
		"101 keys":          {map[string]types.KeysAndAttributes{table: {Keys: trackKeys(101)}}, "length less than or equal to 100"},
		"101 in two tables": {map[string]types.KeysAndAttributes{table: {Keys: trackKeys(100)}, "other": {Keys: one}}, "length less than or equal to 100"},
		"duplicates":        {map[string]types.KeysAndAttributes{table: {Keys: []item{key("a", "1"), key("a", "1.0")}}}, "contains duplicates"},
		"schema":            {map[string]types.KeysAndAttributes{table: {Keys: []item{{"artist": str("a")}}}}, "does not match the schema"},
		"legacy":            {map[string]types.KeysAndAttributes{table: {Keys: one, AttributesToGet: []string{"v"}}}, `"AttributesToGet" is not supported by ddbtest`},
		"projection":        {map[string]types.KeysAndAttributes{table: {Keys: one, ProjectionExpression: aws.String("v v")}}, "Invalid ProjectionExpression: Syntax error"},
		"into a key":        {map[string]types.KeysAndAttributes{table: {Keys: one, ProjectionExpression: aws.String("artist.x")}}, "Key attributes must be scalars"},
		"unused name":       {map[string]types.KeysAndAttributes{table: {Keys: one, ExpressionAttributeNames: map[string]string{"#v": "v"}}}, "can only be specified when using expressions"},
		"bad key value":     {map[string]types.KeysAndAttributes{table: {Keys: []item{key("a", "x")}}}, "cannot be converted"},
	} {
		_, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: c.in})
		t.Log(name)
		requireInvalid(t, err, c.text)
	}
	in := batchGet(one...)
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	_, err := client.BatchGetItem(ctx, in)
	requireInvalid(t, err, `ReturnConsumedCapacity: "TOTAL"`)
	var absent *types.ResourceNotFoundException
	_, err = client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: {Keys: one}, "absent": {Keys: one}}})
	require.ErrorAs(t, err, &absent)
}

// undone writes n items in batches of 25 and returns the tracks of those left
// undone, in ascending order.
func undone(ctx context.Context, t *testing.T, client *dynamodb.Client, n int) []string {
	t.Helper()
	var out []string
	for keys := range slices.Chunk(trackKeys(n), 25) {
		answer, err := client.BatchWriteItem(ctx, batchWrite(puts(keys...)...))
		require.NoError(t, err)
		for _, r := range answer.UnprocessedItems[table] {
			out = append(out, fmt.Sprintf("%4s", r.PutRequest.Item["track"].(*types.AttributeValueMemberN).Value))
		}
	}
	slices.Sort(out)
	return out
}

func TestSetUnprocessed(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	const n = 1000
	server.SetUnprocessed(0.4)
	first := undone(t.Context(), t, client, n)
	assert.InDelta(t, 400, len(first), 50)
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table)})
	require.NoError(t, err)
	assert.EqualValues(t, n-len(first), out.Count, "what is left undone has no effect")

	server.SetUnprocessed(0.4)
	assert.Equal(t, first, undone(t.Context(), t, client, n), "the draws are always the same")
	server.SetUnprocessed(1)
	assert.Len(t, undone(t.Context(), t, client, n), n)
	read, err := client.BatchGetItem(t.Context(), batchGet(trackKeys(2)...))
	require.NoError(t, err)
	assert.Len(t, read.UnprocessedKeys[table].Keys, 2)
	server.SetUnprocessed(0)
	assert.Empty(t, undone(t.Context(), t, client, n))
	for _, share := range []float64{-0.1, 1.1, math.NaN()} {
		assert.Panics(t, func() { server.SetUnprocessed(share) })
	}
}

func TestUnprocessedNext(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	ctx := t.Context()
	server.SetUnprocessed(1)
	server.UnprocessedNext("BatchWriteItem", 2)
	server.UnprocessedNext("BatchWriteItem", 0)
	server.UnprocessedNext("BatchGetItem", 99)

	large := strings.Repeat("x", 100)
	requests := []types.WriteRequest{putRequest(key("a", "1")), deleteRequest(key("a", "2.50")), putRequest(with("a", "3E0", item{"v": num("0.10"), "w": str(large)}))}
	out, err := client.BatchWriteItem(ctx, batchWrite(requests...))
	require.NoError(t, err)
	want := []types.WriteRequest{putRequest(with("a", "3", item{"v": num("0.1"), "w": str(large)})), deleteRequest(key("a", "2.5"))}
	assert.Equal(t, map[string][]types.WriteRequest{table: want}, out.UnprocessedItems, "spelt as the service does, in another order")
	assert.NotNil(t, get(t, client, "a", "1"))
	assert.Nil(t, get(t, client, "a", "3"))

	out, err = client.BatchWriteItem(ctx, batchWrite(requests...))
	require.NoError(t, err)
	assert.Empty(t, out.UnprocessedItems)
	out, err = client.BatchWriteItem(ctx, batchWrite(requests...))
	require.NoError(t, err)
	assert.Len(t, out.UnprocessedItems[table], 3, "the share is in force again")

	read, err := client.BatchGetItem(ctx, batchGet(key("a", "1.0"), key("a", "3")))
	require.NoError(t, err)
	assert.Equal(t, []item{key("a", "3"), key("a", "1")}, read.UnprocessedKeys[table].Keys)
	assert.Empty(t, read.Responses[table])
}
