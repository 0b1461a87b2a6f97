package encryptor_test

import (
	"context"
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
)

const (
	pageSize   = 100
	kmsLatency = 10 * time.Millisecond
)

func newPage(t *testing.T, concurrency int) (*fixture, *dynamodb.QueryInput) {
	t.Helper()
	f := newFixture(t, func(o *encryptor.Options) { o.Concurrency = concurrency })
	for sk := range pageSize {
		f.put(t, customer("ada", sk))
	}
	f.kms.SetLatency(kmsLatency)
	return f, &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: encryptor.Item{":pk": &types.AttributeValueMemberS{Value: "ada"}},
	}
}

// The clock is synctest's: these are exact times of waiting for KMS.
func TestTablePageWaitsForKMSTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		concurrency int
		want        time.Duration
	}{
		{1, 100 * kmsLatency},
		{0, 13 * kmsLatency}, // 8 is the default
		{32, 4 * kmsLatency},
		{1000, kmsLatency},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, in := newPage(t, c.concurrency)
			start := time.Now()
			out, err := f.table.Query(t.Context(), in)
			require.NoError(t, err)
			require.Len(t, out.Items, pageSize)
			for sk, item := range out.Items {
				require.Equal(t, vectors.Text(customer("ada", sk)), vectors.Text(item), "order is kept")
			}
			require.Equal(t, c.want, time.Since(start), "concurrency %d", c.concurrency)
		})
	}
}

func TestTablePageStopsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, in := newPage(t, 4)
		calls := len(f.kms.Calls())
		ctx, cancel := context.WithTimeout(t.Context(), 2*kmsLatency+kmsLatency/2)
		defer cancel()
		start := time.Now()
		out, err := f.table.Query(ctx, in)
		require.Nil(t, out)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*kmsLatency+kmsLatency/2, time.Since(start))
		require.LessOrEqual(t, len(f.kms.Calls())-calls, 3*4, "work stops within one item")
		// The bubble fails the test if a goroutine of the call is left.
	})
}

func TestTablePageAfterAnErrorBeginsNoMoreItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, in := newPage(t, 4)
		f.damage(t, customerKey("ada", 5))
		calls := len(f.kms.Calls())
		_, err := f.table.Query(t.Context(), in)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, 5, itemError.Index)
		require.LessOrEqual(t, len(f.kms.Calls())-calls, 12)
	})
}

func TestTableConcurrentUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	item := customer("shared", 0)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
				if err != nil {
					t.Error(err)
					return
				}
				out, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("shared", 0), ConsistentRead: aws.Bool(true)})
				if err != nil || vectors.Text(item) != vectors.Text(out.Item) {
					t.Error("not the item that was put", err)
					return
				}
			}
		})
	}
	group.Wait()
}
