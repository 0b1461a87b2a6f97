package encryptor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ddbec/ddbec-go/tableinfo"
)

// boundTable is a table with its codec: what may be asked of it, and what happens
// to items on their way.
type boundTable struct {
	codec       ItemCodec
	info        tableinfo.TableInfo
	keys        []string
	layouts     []Layout
	concurrency int
	requestName string // TableName of a request that the caller left without one
}

func bind(codec ItemCodec, concurrency int, o TableOptions) (*boundTable, error) {
	t := &boundTable{codec: codec, info: codec.Table(), layouts: codec.Layouts(), concurrency: concurrency}
	t.keys = t.info.KeyNames()
	if err := t.info.Validate(); err != nil {
		return nil, err
	}
	var err error
	t.requestName, err = o.requestName(t.info)
	return t, err
}

// checkKey refuses a request's key of other attributes than the table's. DynamoDB
// would too, but for a TableInfo that somebody wrote by hand and forgot the sort key
// in: under that, items would be bound to a part of their key.
func (t *boundTable) checkKey(key Item) error {
	if key == nil {
		return nil // the SDK misses it
	}
	isKey := len(key) == len(t.keys)
	for _, name := range t.keys {
		v, ok := key[name]
		if ok && v == nil {
			return &attributeError{name, fmt.Errorf("%w: nil in a Key", ErrInvalidValue)}
		}
		isKey = isKey && ok
	}
	if isKey {
		return nil
	}
	return fmt.Errorf("%w: Key has the attributes %s; the primary key of the table is %s", ErrInvalidValue,
		quoted(slices.Sorted(maps.Keys(key))), quoted(t.keys))
}

func (t *boundTable) fail(op string, err error) *ItemError {
	return newItemError(op, t.info.Name, err)
}

func (t *boundTable) encrypt(ctx context.Context, op string, item Item) (Item, error) {
	encrypted, err := t.codec.Encrypt(ctx, item)
	if err != nil {
		e := t.fail(op, err)
		e.key = hide(pick(item, t.keys))
		return nil, e
	}
	return encrypted, nil
}

// encryptAt encrypts the item at index of a request.
func (t *boundTable) encryptAt(ctx context.Context, op string, index int, item Item) (Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, at(index, t.fail(op, err))
	}
	encrypted, err := t.encrypt(ctx, op, item)
	return encrypted, at(index, err)
}

// decrypt decrypts the item at index, -1 if it is not part of a page, that was
// answered for the attributes asked.
func (t *boundTable) decrypt(ctx context.Context, op string, index int, asked, stored Item) (Item, error) {
	err := checkAsked(asked, stored)
	if err != nil {
		return nil, t.badItem(op, index, asked, stored, err)
	}
	item, err := t.codec.Decrypt(ctx, stored)
	if err != nil {
		return nil, t.badItem(op, index, stored, stored, err)
	}
	return item, nil
}

// decryptAt decrypts the item at index of an answer, unless the caller has gone.
func (t *boundTable) decryptAt(ctx context.Context, op string, index int, asked, stored Item) (Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, at(index, t.fail(op, err))
	}
	return t.decrypt(ctx, op, index, asked, stored)
}

// decryptIfAny decrypts an item that may be absent: nil, or empty as some clients
// have it, and then nil.
func (t *boundTable) decryptIfAny(ctx context.Context, op string, index int, asked, stored Item) (Item, error) {
	if len(stored) == 0 {
		return nil, nil
	}
	return t.decrypt(ctx, op, index, asked, stored)
}

func (t *boundTable) badItem(op string, index int, key, stored Item, err error) *ItemError {
	e := t.fail(op, err)
	e.Index, e.key, e.stored = index, hide(pick(key, t.keys)), hide(stored)
	return e
}

// decryptImage decrypts the item that a write to key returned.
func (t *boundTable) decryptImage(ctx context.Context, op string, key, stored Item) (Item, error) {
	item, err := t.decryptIfAny(ctx, op, -1, pick(key, t.keys), stored)
	var e *ItemError
	if errors.As(err, &e) {
		e.Err = fmt.Errorf("%w: %w", ErrImage, e.Err)
	}
	return item, err
}

func (t *boundTable) index(name string) (tableinfo.Index, bool) {
	i := slices.IndexFunc(t.info.Secondary, func(index tableinfo.Index) bool { return index.Name == name })
	if i < 0 {
		return tableinfo.Index{}, false
	}
	return t.info.Secondary[i], true
}
