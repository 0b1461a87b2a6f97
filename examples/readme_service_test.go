package examples_test

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"

	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/kmstest"
)

// Customer is an item of the table customers, whose key is id. A field without a ddbec
// tag is encrypted and signed, but for the key, which is signed.
type Customer struct {
	ID     string `dynamodbav:"id"`
	Email  string `dynamodbav:"email"`
	City   string `dynamodbav:"city" ddbec:"SIGN_ONLY"`    // an index needs to see it
	Logins int    `dynamodbav:"logins" ddbec:"DO_NOTHING"` // a counter for UpdateItem
}

func openCustomers(ctx context.Context, keyARN string) (*encryptor.EncryptedTable, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	provider, err := materials.NewDirectKMSProvider(kms.NewFromConfig(cfg), keyARN)
	if err != nil {
		return nil, err
	}
	customerActions, err := actions.FromStruct[Customer]()
	if err != nil {
		return nil, err
	}
	return encryptor.NewEncryptedTable(ctx, dynamodb.NewFromConfig(cfg), "customers", provider, func(o *encryptor.Options) {
		o.Actions = customerActions
	})
}

func saveCustomer(ctx context.Context, table *encryptor.EncryptedTable, c Customer) error {
	item, err := attributevalue.MarshalMap(c)
	if err != nil {
		return err
	}
	_, err = table.PutItem(ctx, &dynamodb.PutItemInput{Item: item})
	return err
}

func loadCustomer(ctx context.Context, table *encryptor.EncryptedTable, id string) (c Customer, err error) {
	out, err := table.GetItem(ctx, &dynamodb.GetItemInput{
		Key:            encryptor.Item{"id": &types.AttributeValueMemberS{Value: id}},
		ConsistentRead: aws.Bool(true),
	})
	switch {
	case err != nil:
		return c, err
	case out.Item == nil:
		return c, errors.New("no such customer")
	}
	return c, attributevalue.UnmarshalMap(out.Item, &c)
}

var _ = openCustomers // compiled and not run: it would call AWS

func TestReadmeService(t *testing.T) {
	t.Parallel()
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	db := server.Client()
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String("customers"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	customerActions, err := actions.FromStruct[Customer]()
	require.NoError(t, err)
	table, err := encryptor.NewEncryptedTable(t.Context(), db, "customers", provider, func(o *encryptor.Options) {
		o.Actions = customerActions
	})
	require.NoError(t, err)

	ada := Customer{ID: "c-17", Email: "ada@example.com", City: "London", Logins: 3}
	require.NoError(t, saveCustomer(t.Context(), table, ada))
	back, err := loadCustomer(t.Context(), table, "c-17")
	require.NoError(t, err)
	require.Equal(t, ada, back)
	_, err = loadCustomer(t.Context(), table, "c-18")
	require.EqualError(t, err, "no such customer")
	stored, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("customers"), Key: encryptor.Item{"id": &types.AttributeValueMemberS{Value: "c-17"}},
	})
	require.NoError(t, err)
	require.IsType(t, &types.AttributeValueMemberB{}, stored.Item["email"])
	require.IsType(t, &types.AttributeValueMemberS{}, stored.Item["city"])
}
