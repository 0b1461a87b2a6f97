package ddbtest

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Limits of DynamoDB's number type: 38 significant digits, and a first digit
// between 1E-130 and 1E+125.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// number is the value ±0.digits × 10^point. The digits have no zero at either
// end; zero has none at all, and no sign.
type number struct {
	negative bool
	digits   string
	point    int
}

// parseNumber reads [+-] digits [. digits] [e [+-] digits] with at least one
// digit in the mantissa, which is the grammar that DynamoDB shares with Java's
// BigDecimal, ASCII digits only.
func parseNumber(text string) (number, error) {
	if text == "" {
		return number{}, invalid("The parameter cannot be converted to a numeric value")
	}
	malformed := func() (number, error) {
		return number{}, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	rest := text
	negative := rest[0] == '-'
	if rest[0] == '-' || rest[0] == '+' {
		rest = rest[1:]
	}
	exponent := 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(rest[i+1:]); !ok {
			return malformed()
		}
		rest = rest[:i]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return malformed()
	}
	significant := strings.TrimLeft(digits, "0")
	point := len(whole) - (len(digits) - len(significant)) + exponent
	significant = strings.TrimRight(significant, "0")
	switch first := point - 1; {
	case significant == "":
		return number{}, nil
	case first > maxExponent:
		return number{}, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case first < minExponent:
		return number{}, invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(significant) > maxDigits:
		return number{}, invalid("Attempting to store more than 38 significant digits in a Number")
	}
	return number{negative: negative, digits: significant, point: point}, nil
}

// parseExponent reads [+-] digits. It saturates far outside the range of
// numbers, yet far inside that of int, so that sums with it cannot overflow.
func parseExponent(text string) (int, bool) {
	const saturated = 1 << 30
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	if text == "" {
		return 0, false
	}
	value := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = min(value*10+int(c-'0'), saturated)
	}
	if negative {
		value = -value
	}
	return value, true
}

// String returns the one spelling that DynamoDB gives back: plain decimal
// without an exponent and without superfluous zeros.
func (n number) String() string {
	var b strings.Builder
	if n.negative {
		b.WriteByte('-')
	}
	switch {
	case n.digits == "":
		b.WriteByte('0')
	case n.point <= 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -n.point))
		b.WriteString(n.digits)
	case n.point >= len(n.digits):
		b.WriteString(n.digits)
		b.WriteString(strings.Repeat("0", n.point-len(n.digits)))
	default:
		b.WriteString(n.digits[:n.point])
		b.WriteByte('.')
		b.WriteString(n.digits[n.point:])
	}
	return b.String()
}

// compare orders numbers by value.
func (n number) compare(o number) int {
	switch {
	case n.sign() != o.sign():
		return n.sign() - o.sign()
	case n.negative:
		return -n.compareMagnitude(o)
	default:
		return n.compareMagnitude(o)
	}
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	default:
		return 1
	}
}

// compareMagnitude needs two numbers of one sign. Without leading zeros the
// larger exponent is the larger number, and fractions compare as text.
func (n number) compareMagnitude(o number) int {
	if n.point != o.point {
		return n.point - o.point
	}
	return strings.Compare(n.digits, o.digits)
}

func (n number) negated() number {
	if n.digits != "" {
		n.negative = !n.negative
	}
	return n
}

// add is exact, or fails if the result is not a number of DynamoDB's.
func (n number) add(o number) (number, error) {
	exponent := min(n.exponent(), o.exponent())
	sum := new(big.Int).Add(n.scaled(exponent), o.scaled(exponent))
	return parseNumber(fmt.Sprintf("%dE%d", sum, exponent))
}

// exponent is that of the last digit.
func (n number) exponent() int { return n.point - len(n.digits) }

// scaled returns the number as a multiple of 10^exponent, which is at most that
// of its last digit.
func (n number) scaled(exponent int) *big.Int {
	v, _ := new(big.Int).SetString("0"+n.digits+strings.Repeat("0", n.exponent()-exponent), 10)
	if n.negative {
		v.Neg(v)
	}
	return v
}

// size is what a number counts towards the size of an item: one byte, one more
// for each pair of digits before the decimal point and for each pair after it,
// and one for a minus. Zeros at either end do not count. The Developer Guide only
// says "approximately"; this is what the limit of 400 KB shows on AWS.
func (n number) size() int {
	if n.digits == "" {
		return 1
	}
	whole := min(max(n.point, 0), len(n.digits))
	fraction := len(n.digits) - whole
	size := 1 + (whole+1)/2 + (fraction+1)/2
	if n.negative {
		size++
	}
	return size
}

// integer returns a small number as a value.
func integer(n int) value {
	num := mustNumber(strconv.Itoa(n))
	return value{kind: "N", text: num.String(), number: num}
}
