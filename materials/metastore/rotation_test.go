package metastore_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// Eight goroutines write and read while the key rotates every few milliseconds, with
// a table and a KMS that take their time. Every item stays readable, by a fresh
// process too, and the calls go by versions and time, not by items.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const (
			workers   = 8
			rotations = 40
			every     = 5 * time.Millisecond
			ttl       = 4 * time.Millisecond
		)
		f := newFixture(t)
		mostRecent := func() *materials.CachingMostRecentProvider {
			p, err := materials.NewCachingMostRecentProvider(f.store, material, ttl)
			require.NoError(t, err)
			return p
		}
		p := mostRecent()
		data := dataEncryptor(t, p)
		f.server.SetLatency(500 * time.Microsecond)
		f.kms.SetLatency(500 * time.Microsecond)

		var (
			mu     sync.Mutex
			stored []encryptor.Item
			ended  atomic.Bool
			wg     sync.WaitGroup
		)
		_, kmsCalls := f.calls(func() {
			for range workers {
				wg.Go(func() {
					for !ended.Load() {
						item, err := data.Encrypt(t.Context(), dataItem())
						if !assert.NoError(t, err) {
							return
						}
						read, err := data.Decrypt(t.Context(), item)
						if !assert.NoError(t, err) {
							return
						}
						assert.Equal(t, dataItem(), read)
						mu.Lock()
						stored = append(stored, item)
						mu.Unlock()
						time.Sleep(200 * time.Microsecond)
					}
				})
			}
			for range rotations {
				time.Sleep(every)
				_, err := f.store.Rotate(t.Context(), material)
				require.NoError(t, err)
			}
			ended.Store(true)
			wg.Wait()
		})
		stats := p.Stats()
		t.Logf("%d items under %d versions: %d KMS calls, %d of them by %d rotations; %d loads of the provider",
			len(stored), len(f.rows(t, metaTable)), len(kmsCalls), 2*rotations, rotations, stats.Latest.Loads+stats.Versions.Loads)
		require.Greater(t, len(stored), 5000)
		// A rotation is a Decrypt and a GenerateDataKey. A load each TTL finds the
		// latest version; one more for each version that is read after it was the
		// latest.
		elapsed := rotations * (every + 3*time.Millisecond)
		require.LessOrEqual(t, len(kmsCalls), 2*rotations+int(elapsed/ttl)+2*rotations)

		fresh := dataEncryptor(t, mostRecent())
		for _, item := range stored {
			read, err := fresh.Decrypt(t.Context(), item)
			require.NoError(t, err)
			require.Equal(t, dataItem(), read)
		}
	})
}
