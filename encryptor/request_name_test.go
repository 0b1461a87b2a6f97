package encryptor_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// named notes by which name each request addresses its table.
type named struct {
	encryptor.DynamoDBAPI
	mu    sync.Mutex
	names []string
}

func (n *named) note(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = append(n.names, name)
}

func (n *named) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := slices.Compact(slices.Sorted(slices.Values(n.names)))
	n.names = nil
	return names
}

func (n *named) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.DescribeTable(ctx, in, optFns...)
}

func (n *named) PutItem(ctx context.Context, in *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.PutItem(ctx, in, optFns...)
}

func (n *named) GetItem(ctx context.Context, in *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.GetItem(ctx, in, optFns...)
}

func (n *named) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.UpdateItem(ctx, in, optFns...)
}

func (n *named) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.DeleteItem(ctx, in, optFns...)
}

func (n *named) Query(ctx context.Context, in *dynamodb.QueryInput, optFns ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.Query(ctx, in, optFns...)
}

func (n *named) Scan(ctx context.Context, in *dynamodb.ScanInput, optFns ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	n.note(aws.ToString(in.TableName))
	return n.DynamoDBAPI.Scan(ctx, in, optFns...)
}

func (n *named) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	for name := range in.RequestItems {
		n.note(name)
	}
	return n.DynamoDBAPI.BatchWriteItem(ctx, in, optFns...)
}

func (n *named) TransactGetItems(ctx context.Context, in *dynamodb.TransactGetItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	for _, part := range in.TransactItems {
		n.note(aws.ToString(part.Get.TableName))
	}
	return n.DynamoDBAPI.TransactGetItems(ctx, in, optFns...)
}

func (n *named) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	for _, part := range in.TransactItems {
		n.note(aws.ToString(part.Put.TableName))
	}
	return n.DynamoDBAPI.TransactWriteItems(ctx, in, optFns...)
}

// A table of another account can be reached by its ARN only. By its bare name a
// request would go to the caller's own table of that name, and be verified there.
func TestRequestsWithoutTableName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.table.Codec().Table().ARN
	require.NotEmpty(t, arn)
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		open func(api encryptor.DynamoDBAPI) (*encryptor.EncryptedTable, error)
		want string
	}{
		"by name": {func(api encryptor.DynamoDBAPI) (*encryptor.EncryptedTable, error) {
			return encryptor.NewEncryptedTable(t.Context(), api, customers, provider, customerActions)
		}, customers},
		"by ARN": {func(api encryptor.DynamoDBAPI) (*encryptor.EncryptedTable, error) {
			return encryptor.NewEncryptedTable(t.Context(), api, arn, provider, customerActions)
		}, arn},
		"without I/O": {func(api encryptor.DynamoDBAPI) (*encryptor.EncryptedTable, error) {
			return encryptor.NewTable(api, f.table.Codec())
		}, customers},
		"without I/O, by ARN": {func(api encryptor.DynamoDBAPI) (*encryptor.EncryptedTable, error) {
			return encryptor.NewTable(api, f.table.Codec(), func(o *encryptor.TableOptions) { o.RequestName = arn })
		}, arn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &named{DynamoDBAPI: f.raw}
			table, err := c.open(api)
			require.NoError(t, err)
			api.take()
			key := customerKey(name, 1)
			for op, call := range map[string]func() error{
				"PutItem": func() error {
					return second(table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer(name, 1)}))
				},
				"GetItem":       func() error { return second(table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: key})) },
				"DeleteItem":    func() error { return second(table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: key})) },
				"DescribeTable": func() error { return second(table.DescribeTable(t.Context(), nil)) },
				"Scan":          func() error { return second(table.Scan(t.Context(), nil)) },
				"QueryPaginator": func() error {
					return second(dynamodb.NewQueryPaginator(table, &dynamodb.QueryInput{
						KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: encryptor.Item{":pk": key["pk"]},
					}).NextPage(t.Context()))
				},
				"ScanItems": func() error {
					for _, err := range table.ScanItems(t.Context(), nil) {
						return err
					}
					return nil
				},
				"Modify": func() error { return second(table.Modify(t.Context(), key, setName("Ada"))) },
				"Modify that deletes": func() error {
					_, err := table.Modify(t.Context(), key, func(encryptor.Item) error { return encryptor.ErrDeleteItem })
					return err
				},
				"WriteAll": func() error {
					return second(table.WriteAll(t.Context(), slices.Values([]types.WriteRequest{putRequest(customer(name, 2))})))
				},
				"TransactGetItems": func() error {
					return second(table.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{Key: key}}}}))
				},
				"TransactWriteItems": func() error {
					return second(table.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
						TransactItems: []types.TransactWriteItem{{Put: &types.Put{Item: customer(name, 3)}}},
					}))
				},
			} {
				require.NoError(t, call(), op)
				require.Equal(t, []string{c.want}, api.take(), op)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestRequestNameOfAnotherTable(t *testing.T) {
	t.Parallel()
	f := newOperations(t, onTable)
	codec := f.table.Codec()
	for name, says := range map[string]string{
		"orders":                  `TableOptions.RequestName: "orders" is another table than "arn:aws:dynamodb:`,
		otherAccountARN:           "is another table than",
		"arn:aws:s3:::bucket/key": "TableOptions.RequestName: ",
	} {
		_, err := encryptor.NewTable(f.raw, codec, func(o *encryptor.TableOptions) { o.RequestName = name })
		require.ErrorContains(t, err, says)
	}
	_, err := encryptor.NewEncryptedClient(f.raw, []encryptor.ItemCodec{codec, f.codec(t, orders)},
		func(o *encryptor.ClientOptions) { o.RequestName = customers })
	require.ErrorContains(t, err, "TableOptions.RequestName", "a client of several tables cannot have one")
}

// What is allowed by ARN is this table and not another account's of its name.
func TestPlaintextTableByARN(t *testing.T) {
	t.Parallel()
	const (
		allowed = "arn:aws:dynamodb:us-east-1:111122223333:table/notes"
		foreign = "arn:aws:dynamodb:us-east-1:999999999999:table/notes"
	)
	f := newOperations(t, onClient)
	put := func(client *encryptor.EncryptedClient, table string) error {
		return second(client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: note("n")}))
	}
	batch := func(client *encryptor.EncryptedClient, table string) error {
		return second(client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: {putRequest(note("n"))}}}))
	}
	for name, c := range map[string]struct {
		allow   []string
		passes  []string
		refuses []string
	}{
		"by ARN":         {[]string{allowed}, []string{allowed, notes}, []string{foreign}},
		"by name":        {[]string{notes}, []string{allowed, notes}, nil},
		"by ARN of both": {[]string{foreign, allowed}, []string{allowed, notes}, []string{"arn:aws:dynamodb:eu-west-1:111122223333:table/notes"}},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := encryptor.NewEncryptedClient(f.client, nil, allow(c.allow...))
			require.NoError(t, err)
			for _, table := range c.passes {
				require.NoError(t, put(client, table), table)
				require.NoError(t, batch(client, table), table)
			}
			for _, table := range c.refuses {
				sent := len(f.wire.sent())
				require.ErrorIs(t, put(client, table), encryptor.ErrUnknownTable)
				require.ErrorIs(t, batch(client, table), encryptor.ErrUnknownTable)
				require.Len(t, f.wire.sent(), sent)
			}
		})
	}
}
