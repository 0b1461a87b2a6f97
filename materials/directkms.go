package materials

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"golang.org/x/crypto/hkdf"

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
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput, optFns ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// DirectKMSOptions configures [NewDirectKMSProvider].
type DirectKMSOptions struct {
	// GrantTokens are sent with every KMS call.
	GrantTokens []string
	// DecryptKeyIDs are ARNs of further KMS keys whose items are read: keys
	// that were used before, or what an alias pointed to.
	DecryptKeyIDs []string
	// AnyDecryptKey reads items under every KMS key that the caller may use, as
	// Python and Java do. Then whoever can write to the table and lets the
	// caller use a KMS key of theirs can forge items.
	AnyDecryptKey bool
	// Description has further entries for the material description of every
	// item. Two names choose algorithms instead: amzn-ddb-env-alg (AES/128,
	// AES/192 or AES/256, the default) and amzn-ddb-sig-alg (HmacSHA256/256 is
	// the default).
	Description map[string]string
}

// DirectKMSProvider takes a data key from AWS KMS for every item and derives the
// item's content key and signing key from it. Writing an item is one
// GenerateDataKey call, reading one is one Decrypt call, or two if the key id is
// an alias or a bare key id and the item is under another key.
//
// KMS binds the data key to table name and primary key: their names and values
// go to KMS as encryption context and appear in CloudTrail.
type DirectKMSProvider struct {
	client      KMSClient
	keyID       string
	grantTokens []string
	description map[string]string
	algorithms  kmsAlgorithms
	decryptKeys decryptKeyPolicy
	answerKey   func(answered *string) error // of GenerateDataKey
}

// NewDirectKMSProvider returns a provider that encrypts under the KMS key keyID:
// a key ARN, which is best, an alias or alias ARN, or a key id. An empty keyID
// only decrypts.
//
// It decrypts what was encrypted under keyID and under DecryptKeyIDs. With an
// alias that is the key to which it points now; after pointing it elsewhere, list
// the old key's ARN in DecryptKeyIDs.
//
// Nothing is asked of KMS here. An error tells of an id that cannot be right:
// not a KMS key, or an ARN of a Region that is not the client's, unless the key is
// a multi-Region key (mrk-…). It wraps ErrAlgorithm if Description names an
// algorithm that is not supported.
func NewDirectKMSProvider(c KMSClient, keyID string, optFns ...func(*DirectKMSOptions)) (*DirectKMSProvider, error) {
	if c == nil {
		return nil, fmt.Errorf("direct KMS provider: nil KMSClient")
	}
	var opts DirectKMSOptions
	for _, fn := range optFns {
		fn(&opts)
	}
	algorithms, err := parseKMSAlgorithms(opts.Description)
	if err != nil {
		return nil, fmt.Errorf("direct KMS provider: %w", err)
	}
	if err := checkUserDescription(opts.Description, wire.EntryEnvAlg, wire.EntrySigAlg); err != nil {
		return nil, fmt.Errorf("direct KMS provider: %w", err)
	}
	own, err := parseKeyID(keyID)
	if err != nil {
		return nil, fmt.Errorf("direct KMS provider: %w", err)
	}
	decryptKeys, err := newDecryptKeyPolicy(own, opts.DecryptKeyIDs, opts.AnyDecryptKey)
	if err != nil {
		return nil, fmt.Errorf("direct KMS provider: %w", err)
	}
	for _, named := range []kmsKeyID{own, decryptKeys.send} {
		if err := named.checkRegion(c); err != nil {
			return nil, fmt.Errorf("direct KMS provider: %w", err)
		}
	}
	return &DirectKMSProvider{
		client:      c,
		keyID:       keyID,
		grantTokens: slices.Clone(opts.GrantTokens),
		description: maps.Clone(opts.Description),
		algorithms:  algorithms,
		decryptKeys: decryptKeys,
		answerKey:   own.checkAnswer,
	}, nil
}

// dataKeySize is the length of the data keys asked of KMS, whatever the sizes of
// the keys derived from them.
const dataKeySize = 32

// EncryptionMaterials calls GenerateDataKey. Errors of the call wrap ErrKMS.
func (p *DirectKMSProvider) EncryptionMaterials(ctx context.Context, ec EncryptionContext) (*EncryptionMaterials, error) {
	if p.keyID == "" {
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
	out, err := p.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId:             aws.String(p.keyID),
		NumberOfBytes:     aws.Int32(dataKeySize),
		EncryptionContext: kmsContext,
		GrantTokens:       slices.Clone(p.grantTokens),
	})
	if err != nil {
		return nil, kmsCallError("GenerateDataKey", p.keyID, kmsContext, err)
	}
	if err := p.answerKey(out.KeyId); err != nil {
		return nil, err
	}
	if len(out.Plaintext) != dataKeySize || len(out.CiphertextBlob) == 0 {
		return nil, badAnswer("GenerateDataKey", len(out.Plaintext))
	}
	key, mac, err := p.algorithms.derive(out.Plaintext)
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
	return &EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: description}, nil
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
	dataKey, err := p.decryptKeys.decrypt(ctx, p.client, &kms.DecryptInput{
		CiphertextBlob:    blob,
		EncryptionContext: kmsContext,
		GrantTokens:       slices.Clone(p.grantTokens),
	})
	if err != nil {
		return nil, err
	}
	key, mac, err := algorithms.derive(dataKey)
	if err != nil {
		return nil, err
	}
	return &DecryptionMaterials{DecryptionKey: key, VerificationKey: mac, Description: ec.Description}, nil
}

func keyNames(ec EncryptionContext) []string {
	if ec.SortKeyName == "" {
		return []string{ec.PartitionKeyName}
	}
	return []string{ec.PartitionKeyName, ec.SortKeyName}
}

// kmsEncryptionContext is what KMS binds a data key to. A key attribute that is
// missing is left out, as Python does; then KMS decides.
func kmsEncryptionContext(ec EncryptionContext, algorithms kmsAlgorithms) (map[string]string, error) {
	kmsContext := make(map[string]string, 5)
	kmsContext["*amzn-ddb-env-alg*"] = algorithms.env
	kmsContext["*amzn-ddb-sig-alg*"] = algorithms.sig
	for _, name := range keyNames(ec) {
		v := ec.Attributes[name]
		if v == nil {
			continue
		}
		text, ok := keyText(v)
		if !ok {
			return nil, fmt.Errorf("key attribute %s is nil or not S, N or B: %T", quote.Name(name), v)
		}
		kmsContext[name] = text
	}
	if ec.TableName != "" {
		kmsContext["*aws-kms-table*"] = ec.TableName // last: a key of that name must not hide it
	}
	return kmsContext, nil
}

// keyText is what stands for a key attribute in the KMS encryption context.
func keyText(v types.AttributeValue) (text string, ok bool) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		if v != nil {
			return v.Value, true
		}
	case *types.AttributeValueMemberN:
		if v != nil {
			return v.Value, true
		}
	case *types.AttributeValueMemberB:
		if v != nil {
			return base64.StdEncoding.EncodeToString(v.Value), true
		}
	}
	return "", false
}

// derive makes the content key and the signing key of a data key by HKDF-SHA256
// (RFC 5869) without salt.
func (a kmsAlgorithms) derive(dataKey []byte) (*AESKey, *HMACKey, error) {
	content := make([]byte, a.envSize)
	signing := make([]byte, a.sigSize)
	defer clear(content)
	defer clear(signing)
	for info, okm := range map[string][]byte{"Encryption": content, "Signing": signing} {
		if _, err := io.ReadFull(hkdf.New(sha256.New, dataKey, nil, []byte(info)), okm); err != nil {
			return nil, nil, fmt.Errorf("derive keys: %w", err)
		}
	}
	key, err := NewAESKey(content)
	if err != nil {
		return nil, nil, err
	}
	mac, err := NewHMACKeyFor(a.mac, signing)
	return key, mac, err
}
