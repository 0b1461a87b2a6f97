package encryptor_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

const customers = "customers"

// fixture is an encrypted table with the keys pk (S) and sk (N), over ddbtest and
// kmstest. By its actions, city is SIGN_ONLY, visits and meta DO_NOTHING, and the
// rest encrypted. Its indexes: by-city (global, ALL), cities (global, KEYS_ONLY),
// partial (global, INCLUDE of what the format adds and nothing else), local
// (KEYS_ONLY) and local-all (ALL).
type fixture struct {
	server *ddbtest.Server
	raw    *dynamodb.Client
	kms    *kmstest.KMS
	key    string
	table  *encryptor.EncryptedTable
}

func newFixture(t *testing.T, optFns ...func(*encryptor.Options)) *fixture {
	t.Helper()
	f := &fixture{server: ddbtest.NewServer(), kms: kmstest.New()}
	t.Cleanup(f.server.Close)
	f.raw = f.server.Client()
	f.key = f.kms.CreateKey("alias/customers")
	createCustomers(t, f.raw)
	f.table = f.open(t, optFns...)
	return f
}

func createCustomers(t *testing.T, db *dynamodb.Client) {
	t.Helper()
	schema := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{
			{AttributeName: aws.String(partition), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
		}
	}
	all := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	keysOnly := &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   aws.String(customers),
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeN},
			{AttributeName: aws.String("city"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("visits"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: schema("pk", "sk"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: aws.String("by-city"), KeySchema: schema("city", "sk"), Projection: all},
			{IndexName: aws.String("cities"), KeySchema: schema("city", "pk"), Projection: keysOnly},
			{IndexName: aws.String("partial"), KeySchema: schema("city", "visits"), Projection: &types.Projection{
				ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*"},
			}},
			{IndexName: aws.String("stampless"), KeySchema: schema("city", "visits"), Projection: &types.Projection{
				ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"name", "*amzn-ddb-map-sig*"},
			}},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{
			{IndexName: aws.String("local"), KeySchema: schema("pk", "visits"), Projection: keysOnly},
			{IndexName: aws.String("local-all"), KeySchema: schema("pk", "city"), Projection: all},
		},
	})
	require.NoError(t, err)
}

func customerActions(o *encryptor.Options) {
	o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly, "visits": actions.DoNothing, "meta": actions.DoNothing}
}

func (f *fixture) open(t *testing.T, optFns ...func(*encryptor.Options)) *encryptor.EncryptedTable {
	t.Helper()
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	options := append([]func(*encryptor.Options){customerActions}, optFns...)
	table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, customers, provider, options...)
	require.NoError(t, err)
	return table
}

func customer(pk string, sk int) encryptor.Item {
	return encryptor.Item{
		"pk":     &types.AttributeValueMemberS{Value: pk},
		"sk":     &types.AttributeValueMemberN{Value: fmt.Sprint(sk)},
		"name":   &types.AttributeValueMemberS{Value: secret + pk},
		"age":    &types.AttributeValueMemberN{Value: "42"},
		"tags":   &types.AttributeValueMemberSS{Value: []string{"b", "a"}},
		"city":   &types.AttributeValueMemberS{Value: "Ulm"},
		"visits": &types.AttributeValueMemberN{Value: "7"},
	}
}

// secret begins every encrypted text; it must be in no table and no error.
const secret = "s3cr3t of "

func customerKey(pk string, sk int) encryptor.Item {
	item := customer(pk, sk)
	return encryptor.Item{"pk": item["pk"], "sk": item["sk"]}
}

func (f *fixture) put(t *testing.T, item encryptor.Item) {
	t.Helper()
	_, err := f.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
	require.NoError(t, err)
}

// stored returns the item as DynamoDB holds it.
func (f *fixture) stored(t *testing.T, key encryptor.Item) encryptor.Item {
	t.Helper()
	out, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// damage flips a bit of a stored item's signature.
func (f *fixture) damage(t *testing.T, key encryptor.Item) {
	t.Helper()
	item := f.stored(t, key)
	item["*amzn-ddb-map-sig*"].(*types.AttributeValueMemberB).Value[0] ^= 1
	_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: item})
	require.NoError(t, err)
}

func requireItems(t *testing.T, want, got []encryptor.Item) {
	t.Helper()
	texts := func(items []encryptor.Item) []string {
		var all []string
		for _, item := range items {
			all = append(all, vectors.Text(item))
		}
		return all
	}
	require.Equal(t, texts(want), texts(got))
}

func TestTableConstructors(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	fails := func(want string, optFns ...func(*encryptor.Options)) {
		t.Helper()
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, customers, provider, optFns...)
		require.Nil(t, table)
		require.ErrorContains(t, err, want)
	}
	fails(`attribute "city" is a key of index`, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"visits": actions.DoNothing}
	})
	signed := map[string]actions.CryptoAction{"city": actions.SignOnly, "visits": actions.DoNothing}
	fails("Concurrency", func(o *encryptor.Options) { o.Actions.Overrides, o.Concurrency = signed, -1 })
	fails(`"pk"`, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"pk": actions.EncryptAndSign}
	})

	_, err = encryptor.NewEncryptedTable(t.Context(), nil, customers, provider)
	require.ErrorContains(t, err, "nil DynamoDB client")
	_, err = encryptor.NewEncryptedTable(t.Context(), f.raw, customers, nil)
	require.ErrorContains(t, err, "nil materials provider")
	_, err = encryptor.NewTable(f.raw, nil)
	require.ErrorContains(t, err, "nil item codec")
	_, err = encryptor.NewTable(nil, f.table.Codec())
	require.ErrorContains(t, err, "nil DynamoDB client")

	describes := slices.DeleteFunc(f.server.Calls(), func(op string) bool { return op != "DescribeTable" })
	before := len(describes)
	f.open(t)
	require.Len(t, slices.DeleteFunc(f.server.Calls(), func(op string) bool { return op != "DescribeTable" }), before+1)
}

// What the description of the table does not know, the signature decides.
func TestTableIndexThatIsNotKnown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	item := customer("ada", 1)
	f.put(t, item)
	info := f.table.Codec().Table()
	info.Secondary = nil
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	codec, err := encryptor.New(provider, info, customerActions)
	require.NoError(t, err)
	table, err := encryptor.NewTable(f.raw, codec)
	require.NoError(t, err)
	out, err := table.Scan(t.Context(), &dynamodb.ScanInput{IndexName: aws.String("by-city")})
	require.NoError(t, err)
	requireItems(t, []encryptor.Item{item}, out.Items)
	_, err = table.Scan(t.Context(), &dynamodb.ScanInput{IndexName: aws.String("cities")})
	require.ErrorIs(t, err, encryptor.ErrUnsigned)
}

func TestNewEncryptedTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, customer("ada", 1))
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	byARN, err := encryptor.NewEncryptedTable(t.Context(), f.raw, f.table.Codec().Table().ARN, provider, customerActions)
	require.NoError(t, err)
	got, err := byARN.GetItem(t.Context(), &dynamodb.GetItemInput{Key: customerKey("ada", 1)})
	require.NoError(t, err)
	require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(got.Item))

	table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, "custmers", provider)
	require.Nil(t, table)
	var notFound *types.ResourceNotFoundException
	require.ErrorAs(t, err, &notFound)
	require.Contains(t, err.Error(), `"custmers"`)
}

func TestTableKeyedByTableInfo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.Equal(t, tableinfo.TableInfo{Name: customers, Primary: tableinfo.Index{PartitionKey: "pk", SortKey: "sk"}}.KeyNames(), f.table.Codec().Table().KeyNames())
	require.Equal(t, []string{"city", "pk", "sk", "visits"}, f.table.Codec().Table().ProtectedIndexKeys())
}

// Where plaintext is accepted, part of an encrypted item could pass for a whole
// one, so no index is read of which it is not known what it holds.
func TestTableIndexesBesidePlaintext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(t, customer("ada", 1))
	allow := func(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads }
	known := f.open(t, allow)
	info := known.Codec().Table()
	info.Secondary = nil
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	codec, err := encryptor.New(provider, info, customerActions, allow)
	require.NoError(t, err)
	unknown, err := encryptor.NewTable(f.raw, codec)
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		table    *encryptor.EncryptedTable
		index    string
		selected types.Select
		refused  bool
	}{
		{"ALL", known, "by-city", "", false},
		{"local, whole", known, "local", types.SelectAllAttributes, false},
		{"local, keys", known, "local", "", true},
		{"unknown, keys", unknown, "cities", "", true},
		{"unknown, whole", unknown, "by-city", types.SelectAllAttributes, false},
		{"count", unknown, "cities", types.SelectCount, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := c.table.Scan(t.Context(), &dynamodb.ScanInput{IndexName: aws.String(c.index), Select: c.selected})
			if c.refused {
				require.ErrorIs(t, err, encryptor.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, 1, out.Count)
			if c.selected != types.SelectCount {
				require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(out.Items[0]))
			}
		})
	}
}
