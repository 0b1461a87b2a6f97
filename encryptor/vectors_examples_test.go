package encryptor_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// sentinels are the errors behind the codes of the format's error classes.
var sentinels = map[string]error{
	"invalid_signature":     encryptor.ErrInvalidSignature,
	"unsigned":              encryptor.ErrUnsigned,
	"newer_format":          encryptor.ErrNewerFormat,
	"malformed_description": materials.ErrDescription,
	"description_version":   materials.ErrDescription,
	"unsupported_algorithm": materials.ErrAlgorithm,
	"unwrap":                materials.ErrUnwrap,
	"decrypt":               encryptor.ErrDecrypt,
	"malformed_attribute":   encryptor.ErrFormat,
	"no_materials":          materials.ErrNoDecryptionMaterials,
	"kms":                   materials.ErrKMS,
}

func TestVectorExampleItems(t *testing.T) {
	t.Parallel()
	f := vectors.Examples(t)
	byID := map[string]vectors.ExampleItem{}
	cases := 0
	for _, c := range f.Items {
		byID[c.ID] = c
		cases++
		t.Run(c.ID, func(t *testing.T) {
			got, err := exampleEncryptor(t, f, c, c.Table, c.DefaultAction).Decrypt(t.Context(), c.Item)
			require.NoError(t, err)
			require.Equal(t, vectors.Text(c.Plaintext), vectors.Text(got))
		})
	}
	for _, c := range f.NegativeItems {
		base, ok := byID[c.Base]
		require.True(t, ok, c.Base)
		cases++
		t.Run("negative/"+c.ID, func(t *testing.T) {
			want, ok := sentinels[c.Error]
			require.True(t, ok, c.Error)
			got, err := exampleEncryptor(t, f, base, c.Table, c.DefaultAction).Decrypt(t.Context(), c.Item)
			require.ErrorIs(t, err, want)
			require.Nil(t, got)
		})
	}
	require.NotZero(t, cases)
	t.Logf("%d cases", cases)
}

func TestVectorExampleKMSContexts(t *testing.T) {
	t.Parallel()
	f := vectors.Examples(t)
	require.NotEmpty(t, f.KMSEncryptionContext)
	for _, c := range f.KMSEncryptionContext {
		t.Run(c.ID, func(t *testing.T) {
			stub := &stubKMS{dataKey: make([]byte, 32), blob: []byte{1}}
			p, err := materials.NewDirectKMSProvider(stub, "alias/any")
			require.NoError(t, err)
			info := tableinfo.TableInfo{Name: c.Table, Primary: tableinfo.Index{PartitionKey: c.PartitionKey, SortKey: c.SortKey}}
			enc, err := encryptor.New(p, info)
			require.NoError(t, err)
			_, err = enc.Encrypt(t.Context(), c.Item)
			require.NoError(t, err)
			require.Equal(t, c.EncryptionContext, stub.generated)
		})
	}
}

func exampleEncryptor(t *testing.T, f vectors.ExampleFile, c vectors.ExampleItem, table, defaultAction string) *encryptor.ItemEncryptor {
	t.Helper()
	a := actions.AttributeActions{Overrides: map[string]actions.CryptoAction{}}
	require.NoError(t, a.Default.UnmarshalText([]byte(defaultAction)))
	for name, text := range c.Actions {
		var action actions.CryptoAction
		require.NoError(t, action.UnmarshalText([]byte(text)))
		a.Overrides[name] = action
	}
	info := tableinfo.TableInfo{Name: table, Primary: tableinfo.Index{PartitionKey: c.PartitionKey, SortKey: c.SortKey}}
	enc, err := encryptor.New(exampleProvider(t, f, c), info, func(o *encryptor.Options) { o.Actions = a })
	require.NoError(t, err)
	return enc
}

func exampleProvider(t *testing.T, f vectors.ExampleFile, c vectors.ExampleItem) materials.CryptographicMaterialsProvider {
	t.Helper()
	var verifier materials.Verifier
	switch {
	case c.Keys.VerifyKey == "rsa_sign":
		verifier = verifierOf(t, "SHA256withRSA", f.Keys.RSASign.SPKI)
	case c.Keys.MAC != nil:
		verifier = verifierOf(t, c.Keys.MACAlg, c.Keys.MAC)
	}
	switch c.Provider {
	case "static":
		dec := &materials.DecryptionMaterials{VerificationKey: verifier}
		if c.Keys.Enc != nil {
			dec.DecryptionKey = aesKey(t, c.Keys.Enc)
		}
		p, err := materials.NewStaticProvider(nil, dec)
		require.NoError(t, err)
		return p
	case "wrapped":
		keys := materials.WrappedKeys{Verify: verifier}
		if c.Keys.UnwrapKey == "rsa_wrap" {
			keys.Unwrap = rsaUnwrapperOf(t, f.Keys.RSAWrap.PKCS8)
		} else {
			keys.Unwrap = aesKey(t, c.Keys.KEK)
		}
		p, err := materials.NewWrappedProvider(keys, nil)
		require.NoError(t, err)
		return p
	case "kms":
		stub := &stubKMS{dataKey: c.Keys.DataKey, blob: c.Keys.CiphertextBlob, wanted: c.Keys.EncryptionContext}
		p, err := materials.NewDirectKMSProvider(stub, "alias/any")
		require.NoError(t, err)
		return p
	}
	require.Fail(t, "unknown provider", c.Provider)
	return nil
}

func aesKey(t testing.TB, b []byte) *materials.AESKey {
	t.Helper()
	k, err := materials.NewAESKey(b)
	require.NoError(t, err)
	return k
}

func hmacKey(t testing.TB, b []byte) *materials.HMACKey {
	t.Helper()
	k, err := materials.NewHMACKey(b)
	require.NoError(t, err)
	return k
}

func rsaKeyOf(t *testing.T, pkcs8 []byte) *rsa.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	require.NoError(t, err)
	return key.(*rsa.PrivateKey)
}

// stubKMS knows one data key, and the one encryption context it is bound to.
type stubKMS struct {
	dataKey, blob []byte
	wanted        map[string]string
	generated     map[string]string
}

func (s *stubKMS) GenerateDataKey(_ context.Context, in *kms.GenerateDataKeyInput, _ ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	s.generated = maps.Clone(in.EncryptionContext)
	return &kms.GenerateDataKeyOutput{KeyId: aws.String(stubKeyARN), Plaintext: s.dataKey, CiphertextBlob: s.blob}, nil
}

const stubKeyARN = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"

func (s *stubKMS) Decrypt(_ context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	if !reflect.DeepEqual(s.wanted, in.EncryptionContext) || string(s.blob) != string(in.CiphertextBlob) {
		return nil, &kmstypes.InvalidCiphertextException{}
	}
	return &kms.DecryptOutput{KeyId: aws.String(stubKeyARN), Plaintext: s.dataKey}, nil
}
