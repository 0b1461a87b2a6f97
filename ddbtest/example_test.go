package ddbtest_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/ddbtest"
)

func Example() {
	ctx := context.Background()
	server := ddbtest.NewServer()
	defer server.Close()
	client := server.Client()

	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String("customers"),
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	// The first attempt is throttled, and the client tries again.
	server.FailNext("PutItem", &types.ProvisionedThroughputExceededException{})
	_, err = client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String("customers"),
		Item: map[string]types.AttributeValue{
			"id":      &types.AttributeValueMemberS{Value: "c-1"},
			"balance": &types.AttributeValueMemberN{Value: "0012.50"},
		},
		ConditionExpression: aws.String("attribute_not_exists(id)"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("customers"),
		Key:       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "c-1"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("balance:", out.Item["balance"].(*types.AttributeValueMemberN).Value)
	fmt.Println("calls:", server.Calls())
	// Output:
	// balance: 12.5
	// calls: [CreateTable PutItem PutItem GetItem]
}
