// Package wire reads and writes the bytes of the DynamoDB Encryption Client
// (DDBEC) item format: serialized attribute values, the material description
// and the string to sign.
//
// All integers are 4 bytes, big-endian, unsigned; all text is UTF-8.
//
// # Attribute value
//
// This is what is encrypted, and what is hashed into the string to sign.
//
//	+----+-----+--------------------------------------------------------+
//	| 00 | tag | body                                                   |
//	+----+-----+--------------------------------------------------------+
//	       00    NULL   (no body)
//	       3f ?  BOOL   01 | 00
//	       73 s  S      length ‖ text
//	       6e n  N      length ‖ canonical decimal
//	       62 b  B      length ‖ bytes
//	       53 S  SS     count ‖ { length ‖ text }, sorted
//	       4e N  NS     count ‖ { length ‖ canonical decimal }, sorted as text
//	       42 B  BS     count ‖ { length ‖ bytes }, sorted
//	       4c L  L      count ‖ { attribute value }
//	       4d M  M      count ‖ { S value (the key) ‖ attribute value }, sorted by key
//
// # Material description
//
//	+-------------+----------------------------------------------+
//	| 00 00 00 00 | { length ‖ name ‖ length ‖ value } to the end |
//	+-------------+----------------------------------------------+
//
// # String to sign
//
// H is SHA-256; one block of three hashes for each signed attribute, sorted by
// name.
//
//	+------------------------+---------+----------------------------+------------------+---
//	| H("TABLE>"name"<TABLE") | H(name) | H("PLAINTEXT"|"ENCRYPTED") | H(stored value) | …
//	+------------------------+---------+----------------------------+------------------+---
//	  32 bytes                 32        32                           32
//
// The reader is strict: it accepts what a writer of this format can have
// written, and nothing is allocated before the length that asks for it was
// compared with the bytes that are left.
package wire

import "errors"

// ErrFormat means that stored bytes are not in the DDBEC format.
var ErrFormat = errors.New("not in the DDBEC item format")

// ErrValue means that a value has no serialization: it is nil, of a type that
// DynamoDB does not have, not a number, not UTF-8, or nested too deeply.
var ErrValue = errors.New("invalid value")

// maxDepth is how many lists and maps may be nested in one value. DynamoDB
// allows 32, but ciphertext hides the depth from it.
const maxDepth = 128

const (
	tagNull      = 0x00
	tagBool      = '?'
	tagString    = 's'
	tagNumber    = 'n'
	tagBinary    = 'b'
	tagStringSet = 'S'
	tagNumberSet = 'N'
	tagBinarySet = 'B'
	tagList      = 'L'
	tagMap       = 'M'
)

const (
	tagSize    = 2 // 00 ‖ tag
	lengthSize = 4

	// BinaryHeaderSize is what stands before the bytes of a B value.
	BinaryHeaderSize = tagSize + lengthSize
)
