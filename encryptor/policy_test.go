package encryptor_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

// These tests ask the SDK, by reflection, what DynamoDB can do. When an update of
// the SDK brings an operation or a field, they fail until somebody has decided
// what it means for encrypted items.

// refusedOperations carry items in forms that the library does not encrypt:
// statements, documents of vectors, objects in S3.
var refusedOperations = []string{
	"BatchExecuteStatement", "ExecuteStatement", "ExecuteTransaction", "ImportTable", "SearchVectors", "StartBulkPutItems",
}

// checkedOperations pass unless their filter looks at ciphertext.
var checkedOperations = []string{"ExportTableToPointInTime"}

// echoOperations answer with values that the caller gave in the filter of an
// export, not with items.
var echoOperations = []string{"DescribeExport"}

// itemOperations are those of the faces, DescribeTable aside.
func itemOperations() []string {
	var names []string
	api := reflect.TypeFor[encryptor.DynamoDBAPI]()
	for i := range api.NumMethod() {
		if name := api.Method(i).Name; name != "DescribeTable" {
			names = append(names, name)
		}
	}
	return names
}

// operation is a method of the client that calls the service.
type operation struct {
	name    string
	in, out reflect.Type // structs
}

func operationsOfClient(t *testing.T) []operation {
	t.Helper()
	var all []operation
	client := reflect.TypeFor[*dynamodb.Client]()
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Name == "Options" {
			continue
		}
		require.Equal(t, 4, m.Type.NumIn(), "%s is no operation: classify it", m.Name)
		require.Equal(t, reflect.TypeFor[context.Context](), m.Type.In(1), m.Name)
		require.Equal(t, reflect.TypeFor[[]func(*dynamodb.Options)](), m.Type.In(3), m.Name)
		require.Equal(t, 2, m.Type.NumOut(), m.Name)
		all = append(all, operation{m.Name, m.Type.In(2).Elem(), m.Type.Out(0).Elem()})
	}
	require.Greater(t, len(all), 50)
	return all
}

// call makes a request of the operation.
func (o operation) call(ctx context.Context, client *dynamodb.Client, in reflect.Value) error {
	results := reflect.ValueOf(client).MethodByName(o.name).Call([]reflect.Value{reflect.ValueOf(ctx), in})
	err, _ := results[1].Interface().(error)
	return err
}

// recorder answers every request with nothing.
type recorder struct{ bodies []string }

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	r.bodies = append(r.bodies, req.Header.Get("X-Amz-Target")+" "+string(body))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

func (r *recorder) client(optFns ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", HTTPClient: r, BaseEndpoint: aws.String("http://recorder"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	}, optFns...)
}

// Every operation is really sent through the stack: what handles it, passes it or
// refuses it is seen by what happens.
func TestEveryOperationIsClassified(t *testing.T) {
	t.Parallel()
	mw, err := encryptor.Middleware([]encryptor.ItemCodec{newItemEncryptor(t, newItemProvider(t))})
	require.NoError(t, err)
	seen := make(map[string]int)
	for _, op := range operationsOfClient(t) {
		t.Run(op.name, func(t *testing.T) {
			in := reflect.New(op.in)
			fill(in.Elem(), 0)
			if op.name == "TransactWriteItems" {
				item := &in.Interface().(*dynamodb.TransactWriteItemsInput).TransactItems[0]
				item.Update, item.Delete, item.ConditionCheck = nil, nil, nil
			}
			var bare, through recorder
			require.NoError(t, op.call(t.Context(), bare.client(), in), "the request is complete")
			require.Len(t, bare.bodies, 1)
			err := op.call(t.Context(), through.client(mw), in)
			switch {
			case slices.Contains(slices.Concat(itemOperations(), checkedOperations), op.name):
				seen["handled"]++
				require.ErrorIs(t, err, encryptor.ErrUnknownTable, "the core looks for its table")
				require.Empty(t, through.bodies)
			case slices.Contains(refusedOperations, op.name):
				seen["refused"]++
				require.ErrorIs(t, err, encryptor.ErrUnsupported)
				require.ErrorContains(t, err, op.name+"Input")
				require.Empty(t, through.bodies)
			default:
				seen["passes"]++
				require.NoError(t, err, "a new operation? Decide whether it can carry items")
				require.Equal(t, bare.bodies, through.bodies)
				if slices.Contains(echoOperations, op.name) {
					return
				}
				for _, side := range []reflect.Type{op.in, op.out} {
					require.False(t, structsOf(side)[reflect.TypeFor[types.AttributeValue]()], "%s carries items", side)
				}
			}
		})
	}
	require.Equal(t, len(itemOperations())+len(checkedOperations), seen["handled"])
	require.Equal(t, len(refusedOperations), seen["refused"])
	t.Logf("operations of *dynamodb.Client: %v", seen)
}

// maxFill bounds the depth of what fill makes.
const maxFill = 20

// fill gives a value to whatever v refers to, so that the SDK finds nothing
// missing. Tables and all else are named "unknown".
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth < maxFill {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 0)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if depth < maxFill {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), depth+1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Interface:
		if v.Type() == reflect.TypeFor[types.AttributeValue]() {
			v.Set(reflect.ValueOf(&itemS{Value: "text"}))
		}
	case reflect.String:
		v.SetString("unknown")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}

// structsOf returns the structs that a type refers to, itself included, and the
// interface of attribute values. What lies behind it is for the item format.
func structsOf(root reflect.Type) map[reflect.Type]bool {
	found := make(map[reflect.Type]bool)
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			visit(typ.Elem())
		case reflect.Map:
			visit(typ.Key())
			visit(typ.Elem())
		case reflect.Interface:
			found[typ] = true
		case reflect.Struct:
			if found[typ] || typ.PkgPath() == "time" || strings.HasPrefix(typ.PkgPath(), "github.com/aws/smithy-go") {
				return
			}
			found[typ] = true
			for i := range typ.NumField() {
				if typ.Field(i).IsExported() {
					visit(typ.Field(i).Type)
				}
			}
		}
	}
	visit(root)
	return found
}

// How the fields of requests and answers are treated.
const (
	routes   = "routes"   // says which table
	encrypts = "encrypts" // an item, encrypted on a copy
	decrypts = "decrypts" // items, decrypted in a copy
	checks   = "checks"   // an expression, refused if it looks at ciphertext or touches what is signed
	refusing = "refuses"  // refused whenever it is set
	restores = "restores" // replaced by the caller's own
	parts    = "parts"    // holds structs that are listed themselves
	passing  = "passes"   // nothing to do with ciphertext
)

// fieldPolicy has every field of the item operations. A field that passes must
// not be able to carry an encrypted attribute: keys, keys of pages and of item
// collections are never encrypted, and values in expressions stand beside
// attributes that are checked.
var fieldPolicy = map[string]string{
	"dynamodb.PutItemInput": `Item:encrypts TableName:routes ConditionExpression:checks ConditionalOperator:refuses Expected:refuses
		ExpressionAttributeNames:checks ExpressionAttributeValues:passes ReturnConsumedCapacity:passes ReturnItemCollectionMetrics:passes
		ReturnValues:passes ReturnValuesOnConditionCheckFailure:passes`,
	"dynamodb.PutItemOutput": `Attributes:decrypts ConsumedCapacity:parts ItemCollectionMetrics:parts ResultMetadata:passes`,
	"dynamodb.GetItemInput": `Key:passes TableName:routes AttributesToGet:refuses ConsistentRead:passes ExpressionAttributeNames:passes
		ProjectionExpression:refuses ReturnConsumedCapacity:passes`,
	"dynamodb.GetItemOutput": `ConsumedCapacity:parts Item:decrypts ResultMetadata:passes`,
	"dynamodb.UpdateItemInput": `Key:passes TableName:routes AttributeUpdates:refuses ConditionExpression:checks ConditionalOperator:refuses
		Expected:refuses ExpressionAttributeNames:checks ExpressionAttributeValues:passes ReturnConsumedCapacity:passes
		ReturnItemCollectionMetrics:passes ReturnValues:passes ReturnValuesOnConditionCheckFailure:passes UpdateExpression:checks`,
	"dynamodb.UpdateItemOutput": `Attributes:decrypts ConsumedCapacity:parts ItemCollectionMetrics:parts ResultMetadata:passes`,
	"dynamodb.DeleteItemInput": `Key:passes TableName:routes ConditionExpression:checks ConditionalOperator:refuses Expected:refuses
		ExpressionAttributeNames:checks ExpressionAttributeValues:passes ReturnConsumedCapacity:passes ReturnItemCollectionMetrics:passes
		ReturnValues:passes ReturnValuesOnConditionCheckFailure:passes`,
	"dynamodb.DeleteItemOutput": `Attributes:decrypts ConsumedCapacity:parts ItemCollectionMetrics:parts ResultMetadata:passes`,
	"dynamodb.QueryInput": `TableName:routes AttributesToGet:refuses ConditionalOperator:refuses ConsistentRead:passes ExclusiveStartKey:passes
		ExpressionAttributeNames:checks ExpressionAttributeValues:passes FilterExpression:checks IndexName:checks KeyConditionExpression:checks
		KeyConditions:refuses Limit:passes ProjectionExpression:refuses QueryFilter:refuses ReturnConsumedCapacity:passes
		ScanIndexForward:passes Select:checks`,
	"dynamodb.QueryOutput": `ConsumedCapacity:parts Count:passes Items:decrypts LastEvaluatedKey:passes ScannedCount:passes ResultMetadata:passes`,
	"dynamodb.ScanInput": `TableName:routes AttributesToGet:refuses ConditionalOperator:refuses ConsistentRead:passes ExclusiveStartKey:passes
		ExpressionAttributeNames:checks ExpressionAttributeValues:passes FilterExpression:checks IndexName:checks Limit:passes
		ProjectionExpression:refuses ReturnConsumedCapacity:passes ScanFilter:refuses Segment:passes Select:checks TotalSegments:passes`,
	"dynamodb.ScanOutput":              `ConsumedCapacity:parts Count:passes Items:decrypts LastEvaluatedKey:passes ScannedCount:passes ResultMetadata:passes`,
	"dynamodb.BatchGetItemInput":       `RequestItems:parts ReturnConsumedCapacity:passes`,
	"dynamodb.BatchGetItemOutput":      `ConsumedCapacity:parts Responses:decrypts UnprocessedKeys:passes ResultMetadata:passes`,
	"types.KeysAndAttributes":          `Keys:passes AttributesToGet:refuses ConsistentRead:passes ExpressionAttributeNames:passes ProjectionExpression:refuses`,
	"dynamodb.BatchWriteItemInput":     `RequestItems:parts ReturnConsumedCapacity:passes ReturnItemCollectionMetrics:passes`,
	"dynamodb.BatchWriteItemOutput":    `ConsumedCapacity:parts ItemCollectionMetrics:parts UnprocessedItems:restores ResultMetadata:passes`,
	"types.WriteRequest":               `DeleteRequest:parts PutRequest:parts`,
	"types.PutRequest":                 `Item:encrypts`,
	"types.DeleteRequest":              `Key:passes`,
	"dynamodb.TransactGetItemsInput":   `TransactItems:parts ReturnConsumedCapacity:passes`,
	"types.TransactGetItem":            `Get:parts`,
	"types.Get":                        `Key:passes TableName:routes ExpressionAttributeNames:passes ProjectionExpression:refuses`,
	"dynamodb.TransactGetItemsOutput":  `ConsumedCapacity:parts Responses:parts ResultMetadata:passes`,
	"types.ItemResponse":               `Item:decrypts`,
	"dynamodb.TransactWriteItemsInput": `TransactItems:parts ClientRequestToken:passes ReturnConsumedCapacity:passes ReturnItemCollectionMetrics:passes`,
	"types.TransactWriteItem":          `ConditionCheck:parts Delete:parts Put:parts Update:parts`,
	"types.ConditionCheck": `ConditionExpression:checks Key:passes TableName:routes ExpressionAttributeNames:checks ExpressionAttributeValues:passes
		ReturnValuesOnConditionCheckFailure:passes`,
	"types.Delete": `ConditionExpression:checks Key:passes TableName:routes ExpressionAttributeNames:checks ExpressionAttributeValues:passes
		ReturnValuesOnConditionCheckFailure:passes`,
	"types.Put": `Item:encrypts TableName:routes ConditionExpression:checks ExpressionAttributeNames:checks ExpressionAttributeValues:passes
		ReturnValuesOnConditionCheckFailure:passes`,
	"types.Update": `Key:passes TableName:routes UpdateExpression:checks ConditionExpression:checks ExpressionAttributeNames:checks
		ExpressionAttributeValues:passes ReturnValuesOnConditionCheckFailure:passes`,
	"dynamodb.TransactWriteItemsOutput": `ConsumedCapacity:parts ItemCollectionMetrics:parts ResultMetadata:passes`,
	"types.ConsumedCapacity": `CapacityUnits:passes GlobalSecondaryIndexes:parts LocalSecondaryIndexes:parts ReadCapacityUnits:passes Table:parts
		TableName:passes VectorIndexes:parts WriteCapacityUnits:passes`,
	"types.Capacity":              `CapacityUnits:passes ReadCapacityUnits:passes WriteCapacityUnits:passes`,
	"types.VectorCapacity":        `VectorSearchRequestBytes:passes VectorWriteRequestBytes:passes`,
	"types.ItemCollectionMetrics": `ItemCollectionKey:passes SizeEstimateRangeGB:passes`,
	"dynamodb.ExportTableToPointInTimeInput": `S3Bucket:passes TableArn:routes ClientToken:passes ExportFormat:passes ExportTime:passes ExportType:passes
		FilterSpecification:parts IncrementalExportSpecification:parts S3BucketOwner:passes S3Prefix:passes S3SseAlgorithm:passes S3SseKmsKeyId:passes`,
	"types.FilterSpecification": `ExpressionAttributeNames:checks ExpressionAttributeValues:passes FilterExpression:checks KeyConditionExpression:checks
		ProjectionExpression:refuses`,
	"types.IncrementalExportSpecification": `ExportFromTime:passes ExportToTime:passes ExportViewType:passes`,
	// Exceptions that carry items.
	"types.ConditionalCheckFailedException": `Message:passes ErrorCodeOverride:passes Item:decrypts`,
	"types.TransactionCanceledException":    `Message:passes ErrorCodeOverride:passes CancellationReasons:parts`,
	"types.CancellationReason":              `Code:passes Item:decrypts Message:passes`,
}

// behindRefused are types that only refused fields refer to.
var behindRefused = []reflect.Type{
	reflect.TypeFor[types.ExpectedAttributeValue](), reflect.TypeFor[types.AttributeValueUpdate](), reflect.TypeFor[types.Condition](),
}

func policyOf(t *testing.T, typ reflect.Type) map[string]string {
	t.Helper()
	policy := make(map[string]string)
	for _, entry := range strings.Fields(fieldPolicy[typ.String()]) {
		field, treatment, ok := strings.Cut(entry, ":")
		require.True(t, ok, entry)
		require.Contains(t, []string{routes, encrypts, decrypts, checks, refusing, restores, parts, passing}, treatment, entry)
		require.NotContains(t, policy, field, "%s.%s is listed twice", typ, field)
		policy[field] = treatment
	}
	return policy
}

func TestEveryFieldIsClassified(t *testing.T) {
	t.Parallel()
	reached := make(map[reflect.Type]bool)
	for _, op := range operationsOfClient(t) {
		if slices.Contains(itemOperations(), op.name) {
			maps.Copy(reached, structsOf(op.in))
			maps.Copy(reached, structsOf(op.out))
		}
	}
	maps.Copy(reached, structsOf(reflect.TypeFor[dynamodb.ExportTableToPointInTimeInput]()))
	maps.Copy(reached, structsOf(reflect.TypeFor[types.ConditionalCheckFailedException]()))
	maps.Copy(reached, structsOf(reflect.TypeFor[types.TransactionCanceledException]()))
	delete(reached, reflect.TypeFor[types.AttributeValue]())
	for _, typ := range behindRefused {
		require.True(t, reached[typ], typ)
		delete(reached, typ)
	}

	unused := maps.Clone(fieldPolicy)
	fields := 0
	for typ := range reached {
		delete(unused, typ.String())
		policy := policyOf(t, typ)
		for i := range typ.NumField() {
			field := typ.Field(i)
			if !field.IsExported() {
				continue
			}
			fields++
			assert.NotEmpty(t, policy[field.Name], "%s.%s is new: decide what it means for encrypted items", typ, field.Name)
			delete(policy, field.Name)
		}
		assert.Empty(t, policy, "%s has these fields no more", typ)
	}
	assert.Empty(t, unused, "types that no item operation has any more")
	t.Logf("%d fields of %d types", fields, len(reached))
}

// The exceptions that carry items are those listed.
func TestExceptionsWithItems(t *testing.T) {
	t.Parallel()
	// The deserializer of an operation cannot be asked for its exceptions, but the
	// types that refer to them can be found by what they hold.
	for _, exception := range []any{
		types.ConditionalCheckFailedException{}, types.TransactionCanceledException{}, types.IdempotentParameterMismatchException{},
		types.TransactionConflictException{}, types.TransactionInProgressException{}, types.ItemCollectionSizeLimitExceededException{},
		types.ProvisionedThroughputExceededException{}, types.RequestLimitExceeded{}, types.ReplicatedWriteConflictException{},
		types.ThrottlingException{}, types.InternalServerError{}, types.ResourceNotFoundException{}, types.InvalidEndpointException{},
	} {
		typ := reflect.TypeOf(exception)
		_, listed := fieldPolicy[typ.String()]
		assert.Equal(t, listed, structsOf(typ)[reflect.TypeFor[types.AttributeValue]()], typ)
	}
}

// What the policy calls refused is refused, by whatever face: the field alone is
// enough, and the error names it.
func TestRefusedFieldsAreRefused(t *testing.T) {
	t.Parallel()
	codec := newItemEncryptor(t, newItemProvider(t))
	mw, err := encryptor.Middleware([]encryptor.ItemCodec{codec})
	require.NoError(t, err)
	refused := 0
	for _, op := range operationsOfClient(t) {
		if !slices.Contains(itemOperations(), op.name) {
			continue
		}
		for typ := range structsOf(op.in) {
			if typ.Kind() != reflect.Struct {
				continue
			}
			for field, treatment := range policyOf(t, typ) {
				if treatment != refusing {
					continue
				}
				refused++
				in := requestWith(t, op, typ, field)
				var r recorder
				err := op.call(t.Context(), r.client(mw), in)
				require.ErrorIs(t, err, encryptor.ErrUnsupported, "%s %s.%s", op.name, typ, field)
				require.ErrorContains(t, err, field)
				require.Empty(t, r.bodies)
			}
		}
	}
	require.Equal(t, 21, refused)
}

// requestWith returns a request to the table of itemTable in which one field is
// set beside what routes it.
func requestWith(t *testing.T, op operation, typ reflect.Type, field string) reflect.Value {
	t.Helper()
	in := reflect.New(op.in)
	at := in.Elem()
	table := itemTable().Name
	switch request := in.Interface().(type) {
	case *dynamodb.BatchGetItemInput:
		keys := reflect.New(reflect.TypeFor[types.KeysAndAttributes]())
		fill(keys.Elem().FieldByName(field), 0)
		request.RequestItems = map[string]types.KeysAndAttributes{table: keys.Elem().Interface().(types.KeysAndAttributes)}
		return in
	case *dynamodb.TransactGetItemsInput:
		request.TransactItems = []types.TransactGetItem{{Get: &types.Get{TableName: &table}}}
		at = reflect.ValueOf(request.TransactItems[0].Get).Elem()
	default:
		at.FieldByName("TableName").Set(reflect.ValueOf(&table))
	}
	require.Equal(t, typ, at.Type(), "%s: a new part with refused fields", fmt.Sprint(typ))
	fill(at.FieldByName(field), 0)
	return in
}
