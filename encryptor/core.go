package encryptor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// core is what EncryptedTable, EncryptedClient and Middleware have in common: it
// prepares every request on a copy, before it is sent, and finishes the answer.
// Who sends it is none of its business.
type core struct {
	tables    map[string]*boundTable // by bare name
	plaintext map[string][]string    // tables whose requests pass as they are, by bare name, each as it was allowed
	sole      *boundTable            // meant by a request without a table name; may be nil
}

func newCore(codecs []ItemCodec, o ClientOptions) (*core, error) {
	concurrency, err := o.concurrency()
	if err != nil {
		return nil, err
	}
	c := &core{tables: make(map[string]*boundTable), plaintext: make(map[string][]string)}
	for i, codec := range codecs {
		if codec == nil {
			return nil, fmt.Errorf("table %d: nil item codec", i)
		}
		t, err := bind(codec, concurrency, o.TableOptions)
		if err != nil {
			return nil, err
		}
		if c.tables[t.info.Name] != nil {
			return nil, fmt.Errorf("table %s is given twice", quote.Name(t.info.Name))
		}
		c.tables[t.info.Name] = t
	}
	for _, nameOrARN := range o.AllowPlaintextTables {
		name, err := tableinfo.NameOf(nameOrARN)
		if err != nil {
			return nil, fmt.Errorf("ClientOptions.AllowPlaintextTables: %w", err)
		}
		if c.tables[name] != nil {
			return nil, fmt.Errorf("ClientOptions.AllowPlaintextTables: table %s is an encrypted one", quote.Name(name))
		}
		c.plaintext[name] = append(c.plaintext[name], nameOrARN)
	}
	return c, nil
}

// route returns the table that a request is for, nil if it passes as it is.
func (c *core) route(op string, requested *string) (*boundTable, error) {
	if requested == nil {
		if c.sole == nil {
			return nil, c.unknown(op, "", fmt.Errorf("%w: the request names none", ErrUnknownTable))
		}
		return c.sole, nil
	}
	name, err := tableinfo.NameOf(*requested)
	if err != nil {
		return nil, c.unknown(op, *requested, fmt.Errorf("%w: TableName: %w", ErrUnknownTable, err))
	}
	if c.isPlaintext(name, *requested) {
		return nil, nil
	}
	t := c.tables[name]
	if isARN := name != *requested; t == nil || isARN && t.info.ARN != "" && *requested != t.info.ARN {
		return nil, c.unknown(op, *requested, fmt.Errorf("%w %s: %s", ErrUnknownTable, quote.Name(*requested), c.known()))
	}
	return t, nil
}

// isPlaintext tells whether the requests of a table pass. By its ARN a table is
// allowed, and not another account's or Region's ARN of the same name.
func (c *core) isPlaintext(name, requested string) bool {
	return slices.ContainsFunc(c.plaintext[name], func(allowed string) bool {
		return allowed == name || requested == name || allowed == requested
	})
}

func (c *core) unknown(op, requested string, err error) error {
	if c.sole != nil {
		requested = c.sole.info.Name
	}
	return newItemError(op, requested, err)
}

func (c *core) known() string {
	if c.sole != nil {
		return "this is table " + quote.Name(c.sole.info.Name)
	}
	return "it has no encryptor and is not in AllowPlaintextTables"
}

// finisher makes the caller's answer of the service's.
type finisher[Out any] = func(ctx context.Context, out *Out, err error) (*Out, error)

// preparer makes the request to send of the caller's, which it does not modify.
type preparer[In, Out any] = func(ctx context.Context, params *In) (*In, finisher[Out], error)

// send prepares, calls and finishes.
func send[In, Out any](ctx context.Context, params *In, optFns []func(*dynamodb.Options), prepare preparer[In, Out],
	call func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error)) (*Out, error) {
	in, finish, err := prepare(ctx, params)
	if err != nil {
		return nil, err
	}
	out, err := call(ctx, in, optFns...)
	return finish(ctx, out, err)
}

// passed is a request that no table took: it failed, or it passes as it is.
func passed[In, Out any](params *In, err error) (*In, finisher[Out], error) {
	if err != nil {
		return nil, nil, err
	}
	return params, func(_ context.Context, out *Out, err error) (*Out, error) { return out, err }, nil
}

var errNoOutput = errors.New("the DynamoDB client returned neither an output nor an error")

// answered makes an error of an answer that is none, which a mock may give.
func answered[Out any](out *Out, err error) (*Out, error) {
	if out == nil && err == nil {
		err = errNoOutput
	}
	return out, err
}

// finishing returns a finisher that passes errors through failed, may be nil, and
// lets change modify a copy of the output. An output never accompanies an error.
func finishing[Out any](failed func(context.Context, error) error, change func(context.Context, *Out) error) finisher[Out] {
	return func(ctx context.Context, out *Out, err error) (*Out, error) {
		if err != nil && failed != nil {
			return nil, failed(ctx, err)
		}
		if out, err = answered(out, err); err != nil {
			return nil, err
		}
		result := *out
		if err := change(ctx, &result); err != nil {
			return nil, err
		}
		return &result, nil
	}
}

// copyOf copies a request; nil is an empty one, as for the SDK.
func copyOf[T any](params *T) T {
	if params == nil {
		return *new(T)
	}
	return *params
}

// name is what a request to the table sends: the caller's spelling, or else that of
// the options.
func (t *boundTable) name(requested *string) *string {
	if requested == nil {
		return aws.String(t.requestName)
	}
	return requested
}
