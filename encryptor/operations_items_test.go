package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
)

const allOldOnFailure = types.ReturnValuesOnConditionCheckFailureAllOld

// Options of some rows.
func plaintextReads(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads }

func nothingSigned(o *encryptor.Options) {
	o.UnsignedKeys = true
	o.Actions = actions.AttributeActions{Default: actions.DoNothing}
}

func visitsWereSigned(o *encryptor.Options) {
	o.PreviousActions = []actions.AttributeActions{{Overrides: itemActions{"city": actions.SignOnly, "visits": actions.SignOnly, "meta": actions.DoNothing}}}
}

var putRows = []row{
	{"PutItem encrypts a copy", nil, func(t *testing.T, f *operations) {
		item := customer("ada", 1)
		f.put(t, item)
		requireCiphertext(t, item, f.stored(t, customerKey("ada", 1)))
		require.Equal(t, vectors.Text(item), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"PutItem writes number keys in canonical spelling", nil, func(t *testing.T, f *operations) {
		item := customer("ada", 1)
		item["sk"] = &itemN{Value: "1.0"}
		f.put(t, item)
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"PutItem decrypts ALL_OLD", nil, func(t *testing.T, f *operations) {
		in := dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1), ReturnValues: types.ReturnValueAllOld}
		out, err := f.api.PutItem(t.Context(), &in)
		require.NoError(t, err)
		require.Empty(t, out.Attributes, "there was no item")
		out, err = f.api.PutItem(t.Context(), &in)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(out.Attributes))
	}},
	{"PutItem with an image that does not verify", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		f.damage(t, customerKey("ada", 1))
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1), ReturnValues: types.ReturnValueAllOld})
		requireBadImage(t, "PutItem", err)
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.get(t, customerKey("ada", 1))), "the write took effect")
	}},
	{"PutItem evaluates conditions with aliases", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: aws.String(customers), Item: customer("ada", 1),
			ConditionExpression:       aws.String("attribute_exists(#n) AND #c = :c AND visits < :v"),
			ExpressionAttributeNames:  map[string]string{"#n": "name", "#c": "city"},
			ExpressionAttributeValues: encryptor.Item{":c": &itemS{Value: "Ulm"}, ":v": &itemN{Value: "8"}},
		})
		require.NoError(t, err)
	}},
	{"PutItem decrypts the item of a failed condition", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		fail := func() error {
			_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{
				TableName: aws.String(customers), Item: customer("ada", 1), ConditionExpression: aws.String("attribute_not_exists(pk)"),
				ReturnValuesOnConditionCheckFailure: allOldOnFailure,
			})
			return err
		}
		f.requireFailedCondition(t, fail)
	}},
	{"PutItem tells the size of an item that is too large", nil, func(t *testing.T, f *operations) {
		item := customer("ada", 1)
		item["name"] = &itemS{Value: strings.Repeat("x", 409_500)}
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: item})
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.Equal(t, "ValidationException", api.ErrorCode())
		require.Regexp(t, `encrypted, the item has about 410[0-9]{3} bytes; DynamoDB takes at most 409600`, err.Error())
	}},
	{"PutItem without KMS writes nothing", nil, func(t *testing.T, f *operations) {
		f.kms.DisableKey(f.key)
		calls := len(f.server.Calls())
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1)})
		require.ErrorIs(t, err, materials.ErrKMS)
		var disabled *kmstypes.DisabledException
		require.ErrorAs(t, err, &disabled)
		require.Len(t, f.server.Calls(), calls)
	}},
	{"PutItem refuses an encrypted item", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		stored := f.stored(t, customerKey("ada", 1))
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: stored})
		require.ErrorIs(t, err, encryptor.ErrReservedAttribute)
		require.Contains(t, err.Error(), "encrypted already")
	}},
	{"PutItem where nothing is signed", nothingSigned, func(t *testing.T, f *operations) {
		item := customer("ada", 1)
		item["name"] = &itemS{Value: "public"}
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: item})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(f.stored(t, customerKey("ada", 1))))
		require.Equal(t, vectors.Text(item), vectors.Text(f.get(t, customerKey("ada", 1))))
		require.Empty(t, f.kms.Calls())
	}},
	{"PutItem to a plaintext table", nil, func(t *testing.T, f *operations) {
		in := &dynamodb.PutItemInput{TableName: aws.String(notes), Item: note("n"), ReturnValues: types.ReturnValueAllOld}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.PutItem(t.Context(), in)))
			return
		}
		for range 2 {
			_, err := f.api.PutItem(t.Context(), in)
			require.NoError(t, err)
		}
		require.Equal(t, vectors.Text(note("n")), vectors.Text(f.getRaw(t, notes, noteKey("n"))))
		require.Empty(t, f.kms.Calls())
	}},
	{"PutItem to several encrypted tables", nil, func(t *testing.T, f *operations) {
		in := &dynamodb.PutItemInput{TableName: aws.String(orders), Item: order("o")}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.PutItem(t.Context(), in)))
			return
		}
		_, err := f.api.PutItem(t.Context(), in)
		require.NoError(t, err)
		require.IsType(t, &itemB{}, f.getRaw(t, orders, orderKey("o"))["goods"])
		out, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(orders), Key: orderKey("o")})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(order("o")), vectors.Text(out.Item))
	}},
	refuses("PutItem refuses", nil,
		refusal{name: "condition on an encrypted attribute", do: put(dynamodb.PutItemInput{ConditionExpression: aws.String("age > :a")}), attribute: "age", says: "ConditionExpression"},
		refusal{name: "condition by alias", do: put(dynamodb.PutItemInput{ConditionExpression: aws.String("attribute_exists(pk) AND #x = :a"),
			ExpressionAttributeNames: map[string]string{"#x": "age"}}), attribute: "age", says: "is encrypted"},
		refusal{name: "condition into an encrypted document", do: put(dynamodb.PutItemInput{ConditionExpression: aws.String("attribute_exists(tags.x)")}), attribute: "tags"},
		refusal{name: "condition on the signature", do: put(dynamodb.PutItemInput{ConditionExpression: aws.String("#s = :a"),
			ExpressionAttributeNames: map[string]string{"#s": itemSignature}}), attribute: itemSignature, says: "belongs to the item format"},
		refusal{name: "condition that cannot be read", do: put(dynamodb.PutItemInput{ConditionExpression: aws.String("age >")}), says: "ConditionExpression"},
		refusal{name: "Expected", do: put(dynamodb.PutItemInput{Expected: map[string]types.ExpectedAttributeValue{}}), says: "legacy parameter Expected"},
		refusal{name: "ConditionalOperator", do: put(dynamodb.PutItemInput{ConditionalOperator: types.ConditionalOperatorOr}), says: "ConditionalOperator"},
		refusal{name: "another table", do: put(dynamodb.PutItemInput{TableName: aws.String("other")}), want: encryptor.ErrUnknownTable, table: "other", says: `"other"`},
		refusal{name: "another table's ARN", do: put(dynamodb.PutItemInput{TableName: aws.String(otherTableARN)}), want: encryptor.ErrUnknownTable, table: otherTableARN},
		refusal{name: "ARN of another account", do: put(dynamodb.PutItemInput{TableName: aws.String(otherAccountARN)}), want: encryptor.ErrUnknownTable, table: otherAccountARN},
		refusal{name: "no table name at all", do: put(dynamodb.PutItemInput{TableName: aws.String("")}), want: encryptor.ErrUnknownTable, nameless: true},
		refusal{name: "no sort key", do: put(dynamodb.PutItemInput{Item: encryptor.Item{"pk": &itemS{Value: "a"}}}), want: encryptor.ErrInvalidValue, attribute: "sk", says: "missing"},
		refusal{name: "empty item", do: put(dynamodb.PutItemInput{Item: encryptor.Item{}}), want: encryptor.ErrInvalidValue, attribute: "pk"},
	),
}

const (
	customersARN    = "arn:aws:dynamodb:us-east-1:111122223333:table/customers"
	otherTableARN   = "arn:aws:dynamodb:us-east-1:111122223333:table/other"
	otherAccountARN = "arn:aws:dynamodb:us-east-1:999999999999:table/customers"
)

var getRows = []row{
	{"GetItem decrypts", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.get(t, customerKey("ada", 1))))
		require.Nil(t, f.get(t, customerKey("nobody", 1)), "an absent item is no error")
	}},
	{"GetItem by name and by ARN", nil, func(t *testing.T, f *operations) {
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(f.arn), Item: customer("ada", 1)})
		require.NoError(t, err)
		for _, name := range []string{customers, f.arn} {
			out, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &name, Key: customerKey("ada", 1)})
			require.NoError(t, err)
			require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(out.Item))
			require.Contains(t, f.wire.sent()[len(f.wire.sent())-1], `"`+name+`"`, "the caller's spelling is sent")
		}
		for _, call := range f.kms.Calls() {
			require.Equal(t, customers, call.EncryptionContext["*aws-kms-table*"], "the bare name is what is bound")
		}
	}},
	{"GetItem without a table name", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		if !f.alone() {
			f.requireRefused(t, refusal{do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
				return errorOf(api.GetItem(ctx, &dynamodb.GetItemInput{Key: customerKey("ada", 1)}))
			}, want: encryptor.ErrUnknownTable, nameless: true, says: "names none"})
			return
		}
		out, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("ada", 1)})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(out.Item))
	}},
	{"GetItem of an item under another key", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		moved := f.stored(t, customerKey("ada", 1))
		moved["pk"] = &itemS{Value: "eve"}
		f.putRaw(t, customers, moved)
		_, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("eve", 1)})
		require.ErrorIs(t, err, materials.ErrContextMismatch)
		for _, name := range []string{`"pk"`, `"sk"`, `"*aws-kms-table*"`} {
			require.Contains(t, err.Error(), name, "names of the encryption context are listed")
		}
		require.NotContains(t, err.Error(), "eve")
	}},
	{"GetItem of a plaintext item", nil, func(t *testing.T, f *operations) {
		f.putRaw(t, customers, customer("ada", 1))
		_, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)})
		require.ErrorIs(t, err, encryptor.ErrUnsigned)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, vectors.Text(customerKey("ada", 1)), vectors.Text(itemError.Key()))
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(itemError.Stored()))
	}},
	{"GetItem of a plaintext item that is allowed", plaintextReads, func(t *testing.T, f *operations) {
		f.putRaw(t, customers, customer("ada", 1))
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.get(t, customerKey("ada", 1))))
		f.put(t, customer("ada", 1))
		requireCiphertext(t, customer("ada", 1), f.stored(t, customerKey("ada", 1)))
		f.damage(t, customerKey("ada", 1))
		_, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)})
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	}},
	{"GetItem passes errors of DynamoDB and KMS", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		in := &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)}
		f.kms.DisableKey(f.key)
		_, err := f.api.GetItem(t.Context(), in)
		require.ErrorIs(t, err, materials.ErrKMS)
		var disabled *kmstypes.DisabledException
		require.ErrorAs(t, err, &disabled)
		_, err = f.raw.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(customers)})
		require.NoError(t, err)
		_, err = f.api.GetItem(t.Context(), in)
		var notFound *types.ResourceNotFoundException
		require.ErrorAs(t, err, &notFound)
	}},
	{"GetItem of a plaintext table", nil, func(t *testing.T, f *operations) {
		f.putRaw(t, notes, note("n"))
		in := &dynamodb.GetItemInput{TableName: aws.String(notes), Key: noteKey("n"), ProjectionExpression: aws.String("id")}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.GetItem(t.Context(), in)))
			return
		}
		out, err := f.api.GetItem(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(noteKey("n")), vectors.Text(out.Item), "all parameters pass")
	}},
	refuses("GetItem refuses", nil,
		refusal{name: "projection", do: get(dynamodb.GetItemInput{ProjectionExpression: aws.String("city")}), says: "ProjectionExpression"},
		refusal{name: "AttributesToGet", do: get(dynamodb.GetItemInput{AttributesToGet: []string{"city"}}), says: "AttributesToGet"},
		refusal{name: "another table", do: get(dynamodb.GetItemInput{TableName: aws.String("other")}), want: encryptor.ErrUnknownTable, table: "other"},
	),
}

var deleteRows = []row{
	{"DeleteItem decrypts ALL_OLD", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		in := dynamodb.DeleteItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1), ReturnValues: types.ReturnValueAllOld}
		out, err := f.api.DeleteItem(t.Context(), &in)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(out.Attributes))
		require.Nil(t, f.stored(t, customerKey("ada", 1)))
		out, err = f.api.DeleteItem(t.Context(), &in)
		require.NoError(t, err)
		require.Empty(t, out.Attributes)
	}},
	{"DeleteItem with an image that does not verify", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		f.damage(t, customerKey("ada", 1))
		_, err := f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1), ReturnValues: types.ReturnValueAllOld})
		requireBadImage(t, "DeleteItem", err)
		require.Nil(t, f.stored(t, customerKey("ada", 1)), "the deletion took effect")
	}},
	{"DeleteItem evaluates conditions", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		in := &dynamodb.DeleteItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1), ConditionExpression: aws.String("city = :c AND attribute_exists(tags)"),
			ExpressionAttributeValues: encryptor.Item{":c": &itemS{Value: "Bern"}}}
		_, err := f.api.DeleteItem(t.Context(), in)
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception)
		require.NotNil(t, f.stored(t, customerKey("ada", 1)))
		in.ExpressionAttributeValues[":c"] = &itemS{Value: "Ulm"}
		_, err = f.api.DeleteItem(t.Context(), in)
		require.NoError(t, err)
		require.Nil(t, f.stored(t, customerKey("ada", 1)))
	}},
	{"DeleteItem decrypts the item of a failed condition", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		f.requireFailedCondition(t, func() error {
			_, err := f.api.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: aws.String(f.arn), Key: customerKey("ada", 1), ConditionExpression: aws.String("attribute_not_exists(pk)"),
				ReturnValuesOnConditionCheckFailure: allOldOnFailure,
			})
			return err
		})
	}},
	refuses("DeleteItem refuses", nil,
		refusal{name: "condition on an encrypted attribute", do: del(dynamodb.DeleteItemInput{ConditionExpression: aws.String("begins_with(#n, :x)"),
			ExpressionAttributeNames: map[string]string{"#n": "name"}}), attribute: "name", says: "ConditionExpression"},
		refusal{name: "Expected", do: del(dynamodb.DeleteItemInput{Expected: map[string]types.ExpectedAttributeValue{}}), says: "Expected"},
		refusal{name: "ConditionalOperator", do: del(dynamodb.DeleteItemInput{ConditionalOperator: types.ConditionalOperatorAnd}), says: "ConditionalOperator"},
		refusal{name: "another table", do: del(dynamodb.DeleteItemInput{TableName: aws.String("other")}), want: encryptor.ErrUnknownTable, table: "other"},
	),
}

// requireBadImage requires the error of a write that took effect and returned an
// item that was tampered with.
func requireBadImage(t *testing.T, op string, err error) {
	t.Helper()
	require.ErrorIs(t, err, encryptor.ErrImage)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, op, itemError.Op)
	require.Equal(t, vectors.Text(customerKey("ada", 1)), vectors.Text(itemError.Key()))
	require.Contains(t, itemError.Stored(), itemSignature)
}

// requireFailedCondition requires that fail shows the item of customer ada 1, and
// no item once it is damaged.
func (f *operations) requireFailedCondition(t *testing.T, fail func() error) {
	t.Helper()
	exceptionOf := func(err error) *types.ConditionalCheckFailedException {
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception)
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.Same(t, exception, api)
		var operation *smithy.OperationError
		require.ErrorAs(t, err, &operation)
		return exception
	}
	require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(exceptionOf(fail()).Item))

	f.damage(t, customerKey("ada", 1))
	err := fail()
	require.Nil(t, exceptionOf(err).Item)
	require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	require.NotErrorIs(t, err, encryptor.ErrImage, "nothing was written")
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, vectors.Text(customerKey("ada", 1)), vectors.Text(itemError.Key()))
}

// requireUnknown requires that an EncryptedTable refused another table.
func (f *operations) requireUnknown(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, encryptor.ErrUnknownTable)
	require.Contains(t, err.Error(), fmt.Sprintf("%q", customers))
	require.Empty(t, f.wire.sent())
}

type call = func(context.Context, encryptor.DynamoDBAPI) error

// The requests of refusals are for customers and an item of theirs, unless they
// say otherwise. Each call has a request of its own: faces run in parallel.

func orCustomers(name *string) *string {
	if name != nil {
		return name
	}
	return aws.String(customers)
}

func put(in dynamodb.PutItemInput) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		in := cloneOf(in)
		in.TableName = orCustomers(in.TableName)
		if in.Item == nil {
			in.Item = customer("ada", 1)
		}
		return errorOf(api.PutItem(ctx, &in))
	}
}

func get(in dynamodb.GetItemInput) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		in := cloneOf(in)
		in.TableName, in.Key = orCustomers(in.TableName), customerKey("ada", 1)
		return errorOf(api.GetItem(ctx, &in))
	}
}

func del(in dynamodb.DeleteItemInput) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		in := cloneOf(in)
		in.TableName, in.Key = orCustomers(in.TableName), customerKey("ada", 1)
		return errorOf(api.DeleteItem(ctx, &in))
	}
}

func update(in dynamodb.UpdateItemInput) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		in := cloneOf(in)
		in.TableName, in.Key = orCustomers(in.TableName), customerKey("ada", 1)
		return errorOf(api.UpdateItem(ctx, &in))
	}
}

func query(in dynamodb.QueryInput) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		in := cloneOf(in)
		in.TableName = orCustomers(in.TableName)
		return errorOf(api.Query(ctx, &in))
	}
}

func scan(in dynamodb.ScanInput) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		in := cloneOf(in)
		in.TableName = orCustomers(in.TableName)
		return errorOf(api.Scan(ctx, &in))
	}
}

// errorOf also asserts that an output never accompanies an error.
func errorOf[T any](out *T, err error) error {
	if err != nil && out != nil {
		return errors.New("an output accompanies an error")
	}
	return err
}
