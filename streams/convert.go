package streams

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/ddbec/ddbec-go/encryptor"
)

// maxDepth bounds lists and maps within each other. DynamoDB allows 32.
const maxDepth = 128

var (
	errNoValue   = fmt.Errorf("%w: it has no value", encryptor.ErrInvalidValue)
	errFalseNull = fmt.Errorf("%w: NULL that is false", encryptor.ErrInvalidValue)
	errTooDeep   = fmt.Errorf("%w: lists and maps nested deeper than %d", encryptor.ErrInvalidValue, maxDepth)
)

func unknownType(v any) error {
	return fmt.Errorf("%w: unknown type %T", encryptor.ErrInvalidValue, v)
}

// convertItem converts the attributes of an item in the order of their names, so
// that of several faults always the same is reported.
func convertItem[From, To any](item map[string]From, convert func(From, int) (To, error)) (map[string]To, error) {
	if item == nil {
		return nil, nil
	}
	out := make(map[string]To, len(item))
	for _, name := range slices.Sorted(maps.Keys(item)) {
		v, err := convert(item[name], 0)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", quote(name), err)
		}
		out[name] = v
	}
	return out, nil
}

func convertList[From, To any](list []From, depth int, convert func(From, int) (To, error)) ([]To, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	out := make([]To, len(list))
	for i, v := range list {
		var err error
		if out[i], err = convert(v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func convertMap[From, To any](m map[string]From, depth int, convert func(From, int) (To, error)) (map[string]To, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	out := make(map[string]To, len(m))
	for name, v := range m {
		var err error
		if out[name], err = convert(v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func cloneAll(set [][]byte) [][]byte {
	out := make([][]byte, len(set))
	for i, b := range set {
		out[i] = bytes.Clone(b)
	}
	return out
}
