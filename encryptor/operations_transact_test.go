package encryptor_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

func getPart(table string, key encryptor.Item) types.TransactGetItem {
	return types.TransactGetItem{Get: &types.Get{TableName: &table, Key: key}}
}

func transactGet(parts ...types.TransactGetItem) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: cloneOf(parts)}))
	}
}

var transactGetRows = []row{
	{"TransactGetItems decrypts in order", nil, func(t *testing.T, f *operations) {
		all := f.putCustomers(t, 5)
		in := &dynamodb.TransactGetItemsInput{}
		for _, sk := range []int{3, 0, 7, 4} {
			in.TransactItems = append(in.TransactItems, getPart(customers, customerKey("ada", sk)))
		}
		in.TransactItems[1].Get.TableName = aws.String(f.arn)
		out, err := f.api.TransactGetItems(t.Context(), in)
		require.NoError(t, err)
		var got []encryptor.Item
		for _, response := range out.Responses {
			got = append(got, response.Item)
		}
		requireItems(t, []encryptor.Item{all[3], all[0], nil, all[4]}, got)
	}},
	{"TransactGetItems without a table name", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 1)
		in := &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{Key: customerKey("ada", 0)}}}}
		if !f.alone() {
			f.requireRefused(t, refusal{do: transactGet(in.TransactItems...), want: encryptor.ErrUnknownTable, index: 1, nameless: true})
			return
		}
		out, err := f.api.TransactGetItems(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(customer("ada", 0)), vectors.Text(out.Responses[0].Item))
	}},
	{"TransactGetItems with bad items", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 4)
		f.damage(t, customerKey("ada", 1))
		f.damage(t, customerKey("ada", 3))
		_, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			getPart(customers, customerKey("ada", 0)), getPart(customers, customerKey("ada", 3)), getPart(customers, customerKey("ada", 1)),
		}})
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, 1, itemError.Index)
		require.Equal(t, "TransactGetItems", itemError.Op)
		require.Equal(t, vectors.Text(customerKey("ada", 3)), vectors.Text(itemError.Key()))
	}},
	{"TransactGetItems of several tables", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 0))
		f.putRaw(t, notes, note("n"))
		parts := []types.TransactGetItem{getPart(customers, customerKey("ada", 0)), getPart(notes, noteKey("n")), getPart(orders, orderKey("o"))}
		parts[1].Get.ProjectionExpression = aws.String("id")
		if f.alone() {
			f.requireRefused(t, refusal{do: transactGet(parts...), want: encryptor.ErrUnknownTable, index: 2, says: `"notes"`})
			return
		}
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(orders), Item: order("o")})
		require.NoError(t, err)
		out, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: parts})
		require.NoError(t, err)
		requireItems(t, []encryptor.Item{customer("ada", 0), noteKey("n"), order("o")},
			[]encryptor.Item{out.Responses[0].Item, out.Responses[1].Item, out.Responses[2].Item})
	}},
	{"TransactGetItems answered with too much", nil, func(t *testing.T, f *operations) {
		f.wire.answers(func(string) string { return `{"Responses":[{},{}]}` })
		_, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{getPart(customers, customerKey("ada", 0))}})
		require.ErrorContains(t, err, "2 answers for 1 items")
	}},
	{"TransactGetItems passes what has no Get", nil, func(t *testing.T, f *operations) {
		calls := len(f.server.Calls())
		_, err := f.api.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{}}})
		require.ErrorContains(t, err, "Get", "the SDK or DynamoDB says so")
		require.LessOrEqual(t, len(f.server.Calls()), calls+1)
	}},
	refuses("TransactGetItems refuses", nil,
		refusal{name: "projection", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			part := getPart(customers, customerKey("ada", 1))
			part.Get.ProjectionExpression = aws.String("city")
			return transactGet(getPart(customers, customerKey("ada", 0)), part)(ctx, api)
		}, index: 2, says: "ProjectionExpression"},
		refusal{name: "another table", do: transactGet(getPart(customers, customerKey("ada", 1)), getPart("other", customerKey("ada", 1))), want: encryptor.ErrUnknownTable, index: 2, table: "other"},
	),
}

func transactWrite(parts ...types.TransactWriteItem) call {
	return func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: cloneOf(parts)}))
	}
}

func putPart(table string, item encryptor.Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: item}}
}

func deletePart(sk int) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(customers), Key: customerKey("ada", sk)}}
}

func checkPart(sk int, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: aws.String(customers), Key: customerKey("ada", sk), ConditionExpression: &condition}}
}

func updatePart(sk int, expression string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{TableName: aws.String(customers), Key: customerKey("ada", sk), UpdateExpression: &expression}}
}

func bumpPart(sk int) types.TransactWriteItem {
	part := updatePart(sk, "ADD visits :one")
	part.Update.ExpressionAttributeValues = encryptor.Item{":one": &itemN{Value: "1"}}
	return part
}

var transactWriteRows = []row{
	{"TransactWriteItems encrypts, checks, updates and deletes", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 4)
		put := putPart(f.arn, respelled(customer("eve", 9), "9.0"))
		put.Put.ConditionExpression = aws.String("attribute_not_exists(#n)")
		put.Put.ExpressionAttributeNames = map[string]string{"#n": "name"}
		del := deletePart(0)
		del.Delete.ConditionExpression = aws.String("attribute_exists(age) AND city = :c")
		del.Delete.ExpressionAttributeValues = encryptor.Item{":c": &itemS{Value: "Ulm"}}
		bumped := bumpPart(1)
		bumped.Update.ConditionExpression = aws.String("#stamp0 = :seven OR #stamp0 = :one")
		bumped.Update.ExpressionAttributeNames = map[string]string{"#stamp0": "visits"}
		bumped.Update.ExpressionAttributeValues[":seven"] = &itemN{Value: "7"}
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			put, del, bumped, checkPart(2, "attribute_exists(tags)"),
		}})
		require.NoError(t, err)
		requireCiphertext(t, customer("eve", 9), f.stored(t, customerKey("eve", 9)))
		require.Equal(t, vectors.Text(customer("eve", 9)), vectors.Text(f.get(t, customerKey("eve", 9))))
		require.Nil(t, f.stored(t, customerKey("ada", 0)))
		require.Equal(t, vectors.Text(itemWith(customer("ada", 1), "visits", &itemN{Value: "8"})), vectors.Text(f.get(t, customerKey("ada", 1))))
	}},
	{"TransactWriteItems without table names", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 3)
		parts := []types.TransactWriteItem{putPart("", customer("eve", 1)), deletePart(0), bumpPart(1), checkPart(2, "attribute_exists(tags)")}
		parts[0].Put.TableName, parts[1].Delete.TableName, parts[2].Update.TableName, parts[3].ConditionCheck.TableName = nil, nil, nil, nil
		if !f.alone() {
			for _, part := range parts {
				f.requireRefused(t, refusal{do: transactWrite(putPart(customers, customer("eve", 1)), part), want: encryptor.ErrUnknownTable, index: 2, nameless: true})
			}
			return
		}
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: parts})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(customer("eve", 1)), vectors.Text(f.get(t, customerKey("eve", 1))))
	}},
	{"TransactWriteItems creates no unsigned item", nil, func(t *testing.T, f *operations) {
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			putPart(customers, customer("ada", 1)), bumpPart(2),
		}})
		var exception *types.TransactionCanceledException
		require.ErrorAs(t, err, &exception)
		require.Equal(t, "ConditionalCheckFailed", *exception.CancellationReasons[1].Code)
		require.Nil(t, f.stored(t, customerKey("ada", 1)))
		require.Nil(t, f.stored(t, customerKey("ada", 2)))
	}},
	{"TransactWriteItems decrypts the items of cancellation reasons", nil, func(t *testing.T, f *operations) {
		f.putCustomers(t, 5)
		put, del, check, bumped := putPart(customers, customer("ada", 0)), deletePart(1), checkPart(2, "attribute_not_exists(pk)"), bumpPart(3)
		put.Put.ConditionExpression, put.Put.ReturnValuesOnConditionCheckFailure = aws.String("attribute_not_exists(pk)"), allOldOnFailure
		del.Delete.ConditionExpression, del.Delete.ReturnValuesOnConditionCheckFailure = aws.String("attribute_not_exists(pk)"), allOldOnFailure
		check.ConditionCheck.ReturnValuesOnConditionCheckFailure = allOldOnFailure
		bumped.Update.ConditionExpression, bumped.Update.ReturnValuesOnConditionCheckFailure = aws.String("attribute_not_exists(pk)"), allOldOnFailure
		fail := func() (*types.TransactionCanceledException, error) {
			_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
				TransactItems: []types.TransactWriteItem{put, del, check, bumped, checkPart(4, "attribute_exists(pk)")},
			})
			var exception *types.TransactionCanceledException
			require.ErrorAs(t, err, &exception)
			require.Len(t, exception.CancellationReasons, 5)
			require.Nil(t, exception.CancellationReasons[4].Item)
			return exception, err
		}
		exception, _ := fail()
		for sk := range 4 {
			require.Equal(t, vectors.Text(customer("ada", sk)), vectors.Text(exception.CancellationReasons[sk].Item))
		}
		f.damage(t, customerKey("ada", 1))
		f.damage(t, customerKey("ada", 3))
		exception, err := fail()
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		require.NotErrorIs(t, err, encryptor.ErrImage, "nothing was written")
		for sk := range 4 {
			if sk%2 == 1 {
				require.Nil(t, exception.CancellationReasons[sk].Item)
				continue
			}
			require.Equal(t, vectors.Text(customer("ada", sk)), vectors.Text(exception.CancellationReasons[sk].Item))
		}
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, 1, itemError.Index)
		require.Equal(t, vectors.Text(customerKey("ada", 1)), vectors.Text(itemError.Key()))
		require.Contains(t, err.Error(), "item 3", "each is told")
	}},
	{"TransactWriteItems with a used token", nil, func(t *testing.T, f *operations) {
		in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String("once"), TransactItems: []types.TransactWriteItem{putPart(customers, customer("ada", 1))}}
		_, err := f.api.TransactWriteItems(t.Context(), in)
		require.NoError(t, err)
		_, err = f.api.TransactWriteItems(t.Context(), in)
		require.ErrorIs(t, err, encryptor.ErrUnknownOutcome)
		var mismatch *types.IdempotentParameterMismatchException
		require.ErrorAs(t, err, &mismatch)

		in = &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String("twice"), TransactItems: []types.TransactWriteItem{bumpPart(1)}}
		for range 2 {
			_, err = f.api.TransactWriteItems(t.Context(), in)
			require.NoError(t, err, "without a put the request is the same")
		}
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(f.get(t, customerKey("ada", 1))), "carried out once")
		in.TransactItems = []types.TransactWriteItem{deletePart(1)}
		_, err = f.api.TransactWriteItems(t.Context(), in)
		require.ErrorAs(t, err, &mismatch)
		require.NotErrorIs(t, err, encryptor.ErrUnknownOutcome, "without a put the caller is to blame")
	}},
	{"TransactWriteItems retried by the SDK", nil, func(t *testing.T, f *operations) {
		f.server.FailNext("TransactWriteItems", &types.TransactionInProgressException{Message: aws.String("wait")})
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{putPart(customers, customer("ada", 1))}})
		require.NoError(t, err)
		sent := f.wire.sent()
		require.Len(t, sent, 2)
		require.Equal(t, sent[0], sent[1], "the same bytes with the same token")
		require.Len(t, f.kms.Calls(), 1)
	}},
	{"TransactWriteItems on several tables", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		f.putRaw(t, notes, note("n"))
		upsert := types.TransactWriteItem{Update: &types.Update{TableName: aws.String(notes), Key: noteKey("new"), UpdateExpression: aws.String("SET age = :a"),
			ExpressionAttributeValues: encryptor.Item{":a": &itemN{Value: "1"}}}}
		parts := []types.TransactWriteItem{putPart(customers, customer("ada", 2)), upsert, putPart(orders, order("o")), putPart(notes, note("m"))}
		if f.alone() {
			f.requireRefused(t, refusal{do: transactWrite(parts...), want: encryptor.ErrUnknownTable, index: 2, says: `"notes"`})
			return
		}
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: parts})
		require.NoError(t, err)
		requireCiphertext(t, customer("ada", 2), f.stored(t, customerKey("ada", 2)))
		require.IsType(t, &itemB{}, f.getRaw(t, orders, orderKey("o"))["goods"])
		require.Equal(t, vectors.Text(note("m")), vectors.Text(f.getRaw(t, notes, noteKey("m"))))
		require.NotNil(t, f.getRaw(t, notes, noteKey("new")), "an upsert of plaintext passes")

		del := deletePart(1)
		del.Delete.ConditionExpression, del.Delete.ReturnValuesOnConditionCheckFailure = aws.String("attribute_not_exists(pk)"), allOldOnFailure
		plain := putPart(notes, note("n"))
		plain.Put.ConditionExpression, plain.Put.ReturnValuesOnConditionCheckFailure = aws.String("attribute_not_exists(id)"), allOldOnFailure
		plainDelete := types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(notes), Key: noteKey("m")}}
		plainCheck := types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: aws.String(notes), Key: noteKey("k"), ConditionExpression: aws.String("age = :a"),
			ExpressionAttributeValues: encryptor.Item{":a": &itemN{Value: "1"}}}}
		_, err = f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{plain, del, plainDelete, plainCheck}})
		var exception *types.TransactionCanceledException
		require.ErrorAs(t, err, &exception)
		require.Equal(t, vectors.Text(note("n")), vectors.Text(exception.CancellationReasons[0].Item))
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(exception.CancellationReasons[1].Item))

		in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String("plain"), TransactItems: []types.TransactWriteItem{putPart(notes, note("p"))}}
		_, err = f.api.TransactWriteItems(t.Context(), in)
		require.NoError(t, err)
		in.TransactItems[0].Put.Item = note("q")
		_, err = f.api.TransactWriteItems(t.Context(), in)
		var mismatch *types.IdempotentParameterMismatchException
		require.ErrorAs(t, err, &mismatch)
		require.NotErrorIs(t, err, encryptor.ErrUnknownOutcome, "a plaintext put does not change by itself")
	}},
	{"TransactWriteItems with an item that cannot be encrypted", nil, func(t *testing.T, f *operations) {
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			putPart(customers, customer("ada", 1)), deletePart(2), putPart(customers, encryptor.Item{"pk": &itemS{Value: "ada"}}),
		}})
		require.ErrorIs(t, err, encryptor.ErrInvalidValue)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, 2, itemError.Index)
		require.Equal(t, "sk", itemError.Attribute)
		require.Empty(t, f.wire.sent())
	}},
	{"TransactWriteItems where plaintext is read", plaintextReads, func(t *testing.T, f *operations) {
		f.putRaw(t, customers, customer("ada", 1))
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{bumpPart(1)}})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(visited("8")), vectors.Text(f.stored(t, customerKey("ada", 1))))
		_, err = f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{bumpPart(2)}})
		var exception *types.TransactionCanceledException
		require.ErrorAs(t, err, &exception)
	}},
	{"TransactWriteItems where nothing is signed", nothingSigned, func(t *testing.T, f *operations) {
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			putPart(customers, itemWith(customer("ada", 1), "name", &itemS{Value: "public"})), bumpPart(2),
		}})
		require.NoError(t, err)
		require.Equal(t, &itemS{Value: "public"}, f.stored(t, customerKey("ada", 1))["name"])
		require.NotNil(t, f.stored(t, customerKey("ada", 2)))
	}},
	{"TransactWriteItems passes what has no action", nil, func(t *testing.T, f *operations) {
		_, err := f.api.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{}}})
		require.ErrorContains(t, err, "TransactItems can only contain one of")
	}},
	refuses("TransactWriteItems refuses", nil,
		refusal{name: "condition of a put", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			part := putPart(customers, customer("ada", 1))
			part.Put.ConditionExpression = aws.String("age = :a")
			return transactWrite(putPart(customers, customer("ada", 0)), part)(ctx, api)
		}, index: 2, attribute: "age", says: "ConditionExpression"},
		refusal{name: "condition of a delete", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			part := deletePart(1)
			part.Delete.ConditionExpression = aws.String("#a = :a")
			part.Delete.ExpressionAttributeNames = map[string]string{"#a": "age"}
			return transactWrite(putPart(customers, customer("ada", 0)), part)(ctx, api)
		}, index: 2, attribute: "age", says: "ConditionExpression"},
		refusal{name: "condition check", do: transactWrite(putPart(customers, customer("ada", 0)), checkPart(1, "size(tags) > :n")), index: 2, attribute: "tags", says: "ConditionExpression"},
		refusal{name: "condition of an update", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			part := bumpPart(1)
			part.Update.ConditionExpression = aws.String("age = :a")
			return transactWrite(putPart(customers, customer("ada", 0)), part)(ctx, api)
		}, index: 2, attribute: "age", says: "ConditionExpression"},
		refusal{name: "update of an encrypted attribute", do: transactWrite(putPart(customers, customer("ada", 0)), updatePart(1, "SET age = :a")), index: 2, attribute: "age", says: "use EncryptedTable.Modify"},
		refusal{name: "update of a signed attribute", do: transactWrite(putPart(customers, customer("ada", 0)), updatePart(1, "REMOVE city")), index: 2, attribute: "city", says: "use EncryptedTable.Modify"},
		refusal{name: "two actions in one", do: func(ctx context.Context, api encryptor.DynamoDBAPI) error {
			part := checkPart(1, "attribute_exists(pk)")
			part.Update = updatePart(1, "SET age = :a").Update
			return transactWrite(putPart(customers, customer("ada", 0)), part)(ctx, api)
		}, index: 2, nameless: true, says: "one of"},
		refusal{name: "another table", do: transactWrite(putPart(customers, customer("ada", 1)), putPart("other", customer("ada", 1))), want: encryptor.ErrUnknownTable, index: 2, table: "other"},
	),
}

// namelessRow is about a request without a table name: only an EncryptedTable
// knows which one is meant.
func namelessRow(op string, do call) row {
	return row{op + " without a table name", nil, func(t *testing.T, f *operations) {
		f.put(t, customer("ada", 1))
		if f.alone() {
			require.NoError(t, do(t.Context(), f.api))
			return
		}
		f.requireRefused(t, refusal{do: do, want: encryptor.ErrUnknownTable, nameless: true, says: "names none"})
	}}
}

var tableRows = []row{
	namelessRow("PutItem", func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.PutItem(ctx, &dynamodb.PutItemInput{Item: customer("ada", 1)}))
	}),
	namelessRow("UpdateItem", func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.UpdateItem(ctx, with(bump(""), func(in *dynamodb.UpdateItemInput) { in.TableName = nil })))
	}),
	namelessRow("DeleteItem", func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.DeleteItem(ctx, &dynamodb.DeleteItemInput{Key: customerKey("ada", 1)}))
	}),
	namelessRow("Query", func(ctx context.Context, api encryptor.DynamoDBAPI) error {
		return errorOf(api.Query(ctx, with(ofAda(), func(in *dynamodb.QueryInput) { in.TableName = nil })))
	}),
	{"DescribeTable passes", nil, func(t *testing.T, f *operations) {
		for _, name := range []string{customers, f.arn} {
			out, err := f.api.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
			require.NoError(t, err)
			require.Equal(t, customers, *out.Table.TableName)
		}
	}},
	{"DescribeTable for a waiter", nil, func(t *testing.T, f *operations) {
		waiter := dynamodb.NewTableExistsWaiter(f.api)
		require.NoError(t, waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(customers)}, time.Second))
	}},
	{"DescribeTable of another table", nil, func(t *testing.T, f *operations) {
		in := &dynamodb.DescribeTableInput{TableName: aws.String("other")}
		if f.alone() {
			f.requireUnknown(t, errorOf(f.api.DescribeTable(t.Context(), in)))
			return
		}
		_, err := f.api.DescribeTable(t.Context(), in)
		var notFound *types.ResourceNotFoundException
		require.ErrorAs(t, err, &notFound)
	}},
}
