package materials_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// customersCodec is the encryptor of the examples' table.
func customersCodec(provider materials.CryptographicMaterialsProvider) *encryptor.ItemEncryptor {
	codec, err := encryptor.New(provider, tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}},
		func(o *encryptor.Options) {
			o.Actions.Overrides = map[string]actions.CryptoAction{"tenant": actions.SignOnly}
		})
	if err != nil {
		log.Fatal(err)
	}
	return codec
}

func customerItem(id, tenant string) encryptor.Item {
	return encryptor.Item{
		"id":     &types.AttributeValueMemberS{Value: id},
		"tenant": &types.AttributeValueMemberS{Value: tenant},
		"iban":   &types.AttributeValueMemberS{Value: "DE02120300000000202051"},
	}
}

// An alias is pointed to a new key. Items under the old one are refused until it is
// listed.
func ExampleNewDirectKMSProvider() {
	ctx := context.Background()
	client := kmstest.New()
	oldKeyARN := client.CreateKey("alias/customers")
	provider, err := materials.NewDirectKMSProvider(client, "alias/customers")
	if err != nil {
		log.Fatal(err)
	}
	stored, err := customersCodec(provider).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}

	client.PointAlias("alias/customers", client.CreateKey())
	_, err = customersCodec(provider).Decrypt(ctx, stored)
	fmt.Println(errors.Is(err, materials.ErrKeyNotAllowed))

	provider, err = materials.NewDirectKMSProvider(client, "alias/customers", func(o *materials.DirectKMSOptions) {
		o.DecryptKeyIDs = []string{oldKeyARN}
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = customersCodec(provider).Decrypt(ctx, stored)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// A KMS key for each tenant: who may use acme's key sees acme's items.
func ExampleDirectKMSOptions_keyFor() {
	ctx := context.Background()
	client := kmstest.New()
	keyARNs := map[string]string{"acme": client.CreateKey(), "globex": client.CreateKey()}

	provider, err := materials.NewDirectKMSProvider(client, "", func(o *materials.DirectKMSOptions) {
		o.KeyFor = func(ec materials.EncryptionContext) (string, error) {
			tenant, ok := ec.Attributes["tenant"].(*types.AttributeValueMemberS) // SIGN_ONLY
			if !ok {
				return "", errors.New("the item has no tenant")
			}
			keyARN, ok := keyARNs[tenant.Value]
			if !ok {
				return "", errors.New("unknown tenant")
			}
			return keyARN, nil
		}
	})
	if err != nil {
		log.Fatal(err)
	}

	codec := customersCodec(provider)
	stored, err := codec.Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}
	client.DenyKey(keyARNs["acme"])
	_, err = codec.Decrypt(ctx, stored)
	fmt.Println("acme:", errors.Is(err, materials.ErrKMS))

	stored["tenant"] = &types.AttributeValueMemberS{Value: "globex"} // somebody hopes to be let in by the other key
	_, err = codec.Decrypt(ctx, stored)
	fmt.Println("as globex:", errors.Is(err, materials.ErrKeyNotAllowed))
	// Output:
	// acme: true
	// as globex: true
}

// One multi-Region key: what is written in one Region is read in the other.
func ExampleDirectKMSOptions_clientFor() {
	ctx := context.Background()
	virginia := kmstest.New()
	frankfurt := virginia.InRegion("eu-central-1")
	keyARNs := virginia.CreateMultiRegionKey("us-east-1", "eu-central-1")

	writer, err := materials.NewDirectKMSProvider(virginia, keyARNs[0])
	if err != nil {
		log.Fatal(err)
	}
	reader, err := materials.NewDirectKMSProvider(frankfurt, keyARNs[1])
	if err != nil {
		log.Fatal(err)
	}
	stored, err := customersCodec(writer).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = customersCodec(reader).Decrypt(ctx, stored)
	fmt.Println("a replica:", err)

	// A key that exists in one Region only is asked there.
	oldKeyARN := virginia.CreateKey()
	old, err := materials.NewDirectKMSProvider(virginia, oldKeyARN)
	if err != nil {
		log.Fatal(err)
	}
	if stored, err = customersCodec(old).Encrypt(ctx, customerItem("c-2", "acme")); err != nil {
		log.Fatal(err)
	}
	both, err := materials.NewDirectKMSProvider(frankfurt, keyARNs[1], func(o *materials.DirectKMSOptions) {
		o.DecryptKeyIDs = []string{oldKeyARN}
		o.ClientFor = func(region string) materials.KMSClient {
			return map[string]materials.KMSClient{"us-east-1": virginia, "eu-central-1": frankfurt}[region]
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = customersCodec(both).Decrypt(ctx, stored)
	fmt.Println("a key of one Region:", err)
	// Output:
	// a replica: <nil>
	// a key of one Region: <nil>
}

// Items that are read again and again.
func ExampleDirectKMSOptions_cache() {
	ctx := context.Background()
	client := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(client, client.CreateKey(), func(o *materials.DirectKMSOptions) {
		o.Cache = &materials.DecryptCacheOptions{TTL: time.Minute, Size: 10_000}
	})
	if err != nil {
		log.Fatal(err)
	}
	codec := customersCodec(provider)
	stored, err := codec.Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}
	for range 100 {
		if _, err := codec.Decrypt(ctx, stored); err != nil {
			log.Fatal(err)
		}
	}

	s := provider.Stats()
	fmt.Println(s.GenerateDataKey, "GenerateDataKey,", s.Decrypt, "Decrypt,", s.Cache.Hits, "from the cache")
	// Output: 1 GenerateDataKey, 1 Decrypt, 99 from the cache
}

// The most recent provider over a meta table, and a rotation.
func ExampleNewCachingMostRecentProvider() {
	ctx := context.Background()
	db := ddbtest.NewServer().Client()
	client := kmstest.New()
	if err := metastore.CreateTable(ctx, db, "meta"); err != nil {
		log.Fatal(err)
	}
	directKMS, err := materials.NewDirectKMSProvider(client, client.CreateKey())
	if err != nil {
		log.Fatal(err)
	}
	meta, err := encryptor.NewEncryptedTable(ctx, db, "meta", directKMS)
	if err != nil {
		log.Fatal(err)
	}
	store, err := metastore.New(meta)
	if err != nil {
		log.Fatal(err)
	}

	const ttl = 5 * time.Minute
	provider, err := materials.NewCachingMostRecentProvider(store, "customers", ttl, func(o *materials.CacheOptions) {
		o.Jitter = ttl / 10
	})
	if err != nil {
		log.Fatal(err)
	}
	codec := customersCodec(provider)
	var stored []encryptor.Item
	write := func() {
		item, err := codec.Encrypt(ctx, customerItem(fmt.Sprintf("c-%d", len(stored)), "acme"))
		if err != nil {
			log.Fatal(err)
		}
		stored = append(stored, item)
	}
	write()

	version, err := store.Rotate(ctx, "customers")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("made version", version)
	provider.Refresh() // now, and not only when the TTL has passed
	write()

	for _, item := range stored {
		if _, err := codec.Decrypt(ctx, item); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("read", len(stored), "items of two versions with", len(client.Calls()), "KMS calls")
	// Output:
	// made version 1
	// read 2 items of two versions with 5 KMS calls
}

// The keys of a material, for another meta table: another Region, or a second copy.
func ExampleCachingMostRecentProvider_replicate() {
	ctx := context.Background()
	db := ddbtest.NewServer().Client()
	client := kmstest.New()
	openStore := func(table string) *metastore.MetaStore {
		if err := metastore.CreateTable(ctx, db, table); err != nil {
			log.Fatal(err)
		}
		directKMS, err := materials.NewDirectKMSProvider(client, client.CreateKey())
		if err != nil {
			log.Fatal(err)
		}
		meta, err := encryptor.NewEncryptedTable(ctx, db, table, directKMS)
		if err != nil {
			log.Fatal(err)
		}
		store, err := metastore.New(meta)
		if err != nil {
			log.Fatal(err)
		}
		return store
	}
	store, replica := openStore("meta"), openStore("meta-replica")
	for range 3 {
		if _, err := store.Rotate(ctx, "customers"); err != nil {
			log.Fatal(err)
		}
	}

	newest, err := store.MaxVersion(ctx, "customers")
	if err != nil {
		log.Fatal(err)
	}
	for version := range newest + 1 {
		if err := store.Replicate(ctx, "customers", version, replica); err != nil {
			log.Fatal(err)
		}
	}

	copied, err := replica.MaxVersion(ctx, "customers")
	fmt.Println(copied, err)
	// Output: 2 <nil>
}

// Keys that you keep: one wraps a content key for each item, the other signs.
func ExampleNewWrappedProvider() {
	ctx := context.Background()
	var wrappingKey, signingKey [32]byte // from a vault, say
	rand.Read(wrappingKey[:])
	rand.Read(signingKey[:])

	wrap, err := materials.NewAESKey(wrappingKey[:])
	if err != nil {
		log.Fatal(err)
	}
	sign, err := materials.NewHMACKey(signingKey[:])
	if err != nil {
		log.Fatal(err)
	}
	provider, err := materials.NewWrappedProvider(materials.WrappedKeys{Wrap: wrap, Unwrap: wrap, Sign: sign, Verify: sign}, nil)
	if err != nil {
		log.Fatal(err)
	}

	stored, err := customersCodec(provider).Encrypt(ctx, customerItem("c-1", "acme"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = customersCodec(provider).Decrypt(ctx, stored)
	fmt.Println(err, wrap)
	// Output: <nil> REDACTED
}
