package interop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
)

// itemsEach is the number of random items per library, provider and direction.
const itemsEach = 500

func TestVersions(t *testing.T) {
	pinned := map[*library]map[string]string{
		python: {"dynamodb-encryption-sdk": "3.3.0"},
		java:   {"aws-dynamodb-encryption-java": "2.0.3"},
	}
	withEach(t, func(t *testing.T, l *library) {
		a := l.start(t).mustAsk(t, request{Op: "versions"})
		require.Subset(t, a.Versions, pinned[l])
		t.Log(a.Versions)
	})
}

func TestItems(t *testing.T) {
	withEach(t, func(t *testing.T, l *library) {
		peers := l.startPeers(t)
		rsaWrapping, rsaSigner := rsaKey(t), rsaKey(t)
		moto := kmsClient(t)
		keyARN := createKey(t, moto)

		for _, p := range []provider{
			// First, since moto takes longer than everything else does.
			directKMS(t, "Direct KMS (moto)", moto, keyARN, nil),
			staticProvider(t, "static AES-128, HmacSHA256", 16, hmacSigning(t, "HmacSHA256")),
			staticProvider(t, "static AES-192, HmacSHA256", 24, hmacSigning(t, "HmacSHA256")),
			staticProvider(t, "static AES-256, HmacSHA256", 32, hmacSigning(t, "HmacSHA256")),
			staticProvider(t, "static AES-256, HmacSHA512", 32, hmacSigning(t, "HmacSHA512")),
			staticProvider(t, "static AES-256, HmacSHA384", 32, hmacSigning(t, "HmacSHA384")),
			staticProvider(t, "static AES-256, HmacSHA224", 32, hmacSigning(t, "HmacSHA224")),
			staticProvider(t, "static AES-256, SHA256withRSA", 32, rsaSigning(t, "SHA256withRSA", rsaSigner)),
			staticProvider(t, "static AES-256, SHA512withRSA", 32, rsaSigning(t, "SHA512withRSA", rsaSigner)),
			wrappedAES(t, "wrapped AES-128, HmacSHA256", 16, hmacSigning(t, "HmacSHA256")),
			wrappedAES(t, "wrapped AES-256, HmacSHA256", 32, hmacSigning(t, "HmacSHA256")),
			wrappedRSA(t, "wrapped RSA OAEP, SHA256withRSA", rsaWrapping, rsaSigning(t, "SHA256withRSA", rsaSigner)),
			wrappedRSA(t, "wrapped RSA OAEP, HmacSHA256", rsaWrapping, hmacSigning(t, "HmacSHA256")),
		} {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				peers.with(func(peer *peer) { exchange(t, peer, p) })
			})
		}
	})
}

// TestItemsKMSTest does the same over this library's own KMS for tests, which holds the peer's requests to the
// encryption context as strictly as it does Go's.
func TestItemsKMSTest(t *testing.T) {
	withEach(t, func(t *testing.T, l *library) {
		fake := kmstest.New()
		server := kmstest.NewServer(fake)
		t.Cleanup(server.Close)
		peers := l.startPeers(t, "AWS_ENDPOINT_URL_KMS="+server.URL())
		for _, p := range []provider{
			directKMS(t, "Direct KMS (kmstest)", fake, fake.CreateKey(), nil),
			directKMS(t, "Direct KMS (kmstest), AES/128, HmacSHA512/512", fake, fake.CreateKey(),
				map[string]string{"amzn-ddb-env-alg": "AES/128", "amzn-ddb-sig-alg": "HmacSHA512/512"}),
		} {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				peers.with(func(peer *peer) { exchange(t, peer, p) })
			})
		}
	})
}

// exchange lets random items cross in both directions.
func exchange(t *testing.T, peer *peer, p provider) {
	t.Helper()
	g := newGenerator(peer.library, p.name)
	for range itemsEach {
		s, item := g.item(p, "interop-"+p.spec.Kind)
		peerWrites(t, peer, s, item)
		goWrites(t, peer, s, item)
	}
}

func peerWrites(t *testing.T, peer *peer, s setup, item encryptor.Item) {
	t.Helper()
	r := s.request("encrypt", item)
	stored := peer.mustAsk(t, r).Item
	requireStored(t, s, item, encryptor.Item(stored))
	// Whoever reads need not know which library wrote: the order is not configured here.
	got, err := s.encryptor(t, inDefaultOrder).Decrypt(t.Context(), asReturned(encryptor.Item(stored)))
	require.NoError(t, err, "Go refuses what %s wrote for %s", peer.library.name, describe(r))
	require.Equal(t, vectors.Text(item), vectors.Text(got), "Go reads something else than %s wrote for %s", peer.library.name, describe(r))
	results.add(peer.library, s.provider.name, peerToGo)
}

func inDefaultOrder(o *encryptor.Options) { o.Order = encryptor.PythonOrder }

func goWrites(t *testing.T, peer *peer, s setup, item encryptor.Item) {
	t.Helper()
	stored, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err, "%s", describe(s.request("encrypt", item)))
	requireStored(t, s, item, stored)
	got := peer.mustAsk(t, s.request("decrypt", asReturned(stored))).Item
	require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(got)),
		"%s reads something else than Go wrote for %s", peer.library.name, describe(s.request("encrypt", item)))
	results.add(peer.library, s.provider.name, goToPeer)
}
