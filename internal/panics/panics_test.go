package panics_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/panics"
)

func panicking(value any) (p *panics.Panic) {
	defer func() { p = panics.Recovered(recover()) }()
	panic(value)
}

func TestPanic(t *testing.T) {
	t.Parallel()
	p := panicking("own fault")
	require.ErrorContains(t, p, "own fault\n\ngoroutine ")
	require.ErrorContains(t, p, "panicking", "the stack is that of the panic")
	require.NoError(t, p.Unwrap())

	var fault runtime.Error
	require.ErrorAs(t, panicking(&runtime.TypeAssertionError{}), &fault)
}
