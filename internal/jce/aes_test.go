package jce_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/jce"
)

func newAESKey(t testing.TB, key []byte) jce.AESKey {
	t.Helper()
	k, err := jce.NewAESKey(key)
	require.NoError(t, err)
	return k
}

// counting returns n bytes that count up from first.
func counting(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// encrypt is the use that the encryptor makes of a CBC.
func encrypt(c *jce.CBC, iv, plaintext []byte) []byte {
	stored := make([]byte, jce.CBCSize(len(plaintext)))
	copy(stored, iv)
	copy(stored[jce.IVSize:], plaintext)
	c.EncryptInPlace(stored, len(plaintext))
	return stored
}

// rawCBC encrypts whole blocks by the standard library, without padding.
func rawCBC(t testing.TB, key, iv, text []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	stored := append(append([]byte{}, iv...), text...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(stored[jce.IVSize:], stored[jce.IVSize:])
	return stored
}

func TestNewAESKey(t *testing.T) {
	t.Parallel()
	for n := range 65 {
		k, err := jce.NewAESKey(make([]byte, n))
		if n == 16 || n == 24 || n == 32 {
			require.NoError(t, err, "%d bytes", n)
			require.False(t, k.IsZero())
			continue
		}
		require.ErrorIs(t, err, jce.ErrKey, "%d bytes", n)
		require.True(t, k.IsZero())
	}
}

func TestNewAESKeyCopies(t *testing.T) {
	t.Parallel()
	key := counting(0, 32)
	k := newAESKey(t, key)
	want, err := k.Wrap(make([]byte, 16))
	require.NoError(t, err)
	clear(key)
	got, err := k.Wrap(make([]byte, 16))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// One CBC does all attributes of an item, so it must not keep anything of the
// one before.
func TestCBCEveryLength(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16, 24, 32} {
		key := counting(1, size)
		c := jce.NewCBC(newAESKey(t, key))
		for n := range 65 {
			plaintext, iv := counting(7, n), counting(byte(n), jce.IVSize)
			padding := 16 - n%16
			padded := append([]byte{}, plaintext...)
			for range padding {
				padded = append(padded, byte(padding))
			}

			stored := encrypt(&c, iv, plaintext)
			require.Equal(t, rawCBC(t, key, iv, padded), stored, "%d bytes", n)

			got, err := c.Decrypt(make([]byte, len(stored)), stored)
			require.NoError(t, err)
			require.Equal(t, plaintext, got)
		}
	}
}

func TestCBCDecryptInput(t *testing.T) {
	t.Parallel()
	c := jce.NewCBC(newAESKey(t, counting(0, 16)))
	stored := encrypt(&c, counting(3, jce.IVSize), counting(9, 20))
	before := string(stored)
	dst := make([]byte, len(stored)-jce.IVSize)
	got, err := c.Decrypt(dst, stored)
	require.NoError(t, err)
	require.Equal(t, before, string(stored), "the ciphertext is the caller's")
	require.Same(t, &dst[0], &got[0], "the plaintext is in dst")
}

// What one CBC leaves to the next under the same key must not show in its work.
func TestCBCRelease(t *testing.T) {
	t.Parallel()
	key := newAESKey(t, counting(0, 32))
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := range 100 {
				iv, plaintext := counting(byte(n), jce.IVSize), counting(byte(worker), n)
				fresh, err := jce.NewAESKey(counting(0, 32))
				assert.NoError(t, err)
				reference := jce.NewCBC(fresh)
				want := encrypt(&reference, iv, plaintext)

				c := jce.NewCBC(key)
				assert.Equal(t, want, encrypt(&c, iv, plaintext))
				got, err := c.Decrypt(make([]byte, len(want)), want)
				assert.NoError(t, err)
				assert.Equal(t, plaintext, got)
				c.Release()
			}
		})
	}
	wg.Wait()
}

func TestCBCLengthFaults(t *testing.T) {
	t.Parallel()
	c := jce.NewCBC(newAESKey(t, counting(0, 32)))
	for n := range 65 {
		// Whole blocks of zeros decrypt to something without padding, too.
		got, err := c.Decrypt(make([]byte, 64), make([]byte, n))
		require.Equal(t, jce.ErrDecrypt, err, "%d bytes", n)
		require.Nil(t, got)
	}
}

// Every fault is the very same error, so that none tells more than another.
func TestCBCPaddingFaults(t *testing.T) {
	t.Parallel()
	key, iv := counting(0, 32), counting(100, jce.IVSize)
	c := jce.NewCBC(newAESKey(t, key))
	decrypt := func(text []byte) ([]byte, error) {
		return c.Decrypt(make([]byte, len(text)), rawCBC(t, key, iv, text))
	}
	faults := 0
	for last := range 256 {
		text := counting(200, 32) // nothing in it repeats
		text[31] = byte(last)
		if last == 1 {
			got, err := decrypt(text)
			require.NoError(t, err)
			require.Equal(t, text[:31], got)
			continue
		}
		faults++
		got, err := decrypt(text)
		require.Equal(t, jce.ErrDecrypt, err, "last byte %d", last)
		require.Nil(t, got)
	}
	for fill := range 256 {
		got, err := decrypt(bytes.Repeat([]byte{byte(fill)}, 304))
		if fill >= 1 && fill <= 16 {
			require.NoError(t, err)
			require.Len(t, got, 304-fill)
			continue
		}
		faults++
		require.Equal(t, jce.ErrDecrypt, err, "filled with %d", fill)
		require.Nil(t, got)
	}
	for padding := 1; padding <= 16; padding++ {
		for at := range 15 {
			text := make([]byte, 16)
			for i := range text {
				text[i] = byte(padding)
			}
			text[at] ^= 0x80
			got, err := decrypt(text)
			if at < 16-padding { // before the padding
				require.NoError(t, err)
				require.Equal(t, text[:16-padding], got)
				continue
			}
			faults++
			require.Equal(t, jce.ErrDecrypt, err, "padding %d, byte %d", padding, at)
			require.Nil(t, got)
		}
	}
	require.Equal(t, 255+240+15*16/2, faults)
}

// What decrypts must encrypt to the same bytes: there is one ciphertext for a
// plaintext, a key and an IV.
func FuzzCBCDecrypt(f *testing.F) {
	key := counting(0, 32)
	seed := jce.NewCBC(newAESKey(f, key))
	for _, n := range []int{0, 1, 15, 16, 17, 40} {
		f.Add(encrypt(&seed, counting(5, jce.IVSize), counting(6, n)))
	}
	f.Add([]byte{})
	f.Add(make([]byte, 31))
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, stored []byte) {
		c := jce.NewCBC(newAESKey(t, key))
		got, err := c.Decrypt(make([]byte, len(stored)), stored)
		if err != nil {
			require.Equal(t, jce.ErrDecrypt, err)
			require.Nil(t, got)
			return
		}
		require.Equal(t, stored, encrypt(&c, stored[:jce.IVSize], got))
	})
}
