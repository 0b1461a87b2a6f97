package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// The attributes of the format, written out: a test that took them from the
// implementation would follow it into a typing error.
const (
	itemSignature   = "*amzn-ddb-map-sig*"
	itemDescription = "*amzn-ddb-map-desc*"
)

type (
	itemS    = types.AttributeValueMemberS
	itemN    = types.AttributeValueMemberN
	itemB    = types.AttributeValueMemberB
	itemSS   = types.AttributeValueMemberSS
	itemNS   = types.AttributeValueMemberNS
	itemBS   = types.AttributeValueMemberBS
	itemL    = types.AttributeValueMemberL
	itemM    = types.AttributeValueMemberM
	itemBool = types.AttributeValueMemberBOOL
	itemNull = types.AttributeValueMemberNULL

	itemActions = map[string]actions.CryptoAction
)

func itemContentKey() []byte { return itemBytes(0x00, 32) }
func itemMACKey() []byte     { return itemBytes(0x20, 32) }

func itemBytes(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// itemTable is the table of most tests.
func itemTable() tableinfo.TableInfo {
	return tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id", SortKey: "at"}}
}

// itemPlain has a value of each of the ten types; no value is short enough to
// stand in an error by chance.
func itemPlain() encryptor.Item {
	return encryptor.Item{
		"id":       &itemS{Value: "hush-customer"},
		"at":       &itemN{Value: "1700000001"},
		"string":   &itemS{Value: "hush-ünï😀"},
		"number":   &itemN{Value: "-98765.4300"},
		"binary":   &itemB{Value: []byte("hush-binary\x00\xff")},
		"yes":      &itemBool{Value: true},
		"no":       &itemBool{Value: false},
		"null":     &itemNull{Value: true},
		"strings":  &itemSS{Value: []string{"hush-b", "hush-a", "hush-c"}},
		"numbers":  &itemNS{Value: []string{"80002", "80001E1", "-8000.30"}},
		"binaries": &itemBS{Value: [][]byte{[]byte("hush-2"), []byte("hush-1"), {}}},
		"list":     &itemL{Value: []types.AttributeValue{&itemS{Value: "hush-element"}, &itemL{}, &itemN{Value: "90001"}, &itemNull{Value: true}}},
		"map": &itemM{Value: map[string]types.AttributeValue{
			"b": &itemSS{Value: []string{"hush-z", "hush-y"}}, "a": &itemM{Value: encryptor.Item{"deep": &itemB{Value: []byte("hush-deep")}}},
		}},
	}
}

// itemEncrypted are the names in itemPlain that the default actions encrypt.
func itemEncrypted() []string {
	return []string{"binaries", "binary", "list", "map", "no", "null", "number", "numbers", "string", "strings", "yes"}
}

// itemSecrets are the texts of an item's values that no error may show.
func itemSecrets(values ...types.AttributeValue) []string {
	var secrets []string
	add := func(texts ...string) {
		for _, text := range texts {
			if len(text) >= 5 {
				secrets = append(secrets, text)
			}
		}
	}
	for _, v := range values {
		switch v := v.(type) {
		case *itemS:
			if v != nil {
				add(v.Value)
			}
		case *itemN:
			if v != nil {
				add(v.Value)
			}
		case *itemB:
			if v != nil {
				add(string(v.Value), fmt.Sprintf("%x", v.Value), fmt.Sprint(v.Value))
			}
		case *itemSS:
			if v != nil {
				add(v.Value...)
			}
		case *itemNS:
			if v != nil {
				add(v.Value...)
			}
		case *itemBS:
			if v != nil {
				for _, member := range v.Value {
					add(string(member), fmt.Sprint(member))
				}
			}
		case *itemL:
			if v != nil {
				secrets = append(secrets, itemSecrets(v.Value...)...)
			}
		case *itemM:
			if v != nil {
				for _, inner := range v.Value {
					secrets = append(secrets, itemSecrets(inner)...)
				}
			}
		}
	}
	return secrets
}

// requireItemFault requires that err is want, tells which attribute is at fault
// (unless that is empty), and shows no value of items.
func requireItemFault(t testing.TB, err, want error, attribute string, items ...encryptor.Item) {
	t.Helper()
	require.ErrorIs(t, err, want)
	if attribute != "" {
		var named interface{ AttributeName() string }
		require.ErrorAs(t, err, &named)
		require.Equal(t, attribute, named.AttributeName())
		if len(attribute) <= 64 {
			require.Contains(t, err.Error(), fmt.Sprintf("%q", attribute))
		}
	}
	requireItemSecrecy(t, err, items...)
}

// keyID is that of a KMS key, whose random digits may be those of a value.
var keyID = regexp.MustCompile(`key/(mrk-)?[0-9a-f-]{32,36}`)

func requireItemSecrecy(t testing.TB, err error, items ...encryptor.Item) {
	t.Helper()
	for _, text := range []string{err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		text = keyID.ReplaceAllString(text, "key/…")
		require.NotContains(t, text, "hush")
		for _, item := range items {
			for _, v := range item {
				for _, secret := range itemSecrets(v) {
					require.NotContains(t, text, secret)
				}
			}
		}
	}
}

// itemClone copies an item with all that it refers to.
func itemClone(item encryptor.Item) encryptor.Item {
	if item == nil {
		return nil
	}
	clone := make(encryptor.Item, len(item))
	for name, v := range item {
		clone[name] = itemCloneValue(v)
	}
	return clone
}

func itemCloneValue(v types.AttributeValue) types.AttributeValue {
	switch v := v.(type) {
	case *itemS:
		return itemClonePointer(v)
	case *itemN:
		return itemClonePointer(v)
	case *itemBool:
		return itemClonePointer(v)
	case *itemNull:
		return itemClonePointer(v)
	case *itemB:
		if v == nil {
			return v
		}
		return &itemB{Value: slices.Clone(v.Value)}
	case *itemSS:
		if v == nil {
			return v
		}
		return &itemSS{Value: slices.Clone(v.Value)}
	case *itemNS:
		if v == nil {
			return v
		}
		return &itemNS{Value: slices.Clone(v.Value)}
	case *itemBS:
		if v == nil {
			return v
		}
		members := slices.Clone(v.Value)
		for i := range members {
			members[i] = slices.Clone(members[i])
		}
		return &itemBS{Value: members}
	case *itemL:
		if v == nil {
			return v
		}
		elements := slices.Clone(v.Value)
		for i := range elements {
			elements[i] = itemCloneValue(elements[i])
		}
		return &itemL{Value: elements}
	case *itemM:
		if v == nil {
			return v
		}
		return &itemM{Value: itemClone(v.Value)}
	default:
		return v
	}
}

func itemClonePointer[T any](v *T) *T {
	if v == nil {
		return nil
	}
	clone := *v
	return &clone
}

// itemWith returns a copy of an item with one attribute set, or removed if v is
// nil.
func itemWith(item encryptor.Item, name string, v types.AttributeValue) encryptor.Item {
	clone := itemClone(item)
	if v == nil {
		delete(clone, name)
	} else {
		clone[name] = v
	}
	return clone
}

// itemProvider has fixed keys, unless a test says otherwise, and counts what it
// is asked.
type itemProvider struct {
	encrypt func(context.Context, materials.EncryptionContext) (*materials.EncryptionMaterials, error)
	decrypt func(context.Context, materials.EncryptionContext) (*materials.DecryptionMaterials, error)

	encryptions, decryptions atomic.Int64
}

func (p *itemProvider) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	p.encryptions.Add(1)
	return p.encrypt(ctx, ec)
}

func (p *itemProvider) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	p.decryptions.Add(1)
	return p.decrypt(ctx, ec)
}

// newItemProvider returns the provider whose keys itemModel has.
func newItemProvider(t testing.TB) *itemProvider {
	key, mac := aesKey(t, itemContentKey()), hmacKey(t, itemMACKey())
	return newItemProviderOf(
		&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac},
	)
}

func newItemProviderOf(enc *materials.EncryptionMaterials, dec *materials.DecryptionMaterials) *itemProvider {
	return &itemProvider{
		encrypt: func(context.Context, materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
			return enc, nil
		},
		decrypt: func(context.Context, materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
			return dec, nil
		},
	}
}

// itemVerifier counts and records what it is asked to verify.
type itemVerifier struct {
	materials.Verifier
	err error // returned instead of verifying, if set

	mu   sync.Mutex
	seen []string
}

func newItemVerifier(t testing.TB) *itemVerifier {
	return &itemVerifier{Verifier: hmacKey(t, itemMACKey())}
}

func (v *itemVerifier) Verify(ctx context.Context, data, sig []byte) error {
	v.mu.Lock()
	v.seen = append(v.seen, string(data))
	v.mu.Unlock()
	if v.err != nil {
		return v.err
	}
	return v.Verifier.Verify(ctx, data, sig)
}

func (v *itemVerifier) calls() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.seen)
}

// provider returns a provider that hands out v.
func (v *itemVerifier) provider(t testing.TB) *itemProvider {
	key := aesKey(t, itemContentKey())
	return newItemProviderOf(
		&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: hmacKey(t, itemMACKey())},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: v},
	)
}

func newItemEncryptor(t testing.TB, p materials.CryptographicMaterialsProvider, optFns ...func(*encryptor.Options)) *encryptor.ItemEncryptor {
	t.Helper()
	return newItemEncryptorOn(t, itemTable(), p, optFns...)
}

func newItemEncryptorOn(t testing.TB, info tableinfo.TableInfo, p materials.CryptographicMaterialsProvider, optFns ...func(*encryptor.Options)) *encryptor.ItemEncryptor {
	t.Helper()
	e, err := encryptor.New(p, info, optFns...)
	require.NoError(t, err)
	return e
}

func itemOptions(byDefault actions.CryptoAction, overrides itemActions) func(*encryptor.Options) {
	return func(o *encryptor.Options) {
		o.Actions = actions.AttributeActions{Default: byDefault, Overrides: overrides}
	}
}

func itemPrevious(sets ...actions.AttributeActions) func(*encryptor.Options) {
	return func(o *encryptor.Options) { o.PreviousActions = sets }
}

func itemAccept(names ...string) func(*encryptor.Options) {
	return func(o *encryptor.Options) { o.AcceptTableNames = names }
}

func itemOrder(order encryptor.CanonicalOrder) func(*encryptor.Options) {
	return func(o *encryptor.Options) { o.Order = order }
}

func itemPlaintext(o *encryptor.Options)    { o.Plaintext = encryptor.AllowPlaintextReads }
func itemUnsignedKeys(o *encryptor.Options) { o.UnsignedKeys = true }

// itemReads records what OnRead is told.
type itemReads struct {
	infos []encryptor.ReadInfo
	keys  []encryptor.Item
}

func (r *itemReads) option(o *encryptor.Options) {
	o.OnRead = func(_ context.Context, key encryptor.Item, info encryptor.ReadInfo) error {
		r.keys = append(r.keys, key)
		r.infos = append(r.infos, info)
		return nil
	}
}

func newItemKMS(t testing.TB) (*kmstest.KMS, *materials.DirectKMSProvider) {
	t.Helper()
	k := kmstest.New()
	p, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	return k, p
}

func itemKMSCalls(k *kmstest.KMS, op string) int {
	n := 0
	for _, call := range k.Calls() {
		if call.Op == op {
			n++
		}
	}
	return n
}

// itemStored returns the item as DynamoDB returns it: numbers in canonical
// spelling, members of sets in another order.
func itemStored(t testing.TB, item encryptor.Item) encryptor.Item {
	t.Helper()
	clone := itemClone(item)
	for name, v := range clone {
		clone[name] = itemStoredValue(t, v)
	}
	return clone
}

func itemStoredValue(t testing.TB, v types.AttributeValue) types.AttributeValue {
	number := func(text string) string {
		canonical, ok := modelNumber(text)
		require.True(t, ok)
		return canonical
	}
	switch v := v.(type) {
	case *itemN:
		v.Value = number(v.Value)
	case *itemNS:
		for i := range v.Value {
			v.Value[i] = number(v.Value[i])
		}
		slices.Reverse(v.Value)
	case *itemSS:
		slices.Reverse(v.Value)
	case *itemBS:
		slices.Reverse(v.Value)
	case *itemL:
		for i := range v.Value {
			v.Value[i] = itemStoredValue(t, v.Value[i])
		}
	case *itemM:
		for key := range v.Value {
			v.Value[key] = itemStoredValue(t, v.Value[key])
		}
	}
	return v
}

// itemErrors are the errors that Decrypt documents; anything else from it is
// itself a fault.
func isItemReadError(err error) bool {
	for _, want := range []error{
		encryptor.ErrFormat, encryptor.ErrUnsigned, encryptor.ErrInvalidSignature, encryptor.ErrAmbiguousName,
		materials.ErrNoDecryptionMaterials,
	} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

func itemRepeat(s string, n int) string { return strings.Repeat(s, n) }
