package main

import (
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

//go:embed books.csv
var booksCSV string

// Book is an item of the table Books, whose key is Author and Title.
type Book struct {
	Author, Title     string
	Length, Published int
	Publisher         string
}

// bookshelf fills a table from a CSV file, queries it by author and scans it.
func bookshelf(ctx context.Context, db *dynamodb.Client, name string, provider materials.CryptographicMaterialsProvider) error {
	table, err := encryptor.NewEncryptedTable(ctx, db, name, provider, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{
			"Publisher": actions.SignOnly,
			"Published": actions.DoNothing,
		}
	})
	if err != nil {
		return err
	}
	books, err := readBooks(booksCSV)
	if err != nil {
		return err
	}
	for _, book := range books {
		item, err := attributevalue.MarshalMap(book)
		if err != nil {
			return err
		}
		if _, err := table.PutItem(ctx, &dynamodb.PutItemInput{Item: item}); err != nil {
			return err
		}
	}

	byAuthor, err := table.Query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("Author = :author"),
		ExpressionAttributeValues: encryptor.Item{":author": &types.AttributeValueMemberS{Value: "Jules Verne"}},
	})
	if err != nil {
		return err
	}
	var verne []Book
	if err := attributevalue.UnmarshalListOfMaps(byAuthor.Items, &verne); err != nil {
		return err
	}
	fmt.Println("Books by Jules Verne in table", name)
	for _, book := range verne {
		fmt.Printf("  %s, %d pages, %s %d\n", book.Title, book.Length, book.Publisher, book.Published)
	}

	stored, err := db.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(name)})
	if err != nil {
		return err
	}
	read, err := table.Scan(ctx, &dynamodb.ScanInput{})
	if err != nil {
		return err
	}
	fmt.Printf("\nAll books, scanned\n\n")
	show(stored.Items, read.Items, "Author", "Title")
	return nil
}

func readBooks(text string) ([]Book, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	var books []Book
	for _, row := range rows[1:] {
		length, err := strconv.Atoi(row[2])
		if err != nil {
			return nil, err
		}
		published, err := strconv.Atoi(row[3])
		if err != nil {
			return nil, err
		}
		books = append(books, Book{Author: row[0], Title: row[1], Length: length, Published: published, Publisher: row[4]})
	}
	return books, nil
}
