package encryptor_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// itemTamperActions leave one of each kind, the rest encrypted.
func itemTamperActions() itemActions {
	return itemActions{
		"strings": actions.SignOnly, "numbers": actions.SignOnly, "binaries": actions.SignOnly, "map": actions.SignOnly, "list": actions.SignOnly,
		"number": actions.SignOnly, "binary": actions.SignOnly, "yes": actions.SignOnly, "null": actions.DoNothing,
	}
}

// Every change of one thing that the signature covers, made to an item that is
// good otherwise.
func TestItemTampering(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(0, itemTamperActions()))
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	other, err := e.Encrypt(t.Context(), itemWith(itemPlain(), "id", &itemS{Value: "hush-other"}))
	require.NoError(t, err)

	type change struct {
		name string
		item encryptor.Item
		want error // ErrInvalidSignature if nil
	}
	var changes []change
	add := func(name string, item encryptor.Item) { changes = append(changes, change{name: name, item: item}) }
	for name, v := range stored {
		if name == itemSignature || name == itemDescription || name == "null" {
			continue
		}
		add("remove "+name, itemWith(stored, name, nil))
		add("rename "+name, itemWith(itemWith(stored, name, nil), name+" ", v))
		add("retype "+name, itemWith(stored, name, &itemL{Value: []types.AttributeValue{v}}))
		add("to NULL "+name, itemWith(stored, name, &itemNull{Value: true}))
		if vectors.Text(encryptor.Item{"": v}) != vectors.Text(encryptor.Item{"": other[name]}) {
			add("of another item "+name, itemWith(stored, name, other[name]))
		}
		if b, ok := v.(*itemB); ok {
			for i := range b.Value {
				changed := slices.Clone(b.Value)
				changed[i] ^= 1 << (i % 8)
				add(fmt.Sprintf("flip %s %d", name, i), itemWith(stored, name, &itemB{Value: changed}))
			}
			for n := range b.Value {
				add(fmt.Sprintf("cut %s %d", name, n), itemWith(stored, name, &itemB{Value: b.Value[:n]}))
			}
			add("lengthen "+name, itemWith(stored, name, &itemB{Value: append(slices.Clone(b.Value), make([]byte, 16)...)}))
			add("plaintext for "+name, itemWith(stored, name, itemPlain()[name]))
		}
		for second, w := range stored {
			if second > name && second != itemSignature && second != itemDescription && second != "null" && vectors.Text(encryptor.Item{"": v}) != vectors.Text(encryptor.Item{"": w}) {
				add("swap "+name+" "+second, itemWith(itemWith(stored, name, w), second, v))
			}
		}
	}
	changes = slices.DeleteFunc(changes, func(c change) bool { return vectors.Text(c.item) == vectors.Text(stored) })
	for name, v := range map[string]types.AttributeValue{
		"number": &itemN{Value: "-98765.4301"}, "numbers": &itemNS{Value: []string{"80002", "80001E1", "-8000.30", "1"}}, "strings": &itemSS{Value: []string{"hush-b", "hush-a"}},
		"binaries": &itemBS{Value: [][]byte{[]byte("hush-2"), []byte("hush-1"), {0}}}, "yes": &itemBool{}, "list": &itemL{Value: itemPlain()["list"].(*itemL).Value[1:]},
		"map": &itemM{Value: encryptor.Item{"a": &itemS{}}}, "at": &itemN{Value: "1700000002"}, "id": &itemS{Value: "hush-customer "},
	} {
		add("edit "+name, itemWith(stored, name, v))
	}
	for _, v := range []types.AttributeValue{&itemS{Value: "x"}, &itemNull{Value: true}, &itemB{Value: stored["string"].(*itemB).Value}} {
		add(fmt.Sprintf("add %T", v), itemWith(stored, "added", v))
	}
	signature := stored[itemSignature].(*itemB).Value
	for i := range signature {
		changed := slices.Clone(signature)
		changed[i] ^= 1 << (i % 8)
		add(fmt.Sprintf("flip signature %d", i), itemWith(stored, itemSignature, &itemB{Value: changed}))
		add(fmt.Sprintf("cut signature to %d", i), itemWith(stored, itemSignature, &itemB{Value: signature[:i]}))
	}
	add("longer signature", itemWith(stored, itemSignature, &itemB{Value: append(slices.Clone(signature), 0)}))
	add("another item's signature", itemWith(stored, itemSignature, other[itemSignature]))
	strip := itemWith(itemWith(stored, itemSignature, nil), itemDescription, nil)
	changes = append(changes,
		change{"strip both", strip, encryptor.ErrUnsigned},
		change{"strip signature", itemWith(stored, itemSignature, nil), encryptor.ErrUnsigned},
		change{"strip description", itemWith(stored, itemDescription, nil), materials.ErrDescription},
		change{"strip signature, add the successor's head", itemWith(strip, "aws_dbe_head", &itemB{}), encryptor.ErrNewerFormat},
	)

	before := itemClone(stored)
	for _, c := range changes {
		got, err := e.Decrypt(t.Context(), c.item)
		if c.want == nil {
			c.want = encryptor.ErrInvalidSignature
		}
		require.Error(t, err, c.name)
		require.ErrorIs(t, err, c.want, c.name)
		requireItemSecrecy(t, err, itemPlain())
		require.Nil(t, got, c.name)
	}
	require.Equal(t, before, stored)
	require.Greater(t, len(changes), 300)
	t.Logf("%d changes", len(changes))

	t.Run("not covered", func(t *testing.T) {
		t.Parallel()
		for _, v := range []types.AttributeValue{nil, &itemS{Value: "changed"}} {
			got, err := e.Decrypt(t.Context(), itemWith(stored, "null", v))
			require.NoError(t, err)
			require.Equal(t, v, got["null"])
		}
	})
	t.Run("another table", func(t *testing.T) {
		t.Parallel()
		info := itemTable()
		info.Name = "customers2"
		_, err := newItemEncryptorOn(t, info, newItemProvider(t), itemOptions(0, itemTamperActions())).Decrypt(t.Context(), stored)
		requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
	})
	t.Run("other actions", func(t *testing.T) {
		t.Parallel()
		for name, action := range itemTamperActions() {
			changed := itemTamperActions()
			changed[name] = (action + 1) % 3
			_, err := newItemEncryptor(t, newItemProvider(t), itemOptions(0, changed)).Decrypt(t.Context(), stored)
			requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
		}
	})
}

// Under KMS the data key is bound to table and key, and a description is bound to
// nothing but by the signature under the key it leads to.
func TestItemTamperingUnderKMS(t *testing.T) {
	t.Parallel()
	k, p := newItemKMS(t)
	e := newItemEncryptor(t, p)
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	sibling, err := e.Encrypt(t.Context(), itemPlain()) // of the same key
	require.NoError(t, err)
	moved, err := e.Encrypt(t.Context(), itemWith(itemPlain(), "id", &itemS{Value: "hush-other"}))
	require.NoError(t, err)
	stranger, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	foreign, err := newItemEncryptor(t, stranger).Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		item encryptor.Item
		want error
	}{
		"description of the same key's item": {itemWith(stored, itemDescription, sibling[itemDescription]), encryptor.ErrInvalidSignature},
		"description of another item":        {itemWith(stored, itemDescription, moved[itemDescription]), materials.ErrContextMismatch},
		"both reserved of the same key":      {itemWith(itemWith(stored, itemDescription, sibling[itemDescription]), itemSignature, sibling[itemSignature]), encryptor.ErrInvalidSignature},
		"content under another key":          {itemWith(moved, "id", stored["id"]), materials.ErrContextMismatch},
		"key changed":                        {itemWith(stored, "at", &itemN{Value: "1700000002"}), materials.ErrContextMismatch},
		"key removed":                        {itemWith(stored, "at", nil), materials.ErrContextMismatch},
		"key retyped":                        {itemWith(stored, "at", &itemBool{}), encryptor.ErrFormat},
		"of another KMS key":                 {foreign, materials.ErrKeyNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := e.Decrypt(t.Context(), c.item)
			requireItemFault(t, err, c.want, "", itemPlain())
			require.Nil(t, got)
		})
	}
	t.Run("every byte of the description", func(t *testing.T) {
		t.Parallel()
		description := stored[itemDescription].(*itemB).Value
		refused := 0
		for i := range description {
			changed := slices.Clone(description)
			changed[i] ^= 1 << (i % 8)
			got, err := e.Decrypt(t.Context(), itemWith(stored, itemDescription, &itemB{Value: changed}))
			if err != nil {
				refused++
				require.True(t, isItemReadError(err) || isItemKMSError(err), "%v", err)
				requireItemSecrecy(t, err, itemPlain())
				require.Nil(t, got)
				continue
			}
			// Nobody reads that byte, such as those of wrap-alg under KMS.
			require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))
		}
		require.Greater(t, refused, len(description)/2)
	})
}

// Nothing is decrypted before the signature verifies: a fault of padding is not
// to be had without a valid signature.
func TestItemVerifiesBeforeItDecrypts(t *testing.T) {
	t.Parallel()
	stored := newItemModel(0, nil).encrypt(itemPlain())
	p := newItemProviderOf(nil, &materials.DecryptionMaterials{DecryptionKey: aesKey(t, itemBytes(0x99, 16)), VerificationKey: hmacKey(t, itemMACKey())})
	for n := range 64 {
		changed := itemWith(stored, "string", &itemB{Value: make([]byte, n)})
		for _, provider := range []materials.CryptographicMaterialsProvider{p, newItemProvider(t)} {
			_, err := newItemEncryptor(t, provider).Decrypt(t.Context(), changed)
			require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
			require.NotErrorIs(t, err, encryptor.ErrFormat)
		}
	}
}

// Numbers that the service spells anew and sets that it returns in any order
// verify, signed or encrypted.
func TestItemSpellingOfTheService(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, nil))
	item := encryptor.Item{
		"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"},
		"n": &itemN{Value: "1.70206220242E+12"}, "zero": &itemN{Value: "-0.00"}, "long": &itemN{Value: "12345678901234567890123456789012345678"},
		"ns": &itemNS{Value: []string{"1E2", "-0", "2.50", "10"}}, "ss": &itemSS{Value: []string{"a", "B", "é", "😀", "～"}}, "bs": &itemBS{Value: [][]byte{{1}, {0x7f}, {0x80}, {0xff}}},
		"m": &itemM{Value: encryptor.Item{"l": &itemL{Value: []types.AttributeValue{&itemNS{Value: []string{"1.0", "2"}}}}}},
	}
	stored, err := e.Encrypt(t.Context(), item)
	require.NoError(t, err)
	for name, texts := range map[string][]string{
		"n": {"1702062202420", "1702062202420.0", "+1.70206220242e12", "17020622024200E-1"}, "zero": {"0", "0E99", "-0", "+0.0"},
		"long": {"12345678901234567890123456789012345678.0", "1.2345678901234567890123456789012345678E37"},
	} {
		for _, text := range texts {
			_, err := e.Decrypt(t.Context(), itemWith(stored, name, &itemN{Value: text}))
			require.NoError(t, err, text)
		}
	}
	_, err = e.Decrypt(t.Context(), itemWith(stored, "long", &itemN{Value: "12345678901234567890123456799999999999"}))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature, "digits beyond the 28th count")
	permute(4, func(p []int) {
		changed := itemClone(stored)
		changed["ns"] = &itemNS{Value: permuted([]string{"100", "0", "2.5", "10"}, p)}
		changed["ss"] = &itemSS{Value: permuted([]string{"a", "B", "é", "😀", "～"}, p)}
		changed["bs"] = &itemBS{Value: permuted([][]byte{{1}, {0x7f}, {0x80}, {0xff}}, p)}
		before := itemClone(changed)
		_, err := e.Decrypt(t.Context(), changed)
		require.NoError(t, err)
		require.Equal(t, before, changed, "not ours to reorder")
	})
	_, err = e.Decrypt(t.Context(), itemStored(t, stored))
	require.NoError(t, err)
	list := itemWith(stored, "m", &itemM{Value: encryptor.Item{"l": &itemL{Value: []types.AttributeValue{&itemNS{Value: []string{"2", "1"}}, &itemNull{Value: true}}}}})
	_, err = e.Decrypt(t.Context(), list)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
}

// permute calls f with every order of the first n places.
func permute(n int, f func([]int)) {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	var rec func(int)
	rec = func(k int) {
		if k == n {
			f(slices.Clone(places))
			return
		}
		for i := k; i < n; i++ {
			places[k], places[i] = places[i], places[k]
			rec(k + 1)
			places[k], places[i] = places[i], places[k]
		}
	}
	rec(0)
}

func permuted[T any](members []T, places []int) []T {
	out := slices.Clone(members)
	for i, place := range places {
		out[i] = members[place]
	}
	return out
}

// Two items that exchange what they hold, on a table with and without a sort key.
func TestItemContentMovedBetweenKeys(t *testing.T) {
	t.Parallel()
	for _, sortKey := range []string{"", "at"} {
		info := tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id", SortKey: sortKey}}
		for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
			e := newItemEncryptorOn(t, info, newItemProvider(t), itemOptions(byDefault, nil))
			stored, err := e.Encrypt(t.Context(), itemPlain())
			require.NoError(t, err)
			for _, key := range info.KeyNames() {
				moved := maps.Clone(stored)
				moved[key] = &itemS{Value: "hush-elsewhere"}
				_, err := e.Decrypt(t.Context(), moved)
				requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
			}
		}
	}
}
