package materials_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// keyRing writes with the current one of several providers and reads with the one
// that an item names.
type keyRing struct {
	current   string
	providers map[string]*materials.WrappedProvider
}

var _ materials.CryptographicMaterialsProvider = keyRing{}

// entryKeyID is in the material description of every item. Whoever can write to the
// table can change it, so it chooses among the keys of the ring and nothing else.
const entryKeyID = "example-key-id"

func (r keyRing) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	p, ok := r.providers[r.current]
	if !ok {
		return nil, fmt.Errorf("%w: the ring has no current key", materials.ErrNoEncryptionMaterials)
	}
	return p.EncryptionMaterials(ctx, ec)
}

func (r keyRing) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	p, ok := r.providers[ec.Description[entryKeyID]]
	if !ok {
		return nil, fmt.Errorf("%w: the ring does not have the item's key", materials.ErrNoDecryptionMaterials)
	}
	return p.DecryptionMaterials(ctx, ec)
}

func newKey(id string) *materials.WrappedProvider {
	var wrappingKey, signingKey [32]byte // from a vault, say
	rand.Read(wrappingKey[:])
	rand.Read(signingKey[:])
	wrap, err := materials.NewAESKey(wrappingKey[:])
	if err != nil {
		log.Fatal(err)
	}
	sign, err := materials.NewHMACKey(signingKey[:])
	if err != nil {
		log.Fatal(err)
	}
	p, err := materials.NewWrappedProvider(
		materials.WrappedKeys{Wrap: wrap, Unwrap: wrap, Sign: sign, Verify: sign},
		map[string]string{entryKeyID: id},
	)
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// A provider of your own, for keys that rotate: it leaves the cryptography to wrapped
// providers and says which of them. Test yours with package materialstest.
func ExampleCryptographicMaterialsProvider() {
	ctx := context.Background()
	customers := tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}}
	open := func(current string, providers map[string]*materials.WrappedProvider) *encryptor.ItemEncryptor {
		codec, err := encryptor.New(keyRing{current, providers}, customers)
		if err != nil {
			log.Fatal(err)
		}
		return codec
	}
	key2026, key2027 := newKey("2026"), newKey("2027")

	before := open("2026", map[string]*materials.WrappedProvider{"2026": key2026})
	stored, err := before.Encrypt(ctx, encryptor.Item{"id": &types.AttributeValueMemberS{Value: "c-1"}})
	if err != nil {
		log.Fatal(err)
	}

	rotated := open("2027", map[string]*materials.WrappedProvider{"2026": key2026, "2027": key2027})
	_, err = rotated.Decrypt(ctx, stored)
	fmt.Println("with the old key:", err)

	retired := open("2027", map[string]*materials.WrappedProvider{"2027": key2027})
	_, err = retired.Decrypt(ctx, stored)
	fmt.Println("without it:", errors.Is(err, materials.ErrNoDecryptionMaterials))
	// Output:
	// with the old key: <nil>
	// without it: true
}
