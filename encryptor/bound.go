package encryptor

import (
	"context"
	"errors"
	"fmt"
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
}

func bind(codec ItemCodec, o TableOptions) (*boundTable, error) {
	concurrency, err := o.concurrency()
	if err != nil {
		return nil, err
	}
	t := &boundTable{codec: codec, info: codec.Table(), layouts: codec.Layouts(), concurrency: concurrency}
	t.keys = t.info.KeyNames()
	return t, t.info.Validate()
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

func (t *boundTable) badItem(op string, index int, key, stored Item, err error) *ItemError {
	e := t.fail(op, err)
	e.Index, e.key, e.stored = index, hide(pick(key, t.keys)), hide(stored)
	return e
}

// decryptImage decrypts the item that a write to key returned.
func (t *boundTable) decryptImage(ctx context.Context, op string, key, stored Item) (Item, error) {
	if len(stored) == 0 {
		return stored, nil
	}
	item, err := t.decrypt(ctx, op, -1, pick(key, t.keys), stored)
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
