package encryptor_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// tamperProviders are the columns of the table.
var tamperProviders = []string{tamperStatic, tamperAES, tamperRSA, tamperRecent, tamperKMS}

const (
	tamperStatic = "static"
	tamperAES    = "wrapped AES"
	tamperRSA    = "wrapped RSA"
	tamperRecent = "most recent"
	tamperKMS    = "Direct KMS"
)

var tamperRSAKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// tamperKeys returns the provider of the table's owner, and that of an attacker
// who has keys of their own and whatever of the owner's is public.
func tamperKeys(t testing.TB, name string, kmsOptions ...func(*materials.DirectKMSOptions)) (owner, attacker materials.CryptographicMaterialsProvider) {
	t.Helper()
	switch name {
	case tamperStatic:
		static := func(first byte) *materials.StaticProvider {
			key, mac := aesKey(t, itemBytes(first, 32)), hmacKey(t, itemBytes(first+32, 32))
			p, err := materials.NewStaticProvider(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
				&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
			require.NoError(t, err)
			return p
		}
		return static(0), static(100)
	case tamperAES:
		wrapped := func(first byte) *materials.WrappedProvider {
			key, mac := aesKey(t, itemBytes(first, 32)), hmacKey(t, itemBytes(first+32, 32))
			return tamperWrapped(t, materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac})
		}
		return wrapped(0), wrapped(100)
	case tamperRSA:
		keys := tamperRSAKeys()
		wrap, err := materials.NewRSAWrapper(&keys[0].PublicKey) // which the attacker has, too
		require.NoError(t, err)
		unwrap, err := materials.NewRSAUnwrapper(keys[0])
		require.NoError(t, err)
		verify, err := materials.NewVerifier(&keys[0].PublicKey, "SHA256withRSA")
		require.NoError(t, err)
		var signers [2]materials.Signer
		for i, key := range keys {
			signers[i], err = materials.NewSigner(key, "SHA256withRSA")
			require.NoError(t, err)
		}
		return tamperWrapped(t, materials.WrappedKeys{Wrap: wrap, Unwrap: unwrap, Sign: signers[0], Verify: verify}),
			tamperWrapped(t, materials.WrappedKeys{Wrap: wrap, Sign: signers[1]})
	case tamperRecent:
		return tamperMostRecent(t, 0), tamperMostRecent(t, 100)
	default:
		k := kmstest.New()
		var err error
		owner, err = materials.NewDirectKMSProvider(k, k.CreateKey(), kmsOptions...)
		require.NoError(t, err)
		attacker, err = materials.NewDirectKMSProvider(k, k.CreateKey())
		require.NoError(t, err)
		return owner, attacker
	}
}

// tamperMostRecent has a meta table of its own, in which the material has two
// versions and items are written under the second.
func tamperMostRecent(t testing.TB, first byte) *materials.CachingMostRecentProvider {
	t.Helper()
	server := ddbtest.NewServer()
	t.Cleanup(server.Close)
	require.NoError(t, metastore.CreateTable(t.Context(), server.Client(), "meta"))
	key, mac := aesKey(t, itemBytes(first, 32)), hmacKey(t, itemBytes(first+32, 32))
	keys, err := materials.NewStaticProvider(&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
	require.NoError(t, err)
	meta, err := encryptor.NewEncryptedTable(t.Context(), server.Client(), "meta", keys)
	require.NoError(t, err)
	store, err := metastore.New(meta)
	require.NoError(t, err)
	for range 2 {
		_, err = store.Rotate(t.Context(), "material")
		require.NoError(t, err)
	}
	p, err := materials.NewCachingMostRecentProvider(store, "material", time.Hour)
	require.NoError(t, err)
	return p
}

func tamperWrapped(t testing.TB, keys materials.WrappedKeys) *materials.WrappedProvider {
	t.Helper()
	p, err := materials.NewWrappedProvider(keys, nil)
	require.NoError(t, err)
	return p
}

// tamperConfig is what the table's owner has configured.
type tamperConfig struct {
	name    string // as the table has it; empty for the defaults
	options func(*encryptor.Options)
	kms     func(*materials.DirectKMSOptions)
}

var (
	tamperPlaintext = tamperConfig{name: "`AllowPlaintextReads`", options: itemPlaintext}
	tamperAnyKey    = tamperConfig{name: "`AnyDecryptKey`", kms: func(o *materials.DirectKMSOptions) { o.AnyDecryptKey = true }}
	// What is listed is treated as by the defaults, but what is not is DO_NOTHING.
	tamperUnsignedDefault = tamperConfig{name: "default `DO_NOTHING`", options: tamperByList}
	tamperUnsignedKeys    = tamperConfig{name: "`UnsignedKeys`", options: func(o *encryptor.Options) { tamperByList(o); o.UnsignedKeys = true }}
)

func tamperByList(o *encryptor.Options) {
	o.Actions.Default = actions.DoNothing
	for name := range itemPlain() {
		if _, listed := o.Actions.Overrides[name]; !listed && name != "id" && name != "at" {
			o.Actions.Overrides[name] = actions.EncryptAndSign
		}
	}
}

// tamperActions leave one of each kind of value signed or encrypted.
func tamperActions() actions.AttributeActions {
	return actions.AttributeActions{Overrides: itemActions{
		"city": actions.SignOnly, "code": actions.SignOnly, "strings": actions.SignOnly, "numbers": actions.SignOnly,
		"number": actions.SignOnly, "map": actions.SignOnly, "yes": actions.SignOnly,
		"visits": actions.DoNothing, "note": actions.DoNothing,
	}}
}

// scene is what lies before somebody who may write to a table.
type scene struct {
	config         tamperConfig
	owner          *encryptor.ItemEncryptor // of the table
	elsewhere      *encryptor.ItemEncryptor // of the owner's other table
	elsewhereToo   *encryptor.ItemEncryptor // which accepts items of the first
	plain          encryptor.Item           // what the owner wrote
	stored, older  encryptor.Item           // the item, and as it was before
	sibling        encryptor.Item           // another item of the table
	forged         encryptor.Item           // of the attacker's own making, under the same key
	encrypted      []string                 // names of attributes by treatment, keys apart
	signed, others []string
	errors         map[string]bool // texts that were looked at
}

// scenes are those of one provider and item, by configuration.
type scenes struct {
	provider string
	plain    encryptor.Item
	made     map[string]*scene
}

func (m *scenes) of(t testing.TB, config tamperConfig) *scene {
	t.Helper()
	if m.made[config.name] == nil {
		if m.made == nil {
			m.made = make(map[string]*scene)
		}
		m.made[config.name] = newScene(t, m.provider, config, m.plain)
	}
	return m.made[config.name]
}

func newScene(t testing.TB, provider string, config tamperConfig, plain encryptor.Item) *scene {
	t.Helper()
	var kmsOptions []func(*materials.DirectKMSOptions)
	if config.kms != nil {
		kmsOptions = append(kmsOptions, config.kms)
	}
	keys, attackersKeys := tamperKeys(t, provider, kmsOptions...)
	options := func(o *encryptor.Options) {
		o.Actions = tamperActions()
		if config.options != nil {
			config.options(o)
		}
	}
	other := itemTable()
	other.Name = "customers-2"
	s := &scene{
		config:       config,
		owner:        newItemEncryptor(t, keys, options),
		elsewhere:    newItemEncryptorOn(t, other, keys, options),
		elsewhereToo: newItemEncryptorOn(t, other, keys, options, itemAccept("customers")),
		plain:        plain,
		errors:       make(map[string]bool),
	}
	for _, name := range sortedNames(plain) {
		switch rule := s.owner.Rule(name); {
		case name == "id" || name == "at":
		case rule == encryptor.RuleEncrypted:
			s.encrypted = append(s.encrypted, name)
		case rule == encryptor.RuleSigned:
			s.signed = append(s.signed, name)
		default:
			s.others = append(s.others, name)
		}
	}
	encrypt := func(e *encryptor.ItemEncryptor, item encryptor.Item) encryptor.Item {
		stored, err := e.Encrypt(t.Context(), item)
		require.NoError(t, err)
		return stored
	}
	past := itemWith(itemWith(plain, "string", &itemS{Value: "hush-before"}), "city", &itemS{Value: "hush-Bern"})
	s.stored, s.older = encrypt(s.owner, plain), encrypt(s.owner, past)
	s.sibling = encrypt(s.owner, itemWith(past, "id", &itemS{Value: "hush-sibling"}))
	s.forged = encrypt(newItemEncryptor(t, attackersKeys, options), itemWith(plain, "string", &itemS{Value: "hush-forged"}))
	return s
}

// tamperPlain is an item of every kind of value; no two of a kind are equal.
func tamperPlain() encryptor.Item {
	item := itemPlain()
	item["city"], item["code"] = &itemS{Value: "hush-city"}, &itemB{Value: []byte("hush-code")}
	item["visits"], item["note"] = &itemN{Value: "70007"}, &itemS{Value: "hush-note"}
	return item
}

// entries are the entries of the stored item's description, with those of change
// in their place.
func (s *scene) entries(t testing.TB, change map[string]string) *itemB {
	t.Helper()
	entries, err := wire.ParseDescription(s.stored[itemDescription].(*itemB).Value)
	require.NoError(t, err)
	for name, value := range change {
		entries[name] = value
	}
	return &itemB{Value: modelDescription(entries)}
}

// Outcomes that are no error.
const (
	tamperAccepted = "**accepted**" // what was changed is returned
	tamperNothing  = "no effect"    // the genuine item is returned
)

// tamperSentinels are in the order in which they wrap each other.
var tamperSentinels = []struct {
	name string
	err  error
}{
	{"ErrKeyNotAllowed", materials.ErrKeyNotAllowed},
	{"ErrContextMismatch", materials.ErrContextMismatch},
	{"ErrKMS", materials.ErrKMS},
	{"ErrUnwrap", materials.ErrUnwrap},
	{"ErrDescription", materials.ErrDescription},
	{"ErrAlgorithm", materials.ErrAlgorithm},
	{"ErrVersionNotFound", materials.ErrVersionNotFound},
	{"ErrNoDecryptionMaterials", materials.ErrNoDecryptionMaterials},
	{"ErrAmbiguousName", encryptor.ErrAmbiguousName},
	{"ErrInvalidSignature", encryptor.ErrInvalidSignature},
	{"ErrNewerFormat", encryptor.ErrNewerFormat},
	{"ErrUnsigned", encryptor.ErrUnsigned},
	// Once in 256 times a wrong key leaves a padding that is one, and then no value.
	{"ErrDecrypt", encryptor.ErrFormat},
}

// outcome reads an item that was tampered with.
func (s *scene) outcome(t testing.TB, reader *encryptor.ItemEncryptor, tampered encryptor.Item, moved bool) string {
	t.Helper()
	before := vectors.Text(tampered)
	got, err := reader.Decrypt(t.Context(), tampered)
	require.Equal(t, before, vectors.Text(tampered), "the stored item is not modified")
	if err == nil && (moved || vectors.Text(got) != vectors.Text(s.plain)) {
		return tamperAccepted
	} else if err == nil {
		return tamperNothing
	}
	require.Nil(t, got)
	if !s.errors[err.Error()] { // most variants have the same
		s.errors[err.Error()] = true
		requireItemSecrecy(t, err, s.plain)
	}
	for _, sentinel := range tamperSentinels {
		if errors.Is(err, sentinel.err) {
			return sentinel.name
		}
	}
	return err.Error()
}

func sortedNames(item encryptor.Item) []string {
	var names []string
	for name := range item {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
