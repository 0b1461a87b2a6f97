package materials

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
)

// opaque is a key that does its own work behind a closure, where neither fmt nor
// reflection follows.
type opaque[F any] struct {
	algorithm string
	do        F
}

func (o opaque[F]) Algorithm() string          { return o.algorithm }
func (opaque[F]) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (opaque[F]) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (opaque[F]) MarshalText() ([]byte, error) { return []byte(redacted), nil }

type (
	signer struct {
		opaque[func([]byte) ([]byte, error)]
	}
	verifier struct {
		opaque[func(data, sig []byte) error]
	}
	rsaWrapper struct {
		opaque[func([]byte) ([]byte, error)]
	}
	rsaUnwrapper struct {
		opaque[func(algorithm string, wrapped []byte) ([]byte, error)]
	}
)

// NewSigner returns a Signer by the private key k, which may live in an HSM or
// in KMS. The algorithm is SHA224withRSA, SHA256withRSA, SHA384withRSA or
// SHA512withRSA (RSASSA-PKCS1-v1_5, RFC 8017), or the same with ECDSA, which only
// Java reads. The error wraps ErrAlgorithm for any other name, and ErrKey if k is
// nil or its public half is not a key for the algorithm.
func NewSigner(k crypto.Signer, algorithm string) (Signer, error) {
	if isNil(k) {
		return nil, fmt.Errorf("%w: nil signer", ErrKey)
	}
	if err := jce.CheckSignatureKey(algorithm, k.Public()); err != nil {
		return nil, algorithmError(algorithm, err)
	}
	return signer{opaque[func([]byte) ([]byte, error)]{algorithm, func(data []byte) ([]byte, error) {
		return jce.Sign(k, algorithm, data)
	}}}, nil
}

func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) { return s.do(data) }

// NewVerifier returns a Verifier by a public key, an *rsa.PublicKey or
// *ecdsa.PublicKey, for the algorithms of [NewSigner]. It accepts items of that
// one algorithm. The error wraps ErrAlgorithm for any other name, and ErrKey if pub
// is nil or not a key for the algorithm.
func NewVerifier(pub crypto.PublicKey, algorithm string) (Verifier, error) {
	if err := jce.CheckSignatureKey(algorithm, pub); err != nil {
		return nil, algorithmError(algorithm, err)
	}
	return verifier{opaque[func(data, sig []byte) error]{algorithm, func(data, sig []byte) error {
		return jce.Verify(pub, algorithm, data, sig)
	}}}, nil
}

func (v verifier) Verify(_ context.Context, data, sig []byte) error { return v.do(data, sig) }

// NewRSAWrapper returns a KeyWrapper by
// RSA/ECB/OAEPWithSHA-256AndMGF1Padding, which Python and Java read: OAEP with
// SHA-256 and MGF1 with SHA-1. The error wraps ErrKey if pub is nil or zero.
//
// Whether pub is long enough shows when it wraps a key; then that error wraps
// ErrKey.
func NewRSAWrapper(pub *rsa.PublicKey) (KeyWrapper, error) {
	if err := jce.CheckRSAKey(pub); err != nil {
		return nil, err
	}
	return rsaWrapper{opaque[func([]byte) ([]byte, error)]{jce.RSAOAEPSHA256, func(key []byte) ([]byte, error) {
		return jce.WrapRSA(pub, key)
	}}}, nil
}

func (w rsaWrapper) WrapKey(_ context.Context, key []byte) ([]byte, error) { return w.do(key) }

// RSAOptions configures [NewRSAUnwrapper].
type RSAOptions struct {
	// AllowPKCS1v15 also reads items of the earliest Java releases, which
	// wrapped by RSA PKCS#1 v1.5 and named no algorithm. The name in an item is
	// not authenticated, so whoever can write to the table and observe whether
	// reading fails gets a padding oracle on the RSA key (Bleichenbacher 1998).
	// Rewrite such items and turn it off again.
	AllowPKCS1v15 bool
}

// NewRSAUnwrapper returns a KeyUnwrapper by an RSA private key, which may live
// in an HSM or in KMS. It reads OAEP with SHA-1, SHA-256, SHA-384 and SHA-512, as
// Python and Java name them, always with MGF1 with SHA-1. Every failure of priv
// wraps ErrUnwrap; its own error stays reachable by errors.As. The error of
// NewRSAUnwrapper wraps ErrKey if priv is nil or not an RSA key.
func NewRSAUnwrapper(priv crypto.Decrypter, optFns ...func(*RSAOptions)) (KeyUnwrapper, error) {
	if isNil(priv) {
		return nil, fmt.Errorf("%w: nil RSA private key", ErrKey)
	}
	pub, ok := priv.Public().(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: not an RSA private key: its public half is %T", ErrKey, priv.Public())
	}
	if err := jce.CheckRSAKey(pub); err != nil {
		return nil, err
	}
	var opts RSAOptions
	for _, fn := range optFns {
		fn(&opts)
	}
	return rsaUnwrapper{opaque[func(string, []byte) ([]byte, error)]{"", func(algorithm string, wrapped []byte) ([]byte, error) {
		if algorithm == "" && opts.AllowPKCS1v15 {
			algorithm = jce.RSAPKCS1Short // what the writers that named none did
		}
		key, err := jce.UnwrapRSA(priv, algorithm, wrapped, opts.AllowPKCS1v15)
		if errors.Is(err, jce.ErrUnknown) {
			return nil, rsaWrapAlgorithmError(algorithm)
		}
		return key, err
	}}}, nil
}

func (u rsaUnwrapper) UnwrapKey(_ context.Context, algorithm string, wrapped []byte) ([]byte, error) {
	return u.do(algorithm, wrapped)
}

// rsaWrapAlgorithmError is for a key wrapping that an RSA key does not do, or not
// without the opt-in.
func rsaWrapAlgorithmError(algorithm string) error {
	switch algorithm {
	case "":
		return fmt.Errorf("%w: entry %s is missing, as in items of the earliest Java releases; only RSAOptions.AllowPKCS1v15 reads them",
			ErrAlgorithm, wire.EntryWrapAlg)
	case jce.RSAPKCS1, jce.RSAPKCS1Short:
		return fmt.Errorf("%w: entry %s names %q, which only RSAOptions.AllowPKCS1v15 reads",
			ErrAlgorithm, wire.EntryWrapAlg, algorithm)
	default:
		return fmt.Errorf("%w: entry %s names %s; the configured RSA key unwraps OAEP with SHA-1, SHA-256, SHA-384 or SHA-512",
			ErrAlgorithm, wire.EntryWrapAlg, quote.Name(algorithm))
	}
}

// algorithmError makes an unknown name an ErrAlgorithm and leaves other errors.
func algorithmError(name string, err error) error {
	if errors.Is(err, jce.ErrUnknown) {
		return fmt.Errorf("%w: %s", ErrAlgorithm, quote.Name(name))
	}
	return err
}
