package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// mapperCustomer is Customer.java with struct tags: what an annotation says there, a tag says here. Java neither encrypts nor signs an
// attribute that its class does not have; the tags of this struct, which has them all, need not say so.
type mapperCustomer struct {
	ID           string                `dynamodbav:"id" ddbec:"SIGN_ONLY"`                // @DynamoDBHashKey
	Since        int64                 `dynamodbav:"since" ddbec:"SIGN_ONLY"`             // @DynamoDBRangeKey
	Version      int64                 `dynamodbav:"version,omitempty" ddbec:"SIGN_ONLY"` // @DynamoDBVersionAttribute
	Name         string                `dynamodbav:"name,omitempty"`
	Age          *int                  `dynamodbav:"age,omitempty"`
	Balance      attributevalue.Number `dynamodbav:"balance,omitempty"`
	Active       *bool                 `dynamodbav:"active,omitempty"`
	Photo        []byte                `dynamodbav:"photo,omitempty"`
	Tags         []string              `dynamodbav:"tags,stringset,omitempty"`
	Scores       []int64               `dynamodbav:"scores,numberset,omitempty"`
	Fingerprints [][]byte              `dynamodbav:"fingerprints,binaryset,omitempty"`
	Home         *mapperAddress        `dynamodbav:"home,omitempty"`
	Deliveries   []mapperAddress       `dynamodbav:"deliveries,omitempty"`
	Notes        map[string]string     `dynamodbav:"notes,omitempty"`
	Country      string                `dynamodbav:"country,omitempty" ddbec:"SIGN_ONLY"`          // @DoNotEncrypt
	Badges       [][]byte              `dynamodbav:"badges,binaryset,omitempty" ddbec:"SIGN_ONLY"` // @DoNotEncrypt
	Visits       int64                 `dynamodbav:"visits,omitempty" ddbec:"DO_NOTHING"`          // @DoNotTouch
}

type mapperAddress struct {
	Street string `dynamodbav:"street,omitempty"`
	Number int    `dynamodbav:"number"`
}

// mapperItemsEach is the number of customers that each side saves.
const mapperItemsEach = 50

func (g generator) customer(id string, since int) mapperCustomer {
	c := mapperCustomer{ID: id, Since: int64(since), Name: g.text(12), Country: g.text(4), Visits: g.Int64N(1000)}
	if g.IntN(2) == 0 {
		c.Age, c.Active = aws.Int(g.IntN(100)), aws.Bool(g.IntN(2) == 0)
	}
	if g.IntN(4) > 0 {
		c.Balance = attributevalue.Number(fmt.Sprintf("%d.%030d1", g.Int64N(1000)-500, g.Int64()))
		c.Photo = append(g.bytes(40), 0xff)
	}
	if g.IntN(4) > 0 {
		c.Tags = set(g, false, func() string { return "t" + g.text(4) }, func(s string) string { return s })
		c.Scores = set(g, false, func() int64 { return g.Int64() - 1<<62 }, func(n int64) string { return fmt.Sprint(n) })
		c.Fingerprints = set(g, false, func() []byte { return append(g.bytes(3), 0x80) }, func(b []byte) string { return string(b) })
	}
	if g.IntN(3) > 0 {
		c.Badges = [][]byte{{0x01}, {0x7f}, {0x80}, {0xff}} // signed as they are: here the order counts
	}
	address := func() mapperAddress { return mapperAddress{Street: g.text(10), Number: g.IntN(200) - 100} }
	if g.IntN(3) > 0 {
		home := address()
		c.Home, c.Deliveries = &home, []mapperAddress{address(), address()}
		c.Notes = map[string]string{"\uff5e": g.text(5) + ".", "\U0001f600": ".", "n" + g.text(3): "."} // never empty: that is null to the mapper
	}
	return c
}

// TestJavaMapper: the mapper's annotations on one side, struct tags on the other, one table between them. Each side saves customers that
// the other loads, queries and scans, and then saves what the other has written, one version on.
func TestJavaMapper(t *testing.T) {
	peer := java.start(t)
	client, kms := dynamoDBClient(t), kmsClient(t)
	byTags, err := actions.FromStruct[mapperCustomer]()
	require.NoError(t, err)
	for _, p := range []provider{
		directKMS(t, "DynamoDBMapper and struct tags, Direct KMS", kms, createKey(t, kms), nil),
		wrappedAES(t, "DynamoDBMapper and struct tags, wrapped AES", 32, hmacSigning(t, "HmacSHA256")),
	} {
		t.Run(p.name, func(t *testing.T) {
			s := setup{
				provider: p, table: "interop-mapper-" + p.spec.Kind, partitionKey: "id", sortKey: "since",
				actions: actionsSpec{Default: byTags.Default, Overrides: byTags.Overrides}, order: java.order,
			}
			createTable(t, client, s, types.ScalarAttributeTypeS, types.ScalarAttributeTypeN)
			m := mapperTable{setup: s, peer: peer, table: s.encryptedTable(t, client), client: client}
			g := newGenerator(java, s.table)
			for i := range mapperItemsEach {
				byJava, byGo := g.customer(fmt.Sprint("java ", i), i), g.customer(fmt.Sprint("go ", i), i)
				byJava.Version = m.saveByJava(t, byJava)
				require.EqualValues(t, 1, byJava.Version)
				m.loadByGo(t, byJava)
				byGo.Version = 1
				m.saveByGo(t, byGo)
				m.loadByJava(t, byGo)

				byGo.Age = aws.Int(i)
				byGo.Version = m.saveByJava(t, byGo)
				require.EqualValues(t, 2, byGo.Version)
				m.loadByGo(t, byGo)
				byJava.Version++
				byJava.Name = "renamed"
				m.saveByGo(t, byJava)
				m.loadByJava(t, byJava)
			}
			m.scanByBoth(t)
		})
	}
}

// mapperTable is one table, and the two sides of it.
type mapperTable struct {
	setup
	peer   *peer
	table  *encryptor.EncryptedTable
	client *dynamodb.Client
}

func mapperItem(t *testing.T, c mapperCustomer) encryptor.Item {
	t.Helper()
	item, err := attributevalue.MarshalMap(c)
	require.NoError(t, err)
	return item
}

func (m mapperTable) key(c mapperCustomer) encryptor.Item {
	return encryptor.Item{"id": text(c.ID), "since": number(fmt.Sprint(c.Since))}
}

func (m mapperTable) saveByJava(t *testing.T, c mapperCustomer) (version int64) {
	t.Helper()
	saved := m.peer.mustAsk(t, m.request("mapper_save", mapperItem(t, c))).Item
	var got mapperCustomer
	require.NoError(t, attributevalue.UnmarshalMap(saved, &got))
	m.requireStored(t, got)
	return got.Version
}

func (m mapperTable) saveByGo(t *testing.T, c mapperCustomer) {
	t.Helper()
	_, err := m.table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: mapperItem(t, c)})
	require.NoError(t, err)
	m.requireStored(t, c)
}

// requireStored looks at the table without a key.
func (m mapperTable) requireStored(t *testing.T, c mapperCustomer) {
	t.Helper()
	raw, err := m.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &m.setup.table, Key: m.key(c)})
	require.NoError(t, err)
	requireStored(t, m.setup, mapperItem(t, c), raw.Item)
}

func (m mapperTable) loadByGo(t *testing.T, want mapperCustomer) {
	t.Helper()
	found, err := m.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: m.key(want), ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	require.Equal(t, vectors.Text(mapperItem(t, want)), vectors.Text(found.Item))
	var got mapperCustomer
	require.NoError(t, attributevalue.UnmarshalMap(found.Item, &got))
	require.Equal(t, vectors.Text(mapperItem(t, want)), vectors.Text(mapperItem(t, got)))
	results.add(java, m.provider.name, peerToGo)
}

func (m mapperTable) loadByJava(t *testing.T, want mapperCustomer) {
	t.Helper()
	got := m.peer.mustAsk(t, m.keyRequest("mapper_load", m.key(want))).Item
	require.Equal(t, vectors.Text(mapperItem(t, want)), vectors.Text(encryptor.Item(got)))
	found := m.peer.mustAsk(t, m.keyRequest("mapper_query", encryptor.Item{"id": text(want.ID)})).Items
	require.Len(t, found, 1)
	require.Equal(t, vectors.Text(mapperItem(t, want)), vectors.Text(encryptor.Item(found[0])))
	results.add(java, m.provider.name, goToPeer)
}

func (m mapperTable) scanByBoth(t *testing.T) {
	t.Helper()
	var byGo []encryptor.Item
	for item, err := range m.table.ScanItems(t.Context(), &dynamodb.ScanInput{}) {
		require.NoError(t, err)
		byGo = append(byGo, item)
	}
	byJava := itemsOf(m.peer.mustAsk(t, m.request("mapper_scan", nil)).Items)
	require.Len(t, byGo, 2*mapperItemsEach)
	texts := func(items []encryptor.Item) (all []string) {
		for _, item := range items {
			all = append(all, vectors.Text(item))
		}
		slices.Sort(all)
		return all
	}
	require.Equal(t, texts(byGo), texts(byJava))
	results.add(java, m.provider.name, peerToGo)
	results.add(java, m.provider.name, goToPeer)
}
