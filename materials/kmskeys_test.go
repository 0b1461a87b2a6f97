package materials_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

func bareID(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// Which KMS keys a data key may be under, and what is asked of KMS to find out.
// Every case writes an item under one key and reads it by another provider.
func TestDirectKMSDecryptKeys(t *testing.T) {
	t.Parallel()
	const east, west = "us-east-1", "eu-west-1"
	type setting struct {
		k                 *kmstest.KMS
		own, other, third string // ARNs
		mrk               []string
	}
	type reader struct {
		region string
		id     string
		opts   materials.DirectKMSOptions
	}
	tests := []struct {
		name   string
		under  func(s setting) string               // the key that the item is written under
		region string                               // in which it is written
		reader func(s setting) reader               // after the item was written
		ids    func(s setting) []string             // the KeyId of each Decrypt call
		err    error                                // nil: the item is read
		names  func(s setting, r reader) (n string) // what the error's text must name
	}{
		{
			name:   "own key ARN",
			under:  func(s setting) string { return s.own },
			reader: func(s setting) reader { return reader{id: s.own} },
			ids:    func(s setting) []string { return []string{s.own} },
		},
		{
			name:   "own key ARN, item under another key",
			under:  func(s setting) string { return s.other },
			reader: func(s setting) reader { return reader{id: s.own} },
			ids:    func(s setting) []string { return []string{s.own} },
			err:    materials.ErrKeyNotAllowed,
			names:  func(setting, reader) string { return "DirectKMSOptions.DecryptKeyIDs" },
		},
		{
			name:  "own key ARN, listed again",
			under: func(s setting) string { return s.own },
			reader: func(s setting) reader {
				return reader{id: s.own, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.own, s.own}}}
			},
			ids: func(s setting) []string { return []string{s.own} },
		},
		{
			name:  "one of several",
			under: func(s setting) string { return s.other },
			reader: func(s setting) reader {
				return reader{id: s.own, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.other}}}
			},
			ids: func(setting) []string { return []string{""} },
		},
		{
			name:  "the own one of several",
			under: func(s setting) string { return s.own },
			reader: func(s setting) reader {
				return reader{id: s.own, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.other}}}
			},
			ids: func(setting) []string { return []string{""} },
		},
		{
			name:  "none of several",
			under: func(s setting) string { return s.third },
			reader: func(s setting) reader {
				return reader{id: s.own, opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.other}}}
			},
			ids:   func(setting) []string { return []string{""} },
			err:   materials.ErrKeyNotAllowed,
			names: func(s setting, _ reader) string { return s.third },
		},
		{
			name:   "multi-Region key in its own Region",
			under:  func(s setting) string { return s.mrk[0] },
			reader: func(s setting) reader { return reader{id: s.mrk[0]} },
			ids:    func(setting) []string { return []string{""} },
		},
		{
			name:   "multi-Region key, read in another Region by the ARN of the first",
			under:  func(s setting) string { return s.mrk[0] },
			reader: func(s setting) reader { return reader{region: west, id: s.mrk[0]} },
			ids:    func(setting) []string { return []string{""} },
		},
		{
			name:   "multi-Region key, written in another Region, read by the ARN there",
			under:  func(s setting) string { return s.mrk[1] },
			region: west,
			reader: func(s setting) reader { return reader{id: s.mrk[1]} },
			ids:    func(setting) []string { return []string{""} },
		},
		{
			name:   "multi-Region key, item under another key",
			under:  func(s setting) string { return s.own },
			reader: func(s setting) reader { return reader{id: s.mrk[0]} },
			ids:    func(setting) []string { return []string{""} },
			err:    materials.ErrKeyNotAllowed,
			names:  func(s setting, _ reader) string { return s.own },
		},
		{
			name:   "alias",
			under:  func(setting) string { return "alias/app" },
			reader: func(setting) reader { return reader{id: "alias/app"} },
			ids:    func(setting) []string { return []string{"alias/app"} },
		},
		{
			name:   "alias ARN",
			under:  func(s setting) string { return s.own },
			reader: func(setting) reader { return reader{id: "arn:aws:kms:us-east-1:111122223333:alias/app"} },
			ids:    func(setting) []string { return []string{"arn:aws:kms:us-east-1:111122223333:alias/app"} },
		},
		{
			name:  "alias, the item's key being listed beside it",
			under: func(setting) string { return "alias/app" },
			reader: func(s setting) reader {
				return reader{id: "alias/app", opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.other}}}
			},
			ids: func(setting) []string { return []string{"alias/app"} },
		},
		{
			name:  "alias re-pointed",
			under: func(setting) string { return "alias/app" },
			reader: func(s setting) reader {
				s.k.PointAlias("alias/app", s.other)
				return reader{id: "alias/app"}
			},
			ids:   func(setting) []string { return []string{"alias/app", ""} },
			err:   materials.ErrKeyNotAllowed,
			names: func(s setting, _ reader) string { return s.own },
		},
		{
			name:  "alias re-pointed, old key listed",
			under: func(setting) string { return "alias/app" },
			reader: func(s setting) reader {
				s.k.PointAlias("alias/app", s.other)
				return reader{id: "alias/app", opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.own}}}
			},
			ids: func(setting) []string { return []string{"alias/app", ""} },
		},
		{
			name:  "alias re-pointed, another key listed",
			under: func(setting) string { return "alias/app" },
			reader: func(s setting) reader {
				s.k.PointAlias("alias/app", s.other)
				return reader{id: "alias/app", opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.third}}}
			},
			ids:   func(setting) []string { return []string{"alias/app", ""} },
			err:   materials.ErrKeyNotAllowed,
			names: func(s setting, _ reader) string { return s.own },
		},
		{
			name:  "alias re-pointed, old key denied and not listed",
			under: func(setting) string { return "alias/app" },
			reader: func(s setting) reader {
				s.k.PointAlias("alias/app", s.other)
				s.k.DenyKey(s.own)
				return reader{id: "alias/app"}
			},
			ids:   func(setting) []string { return []string{"alias/app", ""} },
			err:   materials.ErrKeyNotAllowed,
			names: func(setting, reader) string { return "DirectKMSOptions.DecryptKeyIDs" },
		},
		{
			name:  "alias re-pointed, old key listed and denied",
			under: func(setting) string { return "alias/app" },
			reader: func(s setting) reader {
				s.k.PointAlias("alias/app", s.other)
				s.k.DenyKey(s.own)
				return reader{id: "alias/app", opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.own}}}
			},
			ids:   func(setting) []string { return []string{"alias/app", ""} },
			err:   materials.ErrKMS,
			names: func(setting, reader) string { return "kms:Decrypt" },
		},
		{
			name:   "bare key id",
			under:  func(s setting) string { return bareID(s.own) },
			reader: func(s setting) reader { return reader{id: bareID(s.own)} },
			ids:    func(s setting) []string { return []string{bareID(s.own)} },
		},
		{
			name:   "bare key id, item under another key",
			under:  func(s setting) string { return s.other },
			reader: func(s setting) reader { return reader{id: bareID(s.own)} },
			ids:    func(s setting) []string { return []string{bareID(s.own), ""} },
			err:    materials.ErrKeyNotAllowed,
			names:  func(s setting, _ reader) string { return s.other },
		},
		{
			name:   "bare id of a multi-Region key, in another Region",
			under:  func(s setting) string { return bareID(s.mrk[0]) },
			reader: func(s setting) reader { return reader{region: west, id: bareID(s.mrk[0])} },
			ids:    func(s setting) []string { return []string{bareID(s.mrk[0])} },
		},
		{
			name:  "decrypt only, one key",
			under: func(s setting) string { return s.own },
			reader: func(s setting) reader {
				return reader{opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.own}}}
			},
			ids: func(s setting) []string { return []string{s.own} },
		},
		{
			name:  "decrypt only, two keys",
			under: func(s setting) string { return s.own },
			reader: func(s setting) reader {
				return reader{opts: materials.DirectKMSOptions{DecryptKeyIDs: []string{s.own, s.other}}}
			},
			ids: func(setting) []string { return []string{""} },
		},
		{
			name:  "any key",
			under: func(s setting) string { return s.other },
			reader: func(s setting) reader {
				return reader{id: s.own, opts: materials.DirectKMSOptions{AnyDecryptKey: true}}
			},
			ids: func(setting) []string { return []string{""} },
		},
		{
			name:  "any key, decrypt only",
			under: func(s setting) string { return s.other },
			reader: func(setting) reader {
				return reader{opts: materials.DirectKMSOptions{AnyDecryptKey: true}}
			},
			ids: func(setting) []string { return []string{""} },
		},
		{
			name:   "a Region that does not have the item's key",
			under:  func(s setting) string { return s.own },
			reader: func(s setting) reader { return reader{region: west, id: s.mrk[1]} },
			ids:    func(setting) []string { return []string{""} },
			err:    materials.ErrKMS,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := kmstest.New()
			s := setting{
				k: k, own: k.CreateKey("alias/app"), other: k.CreateKey(), third: k.CreateKey(),
				mrk: k.CreateMultiRegionKey(east, west),
			}
			in := func(region string) *kmstest.KMS {
				if region == "" {
					return k
				}
				return k.InRegion(region)
			}
			writer, err := materials.NewDirectKMSProvider(in(tt.region), tt.under(s))
			require.NoError(t, err)
			enc, err := writer.EncryptionMaterials(t.Context(), item())
			require.NoError(t, err)
			require.Len(t, k.Calls(), 1)
			require.Equal(t, "GenerateDataKey", k.Calls()[0].Op)
			require.Equal(t, tt.under(s), k.Calls()[0].KeyID)

			r := tt.reader(s)
			provider, err := materials.NewDirectKMSProvider(in(r.region), r.id, func(o *materials.DirectKMSOptions) { *o = r.opts })
			require.NoError(t, err)
			require.Len(t, k.Calls(), 1, "the constructor asks nothing of KMS")
			dec, err := provider.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
			require.Equal(t, tt.ids(s), recent(t, k, 1))
			if tt.err == nil {
				require.NoError(t, err)
				requirePair(t, enc, dec)
				return
			}
			require.ErrorIs(t, err, tt.err)
			require.NotErrorIs(t, err, materials.ErrContextMismatch)
			if tt.err == materials.ErrKMS {
				require.NotErrorIs(t, err, materials.ErrKeyNotAllowed)
			}
			require.Nil(t, dec)
			if tt.names != nil {
				require.ErrorContains(t, err, tt.names(s, r))
			}
		})
	}
}

// KMS's answer names the key that it used. A client in between may leave that
// out, or another KMS may say what it likes.
func TestDirectKMSAnswers(t *testing.T) {
	t.Parallel()
	const alias = "alias/app"
	keyIDs := map[string]func(arn string) string{
		"key ARN": func(arn string) string { return arn },
		"bare id": bareID,
		"alias":   func(string) string { return alias },
	}
	answers := []struct {
		name    string
		keyID   func(own, other string) *string
		allowed []string
	}{
		{name: "without KeyId", keyID: func(string, string) *string { return nil }},
		{name: "with an empty KeyId", keyID: func(string, string) *string { return ptr("") }},
		// For an alias KMS alone knows what is right.
		{name: "another key", keyID: func(_, other string) *string { return &other }, allowed: []string{"alias"}},
		{name: "not an ARN", keyID: func(own, _ string) *string { return ptr(bareID(own)) }, allowed: []string{"alias"}},
		{name: "another account", keyID: func(own, _ string) *string {
			return ptr(strings.Replace(own, "111122223333", "444455556666", 1))
		}, allowed: []string{"alias", "bare id"}},
		{name: "another Region", keyID: func(own, _ string) *string {
			return ptr(strings.Replace(own, "us-east-1", "eu-west-1", 1))
		}, allowed: []string{"alias", "bare id"}},
		{name: "another partition", keyID: func(own, _ string) *string {
			return ptr(strings.Replace(own, "arn:aws:", "arn:aws-cn:", 1))
		}, allowed: []string{"alias", "bare id"}},
		{name: "the same key", keyID: func(own, _ string) *string { return &own }, allowed: []string{"alias", "bare id", "key ARN"}},
	}
	for _, tt := range answers {
		for form, keyID := range keyIDs {
			t.Run(tt.name+" for "+form, func(t *testing.T) {
				t.Parallel()
				k := kmstest.New()
				own, other := k.CreateKey(alias), k.CreateKey()
				answered := tt.keyID(own, other)
				honest, err := materials.NewDirectKMSProvider(k, keyID(own))
				require.NoError(t, err)
				enc, err := honest.EncryptionMaterials(t.Context(), item())
				require.NoError(t, err)

				p, err := materials.NewDirectKMSProvider(stubKMS{
					KMS:       k,
					generated: func(out *kms.GenerateDataKeyOutput) { out.KeyId = answered },
					decrypted: func(out *kms.DecryptOutput) { out.KeyId = answered },
				}, keyID(own))
				require.NoError(t, err)
				e, encErr := p.EncryptionMaterials(t.Context(), item())
				d, decErr := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
				require.Len(t, k.Calls(), 3)
				for _, allowed := range tt.allowed {
					if allowed == form {
						require.NoError(t, encErr)
						require.NoError(t, decErr)
						return
					}
				}
				require.ErrorIs(t, encErr, materials.ErrKeyNotAllowed)
				require.Nil(t, e)
				require.ErrorIs(t, decErr, materials.ErrKeyNotAllowed)
				require.Nil(t, d)
			})
		}
	}
}

// Where KeyId was not sent, the answer is all there is to go by.
func TestDirectKMSUnaskedAnswers(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	own, other := k.CreateKey(), k.CreateKey()
	mrk := k.CreateMultiRegionKey("us-east-1")[0]
	writer, err := materials.NewDirectKMSProvider(k, own)
	require.NoError(t, err)
	enc, err := writer.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)

	tests := []struct {
		name     string
		answered *string
		any      bool
		err      error
	}{
		{name: "listed", answered: &other},
		{name: "multi-Region key, elsewhere", answered: ptr(strings.Replace(mrk, "us-east-1", "ap-south-1", 1))},
		{name: "listed, but of another Region", answered: ptr(strings.Replace(other, "us-east-1", "ap-south-1", 1)), err: materials.ErrKeyNotAllowed},
		{name: "multi-Region key of another account", answered: ptr(strings.Replace(mrk, "111122223333", "444455556666", 1)), err: materials.ErrKeyNotAllowed},
		{name: "listed, but of another service", answered: ptr(strings.Replace(other, ":kms:", ":s3:", 1)), err: materials.ErrKeyNotAllowed},
		{name: "no ARN", answered: ptr(bareID(other)), err: materials.ErrKeyNotAllowed},
		{name: "nil", err: materials.ErrKeyNotAllowed},
		{name: "empty", answered: ptr(""), err: materials.ErrKeyNotAllowed},
		{name: "any key", answered: ptr("arn:aws:kms:ap-south-1:444455556666:key/x"), any: true},
		{name: "any key, unnamed", any: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stub := stubKMS{KMS: k, decrypted: func(out *kms.DecryptOutput) { out.KeyId = tt.answered }}
			p, err := materials.NewDirectKMSProvider(stub, own, func(o *materials.DirectKMSOptions) {
				o.DecryptKeyIDs = []string{other, mrk}
				o.AnyDecryptKey = tt.any
			})
			require.NoError(t, err)
			dec, err := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
			if tt.err == nil {
				require.NoError(t, err)
				requirePair(t, enc, dec)
				return
			}
			require.ErrorIs(t, err, tt.err)
			require.Nil(t, dec)
		})
	}
}

func TestDirectKMSBadDataKeys(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	key := k.CreateKey()
	p, err := materials.NewDirectKMSProvider(k, key)
	require.NoError(t, err)
	enc, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	for _, size := range []int{0, 16, 31, 33, 64} {
		p, err := materials.NewDirectKMSProvider(stubKMS{
			KMS:       k,
			generated: func(out *kms.GenerateDataKeyOutput) { out.Plaintext = make([]byte, size) },
			decrypted: func(out *kms.DecryptOutput) { out.Plaintext = make([]byte, size) },
		}, key)
		require.NoError(t, err)
		_, err = p.EncryptionMaterials(t.Context(), item())
		require.ErrorIs(t, err, materials.ErrKMS, "%d bytes", size)
		_, err = p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
		require.ErrorIs(t, err, materials.ErrKMS, "%d bytes", size)
	}
	p, err = materials.NewDirectKMSProvider(stubKMS{KMS: k, generated: func(out *kms.GenerateDataKeyOutput) { out.CiphertextBlob = nil }}, key)
	require.NoError(t, err)
	_, err = p.EncryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, materials.ErrKMS, "no ciphertext: nobody could read the item")
}

// A mock may forget to answer.
func TestDirectKMSNoAnswer(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	key := k.CreateKey()
	writer, err := materials.NewDirectKMSProvider(k, key)
	require.NoError(t, err)
	enc, err := writer.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)

	p, err := materials.NewDirectKMSProvider(silentKMS{}, key)
	require.NoError(t, err)
	_, encErr := p.EncryptionMaterials(t.Context(), item())
	_, decErr := p.DecryptionMaterials(t.Context(), stored(item(), enc.Description))
	for op, err := range map[string]error{"GenerateDataKey": encErr, "Decrypt": decErr} {
		require.ErrorIs(t, err, materials.ErrKMS)
		require.ErrorContains(t, err, op)
		require.ErrorContains(t, err, "neither an answer nor an error")
	}
	require.Equal(t, materials.KMSStats{GenerateDataKey: 1, Decrypt: 1, Failed: 2}, p.Stats())
}

type silentKMS struct{}

func (silentKMS) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return nil, nil
}

func (silentKMS) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return nil, nil
}
