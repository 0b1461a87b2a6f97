package encryptor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const opModify = "Modify"

// ModifyOptions configures [EncryptedTable.Modify].
type ModifyOptions struct {
	// MaxAttempts is how often the item is read and f is called while other
	// writers win; 0 means 10, less is an error.
	MaxAttempts int
	// MustExist makes an absent item ErrItemNotFound, without calling f.
	MustExist bool
}

const defaultModifyAttempts = 10

// Modify changes an item as a whole: it reads the item by its key, gives f the
// plaintext, and writes what f made of it, on condition that nobody else wrote
// meanwhile. If somebody did, it reads again and calls f again, so f must have no
// other effects. It returns the item as f left it, nil after deletion.
//
// An absent item is given to f as its key alone and is then created, unless
// ModifyOptions.MustExist makes that ErrItemNotFound. An error of
// f is returned and nothing is written, but for ErrDeleteItem, which deletes the
// item. f must not change the key. An item that f leaves as it is is written all
// the same: this moves items to other actions, and plaintext to encryption.
//
// No version attribute is needed, and other writers may be in any language: the
// signature differs with every write. DO_NOTHING attributes are written only if f
// changed them; a concurrent UpdateItem of one is neither lost nor overwritten.
//
// The change is made exactly once. If an answer is lost, the same request is sent
// again, and the stored signature tells whether it had arrived. If that cannot be
// told, because others wrote since, the error wraps ErrUnknownOutcome and f is not
// called again. When others have won MaxAttempts times it wraps ErrConflict. Two
// things nobody can tell apart from an answer that did not arrive: an item that
// Modify created and somebody deleted meanwhile is created again, and where an
// older version of the item was put back, f is called on that.
//
// The write is one UpdateItem, whose expression DynamoDB limits to 4 KB: about a
// hundred attributes. An item of more is ErrUnsupported.
func (t *EncryptedTable) Modify(ctx context.Context, key Item, f func(item Item) error, optFns ...func(*ModifyOptions)) (Item, error) {
	o := ModifyOptions{}
	for _, fn := range optFns {
		fn(&o)
	}
	attempts := cmp.Or(o.MaxAttempts, defaultModifyAttempts)
	switch {
	case attempts < 0:
		return nil, t.modifyError(key, fmt.Errorf("ModifyOptions.MaxAttempts: must not be negative (%d)", attempts))
	case f == nil:
		return nil, t.modifyError(key, errors.New("nil function"))
	}
	if err := t.table.checkKey(key); err != nil {
		return nil, t.modifyError(key, err)
	}
	for attempt := range attempts {
		if err := backoff(ctx, attempt); err != nil {
			return nil, t.modifyError(key, err)
		}
		item, err := t.modifyOnce(ctx, key, f, o.MustExist)
		if err == nil {
			return item, nil
		}
		if !errors.Is(err, errLostRace) {
			return nil, err
		}
	}
	return nil, t.modifyError(key, fmt.Errorf("%w: others changed the item %d times", ErrConflict, attempts))
}

// errLostRace means that another writer came first, and nothing was written.
var errLostRace = errors.New("lost race")

func (t *EncryptedTable) modifyError(key Item, err error) error {
	e := t.table.fail(opModify, err)
	e.key = hide(pick(key, t.table.keys))
	return e
}

func (t *EncryptedTable) modifyOnce(ctx context.Context, key Item, f func(item Item) error, mustExist bool) (Item, error) {
	stored, read, err := t.readForModify(ctx, key)
	if err != nil {
		return nil, err
	}
	if stored == nil && mustExist {
		return nil, t.modifyError(key, ErrItemNotFound)
	}
	item := deepCopy(read)
	if err := f(item); errors.Is(err, ErrDeleteItem) {
		return nil, t.deleteUnchanged(ctx, key, stored)
	} else if err != nil {
		return nil, err
	}
	if keyText(item, t.table.keys) != keyText(key, t.table.keys) {
		return nil, t.modifyError(key, fmt.Errorf("%w: f changed the primary key", ErrInvalidValue))
	}
	encrypted, err := t.table.encrypt(ctx, opModify, item)
	if err != nil {
		return nil, err
	}
	change, err := t.table.change(stored, read, item, encrypted)
	if err != nil {
		return nil, t.modifyError(key, err)
	}
	w := guardedWrite{table: t.table, old: t.table.stampOf(stored), sent: t.table.stampOf(encrypted)}
	in := &dynamodb.UpdateItemInput{
		TableName: t.table.name(nil), Key: pick(key, t.table.keys),
		UpdateExpression: change.update(), ConditionExpression: change.condition(),
		ExpressionAttributeNames: change.names, ExpressionAttributeValues: change.values(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	err = w.send(ctx, func(ctx context.Context) error {
		_, err := t.api.UpdateItem(ctx, in, withoutRetries)
		return err
	})
	if err != nil {
		return nil, t.writeError(key, encrypted, err)
	}
	return item, nil
}

// readForModify returns an item as it is stored and in plaintext; an absent one
// as nothing and its key.
func (t *EncryptedTable) readForModify(ctx context.Context, key Item) (stored, read Item, err error) {
	stored, err = t.getStored(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if stored == nil {
		return nil, pick(key, t.table.keys), nil
	}
	read, err = t.table.decrypt(ctx, opModify, -1, pick(key, t.table.keys), stored)
	return stored, read, err
}

// getStored returns an item as it is stored, nil if there is none.
func (t *EncryptedTable) getStored(ctx context.Context, key Item) (Item, error) {
	out, err := t.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: t.table.name(nil), Key: key, ConsistentRead: aws.Bool(true)})
	switch {
	case err != nil:
		return nil, err
	case out == nil:
		return nil, t.modifyError(key, errNoOutput)
	case len(out.Item) == 0:
		return nil, nil
	}
	return out.Item, nil
}

// deleteUnchanged deletes an item on condition that it still is what was read.
func (t *EncryptedTable) deleteUnchanged(ctx context.Context, key, stored Item) error {
	if stored == nil {
		return nil
	}
	change := t.table.deletion(stored)
	in := &dynamodb.DeleteItemInput{
		TableName: t.table.name(nil), Key: pick(key, t.table.keys), ConditionExpression: change.condition(),
		ExpressionAttributeNames: change.names, ExpressionAttributeValues: change.values(),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	w := guardedWrite{table: t.table, old: t.table.stampOf(stored), deletes: true}
	err := w.send(ctx, func(ctx context.Context) error {
		_, err := t.api.DeleteItem(ctx, in, withoutRetries)
		return err
	})
	if errors.Is(err, errGone) {
		err = t.confirmGone(ctx, key)
	}
	if err != nil {
		return t.writeError(key, nil, err)
	}
	return nil
}

func (t *EncryptedTable) confirmGone(ctx context.Context, key Item) error {
	switch stored, err := t.getStored(ctx, key); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	case stored != nil:
		return fmt.Errorf("%w: an attempt may have deleted the item, and there is one", ErrUnknownOutcome)
	}
	return nil
}

func (t *EncryptedTable) writeError(key, encrypted Item, err error) error {
	switch {
	case errors.Is(err, errLostRace):
		return err
	case errors.Is(err, ErrUnknownOutcome), encrypted == nil:
		return t.modifyError(key, err)
	default:
		return t.table.withSize(opModify, encrypted, err)
	}
}

// deepCopy copies an item so that f may change values in place.
func deepCopy(item Item) Item {
	copied := make(Item, len(item))
	for name, v := range item {
		copied[name] = copyValue(v)
	}
	return copied
}

func copyValue(v types.AttributeValue) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: v.Value}
	case *types.AttributeValueMemberN:
		return &types.AttributeValueMemberN{Value: v.Value}
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: bytes.Clone(v.Value)}
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: v.Value}
	case *types.AttributeValueMemberNULL:
		return &types.AttributeValueMemberNULL{Value: v.Value}
	case *types.AttributeValueMemberSS:
		return &types.AttributeValueMemberSS{Value: slices.Clone(v.Value)}
	case *types.AttributeValueMemberNS:
		return &types.AttributeValueMemberNS{Value: slices.Clone(v.Value)}
	case *types.AttributeValueMemberBS:
		members := make([][]byte, len(v.Value))
		for i, member := range v.Value {
			members[i] = bytes.Clone(member)
		}
		return &types.AttributeValueMemberBS{Value: members}
	case *types.AttributeValueMemberL:
		elements := make([]types.AttributeValue, len(v.Value))
		for i, element := range v.Value {
			elements[i] = copyValue(element)
		}
		return &types.AttributeValueMemberL{Value: elements}
	case *types.AttributeValueMemberM:
		return &types.AttributeValueMemberM{Value: deepCopy(v.Value)}
	default:
		return v
	}
}

// equalValues compares spelling too: a respelled number is written, harmlessly.
func equalValues(a, b types.AttributeValue) bool { return reflect.DeepEqual(a, b) }
