package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// The counterpart of a program with Python's EncryptedTable.
func ExampleNewEncryptedTable() {
	ctx := context.Background()
	db, provider, err := exampleClients(ctx)
	if err != nil {
		log.Fatal(err)
	}

	table, err := encryptor.NewEncryptedTable(ctx, db, "example-table", provider, func(o *encryptor.Options) {
		o.Actions = actions.AttributeActions{
			Default:   actions.EncryptAndSign,
			Overrides: map[string]actions.CryptoAction{"leave me": actions.DoNothing},
		}
	})
	if err != nil {
		log.Fatal(err)
	}

	item, err := attributevalue.MarshalMap(map[string]any{
		"partition_attribute": "is this",
		"sort_attribute":      55,
		"example":             "data",
		"some numbers":        99,
		"and some binary":     []byte{0, 1, 2},
		"leave me":            "alone",
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err = table.PutItem(ctx, &dynamodb.PutItemInput{Item: item}); err != nil {
		log.Fatal(err)
	}

	key := encryptor.Item{"partition_attribute": item["partition_attribute"], "sort_attribute": item["sort_attribute"]}
	decrypted, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		log.Fatal(err)
	}

	stored, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("example-table"), Key: key})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"example", "some numbers", "leave me"} {
		fmt.Printf("%s: stored as %T, read as %T\n", name, stored.Item[name], decrypted.Item[name])
	}
	// Output:
	// example: stored as *types.AttributeValueMemberB, read as *types.AttributeValueMemberS
	// some numbers: stored as *types.AttributeValueMemberB, read as *types.AttributeValueMemberN
	// leave me: stored as *types.AttributeValueMemberS, read as *types.AttributeValueMemberS
}

// Items without DynamoDB: those of a stream, of an export, or of a test.
func ExampleNew() {
	ctx := context.Background()
	fakeKMS := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey())
	if err != nil {
		log.Fatal(err)
	}
	items, err := encryptor.New(provider, tableinfo.TableInfo{
		Name:    "customers",
		Primary: tableinfo.Index{PartitionKey: "id"},
	})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := items.Encrypt(ctx, encryptor.Item{
		"id":   &types.AttributeValueMemberS{Value: "c-17"},
		"iban": &types.AttributeValueMemberS{Value: "DE02120300000000202051"},
	})
	if err != nil {
		log.Fatal(err)
	}
	item, err := items.Decrypt(ctx, stored)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(item["iban"].(*types.AttributeValueMemberS).Value)
	// Output: DE02120300000000202051
}

// What a service decides on when an item cannot be read.
func ExampleItemError() {
	ctx := context.Background()
	db, provider, err := exampleClients(ctx)
	if err != nil {
		log.Fatal(err)
	}
	table, err := encryptor.NewEncryptedTable(ctx, db, "example-table", provider)
	if err != nil {
		log.Fatal(err)
	}
	key := encryptor.Item{"partition_attribute": &types.AttributeValueMemberS{Value: "plain"}, "sort_attribute": &types.AttributeValueMemberN{Value: "1"}}
	if _, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("example-table"), Item: key}); err != nil {
		log.Fatal(err)
	}

	_, err = table.GetItem(ctx, &dynamodb.GetItemInput{Key: key})
	var itemError *encryptor.ItemError
	switch {
	case errors.Is(err, encryptor.ErrUnsigned):
		fmt.Println("written without encryption")
	case errors.Is(err, encryptor.ErrInvalidSignature):
		fmt.Println("changed, or written with other actions")
	case errors.Is(err, materials.ErrKMS):
		fmt.Println("KMS: try again, or look at the key's policy")
	}
	if errors.As(err, &itemError) {
		fmt.Println(itemError.Op, itemError.Table, len(itemError.Key()))
	}
	// Output:
	// written without encryption
	// GetItem example-table 2
}

func exampleClients(ctx context.Context) (*dynamodb.Client, *materials.DirectKMSProvider, error) {
	fakeKMS := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey())
	if err != nil {
		return nil, nil, err
	}
	db := ddbtest.NewServer().Client()
	_, err = db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   aws.String("example-table"),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("partition_attribute"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sort_attribute"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("partition_attribute"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sort_attribute"), KeyType: types.KeyTypeRange},
		},
	})
	return db, provider, err
}
