package ddbtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tracks lists the sort keys, which are numbers.
func tracks(items []item) []string {
	out := []string{}
	for _, it := range items {
		out = append(out, it["track"].(*types.AttributeValueMemberN).Value)
	}
	return out
}

func queryInput(condition string, values item) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{TableName: aws.String(table), KeyConditionExpression: aws.String(condition), ExpressionAttributeValues: values}
}

func TestQueryByNumber(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for _, n := range []string{"10", "9", "-1", "-1.5", "0", "100", "1E-2", "12345678901234567890123456789012345678", "-3E50"} {
		put(t, client, key("a", n), key("b", n))
	}
	all := []string{"-3" + strings.Repeat("0", 50), "-1.5", "-1", "0", "0.01", "9", "10", "100", "12345678901234567890123456789012345678"}
	for condition, want := range map[string][]string{
		"artist = :a":                                 all,
		":a = artist":                                 all,
		"(artist = :a)":                               all,
		"artist = :a AND track = :x":                  {"9"},
		"artist = :a AND track < :x":                  all[:5],
		"artist = :a AND track <= :x":                 all[:6],
		"artist = :a AND track > :x":                  all[6:],
		"track >= :x AND artist = :a":                 all[5:],
		"artist = :a AND :x > track":                  all[:5],
		"artist = :a AND track BETWEEN :x AND :y":     all[5:8],
		"(artist = :a) and (track between :x and :y)": all[5:8],
		"artist = :a AND track BETWEEN :x AND :x":     {"9"},
	} {
		values := used(condition, item{":a": str("a"), ":x": num("9.0"), ":y": num("1E2")})
		out, err := client.Query(t.Context(), queryInput(condition, values))
		require.NoError(t, err, condition)
		assert.Equal(t, want, tracks(out.Items), condition)
		assert.EqualValues(t, len(want), out.Count)
		assert.EqualValues(t, len(want), out.ScannedCount)
		assert.Nil(t, out.LastEvaluatedKey)

		in := queryInput(condition, values)
		in.ScanIndexForward = aws.Bool(false)
		out, err = client.Query(t.Context(), in)
		require.NoError(t, err, condition)
		backward := slices.Clone(want)
		slices.Reverse(backward)
		assert.Equal(t, backward, tracks(out.Items), condition)
	}
	out, err := client.Query(t.Context(), queryInput("artist = :a", item{":a": str("nobody")}))
	require.NoError(t, err)
	assert.Empty(t, out.Items)
}

func TestQueryByBytes(t *testing.T) {
	t.Parallel()
	for kind, convert := range map[types.ScalarAttributeType]func(string) types.AttributeValue{"S": str, "B": bin} {
		_, client := start(t)
		_, err := client.CreateTable(t.Context(), tableSpec(kind))
		require.NoError(t, err)
		// In UTF-16 the last two would change places.
		ordered := []string{"A", "Z", "a", "ab", "abc", "b", "ä", "\uffff", "\U00010000"}
		for _, i := range []int{3, 1, 8, 2, 7, 0, 6, 5, 4} {
			put(t, client, item{"artist": str("a"), "track": convert(ordered[i])})
		}
		for condition, want := range map[string][]string{
			"artist = :a":                           ordered,
			"artist = :a AND begins_with(track,:x)": {"a", "ab", "abc"},
			"artist = :a AND track > :x":            ordered[3:],
			"artist = :a AND track < :x":            ordered[:2],
		} {
			out, err := client.Query(t.Context(), queryInput(condition, used(condition, item{":a": str("a"), ":x": convert("a")})))
			require.NoError(t, err, condition)
			got := []types.AttributeValue{}
			for _, it := range out.Items {
				got = append(got, it["track"])
			}
			expected := []types.AttributeValue{}
			for _, w := range want {
				expected = append(expected, convert(w))
			}
			assert.Equal(t, expected, got, "%s %s", kind, condition)
		}
	}
}

func TestQueryRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	all := item{":a": str("a"), ":b": str("b"), ":x": num("1"), ":y": num("2"), ":empty": str("")}
	for condition, text := range map[string]string{
		"track = :x":                                "Query condition missed key schema element: artist",
		"artist = :a AND price = :x":                "Query condition missed key schema element: track",
		"artist > :a":                               "Query key condition not supported",
		"begins_with(artist, :a)":                   "Query key condition not supported",
		"artist = :x":                               "Condition parameter type does not match schema type",
		"artist = :a AND track = :b":                "Condition parameter type does not match schema type",
		"artist = :a AND begins_with(track, :b)":    "Condition parameter type does not match schema type",
		"artist = :a AND track <> :x":               "Invalid operator used in KeyConditionExpression: <>",
		"artist = :a OR track = :x":                 "Invalid operator used in KeyConditionExpression: OR",
		"NOT artist = :a":                           "Invalid operator used in KeyConditionExpression: NOT",
		"artist IN (:a)":                            "Invalid operator used in KeyConditionExpression: IN",
		"artist = :a AND contains(track, :x)":       "Invalid operator used in KeyConditionExpression: contains",
		"artist = :a AND attribute_exists(track)":   "Invalid operator used in KeyConditionExpression: attribute_exists",
		"artist = :a AND artist = :b":               "must only contain one condition per key",
		"artist = :a AND track > :x AND track < :y": "must only contain one condition per key",
		"artist = :a AND track = :x AND price = :y": "Conditions can be of length 1 or 2 only",
		"artist = track":                            "Multiple attribute names used in one condition",
		"artist = :a AND size(track) = :x":          "cannot contain nested operations",
		"artist.x = :a":                             "cannot have conditions on nested attributes",
		":a = :b":                                   "must have the key attribute as its first operand",
		"artist = :empty":                           "cannot contain an empty string value. Key: artist",
		"":                                          "Invalid KeyConditionExpression: The expression can not be empty",
		"artist :a":                                 "Invalid KeyConditionExpression: Syntax error",
	} {
		_, err := client.Query(t.Context(), queryInput(condition, used(condition, all)))
		t.Log(condition)
		requireInvalid(t, err, text)
	}
	for text, change := range map[string]func(*dynamodb.QueryInput){
		"Either the KeyConditions or KeyConditionExpression parameter": func(in *dynamodb.QueryInput) {
			in.KeyConditionExpression, in.ExpressionAttributeValues = nil, nil
		},
		"Filter Expression can only contain non-primary key attributes: Primary key attribute: track": func(in *dynamodb.QueryInput) {
			in.FilterExpression = aws.String("size(track) > :a")
		},
		"The table does not have the specified index: nope": func(in *dynamodb.QueryInput) { in.IndexName = aws.String("nope") },
		"Consistent reads are not supported on global secondary indexes": func(in *dynamodb.QueryInput) {
			in.IndexName, in.ConsistentRead = aws.String("by-genre"), aws.Bool(true)
		},
		"ALL_ATTRIBUTES is not supported for global secondary index by-genre": func(in *dynamodb.QueryInput) {
			in.IndexName, in.Select = aws.String("by-genre"), types.SelectAllAttributes
		},
		"ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName": func(in *dynamodb.QueryInput) { in.Select = types.SelectAllProjectedAttributes },
		"Must specify the AttributesToGet or ProjectionExpression":                   func(in *dynamodb.QueryInput) { in.Select = types.SelectSpecificAttributes },
		"Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES": func(in *dynamodb.QueryInput) {
			in.Select, in.ProjectionExpression = types.SelectAllAttributes, aws.String("price")
		},
		"Cannot specify the ProjectionExpression when choosing to get COUNT": func(in *dynamodb.QueryInput) {
			in.Select, in.ProjectionExpression = types.SelectCount, aws.String("price")
		},
		"Global secondary index by-genre does not project [price]": func(in *dynamodb.QueryInput) {
			in.IndexName, in.ProjectionExpression = aws.String("by-genre"), aws.String("price")
		},
		"at 'select' failed to satisfy constraint":           func(in *dynamodb.QueryInput) { in.Select = "SOME" },
		"at 'limit' failed to satisfy constraint":            func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(0) },
		"provided starting key is invalid: The provided key": func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = item{"artist": str("a")} },
		"starting key is outside query boundaries":           func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = key("b", "1") },
		"starting key does not match the range key predicate": func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey, in.KeyConditionExpression = key("a", "2"), aws.String("artist = :a AND track < :x")
			in.ExpressionAttributeValues = item{":a": str("a"), ":x": num("2")}
		},
		`the parameter "KeyConditions" is not supported by ddbtest`: func(in *dynamodb.QueryInput) {
			in.KeyConditions = map[string]types.Condition{"artist": {ComparisonOperator: "EQ", AttributeValueList: []types.AttributeValue{str("a")}}}
		},
		`the parameter "QueryFilter" is not supported by ddbtest`: func(in *dynamodb.QueryInput) {
			in.QueryFilter = map[string]types.Condition{"price": {ComparisonOperator: "NOT_NULL"}}
		},
		`the parameter "AttributesToGet" is not supported by ddbtest`: func(in *dynamodb.QueryInput) { in.AttributesToGet = []string{"price"} },
	} {
		in := queryInput("artist = :a", item{":a": str("a")})
		change(in)
		_, err := client.Query(t.Context(), in)
		t.Log(text)
		requireInvalid(t, err, text)
	}
}

// album fills the table with twelve items of one artist, released in six years,
// every third of them without a genre.
func album(t *testing.T, client *dynamodb.Client) {
	t.Helper()
	for i := range 12 {
		it := with("a", fmt.Sprint(i), item{"released": num(fmt.Sprint(2000 - i/2)), "price": num(fmt.Sprint(i * 10)), "note": str("x")})
		if i%3 != 0 {
			it["genre"] = str("jazz")
		}
		put(t, client, it)
	}
}

func TestQueryPages(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	album(t, client)
	for name, c := range map[string]struct {
		in        *dynamodb.QueryInput
		condition string
		want      []string // before ScanIndexForward
	}{
		"table":        {queryInput("artist = :a", item{":a": str("a")}), "", []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}},
		"local index":  {queryInput("artist = :a", item{":a": str("a")}), "by-release", []string{"10", "11", "8", "9", "6", "7", "4", "5", "2", "3", "0", "1"}},
		"global index": {queryInput("genre = :a", item{":a": str("jazz")}), "by-genre", []string{"1", "2", "4", "5", "7", "8", "10", "11"}},
	} {
		if c.condition != "" {
			c.in.IndexName = aws.String(c.condition)
		}
		for _, forward := range []bool{true, false} {
			want := slices.Clone(c.want)
			if !forward {
				slices.Reverse(want)
			}
			for limit := 1; limit <= len(want)+1; limit++ {
				in := *c.in
				in.Limit, in.ScanIndexForward = aws.Int32(int32(limit)), aws.Bool(forward)
				var got []item
				pages := 0
				for {
					out, err := client.Query(t.Context(), &in)
					require.NoError(t, err)
					require.LessOrEqual(t, len(out.Items), limit)
					got = append(got, out.Items...)
					pages++
					if out.LastEvaluatedKey == nil {
						break
					}
					require.Len(t, out.Items, limit, "a page that is not the last is full")
					in.ExclusiveStartKey = out.LastEvaluatedKey
				}
				assert.Equal(t, want, tracks(got), "%s, forward %v, limit %d", name, forward, limit)
				assert.Equal(t, len(want)/limit+1, pages, "a page that ends with the last item does not know it")
			}
		}
	}
	// A page may begin after an item that is gone.
	_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key("a", "5")})
	require.NoError(t, err)
	in := queryInput("artist = :a", item{":a": str("a")})
	in.ExclusiveStartKey = key("a", "5")
	server.SetPageSize(2)
	out, err := client.Query(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"6", "7"}, tracks(out.Items))
	assert.Equal(t, key("a", "7"), out.LastEvaluatedKey)
	server.SetPageSize(0)
	out, err = client.Query(t.Context(), in)
	require.NoError(t, err)
	assert.Len(t, out.Items, 6)
}

func TestQuerySelect(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	whole := with("a", "1", item{"released": num("1960"), "genre": str("jazz"), "price": num("7"), "note": str("x")})
	put(t, client, whole, with("a", "2", item{"note": str("in no index")}))
	except := func(names ...string) item {
		out := item{}
		for name, v := range whole {
			if !slices.Contains(names, name) {
				out[name] = v
			}
		}
		return out
	}
	for _, c := range []struct {
		index, selection, projection string
		want                         item
	}{
		{"by-release", "", "", except("genre", "note")},
		{"by-release", "ALL_PROJECTED_ATTRIBUTES", "", except("genre", "note")},
		{"by-release", "ALL_ATTRIBUTES", "", whole},
		{"by-release", "", "price", item{"price": num("7")}},
		{"by-release", "SPECIFIC_ATTRIBUTES", "note, price", item{"price": num("7"), "note": str("x")}},
		{"by-genre", "", "", except("released", "price", "note")},
		{"by-genre", "ALL_PROJECTED_ATTRIBUTES", "", except("released", "price", "note")},
		{"by-genre", "SPECIFIC_ATTRIBUTES", "track", item{"track": num("1")}},
		{"all-genre", "", "", whole},
		{"all-genre", "ALL_ATTRIBUTES", "", whole},
	} {
		in := queryInput("artist = :v", item{":v": str("a")})
		if c.index != "by-release" {
			in = queryInput("genre = :v", item{":v": str("jazz")})
		}
		in.IndexName, in.Select = aws.String(c.index), types.Select(c.selection)
		if c.projection != "" {
			in.ProjectionExpression = aws.String(c.projection)
		}
		out, err := client.Query(t.Context(), in)
		require.NoError(t, err, "%v", c)
		assert.Equal(t, []item{c.want}, out.Items, "%s %s %s", c.index, c.selection, c.projection)

		in.Select, in.ProjectionExpression = types.SelectCount, nil
		out, err = client.Query(t.Context(), in)
		require.NoError(t, err)
		assert.Nil(t, out.Items)
		assert.EqualValues(t, 1, out.Count)
	}
	in := queryInput("artist = :v", item{":v": str("a")})
	in.IndexName, in.ConsistentRead = aws.String("by-release"), aws.Bool(true)
	_, err := client.Query(t.Context(), in)
	require.NoError(t, err, "a local index can be read consistently")
}

func TestQueryFilter(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	album(t, client)
	in := queryInput("artist = :a", item{":a": str("a"), ":p": num("50")})
	in.FilterExpression, in.Limit = aws.String("price >= :p"), aws.Int32(7)
	out, err := client.Query(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, []string{"5", "6"}, tracks(out.Items), "the limit counts before the filter")
	assert.EqualValues(t, 2, out.Count)
	assert.EqualValues(t, 7, out.ScannedCount)
	assert.Equal(t, key("a", "6"), out.LastEvaluatedKey)

	// A filter does not see what the index does not have.
	in = queryInput("genre = :g", item{":g": str("jazz")})
	in.IndexName, in.FilterExpression = aws.String("by-genre"), aws.String("attribute_exists(price)")
	out, err = client.Query(t.Context(), in)
	require.NoError(t, err)
	assert.Empty(t, out.Items)
	assert.EqualValues(t, 8, out.ScannedCount)
}

func TestPagesEndAtOneMegabyte(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for i := range 5 {
		put(t, client, with("a", fmt.Sprint(i), item{"x": str(strings.Repeat("x", 300<<10))}))
	}
	out, err := client.Query(t.Context(), queryInput("artist = :a", item{":a": str("a")}))
	require.NoError(t, err)
	assert.Equal(t, []string{"0", "1", "2"}, tracks(out.Items), "the item that would pass the limit is in the next page")
	assert.Equal(t, key("a", "2"), out.LastEvaluatedKey)

	in := queryInput("artist = :a", item{":a": str("a")})
	in.ProjectionExpression = aws.String("track")
	out, err = client.Query(t.Context(), in)
	require.NoError(t, err)
	assert.NotNil(t, out.LastEvaluatedKey, "what is read counts, not what is returned")
}

func TestScan(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	want := []string{}
	for a := range 20 {
		for n := range 2 {
			put(t, client, with(fmt.Sprint("artist ", a), fmt.Sprint(n), item{"price": num(fmt.Sprint(a)), "genre": str(fmt.Sprint(a % 3))}))
			want = append(want, fmt.Sprint("artist ", a, " ", n))
		}
	}
	ids := func(items []item) []string {
		out := []string{}
		for _, it := range items {
			out = append(out, it["artist"].(*types.AttributeValueMemberS).Value+" "+it["track"].(*types.AttributeValueMemberN).Value)
		}
		return out
	}
	all := func(in dynamodb.ScanInput) []item {
		in.TableName = aws.String(table)
		var out []item
		for p := dynamodb.NewScanPaginator(client, &in); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, len(page.Items), page.Count)
			out = append(out, page.Items...)
		}
		return out
	}
	whole := ids(all(dynamodb.ScanInput{}))
	assert.ElementsMatch(t, want, whole)
	assert.False(t, slices.IsSorted(whole), "partitions come in no useful order")
	for _, limit := range []int32{1, 7, 40, 100} {
		assert.Equal(t, whole, ids(all(dynamodb.ScanInput{Limit: aws.Int32(limit)})))
	}
	for _, index := range []string{"by-genre", "all-genre"} {
		assert.ElementsMatch(t, want, ids(all(dynamodb.ScanInput{IndexName: aws.String(index), Limit: aws.Int32(3)})), index)
	}
	assert.Empty(t, all(dynamodb.ScanInput{IndexName: aws.String("by-release")}), "indexes are sparse")

	var segmented []string
	for segment := range int32(4) {
		part := ids(all(dynamodb.ScanInput{Segment: aws.Int32(segment), TotalSegments: aws.Int32(4), Limit: aws.Int32(3)}))
		assert.Less(t, len(part), len(want))
		segmented = append(segmented, part...)
	}
	assert.ElementsMatch(t, want, segmented)

	filtered := all(dynamodb.ScanInput{
		FilterExpression: aws.String("price < :p AND track = :t"), ExpressionAttributeValues: item{":p": num("2"), ":t": num("1")},
		ProjectionExpression: aws.String("artist"), Limit: aws.Int32(9),
	})
	assert.ElementsMatch(t, []item{{"artist": str("artist 0")}, {"artist": str("artist 1")}}, filtered)

	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table), Select: types.SelectCount})
	require.NoError(t, err)
	assert.EqualValues(t, 40, out.Count)
	assert.Nil(t, out.Items)
}

func TestScanRefused(t *testing.T) {
	t.Parallel()
	_, client := startWithTable(t)
	for text, in := range map[string]*dynamodb.ScanInput{
		"TotalSegments parameter is required":        {Segment: aws.Int32(0)},
		"Segment parameter is required":              {TotalSegments: aws.Int32(2)},
		"is not less than TotalSegments":             {Segment: aws.Int32(2), TotalSegments: aws.Int32(2)},
		"at 'totalSegments'":                         {Segment: aws.Int32(0), TotalSegments: aws.Int32(0)},
		"ExclusiveStartKey with correct Segment":     {Segment: aws.Int32(0), TotalSegments: aws.Int32(1_000_000), ExclusiveStartKey: key("a", "1")},
		"Invalid FilterExpression":                   {FilterExpression: aws.String("price")},
		"starting key is invalid":                    {ExclusiveStartKey: with("a", "1", item{"genre": str("x")})},
		"The table does not have the specified":      {IndexName: aws.String("nope")},
		`"ScanFilter" is not supported by ddbtest`:   {ScanFilter: map[string]types.Condition{"price": {ComparisonOperator: "NOT_NULL"}}},
		"ReturnConsumedCapacity: \"INDEXES\" is not": {ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes},
	} {
		in.TableName = aws.String(table)
		_, err := client.Scan(t.Context(), in)
		t.Log(text)
		requireInvalid(t, err, text)
	}
}
