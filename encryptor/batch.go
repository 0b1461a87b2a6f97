package encryptor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/quote"
	"github.com/ddbec/ddbec-go/internal/wire"
	"github.com/ddbec/ddbec-go/tableinfo"
)

const (
	opBatchGet   = "BatchGetItem"
	opBatchWrite = "BatchWriteItem"
)

func (c *core) batchGetItem(_ context.Context, params *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemInput, finisher[dynamodb.BatchGetItemOutput], error) {
	in := copyOf(params)
	asked := make(map[*boundTable]askedKeys)
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		t, err := c.route(opBatchGet, &name)
		if err != nil {
			return nil, nil, err
		}
		if t == nil {
			continue
		}
		keys := in.RequestItems[name]
		if err := t.firstError(opBatchGet,
			refuseLegacy(parameter{"AttributesToGet", keys.AttributesToGet != nil}),
			refuseProjection(keys.ProjectionExpression)); err != nil {
			return nil, nil, err
		}
		for i, key := range keys.Keys {
			if err := t.firstError(opBatchGet, t.checkKey(key)); err != nil {
				return nil, nil, at(i, err)
			}
		}
		if asked[t] == nil { // unless it is there by its ARN, too
			asked[t] = make(askedKeys)
		}
		for _, key := range keys.Keys {
			asked[t][keyText(key, t.keys)]++
		}
	}
	return &in, finishing(nil, func(ctx context.Context, out *dynamodb.BatchGetItemOutput) error {
		if err := c.decryptResponses(ctx, out, asked); err != nil {
			return err
		}
		return c.checkUnprocessed(out, asked)
	}), nil
}

func (c *core) decryptResponses(ctx context.Context, out *dynamodb.BatchGetItemOutput, asked map[*boundTable]askedKeys) error {
	responses := maps.Clone(out.Responses)
	for _, name := range slices.Sorted(maps.Keys(responses)) {
		t, err := c.route(opBatchGet, &name)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		for i, stored := range responses[name] {
			if !asked[t].take(keyText(stored, t.keys)) {
				return t.badItem(opBatchGet, i, nil, stored, ErrWrongItem)
			}
		}
		if responses[name], err = t.decryptPage(ctx, opBatchGet, nil, responses[name]); err != nil {
			return err
		}
	}
	out.Responses = responses
	return nil
}

// checkUnprocessed refuses keys that were not asked for: the caller would ask for
// them next.
func (c *core) checkUnprocessed(out *dynamodb.BatchGetItemOutput, asked map[*boundTable]askedKeys) error {
	for _, name := range slices.Sorted(maps.Keys(out.UnprocessedKeys)) {
		t, err := c.route(opBatchGet, &name)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		for _, key := range out.UnprocessedKeys[name].Keys {
			if !asked[t].take(keyText(key, t.keys)) {
				return t.fail(opBatchGet, fmt.Errorf("%w: an unprocessed key", ErrWrongItem))
			}
		}
	}
	return nil
}

func (c *core) batchWriteItem(ctx context.Context, params *dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemInput, finisher[dynamodb.BatchWriteItemOutput], error) {
	in := copyOf(params)
	in.RequestItems = maps.Clone(in.RequestItems)
	sent := make(map[string]*sentBatch) // by bare name
	for _, requested := range slices.Sorted(maps.Keys(in.RequestItems)) {
		t, err := c.route(opBatchWrite, &requested)
		if err != nil {
			return nil, nil, err
		}
		if t == nil {
			continue
		}
		if sent[t.info.Name] != nil {
			return nil, nil, t.fail(opBatchWrite, fmt.Errorf("%w: RequestItems has the table twice, by name and by ARN", ErrUnsupported))
		}
		for i, request := range in.RequestItems[requested] {
			if del := request.DeleteRequest; del != nil {
				if err := t.firstError(opBatchWrite, t.checkKey(del.Key)); err != nil {
					return nil, nil, at(i, err)
				}
			}
		}
		sent[t.info.Name] = &sentBatch{table: t, requested: requested, plain: in.RequestItems[requested]}
	}
	// All are checked before the first is encrypted, which may cost a call.
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		b := sent[name]
		if err := b.encrypt(ctx); err != nil {
			return nil, nil, err
		}
		in.RequestItems[b.requested] = b.encrypted
	}
	return &in, finishing(nil, func(_ context.Context, out *dynamodb.BatchWriteItemOutput) error {
		return c.restoreUnprocessed(out, sent)
	}), nil
}

// sentBatch is what was sent to one table, beside what the caller asked for.
type sentBatch struct {
	table     *boundTable
	requested string // the caller's spelling of the table's name
	plain     []types.WriteRequest
	encrypted []types.WriteRequest
}

// encrypt encrypts the puts, some at a time.
func (b *sentBatch) encrypt(ctx context.Context) error {
	b.encrypted = slices.Clone(b.plain)
	return forEach(len(b.plain), b.table.concurrency, func(i int) error {
		if b.plain[i].PutRequest == nil {
			return nil
		}
		b.encrypted[i].PutRequest = nil // never the plaintext, whatever happens
		encrypted, err := b.table.encryptAt(ctx, opBatchWrite, i, b.plain[i].PutRequest.Item)
		if err != nil {
			return err
		}
		b.encrypted[i].PutRequest = &types.PutRequest{Item: encrypted}
		return nil
	})
}

// restoreUnprocessed puts the caller's own requests in the place of the encrypted
// ones that the service did not process. A retry of what it returned would find
// the items encrypted already.
func (c *core) restoreUnprocessed(out *dynamodb.BatchWriteItemOutput, sent map[string]*sentBatch) error {
	unprocessed := make(map[string][]types.WriteRequest, len(out.UnprocessedItems))
	for _, answered := range slices.Sorted(maps.Keys(out.UnprocessedItems)) {
		requests := out.UnprocessedItems[answered]
		name, err := tableinfo.NameOf(answered)
		if err != nil {
			return c.unknown(opBatchWrite, answered, fmt.Errorf("unprocessed requests: %w", err))
		}
		if c.isPlaintext(name, answered) {
			unprocessed[answered] = requests
			continue
		}
		b := sent[name]
		if b == nil {
			return c.unknown(opBatchWrite, answered, fmt.Errorf("%w: unprocessed requests of table %s are none of those that were sent", ErrUnknownOutcome, quote.Name(answered)))
		}
		restored, err := b.restore(requests)
		if err != nil {
			return b.table.fail(opBatchWrite, err)
		}
		unprocessed[b.requested] = append(unprocessed[b.requested], restored...)
	}
	if out.UnprocessedItems != nil {
		out.UnprocessedItems = unprocessed
	}
	return nil
}

func (b *sentBatch) restore(unprocessed []types.WriteRequest) ([]types.WriteRequest, error) {
	byMark := make(map[string]types.WriteRequest, len(b.encrypted))
	for i, request := range b.encrypted {
		byMark[b.table.markOf(request)] = b.plain[i]
	}
	restored := make([]types.WriteRequest, len(unprocessed))
	for i, request := range unprocessed {
		plain, ok := byMark[b.table.markOf(request)]
		if !ok {
			return nil, fmt.Errorf("%w: unprocessed request %d of table %s is none of those that were sent", ErrUnknownOutcome, i, quote.Name(b.table.info.Name))
		}
		restored[i] = plain
	}
	return restored, nil
}

// markOf tells requests of one batch apart: by kind, by key in the service's
// spelling, and by stamp if there is one.
func (t *boundTable) markOf(r types.WriteRequest) string {
	switch {
	case r.PutRequest != nil:
		return "put\x00" + keyText(r.PutRequest.Item, t.keys) + "\x00" + string(t.stampOf(r.PutRequest.Item))
	case r.DeleteRequest != nil:
		return "delete\x00" + keyText(r.DeleteRequest.Key, t.keys)
	default:
		return ""
	}
}

// stampOf returns an item's stamp, nil if it has none.
func (t *boundTable) stampOf(item Item) []byte {
	if b, ok := item[t.stampName(item)].(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}

// stampName names the attribute of the first layout whose stamp an item has.
func (t *boundTable) stampName(item Item) string {
	for _, layout := range t.layouts {
		if _, ok := item[layout.Stamp].(*types.AttributeValueMemberB); ok && layout.Stamp != "" {
			return layout.Stamp
		}
	}
	return ""
}

// keyText is the same for two keys if the service holds them equal.
func keyText(item Item, keys []string) string {
	var text strings.Builder
	for _, name := range keys {
		var value string
		switch v := item[name].(type) {
		case *types.AttributeValueMemberS:
			value = v.Value
		case *types.AttributeValueMemberB:
			value = string(v.Value)
		case *types.AttributeValueMemberN:
			value = v.Value
			if canonical, err := wire.CanonicalNumber(v.Value); err == nil {
				value = canonical
			}
		}
		fmt.Fprintf(&text, "%q %s %d:%s\x00", name, wire.TypeName(item[name]), len(value), value)
	}
	return text.String()
}
