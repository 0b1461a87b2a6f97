package kmstest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
)

func TestARNs(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	const uuid = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`
	assert.Regexp(t, `^arn:aws:kms:us-east-1:111122223333:key/`+uuid, k.CreateKey())
	assert.Regexp(t, `^arn:aws:kms:eu-west-1:111122223333:key/`+uuid, k.InRegion("eu-west-1").CreateKey())
	assert.Regexp(t, `^arn:aws-cn:kms:cn-north-1:111122223333:key/`+uuid, k.InRegion("cn-north-1").CreateKey())
	assert.Regexp(t, `^arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/`+uuid, k.InRegion("us-gov-west-1").CreateKey())
	assert.NotEqual(t, k.CreateKey(), k.CreateKey())
	assert.Equal(t, "us-east-1", k.Options().Region)
	assert.Equal(t, "eu-west-1", k.InRegion("eu-west-1").Options().Region)

	arns := k.CreateMultiRegionKey("us-east-1", "eu-west-1", "us-east-1")
	require.Len(t, arns, 3)
	assert.Regexp(t, `^arn:aws:kms:us-east-1:111122223333:key/mrk-[0-9a-f]{32}$`, arns[0])
	assert.Equal(t, strings.Replace(arns[0], "us-east-1", "eu-west-1", 1), arns[1])
	assert.Equal(t, arns[0], arns[2])
	require.Len(t, k.InRegion("sa-east-1").CreateMultiRegionKey(), 1)
}

func TestRegions(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	s := kmstest.NewServer(k)
	t.Cleanup(s.Close)
	inRegion := func(region string) func(*kms.Options) {
		return func(o *kms.Options) { o.Region = region }
	}
	for name, c := range map[string]client{"memory": k, "in process": s.Client(), "socket": overSocket(s)} {
		t.Run(name, func(t *testing.T) {
			single, ireland := k.CreateKey("alias/x"), k.InRegion("eu-west-1").CreateKey("alias/x")
			mrk := k.CreateMultiRegionKey("us-east-1", "eu-west-1")
			gen := func(region, keyID string) (*kms.GenerateDataKeyOutput, error) {
				return c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &keyID, KeySpec: types.DataKeySpecAes256}, inRegion(region))
			}
			dec := func(region, keyID string, blob []byte) (*kms.DecryptOutput, error) {
				in := &kms.DecryptInput{CiphertextBlob: blob}
				if keyID != "" {
					in.KeyId = &keyID
				}
				return c.Decrypt(t.Context(), in, inRegion(region))
			}

			out, err := gen("us-east-1", "alias/x")
			require.NoError(t, err)
			assert.Equal(t, single, *out.KeyId)
			_, err = dec("eu-west-1", "", out.CiphertextBlob)
			requireCode(t, err, "AccessDeniedException", "does not exist in this region")
			_, err = dec("eu-west-1", single, out.CiphertextBlob)
			requireAs[*types.NotFoundException](t, err)
			assert.ErrorContains(t, err, "Invalid arn us-east-1")

			out, err = gen("eu-west-1", "alias/x")
			require.NoError(t, err)
			assert.Equal(t, ireland, *out.KeyId)
			_, err = gen("us-east-1", ireland)
			requireAs[*types.NotFoundException](t, err)

			out, err = gen("us-east-1", mrk[0])
			require.NoError(t, err)
			assert.Equal(t, mrk[0], *out.KeyId)
			id := mrk[0][strings.Index(mrk[0], "mrk-"):]
			for _, keyID := range []string{"", mrk[1], id} {
				back, err := dec("eu-west-1", keyID, out.CiphertextBlob)
				require.NoError(t, err)
				assert.Equal(t, out.Plaintext, back.Plaintext)
				assert.Equal(t, mrk[1], *back.KeyId, "the replica that answers")
			}
			_, err = dec("sa-east-1", "", out.CiphertextBlob)
			requireCode(t, err, "AccessDeniedException", "does not exist in this region")

			k.DisableKey(mrk[1]) // by the ARN of a Region that is not k's
			_, err = dec("eu-west-1", "", out.CiphertextBlob)
			requireAs[*types.DisabledException](t, err)
			_, err = dec("us-east-1", "", out.CiphertextBlob)
			require.NoError(t, err)
		})
	}
}

func TestPointAlias(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	first := k.CreateKey("customers") // the prefix may be left out
	out := generate(t, k, "alias/customers", nil)
	assert.Equal(t, first, *out.KeyId)

	second := k.CreateKey()
	k.PointAlias("alias/customers", second)
	assert.Equal(t, second, *generate(t, k, "alias/customers", nil).KeyId)
	_, err := decrypt(t, k, "alias/customers", out.CiphertextBlob, nil)
	requireAs[*types.IncorrectKeyException](t, err)
	_, err = decrypt(t, k, "", out.CiphertextBlob, nil)
	require.NoError(t, err)

	ireland := k.InRegion("eu-west-1")
	third := ireland.CreateKey()
	k.PointAlias("arn:aws:kms:eu-west-1:111122223333:alias/customers", third)
	assert.Equal(t, third, *generate(t, ireland, "alias/customers", nil).KeyId)
	assert.Equal(t, second, *generate(t, k, "alias/customers", nil).KeyId)

	assert.Equal(t, *generate(t, k, k.CreateKey("customers"), nil).KeyId, *generate(t, k, "alias/customers", nil).KeyId)
}

func TestMistakesInSetUpPanic(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	unknown := "kmstest: %s: NotFoundException: Key 'arn:aws:kms:us-east-1:111122223333:key/nobody' does not exist"
	for method, call := range map[string]func(){
		"DisableKey": func() { k.DisableKey("nobody") },
		"EnableKey":  func() { k.EnableKey("nobody") },
		"DenyKey":    func() { k.DenyKey("nobody") },
		"AllowKey":   func() { k.AllowKey("nobody") },
		"PointAlias": func() { k.PointAlias("a", "nobody") },
	} {
		assert.PanicsWithValue(t, strings.Replace(unknown, "%s", method, 1), call)
	}
	assert.PanicsWithValue(t, `kmstest: FailNext: unknown operation "Encrypt"`, func() { k.FailNext("Encrypt", errors.New("x")) })
	for _, alias := range []string{"arn:aws:kms:eu-west-1:111122223333:alias/a", "arn:aws:kms", arn} {
		assert.Panics(t, func() { k.PointAlias(alias, arn) }, alias)
	}
	generate(t, k, arn, nil) // no lock is left behind
}

func TestFailNext(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	blob := generate(t, k, arn, nil).CiphertextBlob
	first, second := errors.New("first"), &types.KMSInvalidStateException{Message: aws.String("second")}
	k.FailNext("Decrypt", first)
	k.FailNext("Decrypt", nil)
	k.FailNext("Decrypt", second)
	generate(t, k, arn, nil) // another operation is not touched

	_, err := decrypt(t, k, "", blob, nil)
	require.ErrorIs(t, err, first)
	var op *smithy.OperationError
	require.ErrorAs(t, err, &op)
	assert.Equal(t, "KMS", op.Service())
	assert.Equal(t, "Decrypt", op.Operation())
	_, err = decrypt(t, k, "", blob, nil)
	require.NoError(t, err)
	_, err = decrypt(t, k, "", blob, nil)
	requireAs[*types.KMSInvalidStateException](t, err)
	_, err = decrypt(t, k, "", blob, nil)
	require.NoError(t, err)
	assert.Len(t, k.Calls(), 6, "failed calls count")
}

func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kmstest.New()
		s := kmstest.NewServer(k)
		defer s.Close()
		arn := k.CreateKey()
		for _, c := range []client{k, s.Client()} {
			k.SetLatency(time.Hour)
			start := time.Now()
			generate(t, c, arn, nil)
			assert.Equal(t, time.Hour, time.Since(start))

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			start = time.Now()
			_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Minute, time.Since(start))
			cancel()

			// A key that is disabled while a call is under way is disabled for it.
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
				var disabled *types.DisabledException
				assert.ErrorAs(t, err, &disabled)
			})
			synctest.Wait()
			k.DisableKey(arn)
			wg.Wait()
			k.EnableKey(arn)

			k.SetLatency(0)
			start = time.Now()
			generate(t, c, arn, nil)
			assert.Zero(t, time.Since(start))
		}
	})
}

func TestCancelledBeforeTheCall(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
	require.ErrorIs(t, err, context.Canceled)
	_, err = k.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: []byte{1}})
	require.ErrorIs(t, err, context.Canceled)
	requireAs[*aws.RequestCanceledError](t, err)
	assert.Empty(t, k.Calls())
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k *kmstest.KMS, c client) {
		arn := k.CreateKey("alias/a")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					in := &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{"a": "b"}}
					out, err := c.GenerateDataKey(t.Context(), in)
					if !assert.NoError(t, err) {
						return
					}
					back, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: in.EncryptionContext})
					if !assert.NoError(t, err) {
						return
					}
					assert.Equal(t, out.Plaintext, back.Plaintext)
					k.SetLatency(0)
					k.PointAlias("alias/a", k.CreateKey())
					k.EnableKey(arn)
					k.FailNext("Decrypt", nil)
					for _, call := range k.Calls() {
						call.EncryptionContext["a"] = "c"
					}
				}
			})
		}
		wg.Wait()
		assert.Len(t, k.Calls(), 160)
	})
}
