package encryptor

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
)

// Every operation is prepared before it is sent, on a copy of the request, and
// its answer finished after; so a table can stand over whatever client sends it.

const (
	opPut    = "PutItem"
	opGet    = "GetItem"
	opDelete = "DeleteItem"
	opQuery  = "Query"
	opScan   = "Scan"
)

// firstError returns the first that is not nil as an error of the operation.
func (t *boundTable) firstError(op string, errs ...error) error {
	if err := cmp.Or(errs...); err != nil {
		return t.fail(op, err)
	}
	return nil
}

func (t *boundTable) preparePut(ctx context.Context, params *dynamodb.PutItemInput) (*dynamodb.PutItemInput, error) {
	in := copyOf(params)
	name, err := t.tableName(in.TableName)
	err = t.firstError(opPut, err,
		refuseLegacy(parameter{"Expected", in.Expected != nil}, parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		t.checkExpression("ConditionExpression", in.ConditionExpression, in.ExpressionAttributeNames))
	if err != nil {
		return nil, err
	}
	in.TableName = name
	if in.Item, err = t.encrypt(ctx, opPut, in.Item); err != nil {
		return nil, err
	}
	return &in, nil
}

func (t *boundTable) finishPut(ctx context.Context, in *dynamodb.PutItemInput, out *dynamodb.PutItemOutput, err error) (*dynamodb.PutItemOutput, error) {
	if err != nil {
		return nil, t.withSize(opPut, in.Item, t.decryptFailure(ctx, opPut, err))
	}
	if out == nil {
		return nil, nil
	}
	result := *out
	if result.Attributes, err = t.decryptImage(ctx, opPut, out.Attributes); err != nil {
		return nil, err
	}
	return &result, nil
}

func (t *boundTable) prepareGet(params *dynamodb.GetItemInput) (*dynamodb.GetItemInput, error) {
	in := copyOf(params)
	name, err := t.tableName(in.TableName)
	err = t.firstError(opGet, err,
		refuseLegacy(parameter{"AttributesToGet", in.AttributesToGet != nil}),
		refuseProjection(in.ProjectionExpression))
	if err != nil {
		return nil, err
	}
	in.TableName = name
	return &in, nil
}

func (t *boundTable) finishGet(ctx context.Context, out *dynamodb.GetItemOutput, err error) (*dynamodb.GetItemOutput, error) {
	if err != nil || out == nil {
		return nil, err
	}
	result := *out
	if out.Item != nil {
		if result.Item, err = t.decrypt(ctx, opGet, -1, out.Item); err != nil {
			return nil, err
		}
	}
	return &result, nil
}

func (t *boundTable) prepareDelete(params *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemInput, error) {
	in := copyOf(params)
	name, err := t.tableName(in.TableName)
	err = t.firstError(opDelete, err,
		refuseLegacy(parameter{"Expected", in.Expected != nil}, parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		t.checkExpression("ConditionExpression", in.ConditionExpression, in.ExpressionAttributeNames))
	if err != nil {
		return nil, err
	}
	in.TableName = name
	return &in, nil
}

func (t *boundTable) finishDelete(ctx context.Context, out *dynamodb.DeleteItemOutput, err error) (*dynamodb.DeleteItemOutput, error) {
	if err != nil {
		return nil, t.decryptFailure(ctx, opDelete, err)
	}
	if out == nil {
		return nil, nil
	}
	result := *out
	if result.Attributes, err = t.decryptImage(ctx, opDelete, out.Attributes); err != nil {
		return nil, err
	}
	return &result, nil
}

func (t *boundTable) prepareQuery(params *dynamodb.QueryInput) (*dynamodb.QueryInput, error) {
	in := copyOf(params)
	name, err := t.tableName(in.TableName)
	err = t.firstError(opQuery, err,
		refuseLegacy(parameter{"AttributesToGet", in.AttributesToGet != nil}, parameter{"KeyConditions", in.KeyConditions != nil},
			parameter{"QueryFilter", in.QueryFilter != nil}, parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		refuseProjection(in.ProjectionExpression),
		t.checkSelect(in.Select, in.IndexName),
		t.checkExpression("KeyConditionExpression", in.KeyConditionExpression, in.ExpressionAttributeNames),
		t.checkExpression("FilterExpression", in.FilterExpression, in.ExpressionAttributeNames))
	if err != nil {
		return nil, err
	}
	in.TableName = name
	return &in, nil
}

func (t *boundTable) finishQuery(ctx context.Context, out *dynamodb.QueryOutput, err error) (*dynamodb.QueryOutput, error) {
	if err != nil || out == nil {
		return nil, err
	}
	result := *out
	if result.Items, err = t.decryptPage(ctx, opQuery, out.Items); err != nil {
		return nil, err
	}
	return &result, nil
}

func (t *boundTable) prepareScan(params *dynamodb.ScanInput) (*dynamodb.ScanInput, error) {
	in := copyOf(params)
	name, err := t.tableName(in.TableName)
	err = t.firstError(opScan, err,
		refuseLegacy(parameter{"AttributesToGet", in.AttributesToGet != nil}, parameter{"ScanFilter", in.ScanFilter != nil},
			parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		refuseProjection(in.ProjectionExpression),
		t.checkSelect(in.Select, in.IndexName),
		t.checkExpression("FilterExpression", in.FilterExpression, in.ExpressionAttributeNames))
	if err != nil {
		return nil, err
	}
	in.TableName = name
	return &in, nil
}

func (t *boundTable) finishScan(ctx context.Context, out *dynamodb.ScanOutput, err error) (*dynamodb.ScanOutput, error) {
	if err != nil || out == nil {
		return nil, err
	}
	result := *out
	if result.Items, err = t.decryptPage(ctx, opScan, out.Items); err != nil {
		return nil, err
	}
	return &result, nil
}

// copyOf copies a request; nil is an empty one, as for the SDK.
func copyOf[T any](params *T) T {
	if params == nil {
		return *new(T)
	}
	return *params
}

// itemSizeLimit is DynamoDB's, in bytes.
const itemSizeLimit = 400 << 10

// withSize adds to a ValidationException how large the item is once encrypted,
// which the caller cannot see.
func (t *boundTable) withSize(op string, encrypted Item, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		return err
	}
	e := t.fail(op, fmt.Errorf("%w (encrypted, the item has about %d bytes; DynamoDB takes at most %d)", err, itemSize(encrypted), itemSizeLimit))
	e.key = pick(encrypted, t.keys)
	return e
}
