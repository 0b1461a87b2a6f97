package interop

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

const (
	signatureName   = "*amzn-ddb-map-sig*"
	descriptionName = "*amzn-ddb-map-desc*"
)

// requireStored looks at an encrypted item as somebody would who has no key: two libraries that both did nothing would agree, too.
func requireStored(t *testing.T, s setup, item, stored encryptor.Item) {
	t.Helper()
	require.Len(t, stored, len(item)+2)
	require.IsType(t, &types.AttributeValueMemberB{}, stored[signatureName])
	require.IsType(t, &types.AttributeValueMemberB{}, stored[descriptionName])
	for name, v := range item {
		if action(s, name) != actions.EncryptAndSign {
			require.Equal(t, vectors.ValueText(v), vectors.ValueText(stored[name]), "%q must be stored as it is", name)
			continue
		}
		b, ok := stored[name].(*types.AttributeValueMemberB)
		require.True(t, ok, "%q must be stored as B, not %T", name, stored[name])
		require.GreaterOrEqual(t, len(b.Value), 32)
		require.Zero(t, len(b.Value)%16)
	}
}

func action(s setup, name string) actions.CryptoAction {
	if name == s.partitionKey || name == s.sortKey {
		return actions.SignOnly
	}
	if a, ok := s.actions.Overrides[name]; ok {
		return a
	}
	return s.actions.Default
}

// asReturned is a stored item as it may come back from DynamoDB, which keeps the members of a set in no order: here, turned round.
func asReturned(stored encryptor.Item) encryptor.Item {
	item := make(encryptor.Item, len(stored))
	for name, v := range stored {
		item[name] = turned(v)
	}
	return item
}

func turned(v types.AttributeValue) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberSS:
		return &types.AttributeValueMemberSS{Value: backwards(v.Value)}
	case *types.AttributeValueMemberNS:
		return &types.AttributeValueMemberNS{Value: backwards(v.Value)}
	case *types.AttributeValueMemberBS:
		return &types.AttributeValueMemberBS{Value: backwards(v.Value)}
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, len(v.Value))
		for i, element := range v.Value {
			list[i] = turned(element)
		}
		return &types.AttributeValueMemberL{Value: list}
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: asReturned(v.Value)}
	default:
		return v
	}
}

func backwards[T any](members []T) []T {
	members = slices.Clone(members)
	slices.Reverse(members)
	return members
}
