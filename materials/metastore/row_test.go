package metastore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// What Python and Java expect of a row.
func TestRows(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 2)
	table := f.openTable(t, metaTable, nil)
	seen := map[string]bool{}
	for version := range int64(2) {
		key := rowKey(material, version)
		stored, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(metaTable), Key: key})
		require.NoError(t, err)
		row, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: key})
		require.NoError(t, err)

		enc, mac := row.Item["enc"].(*attrB).Value, row.Item["int"].(*attrB).Value
		for _, secret := range [][]byte{enc, mac} {
			require.Len(t, secret, 32)
			require.False(t, seen[string(secret)], "a key is used twice")
			seen[string(secret)] = true
		}
		want := plainRow(material, fmt.Sprint(version))
		want["enc"], want["int"] = row.Item["enc"], row.Item["int"]
		require.Equal(t, want, row.Item)

		require.Equal(t, key["N"], stored.Item["N"])
		require.Equal(t, key["V"], stored.Item["V"])
		for _, name := range []string{"t", "encAlg", "enc", "intAlg", "int"} {
			require.IsType(t, &attrB{}, stored.Item[name], name)
			require.NotContains(t, string(stored.Item[name].(*attrB).Value), string(enc[:8]))
			require.NotContains(t, string(stored.Item[name].(*attrB).Value), string(mac[:8]))
		}
		require.Len(t, stored.Item, 9)
	}
	for _, call := range f.kms.Calls() {
		require.Equal(t, material, call.EncryptionContext["N"])
		require.Contains(t, []string{"0", "1"}, call.EncryptionContext["V"])
		require.Equal(t, metaTable, call.EncryptionContext["*aws-kms-table*"])
	}
}

func TestNothingSecretIsPrinted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	provider, _, err := f.store.GetOrCreate(t.Context(), material, 0)
	require.NoError(t, err)
	read, err := f.store.Provider(t.Context(), material, 0)
	require.NoError(t, err)
	row, err := f.openTable(t, metaTable, nil).GetItem(t.Context(), &dynamodb.GetItemInput{Key: rowKey(material, 0)})
	require.NoError(t, err)
	m, err := provider.EncryptionMaterials(t.Context(), materials.EncryptionContext{})
	require.NoError(t, err)
	f.tamper(material, 0, func(item encryptor.Item) { item["enc"].(*attrB).Value[20] ^= 1 })
	_, failure := f.store.Provider(t.Context(), material, 0)
	require.Error(t, failure)

	values := map[string]any{
		"store": f.store, "store by value": *f.store, "new provider": provider, "provider": read, "materials": m, "error": failure,
		"in a struct": struct {
			hidden any
			Shown  any
		}{provider, read},
		"options": &metastore.Options{},
	}
	printers := map[string]func(v any) string{
		"JSON": func(v any) string {
			text, err := json.Marshal(v)
			return fmt.Sprint(string(text), err)
		},
		"slog": func(v any) string {
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
			return out.String()
		},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
		printers[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	for _, attribute := range []string{"enc", "int"} {
		secret := row.Item[attribute].(*attrB).Value
		start := secret[:6]
		decimal := strings.Trim(fmt.Sprint(start), "[]")
		shapes := []string{
			string(start), hex.EncodeToString(start), strings.ToUpper(hex.EncodeToString(start)), base64.StdEncoding.EncodeToString(start),
			decimal, strings.ReplaceAll(decimal, " ", ","), strings.Trim(fmt.Sprintf("%#v", start), "[]byte{}"),
		}
		for what, v := range values {
			for how, print := range printers {
				text := print(v)
				for _, shape := range shapes {
					require.NotContains(t, text, shape, "%s by %s shows %s", what, how, attribute)
				}
			}
		}
	}
}
