package encryptor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

// Diagnosis is what [ItemEncryptor.Diagnose] found. It has names and no values.
type Diagnosis struct {
	// Verifies means that nothing is the matter with the signature.
	Verifies bool
	// Changes has the change of configuration or item with which the signature
	// would match; of several that come to the same, the likeliest alone. If there
	// is none, more than that differs, the item was changed, or the key is another.
	Changes []SignatureChange
	// Partial means that nothing was found, but that the item has more than 100
	// attributes, so that they were not tried one by one.
	Partial bool
}

// SignatureChange is one change with which a signature would match.
type SignatureChange struct {
	// Attribute is the attribute concerned, if it is a single one.
	Attribute string
	// Action is the action with which Attribute was written, unless Dropped; if
	// Default, it is the default action. DO_NOTHING also fits an attribute that
	// was added after the item was signed: the signature has no trace of either.
	Action actions.CryptoAction
	// Dropped means that Attribute was not there when the item was signed.
	Dropped bool
	// TableName is the name that the item was signed for, if that is the change.
	TableName string
	// Default means that the item was written with another default action. If that
	// is DO_NOTHING, attributes without an entry in Overrides may instead have been
	// added after the item was signed: by a set of PreviousActions with that default,
	// such additions would be accepted for ever.
	Default bool
	// UnsignedKeys means that the item was written with DO_NOTHING for its primary
	// key, or for Attribute, which is part of it: see Options.UnsignedKeys.
	UnsignedKeys bool
	// SignedKeys means that the item was written with its primary key signed, where
	// the options leave it unsigned.
	SignedKeys bool
	// PreviousActions tells what the change is to: 0 means Actions, and n means
	// PreviousActions[n-1].
	PreviousActions int
}

// String says what the change means.
func (c SignatureChange) String() string {
	text := c.what()
	if c.PreviousActions > 0 {
		text += fmt.Sprintf("; otherwise it fits Options.PreviousActions[%d]", c.PreviousActions-1)
	}
	return text
}

func (c SignatureChange) what() string {
	const unsigned, signed = "unsigned: see Options.UnsignedKeys", "signed, as it is without Options.UnsignedKeys"
	switch attribute := quote.Name(c.Attribute); {
	case c.Dropped:
		return fmt.Sprintf("attribute %s was added after the item was signed", attribute)
	case c.Attribute != "" && c.UnsignedKeys:
		return fmt.Sprintf("attribute %s was written with DO_NOTHING, which leaves the primary key %s", attribute, unsigned)
	case c.Attribute != "" && c.Action == actions.DoNothing:
		return fmt.Sprintf("attribute %s was written with DO_NOTHING, or added after the item was signed", attribute)
	case c.Attribute != "":
		return fmt.Sprintf("attribute %s was written with %v", attribute, c.Action)
	}
	text := "the item was written with "
	if c.Default {
		text += fmt.Sprintf("the default action %v", c.Action)
		switch {
		case c.UnsignedKeys || c.SignedKeys:
		case c.Action == actions.DoNothing:
			return text + ", or attributes without an entry in Overrides were added after it was signed"
		default:
			return text
		}
		text += " and "
	}
	switch {
	case c.UnsignedKeys:
		return text + "its primary key " + unsigned
	case c.SignedKeys:
		return text + "its primary key " + signed
	default:
		return fmt.Sprintf("the item was signed for table %s", quote.Name(c.TableName))
	}
}

// maxDiagnosed is how many attributes are tried one by one. Each takes two strings
// to sign of 96 bytes for every attribute, and four if the item's maker saw to it
// that the orders differ: 3.8 MB for 100, which a core that hashes 200 MB/s does in
// 20 ms. Of 1000 it would be 384 MB and two seconds.
const maxDiagnosed = 100

// Diagnose finds out why a stored item's signature does not match: which change
// would make it match, of
//
//   - the signed table name, to the table's own, "None" or "null",
//   - the action of one attribute, or one attribute's being there,
//   - the default action; whether the primary key is signed; or both at once. A
//     default of ENCRYPT_AND_SIGN is tried with SIGN_ONLY for the keys of secondary
//     indexes that have no entry.
//
// Each is tried on Actions and on each of PreviousActions, for SignedTableName or,
// if the provider refuses that, the first of AcceptTableNames that it takes, in
// both canonical orders.
//
// It is for the operator who asks why an item was ErrInvalidSignature; that item is
// in ItemError.Stored. The encryptor of a table that [NewEncryptedTable] made is
// table.Codec().(*encryptor.ItemEncryptor).
//
// It asks the provider once, as Decrypt does, and hashes each value once for each
// order. Then every try costs one Verify: up to 2 for each attribute and about 10
// more, for each of the action sets, and twice that for an item for which the
// orders differ. Lest somebody's items cost too much, attributes are tried one by
// one only if there are at most 100, which bounds an HMAC to 4 MB to hash for each
// action set: 20 ms where nothing speeds SHA-256 up. A larger item costs about ten
// times what a Decrypt that fails does. A Verifier for RSA or ECDSA checks a
// signature each time, at worst 420 times for each action set: 15 ms with RSA of
// 2048 bits, 40 ms with P-256, a second with P-521. All that is for one question,
// and too much for each item that a service fails to read.
//
// An error means that there is no signature to be looked at or no key for it, that
// the item is damaged (ErrFormat), or that its signature matches and the name of
// an attribute is why it is refused (ErrAmbiguousName).
func (e *ItemEncryptor) Diagnose(ctx context.Context, stored Item) (Diagnosis, error) {
	signature, isSigned, err := e.signatureOf(stored)
	if err != nil {
		return Diagnosis{}, err
	}
	if !isSigned {
		return Diagnosis{}, fmt.Errorf("%w: there is nothing to diagnose", ErrUnsigned)
	}
	description, err := descriptionOf(stored)
	if err != nil {
		return Diagnosis{}, err
	}
	attributes, err := e.attributesOf(stored)
	if err != nil {
		return Diagnosis{}, err
	}
	m, names, err := e.decryptionMaterials(ctx, stored, e.encryptedOf(stored, nil), description)
	if err != nil {
		return Diagnosis{}, err
	}
	if err := checkSigningAlgorithm(m.VerificationKey, description); err != nil {
		return Diagnosis{}, err
	}
	d := diagnosis{e, m.VerificationKey, signature, attributes, [2]*blocks{
		newBlocks(stored, attributes, e.order),
		newBlocks(stored, attributes, wire.PythonOrder+wire.JavaOrder-e.order),
	}}
	return d.find(ctx, names)
}

// attributesOf returns the sorted names of an item's attributes, reserved ones not
// counted, if their values can be looked at.
func (e *ItemEncryptor) attributesOf(stored Item) ([]string, error) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(stored)), wire.IsReserved)
	for _, name := range names {
		if !utf8.ValidString(name) {
			return nil, storedValueError(name, errors.New("a name that is not UTF-8"))
		}
		_, err := wire.Size(stored[name])
		if err != nil && e.Rule(name) == RuleUnsigned {
			err = wire.CheckKnown(stored[name])
		}
		if err != nil {
			return nil, storedValueError(name, err)
		}
	}
	return names, nil
}

// blocks is what an item's attributes can contribute to a string to sign: theirs
// if all were SIGN_ONLY, from which others are put together.
type blocks struct {
	names  []string // in the order
	signed wire.StringToSign
	toSign wire.StringToSign // the last one, for its memory
}

// encryptedFlag is the second third of an encrypted attribute's block, between the
// hashes of name and value.
var encryptedFlag = wire.NewStringToSign([]wire.SignedAttribute{{Encrypted: true}})[wire.StringToSignSize(0)+sha256.Size:][:sha256.Size]

func newBlocks(stored Item, names []string, order wire.Order) *blocks {
	attributes := make([]wire.SignedAttribute, len(names))
	sorted := slices.SortedFunc(slices.Values(names), order.CompareText)
	for i, name := range sorted {
		attributes[i].Name = name
	}
	b := &blocks{names: sorted, signed: wire.NewStringToSign(attributes)}
	var hasher wire.Hasher
	for i, name := range sorted {
		// Nobody has signed a value that has no serialization: its hash stays zero,
		// which matches nothing.
		if _, err := wire.Size(stored[name]); err == nil {
			hasher.SetStored(b.signed, i, stored[name], order)
		}
	}
	return b
}

// form is a way in which an item may have been signed.
type form struct {
	table  [sha256.Size]byte
	action func(attribute string) actions.CryptoAction
}

// stringToSign is valid until the next call.
func (b *blocks) stringToSign(f form) wire.StringToSign {
	b.toSign = append(b.toSign[:0], f.table[:]...)
	for i, name := range b.names {
		action := f.action(name)
		if action == actions.DoNothing {
			continue
		}
		b.toSign = append(b.toSign, b.signed[wire.StringToSignSize(i):wire.StringToSignSize(i+1)]...)
		if action == actions.EncryptAndSign {
			copy(b.toSign[len(b.toSign)-2*sha256.Size:], encryptedFlag)
		}
	}
	return b.toSign
}

type diagnosis struct {
	encryptor  *ItemEncryptor
	key        materials.Verifier
	signature  []byte
	attributes []string
	orders     [2]*blocks
}

func (d *diagnosis) find(ctx context.Context, names []signedName) (Diagnosis, error) {
	var ambiguous error
	for _, name := range names {
		for _, set := range d.encryptor.sets {
			if !set.signs {
				continue
			}
			matches, err := d.matches(ctx, form{name.hash, set.actions.Action})
			if err != nil {
				return Diagnosis{}, err
			}
			if !matches {
				continue
			}
			if ambiguous = d.checkAmbiguous(set); ambiguous == nil {
				return Diagnosis{Verifies: true}, nil
			}
		}
	}
	if ambiguous != nil {
		return Diagnosis{}, ambiguous
	}
	for i, set := range d.encryptor.sets {
		for _, c := range d.candidates(set, names[0]) {
			matches, err := d.matches(ctx, c.form)
			if err != nil {
				return Diagnosis{}, err
			}
			if matches {
				c.change.PreviousActions = i
				return Diagnosis{Changes: []SignatureChange{c.change}}, nil
			}
		}
	}
	return Diagnosis{Partial: len(d.attributes) > maxDiagnosed}, nil
}

// matches tells whether the item was signed in a form, in either order.
func (d *diagnosis) matches(ctx context.Context, f form) (bool, error) {
	for i, b := range d.orders {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		toSign := b.stringToSign(f)
		if i > 0 && bytes.Equal(toSign, d.orders[0].toSign) {
			continue
		}
		if err := d.key.Verify(ctx, toSign, d.signature); !errors.Is(err, materials.ErrSignature) {
			return err == nil, err
		}
	}
	return false, nil
}

func (d *diagnosis) checkAmbiguous(set *actionSet) error {
	for _, name := range d.attributes {
		if err := set.checkAmbiguous(name); err != nil {
			return err
		}
	}
	return nil
}

// candidate is a change and the form that it makes.
type candidate struct {
	change SignatureChange
	form   form
}

// candidates returns the changes to a set of actions, the likeliest first. A
// signature fits one string to sign, so all changes that fit an item come to the
// same one, and only the first is reported: the one that claims least. If an item
// has a single attribute by default, another default is as good as another action
// for that attribute, but would also be said of attributes that this item does not
// have; and the same goes for a primary key of one attribute. Who follows the
// smaller change and falls short learns so from the next item, while the larger one
// can make other items unreadable.
func (d *diagnosis) candidates(set *actionSet, name signedName) []candidate {
	list := d.ofTable(set)
	if len(d.attributes) <= maxDiagnosed {
		list = append(list, d.ofAttributes(set, name)...)
	}
	return append(list, d.ofDefaultAndKeys(set, name)...)
}

func (d *diagnosis) ofTable(set *actionSet) []candidate {
	if !set.signs {
		return nil
	}
	var list []candidate
	for _, table := range []string{d.encryptor.table.Name, "None", "null"} {
		list = append(list, candidate{SignatureChange{TableName: table}, form{wire.TableHash(table), set.actions.Action}})
	}
	return list
}

var allActions = [...]actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing}

func (d *diagnosis) ofAttributes(set *actionSet, name signedName) []candidate {
	var list []candidate
	for _, attribute := range d.attributes {
		current := set.actions.Action(attribute)
		for _, action := range allActions {
			if action == current {
				continue
			}
			change := SignatureChange{Attribute: attribute, Action: action}
			switch {
			case action == actions.DoNothing && set.signsOnly(attribute):
				// Who signs nothing writes no signature.
				change = SignatureChange{Attribute: attribute, Dropped: true}
			case action == actions.DoNothing:
				change.UnsignedKeys = slices.Contains(d.encryptor.keys, attribute)
			}
			list = append(list, candidate{change, form{name.hash, func(other string) actions.CryptoAction {
				if other == attribute {
					return action
				}
				return set.actions.Action(other)
			}}})
		}
	}
	return list
}

// signsOnly tells whether a set signs nothing but one attribute.
func (s *actionSet) signsOnly(attribute string) bool {
	if s.actions.Default != actions.DoNothing {
		return false
	}
	for name, action := range s.actions.Overrides {
		if name != attribute && action != actions.DoNothing {
			return false
		}
	}
	return true
}

// ofDefaultAndKeys has each change of one of the two before those of both, of which
// one may do nothing to the item. Keys that are unsigned are mentioned beside another
// default even if that is no change: by the rule of Options.UnsignedKeys they may be
// so by a default of DO_NOTHING, and another would have them signed.
func (d *diagnosis) ofDefaultAndKeys(set *actionSet, name signedName) []candidate {
	var list []candidate
	add := func(change SignatureChange, a actions.AttributeActions) {
		list = append(list, candidate{change, form{name.hash, a.Action}})
	}
	addDefaults := func(change SignatureChange, a actions.AttributeActions) {
		change.Default = true
		for _, change.Action = range allActions {
			if change.Action != a.Default {
				add(change, d.withDefault(a, change.Action))
			}
		}
	}
	unsigned := withAction(set.actions, actions.DoNothing, d.encryptor.keys)
	if !maps.Equal(unsigned.Overrides, set.actions.Overrides) {
		addDefaults(SignatureChange{}, set.actions)
		add(SignatureChange{UnsignedKeys: true}, unsigned)
	}
	addDefaults(SignatureChange{UnsignedKeys: true}, unsigned)
	signed := withAction(set.actions, actions.SignOnly, d.encryptor.keys)
	if !maps.Equal(signed.Overrides, set.actions.Overrides) {
		add(SignatureChange{SignedKeys: true}, signed)
		addDefaults(SignatureChange{SignedKeys: true}, signed)
	}
	return list
}

// withAction returns a with an entry for each of names.
func withAction(a actions.AttributeActions, action actions.CryptoAction, names []string) actions.AttributeActions {
	a.Overrides = maps.Clone(a.Overrides)
	for _, name := range names {
		a.Overrides[name] = action
	}
	return a
}

// withDefault returns a, which has an entry for each key of the table, with another
// default. No index is built on what is encrypted: New asks for an entry of SIGN_ONLY
// then, and Python makes one.
func (d *diagnosis) withDefault(a actions.AttributeActions, action actions.CryptoAction) actions.AttributeActions {
	a.Default = action
	if action != actions.EncryptAndSign {
		return a
	}
	unlisted := slices.DeleteFunc(d.encryptor.table.ProtectedIndexKeys(), func(key string) bool {
		_, listed := a.Overrides[key]
		return listed
	})
	return withAction(a, actions.SignOnly, unlisted)
}
