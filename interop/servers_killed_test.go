package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

// programVariable names the program that TestServersKilled starts. interop/run sets it.
const programVariable = "DDBEC_INTEROP_DYNOXIDE_PROGRAM"

const (
	kills        = 3  // times that the server is killed
	writesBefore = 40 // acknowledged writes of each kind before each kill
)

// TestServersKilled kills dynoxide while writes are under way, starts it again on
// its file, and requires every write that was acknowledged, and no write in part.
func TestServersKilled(t *testing.T) {
	program := os.Getenv(programVariable)
	if program == "" {
		t.Skip("no dynoxide: start this with interop/run servers")
	}
	file := filepath.Join(t.TempDir(), "dynoxide.db")
	processes := &dynoxides{program: program, file: file}
	t.Cleanup(processes.end) // after the fixture's
	url, process := processes.start(t)
	f := newFixture(t, onDynoxide, url, onTable, newWire())
	w := &writing{f: f, counters: map[string]acknowledgedCounter{}}
	for i := range kills {
		w.untilKilled(t, process, i)
		url, process = processes.start(t)
		f.wire.redirect(url)
		w.requireAcknowledged(t)
	}
	for _, kind := range writeKinds {
		serverResults.note("dynoxide, killed %d times: %d acknowledged %s, all there", kills, w.acknowledged[kind.name], kind.name)
	}
}

// dynoxides are the processes that have served one file, one after the other.
type dynoxides struct {
	program, file string
	started       []*exec.Cmd
}

// start starts one on a free port and waits until it answers.
func (d *dynoxides) start(t *testing.T) (url string, process *os.Process) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().(*net.TCPAddr)
	require.NoError(t, listener.Close())
	cmd := exec.Command(d.program, "serve", "--host", "127.0.0.1", "--port", strconv.Itoa(address.Port), "--db-path", d.file, "--log", "quiet")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	d.started = append(d.started, cmd)
	url = "http://" + address.String()
	client := newClient(url, newWire())
	require.Eventually(t, func() bool {
		_, err := client.ListTables(context.Background(), &dynamodb.ListTablesInput{})
		return err == nil
	}, 30*time.Second, 20*time.Millisecond)
	return url, cmd.Process
}

// end kills what still runs and waits for all.
func (d *dynoxides) end() {
	for _, cmd := range d.started {
		_ = cmd.Process.Kill() // an error says that it has ended
		_ = cmd.Wait()         // as do all that are killed
	}
}

// writing is a stream of writes by several writers, and what was acknowledged.
type writing struct {
	f *fixture

	mu           sync.Mutex
	items        []encryptor.Item // acknowledged, not to be changed by others
	pairs        []string         // of transactions that were sent: both items are there or none
	counters     map[string]acknowledgedCounter
	acknowledged map[string]int // writes, by kind
}

// acknowledgedCounter is an item that is incremented: it has the value that was
// acknowledged last, or the one that was sent last and never answered.
type acknowledgedCounter struct{ acknowledged, sent int }

// writeKinds are the ways to write. Each sends the write n of its writer and notes
// what was acknowledged.
var writeKinds = []struct {
	name string
	send func(ctx context.Context, w *writing, writer string, n int) error
}{
	{"PutItem", func(ctx context.Context, w *writing, writer string, n int) error {
		item := customer(writer, n)
		_, err := w.f.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &w.f.customers, Item: item}, once)
		return w.note(err, item)
	}},
	{"BatchWriteItem", func(ctx context.Context, w *writing, writer string, n int) error {
		var items []encryptor.Item
		var requests []types.WriteRequest
		for i := range 5 {
			items = append(items, customer(writer, 5*n+i))
			requests = append(requests, putRequest(items[i]))
		}
		out, err := w.f.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{w.f.customers: requests}}, once)
		if err == nil && len(out.UnprocessedItems) > 0 {
			return errors.New("unprocessed items")
		}
		return w.note(err, items...)
	}},
	{"TransactWriteItems", func(ctx context.Context, w *writing, writer string, n int) error {
		first, second := customer(writer+"-first", n), customer(writer+"-second", n)
		w.mu.Lock()
		w.pairs = append(w.pairs, fmt.Sprint(writer, " ", n))
		w.mu.Unlock()
		_, err := w.f.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: &w.f.customers, Item: first}}, {Put: &types.Put{TableName: &w.f.customers, Item: second}},
		}}, once)
		return w.note(err, first, second)
	}},
	{"Modify", func(ctx context.Context, w *writing, writer string, _ int) error {
		sent := 0
		_, err := w.f.table.Modify(ctx, customerKey(writer, 0), func(item encryptor.Item) error {
			if item["age"] == nil {
				item["age"] = num("0")
			}
			if err := grow(item); err != nil {
				return err
			}
			var err error
			sent, err = strconv.Atoi(item["age"].(*types.AttributeValueMemberN).Value)
			return err
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		counter := w.counters[writer]
		counter.sent = max(counter.sent, sent)
		if err == nil {
			counter.acknowledged = sent
		}
		w.counters[writer] = counter
		return err
	}},
}

// once is for a request whose answer may never come.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

func (w *writing) note(err error, items ...encryptor.Item) error {
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.items = append(w.items, items...)
	}
	return err
}

// untilKilled has two writers of each kind write until the server is killed, which
// it is once enough writes of each kind were acknowledged.
func (w *writing) untilKilled(t *testing.T, process *os.Process, round int) {
	t.Helper()
	before := map[string]int{}
	for kind, n := range w.acknowledged {
		before[kind] = n
	}
	var running sync.WaitGroup
	enough := make(chan struct{})
	killed := make(chan struct{})
	early := make(chan error, 2*len(writeKinds))
	for _, kind := range writeKinds {
		for i := range 2 {
			running.Go(func() {
				writer := fmt.Sprint(kind.name, "-", i)
				for n := round * 1_000_000; ; n++ {
					err := kind.send(t.Context(), w, writer, n)
					if err != nil {
						select {
						case <-killed:
						default:
							early <- fmt.Errorf("%s: %w", kind.name, err)
						}
						return
					}
					w.count(kind.name, before, enough)
				}
			})
		}
	}
	select {
	case <-enough:
	case err := <-early:
		require.NoError(t, err, "before the kill")
	case <-time.After(time.Minute):
		require.Fail(t, "too slow")
	}
	close(killed)
	require.NoError(t, process.Kill())
	running.Wait()
}

// count counts an acknowledged write and closes enough when there are as many of
// every kind as wanted.
func (w *writing) count(kind string, before map[string]int, enough chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.acknowledged == nil {
		w.acknowledged = map[string]int{}
	}
	w.acknowledged[kind]++
	for _, k := range writeKinds {
		if w.acknowledged[k.name] < before[k.name]+writesBefore {
			return
		}
	}
	select {
	case <-enough:
	default:
		close(enough)
	}
}

// requireAcknowledged requires that what was acknowledged is there, that no
// transaction is there in part, and that whatever is there can be read.
func (w *writing) requireAcknowledged(t *testing.T) {
	t.Helper()
	for _, item := range w.items {
		requireItem(t, item, w.f.get(t, encryptor.Item{"pk": item["pk"], "sk": item["sk"]}))
	}
	require.Len(t, w.counters, 2)
	for writer, counter := range w.counters {
		v, ok := w.f.get(t, customerKey(writer, 0))["age"].(*types.AttributeValueMemberN)
		require.True(t, ok, writer)
		age, err := strconv.Atoi(v.Value)
		require.NoError(t, err)
		require.GreaterOrEqual(t, age, counter.acknowledged)
		require.LessOrEqual(t, age, counter.sent)
		// What was never answered is settled now.
		w.counters[writer] = acknowledgedCounter{age, age}
	}
	for _, pair := range w.pairs {
		var writer string
		var n int
		_, err := fmt.Sscan(pair, &writer, &n)
		require.NoError(t, err)
		first, second := w.f.get(t, customerKey(writer+"-first", n)), w.f.get(t, customerKey(writer+"-second", n))
		require.Equal(t, first == nil, second == nil, "half of transaction %s", pair)
	}
	all := 0
	for _, err := range w.f.table.ScanItems(t.Context(), &dynamodb.ScanInput{}) {
		require.NoError(t, err)
		all++
	}
	require.GreaterOrEqual(t, all, len(w.items)+len(w.counters))
}
