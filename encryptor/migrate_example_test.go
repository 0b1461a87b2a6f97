package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// migration is what the examples of moving a table start from: an empty table with
// the primary key "id".
type migration struct {
	db       *dynamodb.Client
	provider materials.CryptographicMaterialsProvider
}

func newMigration(ctx context.Context, tables ...string) migration {
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	if err != nil {
		log.Fatal(err)
	}
	m := migration{ddbtest.NewServer().Client(), provider}
	for _, table := range append(tables, "customers") {
		if _, err := m.db.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName:            &table,
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		}); err != nil {
			log.Fatal(err)
		}
	}
	return m
}

func (m migration) open(ctx context.Context, optFns ...func(*encryptor.Options)) *encryptor.EncryptedTable {
	table, err := encryptor.NewEncryptedTable(ctx, m.db, "customers", m.provider, optFns...)
	if err != nil {
		log.Fatal(err)
	}
	return table
}

// putter is a client or an encrypted table.
type putter interface {
	PutItem(ctx context.Context, in *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

func (m migration) put(ctx context.Context, p putter, ids ...string) {
	for _, id := range ids {
		item := encryptor.Item{
			"id":   &types.AttributeValueMemberS{Value: id},
			"iban": &types.AttributeValueMemberS{Value: "DE02120300000000202051"},
		}
		if _, err := p.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("customers"), Item: item}); err != nil {
			log.Fatal(err)
		}
	}
}

func (m migration) copy(ctx context.Context, from, to string) {
	out, err := m.db.Scan(ctx, &dynamodb.ScanInput{TableName: &from})
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range out.Items {
		if _, err := m.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &to, Item: item}); err != nil {
			log.Fatal(err)
		}
	}
}

func idKey(id string) encryptor.Item {
	return encryptor.Item{"id": &types.AttributeValueMemberS{Value: id}}
}

// kinds are what to decide by when an item cannot be read. The first that matches
// counts: a failure of the meta table can be one of KMS, and what KMS refuses
// because of the context or the key is ErrKMS too.
var kinds = []error{
	materials.ErrStore, materials.ErrVersionNotFound, materials.ErrNoDecryptionMaterials,
	materials.ErrContextMismatch, materials.ErrKeyNotAllowed, materials.ErrKMS,
	encryptor.ErrUnsigned, encryptor.ErrInvalidSignature, encryptor.ErrAmbiguousName,
	encryptor.ErrNewerFormat, materials.ErrDescription, encryptor.ErrFormat, materials.ErrUnwrap,
}

func kindOf(err error) error {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return err
}

// readThrough scans a table and counts its items by what keeps them from being read.
// Of the first whose signature does not match it says what may be the matter.
func readThrough(ctx context.Context, table *encryptor.EncryptedTable) (map[error]int, error) {
	counts := make(map[error]int)
	for _, err := range table.ScanItems(ctx, &dynamodb.ScanInput{}) {
		var itemErr *encryptor.ItemError
		if err != nil && (!errors.As(err, &itemErr) || itemErr.Stored() == nil) {
			return nil, err // of the scan, not of an item
		}
		kind := kindOf(err)
		counts[kind]++
		if kind != encryptor.ErrInvalidSignature || counts[kind] > 1 {
			continue
		}
		diagnosis, err := table.Codec().(*encryptor.ItemEncryptor).Diagnose(ctx, itemErr.Stored())
		if err != nil {
			return nil, err
		}
		fmt.Println(diagnosis.Changes)
	}
	return counts, nil
}

// Before Go writes, everything that Python wrote is read once.
func ExampleItemError_Stored() {
	ctx := context.Background()
	m := newMigration(ctx)
	m.put(ctx, m.open(ctx, func(o *encryptor.Options) { // an action that Go was not told of
		o.Actions.Overrides = map[string]actions.CryptoAction{"iban": actions.SignOnly}
	}), "c-1", "c-2")
	m.put(ctx, m.open(ctx), "c-3")
	m.put(ctx, m.db, "c-4") // in plaintext

	counts, err := readThrough(ctx, m.open(ctx))
	if err != nil {
		log.Fatal(err)
	}
	for _, kind := range append(kinds, nil) {
		if counts[kind] > 0 {
			fmt.Printf("%d: %v\n", counts[kind], kind)
		}
	}
	// Output:
	// [attribute "iban" was written with SIGN_ONLY]
	// 1: item is not signed
	// 2: invalid item: signature does not match
	// 1: <nil>
}

// A table with plaintext items is read as it is, counted, and moved.
func ExampleOptions_plaintextTable() {
	ctx := context.Background()
	m := newMigration(ctx)
	m.put(ctx, m.db, "c-1", "c-2", "c-3") // before encryption was thought of

	var plaintext atomic.Int64
	table := m.open(ctx, func(o *encryptor.Options) {
		o.Plaintext = encryptor.AllowPlaintextReads
		o.OnRead = func(ctx context.Context, key encryptor.Item, r encryptor.ReadInfo) error {
			if r.Plaintext {
				plaintext.Add(1)
			}
			return nil
		}
	})
	m.put(ctx, table, "c-4") // new items are encrypted already

	if err := encryptPlaintext(ctx, table); err != nil {
		log.Fatal(err)
	}

	plaintext.Store(0)
	for _, err := range table.ScanItems(ctx, &dynamodb.ScanInput{ConsistentRead: aws.Bool(true)}) {
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("plaintext items left:", plaintext.Load())

	strict := m.open(ctx) // RejectPlaintext
	for _, id := range []string{"c-1", "c-4"} {
		if _, err := strict.GetItem(ctx, &dynamodb.GetItemInput{Key: idKey(id)}); err != nil {
			log.Fatal(err)
		}
	}
	// Output: plaintext items left: 0
}

func encryptPlaintext(ctx context.Context, table *encryptor.EncryptedTable) error {
	unsigned := &dynamodb.ScanInput{
		FilterExpression:         aws.String("attribute_not_exists(#signature)"),
		ExpressionAttributeNames: map[string]string{"#signature": "*amzn-ddb-map-sig*"},
	}
	for item, err := range table.ScanItems(ctx, unsigned) {
		if err != nil {
			return err
		}
		if err := rewrite(ctx, table, item); err != nil {
			return err
		}
	}
	return nil
}

// rewrite writes an item as the table's options have it now. One that was deleted
// since it was read stays deleted.
func rewrite(ctx context.Context, table *encryptor.EncryptedTable, item encryptor.Item) error {
	key := encryptor.Item{}
	for _, name := range table.Codec().Table().KeyNames() {
		key[name] = item[name]
	}
	asItIs := func(encryptor.Item) error { return nil }
	_, err := table.Modify(ctx, key, asItIs, func(o *encryptor.ModifyOptions) { o.MustExist = true })
	if errors.Is(err, encryptor.ErrItemNotFound) {
		return nil
	}
	return err
}

// An attribute gets another action: old items are read by the old set, and moved.
func ExampleOptions_changedActions() {
	ctx := context.Background()
	m := newMigration(ctx)
	m.put(ctx, m.open(ctx), "c-1", "c-2")

	var old atomic.Int64
	table := m.open(ctx, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"iban": actions.SignOnly}
		o.PreviousActions = []actions.AttributeActions{{}} // everything was encrypted
		o.OnRead = func(ctx context.Context, key encryptor.Item, r encryptor.ReadInfo) error {
			if r.PreviousActions > 0 {
				old.Add(1)
			}
			return nil
		}
	})
	for range 2 {
		old.Store(0)
		for item, err := range table.ScanItems(ctx, &dynamodb.ScanInput{}) {
			if err == nil {
				err = rewrite(ctx, table, item)
			}
			if err != nil {
				log.Fatal(err)
			}
		}
		fmt.Println("found under the old actions:", old.Load() > 0)
	}
	// Output:
	// found under the old actions: true
	// found under the old actions: false
}

// A table that Python wrote with a DO_NOTHING default has unsigned keys.
func ExampleOptions_signedKeys() {
	ctx := context.Background()
	m := newMigration(ctx)
	asPython := actions.AttributeActions{
		Default:   actions.DoNothing,
		Overrides: map[string]actions.CryptoAction{"iban": actions.EncryptAndSign},
	}
	m.put(ctx, m.open(ctx, func(o *encryptor.Options) {
		o.Actions = asPython
		o.UnsignedKeys = true
	}), "c-1")

	_, err := m.open(ctx, func(o *encryptor.Options) { o.Actions = asPython }).GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
	fmt.Println("without UnsignedKeys:", errors.Is(err, encryptor.ErrInvalidSignature))

	table := m.open(ctx, func(o *encryptor.Options) {
		o.Actions = asPython // now with signed keys
		o.PreviousActions = []actions.AttributeActions{{
			Default:   actions.DoNothing,
			Overrides: map[string]actions.CryptoAction{"iban": actions.EncryptAndSign, "id": actions.DoNothing},
		}}
	})
	for item, err := range table.ScanItems(ctx, &dynamodb.ScanInput{}) {
		if err == nil {
			err = rewrite(ctx, table, item)
		}
		if err != nil {
			log.Fatal(err)
		}
	}

	_, err = m.open(ctx, func(o *encryptor.Options) { o.Actions = asPython }).GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
	fmt.Println("after moving:", err)
	// Output:
	// without UnsignedKeys: true
	// after moving: <nil>
}

// The way back from signed keys: items get the form that Python reads.
func ExampleOptions_unsignedKeysAgain() {
	ctx := context.Background()
	m := newMigration(ctx)
	asPython := actions.AttributeActions{
		Default:   actions.DoNothing,
		Overrides: map[string]actions.CryptoAction{"iban": actions.EncryptAndSign},
	}
	m.put(ctx, m.open(ctx, func(o *encryptor.Options) { o.Actions = asPython }), "c-1")

	table := m.open(ctx, func(o *encryptor.Options) {
		o.Actions = asPython
		o.UnsignedKeys = true
		o.PreviousActions = []actions.AttributeActions{asPython} // where keys are signed
	})
	for item, err := range table.ScanItems(ctx, &dynamodb.ScanInput{}) {
		if err == nil {
			err = rewrite(ctx, table, item)
		}
		if err != nil {
			log.Fatal(err)
		}
	}

	_, err := m.open(ctx, func(o *encryptor.Options) {
		o.Actions = asPython
		o.UnsignedKeys = true
	}).GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
	fmt.Println("as Python reads:", err)
	// Output: as Python reads: <nil>
}

// Items that were restored into a table of another name keep the old one in their
// signatures.
func ExampleOptions_restoredTable() {
	ctx := context.Background()
	m := newMigration(ctx, "customers-2026-11-22")
	m.put(ctx, m.open(ctx), "c-1")
	m.copy(ctx, "customers", "customers-2026-11-22") // what a restore does

	restored := func(optFns ...func(*encryptor.Options)) error {
		table, err := encryptor.NewEncryptedTable(ctx, m.db, "customers-2026-11-22", m.provider, optFns...)
		if err != nil {
			return err
		}
		_, err = table.GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
		return err
	}
	fmt.Println("as it is:", errors.Is(restored(), materials.ErrContextMismatch))
	fmt.Println("SignedTableName:", restored(func(o *encryptor.Options) { o.SignedTableName = "customers" }))
	fmt.Println("AcceptTableNames:", restored(func(o *encryptor.Options) { o.AcceptTableNames = []string{"customers"} }))
	// Output:
	// as it is: true
	// SignedTableName: <nil>
	// AcceptTableNames: <nil>
}

// Global tables of version 2017.11.29 add attributes to every item.
func ExampleOptions_globalTable2017() {
	ctx := context.Background()
	m := newMigration(ctx)
	m.put(ctx, m.open(ctx), "c-1")
	if _, err := m.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{ // what replication does
		TableName: aws.String("customers"), Key: idKey("c-1"),
		UpdateExpression:          aws.String("SET #r = :r, #t = :t, #d = :d"),
		ExpressionAttributeNames:  map[string]string{"#r": "aws:rep:updateregion", "#t": "aws:rep:updatetime", "#d": "aws:rep:deleting"},
		ExpressionAttributeValues: encryptor.Item{":r": &types.AttributeValueMemberS{Value: "eu-west-1"}, ":t": &types.AttributeValueMemberN{Value: "1795910400.001"}, ":d": &types.AttributeValueMemberBOOL{}},
	}); err != nil {
		log.Fatal(err)
	}

	_, err := m.open(ctx).GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
	fmt.Println("without actions for them:", errors.Is(err, encryptor.ErrInvalidSignature))

	table := m.open(ctx, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{
			"aws:rep:deleting":     actions.DoNothing,
			"aws:rep:updateregion": actions.DoNothing,
			"aws:rep:updatetime":   actions.DoNothing,
		}
	})
	_, err = table.GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
	fmt.Println("with them:", err)
	// Output:
	// without actions for them: true
	// with them: <nil>
}

// TableInfo at hand, DescribeTable is not called.
func ExampleNewTable() {
	ctx := context.Background()
	m := newMigration(ctx)
	db, provider := m.db, m.provider
	codec, err := encryptor.New(provider, tableinfo.TableInfo{
		Name:    "customers",
		Primary: tableinfo.Index{PartitionKey: "id"}, // and SortKey, if there is one
	})
	if err != nil {
		log.Fatal(err)
	}
	table, err := encryptor.NewTable(db, codec)
	if err != nil {
		log.Fatal(err)
	}

	m.put(ctx, table, "c-1")
	out, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: idKey("c-1")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Item["iban"].(*types.AttributeValueMemberS).Value)
	// Output: DE02120300000000202051
}

// The counterpart of a paginator of Python's EncryptedClient is the SDK's own.
func ExampleEncryptedTable_Scan() {
	ctx := context.Background()
	m := newMigration(ctx)
	table := m.open(ctx)
	m.put(ctx, table, "c-1", "c-2", "c-3")

	pages := dynamodb.NewScanPaginator(table, &dynamodb.ScanInput{TableName: aws.String("customers"), Limit: aws.Int32(2)})
	items := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			log.Fatal(err)
		}
		items += len(page.Items)
	}
	fmt.Println(items)
	// Output: 3
}

// The counterpart of batch_writer.
func ExampleEncryptedTable_WriteAll() {
	ctx := context.Background()
	m := newMigration(ctx)
	table := m.open(ctx)

	var requests []types.WriteRequest
	for i := range 60 {
		item, err := attributevalue.MarshalMap(map[string]any{"id": fmt.Sprintf("c-%d", i), "iban": "DE02120300000000202051"})
		if err != nil {
			log.Fatal(err)
		}
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: idKey("c-0")}})

	report, err := table.WriteAll(ctx, slices.Values(requests))
	if err != nil {
		log.Fatal(err, len(report.Unsent), len(report.Unknown))
	}
	fmt.Println(report.Written, "written")
	// Output: 61 written
}

// What update_item refuses in Python: a DO_NOTHING attribute is updated in place,
// and any other by Modify.
func ExampleEncryptedTable_UpdateItem() {
	ctx := context.Background()
	m := newMigration(ctx)
	table := m.open(ctx, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"visits": actions.DoNothing}
	})
	m.put(ctx, table, "c-1")

	_, err := table.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		Key:                       idKey("c-1"),
		UpdateExpression:          aws.String("ADD visits :one"),
		ExpressionAttributeValues: encryptor.Item{":one": &types.AttributeValueMemberN{Value: "1"}},
	})
	if err != nil {
		log.Fatal(err)
	}

	item, err := table.Modify(ctx, idKey("c-1"), func(item encryptor.Item) error {
		item["iban"] = &types.AttributeValueMemberS{Value: "DE91100000000123456789"}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(item["visits"].(*types.AttributeValueMemberN).Value, item["iban"].(*types.AttributeValueMemberS).Value)

	_, err = table.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		Key:                       idKey("c-1"),
		UpdateExpression:          aws.String("SET iban = :iban"),
		ExpressionAttributeValues: encryptor.Item{":iban": &types.AttributeValueMemberS{Value: "in plaintext"}},
	})
	fmt.Println(errors.Is(err, encryptor.ErrUnsupported))
	// Output:
	// 1 DE91100000000123456789
	// true
}
