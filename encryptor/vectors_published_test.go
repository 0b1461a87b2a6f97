package encryptor_test

import (
	"crypto/x509"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// The published vectors: items that the Python and the Java client encrypted.
type (
	publishedKeys map[string]struct {
		Material  vectors.Base64
		Algorithm string
		Type      string
	}
	publishedProvider struct {
		Provider string
		Keys     struct{ Decrypt, Verify string }
	}
	publishedScenario struct {
		publishedProvider
		Version    string
		Ciphertext string
		Network    bool

		MaterialName string `json:"material_name"`
		MetaStore    *struct {
			publishedProvider
			TableName  string `json:"table_name"`
			Ciphertext string
		}
	}
	publishedPlaintext struct {
		Actions map[string]struct {
			Default  string
			Override map[string]string
		}
		Attributes map[string]vectors.Item
		Versions   map[string]map[string][]string
		Items      map[string]struct {
			Index struct{ Partition, Sort string }
			Items []struct {
				Attributes vectors.Item
				Action     string
				Exact      bool
			}
		}
	}
)

func TestVectorPublishedItems(t *testing.T) {
	t.Parallel()
	folder := filepath.Dir(vectors.Published(t, "encrypted_item/scenarios.json"))
	file := func(name string) string { return filepath.Join(folder, strings.TrimPrefix(name, "file://")) }
	keys := vectors.Load[publishedKeys](t, file("keys.json"))
	plaintext := vectors.Load[publishedPlaintext](t, file("plaintext.json"))
	scenarios := vectors.Load[struct{ Scenarios []publishedScenario }](t, file("scenarios.json")).Scenarios
	require.NotEmpty(t, scenarios)

	const itemsPerScenario = 16
	items, run := 0, 0
	for _, s := range scenarios {
		name := strings.TrimSuffix(strings.TrimPrefix(s.Ciphertext, "file://ciphertext/"), ".json")
		t.Run(name, func(t *testing.T) {
			if s.Network {
				t.Skip("needs a KMS key of the account that made the vectors")
			}
			run++
			stored := vectors.Load[map[string][]vectors.Item](t, file(s.Ciphertext))
			for table, expected := range plaintext.Items {
				for _, e := range expected.Items {
					key := keyOf(e.Attributes)
					i := slices.IndexFunc(stored[table], func(item vectors.Item) bool {
						candidate := vectors.Item{}
						for name := range e.Attributes {
							candidate[name] = item[name]
						}
						return keyOf(candidate) == key
					})
					require.GreaterOrEqual(t, i, 0, "no item with key %s", key)
					want := maps.Clone(e.Attributes)
					if !e.Exact {
						for _, group := range plaintext.Versions[table][s.Version] {
							maps.Copy(want, plaintext.Attributes[group])
						}
						if _, ok := want["version"]; ok {
							// Java's mapper counts versions up when it writes; it is signed.
							want["version"] = stored[table][i]["version"]
						}
					}
					info := tableinfo.TableInfo{Name: table, Primary: tableinfo.Index{PartitionKey: expected.Index.Partition, SortKey: expected.Index.Sort}}
					rule := plaintext.Actions[e.Action]
					enc, err := encryptor.New(publishedProviderOf(t, keys, s, file), info, func(o *encryptor.Options) {
						o.Actions = publishedActions(rule.Default, rule.Override)
						o.UnsignedKeys = rule.Default == "nothing"
					})
					require.NoError(t, err)
					got, err := enc.Decrypt(t.Context(), stored[table][i])
					require.NoError(t, err, "item with key %s", key)
					require.Equal(t, vectors.Text(want), vectors.Text(got), "item with key %s", key)
					items++
				}
			}
		})
	}
	require.NotZero(t, run)
	require.Equal(t, run*itemsPerScenario, items)
	t.Logf("%d scenarios, %d items", run, items)
}

func keyOf(item vectors.Item) string { return vectors.Text(item) }

func publishedActions(byDefault string, overrides map[string]string) actions.AttributeActions {
	names := map[string]actions.CryptoAction{"encrypt": actions.EncryptAndSign, "sign": actions.SignOnly, "nothing": actions.DoNothing}
	a := actions.AttributeActions{Default: names[byDefault], Overrides: map[string]actions.CryptoAction{}}
	for name, action := range overrides {
		a.Overrides[name] = names[action]
	}
	return a
}

func publishedProviderOf(t *testing.T, keys publishedKeys, s publishedScenario, file func(string) string) materials.CryptographicMaterialsProvider {
	t.Helper()
	if s.MetaStore == nil {
		return publishedKeyProvider(t, keys, s.publishedProvider)
	}
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	table := s.MetaStore.TableName
	require.NoError(t, metastore.CreateTable(t.Context(), server.Client(), table))
	rows := vectors.Load[map[string][]vectors.Item](t, file(s.MetaStore.Ciphertext))[table]
	require.NotEmpty(t, rows)
	for _, row := range rows {
		_, err := server.Client().PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: row})
		require.NoError(t, err)
	}
	meta, err := encryptor.NewEncryptedTable(t.Context(), server.Client(), table, publishedKeyProvider(t, keys, s.MetaStore.publishedProvider))
	require.NoError(t, err)
	store, err := metastore.New(meta)
	require.NoError(t, err)
	provider, err := materials.NewCachingMostRecentProvider(store, s.MaterialName, time.Minute)
	require.NoError(t, err)
	return provider
}

func publishedKeyProvider(t *testing.T, keys publishedKeys, p publishedProvider) materials.CryptographicMaterialsProvider {
	t.Helper()
	decrypt, verify := keys[p.Keys.Decrypt], keys[p.Keys.Verify]
	verifier := verifierOf(t, verify.Algorithm, verify.Material)
	if p.Provider == "static" {
		key, err := materials.NewAESKey(decrypt.Material)
		require.NoError(t, err)
		provider, err := materials.NewStaticProvider(nil, &materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: verifier})
		require.NoError(t, err)
		return provider
	}
	require.Equal(t, "wrapped", p.Provider)
	wrapped := materials.WrappedKeys{Verify: verifier}
	if decrypt.Algorithm == "RSA" {
		wrapped.Unwrap = rsaUnwrapperOf(t, decrypt.Material)
	} else {
		key, err := materials.NewAESKey(decrypt.Material)
		require.NoError(t, err)
		wrapped.Unwrap = key
	}
	provider, err := materials.NewWrappedProvider(wrapped, nil)
	require.NoError(t, err)
	return provider
}

// verifierOf makes a verifier of a MAC key or of a public key in DER.
func verifierOf(t *testing.T, algorithm string, key []byte) materials.Verifier {
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

// rsaUnwrapperOf reads what the earliest Java releases wrote, too.
func rsaUnwrapperOf(t *testing.T, pkcs8 []byte) materials.KeyUnwrapper {
	t.Helper()
	unwrap, err := materials.NewRSAUnwrapper(rsaKeyOf(t, pkcs8), func(o *materials.RSAOptions) { o.AllowPKCS1v15 = true })
	require.NoError(t, err)
	return unwrap
}
