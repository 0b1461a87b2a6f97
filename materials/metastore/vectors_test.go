package metastore_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// storeOf returns the store of a meta table that holds rows as they are.
func storeOf(t *testing.T, table string, p materials.CryptographicMaterialsProvider, rows []vectors.Item) *metastore.MetaStore {
	t.Helper()
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	db := server.Client()
	require.NoError(t, metastore.CreateTable(t.Context(), db, table))
	require.NotEmpty(t, rows)
	for _, row := range rows {
		_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: row})
		require.NoError(t, err)
	}
	encrypted, err := encryptor.NewEncryptedTable(t.Context(), db, table, p)
	require.NoError(t, err)
	store, err := metastore.New(encrypted)
	require.NoError(t, err)
	return store
}

func staticProvider(t *testing.T, enc []byte, verify materials.Verifier) materials.CryptographicMaterialsProvider {
	t.Helper()
	key, err := materials.NewAESKey(enc)
	require.NoError(t, err)
	p, err := materials.NewStaticProvider(nil, &materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: verify})
	require.NoError(t, err)
	return p
}

func TestVectorExampleRow(t *testing.T) {
	t.Parallel()
	examples := map[string]vectors.ExampleItem{}
	for _, item := range vectors.Examples(t).Items {
		examples[item.ID] = item
	}
	row, ok := examples["MetaStore row"]
	require.True(t, ok)
	data, ok := examples["data item under MetaStore material example-name#3"]
	require.True(t, ok)

	mac, err := materials.NewHMACKey(row.Keys.MAC)
	require.NoError(t, err)
	store := storeOf(t, row.Table, staticProvider(t, row.Keys.Enc, mac), []vectors.Item{row.Item})
	version, err := store.MaxVersion(t.Context(), "example-name")
	require.NoError(t, err)
	require.EqualValues(t, 3, version)
	provider, err := materials.NewCachingMostRecentProvider(store, "example-name", time.Minute)
	require.NoError(t, err)

	info := tableinfo.TableInfo{Name: data.Table, Primary: tableinfo.Index{PartitionKey: data.PartitionKey, SortKey: data.SortKey}}
	enc, err := encryptor.New(provider, info, func(o *encryptor.Options) {
		require.NoError(t, o.Actions.Default.UnmarshalText([]byte(data.DefaultAction)))
		o.Actions.Overrides = map[string]actions.CryptoAction{}
		for name, text := range data.Actions {
			var action actions.CryptoAction
			require.NoError(t, action.UnmarshalText([]byte(text)))
			o.Actions.Overrides[name] = action
		}
	})
	require.NoError(t, err)
	got, err := enc.Decrypt(t.Context(), data.Item)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(data.Plaintext), vectors.Text(got))

	again, err := enc.Encrypt(t.Context(), got)
	require.NoError(t, err)
	got, err = enc.Decrypt(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(data.Plaintext), vectors.Text(got))
}
