// Package internal_test holds the import map of the module: which package may
// import which, so that the layers stay layers.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module        = "github.com/ddbec/ddbec-go"
	awsSDK        = "github.com/aws/aws-sdk-go-v2"
	awsCore       = awsSDK + "/aws/..."
	awsConfig     = awsSDK + "/config"
	dynamoDB      = awsSDK + "/service/dynamodb/..."
	dynamoDBTypes = awsSDK + "/service/dynamodb/types"
	kms           = awsSDK + "/service/kms/..."
	smithy        = "github.com/aws/smithy-go/..."
)

// importMap says what the files of a package, tests excepted, may import beside
// the standard library: packages of this module by folder, others by path.
// "x/..." is x and everything below it.
var importMap = map[string][]string{
	"actions":                 {},
	"tableinfo":               {awsCore, dynamoDB},
	"materials":               {"internal/jce", "internal/panics", "internal/quote", "internal/wire", awsCore, dynamoDBTypes, kms, smithy, "golang.org/x/crypto/hkdf"},
	"encryptor":               {"actions", "tableinfo", "materials", "internal/...", awsCore, dynamoDB, smithy},
	"materials/materialstest": {"materials", dynamoDBTypes},

	"materials/metastore": {"encryptor", "materials", "internal/quote", "internal/wire", awsCore, dynamoDB, smithy},

	// The stand-ins share no code with what is tested against them: a fault in it
	// would be on both sides and cancel out.
	"ddbtest": {awsCore, dynamoDB, smithy},
	"kmstest": {awsCore, kms, smithy},

	"internal/expr":    {"internal/quote"},
	"internal/jce":     {"internal/quote"},
	"internal/panics":  {},
	"internal/quote":   {},
	"internal/wire":    {"internal/quote", dynamoDBTypes},
	"internal/vectors": {dynamoDBTypes},

	// Examples import nothing internal, so that a reader can copy them.
	"examples/...": {"actions", "tableinfo", "materials", "materials/metastore", "encryptor", "ddbtest", "kmstest", awsSDK + "/..."},
}

func TestImports(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test {
			// Tests import what they like, except what would need an account.
			if slices.Contains(f.imports, awsConfig) {
				assert.True(t, matches("examples/...", f.folder), "%s imports %s", f.name, awsConfig)
			}
			continue
		}
		entry, ok := entryFor(f.folder)
		if !assert.True(t, ok, "%s: folder %q is not in the import map", f.name, f.folder) {
			continue
		}
		used[entry] = true
		for _, imported := range f.imports {
			assert.True(t, allowed(entry, imported), "%s imports %s; for %s the import map allows the standard library and %q", f.name, imported, entry, importMap[entry])
		}
	}
	for entry := range importMap {
		assert.True(t, used[entry], "the import map lists %q, but there is no such package", entry)
	}
}

func TestImportMap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		entry, imported string
		want            bool
	}{
		{"actions", "crypto/sha256", true},
		{"actions", "C", false},
		{"actions", dynamoDBTypes, false},
		{"actions", "github.com/stretchr/testify/require", false},
		{"actions", module + "/internal/quote", false},
		{"materials", awsSDK + "/service/kms", true},
		{"materials", awsSDK + "/service/kms/types", true},
		{"materials", awsSDK + "/service/kmsother", false},
		{"materials", awsSDK + "/service/dynamodb", false},
		{"materials", module + "/internal/wire", true},
		{"materials", module + "/internal/wire/below", false},
		{"materials", module + "/actions", false},
		{"encryptor", module + "/internal/expr", true},
		{"encryptor", module + "/kmstest", false},
		{"encryptor", module + "-other/internal/expr", false},
		{"encryptor", awsConfig, false},
		{"internal/jce", module + "/internal/wire", false},
		{"ddbtest", module + "/internal/expr", false},
		{"examples/...", awsConfig, true},
		{"examples/...", module + "/internal/wire", false},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, allowed(tt.entry, tt.imported), "%s imports %s", tt.entry, tt.imported)
	}

	_, ok := entryFor("examples/quickstart")
	assert.True(t, ok)
	for _, folder := range []string{".", "internal", "internal/none", "actions/below", "examples2"} {
		_, ok := entryFor(folder)
		assert.False(t, ok, folder)
	}
}

// entryFor returns the entry of the import map that covers a folder.
func entryFor(folder string) (string, bool) {
	for entry := range importMap {
		if matches(entry, folder) {
			return entry, true
		}
	}
	return "", false
}

func allowed(entry, imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return imported != "C"
	}
	return slices.ContainsFunc(importMap[entry], func(pattern string) bool {
		if first, _, _ := strings.Cut(pattern, "/"); !strings.Contains(first, ".") {
			pattern = module + "/" + pattern
		}
		return matches(pattern, imported)
	})
}

func matches(pattern, name string) bool {
	prefix, tree := strings.CutSuffix(pattern, "/...")
	return name == prefix || tree && strings.HasPrefix(name, prefix+"/")
}

type goFile struct {
	name, folder string
	test         bool
	imports      []string
}

// goFiles reads the imports of all Go files of this module, whatever their
// build constraints.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	root := os.DirFS("..")
	mod, err := fs.ReadFile(root, "go.mod")
	require.NoError(t, err)
	require.Contains(t, string(mod), "module "+module+"\n")

	var files []goFile
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skipFolder(root, name)
		case path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := goFile{name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go")}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// skipFolder returns fs.SkipDir for the folders that the go command leaves out
// of "./..." as well: hidden ones, testdata and nested modules.
func skipFolder(root fs.FS, name string) error {
	if name == "." {
		return nil
	}
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}
