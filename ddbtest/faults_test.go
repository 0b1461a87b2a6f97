package ddbtest_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
)

// once returns a client that does not retry.
func once(client *dynamodb.Client) *dynamodb.Client {
	return dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
}

func add(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.UpdateItem(ctx, updateInput("ADD n :one"))
	return err
}

func TestLoseNext(t *testing.T) {
	t.Parallel()
	lost := errors.New("cable cut")
	for name, c := range map[string]struct {
		dial  func(*ddbtest.Server) *dynamodb.Client
		err   error
		check func(t *testing.T, err error)
	}{
		"connection":           {(*ddbtest.Server).Client, lost, func(t *testing.T, err error) { require.ErrorIs(t, err, lost) }},
		"connection over HTTP": {overHTTP, lost, func(t *testing.T, err error) { require.ErrorIs(t, err, io.EOF) }},
		"error answer": {(*ddbtest.Server).Client, &types.InternalServerError{}, func(t *testing.T, err error) {
			var e *types.InternalServerError
			require.ErrorAs(t, err, &e)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := startWithTable(t)
			caller := once(c.dial(server))
			server.LoseNext("UpdateItem", c.err)
			server.FailNext("UpdateItem", c.err)
			c.check(t, add(t.Context(), caller))
			assert.Equal(t, num("1"), get(t, client, "a", "1")["n"], "the write took effect")
			c.check(t, add(t.Context(), caller))
			assert.Equal(t, num("1"), get(t, client, "a", "1")["n"], "the write took no effect")
			require.NoError(t, add(t.Context(), caller))
			assert.Equal(t, num("2"), get(t, client, "a", "1")["n"])

			server.LoseNext("UpdateItem", c.err)
			require.NoError(t, add(t.Context(), c.dial(server)))
			assert.Equal(t, num("4"), get(t, client, "a", "1")["n"], "a retry writes twice")

			server.LoseNext("PutItem", c.err)
			_, err := caller.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item{}})
			c.check(t, err) // and not the ValidationException
		})
	}
}

func TestBeforeNext(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	ctx := t.Context()
	put(t, client, with("a", "1", item{"v": str("x")}))
	var order []string
	note := func(s string) func() { return func() { order = append(order, s) } }
	server.BeforeNext("UpdateItem", func() {
		note("first")()
		put(t, client, with("a", "1", item{"v": str("y")}))
		assert.NoError(t, add(ctx, client), "the second function is this one's")
	})
	server.BeforeNext("UpdateItem", note("second"))
	server.AfterNext("UpdateItem", note("after first"))
	server.AfterNext("UpdateItem", note("after second"))
	in := updateInput("SET w = :x")
	in.ConditionExpression = aws.String("v = :x")
	_, err := client.UpdateItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	require.ErrorAs(t, err, &failed, "another writer was faster")
	assert.Equal(t, []string{"first", "second", "after second", "after first"}, order, "a request has its own when it arrives")
	require.NoError(t, add(ctx, client))
	assert.Len(t, order, 4)
	assert.Equal(t, with("a", "1", item{"v": str("y"), "n": num("2")}), get(t, client, "a", "1"))
}

// TestWriterAfterLostAnswer: the write took effect, was overwritten, and its
// answer was lost.
func TestWriterAfterLostAnswer(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	lost := errors.New("cable cut")
	server.LoseNext("UpdateItem", lost)
	server.AfterNext("UpdateItem", func() {
		assert.Equal(t, num("1"), get(t, client, "a", "1")["n"])
		put(t, client, key("a", "1"))
	})
	require.ErrorIs(t, add(t.Context(), once(client)), lost)
	assert.Equal(t, key("a", "1"), get(t, client, "a", "1"))
}

func TestContextEndsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.AfterNext("UpdateItem", cancel)
	require.ErrorIs(t, add(ctx, client), context.Canceled)
	assert.Equal(t, num("1"), get(t, client, "a", "1")["n"], "the write took effect")
}

// TestRequestsHeldUp holds a request while another passes.
func TestRequestsHeldUp(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	arrived, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	server.BeforeNext("UpdateItem", func() { close(arrived); <-release })
	go func() { done <- add(t.Context(), client) }()
	<-arrived
	assert.Nil(t, get(t, client, "a", "1"))
	require.NoError(t, add(t.Context(), client))
	assert.Equal(t, num("1"), get(t, client, "a", "1")["n"])
	close(release)
	require.NoError(t, <-done)
	assert.Equal(t, num("2"), get(t, client, "a", "1")["n"])
}

func TestKnobsPanic(t *testing.T) {
	t.Parallel()
	server := ddbtest.NewServer()
	defer server.Close()
	for text, call := range map[string]func(){
		`ddbtest: FailNext: "PutItm" is not an operation of ddbtest`:     func() { server.FailNext("PutItm", io.EOF) },
		`ddbtest: LoseNext: "PutItm" is not an operation of ddbtest`:     func() { server.LoseNext("PutItm", io.EOF) },
		`ddbtest: BeforeNext: "PutItm" is not an operation of ddbtest`:   func() { server.BeforeNext("PutItm", func() {}) },
		`ddbtest: AfterNext: "PutItm" is not an operation of ddbtest`:    func() { server.AfterNext("PutItm", func() {}) },
		"ddbtest: FailNext: nil error":                                   func() { server.FailNext("PutItem", nil) },
		"ddbtest: LoseNext: nil error":                                   func() { server.LoseNext("PutItem", nil) },
		"ddbtest: BeforeNext: nil function":                              func() { server.BeforeNext("PutItem", nil) },
		"ddbtest: AfterNext: nil function":                               func() { server.AfterNext("PutItem", nil) },
		`ddbtest: UnprocessedNext: "PutItem" leaves nothing unprocessed`: func() { server.UnprocessedNext("PutItem", 1) },
		"ddbtest: UnprocessedNext: negative number -1":                   func() { server.UnprocessedNext("BatchGetItem", -1) },
		"ddbtest: SetUnprocessed: share 1.1 is not between 0 and 1":      func() { server.SetUnprocessed(1.1) },
	} {
		assert.PanicsWithValue(t, text, call)
	}
}

func TestTamper(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	stored := with("a", "1", item{
		"s": str("x"), "n": num("1"), "b": bin("\x00\xff"), "empty": bin(""), "t": boolean(true), "null": &types.AttributeValueMemberNULL{Value: true},
		"ss": texts("x"), "ns": numbers("7"), "bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}}},
		"l": list(num("1"), list([]types.AttributeValue{}...)), "m": fields(item{"k": bin("v")}),
	})
	put(t, client, stored)
	calls := len(server.Calls())
	server.SetStaleReads(true)
	server.Tamper(tableARN, key("a", "1.0"), func(it item) {
		assert.Equal(t, stored, it)
		it["b"].(*types.AttributeValueMemberB).Value[0] ^= 1
		it["new"] = num("1.50")
		it["nil"] = &types.AttributeValueMemberB{}
		delete(it, "s")
	})
	assert.Len(t, server.Calls(), calls, "no request was made")
	want := with("a", "1", stored)
	want["b"], want["new"], want["nil"] = bin("\x01\xff"), num("1.5"), bin("")
	delete(want, "s")
	assert.Equal(t, want, get(t, client, "a", "1"))
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: key("a", "1")})
	require.NoError(t, err)
	assert.Equal(t, bin("\x00\xff"), out.Item["b"], "a stale read does not see it")

	nothing := func(item) {}
	for text, call := range map[string]func(){
		"Requested resource not found":           func() { server.Tamper("absent", key("a", "1"), nothing) },
		`no such item in table "music"`:          func() { server.Tamper(table, key("a", "2"), nothing) },
		"does not match the schema":              func() { server.Tamper(table, item{"artist": str("a")}, nothing) },
		"cannot be converted to a numeric value": func() { server.Tamper(table, key("a", "x"), nothing) },
		"the key was changed":                    func() { server.Tamper(table, key("a", "1"), func(it item) { it["track"] = num("2") }) },
		"Missing the key artist in the item":     func() { server.Tamper(table, key("a", "1"), func(it item) { delete(it, "artist") }) },
		"Item size has exceeded the maximum":     func() { server.Tamper(table, key("a", "1"), func(it item) { it["pad"] = sized(400 << 10)["pad"] }) },
		"Supplied AttributeValue is empty":       func() { server.Tamper(table, key("a", "1"), func(it item) { it["x"] = nil }) },
		"An string set  may not be empty":        func() { server.Tamper(table, key("a", "1"), func(it item) { it["x"] = texts([]string{}...) }) },
	} {
		message := func() (message string) {
			defer func() { message, _ = recover().(string) }()
			call()
			return ""
		}()
		assert.Contains(t, message, "ddbtest: Tamper: ")
		assert.Contains(t, message, text)
	}
	assert.Equal(t, want, get(t, client, "a", "1"))
}
