package materials

import (
	"container/list"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ddbec/ddbec-go/internal/panics"
)

// CacheStats counts what a cache did since it was made.
type CacheStats struct {
	Hits        uint64 // lookups that were answered at once
	Loads       uint64 // loads that were started, the failed ones among them
	FailedLoads uint64
}

// defaultLoadTimeout bounds a load, which no caller's context does.
const defaultLoadTimeout = 10 * time.Second

var errLoadEnded = errors.New("the load ended without a result")

// cache keeps what was loaded, for a while. Of one key there is never more than
// one load under way, and no lock is held during it. Failed loads are not kept.
type cache[K comparable, V any] struct {
	size    int           // entries; the least recently used one makes room
	ttl     time.Duration // for which an entry is a hit, counted from the end of its load
	grace   time.Duration // after that, in which one caller loads and the others still have a hit
	jitter  time.Duration // by which an entry's ttl may be shorter, at random
	timeout time.Duration // of a load

	mu      sync.Mutex
	entries map[K]*list.Element // of *entry[K, V]
	recent  list.List           // the most recently used one in front
	epoch   uint64
	flights map[K]*flight[V]

	hits, loads, failed atomic.Uint64
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	loaded time.Time
	ttl    time.Duration
}

// flight is a load under way. value, err and died are set when done is closed.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
	died  *panics.Panic

	waiters int  // guarded by the cache's lock, as is landed
	landed  bool // done is about to be closed, for those who wait
}

func newCache[K comparable, V any](size int, ttl, grace, jitter, timeout time.Duration) *cache[K, V] {
	return &cache[K, V]{
		size: size, ttl: ttl, grace: grace, jitter: jitter, timeout: timeout,
		entries: make(map[K]*list.Element), flights: make(map[K]*flight[V]),
	}
}

// get returns the value of key, loaded if it must be. A load goes on when its
// caller's context ends, since others may wait for it; each waits only as long as
// its own context lasts. A panic of the load is raised in all who wait: in the load's
// own goroutine none of them could recover it.
func (c *cache[K, V]) get(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	c.mu.Lock()
	value, isHit := c.lookup(key)
	if isHit {
		c.mu.Unlock()
		c.hits.Add(1)
		return value, nil
	}
	f := c.flights[key]
	if f == nil {
		if err := ctx.Err(); err != nil {
			c.mu.Unlock()
			return value, err
		}
		f = &flight[V]{done: make(chan struct{})}
		c.flights[key] = f
		c.loads.Add(1)
		go c.load(context.WithoutCancel(ctx), key, f, load)
	}
	f.waiters++
	c.mu.Unlock()

	select {
	case <-f.done:
	case <-ctx.Done():
		if c.leave(f) {
			var none V
			return none, ctx.Err()
		}
		<-f.done
	}
	if f.died != nil {
		panic(f.died)
	}
	return f.value, f.err
}

// leave tells whether a caller can stop waiting. Once the load has landed it cannot:
// a panic may have been left to this caller alone.
func (c *cache[K, V]) leave(f *flight[V]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.landed {
		return false
	}
	f.waiters--
	return true
}

// lookup finds a value that need not be loaded. It drops one that is too old.
func (c *cache[K, V]) lookup(key K) (value V, isHit bool) {
	element, ok := c.entries[key]
	if !ok {
		return value, false
	}
	e := element.Value.(*entry[K, V])
	age := time.Since(e.loaded)
	if age > e.ttl+c.grace {
		c.remove(element)
		return value, false
	}
	c.recent.MoveToFront(element)
	if age > e.ttl && c.flights[key] == nil {
		return value, false // this caller is the one that loads
	}
	return e.value, true
}

func (c *cache[K, V]) load(ctx context.Context, key K, f *flight[V], load func(context.Context) (V, error)) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	f.err = errLoadEnded // should load panic or end its goroutine, as t.FailNow of a mock does
	defer c.land(key, f)
	defer func() {
		if v := recover(); v != nil {
			f.died = panics.Recovered(v)
		}
	}()
	f.value, f.err = load(ctx)
}

func (c *cache[K, V]) land(key K, f *flight[V]) {
	c.mu.Lock()
	if c.flights[key] == f { // clear has not been called since
		delete(c.flights, key)
		if f.err == nil {
			c.keep(key, f.value)
		}
	}
	f.landed = true
	abandoned := f.waiters == 0
	c.mu.Unlock()
	if f.err != nil {
		c.failed.Add(1)
	}
	close(f.done) // after all use of the cache: fmt, on a provider, reads it without the lock
	if f.died != nil && abandoned {
		// All callers have left, so that there is no goroutine in which to raise it.
		// It ends the process, as every panic does that nobody recovers: to drop it
		// would hide a bug, and to keep it for a later caller would blame a call that
		// has nothing to do with it.
		panic(f.died)
	}
}

// put keeps a value that was loaded some other way, by a load that began in the
// given epoch. If the cache was cleared since, it may be just what was to be
// forgotten.
func (c *cache[K, V]) put(epoch uint64, key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch == c.epoch {
		c.keep(key, value)
	}
}

// currentEpoch is a number that changes whenever the cache is cleared.
func (c *cache[K, V]) currentEpoch() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

func (c *cache[K, V]) keep(key K, value V) {
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	if c.recent.Len() >= c.size {
		c.remove(c.recent.Back())
	}
	e := &entry[K, V]{key: key, value: value, loaded: time.Now(), ttl: c.ttl}
	if c.jitter > 0 {
		e.ttl -= rand.N(c.jitter + 1)
	}
	c.entries[key] = c.recent.PushFront(e)
}

func (c *cache[K, V]) remove(element *list.Element) {
	delete(c.entries, element.Value.(*entry[K, V]).key)
	c.recent.Remove(element)
}

// clear drops all entries. What is being loaded now is given to those who wait
// for it already and is not kept.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.entries)
	clear(c.flights)
	c.recent.Init()
}

func (c *cache[K, V]) stats() CacheStats {
	return CacheStats{Hits: c.hits.Load(), Loads: c.loads.Load(), FailedLoads: c.failed.Load()}
}
