package encryptor_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

func putRequest(item encryptor.Item) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
}

func deleteRequest(key encryptor.Item) types.WriteRequest {
	return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
}

func manyPuts(n int) []types.WriteRequest {
	var requests []types.WriteRequest
	for sk := range n {
		requests = append(requests, putRequest(customer("ada", sk)))
	}
	return requests
}

// all reads the table through the encryption.
func (f *fixture) all(t *testing.T) []encryptor.Item {
	t.Helper()
	var items []encryptor.Item
	for item, err := range f.table.ScanItems(t.Context(), &dynamodb.ScanInput{ConsistentRead: aws.Bool(true)}) {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

func (f *fixture) kmsCalls(op string) int {
	n := 0
	for _, call := range f.kms.Calls() {
		if call.Op == op {
			n++
		}
	}
	return n
}

// Pauses are on synctest's clock.
func TestWriteAll(t *testing.T) {
	t.Parallel()
	t.Run("1,000 items, of which DynamoDB leaves 40 % unprocessed every time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const items = 1000
			f := newFixture(t)
			f.server.SetUnprocessed(0.4)
			report, err := f.table.WriteAll(t.Context(), slices.Values(manyPuts(items)))
			require.NoError(t, err)
			require.Equal(t, encryptor.WriteReport{Written: items}, report)
			require.Equal(t, items, f.kmsCalls("GenerateDataKey"), "what is sent again is the same ciphertext")
			require.Len(t, f.all(t), items)
			t.Logf("%d items, %d batches, %d GenerateDataKey calls", items, len(slices.DeleteFunc(f.server.Calls(), func(op string) bool { return op != "BatchWriteItem" })), f.kmsCalls("GenerateDataKey"))
		})
	})
	t.Run("requests for one key keep their order", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			first, last := customer("ada", 1), customer("ada", 1)
			first["age"], last["age"] = &types.AttributeValueMemberN{Value: "1"}, &types.AttributeValueMemberN{Value: "2"}
			last["sk"] = &types.AttributeValueMemberN{Value: "1.0"} // the same key
			requests := append([]types.WriteRequest{deleteRequest(modifyKey), putRequest(first)}, manyPuts(60)[2:]...)
			requests = append(requests, putRequest(last), deleteRequest(customerKey("ada", 5)))
			f.server.UnprocessedNext("BatchWriteItem", 25)
			f.server.UnprocessedNext("BatchWriteItem", 24)
			report, err := f.table.WriteAll(t.Context(), slices.Values(requests))
			require.NoError(t, err)
			require.Equal(t, len(requests), report.Written)
			require.Equal(t, "N 2", vectors.ValueText(f.read(t)["age"]))
			require.Nil(t, f.stored(t, customerKey("ada", 5)))
		})
	})
	t.Run("lost answers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			for range 3 {
				f.server.LoseNext("BatchWriteItem", errors.New("connection reset"))
			}
			report, err := f.table.WriteAll(t.Context(), slices.Values(manyPuts(30)))
			require.NoError(t, err)
			require.Equal(t, encryptor.WriteReport{Written: 30}, report)
			require.Equal(t, 30, f.kmsCalls("GenerateDataKey"))
		})
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		before := len(f.server.Calls())
		report, err := f.table.WriteAll(t.Context(), slices.Values([]types.WriteRequest(nil)))
		require.NoError(t, err)
		require.Zero(t, report)
		require.Len(t, f.server.Calls(), before)
	})
}

// Whatever stops it, every request that was taken is accounted for.
func TestWriteAllReports(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		requests []types.WriteRequest
		fault    func(f *fixture, cancel context.CancelFunc)
		err      error
		written  int
		unsent   int
		unknown  int
		taken    int
	}{
		"a bad item in the second batch": {requests: slices.Concat(manyPuts(30), []types.WriteRequest{putRequest(encryptor.Item{})}, manyPuts(70)[31:]),
			err: encryptor.ErrInvalidValue, written: 25, unsent: 25, taken: 50},
		"a request that is nothing": {requests: []types.WriteRequest{{}}, err: encryptor.ErrInvalidValue, unsent: 1, taken: 1},
		"answers are lost for ever": {requests: manyPuts(60), fault: func(f *fixture, _ context.CancelFunc) {
			for range 100 {
				f.server.LoseNext("BatchWriteItem", lost)
			}
		}, err: lost, unknown: 25, taken: 25},
		"an answer is lost, and then DynamoDB has no capacity": {requests: manyPuts(60), fault: func(f *fixture, _ context.CancelFunc) {
			f.server.LoseNext("BatchWriteItem", lost)
			for range 100 {
				f.server.FailNext("BatchWriteItem", &types.ProvisionedThroughputExceededException{})
			}
		}, err: errAny, unknown: 25, taken: 25},
		"DynamoDB never has capacity": {requests: manyPuts(60), fault: func(f *fixture, _ context.CancelFunc) {
			for range 100 {
				f.server.FailNext("BatchWriteItem", &types.ProvisionedThroughputExceededException{})
			}
		}, err: errAny, unsent: 25, taken: 25},
		"everything stays unprocessed": {requests: manyPuts(60), fault: func(f *fixture, _ context.CancelFunc) { f.server.SetUnprocessed(1) },
			err: errAny, unsent: 25, taken: 25},
		"DynamoDB refuses": {requests: manyPuts(60), fault: func(f *fixture, _ context.CancelFunc) {
			f.server.AfterNext("BatchWriteItem", func() { f.server.FailNext("BatchWriteItem", &types.ResourceNotFoundException{}) })
		}, err: errAny, written: 25, unsent: 25, taken: 50},
		"the caller goes after the first batch": {requests: manyPuts(60), fault: func(f *fixture, cancel context.CancelFunc) {
			f.server.UnprocessedNext("BatchWriteItem", 0)
			f.server.BeforeNext("BatchWriteItem", func() { f.server.BeforeNext("BatchWriteItem", cancel) })
		}, err: context.Canceled, written: 25, unknown: 25, taken: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.fault != nil {
					c.fault(f, cancel)
				}
				taken := 0
				report, err := f.table.WriteAll(ctx, counted(c.requests, &taken))
				if c.err == errAny {
					require.Error(t, err)
				} else {
					require.ErrorIs(t, err, c.err)
				}
				var itemError *encryptor.ItemError
				require.ErrorAs(t, err, &itemError)
				require.Equal(t, "WriteAll", itemError.Op)
				require.Equal(t, c.taken, taken)
				require.Equal(t, []int{c.written, c.unsent, c.unknown}, []int{report.Written, len(report.Unsent), len(report.Unknown)})
				require.NotContains(t, err.Error(), secret)
				for _, request := range slices.Concat(report.Unsent, report.Unknown) {
					require.True(t, slices.ContainsFunc(c.requests, func(r types.WriteRequest) bool { return r.PutRequest == request.PutRequest }), "the caller's own request")
				}
			})
		})
	}
}

// An answer that makes no sense says nothing of any request.
func TestWriteAllFalseAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	foreign := map[string][]types.WriteRequest{customers: {deleteRequest(customerKey("eve", 9))}}
	table, err := encryptor.NewTable(leaving{f.raw, foreign}, f.table.Codec())
	require.NoError(t, err)
	report, err := table.WriteAll(t.Context(), slices.Values(manyPuts(30)))
	require.ErrorIs(t, err, encryptor.ErrUnknownOutcome)
	require.Equal(t, []int{0, 0, 25}, []int{report.Written, len(report.Unsent), len(report.Unknown)})
}

// leaving is a client whose answers have requests unprocessed that were not sent.
type leaving struct {
	encryptor.DynamoDBAPI
	unprocessed map[string][]types.WriteRequest
}

func (l leaving) BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return &dynamodb.BatchWriteItemOutput{UnprocessedItems: l.unprocessed}, nil
}

var errAny = errors.New("any error")

func counted(requests []types.WriteRequest, taken *int) iter.Seq[types.WriteRequest] {
	return func(yield func(types.WriteRequest) bool) {
		for _, request := range requests {
			*taken++
			if !yield(request) {
				return
			}
		}
	}
}
