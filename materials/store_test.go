package materials_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/materials"
)

// memoryStore is a ProviderStore in memory that counts what it is asked.
type memoryStore struct {
	mu       sync.Mutex
	versions map[string][]materials.CryptographicMaterialsProvider
	calls    []string      // such as "max a" and "get a#0"
	latency  time.Duration // of each call, if its context lasts that long
	err      error         // what every call answers
	t        testing.TB
}

func newMemoryStore(t testing.TB, names ...string) *memoryStore {
	s := &memoryStore{versions: make(map[string][]materials.CryptographicMaterialsProvider), t: t}
	for _, name := range names {
		s.rotate(name)
	}
	return s
}

// rotate adds a version.
func (s *memoryStore) rotate(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(name)
}

func (s *memoryStore) add(name string) {
	version := len(s.versions[name])
	seed := byte(len(name)*16 + version)
	key, mac := newAESKey(s.t, counting(seed, 32)), newHMACKey(s.t, counting(seed+100, 32))
	p, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac}, nil)
	require.NoError(s.t, err)
	s.versions[name] = append(s.versions[name], versionProvider{p, fmt.Sprintf("%s#%d", name, version)})
}

// versionProvider writes the version into the item, which a provider of the
// library's own refuses to be told by a caller.
type versionProvider struct {
	*materials.WrappedProvider
	id string
}

func (p versionProvider) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	m, err := p.WrappedProvider.EncryptionMaterials(ctx, ec)
	if err == nil {
		m.Description["amzn-ddb-meta-id"] = p.id
	}
	return m, err
}

func (s *memoryStore) call(ctx context.Context, what string) error {
	s.mu.Lock()
	s.calls = append(s.calls, what)
	err, latency := s.err, s.latency
	s.mu.Unlock()
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// fail makes every call answer err, from now on.
func (s *memoryStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// take returns the calls since it was last called.
func (s *memoryStore) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *memoryStore) MaxVersion(ctx context.Context, name string) (int64, error) {
	if err := s.call(ctx, "max "+name); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.versions[name]) == 0 {
		return 0, fmt.Errorf("%w: none of %s", materials.ErrVersionNotFound, name)
	}
	return int64(len(s.versions[name]) - 1), nil
}

func (s *memoryStore) Provider(ctx context.Context, name string, version int64) (materials.CryptographicMaterialsProvider, error) {
	if err := s.call(ctx, fmt.Sprintf("get %s#%d", name, version)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if version >= int64(len(s.versions[name])) {
		return nil, fmt.Errorf("%w: %s#%d", materials.ErrVersionNotFound, name, version)
	}
	return s.versions[name][version], nil
}

func (s *memoryStore) GetOrCreate(ctx context.Context, name string, version int64) (materials.CryptographicMaterialsProvider, int64, error) {
	if err := s.call(ctx, fmt.Sprintf("create %s#%d", name, version)); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.versions[name]) == 0 {
		s.add(name)
	}
	return s.versions[name][version], version, nil
}

func (s *memoryStore) VersionOf(description map[string]string) (int64, error) {
	id := description["amzn-ddb-meta-id"]
	var version int64
	if _, err := fmt.Sscanf(id[strings.Index(id, "#")+1:], "%d", &version); err != nil {
		return 0, fmt.Errorf("%w: no version", materials.ErrDescription)
	}
	return version, nil
}

// latestStore finds version and provider in one call.
type latestStore struct{ *memoryStore }

func (s latestStore) Latest(ctx context.Context, name string) (materials.CryptographicMaterialsProvider, int64, error) {
	if err := s.call(ctx, "latest "+name); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := int64(len(s.versions[name]) - 1)
	if version < 0 {
		return nil, 0, materials.ErrVersionNotFound
	}
	return s.versions[name][version], version, nil
}
