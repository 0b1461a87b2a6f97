package encryptor_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

// peerVectorSpy is a provider, a Signer and a Verifier in one: it notes what the
// encryptor shows it, and ends a Decrypt there.
type peerVectorSpy struct {
	content     *materials.AESKey
	description map[string]string
	signed      []byte
}

var errPeerVectorStop = errors.New("seen enough")

func (s *peerVectorSpy) EncryptionMaterials(context.Context, materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	return &materials.EncryptionMaterials{EncryptionKey: s.content, SigningKey: s}, nil
}

func (s *peerVectorSpy) DecryptionMaterials(_ context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	s.description = ec.Description
	return &materials.DecryptionMaterials{DecryptionKey: s.content, VerificationKey: s}, nil
}

func (s *peerVectorSpy) Algorithm() string { return "HmacSHA256" }

func (s *peerVectorSpy) Sign(_ context.Context, data []byte) ([]byte, error) {
	s.signed = bytes.Clone(data)
	return []byte("signature"), nil
}

func (s *peerVectorSpy) Verify(_ context.Context, data, _ []byte) error {
	s.signed = bytes.Clone(data)
	return errPeerVectorStop
}

const (
	peerVectorSignature  = "*amzn-ddb-map-sig*"
	peerVectorDescribed  = "*amzn-ddb-map-desc*"
	peerVectorContentKey = "a content key of 32 bytes length."
)

// peerVectorAttribute encrypts the value and undoes the cipher with the standard library alone: what is left are the bytes.
// Then the other way round.
func peerVectorAttribute(t *testing.T, file peerVectorFile, c peerVectorCase) {
	want, err := hex.DecodeString(c.Hex)
	require.NoError(t, err)
	key := []byte(peerVectorContentKey)[:32]
	content, err := materials.NewAESKey(key)
	require.NoError(t, err)
	mac, err := materials.NewHMACKey(key)
	require.NoError(t, err)
	p, err := materials.NewStaticProvider(
		&materials.EncryptionMaterials{EncryptionKey: content, SigningKey: mac},
		&materials.DecryptionMaterials{DecryptionKey: content, VerificationKey: mac},
	)
	require.NoError(t, err)
	c.PartitionKey = "id"
	e := peerVectorEncryptorOf(t, file, c, p)

	stored, err := e.Encrypt(t.Context(), encryptor.Item{"id": &types.AttributeValueMemberS{Value: "x"}, "v": c.Value.AttributeValue})
	require.NoError(t, err)
	require.IsType(t, &types.AttributeValueMemberB{}, stored["v"])
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	data := bytes.Clone(stored["v"].(*types.AttributeValueMemberB).Value)
	require.Zero(t, len(data)%aes.BlockSize)
	require.Greater(t, len(data), aes.BlockSize)
	iv, data := data[:aes.BlockSize], data[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
	padding := int(data[len(data)-1])
	require.Equal(t, want, data[:len(data)-padding])
	require.Equal(t, bytes.Repeat([]byte{byte(padding)}, padding), data[len(data)-padding:])

	got, err := e.Decrypt(t.Context(), stored)
	require.NoError(t, err)
	require.Equal(t, vectors.ValueText(c.Value.AttributeValue), vectors.ValueText(got["v"]))
}

// peerVectorDescription shows the bytes to an encryptor, and looks at what its provider is told.
func peerVectorDescription(t *testing.T, file peerVectorFile, c peerVectorCase) {
	raw, err := hex.DecodeString(c.Hex)
	require.NoError(t, err)
	spy := &peerVectorSpy{}
	c.PartitionKey, c.Actions.Default = "id", actions.SignOnly
	_, err = peerVectorEncryptorOf(t, file, c, spy).Decrypt(t.Context(), encryptor.Item{
		"id":                &types.AttributeValueMemberS{Value: "x"},
		peerVectorSignature: &types.AttributeValueMemberB{Value: []byte("signature")},
		peerVectorDescribed: &types.AttributeValueMemberB{Value: raw},
	})
	require.ErrorIs(t, err, errPeerVectorStop)
	if len(c.Entries) == 0 {
		require.Empty(t, spy.description)
		return
	}
	require.Equal(t, c.Entries, spy.description)
}

// peerVectorStringToSign compares what the encryptor hands to its Verifier and, where nothing is encrypted, to its Signer.
func peerVectorStringToSign(t *testing.T, file peerVectorFile, c peerVectorCase) {
	want, err := hex.DecodeString(c.Hex)
	require.NoError(t, err)
	content, err := materials.NewAESKey([]byte(peerVectorContentKey)[:32])
	require.NoError(t, err)
	spy := &peerVectorSpy{content: content}
	e := peerVectorEncryptorOf(t, file, c, spy)

	stored := encryptor.Item{peerVectorSignature: &types.AttributeValueMemberB{Value: []byte("signature")}}
	for name, v := range c.Stored {
		stored[name] = v
	}
	_, err = e.Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, errPeerVectorStop)
	require.Equal(t, want, spy.signed)

	if _, encrypted := c.Stored["secret"].(*types.AttributeValueMemberB); encrypted {
		return
	}
	_, err = e.Encrypt(t.Context(), c.Stored)
	require.NoError(t, err)
	require.Equal(t, want, spy.signed)
}
