package jce_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

func TestVectorPrimitives(t *testing.T) {
	t.Parallel()
	f := vectors.Examples(t)
	cases := 0
	for _, c := range f.Primitives.CBC {
		cases++
		cbc := jce.NewCBC(newAESKey(t, c.Key))
		require.Equal(t, []byte(c.Stored), encrypt(&cbc, c.IV, c.Plaintext))
		got, err := cbc.Decrypt(make([]byte, len(c.Stored)), c.Stored)
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(c.Plaintext), hex.EncodeToString(got))
	}
	for _, c := range f.Primitives.KeyWrap {
		cases++
		kek := newAESKey(t, c.KEK)
		wrapped, err := kek.Wrap(c.Key)
		require.NoError(t, err)
		require.Equal(t, []byte(c.Wrapped), wrapped)
		got, err := kek.Unwrap(c.Wrapped)
		require.NoError(t, err)
		require.Equal(t, []byte(c.Key), got)
	}
	unread := map[string]bool{jce.RSAPKCS1: true}
	for name := range oaepHashes {
		unread[name] = true
	}
	for _, c := range f.Primitives.OAEP {
		cases++
		delete(unread, c.Algorithm)
		key := privateKey(t, f.Keys.RSAWrap)
		got, err := jce.UnwrapRSA(key, c.Algorithm, c.Wrapped, true)
		require.NoError(t, err, c.Algorithm)
		require.Equal(t, []byte(c.Key), got, c.Algorithm)
		if c.Algorithm == jce.RSAPKCS1 {
			_, err := jce.UnwrapRSA(key, c.Algorithm, c.Wrapped, false)
			require.ErrorIs(t, err, jce.ErrUnknown)
		}
	}
	require.Empty(t, unread, "names without an example")
	require.NotZero(t, len(f.Primitives.CBC)*len(f.Primitives.KeyWrap))
	t.Logf("%d cases", cases)
}

func TestVectorSignatures(t *testing.T) {
	t.Parallel()
	f := vectors.Examples(t)
	signers := map[string]crypto.Signer{"rsa_sign": privateKey(t, f.Keys.RSASign)}
	publics := map[string]crypto.PublicKey{"rsa_sign": signers["rsa_sign"].Public(), "ec_sign": publicKey(t, f.Keys.ECSign)}
	for _, c := range f.Signatures {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			damaged := append([]byte{}, c.Signature...)
			damaged[len(damaged)-1] ^= 1

			if c.KeyHex != nil {
				m, err := jce.NewHMAC(c.Algorithm, c.KeyHex)
				require.NoError(t, err)
				require.Equal(t, []byte(c.Signature), m.Sign(c.DataHex))
				require.NoError(t, m.Verify(c.DataHex, c.Signature))
				require.Equal(t, jce.ErrSignature, m.Verify(c.DataHex, damaged))
				return
			}
			pub := publics[c.Key]
			require.NoError(t, jce.CheckSignatureKey(c.Algorithm, pub))
			require.NoError(t, jce.Verify(pub, c.Algorithm, c.DataHex, c.Signature))
			require.Equal(t, jce.ErrSignature, jce.Verify(pub, c.Algorithm, c.DataHex, damaged))
			if strings.HasSuffix(c.Algorithm, "withRSA") { // deterministic, unlike ECDSA
				sig, err := jce.Sign(signers[c.Key], c.Algorithm, c.DataHex)
				require.NoError(t, err)
				require.Equal(t, []byte(c.Signature), sig)
			}
		})
	}
	require.NotEmpty(t, f.Signatures)
	t.Logf("%d cases", len(f.Signatures))
}

func privateKey(t testing.TB, k vectors.ExampleKey) *rsa.PrivateKey {
	t.Helper()
	parsed, err := x509.ParsePKCS8PrivateKey(k.PKCS8)
	require.NoError(t, err)
	require.IsType(t, (*rsa.PrivateKey)(nil), parsed)
	return parsed.(*rsa.PrivateKey)
}

func publicKey(t testing.TB, k vectors.ExampleKey) crypto.PublicKey {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(k.SPKI)
	require.NoError(t, err)
	return parsed
}
