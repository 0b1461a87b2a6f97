package tableinfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/tableinfo"
)

const booksARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/books"

func books() tableinfo.TableInfo {
	return tableinfo.TableInfo{
		Name:    "books",
		ARN:     booksARN,
		Primary: tableinfo.Index{PartitionKey: "Author", SortKey: "Title"},
		Secondary: []tableinfo.Index{
			{Name: "by-shelf", PartitionKey: "Shelf", SortKey: "Title", MoreKeys: []string{"Room", "Floor"}, Projection: types.ProjectionTypeAll},
			{Name: "by-year", PartitionKey: "Author", SortKey: "Year", Local: true, Projection: types.ProjectionTypeInclude, NonKeyAttributes: []string{"Pages"}},
			{Name: "alike", MoreKeys: []string{"Embedding", "Genre"}, Vector: true},
		},
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	info := books()
	assert.Equal(t, []string{"Author", "Title"}, info.KeyNames())
	assert.Equal(t, []string{"Author", "Embedding", "Floor", "Genre", "Room", "Shelf", "Title", "Year"}, info.ProtectedIndexKeys())
	assert.Equal(t, []string{"Shelf", "Title", "Room", "Floor"}, info.Secondary[0].Keys())
	assert.Equal(t, []string{"Embedding", "Genre"}, info.Secondary[2].Keys())

	simple := tableinfo.TableInfo{Name: "t", Primary: tableinfo.Index{PartitionKey: "pk"}}
	assert.Equal(t, []string{"pk"}, simple.KeyNames())
	assert.Equal(t, []string{"pk"}, simple.ProtectedIndexKeys())
	assert.Empty(t, tableinfo.TableInfo{}.KeyNames())
}

func TestKeysAreCopies(t *testing.T) {
	t.Parallel()
	info := books()
	more := append(make([]string, 0, 8), info.Secondary[0].MoreKeys...)
	info.Secondary[0].MoreKeys = more
	info.KeyNames()[0] = "x"
	info.ProtectedIndexKeys()[0] = "x"
	info.Secondary[0].Keys()[2] = "x"
	assert.Equal(t, books(), info)
}

func TestClone(t *testing.T) {
	t.Parallel()
	info := books()
	c := info.Clone()
	require.Equal(t, info, c)
	c.Secondary[0].MoreKeys[0] = "x"
	c.Secondary[1].NonKeyAttributes[0] = "x"
	c.Secondary[2].Name = "x"
	assert.Equal(t, books(), info)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, books().Validate())

	for name, tc := range map[string]struct {
		change func(*tableinfo.TableInfo)
		want   string
		isName bool
	}{
		"no name":          {func(i *tableinfo.TableInfo) { i.Name = "" }, "tableinfo: invalid table information: TableInfo.Name: not a table name: it is empty", true},
		"ARN as name":      {func(i *tableinfo.TableInfo) { i.Name = booksARN }, `TableInfo.Name: not a table name: it is an ARN, which would be signed as such; use "books"`, true},
		"index ARN":        {func(i *tableinfo.TableInfo) { i.Name = booksARN + "/index/i" }, "something other than a table", true},
		"name as ARN":      {func(i *tableinfo.TableInfo) { i.ARN = "books" }, `TableInfo.ARN: not a table name: "books" is a bare name and no ARN`, true},
		"malformed ARN":    {func(i *tableinfo.TableInfo) { i.ARN = "arn:aws" }, "malformed ARN", true},
		"ARN of another":   {func(i *tableinfo.TableInfo) { i.Name = "films" }, `TableInfo.ARN: not a table name: it is of table "books", Name is "films"`, true},
		"no partition key": {func(i *tableinfo.TableInfo) { i.Primary.PartitionKey = "" }, "primary key: no partition key", false},
		"one key twice":    {func(i *tableinfo.TableInfo) { i.Primary.SortKey = "Author" }, `"Author" is both partition key and sort key`, false},
		"three keys": {
			func(i *tableinfo.TableInfo) { i.Primary.MoreKeys = []string{"x"} },
			"primary key: more than one partition key and one sort key", false,
		},
		"primary local": {func(i *tableinfo.TableInfo) { i.Primary.Local = true }, "primary key: marked as a secondary index", false},
		"nameless index": {
			func(i *tableinfo.TableInfo) { i.Secondary[1].Name = "" },
			"secondary index number 1 has no name", false,
		},
		"same name twice": {
			func(i *tableinfo.TableInfo) { i.Secondary[1].Name = "by-shelf" },
			`two secondary indexes are called "by-shelf"`, false,
		},
		"index without partition key": {
			func(i *tableinfo.TableInfo) { i.Secondary[0].PartitionKey = "" },
			`index "by-shelf": no partition key`, false,
		},
		"index with empty key": {
			func(i *tableinfo.TableInfo) { i.Secondary[0].MoreKeys[1] = "" },
			`index "by-shelf": a key attribute has an empty name`, false,
		},
		"vector index without vector": {
			func(i *tableinfo.TableInfo) { i.Secondary[2].MoreKeys = nil },
			`index "alike": no vector attribute`, false,
		},
		"local and vector": {
			func(i *tableinfo.TableInfo) { i.Secondary[2].Local = true },
			`index "alike": both local and vector`, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := books()
			tc.change(&info)
			err := info.Validate()
			require.ErrorIs(t, err, tableinfo.ErrTableInfo)
			require.ErrorContains(t, err, tc.want)
			if tc.isName {
				assert.ErrorIs(t, err, tableinfo.ErrTableName)
			} else {
				assert.NotErrorIs(t, err, tableinfo.ErrTableName)
			}
		})
	}
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"books":  "books",
		"a.b_c-": "a.b_c-",
		booksARN: "books",
		"arn:aws-cn:dynamodb:cn-north-1:111122223333:table/a.b-c_d":  "a.b-c_d",
		"arn:aws-us-gov:dynamodb:us-gov-west-1:111122223333:table/t": "t",
		"arn:aws:dynamodb:ddblocal:000000000000:table/local":         "local",
	} {
		got, err := tableinfo.NameOf(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got, in)
	}
	for in, want := range map[string]string{
		"":                                 "not a table name: it is empty",
		"table/books":                      `not a table name: "table/books" contains a slash`,
		":":                                "malformed ARN",
		"ARN:aws:dynamodb:r:1:table/books": "malformed ARN",
		"arn:aws:dynamodb:eu-west-1:111122223333":     "malformed ARN",
		"arn::dynamodb:eu-west-1:1:table/t":           "malformed ARN",
		"arn:aws:dynamodb::1:table/t":                 "malformed ARN",
		"arn:aws:dynamodb:eu-west-1::table/t":         "malformed ARN",
		"arn:aws:kms:eu-west-1:111122223333:table/t":  `the service "kms"`,
		"arn:aws:dynamodb:eu-west-1:1:books":          "something other than a table",
		"arn:aws:dynamodb:eu-west-1:1:table/":         "something other than a table",
		"arn:aws:dynamodb:eu-west-1:1:global-table/t": "something other than a table",
		booksARN + "/index/by-year":                   "something other than a table",
		booksARN + "/backup/01":                       "something other than a table",
		booksARN + "/stream/2026-01-01T00:00:00.000":  "malformed ARN",
		strings.Repeat("a:", 1<<16):                   "malformed ARN",
	} {
		got, err := tableinfo.NameOf(in)
		require.ErrorIs(t, err, tableinfo.ErrTableName, "%.60s", in)
		assert.ErrorContains(t, err, want, "%.60s", in)
		assert.Less(t, len(err.Error()), 500, "%.60s", in)
		assert.Empty(t, got, "%.60s", in)
	}
}

func ExampleTableInfo() {
	books := tableinfo.TableInfo{
		Name:    "books",
		Primary: tableinfo.Index{PartitionKey: "Author", SortKey: "Title"},
		Secondary: []tableinfo.Index{
			{Name: "by-year", PartitionKey: "Year", SortKey: "Title"},
		},
	}
	fmt.Println(books.KeyNames())
	fmt.Println(books.ProtectedIndexKeys())
	// Output:
	// [Author Title]
	// [Author Title Year]
}
