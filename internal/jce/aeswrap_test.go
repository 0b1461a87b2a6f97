package jce_test

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/jce"
)

// The known answers of RFC 3394, section 4. There the key-encryption key counts
// up from 00, and the wrapped key is what data says.
func TestWrapKnownAnswers(t *testing.T) {
	t.Parallel()
	const (
		data128 = "00112233445566778899aabbccddeeff"
		data192 = data128 + "0001020304050607"
		data256 = data192 + "08090a0b0c0d0e0f"
	)
	tests := []struct {
		section string
		kekSize int
		data    string
		wrapped string
	}{
		{"4.1", 16, data128, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
		{"4.2", 24, data128, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"},
		{"4.3", 32, data128, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
		{"4.4", 24, data192, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"},
		{"4.5", 32, data192, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"},
		{"4.6", 32, data256, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
	}
	for _, tt := range tests {
		t.Run(tt.section, func(t *testing.T) {
			t.Parallel()
			kek := newAESKey(t, counting(0, tt.kekSize))
			data, err := hex.DecodeString(tt.data)
			require.NoError(t, err)

			wrapped, err := kek.Wrap(data)
			require.NoError(t, err)
			require.Equal(t, tt.wrapped, hex.EncodeToString(wrapped))
			require.Equal(t, tt.data, hex.EncodeToString(data), "the key is the caller's")

			unwrapped, err := kek.Unwrap(wrapped)
			require.NoError(t, err)
			require.Equal(t, tt.data, hex.EncodeToString(unwrapped))
			require.Equal(t, tt.wrapped, hex.EncodeToString(wrapped), "the wrapped key is the caller's")
		})
	}
}

func TestWrapLengths(t *testing.T) {
	t.Parallel()
	kek := newAESKey(t, counting(0, 16))
	for n := range 65 {
		wrapped, err := kek.Wrap(counting(1, n))
		if n < 16 || n%8 != 0 {
			require.ErrorIs(t, err, jce.ErrKey, "%d bytes", n)
			require.Nil(t, wrapped)
		} else {
			require.NoError(t, err, "%d bytes", n)
			require.Len(t, wrapped, n+8)
		}
		unwrapped, err := kek.Unwrap(counting(1, n))
		require.Equal(t, jce.ErrUnwrap, err, "%d bytes", n)
		require.Nil(t, unwrapped)
	}
}

func TestUnwrapDamage(t *testing.T) {
	t.Parallel()
	kek := newAESKey(t, counting(0, 32))
	wrapped, err := kek.Wrap(counting(1, 32))
	require.NoError(t, err)
	for bit := range len(wrapped) * 8 {
		damaged := append([]byte{}, wrapped...)
		damaged[bit/8] ^= 1 << (bit % 8)
		unwrapped, err := kek.Unwrap(damaged)
		require.Equal(t, jce.ErrUnwrap, err, "bit %d", bit)
		require.Nil(t, unwrapped)
	}
	_, err = newAESKey(t, counting(1, 32)).Unwrap(wrapped)
	require.Equal(t, jce.ErrUnwrap, err, "another key")
	_, err = kek.Unwrap(wrapped[:len(wrapped)-8])
	require.Equal(t, jce.ErrUnwrap, err, "cut")
	_, err = kek.Unwrap(append(wrapped, make([]byte, 8)...))
	require.Equal(t, jce.ErrUnwrap, err, "lengthened")
}

// wrapWithIV wraps with a given initial value, by the shifting description of
// RFC 3394, 2.2.1.
func wrapWithIV(t *testing.T, kek, iv, key []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(kek)
	require.NoError(t, err)
	state := append(append([]byte{}, iv...), key...)
	for step := range 6 * len(key) / 8 {
		var b [16]byte
		copy(b[:], state[:16])
		block.Encrypt(b[:], b[:])
		b[7] ^= byte(step + 1)
		copy(state[8:], state[16:])
		copy(state, b[:8])
		copy(state[len(state)-8:], b[8:])
	}
	return state
}

// The integrity check is over all of the initial value.
func TestUnwrapInitialValue(t *testing.T) {
	t.Parallel()
	kek, iv := counting(0, 32), bytes.Repeat([]byte{0xa6}, 8)
	k := newAESKey(t, kek)
	key, err := k.Unwrap(wrapWithIV(t, kek, iv, counting(1, 32)))
	require.NoError(t, err)
	require.Equal(t, counting(1, 32), key)
	for bit := range 64 {
		damaged := bytes.Clone(iv)
		damaged[bit/8] ^= 1 << (bit % 8)
		key, err := k.Unwrap(wrapWithIV(t, kek, damaged, counting(1, 32)))
		require.Equal(t, jce.ErrUnwrap, err, "bit %d", bit)
		require.Nil(t, key)
	}
}

// Wrap is a bijection onto what unwraps: data of a fit length comes back, one
// changed byte does not, and whatever else unwraps wraps to the same bytes.
func FuzzUnwrap(f *testing.F) {
	f.Add(counting(0, 16), uint16(0), byte(1))
	f.Add(counting(0, 32), uint16(39), byte(0x80))
	f.Add(counting(0, 24), uint16(8), byte(0))
	f.Add([]byte{}, uint16(3), byte(3))
	kek := newAESKey(f, counting(0, 32))
	f.Fuzz(func(t *testing.T, data []byte, at uint16, change byte) {
		if key, err := kek.Unwrap(data); err != nil {
			require.Equal(t, jce.ErrUnwrap, err)
			require.Nil(t, key)
		} else {
			again, err := kek.Wrap(key)
			require.NoError(t, err)
			require.Equal(t, data, again)
		}
		wrapped, err := kek.Wrap(data)
		if err != nil {
			require.ErrorIs(t, err, jce.ErrKey)
			return
		}
		wrapped[int(at)%len(wrapped)] ^= change
		key, err := kek.Unwrap(wrapped)
		if change == 0 {
			require.NoError(t, err)
			require.Equal(t, data, key)
			return
		}
		require.Equal(t, jce.ErrUnwrap, err)
		require.Nil(t, key)
	})
}
