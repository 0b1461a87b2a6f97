// Package examples_test compiles what the README shows and no other file has.
package examples_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

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

	_ = func() error {
		for item, err := range table.QueryItems(ctx, input) {
			var bad *encryptor.ItemError
			switch {
			case err == nil:
				use(item)
			case errors.As(err, &bad) && bad.Index >= 0:
				log.Print(err) // about one item; the loop goes on
			default:
				return err // the query failed; nothing follows
			}
		}

		_, err := table.Modify(ctx, key, func(item encryptor.Item) error {
			item["name"] = &types.AttributeValueMemberS{Value: "Ada"}
			return nil
		}, func(o *encryptor.ModifyOptions) { o.MustExist = true })
		if err != nil {
			return err
		}

		report, err := table.WriteAll(ctx, slices.Values(requests))
		if err != nil {
			return fmt.Errorf("%d of %d were written, of %d it is not known: %w", report.Written, len(requests), len(report.Unknown), err)
		}

		return nil
	}
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

// Compiled and not run: it would call AWS.
func Example_middleware() {
	var cfg aws.Config
	var table *encryptor.EncryptedTable

	_ = func() error {
		encrypt, err := encryptor.Middleware([]encryptor.ItemCodec{table.Codec()})
		if err != nil {
			return err
		}
		client := dynamodb.NewFromConfig(cfg, encrypt) // everything that uses it encrypts

		_ = client
		return nil
	}
}

// A signature that does not match, and why.
func Example_diagnose() {
	ctx := context.Background()
	var table *encryptor.EncryptedTable
	var itemError *encryptor.ItemError

	_ = func() error {
		codec := table.Codec().(*encryptor.ItemEncryptor)
		diagnosis, err := codec.Diagnose(ctx, itemError.Stored())

		_ = diagnosis
		return err
	}
}
