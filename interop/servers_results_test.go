package interop

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
)

// serverResults counts operations on servers. One that fails ends its test before
// it is counted.
var serverResults serverTally

type serverCase struct{ server, operation string }

type serverCount struct{ passed, excepted int }

type serverTally struct {
	mu     sync.Mutex
	counts map[serverCase]serverCount
	notes  []string // further findings, to be printed
}

func (r *serverTally) add(server, operation string, excepted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[serverCase]serverCount{}
	}
	count := r.counts[serverCase{server, operation}]
	if excepted {
		count.excepted++
	} else {
		count.passed++
	}
	r.counts[serverCase{server, operation}] = count
}

func (r *serverTally) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// print writes the table and reports whether anything was run.
func (r *serverTally) print() bool {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\noperation\t")
	for _, s := range servers {
		fmt.Fprintf(w, "%s\t", s.name)
	}
	fmt.Fprintln(w)
	totals := map[string]serverCount{}
	for _, op := range operations {
		fmt.Fprintf(w, "%s\t", op.name)
		for _, s := range servers {
			count := r.counts[serverCase{s.name, op.name}]
			total := totals[s.name]
			totals[s.name] = serverCount{total.passed + count.passed, total.excepted + count.excepted}
			fmt.Fprintf(w, "%s\t", count)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "total passed\t")
	for _, s := range servers {
		fmt.Fprintf(w, "%d\t", totals[s.name].passed)
	}
	fmt.Fprint(w, "\ntotal exceptions\t")
	for _, s := range servers {
		fmt.Fprintf(w, "%d\t", totals[s.name].excepted)
	}
	fmt.Fprintln(w)
	w.Flush()
	r.printExceptions()
	fmt.Println()
	for _, line := range r.notes {
		fmt.Println(line)
	}
	return len(r.counts)+len(r.notes) > 0
}

func (r *serverTally) printExceptions() {
	fmt.Println("\nexceptions:")
	for _, e := range exceptions {
		if r.counts[serverCase{e.server, e.operation}].excepted > 0 {
			fmt.Printf("  %s, %s: %s%s\n", e.server, e.operation, e.why, map[bool]string{true: " (not run, since it only fails at times)"}[e.says == ""])
		}
	}
}

func (c serverCount) String() string {
	switch {
	case c == serverCount{}:
		return "-"
	case c.excepted == 0:
		return fmt.Sprint("passed ", c.passed)
	default:
		return fmt.Sprint("exception ", c.excepted)
	}
}

// serversAsked tells whether the servers of others were started for this run.
func serversAsked() bool {
	return slices.ContainsFunc(servers, func(s server) bool { return s.variable != "" && os.Getenv(s.variable) != "" })
}
