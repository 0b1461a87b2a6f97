package encryptor_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// The README says how many calls each provider makes: one process writes 1,000
// items, a second one reads them and then reads them again.
func TestProviderCallsPerThousandItems(t *testing.T) {
	t.Parallel()
	const items = 1000
	k, db := kmstest.New(), ddbtest.NewServer()
	t.Cleanup(db.Close)
	keyARN := k.CreateKey()
	directKMS := func(optFns ...func(*materials.DirectKMSOptions)) materials.CryptographicMaterialsProvider {
		p, err := materials.NewDirectKMSProvider(k, keyARN, optFns...)
		require.NoError(t, err)
		return p
	}
	require.NoError(t, metastore.CreateTable(t.Context(), db.Client(), "meta"))
	mostRecent := func() materials.CryptographicMaterialsProvider {
		meta, err := encryptor.NewEncryptedTable(t.Context(), db.Client(), "meta", directKMS())
		require.NoError(t, err)
		store, err := metastore.New(meta)
		require.NoError(t, err)
		p, err := materials.NewCachingMostRecentProvider(store, "customers", time.Hour)
		require.NoError(t, err)
		return p
	}
	// The key of a new name is made once in the life of the table.
	_, err := mostRecent().EncryptionMaterials(t.Context(), materials.EncryptionContext{})
	require.NoError(t, err)

	key, mac := aesKey(t, make([]byte, 32)), hmacKey(t, make([]byte, 32))
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		provider func() materials.CryptographicMaterialsProvider // of a new process
		want     string
	}{
		{"`DirectKMSProvider`", func() materials.CryptographicMaterialsProvider { return directKMS() }, "1,000 / 1,000 / 1,000 | 0"},
		{"the same with `Cache`", func() materials.CryptographicMaterialsProvider {
			return directKMS(func(o *materials.DirectKMSOptions) {
				o.Cache = &materials.DecryptCacheOptions{TTL: time.Hour, Size: items}
			})
		}, "1,000 / 1,000 / 0 | 0"},
		{"`CachingMostRecentProvider` with `MetaStore`", mostRecent, "1 / 1 / 0 | 1 / 1 / 0"},
		{"`WrappedProvider`", func() materials.CryptographicMaterialsProvider {
			p, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac}, nil)
			require.NoError(t, err)
			return p
		}, "0 | 0"},
		{"`StaticProvider`", func() materials.CryptographicMaterialsProvider {
			p, err := materials.NewStaticProvider(
				&materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac},
				&materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac})
			require.NoError(t, err)
			return p
		}, "0 | 0"},
	} {
		codec := func() *encryptor.ItemEncryptor {
			e, err := encryptor.New(c.provider(), tableinfo.TableInfo{Name: customers, Primary: tableinfo.Index{PartitionKey: "pk", SortKey: "sk"}})
			require.NoError(t, err)
			return e
		}
		writer, reader := codec(), codec()
		var stored [items]encryptor.Item
		var kmsCalls, storeCalls []int
		for _, step := range []func(i int) error{
			func(i int) (err error) {
				stored[i], err = writer.Encrypt(t.Context(), customer("ada", i))
				return err
			},
			func(i int) error { _, err := reader.Decrypt(t.Context(), stored[i]); return err },
			func(i int) error { _, err := reader.Decrypt(t.Context(), stored[i]); return err },
		} {
			kmsBefore, storeBefore := len(k.Calls()), len(db.Calls())
			for i := range items {
				require.NoError(t, step(i))
			}
			kmsCalls = append(kmsCalls, len(k.Calls())-kmsBefore)
			storeCalls = append(storeCalls, len(db.Calls())-storeBefore)
		}
		got := perStep(kmsCalls) + " | " + perStep(storeCalls)
		require.Equal(t, c.want, got, c.name)
		require.Contains(t, string(readme), "| "+c.name+" | "+got+" |")
	}
}

// perStep shows the calls of writing, reading and reading again; 0 if there is none
// at all.
func perStep(calls []int) string {
	if calls[0]+calls[1]+calls[2] == 0 {
		return "0"
	}
	return thousands(calls[0]) + " / " + thousands(calls[1]) + " / " + thousands(calls[2])
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
