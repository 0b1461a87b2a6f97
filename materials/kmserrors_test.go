package materials_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func TestNewDirectKMSProviderErrors(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:kms:us-east-1:111122223333:key/0123"
	tests := []struct {
		name   string
		keyID  string
		region string
		opts   materials.DirectKMSOptions
		text   string // "": no error
	}{
		{name: "ARN of the client's Region", keyID: arn},
		{name: "ARN of another Region", keyID: arn, region: "eu-west-1", text: "is in Region us-east-1, but the KMS client is for eu-west-1"},
		{name: "alias ARN of another Region", keyID: "arn:aws:kms:us-east-1:111122223333:alias/a", region: "eu-west-1", text: "but the KMS client is for eu-west-1"},
		{name: "multi-Region key of another Region", keyID: "arn:aws:kms:us-east-1:111122223333:key/mrk-0123", region: "eu-west-1"},
		{name: "alias", keyID: "alias/a", region: "eu-west-1"},
		{name: "bare id", keyID: "0123", region: "eu-west-1"},
		{name: "ARN of a bucket", keyID: "arn:aws:s3:::bucket", text: "is not the ARN of a KMS key or alias"},
		{name: "ARN of a grant", keyID: "arn:aws:kms:us-east-1:111122223333:grant/1", text: "is not the ARN of a KMS key or alias"},
		{name: "ARN without key id", keyID: "arn:aws:kms:us-east-1:111122223333:key/", text: "is not the ARN of a KMS key or alias"},
		{name: "ARN without Region", keyID: "arn:aws:kms::111122223333:key/0123", text: "is not the ARN of a KMS key or alias"},
		{name: "ARN without account", keyID: "arn:aws:kms:us-east-1::key/0123", text: "is not the ARN of a KMS key or alias"},
		{name: "half an ARN", keyID: "arn:aws:kms", text: "is not the ARN of a KMS key or alias"},
		{name: "nothing", text: "nothing could be decrypted"},
		{name: "decrypt only", opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{arn}}},
		{name: "decrypt only, from another Region", region: "eu-west-1", opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{arn}}, text: "but the KMS client is for eu-west-1"},
		{name: "decrypt anything", opts: materials.DirectKMSOptions{AnyDecryptKey: true}},
		{name: "alias in DecryptKeyIDs", keyID: arn, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{"alias/old"}}, text: `DirectKMSOptions.DecryptKeyIDs: "alias/old" is not the ARN of a KMS key`},
		{name: "bare id in DecryptKeyIDs", keyID: arn, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{"0123"}}, text: `DecryptKeyIDs: "0123" is not the ARN of a KMS key`},
		{name: "alias ARN in DecryptKeyIDs", keyID: arn, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{"arn:aws:kms:us-east-1:111122223333:alias/a"}}, text: "is not the ARN of a KMS key"},
		{name: "empty text in DecryptKeyIDs", keyID: arn, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{""}}, text: "is not the ARN of a KMS key"},
		{name: "bad DecryptKeyIDs with AnyDecryptKey", opts: materials.DirectKMSOptions{AnyDecryptKey: true, DecryptKeyIDs: []string{"x"}}, text: "is not the ARN of a KMS key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := kmstest.New()
			if tt.region != "" {
				k = k.InRegion(tt.region)
			}
			p, err := materials.NewDirectKMSProvider(k, tt.keyID, func(o *materials.DirectKMSOptions) { *o = tt.opts })
			require.Empty(t, k.Calls())
			if tt.text == "" {
				require.NoError(t, err)
				require.NotNil(t, p)
				return
			}
			require.ErrorContains(t, err, tt.text)
			require.Nil(t, p)
		})
	}
	for _, c := range []materials.KMSClient{nil, (*kms.Client)(nil), (*kmstest.KMS)(nil)} {
		p, err := materials.NewDirectKMSProvider(c, arn)
		require.ErrorContains(t, err, "nil KMSClient")
		require.Nil(t, p)
		_, err = materials.NewDirectKMSProvider(c, "alias/a", func(o *materials.DirectKMSOptions) { o.ClientFor = regions(kmstest.New()) })
		require.ErrorContains(t, err, `nil KMSClient, and key id "alias/a"`)
	}
}

// The SDK's own client shows its Region, too.
func TestDirectKMSRegionOfSDKClient(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	key := k.CreateKey()
	server := kmstest.NewServer(k)
	defer server.Close()
	p, err := materials.NewDirectKMSProvider(server.Client(), key)
	require.NoError(t, err)
	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	dec, err := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
	require.NoError(t, err)
	requirePair(t, enc, dec)

	_, err = materials.NewDirectKMSProvider(server.Client(), strings.Replace(key, "us-east-1", "eu-west-1", 1))
	require.ErrorContains(t, err, "is in Region eu-west-1, but the KMS client is for us-east-1")
}

func TestDirectKMSErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		trouble func(k *kmstest.KMS, key string)
		find    func(t *testing.T, err error) // by the SDK's own type
		text    string
	}{
		{
			name:    "disabled key",
			trouble: func(k *kmstest.KMS, key string) { k.DisableKey(key) },
			find:    as[*types.DisabledException],
			text:    "the key is disabled or about to be deleted",
		},
		{
			name:    "denied key",
			trouble: func(k *kmstest.KMS, key string) { k.DenyKey(key) },
			find:    code("AccessDeniedException"),
			text:    "the caller needs the permission kms:",
		},
		{
			name: "key about to be deleted",
			trouble: func(k *kmstest.KMS, _ string) {
				for _, op := range []string{"GenerateDataKey", "Decrypt"} {
					k.FailNext(op, &types.KMSInvalidStateException{})
				}
			},
			find: as[*types.KMSInvalidStateException],
			text: "the key is disabled or about to be deleted",
		},
		{
			name: "throttling",
			trouble: func(k *kmstest.KMS, _ string) {
				for _, op := range []string{"GenerateDataKey", "Decrypt"} {
					k.FailNext(op, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"})
				}
			},
			find: code("ThrottlingException"),
			text: "Rate exceeded",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := kmstest.New()
			key := k.CreateKey()
			p, err := materials.NewDirectKMSProvider(k, key)
			require.NoError(t, err)
			enc, err := p.EncryptionMaterials(t.Context(), item())
			require.NoError(t, err)

			tt.trouble(k, key)
			e, encErr := p.EncryptionMaterials(t.Context(), item())
			require.Nil(t, e)
			d, decErr := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
			require.Nil(t, d)
			require.Len(t, k.Calls(), 3, "no retries of our own")
			for _, err := range []error{encErr, decErr} {
				require.ErrorIs(t, err, materials.ErrKMS)
				require.NotErrorIs(t, err, materials.ErrContextMismatch)
				require.NotErrorIs(t, err, materials.ErrKeyNotAllowed)
				require.ErrorContains(t, err, tt.text)
				require.ErrorContains(t, err, key)
				tt.find(t, err)
				requireNoValues(t, err)
			}
		})
	}
}

func as[E error](t *testing.T, err error) {
	t.Helper()
	var target E
	require.ErrorAs(t, err, &target)
}

func code(code string) func(t *testing.T, err error) {
	return func(t *testing.T, err error) {
		t.Helper()
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.Equal(t, code, api.ErrorCode())
	}
}

// requireNoValues holds an error about item() to naming no attribute's value.
func requireNoValues(t *testing.T, err error) {
	t.Helper()
	for _, value := range []string{"user#1", "1.50", "Ada"} {
		require.NotContains(t, err.Error(), value)
	}
}

func TestDirectKMSUnknownKey(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"alias/none", "0123", "arn:aws:kms:us-east-1:111122223333:key/0123"} {
		k := kmstest.New()
		p, err := materials.NewDirectKMSProvider(k, id)
		require.NoError(t, err)
		_, err = p.EncryptionMaterials(t.Context(), item())
		require.ErrorIs(t, err, materials.ErrKMS)
		as[*types.NotFoundException](t, err)
		require.ErrorContains(t, err, "no such key or alias in the client's account and Region")
		require.ErrorContains(t, err, id)
	}
}
