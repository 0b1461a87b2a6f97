// Command lambda is a Lambda function that follows the changes of an encrypted table
// through its stream. Outside of Lambda it needs no account: it makes an event of its
// own, with KMS played by kmstest, and handles that.
//
// In Lambda it takes the table's name from TABLE_NAME and the ARN of the KMS key from
// KEY_ARN, and needs the permissions dynamodb:DescribeTable and kms:Decrypt beside
// those for the stream. The event source mapping should report batch item failures.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/streams"
	"github.com/ddbec/ddbec-go/tableinfo"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "lambda:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return runLocally(ctx)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	provider, err := materials.NewDirectKMSProvider(kms.NewFromConfig(cfg), os.Getenv("KEY_ARN"))
	if err != nil {
		return err
	}
	table, err := tableinfo.Describe(ctx, dynamodb.NewFromConfig(cfg), os.Getenv("TABLE_NAME"))
	if err != nil {
		return err
	}
	customers, err := encryptor.New(provider, table)
	if err != nil {
		return err
	}
	lambda.Start(handler{customers}.handle)
	return nil
}

// handler holds what is made once, when the function starts.
type handler struct {
	customers encryptor.ItemCodec
}

// handle stops at the first record that it cannot read: a stream is in order, so
// what follows is tried again as well.
func (h handler) handle(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var response events.DynamoDBEventResponse
	for _, r := range event.Records {
		record, err := streams.DecryptEventRecord(ctx, h.customers, r)
		if err != nil {
			fmt.Println(err) // names only, no values
			response.BatchItemFailures = append(response.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
			break
		}
		fmt.Printf("%s %s: email %q, was %q\n", record.EventName, text(record.Keys["id"]), text(record.New["email"]), text(record.Old["email"]))
	}
	return response, nil
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
