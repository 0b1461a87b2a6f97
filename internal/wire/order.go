package wire

import (
	"bytes"
	"strings"
)

// Order is how members of sets, keys of maps and attribute names are sorted.
// The two orders in the wild differ only for text that has characters of
// U+E000–U+FFFF beside characters above U+FFFF, and for binary members that
// first differ at a byte of which one is 0x80 or more.
type Order uint8

const (
	// PythonOrder sorts text by code point and binary by unsigned bytes.
	PythonOrder Order = iota
	// JavaOrder sorts text by UTF-16 code unit and binary by signed bytes.
	JavaOrder
)

// CompareText compares two UTF-8 texts.
func (o Order) CompareText(a, b string) int {
	if o == JavaOrder {
		return compareUTF16(a, b)
	}
	return strings.Compare(a, b)
}

func (o Order) compareBinary(a, b []byte) int {
	if o == JavaOrder {
		return compareSigned(a, b)
	}
	return bytes.Compare(a, b)
}

// compareUTF16 compares by UTF-16 code units without converting. UTF-8 sorts by
// code point, and the two sorts part only where one character is above U+FFFF,
// whose surrogates D800–DFFF come before E000–FFFF. The bytes at the first
// difference tell: both are 0xee or more only if both are leading bytes, of
// which ee and ef begin U+E000–U+FFFF.
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x <= 0xef) != (y <= 0xef) {
			x, y = y, x
		}
		if x < y {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

func compareSigned(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int(int8(a[i])) - int(int8(b[i]))
		}
	}
	return len(a) - len(b)
}
