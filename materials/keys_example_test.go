package materials_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/ddbec/ddbec-go/materials"
)

// hsmKey stands for an RSA key in an HSM or in KMS: a [crypto.Signer] and
// [crypto.Decrypter] that asks a device, which may be out of reach.
type hsmKey struct {
	inside  *rsa.PrivateKey
	offline bool
}

// hsmError is what the driver of the device returns.
type hsmError struct{}

func (hsmError) Error() string { return "the HSM does not answer" }

func newHSMKey() *hsmKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	return &hsmKey{inside: key}
}

func (k *hsmKey) Public() crypto.PublicKey { return k.inside.Public() }

func (k *hsmKey) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.offline {
		return nil, hsmError{}
	}
	return k.inside.Sign(r, digest, opts)
}

func (k *hsmKey) Decrypt(r io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if k.offline {
		return nil, hsmError{}
	}
	return k.inside.Decrypt(r, ciphertext, opts)
}

// randomKeys are keys of 32 bytes, as a vault would give them out.
func randomKeys() (*materials.AESKey, *materials.HMACKey) {
	var wrapping, signing [32]byte
	rand.Read(wrapping[:])
	rand.Read(signing[:])
	wrap, err := materials.NewAESKey(wrapping[:])
	if err != nil {
		log.Fatal(err)
	}
	sign, err := materials.NewHMACKey(signing[:])
	if err != nil {
		log.Fatal(err)
	}
	return wrap, sign
}

// A table that was written with one fixed pair of keys, read once more to move it to
// another provider.
func ExampleNewStaticProvider() {
	ctx := context.Background()
	var contentKey, signingKey [32]byte // where the old program has them
	rand.Read(contentKey[:])
	rand.Read(signingKey[:])

	content, err := materials.NewAESKey(contentKey[:])
	if err != nil {
		log.Fatal(err)
	}
	signing, err := materials.NewHMACKey(signingKey[:])
	if err != nil {
		log.Fatal(err)
	}
	old, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: signing},
		&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: signing},
	)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := customersCodec(old).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}

	// With the second half alone nothing can be written under these keys any more.
	reader, err := materials.NewStaticProvider(nil, &materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: signing})
	if err != nil {
		log.Fatal(err)
	}
	item, err := customersCodec(reader).Decrypt(ctx, stored)
	if err != nil {
		log.Fatal(err)
	}
	_, err = customersCodec(reader).Encrypt(ctx, item)
	fmt.Println(errors.Is(err, materials.ErrNoEncryptionMaterials))
	// Output: true
}

// Signatures by a private key in an HSM. Readers have its public half, so unlike
// readers with an HMAC key they can forge nothing.
func ExampleNewSigner() {
	ctx := context.Background()
	var key crypto.Signer = newHSMKey()
	wrap, _ := randomKeys()

	sign, err := materials.NewSigner(key, "SHA256withRSA")
	if err != nil {
		log.Fatal(err)
	}
	writer, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Sign: sign}, nil)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := customersCodec(writer).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}

	verify, err := materials.NewVerifier(key.Public(), "SHA256withRSA")
	if err != nil {
		log.Fatal(err)
	}
	reader, err := materials.NewWrappedProvider(materials.WrappedKeys{Unwrap: wrap, Verify: verify}, nil)
	if err != nil {
		log.Fatal(err)
	}
	item, err := customersCodec(reader).Decrypt(ctx, stored)
	fmt.Println("read:", len(item), "attributes,", err)
	_, err = customersCodec(reader).Encrypt(ctx, item)
	fmt.Println("cannot write:", errors.Is(err, materials.ErrNoEncryptionMaterials))
	// Output:
	// read: 3 attributes, <nil>
	// cannot write: true
}

// A writer that cannot read: content keys are wrapped under an RSA public key, and
// only the reader can unwrap them.
func ExampleNewRSAWrapper() {
	ctx := context.Background()
	readerKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	writerKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}

	var toWrite materials.WrappedKeys
	if toWrite.Wrap, err = materials.NewRSAWrapper(&readerKey.PublicKey); err != nil {
		log.Fatal(err)
	}
	if toWrite.Sign, err = materials.NewSigner(writerKey, "SHA256withRSA"); err != nil {
		log.Fatal(err)
	}
	writer, err := materials.NewWrappedProvider(toWrite, nil)
	if err != nil {
		log.Fatal(err)
	}

	var toRead materials.WrappedKeys
	if toRead.Unwrap, err = materials.NewRSAUnwrapper(readerKey); err != nil {
		log.Fatal(err)
	}
	if toRead.Verify, err = materials.NewVerifier(&writerKey.PublicKey, "SHA256withRSA"); err != nil {
		log.Fatal(err)
	}
	reader, err := materials.NewWrappedProvider(toRead, nil)
	if err != nil {
		log.Fatal(err)
	}

	stored, err := customersCodec(writer).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = customersCodec(writer).Decrypt(ctx, stored)
	fmt.Println("the writer:", errors.Is(err, materials.ErrNoDecryptionMaterials))
	_, err = customersCodec(reader).Decrypt(ctx, stored)
	fmt.Println("the reader:", err)
	// Output:
	// the writer: true
	// the reader: <nil>
}

// A private key in an HSM. Every failure of it is ErrUnwrap; the driver's own error
// tells a device out of reach from an item under another key.
func ExampleNewRSAUnwrapper() {
	ctx := context.Background()
	key := newHSMKey()
	wrap, err := materials.NewRSAWrapper(key.Public().(*rsa.PublicKey))
	if err != nil {
		log.Fatal(err)
	}
	unwrap, err := materials.NewRSAUnwrapper(key)
	if err != nil {
		log.Fatal(err)
	}
	_, sign := randomKeys()
	provider, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: unwrap, Sign: sign, Verify: sign}, nil)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := customersCodec(provider).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}

	key.offline = true
	_, err = customersCodec(provider).Decrypt(ctx, stored)
	var fromDevice hsmError
	fmt.Println(errors.Is(err, materials.ErrUnwrap), errors.As(err, &fromDevice))
	// Output: true true
}
