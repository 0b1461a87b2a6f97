package materials

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
)

var (
	_ CryptographicMaterialsProvider = (*DirectKMSProvider)(nil)
	_ KMSClient                      = (*kms.Client)(nil)
)

// KMSClient is what [DirectKMSProvider] calls of AWS KMS; *kms.Client is one, and
// so is *kmstest.KMS.
type KMSClient interface {
	GenerateDataKey(ctx context.Context, params *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, params *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// DirectKMSProvider takes a data key from AWS KMS for every item and derives the
// item's content key and signing key from it. Writing an item is one
// GenerateDataKey call, reading one is one Decrypt call, or two if the key id is
// an alias or a bare key id and the item is under another key. ClientFor and
// Cache change that for reading.
//
// KMS binds the data key to table name and primary key: their names and values
// go to KMS as encryption context and appear in CloudTrail.
type DirectKMSProvider struct {
	client      KMSClient
	clientFor   func(region string) KMSClient
	keyFor      func(EncryptionContext) (string, error)
	own         kmsChoice // without keyFor
	further     []kmsKeyID
	anyKey      bool
	grantTokens []string
	description map[string]string
	algorithms  kmsAlgorithms
	cache       *cache[cachedKeyID, itemKeys]

	generated, decrypted, failed atomic.Uint64
}

// kmsChoice is the KMS key of an item and where its data key may be decrypted.
type kmsChoice struct {
	key     kmsKeyID
	decrypt []regionalPolicy // tried in order
}

// NewDirectKMSProvider returns a provider that encrypts under the KMS key keyID:
// a key ARN, which is best, an alias or alias ARN, or a key id. An empty keyID
// only decrypts, unless KeyFor is set.
//
// It decrypts what was encrypted under keyID and under DecryptKeyIDs. With an
// alias that is the key to which it points now; after pointing it elsewhere, list
// the old key's ARN in DecryptKeyIDs.
//
// Nothing is asked of KMS here. An error tells of an id that cannot be right:
// not a KMS key, or an ARN of a Region that is not the client's, unless the key is
// a multi-Region key (mrk-…); or that c is nil or a nil pointer and ClientFor is not
// set. It wraps ErrAlgorithm if Description names an algorithm that is not supported.
func NewDirectKMSProvider(c KMSClient, keyID string, optFns ...func(*DirectKMSOptions)) (*DirectKMSProvider, error) {
	var opts DirectKMSOptions
	for _, fn := range optFns {
		fn(&opts)
	}
	p, err := newDirectKMSProvider(c, keyID, opts)
	if err != nil {
		return nil, fmt.Errorf("direct KMS provider: %w", err)
	}
	return p, nil
}

func newDirectKMSProvider(c KMSClient, keyID string, opts DirectKMSOptions) (*DirectKMSProvider, error) {
	if isNil(c) {
		c = nil // a nil *kms.Client is none either
	}
	if c == nil && opts.ClientFor == nil {
		return nil, errors.New("nil KMSClient")
	}
	algorithms, err := parseKMSAlgorithms(opts.Description)
	if err == nil {
		err = checkUserDescription(opts.Description, wire.EntryEnvAlg, wire.EntrySigAlg)
	}
	if err != nil {
		return nil, fmt.Errorf("DirectKMSOptions.Description: %w", err)
	}
	p := &DirectKMSProvider{
		client:      c,
		clientFor:   opts.ClientFor,
		keyFor:      opts.KeyFor,
		anyKey:      opts.AnyDecryptKey,
		grantTokens: slices.Clone(opts.GrantTokens),
		description: maps.Clone(opts.Description),
		algorithms:  algorithms,
	}
	if p.further, err = parseKeyARNs(opts.DecryptKeyIDs); err != nil {
		return nil, fmt.Errorf("DirectKMSOptions.DecryptKeyIDs: %w", err)
	}
	if p.keyFor == nil {
		if p.own, err = p.choose(keyID); err != nil {
			return nil, err
		}
		if err := p.checkReach(); err != nil {
			return nil, err
		}
	}
	if opts.Cache != nil {
		if p.cache, err = newDataKeyCache(*opts.Cache); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// checkReach refuses at once what no call could mend: an id for which there is no
// client, or only one of another Region.
func (p *DirectKMSProvider) checkReach() error {
	ids := []kmsKeyID{p.own.key}
	for _, r := range p.own.decrypt {
		ids = append(ids, r.policy.send)
	}
	for _, id := range ids {
		switch {
		case id.isZero(), p.clientFor != nil && id.arn.Region != "":
		case p.client == nil:
			return fmt.Errorf("nil KMSClient, and key id %s is no ARN from which ClientFor could tell a Region", quote.Name(id.text))
		default:
			if err := id.checkRegion(p.client); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *DirectKMSProvider) choose(keyID string) (kmsChoice, error) {
	key, err := parseKeyID(keyID)
	if err != nil {
		return kmsChoice{}, err
	}
	decrypt, err := newRegionalPolicies(key, p.further, p.anyKey, p.clientFor != nil)
	return kmsChoice{key, decrypt}, err
}

func (p *DirectKMSProvider) choiceFor(ec EncryptionContext) (kmsChoice, error) {
	if p.keyFor == nil {
		return p.own, nil
	}
	keyID, err := p.keyFor(ec.forChoice())
	if err == nil && keyID == "" {
		err = errors.New("it returned no key id")
	}
	var c kmsChoice
	if err == nil {
		c, err = p.choose(keyID)
	}
	if err != nil {
		return kmsChoice{}, fmt.Errorf("DirectKMSOptions.KeyFor: %w", err)
	}
	return c, nil
}

// clientIn returns the client for a Region, which is empty for ids that do not
// name one.
func (p *DirectKMSProvider) clientIn(region string) (countedClient, error) {
	client := p.client
	if p.clientFor != nil && region != "" {
		client = p.clientFor(region)
	}
	switch {
	case client == nil && region == "":
		return countedClient{}, fmt.Errorf("%w: nil KMSClient, and the key id is no ARN from which ClientFor could tell a Region", ErrKMS)
	case isNil(client): // also the nil *kms.Client that a map of them gives for a Region it lacks
		return countedClient{}, fmt.Errorf("%w: DirectKMSOptions.ClientFor has no client for Region %s", ErrKMS, quote.Name(region))
	}
	return countedClient{client, p}, nil
}

// dataKeySize is the length of the data keys asked of KMS, whatever the sizes of
// the keys derived from them.
const dataKeySize = 32

// EncryptionMaterials calls GenerateDataKey. Errors of the call wrap ErrKMS.
func (p *DirectKMSProvider) EncryptionMaterials(ctx context.Context, ec EncryptionContext) (*EncryptionMaterials, error) {
	choice, err := p.choiceFor(ec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEncryptionMaterials, err)
	}
	if choice.key.isZero() {
		return nil, fmt.Errorf("%w: this direct KMS provider has no key id, so it only decrypts", ErrNoEncryptionMaterials)
	}
	for _, name := range keyNames(ec) {
		if ec.Attributes[name] == nil {
			return nil, fmt.Errorf("%w: key attribute %s is missing", ErrNoEncryptionMaterials, quote.Name(name))
		}
	}
	kmsContext, err := kmsEncryptionContext(ec, p.algorithms)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEncryptionMaterials, err)
	}
	client, err := p.clientIn(choice.key.arn.Region)
	if err != nil {
		return nil, err
	}
	out, err := client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId:             aws.String(choice.key.text),
		NumberOfBytes:     aws.Int32(dataKeySize),
		EncryptionContext: kmsContext,
		GrantTokens:       slices.Clone(p.grantTokens),
	})
	if err != nil {
		return nil, kmsCallError("GenerateDataKey", choice.key.text, kmsContext, err)
	}
	if err := choice.key.checkAnswer(out.KeyId); err != nil {
		return nil, err
	}
	if len(out.Plaintext) != dataKeySize || len(out.CiphertextBlob) == 0 {
		return nil, badAnswer("GenerateDataKey", len(out.Plaintext))
	}
	defer client.clear(out.Plaintext)
	keys, err := p.algorithms.derive(out.Plaintext)
	if err != nil {
		return nil, err
	}
	description := make(map[string]string, len(p.description)+5)
	maps.Copy(description, p.description)
	description[wire.EntryEnvAlg] = p.algorithms.env
	description[wire.EntrySigAlg] = p.algorithms.sig
	description[wire.EntryEnvKey] = base64.StdEncoding.EncodeToString(out.CiphertextBlob)
	description[wire.EntryWrapAlg] = "kms"
	description[wire.EntryKMSContext] = "*keys*"
	return &EncryptionMaterials{EncryptionKey: keys.content, SigningKey: keys.signing, Description: description}, nil
}

// DecryptionMaterials calls Decrypt. Errors of the call wrap ErrKMS; if KMS says
// that the encryption context is another one, ErrContextMismatch too; and if the
// data key is under a KMS key that was not allowed, ErrKeyNotAllowed.
func (p *DirectKMSProvider) DecryptionMaterials(ctx context.Context, ec EncryptionContext) (*DecryptionMaterials, error) {
	for _, name := range []string{wire.EntryEnvAlg, wire.EntrySigAlg} {
		if _, ok := ec.Description[name]; !ok {
			return nil, missingEntry(name)
		}
	}
	algorithms, err := parseKMSAlgorithms(ec.Description)
	if err != nil {
		return nil, err
	}
	blob, err := envelopeKey(ec.Description)
	if err != nil {
		return nil, err
	}
	kmsContext, err := kmsEncryptionContext(ec, algorithms)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	choice, err := p.choiceFor(ec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDecryptionMaterials, err)
	}
	open := func(ctx context.Context) (itemKeys, error) {
		return p.openDataKey(ctx, choice, blob, kmsContext, algorithms)
	}
	var keys itemKeys
	if p.cache == nil {
		keys, err = open(ctx)
	} else {
		keys, err = p.cache.get(ctx, newCachedKeyID(choice.key, blob, kmsContext), open)
	}
	if err != nil {
		return nil, err
	}
	return &DecryptionMaterials{DecryptionKey: keys.content, VerificationKey: keys.signing, Description: ec.Description}, nil
}

// openDataKey asks one Region after the other.
func (p *DirectKMSProvider) openDataKey(ctx context.Context, choice kmsChoice, blob []byte, kmsContext map[string]string, algorithms kmsAlgorithms) (itemKeys, error) {
	var refused []error
	for _, r := range choice.decrypt {
		client, err := p.clientIn(r.region)
		if err != nil {
			return itemKeys{}, err
		}
		dataKey, err := r.policy.decrypt(ctx, client, &kms.DecryptInput{
			CiphertextBlob:    blob,
			EncryptionContext: kmsContext,
			GrantTokens:       slices.Clone(p.grantTokens),
		})
		switch {
		case err == nil:
			defer client.clear(dataKey)
			return algorithms.derive(dataKey)
		case len(choice.decrypt) == 1 || !mayBeOfAnotherRegion(err):
			return itemKeys{}, err
		}
		refused = append(refused, fmt.Errorf("in Region %s: %w", quote.Name(r.region), err))
	}
	return itemKeys{}, fmt.Errorf("no Region decrypts the item's data key: %w", errors.Join(refused...))
}
