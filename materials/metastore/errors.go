package metastore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/materials"
)

var (
	// ErrInvalidID means that a material name or a version is not one. Nothing was
	// sent.
	ErrInvalidID = errors.New("invalid material name or version")
	// ErrRow means that a row of the meta table cannot be used: it was changed,
	// damaged or put in the place of another; or its content is not what this
	// package knows, and then the error wraps materials.ErrFormat too. It wraps
	// materials.ErrStore: the data item is not to blame.
	ErrRow = fmt.Errorf("%w: unusable row", materials.ErrStore)
	// ErrKeysDiffer means that the target of Replicate has the version with other
	// keys. It was left as it is. It wraps materials.ErrStore.
	ErrKeysDiffer = fmt.Errorf("%w: the target has other keys", materials.ErrStore)
)

// Error is a failure of the meta table. It wraps materials.ErrStore and, where they
// apply, [ErrRow], [ErrKeysDiffer], context.Canceled, context.DeadlineExceeded,
// materials.ErrKMS with the SDK's error of KMS, ErrKeyNotAllowed,
// ErrNoEncryptionMaterials and ErrNoDecryptionMaterials; nothing else that DynamoDB
// or the encryptor of the meta table said. Its text has names only.
type Error struct {
	// Op is the operation of DynamoDB: Query, GetItem or PutItem.
	Op string
	// Table is the meta table's bare name.
	Table string
	// Code is the error code of DynamoDB's answer, such as
	// ProvisionedThroughputExceededException; empty if it did not answer or did
	// not fail.
	Code string

	text string
	kept []error
}

// Error gives table and cause.
func (e *Error) Error() string {
	return materials.ErrStore.Error() + ": meta table " + quote.Name(e.Table) + ": " + e.text
}

// Unwrap returns what applies of the errors that Error lists.
func (e *Error) Unwrap() []error { return e.kept }

const (
	opQuery = "Query"
	opGet   = "GetItem"
	opPut   = "PutItem"
)

// lasting are the errors that stay what they are when the meta table has them.
var lasting = []error{
	ErrRow, ErrKeysDiffer, context.Canceled, context.DeadlineExceeded,
	materials.ErrKMS, materials.ErrKeyNotAllowed, materials.ErrNoEncryptionMaterials, materials.ErrNoDecryptionMaterials,
}

// fail makes an error of the store of one that would pass for another's.
func (m *MetaStore) fail(op string, err error) error {
	e := &Error{Op: op, Table: m.name, text: err.Error(), kept: []error{materials.ErrStore}}
	for _, known := range lasting {
		if errors.Is(err, known) {
			e.kept = append(e.kept, known)
		}
	}
	if errors.Is(err, ErrRow) {
		for _, known := range []error{materials.ErrFormat, materials.ErrAlgorithm} {
			if errors.Is(err, known) {
				e.kept = append(e.kept, known)
			}
		}
	} else if isBadRow(err) {
		e.kept = append(e.kept, ErrRow)
	}
	if cause := kmsCause(err); cause != nil {
		e.kept = append(e.kept, cause)
	}
	var api smithy.APIError
	if !errors.Is(err, materials.ErrKMS) && errors.As(err, &api) {
		e.Code = api.ErrorCode()
	}
	return e
}

// isBadRow tells whether a row was read that does not verify or decrypt, and that
// it is the row's fault as far as one can tell.
func isBadRow(err error) bool {
	var item *encryptor.ItemError
	if !errors.As(err, &item) || item.Stored() == nil {
		return false
	}
	if errors.Is(err, materials.ErrContextMismatch) { // its data key is another row's
		return true
	}
	return !slices.ContainsFunc(lasting, func(known error) bool { return errors.Is(err, known) })
}

// kmsCause finds what the SDK said of a failed KMS call: it stands beside ErrKMS.
// What else does, such as ErrContextMismatch, is about the row.
func kmsCause(err error) error {
	switch wrapper := err.(type) {
	case interface{ Unwrap() []error }:
		parts := wrapper.Unwrap()
		if len(parts) == 0 {
			return nil
		}
		if last := parts[len(parts)-1]; slices.Contains(parts, materials.ErrKMS) && last != materials.ErrKMS {
			return last
		}
		for _, part := range parts {
			if cause := kmsCause(part); cause != nil {
				return cause
			}
		}
	case interface{ Unwrap() error }:
		return kmsCause(wrapper.Unwrap())
	}
	return nil
}

// mayExist tells whether after this error of a conditional put the row may be in the
// table: because the condition failed, or because nobody knows what became of the
// request.
func mayExist(err error) bool {
	var exists *types.ConditionalCheckFailedException
	if errors.As(err, &exists) {
		return true
	}
	var item *encryptor.ItemError
	if errors.As(err, &item) {
		return false // it could not be encrypted, or DynamoDB found it invalid
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return true
	}
	var answer interface{ HTTPStatusCode() int }
	return api.ErrorFault() == smithy.FaultServer || errors.As(err, &answer) && answer.HTTPStatusCode() >= 500
}
