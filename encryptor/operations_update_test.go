package encryptor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// bump adds 1 to the DO_NOTHING counter of customer ada 1.
func bump(r types.ReturnValue) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: aws.String(customers), Key: customerKey("ada", 1), ReturnValues: r,
		UpdateExpression: aws.String("ADD visits :one"), ExpressionAttributeValues: encryptor.Item{":one": &itemN{Value: "1"}},
	}
}

func visited(n string) encryptor.Item {
	return itemWith(customer("ada", 1), "visits", &itemN{Value: n})
}

var updateRows = []row{
	{"UpdateItem changes DO_NOTHING attributes", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		before := f.stored(t, customerKey("ada", 1))
		out, err := f.api.UpdateItem(t.Context(), bump(""))
		require.NoError(t, err)
		require.Empty(t, out.Attributes)
		require.Equal(t, vectors.Text(itemWith(before, "visits", &itemN{Value: "8"})), vectors.Text(f.stored(t, customerKey("ada", 1))), "nothing else")
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"UpdateItem follows aliases and nested paths", nil, func(t *testing.T, f *operations) {
		item := customer("ada", 1)
		item["meta"] = &itemM{Value: encryptor.Item{"city": &itemS{Value: "Bonn"}, "list": &itemL{Value: []types.AttributeValue{&itemN{Value: "1"}}}}}
		f.put(t, item)
		_, err := f.api.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String(customers), Key: customerKey("ada", 1),
			UpdateExpression: aws.String("SET #m.#c = :c, meta.#l[0] = #m.#l[0] + visits, visits = if_not_exists(#m.age, :c2)"),
			// city and age are no top-level attributes here.
			ExpressionAttributeNames:  map[string]string{"#m": "meta", "#c": "city", "#l": "list"},
			ExpressionAttributeValues: encryptor.Item{":c": &itemS{Value: "Rom"}, ":c2": &itemN{Value: "9"}},
		})
		require.NoError(t, err)
		item["meta"] = &itemM{Value: encryptor.Item{"city": &itemS{Value: "Rom"}, "list": &itemL{Value: []types.AttributeValue{&itemN{Value: "8"}}}}}
		item["visits"] = &itemN{Value: "9"}
		require.Equal(t, vectors.Text(item), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"UpdateItem decrypts ALL_OLD and ALL_NEW, and passes UPDATED_OLD and UPDATED_NEW", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		for _, c := range []struct {
			returns types.ReturnValue
			want    encryptor.Item
		}{
			{types.ReturnValueAllOld, visited("7")},
			{types.ReturnValueAllNew, visited("9")},
			{types.ReturnValueUpdatedOld, encryptor.Item{"visits": &itemN{Value: "9"}}},
			{types.ReturnValueUpdatedNew, encryptor.Item{"visits": &itemN{Value: "11"}}},
		} {
			out, err := f.api.UpdateItem(t.Context(), bump(c.returns))
			require.NoError(t, err, c.returns)
			require.Equal(t, vectors.Text(c.want), vectors.Text(out.Attributes), c.returns)
		}
		require.Equal(t, vectors.Text(visited("11")), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"UpdateItem with an image that does not verify", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		f.damage(t, customerKey("ada", 1))
		_, err := f.api.UpdateItem(t.Context(), bump(types.ReturnValueAllNew))
		requireBadImage(t, "UpdateItem", err)
		require.Equal(t, &itemN{Value: "8"}, f.stored(t, customerKey("ada", 1))["visits"], "the update took effect")
	}},
	{"UpdateItem creates no unsigned item", nil, func(t *testing.T, f *operations) {
		for _, in := range []*dynamodb.UpdateItemInput{
			bump(types.ReturnValueAllNew),
			{TableName: aws.String(customers), Key: customerKey("ada", 1)},
			with(bump(""), func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("attribute_not_exists(pk)") }),
			with(bump(""), func(in *dynamodb.UpdateItemInput) {
				in.ConditionExpression = aws.String("attribute_not_exists(pk) OR attribute_not_exists(visits)")
			}),
			with(bump(""), func(in *dynamodb.UpdateItemInput) { in.ConditionExpression = aws.String("(attribute_not_exists(pk))") }),
			with(bump(""), func(in *dynamodb.UpdateItemInput) {
				in.ConditionExpression = aws.String("(attribute_not_exists(pk)) OR (attribute_not_exists(visits))")
			}),
		} {
			_, err := f.api.UpdateItem(t.Context(), in)
			var exception *types.ConditionalCheckFailedException
			require.ErrorAs(t, err, &exception)
			require.Nil(t, f.stored(t, customerKey("ada", 1)))
		}
		f.putRaw(t, customers, customer("ada", 1))
		_, err := f.api.UpdateItem(t.Context(), bump(""))
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception, "nor does it change one")
	}},
	{"UpdateItem keeps the caller's condition", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		in := bump("")
		// #stamp0 is the alias that the library would take first.
		in.ConditionExpression = aws.String("#stamp0 = :other OR attribute_exists(#stamp1) AND visits = :seen")
		in.ExpressionAttributeNames = map[string]string{"#stamp0": "city", "#stamp1": "name"}
		in.ExpressionAttributeValues[":other"] = &itemS{Value: "Bern"}
		in.ExpressionAttributeValues[":seen"] = &itemN{Value: "7"}
		_, err := f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		_, err = f.api.UpdateItem(t.Context(), in)
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception, "visits is 8 by now")
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"UpdateItem takes a condition in parentheses as DynamoDB does", nil, func(t *testing.T, f *operations) {
		requireConditionsInParentheses(t, f, func(ctx context.Context, condition string) error {
			update := updateMeta(condition)
			return errorOf(f.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: update.TableName, Key: update.Key, UpdateExpression: update.UpdateExpression,
				ConditionExpression: update.ConditionExpression, ExpressionAttributeValues: update.ExpressionAttributeValues,
			}))
		})
	}},
	{"TransactWriteItems takes a condition in parentheses as DynamoDB does", nil, func(t *testing.T, f *operations) {
		requireConditionsInParentheses(t, f, func(ctx context.Context, condition string) error {
			return transactWrite(types.TransactWriteItem{Update: updateMeta(condition)})(ctx, f.api)
		})
	}},
	{"UpdateItem of what is not there", nil, func(t *testing.T, f *operations) {
		for _, in := range []*dynamodb.UpdateItemInput{
			bump(""), bump(types.ReturnValueAllNew), {TableName: aws.String(customers), Key: customerKey("ada", 1)},
			with(bump(""), func(in *dynamodb.UpdateItemInput) { in.ReturnValuesOnConditionCheckFailure = allOldOnFailure }),
		} {
			_, err := f.api.UpdateItem(t.Context(), in)
			require.Nil(t, requireNotThere(t, err, "UpdateItem", -1).Stored())
			var exception *types.ConditionalCheckFailedException
			require.ErrorAs(t, err, &exception)
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			require.Same(t, exception, api)
		}

		in := bump("")
		in.ConditionExpression = aws.String("attribute_exists(visits)")
		_, err := f.api.UpdateItem(t.Context(), in)
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception)
		require.NotContains(t, err.Error(), notThere, "the caller's condition may have failed")
		var itemError *encryptor.ItemError
		require.False(t, errors.As(err, &itemError))

		f.server.FailNext("UpdateItem", &types.ResourceNotFoundException{Message: aws.String("gone")})
		_, err = f.api.UpdateItem(t.Context(), bump(""))
		var other *types.ResourceNotFoundException
		require.ErrorAs(t, err, &other)
		require.NotContains(t, err.Error(), notThere)
	}},
	{"UpdateItem of what is not encrypted", nil, func(t *testing.T, f *operations) {
		f.putRaw(t, customers, customer("ada", 1))
		_, err := f.api.UpdateItem(t.Context(), bump(""))
		require.Nil(t, requireNotThere(t, err, "UpdateItem", -1).Stored())

		in := bump("")
		in.ReturnValuesOnConditionCheckFailure = allOldOnFailure
		_, err = f.api.UpdateItem(t.Context(), in)
		itemError := requireNotThere(t, err, "UpdateItem", -1)
		require.ErrorIs(t, err, encryptor.ErrUnsigned)
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(itemError.Stored()))
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception)
		require.Nil(t, exception.Item)
	}},
	{"TransactWriteItems updates what is not there", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		theirs := bumpPart(3)
		theirs.Update.ConditionExpression = aws.String("attribute_exists(visits)")
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			bumpPart(1), bumpPart(2), theirs, checkPart(4, "attribute_exists(pk)"),
		}})
		requireNotThere(t, err, "TransactWriteItems", 1)
		require.Equal(t, 1, strings.Count(err.Error(), notThere))
		var exception *types.TransactionCanceledException
		require.ErrorAs(t, err, &exception)
		require.Len(t, exception.CancellationReasons, 4)

		_, err = f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{bumpPart(1), theirs}})
		require.ErrorAs(t, err, &exception)
		require.NotContains(t, err.Error(), notThere)

		f.putRaw(t, customers, customer("ada", 2))
		plain := bumpPart(2)
		plain.Update.ReturnValuesOnConditionCheckFailure = allOldOnFailure
		_, err = f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{bumpPart(3), plain}})
		require.ErrorIs(t, err, encryptor.ErrUnsigned)
		require.Equal(t, 2, strings.Count(err.Error(), notThere))
		require.ErrorAs(t, err, &exception)
		require.Nil(t, exception.CancellationReasons[1].Item)
	}},
	{"UpdateItem removes a name that Encrypt refuses", nameSigned, func(t *testing.T, f *operations) {
		for _, name := range []string{"NAME", "Name"} {
			f.put(t, customer("ada", 1))
			f.putRaw(t, customers, itemWith(f.stored(t, customerKey("ada", 1)), name, &itemM{Value: encryptor.Item{"x": &itemS{Value: "added"}}}))
			_, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)})
			require.ErrorIs(t, err, encryptor.ErrAmbiguousName)
			_, err = f.api.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: aws.String(customers), Key: customerKey("ada", 1), UpdateExpression: aws.String("ADD visits :one REMOVE #n"),
				ExpressionAttributeNames: map[string]string{"#n": name}, ExpressionAttributeValues: encryptor.Item{":one": &itemN{Value: "1"}},
			})
			require.NoError(t, err)
			require.Equal(t, vectors.Text(visited("8")), vectors.Text(f.get(t, customerKey("ada", 1))))
		}
		f.put(t, customer("ada", 1))
		f.putRaw(t, customers, itemWith(f.stored(t, customerKey("ada", 1)), "aws_dbe_x", &itemS{Value: "added"}))
		f.put(t, customer("ada", 2))
		require.NoError(t, transactWrite(updatePart(1, "REMOVE aws_dbe_x"), updatePart(2, "REMOVE aws_dbe_x"))(t.Context(), f.api))
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"UpdateItem decrypts the item of a failed condition", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		f.requireFailedCondition(t, func() error {
			in := bump("")
			in.ConditionExpression = aws.String("attribute_not_exists(pk)")
			in.ReturnValuesOnConditionCheckFailure = allOldOnFailure
			_, err := f.api.UpdateItem(t.Context(), in)
			return err
		})
	}},
	{"UpdateItem where plaintext is read", plaintextReads, func(t *testing.T, f *operations) {
		_, err := f.api.UpdateItem(t.Context(), bump(""))
		var exception *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &exception, "an absent item stays absent")
		require.Nil(t, f.stored(t, customerKey("ada", 1)))
		f.putRaw(t, customers, customer("ada", 1))
		out, err := f.api.UpdateItem(t.Context(), bump(types.ReturnValueAllNew))
		require.NoError(t, err)
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(out.Attributes))
		f.put(t, customer("ada", 1))
		out, err = f.api.UpdateItem(t.Context(), bump(types.ReturnValueAllNew))
		require.NoError(t, err)
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(out.Attributes))
	}},
	{"UpdateItem where nothing is signed", nothingSigned, func(t *testing.T, f *operations) {
		in := bump(types.ReturnValueAllNew)
		in.UpdateExpression = aws.String("ADD visits :one SET #n = :name")
		in.ExpressionAttributeNames = map[string]string{"#n": "name"}
		in.ExpressionAttributeValues[":name"] = &itemS{Value: "public"}
		out, err := f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err, "there is no signature that could be missing")
		want := customerKey("ada", 1)
		want["visits"], want["name"] = &itemN{Value: "1"}, &itemS{Value: "public"}
		require.Equal(t, vectors.Text(want), vectors.Text(out.Attributes))
	}},
	{"UpdateItem by ARN", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		_, err := f.api.UpdateItem(t.Context(), with(bump(""), func(in *dynamodb.UpdateItemInput) { in.TableName = aws.String(f.arn) }))
		require.NoError(t, err)
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"UpdateItem of a plaintext table", nil, func(t *testing.T, f *operations) {
		in := &dynamodb.UpdateItemInput{TableName: aws.String(notes), Key: noteKey("n"), UpdateExpression: aws.String("SET age = :n"),
			ExpressionAttributeValues: encryptor.Item{":n": &itemN{Value: "1"}}, ReturnValues: types.ReturnValueAllNew}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.UpdateItem(t.Context(), in)))
			return
		}
		out, err := f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(itemWith(noteKey("n"), "age", &itemN{Value: "1"})), vectors.Text(out.Attributes))
	}},
	refuses("UpdateItem refuses", nil,
		refusal{name: "SET of an encrypted attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = :v, age = :a")}), attribute: "age", says: "use EncryptedTable.Modify"},
		refusal{name: "SET by alias", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET #a = :a"), ExpressionAttributeNames: map[string]string{"#a": "age"}}), attribute: "age", says: "use EncryptedTable.Modify"},
		refusal{name: "SET of a signed attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET city = :a")}), attribute: "city", says: "UpdateExpression"},
		refusal{name: "an encrypted attribute on the right", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = age")}), attribute: "age", says: "use EncryptedTable.Modify"},
		refusal{name: "an encrypted attribute in a function", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET meta = if_not_exists(tags, :v)")}), attribute: "tags", says: "use EncryptedTable.Modify"},
		refusal{name: "an encrypted attribute in arithmetic", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = visits + age")}), attribute: "age", says: "use EncryptedTable.Modify"},
		refusal{name: "REMOVE of a signed attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("REMOVE meta, city")}), attribute: "city", says: "use EncryptedTable.Modify"},
		refusal{name: "REMOVE of the signature", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("REMOVE #s"), ExpressionAttributeNames: map[string]string{"#s": itemSignature}}), attribute: itemSignature, says: "use EncryptedTable.Modify"},
		refusal{name: "ADD to an encrypted attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("ADD age :a")}), attribute: "age", says: "use EncryptedTable.Modify"},
		refusal{name: "DELETE from an encrypted set", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("DELETE tags :a")}), attribute: "tags", says: "use EncryptedTable.Modify"},
		refusal{name: "a path in an encrypted document", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET tags[0].visits = :a")}), attribute: "tags", says: "use EncryptedTable.Modify"},
		refusal{name: "an attribute of the key", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET sk = :a")}), attribute: "sk", says: "use EncryptedTable.Modify"},
		refusal{name: "several attributes", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET tags = :t REMOVE city, age")}), attribute: "age", says: `"age", "city", "tags"`},
		refusal{name: "an expression that cannot be read", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits =")}), says: "UpdateExpression"},
		refusal{name: "an undefined alias", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET #v = :v")}), says: "#v"},
		refusal{name: "condition on an encrypted attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = :v"), ConditionExpression: aws.String("age = :a")}), attribute: "age", says: "ConditionExpression"},
		refusal{name: "condition that would close a parenthesis of ours", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = :v"), ConditionExpression: aws.String("visits = :v) OR (visits = :v")}), says: "ConditionExpression"},
		refusal{name: "condition with the alias of ours", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = :v"), ConditionExpression: aws.String("#stamp0 = :v")}), says: "#stamp0"},
		refusal{name: "AttributeUpdates", do: update(dynamodb.UpdateItemInput{AttributeUpdates: map[string]types.AttributeValueUpdate{}}), says: "AttributeUpdates"},
		refusal{name: "Expected", do: update(dynamodb.UpdateItemInput{Expected: map[string]types.ExpectedAttributeValue{}}), says: "Expected"},
		refusal{name: "ConditionalOperator", do: update(dynamodb.UpdateItemInput{ConditionalOperator: types.ConditionalOperatorOr}), says: "ConditionalOperator"},
		refusal{name: "another table", do: update(dynamodb.UpdateItemInput{TableName: aws.String("other")}), want: encryptor.ErrUnknownTable, table: "other"},
	),
	refuses("UpdateItem refuses names that Encrypt refuses", nameSigned, slices.Concat(
		refusedName("NAME", encryptor.ErrAmbiguousName, `"name"`), refusedName("Name", encryptor.ErrAmbiguousName, `"name"`),
		refusedName("aws_dbe_x", encryptor.ErrReservedAttribute, "aws_dbe_"), refusedName("aws_dbe_foot", encryptor.ErrReservedAttribute, "aws_dbe_"),
		refusedName(itemSignature, encryptor.ErrReservedAttribute, "the encryptor adds it"),
	)...),
	refuses("UpdateItem refuses names that Decrypt refuses by PreviousActions", nameWasSigned, refusedName("nAME", encryptor.ErrAmbiguousName, `"name"`)...),
	refuses("UpdateItem refuses reserved names where all is encrypted", nil, refusedName("aws_dbe_x", encryptor.ErrReservedAttribute, "aws_dbe_")...),
	refuses("UpdateItem refuses what PreviousActions sign", visitsWereSigned,
		refusal{name: "ADD", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("ADD visits :one")}), attribute: "visits", says: "use EncryptedTable.Modify"},
	),
}

// nameSigned leaves all attributes but name and the key unsigned.
func nameSigned(o *encryptor.Options) {
	o.Actions = actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"name": actions.EncryptAndSign}}
}

func nameWasSigned(o *encryptor.Options) {
	o.Actions = actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"city": actions.SignOnly}}
	o.PreviousActions = []actions.AttributeActions{{Default: actions.DoNothing, Overrides: itemActions{"name": actions.SignOnly}}}
}

// refusedName are the updates that would write or copy an attribute of this name:
// each is want and ErrUnsupported.
func refusedName(name string, want error, says string) []refusal {
	var all []refusal
	for _, expression := range []string{
		"SET #n = :v", "SET #n.x = :v", "ADD #n :v", "DELETE #n :v", "SET meta = #n", "SET meta = if_not_exists(#n, :v)",
		"REMOVE #n SET #n = :v", "SET visits = :v ADD #n :v REMOVE meta",
	} {
		in := dynamodb.UpdateItemInput{UpdateExpression: &expression, ExpressionAttributeNames: map[string]string{"#n": name}}
		part := types.TransactWriteItem{Update: &types.Update{TableName: aws.String(customers), Key: customerKey("ada", 1),
			UpdateExpression: in.UpdateExpression, ExpressionAttributeNames: in.ExpressionAttributeNames}}
		for _, target := range []error{want, encryptor.ErrUnsupported} {
			all = append(all,
				refusal{name: name + ": " + expression, do: update(in), want: target, attribute: name, says: says},
				refusal{name: name + " in a transaction: " + expression, do: transactWrite(bumpPart(2), part), want: target, attribute: name, index: 2, says: says})
		}
	}
	return all
}

// notThere is what an error says of a condition that the caller did not write.
const notThere = "the item does not exist or is not one of the table's encrypted items; updates on an encrypted table do not create items"

func requireNotThere(t *testing.T, err error, op string, index int) *encryptor.ItemError {
	t.Helper()
	require.ErrorContains(t, err, notThere)
	var operation *smithy.OperationError
	require.ErrorAs(t, err, &operation)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	require.Equal(t, op, itemError.Op)
	require.Equal(t, customers, itemError.Table)
	require.Equal(t, index, itemError.Index)
	require.Equal(t, vectors.Text(customerKey("ada", max(index+1, 1))), vectors.Text(itemError.Key()))
	return itemError
}

// updateMeta sets meta to 7, which is what visits are, on a condition.
func updateMeta(condition string) *types.Update {
	return &types.Update{
		TableName: aws.String(customers), Key: customerKey("ada", 1), UpdateExpression: aws.String("SET meta = :seven"),
		ConditionExpression: &condition, ExpressionAttributeValues: encryptor.Item{":seven": &itemN{Value: "7"}},
	}
}

// requireConditionsInParentheses requires that a condition has the same outcome on
// an encrypted item through the face and past it.
func requireConditionsInParentheses(t *testing.T, f *operations, through func(ctx context.Context, condition string) error) {
	t.Helper()
	f.put(t, customer("ada", 1))
	outcome := func(err error) string {
		var cancelled *types.TransactionCanceledException
		var api smithy.APIError
		switch {
		case err == nil:
			return "met"
		case errors.As(err, &cancelled):
			return aws.ToString(cancelled.CancellationReasons[0].Code)
		case errors.As(err, &api):
			return strings.TrimSuffix(api.ErrorCode(), "Exception") + strings.TrimPrefix(api.ErrorMessage(), "The conditional request failed")
		default:
			return err.Error()
		}
	}
	const redundant = "ValidationInvalid ConditionExpression: The expression has redundant parentheses;"
	for condition, want := range map[string]string{
		"visits = :seven":                                       "met",
		"(visits = :seven)":                                     "met",
		" ( visits = :seven ) ":                                 "met",
		"\n(visits = :seven\t)":                                 "met",
		"(visits = :seven) AND (attribute_exists(city))":        "met",
		"(visits = :seven OR attribute_not_exists(pk))":         "met",
		"((visits = :seven) AND (attribute_exists(city)))":      "met",
		"NOT (visits <> :seven)":                                "met",
		"(visits > :seven)":                                     "ConditionalCheckFailed",
		"(visits > :seven) OR (visits < :seven)":                "ConditionalCheckFailed",
		"(visits > :seven AND visits < :seven)":                 "ConditionalCheckFailed",
		"((visits = :seven))":                                   redundant,
		" ( (visits = :seven) ) ":                               redundant,
		"((visits = :seven)) AND attribute_exists(city)":        redundant,
		"(((visits = :seven)) AND (attribute_not_exists(age)))": redundant,
	} {
		plain := updateMeta(condition)
		_, err := f.raw.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: plain.TableName, Key: plain.Key, UpdateExpression: plain.UpdateExpression,
			ConditionExpression: plain.ConditionExpression, ExpressionAttributeValues: plain.ExpressionAttributeValues,
		})
		require.Equal(t, want, outcome(err), "past the face: %q", condition)
		require.Equal(t, want, outcome(through(t.Context(), condition)), "%q", condition)
	}
}

func with[T any](in *T, change func(*T)) *T {
	change(in)
	return in
}
