package jce_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/jce"
)

var hmacs = map[string]func() hash.Hash{
	"HmacSHA224": sha256.New224, "HmacSHA256": sha256.New, "HmacSHA384": sha512.New384, "HmacSHA512": sha512.New,
}

func TestHMAC(t *testing.T) {
	t.Parallel()
	for algorithm, newHash := range hmacs {
		for _, size := range []int{1, 8, 32, 64, 100, 129, 200} { // around the hashes' blocks
			t.Run(fmt.Sprint(algorithm, " ", size), func(t *testing.T) {
				t.Parallel()
				key := counting(1, size)
				std := hmac.New(newHash, key)
				std.Write([]byte("data"))
				want := std.Sum(nil)

				m, err := jce.NewHMAC(algorithm, key)
				require.NoError(t, err)
				require.Equal(t, algorithm, m.Algorithm())
				require.False(t, m.IsZero())
				clear(key) // was copied
				for range 3 {
					require.Equal(t, want, m.Sign([]byte("data")))
					require.NoError(t, m.Verify([]byte("data"), want))
				}

				require.Equal(t, jce.ErrSignature, m.Verify([]byte("Data"), want), "other data")
				require.Equal(t, jce.ErrSignature, m.Verify([]byte("data"), nil), "no code")
				require.Equal(t, jce.ErrSignature, m.Verify([]byte("data"), want[:len(want)-1]), "cut")
				require.Equal(t, jce.ErrSignature, m.Verify([]byte("data"), append(want[:len(want):len(want)], 0)), "lengthened")
				for bit := range len(want) * 8 {
					damaged := append([]byte{}, want...)
					damaged[bit/8] ^= 1 << (bit % 8)
					require.Equal(t, jce.ErrSignature, m.Verify([]byte("data"), damaged), "bit %d", bit)
				}
				other, err := jce.NewHMAC(algorithm, counting(2, size))
				require.NoError(t, err)
				require.Equal(t, jce.ErrSignature, other.Verify([]byte("data"), want), "other key")
			})
		}
	}
}

func TestNewHMACNoKey(t *testing.T) {
	t.Parallel()
	m, err := jce.NewHMAC("HmacSHA256", nil)
	require.ErrorIs(t, err, jce.ErrKey)
	require.True(t, m.IsZero())
}

func TestHMACConcurrent(t *testing.T) {
	t.Parallel()
	key := counting(0, 32)
	m, err := jce.NewHMAC("HmacSHA512", key)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := range 100 {
				data := counting(byte(worker), n)
				std := hmac.New(sha512.New, key)
				std.Write(data)
				want := std.Sum(nil)
				assert.Equal(t, want, m.Sign(data))
				assert.NoError(t, m.Verify(data, want))
				want[0]++
				assert.Equal(t, jce.ErrSignature, m.Verify(data, want))
			}
		})
	}
	wg.Wait()
}

// misspellings are names that a lenient reader would take for name.
func misspellings(name string) []string {
	return []string{
		strings.ToLower(name), strings.ToUpper(name), " " + name, name + " ", name + "\x00", name + "\n",
		strings.Replace(name, "H", "Η", 1), // a Greek capital eta
		name[:len(name)-1], name + "/256", "",
	}
}

func TestHMACAllowList(t *testing.T) {
	t.Parallel()
	refused := []string{"HmacSHA1", "HmacMD5", "HmacSHA512/256", "HmacSHA3-256", "SHA256", "SHA256withRSA", "AESWrap"}
	for algorithm := range hmacs {
		require.True(t, jce.IsHMAC(algorithm))
		for _, s := range misspellings(algorithm) {
			if _, ok := hmacs[s]; !ok {
				refused = append(refused, s)
			}
		}
	}
	for _, algorithm := range refused {
		require.False(t, jce.IsHMAC(algorithm), "%q", algorithm)
		m, err := jce.NewHMAC(algorithm, counting(0, 32))
		require.ErrorIs(t, err, jce.ErrUnknown, "%q", algorithm)
		require.True(t, m.IsZero())
	}
}
