package metastore_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

func TestVersionsFromTheFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()

	_, err := f.store.MaxVersion(ctx, material)
	require.ErrorIs(t, err, materials.ErrVersionNotFound)
	_, _, err = f.store.Latest(ctx, material)
	require.ErrorIs(t, err, materials.ErrVersionNotFound)
	_, err = f.store.Provider(ctx, material, 0)
	require.ErrorIs(t, err, materials.ErrVersionNotFound)
	require.NotErrorIs(t, err, materials.ErrStore)
	require.ErrorContains(t, err, `table "meta" has no material "payroll", version 0; is it the right meta table?`)
	require.ErrorContains(t, err, "destroys the data")
	require.Empty(t, f.rows(t, metaTable), "reading made a version")

	created, version, err := f.store.GetOrCreate(ctx, material, 0)
	require.NoError(t, err)
	require.Zero(t, version)
	again, version, err := f.store.GetOrCreate(ctx, material, 0)
	require.NoError(t, err)
	require.Zero(t, version)
	requireSameKeys(t, created, again)

	f.rotate(t, material, 1, 11)
	highest, err := f.store.MaxVersion(ctx, material)
	require.NoError(t, err)
	require.EqualValues(t, 11, highest, "versions are ordered as numbers, not as text")
	latest, version, err := f.store.Latest(ctx, material)
	require.NoError(t, err)
	require.EqualValues(t, 11, version)
	byNumber, err := f.store.Provider(ctx, material, 11)
	require.NoError(t, err)
	requireSameKeys(t, latest, byNumber)

	first, err := f.store.Provider(ctx, material, 0)
	require.NoError(t, err)
	requireSameKeys(t, created, first)

	other, _, err := f.store.GetOrCreate(ctx, "other", 7)
	require.NoError(t, err)
	require.NotNil(t, other)
	highest, err = f.store.MaxVersion(ctx, "other")
	require.NoError(t, err)
	require.EqualValues(t, 7, highest, "names have versions of their own")
}

func TestItemsNameTheirVersion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 2)
	f.rotate(t, "other", 0, 2)
	provider, err := f.store.Provider(t.Context(), material, 1)
	require.NoError(t, err)

	m, err := provider.EncryptionMaterials(t.Context(), materials.EncryptionContext{})
	require.NoError(t, err)
	require.Equal(t, "payroll#1", m.Description[metaID])
	require.Equal(t, "AESWrap", m.Description["amzn-ddb-wrap-alg"])
	version, err := f.store.VersionOf(m.Description)
	require.NoError(t, err)
	require.EqualValues(t, 1, version)
	second, err := provider.EncryptionMaterials(t.Context(), materials.EncryptionContext{})
	require.NoError(t, err)
	require.NotEqual(t, m.Description["amzn-ddb-env-key"], second.Description["amzn-ddb-env-key"], "each item has a content key of its own")

	tests := map[string]struct {
		id      string
		absent  bool
		want    error
		message string
	}{
		"its own":         {id: "payroll#1"},
		"leading zeros":   {id: "payroll#01"},
		"another version": {id: "payroll#0", want: materials.ErrNoDecryptionMaterials, message: `"payroll", version 0; this provider is that of material "payroll", version 1`},
		"another name":    {id: "other#1", want: materials.ErrNoDecryptionMaterials, message: `"other", version 1; this provider is that of material "payroll", version 1`},
		"no version":      {id: "payroll#", want: materials.ErrDescription, message: "payroll#"},
		"absent":          {absent: true, want: materials.ErrDescription, message: "missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			description := map[string]string{}
			for entry, value := range m.Description {
				description[entry] = value
			}
			description[metaID] = tt.id
			if tt.absent {
				delete(description, metaID)
			}
			got, err := provider.DecryptionMaterials(t.Context(), materials.EncryptionContext{Description: description})
			if tt.want == nil {
				require.NoError(t, err)
				require.NotNil(t, got.DecryptionKey)
				return
			}
			require.Nil(t, got)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.message)
		})
	}
}

// Versions of all meta tables have the same numbers, so that an item of another
// table's version is known only by its key, which does not unwrap.
func TestItemOfAnotherMetaTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 2)
	fork := f.newTable(t, "fork")
	_, _, err := fork.GetOrCreate(t.Context(), material, 0)
	require.NoError(t, err)

	writer, err := f.store.Provider(t.Context(), material, 0)
	require.NoError(t, err)
	stored, err := dataEncryptor(t, writer).Encrypt(t.Context(), dataItem())
	require.NoError(t, err)
	mostRecent, err := materials.NewCachingMostRecentProvider(fork, material, time.Minute)
	require.NoError(t, err)
	direct, err := fork.Provider(t.Context(), material, 0)
	require.NoError(t, err)
	for _, reader := range []materials.CryptographicMaterialsProvider{direct, mostRecent} {
		read, err := dataEncryptor(t, reader).Decrypt(t.Context(), stored)
		require.Nil(t, read)
		require.ErrorIs(t, err, materials.ErrUnwrap)
		require.NotErrorIs(t, err, materials.ErrStore, "the meta table did not fail")
		require.ErrorContains(t, err, `material "payroll", version 0 of meta table "fork": unwrap content key: `)
		require.ErrorContains(t, err, "is it the right meta table?")
	}

	// A version that the other table does not have is one that is missing.
	writer, err = f.store.Provider(t.Context(), material, 1)
	require.NoError(t, err)
	stored, err = dataEncryptor(t, writer).Encrypt(t.Context(), dataItem())
	require.NoError(t, err)
	_, err = dataEncryptor(t, mostRecent).Decrypt(t.Context(), stored)
	require.ErrorIs(t, err, materials.ErrVersionNotFound)
	require.ErrorContains(t, err, `table "fork" has no material "payroll", version 1; is it the right meta table?`)

	// Of other faults, the error names the version and suspects no other table.
	m, err := direct.EncryptionMaterials(t.Context(), materials.EncryptionContext{})
	require.NoError(t, err)
	delete(m.Description, "amzn-ddb-env-key")
	_, err = direct.DecryptionMaterials(t.Context(), materials.EncryptionContext{Description: m.Description})
	require.ErrorIs(t, err, materials.ErrDescription)
	require.ErrorContains(t, err, `material "payroll", version 0 of meta table "fork": `)
	require.NotContains(t, err.Error(), "right meta table")
}

// A service that uses the versions which exist writes nothing to the meta table.
// Without the permission to, a misspelt material name makes no version.
func TestServicesThatMayNotPut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 2)
	service := func(name string) *encryptor.ItemEncryptor {
		p, err := materials.NewCachingMostRecentProvider(f.store, name, time.Minute)
		require.NoError(t, err)
		return dataEncryptor(t, p)
	}
	f.server.FailNext("PutItem", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to perform: dynamodb:PutItem"})

	db, _ := f.calls(func() {
		stored, err := service(material).Encrypt(t.Context(), dataItem())
		require.NoError(t, err)
		read, err := service(material).Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, dataItem(), read)
	})
	require.Equal(t, []string{"Query", "GetItem"}, db)

	stored, err := service("payrol").Encrypt(t.Context(), dataItem())
	require.Nil(t, stored)
	requireOpaque(t, err)
	var failure *metastore.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "PutItem", failure.Op)
	require.Equal(t, "AccessDeniedException", failure.Code)
	require.Equal(t, []string{"payroll#0", "payroll#1"}, f.rows(t, metaTable))

	// With the permission, it does.
	_, err = service("payrol").Encrypt(t.Context(), dataItem())
	require.NoError(t, err)
	require.Equal(t, []string{"payrol#0", "payroll#0", "payroll#1"}, f.rows(t, metaTable))
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for id, want := range map[string]int64{
		"payroll#0": 0, "payroll#12": 12, "p#007": 7, "名前 x#3": 3,
		"payroll#9223372036854775807": 9223372036854775807, "payroll#0000000000000000001": 1,
	} {
		got, err := f.store.VersionOf(map[string]string{metaID: id, "other": "entry"})
		require.NoError(t, err, id)
		require.Equal(t, want, got, id)
	}
	for _, id := range []string{
		"", "#", "#5", "payroll", "payroll#", "payroll#x", "payroll#-1", "payroll#+1", "payroll# 7", "payroll#7 ", "payroll#1_0", "payroll#1.0",
		"payroll#1e3", "payroll#0x1", "pay#roll#1", "payroll##1", "payroll#1#", "payroll#٣", "payroll#9223372036854775808",
		"payroll#00000000000000000001", "payroll#99999999999999999999", "payroll#" + strings.Repeat("9", 1<<16),
	} {
		version, err := f.store.VersionOf(map[string]string{metaID: id})
		require.ErrorIs(t, err, materials.ErrDescription, id)
		require.Zero(t, version)
		require.Less(t, len(err.Error()), 300, "a long entry floods the log")
	}
	for _, description := range []map[string]string{nil, {}, {"other": "payroll#1"}} {
		_, err := f.store.VersionOf(description)
		require.ErrorIs(t, err, materials.ErrDescription)
		require.ErrorContains(t, err, "missing")
	}
}

func TestInvalidIDsAreRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	target := f.newTable(t, "replica")
	byName := map[string]func(ctx context.Context, name string) error{
		"Latest":     func(ctx context.Context, name string) error { _, _, err := f.store.Latest(ctx, name); return err },
		"MaxVersion": func(ctx context.Context, name string) error { _, err := f.store.MaxVersion(ctx, name); return err },
		"Rotate":     func(ctx context.Context, name string) error { _, err := f.store.Rotate(ctx, name); return err },
		"Provider":   func(ctx context.Context, name string) error { _, err := f.store.Provider(ctx, name, 0); return err },
		"GetOrCreate": func(ctx context.Context, name string) error {
			_, _, err := f.store.GetOrCreate(ctx, name, 0)
			return err
		},
		"Replicate": func(ctx context.Context, name string) error { return f.store.Replicate(ctx, name, 0, target) },
	}
	db, kms := f.calls(func() {
		for method, call := range byName {
			for _, name := range []string{"", "a#b", "#", "a\xffb", strings.Repeat("n", 2049), strings.Repeat("é", 1025)} {
				err := call(t.Context(), name)
				assert.ErrorIs(t, err, metastore.ErrInvalidID, "%s(%.20q)", method, name)
				assert.Less(t, len(err.Error()), 400)
			}
		}
		_, err := f.store.Provider(t.Context(), material, -1)
		assert.ErrorIs(t, err, metastore.ErrInvalidID)
		_, _, err = f.store.GetOrCreate(t.Context(), material, -1)
		assert.ErrorIs(t, err, metastore.ErrInvalidID)
		assert.ErrorIs(t, f.store.Replicate(t.Context(), material, -1, target), metastore.ErrInvalidID)
		assert.ErrorContains(t, f.store.Replicate(t.Context(), material, 0, nil), "nil MetaStore")
	})
	require.Empty(t, db)
	require.Empty(t, kms)

	for _, name := range []string{"x", strings.Repeat("n", 2048), "名前 with space"} {
		_, err := f.store.Rotate(t.Context(), name)
		require.NoError(t, err)
	}
}

// The numbers are those of the package documentation.
func TestCallsOfEachOperation(t *testing.T) {
	t.Parallel()
	const query, get, put, generate, decrypt = "Query", "GetItem", "PutItem", "GenerateDataKey", "Decrypt"
	f := newFixture(t)
	target := f.newTable(t, "replica")
	f.rotate(t, material, 0, 1)
	tests := []struct {
		name    string
		call    func(ctx context.Context) error
		db, kms []string
		want    error
	}{
		{"Latest", func(ctx context.Context) error { _, _, err := f.store.Latest(ctx, material); return err }, []string{query}, []string{decrypt}, nil},
		{"Latest of none", func(ctx context.Context) error { _, _, err := f.store.Latest(ctx, "none"); return err }, []string{query}, nil, materials.ErrVersionNotFound},
		{"MaxVersion", func(ctx context.Context) error { _, err := f.store.MaxVersion(ctx, material); return err }, []string{query}, []string{decrypt}, nil},
		{"Provider", func(ctx context.Context) error { _, err := f.store.Provider(ctx, material, 0); return err }, []string{get}, []string{decrypt}, nil},
		{"Provider of none", func(ctx context.Context) error { _, err := f.store.Provider(ctx, material, 9); return err }, []string{get}, nil, materials.ErrVersionNotFound},
		{"GetOrCreate, exists", func(ctx context.Context) error { _, _, err := f.store.GetOrCreate(ctx, material, 0); return err }, []string{get}, []string{decrypt}, nil},
		{"GetOrCreate, new", func(ctx context.Context) error { _, _, err := f.store.GetOrCreate(ctx, "new", 0); return err }, []string{get, put}, []string{generate}, nil},
		{"Rotate", func(ctx context.Context) error { _, err := f.store.Rotate(ctx, material); return err }, []string{query, put}, []string{decrypt, generate}, nil},
		{"Rotate from none", func(ctx context.Context) error { _, err := f.store.Rotate(ctx, "fresh"); return err }, []string{query, put}, []string{generate}, nil},
		{"Replicate", func(ctx context.Context) error { return f.store.Replicate(ctx, material, 0, target) }, []string{get, put}, []string{decrypt, generate}, nil},
		{"Replicate, exists", func(ctx context.Context) error { return f.store.Replicate(ctx, material, 0, target) }, []string{get, put, get}, []string{decrypt, generate, decrypt}, nil},
		{"VersionOf", func(context.Context) error {
			_, err := f.store.VersionOf(map[string]string{metaID: "payroll#0"})
			return err
		}, nil, nil, nil},
	}
	for _, tt := range tests {
		var err error
		db, kms := f.calls(func() { err = tt.call(t.Context()) })
		if tt.want == nil {
			require.NoError(t, err, tt.name)
		} else {
			require.ErrorIs(t, err, tt.want, tt.name)
		}
		assert.ElementsMatch(t, tt.db, db, tt.name)
		assert.ElementsMatch(t, tt.kms, kms, tt.name)
	}
}

// Reads are consistent: a process that is told of a version by an item finds it.
func TestStaleReadsAreNotUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 1)
	f.server.SetStaleReads(true)
	f.rotate(t, material, 1, 2)

	stale, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(metaTable), Key: rowKey(material, 2)})
	require.NoError(t, err)
	require.Empty(t, stale.Item, "the fake does not delay reads")

	version, err := f.store.MaxVersion(t.Context(), material)
	require.NoError(t, err)
	require.EqualValues(t, 2, version)
	_, version, err = f.store.Latest(t.Context(), material)
	require.NoError(t, err)
	require.EqualValues(t, 2, version)
	_, err = f.store.Provider(t.Context(), material, 2)
	require.NoError(t, err)

	// Another process makes version 3 between our read and our write.
	rival := f.open(t, metaTable, nil)
	var theirs materials.CryptographicMaterialsProvider
	f.server.BeforeNext("PutItem", func() {
		theirs, _, err = rival.GetOrCreate(context.Background(), material, 3)
		assert.NoError(t, err)
	})
	ours, version, err := f.store.GetOrCreate(t.Context(), material, 3)
	require.NoError(t, err, "the winner's row is read consistently")
	require.EqualValues(t, 3, version)
	requireSameKeys(t, ours, theirs)
}

// refusals are answers to a PutItem that did not take effect.
func refusals() map[string]error {
	return map[string]error{
		"AccessDeniedException":                  &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"},
		"ResourceNotFoundException":              &types.ResourceNotFoundException{},
		"ProvisionedThroughputExceededException": &types.ProvisionedThroughputExceededException{},
		"ThrottlingException":                    &smithy.GenericAPIError{Code: "ThrottlingException"},
		"RequestLimitExceeded":                   &types.RequestLimitExceeded{},
		"ItemCollectionSizeLimitExceeded":        &types.ItemCollectionSizeLimitExceededException{},
		"TransactionConflictException":           &types.TransactionConflictException{},
		"ValidationException":                    &smithy.GenericAPIError{Code: "ValidationException"},
		"UnrecognizedClientException":            &smithy.GenericAPIError{Code: "UnrecognizedClientException"},
		"KMSAccessDeniedException":               &smithy.GenericAPIError{Code: "KMSAccessDeniedException"},
		"InternalServerError":                    &types.InternalServerError{},
		"ServiceUnavailable":                     &smithy.GenericAPIError{Code: "ServiceUnavailable", Fault: smithy.FaultServer},
		"connection lost":                        io.ErrUnexpectedEOF,
	}
}

// Python returns a provider whose key was never stored, and all that is written
// with it is lost.
func TestFailedPutHandsOutNoKey(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.server.FailNext("PutItem", refusal)
			provider, version, err := f.store.GetOrCreate(t.Context(), material, 0)
			require.Nil(t, provider)
			require.Zero(t, version)
			requireOpaque(t, err)
			require.NotErrorIs(t, err, materials.ErrVersionNotFound)
			var failure *metastore.Error
			require.ErrorAs(t, err, &failure)
			require.Equal(t, "PutItem", failure.Op)
			if api, ok := refusal.(smithy.APIError); ok {
				require.Equal(t, api.ErrorCode(), failure.Code)
				require.ErrorContains(t, err, api.ErrorCode())
			} else {
				require.Empty(t, failure.Code)
			}

			f.server.FailNext("PutItem", refusal)
			version, err = f.store.Rotate(t.Context(), material)
			require.Zero(t, version)
			requireOpaque(t, err)
			require.Empty(t, f.rows(t, metaTable))

			// The failure has left nothing behind: the next call makes new keys, which
			// are those of everybody else.
			provider, _, err = f.store.GetOrCreate(t.Context(), material, 0)
			require.NoError(t, err)
			others, err := f.open(t, metaTable, nil).Provider(t.Context(), material, 0)
			require.NoError(t, err)
			requireSameKeys(t, provider, others)
		})
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	getOrCreate := func(f *fixture) (materials.CryptographicMaterialsProvider, int64, error) {
		return f.store.GetOrCreate(context.Background(), material, 0)
	}
	rotate := func(f *fixture) (materials.CryptographicMaterialsProvider, int64, error) {
		version, err := f.store.Rotate(context.Background(), material)
		return nil, version, err
	}
	for name, create := range map[string]func(f *fixture) (materials.CryptographicMaterialsProvider, int64, error){"GetOrCreate": getOrCreate, "Rotate": rotate} {
		for _, lost := range []error{io.ErrUnexpectedEOF, &types.InternalServerError{}, &smithy.GenericAPIError{Code: "ServiceUnavailable", Fault: smithy.FaultServer}} {
			t.Run(fmt.Sprintf("%s/%v", name, lost), func(t *testing.T) {
				t.Parallel()
				t.Run("ours is there", func(t *testing.T) {
					f := newFixture(t)
					f.server.LoseNext("PutItem", lost)
					provider, version, err := create(f)
					require.NoError(t, err)
					require.Zero(t, version)
					require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable))
					requireStored(t, f, provider)
				})
				t.Run("the SDK tries again", func(t *testing.T) {
					// The second attempt finds the row of the first.
					f := newFixture(t)
					f.raw = f.server.Client()
					f.store = f.open(t, metaTable, nil)
					f.server.LoseNext("PutItem", lost)
					var (
						provider materials.CryptographicMaterialsProvider
						version  int64
						err      error
					)
					db, _ := f.calls(func() { provider, version, err = create(f) })
					require.NoError(t, err)
					require.Zero(t, version)
					require.Equal(t, []string{"PutItem", "PutItem", "GetItem"}, db[1:])
					require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable))
					requireStored(t, f, provider)
				})
				t.Run("it cannot be told", func(t *testing.T) {
					f := newFixture(t)
					f.server.LoseNext("PutItem", lost)
					f.server.BeforeNext("PutItem", func() { f.server.FailNext("GetItem", &types.ProvisionedThroughputExceededException{}) })
					provider, _, err := create(f)
					require.Nil(t, provider)
					requireOpaque(t, err)
					require.ErrorContains(t, err, "; then: ")
					require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable), "the row is there, and whoever comes next uses it")
				})
				t.Run("a rival is there", func(t *testing.T) {
					f := newFixture(t)
					rival := f.open(t, metaTable, nil)
					var theirs materials.CryptographicMaterialsProvider
					f.server.LoseNext("PutItem", lost)
					f.server.BeforeNext("PutItem", func() {
						theirs = plant(t, f, rival)
					})
					provider, version, err := create(f)
					require.NoError(t, err)
					if name == "Rotate" {
						require.EqualValues(t, 1, version, "the rival's version is not ours to return")
						return
					}
					requireSameKeys(t, provider, theirs)
				})
			})
		}
	}
}

// A client that is not the SDK's, such as that of DAX, has no HTTP status to show.
func TestLostAnswersOfOtherClients(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	table, err := encryptor.NewEncryptedTable(t.Context(), losingClient{f.raw}, metaTable, provider)
	require.NoError(t, err)
	store, err := metastore.New(table)
	require.NoError(t, err)
	got, _, err := store.GetOrCreate(t.Context(), material, 0)
	require.NoError(t, err)
	requireStored(t, f, got)
}

// losingClient writes and says that the service failed.
type losingClient struct{ *dynamodb.Client }

func (c losingClient) PutItem(ctx context.Context, in *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	if _, err := c.Client.PutItem(ctx, in, optFns...); err != nil {
		return nil, err
	}
	return nil, &types.InternalServerError{}
}

// requireStored requires that others find the same keys; provider may be nil.
func requireStored(t *testing.T, f *fixture, provider materials.CryptographicMaterialsProvider) {
	t.Helper()
	stored, err := f.open(t, metaTable, nil).Provider(t.Context(), material, 0)
	require.NoError(t, err)
	if provider != nil {
		requireSameKeys(t, provider, stored)
	}
}

// plant stores a rival's version 0 by a transaction, past the faults of PutItem.
func plant(t *testing.T, f *fixture, rival *metastore.MetaStore) materials.CryptographicMaterialsProvider {
	t.Helper()
	_, err := f.openTable(t, metaTable, nil).TransactWriteItems(context.Background(), &dynamodb.TransactWriteItemsInput{
		TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: aws.String(metaTable), Item: plainRow(material, "0")}}},
	})
	assert.NoError(t, err)
	provider, err := rival.Provider(context.Background(), material, 0)
	assert.NoError(t, err)
	return provider
}

// plainRow is a row as Python and Java make it.
func plainRow(name, version string) encryptor.Item {
	return encryptor.Item{
		"N": &attrS{Value: name}, "V": &attrN{Value: version}, "t": &attrS{Value: "0"},
		"encAlg": &attrS{Value: "AES"}, "enc": &attrB{Value: []byte(strings.Repeat("e", 32))},
		"intAlg": &attrS{Value: "HmacSHA256"}, "int": &attrB{Value: []byte(strings.Repeat("i", 32))},
	}
}

// Two processes of many goroutines start at once on a fresh name.
func TestRaceForTheFirstVersion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stores := []*metastore.MetaStore{f.store, f.open(t, metaTable, nil)}
	providers := make([]materials.CryptographicMaterialsProvider, 16)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range providers {
		done.Go(func() {
			start.Wait()
			provider, version, err := stores[i%2].GetOrCreate(context.Background(), material, 0)
			assert.NoError(t, err)
			assert.Zero(t, version)
			providers[i] = provider
		})
	}
	start.Done()
	done.Wait()
	require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable))
	for _, provider := range providers {
		requireSameKeys(t, provider, providers[0])
	}
}

func TestCancelledContexts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 1)
	target := f.newTable(t, "replica")
	calls := map[string]func(ctx context.Context) error{
		"Latest":      func(ctx context.Context) error { _, _, err := f.store.Latest(ctx, material); return err },
		"MaxVersion":  func(ctx context.Context) error { _, err := f.store.MaxVersion(ctx, material); return err },
		"Provider":    func(ctx context.Context) error { _, err := f.store.Provider(ctx, material, 0); return err },
		"GetOrCreate": func(ctx context.Context) error { _, _, err := f.store.GetOrCreate(ctx, "new", 0); return err },
		"Rotate":      func(ctx context.Context) error { _, err := f.store.Rotate(ctx, material); return err },
		"Replicate":   func(ctx context.Context) error { return f.store.Replicate(ctx, material, 0, target) },
	}
	for name, call := range calls {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := call(ctx)
		require.ErrorIs(t, err, context.Canceled, name)
		require.ErrorIs(t, err, materials.ErrStore, name)
		expired, cancel := context.WithTimeout(t.Context(), 0)
		require.ErrorIs(t, call(expired), context.DeadlineExceeded, name)
		cancel()
	}
	require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable))

	// Cancelled while the write is under way: no key, whatever became of the row.
	ctx, cancel := context.WithCancel(t.Context())
	f.server.AfterNext("PutItem", cancel)
	provider, _, err := f.store.GetOrCreate(ctx, "new", 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, provider)
	requireOpaque(t, err)
	require.Contains(t, f.rows(t, metaTable), "new#0")
}

// Whatever an item says, its version is one that this package would write, or none.
func FuzzVersionOf(f *testing.F) {
	for _, id := range []string{"payroll#0", "payroll#9223372036854775807", "payroll#9223372036854775808", "#5", "x#", "x#-1", "x# 7 ", "x#1_0", "a#b#1", "x#007", "x#\xff"} {
		f.Add(id)
	}
	store := newFixture(f).store
	f.Fuzz(func(t *testing.T, id string) {
		version, err := store.VersionOf(map[string]string{metaID: id})
		if err != nil {
			require.ErrorIs(t, err, materials.ErrDescription)
			return
		}
		require.GreaterOrEqual(t, version, int64(0))
		name, digits, _ := strings.Cut(id, "#")
		require.NotEmpty(t, name)
		require.Equal(t, strings.TrimLeft(digits, "0"), strings.TrimLeft(strconv.FormatInt(version, 10), "0"))
	})
}
