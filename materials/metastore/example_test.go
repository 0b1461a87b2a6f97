package metastore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// From a meta table to an encrypted item: one KMS call for the keys of a version,
// none for an item.
func Example() {
	ctx := context.Background()
	server := ddbtest.NewServer()
	defer server.Close()
	db := server.Client()
	fakeKMS := kmstest.New()

	// Once.
	err := metastore.CreateTable(ctx, db, "material-keys")
	if err != nil {
		log.Fatal(err)
	}

	// In every process.
	kmsProvider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey("alias/material-keys"))
	if err != nil {
		log.Fatal(err)
	}
	metaTable, err := encryptor.NewEncryptedTable(ctx, db, "material-keys", kmsProvider)
	if err != nil {
		log.Fatal(err)
	}
	store, err := metastore.New(metaTable)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := materials.NewCachingMostRecentProvider(store, "customers", 5*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	items, err := encryptor.New(provider, tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}})
	if err != nil {
		log.Fatal(err)
	}

	for i := range 1000 {
		stored, err := items.Encrypt(ctx, encryptor.Item{
			"id":   &types.AttributeValueMemberS{Value: fmt.Sprint("c-", i)},
			"iban": &types.AttributeValueMemberS{Value: "DE02120300000000202051"},
		})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := items.Decrypt(ctx, stored); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("KMS calls for 1000 items written and read:", len(fakeKMS.Calls()))
	// Output:
	// KMS calls for 1000 items written and read: 1
}

// Rotation is the work of a job. Older versions stay, and so does what was written
// under them.
func ExampleMetaStore_Rotate() {
	ctx := context.Background()
	store, _, closeServer := exampleStores(ctx)
	defer closeServer()

	for range 3 {
		version, err := store.Rotate(ctx, "customers")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("new version:", version)
	}
	_, err := store.Provider(ctx, "customers", 7)
	fmt.Println("version 7 is missing:", errors.Is(err, materials.ErrVersionNotFound))
	// Output:
	// new version: 0
	// new version: 1
	// new version: 2
	// version 7 is missing: true
}

// The meta table of another region gets the same keys, under its own encryption.
func ExampleMetaStore_Replicate() {
	ctx := context.Background()
	store, replica, closeServer := exampleStores(ctx)
	defer closeServer()

	version, err := store.Rotate(ctx, "customers")
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Replicate(ctx, "customers", version, replica); err != nil {
		log.Fatal(err)
	}
	version, err = replica.MaxVersion(ctx, "customers")
	fmt.Println("highest version of the replica:", version, err)
	// Output:
	// highest version of the replica: 0 <nil>
}

func ExampleCreateTable() {
	ctx := context.Background()
	var db *dynamodb.Client

	err := metastore.CreateTable(ctx, db, "material-keys", func(in *dynamodb.CreateTableInput) {
		in.DeletionProtectionEnabled = aws.Bool(true)
	})

	_ = err
}

// exampleStores returns two stores over meta tables of their own.
func exampleStores(ctx context.Context) (store, replica *metastore.MetaStore, closeServer func()) {
	server := ddbtest.NewServer()
	fakeKMS := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(fakeKMS, fakeKMS.CreateKey())
	if err != nil {
		log.Fatal(err)
	}
	open := func(name string) *metastore.MetaStore {
		if err := metastore.CreateTable(ctx, server.Client(), name); err != nil {
			log.Fatal(err)
		}
		table, err := encryptor.NewEncryptedTable(ctx, server.Client(), name, provider)
		if err != nil {
			log.Fatal(err)
		}
		s, err := metastore.New(table)
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	return open("keys"), open("keys-replica"), server.Close
}
