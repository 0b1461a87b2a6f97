package materials_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/materials"
)

const (
	envAlg, envKey, wrapAlg = "amzn-ddb-env-alg", "amzn-ddb-env-key", "amzn-ddb-wrap-alg"
	oaepSHA256              = "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"
)

// aesKeys are keys for both directions.
func aesKeys(t testing.TB) materials.WrappedKeys {
	t.Helper()
	kek, mac := newAESKey(t, counting(1, 32)), newHMACKey(t, counting(2, 32))
	return materials.WrappedKeys{Wrap: kek, Unwrap: kek, Sign: mac, Verify: mac}
}

func rsaKeys(t testing.TB, optFns ...func(*materials.RSAOptions)) materials.WrappedKeys {
	t.Helper()
	wrap, err := materials.NewRSAWrapper(&rsaKey().PublicKey)
	require.NoError(t, err)
	unwrap, err := materials.NewRSAUnwrapper(rsaKey(), optFns...)
	require.NoError(t, err)
	sign, err := materials.NewSigner(rsaKey(), "SHA256withRSA")
	require.NoError(t, err)
	verify, err := materials.NewVerifier(&rsaKey().PublicKey, "SHA256withRSA")
	require.NoError(t, err)
	return materials.WrappedKeys{Wrap: wrap, Unwrap: unwrap, Sign: sign, Verify: verify}
}

func allowPKCS1(o *materials.RSAOptions) { o.AllowPKCS1v15 = true }

func newWrapped(t testing.TB, keys materials.WrappedKeys) *materials.WrappedProvider {
	t.Helper()
	p, err := materials.NewWrappedProvider(keys, nil)
	require.NoError(t, err)
	return p
}

func TestWrapped(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		keys    materials.WrappedKeys
		wrapAlg string
		sigAlg  string
		size    int // of the wrapped key
	}{
		{"AES and HMAC", aesKeys(t), "AESWrap", "HmacSHA256", 40},
		{"RSA and RSA", rsaKeys(t), oaepSHA256, "SHA256withRSA", 256},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			description := map[string]string{"purpose": "test"}
			p, err := materials.NewWrappedProvider(tt.keys, description)
			require.NoError(t, err)
			description["purpose"] = "changed" // the provider has a copy

			enc, err := p.EncryptionMaterials(t.Context(), item())
			require.NoError(t, err)
			wrapped, err := base64.StdEncoding.DecodeString(enc.Description[envKey])
			require.NoError(t, err)
			require.Len(t, wrapped, tt.size)
			require.Equal(t, map[string]string{
				"purpose": "test", envAlg: "AES", wrapAlg: tt.wrapAlg, envKey: enc.Description[envKey],
			}, enc.Description)
			require.Equal(t, tt.sigAlg, enc.SigningKey.Algorithm())

			dec, err := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
			require.NoError(t, err)
			requirePair(t, enc, dec)
			require.Equal(t, enc.Description, dec.Description)

			// The content key has 32 bytes, and is another one for every item.
			dec, err = p.DecryptionMaterials(t.Context(), stored(item(), with(enc.Description, envAlg, ptr("AES/256"))))
			require.NoError(t, err)
			requirePair(t, enc, dec)
			again, err := p.EncryptionMaterials(t.Context(), item())
			require.NoError(t, err)
			_, err = again.EncryptionKey.UnwrapKey(t.Context(), "AESWrap", mustWrap(t, enc.EncryptionKey))
			require.ErrorIs(t, err, materials.ErrUnwrap)
		})
	}
}

func mustWrap(t testing.TB, k *materials.AESKey) []byte {
	t.Helper()
	wrapped, err := k.WrapKey(t.Context(), make([]byte, 16))
	require.NoError(t, err)
	return wrapped
}

func TestWrappedHalves(t *testing.T) {
	t.Parallel()
	k := aesKeys(t)
	tests := []struct {
		name             string
		keys             materials.WrappedKeys
		encrypt, decrypt bool
	}{
		{"nothing", materials.WrappedKeys{}, false, false},
		{"no signing keys", materials.WrappedKeys{Wrap: k.Wrap, Unwrap: k.Unwrap}, false, false},
		{"no wrapping keys", materials.WrappedKeys{Sign: k.Sign, Verify: k.Verify}, false, false},
		{"crossed", materials.WrappedKeys{Wrap: k.Wrap, Verify: k.Verify}, false, false},
		{"encrypt only", materials.WrappedKeys{Wrap: k.Wrap, Sign: k.Sign}, true, false},
		{"decrypt only", materials.WrappedKeys{Unwrap: k.Unwrap, Verify: k.Verify}, false, true},
		{"decrypt only, with a Wrap key", materials.WrappedKeys{Wrap: k.Wrap, Unwrap: k.Unwrap, Verify: k.Verify}, false, true},
		{"both", k, true, true},
	}
	written, err := newWrapped(t, k).EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := materials.NewWrappedProvider(tt.keys, nil)
			if !tt.encrypt && !tt.decrypt {
				require.ErrorContains(t, err, "neither Wrap and Sign nor Unwrap and Verify are given")
				require.Nil(t, p)
				return
			}
			require.NoError(t, err)
			enc, err := p.EncryptionMaterials(t.Context(), item())
			if tt.encrypt {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
				require.NotErrorIs(t, err, materials.ErrNoDecryptionMaterials)
				require.Nil(t, enc)
			}
			dec, err := p.DecryptionMaterials(t.Context(), stored(item(), written.Description))
			if tt.decrypt {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, materials.ErrNoDecryptionMaterials)
				require.NotErrorIs(t, err, materials.ErrNoEncryptionMaterials)
				require.Nil(t, dec)
			}
		})
	}
}

func TestWrappedUnfitKeys(t *testing.T) {
	t.Parallel()
	fields := map[string]func(*materials.WrappedKeys, *materials.AESKey, *materials.HMACKey){
		"Wrap":   func(k *materials.WrappedKeys, key *materials.AESKey, _ *materials.HMACKey) { k.Wrap = key },
		"Unwrap": func(k *materials.WrappedKeys, key *materials.AESKey, _ *materials.HMACKey) { k.Unwrap = key },
		"Sign":   func(k *materials.WrappedKeys, _ *materials.AESKey, mac *materials.HMACKey) { k.Sign = mac },
		"Verify": func(k *materials.WrappedKeys, _ *materials.AESKey, mac *materials.HMACKey) { k.Verify = mac },
	}
	refused := func(field string, k materials.WrappedKeys) {
		t.Helper()
		p, err := materials.NewWrappedProvider(k, nil)
		require.ErrorIs(t, err, materials.ErrKey, field)
		require.ErrorContains(t, err, "WrappedKeys."+field+": ")
		require.Nil(t, p)
	}
	for field, set := range fields {
		for _, keys := range []materials.WrappedKeys{{}, aesKeys(t)} {
			set(&keys, nil, nil)
			refused(field, keys)
			set(&keys, new(materials.AESKey), new(materials.HMACKey))
			refused(field, keys)
		}
	}
	k := aesKeys(t)
	k.Wrap = (*brokenWrapper)(nil)
	refused("Wrap", k)
	k = aesKeys(t)
	k.Unwrap = (*brokenWrapper)(nil)
	refused("Unwrap", k)
}

func TestWrappedUserDescription(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"amzn-ddb-map-sym-mode", "amzn-ddb-map-signingAlg", envKey, envAlg, wrapAlg, "amzn-ddb-sig-alg", "aws-kms-ec-attr", "amzn-ddb-meta-id",
	} {
		p, err := materials.NewWrappedProvider(aesKeys(t), map[string]string{name: "x"})
		require.ErrorContains(t, err, `wrapped provider: description: entry "`+name+`" is written by the library`)
		require.Nil(t, p)
	}
	for _, description := range []map[string]string{{"\xff": "x"}, {"x": "\xff"}} {
		_, err := materials.NewWrappedProvider(aesKeys(t), description)
		require.ErrorContains(t, err, "is not valid UTF-8")
	}
	_, err := materials.NewWrappedProvider(aesKeys(t), map[string]string{"amzn-ddb-": "mine", "": ""})
	require.NoError(t, err)
}

// A description is hostile until the signature verifies. KEKs of both kinds
// refuse the same things, each for its own reason.
func TestWrappedHostileDescription(t *testing.T) {
	t.Parallel()
	providers := map[string]*materials.WrappedProvider{"AES": newWrapped(t, aesKeys(t)), "RSA": newWrapped(t, rsaKeys(t))}
	tests := []struct {
		name  string
		entry string
		value *string
		err   error
		text  map[string]string // of the error, by kind of key; "" for both
	}{
		{"env-key missing", envKey, nil, materials.ErrDescription, map[string]string{"": "entry amzn-ddb-env-key is missing"}},
		{"env-key empty", envKey, ptr(""), materials.ErrDescription, map[string]string{"": "is not base64"}},
		{"env-key not base64", envKey, ptr("a b c"), materials.ErrDescription, map[string]string{"": "is not base64"}},
		{"env-key of line breaks", envKey, ptr("\r\n"), materials.ErrDescription, map[string]string{"": "is not base64"}},
		{"env-key in URL-safe base64", envKey, ptr("_-8="), materials.ErrDescription, map[string]string{"": "is not base64"}},
		{"env-key without padding", envKey, ptr("AQI"), materials.ErrDescription, map[string]string{"": "is not base64"}},
		{"env-key with bits to spare", envKey, ptr("AQJ="), materials.ErrDescription, map[string]string{"": "is not base64"}},
		{"env-key damaged", envKey, ptr(strings.Repeat("QUFB", 10)), materials.ErrUnwrap, map[string]string{"": "damaged or was wrapped under another key"}},
		{"env-key short", envKey, ptr("QQ=="), materials.ErrUnwrap, nil},
		{"env-key enormous", envKey, ptr(strings.Repeat("QUFB", 1<<14)), materials.ErrUnwrap, nil},
		{"env-alg missing", envAlg, nil, materials.ErrDescription, map[string]string{"": "entry amzn-ddb-env-alg is missing"}},
		{"env-alg empty", envAlg, ptr(""), materials.ErrAlgorithm, nil},
		{"env-alg of another size", envAlg, ptr("AES/128"), materials.ErrUnwrap, map[string]string{"": "a content key of 32 bytes, where entry amzn-ddb-env-alg says 16"}},
		{"env-alg of a third size", envAlg, ptr("AES/192"), materials.ErrUnwrap, nil},
		{"env-alg AES/0", envAlg, ptr("AES/0"), materials.ErrAlgorithm, nil},
		{"env-alg AES/+256", envAlg, ptr("AES/+256"), materials.ErrAlgorithm, nil},
		{"env-alg in lower case", envAlg, ptr("aes"), materials.ErrAlgorithm, nil},
		{"env-alg DESede", envAlg, ptr("DESede"), materials.ErrAlgorithm, map[string]string{"": `"DESede"`}},
		{"wrap-alg missing", wrapAlg, nil, materials.ErrAlgorithm, map[string]string{
			"AES": "entry amzn-ddb-wrap-alg is missing; the configured AES key unwraps AESWrap", "RSA": "RSAOptions.AllowPKCS1v15",
		}},
		{"wrap-alg empty", wrapAlg, ptr(""), materials.ErrAlgorithm, nil},
		{"wrap-alg PKCS#1", wrapAlg, ptr("RSA/ECB/PKCS1Padding"), materials.ErrAlgorithm, map[string]string{
			"AES": "the configured AES key unwraps AESWrap", "RSA": "RSAOptions.AllowPKCS1v15",
		}},
		{"wrap-alg RSA", wrapAlg, ptr("RSA"), materials.ErrAlgorithm, map[string]string{"RSA": "RSAOptions.AllowPKCS1v15"}},
		{"wrap-alg kms", wrapAlg, ptr("kms"), materials.ErrAlgorithm, map[string]string{"": `"kms"`}},
		{"wrap-alg AESWrap_256", wrapAlg, ptr("AESWrap_256"), materials.ErrAlgorithm, nil},
		{"wrap-alg AESWrap/ECB/NoPadding", wrapAlg, ptr("AESWrap/ECB/NoPadding"), materials.ErrAlgorithm, nil},
		{"wrap-alg with a space", wrapAlg, ptr("AESWrap "), materials.ErrAlgorithm, nil},
		{"wrap-alg in lower case", wrapAlg, ptr("aeswrap"), materials.ErrAlgorithm, nil},
		{"wrap-alg enormous", wrapAlg, ptr(strings.Repeat("A", 1<<16)), materials.ErrAlgorithm, nil},
	}
	for _, tt := range tests {
		for kind, p := range providers {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				enc, err := p.EncryptionMaterials(t.Context(), item())
				require.NoError(t, err)
				dec, err := p.DecryptionMaterials(t.Context(), stored(item(), with(enc.Description, tt.entry, tt.value)))
				require.ErrorIs(t, err, tt.err)
				require.Nil(t, dec)
				if tt.err == materials.ErrUnwrap {
					require.NotErrorIs(t, err, materials.ErrFormat)
				} else {
					require.ErrorIs(t, err, materials.ErrFormat)
					require.ErrorContains(t, err, tt.entry)
				}
				require.Less(t, len(err.Error()), 500, "texts of an item are cut")
				require.ErrorContains(t, err, tt.text[""])
				require.ErrorContains(t, err, tt.text[kind])
			})
		}
	}
}

// A key of the one kind does not read items of the other, and says why.
func TestWrappedOtherKind(t *testing.T) {
	t.Parallel()
	aes, err := newWrapped(t, aesKeys(t)).EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	_, err = newWrapped(t, rsaKeys(t, allowPKCS1)).DecryptionMaterials(t.Context(), stored(item(), aes.Description))
	require.ErrorIs(t, err, materials.ErrAlgorithm)
	require.ErrorContains(t, err, `names "AESWrap"; the configured RSA key unwraps OAEP`)

	rsa, err := newWrapped(t, rsaKeys(t)).EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	_, err = newWrapped(t, aesKeys(t)).DecryptionMaterials(t.Context(), stored(item(), rsa.Description))
	require.ErrorIs(t, err, materials.ErrAlgorithm)
	require.ErrorContains(t, err, `names "`+oaepSHA256+`"; the configured AES key unwraps AESWrap`)
}

func TestWrappedWrongKey(t *testing.T) {
	t.Parallel()
	k := aesKeys(t)
	enc, err := newWrapped(t, k).EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	k.Unwrap = newAESKey(t, counting(9, 32))
	_, err = newWrapped(t, k).DecryptionMaterials(t.Context(), stored(item(), enc.Description))
	require.ErrorIs(t, err, materials.ErrUnwrap)

	k = rsaKeys(t)
	enc, err = newWrapped(t, k).EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	k.Unwrap, err = materials.NewRSAUnwrapper(otherRSAKey())
	require.NoError(t, err)
	_, err = newWrapped(t, k).DecryptionMaterials(t.Context(), stored(item(), enc.Description))
	require.ErrorIs(t, err, materials.ErrUnwrap)
	require.ErrorIs(t, err, rsa.ErrDecryption)
}

// Content keys of other sizes, as Python can be told to make them.
func TestWrappedContentKeySizes(t *testing.T) {
	t.Parallel()
	k := aesKeys(t)
	p := newWrapped(t, k)
	for size, algorithms := range map[int][]string{
		16: {"AES", "AES/128"}, 24: {"AES", "AES/192"}, 32: {"AES", "AES/256"}, 40: nil, 64: nil,
	} {
		wrapped, err := k.Wrap.WrapKey(t.Context(), counting(5, size))
		require.NoError(t, err)
		description := map[string]string{envKey: base64.StdEncoding.EncodeToString(wrapped), wrapAlg: "AESWrap"}
		for _, algorithm := range []string{"AES", "AES/128", "AES/192", "AES/256"} {
			dec, err := p.DecryptionMaterials(t.Context(), stored(item(), with(description, envAlg, &algorithm)))
			fits := false
			for _, a := range algorithms {
				fits = fits || a == algorithm
			}
			if !fits {
				require.ErrorIs(t, err, materials.ErrUnwrap, "%d bytes as %s", size, algorithm)
				require.NotErrorIs(t, err, materials.ErrKey, "the item is to blame, not a key of the caller's")
				require.Nil(t, dec)
				continue
			}
			require.NoError(t, err, "%d bytes as %s", size, algorithm)
			requireSameAES(t, newAESKey(t, counting(5, size)), dec.DecryptionKey)
		}
	}
}

// Items of the earliest Java releases: PKCS#1 v1.5, no wrap-alg, and base64 in
// lines of 76 characters.
func TestWrappedEarliestJava(t *testing.T) {
	t.Parallel()
	content := counting(5, 16)
	//lint:ignore SA1019 what those releases did
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, &rsaKey().PublicKey, content)
	require.NoError(t, err)
	text := base64.StdEncoding.EncodeToString(wrapped)
	var lines strings.Builder
	for len(text) > 76 {
		lines.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	lines.WriteString(text + "\r\n")
	description := map[string]string{envAlg: "AES", envKey: lines.String()}

	strict, lenient := newWrapped(t, rsaKeys(t)), newWrapped(t, rsaKeys(t, allowPKCS1))
	for _, algorithm := range []*string{nil, ptr("RSA"), ptr("RSA/ECB/PKCS1Padding")} {
		ec := stored(item(), with(description, wrapAlg, algorithm))
		_, err := strict.DecryptionMaterials(t.Context(), ec)
		require.ErrorIs(t, err, materials.ErrAlgorithm)
		require.ErrorContains(t, err, "RSAOptions.AllowPKCS1v15")

		dec, err := lenient.DecryptionMaterials(t.Context(), ec)
		require.NoError(t, err)
		requireSameAES(t, newAESKey(t, content), dec.DecryptionKey)
	}

	// Line breaks alone need no opt-in, and the opt-in reads OAEP, too.
	enc, err := strict.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	broken := with(enc.Description, envKey, ptr(strings.Replace(enc.Description[envKey], "A", "A\r\n", 1)+"\n"))
	for _, p := range []*materials.WrappedProvider{strict, lenient} {
		dec, err := p.DecryptionMaterials(t.Context(), stored(item(), broken))
		require.NoError(t, err)
		requirePair(t, enc, dec)
	}
}

// brokenWrapper is a KeyWrapper and KeyUnwrapper of somebody else's.
type brokenWrapper struct {
	out []byte
	err error
}

func (brokenWrapper) Algorithm() string { return "X" }
func (b brokenWrapper) WrapKey(context.Context, []byte) ([]byte, error) {
	return b.out, b.err
}
func (b brokenWrapper) UnwrapKey(context.Context, string, []byte) ([]byte, error) {
	return b.out, b.err
}

func TestWrappedForeignKeys(t *testing.T) {
	t.Parallel()
	lost := errors.New("HSM is gone")
	k := aesKeys(t)
	k.Wrap, k.Unwrap = brokenWrapper{err: lost}, brokenWrapper{err: lost}
	p := newWrapped(t, k)
	_, err := p.EncryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, lost)
	description := map[string]string{envAlg: "AES", envKey: "AQID", wrapAlg: "X"}
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), description))
	require.ErrorIs(t, err, lost)
	require.NotErrorIs(t, err, materials.ErrUnwrap)

	k.Wrap, k.Unwrap = brokenWrapper{}, brokenWrapper{out: make([]byte, 5)}
	p = newWrapped(t, k)
	_, err = p.EncryptionMaterials(t.Context(), item())
	require.ErrorContains(t, err, "the wrapped key has 0 bytes")
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), description))
	require.ErrorIs(t, err, materials.ErrUnwrap)
}

func TestWrappedConcurrent(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*materials.WrappedProvider{"AES": newWrapped(t, aesKeys(t)), "RSA": newWrapped(t, rsaKeys(t))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := item()
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 10 {
						enc, err := p.EncryptionMaterials(t.Context(), shared)
						if !assert.NoError(t, err) {
							return
						}
						dec, err := p.DecryptionMaterials(t.Context(), stored(shared, enc.Description))
						if !assert.NoError(t, err) {
							return
						}
						sig, err := enc.SigningKey.Sign(t.Context(), []byte("data"))
						assert.NoError(t, err)
						assert.NoError(t, dec.VerificationKey.Verify(t.Context(), []byte("data"), sig))
					}
				})
			}
			wg.Wait()
		})
	}
}
