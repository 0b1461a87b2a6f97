package materials

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"

	"github.com/ddbec/ddbec-go/internal/wire"
)

var _ CryptographicMaterialsProvider = (*WrappedProvider)(nil)

// contentKeySize is the length of the content keys that WrappedProvider makes.
const contentKeySize = 32

// WrappedKeys are the keys of a [WrappedProvider]. An *AESKey both wraps and
// unwraps, an *HMACKey both signs and verifies. To encrypt takes Wrap and Sign,
// to decrypt Unwrap and Verify.
type WrappedKeys struct {
	Wrap   KeyWrapper
	Unwrap KeyUnwrapper
	Sign   Signer
	Verify Verifier
}

// check accepts keys that are not given.
func (k WrappedKeys) check() error {
	for _, key := range []struct {
		name  string
		value any
	}{{"Wrap", k.Wrap}, {"Unwrap", k.Unwrap}, {"Sign", k.Sign}, {"Verify", k.Verify}} {
		if key.value == nil {
			continue
		}
		if err := checkKey(key.value); err != nil {
			return fmt.Errorf("WrappedKeys.%s: %w", key.name, err)
		}
	}
	return nil
}

// WrappedProvider makes a random content key of 32 bytes for every item and
// stores it in the item, wrapped. The signing key is the same for all items.
type WrappedProvider struct {
	keys        WrappedKeys
	description map[string]string
}

// NewWrappedProvider copies description, whose entries it writes into every
// item; entries that the library itself writes are refused. The error wraps
// ErrNoEncryptionMaterials and ErrNoDecryptionMaterials if k can do neither, and
// ErrKey for a zero AESKey or HMACKey and for a key that is a nil pointer.
func NewWrappedProvider(k WrappedKeys, description map[string]string) (*WrappedProvider, error) {
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("wrapped provider: %w", err)
	}
	canEncrypt, canDecrypt := k.Wrap != nil && k.Sign != nil, k.Unwrap != nil && k.Verify != nil
	if !canEncrypt && !canDecrypt {
		return nil, fmt.Errorf("wrapped provider: %w, %w: neither Wrap and Sign nor Unwrap and Verify are given",
			ErrNoEncryptionMaterials, ErrNoDecryptionMaterials)
	}
	if err := checkUserDescription(description); err != nil {
		return nil, fmt.Errorf("wrapped provider: description: %w", err)
	}
	return &WrappedProvider{keys: k, description: maps.Clone(description)}, nil
}

// EncryptionMaterials makes and wraps a content key.
func (p *WrappedProvider) EncryptionMaterials(ctx context.Context, _ EncryptionContext) (*EncryptionMaterials, error) {
	if p.keys.Wrap == nil || p.keys.Sign == nil {
		return nil, fmt.Errorf("%w: this wrapped provider has no Wrap or no Sign key", ErrNoEncryptionMaterials)
	}
	var content [contentKeySize]byte
	defer clear(content[:])
	rand.Read(content[:])
	wrapped, err := p.keys.Wrap.WrapKey(ctx, content[:])
	if err != nil {
		return nil, fmt.Errorf("wrap content key: %w", err)
	}
	if len(wrapped) == 0 { // of a KeyWrapper of the caller's: nobody could read the item
		return nil, fmt.Errorf("%w: wrap content key: the wrapped key has 0 bytes", ErrNoEncryptionMaterials)
	}
	key, err := NewAESKey(content[:])
	if err != nil {
		return nil, err
	}
	description := make(map[string]string, len(p.description)+3)
	maps.Copy(description, p.description)
	description[wire.EntryEnvKey] = base64.StdEncoding.EncodeToString(wrapped)
	// Without a size: every release of Python and Java reads it. "AES/256" fails
	// in Java before 1.15 and 2.0.
	description[wire.EntryEnvAlg] = "AES"
	description[wire.EntryWrapAlg] = p.keys.Wrap.Algorithm()
	return &EncryptionMaterials{EncryptionKey: key, SigningKey: p.keys.Sign, Description: description}, nil
}

// DecryptionMaterials unwraps the item's content key.
func (p *WrappedProvider) DecryptionMaterials(ctx context.Context, ec EncryptionContext) (*DecryptionMaterials, error) {
	if p.keys.Unwrap == nil || p.keys.Verify == nil {
		return nil, fmt.Errorf("%w: this wrapped provider has no Unwrap or no Verify key", ErrNoDecryptionMaterials)
	}
	size, err := contentKeySizeOf(ec.Description)
	if err != nil {
		return nil, err
	}
	wrapped, err := envelopeKey(ec.Description)
	if err != nil {
		return nil, err
	}
	content, err := p.keys.Unwrap.UnwrapKey(ctx, ec.Description[wire.EntryWrapAlg], wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap content key: %w", err)
	}
	if _, ok := p.keys.Unwrap.(*AESKey); ok { // another one may keep what it returned
		defer clear(content)
	}
	if size != 0 && len(content) != size {
		return nil, fmt.Errorf("%w: a content key of %d bytes, where entry %s says %d", ErrUnwrap, len(content), wire.EntryEnvAlg, size)
	}
	key, err := NewAESKey(content)
	if err != nil { // not ErrKey, which is about the caller's keys
		return nil, fmt.Errorf("%w: a content key of %d bytes", ErrUnwrap, len(content))
	}
	return &DecryptionMaterials{DecryptionKey: key, VerificationKey: p.keys.Verify, Description: ec.Description}, nil
}

// contentKeySizeOf reads the algorithm of the content key and the size in bytes
// that it tells, 0 if it tells none.
func contentKeySizeOf(description map[string]string) (int, error) {
	algorithm, ok := description[wire.EntryEnvAlg]
	if !ok {
		return 0, missingEntry(wire.EntryEnvAlg)
	}
	size, ok := map[string]int{"AES": 0, "AES/128": 16, "AES/192": 24, "AES/256": 32}[algorithm]
	if !ok {
		return 0, unsupportedEntry(wire.EntryEnvAlg, algorithm)
	}
	return size, nil
}

func envelopeKey(description map[string]string) ([]byte, error) {
	text, ok := description[wire.EntryEnvKey]
	if !ok {
		return nil, missingEntry(wire.EntryEnvKey)
	}
	// The earliest Java items break lines with CRLF every 76 characters, which
	// encoding/base64 skips, strict or not.
	wrapped, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(wrapped) == 0 {
		return nil, fmt.Errorf("%w: entry %s is not base64", ErrDescription, wire.EntryEnvKey)
	}
	return wrapped, nil
}
