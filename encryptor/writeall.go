package encryptor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const opWriteAll = "WriteAll"

// maxBatch is how many requests DynamoDB takes in a batch.
const maxBatch = 25

// WriteAllOptions configures [EncryptedTable.WriteAll].
type WriteAllOptions struct {
	// MaxAttempts is how many batches in a row may make no progress before
	// WriteAll gives up; 0 means 10, less is an error.
	MaxAttempts int
}

const defaultWriteAttempts = 10

// WriteReport says what became of the requests that WriteAll took from its
// iterator. It prints counts, by every verb of fmt, in slog and in JSON.
type WriteReport struct {
	// Written is how many had their effect, or were overtaken by a later request
	// for the same key.
	Written int
	// Unsent had no effect.
	Unsent []types.WriteRequest
	// Unknown may have had theirs: an answer was lost, or what failed was not an
	// answer, as when there are no credentials. To send them again is harmless if
	// nobody else writes these keys.
	Unknown []types.WriteRequest
}

// reportCounts is what of a WriteReport may be printed: its requests are plaintext.
type reportCounts struct{ Written, Unsent, Unknown int }

func (r WriteReport) counts() reportCounts {
	return reportCounts{r.Written, len(r.Unsent), len(r.Unknown)}
}

// Format prints counts only, whatever the verb.
func (r WriteReport) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "WriteReport%+v", r.counts()) }

// LogValue logs counts only.
func (r WriteReport) LogValue() slog.Value {
	c := r.counts()
	return slog.GroupValue(slog.Int("written", c.Written), slog.Int("unsent", c.Unsent), slog.Int("unknown", c.Unknown))
}

// MarshalJSON writes counts only.
func (r WriteReport) MarshalJSON() ([]byte, error) { return json.Marshal(r.counts()) }

// WriteAll writes puts and deletions in batches of 25 until requests ends, as
// boto3's batch_writer does. Each put is encrypted once: what DynamoDB leaves
// unprocessed is sent again as it is, after a pause that grows while nothing
// moves. One batch is under way at a time, so requests for one key take effect in
// their order; of those that meet in a batch only the last is sent.
//
// On an error it stops, and the report tells what was written, what was not, and
// what is unknown, in the caller's own requests. It has taken no more from requests
// than the sum of these three; what comes after them was not looked at. A sequence
// that cannot make its next request keeps its own error and ends:
//
//	var failed error
//	report, err := table.WriteAll(ctx, func(yield func(types.WriteRequest) bool) {
//		for _, c := range customers {
//			item, err := attributevalue.MarshalMap(c)
//			if err != nil {
//				failed = err
//				return
//			}
//			if !yield(types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}) {
//				return
//			}
//		}
//	})
func (t *EncryptedTable) WriteAll(ctx context.Context, requests iter.Seq[types.WriteRequest], optFns ...func(*WriteAllOptions)) (WriteReport, error) {
	var o WriteAllOptions
	for _, fn := range optFns {
		fn(&o)
	}
	attempts := cmp.Or(o.MaxAttempts, defaultWriteAttempts)
	if attempts < 0 {
		return WriteReport{}, t.table.fail(opWriteAll, fmt.Errorf("WriteAllOptions.MaxAttempts: must not be negative (%d)", attempts))
	}
	if requests == nil {
		return WriteReport{}, t.table.fail(opWriteAll, errors.New("nil requests"))
	}
	next, stop := iter.Pull(requests)
	defer stop()

	w := batchWriter{table: t}
	for {
		if err := w.fill(ctx, next); err != nil {
			return w.report(err)
		}
		if len(w.pending) == 0 {
			return w.written, nil
		}
		if err := backoff(ctx, w.idle); err != nil {
			return w.report(t.table.fail(opWriteAll, err))
		}
		if err := w.write(ctx); err != nil {
			return w.report(t.table.fail(opWriteAll, err))
		}
		if w.idle >= attempts {
			return w.report(t.table.fail(opWriteAll, fmt.Errorf("no request of a batch was processed %d times in a row: %w", w.idle, w.lastError)))
		}
	}
}

// pendingWrite is a request that was taken and is not known to be written.
type pendingWrite struct {
	plain, encrypted types.WriteRequest
	index            int // among all requests
	key              string
	unknown          bool
}

// batchWriter has the requests of the next batch, no two of which are for one key.
type batchWriter struct {
	table     *EncryptedTable
	pending   []pendingWrite
	taken     int
	written   WriteReport
	idle      int // batches in a row without progress
	lastError error
}

var errUnprocessed = errors.New("DynamoDB left all requests unprocessed")

// fill takes requests until the batch is full and encrypts their puts.
func (w *batchWriter) fill(ctx context.Context, next func() (types.WriteRequest, bool)) error {
	t := w.table.table
	fresh := make(map[string]bool)
	for len(w.pending) < maxBatch {
		request, ok := next()
		if !ok {
			break
		}
		p := pendingWrite{plain: request, encrypted: request, index: w.taken, key: requestKey(request, t.keys)}
		w.taken++
		if err := t.checkRequest(request); err != nil {
			w.pending = append(w.pending, p)
			return at(p.index, t.fail(opWriteAll, err))
		}
		fresh[p.key] = true
		if i := slices.IndexFunc(w.pending, func(q pendingWrite) bool { return q.key == p.key }); i >= 0 {
			p.unknown = w.pending[i].unknown
			w.pending[i] = p
			w.written.Written++ // overtaken
			continue
		}
		w.pending = append(w.pending, p)
	}
	return forEach(len(w.pending), t.concurrency, func(i int) error {
		p := &w.pending[i]
		if !fresh[p.key] || p.plain.PutRequest == nil {
			return nil
		}
		p.encrypted.PutRequest = nil // never the plaintext, whatever happens
		encrypted, err := t.encryptAt(ctx, opWriteAll, p.index, p.plain.PutRequest.Item)
		if err == nil {
			p.encrypted.PutRequest = &types.PutRequest{Item: encrypted}
		}
		return err
	})
}

func (t *boundTable) checkRequest(r types.WriteRequest) error {
	switch {
	case r.PutRequest != nil:
		return nil
	case r.DeleteRequest != nil:
		return t.checkKey(r.DeleteRequest.Key)
	default:
		return fmt.Errorf("%w: a request that is neither put nor deletion", ErrInvalidValue)
	}
}

// write sends the batch once and keeps what is left of it. An error means that it
// is of no use to go on.
func (w *batchWriter) write(ctx context.Context) error {
	t := w.table.table
	requests := make([]types.WriteRequest, len(w.pending))
	for i := range w.pending {
		requests[i] = w.pending[i].encrypted
	}
	in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{t.requestName: requests}}
	out, err := answered(w.table.api.BatchWriteItem(ctx, in, withoutRetries))
	if err != nil {
		w.idle++
		w.lastError = err
		switch outcomeOf(err) {
		case outcomeBusy:
			return nil
		case outcomeUnknown:
			w.nothingIsKnown()
			return nil
		default:
			return err
		}
	}
	unprocessed := make(map[string]bool)
	for _, left := range out.UnprocessedItems {
		for _, request := range left {
			unprocessed[t.markOf(request)] = true
		}
	}
	before := len(w.pending)
	left := make([]pendingWrite, 0, len(unprocessed))
	for _, p := range w.pending {
		if unprocessed[t.markOf(p.encrypted)] {
			left = append(left, p)
		}
	}
	if len(left) != len(unprocessed) {
		w.nothingIsKnown()
		return fmt.Errorf("%w: DynamoDB left requests unprocessed that were not sent", ErrUnknownOutcome)
	}
	w.pending = left
	w.written.Written += before - len(w.pending)
	if len(w.pending) < before {
		w.idle = 0
	} else {
		w.idle++
		w.lastError = errUnprocessed
	}
	return nil
}

// nothingIsKnown notes that each pending request may have had its effect.
func (w *batchWriter) nothingIsKnown() {
	for i := range w.pending {
		w.pending[i].unknown = true
	}
}

// report sorts what is pending by what is known of it.
func (w *batchWriter) report(err error) (WriteReport, error) {
	for _, p := range w.pending {
		if p.unknown {
			w.written.Unknown = append(w.written.Unknown, p.plain)
		} else {
			w.written.Unsent = append(w.written.Unsent, p.plain)
		}
	}
	return w.written, err
}

// requestKey is the same for requests that change one item.
func requestKey(r types.WriteRequest, keys []string) string {
	switch {
	case r.PutRequest != nil:
		return keyText(r.PutRequest.Item, keys)
	case r.DeleteRequest != nil:
		return keyText(r.DeleteRequest.Key, keys)
	default:
		return ""
	}
}
