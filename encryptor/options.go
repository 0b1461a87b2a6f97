package encryptor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// Options configures [New] and [NewEncryptedTable]. The zero Options encrypts
// and signs every attribute but the primary key, which it signs.
type Options struct {
	// Actions says what happens to each attribute. Attributes of the primary
	// key need no entry: they are SIGN_ONLY.
	Actions actions.AttributeActions
	// UnsignedKeys follows Python's rule for keys, by which a default or an
	// entry of DO_NOTHING leaves a key unsigned. Whoever can write to the table
	// can then move content from one key to another. It is for tables that
	// Python wrote that way; it applies to Actions only. If Actions then sign
	// nothing at all, items pass as they are, in both directions, as in Python.
	UnsignedKeys bool
	// PreviousActions are further action sets by which items are accepted on
	// read, in order. In each, a key is SIGN_ONLY unless the set's Overrides
	// say DO_NOTHING. Each costs one more MAC for an item that matches no
	// earlier one, never a KMS call.
	PreviousActions []actions.AttributeActions
	// SignedTableName is the table name bound into signatures, if it is not the
	// table's own: after a restore under another name, or for items written
	// without a table name, which are bound to "None" (Python) or "null" (Java).
	SignedTableName string
	// AcceptTableNames are further signed names that are accepted on read. With
	// Direct KMS each costs a KMS call for an item that matches no earlier one,
	// since the name is in the KMS encryption context.
	AcceptTableNames []string
	// Plaintext says whether items without signature are read.
	Plaintext PlaintextPolicy
	// Order decides who can verify what is written, in the rare cases where the
	// libraries of other languages disagree. Both orders are read.
	Order CanonicalOrder
	// OnRead is called after an item was verified and before it is returned; an
	// error refuses the item. Up to Concurrency calls run at once, so it must be
	// safe for concurrent use. key is a new map of the item's primary key, whose
	// values are the item's and must not be modified.
	OnRead func(ctx context.Context, key Item, r ReadInfo) error
	// TableOptions is for NewEncryptedTable.
	TableOptions
}

// TableOptions configures the table layer.
type TableOptions struct {
	// Concurrency is how many items of one request are encrypted or decrypted at
	// a time, and so how many calls a provider may have open for it. 0 means 8,
	// less is an error.
	Concurrency int
	// RequestName is the TableName of requests for which the caller gives none,
	// Modify and WriteAll included: the table's name or its ARN, which tables of
	// other accounts need. Empty means the name, and in NewEncryptedTable what
	// that was given. EncryptedClient and Middleware have no use for it.
	RequestName string
}

const defaultConcurrency = 8

func (o TableOptions) concurrency() (int, error) {
	switch {
	case o.Concurrency < 0:
		return 0, fmt.Errorf("TableOptions.Concurrency: must not be negative (%d)", o.Concurrency)
	case o.Concurrency == 0:
		return defaultConcurrency, nil
	default:
		return o.Concurrency, nil
	}
}

func (o TableOptions) requestName(t tableinfo.TableInfo) (string, error) {
	if o.RequestName == "" {
		return t.Name, nil
	}
	name, err := tableinfo.NameOf(o.RequestName)
	if err != nil {
		return "", fmt.Errorf("TableOptions.RequestName: %w", err)
	}
	if isARN := name != o.RequestName; name != t.Name || isARN && t.ARN != "" && t.ARN != o.RequestName {
		return "", fmt.Errorf("TableOptions.RequestName: %s is another table than %s", quote.Name(o.RequestName), quote.Name(cmp.Or(t.ARN, t.Name)))
	}
	return o.RequestName, nil
}

// PlaintextPolicy says what to do with items that have neither signature nor
// material description.
type PlaintextPolicy uint8

const (
	// RejectPlaintext refuses them with ErrUnsigned.
	RejectPlaintext PlaintextPolicy = iota
	// AllowPlaintextReads returns them as they are. Whoever can write to the
	// table can then replace any item by one of their own making.
	AllowPlaintextReads
)

// CanonicalOrder is how members of sets, keys of maps and attribute names are
// sorted before they are signed. The two differ for text with characters of
// U+E000–U+FFFF beside characters above U+FFFF, and for binary sets with bytes
// of 0x80 or more.
type CanonicalOrder uint8

const (
	// PythonOrder sorts text by code point and binary by unsigned bytes.
	PythonOrder = CanonicalOrder(wire.PythonOrder)
	// JavaOrder sorts text by UTF-16 code unit and binary by signed bytes.
	JavaOrder = CanonicalOrder(wire.JavaOrder)
)

// ReadInfo tells how an item was verified.
type ReadInfo struct {
	// Plaintext means that nothing about the item was verified.
	Plaintext bool
	// PreviousActions is 0 if the item matched Actions, and n if it matched
	// PreviousActions[n-1].
	PreviousActions int
	// TableName is the signed name that matched.
	TableName string
	// Order is the order that matched; where the orders do not differ, that of
	// the options.
	Order CanonicalOrder
}

// keyRule is how a set of actions treats the attributes of the primary key.
type keyRule uint8

const (
	keysSigned      keyRule = iota // always
	keysAsPython                   // DO_NOTHING by default or entry stays
	keysAsOverrides                // DO_NOTHING stays if it is an entry
)

// withKeys applies the rule for primary keys.
func withKeys(a actions.AttributeActions, keys []string, rule keyRule) (actions.AttributeActions, error) {
	var signed []string
	for _, key := range keys {
		action, listed := a.Overrides[key]
		if !listed {
			action = a.Default
		}
		unsigned := action == actions.DoNothing && (rule == keysAsPython || rule == keysAsOverrides && listed)
		if !unsigned {
			signed = append(signed, key)
		}
	}
	resolved, err := a.WithKeys(signed...)
	if err != nil {
		if rule == keysSigned && slices.ContainsFunc(signed, func(key string) bool { return a.Overrides[key] == actions.DoNothing }) {
			err = fmt.Errorf("%w; only Options.UnsignedKeys, for tables that Python wrote so, leaves keys unsigned", err)
		}
		return actions.AttributeActions{}, err
	}
	for _, key := range keys {
		if _, listed := resolved.Overrides[key]; !listed {
			resolved.Overrides[key] = actions.DoNothing
		}
	}
	return resolved, nil
}

// checkConfiguredNames refuses actions for attributes that a format owns.
func checkConfiguredNames(a actions.AttributeActions) error {
	if err := a.Validate(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.Overrides)) {
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// checkIndexKeys refuses to encrypt what a secondary index is built on: the
// index would hold ciphertext and find nothing.
func checkIndexKeys(t tableinfo.TableInfo, a actions.AttributeActions) error {
	for _, index := range t.Secondary {
		for _, key := range index.Keys() {
			if a.Action(key) == actions.EncryptAndSign {
				return fmt.Errorf("attribute %s is a key of index %s and would be encrypted: give it the action SIGN_ONLY or DO_NOTHING in Options.Actions",
					quote.Name(key), quote.Name(index.Name))
			}
		}
	}
	return nil
}

// signedNames returns the table names that are accepted on read, the one that is
// written first.
func signedNames(t tableinfo.TableInfo, o Options) ([]string, error) {
	first := o.SignedTableName
	if first == "" {
		first = t.Name
	}
	if err := checkSignedName("Options.SignedTableName", first); err != nil {
		return nil, err
	}
	names := []string{first}
	for i, name := range o.AcceptTableNames {
		if err := checkSignedName(fmt.Sprintf("Options.AcceptTableNames[%d]", i), name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func checkSignedName(option, name string) error {
	bare, err := tableinfo.NameOf(name)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", option, err)
	case bare != name:
		return fmt.Errorf("%s: %s is an ARN; signatures are bound to the bare name", option, quote.Name(name))
	}
	return nil
}

func (o Options) check() error {
	if o.Plaintext > AllowPlaintextReads {
		return fmt.Errorf("Options.Plaintext: unknown PlaintextPolicy (%d)", o.Plaintext)
	}
	if o.Order != PythonOrder && o.Order != JavaOrder {
		return fmt.Errorf("Options.Order: unknown CanonicalOrder (%d)", o.Order)
	}
	return nil
}
