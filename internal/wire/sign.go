package wire

import (
	"crypto/sha256"
	"hash"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	tableBlock     = sha256.Size     // where the attributes begin
	attributeBlock = 3 * sha256.Size // name, flag, value
)

var (
	hashPlaintext = sha256.Sum256([]byte("PLAINTEXT"))
	hashEncrypted = sha256.Sum256([]byte("ENCRYPTED"))
)

// SignedAttribute is one attribute in a string to sign.
type SignedAttribute struct {
	Name      string
	Encrypted bool
}

// StringToSign is a string to sign. What depends on the attributes' names alone
// can be computed once and kept: see NewStringToSign.
type StringToSign []byte

// StringToSignSize is the length of a string to sign for n signed attributes.
func StringToSignSize(n int) int { return tableBlock + n*attributeBlock }

// NewStringToSign returns the string to sign of attributes, which must be
// sorted, with the hashes of table and values left zero.
func NewStringToSign(attributes []SignedAttribute) StringToSign {
	s := make(StringToSign, StringToSignSize(len(attributes)))
	for i, a := range attributes {
		name := sha256.Sum256([]byte(a.Name))
		flag := &hashPlaintext
		if a.Encrypted {
			flag = &hashEncrypted
		}
		block := s[tableBlock+i*attributeBlock:]
		copy(block, name[:])
		copy(block[sha256.Size:], flag[:])
	}
	return s
}

// TableHash is the hash that binds a signature to a table.
func TableHash(table string) [sha256.Size]byte {
	return sha256.Sum256([]byte("TABLE>" + table + "<TABLE"))
}

// SetTable fills in the hash of the table's name.
func (s StringToSign) SetTable(hash [sha256.Size]byte) { copy(s, hash[:]) }

// SetValue hashes the serialization of the i-th attribute's stored value.
func (s StringToSign) SetValue(i int, serialized []byte) {
	hash := sha256.Sum256(serialized)
	copy(s[valueOffset(i):], hash[:])
}

func valueOffset(i int) int { return tableBlock + i*attributeBlock + 2*sha256.Size }

// Hasher hashes stored values for a string to sign and keeps its memory from one
// value to the next. The zero Hasher is ready; it is not safe for concurrent use.
type Hasher struct {
	serialized []byte
	stream     hash.Hash
}

// From this size on, hashing a binary where it lies is faster than copying it
// behind its header.
const streamFrom = 512

// SetStored hashes the i-th attribute's stored value, which Size must have
// accepted.
func (h *Hasher) SetStored(s StringToSign, i int, v types.AttributeValue, order Order) {
	if b, ok := v.(*types.AttributeValueMemberB); ok && len(b.Value) >= streamFrom {
		if h.stream == nil {
			h.stream = sha256.New()
		}
		h.serialized = AppendBinaryHeader(h.serialized[:0], len(b.Value))
		h.stream.Reset()
		h.stream.Write(h.serialized)
		h.stream.Write(b.Value)
		h.stream.Sum(s[:valueOffset(i)])
		return
	}
	h.serialized = Append(h.serialized[:0], v, order)
	s.SetValue(i, h.serialized)
}
