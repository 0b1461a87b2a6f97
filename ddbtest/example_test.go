package ddbtest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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

// counters is the code under test: a table of numbers by id.
type counters struct{ db *dynamodb.Client }

func createCounters(ctx context.Context, db *dynamodb.Client) (counters, error) {
	_, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String("counters"),
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
	})
	return counters{db}, err
}

// add makes a request that must not be carried out twice.
func (c counters) add(ctx context.Context, id string, n int) (sum string, err error) {
	out, err := c.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 aws.String("counters"),
		Key:                       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
		UpdateExpression:          aws.String("ADD hits :n"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: strconv.Itoa(n)}},
		ReturnValues:              types.ReturnValueUpdatedNew,
	})
	if err != nil {
		return "", err
	}
	return out.Attributes["hits"].(*types.AttributeValueMemberN).Value, nil
}

// create makes a request that does nothing if somebody else was first.
func (c counters) create(ctx context.Context, id string) error {
	_, err := c.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:           aws.String("counters"),
		Item:                map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
		ConditionExpression: aws.String("attribute_not_exists(id)"),
	})
	return err
}

// A request that took effect, and whose answer was lost: the SDK sends it again, and
// what your code does about that shows.
func ExampleServer_LoseNext() {
	ctx := context.Background()
	server := ddbtest.NewServer()
	defer server.Close()
	c, err := createCounters(ctx, server.Client())
	if err != nil {
		fmt.Println(err)
		return
	}

	server.LoseNext("UpdateItem", errors.New("connection reset"))
	sum, err := c.add(ctx, "visits", 1)
	fmt.Println("counted once, and found:", sum, err)
	// Output: counted once, and found: 2 <nil>
}

// Another writer, in the very moment in which it matters.
func ExampleServer_BeforeNext() {
	ctx := context.Background()
	server := ddbtest.NewServer()
	defer server.Close()
	c, err := createCounters(ctx, server.Client())
	if err != nil {
		fmt.Println(err)
		return
	}

	server.BeforeNext("PutItem", func() {
		if _, err := c.add(ctx, "visits", 5); err != nil {
			fmt.Println(err)
		}
	})
	err = c.create(ctx, "visits")
	var exists *types.ConditionalCheckFailedException
	fmt.Println("somebody else was first:", errors.As(err, &exists))
	// Output: somebody else was first: true
}

// What an attacker with access to the table could do, and no request of your code.
func ExampleServer_Tamper() {
	ctx := context.Background()
	server := ddbtest.NewServer()
	defer server.Close()
	c, err := createCounters(ctx, server.Client())
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.add(ctx, "visits", 1); err != nil {
		fmt.Println(err)
		return
	}

	key := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "visits"}}
	server.Tamper("counters", key, func(item map[string]types.AttributeValue) {
		item["hits"] = &types.AttributeValueMemberN{Value: "1000000"}
	})
	fmt.Println(c.add(ctx, "visits", 1)) // unless it is signed, nobody notices
	// Output: 1000001 <nil>
}
