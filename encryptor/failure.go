package encryptor

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// decryptFailure decrypts the item that a failed condition returns with its
// error. If that fails, the exception has no item and the *ItemError is joined.
func (t *boundTable) decryptFailure(ctx context.Context, op string, err error) error {
	var exception *types.ConditionalCheckFailedException
	if !errors.As(err, &exception) || len(exception.Item) == 0 {
		return err
	}
	item, itemErr := t.decrypt(ctx, op, -1, exception.Item)
	decrypted := *exception
	decrypted.Item = item
	failed := &conditionFailure{err: err, exception: &decrypted}
	if itemErr != nil {
		return errors.Join(failed, itemErr)
	}
	return failed
}

// conditionFailure shows a decrypted exception in place of the one that err
// wraps. That one is not ours to change: a client may return it again.
type conditionFailure struct {
	err       error
	exception *types.ConditionalCheckFailedException
}

func (f *conditionFailure) Error() string { return f.err.Error() }
func (f *conditionFailure) Unwrap() error { return f.err }

// As is found by errors.As before the wrapped exception is.
func (f *conditionFailure) As(target any) bool {
	switch target := target.(type) {
	case **types.ConditionalCheckFailedException:
		*target = f.exception
	case *smithy.APIError:
		*target = f.exception
	default:
		return false
	}
	return true
}
