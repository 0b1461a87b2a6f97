package kmstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
)

func TestForgetCalls(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	made, err := k.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
	require.NoError(t, err)
	k.InRegion("eu-west-1").ForgetCalls()
	assert.Empty(t, k.Calls(), "the calls of all Regions are forgotten")
	_, err = k.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob})
	require.NoError(t, err, "keys are not")
	require.Len(t, k.Calls(), 1)
	assert.Equal(t, "Decrypt", k.Calls()[0].Op)
}
