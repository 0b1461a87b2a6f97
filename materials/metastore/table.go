package metastore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/quote"
)

var _ CreateTableAPI = (*dynamodb.Client)(nil)

// CreateTableAPI is what [CreateTable] calls of DynamoDB; *dynamodb.Client is one.
type CreateTableAPI interface {
	CreateTable(ctx context.Context, params *dynamodb.CreateTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	dynamodb.DescribeTableAPIClient
}

// How long CreateTable waits for the table, and between two questions. DynamoDB
// takes about ten seconds.
const (
	maxTableWait  = 5 * time.Minute
	minTableDelay = time.Second
	maxTableDelay = 5 * time.Second
)

// CreateTable creates a meta table, with on-demand billing, and waits until it is
// active, for at most five minutes. optFns may change the request: encryption at
// rest, tags, and above all DeletionProtectionEnabled; but not the table's name or
// primary key, which is an error before anything is sent.
//
// Errors of DynamoDB are returned as they are: a table of that name is a
// *types.ResourceInUseException.
func CreateTable(ctx context.Context, c CreateTableAPI, name string, optFns ...func(*dynamodb.CreateTableInput)) error {
	if client, ok := c.(*dynamodb.Client); c == nil || ok && client == nil {
		return fmt.Errorf("metastore: create table %s: nil DynamoDB client", quote.Name(name))
	}
	in := &dynamodb.CreateTableInput{
		TableName:   aws.String(name),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(attrName), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(attrVersion), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(attrName), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(attrVersion), KeyType: types.KeyTypeRange},
		},
	}
	for _, fn := range optFns {
		fn(in)
	}
	if err := checkTable(in, name); err != nil {
		return fmt.Errorf("metastore: create table %s: %w", quote.Name(name), err)
	}
	if _, err := c.CreateTable(ctx, in); err != nil {
		return err
	}
	waiter := dynamodb.NewTableExistsWaiter(c, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = minTableDelay, maxTableDelay
	})
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: in.TableName}, maxTableWait); err != nil {
		return fmt.Errorf("metastore: table %s was created; waiting until it is active: %w", quote.Name(name), err)
	}
	return nil
}

// checkTable refuses what would not be a meta table any more.
func checkTable(in *dynamodb.CreateTableInput, name string) error {
	if got := aws.ToString(in.TableName); got != name {
		return fmt.Errorf("an option changed the table's name to %s", quote.Name(got))
	}
	isKey := func(i int, name string, role types.KeyType) bool {
		e := in.KeySchema[i]
		return aws.ToString(e.AttributeName) == name && e.KeyType == role
	}
	isDefined := func(name string, kind types.ScalarAttributeType) bool {
		return slices.ContainsFunc(in.AttributeDefinitions, func(d types.AttributeDefinition) bool {
			return aws.ToString(d.AttributeName) == name && d.AttributeType == kind
		})
	}
	if len(in.KeySchema) != 2 || !isKey(0, attrName, types.KeyTypeHash) || !isKey(1, attrVersion, types.KeyTypeRange) ||
		!isDefined(attrName, types.ScalarAttributeTypeS) || !isDefined(attrVersion, types.ScalarAttributeTypeN) {
		return fmt.Errorf("an option changed the primary key, which has to be %s (S, HASH) and %s (N, RANGE)", attrName, attrVersion)
	}
	return nil
}
