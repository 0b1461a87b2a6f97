package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// peer is the process in which this library is measured, apart from the KMS and from everything else that this command does.
type peer struct {
	encryptors map[string]*encryptor.ItemEncryptor // kept, as a program does
	prepared   task
	threads    int
}

// task is what is measured. It keeps its result in no new memory, which would count as the library's.
type task func(ctx context.Context, result *[]encryptor.Item) error

func newPeer() *peer { return &peer{encryptors: map[string]*encryptor.ItemEncryptor{}} }

func servePeer(ctx context.Context, in io.Reader, out io.Writer) error {
	p := newPeer()
	read, write := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := read.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := p.answer(ctx, r)
		if err != nil {
			a = answer{Error: fmt.Sprintf("%T", err), Message: err.Error()}
		}
		if err := write.Encode(a); err != nil {
			return err
		}
	}
}

func (p *peer) answer(ctx context.Context, r request) (answer, error) {
	switch r.Op {
	case "versions":
		return answer{Versions: map[string]string{"go": runtime.Version()}}, nil
	case "bench":
		return p.bench(ctx, time.Duration(r.Seconds*float64(time.Second)))
	}
	e, err := p.encryptor(ctx, r.Configuration)
	if err != nil {
		return answer{}, err
	}
	switch r.Op {
	case "encrypt":
		item, err := e.Encrypt(ctx, encryptor.Item(r.Item))
		return answer{Item: vectors.Item(item)}, err
	case "decrypt":
		item, err := e.Decrypt(ctx, encryptor.Item(r.Item))
		return answer{Item: vectors.Item(item)}, err
	case "bench_prepare":
		return p.prepare(ctx, e, r)
	}
	return answer{}, fmt.Errorf("unknown operation %q", r.Op)
}

func (p *peer) encryptor(ctx context.Context, c *Configuration) (*encryptor.ItemEncryptor, error) {
	if c == nil {
		return nil, errors.New("no configuration")
	}
	key, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if p.encryptors[string(key)] == nil {
		if p.encryptors[string(key)], err = c.encryptor(ctx); err != nil {
			return nil, err
		}
	}
	return p.encryptors[string(key)], nil
}

// prepare replaces what is measured from now on, and does it once.
func (p *peer) prepare(ctx context.Context, e *encryptor.ItemEncryptor, r request) (answer, error) {
	items := make([]encryptor.Item, len(r.Items))
	for i, item := range r.Items {
		items[i] = encryptor.Item(item)
	}
	if p.threads = r.Threads; len(items) == 0 || p.threads < 1 {
		return answer{}, errors.New("no items, or no threads")
	}
	switch r.Work {
	case encryptItem:
		p.prepared = onOne(e.Encrypt, items[0])
	case decryptItem:
		p.prepared = onOne(e.Decrypt, items[0])
	case readPage:
		table, err := encryptor.NewTable(page{items: items}, e)
		if err != nil {
			return answer{}, err
		}
		p.prepared = func(ctx context.Context, result *[]encryptor.Item) error {
			out, err := table.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(r.Table)})
			if err != nil {
				return err
			}
			*result = out.Items
			return nil
		}
	default:
		return answer{}, fmt.Errorf("unknown work %q", r.Work)
	}
	var done []encryptor.Item
	err := p.prepared(ctx, &done)
	runtime.GC() // what was prepared before is not to be collected at the expense of a measurement; the others do so too
	a := answer{Items: make([]vectors.Item, len(done))}
	for i, item := range done {
		a.Items[i] = vectors.Item(item)
	}
	return a, err
}

func onOne(f func(context.Context, encryptor.Item) (encryptor.Item, error), item encryptor.Item) task {
	return func(ctx context.Context, result *[]encryptor.Item) error {
		done, err := f(ctx, item)
		*result = append((*result)[:0], done)
		return err
	}
}

// page is a DynamoDB that answers every Scan with the same items, from memory.
type page struct {
	encryptor.DynamoDBAPI
	items []encryptor.Item
}

func (p page) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	n := int32(len(p.items))
	return &dynamodb.ScanOutput{Items: slices.Clone(p.items), Count: n, ScannedCount: n}, nil
}

// bench does the prepared work in a number of goroutines, on as many processors: on one, the garbage collector has no
// other to itself either.
func (p *peer) bench(ctx context.Context, d time.Duration) (answer, error) {
	if p.prepared == nil {
		return answer{}, errors.New("nothing is prepared")
	}
	runtime.GOMAXPROCS(p.threads)
	var (
		before, after runtime.MemStats
		iterations    atomic.Int64
		workers       sync.WaitGroup
		failed        = make([]error, p.threads)
	)
	runtime.ReadMemStats(&before)
	start := time.Now()
	for i := range p.threads {
		workers.Go(func() {
			var n int64
			n, failed[i] = p.repeat(ctx, start, d)
			iterations.Add(n)
		})
	}
	workers.Wait()
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	return answer{
		Iterations: iterations.Load(), Nanoseconds: elapsed.Nanoseconds(),
		Allocations: after.Mallocs - before.Mallocs, Bytes: after.TotalAlloc - before.TotalAlloc,
	}, errors.Join(failed...)
}

// repeat reads the clock about once a millisecond, so that reading it costs nothing.
func (p *peer) repeat(ctx context.Context, start time.Time, d time.Duration) (n int64, err error) {
	var done []encryptor.Item
	batch, last := 1, time.Duration(0)
	for last < d {
		for range batch {
			if err := p.prepared(ctx, &done); err != nil {
				return n, err
			}
		}
		n += int64(batch)
		now := time.Since(start)
		if now-last < time.Millisecond/2 {
			batch *= 2
		}
		last = now
	}
	return n, nil
}
