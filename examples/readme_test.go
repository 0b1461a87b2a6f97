// Package examples_test compiles what the README shows and no other file has.
package examples_test

import (
	"context"
	"log"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// It has no Output, so it is compiled and not run: it would call AWS.
func Example_aws() {
	ctx := context.Background()
	keyARN := "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := materials.NewDirectKMSProvider(kms.NewFromConfig(cfg), keyARN)
	if err != nil {
		log.Fatal(err)
	}
	table, err := encryptor.NewEncryptedTable(ctx, dynamodb.NewFromConfig(cfg), "customers", provider)
	if err != nil {
		log.Fatal(err)
	}

	_ = table
}

func TestCustomersAreEncrypted(t *testing.T) {
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	if err != nil {
		t.Fatal(err)
	}
	items, err := encryptor.New(provider, tableinfo.TableInfo{
		Name:    "customers",
		Primary: tableinfo.Index{PartitionKey: "id"},
	})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := items.Encrypt(t.Context(), encryptor.Item{
		"id":   &types.AttributeValueMemberS{Value: "c-17"},
		"iban": &types.AttributeValueMemberS{Value: "DE02120300000000202051"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, isText := stored["iban"].(*types.AttributeValueMemberS); isText {
		t.Error("the IBAN is stored in plaintext")
	}
}

// The operations of a table beside those of the SDK.
func Example_operations() {
	ctx := context.Background()
	var table *encryptor.EncryptedTable
	var key encryptor.Item
	var input *dynamodb.QueryInput
	var requests []types.WriteRequest

	for item, err := range table.QueryItems(ctx, input) {
		if err != nil {
			log.Print(err) // a bad item; the loop goes on
			continue
		}
		use(item)
	}

	_, err := table.Modify(ctx, key, func(item encryptor.Item) error {
		item["name"] = &types.AttributeValueMemberS{Value: "Ada"}
		return nil
	})

	if err != nil {
		log.Fatal(err)
	}
	report, err := table.WriteAll(ctx, slices.Values(requests))

	_ = report
	_ = err
}

func use(encryptor.Item) {}

// The most recent provider, as it is set up.
func Example_mostRecent() {
	ctx := context.Background()
	var db *dynamodb.Client
	var directKMS *materials.DirectKMSProvider

	_ = func() error {
		meta, err := encryptor.NewEncryptedTable(ctx, db, "meta", directKMS) // made by metastore.CreateTable
		if err != nil {
			return err
		}
		store, err := metastore.New(meta)
		if err != nil {
			return err
		}
		provider, err := materials.NewCachingMostRecentProvider(store, "customers", 5*time.Minute)

		_ = provider
		return err
	}
}

// Migration to other actions, in two steps.
func Example_previousActions() {
	options := func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly}
		o.PreviousActions = []actions.AttributeActions{{}} // everything was encrypted
	}

	_ = options
}
