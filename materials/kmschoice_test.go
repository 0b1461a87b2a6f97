package materials_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

// byTenant chooses a KMS key by an attribute.
func byTenant(keys map[string]string) func(*materials.DirectKMSOptions) {
	return func(o *materials.DirectKMSOptions) {
		o.KeyFor = func(ec materials.EncryptionContext) (string, error) {
			tenant, ok := ec.Attributes["tenant"].(*types.AttributeValueMemberS)
			if !ok {
				return "", errors.New("the item has no tenant")
			}
			return keys[tenant.Value], nil
		}
	}
}

func tenantItem(tenant string) materials.EncryptionContext {
	ec := item()
	ec.Attributes["tenant"] = &types.AttributeValueMemberS{Value: tenant}
	return ec
}

func TestDirectKMSKeyFor(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	one, two := k.CreateKey(), k.CreateKey("alias/two")
	keys := map[string]string{"one": one, "two": "alias/two", "bad": "arn:aws:s3:::bucket"}
	p, err := materials.NewDirectKMSProvider(k, "", byTenant(keys))
	require.NoError(t, err)

	for tenant, keyID := range map[string]string{"one": one, "two": "alias/two"} {
		calls := len(k.Calls())
		m, err := p.EncryptionMaterials(t.Context(), tenantItem(tenant))
		require.NoError(t, err)
		dec, err := p.DecryptionMaterials(t.Context(), stored(tenantItem(tenant), m.Description))
		require.NoError(t, err)
		requirePair(t, m, dec)
		for _, call := range k.Calls()[calls:] {
			require.Equal(t, keyID, call.KeyID)
		}
	}

	t.Run("another tenant's item", func(t *testing.T) {
		m, err := p.EncryptionMaterials(t.Context(), tenantItem("two"))
		require.NoError(t, err)
		_, err = p.DecryptionMaterials(t.Context(), stored(tenantItem("one"), m.Description))
		require.ErrorIs(t, err, materials.ErrKeyNotAllowed)
		allowing, err := materials.NewDirectKMSProvider(k, "", byTenant(keys), func(o *materials.DirectKMSOptions) { o.DecryptKeyIDs = []string{two} })
		require.NoError(t, err)
		_, err = allowing.DecryptionMaterials(t.Context(), stored(tenantItem("one"), m.Description))
		require.NoError(t, err)
	})

	for tenant, text := range map[string]string{"none": "no key id", "bad": "not the ARN of a KMS key"} {
		calls := len(k.Calls())
		_, err := p.EncryptionMaterials(t.Context(), tenantItem(tenant))
		require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
		require.ErrorContains(t, err, "DirectKMSOptions.KeyFor")
		require.ErrorContains(t, err, text)
		m, err := p.EncryptionMaterials(t.Context(), tenantItem("one"))
		require.NoError(t, err)
		_, err = p.DecryptionMaterials(t.Context(), stored(tenantItem(tenant), m.Description))
		require.ErrorIs(t, err, materials.ErrNoDecryptionMaterials)
		require.ErrorContains(t, err, text)
		require.Len(t, k.Calls(), calls+1)
	}
	_, err = p.EncryptionMaterials(t.Context(), item())
	require.ErrorContains(t, err, "the item has no tenant")
}

// Both directions must give KeyFor the same to choose by.
func TestDirectKMSKeyForSees(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	key := k.CreateKey()
	var seen []materials.EncryptionContext
	p, err := materials.NewDirectKMSProvider(k, "", func(o *materials.DirectKMSOptions) {
		o.KeyFor = func(ec materials.EncryptionContext) (string, error) {
			seen = append(seen, ec)
			return key, nil
		}
	})
	require.NoError(t, err)
	ec := item()
	ec.Encrypted = []string{"name"}
	m, err := p.EncryptionMaterials(t.Context(), ec)
	require.NoError(t, err)
	read := stored(ec, m.Description)
	read.Attributes["name"] = &types.AttributeValueMemberB{Value: []byte("ciphertext")}
	read.Attributes["*amzn-ddb-map-sig*"] = &types.AttributeValueMemberB{}
	_, err = p.DecryptionMaterials(t.Context(), read)
	require.NoError(t, err)
	want := item()
	delete(want.Attributes, "name")
	require.Equal(t, []materials.EncryptionContext{want, want}, seen)
}

const (
	east = "us-east-1"
	west = "eu-west-1"
)

// regions is a ClientFor that knows some Regions of a KMS.
func regions(k *kmstest.KMS, names ...string) func(string) materials.KMSClient {
	clients := make(map[string]materials.KMSClient)
	for _, name := range names {
		clients[name] = k.InRegion(name)
	}
	return func(region string) materials.KMSClient { return clients[region] }
}

func TestDirectKMSClientFor(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	inEast, inWest, other := k.CreateKey("alias/app"), k.InRegion(west).CreateKey("alias/app"), k.InRegion(west).CreateKey()
	replicas := k.CreateMultiRegionKey(east, west)
	aliasInWest := strings.TrimSuffix(inWest, "key/"+bareID(inWest)) + "alias/app"
	writer := func(t *testing.T, keyID string) (*materials.EncryptionMaterials, materials.EncryptionContext) {
		t.Helper()
		p, err := materials.NewDirectKMSProvider(nil, keyID, func(o *materials.DirectKMSOptions) { o.ClientFor = regions(k, east, west) })
		require.NoError(t, err)
		m, err := p.EncryptionMaterials(t.Context(), item())
		require.NoError(t, err)
		return m, stored(item(), m.Description)
	}
	tests := []struct {
		name    string
		under   string
		own     string
		options materials.DirectKMSOptions
		ids     []string // KeyId of each Decrypt call
		err     error    // nil: the item is read
	}{
		{"own key in the other Region", inWest, inWest, materials.DirectKMSOptions{}, []string{inWest}, nil},
		{"alias ARN in the other Region", inWest, aliasInWest, materials.DirectKMSOptions{}, []string{aliasInWest}, nil},
		{"further key in another Region", inWest, inEast, materials.DirectKMSOptions{DecryptKeyIDs: []string{inWest}}, []string{inEast, inWest}, nil},
		{"own key first", inEast, inEast, materials.DirectKMSOptions{DecryptKeyIDs: []string{inWest}}, []string{inEast}, nil},
		{"only further keys", inWest, "", materials.DirectKMSOptions{DecryptKeyIDs: []string{inEast, inWest}}, []string{inEast, inWest}, nil},
		{"two in one Region", other, inEast, materials.DirectKMSOptions{DecryptKeyIDs: []string{inWest, other}}, []string{inEast, ""}, nil},
		{"none of them", other, inEast, materials.DirectKMSOptions{DecryptKeyIDs: []string{inWest}}, []string{inEast, inWest}, materials.ErrKeyNotAllowed},
		{"replica of the own key", replicas[0], replicas[1], materials.DirectKMSOptions{}, []string{""}, nil},
		{"both replicas listed: one Region is enough", replicas[0], replicas[1], materials.DirectKMSOptions{DecryptKeyIDs: []string{replicas[0]}}, []string{""}, nil},
		{"replica and another key", inEast, replicas[1], materials.DirectKMSOptions{DecryptKeyIDs: []string{inEast}}, []string{"", inEast}, nil},
		{"any key, Regions of those listed", inWest, inEast, materials.DirectKMSOptions{DecryptKeyIDs: []string{other}, AnyDecryptKey: true}, []string{"", ""}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ec := writer(t, tt.under)
			p, err := materials.NewDirectKMSProvider(nil, tt.own, func(o *materials.DirectKMSOptions) {
				*o = tt.options
				o.ClientFor = regions(k, east, west)
			})
			require.NoError(t, err)
			calls := len(k.Calls())
			dec, err := p.DecryptionMaterials(t.Context(), ec)
			require.Equal(t, tt.ids, recent(t, k, calls))
			if tt.err != nil {
				require.ErrorIs(t, err, tt.err)
				require.ErrorIs(t, err, materials.ErrKMS)
				require.ErrorContains(t, err, east)
				require.ErrorContains(t, err, west)
				return
			}
			require.NoError(t, err)
			requirePair(t, m, dec)
		})
	}
}

func TestDirectKMSClientForErrors(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	inEast, inWest := k.CreateKey(), k.InRegion(west).CreateKey()
	both := func(o *materials.DirectKMSOptions) {
		o.ClientFor = regions(k, east, west)
		o.DecryptKeyIDs = []string{inWest}
	}

	t.Run("another context is known as that", func(t *testing.T) {
		p, err := materials.NewDirectKMSProvider(nil, inEast, both)
		require.NoError(t, err)
		m, err := p.EncryptionMaterials(t.Context(), item())
		require.NoError(t, err)
		moved := stored(item(), m.Description)
		moved.TableName = "another"
		_, err = p.DecryptionMaterials(t.Context(), moved)
		require.ErrorIs(t, err, materials.ErrContextMismatch)
	})
	t.Run("throttling is not another Region", func(t *testing.T) {
		p, err := materials.NewDirectKMSProvider(nil, inEast, both)
		require.NoError(t, err)
		m, err := p.EncryptionMaterials(t.Context(), item())
		require.NoError(t, err)
		k.FailNext("Decrypt", &smithy.GenericAPIError{Code: "ThrottlingException"})
		calls := len(k.Calls())
		_, err = p.DecryptionMaterials(t.Context(), stored(item(), m.Description))
		require.ErrorIs(t, err, materials.ErrKMS)
		require.ErrorContains(t, err, "ThrottlingException")
		require.Len(t, recent(t, k, calls), 1)
	})
	t.Run("no client for the Region", func(t *testing.T) {
		p, err := materials.NewDirectKMSProvider(nil, inWest, func(o *materials.DirectKMSOptions) { o.ClientFor = regions(k, east) })
		require.NoError(t, err)
		_, err = p.EncryptionMaterials(t.Context(), item())
		require.ErrorIs(t, err, materials.ErrKMS)
		require.ErrorContains(t, err, `ClientFor has no client for Region "eu-west-1"`)
	})
	t.Run("a nil client for the Region", func(t *testing.T) {
		clients := map[string]*kms.Client{}
		p, err := materials.NewDirectKMSProvider(nil, inWest, func(o *materials.DirectKMSOptions) {
			o.ClientFor = func(region string) materials.KMSClient { return clients[region] }
		})
		require.NoError(t, err)
		_, err = p.EncryptionMaterials(t.Context(), item())
		require.ErrorIs(t, err, materials.ErrKMS)
		require.ErrorContains(t, err, `ClientFor has no client for Region "eu-west-1"`)
	})
	t.Run("an alias without a client", func(t *testing.T) {
		_, err := materials.NewDirectKMSProvider(nil, "alias/app", func(o *materials.DirectKMSOptions) { o.ClientFor = regions(k, east) })
		require.ErrorContains(t, err, `nil KMSClient, and key id "alias/app" is no ARN`)
		p, err := materials.NewDirectKMSProvider(nil, "", func(o *materials.DirectKMSOptions) {
			o.ClientFor = regions(k, east)
			o.KeyFor = func(materials.EncryptionContext) (string, error) { return "alias/app", nil }
		})
		require.NoError(t, err)
		_, err = p.EncryptionMaterials(t.Context(), item())
		require.ErrorIs(t, err, materials.ErrKMS)
		require.ErrorContains(t, err, "nil KMSClient")
	})
	t.Run("the own client for what is no ARN", func(t *testing.T) {
		k.PointAlias("alias/own", inEast)
		p, err := materials.NewDirectKMSProvider(k, "alias/own", func(o *materials.DirectKMSOptions) { o.ClientFor = regions(k) })
		require.NoError(t, err)
		_, err = p.EncryptionMaterials(t.Context(), item())
		require.NoError(t, err)
	})
}

func TestDirectKMSStats(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	p, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	require.Zero(t, p.Stats())
	m, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	for range 3 {
		_, err = p.DecryptionMaterials(t.Context(), stored(item(), m.Description))
		require.NoError(t, err)
	}
	k.FailNext("Decrypt", &kmstypes.KMSInternalException{})
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), m.Description))
	require.ErrorIs(t, err, materials.ErrKMS)
	k.FailNext("GenerateDataKey", &kmstypes.KMSInternalException{})
	_, err = p.EncryptionMaterials(t.Context(), item())
	require.ErrorIs(t, err, materials.ErrKMS)
	require.Equal(t, materials.KMSStats{GenerateDataKey: 2, Decrypt: 4, Failed: 2}, p.Stats())
	require.Len(t, k.Calls(), 6)
}

// A client that keeps its answers must find them as they were; the SDK's own does
// not, so its data keys are cleared.
func TestDirectKMSClearsDataKeys(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	key := k.CreateKey()
	var answers [][]byte
	keeping := stubKMS{
		KMS:       k,
		generated: func(out *kms.GenerateDataKeyOutput) { answers = append(answers, out.Plaintext) },
		decrypted: func(out *kms.DecryptOutput) { answers = append(answers, out.Plaintext) },
	}
	p, err := materials.NewDirectKMSProvider(keeping, key)
	require.NoError(t, err)
	m, err := p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), m.Description))
	require.NoError(t, err)
	require.Len(t, answers, 2)
	require.Equal(t, answers[0], answers[1])
	require.NotEqual(t, make([]byte, 32), answers[0])

	server := kmstest.NewServer(k)
	t.Cleanup(server.Close)
	seen := make(map[string][]byte)
	client := kms.New(server.Client().Options(), func(o *kms.Options) {
		o.APIOptions = append(o.APIOptions, watchDataKeys(seen))
	})
	p, err = materials.NewDirectKMSProvider(client, key)
	require.NoError(t, err)
	m, err = p.EncryptionMaterials(t.Context(), item())
	require.NoError(t, err)
	_, err = p.DecryptionMaterials(t.Context(), stored(item(), m.Description))
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"GenerateDataKey": make([]byte, 32), "Decrypt": make([]byte, 32)}, seen)
}

// watchDataKeys keeps the very slices that the SDK's client returns.
func watchDataKeys(seen map[string][]byte) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("watch", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			switch o := out.Result.(type) {
			case *kms.GenerateDataKeyOutput:
				seen["GenerateDataKey"] = o.Plaintext
			case *kms.DecryptOutput:
				seen["Decrypt"] = o.Plaintext
			}
			return out, metadata, err
		}), middleware.Before)
	}
}
