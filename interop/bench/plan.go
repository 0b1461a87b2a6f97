package main

import (
	"fmt"
	"time"
)

// family is a materials provider, and how slow its KMS is.
type family struct {
	name    string
	kind    string
	latency time.Duration
}

var (
	static     = family{name: "static", kind: "static"}
	wrappedAES = family{name: "wrapped AES", kind: "wrapped_aes"}
	directKMS  = family{name: "Direct KMS", kind: "kms"}
	slowKMS    = family{name: "Direct KMS, 10 ms a call", kind: "kms", latency: 10 * time.Millisecond}
	families   = []family{static, wrappedAES, directKMS, slowKMS}
	works      = []work{encryptItem, decryptItem, readPage}
	// warmed has each code path once: the latency of the KMS is none.
	warmed = []family{static, wrappedAES, directKMS}
)

// cell is one thing that all libraries are measured at, in turns.
type cell struct {
	family
	shape
	work    work
	threads int
}

func (c cell) String() string {
	return fmt.Sprintf("%s, %s, %s, %s", c.family.name, c.shape.name, c.workName(), threads(c.threads))
}

func (c cell) workName() string {
	if c.work == readPage {
		return fmt.Sprintf("page of %d", pageSize)
	}
	return string(c.work)
}

// count is how many items one repetition of the work has.
func (c cell) count() int {
	if c.work == readPage {
		return pageSize
	}
	return 1
}

func threads(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}

type plan struct {
	cells []cell
	items []shape
	// Each library is measured so often and so long at a time, one after the other and over again: what else happens on the
	// machine hits all of them.
	rounds int
	turn   time.Duration
	// warm is how long Java works on each family before anything is measured. The others need none: one has no compiler,
	// the other has done it.
	warm time.Duration
}

func newPlan(short bool, cores int) plan {
	p := plan{items: shapes, rounds: 5, turn: 200 * time.Millisecond, warm: 6 * time.Second}
	if short {
		p.rounds, p.turn, p.warm = 3, 50*time.Millisecond, 5*time.Second
	}
	counts := []int{1}
	if cores > 1 {
		counts = append(counts, cores)
	}
	for _, f := range families {
		for _, s := range shapes {
			for _, w := range works {
				for _, n := range counts {
					c := cell{f, s, w, n}
					if !short || c.inShort() {
						p.cells = append(p.cells, c)
					}
				}
			}
		}
	}
	return p
}

// inShort: every item with static keys, everything else with the smallest.
func (c cell) inShort() bool {
	if c.threads > 1 || c.shape.name != shapes[0].name {
		return c.threads == 1 && c.family == static && c.work != readPage
	}
	return true
}

// roundsOf: pages from a slow KMS take a second each, and hardly vary.
func (p plan) roundsOf(c cell) int {
	if c.latency > 0 {
		return min(p.rounds, 3)
	}
	return p.rounds
}
