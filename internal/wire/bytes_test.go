package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/internal/wire"
)

// Each type as the package documentation draws it, so that these bytes hold
// without the published vectors too.
func TestAttributeBytes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value types.AttributeValue
		hex   string
	}{
		{"NULL", &NULL{Value: true}, "0000"},
		{"BOOL", &BOOL{Value: true}, "003f 01"},
		{"BOOL false", &BOOL{Value: false}, "003f 00"},
		{"S", &S{Value: "aé"}, "0073 00000003 61c3a9"},
		{"S, empty", &S{Value: ""}, "0073 00000000"},
		{"N", &N{Value: "-1.50E1"}, "006e 00000003 2d3135"},
		{"B", &B{Value: []byte{0, 255}}, "0062 00000002 00ff"},
		{"SS is sorted", &SS{Value: []string{"b", "a"}}, "0053 00000002 00000001 61 00000001 62"},
		{"NS is sorted as text", &NS{Value: []string{"9", "10"}}, "004e 00000002 00000002 3130 00000001 39"},
		{"BS is sorted", &BS{Value: [][]byte{{2}, {1}}}, "0042 00000002 00000001 01 00000001 02"},
		{"L", &L{Value: []types.AttributeValue{&NULL{Value: true}, &L{Value: []types.AttributeValue{}}}}, "004c 00000002 0000 004c 00000000"},
		{"M is sorted", &M{Value: map[string]types.AttributeValue{"b": &BOOL{Value: true}, "a": &M{Value: map[string]types.AttributeValue{}}}},
			"004d 00000002 0073 00000001 61 004d 00000000 0073 00000001 62 003f 01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			serialized := unhex(t, tt.hex)
			require.Equal(t, serialized, serialize(t, tt.value, wire.PythonOrder))
			parsed, err := new(wire.Parser).Parse(serialized)
			require.NoError(t, err)
			require.Equal(t, vectors.ValueText(tt.value), vectors.ValueText(parsed))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, hex, reason string }{
		{"nothing", "", "2 bytes wanted, 0 left"},
		{"half a tag", "00", "2 bytes wanted, 1 left"},
		{"first byte of a tag", "0173 00000000", "first byte 0x1"},
		{"unknown tag", "0078 00000000", "unknown type tag 0x78"},
		{"trailing byte", "0000 00", "1 bytes after the value"},
		{"BOOL without its byte", "003f", "1 bytes wanted, 0 left"},
		{"BOOL of two", "003f 02", "boolean byte 0x2"},
		{"S without length", "0073 000000", "4 bytes wanted, 3 left"},
		{"S cut", "0073 00000002 61", "length or count 2, 1 bytes left"},
		{"S that is not UTF-8", "0073 00000001 ff", "not UTF-8"},
		{"N that is not UTF-8", "006e 00000001 ff", "not UTF-8"},
		{"N that is no number", "006e 00000003 4e614e", "not a number"},
		{"B cut", "0062 ffffffff 00", "length or count 4294967295, 1 bytes left"},
		{"SS whose members cannot fit", "0053 00000002 00000001 61", "length or count 2, 5 bytes left"},
		{"NS with a word", "004e 00000001 00000001 78", "not a number"},
		{"BS with a member cut", "0042 00000001 00000002 61", "length or count 2, 1 bytes left"},
		{"L without count", "004c", "4 bytes wanted, 0 left"},
		{"L with an element cut", "004c 00000001 0073", "4 bytes wanted, 0 left"},
		{"M without count", "004d", "4 bytes wanted, 0 left"},
		{"M whose key is a number", "004d 00000001 006e 00000001 31 0000", "map key with type tag 0x6e"},
		{"M whose key has no text", "004d 00000001 0073 00000009 3131", "length or count 9, 2 bytes left"},
		{"M whose key has no tag", "004d 00000001 0173 00000001 31 0000", "first byte 0x1"},
		{"M whose value is cut", "004d 00000001 0073 00000002 3131", "2 bytes wanted, 0 left"},
		{"M with a key twice", "004d 00000002 0073 00000001 61 0000 0073 00000001 61 0000", "map key that occurs twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := new(wire.Parser).Parse(unhex(t, tt.hex))
			require.ErrorIs(t, err, wire.ErrFormat)
			require.ErrorContains(t, err, tt.reason)
			require.Nil(t, v)
		})
	}
}

func TestParseDescriptionRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, hex, reason string }{
		{"nothing", "", "0 bytes"},
		{"half a version", "0000", "2 bytes"},
		{"another version", "00000001", "version 1 is not supported"},
		{"half a length", "00000000 0000", "name of entry 0"},
		{"name cut", "00000000 00000002 61", "name of entry 0"},
		{"name that is not UTF-8", "00000000 00000001 ff 00000000", "name of entry 0"},
		{"no value", "00000000 00000001 61", "value of entry 0"},
		{"value cut", "00000000 00000001 61 00000001 62 00000001 63 7fffffff", "value of entry 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			description, err := wire.ParseDescription(unhex(t, tt.hex))
			require.ErrorIs(t, err, wire.ErrDescription)
			require.ErrorContains(t, err, tt.reason)
			require.Nil(t, description)
		})
	}
}

// A signed binary is hashed by another path from 512 bytes on.
func TestStringToSignBytes(t *testing.T) {
	t.Parallel()
	sha := func(text string) string { hash := sha256.Sum256([]byte(text)); return string(hash[:]) }
	long := strings.Repeat("x", 600)
	want := sha("TABLE>customers<TABLE") +
		sha("a") + sha("PLAINTEXT") + sha("\x00s\x00\x00\x00\x011") +
		sha("b") + sha("ENCRYPTED") + sha("\x00b\x00\x00\x00\x02\x01\x02") +
		sha("c") + sha("ENCRYPTED") + sha("\x00b\x00\x00\x02\x58"+long)
	got := stringToSign("customers",
		vectors.Item{"a": &S{Value: "1"}, "b": &B{Value: []byte{1, 2}}, "c": &B{Value: []byte(long)}, "d": &S{Value: "unsigned"}},
		map[string]string{"a": "SIGN_ONLY", "b": "ENCRYPT_AND_SIGN", "c": "ENCRYPT_AND_SIGN", "d": "DO_NOTHING"}, wire.PythonOrder)
	require.Equal(t, want, string(got))
	require.Len(t, got, wire.StringToSignSize(3))
}

func TestMaterialID(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{
		"": "name is empty", "a#b": `"a#b" contains '#'`, "#": "contains '#'", "a\xff": `"a\xff" is not UTF-8`,
	} {
		require.ErrorContains(t, wire.CheckMaterialName(name), reason, "%q", name)
	}
	for _, name := range []string{"payroll", "with space, 名前"} {
		require.NoError(t, wire.CheckMaterialName(name))
		id := wire.FormatMaterialID(name, 12)
		require.Equal(t, name+"#12", id)
		gotName, version := wire.CutMaterialID(id)
		require.Equal(t, []string{name, "12"}, []string{gotName, version})
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}
