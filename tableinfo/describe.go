package tableinfo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var _ dynamodb.DescribeTableAPIClient = (*dynamodb.Client)(nil)

// Describe asks DynamoDB about a table, given by its name or its ARN, with one DescribeTable call. Name and ARN of the result are
// those of the answer.
//
// The error of a failed call is wrapped, so that for instance a *types.ResourceNotFoundException can be found with errors.As.
// A malformed table name is reported before any call and wraps [ErrTableName]; an answer that is incomplete or about
// another table than was asked for wraps [ErrTableInfo].
func Describe(ctx context.Context, c dynamodb.DescribeTableAPIClient, table string) (TableInfo, error) {
	name, err := NameOf(table)
	if err != nil {
		return TableInfo{}, fmt.Errorf("tableinfo: %w", err)
	}
	if c == nil {
		return TableInfo{}, errors.New("tableinfo: nil DynamoDB client")
	}
	out, err := c.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
	if err != nil {
		return TableInfo{}, fmt.Errorf("tableinfo: describing table %s: %w", quote(table), err)
	}
	if out == nil || out.Table == nil {
		return TableInfo{}, fmt.Errorf("tableinfo: describing table %s: %w: the answer has no description", quote(table), ErrTableInfo)
	}
	t, err := FromDescription(out.Table)
	if err != nil {
		return TableInfo{}, err
	}
	if t.Name != name {
		return TableInfo{}, fmt.Errorf("tableinfo: describing table %s: %w: the answer is about table %s", quote(table), ErrTableInfo, quote(t.Name))
	}
	return t, nil
}

// FromDescription reads the description that DescribeTable, CreateTable and other operations return. Every index counts, whatever
// its status. The result shares no memory with d.
//
// A description that is nil, lacks a name or a key schema, or has a schema that this package does not understand is an error that wraps
// [ErrTableInfo] and says which part of the table is concerned.
func FromDescription(d *types.TableDescription) (TableInfo, error) {
	if d == nil {
		return TableInfo{}, fmt.Errorf("tableinfo: %w: nil TableDescription", ErrTableInfo)
	}
	t := TableInfo{Name: aws.ToString(d.TableName), ARN: aws.ToString(d.TableArn)}
	fail := func(part string, err error) (TableInfo, error) {
		return TableInfo{}, fmt.Errorf("tableinfo: %w: table %s: %s: %w", ErrTableInfo, quote(t.Name), part, err)
	}
	var err error
	if t.Primary, err = fromKeySchema(d.KeySchema); err != nil {
		return fail("primary key", err)
	}
	for n, g := range d.GlobalSecondaryIndexes {
		i, err := fromKeySchema(g.KeySchema)
		if err != nil {
			return fail(indexPart(g.IndexName, n, "global"), err)
		}
		i.Name = aws.ToString(g.IndexName)
		i.Projection, i.NonKeyAttributes = fromProjection(g.Projection)
		t.Secondary = append(t.Secondary, i)
	}
	for n, l := range d.LocalSecondaryIndexes {
		i, err := fromKeySchema(l.KeySchema)
		if err != nil {
			return fail(indexPart(l.IndexName, n, "local"), err)
		}
		i.Name, i.Local = aws.ToString(l.IndexName), true
		i.Projection, i.NonKeyAttributes = fromProjection(l.Projection)
		t.Secondary = append(t.Secondary, i)
	}
	for n, v := range d.VectorIndexes {
		i, err := fromSearchSchema(v)
		if err != nil {
			return fail(indexPart(v.IndexName, n, "vector"), err)
		}
		i.Name, i.Vector = aws.ToString(v.IndexName), true
		i.Projection, i.NonKeyAttributes = fromProjection(v.Projection)
		t.Secondary = append(t.Secondary, i)
	}
	slices.SortStableFunc(t.Secondary, func(a, b Index) int { return cmp.Compare(a.Name, b.Name) })
	if err := t.Validate(); err != nil {
		return TableInfo{}, err
	}
	return t, nil
}

// fromKeySchema accepts any number of keys of each role, as multi-attribute keys of global indexes have; that a primary key has only
// one of each is Validate's to say.
func fromKeySchema(schema []types.KeySchemaElement) (Index, error) {
	if len(schema) == 0 {
		return Index{}, errors.New("no key schema")
	}
	var i Index
	for n, e := range schema {
		name := aws.ToString(e.AttributeName)
		if name == "" {
			return Index{}, fmt.Errorf("element %d of the key schema has no attribute name", n)
		}
		switch {
		case e.KeyType == types.KeyTypeHash && i.PartitionKey == "":
			i.PartitionKey = name
		case e.KeyType == types.KeyTypeRange && i.SortKey == "":
			i.SortKey = name
		case e.KeyType == types.KeyTypeHash, e.KeyType == types.KeyTypeRange:
			i.MoreKeys = append(i.MoreKeys, name)
		default:
			return Index{}, fmt.Errorf("key attribute %s has the unknown key type %s", quote(name), quote(string(e.KeyType)))
		}
	}
	if i.PartitionKey == "" {
		return Index{}, errors.New("no HASH key in the key schema")
	}
	return i, nil
}

// fromSearchSchema protects inline filters as well as keys: DynamoDB compares their values, which ciphertext defeats. So does it with
// attributes in roles that are not known yet; for them the name is what matters.
func fromSearchSchema(v types.VectorIndexDescription) (Index, error) {
	if v.VectorAttribute == nil || aws.ToString(v.VectorAttribute.AttributeName) == "" {
		return Index{}, errors.New("no vector attribute")
	}
	i := Index{MoreKeys: []string{*v.VectorAttribute.AttributeName}}
	for n, e := range v.SearchSchema {
		name := aws.ToString(e.AttributeName)
		if name == "" {
			return Index{}, fmt.Errorf("element %d of the search schema has no attribute name", n)
		}
		if e.SearchSchemaElementType == types.SearchSchemaElementTypeHash && i.PartitionKey == "" {
			i.PartitionKey = name
			continue
		}
		i.MoreKeys = append(i.MoreKeys, name)
	}
	return i, nil
}

func fromProjection(p *types.Projection) (types.ProjectionType, []string) {
	if p == nil {
		return "", nil
	}
	return p.ProjectionType, slices.Clone(p.NonKeyAttributes)
}

// indexPart names an index in an error message, by its place if the description gives it no name.
func indexPart(name *string, n int, kind string) string {
	if aws.ToString(name) == "" {
		return fmt.Sprintf("%s index number %d", kind, n)
	}
	return fmt.Sprintf("%s index %s", kind, quote(*name))
}
