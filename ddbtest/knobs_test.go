package ddbtest_test

import (
	"testing"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestForgetCalls(t *testing.T) {
	t.Parallel()
	server, client := startWithTable(t)
	ids := map[string]bool{}
	for range 2 {
		out, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
		require.NoError(t, err)
		id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
		require.True(t, ok)
		assert.False(t, ids[id], "request ids stay different")
		ids[id] = true
		server.ForgetCalls()
		assert.Empty(t, server.Calls())
	}
	assert.Equal(t, map[string]types.AttributeValue(nil), get(t, client, "a", "1"), "nothing else is forgotten, nor made up")
	assert.Equal(t, []string{"GetItem"}, server.Calls())
}
