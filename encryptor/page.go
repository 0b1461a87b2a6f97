package encryptor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/ddbec/ddbec-go/internal/panics"
)

// decryptPage decrypts the items of a page, each of which must have the attributes
// asked, some at a time and keeping their order. Of several bad items the error is
// about the first. No goroutine outlives the call.
func (t *boundTable) decryptPage(ctx context.Context, op string, asked Item, stored []Item) ([]Item, error) {
	if len(stored) == 0 {
		return stored, nil
	}
	items := make([]Item, len(stored))
	err := forEach(len(stored), t.concurrency, func(i int) (err error) {
		items[i], err = t.decryptAt(ctx, op, i, asked, stored[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// forEach calls do for 0 to n-1, at most concurrency at a time, and returns the
// error of the lowest index that failed. After a failure no higher index begins. A
// panic of do is the caller's: in a goroutine of its own nobody could recover it. A
// call that ends its goroutine, as a mock does that fails its test, has failed.
func forEach(n, concurrency int, do func(i int) error) error {
	var (
		next    atomic.Int64
		limit   atomic.Int64 // the lowest index that failed
		errs    = make([]error, n)
		workers sync.WaitGroup
		died    atomic.Pointer[panics.Panic]
	)
	limit.Store(int64(n))
	for range min(n, concurrency) {
		workers.Go(func() {
			i := int64(-1) // that is under way
			defer func() {
				if v := recover(); v != nil {
					died.CompareAndSwap(nil, panics.Recovered(v))
					limit.Store(0)
				} else if i >= 0 {
					errs[i] = errEnded
					lower(&limit, i)
				}
			}()
			for {
				i = next.Add(1) - 1
				if i >= limit.Load() {
					i = -1
					return
				}
				if errs[i] = do(int(i)); errs[i] != nil {
					lower(&limit, i)
				}
			}
		})
	}
	workers.Wait()
	if p := died.Load(); p != nil {
		panic(p)
	}
	if first := limit.Load(); first < int64(n) {
		return errs[first]
	}
	return nil
}

var errEnded = errors.New("the goroutine was ended by runtime.Goexit")

func lower(limit *atomic.Int64, i int64) {
	for {
		old := limit.Load()
		if i >= old || limit.CompareAndSwap(old, i) {
			return
		}
	}
}
