package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// Record is a change of one item, in plaintext.
type Record struct {
	// EventID identifies the change.
	EventID string
	// EventName is INSERT, MODIFY or REMOVE.
	EventName string
	// Keys is the item's primary key. It was not verified; that of an image was.
	Keys encryptor.Item
	// Old is the item before the change, New the item after it; nil if the record
	// has no such image. An INSERT has no old one and a REMOVE no new one, and the
	// stream's view type may leave out either or, with KEYS_ONLY, both.
	Old, New encryptor.Item
}

// Part is what of a record an error is about.
type Part string

// The parts of a record. The zero value stands for the record as a whole.
const (
	Keys     Part = "keys"
	OldImage Part = "old image"
	NewImage Part = "new image"
)

// RecordError says which part of which record failed. Its text has names only.
type RecordError struct {
	// Table is the name of the codec's table.
	Table string
	// EventID identifies the record.
	EventID string
	// Part is the part at fault; empty for the record as a whole.
	Part Part
	// Err is the cause: the codec's error, for example one that wraps
	// encryptor.ErrInvalidSignature.
	Err error
}

// Error gives table, event, part and cause.
func (e *RecordError) Error() string {
	where := fmt.Sprintf("stream record %s of table %s", quote(e.EventID), quote(e.Table))
	if e.Part != "" {
		where += ": " + string(e.Part)
	}
	return where + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// MarshalJSON writes the text of the cause and not its fields, which may hold
// items.
func (e *RecordError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Table, EventID string
		Part           Part
		Err            string
	}{e.Table, e.EventID, e.Part, e.Err.Error()})
}

// LogValue logs the text.
func (e *RecordError) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// DecryptEventRecord verifies and decrypts the images of a record that a Lambda
// function got. codec is that of the table the stream belongs to, such as
// [encryptor.New] returns. The record is not modified.
//
// Any error is a *[RecordError], and nothing of the record accompanies it: of two
// images, one that verifies is not returned without the other. A record of
// another table wraps [encryptor.ErrUnknownTable]; so does one without the ARN of
// its table. Only the ARN's table name is compared, since replicas of a global
// table share it.
func DecryptEventRecord(ctx context.Context, codec encryptor.ItemCodec, record events.DynamoDBEventRecord) (Record, error) {
	d, err := newDecryption(codec, record.EventID, record.EventName)
	if err != nil {
		return Record{}, err
	}
	if err := checkTable(record.EventSourceArn, d.table); err != nil {
		return Record{}, d.fail("", err)
	}
	return decrypt(ctx, d, FromEvent, record.Change.Keys, record.Change.OldImage, record.Change.NewImage)
}

// DecryptStreamRecord does the same for a record that GetRecords of the SDK's
// client for DynamoDB Streams returned. Such a record does not say which table it
// is from; the images of another table do not verify.
func DecryptStreamRecord(ctx context.Context, codec encryptor.ItemCodec, record streamtypes.Record) (Record, error) {
	d, err := newDecryption(codec, aws.ToString(record.EventID), string(record.EventName))
	if err != nil {
		return Record{}, err
	}
	change := record.Dynamodb
	if change == nil {
		return Record{}, d.fail("", fmt.Errorf("%w: it has no body", encryptor.ErrFormat))
	}
	return decrypt(ctx, d, FromStream, change.Keys, change.OldImage, change.NewImage)
}

// decryption is one record on its way.
type decryption struct {
	codec encryptor.ItemCodec
	table string
	out   Record
}

func newDecryption(codec encryptor.ItemCodec, eventID, eventName string) (*decryption, error) {
	d := &decryption{codec: codec, out: Record{EventID: eventID, EventName: eventName}}
	if codec == nil {
		return nil, d.fail("", errors.New("nil item codec"))
	}
	d.table = codec.Table().Name
	return d, nil
}

func (d *decryption) fail(part Part, err error) error {
	return &RecordError{Table: d.table, EventID: d.out.EventID, Part: part, Err: err}
}

func decrypt[V any](ctx context.Context, d *decryption, from func(map[string]V) (encryptor.Item, error), keys, oldImage, newImage map[string]V) (Record, error) {
	var err error
	if d.out.Keys, err = from(keys); err != nil {
		return Record{}, d.fail(Keys, err)
	}
	for _, image := range []struct {
		part   Part
		stored map[string]V
		out    *encryptor.Item
	}{
		{OldImage, oldImage, &d.out.Old},
		{NewImage, newImage, &d.out.New},
	} {
		// An item has a key at least, so an empty image is an absent one.
		if len(image.stored) == 0 {
			continue
		}
		stored, err := from(image.stored)
		if err != nil {
			return Record{}, d.fail(image.part, err)
		}
		if *image.out, err = d.codec.Decrypt(ctx, stored); err != nil {
			return Record{}, d.fail(image.part, err)
		}
	}
	return d.out, nil
}

// checkTable compares the table of a stream's ARN,
// arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL, with the codec's.
func checkTable(streamARN, want string) error {
	if streamARN == "" {
		return fmt.Errorf("%w: the record has no event source ARN", encryptor.ErrUnknownTable)
	}
	tableARN, _, ok := strings.Cut(streamARN, "/stream/")
	if !ok || !strings.HasPrefix(tableARN, "arn:") {
		return fmt.Errorf("%w: the event source %s is not a stream of a table", encryptor.ErrUnknownTable, quote(streamARN))
	}
	name, err := tableinfo.NameOf(tableARN)
	if err != nil {
		return fmt.Errorf("%w: event source: %w", encryptor.ErrUnknownTable, err)
	}
	if name != want {
		return fmt.Errorf("%w: the record is from table %s", encryptor.ErrUnknownTable, quote(name))
	}
	return nil
}

// quote makes text from a record fit for an error message: on one line, and of
// bounded length. It stands here since this module uses only what the other
// exports.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
