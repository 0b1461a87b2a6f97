package interop

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/ddbtest"
)

// The DynamoDB servers on which every operation runs.
const (
	onDdbtest   = "ddbtest"
	onDynoxide  = "dynoxide"
	onMinistack = "ministack"
	onMoto      = "moto"
)

// server is one of them. ddbtest is this project's own, started here, and held to
// what the servers of others do.
type server struct {
	name     string
	variable string // has its URL; interop/run sets it
}

var servers = []server{
	{onDdbtest, ""},
	{onDynoxide, "DDBEC_INTEROP_DYNOXIDE"},
	{onMinistack, "DDBEC_INTEROP_MINISTACK"},
	{onMoto, "DDBEC_INTEROP_MOTO"},
}

// The three ways in which a program meets the library.
const (
	onTable      = "EncryptedTable"
	onClient     = "EncryptedClient"
	onMiddleware = "Middleware"
)

var (
	everyFace  = []string{onTable, onClient, onMiddleware}
	tableFace  = []string{onTable}                // for methods that only EncryptedTable has
	several    = []string{onClient, onMiddleware} // for requests about several tables
	operations = slices.Concat(putOperations, updateOperations, queryOperations, scanOperations, batchOperations,
		transactOperations, modifyOperations, iterationOperations, damagedOperations, policyOperations, valueOperations, tableOperations)
)

// operation is a line of the table: what must be so on every server, through every
// one of its faces.
type operation struct {
	name  string
	faces []string
	run   func(t tester, f *fixture)
}

// tester is what an operation needs of *testing.T.
type tester interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// TestServers runs the table of operations on every server. What a server lacks is
// in the list of exceptions; there the operation must fail, and as the list says, or
// is not run if it fails only at times.
func TestServers(t *testing.T) {
	names := make(map[string]bool)
	for _, op := range operations {
		require.False(t, names[op.name], "two operations are named %q", op.name)
		names[op.name] = true
	}
	requireExceptionsAreOfOperations(t, names)
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			url := s.url(t)
			for _, op := range operations {
				t.Run(op.name, func(t *testing.T) {
					for _, face := range op.faces {
						t.Run(face, func(t *testing.T) {
							w := newWire()
							t.Cleanup(func() { w.requireNoRepeats(t) }) // after the fixture's
							runOperation(t, s.name, op, newFixture(t, s.name, url, face, w))
						})
					}
				})
			}
		})
	}
}

func runOperation(t *testing.T, server string, op operation, f *fixture) {
	t.Helper()
	e, excepted := exceptionOf(server, op.name)
	if !excepted {
		op.run(t, f)
		serverResults.add(server, op.name, false)
		return
	}
	if e.says == "" {
		serverResults.add(server, op.name, true)
		return
	}
	failures := failuresOf(t, func(t tester) { op.run(t, f) })
	require.NotEmpty(t, failures, "%s does %q by now: the exception is to go", server, op.name)
	require.Contains(t, failures[0], e.says, "%s fails at %q for another reason than the exception's", server, op.name)
	serverResults.add(server, op.name, true)
}

// failuresOf runs what is expected to fail and returns how it did.
func failuresOf(t *testing.T, run func(tester)) []string {
	a := &attempt{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(a)
	}()
	<-done
	return a.failures
}

// attempt is a test whose failure is a finding.
type attempt struct {
	*testing.T
	failures []string
}

func (a *attempt) Errorf(format string, args ...any) {
	a.failures = append(a.failures, fmt.Sprintf(format, args...))
}

func (a *attempt) FailNow() { runtime.Goexit() }

// url is that of the server; the test is skipped if it was not started.
func (s server) url(t *testing.T) string {
	t.Helper()
	if s.variable == "" {
		own := ddbtest.NewServer()
		t.Cleanup(own.Close)
		return own.URL()
	}
	url := os.Getenv(s.variable)
	if url == "" {
		t.Skipf("no %s: start this with interop/run servers", s.name)
	}
	return url
}

// newClient returns a client of a server on this machine. It waits little between
// its attempts.
func newClient(url string, wire dynamodb.HTTPClient) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), HTTPClient: wire,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "testing", SecretAccessKey: "testing", Source: "interop"}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 20 * time.Millisecond }),
	})
}

// exception is what a server lacks.
type exception struct {
	server    string
	operation string
	why       string
	says      string // the operation's failure there has this text; "" if it does not always fail, then it is not run
}

func exceptionOf(server, operation string) (exception, bool) {
	i := slices.IndexFunc(exceptions, func(e exception) bool { return e.server == server && e.operation == operation })
	if i < 0 {
		return exception{}, false
	}
	return exceptions[i], true
}

func requireExceptionsAreOfOperations(t *testing.T, names map[string]bool) {
	t.Helper()
	for i, e := range exceptions {
		require.True(t, names[e.operation], "exception for an unknown operation %q", e.operation)
		require.True(t, slices.ContainsFunc(servers, func(s server) bool { return s.name == e.server }), "unknown server %q", e.server)
		require.NotEmpty(t, e.why, "%s: %s", e.server, e.operation)
		require.False(t, slices.ContainsFunc(exceptions[:i], func(f exception) bool {
			return f.server == e.server && f.operation == e.operation
		}), "two exceptions for %s: %s", e.server, e.operation)
	}
}
