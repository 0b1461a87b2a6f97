package ddbtest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func transactPut(it item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(table), Item: it}}
}

func transactUpdate(key item, expression string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(table), Key: key, UpdateExpression: aws.String(expression),
		ExpressionAttributeNames: used(expression, updateNames), ExpressionAttributeValues: used(expression, updateValues),
	}}
}

func transactDelete(key item) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(table), Key: key}}
}

func transactCheck(key item, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: aws.String(table), Key: key, ConditionExpression: aws.String(condition)}}
}

func transactWrite(items ...types.TransactWriteItem) *dynamodb.TransactWriteItemsInput {
	return &dynamodb.TransactWriteItemsInput{TransactItems: items}
}

func transactGet(keys ...item) *dynamodb.TransactGetItemsInput {
	in := &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{}}
	for _, k := range keys {
		in.TransactItems = append(in.TransactItems, types.TransactGetItem{Get: &types.Get{TableName: aws.String(table), Key: k}})
	}
	return in
}

func requireCancelled(t *testing.T, err error, want ...types.CancellationReason) {
	t.Helper()
	var e *types.TransactionCanceledException
	require.ErrorAs(t, err, &e)
	var codes []string
	for i, r := range want {
		codes = append(codes, aws.ToString(r.Code))
		if i < len(e.CancellationReasons) && r.Message != nil {
			assert.Contains(t, aws.ToString(e.CancellationReasons[i].Message), *r.Message)
			want[i].Message = e.CancellationReasons[i].Message
		}
	}
	assert.Equal(t, want, e.CancellationReasons)
	assert.Equal(t, fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")), e.ErrorMessage())
}

var noReason = types.CancellationReason{Code: aws.String("None")}

func validationReason(text string) types.CancellationReason {
	return types.CancellationReason{Code: aws.String("ValidationError"), Message: aws.String(text)}
}

func conditionReason(it item) types.CancellationReason {
	return types.CancellationReason{Code: aws.String("ConditionalCheckFailed"), Message: aws.String("The conditional request failed"), Item: it}
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	createTable(t, client, "other")
	put(t, client, with("update", "1", item{"n": num("1")}), key("delete", "1"), with("check", "1", item{"v": str("x")}))
	inOther := transactPut(key("put", "1"))
	inOther.Put.TableName = aws.String("other")
	inOther.Put.ConditionExpression = aws.String("attribute_not_exists(artist)")
	byARN := transactUpdate(key("create", "1.0"), "SET v = :x")
	byARN.Update.TableName = aws.String(tableARN)
	_, err := client.TransactWriteItems(ctx, transactWrite(
		transactPut(with("put", "1", item{"v": num("01")})), inOther, byARN,
		transactUpdate(key("update", "1"), "ADD n :one"),
		transactDelete(key("delete", "1")), transactDelete(key("nobody", "1")),
		transactCheck(key("check", "1"), "attribute_exists(v)"),
	))
	require.NoError(t, err)

	in := transactGet(key("put", "1"), key("update", "1.0"), key("delete", "1"), key("check", "1"), key("create", "1"), key("put", "1"))
	in.TransactItems[5].Get.TableName = aws.String("other")
	in.TransactItems[3].Get.ProjectionExpression = aws.String("#v")
	in.TransactItems[3].Get.ExpressionAttributeNames = map[string]string{"#v": "v"}
	out, err := client.TransactGetItems(ctx, in)
	require.NoError(t, err)
	var got []item
	for _, r := range out.Responses {
		got = append(got, r.Item)
	}
	assert.Equal(t, []item{
		with("put", "1", item{"v": num("1")}), with("update", "1", item{"n": num("2")}), nil,
		{"v": str("x")}, with("create", "1", item{"v": str("x")}), key("put", "1"),
	}, got)
}

func TestTransactionsAreCancelled(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	stored := with("a", "1", item{"v": str("x"), "n": num("1")})
	put(t, client, stored)
	first := transactPut(key("first", "1")) // must not be seen afterwards
	failing := func(allOld bool) []types.TransactWriteItem {
		out := []types.TransactWriteItem{
			transactPut(key("a", "1")), transactUpdate(key("a", "1"), "SET v = :y"), transactDelete(key("a", "1")),
			transactCheck(key("a", "1"), "attribute_not_exists(v)"),
		}
		condition := aws.String("attribute_not_exists(v)")
		out[0].Put.ConditionExpression, out[1].Update.ConditionExpression, out[2].Delete.ConditionExpression = condition, condition, condition
		if allOld {
			const old = types.ReturnValuesOnConditionCheckFailureAllOld
			out[0].Put.ReturnValuesOnConditionCheckFailure, out[1].Update.ReturnValuesOnConditionCheckFailure = old, old
			out[2].Delete.ReturnValuesOnConditionCheckFailure, out[3].ConditionCheck.ReturnValuesOnConditionCheckFailure = old, old
		}
		return out
	}
	for _, w := range failing(false) {
		_, err := client.TransactWriteItems(t.Context(), transactWrite(first, w))
		requireCancelled(t, err, noReason, conditionReason(nil))
	}
	for _, w := range failing(true) {
		_, err := client.TransactWriteItems(t.Context(), transactWrite(w, first))
		requireCancelled(t, err, conditionReason(stored), noReason)
	}
	absent := transactCheck(key("absent", "1"), "attribute_exists(v)")
	absent.ConditionCheck.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err := client.TransactWriteItems(t.Context(), transactWrite(first, failing(true)[0], absent, transactUpdate(key("b", "1"), "SET v = gone")))
	requireCancelled(t, err, noReason, conditionReason(stored), conditionReason(nil), validationReason("refers to an attribute that does not exist in the item"))

	for text, w := range map[string]types.TransactWriteItem{
		"Missing the key track in the item":               transactPut(item{"artist": str("a")}),
		"Type mismatch for Index Key genre":               transactPut(with("a", "1", item{"genre": num("1")})),
		"does not match the schema":                       transactDelete(item{"artist": str("a")}),
		"provided key element does not match":             transactCheck(with("a", "1", item{"v": str("x")}), "attribute_exists(v)"),
		"Cannot update attribute track":                   transactUpdate(key("a", "1"), "SET track = :one"),
		"secondary index key to unsupported type":         transactUpdate(key("a", "1"), "SET genre = :one"),
		"An operand in the update expression has an inc":  transactUpdate(key("a", "1"), "SET v = v + :one"),
		"provided in the update expression is invalid":    transactUpdate(key("a", "1"), "SET v.x = :one"),
		"Attempting to store more than 38 significant":    transactUpdate(key("a", "1"), "SET v = :nines + :half"),
		"Key attributes must be scalars":                  transactCheck(key("a", "1"), "attribute_exists(artist.x)"),
		"Item size to update has exceeded the maximum al": transactUpdate(key("large", "1"), "SET v = list_append(l, l)"),
	} {
		if strings.HasPrefix(text, "Item size") {
			put(t, client, with("large", "1", item{"l": list(str(strings.Repeat("x", 300<<10)))}))
		}
		_, err := client.TransactWriteItems(t.Context(), transactWrite(first, w))
		requireCancelled(t, err, noReason, validationReason(text))
	}
	_, err = client.TransactGetItems(t.Context(), transactGet(key("a", "1"), item{"artist": str("a")}))
	requireCancelled(t, err, noReason, validationReason("does not match the schema"))
	in := transactGet(key("a", "1"))
	in.TransactItems[0].Get.ProjectionExpression = aws.String("track.x")
	_, err = client.TransactGetItems(t.Context(), in)
	requireCancelled(t, err, validationReason("Key attributes must be scalars"))
	assert.Nil(t, get(t, client, "first", "1"), "a cancelled transaction has no effect")
	assert.Equal(t, stored, get(t, client, "a", "1"))
}

func TestTransactionsRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	first := transactPut(key("first", "1"))
	writes := func(n int) []types.TransactWriteItem {
		var out []types.TransactWriteItem
		for _, k := range trackKeys(n) {
			out = append(out, transactPut(k))
		}
		return out
	}
	large := func(n int) []types.TransactWriteItem {
		out := writes(n)
		for i := range out {
			out[i].Put.Item["pad"] = str(strings.Repeat("x", 400<<10-30))
		}
		return out
	}
	unused := transactPut(key("a", "1"))
	unused.Put.ExpressionAttributeValues = item{":x": str("x")}
	enum := transactPut(key("a", "1"))
	enum.Put.ReturnValuesOnConditionCheckFailure = "SOME"
	var two types.TransactWriteItem
	two.Put, two.Delete = first.Put, transactDelete(key("a", "1")).Delete
	for name, c := range map[string]struct {
		in   []types.TransactWriteItem
		text string
	}{
		"none":            {[]types.TransactWriteItem{}, "Member must have length greater than or equal to 1"},
		"101":             {writes(101), "Member must have length less than or equal to 100"},
		"no action":       {[]types.TransactWriteItem{first, {}}, "can only contain one of Check, Put, Update or Delete"},
		"two actions":     {[]types.TransactWriteItem{first, two}, "can only contain one of Check, Put, Update or Delete"},
		"same item":       {[]types.TransactWriteItem{first, transactDelete(key("first", "1.0"))}, "Transaction request cannot include multiple operations on one item"},
		"check and write": {[]types.TransactWriteItem{transactCheck(key("first", "1"), "attribute_exists(v)"), first}, "multiple operations on one item"},
		"syntax":          {[]types.TransactWriteItem{first, transactCheck(key("a", "1"), "v =")}, "Invalid ConditionExpression: Syntax error"},
		"update syntax":   {[]types.TransactWriteItem{first, transactUpdate(key("a", "1"), "SET v")}, "Invalid UpdateExpression: Syntax error"},
		"unused value":    {[]types.TransactWriteItem{first, unused}, "ExpressionAttributeValues can only be specified"},
		"enum":            {[]types.TransactWriteItem{first, enum}, "enum value set: [ALL_OLD, NONE]"},
		"bad value":       {[]types.TransactWriteItem{first, transactPut(with("a", "1", item{"x": texts()}))}, "may not be empty"},
		"large item":      {[]types.TransactWriteItem{first, transactPut(sized(400<<10 + 1))}, "Item size has exceeded"},
		"large in sum":    {append(large(11), first), "aggregate size of the items in the transaction exceeds 4194304 bytes"},
	} {
		_, err := client.TransactWriteItems(ctx, transactWrite(c.in...))
		t.Log(name)
		requireInvalid(t, err, c.text)
	}
	for text, change := range map[string]func(*dynamodb.TransactWriteItemsInput){
		"'clientRequestToken' failed to satisfy": func(in *dynamodb.TransactWriteItemsInput) {
			in.ClientRequestToken = aws.String(strings.Repeat("x", 37))
		},
		`ReturnConsumedCapacity: "INDEXES"`:   func(in *dynamodb.TransactWriteItemsInput) { in.ReturnConsumedCapacity = "INDEXES" },
		`ReturnItemCollectionMetrics: "SIZE"`: func(in *dynamodb.TransactWriteItemsInput) { in.ReturnItemCollectionMetrics = "SIZE" },
	} {
		in := transactWrite(first)
		change(in)
		_, err := client.TransactWriteItems(ctx, in)
		requireInvalid(t, err, text)
	}
	elsewhere := transactPut(key("a", "1"))
	elsewhere.Put.TableName = aws.String("absent")
	_, err := client.TransactWriteItems(ctx, transactWrite(first, elsewhere))
	var absent *types.ResourceNotFoundException
	require.ErrorAs(t, err, &absent)
	assert.Nil(t, get(t, client, "first", "1"))

	_, err = client.TransactGetItems(ctx, transactGet())
	requireInvalid(t, err, "greater than or equal to 1")
	_, err = client.TransactGetItems(ctx, transactGet(trackKeys(101)...))
	requireInvalid(t, err, "less than or equal to 100")
	_, err = client.TransactGetItems(ctx, transactGet(key("a", "1"), key("a", "1.0")))
	requireInvalid(t, err, "multiple operations on one item")
	for text, change := range map[string]func(*dynamodb.TransactGetItemsInput){
		`ReturnConsumedCapacity: "TOTAL"`: func(in *dynamodb.TransactGetItemsInput) { in.ReturnConsumedCapacity = "TOTAL" },
		"Invalid ProjectionExpression: Syntax": func(in *dynamodb.TransactGetItemsInput) {
			in.TransactItems[0].Get.ProjectionExpression = aws.String("a b")
		},
		"The parameter cannot be converted to ": func(in *dynamodb.TransactGetItemsInput) { in.TransactItems[0].Get.Key = key("a", "") },
	} {
		in := transactGet(key("a", "1"))
		change(in)
		_, err := client.TransactGetItems(ctx, in)
		requireInvalid(t, err, text)
	}
	in := transactGet(key("a", "1"))
	in.TransactItems[0].Get.TableName = aws.String("absent")
	_, err = client.TransactGetItems(ctx, in)
	absent = nil
	require.ErrorAs(t, err, &absent)
}

func TestLargestTransactions(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	var writes []types.TransactWriteItem
	for _, k := range trackKeys(100) {
		writes = append(writes, transactPut(k))
	}
	_, err := client.TransactWriteItems(ctx, transactWrite(writes...))
	require.NoError(t, err)
	out, err := client.TransactGetItems(ctx, transactGet(trackKeys(100)...))
	require.NoError(t, err)
	assert.Len(t, out.Responses, 100)
	assert.Equal(t, key("a", "99"), out.Responses[99].Item, "the answer has the order of the request")

	for _, k := range trackKeys(11) {
		it := with("a", "0", item{"pad": str(strings.Repeat("x", 400<<10-40))})
		it["track"] = k["track"]
		put(t, client, it)
	}
	_, err = client.TransactGetItems(ctx, transactGet(trackKeys(10)...))
	require.NoError(t, err)
	_, err = client.TransactGetItems(ctx, transactGet(trackKeys(11)...))
	requireInvalid(t, err, "aggregate size of the items in the transaction exceeds")
}

func TestTransactGetIsConsistent(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	server.SetStaleReads(true)
	put(t, client, key("a", "1"))
	out, err := client.TransactGetItems(t.Context(), transactGet(key("a", "1")))
	require.NoError(t, err)
	assert.Equal(t, key("a", "1"), out.Responses[0].Item)
}

func TestClientRequestToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := startWithTable(t)
		ctx := t.Context()
		increment := func(token, expression string) error {
			in := transactWrite(transactUpdate(key("a", "1"), expression), transactPut(with("b", "1", item{"m": fields(item{"x": num("1"), "y": num("2"), "z": num("3")})})))
			in.ClientRequestToken = aws.String(token)
			_, err := client.TransactWriteItems(ctx, in)
			return err
		}
		value := func() types.AttributeValue { return get(t, client, "a", "1")["n"] }
		for range 10 {
			require.NoError(t, increment("token", "ADD n :one"))
		}
		assert.Equal(t, num("1"), value(), "the same request has no effect again, in whatever order its maps are sent")
		require.NoError(t, increment("another", "ADD n :one"))
		assert.Equal(t, num("2"), value())

		var mismatch *types.IdempotentParameterMismatchException
		err := increment("token", "ADD n :two")
		require.ErrorAs(t, err, &mismatch)
		assert.Contains(t, mismatch.ErrorMessage(), "already used for a transaction with other parameters")
		assert.Equal(t, num("2"), value())

		// A transaction that is cancelled or refused leaves its token unused.
		require.Error(t, increment("failed", "SET n = gone"))
		require.NoError(t, increment("failed", "ADD n :one"))
		assert.Equal(t, num("3"), value())

		time.Sleep(10*time.Minute - time.Nanosecond)
		require.ErrorAs(t, increment("token", "ADD n :two"), &mismatch)
		time.Sleep(time.Nanosecond)
		require.NoError(t, increment("token", "ADD n :two"), "a token is valid for 10 minutes")
		assert.Equal(t, num("5"), value())

		// Without a token the SDK puts one into the input, so that all attempts
		// of one call, and all calls with one input, share it.
		for range 2 {
			in := transactWrite(transactUpdate(key("a", "1"), "ADD n :one"))
			for range 2 {
				_, err := client.TransactWriteItems(ctx, in)
				require.NoError(t, err)
			}
		}
		assert.Equal(t, num("7"), value())
		in := transactWrite(transactUpdate(key("a", "1"), "ADD n :one"))
		server.FailNext("TransactWriteItems", &types.InternalServerError{})
		_, err = client.TransactWriteItems(ctx, in)
		require.NoError(t, err)
		assert.Equal(t, num("8"), value())
	})
}

// TestTransactionsAreAtomic moves amounts between two items while others read
// both.
func TestTransactionsAreAtomic(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	put(t, client, with("a", "1", item{"n": num("0")}), with("b", "1", item{"n": num("0")}))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				_, err := client.TransactWriteItems(ctx, transactWrite(transactUpdate(key("a", "1"), "SET n = n + :one"), transactUpdate(key("b", "1"), "SET n = n - :one")))
				assert.NoError(t, err)
				out, err := client.TransactGetItems(ctx, transactGet(key("a", "1"), key("b", "1")))
				if assert.NoError(t, err) {
					a := out.Responses[0].Item["n"].(*types.AttributeValueMemberN).Value
					b := out.Responses[1].Item["n"].(*types.AttributeValueMemberN).Value
					assert.Equal(t, "-"+a, b)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, num("160"), get(t, client, "a", "1")["n"])
	assert.Equal(t, num("-160"), get(t, client, "b", "1")["n"])
}
