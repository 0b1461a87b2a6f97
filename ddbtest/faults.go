package ddbtest

import "fmt"

// plan is what was asked to happen to the next requests of one operation. Each
// request takes the first of each list.
type plan struct {
	faults        []fault
	before, after []func()
}

// fault is an answer that a request gets instead of its own.
type fault struct {
	err  error
	late bool // after the operation was carried out
}

// incident is what happens to one request.
type incident struct {
	fault         fault
	before, after func()
}

// next takes what was asked for the next request of the operation.
func (s *Server) next(op string) incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.plans[op]
	if p == nil {
		return incident{}
	}
	return incident{fault: shift(&p.faults), before: shift(&p.before), after: shift(&p.after)}
}

// shift removes and returns the first element, or the zero value.
func shift[T any](list *[]T) (first T) {
	if len(*list) > 0 {
		first, *list = (*list)[0], (*list)[1:]
	}
	return first
}

// planFor calls change with the plan for an operation. It panics on one that the
// server does not have, since what is planned for it would never come.
func (s *Server) planFor(knob, op string, change func(*plan)) {
	if _, ok := operations[op]; !ok {
		panic(fmt.Sprintf("ddbtest: %s: %q is not an operation of ddbtest", knob, op))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plans[op] == nil {
		s.plans[op] = &plan{}
	}
	change(s.plans[op])
}

// FailNext makes the next call of an operation fail, before it has any effect.
// Several faults of one operation, those of [Server.LoseNext] included, are given
// out in the order in which they were asked for, one to each request: the client's
// retries use them up, so an error that the SDK retries has to be given as often
// as the client tries (three times by default) if the caller is to see it.
//
// The operation is spelt as the SDK does: "PutItem". An err that is or wraps a
// [github.com/aws/smithy-go.APIError] arrives as an error answer of DynamoDB,
// the exceptions of the SDK's types package with all their members. Any other
// err is a connection that fails without an answer; a client made by
// [Server.Client] finds that very err in the chain of its own.
//
// FailNext panics on a nil err and on an operation that the server does not have,
// since such a failure would never come.
func (s *Server) FailNext(op string, err error) { s.addFault("FailNext", op, fault{err: err}) }

// LoseNext carries out the next call of an operation, with all its effects, and
// then loses the answer: the client sees err in its place, as with
// [Server.FailNext]. A caller cannot tell the two apart, which is the point. If
// the operation was refused, its error is lost as well.
//
// LoseNext panics as FailNext does.
func (s *Server) LoseNext(op string, err error) {
	s.addFault("LoseNext", op, fault{err: err, late: true})
}

func (s *Server) addFault(knob, op string, f fault) {
	if f.err == nil {
		panic("ddbtest: " + knob + ": nil error")
	}
	s.planFor(knob, op, func(p *plan) { p.faults = append(p.faults, f) })
}

// BeforeNext calls f when the next request of an operation has arrived, before it
// is carried out or made to fail: f may use clients of the server to slip another
// writer between what a caller has read and what it writes now, or block to hold
// the request up while others pass. Several functions for one operation are
// called at one request each, in the order in which they were given; a request
// that f makes itself takes the following ones. What f asks for by FailNext and its
// like is for later requests.
//
// The function runs in the goroutine of the request; with [Server.Client] that
// is the caller's. BeforeNext panics on a nil f and on an operation that the
// server does not have.
func (s *Server) BeforeNext(op string, f func()) {
	requireFunction("BeforeNext", f)
	s.planFor("BeforeNext", op, func(p *plan) { p.before = append(p.before, f) })
}

// AfterNext is [Server.BeforeNext] for the time after the request has been
// carried out or made to fail, and before its answer leaves or is lost. If the
// context of the request ends meanwhile, its client sees the context's error,
// although the operation has taken effect.
func (s *Server) AfterNext(op string, f func()) {
	requireFunction("AfterNext", f)
	s.planFor("AfterNext", op, func(p *plan) { p.after = append(p.after, f) })
}

func requireFunction(knob string, f func()) {
	if f == nil {
		panic("ddbtest: " + knob + ": nil function")
	}
}
