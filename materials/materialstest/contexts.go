package materialstest

import (
	"bytes"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/materials"
)

// storedContext is what a reader is given of the item that ec became. Encrypted
// attributes are bytes that stand for ciphertext.
func storedContext(ec materials.EncryptionContext, description map[string]string) materials.EncryptionContext {
	stored := cloneContext(ec)
	for _, name := range ec.Encrypted {
		stored.Attributes[name] = &types.AttributeValueMemberB{Value: []byte("ciphertext of " + name)}
	}
	stored.Attributes["*amzn-ddb-map-sig*"] = &types.AttributeValueMemberB{Value: []byte("signature")}
	stored.Attributes["*amzn-ddb-map-desc*"] = &types.AttributeValueMemberB{Value: []byte("description")}
	stored.Description = maps.Clone(description)
	return stored
}

// cloneContext shares nothing with ec, so that a change in place shows.
func cloneContext(ec materials.EncryptionContext) materials.EncryptionContext {
	ec.Attributes = cloneValues(ec.Attributes)
	ec.Encrypted = slices.Clone(ec.Encrypted)
	ec.Description = maps.Clone(ec.Description)
	return ec
}

func cloneValues(values map[string]types.AttributeValue) map[string]types.AttributeValue {
	if values == nil {
		return nil
	}
	clone := make(map[string]types.AttributeValue, len(values))
	for name, value := range values {
		clone[name] = cloneValue(value)
	}
	return clone
}

func cloneValue(value types.AttributeValue) types.AttributeValue {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		c := *v
		return &c
	case *types.AttributeValueMemberN:
		c := *v
		return &c
	case *types.AttributeValueMemberBOOL:
		c := *v
		return &c
	case *types.AttributeValueMemberNULL:
		c := *v
		return &c
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: bytes.Clone(v.Value)}
	case *types.AttributeValueMemberSS:
		return &types.AttributeValueMemberSS{Value: slices.Clone(v.Value)}
	case *types.AttributeValueMemberNS:
		return &types.AttributeValueMemberNS{Value: slices.Clone(v.Value)}
	case *types.AttributeValueMemberBS:
		c := slices.Clone(v.Value)
		for i := range c {
			c[i] = bytes.Clone(c[i])
		}
		return &types.AttributeValueMemberBS{Value: c}
	case *types.AttributeValueMemberL:
		c := slices.Clone(v.Value)
		for i := range c {
			c[i] = cloneValue(c[i])
		}
		return &types.AttributeValueMemberL{Value: c}
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: cloneValues(v.Value)}
	default:
		return value
	}
}
