package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// metaTable is a meta table with Go's store over it. The peer makes its own over the same table.
type metaTable struct {
	setup
	client *dynamodb.Client
	store  *metastore.MetaStore
}

// newMetaTable creates a table whose rows rows protects.
func newMetaTable(t *testing.T, l *library, name string, rows provider, a actionsSpec, optFns ...func(*metastore.Options)) metaTable {
	t.Helper()
	m := metaTable{
		setup:  setup{provider: rows, table: name, partitionKey: "N", sortKey: "V", actions: a, order: l.order},
		client: dynamoDBClient(t),
	}
	require.NoError(t, metastore.CreateTable(t.Context(), m.client, name))
	t.Cleanup(func() {
		_, err := m.client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		require.NoError(t, err)
	})
	var err error
	m.store, err = metastore.New(m.encryptedTable(t, m.client), optFns...)
	require.NoError(t, err)
	return m
}

// mostRecentProvider also has what only this kind of provider can do.
type mostRecentProvider struct {
	provider
	caching *materials.CachingMostRecentProvider
}

func (m metaTable) mostRecent(t *testing.T, name, material string) mostRecentProvider {
	t.Helper()
	ours, err := materials.NewCachingMostRecentProvider(m.store, material, time.Minute)
	require.NoError(t, err)
	spec := providerSpec{Kind: "most_recent", MetaTable: m.table, MaterialName: material, Provider: &m.provider.spec}
	return mostRecentProvider{provider{name, spec, ours}, ours}
}

// requireRows: how many versions of a material the table has, and that they look like rows of a meta table.
func (m metaTable) requireRows(t *testing.T, material string, want int) {
	t.Helper()
	found, err := m.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &m.table})
	require.NoError(t, err)
	rows := 0
	for _, row := range found.Items {
		if vectors.ValueText(row["N"]) == vectors.ValueText(text(material)) {
			rows++
			for _, name := range []string{"V", "t", "encAlg", "enc", "intAlg", "int", signatureName, descriptionName} {
				require.Contains(t, row, name)
			}
		}
	}
	require.Equal(t, want, rows, "versions of %s", material)
}

// TestMostRecent: versions that each side makes in one meta table, items of each side under all of them.
func TestMostRecent(t *testing.T) {
	withEach(t, func(t *testing.T, l *library) {
		peer := l.start(t)
		kms := kmsClient(t)
		for _, rows := range []provider{
			directKMS(t, "most recent, MetaStore, Direct KMS", kms, createKey(t, kms), nil),
			wrappedAES(t, "most recent, MetaStore, wrapped AES", 32, hmacSigning(t, "HmacSHA256")),
		} {
			t.Run(rows.name, func(t *testing.T) {
				m := newMetaTable(t, l, fmt.Sprintf("interop-meta-%s-%s", l.name, rows.spec.Kind), rows, actionsSpec{})
				for _, material := range []string{"first made by Go", "first made by " + l.name} {
					versions(t, peer, m, m.mostRecent(t, rows.name, material))
				}
			})
		}
	})
}

// versions lets the two sides make the versions of a material in turns. Under each of them items cross in both directions.
func versions(t *testing.T, peer *peer, m metaTable, p mostRecentProvider) {
	t.Helper()
	const count = 4
	g := newGenerator(peer.library, m.table+p.spec.MaterialName)
	var kept []func()
	for version := range count {
		byGo := (p.spec.MaterialName == "first made by Go") == (version%2 == 0)
		if version > 0 {
			rotate(t, peer, m, p, byGo, version)
		}
		for i := range (itemsEach + 2*count - 1) / (2 * count) { // of each of two materials
			s, item := g.item(p.provider, "interop-most-recent")
			cross := []func(){func() { goWrites(t, peer, s, item) }, func() { peerWrites(t, peer, s, item) }}
			if !byGo {
				cross[0], cross[1] = cross[1], cross[0]
			}
			// The first item under a name makes its version 0.
			for _, one := range cross {
				one()
			}
			if i == 0 {
				kept = append(kept, keep(t, peer, s, item, version))
			}
		}
		m.requireRows(t, p.spec.MaterialName, version+1)
	}
	p.caching.Refresh()
	peer.mustAsk(t, request{Op: "refresh", Provider: &p.spec})
	for _, read := range kept {
		read()
	}
	m.requireRows(t, p.spec.MaterialName, count)
}

func rotate(t *testing.T, peer *peer, m metaTable, p mostRecentProvider, byGo bool, version int) {
	t.Helper()
	r := request{Op: "rotate", Provider: &p.spec}
	if byGo {
		made, err := m.store.Rotate(t.Context(), p.spec.MaterialName)
		require.NoError(t, err)
		require.EqualValues(t, version, made)
		r.Op = "refresh"
	}
	peer.mustAsk(t, r)
	p.caching.Refresh()
}

// keep has both sides write an item, and returns what reads both again once later versions are there.
func keep(t *testing.T, peer *peer, s setup, item encryptor.Item, version int) (read func()) {
	t.Helper()
	byPeer := encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item)
	byGo, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)
	id := fmt.Sprintf("%s#%d", s.provider.spec.MaterialName, version)
	require.Contains(t, string(description(t, byPeer)), id)
	require.Contains(t, string(description(t, byGo)), id)
	return func() {
		t.Helper()
		got, err := s.encryptor(t, inDefaultOrder).Decrypt(t.Context(), byPeer)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(got))
		results.add(peer.library, s.provider.name, peerToGo)
		answer := peer.mustAsk(t, s.request("decrypt", byGo))
		require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(answer.Item)))
		results.add(peer.library, s.provider.name, goToPeer)
	}
}

// TestJavaMetaStoreExtraData: Java's rows may have further attributes, some of them only signed. Each side makes a
// row with them, and the other reads it.
func TestJavaMetaStoreExtraData(t *testing.T) {
	peer := java.start(t)
	kms := kmsClient(t)
	rows := directKMS(t, "MetaStore with Java's extra data", kms, createKey(t, kms), nil)
	extra := encryptor.Item{"tenant": text("a tenant"), "note": text("a secret")}
	signedOnly := actionsSpec{Overrides: map[string]actions.CryptoAction{"tenant": actions.SignOnly}}
	m := newMetaTable(t, java, "interop-meta-extra", rows, signedOnly, func(o *metastore.Options) {
		o.Extra = func(context.Context, string, int64) (encryptor.Item, error) { return extra, nil }
	})
	p := m.mostRecent(t, rows.name, "material")
	p.spec.Extra, p.spec.ExtraSignedOnly = vectors.Item(extra), []string{"tenant"}
	g := newGenerator(java, m.table)
	for version := range 2 {
		s, item := g.item(p.provider, "interop-extra")
		if version == 0 {
			peerWrites(t, peer, s, item) // makes version 0
			goWrites(t, peer, s, item)
		} else {
			rotate(t, peer, m, p, true, version)
			goWrites(t, peer, s, item)
			peerWrites(t, peer, s, item)
		}
	}
	m.requireRows(t, "material", 2)
	stored, err := m.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &m.table})
	require.NoError(t, err)
	for _, row := range stored.Items {
		require.Equal(t, extra["tenant"], row["tenant"])
		require.NotEqual(t, extra["note"], row["note"])
	}

	// C7: whoever does not know that an attribute is only signed cannot read the row.
	unaware := m
	unaware.actions = actionsSpec{}
	store, err := metastore.New(unaware.encryptedTable(t, m.client))
	require.NoError(t, err)
	_, err = store.Provider(t.Context(), "material", 0)
	require.ErrorIs(t, err, metastore.ErrRow)
	results.add(java, differences, peerToGo)
}

// TestJavaMetaStoreReplicate: a version that one side has copied to another table is read there by the other side.
func TestJavaMetaStoreReplicate(t *testing.T) {
	peer := java.start(t)
	kms := kmsClient(t)
	rows := directKMS(t, "MetaStore, replicated", kms, createKey(t, kms), nil)
	from := newMetaTable(t, java, "interop-meta-from", rows, actionsSpec{})
	p := from.mostRecent(t, rows.name, "material")
	g := newGenerator(java, from.table)
	s, item := g.item(p.provider, "interop-replicated")
	byJava := encryptor.Item(peer.mustAsk(t, s.request("encrypt", item)).Item)
	byGo, err := s.encryptor(t).Encrypt(t.Context(), item)
	require.NoError(t, err)

	toByJava := newMetaTable(t, java, "interop-meta-to-by-java", rows, actionsSpec{})
	peer.mustAsk(t, request{Op: "replicate", Provider: &p.spec, Version: 0, Target: toByJava.table})
	s.provider = toByJava.mostRecent(t, rows.name, "material").provider
	for _, stored := range []encryptor.Item{byJava, byGo} {
		got, err := s.encryptor(t).Decrypt(t.Context(), stored)
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(got))
		results.add(java, rows.name, peerToGo)
	}

	toByGo := newMetaTable(t, java, "interop-meta-to-by-go", rows, actionsSpec{})
	require.NoError(t, from.store.Replicate(t.Context(), "material", 0, toByGo.store))
	s.provider = toByGo.mostRecent(t, rows.name, "material").provider
	for _, stored := range []encryptor.Item{byJava, byGo} {
		got := peer.mustAsk(t, s.request("decrypt", stored)).Item
		require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(got)))
		results.add(java, rows.name, goToPeer)
	}
}
