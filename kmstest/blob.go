package kmstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// A ciphertext blob:
//
//	version 1 (1 byte) | n, length of the key id (1) | key id (n) | checksum (8) | nonce (12) | ciphertext and tag
//
// The checksum is over all that precedes it, and tells a damaged blob from one of a key that is not here. Everything before the nonce,
// followed by the encryption context, is the additional data of AES-GCM.
const (
	blobVersion  = 1
	checksumSize = 8
	nonceSize    = 12
	maxBlobSize  = 6144 // KMS's own limit
)

// material is the secret part of a key.
type material struct {
	id   string
	aead cipher.AEAD
}

func newMaterial() material {
	secret := randomBytes(32)
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has blocks of the size that GCM wants
	}
	return material{id: hex.EncodeToString(randomBytes(32)), aead: aead}
}

func newKeyID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func newMultiRegionKeyID() string {
	return "mrk-" + hex.EncodeToString(randomBytes(16))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return b
}

func seal(k *key, plaintext []byte, encryptionContext map[string]string) []byte {
	blob := append([]byte{blobVersion, byte(len(k.id))}, k.id...)
	blob = append(blob, checksum(blob)...)
	aad := additionalData(blob, encryptionContext)
	nonce := randomBytes(nonceSize)
	blob = append(blob, nonce...)
	return k.material.Seal(blob, nonce, plaintext, aad)
}

// parseBlob returns the id of the key that made the blob, and splits the blob before the nonce.
func parseBlob(blob []byte) (keyID string, header, rest []byte, err error) {
	if len(blob) < 2 || blob[0] != blobVersion {
		return "", nil, nil, &types.InvalidCiphertextException{}
	}
	named := 2 + int(blob[1])
	if len(blob) < named+checksumSize+nonceSize || !bytes.Equal(blob[named:named+checksumSize], checksum(blob[:named])) {
		return "", nil, nil, &types.InvalidCiphertextException{}
	}
	return string(blob[2:named]), blob[:named+checksumSize], blob[named+checksumSize:], nil
}

func open(k *key, header, rest []byte, encryptionContext map[string]string) ([]byte, error) {
	plaintext, err := k.material.Open(nil, rest[:nonceSize], rest[nonceSize:], additionalData(header, encryptionContext))
	if err != nil {
		return nil, &types.InvalidCiphertextException{}
	}
	return plaintext, nil
}

func checksum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:checksumSize]
}

// additionalData is injective: lengths precede texts. A context that is nil and one that is empty are the same, as in KMS.
func additionalData(header []byte, encryptionContext map[string]string) []byte {
	data := slices.Clone(header)
	for _, name := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, s := range []string{name, encryptionContext[name]} {
			data = binary.BigEndian.AppendUint32(data, uint32(len(s)))
			data = append(data, s...)
		}
	}
	return data
}
