package encryptor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// peerVectorLibrary is a library that wrote vectors.
type peerVectorLibrary struct {
	prefix, module string
	order          encryptor.CanonicalOrder // of what it signs
	nameless       string                   // what it signs where there is no table name
}

var peerVectorLibraries = []peerVectorLibrary{
	{"python", "dynamodb-encryption-sdk", encryptor.PythonOrder, "None"},
	{"java", "aws-dynamodb-encryption-java", encryptor.JavaOrder, "null"},
}

// peerVectorFile is one of the files of testdata/vectors; the README beside them describes every field.
type peerVectorFile struct {
	library peerVectorLibrary

	Format string            `json:"format"`
	MadeBy map[string]string `json:"made_by"`
	Kind   string            `json:"kind"`
	Keys   map[string][]byte `json:"keys"`
	Cases  []peerVectorCase  `json:"cases"`
}

type peerVectorCase struct {
	ID           string             `json:"id"`
	Hex          string             `json:"hex"`
	Value        *vectors.Value     `json:"value"`
	Entries      map[string]string  `json:"entries"`
	Provider     peerVectorProvider `json:"provider"`
	Table        *string            `json:"table"`
	PartitionKey string             `json:"partition_key"`
	SortKey      string             `json:"sort_key"`
	Actions      struct {
		Default   actions.CryptoAction            `json:"default"`
		Overrides map[string]actions.CryptoAction `json:"overrides"`
	} `json:"actions"`
	UnsignedKeys bool           `json:"unsigned_keys"`
	KMS          *peerVectorKMS `json:"kms"`
	Plaintext    vectors.Item   `json:"plaintext"`
	Stored       vectors.Item   `json:"stored"`
	Error        string         `json:"error"`
}

type peerVectorProvider struct {
	Kind             string `json:"kind"`
	EncryptionKey    string `json:"encryption_key"`
	WrappingKey      string `json:"wrapping_key"`
	SigningKey       string `json:"signing_key"`
	SigningAlgorithm string `json:"signing_algorithm"`
	KeyID            string `json:"key_id"`
}

// peerVectorKMS is a KMS that made one data key under one encryption context, and knows nothing else.
type peerVectorKMS struct {
	KeyID      string            `json:"key_id"`
	Plaintext  []byte            `json:"plaintext"`
	Blob       []byte            `json:"ciphertext_blob"`
	Context    map[string]string `json:"encryption_context"`
	decryptRun int
}

func (k *peerVectorKMS) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return nil, errors.New("no data key is generated while reading")
}

func (k *peerVectorKMS) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	k.decryptRun++
	if string(in.CiphertextBlob) != string(k.Blob) || !maps.Equal(in.EncryptionContext, k.Context) {
		return nil, &kmstypes.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{KeyId: &k.KeyID, Plaintext: append([]byte(nil), k.Plaintext...)}, nil
}

func TestVectorPeers(t *testing.T) {
	t.Parallel()
	for _, library := range peerVectorLibraries {
		t.Run(library.prefix, func(t *testing.T) {
			t.Parallel()
			peerVectors(t, library)
		})
	}
}

func peerVectors(t *testing.T, library peerVectorLibrary) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "vectors", library.prefix+"-*.json"))
	require.NoError(t, err)
	run := map[string]func(*testing.T, peerVectorFile, peerVectorCase){
		"attributes":      peerVectorAttribute,
		"descriptions":    peerVectorDescription,
		"strings_to_sign": peerVectorStringToSign,
		"items":           peerVectorPositive,
		"damaged_items":   peerVectorNegative,
	}
	seen := map[string]bool{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		file := peerVectorFile{library: library}
		require.NoError(t, json.Unmarshal(raw, &file), path)
		require.Equal(t, "ddbec-vectors/1", file.Format, path)
		require.NotEmpty(t, file.MadeBy[library.module], path)
		require.NotEmpty(t, file.Cases, path)
		require.Contains(t, run, file.Kind, path)
		seen[file.Kind] = true
		t.Logf("%s: %d cases, %s %s", filepath.Base(path), len(file.Cases), library.module, file.MadeBy[library.module])
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			ids := map[string]bool{}
			for _, c := range file.Cases {
				require.False(t, ids[c.ID], "two cases of the name %q", c.ID)
				ids[c.ID] = true
				t.Run(c.ID, func(t *testing.T) {
					t.Parallel()
					run[file.Kind](t, file, c)
				})
			}
		})
	}
	for kind := range run {
		assert.True(t, seen[kind], "no vectors of the kind %s", kind)
	}
}

func peerVectorPositive(t *testing.T, file peerVectorFile, c peerVectorCase) {
	e := peerVectorEncryptor(t, file, c)
	stored := vectors.Text(c.Stored)

	got, err := e.Decrypt(t.Context(), c.Stored)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(c.Plaintext), vectors.Text(got))
	require.Equal(t, stored, vectors.Text(c.Stored), "the caller's item must stay as it is")
	if c.KMS != nil {
		require.Equal(t, 1, c.KMS.decryptRun, "KMS calls")
	}
}

func peerVectorNegative(t *testing.T, file peerVectorFile, c peerVectorCase) {
	e := peerVectorEncryptor(t, file, c)
	got, err := e.Decrypt(t.Context(), c.Stored)
	require.Nil(t, got)
	peerVectorRequireError(t, c.Error, err)
	if c.KMS != nil && (c.Error == "malformed_description" || c.Error == "unsupported_algorithm") {
		require.Zero(t, c.KMS.decryptRun, "KMS must not be called for such an item")
	}
}

// peerVectorRequireError demands the error class's own sentinel and none of the others': an item that is refused
// for another reason than its own proves nothing.
func peerVectorRequireError(t *testing.T, code string, err error) {
	t.Helper()
	require.Error(t, err)
	sentinels := []struct {
		err   error
		codes []string
	}{
		{encryptor.ErrUnsigned, []string{"unsigned"}},
		{encryptor.ErrNewerFormat, []string{"newer_format"}},
		{materials.ErrDescription, []string{"malformed_description", "description_version"}},
		{materials.ErrAlgorithm, []string{"unsupported_algorithm"}},
		{materials.ErrUnwrap, []string{"unwrap"}},
		{materials.ErrKMS, []string{"kms"}},
		{materials.ErrContextMismatch, []string{"kms"}},
		{encryptor.ErrInvalidSignature, []string{"invalid_signature"}},
		{encryptor.ErrDecrypt, []string{"decrypt"}},
		{encryptor.ErrFormat, []string{"newer_format", "malformed_description", "description_version", "unsupported_algorithm", "decrypt", "malformed_attribute"}},
	}
	known := false
	for _, s := range sentinels {
		want := false
		for _, sentinelCode := range s.codes {
			want = want || sentinelCode == code
		}
		known = known || want
		require.Equal(t, want, errors.Is(err, s.err), "errors.Is(%v, %v) for the class %s", err, s.err, code)
	}
	require.True(t, known, "unknown error class %q", code)
}

func peerVectorEncryptor(t *testing.T, file peerVectorFile, c peerVectorCase) *encryptor.ItemEncryptor {
	t.Helper()
	p, err := peerVectorProviderOf(file, c)
	require.NoError(t, err)
	return peerVectorEncryptorOf(t, file, c, p)
}

func peerVectorEncryptorOf(t *testing.T, file peerVectorFile, c peerVectorCase, p materials.CryptographicMaterialsProvider) *encryptor.ItemEncryptor {
	t.Helper()
	info := tableinfo.TableInfo{Name: "a-table", Primary: tableinfo.Index{PartitionKey: c.PartitionKey, SortKey: c.SortKey}}
	if c.Table != nil {
		info.Name = *c.Table
	}
	e, err := encryptor.New(p, info, func(o *encryptor.Options) {
		o.Actions = actions.AttributeActions{Default: c.Actions.Default, Overrides: c.Actions.Overrides}
		o.UnsignedKeys = c.UnsignedKeys
		if c.Table == nil {
			o.SignedTableName = file.library.nameless
		}
		// Reading items takes either order. The bytes by themselves are in the peer's.
		if file.Kind != "items" {
			o.Order = file.library.order
		}
	})
	require.NoError(t, err)
	return e
}

func peerVectorProviderOf(file peerVectorFile, c peerVectorCase) (materials.CryptographicMaterialsProvider, error) {
	if c.Provider.Kind == "kms" {
		if c.KMS == nil {
			return nil, errors.New("a kms case without its data key")
		}
		return materials.NewDirectKMSProvider(c.KMS, c.Provider.KeyID)
	}
	signer, verifier, err := peerVectorSigning(c.Provider.SigningAlgorithm, file.Keys[c.Provider.SigningKey])
	if err != nil {
		return nil, err
	}
	switch c.Provider.Kind {
	case "static":
		var content *materials.AESKey
		if c.Provider.EncryptionKey != "" {
			if content, err = materials.NewAESKey(file.Keys[c.Provider.EncryptionKey]); err != nil {
				return nil, err
			}
		}
		return materials.NewStaticProvider(
			&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: signer},
			&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: verifier},
		)
	case "wrapped_aes":
		key, err := materials.NewAESKey(file.Keys[c.Provider.WrappingKey])
		if err != nil {
			return nil, err
		}
		return materials.NewWrappedProvider(materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: signer, Verify: verifier}, nil)
	case "wrapped_rsa":
		key, err := peerVectorRSAKey(file.Keys[c.Provider.WrappingKey])
		if err != nil {
			return nil, err
		}
		wrap, err := materials.NewRSAWrapper(&key.PublicKey)
		if err != nil {
			return nil, err
		}
		unwrap, err := materials.NewRSAUnwrapper(key)
		if err != nil {
			return nil, err
		}
		return materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: unwrap, Sign: signer, Verify: verifier}, nil)
	}
	return nil, fmt.Errorf("unknown provider kind %q", c.Provider.Kind)
}
