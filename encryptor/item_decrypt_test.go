package encryptor_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

// An item's two reserved attributes, absent, damaged or of another type.
func TestItemReservedAttributesOnRead(t *testing.T) {
	t.Parallel()
	signed := newItemModel(0, nil).encrypt(itemPlain())
	good := signed[itemDescription].(*itemB).Value
	description := func(b []byte) encryptor.Item { return itemWith(signed, itemDescription, &itemB{Value: b}) }
	without := func(names ...string) encryptor.Item {
		item := itemClone(signed)
		for _, name := range names {
			delete(item, name)
		}
		return item
	}
	hex := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	name := modelSized([]byte("name"))
	type fault struct {
		item encryptor.Item
		want error
		text string
	}
	cases := map[string]fault{
		"neither":                    {item: without(itemSignature, itemDescription), want: encryptor.ErrUnsigned, text: "Options.Plaintext"},
		"description only":           {item: without(itemSignature), want: encryptor.ErrUnsigned, text: itemDescription},
		"empty item":                 {item: encryptor.Item{}, want: encryptor.ErrUnsigned},
		"nil item":                   {want: encryptor.ErrUnsigned},
		"signature only":             {item: without(itemDescription), want: materials.ErrDescription, text: "amzn-ddb-map-sym-mode"},
		"empty signature":            {item: itemWith(signed, itemSignature, &itemB{}), want: encryptor.ErrInvalidSignature},
		"nil description":            {item: itemWith(signed, itemDescription, (*itemB)(nil)), want: materials.ErrDescription},
		"nil signature":              {item: itemWith(signed, itemSignature, (*itemB)(nil)), want: encryptor.ErrUnsigned, text: itemSignature},
		"nothing in description":     {item: description(nil), want: materials.ErrDescription},
		"three bytes":                {item: description([]byte{0, 0, 0}), want: materials.ErrDescription},
		"no entries":                 {item: description([]byte{0, 0, 0, 0}), want: materials.ErrDescription, text: "amzn-ddb-map-sym-mode"},
		"version 1":                  {item: description(hex([]byte{0, 0, 0, 1}, good[4:])), want: materials.ErrDescription, text: "version 1"},
		"version 256":                {item: description(hex([]byte{0, 0, 1, 0}, good[4:])), want: materials.ErrDescription, text: "version 256"},
		"half a length":              {item: description(hex(good, []byte{0, 0})), want: materials.ErrDescription},
		"name beyond the end":        {item: description(hex(good, []byte{0, 0, 0, 5}, []byte("name"))), want: materials.ErrDescription},
		"name without value":         {item: description(hex(good, name)), want: materials.ErrDescription},
		"half a value's length":      {item: description(hex(good, name, []byte{0, 0, 0})), want: materials.ErrDescription},
		"value beyond the end":       {item: description(hex(good, name, []byte{0, 0, 0, 9, 'x'})), want: materials.ErrDescription},
		"name of 2 GiB less one":     {item: description(hex(good, []byte{0x7f, 0xff, 0xff, 0xff})), want: materials.ErrDescription},
		"name of 2 GiB":              {item: description(hex(good, []byte{0x80, 0, 0, 0})), want: materials.ErrDescription},
		"value of 4 GiB":             {item: description(hex(good, name, []byte{0xff, 0xff, 0xff, 0xff})), want: materials.ErrDescription},
		"name that is not UTF-8":     {item: description(hex(good, modelSized([]byte{0xff}), name)), want: materials.ErrDescription},
		"value that is not UTF-8":    {item: description(hex(good, name, modelSized([]byte{0xc3}))), want: materials.ErrDescription},
		"cut in the middle":          {item: description(good[:len(good)/2]), want: materials.ErrDescription},
		"successor":                  {item: encryptor.Item{"aws_dbe_head": &itemB{}, "aws_dbe_foot": &itemB{}}, want: encryptor.ErrNewerFormat},
		"successor's head":           {item: itemWith(without(itemSignature, itemDescription), "aws_dbe_head", &itemB{}), want: encryptor.ErrNewerFormat, text: "aws_dbe_head"},
		"successor's foot":           {item: itemWith(without(itemSignature, itemDescription), "aws_dbe_foot", &itemB{}), want: encryptor.ErrNewerFormat},
		"successor with description": {item: itemWith(without(itemSignature), "aws_dbe_head", &itemB{}), want: encryptor.ErrNewerFormat},
	}
	for kind, v := range map[string]types.AttributeValue{
		"S": &itemS{Value: "hush-text"}, "N": &itemN{Value: "12345"}, "NULL": &itemNull{Value: true}, "BOOL": &itemBool{}, "L": &itemL{}, "M": &itemM{}, "BS": &itemBS{}, "SS": &itemSS{},
		"NS": &itemNS{}, "unknown": &types.UnknownUnionMember{Tag: "hush"},
	} {
		cases["signature "+kind] = fault{item: itemWith(signed, itemSignature, v), want: encryptor.ErrUnsigned, text: itemSignature}
		cases["signature "+kind+" alone"] = fault{item: itemWith(without(itemDescription), itemSignature, v), want: encryptor.ErrUnsigned, text: itemSignature}
		cases["description "+kind] = fault{item: itemWith(signed, itemDescription, v), want: materials.ErrDescription, text: "not B"}
		cases["description "+kind+" alone"] = fault{item: itemWith(without(itemSignature), itemDescription, v), want: encryptor.ErrUnsigned}
	}
	for label, mode := range map[string]string{
		"NoPadding": "/CBC/NoPadding", "ECB": "/ECB/PKCS5Padding", "empty": "", "lower case": "/cbc/pkcs5padding", "space": "/CBC/PKCS5Padding ", "newline": "/CBC/PKCS5Padding\n", "GCM": "/GCM/NoPadding",
	} {
		entries := modelEntries()
		entries["amzn-ddb-map-sym-mode"] = mode
		cases["mode "+label] = fault{item: newItemModel(0, nil).signWith(without(itemSignature, itemDescription), entries), want: materials.ErrAlgorithm, text: "amzn-ddb-map-sym-mode"}
	}
	for label, c := range cases {
		for _, allowPlaintext := range []bool{false, true} {
			t.Run(fmt.Sprint(label, " ", allowPlaintext), func(t *testing.T) {
				t.Parallel()
				p := newItemProvider(t)
				reads := new(itemReads)
				e := newItemEncryptor(t, p, reads.option, func(o *encryptor.Options) {
					if allowPlaintext {
						o.Plaintext = encryptor.AllowPlaintextReads
					}
				})
				before := itemClone(c.item)
				got, err := e.Decrypt(t.Context(), c.item)
				require.Equal(t, before, c.item)
				_, hasSignature := c.item[itemSignature]
				_, hasDescription := c.item[itemDescription]
				if allowPlaintext && !hasSignature && !hasDescription && c.want != encryptor.ErrNewerFormat {
					require.NoError(t, err)
					require.Equal(t, c.item, got)
					require.Equal(t, []encryptor.ReadInfo{{Plaintext: true}}, reads.infos)
					require.Zero(t, p.decryptions.Load())
					return
				}
				requireItemFault(t, err, c.want, "", c.item)
				require.Contains(t, err.Error(), c.text)
				require.Nil(t, got)
				require.Empty(t, reads.infos, "OnRead hears of verified items only")
				if c.want == encryptor.ErrUnsigned {
					require.NotErrorIs(t, err, encryptor.ErrFormat)
				} else if c.want != encryptor.ErrInvalidSignature {
					require.ErrorIs(t, err, encryptor.ErrFormat)
				}
			})
		}
	}
}

// What decides an item's fate early costs no provider call.
func TestItemFaultsBeforeTheProvider(t *testing.T) {
	t.Parallel()
	signed := newItemModel(actions.DoNothing, itemActions{"string": actions.EncryptAndSign}).encrypt(itemPlain())
	entries := modelEntries()
	entries["amzn-ddb-map-sym-mode"] = "/CBC/NoPadding"
	for name, item := range map[string]encryptor.Item{
		"unsigned":    itemWith(signed, itemSignature, nil),
		"description": itemWith(signed, itemDescription, &itemB{Value: []byte{0}}),
		"mode":        itemWith(signed, itemDescription, &itemB{Value: modelDescription(entries)}),
		"ambiguous":   itemWith(signed, "STRING", &itemS{}),
	} {
		p := newItemProvider(t)
		_, err := newItemEncryptor(t, p, itemOptions(actions.DoNothing, itemActions{"string": actions.EncryptAndSign})).Decrypt(t.Context(), item)
		require.True(t, isItemReadError(err), "%s: %v", name, err)
		require.Zero(t, p.decryptions.Load(), name)
	}
}

// An item that has a DDBEC signature is DDBEC whatever else it holds.
func TestItemWithNamesOfTheSuccessor(t *testing.T) {
	t.Parallel()
	item := itemWith(itemPlain(), "aws_dbe_head", &itemB{Value: []byte("x")})
	got, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), newItemModel(0, nil).encrypt(item))
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(got))
}

func TestItemWithoutDescription(t *testing.T) {
	t.Parallel()
	m := newItemModel(actions.SignOnly, nil)
	stored := itemWith(m.encrypt(itemPlain()), itemDescription, nil)
	got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, nil)).Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))

	t.Run("a configured attribute that is absent needs no mode", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, itemActions{"absent": actions.EncryptAndSign}))
		_, err := e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
	})
	t.Run("KMS needs one", func(t *testing.T) {
		t.Parallel()
		k, p := newItemKMS(t)
		_, err := newItemEncryptor(t, p, itemOptions(actions.SignOnly, nil)).Decrypt(t.Context(), stored)
		require.ErrorIs(t, err, materials.ErrDescription)
		require.Empty(t, k.Calls())
	})
}

func TestItemOfReservedAttributesOnly(t *testing.T) {
	t.Parallel()
	for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
		got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil)).Decrypt(t.Context(), newItemModel(0, nil).sign(encryptor.Item{}))
		require.NoError(t, err)
		require.Equal(t, encryptor.Item{}, got)
	}
}

// The entries of the description in any order, with others among them, and the
// last of two with one name.
func TestItemDescriptionForms(t *testing.T) {
	t.Parallel()
	const mode = "amzn-ddb-map-sym-mode"
	entry := func(name, value string) []byte { return append(modelSized([]byte(name)), modelSized([]byte(value))...) }
	good := entry(mode, "/CBC/PKCS5Padding")
	bad := entry(mode, "/ECB/NoPadding")
	signed := newItemModel(0, nil).encrypt(itemPlain())
	for name, c := range map[string]struct {
		entries [][]byte
		want    error
	}{
		"unsorted":       {entries: [][]byte{entry("z", "1"), good, entry("a", "2"), entry("amzn-ddb-map-signingAlg", "HmacSHA256")}},
		"last is good":   {entries: [][]byte{bad, good}},
		"last is bad":    {entries: [][]byte{good, bad}, want: materials.ErrAlgorithm},
		"empty entry":    {entries: [][]byte{entry("", ""), good}},
		"no signingAlg":  {entries: [][]byte{good}},
		"other HMAC":     {entries: [][]byte{good, entry("amzn-ddb-map-signingAlg", "HmacSHA512")}},
		"RSA for a HMAC": {entries: [][]byte{good, entry("amzn-ddb-map-signingAlg", "MD5withRSA")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := itemWith(signed, itemDescription, &itemB{Value: bytes.Join(append([][]byte{{0, 0, 0, 0}}, c.entries...), nil)})
			got, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), stored)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))
		})
	}
}

// Ciphertexts that a writer with the right keys signed, and that are none.
func TestItemCiphertextsUnderValidSignature(t *testing.T) {
	t.Parallel()
	m := newItemModel(0, nil)
	base := encryptor.Item{"id": &itemS{Value: "hush-id"}, "at": &itemN{Value: "10001"}, "good": &itemB{Value: modelEncrypt([]byte("\x00s\x00\x00\x00\x05hush-"))}}
	cases := map[string]types.AttributeValue{
		"S": &itemS{Value: "hush-plain"}, "N": &itemN{Value: "12345"}, "SS": &itemSS{Value: []string{"hush-member"}}, "NULL": &itemNull{Value: true}, "L": &itemL{}, "BS": &itemBS{},
	}
	for _, n := range []int{0, 1, 15, 16, 17, 31, 33, 47} {
		cases[fmt.Sprint("length ", n)] = &itemB{Value: bytes.Repeat([]byte{'h'}, n)}
	}
	block := func(last ...byte) []byte { return append(bytes.Repeat([]byte{0x20}, 16-len(last)), last...) }
	for name, padded := range map[string][]byte{
		"padding 0": block(0), "padding 17": block(17), "padding 255": block(255), "padding 2 of 1": block(2), "padding 3 broken": block(3, 2, 3), "padding 16 broken": block(16),
	} {
		cases[name] = &itemB{Value: modelEncryptPadded(padded)}
	}
	var texts []string
	for name, v := range cases {
		item := maps.Clone(base)
		item["fault"] = v
		stored := m.sign(item)
		got, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), stored)
		requireItemFault(t, err, encryptor.ErrDecrypt, "fault", item)
		require.ErrorIs(t, err, encryptor.ErrFormat)
		require.NotErrorIs(t, err, encryptor.ErrInvalidSignature)
		require.Nil(t, got)
		if _, isB := v.(*itemB); isB && !slices.Contains(texts, err.Error()) {
			texts = append(texts, err.Error())
		}
		require.Contains(t, err.Error(), `"fault"`, name)
	}
	require.Len(t, texts, 1, "one text for all faults of length and padding")

	t.Run("32 bytes", func(t *testing.T) {
		t.Parallel()
		item := maps.Clone(base)
		item["fault"] = &itemB{Value: modelEncrypt([]byte{0, 0})}
		require.Len(t, item["fault"].(*itemB).Value, 32)
		got, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), m.sign(item))
		require.NoError(t, err)
		require.Equal(t, &itemNull{Value: true}, got["fault"])
		require.Equal(t, &itemS{Value: "hush-"}, got["good"])
	})
	t.Run("another content key", func(t *testing.T) {
		t.Parallel()
		p := newItemProviderOf(nil, &materials.DecryptionMaterials{DecryptionKey: aesKey(t, itemBytes(0x77, 32)), VerificationKey: hmacKey(t, itemMACKey())})
		_, err := newItemEncryptor(t, p).Decrypt(t.Context(), m.encrypt(itemPlain()))
		require.ErrorIs(t, err, encryptor.ErrFormat)
		requireItemSecrecy(t, err, itemPlain())
	})
}

// Plaintexts that a writer with the right keys encrypted and signed, and that
// are no serialized value.
func TestItemPlaintextsUnderValidSignature(t *testing.T) {
	t.Parallel()
	m := newItemModel(0, nil)
	text := m.serialize(&itemS{Value: "hush"})
	nested := text
	for range 129 {
		nested = append([]byte{0, 'L', 0, 0, 0, 1}, nested...)
	}
	for name, plaintext := range map[string]string{
		"nothing":              "",
		"one byte":             "\x00",
		"first byte":           "\x01s\x00\x00\x00\x01a",
		"unknown tag":          "\x00x",
		"trailing byte":        string(text) + "x",
		"trailing value":       string(text) + string(text),
		"NULL and more":        "\x00\x00\x00",
		"bool 2":               "\x00?\x02",
		"bool without byte":    "\x00?",
		"length missing":       "\x00s",
		"half a length":        "\x00s\x00\x00",
		"length beyond":        "\x00s\x00\x00\x00\x06hush-",
		"length 2 GiB less 1":  "\x00b\x7f\xff\xff\xffx",
		"length 4 GiB":         "\x00b\xff\xff\xff\xffx",
		"count 2 GiB less 1":   "\x00S\x7f\xff\xff\xff\x00\x00\x00\x00",
		"count 4 GiB in BS":    "\x00B\xff\xff\xff\xff",
		"count 4 GiB in L":     "\x00L\xff\xff\xff\xff\x00\x00",
		"count 4 GiB in M":     "\x00M\xff\xff\xff\xff\x00s\x00\x00\x00\x00\x00\x00",
		"set one short":        "\x00S\x00\x00\x00\x02\x00\x00\x00\x04hush",
		"list one short":       "\x00L\x00\x00\x00\x02\x00\x00",
		"not UTF-8":            "\x00s\x00\x00\x00\x02h\xff",
		"member not UTF-8":     "\x00S\x00\x00\x00\x01\x00\x00\x00\x01\xff",
		"no number":            "\x00n\x00\x00\x00\x04hush",
		"empty number":         "\x00n\x00\x00\x00\x00",
		"number with _":        "\x00n\x00\x00\x00\x031_0",
		"number with space":    "\x00n\x00\x00\x00\x02 1",
		"NaN":                  "\x00n\x00\x00\x00\x03NaN",
		"number too long":      "\x00n\x00\x00\x00\x06" + "1E4096",
		"member no number":     "\x00N\x00\x00\x00\x01\x00\x00\x00\x01x",
		"map key no S":         "\x00M\x00\x00\x00\x01\x00b\x00\x00\x00\x01k\x00\x00",
		"map key twice":        "\x00M\x00\x00\x00\x02\x00s\x00\x00\x00\x01k\x00\x00\x00s\x00\x00\x00\x01k\x00\x00",
		"map without value":    "\x00M\x00\x00\x00\x01\x00s\x00\x00\x00\x04hush",
		"129 lists":            string(nested),
		"fault within a map":   "\x00M\x00\x00\x00\x01\x00s\x00\x00\x00\x04hush\x00?\x07",
		"other client's magic": "\x02s\x00\x00\x00\x01a",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := encryptor.Item{"id": &itemS{Value: "hush-id"}, "at": &itemN{Value: "10001"}, "fault": &itemB{Value: modelEncrypt([]byte(plaintext))}}
			got, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), m.sign(item))
			requireItemFault(t, err, encryptor.ErrFormat, "fault", item)
			require.NotErrorIs(t, err, encryptor.ErrDecrypt)
			require.NotErrorIs(t, err, encryptor.ErrInvalidSignature)
			require.Nil(t, got)
		})
	}
	for name, c := range map[string]struct {
		plaintext string
		want      types.AttributeValue
	}{
		"number not canonical": {"\x00n\x00\x00\x00\x031E2", &itemN{Value: "100"}},
		"Python's minus zero":  {"\x00n\x00\x00\x00\x02-0", &itemN{Value: "0"}},
		"unsorted set":         {"\x00S\x00\x00\x00\x02\x00\x00\x00\x01b\x00\x00\x00\x01a", &itemSS{Value: []string{"b", "a"}}},
		"equal members":        {"\x00S\x00\x00\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x01a", &itemSS{Value: []string{"a", "a"}}},
		"unsorted map":         {"\x00M\x00\x00\x00\x02\x00s\x00\x00\x00\x01b\x00\x00\x00s\x00\x00\x00\x01a\x00\x00", &itemM{Value: encryptor.Item{"a": &itemNull{Value: true}, "b": &itemNull{Value: true}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := encryptor.Item{"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"}, "odd": &itemB{Value: modelEncrypt([]byte(c.plaintext))}}
			got, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), m.sign(item))
			require.NoError(t, err)
			require.Equal(t, c.want, got["odd"])
		})
	}
}

// Stored values that no writer stores: the item's fault, so ErrFormat and not
// ErrInvalidValue.
func TestItemStoredValuesRefused(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]types.AttributeValue{
		"nil":        nil,
		"nil S":      (*itemS)(nil),
		"unknown":    &types.UnknownUnionMember{Tag: "hush", Value: []byte("hush-raw")},
		"NULL false": &itemNull{},
		"no number":  &itemN{Value: "hush-no"},
		"not UTF-8":  &itemS{Value: "hush-\xff"},
		"nil in L":   &itemL{Value: []types.AttributeValue{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly} {
				stored := newItemModel(byDefault, nil).encrypt(itemPlain())
				stored["string"] = v
				before := itemClone(stored)
				got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil)).Decrypt(t.Context(), stored)
				requireItemFault(t, err, encryptor.ErrFormat, "string", stored)
				require.NotErrorIs(t, err, encryptor.ErrInvalidValue)
				require.Nil(t, got)
				require.Equal(t, before, stored)
			}
		})
	}
	t.Run("DO_NOTHING", func(t *testing.T) {
		t.Parallel()
		stored := newItemModel(actions.DoNothing, nil).encrypt(itemPlain())
		stored["string"] = (*itemS)(nil)
		_, err := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, nil)).Decrypt(t.Context(), stored)
		requireItemFault(t, err, encryptor.ErrFormat, "string", stored)
		stored["string"] = &itemN{Value: "no number"}
		got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, nil)).Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, &itemN{Value: "no number"}, got["string"])
	})
}

func TestItemMissingMode(t *testing.T) {
	t.Parallel()
	entries := map[string]string{"amzn-ddb-map-signingAlg": "HmacSHA256"}
	bare := func(m itemModel) encryptor.Item {
		stored := m.encrypt(itemPlain())
		stored[itemDescription] = &itemB{Value: modelDescription(entries)}
		return stored
	}
	_, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), bare(newItemModel(0, nil)))
	require.ErrorIs(t, err, materials.ErrDescription)
	require.Contains(t, err.Error(), "amzn-ddb-map-sym-mode")
	_, err = newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, nil)).Decrypt(t.Context(), bare(newItemModel(actions.SignOnly, nil)))
	require.NoError(t, err, "nothing to decrypt")
}

// With an asymmetric key the algorithm that the item names must be the
// configured one.
func TestItemSigningAlgorithm(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := materials.NewSigner(private, "SHA256withECDSA")
	require.NoError(t, err)
	verifier, err := materials.NewVerifier(private.Public(), "SHA256withECDSA")
	require.NoError(t, err)
	counting := &itemVerifier{Verifier: verifier}
	key := aesKey(t, itemContentKey())
	p := newItemProviderOf(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: signer}, &materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: counting})
	e := newItemEncryptor(t, p)
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	entries := modelEntries()
	entries["amzn-ddb-map-signingAlg"] = "SHA256withECDSA"
	require.Equal(t, modelDescription(entries), stored[itemDescription].(*itemB).Value)
	_, err = e.Decrypt(t.Context(), stored)
	require.NoError(t, err)

	for _, algorithm := range []string{"SHA512withECDSA", "MD5withRSA", "HmacSHA256", "sha256withecdsa", "", "SHA256withECDSA "} {
		entries["amzn-ddb-map-signingAlg"] = algorithm
		before := len(counting.calls())
		_, err = e.Decrypt(t.Context(), itemWith(stored, itemDescription, &itemB{Value: modelDescription(entries)}))
		requireItemFault(t, err, materials.ErrAlgorithm, "", itemPlain())
		require.Contains(t, err.Error(), "amzn-ddb-map-signingAlg")
		require.Len(t, counting.calls(), before, "refused before it is verified")
	}
	delete(entries, "amzn-ddb-map-signingAlg")
	_, err = e.Decrypt(t.Context(), itemWith(stored, itemDescription, &itemB{Value: modelDescription(entries)}))
	require.NoError(t, err, "not every writer names it")
	_, err = e.Decrypt(t.Context(), itemWith(stored, "at", &itemN{Value: "2"}))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
}

// Algorithms that an item under KMS names, before anything authenticates them.
func TestItemKMSAlgorithmsOnRead(t *testing.T) {
	t.Parallel()
	k, p := newItemKMS(t)
	e := newItemEncryptor(t, p)
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	for _, c := range []struct {
		entry, value string
		want         error
	}{
		{"amzn-ddb-env-alg", "AES/0", materials.ErrAlgorithm}, {"amzn-ddb-env-alg", "AES/-1", materials.ErrAlgorithm}, {"amzn-ddb-env-alg", "AES/99999", materials.ErrAlgorithm},
		{"amzn-ddb-env-alg", "AES/+256", materials.ErrAlgorithm}, {"amzn-ddb-env-alg", "AES/100", materials.ErrAlgorithm}, {"amzn-ddb-env-alg", "aes/256", materials.ErrAlgorithm},
		{"amzn-ddb-env-alg", "AES/256/1", materials.ErrAlgorithm}, {"amzn-ddb-env-alg", "", materials.ErrAlgorithm}, {"amzn-ddb-env-alg", "Blowfish", materials.ErrAlgorithm},
		{"amzn-ddb-sig-alg", "HmacSHA1", materials.ErrAlgorithm}, {"amzn-ddb-sig-alg", "HmacSHA256/8", materials.ErrAlgorithm}, {"amzn-ddb-sig-alg", "HmacSHA256/", materials.ErrAlgorithm},
		{"amzn-ddb-sig-alg", "HmacSHA256/99999", materials.ErrAlgorithm}, {"amzn-ddb-sig-alg", "SHA256withRSA", materials.ErrAlgorithm}, {"amzn-ddb-sig-alg", "", materials.ErrAlgorithm},
		{"amzn-ddb-env-key", "not base64!", materials.ErrDescription}, {"amzn-ddb-env-key", "", materials.ErrDescription},
		// Known, but not what KMS bound the key to.
		{"amzn-ddb-env-alg", "AES", materials.ErrContextMismatch}, {"amzn-ddb-env-alg", "AES/128", materials.ErrContextMismatch},
		{"amzn-ddb-sig-alg", "HmacSHA256", materials.ErrContextMismatch}, {"amzn-ddb-sig-alg", "HmacSHA512/512", materials.ErrContextMismatch},
		{"amzn-ddb-env-key", base64.StdEncoding.EncodeToString([]byte("garbage")), materials.ErrKMS},
	} {
		t.Run(c.entry+" "+c.value, func(t *testing.T) {
			entries := itemEntries(t, stored)
			entries[c.entry] = c.value
			before := itemKMSCalls(k, "Decrypt")
			got, err := e.Decrypt(t.Context(), itemWith(stored, itemDescription, &itemB{Value: modelDescription(entries)}))
			requireItemFault(t, err, c.want, "", itemPlain())
			require.Nil(t, got)
			if errors.Is(c.want, encryptor.ErrFormat) {
				require.Contains(t, err.Error(), c.entry)
				require.Equal(t, before, itemKMSCalls(k, "Decrypt"))
			}
		})
	}
	for _, entry := range []string{"amzn-ddb-env-alg", "amzn-ddb-sig-alg", "amzn-ddb-env-key"} {
		entries := itemEntries(t, stored)
		delete(entries, entry)
		before := itemKMSCalls(k, "Decrypt")
		_, err := e.Decrypt(t.Context(), itemWith(stored, itemDescription, &itemB{Value: modelDescription(entries)}))
		require.ErrorIs(t, err, materials.ErrDescription)
		require.Contains(t, err.Error(), entry)
		require.Equal(t, before, itemKMSCalls(k, "Decrypt"))
	}
}

// itemEntries reads a description with as little ceremony as possible.
func itemEntries(t testing.TB, stored encryptor.Item) map[string]string {
	t.Helper()
	rest := stored[itemDescription].(*itemB).Value[4:]
	var texts []string
	for len(rest) > 0 {
		n := int(rest[0])<<24 | int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
		texts = append(texts, string(rest[4:4+n]))
		rest = rest[4+n:]
	}
	entries := map[string]string{}
	for i := 0; i < len(texts); i += 2 {
		entries[texts[i]] = texts[i+1]
	}
	return entries
}

func TestItemDecryptProviderFaults(t *testing.T) {
	t.Parallel()
	key, mac := aesKey(t, itemContentKey()), hmacKey(t, itemMACKey())
	fault := errors.New("the provider's own")
	returns := func(m *materials.DecryptionMaterials, err error) *itemProvider {
		return &itemProvider{decrypt: func(context.Context, materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
			return m, err
		}}
	}
	stored := newItemModel(0, nil).encrypt(itemPlain())
	for name, c := range map[string]struct {
		p    *itemProvider
		want error
		text string
	}{
		"error":               {p: returns(nil, fault), want: fault, text: "decryption materials"},
		"error with keys":     {p: returns(&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac}, fault), want: fault},
		"context mismatch":    {p: returns(nil, fmt.Errorf("%w: %w", materials.ErrContextMismatch, fault)), want: fault},
		"nil":                 {p: returns(nil, nil), want: materials.ErrNoDecryptionMaterials, text: "verification key"},
		"no verification key": {p: returns(&materials.DecryptionMaterials{DecryptionKey: key}, nil), want: materials.ErrNoDecryptionMaterials, text: "verification key"},
		"no decryption key":   {p: returns(&materials.DecryptionMaterials{VerificationKey: mac}, nil), want: materials.ErrNoDecryptionMaterials, text: "decryption key"},
		"zero decryption key": {p: returns(&materials.DecryptionMaterials{DecryptionKey: &materials.AESKey{}, VerificationKey: mac}, nil), want: materials.ErrNoDecryptionMaterials, text: "NewAESKey"},
		"another MAC key":     {p: returns(&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: hmacKey(t, []byte("another"))}, nil), want: encryptor.ErrInvalidSignature},
		"honours a context": {p: &itemProvider{decrypt: func(ctx context.Context, _ materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
			return nil, ctx.Err()
		}}, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			got, err := newItemEncryptor(t, c.p).Decrypt(ctx, stored)
			requireItemFault(t, err, c.want, "", itemPlain(), stored)
			require.Contains(t, err.Error(), c.text)
			require.Nil(t, got)
			require.EqualValues(t, 1, c.p.decryptions.Load())
		})
	}
	t.Run("no decryption key and nothing to decrypt", func(t *testing.T) {
		t.Parallel()
		p := returns(&materials.DecryptionMaterials{VerificationKey: mac}, nil)
		signed := newItemModel(actions.SignOnly, nil).encrypt(itemPlain())
		_, err := newItemEncryptor(t, p, itemOptions(actions.SignOnly, nil)).Decrypt(t.Context(), signed)
		require.NoError(t, err)
		// As in Python: the actions ask for a key though this item does not.
		_, err = newItemEncryptor(t, p, itemOptions(actions.SignOnly, itemActions{"absent": actions.EncryptAndSign})).Decrypt(t.Context(), signed)
		require.ErrorIs(t, err, materials.ErrNoDecryptionMaterials)
	})
}

// An error of a Verifier that is not ErrSignature ends the matter.
func TestItemVerifierFault(t *testing.T) {
	t.Parallel()
	v := newItemVerifier(t)
	v.err = errors.New("the HSM is away")
	e := newItemEncryptor(t, v.provider(t), itemPrevious(actions.AttributeActions{Default: actions.SignOnly}), itemAccept("orders"))
	_, err := e.Decrypt(t.Context(), newItemModel(0, nil).encrypt(itemPlain()))
	require.Equal(t, v.err, err)
	require.Len(t, v.calls(), 1)
	v.err = fmt.Errorf("%w: the HSM says no", materials.ErrSignature)
	_, err = e.Decrypt(t.Context(), newItemModel(0, nil).encrypt(itemPlain()))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
}

func TestItemDecryptionContext(t *testing.T) {
	t.Parallel()
	p := newItemProvider(t)
	inner := p.decrypt
	var ec materials.EncryptionContext
	p.decrypt = func(ctx context.Context, c materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
		ec = c
		return inner(ctx, c)
	}
	entries := modelEntries()
	entries["more"] = "of the writer"
	m := newItemModel(0, nil)
	stored := m.encrypt(itemPlain())
	stored[itemDescription] = &itemB{Value: modelDescription(entries)}
	_, err := newItemEncryptor(t, p).Decrypt(t.Context(), stored)
	require.NoError(t, err)
	ec.Encrypted = slices.Sorted(slices.Values(ec.Encrypted))
	require.Equal(t, materials.EncryptionContext{
		TableName: "customers", PartitionKeyName: "id", SortKeyName: "at", Attributes: stored, Encrypted: itemEncrypted(), Description: entries,
	}, ec)
}

func TestItemOnRead(t *testing.T) {
	t.Parallel()
	type contextKey struct{}
	ctx := context.WithValue(t.Context(), contextKey{}, "the caller's")
	refusal := errors.New("too old")
	for name, stored := range map[string]encryptor.Item{"signed": newItemModel(0, nil).encrypt(itemPlain()), "plain": itemPlain()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			e := newItemEncryptor(t, newItemProvider(t), itemPlaintext, func(o *encryptor.Options) {
				o.OnRead = func(ctx context.Context, key encryptor.Item, info encryptor.ReadInfo) error {
					calls++
					require.Equal(t, "the caller's", ctx.Value(contextKey{}))
					require.Equal(t, encryptor.Item{"id": itemPlain()["id"], "at": itemPlain()["at"]}, key)
					require.Equal(t, name == "plain", info.Plaintext)
					key["id"], key["string"] = nil, nil
					return refusal
				}
			})
			before := itemClone(stored)
			got, err := e.Decrypt(ctx, stored)
			requireItemFault(t, err, refusal, "", itemPlain())
			require.Contains(t, err.Error(), "OnRead")
			require.Nil(t, got)
			require.Equal(t, 1, calls)
			require.Equal(t, before, stored)
		})
	}
	t.Run("not for what does not verify", func(t *testing.T) {
		t.Parallel()
		var reads itemReads
		e := newItemEncryptor(t, newItemProvider(t), reads.option)
		stored := newItemModel(0, nil).encrypt(itemPlain())
		_, err := e.Decrypt(t.Context(), itemWith(stored, "at", &itemN{Value: "2"}))
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		forged := newItemModel(0, nil).sign(itemWith(itemPlain(), "string", &itemB{Value: make([]byte, 17)}))
		_, err = e.Decrypt(t.Context(), forged)
		require.ErrorIs(t, err, encryptor.ErrFormat)
		require.Empty(t, reads.infos)
	})
}

// What a global table of the first version adds by itself.
func TestItemOfAGlobalTable(t *testing.T) {
	t.Parallel()
	own := itemActions{"aws:rep:deleting": actions.DoNothing, "aws:rep:updatetime": actions.DoNothing, "aws:rep:updateregion": actions.DoNothing}
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(0, own))
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	stored["aws:rep:deleting"], stored["aws:rep:updatetime"], stored["aws:rep:updateregion"] = &itemBool{}, &itemN{Value: "1700000000.100001"}, &itemS{Value: "eu-west-1"}
	got, err := e.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, &itemS{Value: "eu-west-1"}, got["aws:rep:updateregion"])
	require.Len(t, got, len(itemPlain())+3)
}

func TestItemSignatureErrorIsBounded(t *testing.T) {
	t.Parallel()
	item := itemPlain()
	for i := range 500 {
		item[fmt.Sprintf("%s\n%d", strings.Repeat("\x00", 300), i)] = &itemS{Value: "hush"}
	}
	stored := newItemModel(0, nil).encrypt(item)
	clear(stored[itemSignature].(*itemB).Value)
	_, err := newItemEncryptor(t, newItemProvider(t)).Decrypt(t.Context(), stored)
	requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
	require.Less(t, len(err.Error()), 20*300+1000)
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "\x00")
	require.Contains(t, err.Error(), fmt.Sprintf("and %d more", len(item)-20))

	few := newItemModel(actions.DoNothing, itemActions{"string": actions.SignOnly}).encrypt(itemPlain())
	clear(few[itemSignature].(*itemB).Value)
	_, err = newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, itemActions{"string": actions.SignOnly})).Decrypt(t.Context(), few)
	for _, text := range []string{`table "customers"`, `keys "id", "at"`, `"string" SIGN_ONLY`, `"at" SIGN_ONLY`, "and 10 DO_NOTHING", "PreviousActions", "SignedTableName"} {
		require.ErrorContains(t, err, text)
	}
}

// A stored key that is a nil pointer reaches the provider before anything looks
// at the values.
func TestItemNilKeyUnderKMS(t *testing.T) {
	t.Parallel()
	_, p := newItemKMS(t)
	e := newItemEncryptor(t, p)
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	for _, v := range []types.AttributeValue{(*itemS)(nil), (*itemN)(nil), (*itemB)(nil)} {
		require.NotPanics(t, func() {
			_, err := e.Decrypt(t.Context(), itemWith(stored, "id", v))
			require.ErrorIs(t, err, encryptor.ErrFormat)
		})
	}
}

// What lacks is the whole description, not the entry that was looked for first.
func TestItemDecryptWithoutDescription(t *testing.T) {
	t.Parallel()
	_, provider := newItemKMS(t)
	e := newItemEncryptor(t, provider)
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	delete(stored, "*amzn-ddb-map-desc*")
	_, err = e.Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, materials.ErrDescription)
	require.ErrorContains(t, err, "the item has *amzn-ddb-map-sig* but no *amzn-ddb-map-desc*")
}
