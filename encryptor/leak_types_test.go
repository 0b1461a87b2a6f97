package encryptor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// holdNoSecret are the exported types that nothing secret gets into, or that show
// what they hold on purpose.
var holdNoSecret = map[string]string{
	"actions.AttributeActions":      "names and actions",
	"actions.CryptoAction":          "a number",
	"ddbtest.Server":                "a stand-in: it is there to be looked into",
	"encryptor.CanonicalOrder":      "a number",
	"encryptor.Layout":              "names",
	"encryptor.ModifyOptions":       "a number",
	"encryptor.PlaintextPolicy":     "a number",
	"encryptor.Rule":                "a number",
	"encryptor.TableOptions":        "a number",
	"encryptor.WriteAllOptions":     "a number",
	"kmstest.Call":                  "a stand-in's record: it shows the encryption context to tests",
	"kmstest.KMS":                   "a stand-in: it shows its record",
	"kmstest.Server":                "a stand-in",
	"materials.CacheStats":          "counts",
	"materials.DecryptCacheOptions": "times and sizes",
	"materials.KMSStats":            "counts",
	"materials.MostRecentStats":     "counts",
	"materials.RSAOptions":          "a switch",
	"metastore.Options":             "a function",
	"materialstest.Options":         "for tests, which give it secrets as byte slices",
	"tableinfo.Index":               "names",
	"tableinfo.TableInfo":           "names",
}

// leaked is a value that can reach a secret, in all places.
type leaked struct {
	name   string // its type's, after "*" if it is a pointer
	places map[string]any
}

func leak[T any](v T) leaked { return leaked{fmt.Sprintf("%T", v), places(v)} }

// leakWorld has values of all types that can reach a secret, each of which has
// been used, so that nothing in it is left to be made.
type leakWorld struct {
	secrets secrets
	values  []leaked
	// context prints names by itself. Where fmt can call no method of it, other
	// texts show too; that is the one exception.
	context materials.EncryptionContext
}

const (
	leakedText   = "value-of-an-attribute"
	leakedNumber = "90817263544536271"
	leakedEntry  = "value-of-an-entry"
)

func leakedBytes(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// recordingKMS tells which data keys it hands out, and has none in its fields.
type recordingKMS struct {
	*kmstest.KMS
	tell func(plaintext []byte)
}

func (r recordingKMS) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, optFns ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	out, err := r.KMS.GenerateDataKey(ctx, in, optFns...)
	if err == nil {
		r.tell(slices.Clone(out.Plaintext))
	}
	return out, err
}

func newLeakWorld(t *testing.T) *leakWorld {
	t.Helper()
	w := &leakWorld{secrets: make(secrets)}
	w.secrets.add("AES key", leakedBytes("AES"))
	w.secrets.add("HMAC key", leakedBytes("MAC"))
	w.secrets.add("attribute S", []byte(leakedText))
	w.secrets.addDigits("attribute N", leakedNumber)
	w.secrets.add("attribute B", leakedBytes("B"))
	rsaKey := tamperRSAKeys()[0]
	w.secrets["RSA exponent"], w.secrets["RSA prime"] = numberTexts(rsaKey.D), numberTexts(rsaKey.Primes[0])
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ecBytes, err := ecKey.Bytes()
	require.NoError(t, err)
	w.secrets["ECDSA key"] = numberTexts(new(big.Int).SetBytes(ecBytes))

	item := encryptor.Item{
		"id": &itemS{Value: leakedText}, "at": &itemN{Value: leakedNumber}, "data": &itemB{Value: leakedBytes("B")},
		"more": &itemL{Value: []types.AttributeValue{&itemSS{Value: []string{leakedText}}, &itemM{Value: encryptor.Item{"n": &itemN{Value: leakedNumber}}}}},
	}
	w.addMaterials(t, ecKey, item)
	w.addEncryptors(t, item)
	w.addErrors(t, item)
	w.context = materials.EncryptionContext{
		TableName: "customers", PartitionKeyName: "id", SortKeyName: "at", Attributes: item, Encrypted: []string{"data"},
		Description: map[string]string{"entry": leakedEntry},
	}
	return w
}

func (w *leakWorld) add(values ...leaked) { w.values = append(w.values, values...) }

func (w *leakWorld) addMaterials(t *testing.T, ecKey *ecdsa.PrivateKey, item encryptor.Item) {
	t.Helper()
	ctx := t.Context()
	key, mac := aesKey(t, leakedBytes("AES")), hmacKey(t, leakedBytes("MAC"))
	_, err := key.WrapKey(ctx, make([]byte, 16))
	require.NoError(t, err)
	_, err = mac.Sign(ctx, nil)
	require.NoError(t, err)
	rsaKey := tamperRSAKeys()[0]
	var rsaKeys materials.WrappedKeys
	rsaKeys.Wrap, err = materials.NewRSAWrapper(&rsaKey.PublicKey)
	require.NoError(t, err)
	rsaKeys.Unwrap, err = materials.NewRSAUnwrapper(rsaKey)
	require.NoError(t, err)
	rsaKeys.Sign, err = materials.NewSigner(rsaKey, "SHA256withRSA")
	require.NoError(t, err)
	rsaKeys.Verify, err = materials.NewVerifier(&rsaKey.PublicKey, "SHA256withRSA")
	require.NoError(t, err)
	ecSigner, err := materials.NewSigner(ecKey, "SHA256withECDSA")
	require.NoError(t, err)
	enc := materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: map[string]string{"a": "b"}}
	dec := materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac}
	static, err := materials.NewStaticProvider(&enc, &dec)
	require.NoError(t, err)
	wrappedKeys := materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac}
	wrapped := tamperWrapped(t, wrappedKeys)
	w.addMetaStore(t, static, item)

	var dataKey []byte
	k := recordingKMS{kmstest.New(), func(plaintext []byte) { dataKey = plaintext }}
	kmsOptions := func(o *materials.DirectKMSOptions) {
		o.Cache = &materials.DecryptCacheOptions{TTL: time.Minute, Size: 10}
		o.Description = map[string]string{"entry": "text"}
		o.KeyFor = func(materials.EncryptionContext) (string, error) { return "alias/a", nil }
	}
	k.CreateKey("alias/a")
	direct, err := materials.NewDirectKMSProvider(k, "", kmsOptions)
	require.NoError(t, err)
	e := newItemEncryptor(t, direct)
	stored, err := e.Encrypt(ctx, item)
	require.NoError(t, err)
	_, err = e.Decrypt(ctx, stored) // its keys are now in the cache
	require.NoError(t, err)
	w.secrets.add("data key", dataKey)
	for info, name := range map[string]string{"Encryption": "content key", "Signing": "signing key"} {
		derived, err := hkdf.Key(sha256.New, dataKey, nil, info, 32)
		require.NoError(t, err)
		w.secrets.add(name, derived)
	}
	var o materials.DirectKMSOptions
	kmsOptions(&o)
	w.add(
		leak(key), leak(*key), leak(mac), leak(*mac), leak[materials.Signer](mac), leak(ecSigner),
		leak(rsaKeys.Wrap), leak(rsaKeys.Unwrap), leak(rsaKeys.Sign), leak(rsaKeys.Verify),
		leak(enc), leak(dec), leak(wrappedKeys), leak(rsaKeys), leak(static), leak(wrapped), leak(tamperWrapped(t, rsaKeys)),
		leak(direct), leak(o), leak(materials.CacheOptions{NameFor: o.KeyFor}),
	)
}

// addMetaStore adds a store, and a provider that has used it, whose keys are
// secrets, too.
func (w *leakWorld) addMetaStore(t *testing.T, rows materials.CryptographicMaterialsProvider, item encryptor.Item) {
	t.Helper()
	ctx := t.Context()
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	db := server.Client()
	require.NoError(t, metastore.CreateTable(ctx, db, "meta"))
	table, err := encryptor.NewEncryptedTable(ctx, db, "meta", rows)
	require.NoError(t, err)
	store, err := metastore.New(table)
	require.NoError(t, err)
	recent, err := materials.NewCachingMostRecentProvider(store, "material", time.Minute)
	require.NoError(t, err)
	e := newItemEncryptor(t, recent)
	stored, err := e.Encrypt(ctx, item)
	require.NoError(t, err)
	_, err = e.Decrypt(ctx, stored)
	require.NoError(t, err)

	key := encryptor.Item{"N": &itemS{Value: "material"}, "V": &itemN{Value: "0"}}
	row, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key})
	require.NoError(t, err)
	w.secrets.add("wrapping key of a version", row.Item["enc"].(*itemB).Value)
	w.secrets.add("signing key of a version", row.Item["int"].(*itemB).Value)

	row.Item["id"] = &itemS{Value: leakedText}
	_, err = db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("meta"), Item: row.Item})
	require.NoError(t, err)
	_, err = store.Provider(ctx, "material", 0) // of a row that is plaintext now
	var failure *metastore.Error
	require.ErrorAs(t, err, &failure)
	w.add(leak(store), leak(recent), leak(failure), leak(*failure))
}

func (w *leakWorld) addEncryptors(t *testing.T, item encryptor.Item) {
	t.Helper()
	key, mac := aesKey(t, leakedBytes("AES")), hmacKey(t, leakedBytes("MAC"))
	p, err := materials.NewStaticProvider(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac}, &materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
	require.NoError(t, err)
	var reads itemReads
	var options encryptor.Options
	reads.option(&options)
	e := newItemEncryptor(t, p, func(o *encryptor.Options) { *o = options })
	stored, err := e.Encrypt(t.Context(), item)
	require.NoError(t, err)
	_, err = e.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	diagnosis, err := e.Diagnose(t.Context(), itemWith(stored, "data", &itemS{Value: leakedText}))
	require.NoError(t, err)
	f := newFixture(t)
	table, err := encryptor.NewTable(f.raw, e)
	require.NoError(t, err)
	client, err := encryptor.NewEncryptedClient(f.raw, []encryptor.ItemCodec{e})
	require.NoError(t, err)
	request := types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
	w.add(
		leak(e), leak(table), leak(client), leak(options), leak(encryptor.ClientOptions{AllowPlaintextTables: []string{notes}}),
		leak(diagnosis), leak(encryptor.SignatureChange{Attribute: "data"}), leak(reads.infos[0]),
		leak(encryptor.WriteReport{Written: 1, Unsent: []types.WriteRequest{request, deleteRequest(item)}, Unknown: []types.WriteRequest{request}}),
	)
}

// addErrors adds errors about items with secrets, of every kind that carries one.
func (w *leakWorld) addErrors(t *testing.T, item encryptor.Item) {
	t.Helper()
	f := newFixture(t)
	customer := itemWith(itemWith(item, "pk", &itemS{Value: leakedText}), "sk", &itemN{Value: leakedNumber})
	key := encryptor.Item{"pk": customer["pk"], "sk": customer["sk"]}
	fail := func(out any, err error) {
		t.Helper()
		require.Error(t, err)
		w.add(leak(err))
		var itemError *encryptor.ItemError
		if errors.As(err, &itemError) {
			w.add(leak(itemError), leak(*itemError))
		}
	}
	get := func() (*dynamodb.GetItemOutput, error) {
		return f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: key})
	}
	f.put(t, customer)
	fail(f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer, ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}))
	fail(f.table.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{
		Item: customer, ConditionExpression: unmet, ReturnValuesOnConditionCheckFailure: allOldOnFailure}}}}))
	f.damage(t, key)
	fail(get())
	fail(f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer, ReturnValues: types.ReturnValueAllOld}))
	_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer})
	require.NoError(t, err)
	fail(get())
	f.kms.DisableKey(f.key)
	fail(f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer}))
	for _, bad := range []types.AttributeValue{&itemN{Value: leakedNumber + "x"}, &itemS{Value: leakedText + "\xff"}, &itemNS{Value: []string{leakedNumber, leakedNumber}}, &itemSS{Value: []string{leakedText, leakedText + "\xff"}}} {
		fail(f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: itemWith(customer, "bad", bad)}))
	}
	fail(f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: itemWith(customer, "sk", &itemN{Value: leakedNumber + "x"})}))
	fail(f.table.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{Key: key, UpdateExpression: aws.String("SET id = '" + leakedText + "'")}))
	fail(f.table.Modify(t.Context(), key, func(encryptor.Item) error { return nil }))
}

// TestNothingLeaks prints everything that can reach a key or a value in every way.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	w := newLeakWorld(t)

	// Without this a fault of the search would pass for silence.
	for name, v := range map[string]any{"AES key": leakedBytes("AES"), "attribute B": leakedBytes("B"), "attribute S": leakedText, "attribute N": leakedNumber} {
		for printer, print := range printers() {
			if slices.Contains([]string{"%t", "%T", "%10.3v", "%c", "%U"}, printer) {
				continue // by which these values do not show
			}
			require.NotEmpty(t, w.secrets.in(print(v)), "%s by %s is not found out", name, printer)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x"} {
		require.NotEmpty(t, w.secrets.in(fmt.Sprintf(verb, inStruct[big.Int]{hidden: *tamperRSAKeys()[0].D})), "%s of a number", verb)
		require.NotEmpty(t, w.secrets.in(fmt.Sprintf(verb, inStruct[[]byte]{hidden: leakedBytes("AES")})), "%s of a hidden key", verb)
	}

	checked := 0
	for _, v := range w.values {
		for place, value := range v.places {
			for printer, print := range printers() {
				checked++
				text := print(value)
				require.NotEmpty(t, text)
				require.Empty(t, w.secrets.in(text), "%s %s by %s: %s", v.name, place, printer, text)
			}
		}
	}
	require.Greater(t, checked, 5000)
	t.Logf("%d values, %d prints", len(w.values), checked)
}

// An EncryptionContext shows names only, but for where fmt can call no method of
// it: in an unexported field of somebody's. That is the one exception, and it is
// documented with the type.
func TestEncryptionContextLeaks(t *testing.T) {
	t.Parallel()
	w := newLeakWorld(t)
	w.secrets.add("entry", []byte(leakedEntry))
	hidden := []string{"in a struct", "pointer in struct", "pointer to struct", "in an interface", "in a struct of these"}
	shown := make(map[string]bool)
	for place, value := range places(w.context) {
		for printer, print := range printers() {
			leak := w.secrets.in(print(value))
			if !slices.Contains(hidden, place) {
				require.Empty(t, leak, "%s by %s", place, printer)
			} else if leak != "" {
				shown[place] = true
			}
		}
	}
	require.Len(t, shown, len(hidden), "the exception has become smaller: say so where EncryptionContext is documented")
	for printer, print := range printers() {
		require.Empty(t, w.secrets.in(print(inInterface{Shown: w.context})), "an exported field, by %s", printer)
	}
}

// TestEveryTypeIsLookedAt finds exported types that are neither in the table of
// values nor known to hold no secret.
func TestEveryTypeIsLookedAt(t *testing.T) {
	t.Parallel()
	looked := map[string]bool{"materials.EncryptionContext": true}
	for _, v := range newLeakWorld(t).values {
		looked[strings.TrimLeft(v.name, "*")] = true
	}
	declared := exportedTypes(t)
	require.Contains(t, declared, "materials.AESKey")
	for name := range declared {
		_, harmless := holdNoSecret[name]
		require.True(t, looked[name] || harmless, "%s is new: print one in newLeakWorld, or say in holdNoSecret why it needs none", name)
		require.False(t, looked[name] && harmless, "%s is in both lists", name)
	}
	for name := range holdNoSecret {
		require.True(t, declared[name], "holdNoSecret has %s, which there is not", name)
	}
}

// exportedTypes returns the exported types of the module's packages, interfaces
// and aliases aside, as in "materials.AESKey".
func exportedTypes(t *testing.T) map[string]bool {
	t.Helper()
	declared := make(map[string]bool)
	root := ".."
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			if nested := err == nil && file != root; nested || slices.Contains([]string{"internal", "examples", "testdata"}, entry.Name()) ||
				file != root && strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		case path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				_, isFunc := n.(*ast.FuncDecl)
				return !isFunc
			}
			if _, isInterface := spec.Type.(*ast.InterfaceType); !isInterface && spec.Name.IsExported() && !spec.Assign.IsValid() {
				declared[parsed.Name.Name+"."+spec.Name.Name] = true
			}
			return false
		})
		return nil
	}))
	return declared
}
