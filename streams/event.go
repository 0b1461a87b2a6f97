package streams

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// FromEvent converts an item of a Lambda event. A nil map is a nil item. A value
// that is none, such as the zero events.DynamoDBAttributeValue, is an error that
// names its attribute and wraps [encryptor.ErrInvalidValue].
func FromEvent(item map[string]events.DynamoDBAttributeValue) (encryptor.Item, error) {
	return convertItem(item, fromEvent)
}

// ToEvent is the reverse of [FromEvent].
func ToEvent(item encryptor.Item) (map[string]events.DynamoDBAttributeValue, error) {
	return convertItem(item, toEvent)
}

func fromEvent(v events.DynamoDBAttributeValue, depth int) (types.AttributeValue, error) {
	// The accessors panic for another type than the value's own, and for the zero
	// value, which says that it is a Binary and has none.
	if v.IsNull() && v.DataType() != events.DataTypeNull {
		return nil, errNoValue
	}
	switch v.DataType() {
	case events.DataTypeNull:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case events.DataTypeBoolean:
		return &types.AttributeValueMemberBOOL{Value: v.Boolean()}, nil
	case events.DataTypeString:
		return &types.AttributeValueMemberS{Value: v.String()}, nil
	case events.DataTypeNumber:
		return &types.AttributeValueMemberN{Value: v.Number()}, nil
	case events.DataTypeBinary:
		return &types.AttributeValueMemberB{Value: bytes.Clone(v.Binary())}, nil
	case events.DataTypeStringSet:
		return &types.AttributeValueMemberSS{Value: slices.Clone(v.StringSet())}, nil
	case events.DataTypeNumberSet:
		return &types.AttributeValueMemberNS{Value: slices.Clone(v.NumberSet())}, nil
	case events.DataTypeBinarySet:
		return &types.AttributeValueMemberBS{Value: cloneAll(v.BinarySet())}, nil
	case events.DataTypeList:
		list, err := convertList(v.List(), depth, fromEvent)
		if err != nil {
			return nil, err
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	case events.DataTypeMap:
		m, err := convertMap(v.Map(), depth, fromEvent)
		if err != nil {
			return nil, err
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	default:
		return nil, fmt.Errorf("%w: unknown data type %d", encryptor.ErrInvalidValue, v.DataType())
	}
}

func toEvent(v types.AttributeValue, depth int) (events.DynamoDBAttributeValue, error) {
	var none events.DynamoDBAttributeValue
	if isNil(v) {
		return none, errNoValue
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberNULL:
		if !v.Value {
			return none, errFalseNull
		}
		return events.NewNullAttribute(), nil
	case *types.AttributeValueMemberBOOL:
		return events.NewBooleanAttribute(v.Value), nil
	case *types.AttributeValueMemberS:
		return events.NewStringAttribute(v.Value), nil
	case *types.AttributeValueMemberN:
		return events.NewNumberAttribute(v.Value), nil
	case *types.AttributeValueMemberB:
		return events.NewBinaryAttribute(bytes.Clone(v.Value)), nil
	case *types.AttributeValueMemberSS:
		return events.NewStringSetAttribute(slices.Clone(v.Value)), nil
	case *types.AttributeValueMemberNS:
		return events.NewNumberSetAttribute(slices.Clone(v.Value)), nil
	case *types.AttributeValueMemberBS:
		return events.NewBinarySetAttribute(cloneAll(v.Value)), nil
	case *types.AttributeValueMemberL:
		list, err := convertList(v.Value, depth, toEvent)
		if err != nil {
			return none, err
		}
		return events.NewListAttribute(list), nil
	case *types.AttributeValueMemberM:
		m, err := convertMap(v.Value, depth, toEvent)
		if err != nil {
			return none, err
		}
		return events.NewMapAttribute(m), nil
	default:
		return none, unknownType(v)
	}
}
