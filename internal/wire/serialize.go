package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Size returns how many bytes Append will write for v, or an error wrapping
// ErrValue if v has no serialization. It allocates nothing but for numbers that
// are not canonical.
func Size(v types.AttributeValue) (int, error) {
	return size(v, 0)
}

func size(v types.AttributeValue, depth int) (int, error) {
	if isNil(v) {
		return 0, fmt.Errorf("%w: nil; use NULL for no value", ErrValue)
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberNULL:
		if !v.Value {
			return 0, fmt.Errorf("%w: NULL that is false", ErrValue)
		}
		return tagSize, nil
	case *types.AttributeValueMemberBOOL:
		return tagSize + 1, nil
	case *types.AttributeValueMemberS:
		n, err := textSize(v.Value)
		return tagSize + n, err
	case *types.AttributeValueMemberN:
		n, err := numberSize(v.Value)
		return tagSize + n, err
	case *types.AttributeValueMemberB:
		n, err := binarySize(v.Value)
		return tagSize + n, err
	case *types.AttributeValueMemberSS:
		return setSize(v.Value, textSize)
	case *types.AttributeValueMemberNS:
		return setSize(v.Value, numberSize)
	case *types.AttributeValueMemberBS:
		return setSize(v.Value, binarySize)
	case *types.AttributeValueMemberL:
		return listSize(v.Value, depth+1)
	case *types.AttributeValueMemberM:
		return mapSize(v.Value, depth+1)
	default:
		return 0, fmt.Errorf("%w: unknown type %T", ErrValue, v)
	}
}

// TypeName is DynamoDB's name for the type of a value.
func TypeName(v types.AttributeValue) string {
	switch v.(type) {
	case nil:
		return "nil"
	case *types.AttributeValueMemberNULL:
		return "NULL"
	case *types.AttributeValueMemberBOOL:
		return "BOOL"
	case *types.AttributeValueMemberS:
		return "S"
	case *types.AttributeValueMemberN:
		return "N"
	case *types.AttributeValueMemberB:
		return "B"
	case *types.AttributeValueMemberSS:
		return "SS"
	case *types.AttributeValueMemberNS:
		return "NS"
	case *types.AttributeValueMemberBS:
		return "BS"
	case *types.AttributeValueMemberL:
		return "L"
	case *types.AttributeValueMemberM:
		return "M"
	default:
		return "of an unknown type"
	}
}

// isNil also finds a nil pointer in the interface, which a type switch would
// hand on to be dereferenced.
func isNil(v types.AttributeValue) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// CheckKnown returns an error wrapping ErrValue if v, or anything in it, is nil
// or of a type that DynamoDB does not have. This is all that is asked of a value
// that is neither encrypted nor signed.
func CheckKnown(v types.AttributeValue) error {
	return checkKnown(v, 0)
}

func checkKnown(v types.AttributeValue, depth int) error {
	if isNil(v) {
		return fmt.Errorf("%w: nil; use NULL for no value", ErrValue)
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberNULL, *types.AttributeValueMemberBOOL,
		*types.AttributeValueMemberS, *types.AttributeValueMemberN, *types.AttributeValueMemberB,
		*types.AttributeValueMemberSS, *types.AttributeValueMemberNS, *types.AttributeValueMemberBS:
		return nil
	case *types.AttributeValueMemberL:
		return checkAllKnown(slices.Values(v.Value), depth+1)
	case *types.AttributeValueMemberM:
		return checkAllKnown(maps.Values(v.Value), depth+1)
	default:
		return fmt.Errorf("%w: unknown type %T", ErrValue, v)
	}
}

func checkAllKnown(elements iter.Seq[types.AttributeValue], depth int) error {
	if err := checkDepth(depth); err != nil {
		return err
	}
	for element := range elements {
		if err := checkKnown(element, depth); err != nil {
			return err
		}
	}
	return nil
}

func checkDepth(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: more than %d lists and maps nested", ErrValue, maxDepth)
	}
	return nil
}

func textSize(s string) (int, error) {
	if !utf8.ValidString(s) {
		return 0, fmt.Errorf("%w: text that is not UTF-8", ErrValue)
	}
	return checkLength(len(s))
}

func binarySize(b []byte) (int, error) { return checkLength(len(b)) }

func checkLength(n int) (int, error) {
	if n > math.MaxInt32 {
		return 0, fmt.Errorf("%w: longer than %d bytes", ErrValue, math.MaxInt32)
	}
	return lengthSize + n, nil
}

func numberSize(text string) (int, error) {
	if isCanonical(text) {
		return lengthSize + len(text), nil
	}
	n, err := parseNumber(text)
	return lengthSize + int(n.size()), err
}

func setSize[T any](members []T, memberSize func(T) (int, error)) (int, error) {
	total := tagSize + lengthSize
	for _, member := range members {
		n, err := memberSize(member)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func listSize(elements []types.AttributeValue, depth int) (int, error) {
	if err := checkDepth(depth); err != nil {
		return 0, err
	}
	total := tagSize + lengthSize
	for _, element := range elements {
		n, err := size(element, depth)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func mapSize(entries map[string]types.AttributeValue, depth int) (int, error) {
	if err := checkDepth(depth); err != nil {
		return 0, err
	}
	total := tagSize + lengthSize
	for key, value := range entries {
		keySize, err := textSize(key)
		if err != nil {
			return 0, err
		}
		n, err := size(value, depth)
		if err != nil {
			return 0, err
		}
		total += tagSize + keySize + n
	}
	return total, nil
}

// Append appends the serialization of v, which Size must have accepted. Sets
// and maps are sorted by order in copies.
func Append(dst []byte, v types.AttributeValue, order Order) []byte {
	switch v := v.(type) {
	case *types.AttributeValueMemberNULL:
		return append(dst, 0, tagNull)
	case *types.AttributeValueMemberBOOL:
		if v.Value {
			return append(dst, 0, tagBool, 1)
		}
		return append(dst, 0, tagBool, 0)
	case *types.AttributeValueMemberS:
		return appendText(append(dst, 0, tagString), v.Value)
	case *types.AttributeValueMemberN:
		return appendNumber(append(dst, 0, tagNumber), v.Value)
	case *types.AttributeValueMemberB:
		return append(AppendBinaryHeader(dst, len(v.Value)), v.Value...)
	case *types.AttributeValueMemberSS:
		return appendTextSet(dst, tagStringSet, v.Value, order)
	case *types.AttributeValueMemberNS:
		return appendTextSet(dst, tagNumberSet, canonicalNumbers(v.Value), order)
	case *types.AttributeValueMemberBS:
		dst = appendCount(append(dst, 0, tagBinarySet), len(v.Value))
		for _, member := range sorted(v.Value, order.compareBinary) {
			dst = append(appendCount(dst, len(member)), member...)
		}
		return dst
	case *types.AttributeValueMemberL:
		dst = appendCount(append(dst, 0, tagList), len(v.Value))
		for _, element := range v.Value {
			dst = Append(dst, element, order)
		}
		return dst
	case *types.AttributeValueMemberM:
		return appendMap(dst, v.Value, order)
	}
	return dst
}

// AppendBinaryHeader appends what stands before the n bytes of a B value.
func AppendBinaryHeader(dst []byte, n int) []byte {
	return appendCount(append(dst, 0, tagBinary), n)
}

func appendMap(dst []byte, entries map[string]types.AttributeValue, order Order) []byte {
	type entry struct {
		key   string
		value types.AttributeValue
	}
	var few [8]entry // most maps are small, and this is on the stack
	list := few[:0]
	for key, value := range entries {
		list = append(list, entry{key, value})
	}
	slices.SortFunc(list, func(a, b entry) int { return order.CompareText(a.key, b.key) })
	dst = appendCount(append(dst, 0, tagMap), len(list))
	for _, e := range list {
		dst = appendText(append(dst, 0, tagString), e.key)
		dst = Append(dst, e.value, order)
	}
	return dst
}

func appendTextSet(dst []byte, tag byte, members []string, order Order) []byte {
	dst = appendCount(append(dst, 0, tag), len(members))
	for _, member := range sorted(members, order.CompareText) {
		dst = appendText(dst, member)
	}
	return dst
}

// sorted copies only if it must: what DynamoDB returns is not ours to reorder.
func sorted[T any](members []T, compare func(a, b T) int) []T {
	if slices.IsSortedFunc(members, compare) {
		return members
	}
	members = slices.Clone(members)
	slices.SortFunc(members, compare)
	return members
}

func canonicalNumbers(members []string) []string {
	canonical := make([]string, len(members))
	for i, member := range members {
		canonical[i], _ = CanonicalNumber(member) // Size has seen them all
	}
	return canonical
}

func appendNumber(dst []byte, text string) []byte {
	if isCanonical(text) {
		return appendText(dst, text)
	}
	n, _ := parseNumber(text) // Size has seen it
	return n.appendPlain(appendCount(dst, int(n.size())))
}

func appendText(dst []byte, s string) []byte {
	return append(appendCount(dst, len(s)), s...)
}

func appendCount(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}
