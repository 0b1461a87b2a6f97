package metastore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

const (
	metaTable = "meta"
	material  = "payroll"
	metaID    = "amzn-ddb-meta-id"
)

type (
	attrS = types.AttributeValueMemberS
	attrN = types.AttributeValueMemberN
	attrB = types.AttributeValueMemberB
)

// fixture is a meta table over ddbtest and kmstest. Its client does not repeat
// requests, so that one fault is one failure.
type fixture struct {
	server *ddbtest.Server
	raw    *dynamodb.Client
	kms    *kmstest.KMS
	key    string
	store  *metastore.MetaStore
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{server: ddbtest.NewServer(), kms: kmstest.New()}
	t.Cleanup(f.server.Close)
	f.raw = dynamodb.New(f.server.Client().Options(), withoutRetries)
	f.key = f.kms.CreateKey("alias/meta")
	require.NoError(t, metastore.CreateTable(t.Context(), f.raw, metaTable))
	f.store = f.open(t, metaTable, nil)
	return f
}

func withoutRetries(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// openTable is the encrypted meta table. configure may be nil.
func (f *fixture) openTable(t testing.TB, table string, configure func(*encryptor.Options)) *encryptor.EncryptedTable {
	t.Helper()
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	if configure == nil {
		configure = func(*encryptor.Options) {}
	}
	encrypted, err := encryptor.NewEncryptedTable(t.Context(), f.raw, table, provider, configure)
	require.NoError(t, err)
	return encrypted
}

func (f *fixture) open(t testing.TB, table string, configure func(*encryptor.Options), optFns ...func(*metastore.Options)) *metastore.MetaStore {
	t.Helper()
	store, err := metastore.New(f.openTable(t, table, configure), optFns...)
	require.NoError(t, err)
	return store
}

// newTable creates a further meta table.
func (f *fixture) newTable(t testing.TB, table string) *metastore.MetaStore {
	t.Helper()
	require.NoError(t, metastore.CreateTable(t.Context(), f.raw, table))
	return f.open(t, table, nil)
}

// rotate makes versions and requires that they are numbered from first.
func (f *fixture) rotate(t testing.TB, name string, first, n int64) {
	t.Helper()
	for version := first; version < first+n; version++ {
		got, err := f.store.Rotate(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, version, got)
	}
}

// rows returns the ids of the stored rows of a table, sorted.
func (f *fixture) rows(t testing.TB, table string) []string {
	t.Helper()
	out, err := f.raw.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(table), ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	ids := []string{}
	for _, item := range out.Items {
		ids = append(ids, item["N"].(*attrS).Value+"#"+item["V"].(*attrN).Value)
	}
	slices.Sort(ids)
	return ids
}

func (f *fixture) tamper(name string, version int64, change func(item encryptor.Item)) {
	f.server.Tamper(metaTable, rowKey(name, version), change)
}

// calls runs f and returns what was asked of DynamoDB and of KMS meanwhile.
func (f *fixture) calls(run func()) (db, kms []string) {
	dbBefore, kmsBefore := len(f.server.Calls()), len(f.kms.Calls())
	run()
	for _, call := range f.kms.Calls()[kmsBefore:] {
		kms = append(kms, call.Op)
	}
	return f.server.Calls()[dbBefore:], kms
}

func rowKey(name string, version int64) encryptor.Item {
	return encryptor.Item{"N": &attrS{Value: name}, "V": &attrN{Value: fmt.Sprint(version)}}
}

// dataEncryptor encrypts the items of a data table by a provider of the store.
func dataEncryptor(t testing.TB, p materials.CryptographicMaterialsProvider) *encryptor.ItemEncryptor {
	t.Helper()
	e, err := encryptor.New(p, tableinfo.TableInfo{Name: "salaries", Primary: tableinfo.Index{PartitionKey: "id"}})
	require.NoError(t, err)
	return e
}

func dataItem() encryptor.Item {
	return encryptor.Item{"id": &attrS{Value: "e-1"}, "salary": &attrN{Value: "70500"}}
}

// requireSameKeys requires that each provider reads what the other wrote.
func requireSameKeys(t testing.TB, a, b materials.CryptographicMaterialsProvider) {
	t.Helper()
	for _, pair := range [][2]materials.CryptographicMaterialsProvider{{a, b}, {b, a}} {
		stored, err := dataEncryptor(t, pair[0]).Encrypt(t.Context(), dataItem())
		require.NoError(t, err)
		read, err := dataEncryptor(t, pair[1]).Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, dataItem(), read)
	}
}

// requireOtherKeys requires that what a writes is not readable under b, although it
// is of the same version.
func requireOtherKeys(t testing.TB, a, b materials.CryptographicMaterialsProvider) {
	t.Helper()
	stored, err := dataEncryptor(t, a).Encrypt(t.Context(), dataItem())
	require.NoError(t, err)
	_, err = dataEncryptor(t, b).Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, materials.ErrUnwrap)
}

// requireOpaque requires that nothing of the meta table's own passes for an error
// about the caller's table or item.
func requireOpaque(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, materials.ErrStore)
	var (
		failure *metastore.Error
		item    *encryptor.ItemError
		named   interface{ AttributeName() string }
		dynamo  *smithy.OperationError
		exists  *types.ConditionalCheckFailedException
		slow    *types.ProvisionedThroughputExceededException
		api     smithy.APIError
	)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, metaTable, failure.Table)
	require.False(t, errors.As(err, &item), "an ItemError of the meta table shows: %v", err)
	require.False(t, errors.As(err, &named), "an attribute of the meta table shows: %v", err)
	require.False(t, errors.As(err, &exists))
	require.False(t, errors.As(err, &slow))
	if errors.As(err, &dynamo) {
		require.Equal(t, "KMS", dynamo.ServiceID, "an error of DynamoDB shows: %v", err)
	}
	if errors.As(err, &api) {
		require.ErrorIs(t, err, materials.ErrKMS)
	}
	for _, other := range []error{
		materials.ErrSignature, encryptor.ErrInvalidSignature, encryptor.ErrUnsigned, encryptor.ErrDecrypt, encryptor.ErrInvalidValue,
		encryptor.ErrReservedAttribute, materials.ErrDescription, materials.ErrUnwrap, materials.ErrContextMismatch,
	} {
		require.NotErrorIs(t, err, other)
	}
}
