// Package quote prints names that come from stored items or requests.
package quote

import "strconv"

const maxName = 64

// Name returns a name in quotes, escaped so that it cannot break a log line and
// cut at 64 bytes so that it cannot flood one.
func Name(name string) string {
	if len(name) <= maxName {
		return strconv.Quote(name)
	}
	return strconv.Quote(name[:maxName]) + "…"
}
