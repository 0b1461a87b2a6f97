package materials

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
)

var _ CryptographicMaterialsProvider = (*CachingMostRecentProvider)(nil)

const (
	defaultCacheSize = 1000
	// gracePeriod is how long after its TTL an entry still serves those who do
	// not load it anew; Python and Java have the same.
	gracePeriod = 500 * time.Millisecond
)

// CacheOptions configures [NewCachingMostRecentProvider].
type CacheOptions struct {
	// Size is how many versions, and how many names' highest versions, are kept;
	// 0 means 1000. The least recently used one makes room.
	Size int
	// NameFor chooses the material name for an item, such as one for each
	// tenant; the provider's own name is then not used. It sees key attributes
	// and those others that are not encrypted, and no description, so that
	// reading chooses as writing did; what it chooses by must be in the item and
	// must not change. It must return a name, and be safe for concurrent use.
	NameFor func(EncryptionContext) (string, error)
	// Jitter shortens the TTL of each entry by a random time of up to this, at
	// most half the TTL. With it, many processes that started together do not
	// load together for ever after. A tenth of the TTL is a good value, 0 means
	// none.
	Jitter time.Duration
	// LoadTimeout bounds each load from the store, which goes on when the call
	// that caused it is cancelled; 0 means 10 s. A panic of the store is raised in
	// all calls that wait for the load; if all were cancelled, it ends the process.
	LoadTimeout time.Duration
}

// CachingMostRecentProvider encrypts under the highest version of a material that
// a [ProviderStore] has and decrypts under the version that an item names. It
// asks the store once per TTL and version, so that items are written and read
// without a call to KMS.
//
// What was loaded longer ago than the TTL is loaded anew before it is used again,
// in processes that only decrypt too: when KMS or the store no longer let the
// caller have a key, it is used for no longer than the TTL and a grace period of
// 500 ms. In the grace period one caller loads, and has the error should there be
// one, while the others go on with the old key.
//
// The first item that is encrypted under a name without versions makes version 0.
// Decrypting never makes one.
type CachingMostRecentProvider struct {
	store   ProviderStore
	name    string
	nameFor func(EncryptionContext) (string, error)

	latest    *cache[string, latestVersion]
	providers *cache[materialVersion, CryptographicMaterialsProvider]
}

type materialVersion struct {
	name    string
	version int64
}

// latestVersion is the highest version of a name. A LatestStore finds its
// provider along with it; otherwise that is nil.
type latestVersion struct {
	version  int64
	provider CryptographicMaterialsProvider
}

// NewCachingMostRecentProvider returns a provider of the materials that s keeps
// under name, which must not be empty unless NameFor is set, and must not contain
// '#'. ttl is at least 1 ms. A long one delays rotation and revocation, a short one
// asks the store more often: 1 to 10 minutes suit most services.
func NewCachingMostRecentProvider(s ProviderStore, name string, ttl time.Duration, optFns ...func(*CacheOptions)) (*CachingMostRecentProvider, error) {
	o := CacheOptions{Size: defaultCacheSize, LoadTimeout: defaultLoadTimeout}
	for _, fn := range optFns {
		fn(&o)
	}
	if o.Size == 0 {
		o.Size = defaultCacheSize
	}
	if o.LoadTimeout == 0 {
		o.LoadTimeout = defaultLoadTimeout
	}
	var err error
	switch {
	case isNil(s):
		err = errors.New("nil ProviderStore")
	case ttl < time.Millisecond:
		err = fmt.Errorf("TTL: must be at least 1ms (%v)", ttl)
	case o.Size < 0:
		err = fmt.Errorf("CacheOptions.Size: must not be negative (%d)", o.Size)
	case o.Jitter < 0 || o.Jitter > ttl/2:
		err = fmt.Errorf("CacheOptions.Jitter: must be from 0 to half the TTL of %v (%v)", ttl, o.Jitter)
	case o.LoadTimeout < 0:
		err = fmt.Errorf("CacheOptions.LoadTimeout: must not be negative (%v)", o.LoadTimeout)
	case o.NameFor == nil || name != "":
		err = wire.CheckMaterialName(name)
	}
	if err != nil {
		return nil, fmt.Errorf("most recent provider: %w", err)
	}
	return &CachingMostRecentProvider{
		store:     s,
		name:      name,
		nameFor:   o.NameFor,
		latest:    newCache[string, latestVersion](o.Size, ttl, gracePeriod, o.Jitter, o.LoadTimeout),
		providers: newCache[materialVersion, CryptographicMaterialsProvider](o.Size, ttl, gracePeriod, o.Jitter, o.LoadTimeout),
	}, nil
}

// Refresh forgets all versions, so that the next use of each asks the store, as
// after a rotation that is to be used at once or a revocation.
func (p *CachingMostRecentProvider) Refresh() {
	p.latest.clear()
	p.providers.clear()
}

// MostRecentStats counts what a [CachingMostRecentProvider] did since it was made.
type MostRecentStats struct {
	// Latest counts the highest version of a name, asked for on encrypt, and
	// Versions the provider of a version.
	Latest, Versions CacheStats
}

// Stats returns the counts. A load is one call of the store or, for a new name,
// two.
func (p *CachingMostRecentProvider) Stats() MostRecentStats {
	return MostRecentStats{Latest: p.latest.stats(), Versions: p.providers.stats()}
}

// EncryptionMaterials returns materials of the highest version. The error wraps
// ErrStore if the store fails, and ErrNoEncryptionMaterials if NameFor gives no
// name.
func (p *CachingMostRecentProvider) EncryptionMaterials(ctx context.Context, ec EncryptionContext) (*EncryptionMaterials, error) {
	name, err := p.nameOf(ec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEncryptionMaterials, err)
	}
	latest, err := p.latest.get(ctx, name, func(ctx context.Context) (latestVersion, error) { return p.loadLatest(ctx, name) })
	if err != nil {
		return nil, fmt.Errorf("material %s: %w", quote.Name(name), err)
	}
	if latest.provider == nil {
		latest.provider, err = p.provider(ctx, materialVersion{name, latest.version})
		if err != nil {
			return nil, err
		}
	}
	return latest.provider.EncryptionMaterials(ctx, ec)
}

// DecryptionMaterials returns materials of the version that the item names. The
// error wraps ErrDescription if it names none, ErrNoDecryptionMaterials if it
// names another material than NameFor or the provider's own, ErrVersionNotFound
// if the store does not have the version, and ErrStore if the store fails.
func (p *CachingMostRecentProvider) DecryptionMaterials(ctx context.Context, ec EncryptionContext) (*DecryptionMaterials, error) {
	version, err := p.store.VersionOf(ec.Description)
	if err == nil && version < 0 {
		err = fmt.Errorf("%w: version %d", ErrDescription, version)
	}
	if err != nil {
		return nil, err
	}
	name, err := p.nameOf(ec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDecryptionMaterials, err)
	}
	if id, ok := ec.Description[wire.EntryMetaID]; ok {
		if written, _ := wire.CutMaterialID(id); written != name {
			return nil, fmt.Errorf("%w: the item was written under material %s, this provider serves %s", ErrNoDecryptionMaterials, quote.Name(written), quote.Name(name))
		}
	}
	provider, err := p.provider(ctx, materialVersion{name, version})
	if err != nil {
		return nil, err
	}
	return provider.DecryptionMaterials(ctx, ec)
}

func (p *CachingMostRecentProvider) nameOf(ec EncryptionContext) (string, error) {
	if p.nameFor == nil {
		return p.name, nil
	}
	name, err := p.nameFor(ec.forChoice())
	if err != nil {
		return "", fmt.Errorf("CacheOptions.NameFor: %w", err)
	}
	if err := wire.CheckMaterialName(name); err != nil {
		return "", fmt.Errorf("CacheOptions.NameFor: %w", err)
	}
	return name, nil
}

func (p *CachingMostRecentProvider) provider(ctx context.Context, v materialVersion) (CryptographicMaterialsProvider, error) {
	provider, err := p.providers.get(ctx, v, func(ctx context.Context) (CryptographicMaterialsProvider, error) {
		provider, err := p.store.Provider(ctx, v.name, v.version)
		return checkStored(provider, err)
	})
	if err != nil {
		return nil, fmt.Errorf("material %s, version %d: %w", quote.Name(v.name), v.version, err)
	}
	return provider, nil
}

// loadLatest finds the highest version of a name, or makes the first.
func (p *CachingMostRecentProvider) loadLatest(ctx context.Context, name string) (latestVersion, error) {
	epoch := p.providers.currentEpoch()
	var (
		latest latestVersion
		err    error
	)
	store, givesBoth := p.store.(LatestStore)
	if givesBoth {
		latest.provider, latest.version, err = store.Latest(ctx, name)
	} else {
		latest.version, err = p.store.MaxVersion(ctx, name)
	}
	// Stores modelled on Java's say -1 for no version.
	created := errors.Is(err, ErrVersionNotFound) || err == nil && latest.version < 0
	if created {
		latest.provider, latest.version, err = p.store.GetOrCreate(ctx, name, 0)
	}
	switch {
	case err != nil:
		return latestVersion{}, storeError(err)
	case latest.version < 0:
		return latestVersion{}, fmt.Errorf("%w: it answered with version %d", ErrStore, latest.version)
	case !givesBoth && !created:
		return latest, nil
	}
	if _, err := checkStored(latest.provider, nil); err != nil {
		return latestVersion{}, err
	}
	p.providers.put(epoch, materialVersion{name, latest.version}, latest.provider)
	if !givesBoth {
		// The next load will not know the provider either: it is to age in one
		// place, not two.
		latest.provider = nil
	}
	return latest, nil
}

func checkStored(provider CryptographicMaterialsProvider, err error) (CryptographicMaterialsProvider, error) {
	if err != nil {
		return nil, storeError(err)
	}
	if isNil(provider) {
		return nil, fmt.Errorf("%w: it returned neither a provider nor an error", ErrStore)
	}
	return provider, nil
}

// storeError makes an error of a store one that wraps ErrStore, unless it says
// already what it is.
func storeError(err error) error {
	for _, known := range []error{ErrStore, ErrVersionNotFound, ErrFormat, ErrUnwrap, ErrNoDecryptionMaterials} {
		if errors.Is(err, known) {
			return err
		}
	}
	return &storeFailure{err}
}

// storeFailure keeps errors.As from finding what a store's DynamoDB client said:
// the caller would take it for an answer about the table that was asked.
type storeFailure struct{ cause error }

func (e *storeFailure) Error() string        { return ErrStore.Error() + ": " + e.cause.Error() }
func (e *storeFailure) Is(target error) bool { return target == ErrStore || errors.Is(e.cause, target) }
