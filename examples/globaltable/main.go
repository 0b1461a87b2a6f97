// Command globaltable writes an item in one Region and reads it in another, as with
// a DynamoDB global table: one table name, and a multi-Region KMS key with a replica
// in each Region. It needs no account; DynamoDB and KMS are the stand-ins of ddbtest
// and kmstest. With -endpoint it uses those of a server that has Regions.
//
// What DynamoDB does by itself in a global table, copying items as they are stored,
// the program does here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

const tableName = "global-customers" // the same in all Regions: it is signed

// region is what a program in one Region has.
type region struct {
	name      string
	db        *dynamodb.Client
	kms       materials.KMSClient
	replica   string // ARN of this Region's replica of the multi-Region key
	singleKey string // ARN of a key of this Region alone
	table     *encryptor.EncryptedTable
}

func main() {
	endpoint := flag.String("endpoint", "", "URL of a server with DynamoDB and KMS in several Regions")
	flag.Parse()
	ctx := context.Background()
	regions, stop, err := standIns()
	if *endpoint != "" {
		regions, stop, err = serverAt(ctx, *endpoint)
	}
	if err == nil {
		defer stop()
		err = run(ctx, regions[0], regions[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "globaltable:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, east, west *region) error {
	for _, r := range []*region{east, west} {
		if err := r.open(ctx); err != nil {
			return err
		}
	}
	id := &types.AttributeValueMemberS{Value: "c-17"}
	key := encryptor.Item{"id": id}
	item := encryptor.Item{"id": id, "name": &types.AttributeValueMemberS{Value: "Phileas Fogg"}}

	if _, err := east.table.PutItem(ctx, &dynamodb.PutItemInput{Item: item}); err != nil {
		return err
	}
	fmt.Printf("written in %s\n", east.name)
	if err := replicate(ctx, east, west, key); err != nil {
		return err
	}
	if err := west.show(ctx, key); err != nil {
		return err
	}

	_, err := west.table.Modify(ctx, key, func(item encryptor.Item) error {
		item["name"] = &types.AttributeValueMemberS{Value: "Jean Passepartout"}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("changed in %s\n", west.name)
	if err := replicate(ctx, west, east, key); err != nil {
		return err
	}
	if err := east.show(ctx, key); err != nil {
		return err
	}
	return showSingleRegionKey(ctx, east, west, item)
}

// open creates the table of a Region and opens it with the Region's own client and
// replica of the key.
func (r *region) open(ctx context.Context) error {
	id := aws.String("id")
	_, err := r.db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            aws.String(tableName),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: id, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: id, KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		return err
	}
	provider, err := materials.NewDirectKMSProvider(r.kms, r.replica)
	if err != nil {
		return err
	}
	r.table, err = encryptor.NewEncryptedTable(ctx, r.db, tableName, provider)
	return err
}

func (r *region) show(ctx context.Context, key encryptor.Item) error {
	out, err := r.table.GetItem(ctx, &dynamodb.GetItemInput{Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	name, ok := out.Item["name"].(*types.AttributeValueMemberS)
	if !ok {
		return fmt.Errorf("the item is not in %s", r.name)
	}
	fmt.Printf("read in %s: %s\n", r.name, name.Value)
	return nil
}

// replicate copies an item as it is stored.
func replicate(ctx context.Context, from, to *region, key encryptor.Item) error {
	out, err := from.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(tableName), Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	_, err = to.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(tableName), Item: out.Item})
	return err
}

// showSingleRegionKey shows why the key has to be multi-Region.
func showSingleRegionKey(ctx context.Context, east, west *region, item encryptor.Item) error {
	single, err := materials.NewDirectKMSProvider(east.kms, east.singleKey)
	if err != nil {
		return err
	}
	writer, err := encryptor.New(single, east.table.Codec().Table())
	if err != nil {
		return err
	}
	stored, err := writer.Encrypt(ctx, item)
	if err != nil {
		return err
	}
	if _, err := west.table.Codec().Decrypt(ctx, stored); !errors.Is(err, materials.ErrKMS) && !errors.Is(err, materials.ErrKeyNotAllowed) {
		return fmt.Errorf("an item under a key of %s was read in %s: %w", east.name, west.name, err)
	}
	fmt.Printf("an item under a key of %s alone is refused in %s\n", east.name, west.name)

	both, err := materials.NewDirectKMSProvider(west.kms, west.replica, func(o *materials.DirectKMSOptions) {
		o.DecryptKeyIDs = []string{east.singleKey}
		o.ClientFor = func(name string) materials.KMSClient {
			return map[string]materials.KMSClient{east.name: east.kms, west.name: west.kms}[name]
		}
	})
	if err != nil {
		return err
	}
	reader, err := encryptor.New(both, west.table.Codec().Table())
	if err != nil {
		return err
	}
	if _, err := reader.Decrypt(ctx, stored); err != nil {
		return err
	}
	fmt.Printf("with DecryptKeyIDs and ClientFor it is read, by a call to KMS in %s\n", east.name)
	return nil
}
