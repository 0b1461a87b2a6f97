package encryptor_test

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
)

// itemModel is the DDBEC item format written a second time: plainly, from its
// description, with the standard library alone. It shares no code with the
// implementation. Tests compare the two, and forge with it what the
// implementation would never write.
type itemModel struct {
	table   string
	actions actions.AttributeActions // keys included
	java    bool                     // Java's order
}

// newItemModel is the model of an encryptor for itemTable.
func newItemModel(byDefault actions.CryptoAction, overrides itemActions) itemModel {
	all := itemActions{"id": actions.SignOnly, "at": actions.SignOnly}
	maps.Copy(all, overrides)
	return itemModel{table: "customers", actions: actions.AttributeActions{Default: byDefault, Overrides: all}}
}

// encrypt returns the item as it is to be stored.
func (m itemModel) encrypt(item encryptor.Item) encryptor.Item {
	stored := encryptor.Item{}
	for name, v := range item {
		if m.actions.Action(name) == actions.EncryptAndSign {
			v = &itemB{Value: modelEncrypt(m.serialize(v))}
		}
		stored[name] = v
	}
	return m.sign(stored)
}

// modelEntries are the entries that an item has under fixed keys.
func modelEntries() map[string]string {
	return map[string]string{"amzn-ddb-map-signingAlg": "HmacSHA256", "amzn-ddb-map-sym-mode": "/CBC/PKCS5Padding"}
}

// sign adds the reserved attributes to an item whose attributes are encrypted
// already.
func (m itemModel) sign(stored encryptor.Item) encryptor.Item {
	return m.signWith(stored, modelEntries())
}

func (m itemModel) signWith(stored encryptor.Item, entries map[string]string) encryptor.Item {
	signed := maps.Clone(stored)
	signed[itemSignature] = &itemB{Value: modelMAC(m.stringToSign(stored))}
	signed[itemDescription] = &itemB{Value: modelDescription(entries)}
	return signed
}

func modelMAC(stringToSign []byte) []byte {
	mac := hmac.New(sha256.New, itemMACKey())
	mac.Write(stringToSign)
	return mac.Sum(nil)
}

// stringToSign is the hash of the table's name, then three for each signed
// attribute.
func (m itemModel) stringToSign(stored encryptor.Item) []byte {
	var out []byte
	hash := func(b []byte) {
		sum := sha256.Sum256(b)
		out = append(out, sum[:]...)
	}
	hash([]byte("TABLE>" + m.table + "<TABLE"))
	for _, name := range slices.SortedFunc(maps.Keys(stored), m.compareText) {
		action := m.actions.Action(name)
		if name == itemSignature || name == itemDescription || action == actions.DoNothing {
			continue
		}
		hash([]byte(name))
		if action == actions.EncryptAndSign {
			hash([]byte("ENCRYPTED"))
		} else {
			hash([]byte("PLAINTEXT"))
		}
		hash(m.serialize(stored[name]))
	}
	return out
}

func (m itemModel) compareText(a, b string) int {
	if m.java {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	}
	return slices.Compare([]rune(a), []rune(b))
}

func (m itemModel) compareBytes(a, b []byte) int {
	if m.java {
		return slices.CompareFunc(a, b, func(x, y byte) int { return cmp.Compare(int8(x), int8(y)) })
	}
	return bytes.Compare(a, b)
}

func (m itemModel) serialize(v types.AttributeValue) []byte {
	switch v := v.(type) {
	case *itemNull:
		return []byte{0, 0}
	case *itemBool:
		if v.Value {
			return []byte{0, '?', 1}
		}
		return []byte{0, '?', 0}
	case *itemS:
		return modelTagged('s', modelSized([]byte(v.Value)))
	case *itemN:
		return modelTagged('n', modelSized([]byte(modelMustNumber(v.Value))))
	case *itemB:
		return modelTagged('b', modelSized(v.Value))
	case *itemSS:
		members := slices.SortedFunc(slices.Values(v.Value), m.compareText)
		return modelTagged('S', modelSet(members, func(s string) []byte { return []byte(s) }))
	case *itemNS:
		var members []string
		for _, member := range v.Value {
			members = append(members, modelMustNumber(member))
		}
		slices.Sort(members)
		return modelTagged('N', modelSet(members, func(s string) []byte { return []byte(s) }))
	case *itemBS:
		members := slices.SortedFunc(slices.Values(v.Value), m.compareBytes)
		return modelTagged('B', modelSet(members, func(b []byte) []byte { return b }))
	case *itemL:
		return modelTagged('L', modelSet(v.Value, nil), modelConcat(v.Value, m.serialize))
	case *itemM:
		keys := slices.SortedFunc(maps.Keys(v.Value), m.compareText)
		return modelTagged('M', modelSet(keys, nil), modelConcat(keys, func(key string) []byte {
			return append(modelTagged('s', modelSized([]byte(key))), m.serialize(v.Value[key])...)
		}))
	}
	panic(fmt.Sprintf("the model has no %T", v))
}

func modelTagged(tag byte, parts ...[]byte) []byte {
	return append([]byte{0, tag}, bytes.Join(parts, nil)...)
}

func modelSized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// modelSet is the number of members and, with body, the members themselves.
func modelSet[T any](members []T, body func(T) []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(members)))
	if body == nil {
		return out
	}
	return append(out, modelConcat(members, func(member T) []byte { return modelSized(body(member)) })...)
}

func modelConcat[T any](members []T, each func(T) []byte) []byte {
	var out []byte
	for _, member := range members {
		out = append(out, each(member)...)
	}
	return out
}

var modelNumberGrammar = regexp.MustCompile(`^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?$`)

// modelNumber goes by exact fractions. It does not bound exponents, so callers
// give it small ones.
func modelNumber(text string) (string, bool) {
	parts := modelNumberGrammar.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	exponent, _ := strconv.Atoi(parts[1])
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", false
	}
	plain := r.FloatString(len(text) + max(0, -exponent))
	if strings.Contains(plain, ".") {
		plain = strings.TrimRight(strings.TrimRight(plain, "0"), ".")
	}
	if plain == "-0" {
		plain = "0"
	}
	return plain, true
}

func modelMustNumber(text string) string {
	canonical, ok := modelNumber(text)
	if !ok {
		panic("not a number")
	}
	return canonical
}

func modelDescription(entries map[string]string) []byte {
	out := []byte{0, 0, 0, 0}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		out = append(out, modelSized([]byte(name))...)
		out = append(out, modelSized([]byte(entries[name]))...)
	}
	return out
}

func modelEncrypt(plaintext []byte) []byte {
	padding := 16 - len(plaintext)%16
	padded := append(slices.Clone(plaintext), bytes.Repeat([]byte{byte(padding)}, padding)...)
	return modelEncryptPadded(padded)
}

// modelEncryptPadded adds no padding: for what no encryptor writes.
func modelEncryptPadded(padded []byte) []byte {
	block, err := aes.NewCipher(itemContentKey())
	if err != nil {
		panic(err)
	}
	out := make([]byte, 16+len(padded))
	rand.Read(out[:16])
	cipher.NewCBCEncrypter(block, out[:16]).CryptBlocks(out[16:], padded)
	return out
}

func modelDecrypt(stored []byte) ([]byte, error) {
	if len(stored) < 32 || len(stored)%16 != 0 {
		return nil, fmt.Errorf("a ciphertext of %d bytes", len(stored))
	}
	block, err := aes.NewCipher(itemContentKey())
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(stored)-16)
	cipher.NewCBCDecrypter(block, stored[:16]).CryptBlocks(out, stored[16:])
	padding := int(out[len(out)-1])
	if padding < 1 || padding > 16 || !bytes.Equal(out[len(out)-padding:], bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, fmt.Errorf("padding")
	}
	return out[:len(out)-padding], nil
}

// modelCheck says how a stored item differs from what the format asks for item.
// The ciphertexts themselves are anybody's; all else is determined.
func (m itemModel) check(item, stored encryptor.Item) error {
	if len(stored) != len(item)+2 {
		return fmt.Errorf("%d attributes stored for %d", len(stored), len(item))
	}
	for name, v := range item {
		want := m.serialize(v)
		got := m.serialize(stored[name])
		if m.actions.Action(name) == actions.EncryptAndSign {
			b, ok := stored[name].(*itemB)
			if !ok {
				return fmt.Errorf("%q is %T", name, stored[name])
			}
			if len(b.Value) != 16+16*(len(want)/16+1) {
				return fmt.Errorf("%q has %d bytes for %d", name, len(b.Value), len(want))
			}
			var err error
			if got, err = modelDecrypt(b.Value); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
		if !bytes.Equal(want, got) {
			return fmt.Errorf("%q: %x, want %x", name, got, want)
		}
	}
	signature, ok := stored[itemSignature].(*itemB)
	if !ok || !bytes.Equal(signature.Value, modelMAC(m.stringToSign(stored))) {
		return fmt.Errorf("signature")
	}
	description, ok := stored[itemDescription].(*itemB)
	if !ok || !bytes.Equal(description.Value, modelDescription(modelEntries())) {
		return fmt.Errorf("description")
	}
	return nil
}
