package ddbtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDescribeTable(t *testing.T) {
	t.Parallel()
	_, client := start(t)
	spec := tableSpec(types.ScalarAttributeTypeN)
	created, err := client.CreateTable(t.Context(), spec)
	require.NoError(t, err)
	put(t, client, with("a", "1", item{"genre": str("jazz")}), key("a", "2"))

	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: spec.TableName})
	require.NoError(t, err)
	d := out.Table
	assert.Equal(t, table, aws.ToString(d.TableName))
	assert.Equal(t, types.TableStatusActive, created.TableDescription.TableStatus)
	assert.Equal(t, types.TableStatusActive, d.TableStatus)
	assert.Regexp(t, `^arn:aws:dynamodb:us-east-1:\d{12}:table/music$`, aws.ToString(d.TableArn))
	assert.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, aws.ToString(d.TableId))
	assert.Equal(t, created.TableDescription.TableId, d.TableId)
	assert.WithinDuration(t, time.Now(), aws.ToTime(d.CreationDateTime), time.Minute)
	assert.Equal(t, spec.KeySchema, d.KeySchema)
	assert.Equal(t, spec.AttributeDefinitions, d.AttributeDefinitions)
	assert.Equal(t, types.BillingModePayPerRequest, d.BillingModeSummary.BillingMode)
	assert.EqualValues(t, 2, aws.ToInt64(d.ItemCount))
	assert.EqualValues(t, 2*(len("artist")+1+len("track")+2)+len("genre")+len("jazz"), aws.ToInt64(d.TableSizeBytes))

	require.Len(t, d.LocalSecondaryIndexes, 1)
	local := d.LocalSecondaryIndexes[0]
	assert.Equal(t, spec.LocalSecondaryIndexes[0].KeySchema, local.KeySchema)
	assert.Equal(t, spec.LocalSecondaryIndexes[0].Projection, local.Projection)
	assert.EqualValues(t, 0, aws.ToInt64(local.ItemCount))
	require.Len(t, d.GlobalSecondaryIndexes, 2)
	for i, global := range d.GlobalSecondaryIndexes {
		assert.Equal(t, spec.GlobalSecondaryIndexes[i].IndexName, global.IndexName)
		assert.Equal(t, spec.GlobalSecondaryIndexes[i].KeySchema, global.KeySchema)
		assert.Equal(t, spec.GlobalSecondaryIndexes[i].Projection, global.Projection)
		assert.Equal(t, types.IndexStatusActive, global.IndexStatus)
		assert.EqualValues(t, 1, aws.ToInt64(global.ItemCount))
		assert.Equal(t, aws.ToString(d.TableArn)+"/index/"+aws.ToString(global.IndexName), aws.ToString(global.IndexArn))
	}
}

func TestTableLifecycle(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	put(t, client, key("a", "1"))
	_, err := client.CreateTable(ctx, tableSpec(types.ScalarAttributeTypeN))
	var inUse *types.ResourceInUseException
	require.ErrorAs(t, err, &inUse)

	deleted, err := client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(table)})
	require.NoError(t, err)
	assert.Equal(t, types.TableStatusDeleting, deleted.TableDescription.TableStatus)
	require.NoError(t, dynamodb.NewTableNotExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)}, time.Minute))

	_, err = client.CreateTable(ctx, tableSpec(types.ScalarAttributeTypeN))
	require.NoError(t, err)
	require.NoError(t, dynamodb.NewTableExistsWaiter(client).Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)}, time.Minute))
	assert.Nil(t, get(t, client, "a", "1"), "the new table is empty")
}

func TestTableNameAsARN(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	ctx := t.Context()
	put(t, client, key("a", "1"))
	described, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
	require.NoError(t, err)
	arn := described.Table.TableArn

	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: arn, Key: key("a", "1")})
	require.NoError(t, err)
	assert.Equal(t, key("a", "1"), out.Item)
	in := queryInput("artist = :a", item{":a": str("a")})
	in.TableName = arn
	queried, err := client.Query(ctx, in)
	require.NoError(t, err)
	assert.Len(t, queried.Items, 1)
	again, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: arn})
	require.NoError(t, err)
	assert.Equal(t, table, aws.ToString(again.Table.TableName))

	var missing *types.ResourceNotFoundException
	_, err = client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("arn:aws:dynamodb:eu-west-1:111122223333:table/music"), Key: key("a", "1")})
	require.ErrorAs(t, err, &missing)
	_, err = client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("a/b"), Key: key("a", "1")})
	requireInvalid(t, err, "Value 'a/b' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern")
}

func TestListTables(t *testing.T) {
	t.Parallel()
	_, client := start(t)
	out, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	assert.Empty(t, out.TableNames)
	var want []string
	for i := range 5 {
		spec := tableSpec(types.ScalarAttributeTypeS)
		spec.TableName = aws.String(fmt.Sprint("table-", i))
		_, err := client.CreateTable(t.Context(), spec)
		require.NoError(t, err)
		want = append(want, *spec.TableName)
	}
	var got []string
	pages := dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{Limit: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(page.TableNames), 2)
		got = append(got, page.TableNames...)
	}
	assert.Equal(t, want, got)
	_, err = client.ListTables(t.Context(), &dynamodb.ListTablesInput{Limit: aws.Int32(101)})
	requireInvalid(t, err, "at 'limit'")
}

func TestProvisionedTable(t *testing.T) {
	t.Parallel()
	_, client := start(t)
	spec := tableSpec(types.ScalarAttributeTypeN)
	capacity := &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(5), WriteCapacityUnits: aws.Int64(7)}
	spec.BillingMode, spec.ProvisionedThroughput = "", capacity
	for i := range spec.GlobalSecondaryIndexes {
		spec.GlobalSecondaryIndexes[i].ProvisionedThroughput = capacity
	}
	out, err := client.CreateTable(t.Context(), spec)
	require.NoError(t, err)
	assert.EqualValues(t, 7, aws.ToInt64(out.TableDescription.ProvisionedThroughput.WriteCapacityUnits))
	assert.EqualValues(t, 5, aws.ToInt64(out.TableDescription.GlobalSecondaryIndexes[0].ProvisionedThroughput.ReadCapacityUnits))
}

func TestCreateTableRefused(t *testing.T) {
	t.Parallel()
	server, client := start(t)
	local := func(in *dynamodb.CreateTableInput) *types.LocalSecondaryIndex { return &in.LocalSecondaryIndexes[0] }
	global := func(in *dynamodb.CreateTableInput) *types.GlobalSecondaryIndex { return &in.GlobalSecondaryIndexes[0] }
	for text, change := range map[string]func(*dynamodb.CreateTableInput){
		"at 'tableName' failed to satisfy constraint: Member must satisfy regular":  func(in *dynamodb.CreateTableInput) { in.TableName = aws.String("no spaces") },
		"'ab' at 'tableName' failed to satisfy constraint: Member must have length": func(in *dynamodb.CreateTableInput) { in.TableName = aws.String("ab") },
		"at 'indexName' failed to satisfy constraint: Member must have length less": func(in *dynamodb.CreateTableInput) {
			global(in).IndexName = aws.String(strings.Repeat("x", 256))
		},
		"enum value set: [B, N, S]": func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions[0].AttributeType = "BOOL"
		},
		"Duplicate AttributeName": func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions = append(in.AttributeDefinitions, definition("genre", "S"))
		},
		"Some AttributeDefinitions are not used": func(in *dynamodb.CreateTableInput) {
			in.AttributeDefinitions = append(in.AttributeDefinitions, definition("more", "S"))
		},
		"are not defined in AttributeDefinitions": func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = in.AttributeDefinitions[1:] },
		"first KeySchemaElement is not a HASH":    func(in *dynamodb.CreateTableInput) { in.KeySchema[0].KeyType = types.KeyTypeRange },
		"second KeySchemaElement is not a RANGE":  func(in *dynamodb.CreateTableInput) { in.KeySchema[1].KeyType = types.KeyTypeHash },
		"have the same name":                      func(in *dynamodb.CreateTableInput) { in.KeySchema[1].AttributeName = aws.String("artist") },
		"must both be specified when BillingMode is PROVISIONED": func(in *dynamodb.CreateTableInput) {
			in.BillingMode = types.BillingModeProvisioned
		},
		"can be specified when BillingMode is PAY_PER_REQUEST": func(in *dynamodb.CreateTableInput) {
			in.ProvisionedThroughput = &types.ProvisionedThroughput{ReadCapacityUnits: aws.Int64(1), WriteCapacityUnits: aws.Int64(1)}
		},
		"does not have a range key, which is required when specifying a LocalSecondaryIndex": func(in *dynamodb.CreateTableInput) {
			in.KeySchema = in.KeySchema[:1]
		},
		"does not have a range key for index: by-release": func(in *dynamodb.CreateTableInput) { local(in).KeySchema = local(in).KeySchema[:1] },
		"not have the same leading hash key":              func(in *dynamodb.CreateTableInput) { local(in).KeySchema[0].AttributeName = aws.String("genre") },
		"Duplicate index name: by-genre":                  func(in *dynamodb.CreateTableInput) { local(in).IndexName = aws.String("by-genre") },
		"Unknown ProjectionType":                          func(in *dynamodb.CreateTableInput) { global(in).Projection.ProjectionType = "SOME" },
		"but NonKeyAttributes is specified":               func(in *dynamodb.CreateTableInput) { global(in).Projection.NonKeyAttributes = []string{"x"} },
		"NonKeyAttributes is not specified":               func(in *dynamodb.CreateTableInput) { local(in).Projection.NonKeyAttributes = nil },
		"List of LocalSecondaryIndexes is empty": func(in *dynamodb.CreateTableInput) {
			in.LocalSecondaryIndexes = []types.LocalSecondaryIndex{}
		},
		`the parameter "StreamSpecification" is not supported by ddbtest`: func(in *dynamodb.CreateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true)}
		},
		`the parameter "Tags" is not supported by ddbtest`: func(in *dynamodb.CreateTableInput) {
			in.Tags = []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
		},
		`CreateTable.GlobalSecondaryIndexes: the parameter "WarmThroughput" is not`: func(in *dynamodb.CreateTableInput) {
			global(in).WarmThroughput = &types.WarmThroughput{ReadUnitsPerSecond: aws.Int64(1)}
		},
	} {
		spec := tableSpec(types.ScalarAttributeTypeN)
		change(spec)
		_, err := client.CreateTable(t.Context(), spec)
		t.Log(text)
		requireInvalid(t, err, text)
	}
	out, err := server.Client().ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	assert.Empty(t, out.TableNames)
}
