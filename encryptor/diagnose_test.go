package encryptor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

func TestDiagnose(t *testing.T) {
	t.Parallel()
	key, mac := aesKey(t, make([]byte, 32)), hmacKey(t, make([]byte, 32))
	static, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
	require.NoError(t, err)
	newEncryptor := func(optFns ...func(*encryptor.Options)) *encryptor.ItemEncryptor {
		e, err := encryptor.New(static, tableinfo.TableInfo{Name: customers, Primary: tableinfo.Index{PartitionKey: "pk", SortKey: "sk"}}, optFns...)
		require.NoError(t, err)
		return e
	}
	override := func(name string, action actions.CryptoAction) func(*encryptor.Options) {
		return func(o *encryptor.Options) { o.Actions.Overrides = map[string]actions.CryptoAction{name: action} }
	}
	reader := newEncryptor()
	for name, c := range map[string]struct {
		writer   *encryptor.ItemEncryptor
		change   func(encryptor.Item)
		verifies bool
		want     []encryptor.SignatureChange
		says     string
	}{
		"nothing is the matter": {writer: newEncryptor(), verifies: true},
		"java's order":          {writer: newEncryptor(func(o *encryptor.Options) { o.Order = encryptor.JavaOrder }), verifies: true},
		"another action": {writer: newEncryptor(override("city", actions.SignOnly)),
			want: []encryptor.SignatureChange{{Attribute: "city", Action: actions.SignOnly}}, says: `attribute "city" was written with SIGN_ONLY`},
		"an unsigned attribute": {writer: newEncryptor(override("visits", actions.DoNothing)),
			want: []encryptor.SignatureChange{{Attribute: "visits", Action: actions.DoNothing}},
			says: `attribute "visits" was written with DO_NOTHING, or added after the item was signed`},
		"an added attribute": {writer: newEncryptor(), change: func(item encryptor.Item) { item["extra"] = &types.AttributeValueMemberS{Value: secret} },
			want: []encryptor.SignatureChange{{Attribute: "extra", Action: actions.DoNothing}}},
		"no table name": {writer: newEncryptor(func(o *encryptor.Options) { o.SignedTableName = "None" }),
			want: []encryptor.SignatureChange{{TableName: "None"}}, says: `the item was signed for table "None"`},
		"two changes": {writer: newEncryptor(func(o *encryptor.Options) {
			o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly, "age": actions.SignOnly}
		})},
		"a changed value": {writer: newEncryptor(), change: func(item encryptor.Item) { item["name"].(*types.AttributeValueMemberB).Value[17] ^= 1 },
			want: []encryptor.SignatureChange(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := customer("ada", 1)
			item["bytes"] = &types.AttributeValueMemberBS{Value: [][]byte{{0x01}, {0x80}}}
			stored, err := c.writer.Encrypt(t.Context(), item)
			require.NoError(t, err)
			if c.change != nil {
				c.change(stored)
			}
			got, err := reader.Diagnose(t.Context(), stored)
			require.NoError(t, err)
			require.Equal(t, encryptor.Diagnosis{Verifies: c.verifies, Changes: c.want}, got)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), secret)
			if c.says != "" {
				require.Equal(t, c.says, got.Changes[0].String())
			}
		})
	}
	t.Run("the key of another item", func(t *testing.T) {
		t.Parallel()
		_, err := reader.Diagnose(t.Context(), customer("ada", 1))
		require.ErrorIs(t, err, encryptor.ErrUnsigned)
	})
	t.Run("an attribute that differs in case", func(t *testing.T) {
		t.Parallel()
		signing := newEncryptor(func(o *encryptor.Options) {
			o.Actions = actions.AttributeActions{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{"name": actions.EncryptAndSign}}
		})
		stored, err := signing.Encrypt(t.Context(), customer("ada", 1))
		require.NoError(t, err)
		stored["NAME"] = &types.AttributeValueMemberS{Value: "x"}
		_, err = signing.Diagnose(t.Context(), stored)
		requireItemFault(t, err, encryptor.ErrAmbiguousName, "NAME")
	})
}

// diagnosed are the options of a reader, or of the writer whose items it reads. Its
// overrides are right: what differs is the default, the keys, or both.
type diagnosed struct {
	byDefault    actions.CryptoAction
	unsignedKeys bool
}

func (d diagnosed) actions(keys []string) actions.AttributeActions {
	a := actions.AttributeActions{Default: d.byDefault, Overrides: itemActions{
		"string": actions.EncryptAndSign, "number": actions.SignOnly, "list": actions.DoNothing,
	}}
	for _, key := range keys {
		if d.unsignedKeys {
			a.Overrides[key] = actions.DoNothing
		}
	}
	return a
}

func (d diagnosed) option(keys []string) func(*encryptor.Options) {
	return func(o *encryptor.Options) { o.Actions, o.UnsignedKeys = d.actions(keys), d.unsignedKeys }
}

// following does what a change says.
func following(c encryptor.SignatureChange, keys []string) func(*encryptor.Options) {
	return func(o *encryptor.Options) {
		overrides := maps.Clone(o.Actions.Overrides)
		if c.Default {
			o.Actions.Default = c.Action
		}
		if c.Attribute != "" {
			overrides[c.Attribute] = c.Action
		}
		if c.UnsignedKeys || c.SignedKeys {
			o.UnsignedKeys = c.UnsignedKeys
			for _, key := range keys {
				delete(overrides, key)
				if c.UnsignedKeys {
					overrides[key] = actions.DoNothing
				}
			}
		}
		o.Actions.Overrides = overrides
	}
}

// Each mistake in default and keys is found, the change names what differs, and
// whoever follows it can read the item. The writer is the model of Python's format.
func TestDiagnoseDefaultAndKeys(t *testing.T) {
	t.Parallel()
	var all []diagnosed
	for action := actions.EncryptAndSign; action <= actions.DoNothing; action++ {
		all = append(all, diagnosed{action, false}, diagnosed{action, true})
	}
	keys := []string{"id", "at"}
	for _, writer := range all {
		for _, reader := range all {
			for _, java := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v by %v, java %t", writer, reader, java), func(t *testing.T) {
					t.Parallel()
					m := newItemModel(0, nil)
					m.java = java
					maps.Copy(m.actions.Overrides, writer.actions(keys).Overrides)
					m.actions.Default = writer.byDefault
					item := itemPlain()
					for name, v := range itemOrderValues() {
						item["order "+name] = v
					}
					stored := m.encrypt(item)
					before := itemClone(stored)
					e := newItemEncryptor(t, newItemProvider(t), reader.option(keys))
					got, err := e.Diagnose(t.Context(), stored)
					require.NoError(t, err)
					require.Equal(t, before, stored)
					if writer == reader {
						require.Equal(t, encryptor.Diagnosis{Verifies: true}, got)
						return
					}
					require.Len(t, got.Changes, 1)
					change := got.Changes[0]
					require.False(t, got.Verifies)
					require.Equal(t, writer.byDefault != reader.byDefault, change.Default)
					if change.Default {
						require.Equal(t, writer.byDefault, change.Action)
						require.Contains(t, change.String(), "the default action "+writer.byDefault.String())
					}
					// Unsigned keys are mentioned beside a default in any case.
					require.Equal(t, writer.unsignedKeys, change.UnsignedKeys)
					require.Equal(t, !writer.unsignedKeys && reader.unsignedKeys, change.SignedKeys)
					require.Equal(t, change.UnsignedKeys || change.SignedKeys, strings.Contains(change.String(), "Options.UnsignedKeys"))

					_, err = e.Decrypt(t.Context(), stored)
					require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
					_, err = newItemEncryptor(t, newItemProvider(t), reader.option(keys), following(change, keys)).Decrypt(t.Context(), stored)
					require.NoError(t, err)
				})
			}
		}
	}
}

// What a table of Python's with a default of DO_NOTHING comes to, in words.
func TestDiagnosePython(t *testing.T) {
	t.Parallel()
	overrides := itemActions{"string": actions.EncryptAndSign, "number": actions.SignOnly}
	python := newItemModel(actions.DoNothing, overrides)
	python.actions.Overrides["id"], python.actions.Overrides["at"] = actions.DoNothing, actions.DoNothing
	sortKeyAlone := newItemModel(0, overrides)
	sortKeyAlone.actions.Overrides["at"] = actions.DoNothing
	noName := newItemModel(0, overrides)
	noName.table = "null"
	for name, c := range map[string]struct {
		writer itemModel
		reader func(*encryptor.Options)
		want   encryptor.SignatureChange
		says   string
	}{
		"right default": {python, itemOptions(actions.DoNothing, overrides),
			encryptor.SignatureChange{UnsignedKeys: true},
			"the item was written with its primary key unsigned: see Options.UnsignedKeys"},
		"wrong default": {python, itemOptions(actions.EncryptAndSign, overrides),
			encryptor.SignatureChange{Default: true, Action: actions.DoNothing, UnsignedKeys: true},
			"the item was written with the default action DO_NOTHING and its primary key unsigned: see Options.UnsignedKeys"},
		"Go's own": {newItemModel(actions.DoNothing, overrides), itemOptions(actions.SignOnly, overrides),
			encryptor.SignatureChange{Default: true, Action: actions.DoNothing},
			"the item was written with the default action DO_NOTHING, or attributes without an entry in Overrides were added after it was signed"},
		"signed keys": {newItemModel(actions.DoNothing, overrides), itemBoth(itemUnsignedKeys, itemOptions(actions.DoNothing, overrides)),
			encryptor.SignatureChange{SignedKeys: true},
			"the item was written with its primary key signed, as it is without Options.UnsignedKeys"},
		"both, signed keys": {newItemModel(actions.EncryptAndSign, overrides), itemBoth(itemUnsignedKeys, itemOptions(actions.DoNothing, overrides)),
			encryptor.SignatureChange{Default: true, Action: actions.EncryptAndSign, SignedKeys: true},
			"the item was written with the default action ENCRYPT_AND_SIGN and its primary key signed, as it is without Options.UnsignedKeys"},
		"one key of two": {sortKeyAlone, itemOptions(0, overrides),
			encryptor.SignatureChange{Attribute: "at", Action: actions.DoNothing, UnsignedKeys: true},
			`attribute "at" was written with DO_NOTHING, which leaves the primary key unsigned: see Options.UnsignedKeys`},
		"null": {noName, itemOptions(0, overrides),
			encryptor.SignatureChange{TableName: "null"}, `the item was signed for table "null"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newItemEncryptor(t, newItemProvider(t), c.reader).Diagnose(t.Context(), c.writer.encrypt(itemPlain()))
			require.NoError(t, err)
			require.Equal(t, []encryptor.SignatureChange{c.want}, got.Changes)
			require.Equal(t, c.says, got.Changes[0].String())
		})
	}
}

// Attributes that somebody added leave the same trace as another default action, and
// the operator who makes that one of PreviousActions would accept all such additions.
func TestDiagnoseNamesAdditions(t *testing.T) {
	t.Parallel()
	every := itemActions{}
	for name := range itemPlain() {
		every[name] = actions.SignOnly
	}
	large := itemPlain()
	for i := range 100 {
		name := fmt.Sprint("more", i)
		large[name], every[name] = &itemS{Value: "x"}, actions.SignOnly
	}
	for name, c := range map[string]struct {
		plain encryptor.Item
		added int
	}{"one": {itemPlain(), 1}, "two": {itemPlain(), 2}, "one, to a large item": {large, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.EncryptAndSign, every))
			stored, err := e.Encrypt(t.Context(), c.plain)
			require.NoError(t, err)
			for i := range c.added {
				stored[fmt.Sprint("injected", i)] = &itemS{Value: "evil"}
			}
			got, err := e.Diagnose(t.Context(), stored)
			require.NoError(t, err)
			require.Len(t, got.Changes, 1)
			require.Contains(t, got.Changes[0].String(), "added after")
		})
	}
}

// Of changes that come to the same string to sign only the smallest is reported.
func TestDiagnoseEquivalents(t *testing.T) {
	t.Parallel()
	info := itemTable()
	info.Primary.SortKey = ""
	for name, c := range map[string]struct {
		writer, reader actions.CryptoAction
		unsignedKeys   bool
		item           encryptor.Item
		overrides      itemActions
		want           encryptor.SignatureChange
	}{
		"a default for one attribute": {writer: actions.SignOnly, item: encryptor.Item{"a": &itemS{Value: "1"}},
			want: encryptor.SignatureChange{Attribute: "a", Action: actions.SignOnly}},
		"a default of DO_NOTHING for one attribute": {writer: actions.DoNothing, item: encryptor.Item{"a": &itemS{Value: "1"}},
			want: encryptor.SignatureChange{Attribute: "a", Action: actions.DoNothing}},
		"a default for one attribute of two": {writer: actions.SignOnly, item: encryptor.Item{"a": &itemS{Value: "1"}, "b": &itemS{Value: "1"}},
			overrides: itemActions{"b": actions.EncryptAndSign},
			want:      encryptor.SignatureChange{Attribute: "a", Action: actions.SignOnly}},
		"a default for two attributes": {writer: actions.SignOnly, item: encryptor.Item{"a": &itemS{Value: "1"}, "b": &itemS{Value: "1"}},
			want: encryptor.SignatureChange{Default: true, Action: actions.SignOnly}},
		"a primary key of one attribute": {unsignedKeys: true, item: encryptor.Item{"a": &itemS{Value: "1"}},
			want: encryptor.SignatureChange{Attribute: "id", Action: actions.DoNothing, UnsignedKeys: true}},
		"a default that is not used, and the key": {writer: actions.DoNothing, reader: actions.SignOnly, unsignedKeys: true,
			item: encryptor.Item{"a": &itemS{Value: "1"}}, overrides: itemActions{"a": actions.EncryptAndSign},
			want: encryptor.SignatureChange{Attribute: "id", Action: actions.DoNothing, UnsignedKeys: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newItemModel(c.writer, c.overrides)
			if c.unsignedKeys {
				m.actions.Overrides["id"] = actions.DoNothing
			}
			item := itemWith(c.item, "id", &itemS{Value: "x"})
			got, err := newItemEncryptorOn(t, info, newItemProvider(t), itemOptions(c.reader, c.overrides)).Diagnose(t.Context(), m.encrypt(item))
			require.NoError(t, err)
			require.Equal(t, []encryptor.SignatureChange{c.want}, got.Changes)
		})
	}
}

// Where the set signs nothing but one attribute, a writer that left that unsigned
// would have written no signature: the attribute was not there.
func TestDiagnoseDropped(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemUnsignedKeys, itemOptions(actions.DoNothing, itemActions{"string": actions.EncryptAndSign}))
	stored, err := e.Encrypt(t.Context(), itemWith(itemPlain(), "string", nil))
	require.NoError(t, err)
	got, err := e.Diagnose(t.Context(), itemWith(stored, "string", &itemS{Value: "x"}))
	require.NoError(t, err)
	require.Equal(t, []encryptor.SignatureChange{{Attribute: "string", Dropped: true}}, got.Changes)
	require.Equal(t, `attribute "string" was added after the item was signed`, got.Changes[0].String())
}

// Python gives the keys of secondary indexes SIGN_ONLY where the default would
// encrypt them, and New asks for that.
func TestDiagnoseIndexKeys(t *testing.T) {
	t.Parallel()
	info := itemTable()
	info.Secondary = []tableinfo.Index{{Name: "by-number", PartitionKey: "number"}}
	stored := newItemModel(0, itemActions{"number": actions.SignOnly}).encrypt(itemPlain())
	got, err := newItemEncryptorOn(t, info, newItemProvider(t), itemOptions(actions.DoNothing, nil)).Diagnose(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, []encryptor.SignatureChange{{Default: true, Action: actions.EncryptAndSign}}, got.Changes)
}

// Actions that sign nothing beside older ones that do.
func TestDiagnoseUnsignedActions(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemUnsignedKeys, itemOptions(actions.DoNothing, nil), itemPrevious(actions.AttributeActions{}))
	got, err := e.Diagnose(t.Context(), newItemModel(0, nil).encrypt(itemPlain()))
	require.NoError(t, err)
	require.Equal(t, encryptor.Diagnosis{Verifies: true}, got)

	// The signature of an item that had no attribute to sign fits them, and means
	// nothing.
	nothing := newItemModel(actions.DoNothing, itemActions{"id": actions.DoNothing, "at": actions.DoNothing})
	got, err = e.Diagnose(t.Context(), nothing.encrypt(itemPlain()))
	require.NoError(t, err)
	require.False(t, got.Verifies)
	require.Equal(t, []encryptor.SignatureChange{{Default: true, Action: actions.DoNothing, UnsignedKeys: true, PreviousActions: 1}}, got.Changes)
}

func TestDiagnosePreviousActions(t *testing.T) {
	t.Parallel()
	previous := itemPrevious(
		actions.AttributeActions{Default: actions.SignOnly},
		actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"string": actions.EncryptAndSign, "id": actions.DoNothing, "at": actions.DoNothing}},
	)
	signedKeys := newItemModel(actions.DoNothing, itemActions{"string": actions.EncryptAndSign, "number": actions.SignOnly})
	for name, c := range map[string]struct {
		writer itemModel
		want   encryptor.Diagnosis
		says   string
	}{
		"as they are": {writer: newItemModel(actions.SignOnly, nil), want: encryptor.Diagnosis{Verifies: true}},
		"Actions": {newItemModel(0, itemActions{"string": actions.SignOnly}),
			encryptor.Diagnosis{Changes: []encryptor.SignatureChange{{Attribute: "string", Action: actions.SignOnly}}},
			`attribute "string" was written with SIGN_ONLY`},
		"the first": {newItemModel(actions.SignOnly, itemActions{"string": actions.EncryptAndSign}),
			encryptor.Diagnosis{Changes: []encryptor.SignatureChange{{Attribute: "string", PreviousActions: 1}}},
			`attribute "string" was written with ENCRYPT_AND_SIGN; otherwise it fits Options.PreviousActions[0]`},
		"the keys of the second": {newItemModel(actions.DoNothing, itemActions{"string": actions.EncryptAndSign}),
			encryptor.Diagnosis{Changes: []encryptor.SignatureChange{{SignedKeys: true, PreviousActions: 2}}},
			"the item was written with its primary key signed, as it is without Options.UnsignedKeys; otherwise it fits Options.PreviousActions[1]"},
		"more than one of the second": {writer: signedKeys},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newItemEncryptor(t, newItemProvider(t), previous).Diagnose(t.Context(), c.writer.encrypt(itemPlain()))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			if c.says != "" {
				require.Equal(t, c.says, got.Changes[0].String())
			}
		})
	}
}

// diagnosisItem has n attributes beside the keys; if crooked, one of them has
// another serialization in each order.
func diagnosisItem(n int, crooked bool) encryptor.Item {
	item := encryptor.Item{"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"}}
	for i := range n {
		item["a"+strconv.Itoa(i)] = &itemS{Value: "v"}
	}
	if crooked {
		item["a0"] = &itemBS{Value: [][]byte{{0x01}, {0x80}}}
	}
	return item
}

// The work is two strings to sign for each attribute and a few besides, of 96 bytes
// for each attribute, twice that if the orders differ, and none for single
// attributes of a large item.
func TestDiagnoseWork(t *testing.T) {
	t.Parallel()
	work := func(attributes int, crooked bool, optFns ...func(*encryptor.Options)) (verifications int) {
		other := newItemModel(actions.SignOnly, nil)
		other.table = "another"
		v := newItemVerifier(t)
		e := newItemEncryptor(t, v.provider(t), append(optFns, itemOptions(actions.SignOnly, nil))...)
		got, err := e.Diagnose(t.Context(), other.encrypt(diagnosisItem(attributes-2, crooked)))
		require.NoError(t, err)
		require.Equal(t, encryptor.Diagnosis{Partial: attributes > 100}, got)
		for _, toSign := range v.calls() {
			require.LessOrEqual(t, len(toSign), 32+96*attributes)
		}
		return len(v.calls())
	}
	base := work(10, false) - 2*10
	require.LessOrEqual(t, base, 10)
	previous := itemPrevious(actions.AttributeActions{}, actions.AttributeActions{Default: actions.DoNothing})
	for _, n := range []int{3, 50, 99, 100} {
		require.Equal(t, base+2*n, work(n, false), n)
		// Where the one crooked attribute is unsigned, the orders do not differ: by
		// itself, by default, and by default with the keys.
		require.Equal(t, 2*(base+2*n)-3, work(n, true), n)
		require.LessOrEqual(t, work(n, true, previous), 3*2*(base+2*n), n)
	}
	for _, n := range []int{101, 1000} {
		require.Equal(t, base, work(n, false), n)
		require.Equal(t, 2*base-2, work(n, true), n)
	}
}

// What is tried of a large item is still found.
func TestDiagnoseLargeItem(t *testing.T) {
	t.Parallel()
	item := diagnosisItem(1000, true)
	python := newItemModel(actions.DoNothing, itemActions{"a1": actions.EncryptAndSign, "id": actions.DoNothing, "at": actions.DoNothing})
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.EncryptAndSign, itemActions{"a1": actions.EncryptAndSign}))
	got, err := e.Diagnose(t.Context(), python.encrypt(item))
	require.NoError(t, err)
	require.Equal(t, encryptor.Diagnosis{Changes: []encryptor.SignatureChange{{Default: true, Action: actions.DoNothing, UnsignedKeys: true}}}, got)

	got, err = e.Diagnose(t.Context(), newItemModel(0, itemActions{"a2": actions.SignOnly}).encrypt(item))
	require.NoError(t, err)
	require.Equal(t, encryptor.Diagnosis{Partial: true}, got)
}

// Values in another order, names in another order, and a writer of either.
func TestDiagnoseOrders(t *testing.T) {
	t.Parallel()
	item := encryptor.Item{"id": &itemS{Value: "x"}, "at": &itemN{Value: "1"}, "\uff5e": &itemS{Value: "1"}, "\U0001f600": &itemS{Value: "2"}}
	for name, v := range itemOrderValues() {
		item[name] = v
	}
	for _, java := range []bool{false, true} {
		for order := range encryptor.JavaOrder + 1 {
			e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.SignOnly, nil), itemOrder(order))
			for _, changed := range []string{"\uff5e", "\U0001f600", "SS", "M"} {
				for _, action := range []actions.CryptoAction{actions.EncryptAndSign, actions.DoNothing} {
					m := newItemModel(actions.SignOnly, itemActions{changed: action})
					m.java = java
					got, err := e.Diagnose(t.Context(), m.encrypt(item))
					require.NoError(t, err)
					require.Equal(t, []encryptor.SignatureChange{{Attribute: changed, Action: action}}, got.Changes)
				}
			}
		}
	}
}

func TestDiagnoseConcurrently(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemPrevious(actions.AttributeActions{Default: actions.SignOnly}))
	var all sync.WaitGroup
	for _, name := range []string{"string", "number", "map", "binaries"} {
		stored := newItemModel(0, itemActions{name: actions.DoNothing}).encrypt(itemPlain())
		for range 4 {
			all.Go(func() {
				got, err := e.Diagnose(t.Context(), stored)
				assert.NoError(t, err)
				assert.Equal(t, []encryptor.SignatureChange{{Attribute: name, Action: actions.DoNothing}}, got.Changes)
			})
		}
	}
	all.Wait()
}

// An ECDSA signature of the same string is another each time.
func TestDiagnoseECDSA(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := materials.NewSigner(private, "SHA256withECDSA")
	require.NoError(t, err)
	verifier, err := materials.NewVerifier(&private.PublicKey, "SHA256withECDSA")
	require.NoError(t, err)
	p := newItemProviderOf(
		&materials.EncryptionMaterials{EncryptionKey: aesKey(t, itemContentKey()), SigningKey: signer},
		&materials.DecryptionMaterials{DecryptionKey: aesKey(t, itemContentKey()), VerificationKey: verifier})
	stored, err := newItemEncryptor(t, p, itemOptions(actions.SignOnly, nil)).Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	got, err := newItemEncryptor(t, p).Diagnose(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, []encryptor.SignatureChange{{Default: true, Action: actions.SignOnly}}, got.Changes)
}

type verifierFunc func() error

func (verifierFunc) Algorithm() string                             { return "HmacSHA256" }
func (f verifierFunc) Verify(_ context.Context, _, _ []byte) error { return f() }

func TestDiagnoseErrors(t *testing.T) {
	t.Parallel()
	signedOnly := newItemModel(actions.SignOnly, itemActions{"odd": actions.DoNothing})
	stored := signedOnly.encrypt(itemPlain())
	odd := &itemNull{Value: false} // has no serialization

	t.Run("an unsigned value that nobody could sign", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(0, itemActions{"odd": actions.DoNothing}))
		got, err := e.Diagnose(t.Context(), itemWith(stored, "odd", odd))
		require.NoError(t, err)
		require.Equal(t, []encryptor.SignatureChange{{Default: true, Action: actions.SignOnly}}, got.Changes)
	})
	t.Run("an unsigned value made one that nobody could sign", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(0, itemActions{"odd": actions.DoNothing}))
		written := newItemModel(0, itemActions{"odd": actions.SignOnly}).encrypt(itemWith(itemPlain(), "odd", &itemNull{Value: true}))
		got, err := e.Diagnose(t.Context(), written)
		require.NoError(t, err)
		require.Equal(t, []encryptor.SignatureChange{{Attribute: "odd", Action: actions.SignOnly}}, got.Changes)
		got, err = e.Diagnose(t.Context(), itemWith(written, "odd", odd))
		require.NoError(t, err)
		require.Empty(t, got.Changes)
	})
	t.Run("a signed value that nobody could sign", func(t *testing.T) {
		t.Parallel()
		p := newItemProvider(t)
		_, err := newItemEncryptor(t, p).Diagnose(t.Context(), itemWith(stored, "odd", odd))
		requireItemFault(t, err, encryptor.ErrFormat, "odd", itemPlain())
		require.NotErrorIs(t, err, encryptor.ErrInvalidValue)
		require.Zero(t, p.decryptions.Load())
	})
	t.Run("a name that is not UTF-8", func(t *testing.T) {
		t.Parallel()
		_, err := newItemEncryptor(t, newItemProvider(t)).Diagnose(t.Context(), itemWith(stored, "\xff", &itemS{Value: "x"}))
		requireItemFault(t, err, encryptor.ErrFormat, "", itemPlain())
	})
	t.Run("a nil value", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t), itemOptions(0, itemActions{"odd": actions.DoNothing}))
		_, err := e.Diagnose(t.Context(), itemWith(stored, "odd", (*itemS)(nil)))
		requireItemFault(t, err, encryptor.ErrFormat, "odd", itemPlain())
	})
	t.Run("a verifier that fails", func(t *testing.T) {
		t.Parallel()
		v := newItemVerifier(t)
		v.err = errors.New("out of reach")
		_, err := newItemEncryptor(t, v.provider(t)).Diagnose(t.Context(), stored)
		require.ErrorIs(t, err, v.err)
		require.Len(t, v.calls(), 1)
	})
	t.Run("a verifier that fails later", func(t *testing.T) {
		t.Parallel()
		failure := errors.New("out of reach")
		for n := range 20 {
			left := n
			e := newItemEncryptor(t, newItemProviderOf(nil, &materials.DecryptionMaterials{VerificationKey: verifierFunc(func() error {
				if left--; left < 0 {
					return failure
				}
				return materials.ErrSignature
			})}))
			got, err := e.Diagnose(t.Context(), stored)
			require.ErrorIs(t, err, failure)
			require.Zero(t, got)
		}
	})
	t.Run("a context that ends", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		v := newItemVerifier(t)
		p := v.provider(t)
		give := p.decrypt
		p.decrypt = func(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
			cancel()
			return give(ctx, ec)
		}
		_, err := newItemEncryptor(t, p).Diagnose(ctx, stored)
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, v.calls())
	})
}

// BenchmarkDiagnose measures an item whose signature fits nothing.
func BenchmarkDiagnose(b *testing.B) {
	for _, n := range []int{10, 50, 100, 101, 1000} {
		for _, crooked := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d attributes, crooked %t", n, crooked), func(b *testing.B) {
				other := newItemModel(actions.SignOnly, nil)
				other.table = "another"
				stored := other.encrypt(diagnosisItem(n-2, crooked))
				e := newItemEncryptor(b, newItemProvider(b), itemOptions(actions.SignOnly, nil))
				b.ReportAllocs()
				for b.Loop() {
					if got, err := e.Diagnose(b.Context(), stored); err != nil || got.Changes != nil {
						b.Fatal(got, err)
					}
				}
			})
		}
	}
}
