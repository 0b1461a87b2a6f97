package streams_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/streams"
	"github.com/ddbec/ddbec-go/tableinfo"
)

const (
	table     = "customers"
	streamARN = "arn:aws:dynamodb:eu-central-1:111122223333:table/customers/stream/2026-01-02T03:04:05.678"
	eventID   = "c4ca4238a0b923820dcc509a6f75849b"
)

var tableInfo = tableinfo.TableInfo{Name: table, Primary: tableinfo.Index{PartitionKey: "id", SortKey: "n"}}

func newCodec(t testing.TB, optFns ...func(*encryptor.Options)) (*encryptor.ItemEncryptor, *kmstest.KMS) {
	t.Helper()
	fakeKMS := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey())
	require.NoError(t, err)
	codec, err := encryptor.New(provider, tableInfo, append(optFns, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"tier": actions.SignOnly, "visits": actions.DoNothing}
	})...)
	require.NoError(t, err)
	return codec, fakeKMS
}

func encrypted(t testing.TB, codec encryptor.ItemCodec, item encryptor.Item) encryptor.Item {
	t.Helper()
	stored, err := codec.Encrypt(t.Context(), item)
	require.NoError(t, err)
	return stored
}

// customer is an item with a secret in it that must not be in any text.
func customer(tier string) encryptor.Item {
	item := everything()
	maps.Copy(item, keys())
	item["iban"] = &types.AttributeValueMemberS{Value: "secret-iban"}
	item["tier"] = &types.AttributeValueMemberS{Value: tier}
	item["visits"] = &types.AttributeValueMemberN{Value: "3"}
	return item
}

func keys() encryptor.Item {
	return encryptor.Item{"id": &types.AttributeValueMemberS{Value: "secret-id"}, "n": &types.AttributeValueMemberN{Value: "17"}}
}

// change is a record in the making, of either source.
type change struct {
	name                string
	view                streamtypes.StreamViewType
	arn                 string
	keys, before, after encryptor.Item
}

func (c change) event(t testing.TB) events.DynamoDBEventRecord {
	t.Helper()
	convert := func(item encryptor.Item) map[string]events.DynamoDBAttributeValue {
		out, err := streams.ToEvent(item)
		require.NoError(t, err)
		return out
	}
	return events.DynamoDBEventRecord{
		AWSRegion: "eu-central-1", EventID: eventID, EventName: c.name, EventSource: "aws:dynamodb", EventVersion: "1.1", EventSourceArn: c.arn,
		Change: events.DynamoDBStreamRecord{
			Keys: convert(c.keys), OldImage: convert(c.before), NewImage: convert(c.after), SequenceNumber: "111", StreamViewType: string(c.view),
		},
	}
}

func (c change) record(t testing.TB) streamtypes.Record {
	t.Helper()
	convert := func(item encryptor.Item) map[string]streamtypes.AttributeValue {
		out, err := streams.ToStream(item)
		require.NoError(t, err)
		return out
	}
	return streamtypes.Record{
		AwsRegion: aws.String("eu-central-1"), EventID: aws.String(eventID), EventName: streamtypes.OperationType(c.name),
		Dynamodb: &streamtypes.StreamRecord{
			Keys: convert(c.keys), OldImage: convert(c.before), NewImage: convert(c.after), SequenceNumber: aws.String("111"), StreamViewType: c.view,
		},
	}
}

// decryptBoth decrypts a change as a record of each source, which must give the same and leave the record as it was.
func decryptBoth(t *testing.T, codec encryptor.ItemCodec, c change) (streams.Record, error) {
	t.Helper()
	event, record := c.event(t), c.record(t)
	fromEvent, eventErr := streams.DecryptEventRecord(t.Context(), codec, event)
	fromStream, streamErr := streams.DecryptStreamRecord(t.Context(), codec, record)
	assert.Equal(t, fromEvent, fromStream)
	assert.Equal(t, fmt.Sprint(eventErr), fmt.Sprint(streamErr))
	assert.Equal(t, c.event(t), event, "the event changed")
	assert.Equal(t, c.record(t), record, "the record changed")
	return fromEvent, eventErr
}

func TestDecryptRecord(t *testing.T) {
	t.Parallel()
	codec, _ := newCodec(t)
	silver, gold := customer("silver"), customer("gold")
	storedSilver, storedGold := encrypted(t, codec, silver), encrypted(t, codec, gold)
	const (
		insert, modify, remove = "INSERT", "MODIFY", "REMOVE"

		both     = streamtypes.StreamViewTypeNewAndOldImages
		onlyNew  = streamtypes.StreamViewTypeNewImage
		onlyOld  = streamtypes.StreamViewTypeOldImage
		keysOnly = streamtypes.StreamViewTypeKeysOnly
	)
	for _, tt := range []struct {
		change
		wantOld, wantNew encryptor.Item
	}{
		{change{insert, both, streamARN, keys(), nil, storedGold}, nil, gold},
		{change{modify, both, streamARN, keys(), storedSilver, storedGold}, silver, gold},
		{change{remove, both, streamARN, keys(), storedGold, nil}, gold, nil},
		{change{insert, onlyNew, streamARN, keys(), nil, storedGold}, nil, gold},
		{change{modify, onlyNew, streamARN, keys(), nil, storedGold}, nil, gold},
		{change{remove, onlyNew, streamARN, keys(), nil, nil}, nil, nil},
		{change{insert, onlyOld, streamARN, keys(), nil, nil}, nil, nil},
		{change{modify, onlyOld, streamARN, keys(), storedSilver, nil}, silver, nil},
		{change{remove, onlyOld, streamARN, keys(), storedSilver, nil}, silver, nil},
		{change{insert, keysOnly, streamARN, keys(), nil, nil}, nil, nil},
		{change{modify, keysOnly, streamARN, keys(), encryptor.Item{}, encryptor.Item{}}, nil, nil},
		{change{remove, keysOnly, streamARN, keys(), nil, nil}, nil, nil},
	} {
		t.Run(tt.name+" "+string(tt.view), func(t *testing.T) {
			t.Parallel()
			got, err := decryptBoth(t, codec, tt.change)
			require.NoError(t, err)
			assert.Equal(t, streams.Record{EventID: eventID, EventName: tt.name, Keys: keys(), Old: tt.wantOld, New: tt.wantNew}, got)
		})
	}
}

func TestDecryptRandomRecords(t *testing.T) {
	t.Parallel()
	codec, _ := newCodec(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		oldItem, newItem := randomItem(r), randomItem(r)
		maps.Copy(oldItem, keys())
		maps.Copy(newItem, keys())
		got, err := decryptBoth(t, codec, change{"MODIFY", "", streamARN, keys(), encrypted(t, codec, oldItem), encrypted(t, codec, newItem)})
		require.NoError(t, err)
		require.Equal(t, oldItem, got.Old)
		require.Equal(t, newItem, got.New)
	}
}

func TestDecryptRecordRefusesImages(t *testing.T) {
	t.Parallel()
	codec, _ := newCodec(t)
	stored := encrypted(t, codec, customer("gold"))
	tampered := maps.Clone(stored)
	tampered["tier"] = &types.AttributeValueMemberS{Value: "secret-platinum"}
	unsigned := customer("gold")
	damaged := maps.Clone(stored)
	damaged["*amzn-ddb-map-desc*"] = &types.AttributeValueMemberB{Value: []byte("secret")}

	for name, tt := range map[string]struct {
		before, after encryptor.Item
		part          streams.Part
		want          error
	}{
		"old image changed":          {tampered, stored, streams.OldImage, encryptor.ErrInvalidSignature},
		"new image changed":          {stored, tampered, streams.NewImage, encryptor.ErrInvalidSignature},
		"both changed":               {tampered, tampered, streams.OldImage, encryptor.ErrInvalidSignature},
		"old image in plaintext":     {unsigned, stored, streams.OldImage, encryptor.ErrUnsigned},
		"new image in plaintext":     {stored, unsigned, streams.NewImage, encryptor.ErrUnsigned},
		"only image changed":         {nil, tampered, streams.NewImage, encryptor.ErrInvalidSignature},
		"removed item was changed":   {tampered, nil, streams.OldImage, encryptor.ErrInvalidSignature},
		"description of new damaged": {stored, damaged, streams.NewImage, encryptor.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decryptBoth(t, codec, change{"MODIFY", "", streamARN, keys(), tt.before, tt.after})
			assert.Zero(t, got, "no image is returned without the other")
			require.ErrorIs(t, err, tt.want)
			requireRecordError(t, err, tt.part)
		})
	}
}

// requireRecordError holds an error to what all of them promise.
func requireRecordError(t *testing.T, err error, part streams.Part) {
	t.Helper()
	var recordError *streams.RecordError
	require.ErrorAs(t, err, &recordError)
	assert.Equal(t, part, recordError.Part)
	assert.Equal(t, table, recordError.Table)
	assert.Equal(t, eventID, recordError.EventID)
	assert.Contains(t, err.Error(), `stream record "`+eventID+`" of table "customers": `+string(part))

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "error", err)
	text, jsonErr := json.Marshal(err)
	require.NoError(t, jsonErr)
	assert.Contains(t, string(text), eventID)
	for _, s := range []string{err.Error(), fmt.Sprintf("%v %+v", err, err), log.String(), string(text)} {
		assert.Contains(t, s, eventID)
		assert.NotContains(t, s, "secret", "a value is in the text")
	}
}

func TestDecryptRecordRefusesValues(t *testing.T) {
	t.Parallel()
	codec, _ := newCodec(t)
	good := change{"MODIFY", "", streamARN, keys(), encrypted(t, codec, customer("silver")), encrypted(t, codec, customer("gold"))}
	for _, part := range []streams.Part{streams.Keys, streams.OldImage, streams.NewImage} {
		t.Run(string(part), func(t *testing.T) {
			t.Parallel()
			event, record := good.event(t), good.record(t)
			eventPart := map[streams.Part]map[string]events.DynamoDBAttributeValue{
				streams.Keys: event.Change.Keys, streams.OldImage: event.Change.OldImage, streams.NewImage: event.Change.NewImage,
			}
			streamPart := map[streams.Part]map[string]streamtypes.AttributeValue{
				streams.Keys: record.Dynamodb.Keys, streams.OldImage: record.Dynamodb.OldImage, streams.NewImage: record.Dynamodb.NewImage,
			}
			eventPart[part]["n"] = events.DynamoDBAttributeValue{}
			streamPart[part]["n"] = nil

			got, err := streams.DecryptEventRecord(t.Context(), codec, event)
			assert.Zero(t, got)
			require.ErrorIs(t, err, encryptor.ErrInvalidValue)
			requireRecordError(t, err, part)
			assert.ErrorContains(t, err, `attribute "n"`)

			got, err = streams.DecryptStreamRecord(t.Context(), codec, record)
			assert.Zero(t, got)
			require.ErrorIs(t, err, encryptor.ErrInvalidValue)
			requireRecordError(t, err, part)
			assert.ErrorContains(t, err, `attribute "n"`)
		})
	}

	t.Run("no body", func(t *testing.T) {
		t.Parallel()
		got, err := streams.DecryptStreamRecord(t.Context(), codec, streamtypes.Record{EventID: aws.String(eventID)})
		assert.Zero(t, got)
		require.ErrorIs(t, err, encryptor.ErrFormat)
		requireRecordError(t, err, "")
	})
	t.Run("nothing at all", func(t *testing.T) {
		t.Parallel()
		_, err := streams.DecryptStreamRecord(t.Context(), codec, streamtypes.Record{})
		require.ErrorIs(t, err, encryptor.ErrFormat)
		_, err = streams.DecryptEventRecord(t.Context(), codec, events.DynamoDBEventRecord{})
		require.ErrorIs(t, err, encryptor.ErrUnknownTable)
	})
	t.Run("nil codec", func(t *testing.T) {
		t.Parallel()
		_, err := streams.DecryptStreamRecord(t.Context(), nil, good.record(t))
		require.ErrorContains(t, err, "nil item codec")
		_, err = streams.DecryptEventRecord(t.Context(), nil, good.event(t))
		require.ErrorContains(t, err, "nil item codec")
	})
}

func TestDecryptEventRecordOfAnotherTable(t *testing.T) {
	t.Parallel()
	codec, fakeKMS := newCodec(t)
	stored := encrypted(t, codec, customer("gold"))
	calls := len(fakeKMS.Calls())
	for arn, want := range map[string]string{
		"": "the record has no event source ARN",
		"arn:aws:dynamodb:eu-central-1:111122223333:table/customers-test/stream/2026-01-02T03:04:05.678": `the record is from table "customers-test"`,
		"arn:aws:dynamodb:eu-central-1:111122223333:table/Customers/stream/2026-01-02T03:04:05.678":      `the record is from table "Customers"`,
		"arn:aws:dynamodb:eu-central-1:111122223333:table/customers":                                     "is not a stream of a table",
		"customers": "is not a stream of a table",
		"arn:aws:kinesis:eu-central-1:111122223333:stream/customers":                                 "is not a stream of a table",
		"arn:aws:kinesis:eu-central-1:111122223333:table/customers/stream/x":                         `an ARN of the service "kinesis"`,
		"arn:aws:dynamodb:eu-central-1:111122223333:table//stream/x":                                 "other than a table",
		"customers/stream/x/" + strings.Repeat("\n", 5000):                                           "is not a stream of a table",
		"arn:aws:dynamodb:eu-central-1:111122223333:table/" + strings.Repeat("c\n", 3000):            "is not a stream of a table",
		"arn:aws:dynamodb:eu-central-1:111122223333:table/" + strings.Repeat("c", 300) + "/stream/x": `the record is from table "cccc`,
	} {
		record := change{"INSERT", "", arn, keys(), nil, stored}.event(t)
		got, err := streams.DecryptEventRecord(t.Context(), codec, record)
		assert.Zero(t, got, arn)
		require.ErrorIs(t, err, encryptor.ErrUnknownTable, arn)
		assert.ErrorContains(t, err, want)
		requireRecordError(t, err, "")
		assert.Less(t, len(err.Error()), 500)
		assert.NotContains(t, err.Error(), "\n")
	}
	assert.Len(t, fakeKMS.Calls(), calls, "KMS was asked about a record of another table")

	// A replica of a global table, or a table in another account or partition, has the same name.
	for _, arn := range []string{
		streamARN,
		"arn:aws:dynamodb:us-west-2:111122223333:table/customers/stream/2026-01-02T03:04:05.678",
		"arn:aws-cn:dynamodb:cn-north-1:999999999999:table/customers/stream/2020",
	} {
		_, err := streams.DecryptEventRecord(t.Context(), codec, change{"INSERT", "", arn, keys(), nil, stored}.event(t))
		require.NoError(t, err, arn)
	}
}

// The encryption context is that of the configured table, whatever the event says: here of a table that was restored under another name.
func TestEncryptionContextIsOfTheCodec(t *testing.T) {
	t.Parallel()
	original, fakeKMS := newCodec(t)
	stored := encrypted(t, original, customer("gold"))
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.Calls()[0].KeyID)
	require.NoError(t, err)
	restored, err := encryptor.New(provider, tableinfo.TableInfo{Name: "restored", Primary: tableInfo.Primary}, func(o *encryptor.Options) {
		o.SignedTableName = table
		o.Actions.Overrides = map[string]actions.CryptoAction{"tier": actions.SignOnly, "visits": actions.DoNothing}
	})
	require.NoError(t, err)

	arn := strings.Replace(streamARN, "table/customers", "table/restored", 1)
	got, err := streams.DecryptEventRecord(t.Context(), restored, change{"INSERT", "", arn, keys(), nil, stored}.event(t))
	require.NoError(t, err)
	assert.Equal(t, customer("gold"), got.New)
	calls := fakeKMS.Calls()
	require.Len(t, calls, 2)
	assert.Equal(t, "Decrypt", calls[1].Op)
	assert.Equal(t, calls[0].EncryptionContext, calls[1].EncryptionContext)
	assert.Contains(t, calls[1].EncryptionContext, "*aws-kms-table*")
	assert.Equal(t, table, calls[1].EncryptionContext["*aws-kms-table*"])
}

// While a table moves to encryption, old images are plaintext.
func TestDecryptRecordFollowsThePlaintextPolicy(t *testing.T) {
	t.Parallel()
	codec, _ := newCodec(t, func(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads })
	got, err := decryptBoth(t, codec, change{"MODIFY", "", streamARN, keys(), customer("silver"), encrypted(t, codec, customer("gold"))})
	require.NoError(t, err)
	assert.Equal(t, customer("silver"), got.Old)
	assert.Equal(t, customer("gold"), got.New)
}

func TestDecryptRecordPassesFailuresOn(t *testing.T) {
	t.Parallel()
	codec, fakeKMS := newCodec(t)
	c := change{"MODIFY", "", streamARN, keys(), encrypted(t, codec, customer("silver")), encrypted(t, codec, customer("gold"))}

	throttled := errors.New("throttled")
	fakeKMS.FailNext("Decrypt", throttled)
	_, err := streams.DecryptEventRecord(t.Context(), codec, c.event(t))
	require.ErrorIs(t, err, throttled)
	require.ErrorIs(t, err, materials.ErrKMS)
	requireRecordError(t, err, streams.OldImage)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = streams.DecryptStreamRecord(ctx, codec, c.record(t))
	require.ErrorIs(t, err, context.Canceled)
}
