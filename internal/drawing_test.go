package internal_test

import (
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	drawing = regexp.MustCompile("(?s)```mermaid\nflowchart.*?```")
	arrow   = regexp.MustCompile(`(?m)^ *(\w+) --> ([\w &]+)$`)
	room    = regexp.MustCompile(`(?m)^ *(\w+)\[`)
)

// The drawing of the house has an arrow for each import between packages, tests
// excepted, and no other. quote, which nearly all import, is left out of it.
func TestDrawing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/architecture.md")
	require.NoError(t, err)
	house := drawing.FindString(string(text))
	require.NotEmpty(t, house)
	drawn := map[string]bool{}
	rooms := map[string]bool{"examples": true}
	for _, m := range room.FindAllStringSubmatch(house, -1) {
		rooms[m[1]] = true
	}
	for _, m := range arrow.FindAllStringSubmatch(house, -1) {
		for to := range strings.SplitSeq(m[2], "&") {
			drawn[m[1]+" --> "+strings.TrimSpace(to)] = true
		}
	}

	imported := map[string]bool{}
	packages := map[string]bool{}
	for _, f := range goFiles(t) {
		from := path.Base(f.folder)
		if matches("examples/...", f.folder) {
			from = "examples"
		}
		if f.test || from == "quote" || from == "vectors" { // vectors serves tests alone
			continue
		}
		packages[from] = true
		for _, i := range f.imports {
			if to := path.Base(i); strings.HasPrefix(i, module+"/") && to != "quote" {
				imported[from+" --> "+to] = true
			}
		}
	}
	assert.Equal(t, sortedKeys(imported), sortedKeys(drawn))
	assert.Equal(t, sortedKeys(packages), sortedKeys(rooms))
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
