// Package ddbtest is a DynamoDB for tests and examples. It runs in the process of
// the test, keeps its tables in memory, and is spoken to by the real client of the
// AWS SDK:
//
//	server := ddbtest.NewServer()
//	defer server.Close()
//	client := server.Client() // a *dynamodb.Client
//
// Inside a testing/synctest bubble it starts no goroutine and takes no real time.
// [Server.Calls] tells which requests arrived.
//
// # Making it misbehave
//
// It behaves as badly as the real service may when a test asks it to:
//
//   - [Server.FailNext]: a request fails and has no effect; [Server.LoseNext]: it
//     has its effect, but the answer is lost.
//   - [Server.BeforeNext] and [Server.AfterNext]: something else happens first, or
//     before the answer leaves, such as another writer.
//   - [Server.SetUnprocessed] and [Server.UnprocessedNext]: a batch is done in part.
//   - [Server.SetPageSize], [Server.SetStaleReads], [Server.SetLatency]: short
//     pages, reads of the past, slow answers.
//   - [Server.Tamper]: a stored item changes behind everybody's back.
//
// [Server.URL] gives an endpoint for other processes. Signatures of requests are
// not verified, and every caller is the same account in us-east-1.
//
// # What it does
//
// CreateTable (the table is ACTIVE at once), DescribeTable, DeleteTable, ListTables,
// PutItem, GetItem, UpdateItem, DeleteItem, Query and Scan, BatchGetItem and
// BatchWriteItem, TransactGetItems and TransactWriteItems, with local and global
// secondary indexes of every projection. Wherever a table is named it may be by an
// ARN of the server's own region and account.
//
// Condition, filter, key condition, projection and update expressions are evaluated
// in full, with DynamoDB's reserved words and its limits (4 KB for an expression,
// 300 operators and functions in it, 2 MB for all names and values), except that
// parentheses may stand around conditions only, not around operands.
//
// A batch is held to 25 writes, or to 100 keys and 16 MB of items; what is left
// undone comes back with numbers in canonical form, and answers have no order. A
// transaction has up to 100 actions and 4 MB, happens as a whole or not at all, and
// is idempotent for 10 minutes under its ClientRequestToken. As the server does one
// thing at a time, transactions never conflict.
//
// Items are held to DynamoDB's rules: key attributes present, of their type and not
// empty, 409,600 bytes for an item, 65,535 for the name of an attribute, 32 levels of
// nesting, 38 digits for a number, no empty sets or duplicates. Numbers come back in canonical form. The members of a set
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
// ConditionalOperator, AttributeUpdates, KeyConditions, QueryFilter, ScanFilter,
// AttributesToGet), streams, tags, encryption settings, vector indexes, keys of more
// than two attributes, consumed capacity and item collection metrics. There is no
// PartiQL. There are no throughput limits, and indexes
// are up to date at once; see [Server.FailNext] and [Server.SetStaleReads] for how
// to test what a caller does otherwise.
//
// Where DynamoDB's documentation leaves something open, the length of a string for
// the size function is that of its UTF-8 bytes.
package ddbtest
