// Command bench measures this library beside the Python and the Java library: the same items, the same keys and the same
// KMS, in one run. interop/run bench installs the other two and starts it; the README of the folder above has the protocol
// between the processes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/ddbec/ddbec-go/kmstest"
)

func main() {
	asPeer := flag.Bool("peer", false, "be the Go process that is measured: requests on standard input, answers on standard output")
	python := flag.String("python", "", "interpreter that has the Python library")
	java := flag.String("java", "", "folder with the classes of the Java peer, and its jars in dependency")
	scripts := flag.String("scripts", "python", "folder with peer.py")
	short := flag.Bool("short", false, "about a minute: every item crosses between the libraries, and little is measured")
	run := flag.String("run", "", "measure only what this regular expression matches, such as 'static, .*, decrypt, 1 thread'; writes no files")
	profile := flag.String("cpuprofile", "", "file for a CPU profile of the Go process")
	out := flag.String("o", ".", "folder for benchmarks.csv and benchmarks.svg; in a benchmarks.md that is there, the tables are replaced")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case flag.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", flag.Arg(0))
	case *asPeer:
		err = profiled(*profile, func() error { return servePeer(ctx, os.Stdin, os.Stdout) })
	case *python == "" || *java == "":
		err = errors.New("-python and -java are needed: start this with interop/run bench")
	default:
		err = compare(ctx, *python, *java, *scripts, *profile, *out, *run, *short)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled writes a profile of f if there is a path for it.
func profiled(path string, f func() error) (err error) {
	if path == "" {
		return f()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

func compare(ctx context.Context, python, java, scripts, profile, out, run string, short bool) (err error) {
	start := time.Now()
	wanted, err := regexp.Compile(run)
	if err != nil {
		return err
	}
	fake := kmstest.New()
	server := kmstest.NewServer(fake)
	defer server.Close()

	processes, err := startAll(ctx, python, java, scripts, profile, "AWS_ENDPOINT_URL_KMS="+server.URL())
	defer func() { err = errors.Join(err, processes.close()) }()
	if err != nil {
		return err
	}
	b, err := newBench(ctx, fake, processes, os.Stdout)
	if err != nil {
		return err
	}
	machine, err := b.machine()
	if err != nil {
		return err
	}
	p := newPlan(short, runtime.NumCPU())
	p.cells = slices.DeleteFunc(p.cells, func(c cell) bool { return !wanted.MatchString(c.String()) })

	crossed, err := b.cross(p.items)
	if err != nil {
		return err
	}
	fmt.Printf("%d items written by one library were read by another\n", crossed)
	if err := b.warmUp(p); err != nil {
		return err
	}
	var results []result
	for i, c := range p.cells {
		r, err := b.measure(c, p)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		fmt.Printf("%3d/%d %s\n", i+1, len(p.cells), r)
		results = append(results, r)
	}
	growth, err := measureGrowth(ctx)
	if err != nil {
		return err
	}
	r := report{
		machine: machine, results: results, growth: growth, part: short || run != "", crossed: crossed,
		cores: runtime.NumCPU(), took: time.Since(start), date: start,
	}
	if err := writeText(os.Stdout, r); err != nil || run != "" {
		return err
	}
	return writeFiles(out, r)
}

func writeFiles(folder string, r report) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer, report) error{"benchmarks.csv": writeCSV, "benchmarks.svg": writeSVG} {
		if err := writeFile(filepath.Join(folder, name), r, write); err != nil {
			return err
		}
	}
	if r.part {
		return nil // a document has the tables of a full run
	}
	return replaceTables(filepath.Join(folder, "benchmarks.md"), r)
}

func writeFile(path string, r report, write func(io.Writer, report) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f, r)
}
