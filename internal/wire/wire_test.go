package wire_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/internal/wire"
)

type (
	S    = types.AttributeValueMemberS
	N    = types.AttributeValueMemberN
	B    = types.AttributeValueMemberB
	SS   = types.AttributeValueMemberSS
	NS   = types.AttributeValueMemberNS
	BS   = types.AttributeValueMemberBS
	L    = types.AttributeValueMemberL
	M    = types.AttributeValueMemberM
	BOOL = types.AttributeValueMemberBOOL
	NULL = types.AttributeValueMemberNULL
)

// The limits, which items in tables rely on.
const (
	maxDepth      = 128  // of lists and maps in each other
	maxNumberSize = 4096 // bytes in plain notation
)

func sortedEntries(description map[string]string) []wire.Entry {
	var entries []wire.Entry
	for name, value := range description {
		entries = append(entries, wire.Entry{Name: name, Value: value})
	}
	slices.SortFunc(entries, func(a, b wire.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}

func stringToSign(table string, item vectors.Item, actions map[string]string, order wire.Order) []byte {
	var signed []wire.SignedAttribute
	for name := range item {
		if action := actions[name]; action != "DO_NOTHING" {
			signed = append(signed, wire.SignedAttribute{Name: name, Encrypted: action == "ENCRYPT_AND_SIGN"})
		}
	}
	slices.SortFunc(signed, func(a, b wire.SignedAttribute) int { return order.CompareText(a.Name, b.Name) })
	s := wire.NewStringToSign(signed)
	s.SetTable(wire.TableHash(table))
	var hasher wire.Hasher
	for i, a := range signed {
		hasher.SetStored(s, i, item[a.Name], order)
	}
	return s
}

func TestCanonicalNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"0", "0"}, {"0.00", "0"}, {"0E+5", "0"}, {"-0", "0"}, {"-0.0", "0"}, {"-0E5", "0"}, {"0E99999999999999999999", "0"},
		{"55.00", "55"}, {"55.34000", "55.34"}, {"100", "100"}, {"1E2", "100"}, {"1e+2", "100"}, {"10e1", "100"},
		{"1e-5", "0.00001"}, {"1.5E2", "150"}, {"+5", "5"}, {"5.", "5"}, {"00042", "42"}, {".5", "0.5"}, {"-.5", "-0.5"},
		{"0.050", "0.05"}, {"-12.50", "-12.5"}, {"123.456e1", "1234.56"}, {"123.456e-1", "12.3456"}, {"0.00123e5", "123"},
		{"1.70206220242E+12", "1702062202420"},
		{"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
		{"1.00000000000000007629769841092E+50", "100000000000000007629769841092" + strings.Repeat("0", 21)},
		{"99999999999999999999999999995", "99999999999999999999999999995"},
		{"1E-130", "0." + strings.Repeat("0", 129) + "1"},
		{"1E4095", "1" + strings.Repeat("0", 4095)},
	} {
		got, err := wire.CanonicalNumber(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
		again, err := wire.CanonicalNumber(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, text := range []string{
		"", "-", "+", ".", "e1", "1e", "1e+", "NaN", "Infinity", " 5", "5 ", "1_000", "0x10", "1,5", "--1", "１２", "1.2.3", "1e1.5",
		"1E4096", "-1E4095", "1E-4095", "1E999999999", "1E-999999999", "1E9999999999999999999999", strings.Repeat("9", 4097),
	} {
		got, err := wire.CanonicalNumber(text)
		assert.ErrorIs(t, err, wire.ErrValue, text)
		assert.Empty(t, got)
	}
}

func TestOrdersDifferOnlyWhereDocumented(t *testing.T) {
	t.Parallel()
	const private, full, astral = "\ue000", "\uff5e", "\U0001f600"
	for _, c := range []struct {
		a, b         string
		python, java int
	}{
		{"a", "b", -1, -1}, {"a", "a", 0, 0}, {"a", "ab", -1, -1}, {"é", "z", 1, 1},
		{full, astral, -1, 1}, {private, astral, -1, 1}, {"x" + full + "a", "x" + astral, -1, 1},
		{"\ud7ff", astral, -1, -1}, {astral, "\U0001f601", -1, -1}, {full, "\uffee", -1, -1}, {"z", astral, -1, -1},
	} {
		sign := func(n int) int { return max(-1, min(1, n)) }
		assert.Equal(t, c.python, sign(wire.PythonOrder.CompareText(c.a, c.b)), "%q %q", c.a, c.b)
		assert.Equal(t, -c.python, sign(wire.PythonOrder.CompareText(c.b, c.a)), "%q %q", c.b, c.a)
		assert.Equal(t, c.java, sign(wire.JavaOrder.CompareText(c.a, c.b)), "%q %q", c.a, c.b)
		assert.Equal(t, -c.java, sign(wire.JavaOrder.CompareText(c.b, c.a)), "%q %q", c.b, c.a)
	}
	set := &BS{Value: [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}}}
	assert.Equal(t, "004200000004000000010100000001"+"7f0000000180"+"00000001ff", hex.EncodeToString(wire.Append(nil, set, wire.PythonOrder)))
	assert.Equal(t, "00420000000400000001800000000"+"1ff0000000101"+"000000017f", hex.EncodeToString(wire.Append(nil, set, wire.JavaOrder)))
	assert.Equal(t, [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}}, set.Value, "the caller's set is not reordered")
}

func TestSizeRefuses(t *testing.T) {
	t.Parallel()
	deep := types.AttributeValue(&S{Value: "x"})
	for range maxDepth + 1 {
		deep = &L{Value: []types.AttributeValue{deep}}
	}
	type foreign struct{ types.AttributeValue }
	for name, v := range map[string]types.AttributeValue{
		"nil":               nil,
		"nil S":             (*S)(nil),
		"nil N":             (*N)(nil),
		"nil B":             (*B)(nil),
		"nil SS":            (*SS)(nil),
		"nil NS":            (*NS)(nil),
		"nil BS":            (*BS)(nil),
		"nil L":             (*L)(nil),
		"nil M":             (*M)(nil),
		"nil BOOL":          (*BOOL)(nil),
		"nil NULL":          (*NULL)(nil),
		"unknown member":    &types.UnknownUnionMember{Tag: "X"},
		"unknown type":      foreign{},
		"NULL false":        &NULL{},
		"S not UTF-8":       &S{Value: "\xff"},
		"SS not UTF-8":      &SS{Value: []string{"a", "\xed\xa0\x80"}},
		"map key not UTF-8": &M{Value: map[string]types.AttributeValue{"\xff": &NULL{Value: true}}},
		"N":                 &N{Value: "1,5"},
		"NS":                &NS{Value: []string{"1", "NaN"}},
		"nil in a list":     &L{Value: []types.AttributeValue{nil}},
		"nil in a map":      &M{Value: map[string]types.AttributeValue{"k": (*S)(nil)}},
		"too deep":          deep,
	} {
		_, err := wire.Size(v)
		assert.ErrorIs(t, err, wire.ErrValue, name)
	}
	for name, v := range map[string]types.AttributeValue{
		"nil": nil, "nil S": (*S)(nil), "unknown": &types.UnknownUnionMember{Tag: "X"}, "foreign": foreign{}, "too deep": deep,
		"nil in a list": &L{Value: []types.AttributeValue{nil}}, "nil in a map": &M{Value: map[string]types.AttributeValue{"k": nil}},
	} {
		assert.ErrorIs(t, wire.CheckKnown(v), wire.ErrValue, name)
	}
	assert.NoError(t, wire.CheckKnown(&L{Value: []types.AttributeValue{&N{Value: "not looked at"}}}))
}

func TestNestingLimitIsTheSameBothWays(t *testing.T) {
	t.Parallel()
	value := types.AttributeValue(&NULL{Value: true})
	for range maxDepth {
		value = &M{Value: map[string]types.AttributeValue{"k": value}}
	}
	serialized := serialize(t, value, wire.PythonOrder)
	back, err := new(wire.Parser).Parse(serialized)
	require.NoError(t, err)
	require.Equal(t, vectors.ValueText(value), vectors.ValueText(back))

	deeper := append([]byte{0, 'L', 0, 0, 0, 1}, serialized...)
	_, err = new(wire.Parser).Parse(deeper)
	require.ErrorIs(t, err, wire.ErrFormat)
}

// Not parallel: it measures what the process allocates.
func TestParseDoesNotBelieveCounts(t *testing.T) {
	// Every level of nesting claims as many elements as the rest could hold.
	nested := func(tag byte, count uint32) []byte {
		input := bytes.Repeat([]byte{0xff}, 200_000)
		for level := range maxDepth {
			header := input[6*level:]
			header[0], header[1] = 0, tag
			binary.BigEndian.PutUint32(header[2:], count)
		}
		return input
	}
	for _, input := range [][]byte{nested('L', 99_000), nested('M', 20_000), nested('S', 40_000)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := new(wire.Parser).Parse(input)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, wire.ErrFormat)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
	}
}

func TestParsedValuesDoNotOverlap(t *testing.T) {
	t.Parallel()
	serialized := serialize(t, &BS{Value: [][]byte{{1}, {2}}}, wire.PythonOrder)
	v, err := new(wire.Parser).Parse(serialized)
	require.NoError(t, err)
	members := v.(*BS).Value
	_ = append(members[0], 9, 9, 9, 9, 9)
	assert.Equal(t, []byte{2}, members[1])
}

func FuzzParse(f *testing.F) {
	for _, v := range []types.AttributeValue{
		&S{Value: "héllo 😀"}, &N{Value: "1.50E1"}, &B{Value: []byte{0, 1, 255}}, &BOOL{Value: true}, &NULL{Value: true},
		&SS{Value: []string{"b", "a"}}, &NS{Value: []string{"10", "9"}}, &BS{Value: [][]byte{{0x80}, {1}}},
		&L{Value: []types.AttributeValue{&M{Value: map[string]types.AttributeValue{"k": &L{}, "～": &N{Value: "-0"}}}}},
	} {
		f.Add(wire.Append(nil, v, wire.PythonOrder))
		f.Add(wire.Append(nil, v, wire.JavaOrder))
	}
	for _, data := range frozen(f, "attributes") {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := new(wire.Parser).Parse(data)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrFormat)
			require.Nil(t, v)
			return
		}
		// What was read is written in one way, and read the same again.
		for _, order := range []wire.Order{wire.PythonOrder, wire.JavaOrder} {
			size, err := wire.Size(v)
			require.NoError(t, err)
			first := wire.Append(nil, v, order)
			require.Len(t, first, size)
			again, err := new(wire.Parser).Parse(first)
			require.NoError(t, err)
			require.Equal(t, first, wire.Append(nil, again, order))
		}
	})
}

func FuzzCanonicalNumber(f *testing.F) {
	for _, text := range []string{"0", "-0", "1.50", "1E2", "1e-5", ".5", "5.", "+5", "00042", "9E4095", "1E-4094", "NaN", "1e999999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := wire.CanonicalNumber(text)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrValue)
			return
		}
		require.LessOrEqual(t, len(got), maxNumberSize)
		if len(text) < 200 && !strings.Contains(strings.ToLower(text), "e") {
			require.Equal(t, vectors.ValueText(&N{Value: text}), vectors.ValueText(&N{Value: got}))
		}
		again, err := wire.CanonicalNumber(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

// frozen are the bytes of the vectors of one kind, by both peers.
func frozen(t testing.TB, kind string) [][]byte {
	t.Helper()
	var bytes [][]byte
	for _, peer := range []string{"python", "java"} {
		file := vectors.Load[struct{ Cases []struct{ Hex vectors.Hex } }](t, filepath.Join(vectors.Root(t), "testdata/vectors", peer+"-"+kind+".json"))
		require.NotEmpty(t, file.Cases)
		for _, c := range file.Cases {
			bytes = append(bytes, c.Hex)
		}
	}
	return bytes
}

func FuzzParseDescription(f *testing.F) {
	for _, data := range frozen(f, "descriptions") {
		f.Add(data)
	}
	f.Add(wire.AppendDescription(nil, []wire.Entry{{Name: "A", Value: "1"}, {Name: "kéy", Value: ""}}))
	f.Add([]byte{0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		description, err := wire.ParseDescription(data)
		if err != nil {
			require.ErrorIs(t, err, wire.ErrDescription)
			require.Nil(t, description)
			return
		}
		entries := sortedEntries(description)
		written := wire.AppendDescription(nil, entries)
		require.Len(t, written, wire.DescriptionSize(entries))
		again, err := wire.ParseDescription(written)
		require.NoError(t, err)
		require.Equal(t, description, again)
	})
}

func ExampleCanonicalNumber() {
	for _, text := range []string{"1.50", "1E2", "-0", "NaN"} {
		canonical, err := wire.CanonicalNumber(text)
		fmt.Println(canonical, err)
	}
	// Output:
	// 1.5 <nil>
	// 100 <nil>
	// 0 <nil>
	//  invalid value: not a decimal number
}
