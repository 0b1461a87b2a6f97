package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// mutant is a deliberate fault of the services or of the library. The checks must
// find it.
type mutant struct {
	name   string
	want   string // the kind of violation
	server func(doer) doer
	codec  func(encryptor.ItemCodec) encryptor.ItemCodec
	face   func(encryptor.DynamoDBAPI) encryptor.DynamoDBAPI
	store  func(*testing.T) materials.ProviderStore
	modify modifier
}

var mutants = []mutant{
	{name: "the service loses writes", want: lost, server: func(inner doer) doer { return &forgetful{inner: inner} }},
	{name: "an attribute is sent as it is", want: plaintext, codec: leaky},
	{name: "an attribute is stored as it is", want: atRest, codec: leaky},
	{name: "an item of another key is returned", want: wrongItem, face: func(api encryptor.DynamoDBAPI) encryptor.DynamoDBAPI { return &confused{DynamoDBAPI: api} }},
	{name: "items are cached", want: notCurrent, face: func(api encryptor.DynamoDBAPI) encryptor.DynamoDBAPI {
		return &caching{DynamoDBAPI: api, items: map[string]*dynamodb.GetItemOutput{}}
	}},
	{name: "a damaged item is replaced by the last good one", want: unverified, codec: func(inner encryptor.ItemCodec) encryptor.ItemCodec {
		return &mutantCodec{ItemCodec: inner, decrypted: keepLast()}
	}},
	{name: "values of two items are mixed", want: unverified, codec: func(inner encryptor.ItemCodec) encryptor.ItemCodec {
		return &mutantCodec{ItemCodec: inner, decrypted: mix()}
	}},
	{name: "an error quotes the item", want: inError, codec: func(inner encryptor.ItemCodec) encryptor.ItemCodec {
		return &mutantCodec{ItemCodec: inner, encrypts: func(item encryptor.Item) error {
			return fmt.Errorf("cannot encrypt %v", textOf(item))
		}}
	}},
	{name: "a goroutine goes on", want: goroutine, codec: func(inner encryptor.ItemCodec) encryptor.ItemCodec {
		return &mutantCodec{ItemCodec: inner, encrypts: func(encryptor.Item) error {
			go time.Sleep(time.Hour)
			return nil
		}}
	}},
	{name: "the context is not heeded", want: waits, codec: func(inner encryptor.ItemCodec) encryptor.ItemCodec {
		return &mutantCodec{ItemCodec: inner, encrypts: func(encryptor.Item) error {
			time.Sleep(time.Second)
			return nil
		}}
	}},
	{name: "a call panics", want: panicked, face: func(api encryptor.DynamoDBAPI) encryptor.DynamoDBAPI { return &panicking{api} }},
	{name: "calls fail now and then", want: noReason, face: func(api encryptor.DynamoDBAPI) encryptor.DynamoDBAPI { return &moody{DynamoDBAPI: api} }},
	{name: "unprocessed requests are forgotten", want: lost, face: func(api encryptor.DynamoDBAPI) encryptor.DynamoDBAPI { return &hasty{api} }},
	{name: "keys are used that are not stored", want: unstored, store: elsewhere},
	{name: "Modify is called again after an unknown outcome", want: twice, modify: func(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error) {
		item, err := t.Modify(ctx, key, f)
		if errors.Is(err, encryptor.ErrUnknownOutcome) {
			return t.Modify(ctx, key, f)
		}
		return item, err
	}},
	{name: "Modify reads and writes without a condition", want: twice, modify: blindly},
	{name: "an unknown outcome is passed off as none", want: outcome, modify: func(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error) {
		item, err := t.Modify(ctx, key, f)
		if errors.Is(err, encryptor.ErrUnknownOutcome) {
			err = encryptor.ErrConflict
		}
		return item, err
	}},
	{name: "every failure is passed off as unknown", want: outcome, modify: func(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error) {
		item, err := t.Modify(ctx, key, f)
		if err != nil {
			err = encryptor.ErrUnknownOutcome
		}
		return item, err
	}},
	{name: "a failure is passed off as success", want: lost, modify: func(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error) {
		item, err := t.Modify(ctx, key, f)
		if err != nil {
			item = makeItem(keyText(key), 1, 0)
		}
		return item, nil
	}},
}

// TestMutants proves that each check can fail.
func TestMutants(t *testing.T) {
	t.Parallel()
	const most = 150
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= most; seed++ {
				_, violations := runInBubble(t, draw(seed), m)
				for _, v := range violations {
					if v.kind == m.want {
						t.Logf("found by seed %d: %.160s", seed, v)
						return
					}
				}
			}
			t.Errorf("%d schedules did not find %q", most, m.want)
		})
	}
}

func TestNoViolationInAQuietSchedule(t *testing.T) {
	t.Parallel()
	s := draw(1)
	s.rate, s.deadlines, s.tampers, s.stale = 0, 0, 0, false
	done, violations := runInBubble(t, s, mutant{})
	require.Empty(t, violations)
	require.Zero(t, total(done.faults))
	require.NotZero(t, done.observed)
}

// forgetful answers every third PutItem without doing anything.
type forgetful struct {
	inner doer
	n     atomic.Int64
}

func (f *forgetful) Do(request *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(request.Header.Get("X-Amz-Target"), ".PutItem") || f.n.Add(1)%3 != 0 {
		return f.inner.Do(request)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte("{}"))), Request: request}, nil
}

// mutantCodec does something to every fifth item.
type mutantCodec struct {
	encryptor.ItemCodec
	n         atomic.Int64
	encrypts  func(encryptor.Item) error
	encrypted func(plain, stored encryptor.Item)
	decrypted func(stored, plain encryptor.Item, err error) (encryptor.Item, error)
}

func (c *mutantCodec) Encrypt(ctx context.Context, item encryptor.Item) (encryptor.Item, error) {
	fifth := c.n.Add(1)%5 == 0
	if fifth && c.encrypts != nil {
		if err := c.encrypts(item); err != nil {
			return nil, err
		}
	}
	stored, err := c.ItemCodec.Encrypt(ctx, item)
	if err == nil && fifth && c.encrypted != nil {
		c.encrypted(item, stored)
	}
	return stored, err
}

func (c *mutantCodec) Decrypt(ctx context.Context, stored encryptor.Item) (encryptor.Item, error) {
	plain, err := c.ItemCodec.Decrypt(ctx, stored)
	if c.decrypted != nil {
		return c.decrypted(stored, plain, err)
	}
	return plain, err
}

func leaky(inner encryptor.ItemCodec) encryptor.ItemCodec {
	return &mutantCodec{ItemCodec: inner, encrypted: func(plain, stored encryptor.Item) { stored["secret"] = plain["secret"] }}
}

func keepLast() func(stored, plain encryptor.Item, err error) (encryptor.Item, error) {
	var last sync.Map
	return func(stored, plain encryptor.Item, err error) (encryptor.Item, error) {
		if err == nil {
			last.Store(keyText(stored), plain)
			return plain, nil
		}
		if kept, ok := last.Load(keyText(stored)); ok {
			return kept.(encryptor.Item), nil
		}
		return nil, err
	}
}

func mix() func(stored, plain encryptor.Item, err error) (encryptor.Item, error) {
	var before atomic.Value // the secret of the item that was read before
	return func(_, plain encryptor.Item, err error) (encryptor.Item, error) {
		if err != nil {
			return nil, err
		}
		if former := before.Swap(plain["secret"]); former != nil {
			plain["secret"] = former.(types.AttributeValue)
		}
		return plain, nil
	}
}

// confused answers with the item that was asked for before.
type confused struct {
	encryptor.DynamoDBAPI
	before atomic.Pointer[dynamodb.GetItemOutput]
}

func (f *confused) GetItem(ctx context.Context, in *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	out, err := f.DynamoDBAPI.GetItem(ctx, in, optFns...)
	if err != nil {
		return nil, err
	}
	if former := f.before.Swap(out); former != nil {
		return former, nil
	}
	return out, nil
}

type caching struct {
	encryptor.DynamoDBAPI
	mu    sync.Mutex
	items map[string]*dynamodb.GetItemOutput
}

func (f *caching) GetItem(ctx context.Context, in *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	f.mu.Lock()
	kept := f.items[keyText(in.Key)]
	f.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	out, err := f.DynamoDBAPI.GetItem(ctx, in, optFns...)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.items[keyText(in.Key)] = out
	}
	return out, err
}

type panicking struct{ encryptor.DynamoDBAPI }

func (panicking) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	panic("index out of range")
}

type moody struct {
	encryptor.DynamoDBAPI
	n atomic.Int64
}

func (f *moody) PutItem(ctx context.Context, in *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if f.n.Add(1)%3 == 0 {
		return nil, errors.New("not now")
	}
	return f.DynamoDBAPI.PutItem(ctx, in, optFns...)
}

type hasty struct{ encryptor.DynamoDBAPI }

func (f *hasty) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	out, err := f.DynamoDBAPI.BatchWriteItem(ctx, in, optFns...)
	if err != nil {
		return nil, err
	}
	out.UnprocessedItems = nil
	return out, nil
}

// elsewhere is a store in another DynamoDB.
func elsewhere(t *testing.T) materials.ProviderStore {
	service := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(service, service.CreateKey())
	require.NoError(t, err)
	client := ddbtest.NewServer().Client()
	require.NoError(t, metastore.CreateTable(t.Context(), client, metaTable))
	table, err := encryptor.NewEncryptedTable(t.Context(), client, metaTable, provider)
	require.NoError(t, err)
	store, err := metastore.New(table)
	require.NoError(t, err)
	return store
}

// blindly is what Modify must not be.
func blindly(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error) {
	out, err := t.GetItem(ctx, &dynamodb.GetItemInput{TableName: tableName, Key: key})
	if err != nil {
		return nil, err
	}
	item := out.Item
	if item == nil {
		item = keyItem(keyText(key))
	}
	if err := f(item); err != nil {
		return nil, err
	}
	_, err = t.PutItem(ctx, &dynamodb.PutItemInput{TableName: tableName, Item: item})
	return item, err
}
