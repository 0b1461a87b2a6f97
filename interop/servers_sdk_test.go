package interop

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"
)

// sdkClient is an HTTP client for the SDK that does no request twice by mistake: see
// readOnly.
type sdkClient struct{ http.Client }

func (c *sdkClient) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = readOnly{req.Body}
	}
	return c.Client.Do(req)
}

// readOnly is a request body without the method WriteTo that the SDK gives it. The
// SDK closes the body as soon as the head of an answer is there, while net/http,
// having sent all of it, may be about to look for its end. Read then returns
// io.EOF, which is well; but so does WriteTo, where by the contract of io.WriterTo
// it is an error: net/http takes the request for unsent and closes the connection,
// the rest of the answer is lost, and the SDK sends the request a second time. This
// needs a server that is quick and sends head and body apart, as those in Python do.
type readOnly struct{ io.ReadCloser }

// TestServersReadOnlyBody has the SDK close the body of a request while net/http is about
// to look for its end. The SDK's own body fails there; when it no longer does,
// readOnly can go.
func TestServersReadOnlyBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		body    func(io.ReadCloser) io.ReadCloser
		written error
	}{
		{"the SDK's", func(b io.ReadCloser) io.ReadCloser { return b }, io.EOF},
		{"read only", func(b io.ReadCloser) io.ReadCloser { return readOnly{b} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan struct{})  // the SDK has closed the request's body
			written := make(chan struct{}) // net/http is through with the request
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				if err == nil {
					w.Header().Set("Content-Length", "2")
					err = http.NewResponseController(w).Flush()
				}
				if err == nil {
					<-written
					_, err = io.WriteString(w, "{}")
				}
				if err != nil {
					t.Log("the server:", err)
				}
			}))
			defer server.Close()
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return &slowConn{Conn: conn, until: closed}, err
			}}
			defer transport.CloseIdleConnections()
			var writeErr error
			client := newClient(server.URL, doer(func(req *http.Request) (*http.Response, error) {
				req.Body = c.body(req.Body)
				answer, err := transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
					WroteRequest: func(info httptrace.WroteRequestInfo) {
						writeErr = info.Err
						close(written)
					},
				})))
				if err == nil {
					// The SDK reads an answer after it has closed the request.
					answer.Body = &watchedBody{ReadCloser: answer.Body, first: func() { close(closed); <-written }}
				}
				return answer, err
			}))
			_, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
			require.Equal(t, c.written, writeErr)
			if c.written == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, net.ErrClosed)
				require.ErrorContains(t, err, "StatusCode: 200")
			}
		})
	}
}

// doer is an HTTP client.
type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(req *http.Request) (*http.Response, error) { return d(req) }

// slowConn sends a request's head, then its body, and returns late from that.
type slowConn struct {
	net.Conn
	until  <-chan struct{}
	writes int
}

func (c *slowConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.writes++; c.writes == 2 {
		<-c.until
	}
	return n, err
}

// watchedBody tells of its first Read, before it.
type watchedBody struct {
	io.ReadCloser
	once  sync.Once
	first func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.once.Do(b.first)
	return b.ReadCloser.Read(p)
}
