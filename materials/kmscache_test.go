package materials_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func cached(ttl time.Duration, size int) func(*materials.DirectKMSOptions) {
	return func(o *materials.DirectKMSOptions) { o.Cache = &materials.DecryptCacheOptions{TTL: ttl, Size: size} }
}

func newCachedKMS(t testing.TB, ttl time.Duration, size int) (*kmstest.KMS, *materials.DirectKMSProvider) {
	t.Helper()
	k := kmstest.New()
	p, err := materials.NewDirectKMSProvider(k, k.CreateKey(), cached(ttl, size))
	require.NoError(t, err)
	return k, p
}

// writes returns an item with the sort key, as it is stored.
func writes(t testing.TB, p *materials.DirectKMSProvider, sortKey string) (*materials.EncryptionMaterials, materials.EncryptionContext) {
	t.Helper()
	ec := item()
	ec.Attributes["sk"] = &types.AttributeValueMemberN{Value: sortKey}
	m, err := p.EncryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	return m, stored(ec, m.Description)
}

func TestDirectKMSCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, p := newCachedKMS(t, time.Minute, 2)
		_, first := writes(t, p, "1")
		m, second := writes(t, p, "2")
		_, third := writes(t, p, "3")
		read := func(ec materials.EncryptionContext, calls int) *materials.DecryptionMaterials {
			t.Helper()
			before := len(k.Calls())
			dec, err := p.DecryptionMaterials(t.Context(), ec)
			require.NoError(t, err)
			require.Len(t, k.Calls(), before+calls)
			return dec
		}
		read(first, 1)
		read(first, 0)
		requirePair(t, m, read(second, 1))
		requirePair(t, m, read(second, 0))
		read(third, 1) // makes first leave
		read(second, 0)
		read(first, 1)
		time.Sleep(time.Minute)
		read(first, 0)
		time.Sleep(time.Nanosecond)
		read(first, 1)
		require.Equal(t, materials.KMSStats{
			GenerateDataKey: 3, Decrypt: 5, Cache: materials.CacheStats{Hits: 4, Loads: 5},
		}, p.Stats())
	})
}

// The cache must not be an oracle: whatever KMS binds a data key to, a cached one
// is bound to as well.
func TestDirectKMSCacheContext(t *testing.T) {
	t.Parallel()
	k, p := newCachedKMS(t, time.Minute, 100)
	_, ec := writes(t, p, "1")
	_, other := writes(t, p, "2")
	_, err := p.DecryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	for name, change := range map[string]func(*materials.EncryptionContext){
		"table": func(c *materials.EncryptionContext) { c.TableName = "another" },
		"partition key": func(c *materials.EncryptionContext) {
			c.Attributes["pk"] = &types.AttributeValueMemberS{Value: "user#2"}
		},
		"sort key":          func(c *materials.EncryptionContext) { c.Attributes["sk"] = &types.AttributeValueMemberN{Value: "2"} },
		"sort key missing":  func(c *materials.EncryptionContext) { delete(c.Attributes, "sk") },
		"name of a key":     func(c *materials.EncryptionContext) { c.SortKeyName = "name" },
		"algorithm":         func(c *materials.EncryptionContext) { c.Description["amzn-ddb-env-alg"] = "AES/128" },
		"signing algorithm": func(c *materials.EncryptionContext) { c.Description["amzn-ddb-sig-alg"] = "HmacSHA512/256" },
		"data key": func(c *materials.EncryptionContext) {
			c.Description["amzn-ddb-env-key"] = other.Description["amzn-ddb-env-key"]
		},
	} {
		changed := stored(ec, ec.Description)
		change(&changed)
		for range 2 { // a refusal is not kept
			calls := len(k.Calls())
			_, err := p.DecryptionMaterials(t.Context(), changed)
			require.ErrorIs(t, err, materials.ErrContextMismatch, name)
			require.Len(t, k.Calls(), calls+1, name)
		}
	}
	calls := len(k.Calls())
	_, err = p.DecryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	require.Len(t, k.Calls(), calls)
}

// A cached data key does not open an item of a tenant whose key it is not under.
func TestDirectKMSCacheKeyFor(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	keys := map[string]string{"one": k.CreateKey(), "two": k.CreateKey()}
	p, err := materials.NewDirectKMSProvider(k, "", byTenant(keys), cached(time.Minute, 10))
	require.NoError(t, err)
	m, err := p.EncryptionMaterials(t.Context(), tenantItem("one"))
	require.NoError(t, err)
	_, err = p.DecryptionMaterials(t.Context(), stored(tenantItem("one"), m.Description))
	require.NoError(t, err)
	_, err = p.DecryptionMaterials(t.Context(), stored(tenantItem("two"), m.Description))
	require.ErrorIs(t, err, materials.ErrKeyNotAllowed)
}

func TestDirectKMSCacheShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, p := newCachedKMS(t, time.Minute, 10)
		_, ec := writes(t, p, "1")
		k.SetLatency(time.Second)
		start := time.Now()
		leaving, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := p.DecryptionMaterials(leaving, ec)
			left <- err
		}()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := p.DecryptionMaterials(t.Context(), ec)
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		wg.Wait()
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, uint64(1), p.Stats().Decrypt)
	})
}

func TestDirectKMSCacheLoadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kmstest.New()
		p, err := materials.NewDirectKMSProvider(k, k.CreateKey(), func(o *materials.DirectKMSOptions) {
			o.Cache = &materials.DecryptCacheOptions{TTL: 1, Size: 1, LoadTimeout: 2 * time.Second}
		})
		require.NoError(t, err)
		_, ec := writes(t, p, "1")
		k.SetLatency(time.Hour)
		start := time.Now()
		_, err = p.DecryptionMaterials(t.Context(), ec)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, materials.ErrKMS)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestDirectKMSCacheFailures(t *testing.T) {
	t.Parallel()
	k, p := newCachedKMS(t, time.Minute, 10)
	_, ec := writes(t, p, "1")
	broken := errors.New("broken")
	k.FailNext("Decrypt", broken)
	_, err := p.DecryptionMaterials(t.Context(), ec)
	require.ErrorIs(t, err, broken)
	k.FailNext("Decrypt", &kmstypes.DisabledException{})
	_, err = p.DecryptionMaterials(t.Context(), ec)
	require.ErrorIs(t, err, materials.ErrKMS)
	_, err = p.DecryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	require.Equal(t, materials.CacheStats{Loads: 3, FailedLoads: 2}, p.Stats().Cache)
}

func TestDirectKMSCacheConfiguration(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	for text, o := range map[string]materials.DecryptCacheOptions{
		"DecryptCacheOptions.TTL: must be above 0 (0s)":                {Size: 1},
		"DecryptCacheOptions.TTL: must be above 0 (-1ns)":              {TTL: -1, Size: 1},
		"DecryptCacheOptions.Size: must be above 0 (0)":                {TTL: 1},
		"DecryptCacheOptions.Size: must be above 0 (-1)":               {TTL: 1, Size: -1},
		"DecryptCacheOptions.LoadTimeout: must not be negative (-1ns)": {TTL: 1, Size: 1, LoadTimeout: -1},
	} {
		_, err := materials.NewDirectKMSProvider(k, k.CreateKey(), func(d *materials.DirectKMSOptions) { d.Cache = &o })
		require.ErrorContains(t, err, text)
	}
}
