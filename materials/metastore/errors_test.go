package metastore_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// reads are the methods that read a row.
var reads = map[string]func(ctx context.Context, m *metastore.MetaStore) (materials.CryptographicMaterialsProvider, error){
	"Latest": func(ctx context.Context, m *metastore.MetaStore) (materials.CryptographicMaterialsProvider, error) {
		provider, _, err := m.Latest(ctx, material)
		return provider, err
	},
	"MaxVersion": func(ctx context.Context, m *metastore.MetaStore) (materials.CryptographicMaterialsProvider, error) {
		_, err := m.MaxVersion(ctx, material)
		return nil, err
	},
	"Provider": func(ctx context.Context, m *metastore.MetaStore) (materials.CryptographicMaterialsProvider, error) {
		return m.Provider(ctx, material, 0)
	},
	"GetOrCreate": func(ctx context.Context, m *metastore.MetaStore) (materials.CryptographicMaterialsProvider, error) {
		provider, _, err := m.GetOrCreate(ctx, material, 0)
		return provider, err
	},
}

func TestTamperedRows(t *testing.T) {
	t.Parallel()
	tests := map[string]func(item encryptor.Item){
		"key changed":            func(item encryptor.Item) { item["enc"].(*attrB).Value[20] ^= 1 },
		"keys exchanged":         func(item encryptor.Item) { item["enc"], item["int"] = item["int"], item["enc"] },
		"key in plaintext":       func(item encryptor.Item) { item["enc"] = &attrB{Value: make([]byte, 32)} },
		"key of another type":    func(item encryptor.Item) { item["enc"] = &attrS{Value: "enc"} },
		"key removed":            func(item encryptor.Item) { delete(item, "int") },
		"attribute added":        func(item encryptor.Item) { item["more"] = &attrS{Value: "x"} },
		"signature removed":      func(item encryptor.Item) { delete(item, "*amzn-ddb-map-sig*") },
		"signature changed":      func(item encryptor.Item) { item["*amzn-ddb-map-sig*"].(*attrB).Value[0] ^= 1 },
		"description removed":    func(item encryptor.Item) { delete(item, "*amzn-ddb-map-desc*") },
		"description of version": func(item encryptor.Item) { item["*amzn-ddb-map-desc*"].(*attrB).Value[3] = 1 },
		"description cut": func(item encryptor.Item) {
			description := item["*amzn-ddb-map-desc*"].(*attrB)
			description.Value = description.Value[:30]
		},
		"a row in plaintext": func(item encryptor.Item) {
			delete(item, "*amzn-ddb-map-sig*")
			delete(item, "*amzn-ddb-map-desc*")
			for name, v := range plainRow(material, "0") {
				item[name] = v
			}
		},
	}
	for name, tamper := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.rotate(t, material, 0, 1)
			f.tamper(material, 0, tamper)
			for method, read := range reads {
				provider, err := read(t.Context(), f.store)
				require.Nil(t, provider, method)
				require.ErrorIs(t, err, metastore.ErrRow, method)
				require.NotErrorIs(t, err, materials.ErrVersionNotFound, method)
				requireOpaque(t, err)
			}
			_, err := f.store.Rotate(t.Context(), material)
			require.ErrorIs(t, err, metastore.ErrRow, "nobody rotates past a row that was tampered with")
			require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable))
		})
	}
}

// A row that is valid, but not the one that belongs there.
func TestMovedRows(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 2)
	f.rotate(t, "other", 0, 1)
	row := func(name string, version int64) encryptor.Item {
		out, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(metaTable), Key: rowKey(name, version)})
		require.NoError(t, err)
		return out.Item
	}
	t.Run("in the table", func(t *testing.T) {
		other := row("other", 0)
		f.tamper(material, 1, func(item encryptor.Item) {
			for name, v := range other {
				if name != "N" && name != "V" {
					item[name] = v
				}
			}
		})
		_, _, err := f.store.Latest(t.Context(), material)
		require.ErrorIs(t, err, metastore.ErrRow)
		require.ErrorIs(t, err, materials.ErrKMS, "KMS has bound the row's data key to name and version")
		requireOpaque(t, err)
	})
	// Static keys bind nothing, and the signature of a row says which it is, not
	// which was asked for.
	for name, liar := range map[string]lyingClient{
		"another name in the answer":    {f.raw, row("other", 0)},
		"another version in the answer": {f.raw, row(material, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
			require.NoError(t, err)
			table, err := encryptor.NewEncryptedTable(t.Context(), liar, metaTable, provider)
			require.NoError(t, err)
			store, err := metastore.New(table)
			require.NoError(t, err)
			got, err := store.Provider(t.Context(), material, 1)
			require.Nil(t, got)
			require.ErrorIs(t, err, metastore.ErrRow)
			requireOpaque(t, err)
			if liar.answer["N"].(*attrS).Value != material {
				got, _, err = store.Latest(t.Context(), material)
				require.Nil(t, got)
				require.ErrorIs(t, err, metastore.ErrRow)
				requireOpaque(t, err)
			}
		})
	}
}

// lyingClient answers every read with one item.
type lyingClient struct {
	*dynamodb.Client
	answer encryptor.Item
}

func (c lyingClient) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: c.answer}, nil
}

func (c lyingClient) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{Items: []map[string]types.AttributeValue{c.answer}, Count: 1}, nil
}

// Rows that verify, but whose content this package does not know.
func TestUnknownRows(t *testing.T) {
	t.Parallel()
	bytesOf := func(n int) types.AttributeValue { return &attrB{Value: make([]byte, n)} }
	tests := map[string]struct {
		attribute string
		value     types.AttributeValue // nil: removed
		want      error
	}{
		"another type of row":         {"t", &attrS{Value: "1"}, materials.ErrFormat},
		"type of row as a number":     {"t", &attrN{Value: "0"}, materials.ErrFormat},
		"no type of row":              {"t", nil, materials.ErrFormat},
		"another cipher":              {"encAlg", &attrS{Value: "DESede-hush"}, materials.ErrAlgorithm},
		"cipher in small letters":     {"encAlg", &attrS{Value: "aes"}, materials.ErrAlgorithm},
		"no cipher":                   {"encAlg", nil, materials.ErrFormat},
		"another MAC":                 {"intAlg", &attrS{Value: "HmacSHA512"}, materials.ErrAlgorithm},
		"no MAC":                      {"intAlg", nil, materials.ErrFormat},
		"wrapping key of no bytes":    {"enc", bytesOf(0), materials.ErrFormat},
		"wrapping key of 8 bytes":     {"enc", bytesOf(8), materials.ErrFormat},
		"wrapping key of 33 bytes":    {"enc", bytesOf(33), materials.ErrFormat},
		"wrapping key as text":        {"enc", &attrS{Value: "hush-hush-hush-hush-hush-hush-32"}, materials.ErrFormat},
		"no wrapping key":             {"enc", nil, materials.ErrFormat},
		"signing key of no bytes":     {"int", bytesOf(0), materials.ErrFormat},
		"signing key as text":         {"int", &attrS{Value: "hush-hush"}, materials.ErrFormat},
		"no signing key":              {"int", nil, materials.ErrFormat},
		"a version that is no number": {"V", &attrN{Value: "1.5"}, materials.ErrFormat},
		"a version below zero":        {"V", &attrN{Value: "-3"}, materials.ErrFormat},
		"a version beyond int64":      {"V", &attrN{Value: "9223372036854775808"}, materials.ErrFormat},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			row := plainRow(material, "0")
			row[tt.attribute] = tt.value
			if tt.value == nil {
				delete(row, tt.attribute)
			}
			_, err := f.openTable(t, metaTable, nil).PutItem(t.Context(), &dynamodb.PutItemInput{Item: row})
			require.NoError(t, err)
			for method, read := range reads {
				if tt.attribute == "V" && (method == "Provider" || method == "GetOrCreate") {
					continue // it is not the row that they ask for
				}
				provider, err := read(t.Context(), f.store)
				require.Nil(t, provider, method)
				require.ErrorIs(t, err, metastore.ErrRow, method)
				require.ErrorIs(t, err, tt.want, method)
				require.ErrorContains(t, err, `"`+tt.attribute+`"`, method)
				require.NotContains(t, err.Error(), "hush", method)
				requireOpaque(t, err)
			}
		})
	}
}

func TestErrorsOfReads(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"Query", "GetItem"} {
		for _, failure := range []error{
			&types.ProvisionedThroughputExceededException{}, &types.ResourceNotFoundException{}, &types.InternalServerError{},
			&smithy.GenericAPIError{Code: "AccessDeniedException"}, &smithy.GenericAPIError{Code: "ThrottlingException"}, io.ErrUnexpectedEOF,
		} {
			f := newFixture(t)
			f.rotate(t, material, 0, 1)
			f.server.FailNext(op, failure)
			method := map[string]string{"Query": "Latest", "GetItem": "Provider"}[op]
			provider, err := reads[method](t.Context(), f.store)
			require.Nil(t, provider)
			requireOpaque(t, err)
			require.NotErrorIs(t, err, materials.ErrVersionNotFound, "what is not known to be absent is not absent")
			require.NotErrorIs(t, err, metastore.ErrRow)
			var e *metastore.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, op, e.Op)
			var api smithy.APIError
			if errors.As(failure, &api) {
				require.Equal(t, api.ErrorCode(), e.Code)
			}
			_, err = reads[method](t.Context(), f.store)
			require.NoError(t, err, "nothing of the failure is kept")
		}
	}

	// A throttled GetOrCreate makes no second version of what it could not see.
	f := newFixture(t)
	f.rotate(t, material, 0, 1)
	f.server.FailNext("GetItem", &types.ProvisionedThroughputExceededException{})
	db, kms := f.calls(func() {
		_, err := reads["GetOrCreate"](t.Context(), f.store)
		requireOpaque(t, err)
	})
	require.Equal(t, []string{"GetItem"}, db)
	require.Empty(t, kms)
}

// What KMS says of a row is shown as what it is.
func TestErrorsOfKMS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rotate(t, material, 0, 1)

	f.kms.DisableKey(f.key)
	for method, read := range reads {
		provider, err := read(t.Context(), f.store)
		require.Nil(t, provider)
		require.ErrorIs(t, err, materials.ErrKMS, method)
		require.NotErrorIs(t, err, metastore.ErrRow, method)
		requireOpaque(t, err)
		var disabled *kmstypes.DisabledException
		require.ErrorAs(t, err, &disabled, method)
		var e *metastore.Error
		require.ErrorAs(t, err, &e)
		require.Empty(t, e.Code, "it is not DynamoDB that failed")
	}
	_, _, err := f.store.GetOrCreate(t.Context(), "new", 0)
	require.ErrorIs(t, err, materials.ErrKMS)
	requireOpaque(t, err)
	require.Equal(t, []string{"payroll#0"}, f.rows(t, metaTable))
	f.kms.EnableKey(f.key)

	f.kms.FailNext("GenerateDataKey", io.ErrUnexpectedEOF)
	db, _ := f.calls(func() {
		_, _, err := f.store.GetOrCreate(t.Context(), "new", 0)
		require.ErrorIs(t, err, materials.ErrKMS)
	})
	require.Equal(t, []string{"GetItem"}, db, "no row was sent that could have arrived")

	f.kms.DenyKey(f.key)
	_, err = f.store.Provider(t.Context(), material, 0)
	require.ErrorIs(t, err, materials.ErrKMS)
	requireOpaque(t, err)
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, "AccessDeniedException", api.ErrorCode())
	f.kms.AllowKey(f.key)

	t.Run("a key that is not allowed", func(t *testing.T) {
		stranger := f.kms.CreateKey()
		provider, err := materials.NewDirectKMSProvider(f.kms, stranger)
		require.NoError(t, err)
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, metaTable, provider)
		require.NoError(t, err)
		store, err := metastore.New(table)
		require.NoError(t, err)
		_, err = store.Provider(t.Context(), material, 0)
		require.ErrorIs(t, err, materials.ErrKeyNotAllowed)
		requireOpaque(t, err)
	})
	t.Run("a provider that only decrypts", func(t *testing.T) {
		provider, err := materials.NewDirectKMSProvider(f.kms, "", func(o *materials.DirectKMSOptions) { o.DecryptKeyIDs = []string{f.key} })
		require.NoError(t, err)
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, metaTable, provider)
		require.NoError(t, err)
		store, err := metastore.New(table)
		require.NoError(t, err)
		_, err = store.Provider(t.Context(), material, 0)
		require.NoError(t, err)
		_, _, err = store.GetOrCreate(t.Context(), material, 0)
		require.NoError(t, err, "what exists need not be made")
		_, err = store.Rotate(t.Context(), material)
		require.ErrorIs(t, err, materials.ErrNoEncryptionMaterials)
		requireOpaque(t, err)
	})
	t.Run("a client of one's own", func(t *testing.T) {
		boom := &kmstypes.KMSInternalException{Message: aws.String("boom")}
		provider, err := materials.NewDirectKMSProvider(bareKMS{boom}, f.key)
		require.NoError(t, err)
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, metaTable, provider)
		require.NoError(t, err)
		store, err := metastore.New(table)
		require.NoError(t, err)
		_, err = store.Provider(t.Context(), material, 0)
		require.ErrorIs(t, err, materials.ErrKMS)
		var internal *kmstypes.KMSInternalException
		require.ErrorAs(t, err, &internal)
		require.Same(t, boom, internal)
		requireOpaque(t, err)
	})
}

// bareKMS fails without the wrapping of the SDK's client.
type bareKMS struct{ err error }

func (k bareKMS) GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return nil, k.err
}

func (k bareKMS) Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return nil, k.err
}

// In the middle of an operation on a data table, the errors of the meta table are
// nobody else's.
func TestErrorsInADataTable(t *testing.T) {
	t.Parallel()
	newData := func(t *testing.T) (*fixture, *encryptor.EncryptedTable) {
		f := newFixture(t)
		f.rotate(t, material, 0, 1)
		_, err := f.raw.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: aws.String("salaries"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		})
		require.NoError(t, err)
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, "salaries", uncached{f.store})
		require.NoError(t, err)
		_, err = table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: dataItem()})
		require.NoError(t, err)
		return f, table
	}
	get := func(t *testing.T, table *encryptor.EncryptedTable) error {
		_, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: encryptor.Item{"id": dataItem()["id"]}})
		var item *encryptor.ItemError
		require.ErrorAs(t, err, &item)
		require.Equal(t, "salaries", item.Table)
		require.Empty(t, item.Attribute, "an attribute of the meta table passes for one of the item")
		require.ErrorIs(t, err, materials.ErrStore)
		return item.Err
	}
	t.Run("tampered", func(t *testing.T) {
		t.Parallel()
		f, table := newData(t)
		f.tamper(material, 0, func(item encryptor.Item) { item["enc"].(*attrB).Value[20] ^= 1 })
		err := get(t, table)
		require.ErrorIs(t, err, metastore.ErrRow)
		require.NotErrorIs(t, err, encryptor.ErrFormat)
		requireOpaque(t, err)
	})
	t.Run("throttled", func(t *testing.T) {
		t.Parallel()
		f, table := newData(t)
		f.server.AfterNext("GetItem", func() { f.server.FailNext("GetItem", &types.ProvisionedThroughputExceededException{}) })
		err := get(t, table)
		requireOpaque(t, err)
		require.ErrorContains(t, err, "ProvisionedThroughputExceededException")
	})
	t.Run("tampered, on a write", func(t *testing.T) {
		t.Parallel()
		f, table := newData(t)
		f.tamper(material, 0, func(item encryptor.Item) { delete(item, "t") })
		_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: dataItem()})
		var item *encryptor.ItemError
		require.ErrorAs(t, err, &item)
		require.Equal(t, "salaries", item.Table)
		require.Empty(t, item.Attribute)
		require.ErrorIs(t, item.Err, metastore.ErrRow)
		requireOpaque(t, item.Err)
	})
	t.Run("a row whose context KMS refuses", func(t *testing.T) {
		t.Parallel()
		f, _ := newData(t)
		f.rotate(t, material, 1, 1)
		foreign, err := f.raw.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(metaTable), Key: rowKey(material, 1)})
		require.NoError(t, err)
		f.tamper(material, 0, func(item encryptor.Item) { item["*amzn-ddb-map-desc*"] = foreign.Item["*amzn-ddb-map-desc*"] })
		table, err := encryptor.NewEncryptedTable(t.Context(), f.raw, "salaries", uncached{f.store}, func(o *encryptor.Options) {
			o.AcceptTableNames = []string{"wages", "pay"} // which would not help
		})
		require.NoError(t, err)
		db, kms := f.calls(func() {
			err = get(t, table)
			require.ErrorIs(t, err, metastore.ErrRow)
			require.ErrorIs(t, err, materials.ErrKMS)
			requireOpaque(t, err)
		})
		require.Equal(t, []string{"GetItem", "GetItem"}, db, "the store is asked once")
		require.Equal(t, []string{"Decrypt"}, kms)
	})
}

// uncached asks the store for every item.
type uncached struct{ store *metastore.MetaStore }

func (u uncached) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	provider, _, err := u.store.Latest(ctx, material)
	if err != nil {
		return nil, err
	}
	return provider.EncryptionMaterials(ctx, ec)
}

func (u uncached) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	version, err := u.store.VersionOf(ec.Description)
	if err != nil {
		return nil, err
	}
	provider, err := u.store.Provider(ctx, material, version)
	if err != nil {
		return nil, err
	}
	return provider.DecryptionMaterials(ctx, ec)
}

// A table whose options would expose keys is none for a MetaStore.
func TestNewRefusesUnsafeTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	override := func(name string, action actions.CryptoAction) func(*encryptor.Options) {
		return func(o *encryptor.Options) { o.Actions.Overrides = map[string]actions.CryptoAction{name: action} }
	}
	tests := map[string]struct {
		configure func(*encryptor.Options)
		message   string
	}{
		"default signs only":      {func(o *encryptor.Options) { o.Actions.Default = actions.SignOnly }, "encrypted"},
		"default does nothing":    {func(o *encryptor.Options) { o.Actions.Default = actions.DoNothing }, "encrypted"},
		"plaintext rows accepted": {func(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads }, "plant"},
		"keys of the table unsigned": {func(o *encryptor.Options) {
			o.UnsignedKeys = true
			override("N", actions.DoNothing)(o)
		}, `"N" is not signed`},
		"sort key unsigned": {func(o *encryptor.Options) {
			o.UnsignedKeys = true
			override("V", actions.DoNothing)(o)
		}, `"V" is not signed`},
		// What was before counts for reading, what is now for writing: both must do.
		"encrypted before, in the open now": {func(o *encryptor.Options) {
			override("enc", actions.DoNothing)(o)
			o.PreviousActions = []actions.AttributeActions{{}}
		}, `"enc" would not be encrypted`},
		"in the open before": {func(o *encryptor.Options) {
			o.PreviousActions = []actions.AttributeActions{{Overrides: map[string]actions.CryptoAction{"int": actions.SignOnly}}}
		}, `"int" would not be encrypted`},
		"key unsigned before": {func(o *encryptor.Options) {
			o.PreviousActions = []actions.AttributeActions{{Overrides: map[string]actions.CryptoAction{"N": actions.DoNothing}}}
		}, `"N" is not signed`},
		"key unsigned now, signed before": {func(o *encryptor.Options) {
			o.UnsignedKeys = true
			override("V", actions.DoNothing)(o)
			o.PreviousActions = []actions.AttributeActions{{}}
		}, `"V" is not signed`},
	}
	for _, name := range []string{"t", "encAlg", "enc", "intAlg", "int"} {
		for _, action := range []actions.CryptoAction{actions.SignOnly, actions.DoNothing} {
			tests[name+" "+action.String()] = struct {
				configure func(*encryptor.Options)
				message   string
			}{override(name, action), `"` + name + `" would not be encrypted`}
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := metastore.New(f.openTable(t, metaTable, tt.configure))
			require.Nil(t, store)
			require.ErrorContains(t, err, tt.message)
			require.ErrorContains(t, err, `table "meta"`)
		})
	}

	// Java's way to write it down.
	f.open(t, metaTable, func(o *encryptor.Options) {
		o.Actions = actions.AttributeActions{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{}}
		for _, name := range []string{"t", "encAlg", "enc", "intAlg", "int"} {
			o.Actions.Overrides[name] = actions.EncryptAndSign
		}
	})

	_, err := metastore.New(nil)
	require.ErrorContains(t, err, "nil EncryptedTable")
}
