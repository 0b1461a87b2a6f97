package faults_test

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// writes draws puts and deletions; of different keys if they are for a batch.
func (w *worker) writes(c *call, keys []string) (requests []types.WriteRequest, effects []effect) {
	for _, key := range keys {
		c.about(key)
		if w.rng.IntN(4) == 0 {
			requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: keyItem(key)}})
			effects = append(effects, effect{kind: effectDelete, key: key})
			continue
		}
		item := w.register(key)
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		effects = append(effects, effect{kind: effectPut, key: key, version: numberOf(item["ver"])})
	}
	return requests, effects
}

func (w *worker) batchWrite(ctx context.Context, c *call) error {
	requests, effects := w.writes(c, w.some(registers, 1+w.rng.IntN(5)))
	out, err := w.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{dataTable: requests}})
	if err != nil {
		return err
	}
	left := w.effectsOf(c, out.UnprocessedItems[dataTable])
	for _, e := range effects {
		if !slices.Contains(left, e) {
			w.wrote(c, nil, e)
		}
	}
	for _, e := range left {
		if !slices.Contains(effects, e) {
			w.world.violate(unprocessed, "%s: %v", c, e)
		}
	}
	return nil
}

// effectsOf returns what the caller's own requests would do, which must be in
// plaintext.
func (w *worker) effectsOf(c *call, requests []types.WriteRequest) (effects []effect) {
	for _, request := range requests {
		if request.DeleteRequest != nil {
			effects = append(effects, effect{kind: effectDelete, key: keyText(request.DeleteRequest.Key)})
			continue
		}
		item := request.PutRequest.Item
		if !w.world.verified(c, keyText(item), item) {
			w.world.violate(unprocessed, "%s: not the plaintext", c)
		}
		effects = append(effects, effect{kind: effectPut, key: keyText(item), version: numberOf(item["ver"])})
	}
	return effects
}

func (w *worker) writeAll(ctx context.Context, c *call) error {
	var keys []string
	for range 1 + w.rng.IntN(8) {
		keys = append(keys, w.anyOf(registers))
	}
	requests, effects := w.writes(c, keys)
	taken := 0
	report, err := w.table.WriteAll(ctx, func(yield func(types.WriteRequest) bool) {
		for _, request := range requests {
			if taken++; !yield(request) {
				return
			}
		}
	}, func(o *encryptor.WriteAllOptions) { o.MaxAttempts = 4 })
	if n := report.Written + len(report.Unsent) + len(report.Unknown); n != taken {
		w.world.violate(outcome, "%s: the report is about %d requests of %d; the error is %v", c, n, taken, err)
	}
	unsent, unknown := w.effectsOf(c, report.Unsent), w.effectsOf(c, report.Unknown)
	if err == nil && len(unsent)+len(unknown) > 0 {
		w.world.violate(outcome, "%s: no error, and requests left over", c)
	}
	w.world.checkReport(c, effects[:taken], unsent, unknown)
	return err
}

// checkReport holds the report of WriteAll against what was carried out.
func (m *model) checkReport(c *call, effects, unsent, unknown []effect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.lied {
		return
	}
	if len(unknown) > 0 && !c.unclear {
		m.violateLocked(outcome, "%s: unknown requests, although every answer was clear", c)
	}
	for i, e := range effects {
		overtaken := slices.ContainsFunc(effects[i+1:], func(later effect) bool { return later.key == e.key })
		alone := !overtaken && !slices.ContainsFunc(effects[:i], func(former effect) bool { return former.key == e.key })
		done := slices.Contains(c.effects, e)
		switch {
		case slices.Contains(unknown, e):
		case slices.Contains(unsent, e):
			if done && (alone || e.kind == effectPut) {
				m.violateLocked(outcome, "%s: %v is reported as unsent, but was carried out", c, e)
			}
		case !done && !overtaken:
			m.violateLocked(lost, "%s: %v is reported as written, but was not carried out", c, e)
		}
	}
}
