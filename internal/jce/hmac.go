package jce

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"sync"
)

// HMACSHA256 is the name of the HMAC that every writer uses by default.
const HMACSHA256 = "HmacSHA256"

var hmacHashes = map[string]func() hash.Hash{
	"HmacSHA224": sha256.New224,
	HMACSHA256:   sha256.New,
	"HmacSHA384": sha512.New384,
	"HmacSHA512": sha512.New,
}

// IsHMAC tells whether name is an HMAC of the list.
func IsHMAC(name string) bool {
	_, ok := hmacHashes[name]
	return ok
}

// HMAC is a message authentication code under one key, with the full length of
// its hash. The key is behind closures, where neither fmt nor reflection
// follows.
type HMAC struct {
	algorithm string
	get       func() *hmacState
	put       func(*hmacState)
}

type hmacState struct {
	hash.Hash
	sum [sha512.Size]byte // here, because it would escape to the heap from a stack
}

// NewHMAC copies a key of any length above zero.
func NewHMAC(algorithm string, key []byte) (HMAC, error) {
	newHash, ok := hmacHashes[algorithm]
	if !ok {
		return HMAC{}, unknown(algorithm)
	}
	if len(key) == 0 {
		return HMAC{}, fmt.Errorf("%w: an %s key of 0 bytes", ErrKey, algorithm)
	}
	key = bytes.Clone(key)
	// A used HMAC that is reset starts from the state after its key, which
	// saves two blocks of hashing for each item.
	pool := &sync.Pool{New: func() any { return &hmacState{Hash: hmac.New(newHash, key)} }}
	return HMAC{
		algorithm: algorithm,
		get:       func() *hmacState { return pool.Get().(*hmacState) },
		put:       func(h *hmacState) { h.Reset(); pool.Put(h) },
	}, nil
}

// IsZero tells an HMAC that NewHMAC did not make.
func (m HMAC) IsZero() bool { return m.get == nil }

// Algorithm is the name, such as HmacSHA256.
func (m HMAC) Algorithm() string { return m.algorithm }

// Sign returns the code of data.
func (m HMAC) Sign(data []byte) []byte {
	h := m.get()
	defer m.put(h)
	h.Write(data)
	return h.Sum(make([]byte, 0, h.Size()))
}

// Verify compares in constant time; anything but the whole code is ErrSignature.
func (m HMAC) Verify(data, code []byte) error {
	h := m.get()
	defer m.put(h)
	h.Write(data)
	if !hmac.Equal(h.Sum(h.sum[:0]), code) {
		return ErrSignature
	}
	return nil
}
