package materials_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/materials"
)

// printers are the ways in which a value gets into a log.
func printers() map[string]func(v any) string {
	printers := map[string]func(v any) string{
		"encoding/json": func(v any) string {
			text, err := json.Marshal(v)
			return fmt.Sprint(string(text), err)
		},
		"slog text": func(v any) string {
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
			return out.String()
		},
		"slog JSON": func(v any) string {
			var out bytes.Buffer
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
			return out.String()
		},
		"errors": func(v any) string { return fmt.Errorf("failed: %v", v).Error() },
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "% x", "%q", "%d", "%t", "%10.3v"} {
		printers[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	return printers
}

type inInterface struct{ Shown any }

// That nothing secret shows anywhere is tested in package encryptor, with the
// types of all packages. Here is what shows instead.
func TestOpaqueText(t *testing.T) {
	t.Parallel()
	rsa := rsaKeys(t)
	keys := map[string]any{
		"*AESKey": newAESKey(t, counting(1, 32)), "AESKey": *newAESKey(t, counting(1, 32)),
		"*HMACKey": newHMACKey(t, counting(1, 32)), "HMACKey": *newHMACKey(t, counting(1, 32)),
		"Signer": rsa.Sign, "Verifier": rsa.Verify, "KeyWrapper": rsa.Wrap, "KeyUnwrapper": rsa.Unwrap,
	}
	for name, k := range keys {
		for printer, print := range printers() {
			require.Contains(t, print(k), "REDACTED", "%s by %s", name, printer)
			require.Contains(t, print(inInterface{Shown: k}), "REDACTED", "%s in a struct by %s", name, printer)
		}
	}
	for printer, print := range printers() {
		require.NotPanics(t, func() { print((*materials.AESKey)(nil)) }, printer)
		require.NotPanics(t, func() { print((*materials.HMACKey)(nil)) }, printer)
	}
}

func TestEncryptionContextText(t *testing.T) {
	t.Parallel()
	ec := item()
	ec.Description = map[string]string{"entry": "its-text"}
	for printer, print := range printers() {
		text := print(ec)
		for _, name := range []string{"customers", "pk", "sk", "name", "entry"} {
			require.Contains(t, text, name, printer)
		}
		for _, value := range []string{"user#1", "1.50", "Ada", "its-text"} {
			require.NotContains(t, text, value, printer)
		}
	}
	require.Equal(t, `EncryptionContext{TableName:"customers" PartitionKeyName:"pk" SortKeyName:"sk" Attributes:["name" "pk" "sk"] Description:["entry"]}`, fmt.Sprint(ec))
	text, err := json.Marshal(ec)
	require.NoError(t, err)
	require.JSONEq(t, `{"tableName":"customers","partitionKeyName":"pk","sortKeyName":"sk","attributes":["name","pk","sk"],"description":["entry"]}`, string(text))
	text, err = json.Marshal(materials.EncryptionContext{})
	require.NoError(t, err)
	require.JSONEq(t, `{"tableName":"","partitionKeyName":"","attributes":null,"description":null}`, string(text))
}
