package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxPrealloc bounds what is reserved for a list, map or set on the word of its
// count alone: each level of nesting could claim the same bytes again.
const maxPrealloc = 256

// Parser turns serialized attribute values back into values. It hands out
// values from common blocks of memory, so that an item needs a few allocations
// and not one for each value. The zero Parser is ready; it is not safe for
// concurrent use.
type Parser struct {
	rest  []byte
	depth int

	expected int // values announced and not handed out yet
	texts    []types.AttributeValueMemberS
	numbers  []types.AttributeValueMemberN
	bins     []types.AttributeValueMemberB
	lists    []types.AttributeValueMemberL
	maps     []types.AttributeValueMemberM
	elements []types.AttributeValue // of lists
}

// Reserve tells how many values will be parsed, elements of lists and maps not
// counted.
func (p *Parser) Reserve(values int) { p.expected = values }

// Parse reads the one value that serialized holds and refuses trailing bytes;
// errors wrap ErrFormat. Text and binary of the result share the memory of
// serialized, which must not be written again; every binary value has its
// capacity cut to its length. Numbers are returned in canonical spelling.
func (p *Parser) Parse(serialized []byte) (types.AttributeValue, error) {
	p.rest, p.depth = serialized, 0
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if len(p.rest) > 0 {
		return nil, malformed("%d bytes after the value", len(p.rest))
	}
	return v, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: serialized attribute: %s", ErrFormat, fmt.Sprintf(format, args...))
}

func (p *Parser) value() (types.AttributeValue, error) {
	tag, err := p.tag()
	if err != nil {
		return nil, err
	}
	block := p.blockSize()
	p.expected = max(p.expected-1, 0)
	switch tag {
	case tagNull:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case tagBool:
		b, err := p.take(1)
		if err != nil {
			return nil, err
		}
		if b[0] > 1 {
			return nil, malformed("boolean byte %#x", b[0])
		}
		return &types.AttributeValueMemberBOOL{Value: b[0] == 1}, nil
	case tagString:
		s, err := p.text()
		if err != nil {
			return nil, err
		}
		v := next(&p.texts, block)
		v.Value = s
		return v, nil
	case tagNumber:
		s, err := p.number()
		if err != nil {
			return nil, err
		}
		v := next(&p.numbers, block)
		v.Value = s
		return v, nil
	case tagBinary:
		b, err := p.binary()
		if err != nil {
			return nil, err
		}
		v := next(&p.bins, block)
		v.Value = b
		return v, nil
	case tagStringSet:
		members, err := set(p, p.text)
		return &types.AttributeValueMemberSS{Value: members}, err
	case tagNumberSet:
		members, err := set(p, p.number)
		return &types.AttributeValueMemberNS{Value: members}, err
	case tagBinarySet:
		members, err := set(p, p.binary)
		return &types.AttributeValueMemberBS{Value: members}, err
	case tagList:
		elements, err := p.list()
		if err != nil {
			return nil, err
		}
		v := next(&p.lists, block)
		v.Value = elements
		return v, nil
	case tagMap:
		entries, err := p.mapping()
		if err != nil {
			return nil, err
		}
		v := next(&p.maps, block)
		v.Value = entries
		return v, nil
	default:
		return nil, malformed("unknown type tag %#x", tag)
	}
}

// blockSize is how many values to reserve when one of a type is needed: as if all
// that are expected were of that type.
func (p *Parser) blockSize() int { return min(max(p.expected, 1), maxPrealloc) }

// next hands out one value of a block.
func next[T any](block *[]T, size int) *T {
	if len(*block) == 0 {
		*block = make([]T, size)
	}
	v := &(*block)[0]
	*block = (*block)[1:]
	return v
}

func (p *Parser) take(n int) ([]byte, error) {
	if n > len(p.rest) {
		return nil, malformed("%d bytes wanted, %d left", n, len(p.rest))
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b, nil
}

func (p *Parser) tag() (byte, error) {
	b, err := p.take(tagSize)
	if err != nil {
		return 0, err
	}
	if b[0] != 0 {
		return 0, malformed("first byte %#x", b[0])
	}
	return b[1], nil
}

// count reads how many elements follow, of which each takes elementSize bytes
// or more.
func (p *Parser) count(elementSize int) (int, error) {
	b, err := p.take(lengthSize)
	if err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(p.rest)/elementSize) {
		return 0, malformed("length or count %d, %d bytes left", n, len(p.rest))
	}
	return int(n), nil
}

func (p *Parser) binary() ([]byte, error) {
	n, err := p.count(1)
	if err != nil {
		return nil, err
	}
	return p.take(n)
}

func (p *Parser) text() (string, error) {
	b, err := p.binary()
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", malformed("text that is not UTF-8")
	}
	// The bytes are the caller's promise not to write again, so the string may
	// share them.
	return unsafe.String(unsafe.SliceData(b), len(b)), nil
}

func (p *Parser) number() (string, error) {
	s, err := p.text()
	if err != nil {
		return "", err
	}
	s, err = CanonicalNumber(s)
	if err != nil {
		return "", malformed("not a number, or one too long")
	}
	return s, nil
}

func set[T any](p *Parser, member func() (T, error)) ([]T, error) {
	n, err := p.count(lengthSize)
	if err != nil {
		return nil, err
	}
	members := make([]T, 0, min(n, maxPrealloc))
	for range n {
		m, err := member()
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

func (p *Parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return malformed("more than %d lists and maps nested", maxDepth)
	}
	return nil
}

func (p *Parser) list() ([]types.AttributeValue, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	n, err := p.count(tagSize)
	if err != nil {
		return nil, err
	}
	p.expected += n
	elements := p.emptyList(n)
	for range n {
		element, err := p.value()
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	p.depth--
	return elements, nil
}

// emptyList returns an empty slice, not nil, with room for the n elements that
// were added to p.expected, or for the first of very many.
func (p *Parser) emptyList(n int) []types.AttributeValue {
	if n == 0 {
		return []types.AttributeValue{}
	}
	n = min(n, maxPrealloc)
	if n > len(p.elements) {
		p.elements = make([]types.AttributeValue, p.blockSize())
	}
	list := p.elements[:0:n]
	p.elements = p.elements[n:]
	return list
}

func (p *Parser) mapping() (map[string]types.AttributeValue, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	n, err := p.count(tagSize + lengthSize + tagSize)
	if err != nil {
		return nil, err
	}
	p.expected += n
	entries := make(map[string]types.AttributeValue, min(n, maxPrealloc))
	for i := range n {
		tag, err := p.tag()
		if err != nil {
			return nil, err
		}
		if tag != tagString {
			return nil, malformed("map key with type tag %#x", tag)
		}
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		entries[key] = value
		if len(entries) == i {
			return nil, malformed("map key that occurs twice")
		}
	}
	p.depth--
	return entries, nil
}
