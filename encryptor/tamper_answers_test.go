package encryptor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// misdirected stands between client and service and asks for something else than
// the caller did: the service's answer is genuine, every item in it valid.
type misdirected struct {
	next     dynamodb.HTTPClient
	from, to string
}

func (m misdirected) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	body = []byte(strings.ReplaceAll(string(body), m.from, m.to))
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return m.next.Do(req)
}

// misdirect has eve 2 asked for wherever the face asks for ada 1.
func (f *operations) misdirect() {
	for from, to := range map[string]string{`{"S":"ada"}`: `{"S":"eve"}`, `{"N":"1.0"}`: `{"N":"2"}`, `{"N":"1"}`: `{"N":"2"}`} {
		f.wire.next = misdirected{f.wire.next, from, to}
	}
}

// askedKey is the key of ada 1 in a spelling that DynamoDB does not keep.
func askedKey() encryptor.Item { return respelled(customerKey("ada", 1), "1.0") }

func askedPut(in dynamodb.PutItemInput) call {
	in.Item = respelled(customer("ada", 1), "1.0")
	return put(in)
}

var unmet = aws.String("attribute_not_exists(pk)")

// answered are requests for ada 1 whose answers have an item.
var answered = []struct {
	name  string
	op    string
	do    call
	image bool // the write took effect
	batch bool // the answer does not say to which key it is
	calls int  // of KMS, to write
}{
	{name: "GetItem", op: "GetItem", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(customers), Key: askedKey()}))
	}},
	{name: "PutItem, condition", op: "PutItem", do: askedPut(dynamodb.PutItemInput{ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}), calls: 1},
	{name: "UpdateItem, old", op: "UpdateItem", do: askedUpdate(types.ReturnValueAllOld, nil), image: true},
	{name: "UpdateItem, new", op: "UpdateItem", do: askedUpdate(types.ReturnValueAllNew, nil), image: true},
	{name: "UpdateItem, condition", op: "UpdateItem", do: askedUpdate("", unmet)},
	{name: "DeleteItem, condition", op: "DeleteItem", do: askedDelete("", unmet)},
	{name: "BatchGetItem", op: "BatchGetItem", do: batchGet(map[string]types.KeysAndAttributes{customers: {Keys: []encryptor.Item{askedKey()}}}), batch: true},
	{name: "TransactGetItems", op: "TransactGetItems", do: transactGet(getPart(customers, askedKey()))},
	{name: "TransactWriteItems, Put", op: "TransactWriteItems", do: transactWrite(types.TransactWriteItem{Put: &types.Put{TableName: aws.String(customers),
		Item: respelled(customer("ada", 1), "1.0"), ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}}), calls: 1},
	{name: "TransactWriteItems, Update", op: "TransactWriteItems", do: transactWrite(types.TransactWriteItem{Update: &types.Update{TableName: aws.String(customers), Key: askedKey(),
		UpdateExpression: aws.String("REMOVE visits"), ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}})},
	{name: "TransactWriteItems, Delete", op: "TransactWriteItems", do: transactWrite(types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(customers), Key: askedKey(),
		ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}})},
	{name: "TransactWriteItems, ConditionCheck", op: "TransactWriteItems", do: transactWrite(types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: aws.String(customers),
		Key: askedKey(), ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}})},
	{name: "Query", op: "Query", do: query(askedQuery())},
	{name: "Query by part of the key", op: "Query", do: query(*ofAda())},
	{name: "PutItem, image", op: "PutItem", do: askedPut(dynamodb.PutItemInput{ReturnValues: types.ReturnValueAllOld}), image: true, calls: 1},
	{name: "DeleteItem, image", op: "DeleteItem", do: askedDelete(types.ReturnValueAllOld, nil), image: true},
}

func askedUpdate(values types.ReturnValue, condition *string) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: aws.String(customers), Key: askedKey(), UpdateExpression: aws.String("REMOVE visits"),
			ReturnValues: values, ConditionExpression: condition, ReturnValuesOnConditionCheckFailure: allOldOnFailure}))
	}
}

func askedDelete(values types.ReturnValue, condition *string) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(customers), Key: askedKey(),
			ReturnValues: values, ConditionExpression: condition, ReturnValuesOnConditionCheckFailure: allOldOnFailure}))
	}
}

func askedQuery() dynamodb.QueryInput {
	return dynamodb.QueryInput{
		KeyConditionExpression: aws.String("(#p = :p) AND sk = :s"), ExpressionAttributeNames: map[string]string{"#p": "pk"},
		ExpressionAttributeValues: encryptor.Item{":p": askedKey()["pk"], ":s": askedKey()["sk"]},
	}
}

// A valid item of another key is no answer, in any place where an answer can have
// an item.
func TestAnswersWithAnotherItem(t *testing.T) {
	t.Parallel()
	for _, a := range answered {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for _, face := range faces {
				t.Run(face, func(t *testing.T) {
					t.Parallel()
					f := newOperations(t, face)
					f.put(t, customer("ada", 1))
					f.put(t, customer("eve", 2))
					honest := a.do(t.Context(), f.api)
					require.NotErrorIs(t, honest, encryptor.ErrWrongItem, "another spelling of the number is no other key")
					if a.image {
						require.NoError(t, honest)
						f.put(t, customer("ada", 1))
					}

					f.misdirect()
					calls := len(f.kms.Calls())
					err := a.do(t.Context(), f.api)
					require.ErrorIs(t, err, encryptor.ErrWrongItem)
					require.NotErrorIs(t, err, encryptor.ErrInvalidSignature)
					require.Equal(t, a.image, errors.Is(err, encryptor.ErrImage))
					require.Len(t, f.kms.Calls(), calls+a.calls, "KMS is not asked about an item that nobody asked for")
					var itemError *encryptor.ItemError
					require.ErrorAs(t, err, &itemError)
					require.Equal(t, a.op, itemError.Op)
					require.Equal(t, vectors.Text(customerKey("eve", 2)), vectors.Text(customerKeyOf(itemError.Stored())))
					require.Contains(t, itemError.Stored(), itemSignature)
					require.NotContains(t, err.Error(), "ada")
					require.NotContains(t, err.Error(), "eve")
					if !a.batch {
						require.Equal(t, "pk", itemError.Attribute)
						require.Equal(t, askedKey()["pk"], itemError.Key()["pk"], "what was asked for")
					}
					requireNoItem(t, err)
				})
			}
		})
	}
}

func customerKeyOf(item encryptor.Item) encryptor.Item {
	return encryptor.Item{"pk": item["pk"], "sk": item["sk"]}
}

// requireNoItem requires that no exception in err shows an item.
func requireNoItem(t *testing.T, err error) {
	t.Helper()
	require.NotContains(t, exceptionDump(err), "eve")
}

// Only the sort key differs, or the index's key.
func TestAnswersOfAnotherQuery(t *testing.T) {
	t.Parallel()
	ofUlm := func(index string) dynamodb.QueryInput {
		return dynamodb.QueryInput{IndexName: &index, KeyConditionExpression: aws.String("city = :c"), ExpressionAttributeValues: encryptor.Item{":c": &itemS{Value: "Ulm"}}}
	}
	for _, c := range []struct {
		name, from, to string
		in             dynamodb.QueryInput
		wrong          string // the attribute; empty if the answer passes
	}{
		{"sort key", `{"N":"1.0"}`, `{"N":"2"}`, askedQuery(), "sk"},
		{"key of an index", `{"S":"Ulm"}`, `{"S":"Bern"}`, ofUlm("by-city"), "city"},
		{"range of the sort key, which is not looked at", `{"N":"1"}`, `{"N":"3"}`, dynamodb.QueryInput{
			KeyConditionExpression:    aws.String("pk = :p AND sk <= :s"),
			ExpressionAttributeValues: encryptor.Item{":p": &itemS{Value: "ada"}, ":s": &itemN{Value: "1"}},
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, face := range faces {
				f := newOperations(t, face)
				f.put(t, customer("ada", 1))
				f.put(t, itemWith(customer("ada", 2), "city", &itemS{Value: "Bern"}))
				require.NoError(t, query(c.in)(t.Context(), f.api))
				f.wire.next = misdirected{f.wire.next, c.from, c.to}
				err := query(c.in)(t.Context(), f.api)
				if c.wrong == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, encryptor.ErrWrongItem)
				var itemError *encryptor.ItemError
				require.ErrorAs(t, err, &itemError)
				require.Equal(t, c.wrong, itemError.Attribute)
				require.Equal(t, 0, itemError.Index)
			}
		})
	}
}

// A batch has each item that was asked for once, and leaves no other unprocessed.
func TestAnswersToABatch(t *testing.T) {
	t.Parallel()
	request := batchGet(map[string]types.KeysAndAttributes{customers: keysOfAda(2)})
	answer := func(f *operations, change func(responses, unprocessed map[string]any)) {
		f.wire.answers(func(body string) string {
			var out struct{ Responses, UnprocessedKeys map[string]any }
			if json.Unmarshal([]byte(body), &out) != nil || out.Responses[customers] == nil {
				return body
			}
			if out.UnprocessedKeys == nil {
				out.UnprocessedKeys = make(map[string]any)
			}
			change(out.Responses, out.UnprocessedKeys)
			text, err := json.Marshal(out)
			if err != nil {
				return err.Error()
			}
			return string(text)
		})
	}
	key := func(sk string) map[string]any {
		return map[string]any{"pk": map[string]string{"S": "ada"}, "sk": map[string]string{"N": sk}}
	}
	for _, face := range faces {
		t.Run(face, func(t *testing.T) {
			t.Parallel()
			f := newOperations(t, face)
			f.putCustomers(t, 3)
			answer(f, func(map[string]any, map[string]any) {})
			require.NoError(t, request(t.Context(), f.api))

			answer(f, func(responses, _ map[string]any) {
				page := responses[customers].([]any)
				responses[customers] = []any{page[0], page[0]}
			})
			err := request(t.Context(), f.api)
			require.ErrorIs(t, err, encryptor.ErrWrongItem, "one item twice")
			var itemError *encryptor.ItemError
			require.ErrorAs(t, err, &itemError)
			require.Equal(t, 1, itemError.Index)

			for sk, want := range map[string]error{"2": encryptor.ErrWrongItem, "1": nil} {
				answer(f, func(responses, unprocessed map[string]any) {
					page := responses[customers].([]any)
					responses[customers] = slices.DeleteFunc(page, func(item any) bool { return strings.Contains(jsonOf(item), `"sk":{"N":"1"}`) })
					unprocessed[customers] = map[string]any{"Keys": []any{key(sk)}}
				})
				require.ErrorIs(t, request(t.Context(), f.api), want, "unprocessed %s", sk)
			}
			answer(f, func(_, unprocessed map[string]any) {
				unprocessed["other"] = map[string]any{"Keys": []any{key("1")}}
			})
			require.ErrorIs(t, request(t.Context(), f.api), encryptor.ErrUnknownTable)
			if f.alone() {
				return
			}
			f.wire.answers(func(body string) string { return strings.ReplaceAll(body, `"customers"`, `"orders"`) })
			require.ErrorIs(t, request(t.Context(), f.api), encryptor.ErrWrongItem, "an item of a table that was not asked")
		})
	}
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// What EncryptedTable has beside the operations of the client.
func TestAnswersToModifyAndQueryItems(t *testing.T) {
	t.Parallel()
	f := newOperations(t, onTable)
	f.put(t, customer("ada", 1))
	f.put(t, customer("eve", 2))
	table, err := encryptor.NewTable(f.client, f.table.Codec())
	require.NoError(t, err)
	f.misdirect()
	_, err = table.Modify(t.Context(), askedKey(), func(encryptor.Item) error { t.Error("f is called"); return nil })
	require.ErrorIs(t, err, encryptor.ErrWrongItem)
	before := len(f.server.Calls())
	in := askedQuery()
	in.TableName = aws.String(customers)
	yielded := 0
	for item, err := range table.QueryItems(t.Context(), &in) {
		yielded++
		require.Nil(t, item)
		require.ErrorIs(t, err, encryptor.ErrWrongItem)
	}
	require.Equal(t, 1, yielded)
	require.Len(t, f.server.Calls(), before+1)
}

// Where no signature covers the key, the check still holds whoever answers to it.
func TestAnswersWithPlaintext(t *testing.T) {
	t.Parallel()
	for _, options := range []func(*encryptor.Options){plaintextReads, nothingSigned} {
		f := newOperations(t, onTable, options)
		f.putRaw(t, customers, itemWith(customer("ada", 1), "name", nil))
		f.putRaw(t, customers, itemWith(customer("eve", 2), "name", nil))
		require.NoError(t, get(dynamodb.GetItemInput{})(t.Context(), f.api))
		f.misdirect()
		require.ErrorIs(t, get(dynamodb.GetItemInput{})(t.Context(), f.api), encryptor.ErrWrongItem)
	}
}

// The answers of a transaction stand in the order of its parts, so none may lack.
func TestAnswersToATransaction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for answers := range 4 {
		table, err := encryptor.NewTable(answering{f.raw, answers}, f.table.Codec())
		require.NoError(t, err)
		err = transactGet(getPart(customers, customerKey("ada", 1)), getPart(customers, customerKey("ada", 2)))(t.Context(), table)
		if answers == 2 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, encryptor.ErrWrongItem)
		}
	}
}

// answering is a client that answers transactions with so many absent items.
type answering struct {
	encryptor.DynamoDBAPI
	answers int
}

func (a answering) TransactGetItems(context.Context, *dynamodb.TransactGetItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return &dynamodb.TransactGetItemsOutput{Responses: make([]types.ItemResponse, a.answers)}, nil
}
