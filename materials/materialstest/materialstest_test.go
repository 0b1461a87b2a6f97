package materialstest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/materialstest"
)

type provider = materials.CryptographicMaterialsProvider

// secret is 32 bytes that are found wherever they are printed.
func secret(seed string) []byte { return []byte(strings.Repeat(seed, 32)[:32]) }

func aesKey(t testing.TB, seed string) *materials.AESKey {
	t.Helper()
	k, err := materials.NewAESKey(secret(seed))
	require.NoError(t, err)
	return k
}

func hmacKey(t testing.TB, seed string) *materials.HMACKey {
	t.Helper()
	k, err := materials.NewHMACKey(secret(seed))
	require.NoError(t, err)
	return k
}

func static(t testing.TB) provider {
	t.Helper()
	key, mac := aesKey(t, "static-content"), hmacKey(t, "static-signing")
	p, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: map[string]string{"of": "the user"}},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac},
	)
	require.NoError(t, err)
	return p
}

func wrapped(t testing.TB, k materials.WrappedKeys) provider {
	t.Helper()
	p, err := materials.NewWrappedProvider(k, map[string]string{"of": "the user"})
	require.NoError(t, err)
	return p
}

func wrappedAES(t testing.TB) provider {
	t.Helper()
	key, mac := aesKey(t, "wrapping"), hmacKey(t, "signing")
	return wrapped(t, materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac})
}

func wrappedRSA(t testing.TB) provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	var k materials.WrappedKeys
	k.Wrap, err = materials.NewRSAWrapper(&key.PublicKey)
	require.NoError(t, err)
	k.Unwrap, err = materials.NewRSAUnwrapper(key)
	require.NoError(t, err)
	k.Sign, err = materials.NewSigner(key, "SHA256withRSA")
	require.NoError(t, err)
	k.Verify, err = materials.NewVerifier(&key.PublicKey, "SHA256withRSA")
	require.NoError(t, err)
	return wrapped(t, k)
}

func wrappedECDSA(t testing.TB) provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	k := materials.WrappedKeys{Wrap: aesKey(t, "wrapping"), Unwrap: aesKey(t, "wrapping")}
	k.Sign, err = materials.NewSigner(key, "SHA256withECDSA")
	require.NoError(t, err)
	k.Verify, err = materials.NewVerifier(&key.PublicKey, "SHA256withECDSA")
	require.NoError(t, err)
	return wrapped(t, k)
}

func directKMS(t testing.TB, optFns ...func(*materials.DirectKMSOptions)) provider {
	t.Helper()
	k := kmstest.New()
	p, err := materials.NewDirectKMSProvider(k, k.CreateKey(), optFns...)
	require.NoError(t, err)
	return p
}

func mostRecent(t testing.TB) provider {
	t.Helper()
	p, err := materials.NewCachingMostRecentProvider(oneVersion{wrappedAES(t)}, "name", time.Minute)
	require.NoError(t, err)
	return p
}

// oneVersion is a store with version 0 of every name.
type oneVersion struct{ provider }

func (s oneVersion) MaxVersion(context.Context, string) (int64, error) { return 0, nil }
func (s oneVersion) Provider(_ context.Context, _ string, version int64) (provider, error) {
	if version != 0 {
		return nil, materials.ErrVersionNotFound
	}
	return s, nil
}
func (s oneVersion) GetOrCreate(ctx context.Context, name string, version int64) (provider, int64, error) {
	p, err := s.Provider(ctx, name, version)
	return p, version, err
}
func (s oneVersion) VersionOf(description map[string]string) (int64, error) {
	if description["amzn-ddb-meta-id"] != "name#0" {
		return 0, materials.ErrDescription
	}
	return 0, nil
}

func (s oneVersion) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	m, err := s.provider.EncryptionMaterials(ctx, ec)
	if err == nil {
		m.Description["amzn-ddb-meta-id"] = "name#0"
	}
	return m, err
}

func TestProviders(t *testing.T) {
	t.Parallel()
	for name, newProvider := range map[string]func(testing.TB) provider{
		"static":                  static,
		"wrapped AES":             wrappedAES,
		"wrapped RSA, signed RSA": wrappedRSA,
		"wrapped AES, ECDSA":      wrappedECDSA,
		"Direct KMS":              func(t testing.TB) provider { return directKMS(t) },
		"Direct KMS, cached": func(t testing.TB) provider {
			return directKMS(t, func(o *materials.DirectKMSOptions) {
				o.Cache = &materials.DecryptCacheOptions{TTL: time.Minute, Size: 100}
			})
		},
		"most recent": mostRecent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			materialstest.TestProvider(t, newProvider(t), func(o *materialstest.Options) {
				o.Secrets = [][]byte{secret("static-content"), secret("static-signing"), secret("wrapping"), secret("signing")}
			})
		})
	}
}

func TestProviderReader(t *testing.T) {
	t.Parallel()
	key, mac := aesKey(t, "wrapping"), hmacKey(t, "signing")
	writer := wrapped(t, materials.WrappedKeys{Wrap: key, Sign: mac})
	reader := wrapped(t, materials.WrappedKeys{Unwrap: key, Verify: mac})
	materialstest.TestProvider(t, writer, func(o *materialstest.Options) { o.Reader = reader })
	require.Contains(t, faults(writer), "DecryptionMaterials")
}

// recorder is a test that notes its failures.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	faults []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// faults is what TestProvider says of a provider.
func faults(p provider, optFns ...func(*materialstest.Options)) string {
	var r recorder
	materialstest.TestProvider(&r, p, optFns...)
	return strings.Join(r.faults, "\n")
}

// broken is a provider with a fault.
type broken struct {
	provider
	encrypt func(materials.EncryptionContext, *materials.EncryptionMaterials, error) (*materials.EncryptionMaterials, error)
	decrypt func(materials.EncryptionContext, *materials.DecryptionMaterials, error) (*materials.DecryptionMaterials, error)
}

func (b broken) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	m, err := b.provider.EncryptionMaterials(ctx, ec)
	if b.encrypt == nil {
		return m, err
	}
	return b.encrypt(ec, m, err)
}

func (b broken) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	m, err := b.provider.DecryptionMaterials(ctx, ec)
	if b.decrypt == nil {
		return m, err
	}
	return b.decrypt(ec, m, err)
}

// Every fault that TestProvider promises to find, it finds.
func TestProviderFaults(t *testing.T) {
	t.Parallel()
	type (
		encM = materials.EncryptionMaterials
		decM = materials.DecryptionMaterials
		ec   = materials.EncryptionContext
	)
	random := func() *materials.AESKey {
		b := make([]byte, 32)
		rand.Read(b)
		k, err := materials.NewAESKey(b)
		require.NoError(t, err)
		return k
	}
	describing := func(name, value string) func(ec, *encM, error) (*encM, error) {
		return func(_ ec, m *encM, err error) (*encM, error) {
			m.Description[name] = value
			return m, err
		}
	}
	tests := map[string]struct {
		encrypt func(ec, *encM, error) (*encM, error)
		decrypt func(ec, *decM, error) (*decM, error)
		want    string
	}{
		"nothing on encrypt":       {encrypt: func(ec, *encM, error) (*encM, error) { return nil, nil }, want: "no error and no SigningKey"},
		"no signing key":           {encrypt: func(ec, *encM, error) (*encM, error) { return &encM{}, nil }, want: "no error and no SigningKey"},
		"nothing on decrypt":       {decrypt: func(ec, *decM, error) (*decM, error) { return nil, nil }, want: "no error and no VerificationKey"},
		"error on encrypt":         {encrypt: func(ec, *encM, error) (*encM, error) { return nil, errors.New("oops") }, want: "wraps none of package materials: oops"},
		"encryptor's entry":        {encrypt: describing("amzn-ddb-map-sym-mode", "/CBC/PKCS5Padding"), want: "belongs to the encryptor"},
		"description not UTF-8":    {encrypt: describing("x", "\xff"), want: "is not UTF-8"},
		"value in the description": {encrypt: describing("x", "canary-text"), want: "shows a secret"},
		"context modified": {encrypt: func(c ec, m *encM, err error) (*encM, error) {
			c.Attributes["text"].(*types.AttributeValueMemberS).Value = "changed"
			return m, err
		}, want: "EncryptionMaterials modified its context"},
		"bytes modified": {encrypt: func(c ec, m *encM, err error) (*encM, error) {
			c.Attributes["data"].(*types.AttributeValueMemberB).Value[0] = 0
			return m, err
		}, want: "EncryptionMaterials modified its context"},
		"description modified": {decrypt: func(c ec, m *decM, err error) (*decM, error) {
			delete(c.Description, "of")
			return m, err
		}, want: "modified its context"},
		"other content key": {decrypt: func(_ ec, m *decM, err error) (*decM, error) {
			if m != nil {
				m = &decM{DecryptionKey: aesKey(t, "other"), VerificationKey: m.VerificationKey}
			}
			return m, err
		}, want: "not the same key"},
		"content key missing": {decrypt: func(_ ec, m *decM, err error) (*decM, error) {
			if m != nil {
				m = &decM{VerificationKey: m.VerificationKey}
			}
			return m, err
		}, want: "not the same key"},
		"other signing key": {decrypt: func(_ ec, m *decM, err error) (*decM, error) {
			if m != nil {
				m = &decM{DecryptionKey: m.DecryptionKey, VerificationKey: hmacKey(t, "other")}
			}
			return m, err
		}, want: "does not verify what SigningKey signed"},
		"verifies anything": {decrypt: func(_ ec, m *decM, err error) (*decM, error) {
			if m != nil {
				m = &decM{DecryptionKey: m.DecryptionKey, VerificationKey: agreeable{}}
			}
			return m, err
		}, want: "does not answer ErrSignature to a signature of other data"},
		"signs with nothing": {encrypt: func(_ ec, m *encM, err error) (*encM, error) {
			if m != nil {
				m.SigningKey = unsigning{}
			}
			return m, err
		}, decrypt: func(_ ec, m *decM, err error) (*decM, error) {
			if m != nil {
				m = &decM{DecryptionKey: m.DecryptionKey, VerificationKey: unsigning{}}
			}
			return m, err
		}, want: "SigningKey made an empty signature"},
		// As both peers do when the wrapped key is missing.
		"a fresh key on decrypt": {decrypt: func(c ec, m *decM, err error) (*decM, error) {
			if err != nil {
				return &decM{DecryptionKey: random(), VerificationKey: hmacKey(t, "signing")}, nil
			}
			return m, nil
		}, want: "is the key made up?"},
		"panic": {decrypt: func(c ec, m *decM, err error) (*decM, error) {
			if c.Description == nil {
				panic("nil description")
			}
			return m, err
		}, want: "panic: nil description"},
		"untyped error": {decrypt: func(_ ec, m *decM, err error) (*decM, error) {
			if err != nil {
				err = errors.New("something is wrong")
			}
			return m, err
		}, want: "wraps none of package materials: something is wrong"},
		"value in an error": {decrypt: func(c ec, m *decM, err error) (*decM, error) {
			if err != nil {
				err = fmt.Errorf("%w for %x", err, "314159265358")
			}
			return m, err
		}, want: "error shows a secret when printed by %v"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, faults(broken{wrappedAES(t), tt.encrypt, tt.decrypt}), tt.want)
		})
	}
	require.Empty(t, faults(wrappedAES(t)))
	signsNot := broken{wrappedAES(t), func(materials.EncryptionContext, *encM, error) (*encM, error) { return &encM{}, nil }, nil}
	require.Contains(t, faults(signsNot, func(o *materialstest.Options) { o.Contexts = []ec{} }), "no SigningKey",
		"an empty list of contexts tests nothing")
}

// unsigning is a Signer and Verifier that somebody stubbed and forgot.
type unsigning struct{ agreeable }

func (unsigning) Sign(context.Context, []byte) ([]byte, error) { return nil, nil }

// agreeable is a Verifier that somebody stubbed and forgot.
type agreeable struct{}

func (agreeable) Algorithm() string                            { return "HmacSHA256" }
func (agreeable) Verify(context.Context, []byte, []byte) error { return nil }

// A provider that keeps its keys in plain sight is found in each form.
func TestProviderPrints(t *testing.T) {
	t.Parallel()
	key := secret("in plain sight")
	withKey := func(o *materialstest.Options) { o.Secrets = [][]byte{key} }
	for name, p := range map[string]provider{
		"bytes":  &withBytes{wrappedAES(t), key},
		"string": &withString{wrappedAES(t), string(key)},
	} {
		got := faults(p, withKey)
		for _, form := range []string{"%+v", "%#v", "%x", "%X", "slog as JSON", "encoding/json"} {
			require.Contains(t, got, "the provider shows a secret when printed by "+form, name)
		}
	}
}

type withBytes struct {
	provider
	Key []byte
}

type withString struct {
	provider
	Key string
}

func TestProviderCanceled(t *testing.T) {
	t.Parallel()
	require.Contains(t, faults(forgetful{wrappedAES(t)}), "does not wrap context.Canceled")
}

// forgetful hides why it failed.
type forgetful struct{ provider }

func (f forgetful) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	if ctx.Err() != nil {
		return nil, materials.ErrNoEncryptionMaterials
	}
	return f.provider.EncryptionMaterials(ctx, ec)
}
