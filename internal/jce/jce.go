// Package jce implements the transformations that DDBEC items name the way the
// Java Cryptography Extension does: AES/CBC/PKCS5Padding, HmacSHA256 and its
// kin, AESWrap (RFC 3394), RSA/ECB/OAEPWith…AndMGF1Padding and SHA…withRSA.
//
// Names are compared exactly and against a list, because they come from parts
// of an item that nothing authenticates.
package jce

import (
	"errors"
	"fmt"

	"github.com/ddbec/ddbec-go/internal/quote"
)

var (
	// ErrUnknown means that an algorithm name is not on the list.
	ErrUnknown = errors.New("unsupported algorithm")
	// ErrKey means that a key does not fit its algorithm.
	ErrKey = errors.New("unfit key")
	// ErrDecrypt is the one error for ciphertext of a wrong length and for
	// every fault of its padding.
	ErrDecrypt = errors.New("ciphertext does not decrypt")
	// ErrUnwrap means that a wrapped key is damaged or was wrapped under
	// another key.
	ErrUnwrap = errors.New("wrapped key does not unwrap; it is damaged or was wrapped under another key")
	// ErrSignature means that a signature does not match.
	ErrSignature = errors.New("signature does not match")
)

func unknown(name string) error {
	return fmt.Errorf("%w %s", ErrUnknown, quote.Name(name))
}
