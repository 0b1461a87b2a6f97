package encryptor_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// The README says how many KMS calls each provider makes.
func TestProviderCallsPerThousandItems(t *testing.T) {
	t.Parallel()
	const items = 1000
	key, mac := aesKey(t, make([]byte, 32)), hmacKey(t, make([]byte, 32))
	k := kmstest.New()
	direct, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	require.NoError(t, err)
	wrapped, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac}, nil)
	require.NoError(t, err)
	static, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
	require.NoError(t, err)

	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		provider materials.CryptographicMaterialsProvider
		table    string
	}{
		{"DirectKMSProvider", direct, "1,000 / 1,000"},
		{"WrappedProvider", wrapped, "0 / 0"},
		{"StaticProvider", static, "0 / 0"},
	} {
		before := len(k.Calls())
		enc, err := encryptor.New(c.provider, tableinfo.TableInfo{Name: customers, Primary: tableinfo.Index{PartitionKey: "pk", SortKey: "sk"}})
		require.NoError(t, err)
		for i := range items {
			stored, err := enc.Encrypt(t.Context(), customer("ada", i))
			require.NoError(t, err)
			_, err = enc.Decrypt(t.Context(), stored)
			require.NoError(t, err)
		}
		calls := map[string]int{}
		for _, call := range k.Calls()[before:] {
			calls[call.Op]++
		}
		written, read := thousands(calls["GenerateDataKey"]), thousands(calls["Decrypt"])
		require.Equal(t, c.table, written+" / "+read, c.name)
		require.Contains(t, string(readme), "| `"+c.name+"` | "+c.table+" |")
	}
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return strings.Join([]string{fmt.Sprint(n / 1000), fmt.Sprintf("%03d", n%1000)}, ",")
}
