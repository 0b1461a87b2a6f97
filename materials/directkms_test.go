package materials_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"testing"

	dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func newDirectKMS(t *testing.T, optFns ...func(*materials.DirectKMSOptions)) (*kmstest.KMS, *materials.DirectKMSProvider) {
	t.Helper()
	k := kmstest.New()
	p, err := materials.NewDirectKMSProvider(k, k.CreateKey(), optFns...)
	require.NoError(t, err)
	return k, p
}

func TestDirectKMS(t *testing.T) {
	t.Parallel()
	description := map[string]string{"purpose": "test", "amzn-ddb-env-alg": "AES/128"}
	tokens := []string{"token-1", "token-2"}
	k, p := newDirectKMS(t, func(o *materials.DirectKMSOptions) {
		o.GrantTokens, o.Description = tokens, description
	})
	description["purpose"], tokens[0] = "changed", "changed" // the provider has copies

	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	key := enc.Description["amzn-ddb-env-key"]
	_, err = base64.StdEncoding.DecodeString(key)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"purpose":           "test",
		"amzn-ddb-env-alg":  "AES/128",
		"amzn-ddb-sig-alg":  "HmacSHA256/256",
		"amzn-ddb-env-key":  key,
		"amzn-ddb-wrap-alg": "kms",
		"aws-kms-ec-attr":   "*keys*",
	}, enc.Description)
	require.Equal(t, "HmacSHA256", enc.SigningKey.Algorithm())

	dec, err := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
	require.NoError(t, err)
	requirePair(t, enc, dec)
	require.Equal(t, enc.Description, dec.Description)

	calls := k.Calls()
	require.Len(t, calls, 2)
	for _, call := range calls {
		require.Equal(t, []string{"token-1", "token-2"}, call.GrantTokens)
		require.Equal(t, map[string]string{
			"*amzn-ddb-env-alg*": "AES/128",
			"*amzn-ddb-sig-alg*": "HmacSHA256/256",
			"pk":                 "user#1",
			"sk":                 "1.50",
			"*aws-kms-table*":    "customers",
		}, call.EncryptionContext)
	}

	again, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	require.NotEqual(t, key, again.Description["amzn-ddb-env-key"], "a data key of its own for every item")
}

func TestDirectKMSDecryptOnly(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	p, err := materials.NewDirectKMSProvider(k, "", func(o *materials.DirectKMSOptions) { o.DecryptKeyIDs = []string{k.CreateKey()} })
	require.NoError(t, err)
	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
	require.ErrorContains(t, err, "only decrypts")
	require.Nil(t, enc)
	require.Empty(t, k.Calls())
}

// Which pairs KMS binds a data key to.
func TestDirectKMSEncryptionContext(t *testing.T) {
	t.Parallel()
	s := func(v string) dynamodb.AttributeValue { return &dynamodb.AttributeValueMemberS{Value: v} }
	n := func(v string) dynamodb.AttributeValue { return &dynamodb.AttributeValueMemberN{Value: v} }
	b := func(v []byte) dynamodb.AttributeValue { return &dynamodb.AttributeValueMemberB{Value: v} }
	const unset = "\x00"
	tests := []struct {
		name       string
		table      string
		pk, sk     dynamodb.AttributeValue
		pkName     string
		skName     string
		wantPK     string
		wantSK     string
		wantTable  string
		encryptErr error
		decryptErr error
	}{
		{name: "S and N", table: "T", pkName: "pk", pk: s("a b"), skName: "sk", sk: n("1.50"), wantPK: "a b", wantSK: "1.50", wantTable: "T"},
		{name: "B with padding", table: "T", pkName: "pk", pk: b([]byte{0, 255}), wantPK: "AP8=", wantSK: unset, wantTable: "T"},
		{name: "empty B", table: "T", pkName: "pk", pk: b(nil), wantPK: "", wantSK: unset, wantTable: "T"},
		{name: "no table name", pkName: "pk", pk: n("1"), wantPK: "1", wantSK: unset, wantTable: unset},
		{name: "no sort key in the table", table: "T", pkName: "pk", pk: s("a"), sk: s("not a key"), wantPK: "a", wantSK: unset, wantTable: "T"},
		{name: "sort key missing", table: "T", pkName: "pk", pk: s("a"), skName: "sk", wantPK: "a", wantSK: unset, wantTable: "T", encryptErr: materials.ErrNoEncryptionMaterials},
		{name: "partition key missing", table: "T", pkName: "pk", skName: "sk", sk: s("b"), wantPK: unset, wantSK: "b", wantTable: "T", encryptErr: materials.ErrNoEncryptionMaterials},
		{name: "a key named like the table's pair", table: "T", pkName: "*aws-kms-table*", pk: s("Other"), wantPK: unset, wantSK: unset, wantTable: "T"},
		{name: "SS", table: "T", pkName: "pk", pk: &dynamodb.AttributeValueMemberSS{Value: []string{"a"}}, encryptErr: materials.ErrNoEncryptionMaterials, decryptErr: materials.ErrFormat},
		{name: "BOOL", table: "T", pkName: "pk", pk: s("a"), skName: "sk", sk: &dynamodb.AttributeValueMemberBOOL{}, encryptErr: materials.ErrNoEncryptionMaterials, decryptErr: materials.ErrFormat},
		{name: "unknown member", table: "T", pkName: "pk", pk: &dynamodb.UnknownUnionMember{Tag: "X"}, encryptErr: materials.ErrNoEncryptionMaterials, decryptErr: materials.ErrFormat},
		{name: "nil S", table: "T", pkName: "pk", pk: (*dynamodb.AttributeValueMemberS)(nil), encryptErr: materials.ErrNoEncryptionMaterials, decryptErr: materials.ErrFormat},
		{name: "nil N", table: "T", pkName: "pk", pk: (*dynamodb.AttributeValueMemberN)(nil), encryptErr: materials.ErrNoEncryptionMaterials, decryptErr: materials.ErrFormat},
		{name: "nil B", table: "T", pkName: "pk", pk: (*dynamodb.AttributeValueMemberB)(nil), encryptErr: materials.ErrNoEncryptionMaterials, decryptErr: materials.ErrFormat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, p := newDirectKMS(t)
			ec := materials.EncryptionContext{TableName: tt.table, PartitionKeyName: tt.pkName, SortKeyName: tt.skName, Attributes: map[string]dynamodb.AttributeValue{}}
			if tt.pk != nil {
				ec.Attributes[tt.pkName] = tt.pk
			}
			if tt.sk != nil {
				ec.Attributes["sk"] = tt.sk
			}
			want := map[string]string{"*amzn-ddb-env-alg*": "AES/256", "*amzn-ddb-sig-alg*": "HmacSHA256/256"}
			for name, value := range map[string]string{"pk": tt.wantPK, "sk": tt.wantSK, "*aws-kms-table*": tt.wantTable} {
				if value != unset {
					want[name] = value
				}
			}

			_, err := p.EncryptionMaterials(t.Context(), ec)
			if tt.encryptErr != nil {
				require.ErrorIs(t, err, tt.encryptErr)
				require.NotErrorIs(t, err, materials.ErrKMS)
				require.Empty(t, k.Calls(), "refused before KMS is asked")
			} else {
				require.NoError(t, err)
				require.Equal(t, want, k.Calls()[0].EncryptionContext)
			}

			before := len(k.Calls())
			_, err = p.DecryptionMaterials(t.Context(), stored(ec, map[string]string{
				"amzn-ddb-env-alg": "AES/256", "amzn-ddb-sig-alg": "HmacSHA256/256", "amzn-ddb-env-key": "AQID",
			}))
			if tt.decryptErr != nil {
				require.ErrorIs(t, err, tt.decryptErr)
				require.NotErrorIs(t, err, materials.ErrKMS)
				require.Len(t, k.Calls(), before, "refused before KMS is asked")
				return
			}
			require.ErrorIs(t, err, materials.ErrContextMismatch, "AQID is no ciphertext of this KMS")
			require.Equal(t, want, k.Calls()[before].EncryptionContext)
		})
	}
}

// What a data key is bound to, and what the error may say of it.
func TestDirectKMSContextMismatch(t *testing.T) {
	t.Parallel()
	k, p := newDirectKMS(t)
	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	changes := map[string]func(*materials.EncryptionContext){
		"table name":    func(ec *materials.EncryptionContext) { ec.TableName = "others" },
		"no table name": func(ec *materials.EncryptionContext) { ec.TableName = "" },
		"partition key": func(ec *materials.EncryptionContext) {
			ec.Attributes["pk"] = &dynamodb.AttributeValueMemberS{Value: "user#2"}
		},
		"spelling of a key": func(ec *materials.EncryptionContext) {
			ec.Attributes["sk"] = &dynamodb.AttributeValueMemberN{Value: "1.5"}
		},
		"name of a key":      func(ec *materials.EncryptionContext) { ec.SortKeyName = "name" },
		"no sort key":        func(ec *materials.EncryptionContext) { ec.SortKeyName = "" },
		"sort key missing":   func(ec *materials.EncryptionContext) { delete(ec.Attributes, "sk") },
		"content algorithm":  func(ec *materials.EncryptionContext) { ec.Description["amzn-ddb-env-alg"] = "AES/128" },
		"spelling of it":     func(ec *materials.EncryptionContext) { ec.Description["amzn-ddb-env-alg"] = "AES" },
		"signing algorithm":  func(ec *materials.EncryptionContext) { ec.Description["amzn-ddb-sig-alg"] = "HmacSHA512/256" },
		"damaged ciphertext": func(ec *materials.EncryptionContext) { ec.Description["amzn-ddb-env-key"] = "AQID" },
	}
	for name, change := range changes {
		ec := stored(item(), enc.Description)
		change(&ec)
		before := len(k.Calls())
		dec, err := p.DecryptionMaterials(t.Context(), ec)
		require.ErrorIs(t, err, materials.ErrContextMismatch, name)
		require.ErrorIs(t, err, materials.ErrKMS, name)
		as[*types.InvalidCiphertextException](t, err)
		require.ErrorContains(t, err, "belongs to another table name, other key attributes or key values, or another algorithm", name)
		require.Nil(t, dec, name)
		require.Len(t, k.Calls(), before+1, name)
		requireNoValues(t, err)
		for pair := range k.Calls()[before].EncryptionContext {
			require.ErrorContains(t, err, `"`+pair+`"`, name)
		}
		for _, value := range []string{"customers", "others", "user#2"} {
			require.NotContains(t, err.Error(), value, name)
		}
	}
}

func TestDirectKMSAlgorithms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		env, sig         string
		mac              string
		keySize, sigSize int
	}{
		{"AES", "HmacSHA256", "HmacSHA256", 32, 32},
		{"AES/128", "HmacSHA224", "HmacSHA224", 16, 28},
		{"AES/192", "HmacSHA384/384", "HmacSHA384", 24, 48},
		{"AES/256", "HmacSHA512/512", "HmacSHA512", 32, 64},
		{"AES/256", "HmacSHA512/256", "HmacSHA512", 32, 64}, // the size is the key's
		{"AES/256", "HmacSHA256/128", "HmacSHA256", 32, 32},
		{"AES/256", "HmacSHA256/1024", "HmacSHA256", 32, 32},
	}
	for _, tt := range tests {
		t.Run(tt.env+" "+tt.sig, func(t *testing.T) {
			t.Parallel()
			_, p := newDirectKMS(t, func(o *materials.DirectKMSOptions) {
				o.Description = map[string]string{"amzn-ddb-env-alg": tt.env, "amzn-ddb-sig-alg": tt.sig}
			})
			enc, err := p.EncryptionMaterials(t.Context(), item())
			require.NoError(t, err)
			require.Equal(t, tt.env, enc.Description["amzn-ddb-env-alg"], "as it was written")
			require.Equal(t, tt.sig, enc.Description["amzn-ddb-sig-alg"])
			require.Equal(t, tt.mac, enc.SigningKey.Algorithm())
			sig, err := enc.SigningKey.Sign(t.Context(), []byte("data"))
			require.NoError(t, err)
			require.Len(t, sig, tt.sigSize)

			// Any provider reads it: the item says what it needs.
			_, other := newDirectKMS(t)
			_, err = other.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
			require.ErrorIs(t, err, materials.ErrKMS) // another KMS, but not ErrAlgorithm
			dec, err := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
			require.NoError(t, err)
			require.Equal(t, tt.mac, dec.VerificationKey.Algorithm())
			requirePair(t, enc, dec)
		})
	}
}

// Sizes of the derived keys, by HKDF outputs that are known.
func TestDirectKMSDerivedKeys(t *testing.T) {
	t.Parallel()
	const (
		content = "781ddf3715c39edff39465b0bdc122575ccc03d55a2bb23a3c2abadc853f0a78"
		signing = "1ce18b7e6ba3388e72a987d0c3b7993222c321f3cd78aefc2c846699a325a157" +
			"57ae47f2bf9d1c983b4625332f4b0523debb254777b4ec26f48abebb85281858"
	)
	tests := []struct {
		env, sig     string
		mac          string
		contentBytes int
		signingBytes int
	}{
		{"AES/128", "HmacSHA512/512", "HmacSHA512", 16, 64},
		{"AES/192", "HmacSHA256/128", "HmacSHA256", 24, 16},
		{"AES/256", "HmacSHA256/256", "HmacSHA256", 32, 32},
		{"AES", "HmacSHA384", "HmacSHA384", 32, 32},
	}
	for _, tt := range tests {
		k := kmstest.New()
		p, err := materials.NewDirectKMSProvider(stubKMS{KMS: k, generated: func(out *kms.GenerateDataKeyOutput) {
			out.Plaintext = counting(0, 32)
		}}, k.CreateKey(), func(o *materials.DirectKMSOptions) {
			o.Description = map[string]string{"amzn-ddb-env-alg": tt.env, "amzn-ddb-sig-alg": tt.sig}
		})
		require.NoError(t, err)
		enc, err := p.EncryptionMaterials(t.Context(), item())
		require.NoError(t, err)

		key, err := hex.DecodeString(content[:2*tt.contentBytes])
		require.NoError(t, err)
		requireSameAES(t, newAESKey(t, key), enc.EncryptionKey)
		key, err = hex.DecodeString(signing[:2*tt.signingBytes])
		require.NoError(t, err)
		mac, err := materials.NewHMACKeyFor(tt.mac, key)
		require.NoError(t, err)
		sig, err := enc.SigningKey.Sign(t.Context(), []byte("data"))
		require.NoError(t, err)
		require.NoError(t, mac.Verify(t.Context(), []byte("data"), sig))
	}
}

// Nothing authenticates these entries before KMS does; none of them gets that far.
func TestDirectKMSHostileDescription(t *testing.T) {
	t.Parallel()
	k, p := newDirectKMS(t)
	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	const env, sig, key = "amzn-ddb-env-alg", "amzn-ddb-sig-alg", "amzn-ddb-env-key"
	tests := map[string][]string{
		env: {
			"", "AES/0", "AES/-1", "AES/+256", "AES/0256", "AES/64", "AES/512", "AES/99999", "AES/", "AES/256/", "AES/256 ", " AES/256", "aes/256",
			"AES/256\x00", "AES/0x100", "AES/2_5_6", "AES/٢٥٦", "AES/CBC/PKCS5Padding", "DESede", "HmacSHA256/256", strings.Repeat("A", 1<<16),
		},
		sig: {
			"", "HmacSHA256/0", "HmacSHA256/7", "HmacSHA256/-256", "HmacSHA256/+256", "HmacSHA256/0256", "HmacSHA256/120", "HmacSHA256/129",
			"HmacSHA256/1032", "HmacSHA256/99999999999999999999", "HmacSHA256/", "HmacSHA256/256/256", "HmacSHA256/256 ", "hmacsha256/256",
			"HmacSHA1/160", "HmacMD5", "SHA256withRSA", "AES/256", "/256", strings.Repeat("9", 1<<16),
		},
		key: {"", "=", "AQI", "AQID=", "AQ ID", "AQID!", "AQID\nAQ=ID", "AQJ=", "\r\n", "_-8="},
	}
	before := len(k.Calls())
	for name, values := range tests {
		want := materials.ErrAlgorithm
		if name == key {
			want = materials.ErrDescription
		}
		for _, value := range values {
			dec, err := p.DecryptionMaterials(t.Context(), stored(item(), with(enc.Description, name, &value)))
			require.ErrorIs(t, err, want, "%s %.80q", name, value)
			require.ErrorIs(t, err, materials.ErrFormat)
			require.ErrorContains(t, err, name)
			require.Less(t, len(err.Error()), 500, "texts of an item are cut")
			require.Nil(t, dec)

			if name == key {
				continue
			}
			_, err = materials.NewDirectKMSProvider(k, "alias/a", func(o *materials.DirectKMSOptions) {
				o.Description = map[string]string{name: value}
			})
			require.ErrorIs(t, err, materials.ErrAlgorithm, "nor can it be configured: %s %.80q", name, value)
		}
		dec, err := p.DecryptionMaterials(t.Context(), stored(item(), with(enc.Description, name, nil)))
		require.ErrorIs(t, err, materials.ErrDescription, "%s missing", name)
		require.ErrorContains(t, err, "entry "+name+" is missing")
		require.Nil(t, dec)
	}
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), nil))
	require.ErrorIs(t, err, materials.ErrDescription)
	require.Len(t, k.Calls(), before, "KMS was asked")

	// The entries that only inform do not matter.
	for _, name := range []string{"amzn-ddb-wrap-alg", "aws-kms-ec-attr"} {
		_, err = p.DecryptionMaterials(t.Context(), stored(item(), with(enc.Description, name, nil)))
		require.NoError(t, err, name)
	}
}

func TestDirectKMSUserDescription(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	for _, name := range []string{
		"amzn-ddb-map-sym-mode", "amzn-ddb-map-signingAlg", "amzn-ddb-env-key", "amzn-ddb-wrap-alg", "aws-kms-ec-attr", "amzn-ddb-meta-id",
	} {
		_, err := materials.NewDirectKMSProvider(k, "alias/a", func(o *materials.DirectKMSOptions) {
			o.Description = map[string]string{name: "x"}
		})
		require.ErrorContains(t, err, `direct KMS provider: DirectKMSOptions.Description: entry "`+name+`" is written by the library`)
	}
	for _, description := range []map[string]string{{"\xff": "x"}, {"x": "\xff"}} {
		_, err := materials.NewDirectKMSProvider(k, "alias/a", func(o *materials.DirectKMSOptions) { o.Description = description })
		require.ErrorContains(t, err, "is not valid UTF-8")
	}
}

func TestDirectKMSCanceled(t *testing.T) {
	t.Parallel()
	_, p := newDirectKMS(t)
	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.EncryptionMaterials(ctx, item())
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, materials.ErrKMS)
	_, err = p.DecryptionMaterials(ctx, stored(item(), enc.Description))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, materials.ErrContextMismatch)
}

func TestDirectKMSConcurrent(t *testing.T) {
	t.Parallel()
	k, p := newDirectKMS(t, func(o *materials.DirectKMSOptions) {
		o.GrantTokens, o.Description = []string{"token"}, map[string]string{"a": "b"}
	})
	shared := item()
	before := maps.Clone(shared.Attributes)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				enc, err := p.EncryptionMaterials(t.Context(), shared)
				if !assert.NoError(t, err) {
					return
				}
				dec, err := p.DecryptionMaterials(t.Context(), stored(shared, enc.Description))
				if !assert.NoError(t, err) {
					return
				}
				sig, err := enc.SigningKey.Sign(t.Context(), []byte("data"))
				assert.NoError(t, err)
				assert.NoError(t, dec.VerificationKey.Verify(t.Context(), []byte("data"), sig))
			}
		})
	}
	wg.Wait()
	require.Len(t, k.Calls(), 2*8*20)
	require.Equal(t, before, shared.Attributes)
}

func TestVectorDirectKMS(t *testing.T) {
	t.Parallel()
	f := vectors.Examples(t)
	cases := 0
	for _, c := range f.KMSEncryptionContext {
		cases++
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			k, p := newDirectKMS(t)
			// A provider is given number keys in canonical text.
			for _, name := range []string{c.PartitionKey, c.SortKey} {
				if n, ok := c.Item[name].(*dynamodb.AttributeValueMemberN); ok {
					text, err := wire.CanonicalNumber(n.Value)
					require.NoError(t, err)
					c.Item[name] = &dynamodb.AttributeValueMemberN{Value: text}
				}
			}
			ec := materials.EncryptionContext{TableName: c.Table, PartitionKeyName: c.PartitionKey, SortKeyName: c.SortKey, Attributes: c.Item}
			_, err := p.EncryptionMaterials(t.Context(), ec)
			if c.Error != "" {
				require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
				require.Empty(t, k.Calls())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.EncryptionContext, k.Calls()[0].EncryptionContext)
		})
	}
	require.NotZero(t, cases)
	t.Logf("%d cases", cases)
}
