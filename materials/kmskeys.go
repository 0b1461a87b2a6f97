package materials

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/ddbec/ddbec-go/internal/quote"
)

// kmsKeyID is a configured KMS key: the ARN of a key, or a name that only KMS can
// resolve (an alias, the ARN of one, or a bare key id).
type kmsKeyID struct {
	text string
	arn  arn.ARN // zero if text is no ARN
}

const multiRegion = "key/mrk-"

func parseKeyID(text string) (kmsKeyID, error) {
	id := kmsKeyID{text: text}
	if !strings.HasPrefix(text, "arn:") {
		return id, nil
	}
	parsed, err := arn.Parse(text)
	kind, name, _ := strings.Cut(parsed.Resource, "/")
	isKMS := err == nil && parsed.Service == "kms" && parsed.Region != "" && parsed.AccountID != "" &&
		(kind == "key" || kind == "alias") && name != ""
	if !isKMS {
		return kmsKeyID{}, fmt.Errorf("%s is not the ARN of a KMS key or alias", quote.Name(text))
	}
	id.arn = parsed
	return id, nil
}

// parseKeyARNs also drops what is listed twice.
func parseKeyARNs(texts []string) ([]kmsKeyID, error) {
	var ids []kmsKeyID
	for _, text := range texts {
		id, err := parseKeyID(text)
		if err != nil || !id.isKeyARN() {
			return nil, fmt.Errorf("%s is not the ARN of a KMS key", quote.Name(text))
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (id kmsKeyID) isZero() bool        { return id.text == "" }
func (id kmsKeyID) isKeyARN() bool      { return strings.HasPrefix(id.arn.Resource, "key/") }
func (id kmsKeyID) isMultiRegion() bool { return strings.HasPrefix(id.arn.Resource, multiRegion) }

// checkRegion refuses an ARN that the client cannot reach, if the client shows
// its Region, as *kms.Client does.
func (id kmsKeyID) checkRegion(c KMSClient) error {
	shows, ok := c.(interface{ Options() kms.Options })
	if !ok || id.arn.Region == "" || id.isMultiRegion() { // not an ARN, or one with replicas
		return nil
	}
	if region := shows.Options().Region; region != "" && region != id.arn.Region {
		return fmt.Errorf("key %s is in Region %s, but the KMS client is for %s", id.text, id.arn.Region, region)
	}
	return nil
}

// matches tells whether KMS means this key by the ARN it answered. The replicas
// of a multi-Region key are one key.
func (id kmsKeyID) matches(answered arn.ARN) bool {
	return id.arn.Partition == answered.Partition && id.arn.Service == answered.Service &&
		id.arn.AccountID == answered.AccountID && id.arn.Resource == answered.Resource &&
		(id.arn.Region == answered.Region || id.isMultiRegion())
}

// checkAnswer checks the KeyId of an answer to a call that named this key. For
// an alias there is nothing to compare it with.
func (id kmsKeyID) checkAnswer(answered *string) error {
	if aws.ToString(answered) == "" {
		return fmt.Errorf("%w: KMS did not say which key it used", ErrKeyNotAllowed)
	}
	switch {
	case id.isKeyARN():
		if parsed, err := arn.Parse(*answered); err != nil || !id.matches(parsed) {
			return fmt.Errorf("%w: KMS used %s instead of %s", ErrKeyNotAllowed, strconv.Quote(*answered), id.text)
		}
	case id.arn == (arn.ARN{}) && !strings.HasPrefix(id.text, "alias/"):
		if parsed, err := arn.Parse(*answered); err != nil || parsed.Resource != "key/"+id.text {
			return fmt.Errorf("%w: KMS used %s instead of key %s", ErrKeyNotAllowed, strconv.Quote(*answered), quote.Name(id.text))
		}
	}
	return nil
}

// decryptKeyPolicy decides under which KMS keys a data key may be. Without it,
// anybody who can write to the table could store items under a key of their own
// that the reader's role happens to be allowed to use.
type decryptKeyPolicy struct {
	any    bool
	send   kmsKeyID   // asked for by KeyId; zero: KMS finds the key, and the answer is checked
	accept []kmsKeyID // key ARNs that the answer may name if it was not asked for
}

// newDecryptKeyPolicy accepts own, if it is not zero, and further.
func newDecryptKeyPolicy(own kmsKeyID, further []kmsKeyID, anyKey bool) decryptKeyPolicy {
	if anyKey {
		return decryptKeyPolicy{any: true}
	}
	if !own.isZero() && !own.isKeyARN() {
		return decryptKeyPolicy{send: own, accept: further}
	}
	accept := further
	if !own.isZero() && !slices.Contains(accept, own) {
		accept = append(slices.Clone(accept), own)
	}
	if len(accept) == 1 && !accept[0].isMultiRegion() {
		return decryptKeyPolicy{send: accept[0]}
	}
	return decryptKeyPolicy{accept: accept}
}

// decrypt returns the data key, which it does not look at before the KMS key is
// known to be allowed.
func (p decryptKeyPolicy) decrypt(ctx context.Context, c KMSClient, in *kms.DecryptInput) ([]byte, error) {
	if !p.send.isZero() {
		in.KeyId = aws.String(p.send.text)
	}
	out, err := c.Decrypt(ctx, in)
	asked, check := p.send.text, p.checkAnswer
	var incorrect *types.IncorrectKeyException
	if errors.As(err, &incorrect) && !p.send.isKeyARN() && in.KeyId != nil {
		// The alias may have pointed to another key when the item was written.
		// Only without KeyId does KMS tell which.
		byBlob := *in
		byBlob.KeyId = nil
		blobOut, blobErr := c.Decrypt(ctx, &byBlob)
		// If no further key is accepted, that call was for the name of the key
		// alone, and should it fail the first error says what counts.
		if blobErr == nil || len(p.accept) > 0 {
			out, err = blobOut, blobErr
			asked, check = "", p.checkUnaskedAnswer
		}
	}
	if err != nil {
		return nil, kmsCallError("Decrypt", asked, in.EncryptionContext, err)
	}
	if err := check(out.KeyId); err != nil {
		return nil, err
	}
	if len(out.Plaintext) != dataKeySize {
		return nil, badAnswer("Decrypt", len(out.Plaintext))
	}
	return out.Plaintext, nil
}

func (p decryptKeyPolicy) checkAnswer(answered *string) error {
	switch {
	case p.any:
		return nil
	case p.send.isZero():
		return p.checkUnaskedAnswer(answered)
	default:
		return p.send.checkAnswer(answered)
	}
}

func (p decryptKeyPolicy) checkUnaskedAnswer(answered *string) error {
	if aws.ToString(answered) == "" {
		return fmt.Errorf("%w: KMS did not say which key it used", ErrKeyNotAllowed)
	}
	if parsed, err := arn.Parse(*answered); err == nil {
		for _, id := range p.accept {
			if id.matches(parsed) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: the item's data key is under %s; if that is a key of yours (one that was used before, or to which an alias pointed), list it in DirectKMSOptions.DecryptKeyIDs",
		ErrKeyNotAllowed, strconv.Quote(*answered))
}

// kmsCallError says what a failed call means and what to do. The SDK's error
// stays reachable; names of the encryption context are listed, values never.
func kmsCallError(op, keyID string, kmsContext map[string]string, err error) error {
	about := op
	if keyID != "" {
		about += " with key " + strconv.Quote(keyID)
	}
	var (
		invalid   *types.InvalidCiphertextException
		incorrect *types.IncorrectKeyException
		notFound  *types.NotFoundException
		disabled  *types.DisabledException
		state     *types.KMSInvalidStateException
		api       smithy.APIError
	)
	hint := ""
	switch {
	case errors.As(err, &invalid):
		return fmt.Errorf("%w: %w: %s: the data key is damaged, or belongs to another table name, other key attributes or key values, or another algorithm (encryption context: %s): %w",
			ErrContextMismatch, ErrKMS, about, contextNamesOf(kmsContext), err)
	case errors.As(err, &incorrect):
		return fmt.Errorf("%w: %w: %s: the item's data key is under another KMS key; if that is a key of yours, list its ARN in DirectKMSOptions.DecryptKeyIDs: %w",
			ErrKeyNotAllowed, ErrKMS, about, err)
	case errors.As(err, &notFound):
		hint = "no such key or alias in the client's account and Region: "
	case errors.As(err, &disabled), errors.As(err, &state):
		hint = "the key is disabled or about to be deleted: "
	case errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException":
		hint = fmt.Sprintf("the caller needs the permission kms:%s on the key: ", op)
	}
	return fmt.Errorf("%w: %s: %s%w", ErrKMS, about, hint, err)
}

func contextNamesOf(kmsContext map[string]string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(kmsContext)) {
		names = append(names, quote.Name(name))
	}
	return strings.Join(names, ", ")
}

func badAnswer(op string, size int) error {
	return fmt.Errorf("%w: %s: KMS answered with a data key of %d bytes or without ciphertext, %d bytes were asked for", ErrKMS, op, size, dataKeySize)
}
