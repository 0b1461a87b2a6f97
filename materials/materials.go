// Package materials supplies the keys with which items are encrypted and signed.
//
// Most programs want one of these:
//
//   - [NewDirectKMSProvider]: a fresh data key from AWS KMS for every item. One
//     KMS call for each item written and one for each item read.
//   - [NewCachingMostRecentProvider]: a fresh content key for every item, wrapped
//     under a versioned key that a [ProviderStore] keeps, such as that of package
//     metastore. A call to KMS now and then, however many items there are.
//   - [NewWrappedProvider]: a fresh content key for every item, wrapped under a
//     key of yours: an [AESKey], or RSA by [NewRSAWrapper] and [NewRSAUnwrapper].
//   - [NewStaticProvider]: one fixed key for all items, for tests and for tables
//     written that way.
//
// A provider of your own implements [CryptographicMaterialsProvider]; package
// materialstest tests it.
//
// Keys of this package print as REDACTED by every verb of fmt, in slog and in
// JSON; an [EncryptionContext] prints names and no values.
package materials

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CryptographicMaterialsProvider supplies the keys for one item. An
// implementation must be safe for concurrent use and must not keep or modify
// what is in the context.
type CryptographicMaterialsProvider interface {
	// EncryptionMaterials returns the keys for an item about to be written.
	// It must return an error wrapping ErrNoEncryptionMaterials if it is not
	// configured to serve the item.
	EncryptionMaterials(context.Context, EncryptionContext) (*EncryptionMaterials, error)

	// DecryptionMaterials returns the keys for an item that was read. What it is
	// given is not authenticated yet: it must check every name and length it
	// relies on. It must return an error wrapping ErrNoDecryptionMaterials if it
	// is not configured to serve the item, and one wrapping ErrContextMismatch
	// only if the item's keys are bound to another table name or key text.
	DecryptionMaterials(context.Context, EncryptionContext) (*DecryptionMaterials, error)
}

// EncryptionContext is what a provider learns of an item. It is not the KMS
// encryption context, which DirectKMSProvider makes of it.
//
// Its values are the item's. It prints names only, by every verb of fmt, in slog
// and in JSON; but in an unexported field of another type, where fmt can call no
// methods, values show too. Keep it out of structs that get printed.
type EncryptionContext struct {
	// TableName is the bare name that signatures are bound to.
	TableName string
	// PartitionKeyName and SortKeyName name the attributes of the table's
	// primary key; SortKeyName is empty if there is none.
	PartitionKeyName, SortKeyName string
	// Attributes is the item as it stands: plaintext on encrypt, as stored on
	// decrypt. A provider must not modify it.
	Attributes map[string]types.AttributeValue
	// Encrypted has the names of those Attributes that are encrypted in the
	// table, in no order: on encrypt their values are plaintext, on decrypt
	// ciphertext. A provider must not modify it.
	Encrypted []string
	// Description is the material description read from the item; it is empty
	// on encrypt. Nothing authenticates it. A provider must not modify it.
	Description map[string]string
}

// contextNames is what of an EncryptionContext may be printed.
type contextNames struct {
	TableName        string   `json:"tableName"`
	PartitionKeyName string   `json:"partitionKeyName"`
	SortKeyName      string   `json:"sortKeyName,omitempty"`
	Attributes       []string `json:"attributes"`
	Description      []string `json:"description"`
}

func (c EncryptionContext) names() contextNames {
	return contextNames{
		TableName:        c.TableName,
		PartitionKeyName: c.PartitionKeyName,
		SortKeyName:      c.SortKeyName,
		Attributes:       slices.Sorted(maps.Keys(c.Attributes)),
		Description:      slices.Sorted(maps.Keys(c.Description)),
	}
}

// Format prints names only, whatever the verb.
func (c EncryptionContext) Format(f fmt.State, _ rune) {
	n := c.names()
	fmt.Fprintf(f, "EncryptionContext{TableName:%q PartitionKeyName:%q SortKeyName:%q Attributes:%q Description:%q}",
		n.TableName, n.PartitionKeyName, n.SortKeyName, n.Attributes, n.Description)
}

// LogValue logs names only.
func (c EncryptionContext) LogValue() slog.Value {
	n := c.names()
	return slog.GroupValue(
		slog.String("tableName", n.TableName),
		slog.String("partitionKeyName", n.PartitionKeyName),
		slog.String("sortKeyName", n.SortKeyName),
		slog.Any("attributes", n.Attributes),
		slog.Any("description", n.Description),
	)
}

// MarshalJSON writes names only.
func (c EncryptionContext) MarshalJSON() ([]byte, error) { return json.Marshal(c.names()) }

// EncryptionMaterials are the keys for one item to be written. The encryptor
// does not modify them.
type EncryptionMaterials struct {
	// EncryptionKey may be nil if no attribute is to be encrypted.
	EncryptionKey *AESKey
	// SigningKey signs the item. It must not be nil: the encryptor would write no
	// item then, with an error wrapping ErrNoEncryptionMaterials.
	SigningKey Signer
	// Description is written into the item, where anybody can read and change
	// it. The encryptor adds its own entries.
	Description map[string]string
}

// DecryptionMaterials are the keys for one item that was read.
type DecryptionMaterials struct {
	// DecryptionKey may be nil if no attribute is to be decrypted.
	DecryptionKey *AESKey
	// VerificationKey verifies the item's signature. It must not be nil: the
	// encryptor would return no item then, with an error wrapping
	// ErrNoDecryptionMaterials.
	VerificationKey Verifier
	// Description is the item's material description. It is for those who call a
	// provider themselves; the encryptor, which gave the provider the description,
	// does not look at it.
	Description map[string]string
}

// Signer signs strings to sign. An implementation must be safe for concurrent
// use.
type Signer interface {
	// Algorithm is the name written into the item, such as HmacSHA256.
	Algorithm() string
	// Sign signs data, which it must not keep or modify. data is not hashed yet.
	Sign(ctx context.Context, data []byte) ([]byte, error)
}

// Verifier verifies what a Signer signed. An implementation must be safe for
// concurrent use.
type Verifier interface {
	// Algorithm is the one name that is accepted. For algorithms other than the
	// HMACs, an item that names another one is refused.
	Algorithm() string
	// Verify must return an error wrapping ErrSignature if sig, of whatever
	// length, is not a signature of data. Only that lets the encryptor try the
	// next form that it accepts; any other error is returned as it is.
	Verify(ctx context.Context, data, sig []byte) error
}

// KeyWrapper wraps content keys.
type KeyWrapper interface {
	// Algorithm is the name written into the item, such as AESWrap.
	Algorithm() string
	// WrapKey must not keep or modify key.
	WrapKey(ctx context.Context, key []byte) ([]byte, error)
}

// KeyUnwrapper unwraps what a KeyWrapper wrapped.
type KeyUnwrapper interface {
	// UnwrapKey is given the algorithm that the item names, empty if it names
	// none. Nothing authenticates it: an implementation must compare it with the
	// names it accepts, and return an error wrapping ErrAlgorithm for any other,
	// before it uses a key; and one wrapping ErrUnwrap if wrapped does not unwrap.
	UnwrapKey(ctx context.Context, algorithm string, wrapped []byte) ([]byte, error)
}
