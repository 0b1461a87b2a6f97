package materials

import (
	"context"
	"errors"
)

var (
	// ErrVersionNotFound means that a provider store has no such version of a
	// material, or no version at all. Items that were written under a version
	// whose row was deleted cannot be read any more.
	ErrVersionNotFound = errors.New("material version not found")
	// ErrStore means that a provider store could not be read or written. It does
	// not lead to the DynamoDB exception beneath, which would pass for one about
	// the caller's own table; its text is in the error's.
	ErrStore = errors.New("provider store failed")
)

// ProviderStore keeps numbered versions of named materials and makes a provider
// of each; *metastore.MetaStore is one. An implementation must be safe for
// concurrent use and need not cache: [CachingMostRecentProvider] does.
//
// Versions start at 0 and never change once they exist.
type ProviderStore interface {
	// MaxVersion returns the highest version of name. It must return an error
	// wrapping ErrVersionNotFound if there is none.
	MaxVersion(ctx context.Context, name string) (int64, error)
	// Provider returns the provider of a version, which it never makes. It must
	// return an error wrapping ErrVersionNotFound if there is none.
	Provider(ctx context.Context, name string, version int64) (CryptographicMaterialsProvider, error)
	// GetOrCreate returns the provider of a version, which it makes if there is
	// none, and its version. It must return an error unless the version is in
	// the store: what was encrypted under a key that is not cannot be read again.
	GetOrCreate(ctx context.Context, name string, version int64) (CryptographicMaterialsProvider, int64, error)
	// VersionOf reads the version from an item's material description, which
	// nothing authenticates. Its error wraps ErrDescription if there is none or
	// it is malformed.
	VersionOf(description map[string]string) (int64, error)
}

// LatestStore is a ProviderStore that finds the highest version and its provider
// in one go. [CachingMostRecentProvider] then asks Latest instead of MaxVersion
// and Provider, which with a MetaStore saves one DynamoDB and one KMS call at
// each load.
type LatestStore interface {
	ProviderStore
	// Latest returns the provider of the highest version, and that version. It
	// must return an error wrapping ErrVersionNotFound if there is none.
	Latest(ctx context.Context, name string) (CryptographicMaterialsProvider, int64, error)
}
