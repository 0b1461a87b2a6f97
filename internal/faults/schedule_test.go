package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// How items get their keys.
const (
	directKMS = iota
	cachedKMS
	mostRecent
	wrapped
	providerKinds
)

// schedule is what a seed stands for.
type schedule struct {
	seed      uint64
	provider  int
	workers   int
	calls     int     // of each worker
	rate      float64 // share of requests that suffer a fault
	faults    []fault
	retries   bool // whether the SDK repeats requests
	deadlines float64
	tampers   int
	stale     bool
	pageSize  int
}

func draw(seed uint64) schedule {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := schedule{
		seed:      seed,
		provider:  []int{directKMS, cachedKMS, mostRecent, mostRecent, wrapped}[rng.IntN(5)],
		workers:   3 + rng.IntN(4),
		calls:     6 + rng.IntN(8),
		rate:      []float64{0, 0.03, 0.1, 0.2, 0.4}[rng.IntN(5)],
		faults:    allFaults,
		retries:   rng.IntN(3) > 0,
		deadlines: []float64{0, 0.2, 0.5}[rng.IntN(3)],
		stale:     rng.IntN(3) == 0,
		pageSize:  []int{0, 1, 2}[rng.IntN(3)],
	}
	if rng.IntN(2) == 0 { // a few kinds at a time, so that the same happens again and again
		some := slices.Clone(allFaults)
		rng.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		s.faults = some[:1+rng.IntN(3)]
	}
	if rng.IntN(3) == 0 {
		s.tampers = 1 + rng.IntN(5)
	}
	return s
}

func (s schedule) String() string {
	return fmt.Sprintf("seed %d (provider %d, %d workers, %d calls each, %.0f %% faults, SDK retries %t)", s.seed, s.provider, s.workers, s.calls, 100*s.rate, s.retries)
}

// call is one call of the library by a worker, and what became of its requests. All
// but the first members are guarded by the model.
type call struct {
	*schedule
	worker, number int
	name           string

	requests int
	faults   int
	lied     bool // an answer was another than the server's, and might be taken for it
	partial  bool // a batch was left in part
	unclear  bool // what became of a write cannot be told from its answers
	effects  []effect
	from     int // when it began
	seesFrom int // the earliest moment that it may see
	keys     []string
	// rolledBack are keys of which an older item was put back meanwhile.
	rolledBack map[string]bool
	// bornAgain means that an item was made by the call, deleted by another, and made
	// again by the same request sent again. Nothing in the table tells that it was
	// there before.
	bornAgain bool
}

// about notes the keys of a call and returns the first.
func (c *call) about(keys ...string) string {
	c.keys = append(c.keys, keys...)
	return keys[0]
}

func (c *call) String() string {
	if c == nil {
		return "outside"
	}
	return fmt.Sprintf("worker %d, call %d, %s", c.worker, c.number, c.name)
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// drawn is what the schedule has for one request.
type drawn struct {
	fault         fault
	before, after time.Duration
	rng           *rand.Rand
}

// draw depends on nothing but the seed, the call, and how many requests it made
// before. The times are such that no two things happen at one, so that the order is
// the same when a seed is run again; but for the pauses between attempts of the
// library, which are random.
func (c *call) draw(op string) drawn {
	c.requests++
	rng := rand.New(rand.NewPCG(c.seed, uint64(c.worker)<<40|uint64(c.number)<<20|uint64(c.requests)))
	d := drawn{
		fault: none, rng: rng,
		before: time.Duration(rng.Int64N(int64(8 * time.Millisecond))),
		after:  time.Duration(rng.Int64N(int64(8 * time.Millisecond))),
	}
	isBatch := op == "BatchWriteItem" || op == "BatchGetItem"
	switch {
	case isBatch && c.rate > 0 && rng.IntN(4) == 0:
		d.fault = partly
	case rng.Float64() < c.rate:
		d.fault = c.schedule.faults[rng.IntN(len(c.schedule.faults))]
	}
	return d
}
