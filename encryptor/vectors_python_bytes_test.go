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

// pyVectorSpy is a provider, a Signer and a Verifier in one: it notes what the
// encryptor shows it, and ends a Decrypt there.
type pyVectorSpy struct {
	content     *materials.AESKey
	description map[string]string
	signed      []byte
}

var errPyVectorStop = errors.New("seen enough")

func (s *pyVectorSpy) EncryptionMaterials(context.Context, materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	return &materials.EncryptionMaterials{EncryptionKey: s.content, SigningKey: s}, nil
}

func (s *pyVectorSpy) DecryptionMaterials(_ context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	s.description = ec.Description
	return &materials.DecryptionMaterials{DecryptionKey: s.content, VerificationKey: s}, nil
}

func (s *pyVectorSpy) Algorithm() string { return "HmacSHA256" }

func (s *pyVectorSpy) Sign(_ context.Context, data []byte) ([]byte, error) {
	s.signed = bytes.Clone(data)
	return []byte("signature"), nil
}

func (s *pyVectorSpy) Verify(_ context.Context, data, _ []byte) error {
	s.signed = bytes.Clone(data)
	return errPyVectorStop
}

const (
	pyVectorSignature  = "*amzn-ddb-map-sig*"
	pyVectorDescribed  = "*amzn-ddb-map-desc*"
	pyVectorContentKey = "a content key of 32 bytes length."
)

// pyVectorAttribute encrypts the value and undoes the cipher with the standard library alone: what is left are the bytes.
// Then the other way round.
func pyVectorAttribute(t *testing.T, _ pyVectorFile, c pyVectorCase) {
	want, err := hex.DecodeString(c.Hex)
	require.NoError(t, err)
	key := []byte(pyVectorContentKey)[:32]
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
	e := pyVectorEncryptorOf(t, c, p)

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

// pyVectorDescription shows the bytes to an encryptor, and looks at what its provider is told.
func pyVectorDescription(t *testing.T, _ pyVectorFile, c pyVectorCase) {
	raw, err := hex.DecodeString(c.Hex)
	require.NoError(t, err)
	spy := &pyVectorSpy{}
	c.PartitionKey, c.Actions.Default = "id", actions.SignOnly
	_, err = pyVectorEncryptorOf(t, c, spy).Decrypt(t.Context(), encryptor.Item{
		"id":              &types.AttributeValueMemberS{Value: "x"},
		pyVectorSignature: &types.AttributeValueMemberB{Value: []byte("signature")},
		pyVectorDescribed: &types.AttributeValueMemberB{Value: raw},
	})
	require.ErrorIs(t, err, errPyVectorStop)
	if len(c.Entries) == 0 {
		require.Empty(t, spy.description)
		return
	}
	require.Equal(t, c.Entries, spy.description)
}

// pyVectorStringToSign compares what the encryptor hands to its Verifier and, where nothing is encrypted, to its Signer.
func pyVectorStringToSign(t *testing.T, _ pyVectorFile, c pyVectorCase) {
	want, err := hex.DecodeString(c.Hex)
	require.NoError(t, err)
	content, err := materials.NewAESKey([]byte(pyVectorContentKey)[:32])
	require.NoError(t, err)
	spy := &pyVectorSpy{content: content}
	e := pyVectorEncryptorOf(t, c, spy)

	stored := encryptor.Item{pyVectorSignature: &types.AttributeValueMemberB{Value: []byte("signature")}}
	for name, v := range c.Stored {
		stored[name] = v
	}
	_, err = e.Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, errPyVectorStop)
	require.Equal(t, want, spy.signed)

	if _, encrypted := c.Stored["secret"].(*types.AttributeValueMemberB); encrypted {
		return
	}
	_, err = e.Encrypt(t.Context(), c.Stored)
	require.NoError(t, err)
	require.Equal(t, want, spy.signed)
}
