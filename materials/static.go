package materials

import (
	"context"
	"fmt"
	"maps"
)

var _ CryptographicMaterialsProvider = (*StaticProvider)(nil)

// StaticProvider uses one fixed content key and one fixed signing key for all
// items. It is for tests and for tables that were written that way: a key that
// leaks opens every item, and there is no rotation.
type StaticProvider struct {
	enc *EncryptionMaterials
	dec *DecryptionMaterials
}

// NewStaticProvider copies enc and dec, but not the keys in them. One of the two
// may be nil, for a provider that only reads or only writes. Entries of
// enc.Description that the library itself writes are refused.
//
// The error wraps ErrNoEncryptionMaterials for a nil enc.SigningKey,
// ErrNoDecryptionMaterials for a nil dec.VerificationKey and both if enc and dec are
// nil; and ErrKey for a zero AESKey or HMACKey, and for a SigningKey or
// VerificationKey that is a nil pointer.
func NewStaticProvider(enc *EncryptionMaterials, dec *DecryptionMaterials) (*StaticProvider, error) {
	if enc == nil && dec == nil {
		return nil, fmt.Errorf("static provider: %w, %w", ErrNoEncryptionMaterials, ErrNoDecryptionMaterials)
	}
	p := new(StaticProvider)
	if enc != nil {
		if enc.SigningKey == nil {
			return nil, fmt.Errorf("static provider: %w: nil SigningKey", ErrNoEncryptionMaterials)
		}
		if err := checkKey(enc.SigningKey); err != nil {
			return nil, fmt.Errorf("static provider: EncryptionMaterials.SigningKey: %w", err)
		}
		if err := checkOptionalKey(enc.EncryptionKey); err != nil {
			return nil, fmt.Errorf("static provider: EncryptionMaterials.EncryptionKey: %w", err)
		}
		if err := checkUserDescription(enc.Description); err != nil {
			return nil, fmt.Errorf("static provider: EncryptionMaterials.Description: %w", err)
		}
		p.enc = &EncryptionMaterials{EncryptionKey: enc.EncryptionKey, SigningKey: enc.SigningKey, Description: maps.Clone(enc.Description)}
	}
	if dec != nil {
		if dec.VerificationKey == nil {
			return nil, fmt.Errorf("static provider: %w: nil VerificationKey", ErrNoDecryptionMaterials)
		}
		if err := checkKey(dec.VerificationKey); err != nil {
			return nil, fmt.Errorf("static provider: DecryptionMaterials.VerificationKey: %w", err)
		}
		if err := checkOptionalKey(dec.DecryptionKey); err != nil {
			return nil, fmt.Errorf("static provider: DecryptionMaterials.DecryptionKey: %w", err)
		}
		p.dec = &DecryptionMaterials{DecryptionKey: dec.DecryptionKey, VerificationKey: dec.VerificationKey, Description: maps.Clone(dec.Description)}
	}
	return p, nil
}

// checkOptionalKey accepts nil, with which a provider only signs.
func checkOptionalKey(k *AESKey) error {
	if k == nil {
		return nil
	}
	return k.check()
}

// EncryptionMaterials returns the same materials for every item. They must not
// be modified.
func (p *StaticProvider) EncryptionMaterials(context.Context, EncryptionContext) (*EncryptionMaterials, error) {
	if p.enc == nil {
		return nil, fmt.Errorf("%w: this static provider only decrypts", ErrNoEncryptionMaterials)
	}
	return p.enc, nil
}

// DecryptionMaterials returns the same materials for every item. They must not
// be modified.
func (p *StaticProvider) DecryptionMaterials(context.Context, EncryptionContext) (*DecryptionMaterials, error) {
	if p.dec == nil {
		return nil, fmt.Errorf("%w: this static provider only encrypts", ErrNoDecryptionMaterials)
	}
	return p.dec, nil
}
