package materials

import "time"

// DirectKMSOptions configures [NewDirectKMSProvider].
type DirectKMSOptions struct {
	// GrantTokens are sent with every KMS call.
	GrantTokens []string
	// DecryptKeyIDs are ARNs of further KMS keys whose items are read: keys
	// that were used before, or what an alias pointed to.
	DecryptKeyIDs []string
	// AnyDecryptKey reads items under every KMS key that the caller may use, as
	// Python and Java do. Then whoever can write to the table and lets the
	// caller use a KMS key of theirs can forge items.
	AnyDecryptKey bool
	// Description has further entries for the material description of every
	// item. Two names choose algorithms instead: amzn-ddb-env-alg (AES/128,
	// AES/192 or AES/256, the default) and amzn-ddb-sig-alg (HmacSHA256/256 is
	// the default).
	Description map[string]string
	// KeyFor chooses the KMS key for an item, such as one for each tenant; the
	// provider's keyID is then not used. An item that was written under another
	// key than KeyFor names for it is refused, unless DecryptKeyIDs lists that
	// key. KeyFor sees key attributes and those others that are not encrypted,
	// and no description, so that reading chooses as writing did; what it
	// chooses by must be in the item and must not change. It must return a key
	// id, as NewDirectKMSProvider takes one, and be safe for concurrent use.
	KeyFor func(EncryptionContext) (string, error)
	// ClientFor returns the client of a Region, for keys in several. It is asked
	// for the Region in a key's or alias's ARN; ids that are no ARNs go to the
	// provider's own client, which may be nil if there are none. Reading tries
	// the Region of the item's own key and then those of DecryptKeyIDs, with a
	// call for each until one has the key. It is called for every item, and must
	// be safe for concurrent use.
	ClientFor func(region string) KMSClient
	// Cache keeps data keys that KMS has decrypted. Without it, every item that
	// is read costs a call.
	Cache *DecryptCacheOptions
}

// DecryptCacheOptions configures the cache of a [DirectKMSProvider] for items
// that are read again and again. It saves nothing on writing, where each item has
// a data key of its own.
//
// A cached key opens its item without KMS being asked. So TTL is also how long a
// revoked permission still works, and these reads are not in CloudTrail.
type DecryptCacheOptions struct {
	// TTL is how long a data key is kept, Size how many are; the least recently
	// used one makes room. Both must be above zero.
	TTL  time.Duration
	Size int
	// LoadTimeout bounds each KMS call, which goes on when the read that caused
	// it is cancelled; 0 means 10 s. A panic of the KMSClient or of ClientFor is
	// raised in all reads that wait for the key; if all were cancelled, it ends
	// the process.
	LoadTimeout time.Duration
}
