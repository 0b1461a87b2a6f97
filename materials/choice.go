package materials

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/wire"
)

// forChoice is what a function may choose by that must choose alike on encrypt
// and on decrypt. The map is the function's own.
func (c EncryptionContext) forChoice() EncryptionContext {
	visible := make(map[string]types.AttributeValue, len(c.Attributes))
	for name, value := range c.Attributes {
		if !wire.IsReserved(name) {
			visible[name] = value
		}
	}
	for _, name := range c.Encrypted {
		delete(visible, name)
	}
	c.Attributes, c.Encrypted, c.Description = visible, nil, nil
	return c
}
