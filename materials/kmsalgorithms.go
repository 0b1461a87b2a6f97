package materials

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/hkdf"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/wire"
)

// kmsAlgorithms are the algorithms of an item under Direct KMS. The names are
// kept as they were written, since KMS binds the data key to the very text.
type kmsAlgorithms struct {
	env, sig         string
	mac              string // sig without its size
	envSize, sigSize int    // in bytes
}

const (
	defaultEnvAlg = "AES/256"
	defaultSigAlg = "HmacSHA256/256"

	defaultKMSKeySize = 32 // of a name without a size
)

// parseKMSAlgorithms reads the two algorithm entries, or takes the default for
// an absent one. Nothing authenticates them until KMS has, so they are held
// against a list here.
func parseKMSAlgorithms(description map[string]string) (kmsAlgorithms, error) {
	a := kmsAlgorithms{env: defaultEnvAlg, sig: defaultSigAlg}
	if env, ok := description[wire.EntryEnvAlg]; ok {
		a.env = env
	}
	if sig, ok := description[wire.EntrySigAlg]; ok {
		a.sig = sig
	}
	var err error
	if a.envSize, err = contentKeySizeOf(map[string]string{wire.EntryEnvAlg: a.env}); err != nil {
		return kmsAlgorithms{}, err
	}
	if a.envSize == 0 {
		a.envSize = defaultKMSKeySize
	}
	var ok bool
	if a.mac, a.sigSize, ok = cutKeySize(a.sig); !ok || !jce.IsHMAC(a.mac) {
		return kmsAlgorithms{}, unsupportedEntry(wire.EntrySigAlg, a.sig)
	}
	return a, nil
}

// cutKeySize splits "HmacSHA512/512" into the MAC and the size in bytes of its
// key. The size is not that of the hash: HmacSHA512/256 is the whole HMAC-SHA-512
// under a key of 32 bytes.
func cutKeySize(name string) (mac string, size int, ok bool) {
	mac, bits, sized := strings.Cut(name, "/")
	if !sized {
		return mac, defaultKMSKeySize, true
	}
	n, err := strconv.Atoi(bits)
	if err != nil || n%8 != 0 || n < 128 || n > 1024 || strconv.Itoa(n) != bits {
		return "", 0, false
	}
	return mac, n / 8, true
}

// itemKeys are the two keys that are derived from a data key.
type itemKeys struct {
	content *AESKey
	signing *HMACKey
}

// derive makes an item's keys of a data key by HKDF-SHA256 (RFC 5869) without
// salt.
func (a kmsAlgorithms) derive(dataKey []byte) (itemKeys, error) {
	content := make([]byte, a.envSize)
	signing := make([]byte, a.sigSize)
	defer clear(content)
	defer clear(signing)
	for info, okm := range map[string][]byte{"Encryption": content, "Signing": signing} {
		if _, err := io.ReadFull(hkdf.New(sha256.New, dataKey, nil, []byte(info)), okm); err != nil {
			return itemKeys{}, fmt.Errorf("derive keys: %w", err)
		}
	}
	key, err := NewAESKey(content)
	if err != nil {
		return itemKeys{}, err
	}
	mac, err := NewHMACKeyFor(a.mac, signing)
	return itemKeys{key, mac}, err
}
