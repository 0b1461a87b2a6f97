package metastore_test

import (
	"crypto"
	"crypto/x509"
	"path/filepath"
	"strings"
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

// The published vectors: tables and meta tables that the Python and the Java client
// wrote.
type publishedKeys map[string]struct {
	Material  vectors.Base64
	Algorithm string
}

func TestVectorPublishedMetaStores(t *testing.T) {
	t.Parallel()
	folder := filepath.Dir(vectors.Published(t, "encrypted_item/scenarios.json"))
	file := func(name string) string { return filepath.Join(folder, strings.TrimPrefix(name, "file://")) }
	keys := vectors.Load[publishedKeys](t, file("keys.json"))
	plaintext := vectors.Load[struct {
		Actions map[string]struct {
			Default  string
			Override map[string]string
		}
		Items map[string]struct {
			Index struct{ Partition, Sort string }
			Items []struct {
				Attributes vectors.Item
				Action     string
			}
		}
	}](t, file("plaintext.json"))
	scenarios := vectors.Load[struct {
		Scenarios []struct {
			Ciphertext   string
			Network      bool
			MaterialName string `json:"material_name"`
			MetaStore    *struct {
				TableName  string `json:"table_name"`
				Provider   string
				Keys       struct{ Decrypt, Verify string }
				Ciphertext string
			}
		}
	}](t, file("scenarios.json")).Scenarios

	stores, items := 0, 0
	for _, s := range scenarios {
		if s.MetaStore == nil {
			continue
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(s.Ciphertext, "file://ciphertext/"), ".json"), func(t *testing.T) {
			if s.Network {
				t.Skip("needs a KMS key of the account that made the vectors")
			}
			stores++
			rows := vectors.Load[map[string][]vectors.Item](t, file(s.MetaStore.Ciphertext))
			decrypt, verify := keys[s.MetaStore.Keys.Decrypt], keys[s.MetaStore.Keys.Verify]
			verifier := publishedVerifier(t, verify.Algorithm, verify.Material)
			var inner materials.CryptographicMaterialsProvider
			if s.MetaStore.Provider == "static" {
				inner = staticProvider(t, decrypt.Material, verifier)
			} else {
				inner = publishedRSA(t, decrypt.Material, verifier)
			}
			store := storeOf(t, s.MetaStore.TableName, inner, rows[s.MetaStore.TableName])
			provider, err := materials.NewCachingMostRecentProvider(store, s.MaterialName, time.Minute)
			require.NoError(t, err)

			stored := vectors.Load[map[string][]vectors.Item](t, file(s.Ciphertext))
			for table, expected := range plaintext.Items {
				info := tableinfo.TableInfo{Name: table, Primary: tableinfo.Index{PartitionKey: expected.Index.Partition, SortKey: expected.Index.Sort}}
				for _, e := range expected.Items {
					rule := plaintext.Actions[e.Action]
					enc, err := encryptor.New(provider, info, func(o *encryptor.Options) {
						o.Actions = publishedActions(rule.Default, rule.Override)
						o.UnsignedKeys = rule.Default == "nothing"
					})
					require.NoError(t, err)
					got, err := enc.Decrypt(t.Context(), find(t, stored[table], e.Attributes))
					require.NoError(t, err)
					for name, v := range e.Attributes {
						require.Equal(t, vectors.ValueText(v), vectors.ValueText(got[name]), name)
					}
					items++
				}
			}
		})
	}
	require.NotZero(t, stores)
	require.Equal(t, stores*16, items)
	t.Logf("%d meta tables, %d items", stores, items)
}

// find returns the item that has attributes, which are its key at least.
func find(t *testing.T, items []vectors.Item, attributes vectors.Item) vectors.Item {
	t.Helper()
	for _, item := range items {
		key := vectors.Item{}
		for name := range attributes {
			key[name] = item[name]
		}
		if vectors.Text(key) == vectors.Text(attributes) {
			return item
		}
	}
	require.Fail(t, "no such item")
	return nil
}

func publishedActions(byDefault string, overrides map[string]string) actions.AttributeActions {
	named := map[string]actions.CryptoAction{"encrypt": actions.EncryptAndSign, "sign": actions.SignOnly, "nothing": actions.DoNothing}
	a := actions.AttributeActions{Default: named[byDefault], Overrides: map[string]actions.CryptoAction{}}
	for name, action := range overrides {
		a.Overrides[name] = named[action]
	}
	return a
}

func publishedVerifier(t *testing.T, algorithm string, key []byte) materials.Verifier {
	t.Helper()
	if strings.HasPrefix(algorithm, "Hmac") {
		mac, err := materials.NewHMACKeyFor(algorithm, key)
		require.NoError(t, err)
		return mac
	}
	pub, err := x509.ParsePKIXPublicKey(key)
	require.NoError(t, err)
	verifier, err := materials.NewVerifier(pub, algorithm)
	require.NoError(t, err)
	return verifier
}

// publishedRSA also reads what the earliest Java releases wrote.
func publishedRSA(t *testing.T, pkcs8 []byte, verify materials.Verifier) materials.CryptographicMaterialsProvider {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	require.NoError(t, err)
	unwrap, err := materials.NewRSAUnwrapper(key.(crypto.Decrypter), func(o *materials.RSAOptions) { o.AllowPKCS1v15 = true })
	require.NoError(t, err)
	p, err := materials.NewWrappedProvider(materials.WrappedKeys{Unwrap: unwrap, Verify: verify}, nil)
	require.NoError(t, err)
	return p
}
