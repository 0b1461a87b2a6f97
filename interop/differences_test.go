package interop

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// What the libraries disagree on, pinned in a file for each of them: each test says what the peer does and what this library
// does instead. One of them that fails is news about the peer, or a mistake of ours.

const differences = "known differences"

func differenceSetup(t *testing.T) setup {
	t.Helper()
	return setup{
		provider: staticProvider(t, differences, 32, hmacSigning(t, "HmacSHA256")), table: "differences", partitionKey: "id",
		actions: actionsSpec{Overrides: map[string]actions.CryptoAction{}},
	}
}

func withValue(v types.AttributeValue) encryptor.Item {
	return encryptor.Item{"id": &types.AttributeValueMemberS{Value: "x"}, "v": v}
}

func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

// signedOnly is the setup with "v" in the clear.
func signedOnly(s setup) setup {
	s.actions.Overrides = map[string]actions.CryptoAction{"v": actions.SignOnly}
	return s
}

// requireLostNumberKey: under Direct KMS a peer binds a number key as the caller spells it. DynamoDB stores its own spelling, and
// the peer refuses the item. Go binds DynamoDB's spelling, and returns the key in it.
func requireLostNumberKey(t *testing.T, l *library, p *peer, s setup, spelled, normal, refusal string) {
	t.Helper()
	item := encryptor.Item{"id": number(spelled), "v": number("1")}
	peerWrites(t, p, s, item)
	goWrites(t, p, s, item)

	stored := encryptor.Item(p.mustAsk(t, s.request("encrypt", item)).Item)
	stored["id"] = number(normal) // as it comes back from the table
	require.Equal(t, refusal, p.ask(t, s.request("decrypt", stored)).Error)
	_, err := s.encryptor(t).Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, materials.ErrContextMismatch)
	results.add(l, differences, peerToGo)

	ours, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	require.Equal(t, number(normal), ours["id"])
	results.add(l, differences, goToPeer)
}
