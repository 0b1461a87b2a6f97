package encryptor_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// formatDoc is docs/format.md, and what of its bytes this library has confirmed.
type formatDoc struct {
	text      string
	confirmed []string // hexadecimal, without spaces
}

// TestFormatDocument computes every byte that docs/format.md shows, and fails for
// one that it has not computed.
func TestFormatDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(vectors.Root(t), "docs", "format.md"))
	require.NoError(t, err)
	d := &formatDoc{text: strings.ReplaceAll(string(text), "\r\n", "\n")}

	d.values(t)
	d.numbers(t)
	d.reader(t)
	d.descriptions(t)
	d.sizes(t)
	d.signatures(t)
	d.workedExample(t)
	d.wrapping(t)
	d.directKMS(t)
	d.constants(t)
	d.nothingElse(t)
}

// section is what stands under a heading, to the next of any level.
func (d *formatDoc) section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(d.text, "\n"+heading+"\n")
	require.True(t, found, "no heading %q", heading)
	text, _, _ := strings.Cut(rest, "\n#")
	return text
}

var formatSpan = regexp.MustCompile("`([^`]+)`")

// rows are the rows of the tables of a section, without heads and rules.
func (d *formatDoc) rows(t *testing.T, heading string) [][]string {
	t.Helper()
	var rows [][]string
	header := true
	for line := range strings.Lines(d.section(t, heading)) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			header = true
		case header:
			header = false
		case strings.HasPrefix(line, "|---"):
		default:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	require.NotEmpty(t, rows, heading)
	return rows
}

// spans are the code spans of a cell.
func formatSpans(cell string) []string {
	var spans []string
	for _, m := range formatSpan.FindAllStringSubmatch(cell, -1) {
		spans = append(spans, m[1])
	}
	return spans
}

// bytes are those that a cell shows, spaces being for reading.
func (d *formatDoc) bytes(t *testing.T, cell string) []byte {
	t.Helper()
	spans := formatSpans(cell)
	require.Len(t, spans, 1, cell)
	b, err := hex.DecodeString(strings.ReplaceAll(spans[0], " ", ""))
	require.NoError(t, err, cell)
	d.confirm(b) // of a row that is about to be checked
	return b
}

func (d *formatDoc) confirm(b []byte) { d.confirmed = append(d.confirmed, hex.EncodeToString(b)) }

func formatValue(t *testing.T, cell string) types.AttributeValue {
	t.Helper()
	spans := formatSpans(cell)
	require.Len(t, spans, 1, cell)
	var v vectors.Value
	require.NoError(t, json.Unmarshal([]byte(spans[0]), &v), cell)
	return v.AttributeValue
}

func (d *formatDoc) values(t *testing.T) {
	for _, row := range d.rows(t, "### Values") {
		v := formatValue(t, row[1])
		_, err := wire.Size(v)
		require.NoError(t, err)
		require.Equal(t, d.bytes(t, row[2]), wire.Append(nil, v, wire.PythonOrder), row[1])
		require.Equal(t, d.bytes(t, row[2]), wire.Append(nil, v, wire.JavaOrder), row[1])
	}
	for _, row := range d.rows(t, "### The two orders") {
		v := formatValue(t, row[0])
		require.Equal(t, d.bytes(t, row[1]), wire.Append(nil, v, wire.PythonOrder), row[0])
		require.Equal(t, d.bytes(t, row[2]), wire.Append(nil, v, wire.JavaOrder), row[0])
		require.NotEqual(t, row[1], row[2])
	}
}

func (d *formatDoc) numbers(t *testing.T) {
	refused := 0
	for _, row := range d.rows(t, "### Numbers") {
		for _, input := range formatSpans(row[0]) {
			got, err := wire.CanonicalNumber(input)
			if row[1] == "refused" {
				refused++
				require.ErrorIs(t, err, wire.ErrValue, input)
				continue
			}
			require.NoError(t, err, input)
			require.Equal(t, []string{got}, formatSpans(row[1]), input)
		}
	}
	require.NotZero(t, refused)
}

func (d *formatDoc) reader(t *testing.T) {
	reasons := map[string]string{
		"no length": "4 bytes wanted, 0 left", "first byte": "first byte", "unknown tag": "type tag",
		"longer than what is left": "1 bytes left", "the same; compare before allocating": "count 4294967295",
		"more members than can be there": "count 1073741824", "a byte after the value": "1 bytes after the value",
		"neither true nor false": "boolean byte", "not UTF-8": "not UTF-8", "no number": "not a number",
		"a key that is not S": "map key with type tag", "a key twice": "map key that occurs twice",
	}
	for _, row := range d.rows(t, "### What a strict reader refuses") {
		v, err := new(wire.Parser).Parse(d.bytes(t, row[0]))
		if row[2] == "refused" {
			require.ErrorIs(t, err, wire.ErrFormat, row[1])
			require.ErrorContains(t, err, reasons[row[1]], row[1])
			require.Contains(t, reasons, row[1])
			continue
		}
		require.NoError(t, err, row[1])
		require.Equal(t, vectors.ValueText(formatValue(t, row[2])), vectors.ValueText(v), row[1])
	}
}

func (d *formatDoc) descriptions(t *testing.T) {
	reasons := map[string]string{
		"three bytes": "3 bytes", "another version": "version 1", "a name without a value": "value of entry 0",
		"a value longer than what is left": "value of entry 0", "a name that is not UTF-8": "name of entry 0",
	}
	for _, row := range d.rows(t, "## Material description") {
		b := d.bytes(t, row[0])
		entries, err := wire.ParseDescription(b)
		if why, refused := strings.CutPrefix(row[1], "refused: "); refused {
			require.ErrorIs(t, err, wire.ErrDescription, row[0])
			require.Contains(t, reasons, why)
			require.ErrorContains(t, err, reasons[why], row[0])
			continue
		}
		require.NoError(t, err)
		var want map[string]string
		require.NoError(t, json.Unmarshal([]byte(formatSpans(row[1])[0]), &want))
		require.Equal(t, want, entries)
	}
}

func (d *formatDoc) sizes(t *testing.T) {
	for _, row := range d.rows(t, "## Encryption of an attribute") {
		n, err := strconv.Atoi(row[0])
		require.NoError(t, err)
		require.Equal(t, row[1], strconv.Itoa(jce.CBCSize(n)))
	}
}

func (d *formatDoc) signatures(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for _, row := range d.rows(t, "## Signing algorithms") {
		for _, name := range formatSpans(row[0]) {
			var err error
			switch {
			case strings.HasPrefix(name, "Hmac"):
				var key *materials.HMACKey
				if key, err = materials.NewHMACKeyFor(name, []byte{1}); err == nil {
					code, err := key.Sign(t.Context(), nil)
					require.NoError(t, err)
					require.Equal(t, row[1], fmt.Sprintf("%d bytes", len(code)))
				}
			case strings.HasSuffix(name, "ECDSA"):
				_, err = materials.NewSigner(ecKey, name)
			default:
				_, err = materials.NewSigner(rsaKey, name)
			}
			if row[4] == "yes" {
				require.NoError(t, err, name)
			} else {
				require.ErrorIs(t, err, materials.ErrAlgorithm, name)
			}
		}
	}
}

// workedExample makes the example of the document with the parts of this library,
// decrypts the whole, and compares what is shown line by line.
func (d *formatDoc) workedExample(t *testing.T) {
	section := d.section(t, "## A worked example")
	sequence := func(first byte, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = first + byte(i)
		}
		return b
	}
	rawContent, rawMAC := sequence(0x00, 32), sequence(0x20, 32)
	content, err := materials.NewAESKey(rawContent)
	require.NoError(t, err)
	mac, err := materials.NewHMACKey(rawMAC)
	require.NoError(t, err)

	var shown [][]byte
	show := func(b []byte) []byte {
		shown = append(shown, b)
		d.confirm(b)
		return b
	}
	show(rawContent)
	show(rawMAC)

	plaintext := encryptor.Item{}
	for _, row := range d.rows(t, "## A worked example") {
		plaintext[formatSpans(row[0])[0]] = formatValue(t, row[2])
	}
	key, err := jce.NewAESKey(rawContent)
	require.NoError(t, err)
	stored := maps.Clone(plaintext)
	for name, iv := range map[string][]byte{"iban": sequence(0xa0, 16), "tags": sequence(0xb0, 16)} {
		serialized := show(wire.Append(nil, plaintext[name], wire.PythonOrder))
		value := make([]byte, jce.CBCSize(len(serialized)))
		copy(value, iv)
		copy(value[len(iv):], serialized)
		cbc := jce.NewCBC(key)
		cbc.EncryptInPlace(value, len(serialized))
		cbc.Release()
		stored[name] = &types.AttributeValueMemberB{Value: show(value)}
	}

	attributes := []wire.SignedAttribute{{Name: "iban", Encrypted: true}, {Name: "id"}, {Name: "seq"}, {Name: "tags", Encrypted: true}}
	toSign := wire.NewStringToSign(attributes)
	toSign.SetTable(wire.TableHash("customers"))
	for i, a := range attributes {
		serialized := wire.Append(nil, stored[a.Name], wire.PythonOrder)
		toSign.SetValue(i, serialized)
		if !a.Encrypted {
			show(serialized)
		}
	}
	d.confirm(wire.AppendBinaryHeader(nil, 48))
	require.Len(t, toSign, 416)
	for hash := range slices.Chunk([]byte(toSign), 32) {
		show(hash)
	}
	signature, err := mac.Sign(t.Context(), toSign)
	require.NoError(t, err)
	description := wire.AppendDescription(nil, []wire.Entry{
		{Name: wire.EntrySigningAlg, Value: "HmacSHA256"}, {Name: wire.EntrySymMode, Value: "/CBC/PKCS5Padding"},
	})
	stored["*amzn-ddb-map-sig*"] = &types.AttributeValueMemberB{Value: show(signature)}
	stored["*amzn-ddb-map-desc*"] = &types.AttributeValueMemberB{Value: show(description)}

	joined := regexp.MustCompile(`\s+`).ReplaceAllString(section, "")
	for _, b := range shown {
		assert.Contains(t, joined, hex.EncodeToString(b))
	}

	provider, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: mac})
	require.NoError(t, err)
	codec, err := encryptor.New(provider, formatTable(), func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"visits": actions.DoNothing}
	})
	require.NoError(t, err)
	got, err := codec.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(plaintext), vectors.Text(got), "the example as a whole")
	again, err := codec.Encrypt(t.Context(), plaintext)
	require.NoError(t, err)
	require.Equal(t, stored["*amzn-ddb-map-desc*"], again["*amzn-ddb-map-desc*"])
}

func formatTable() tableinfo.TableInfo {
	return tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id", SortKey: "seq"}}
}

func (d *formatDoc) wrapping(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	unwrapRSA, err := materials.NewRSAUnwrapper(rsaKey)
	require.NoError(t, err)
	unwrapOld, err := materials.NewRSAUnwrapper(rsaKey, func(o *materials.RSAOptions) { o.AllowPKCS1v15 = true })
	require.NoError(t, err)
	aesKey, err := materials.NewAESKey(make([]byte, 32))
	require.NoError(t, err)
	for _, row := range d.rows(t, "### Wrapped") {
		for _, name := range formatSpans(row[0]) {
			unwrap := materials.KeyUnwrapper(aesKey)
			if strings.HasPrefix(name, "RSA") {
				unwrap = unwrapRSA
			}
			_, err := unwrap.UnwrapKey(t.Context(), name, make([]byte, 40))
			switch row[4] {
			case "writes and reads", "reads":
				require.ErrorIs(t, err, materials.ErrUnwrap, name)
				require.NotErrorIs(t, err, materials.ErrAlgorithm, name)
			case "reads, if asked to":
				require.ErrorIs(t, err, materials.ErrAlgorithm, name)
				_, err = unwrapOld.UnwrapKey(t.Context(), name, make([]byte, 40))
				require.ErrorIs(t, err, materials.ErrUnwrap, name)
			case "refuses":
				require.ErrorIs(t, err, materials.ErrAlgorithm, name)
			default:
				t.Errorf("%s: %q", name, row[4])
			}
		}
	}

	block := d.fields(t, "### Wrapped")
	kek, err := materials.NewAESKey(block["wrapping key"])
	require.NoError(t, err)
	wrapped, err := kek.WrapKey(t.Context(), block["content key"])
	require.NoError(t, err)
	require.Equal(t, block["wrapped"], wrapped)
}

// fields are the lines "name  hex" of a section's fenced block.
func (d *formatDoc) fields(t *testing.T, heading string) map[string][]byte {
	t.Helper()
	fields := map[string][]byte{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z ]+?) {2,}([0-9a-f]+)$`).FindAllStringSubmatch(d.section(t, heading), -1) {
		b, err := hex.DecodeString(m[2])
		require.NoError(t, err)
		fields[m[1]] = b
		d.confirm(b)
	}
	require.NotEmpty(t, fields)
	return fields
}

// formatKMS answers with one data key and keeps what it was asked.
type formatKMS struct {
	dataKey []byte
	context map[string]string
	size    int32
}

func (k *formatKMS) GenerateDataKey(_ context.Context, in *kms.GenerateDataKeyInput, _ ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	k.context, k.size = in.EncryptionContext, aws.ToInt32(in.NumberOfBytes)
	return &kms.GenerateDataKeyOutput{KeyId: in.KeyId, Plaintext: bytes.Clone(k.dataKey), CiphertextBlob: []byte("blob")}, nil
}

func (k *formatKMS) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	panic("not asked")
}

// directKMS writes an item under the document's data key and opens it with the two
// keys that the document says are derived from it.
func (d *formatDoc) directKMS(t *testing.T) {
	const heading = "### Direct KMS"
	const keyARN = "arn:aws:kms:us-east-1:111122223333:key/1"
	fields := d.fields(t, heading)
	stub := &formatKMS{dataKey: fields["data key"]}
	provider, err := materials.NewDirectKMSProvider(stub, keyARN)
	require.NoError(t, err)
	codec, err := encryptor.New(provider, formatTable())
	require.NoError(t, err)
	item := encryptor.Item{
		"id":   &types.AttributeValueMemberS{Value: "c-17"},
		"seq":  &types.AttributeValueMemberN{Value: "7.0"},
		"iban": &types.AttributeValueMemberS{Value: "DE02120300000000202051"},
	}
	stored, err := codec.Encrypt(t.Context(), item)
	require.NoError(t, err)

	content, err := materials.NewAESKey(fields["content key"])
	require.NoError(t, err)
	mac, err := materials.NewHMACKey(fields["signing key"])
	require.NoError(t, err)
	static, err := materials.NewStaticProvider(nil, &materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: mac})
	require.NoError(t, err)
	reader, err := encryptor.New(static, formatTable())
	require.NoError(t, err)
	got, err := reader.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, item["iban"], got["iban"])
	require.EqualValues(t, 32, stub.size)

	blocks := regexp.MustCompile("(?ms)^```json\n(.*?)^```$").FindAllStringSubmatch(d.section(t, heading), -1)
	require.Len(t, blocks, 2)
	var context, description map[string]string
	require.NoError(t, json.Unmarshal([]byte(blocks[0][1]), &context))
	require.Equal(t, context, stub.context)
	require.NoError(t, json.Unmarshal([]byte(blocks[1][1]), &description))
	written, err := wire.ParseDescription(stored["*amzn-ddb-map-desc*"].(*types.AttributeValueMemberB).Value)
	require.NoError(t, err)
	require.Equal(t, description, written)
	require.Equal(t, base64.StdEncoding.EncodeToString([]byte("blob")), written["amzn-ddb-env-key"])

	for _, row := range d.rows(t, heading) {
		for _, value := range formatSpans(row[1]) {
			_, err := materials.NewDirectKMSProvider(stub, keyARN, func(o *materials.DirectKMSOptions) {
				o.Description = map[string]string{formatSpans(row[0])[0]: value}
			})
			if row[2] == "yes" {
				require.NoError(t, err, value)
			} else {
				require.ErrorIs(t, err, materials.ErrAlgorithm, value)
			}
		}
	}
}

func (d *formatDoc) constants(t *testing.T) {
	one := wire.NewStringToSign([]wire.SignedAttribute{{Name: "a", Encrypted: true}, {Name: "b"}})
	for i, label := range []string{"ENCRYPTED", "PLAINTEXT"} {
		hash := one[32+96*i+32:][:32]
		d.confirm(hash)
		require.Contains(t, d.text, fmt.Sprintf("H(\"%s\") = %x", label, []byte(hash)))
	}
}

// nothingElse looks for bytes that nothing above has confirmed.
func (d *formatDoc) nothingElse(t *testing.T) {
	code := regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]+`").FindAllString(d.text, -1)
	require.NotEmpty(t, code)
	found := 0
	for _, span := range code {
		shortest := 8
		if strings.HasPrefix(span, "```text") {
			shortest = 4
		}
		for _, digits := range regexp.MustCompile(fmt.Sprintf(`\b[0-9a-f]{%d,}\b`, shortest)).FindAllString(span, -1) {
			if strings.Trim(digits, "0123456789") == "" && len(digits) > 8 && strings.Contains(d.section(t, "### Numbers"), digits) {
				continue // a number in decimal
			}
			found++
			assert.True(t, slices.ContainsFunc(d.confirmed, func(known string) bool { return strings.Contains(known, digits) }),
				"nothing computes %s", digits)
		}
	}
	require.Greater(t, found, 60)
}
