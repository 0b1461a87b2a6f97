package encryptor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

var _ ItemCodec = (*ItemEncryptor)(nil)

// ItemEncryptor encrypts and decrypts the items of one table in the DDBEC
// format. It calls no DynamoDB. It is safe for concurrent use.
type ItemEncryptor struct {
	provider materials.CryptographicMaterialsProvider
	table    tableinfo.TableInfo
	keys     []string
	sets     []*actionSet // Actions, then PreviousActions
	names    []signedName // SignedTableName, then AcceptTableNames
	order    wire.Order
	options  Options

	// likePython is Actions with the keys unsigned, to find out whether that is
	// why a signature does not match; nil if Python would sign them too.
	likePython *actionSet
}

type signedName struct {
	name string
	hash [32]byte
}

// New returns the encryptor of table t's items with keys from p. It copies its
// options and calls neither p nor DynamoDB.
//
// The error tells of a configuration that could not work or would not be safe: a
// key of the table that is to be encrypted or, without UnsignedKeys, not to be
// signed; a secondary index over an attribute that is to be encrypted; an action
// for a reserved attribute (ErrReservedAttribute).
func New(p materials.CryptographicMaterialsProvider, t tableinfo.TableInfo, optFns ...func(*Options)) (*ItemEncryptor, error) {
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	e, err := newItemEncryptor(p, t, o)
	if err != nil {
		return nil, fmt.Errorf("encryptor for table %s: %w", quote.Name(t.Name), err)
	}
	return e, nil
}

func newItemEncryptor(p materials.CryptographicMaterialsProvider, t tableinfo.TableInfo, o Options) (*ItemEncryptor, error) {
	if p == nil {
		return nil, errors.New("nil materials provider")
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	for _, key := range t.KeyNames() {
		if err := checkName(key); err != nil {
			return nil, fmt.Errorf("key of the table: %w", err)
		}
	}
	e := &ItemEncryptor{provider: p, table: t.Clone(), keys: t.KeyNames(), order: wire.Order(o.Order)}
	if err := e.addActions(o); err != nil {
		return nil, err
	}
	if err := checkIndexKeys(t, e.sets[0].actions); err != nil {
		return nil, err
	}
	names, err := signedNames(t, o)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.ContainsFunc(e.names, func(n signedName) bool { return n.name == name }) {
			e.names = append(e.names, signedName{name, wire.TableHash(name)})
		}
	}
	// What is kept of the options is what is read from them later.
	e.options = Options{Plaintext: o.Plaintext, OnRead: o.OnRead}
	return e, nil
}

func (e *ItemEncryptor) addActions(o Options) error {
	rule := keysSigned
	if o.UnsignedKeys {
		rule = keysAsPython
	}
	if err := checkConfiguredNames(o.Actions); err != nil {
		return fmt.Errorf("Options.Actions: %w", err)
	}
	current, err := withKeys(o.Actions, e.keys, rule)
	if err != nil {
		return fmt.Errorf("Options.Actions: %w", err)
	}
	e.sets = append(e.sets, newActionSet(current))
	for i, previous := range o.PreviousActions {
		if err := checkConfiguredNames(previous); err != nil {
			return fmt.Errorf("Options.PreviousActions[%d]: %w", i, err)
		}
		resolved, err := withKeys(previous, e.keys, keysAsOverrides)
		if err != nil {
			return fmt.Errorf("Options.PreviousActions[%d]: %w", i, err)
		}
		set := newActionSet(resolved)
		if !set.signs {
			return fmt.Errorf("Options.PreviousActions[%d]: it signs nothing; to read items without signature set Options.Plaintext", i)
		}
		e.sets = append(e.sets, set)
	}
	if o.Actions.Default == actions.DoNothing && !o.UnsignedKeys {
		unsigned, err := withKeys(o.Actions, e.keys, keysAsPython)
		if err == nil {
			e.likePython = newActionSet(unsigned)
		}
	}
	return nil
}

// newerPrefix begins the names that the format's successor adds to an item; the
// two that it adds to every item are newerHead and newerFoot.
const (
	newerPrefix = "aws_dbe_"
	newerHead   = newerPrefix + "head"
	newerFoot   = newerPrefix + "foot"
)

// checkName refuses names that a format adds itself.
func checkName(name string) error {
	if wire.IsReserved(name) {
		return &attributeError{name, fmt.Errorf("%w: the encryptor adds it", ErrReservedAttribute)}
	}
	if strings.HasPrefix(name, newerPrefix) {
		return &attributeError{name, fmt.Errorf("%w: names that begin with %s belong to the AWS Database Encryption SDK", ErrReservedAttribute, newerPrefix)}
	}
	return nil
}

// Table returns the table whose items are encrypted.
func (e *ItemEncryptor) Table() tableinfo.TableInfo { return e.table.Clone() }

// Rule returns the strictest treatment of an attribute over Actions and
// PreviousActions.
func (e *ItemEncryptor) Rule(attribute string) Rule {
	if wire.IsReserved(attribute) {
		return RuleReserved
	}
	rule := RuleUnsigned
	for _, set := range e.sets {
		switch set.actions.Action(attribute) {
		case actions.DoNothing:
		case actions.SignOnly:
			rule = RuleSigned
		default:
			return RuleEncrypted
		}
	}
	return rule
}

// WeakestRule returns the weakest treatment of an attribute over Actions and
// PreviousActions: what can be relied on, whichever of them an item is written or
// verified with. A codec of another format may have this method too: packages that
// rely on an attribute's protection, such as materials/metastore, then ask it
// instead of Rule.
func (e *ItemEncryptor) WeakestRule(attribute string) Rule {
	if wire.IsReserved(attribute) {
		return RuleReserved
	}
	rule := RuleEncrypted
	for _, set := range e.sets {
		switch set.actions.Action(attribute) {
		case actions.DoNothing:
			return RuleUnsigned
		case actions.SignOnly:
			rule = RuleSigned
		}
	}
	return rule
}

// CheckName reports whether Encrypt would refuse an attribute of this name, or
// Decrypt in an item of one of the PreviousActions: ErrReservedAttribute,
// ErrAmbiguousName, or ErrInvalidValue for a name that is not UTF-8. Updates of
// single attributes, which Encrypt does not see, ask it. A codec of another format
// may have this method too.
func (e *ItemEncryptor) CheckName(attribute string) error {
	if e.passesItems() {
		return nil
	}
	if err := checkName(attribute); err != nil {
		return err
	}
	for _, set := range e.sets {
		if err := set.checkName(attribute); err != nil {
			return err
		}
	}
	return nil
}

// passesItems tells whether nothing is ever signed, so that items pass as they are.
func (e *ItemEncryptor) passesItems() bool { return !e.sets[0].signs && len(e.sets) == 1 }

// Layouts returns the forms of item that are read: signed items and, if they are
// accepted or if no attribute has another action than DO_NOTHING, plain ones.
func (e *ItemEncryptor) Layouts() []Layout {
	signed := Layout{Stamp: wire.SignatureAttribute, Other: []string{wire.DescriptionAttribute}}
	switch {
	case e.passesItems():
		return []Layout{{}}
	case !e.sets[0].signs:
		return []Layout{{}, signed}
	case e.options.Plaintext == AllowPlaintextReads:
		return []Layout{signed, {}}
	default:
		return []Layout{signed}
	}
}

// encryptedOf returns the names of an item's encrypted attributes, by the strictest
// treatment, so that reading and writing give a provider the same ones. p is the
// item's plan by Actions, if there is one.
func (e *ItemEncryptor) encryptedOf(item Item, p *plan) []string {
	if p != nil && len(e.sets) == 1 {
		return p.encrypted
	}
	var encrypted []string
	for name := range item {
		if e.Rule(name) == RuleEncrypted {
			encrypted = append(encrypted, name)
		}
	}
	return encrypted
}

func (e *ItemEncryptor) context(item Item, encrypted []string, table string, description map[string]string) materials.EncryptionContext {
	return materials.EncryptionContext{
		TableName:        table,
		PartitionKeyName: e.table.Primary.PartitionKey,
		SortKeyName:      e.table.Primary.SortKey,
		Attributes:       item,
		Encrypted:        encrypted,
		Description:      description,
	}
}
