package jce

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // MGF1 of every OAEP name
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
)

// RSAOAEPSHA256 is the key wrapping that every writer uses by default for RSA:
// OAEP with SHA-256, MGF1 with SHA-1 and an empty label (RFC 8017, 7.1). That
// MGF1 does not follow the first hash is what the Java name stands for.
const RSAOAEPSHA256 = "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"

// Names of RSA PKCS#1 v1.5 key wrapping (RFC 8017, 7.2).
const (
	RSAPKCS1      = "RSA/ECB/PKCS1Padding"
	RSAPKCS1Short = "RSA"
)

var oaepHashes = map[string]crypto.Hash{
	"RSA/ECB/OAEPWithSHA-1AndMGF1Padding":   crypto.SHA1,
	RSAOAEPSHA256:                           crypto.SHA256,
	"RSA/ECB/OAEPWithSHA-384AndMGF1Padding": crypto.SHA384,
	"RSA/ECB/OAEPWithSHA-512AndMGF1Padding": crypto.SHA512,
}

// WrapRSA wraps key by RSAOAEPSHA256.
func WrapRSA(pub *rsa.PublicKey, key []byte) ([]byte, error) {
	wrapped, err := rsa.EncryptOAEPWithOptions(rand.Reader, pub, key, &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA1})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return wrapped, nil
}

// UnwrapRSA unwraps by the OAEP names, and by the PKCS#1 v1.5 names if allowed. A
// wrapped key is as long as the modulus (RFC 8017, 7.1.2), leading zeros included.
func UnwrapRSA(priv crypto.Decrypter, algorithm string, wrapped []byte, allowPKCS1 bool) ([]byte, error) {
	var opts crypto.DecrypterOpts
	if hash, ok := oaepHashes[algorithm]; ok {
		opts = &rsa.OAEPOptions{Hash: hash, MGFHash: crypto.SHA1}
	} else if allowPKCS1 && (algorithm == RSAPKCS1 || algorithm == RSAPKCS1Short) {
		//lint:ignore SA1019 only the caller's opt-in leads here
		opts = &rsa.PKCS1v15DecryptOptions{}
	} else {
		return nil, unknown(algorithm)
	}
	if pub, ok := priv.Public().(*rsa.PublicKey); ok && len(wrapped) != pub.Size() {
		return nil, fmt.Errorf("%w: %d bytes for a modulus of %d", ErrUnwrap, len(wrapped), pub.Size())
	}
	key, err := priv.Decrypt(rand.Reader, wrapped, opts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnwrap, err)
	}
	return key, nil
}

type signatureScheme struct {
	hash  crypto.Hash
	ecdsa bool
}

var signatureSchemes = map[string]signatureScheme{
	"SHA224withRSA":   {crypto.SHA224, false},
	"SHA256withRSA":   {crypto.SHA256, false},
	"SHA384withRSA":   {crypto.SHA384, false},
	"SHA512withRSA":   {crypto.SHA512, false},
	"SHA224withECDSA": {crypto.SHA224, true},
	"SHA256withECDSA": {crypto.SHA256, true},
	"SHA384withECDSA": {crypto.SHA384, true},
	"SHA512withECDSA": {crypto.SHA512, true},
}

// CheckRSAKey refuses a key without modulus or exponent, on which crypto/rsa can
// panic.
func CheckRSAKey(pub *rsa.PublicKey) error {
	if pub == nil || pub.N == nil || pub.N.Sign() <= 0 || pub.E < 2 {
		return fmt.Errorf("%w: an RSA key without modulus or exponent", ErrKey)
	}
	return nil
}

func checkECDSAKey(pub *ecdsa.PublicKey) error {
	//lint:ignore SA1019 Bytes panics on a key without coordinates
	if pub == nil || pub.Curve == nil || pub.X == nil || pub.Y == nil {
		return fmt.Errorf("%w: an ECDSA key without curve or point", ErrKey)
	}
	if _, err := pub.Bytes(); err != nil { // is the point on the curve?
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return nil
}

// CheckSignatureKey returns an error if algorithm is not a signature algorithm
// of the list or pub not a key for it. RSA is RSASSA-PKCS1-v1_5 (RFC 8017, 8.2),
// ECDSA signatures are DER.
func CheckSignatureKey(algorithm string, pub crypto.PublicKey) error {
	scheme, ok := signatureSchemes[algorithm]
	if !ok {
		return unknown(algorithm)
	}
	if scheme.ecdsa {
		if pub, ok := pub.(*ecdsa.PublicKey); ok {
			return checkECDSAKey(pub)
		}
		return fmt.Errorf("%w: %s takes an *ecdsa.PublicKey, not %T", ErrKey, algorithm, pub)
	}
	if pub, ok := pub.(*rsa.PublicKey); ok {
		return CheckRSAKey(pub)
	}
	return fmt.Errorf("%w: %s takes an *rsa.PublicKey, not %T", ErrKey, algorithm, pub)
}

// Sign signs data with a key that CheckSignatureKey accepted.
func Sign(signer crypto.Signer, algorithm string, data []byte) ([]byte, error) {
	hash := signatureSchemes[algorithm].hash
	return signer.Sign(rand.Reader, digest(hash, data), hash)
}

// Verify verifies with a key that CheckSignatureKey accepted. Whatever is wrong
// with signature is ErrSignature; a key that crypto/rsa refuses, such as one below
// 1024 bits, is ErrKey.
func Verify(pub crypto.PublicKey, algorithm string, data, signature []byte) error {
	hash := signatureSchemes[algorithm].hash
	sum := digest(hash, data)
	err := rsa.ErrVerification
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		err = rsa.VerifyPKCS1v15(pub, hash, sum, signature)
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(pub, sum, signature) {
			err = nil
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rsa.ErrVerification):
		return ErrSignature
	default:
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
}

func digest(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}
