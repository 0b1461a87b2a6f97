package encryptor

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/tableinfo"
)

// Item is a DynamoDB item: attribute values by name.
type Item = map[string]types.AttributeValue

// pick returns a new item of those named attributes that item has.
func pick(item Item, names []string) Item {
	picked := make(Item, len(names))
	for _, name := range names {
		if v := item[name]; v != nil {
			picked[name] = v
		}
	}
	return picked
}

// ItemCodec is one table's item format. [ItemEncryptor] implements it; a later
// format does so from its own package. Implementations must be safe for
// concurrent use.
type ItemCodec interface {
	// Table is the table whose items the codec encrypts.
	Table() tableinfo.TableInfo
	// Encrypt returns the item as it is to be stored. It must not modify item.
	Encrypt(ctx context.Context, item Item) (Item, error)
	// Decrypt verifies a stored item and returns its plaintext. It must not
	// modify stored, and must not return a value that it did not verify, unless
	// Rule says that the attribute is unsigned.
	Decrypt(ctx context.Context, stored Item) (Item, error)
	// Rule is the strictest treatment of an attribute over all forms of item
	// that Decrypt accepts.
	Rule(attribute string) Rule
	// Layouts has one Layout for each form of item that Decrypt accepts. The
	// first is the form that Encrypt writes.
	Layouts() []Layout
}

// Layout names the attributes that a format adds to an item. The zero Layout
// stands for items without any: plaintext is accepted.
type Layout struct {
	// Stamp is a B attribute that differs with every change of what is signed.
	Stamp string
	// Other attributes stand beside it.
	Other []string
}

// Rule is what a request may do with an attribute. The zero value is the
// strictest, and an unknown Rule counts as it.
type Rule uint8

const (
	// RuleEncrypted is for ciphertext: no request can compare or change it.
	RuleEncrypted Rule = iota
	// RuleSigned is for readable values that only an item as a whole may change.
	RuleSigned
	// RuleUnsigned is for values that are none of the format's business.
	RuleUnsigned
	// RuleReserved is for the attributes that the format itself adds.
	RuleReserved
)
