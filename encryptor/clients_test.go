package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

// gateway stands between the SDK and the service. What it answers in the place of
// the first answers to an operation has no code of DynamoDB's.
type gateway struct {
	next   dynamodb.HTTPClient
	op     string
	status int
	body   string
	times  atomic.Int64
}

func (g *gateway) Do(req *http.Request) (*http.Response, error) {
	res, err := g.next.Do(req)
	if err != nil || !strings.HasSuffix(req.Header.Get("X-Amz-Target"), "."+g.op) || g.times.Add(-1) < 0 {
		return res, err
	}
	res.Body.Close()
	return &http.Response{
		StatusCode: g.status, Status: http.StatusText(g.status), Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(g.body)), ContentLength: int64(len(g.body)),
	}, nil
}

// The requests had their effect, and a gateway said otherwise.
func TestAnswersOfGateways(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]struct {
		status int
		body   string
	}{
		"502 without a body":    {502, ""},
		"503 with a page":       {503, "<html>busy</html>"},
		"504 of an API gateway": {504, `{"message":"Endpoint request timed out"}`},
	} {
		behind := func(t *testing.T, op string, times int64) (*fixture, *encryptor.EncryptedTable) {
			f := newFixture(t)
			f.put(t, customer("ada", 1))
			gate := &gateway{next: f.raw.Options().HTTPClient, op: op, status: g.status, body: g.body}
			gate.times.Store(times)
			table, err := encryptor.NewTable(dynamodb.New(f.raw.Options(), func(o *dynamodb.Options) { o.HTTPClient = gate }), f.table.Codec())
			require.NoError(t, err)
			return f, table
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("Modify, once", func(t *testing.T) {
				t.Parallel()
				f, table := behind(t, "UpdateItem", 1)
				calls := 0
				_, err := table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { calls++; return add(item, "age", 1) })
				require.NoError(t, err)
				require.Equal(t, 1, calls)
				require.Equal(t, "N 43", vectors.ValueText(f.read(t)["age"]))
			})
			t.Run("Modify, always", func(t *testing.T) {
				t.Parallel()
				f, table := behind(t, "UpdateItem", 1000)
				_, err := table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { return add(item, "age", 1) })
				require.ErrorIs(t, err, encryptor.ErrUnknownOutcome)
				require.Equal(t, "N 43", vectors.ValueText(f.read(t)["age"]))
			})
			t.Run("Modify that deletes", func(t *testing.T) {
				t.Parallel()
				f, table := behind(t, "DeleteItem", 1)
				_, err := table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { return encryptor.ErrDeleteItem })
				require.NoError(t, err)
				require.Nil(t, f.stored(t, modifyKey))
			})
			t.Run("WriteAll", func(t *testing.T) {
				t.Parallel()
				_, table := behind(t, "BatchWriteItem", 1000)
				report, err := table.WriteAll(t.Context(), slices.Values(manyPuts(3)), func(o *encryptor.WriteAllOptions) { o.MaxAttempts = 2 })
				require.Error(t, err)
				require.Equal(t, []int{0, 0, 3}, []int{report.Written, len(report.Unsent), len(report.Unknown)})
			})
		})
	}
}

// failing is a client whose UpdateItem fails before anything is sent, or as it says.
type failing struct {
	encryptor.DynamoDBAPI
	err   error
	calls int
}

func (f *failing) UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	f.calls++
	return nil, f.err
}

func TestModifyTellsRefusedFromUnknown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, customer("ada", 1))
	invalid := smithy.InvalidParamsError{Context: "UpdateItemInput"}
	invalid.Add(smithy.NewErrParamRequired("Key"))
	for name, c := range map[string]struct {
		err     error
		calls   int
		unknown bool
	}{
		"parameters that the SDK refuses":    {fmt.Errorf("operation error: %w", invalid), 1, false},
		"a request that does not serialize":  {&smithy.SerializationError{Err: errAny}, 1, false},
		"another Region writes the item":     {&types.ReplicatedWriteConflictException{}, 6, false},
		"a code that nobody knows":           {&smithy.GenericAPIError{Code: "UnknownError"}, 6, true},
		"a refusal without a code, with 413": {&httpError{413}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &failing{DynamoDBAPI: f.raw, err: c.err}
			table, err := encryptor.NewTable(api, f.table.Codec())
			require.NoError(t, err)
			_, err = table.Modify(t.Context(), modifyKey, setName("Ada"))
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.unknown, errors.Is(err, encryptor.ErrUnknownOutcome))
			require.Equal(t, c.calls, api.calls)
		})
	}
}

// httpError is what the SDK makes of an answer without a code.
type httpError struct{ status int }

func (e *httpError) Error() string                 { return http.StatusText(e.status) }
func (e *httpError) ErrorCode() string             { return "UnknownError" }
func (e *httpError) ErrorMessage() string          { return "UnknownError" }
func (e *httpError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }
func (e *httpError) HTTPStatusCode() int           { return e.status }

// forgetful is a client that does not pass ReturnValuesOnConditionCheckFailure on,
// and loses the first answer to a deletion.
type forgetful struct {
	encryptor.DynamoDBAPI
	before func()
	lost   bool
}

func (f *forgetful) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	request := *in
	request.ReturnValuesOnConditionCheckFailure = ""
	f.before()
	out, err := f.DynamoDBAPI.DeleteItem(ctx, &request, optFns...)
	if !f.lost {
		f.lost = true
		return nil, io.ErrUnexpectedEOF
	}
	return out, err
}

// A failed condition without an item is no proof that the item is gone.
func TestModifyConfirmsADeletion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(t *testing.T, f *fixture) // each attempt
		want   error
		stays  bool
	}{
		"it is gone":  {before: func(*testing.T, *fixture) {}},
		"it is there": {before: func(t *testing.T, f *fixture) { f.visit(t) }, want: encryptor.ErrUnknownOutcome, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.put(t, customer("ada", 1))
			table, err := encryptor.NewTable(&forgetful{DynamoDBAPI: f.raw, before: func() { c.before(t, f) }}, f.table.Codec())
			require.NoError(t, err)
			_, err = table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { return encryptor.ErrDeleteItem })
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.stays, f.stored(t, modifyKey) != nil)
		})
	}
}

func TestModifyMustExist(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mustExist := func(o *encryptor.ModifyOptions) { o.MustExist = true }
	_, err := f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { t.Error("f is called"); return nil }, mustExist)
	require.ErrorIs(t, err, encryptor.ErrItemNotFound)
	require.ErrorContains(t, err, `Modify on table "customers": item not found`)
	require.Nil(t, f.stored(t, modifyKey))
	f.put(t, customer("ada", 1))
	_, err = f.table.Modify(t.Context(), modifyKey, setName("Ada"), mustExist)
	require.NoError(t, err)
	require.Equal(t, `S "Ada"`, vectors.ValueText(f.read(t)["name"]))
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	calls := len(f.server.Calls())
	for says, call := range map[string]func() error{
		`Modify on table "customers": nil function`: func() error { return second(f.table.Modify(t.Context(), modifyKey, nil)) },
		`Modify on table "customers": ModifyOptions.MaxAttempts: must not be negative (-1)`: func() error {
			return second(f.table.Modify(t.Context(), modifyKey, setName("Ada"), func(o *encryptor.ModifyOptions) { o.MaxAttempts = -1 }))
		},
		`WriteAll on table "customers": nil requests`: func() error { return second(f.table.WriteAll(t.Context(), nil)) },
		`WriteAll on table "customers": WriteAllOptions.MaxAttempts: must not be negative (-1)`: func() error {
			return second(f.table.WriteAll(t.Context(), slices.Values(manyPuts(1)), func(o *encryptor.WriteAllOptions) { o.MaxAttempts = -1 }))
		},
		"encrypted client: TableOptions.Concurrency: must not be negative (-1)": func() error { // no table has it
			return second(encryptor.NewEncryptedClient(f.raw, nil, func(o *encryptor.ClientOptions) { o.Concurrency = -1 }))
		},
	} {
		require.EqualError(t, call(), says)
	}
	require.Len(t, f.server.Calls(), calls)
	require.Equal(t, "PutItem on table \"t\": <nil>", (&encryptor.ItemError{Op: "PutItem", Table: "t", Index: -1}).Error())
}

// mute is a client that answers nothing at all, as a mock may.
type mute struct{ encryptor.DynamoDBAPI }

func (mute) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return nil, nil
}

func (mute) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, nil
}

func (mute) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return nil, nil
}

func (mute) BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return nil, nil
}

func TestNeitherOutputNorError(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	table, err := encryptor.NewTable(mute{f.raw}, f.table.Codec())
	require.NoError(t, err)
	for op, call := range map[string]func() error{
		"GetItem": func() error { return second(table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: modifyKey})) },
		"Modify":  func() error { return second(table.Modify(t.Context(), modifyKey, setName("Ada"))) },
		"QueryItems": func() error {
			for _, err := range table.QueryItems(t.Context(), &dynamodb.QueryInput{
				KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: encryptor.Item{":pk": modifyKey["pk"]},
			}) {
				return err
			}
			return nil
		},
		"ScanItems": func() error {
			for _, err := range table.ScanItems(t.Context(), nil) {
				return err
			}
			return nil
		},
		"WriteAll": func() error {
			report, err := table.WriteAll(t.Context(), slices.Values(manyPuts(2)), func(o *encryptor.WriteAllOptions) { o.MaxAttempts = 1 })
			require.Len(t, report.Unknown, 2)
			return err
		},
	} {
		require.ErrorContains(t, call(), "neither an output nor an error", op)
	}
}

// hollow answers with items that have no attributes.
type hollow struct{ encryptor.DynamoDBAPI }

func (hollow) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: encryptor.Item{}}, nil
}

func (hollow) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{Attributes: encryptor.Item{}}, nil
}

func (hollow) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return nil, &types.ConditionalCheckFailedException{Item: encryptor.Item{}}
}

func (hollow) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return nil, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Item: encryptor.Item{}}}}
}

func (hollow) TransactGetItems(context.Context, *dynamodb.TransactGetItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return &dynamodb.TransactGetItemsOutput{Responses: []types.ItemResponse{{Item: encryptor.Item{}}}}, nil
}

// A caller who asks for nil must not take it for an item.
func TestAnEmptyItemIsAnAbsentOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	table, err := encryptor.NewTable(hollow{f.raw}, f.table.Codec())
	require.NoError(t, err)
	got, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: modifyKey})
	require.NoError(t, err)
	require.Nil(t, got.Item)
	put, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer("ada", 1), ReturnValues: types.ReturnValueAllOld})
	require.NoError(t, err)
	require.Nil(t, put.Attributes)
	several, err := table.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{getPart(customers, modifyKey)}})
	require.NoError(t, err)
	require.Nil(t, several.Responses[0].Item)
	_, err = table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: modifyKey})
	var failed *types.ConditionalCheckFailedException
	require.ErrorAs(t, err, &failed)
	require.Nil(t, failed.Item)
	var cancelled *types.TransactionCanceledException
	require.ErrorAs(t, transactWrite(putPart(customers, customer("ada", 1)))(t.Context(), table), &cancelled)
	require.Nil(t, cancelled.CancellationReasons[0].Item)
	_, err = table.Modify(t.Context(), modifyKey, setName("Ada"))
	require.NoError(t, err)
}

// Items of a page are decrypted by several goroutines, in which nobody could
// recover a panic of the caller's own code.
func TestPanicsReachTheCaller(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *encryptor.Options) {
		o.OnRead = func(context.Context, encryptor.Item, encryptor.ReadInfo) error { panic("own fault") }
	})
	for sk := range 20 {
		f.put(t, customer("ada", sk))
	}
	for op, call := range map[string]func(){
		"GetItem": func() { _, _ = f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: modifyKey}) },
		"Scan":    func() { _, _ = f.table.Scan(t.Context(), nil) },
		"ScanItems": func() {
			for range f.table.ScanItems(t.Context(), nil) {
				t.Error("an item is yielded")
			}
		},
	} {
		t.Run(op, func(t *testing.T) {
			defer func() {
				text := fmt.Sprint(recover())
				require.Contains(t, text, "own fault")
				if op != "GetItem" {
					require.Contains(t, text, "TestPanicsReachTheCaller", "the stack is that of the panic")
				}
			}()
			call()
			t.Error("it does not panic")
		})
	}
}

// retaining signs into one buffer, and a provider of it appends to what it is shown.
type retaining struct {
	materials.CryptographicMaterialsProvider
	buffer []byte
	seen   []string
}

func (r *retaining) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	m, err := r.CryptographicMaterialsProvider.EncryptionMaterials(ctx, ec)
	if err != nil {
		return nil, err
	}
	r.seen = append(ec.Encrypted, fmt.Sprint("call ", len(r.seen)))
	signer := m.SigningKey
	m.SigningKey = itemSigner(func(ctx context.Context, data []byte) ([]byte, error) {
		signature, err := signer.Sign(ctx, data)
		r.buffer = append(r.buffer[:0], signature...)
		return r.buffer, err
	})
	return m, err
}

func TestProvidersShareNoMemoryWithItems(t *testing.T) {
	t.Parallel()
	p := &retaining{CryptographicMaterialsProvider: newItemProvider(t)}
	e := newItemEncryptor(t, p)
	first, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	seen := p.seen
	last := seen[len(seen)-1]
	_, err = e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	require.Equal(t, last, seen[len(seen)-1], "what one call appends is not another's")
	_, err = e.Decrypt(t.Context(), first)
	require.NoError(t, err, "the signature is still the first item's")
}
