package kmstest

import (
	"crypto/cipher"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	account    = "111122223333"
	homeRegion = "us-east-1"
)

// The operations, under the names that [KMS.FailNext] takes and [Call.Op] has.
const (
	opGenerateDataKey = "GenerateDataKey"
	opDecrypt         = "Decrypt"
)

// KMS is a key management service in memory, seen from one Region. It has the methods of *kms.Client that envelope encryption needs. Make
// one with [New]; the zero value is not usable.
type KMS struct {
	region string
	*state
}

// state is what the views of all Regions share.
type state struct {
	mu       sync.Mutex
	keys     map[place]*key
	aliases  map[place]*key // the name includes "alias/"
	failures map[string][]error
	latency  time.Duration
	calls    []Call
}

// place is where a key id or an alias name means something.
type place struct{ region, name string }

// key is a single-Region key, or one replica of a multi-Region key.
type key struct {
	arn, region, id  string
	disabled, denied bool
	material         cipher.AEAD // shared by all replicas
	materialID       string
}

// Call is one request as it arrived, whatever became of it.
type Call struct {
	// Op is "GenerateDataKey" or "Decrypt".
	Op string
	// KeyID is the KeyId of the request as written there; empty if there was none.
	KeyID string
	// EncryptionContext is that of the request, nil or empty if there was none. It is what CloudTrail would show.
	EncryptionContext map[string]string
	// GrantTokens are those of the request, in its order.
	GrantTokens []string
}

// New returns a KMS without keys, seen from us-east-1.
func New() *KMS {
	return &KMS{region: homeRegion, state: &state{
		keys:     map[place]*key{},
		aliases:  map[place]*key{},
		failures: map[string][]error{},
	}}
}

// InRegion returns the same KMS seen from another Region. Both share all keys, failures to come, latency and recorded calls.
func (k *KMS) InRegion(region string) *KMS {
	return &KMS{region: region, state: k.state}
}

// Options returns options of which only Region is set, so that code which asks a *kms.Client for its Region can ask a KMS.
func (k *KMS) Options() kms.Options {
	return kms.Options{Region: k.region}
}

// CreateKey creates a symmetric encryption key in this Region, points the aliases to it, and returns its ARN. An alias may be given with or without
// "alias/" before it; if it exists already, it moves to the new key.
func (k *KMS) CreateKey(aliases ...string) (arn string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	created := k.addKey(k.region, newKeyID(), newMaterial())
	for _, alias := range aliases {
		k.aliases[place{k.region, aliasName(alias)}] = created
	}
	return created.arn
}

// CreateMultiRegionKey creates one key with a replica in each Region, and returns the replicas' ARNs in the order of regions. Without
// regions it creates one in this Region alone. Aliases belong to one Region; set them with PointAlias on [KMS.InRegion].
func (k *KMS) CreateMultiRegionKey(regions ...string) (arns []string) {
	if len(regions) == 0 {
		regions = []string{k.region}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	id, material := newMultiRegionKeyID(), newMaterial()
	for _, region := range regions {
		replica, ok := k.keys[place{region, id}]
		if !ok {
			replica = k.addKey(region, id, material)
		}
		arns = append(arns, replica.arn)
	}
	return arns
}

func (k *KMS) addKey(region, id string, m material) *key {
	created := &key{
		arn: arnOf(region, "key/"+id), region: region, id: id,
		material: m.aead, materialID: m.id,
	}
	k.keys[place{region, id}] = created
	return created
}

// PointAlias lets an alias stand for a key from now on, whether or not the alias existed. The alias, with or without "alias/" before it, is
// one of the key's Region; an alias ARN is accepted too. The key is given by its id or ARN.
//
// PointAlias panics if there is no such key, or if an alias ARN is malformed or of another Region than the key.
func (k *KMS) PointAlias(alias, keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	target := k.mustFind("PointAlias", keyID)
	if strings.HasPrefix(alias, "arn:") {
		region, resource, ok := parseARN(alias)
		if !ok || region != target.region || !strings.HasPrefix(resource, "alias/") {
			panic(fmt.Sprintf("kmstest: PointAlias: %q is not the ARN of an alias in the Region of key %s", alias, target.arn))
		}
		alias = resource
	}
	k.aliases[place{target.region, aliasName(alias)}] = target
}

// DisableKey makes every use of a key fail with *types.DisabledException until [KMS.EnableKey]. Of a multi-Region key it disables the one
// replica. The key is given by id, ARN, alias name or alias ARN; DisableKey panics if there is none such.
func (k *KMS) DisableKey(keyID string) {
	k.change("DisableKey", keyID, func(found *key) { found.disabled = true })
}

// EnableKey undoes [KMS.DisableKey].
func (k *KMS) EnableKey(keyID string) {
	k.change("EnableKey", keyID, func(found *key) { found.disabled = false })
}

// DenyKey makes every use of a key fail with the error code AccessDeniedException until [KMS.AllowKey], as if the caller had no permission for
// it. The key is given by id, ARN, alias name or alias ARN; DenyKey panics if there is none such.
func (k *KMS) DenyKey(keyID string) {
	k.change("DenyKey", keyID, func(found *key) { found.denied = true })
}

// AllowKey undoes [KMS.DenyKey].
func (k *KMS) AllowKey(keyID string) {
	k.change("AllowKey", keyID, func(found *key) { found.denied = false })
}

func (k *KMS) change(method, keyID string, f func(*key)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k.mustFind(method, keyID))
}

// mustFind serves the set-up of tests, where an unknown key is a mistake: going on would test something else. ARNs may be of any Region here.
func (k *KMS) mustFind(method, keyID string) *key {
	region := k.region
	if of, _, ok := parseARN(keyID); ok {
		region = of
	}
	found, err := k.find(region, keyID)
	if err != nil {
		panic(fmt.Sprintf("kmstest: %s: %v", method, err))
	}
	return found
}

// FailNext makes the next call of an operation fail with err, which the caller then finds with errors.Is and errors.As. The operation is named as the
// SDK's method is: "GenerateDataKey" or "Decrypt"; FailNext panics on any other. Several queue up, one for each call; a nil err lets its
// call through. A service error that has no type of its own is built from its code:
//
//	k.FailNext("Decrypt", &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"})
//
// The SDK's client repeats a request after a throttling or server error, and each attempt is a call: to make a method of [Server.Client] fail, queue as
// many as it makes attempts, three by default. Over HTTP an error keeps its code and message only, and one that is not a smithy.APIError
// arrives as KMSInternalException.
func (k *KMS) FailNext(op string, err error) {
	if op != opGenerateDataKey && op != opDecrypt {
		panic(fmt.Sprintf("kmstest: FailNext: unknown operation %q", op))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failures[op] = append(k.failures[op], err)
}

// SetLatency makes every call that arrives from now on take d before it does anything, or until its context ends. Zero, as at first, is no wait.
func (k *KMS) SetLatency(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.latency = d
}

// Calls returns all calls in all Regions so far, in the order in which they arrived, failed ones included. The caller may keep and change the result.
func (k *KMS) Calls() []Call {
	k.mu.Lock()
	defer k.mu.Unlock()
	calls := slices.Clone(k.calls)
	for n, c := range calls {
		calls[n].EncryptionContext = maps.Clone(c.EncryptionContext)
		calls[n].GrantTokens = slices.Clone(c.GrantTokens)
	}
	return calls
}

// ForgetCalls makes [KMS.Calls] begin anew, for tests that run for long: what it returns grows with every call.
func (k *KMS) ForgetCalls() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = nil
}

// find resolves a KeyId the way the service of a Region does. Messages are worded like those of AWS.
func (s *state) find(region, keyID string) (*key, error) {
	resource := keyID
	if strings.HasPrefix(keyID, "arn:") {
		of, r, ok := parseARN(keyID)
		if !ok {
			return nil, notFound("Invalid arn %s", keyID)
		}
		if of != region {
			return nil, notFound("Invalid arn %s", of)
		}
		resource = r
	}
	if strings.HasPrefix(resource, "alias/") {
		if found, ok := s.aliases[place{region, resource}]; ok {
			return found, nil
		}
		return nil, notFound("Alias %s is not found.", arnOf(region, resource))
	}
	id := resource
	if resource != keyID { // of an ARN, what follows the account
		var ok bool
		if id, ok = strings.CutPrefix(resource, "key/"); !ok {
			return nil, notFound("Invalid arn %s", keyID)
		}
	}
	if found, ok := s.keys[place{region, id}]; ok {
		return found, nil
	}
	return nil, notFound("Key '%s' does not exist", arnOf(region, "key/"+id))
}

func notFound(format string, args ...any) error {
	return &types.NotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func aliasName(alias string) string {
	return "alias/" + strings.TrimPrefix(alias, "alias/")
}

func arnOf(region, resource string) string {
	return "arn:" + partition(region) + ":kms:" + region + ":" + account + ":" + resource
}

// parseARN accepts the ARNs that this KMS could have made: those of its account, in the partition that the Region belongs to.
func parseARN(arn string) (region, resource string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || arn != arnOf(parts[3], parts[5]) {
		return "", "", false
	}
	return parts[3], parts[5], true
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// arrive records a call and says what is in store for it.
func (s *state) arrive(c Call) (latency time.Duration, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	if queue := s.failures[c.Op]; len(queue) > 0 {
		failure, s.failures[c.Op] = queue[0], queue[1:]
	}
	return s.latency, failure
}
