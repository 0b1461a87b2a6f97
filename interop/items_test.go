package interop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
)

// itemsEach is the number of random items per provider and direction.
const itemsEach = 200

func TestVersions(t *testing.T) {
	a := startPython(t).mustAsk(t, request{Op: "versions"})
	require.Equal(t, "3.3.0", a.Versions["dynamodb-encryption-sdk"])
	t.Log(a.Versions)
}

func TestItems(t *testing.T) {
	python := startPython(t)
	rsaWrapping, rsaSigner := rsaKey(t), rsaKey(t)
	moto := kmsClient(t)
	keyARN := createKey(t, moto)

	for _, p := range []provider{
		staticProvider(t, "static AES-128, HmacSHA256", 16, hmacSigning(t, "HmacSHA256")),
		staticProvider(t, "static AES-192, HmacSHA256", 24, hmacSigning(t, "HmacSHA256")),
		staticProvider(t, "static AES-256, HmacSHA256", 32, hmacSigning(t, "HmacSHA256")),
		staticProvider(t, "static AES-256, HmacSHA512", 32, hmacSigning(t, "HmacSHA512")),
		staticProvider(t, "static AES-256, HmacSHA384", 32, hmacSigning(t, "HmacSHA384")),
		staticProvider(t, "static AES-256, HmacSHA224", 32, hmacSigning(t, "HmacSHA224")),
		staticProvider(t, "static AES-256, SHA256withRSA", 32, rsaSigning(t, "SHA256withRSA", rsaSigner)),
		wrappedAES(t, "wrapped AES-128, HmacSHA256", 16, hmacSigning(t, "HmacSHA256")),
		wrappedAES(t, "wrapped AES-256, HmacSHA256", 32, hmacSigning(t, "HmacSHA256")),
		wrappedRSA(t, "wrapped RSA OAEP, SHA256withRSA", rsaWrapping, rsaSigning(t, "SHA256withRSA", rsaSigner)),
		wrappedRSA(t, "wrapped RSA OAEP, HmacSHA256", rsaWrapping, hmacSigning(t, "HmacSHA256")),
		directKMS(t, "Direct KMS (moto)", moto, keyARN, nil),
		directKMS(t, "Direct KMS (moto), AES/128, HmacSHA512/512", moto, keyARN,
			map[string]string{"amzn-ddb-env-alg": "AES/128", "amzn-ddb-sig-alg": "HmacSHA512/512"}),
	} {
		t.Run(p.name, func(t *testing.T) { exchange(t, python, p) })
	}
}

// TestItemsKMSTest does the same over this library's own KMS for tests, which holds Python's requests to the
// encryption context as strictly as it does Go's.
func TestItemsKMSTest(t *testing.T) {
	fake := kmstest.New()
	server := kmstest.NewServer(fake)
	t.Cleanup(server.Close)
	python := startPython(t, "AWS_ENDPOINT_URL_KMS="+server.URL())
	exchange(t, python, directKMS(t, "Direct KMS (kmstest)", fake, fake.CreateKey(), nil))
}

// exchange lets random items cross in both directions.
func exchange(t *testing.T, python *peer, p provider) {
	t.Helper()
	g := newGenerator(p.name)
	for range itemsEach {
		s, item := g.item(p, "interop-"+p.spec.Kind)
		pythonWrites(t, python, s, item)
		goWrites(t, python, s, item)
	}
}

func pythonWrites(t *testing.T, python *peer, s setup, item encryptor.Item) {
	t.Helper()
	r := s.request("encrypt", item)
	stored := python.mustAsk(t, r).Item
	requireStored(t, s, item, encryptor.Item(stored))
	got, err := s.encryptor(t).Decrypt(t.Context(), encryptor.Item(stored))
	require.NoError(t, err, "Go refuses what Python wrote for %s", describe(r))
	require.Equal(t, vectors.Text(item), vectors.Text(got), "Go reads something else than Python wrote for %s", describe(r))
	results.add(s.provider.name, pythonToGo)
}

func goWrites(t *testing.T, python *peer, s setup, item encryptor.Item) {
	t.Helper()
	stored, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err, "%s", describe(s.request("encrypt", item)))
	requireStored(t, s, item, stored)
	got := python.mustAsk(t, s.request("decrypt", stored)).Item
	require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(got)), "Python reads something else than Go wrote for %s", describe(s.request("encrypt", item)))
	results.add(s.provider.name, goToPython)
}
