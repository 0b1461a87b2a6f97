package encryptor_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
)

// CheckName says of a name what Encrypt says of an item that has it.
func TestItemCheckName(t *testing.T) {
	t.Parallel()
	names := []string{
		"ssn", "SSN", "sSn", "\u017fsn", "card", "CARD", "other", "ID", "string", "STRING", "*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*",
		"*amzn-ddb-map-sig", "aws_dbe_", "aws_dbe_head", "AWS_DBE_x", "aws-dbe-x", "\xff", "a b", "ü",
	}
	unsigned := func(o *encryptor.Options) {
		o.UnsignedKeys = true
		o.Actions = actions.AttributeActions{Default: actions.DoNothing}
	}
	for name, options := range map[string]func(*encryptor.Options){
		"encrypted by default": itemOptions(actions.EncryptAndSign, nil),
		"signed by default":    itemOptions(actions.SignOnly, itemActions{"ssn": actions.EncryptAndSign, "other": actions.DoNothing}),
		"unsigned by default":  itemOptions(actions.DoNothing, itemActions{"ssn": actions.SignOnly, "card": actions.EncryptAndSign}),
		"listed":               itemOptions(actions.DoNothing, itemActions{"ssn": actions.SignOnly, "SSN": actions.DoNothing}),
		"nothing signed":       unsigned,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newItemEncryptor(t, newItemProvider(t), options)
			refused := 0
			for _, attribute := range names {
				_, want := e.Encrypt(t.Context(), itemWith(itemPlain(), attribute, &itemS{Value: "hush-value"}))
				err := e.CheckName(attribute)
				require.Equal(t, want == nil, err == nil, "%q: Encrypt says %v, CheckName %v", attribute, want, err)
				for _, class := range []error{encryptor.ErrReservedAttribute, encryptor.ErrAmbiguousName, encryptor.ErrInvalidValue} {
					require.Equal(t, errors.Is(want, class), errors.Is(err, class), "%q: Encrypt says %v, CheckName %v", attribute, want, err)
				}
				if err != nil {
					refused++
					var named interface{ AttributeName() string }
					require.ErrorAs(t, err, &named)
					require.Equal(t, attribute, named.AttributeName())
				}
			}
			require.Equal(t, name == "nothing signed", refused == 0)
		})
	}
}

// An item may have been written by any of the actions.
func TestItemCheckNameOfPreviousActions(t *testing.T) {
	t.Parallel()
	previous := itemPrevious(actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"ssn": actions.SignOnly}})
	for name, options := range map[string]func(*encryptor.Options){
		"other names signed": itemOptions(actions.DoNothing, itemActions{"card": actions.SignOnly}),
		"all signed":         itemOptions(actions.SignOnly, nil),
		"nothing signed": func(o *encryptor.Options) {
			o.UnsignedKeys = true
			o.Actions = actions.AttributeActions{Default: actions.DoNothing}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newItemEncryptor(t, newItemProvider(t), options, previous)
			require.ErrorIs(t, e.CheckName("SSN"), encryptor.ErrAmbiguousName)
			require.ErrorIs(t, e.CheckName("aws_dbe_x"), encryptor.ErrReservedAttribute)
			require.ErrorIs(t, e.CheckName("\xff"), encryptor.ErrInvalidValue)
			require.NoError(t, e.CheckName("ssn"))
			require.NoError(t, e.CheckName("other"))
		})
	}
}

// plainCodec hides the methods that a codec may have beside those of ItemCodec.
type plainCodec struct{ encryptor.ItemCodec }

func TestUpdateByACodecThatTakesAllNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	table, err := encryptor.NewTable(f.raw, plainCodec{f.open(t, nameSigned).Codec()})
	require.NoError(t, err)
	f.put(t, customer("ada", 1))
	in := &dynamodb.UpdateItemInput{
		Key: customerKey("ada", 1), UpdateExpression: aws.String("SET aws_dbe_x = :v"), ExpressionAttributeValues: encryptor.Item{":v": &itemN{Value: "1"}},
	}
	_, err = table.UpdateItem(t.Context(), in)
	require.NoError(t, err)
	in.UpdateExpression, in.ExpressionAttributeNames = aws.String("SET #n = :v"), map[string]string{"#n": "name"}
	_, err = table.UpdateItem(t.Context(), in)
	require.ErrorIs(t, err, encryptor.ErrUnsupported, "its rules hold")
}

// An expression that cannot work is refused with what can.
func TestExpressionErrorsSayWhatWorks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const exists = "only attribute_exists and attribute_not_exists work on it"
	filter := func(name string) error {
		return errorOf(f.table.Scan(t.Context(), &dynamodb.ScanInput{FilterExpression: aws.String("#n = :v"), ExpressionAttributeNames: map[string]string{"#n": name}}))
	}
	condition := func(name string) error {
		return errorOf(f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: customer("ada", 1),
			ConditionExpression: aws.String("#n = :v"), ExpressionAttributeNames: map[string]string{"#n": name}}))
	}
	keyCondition := func(name string) error {
		return errorOf(f.table.Query(t.Context(), &dynamodb.QueryInput{
			KeyConditionExpression: aws.String("#n = :v"), ExpressionAttributeNames: map[string]string{"#n": name}}))
	}
	for _, c := range []struct {
		parameter, name string
		do              func(name string) error
		what            string
	}{
		{"FilterExpression", "age", filter, "it is encrypted; " + exists + "; to compare it, give it the action SIGN_ONLY"},
		{"ConditionExpression", "age", condition, "it is encrypted; " + exists + "; to compare it, give it the action SIGN_ONLY"},
		{"ConditionExpression", itemSignature, condition, "it belongs to the item format; " + exists},
		{"KeyConditionExpression", "age", keyCondition,
			"it is encrypted; a key condition can only name SIGN_ONLY and DO_NOTHING attributes, which the keys of tables and indexes are"},
	} {
		err := c.do(c.name)
		require.ErrorIs(t, err, encryptor.ErrUnsupported)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, fmt.Sprintf("attribute %q: %v: %s looks at its value, but %s", c.name, encryptor.ErrUnsupported, c.parameter, c.what), itemError.Err.Error())
	}
}
