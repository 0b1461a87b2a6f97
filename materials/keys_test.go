package materials_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/materials"
)

func TestAESKey(t *testing.T) {
	t.Parallel()
	for n := range 65 {
		k, err := materials.NewAESKey(make([]byte, n))
		if n == 16 || n == 24 || n == 32 {
			require.NoError(t, err)
			require.Equal(t, "AESWrap", k.Algorithm())
			continue
		}
		require.ErrorIs(t, err, materials.ErrKey)
		require.ErrorContains(t, err, "an AES key has 16, 24 or 32 bytes")
		require.Nil(t, k)
	}
	for _, k := range []*materials.AESKey{nil, new(materials.AESKey)} {
		require.Equal(t, "AESWrap", k.Algorithm())
		_, err := k.WrapKey(t.Context(), make([]byte, 16))
		require.ErrorContains(t, err, "that NewAESKey did not make")
		require.ErrorIs(t, err, materials.ErrKey)
		_, err = k.UnwrapKey(t.Context(), "AESWrap", make([]byte, 24))
		require.ErrorContains(t, err, "that NewAESKey did not make")
		require.ErrorIs(t, err, materials.ErrKey)
		require.NotErrorIs(t, err, materials.ErrUnwrap)
	}
	wrap := newAESKey(t, counting(1, 32))
	for _, n := range []int{0, 8, 15, 17} {
		_, err := wrap.WrapKey(t.Context(), make([]byte, n))
		require.ErrorIs(t, err, materials.ErrKey, "%d bytes", n)
	}
}

func TestHMACKey(t *testing.T) {
	t.Parallel()
	for algorithm, size := range map[string]int{"HmacSHA224": 28, "HmacSHA256": 32, "HmacSHA384": 48, "HmacSHA512": 64} {
		for _, keySize := range []int{1, 8, 200} {
			key := counting(1, keySize)
			k, err := materials.NewHMACKeyFor(algorithm, key)
			require.NoError(t, err)
			require.Equal(t, algorithm, k.Algorithm())
			sig, err := k.Sign(t.Context(), []byte("data"))
			require.NoError(t, err)
			require.Len(t, sig, size)
			clear(key) // was copied
			require.NoError(t, k.Verify(t.Context(), []byte("data"), sig))
			sig[0] ^= 1
			require.ErrorIs(t, k.Verify(t.Context(), []byte("data"), sig), materials.ErrSignature)
		}
	}
	require.Equal(t, "HmacSHA256", newHMACKey(t, []byte{1}).Algorithm())
	_, err := materials.NewHMACKey(nil)
	require.ErrorContains(t, err, "0 bytes")
	require.ErrorIs(t, err, materials.ErrKey)
	_, err = materials.NewHMACKeyFor("HmacSHA512", []byte{})
	require.ErrorIs(t, err, materials.ErrKey)
	require.NotErrorIs(t, err, materials.ErrAlgorithm)
	for _, algorithm := range []string{"", "HmacSHA1", "hmacsha256", "HmacSHA256/256", "SHA256withRSA"} {
		k, err := materials.NewHMACKeyFor(algorithm, []byte{1})
		require.ErrorIs(t, err, materials.ErrAlgorithm, "%q", algorithm)
		require.EqualError(t, err, fmt.Sprintf("not in the DDBEC item format: unsupported algorithm: %q", algorithm))
		require.NotErrorIs(t, err, materials.ErrKey, "%q", algorithm)
		require.Nil(t, k)
	}
	// A key that cannot verify is no mismatch, on which the encryptor would try
	// the next form.
	for _, k := range []*materials.HMACKey{nil, new(materials.HMACKey)} {
		require.Empty(t, k.Algorithm())
		_, err := k.Sign(t.Context(), nil)
		require.ErrorContains(t, err, "that NewHMACKey did not make")
		require.ErrorIs(t, err, materials.ErrKey)
		err = k.Verify(t.Context(), nil, nil)
		require.ErrorContains(t, err, "that NewHMACKey did not make")
		require.ErrorIs(t, err, materials.ErrKey)
		require.NotErrorIs(t, err, materials.ErrSignature)
	}
}

func TestSignerAndVerifier(t *testing.T) {
	t.Parallel()
	for algorithm, k := range map[string]crypto.Signer{
		"SHA224withRSA": rsaKey(), "SHA256withRSA": rsaKey(), "SHA384withRSA": rsaKey(), "SHA512withRSA": rsaKey(),
		"SHA224withECDSA": ecKey(), "SHA256withECDSA": ecKey(), "SHA384withECDSA": ecKey(), "SHA512withECDSA": ecKey(),
	} {
		s, err := materials.NewSigner(k, algorithm)
		require.NoError(t, err)
		v, err := materials.NewVerifier(k.Public(), algorithm)
		require.NoError(t, err)
		require.Equal(t, algorithm, s.Algorithm())
		require.Equal(t, algorithm, v.Algorithm())
		sig, err := s.Sign(t.Context(), []byte("data"))
		require.NoError(t, err)
		require.NoError(t, v.Verify(t.Context(), []byte("data"), sig))
		require.ErrorIs(t, v.Verify(t.Context(), []byte("Data"), sig), materials.ErrSignature)
		require.ErrorIs(t, v.Verify(t.Context(), []byte("data"), nil), materials.ErrSignature)
	}
	other, err := materials.NewVerifier(&otherRSAKey().PublicKey, "SHA256withRSA")
	require.NoError(t, err)
	s, err := materials.NewSigner(rsaKey(), "SHA256withRSA")
	require.NoError(t, err)
	sig, err := s.Sign(t.Context(), []byte("data"))
	require.NoError(t, err)
	require.ErrorIs(t, other.Verify(t.Context(), []byte("data"), sig), materials.ErrSignature)
}

// publicOnly is a key whose private half is elsewhere, as in an HSM.
type publicOnly struct {
	pub crypto.PublicKey
	err error
}

func (p publicOnly) Public() crypto.PublicKey { return p.pub }
func (p publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, p.err
}
func (p publicOnly) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, p.err
}

func TestUnfitAsymmetricKeys(t *testing.T) {
	t.Parallel()
	signers := []struct {
		name      string
		key       crypto.Signer
		algorithm string
		text      string
	}{
		{"nil", nil, "SHA256withRSA", "nil signer"},
		{"nil RSA key", (*rsa.PrivateKey)(nil), "SHA256withRSA", "nil signer"},
		{"nil ECDSA key", (*ecdsa.PrivateKey)(nil), "SHA256withECDSA", "nil signer"},
		{"nil pointer to an HSM's key", (*publicOnly)(nil), "SHA256withRSA", "nil signer"},
		{"zero RSA key", &rsa.PrivateKey{}, "SHA256withRSA", "without modulus"},
		{"zero ECDSA key", &ecdsa.PrivateKey{}, "SHA256withECDSA", "without curve"},
		{"RSA key for ECDSA", rsaKey(), "SHA256withECDSA", "takes an *ecdsa.PublicKey, not *rsa.PublicKey"},
		{"ECDSA key for RSA", ecKey(), "SHA256withRSA", "takes an *rsa.PublicKey, not *ecdsa.PublicKey"},
		{"an HSM that shows no key", publicOnly{}, "SHA256withRSA", "takes an *rsa.PublicKey, not <nil>"},
	}
	for _, tt := range signers {
		s, err := materials.NewSigner(tt.key, tt.algorithm)
		require.ErrorContains(t, err, tt.text, tt.name)
		require.ErrorIs(t, err, materials.ErrKey, tt.name)
		require.NotErrorIs(t, err, materials.ErrAlgorithm, tt.name)
		require.Nil(t, s, tt.name)
	}
	for _, algorithm := range []string{"", "SHA1withRSA", "RSASSA-PSS", "sha256withRSA", "HmacSHA256"} {
		_, err := materials.NewSigner(rsaKey(), algorithm)
		require.ErrorIs(t, err, materials.ErrAlgorithm, "%q", algorithm)
		_, err = materials.NewVerifier(&rsaKey().PublicKey, algorithm)
		require.ErrorIs(t, err, materials.ErrAlgorithm, "%q", algorithm)
	}
	for _, pub := range []crypto.PublicKey{nil, (*rsa.PublicKey)(nil), &rsa.PublicKey{}, rsaKey().PublicKey, &ecKey().PublicKey, rsaKey()} {
		v, err := materials.NewVerifier(pub, "SHA256withRSA")
		require.ErrorIs(t, err, materials.ErrKey, "%T", pub)
		require.Nil(t, v)
	}
	for _, pub := range []*rsa.PublicKey{nil, {}} {
		w, err := materials.NewRSAWrapper(pub)
		require.ErrorContains(t, err, "without modulus")
		require.ErrorIs(t, err, materials.ErrKey)
		require.Nil(t, w)
	}
	short, err := materials.NewRSAWrapper(&rsa.PublicKey{N: big.NewInt(3233), E: 17})
	require.NoError(t, err)
	_, err = short.WrapKey(t.Context(), make([]byte, 32))
	require.ErrorIs(t, err, materials.ErrKey)
	_, err = materials.NewRSAUnwrapper((*publicOnly)(nil))
	require.ErrorIs(t, err, materials.ErrKey)
	decrypters := map[string]crypto.Decrypter{
		"nil RSA private key":                    nil,
		"an RSA key without modulus":             &rsa.PrivateKey{},
		"its public half is *ecdsa.PublicKey":    publicOnly{pub: &ecKey().PublicKey},
		"its public half is <nil>":               publicOnly{},
		"unfit key: nil RSA private key":         (*rsa.PrivateKey)(nil),
		"an RSA key without modulus or exponent": publicOnly{pub: (*rsa.PublicKey)(nil)},
	}
	for text, priv := range decrypters {
		u, err := materials.NewRSAUnwrapper(priv)
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, materials.ErrKey, text)
		require.Nil(t, u)
	}
}

// What an HSM says reaches the caller.
func TestForeignKeyErrors(t *testing.T) {
	t.Parallel()
	lost := errors.New("HSM is gone")
	hsm := publicOnly{pub: &rsaKey().PublicKey, err: lost}
	s, err := materials.NewSigner(hsm, "SHA256withRSA")
	require.NoError(t, err)
	_, err = s.Sign(t.Context(), []byte("data"))
	require.ErrorIs(t, err, lost)

	u, err := materials.NewRSAUnwrapper(hsm)
	require.NoError(t, err)
	_, err = u.UnwrapKey(t.Context(), oaepSHA256, make([]byte, 256))
	require.ErrorIs(t, err, lost)
	require.ErrorIs(t, err, materials.ErrUnwrap)
	_, err = u.UnwrapKey(t.Context(), "RSA", make([]byte, 256))
	require.ErrorIs(t, err, materials.ErrAlgorithm)
	require.NotErrorIs(t, err, lost, "the key is not used under a name that is not allowed")
}
