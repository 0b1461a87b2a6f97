// Command middleware puts the encryption under a *dynamodb.Client, for programs
// that hand one around: the code that uses the client does not change. It needs no
// account; DynamoDB and KMS are the stand-ins of ddbtest and kmstest.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

func main() {
	ctx := context.Background()
	server := ddbtest.NewServer()
	defer server.Close()
	if err := run(ctx, server.Client()); err != nil {
		fmt.Fprintln(os.Stderr, "middleware:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, plain *dynamodb.Client) error {
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	if err != nil {
		return err
	}
	customers := tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}}
	if err := createTable(ctx, plain, customers); err != nil {
		return err
	}

	codec, err := encryptor.New(provider, customers)
	if err != nil {
		return err
	}
	encrypt, err := encryptor.Middleware([]encryptor.ItemCodec{codec})
	if err != nil {
		return err
	}
	client := dynamodb.New(plain.Options(), encrypt)

	return use(ctx, client, plain)
}

// use is code that knows nothing of encryption.
func use(ctx context.Context, client, plain *dynamodb.Client) error {
	id := &types.AttributeValueMemberS{Value: "c-17"}
	item := map[string]types.AttributeValue{"id": id, "iban": &types.AttributeValueMemberS{Value: "DE02120300000000202051"}}
	if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("customers"), Item: item}); err != nil {
		return err
	}
	get := &dynamodb.GetItemInput{TableName: aws.String("customers"), Key: map[string]types.AttributeValue{"id": id}}
	out, err := client.GetItem(ctx, get)
	if err != nil {
		return err
	}
	stored, err := plain.GetItem(ctx, get)
	if err != nil {
		return err
	}
	fmt.Printf("the IBAN is read as %T and stored as %T\n", out.Item["iban"], stored.Item["iban"])

	_, err = client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("custmers"), Item: item})
	if !errors.Is(err, encryptor.ErrUnknownTable) {
		return fmt.Errorf("an item went to a table without encryption: %w", err)
	}
	fmt.Println("a misspelt table:", err)
	return nil
}

func createTable(ctx context.Context, db *dynamodb.Client, t tableinfo.TableInfo) error {
	key := aws.String(t.Primary.PartitionKey)
	_, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String(t.Name),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: key, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: key, KeyType: types.KeyTypeHash}},
	})
	return err
}
