package interop

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

// TestPythonUsersProgram runs a Python program as a user has it, which knows nothing of this test: what it puts Go reads, and then it
// reads what Go has put.
func TestPythonUsersProgram(t *testing.T) {
	python.program(t, "table_story.py") // skips without the library
	client, kms := dynamoDBClient(t), kmsClient(t)
	keyARN := createKey(t, kms)
	s := setup{
		provider: directKMS(t, "the users' own program", kms, keyARN, nil), table: "users-program",
		partitionKey: "partition_attribute", sortKey: "sort_attribute",
		actions: actionsSpec{Overrides: map[string]actions.CryptoAction{"leave me": actions.DoNothing}},
	}
	createTable(t, client, s, types.ScalarAttributeTypeS, types.ScalarAttributeTypeN)
	item := encryptor.Item{
		"partition_attribute": &types.AttributeValueMemberS{Value: "is this"},
		"sort_attribute":      &types.AttributeValueMemberN{Value: "55"},
		"example":             &types.AttributeValueMemberS{Value: "data"},
		"some numbers":        &types.AttributeValueMemberN{Value: "99"},
		"and some binary":     &types.AttributeValueMemberB{Value: []byte{0x00, 0x01, 0x02}},
		"leave me":            &types.AttributeValueMemberS{Value: "alone"},
	}
	program := func(mode string) {
		out, err := python.program(t, "table_story.py", mode, s.table, keyARN).CombinedOutput()
		require.NoError(t, err, "table_story.py %s:\n%s", mode, out)
		t.Logf("table_story.py %s:\n%s", mode, out)
	}

	program("write")
	table := s.encryptedTable(t, client)
	got, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: s.keyOf(item)})
	require.NoError(t, err)
	require.Equal(t, vectors.Text(item), vectors.Text(got.Item))
	results.add(python, s.provider.name, peerToGo)

	_, err = table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{Key: s.keyOf(item)})
	require.NoError(t, err)
	_, err = table.PutItem(t.Context(), &dynamodb.PutItemInput{Item: item})
	require.NoError(t, err)
	program("read")
	results.add(python, s.provider.name, goToPeer)
}
