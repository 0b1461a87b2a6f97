package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// request is one line to a peer. The README has the protocol; it is the same for every language.
type request struct {
	Op           string        `json:"op"`
	Provider     *providerSpec `json:"provider,omitempty"`
	Table        *string       `json:"table"`
	PartitionKey string        `json:"partition_key,omitempty"`
	SortKey      string        `json:"sort_key,omitempty"`
	Actions      *actionsSpec  `json:"actions,omitempty"`
	Item         vectors.Item  `json:"item,omitempty"`
	Key          vectors.Item  `json:"key,omitempty"`
	Version      int64         `json:"version"`          // of replicate
	Target       string        `json:"target,omitempty"` // of replicate
}

type answer struct {
	Item     vectors.Item      `json:"item"`
	Items    []vectors.Item    `json:"items"`
	Versions map[string]string `json:"versions"`
	Error    string            `json:"error"`
	Message  string            `json:"message"`
}

// peer is a worker process of another language's library.
type peer struct {
	library *library
	in      io.Writer
	out     *bufio.Reader
}

func (l *library) start(t *testing.T, environment ...string) *peer {
	t.Helper()
	cmd := l.program(t, l.peer)
	cmd.Env = append(cmd.Environ(), environment...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		// The end of its input is what ends a peer.
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error("the peer's end:", err)
		}
	})
	return &peer{library: l, in: in, out: bufio.NewReader(out)}
}

// ask sends one request. The answer may be a refusal.
func (p *peer) ask(t *testing.T, r request) answer {
	t.Helper()
	line, err := json.Marshal(r)
	require.NoError(t, err)
	_, err = p.in.Write(append(line, '\n'))
	require.NoError(t, err)
	line, err = p.out.ReadBytes('\n')
	require.NoError(t, err, "the peer has ended")
	var a answer
	require.NoError(t, json.Unmarshal(line, &a))
	return a
}

// mustAsk is ask for a request that has to succeed.
func (p *peer) mustAsk(t *testing.T, r request) answer {
	t.Helper()
	a := p.ask(t, r)
	require.Empty(t, a.Error, "%s: %s\n%s", r.Op, a.Message, describe(r))
	return a
}

// describe prints a request for a failure's message. Keys and data are those of a test.
func describe(r request) string {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

// setup is how an item is configured, for both sides alike.
type setup struct {
	provider     provider
	table        string
	nameless     string // not empty: written without a table name, and this signed instead
	partitionKey string
	sortKey      string
	actions      actionsSpec
	unsignedKeys bool
	order        encryptor.CanonicalOrder // that Go writes in; it reads both
}

func (s setup) request(op string, item encryptor.Item) request {
	r := request{
		Op: op, Provider: &s.provider.spec, Table: &s.table, PartitionKey: s.partitionKey, SortKey: s.sortKey,
		Actions: &s.actions, Item: vectors.Item(item),
	}
	if s.nameless != "" {
		r.Table = nil
	}
	return r
}
