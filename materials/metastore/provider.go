package metastore

import (
	"context"
	"errors"
	"fmt"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

var _ materials.CryptographicMaterialsProvider = (*versionProvider)(nil)

// versionProvider is the wrapped provider of one version, whose items name it.
type versionProvider struct {
	table   string // the meta table
	name    string
	version int64
	keys    *materials.WrappedProvider
}

// provider returns the provider of a row, which outlives the row.
func (m *MetaStore) provider(r *row) *versionProvider {
	return &versionProvider{m.name, r.name, r.version, r.keys}
}

func (p *versionProvider) EncryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.EncryptionMaterials, error) {
	m, err := p.keys.EncryptionMaterials(ctx, ec)
	if err != nil {
		return nil, err
	}
	m.Description[wire.EntryMetaID] = wire.FormatMaterialID(p.name, p.version)
	return m, nil
}

// DecryptionMaterials refuses an item of another version before its key fails to
// unwrap, which would not say why.
func (p *versionProvider) DecryptionMaterials(ctx context.Context, ec materials.EncryptionContext) (*materials.DecryptionMaterials, error) {
	name, version, err := parseID(ec.Description)
	if err != nil {
		return nil, err
	}
	if name != p.name || version != p.version {
		return nil, fmt.Errorf("%w: the item was written under material %s, version %d; this provider is that of material %s, version %d",
			materials.ErrNoDecryptionMaterials, quote.Name(name), version, quote.Name(p.name), p.version)
	}
	m, err := p.keys.DecryptionMaterials(ctx, ec)
	switch {
	case errors.Is(err, materials.ErrUnwrap):
		// An item names its version, and not the meta table that has it.
		return nil, fmt.Errorf("%s: %w; is it the right meta table? A version of the same number in another meta table has other keys", p.label(), err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", p.label(), err)
	}
	return m, nil
}

// label is what errors call the version.
func (p *versionProvider) label() string {
	return fmt.Sprintf("%s of meta table %s", &row{name: p.name, version: p.version}, quote.Name(p.table))
}
