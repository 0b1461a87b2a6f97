package kmstest_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
)

// client is what code under test wants.
type client interface {
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

var (
	_ client = (*kms.Client)(nil)
	_ client = (*kmstest.KMS)(nil)
)

// onEach runs a test against a KMS in memory, and against the SDK's own client without and with a socket.
func onEach(t *testing.T, f func(t *testing.T, k *kmstest.KMS, c client)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		k := kmstest.New()
		f(t, k, k)
	})
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		k := kmstest.New()
		s := kmstest.NewServer(k)
		t.Cleanup(s.Close)
		f(t, k, s.Client())
	})
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		k := kmstest.New()
		s := kmstest.NewServer(k)
		t.Cleanup(s.Close)
		f(t, k, overSocket(s))
	})
}

// overSocket returns a client of the SDK that knows the server by its URL only.
func overSocket(s *kmstest.Server) *kms.Client {
	o := s.Client().Options()
	o.BaseEndpoint = aws.String(s.URL())
	o.HTTPClient = nil // the SDK's own
	return kms.New(o)
}

func generate(t *testing.T, c client, keyID string, ec map[string]string) *kms.GenerateDataKeyOutput {
	t.Helper()
	out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &keyID, NumberOfBytes: aws.Int32(32), EncryptionContext: ec})
	require.NoError(t, err)
	return out
}

func decrypt(t *testing.T, c client, keyID string, blob []byte, ec map[string]string) (*kms.DecryptOutput, error) {
	t.Helper()
	in := &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: ec}
	if keyID != "" {
		in.KeyId = &keyID
	}
	return c.Decrypt(t.Context(), in)
}

// requireCode is for the errors that have no type in the SDK.
func requireCode(t *testing.T, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), "%v", err)
	require.Contains(t, api.ErrorMessage(), text)
}

func requireAs[E error](t *testing.T, err error) {
	t.Helper()
	var want E
	require.ErrorAs(t, err, &want)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey("alias/customers")
		id := arn[len("arn:aws:kms:us-east-1:111122223333:key/"):]
		ec := map[string]string{"*aws-kms-table*": "t", "pk": "ü", "": "x"}
		forms := []string{arn, id, "alias/customers", "arn:aws:kms:us-east-1:111122223333:alias/customers"}
		for _, form := range forms {
			out := generate(t, c, form, ec)
			assert.Equal(t, arn, aws.ToString(out.KeyId))
			assert.Len(t, out.Plaintext, 32)
			assert.NotContains(t, string(out.CiphertextBlob), string(out.Plaintext))
			for _, other := range append(forms, "") {
				back, err := decrypt(t, c, other, out.CiphertextBlob, ec)
				require.NoError(t, err, other)
				assert.Equal(t, out.Plaintext, back.Plaintext)
				assert.Equal(t, arn, aws.ToString(back.KeyId))
				assert.Equal(t, types.EncryptionAlgorithmSpecSymmetricDefault, back.EncryptionAlgorithm)
				assert.Equal(t, out.KeyMaterialId, back.KeyMaterialId)
			}
		}
	})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey()
		for _, tc := range []struct {
			bytes *int32
			spec  types.DataKeySpec
			want  int
			text  string
		}{
			{bytes: aws.Int32(1), want: 1},
			{bytes: aws.Int32(64), want: 64},
			{bytes: aws.Int32(1024), want: 1024},
			{spec: types.DataKeySpecAes128, want: 16},
			{spec: types.DataKeySpecAes256, want: 32},
			{text: "either number of bytes or key spec"},
			{bytes: aws.Int32(32), spec: types.DataKeySpecAes256, text: "either number of bytes or key spec"},
			{bytes: aws.Int32(0), text: "from 1 to 1024, not 0"},
			{bytes: aws.Int32(1025), text: "from 1 to 1024, not 1025"},
			{bytes: aws.Int32(-1), text: "from 1 to 1024, not -1"},
			{spec: "AES-256", text: `not "AES-256"`},
		} {
			out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, NumberOfBytes: tc.bytes, KeySpec: tc.spec})
			if tc.text != "" {
				requireCode(t, err, "ValidationException", tc.text)
				assert.Nil(t, out)
				continue
			}
			require.NoError(t, err)
			assert.Len(t, out.Plaintext, tc.want)
			back, err := decrypt(t, c, "", out.CiphertextBlob, nil)
			require.NoError(t, err)
			assert.Equal(t, out.Plaintext, back.Plaintext)
		}
	})
}

func TestContextIsBound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey()
		made := map[string]string{"a": "b", "c": "d"}
		blob := generate(t, c, arn, made).CiphertextBlob
		for name, ec := range map[string]map[string]string{
			"none":         nil,
			"less":         {"a": "b"},
			"more":         {"a": "b", "c": "d", "e": ""},
			"other value":  {"a": "b", "c": "D"},
			"other name":   {"a": "b", "C": "d"},
			"exchanged":    {"a": "d", "c": "b"},
			"same letters": {"ab": "", "cd": ""},
			"run together": {"a": "bc", "d": ""},
		} {
			for _, keyID := range []string{"", arn} {
				out, err := decrypt(t, c, keyID, blob, ec)
				requireAs[*types.InvalidCiphertextException](t, err)
				assert.Nil(t, out, name)
			}
		}
		_, err := decrypt(t, c, "", blob, made)
		require.NoError(t, err)

		blob = generate(t, c, arn, nil).CiphertextBlob
		_, err = decrypt(t, c, "", blob, map[string]string{})
		require.NoError(t, err, "no context and an empty one are the same")
	})
}

func TestEveryByteOfTheBlobIsBound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey()
		blob := generate(t, c, arn, nil).CiphertextBlob
		check := func(bad []byte) {
			t.Helper()
			_, err := decrypt(t, c, "", bad, nil)
			requireAs[*types.InvalidCiphertextException](t, err)
		}
		for n := range blob {
			bad := append([]byte(nil), blob...)
			bad[n] ^= 1 << (n % 8)
			check(bad)
			if n > 0 {
				check(blob[:n])
			}
		}
		check(append(append([]byte(nil), blob...), 0))
		check([]byte{1, 255})

		for _, size := range []int{0, 6145} {
			_, err := decrypt(t, c, "", make([]byte, size), nil)
			requireCode(t, err, "ValidationException", "must have 1 to 6144 bytes")
		}
	})
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn, other := k.CreateKey("alias/one"), k.CreateKey("alias/two")
		blob := generate(t, c, arn, nil).CiphertextBlob
		use := func(keyID string) (genErr, decErr error) {
			_, genErr = c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &keyID, KeySpec: types.DataKeySpecAes256})
			_, decErr = c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: blob})
			return genErr, decErr
		}

		for _, keyID := range []string{other, "alias/two"} {
			_, err := decrypt(t, c, keyID, blob, nil)
			requireAs[*types.IncorrectKeyException](t, err)
		}

		for keyID, text := range map[string]string{
			"1234abcd-12ab-34cd-56ef-1234567890ab": "key/1234abcd-12ab-34cd-56ef-1234567890ab' does not exist",
			"one":                                  "key/one' does not exist",
			"alias/three":                          "Alias arn:aws:kms:us-east-1:111122223333:alias/three is not found",
			"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab": "does not exist",
			"arn:aws:kms:us-east-1:111122223333:alias/three":                              "is not found",
			"arn:aws:kms:eu-west-1:111122223333:" + arn[len(arn)-40:]:                     "Invalid arn eu-west-1",
			"arn:aws:kms:us-east-1:444455556666:" + arn[len(arn)-40:]:                     "Invalid arn",
			"arn:aws-cn:kms:us-east-1:111122223333:" + arn[len(arn)-40:]:                  "Invalid arn",
			"arn:aws:kms:us-east-1:111122223333:" + arn[len(arn)-36:]:                     "Invalid arn",
			"arn:aws:kms": "Invalid arn",
		} {
			genErr, decErr := use(keyID)
			for _, err := range []error{genErr, decErr} {
				requireAs[*types.NotFoundException](t, err)
				assert.ErrorContains(t, err, text, keyID)
			}
		}
		genErr, decErr := use("")
		requireCode(t, genErr, "ValidationException", "KeyId must have 1 to 2048")
		requireCode(t, decErr, "ValidationException", "KeyId must have 1 to 2048")

		k.DisableKey("alias/one")
		for _, keyID := range []string{arn, "alias/one"} {
			genErr, decErr := use(keyID)
			requireAs[*types.DisabledException](t, genErr)
			requireAs[*types.DisabledException](t, decErr)
			assert.ErrorContains(t, genErr, arn)
		}
		_, err := decrypt(t, c, "", blob, nil)
		requireAs[*types.DisabledException](t, err)
		k.EnableKey(arn)
		genErr, decErr = use(arn)
		require.NoError(t, genErr)
		require.NoError(t, decErr)

		k.DenyKey(arn)
		genErr, decErr = use("alias/one")
		requireCode(t, genErr, "AccessDeniedException", "not authorized to perform: kms:GenerateDataKey on resource: "+arn)
		requireCode(t, decErr, "AccessDeniedException", "not authorized to perform: kms:Decrypt on resource: "+arn)
		_, err = decrypt(t, c, "", blob, nil)
		requireCode(t, err, "AccessDeniedException", "kms:Decrypt")
		generate(t, c, other, nil)
		k.AllowKey(arn)
		_, err = decrypt(t, c, "", blob, nil)
		require.NoError(t, err)

		foreign := kmstest.New()
		_, err = decrypt(t, c, "", generate(t, foreign, foreign.CreateKey(), nil).CiphertextBlob, nil)
		requireCode(t, err, "AccessDeniedException", "does not exist in this region, or you are not allowed")
	})
}

func TestUnimplementedParametersAreRefused(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey()
		blob := generate(t, c, arn, nil).CiphertextBlob
		tokens := make([]string, 11)
		for n := range tokens {
			tokens[n] = "token"
		}
		recipient := &types.RecipientInfo{AttestationDocument: []byte{1}}
		for text, in := range map[string]kms.GenerateDataKeyInput{
			"Recipient":             {Recipient: recipient},
			"DryRun":                {DryRun: aws.Bool(true)},
			"at most 10":            {GrantTokens: tokens},
			"1 to 8192 characters,": {GrantTokens: []string{"fine", ""}},
		} {
			in.KeyId, in.KeySpec = &arn, types.DataKeySpecAes256
			_, err := c.GenerateDataKey(t.Context(), &in)
			requireCode(t, err, "ValidationException", text)
			_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, Recipient: in.Recipient, DryRun: in.DryRun, GrantTokens: in.GrantTokens})
			requireCode(t, err, "ValidationException", text)
		}
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, DryRunModifiers: []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}})
		requireCode(t, err, "ValidationException", "DryRunModifiers")
		_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256})
		requireAs[*types.InvalidKeyUsageException](t, err)
		_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault, DryRun: aws.Bool(false)})
		require.NoError(t, err)
	})
}

// TestMissingParameters pins that the KMS in memory refuses what the SDK's client refuses before sending.
func TestMissingParameters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		for _, in := range []*kms.GenerateDataKeyInput{nil, {}} {
			_, err := c.GenerateDataKey(t.Context(), in)
			requireAs[smithy.InvalidParamsError](t, err)
			assert.ErrorContains(t, err, "missing required field, GenerateDataKeyInput.KeyId")
		}
		assert.Empty(t, k.Calls())
		_, err := c.Decrypt(t.Context(), nil)
		requireCode(t, err, "ValidationException", "CiphertextBlob")
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey("alias/a")
		ec := map[string]string{"k": "v"}
		tokens := []string{"t1", "t2"}
		out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{
			KeyId: aws.String("alias/a"), KeySpec: types.DataKeySpecAes256, EncryptionContext: ec, GrantTokens: tokens,
		})
		require.NoError(t, err)
		_, err = decrypt(t, c, "", out.CiphertextBlob, ec)
		require.NoError(t, err)
		_, err = decrypt(t, c, arn, []byte("damaged"), nil)
		requireAs[*types.InvalidCiphertextException](t, err)
		ec["k"], tokens[0] = "changed", "changed"

		want := []kmstest.Call{
			{Op: "GenerateDataKey", KeyID: "alias/a", EncryptionContext: map[string]string{"k": "v"}, GrantTokens: []string{"t1", "t2"}},
			{Op: "Decrypt", EncryptionContext: map[string]string{"k": "v"}},
			{Op: "Decrypt", KeyID: arn},
		}
		got := k.Calls()
		require.Equal(t, want, got)
		got[0].EncryptionContext["k"], got[0].GrantTokens[0], got[1].Op = "x", "x", "x"
		assert.Equal(t, want, k.Calls(), "Calls returned its own memory")
	})
}

func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	out := generate(t, k, arn, nil)
	blob, key := append([]byte(nil), out.CiphertextBlob...), append([]byte(nil), out.Plaintext...)
	clear(out.Plaintext)
	clear(out.CiphertextBlob)
	for range 2 {
		given := append([]byte(nil), blob...)
		back, err := decrypt(t, k, "", given, nil)
		require.NoError(t, err)
		require.Equal(t, key, back.Plaintext)
		require.Equal(t, blob, given, "the input changed")
		clear(back.Plaintext)
		*back.KeyId = "x"
	}
	assert.Equal(t, arn, aws.ToString(generate(t, k, arn, nil).KeyId))
}
