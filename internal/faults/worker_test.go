package faults_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// worker makes calls, one after the other.
type worker struct {
	world    *world
	process  *process
	api      encryptor.DynamoDBAPI
	table    *encryptor.EncryptedTable
	modifies modifier
	number   int
	rng      *rand.Rand
}

type modifier func(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error)

func modify(ctx context.Context, t *encryptor.EncryptedTable, key encryptor.Item, f func(encryptor.Item) error) (encryptor.Item, error) {
	return t.Modify(ctx, key, f)
}

func (w *world) newWorker(n int, p *process) *worker {
	made := &worker{
		world: w, process: p, api: p.faces[n%len(p.faces)], table: p.table, modifies: modify,
		number: n, rng: rand.New(rand.NewPCG(w.seed, uint64(n)+1)),
	}
	if w.mutant.modify != nil {
		made.modifies = w.mutant.modify
	}
	return made
}

func (w *worker) work() {
	for n := range w.world.schedule.calls {
		op := pickOperation(w.rng)
		w.call(&call{schedule: &w.world.schedule, worker: w.number, number: n, name: op.name}, op)
	}
}

func (w *worker) call(c *call, op operation) {
	ctx, timeout := context.WithValue(context.Background(), callKey{}, c), time.Duration(0)
	if w.rng.Float64() < w.world.deadlines {
		timeout = time.Duration(1+w.rng.IntN(100)) * time.Millisecond
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	w.world.enter(c)
	defer w.world.leave(c)
	defer func() {
		if p := recover(); p != nil {
			w.world.violate(panicked, "%s: %v\n%s", c, p, debug.Stack())
		}
	}()
	start := time.Now()
	err := op.do(w, ctx, c)
	if took := time.Since(start); timeout > 0 && took > timeout {
		w.world.violate(waits, "%s took %v, its context %v", c, took, timeout)
	}
	w.world.checkError(c, err)
	w.world.judge(c, err, timeout > 0)
}

func (m *model) enter(c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.from, c.seesFrom = m.now, m.now
	m.open[c] = true
}

func (m *model) leave(c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, c)
}

// seeStale lets a call see what eventually consistent reads do.
func (m *model) seeStale(c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.staleSince >= 0 {
		c.seesFrom = min(c.seesFrom, m.staleSince)
	}
}

// judge checks that an error says no more than can be known, and that there was a
// reason for it.
func (w *world) judge(c *call, err error, mayTimeOut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.calls[c.name]++
	if err == nil {
		return
	}
	w.stats.failed[c.name]++
	if errors.Is(err, encryptor.ErrUnknownOutcome) && !c.unclear {
		w.violateLocked(outcome, "%s: every answer was clear, but the error is %v", c, err)
	}
	var (
		failed    *types.ConditionalCheckFailedException
		cancelled *types.TransactionCanceledException
	)
	switch {
	case c.faults > 0, w.struck > 0 && w.sharesLoads(): // of the schedule's making
	case c.partial && c.name == "WriteAll": // which gives up in the end
	case mayTimeOut && errors.Is(err, context.DeadlineExceeded):
	case errors.As(err, &failed), errors.As(err, &cancelled), errors.Is(err, encryptor.ErrConflict):
	case slices.ContainsFunc(c.keys, func(key string) bool { return w.mayBeDamaged(key, c.seesFrom, w.now) }):
	default:
		w.violateLocked(noReason, "%s: %v", c, err)
	}
}

// run carries out a schedule in a bubble of testing/synctest, and returns what was
// done.
func run(t *testing.T, s schedule, m mutant) (stats, []violation) {
	w := newWorld(t, s, m)
	defer w.server.Close()
	p := w.newProcess(t)
	w.begin(t, p)
	inLabelledGoroutine(func(left func() int) {
		done := make(chan struct{}, s.workers+1)
		for n := range s.workers {
			worker := w.newWorker(n, p)
			go func() {
				defer func() { done <- struct{}{} }()
				worker.work()
			}()
		}
		go func() {
			defer func() { done <- struct{}{} }()
			w.meddle(rand.New(rand.NewPCG(s.seed, 1<<32)))
		}()
		for range s.workers + 1 {
			<-done
		}
		// Requests that are late come now, and loads of a cache end, which may outlive
		// the call that began them.
		w.late.Wait()
		time.Sleep(4*patience + loadTimeout)
		if n := left(); n != 0 {
			w.violate(goroutine, "%d goroutines are left", n)
		}
	})
	w.end(t)
	w.stats.schedules = 1
	return w.stats, w.violations
}
