// Package ddbtest is a DynamoDB for tests and examples. It runs in the process of
// the test, keeps its tables in memory, and is spoken to by the real client of the
// AWS SDK:
//
//	server := ddbtest.NewServer()
//	defer server.Close()
//	client := server.Client() // a *dynamodb.Client
//
// Inside a testing/synctest bubble it starts no goroutine and takes no real time.
// [Server.FailNext], [Server.SetLatency], [Server.SetPageSize] and
// [Server.SetStaleReads] make it behave as badly as the real service may, and
// [Server.Calls] tells which requests arrived.
//
// [Server.URL] gives an endpoint for other processes. Signatures of requests are
// not verified, and every caller is the same account in us-east-1.
//
// # What it does
//
// CreateTable (the table is ACTIVE at once), DescribeTable, DeleteTable, ListTables,
// PutItem, GetItem, DeleteItem, Query and Scan, with local and global secondary
// indexes of every projection. TableName may be an ARN of the server's own region
// and account.
//
// Condition, filter, key condition and projection expressions are evaluated in full,
// with DynamoDB's reserved words and its limits, except that parentheses may stand
// around conditions only, not around operands.
//
// Items are held to DynamoDB's rules: key attributes present, of their type and not
// empty, 409,600 bytes for an item, 32 levels of nesting, 38 digits for a number, no
// empty sets or duplicates. Numbers come back in canonical form. The members of a set
// come back in an order that is never the one in which they were written.
//
// A page of a Query or Scan that reached its limit has a LastEvaluatedKey even if
// nothing follows. Error codes are DynamoDB's; their messages are near to it.
//
// # What it does not do
//
// It never accepts quietly what it does not know. An operation that is not in the
// list above is an UnknownOperationException. A parameter that it does not have is
// a ValidationException that names it: so are the legacy parameters (Expected,
// ConditionalOperator, KeyConditions, QueryFilter, ScanFilter, AttributesToGet),
// streams, tags, encryption settings, vector indexes, keys of more than two
// attributes, and consumed capacity. There are no throughput limits, and indexes
// are up to date at once; see [Server.FailNext] and [Server.SetStaleReads] for how
// to test what a caller does otherwise.
//
// Where DynamoDB's documentation leaves something open, the length of a string for
// the size function is that of its UTF-8 bytes.
package ddbtest
