package encryptor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// guardedWrite is a write on condition, sent again until it is known to have had
// its effect or not.
type guardedWrite struct {
	table     *boundTable
	old, sent []byte // stamps before and after; nil: none
	deletes   bool
	uncertain bool // an attempt may have had its effect
}

// errGone means that the condition of a deletion failed, after an attempt of which
// nothing is known, and that no item came with that: there is none, unless the
// client does not ask for it.
var errGone = errors.New("the item is gone")

// maxSends is how often the same request is sent while its outcome is unknown or
// the service is busy.
const maxSends = 6

// send returns nil if the write had its effect, errLostRace if another writer came
// first, errGone if a deletion seems to have had its effect, and an error wrapping
// ErrUnknownOutcome if that cannot be told.
func (w *guardedWrite) send(ctx context.Context, try func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := try(ctx)
		if err == nil {
			return nil
		}
		var failed *types.ConditionalCheckFailedException
		if errors.As(err, &failed) {
			return w.judge(failed)
		}
		again := false
		switch outcomeOf(err) {
		case outcomeNone:
		case outcomeBusy:
			again = true
		case outcomeUnknown:
			again, w.uncertain = true, true
		}
		if again && attempt+1 < maxSends && backoff(ctx, attempt+1) == nil {
			continue
		}
		if w.uncertain {
			return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
		}
		return err
	}
}

// judge says what a failed condition means, by the stamp that the item has now.
func (w *guardedWrite) judge(failed *types.ConditionalCheckFailedException) error {
	now := w.table.stampOf(failed.Item)
	switch {
	case w.deletes && w.uncertain && len(failed.Item) == 0:
		return errGone
	case w.sent != nil && bytes.Equal(now, w.sent):
		return nil // an earlier attempt had its effect
	case w.uncertain && (w.old == nil || !bytes.Equal(now, w.old)):
		return fmt.Errorf("%w: an attempt may have had its effect, and others wrote since", ErrUnknownOutcome)
	default:
		return errLostRace
	}
}

type outcome uint8

const (
	outcomeUnknown outcome = iota // the request may have had its effect
	outcomeNone                   // it was refused
	outcomeBusy                   // it was refused, but not for good
)

// outcomeOf says what an error other than a failed condition tells of a write.
func outcomeOf(err error) outcome {
	if errors.Is(err, ErrUnsupported) || errors.Is(err, ErrUnknownTable) {
		return outcomeNone // by the middleware, before anything was sent
	}
	var (
		invalid        smithy.InvalidParamsError
		unserializable *smithy.SerializationError
	)
	if errors.As(err, &invalid) || errors.As(err, &unserializable) {
		return outcomeNone // by the SDK
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return outcomeUnknown
	}
	switch api.ErrorCode() {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded",
		"TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflictException":
		return outcomeBusy
	}
	// A gateway on the way answers without a code of DynamoDB's, of which the SDK
	// makes an UnknownError whose fault nobody knows.
	status := 0
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	if status >= 500 || status == 0 && api.ErrorCode() == "UnknownError" || api.ErrorFault() == smithy.FaultServer || isServerError(api.ErrorCode()) {
		return outcomeUnknown
	}
	return outcomeNone
}

// isServerError is for codes of which the SDK does not know whose fault they are.
func isServerError(code string) bool {
	switch code {
	case "InternalServerError", "InternalFailure", "InternalServerErrorException", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return true
	}
	return false
}

// withoutRetries makes every attempt visible: the SDK would hide that the first
// of two may have had its effect.
func withoutRetries(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

const (
	backoffUnit = 5 * time.Millisecond
	backoffMost = 500 * time.Millisecond
)

// backoff waits before attempt, counted from 0, for a random part of a time that
// doubles; it does not wait before the first.
func backoff(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return ctx.Err()
	}
	most := min(backoffUnit<<min(attempt, 16), backoffMost)
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(most))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
