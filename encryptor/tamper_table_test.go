package encryptor_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

func (c *tamperChange) readerOf(s *scene) *encryptor.ItemEncryptor {
	if c.reader != nil {
		return c.reader(s)
	}
	return s.owner
}

// isGenuine tells that a change came to nothing, as an exchange of equal values.
func (c *tamperChange) isGenuine(s *scene, item encryptor.Item) bool {
	return c.reader == nil && vectors.Text(item) == vectors.Text(s.stored)
}

// TestTamperTable takes every step on an item with a value of every type, under
// every provider, and requires just the outcomes of the table.
func TestTamperTable(t *testing.T) {
	t.Parallel()
	for _, provider := range tamperProviders {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			before := scenes{provider: provider, plain: tamperPlain()}
			total := 0
			for _, c := range tamperChanges {
				if c.want[provider] == nil {
					continue
				}
				s := before.of(t, c.config)
				seen := make(map[string]int)
				c.items(t, s, func(item encryptor.Item) {
					if !c.isGenuine(s, item) {
						seen[s.outcome(t, c.readerOf(s), item, c.reader != nil)]++
						total++
					}
				})
				require.Equal(t, c.want[provider], slices.Sorted(maps.Keys(seen)), "%s: %s: %v", c.what, c.config.name, seen)
			}
			require.Greater(t, total, 1000)
			t.Logf("%d changed items", total)
		})
	}
	t.Log("\n" + tamperMarkdown())
}

// TestTamperProperty takes some of the steps on items with values, names and
// lengths of all sorts.
func TestTamperProperty(t *testing.T) {
	t.Parallel()
	const seeds, most = 5, 4
	for _, provider := range tamperProviders {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				rng := rand.New(rand.NewPCG(seed, 6))
				before := scenes{provider: provider, plain: randomPlain(rng)}
				for _, c := range tamperChanges {
					if c.want[provider] == nil {
						continue
					}
					s := before.of(t, c.config)
					var items []encryptor.Item
					c.items(t, s, func(item encryptor.Item) { items = append(items, item) })
					for range most {
						item := items[rng.IntN(len(items))]
						if c.isGenuine(s, item) {
							continue
						}
						require.Contains(t, c.want[provider], s.outcome(t, c.readerOf(s), item, c.reader != nil), "seed %d: %s: %s\n%s", seed, c.what, c.config.name, vectors.Text(item))
					}
				}
			}
		})
	}
}

// randomPlain keeps the names that the actions list, and the secrecy of values.
func randomPlain(rng *rand.Rand) encryptor.Item {
	item := tamperPlain()
	for _, name := range []string{"string", "city", "note"} {
		item[name] = &itemS{Value: "hush-" + strings.Repeat("ä", rng.IntN(40)) + fmt.Sprint(rng.Uint64())}
	}
	for _, name := range []string{"binary", "code"} {
		b := make([]byte, rng.IntN(100))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		item[name] = &itemB{Value: append([]byte("hush-"), b...)}
	}
	for _, name := range []string{"number", "visits"} {
		item[name] = &itemN{Value: fmt.Sprintf("%d.%dE%d", rng.Int64N(1e12)-5e11, rng.Uint32(), rng.IntN(60)-30)}
	}
	item["id"] = &itemS{Value: fmt.Sprintf("hush-customer-%d", rng.Uint64())}
	item["at"] = &itemN{Value: fmt.Sprint(1e9 + rng.Int64N(1e9))}
	for range rng.IntN(5) {
		name := fmt.Sprintf("extra %c %d", rune(0xa1+rng.IntN(0x20000)), rng.IntN(1000))
		item[strings.ToValidUTF8(name, "?")] = &itemS{Value: fmt.Sprintf("hush-%d", rng.Uint64())}
	}
	return item
}

// tamperMarkdown is the table as the document of the security model has it.
func tamperMarkdown() string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(append([]string{"change", "reader's option"}, tamperProviders...)...)
	row(slices.Repeat([]string{"---"}, 2+len(tamperProviders))...)
	for _, c := range tamperChanges {
		cells := []string{c.what, c.config.name}
		for _, provider := range tamperProviders {
			cell := "–"
			if want := c.want[provider]; want != nil {
				var names []string
				for _, outcome := range want {
					if strings.HasPrefix(outcome, "Err") {
						outcome = "`" + outcome + "`"
					}
					names = append(names, outcome)
				}
				cell = strings.Join(names, ", ")
			}
			cells = append(cells, cell)
		}
		row(cells...)
	}
	return b.String()
}

// The document says what the library does.
func TestTamperTableInTheDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/security.md")
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(document), "\r\n", "\n"), "\n\n"+tamperMarkdown()+"\n",
		"docs/security.md must have the table that go test -v -run TestTamperTable prints")
}
