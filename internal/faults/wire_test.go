package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A fault is what becomes of a request or of its answer.
type fault string

const (
	none        fault = "none"
	throttle    fault = "throttled"
	serverError fault = "server error before acting"
	failedAfter fault = "server error after acting"
	gateway     fault = "a gateway's error after acting"
	refused     fault = "refused"
	cutBefore   fault = "connection cut before acting"
	cutAfter    fault = "connection cut after acting"
	cutBody     fault = "connection cut within the answer"
	hangs       fault = "never answered"
	lateAnswer  fault = "acted, answered too late"
	lateRequest fault = "acted after the caller had gone"
	slow        fault = "slow"
	garbled     fault = "answer is not what it should be"
	partly      fault = "batch left in part"
)

// allFaults can befall any request; batches can be left in part besides.
var allFaults = []fault{throttle, serverError, failedAfter, gateway, refused, cutBefore, cutAfter, cutBody, hangs, lateAnswer, lateRequest, slow, garbled}

// patience is how long a connection waits for an answer that does not come.
const patience = 3 * time.Second

// doer is an HTTP client of the SDK.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// wire is the HTTP client between the library and a service. It sees every request
// as it is sent, does to it what the schedule says, and tells the model what the
// server has done.
type wire struct {
	*model
	inner       doer
	service     string
	leaveUndone func(op string, n int) // asks the server to leave the last n requests of its next batch undone
	seen        map[string][]any       // items by key, as they were sent or answered, to be given in the wrong place; guarded by the model
	keys        *dataKeys
	late        *sync.WaitGroup
}

func (w *wire) Do(request *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	ctx := request.Context()
	c := callOf(ctx)
	w.inspect(c, op, request, body)
	if c == nil { // the test's own
		answer, _ := w.forward(nil, op, request, body)
		return answer.response(request), nil
	}
	w.mu.Lock()
	d := c.draw(op)
	w.stats.request(w.service, op, d.fault)
	switch d.fault {
	case none, slow:
	case partly:
		c.partial = true
	default:
		w.struck++
		c.faults++
	}
	w.mu.Unlock()

	answer, err := w.suffer(ctx, c, d, op, request, body)
	if w.service == "DynamoDB" && isWrite(op) && (err != nil || answer.unclear()) {
		w.mu.Lock()
		c.unclear = true
		w.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	return answer.response(request), nil
}

// suffer carries a request out as the fault says.
func (w *wire) suffer(ctx context.Context, c *call, d drawn, op string, request *http.Request, body []byte) (answer, error) {
	if err := sleep(ctx, d.before); err != nil {
		return answer{}, err
	}
	reset := fmt.Errorf("the connection was cut: %w", syscall.ECONNRESET)
	act := func() answer {
		a, _ := w.forward(c, op, request, body)
		return a
	}
	switch d.fault {
	case throttle:
		return w.failure(http.StatusBadRequest, w.throttling(d.rng)), nil
	case serverError:
		return w.failure(http.StatusInternalServerError, w.serverError()), nil
	case failedAfter:
		act()
		return w.failure(http.StatusServiceUnavailable, "ServiceUnavailable"), nil
	case gateway:
		act()
		return gatewayAnswers[d.rng.IntN(len(gatewayAnswers))], nil
	case refused:
		return w.failure(http.StatusBadRequest, "AccessDeniedException"), nil
	case cutBefore:
		return answer{}, reset
	case cutAfter:
		act()
		return answer{}, reset
	case cutBody:
		a := act()
		a.cutAt = 1 + d.rng.IntN(max(len(a.body)-1, 1))
		return a, nil
	case hangs:
		if err := sleep(ctx, patience); err != nil {
			return answer{}, err
		}
		return answer{}, reset
	case lateAnswer:
		act()
		if err := sleep(ctx, patience); err != nil {
			return answer{}, err
		}
		return answer{}, reset
	case lateRequest:
		delay := time.Duration(d.rng.Int64N(int64(200 * time.Millisecond)))
		err := sleep(ctx, patience)
		w.late.Go(func() {
			time.Sleep(delay)
			act()
		})
		if err == nil {
			err = reset
		}
		return answer{}, err
	case slow:
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return answer{}, err
		}
	case partly:
		w.leaveUndone(op, 1+d.rng.IntN(4))
	}
	a := act()
	if d.fault == garbled {
		w.mu.Lock()
		var lies bool
		a, lies = w.damage(d.rng, op, body, a)
		c.lied = c.lied || lies
		w.mu.Unlock()
	}
	return a, sleep(ctx, d.after)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}

// inspect looks for what must not be sent.
func (w *wire) inspect(c *call, op string, request *http.Request, body []byte) {
	if secret := secretIn(body); secret != nil {
		w.violate(plaintext, "%s: %s to %s has %q", c, op, w.service, secret)
	}
	var head bytes.Buffer
	_ = request.Header.Write(&head) // to a buffer
	if secret := secretIn(append(head.Bytes(), request.URL.String()...)); secret != nil {
		w.violate(plaintext, "%s: the header of %s to %s has %q", c, op, w.service, secret)
	}
	if w.service == "DynamoDB" && w.keys.anyIn(body) {
		w.violate(plaintext, "%s: %s has a data key", c, op)
	}
}

// forward has the server carry out a request, whatever became of the caller.
func (w *wire) forward(c *call, op string, request *http.Request, body []byte) (answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := parseRequest(body)
	if w.service == "DynamoDB" {
		w.checkMaterials(c, op, r)
	}
	forwarded := request.Clone(context.WithoutCancel(request.Context()))
	forwarded.Body = io.NopCloser(bytes.NewReader(body))
	response, err := w.inner.Do(forwarded)
	if err != nil {
		panic(err) // the servers in this process do not fail
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return a, err
	}
	w.now++
	if w.service == "KMS" {
		w.keys.note(a.body)
		return a, nil
	}
	w.remember(op, r, a.body)
	if a.status == http.StatusOK && isWrite(op) {
		w.note(c, op, r, a.body)
	}
	return a, nil
}

// note tells the model of a write.
func (w *wire) note(c *call, op string, r *rawRequest, answered []byte) {
	if r.TableName == metaTable && op == "PutItem" {
		w.materials[r.materialID()] = true
	}
	if token := r.ClientRequestToken; token != "" {
		if w.tokens[token] {
			return // done before
		}
		w.tokens[token] = true
	}
	for _, e := range effectsOf(op, r, answered) {
		if c != nil && slices.Contains(c.effects, e) && w.current(e.key).version == absent {
			c.bornAgain = true
		}
		w.apply(e)
		if c != nil {
			c.effects = append(c.effects, e)
		}
	}
}

// checkMaterials requires that whatever an item is written under is stored by then.
func (w *wire) checkMaterials(c *call, op string, r *rawRequest) {
	for _, part := range r.writes(op) {
		if id := part.material(); part.TableName == dataTable && id != "" && !w.materials[id] {
			w.violateLocked(unstored, "%s: %s names material %s", c, op, id)
		}
	}
}

func (w *wire) throttling(rng *rand.Rand) string {
	if w.service == "KMS" {
		return "ThrottlingException"
	}
	codes := []string{"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}
	return codes[rng.IntN(len(codes))]
}

func (w *wire) serverError() string {
	if w.service == "KMS" {
		return "KMSInternalException"
	}
	return "InternalServerError"
}

func (w *wire) failure(status int, code string) answer {
	body, err := json.Marshal(map[string]string{"__type": "com.amazonaws#" + code, "message": "as the schedule says"})
	if err != nil {
		panic(err) // strings marshal
	}
	return answer{status: status, body: body, header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, stated: true}
}

// gatewayAnswers have no code of the service's.
var gatewayAnswers = []answer{
	{status: http.StatusBadGateway, header: http.Header{}},
	{status: http.StatusServiceUnavailable, body: []byte("<html>busy</html>"), header: http.Header{}},
	{status: http.StatusGatewayTimeout, body: []byte(`{"message":"Endpoint request timed out"}`), header: http.Header{}},
}

// answer is an HTTP response.
type answer struct {
	status int
	body   []byte
	header http.Header
	cutAt  int  // where the connection is cut; 0: not
	wrong  bool // it is not what the server said
	badSum bool
	stated bool // it is the schedule's
}

// unclear tells whether the answer leaves open what became of the request.
func (a answer) unclear() bool { return a.status >= 500 || a.cutAt > 0 || a.wrong }

func (a answer) response(request *http.Request) *http.Response {
	header := a.header.Clone()
	sum := crc32.ChecksumIEEE(a.body)
	if a.badSum {
		sum++
	}
	if header.Get("X-Amz-Crc32") != "" || a.stated {
		header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(sum), 10))
	}
	var body io.Reader = bytes.NewReader(a.body)
	if a.cutAt > 0 {
		body = io.MultiReader(bytes.NewReader(a.body[:min(a.cutAt, len(a.body))]), brokenReader{})
	}
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(body), ContentLength: int64(len(a.body)), Request: request,
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) {
	return 0, errors.Join(io.ErrUnexpectedEOF, errors.New("the connection was cut"))
}

// dataKeys are those that KMS gave out last, as they would appear in JSON.
type dataKeys struct {
	mu   sync.Mutex
	last [][]byte
}

func (k *dataKeys) note(answer []byte) {
	var a struct{ Plaintext string }
	if json.Unmarshal(answer, &a) != nil || a.Plaintext == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	// The last characters depend on what would follow.
	k.last = append(k.last, []byte(strings.TrimRight(a.Plaintext, "=")[:len(a.Plaintext)-2]))
	if len(k.last) > 8 {
		k.last = k.last[1:]
	}
}

func (k *dataKeys) anyIn(text []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.last {
		if bytes.Contains(text, key) {
			return true
		}
	}
	return false
}
