package encryptor_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// A provider that chooses keys by an item's attributes must see the same ones on
// reading and on writing, whatever action sets are configured.
func TestItemContextEncrypted(t *testing.T) {
	t.Parallel()
	set := func(d actions.CryptoAction, overrides map[string]actions.CryptoAction) actions.AttributeActions {
		return actions.AttributeActions{Default: d, Overrides: overrides}
	}
	item := func() encryptor.Item {
		return encryptor.Item{"id": &itemS{Value: "1"}, "at": &itemN{Value: "2"}, "a": &itemS{}, "b": &itemS{}, "c": &itemS{}}
	}
	tests := []struct {
		name     string
		actions  actions.AttributeActions
		previous []actions.AttributeActions
		want     []string
	}{
		{"default", set(actions.EncryptAndSign, nil), nil, []string{"a", "b", "c"}},
		{"overrides", set(actions.EncryptAndSign, map[string]actions.CryptoAction{"a": actions.SignOnly, "b": actions.DoNothing}), nil, []string{"c"}},
		{"nothing encrypted", set(actions.SignOnly, nil), nil, nil},
		{"encrypted before", set(actions.SignOnly, map[string]actions.CryptoAction{"c": actions.EncryptAndSign}),
			[]actions.AttributeActions{set(actions.SignOnly, map[string]actions.CryptoAction{"a": actions.EncryptAndSign})}, []string{"a", "c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newItemProvider(t)
			encrypt, decrypt := p.encrypt, p.decrypt
			var onEncrypt, onDecrypt []string
			p.encrypt = func(ctx context.Context, c materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
				onEncrypt = slices.Sorted(slices.Values(c.Encrypted))
				return encrypt(ctx, c)
			}
			p.decrypt = func(ctx context.Context, c materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
				onDecrypt = slices.Sorted(slices.Values(c.Encrypted))
				return decrypt(ctx, c)
			}
			e := newItemEncryptor(t, p, func(o *encryptor.Options) { o.Actions, o.PreviousActions = tt.actions, tt.previous })
			stored, err := e.Encrypt(t.Context(), item())
			require.NoError(t, err)
			_, err = e.Decrypt(t.Context(), stored)
			require.NoError(t, err)
			require.Equal(t, tt.want, onEncrypt)
			require.Equal(t, tt.want, onDecrypt)
		})
	}
}
