// Package actions says what happens to each attribute of an item: encrypted and signed, signed only, or left alone.
//
// Describe a table's items with an [AttributeActions] literal. Name the exceptions; everything else gets Default,
// whose zero value is the strongest action:
//
//	actions.AttributeActions{
//		Overrides: map[string]actions.CryptoAction{
//			"publisher": actions.SignOnly,  // readable in the table, and protected from change
//			"views":     actions.DoNothing, // readable, and anyone who can write to the table may change it
//		},
//	}
//
// Key attributes need no entry: the encryptor signs them and never encrypts them, whatever Default says.
//
// An item does not record the actions it was written with. A reader must apply the same action to every signed
// attribute as the writer did, or the signature will not verify: give a new action to an existing attribute only
// together with a plan for the items already stored.
package actions

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// CryptoAction is what happens to one attribute. The zero value is [EncryptAndSign].
//
// The values are names, not ranks: compare them with == only.
type CryptoAction uint8

// The number 3 is kept for SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT, an action of a later item format.
const (
	// EncryptAndSign encrypts the attribute's value and covers its name and ciphertext with the signature.
	EncryptAndSign CryptoAction = iota
	// SignOnly leaves the value readable and covers name and value with the signature.
	SignOnly
	// DoNothing leaves the attribute as it is. Whoever can write to the table can change, add or remove it unnoticed.
	DoNothing
)

var (
	// ErrUnknownAction is wrapped by every error about a [CryptoAction] that is none of the constants of this package, and
	// about text that names none of them.
	ErrUnknownAction = errors.New("unknown crypto action")
	// ErrKeyAction is wrapped by the error of [AttributeActions.WithKeys] about a key attribute for which another action
	// than [SignOnly] was asked.
	ErrKeyAction = errors.New("key attributes are always SIGN_ONLY")
)

// text holds the names that Python's and Java's libraries use.
var text = map[CryptoAction]string{
	EncryptAndSign: "ENCRYPT_AND_SIGN",
	SignOnly:       "SIGN_ONLY",
	DoNothing:      "DO_NOTHING",
}

// String returns ENCRYPT_AND_SIGN, SIGN_ONLY or DO_NOTHING, and for an unknown value a text like "CryptoAction(7)".
func (a CryptoAction) String() string {
	if s, ok := text[a]; ok {
		return s
	}
	return fmt.Sprintf("CryptoAction(%d)", uint8(a))
}

// MarshalText returns the text of [CryptoAction.String]. An unknown value is an error that wraps [ErrUnknownAction].
func (a CryptoAction) MarshalText() ([]byte, error) {
	s, ok := text[a]
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrUnknownAction, a)
	}
	return []byte(s), nil
}

// UnmarshalText accepts exactly the texts that [CryptoAction.MarshalText] returns. Anything else, other letter case and
// the empty text included, is an error that wraps [ErrUnknownAction] and leaves the receiver as it was.
func (a *CryptoAction) UnmarshalText(b []byte) error {
	for action, s := range text {
		if s == string(b) {
			*a = action
			return nil
		}
	}
	return fmt.Errorf("%w: %s; use %s, %s or %s", ErrUnknownAction, quote(string(b)), EncryptAndSign, SignOnly, DoNothing)
}

// AttributeActions gives every attribute its action: that of Overrides if the name is there, or else Default.
//
// The zero value encrypts and signs everything. Methods never modify the receiver and are safe for concurrent use as long as
// nobody writes to Overrides.
type AttributeActions struct {
	// Default applies to each attribute that Overrides does not name.
	Default CryptoAction `json:"default"`
	// Overrides maps names of top-level attributes, compared byte for byte, to their actions. It may be nil.
	Overrides map[string]CryptoAction `json:"overrides,omitempty"`
}

// Action returns the action of the attribute called name.
func (a AttributeActions) Action(name string) CryptoAction {
	if action, ok := a.Overrides[name]; ok {
		return action
	}
	return a.Default
}

// WithKeys returns a copy of a in which every named attribute is [SignOnly]. Use it for primary keys, which must stay readable
// for the table to work and must be signed lest content be moved from one item to another.
//
// Default plays no part: a key without an entry becomes SignOnly even where Default is [DoNothing] (Python's library would
// leave such a key unsigned). An entry that asks for something else is a contradiction and not overruled: it is an error that
// names the attribute and wraps [ErrKeyAction], or [ErrUnknownAction] if the entry is no known action. The copy shares nothing with a.
func (a AttributeActions) WithKeys(names ...string) (AttributeActions, error) {
	overrides := make(map[string]CryptoAction, len(a.Overrides)+len(names))
	maps.Copy(overrides, a.Overrides)
	for _, name := range names {
		if name == "" {
			return AttributeActions{}, errors.New("a key attribute has an empty name")
		}
		if action, ok := a.Overrides[name]; ok && action != SignOnly {
			cause := ErrKeyAction
			if _, known := text[action]; !known {
				cause = ErrUnknownAction
			}
			return AttributeActions{}, fmt.Errorf("%w: key attribute %s has the action %v", cause, quote(name), action)
		}
		overrides[name] = SignOnly
	}
	return AttributeActions{Default: a.Default, Overrides: overrides}, nil
}

// Validate returns an error if Default or an entry of Overrides is not one of the constants of this package; the error names the
// attribute and wraps [ErrUnknownAction]. An empty attribute name in Overrides, which DynamoDB does not allow, is an error too.
// Of several faults it reports the first in the order of attribute names.
func (a AttributeActions) Validate() error {
	if _, known := text[a.Default]; !known {
		return fmt.Errorf("default action: %w: %v", ErrUnknownAction, a.Default)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Overrides)) {
		if name == "" {
			return errors.New("the overrides have an entry for an empty attribute name")
		}
		if _, known := text[a.Overrides[name]]; !known {
			return fmt.Errorf("attribute %s: %w: %v", quote(name), ErrUnknownAction, a.Overrides[name])
		}
	}
	return nil
}

// quote makes text from a configuration fit for an error message: on one line, and of bounded length. It stands here since this
// package imports the standard library only.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
