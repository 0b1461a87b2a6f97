// Command quickstart encrypts items on their way into DynamoDB and shows both
// sides: what DynamoDB holds, and what the service sees.
//
// Without flags it needs no account: DynamoDB and KMS are the stand-ins of
// packages ddbtest and kmstest. On AWS it takes a table whose partition key is
// partition_attribute (S) and whose sort key is sort_attribute (N), and a KMS
// key; with -books also a table with the keys Author (S) and Title (S):
//
//	quickstart -table NAME -key KEY-ARN [-books NAME]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func main() {
	table := flag.String("table", "", "DynamoDB table on AWS; empty: a stand-in in this process")
	key := flag.String("key", "", "ARN of a KMS key on AWS")
	books := flag.String("books", "", "second DynamoDB table on AWS, for the books")
	flag.Parse()
	if err := run(context.Background(), *table, *key, *books); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, table, key, books string) error {
	if (table == "") != (key == "") {
		return errors.New("-table and -key go together")
	}
	db, provider, err := connect(ctx, key)
	if err != nil {
		return err
	}
	if table == "" {
		table, books = "example-table", "Books"
		if err := createTable(ctx, db, table, "partition_attribute", types.ScalarAttributeTypeS, "sort_attribute", types.ScalarAttributeTypeN); err != nil {
			return err
		}
		if err := createTable(ctx, db, books, "Author", types.ScalarAttributeTypeS, "Title", types.ScalarAttributeTypeS); err != nil {
			return err
		}
	}
	if err := oneItem(ctx, db, table, provider); err != nil {
		return err
	}
	if books == "" {
		return nil
	}
	return bookshelf(ctx, db, books, provider)
}

// connect returns the clients of AWS, or of the stand-ins if key is empty.
func connect(ctx context.Context, key string) (*dynamodb.Client, materials.CryptographicMaterialsProvider, error) {
	if key == "" {
		fakeKMS := kmstest.New()
		provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey("alias/quickstart"))
		return ddbtest.NewServer().Client(), provider, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, nil, err
	}
	provider, err := materials.NewDirectKMSProvider(kms.NewFromConfig(cfg), key)
	return dynamodb.NewFromConfig(cfg), provider, err
}

func createTable(ctx context.Context, db *dynamodb.Client, name, partitionKey string, partitionType types.ScalarAttributeType, sortKey string, sortType types.ScalarAttributeType) error {
	_, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   aws.String(name),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(partitionKey), AttributeType: partitionType},
			{AttributeName: aws.String(sortKey), AttributeType: sortType},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(partitionKey), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sortKey), KeyType: types.KeyTypeRange},
		},
	})
	return err
}
