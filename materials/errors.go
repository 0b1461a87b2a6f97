package materials

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
)

var (
	// ErrNoEncryptionMaterials means that the provider is not configured to
	// encrypt this item.
	ErrNoEncryptionMaterials = errors.New("no encryption materials")
	// ErrNoDecryptionMaterials means that the provider is not configured to
	// decrypt this item.
	ErrNoDecryptionMaterials = errors.New("no decryption materials")
	// ErrSignature means that a signature does not match.
	ErrSignature = jce.ErrSignature
	// ErrKeyNotAllowed means that the item's data key is under a KMS key which
	// the provider was not told to accept.
	ErrKeyNotAllowed = errors.New("KMS key not allowed")
	// ErrUnwrap means that the item's content key does not unwrap: it is
	// damaged, or was wrapped under another key.
	ErrUnwrap = jce.ErrUnwrap
	// ErrKey means that a key does not fit its algorithm: it has a length or a type
	// that the algorithm does not take, or is nil or a zero value. The caller's key
	// is to blame, never an item.
	ErrKey = jce.ErrKey
	// ErrContextMismatch means that the item's keys are bound to another table
	// name or key text. It is the only error on which the encryptor asks again
	// with the next name that it accepts.
	ErrContextMismatch = errors.New("the item's keys are bound to another context")
	// ErrKMS means that a KMS call failed; the SDK's error stays reachable by
	// errors.As. An item that was moved, or is under another key, fails that way
	// too: ask for ErrContextMismatch and ErrKeyNotAllowed first.
	ErrKMS = errors.New("KMS call failed")
)

var (
	// ErrFormat means that a stored item is not in the DDBEC format.
	ErrFormat = wire.ErrFormat
	// ErrDescription means that an item's material description does not parse,
	// is of an unknown version or lacks an entry. It wraps ErrFormat.
	ErrDescription = wire.ErrDescription
	// ErrAlgorithm means that an item or a caller names an algorithm that is not
	// supported or not the configured one. It wraps ErrFormat.
	ErrAlgorithm = fmt.Errorf("%w: unsupported algorithm", ErrFormat)
)

// The entries of the material description that a caller may not set, since the
// library writes them.
var reservedEntries = map[string]bool{
	wire.EntrySymMode: true, wire.EntrySigningAlg: true, wire.EntryEnvKey: true, wire.EntryEnvAlg: true,
	wire.EntryWrapAlg: true, wire.EntrySigAlg: true, wire.EntryKMSContext: true, wire.EntryMetaID: true,
}

// checkUserDescription also refuses text that is not UTF-8: no reader would
// accept an item with it.
func checkUserDescription(description map[string]string, allowed ...string) error {
	for name, value := range description {
		switch {
		case reservedEntries[name] && !slices.Contains(allowed, name):
			return fmt.Errorf("entry %s is written by the library and cannot be set", quote.Name(name))
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return fmt.Errorf("entry %s is not valid UTF-8", quote.Name(name))
		}
	}
	return nil
}

// isNil finds also the nil pointer in an interface, on which the first method call
// would panic, far from where it was handed over.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

func missingEntry(name string) error {
	return fmt.Errorf("%w: entry %s is missing; was the item written with another provider?", ErrDescription, name)
}

func unsupportedEntry(name, value string) error {
	return fmt.Errorf("%w: entry %s names %s, which is not supported", ErrAlgorithm, name, quote.Name(value))
}
