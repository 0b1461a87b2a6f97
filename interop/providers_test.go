package interop

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// providerSpec describes a materials provider to a peer. Keys are raw bytes, RSA keys PKCS #8.
type providerSpec struct {
	Kind             string            `json:"kind"`
	EncryptionKey    []byte            `json:"encryption_key,omitempty"`
	WrappingKey      []byte            `json:"wrapping_key,omitempty"`
	SigningKey       []byte            `json:"signing_key,omitempty"`
	SigningAlgorithm string            `json:"signing_algorithm,omitempty"`
	KeyID            string            `json:"key_id,omitempty"`
	Description      map[string]string `json:"description,omitempty"`
	MetaTable        string            `json:"meta_table,omitempty"`
	MaterialName     string            `json:"material_name,omitempty"`
	Provider         *providerSpec     `json:"provider,omitempty"` // of the rows in the meta table
	Extra            vectors.Item      `json:"extra,omitempty"`
	ExtraSignedOnly  []string          `json:"extra_signed_only,omitempty"`
}

type actionsSpec struct {
	Default   actions.CryptoAction            `json:"default"`
	Overrides map[string]actions.CryptoAction `json:"overrides,omitempty"`
}

// provider is one and the same provider for both sides.
type provider struct {
	name string
	spec providerSpec
	ours materials.CryptographicMaterialsProvider
}

func (s setup) encryptor(t *testing.T, optFns ...func(*encryptor.Options)) *encryptor.ItemEncryptor {
	t.Helper()
	info := tableinfo.TableInfo{Name: s.table, Primary: tableinfo.Index{PartitionKey: s.partitionKey, SortKey: s.sortKey}}
	e, err := encryptor.New(s.provider.ours, info, append([]func(*encryptor.Options){func(o *encryptor.Options) {
		o.Actions = actions.AttributeActions{Default: s.actions.Default, Overrides: s.actions.Overrides}
		o.Order = s.order
		o.SignedTableName = s.nameless
		o.UnsignedKeys = s.unsignedKeys
	}}, optFns...)...)
	require.NoError(t, err)
	return e
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func pkcs8(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}

// signing is a signature key for both sides.
type signing struct {
	algorithm string
	key       []byte
	sign      materials.Signer
	verify    materials.Verifier
}

func hmacSigning(t *testing.T, algorithm string) signing {
	t.Helper()
	key := randomBytes(32)
	mac, err := materials.NewHMACKeyFor(algorithm, key)
	require.NoError(t, err)
	return signing{algorithm, key, mac, mac}
}

func rsaSigning(t *testing.T, algorithm string, key *rsa.PrivateKey) signing {
	t.Helper()
	sign, err := materials.NewSigner(key, algorithm)
	require.NoError(t, err)
	verify, err := materials.NewVerifier(&key.PublicKey, algorithm)
	require.NoError(t, err)
	return signing{algorithm, pkcs8(t, key), sign, verify}
}

func staticProvider(t *testing.T, name string, keyBytes int, s signing) provider {
	t.Helper()
	key := randomBytes(keyBytes)
	content, err := materials.NewAESKey(key)
	require.NoError(t, err)
	ours, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: s.sign},
		&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: s.verify},
	)
	require.NoError(t, err)
	return provider{name, providerSpec{Kind: "static", EncryptionKey: key, SigningKey: s.key, SigningAlgorithm: s.algorithm}, ours}
}

func wrappedAES(t *testing.T, name string, keyBytes int, s signing) provider {
	t.Helper()
	key := randomBytes(keyBytes)
	wrap, err := materials.NewAESKey(key)
	require.NoError(t, err)
	ours, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: wrap, Sign: s.sign, Verify: s.verify}, nil)
	require.NoError(t, err)
	return provider{name, providerSpec{Kind: "wrapped_aes", WrappingKey: key, SigningKey: s.key, SigningAlgorithm: s.algorithm}, ours}
}

func wrappedRSA(t *testing.T, name string, key *rsa.PrivateKey, s signing) provider {
	t.Helper()
	wrap, err := materials.NewRSAWrapper(&key.PublicKey)
	require.NoError(t, err)
	unwrap, err := materials.NewRSAUnwrapper(key)
	require.NoError(t, err)
	ours, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: unwrap, Sign: s.sign, Verify: s.verify}, nil)
	require.NoError(t, err)
	return provider{name, providerSpec{Kind: "wrapped_rsa", WrappingKey: pkcs8(t, key), SigningKey: s.key, SigningAlgorithm: s.algorithm}, ours}
}

// directKMS takes description as the writer's choice of algorithms, for both sides.
func directKMS(t *testing.T, name string, client materials.KMSClient, keyARN string, description map[string]string) provider {
	t.Helper()
	ours, err := materials.NewDirectKMSProvider(client, keyARN, func(o *materials.DirectKMSOptions) { o.Description = description })
	require.NoError(t, err)
	return provider{name, providerSpec{Kind: "kms", KeyID: keyARN, Description: description}, ours}
}

// awsConfig is a user's: from the environment, which names the endpoint. Only the HTTP client is the tests' own.
func awsConfig(t *testing.T) aws.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(&sdkClient{}))
	require.NoError(t, err)
	return cfg
}

func kmsClient(t *testing.T) *kms.Client {
	t.Helper()
	return kms.NewFromConfig(awsConfig(t))
}

func dynamoDBClient(t *testing.T) *dynamodb.Client {
	t.Helper()
	return dynamodb.NewFromConfig(awsConfig(t))
}

func createKey(t *testing.T, client *kms.Client) string {
	t.Helper()
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	require.NoError(t, err)
	return *made.KeyMetadata.Arn
}
