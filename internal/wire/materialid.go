package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ddbec/ddbec-go/internal/quote"
)

// idSeparator stands between name and version in the entry EntryMetaID.
const idSeparator = "#"

// CheckMaterialName refuses a name that the entry EntryMetaID cannot have.
func CheckMaterialName(name string) error {
	switch {
	case name == "":
		return errors.New("the material name is empty")
	case strings.Contains(name, idSeparator):
		return fmt.Errorf("material name %s contains '#', which separates name and version in an item", quote.Name(name))
	case !utf8.ValidString(name):
		return fmt.Errorf("material name %s is not UTF-8", quote.Name(name))
	}
	return nil
}

// FormatMaterialID returns the value of EntryMetaID for a version of a material.
func FormatMaterialID(name string, version int64) string {
	return name + idSeparator + strconv.FormatInt(version, 10)
}

// CutMaterialID splits the value of EntryMetaID. Neither part is checked.
func CutMaterialID(id string) (name, version string) {
	name, version, _ = strings.Cut(id, idSeparator)
	return name, version
}
