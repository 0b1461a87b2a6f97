package ddbtest

import (
	"maps"
	"slices"
)

// The parameters of the batch operations. Tables are named by their name or
// ARN, and the answer has them as the request does.
type (
	batchGetInput struct {
		accountingInput
		RequestItems map[string]batchKeys
	}
	batchKeys struct {
		projectionInput
		Keys           []rawItem
		ConsistentRead *bool
	}
	batchWriteInput struct {
		writeAccountingInput
		RequestItems map[string][]batchWrite
	}
	batchWrite struct {
		PutRequest    *struct{ Item rawItem }
		DeleteRequest *struct{ Key rawItem }
	}
)

// Limits of DynamoDB on a batch.
const (
	maxBatchKeys   = 100
	maxBatchWrites = 25
	maxBatchBytes  = 16 << 20 // of the items that a BatchGetItem reads, before projection
)

// target is an item that a request is about.
type target struct {
	table *table
	id    string
}

// batchRequest is one of the requests of a batch.
type batchRequest struct {
	tableName string // as the request has it
	table     *table
	key       item       // the key attributes; all attributes of a put
	put       bool       // of a BatchWriteItem
	get       *batchKeys // of a BatchGetItem
	proj      *projection
}

// wire is the request as the service repeats it if it was not processed, with
// numbers in canonical form.
func (r batchRequest) wire() any {
	switch {
	case r.get != nil:
		return r.key.wire()
	case r.put:
		return map[string]any{"PutRequest": map[string]any{"Item": r.key.wire()}}
	default:
		return map[string]any{"DeleteRequest": map[string]any{"Key": r.key.wire()}}
	}
}

// batchOf finds the tables of a batch, lists its requests, in the order of the
// table names and for each table in that of the request, and refuses two for
// one item.
func batchOf[R any](db *database, items map[string]R, requests func(name string, r R) ([]batchRequest, error)) ([]batchRequest, error) {
	var out []batchRequest
	for _, name := range slices.Sorted(maps.Keys(items)) {
		list, err := requests(name, items[name])
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	seen := map[target]bool{}
	for i := range out {
		r := &out[i]
		var err error
		if r.table, err = db.table(&r.tableName); err != nil {
			return nil, err
		}
		if err := r.check(); err != nil {
			return nil, err
		}
		to := target{r.table, r.table.id(r.key)}
		if seen[to] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[to] = true
	}
	return out, nil
}

// check holds the request to the schema of its table. Unlike PutItem, a batch
// does not say which key attribute a put lacks.
func (r batchRequest) check() error {
	if !r.put {
		return r.table.checkRead(r.key, r.proj)
	}
	if err := r.table.checkKey(r.table.key.extract(r.key)); err != nil {
		return err
	}
	return r.table.checkItem(r.key)
}

func (db *database) batchWriteItem(in *batchWriteInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := checkBatchSize("requestItems", in.RequestItems, maxBatchWrites, func(l []batchWrite) int { return len(l) }); err != nil {
		return nil, err
	}
	requests, err := batchOf(db, in.RequestItems, func(name string, list []batchWrite) ([]batchRequest, error) {
		var out []batchRequest
		for _, w := range list {
			r, err := w.request(name)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	unprocessed := map[string][]any{}
	left := db.unprocessed.choose("BatchWriteItem", len(requests))
	for i, r := range requests {
		switch {
		case left[i]:
			unprocessed[r.tableName] = append(unprocessed[r.tableName], r.wire())
		case r.put:
			r.table.store(r.key, r.key)
		default:
			r.table.store(r.key, nil)
		}
	}
	for name, list := range unprocessed {
		unprocessed[name] = shuffled(list)
	}
	return map[string]any{"UnprocessedItems": unprocessed}, nil
}

func (w batchWrite) request(tableName string) (batchRequest, error) {
	r := batchRequest{tableName: tableName, put: w.PutRequest != nil}
	var err error
	switch {
	case (w.PutRequest == nil) == (w.DeleteRequest == nil):
		return r, invalid("Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest")
	case r.put:
		if r.key, err = required("requestItems.member.putRequest.item", w.PutRequest.Item); err == nil {
			err = r.key.checkSize()
		}
	default:
		r.key, err = required("requestItems.member.deleteRequest.key", w.DeleteRequest.Key)
	}
	return r, err
}

func (db *database) batchGetItem(in *batchGetInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := checkBatchSize("requestItems", in.RequestItems, maxBatchKeys, func(k batchKeys) int { return len(k.Keys) }); err != nil {
		return nil, err
	}
	requests, err := batchOf(db, in.RequestItems, func(name string, options batchKeys) ([]batchRequest, error) {
		proj, err := options.parse()
		if err != nil {
			return nil, err
		}
		var out []batchRequest
		for _, raw := range options.Keys {
			key, err := required("requestItems.member.keys.member", raw)
			if err != nil {
				return nil, err
			}
			out = append(out, batchRequest{tableName: name, key: key, get: &options, proj: proj})
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}

	responses := map[string][]any{}
	unread := map[string][]any{}
	left := db.unprocessed.choose("BatchGetItem", len(requests))
	size, full := 0, false
	for i, r := range requests {
		if responses[r.tableName] == nil {
			responses[r.tableName] = []any{}
		}
		consistent := r.get.ConsistentRead != nil && *r.get.ConsistentRead
		it, ok := r.table.snapshot(consistent)[r.table.id(r.key)]
		if !left[i] && ok && !full {
			size += it.size()
			full = size > maxBatchBytes
		}
		switch {
		case left[i] || full:
			unread[r.tableName] = append(unread[r.tableName], r.wire())
		case ok:
			responses[r.tableName] = append(responses[r.tableName], r.proj.of(it).wire())
		}
	}
	for name, list := range responses {
		responses[name] = shuffled(list)
	}
	unprocessed := map[string]any{}
	for name, keys := range unread {
		unprocessed[name] = in.RequestItems[name].with(shuffled(keys))
	}
	return map[string]any{"Responses": responses, "UnprocessedKeys": unprocessed}, nil
}

// with repeats the parameters with other keys, in the form of the wire.
func (k batchKeys) with(keys []any) map[string]any {
	out := map[string]any{"Keys": keys}
	if k.ConsistentRead != nil {
		out["ConsistentRead"] = *k.ConsistentRead
	}
	if k.ProjectionExpression != nil {
		out["ProjectionExpression"] = *k.ProjectionExpression
	}
	if k.ExpressionAttributeNames != nil {
		out["ExpressionAttributeNames"] = k.ExpressionAttributeNames
	}
	return out
}

// checkBatchSize applies the limits on the number of requests: none for a table
// is too few, and all tables together share the maximum.
func checkBatchSize[R any](parameter string, items map[string]R, most int, size func(R) int) error {
	if items == nil {
		return missing(parameter)
	}
	const detected = "1 validation error detected: Value at '%s' failed to satisfy constraint: "
	if len(items) == 0 {
		return invalid(detected+"Member must have length greater than or equal to 1", parameter)
	}
	total := 0
	for _, list := range items {
		n := size(list)
		total += n
		if n == 0 || total > most {
			return invalid(detected+"Map value must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to 1]",
				parameter, most)
		}
	}
	return nil
}
