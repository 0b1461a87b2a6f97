package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
)

func TestItems(t *testing.T) {
	t.Parallel()
	sizes := map[string][2]int{ // attributes besides the key, and about how many bytes
		"10×32 B": {10, 420}, "10×400 B": {10, 4100}, "4×4 KB": {4, 16 << 10}, "1×100 KB": {1, 100 << 10}, "99 attributes": {98, 14_000},
	}
	require.Len(t, shapes, len(sizes))
	for _, s := range shapes {
		items := s.items(2)
		want := sizes[s.name]
		assert.Len(t, items[0], 1+want[0], s.name)
		assert.InEpsilon(t, want[1], size(encryptor.Item(items[0])), 0.1, s.name)
		assert.False(t, same(items[0], items[1]), "%s: the items of a page are different ones", s.name)
		assert.True(t, same(items[0], s.items(1)[0]), "%s: the same items in each run", s.name)
	}
	kinds := map[string]bool{}
	for _, value := range shapes[4].items(1)[0] {
		kinds[fmt.Sprintf("%T", value)] = true
	}
	require.Len(t, kinds, 10, "the mixed item has values of all types")
}

func TestPlan(t *testing.T) {
	t.Parallel()
	require.Len(t, newPlan(false, 2).cells, len(families)*len(shapes)*len(works)*2)
	require.Len(t, newPlan(false, 1).cells, len(families)*len(shapes)*len(works), "on one core there is nothing to compare one thread with")

	short := newPlan(true, 2)
	require.GreaterOrEqual(t, short.warm, 5*time.Second)
	seen := map[string]bool{}
	for _, c := range short.cells {
		seen[c.family.name], seen[c.shape.name], seen[string(c.work)] = true, true, true
	}
	require.Len(t, seen, len(families)+len(shapes)+len(works), "a short run leaves out no provider, no item and no work")
}

// startPeer runs the Go process in this one.
func startPeer(t *testing.T) *process {
	t.Helper()
	read, in := io.Pipe()
	out, write := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(servePeer(t.Context(), read, write), write.Close()) }()
	t.Cleanup(func() {
		assert.NoError(t, in.Close())
		assert.NoError(t, <-ended)
	})
	return &process{library: ours, in: in, out: bufio.NewReader(out)}
}

// TestPeer is not parallel to others: the process that is measured sets GOMAXPROCS.
func TestPeer(t *testing.T) {
	fake := kmstest.New()
	server := kmstest.NewServer(fake)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS": server.URL(), "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "testing",
		"AWS_SECRET_ACCESS_KEY": "testing", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	peer := startPeer(t)
	b, err := newBench(t.Context(), fake, processes{peer}, io.Discard)
	require.NoError(t, err)
	_, err = b.cross(shapes)
	require.NoError(t, err)

	for _, f := range warmed {
		for _, w := range works {
			t.Run(f.name+", "+string(w), func(t *testing.T) {
				c := cell{f, shapes[0], w, 2}
				require.NoError(t, b.prepare(c, ours))
				a, err := peer.ask(request{Op: "bench", Seconds: 0.001})
				require.NoError(t, err)
				assert.GreaterOrEqual(t, a.Iterations, int64(2), "each thread does something")
				assert.GreaterOrEqual(t, a.Nanoseconds, int64(1e6))
				// The signature, the description and their buffer at the least.
				assert.Greater(t, a.Allocations, uint64(a.Iterations)*3)
			})
		}
	}

	t.Run("a wrong result is noticed", func(t *testing.T) {
		other, err := newBench(t.Context(), fake, processes{peer}, io.Discard)
		require.NoError(t, err)
		other.configurations = b.configurations // keys of b, where other has its own
		require.ErrorIs(t, other.prepare(cell{static, shapes[0], encryptItem, 1}, ours), encryptor.ErrInvalidSignature)
		require.ErrorContains(t, other.prepare(cell{static, shapes[0], decryptItem, 1}, ours), encryptor.ErrInvalidSignature.Error())
	})
	t.Run("a refusal is an error", func(t *testing.T) {
		_, err := peer.ask(request{Op: "bake", Configuration: b.configurations["static"]})
		require.ErrorContains(t, err, `unknown operation "bake"`)
		_, err = peer.ask(request{Op: "encrypt", Item: vectors.Item{}})
		require.ErrorContains(t, err, "no configuration")
	})
}

// TestAllocations is the aim itself, which no other machine changes.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector, sync.Pool forgets at random")
	}
	sizes, err := measureGrowth(t.Context())
	require.NoError(t, err)
	require.Len(t, sizes, 3)
	a := steadyAllocations(sizes)
	require.True(t, a.met, a.found)
	require.Positive(t, sizes[0].encrypt)
	require.Less(t, sizes[0].encrypt, float64(growthAttributes), "less than one for each attribute")
	sizes[2].decrypt++
	require.False(t, steadyAllocations(sizes).met)
}

func TestSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, spread{2, 1, 9}, spreadOf([]float64{9, 1, 2}))
	require.Equal(t, spread{3, 1, 9}, spreadOf([]float64{9, 4, 1, 2}))
	for ns, want := range map[float64]string{3: "3.00 ns", 999.6: "1.00 µs", 5912: "5.91 µs", 99_960: "100 µs", 1.25e7: "12.5 ms", 2.5e9: "2.50 s"} {
		assert.Equal(t, want, duration(ns))
	}
}

// resultOf has times in nanoseconds, each once.
func resultOf(c cell, us, pythons, javas float64) result {
	return result{cell: c, turns: [libraryCount][]float64{{us}, {pythons}, {javas}}, allocations: []float64{7}, bytes: []float64{1000}}
}

func reportOf(results ...result) report {
	return report{
		machine: "a <machine>", date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), took: time.Minute, cores: 2, crossed: 90,
		results: results, growth: []growth{{100, 7, 9}, {10_000, 7, 9}},
	}
}

func TestAims(t *testing.T) {
	t.Parallel()
	type met [7]bool // in the order of aims
	results := func(us, pythons, javas float64, more ...result) []result {
		return append([]result{
			resultOf(cell{static, shapes[0], encryptItem, 1}, us, pythons, javas),
			resultOf(cell{static, shapes[0], decryptItem, 1}, 1, 100, 100),
			resultOf(cell{slowKMS, shapes[0], encryptItem, 1}, 1, 100, 100),
		}, more...)
	}
	at100KB := func(us, pythons, javas float64) result {
		return resultOf(cell{static, shapes[3], encryptItem, 1}, us, pythons, javas)
	}
	tests := map[string]struct {
		results []result
		met
	}{
		"met exactly":                   {results(10, 250, 30), met{true, true, true, true, true, true, true}},
		"24 times Python":               {results(10, 240, 30), met{false, true, true, true, true, true, true}},
		"2.9 times Java":                {results(10, 250, 29), met{true, false, true, true, true, true, true}},
		"Python faster":                 {results(10, 250, 30, resultOf(cell{wrappedAES, shapes[4], readPage, 2}, 10, 9.9, 10)), met{true, true, false, true, true, true, true}},
		"Python faster with KMS":        {results(10, 250, 30, resultOf(cell{slowKMS, shapes[3], readPage, 2}, 10, 9.9, 10)), met{true, true, true, true, false, true, true}},
		"Java faster with KMS":          {results(10, 250, 30, resultOf(cell{directKMS, shapes[0], readPage, 2}, 10, 10, 9.9)), met{true, true, true, true, true, false, true}},
		"Python 5 % faster at 100 KB":   {results(10, 250, 30, at100KB(100, 95, 100)), met{true, true, true, true, true, true, true}},
		"Python 6 % faster at 100 KB":   {results(10, 250, 30, at100KB(100, 94, 100)), met{true, true, false, true, true, true, true}},
		"Java faster, even at 100 KB":   {results(10, 250, 30, at100KB(100, 100, 99)), met{true, true, true, false, true, true, true}},
		"small items were not measured": {results(10, 250, 30)[1:], met{false, false, true, true, true, true, true}},
		"no KMS was measured":           {results(10, 250, 30)[:2], met{true, true, true, true, false, false, true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := aims(reportOf(test.results...))
			require.Len(t, found, len(test.met))
			for i, a := range found {
				assert.Equal(t, test.met[i], a.met, a.String())
			}
		})
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	var results []result
	for _, c := range newPlan(false, 2).cells {
		results = append(results, resultOf(c, 6000, 150_000, 18_000))
	}
	r := reportOf(results...)
	folder := t.TempDir()
	document := filepath.Join(folder, "benchmarks.md")
	require.NoError(t, os.WriteFile(document, fmt.Appendf(nil, "above\n%sold\n%sbelow\n", tablesBegin, tablesEnd), 0o600))
	require.NoError(t, writeFiles(folder, r))
	require.NoError(t, writeFiles(folder, r), "a second run replaces the first")

	text, err := os.ReadFile(document)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), "above\n") && strings.HasSuffix(string(text), "below\n"))
	require.NotContains(t, string(text), "old")
	require.Equal(t, len(families)*len(shapes)*len(works), strings.Count(string(text), "| 6.00 µs | 7.00 | × 25.0 | × 3.00 | 6.00 µs | × 25.0 | × 3.00 |\n"))

	file, err := os.ReadFile(filepath.Join(folder, "benchmarks.csv"))
	require.NoError(t, err)
	lines, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 1+int(libraryCount)*len(results))
	require.Equal(t, []string{"static", "0", "10×32 B", "encrypt", "1", "Python", "1", "150000", "150000", "150000", "25.000", "", ""}, lines[2])

	drawing, err := os.ReadFile(filepath.Join(folder, "benchmarks.svg"))
	require.NoError(t, err)
	var parsed struct {
		XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		Circles []struct {
			X float64 `xml:"cx,attr"`
		} `xml:"circle"`
	}
	require.NoError(t, xml.Unmarshal(drawing, &parsed))
	require.Len(t, parsed.Circles, 1+len(panels)*len(shapes), "one in the legend, one in each row")
	for _, circle := range parsed.Circles[1:] {
		require.Greater(t, circle.X, float64(labelWidth))
		require.Less(t, circle.X, float64(plotWidth))
	}

	require.NoError(t, os.WriteFile(document, []byte("no place"), 0o600))
	require.ErrorContains(t, writeFiles(folder, r), "has no place for the tables")
}
