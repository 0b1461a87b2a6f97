package materials_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

// buggyStore panics instead of answering for as long as it is broken.
type buggyStore struct {
	*memoryStore
	broken atomic.Bool
}

const bug = "a bug in the store"

func (s *buggyStore) MaxVersion(ctx context.Context, name string) (int64, error) {
	version, err := s.memoryStore.MaxVersion(ctx, name)
	if s.broken.Load() {
		panic(bug)
	}
	return version, err
}

func newBuggyStore(t testing.TB) *buggyStore {
	s := &buggyStore{memoryStore: newMemoryStore(t, "a")}
	s.latency = time.Second
	s.broken.Store(true)
	return s
}

// panicOf is the text of the panic of f, as a server would log it; "" if it returns.
func panicOf(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// Whoever calls a provider can recover a panic of the store, although the store was
// called in another goroutine, and sees where it was.
func TestMostRecentPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBuggyStore(t)
		p := newMostRecent(t, s)
		leaving, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := p.EncryptionMaterials(leaving, item())
			assert.ErrorIs(t, err, context.Canceled)
		})
		for range 3 {
			wg.Go(func() {
				text := panicOf(func() { _, _ = p.EncryptionMaterials(t.Context(), item()) })
				assert.Contains(t, text, bug)
				assert.Contains(t, text, "(*buggyStore).MaxVersion", "the stack of the load")
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		require.Equal(t, []string{"max a"}, s.take())
		require.Equal(t, materials.CacheStats{Loads: 1, FailedLoads: 1}, p.Stats().Latest)

		s.broken.Store(false)
		require.Equal(t, "a#0", encrypts(t, p), "nothing is left of the load that failed")
	})
}

// In the grace period the caller that loads bears the panic, and the others go on.
func TestMostRecentPanicInGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBuggyStore(t)
		s.broken.Store(false)
		s.latency = grace / 2
		p := newMostRecent(t, s)
		encrypts(t, p) // asks for the version and then for its provider, which is half a grace period younger
		s.broken.Store(true)
		time.Sleep(ttl - grace/2 + 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.Contains(t, panicOf(func() { _, _ = p.EncryptionMaterials(t.Context(), item()) }), bug)
		})
		synctest.Wait()
		require.Equal(t, uint64(2), p.Stats().Latest.Loads)
		require.Equal(t, "a#0", encrypts(t, p))
		wg.Wait()
	})
}

// A caller whose context ends when the load has panicked already is still the one
// to whom the panic was left.
func TestMostRecentPanicAsTheCallerLeaves(t *testing.T) {
	t.Parallel()
	for range 20 { // select chooses at random
		synctest.Test(t, func(t *testing.T) {
			p := newMostRecent(t, newBuggyStore(t))
			ctx, cancel := context.WithCancel(t.Context())
			late := lateContext{ctx, func() {
				time.Sleep(2 * time.Second) // the load takes one
				cancel()
			}}
			text := panicOf(func() { _, _ = p.EncryptionMaterials(late, item()) })
			require.Contains(t, text, bug)
		})
	}
}

// lateContext does something between the start of a load and the wait for it.
type lateContext struct {
	context.Context
	beforeWaiting func()
}

func (c lateContext) Done() <-chan struct{} {
	c.beforeWaiting()
	return c.Context.Done()
}

// A panic for which no caller is left ends the process, as that of any goroutine.
func TestMostRecentPanicWithoutCaller(t *testing.T) {
	t.Parallel()
	const inChild = "MATERIALS_TEST_PANIC_WITHOUT_CALLER"
	if os.Getenv(inChild) != "" {
		s := newBuggyStore(t)
		s.latency = 50 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := newMostRecent(t, s).EncryptionMaterials(ctx, item())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(10 * time.Second) // ended before
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestMostRecentPanicWithoutCaller$")
	child.Env = append(os.Environ(), inChild+"=1")
	output, err := child.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", output)
	require.Equal(t, 2, exit.ExitCode(), "that of a panic: %s", output)
	require.Contains(t, string(output), "panic: "+bug)
	require.Contains(t, string(output), "(*buggyStore).MaxVersion")
}

// A load that ends its goroutine leaves nobody waiting, now or later.
func TestMostRecentLoadEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryStore(t, "a")
		s.latency = time.Second
		p := newMostRecent(t, exitingStore{s})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := p.EncryptionMaterials(t.Context(), item())
				assert.ErrorContains(t, err, "without a result")
			})
		}
		wg.Wait()
		require.Equal(t, materials.CacheStats{Loads: 1, FailedLoads: 1}, p.Stats().Latest)
		_, err := p.EncryptionMaterials(t.Context(), item())
		require.ErrorContains(t, err, "without a result")
		require.Equal(t, materials.CacheStats{Loads: 2, FailedLoads: 2}, p.Stats().Latest)
	})
}

// exitingStore ends the goroutine, as t.FailNow of a test's store does.
type exitingStore struct{ *memoryStore }

func (s exitingStore) MaxVersion(ctx context.Context, name string) (int64, error) {
	_, _ = s.memoryStore.MaxVersion(ctx, name)
	runtime.Goexit()
	return 0, errors.New("not reached")
}

// With a cache, callbacks are called in another goroutine; their panics stay where
// they would be without one.
func TestDirectKMSCachePanic(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]*materials.DecryptCacheOptions{"no cache": nil, "cache": {TTL: time.Minute, Size: 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kmstest.New()
			var broken atomic.Bool
			p, err := materials.NewDirectKMSProvider(nil, k.CreateKey(), func(o *materials.DirectKMSOptions) {
				o.Cache = cache
				o.ClientFor = func(string) materials.KMSClient {
					if broken.Load() {
						panic("a bug in ClientFor")
					}
					return k
				}
			})
			require.NoError(t, err)
			_, ec := writes(t, p, "1")
			broken.Store(true)
			for range 2 {
				require.Contains(t, panicOf(func() { _, _ = p.DecryptionMaterials(t.Context(), ec) }), "a bug in ClientFor")
			}
			broken.Store(false)
			_, err = p.DecryptionMaterials(t.Context(), ec)
			require.NoError(t, err)
		})
	}
}
