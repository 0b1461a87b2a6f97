package faults_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// stats count what was done.
type stats struct {
	schedules, observed int
	calls, failed       map[string]int
	requests            map[string]int
	faults              map[fault]int
	tampered            map[string]int
}

func newStats() stats {
	return stats{calls: map[string]int{}, failed: map[string]int{}, requests: map[string]int{}, faults: map[fault]int{}, tampered: map[string]int{}}
}

func (s *stats) request(service, op string, f fault) {
	s.requests[service+" "+op]++
	if f != none {
		s.faults[f]++
	}
}

func (s *stats) add(o stats) {
	s.schedules += o.schedules
	s.observed += o.observed
	addAll(s.calls, o.calls)
	addAll(s.failed, o.failed)
	addAll(s.requests, o.requests)
	addAll(s.faults, o.faults)
	addAll(s.tampered, o.tampered)
}

func addAll[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

func (s *stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d schedules, %d calls of which %d failed, %d requests, %d faults, %d changes behind the library's back, %d items checked\n",
		s.schedules, total(s.calls), total(s.failed), total(s.requests), total(s.faults), total(s.tampered), s.observed)
	fmt.Fprintf(&b, "calls: %s\nfailed: %s\nrequests: %s\nfaults: %s\nchanges: %s", list(s.calls), list(s.failed), list(s.requests), list(s.faults), list(s.tampered))
	return b.String()
}

func total[K comparable](counts map[K]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

func list[K ~string](counts map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, counts[k]))
	}
	return strings.Join(parts, ", ")
}
