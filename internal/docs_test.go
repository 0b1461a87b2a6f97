package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var fence = regexp.MustCompile("(?ms)^```(go|python)\n(.*?)^```$")

// What the documents show is compiled and run: every paragraph of a Go or Python
// snippet must stand, line by line, in a source file of the repository.
func TestSnippetsAreCompiled(t *testing.T) {
	t.Parallel()
	root := ".."
	sources := map[string][]string{}
	var documents []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go":
			sources["go"] = append(sources["go"], trimmed(t, path))
		case ".py":
			sources["python"] = append(sources["python"], trimmed(t, path))
		case ".md":
			documents = append(documents, path)
		}
		return nil
	}))

	snippets := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, snippet := range fence.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\r\n", "\n"), -1) {
			snippets++
			for paragraph := range strings.SplitSeq(strings.TrimSpace(snippet[2]), "\n\n") {
				found := false
				for _, source := range sources[snippet[1]] {
					found = found || strings.Contains(source, trimLines(paragraph))
				}
				assert.True(t, found, "%s: no %s file has\n%s", document, snippet[1], paragraph)
			}
		}
	}
	require.NotZero(t, snippets)
}

func trimmed(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return trimLines(string(text))
}

// trimLines drops indentation, in which a snippet may differ.
func trimLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
}

var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// The tests that documents name are there.
func TestDocumentsNameTests(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	var documents []string
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != ".." && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				declared[string(m[1])] = true
			}
		case filepath.Ext(path) == ".md":
			documents = append(documents, path)
		}
		return nil
	}))
	named := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range testName.FindAllSubmatch(text, -1) {
			named++
			assert.True(t, declared[string(m[1])], "%s: there is no %s", document, m[1])
		}
	}
	require.NotZero(t, named)
}
