package materials_test

import (
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func staticPair(t testing.TB) (*materials.EncryptionMaterials, *materials.DecryptionMaterials) {
	t.Helper()
	key, mac := newAESKey(t, counting(1, 32)), newHMACKey(t, counting(2, 32))
	return &materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: map[string]string{"purpose": "test"}},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	e, d := staticPair(t)
	p, err := materials.NewStaticProvider(e, d)
	require.NoError(t, err)
	e.Description["purpose"] = "changed" // the provider has copies
	e.SigningKey, d.VerificationKey, d.DecryptionKey = nil, nil, nil

	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"purpose": "test"}, enc.Description)
	dec, err := p.DecryptionMaterials(t.Context(), stored(item(), map[string]string{"anything": "else"}))
	require.NoError(t, err)
	requirePair(t, enc, dec)
}

func TestStaticHalves(t *testing.T) {
	t.Parallel()
	e, d := staticPair(t)
	p, err := materials.NewStaticProvider(nil, nil)
	require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
	require.ErrorIs(t, err, materials.ErrNoDecryptionMaterials)
	require.Nil(t, p)

	reader, err := materials.NewStaticProvider(nil, d)
	require.NoError(t, err)
	enc, err := reader.EncryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
	require.ErrorContains(t, err, "only decrypts")
	require.Nil(t, enc)
	_, err = reader.DecryptionMaterials(t.Context(), item())
	require.NoError(t, err)

	writer, err := materials.NewStaticProvider(e, nil)
	require.NoError(t, err)
	dec, err := writer.DecryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, materials.ErrNoDecryptionMaterials)
	require.ErrorContains(t, err, "only encrypts")
	require.Nil(t, dec)
	_, err = writer.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
}

func TestStaticBadMaterials(t *testing.T) {
	t.Parallel()
	mac := newHMACKey(t, counting(2, 32))
	tests := []struct {
		name string
		enc  *materials.EncryptionMaterials
		dec  *materials.DecryptionMaterials
		text string // "": no error
		is   error
	}{
		{name: "sign only", enc: &materials.EncryptionMaterials{SigningKey: mac}},
		{name: "verify only", dec: &materials.DecryptionMaterials{VerificationKey: mac}},
		{name: "no signing key", enc: &materials.EncryptionMaterials{}, text: "no encryption materials: nil SigningKey", is: materials.ErrNoEncryptionMaterials},
		{name: "no verification key", dec: &materials.DecryptionMaterials{}, text: "no decryption materials: nil VerificationKey", is: materials.ErrNoDecryptionMaterials},
		{name: "a reserved entry", enc: &materials.EncryptionMaterials{SigningKey: mac, Description: map[string]string{"amzn-ddb-map-sym-mode": "x"}}, text: `EncryptionMaterials.Description: entry "amzn-ddb-map-sym-mode" is written by the library`},
		{name: "an entry that is not UTF-8", enc: &materials.EncryptionMaterials{SigningKey: mac, Description: map[string]string{"a": "\xff"}}, text: "is not valid UTF-8"},
		{name: "zero encryption key", enc: &materials.EncryptionMaterials{SigningKey: mac, EncryptionKey: new(materials.AESKey)}, text: "EncryptionMaterials.EncryptionKey: unfit key", is: materials.ErrKey},
		{name: "zero signing key", enc: &materials.EncryptionMaterials{SigningKey: new(materials.HMACKey)}, text: "EncryptionMaterials.SigningKey: unfit key: an HMACKey", is: materials.ErrKey},
		{name: "nil pointer to a signing key", enc: &materials.EncryptionMaterials{SigningKey: (*materials.HMACKey)(nil)}, text: "EncryptionMaterials.SigningKey: unfit key: an HMACKey", is: materials.ErrKey},
		{name: "nil pointer to another's signing key", enc: &materials.EncryptionMaterials{SigningKey: (*foreignKey)(nil)}, text: "EncryptionMaterials.SigningKey: unfit key: a nil *materials_test.foreignKey", is: materials.ErrKey},
		{name: "zero verification key", dec: &materials.DecryptionMaterials{VerificationKey: new(materials.HMACKey)}, text: "DecryptionMaterials.VerificationKey: unfit key: an HMACKey", is: materials.ErrKey},
		{name: "nil pointer to a verification key", dec: &materials.DecryptionMaterials{VerificationKey: (*materials.HMACKey)(nil)}, text: "DecryptionMaterials.VerificationKey: unfit key: an HMACKey", is: materials.ErrKey},
		{name: "nil pointer to another's verification key", dec: &materials.DecryptionMaterials{VerificationKey: (*foreignKey)(nil)}, text: "DecryptionMaterials.VerificationKey: unfit key: a nil *materials_test.foreignKey", is: materials.ErrKey},
		{name: "another's keys", enc: &materials.EncryptionMaterials{SigningKey: new(foreignKey)}, dec: &materials.DecryptionMaterials{VerificationKey: new(foreignKey)}},
		{name: "zero decryption key", dec: &materials.DecryptionMaterials{VerificationKey: mac, DecryptionKey: new(materials.AESKey)}, text: "DecryptionMaterials.DecryptionKey: unfit key", is: materials.ErrKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := materials.NewStaticProvider(tt.enc, tt.dec)
			if tt.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.text)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			require.Nil(t, p)
		})
	}
}

// foreignKey is a key of somebody else's.
type foreignKey struct {
	materials.Signer
	materials.Verifier
}

func (k *foreignKey) Algorithm() string { return k.Signer.Algorithm() }

// No provider modifies what it is given.
func TestProvidersLeaveContext(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	direct, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	static, err := materials.NewStaticProvider(staticPair(t))
	require.NoError(t, err)
	providers := map[string]materials.CryptographicMaterialsProvider{
		"direct KMS": direct, "wrapped AES": newWrapped(t, aesKeys(t)), "wrapped RSA": newWrapped(t, rsaKeys(t)), "static": static,
	}
	texts := func(ec materials.EncryptionContext) map[string]string {
		texts := maps.Clone(ec.Description)
		if texts == nil {
			texts = map[string]string{}
		}
		for name, v := range ec.Attributes {
			switch v := v.(type) {
			case *types.AttributeValueMemberS:
				texts["S "+name] = v.Value
			case *types.AttributeValueMemberN:
				texts["N "+name] = v.Value
			default:
				texts["? "+name] = ""
			}
		}
		return texts
	}
	for name, p := range providers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ec := item()
			before := texts(ec)
			require.Len(t, before, 3)
			enc, err := p.EncryptionMaterials(t.Context(), ec)
			require.NoError(t, err)
			require.Equal(t, before, texts(ec))
			require.Nil(t, ec.Description)

			ec = stored(ec, enc.Description)
			before = texts(ec)
			_, err = p.DecryptionMaterials(t.Context(), ec)
			require.NoError(t, err)
			require.Equal(t, before, texts(ec))
		})
	}
}
