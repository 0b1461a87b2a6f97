package encryptor

import (
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
// would copy ciphertext or a signed value to where nothing protects it.
func (t *boundTable) checkUpdate(expression *string, names map[string]string) error {
	if expression == nil {
		return nil
	}
	uses, err := expr.Uses(*expression, names)
	if err != nil {
		return fmt.Errorf("%w: UpdateExpression: %w", ErrUnsupported, err)
	}
	var protected []string
	for _, use := range uses {
		if t.codec.Rule(use.Name) != RuleUnsigned && !slices.Contains(protected, use.Name) {
			protected = append(protected, use.Name)
		}
	}
	if len(protected) == 0 {
		return nil
	}
	slices.Sort(protected)
	return &attributeError{protected[0], fmt.Errorf("%w: UpdateExpression names %s, which the item's signature protects; only DO_NOTHING attributes can be updated alone, use Modify for the others",
		ErrUnsupported, quoted(protected))}
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
	return aws.String("(" + *condition + ") AND (" + ours + ")"), names
}

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
