package interop

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

// requireDisputed: what one library signed, the other must not verify.
func requireDisputed(t *testing.T, peer *peer, s setup, item encryptor.Item, optFns ...func(*encryptor.Options)) {
	t.Helper()
	e := s.encryptor(t, optFns...)
	stored := peer.mustAsk(t, s.request("encrypt", item)).Item
	_, err := e.Decrypt(t.Context(), encryptor.Item(stored))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	results.add(python, differences, peerToGo)
	requireRefusedByPython(t, peer, s, item, optFns...)
}

func requireRefusedByPython(t *testing.T, peer *peer, s setup, item encryptor.Item, optFns ...func(*encryptor.Options)) {
	t.Helper()
	ours, err := s.encryptor(t, optFns...).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, "SignatureVerificationError", peer.ask(t, s.request("decrypt", ours)).Error)
	results.add(python, differences, goToPeer)
}

// TestPythonA1LongNumbers: Python keeps 28 significant digits, on writing and once more on reading. Go is exact.
func TestPythonA1LongNumbers(t *testing.T) {
	peer := python.start(t)
	for exact, rounded := range map[string]string{
		"12345678901234567890123456789012345678":  "12345678901234567890123456790000000000",
		"12345678901234567890123456785":           "12345678901234567890123456780",
		"99999999999999999999999999995":           "100000000000000000000000000000",
		"0.1234567890123456789012345678901234567": "0.1234567890123456789012345679",
	} {
		t.Run(exact, func(t *testing.T) {
			s := differenceSetup(t)
			stored := peer.mustAsk(t, s.request("encrypt", withValue(number(exact)))).Item
			got, err := s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
			require.NoError(t, err)
			require.Equal(t, number(rounded), got["v"], "Python encrypts the rounded number, and Go returns what is there")
			results.add(python, differences, peerToGo)

			ours, err := s.encryptor(t).Encrypt(t.Context(), withValue(number(exact)))
			require.NoError(t, err)
			got, err = s.encryptor(t).Decrypt(t.Context(), ours)
			require.NoError(t, err)
			require.Equal(t, number(exact), got["v"], "Go is exact in itself")
			read := peer.mustAsk(t, s.request("decrypt", ours)).Item
			require.Equal(t, number(rounded), read["v"], "Python rounds what Go encrypted exactly")
			results.add(python, differences, goToPeer)

			requireDisputed(t, peer, signedOnly(s), withValue(number(exact)))
		})
	}
}

// TestPythonA2HugeNumbers: Python raises errors of its decimal module; Go takes every number of the grammar.
func TestPythonA2HugeNumbers(t *testing.T) {
	peer := python.start(t)
	for text, pythonError := range map[string]string{
		"1234567895171680000000000000000000000000": "Rounded",
		"1" + strings.Repeat("0", 100):             "Rounded",
		strings.Repeat("123456789", 5):             "Inexact",
		"1E+127":                                   "Overflow",
		"1E-166":                                   "Underflow",
	} {
		t.Run(text, func(t *testing.T) {
			s := differenceSetup(t)
			require.Equal(t, pythonError, peer.ask(t, s.request("encrypt", withValue(number(text)))).Error)
			ours, err := s.encryptor(t).Encrypt(t.Context(), withValue(number(text)))
			require.NoError(t, err)
			got, err := s.encryptor(t).Decrypt(t.Context(), ours)
			require.NoError(t, err)
			require.Equal(t, vectors.ValueText(number(text)), vectors.ValueText(got["v"]))
			results.add(python, differences, goToPeer)
		})
	}
}

// TestPythonA3MinusZero: Python writes and signs "-0", Go "0".
func TestPythonA3MinusZero(t *testing.T) {
	peer := python.start(t)
	for _, text := range []string{"-0", "-0.0", "-0E5"} {
		s := differenceSetup(t)
		stored := peer.mustAsk(t, s.request("encrypt", withValue(number(text)))).Item
		got, err := s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
		require.NoError(t, err)
		require.Equal(t, number("0"), got["v"])
		ours, err := s.encryptor(t).Encrypt(t.Context(), withValue(number(text)))
		require.NoError(t, err)
		require.Equal(t, vectors.Item(withValue(number("0"))), peer.mustAsk(t, s.request("decrypt", ours)).Item)
		requireDisputed(t, peer, signedOnly(s), withValue(number(text)))
	}
}

// TestPythonA4NotNumbers: Python writes text that is no number; Go neither writes nor reads it.
func TestPythonA4NotNumbers(t *testing.T) {
	peer := python.start(t)
	for _, text := range []string{"NaN", "Infinity", "-Infinity", "1_000", " 5 "} {
		s := differenceSetup(t)
		_, err := s.encryptor(t).Encrypt(t.Context(), withValue(number(text)))
		require.ErrorIs(t, err, encryptor.ErrInvalidValue, text)
		stored := peer.mustAsk(t, s.request("encrypt", withValue(number(text)))).Item
		_, err = s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
		require.ErrorIs(t, err, encryptor.ErrFormat, text)
		results.add(python, differences, peerToGo)
	}
}

// TestPythonA5A6Orders: in the default order Go and Python agree on everything. What Go writes in Java's order, Python does not
// verify where the orders differ.
func TestPythonA5A6Orders(t *testing.T) {
	peer := python.start(t)
	javaOrder := func(o *encryptor.Options) { o.Order = encryptor.JavaOrder }
	for name, v := range map[string]types.AttributeValue{
		"A5 signed bytes in a binary set": &types.AttributeValueMemberBS{Value: [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}}},
		"A6 UTF-16 in a string set":       &types.AttributeValueMemberSS{Value: []string{"\uff5e", "\U0001f600"}},
		"A6 UTF-16 in map keys": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"\uff5e": number("1"), "\U0001f600": number("2"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := signedOnly(differenceSetup(t))
			peerWrites(t, peer, s, withValue(v))
			goWrites(t, peer, s, withValue(v))
			requireRefusedByPython(t, peer, s, withValue(v), javaOrder)
			// Reading tries both orders, whichever is configured.
			stored := peer.mustAsk(t, s.request("encrypt", withValue(v))).Item
			got, err := s.encryptor(t, javaOrder).Decrypt(t.Context(), encryptor.Item(stored))
			require.NoError(t, err)
			require.Equal(t, vectors.Text(withValue(v)), vectors.Text(got))
		})
	}
	t.Run("A6 UTF-16 in attribute names", func(t *testing.T) {
		s := differenceSetup(t)
		item := encryptor.Item{"id": number("1"), "\uff5e": number("1"), "\U0001f600": number("2")}
		peerWrites(t, peer, s, item)
		goWrites(t, peer, s, item)
		requireRefusedByPython(t, peer, s, item, javaOrder)
	})
}

// TestPythonA7NoTableName: without one, Python signs the text "None".
func TestPythonA7NoTableName(t *testing.T) {
	peer := python.start(t)
	s := differenceSetup(t)
	item := withValue(number("1"))
	none := func(o *encryptor.Options) { o.SignedTableName = "None" }
	nameless := func(op string, i encryptor.Item) request {
		r := s.request(op, i)
		r.Table = nil
		return r
	}
	stored := peer.mustAsk(t, nameless("encrypt", item)).Item
	got, err := s.encryptor(t, none).Decrypt(t.Context(), encryptor.Item(stored))
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(got))
	_, err = s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	results.add(python, differences, peerToGo)

	ours, err := s.encryptor(t, none).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(peer.mustAsk(t, nameless("decrypt", ours)).Item)))
	results.add(python, differences, goToPeer)
}

// TestPythonA11NullFalse: Python writes NULL false as NULL true; Go says that there is no such value.
func TestPythonA11NullFalse(t *testing.T) {
	peer := python.start(t)
	s := differenceSetup(t)
	item := withValue(&types.AttributeValueMemberNULL{Value: false})
	_, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	stored := peer.mustAsk(t, s.request("encrypt", item)).Item
	got, err := s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
	require.NoError(t, err)
	require.Equal(t, &types.AttributeValueMemberNULL{Value: true}, got["v"])
	results.add(python, differences, peerToGo)
}

// TestPythonUnsignedKeys: under a default of DO_NOTHING Python leaves the keys unsigned. Go reads and writes such items when told to.
func TestPythonUnsignedKeys(t *testing.T) {
	peer := python.start(t)
	s := differenceSetup(t)
	s.actions = actionsSpec{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{"v": actions.EncryptAndSign}}
	item := withValue(number("1"))
	unsigned := func(o *encryptor.Options) { o.UnsignedKeys = true }

	stored := peer.mustAsk(t, s.request("encrypt", item)).Item
	got, err := s.encryptor(t, unsigned).Decrypt(t.Context(), encryptor.Item(stored))
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(got))
	_, err = s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	results.add(python, differences, peerToGo)

	ours, err := s.encryptor(t, unsigned).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(peer.mustAsk(t, s.request("decrypt", ours)).Item)))
	requireRefusedByPython(t, peer, s, item)
}

// TestPythonA8ContentKeySize: of a wrapped content key Python states the size, Go does not, which the old Java readers need.
func TestPythonA8ContentKeySize(t *testing.T) {
	peer := python.start(t)
	s := differenceSetup(t)
	s.provider = wrappedAES(t, differences, 32, hmacSigning(t, "HmacSHA256"))
	item := withValue(number("1"))
	peerWrites(t, peer, s, item)
	goWrites(t, peer, s, item)

	description := func(stored encryptor.Item) string {
		return string(stored[descriptionName].(*types.AttributeValueMemberB).Value)
	}
	const name = "\x00\x00\x00\x10amzn-ddb-env-alg"
	stored := peer.mustAsk(t, s.request("encrypt", item)).Item
	require.Contains(t, description(encryptor.Item(stored)), name+"\x00\x00\x00\x07AES/256")
	ours, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Contains(t, description(ours), name+"\x00\x00\x00\x03AES")
}

// TestPythonB1NumberKeys: see requireLostNumberKey.
func TestPythonB1NumberKeys(t *testing.T) {
	peer := python.start(t)
	kms := kmsClient(t)
	s := differenceSetup(t)
	s.provider = directKMS(t, differences, kms, createKey(t, kms), nil)
	for spelled, normal := range map[string]string{"1.0": "1", "1E2": "100", "+5": "5", "00042": "42"} {
		requireLostNumberKey(t, python, peer, s, spelled, normal, "UnwrappingError")
	}
}

// TestPythonD10AllDoNothing: Python copies an item for which nothing at all is configured. Go signs the keys even then, unless told
// that they are unsigned.
func TestPythonD10AllDoNothing(t *testing.T) {
	peer := python.start(t)
	s := differenceSetup(t)
	s.actions = actionsSpec{Default: actions.DoNothing}
	item := withValue(number("1"))
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, s.request("encrypt", item)).Item)
	_, err := s.encryptor(t).Decrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrUnsigned)
	results.add(python, differences, peerToGo)

	unsigned := func(o *encryptor.Options) { o.UnsignedKeys = true }
	ours, err := s.encryptor(t, unsigned).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, item, ours)
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, s.request("decrypt", ours)).Item)
	results.add(python, differences, goToPeer)

	ours, err = s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	requireStored(t, s, item, ours)
	// Python neither verifies nor removes what was added.
	require.Equal(t, vectors.Item(ours), peer.mustAsk(t, s.request("decrypt", ours)).Item)
	results.add(python, differences, goToPeer)
}

// TestPythonE3SymMode: the description is not signed. Python decrypts under the cipher mode that a forged one names; Go has one mode.
func TestPythonE3SymMode(t *testing.T) {
	peer := python.start(t)
	s := differenceSetup(t)
	item := withValue(&types.AttributeValueMemberS{Value: "text"})
	stored, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	description := string(stored[descriptionName].(*types.AttributeValueMemberB).Value)
	const mode, forged = "\x00\x00\x00\x11/CBC/PKCS5Padding", "\x00\x00\x00\x0e/CBC/NoPadding"
	require.Contains(t, description, mode)
	stored[descriptionName] = &types.AttributeValueMemberB{Value: []byte(strings.Replace(description, mode, forged, 1))}

	require.Equal(t, vectors.Item(item), peer.mustAsk(t, s.request("decrypt", stored)).Item)
	_, err = s.encryptor(t).Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, materials.ErrAlgorithm)
	results.add(python, differences, goToPeer)
}
