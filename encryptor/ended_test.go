package encryptor_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// ending is a provider that ends the goroutine, as a mock does that fails its test.
type ending struct{}

func (ending) EncryptionMaterials(context.Context, materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	runtime.Goexit()
	return nil, nil
}

func (ending) DecryptionMaterials(context.Context, materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	runtime.Goexit()
	return nil, nil
}

// What was not encrypted is not sent, whatever kept it from being encrypted, and
// what was not decrypted is no item.
func TestGoroutinesThatEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, customer("ada", 1))
	table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, customers, ending{}, customerActions)
	require.NoError(t, err)
	for op, call := range map[string]func() error{
		"BatchWriteItem": func() error {
			return second(table.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{customers: {putRequest(customer("eve", 1)), putRequest(customer("eve", 2))}},
			}))
		},
		"TransactWriteItems": func() error {
			return transactWrite(putPart(customers, customer("eve", 1)), putPart(customers, customer("eve", 2)))(t.Context(), table)
		},
		"WriteAll": func() error {
			report, err := table.WriteAll(t.Context(), slices.Values([]types.WriteRequest{putRequest(customer("eve", 1)), putRequest(customer("eve", 2))}))
			require.Len(t, report.Unsent, 2)
			return err
		},
		"Scan": func() error { return second(table.Scan(t.Context(), nil)) },
		"ScanItems": func() error {
			for item, err := range table.ScanItems(t.Context(), nil) {
				require.Nil(t, item)
				return err
			}
			return nil
		},
		"TransactGetItems": func() error { return transactGet(getPart(customers, customerKey("ada", 1)))(t.Context(), table) },
	} {
		require.ErrorContains(t, call(), "runtime.Goexit", op)
	}
	require.Len(t, f.all(t), 1)
}

// The last error of a cancelled iteration is not one about an item, after which a
// caller would go on.
func TestIterationThatIsCancelled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for sk := range 20 {
		f.put(t, customer("ada", sk))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	table := f.open(t, func(o *encryptor.Options) {
		o.Concurrency = 1
		o.OnRead = func(context.Context, encryptor.Item, encryptor.ReadInfo) error {
			if seen++; seen == 8 {
				cancel()
			}
			return nil
		}
	})
	var items int
	var last error
	for item, err := range table.ScanItems(ctx, &dynamodb.ScanInput{ConsistentRead: aws.Bool(true)}) {
		require.NoError(t, last, "nothing follows an error of the whole")
		var bad *encryptor.ItemError
		switch {
		case err == nil:
			require.NotNil(t, item)
			items++
		case errors.As(err, &bad) && bad.Index >= 0:
			t.Errorf("an error about one item: %v", err)
		default:
			last = err
		}
	}
	require.ErrorIs(t, last, context.Canceled)
	require.Equal(t, 8, items)
}
