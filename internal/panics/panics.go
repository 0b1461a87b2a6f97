// Package panics carries a panic from the goroutine in which it happened to one
// whose caller can recover it.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic of another goroutine, with that one's stack.
type Panic struct {
	value any
	stack []byte
}

// Recovered keeps what recover returned. Call it where the panic is recovered: it
// takes the stack of the calling goroutine.
func Recovered(value any) *Panic { return &Panic{value, debug.Stack()} }

// Error gives value and stack.
func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// Unwrap returns the value if it is an error, such as a runtime.Error.
func (p *Panic) Unwrap() error {
	err, _ := p.value.(error)
	return err
}
