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

var _ DynamoDBAPI = (*EncryptedTable)(nil)

// EncryptedTable is a DynamoDB table whose items are encrypted on their way in
// and verified and decrypted on their way out. Its methods have the signatures of
// *dynamodb.Client, so the SDK's paginators and waiters work with it. An operation
// that is not here cannot be done through it.
//
// In every request TableName may be left nil, be the table's name or its ARN;
// another table is ErrUnknownTable. Requests are not modified. What cannot be
// done with encrypted items is ErrUnsupported before anything is sent: a
// projection (a part of an item cannot be verified), a condition, filter or key
// condition on the value of an encrypted attribute (attribute_exists and
// attribute_not_exists are fine), and the legacy parameters that expressions have
// replaced.
//
// A signature does not say to which request an item is the answer: one with an
// item of another key is ErrWrongItem, in Query one of another partition.
//
// Errors of DynamoDB are returned as they are, found by errors.As as usual; an
// item that comes with one is decrypted. Errors about an item are an *ItemError.
// An output never accompanies an error.
//
// It is safe for concurrent use.
type EncryptedTable struct {
	api   DynamoDBAPI
	table *boundTable
	core  *core
}

// NewEncryptedTable asks DynamoDB for the table's keys and indexes, by one
// DescribeTable call, and returns the encrypted table. table is a name or an ARN,
// and requests without a TableName are sent with it. Options are those of [New]
// and [NewTable].
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
	t, err := NewTable(api, codec, func(t *TableOptions) { *t = o.TableOptions })
	if err == nil && o.RequestName == "" {
		t.table.requestName = table // by which it was described
	}
	return t, err
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
	c, err := newCore([]ItemCodec{codec}, ClientOptions{TableOptions: o})
	if err != nil {
		return nil, fmt.Errorf("encrypted table: %w", err)
	}
	if err := c.checkNotEncrypting(api); err != nil {
		return nil, fmt.Errorf("encrypted table: %w", err)
	}
	for _, t := range c.tables {
		c.sole = t
	}
	return &EncryptedTable{api: api, table: c.sole, core: c}, nil
}

// Codec returns the codec that encrypts and decrypts the table's items.
func (t *EncryptedTable) Codec() ItemCodec { return t.table.codec }

// PutItem encrypts params.Item and writes it. Attributes of the output, the old
// item if ReturnValues asks for it, are decrypted. Number keys are written in
// canonical spelling.
//
// A ValidationException about the item's size is wrapped with the size of the
// encrypted item, which DynamoDB limits to 400 KB.
func (t *EncryptedTable) PutItem(ctx context.Context, params *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return send(ctx, params, optFns, t.core.putItem, t.api.PutItem)
}

// GetItem reads an item and decrypts it. As with the SDK, an absent item is an
// output without Item.
func (t *EncryptedTable) GetItem(ctx context.Context, params *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return send(ctx, params, optFns, t.core.getItem, t.api.GetItem)
}

// DeleteItem deletes an item. Attributes of the output, the old item if
// ReturnValues asks for it, are decrypted.
func (t *EncryptedTable) DeleteItem(ctx context.Context, params *dynamodb.DeleteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return send(ctx, params, optFns, t.core.deleteItem, t.api.DeleteItem)
}

// Query reads a page of items and decrypts them, several at a time and in order.
// One bad item fails the page; the *ItemError has its index and key. Select may
// be COUNT. An index must hold whole items: project ALL, or INCLUDE the
// attributes that the format adds, or be local and read with ALL_ATTRIBUTES.
func (t *EncryptedTable) Query(ctx context.Context, params *dynamodb.QueryInput, optFns ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return send(ctx, params, optFns, t.core.query, t.api.Query)
}

// Scan reads a page of items as Query does.
func (t *EncryptedTable) Scan(ctx context.Context, params *dynamodb.ScanInput, optFns ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return send(ctx, params, optFns, t.core.scan, t.api.Scan)
}

// UpdateItem updates DO_NOTHING attributes of an item that exists. An update that
// names any other attribute, on the left or on the right, is ErrUnsupported, and so
// is a name that Encrypt refuses, or Decrypt in an item of one of PreviousActions
// (ErrReservedAttribute, ErrAmbiguousName), unless it is in a REMOVE clause. Whole items in the output (ALL_OLD, ALL_NEW) are
// decrypted.
//
// It does not create items, since those would have no signature: a condition that
// the item is there is added to the caller's. If it fails and the caller gave no
// condition, the ConditionalCheckFailedException is wrapped in an *ItemError that
// says so; beside a condition of the caller's, ReturnValuesOnConditionCheckFailure
// tells the two apart.
func (t *EncryptedTable) UpdateItem(ctx context.Context, params *dynamodb.UpdateItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return send(ctx, params, optFns, t.core.updateItem, t.api.UpdateItem)
}

// BatchGetItem reads items of this table and decrypts them. UnprocessedKeys are
// returned as DynamoDB gave them.
func (t *EncryptedTable) BatchGetItem(ctx context.Context, params *dynamodb.BatchGetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return send(ctx, params, optFns, t.core.batchGetItem, t.api.BatchGetItem)
}

// BatchWriteItem encrypts the puts of a batch and writes it. UnprocessedItems are
// the caller's own requests in plaintext, fit for the next call, which encrypts
// them again.
func (t *EncryptedTable) BatchWriteItem(ctx context.Context, params *dynamodb.BatchWriteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return send(ctx, params, optFns, t.core.batchWriteItem, t.api.BatchWriteItem)
}

// TransactGetItems reads items of this table in a transaction and decrypts them.
func (t *EncryptedTable) TransactGetItems(ctx context.Context, params *dynamodb.TransactGetItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return send(ctx, params, optFns, t.core.transactGetItems, t.api.TransactGetItems)
}

// TransactWriteItems encrypts the puts of a transaction on this table and writes
// it; its updates are those of UpdateItem, and an *ItemError with the index of the
// part joins the TransactionCanceledException if an item is not there. Items in
// CancellationReasons are decrypted.
//
// A ClientRequestToken makes a retry harmless only if the request is the same. To
// encrypt an item again is to make another request of it, so a second call with
// the token of an accepted one fails with IdempotentParameterMismatchException,
// wrapped in ErrUnknownOutcome. The SDK's own retries send the same bytes.
func (t *EncryptedTable) TransactWriteItems(ctx context.Context, params *dynamodb.TransactWriteItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return send(ctx, params, optFns, t.core.transactWriteItems, t.api.TransactWriteItems)
}

// DescribeTable describes this table. With it, waiters and tableinfo.Describe
// take an EncryptedTable.
func (t *EncryptedTable) DescribeTable(ctx context.Context, params *dynamodb.DescribeTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	in := copyOf(params)
	if _, err := t.core.route(opDescribe, in.TableName); err != nil {
		return nil, err
	}
	in.TableName = t.table.name(in.TableName)
	return t.api.DescribeTable(ctx, &in, optFns...)
}
