package encryptor

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
)

// actionSet is one set of actions, resolved for the table's keys, with what
// follows from it.
type actionSet struct {
	actions  actions.AttributeActions
	encrypts bool // some attribute, present or not
	signs    bool
	// signedFolds has the case-folded names of all signed attributes if others
	// are unsigned by default; see ErrAmbiguousName.
	signedFolds map[string]string
	plans       [2]planCache // by wire.Order
}

func newActionSet(a actions.AttributeActions) *actionSet {
	s := &actionSet{actions: a}
	s.count(a.Default)
	for _, action := range a.Overrides {
		s.count(action)
	}
	if a.Default == actions.DoNothing {
		s.signedFolds = make(map[string]string)
		for name, action := range a.Overrides {
			if action != actions.DoNothing {
				s.signedFolds[fold(name)] = name
			}
		}
	}
	return s
}

func (s *actionSet) count(a actions.CryptoAction) {
	s.signs = s.signs || a != actions.DoNothing
	s.encrypts = s.encrypts || a == actions.EncryptAndSign
}

// fold returns one spelling for all names that strings.EqualFold holds equal.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}

// plan is what can be said of all items that have the same attribute names:
// which are signed, in which order, and the string to sign but for the values.
type plan struct {
	key       uint64
	order     wire.Order
	signed    []wire.SignedAttribute
	unsigned  []string
	encrypted []string // of signed
	template  wire.StringToSign
}

// planFor returns the plan for an item's names, reserved ones not counted.
func (s *actionSet) planFor(item Item, order wire.Order) (*plan, error) {
	names := countNames(item)
	cache := &s.plans[order]
	if p := cache.last.Load(); p != nil && p.fits(item, names) {
		return p, nil
	}
	key := nameSetKey(item)
	if p := cache.get(key); p != nil && p.fits(item, names) {
		cache.last.Store(p)
		return p, nil
	}
	p, err := s.newPlan(item, order)
	if err != nil {
		return nil, err
	}
	p.key = key
	cache.put(p)
	return p, nil
}

var nameSeed = maphash.MakeSeed()

// nameSetKey hashes the set of names; a sum does not depend on their order,
// which a map does not have.
func nameSetKey(item Item) (key uint64) {
	for name := range item {
		if !wire.IsReserved(name) {
			key += maphash.String(nameSeed, name)
		}
	}
	return key
}

func countNames(item Item) int {
	names := len(item)
	for _, reserved := range [...]string{wire.SignatureAttribute, wire.DescriptionAttribute} {
		if _, ok := item[reserved]; ok {
			names--
		}
	}
	return names
}

// fits tells whether item has just the plan's names: two sets may share a key.
func (p *plan) fits(item Item, names int) bool {
	if names != len(p.signed)+len(p.unsigned) {
		return false
	}
	for i := range p.signed {
		if _, ok := item[p.signed[i].Name]; !ok {
			return false
		}
	}
	for _, name := range p.unsigned {
		if _, ok := item[name]; !ok {
			return false
		}
	}
	return true
}

func (s *actionSet) newPlan(item Item, order wire.Order) (*plan, error) {
	p := &plan{order: order}
	for name := range item {
		if wire.IsReserved(name) {
			continue
		}
		if err := s.checkName(name); err != nil {
			return nil, err
		}
		switch s.actions.Action(name) {
		case actions.DoNothing:
			p.unsigned = append(p.unsigned, name)
		case actions.SignOnly:
			p.signed = append(p.signed, wire.SignedAttribute{Name: name})
		default:
			p.signed = append(p.signed, wire.SignedAttribute{Name: name, Encrypted: true})
			p.encrypted = append(p.encrypted, name)
		}
	}
	slices.SortFunc(p.signed, func(a, b wire.SignedAttribute) int { return order.CompareText(a.Name, b.Name) })
	p.template = wire.NewStringToSign(p.signed)
	p.encrypted = slices.Clip(p.encrypted) // providers get it, and may append
	return p, nil
}

// checkName refuses a name that no item of the set may have.
func (s *actionSet) checkName(name string) error {
	if !utf8.ValidString(name) {
		return &attributeError{name, fmt.Errorf("%w: a name that is not UTF-8", ErrInvalidValue)}
	}
	return s.checkAmbiguous(name)
}

// checkAmbiguous refuses an unsigned name that differs from a signed one by case
// alone: attributevalue would put either into the struct field of the signed one.
func (s *actionSet) checkAmbiguous(name string) error {
	if s.actions.Default != actions.DoNothing {
		return nil
	}
	if _, listed := s.actions.Overrides[name]; listed {
		return nil
	}
	if signed, ok := s.signedFolds[fold(name)]; ok {
		return &attributeError{name, fmt.Errorf("%w: it is not signed and differs only in case from %s, which is; if you did not add it, somebody else did; if you did, rename it or list it in Overrides",
			ErrAmbiguousName, quote.Name(signed))}
	}
	return nil
}

// planCache keeps plans of recent sets of names. Names on read are anybody's, so
// it has a fixed number of places and takes no large plans.
type planCache struct {
	places [64]atomic.Pointer[plan]
	// last is the plan that was used last. Most items of a table have the same
	// names as the one before, and hashing them again takes 3 % of the time of an
	// item with ten small attributes.
	last atomic.Pointer[plan]
}

const (
	maxCachedNames     = 256
	maxCachedNameBytes = 8 << 10
)

func (c *planCache) get(key uint64) *plan {
	p := c.places[key%uint64(len(c.places))].Load()
	if p == nil || p.key != key {
		return nil
	}
	return p
}

func (c *planCache) put(p *plan) {
	if len(p.signed)+len(p.unsigned) > maxCachedNames {
		return
	}
	total := 0
	for i := range p.signed {
		total += len(p.signed[i].Name)
	}
	for _, name := range p.unsigned {
		total += len(name)
	}
	if total <= maxCachedNameBytes {
		c.places[p.key%uint64(len(c.places))].Store(p)
		c.last.Store(p)
	}
}
