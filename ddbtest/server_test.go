package ddbtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
)

// overHTTP returns a client that goes through the server's listener.
func overHTTP(server *ddbtest.Server) *dynamodb.Client {
	return dynamodb.New(server.Client().Options(), func(o *dynamodb.Options) {
		o.BaseEndpoint = aws.String(server.URL())
		o.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	})
}

func scan(ctx context.Context, client *dynamodb.Client) error {
	_, err := client.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(table)})
	return err
}

func TestBothWaysToTheServer(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	other := overHTTP(server)
	assert.Equal(t, server.URL(), server.URL())
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, server.URL())
	want := with("a", "1", item{"v": bin("\x00\xff")})
	put(t, other, want)
	assert.Equal(t, want, get(t, client, "a", "1"))
	assert.Equal(t, want, get(t, other, "a", "1"))
	_, err := other.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: item{}})
	requireInvalid(t, err, "does not match the schema")

	server.Close()
	server.Close()
	assert.ErrorContains(t, scan(t.Context(), client), "server closed")
	assert.Error(t, scan(t.Context(), other))
	assert.Panics(t, func() { server.URL() })
}

func TestFailNext(t *testing.T) {
	t.Parallel()
	broken := errors.New("cable cut")
	const attempts = 3
	for name, c := range map[string]struct {
		err     error
		retried bool
		check   func(t *testing.T, err error)
	}{
		"throttling": {&types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}, true, func(t *testing.T, err error) {
			var e *types.ProvisionedThroughputExceededException
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "slow down", e.ErrorMessage())
		}},
		"wrapped": {fmt.Errorf("while testing: %w", &types.RequestLimitExceeded{}), true, func(t *testing.T, err error) {
			var e *types.RequestLimitExceeded
			require.ErrorAs(t, err, &e)
		}},
		"server fault": {&types.InternalServerError{Message: aws.String("oops")}, true, func(t *testing.T, err error) {
			var e *types.InternalServerError
			require.ErrorAs(t, err, &e)
		}},
		"condition with item": {&types.ConditionalCheckFailedException{Item: key("a", "1")}, false, func(t *testing.T, err error) {
			var e *types.ConditionalCheckFailedException
			require.ErrorAs(t, err, &e)
			assert.Equal(t, key("a", "1"), e.Item)
		}},
		"cancelled transaction": {&types.TransactionCanceledException{
			Message:             aws.String("cancelled"),
			CancellationReasons: []types.CancellationReason{{Code: aws.String("None")}, {Code: aws.String("ConditionalCheckFailed"), Item: key("b", "2")}},
		}, false, func(t *testing.T, err error) {
			var e *types.TransactionCanceledException
			require.ErrorAs(t, err, &e)
			require.Len(t, e.CancellationReasons, 2)
			assert.Equal(t, key("b", "2"), e.CancellationReasons[1].Item)
		}},
		"unmodelled code": {&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}, false, func(t *testing.T, err error) {
			requireCode(t, err, "AccessDeniedException", "no")
		}},
	} {
		for way, dial := range map[string]func(*ddbtest.Server) *dynamodb.Client{"in process": (*ddbtest.Server).Client, "over HTTP": overHTTP} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				server, _ := startWithTable(t)
				client := dial(server)
				n := 1
				if c.retried {
					n = attempts
				}
				before := len(server.Calls())
				for range n {
					server.FailNext("Scan", c.err)
				}
				_, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
				require.NoError(t, err, "only the named operation fails")
				c.check(t, scan(t.Context(), client))
				assert.Len(t, server.Calls(), before+1+n)
				require.NoError(t, scan(t.Context(), client), "no failure is left")
				if c.retried {
					server.FailNext("Scan", c.err)
					require.NoError(t, scan(t.Context(), client), "one failure is made up for by a retry")
				}
			})
		}
	}
	t.Run("connection", func(t *testing.T) {
		t.Parallel()
		server, client := startWithTable(t)
		for range attempts {
			server.FailNext("PutItem", broken)
		}
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: key("a", "1")})
		require.ErrorIs(t, err, broken)
		assert.Nil(t, get(t, client, "a", "1"), "a failure has no effect")
		for range attempts {
			server.FailNext("Scan", broken)
		}
		err = scan(t.Context(), overHTTP(server))
		require.ErrorIs(t, err, io.EOF, "the connection closes")
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	get(t, client, "a", "1")
	require.NoError(t, scan(t.Context(), client))
	calls := server.Calls()
	assert.Equal(t, []string{"CreateTable", "GetItem", "Scan"}, calls)
	calls[0] = "changed"
	assert.Equal(t, "CreateTable", server.Calls()[0])
}

func TestLatencyAndBackoffTakeNoRealTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := startWithTable(t)
		began := time.Now()
		server.FailNext("GetItem", &types.ThrottlingException{})
		get(t, client, "a", "1")
		assert.Zero(t, time.Since(began), "the client waits for nothing")

		server.SetLatency(time.Hour)
		server.FailNext("GetItem", &types.ThrottlingException{})
		get(t, client, "a", "1")
		assert.Equal(t, 2*time.Hour, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: key("a", "1")})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 2*time.Hour+time.Minute, time.Since(began))
		server.SetLatency(0)
		assert.Nil(t, get(t, client, "a", "1"), "a request given up has no effect")
	})
}

func TestStaleReads(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	ctx := t.Context()
	old, fresh := with("a", "1", item{"genre": str("jazz")}), with("a", "1", item{"genre": str("soul")})
	put(t, client, old)
	server.SetStaleReads(true)
	put(t, client, fresh, key("a", "2"))

	eventual := func() []item {
		t.Helper()
		one, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: key("a", "1")})
		require.NoError(t, err)
		queried, err := client.Query(ctx, queryInput("artist = :a", item{":a": str("a")}))
		require.NoError(t, err)
		scanned, err := client.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(table), IndexName: aws.String("all-genre")})
		require.NoError(t, err)
		return append(append([]item{one.Item}, queried.Items...), scanned.Items...)
	}
	assert.Equal(t, []item{old, old, old}, eventual())
	assert.Equal(t, fresh, get(t, client, "a", "1"), "consistent reads see every write")
	in := queryInput("artist = :a", item{":a": str("a")})
	in.ConsistentRead = aws.Bool(true)
	out, err := client.Query(ctx, in)
	require.NoError(t, err)
	assert.Len(t, out.Items, 2)

	_, err = client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(table), Item: fresh, ConditionExpression: aws.String("genre = :g"), ExpressionAttributeValues: item{":g": str("soul")},
	})
	require.NoError(t, err, "conditions see every write")

	spec := tableSpec(types.ScalarAttributeTypeN)
	spec.TableName = aws.String("another")
	_, err = client.CreateTable(ctx, spec)
	require.NoError(t, err)
	_, err = client.PutItem(ctx, &dynamodb.PutItemInput{TableName: spec.TableName, Item: fresh})
	require.NoError(t, err)
	one, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: spec.TableName, Key: key("a", "1")})
	require.NoError(t, err)
	assert.Nil(t, one.Item, "a new table is stale as well")

	server.SetStaleReads(true)
	assert.Equal(t, []item{fresh, fresh, key("a", "2"), fresh}, eventual())
	put(t, client, old)
	server.SetStaleReads(false)
	assert.Equal(t, []item{old, old, key("a", "2"), old}, eventual())
}

func TestOperationsThatDoNotExist(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	_, err := client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String(table), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("x"), Enabled: aws.Bool(true)},
	})
	requireCode(t, err, "UnknownOperationException", `"UpdateTimeToLive" is not an operation of ddbtest`)
	_, err = client.ExecuteStatement(t.Context(), &dynamodb.ExecuteStatementInput{Statement: aws.String("SELECT * FROM music")})
	requireCode(t, err, "UnknownOperationException", "ExecuteStatement")
}

// TestRequestsOfOtherClients sends what the SDK's client never would.
func TestRequestsOfOtherClients(t *testing.T) {
	t.Parallel()
	server, _ := startWithTable(t)
	for name, c := range map[string]struct{ op, body, code, message string }{
		"empty":                    {"ListTables", "", "SerializationException", "not JSON"},
		"not an object":            {"ListTables", "[]", "SerializationException", "can not be converted"},
		"two objects":              {"ListTables", "{}{}", "SerializationException", "not JSON"},
		"cut off":                  {"ListTables", `{"Limit":`, "SerializationException", "not JSON"},
		"not UTF-8":                {"ListTables", "{\"\xff\":1}", "SerializationException", "not UTF-8"},
		"deep":                     {"ListTables", strings.Repeat("[", 1_000_000), "SerializationException", "not JSON"},
		"given twice":              {"ListTables", `{"Limit":1,"Limit":2}`, "SerializationException", `"Limit" is given twice`},
		"twice in an item":         {"PutItem", `{"TableName":"music","Item":{"artist":{"S":"a"},"artist":{"S":"b"},"track":{"N":"1"}}}`, "SerializationException", `"artist" is given twice`},
		"unknown parameter":        {"ListTables", `{"Foo":1}`, "ValidationException", `ListTables: the parameter "Foo" is not supported by ddbtest`},
		"another case":             {"DescribeTable", `{"tablename":"music"}`, "ValidationException", `"tablename"`},
		"name of an embedding":     {"Scan", `{"TableName":"music","pageInput":{}}`, "ValidationException", `"pageInput"`},
		"wrong JSON type":          {"ListTables", `{"Limit":"1"}`, "SerializationException", "string can not be converted to int"},
		"no table name":            {"Scan", `{}`, "ValidationException", "Value null at 'tableName'"},
		"no item":                  {"PutItem", `{"TableName":"music"}`, "ValidationException", "at 'item' failed to satisfy constraint: Member must not be null"},
		"no key":                   {"GetItem", `{"TableName":"music","Key":null}`, "ValidationException", "at 'key' failed"},
		"no batch":                 {"BatchGetItem", `{}`, "ValidationException", "Value null at 'requestItems'"},
		"no key in a batch":        {"BatchGetItem", `{"RequestItems":{"music":{"Keys":[null]}}}`, "ValidationException", "at 'requestItems.member.keys.member'"},
		"no item in a batch":       {"BatchWriteItem", `{"RequestItems":{"music":[{"PutRequest":{}}]}}`, "ValidationException", "at 'requestItems.member.putRequest.item'"},
		"update in a batch":        {"BatchWriteItem", `{"RequestItems":{"music":[{"UpdateRequest":{}}]}}`, "ValidationException", `"UpdateRequest" is not supported by ddbtest`},
		"no transaction":           {"TransactWriteItems", `{}`, "ValidationException", "Value null at 'transactItems'"},
		"no reading action":        {"TransactGetItems", `{"TransactItems":[{}]}`, "ValidationException", "Value null at 'transactItems.member.get'"},
		"no key to read":           {"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"music"}}]}`, "ValidationException", "at 'transactItems.member.get.key'"},
		"no update expression":     {"TransactWriteItems", `{"TransactItems":[{"Update":{"TableName":"music","Key":{}}}]}`, "ValidationException", "update.updateExpression"},
		"no condition":             {"TransactWriteItems", `{"TransactItems":[{"ConditionCheck":{"TableName":"music","Key":{}}}]}`, "ValidationException", "conditionCheck.conditionExpression"},
		"return values in action":  {"TransactWriteItems", `{"TransactItems":[{"Put":{"ReturnValues":"NONE"}}]}`, "ValidationException", `"ReturnValues" is not supported by ddbtest`},
		"no key to update":         {"UpdateItem", `{"TableName":"music"}`, "ValidationException", "at 'key' failed"},
		"null attribute":           {"PutItem", `{"TableName":"music","Item":{"artist":null}}`, "ValidationException", "Supplied AttributeValue is empty"},
		"empty attribute":          {"PutItem", `{"TableName":"music","Item":{"artist":{}}}`, "ValidationException", "Supplied AttributeValue is empty"},
		"null in attribute":        {"PutItem", `{"TableName":"music","Item":{"artist":{"S":null}}}`, "ValidationException", "Supplied AttributeValue is empty"},
		"two types":                {"PutItem", `{"TableName":"music","Item":{"artist":{"S":"a","N":"1"}}}`, "ValidationException", "more than one datatypes"},
		"unknown type":             {"PutItem", `{"TableName":"music","Item":{"artist":{"X":"a"}}}`, "ValidationException", `unknown datatype "X"`},
		"number as JSON number":    {"PutItem", `{"TableName":"music","Item":{"artist":{"N":1}}}`, "SerializationException", "number can not be converted to string"},
		"not base64":               {"PutItem", `{"TableName":"music","Item":{"artist":{"B":"a"}}}`, "SerializationException", "not base64"},
		"base64 with stray bits":   {"PutItem", `{"TableName":"music","Item":{"artist":{"B":"AB=="}}}`, "SerializationException", "not base64"},
		"operation without a name": {"", `{}`, "UnknownOperationException", `"" is not an operation`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL(), strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+c.op)
			resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Equal(t, "application/x-amz-json-1.0", resp.Header.Get("Content-Type"))
			assert.Equal(t, fmt.Sprint(crc32.ChecksumIEEE(body)), resp.Header.Get("X-Amz-Crc32"))
			var answer struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			require.NoError(t, json.Unmarshal(body, &answer))
			_, code, _ := strings.Cut(answer.Type, "#")
			assert.Equal(t, c.code, code)
			assert.Contains(t, answer.Message, c.message)
		})
	}
}

// TestConcurrentUse is of use with the race detector, and counts the winners of
// a race for one key.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	ctx := t.Context()
	const workers = 16
	var wg sync.WaitGroup
	results := make([]error, workers)
	for i := range workers {
		wg.Go(func() {
			_, results[i] = client.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: aws.String(table), Item: with("a", "1", item{"set": texts("x", "y")}), ConditionExpression: aws.String("attribute_not_exists(artist)"),
			})
			_ = scan(ctx, client)
			server.SetPageSize(i)
			server.SetStaleReads(i%2 == 0)
			server.FailNext("DeleteTable", io.EOF)
			server.LoseNext("CreateTable", io.EOF)
			server.BeforeNext("Scan", func() {})
			server.AfterNext("Scan", func() {})
			server.SetUnprocessed(0.5)
			server.UnprocessedNext("BatchGetItem", 1)
			server.Calls()
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		var failed *types.ConditionalCheckFailedException
		if err == nil {
			won++
		} else {
			assert.ErrorAs(t, err, &failed)
		}
	}
	assert.Equal(t, 1, won)
}
