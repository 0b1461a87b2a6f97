package faults_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// The kinds of violation.
const (
	lost        = "an acknowledged write is lost"
	unverified  = "an unverified item was returned"
	wrongItem   = "an item was returned that was not asked for"
	notCurrent  = "an item was returned that was not stored at that time"
	plaintext   = "plaintext was sent"
	atRest      = "plaintext is stored"
	inError     = "an error tells a secret"
	goroutine   = "a goroutine is left"
	waits       = "a call outlived its context"
	twice       = "a change was made twice"
	outcome     = "an error tells another outcome"
	unstored    = "an item was written under a key that is not stored"
	noReason    = "a call failed without a fault"
	panicked    = "a call panicked"
	unprocessed = "an unprocessed request is not the caller's"
)

type violation struct{ kind, text string }

func (v violation) String() string { return v.kind + ": " + v.text }

// content is what is stored under a key: a version, nothing, or what nobody may
// be given.
type content struct {
	version int64
	// tainted is for a version that may be refused: because its description was
	// changed, which is not signed; or because it was written over a damaged item,
	// as Modify touches nothing that it has not read, so that an attribute which
	// somebody added meanwhile is still there.
	tainted bool
}

const (
	absent  int64 = 0
	damaged int64 = -1
)

// event is the content of a key from a moment on.
type event struct {
	at int
	content
}

// version is an item in plaintext as a writer made it.
type version struct{ key, text string }

// model knows what every key should hold. The server does one thing at a time, and
// the wire tells the model of each, so that there is one order of all events.
type model struct {
	mu         sync.Mutex
	now        int // how many requests were carried out
	history    map[string][]event
	versions   map[int64]version
	visits     map[string]int // additions to the counters that are not signed
	applied    map[string]int // changes by Modify
	materials  map[string]bool
	tokens     map[string]bool // of transactions that were carried out
	open       map[*call]bool
	staleSince int   // the moment that eventually consistent reads see; -1: now
	struck     int   // how many faults there were
	last       int64 // version
	violations []violation
	stats      stats
}

func newModel() *model {
	return &model{
		history: make(map[string][]event), versions: make(map[int64]version), visits: make(map[string]int),
		applied: make(map[string]int), materials: make(map[string]bool), tokens: make(map[string]bool), open: make(map[*call]bool), staleSince: -1, stats: newStats(),
	}
}

func (m *model) violate(kind, format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.violateLocked(kind, format, args...)
}

func (m *model) violateLocked(kind, format string, args ...any) {
	m.violations = append(m.violations, violation{kind, fmt.Sprintf(format, args...)})
}

// textOf is the same for two items that are equal but for what is not signed.
func textOf(item encryptor.Item) string {
	item = maps.Clone(item)
	delete(item, "visits")
	return vectors.Text(item)
}

// register notes the next version of a key before it is written.
func (m *model) register(item encryptor.Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.versions[numberOf(item["ver"])] = version{keyText(item), textOf(item)}
}

func (m *model) nextVersion() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	return m.last
}

// contents returns what a key held between two moments.
func (m *model) contents(key string, from, to int) []content {
	held := []content{{version: absent}}
	for _, e := range m.history[key] {
		switch {
		case e.at <= from:
			held = []content{e.content}
		case e.at <= to:
			held = append(held, e.content)
		}
	}
	return held
}

func (m *model) current(key string) content { return m.contents(key, m.now, m.now)[0] }

func (m *model) set(key string, c content) {
	m.history[key] = append(m.history[key], event{m.now, c})
}

// apply notes what a request did that the server has just carried out.
func (m *model) apply(e effect) {
	switch e.kind {
	case effectPut:
		if before := m.current(e.key).version; before != e.version && slices.ContainsFunc(m.history[e.key], func(former event) bool { return former.version == e.version }) {
			m.noteRollback(e.key) // a request that was sent again
		}
		m.set(e.key, content{version: e.version})
	case effectDelete:
		m.set(e.key, content{version: absent})
	case effectModify:
		before := m.current(e.key)
		m.applied[e.key]++
		m.visits[e.key] += e.visits
		m.set(e.key, content{e.version, before.version == damaged || before.tainted})
	case effectVisit:
		m.visits[e.key]++
	}
}

// noteRollback notes that the calls under way see an older item of a key again.
func (m *model) noteRollback(key string) {
	for c := range m.open {
		if c.rolledBack == nil {
			c.rolledBack = make(map[string]bool)
		}
		c.rolledBack[key] = true
	}
}

// mayBeDamaged tells whether a key held something between two moments that is to
// be refused.
func (m *model) mayBeDamaged(key string, from, to int) bool {
	return slices.ContainsFunc(m.contents(key, from, to), func(c content) bool { return c.version == damaged || c.tainted })
}

// observe checks an item that a call returned for a key; nil if it said that there
// is none.
func (m *model) observe(c *call, key string, item encryptor.Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.observed++
	from, to := c.seesFrom, m.now
	if item == nil {
		// An answer from which an item was taken away cannot be told from the truth.
		if !c.lied && !slices.ContainsFunc(m.contents(key, from, to), func(c content) bool { return c.version == absent }) {
			m.violateLocked(lost, "%s: %s is absent; it held %v", c, key, m.contents(key, from, to))
		}
		return
	}
	n := numberOf(item["ver"])
	if !m.verifiedLocked(c, key, item) || c.lied {
		return
	}
	if !slices.ContainsFunc(m.contents(key, from, to), func(c content) bool { return c.version == n }) {
		kind := notCurrent
		if m.contents(key, from, to)[0].version == damaged {
			kind = unverified
		}
		m.violateLocked(kind, "%s: %s is version %d; it held %v", c, key, n, m.contents(key, from, to))
	}
}

// verified checks that an item is a version which a writer made for the key.
func (m *model) verified(c *call, key string, item encryptor.Item) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.verifiedLocked(c, key, item)
}

func (m *model) verifiedLocked(c *call, key string, item encryptor.Item) bool {
	if got := keyText(item); got != key {
		m.violateLocked(wrongItem, "%s: asked for %s, got %s", c, key, got)
		return false
	}
	v, ok := m.versions[numberOf(item["ver"])]
	if !ok || v.key != key || v.text != textOf(item) {
		m.violateLocked(unverified, "%s: what was returned for %s was never written there", c, key)
		return false
	}
	return true
}

// keys are those of the table, in order.
var (
	registers = []string{"a/0", "a/1", "a/2", "b/0", "b/1"} // written as a whole
	counters  = []string{"n/0", "n/1"}                      // changed by Modify and UpdateItem only
	partition = map[string][]string{"a": {"a/0", "a/1", "a/2"}, "b": {"b/0", "b/1"}, "n": {"n/0", "n/1"}}
)

func everyKey() []string { return slices.Concat(registers, counters) }

func keyText(item encryptor.Item) string {
	pk, _ := item["pk"].(*types.AttributeValueMemberS)
	sk, _ := item["sk"].(*types.AttributeValueMemberN)
	if pk == nil || sk == nil {
		return "?"
	}
	return pk.Value + "/" + sk.Value
}

func keyItem(key string) encryptor.Item {
	pk, sk, _ := strings.Cut(key, "/")
	return encryptor.Item{"pk": text(pk), "sk": &types.AttributeValueMemberN{Value: sk}}
}

func numberOf(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return -2
	}
	var value int64
	if _, err := fmt.Sscan(n.Value, &value); err != nil {
		return -2
	}
	return value
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// makeItem makes a version of a key. Versions differ in which attributes they have.
func makeItem(key string, n, count int64) encryptor.Item {
	item := keyItem(key)
	item["ver"] = number(n)
	item["tally"] = number(count)
	item["count"] = number(count)
	item["visits"] = number(0)
	item["secret"] = text(fmt.Sprint(canaryText, " ", key, " ", n))
	if n%2 == 0 {
		item["blob"] = &types.AttributeValueMemberB{Value: fmt.Append(nil, n, canaryBytes)}
		item["digits"] = &types.AttributeValueMemberN{Value: canaryNumber + fmt.Sprint(n)}
	}
	if n%3 != 0 {
		item["tags"] = &types.AttributeValueMemberSS{Value: []string{fmt.Sprint(canaryText, n), "b"}}
		item["nested"] = &types.AttributeValueMemberM{Value: encryptor.Item{canaryName: number(n)}}
	}
	return item
}
