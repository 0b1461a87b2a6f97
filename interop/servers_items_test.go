package interop

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

var putOperations = []operation{
	{"PutItem, GetItem", everyFace, func(t tester, f *fixture) {
		require.Nil(t, f.get(t, customerKey("ada", 1)))
		f.put(t, customer("ada", 1))
		requireCiphertext(t, f.stored(t, f.customers, customerKey("ada", 1)))
		requireItem(t, customer("ada", 1), f.get(t, customerKey("ada", 1)))
	}},
	{"PutItem: ALL_OLD", everyFace, func(t tester, f *fixture) {
		in := dynamodb.PutItemInput{TableName: &f.customers, Item: customer("ada", 1), ReturnValues: types.ReturnValueAllOld}
		out, err := f.api.PutItem(t.Context(), &in)
		require.NoError(t, err)
		require.Empty(t, out.Attributes)
		in.Item = customer("ada", 1)
		in.Item["age"] = num("43")
		out, err = f.api.PutItem(t.Context(), &in)
		require.NoError(t, err)
		requireItem(t, customer("ada", 1), out.Attributes)
		requireItem(t, in.Item, f.get(t, customerKey("ada", 1)))
	}},
	{"PutItem: condition holds", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: &f.customers, Item: customer("ada", 1),
			ConditionExpression:      aws.String("attribute_exists(#n) AND begins_with(city, :c) AND visits IN (:one, :two) AND meta.hits = :zero AND contains(scores, :score)"),
			ExpressionAttributeNames: map[string]string{"#n": "name"},
			ExpressionAttributeValues: encryptor.Item{
				":c": text("U"), ":one": num("1.0"), ":two": num("2"), ":zero": num("0"), ":score": num("9"),
			},
		})
		require.NoError(t, err)
	}},
	{"PutItem: condition fails, item returned", everyFace, func(t tester, f *fixture) {
		in := &dynamodb.PutItemInput{
			TableName: &f.customers, Item: customer("ada", 1), ConditionExpression: aws.String("attribute_not_exists(pk)"),
			ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		}
		_, err := f.api.PutItem(t.Context(), in)
		require.NoError(t, err)
		in.Item = customer("ada", 1)
		in.Item["age"] = num("43")
		_, err = f.api.PutItem(t.Context(), in)
		requireFailedCondition(t, customer("ada", 1), err)
		requireItem(t, customer("ada", 1), f.get(t, customerKey("ada", 1)))
	}},
	{"PutItem: too large", everyFace, func(t tester, f *fixture) {
		item := customer("ada", 1)
		item["name"] = longText(409_500)
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: item})
		requireCode(t, "ValidationException", err)
		require.Contains(t, err.Error(), "encrypted, the item has about")
		require.Nil(t, f.get(t, customerKey("ada", 1)))
	}},
	{"PutItem: almost too large", tableFace, func(t tester, f *fixture) {
		item := customer("ada", 1)
		item["name"] = longText(408_000)
		f.put(t, item)
		require.Len(t, f.stored(t, f.customers, customerKey("ada", 1)), len(item)+2)
	}},
	{"DeleteItem: ALL_OLD", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		in := &dynamodb.DeleteItemInput{TableName: &f.customers, Key: customerKey("ada", 1), ReturnValues: types.ReturnValueAllOld}
		out, err := f.api.DeleteItem(t.Context(), in)
		require.NoError(t, err)
		requireItem(t, customer("ada", 1), out.Attributes)
		require.Nil(t, f.get(t, customerKey("ada", 1)))
		out, err = f.api.DeleteItem(t.Context(), in)
		require.NoError(t, err)
		require.Empty(t, out.Attributes)
	}},
	{"DeleteItem: condition fails, item returned", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		in := &dynamodb.DeleteItemInput{
			TableName: &f.customers, Key: customerKey("ada", 1), ConditionExpression: aws.String("city = :c OR NOT visits >= :v"),
			ExpressionAttributeValues:           encryptor.Item{":c": text("Bern"), ":v": num("1")},
			ReturnValuesOnConditionCheckFailure: allOldOnFailure,
		}
		_, err := f.api.DeleteItem(t.Context(), in)
		requireFailedCondition(t, customer("ada", 1), err)
		in.ExpressionAttributeValues[":c"] = text("Ulm")
		_, err = f.api.DeleteItem(t.Context(), in)
		require.NoError(t, err)
		require.Nil(t, f.get(t, customerKey("ada", 1)))
	}},
}

// visit is an update that adds to the unsigned counter.
func (f *fixture) visit(key encryptor.Item) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: &f.customers, Key: key, UpdateExpression: aws.String("ADD visits :one"),
		ExpressionAttributeValues: encryptor.Item{":one": num("1")},
	}
}

var updateOperations = []operation{
	{"UpdateItem: ALL_OLD, ALL_NEW", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		in := f.visit(customerKey("ada", 1))
		in.ReturnValues = types.ReturnValueAllOld
		out, err := f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		requireItem(t, customer("ada", 1), out.Attributes)
		in.ReturnValues = types.ReturnValueAllNew
		out, err = f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		want := customer("ada", 1)
		want["visits"] = num("3")
		requireItem(t, want, out.Attributes)
		requireItem(t, want, f.get(t, customerKey("ada", 1)))
	}},
	{"UpdateItem: UPDATED_OLD, UPDATED_NEW", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		in := f.visit(customerKey("ada", 1))
		in.ReturnValues = types.ReturnValueUpdatedOld
		out, err := f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		requireItem(t, encryptor.Item{"visits": num("1")}, out.Attributes)
		in.ReturnValues = types.ReturnValueUpdatedNew
		out, err = f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		requireItem(t, encryptor.Item{"visits": num("3")}, out.Attributes)
	}},
	{"UpdateItem: paths, functions, REMOVE", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		_, err := f.api.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &f.customers, Key: customerKey("ada", 1),
			UpdateExpression:          aws.String("SET #m.hits = #m.hits + :two, #m.#l = list_append(#m.#l, :more), #m.begun = if_not_exists(#m.begun, :two) REMOVE visits"),
			ExpressionAttributeNames:  map[string]string{"#m": "meta", "#l": "log"},
			ExpressionAttributeValues: encryptor.Item{":two": num("2"), ":more": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("seen")}}},
		})
		require.NoError(t, err)
		want := customer("ada", 1)
		delete(want, "visits")
		want["meta"] = &types.AttributeValueMemberM{Value: encryptor.Item{
			"hits": num("2"), "begun": num("2"),
			"log": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("made"), text("seen")}},
		}}
		requireItem(t, want, f.get(t, customerKey("ada", 1)))
	}},
	{"UpdateItem: absent item refused", everyFace, func(t tester, f *fixture) {
		_, err := f.api.UpdateItem(t.Context(), f.visit(customerKey("nobody", 1)))
		requireFailedCondition(t, nil, err)
		require.Empty(t, f.stored(t, f.customers, customerKey("nobody", 1)))
	}},
	{"UpdateItem: conditions in parentheses", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		for _, condition := range []string{"(visits < :most)", " ( visits < :most ) ", "(visits < :most) OR (attribute_exists(pk))", "visits < :most OR (attribute_exists(pk))"} {
			in := f.visit(customerKey("ada", 1))
			in.ConditionExpression = aws.String(condition)
			in.ExpressionAttributeValues[":most"] = num("100")
			_, err := f.api.UpdateItem(t.Context(), in)
			require.NoError(t, err, condition)
		}
		want := customer("ada", 1)
		want["visits"] = num("5")
		requireItem(t, want, f.get(t, customerKey("ada", 1)))
	}},
	{"UpdateItem: condition fails, item returned", everyFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		in := f.visit(customerKey("ada", 1))
		in.ConditionExpression = aws.String("visits BETWEEN :one AND :one AND city <> :c")
		in.ExpressionAttributeValues[":c"] = text("Bern")
		in.ReturnValuesOnConditionCheckFailure = allOldOnFailure
		_, err := f.api.UpdateItem(t.Context(), in)
		require.NoError(t, err)
		_, err = f.api.UpdateItem(t.Context(), in)
		want := customer("ada", 1)
		want["visits"] = num("2")
		requireFailedCondition(t, want, err)
	}},
}
