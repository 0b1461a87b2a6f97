package streams

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// FromStream converts an item of a record of DynamoDB Streams. A nil map is a nil
// item. A nil value, and one of a type that this version of the SDK does not know,
// is an error that names its attribute and wraps [encryptor.ErrInvalidValue].
func FromStream(item map[string]streamtypes.AttributeValue) (encryptor.Item, error) {
	return convertItem(item, fromStream)
}

// ToStream is the reverse of [FromStream].
func ToStream(item encryptor.Item) (map[string]streamtypes.AttributeValue, error) {
	return convertItem(item, toStream)
}

func fromStream(v streamtypes.AttributeValue, depth int) (types.AttributeValue, error) {
	if isNil(v) {
		return nil, errNoValue
	}
	switch v := v.(type) {
	case *streamtypes.AttributeValueMemberNULL:
		if !v.Value {
			return nil, errFalseNull
		}
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case *streamtypes.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: v.Value}, nil
	case *streamtypes.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: v.Value}, nil
	case *streamtypes.AttributeValueMemberN:
		return &types.AttributeValueMemberN{Value: v.Value}, nil
	case *streamtypes.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: bytes.Clone(v.Value)}, nil
	case *streamtypes.AttributeValueMemberSS:
		return &types.AttributeValueMemberSS{Value: slices.Clone(v.Value)}, nil
	case *streamtypes.AttributeValueMemberNS:
		return &types.AttributeValueMemberNS{Value: slices.Clone(v.Value)}, nil
	case *streamtypes.AttributeValueMemberBS:
		return &types.AttributeValueMemberBS{Value: cloneAll(v.Value)}, nil
	case *streamtypes.AttributeValueMemberL:
		list, err := convertList(v.Value, depth, fromStream)
		if err != nil {
			return nil, err
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	case *streamtypes.AttributeValueMemberM:
		m, err := convertMap(v.Value, depth, fromStream)
		if err != nil {
			return nil, err
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	default:
		return nil, unknownType(v)
	}
}

func toStream(v types.AttributeValue, depth int) (streamtypes.AttributeValue, error) {
	if isNil(v) {
		return nil, errNoValue
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberNULL:
		if !v.Value {
			return nil, errFalseNull
		}
		return &streamtypes.AttributeValueMemberNULL{Value: true}, nil
	case *types.AttributeValueMemberBOOL:
		return &streamtypes.AttributeValueMemberBOOL{Value: v.Value}, nil
	case *types.AttributeValueMemberS:
		return &streamtypes.AttributeValueMemberS{Value: v.Value}, nil
	case *types.AttributeValueMemberN:
		return &streamtypes.AttributeValueMemberN{Value: v.Value}, nil
	case *types.AttributeValueMemberB:
		return &streamtypes.AttributeValueMemberB{Value: bytes.Clone(v.Value)}, nil
	case *types.AttributeValueMemberSS:
		return &streamtypes.AttributeValueMemberSS{Value: slices.Clone(v.Value)}, nil
	case *types.AttributeValueMemberNS:
		return &streamtypes.AttributeValueMemberNS{Value: slices.Clone(v.Value)}, nil
	case *types.AttributeValueMemberBS:
		return &streamtypes.AttributeValueMemberBS{Value: cloneAll(v.Value)}, nil
	case *types.AttributeValueMemberL:
		list, err := convertList(v.Value, depth, toStream)
		if err != nil {
			return nil, err
		}
		return &streamtypes.AttributeValueMemberL{Value: list}, nil
	case *types.AttributeValueMemberM:
		m, err := convertMap(v.Value, depth, toStream)
		if err != nil {
			return nil, err
		}
		return &streamtypes.AttributeValueMemberM{Value: m}, nil
	default:
		return nil, unknownType(v)
	}
}

// isNil tells whether a value is nil, or a nil pointer of whatever type.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.IsNil()
}
