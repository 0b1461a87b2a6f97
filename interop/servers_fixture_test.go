package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// fixture is what an operation works on: tables of its own on a server, with
// Direct KMS over kmstest, and one of the library's faces before them.
type fixture struct {
	server string
	face   string
	api    encryptor.DynamoDBAPI     // the face
	table  *encryptor.EncryptedTable // of customers; what only it can do
	raw    *dynamodb.Client          // past the library
	wire   *wire                     // under all of these
	kms    *kmstest.KMS
	key    string

	customers string // encrypted; see createCustomers
	orders    string // encrypted, with the key id (S); no EncryptedTable knows it
	notes     string // plaintext, with the key id (S); likewise
}

var tableNumber atomic.Int64

func newFixture(t *testing.T, server, url, face string, w *wire) *fixture {
	t.Helper()
	f := &fixture{server: server, face: face, wire: w, kms: kmstest.New()}
	f.key = f.kms.CreateKey()
	f.raw = newClient(url, w)
	t.Cleanup(w.client.CloseIdleConnections)
	n := tableNumber.Add(1)
	f.customers, f.orders, f.notes = fmt.Sprint("customers-", n), fmt.Sprint("orders-", n), fmt.Sprint("notes-", n)
	f.createCustomers(t)
	if face != onTable {
		f.create(t, simpleTable(f.orders))
		f.create(t, simpleTable(f.notes))
	}
	codec := f.codec(t, f.customers, customerActions)
	var err error
	f.table, err = encryptor.NewTable(f.raw, codec)
	require.NoError(t, err)
	f.api = f.open(t, codec)
	return f
}

// open opens the face with a codec for customers.
func (f *fixture) open(t tester, customers encryptor.ItemCodec) encryptor.DynamoDBAPI {
	t.Helper()
	if f.face == onTable {
		table, err := encryptor.NewTable(f.raw, customers)
		require.NoError(t, err)
		return table
	}
	codecs := []encryptor.ItemCodec{customers, f.codec(t, f.orders, actions.AttributeActions{})}
	allow := func(o *encryptor.ClientOptions) { o.AllowPlaintextTables = []string{f.notes} }
	if f.face == onClient {
		client, err := encryptor.NewEncryptedClient(f.raw, codecs, allow)
		require.NoError(t, err)
		return client
	}
	mw, err := encryptor.Middleware(codecs, allow)
	require.NoError(t, err)
	return dynamodb.New(f.raw.Options(), mw)
}

// customerActions: what they do not name is encrypted.
var customerActions = actions.AttributeActions{Overrides: map[string]actions.CryptoAction{
	"city": actions.SignOnly, "scores": actions.SignOnly, "visits": actions.DoNothing, "meta": actions.DoNothing,
}}

func (f *fixture) codec(t tester, table string, a actions.AttributeActions, optFns ...func(*encryptor.Options)) encryptor.ItemCodec {
	t.Helper()
	info, err := tableinfo.Describe(t.Context(), f.raw, table)
	require.NoError(t, err)
	optFns = append([]func(*encryptor.Options){func(o *encryptor.Options) { o.Actions = a }}, optFns...)
	codec, err := encryptor.New(f.provider(t), info, optFns...)
	require.NoError(t, err)
	return codec
}

func (f *fixture) provider(t tester) materials.CryptographicMaterialsProvider {
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	return provider
}

// createCustomers makes a table with the keys pk (S) and sk (N) and three indexes:
// by-city holds whole items, included lists all attributes of a customer, and local
// has keys only.
func (f *fixture) createCustomers(t *testing.T) {
	t.Helper()
	f.create(t, &dynamodb.CreateTableInput{
		TableName: &f.customers, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeN},
			{AttributeName: aws.String("city"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("visits"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: keySchema("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("by-city"), KeySchema: keySchema("city", "sk"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}},
			{IndexName: aws.String("included"), KeySchema: keySchema("city", "visits"), Projection: &types.Projection{
				ProjectionType:   types.ProjectionTypeInclude,
				NonKeyAttributes: []string{"*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*", "name", "age", "tags", "scores", "meta"},
			}},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			{IndexName: aws.String("local"), KeySchema: keySchema("pk", "visits"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}},
		},
	})
}

func keySchema(partition, sort string) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}}
	if sort != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: &sort, KeyType: types.KeyTypeRange})
	}
	return schema
}

func simpleTable(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema("id", ""),
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
	}
}

func (f *fixture) create(t *testing.T, in *dynamodb.CreateTableInput) {
	t.Helper()
	_, err := f.raw.CreateTable(t.Context(), in)
	require.NoError(t, err)
	t.Cleanup(func() {
		// t.Context() has ended by now.
		_, err := f.raw.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: in.TableName})
		require.NoError(t, err)
	})
}

// secret begins every encrypted text. It must be in no stored item.
const secret = "s3cr3t of "

func text(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func num(v string) types.AttributeValue  { return &types.AttributeValueMemberN{Value: v} }
func count(v int) types.AttributeValue   { return num(fmt.Sprint(v)) }

func customer(pk string, sk int) encryptor.Item {
	return encryptor.Item{
		"pk": text(pk), "sk": count(sk), // signed
		"name": text(secret + pk), "age": num("42"), // encrypted
		"tags":   &types.AttributeValueMemberSS{Value: []string{"b", "a", "ä", "C"}}, // encrypted
		"city":   text("Ulm"),                                                        // signed
		"scores": &types.AttributeValueMemberNS{Value: []string{"10", "9", "-1.5"}},  // signed
		"visits": count(sk),                                                          // unsigned
		"meta":   &types.AttributeValueMemberM{Value: encryptor.Item{"hits": num("0"), "log": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("made")}}}},
	}
}

func customerKey(pk string, sk int) encryptor.Item {
	return encryptor.Item{"pk": text(pk), "sk": count(sk)}
}

func order(id string) encryptor.Item {
	return encryptor.Item{"id": text(id), "goods": text(secret + id)}
}

func note(id string) encryptor.Item {
	return encryptor.Item{"id": text(id), "text": text("for everybody")}
}

func idKey(id string) encryptor.Item { return encryptor.Item{"id": text(id)} }

// put writes customers through the face.
func (f *fixture) put(t tester, items ...encryptor.Item) {
	t.Helper()
	for _, item := range items {
		_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: item})
		require.NoError(t, err)
	}
}

// putMany writes n customers of one partition through the face, some in one batch.
func (f *fixture) putMany(t tester, pk string, n int) []encryptor.Item {
	t.Helper()
	items := make([]encryptor.Item, n)
	for i := range items {
		items[i] = customer(pk, i)
	}
	for first := 0; first < n; first += 25 {
		var batch []types.WriteRequest
		for _, item := range items[first:min(first+25, n)] {
			batch = append(batch, putRequest(item))
		}
		out, err := f.api.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{f.customers: batch}})
		require.NoError(t, err)
		require.Empty(t, out.UnprocessedItems)
	}
	return items
}

func putRequest(item encryptor.Item) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
}

func deleteRequest(key encryptor.Item) types.WriteRequest {
	return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
}

// get reads a customer through the face.
func (f *fixture) get(t tester, key encryptor.Item) encryptor.Item {
	t.Helper()
	out, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &f.customers, Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// stored reads an item past the library.
func (f *fixture) stored(t tester, table string, key encryptor.Item) encryptor.Item {
	t.Helper()
	out, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// requireCiphertext requires that a customer is stored as its actions say.
func requireCiphertext(t tester, stored encryptor.Item) {
	t.Helper()
	require.NotContains(t, vectors.Text(stored), secret)
	for _, name := range []string{"name", "age", "tags", "*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*"} {
		require.IsType(t, &types.AttributeValueMemberB{}, stored[name], name)
	}
}

// requireItem compares as DynamoDB does: numbers by value, sets without order.
func requireItem(t tester, want, got encryptor.Item) {
	t.Helper()
	require.Equal(t, vectors.Text(want), vectors.Text(got))
}

func requireItems(t tester, want, got []encryptor.Item) {
	t.Helper()
	require.Equal(t, textsOf(want), textsOf(got))
}

// requireSame is requireItems where the order is the server's.
func requireSame(t tester, want, got []encryptor.Item) {
	t.Helper()
	require.ElementsMatch(t, textsOf(want), textsOf(got))
}

func textsOf(items []encryptor.Item) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = vectors.Text(item)
	}
	return texts
}

// requireFailedCondition requires the exception, with the item in plaintext.
func requireFailedCondition(t tester, item encryptor.Item, err error) {
	t.Helper()
	var failed *types.ConditionalCheckFailedException
	require.ErrorAs(t, err, &failed)
	requireItem(t, item, failed.Item)
}

// requireCode requires an error of DynamoDB.
func requireCode(t tester, code string, err error) {
	t.Helper()
	var answer interface{ ErrorCode() string }
	require.Error(t, err)
	require.True(t, errors.As(err, &answer), err)
	require.Equal(t, code, answer.ErrorCode(), err)
}

const allOldOnFailure = types.ReturnValuesOnConditionCheckFailureAllOld

func reversed(items []encryptor.Item) []encryptor.Item {
	var all []encryptor.Item
	for i := range items {
		all = append(all, items[len(items)-1-i])
	}
	return all
}

func longText(bytes int) types.AttributeValue { return text(strings.Repeat("x", bytes)) }
