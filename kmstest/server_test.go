package kmstest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/kmstest"
)

func TestErrorsTravel(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	s := kmstest.NewServer(k)
	t.Cleanup(s.Close)
	for name, c := range map[string]*kms.Client{"in process": s.Client(), "socket": overSocket(s)} {
		call := func(err error, attempts int) error {
			for range attempts {
				k.FailNext("GenerateDataKey", err)
			}
			before := len(k.Calls())
			_, err = c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
			require.Error(t, err, name)
			assert.Equal(t, attempts, len(k.Calls())-before, "attempts for %v", err)
			return err
		}
		err := call(&types.KMSInvalidStateException{Message: aws.String("pending deletion")}, 1)
		requireAs[*types.KMSInvalidStateException](t, err)
		assert.ErrorContains(t, err, "pending deletion")
		requireCode(t, call(&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}, 1), "AccessDeniedException", "no")

		// What the SDK repeats, it repeats three times in all.
		requireCode(t, call(&smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}, 3), "ThrottlingException", "Rate exceeded")
		requireAs[*types.DependencyTimeoutException](t, call(&types.DependencyTimeoutException{}, 3))
		err = call(errors.New("anything"), 3)
		requireAs[*types.KMSInternalException](t, err)
		assert.ErrorContains(t, err, "anything")

		k.FailNext("GenerateDataKey", &smithy.GenericAPIError{Code: "ThrottlingException"})
		generate(t, c, arn, nil) // one throttled attempt does no harm
	}
}

func TestOtherOperations(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	s := kmstest.NewServer(k)
	t.Cleanup(s.Close)
	for _, c := range []*kms.Client{s.Client(), overSocket(s)} {
		_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
		requireCode(t, err, "UnknownOperationException", `target "TrentService.DescribeKey"`)
		_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("x")})
		requireCode(t, err, "UnknownOperationException", "TrentService.Encrypt")
	}
	assert.Empty(t, k.Calls())
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	eu := k.InRegion("eu-west-1").CreateKey()
	s := kmstest.NewServer(k)
	t.Cleanup(s.Close)
	const scope = "AWS4-HMAC-SHA256 Credential=AK/ID/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0"
	body := func(keyID string) string { return `{"KeyId":"` + keyID + `","NumberOfBytes":32}` }
	for name, tc := range map[string]struct {
		method, target, authorization, body string
		status                              int
		code                                string // of the error
		want                                string // in the answer's body
	}{
		"unsigned":              {body: body(arn), status: 200, want: arn},
		"signed for a region":   {body: body(eu), authorization: scope, status: 200, want: eu},
		"odd authorization":     {body: body(arn), authorization: "AWS4-HMAC-SHA256 Credential=AKID/x", status: 200, want: arn},
		"empty region in scope": {body: body(arn), authorization: "Credential=AKID/20260101//kms/aws4_request", status: 200, want: arn},
		"other region's key":    {body: body(eu), status: 400, code: "NotFoundException"},
		"GET":                   {method: "GET", body: body(arn), status: 400, code: "UnknownOperationException"},
		"no target":             {target: " ", body: body(arn), status: 400, code: "UnknownOperationException"},
		"other service":         {target: "DynamoDB_20120810.GetItem", body: body(arn), status: 400, code: "UnknownOperationException"},
		"no body":               {status: 400, code: "SerializationException"},
		"not JSON":              {body: "KeyId=x", status: 400, code: "SerializationException"},
		"wrong type":            {body: `{"KeyId":7}`, status: 400, code: "SerializationException"},
		"unknown member":        {body: `{"KeyId":"x","Surprise":1}`, status: 400, code: "SerializationException", want: "Surprise"},
		"too large":             {body: `{"KeyId":"` + strings.Repeat("x", 1<<20) + `"}`, status: 400, code: "SerializationException", want: "too large"},
		"no key":                {body: `{"NumberOfBytes":32}`, status: 400, code: "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method, target := tc.method, tc.target
			if method == "" {
				method = http.MethodPost
			}
			if target == "" {
				target = "TrentService.GenerateDataKey"
			}
			r, err := http.NewRequestWithContext(t.Context(), method, s.URL(), strings.NewReader(tc.body))
			require.NoError(t, err)
			r.Header.Set("X-Amz-Target", target)
			if tc.authorization != "" {
				r.Header.Set("Authorization", tc.authorization)
			}
			res, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, tc.status, res.StatusCode, "%s", got)
			assert.Equal(t, "application/x-amz-json-1.1", res.Header.Get("Content-Type"))
			assert.NotEmpty(t, res.Header.Get("X-Amzn-Requestid"))
			assert.Contains(t, string(got), tc.want)
			var shape struct {
				Type string `json:"__type"`
			}
			require.NoError(t, json.Unmarshal(got, &shape))
			assert.Equal(t, tc.code, shape.Type)
		})
	}
}

func TestServerOfARegion(t *testing.T) {
	t.Parallel()
	k := kmstest.New().InRegion("eu-west-1")
	s := kmstest.NewServer(k)
	t.Cleanup(s.Close)
	c := s.Client()
	assert.Equal(t, "eu-west-1", c.Options().Region)
	arn := k.CreateKey()
	assert.Equal(t, arn, *generate(t, c, arn, nil).KeyId)
}

func TestClose(t *testing.T) {
	t.Parallel()
	k := kmstest.New()
	arn := k.CreateKey()
	s := kmstest.NewServer(k)
	url := s.URL()
	assert.True(t, strings.HasPrefix(url, "http://127.0.0.1:"), url)
	assert.Equal(t, url, s.URL(), "one listener")
	inProcess, socket := s.Client(), overSocket(s)
	generate(t, inProcess, arn, nil)
	generate(t, socket, arn, nil)
	s.Close()
	s.Close()
	in := &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256}
	_, err := inProcess.GenerateDataKey(t.Context(), in)
	require.ErrorContains(t, err, "the server is closed")
	_, err = socket.GenerateDataKey(t.Context(), in)
	requireAs[*smithy.OperationError](t, err)
	assert.Len(t, k.Calls(), 2, "nobody answered after Close")
	assert.Panics(t, func() { s.URL() })
	generate(t, k, arn, nil) // the KMS itself is not closed

	kmstest.NewServer(k).Close() // without a listener
}

// TestRetriesDoNotWait measures with the clock of synctest, which stands still unless somebody sleeps.
func TestRetriesDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := kmstest.New()
		arn := k.CreateKey()
		s := kmstest.NewServer(k)
		defer s.Close()
		for range 2 {
			k.FailNext("GenerateDataKey", &smithy.GenericAPIError{Code: "ThrottlingException"})
		}
		start := time.Now()
		generate(t, s.Client(), arn, nil)
		assert.Zero(t, time.Since(start))
		assert.Len(t, k.Calls(), 3)
	})
}
