package encryptor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/expr"
)

// checkUpdate refuses an update that names an attribute which is not DO_NOTHING,
// on the left or on the right: changed, it would break the signature; read, it
// would copy ciphertext or a signed value to where nothing protects it. A name that
// no item may have can only be removed, which makes the item readable again.
func (t *boundTable) checkUpdate(expression *string, names map[string]string) error {
	if expression == nil {
		return nil
	}
	uses, err := expr.Uses(*expression, names)
	if err != nil {
		return fmt.Errorf("%w: UpdateExpression cannot be read: %w", ErrUnsupported, err)
	}
	var protected []string
	for _, use := range uses {
		if !use.Removed {
			if err := t.checkName(use.Name); err != nil {
				return fmt.Errorf("%w: UpdateExpression names what an item may not have: %w", ErrUnsupported, err)
			}
		}
		if t.codec.Rule(use.Name) != RuleUnsigned && !slices.Contains(protected, use.Name) {
			protected = append(protected, use.Name)
		}
	}
	if len(protected) == 0 {
		return nil
	}
	slices.Sort(protected)
	return &attributeError{protected[0], fmt.Errorf("%w: UpdateExpression names %s, which the item's signature protects; only DO_NOTHING attributes can be updated alone, use EncryptedTable.Modify for the others",
		ErrUnsupported, quoted(protected))}
}

// checkName asks the codec whether its items may have an attribute of this name. A
// codec that cannot tell takes every name.
func (t *boundTable) checkName(name string) error {
	codec, ok := t.codec.(interface{ CheckName(attribute string) error })
	if !ok {
		return nil
	}
	return codec.CheckName(name)
}

// onlyExisting adds to a condition that the item exists in one of the forms that
// are read: an update of an absent item would create one without signature. The
// caller's map of names is not modified.
func (t *boundTable) onlyExisting(condition *string, names map[string]string) (*string, map[string]string) {
	var marks []string
	for _, layout := range t.layouts {
		if layout.Stamp == "" {
			marks = append(marks, t.info.Primary.PartitionKey)
			continue
		}
		marks = append(marks, layout.Stamp)
	}
	if len(marks) == 1 && marks[0] == t.info.Primary.PartitionKey {
		return condition, names // nothing is signed, so nothing can be unsigned by mistake
	}
	names = maps.Clone(names)
	if names == nil {
		names = make(map[string]string)
	}
	var exists []string
	for _, mark := range marks {
		alias := unusedAlias(names)
		names[alias] = mark
		exists = append(exists, "attribute_exists("+alias+")")
	}
	ours := strings.Join(exists, " OR ")
	if condition == nil {
		return aws.String(ours), names
	}
	theirs := *condition
	if !expr.Enclosed(theirs) { // two pairs would be redundant, which DynamoDB refuses
		theirs = "(" + theirs + ")"
	}
	return aws.String(theirs + " AND (" + ours + ")"), names
}

// errNotThere is about the condition of an update for which the caller gave none.
var errNotThere = errors.New("the item does not exist or is not one of the table's encrypted items; updates on an encrypted table do not create items")

// notThere says of a failed condition that was onlyExisting's alone what it means.
func (t *boundTable) notThere(op string, key Item, err error) error {
	var exception *types.ConditionalCheckFailedException
	if !errors.As(err, &exception) {
		return err
	}
	e := t.fail(op, fmt.Errorf("%w: %w", errNotThere, err))
	e.key = hide(pick(key, t.keys))
	var failed *ItemError // of the item that the exception had
	if errors.As(err, &failed) {
		e.stored = failed.stored
	}
	return e
}

// notThereInParts joins to the error of a cancelled transaction what notThere says
// of each part.
func notThereInParts(op string, parts []part, err error) error {
	var exception *types.TransactionCanceledException
	if !errors.As(err, &exception) {
		return err
	}
	all := []error{err}
	for i, reason := range exception.CancellationReasons {
		if i >= len(parts) || !parts[i].unconditional || aws.ToString(reason.Code) != reasonConditionFailed {
			continue
		}
		e := parts[i].table.fail(op, errNotThere)
		e.Index, e.key = i, hide(parts[i].key)
		all = append(all, e)
	}
	if len(all) == 1 {
		return err
	}
	return errors.Join(all...)
}

// reasonConditionFailed is the code of a cancelled transaction's reason.
const reasonConditionFailed = "ConditionalCheckFailed"

func unusedAlias(names map[string]string) string {
	for i := 0; ; i++ {
		alias := fmt.Sprintf("#stamp%d", i)
		if _, used := names[alias]; !used {
			return alias
		}
	}
}

// isWholeItem tells whether the attributes that an update returns are an item.
func isWholeItem(r types.ReturnValue) bool {
	return r == types.ReturnValueAllOld || r == types.ReturnValueAllNew
}
