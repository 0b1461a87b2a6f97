package ddbtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Server is a DynamoDB in memory. Its methods may be called from any number of
// goroutines.
type Server struct {
	mu        sync.Mutex // guards what follows
	db        database
	calls     []string
	forgotten int              // calls that are no longer in calls
	plans     map[string]*plan // by operation
	latency   time.Duration
	closed    bool
	listener  *http.Server
	url       string

	serving sync.WaitGroup
}

// NewServer returns a server without tables. It holds no resources before
// [Server.URL] is called.
func NewServer() *Server {
	return &Server{
		db:    database{tables: map[string]*table{}},
		plans: map[string]*plan{},
	}
}

// Client returns a new client of the SDK that reaches the server in process,
// without a socket, so that it can be used inside a testing/synctest bubble. It
// retries as the SDK does by default, but does not wait between attempts.
func (s *Server) Client() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region:       region,
		BaseEndpoint: aws.String("http://ddbtest"), // resolved by nobody
		HTTPClient:   inProcess{s},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ddbtest", SecretAccessKey: "ddbtest", Source: "ddbtest"}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

// URL returns the endpoint of the server for clients of other processes, such
// as http://127.0.0.1:40123. The first call opens a listener on a free port of
// the loopback interface. URL panics if that fails, and after Close.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic("ddbtest: URL called on a closed Server")
	}
	if s.listener != nil {
		return s.url
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("ddbtest: " + err.Error())
	}
	s.url = "http://" + l.Addr().String()
	listener := &http.Server{Handler: http.HandlerFunc(s.serveHTTP)}
	s.listener = listener
	s.serving.Go(func() {
		_ = listener.Serve(l) // ends with ErrServerClosed
	})
	return s.url
}

// Close closes the listener, if there is one, and makes all further calls fail.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	listener := s.listener
	s.mu.Unlock()
	if listener != nil {
		_ = listener.Close() // nothing is left to be done about an error
		s.serving.Wait()
	}
}

var errClosed = errors.New("ddbtest: server closed")

// reply is an HTTP response in the making.
type reply struct {
	status int
	body   []byte
	id     string
}

func (r reply) header() http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("X-Amzn-Requestid", r.id)
	h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(r.body)), 10))
	return h
}

// inProcess is the HTTP client of [Server.Client].
type inProcess struct{ server *Server }

func (c inProcess) Do(req *http.Request) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if req.Body != nil {
		defer req.Body.Close()
		body = req.Body
	}
	r, err := c.server.answer(req.Context(), req.Header.Get("X-Amz-Target"), body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status:        strconv.Itoa(r.status) + " " + http.StatusText(r.status),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.header(),
		Body:          io.NopCloser(bytes.NewReader(r.body)),
		ContentLength: int64(len(r.body)),
		Request:       req,
	}, nil
}

func (s *Server) serveHTTP(w http.ResponseWriter, req *http.Request) {
	r, err := s.answer(req.Context(), req.Header.Get("X-Amz-Target"), req.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	for name, values := range r.header() {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // a client that has gone is no concern of ours
}

const (
	targetPrefix   = "DynamoDB_20120810."
	maxRequestSize = 16 << 20
)

// answer is what the server does with a request. An error is a connection that
// failed: the client gets no response.
func (s *Server) answer(ctx context.Context, target string, body io.Reader) (reply, error) {
	content, err := io.ReadAll(io.LimitReader(body, maxRequestSize+1))
	if err != nil {
		return reply{}, fmt.Errorf("ddbtest: read request: %w", err)
	}
	op, _ := strings.CutPrefix(target, targetPrefix)
	number, latency, err := s.arrive(op)
	if err != nil {
		return reply{}, err
	}
	if err := wait(ctx, latency); err != nil {
		return reply{}, err
	}
	r, err := s.perform(op, content)
	if ctx.Err() != nil { // nobody waits for the answer any more
		return reply{}, ctx.Err()
	}
	r.id = fmt.Sprintf("DDBTEST%06d", number)
	return r, err
}

// arrive records the call and numbers it.
func (s *Server) arrive(op string) (number int, latency time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, 0, errClosed
	}
	s.calls = append(s.calls, op)
	return s.forgotten + len(s.calls), s.latency, nil
}

// wait sleeps until d has passed or ctx has ended.
func wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// perform makes the answer to one request.
func (s *Server) perform(op string, body []byte) (reply, error) {
	next := s.next(op)
	if next.before != nil {
		next.before()
	}
	out, err := any(nil), next.fault.err
	if err == nil || next.fault.late {
		out, err = s.execute(op, body)
	}
	if next.after != nil {
		next.after()
	}
	if next.fault.late {
		err = next.fault.err
	}
	if err != nil {
		return errorReply(err)
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return reply{}, fmt.Errorf("ddbtest: encode answer: %w", err)
	}
	return reply{status: http.StatusOK, body: encoded}, nil
}

// execute carries out one operation.
func (s *Server) execute(op string, body []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do, ok := operations[op]
	if !ok {
		return nil, newError(codeUnknownOperation, "%q is not an operation of ddbtest", op)
	}
	if len(body) > maxRequestSize {
		return nil, newError(codeSerialization, "the request is larger than %d bytes", maxRequestSize)
	}
	return do(&s.db, op, body)
}

// operations are all that the server knows.
var operations = map[string]func(db *database, op string, body []byte) (any, error){
	"CreateTable":        operation((*database).createTable),
	"DescribeTable":      operation((*database).describeTable),
	"DeleteTable":        operation((*database).deleteTable),
	"ListTables":         operation((*database).listTables),
	"PutItem":            operation((*database).putItem),
	"GetItem":            operation((*database).getItem),
	"UpdateItem":         operation((*database).updateItem),
	"DeleteItem":         operation((*database).deleteItem),
	"Query":              operation((*database).query),
	"Scan":               operation((*database).scan),
	"BatchGetItem":       operation((*database).batchGetItem),
	"BatchWriteItem":     operation((*database).batchWriteItem),
	"TransactGetItems":   operation((*database).transactGetItems),
	"TransactWriteItems": operation((*database).transactWriteItems),
}

// operation puts the decoding of the request before an operation's work.
func operation[I any](do func(*database, *I) (any, error)) func(*database, string, []byte) (any, error) {
	return func(db *database, op string, body []byte) (any, error) {
		var in I
		if err := decodeRequest(op, body, &in); err != nil {
			return nil, err
		}
		return do(db, &in)
	}
}
