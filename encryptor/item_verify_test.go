package encryptor_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// A reader with other actions than the writer's has no item that verifies, even if
// it is one attribute's action.
func TestItemUnderOtherActions(t *testing.T) {
	t.Parallel()
	provider := newItemProvider(t)
	written := tamperActions()
	stored, err := newItemEncryptor(t, provider, func(o *encryptor.Options) { o.Actions = written }).Encrypt(t.Context(), tamperPlain())
	require.NoError(t, err)
	for name, action := range written.Overrides {
		for _, other := range []actions.CryptoAction{(action + 1) % 3, (action + 2) % 3} {
			changed := tamperActions()
			changed.Overrides[name] = other
			_, err := newItemEncryptor(t, provider, func(o *encryptor.Options) { o.Actions = changed }).Decrypt(t.Context(), stored)
			requireItemFault(t, err, encryptor.ErrInvalidSignature, "", tamperPlain())
		}
	}
}

// A key attribute of a type that no key has never gets to KMS.
func TestItemWithKeyThatIsNone(t *testing.T) {
	t.Parallel()
	k, p := newItemKMS(t)
	e := newItemEncryptor(t, p)
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	_, err = e.Decrypt(t.Context(), itemWith(stored, "at", &itemBool{}))
	requireItemFault(t, err, encryptor.ErrFormat, "", itemPlain())
	require.Zero(t, itemKMSCalls(k, "Decrypt"))
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
