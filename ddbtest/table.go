package ddbtest

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Every table lives here.
const (
	region    = "us-east-1"
	accountID = "111122223333"
	arnPrefix = "arn:aws:dynamodb:" + region + ":" + accountID + ":table/"
)

// Limits of DynamoDB on a key.
const (
	maxPartitionKeySize = 2048
	maxSortKeySize      = 1024
)

// keyAttribute is an attribute of a key schema with its type.
type keyAttribute struct {
	name, kind string
}

// keySchema is a partition key, and a sort key where there is one.
type keySchema []keyAttribute

func (k keySchema) names() []string {
	names := make([]string, len(k))
	for i, a := range k {
		names[i] = a.name
	}
	return names
}

// extract returns the key attributes of the item.
func (k keySchema) extract(it item) item {
	out := make(item, len(k))
	for _, a := range k {
		out[a.name] = it[a.name]
	}
	return out
}

// table is a table with its items.
type table struct {
	name     string
	created  time.Time
	key      keySchema
	indexes  []*index
	settings createTableInput // what DescribeTable repeats

	items map[string]item // by encoded primary key
	stale map[string]item // what eventually consistent reads see, or nil if that is items
}

// index is a secondary index.
type index struct {
	name       string
	local      bool
	key        keySchema
	projection projectionSettings
}

// holds tells whether the item appears in the index: indexes are sparse.
func (x *index) holds(it item) bool {
	for _, a := range x.key {
		if _, ok := it[a.name]; !ok {
			return false
		}
	}
	return true
}

// project returns the attributes of the item that are copied into the index.
func (x *index) project(t *table, it item) item {
	if x.projection.ProjectionType == "ALL" {
		return it
	}
	out := item{}
	for name, v := range it {
		if x.projects(t, name) {
			out[name] = v
		}
	}
	return out
}

// projects tells whether an attribute is copied into the index.
func (x *index) projects(t *table, attribute string) bool {
	return x.projection.ProjectionType == "ALL" ||
		slices.Contains(t.key.names(), attribute) ||
		slices.Contains(x.key.names(), attribute) ||
		slices.Contains(x.projection.NonKeyAttributes, attribute)
}

func (t *table) index(name string) *index {
	i := slices.IndexFunc(t.indexes, func(x *index) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	return t.indexes[i]
}

// snapshot is the items that a read sees.
func (t *table) snapshot(consistent bool) map[string]item {
	if t.stale != nil && !consistent {
		return t.stale
	}
	return t.items
}

// checkItem applies the rules for the keys of a whole item that is to be
// written.
func (t *table) checkItem(it item) error {
	for i, a := range t.key {
		v, ok := it[a.name]
		if !ok {
			return invalidParameters("Missing the key %s in the item", a.name)
		}
		if v.kind != a.kind {
			return invalidParameters("Type mismatch for key %s expected: %s actual: %s", a.name, a.kind, v.kind)
		}
		if err := checkKeyValue(v, i == 0, "Key: "+a.name); err != nil {
			return err
		}
	}
	return t.checkIndexKeys(it, func(x *index, a keyAttribute, actual string) error {
		return invalidParameters("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", a.name, a.kind, actual, x.name)
	})
}

// checkIndexKeys applies the rules for the keys of the indexes, which an item
// may lack; mismatch makes the error for one of another type.
func (t *table) checkIndexKeys(it item, mismatch func(x *index, a keyAttribute, actual string) error) error {
	for _, x := range t.indexes {
		for i, a := range x.key {
			v, ok := it[a.name]
			if !ok {
				continue
			}
			if v.kind != a.kind {
				return mismatch(x, a, v.kind)
			}
			if err := checkKeyValue(v, i == 0, "IndexName: "+x.name+", IndexKey: "+a.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkKey applies the rules for a Key parameter: the key attributes and no
// others.
func (t *table) checkKey(key item) error { return checkKeyAttributes(t.key, key) }

func checkKeyAttributes(schema keySchema, key item) error {
	if len(key) != len(schema) {
		return invalid("The provided key element does not match the schema")
	}
	for i, a := range schema {
		v, ok := key[a.name]
		if !ok || v.kind != a.kind {
			return invalid("The provided key element does not match the schema")
		}
		if err := checkKeyValue(v, i == 0, "Key: "+a.name); err != nil {
			return err
		}
	}
	return nil
}

// checkKeyValue applies the rules for the value of a key attribute, of a table
// or of an index; where says which.
func checkKeyValue(v value, partition bool, where string) error {
	if v.kind == "N" {
		return nil
	}
	switch {
	case v.text == "":
		what := map[string]string{"S": "string", "B": "binary"}[v.kind]
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. %s", what, where)
	case partition && len(v.text) > maxPartitionKeySize:
		return invalidParameters("Size of hashkey has exceeded the maximum size limit of%d bytes", maxPartitionKeySize)
	case !partition && len(v.text) > maxSortKeySize:
		return invalidParameters("Aggregated size of all range keys has exceeded the size limit of %d bytes", maxSortKeySize)
	default:
		return nil
	}
}

// id encodes the primary key of the item, unambiguously since a key attribute
// has one type only and the first of two is preceded by its length.
func (t *table) id(it item) string {
	var b strings.Builder
	for _, a := range t.key {
		text := it[a.name].text
		b.Write(binary.AppendUvarint(nil, uint64(len(text))))
		b.WriteString(text)
	}
	return b.String()
}

// bucket is where the value of a partition key places an item: it gives a Scan
// its seemingly random order, and its segments.
func bucket(v value) uint64 {
	h := fnv.New64a()
	h.Write([]byte(v.text)) // never fails
	return h.Sum64()
}

// inOrder sorts items as a Scan of the table, or of the index if it is not nil,
// returns them: by the bucket of the partition key, then by the sort key, and
// items with equal index keys by their primary key.
func (t *table) inOrder(x *index) func(a, b item) int {
	schemas := []keySchema{t.key}
	if x != nil {
		schemas = []keySchema{x.key, t.key}
	}
	return func(a, b item) int {
		for _, schema := range schemas {
			if c := schema.compare(a, b); c != 0 {
				return c
			}
		}
		return 0
	}
}

func (k keySchema) compare(a, b item) int {
	partition := k[0].name
	if x, y := bucket(a[partition]), bucket(b[partition]); x != y {
		if x < y {
			return -1
		}
		return 1
	}
	for _, attribute := range k {
		if c := a[attribute.name].compare(b[attribute.name]); c != 0 {
			return c
		}
	}
	return 0
}

// database is all tables of a server.
type database struct {
	tables      map[string]*table
	frozen      bool // eventually consistent reads see the past
	pageSize    int  // items that one page of a Query or Scan looks at, or 0 for no such limit
	unprocessed unprocessed
	receipts    map[string]receipt // of transactions, by ClientRequestToken
}

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// checkName applies the rules for the name of a table or an index.
func checkName(parameter, name string) error {
	const detected = "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "
	switch {
	case len(name) < 3:
		return invalid(detected+"Member must have length greater than or equal to 3", name, parameter)
	case len(name) > 255:
		return invalid(detected+"Member must have length less than or equal to 255", name, parameter)
	case !namePattern.MatchString(name):
		return invalid(detected+"Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", name, parameter)
	default:
		return nil
	}
}

// bareName takes the name of a table, which may be given as an ARN. An ARN of
// another region or account is refused as that of a table that does not exist.
func bareName(parameter *string) (string, error) {
	if parameter == nil {
		return "", missing("tableName")
	}
	name := *parameter
	if strings.HasPrefix(name, "arn:") {
		var ok bool
		if name, ok = strings.CutPrefix(name, arnPrefix); !ok {
			return "", newError(codeResourceNotFound, "Requested resource not found: ResourceArn: %s not found", *parameter)
		}
	}
	return name, checkName("tableName", name)
}

// table finds a table by its name or ARN.
func (db *database) table(parameter *string) (*table, error) {
	name, err := bareName(parameter)
	if err != nil {
		return nil, err
	}
	t, ok := db.tables[name]
	if !ok {
		return nil, newError(codeResourceNotFound, "Requested resource not found")
	}
	return t, nil
}

// freeze makes eventually consistent reads see the tables as they are now, or,
// with false, as they are at the time of the read.
func (db *database) freeze(on bool) {
	db.frozen = on
	for _, t := range db.tables {
		t.stale = nil
		if on {
			t.stale = maps.Clone(t.items)
		}
	}
}
