package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

// library is a real library of another language, and what is to be known before it can be talked to.
type library struct {
	name string
	// variable of the environment says where it is installed. interop/run sets it.
	variable string
	// command makes a program beside its peer, given where the library is installed.
	command func(installed, program string, arguments ...string) *exec.Cmd
	peer    string // the program that speaks the protocol of a peer
	// order is the one that it signs in, and the only one that it can verify.
	order encryptor.CanonicalOrder
	// nameless is what it signs where there is no table name.
	nameless string
	// excluded are the inputs on which it differs from this library, and the test that says how.
	excluded map[input]string
}

// An input is something that users of one of the libraries have met trouble with. The generator makes
// all of them for every library that does not exclude them.
type input string

const (
	longNumbers input = "A1: numbers of more than 28 digits"
	hugeNumbers input = "A2: numbers of more than 38 digits, or beyond 1E126"
	minusZero   input = "A3: minus zero"
)

var python = &library{
	name: "Python", variable: "DDBEC_INTEROP_PYTHON", peer: "peer.py",
	command: func(interpreter, script string, arguments ...string) *exec.Cmd {
		return exec.Command(interpreter, append([]string{filepath.Join("python", script)}, arguments...)...)
	},
	order: encryptor.PythonOrder, nameless: "None",
	excluded: map[input]string{
		longNumbers: "TestPythonA1LongNumbers",
		hugeNumbers: "TestPythonA2HugeNumbers",
		minusZero:   "TestPythonA3MinusZero",
	},
}

var java = &library{
	name: "Java", variable: "DDBEC_INTEROP_JAVA", peer: "org.ddbec.interop.Peer",
	command: func(built, class string, arguments ...string) *exec.Cmd {
		path := filepath.Join(built, "classes") + string(os.PathListSeparator) + filepath.Join(built, "dependency", "*")
		options := []string{
			// The library allocates lengths that it reads: what is too long for it must not depend on the machine's memory.
			"-Xmx512m",
			// A peer lives for seconds.
			"-XX:+UseSerialGC",
			// Neither the age of this SDK nor what a refusal logs is news; the answer has the refusal.
			"-Daws.java.v1.disableDeprecationAnnouncement=true",
			"-Dorg.apache.commons.logging.Log=org.apache.commons.logging.impl.NoOpLog",
			"-cp", path, class,
		}
		return exec.Command("java", append(options, arguments...)...)
	},
	order: encryptor.JavaOrder, nameless: "null",
}

var libraries = []*library{python, java}

// installed: the libraries that this run is about.
func installed() (found []*library) {
	for _, l := range libraries {
		if os.Getenv(l.variable) != "" {
			found = append(found, l)
		}
	}
	return found
}

// withEach runs a test with each library that is installed.
func withEach(t *testing.T, test func(t *testing.T, l *library)) {
	t.Helper()
	if len(installed()) == 0 {
		t.Skip("no library of another language: start this with interop/run")
	}
	for _, l := range installed() {
		t.Run(l.name, func(t *testing.T) { test(t, l) })
	}
}

// program makes a command that is not ended with t.Context(): that ends before cleanup, which lets a peer end by itself.
// Without the library the test is skipped.
func (l *library) program(t *testing.T, name string, arguments ...string) *exec.Cmd {
	t.Helper()
	where := os.Getenv(l.variable)
	if where == "" {
		t.Skipf("no %s library: start this with interop/run", l.name)
	}
	return l.command(where, name, arguments...)
}

// TestExcludedInputs: each input that the generator leaves out has a test that shows why.
func TestExcludedInputs(t *testing.T) {
	for _, l := range libraries {
		for in, test := range l.excluded {
			source, err := os.ReadFile("differences_" + strings.ToLower(l.name) + "_test.go")
			require.NoError(t, err)
			require.Contains(t, string(source), "\nfunc "+test+"(t *testing.T)", "%s: %s", l.name, in)
			require.Contains(t, numbers, in)
		}
	}
}

// peers are worker processes of one library, for tests that run in parallel.
type peers struct{ free chan *peer }

// processes is for machines with few processors: Go itself and the servers need theirs.
const processes = 2

func (l *library) startPeers(t *testing.T, environment ...string) peers {
	t.Helper()
	p := peers{make(chan *peer, processes)}
	for range processes {
		p.free <- l.start(t, environment...)
	}
	return p
}

// with waits for a process and has it to itself for the time of f.
func (p peers) with(f func(*peer)) {
	one := <-p.free
	defer func() { p.free <- one }()
	f(one)
}
