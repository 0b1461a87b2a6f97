package encryptor

import (
	"bytes"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/expr"
	"github.com/ddbec/ddbec-go/internal/wire"
)

// A signature shows that an item was written for the table, not that it answers
// the request: whoever controls the answer could give another item of the same
// table, valid as it is. So an answer is held against the key that was asked for.
// The keys of a stored item are in the open, and signed unless UnsignedKeys says
// otherwise, so this can be done before anything is decrypted.

// checkAsked refuses an item that has other values than asked for its key
// attributes, or for whatever else asked names. The error is about the first by
// name, so that it is the same every time.
func checkAsked(asked, stored Item) error {
	wrong, isWrong := "", false
	for name, value := range asked {
		if !sameKey(value, stored[name]) && (!isWrong || name < wrong) {
			wrong, isWrong = name, true
		}
	}
	if isWrong {
		return &attributeError{wrong, ErrWrongItem}
	}
	return nil
}

// sameKey tells whether the service holds two key values equal.
func sameKey(a, b types.AttributeValue) bool {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		b, ok := b.(*types.AttributeValueMemberS)
		return ok && a != nil && b != nil && a.Value == b.Value
	case *types.AttributeValueMemberB:
		b, ok := b.(*types.AttributeValueMemberB)
		return ok && a != nil && b != nil && bytes.Equal(a.Value, b.Value)
	case *types.AttributeValueMemberN:
		b, ok := b.(*types.AttributeValueMemberN)
		return ok && a != nil && b != nil && sameNumber(a.Value, b.Value)
	default:
		return false
	}
}

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	canonicalA, errA := wire.CanonicalNumber(a)
	canonicalB, errB := wire.CanonicalNumber(b)
	return errA == nil && errB == nil && canonicalA == canonicalB
}

// askedKeys counts how often a request asks for each key of a table, by keyText.
type askedKeys map[string]int

// take tells whether a key was asked for and not answered yet.
func (a askedKeys) take(key string) bool {
	if a[key] == 0 {
		return false
	}
	a[key]--
	return true
}

// equalities are the values that a key condition demands of attributes: that of
// the partition key, and that of the sort key if it is not a range.
func equalities(condition *string, names map[string]string, values Item) Item {
	if condition == nil {
		return nil
	}
	placeholders, err := expr.Equalities(*condition, names)
	if err != nil {
		return nil // the request was refused for it
	}
	asked := make(Item, len(placeholders))
	for name, placeholder := range placeholders {
		if v := values[placeholder]; v != nil {
			asked[name] = v
		}
	}
	return asked
}
