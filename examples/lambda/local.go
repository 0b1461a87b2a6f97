package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/streams"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// runLocally handles an event as Lambda would send it: an item is written, changed,
// and changed once more by somebody without the key.
func runLocally(ctx context.Context) error {
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	if err != nil {
		return err
	}
	customers, err := encryptor.New(provider, tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}})
	if err != nil {
		return err
	}
	var images []map[string]events.DynamoDBAttributeValue
	for _, email := range []string{"phileas@example.com", "fogg@example.com", "passepartout@example.com"} {
		stored, err := customers.Encrypt(ctx, encryptor.Item{
			"id":    &types.AttributeValueMemberS{Value: "c-17"},
			"email": &types.AttributeValueMemberS{Value: email},
		})
		if err != nil {
			return err
		}
		image, err := streams.ToEvent(stored)
		if err != nil {
			return err
		}
		images = append(images, image)
	}
	images[2]["email"] = events.NewBinaryAttribute(make([]byte, 48))

	response, err := handler{customers}.handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{
		change(1, "INSERT", nil, images[0]),
		change(2, "MODIFY", images[0], images[1]),
		change(3, "MODIFY", images[1], images[2]),
	}})
	if err != nil {
		return err
	}
	if len(response.BatchItemFailures) != 1 || response.BatchItemFailures[0].ItemIdentifier != "3" {
		return fmt.Errorf("reported as failed: %v, not record 3 alone", response.BatchItemFailures)
	}
	fmt.Println("Lambda is told to send record 3 again")
	return nil
}

func change(sequence int, name string, before, after map[string]events.DynamoDBAttributeValue) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{
		EventID:        fmt.Sprint("event-", sequence),
		EventName:      name,
		EventSourceArn: "arn:aws:dynamodb:eu-west-1:111122223333:table/customers/stream/2026-01-02T03:04:05.678",
		Change: events.DynamoDBStreamRecord{
			Keys:           map[string]events.DynamoDBAttributeValue{"id": events.NewStringAttribute("c-17")},
			OldImage:       before,
			NewImage:       after,
			SequenceNumber: fmt.Sprint(sequence),
		},
	}
}
