package interop

import "github.com/ddbec/ddbec-go/encryptor"

// exceptions is what the servers lack, and nothing else: an operation that begins
// to work there fails the test until its line goes.
var exceptions = []exception{
	{onDynoxide, "Table ARN as its name: items", "takes no ARN for a table's name", "[a-zA-Z0-9_.-]+"},
	{onDynoxide, "Table ARN as its name: batches", "takes no ARN for a table's name", "[a-zA-Z0-9_.-]+"},
	{onDynoxide, "Table ARN as its name: transactions", "takes no ARN for a table's name", "[a-zA-Z0-9_.-]+"},

	{onMinistack, "Query: local index, ALL_ATTRIBUTES", "gives the projected attributes only", encryptor.ErrUnsigned.Error()},
	{onMinistack, "BatchGetItem: 16 MB, the rest unprocessed", "answers have no limit in bytes", "an answer has at most 16 MB"},
	{onMinistack, "Number key read in any spelling", "compares number keys as text", "100.0 is the key 100"},

	{onMoto, "PutItem: almost too large", "its limit is 405,000 bytes, DynamoDB's 409,600", "Item size has exceeded the maximum allowed size"},
	{onMoto, "Query: local index, ALL_ATTRIBUTES", "gives the projected attributes only", encryptor.ErrUnsigned.Error()},
	{onMoto, "TransactWriteItems: token, nothing encrypted", "ignores ClientRequestToken", "done once"},
	{onMoto, "TransactWriteItems: token, put encrypted again", "ignores ClientRequestToken", "but got nil"},
	{onMoto, "TransactWriteItems: answer lost, sent again by the SDK", "ignores ClientRequestToken", "[None, ConditionalCheckFailed]"},
	{onMoto, "TransactGetItems: projection of a plaintext item", "ignores ProjectionExpression in a transaction", "for everybody"},
	{onMoto, "Modify: 16 writers and a counter", "an update is not atomic among its threads: others find items half changed", ""},
	{onMoto, "Numbers are stored in canonical spelling", "keeps numbers as they are written", "Value:\"-0\""},
}
