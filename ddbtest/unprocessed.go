package ddbtest

import (
	"fmt"
	"math/rand/v2"
)

// unprocessed decides which requests of a batch are left undone.
type unprocessed struct {
	share float64
	draw  *rand.Rand       // nil if share is 0
	next  map[string][]int // by operation
}

// choose tells for each of n requests whether it is left undone.
func (u *unprocessed) choose(op string, n int) []bool {
	left := make([]bool, n)
	if counts := u.next[op]; len(counts) > 0 {
		u.next[op] = counts[1:]
		for i := max(n-counts[0], 0); i < n; i++ {
			left[i] = true
		}
		return left
	}
	if u.draw != nil {
		for i := range left {
			left[i] = u.draw.Float64() < u.share
		}
	}
	return left
}

// SetUnprocessed makes BatchWriteItem and BatchGetItem leave that share of their
// requests undone and return them as UnprocessedItems and UnprocessedKeys, with
// numbers in canonical form and in no order. Which requests these are is drawn
// for each at random, but in the same way after each call of SetUnprocessed. It
// may be all requests of a batch, as on DynamoDB after a failure inside the
// service; what DynamoDB does if its throughput does not suffice for a single
// one is for [Server.FailNext], with a ProvisionedThroughputExceededException.
//
// The share is between 0, as in the beginning, and 1; SetUnprocessed panics on
// any other.
func (s *Server) SetUnprocessed(share float64) {
	if !(share >= 0 && share <= 1) { // NaN as well
		panic(fmt.Sprintf("ddbtest: SetUnprocessed: share %v is not between 0 and 1", share))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db.unprocessed.share = share
	s.db.unprocessed.draw = nil
	if share > 0 {
		s.db.unprocessed.draw = rand.New(rand.NewPCG(0, 0))
	}
}

// UnprocessedNext makes the next call of BatchWriteItem or BatchGetItem leave its
// last n requests undone, or all if there are fewer: the last in the order of the
// table names and, for one table, in that of the request. Several numbers for one
// operation are used up by one call each, and 0 is a call that does everything;
// meanwhile [Server.SetUnprocessed] has no influence.
//
// UnprocessedNext panics on any other operation and on a negative number.
func (s *Server) UnprocessedNext(op string, n int) {
	if op != "BatchWriteItem" && op != "BatchGetItem" {
		panic(fmt.Sprintf("ddbtest: UnprocessedNext: %q leaves nothing unprocessed", op))
	}
	if n < 0 {
		panic(fmt.Sprintf("ddbtest: UnprocessedNext: negative number %d", n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &s.db.unprocessed
	if u.next == nil {
		u.next = map[string][]int{}
	}
	u.next[op] = append(u.next[op], n)
}
