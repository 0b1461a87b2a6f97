package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
)

const label = "faults"

var labels atomic.Int64

// inLabelledGoroutine calls f in a goroutine, and waits for it. f is given a function
// that counts the goroutines which descend from its own and are left.
func inLabelledGoroutine(f func(left func() int)) {
	done := make(chan struct{})
	n := labels.Add(1)
	go func() {
		defer close(done)
		pprof.Do(context.Background(), pprof.Labels(label, fmt.Sprint(n)), func(context.Context) {
			f(func() int { return countLabelled(n) - 1 })
		})
	}()
	<-done
}

func countLabelled(value int64) (n int) {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic(err) // to a buffer
	}
	groups := regexp.MustCompile(fmt.Sprintf(`(?m)^(\d+) @.*\n# labels: .*"%s":"%d"`, label, value)).FindAllSubmatch(profile.Bytes(), -1)
	for _, group := range groups {
		count, err := strconv.Atoi(string(group[1]))
		if err != nil {
			panic(err) // it is digits
		}
		n += count
	}
	return n
}
