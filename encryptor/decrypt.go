package encryptor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

// Decrypt verifies a stored item and returns its plaintext without the reserved
// attributes. stored is not modified, so an item may be decrypted twice or
// concurrently; values that need no change are shared with it. Decrypted values
// may share one buffer with each other, each with its capacity cut to its
// length. Numbers that were encrypted come back in canonical spelling.
//
// An item without signature is ErrUnsigned, one whose signature does not match
// ErrInvalidSignature, and a damaged one ErrFormat or one of the errors that wrap
// it. Nothing is decrypted before the signature verifies.
func (e *ItemEncryptor) Decrypt(ctx context.Context, stored Item) (Item, error) {
	signature, isSigned, err := e.signatureOf(stored)
	if err != nil {
		return nil, err
	}
	if !isSigned {
		if err := e.onRead(ctx, stored, ReadInfo{Plaintext: true}); err != nil {
			return nil, err
		}
		return maps.Clone(stored), nil
	}
	description, err := descriptionOf(stored)
	if err != nil {
		return nil, err
	}
	v := verification{encryptor: e, stored: stored, signature: signature}
	if err := v.plan(); err != nil {
		return nil, err
	}
	m, names, err := e.decryptionMaterials(ctx, stored, description)
	if err != nil {
		return nil, err
	}
	if err := checkSigningAlgorithm(m.VerificationKey, description); err != nil {
		return nil, err
	}
	match, err := v.verify(ctx, m.VerificationKey, names)
	if err != nil {
		return nil, err
	}
	item, err := open(stored, match, m.DecryptionKey, description)
	if err != nil {
		return nil, err
	}
	if err := e.onRead(ctx, stored, match.info); err != nil {
		return nil, err
	}
	return item, nil
}

// signatureOf returns the signature attribute, or that the item is to be taken
// as plaintext.
func (e *ItemEncryptor) signatureOf(stored Item) (signature []byte, isSigned bool, err error) {
	if !e.sets[0].signs && (len(e.sets) == 1 || stored[signatureName] == nil) {
		return nil, false, nil
	}
	switch v := stored[signatureName].(type) {
	case nil:
	case *types.AttributeValueMemberB:
		if v == nil {
			return nil, false, &attributeError{signatureName, fmt.Errorf("%w: the signature is nil", ErrUnsigned)}
		}
		return v.Value, true, nil
	default:
		return nil, false, &attributeError{signatureName, fmt.Errorf("%w: the signature is %T, not B", ErrUnsigned, v)}
	}
	if stored[newerHead] != nil || stored[newerFoot] != nil {
		return nil, false, fmt.Errorf("%w: it has %s or %s and no DDBEC signature", ErrNewerFormat, newerHead, newerFoot)
	}
	if stored[descriptionName] != nil {
		return nil, false, fmt.Errorf("%w: it has %s but no %s", ErrUnsigned, descriptionName, signatureName)
	}
	if e.options.Plaintext != AllowPlaintextReads {
		return nil, false, fmt.Errorf("%w: it has neither %s nor %s; Options.Plaintext can allow items that were never encrypted",
			ErrUnsigned, signatureName, descriptionName)
	}
	return nil, false, nil
}

// descriptionOf reads the material description, empty if there is none, as Java
// writes items that are signed only.
func descriptionOf(stored Item) (map[string]string, error) {
	var description map[string]string
	switch v := stored[descriptionName].(type) {
	case nil:
	case *types.AttributeValueMemberB:
		if v == nil {
			return nil, fmt.Errorf("%w: nil", materials.ErrDescription)
		}
		var err error
		if description, err = wire.ParseDescription(v.Value); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w: of type %T, not B", materials.ErrDescription, v)
	}
	if mode, ok := description[wire.EntrySymMode]; ok && mode != symMode {
		return nil, fmt.Errorf("%w: entry %s names %s, not %s", materials.ErrAlgorithm, wire.EntrySymMode, quote.Name(mode), symMode)
	}
	return description, nil
}

// decryptionMaterials asks the provider, and on ErrContextMismatch again with
// number keys in canonical spelling and then with the next table name. It returns
// the signed names that remain possible.
func (e *ItemEncryptor) decryptionMaterials(ctx context.Context, stored Item, description map[string]string) (*materials.DecryptionMaterials, []signedName, error) {
	forms := []Item{stored}
	if canonical, err := e.withCanonicalKeys(stored); err == nil && !sameKeys(stored, canonical, e.keys) {
		forms = append(forms, canonical)
	}
	var mismatch error
	for i, table := range e.names {
		for _, form := range forms {
			m, err := e.provider.DecryptionMaterials(ctx, e.context(form, table.name, description))
			switch {
			case errors.Is(err, materials.ErrContextMismatch):
				if mismatch == nil {
					mismatch = err
				}
				continue
			case err != nil:
				return nil, nil, fmt.Errorf("decryption materials: %w", err)
			case m == nil || m.VerificationKey == nil:
				return nil, nil, fmt.Errorf("%w: the provider returned no verification key", materials.ErrNoDecryptionMaterials)
			}
			return m, e.names[i:], nil
		}
	}
	return nil, nil, fmt.Errorf("decryption materials: %w", mismatch)
}

func sameKeys(a, b Item, keys []string) bool {
	for _, key := range keys {
		if a[key] != b[key] {
			return false
		}
	}
	return true
}

// checkSigningAlgorithm holds the item to the configured algorithm. For an HMAC
// the entry decides nothing, and not every writer sets it.
func checkSigningAlgorithm(v materials.Verifier, description map[string]string) error {
	algorithm, ok := description[wire.EntrySigningAlg]
	if !ok || jce.IsHMAC(v.Algorithm()) || algorithm == v.Algorithm() {
		return nil
	}
	return fmt.Errorf("%w: entry %s names %s, the verification key is for %s",
		materials.ErrAlgorithm, wire.EntrySigningAlg, quote.Name(algorithm), v.Algorithm())
}

// match is the form in which an item verified.
type match struct {
	set  *actionSet
	plan *plan
	info ReadInfo
}

// verification tries the forms in which an item may have been signed.
type verification struct {
	encryptor *ItemEncryptor
	stored    Item
	signature []byte
	plans     []*plan // by action set, in the order that is written; nil: not possible
	scratch   *scratch
}

// plan finds which action sets can be meant at all.
func (v *verification) plan() error {
	var first error
	possible := false
	for _, set := range v.encryptor.sets {
		if !set.signs {
			v.plans = append(v.plans, nil)
			continue
		}
		p, err := set.planFor(v.stored, v.encryptor.order)
		if err != nil && first == nil {
			first = err
		}
		possible = possible || err == nil
		v.plans = append(v.plans, p)
	}
	if !possible {
		return first
	}
	return nil
}

func (v *verification) verify(ctx context.Context, key materials.Verifier, names []signedName) (*match, error) {
	v.scratch = scratches.Get().(*scratch)
	defer v.scratch.release()
	e := v.encryptor
	for _, name := range names {
		for i, set := range e.sets {
			p := v.plans[i]
			if p == nil {
				continue
			}
			order, err := v.verifySet(ctx, key, set, p, name)
			if err == nil {
				return &match{set, p, ReadInfo{PreviousActions: i, TableName: name.name, Order: CanonicalOrder(order)}}, nil
			}
			if !errors.Is(err, materials.ErrSignature) {
				return nil, err
			}
		}
	}
	return nil, v.explain(ctx, key, names)
}

// verifySet tries one action set and table name in both orders, the second only
// if it makes another string to sign.
func (v *verification) verifySet(ctx context.Context, key materials.Verifier, set *actionSet, p *plan, name signedName) (wire.Order, error) {
	first := v.encryptor.order
	toSign, err := v.stringToSign(p, name, first)
	if err != nil {
		return first, err
	}
	err = key.Verify(ctx, toSign, v.signature)
	if err == nil || !errors.Is(err, materials.ErrSignature) {
		return first, err
	}
	tried := bytes.Clone(toSign)
	second := wire.PythonOrder + wire.JavaOrder - first
	other, planErr := set.planFor(v.stored, second)
	if planErr != nil {
		return first, planErr
	}
	if toSign, planErr = v.stringToSign(other, name, second); planErr != nil {
		return first, planErr
	}
	if bytes.Equal(tried, toSign) {
		return first, err
	}
	return second, key.Verify(ctx, toSign, v.signature)
}

func (v *verification) stringToSign(p *plan, name signedName, order wire.Order) (wire.StringToSign, error) {
	s := v.scratch
	toSign := s.stringToSign(p, name)
	for i := range p.signed {
		value := v.stored[p.signed[i].Name]
		if _, err := wire.Size(value); err != nil {
			return nil, storedValueError(p.signed[i].Name, err)
		}
		s.hasher.SetStored(toSign, i, value, order)
	}
	for _, name := range p.unsigned {
		if err := wire.CheckKnown(v.stored[name]); err != nil {
			return nil, storedValueError(name, err)
		}
	}
	return toSign, nil
}

// storedValueError is about a value that was read, so it is not ErrInvalidValue.
func storedValueError(name string, err error) error {
	return &attributeError{name, fmt.Errorf("%w: %v", ErrFormat, err)}
}

// explain finds the words for a signature that matches no form.
func (v *verification) explain(ctx context.Context, key materials.Verifier, names []signedName) error {
	e := v.encryptor
	unsignedKeys := false
	if e.likePython != nil {
		if p, err := e.likePython.planFor(v.stored, e.order); err == nil {
			_, err := v.verifySet(ctx, key, e.likePython, p, names[0])
			unsignedKeys = err == nil
		}
	}
	tables := make([]string, len(names))
	for i, name := range names {
		tables[i] = name.name
	}
	for i, p := range v.plans {
		if p != nil {
			return signatureError(tables, e.keys, e.sets[i].actions, p, unsignedKeys)
		}
	}
	return ErrInvalidSignature
}

// open decrypts an item whose signature has been verified. All plaintext goes
// into one slab.
func open(stored Item, m *match, key *materials.AESKey, description map[string]string) (Item, error) {
	if key == nil && m.set.encrypts {
		return nil, fmt.Errorf("%w: the provider returned no decryption key, but the actions ask for encryption", materials.ErrNoDecryptionMaterials)
	}
	item := make(Item, len(stored))
	for _, name := range m.plan.unsigned {
		item[name] = stored[name]
	}
	if m.plan.encrypted == 0 {
		for i := range m.plan.signed {
			item[m.plan.signed[i].Name] = stored[m.plan.signed[i].Name]
		}
		return item, nil
	}
	if _, ok := description[wire.EntrySymMode]; !ok {
		return nil, fmt.Errorf("%w: entry %s is missing", materials.ErrDescription, wire.EntrySymMode)
	}
	aesKey := (*jce.AESKey)(key)
	if aesKey.IsZero() {
		return nil, fmt.Errorf("%w: the decryption key was not made by NewAESKey", materials.ErrNoDecryptionMaterials)
	}
	cbc := jce.NewCBC(*aesKey)

	total := 0
	for i := range m.plan.signed {
		if attribute := &m.plan.signed[i]; attribute.Encrypted {
			if b, ok := stored[attribute.Name].(*types.AttributeValueMemberB); ok {
				total += len(b.Value)
			}
		}
	}
	slab := make([]byte, total)
	var parser wire.Parser
	left := m.plan.encrypted
	for i := range m.plan.signed {
		attribute := &m.plan.signed[i]
		value := stored[attribute.Name]
		if !attribute.Encrypted {
			item[attribute.Name] = value
			continue
		}
		b, ok := value.(*types.AttributeValueMemberB)
		if !ok {
			return nil, &attributeError{attribute.Name, fmt.Errorf("%w: %T, not B", ErrDecrypt, value)}
		}
		plaintext, err := cbc.Decrypt(slab[:len(b.Value)], b.Value)
		if err != nil {
			return nil, &attributeError{attribute.Name, ErrDecrypt}
		}
		slab = slab[len(b.Value):]
		parser.Reserve(left)
		left--
		if item[attribute.Name], err = parser.Parse(plaintext); err != nil {
			return nil, &attributeError{attribute.Name, err}
		}
	}
	return item, nil
}

// onRead lets the caller refuse an item.
func (e *ItemEncryptor) onRead(ctx context.Context, stored Item, info ReadInfo) error {
	if e.options.OnRead == nil {
		return nil
	}
	if err := e.options.OnRead(ctx, pick(stored, e.keys), info); err != nil {
		return fmt.Errorf("refused by OnRead: %w", err)
	}
	return nil
}
