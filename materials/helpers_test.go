package materials_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

var (
	rsaKey      = sync.OnceValue(newRSAKey)
	otherRSAKey = sync.OnceValue(newRSAKey)
	ecKey       = sync.OnceValue(newECKey)
)

func newRSAKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func newECKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// counting returns n bytes that count up from first.
func counting(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func newAESKey(t testing.TB, key []byte) *materials.AESKey {
	t.Helper()
	k, err := materials.NewAESKey(key)
	require.NoError(t, err)
	return k
}

func newHMACKey(t testing.TB, key []byte) *materials.HMACKey {
	t.Helper()
	k, err := materials.NewHMACKey(key)
	require.NoError(t, err)
	return k
}

// requireSameAES tells keys apart by what they do, since nothing shows them.
func requireSameAES(t testing.TB, want, got *materials.AESKey) {
	t.Helper()
	data := make([]byte, 16)
	w, err := want.WrapKey(t.Context(), data)
	require.NoError(t, err)
	g, err := got.WrapKey(t.Context(), data)
	require.NoError(t, err)
	require.Equal(t, w, g, "not the same AES key")
}

// requirePair tells that what was signed on encryption is verified on decryption,
// and that the content keys are the same.
func requirePair(t testing.TB, enc *materials.EncryptionMaterials, dec *materials.DecryptionMaterials) {
	t.Helper()
	requireSameAES(t, enc.EncryptionKey, dec.DecryptionKey)
	sig, err := enc.SigningKey.Sign(t.Context(), []byte("data"))
	require.NoError(t, err)
	require.NoError(t, dec.VerificationKey.Verify(t.Context(), []byte("data"), sig))
	require.ErrorIs(t, dec.VerificationKey.Verify(t.Context(), []byte("Data"), sig), materials.ErrSignature)
}

// item is an item of table "customers" with the key attributes pk and sk.
func item() materials.EncryptionContext {
	return materials.EncryptionContext{
		TableName: "customers", PartitionKeyName: "pk", SortKeyName: "sk",
		Attributes: map[string]types.AttributeValue{
			"pk":   &types.AttributeValueMemberS{Value: "user#1"},
			"sk":   &types.AttributeValueMemberN{Value: "1.50"},
			"name": &types.AttributeValueMemberS{Value: "Ada"},
		},
	}
}

// stored is ec as it comes back from the table, with a description.
func stored(ec materials.EncryptionContext, description map[string]string) materials.EncryptionContext {
	ec.Attributes = maps.Clone(ec.Attributes)
	ec.Description = maps.Clone(description)
	return ec
}

// with returns description with one entry set, or removed if value is nil.
func with(description map[string]string, name string, value *string) map[string]string {
	changed := maps.Clone(description)
	delete(changed, name)
	if value != nil {
		changed[name] = *value
	}
	return changed
}

func ptr[T any](v T) *T { return &v }

// stubKMS is a KMS with a hand in its answers.
type stubKMS struct {
	*kmstest.KMS
	generated func(*kms.GenerateDataKeyOutput)
	decrypted func(*kms.DecryptOutput)
}

func (s stubKMS) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	out, err := s.KMS.GenerateDataKey(ctx, in, optFns...)
	if err == nil && s.generated != nil {
		s.generated(out)
	}
	return out, err
}

func (s stubKMS) Decrypt(ctx context.Context, in *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	out, err := s.KMS.Decrypt(ctx, in, optFns...)
	if err == nil && s.decrypted != nil {
		s.decrypted(out)
	}
	return out, err
}

// recent returns the KeyId of the Decrypt calls since the first n calls; "" is a
// call without one.
func recent(t testing.TB, k *kmstest.KMS, n int) []string {
	t.Helper()
	ids := []string{}
	for _, call := range k.Calls()[n:] {
		require.Equal(t, "Decrypt", call.Op)
		ids = append(ids, call.KeyID)
	}
	return ids
}
