package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// tableItemsEach is the number of items that each side puts into a table.
const tableItemsEach = 25

// keyOf is what a request names an item by.
func (s setup) keyOf(item encryptor.Item) encryptor.Item {
	key := encryptor.Item{s.partitionKey: item[s.partitionKey]}
	if s.sortKey != "" {
		key[s.sortKey] = item[s.sortKey]
	}
	return key
}

func (s setup) keyRequest(op string, key encryptor.Item) request {
	r := s.request(op, nil)
	r.Key = vectors.Item(key)
	return r
}

func (s setup) encryptedTable(t *testing.T, client *dynamodb.Client) *encryptor.EncryptedTable {
	t.Helper()
	table, err := encryptor.NewEncryptedTable(t.Context(), client, s.table, s.provider.ours, func(o *encryptor.Options) {
		o.Actions = actions.AttributeActions{Default: s.actions.Default, Overrides: s.actions.Overrides}
		o.UnsignedKeys = s.unsignedKeys
		o.Order = s.order
	})
	require.NoError(t, err)
	return table
}

// createTable makes a table whose keys have the types partition and sort; sort "": no sort key.
func createTable(t *testing.T, client *dynamodb.Client, s setup, partition, sort types.ScalarAttributeType) {
	t.Helper()
	in := &dynamodb.CreateTableInput{
		TableName: &s.table, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: &s.partitionKey, KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: &s.partitionKey, AttributeType: partition}},
	}
	if sort != "" {
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: &s.sortKey, KeyType: types.KeyTypeRange})
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &s.sortKey, AttributeType: sort})
	}
	_, err := client.CreateTable(t.Context(), in)
	require.NoError(t, err)
	t.Cleanup(func() {
		// t.Context() has ended by now.
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &s.table})
		require.NoError(t, err)
	})
}

// TestTables: both sides on one table, which each of them fills, reads, queries, scans and empties.
func TestTables(t *testing.T) {
	withEach(t, func(t *testing.T, l *library) { tables(t, l.start(t)) })
}

func tables(t *testing.T, peer *peer) {
	t.Helper()
	client, kms := dynamoDBClient(t), kmsClient(t)
	keyARN := createKey(t, kms)
	mac := hmacSigning(t, "HmacSHA256")
	for i, c := range []struct {
		provider        provider
		partition, sort types.ScalarAttributeType
		byDefault       actions.CryptoAction
	}{
		{directKMS(t, "table, Direct KMS, keys S and N", kms, keyARN, nil), "S", "N", actions.EncryptAndSign},
		{directKMS(t, "table, Direct KMS, key B", kms, keyARN, nil), "B", "", actions.EncryptAndSign},
		{directKMS(t, "table, Direct KMS, keys N and B", kms, keyARN, nil), "N", "B", actions.SignOnly},
		{directKMS(t, "table, Direct KMS, nothing done by default", kms, keyARN, nil), "S", "N", actions.DoNothing},
		{wrappedAES(t, "table, wrapped AES, keys S and S", 32, mac), "S", "S", actions.EncryptAndSign},
	} {
		t.Run(c.provider.name, func(t *testing.T) {
			s := setup{
				provider: c.provider, table: fmt.Sprintf("interop-%s-%d", peer.library.name, i), partitionKey: "partition",
				actions: actionsSpec{Default: c.byDefault, Overrides: map[string]actions.CryptoAction{}},
				order:   peer.library.order,
				// Python leaves keys unsigned then.
				unsignedKeys: peer.library == python && c.byDefault == actions.DoNothing,
			}
			if c.sort != "" {
				s.sortKey = "sort"
			}
			createTable(t, client, s, c.partition, c.sort)
			g := newGenerator(peer.library, s.table)
			g.tables = true
			byPeer, byGo := g.tableItems(&s, c.partition, c.sort, "p"), g.tableItems(&s, c.partition, c.sort, "g")
			table := s.encryptedTable(t, client)
			for _, item := range byPeer {
				peer.mustAsk(t, s.request("put", item))
			}
			for _, item := range byGo {
				_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
				require.NoError(t, err)
			}
			all := append(append([]encryptor.Item{}, byPeer...), byGo...)
			requireStoredInTable(t, client, s, all)
			readByGo(t, peer.library, table, s, byPeer, all)
			readByPeer(t, peer, s, byGo, all)
			deleteAll(t, peer, table, client, s, byPeer, byGo)
		})
	}
}

// tableItems makes items that a table takes. Their keys do not clash: each has its origin and its number in it.
// Numbers in keys are spelled as DynamoDB spells them, which moto would not do. No set is empty, not even in a ciphertext:
// in boto3's native types an empty set does not say what it is a set of.
func (g generator) tableItems(s *setup, partition, sort types.ScalarAttributeType, origin string) []encryptor.Item {
	items := make([]encryptor.Item, tableItemsEach)
	sign := map[string]string{"p": "-", "g": ""}[origin]
	keyValue := func(kind types.ScalarAttributeType, i int) types.AttributeValue {
		switch kind {
		case types.ScalarAttributeTypeN:
			return &types.AttributeValueMemberN{Value: fmt.Sprintf("%s%d.5", sign, i)}
		case types.ScalarAttributeTypeB:
			return &types.AttributeValueMemberB{Value: append([]byte{0x00, 0xff, byte(i), origin[0]}, g.bytes(3)...)}
		default:
			return &types.AttributeValueMemberS{Value: fmt.Sprintf("%s #%d \U0001f600", origin, i)}
		}
	}
	for i := range items {
		// A table has one set of actions for all its items: names come from a few, and those decide.
		item := encryptor.Item{s.partitionKey: keyValue(partition, i)}
		if sort != "" {
			item[s.sortKey] = keyValue(sort, i+1)
		}
		for _, rule := range tableActions {
			s.actions.Overrides[rule.name] = rule.action
			if g.IntN(4) > 0 {
				item[rule.name] = g.value(false, 3)
			}
		}
		item["by default"] = g.value(false, 3)
		items[i] = item
	}
	return items
}

var tableActions = []struct {
	name   string
	action actions.CryptoAction
}{
	{"secret", actions.EncryptAndSign},
	{"also secret", actions.EncryptAndSign},
	{"\uff5e", actions.EncryptAndSign},
	{"signed", actions.SignOnly},
	{"also signed", actions.SignOnly},
	{"\U0001f600", actions.SignOnly},
	{"free", actions.DoNothing},
}

// byKey indexes items by their keys.
func byKey(s setup, items []encryptor.Item) map[string]string {
	index := map[string]string{}
	for _, item := range items {
		index[vectors.Text(s.keyOf(item))] = vectors.Text(item)
	}
	return index
}

func requireStoredInTable(t *testing.T, client *dynamodb.Client, s setup, items []encryptor.Item) {
	t.Helper()
	for _, item := range items {
		raw, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &s.table, Key: s.keyOf(item)})
		require.NoError(t, err)
		requireStored(t, s, item, raw.Item)
	}
}

func readByGo(t *testing.T, l *library, table *encryptor.EncryptedTable, s setup, byPeer, all []encryptor.Item) {
	t.Helper()
	for _, item := range byPeer {
		got, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: s.keyOf(item), ConsistentRead: aws.Bool(true)})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(got.Item))
		results.add(l, s.provider.name, peerToGo)

		found, err := table.Query(t.Context(), &dynamodb.QueryInput{
			KeyConditionExpression:    aws.String("#k = :k"),
			ExpressionAttributeNames:  map[string]string{"#k": s.partitionKey},
			ExpressionAttributeValues: map[string]types.AttributeValue{":k": item[s.partitionKey]},
		})
		require.NoError(t, err)
		require.Equal(t, byKey(s, []encryptor.Item{item}), byKey(s, found.Items))
		results.add(l, s.provider.name, peerToGo)
	}
	var scanned []encryptor.Item
	pages := dynamodb.NewScanPaginator(table, &dynamodb.ScanInput{TableName: &s.table, Limit: aws.Int32(7)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		scanned = append(scanned, page.Items...)
	}
	require.Len(t, scanned, len(all))
	require.Equal(t, byKey(s, all), byKey(s, scanned))
	results.add(l, s.provider.name, peerToGo)
}

func readByPeer(t *testing.T, peer *peer, s setup, byGo, all []encryptor.Item) {
	t.Helper()
	for _, item := range byGo {
		got := peer.mustAsk(t, s.keyRequest("get", s.keyOf(item))).Item
		require.Equal(t, vectors.Text(item), vectors.Text(encryptor.Item(got)))
		results.add(peer.library, s.provider.name, goToPeer)

		key := encryptor.Item{s.partitionKey: item[s.partitionKey]}
		found := peer.mustAsk(t, s.keyRequest("query", key)).Items
		require.Equal(t, byKey(s, []encryptor.Item{item}), byKey(s, itemsOf(found)))
		results.add(peer.library, s.provider.name, goToPeer)
	}
	scanned := peer.mustAsk(t, s.request("scan", nil)).Items
	require.Len(t, scanned, len(all))
	require.Equal(t, byKey(s, all), byKey(s, itemsOf(scanned)))
	results.add(peer.library, s.provider.name, goToPeer)
}

// deleteAll lets each side delete what the other has written. Go asks for the old image, and gets it decrypted.
func deleteAll(t *testing.T, peer *peer, table *encryptor.EncryptedTable, client *dynamodb.Client, s setup, byPeer, byGo []encryptor.Item) {
	t.Helper()
	for _, item := range byPeer {
		old, err := table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: s.keyOf(item), ReturnValues: types.ReturnValueAllOld})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(item), vectors.Text(old.Attributes))
		results.add(peer.library, s.provider.name, peerToGo)
	}
	for _, item := range byGo {
		peer.mustAsk(t, s.keyRequest("delete", s.keyOf(item)))
		require.Nil(t, peer.mustAsk(t, s.keyRequest("get", s.keyOf(item))).Item)
		results.add(peer.library, s.provider.name, goToPeer)
	}
	left, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &s.table})
	require.NoError(t, err)
	require.Empty(t, left.Items)
}

func itemsOf(list []vectors.Item) []encryptor.Item {
	items := make([]encryptor.Item, len(list))
	for i, item := range list {
		items[i] = encryptor.Item(item)
	}
	return items
}
