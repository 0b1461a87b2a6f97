// Package tableinfo knows the names that matter about a DynamoDB table: its own, those of its key attributes, and those of its
// secondary indexes.
//
// Call [Describe] to ask DynamoDB (one DescribeTable call, which needs the permission dynamodb:DescribeTable), or
// [FromDescription] if you have the answer already. Where neither is wanted, write a literal:
//
//	tableinfo.TableInfo{
//		Name:    "books",
//		Primary: tableinfo.Index{PartitionKey: "Author", SortKey: "Title"},
//	}
//
// The encryptor signs [TableInfo.KeyNames] and never encrypts them, and refuses to encrypt any of [TableInfo.ProtectedIndexKeys],
// since an index over ciphertext finds nothing.
package tableinfo

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ErrTableInfo is wrapped by every error about a table description or a [TableInfo] that is incomplete or contradicts itself.
var ErrTableInfo = errors.New("invalid table information")

// Index is the primary key of a table, or one of its secondary indexes: global, local or vector.
type Index struct {
	// Name is empty for the primary key.
	Name string
	// PartitionKey and SortKey are attribute names. SortKey is empty if there is none; PartitionKey may be empty in a vector
	// index only.
	PartitionKey, SortKey string
	// MoreKeys are the further attributes that the index is built on: the second to fourth partition and sort keys of a global
	// index; the vector attribute and the inline filters of a vector index.
	MoreKeys []string
	// Local and Vector tell the kinds apart. Neither is set for a global secondary index and for the primary key.
	Local, Vector bool
	// Projection says which attributes the index holds. It is empty if that is not known, and for the primary key.
	Projection types.ProjectionType
	// NonKeyAttributes are those of an INCLUDE projection.
	NonKeyAttributes []string
}

// Keys returns the names of all attributes that the index is built on, each once: PartitionKey, SortKey, MoreKeys. The slice is
// the caller's.
func (i Index) Keys() []string {
	keys := make([]string, 0, 2+len(i.MoreKeys))
	for _, name := range append([]string{i.PartitionKey, i.SortKey}, i.MoreKeys...) {
		if name != "" && !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	return keys
}

// TableInfo is what the encryptor needs to know about a table.
//
// A literal is not held against the table itself: without its SortKey, all items of a partition are taken for one, and the sort key
// is not treated as a key. Without Secondary, nothing keeps the keys of indexes from being encrypted. Prefer [Describe], or
// compare the literal with it in a test.
type TableInfo struct {
	// Name is the bare table name, never an ARN: it is part of what is signed, and an ARN would be another name.
	Name string
	// ARN is the table's ARN, or empty if it is not known.
	ARN string
	// Primary is the primary key.
	Primary Index
	// Secondary are the secondary indexes of all kinds. Those that come from a description are sorted by name.
	Secondary []Index
}

// KeyNames returns the names of the primary key's attributes: the partition key and, if the table has one, the sort key.
func (t TableInfo) KeyNames() []string {
	return t.Primary.Keys()
}

// ProtectedIndexKeys returns the names of all attributes on which the primary key or any secondary index is built, vector
// attributes and inline filters included, sorted bytewise and without duplicates. None of them can be encrypted.
func (t TableInfo) ProtectedIndexKeys() []string {
	keys := t.Primary.Keys()
	for _, i := range t.Secondary {
		keys = append(keys, i.Keys()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Clone returns a copy that shares no memory with t.
func (t TableInfo) Clone() TableInfo {
	t.Primary = t.Primary.clone()
	t.Secondary = slices.Clone(t.Secondary)
	for n := range t.Secondary {
		t.Secondary[n] = t.Secondary[n].clone()
	}
	return t
}

func (i Index) clone() Index {
	i.MoreKeys = slices.Clone(i.MoreKeys)
	i.NonKeyAttributes = slices.Clone(i.NonKeyAttributes)
	return i
}

// Validate reports what is missing or contradictory: a Name that is empty or an ARN, an ARN that is no table's or another
// table's, an index without its keys, or two secondary indexes of one name. The error wraps [ErrTableInfo], and [ErrTableName] too
// if Name or ARN is to blame. What Describe and FromDescription return is valid.
func (t TableInfo) Validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("tableinfo: %w: %w", ErrTableInfo, fmt.Errorf(format, args...))
	}
	name, err := NameOf(t.Name)
	switch {
	case err != nil:
		return fail("TableInfo.Name: %w", err)
	case name != t.Name:
		return fail("TableInfo.Name: %w: it is an ARN, which would be signed as such; use %s", ErrTableName, quote(name))
	}
	if t.ARN != "" {
		switch name, err := NameOf(t.ARN); {
		case err != nil:
			return fail("TableInfo.ARN: %w", err)
		case name == t.ARN:
			return fail("TableInfo.ARN: %w: %s is a bare name and no ARN", ErrTableName, quote(t.ARN))
		case name != t.Name:
			return fail("TableInfo.ARN: %w: it is of table %s, Name is %s", ErrTableName, quote(name), quote(t.Name))
		}
	}
	if err := t.Primary.validate(); err != nil {
		return fail("table %s: primary key: %w", quote(t.Name), err)
	}
	if len(t.Primary.MoreKeys) > 0 {
		return fail("table %s: primary key: more than one partition key and one sort key", quote(t.Name))
	}
	if t.Primary.Local || t.Primary.Vector {
		return fail("table %s: primary key: marked as a secondary index", quote(t.Name))
	}
	seen := make(map[string]bool, len(t.Secondary))
	for n, i := range t.Secondary {
		if i.Name == "" {
			return fail("table %s: secondary index number %d has no name", quote(t.Name), n)
		}
		if seen[i.Name] {
			return fail("table %s: two secondary indexes are called %s", quote(t.Name), quote(i.Name))
		}
		seen[i.Name] = true
		if err := i.validate(); err != nil {
			return fail("table %s: index %s: %w", quote(t.Name), quote(i.Name), err)
		}
	}
	return nil
}

func (i Index) validate() error {
	switch {
	case i.Local && i.Vector:
		return errors.New("both local and vector")
	case i.Vector && len(i.MoreKeys) == 0:
		return errors.New("no vector attribute")
	case i.PartitionKey == "" && !i.Vector:
		return errors.New("no partition key")
	case i.SortKey != "" && i.PartitionKey == i.SortKey:
		return fmt.Errorf("%s is both partition key and sort key", quote(i.SortKey))
	case slices.Contains(i.MoreKeys, ""):
		return errors.New("a key attribute has an empty name")
	}
	return nil
}

// quote makes a name from outside fit for an error message: on one line, and of bounded length. It stands here since this
// package imports nothing else of the module.
func quote(s string) string {
	const most = 256
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
