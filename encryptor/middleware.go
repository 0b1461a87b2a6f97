package encryptor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ddbec/ddbec-go/internal/quote"
)

// Middleware returns an option for dynamodb.NewFromConfig that encrypts and
// decrypts the items of the client's requests, for programs that hand a
// *dynamodb.Client around:
//
//	mw, err := encryptor.Middleware(tables)
//	…
//	client := dynamodb.NewFromConfig(cfg, mw)
//
// It treats tables as [EncryptedClient] does. Operations that carry no items
// (CreateTable, UpdateTable, backups and the like) pass unchanged, and so does
// ExportTableToPointInTime, unless a Scan could not have its filter. PartiQL,
// imports and everything that this version does not know are ErrUnsupported. A
// request is encrypted once, however often the SDK sends it.
//
// What the SDK has no operation for needs an EncryptedTable beside it: for Modify
// and WriteAll call [NewTable] with the plain client and the same codec. A client
// with the middleware is refused there.
//
// A client takes it once: one that has it twice fails every call. A call whose
// options remove it, by setting APIOptions, is refused before anything is sent.
func Middleware(tables []ItemCodec, optFns ...func(*ClientOptions)) (func(*dynamodb.Options), error) {
	var o ClientOptions
	for _, fn := range optFns {
		fn(&o)
	}
	c, err := newCore(tables, o)
	if err != nil {
		return nil, fmt.Errorf("encryption middleware: %w", err)
	}
	step := &encryptionStep{c}
	return func(o *dynamodb.Options) {
		// Clipped, since the slice may be shared with other clients.
		o.APIOptions = append(slices.Clip(o.APIOptions), step.attach)
		o.Interceptors = o.Interceptors.Copy()
		o.Interceptors.AddBeforeTransmit(sentinel{c})
	}, nil
}

const stepID = "DDBEC item encryption"

// encryptionStep stands first in Initialize, before the SDK validates, serializes
// or retries.
type encryptionStep struct{ core *core }

func (s *encryptionStep) ID() string { return stepID }

func (s *encryptionStep) attach(stack *middleware.Stack) error {
	if _, twice := stack.Initialize.Get(stepID); twice {
		return errors.New("the client has the encryption middleware twice: items would be encrypted twice")
	}
	return stack.Initialize.Add(s, middleware.Before)
}

// mark is a stack value of every request that the middleware has seen. Unlike a
// value of the context, the SDK clears it for a request that is made inside of one.
type mark struct{}

// sentinel refuses to send what the middleware has not seen.
type sentinel struct{ core *core }

func (sentinel) BeforeTransmit(ctx context.Context, _ *smithyhttp.InterceptorContext) error {
	if middleware.GetStackValue(ctx, mark{}) == nil {
		return fmt.Errorf("%w: the options of this call removed the encryption middleware; add to APIOptions instead of setting it", ErrUnsupported)
	}
	return nil
}

// checkNotEncrypting refuses a client whose middleware encrypts one of the tables.
func (c *core) checkNotEncrypting(api DynamoDBAPI) error {
	client, ok := api.(interface{ Options() dynamodb.Options })
	if !ok {
		return nil
	}
	for _, interceptor := range client.Options().Interceptors.BeforeTransmit {
		s, ok := interceptor.(sentinel)
		if !ok {
			continue
		}
		for name := range c.tables {
			if s.core.tables[name] != nil {
				return fmt.Errorf("table %s: the client has the encryption middleware: items would be encrypted twice; give the plain client", quote.Name(name))
			}
		}
	}
	return nil
}

// HandleInitialize dispatches by the request's type.
func (s *encryptionStep) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	ctx = middleware.WithStackValue(ctx, mark{}, true)
	switch params := in.Parameters.(type) {
	case *dynamodb.PutItemInput:
		return through(ctx, params, in, next, s.core.putItem)
	case *dynamodb.GetItemInput:
		return through(ctx, params, in, next, s.core.getItem)
	case *dynamodb.UpdateItemInput:
		return through(ctx, params, in, next, s.core.updateItem)
	case *dynamodb.DeleteItemInput:
		return through(ctx, params, in, next, s.core.deleteItem)
	case *dynamodb.QueryInput:
		return through(ctx, params, in, next, s.core.query)
	case *dynamodb.ScanInput:
		return through(ctx, params, in, next, s.core.scan)
	case *dynamodb.BatchGetItemInput:
		return through(ctx, params, in, next, s.core.batchGetItem)
	case *dynamodb.BatchWriteItemInput:
		return through(ctx, params, in, next, s.core.batchWriteItem)
	case *dynamodb.TransactGetItemsInput:
		return through(ctx, params, in, next, s.core.transactGetItems)
	case *dynamodb.TransactWriteItemsInput:
		return through(ctx, params, in, next, s.core.transactWriteItems)
	case *dynamodb.ExportTableToPointInTimeInput:
		if err := s.core.checkExport(params); err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleInitialize(ctx, in)
	}
	if carriesNoItems(in.Parameters) {
		return next.HandleInitialize(ctx, in)
	}
	return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("%w: %T: it could carry items past the encryption", ErrUnsupported, in.Parameters)
}

// through sends a prepared request down the stack and finishes the answer.
func through[In, Out any](ctx context.Context, params *In, in middleware.InitializeInput, next middleware.InitializeHandler, prepare preparer[In, Out]) (middleware.InitializeOutput, middleware.Metadata, error) {
	prepared, finish, err := prepare(ctx, params)
	if err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, err
	}
	in.Parameters = prepared
	answer, metadata, err := next.HandleInitialize(ctx, in)
	out, ok := answer.Result.(*Out)
	if err == nil && !ok {
		return middleware.InitializeOutput{}, metadata, fmt.Errorf("%T answered by %T", params, answer.Result)
	}
	finished, err := finish(ctx, out, err)
	if err != nil {
		return middleware.InitializeOutput{}, metadata, err
	}
	return middleware.InitializeOutput{Result: finished}, metadata, nil
}

// carriesNoItems lists what passes: operations on tables, not on items.
func carriesNoItems(params any) bool {
	switch params.(type) {
	case *dynamodb.CancelBulkOperationInput,
		*dynamodb.CreateBackupInput,
		*dynamodb.CreateGlobalTableInput,
		*dynamodb.CreateTableInput,
		*dynamodb.DeleteBackupInput,
		*dynamodb.DeleteResourcePolicyInput,
		*dynamodb.DeleteTableInput,
		*dynamodb.DescribeBackupInput,
		*dynamodb.DescribeBulkOperationInput,
		*dynamodb.DescribeContinuousBackupsInput,
		*dynamodb.DescribeContributorInsightsInput,
		*dynamodb.DescribeEndpointsInput,
		*dynamodb.DescribeExportInput,
		*dynamodb.DescribeGlobalTableInput,
		*dynamodb.DescribeGlobalTableSettingsInput,
		*dynamodb.DescribeImportInput,
		*dynamodb.DescribeKinesisStreamingDestinationInput,
		*dynamodb.DescribeLimitsInput,
		*dynamodb.DescribeTableInput,
		*dynamodb.DescribeTableReplicaAutoScalingInput,
		*dynamodb.DescribeTimeToLiveInput,
		*dynamodb.DisableKinesisStreamingDestinationInput,
		*dynamodb.EnableKinesisStreamingDestinationInput,
		*dynamodb.GetResourcePolicyInput,
		*dynamodb.ListBackupsInput,
		*dynamodb.ListBulkOperationsInput,
		*dynamodb.ListContributorInsightsInput,
		*dynamodb.ListExportsInput,
		*dynamodb.ListGlobalTablesInput,
		*dynamodb.ListImportsInput,
		*dynamodb.ListTablesInput,
		*dynamodb.ListTagsOfResourceInput,
		*dynamodb.PutResourcePolicyInput,
		*dynamodb.RestoreTableFromBackupInput,
		*dynamodb.RestoreTableToPointInTimeInput,
		*dynamodb.TagResourceInput,
		*dynamodb.UntagResourceInput,
		*dynamodb.UpdateContinuousBackupsInput,
		*dynamodb.UpdateContributorInsightsInput,
		*dynamodb.UpdateGlobalTableInput,
		*dynamodb.UpdateGlobalTableSettingsInput,
		*dynamodb.UpdateKinesisStreamingDestinationInput,
		*dynamodb.UpdateTableInput,
		*dynamodb.UpdateTableReplicaAutoScalingInput,
		*dynamodb.UpdateTimeToLiveInput:
		return true
	}
	return false
}
