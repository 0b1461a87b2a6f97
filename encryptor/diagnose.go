package encryptor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

// Diagnosis is what [ItemEncryptor.Diagnose] found. It has names and no values.
type Diagnosis struct {
	// Verifies means that nothing is the matter with the signature.
	Verifies bool
	// Changes are those single changes of configuration or item with which the
	// signature would match. If there is none, more than one thing differs, the
	// item was changed, or the key is another.
	Changes []SignatureChange
}

// SignatureChange is one change with which a signature would match.
type SignatureChange struct {
	// Attribute is the attribute concerned; empty for a table name.
	Attribute string
	// Action is the action with which Attribute was written, unless Dropped.
	Action actions.CryptoAction
	// Dropped means that Attribute was not there when the item was signed.
	Dropped bool
	// TableName is the name that the item was signed for, if that is the change.
	TableName string
}

// String says what the change means.
func (c SignatureChange) String() string {
	switch {
	case c.Attribute == "":
		return fmt.Sprintf("the item was signed for table %s", quote.Name(c.TableName))
	case c.Dropped:
		return fmt.Sprintf("attribute %s was added after the item was signed", quote.Name(c.Attribute))
	default:
		return fmt.Sprintf("attribute %s was written with %v", quote.Name(c.Attribute), c.Action)
	}
}

// Diagnose finds out why a stored item's signature does not match: which single
// change would make it match, of one attribute's action, by dropping one
// attribute, or of the signed table name (the table's own, "None" and "null" are
// tried besides those of the options). Both canonical orders are tried with each.
//
// It asks the provider once, as Decrypt does, and then costs up to four MACs for
// each attribute. An error means that not even the signature could be looked at.
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
	m, names, err := e.decryptionMaterials(ctx, stored, e.encryptedOf(stored, nil), description)
	if err != nil {
		return Diagnosis{}, err
	}
	if err := checkSigningAlgorithm(m.VerificationKey, description); err != nil {
		return Diagnosis{}, err
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	d := diagnosis{e, m.VerificationKey, signature, s}
	return d.find(ctx, stored, names)
}

type diagnosis struct {
	encryptor *ItemEncryptor
	key       materials.Verifier
	signature []byte
	scratch   *scratch
}

func (d *diagnosis) find(ctx context.Context, stored Item, names []signedName) (Diagnosis, error) {
	sets := d.encryptor.sets
	for _, name := range names {
		for _, set := range sets {
			if matches, err := d.try(ctx, set, stored, name); err != nil || matches {
				return Diagnosis{Verifies: matches}, err
			}
		}
	}
	var found []SignatureChange
	add := func(change SignatureChange, set *actionSet, item Item, name signedName) error {
		matches, err := d.try(ctx, set, item, name)
		if matches && !slices.Contains(found, change) {
			found = append(found, change)
		}
		return err
	}
	for _, set := range sets {
		for _, attribute := range slices.Sorted(maps.Keys(stored)) {
			if wire.IsReserved(attribute) {
				continue
			}
			for _, action := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing} {
				if action == set.actions.Action(attribute) {
					continue
				}
				if err := add(SignatureChange{Attribute: attribute, Action: action}, set.with(attribute, action), stored, names[0]); err != nil {
					return Diagnosis{}, err
				}
			}
			without := maps.Clone(stored)
			delete(without, attribute)
			if set.actions.Action(attribute) != actions.DoNothing {
				if err := add(SignatureChange{Attribute: attribute, Dropped: true}, set, without, names[0]); err != nil {
					return Diagnosis{}, err
				}
			}
		}
		for _, name := range []string{d.encryptor.table.Name, "None", "null"} {
			if err := add(SignatureChange{TableName: name}, set, stored, signedName{name, wire.TableHash(name)}); err != nil {
				return Diagnosis{}, err
			}
		}
	}
	return Diagnosis{Changes: withoutEquivalents(found)}, nil
}

// try tells whether the signature matches one form. An ambiguous name is no
// reason not to look.
func (d *diagnosis) try(ctx context.Context, set *actionSet, item Item, name signedName) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !set.signs {
		return false, nil
	}
	v := verification{encryptor: d.encryptor, stored: item, signature: d.signature, scratch: d.scratch}
	p, err := set.planFor(item, d.encryptor.order)
	if errors.Is(err, ErrAmbiguousName) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = v.verifySet(ctx, d.key, set, p, name)
	if errors.Is(err, materials.ErrSignature) {
		return false, nil
	}
	return err == nil, err
}

// with is the set with another action for one attribute.
func (s *actionSet) with(attribute string, action actions.CryptoAction) *actionSet {
	a := actions.AttributeActions{Default: s.actions.Default, Overrides: maps.Clone(s.actions.Overrides)}
	if a.Overrides == nil {
		a.Overrides = make(map[string]actions.CryptoAction)
	}
	a.Overrides[attribute] = action
	return newActionSet(a)
}

// withoutEquivalents drops what comes to the same: an attribute that is unsigned
// contributes as little as one that is not there. A DO_NOTHING action is the
// likelier, since it is a matter of configuration.
func withoutEquivalents(found []SignatureChange) []SignatureChange {
	return slices.DeleteFunc(found, func(c SignatureChange) bool {
		return c.Dropped && slices.Contains(found, SignatureChange{Attribute: c.Attribute, Action: actions.DoNothing})
	})
}
