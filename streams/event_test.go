package streams_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/streams"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// sampleCodec decrypts the items in testdata/event.json.
func sampleCodec(t *testing.T) encryptor.ItemCodec {
	t.Helper()
	aes, err := materials.NewAESKey(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	mac, err := materials.NewHMACKey(bytes.Repeat([]byte{2}, 32))
	require.NoError(t, err)
	provider, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: aes, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: aes, VerificationKey: mac},
	)
	require.NoError(t, err)
	codec, err := encryptor.New(provider, tableinfo.TableInfo{Name: "orders", Primary: tableinfo.Index{PartitionKey: "customer", SortKey: "order"}}, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"status": actions.SignOnly, "expires": actions.DoNothing}
	})
	require.NoError(t, err)
	return codec
}

// The event in testdata has what Lambda sends: a new item, a change, and a deletion by TTL. The images were encrypted once, with the
// static keys above.
func TestLambdaEvent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/event.json")
	require.NoError(t, err)
	var event events.DynamoDBEvent
	require.NoError(t, json.Unmarshal(text, &event))
	codec := sampleCodec(t)

	order := func(status string) encryptor.Item {
		return encryptor.Item{
			"customer": &types.AttributeValueMemberS{Value: "c-17"},
			"order":    &types.AttributeValueMemberN{Value: "1001"},
			"status":   &types.AttributeValueMemberS{Value: status},
			"expires":  &types.AttributeValueMemberN{Value: "1767322800"},
			"total":    &types.AttributeValueMemberN{Value: "12345678901234567890123456789.01"},
			"gift":     &types.AttributeValueMemberBOOL{Value: false},
			"coupon":   &types.AttributeValueMemberNULL{Value: true},
			"tags":     &types.AttributeValueMemberSS{Value: []string{"blue", "red"}},
			"sizes":    &types.AttributeValueMemberNS{Value: []string{"1.5", "10"}},
			"prints":   &types.AttributeValueMemberBS{Value: [][]byte{{0}, {1, 2}}},
			"lines": &types.AttributeValueMemberL{Value: []types.AttributeValue{
				&types.AttributeValueMemberM{Value: encryptor.Item{"sku": &types.AttributeValueMemberB{Value: []byte{7}}}},
			}},
		}
	}
	keys := encryptor.Item{"customer": order("")["customer"], "order": order("")["order"]}
	want := []streams.Record{
		{EventID: "0f0e7d6c5b4a39281706f5e4d3c2b1a0", EventName: "INSERT", Keys: keys, New: order("open")},
		{EventID: "1f0e7d6c5b4a39281706f5e4d3c2b1a0", EventName: "MODIFY", Keys: keys, Old: order("open"), New: order("shipped")},
		{EventID: "2f0e7d6c5b4a39281706f5e4d3c2b1a0", EventName: "REMOVE", Keys: keys, Old: order("shipped")},
	}
	require.Len(t, event.Records, len(want))
	for i, record := range event.Records {
		got, err := streams.DecryptEventRecord(t.Context(), codec, record)
		require.NoError(t, err)
		assert.Equal(t, want[i], got)
		assert.IsType(t, &types.AttributeValueMemberB{}, storedImage(t, record)["total"], "the sample is not encrypted")
	}
}

// storedImage is one image of a record, as it was stored.
func storedImage(t *testing.T, record events.DynamoDBEventRecord) encryptor.Item {
	t.Helper()
	stored := record.Change.NewImage
	if stored == nil {
		stored = record.Change.OldImage
	}
	item, err := streams.FromEvent(stored)
	require.NoError(t, err)
	return item
}
