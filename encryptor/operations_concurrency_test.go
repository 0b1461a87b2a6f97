package encryptor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

const (
	pageSize   = 100
	kmsLatency = 10 * time.Millisecond
)

// many are the operations on several items, here on as many as DynamoDB allows.
var many = []struct {
	name  string
	items int
	reads bool // a page of items that must be there
	do    call
}{
	{"Query", pageSize, true, func(ctx context.Context, api encryptor.DynamoDBAPI) error { return query(*ofAda())(ctx, api) }},
	{"Scan", pageSize, true, scan(dynamodb.ScanInput{})},
	{"BatchGetItem", pageSize, true, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return batchGet(map[string]types.KeysAndAttributes{customers: keysOfAda(pageSize)})(ctx, api)
	}},
	{"TransactGetItems", pageSize, true, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		var parts []types.TransactGetItem
		for sk := range pageSize {
			parts = append(parts, getPart(customers, customerKey("ada", sk)))
		}
		return transactGet(parts...)(ctx, api)
	}},
	{"BatchWriteItem", 25, false, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return batchWrite(map[string][]types.WriteRequest{customers: manyPuts(25)})(ctx, api)
	}},
	{"TransactWriteItems", pageSize, false, func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		var parts []types.TransactWriteItem
		for sk := range pageSize {
			parts = append(parts, putPart(customers, customer("ada", sk)))
		}
		return transactWrite(parts...)(ctx, api)
	}},
}

// onEachFace runs a test in a synctest bubble for each operation and face. The
// bubble fails a test that leaves a goroutine behind.
func onEachFace(t *testing.T, run func(t *testing.T, face string, op int)) {
	for i, op := range many {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for _, face := range faces {
				t.Run(face, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { run(t, face, i) })
				})
			}
		})
	}
}

// newSlow returns a face over a KMS that takes its time, and a full page.
func newSlow(t *testing.T, face string, concurrency int, full bool) *operations {
	t.Helper()
	f := newOperations(t, face, func(o *encryptor.Options) { o.Concurrency = concurrency })
	if full {
		f.putCustomers(t, pageSize)
	}
	f.kms.SetLatency(kmsLatency)
	return f
}

// The clock is synctest's: these are exact times of waiting for KMS.
func TestManyItemsWaitForKMSTogether(t *testing.T) {
	t.Parallel()
	onEachFace(t, func(t *testing.T, face string, op int) {
		var times []time.Duration
		for _, concurrency := range []int{1, 0, 8, 32, 1000} {
			f := newSlow(t, face, concurrency, many[op].reads)
			calls := len(f.kms.Calls())
			start := time.Now()
			require.NoError(t, many[op].do(t.Context(), f.api))
			times = append(times, time.Since(start))
			require.Len(t, f.kms.Calls(), calls+many[op].items)
		}
		want := []time.Duration{100 * kmsLatency, 13 * kmsLatency, 13 * kmsLatency, 4 * kmsLatency, kmsLatency}
		if many[op].items == 25 {
			want = []time.Duration{25 * kmsLatency, 4 * kmsLatency, 4 * kmsLatency, kmsLatency, kmsLatency}
		}
		require.Equal(t, want, times)
	})
}

func TestManyItemsStopWithTheirContext(t *testing.T) {
	t.Parallel()
	onEachFace(t, func(t *testing.T, face string, op int) {
		f := newSlow(t, face, 4, many[op].reads)
		calls, sent := len(f.kms.Calls()), len(f.wire.sent())
		ctx, cancel := context.WithTimeout(t.Context(), 2*kmsLatency+kmsLatency/2)
		defer cancel()
		start := time.Now()
		err := many[op].do(ctx, f.api)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, many[op].name, itemError.Op)
		require.GreaterOrEqual(t, itemError.Index, 0)
		require.Equal(t, 2*kmsLatency+kmsLatency/2, time.Since(start), "work stops within one item")
		require.LessOrEqual(t, len(f.kms.Calls())-calls, 3*4)
		if !many[op].reads {
			require.Len(t, f.wire.sent(), sent, "nothing is written")
			out, err := f.raw.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(customers)})
			require.NoError(t, err)
			require.Empty(t, out.Items)
		}
	})
}

// Keys that are at hand do not notice that the caller has gone.
func TestManyItemsStopWithTheirContextWithoutKMS(t *testing.T) {
	t.Parallel()
	onEachFace(t, func(t *testing.T, face string, op int) {
		const last = 3
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := 0
		next := func() {
			if done++; done == last {
				cancel()
			}
		}
		f := newOperations(t, face)
		provider := newItemProvider(t)
		codec, err := encryptor.New(provider, f.table.Codec().Table(), customerActions, func(o *encryptor.Options) {
			o.OnRead = func(context.Context, encryptor.Item, encryptor.ReadInfo) error { next(); return nil }
		})
		require.NoError(t, err)
		if many[op].reads {
			for sk := range pageSize {
				stored, err := codec.Encrypt(t.Context(), customer("ada", sk))
				require.NoError(t, err)
				f.putRaw(t, customers, stored)
			}
		}
		encrypt := provider.encrypt
		provider.encrypt = func(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
			next()
			return encrypt(ctx, ec)
		}
		f.table, err = encryptor.NewTable(f.raw, codec)
		require.NoError(t, err)
		api := f.open(t, func(o *encryptor.Options) { o.Concurrency = 1 })
		sent := len(f.wire.sent())

		err = many[op].do(ctx, api)
		require.ErrorIs(t, err, context.Canceled)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, last, itemError.Index)
		require.Equal(t, last, done)
		if !many[op].reads {
			require.Len(t, f.wire.sent(), sent, "nothing is written")
		}
	})
}

func TestManyItemsWithACancelledContext(t *testing.T) {
	t.Parallel()
	onEachFace(t, func(t *testing.T, face string, op int) {
		f := newSlow(t, face, 4, many[op].reads)
		calls := len(f.kms.Calls())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		require.ErrorIs(t, many[op].do(ctx, f.api), context.Canceled)
		require.Zero(t, time.Since(start))
		require.Len(t, f.kms.Calls(), calls)
	})
}

func TestManyItemsBeginNoMoreAfterAnError(t *testing.T) {
	t.Parallel()
	onEachFace(t, func(t *testing.T, face string, op int) {
		f := newSlow(t, face, 4, many[op].reads)
		calls := len(f.kms.Calls())
		for range 4 {
			f.kms.FailNext("Decrypt", fmt.Errorf("refused"))
			f.kms.FailNext("GenerateDataKey", fmt.Errorf("refused"))
		}
		start := time.Now()
		err := many[op].do(t.Context(), f.api)
		require.ErrorContains(t, err, "refused")
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Zero(t, itemError.Index, "the lowest that failed")
		require.Equal(t, kmsLatency, time.Since(start))
		require.Len(t, f.kms.Calls(), calls+4)
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	for _, face := range faces {
		t.Run(face, func(t *testing.T) {
			t.Parallel()
			f := newOperations(t, face)
			api := f.api.(checked).api // which does not touch the request
			in := &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("shared", 0)}
			key := &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("shared", 0), ConsistentRead: aws.Bool(true)}
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					for range 10 {
						if _, err := api.PutItem(t.Context(), in); err != nil {
							t.Error(err)
							return
						}
						out, err := api.GetItem(t.Context(), key)
						if err != nil || vectors.Text(in.Item) != vectors.Text(out.Item) {
							t.Error("not the item that was put", err)
							return
						}
					}
				})
			}
			group.Wait()
		})
	}
}
