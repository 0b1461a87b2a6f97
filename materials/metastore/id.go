package metastore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/materials"
)

// maxNameSize is DynamoDB's limit for a partition key, in bytes.
const maxNameSize = 2048

// maxVersionDigits is how many digits a version may have: those of an int64.
const maxVersionDigits = 19

// checkName refuses names that a row or a description cannot have.
func checkName(name string) error {
	if err := wire.CheckMaterialName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidID, err)
	}
	if len(name) > maxNameSize {
		return fmt.Errorf("%w: material name %s has %d bytes, DynamoDB takes %d", ErrInvalidID, quote.Name(name), len(name), maxNameSize)
	}
	return nil
}

func checkID(name string, version int64) error {
	if version < 0 {
		return fmt.Errorf("%w: version %d is negative", ErrInvalidID, version)
	}
	return checkName(name)
}

// parseID reads name and version from an item's description.
func parseID(description map[string]string) (name string, version int64, err error) {
	id, ok := description[wire.EntryMetaID]
	if !ok {
		return "", 0, fmt.Errorf("%w: entry %s is missing; was the item written with another provider?", materials.ErrDescription, wire.EntryMetaID)
	}
	name, digits := wire.CutMaterialID(id)
	if name == "" || !isVersion(digits) {
		return "", 0, malformedID(id)
	}
	if version, err = strconv.ParseInt(digits, 10, 64); err != nil {
		return "", 0, malformedID(id)
	}
	return name, version, nil
}

// isVersion is stricter than strconv, which takes signs.
func isVersion(digits string) bool {
	return len(digits) >= 1 && len(digits) <= maxVersionDigits && strings.Trim(digits, "0123456789") == ""
}

func malformedID(id string) error {
	return fmt.Errorf("%w: entry %s is %s, not a name, '#' and a version", materials.ErrDescription, wire.EntryMetaID, quote.Name(id))
}
