// Package materialstest tests a materials provider of your own against what the
// encryptor relies on:
//
//	func TestMyProvider(t *testing.T) {
//		materialstest.TestProvider(t, myProvider, func(o *materialstest.Options) {
//			o.Secrets = [][]byte{key} // must not be printed anywhere
//		})
//	}
//
// Run it with -race, since part of it is about concurrent use.
package materialstest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/materials"
)

// Options configures [TestProvider].
type Options struct {
	// Contexts are the items to ask for, as they are before encryption. Without
	// any, TestProvider asks for some of its own: with keys of each type, with
	// and without sort key.
	Contexts []materials.EncryptionContext
	// Reader reads what the provider wrote, if that is not the provider itself:
	// one that only encrypts is tested together with one that only decrypts.
	Reader materials.CryptographicMaterialsProvider
	// Secrets are keys that the provider was made with. TestProvider looks for
	// them in whatever the provider, its materials and its errors print.
	Secrets [][]byte
}

// TestProvider reports on t whatever of this does not hold:
//
//   - What is signed on encrypt verifies on decrypt, other data do not
//     (ErrSignature), and both sides have the same content key or none.
//   - The description can be written into an item: it is UTF-8 and leaves the
//     encryptor's own entries to the encryptor.
//   - Decrypting never makes a key: a damaged description gives an error of
//     package materials, the right keys, or wrong ones that are the same each
//     time, but never a panic.
//   - The context's maps and values are not modified.
//   - Neither values of items nor Options.Secrets are printed.
//   - All of it may be done by several goroutines at once.
//
// It asks for materials some hundred times. For a provider that calls KMS give it
// a fake, such as kmstest.
func TestProvider(t testing.TB, p materials.CryptographicMaterialsProvider, optFns ...func(*Options)) {
	t.Helper()
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	if len(o.Contexts) == 0 {
		o.Contexts = sampleContexts()
	}
	if o.Reader == nil {
		o.Reader = p
	}
	secrets := slices.Clone(o.Secrets)
	for _, ec := range o.Contexts {
		secrets = append(secrets, valuesOf(ec)...)
	}
	s := &suite{TB: t, writer: p, reader: o.Reader, secrets: secretsOf(secrets)}
	for _, ec := range o.Contexts {
		written := s.roundTrip(ec)
		if written == nil {
			continue // said why already
		}
		s.damaged(ec, written)
	}
	s.canceled(o.Contexts)
	if !s.failed { // else several goroutines would say the same, and more confusedly
		s.concurrent(o.Contexts)
	}
	s.checkPrints("the provider", p)
	s.checkPrints("the reader", o.Reader)
}

// suite reports through its TB, and never by FailNow: one fault does not hide
// another.
type suite struct {
	testing.TB
	writer, reader materials.CryptographicMaterialsProvider
	secrets        []secret
	failed         bool // before anything was concurrent
}

func (s *suite) fail(format string, args ...any) {
	s.Helper()
	s.failed = true
	s.Errorf(format, args...)
}

var signedData = []byte("what an encryptor signs")

// roundTrip returns the description that was written, nil if there is none.
func (s *suite) roundTrip(ec materials.EncryptionContext) map[string]string {
	s.Helper()
	before := cloneContext(ec)
	enc, err := s.writer.EncryptionMaterials(s.Context(), ec)
	s.checkUnmodified("EncryptionMaterials", before, ec)
	switch {
	case err != nil:
		s.fail("EncryptionMaterials for %v: %v", ec, err)
		s.checkError("EncryptionMaterials", err)
		return nil
	case enc == nil || enc.SigningKey == nil:
		s.fail("EncryptionMaterials for %v: no error and no SigningKey", ec)
		return nil
	}
	s.checkPrints("EncryptionMaterials' result", enc)
	s.checkDescription(enc.Description)

	read := storedContext(ec, enc.Description)
	before = cloneContext(read)
	dec, err := s.reader.DecryptionMaterials(s.Context(), read)
	s.checkUnmodified("DecryptionMaterials", before, read)
	switch {
	case err != nil:
		s.fail("DecryptionMaterials for %v: %v", read, err)
		return nil
	case dec == nil || dec.VerificationKey == nil:
		s.fail("DecryptionMaterials for %v: no error and no VerificationKey", read)
		return nil
	}
	s.checkPrints("DecryptionMaterials' result", dec)
	if err := samePair(s.Context(), enc, dec); err != nil {
		s.fail("materials for %v: %v", ec, err)
	}
	if enc.Description == nil {
		return map[string]string{}
	}
	return enc.Description
}

// samePair tells whether what one side writes the other can read.
func samePair(ctx context.Context, enc *materials.EncryptionMaterials, dec *materials.DecryptionMaterials) error {
	if e, d := enc.SigningKey.Algorithm(), dec.VerificationKey.Algorithm(); e == "" || e != d {
		return errors.New("SigningKey and VerificationKey name no algorithm or not the same one")
	}
	signature, err := enc.SigningKey.Sign(ctx, signedData)
	if err != nil {
		return err
	}
	if len(signature) == 0 {
		return errors.New("SigningKey made an empty signature")
	}
	if err := dec.VerificationKey.Verify(ctx, signedData, signature); err != nil {
		return errors.Join(errors.New("VerificationKey does not verify what SigningKey signed"), err)
	}
	if err := dec.VerificationKey.Verify(ctx, append([]byte("not "), signedData...), signature); !errors.Is(err, materials.ErrSignature) {
		return errors.New("VerificationKey does not answer ErrSignature to a signature of other data")
	}
	for _, bad := range [][]byte{nil, {}, signature[:len(signature)-1], append(signature[:len(signature):len(signature)], 0)} {
		if err := dec.VerificationKey.Verify(ctx, signedData, bad); !errors.Is(err, materials.ErrSignature) {
			return errors.New("VerificationKey does not answer ErrSignature to a signature of wrong length")
		}
	}
	if !sameKey(ctx, enc.EncryptionKey, dec.DecryptionKey) {
		return errors.New("EncryptionKey and DecryptionKey are not the same key")
	}
	return nil
}

// sameKey compares by what the keys do, since they show nothing.
func sameKey(ctx context.Context, a, b *materials.AESKey) bool {
	if a == nil || b == nil {
		return a == b
	}
	key := make([]byte, 32)
	wrapped, err := a.WrapKey(ctx, key)
	if err != nil {
		return false
	}
	_, err = b.UnwrapKey(ctx, b.Algorithm(), wrapped)
	return err == nil
}

// encryptorEntries are written by the encryptor, whatever a provider says.
var encryptorEntries = []string{"amzn-ddb-map-sym-mode", "amzn-ddb-map-signingAlg"}

func (s *suite) checkDescription(description map[string]string) {
	s.Helper()
	for name, value := range description {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			s.fail("description entry %q is not UTF-8: nobody could read the item", name)
		}
	}
	for _, name := range encryptorEntries {
		if _, ok := description[name]; ok {
			s.fail("description entry %q belongs to the encryptor", name)
		}
	}
}

// damaged reads an item whose description somebody has changed.
func (s *suite) damaged(ec materials.EncryptionContext, written map[string]string) {
	s.Helper()
	for name := range written {
		without := make(map[string]string)
		for n, value := range written {
			if n != name {
				without[n] = value
			}
		}
		s.readDamaged("without entry "+name, ec, without)
		for _, value := range []string{"", "x", "\x00", "AES/0", "AES/99999", "a#b#1", "#", "a#-1", "a#99999999999999999999", "AAAA", strings.Repeat("A", 4096), written[name] + "A"} {
			changed := make(map[string]string, len(written))
			for n, v := range written {
				changed[n] = v
			}
			changed[name] = value
			s.readDamaged("with another entry "+name, ec, changed)
		}
	}
	s.readDamaged("without description", ec, nil)
}

func (s *suite) readDamaged(what string, ec materials.EncryptionContext, description map[string]string) {
	s.Helper()
	read := storedContext(ec, description)
	before := cloneContext(read)
	first, err := s.decryptOrPanic(what, read)
	s.checkUnmodified("DecryptionMaterials "+what, before, read)
	if err != nil {
		s.checkError("DecryptionMaterials "+what, err)
		return
	}
	if first == nil || first.VerificationKey == nil {
		s.fail("DecryptionMaterials %s: no error and no VerificationKey", what)
		return
	}
	second, err := s.decryptOrPanic(what, read)
	if err != nil || second == nil || !sameKey(s.Context(), first.DecryptionKey, second.DecryptionKey) {
		s.fail("DecryptionMaterials %s: each call answers differently; is the key made up?", what)
	}
}

func (s *suite) decryptOrPanic(what string, ec materials.EncryptionContext) (m *materials.DecryptionMaterials, err error) {
	s.Helper()
	defer func() {
		if r := recover(); r != nil {
			s.fail("DecryptionMaterials %s: panic: %v", what, r)
			err = materials.ErrNoDecryptionMaterials
		}
	}()
	return s.reader.DecryptionMaterials(s.Context(), ec)
}

// known are the errors by which a caller tells what happened.
var known = []error{
	materials.ErrNoEncryptionMaterials, materials.ErrNoDecryptionMaterials, materials.ErrVersionNotFound, materials.ErrKeyNotAllowed,
	materials.ErrUnwrap, materials.ErrFormat, materials.ErrContextMismatch, materials.ErrKMS, materials.ErrStore,
	context.Canceled, context.DeadlineExceeded,
}

func (s *suite) checkError(what string, err error) {
	s.Helper()
	is := false
	for _, k := range known {
		is = is || errors.Is(err, k)
	}
	if !is {
		s.fail("%s: the error wraps none of package materials: %v", what, err)
	}
	s.checkPrints(what+"'s error", err)
}

// concurrent has all contexts served by several goroutines, which share them.
func (s *suite) concurrent(contexts []materials.EncryptionContext) {
	s.Helper()
	var wg sync.WaitGroup
	for range 4 {
		for _, ec := range contexts {
			wg.Go(func() {
				enc, err := s.writer.EncryptionMaterials(s.Context(), ec)
				if err != nil || enc == nil || enc.SigningKey == nil {
					return // reported by roundTrip
				}
				dec, err := s.reader.DecryptionMaterials(s.Context(), storedContext(ec, enc.Description))
				if err != nil || dec == nil || dec.VerificationKey == nil {
					s.Errorf("DecryptionMaterials, several at once: %v", err)
					return
				}
				if err := samePair(s.Context(), enc, dec); err != nil {
					s.Errorf("several at once: %v", err)
				}
			})
		}
	}
	wg.Wait()
}

// canceled allows a provider not to look at its context; but an error it then
// gives must say so.
func (s *suite) canceled(contexts []materials.EncryptionContext) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for _, ec := range contexts {
		if _, err := s.writer.EncryptionMaterials(ctx, ec); err != nil && !errors.Is(err, context.Canceled) {
			s.fail("EncryptionMaterials with a canceled context: the error does not wrap context.Canceled: %v", err)
		}
	}
}

func (s *suite) checkUnmodified(what string, before, after materials.EncryptionContext) {
	s.Helper()
	if !reflect.DeepEqual(before, after) {
		s.fail("%s modified its context %v", what, before)
	}
}

func sampleContexts() []materials.EncryptionContext {
	attributes := func() map[string]types.AttributeValue {
		return map[string]types.AttributeValue{
			"text": &types.AttributeValueMemberS{Value: "canary-text"},
			"data": &types.AttributeValueMemberB{Value: []byte("canary-data")},
			"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: "271828182845"}}},
		}
	}
	keys := []types.AttributeValue{
		&types.AttributeValueMemberS{Value: "canary-key"},
		&types.AttributeValueMemberN{Value: "314159265358"},
		&types.AttributeValueMemberB{Value: []byte("canary-binary-key")},
	}
	var contexts []materials.EncryptionContext
	for i, key := range keys {
		ec := materials.EncryptionContext{TableName: "materialstest", PartitionKeyName: "pk", Attributes: attributes(), Encrypted: []string{"data", "list", "text"}}
		ec.Attributes["pk"] = key
		contexts = append(contexts, ec)

		sorted := ec
		sorted.SortKeyName = "sk"
		sorted.Attributes = attributes()
		sorted.Attributes["pk"], sorted.Attributes["sk"] = key, keys[(i+1)%len(keys)]
		contexts = append(contexts, sorted)
	}
	return contexts
}
