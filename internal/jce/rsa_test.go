package jce_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/jce"
)

var (
	rsaKey      = sync.OnceValue(newRSAKey)
	otherRSAKey = sync.OnceValue(newRSAKey)
)

func newRSAKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func newECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return k
}

var oaepHashes = map[string]crypto.Hash{
	"RSA/ECB/OAEPWithSHA-1AndMGF1Padding":   crypto.SHA1,
	"RSA/ECB/OAEPWithSHA-256AndMGF1Padding": crypto.SHA256,
	"RSA/ECB/OAEPWithSHA-384AndMGF1Padding": crypto.SHA384,
	"RSA/ECB/OAEPWithSHA-512AndMGF1Padding": crypto.SHA512,
}

func TestWrapRSA(t *testing.T) {
	t.Parallel()
	key := counting(0, 32)
	wrapped, err := jce.WrapRSA(&rsaKey().PublicKey, key)
	require.NoError(t, err)
	got, err := jce.UnwrapRSA(rsaKey(), jce.RSAOAEPSHA256, wrapped, false)
	require.NoError(t, err)
	require.Equal(t, key, got)

	_, err = jce.WrapRSA(&rsaKey().PublicKey, make([]byte, 200))
	require.ErrorIs(t, err, jce.ErrKey, "a key too long for the modulus")
}

func TestUnwrapRSA(t *testing.T) {
	t.Parallel()
	key := counting(0, 32)
	for algorithm, hash := range oaepHashes {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			wrap := func(opts *rsa.OAEPOptions) []byte {
				wrapped, err := rsa.EncryptOAEPWithOptions(rand.Reader, &rsaKey().PublicKey, key, opts)
				require.NoError(t, err)
				return wrapped
			}
			wrapped := wrap(&rsa.OAEPOptions{Hash: hash, MGFHash: crypto.SHA1})
			got, err := jce.UnwrapRSA(rsaKey(), algorithm, wrapped, false)
			require.NoError(t, err)
			require.Equal(t, key, got)

			refused := func(why string, k *rsa.PrivateKey, algorithm string, wrapped []byte) {
				got, err := jce.UnwrapRSA(k, algorithm, wrapped, true)
				require.ErrorIs(t, err, jce.ErrUnwrap, why)
				require.NotErrorIs(t, err, jce.ErrUnknown, why)
				require.Nil(t, got, why)
			}
			refused("another key", otherRSAKey(), algorithm, wrapped)
			refused("cut", rsaKey(), algorithm, wrapped[1:])
			refused("empty", rsaKey(), algorithm, nil)
			refused("a label", rsaKey(), algorithm, wrap(&rsa.OAEPOptions{Hash: hash, MGFHash: crypto.SHA1, Label: []byte("x")}))
			// What OAEP made has the form of PKCS#1 v1.5 about once in 500 times.
			if got, err := jce.UnwrapRSA(rsaKey(), jce.RSAPKCS1, wrapped, true); err == nil {
				require.NotEqual(t, key, got)
			} else {
				require.ErrorIs(t, err, jce.ErrUnwrap)
			}
			if hash != crypto.SHA1 {
				refused("MGF1 by the same hash", rsaKey(), algorithm, wrap(&rsa.OAEPOptions{Hash: hash}))
			}
			for other := range oaepHashes {
				if other != algorithm {
					refused(other, rsaKey(), other, wrapped)
				}
			}
		})
	}
}

func TestUnwrapRSAPKCS1(t *testing.T) {
	t.Parallel()
	key := counting(0, 16)
	//lint:ignore SA1019 what the earliest Java releases did
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, &rsaKey().PublicKey, key)
	require.NoError(t, err)
	for _, algorithm := range []string{jce.RSAPKCS1, jce.RSAPKCS1Short} {
		_, err := jce.UnwrapRSA(rsaKey(), algorithm, wrapped, false)
		require.ErrorIs(t, err, jce.ErrUnknown)

		got, err := jce.UnwrapRSA(rsaKey(), algorithm, wrapped, true)
		require.NoError(t, err)
		require.Equal(t, key, got)

		_, err = jce.UnwrapRSA(otherRSAKey(), algorithm, wrapped, true)
		require.ErrorIs(t, err, jce.ErrUnwrap)
	}
}

// untouchable fails the test of a name that gets as far as the key.
type untouchable struct {
	crypto.Decrypter
	t *testing.T
}

func (u untouchable) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	u.t.Error("the key was used")
	return nil, errors.New("used")
}

func TestUnwrapRSAAllowList(t *testing.T) {
	t.Parallel()
	names := []string{
		"RSA/ECB/OAEPPadding", "RSA/ECB/OAEPWithSHA-224AndMGF1Padding", "RSA/ECB/OAEPWithSHA1AndMGF1Padding",
		"RSA/ECB/OAEPWithMD5AndMGF1Padding", "RSA/None/OAEPWithSHA-256AndMGF1Padding", "RSA/ECB/NoPadding", "AESWrap", "AES", "kms",
		"rsa", "RSA ", " RSA", "RSA/ECB/PKCS1PADDING", "RSA\x00", strings.Repeat("R", 1<<16),
	}
	for name := range oaepHashes {
		for _, s := range append(misspellings(name), strings.Replace(name, "OAEPWith", "OAEPwith", 1)) {
			if _, ok := oaepHashes[s]; !ok {
				names = append(names, s)
			}
		}
	}
	for _, name := range names {
		for _, allowPKCS1 := range []bool{false, true} {
			_, err := jce.UnwrapRSA(untouchable{rsaKey(), t}, name, make([]byte, 256), allowPKCS1)
			require.ErrorIs(t, err, jce.ErrUnknown, "%.80q", name)
			require.Less(t, len(err.Error()), 400, "a name from an item is cut")
		}
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		algorithms []string
		key        crypto.Signer
		other      crypto.Signer
	}{
		{[]string{"SHA224withRSA", "SHA256withRSA", "SHA384withRSA", "SHA512withRSA"}, rsaKey(), otherRSAKey()},
		{[]string{"SHA224withECDSA", "SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA"}, newECKey(t, elliptic.P256()), newECKey(t, elliptic.P256())},
		{[]string{"SHA256withECDSA"}, newECKey(t, elliptic.P224()), newECKey(t, elliptic.P224())},
		{[]string{"SHA512withECDSA"}, newECKey(t, elliptic.P521()), newECKey(t, elliptic.P521())},
	}
	for _, tt := range tests {
		for _, algorithm := range tt.algorithms {
			require.NoError(t, jce.CheckSignatureKey(algorithm, tt.key.Public()))
			sig, err := jce.Sign(tt.key, algorithm, []byte("data"))
			require.NoError(t, err)
			require.NoError(t, jce.Verify(tt.key.Public(), algorithm, []byte("data"), sig))

			verify := func(pub crypto.PublicKey, algorithm, data string, sig []byte) error {
				return jce.Verify(pub, algorithm, []byte(data), sig)
			}
			require.Equal(t, jce.ErrSignature, verify(tt.key.Public(), algorithm, "Data", sig), "other data")
			require.Equal(t, jce.ErrSignature, verify(tt.other.Public(), algorithm, "data", sig), "other key")
			require.Equal(t, jce.ErrSignature, verify(tt.key.Public(), algorithm, "data", nil), "empty")
			require.Equal(t, jce.ErrSignature, verify(tt.key.Public(), algorithm, "data", sig[:len(sig)-1]), "cut")
			require.Equal(t, jce.ErrSignature, verify(tt.key.Public(), algorithm, "data", append(sig[:len(sig):len(sig)], 0)), "lengthened")
			for _, other := range tt.algorithms {
				if other != algorithm {
					require.Equal(t, jce.ErrSignature, verify(tt.key.Public(), other, "data", sig), "%s for %s", other, algorithm)
				}
			}
		}
	}
}

// A key that the standard library refuses is no mismatch of a signature, on
// which other forms of the item would be tried.
func TestVerifyUnfitKey(t *testing.T) {
	t.Parallel()
	small := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 511, 1), E: 65537}
	require.NoError(t, jce.CheckSignatureKey("SHA256withRSA", small))
	err := jce.Verify(small, "SHA256withRSA", []byte("data"), make([]byte, 64))
	require.ErrorIs(t, err, jce.ErrKey)
	require.NotErrorIs(t, err, jce.ErrSignature)
}

func TestCheckSignatureKey(t *testing.T) {
	t.Parallel()
	ec := newECKey(t, elliptic.P256())
	moved := ec.PublicKey
	moved.Curve = elliptic.P384()
	edPub, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	unfit := []struct {
		name      string
		algorithm string
		pub       crypto.PublicKey
	}{
		{"no key", "SHA256withRSA", nil},
		{"nil RSA key", "SHA256withRSA", (*rsa.PublicKey)(nil)},
		{"zero RSA key", "SHA256withRSA", &rsa.PublicKey{}},
		{"zero exponent", "SHA256withRSA", &rsa.PublicKey{N: rsaKey().N}},
		{"RSA key that is no pointer", "SHA256withRSA", rsaKey().PublicKey},
		{"private RSA key", "SHA256withRSA", rsaKey()},
		{"ECDSA key for RSA", "SHA256withRSA", &ec.PublicKey},
		{"Ed25519 key for RSA", "SHA256withRSA", edPub},
		{"RSA key for ECDSA", "SHA256withECDSA", &rsaKey().PublicKey},
		{"no key for ECDSA", "SHA256withECDSA", nil},
		{"nil ECDSA key", "SHA256withECDSA", (*ecdsa.PublicKey)(nil)},
		{"zero ECDSA key", "SHA256withECDSA", &ecdsa.PublicKey{}},
		{"ECDSA key without point", "SHA256withECDSA", &ecdsa.PublicKey{Curve: elliptic.P256()}},
		{"point of another curve", "SHA256withECDSA", &moved},
	}
	for _, tt := range unfit {
		require.ErrorIs(t, jce.CheckSignatureKey(tt.algorithm, tt.pub), jce.ErrKey, tt.name)
	}

	names := []string{
		"SHA1withRSA", "MD5withRSA", "NONEwithRSA", "SHA512/256withRSA", "RSASSA-PSS", "SHA1withECDSA", "HmacSHA256", "SHA256", "RSA",
		"sha256withrsa", "SHA256WithRSA", "SHA256withRSA ", " SHA256withRSA", "SHA256withRSA\x00", "",
	}
	for _, name := range names {
		err := jce.CheckSignatureKey(name, &rsaKey().PublicKey)
		require.ErrorIs(t, err, jce.ErrUnknown, "%q", name)
	}
}
