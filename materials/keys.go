package materials

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
)

const redacted = "REDACTED"

var (
	_ KeyWrapper   = (*AESKey)(nil)
	_ KeyUnwrapper = (*AESKey)(nil)
	_ Signer       = (*HMACKey)(nil)
	_ Verifier     = (*HMACKey)(nil)
)

// AESKey is an AES key: a content key for AES/CBC/PKCS5Padding, or a wrapping
// key for AESWrap. It is opaque and prints as REDACTED. Make one with
// [NewAESKey]; the zero AESKey is unfit for use.
type AESKey jce.AESKey

// NewAESKey copies a key of 16, 24 or 32 bytes. For any other length the error
// wraps ErrKey.
func NewAESKey(b []byte) (*AESKey, error) {
	k, err := jce.NewAESKey(b)
	if err != nil {
		return nil, err
	}
	return (*AESKey)(&k), nil
}

// Algorithm is AESWrap, by which the key wraps other keys.
func (k *AESKey) Algorithm() string { return jce.AESWrap }

// WrapKey wraps a key of a multiple of 8 and at least 16 bytes by RFC 3394; the
// result is 8 bytes longer. For any other length the error wraps ErrKey.
func (k *AESKey) WrapKey(_ context.Context, key []byte) ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	return (*jce.AESKey)(k).Wrap(key)
}

// UnwrapKey unwraps by RFC 3394. The error wraps ErrAlgorithm if algorithm is
// not AESWrap, and ErrUnwrap if the integrity check fails.
func (k *AESKey) UnwrapKey(_ context.Context, algorithm string, wrapped []byte) ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	switch algorithm {
	case jce.AESWrap:
		return (*jce.AESKey)(k).Unwrap(wrapped)
	case "":
		return nil, fmt.Errorf("%w: entry %s is missing; the configured AES key unwraps %s", ErrAlgorithm, wire.EntryWrapAlg, jce.AESWrap)
	default:
		return nil, fmt.Errorf("%w: entry %s names %s; the configured AES key unwraps %s",
			ErrAlgorithm, wire.EntryWrapAlg, quote.Name(algorithm), jce.AESWrap)
	}
}

func (k *AESKey) check() error {
	if k == nil || (*jce.AESKey)(k).IsZero() {
		return fmt.Errorf("%w: an AESKey that NewAESKey did not make", ErrKey)
	}
	return nil
}

// Format prints REDACTED, whatever the verb.
func (k AESKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue logs REDACTED.
func (k AESKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes REDACTED, in JSON too.
func (k AESKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// HMACKey is a key for message authentication codes; it signs and verifies. It
// is opaque and prints as REDACTED. Make one with [NewHMACKey]; the zero HMACKey
// is unfit for use.
type HMACKey jce.HMAC

// NewHMACKey copies a key for HmacSHA256. Any length above zero is accepted,
// since old tables have short ones; a new key should have 32 random bytes. For an
// empty key the error wraps ErrKey.
func NewHMACKey(b []byte) (*HMACKey, error) { return NewHMACKeyFor(jce.HMACSHA256, b) }

// NewHMACKeyFor copies a key for HmacSHA224, HmacSHA256, HmacSHA384 or
// HmacSHA512. The error wraps ErrAlgorithm for any other name, and ErrKey for an
// empty key.
func NewHMACKeyFor(algorithm string, b []byte) (*HMACKey, error) {
	m, err := jce.NewHMAC(algorithm, b)
	if err != nil {
		return nil, algorithmError(algorithm, err)
	}
	return (*HMACKey)(&m), nil
}

// Algorithm is the name of the HMAC, such as HmacSHA256.
func (k *HMACKey) Algorithm() string {
	if k == nil {
		return ""
	}
	return (*jce.HMAC)(k).Algorithm()
}

// Sign returns the code of data, as long as the hash.
func (k *HMACKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	return (*jce.HMAC)(k).Sign(data), nil
}

// Verify compares in constant time. Its error wraps ErrSignature.
func (k *HMACKey) Verify(_ context.Context, data, sig []byte) error {
	if err := k.check(); err != nil {
		return err
	}
	return (*jce.HMAC)(k).Verify(data, sig)
}

func (k *HMACKey) check() error {
	if k == nil || (*jce.HMAC)(k).IsZero() {
		return fmt.Errorf("%w: an HMACKey that NewHMACKey did not make", ErrKey)
	}
	return nil
}

// Format prints REDACTED, whatever the verb.
func (k HMACKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue logs REDACTED.
func (k HMACKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes REDACTED, in JSON too.
func (k HMACKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// checkKey refuses a key with which nothing can be done.
func checkKey(k any) error {
	switch k := k.(type) {
	case *AESKey:
		return k.check()
	case *HMACKey:
		return k.check()
	}
	if isNil(k) {
		return fmt.Errorf("%w: a nil %T", ErrKey, k)
	}
	return nil
}
