package vectors

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Hex reads bytes in hexadecimal, Base64 in standard base64.
type (
	Hex    []byte
	Base64 []byte
)

// UnmarshalText reads hexadecimal.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// UnmarshalText reads base64.
func (b *Base64) UnmarshalText(text []byte) (err error) {
	*b, err = base64.StdEncoding.DecodeString(string(text))
	return err
}

// Published is a file of the published vectors of the Python client, of which the
// environment variable DDBEC_VECTORS names the folder. Without it the test is
// skipped; with it, a file that is missing is a failure.
func Published(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("DDBEC_VECTORS")
	if dir == "" {
		t.Skip("DDBEC_VECTORS, the folder of the published vectors, is not set")
	}
	// Tests run in their packages' folders; the variable is relative to the
	// module's root.
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(Root(t), dir)
	}
	return filepath.Join(dir, "ddbec-python", path)
}

// Root is the folder of the module.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}

// Load reads a JSON file into a new T.
func Load[T any](t testing.TB, path string) T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// Examples reads the worked examples of the format, of which the environment
// variable DDBEC_EXAMPLES names the file. Without it the test is skipped.
func Examples(t testing.TB) ExampleFile {
	t.Helper()
	path := os.Getenv("DDBEC_EXAMPLES")
	if path == "" {
		t.Skip("DDBEC_EXAMPLES, the file of worked examples, is not set")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(Root(t), path)
	}
	return Load[ExampleFile](t, path)
}

// ExampleFile is the file of worked examples. Where a peer differs from this
// library, its fields begin with the peer's name.
type ExampleFile struct {
	AttributeSerialization []struct {
		ID      string
		Value   Value
		Hex     Hex
		JavaHex Hex `json:"java_hex"`
		Source  string
		Error   string
	} `json:"attribute_serialization"`
	AttributeDeserialization []struct {
		ID    string
		Hex   Hex
		Value *Value
		Error string
	} `json:"attribute_deserialization"`
	MaterialDescription []struct {
		ID      string
		Entries map[string]string
		Hex     Hex
	} `json:"material_description"`
	MaterialDescriptionDecoding []struct {
		ID      string
		Hex     Hex
		Entries map[string]string
		Error   string
	} `json:"material_description_decoding"`
	StringToSign []struct {
		ID      string
		Table   string
		Item    Item
		Actions map[string]string
		Hex     Hex
		JavaHex Hex `json:"java_hex"`
	} `json:"string_to_sign"`
	Keys struct {
		RSASign ExampleKey `json:"rsa_sign"`
		ECSign  ExampleKey `json:"ec_sign"`
		RSAWrap ExampleKey `json:"rsa_wrap"`
	}
	Signatures []struct {
		ID        string
		Algorithm string
		KeyHex    Hex `json:"key_hex"`
		Key       string
		DataHex   Hex `json:"data_hex"`
		Signature Hex `json:"signature_hex"`
	}
	Primitives struct {
		CBC []struct {
			Key       Hex `json:"key_hex"`
			IV        Hex `json:"iv_hex"`
			Plaintext Hex `json:"plaintext_hex"`
			Stored    Hex `json:"iv_and_ciphertext_hex"`
		} `json:"aes_cbc_pkcs7"`
		KeyWrap []struct {
			KEK     Hex `json:"kek_hex"`
			Key     Hex `json:"key_hex"`
			Wrapped Hex `json:"wrapped_hex"`
		} `json:"aes_key_wrap"`
		OAEP []struct {
			Algorithm string
			Key       Hex `json:"key_hex"`
			Wrapped   Hex `json:"wrapped_hex"`
		} `json:"rsa_oaep"`
	}
	KMSEncryptionContext []struct {
		ID                string
		Table             string
		PartitionKey      string `json:"partition_key"`
		SortKey           string `json:"sort_key"`
		Item              Item
		EncryptionContext map[string]string `json:"encryption_context"`
		Error             string
	} `json:"kms_encryption_context"`
	Items         []ExampleItem
	NegativeItems []struct {
		ID            string
		Base          string
		Table         string
		DefaultAction string `json:"default_action"`
		Item          Item
		Error         string
	} `json:"negative_items"`
}

// ExampleKey is a key pair, or only its public half.
type ExampleKey struct {
	PKCS8 Base64 `json:"pkcs8_b64"`
	SPKI  Base64 `json:"spki_b64"`
}

// ExampleItem is an item as a peer stored it.
type ExampleItem struct {
	ID       string
	Provider string
	Keys     struct {
		Enc               Hex               `json:"enc_hex"`
		KEK               Hex               `json:"kek_hex"`
		MAC               Hex               `json:"mac_hex"`
		MACAlg            string            `json:"mac_alg"`
		UnwrapKey         string            `json:"unwrap_key"`
		VerifyKey         string            `json:"verify_key"`
		DataKey           Hex               `json:"data_key_hex"`
		CiphertextBlob    Hex               `json:"ciphertext_blob_hex"`
		EncryptionContext map[string]string `json:"encryption_context"`
	}
	DefaultAction string `json:"default_action"`
	Table         string
	PartitionKey  string `json:"partition_key"`
	SortKey       string `json:"sort_key"`
	Actions       map[string]string
	Item          Item
	Plaintext     Item
}
