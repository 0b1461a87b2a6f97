package encryptor

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/jce"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

// symMode is how this format pads and chains, after the name of the content
// key's algorithm.
const symMode = "/CBC/PKCS5Padding"

// scratch is memory that one call needs and the next can use again. Between
// calls it holds no keys and no plaintext of encrypted attributes.
type scratch struct {
	toSign  wire.StringToSign
	hasher  wire.Hasher
	plans   []*plan                // by action set
	values  []types.AttributeValue // by place in plan.signed
	sizes   []int                  // serialized, by place in plan.signed
	ivs     []byte
	entries []wire.Entry
	parser  wire.Parser
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxKeptValues keeps one huge item from holding memory for ever.
const maxKeptValues = 1024

func (s *scratch) release() {
	clear(s.plans)
	clear(s.values)
	clear(s.entries)
	s.parser = wire.Parser{}
	if cap(s.values) <= maxKeptValues {
		scratches.Put(s)
	}
}

// collect looks up the values of the plan's signed attributes.
func (s *scratch) collect(p *plan, item Item) {
	clear(s.values)
	s.values = s.values[:0]
	for i := range p.signed {
		s.values = append(s.values, item[p.signed[i].Name])
	}
}

// stringToSign starts a string to sign from a plan's template.
func (s *scratch) stringToSign(p *plan, table signedName) wire.StringToSign {
	s.toSign = append(s.toSign[:0], p.template...)
	s.toSign.SetTable(table.hash)
	return s.toSign
}

// Encrypt returns the item as it is to be stored: attributes encrypted by their
// actions, with a signature and a material description. item is not modified;
// values that need no change are shared with it.
//
// Number keys are returned in canonical spelling (1.50 as 1.5), which is what the
// table would store; with Direct KMS the item's data key is bound to it.
//
// An item with an unfit value or without a key attribute is ErrInvalidValue, one
// with an attribute that the format adds itself ErrReservedAttribute; both before
// the provider is asked.
func (e *ItemEncryptor) Encrypt(ctx context.Context, item Item) (Item, error) {
	if !e.sets[0].signs {
		return maps.Clone(item), nil
	}
	if err := checkItemNames(item); err != nil {
		return nil, err
	}
	item, err := e.withCanonicalKeys(item)
	if err != nil {
		return nil, err
	}
	p, err := e.sets[0].planFor(item, e.order)
	if err != nil {
		return nil, err
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	slabSize, err := s.measure(p, item)
	if err != nil {
		return nil, err
	}
	m, err := e.encryptionMaterials(ctx, item, p)
	if err != nil {
		return nil, err
	}
	return e.seal(ctx, s, p, item, m, slabSize)
}

// checkItemNames refuses an item with a name that a format adds itself, the first
// of them for an error that is the same every time.
func checkItemNames(item Item) error {
	var first string
	for name := range item {
		if checkName(name) != nil && (first == "" || name < first) {
			first = name
		}
	}
	if first == "" {
		return nil
	}
	return fmt.Errorf("%w; the item may be encrypted already", checkName(first))
}

// measure validates all values and adds up how many bytes the encrypted ones
// will take in the string to sign.
func (s *scratch) measure(p *plan, item Item) (slabSize int, err error) {
	s.collect(p, item)
	s.sizes = s.sizes[:0]
	for i, v := range s.values {
		attribute := &p.signed[i]
		size, err := wire.Size(v)
		if err != nil {
			return 0, &attributeError{attribute.Name, err}
		}
		s.sizes = append(s.sizes, size)
		if attribute.Encrypted {
			slabSize += wire.BinaryHeaderSize + jce.CBCSize(size)
		}
	}
	for _, name := range p.unsigned {
		if err := wire.CheckKnown(item[name]); err != nil {
			return 0, &attributeError{name, err}
		}
	}
	return slabSize, nil
}

// withCanonicalKeys checks the key attributes and returns item, or a copy of it
// if a number key is spelled in another way than DynamoDB spells it.
func (e *ItemEncryptor) withCanonicalKeys(item Item) (Item, error) {
	copied := false
	for _, key := range e.keys {
		switch v := item[key].(type) {
		case nil:
			return nil, &attributeError{key, fmt.Errorf("%w: a key attribute is missing", ErrInvalidValue)}
		case *types.AttributeValueMemberS, *types.AttributeValueMemberB:
		case *types.AttributeValueMemberN:
			if v == nil {
				break // Size says so
			}
			text, err := wire.CanonicalNumber(v.Value)
			if err != nil {
				return nil, &attributeError{key, err}
			}
			if text == v.Value {
				break
			}
			if !copied {
				item, copied = maps.Clone(item), true
			}
			item[key] = &types.AttributeValueMemberN{Value: text}
		default:
			return nil, &attributeError{key, fmt.Errorf("%w: a key attribute is S, N or B, not %s", ErrInvalidValue, wire.TypeName(v))}
		}
	}
	return item, nil
}

func (e *ItemEncryptor) encryptionMaterials(ctx context.Context, item Item, p *plan) (*materials.EncryptionMaterials, error) {
	m, err := e.provider.EncryptionMaterials(ctx, e.context(item, e.encryptedOf(item, p), e.names[0].name, nil))
	switch {
	case err != nil:
		return nil, fmt.Errorf("encryption materials: %w", err)
	case m == nil || m.SigningKey == nil:
		return nil, fmt.Errorf("%w: the provider returned no signing key", materials.ErrNoEncryptionMaterials)
	case e.sets[0].encrypts && m.EncryptionKey == nil:
		return nil, fmt.Errorf("%w: the provider returned no encryption key, but the actions ask for encryption", materials.ErrNoEncryptionMaterials)
	}
	return m, nil
}

// roomForMAC is the size of the longest HMAC, that of SHA-512.
const roomForMAC = 64

// seal encrypts and signs. All ciphertext goes into one slab, in which each value
// is serialized, padded, encrypted and hashed where it lies.
func (e *ItemEncryptor) seal(ctx context.Context, s *scratch, p *plan, item Item, m *materials.EncryptionMaterials, slabSize int) (Item, error) {
	var cbc jce.CBC
	if m.EncryptionKey != nil {
		key := (*jce.AESKey)(m.EncryptionKey)
		if key.IsZero() {
			return nil, fmt.Errorf("%w: the encryption key was not made by NewAESKey", materials.ErrNoEncryptionMaterials)
		}
		cbc = jce.NewCBC(*key)
		defer cbc.Release()
	}
	s.ivs = slices.Grow(s.ivs[:0], len(p.encrypted)*jce.IVSize)[:len(p.encrypted)*jce.IVSize]
	rand.Read(s.ivs)

	if err := s.describe(m); err != nil {
		return nil, err
	}
	slab := make([]byte, 0, slabSize+roomForMAC+wire.DescriptionSize(s.entries))
	binaries := make([]types.AttributeValueMemberB, len(p.encrypted)+2)
	stored := make(Item, len(item)+2)
	toSign := s.stringToSign(p, e.names[0])
	ivs := s.ivs
	for i := range p.signed {
		attribute, v := &p.signed[i], s.values[i]
		if !attribute.Encrypted {
			s.hasher.SetStored(toSign, i, v, e.order)
			stored[attribute.Name] = v
			continue
		}
		start := len(slab)
		size := jce.CBCSize(s.sizes[i])
		slab = wire.AppendBinaryHeader(slab, size)
		slab = append(slab, ivs[:jce.IVSize]...)
		slab = wire.Append(slab, v, e.order)
		value := start + wire.BinaryHeaderSize
		end := value + size
		if len(slab) != value+jce.IVSize+s.sizes[i] {
			return nil, &attributeError{attribute.Name, fmt.Errorf("%w: it was modified during the call", ErrInvalidValue)}
		}
		slab = slab[:end]
		cbc.EncryptInPlace(slab[value:], s.sizes[i])
		toSign.SetValue(i, slab[start:])
		binaries[0].Value = slab[value:end:end]
		stored[attribute.Name] = &binaries[0]
		ivs, binaries = ivs[jce.IVSize:], binaries[1:]
	}
	for _, name := range p.unsigned {
		stored[name] = item[name]
	}

	signature, err := m.SigningKey.Sign(ctx, toSign)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if len(signature) == 0 {
		return nil, fmt.Errorf("sign: %w: the signer returned no signature", materials.ErrNoEncryptionMaterials)
	}
	// Copied, since a signer may keep its buffer or return a part of toSign.
	if len(signature) <= roomForMAC {
		start := len(slab)
		slab = append(slab, signature...)
		binaries[0].Value = slab[start:len(slab):len(slab)]
	} else {
		binaries[0].Value = bytes.Clone(signature)
	}
	stored[wire.SignatureAttribute] = &binaries[0]
	start := len(slab)
	slab = wire.AppendDescription(slab, s.entries)
	binaries[1].Value = slab[start:len(slab):len(slab)]
	stored[wire.DescriptionAttribute] = &binaries[1]
	return stored, nil
}

// describe collects the entries of the material description, sorted by name. The
// encryptor's own replace others of their name.
func (s *scratch) describe(m *materials.EncryptionMaterials) error {
	s.entries = s.entries[:0]
	for name, value := range m.Description {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			// No reader would take it, and with it the item's keys would be lost.
			return fmt.Errorf("%w: description entry %s is not UTF-8", materials.ErrNoEncryptionMaterials, quote.Name(name))
		}
		if name != wire.EntrySymMode && name != wire.EntrySigningAlg {
			s.entries = append(s.entries, wire.Entry{Name: name, Value: value})
		}
	}
	if m.EncryptionKey != nil {
		s.entries = append(s.entries, wire.Entry{Name: wire.EntrySymMode, Value: symMode})
	}
	algorithm := m.SigningKey.Algorithm()
	if !utf8.ValidString(algorithm) {
		return fmt.Errorf("%w: the signing key's algorithm is not UTF-8", materials.ErrNoEncryptionMaterials)
	}
	s.entries = append(s.entries, wire.Entry{Name: wire.EntrySigningAlg, Value: algorithm})
	slices.SortFunc(s.entries, func(a, b wire.Entry) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
