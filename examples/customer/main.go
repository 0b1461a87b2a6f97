// Command customer takes a struct from its tags to an encrypted table and back.
// The tags say what happens to each attribute; the program prints what DynamoDB
// holds beside what the service sees.
//
// It needs no account: DynamoDB and KMS are the stand-ins of packages ddbtest
// and kmstest.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

const tableName = "customers"

// Customer is an item of the table, whose key is id. A field without a ddbec tag
// is encrypted and signed, but for the key, which is signed.
type Customer struct {
	ID      string    `dynamodbav:"id"`
	Name    string    `dynamodbav:"name"`
	Address Address   `dynamodbav:"address"`
	Phones  []string  `dynamodbav:"phones,stringset,omitempty"`
	Tier    string    `dynamodbav:"tier" ddbec:"SIGN_ONLY"`
	Visits  int       `dynamodbav:"visits" ddbec:"DO_NOTHING"`
	Audit             // its fields are attributes of their own
	cached  time.Time // never stored
}

// Address is encrypted as a whole: only attributes have actions, not the fields
// inside them.
type Address struct {
	Street, City string
}

// Audit is embedded in items of all kinds.
type Audit struct {
	Created time.Time `dynamodbav:"created,unixtime" ddbec:"SIGN_ONLY"`
	Comment string    `dynamodbav:"comment,omitempty"`
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "customer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	server := ddbtest.NewServer()
	defer server.Close()
	db := server.Client()
	if err := createTable(ctx, db); err != nil {
		return err
	}
	fakeKMS := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey("alias/customers"))
	if err != nil {
		return err
	}

	customerActions, err := actions.FromStruct[Customer]()
	if err != nil {
		return err
	}
	table, err := encryptor.NewEncryptedTable(ctx, db, tableName, provider, func(o *encryptor.Options) {
		o.Actions = customerActions
	})
	if err != nil {
		return err
	}

	customer := Customer{
		ID:      "c-17",
		Name:    "Aouda Fogg",
		Address: Address{Street: "7 Savile Row", City: "London"},
		Phones:  []string{"+44 20 7946 0018", "+44 20 7946 0872"},
		Tier:    "gold",
		Visits:  80,
		Audit:   Audit{Created: time.Date(1872, time.December, 21, 20, 45, 0, 0, time.UTC)},
		cached:  time.Now(),
	}
	item, err := attributevalue.MarshalMap(customer)
	if err != nil {
		return err
	}
	if _, err := table.PutItem(ctx, &dynamodb.PutItemInput{Item: item}); err != nil {
		return err
	}

	key := encryptor.Item{"id": item["id"]}
	stored, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(tableName), Key: key})
	if err != nil {
		return err
	}
	read, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key})
	if err != nil {
		return err
	}
	back, err := decode(read.Item)
	if err != nil {
		return err
	}
	show(stored.Item, read.Item, customerActions)
	fmt.Printf("As a struct again: %s of %s, %s since %d\n", back.Name, back.Address.City, back.Tier, back.Created.UTC().Year())
	return nil
}

// decode is UnmarshalMap without the text of its error, which has values of the
// item in it and so is not for a log.
func decode(item encryptor.Item) (Customer, error) {
	var c Customer
	if err := attributevalue.UnmarshalMap(item, &c); err != nil {
		return Customer{}, fmt.Errorf("an item of table %s does not fit the struct Customer (%T)", tableName, err)
	}
	return c, nil
}

func createTable(ctx context.Context, db *dynamodb.Client) error {
	_, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String(tableName),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	return err
}

// show prints an item as DynamoDB holds it beside what the service sees of it.
func show(stored, read encryptor.Item, a actions.AttributeActions) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  attribute\ttag\tDynamoDB holds\tthe service sees")
	fmt.Fprintln(w, "  ---------\t---\t--------------\t----------------")
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		tag := ""
		if action, ok := a.Overrides[name]; ok {
			tag = action.String()
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", name, tag, text(stored[name]), text(read[name]))
	}
	w.Flush()
	for line := range strings.Lines(table.String()) {
		fmt.Println(strings.TrimRight(line, " \n"))
	}
	fmt.Println()
}

func text(v types.AttributeValue) string {
	const most = 12
	switch v := v.(type) {
	case nil:
		return ""
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("S %q", v.Value)
	case *types.AttributeValueMemberN:
		return "N " + v.Value
	case *types.AttributeValueMemberSS:
		return fmt.Sprintf("SS of %d", len(v.Value))
	case *types.AttributeValueMemberM:
		return fmt.Sprintf("M of %s", strings.Join(slices.Sorted(maps.Keys(v.Value)), ", "))
	case *types.AttributeValueMemberB:
		if len(v.Value) > most {
			return fmt.Sprintf("B %x… (%d bytes)", v.Value[:most], len(v.Value))
		}
		return fmt.Sprintf("B %x", v.Value)
	default:
		return fmt.Sprintf("%T", v)
	}
}
