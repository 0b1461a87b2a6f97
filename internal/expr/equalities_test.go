package expr_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/expr"
)

// What Equalities finds is among what Uses finds, each with a placeholder.
func FuzzEqualities(f *testing.F) {
	for _, seed := range []string{"a = :v", "(#s=:v)AND(b\t=\n:w)", "a = :v AND b BETWEEN :w AND :x", ":v = a", "a.b = :v AND c[0] = :w", "size(a) = :v", "a = b", "#none = :v"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		uses, usesErr := expr.Uses(expression, aliases)
		equal, err := expr.Equalities(expression, aliases)
		require.Equal(t, usesErr, err)
		require.LessOrEqual(t, len(equal), len(uses))
		for name, placeholder := range equal {
			require.True(t, slices.ContainsFunc(uses, func(u expr.Use) bool { return u.Name == name }), "%q in %q", name, expression)
			require.Contains(t, expression, placeholder)
			require.Regexp(t, `^:`, placeholder)
		}
	})
}

func TestEqualities(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]map[string]string{
		"a = :v":                              {"a": ":v"},
		"(#s=:v)AND(b\t=\n:w)":                {"secret": ":v", "b": ":w"},
		"a = :v AND b BETWEEN :w AND :x":      {"a": ":v"},
		"a = :v AND begins_with(b, :w)":       {"a": ":v"},
		"a <= :v AND b < :w AND c <> :x":      {},
		"a >= :v AND b > :w":                  {},
		":v = a":                              {},
		"a = b":                               {},
		"a.b = :v AND c[0] = :w":              {},
		"size(a) = :v AND (a) = :w":           {},
		"a = size(b) AND a = (:v)":            {},
		"a = :v AND b = :w AND c = :x AND :y": {"a": ":v", "b": ":w", "c": ":x"},
	} {
		got, err := expr.Equalities(expression, aliases)
		require.NoError(t, err, expression)
		assert.Equal(t, want, got, expression)
	}
	for expression, want := range map[string]error{"a = ": expr.ErrSyntax, "": expr.ErrSyntax, "#x = :v": expr.ErrUndefinedAlias} {
		got, err := expr.Equalities(expression, aliases)
		require.ErrorIs(t, err, want, expression)
		assert.Nil(t, got)
	}
}
