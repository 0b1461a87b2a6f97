// Package encryptor encrypts, signs, verifies and decrypts DynamoDB items in the
// format of the DynamoDB Encryption Client (DDBEC), as Python and Java write it.
//
// Most programs want [NewEncryptedTable]: it asks DynamoDB for the table's keys
// and has the methods of *dynamodb.Client for items, with plaintext on this side
// and ciphertext on the other.
//
//	provider, err := materials.NewDirectKMSProvider(kms.NewFromConfig(cfg), keyARN)
//	…
//	table, err := encryptor.NewEncryptedTable(ctx, dynamodb.NewFromConfig(cfg), "customers", provider)
//	…
//	_, err = table.PutItem(ctx, &dynamodb.PutItemInput{Item: item})
//
// Programs that have items and no DynamoDB client, and those that may not call
// DescribeTable, want [New], whose [ItemEncryptor] works on single items;
// [NewTable] puts a table over it.
//
// [NewEncryptedClient] is for several tables, [Middleware] for programs that hand
// a *dynamodb.Client around.
//
// By default every attribute is encrypted and signed, but for the primary key,
// which is signed. [Options.Actions] says otherwise, attribute by attribute.
// Names of attributes, the primary key, and whatever is SIGN_ONLY or DO_NOTHING
// stay readable in the table.
//
// A reader must be configured with the actions of the writer, since items do not
// say how they were made: see [Options.PreviousActions] for how to change them.
package encryptor
