// Package vectors reads test vectors: values and items in DynamoDB JSON, and the
// files that hold them. It also writes them, for peers in other languages. Only
// tests import it.
package vectors

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Value is one attribute value in DynamoDB JSON: {"N": "1"}.
type Value struct{ types.AttributeValue }

// Item is an item in DynamoDB JSON.
type Item map[string]types.AttributeValue

// UnmarshalJSON refuses a value of no type, of two types or of an unknown one.
func (v *Value) UnmarshalJSON(data []byte) error {
	var tagged map[string]json.RawMessage
	if err := json.Unmarshal(data, &tagged); err != nil {
		return err
	}
	if len(tagged) != 1 {
		return errors.New("a value has exactly one type")
	}
	for tag, body := range tagged {
		read, ok := readers[tag]
		if !ok {
			return fmt.Errorf("unknown type %q", tag)
		}
		var err error
		v.AttributeValue, err = read(body)
		return err
	}
	return nil
}

// UnmarshalJSON reads every attribute; null is no item.
func (i *Item) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var values map[string]Value
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	*i = make(Item, len(values))
	for name, v := range values {
		(*i)[name] = v.AttributeValue
	}
	return nil
}

type reader func(json.RawMessage) (types.AttributeValue, error)

var readers map[string]reader

func init() {
	readers = map[string]reader{
		"NULL": readAs(func(b bool) types.AttributeValue { return &types.AttributeValueMemberNULL{Value: b} }),
		"BOOL": readAs(func(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }),
		"S":    readAs(func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }),
		"N":    readAs(func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }),
		"B":    readAs(func(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }),
		"SS":   readAs(func(s []string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: s} }),
		"NS":   readAs(func(s []string) types.AttributeValue { return &types.AttributeValueMemberNS{Value: s} }),
		"BS":   readAs(func(s [][]byte) types.AttributeValue { return &types.AttributeValueMemberBS{Value: s} }),
		"M":    readAs(func(m Item) types.AttributeValue { return &types.AttributeValueMemberM{Value: m} }),
		"L": readAs(func(l []Value) types.AttributeValue {
			elements := make([]types.AttributeValue, len(l))
			for i := range l {
				elements[i] = l[i].AttributeValue
			}
			return &types.AttributeValueMemberL{Value: elements}
		}),
	}
}

func readAs[T any](wrap func(T) types.AttributeValue) reader {
	return func(data json.RawMessage) (types.AttributeValue, error) {
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			return nil, err
		}
		return wrap(v), nil
	}
}

// MarshalJSON writes every attribute.
func (i Item) MarshalJSON() ([]byte, error) {
	values := make(map[string]Value, len(i))
	for name, v := range i {
		values[name] = Value{v}
	}
	return json.Marshal(values)
}

// MarshalJSON writes a value of any of the ten types.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v := v.AttributeValue.(type) {
	case *types.AttributeValueMemberNULL:
		return tagged("NULL", v.Value)
	case *types.AttributeValueMemberBOOL:
		return tagged("BOOL", v.Value)
	case *types.AttributeValueMemberS:
		return tagged("S", v.Value)
	case *types.AttributeValueMemberN:
		return tagged("N", v.Value)
	case *types.AttributeValueMemberB:
		return tagged("B", notNil(v.Value))
	case *types.AttributeValueMemberSS:
		return tagged("SS", notNil(v.Value))
	case *types.AttributeValueMemberNS:
		return tagged("NS", notNil(v.Value))
	case *types.AttributeValueMemberBS:
		members := make([][]byte, len(v.Value))
		for i, member := range v.Value {
			members[i] = notNil(member)
		}
		return tagged("BS", members)
	case *types.AttributeValueMemberL:
		elements := make([]Value, len(v.Value))
		for i, element := range v.Value {
			elements[i] = Value{element}
		}
		return tagged("L", elements)
	case *types.AttributeValueMemberM:
		return tagged("M", Item(v.Value))
	}
	return nil, fmt.Errorf("no DynamoDB JSON for a %T", v.AttributeValue)
}

func tagged(tag string, value any) ([]byte, error) { return json.Marshal(map[string]any{tag: value}) }

// notNil keeps encoding/json from writing null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Text writes an item so that two items are equal as DynamoDB compares them if
// and only if their texts are: numbers by value, sets without order.
func Text(item map[string]types.AttributeValue) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(item)) {
		lines = append(lines, fmt.Sprintf("%q: %s", name, ValueText(item[name])))
	}
	return strings.Join(lines, "\n")
}

// ValueText is Text for one value.
func ValueText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberN:
		return "N " + numberText(v.Value)
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("S %q", v.Value)
	case *types.AttributeValueMemberB:
		return fmt.Sprintf("B %x", v.Value)
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint("BOOL ", v.Value)
	case *types.AttributeValueMemberNULL:
		return fmt.Sprint("NULL ", v.Value)
	case *types.AttributeValueMemberSS:
		return "SS " + setText(v.Value, func(s string) string { return fmt.Sprintf("%q", s) })
	case *types.AttributeValueMemberNS:
		return "NS " + setText(v.Value, numberText)
	case *types.AttributeValueMemberBS:
		return "BS " + setText(v.Value, func(b []byte) string { return fmt.Sprintf("%x", b) })
	case *types.AttributeValueMemberL:
		var elements []string
		for _, element := range v.Value {
			elements = append(elements, ValueText(element))
		}
		return "L [" + strings.Join(elements, ", ") + "]"
	case *types.AttributeValueMemberM:
		return "M {" + strings.ReplaceAll(Text(v.Value), "\n", ", ") + "}"
	default:
		return fmt.Sprintf("%T", v)
	}
}

func setText[T any](members []T, text func(T) string) string {
	var texts []string
	for _, member := range members {
		texts = append(texts, text(member))
	}
	slices.Sort(texts)
	return "{" + strings.Join(texts, ", ") + "}"
}

func numberText(text string) string {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return fmt.Sprintf("not a number: %q", text)
	}
	return r.RatString()
}
