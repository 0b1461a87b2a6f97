// Command rotation keeps the keys of a table in a meta table: it writes items under
// one version of a key, rotates, writes more under the next, and then takes the KMS
// key away. It prints which version each item carries and how many calls to KMS it
// all took.
//
// It needs no account: DynamoDB and KMS are the stand-ins of packages ddbtest and
// kmstest.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

const (
	metaTableName = "material-keys"
	tableName     = "customers"
	material      = "customers" // the name under which the versions are kept

	// ttl is short so that the program ends soon; a service takes minutes. The
	// provider serves for half a second more while it asks anew.
	ttl       = time.Second
	afterward = ttl + 600*time.Millisecond
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "rotation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	server := ddbtest.NewServer()
	defer server.Close()
	db := server.Client()
	fakeKMS := kmstest.New()
	keyARN := fakeKMS.CreateKey("alias/material-keys")

	store, err := openStore(ctx, db, fakeKMS, keyARN)
	if err != nil {
		return err
	}
	provider, err := materials.NewCachingMostRecentProvider(store, material, ttl)
	if err != nil {
		return err
	}
	watched := &watch{CryptographicMaterialsProvider: provider, store: store}
	if err := createTable(ctx, db); err != nil {
		return err
	}
	table, err := encryptor.NewEncryptedTable(ctx, db, tableName, watched)
	if err != nil {
		return err
	}

	fmt.Println("The first item makes version 0, and others share it:")
	if err := write(ctx, table, 1, 3); err != nil {
		return err
	}
	version, err := store.Rotate(ctx, material)
	if err != nil {
		return err
	}
	fmt.Printf("A job rotates to version %d. Writers turn to it when their TTL has passed, or at once:\n", version)
	if err := write(ctx, table, 4, 4); err != nil {
		return err
	}
	provider.Refresh()
	if err := write(ctx, table, 5, 6); err != nil {
		return err
	}
	for i := 1; i <= 6; i++ {
		if err := read(ctx, table, i); err != nil {
			return err
		}
		fmt.Printf("  %s was written under version %d\n", id(i), watched.version)
	}
	fmt.Printf("KMS was called %d times for 6 items written and read.\n\n", len(fakeKMS.Calls()))

	return revoke(ctx, table, fakeKMS, keyARN)
}

// revoke takes the KMS key away and gives it back.
func revoke(ctx context.Context, table *encryptor.EncryptedTable, fakeKMS *kmstest.KMS, keyARN string) error {
	fakeKMS.DisableKey(keyARN)
	fmt.Println("The KMS key is disabled.")
	if err := read(ctx, table, 1); err != nil {
		return fmt.Errorf("a cached version was not used: %w", err)
	}
	fmt.Println("  within the TTL, items are still read with what is cached")

	time.Sleep(afterward)
	for what, err := range map[string]error{"read": read(ctx, table, 1), "written": write(ctx, table, 7, 7)} {
		if !errors.Is(err, materials.ErrStore) || !errors.Is(err, materials.ErrKMS) {
			return fmt.Errorf("an item was %s with a key that was revoked: %w", what, err)
		}
	}
	fmt.Println("  after the TTL, no item is read or written any more: KMS refuses the rows of the meta table")

	fakeKMS.EnableKey(keyARN)
	if err := read(ctx, table, 1); err != nil {
		return err
	}
	fmt.Println("The KMS key is enabled again, and items are read again.")
	return nil
}

// openStore creates the meta table, whose rows are encrypted under a KMS key, and
// opens it. In a service, the table is created once and for all.
func openStore(ctx context.Context, db *dynamodb.Client, k materials.KMSClient, keyARN string) (*metastore.MetaStore, error) {
	if err := metastore.CreateTable(ctx, db, metaTableName); err != nil {
		return nil, err
	}
	rows, err := materials.NewDirectKMSProvider(k, keyARN)
	if err != nil {
		return nil, err
	}
	metaTable, err := encryptor.NewEncryptedTable(ctx, db, metaTableName, rows)
	if err != nil {
		return nil, err
	}
	return metastore.New(metaTable)
}

// watch notes the version of the item that was read last.
type watch struct {
	materials.CryptographicMaterialsProvider
	store   *metastore.MetaStore
	version int64
}

func (w *watch) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	var err error
	if w.version, err = w.store.VersionOf(ec.Description); err != nil {
		return nil, err
	}
	return w.CryptographicMaterialsProvider.DecryptionMaterials(ctx, ec)
}

func id(i int) string { return fmt.Sprintf("c-%d", i) }

func key(i int) encryptor.Item {
	return encryptor.Item{"id": &types.AttributeValueMemberS{Value: id(i)}}
}

func write(ctx context.Context, table *encryptor.EncryptedTable, first, last int) error {
	for i := first; i <= last; i++ {
		item := key(i)
		item["iban"] = &types.AttributeValueMemberS{Value: "DE02120300000000202051"}
		if _, err := table.PutItem(ctx, &dynamodb.PutItemInput{Item: item}); err != nil {
			return err
		}
	}
	return nil
}

func read(ctx context.Context, table *encryptor.EncryptedTable, i int) error {
	out, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key(i), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return err
	}
	if _, ok := out.Item["iban"]; !ok {
		return fmt.Errorf("item %s is not there", id(i))
	}
	return nil
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
