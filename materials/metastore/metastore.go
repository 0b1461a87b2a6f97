// Package metastore keeps versioned keys in a DynamoDB table, the meta table, each
// row encrypted as an item of its own. It is the MetaStore of the Python and Java
// clients: each reads the rows of the others.
//
// # Which call do I use?
//
// [CreateTable] makes the meta table, once. [New] takes it as an EncryptedTable,
// whose provider protects the rows: Direct KMS, as a rule. Hand the MetaStore to
// [materials.NewCachingMostRecentProvider], and that to the encryptor of the data
// table. [MetaStore.Rotate] makes a new version, to be called by a job and not by
// every instance of a service; [MetaStore.Replicate] copies one to another meta
// table.
//
// # Rows
//
//	N       S, the material name               partition key, SIGN_ONLY
//	V       N, the version, from 0             sort key, SIGN_ONLY
//	t       S, "0"                             the type of the row
//	encAlg  S, "AES"
//	enc     B, 32 bytes                        wraps the content key of every data item
//	intAlg  S, "HmacSHA256"
//	int     B, 32 bytes                        signs every data item
//
// All but N and V are encrypted and signed. Items written under a version carry
// the name and the version in the material description, amzn-ddb-meta-id =
// "name#version", which is how they find their keys.
//
// Deleting a row destroys the data written under it: nothing else has its keys.
// Give no service the permission to delete rows, protect the table from deletion,
// and back it up.
//
// Who has the wrong meta table or misspells a material name cannot read items that
// are there already. But it can write: GetOrCreate, and with it the first item that a
// CachingMostRecentProvider encrypts, makes version 0 of that name in that table. A
// permission is the guard. Services that use versions which exist need no
// dynamodb:PutItem on the meta table, and without it such a first write fails. Then
// the job that calls Rotate makes version 0 too, before the first item.
//
// # Calls
//
// A MetaStore caches nothing, and reads with strong consistency:
//
//	                        DynamoDB                    KMS, with Direct KMS
//	Latest, MaxVersion      Query                       Decrypt
//	Provider                GetItem                     Decrypt
//	GetOrCreate, exists     GetItem                     Decrypt
//	GetOrCreate, new        GetItem, PutItem            GenerateDataKey
//	Rotate                  Query, PutItem              Decrypt, GenerateDataKey
//	Replicate               GetItem; PutItem at target  Decrypt, GenerateDataKey
//
// Where there is no version, there is nothing to decrypt. A lost race costs one
// GetItem and one Decrypt more.
//
// # Errors
//
// A failure of the meta table is an [*Error], which wraps materials.ErrStore. What
// DynamoDB or the encryptor said of it is in its text and in Error.Code, but out of
// reach of errors.As and errors.Is: in the middle of an operation on a data table
// it would pass for an answer about that table or its item.
package metastore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/materials"
)

var (
	_ materials.ProviderStore = (*MetaStore)(nil)
	_ materials.LatestStore   = (*MetaStore)(nil)
)

// Options configures [New].
type Options struct {
	// Extra supplies further attributes for each new row, such as the tenant
	// that it belongs to. The table's own actions say what happens to them; every
	// reader of the table needs the same actions. Attributes that the row has
	// anyway are an error. An error of Extra keeps the row from being made. It
	// must be safe for concurrent use.
	Extra func(ctx context.Context, name string, version int64) (encryptor.Item, error)
}

// MetaStore is a materials.ProviderStore over a meta table. It is safe for
// concurrent use and caches nothing.
//
// Material names have 1 to 2048 bytes of UTF-8 and no '#'; versions count from 0.
// Anything else is refused before any call, with [ErrInvalidID].
type MetaStore struct {
	table *encryptor.EncryptedTable
	codec encryptor.ItemCodec
	name  string // of the table
	extra func(ctx context.Context, name string, version int64) (encryptor.Item, error)
}

// New returns the store of a meta table. It does no I/O.
//
// It refuses a table on which keys would not be safe: its primary key must be N and
// V, which must be signed; t, encAlg, enc, intAlg and int must be encrypted; and
// items without signature must not be accepted, since anybody who can write to the
// table could plant keys. The default options of an encryptor are right.
func New(t *encryptor.EncryptedTable, optFns ...func(*Options)) (*MetaStore, error) {
	if t == nil {
		return nil, errors.New("metastore: nil EncryptedTable")
	}
	var o Options
	for _, fn := range optFns {
		fn(&o)
	}
	codec := t.Codec()
	name := codec.Table().Name
	if err := checkCodec(codec); err != nil {
		return nil, fmt.Errorf("metastore: table %s: %w", quote.Name(name), err)
	}
	return &MetaStore{table: t, codec: codec, name: name, extra: o.Extra}, nil
}

func checkCodec(codec encryptor.ItemCodec) error {
	key := codec.Table().Primary
	if key.PartitionKey != attrName || key.SortKey != attrVersion {
		return fmt.Errorf("its primary key is %s and %s; that of a meta table is %q and %q",
			quote.Name(key.PartitionKey), quote.Name(key.SortKey), attrName, attrVersion)
	}
	for _, name := range keyAttributes {
		if weakestRule(codec, name) != encryptor.RuleSigned {
			return fmt.Errorf("attribute %q is not signed: whoever can write to the table could give a key another name or version", name)
		}
	}
	for _, name := range secretAttributes {
		if weakestRule(codec, name) != encryptor.RuleEncrypted {
			return fmt.Errorf("attribute %q would not be encrypted: give it the action ENCRYPT_AND_SIGN in Actions and in all PreviousActions", name)
		}
	}
	layouts := codec.Layouts()
	if len(layouts) == 0 {
		return errors.New("the codec has no layout")
	}
	for _, layout := range layouts {
		if layout.Stamp == "" {
			return errors.New("rows without signature would be accepted: whoever can write to the table could plant keys of their own")
		}
	}
	return nil
}

// weakestRule is what can be relied on in a row that verified: previous actions may
// be weaker than those by which rows are written, and whoever can write to the table
// chooses which of them a row verifies by.
func weakestRule(codec encryptor.ItemCodec, attribute string) encryptor.Rule {
	if c, ok := codec.(interface {
		WeakestRule(attribute string) encryptor.Rule
	}); ok {
		return c.WeakestRule(attribute)
	}
	return codec.Rule(attribute)
}

// Latest returns the provider of the highest version of a name, and that version.
// The error wraps materials.ErrVersionNotFound if there is none.
func (m *MetaStore) Latest(ctx context.Context, name string) (materials.CryptographicMaterialsProvider, int64, error) {
	r, err := m.latest(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	defer r.clear()
	return m.provider(r), r.version, nil
}

// MaxVersion returns the highest version of a name. It reads and verifies the whole
// row: whoever wants its provider too calls Latest. The error wraps
// materials.ErrVersionNotFound if there is none.
func (m *MetaStore) MaxVersion(ctx context.Context, name string) (int64, error) {
	r, err := m.latest(ctx, name)
	if err != nil {
		return 0, err
	}
	r.clear()
	return r.version, nil
}

// Provider returns the provider of a version. The error wraps
// materials.ErrVersionNotFound if there is no such row.
//
// The provider writes name and version into items, and refuses items that name
// others with materials.ErrNoDecryptionMaterials.
func (m *MetaStore) Provider(ctx context.Context, name string, version int64) (materials.CryptographicMaterialsProvider, error) {
	if err := checkID(name, version); err != nil {
		return nil, err
	}
	r, err := m.read(ctx, name, version)
	if err != nil {
		return nil, err
	}
	defer r.clear()
	return m.provider(r), nil
}

// GetOrCreate returns the provider of a version, which it makes if there is none,
// and the version. If others make it at the same time, all get the same keys.
//
// A provider is returned only if its row is known to be stored. If the answer to
// the write is lost, the table is asked; after an error, the row may exist or not,
// and nobody has its keys but the table.
func (m *MetaStore) GetOrCreate(ctx context.Context, name string, version int64) (materials.CryptographicMaterialsProvider, int64, error) {
	if err := checkID(name, version); err != nil {
		return nil, 0, err
	}
	r, err := m.read(ctx, name, version)
	if errors.Is(err, materials.ErrVersionNotFound) {
		r, _, err = m.create(ctx, name, version)
	}
	if err != nil {
		return nil, 0, err
	}
	defer r.clear()
	return m.provider(r), version, nil
}

// VersionOf reads the version from a material description. The error wraps
// materials.ErrDescription if the entry amzn-ddb-meta-id is missing or not a name,
// '#' and a version of 1 to 19 digits.
func (m *MetaStore) VersionOf(description map[string]string) (int64, error) {
	_, version, err := parseID(description)
	return version, err
}

// maxRotations bounds how often Rotate loses the race for the next version. Each
// time somebody else won it, so it takes as many rivals to get here.
const maxRotations = 32

// Rotate makes the next version of a name, one above the highest or 0 if there is
// none, and returns it. Each of several concurrent calls makes a version of its own.
//
// A CachingMostRecentProvider turns to the new version when its TTL has passed, or
// at once after Refresh. Items under older versions stay readable as long as their
// rows exist. After an error the version may exist all the same, which does no
// harm.
func (m *MetaStore) Rotate(ctx context.Context, name string) (version int64, err error) {
	for range maxRotations {
		highest, err := m.MaxVersion(ctx, name)
		switch {
		case errors.Is(err, materials.ErrVersionNotFound):
			highest = -1
		case err != nil:
			return 0, err
		case highest == math.MaxInt64:
			return 0, fmt.Errorf("%w: %s has the highest possible version, %d", ErrInvalidID, label(name), highest)
		}
		next, isOurs, err := m.create(ctx, name, highest+1)
		if err != nil {
			return 0, err
		}
		next.clear()
		if isOurs {
			return next.version, nil
		}
	}
	return 0, m.fail(opPut, fmt.Errorf("%s: others made the next version first, %d times", label(name), maxRotations))
}

// Replicate copies a version to another meta table, in another Region for instance:
// it reads, verifies and decrypts the row, and writes it encrypted by the target's
// encryptor, so that items written under it can be read with either. Attributes of
// the row that this table's encryptor does not sign, be it by one of PreviousActions
// only, are left out.
//
// A row that the target has already is kept. If its keys are others, the error wraps
// [ErrKeysDiffer].
func (m *MetaStore) Replicate(ctx context.Context, name string, version int64, to *MetaStore) error {
	if to == nil {
		return errors.New("metastore: nil MetaStore to replicate to")
	}
	if err := checkID(name, version); err != nil {
		return err
	}
	r, err := m.read(ctx, name, version)
	if err != nil {
		return err
	}
	defer r.clear()
	// Without this, anybody who can write to this table could have the target sign
	// something of theirs.
	maps.DeleteFunc(r.item, func(attribute string, _ types.AttributeValue) bool {
		return weakestRule(m.codec, attribute) == encryptor.RuleUnsigned
	})
	stored, _, err := to.put(ctx, r)
	if err != nil {
		return err
	}
	defer stored.clear()
	if !stored.hasKeysOf(r) {
		return to.fail(opPut, fmt.Errorf("%w: %s", ErrKeysDiffer, r))
	}
	return nil
}

// latest reads the row of the highest version. That the answer is a row of this
// name, the table sees to: encryptor.ErrWrongItem.
func (m *MetaStore) latest(ctx context.Context, name string) (*row, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	out, err := m.table.Query(ctx, &dynamodb.QueryInput{
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String(attrName + " = :name"),
		ExpressionAttributeValues: encryptor.Item{":name": &types.AttributeValueMemberS{Value: name}},
		ScanIndexForward:          aws.Bool(false),
		Limit:                     aws.Int32(1),
	})
	if err != nil {
		return nil, m.fail(opQuery, err)
	}
	if len(out.Items) == 0 {
		return nil, fmt.Errorf("%w: table %s has no version of material %s", materials.ErrVersionNotFound, quote.Name(m.name), quote.Name(name))
	}
	r, err := parseRow(out.Items[0])
	if err != nil {
		return nil, m.fail(opQuery, err)
	}
	return r, nil
}

// read reads the row of a version. That the answer is this row, the table sees to.
func (m *MetaStore) read(ctx context.Context, name string, version int64) (*row, error) {
	out, err := m.table.GetItem(ctx, &dynamodb.GetItemInput{Key: keyOf(name, version), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, m.fail(opGet, err)
	}
	wanted := &row{name: name, version: version}
	if len(out.Item) == 0 {
		return nil, fmt.Errorf("%w: table %s has no %s; is it the right meta table? Deleting rows of one destroys the data written under them",
			materials.ErrVersionNotFound, quote.Name(m.name), wanted)
	}
	r, err := parseRow(out.Item)
	if err != nil {
		return nil, m.fail(opGet, err)
	}
	return r, nil
}

// create makes new keys for a version and returns the row that is then in the table:
// if it is not ours, another writer came first.
func (m *MetaStore) create(ctx context.Context, name string, version int64) (stored *row, isOurs bool, err error) {
	r, err := m.newRow(ctx, name, version)
	if err != nil {
		return nil, false, err
	}
	stored, isOurs, err = m.put(ctx, r)
	if stored != r { // not written, or read back
		r.clear()
	}
	return stored, isOurs, err
}

func (m *MetaStore) newRow(ctx context.Context, name string, version int64) (*row, error) {
	var extra encryptor.Item
	if m.extra != nil {
		var err error
		if extra, err = m.extra(ctx, name, version); err != nil {
			return nil, m.fail(opPut, fmt.Errorf("Options.Extra: %w", err))
		}
	}
	for attribute := range extra {
		if isOfRow(attribute) || m.codec.Rule(attribute) == encryptor.RuleReserved {
			return nil, m.fail(opPut, fmt.Errorf("Options.Extra: attribute %s is not for it to supply", quote.Name(attribute)))
		}
	}
	return newRow(name, version, extra)
}

// put stores a row unless its version exists, and returns the row that is in the
// table. It is r itself if it was written by this call.
func (m *MetaStore) put(ctx context.Context, r *row) (stored *row, isOurs bool, err error) {
	_, err = m.table.PutItem(ctx, &dynamodb.PutItemInput{
		Item:                r.item,
		ConditionExpression: aws.String("attribute_not_exists(" + attrName + ") AND attribute_not_exists(" + attrVersion + ")"),
	})
	if err == nil {
		return r, true, nil
	}
	if !mayExist(err) {
		return nil, false, m.fail(opPut, err)
	}
	// The row may be there: another writer's or, if an answer was lost, ours. What
	// the table has is what counts.
	stored, readErr := m.read(ctx, r.name, r.version)
	switch {
	case errors.Is(readErr, materials.ErrVersionNotFound):
		return nil, false, m.fail(opPut, err)
	case readErr != nil:
		return nil, false, m.fail(opPut, fmt.Errorf("%w; then: %w", err, readErr))
	}
	return stored, stored.hasKeysOf(r), nil
}
