// Package faults_test runs the library on services that fail. A schedule is drawn
// from a seed: some workers make calls of every kind on a few keys, while KMS and
// DynamoDB throttle, hang, cut connections before and after they acted, answer
// nonsense or too late, and somebody changes stored items. A model of its own knows
// what every key holds at any time, and checks what the library says.
//
//	DDBEC_FAULT_SCHEDULES=2000 go test ./internal/faults
//	DDBEC_FAULT_SEED=17 go test -v ./internal/faults
//
// A seed fixes calls, faults and their times; the library's own pauses between
// attempts are random, so that a rare order may take several runs to come again.
package faults_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

const (
	variableSeed      = "DDBEC_FAULT_SEED"      // run this schedule alone
	variableSchedules = "DDBEC_FAULT_SCHEDULES" // how many to run
	defaultSchedules  = 200
)

func TestFaults(t *testing.T) {
	first, n := uint64(1), fromEnvironment(t, variableSchedules, defaultSchedules)
	if os.Getenv(variableSeed) != "" {
		first, n = fromEnvironment(t, variableSeed, 0), 1
	}
	var (
		mu   sync.Mutex
		all  = newStats()
		next atomic.Uint64
	)
	next.Store(first)
	t.Run("schedules", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1) - 1; seed < first+n; seed = next.Add(1) - 1 {
					done, violations := runInBubble(t, draw(seed), mutant{})
					for _, v := range violations {
						t.Errorf("%s\n%s\nagain: %s=%d go test -run TestFaults ./internal/faults", draw(seed), v, variableSeed, seed)
					}
					mu.Lock()
					all.add(done)
					mu.Unlock()
				}
			})
		}
	})
	t.Log(all.String())
	if n >= defaultSchedules {
		requireEverything(t, all)
	}
}

// requireEverything requires that no fault and no call was left out.
func requireEverything(t *testing.T, all stats) {
	t.Helper()
	for _, f := range append(slices.Clone(allFaults), partly) {
		assert.NotZero(t, all.faults[f], f)
	}
	for _, op := range operationsOfWorkers {
		assert.Greater(t, all.calls[op.name], all.failed[op.name], "%s never succeeded", op.name)
		assert.NotZero(t, all.failed[op.name], "%s never failed", op.name)
	}
	assert.NotZero(t, total(all.tampered))
	assert.NotZero(t, all.observed)
}

func fromEnvironment(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// runInBubble fails the test if goroutines are blocked for ever at the end.
func runInBubble(t *testing.T, s schedule, m mutant) (done stats, violations []violation) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			violations = append(violations, violation{goroutine, fmt.Sprint(p)})
		}
	}()
	synctest.Test(t, func(t *testing.T) { done, violations = run(t, s, m) })
	return done, violations
}
