package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// generator makes items and configurations from a seed: whoever sees a failure can have the same one again.
// It makes what users of the libraries have met trouble with, but for the inputs that its library excludes.
type generator struct {
	*rand.Rand
	library *library
	// tables take what DynamoDB takes, and not all that can be encrypted.
	tables bool
}

func newGenerator(l *library, label string) generator {
	var seed [32]byte
	copy(seed[:], "ddbec interop "+label)
	return generator{Rand: rand.New(rand.NewChaCha8(seed)), library: l}
}

func (g generator) may(in input) bool {
	return g.library.excluded[in] == "" && !(g.tables && in == hugeNumbers)
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// alphabet has what sorts differently in UTF-8 and UTF-16 (U+FF5E and beyond U+FFFF), what JSON escapes, and characters of
// one to four bytes.
var alphabet = []rune("abcXYZ0189 _-.#:\"\\/<&\u0000\n\u00e9\u00df\u0416\u4e16\u2028\ufb01\uff5e\uffe5\U0001f600\U0001d11e\U0010fffd")

func (g generator) text(most int) string {
	var b strings.Builder
	for range g.IntN(most + 1) {
		b.WriteRune(pick(g, alphabet...))
	}
	return b.String()
}

func (g generator) bytes(most int) []byte {
	b := make([]byte, g.IntN(most+1))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// numbers are spellings that somebody's program has met, by the reason why a library may differ; "" has those that all
// libraries agree on. Text that is no number (A4) is none of them: Go writes none.
var numbers = map[input][]string{
	"": {
		"0", "0.00", "0E+5", "1.0", "1E2", "1E+2", "5E+1", "1e-5", "+5", "5.", ".5", "-.5", "00042", "55.34000",
		"1.70206220242E+12", "-9.99E-100", "9999999999999999999999999999",
	},
	longNumbers: {
		"12345678901234567890123456789012345678", "99999999999999999999999999995", "12345678901234567890123456785",
		"0.1234567890123456789012345678901234567", "1.00000000000000007629769841092E+50",
	},
	hugeNumbers: {
		"1234567895171680000000000000000000000000", "1" + strings.Repeat("0", 100), "1E+127", "1E-166", "-1E+300",
		strings.Repeat("123456789", 5),
	},
	minusZero: {"-0", "-0.0", "-0E5"},
}

// number makes one in four from the list. The others have at most 28 significant digits, and 38 in their plain form,
// unless the library takes more.
func (g generator) number() string {
	if g.IntN(4) == 0 {
		kind := pick(g, "", "", longNumbers, hugeNumbers, minusZero)
		if kind != "" && !g.may(kind) {
			kind = ""
		}
		return pick(g, numbers[kind]...)
	}
	most, plain := 28, 38
	if g.may(longNumbers) {
		most = 38
	}
	if g.may(hugeNumbers) {
		most, plain = 80, 400
	}
	digits := fmt.Sprint(1 + g.IntN(9))
	for range g.IntN(most) {
		digits += fmt.Sprint(g.IntN(10))
	}
	digits = digits[:min(len(digits), most)]
	sign := pick(g, "", "", "-", "+")
	switch g.IntN(4) {
	case 0:
		return sign + digits
	case 1:
		cut := g.IntN(len(digits) + 1)
		return sign + digits[:cut] + "." + digits[cut:] + pick(g, "", "0", "000")
	case 2:
		return sign + digits + pick(g, "E", "e") + "-" + fmt.Sprint(g.IntN(90))
	default:
		return sign + digits + pick(g, "E", "e", "E+") + fmt.Sprint(g.IntN(plain+1-len(digits)))
	}
}

// set makes between one and five members, or none where empty is allowed. DynamoDB refuses an empty set, and equal members.
func set[T any](g generator, empty bool, one func() T, key func(T) string) []T {
	members := []T{}
	if empty && g.IntN(6) == 0 {
		return members
	}
	seen := map[string]bool{}
	for range 1 + g.IntN(5) {
		member := one()
		if k := key(member); !seen[k] {
			seen[k] = true
			members = append(members, member)
		}
	}
	return members
}

// value makes a value of any of the ten types. One that is hidden in a ciphertext may hold what the service would refuse: empty
// sets, and names in a map that are empty.
func (g generator) value(hidden bool, depth int) types.AttributeValue {
	kinds := 10
	if depth == 0 {
		kinds = 8
	}
	switch g.IntN(kinds) {
	case 0:
		return &types.AttributeValueMemberNULL{Value: true}
	case 1:
		return &types.AttributeValueMemberBOOL{Value: g.IntN(2) == 0}
	case 2:
		return &types.AttributeValueMemberS{Value: g.text(20)}
	case 3:
		return &types.AttributeValueMemberN{Value: g.number()}
	case 4:
		return &types.AttributeValueMemberB{Value: g.bytes(40)}
	case 5:
		if g.IntN(6) == 0 { // A6: these two sort differently in UTF-8 and UTF-16
			return &types.AttributeValueMemberSS{Value: []string{"\uff5e", "\U0001f600", "\uff5ez"}}
		}
		return &types.AttributeValueMemberSS{Value: set(g, hidden, func() string { return g.text(4) }, func(s string) string { return s })}
	case 6:
		return &types.AttributeValueMemberNS{Value: set(g, hidden, g.number, func(n string) string { return vectors.ValueText(number(n)) })}
	case 7:
		if g.IntN(6) == 0 { // A5: as signed bytes, the last two come first
			return &types.AttributeValueMemberBS{Value: [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}}}
		}
		return &types.AttributeValueMemberBS{Value: set(g, hidden, func() []byte { return g.bytes(3) }, func(b []byte) string { return string(b) })}
	case 8:
		list := make([]types.AttributeValue, g.IntN(5))
		for i := range list {
			list[i] = g.value(hidden, depth-1)
		}
		return &types.AttributeValueMemberL{Value: list}
	default:
		m := map[string]types.AttributeValue{}
		for range g.IntN(5) {
			name := g.text(5)
			if name == "" && !hidden {
				name = "m"
			}
			m[name] = g.value(hidden, depth-1)
		}
		return &types.AttributeValueMemberM{Value: m}
	}
}

// key makes a primary key value. A key is never empty, and not long.
func (g generator) key(kind string) types.AttributeValue {
	switch kind {
	case "S":
		return &types.AttributeValueMemberS{Value: "k" + g.text(12)}
	case "N":
		return &types.AttributeValueMemberN{Value: g.number()}
	default:
		return &types.AttributeValueMemberB{Value: append(g.bytes(12), byte(g.Uint32()))}
	}
}

// item makes an item and how to treat it. Names end in a number, so that no two of them are alike but for their case.
func (g generator) item(p provider, table string) (setup, encryptor.Item) {
	s := setup{
		provider: p, table: table, partitionKey: "pk" + g.text(3),
		actions: actionsSpec{
			Default:   pick(g, actions.EncryptAndSign, actions.EncryptAndSign, actions.SignOnly, actions.DoNothing),
			Overrides: map[string]actions.CryptoAction{},
		},
		order: g.library.order,
	}
	if p.spec.Kind != "kms" && g.IntN(8) == 0 {
		s.nameless = g.library.nameless // A7; Direct KMS binds the name to KMS as well, and Go never without one
	}
	item := encryptor.Item{s.partitionKey: g.key(pick(g, "S", "N", "B"))}
	if g.IntN(2) == 0 {
		s.sortKey = "sk" + g.text(3)
		item[s.sortKey] = g.key(pick(g, "S", "N", "B"))
	}
	g.fill(item, &s.actions)
	if s.actions.Default == actions.DoNothing {
		// The Python library leaves keys unsigned then, this one does not: said explicitly, both sign them.
		s.actions.Overrides[s.partitionKey] = actions.SignOnly
		if s.sortKey != "" {
			s.actions.Overrides[s.sortKey] = actions.SignOnly
		}
	}
	return s, item
}

// fill adds up to eight attributes and, for some of them, actions of their own.
func (g generator) fill(item encryptor.Item, a *actionsSpec) {
	for i := range g.IntN(9) {
		name := fmt.Sprintf("%s%d", g.text(6), i)
		if g.IntN(2) == 0 {
			a.Overrides[name] = pick(g, actions.EncryptAndSign, actions.SignOnly, actions.DoNothing)
		}
		action, ok := a.Overrides[name]
		if !ok {
			action = a.Default
		}
		item[name] = g.value(action == actions.EncryptAndSign, 3)
	}
}
