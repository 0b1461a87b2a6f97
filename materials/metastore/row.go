package metastore

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/materials"
)

// The attributes of a row.
const (
	attrName      = "N"
	attrVersion   = "V"
	attrType      = "t"
	attrEncAlg    = "encAlg"
	attrEnc       = "enc"
	attrIntAlg    = "intAlg"
	attrIntegrity = "int"
)

var (
	keyAttributes    = []string{attrName, attrVersion}
	secretAttributes = []string{attrType, attrEncAlg, attrEnc, attrIntAlg, attrIntegrity}
)

// What rows have in their attributes t, encAlg and intAlg.
const (
	rowType       = "0"
	encAlgorithm  = "AES"
	signAlgorithm = "HmacSHA256"
)

// keySize is the length of both keys of a new row.
const keySize = 32

func isOfRow(attribute string) bool {
	return slices.Contains(keyAttributes, attribute) || slices.Contains(secretAttributes, attribute)
}

// row is a row in plaintext. Its clear is to be called when it has served.
type row struct {
	name     string
	version  int64
	enc, mac []byte // those of item
	keys     *materials.WrappedProvider
	item     encryptor.Item
}

// label is what errors call a material.
func label(name string) string { return "material " + quote.Name(name) }

// String names the row.
func (r *row) String() string { return label(r.name) + ", version " + strconv.FormatInt(r.version, 10) }

// clear overwrites the keys. Those behind the row's provider are copies.
func (r *row) clear() {
	clear(r.enc)
	clear(r.mac)
}

func (r *row) hasKeysOf(other *row) bool {
	return subtle.ConstantTimeCompare(r.enc, other.enc)&subtle.ConstantTimeCompare(r.mac, other.mac) == 1
}

func keyOf(name string, version int64) encryptor.Item {
	return encryptor.Item{
		attrName:    &types.AttributeValueMemberS{Value: name},
		attrVersion: &types.AttributeValueMemberN{Value: strconv.FormatInt(version, 10)},
	}
}

// newRow returns a row with new keys.
func newRow(name string, version int64, extra encryptor.Item) (*row, error) {
	r := &row{name: name, version: version, enc: make([]byte, keySize), mac: make([]byte, keySize)}
	rand.Read(r.enc)
	rand.Read(r.mac)
	r.item = keyOf(name, version)
	maps.Copy(r.item, encryptor.Item{
		attrType:      &types.AttributeValueMemberS{Value: rowType},
		attrEncAlg:    &types.AttributeValueMemberS{Value: encAlgorithm},
		attrEnc:       &types.AttributeValueMemberB{Value: r.enc},
		attrIntAlg:    &types.AttributeValueMemberS{Value: signAlgorithm},
		attrIntegrity: &types.AttributeValueMemberB{Value: r.mac},
	})
	maps.Copy(r.item, extra)
	return r, r.makeProvider()
}

// parseRow reads a row that was verified and decrypted. Its errors show none of the
// row's values.
func parseRow(item encryptor.Item) (*row, error) {
	r := &row{item: item}
	for _, fixed := range []struct{ attribute, want string }{
		{attrType, rowType}, {attrEncAlg, encAlgorithm}, {attrIntAlg, signAlgorithm},
	} {
		text, err := textOf(item, fixed.attribute)
		if err != nil {
			return nil, err
		}
		if text != fixed.want {
			return nil, fmt.Errorf("%w: %w: attribute %q is not %q, the only value that is supported", ErrRow, kindOf(fixed.attribute), fixed.attribute, fixed.want)
		}
	}
	var err error
	if r.name, err = textOf(item, attrName); err != nil {
		return nil, err
	}
	if r.version, err = versionOf(item); err != nil {
		return nil, err
	}
	if r.enc, err = bytesOf(item, attrEnc); err != nil {
		return nil, err
	}
	if r.mac, err = bytesOf(item, attrIntegrity); err != nil {
		return nil, err
	}
	if err := r.makeProvider(); err != nil {
		r.clear()
		return nil, err
	}
	return r, nil
}

// kindOf is how the caller is to take an unexpected value.
func kindOf(attribute string) error {
	if attribute == attrType {
		return materials.ErrFormat
	}
	return materials.ErrAlgorithm
}

// makeProvider copies the keys into a provider.
func (r *row) makeProvider() error {
	wrap, err := materials.NewAESKey(r.enc)
	if err != nil {
		return badKey(attrEnc, len(r.enc))
	}
	sign, err := materials.NewHMACKey(r.mac)
	if err != nil {
		return badKey(attrIntegrity, len(r.mac))
	}
	r.keys, err = materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: wrap, Sign: sign, Verify: sign}, nil)
	return err
}

func badKey(attribute string, size int) error {
	return fmt.Errorf("%w: %w: attribute %q is a key of %d bytes", ErrRow, materials.ErrFormat, attribute, size)
}

func wrongType(attribute, want string, v types.AttributeValue) error {
	if v == nil {
		return fmt.Errorf("%w: %w: attribute %q is missing", ErrRow, materials.ErrFormat, attribute)
	}
	return fmt.Errorf("%w: %w: attribute %q is not %s", ErrRow, materials.ErrFormat, attribute, want)
}

func textOf(item encryptor.Item, attribute string) (string, error) {
	v, ok := item[attribute].(*types.AttributeValueMemberS)
	if !ok || v == nil {
		return "", wrongType(attribute, "S", item[attribute])
	}
	return v.Value, nil
}

func bytesOf(item encryptor.Item, attribute string) ([]byte, error) {
	v, ok := item[attribute].(*types.AttributeValueMemberB)
	if !ok || v == nil {
		return nil, wrongType(attribute, "B", item[attribute])
	}
	return v.Value, nil
}

func versionOf(item encryptor.Item) (int64, error) {
	v, ok := item[attrVersion].(*types.AttributeValueMemberN)
	if !ok || v == nil {
		return 0, wrongType(attrVersion, "N", item[attrVersion])
	}
	version, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil || version < 0 {
		return 0, fmt.Errorf("%w: %w: attribute %q is not a version", ErrRow, materials.ErrFormat, attrVersion)
	}
	return version, nil
}
