package encryptor

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

// Errors about items. Those of the materials provider pass through: see
// materials.ErrKMS, ErrKeyNotAllowed, ErrUnwrap and others.
var (
	// ErrFormat means that a stored item is not in the DDBEC format: its material
	// description or an attribute is damaged, or names an unknown algorithm. It
	// is materials.ErrFormat.
	ErrFormat = materials.ErrFormat
	// ErrUnsigned means that an item has no signature.
	ErrUnsigned = errors.New("item is not signed")
	// ErrInvalidSignature means that an item's signature does not match: the item
	// was changed, or written with other actions, for another table name or with
	// another key. It wraps materials.ErrSignature.
	ErrInvalidSignature = fmt.Errorf("invalid item: %w", materials.ErrSignature)
	// ErrInvalidValue means that an item to be written has a value that cannot be
	// stored, or lacks a key attribute, or that the key of a request does not have
	// just the attributes of the table's key.
	ErrInvalidValue = wire.ErrValue
	// ErrReservedAttribute means that an item to be written, or a configuration,
	// has an attribute that a format adds itself. An item that was encrypted
	// already is the usual cause.
	ErrReservedAttribute = errors.New("reserved attribute")
	// ErrNewerFormat means that an item was written by the successor of the DDBEC
	// client, the AWS Database Encryption SDK. It wraps ErrFormat.
	ErrNewerFormat = fmt.Errorf("%w: written by the AWS Database Encryption SDK", ErrFormat)
	// ErrAmbiguousName means that an unsigned attribute has the name of a signed
	// one but for its case. Decoding into a struct could take one for the other.
	ErrAmbiguousName = errors.New("ambiguous attribute name")
	// ErrDecrypt means that a signed attribute does not decrypt, for whatever
	// reason. It wraps ErrFormat.
	ErrDecrypt = fmt.Errorf("%w: attribute does not decrypt", ErrFormat)
)

// Errors of the table layer.
var (
	// ErrUnsupported means that a request asks for what cannot be done with
	// encrypted items. It was not sent.
	ErrUnsupported = errors.New("not supported on an encrypted table")
	// ErrUnknownTable means that a request is for another table. It was not sent.
	ErrUnknownTable = errors.New("unknown table")
	// ErrImage means that a write took effect, but the item that it returned
	// cannot be decrypted or is another one. ItemError.Stored has that item.
	ErrImage = errors.New("the write took effect, but the returned item cannot be decrypted")
	// ErrWrongItem means that DynamoDB, or whoever answered in its place, gave an
	// item that was not asked for. It may be a valid one, of another key.
	// ItemError.Stored has it, ItemError.Key the key that was asked for if the
	// answer was to one.
	ErrWrongItem = errors.New("the answer is not what was asked for")
	// ErrConflict means that other writers changed an item every time that Modify
	// tried.
	ErrConflict = errors.New("conflict with other writers")
	// ErrItemNotFound means that Modify found no item, and ModifyOptions.MustExist
	// demands one.
	ErrItemNotFound = errors.New("item not found")
	// ErrDeleteItem is returned by the function given to Modify to delete the item.
	ErrDeleteItem = errors.New("delete the item")
	// ErrUnknownOutcome means that a write may have taken effect or not.
	ErrUnknownOutcome = errors.New("unknown outcome")
)

// attributeError names the attribute that an error is about.
type attributeError struct {
	name string
	err  error
}

func (e *attributeError) Error() string {
	return "attribute " + quote.Name(e.name) + ": " + e.err.Error()
}
func (e *attributeError) Unwrap() error         { return e.err }
func (e *attributeError) AttributeName() string { return e.name }

// ItemError says in which request, table and item something failed. Its text
// has names only.
type ItemError struct {
	// Op is the operation, such as PutItem.
	Op string
	// Table is the table's bare name.
	Table string
	// Attribute is the attribute at fault, if it is one.
	Attribute string
	// Index is the item's place, counted from 0, in its page, batch or transaction,
	// or among the requests given to WriteAll; -1 if it is not part of any.
	Index int
	// Err is the cause.
	Err error

	key, stored hidden
}

// hidden is an item that no verb of fmt prints: some follow the pointers in a
// field that they are not meant for, but none calls a function.
type hidden func() Item

func hide(item Item) hidden { return func() Item { return item } }

func (h hidden) item() Item {
	if h == nil {
		return nil
	}
	return h()
}

func newItemError(op, table string, err error) *ItemError {
	e := &ItemError{Op: op, Table: table, Index: -1, Err: err}
	var named interface{ AttributeName() string }
	if errors.As(err, &named) {
		e.Attribute = named.AttributeName()
	}
	return e
}

// at gives an error about a part of a request or of a page its place.
func at(index int, err error) error {
	var e *ItemError
	if errors.As(err, &e) {
		e.Index = index
	}
	return err
}

// Error gives operation, table, index and cause.
func (e *ItemError) Error() string {
	where := e.Op + " on table " + quote.Name(e.Table)
	if e.Index >= 0 {
		where += fmt.Sprintf(": item %d", e.Index)
	}
	return fmt.Sprintf("%s: %v", where, e.Err)
}

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// Key returns the item's primary key in plaintext, nil if it is not known. It is
// not in Error, JSON or logs.
func (e *ItemError) Key() Item { return e.key.item() }

// Stored returns the item as it was stored, still encrypted, if the error is about
// an item that was read. It is not in Error, JSON or logs.
func (e *ItemError) Stored() Item { return e.stored.item() }

// MarshalJSON writes the text of the cause and not its fields, which may hold
// items.
func (e *ItemError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Op, Table, Attribute string
		Index                int
		Err                  string
	}{e.Op, e.Table, e.Attribute, e.Index, fmt.Sprint(e.Err)})
}

// LogValue logs the text.
func (e *ItemError) LogValue() slog.Value { return slog.StringValue(e.Error()) }

// maxListedAttributes bounds the text of a signature failure.
const maxListedAttributes = 20

// signatureError says what was tried, in names, and what usually is the matter.
func signatureError(tables, keys []string, a actions.AttributeActions, p *plan, unsignedKeys bool) error {
	var list []string
	for i, attribute := range p.signed {
		if i == maxListedAttributes {
			list = append(list, fmt.Sprintf("and %d more", len(p.signed)-i))
			break
		}
		list = append(list, quote.Name(attribute.Name)+" "+a.Action(attribute.Name).String())
	}
	if len(p.unsigned) > 0 {
		list = append(list, fmt.Sprintf("and %d DO_NOTHING", len(p.unsigned)))
	}
	cause := "usual causes: the item was changed; it was written with other actions (Options.Actions, PreviousActions), for another table name (Options.SignedTableName, AcceptTableNames) or with another key; ItemEncryptor.Diagnose may tell which"
	if unsignedKeys {
		cause = "it does match if the primary key is not signed, as Python leaves it with a DO_NOTHING default: see Options.UnsignedKeys and PreviousActions"
	}
	return fmt.Errorf("%w: expected for table %s, keys %s, attributes %s; %s",
		ErrInvalidSignature, quoted(tables), quoted(keys), strings.Join(list, ", "), cause)
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quote.Name(name)
	}
	return strings.Join(list, ", ")
}
