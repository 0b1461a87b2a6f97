package jce

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// AESWrap is the name of RFC 3394 key wrapping.
const AESWrap = "AESWrap"

const wrapBlock = 8 // a semiblock of RFC 3394

var wrapIV = [wrapBlock]byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6} // RFC 3394, 2.2.3.1

// Wrap wraps key, of a multiple of 8 and at least 16 bytes, by RFC 3394, 2.2.1
// (index based); the result is 8 bytes longer.
func (k AESKey) Wrap(key []byte) ([]byte, error) {
	if len(key) < 2*wrapBlock || len(key)%wrapBlock != 0 {
		return nil, fmt.Errorf("%w: AESWrap takes a multiple of 8 and at least 16 bytes, not %d", ErrKey, len(key))
	}
	block := k.block()
	out := make([]byte, wrapBlock+len(key))
	r := out[wrapBlock:]
	copy(r, key)

	var b [2 * wrapBlock]byte // A ‖ R[i]
	copy(b[:], wrapIV[:])
	n := uint64(len(key) / wrapBlock)
	for j := range uint64(6) {
		for i := range n {
			half := r[i*wrapBlock:][:wrapBlock]
			copy(b[wrapBlock:], half)
			block.Encrypt(b[:], b[:])
			xorCounter(b[:wrapBlock], n*j+i+1)
			copy(half, b[wrapBlock:])
		}
	}
	copy(out, b[:wrapBlock])
	return out, nil
}

// Unwrap undoes Wrap by RFC 3394, 2.2.2. It returns ErrUnwrap if the length
// cannot be right or the integrity check fails.
func (k AESKey) Unwrap(wrapped []byte) ([]byte, error) {
	if len(wrapped) < 3*wrapBlock || len(wrapped)%wrapBlock != 0 {
		return nil, ErrUnwrap
	}
	block := k.block()
	r := bytes.Clone(wrapped[wrapBlock:])

	var b [2 * wrapBlock]byte
	copy(b[:], wrapped[:wrapBlock])
	n := uint64(len(r) / wrapBlock)
	for j := uint64(6); j > 0; j-- {
		for i := n; i > 0; i-- {
			half := r[(i-1)*wrapBlock:][:wrapBlock]
			xorCounter(b[:wrapBlock], n*(j-1)+i)
			copy(b[wrapBlock:], half)
			block.Decrypt(b[:], b[:])
			copy(half, b[wrapBlock:])
		}
	}
	if subtle.ConstantTimeCompare(b[:wrapBlock], wrapIV[:]) != 1 {
		clear(r)
		return nil, ErrUnwrap
	}
	return r, nil
}

func xorCounter(a []byte, t uint64) {
	binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(a)^t)
}
