package interop

import (
	"bytes"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

// javaSetup is differenceSetup in the order that Java can verify.
func javaSetup(t *testing.T) setup {
	t.Helper()
	s := differenceSetup(t)
	s.order = encryptor.JavaOrder
	return s
}

// description is an item's material description as it is stored.
func description(t *testing.T, stored encryptor.Item) []byte {
	t.Helper()
	require.IsType(t, &types.AttributeValueMemberB{}, stored[descriptionName])
	return stored[descriptionName].(*types.AttributeValueMemberB).Value
}

// withDescription is a copy of a stored item, one part of its description replaced.
func withDescription(t *testing.T, stored encryptor.Item, old, replacement string) encryptor.Item {
	t.Helper()
	data := description(t, stored)
	require.Contains(t, string(data), old)
	forged := maps.Clone(stored)
	forged[descriptionName] = &types.AttributeValueMemberB{Value: bytes.Replace(data, []byte(old), []byte(replacement), 1)}
	return forged
}

// TestJavaA1A2A3Numbers: Java is as exact as Go, encrypted and signed, at every length.
func TestJavaA1A2A3Numbers(t *testing.T) {
	peer := java.start(t)
	for _, kind := range []input{longNumbers, hugeNumbers, minusZero} {
		for _, n := range numbers[kind] {
			for _, s := range []setup{javaSetup(t), signedOnly(javaSetup(t))} {
				peerWrites(t, peer, s, withValue(number(n)))
				goWrites(t, peer, s, withValue(number(n)))
			}
		}
	}
}

// TestJavaA4NotNumbers: neither library writes text that is no number. Of digits that are not ASCII Java makes ASCII ones, which
// Go can read.
func TestJavaA4NotNumbers(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	for _, n := range []string{"NaN", "Infinity", "-Infinity", "1_000", " 5 ", "", "1e", "0x10", "1,5"} {
		require.Equal(t, "NumberFormatException", peer.ask(t, s.request("encrypt", withValue(number(n)))).Error, n)
		_, err := s.encryptor(t).Encrypt(t.Context(), withValue(number(n)))
		require.ErrorIs(t, err, encryptor.ErrInvalidValue, n)
	}
	fullWidth := withValue(number("\uff11\uff12"))
	_, err := s.encryptor(t).Encrypt(t.Context(), fullWidth)
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	got, err := s.encryptor(t).Decrypt(t.Context(), encryptor.Item(peer.mustAsk(t, s.request("encrypt", fullWidth)).Item))
	require.NoError(t, err)
	require.Equal(t, number("12"), got["v"])
	results.add(java, differences, peerToGo)
}

// TestJavaA5A6Orders: Java sorts binary sets as signed bytes, and text by UTF-16. Go reads what it signs
// without being told, and writes so when it is. What it writes in its default order Java does not verify.
func TestJavaA5A6Orders(t *testing.T) {
	peer := java.start(t)
	requireOrders := func(t *testing.T, s setup, item encryptor.Item) {
		peerWrites(t, peer, s, item)
		goWrites(t, peer, s, item)
		ours, err := s.encryptor(t, inDefaultOrder).Encrypt(t.Context(), item)
		require.NoError(t, err)
		require.Equal(t, "SignatureException", peer.ask(t, s.request("decrypt", ours)).Error)
		results.add(java, differences, goToPeer)
	}
	for name, v := range map[string]types.AttributeValue{
		"A5 signed bytes in a binary set": &types.AttributeValueMemberBS{Value: [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}}},
		"A6 UTF-16 in a string set":       &types.AttributeValueMemberSS{Value: []string{"\uff5e", "\U0001f600"}},
		"A6 UTF-16 in map keys": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"\uff5e": number("1"), "\U0001f600": number("2"),
		}},
	} {
		t.Run(name, func(t *testing.T) { requireOrders(t, signedOnly(javaSetup(t)), withValue(v)) })
	}
	t.Run("A6 UTF-16 in attribute names", func(t *testing.T) {
		requireOrders(t, javaSetup(t), encryptor.Item{"id": number("1"), "\uff5e": number("1"), "\U0001f600": number("2")})
	})
}

// TestJavaA7NoTableName: without one, Java signs the text "null".
func TestJavaA7NoTableName(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.nameless = java.nameless
	peerWrites(t, peer, s, withValue(number("1")))
	goWrites(t, peer, s, withValue(number("1")))
	stored := peer.mustAsk(t, s.request("encrypt", withValue(number("1")))).Item
	s.nameless = ""
	_, err := s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	results.add(java, differences, peerToGo)
}

// TestJavaA8ContentKeySize: of a wrapped content key Java states the algorithm alone, as Go does, whatever size was asked for.
func TestJavaA8ContentKeySize(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.provider = wrappedAES(t, differences, 32, hmacSigning(t, "HmacSHA256"))
	s.provider.spec.Description = map[string]string{"amzn-ddb-env-alg": "AES/256"}
	peerWrites(t, peer, s, withValue(number("1")))
	goWrites(t, peer, s, withValue(number("1")))
	stored := peer.mustAsk(t, s.request("encrypt", withValue(number("1")))).Item
	require.Contains(t, string(description(t, encryptor.Item(stored))), "\x00\x00\x00\x10amzn-ddb-env-alg\x00\x00\x00\x03AES")
	results.add(java, differences, peerToGo)
}

// TestJavaA9UnlistedAttributes: what a Java program does not list is neither encrypted nor signed, and may be added by
// anybody. In Go that is a Default of DO_NOTHING; under any other an attribute that was added is refused.
func TestJavaA9UnlistedAttributes(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.actions = actionsSpec{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{"v": actions.EncryptAndSign}}
	item := withValue(number("1"))
	stored := encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item)
	stored["added"] = text("by somebody")
	require.Contains(t, peer.mustAsk(t, s.request("decrypt", stored)).Item, "added")
	got, err := s.encryptor(t).Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Contains(t, got, "added")
	results.add(java, differences, peerToGo)

	s.actions = actionsSpec{Overrides: map[string]actions.CryptoAction{}}
	_, err = s.encryptor(t).Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	results.add(java, differences, peerToGo)
}

// TestJavaA10DescriptionOrder: Java writes a description in the order of its hash table, Go sorted. Both read both.
func TestJavaA10DescriptionOrder(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.provider = wrappedAES(t, differences, 32, hmacSigning(t, "HmacSHA256"))
	item := withValue(number("1"))
	goWrites(t, peer, s, item)
	peerWrites(t, peer, s, item)
	stored := description(t, encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item))
	ours, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	ascending := func(data []byte) bool {
		last := -1
		for _, name := range []string{"amzn-ddb-env-alg", "amzn-ddb-env-key", "amzn-ddb-map-signingAlg", "amzn-ddb-map-sym-mode", "amzn-ddb-wrap-alg"} {
			if at := bytes.Index(data, []byte(name)); at >= 0 {
				if at < last {
					return false
				}
				last = at
			}
		}
		return true
	}
	require.True(t, ascending(description(t, ours)))
	require.False(t, ascending(stored))
	results.add(java, differences, peerToGo)
}

// TestJavaA11NullFalse: neither library has such a value.
func TestJavaA11NullFalse(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	item := withValue(&types.AttributeValueMemberNULL{Value: false})
	require.NotEmpty(t, peer.ask(t, s.request("encrypt", item)).Error)
	_, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	results.add(java, differences, peerToGo)
}

// TestJavaB1NumberKeys: see requireLostNumberKey.
func TestJavaB1NumberKeys(t *testing.T) {
	peer := java.start(t)
	kms := kmsClient(t)
	s := javaSetup(t)
	s.provider = directKMS(t, differences, kms, createKey(t, kms), nil)
	for spelled, normal := range map[string]string{"1.0": "1", "1E2": "100", "+5": "5", "00042": "42", "-0": "0"} {
		requireLostNumberKey(t, java, peer, s, spelled, normal, "InvalidCiphertextException")
	}
}

// TestJavaD9ReservedAttributes: Java signs a reserved attribute of the caller's and then overwrites it, so that what it wrote can
// never be verified. Go refuses the item.
func TestJavaD9ReservedAttributes(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	for _, name := range []string{signatureName, descriptionName} {
		item := withValue(number("1"))
		item[name] = &types.AttributeValueMemberB{Value: []byte("mine")}
		_, err := s.encryptor(t).Encrypt(t.Context(), item)
		require.ErrorIs(t, err, encryptor.ErrReservedAttribute, name)
		stored := encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item)
		require.Equal(t, "SignatureException", peer.ask(t, s.request("decrypt", stored)).Error, name)
		_, err = s.encryptor(t).Decrypt(t.Context(), stored)
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature, name)
		results.add(java, differences, peerToGo)
	}
}

// TestJavaD10AllDoNothing: an item whose attributes are all listed without flags Java signs all the same, and returns it as it is
// stored, nothing verified, when it reads. Go copies such an item in both directions.
func TestJavaD10AllDoNothing(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.unsignedKeys = true
	s.actions = actionsSpec{
		Default:   actions.DoNothing,
		Overrides: map[string]actions.CryptoAction{"id": actions.DoNothing, "v": actions.DoNothing},
	}
	item := withValue(number("1"))
	stored := encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item)
	require.Len(t, stored, len(item)+2)
	require.Equal(t, vectors.Item(stored), peer.mustAsk(t, s.request("decrypt", stored)).Item)
	got, err := s.encryptor(t).Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, stored, got)
	results.add(java, differences, peerToGo)

	ours, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, item, ours)
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, s.request("decrypt", ours)).Item)
	results.add(java, differences, goToPeer)

	// Not listed at all, Java too copies them.
	r := s.request("encrypt", item)
	r.PartitionKey, r.Actions = "", &actionsSpec{Default: actions.DoNothing}
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, r).Item)
	results.add(java, differences, peerToGo)
}

// TestJavaE1NoDescription: where there is nothing to describe, Java writes no description. Go reads such items, and always
// writes one, which Java reads.
func TestJavaE1NoDescription(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	mac := hmacSigning(t, "HmacSHA256")
	ours, err := materials.NewStaticProvider(&materials.EncryptionMaterials{SigningKey: mac.sign}, &materials.DecryptionMaterials{VerificationKey: mac.verify})
	require.NoError(t, err)
	s.provider = provider{differences, providerSpec{Kind: "static", SigningKey: mac.key, SigningAlgorithm: mac.algorithm}, ours}
	s.actions = actionsSpec{Default: actions.SignOnly}
	item := withValue(number("1"))
	stored := encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item)
	require.NotContains(t, stored, descriptionName)
	got, err := s.encryptor(t).Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(got))
	results.add(java, differences, peerToGo)
	goWrites(t, peer, s, item)
}

// TestJavaE2SigningAlgorithm: Java names the algorithm of an RSA signature, and that of no HMAC.
func TestJavaE2SigningAlgorithm(t *testing.T) {
	peer := java.start(t)
	const name = "amzn-ddb-map-signingAlg"
	s := javaSetup(t)
	stored := peer.mustAsk(t, s.request("encrypt", withValue(number("1")))).Item
	require.NotContains(t, string(description(t, encryptor.Item(stored))), name)
	s.provider = staticProvider(t, differences, 32, rsaSigning(t, "SHA256withRSA", rsaKey(t)))
	stored = peer.mustAsk(t, s.request("encrypt", withValue(number("1")))).Item
	require.Contains(t, string(description(t, encryptor.Item(stored))), name+"\x00\x00\x00\x0dSHA256withRSA")
	results.add(java, differences, peerToGo)
}

// TestJavaE3SymMode: the description is not signed. Java decrypts under the cipher mode that a forged one names; Go has one mode.
func TestJavaE3SymMode(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	item := withValue(text("text"))
	stored, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	forged := withDescription(t, stored, "\x00\x00\x00\x11/CBC/PKCS5Padding", "\x00\x00\x00\x0e/CBC/NoPadding")
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, s.request("decrypt", forged)).Item)
	_, err = s.encryptor(t).Decrypt(t.Context(), forged)
	require.ErrorIs(t, err, materials.ErrAlgorithm)
	results.add(java, differences, goToPeer)
}

// TestJavaE5NoWrappedKey: where the wrapped content key is missing, Java makes a new one, and returns what needs none. To Go
// the description is damaged.
func TestJavaE5NoWrappedKey(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.provider = wrappedAES(t, differences, 32, hmacSigning(t, "HmacSHA256"))
	s.actions = actionsSpec{Default: actions.SignOnly}
	item := withValue(text("text"))
	stored, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	forged := withDescription(t, stored, "amzn-ddb-env-key", "amzn-ddb-env-KEY")
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, s.request("decrypt", forged)).Item)
	_, err = s.encryptor(t).Decrypt(t.Context(), forged)
	require.ErrorIs(t, err, materials.ErrDescription)
	results.add(java, differences, goToPeer)
}

// TestJavaE6UsersDescription: entries of the user's own are written under Direct KMS by both libraries, and tell a reader nothing.
func TestJavaE6UsersDescription(t *testing.T) {
	peer := java.start(t)
	kms := kmsClient(t)
	s := javaSetup(t)
	s.provider = directKMS(t, differences, kms, createKey(t, kms), map[string]string{"owner": "somebody"})
	item := withValue(number("1"))
	peerWrites(t, peer, s, item)
	goWrites(t, peer, s, item)
	stored := peer.mustAsk(t, s.request("encrypt", item)).Item
	require.Contains(t, string(description(t, encryptor.Item(stored))), "\x00\x00\x00\x05owner\x00\x00\x00\x08somebody")
	results.add(java, differences, peerToGo)
}

// TestJavaE7StaticDescription: under static keys Java has no materials for an item whose description lacks an entry of its own
// provider's, and then fails on the null. Go asks for none.
func TestJavaE7StaticDescription(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	s.provider.spec.Description = map[string]string{"owner": "somebody"}
	item := withValue(number("1"))
	peerWrites(t, peer, s, item)
	ours, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, "NullPointerException", peer.ask(t, s.request("decrypt", ours)).Error)
	results.add(java, differences, goToPeer)
}

// TestJavaE8NoKeyAttribute: under Direct KMS Java fails on the null where the key attribute is missing; Go names it.
func TestJavaE8NoKeyAttribute(t *testing.T) {
	peer := java.start(t)
	kms := kmsClient(t)
	s := javaSetup(t)
	s.provider = directKMS(t, differences, kms, createKey(t, kms), nil)
	item := encryptor.Item{"v": number("1")}
	require.Equal(t, "NullPointerException", peer.ask(t, s.request("encrypt", item)).Error)
	_, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrInvalidValue)
	require.ErrorContains(t, err, `"id"`)
	results.add(java, differences, peerToGo)
}

// TestJavaUnsignedItems: a signature that is not there is a bad one to Java, and an item none of whose attributes has flags it
// returns as it is. Go says that the item is not signed.
func TestJavaUnsignedItems(t *testing.T) {
	peer := java.start(t)
	s := javaSetup(t)
	item := withValue(text("text"))
	require.Equal(t, "SignatureException", peer.ask(t, s.request("decrypt", item)).Error)
	_, err := s.encryptor(t).Decrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrUnsigned)
	results.add(java, differences, goToPeer)

	s.actions = actionsSpec{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{"secret": actions.EncryptAndSign}}
	r := s.request("decrypt", item)
	r.PartitionKey = "" // not listed either
	require.Equal(t, vectors.Item(item), peer.mustAsk(t, r).Item)
	_, err = s.encryptor(t).Decrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrUnsigned)
	results.add(java, differences, goToPeer)
}
