package encryptor_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
			want: []encryptor.SignatureChange{{Attribute: "visits", Action: actions.DoNothing}}, says: `attribute "visits" was written with DO_NOTHING`},
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
		got, err := signing.Diagnose(t.Context(), stored)
		require.NoError(t, err)
		require.False(t, got.Verifies)
	})
}
