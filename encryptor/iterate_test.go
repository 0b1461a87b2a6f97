package encryptor_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

func TestIterate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for sk := range 25 {
		f.put(t, customer("ada", sk))
	}
	in := &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("pk = :pk"), Limit: aws.Int32(7),
		ExpressionAttributeValues: encryptor.Item{":pk": &types.AttributeValueMemberS{Value: "ada"}},
	}
	items := f.table.QueryItems(t.Context(), in)
	for range 2 { // an iterator begins anew every time
		sk := 0
		for item, err := range items {
			require.NoError(t, err)
			require.Equal(t, vectors.Text(customer("ada", sk)), vectors.Text(item))
			sk++
		}
		require.Equal(t, 25, sk)
	}
	require.Nil(t, in.ExclusiveStartKey, "the caller's input is not modified")
	require.Nil(t, in.TableName)

	t.Run("leaving the loop", func(t *testing.T) {
		before := len(f.server.Calls())
		for range f.table.ScanItems(t.Context(), &dynamodb.ScanInput{Limit: aws.Int32(5)}) {
			break
		}
		require.Len(t, f.server.Calls(), before+1, "no further page is fetched")
	})
	t.Run("a bad item does not end it", func(t *testing.T) {
		f.damage(t, customerKey("ada", 9))
		good, bad := 0, 0
		for item, err := range items {
			if err == nil {
				good++
				continue
			}
			bad++
			require.Nil(t, item)
			require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
			var itemError *encryptor.ItemError
			require.ErrorAs(t, err, &itemError)
			require.Equal(t, 2, itemError.Index, "the place in its page")
			require.Equal(t, vectors.Text(customerKey("ada", 9)), vectors.Text(itemError.Key()))
		}
		require.Equal(t, []int{24, 1}, []int{good, bad})
	})
	t.Run("a failed call ends it", func(t *testing.T) {
		f.server.FailNext("Scan", &types.ResourceNotFoundException{})
		errs := 0
		for item, err := range f.table.ScanItems(t.Context(), nil) {
			var notFound *types.ResourceNotFoundException
			require.ErrorAs(t, err, &notFound)
			require.Nil(t, item)
			errs++
		}
		require.Equal(t, 1, errs)
	})
	for name, in := range map[string]*dynamodb.QueryInput{
		"count":         {Select: types.SelectCount},
		"projection":    {ProjectionExpression: aws.String("city")},
		"filter":        {FilterExpression: aws.String("age > :a")},
		"another table": {TableName: aws.String("other")},
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			before := len(f.server.Calls())
			errs := 0
			for _, err := range f.table.QueryItems(t.Context(), in) {
				errs++
				if in.TableName != nil {
					require.ErrorIs(t, err, encryptor.ErrUnknownTable)
				} else {
					require.ErrorIs(t, err, encryptor.ErrUnsupported)
				}
			}
			require.Equal(t, 1, errs)
			require.Len(t, f.server.Calls(), before)
		})
	}
}
