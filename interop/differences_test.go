package interop

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
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
