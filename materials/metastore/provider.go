package metastore

import (
	"context"
	"fmt"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

var _ materials.CryptographicMaterialsProvider = (*versionProvider)(nil)

// versionProvider is the wrapped provider of one version, whose items name it.
type versionProvider struct {
	name    string
	version int64
	keys    *materials.WrappedProvider
}

// provider returns the row's provider, which outlives the row.
func (r *row) provider() *versionProvider { return &versionProvider{r.name, r.version, r.keys} }

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
	return p.keys.DecryptionMaterials(ctx, ec)
}
