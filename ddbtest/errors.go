package ddbtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/schemas"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// The codes of the errors that the server itself gives.
const (
	codeCancelled          = "TransactionCanceledException"
	codeConditionFailed    = "ConditionalCheckFailedException"
	codeIdempotentMismatch = "IdempotentParameterMismatchException"
	codeResourceInUse      = "ResourceInUseException"
	codeResourceNotFound   = "ResourceNotFoundException"
	codeSerialization      = "SerializationException"
	codeUnknownOperation   = "UnknownOperationException"
	codeValidation         = "ValidationException"
)

// namespaces holds the prefix that DynamoDB puts before the code in __type;
// the codes that are not listed have modelledNamespace.
var namespaces = map[string]string{
	codeSerialization:    "com.amazon.coral.service#",
	codeUnknownOperation: "com.amazon.coral.service#",
	codeValidation:       "com.amazon.coral.validate#",
}

const modelledNamespace = "com.amazonaws.dynamodb.v20120810#"

// apiError is an error that travels to the client as a DynamoDB error body.
type apiError struct {
	code    string
	message string
	item    item             // of a failed condition, if the caller asked for it
	reasons []map[string]any // of a cancelled transaction
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func newError(code, format string, args ...any) *apiError {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

// invalid returns a ValidationException.
func invalid(format string, args ...any) *apiError {
	return newError(codeValidation, format, args...)
}

// invalidParameters returns a ValidationException with the words that DynamoDB
// puts before most complaints about a parameter's value.
func invalidParameters(format string, args ...any) *apiError {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

// missing is the ValidationException for a parameter that must be given.
func missing(parameter string) *apiError {
	return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", parameter)
}

// invalidEnum is the ValidationException for a value that is none of those
// listed.
func invalidEnum(parameter, value, values string) *apiError {
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
		value, parameter, values)
}

// prefixed puts a prefix before the message of an apiError and leaves other
// errors alone.
func prefixed(prefix string, err error) error { return wrapped(prefix, err, "") }

// wrapped is prefixed with text at the end as well.
func wrapped(prefix string, err error, suffix string) error {
	if e, ok := errors.AsType[*apiError](err); ok {
		return &apiError{code: e.code, message: prefix + e.message + suffix, item: e.item}
	}
	return err
}

// faultStatus is the HTTP status for an error that the client has to correct,
// or that the service is to blame for.
func faultStatus(f smithy.ErrorFault) int {
	if f == smithy.FaultServer {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// errorReply encodes an error as DynamoDB does. It returns an error itself for
// one that has no such form: neither an apiError nor a smithy.APIError.
func errorReply(err error) (reply, error) {
	if e, ok := errors.AsType[*apiError](err); ok {
		members := map[string]any{"message": e.message}
		switch e.code {
		case codeCancelled, codeIdempotentMismatch: // modelled with another spelling than the others
			members = map[string]any{"Message": e.message}
		}
		if e.item != nil {
			members["Item"] = e.item.wire()
		}
		if e.reasons != nil {
			members["CancellationReasons"] = e.reasons
		}
		return encodeError(http.StatusBadRequest, e.code, members)
	}
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return reply{}, err
	}
	members := map[string]any{"message": e.ErrorMessage()}
	if s, ok := e.(smithy.Serializable); ok {
		if members, err = modelledMembers(s); err != nil {
			return reply{}, err
		}
	}
	return encodeError(faultStatus(e.ErrorFault()), e.ErrorCode(), members)
}

func encodeError(status int, code string, members map[string]any) (reply, error) {
	members["__type"] = code
	if !strings.Contains(code, "#") {
		namespace, ok := namespaces[code]
		if !ok {
			namespace = modelledNamespace
		}
		members["__type"] = namespace + code
	}
	body, err := json.Marshal(members)
	if err != nil {
		return reply{}, fmt.Errorf("ddbtest: encode error: %w", err)
	}
	return reply{status: status, body: body}, nil
}

// modelledMembers lets the SDK itself write the members of one of its exception
// types, so that whatever an exception carries (an item, cancellation reasons)
// reaches the client. The SDK exposes its JSON writer through a protocol's
// request side only; the operation named there has no influence on the body.
func modelledMembers(e smithy.Serializable) (map[string]any, error) {
	req := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	operation := smithy.NewOperationSchema(schemas.GetItem, schemas.GetItemInput, schemas.GetItemOutput)
	protocol := awsjson.New10(schemas.DynamoDB_20120810)
	if err := protocol.SerializeRequest(context.Background(), operation, e, req); err != nil {
		return nil, fmt.Errorf("ddbtest: encode %T: %w", e, err)
	}
	var members map[string]any
	dec := json.NewDecoder(req.GetStream())
	dec.UseNumber()
	if err := dec.Decode(&members); err != nil {
		return nil, fmt.Errorf("ddbtest: encode %T: %w", e, err)
	}
	return members, nil
}
