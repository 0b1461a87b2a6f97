package streams_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/streams"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// A handler holds what is made once, when the function starts.
type handler struct {
	customers encryptor.ItemCodec
}

func (h *handler) handle(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var response events.DynamoDBEventResponse
	for _, r := range event.Records {
		record, err := streams.DecryptEventRecord(ctx, h.customers, r)
		if err != nil {
			fmt.Println(err) // names only, no values
			response.BatchItemFailures = append(response.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
			break // a stream is in order: what follows is tried again as well
		}
		fmt.Printf("%s %s: %q is now %q\n", record.EventName, text(record.Keys["id"]), text(record.Old["email"]), text(record.New["email"]))
	}
	return response, nil
}

// A Lambda function that follows the changes of an encrypted table, and meets an
// item that somebody changed in the table.
func ExampleDecryptEventRecord() {
	ctx := context.Background()
	fakeKMS := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey())
	if err != nil {
		log.Fatal(err)
	}
	customers, err := encryptor.New(provider, tableinfo.TableInfo{
		Name:    "customers",
		Primary: tableinfo.Index{PartitionKey: "id"},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := &handler{customers}

	before, err := image(ctx, customers, "phileas@example.com")
	if err != nil {
		log.Fatal(err)
	}
	after, err := image(ctx, customers, "fogg@example.com")
	if err != nil {
		log.Fatal(err)
	}
	changed, err := image(ctx, customers, "passepartout@example.com")
	if err != nil {
		log.Fatal(err)
	}
	changed["email"] = events.NewBinaryAttribute(make([]byte, 32))

	record := func(n int, name string, oldImage, newImage map[string]events.DynamoDBAttributeValue) events.DynamoDBEventRecord {
		return events.DynamoDBEventRecord{
			EventID:        fmt.Sprint("event-", n),
			EventName:      name,
			EventSourceArn: "arn:aws:dynamodb:eu-west-1:111122223333:table/customers/stream/2026-01-02T03:04:05.678",
			Change: events.DynamoDBStreamRecord{
				Keys:           map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute("c-17")},
				OldImage:       oldImage,
				NewImage:       newImage,
				SequenceNumber: fmt.Sprint(n),
			},
		}
	}
	response, err := h.handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{
		record(1, "INSERT", nil, before),
		record(2, "MODIFY", before, after),
		record(3, "REMOVE", after, nil),
	}})
	fmt.Println(len(response.BatchItemFailures), "failures", err)

	_, err = streams.DecryptEventRecord(ctx, customers, record(4, "MODIFY", after, changed))
	var recordError *streams.RecordError
	if errors.As(err, &recordError) && errors.Is(err, encryptor.ErrInvalidSignature) {
		fmt.Println(recordError.EventID, recordError.Part, "was changed")
	}
	// Output:
	// INSERT c-17: "" is now "phileas@example.com"
	// MODIFY c-17: "phileas@example.com" is now "fogg@example.com"
	// REMOVE c-17: "fogg@example.com" is now ""
	// 0 failures <nil>
	// event-4 new image was changed
}

// image is what a stream has of an item that was written to the table.
func image(ctx context.Context, codec encryptor.ItemCodec, email string) (map[string]events.DynamoDBAttributeValue, error) {
	stored, err := codec.Encrypt(ctx, encryptor.Item{
		"id":    &types.AttributeValueMemberS{Value: "c-17"},
		"email": &types.AttributeValueMemberS{Value: email},
	})
	if err != nil {
		return nil, err
	}
	return streams.ToEvent(stored)
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
