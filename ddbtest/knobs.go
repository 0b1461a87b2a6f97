package ddbtest

import (
	"slices"
	"time"
)

// SetLatency makes every request wait before it is carried out. If its context
// ends while it waits, it has no effect and the client sees the context's error.
// Zero, as in the beginning, is no wait. Inside a testing/synctest bubble the wait
// takes no real time.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// SetPageSize limits the number of items that one page of a Query or Scan looks
// at, before the filter, as the limit of 1 MB does in DynamoDB. Zero, as in the
// beginning, leaves that limit and the Limit parameter alone in force. A negative
// number is taken for zero.
func (s *Server) SetPageSize(items int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db.pageSize = max(items, 0)
}

// SetStaleReads with true makes eventually consistent reads (those without
// ConsistentRead, and all of global secondary indexes) see every table as it is at
// this moment, whatever is written later, until SetStaleReads is called again:
// with true to move that moment on, with false to let them see all writes at once,
// as in the beginning.
func (s *Server) SetStaleReads(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db.freeze(on)
}

// Calls returns the operations of all requests so far in the order of their
// arrival, retries, failed and unknown ones included. The slice is the caller's.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ForgetCalls makes [Server.Calls] begin anew, for tests that run for long: what it
// returns grows with every request.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.forgotten = nil, s.forgotten+len(s.calls)
}
