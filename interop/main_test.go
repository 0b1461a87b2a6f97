package interop

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
)

// The directions in which an item crosses between the libraries.
const (
	pythonToGo = "Python writes, Go reads"
	goToPython = "Go writes, Python reads"
)

// results counts the cases. One that fails ends its test before it is counted.
var results tally

// verdict: what counting a case says about it.
func verdict(what string) string {
	if what == differences {
		return "as stated"
	}
	return "equal"
}

type tally struct {
	mu     sync.Mutex
	rows   []row
	counts map[row]int
}

type row struct{ what, direction string }

func (r *tally) add(what, direction string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[row]int{}
	}
	key := row{what, direction}
	if r.counts[key] == 0 {
		r.rows = append(r.rows, key)
	}
	r.counts[key]++
}

func (r *tally) print() (total int) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tdirection\tcases\t")
	for _, key := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%d\tall %s\n", key.what, key.direction, r.counts[key], verdict(key.what))
		total += r.counts[key]
	}
	fmt.Fprintf(w, "total\t\t%d\t\n", total)
	w.Flush()
	return total
}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && os.Getenv(pythonVariable) != "" && results.print() == 0 {
		fmt.Println("interop: no case was run")
		code = 1
	}
	if code == 0 && serversAsked() && !serverResults.print() {
		fmt.Println("interop: no case was run on a server")
		code = 1
	}
	os.Exit(code)
}
