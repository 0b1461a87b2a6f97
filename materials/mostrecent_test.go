package materials_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/materials"
)

const (
	ttl   = time.Minute
	grace = 500 * time.Millisecond
)

func newMostRecent(t testing.TB, s materials.ProviderStore, optFns ...func(*materials.CacheOptions)) *materials.CachingMostRecentProvider {
	t.Helper()
	p, err := materials.NewCachingMostRecentProvider(s, "a", ttl, optFns...)
	require.NoError(t, err)
	return p
}

// encrypts returns the version under which an item is written.
func encrypts(t testing.TB, p *materials.CachingMostRecentProvider) (version string) {
	t.Helper()
	m, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	return m.Description["amzn-ddb-meta-id"]
}

// writtenUnder is an item that the store's version of a name wrote.
func writtenUnder(t testing.TB, s *memoryStore, name string, version int) materials.EncryptionContext {
	t.Helper()
	m, err := s.versions[name][version].EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	return stored(item(), m.Description)
}

func decrypts(t testing.TB, p *materials.CachingMostRecentProvider, ec materials.EncryptionContext) {
	t.Helper()
	m, err := p.DecryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	require.NotNil(t, m.DecryptionKey)
	require.NotNil(t, m.VerificationKey)
}

// Which calls reach the store, step by step.
func TestMostRecentCalls(t *testing.T) {
	t.Parallel()
	type step struct {
		after   time.Duration // waited before
		do      string        // encrypt, rotate, refresh or the version to decrypt under
		calls   []string
		version string // that encrypt wrote
	}
	tests := []struct {
		name   string
		latest bool // the store is a LatestStore
		names  []string
		steps  []step
	}{
		{"encrypting", false, []string{"a"}, []step{
			{0, "encrypt", []string{"max a", "get a#0"}, "a#0"},
			{0, "encrypt", nil, "a#0"},
			{ttl, "encrypt", nil, "a#0"}, // age = TTL
			{1, "encrypt", []string{"max a", "get a#0"}, "a#0"},
			{ttl, "encrypt", nil, "a#0"},
			{ttl, "encrypt", []string{"max a", "get a#0"}, "a#0"},
		}},
		{"encrypting, both in one", true, []string{"a"}, []step{
			{0, "encrypt", []string{"latest a"}, "a#0"},
			{0, "decrypt 0", nil, ""},
			{ttl, "encrypt", nil, "a#0"},
			{1, "encrypt", []string{"latest a"}, "a#0"},
			{ttl, "decrypt 0", nil, ""},
		}},
		{"the first item of a name", false, nil, []step{
			{0, "encrypt", []string{"max a", "create a#0"}, "a#0"},
			{0, "encrypt", nil, "a#0"},
			{0, "decrypt 0", nil, ""},
			{ttl + 1, "encrypt", []string{"max a", "get a#0"}, "a#0"},
		}},
		{"the first item of a name, both in one", true, nil, []step{
			{0, "encrypt", []string{"latest a", "create a#0"}, "a#0"},
			{0, "decrypt 0", nil, ""},
			{ttl + 1, "encrypt", []string{"latest a"}, "a#0"},
		}},
		{"rotation is seen after the TTL", false, []string{"a"}, []step{
			{0, "encrypt", []string{"max a", "get a#0"}, "a#0"},
			{0, "rotate", nil, ""},
			{ttl, "encrypt", nil, "a#0"},
			{grace, "encrypt", []string{"max a", "get a#1"}, "a#1"},
			{0, "decrypt 0", []string{"get a#0"}, ""},
			{0, "decrypt 1", nil, ""},
		}},
		{"rotation is seen after Refresh", true, []string{"a"}, []step{
			{0, "encrypt", []string{"latest a"}, "a#0"},
			{0, "rotate", nil, ""},
			{0, "encrypt", nil, "a#0"},
			{0, "refresh", nil, ""},
			{0, "encrypt", []string{"latest a"}, "a#1"},
			{0, "decrypt 0", []string{"get a#0"}, ""},
		}},
		// Python serves an old version for ever if nothing is written.
		{"a process that only decrypts", false, []string{"a", "a", "a"}, []step{
			{0, "decrypt 1", []string{"get a#1"}, ""},
			{ttl, "decrypt 1", nil, ""},
			{1, "decrypt 1", []string{"get a#1"}, ""},
			{ttl + grace + 1, "decrypt 1", []string{"get a#1"}, ""},
			{0, "decrypt 2", []string{"get a#2"}, ""},
		}},
		// Python re-stamps the key when it asks for the highest version alone.
		{"under steady traffic the key is loaded again", false, []string{"a"}, []step{
			{0, "encrypt", []string{"max a", "get a#0"}, "a#0"},
			{ttl + 1, "encrypt", []string{"max a", "get a#0"}, "a#0"},
			{ttl + 1, "encrypt", []string{"max a", "get a#0"}, "a#0"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemoryStore(t, tt.names...)
				var s materials.ProviderStore = memory
				if tt.latest {
					s = latestStore{memory}
				}
				p := newMostRecent(t, s)
				for i, step := range tt.steps {
					time.Sleep(step.after)
					switch step.do {
					case "encrypt":
						assert.Equal(t, step.version, encrypts(t, p), "step %d", i)
					case "rotate":
						memory.rotate("a")
					case "refresh":
						p.Refresh()
					default:
						var version int
						_, err := fmt.Sscanf(step.do, "decrypt %d", &version)
						require.NoError(t, err)
						decrypts(t, p, writtenUnder(t, memory, "a", version))
					}
					assert.Equal(t, step.calls, memory.take(), "step %d", i)
				}
			})
		})
	}
}

// In the grace period one caller asks the store and bears what it says.
func TestMostRecentGrace(t *testing.T) {
	t.Parallel()
	for _, latest := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			memory := newMemoryStore(t, "a")
			var s materials.ProviderStore = memory
			if latest {
				s = latestStore{memory}
			}
			p := newMostRecent(t, s)
			encrypts(t, p)
			loads := len(memory.take())

			time.Sleep(ttl + 1)
			memory.latency = 100 * time.Millisecond
			start := time.Now()
			waited := make(chan time.Duration, 20)
			for range cap(waited) {
				go func() {
					_, err := p.EncryptionMaterials(t.Context(), item())
					assert.NoError(t, err)
					waited <- time.Since(start)
				}()
			}
			synctest.Wait()
			assert.GreaterOrEqual(t, len(waited), cap(waited)-2, "the others were served meanwhile")
			time.Sleep(time.Second)
			synctest.Wait()
			require.Len(t, waited, cap(waited))
			assert.Len(t, memory.take(), loads)

			revoked := errors.New("revoked")
			memory.fail(revoked)
			time.Sleep(ttl + 1 - time.Second + 300*time.Millisecond)
			failures := 0
			for range 3 { // one after the other: each is the one that asks
				if _, err := p.EncryptionMaterials(t.Context(), item()); err != nil {
					require.ErrorIs(t, err, materials.ErrStore)
					require.ErrorIs(t, err, revoked)
					failures++
				}
			}
			assert.Equal(t, 3, failures)
		})
	}
}

// A decrypt-only process must notice a revocation, for every version.
func TestMostRecentRevocation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore(t, "a", "a")
		p := newMostRecent(t, s)
		old, current := writtenUnder(t, s, "a", 0), writtenUnder(t, s, "a", 1)
		decrypts(t, p, old)
		decrypts(t, p, current)
		revoked := errors.New("access denied")
		s.fail(revoked)
		time.Sleep(ttl)
		decrypts(t, p, old)
		decrypts(t, p, current)
		time.Sleep(grace + 1)
		for _, ec := range []materials.EncryptionContext{old, current} {
			for range 3 {
				_, err := p.DecryptionMaterials(t.Context(), ec)
				require.ErrorIs(t, err, revoked)
				require.ErrorIs(t, err, materials.ErrStore)
			}
		}
		s.fail(nil)
		decrypts(t, p, old) // a failed load is not kept
	})
}

// Callers of one version share a load, callers of two do not wait for each other,
// and a caller that leaves takes nobody along.
func TestMostRecentSharedLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore(t, "a", "a")
		s.latency = time.Second
		p := newMostRecent(t, s)
		start := time.Now()
		first, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := p.DecryptionMaterials(first, writtenUnder(t, s, "a", 0))
			left <- err
		}()
		synctest.Wait()
		var wg sync.WaitGroup
		for version := range 2 {
			for range 10 {
				wg.Go(func() { decrypts(t, p, writtenUnder(t, s, "a", version)) })
			}
		}
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		require.Zero(t, time.Since(start), "it did not wait for the load")
		wg.Wait()
		assert.Equal(t, time.Second, time.Since(start))
		assert.ElementsMatch(t, []string{"get a#0", "get a#1"}, s.take())
		assert.Equal(t, materials.CacheStats{Loads: 2}, p.Stats().Versions)

		_, err := p.DecryptionMaterials(first, writtenUnder(t, s, "a", 0))
		require.NoError(t, err, "a hit needs no context")
		p.Refresh()
		_, err = p.DecryptionMaterials(first, writtenUnder(t, s, "a", 0))
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, s.take(), "nothing is loaded for a caller that has left")
	})
}

// What was being loaded when Refresh was called must not be kept: it may be what
// was to be forgotten.
func TestMostRecentRefreshDuringLoad(t *testing.T) {
	t.Parallel()
	for _, latest := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			memory := newMemoryStore(t, "a")
			var s materials.ProviderStore = memory
			if latest {
				s = latestStore{memory}
			}
			memory.latency = time.Second
			p := newMostRecent(t, s)
			done := make(chan struct{})
			go func() {
				defer close(done)
				encrypts(t, p)
			}()
			synctest.Wait()
			p.Refresh()
			<-done
			memory.take()
			encrypts(t, p)
			want := []string{"max a"}
			if latest {
				want = []string{"latest a"}
			}
			assert.Equal(t, want, memory.take()[:1])
			memory.take()
			p.Refresh()
			decrypts(t, p, writtenUnder(t, memory, "a", 0))
			assert.Equal(t, []string{"get a#0"}, memory.take())
		})
	}
}

func TestMostRecentLoadTimeout(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"default": 0, "own": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newMemoryStore(t, "a")
				s.latency = time.Hour
				p := newMostRecent(t, s, func(o *materials.CacheOptions) { o.LoadTimeout = timeout })
				want := timeout
				if want == 0 {
					want = 10 * time.Second
				}
				start := time.Now()
				_, err := p.EncryptionMaterials(t.Context(), item())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, materials.ErrStore)
				require.Equal(t, want, time.Since(start))
				require.Equal(t, materials.CacheStats{Loads: 1, FailedLoads: 1}, p.Stats().Latest)
			})
		})
	}
}

func TestMostRecentSize(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(t, "a", "a", "a")
	p := newMostRecent(t, s, func(o *materials.CacheOptions) { o.Size = 2 })
	for _, step := range []struct {
		version int
		loaded  bool
	}{{0, true}, {1, true}, {0, false}, {2, true}, {0, false}, {1, true}, {2, true}} {
		decrypts(t, p, writtenUnder(t, s, "a", step.version))
		assert.Equal(t, step.loaded, len(s.take()) == 1, "version %d", step.version)
	}
	assert.Equal(t, materials.CacheStats{Hits: 2, Loads: 5}, p.Stats().Versions)
}

// Jitter makes a TTL shorter and never longer.
func TestMostRecentJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore(t, "a")
		const jitter = ttl / 10
		early := 0
		for range 200 {
			p := newMostRecent(t, s, func(o *materials.CacheOptions) { o.Jitter = jitter })
			ec := writtenUnder(t, s, "a", 0)
			decrypts(t, p, ec)
			s.take()
			time.Sleep(ttl - jitter)
			decrypts(t, p, ec)
			require.Empty(t, s.take())
			time.Sleep(jitter / 2)
			decrypts(t, p, ec)
			early += len(s.take())
			time.Sleep(jitter)
			decrypts(t, p, ec)
			s.take()
		}
		assert.Greater(t, early, 50)
		assert.Less(t, early, 150)
	})
}

func TestMostRecentNameFor(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(t, "a", "tenant")
	var seen []materials.EncryptionContext
	p := newMostRecent(t, s, func(o *materials.CacheOptions) {
		o.NameFor = func(ec materials.EncryptionContext) (string, error) {
			seen = append(seen, ec)
			name, ok := ec.Attributes["tenant"].(*types.AttributeValueMemberS)
			if !ok {
				return "", errors.New("the item has no tenant")
			}
			return name.Value, nil
		}
	})
	ec := item()
	ec.Attributes["tenant"] = &types.AttributeValueMemberS{Value: "tenant"}
	ec.Encrypted = []string{"name"}
	m, err := p.EncryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	require.Equal(t, "tenant#0", m.Description["amzn-ddb-meta-id"])

	read := stored(ec, m.Description)
	read.Attributes["*amzn-ddb-map-sig*"] = &types.AttributeValueMemberB{}
	read.Attributes["*amzn-ddb-map-desc*"] = &types.AttributeValueMemberB{}
	read.Attributes["name"] = &types.AttributeValueMemberB{Value: []byte("ciphertext")}
	dec, err := p.DecryptionMaterials(t.Context(), read)
	require.NoError(t, err)
	requirePair(t, m, dec)
	require.Len(t, seen, 2)
	require.Equal(t, seen[0], seen[1], "both directions see the same")
	require.NotContains(t, seen[0].Attributes, "name")
	require.Len(t, ec.Attributes, 4, "the item is not modified")

	for _, tenant := range []string{"", "a#1", "\xff"} {
		ec.Attributes["tenant"] = &types.AttributeValueMemberS{Value: tenant}
		_, err = p.EncryptionMaterials(t.Context(), ec)
		require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
		require.ErrorContains(t, err, "NameFor")
	}
	_, err = p.EncryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
	require.ErrorContains(t, err, "the item has no tenant")
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), m.Description))
	require.ErrorIs(t, err, materials.ErrNoDecryptionMaterials)
}

func TestMostRecentHostileDescription(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(t, "a")
	p := newMostRecent(t, s)
	tests := []struct {
		name string
		id   *string
		err  error
		text string
	}{
		{"no version", nil, materials.ErrDescription, "version"},
		{"malformed", ptr("a#x"), materials.ErrDescription, "version"},
		{"negative", ptr("a#-1"), materials.ErrDescription, "-1"},
		{"another name", ptr("b#0"), materials.ErrNoDecryptionMaterials, `"b", this provider serves "a"`},
		{"a long name", ptr(strings.Repeat("b", 1000) + "#0"), materials.ErrNoDecryptionMaterials, strings.Repeat("b", 64)},
		{"version unknown", ptr("a#7"), materials.ErrVersionNotFound, `material "a", version 7`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := p.DecryptionMaterials(t.Context(), stored(item(), with(map[string]string{}, "amzn-ddb-meta-id", tt.id)))
			require.Nil(t, m)
			require.ErrorIs(t, err, tt.err)
			require.ErrorContains(t, err, tt.text)
			require.Less(t, len(err.Error()), 300)
			require.NotErrorIs(t, err, materials.ErrStore)
		})
	}
}

// What a store's DynamoDB client said must not pass for an answer about the table
// whose item is read.
func TestMostRecentStoreErrors(t *testing.T) {
	t.Parallel()
	var exception *types.ProvisionedThroughputExceededException
	s := newMemoryStore(t, "a")
	ec := writtenUnder(t, s, "a", 0)
	p := newMostRecent(t, s)
	for name, err := range map[string]error{
		"an exception": &types.ProvisionedThroughputExceededException{Message: ptr("slow down")},
		"wrapped":      fmt.Errorf("query: %w", &types.ProvisionedThroughputExceededException{Message: ptr("slow down")}),
	} {
		t.Run(name, func(t *testing.T) {
			s.fail(err)
			_, encErr := p.EncryptionMaterials(t.Context(), item())
			_, decErr := p.DecryptionMaterials(t.Context(), ec)
			for _, got := range []error{encErr, decErr} {
				require.ErrorIs(t, got, materials.ErrStore)
				require.ErrorIs(t, got, err)
				require.NotErrorAs(t, got, &exception)
				require.ErrorContains(t, got, "slow down")
			}
		})
	}
	for name, provider := range map[string]materials.CryptographicMaterialsProvider{
		"nothing at all": nil, "a nil pointer": (*materials.WrappedProvider)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			empty, err := materials.NewCachingMostRecentProvider(emptyStore{s, provider}, "a", ttl)
			require.NoError(t, err)
			_, err = empty.EncryptionMaterials(t.Context(), item())
			require.ErrorIs(t, err, materials.ErrStore)
			_, err = empty.DecryptionMaterials(t.Context(), ec)
			require.ErrorIs(t, err, materials.ErrStore)
		})
	}
}

// emptyStore answers with a provider that is none.
type emptyStore struct {
	*memoryStore
	provider materials.CryptographicMaterialsProvider
}

func (emptyStore) MaxVersion(context.Context, string) (int64, error) { return 0, nil }
func (s emptyStore) Provider(context.Context, string, int64) (materials.CryptographicMaterialsProvider, error) {
	return s.provider, nil
}

func TestMostRecentConfiguration(t *testing.T) {
	t.Parallel()
	s := newMemoryStore(t)
	nameFor := func(materials.EncryptionContext) (string, error) { return "a", nil }
	tests := []struct {
		name     string
		store    materials.ProviderStore
		material string
		ttl      time.Duration
		options  materials.CacheOptions
		err      string // "" for none
	}{
		{"fine", s, "a", time.Millisecond, materials.CacheOptions{}, ""},
		{"name by function", s, "", ttl, materials.CacheOptions{NameFor: nameFor}, ""},
		{"all set", s, "a", ttl, materials.CacheOptions{Size: 1, Jitter: ttl / 2, LoadTimeout: 1, NameFor: nameFor}, ""},
		{"no store", nil, "a", ttl, materials.CacheOptions{}, "nil ProviderStore"},
		{"nil pointer to a store", (*memoryStore)(nil), "a", ttl, materials.CacheOptions{}, "nil ProviderStore"},
		{"no name", s, "", ttl, materials.CacheOptions{}, "name is empty"},
		{"'#' in the name", s, "a#1", ttl, materials.CacheOptions{}, "'#'"},
		{"'#' in an unused name", s, "a#1", ttl, materials.CacheOptions{NameFor: nameFor}, "'#'"},
		{"name not UTF-8", s, "\xff", ttl, materials.CacheOptions{}, "not UTF-8"},
		{"no TTL", s, "a", 0, materials.CacheOptions{}, "TTL: must be at least 1ms (0s)"},
		{"TTL too short", s, "a", time.Millisecond - 1, materials.CacheOptions{}, "TTL: must be at least 1ms (999.999µs)"},
		{"negative size", s, "a", ttl, materials.CacheOptions{Size: -1}, "CacheOptions.Size: must not be negative (-1)"},
		{"negative jitter", s, "a", ttl, materials.CacheOptions{Jitter: -1}, "CacheOptions.Jitter: must be from 0 to half the TTL of 1m0s (-1ns)"},
		{"jitter too long", s, "a", ttl, materials.CacheOptions{Jitter: ttl/2 + 1}, "CacheOptions.Jitter: must be"},
		{"negative timeout", s, "a", ttl, materials.CacheOptions{LoadTimeout: -1}, "CacheOptions.LoadTimeout: must not be negative (-1ns)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := materials.NewCachingMostRecentProvider(tt.store, tt.material, tt.ttl, func(o *materials.CacheOptions) { *o = tt.options })
			if tt.err == "" {
				require.NoError(t, err)
				require.NotNil(t, p)
				return
			}
			require.ErrorContains(t, err, tt.err)
			require.Nil(t, p)
		})
	}
}

// Eight goroutines write and read while versions rotate: whatever was written is
// read, and the store is asked a few times per version, not per item.
func TestMostRecentRotationUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const (
			ttl       = 5 * time.Millisecond
			rotations = 50
			workers   = 8
		)
		s := newMemoryStore(t, "a")
		s.latency = time.Millisecond
		p, err := materials.NewCachingMostRecentProvider(latestStore{s}, "a", ttl)
		require.NoError(t, err)
		var wg sync.WaitGroup
		stop := make(chan struct{})
		var items [workers]int
		for worker := range workers {
			wg.Go(func() {
				var written []materials.EncryptionContext
				for {
					select {
					case <-stop:
						for _, ec := range written {
							decrypts(t, p, ec)
						}
						return
					case <-time.After(100 * time.Microsecond):
					}
					m, err := p.EncryptionMaterials(t.Context(), item())
					if !assert.NoError(t, err) {
						return
					}
					ec := stored(item(), m.Description)
					dec, err := p.DecryptionMaterials(t.Context(), ec)
					if !assert.NoError(t, err) {
						return
					}
					requirePair(t, m, dec)
					written = append(written, ec)
					items[worker]++
				}
			})
		}
		for range rotations {
			time.Sleep(3 * time.Millisecond)
			s.rotate("a")
		}
		close(stop)
		wg.Wait()
		total := 0
		for _, n := range items {
			total += n
		}
		calls := len(s.take())
		t.Logf("%d items written and read twice under %d versions: %d calls of the store", total, rotations+1, calls)
		require.Greater(t, total, workers*100)
		// One for the highest version every TTL, and one for each old version
		// when all is read in the end and while it is read.
		require.Less(t, calls, 4*rotations)
	})
}
