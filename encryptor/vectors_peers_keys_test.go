package encryptor_test

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/ddbec/ddbec-go/materials"
)

func peerVectorRSAKey(pkcs8 []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T where an RSA key belongs", parsed)
	}
	return key, nil
}

func peerVectorSigning(algorithm string, key []byte) (materials.Signer, materials.Verifier, error) {
	if !strings.HasSuffix(algorithm, "withRSA") {
		mac, err := materials.NewHMACKeyFor(algorithm, key)
		return mac, mac, err
	}
	private, err := peerVectorRSAKey(key)
	if err != nil {
		return nil, nil, err
	}
	signer, err := materials.NewSigner(private, algorithm)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := materials.NewVerifier(&private.PublicKey, algorithm)
	return signer, verifier, err
}
