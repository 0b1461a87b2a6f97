package interop

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is an HTTP client that loses an answer on demand: the server has done what
// it was asked, and the SDK does not learn of it.
type wire struct {
	client sdkClient

	mu       sync.Mutex
	lose     map[string]int // answers to be lost, by operation
	lost     map[string]int // answers lost, and the request not sent again yet
	sent     map[string]int // requests, by operation
	repeated []string       // requests that the SDK sent again though no answer was lost
	host     string         // to which requests go instead, if it is not ""
}

func newWire() *wire {
	// As many idle connections as a test has writers, none of them by way of a proxy.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second}
	return &wire{client: sdkClient{http.Client{Transport: transport, Timeout: time.Minute}}, lose: map[string]int{}, lost: map[string]int{}, sent: map[string]int{}}
}

func (w *wire) loseNext(op string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose[op]++
}

func (w *wire) requests(op string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[op]
}

// allRequests counts those of every operation.
func (w *wire) allRequests() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sent := range w.sent {
		n += sent
	}
	return n
}

// redirect sends further requests to another URL.
func (w *wire) redirect(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host = strings.TrimPrefix(url, "http://")
}

// requireNoRepeats requires that the SDK sent nothing twice but what the test asked
// for. A request done twice explains most other failures of its operation.
func (w *wire) requireNoRepeats(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(t, w.repeated, "the SDK sent again what was not lost")
}

func (w *wire) Do(req *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	w.begin(req, op)
	answer, err := w.client.Do(req)
	w.mu.Lock()
	w.sent[op]++
	lost := w.lose[op] > 0
	if lost {
		w.lose[op]--
		w.lost[op]++
	}
	w.mu.Unlock()
	if err != nil || !lost {
		return answer, err
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the test has lost the answer to %s", op)
}

// begin directs a request to its server, and notes it if it is sent again for no
// reason of the test's.
func (w *wire) begin(req *http.Request, op string) {
	attempt := req.Header.Get("Amz-Sdk-Request")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.host != "" {
		req.URL.Host = w.host
	}
	switch {
	case attempt == "" || strings.HasPrefix(attempt, "attempt=1;"):
	case w.lost[op] > 0:
		w.lost[op]--
	default:
		w.repeated = append(w.repeated, fmt.Sprint(op, ", ", attempt))
	}
}
