package encryptor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"

	"github.com/ddbec/ddbec-go/encryptor"
)

// checked checks what holds for each call of a face.
type checked struct {
	t   *testing.T
	f   *operations
	api encryptor.DynamoDBAPI
}

func check[In, Out any](c checked, ctx context.Context, in *In, optFns []func(*dynamodb.Options),
	call func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error)) (*Out, error) {
	c.t.Helper()
	if in != nil {
		pad(reflect.ValueOf(in).Elem())
	}
	options := slices.Grow(slices.Clone(optFns), 3)
	sent := len(c.f.wire.sent())
	before := dump(in)
	out, err := call(ctx, in, options...)
	assert.Equal(c.t, before, dump(in), "the caller's request is not modified")
	for _, fn := range options[len(options):cap(options)] {
		assert.Nil(c.t, fn, "the caller's slice of options is not modified")
	}
	if err != nil {
		assert.Nil(c.t, out, "an output never accompanies an error")
		assert.NotContains(c.t, err.Error(), secret)
	}
	for _, body := range c.f.wire.sent()[sent:] {
		assert.NotContains(c.t, body, secret, "a secret was sent")
	}
	return out, err
}

// pad gives every slice that v refers to spare capacity, in which an append by
// somebody else would show.
func pad(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			pad(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				pad(v.Field(i))
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			pad(value)
			v.SetMapIndex(key, value)
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		padded := reflect.MakeSlice(v.Type(), v.Len(), v.Len()+3)
		reflect.Copy(padded, v)
		if v.CanSet() {
			v.Set(padded)
		}
		for i := range v.Len() {
			pad(v.Index(i))
		}
	}
}

// cloneOf copies v with all that it refers to.
func cloneOf[T any](v T) T {
	var clone T
	cloneInto(reflect.ValueOf(&clone).Elem(), reflect.ValueOf(&v).Elem())
	return clone
}

func cloneInto(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			cloneInto(to.Elem(), from.Elem())
		}
	case reflect.Interface:
		if !from.IsNil() {
			value := reflect.New(from.Elem().Type()).Elem()
			cloneInto(value, from.Elem())
			to.Set(value)
		}
	case reflect.Struct:
		for i := range from.NumField() {
			if from.Type().Field(i).IsExported() {
				cloneInto(to.Field(i), from.Field(i))
			}
		}
	case reflect.Map:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeMap(from.Type()))
		for _, key := range from.MapKeys() {
			value := reflect.New(from.Type().Elem()).Elem()
			cloneInto(value, from.MapIndex(key))
			to.SetMapIndex(key, value)
		}
	case reflect.Slice:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			cloneInto(to.Index(i), from.Index(i))
		}
	default:
		to.Set(from)
	}
}

// dump is the text of everything that v refers to, with the spare capacity of
// slices.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("nil ")
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil ")
			return
		}
		b.WriteString(v.Elem().Type().String() + ":")
		dumpValue(b, v.Elem())
	case reflect.Struct:
		b.WriteByte('{')
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				b.WriteString(field.Name + "=")
				dumpValue(b, v.Field(i))
			}
		}
		b.WriteByte('}')
	case reflect.Map:
		if v.IsNil() {
			b.WriteString("nil ")
			return
		}
		b.WriteByte('[')
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			fmt.Fprintf(b, "%q:", key.String())
			dumpValue(b, v.MapIndex(key))
		}
		b.WriteByte(']')
	case reflect.Slice:
		if v.IsNil() {
			b.WriteString("nil ")
			return
		}
		fmt.Fprintf(b, "(%d)[", v.Len())
		whole := v.Slice3(0, v.Cap(), v.Cap())
		for i := range whole.Len() {
			dumpValue(b, whole.Index(i))
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%#v ", v.Interface())
	}
}

func (c checked) PutItem(ctx context.Context, in *dynamodb.PutItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return check(c, ctx, in, optFns, c.api.PutItem)
}

func (c checked) GetItem(ctx context.Context, in *dynamodb.GetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return check(c, ctx, in, optFns, c.api.GetItem)
}

func (c checked) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return check(c, ctx, in, optFns, c.api.UpdateItem)
}

func (c checked) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return check(c, ctx, in, optFns, c.api.DeleteItem)
}

func (c checked) Query(ctx context.Context, in *dynamodb.QueryInput, optFns ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return check(c, ctx, in, optFns, c.api.Query)
}

func (c checked) Scan(ctx context.Context, in *dynamodb.ScanInput, optFns ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return check(c, ctx, in, optFns, c.api.Scan)
}

func (c checked) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	return check(c, ctx, in, optFns, c.api.BatchGetItem)
}

func (c checked) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, optFns ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	return check(c, ctx, in, optFns, c.api.BatchWriteItem)
}

func (c checked) TransactGetItems(ctx context.Context, in *dynamodb.TransactGetItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactGetItemsOutput, error) {
	return check(c, ctx, in, optFns, c.api.TransactGetItems)
}

func (c checked) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, optFns ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	return check(c, ctx, in, optFns, c.api.TransactWriteItems)
}

func (c checked) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput, optFns ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return check(c, ctx, in, optFns, c.api.DescribeTable)
}

// traffic keeps the requests that a client sends, and may change the answers.
type traffic struct {
	next dynamodb.HTTPClient

	mu     sync.Mutex
	bodies []string
	answer func(body string) string
}

func (w *traffic) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.bodies)
}

// answers lets change alter each answer from now on.
func (w *traffic) answers(change func(body string) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = change
}

func (w *traffic) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		w.mu.Lock()
		w.bodies = append(w.bodies, string(body))
		w.mu.Unlock()
	}
	resp, err := w.next.Do(req)
	w.mu.Lock()
	change := w.answer
	w.mu.Unlock()
	if err != nil || change == nil {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	changed := change(string(body))
	resp.Header.Del("X-Amz-Crc32")
	resp.ContentLength = int64(len(changed))
	resp.Body = io.NopCloser(strings.NewReader(changed))
	return resp, nil
}
