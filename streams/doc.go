// Package streams reads encrypted items from DynamoDB Streams: in a Lambda
// function, as events of github.com/aws/aws-lambda-go, and as records of the SDK's
// package dynamodbstreams.
//
// Most programs want [DecryptEventRecord] (Lambda) or [DecryptStreamRecord]
// (GetRecords), which give a record's images as plaintext:
//
//	items, err := encryptor.New(provider, table, …)
//	…
//	for _, event := range event.Records {
//		record, err := streams.DecryptEventRecord(ctx, items, event)
//		…
//		fmt.Println(record.EventName, record.Old, record.New)
//	}
//
// Those who need the conversion alone call [FromEvent] and [FromStream], and for
// the other direction, in tests above all, [ToEvent] and [ToStream]. Conversions
// copy: no result shares memory with what it was made from. They do not panic,
// whatever the value, and keep numbers as they are written.
//
// # What is verified
//
// Each image is an item with a signature and is verified as one that was read from
// the table. The rest of a record is the service's word: its name, its order, its
// keys, and whether it has one image, both or none. The encryption context for KMS
// is made from the table of the codec, never from the record.
package streams
