package interop

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// variableLoad says for how long TestLoad runs on each server, such as 10m:
//
//	DDBEC_LOAD=10m go test -v -run TestLoad -timeout 30m .
const variableLoad = "DDBEC_LOAD"

// TestLoad works on a table without a pause and looks from time to time, all workers
// standing still, whether memory and goroutines grow. It runs on ddbtest, in this
// process, and on dynoxide if that was started.
func TestLoad(t *testing.T) {
	value := os.Getenv(variableLoad)
	if value == "" {
		t.Skipf("%s gives no duration", variableLoad)
	}
	duration, err := time.ParseDuration(value)
	require.NoError(t, err)
	t.Run(onDdbtest, func(t *testing.T) {
		server := ddbtest.NewServer()
		t.Cleanup(server.Close)
		runLoad(t, onDdbtest, server.Client(), server.ForgetCalls, duration)
	})
	t.Run(onDynoxide, func(t *testing.T) {
		url := os.Getenv("DDBEC_INTEROP_DYNOXIDE")
		if url == "" {
			t.Skip("no dynoxide: DDBEC_INTEROP_DYNOXIDE has no URL")
		}
		w := newWire()
		t.Cleanup(w.client.CloseIdleConnections)
		runLoad(t, onDynoxide, newClient(url, w), func() {}, duration)
	})
}

const (
	loadItems    = 40 // of each worker
	loadCounters = 4
	loadSamples  = 30
)

// load is what the workers share.
type load struct {
	tables  []*encryptor.EncryptedTable // Direct KMS with a cache, and a most recent provider
	done    map[string]*atomic.Int64    // items by kind of call
	counted []atomic.Int64              // additions to each counter, for each table

	// A worker holds it for reading during a call, the sampler for writing.
	pause sync.RWMutex
}

var loadCalls = []string{"Encrypt and Decrypt", "PutItem", "GetItem", "Query", "Modify"}

func runLoad(t *testing.T, server string, raw *dynamodb.Client, forget func(), duration time.Duration) {
	kms := kmstest.New()
	l, store, recent := newLoad(t, raw, kms)
	workers := 2 * runtime.GOMAXPROCS(0)
	for n := range workers {
		l.fill(t, n)
	}
	for i := range len(l.tables) * loadCounters {
		l.putCounter(t, i)
	}

	ctx, stop := context.WithTimeout(t.Context(), duration)
	defer stop()
	var group sync.WaitGroup
	for n := range workers {
		group.Go(func() { l.work(t, ctx, n) })
	}
	samples := make([]sample, 0, loadSamples)
	for range loadSamples {
		select {
		case <-ctx.Done():
		case <-time.After(duration / (loadSamples + 1)):
		}
		if t.Failed() {
			break
		}
		_, err := store.Rotate(t.Context(), "load")
		require.NoError(t, err)
		recent.Refresh()
		samples = append(samples, l.sample(forget, kms.ForgetCalls))
	}
	group.Wait()
	if t.Failed() {
		return
	}
	l.requireCounters(t)
	requireBounded(t, samples)
	line := l.summary(server, workers, duration, samples)
	t.Log(line)
	serverResults.note("%s", line)
}

func newLoad(t *testing.T, raw *dynamodb.Client, kms *kmstest.KMS) (*load, *metastore.MetaStore, *materials.CachingMostRecentProvider) {
	l := &load{done: make(map[string]*atomic.Int64), counted: make([]atomic.Int64, 2*loadCounters)}
	for _, name := range loadCalls {
		l.done[name] = new(atomic.Int64)
	}
	key := kms.CreateKey()
	direct, err := materials.NewDirectKMSProvider(kms, key, func(o *materials.DirectKMSOptions) {
		o.Cache = &materials.DecryptCacheOptions{TTL: time.Second, Size: 50}
	})
	require.NoError(t, err)
	n := tableNumber.Add(1)
	name := func(table string) string { return fmt.Sprint("load-", table, "-", n) }
	require.NoError(t, metastore.CreateTable(t.Context(), raw, name("keys")))
	t.Cleanup(func() {
		_, err := raw.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(name("keys"))})
		require.NoError(t, err)
	})
	rows, err := encryptor.NewEncryptedTable(t.Context(), raw, name("keys"), direct)
	require.NoError(t, err)
	store, err := metastore.New(rows)
	require.NoError(t, err)
	recent, err := materials.NewCachingMostRecentProvider(store, "load", time.Second)
	require.NoError(t, err)
	for table, provider := range map[string]materials.CryptographicMaterialsProvider{name("direct"): direct, name("recent"): recent} {
		f := &fixture{raw: raw, customers: table}
		f.createCustomers(t)
		encrypted, err := encryptor.NewEncryptedTable(t.Context(), raw, table, provider, func(o *encryptor.Options) { o.Actions = customerActions })
		require.NoError(t, err)
		l.tables = append(l.tables, encrypted)
	}
	return l, store, recent
}

func numberIn(v types.AttributeValue) (n int) {
	if v, ok := v.(*types.AttributeValueMemberN); ok {
		n, _ = strconv.Atoi(v.Value) // else the counter will be wrong
	}
	return n
}

// loadItem has about 1 KB.
func loadItem(pk string, sk int) encryptor.Item {
	item := customer(pk, sk)
	item["text"] = text(secret + strings.Repeat("x", 800))
	return item
}

func partitionOf(worker int) string { return fmt.Sprint("worker-", worker) }

func (l *load) tableOf(worker int) *encryptor.EncryptedTable { return l.tables[worker%len(l.tables)] }

func (l *load) fill(t *testing.T, worker int) {
	for sk := range loadItems {
		_, err := l.tableOf(worker).PutItem(t.Context(), &dynamodb.PutItemInput{Item: loadItem(partitionOf(worker), sk)})
		require.NoError(t, err)
	}
}

func (l *load) counter(i int) (*encryptor.EncryptedTable, encryptor.Item) {
	return l.tables[i/loadCounters], customerKey("counter", i%loadCounters)
}

func (l *load) putCounter(t *testing.T, i int) {
	table, key := l.counter(i)
	item := maps.Clone(key)
	item["age"] = num("0") // encrypted
	_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
	require.NoError(t, err)
}

func (l *load) work(t *testing.T, ctx context.Context, worker int) {
	rng := rand.New(rand.NewPCG(1, uint64(worker)))
	for ctx.Err() == nil && !t.Failed() {
		name := loadCalls[rng.IntN(len(loadCalls))]
		l.pause.RLock()
		// The test's context: a call that was begun is to succeed.
		items, err := l.call(t.Context(), name, worker, rng)
		l.pause.RUnlock()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		l.done[name].Add(int64(items))
	}
}

func (l *load) call(ctx context.Context, name string, worker int, rng *rand.Rand) (items int, err error) {
	table, pk, sk := l.tableOf(worker), partitionOf(worker), rng.IntN(loadItems)
	switch name {
	case "Encrypt and Decrypt":
		stored, err := table.Codec().Encrypt(ctx, loadItem(pk, sk))
		if err != nil {
			return 0, err
		}
		_, err = table.Codec().Decrypt(ctx, stored)
		return 1, err
	case "PutItem":
		_, err := table.PutItem(ctx, &dynamodb.PutItemInput{Item: loadItem(pk, sk)})
		return 1, err
	case "GetItem":
		out, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: customerKey(pk, sk)})
		if err == nil && len(out.Item) == 0 {
			err = fmt.Errorf("item %s %d is gone", pk, sk)
		}
		return 1, err
	case "Query":
		out, err := table.Query(ctx, queryPartition(pk))
		if err == nil && len(out.Items) != loadItems {
			err = fmt.Errorf("%d items of %d", len(out.Items), loadItems)
		}
		return loadItems, err
	default:
		i := rng.IntN(len(l.counted))
		table, key := l.counter(i)
		_, err := table.Modify(ctx, key, func(item encryptor.Item) error {
			item["age"] = count(numberIn(item["age"]) + 1)
			return nil
		}, func(o *encryptor.ModifyOptions) { o.MaxAttempts = 100 })
		if err == nil {
			l.counted[i].Add(1)
		}
		return 1, err
	}
}

func queryPartition(pk string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		KeyConditionExpression: aws.String("pk = :pk"), ExpressionAttributeValues: encryptor.Item{":pk": text(pk)}, ConsistentRead: aws.Bool(true),
	}
}

// requireCounters requires that each counter is what was added to it.
func (l *load) requireCounters(t *testing.T) {
	for i := range l.counted {
		table, key := l.counter(i)
		out, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: key, ConsistentRead: aws.Bool(true)})
		require.NoError(t, err)
		require.EqualValues(t, l.counted[i].Load(), numberIn(out.Item["age"]), "counter %d", i)
	}
}

// sample is what is in use while no call is under way.
type sample struct {
	heap       uint64
	goroutines int
}

func (l *load) sample(forget ...func()) sample {
	l.pause.Lock()
	defer l.pause.Unlock()
	for _, f := range forget {
		f() // the stand-ins remember every call
	}
	runtime.GC()
	runtime.GC() // what a finalizer or a pool held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return sample{m.HeapAlloc, runtime.NumGoroutine()}
}

// What the last third of a run may have more than the first: noise, and some idle
// connections to the server, each of which has two goroutines.
const (
	heapMargin      = 2 << 20
	goroutineMargin = 16
)

func most(samples []sample) (all sample) {
	for _, s := range samples {
		all = sample{max(all.heap, s.heap), max(all.goroutines, s.goroutines)}
	}
	return all
}

func requireBounded(t tester, samples []sample) {
	first, last := most(samples[:len(samples)/3]), most(samples[len(samples)-len(samples)/3:])
	require.LessOrEqual(t, last.heap, first.heap+first.heap/10+heapMargin, "memory grows: %v", samples)
	require.LessOrEqual(t, last.goroutines, first.goroutines+goroutineMargin, "goroutines grow: %v", samples)
}

func TestLoadFindsGrowth(t *testing.T) {
	t.Parallel()
	steady := slices.Repeat([]sample{{10 << 20, 8}}, loadSamples)
	requireBounded(t, steady)
	for name, grow := range map[string]func(*sample, int){
		"memory":     func(s *sample, i int) { s.heap += uint64(i) * 200 << 10 },
		"goroutines": func(s *sample, i int) { s.goroutines += 2 * i },
	} {
		samples := slices.Clone(steady)
		for i := range samples {
			grow(&samples[i], i)
		}
		failures := failuresOf(t, func(t tester) { requireBounded(t, samples) })
		require.Len(t, failures, 1, name)
		require.Contains(t, failures[0], name+" grow")
	}
}

func (l *load) summary(server string, workers int, duration time.Duration, samples []sample) string {
	first, last := most(samples[:len(samples)/3]), most(samples[len(samples)-len(samples)/3:])
	var calls []string
	total := int64(0)
	for _, name := range loadCalls {
		n := l.done[name].Load()
		total += n
		calls = append(calls, fmt.Sprintf("%s %.0f", name, float64(n)/duration.Seconds()))
	}
	return fmt.Sprintf("%s, %v of load by %d workers: %.0f items/s (%s); at most %.1f MB and %d goroutines in the first third, %.1f MB and %d in the last",
		server, duration, workers, float64(total)/duration.Seconds(), strings.Join(calls, ", "),
		float64(first.heap)/(1<<20), first.goroutines, float64(last.heap)/(1<<20), last.goroutines)
}
