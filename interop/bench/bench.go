package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// bench is what a run needs: the libraries at work, the KMS that they share, and the means to look at what they do.
type bench struct {
	ctx       context.Context
	fake      *kmstest.KMS
	processes processes
	log       io.Writer
	// By kind of provider.
	configurations map[string]*Configuration
	own            map[string]*encryptor.ItemEncryptor // of this process, which measures nothing
}

func newBench(ctx context.Context, fake *kmstest.KMS, all processes, log io.Writer) (*bench, error) {
	b := &bench{
		ctx: ctx, fake: fake, processes: all, log: log,
		configurations: map[string]*Configuration{}, own: map[string]*encryptor.ItemEncryptor{},
	}
	key := func() []byte {
		k := make([]byte, 32)
		rand.Read(k) // never fails
		return k
	}
	for _, p := range []provider{
		{Kind: "static", EncryptionKey: key(), SigningKey: key(), SigningAlgorithm: "HmacSHA256"},
		{Kind: "wrapped_aes", WrappingKey: key(), SigningKey: key(), SigningAlgorithm: "HmacSHA256"},
		{Kind: "kms", KeyID: fake.CreateKey()},
	} {
		var (
			ours materials.CryptographicMaterialsProvider
			err  error
		)
		if p.Kind == "kms" {
			ours, err = materials.NewDirectKMSProvider(fake, p.KeyID)
		} else {
			ours, err = p.local()
		}
		if err != nil {
			return nil, err
		}
		b.configurations[p.Kind] = newConfiguration(p)
		b.own[p.Kind], err = encryptor.New(ours, tableinfo.TableInfo{
			Name: tableName, Primary: tableinfo.Index{PartitionKey: partitionKey},
		})
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// machine says what the figures depend on.
func (b *bench) machine() (string, error) {
	parts := []string{processor(), fmt.Sprintf("%d cores, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)}
	for _, p := range b.processes {
		a, err := p.ask(request{Op: "versions"})
		if err != nil {
			return "", err
		}
		switch v := a.Versions; p.library {
		case ours:
			parts = append(parts, v["go"])
		case python:
			parts = append(parts, fmt.Sprintf("Python %s with dynamodb-encryption-sdk %s and cryptography %s",
				v["python"], v["dynamodb-encryption-sdk"], v["cryptography"]))
		case java:
			parts = append(parts, fmt.Sprintf("Java %s with aws-dynamodb-encryption-java %s", v["java"], v["aws-dynamodb-encryption-java"]))
		}
	}
	return strings.Join(parts, "; "), nil
}

// processor is its name, where the system tells it in this way.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "processor unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor unknown"
}

// cross has every library read what each wrote, and returns how often one read what another did.
func (b *bench) cross(all []shape) (n int, err error) {
	for _, f := range warmed {
		for _, s := range all {
			item := s.items(1)[0]
			for _, writer := range b.processes {
				written, err := writer.ask(request{Op: "encrypt", Configuration: b.configurations[f.kind], Item: item})
				if err != nil {
					return n, err
				}
				for _, reader := range b.processes {
					read, err := reader.ask(request{Op: "decrypt", Configuration: b.configurations[f.kind], Item: written.Item})
					if err != nil {
						return n, err
					}
					if !same(item, read.Item) {
						return n, fmt.Errorf("%s, %s: %s reads something else than %s wrote", f.name, s.name, reader.library, writer.library)
					}
					if reader.library != writer.library {
						n++
					}
				}
			}
		}
	}
	return n, nil
}

func same(a, b vectors.Item) bool { return vectors.Text(a) == vectors.Text(b) }

// warmUp lets the JVM compile what is measured later: each family for p.warm, in equal parts for what occurs in it.
func (b *bench) warmUp(p plan) error {
	for _, f := range warmed {
		var cells []cell
		for _, c := range p.cells {
			if c.kind != f.kind {
				continue
			}
			c.family, c.threads = f, 1
			if !slices.ContainsFunc(cells, func(o cell) bool { return o.String() == c.String() }) {
				cells = append(cells, c)
			}
		}
		if len(cells) == 0 {
			continue
		}
		fmt.Fprintf(b.log, "Java works on %s for %v, unmeasured\n", f.name, p.warm)
		for _, c := range cells {
			if err := b.prepare(c, java); err != nil {
				return err
			}
			_, err := b.processes[java].ask(request{Op: "bench", Seconds: p.warm.Seconds() / float64(len(cells))})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare gives libraries the cell's items, and looks at what they make of them: what is measured is done right.
func (b *bench) prepare(c cell, libraries ...library) error {
	b.fake.SetLatency(0)
	b.fake.ForgetCalls()
	e := b.own[c.kind]
	plain := c.items(c.count())
	input := plain
	if c.work != encryptItem {
		input = make([]vectors.Item, len(plain))
		for i, item := range plain {
			stored, err := e.Encrypt(b.ctx, encryptor.Item(item))
			if err != nil {
				return err
			}
			input[i] = vectors.Item(stored)
		}
	}
	for _, l := range libraries {
		a, err := b.processes[l].ask(request{
			Op: "bench_prepare", Configuration: b.configurations[c.kind], Items: input, Work: c.work, Threads: c.threads,
		})
		if err != nil {
			return err
		}
		if len(a.Items) != len(plain) {
			return fmt.Errorf("%s: %d items, not %d", l, len(a.Items), len(plain))
		}
		for i, got := range a.Items {
			if c.work == encryptItem {
				read, err := e.Decrypt(b.ctx, encryptor.Item(got))
				if err != nil {
					return fmt.Errorf("%s: %w", l, err)
				}
				got = vectors.Item(read)
			}
			if !same(plain[i], got) {
				return fmt.Errorf("%s: item %d is another", l, i)
			}
		}
	}
	b.fake.SetLatency(c.latency)
	return nil
}

func (b *bench) measure(c cell, p plan) (result, error) {
	r := result{cell: c}
	if err := b.prepare(c, ours, python, java); err != nil {
		return r, err
	}
	for range p.roundsOf(c) {
		for _, process := range b.processes {
			a, err := process.ask(request{Op: "bench", Seconds: p.turn.Seconds()})
			if err != nil {
				return r, err
			}
			items := float64(a.Iterations) * float64(c.count())
			l := process.library
			r.turns[l] = append(r.turns[l], float64(a.Nanoseconds)/items)
			if l == ours {
				r.allocations = append(r.allocations, float64(a.Allocations)/items)
				r.bytes = append(r.bytes, float64(a.Bytes)/items)
			}
		}
	}
	return r, nil
}

// result is a cell's figures: nanoseconds per item, turn by turn.
type result struct {
	cell
	turns              [libraryCount][]float64
	allocations, bytes []float64 // of ours, per item
}

// spread is the middle of some figures, and their ends.
type spread struct{ median, min, max float64 }

func spreadOf(figures []float64) spread {
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

func (r result) time(l library) spread { return spreadOf(r.turns[l]) }

// ratio is how many times as long as ours a library takes.
func (r result) ratio(l library) float64 { return r.time(l).median / r.time(ours).median }

func (r result) String() string {
	return fmt.Sprintf("%s: %s an item, Python ×%s, Java ×%s", r.cell, duration(r.time(ours).median),
		factor(r.ratio(python)), factor(r.ratio(java)))
}

// duration is some nanoseconds with three digits.
func duration(ns float64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}} {
		if scaled := ns / unit.size; scaled < 999.5 {
			return digits(scaled) + " " + unit.name
		}
	}
	return digits(ns/1e9) + " s"
}

func factor(f float64) string { return digits(f) }

func digits(f float64) string {
	switch {
	case f < 9.995:
		return fmt.Sprintf("%.2f", f)
	case f < 99.95:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// find is the result of a cell, by what distinguishes it.
func find(results []result, f family, shapeName string, w work, threads int) (result, bool) {
	i := slices.IndexFunc(results, func(r result) bool {
		return r.family == f && r.shape.name == shapeName && r.work == w && r.threads == threads
	})
	if i < 0 {
		return result{}, false
	}
	return results[i], true
}

// worst is the result that compares with a library least favourably for us.
func worst(results []result, l library) result {
	return slices.MinFunc(results, func(a, b result) int { return cmp.Compare(a.ratio(l), b.ratio(l)) })
}
