package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// report is everything that is written about a run.
type report struct {
	machine string
	date    time.Time
	took    time.Duration
	cores   int
	part    bool // of what a full run measures, too little to speak of aims
	crossed int
	results []result
	growth  []growth
}

func (r report) title() string {
	kind := "Full run"
	if r.part {
		kind = "Part of a run"
	}
	return fmt.Sprintf("%s of %s, %v: %s.", kind, r.date.Format("2006-01-02"), r.took.Round(time.Second), r.machine)
}

// writeText writes a table for a terminal: each library's time for an item, with the ends of its turns.
func writeText(out io.Writer, r report) error {
	fmt.Fprintf(out, "\n%s\n", r.title())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range families {
		for i, c := range r.results {
			if c.family != f {
				continue
			}
			if i == 0 || r.results[i-1].family != f {
				fmt.Fprintf(w, "\n%s\n\t\t\tGo, per item\tallocations\tPython\t× Go\tJava\t× Go\n", f.name)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.shape.name, c.workName(), threads(c.threads),
				c.time(ours), digits(spreadOf(c.allocations).median),
				c.time(python), factor(c.ratio(python)), c.time(java), factor(c.ratio(java)))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", growthText(r.growth))
	if r.part {
		return nil
	}
	fmt.Fprintln(out)
	for _, a := range aims(r) {
		fmt.Fprintln(out, a)
	}
	return nil
}

func (s spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", duration(s.median), duration(s.min), duration(s.max))
}

func growthText(sizes []growth) string {
	text := fmt.Sprintf("Allocations of an item of %d values:", growthAttributes)
	for i, g := range sizes {
		if i > 0 {
			text += ";"
		}
		text += fmt.Sprintf(" of %d bytes each, %g to encrypt and %g to decrypt", g.bytes, g.encrypt, g.decrypt)
	}
	return text + "."
}

// writeCSV has a line for each library and cell. Times are wall clock, divided by the items of all threads.
func writeCSV(out io.Writer, r report) error {
	w := csv.NewWriter(out)
	lines := [][]string{{
		"provider", "kms_latency_ms", "item", "work", "threads", "library", "turns",
		"ns_per_item_median", "ns_per_item_min", "ns_per_item_max", "times_go", "allocations_per_item", "allocated_bytes_per_item",
	}}
	for _, c := range r.results {
		for l := range libraryCount {
			s := c.time(l)
			line := []string{
				c.kind, strconv.FormatInt(c.latency.Milliseconds(), 10), c.shape.name, c.workName(), strconv.Itoa(c.threads), l.String(),
				strconv.Itoa(len(c.turns[l])), whole(s.median), whole(s.min), whole(s.max),
				strconv.FormatFloat(c.ratio(l), 'f', 3, 64), "", "",
			}
			if l == ours {
				line[11] = strconv.FormatFloat(spreadOf(c.allocations).median, 'f', 1, 64)
				line[12] = whole(spreadOf(c.bytes).median)
			}
			lines = append(lines, line)
		}
	}
	return w.WriteAll(lines)
}

func whole(f float64) string { return strconv.FormatFloat(f, 'f', 0, 64) }

var (
	tablesBegin = []byte("<!-- begin of what interop/run bench writes -->\n")
	tablesEnd   = []byte("<!-- end of what interop/run bench writes -->\n")
)

// replaceTables puts the tables of this run where those of an earlier one are in a document. There need be none.
func replaceTables(path string, r report) error {
	document, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(document, tablesBegin)
	_, after, ended := bytes.Cut(rest, tablesEnd)
	if !begun || !ended {
		return fmt.Errorf("%s has no place for the tables", path)
	}
	return os.WriteFile(path, slices.Concat(before, tablesBegin, markdown(r), tablesEnd, after), 0o666)
}

func markdown(r report) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s\n\n%d items that one library wrote were read by another before anything was measured.\n", r.title(), r.crossed)
	fmt.Fprint(&b, "\n| aim | | |\n|---|---|---|\n")
	for _, a := range aims(r) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.text, a.found, a.verdict())
	}
	fmt.Fprintf(&b, "\n%s\n", growthText(r.growth))
	for _, f := range families {
		fmt.Fprintf(&b, "\n**%s**\n\n| item | | Go | allocations | Python | Java | Go, %d cores | Python | Java |\n", f.name, r.cores)
		fmt.Fprint(&b, "|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
		for _, s := range shapes {
			for _, w := range works {
				one, ok := find(r.results, f, s.name, w, 1)
				if !ok {
					continue
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s | × %s | × %s |", s.name, one.workName(), duration(one.time(ours).median),
					digits(spreadOf(one.allocations).median), factor(one.ratio(python)), factor(one.ratio(java)))
				if all, ok := find(r.results, f, s.name, w, r.cores); ok && r.cores > 1 {
					fmt.Fprintf(&b, " %s | × %s | × %s |\n", duration(all.time(ours).median), factor(all.ratio(python)), factor(all.ratio(java)))
				} else {
					fmt.Fprint(&b, " | | |\n")
				}
			}
		}
	}
	b.WriteByte('\n')
	return b.Bytes()
}
