package tableinfo_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/tableinfo"
)

// describer answers DescribeTable with what it holds.
type describer struct {
	out   *dynamodb.DescribeTableOutput
	err   error
	asked []string
}

func (d *describer) DescribeTable(_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	d.asked = append(d.asked, aws.ToString(in.TableName))
	return d.out, d.err
}

func hash(name string) types.KeySchemaElement {
	return types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyTypeHash}
}

func rng(name string) types.KeySchemaElement {
	return types.KeySchemaElement{AttributeName: &name, KeyType: types.KeyTypeRange}
}

func description() *types.TableDescription {
	return &types.TableDescription{
		TableName: aws.String("books"),
		TableArn:  aws.String(booksARN),
		KeySchema: []types.KeySchemaElement{rng("Title"), hash("Author")}, // DynamoDB promises no order here
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndexDescription{
			{
				IndexName:   aws.String("by-shelf"),
				KeySchema:   []types.KeySchemaElement{hash("Shelf"), hash("Room"), rng("Title"), rng("Floor")},
				Projection:  &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"Pages"}},
				IndexStatus: types.IndexStatusActive,
			},
			{IndexName: aws.String("by-isbn"), KeySchema: []types.KeySchemaElement{hash("ISBN")}, IndexStatus: types.IndexStatusDeleting},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndexDescription{{
			IndexName:  aws.String("by-year"),
			KeySchema:  []types.KeySchemaElement{hash("Author"), rng("Year")},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
		VectorIndexes: []types.VectorIndexDescription{
			{
				IndexName:       aws.String("alike"),
				VectorAttribute: &types.VectorAttributeDefinition{AttributeName: aws.String("Embedding")},
				SearchSchema: []types.SearchSchemaElement{
					{AttributeName: aws.String("Genre"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
					{AttributeName: aws.String("Author"), SearchSchemaElementType: types.SearchSchemaElementTypeHash},
					{AttributeName: aws.String("Later"), SearchSchemaElementType: "A_ROLE_TO_COME"},
				},
				Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			},
			{IndexName: aws.String("bare"), VectorAttribute: &types.VectorAttributeDefinition{AttributeName: aws.String("Cover")}},
		},
	}
}

func described() tableinfo.TableInfo {
	return tableinfo.TableInfo{
		Name:    "books",
		ARN:     booksARN,
		Primary: tableinfo.Index{PartitionKey: "Author", SortKey: "Title"},
		Secondary: []tableinfo.Index{
			{Name: "alike", PartitionKey: "Author", MoreKeys: []string{"Embedding", "Genre", "Later"}, Vector: true, Projection: types.ProjectionTypeAll},
			{Name: "bare", MoreKeys: []string{"Cover"}, Vector: true},
			{Name: "by-isbn", PartitionKey: "ISBN"},
			{
				Name: "by-shelf", PartitionKey: "Shelf", SortKey: "Title", MoreKeys: []string{"Room", "Floor"},
				Projection: types.ProjectionTypeInclude, NonKeyAttributes: []string{"Pages"},
			},
			{Name: "by-year", PartitionKey: "Author", SortKey: "Year", Local: true, Projection: types.ProjectionTypeKeysOnly},
		},
	}
}

func TestFromDescription(t *testing.T) {
	t.Parallel()
	d := description()
	got, err := tableinfo.FromDescription(d)
	require.NoError(t, err)
	assert.Equal(t, described(), got)
	assert.Equal(t,
		[]string{"Author", "Cover", "Embedding", "Floor", "Genre", "ISBN", "Later", "Room", "Shelf", "Title", "Year"},
		got.ProtectedIndexKeys())

	got.Secondary[3].NonKeyAttributes[0] = "x"
	assert.Equal(t, description(), d, "the description changed, or shares memory with the result")

	got, err = tableinfo.FromDescription(&types.TableDescription{TableName: aws.String("t"), KeySchema: []types.KeySchemaElement{hash("pk")}})
	require.NoError(t, err)
	assert.Equal(t, tableinfo.TableInfo{Name: "t", Primary: tableinfo.Index{PartitionKey: "pk"}}, got)
}

func TestFromDescriptionRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*types.TableDescription)
		want   string
	}{
		"no name":         {func(d *types.TableDescription) { d.TableName = nil }, "TableInfo.Name: not a table name: it is empty"},
		"ARN as name":     {func(d *types.TableDescription) { d.TableName = d.TableArn }, "TableInfo.Name: not a table name: it is an ARN"},
		"no key schema":   {func(d *types.TableDescription) { d.KeySchema = nil }, `table "books": primary key: no key schema`},
		"no HASH":         {func(d *types.TableDescription) { d.KeySchema = d.KeySchema[:1] }, "primary key: no HASH key"},
		"two HASH":        {func(d *types.TableDescription) { d.KeySchema[0] = hash("Title") }, "primary key: more than one partition key"},
		"two RANGE":       {func(d *types.TableDescription) { d.KeySchema = append(d.KeySchema, rng("x")) }, "primary key: more than one partition key and one sort"},
		"nil key name":    {func(d *types.TableDescription) { d.KeySchema[1].AttributeName = nil }, "element 1 of the key schema has no attribute name"},
		"empty key name":  {func(d *types.TableDescription) { d.KeySchema[0] = rng("") }, "element 0 of the key schema has no attribute name"},
		"unknown role":    {func(d *types.TableDescription) { d.KeySchema[0].KeyType = "OTHER" }, `"Title" has the unknown key type "OTHER"`},
		"one key twice":   {func(d *types.TableDescription) { d.KeySchema[0] = rng("Author") }, `"Author" is both partition key and sort key`},
		"nameless global": {func(d *types.TableDescription) { d.GlobalSecondaryIndexes[0].IndexName = nil }, "has no name"},
		"nameless, keyless": {func(d *types.TableDescription) {
			d.GlobalSecondaryIndexes[1].IndexName, d.GlobalSecondaryIndexes[1].KeySchema = nil, nil
		}, "global index number 1: no key schema"},
		"keyless local":    {func(d *types.TableDescription) { d.LocalSecondaryIndexes[0].KeySchema = nil }, `local index "by-year": no key schema`},
		"hashless global":  {func(d *types.TableDescription) { d.GlobalSecondaryIndexes[1].KeySchema[0] = rng("ISBN") }, `global index "by-isbn": no HASH key`},
		"vectorless":       {func(d *types.TableDescription) { d.VectorIndexes[0].VectorAttribute = nil }, `vector index "alike": no vector attribute`},
		"nil vector name":  {func(d *types.TableDescription) { d.VectorIndexes[0].VectorAttribute.AttributeName = nil }, `vector index "alike": no vector attribute`},
		"nil search name":  {func(d *types.TableDescription) { d.VectorIndexes[0].SearchSchema[2].AttributeName = nil }, "element 2 of the search schema"},
		"name used twice":  {func(d *types.TableDescription) { d.VectorIndexes[0].IndexName = aws.String("by-year") }, `two secondary indexes are called "by-year"`},
		"ARN of another":   {func(d *types.TableDescription) { d.TableName = aws.String("films") }, `TableInfo.ARN: not a table name: it is of table "books"`},
		"ARN of an index ": {func(d *types.TableDescription) { d.TableArn = aws.String(booksARN + "/index/i") }, "ARN: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := description()
			tc.change(d)
			got, err := tableinfo.FromDescription(d)
			require.ErrorIs(t, err, tableinfo.ErrTableInfo)
			require.ErrorContains(t, err, tc.want)
			assert.Zero(t, got)
		})
	}
	t.Run("nil", func(t *testing.T) {
		t.Parallel()
		got, err := tableinfo.FromDescription(nil)
		require.ErrorIs(t, err, tableinfo.ErrTableInfo)
		require.ErrorContains(t, err, "tableinfo: invalid table information: nil TableDescription")
		assert.Zero(t, got)
	})
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"books", booksARN} {
		d := &describer{out: &dynamodb.DescribeTableOutput{Table: description()}}
		got, err := tableinfo.Describe(t.Context(), d, table)
		require.NoError(t, err)
		assert.Equal(t, described(), got)
		assert.Equal(t, []string{table}, d.asked, "one call, with the name as given")
	}
}

func TestDescribeErrors(t *testing.T) {
	t.Parallel()
	t.Run("no such table", func(t *testing.T) {
		t.Parallel()
		d := &describer{err: &types.ResourceNotFoundException{Message: aws.String("not there")}}
		got, err := tableinfo.Describe(t.Context(), d, "books")
		var notFound *types.ResourceNotFoundException
		require.ErrorAs(t, err, &notFound)
		assert.ErrorContains(t, err, `describing table "books"`)
		assert.Zero(t, got)
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		_, err := tableinfo.Describe(t.Context(), &describer{err: context.Canceled}, "books")
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("malformed name", func(t *testing.T) {
		t.Parallel()
		for _, table := range []string{"", booksARN + "/index/i", "arn:aws:dynamodb"} {
			d := &describer{out: &dynamodb.DescribeTableOutput{Table: description()}}
			_, err := tableinfo.Describe(t.Context(), d, table)
			require.ErrorIs(t, err, tableinfo.ErrTableName)
			assert.Empty(t, d.asked, "no call for a name that cannot be one")
		}
	})
	t.Run("nil client", func(t *testing.T) {
		t.Parallel()
		_, err := tableinfo.Describe(t.Context(), nil, "books")
		require.ErrorContains(t, err, "tableinfo: nil DynamoDB client")
	})
	for name, tc := range map[string]struct {
		out  *dynamodb.DescribeTableOutput
		want string
	}{
		"nil answer":      {nil, `describing table "books": invalid table information: the answer has no description`},
		"nil description": {&dynamodb.DescribeTableOutput{}, `describing table "books": invalid table information: the answer has no description`},
		"unusable description": {
			&dynamodb.DescribeTableOutput{Table: &types.TableDescription{TableName: aws.String("books")}},
			`table "books": primary key: no key schema`,
		},
		"another table": {&dynamodb.DescribeTableOutput{Table: &types.TableDescription{
			TableName: aws.String("films"), KeySchema: []types.KeySchemaElement{hash("pk")},
		}}, `describing table "books": invalid table information: the answer is about table "films"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tableinfo.Describe(t.Context(), &describer{out: tc.out}, "books")
			require.ErrorIs(t, err, tableinfo.ErrTableInfo)
			require.ErrorContains(t, err, tc.want)
			assert.Zero(t, got)
		})
	}
}
