package materials

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// cachedKeyID stands for everything that decides what a data key is and whether
// this caller may have it: the KMS key that the item is to be under, the wrapped
// data key and the encryption context.
type cachedKeyID [sha256.Size]byte

func newCachedKeyID(key kmsKeyID, blob []byte, kmsContext map[string]string) cachedKeyID {
	h := sha256.New()
	write := func(text string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text)))) // so that no two lists of texts are one
		h.Write([]byte(text))
	}
	write(key.text)
	write(string(blob))
	for _, name := range slices.Sorted(maps.Keys(kmsContext)) {
		write(name)
		write(kmsContext[name])
	}
	return cachedKeyID(h.Sum(nil))
}

func newDataKeyCache(o DecryptCacheOptions) (*cache[cachedKeyID, itemKeys], error) {
	switch {
	case o.TTL <= 0:
		return nil, fmt.Errorf("DecryptCacheOptions.TTL: must be above 0 (%v)", o.TTL)
	case o.Size <= 0:
		return nil, fmt.Errorf("DecryptCacheOptions.Size: must be above 0 (%d)", o.Size)
	case o.LoadTimeout < 0:
		return nil, fmt.Errorf("DecryptCacheOptions.LoadTimeout: must not be negative (%v)", o.LoadTimeout)
	case o.LoadTimeout == 0:
		o.LoadTimeout = defaultLoadTimeout
	}
	return newCache[cachedKeyID, itemKeys](o.Size, o.TTL, 0, 0, o.LoadTimeout), nil
}
