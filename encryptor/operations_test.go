package encryptor_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// row is one line of the table of operations: what happens to a request, or what
// is refused. It holds for every face alike, or says itself where they differ.
type row struct {
	name    string
	options func(*encryptor.Options) // of the codec of customers; may be nil
	run     func(t *testing.T, f *operations)
}

// faces are the three ways in which a program meets the library.
var faces = []string{onTable, onClient, onMiddleware}

const (
	onTable      = "EncryptedTable"
	onClient     = "EncryptedClient"
	onMiddleware = "Middleware"
)

// TestOperations is the table of operations: rows times faces.
func TestOperations(t *testing.T) {
	t.Parallel()
	rows := slices.Concat(putRows, getRows, deleteRows, updateRows, queryRows, scanRows,
		batchGetRows, batchWriteRows, transactGetRows, transactWriteRows, tableRows, keyRows)
	t.Logf("%d rows, %d faces", len(rows), len(faces))
	names := make(map[string]bool)
	for _, r := range rows {
		require.False(t, names[r.name], "two rows are named %q", r.name)
		names[r.name] = true
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, face := range faces {
				t.Run(face, func(t *testing.T) {
					t.Parallel()
					r.run(t, newOperations(t, face, r.options))
				})
			}
		})
	}
}

// Beside customers there are orders, encrypted with the key id (B), and notes,
// plaintext with the key id (S). An EncryptedTable knows neither.
const (
	orders = "orders"
	notes  = "notes"
)

// operations is a face with what stands behind it.
type operations struct {
	*fixture
	face string
	// api is the face. Of every call it is checked that it leaves the request
	// and its options as they were, gives no output with an error, and sends no
	// secret.
	api    encryptor.DynamoDBAPI
	client *dynamodb.Client // under the face, its traffic on the wire
	wire   *traffic
	arn    string // of customers
}

func newOperations(t *testing.T, face string, optFns ...func(*encryptor.Options)) *operations {
	t.Helper()
	optFns = slices.DeleteFunc(optFns, func(fn func(*encryptor.Options)) bool { return fn == nil })
	f := &operations{fixture: newFixture(t, optFns...), face: face}
	f.wire = &traffic{next: f.raw.Options().HTTPClient}
	f.client = dynamodb.New(f.raw.Options(), func(o *dynamodb.Options) { o.HTTPClient = f.wire })
	f.arn = f.table.Codec().Table().ARN
	createSimple(t, f.raw, orders, types.ScalarAttributeTypeB)
	createSimple(t, f.raw, notes, types.ScalarAttributeTypeS)
	f.api = checked{t, f, f.open(t, optFns...)}
	return f
}

// open makes the face anew.
func (f *operations) open(t *testing.T, optFns ...func(*encryptor.Options)) encryptor.DynamoDBAPI {
	t.Helper()
	var o encryptor.Options
	for _, fn := range optFns {
		fn(&o)
	}
	clientOptions := func(c *encryptor.ClientOptions) {
		c.AllowPlaintextTables = []string{notes}
		c.TableOptions = o.TableOptions
	}
	codecs := []encryptor.ItemCodec{f.table.Codec(), f.codec(t, orders)}
	switch f.face {
	case onTable:
		table, err := encryptor.NewTable(f.client, f.table.Codec(), func(c *encryptor.TableOptions) { *c = o.TableOptions })
		require.NoError(t, err)
		return table
	case onClient:
		client, err := encryptor.NewEncryptedClient(f.client, codecs, clientOptions)
		require.NoError(t, err)
		return client
	default:
		mw, err := encryptor.Middleware(codecs, clientOptions)
		require.NoError(t, err)
		return dynamodb.New(f.client.Options(), mw)
	}
}

// codec is one that encrypts everything but the key id.
func (f *fixture) codec(t *testing.T, table string) encryptor.ItemCodec {
	t.Helper()
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	info, err := tableinfo.Describe(t.Context(), f.raw, table)
	require.NoError(t, err)
	codec, err := encryptor.New(provider, info)
	require.NoError(t, err)
	return codec
}

func createSimple(t *testing.T, db *dynamodb.Client, table string, id types.ScalarAttributeType) {
	t.Helper()
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            &table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: id}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
}

func order(id string) encryptor.Item {
	return encryptor.Item{"id": &itemB{Value: []byte(id)}, "goods": &itemS{Value: secret + id}}
}

func orderKey(id string) encryptor.Item { return encryptor.Item{"id": &itemB{Value: []byte(id)}} }

func note(id string) encryptor.Item {
	return encryptor.Item{"id": &itemS{Value: id}, "text": &itemS{Value: "for everybody"}}
}

func noteKey(id string) encryptor.Item { return encryptor.Item{"id": &itemS{Value: id}} }

// alone tells that the face is of one table, to which the others are unknown.
func (f *operations) alone() bool { return f.face == onTable }

// put writes an item through the face.
func (f *operations) put(t *testing.T, item encryptor.Item) {
	t.Helper()
	_, err := f.api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: item})
	require.NoError(t, err)
}

// get reads an item through the face.
func (f *operations) get(t *testing.T, key encryptor.Item) encryptor.Item {
	t.Helper()
	out, err := f.api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// putRaw writes an item past the face.
func (f *fixture) putRaw(t *testing.T, table string, item encryptor.Item) {
	t.Helper()
	_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
	require.NoError(t, err)
}

// getRaw reads an item of a table past the face.
func (f *fixture) getRaw(t *testing.T, table string, key encryptor.Item) encryptor.Item {
	t.Helper()
	out, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// requireCiphertext requires that the stored form of a customer shows nothing but
// what its actions say.
func requireCiphertext(t *testing.T, item, stored encryptor.Item) {
	t.Helper()
	require.Subset(t, slices.Collect(maps.Keys(stored)), slices.Collect(maps.Keys(item)))
	require.Len(t, stored, len(item)+2)
	for name, v := range stored {
		switch name {
		case "pk", "sk", "city", "visits", "meta":
			require.Equal(t, item[name], v, name)
		default:
			require.IsType(t, &itemB{}, v, name)
			require.NotEqual(t, item[name], v, name)
		}
	}
}

// refusal is a request that is refused before anything is sent.
type refusal struct {
	name      string
	do        func(ctx context.Context, api encryptor.DynamoDBAPI) error
	want      error
	attribute string // at fault, if it is one
	index     int    // of the part at fault, counted from 1; 0 for none
	table     string // that the error names; customers if empty
	nameless  bool   // the error names no table
	says      string
}

// refuses makes a row of refusals.
func refuses(name string, options func(*encryptor.Options), refusals ...refusal) row {
	return row{name, options, func(t *testing.T, f *operations) {
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				f.requireRefused(t, r)
			})
		}
	}}
}

func (f *operations) requireRefused(t *testing.T, r refusal) {
	t.Helper()
	calls, kmsCalls := len(f.server.Calls()), len(f.kms.Calls())
	err := r.do(t.Context(), f.api)
	assert.Len(t, f.server.Calls(), calls, "nothing was sent")
	assert.Len(t, f.kms.Calls(), kmsCalls, "KMS was not called")
	require.ErrorIs(t, err, cmp.Or(r.want, encryptor.ErrUnsupported))
	require.Contains(t, err.Error(), r.says)
	require.NotContains(t, err.Error(), secret)
	var itemError *encryptor.ItemError
	require.ErrorAs(t, err, &itemError)
	assert.Equal(t, r.attribute, itemError.Attribute)
	if r.attribute != "" {
		assert.Contains(t, err.Error(), fmt.Sprintf("%q", r.attribute))
	}
	assert.Equal(t, r.index-1, itemError.Index)
	switch {
	case f.alone(), r.table == "" && !r.nameless:
		assert.Equal(t, customers, itemError.Table)
	default:
		assert.Equal(t, r.table, itemError.Table)
	}
	assert.Contains(t, err.Error(), itemError.Op)
}
