package encryptor

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

var (
	_ dynamodb.QueryAPIClient = (*EncryptedTable)(nil)
	_ dynamodb.ScanAPIClient  = (*EncryptedTable)(nil)
)

// EncryptedTable is a DynamoDB table whose items are encrypted on their way in
// and verified and decrypted on their way out. Its methods have the signatures of
// *dynamodb.Client, so the SDK's paginators work with it. An operation that is
// not here cannot be done through it.
//
// In every request TableName may be left nil, be the table's name or its ARN;
// another table is ErrUnknownTable. Requests are not modified. What cannot be
// done with encrypted items is ErrUnsupported before anything is sent: a
// projection (a part of an item cannot be verified), a condition, filter or key
// condition on the value of an encrypted attribute (attribute_exists and
// attribute_not_exists are fine), and the legacy parameters that expressions have
// replaced.
//
// Errors of DynamoDB are returned as they are, found by errors.As as usual; an
// item that comes with one is decrypted. Errors about an item are an *ItemError.
// An output never accompanies an error.
//
// It is safe for concurrent use.
type EncryptedTable struct {
	api   DynamoDBAPI
	table *boundTable
}

// NewEncryptedTable asks DynamoDB for the table's keys and indexes, by one
// DescribeTable call, and returns the encrypted table. table is a name or an ARN;
// options are those of [New] and [NewTable].
func NewEncryptedTable(ctx context.Context, api DynamoDBAPI, table string, p materials.CryptographicMaterialsProvider, optFns ...func(*Options)) (*EncryptedTable, error) {
	if api == nil {
		return nil, errors.New("encrypted table: nil DynamoDB client")
	}
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	info, err := tableinfo.Describe(ctx, api, table)
	if err != nil {
		return nil, err
	}
	codec, err := newItemEncryptor(p, info, o)
	if err != nil {
		return nil, fmt.Errorf("encrypted table %s: %w", quote.Name(info.Name), err)
	}
	return NewTable(api, codec, func(t *TableOptions) { *t = o.TableOptions })
}

// NewTable returns the encrypted table of a codec. It does no I/O.
func NewTable(api DynamoDBAPI, codec ItemCodec, optFns ...func(*TableOptions)) (*EncryptedTable, error) {
	if api == nil {
		return nil, errors.New("encrypted table: nil DynamoDB client")
	}
	if codec == nil {
		return nil, errors.New("encrypted table: nil item codec")
	}
	var o TableOptions
	for _, fn := range optFns {
		fn(&o)
	}
	table, err := bind(codec, o)
	if err != nil {
		return nil, fmt.Errorf("encrypted table: %w", err)
	}
	return &EncryptedTable{api: api, table: table}, nil
}

// Codec returns the codec that encrypts and decrypts the table's items.
func (t *EncryptedTable) Codec() ItemCodec { return t.table.codec }

// PutItem encrypts params.Item and writes it. Attributes of the output, the old
// item if ReturnValues asks for it, are decrypted. Number keys are written in
// canonical spelling.
//
// A ValidationException is wrapped with the size of the encrypted item, which
// DynamoDB limits to 400 KB.
func (t *EncryptedTable) PutItem(ctx context.Context, params *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in, err := t.table.preparePut(ctx, params)
	if err != nil {
		return nil, err
	}
	out, err := t.api.PutItem(ctx, in, optFns...)
	return t.table.finishPut(ctx, in, out, err)
}

// GetItem reads an item and decrypts it. As with the SDK, an absent item is an
// output without Item.
func (t *EncryptedTable) GetItem(ctx context.Context, params *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	in, err := t.table.prepareGet(params)
	if err != nil {
		return nil, err
	}
	out, err := t.api.GetItem(ctx, in, optFns...)
	return t.table.finishGet(ctx, out, err)
}

// DeleteItem deletes an item. Attributes of the output, the old item if
// ReturnValues asks for it, are decrypted.
func (t *EncryptedTable) DeleteItem(ctx context.Context, params *dynamodb.DeleteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	in, err := t.table.prepareDelete(params)
	if err != nil {
		return nil, err
	}
	out, err := t.api.DeleteItem(ctx, in, optFns...)
	return t.table.finishDelete(ctx, out, err)
}

// Query reads a page of items and decrypts them, several at a time and in order.
// One bad item fails the page; the *ItemError has its index and key. Select may
// be COUNT. An index must hold whole items: project ALL, or INCLUDE the
// attributes that the format adds, or be local and read with ALL_ATTRIBUTES.
func (t *EncryptedTable) Query(ctx context.Context, params *dynamodb.QueryInput, optFns ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	in, err := t.table.prepareQuery(params)
	if err != nil {
		return nil, err
	}
	out, err := t.api.Query(ctx, in, optFns...)
	return t.table.finishQuery(ctx, out, err)
}

// Scan reads a page of items as Query does.
func (t *EncryptedTable) Scan(ctx context.Context, params *dynamodb.ScanInput, optFns ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	in, err := t.table.prepareScan(params)
	if err != nil {
		return nil, err
	}
	out, err := t.api.Scan(ctx, in, optFns...)
	return t.table.finishScan(ctx, out, err)
}
