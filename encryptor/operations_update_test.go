package encryptor_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

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
		refusal{name: "SET of an encrypted attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = :v, age = :a")}), attribute: "age", says: "use Modify"},
		refusal{name: "SET by alias", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET #a = :a"), ExpressionAttributeNames: map[string]string{"#a": "age"}}), attribute: "age", says: "use Modify"},
		refusal{name: "SET of a signed attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET city = :a")}), attribute: "city", says: "UpdateExpression"},
		refusal{name: "an encrypted attribute on the right", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = age")}), attribute: "age", says: "use Modify"},
		refusal{name: "an encrypted attribute in a function", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET meta = if_not_exists(tags, :v)")}), attribute: "tags", says: "use Modify"},
		refusal{name: "an encrypted attribute in arithmetic", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET visits = visits + age")}), attribute: "age", says: "use Modify"},
		refusal{name: "REMOVE of a signed attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("REMOVE meta, city")}), attribute: "city", says: "use Modify"},
		refusal{name: "REMOVE of the signature", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("REMOVE #s"), ExpressionAttributeNames: map[string]string{"#s": itemSignature}}), attribute: itemSignature, says: "use Modify"},
		refusal{name: "ADD to an encrypted attribute", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("ADD age :a")}), attribute: "age", says: "use Modify"},
		refusal{name: "DELETE from an encrypted set", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("DELETE tags :a")}), attribute: "tags", says: "use Modify"},
		refusal{name: "a path in an encrypted document", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET tags[0].visits = :a")}), attribute: "tags", says: "use Modify"},
		refusal{name: "an attribute of the key", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("SET sk = :a")}), attribute: "sk", says: "use Modify"},
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
	refuses("UpdateItem refuses what PreviousActions sign", visitsWereSigned,
		refusal{name: "ADD", do: update(dynamodb.UpdateItemInput{UpdateExpression: aws.String("ADD visits :one")}), attribute: "visits", says: "use Modify"},
	),
}

func with[T any](in *T, change func(*T)) *T {
	change(in)
	return in
}
