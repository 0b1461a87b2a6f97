package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// ErrDescription means that a material description does not parse, is of
// another version, or lacks an entry. It wraps ErrFormat.
var ErrDescription = fmt.Errorf("%w: material description", ErrFormat)

// The attributes that the format adds to an item.
const (
	SignatureAttribute   = "*amzn-ddb-map-sig*"
	DescriptionAttribute = "*amzn-ddb-map-desc*"
)

// IsReserved tells the attributes that the format adds.
func IsReserved(attribute string) bool {
	return attribute == SignatureAttribute || attribute == DescriptionAttribute
}

// Names of the entries that this format defines.
const (
	EntrySymMode    = "amzn-ddb-map-sym-mode"
	EntrySigningAlg = "amzn-ddb-map-signingAlg"
	EntryEnvKey     = "amzn-ddb-env-key"
	EntryEnvAlg     = "amzn-ddb-env-alg"
	EntryWrapAlg    = "amzn-ddb-wrap-alg"
	EntrySigAlg     = "amzn-ddb-sig-alg"
	EntryKMSContext = "aws-kms-ec-attr"
	EntryMetaID     = "amzn-ddb-meta-id"
)

const versionSize = 4

// Entry is one name and value of a material description.
type Entry struct{ Name, Value string }

// DescriptionSize returns how many bytes AppendDescription will write.
func DescriptionSize(entries []Entry) int {
	total := versionSize
	for _, e := range entries {
		total += 2*lengthSize + len(e.Name) + len(e.Value)
	}
	return total
}

// AppendDescription appends the material description with the entries in the
// order given. Readers take any order; the Python client writes them sorted by
// name.
func AppendDescription(dst []byte, entries []Entry) []byte {
	dst = append(dst, 0, 0, 0, 0)
	for _, e := range entries {
		dst = appendText(appendText(dst, e.Name), e.Value)
	}
	return dst
}

// ParseDescription reads a material description. Of two entries with one name
// the last wins, as in the clients of other languages. Errors wrap
// ErrDescription.
func ParseDescription(serialized []byte) (map[string]string, error) {
	if len(serialized) < versionSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrDescription, len(serialized))
	}
	if version := binary.BigEndian.Uint32(serialized); version != 0 {
		return nil, fmt.Errorf("%w: version %d is not supported", ErrDescription, version)
	}
	// One copy, which all entries share.
	rest := string(serialized[versionSize:])
	description := make(map[string]string)
	for rest != "" {
		var name, value string
		var ok bool
		if name, rest, ok = cutText(rest); !ok {
			return nil, fmt.Errorf("%w: name of entry %d is cut or not UTF-8", ErrDescription, len(description))
		}
		if value, rest, ok = cutText(rest); !ok {
			return nil, fmt.Errorf("%w: value of entry %d is cut or not UTF-8", ErrDescription, len(description))
		}
		description[name] = value
	}
	return description, nil
}

func cutText(s string) (text, rest string, ok bool) {
	if len(s) < lengthSize {
		return "", "", false
	}
	n := uint64(s[0])<<24 | uint64(s[1])<<16 | uint64(s[2])<<8 | uint64(s[3])
	s = s[lengthSize:]
	if n > uint64(len(s)) || !utf8.ValidString(s[:n]) {
		return "", "", false
	}
	return s[:n], s[n:], true
}
