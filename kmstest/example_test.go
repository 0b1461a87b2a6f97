package kmstest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/ddbec/ddbec-go/kmstest"
)

// Decrypter is what the code under test asks of KMS: an interface of its own, with no more methods than it calls.
type Decrypter interface {
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// unlock is the code under test.
func unlock(ctx context.Context, c Decrypter, tenant string, blob []byte) ([]byte, error) {
	out, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"tenant": tenant}})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}

// Test the good case, then what your code does about a context that differs and a key that is revoked.
func Example() {
	ctx := context.Background()
	k := kmstest.New()
	key := k.CreateKey("alias/tenants")
	made, err := k.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: aws.String("alias/tenants"), KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{"tenant": "blue"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	plaintext, err := unlock(ctx, k, "blue", made.CiphertextBlob)
	fmt.Println(len(plaintext), err)

	_, err = unlock(ctx, k, "green", made.CiphertextBlob)
	var invalid *types.InvalidCiphertextException
	fmt.Println("other context:", errors.As(err, &invalid))

	k.DisableKey(key)
	_, err = unlock(ctx, k, "blue", made.CiphertextBlob)
	var disabled *types.DisabledException
	fmt.Println("revoked:", errors.As(err, &disabled))

	for _, call := range k.Calls() {
		fmt.Println(call.Op, call.EncryptionContext)
	}
	// Output:
	// 32 <nil>
	// other context: true
	// revoked: true
	// GenerateDataKey map[tenant:blue]
	// Decrypt map[tenant:blue]
	// Decrypt map[tenant:green]
	// Decrypt map[tenant:blue]
}

// Errors without a type in the SDK are told by their code.
func ExampleKMS_FailNext() {
	k := kmstest.New()
	k.FailNext("Decrypt", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not you"})
	_, err := unlock(context.Background(), k, "blue", []byte("any"))
	var api smithy.APIError
	fmt.Println(errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException")
	fmt.Println(err)
	// Output:
	// true
	// operation error KMS: Decrypt, api error AccessDeniedException: not you
}

// Code that wants the SDK's own client gets it, still without a network.
func ExampleServer_Client() {
	k := kmstest.New()
	key := k.CreateKey()
	server := kmstest.NewServer(k)
	defer server.Close()

	var client *kms.Client = server.Client()
	out, err := client.GenerateDataKey(context.Background(), &kms.GenerateDataKeyInput{KeyId: &key, NumberOfBytes: aws.Int32(64)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(out.Plaintext), *out.KeyId == key)
	// Output: 64 true
}

// An alias moves to a new key. What is under the old one is decrypted all the same,
// unless the code insists on the alias.
func ExampleKMS_PointAlias() {
	ctx := context.Background()
	k := kmstest.New()
	oldKey := k.CreateKey("alias/tenants")
	made, err := k.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: aws.String("alias/tenants"), KeySpec: types.DataKeySpecAes256})
	if err != nil {
		fmt.Println(err)
		return
	}

	k.PointAlias("alias/tenants", k.CreateKey())
	out, err := k.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob})
	fmt.Println("under the old key:", err == nil && *out.KeyId == oldKey)

	_, err = k.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob, KeyId: aws.String("alias/tenants")})
	var incorrect *types.IncorrectKeyException
	fmt.Println("under the alias:", errors.As(err, &incorrect))
	// Output:
	// under the old key: true
	// under the alias: true
}

// One key with replicas in two Regions, and one that the other Region does not have.
func ExampleKMS_InRegion() {
	ctx := context.Background()
	virginia := kmstest.New()
	frankfurt := virginia.InRegion("eu-central-1")
	replicas := virginia.CreateMultiRegionKey("us-east-1", "eu-central-1")

	for _, key := range []string{replicas[0], virginia.CreateKey()} {
		made, err := virginia.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256})
		if err != nil {
			fmt.Println(err)
			return
		}
		out, err := frankfurt.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: made.CiphertextBlob})
		var api smithy.APIError
		switch {
		case errors.As(err, &api):
			fmt.Println("refused:", api.ErrorCode())
		case err == nil:
			fmt.Println("by the replica:", *out.KeyId == replicas[1])
		default:
			fmt.Println(err)
		}
	}
	// Output:
	// by the replica: true
	// refused: AccessDeniedException
}
