package encryptor

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var _ DynamoDBAPI = (*EncryptedClient)(nil)

// ClientOptions configures [NewEncryptedClient] and [Middleware].
type ClientOptions struct {
	// AllowPlaintextTables are names or ARNs of tables whose requests pass as
	// they are. A name allows any ARN with it; an ARN allows itself and its bare
	// name. A table that is neither here nor encrypted is ErrUnknownTable.
	AllowPlaintextTables []string
	// TableOptions is for every encrypted table.
	TableOptions
}

// EncryptedClient has the operations of *dynamodb.Client on items, for several
// tables: those with a codec are encrypted, those in AllowPlaintextTables pass as
// they are, and any other is ErrUnknownTable. Batches and transactions may mix
// them. What is said of [EncryptedTable] holds for each encrypted table; a request
// must name its table.
//
// It is safe for concurrent use.
type EncryptedClient struct {
	api  DynamoDBAPI
	core *core
}

// NewEncryptedClient returns a client for tables with a codec, such as
// EncryptedTable.Codec returns or [New]. It does no I/O.
func NewEncryptedClient(api DynamoDBAPI, tables []ItemCodec, optFns ...func(*ClientOptions)) (*EncryptedClient, error) {
	if api == nil {
		return nil, errors.New("encrypted client: nil DynamoDB client")
	}
	var o ClientOptions
	for _, fn := range optFns {
		fn(&o)
	}
	c, err := newCore(tables, o)
	if err != nil {
		return nil, fmt.Errorf("encrypted client: %w", err)
	}
	if err := c.checkNotEncrypting(api); err != nil {
		return nil, fmt.Errorf("encrypted client: %w", err)
	}
	return &EncryptedClient{api: api, core: c}, nil
}

// PutItem: see [EncryptedTable.PutItem].
func (c *EncryptedClient) PutItem(ctx context.Context, params *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return send(ctx, params, optFns, c.core.putItem, c.api.PutItem)
}

// GetItem: see [EncryptedTable.GetItem].
func (c *EncryptedClient) GetItem(ctx context.Context, params *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return send(ctx, params, optFns, c.core.getItem, c.api.GetItem)
}

// UpdateItem: see [EncryptedTable.UpdateItem].
func (c *EncryptedClient) UpdateItem(ctx context.Context, params *dynamodb.UpdateItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return send(ctx, params, optFns, c.core.updateItem, c.api.UpdateItem)
}

// DeleteItem: see [EncryptedTable.DeleteItem].
func (c *EncryptedClient) DeleteItem(ctx context.Context, params *dynamodb.DeleteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return send(ctx, params, optFns, c.core.deleteItem, c.api.DeleteItem)
}

// Query: see [EncryptedTable.Query].
func (c *EncryptedClient) Query(ctx context.Context, params *dynamodb.QueryInput, optFns ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return send(ctx, params, optFns, c.core.query, c.api.Query)
}

// Scan: see [EncryptedTable.Scan].
func (c *EncryptedClient) Scan(ctx context.Context, params *dynamodb.ScanInput, optFns ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return send(ctx, params, optFns, c.core.scan, c.api.Scan)
}

// BatchGetItem: see [EncryptedTable.BatchGetItem].
func (c *EncryptedClient) BatchGetItem(ctx context.Context, params *dynamodb.BatchGetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return send(ctx, params, optFns, c.core.batchGetItem, c.api.BatchGetItem)
}

// BatchWriteItem: see [EncryptedTable.BatchWriteItem].
func (c *EncryptedClient) BatchWriteItem(ctx context.Context, params *dynamodb.BatchWriteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return send(ctx, params, optFns, c.core.batchWriteItem, c.api.BatchWriteItem)
}

// TransactGetItems: see [EncryptedTable.TransactGetItems].
func (c *EncryptedClient) TransactGetItems(ctx context.Context, params *dynamodb.TransactGetItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return send(ctx, params, optFns, c.core.transactGetItems, c.api.TransactGetItems)
}

// TransactWriteItems: see [EncryptedTable.TransactWriteItems].
func (c *EncryptedClient) TransactWriteItems(ctx context.Context, params *dynamodb.TransactWriteItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return send(ctx, params, optFns, c.core.transactWriteItems, c.api.TransactWriteItems)
}

// DescribeTable passes: it carries no items. With it, waiters and
// tableinfo.Describe take this client.
func (c *EncryptedClient) DescribeTable(ctx context.Context, params *dynamodb.DescribeTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return c.api.DescribeTable(ctx, params, optFns...)
}
