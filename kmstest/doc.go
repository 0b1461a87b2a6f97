// Package kmstest is an AWS KMS for tests: symmetric keys in memory, and the two operations that envelope encryption needs,
// GenerateDataKey and Decrypt.
//
// # How do I test my code with it?
//
// Make one with [New], create a key, and hand the [KMS] to whatever takes a client with those two methods, such as a Direct KMS provider
// of this module:
//
//	k := kmstest.New()
//	key := k.CreateKey("alias/customers")
//	provider, err := materials.NewDirectKMSProvider(k, key)
//
// Code that insists on a *kms.Client gets a real one from [NewServer], which calls this KMS without a socket. Programs in other
// processes and languages reach it at [Server.URL].
//
// To see how your code takes trouble: [KMS.DisableKey] and [KMS.DenyKey] for a key that is revoked, [KMS.FailNext] for any error
// on the next call, [KMS.SetLatency] for a slow service, [KMS.PointAlias] for an alias that moves to another key. [KMS.Calls] tells what was asked.
//
// # How true is it?
//
// Data keys are encrypted with AES-256-GCM, the encryption context being authenticated with them, so that a blob or a context that
// differs anywhere is refused. Errors are the SDK's types, wrapped in *smithy.OperationError as the SDK's client wraps its
// own; use errors.As:
//
//   - *types.InvalidCiphertextException: the blob is damaged, or the encryption context is not the one it was made with.
//   - *types.IncorrectKeyException: Decrypt names another key than the one that made the blob.
//   - *types.NotFoundException: the request names a key or an alias that does not exist, or an ARN of another Region.
//   - *types.DisabledException: the key is disabled.
//   - smithy.APIError with code AccessDeniedException, for which the SDK has no type: the key was denied with DenyKey; or Decrypt
//     got a blob, intact and without a KeyId beside it, of a key that this Region does not have.
//   - smithy.APIError with code ValidationException: NumberOfBytes and KeySpec both given or both missing, sizes out of range.
//
// Parameters that this package does not implement (Recipient, DryRun, and every EncryptionAlgorithm but SYMMETRIC_DEFAULT) are refused,
// never ignored. There are no policies, no grants (their tokens are recorded), no key rotation and no quotas.
//
// # Regions
//
// All keys belong to the account 111122223333. One KMS holds the keys of all Regions; a *KMS value looks at them from one
// Region, us-east-1 at first, and [KMS.InRegion] returns the view from another. As in AWS, a Region knows its own keys and aliases only, and
// refuses ARNs of other Regions. A multi-Region key ([KMS.CreateMultiRegionKey]) has a replica in several Regions, under one key id that starts
// with "mrk-": what one replica encrypted, each of them decrypts, and the answer has the ARN of the one that did.
//
// Nothing here starts a goroutine until [Server.URL] is called, and waiting is done with timers only, so it works inside testing/synctest.
// Every method may be called concurrently. Nothing here protects anything: do not use it outside tests.
package kmstest
