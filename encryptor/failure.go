package encryptor

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// decryptFailure decrypts the item that a failed condition on key returns with its
// error. If that fails, the exception has no item and the *ItemError is joined.
func (t *boundTable) decryptFailure(ctx context.Context, op string, key Item, err error) error {
	var exception *types.ConditionalCheckFailedException
	if !errors.As(err, &exception) || exception.Item == nil {
		return err
	}
	item, itemErr := t.decryptIfAny(ctx, op, -1, pick(key, t.keys), exception.Item)
	decrypted := *exception
	decrypted.Item = item
	failed := &shownException[*types.ConditionalCheckFailedException]{err, &decrypted}
	if itemErr != nil {
		return errors.Join(failed, itemErr)
	}
	return failed
}

// decryptCancellation decrypts the items in the reasons for which a transaction
// was cancelled, which are in the order of its parts.
func decryptCancellation(ctx context.Context, op string, parts []part, err error) error {
	var exception *types.TransactionCanceledException
	if !errors.As(err, &exception) {
		return err
	}
	decrypted := *exception
	decrypted.CancellationReasons = slices.Clone(exception.CancellationReasons)
	all := []error{&shownException[*types.TransactionCanceledException]{err, &decrypted}}
	changed := false
	for i := range decrypted.CancellationReasons {
		reason := &decrypted.CancellationReasons[i]
		if i >= len(parts) || parts[i].table == nil || reason.Item == nil {
			continue
		}
		changed = true
		item, itemErr := parts[i].table.decryptIfAny(ctx, op, i, parts[i].key, reason.Item)
		reason.Item = item
		if itemErr != nil {
			all = append(all, itemErr)
		}
	}
	switch {
	case !changed:
		return err
	case len(all) == 1:
		return all[0]
	default:
		return errors.Join(all...)
	}
}

// shownException shows a decrypted exception in place of the one that err wraps.
// That one is not ours to change: a client may return it again.
type shownException[E smithy.APIError] struct {
	err       error
	exception E
}

func (s *shownException[E]) Error() string { return s.err.Error() }
func (s *shownException[E]) Unwrap() error { return s.err }

// As is asked by errors.As before the wrapped exception is found.
func (s *shownException[E]) As(target any) bool {
	switch target := target.(type) {
	case *E:
		*target = s.exception
	case *smithy.APIError:
		*target = s.exception
	default:
		return false
	}
	return true
}
