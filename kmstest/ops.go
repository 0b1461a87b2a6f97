package kmstest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// GenerateDataKey has the signature of [kms.Client.GenerateDataKey] and does what that does, with KeyId in any of its four forms. Of the options only
// Region has an effect. Nothing is shared with the input, and the output is the caller's to change or zero.
func (k *KMS) GenerateDataKey(ctx context.Context, params *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	if params == nil || params.KeyId == nil {
		return nil, missing(opGenerateDataKey, "KeyId")
	}
	out, err := k.withOptions(optFns).generateDataKey(ctx, params)
	if err != nil {
		return nil, operationError(opGenerateDataKey, err)
	}
	return out, nil
}

// Decrypt has the signature of [kms.Client.Decrypt] and does what that does, with KeyId in any of its four forms, or without one: then the key is
// the one that the blob names. Of the options only Region has an effect. Nothing is shared with the input, and the output is the
// caller's to change or zero.
func (k *KMS) Decrypt(ctx context.Context, params *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	if params == nil {
		params = &kms.DecryptInput{}
	}
	out, err := k.withOptions(optFns).decrypt(ctx, params)
	if err != nil {
		return nil, operationError(opDecrypt, err)
	}
	return out, nil
}

func (k *KMS) withOptions(optFns []func(*kms.Options)) *KMS {
	if len(optFns) == 0 {
		return k
	}
	o := k.Options()
	for _, fn := range optFns {
		fn(&o)
	}
	return k.InRegion(o.Region)
}

func (k *KMS) generateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	call := Call{
		Op: opGenerateDataKey, KeyID: aws.ToString(in.KeyId),
		EncryptionContext: maps.Clone(in.EncryptionContext), GrantTokens: slices.Clone(in.GrantTokens),
	}
	if err := k.wait(ctx, call); err != nil {
		return nil, err
	}
	size, err := dataKeySize(in)
	if err != nil {
		return nil, err
	}
	if err := validate(call, in.Recipient, in.DryRun); err != nil {
		return nil, err
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	found, err := k.usable(call.Op, call.KeyID)
	if err != nil {
		return nil, err
	}
	plaintext := randomBytes(size)
	return &kms.GenerateDataKeyOutput{
		CiphertextBlob: seal(found, plaintext, call.EncryptionContext),
		KeyId:          aws.String(found.arn),
		KeyMaterialId:  aws.String(found.materialID),
		Plaintext:      plaintext,
	}, nil
}

func (k *KMS) decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	call := Call{
		Op: opDecrypt, KeyID: aws.ToString(in.KeyId),
		EncryptionContext: maps.Clone(in.EncryptionContext), GrantTokens: slices.Clone(in.GrantTokens),
	}
	blob := bytes.Clone(in.CiphertextBlob)
	if err := k.wait(ctx, call); err != nil {
		return nil, err
	}
	switch {
	case len(blob) == 0 || len(blob) > maxBlobSize:
		return nil, invalid("CiphertextBlob must have 1 to %d bytes, not %d", maxBlobSize, len(blob))
	case in.EncryptionAlgorithm != "" && in.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault:
		return nil, &types.InvalidKeyUsageException{Message: aws.String(fmt.Sprintf("keys here have SYMMETRIC_DEFAULT only, not %q", in.EncryptionAlgorithm))}
	case len(in.DryRunModifiers) > 0:
		return nil, invalid("kmstest does not implement DryRunModifiers")
	}
	if err := validate(call, in.Recipient, in.DryRun); err != nil {
		return nil, err
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	id, header, rest, err := parseBlob(blob)
	if err != nil {
		return nil, err
	}
	keyID := call.KeyID
	if in.KeyId == nil {
		maker, ok := k.keys[place{k.region, id}]
		if !ok { // KMS does not tell strangers which keys exist
			return nil, accessDenied("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
		}
		keyID = maker.arn
	}
	found, err := k.usable(call.Op, keyID)
	if err != nil {
		return nil, err
	}
	if found.id != id {
		return nil, &types.IncorrectKeyException{Message: aws.String("The key ID in the request does not identify a CMK that can perform this operation.")}
	}
	plaintext, err := open(found, header, rest, call.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kms.DecryptOutput{
		EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault,
		KeyId:               aws.String(found.arn),
		KeyMaterialId:       aws.String(found.materialID),
		Plaintext:           plaintext,
	}, nil
}

// wait records the call, lets the latency pass and returns the failure that was queued for it.
func (k *KMS) wait(ctx context.Context, call Call) error {
	if err := ctx.Err(); err != nil {
		return &aws.RequestCanceledError{Err: err}
	}
	latency, failure := k.arrive(call)
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return &aws.RequestCanceledError{Err: ctx.Err()}
		}
	}
	return failure
}

// usable finds the key that a request names, and says why it cannot be used if so.
func (k *KMS) usable(op, keyID string) (*key, error) {
	if keyID == "" || len(keyID) > 2048 {
		return nil, invalid("KeyId must have 1 to 2048 characters, not %d", len(keyID))
	}
	found, err := k.find(k.region, keyID)
	switch {
	case err != nil:
		return nil, err
	case found.denied:
		return nil, accessDenied("User: arn:%s:iam::%s:user/test is not authorized to perform: kms:%s on resource: %s",
			partition(found.region), account, op, found.arn)
	case found.disabled:
		return nil, &types.DisabledException{Message: aws.String(found.arn + " is disabled.")}
	}
	return found, nil
}

func dataKeySize(in *kms.GenerateDataKeyInput) (int, error) {
	switch {
	case (in.NumberOfBytes != nil) == (in.KeySpec != ""):
		return 0, invalid("Please specify either number of bytes or key spec.")
	case in.NumberOfBytes != nil && (*in.NumberOfBytes < 1 || *in.NumberOfBytes > 1024):
		return 0, invalid("NumberOfBytes must be from 1 to 1024, not %d", *in.NumberOfBytes)
	case in.NumberOfBytes != nil:
		return int(*in.NumberOfBytes), nil
	case in.KeySpec == types.DataKeySpecAes128:
		return 16, nil
	case in.KeySpec == types.DataKeySpecAes256:
		return 32, nil
	default:
		return 0, invalid("KeySpec must be AES_128 or AES_256, not %q", in.KeySpec)
	}
}

// validate judges what both operations have in common.
func validate(call Call, recipient *types.RecipientInfo, dryRun *bool) error {
	switch {
	case recipient != nil:
		return invalid("kmstest does not implement Recipient")
	case aws.ToBool(dryRun):
		return invalid("kmstest does not implement DryRun")
	case len(call.GrantTokens) > 10:
		return invalid("at most 10 GrantTokens, not %d", len(call.GrantTokens))
	}
	for n, token := range call.GrantTokens {
		if token == "" || len(token) > 8192 {
			return invalid("grant token %d must have 1 to 8192 characters, not %d", n, len(token))
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func accessDenied(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// operationError wraps as *kms.Client does, so that code which only works with unwrapped errors is found out here.
func operationError(op string, err error) error {
	return &smithy.OperationError{ServiceID: kms.ServiceID, OperationName: op, Err: err}
}

// missing is what *kms.Client returns, without sending anything, for a required parameter that is nil.
func missing(op, param string) error {
	params := smithy.InvalidParamsError{Context: op + "Input"}
	params.Add(smithy.NewErrParamRequired(param))
	return operationError(op, params)
}
