package encryptor_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func TestItemPreviousActions(t *testing.T) {
	t.Parallel()
	encrypt := actions.AttributeActions{}
	sign := actions.AttributeActions{Default: actions.SignOnly}
	mixed := actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"string": actions.EncryptAndSign, "absent": actions.SignOnly}}
	keyless := actions.AttributeActions{Default: actions.SignOnly, Overrides: itemActions{"id": actions.DoNothing}}
	all := []actions.AttributeActions{encrypt, sign, mixed, keyless}
	for current := range all {
		previous := append(append([]actions.AttributeActions{}, all[:current]...), all[current+1:]...)
		if current == 3 {
			continue // a key that is not signed is no current set without UnsignedKeys
		}
		for writer, set := range all {
			t.Run(fmt.Sprint(current, " ", writer), func(t *testing.T) {
				t.Parallel()
				var reads itemReads
				v := newItemVerifier(t)
				p := v.provider(t)
				e := newItemEncryptor(t, p, itemOptions(all[current].Default, all[current].Overrides), itemPrevious(previous...), reads.option)
				got, err := e.Decrypt(t.Context(), newItemModel(set.Default, set.Overrides).encrypt(itemPlain()))
				require.NoError(t, err)
				require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))
				want := writer + 1
				switch {
				case writer == current:
					want = 0
				case writer > current:
					want = writer
				}
				require.Equal(t, []encryptor.ReadInfo{{PreviousActions: want, TableName: "customers"}}, reads.infos)
				require.EqualValues(t, 1, p.decryptions.Load(), "no further provider call")
				require.Len(t, v.calls(), 1+want, "one MAC for each set up to the one that matches")
			})
		}
	}
	t.Run("the first that matches counts", func(t *testing.T) {
		t.Parallel()
		var reads itemReads
		other := actions.AttributeActions{Overrides: itemActions{"absent": actions.SignOnly}}
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, nil), itemPrevious(encrypt, other), reads.option)
		_, err := e.Decrypt(t.Context(), newItemModel(0, nil).encrypt(itemPlain()))
		require.NoError(t, err)
		require.Equal(t, 1, reads.infos[0].PreviousActions)
	})
	t.Run("written by the current set", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, nil), itemPrevious(encrypt))
		stored, err := e.Encrypt(t.Context(), itemPlain())
		require.NoError(t, err)
		require.NoError(t, newItemModel(actions.SignOnly, nil).check(itemPlain(), stored))
	})
	t.Run("none matches", func(t *testing.T) {
		t.Parallel()
		v := newItemVerifier(t)
		p := v.provider(t)
		_, err := newItemEncryptor(t, p, itemPrevious(sign, mixed, keyless)).Decrypt(t.Context(), newItemModel(0, itemActions{"null": actions.DoNothing}).encrypt(itemPlain()))
		requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
		require.Len(t, v.calls(), 4)
		require.EqualValues(t, 1, p.decryptions.Load())
	})
	t.Run("current set that signs nothing", func(t *testing.T) {
		t.Parallel()
		var reads itemReads
		p := newItemProvider(t)
		e := newItemEncryptor(t, p, itemUnsignedKeys, itemOptions(actions.DoNothing, nil), itemPrevious(encrypt), reads.option)
		stored := newItemModel(0, nil).encrypt(itemPlain())
		got, err := e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))
		got, err = e.Decrypt(t.Context(), itemPlain())
		require.NoError(t, err)
		require.Equal(t, itemPlain(), got)
		require.Equal(t, []encryptor.ReadInfo{{PreviousActions: 1, TableName: "customers"}, {Plaintext: true}}, reads.infos)
		_, err = e.Decrypt(t.Context(), itemWith(stored, "at", &itemN{Value: "2"}))
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		written, err := e.Encrypt(t.Context(), itemPlain())
		require.NoError(t, err)
		require.Equal(t, itemPlain(), written)
	})
}

// itemOrderValues are values on which the two orders differ, but for the last.
func itemOrderValues() map[string]types.AttributeValue {
	const tilde, smile = "\uff5e", "\U0001f600"
	return map[string]types.AttributeValue{
		"SS":        &itemSS{Value: []string{smile, tilde}},
		"BS":        &itemBS{Value: [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}}},
		"BS prefix": &itemBS{Value: [][]byte{{0x01, 0x80}, {0x01, 0x7f}, {0x01}}},
		"M":         &itemM{Value: encryptor.Item{tilde: &itemS{}, smile: &itemNull{Value: true}}},
		"SS in L":   &itemL{Value: []types.AttributeValue{&itemSS{Value: []string{tilde + "a", tilde, smile}}}},
		"BS in M":   &itemM{Value: encryptor.Item{"k": &itemBS{Value: [][]byte{{0xff}, {}}}}}, // {} first in both
	}
}

func TestItemOrders(t *testing.T) {
	t.Parallel()
	const tilde, smile = "\uff5e", "\U0001f600"
	items := map[string]encryptor.Item{"names": {tilde: &itemS{Value: "1"}, smile: &itemS{Value: "2"}, "a": &itemS{}}}
	for name, v := range itemOrderValues() {
		items[name] = encryptor.Item{"value": v}
	}
	for name, extra := range items {
		item := encryptor.Item{"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"}}
		for n, v := range extra {
			item[n] = v
		}
		differs := name != "BS in M"
		for writer := range encryptor.JavaOrder + 1 {
			for reader := range encryptor.JavaOrder + 1 {
				for _, byDefault := range []actions.CryptoAction{actions.SignOnly, actions.EncryptAndSign} {
					t.Run(fmt.Sprint(name, " ", writer, " ", reader, " ", byDefault), func(t *testing.T) {
						t.Parallel()
						m := newItemModel(byDefault, nil)
						m.java = writer == encryptor.JavaOrder
						var reads itemReads
						v := newItemVerifier(t)
						e := newItemEncryptor(t, v.provider(t), itemOptions(byDefault, nil), itemOrder(reader), reads.option)
						written, err := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil), itemOrder(writer)).Encrypt(t.Context(), item)
						require.NoError(t, err)
						require.NoError(t, m.check(item, written))
						for _, stored := range []encryptor.Item{written, m.encrypt(item)} {
							got, err := e.Decrypt(t.Context(), stored)
							require.NoError(t, err)
							require.Equal(t, vectors.Text(item), vectors.Text(got))
						}
						// Ciphertext has no order; only names still have one.
						matters := differs && (byDefault == actions.SignOnly || name == "names")
						want, calls := reader, 2
						if matters && writer != reader {
							want, calls = writer, 4
						}
						require.Equal(t, []encryptor.ReadInfo{{TableName: "customers", Order: want}, {TableName: "customers", Order: want}}, reads.infos)
						require.Len(t, v.calls(), calls)

						// A failure costs the second MAC only if there is a second form.
						stored := itemWith(written, itemSignature, &itemB{Value: make([]byte, 32)})
						_, err = e.Decrypt(t.Context(), stored)
						require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
						if matters {
							calls += 2
						} else {
							calls++
						}
						require.Len(t, v.calls(), calls)
					})
				}
			}
		}
	}
}

// All that is tried for an item that verifies in no form, in the order of trial.
func TestItemCandidates(t *testing.T) {
	t.Parallel()
	v := newItemVerifier(t)
	p := v.provider(t)
	previous := actions.AttributeActions{Default: actions.SignOnly, Overrides: itemActions{"id": actions.DoNothing}}
	e := newItemEncryptor(t, p, itemOptions(actions.EncryptAndSign, itemActions{"bs": actions.SignOnly}), itemPrevious(previous), itemAccept("None", "customers", "null", "None"),
		func(o *encryptor.Options) { o.SignedTableName = "restored" })
	stored := encryptor.Item{
		"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"}, "e": &itemB{Value: make([]byte, 32)}, "bs": &itemBS{Value: [][]byte{{0x80}, {0x7f}}},
		itemSignature: &itemB{Value: make([]byte, 32)}, itemDescription: &itemB{Value: modelDescription(modelEntries())},
	}
	_, err := e.Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	var want []string
	for _, table := range []string{"restored", "None", "customers", "null"} {
		for _, m := range []itemModel{newItemModel(0, itemActions{"bs": actions.SignOnly}), newItemModel(actions.SignOnly, itemActions{"id": actions.DoNothing})} {
			for _, java := range []bool{false, true} {
				m.table, m.java = table, java
				want = append(want, string(m.stringToSign(stored)))
			}
		}
	}
	require.Equal(t, want, v.calls())
	require.EqualValues(t, 1, p.decryptions.Load())
	require.ErrorContains(t, err, `"restored", "None", "customers", "null"`)
}

func TestItemTableNames(t *testing.T) {
	t.Parallel()
	signedName := func(name string) func(*encryptor.Options) {
		return func(o *encryptor.Options) { o.SignedTableName = name }
	}
	for name, c := range map[string]struct {
		writer  string
		options []func(*encryptor.Options)
		macs    int // 0: not accepted
	}{
		"own":                       {writer: "customers", macs: 1},
		"unknown":                   {writer: "orders"},
		"signed name":               {writer: "orders", options: []func(*encryptor.Options){signedName("orders")}, macs: 1},
		"own beside a signed name":  {writer: "customers", options: []func(*encryptor.Options){signedName("orders")}},
		"own accepted":              {writer: "customers", options: []func(*encryptor.Options){signedName("orders"), itemAccept("customers")}, macs: 2},
		"accepted second":           {writer: "orders", options: []func(*encryptor.Options){itemAccept("invoices", "orders")}, macs: 3},
		"listed twice":              {writer: "orders", options: []func(*encryptor.Options){itemAccept("customers", "customers", "orders", "orders")}, macs: 2},
		"Python without name":       {writer: "None", options: []func(*encryptor.Options){signedName("None")}, macs: 1},
		"Java without name":         {writer: "null", options: []func(*encryptor.Options){itemAccept("None", "null")}, macs: 3},
		"Python without name, deaf": {writer: "None"},
		"case differs":              {writer: "Customers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newItemVerifier(t)
			p := v.provider(t)
			var reads itemReads
			m := newItemModel(0, nil)
			m.table = c.writer
			got, err := newItemEncryptor(t, p, append(c.options, reads.option)...).Decrypt(t.Context(), m.encrypt(itemPlain()))
			require.EqualValues(t, 1, p.decryptions.Load())
			if c.macs == 0 {
				requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
				return
			}
			require.NoError(t, err)
			require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))
			require.Equal(t, []encryptor.ReadInfo{{TableName: c.writer}}, reads.infos)
			require.Len(t, v.calls(), c.macs)
		})
	}
}

// With KMS a name is part of the context, so each costs a call.
func TestItemTableNamesUnderKMS(t *testing.T) {
	t.Parallel()
	k, p := newItemKMS(t)
	write := func(table string, at types.AttributeValue) encryptor.Item {
		info := itemTable()
		info.Name = table
		stored, err := newItemEncryptorOn(t, info, p).Encrypt(t.Context(), itemWith(itemPlain(), "at", at))
		require.NoError(t, err)
		return stored
	}
	var reads itemReads
	e := newItemEncryptor(t, p, itemAccept("invoices", "orders"), reads.option)
	for _, c := range []struct {
		table string
		at    string
		read  string // as stored
		calls int
		fails bool
	}{
		{table: "customers", at: "7", calls: 1},
		{table: "invoices", at: "7", calls: 2},
		{table: "orders", at: "7", calls: 3},
		{table: "elsewhere", at: "7", calls: 3, fails: true},
		{table: "customers", at: "7", read: "7.0", calls: 2},
		{table: "orders", at: "7", read: "7.0", calls: 6},
		{table: "elsewhere", at: "7", read: "7.0", calls: 6, fails: true},
	} {
		t.Run(c.table+" "+c.read, func(t *testing.T) {
			stored := write(c.table, &itemN{Value: c.at})
			if c.read != "" {
				stored["at"] = &itemN{Value: c.read}
			}
			before := itemKMSCalls(k, "Decrypt")
			reads.infos = nil
			_, err := e.Decrypt(t.Context(), stored)
			require.Equal(t, c.calls, itemKMSCalls(k, "Decrypt")-before)
			if c.fails {
				requireItemFault(t, err, materials.ErrContextMismatch, "", itemPlain())
				require.ErrorIs(t, err, materials.ErrKMS)
				require.NotErrorIs(t, err, encryptor.ErrInvalidSignature)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []encryptor.ReadInfo{{TableName: c.table}}, reads.infos)
		})
	}
	t.Run("only a mismatch goes on", func(t *testing.T) {
		stored := write("orders", &itemN{Value: "7"})
		before := itemKMSCalls(k, "Decrypt")
		k.FailNext("Decrypt", nil)
		k.FailNext("Decrypt", context.DeadlineExceeded)
		_, err := e.Decrypt(t.Context(), stored)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, materials.ErrContextMismatch)
		require.Equal(t, 2, itemKMSCalls(k, "Decrypt")-before)
	})
	t.Run("previous actions cost no call", func(t *testing.T) {
		k := kmstest.New()
		p, err := materials.NewDirectKMSProvider(k, k.CreateKey())
		require.NoError(t, err)
		stored, err := newItemEncryptor(t, p).Encrypt(t.Context(), itemPlain())
		require.NoError(t, err)
		e := newItemEncryptor(t, p, itemOptions(actions.SignOnly, nil), itemPrevious(actions.AttributeActions{Default: actions.DoNothing}, actions.AttributeActions{}))
		_, err = e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, 1, itemKMSCalls(k, "Decrypt"))
	})
}

// What Python writes with a DO_NOTHING default fails here, and the error says why.
func TestItemUnsignedKeysHint(t *testing.T) {
	t.Parallel()
	overrides := itemActions{"string": actions.EncryptAndSign, "number": actions.SignOnly}
	python := newItemModel(actions.DoNothing, overrides)
	python.actions.Overrides["id"], python.actions.Overrides["at"] = actions.DoNothing, actions.DoNothing
	stored := python.encrypt(itemPlain())
	const hint = "Options.UnsignedKeys"

	v := newItemVerifier(t)
	e := newItemEncryptor(t, v.provider(t), itemOptions(actions.DoNothing, overrides))
	_, err := e.Decrypt(t.Context(), stored)
	requireItemFault(t, err, encryptor.ErrInvalidSignature, "", itemPlain())
	require.ErrorContains(t, err, hint)
	require.ErrorContains(t, err, "PreviousActions")
	require.Len(t, v.calls(), 2)

	_, err = e.Decrypt(t.Context(), itemWith(stored, "number", &itemN{Value: "1"}))
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	require.NotContains(t, err.Error(), hint, "it would not explain this one")
	_, err = newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, overrides)).Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	require.NotContains(t, err.Error(), hint)

	for name, option := range map[string]func(*encryptor.Options){
		"UnsignedKeys": itemUnsignedKeys,
		"PreviousActions": itemPrevious(actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{
			"string": actions.EncryptAndSign, "number": actions.SignOnly, "id": actions.DoNothing, "at": actions.DoNothing,
		}}),
	} {
		got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, overrides), option).Decrypt(t.Context(), stored)
		require.NoError(t, err, name)
		require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got), name)
	}
}

// Of several refusals the first is returned: it is about the name that is
// configured first.
func TestItemFirstMismatchCounts(t *testing.T) {
	t.Parallel()
	var asked []string
	p := &itemProvider{decrypt: func(_ context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
		asked = append(asked, ec.TableName)
		return nil, fmt.Errorf("%w: asked for %s", materials.ErrContextMismatch, ec.TableName)
	}}
	_, err := newItemEncryptor(t, p, itemAccept("orders", "invoices")).Decrypt(t.Context(), newItemModel(0, nil).encrypt(itemPlain()))
	require.ErrorIs(t, err, materials.ErrContextMismatch)
	require.ErrorContains(t, err, "asked for customers")
	require.Equal(t, []string{"customers", "orders", "invoices"}, asked)
}

// Decrypting is repeatable: nothing about the stored item or the encryptor
// changes by it, nor by a failure in between.
func TestItemDecryptIsRepeatable(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t))
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	before := itemClone(stored)
	for range 3 {
		got, err := e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(itemPlain()), vectors.Text(got))
		require.Equal(t, before, stored)
		got["string"] = &itemS{Value: "changed"}
		delete(got, "map")
		_, err = e.Decrypt(t.Context(), itemWith(stored, "at", &itemN{Value: "2"}))
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	}
}

// An item that verifies in the other order keeps each value under its name.
func TestItemOtherOrderKeepsNames(t *testing.T) {
	t.Parallel()
	item := encryptor.Item{"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"}, "\uff5e": &itemS{Value: "1"}, "\U0001f600": &itemS{Value: "2"}}
	for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly} {
		m := newItemModel(byDefault, nil)
		m.java = true
		got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil)).Decrypt(t.Context(), m.encrypt(item))
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(got))
	}
}
