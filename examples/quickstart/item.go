package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// oneItem puts an item, reads it as DynamoDB holds it and as the service sees it,
// tampers with it, and deletes it.
func oneItem(ctx context.Context, db *dynamodb.Client, name string, provider materials.CryptographicMaterialsProvider) error {
	table, err := encryptor.NewEncryptedTable(ctx, db, name, provider, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"leave me": actions.DoNothing}
	})
	if err != nil {
		return err
	}
	key := encryptor.Item{
		"partition_attribute": &types.AttributeValueMemberS{Value: "is this"},
		"sort_attribute":      &types.AttributeValueMemberN{Value: "55"},
	}
	_, err = table.PutItem(ctx, &dynamodb.PutItemInput{Item: encryptor.Item{
		"partition_attribute": key["partition_attribute"],
		"sort_attribute":      key["sort_attribute"],
		"example":             &types.AttributeValueMemberS{Value: "data"},
		"some numbers":        &types.AttributeValueMemberN{Value: "99"},
		"and some binary":     &types.AttributeValueMemberB{Value: []byte{0, 1, 2}},
		"leave me":            &types.AttributeValueMemberS{Value: "alone"},
	}})
	if err != nil {
		return err
	}

	stored, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(name), Key: key})
	if err != nil {
		return err
	}
	read, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key})
	if err != nil {
		return err
	}
	fmt.Printf("An item of table %s\n\n", name)
	show([]encryptor.Item{stored.Item}, []encryptor.Item{read.Item}, "partition_attribute", "sort_attribute")

	if err := tamper(ctx, db, table, name, key, stored.Item); err != nil {
		return err
	}
	_, err = table.DeleteItem(ctx, &dynamodb.DeleteItemInput{Key: key})
	return err
}

// tamper changes one bit of the stored item and reads it again.
func tamper(ctx context.Context, db *dynamodb.Client, table *encryptor.EncryptedTable, name string, key, stored encryptor.Item) error {
	ciphertext, ok := stored["example"].(*types.AttributeValueMemberB)
	if !ok {
		return errors.New("the attribute \"example\" is not encrypted")
	}
	ciphertext.Value[20] ^= 1
	if _, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(name), Item: stored}); err != nil {
		return err
	}
	_, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key})
	if !errors.Is(err, encryptor.ErrInvalidSignature) {
		return fmt.Errorf("a changed item was read: %w", err)
	}
	fmt.Printf("After somebody changed one bit of %q in the table, reading it fails:\n\n  %v\n\n", "example", err)
	return nil
}
