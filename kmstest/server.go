package kmstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// maxRequestSize is far above what a valid request of either operation takes.
const maxRequestSize = 1 << 20

// Server lets a KMS be used through AWS's own clients: the protocol is the service's, JSON over HTTP. Signatures of requests are not verified, but
// the Region for which a request is signed is the Region that answers it. Operations other than GenerateDataKey and Decrypt are
// refused with UnknownOperationException.
type Server struct {
	kms *KMS

	mu       sync.Mutex
	closed   bool
	url      string
	listener *http.Server
	done     chan struct{} // closed when the listener has stopped
}

// NewServer returns a server for k, which answers for k's Region what is not signed for another. Close it after use.
func NewServer(k *KMS) *Server {
	return &Server{kms: k}
}

// Client returns a new client of the SDK that calls the server in process, without a socket: ready for use, in the Region of the KMS, with
// made-up credentials. For another Region, give a call the option func(o *kms.Options) { o.Region = "eu-west-1" }, or make a
// server of [KMS.InRegion].
//
// It retries as often as the SDK does by default, but without waiting in between.
func (s *Server) Client() *kms.Client {
	return kms.New(kms.Options{
		Region: s.kms.region,
		// A name that never resolves: should the transport be replaced, nothing reaches AWS.
		BaseEndpoint: aws.String("http://kms.invalid"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test", Source: "kmstest"}, nil
		}),
		HTTPClient: inProcess{s},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
}

// URL returns the address of the server, like "http://127.0.0.1:49152", for clients in other processes: use it as their endpoint, with any
// credentials. The first call opens a listener on a free port of the loopback interface, which ends with Close. URL panics if that
// fails, or if the server is closed.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic("kmstest: URL of a closed server")
	}
	if s.url != "" {
		return s.url
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		if l, err = net.Listen("tcp6", "[::1]:0"); err != nil {
			panic(fmt.Sprintf("kmstest: cannot listen on the loopback interface: %v", err))
		}
	}
	s.url = "http://" + l.Addr().String()
	s.listener = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.listener.Serve(l) // ends with http.ErrServerClosed
	}()
	return s.url
}

// Close ends the listener, if there is one, and its connections; calls of clients fail from then on. It may be called more than once. The KMS itself
// stays as it is.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close()
		<-s.done
	}
}

// inProcess is the transport of [Server.Client].
type inProcess struct{ s *Server }

func (t inProcess) Do(r *http.Request) (*http.Response, error) {
	t.s.mu.Lock()
	closed := t.s.closed
	t.s.mu.Unlock()
	if closed {
		return nil, errors.New("kmstest: the server is closed")
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a := t.s.answer(r)
	_ = r.Body.Close() // a transport's duty
	if err := r.Context().Err(); err != nil {
		return nil, err // as a connection would have been cut
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
		Request: r,
	}, nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	a := s.answer(r)
	for name, values := range a.header() {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that is gone needs no answer
}

type answer struct {
	status    int
	body      []byte
	requestID string
}

func (a answer) header() http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/x-amz-json-1.1")
	h.Set("X-Amzn-Requestid", a.requestID)
	return h
}

func (s *Server) answer(r *http.Request) answer {
	out, err := s.dispatch(r)
	a := answer{status: http.StatusOK, requestID: newKeyID()}
	if err != nil {
		a.status, out = failure(err)
	}
	if a.body, err = json.Marshal(out); err != nil {
		panic(err) // strings and bytes always marshal
	}
	return a
}

// request has the members of both operations' inputs under their names in the protocol. Others are an error, so that none is ignored.
type request struct {
	KeyId               *string
	CiphertextBlob      []byte
	EncryptionContext   map[string]string
	GrantTokens         []string
	NumberOfBytes       *int32
	KeySpec             types.DataKeySpec
	EncryptionAlgorithm types.EncryptionAlgorithmSpec
	DryRun              *bool
	DryRunModifiers     []types.DryRunModifierType
	Recipient           *types.RecipientInfo
}

type response struct {
	KeyId               *string
	KeyMaterialId       *string
	CiphertextBlob      []byte `json:",omitempty"`
	Plaintext           []byte
	EncryptionAlgorithm types.EncryptionAlgorithmSpec `json:",omitempty"`
}

func (s *Server) dispatch(r *http.Request) (any, error) {
	op, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if r.Method != http.MethodPost || !ok || op != opGenerateDataKey && op != opDecrypt {
		return nil, &smithy.GenericAPIError{
			Code:    "UnknownOperationException",
			Message: fmt.Sprintf("kmstest has GenerateDataKey and Decrypt only; this is %s with the target %q", r.Method, r.Header.Get("X-Amz-Target")),
		}
	}
	var in request
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequestSize))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error()}
	}
	k := s.kms.InRegion(signedRegion(r, s.kms.region))
	if op == opGenerateDataKey {
		out, err := k.generateDataKey(r.Context(), &kms.GenerateDataKeyInput{
			KeyId: in.KeyId, EncryptionContext: in.EncryptionContext, GrantTokens: in.GrantTokens,
			NumberOfBytes: in.NumberOfBytes, KeySpec: in.KeySpec, DryRun: in.DryRun, Recipient: in.Recipient,
		})
		if err != nil {
			return nil, err
		}
		return response{KeyId: out.KeyId, KeyMaterialId: out.KeyMaterialId, CiphertextBlob: out.CiphertextBlob, Plaintext: out.Plaintext}, nil
	}
	out, err := k.decrypt(r.Context(), &kms.DecryptInput{
		KeyId: in.KeyId, EncryptionContext: in.EncryptionContext, GrantTokens: in.GrantTokens,
		CiphertextBlob: in.CiphertextBlob, EncryptionAlgorithm: in.EncryptionAlgorithm,
		DryRun: in.DryRun, DryRunModifiers: in.DryRunModifiers, Recipient: in.Recipient,
	})
	if err != nil {
		return nil, err
	}
	return response{KeyId: out.KeyId, KeyMaterialId: out.KeyMaterialId, Plaintext: out.Plaintext, EncryptionAlgorithm: out.EncryptionAlgorithm}, nil
}

// signedRegion reads the credential scope of a Signature Version 4: AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/kms/aws4_request, …
func signedRegion(r *http.Request, otherwise string) string {
	_, credential, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		return otherwise
	}
	credential, _, _ = strings.Cut(credential, ",")
	scope := strings.Split(credential, "/")
	if len(scope) < 5 || scope[len(scope)-3] == "" { // an access key id may contain slashes
		return otherwise
	}
	return scope[len(scope)-3]
}

// failure encodes an error as the service does: the SDK makes its types from the code.
func failure(err error) (status int, body any) {
	type shape struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		api = &types.KMSInternalException{Message: aws.String(err.Error())}
	}
	status = http.StatusBadRequest
	if api.ErrorFault() == smithy.FaultServer {
		status = http.StatusInternalServerError
	}
	return status, shape{Type: api.ErrorCode(), Message: api.ErrorMessage()}
}
