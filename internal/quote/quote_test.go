package quote_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/quote"
)

func TestName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                            `""`,
		"id":                          `"id"`,
		"a\"b\n\x1b[31m\u202e":        `"a\"b\n\x1b[31m\u202e"`, // neither a new line, nor a colour, nor a turn of direction
		"\xff":                        `"\xff"`,
		strings.Repeat("n", 64):       `"` + strings.Repeat("n", 64) + `"`,
		strings.Repeat("n", 65):       `"` + strings.Repeat("n", 64) + `"…`,
		strings.Repeat("n", 63) + "é": `"` + strings.Repeat("n", 63) + `\xc3"…`,
	} {
		require.Equal(t, want, quote.Name(name))
	}
}
