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
	s := scratches.Get().(*scratch)
	defer s.release()
	v := verification{encryptor: e, stored: stored, signature: signature, scratch: s}
	if err := v.plan(); err != nil {
		return nil, err
	}
	m, names, err := e.decryptionMaterials(ctx, stored, e.encryptedOf(stored, s.plans[0]), description)
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
	item, err := s.open(stored, match, m.DecryptionKey, description)
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
	if e.passesItems() {
		return nil, false, nil
	}
	switch v := stored[wire.SignatureAttribute].(type) {
	case nil:
	case *types.AttributeValueMemberB:
		if v == nil {
			return nil, false, &attributeError{wire.SignatureAttribute, fmt.Errorf("%w: the signature is nil", ErrUnsigned)}
		}
		return v.Value, true, nil
	default:
		return nil, false, &attributeError{wire.SignatureAttribute, fmt.Errorf("%w: the signature is %s, not B", ErrUnsigned, wire.TypeName(v))}
	}
	if stored[newerHead] != nil || stored[newerFoot] != nil {
		return nil, false, fmt.Errorf("%w: it has %s or %s and no DDBEC signature", ErrNewerFormat, newerHead, newerFoot)
	}
	if stored[wire.DescriptionAttribute] != nil {
		return nil, false, fmt.Errorf("%w: it has %s but no %s", ErrUnsigned, wire.DescriptionAttribute, wire.SignatureAttribute)
	}
	if e.sets[0].signs && e.options.Plaintext != AllowPlaintextReads {
		return nil, false, fmt.Errorf("%w: it has neither %s nor %s; Options.Plaintext can allow items that were never encrypted",
			ErrUnsigned, wire.SignatureAttribute, wire.DescriptionAttribute)
	}
	return nil, false, nil
}

// descriptionOf reads the material description, empty if there is none, as Java
// writes items that are signed only.
func descriptionOf(stored Item) (map[string]string, error) {
	var description map[string]string
	switch v := stored[wire.DescriptionAttribute].(type) {
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
		return nil, fmt.Errorf("%w: it is %s, not B", materials.ErrDescription, wire.TypeName(v))
	}
	if mode, ok := description[wire.EntrySymMode]; ok && mode != symMode {
		return nil, fmt.Errorf("%w: entry %s names %s, not %s", materials.ErrAlgorithm, wire.EntrySymMode, quote.Name(mode), symMode)
	}
	return description, nil
}

// decryptionMaterials asks the provider, and on ErrContextMismatch again with
// number keys in canonical spelling and then with the next table name. It returns
// the signed names that remain possible.
func (e *ItemEncryptor) decryptionMaterials(ctx context.Context, stored Item, encrypted []string, description map[string]string) (*materials.DecryptionMaterials, []signedName, error) {
	var mismatch error
	for i, table := range e.names {
		for form := stored; form != nil; form = e.canonicalForm(form) {
			m, err := e.provider.DecryptionMaterials(ctx, e.context(form, encrypted, table.name, description))
			switch {
			case errors.Is(err, materials.ErrContextMismatch):
				if mismatch == nil {
					mismatch = err
				}
				continue
			case errors.Is(err, materials.ErrDescription) && stored[wire.DescriptionAttribute] == nil:
				return nil, nil, fmt.Errorf("decryption materials: %w (the item has %s but no %s)", err, wire.SignatureAttribute, wire.DescriptionAttribute)
			case err != nil:
				return nil, nil, fmt.Errorf("decryption materials: %w", err)
			case m == nil || m.VerificationKey == nil:
				return nil, nil, fmt.Errorf("%w: the provider returned no verification key", materials.ErrNoDecryptionMaterials)
			}
			return m, e.names[i:], nil
		}
	}
	return nil, nil, fmt.Errorf("decryption materials for the signed table names %s (Options.SignedTableName and AcceptTableNames) and the key %s: %w",
		quoted(namesOf(e.names)), quoted(e.keys), mismatch)
}

// canonicalForm returns item with its number keys in canonical spelling, nil if
// they are so already.
func (e *ItemEncryptor) canonicalForm(item Item) Item {
	canonical, err := e.withCanonicalKeys(item)
	if err != nil || sameKeys(item, canonical, e.keys) {
		return nil
	}
	return canonical
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
	scratch   *scratch
	ambiguous error // why an action set is out of the question, if one is
}

// plan finds which action sets can be meant at all. The others have no plan.
func (v *verification) plan() error {
	possible := false
	s := v.scratch
	s.plans = s.plans[:0]
	for _, set := range v.encryptor.sets {
		if !set.signs {
			s.plans = append(s.plans, nil)
			continue
		}
		p, err := set.planFor(v.stored, v.encryptor.order)
		switch {
		case errors.Is(err, ErrInvalidValue):
			return asStored(err)
		case err != nil && v.ambiguous == nil:
			v.ambiguous = err
		}
		possible = possible || err == nil
		s.plans = append(s.plans, p)
	}
	if !possible {
		return v.ambiguous
	}
	return nil
}

func (v *verification) verify(ctx context.Context, key materials.Verifier, names []signedName) (match, error) {
	e := v.encryptor
	for _, name := range names {
		for i, set := range e.sets {
			p := v.scratch.plans[i]
			if p == nil {
				continue
			}
			p, err := v.verifySet(ctx, key, set, p, name)
			if err == nil {
				return match{set, p, ReadInfo{PreviousActions: i, TableName: name.name, Order: CanonicalOrder(p.order)}}, nil
			}
			if !errors.Is(err, materials.ErrSignature) {
				return match{}, err
			}
		}
	}
	return match{}, v.explain(ctx, key, names)
}

// verifySet tries one action set and table name in both orders, the second only
// if it makes another string to sign. It starts with the set's plan p and returns
// the plan that matches, whose values are those in scratch.
func (v *verification) verifySet(ctx context.Context, key materials.Verifier, set *actionSet, p *plan, name signedName) (*plan, error) {
	toSign, err := v.stringToSign(p, name)
	if err != nil {
		return nil, err
	}
	err = key.Verify(ctx, toSign, v.signature)
	if err == nil || !errors.Is(err, materials.ErrSignature) {
		return p, err
	}
	tried := bytes.Clone(toSign)
	other, planErr := set.planFor(v.stored, wire.PythonOrder+wire.JavaOrder-p.order)
	if planErr != nil {
		return nil, planErr
	}
	if toSign, planErr = v.stringToSign(other, name); planErr != nil {
		return nil, planErr
	}
	if bytes.Equal(tried, toSign) {
		return nil, err
	}
	return other, key.Verify(ctx, toSign, v.signature)
}

func (v *verification) stringToSign(p *plan, name signedName) (wire.StringToSign, error) {
	s := v.scratch
	toSign := s.stringToSign(p, name)
	s.collect(p, v.stored)
	for i, value := range s.values {
		if _, err := wire.Size(value); err != nil {
			return nil, storedValueError(p.signed[i].Name, err)
		}
		s.hasher.SetStored(toSign, i, value, p.order)
	}
	for _, name := range p.unsigned {
		if err := wire.CheckKnown(v.stored[name]); err != nil {
			return nil, storedValueError(name, err)
		}
	}
	return toSign, nil
}

// asStored makes an error about an item to be written one about an item that was
// read.
func asStored(err error) error {
	var unfit *attributeError
	if errors.As(err, &unfit) {
		return storedValueError(unfit.name, unfit.err)
	}
	return fmt.Errorf("%w: %v", ErrFormat, err)
}

// storedValueError is about a value that was read, so it is not ErrInvalidValue.
func storedValueError(name string, err error) error {
	return &attributeError{name, fmt.Errorf("%w: %v", ErrFormat, err)}
}

// explain finds the words for a signature that matches no form.
func (v *verification) explain(ctx context.Context, key materials.Verifier, names []signedName) error {
	e := v.encryptor
	if v.ambiguous != nil {
		return fmt.Errorf("%w; not all actions were tried: %w", ErrInvalidSignature, v.ambiguous)
	}
	unsignedKeys := false
	if e.likePython != nil {
		if p, err := e.likePython.planFor(v.stored, e.order); err == nil {
			_, err := v.verifySet(ctx, key, e.likePython, p, names[0])
			unsignedKeys = err == nil
		}
	}
	for i, p := range v.scratch.plans {
		if p != nil {
			return signatureError(namesOf(names), e.keys, e.sets[i].actions, p, unsignedKeys)
		}
	}
	return ErrInvalidSignature
}

func namesOf(names []signedName) []string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = name.name
	}
	return texts
}

// open decrypts an item whose signature has been verified, from the values that
// were. All plaintext goes into one slab.
func (s *scratch) open(stored Item, m match, key *materials.AESKey, description map[string]string) (Item, error) {
	if key == nil && m.set.encrypts {
		return nil, fmt.Errorf("%w: the provider returned no decryption key, but the actions ask for encryption", materials.ErrNoDecryptionMaterials)
	}
	item := make(Item, len(stored))
	for _, name := range m.plan.unsigned {
		item[name] = stored[name]
	}
	if len(m.plan.encrypted) == 0 {
		for i, value := range s.values {
			item[m.plan.signed[i].Name] = value
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
	defer cbc.Release()

	total := 0
	for i, value := range s.values {
		if b, ok := value.(*types.AttributeValueMemberB); ok && m.plan.signed[i].Encrypted {
			total += len(b.Value)
		}
	}
	slab := make([]byte, total)
	s.parser.Reserve(len(m.plan.encrypted))
	for i, value := range s.values {
		attribute := &m.plan.signed[i]
		if !attribute.Encrypted {
			item[attribute.Name] = value
			continue
		}
		b, ok := value.(*types.AttributeValueMemberB)
		if !ok {
			return nil, &attributeError{attribute.Name, fmt.Errorf("%w: it is %s, not B", ErrDecrypt, wire.TypeName(value))}
		}
		plaintext, err := cbc.Decrypt(slab[:len(b.Value)], b.Value)
		if err != nil {
			return nil, &attributeError{attribute.Name, ErrDecrypt}
		}
		slab = slab[len(b.Value):]
		if item[attribute.Name], err = s.parser.Parse(plaintext); err != nil {
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
