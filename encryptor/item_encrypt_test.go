package encryptor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

func TestItemRoundTrip(t *testing.T) {
	t.Parallel()
	keys := map[string]types.AttributeValue{
		"S": &itemS{Value: "hush-key"}, "N": &itemN{Value: "170001"}, "B": &itemB{Value: []byte("hush\x00key")},
	}
	sortKeys := map[string]types.AttributeValue{"none": nil, "S": keys["S"], "N": keys["N"], "B": keys["B"]}
	sets := map[string]actions.AttributeActions{
		"encrypt": {},
		"sign":    {Default: actions.SignOnly},
		"mixed": {Default: actions.DoNothing, Overrides: itemActions{
			"string": actions.EncryptAndSign, "map": actions.EncryptAndSign, "strings": actions.SignOnly, "absent": actions.EncryptAndSign,
		}},
	}
	for partition, partitionKey := range keys {
		for sort, sortKey := range sortKeys {
			for set, a := range sets {
				for order := range encryptor.JavaOrder + 1 {
					t.Run(fmt.Sprintf("%s %s %s %d", partition, sort, set, order), func(t *testing.T) {
						t.Parallel()
						info := itemTable()
						item := itemWith(itemPlain(), "id", partitionKey)
						m := newItemModel(a.Default, a.Overrides)
						m.java = order == encryptor.JavaOrder
						if sortKey == nil {
							info.Primary.SortKey = ""
							m.actions.Overrides["at"] = a.Default
						} else {
							item["at"] = sortKey
						}
						e := newItemEncryptorOn(t, info, newItemProvider(t), itemOptions(a.Default, a.Overrides), itemOrder(order))
						before := itemClone(item)
						stored, err := e.Encrypt(t.Context(), item)
						require.NoError(t, err)
						require.Equal(t, before, item)
						require.NoError(t, m.check(item, stored))
						for _, form := range []encryptor.Item{stored, itemStored(t, stored)} {
							storedBefore := itemClone(form)
							got, err := e.Decrypt(t.Context(), form)
							require.NoError(t, err)
							require.Equal(t, vectors.Text(item), vectors.Text(got))
							require.Equal(t, storedBefore, form)
						}
					})
				}
			}
		}
	}
}

// Every form of emptiness survives, at the top and nested, encrypted and signed.
// DynamoDB itself refuses empty sets, so only ciphertext can hold them.
func TestItemRoundTripOfEmptyValues(t *testing.T) {
	t.Parallel()
	empty := encryptor.Item{
		"S": &itemS{}, "B": &itemB{Value: []byte{}}, "nil B": &itemB{}, "SS": &itemSS{}, "NS": &itemNS{}, "BS": &itemBS{Value: [][]byte{}},
		"L": &itemL{}, "M": &itemM{}, "SS of one": &itemSS{Value: []string{""}}, "BS of one": &itemBS{Value: [][]byte{nil}},
		"zero": &itemN{Value: "0"},
	}
	item := itemClone(empty)
	item["list"] = &itemL{Value: []types.AttributeValue{&itemS{}, &itemB{}, &itemSS{}, &itemNS{}, &itemBS{}, &itemL{}, &itemM{}}}
	item["map"] = &itemM{Value: itemClone(empty)}
	item["map of no name"] = &itemM{Value: encryptor.Item{"": &itemS{}}}
	item["id"], item["at"] = &itemS{Value: "x"}, &itemN{Value: "0"}
	for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
		t.Run(byDefault.String(), func(t *testing.T) {
			t.Parallel()
			e := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil))
			stored, err := e.Encrypt(t.Context(), item)
			require.NoError(t, err)
			require.NoError(t, newItemModel(byDefault, nil).check(item, stored))
			got, err := e.Decrypt(t.Context(), stored)
			require.NoError(t, err)
			require.Equal(t, vectors.Text(item), vectors.Text(got))
		})
	}
}

func TestItemEncryptRefusesValues(t *testing.T) {
	t.Parallel()
	deep := types.AttributeValue(&itemS{Value: "hush-deep"})
	for range 129 {
		deep = &itemL{Value: []types.AttributeValue{deep}}
	}
	const invalid = "hush-\xff\xfe"
	type refusal struct {
		value types.AttributeValue
		known bool // of a type that DynamoDB has, so no concern of DO_NOTHING
	}
	values := map[string]refusal{
		"nil":                 {},
		"nil S":               {value: (*itemS)(nil)},
		"nil N":               {value: (*itemN)(nil)},
		"nil B":               {value: (*itemB)(nil)},
		"nil BOOL":            {value: (*itemBool)(nil)},
		"nil NULL":            {value: (*itemNull)(nil)},
		"nil SS":              {value: (*itemSS)(nil)},
		"nil NS":              {value: (*itemNS)(nil)},
		"nil BS":              {value: (*itemBS)(nil)},
		"nil L":               {value: (*itemL)(nil)},
		"nil M":               {value: (*itemM)(nil)},
		"nil unknown":         {value: (*types.UnknownUnionMember)(nil)},
		"unknown":             {value: &types.UnknownUnionMember{Tag: "hush-X", Value: []byte("hush-raw")}},
		"nil in L":            {value: &itemL{Value: []types.AttributeValue{&itemS{Value: "hush-first"}, nil}}},
		"nil S in L":          {value: &itemL{Value: []types.AttributeValue{(*itemS)(nil)}}},
		"nil in M":            {value: &itemM{Value: encryptor.Item{"hush-key": nil}}},
		"unknown in M in L":   {value: &itemL{Value: []types.AttributeValue{&itemM{Value: encryptor.Item{"k": &types.UnknownUnionMember{}}}}}},
		"NULL false":          {value: &itemNull{}, known: true},
		"NULL false in L":     {value: &itemL{Value: []types.AttributeValue{&itemNull{}}}, known: true},
		"S not UTF-8":         {value: &itemS{Value: invalid}, known: true},
		"SS not UTF-8":        {value: &itemSS{Value: []string{"hush-fine", invalid}}, known: true},
		"map key not UTF-8":   {value: &itemM{Value: encryptor.Item{invalid: &itemS{}}}, known: true},
		"S in M not UTF-8":    {value: &itemM{Value: encryptor.Item{"k": &itemS{Value: invalid}}}, known: true},
		"NS of no number":     {value: &itemNS{Value: []string{"10001", "hush-no"}}, known: true},
		"N in L of no number": {value: &itemL{Value: []types.AttributeValue{&itemN{Value: "hush-no"}}}, known: true},
		"129 lists":           {value: deep},
	}
	for _, text := range []string{
		"", "-", "+", ".", "-.", "e5", "1e", "1e+", "1e5.0", "1.2.3", "--1", "NaN", "Infinity", "-Infinity", "inf", " 5", "5 ", "1_000", "1,5", "0x10",
		"１２", "٣", "1e1_0", "1E99999999999999999999", "-1E4096", "1E-4095", itemRepeat("9", 4097), "1\x00", "5\n",
	} {
		values[fmt.Sprintf("number %.20q", text)] = refusal{value: &itemN{Value: text}, known: true}
	}
	for name, c := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
				p := newItemProvider(t)
				e := newItemEncryptor(t, p, itemOptions(byDefault, nil))
				item := itemPlain()
				item["fault"] = c.value
				before := itemClone(item)
				stored, err := e.Encrypt(t.Context(), item)
				if byDefault == actions.DoNothing && c.known {
					require.NoError(t, err)
					continue
				}
				requireItemFault(t, err, encryptor.ErrInvalidValue, "fault", item)
				require.NotErrorIs(t, err, encryptor.ErrFormat)
				require.Nil(t, stored)
				require.Zero(t, p.encryptions.Load(), "a refused item costs no call")
				require.Equal(t, before, item)
			}
		})
	}
}

func TestItemEncryptRefusesKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key   string
		value types.AttributeValue
		text  string
	}{
		"no partition key": {key: "id", text: "missing"},
		"no sort key":      {key: "at", text: "missing"},
		"BOOL":             {key: "id", value: &itemBool{Value: true}, text: "S, N or B"},
		"NULL":             {key: "id", value: &itemNull{Value: true}, text: "S, N or B"},
		"SS":               {key: "at", value: &itemSS{Value: []string{"hush-member"}}, text: "S, N or B"},
		"NS":               {key: "at", value: &itemNS{Value: []string{"12345"}}, text: "S, N or B"},
		"BS":               {key: "at", value: &itemBS{}, text: "S, N or B"},
		"L":                {key: "at", value: &itemL{}, text: "S, N or B"},
		"M":                {key: "id", value: &itemM{}, text: "S, N or B"},
		"unknown":          {key: "id", value: &types.UnknownUnionMember{Tag: "hush"}, text: "S, N or B"},
		"nil S":            {key: "id", value: (*itemS)(nil), text: "nil"},
		"nil N":            {key: "at", value: (*itemN)(nil), text: "nil"},
		"nil B":            {key: "id", value: (*itemB)(nil), text: "nil"},
		"no number":        {key: "at", value: &itemN{Value: "hush-no"}, text: "number"},
		"S not UTF-8":      {key: "id", value: &itemS{Value: "hush-\xff"}, text: "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newItemProvider(t)
			item := itemWith(itemPlain(), c.key, c.value)
			stored, err := newItemEncryptor(t, p).Encrypt(t.Context(), item)
			requireItemFault(t, err, encryptor.ErrInvalidValue, c.key, item)
			require.Contains(t, err.Error(), c.text)
			require.Nil(t, stored)
			require.Zero(t, p.encryptions.Load())
		})
	}
	t.Run("of unsigned keys too", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t), itemUnsignedKeys, itemOptions(actions.DoNothing, itemActions{"string": actions.SignOnly}))
		for _, v := range []types.AttributeValue{nil, &itemBool{}, (*itemN)(nil), (*itemS)(nil)} {
			_, err := e.Encrypt(t.Context(), itemWith(itemPlain(), "at", v))
			requireItemFault(t, err, encryptor.ErrInvalidValue, "at")
		}
	})
	t.Run("nil and empty items", func(t *testing.T) {
		t.Parallel()
		for _, item := range []encryptor.Item{nil, {}} {
			_, err := newItemEncryptor(t, newItemProvider(t)).Encrypt(t.Context(), item)
			requireItemFault(t, err, encryptor.ErrInvalidValue, "id")
		}
	})
}

func TestItemEncryptRefusesReservedAttributes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{itemSignature, itemDescription, "aws_dbe_head", "aws_dbe_foot", "aws_dbe_b_mail", "aws_dbe_"} {
		for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
			t.Run(name+" "+byDefault.String(), func(t *testing.T) {
				t.Parallel()
				p := newItemProvider(t)
				item := itemWith(itemPlain(), name, &itemB{Value: []byte("hush-reserved")})
				stored, err := newItemEncryptor(t, p, itemOptions(byDefault, nil)).Encrypt(t.Context(), item)
				requireItemFault(t, err, encryptor.ErrReservedAttribute, name, item)
				require.Nil(t, stored)
				require.Zero(t, p.encryptions.Load())
			})
		}
	}
	t.Run("names that are like them", func(t *testing.T) {
		t.Parallel()
		item := itemPlain()
		for _, name := range []string{"amzn-ddb-map-sig", "*AMZN-DDB-MAP-SIG*", "AWS_DBE_head", "aws_dbe"} {
			item[name] = &itemS{Value: "fine"}
		}
		_, err := newItemEncryptor(t, newItemProvider(t)).Encrypt(t.Context(), item)
		require.NoError(t, err)
	})
	// What a wrapper over a middleware would do.
	t.Run("an encrypted item", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t))
		stored, err := e.Encrypt(t.Context(), itemPlain())
		require.NoError(t, err)
		_, err = e.Encrypt(t.Context(), stored)
		require.ErrorIs(t, err, encryptor.ErrReservedAttribute)
		require.Contains(t, err.Error(), "may be encrypted already")
	})
}

// What is returned shares no memory that a caller could write to by mistake.
func TestItemEncryptResultIsSeparate(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t))
	item := itemPlain()
	before := itemClone(item)
	stored, err := e.Encrypt(t.Context(), item)
	require.NoError(t, err)
	wrote := itemClone(stored)
	for _, v := range stored {
		if b, ok := v.(*itemB); ok {
			_ = append(b.Value, bytes.Repeat([]byte{0xee}, 64)...)
		}
	}
	require.Equal(t, wrote, stored, "appending to one value wrote into another")

	again, err := e.Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, wrote, stored, "the next call wrote into this one's result")
	for name, v := range again {
		if b, ok := v.(*itemB); ok && name != "id" {
			clear(b.Value)
		}
	}
	delete(again, "id")
	require.Equal(t, wrote, stored)
	require.Equal(t, before, item)

	opened, err := e.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	was := itemClone(opened)
	var grow func(v types.AttributeValue)
	grow = func(v types.AttributeValue) {
		switch v := v.(type) {
		case *itemB:
			_ = append(v.Value, 0xee, 0xee, 0xee, 0xee)
		case *itemBS:
			for _, member := range v.Value {
				_ = append(member, 0xee, 0xee, 0xee, 0xee)
			}
		case *itemL:
			for _, element := range v.Value {
				grow(element)
			}
		case *itemM:
			for _, element := range v.Value {
				grow(element)
			}
		}
	}
	for _, v := range opened {
		grow(v)
	}
	require.Equal(t, was, opened)
	// Writing into a decrypted value, without growing it, changes that value only.
	clear(opened["binary"].(*itemB).Value)
	opened["binary"] = was["binary"]
	require.Equal(t, was, opened)
	require.Equal(t, wrote, stored)
}

// One shared item, and its one encrypted form, from many goroutines; the race
// detector has the last word.
func TestItemConcurrentUse(t *testing.T) {
	t.Parallel()
	item := itemPlain()
	item["at"] = &itemN{Value: "17.50E2"} // copied for its canonical spelling
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.EncryptAndSign, itemActions{
		"strings": actions.SignOnly, "map": actions.SignOnly, "number": actions.DoNothing,
	}), itemPrevious(actions.AttributeActions{}))
	shared, err := e.Encrypt(t.Context(), item)
	require.NoError(t, err)
	want := vectors.Text(item)
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 25 {
				own := item
				if i%3 == 0 { // more sets of names than one
					own = itemWith(item, fmt.Sprintf("own %d %d", g, i), &itemS{Value: "own"})
				}
				stored, err := e.Encrypt(context.Background(), own)
				if err == nil {
					_, err = e.Decrypt(context.Background(), stored)
				}
				got, sharedErr := e.Decrypt(context.Background(), shared)
				if err := errors.Join(err, sharedErr); err != nil || vectors.Text(got) != want {
					t.Errorf("goroutine %d: %v", g, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestItemNumberKeysUnderKMS(t *testing.T) {
	t.Parallel()
	for text, canonical := range map[string]string{
		"1.0": "1", "1E2": "100", "-0": "0", "+5": "5", "00042": "42", "1.50": "1.5", "-0.0E7": "0", ".5": "0.5", "1e-5": "0.00001", "7": "7",
		"12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			k, p := newItemKMS(t)
			e := newItemEncryptor(t, p)
			item := itemWith(itemPlain(), "at", &itemN{Value: text})
			before := itemClone(item)
			stored, err := e.Encrypt(t.Context(), item)
			require.NoError(t, err)
			require.Equal(t, before, item)
			require.Equal(t, &itemN{Value: canonical}, stored["at"])
			require.Equal(t, canonical, k.Calls()[0].EncryptionContext["at"])
			for _, form := range []encryptor.Item{stored, itemStored(t, stored)} {
				got, err := e.Decrypt(t.Context(), form)
				require.NoError(t, err)
				require.Equal(t, vectors.Text(item), vectors.Text(got))
			}
			require.Equal(t, 2, itemKMSCalls(k, "Decrypt"), "one call each")

			// A table that keeps the caller's spelling.
			respelled := itemWith(stored, "at", &itemN{Value: text})
			got, err := e.Decrypt(t.Context(), respelled)
			require.NoError(t, err)
			require.Equal(t, vectors.Text(item), vectors.Text(got))
			calls := 3
			if text != canonical {
				calls++ // as received, then canonical
			}
			require.Equal(t, calls, itemKMSCalls(k, "Decrypt"))
		})
	}
	t.Run("both keys", func(t *testing.T) {
		t.Parallel()
		_, p := newItemKMS(t)
		e := newItemEncryptor(t, p)
		item := itemWith(itemWith(itemPlain(), "at", &itemN{Value: "1.0"}), "id", &itemN{Value: "-0"})
		stored, err := e.Encrypt(t.Context(), item)
		require.NoError(t, err)
		require.Equal(t, []types.AttributeValue{&itemN{Value: "0"}, &itemN{Value: "1"}}, []types.AttributeValue{stored["id"], stored["at"]})
		_, err = e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
	})
}

func TestItemProviderCalls(t *testing.T) {
	t.Parallel()
	k, p := newItemKMS(t)
	e := newItemEncryptor(t, p)
	const items = 20
	for i := range items {
		stored, err := e.Encrypt(t.Context(), itemWith(itemPlain(), "at", &itemN{Value: fmt.Sprint(i)}))
		require.NoError(t, err)
		_, err = e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
	}
	require.Equal(t, items, itemKMSCalls(k, "GenerateDataKey"))
	require.Equal(t, items, itemKMSCalls(k, "Decrypt"))
	require.Len(t, k.Calls(), 2*items)
}

// A table on which nothing is to be done needs no keys, and says so: what is
// written and read is what was given, reserved attributes included.
func TestItemNothingToDo(t *testing.T) {
	t.Parallel()
	p := newItemProvider(t)
	var reads itemReads
	e := newItemEncryptor(t, p, itemUnsignedKeys, itemOptions(actions.DoNothing, nil), reads.option)
	for name, item := range map[string]encryptor.Item{
		"plain":    itemPlain(),
		"signed":   newItemModel(0, nil).encrypt(itemPlain()),
		"newer":    {"aws_dbe_head": &itemB{Value: []byte{1}}, "aws_dbe_foot": &itemB{Value: []byte{1}}},
		"no key":   {"string": &itemS{Value: "x"}},
		"unusable": {"x": &itemN{Value: "no number"}},
	} {
		stored, err := e.Encrypt(t.Context(), item)
		require.NoError(t, err, name)
		require.Equal(t, item, stored, name)
		stored["more"] = &itemS{}
		require.NotContains(t, item, "more", "%s: not a copy", name)
		got, err := e.Decrypt(t.Context(), item)
		require.NoError(t, err, name)
		require.Equal(t, item, got, name)
		got["more"] = &itemS{}
		require.NotContains(t, item, "more", "%s: not a copy", name)
	}
	require.Zero(t, p.encryptions.Load()+p.decryptions.Load())
	require.Len(t, reads.infos, 5)
	for _, info := range reads.infos {
		require.True(t, info.Plaintext)
	}
}

func TestItemDescription(t *testing.T) {
	t.Parallel()
	key, mac := aesKey(t, itemContentKey()), hmacKey(t, itemMACKey())
	const mode, alg = "amzn-ddb-map-sym-mode", "amzn-ddb-map-signingAlg"
	for name, c := range map[string]struct {
		m    materials.EncryptionMaterials
		set  actions.CryptoAction
		want map[string]string
	}{
		"encrypting": {m: materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
			want: map[string]string{mode: "/CBC/PKCS5Padding", alg: "HmacSHA256"}},
		"a key and nothing to encrypt": {m: materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac}, set: actions.SignOnly,
			want: map[string]string{mode: "/CBC/PKCS5Padding", alg: "HmacSHA256"}},
		"no key": {m: materials.EncryptionMaterials{SigningKey: mac}, set: actions.SignOnly,
			want: map[string]string{alg: "HmacSHA256"}},
		"entries of the provider": {m: materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: map[string]string{"z": "1", "a": "", "": "2", "é": "ü", "amzn-ddb-n": "3"}},
			want: map[string]string{mode: "/CBC/PKCS5Padding", alg: "HmacSHA256", "z": "1", "a": "", "": "2", "é": "ü", "amzn-ddb-n": "3"}},
		"entries that are the encryptor's": {m: materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: map[string]string{mode: "/ECB/NoPadding", alg: "MD5withRSA"}},
			want: map[string]string{mode: "/CBC/PKCS5Padding", alg: "HmacSHA256"}},
		"a mode without key": {m: materials.EncryptionMaterials{SigningKey: mac, Description: map[string]string{mode: "/ECB/NoPadding"}}, set: actions.SignOnly,
			want: map[string]string{alg: "HmacSHA256"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newItemProviderOf(&c.m, &materials.DecryptionMaterials{DecryptionKey: c.m.EncryptionKey, VerificationKey: mac})
			e := newItemEncryptor(t, p, itemOptions(c.set, nil))
			stored, err := e.Encrypt(t.Context(), itemPlain())
			require.NoError(t, err)
			require.Equal(t, modelDescription(c.want), stored[itemDescription].(*itemB).Value)
			_, err = e.Decrypt(t.Context(), stored)
			require.NoError(t, err)
		})
	}
}

// Of two encryptions of one item no ciphertext, IV or signature is the same, nor
// are the IVs of one item.
func TestItemEncryptionIsFresh(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t))
	item := itemPlain()
	for i := range 20 {
		item[fmt.Sprintf("same %d", i)] = &itemS{Value: "the same text"}
	}
	seen := map[string]bool{}
	for range 10 {
		stored, err := e.Encrypt(t.Context(), item)
		require.NoError(t, err)
		for name, v := range stored {
			b, ok := v.(*itemB)
			if !ok || name == itemDescription {
				continue
			}
			for _, part := range []string{string(b.Value[:16]), string(b.Value[16:])} {
				require.False(t, seen[part], name)
				seen[part] = true
			}
		}
	}
}

// itemSigner is a Signer of a test's own.
type itemSigner func(ctx context.Context, data []byte) ([]byte, error)

func (itemSigner) Algorithm() string { return "HmacSHA256" }
func (s itemSigner) Sign(ctx context.Context, data []byte) ([]byte, error) {
	return s(ctx, data)
}

func TestItemEncryptProviderFaults(t *testing.T) {
	t.Parallel()
	key, mac := aesKey(t, itemContentKey()), hmacKey(t, itemMACKey())
	fault := errors.New("the provider's own")
	returns := func(m *materials.EncryptionMaterials, err error) *itemProvider {
		return &itemProvider{encrypt: func(context.Context, materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
			return m, err
		}}
	}
	signs := func(s itemSigner) *itemProvider {
		return returns(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: s}, nil)
	}
	for name, c := range map[string]struct {
		p    *itemProvider
		want error
		text string
	}{
		"error":             {p: returns(nil, fault), want: fault, text: "encryption materials"},
		"error with keys":   {p: returns(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac}, fault), want: fault},
		"nil":               {p: returns(nil, nil), want: materials.ErrNoEncryptionMaterials, text: "signing key"},
		"no signing key":    {p: returns(&materials.EncryptionMaterials{EncryptionKey: key}, nil), want: materials.ErrNoEncryptionMaterials, text: "signing key"},
		"no encryption key": {p: returns(&materials.EncryptionMaterials{SigningKey: mac}, nil), want: materials.ErrNoEncryptionMaterials, text: "encryption key"},
		"zero encryption key": {p: returns(&materials.EncryptionMaterials{EncryptionKey: &materials.AESKey{}, SigningKey: mac}, nil),
			want: materials.ErrNoEncryptionMaterials, text: "NewAESKey"},
		"signer fails":    {p: signs(func(context.Context, []byte) ([]byte, error) { return nil, fault }), want: fault, text: "sign"},
		"nil signature":   {p: signs(func(context.Context, []byte) ([]byte, error) { return nil, nil }), want: materials.ErrNoEncryptionMaterials, text: "no signature"},
		"empty signature": {p: signs(func(context.Context, []byte) ([]byte, error) { return []byte{}, nil }), want: materials.ErrNoEncryptionMaterials, text: "no signature"},
		"honours a context": {p: &itemProvider{encrypt: func(ctx context.Context, _ materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
			return nil, ctx.Err()
		}}, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			item := itemPlain()
			stored, err := newItemEncryptor(t, c.p).Encrypt(ctx, item)
			requireItemFault(t, err, c.want, "", item)
			require.Contains(t, err.Error(), c.text)
			require.Nil(t, stored)
			require.EqualValues(t, 1, c.p.encryptions.Load())
		})
	}
	// An encryption key is asked for whenever the actions could need one, so that
	// a misconfiguration does not wait for the first item that has the attribute.
	t.Run("no encryption key and no such attribute", func(t *testing.T) {
		t.Parallel()
		p := returns(&materials.EncryptionMaterials{SigningKey: mac}, nil)
		_, err := newItemEncryptor(t, p, itemOptions(actions.SignOnly, itemActions{"absent": actions.EncryptAndSign})).Encrypt(t.Context(), itemPlain())
		require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
	})
	t.Run("KMS", func(t *testing.T) {
		t.Parallel()
		k, p := newItemKMS(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newItemEncryptor(t, p).Encrypt(ctx, itemPlain())
		require.ErrorIs(t, err, context.Canceled)
		k.FailNext("GenerateDataKey", fault)
		_, err = newItemEncryptor(t, p).Encrypt(t.Context(), itemPlain())
		require.ErrorIs(t, err, materials.ErrKMS)
		require.ErrorIs(t, err, fault)
	})
}

// The provider and the signer learn what they are promised.
func TestItemEncryptionContext(t *testing.T) {
	t.Parallel()
	type contextKey struct{}
	ctx := context.WithValue(t.Context(), contextKey{}, "the caller's")
	p := newItemProvider(t)
	mac := hmacKey(t, itemMACKey())
	var ec materials.EncryptionContext
	var signed int
	p.encrypt = func(ctx context.Context, c materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
		require.Equal(t, "the caller's", ctx.Value(contextKey{}))
		ec = c
		return &materials.EncryptionMaterials{EncryptionKey: aesKey(t, itemContentKey()), SigningKey: itemSigner(func(ctx context.Context, data []byte) ([]byte, error) {
			require.Equal(t, "the caller's", ctx.Value(contextKey{}))
			signed = len(data)
			return mac.Sign(ctx, data)
		})}, nil
	}
	e := newItemEncryptor(t, p, func(o *encryptor.Options) { o.SignedTableName = "before-the-restore" })
	item := itemPlain()
	stored, err := e.Encrypt(ctx, item)
	require.NoError(t, err)
	ec.Encrypted = slices.Sorted(slices.Values(ec.Encrypted))
	require.Equal(t, materials.EncryptionContext{
		TableName: "before-the-restore", PartitionKeyName: "id", SortKeyName: "at", Attributes: item, Encrypted: itemEncrypted(),
	}, ec)
	require.Equal(t, 32+96*len(item), signed)
	m := newItemModel(0, nil)
	m.table = "before-the-restore"
	require.NoError(t, m.check(item, stored))

	info := tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}}
	_, err = newItemEncryptorOn(t, info, p).Encrypt(ctx, item)
	require.NoError(t, err)
	require.Empty(t, ec.SortKeyName)
}

// Ciphertext hides no length beyond the block, and nothing of a value shows in
// what is stored for it.
func TestItemEncryptedValuesAreHidden(t *testing.T) {
	t.Parallel()
	item := itemPlain()
	for n := range 40 {
		item[fmt.Sprintf("length %d", n)] = &itemS{Value: strings.Repeat("h", n)}
	}
	stored, err := newItemEncryptor(t, newItemProvider(t)).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.NoError(t, newItemModel(0, nil).check(item, stored))
	for name := range item {
		if name == "id" || name == "at" {
			continue
		}
		for _, secret := range itemSecrets(item[name]) {
			require.NotContains(t, string(stored[name].(*itemB).Value), secret, name)
		}
	}
}

// What is written at a limit can be read, and long values take the same form as
// short ones.
func TestItemLimits(t *testing.T) {
	t.Parallel()
	deep := types.AttributeValue(&itemS{Value: "deep"})
	for level := range 128 {
		if level%2 == 0 {
			deep = &itemL{Value: []types.AttributeValue{deep}}
		} else {
			deep = &itemM{Value: encryptor.Item{"k": deep}}
		}
	}
	item := itemWith(itemPlain(), "deep", deep)
	item["number"] = &itemN{Value: "-1E4094"}
	item["fraction"] = &itemN{Value: "1E-4094"}
	for _, n := range []int{1, 15, 16, 17, 255, 511, 512, 513, 4096, 100_000} {
		item[fmt.Sprint("B ", n)] = &itemB{Value: bytes.Repeat([]byte{0xa5}, n)}
		item[fmt.Sprint("S ", n)] = &itemS{Value: strings.Repeat("é", n)}
		item[fmt.Sprint("BS ", n)] = &itemBS{Value: [][]byte{bytes.Repeat([]byte{2}, n), bytes.Repeat([]byte{1}, n)}}
	}
	many := itemPlain()
	for i := range 2000 {
		many[fmt.Sprint("attribute ", i)] = &itemN{Value: fmt.Sprint(i)}
	}
	long := itemWith(itemPlain(), itemRepeat("n", 60_000), &itemS{Value: "long name"})
	for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil))
		for range 2 { // with and without a plan at hand
			for _, item := range []encryptor.Item{item, many, long} {
				stored, err := e.Encrypt(t.Context(), item)
				require.NoError(t, err)
				require.NoError(t, newItemModel(byDefault, nil).check(item, stored))
				got, err := e.Decrypt(t.Context(), stored)
				require.NoError(t, err)
				require.Equal(t, vectors.Text(item), vectors.Text(got))
			}
		}
	}
}

// Items with as many names as the one before, and other ones: whatever is kept
// from one item to the next must not be taken for the other's.
func TestItemSetsOfNames(t *testing.T) {
	t.Parallel()
	overrides := itemActions{"n1": actions.DoNothing, "n2": actions.DoNothing, "s1": actions.SignOnly, "s2": actions.SignOnly}
	m := newItemModel(actions.EncryptAndSign, overrides)
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.EncryptAndSign, overrides))
	sets := [][]string{
		{"n1", "s1", "e1"}, {"n2", "s1", "e1"}, {"n1", "s2", "e1"}, {"n1", "s1", "e2"}, {"n1", "n2", "e1"}, {"s1", "s2", "e1"}, {"e1", "e2", "e3"}, {"n1", "n2", "s1"}, {"e1"}, {"n1"}, {"s1"}, {},
	}
	var stored []encryptor.Item
	for range 2 {
		for i, names := range sets {
			item := encryptor.Item{"id": &itemS{Value: fmt.Sprint(i)}, "at": &itemN{Value: "1"}}
			for _, name := range names {
				item[name] = &itemS{Value: name}
			}
			got, err := e.Encrypt(t.Context(), item)
			require.NoError(t, err)
			require.NoError(t, m.check(item, got), names)
			stored = append(stored, got)
			for _, earlier := range stored {
				_, err := e.Decrypt(t.Context(), earlier)
				require.NoError(t, err)
			}
			for _, name := range names {
				_, err := e.Decrypt(t.Context(), itemWith(itemWith(got, name, nil), name+"x", got[name]))
				require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
			}
		}
	}
}
