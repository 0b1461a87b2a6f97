package faults_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// world is the two services, and a table with the keys pk (S) and sk (N). Of its
// attributes ver and tally are SIGN_ONLY, visits is DO_NOTHING, and the rest is
// encrypted.
type world struct {
	*model
	schedule
	mutant mutant

	server *ddbtest.Server
	raw    *dynamodb.Client
	kms    *kms.Client
	keyARN string
	keys   materials.WrappedKeys
	late   sync.WaitGroup
}

const (
	material    = "payroll"
	cacheTTL    = 60 * time.Millisecond
	loadTimeout = time.Second
)

func newWorld(t *testing.T, s schedule, m mutant) *world {
	w := &world{model: newModel(), schedule: s, mutant: m, server: ddbtest.NewServer()}
	service := kmstest.New()
	w.keyARN = service.CreateKey("alias/faults")
	dataKeys := &dataKeys{}
	over := func(inner doer, name string) *wire {
		return &wire{model: w.model, inner: inner, service: name, seen: make(map[string][]any), keys: dataKeys, late: &w.late}
	}
	options := w.server.Client().Options()
	inner := doer(options.HTTPClient)
	if m.server != nil {
		inner = m.server(inner)
	}
	database := over(inner, "DynamoDB")
	database.leaveUndone = w.server.UnprocessedNext
	options.HTTPClient = database
	kmsOptions := kmstest.NewServer(service).Client().Options()
	kmsOptions.HTTPClient = over(kmsOptions.HTTPClient, "KMS")
	if !s.retries {
		options.Retryer, kmsOptions.Retryer = aws.NopRetryer{}, aws.NopRetryer{}
	}
	w.raw, w.kms = dynamodb.New(options), kms.New(kmsOptions)

	_, err := w.raw.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(dataTable), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	})
	require.NoError(t, err)
	require.NoError(t, metastore.CreateTable(t.Context(), w.raw, metaTable))
	w.server.SetPageSize(s.pageSize)
	w.keys = newKeys(t)
	return w
}

func newKeys(t *testing.T) materials.WrappedKeys {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it does not fail
	wrapping, err := materials.NewAESKey(secret)
	require.NoError(t, err)
	_, _ = rand.Read(secret)
	signing, err := materials.NewHMACKey(secret)
	require.NoError(t, err)
	return materials.WrappedKeys{Wrap: wrapping, Unwrap: wrapping, Sign: signing, Verify: signing}
}

// process is one instance of a program: it has caches of its own, and meets the
// library in all three ways.
type process struct {
	faces  []encryptor.DynamoDBAPI
	table  *encryptor.EncryptedTable
	store  *metastore.MetaStore
	recent *materials.CachingMostRecentProvider
}

func (w *world) newProcess(t *testing.T) *process {
	p := &process{}
	codec := w.codec(t, w.provider(t, p))
	options := func(o *encryptor.ClientOptions) { o.Concurrency = 1 + int(w.seed%4) }
	var err error
	p.table, err = encryptor.NewTable(w.raw, codec, func(o *encryptor.TableOptions) { o.Concurrency = 1 + int(w.seed%4) })
	require.NoError(t, err)
	client, err := encryptor.NewEncryptedClient(w.raw, []encryptor.ItemCodec{codec}, options)
	require.NoError(t, err)
	middleware, err := encryptor.Middleware([]encryptor.ItemCodec{codec}, options)
	require.NoError(t, err)
	p.faces = []encryptor.DynamoDBAPI{p.table, client, dynamodb.New(w.raw.Options(), middleware)}
	if w.mutant.face != nil {
		for i, face := range p.faces {
			p.faces[i] = w.mutant.face(face)
		}
	}
	return p
}

func (w *world) codec(t *testing.T, p materials.CryptographicMaterialsProvider) encryptor.ItemCodec {
	info, err := tableinfo.Describe(t.Context(), w.raw, dataTable)
	require.NoError(t, err)
	codec, err := encryptor.New(p, info, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"ver": actions.SignOnly, "tally": actions.SignOnly, "visits": actions.DoNothing}
	})
	require.NoError(t, err)
	if w.mutant.codec != nil {
		return w.mutant.codec(codec)
	}
	return codec
}

func (w *world) provider(t *testing.T, p *process) materials.CryptographicMaterialsProvider {
	direct, err := materials.NewDirectKMSProvider(w.kms, w.keyARN, func(o *materials.DirectKMSOptions) {
		if w.schedule.provider == cachedKMS {
			o.Cache = &materials.DecryptCacheOptions{TTL: cacheTTL, Size: 4, LoadTimeout: loadTimeout}
		}
	})
	require.NoError(t, err)
	switch w.schedule.provider {
	case wrapped:
		provider, err := materials.NewWrappedProvider(w.keys, nil)
		require.NoError(t, err)
		return provider
	case mostRecent:
		rows, err := encryptor.NewEncryptedTable(t.Context(), w.raw, metaTable, direct)
		require.NoError(t, err)
		p.store, err = metastore.New(rows)
		require.NoError(t, err)
		store := materials.ProviderStore(p.store)
		if w.mutant.store != nil {
			store = w.mutant.store(t)
		}
		p.recent, err = materials.NewCachingMostRecentProvider(store, material, cacheTTL, func(o *materials.CacheOptions) { o.LoadTimeout = loadTimeout })
		require.NoError(t, err)
		return p.recent
	default:
		return direct
	}
}

// sharesLoads tells whether a fault of one call can be felt by another.
func (w *world) sharesLoads() bool {
	return w.schedule.provider == mostRecent || w.schedule.provider == cachedKMS
}

// begin makes the counters, without faults.
func (w *world) begin(t *testing.T, p *process) {
	for _, key := range counters {
		item := makeItem(key, w.nextVersion(), 0)
		w.register(item)
		_, err := p.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
		require.NoError(t, err)
	}
}

// end checks, without faults and with fresh caches, that every key holds what it
// should, and that the counters are exact.
func (w *world) end(t *testing.T) {
	ctx := t.Context()
	w.server.SetStaleReads(false)
	w.mu.Lock()
	w.staleSince = -1
	w.mu.Unlock()
	p := w.newProcess(t)
	for i, key := range everyKey() {
		c := &call{schedule: &w.schedule, name: "fresh process", seesFrom: w.now}
		held := w.current(key)
		out, err := p.faces[i%len(p.faces)].GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(dataTable), Key: keyItem(key), ConsistentRead: aws.Bool(true)})
		switch {
		case err != nil && held.version != damaged && !held.tainted:
			w.violate(lost, "%s: %s holds version %d, which cannot be read: %v", c, key, held.version, err)
		case err == nil && held.version == damaged:
			w.violate(unverified, "%s: %s is damaged", c, key)
		case err == nil:
			w.observe(c, key, out.Item)
			w.checkCounter(key, out.Item)
		}
		w.checkError(c, err)
	}
	w.checkAtRest(ctx, t)
}

func (w *world) checkCounter(key string, item encryptor.Item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key[0] != 'n' || item == nil {
		return
	}
	for name, want := range map[string]int{"count": w.applied[key], "tally": w.applied[key], "visits": w.visits[key]} {
		if got := numberOf(item[name]); got != int64(want) {
			w.violateLocked(twice, "%s of %s is %d after %d changes", name, key, got, want)
		}
	}
}

// checkAtRest looks at the tables as they are stored.
func (w *world) checkAtRest(ctx context.Context, t *testing.T) {
	w.server.SetPageSize(0)
	body := &recorder{inner: w.server.Client().Options().HTTPClient}
	raw := dynamodb.New(w.server.Client().Options(), func(o *dynamodb.Options) { o.HTTPClient = body })
	for _, table := range []string{dataTable, metaTable} {
		_, err := raw.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String(table), ConsistentRead: aws.Bool(true)})
		require.NoError(t, err)
		if secret := secretIn(body.last); secret != nil {
			w.violate(atRest, "table %s has %q", table, secret)
		}
	}
}

// checkError looks for secrets in an error.
func (w *world) checkError(c *call, err error) {
	if err == nil {
		return
	}
	if secret := secretIn([]byte(fmt.Sprintf("%v %+v", err, err))); secret != nil {
		w.violate(inError, "%s: %q", c, secret)
	}
}
