package tableinfo_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// createBooks makes the table of the examples, with an index over another attribute.
func createBooks(ctx context.Context, db *dynamodb.Client) (*dynamodb.CreateTableOutput, error) {
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	return db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String("books"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute("Author"), attribute("Title"), attribute("Publisher")},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("Author"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("Title"), KeyType: types.KeyTypeRange},
		},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String("by-publisher"),
			KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("Publisher"), KeyType: types.KeyTypeHash}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	})
}

// The description of a table that exists, for encryptor.New; NewEncryptedTable does
// this itself.
func ExampleDescribe() {
	ctx := context.Background()
	db := ddbtest.NewServer().Client()
	if _, err := createBooks(ctx, db); err != nil {
		fmt.Println(err)
		return
	}

	books, err := tableinfo.Describe(ctx, db, "books")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(books.Name, books.KeyNames())
	for _, index := range books.Secondary {
		fmt.Println(index.Name, index.Keys(), index.Projection)
	}

	_, err = tableinfo.Describe(ctx, db, "boks")
	var notFound *types.ResourceNotFoundException
	fmt.Println("misspelt:", errors.As(err, &notFound))
	// Output:
	// books [Author Title]
	// by-publisher [Publisher] ALL
	// misspelt: true
}

// A program that makes its table has the description already, and needs no
// permission to ask for it.
func ExampleFromDescription() {
	ctx := context.Background()
	made, err := createBooks(ctx, ddbtest.NewServer().Client())
	if err != nil {
		fmt.Println(err)
		return
	}

	books, err := tableinfo.FromDescription(made.TableDescription)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(books.Name, books.KeyNames(), len(books.Secondary))
	// Output: books [Author Title] 1
}

// The constructors of package encryptor refuse to encrypt what an index is built on.
// A test of the table's template finds it before they do.
func ExampleTableInfo_ProtectedIndexKeys() {
	books := tableinfo.TableInfo{
		Name:    "books",
		Primary: tableinfo.Index{PartitionKey: "Author", SortKey: "Title"},
		Secondary: []tableinfo.Index{
			{Name: "by-publisher", PartitionKey: "Publisher"},
			{Name: "by-year", PartitionKey: "Year", SortKey: "Title"},
		},
	}
	a, err := actions.AttributeActions{
		Overrides: map[string]actions.CryptoAction{"Publisher": actions.SignOnly},
	}.WithKeys(books.KeyNames()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range books.ProtectedIndexKeys() {
		if a.Action(name) == actions.EncryptAndSign {
			fmt.Println(name, "is the key of an index and would be encrypted")
		}
	}
	// Output: Year is the key of an index and would be encrypted
}

// The bare name, by which items are signed, of a table that is configured by name or
// by ARN.
func ExampleNameOf() {
	for _, table := range []string{
		"books",
		"arn:aws:dynamodb:eu-west-1:111122223333:table/books",
		"arn:aws:dynamodb:eu-west-1:111122223333:table/books/index/by-year",
	} {
		name, err := tableinfo.NameOf(table)
		fmt.Printf("%q %t\n", name, errors.Is(err, tableinfo.ErrTableName))
	}
	// Output:
	// "books" false
	// "books" false
	// "" true
}
