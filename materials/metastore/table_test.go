package metastore_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// tableAPI records the request and lets the table become active after a while.
type tableAPI struct {
	*dynamodb.Client
	server   *ddbtest.Server
	in       *dynamodb.CreateTableInput
	activeAt time.Time
	asked    int
}

func (a *tableAPI) CreateTable(ctx context.Context, in *dynamodb.CreateTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error) {
	a.in = in
	known := *in // what ddbtest does not have
	known.DeletionProtectionEnabled, known.Tags = nil, nil
	return a.Client.CreateTable(ctx, &known, optFns...)
}

func (a *tableAPI) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	a.asked++
	out, err := a.Client.DescribeTable(ctx, in, optFns...)
	if err == nil && time.Now().Before(a.activeAt) {
		out.Table.TableStatus = types.TableStatusCreating
	}
	return out, err
}

func newTableAPI(t *testing.T) *tableAPI {
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	return &tableAPI{Client: server.Client(), server: server}
}

func TestCreateTable(t *testing.T) {
	t.Parallel()
	api := newTableAPI(t)
	require.NoError(t, metastore.CreateTable(t.Context(), api, metaTable, func(in *dynamodb.CreateTableInput) {
		in.DeletionProtectionEnabled = aws.Bool(true)
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("payroll")}}
	}))
	require.Equal(t, types.BillingModePayPerRequest, api.in.BillingMode)
	require.True(t, *api.in.DeletionProtectionEnabled)
	require.Len(t, api.in.Tags, 1)

	out, err := api.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(metaTable)})
	require.NoError(t, err)
	require.Equal(t, []types.KeySchemaElement{
		{AttributeName: aws.String("N"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("V"), KeyType: types.KeyTypeRange},
	}, out.Table.KeySchema)

	err = metastore.CreateTable(t.Context(), api, metaTable)
	var inUse *types.ResourceInUseException
	require.ErrorAs(t, err, &inUse)

	require.NoError(t, metastore.CreateTable(t.Context(), api, "provisioned", func(in *dynamodb.CreateTableInput) {
		in.BillingMode = types.BillingModeProvisioned
		in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
	}))
	for _, none := range []metastore.CreateTableAPI{nil, (*dynamodb.Client)(nil)} {
		require.ErrorContains(t, metastore.CreateTable(t.Context(), none, metaTable), "nil DynamoDB client")
	}
}

func TestCreateTableKeepsTheKeySchema(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change  func(in *dynamodb.CreateTableInput)
		message string
	}{
		"no sort key": {func(in *dynamodb.CreateTableInput) { in.KeySchema = in.KeySchema[:1] }, "primary key"},
		"no keys":     {func(in *dynamodb.CreateTableInput) { in.KeySchema = nil }, "primary key"},
		"a third key": {func(in *dynamodb.CreateTableInput) { in.KeySchema = append(in.KeySchema, in.KeySchema[1]) }, "primary key"},
		"keys in another order": {func(in *dynamodb.CreateTableInput) {
			in.KeySchema[0], in.KeySchema[1] = in.KeySchema[1], in.KeySchema[0]
		}, "primary key"},
		"another name":       {func(in *dynamodb.CreateTableInput) { in.KeySchema[0].AttributeName = aws.String("name") }, "primary key"},
		"a key without name": {func(in *dynamodb.CreateTableInput) { in.KeySchema[0].AttributeName = nil }, "primary key"},
		"roles exchanged":    {func(in *dynamodb.CreateTableInput) { in.KeySchema[0].KeyType = types.KeyTypeRange }, "primary key"},
		"version as text": {func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions[1].AttributeType = types.ScalarAttributeTypeS
		}, "primary key"},
		"definitions removed": {func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = nil }, "primary key"},
		"another table":       {func(in *dynamodb.CreateTableInput) { in.TableName = aws.String("other") }, "name"},
		"no table":            {func(in *dynamodb.CreateTableInput) { in.TableName = nil }, "name"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newTableAPI(t)
			require.ErrorContains(t, metastore.CreateTable(t.Context(), api, metaTable, tt.change), tt.message)
			require.Nil(t, api.in, "it was sent")
		})
	}
}

func TestCreateTableWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := newTableAPI(t)
		api.server.SetLatency(10 * time.Millisecond) // in no time, the SDK's waiter never ends
		start := time.Now()
		api.activeAt = start.Add(20 * time.Second)
		require.NoError(t, metastore.CreateTable(t.Context(), api, metaTable))
		require.GreaterOrEqual(t, time.Since(start), 20*time.Second)
		require.Less(t, time.Since(start), 30*time.Second)
		require.Greater(t, api.asked, 3)

		api.activeAt = time.Now().Add(time.Hour)
		start = time.Now()
		require.ErrorContains(t, metastore.CreateTable(t.Context(), api, "slow"), "was created")
		require.LessOrEqual(t, time.Since(start), 6*time.Minute)

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, metastore.CreateTable(ctx, api, "cancelled"), context.DeadlineExceeded)
	})
	api := newTableAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, metastore.CreateTable(ctx, api, metaTable), context.Canceled)
}

func TestNewWantsAMetaTable(t *testing.T) {
	t.Parallel()
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	for table, keys := range map[string][]string{"only-n": {"N"}, "exchanged": {"V", "N"}, "others": {"id", "at"}} {
		in := &dynamodb.CreateTableInput{TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest}
		for i, key := range keys {
			in.KeySchema = append(in.KeySchema, types.KeySchemaElement{
				AttributeName: aws.String(key), KeyType: []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}[i],
			})
			in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
				AttributeName: aws.String(key), AttributeType: types.ScalarAttributeTypeS,
			})
		}
		_, err := server.Client().CreateTable(t.Context(), in)
		require.NoError(t, err)
		encrypted, err := encryptor.NewEncryptedTable(t.Context(), server.Client(), table, provider)
		require.NoError(t, err)
		_, err = metastore.New(encrypted)
		require.ErrorContains(t, err, `that of a meta table is "N" and "V"`)
	}

	// A sort key of the wrong type shows with the first row.
	_, err = server.Client().CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(metaTable), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("N"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("V"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("N"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("V"), KeyType: types.KeyTypeRange}},
	})
	require.NoError(t, err)
	encrypted, err := encryptor.NewEncryptedTable(t.Context(), server.Client(), metaTable, provider)
	require.NoError(t, err)
	store, err := metastore.New(encrypted)
	require.NoError(t, err)
	_, err = store.Rotate(t.Context(), material)
	requireOpaque(t, err)
	var failure *metastore.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "ValidationException", failure.Code)
	var api smithy.APIError
	require.NotErrorAs(t, err, &api)
}
