package encryptor_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// itemScript turns fuzzed bytes into decisions; when they run out it goes on with
// zeros.
type itemScript []byte

func (s *itemScript) byte() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

// upTo returns a decision below n.
func (s *itemScript) upTo(n int) int { return int(s.byte()) % n }

func (s *itemScript) bytes() []byte {
	n := min(int(s.byte()), len(*s))
	b := slices.Clone((*s)[:n])
	*s = (*s)[n:]
	return b
}

func (s *itemScript) text() string { return strings.ToValidUTF8(string(s.bytes()), "\U0001f600") }

func (s *itemScript) number() string {
	var b strings.Builder
	b.WriteString([]string{"", "-", "+"}[s.upTo(3)])
	for range s.upTo(45) + 1 {
		b.WriteByte('0' + s.byte()%10)
	}
	if s.upTo(2) == 1 {
		b.WriteByte('.')
		for range s.upTo(20) {
			b.WriteByte('0' + s.byte()%10)
		}
	}
	if s.upTo(3) == 1 {
		b.WriteString("e" + strconv.Itoa(int(int8(s.byte()))))
	}
	return b.String()
}

func (s *itemScript) value(depth int) types.AttributeValue {
	kinds := 10
	if depth > 4 {
		kinds = 8
	}
	n := 0
	kind := s.upTo(kinds)
	if kind >= 5 {
		n = s.upTo(5)
	}
	switch kind {
	case 0:
		return &itemS{Value: s.text()}
	case 1:
		return &itemN{Value: s.number()}
	case 2:
		return &itemB{Value: s.bytes()}
	case 3:
		return &itemBool{Value: s.upTo(2) == 1}
	case 4:
		return &itemNull{Value: true}
	case 5:
		members := make([]string, n)
		for i := range members {
			members[i] = s.text()
		}
		return &itemSS{Value: members}
	case 6:
		members := make([]string, n)
		for i := range members {
			members[i] = s.number()
		}
		return &itemNS{Value: members}
	case 7:
		members := make([][]byte, n)
		for i := range members {
			members[i] = s.bytes()
		}
		return &itemBS{Value: members}
	case 8:
		elements := make([]types.AttributeValue, n)
		for i := range elements {
			elements[i] = s.value(depth + 1)
		}
		return &itemL{Value: elements}
	default:
		entries := make(encryptor.Item, n)
		for range n {
			entries[s.text()] = s.value(depth + 1)
		}
		return &itemM{Value: entries}
	}
}

func itemSeeds(f *testing.F) {
	f.Helper()
	f.Add([]byte{})
	for kind := range byte(10) {
		f.Add([]byte{3, 1, 'a', kind, 2, 3, 0xef, 0xbd, 0x9e, 4, 0xf0, 0x9f, 0x98, 0x80, 1, 'b', kind, 3, 1, 0x80, 1, 0x7f, 0, 2, 0xff, 0x01})
		f.Add([]byte{200, 4, 0xf0, 0x9f, 0x98, 0x80, kind, 1, 9, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 0xef, 0xbd, 0x9e, kind, 4, 8, 9, 8, 9, 8, 9, 8, 9, 8, 9})
		f.Add(append([]byte{kind, kind, kind}, itemBytes(kind*25, 90)...))
	}
}

// FuzzRoundTrip holds the encryptor to the model, both ways, for items of
// all types under all actions in both orders.
func FuzzRoundTrip(f *testing.F) {
	itemSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := itemScript(data)
		setup := s.byte()
		byDefault := actions.CryptoAction(setup % 3)
		order := encryptor.CanonicalOrder(setup / 3 % 2)
		item := encryptor.Item{"id": &itemB{Value: []byte("key")}, "at": &itemN{Value: "1"}}
		if setup&64 != 0 {
			item["at"] = &itemN{Value: s.number()}
		}
		overrides := itemActions{}
		for range 6 {
			if len(s) == 0 {
				break
			}
			name := "x" + s.text() // not a key, not reserved
			item[name] = s.value(0)
			if action := s.upTo(4); action < 3 {
				overrides[name] = actions.CryptoAction(action)
			}
		}
		m := newItemModel(byDefault, overrides)
		m.java = order == encryptor.JavaOrder
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, overrides), itemOrder(1-order)) // reads both
		writer := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, overrides), itemOrder(order))
		for _, name := range slices.Sorted(maps.Keys(item)) {
			for other := range overrides {
				if name != other && strings.EqualFold(name, other) {
					return // may be ambiguous
				}
			}
		}

		before := itemClone(item)
		stored, err := writer.Encrypt(context.Background(), item)
		if err != nil {
			t.Fatalf("encrypt: %v", err)
		}
		if vectors.Text(before) != vectors.Text(item) {
			t.Fatal("the caller's item was modified")
		}
		if err := m.check(item, stored); err != nil {
			t.Fatalf("not what the model writes: %v", err)
		}
		for _, form := range []encryptor.Item{stored, m.encrypt(item), itemStored(t, stored)} {
			got, err := e.Decrypt(context.Background(), form)
			if err != nil {
				t.Fatalf("decrypt: %v", err)
			}
			if want := vectors.Text(item); vectors.Text(got) != want {
				t.Fatalf("got %s\nwant %s", vectors.Text(got), want)
			}
		}
	})
}

// FuzzDecrypt damages a good item at will. Decrypt may not panic, and may
// return an item only if all that is signed is as it was.
func FuzzDecrypt(f *testing.F) {
	itemSeeds(f)
	for edit := range byte(12) {
		for place := range byte(16) {
			f.Add([]byte{edit, place, 0, 1, 33})
			f.Add([]byte{edit, place, 200, 255, 1, edit + 1, place, 9, 9})
		}
	}
	overrides := itemActions{
		"strings": actions.SignOnly, "numbers": actions.SignOnly, "binaries": actions.SignOnly, "map": actions.SignOnly, "list": actions.SignOnly,
		"number": actions.SignOnly, "binary": actions.SignOnly, "yes": actions.DoNothing, "null": actions.DoNothing,
	}
	m := newItemModel(actions.EncryptAndSign, overrides)
	base := m.encrypt(itemPlain())
	other := m.encrypt(itemWith(itemPlain(), "id", &itemS{Value: "hush-other"}))
	signed := func(item encryptor.Item) string {
		rest := maps.Clone(item)
		for _, name := range []string{"null", "yes"} {
			delete(rest, name)
		}
		return vectors.Text(rest)
	}
	covered := func(item encryptor.Item) string {
		rest := maps.Clone(item)
		delete(rest, itemDescription)
		return signed(rest)
	}
	provider := newItemProvider(f)
	e := newItemEncryptor(f, provider, itemOptions(actions.EncryptAndSign, overrides), itemPrevious(
		actions.AttributeActions{Default: actions.SignOnly, Overrides: itemActions{"absent": actions.EncryptAndSign}},
		actions.AttributeActions{Default: actions.EncryptAndSign, Overrides: itemActions{"id": actions.DoNothing}},
	), itemAccept("orders"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := itemScript(data)
		item := itemClone(base)
		for len(s) > 0 {
			names := slices.Sorted(maps.Keys(item))
			if len(names) == 0 {
				break
			}
			itemEdit(&s, item, other, names)
		}
		got, err := e.Decrypt(context.Background(), item)
		if err != nil {
			if got != nil || !isItemReadError(err) {
				t.Fatalf("%v, %v", got, err)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Fatalf("a value in the error: %v", err)
			}
			return
		}
		if covered(item) != covered(base) {
			t.Fatalf("a changed item was accepted:\n%s", vectors.Text(item))
		}
		if signed(got) != signed(itemPlain()) {
			t.Fatalf("another plaintext:\n%s", vectors.Text(got))
		}
	})
}

// itemEdit makes one change, to an attribute that exists if it can be.
func itemEdit(s *itemScript, item, other encryptor.Item, names []string) {
	edit := s.upTo(12)
	name := names[s.upTo(len(names))]
	if edit >= 9 { // what an attacker likes best
		name = []string{itemSignature, itemDescription}[s.upTo(2)]
	}
	b, isB := item[name].(*itemB)
	switch edit {
	case 0:
		delete(item, name)
	case 1:
		item[name+s.text()] = item[name]
		delete(item, name)
	case 2:
		second := names[s.upTo(len(names))]
		item[name], item[second] = item[second], item[name]
	case 3:
		item[name] = s.value(0)
	case 4:
		item[s.text()] = s.value(0)
	case 5:
		if v, ok := other[name]; ok {
			item[name] = itemCloneValue(v)
		}
	case 6:
		item[name] = []types.AttributeValue{nil, (*itemS)(nil), (*itemB)(nil), &types.UnknownUnionMember{}, &itemNull{}}[s.upTo(5)]
	case 7, 9:
		if isB && b != nil && len(b.Value) > 0 {
			b.Value[(int(s.byte())<<8|int(s.byte()))%len(b.Value)] ^= s.byte()
		}
	case 8, 10:
		if isB && b != nil {
			b.Value = b.Value[:s.upTo(len(b.Value)+1)]
		}
	case 11:
		if isB && b != nil {
			at := s.upTo(len(b.Value) + 1)
			b.Value = slices.Insert(b.Value, at, s.bytes()...)
		}
	}
}
