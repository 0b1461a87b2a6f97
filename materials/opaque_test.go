package materials_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
)

// secretTexts is how the bytes of a secret could show up in print.
func secretTexts(secret []byte) map[string]string {
	start := secret[:6] // what shows part of a key is a leak, too
	list := func(format, separator string) string {
		var parts []string
		for _, b := range start {
			parts = append(parts, fmt.Sprintf(format, b))
		}
		return strings.Join(parts, separator)
	}
	base64Of := base64.StdEncoding.EncodeToString(start) // 6 bytes are 8 characters, whatever follows
	return map[string]string{
		"raw":              string(start),
		"quoted":           strings.Trim(fmt.Sprintf("%q", start), `"`),
		"hex":              hex.EncodeToString(start),
		"upper-case hex":   strings.ToUpper(hex.EncodeToString(start)),
		"spaced hex":       list("%02x", " "),
		"decimal list":     list("%d", " "),
		"decimal JSON":     list("%d", ","),
		"Go syntax":        list("0x%x", ", "),
		"base64":           base64Of,
		"URL-safe base64":  strings.NewReplacer("+", "-", "/", "_").Replace(base64Of),
		"errors by letter": list("%%!s(uint8=%d)", " "),
		"quoted letters":   list("%q", " "),
	}
}

// numberTexts is how a number, such as an RSA exponent, could show up.
func numberTexts(n *big.Int) map[string]string {
	texts := secretTexts(n.Bytes())
	texts["number"] = n.String()
	words := n.Bits()
	texts["words"] = fmt.Sprintf("%d %d", words[0], words[1])
	texts["words in Go syntax"] = fmt.Sprintf("0x%x, 0x%x", words[0], words[1])
	texts["words in hex"] = fmt.Sprintf("%x %x", words[0], words[1])
	return texts
}

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

// inStruct puts a value where fmt cannot call its methods, and where it can.
type inStruct[T any] struct {
	hidden T
	Shown  T
}

type inInterface struct {
	hidden any
	Shown  any
}

// places are the value as it is and inside the structs of somebody who prints
// those.
func places[T any](v T) map[string]any {
	return map[string]any{
		"by value":          v,
		"by pointer":        &v,
		"in a struct":       inStruct[T]{v, v},
		"pointer in struct": inStruct[*T]{&v, &v},
		"pointer to struct": &inStruct[T]{v, v},
		"in an interface":   inInterface{v, v},
		"in a slice":        []T{v},
		"in a map":          map[string]T{"k": v},
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	secret := func(name string) []byte {
		sum := sha256.Sum256([]byte(name))
		return sum[:]
	}
	aesBytes, macBytes, value := secret("AES"), secret("MAC"), "value-of-an-attribute"
	secrets := map[string]map[string]string{
		"AES key": secretTexts(aesBytes), "HMAC key": secretTexts(macBytes), "attribute": secretTexts([]byte(value)),
		"RSA exponent": numberTexts(rsaKey().D), "RSA prime": numberTexts(rsaKey().Primes[0]),
	}
	ec, err := ecKey().Bytes()
	require.NoError(t, err)
	secrets["ECDSA key"] = numberTexts(new(big.Int).SetBytes(ec))
	// leak names what of the secrets is in a text.
	leak := func(text string) string {
		for secret, texts := range secrets {
			for form, s := range texts {
				if strings.Contains(text, s) {
					return secret + " as " + form
				}
			}
		}
		return ""
	}

	key, mac := newAESKey(t, aesBytes), newHMACKey(t, macBytes)
	_, err = key.WrapKey(t.Context(), make([]byte, 16)) // used, so that nothing is left to be made
	require.NoError(t, err)
	_, err = mac.Sign(t.Context(), nil)
	require.NoError(t, err)
	rsa := rsaKeys(t)
	ecSigner, err := materials.NewSigner(ecKey(), "SHA256withECDSA")
	require.NoError(t, err)
	enc := materials.EncryptionMaterials{EncryptionKey: key, SigningKey: mac, Description: map[string]string{"a": "b"}}
	dec := materials.DecryptionMaterials{DecryptionKey: key, VerificationKey: mac}
	wrappedKeys := materials.WrappedKeys{Wrap: key, Unwrap: key, Sign: mac, Verify: mac}
	static, err := materials.NewStaticProvider(&enc, &dec)
	require.NoError(t, err)
	k := kmstest.New()
	direct, err := materials.NewDirectKMSProvider(stubKMS{KMS: k}, k.CreateKey())
	require.NoError(t, err)
	context := materials.EncryptionContext{
		TableName: "customers", PartitionKeyName: "pk",
		Attributes: map[string]types.AttributeValue{
			"pk":   &types.AttributeValueMemberS{Value: value},
			"data": &types.AttributeValueMemberB{Value: aesBytes},
			"more": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberSS{Value: []string{value}}}},
		},
		Description: map[string]string{"entry": "text"},
	}

	// Without this table a fault of leak would pass for silence.
	for name, v := range map[string]any{"AES key": aesBytes, "HMAC key": macBytes} {
		for printer, print := range printers() {
			if printer == "%t" || printer == "%10.3v" {
				continue
			}
			require.NotEmpty(t, leak(print(v)), "%s by %s is not found out", name, printer)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x"} {
		require.NotEmpty(t, leak(fmt.Sprintf(verb, inStruct[big.Int]{hidden: *rsaKey().D})), "%s of a number", verb)
		require.NotEmpty(t, leak(fmt.Sprintf(verb, inStruct[[]byte]{hidden: aesBytes})), "%s of a hidden key", verb)
	}

	values := map[string]map[string]any{
		"*AESKey":             places(key),
		"AESKey":              places(*key),
		"*HMACKey":            places(mac),
		"HMACKey":             places(*mac),
		"HMAC Signer":         places[materials.Signer](mac),
		"RSA Signer":          places(rsa.Sign),
		"RSA Verifier":        places(rsa.Verify),
		"KeyWrapper":          places(rsa.Wrap),
		"KeyUnwrapper":        places(rsa.Unwrap),
		"ECDSA Signer":        places(ecSigner),
		"EncryptionMaterials": places(enc),
		"DecryptionMaterials": places(dec),
		"WrappedKeys":         places(wrappedKeys),
		"RSA WrappedKeys":     places(rsa),
		"WrappedProvider":     places(newWrapped(t, wrappedKeys)),
		"RSA WrappedProvider": places(newWrapped(t, rsa)),
		"StaticProvider":      places(static),
		"DirectKMSProvider":   places(direct),
		// Its values are the item's, so that in a field where fmt cannot call its
		// methods nothing hides them; keys must be hidden there, too.
		"EncryptionContext": {
			"by value": context, "by pointer": &context, "in a slice": []materials.EncryptionContext{context},
			"in a struct": inInterface{Shown: context}, "pointer in struct": inInterface{Shown: &context},
			"in a map": map[string]materials.EncryptionContext{"k": context},
		},
	}
	checked := 0
	for name, places := range values {
		for place, v := range places {
			for printer, print := range printers() {
				checked++
				text := print(v)
				require.NotEmpty(t, text)
				require.Empty(t, leak(text), "%s %s by %s: %s", name, place, printer, text)
			}
		}
	}
	t.Logf("%d prints", checked)
}

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
