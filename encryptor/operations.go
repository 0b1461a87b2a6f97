package encryptor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
)

const (
	opPut    = "PutItem"
	opGet    = "GetItem"
	opUpdate = "UpdateItem"
	opDelete = "DeleteItem"
	opQuery  = "Query"
	opScan   = "Scan"

	opDescribe = "DescribeTable"
	opExport   = "ExportTableToPointInTime"
)

// firstError returns the first that is not nil as an error of the operation.
func (t *boundTable) firstError(op string, errs ...error) error {
	if err := cmp.Or(errs...); err != nil {
		return t.fail(op, err)
	}
	return nil
}

func (c *core) putItem(ctx context.Context, params *dynamodb.PutItemInput) (*dynamodb.PutItemInput, finisher[dynamodb.PutItemOutput], error) {
	in := copyOf(params)
	t, err := c.route(opPut, in.TableName)
	if t == nil {
		return passed[dynamodb.PutItemInput, dynamodb.PutItemOutput](params, err)
	}
	if err := t.firstError(opPut,
		refuseLegacy(parameter{"Expected", in.Expected != nil}, parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		t.checkExpression("ConditionExpression", in.ConditionExpression, in.ExpressionAttributeNames)); err != nil {
		return nil, nil, err
	}
	in.TableName = t.name(in.TableName)
	if in.Item, err = t.encrypt(ctx, opPut, in.Item); err != nil {
		return nil, nil, err
	}
	return &in, finishing(func(ctx context.Context, err error) error {
		return t.withSize(opPut, in.Item, t.decryptFailure(ctx, opPut, in.Item, err))
	}, func(ctx context.Context, out *dynamodb.PutItemOutput) (err error) {
		out.Attributes, err = t.decryptImage(ctx, opPut, in.Item, out.Attributes)
		return err
	}), nil
}

func (c *core) getItem(_ context.Context, params *dynamodb.GetItemInput) (*dynamodb.GetItemInput, finisher[dynamodb.GetItemOutput], error) {
	in := copyOf(params)
	t, err := c.route(opGet, in.TableName)
	if t == nil {
		return passed[dynamodb.GetItemInput, dynamodb.GetItemOutput](params, err)
	}
	if err := t.firstError(opGet,
		refuseLegacy(parameter{"AttributesToGet", in.AttributesToGet != nil}),
		refuseProjection(in.ProjectionExpression),
		t.checkKey(in.Key)); err != nil {
		return nil, nil, err
	}
	in.TableName = t.name(in.TableName)
	return &in, finishing(nil, func(ctx context.Context, out *dynamodb.GetItemOutput) (err error) {
		out.Item, err = t.decryptIfAny(ctx, opGet, -1, pick(in.Key, t.keys), out.Item)
		return err
	}), nil
}

func (c *core) updateItem(_ context.Context, params *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemInput, finisher[dynamodb.UpdateItemOutput], error) {
	in := copyOf(params)
	t, err := c.route(opUpdate, in.TableName)
	if t == nil {
		return passed[dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput](params, err)
	}
	if err := t.firstError(opUpdate,
		refuseLegacy(parameter{"AttributeUpdates", in.AttributeUpdates != nil}, parameter{"Expected", in.Expected != nil},
			parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		t.checkKey(in.Key),
		t.checkUpdate(in.UpdateExpression, in.ExpressionAttributeNames),
		t.checkExpression("ConditionExpression", in.ConditionExpression, in.ExpressionAttributeNames)); err != nil {
		return nil, nil, err
	}
	in.TableName = t.name(in.TableName)
	unconditional := in.ConditionExpression == nil
	in.ConditionExpression, in.ExpressionAttributeNames = t.onlyExisting(in.ConditionExpression, in.ExpressionAttributeNames)
	return &in, finishing(func(ctx context.Context, err error) error {
		err = t.decryptFailure(ctx, opUpdate, in.Key, err)
		if unconditional {
			return t.notThere(opUpdate, in.Key, err)
		}
		return err
	}, func(ctx context.Context, out *dynamodb.UpdateItemOutput) (err error) {
		if isWholeItem(in.ReturnValues) {
			out.Attributes, err = t.decryptImage(ctx, opUpdate, in.Key, out.Attributes)
		}
		return err
	}), nil
}

func (c *core) deleteItem(_ context.Context, params *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemInput, finisher[dynamodb.DeleteItemOutput], error) {
	in := copyOf(params)
	t, err := c.route(opDelete, in.TableName)
	if t == nil {
		return passed[dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput](params, err)
	}
	if err := t.firstError(opDelete,
		refuseLegacy(parameter{"Expected", in.Expected != nil}, parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		t.checkKey(in.Key),
		t.checkExpression("ConditionExpression", in.ConditionExpression, in.ExpressionAttributeNames)); err != nil {
		return nil, nil, err
	}
	in.TableName = t.name(in.TableName)
	return &in, finishing(func(ctx context.Context, err error) error {
		return t.decryptFailure(ctx, opDelete, in.Key, err)
	}, func(ctx context.Context, out *dynamodb.DeleteItemOutput) (err error) {
		out.Attributes, err = t.decryptImage(ctx, opDelete, in.Key, out.Attributes)
		return err
	}), nil
}

func (c *core) query(_ context.Context, params *dynamodb.QueryInput) (*dynamodb.QueryInput, finisher[dynamodb.QueryOutput], error) {
	in := copyOf(params)
	t, err := c.route(opQuery, in.TableName)
	if t == nil {
		return passed[dynamodb.QueryInput, dynamodb.QueryOutput](params, err)
	}
	if err := t.checkQuery(&in); err != nil {
		return nil, nil, err
	}
	in.TableName = t.name(in.TableName)
	asked := equalities(in.KeyConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	return &in, finishing(nil, func(ctx context.Context, out *dynamodb.QueryOutput) (err error) {
		out.Items, err = t.decryptPage(ctx, opQuery, asked, out.Items)
		return err
	}), nil
}

func (t *boundTable) checkQuery(in *dynamodb.QueryInput) error {
	return t.firstError(opQuery,
		refuseLegacy(parameter{"AttributesToGet", in.AttributesToGet != nil}, parameter{"KeyConditions", in.KeyConditions != nil},
			parameter{"QueryFilter", in.QueryFilter != nil}, parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		refuseProjection(in.ProjectionExpression),
		t.checkSelect(in.Select, in.IndexName),
		t.checkExpression("KeyConditionExpression", in.KeyConditionExpression, in.ExpressionAttributeNames),
		t.checkExpression("FilterExpression", in.FilterExpression, in.ExpressionAttributeNames))
}

func (c *core) scan(_ context.Context, params *dynamodb.ScanInput) (*dynamodb.ScanInput, finisher[dynamodb.ScanOutput], error) {
	in := copyOf(params)
	t, err := c.route(opScan, in.TableName)
	if t == nil {
		return passed[dynamodb.ScanInput, dynamodb.ScanOutput](params, err)
	}
	if err := t.checkScan(&in); err != nil {
		return nil, nil, err
	}
	in.TableName = t.name(in.TableName)
	return &in, finishing(nil, func(ctx context.Context, out *dynamodb.ScanOutput) (err error) {
		out.Items, err = t.decryptPage(ctx, opScan, nil, out.Items)
		return err
	}), nil
}

func (t *boundTable) checkScan(in *dynamodb.ScanInput) error {
	return t.firstError(opScan,
		refuseLegacy(parameter{"AttributesToGet", in.AttributesToGet != nil}, parameter{"ScanFilter", in.ScanFilter != nil},
			parameter{"ConditionalOperator", in.ConditionalOperator != ""}),
		refuseProjection(in.ProjectionExpression),
		t.checkSelect(in.Select, in.IndexName),
		t.checkExpression("FilterExpression", in.FilterExpression, in.ExpressionAttributeNames))
}

// checkExport checks the filter of an export as that of a scan. Without one, what
// is exported is what is stored, of whatever table.
func (c *core) checkExport(in *dynamodb.ExportTableToPointInTimeInput) error {
	filter := in.FilterSpecification
	if filter == nil {
		return nil
	}
	t, err := c.route(opExport, in.TableArn)
	if t == nil {
		return err
	}
	return t.firstError(opExport,
		refuseProjection(filter.ProjectionExpression),
		t.checkExpression("KeyConditionExpression", filter.KeyConditionExpression, filter.ExpressionAttributeNames),
		t.checkExpression("FilterExpression", filter.FilterExpression, filter.ExpressionAttributeNames))
}

// itemSizeLimit is DynamoDB's, in bytes.
const itemSizeLimit = 400 << 10

// withSize adds to a ValidationException about the item's size how large it is once
// encrypted, which the caller cannot see.
func (t *boundTable) withSize(op string, encrypted Item, err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		return err
	}
	size := itemSize(encrypted)
	if size < itemSizeLimit/2 && !strings.Contains(api.ErrorMessage(), "size") {
		return err // the estimate is better than that
	}
	e := t.fail(op, fmt.Errorf("%w (encrypted, the item has about %d bytes; DynamoDB takes at most %d)", err, size, itemSizeLimit))
	e.key = hide(pick(encrypted, t.keys))
	return e
}
