package wire

import (
	"fmt"
	"strings"
)

// maxNumberSize is the most bytes that a number may have in plain notation,
// sign and point included. DynamoDB's own numbers need at most 171.
const maxNumberSize = 4096

// exponents beyond this cannot come back into range by any number of digits
// that fits in memory, so they need not be told apart.
const exponentLimit = 1 << 40

// CanonicalNumber returns the one spelling in which a number is serialized and
// signed: optional minus, integer part without leading zeros, fraction without
// trailing zeros, no exponent, and 0 for every zero. It is exact at any length.
// Text that is already canonical is returned as it is.
//
// Accepted, in ASCII only: [+-]? ( D+ [ . D* ] | . D+ ) ( [eE] [+-]? D+ )?
func CanonicalNumber(text string) (string, error) {
	if isCanonical(text) {
		return text, nil
	}
	n, err := parseNumber(text)
	if err != nil {
		return "", err
	}
	return string(n.appendPlain(make([]byte, 0, n.size()))), nil
}

// isCanonical finds that nothing need be done, as for nearly every number in
// practice: an item's numbers are read two or three times on their way.
func isCanonical(text string) bool {
	integer, rest := cutDigits(strings.TrimPrefix(text, "-"))
	if integer == "" || integer[0] == '0' && len(integer) > 1 || len(text) > maxNumberSize {
		return false
	}
	if rest == "" {
		return text != "-0"
	}
	if rest[0] != '.' {
		return false
	}
	fraction, rest := cutDigits(rest[1:])
	return fraction != "" && fraction[len(fraction)-1] != '0' && rest == ""
}

// decimal is a number as its significant digits and the place of the point.
// The digits are integer followed by fraction, without zeros at either end.
type decimal struct {
	negative          bool
	integer, fraction string
	point             int64 // digits before the point; negative: zeros after it
}

func parseNumber(text string) (decimal, error) {
	var n decimal
	rest := text
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		n.negative = rest[0] == '-'
		rest = rest[1:]
	}
	n.integer, rest = cutDigits(rest)
	if strings.HasPrefix(rest, ".") {
		n.fraction, rest = cutDigits(rest[1:])
	}
	if n.integer == "" && n.fraction == "" {
		return decimal{}, errNotANumber
	}
	exponent, err := parseExponent(rest)
	if err != nil {
		return decimal{}, err
	}

	n.integer = strings.TrimLeft(n.integer, "0")
	n.fraction = strings.TrimRight(n.fraction, "0")
	n.point = int64(len(n.integer)) + exponent
	if n.integer == "" {
		significant := strings.TrimLeft(n.fraction, "0")
		n.point -= int64(len(n.fraction) - len(significant))
		n.fraction = significant
	}
	if n.fraction == "" {
		n.integer = strings.TrimRight(n.integer, "0")
	}
	if n.isZero() {
		return decimal{}, nil
	}
	if n.size() > maxNumberSize {
		return decimal{}, fmt.Errorf("%w: a number of more than %d bytes in plain notation", ErrValue, maxNumberSize)
	}
	return n, nil
}

var errNotANumber = fmt.Errorf("%w: not a decimal number", ErrValue)

func parseExponent(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, errNotANumber
	}
	text = text[1:]
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	digits, rest := cutDigits(text)
	if digits == "" || rest != "" {
		return 0, errNotANumber
	}
	var exponent int64
	for i := range len(digits) {
		if exponent < exponentLimit {
			exponent = exponent*10 + int64(digits[i]-'0')
		}
	}
	if negative {
		return -exponent, nil
	}
	return exponent, nil
}

func (n decimal) isZero() bool { return n.integer == "" && n.fraction == "" }

func (n decimal) digits() int64 { return int64(len(n.integer) + len(n.fraction)) }

// size is the length of the plain notation. It is known before an exponent is
// expanded.
func (n decimal) size() int64 {
	if n.isZero() {
		return 1
	}
	var sign int64
	if n.negative {
		sign = 1
	}
	switch {
	case n.point <= 0:
		return sign + int64(len("0.")) - n.point + n.digits()
	case n.point >= n.digits():
		return sign + n.point
	default:
		return sign + n.digits() + int64(len("."))
	}
}

// appendPlain relies on parseNumber having bounded size.
func (n decimal) appendPlain(dst []byte) []byte {
	if n.isZero() {
		return append(dst, '0')
	}
	if n.negative {
		dst = append(dst, '-')
	}
	if n.point <= 0 {
		dst = append(dst, '0', '.')
		dst = appendZeros(dst, -n.point)
	}
	start := len(dst)
	dst = append(dst, n.integer...)
	dst = append(dst, n.fraction...)
	switch {
	case n.point >= n.digits():
		return appendZeros(dst, n.point-n.digits())
	case n.point > 0:
		at := start + int(n.point)
		dst = append(dst, 0)
		copy(dst[at+1:], dst[at:])
		dst[at] = '.'
	}
	return dst
}

func appendZeros(dst []byte, count int64) []byte {
	for range count {
		dst = append(dst, '0')
	}
	return dst
}

func cutDigits(text string) (digits, rest string) {
	i := 0
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return text[:i], text[i:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
