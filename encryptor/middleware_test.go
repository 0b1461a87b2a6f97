package encryptor_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// newMiddleware returns a fixture and the option for its table and for notes.
func newMiddleware(t *testing.T) (*operations, func(*dynamodb.Options)) {
	t.Helper()
	f := newOperations(t, onMiddleware)
	return f, f.middleware(t)
}

func (f *operations) middleware(t *testing.T) func(*dynamodb.Options) {
	t.Helper()
	mw, err := encryptor.Middleware([]encryptor.ItemCodec{f.table.Codec()}, func(o *encryptor.ClientOptions) { o.AllowPlaintextTables = []string{notes} })
	require.NoError(t, err)
	return mw
}

// config is one for dynamodb.NewFromConfig that reaches the server.
func (f *operations) config() aws.Config {
	o := f.client.Options()
	return aws.Config{Region: o.Region, BaseEndpoint: o.BaseEndpoint, HTTPClient: o.HTTPClient, Credentials: o.Credentials, Retryer: func() aws.Retryer { return o.Retryer }}
}

func TestMiddlewareFromConfig(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	client := dynamodb.NewFromConfig(f.config(), mw)
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1)})
	require.NoError(t, err)
	requireCiphertext(t, customer("ada", 1), f.stored(t, customerKey("ada", 1)))

	plain := dynamodb.NewFromConfig(f.config())
	out, err := plain.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)}, mw)
	require.NoError(t, err)
	require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(out.Item), "for one call as well")
}

func TestMiddlewareTwice(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	other := f.middleware(t)
	item := customer("ada", 1)
	for name, c := range map[string]struct {
		client *dynamodb.Client
		optFns []func(*dynamodb.Options)
	}{
		"one twice":                      {dynamodb.NewFromConfig(f.config(), mw, mw), nil},
		"two":                            {dynamodb.NewFromConfig(f.config(), mw, other), nil},
		"by the client and by the call":  {dynamodb.NewFromConfig(f.config(), mw), []func(*dynamodb.Options){mw}},
		"another by the call":            {dynamodb.NewFromConfig(f.config(), mw), []func(*dynamodb.Options){other}},
		"twice by the call":              {dynamodb.NewFromConfig(f.config()), []func(*dynamodb.Options){mw, mw}},
		"by a client made of the client": {dynamodb.New(dynamodb.NewFromConfig(f.config(), mw).Options(), mw), nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{
				errorOf(c.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: item}, c.optFns...)),
				errorOf(c.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)}, c.optFns...)),
				errorOf(c.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(notes), Item: note("n")}, c.optFns...)),
				errorOf(c.client.ListTables(t.Context(), nil, c.optFns...)),
			} {
				require.ErrorContains(t, err, "twice")
			}
			require.Empty(t, f.wire.sent())
			require.Empty(t, f.kms.Calls())
		})
	}
}

func TestMiddlewareRemovedByACall(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	client := dynamodb.NewFromConfig(f.config(), mw)
	for name, remove := range map[string]func(*dynamodb.Options){
		"nil": func(o *dynamodb.Options) { o.APIOptions = nil },
		"others": func(o *dynamodb.Options) {
			o.APIOptions = []func(*middleware.Stack) error{func(*middleware.Stack) error { return nil }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{
				errorOf(client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1)}, remove)),
				errorOf(client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)}, remove)),
				errorOf(client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("unknown"), Item: note("n")}, remove)),
				errorOf(client.ListTables(t.Context(), nil, remove)),
				errorOf(client.ExecuteStatement(t.Context(), &dynamodb.ExecuteStatementInput{Statement: aws.String("SELECT")}, remove)),
			} {
				require.ErrorIs(t, err, encryptor.ErrUnsupported)
				require.ErrorContains(t, err, "removed the encryption middleware")
			}
			require.Empty(t, f.wire.sent())
		})
	}
	t.Run("options that add", func(t *testing.T) {
		added := false
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1)}, func(o *dynamodb.Options) {
			o.APIOptions = append(o.APIOptions, func(*middleware.Stack) error { added = true; return nil })
		})
		require.NoError(t, err)
		require.True(t, added)
	})
}

// callingProvider calls DynamoDB with the context that it is given, as a provider
// whose keys are in a table does.
type callingProvider struct {
	materials.CryptographicMaterialsProvider
	call func(context.Context) error
}

func (p *callingProvider) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	return nil, p.call(ctx)
}

func (p *callingProvider) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	return nil, p.call(ctx)
}

// That one request went through the middleware says nothing about another one
// which is made with its context.
func TestMiddlewareMarksOneRequestOnly(t *testing.T) {
	t.Parallel()
	f, _ := newMiddleware(t)
	f.put(t, customer("ada", 1))
	var client *dynamodb.Client
	provider := &callingProvider{call: func(ctx context.Context) error {
		return errorOf(client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("eve", 1)},
			func(o *dynamodb.Options) { o.APIOptions = nil }))
	}}
	codec, err := encryptor.New(provider, f.table.Codec().Table(), customerActions)
	require.NoError(t, err)
	mw, err := encryptor.Middleware([]encryptor.ItemCodec{codec})
	require.NoError(t, err)
	client = dynamodb.NewFromConfig(f.config(), mw)
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 2)})
	require.ErrorContains(t, err, "removed the encryption middleware")
	_, err = client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(customers), Key: customerKey("ada", 1)})
	require.ErrorContains(t, err, "removed the encryption middleware")
	require.Nil(t, f.stored(t, customerKey("eve", 1)))
}

// A request is encrypted once, and its answer decrypted once, however often the
// SDK sends it.
func TestMiddlewareIsAboveRetries(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	client := dynamodb.NewFromConfig(f.config(), mw)
	f.put(t, customer("ada", 0))
	for _, c := range []struct {
		op   string
		do   call
		kms  int
		then error
	}{
		{"PutItem", put(dynamodb.PutItemInput{}), 1, nil},
		{"PutItem", put(dynamodb.PutItemInput{ReturnValues: types.ReturnValueAllOld}), 2, nil},
		{"GetItem", get(dynamodb.GetItemInput{}), 1, nil},
		{"UpdateItem", update(*bump(types.ReturnValueAllNew)), 1, nil},
		{"Query", query(*ofAda()), 2, nil},
		{"Scan", scan(dynamodb.ScanInput{}), 2, nil},
		{"BatchGetItem", batchGet(map[string]types.KeysAndAttributes{customers: keysOfAda(2)}), 2, nil},
		{"BatchWriteItem", batchWrite(map[string][]types.WriteRequest{customers: mixedBatch()}), 4, nil},
		{"TransactGetItems", transactGet(getPart(customers, customerKey("ada", 1))), 1, nil},
		{"TransactWriteItems", transactWrite(putPart(customers, customer("ada", 5)), putPart(customers, customer("ada", 6))), 2, nil},
		{"DeleteItem", del(dynamodb.DeleteItemInput{ReturnValues: types.ReturnValueAllOld}), 1, nil},
	} {
		for range 2 {
			f.server.FailNext(c.op, &types.ProvisionedThroughputExceededException{Message: aws.String("slower")})
		}
		kmsCalls, sent := len(f.kms.Calls()), len(f.wire.sent())
		require.NoError(t, c.do(t.Context(), client), c.op)
		require.Len(t, f.kms.Calls(), kmsCalls+c.kms, c.op)
		bodies := f.wire.sent()[sent:]
		require.Len(t, bodies, 3, c.op)
		require.Equal(t, bodies[0], bodies[1], c.op)
		require.Equal(t, bodies[0], bodies[2], c.op)
	}
}

func TestMiddlewareRefusesWhatCouldCarryItems(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	client := dynamodb.NewFromConfig(f.config(), mw)
	statement := aws.String("SELECT * FROM customers")
	arn := aws.String(customersARN)
	for name, err := range map[string]error{
		"ExecuteStatement":      errorOf(client.ExecuteStatement(t.Context(), &dynamodb.ExecuteStatementInput{Statement: statement})),
		"BatchExecuteStatement": errorOf(client.BatchExecuteStatement(t.Context(), &dynamodb.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{{Statement: statement}}})),
		"ExecuteTransaction":    errorOf(client.ExecuteTransaction(t.Context(), &dynamodb.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{{Statement: statement}}})),
		"ImportTable":           errorOf(client.ImportTable(t.Context(), &dynamodb.ImportTableInput{})),
		"SearchVectors":         errorOf(client.SearchVectors(t.Context(), &dynamodb.SearchVectorsInput{TableName: arn})),
		"StartBulkPutItems":     errorOf(client.StartBulkPutItems(t.Context(), &dynamodb.StartBulkPutItemsInput{})),
	} {
		require.ErrorIs(t, err, encryptor.ErrUnsupported, name)
		require.ErrorContains(t, err, "*dynamodb."+name+"Input")
	}
	require.Empty(t, f.wire.sent())
}

// An export writes what is stored, so it passes; its filter is one like a scan's.
func TestMiddlewareChecksFiltersOfExports(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	var r recorder
	client := r.client(mw)
	export := func(arn string, filter *types.FilterSpecification) error {
		return errorOf(client.ExportTableToPointInTime(t.Context(), &dynamodb.ExportTableToPointInTimeInput{
			TableArn: &arn, S3Bucket: aws.String("bucket"), FilterSpecification: filter,
		}))
	}
	require.NoError(t, export(f.arn, nil))
	require.NoError(t, export(otherTableARN, nil))
	require.NoError(t, export(f.arn, &types.FilterSpecification{KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("visits > :v AND attribute_exists(age)")}))
	require.NoError(t, export("arn:aws:dynamodb:us-east-1:111122223333:table/notes", &types.FilterSpecification{FilterExpression: aws.String("age = :a")}))
	require.Len(t, r.bodies, 4)
	for _, c := range []struct {
		arn       string
		filter    types.FilterSpecification
		want      error
		attribute string
	}{
		{f.arn, types.FilterSpecification{FilterExpression: aws.String("#a = :a"), ExpressionAttributeNames: map[string]string{"#a": "age"}}, encryptor.ErrUnsupported, "age"},
		{f.arn, types.FilterSpecification{KeyConditionExpression: aws.String("age = :a")}, encryptor.ErrUnsupported, "age"},
		{f.arn, types.FilterSpecification{ProjectionExpression: aws.String("pk")}, encryptor.ErrUnsupported, ""},
		{otherTableARN, types.FilterSpecification{FilterExpression: aws.String("age = :a")}, encryptor.ErrUnknownTable, ""},
	} {
		err := export(c.arn, &c.filter)
		require.ErrorIs(t, err, c.want)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, "ExportTableToPointInTime", itemError.Op)
		require.Equal(t, c.attribute, itemError.Attribute)
	}
	require.Len(t, r.bodies, 4)
}

// spare is an option that the caller keeps.
func spare(*middleware.Stack) error { return nil }

type spareInterceptor struct{}

func (spareInterceptor) BeforeTransmit(context.Context, *smithyhttp.InterceptorContext) error {
	return nil
}

// Slices of options are often shared between clients, with capacity to spare.
func TestMiddlewareDoesNotModifyOptions(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	shared := f.client.Options()
	shared.APIOptions = append(make([]func(*middleware.Stack) error, 0, 4), spare)
	shared.Interceptors.BeforeTransmit = append(make([]smithyhttp.BeforeTransmitInterceptor, 0, 4), spareInterceptor{})
	first, second := shared, shared
	mw(&first)
	f.middleware(t)(&second)
	for _, fn := range shared.APIOptions[1:4] {
		assert.Nil(t, fn)
	}
	for _, interceptor := range shared.Interceptors.BeforeTransmit[1:4] {
		assert.Nil(t, interceptor)
	}
	require.Len(t, first.APIOptions, 2)
	require.NotEqual(t, reflect.ValueOf(first.APIOptions[1]).Pointer(), reflect.ValueOf(spare).Pointer())

	cfg := f.config()
	cfg.APIOptions = append(make([]func(*middleware.Stack) error, 0, 4), spare)
	_, err := dynamodb.NewFromConfig(cfg, mw).ListTables(t.Context(), nil)
	require.NoError(t, err)
	for _, fn := range cfg.APIOptions[1:4] {
		assert.Nil(t, fn)
	}
	_, err = dynamodb.New(first).ListTables(t.Context(), nil)
	require.NoError(t, err)
}

// A wrapper over the middleware, or over another wrapper, would encrypt twice.
func TestWrapperOverWrapper(t *testing.T) {
	t.Parallel()
	for _, face := range faces {
		t.Run(face, func(t *testing.T) {
			t.Parallel()
			f := newOperations(t, face)
			table, err := encryptor.NewTable(f.api, f.table.Codec())
			require.NoError(t, err)
			f.put(t, customer("ada", 1))
			sent := len(f.wire.sent())
			for _, do := range []call{
				put(dynamodb.PutItemInput{}),
				batchWrite(map[string][]types.WriteRequest{customers: mixedBatch()}),
				transactWrite(putPart(customers, customer("ada", 1))),
			} {
				require.ErrorIs(t, do(t.Context(), table), encryptor.ErrReservedAttribute)
			}
			require.Len(t, f.wire.sent(), sent)
			require.ErrorIs(t, get(dynamodb.GetItemInput{})(t.Context(), table), encryptor.ErrUnsigned, "the inner one has decrypted it")
			info, err := tableinfo.Describe(t.Context(), table, customers)
			require.NoError(t, err)
			require.Equal(t, f.table.Codec().Table(), info)
		})
	}
}

func TestMiddlewarePaginatorsOfTheClient(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	client := dynamodb.NewFromConfig(f.config(), mw)
	pages := dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{Limit: aws.Int32(1)})
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		names = append(names, page.TableNames...)
	}
	require.Equal(t, []string{customers, notes, orders}, names)

	all := f.putCustomers(t, 5)
	var got []encryptor.Item
	query := dynamodb.NewQueryPaginator(client, ofAda(), func(o *dynamodb.QueryPaginatorOptions) { o.Limit = 2 })
	for query.HasMorePages() {
		page, err := query.NextPage(t.Context())
		require.NoError(t, err)
		got = append(got, page.Items...)
	}
	requireItems(t, all, got)
}

// A client of somebody else's may break its contract.
func TestAnswersOfNoKind(t *testing.T) {
	t.Parallel()
	f, mw := newMiddleware(t)
	client := dynamodb.NewFromConfig(f.config(), mw, func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("other", func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return middleware.InitializeOutput{Result: &dynamodb.PutItemOutput{}}, middleware.Metadata{}, nil
			}), middleware.After)
		})
	})
	require.ErrorContains(t, get(dynamodb.GetItemInput{})(t.Context(), client), "*dynamodb.GetItemInput answered by *dynamodb.PutItemOutput")

	table, err := encryptor.NewTable(silent{}, f.table.Codec())
	require.NoError(t, err)
	require.ErrorContains(t, get(dynamodb.GetItemInput{})(t.Context(), table), "neither an output nor an error")
}

// silent is a client that answers nothing.
type silent struct{ encryptor.DynamoDBAPI }

func (silent) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return nil, nil
}

// renamed is a codec of another table name.
type renamed struct {
	encryptor.ItemCodec
	name string
}

func (r renamed) Table() tableinfo.TableInfo {
	info := r.ItemCodec.Table()
	info.Name = r.name
	return info
}

func TestClientConstructors(t *testing.T) {
	t.Parallel()
	f := newOperations(t, onClient)
	codec := f.table.Codec()
	for name, c := range map[string]struct {
		codecs []encryptor.ItemCodec
		option func(*encryptor.ClientOptions)
		says   string
	}{
		"nil codec":                     {codecs: []encryptor.ItemCodec{codec, nil}, says: "table 1: nil item codec"},
		"a table twice":                 {codecs: []encryptor.ItemCodec{codec, codec}, says: `table "customers" is given twice`},
		"an ARN for a name":             {codecs: []encryptor.ItemCodec{renamed{codec, customersARN}}, says: "ARN"},
		"no name":                       {codecs: []encryptor.ItemCodec{renamed{codec, ""}}, says: "name"},
		"encrypted and plaintext":       {codecs: []encryptor.ItemCodec{codec}, option: allow(notes, customers), says: `"customers" is an encrypted one`},
		"encrypted and plaintext, ARN":  {codecs: []encryptor.ItemCodec{codec}, option: allow(customersARN), says: `"customers" is an encrypted one`},
		"plaintext without a name":      {codecs: []encryptor.ItemCodec{codec}, option: allow(""), says: "AllowPlaintextTables"},
		"plaintext with a broken ARN":   {codecs: []encryptor.ItemCodec{codec}, option: allow("arn:aws:s3:::bucket"), says: "AllowPlaintextTables"},
		"concurrency of less than none": {codecs: []encryptor.ItemCodec{codec}, option: func(o *encryptor.ClientOptions) { o.Concurrency = -1 }, says: "Concurrency"},
	} {
		t.Run(name, func(t *testing.T) {
			options := slices.DeleteFunc([]func(*encryptor.ClientOptions){c.option}, func(fn func(*encryptor.ClientOptions)) bool { return fn == nil })
			client, err := encryptor.NewEncryptedClient(f.client, c.codecs, options...)
			require.Nil(t, client)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "encrypted client")
			mw, err := encryptor.Middleware(c.codecs, options...)
			require.Nil(t, mw)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "encryption middleware")
		})
	}
	_, err := encryptor.NewEncryptedClient(nil, []encryptor.ItemCodec{codec})
	require.ErrorContains(t, err, "nil DynamoDB client")
	require.Empty(t, f.wire.sent(), "constructors do no I/O")

	t.Run("a plaintext table by ARN", func(t *testing.T) {
		client, err := encryptor.NewEncryptedClient(f.client, nil, allow("arn:aws:dynamodb:us-east-1:111122223333:table/notes"))
		require.NoError(t, err)
		_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(notes), Item: note("n")})
		require.NoError(t, err)
		_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1)})
		require.ErrorIs(t, err, encryptor.ErrUnknownTable)
	})
}

func allow(tables ...string) func(*encryptor.ClientOptions) {
	return func(o *encryptor.ClientOptions) { o.AllowPlaintextTables = tables }
}

// Over a client that encrypts already, an EncryptedTable would encrypt twice.
func TestNoTableOverAnEncryptingClient(t *testing.T) {
	t.Parallel()
	f := newOperations(t, onTable)
	codec := f.table.Codec()
	mw, err := encryptor.Middleware([]encryptor.ItemCodec{codec}, allow(orders))
	require.NoError(t, err)
	encrypting := dynamodb.New(f.client.Options(), mw)
	const says = `table "customers": the client has the encryption middleware`

	_, err = encryptor.NewTable(encrypting, codec)
	require.ErrorContains(t, err, says)
	provider, err := materials.NewDirectKMSProvider(f.kms, f.key)
	require.NoError(t, err)
	_, err = encryptor.NewEncryptedTable(t.Context(), encrypting, customers, provider, customerActions)
	require.ErrorContains(t, err, says)
	_, err = encryptor.NewEncryptedClient(encrypting, []encryptor.ItemCodec{f.codec(t, orders), codec})
	require.ErrorContains(t, err, says)

	// What it passes as it is can be encrypted over it, and the plain client is fine.
	_, err = encryptor.NewTable(encrypting, f.codec(t, orders))
	require.NoError(t, err)
	_, err = encryptor.NewTable(f.client, codec)
	require.NoError(t, err)
}
