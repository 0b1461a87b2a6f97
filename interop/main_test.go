package interop

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
)

// The directions in which an item crosses between the libraries.
type direction int

const (
	peerToGo direction = iota // the peer writes, Go reads
	goToPeer                  // Go writes, the peer reads
)

// results counts the cases. One that fails ends its test before it is counted.
var results tally

type tally struct {
	mu     sync.Mutex
	counts map[row]*[2]int
}

type row struct{ library, what string }

func (r *tally) add(l *library, what string, d direction) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[row]*[2]int{}
	}
	if r.counts[row{l.name, what}] == nil {
		r.counts[row{l.name, what}] = new([2]int)
	}
	r.counts[row{l.name, what}][d]++
}

// print says whether each library had cases in both directions.
func (r *tally) print() (complete bool) {
	// Tests run in parallel: the table does not depend on which of them was first.
	rows := slices.SortedFunc(maps.Keys(r.counts), func(a, b row) int {
		return cmp.Or(-cmp.Compare(a.library, b.library), cmp.Compare(a.what, b.what))
	})
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\npeer\twhat\tpeer writes, Go reads\tGo writes, peer reads\t")
	totals := map[string][2]int{}
	for _, key := range rows {
		verdict := "equal"
		if key.what == differences {
			verdict = "as stated"
		}
		n, sum := r.counts[key], totals[key.library]
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\tall %s\n", key.library, key.what, n[peerToGo], n[goToPeer], verdict)
		totals[key.library] = [2]int{sum[peerToGo] + n[peerToGo], sum[goToPeer] + n[goToPeer]}
	}
	complete = true
	for _, l := range installed() {
		sum := totals[l.name]
		fmt.Fprintf(w, "%s\ttotal\t%d\t%d\t\n", l.name, sum[peerToGo], sum[goToPeer])
		complete = complete && sum[peerToGo] > 0 && sum[goToPeer] > 0
	}
	w.Flush()
	return complete
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && len(installed()) > 0 && !results.print() {
		fmt.Println("interop: one of the libraries had no case in one direction")
		code = 1
	}
	if code == 0 && serversAsked() && !serverResults.print() {
		fmt.Println("interop: no case was run on a server")
		code = 1
	}
	os.Exit(code)
}
