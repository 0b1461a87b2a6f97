package encryptor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// A name that is not UTF-8 has no hash that readers in other languages agree on,
// and DynamoDB cannot store it as it is.
func TestItemNameNotUTF8(t *testing.T) {
	t.Parallel()
	for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly} {
		p := newItemProvider(t)
		_, err := newItemEncryptor(t, p, itemOptions(byDefault, nil)).Encrypt(t.Context(), itemWith(itemPlain(), "name\xff", &itemS{Value: "hush"}))
		requireItemFault(t, err, encryptor.ErrInvalidValue, "name\xff", itemPlain())
		require.Zero(t, p.encryptions.Load())
	}
}

// A description that no reader will read must not be written: with keys of that
// item alone in it, the item would be lost.
func TestItemDescriptionNotUTF8(t *testing.T) {
	t.Parallel()
	key, mac := aesKey(t, itemContentKey()), hmacKey(t, itemMACKey())
	for _, description := range []map[string]string{{"name": "value\xff"}, {"name\xff": "value"}} {
		p := newItemProviderOf(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: description}, &materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
		_, err := newItemEncryptor(t, p).Encrypt(t.Context(), itemPlain())
		require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
	}
}

// A table whose key is a reserved attribute can hold no encrypted item.
func TestItemReservedKey(t *testing.T) {
	t.Parallel()
	for _, name := range []string{itemSignature, itemDescription, "aws_dbe_key"} {
		for _, primary := range []tableinfo.Index{{PartitionKey: name}, {PartitionKey: "id", SortKey: name}} {
			_, err := encryptor.New(newItemProvider(t), tableinfo.TableInfo{Name: "customers", Primary: primary})
			requireItemFault(t, err, encryptor.ErrReservedAttribute, name)
		}
	}
}

// A set that is out of the question because of an ambiguous name must not hide
// behind one that is merely tried in vain.
func TestItemAmbiguousNameBesidePreviousActions(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, itemActions{"string": actions.SignOnly}), itemPrevious(actions.AttributeActions{}))
	stored, err := e.Encrypt(t.Context(), itemPlain())
	require.NoError(t, err)
	_, err = e.Decrypt(t.Context(), itemWith(stored, "STRING", &itemS{Value: "added"}))
	require.ErrorIs(t, err, encryptor.ErrAmbiguousName)
}

// Where the current actions sign nothing but previous ones did, half an item is
// still no plaintext.
func TestItemHalfAnItemIsNoPlaintext(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemUnsignedKeys, itemOptions(actions.DoNothing, nil), itemPrevious(actions.AttributeActions{}))
	stored := newItemModel(0, nil).encrypt(itemPlain())
	_, err := e.Decrypt(t.Context(), itemWith(stored, itemSignature, nil))
	require.ErrorIs(t, err, encryptor.ErrUnsigned)
	_, err = e.Decrypt(t.Context(), encryptor.Item{"aws_dbe_head": &itemB{}, "aws_dbe_foot": &itemB{}})
	require.ErrorIs(t, err, encryptor.ErrNewerFormat)
}

// The same name in a stored item is the item's fault.
func TestItemStoredNameNotUTF8(t *testing.T) {
	t.Parallel()
	for _, byDefault := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly} {
		stored := newItemModel(byDefault, nil).encrypt(itemPlain())
		stored["name\xff"] = &itemS{Value: "hush"}
		got, err := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, nil)).Decrypt(t.Context(), stored)
		requireItemFault(t, err, encryptor.ErrFormat, "name\xff", itemPlain())
		require.NotErrorIs(t, err, encryptor.ErrInvalidValue)
		require.Nil(t, got)
	}
}

// An item that verifies in no form and has an ambiguous name beside it is both:
// whoever looks for one of the errors finds it.
func TestItemAmbiguousNameOfATamperedItem(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, itemActions{"string": actions.SignOnly}), itemPrevious(actions.AttributeActions{}))
	stored := newItemModel(0, nil).encrypt(itemWith(itemPlain(), "STRING", &itemS{Value: "hush"}))
	_, err := e.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	_, err = e.Decrypt(t.Context(), itemWith(stored, "number", &itemB{Value: make([]byte, 32)}))
	requireItemFault(t, err, encryptor.ErrAmbiguousName, "STRING", itemPlain())
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
}
