package encryptor_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// benchTable is the table of the measured items.
const benchTable = "bench"

// BenchmarkItem measures items of which every attribute but the primary key is
// encrypted, with keys that never change, so that no provider plays a part.
// Beside Go's own columns it prints
//
//	floor-ns/op  what the cryptography alone takes, see floor
//	xfloor       our time as a multiple of that
//	xaim         what xfloor should be at most
//
// Maps in values of a few hundred bytes or less stay above it: to make one or to
// go through it twice takes 100 ns, and its entries more, where the cryptography
// of the whole attribute takes 800.
func BenchmarkItem(b *testing.B) {
	// A process with an almost empty heap collects garbage at every 4 MB, of which
	// the floor makes more than we do: it would flatter us where items are small.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))

	keys := newBenchKeys(b)
	for _, op := range []string{"Encrypt", "Decrypt"} {
		for _, kind := range valueKinds {
			for _, size := range itemSizes {
				b.Run(op+"/"+kind.name+"/"+size.name, func(b *testing.B) {
					e := keys.encryptor(b)
					item := benchItem(size.attributes, size.bytes, kind.value)
					stored, err := e.Encrypt(b.Context(), item)
					require.NoError(b, err)
					f := keys.newFloor(b, stored)
					require.Equal(b, signatureOf(b, stored), f.decrypt(), "the floor must do the item's cryptography")

					ours := func() { _, err = e.Encrypt(b.Context(), item) }
					floor := func() { f.encrypt() }
					if op == "Decrypt" {
						ours = func() { _, err = e.Decrypt(b.Context(), stored) }
						floor = func() { f.decrypt() }
					}
					compare(b, ours, floor)
					require.NoError(b, err)
					b.ReportMetric(size.aim, "xaim")
				})
			}
		}
	}
}

var itemSizes = []struct {
	name              string
	attributes, bytes int
	aim               float64
}{
	{"10x32B", 10, 32, 0.75},
	{"10x400B", 10, 400, 0.9},
	{"4x4KB", 4, 4 << 10, 1.05},
	{"1x100KB", 1, 100 << 10, 1.05},
}

var valueKinds = []struct {
	name  string
	value func(bytes int) types.AttributeValue
}{
	{"B", func(n int) types.AttributeValue { return &types.AttributeValueMemberB{Value: make([]byte, n)} }},
	{"S", func(n int) types.AttributeValue { return text(n) }},
	{"nested", nested},
}

func text(n int) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: strings.Repeat("x", n)}
}

// nested is a map with a text and a list of a number, together of n bytes.
func nested(n int) types.AttributeValue {
	const number = "1234567890.5"
	return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
		"text": text(n - len(number)),
		"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: number}}},
	}}
}

func benchItem(attributes, bytes int, value func(int) types.AttributeValue) encryptor.Item {
	item := encryptor.Item{
		"pk": &types.AttributeValueMemberS{Value: "customer#1234567890"},
		"sk": &types.AttributeValueMemberN{Value: "1700000000"},
	}
	for i := range attributes {
		item["attribute"+strconv.Itoa(i)] = value(bytes)
	}
	return item
}

type benchKeys struct{ aes, mac []byte }

func newBenchKeys(tb testing.TB) benchKeys {
	tb.Helper()
	k := benchKeys{aes: make([]byte, 32), mac: make([]byte, 32)}
	rand.Read(k.aes)
	rand.Read(k.mac)
	return k
}

func (k benchKeys) encryptor(tb testing.TB) *encryptor.ItemEncryptor {
	tb.Helper()
	content, err := materials.NewAESKey(k.aes)
	require.NoError(tb, err)
	signing, err := materials.NewHMACKey(k.mac)
	require.NoError(tb, err)
	provider, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: signing},
		&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: signing})
	require.NoError(tb, err)
	e, err := encryptor.New(provider, tableinfo.TableInfo{
		Name:    benchTable,
		Primary: tableinfo.Index{PartitionKey: "pk", SortKey: "sk"},
	})
	require.NoError(tb, err)
	return e
}

func signatureOf(tb testing.TB, stored encryptor.Item) []byte {
	tb.Helper()
	b, ok := stored["*amzn-ddb-map-sig*"].(*types.AttributeValueMemberB)
	require.True(tb, ok)
	return b.Value
}

// floor is the cryptography of one item and nothing else, done plainly with the
// standard library: for each encrypted attribute a key schedule, a CBC object, to
// encrypt a random IV, and new memory for the result; for each signed one the
// hashes of its name and its stored value; one HMAC. Nothing is serialized,
// padded, parsed or put into a map: all input lies ready.
type floor struct {
	keys       benchKeys
	attributes []floorAttribute
}

type floorAttribute struct {
	name   []byte
	stored []byte // serialized
	// Of an encrypted attribute; the first two are parts of stored.
	iv, ciphertext, plaintext []byte
}

var (
	benchTableHash = sha256.Sum256([]byte("TABLE>" + benchTable + "<TABLE"))
	plaintextFlag  = sha256.Sum256([]byte("PLAINTEXT"))
	encryptedFlag  = sha256.Sum256([]byte("ENCRYPTED"))
)

func (k benchKeys) newFloor(tb testing.TB, item encryptor.Item) *floor {
	tb.Helper()
	f := &floor{keys: k}
	for _, name := range slices.Sorted(maps.Keys(item)) {
		if strings.HasPrefix(name, "*") {
			continue
		}
		a := floorAttribute{name: []byte(name), stored: wire.Append(nil, item[name], wire.PythonOrder)}
		if _, ok := item[name].(*types.AttributeValueMemberB); ok {
			const ivEnd = wire.BinaryHeaderSize + aes.BlockSize
			a.iv, a.ciphertext = a.stored[wire.BinaryHeaderSize:ivEnd], a.stored[ivEnd:]
			a.plaintext = make([]byte, len(a.ciphertext))
		}
		f.attributes = append(f.attributes, a)
	}
	return f
}

func (f *floor) encrypt() []byte {
	for i := range f.attributes {
		a := &f.attributes[i]
		if a.ciphertext != nil {
			result := make([]byte, aes.BlockSize+len(a.plaintext))
			rand.Read(result[:aes.BlockSize])
			cipher.NewCBCEncrypter(f.block(), result[:aes.BlockSize]).CryptBlocks(result[aes.BlockSize:], a.plaintext)
		}
	}
	return f.mac()
}

func (f *floor) decrypt() []byte {
	mac := f.mac()
	for i := range f.attributes {
		a := &f.attributes[i]
		if a.ciphertext != nil {
			result := make([]byte, len(a.ciphertext))
			cipher.NewCBCDecrypter(f.block(), a.iv).CryptBlocks(result, a.ciphertext)
		}
	}
	return mac
}

func (f *floor) block() cipher.Block {
	block, err := aes.NewCipher(f.keys.aes)
	if err != nil {
		panic(err)
	}
	return block
}

func (f *floor) mac() []byte {
	mac := hmac.New(sha256.New, f.keys.mac)
	mac.Write(benchTableHash[:])
	for i := range f.attributes {
		a := &f.attributes[i]
		flag := &plaintextFlag
		if a.ciphertext != nil {
			flag = &encryptedFlag
		}
		name, value := sha256.Sum256(a.name), sha256.Sum256(a.stored)
		mac.Write(name[:])
		mac.Write(flag[:])
		mac.Write(value[:])
	}
	return mac.Sum(nil)
}

// compare measures ours, with its allocations, and floor as often in between.
// Taking turns of some milliseconds, both see the same machine; the median over
// the turns leaves out those in which something else ran.
func compare(b *testing.B, ours, floor func()) {
	b.Helper()
	floor()
	start := time.Now()
	floor()
	turn := 1 + int(5*time.Millisecond/time.Since(start))

	var oursBefore, floorTotal time.Duration
	var ratios []float64
	n := 0
	takeTurn := func(times int) {
		start := time.Now()
		for range times {
			floor()
		}
		took := time.Since(start)
		ratios = append(ratios, float64(b.Elapsed()-oursBefore)/float64(took))
		oursBefore = b.Elapsed()
		floorTotal += took
	}
	b.ReportAllocs()
	for b.Loop() {
		ours()
		if n++; n%turn == 0 {
			b.StopTimer()
			takeTurn(turn)
			b.StartTimer()
		}
	}
	if rest := n % turn; rest > 0 {
		takeTurn(rest)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "xfloor")
	b.ReportMetric(float64(floorTotal.Nanoseconds())/float64(n), "floor-ns/op")
}

// TestItemAllocations holds how often a small item allocates. Of what it counts,
// four are the result's map, which has more than eight entries; the others are
// one block for the values, one slab for their bytes and, to encrypt, the
// signature or, to decrypt, the three parts of a parsed description. The bounds
// leave room for one more, since what a map takes is the runtime's affair.
func TestItemAllocations(t *testing.T) { // not parallel, as AllocsPerRun demands
	if raceDetector() {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	e := newBenchKeys(t).encryptor(t)
	ctx := t.Context()
	for _, kind := range valueKinds[:2] {
		item := benchItem(10, 32, kind.value)
		stored, err := e.Encrypt(ctx, item)
		require.NoError(t, err)
		encrypt := testing.AllocsPerRun(100, func() { _, err = e.Encrypt(ctx, item) })
		require.NoError(t, err)
		assert.LessOrEqual(t, encrypt, 8.0, "Encrypt of %s", kind.name)
		decrypt := testing.AllocsPerRun(100, func() { _, err = e.Decrypt(ctx, stored) })
		require.NoError(t, err)
		assert.LessOrEqual(t, decrypt, 10.0, "Decrypt of %s", kind.name)
	}
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
