package ddbtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The parameters of the transactions.
type (
	transactWriteInput struct {
		writeAccountingInput
		ClientRequestToken *string
		TransactItems      []transactWrite
	}
	transactWrite struct {
		ConditionCheck *keyInput
		Put            *putInput
		Update         *updateInput
		Delete         *keyInput
	}
	transactGetInput struct {
		accountingInput
		TransactItems []struct{ Get *transactGet }
	}
	transactGet struct {
		projectionInput
		TableName *string
		Key       rawItem
	}
)

// Limits of DynamoDB on a transaction.
const (
	maxTransactItems = 100
	maxTransactBytes = 4 << 20 // of all items together
	maxToken         = 36
	receiptLifetime  = 10 * time.Minute
)

// receipt is what is remembered under the token of a transaction that was
// carried out.
type receipt struct {
	payload []byte
	expires time.Time
}

// changes parses the actions.
func (in *transactWriteInput) changes() ([]*change, error) {
	if err := checkTransactSize(in.TransactItems); err != nil {
		return nil, err
	}
	if t := in.ClientRequestToken; t != nil && (len(*t) < 1 || len(*t) > maxToken) {
		return nil, invalid("1 validation error detected: Value '%s' at 'clientRequestToken' failed to satisfy constraint: Member must have length between 1 and %d", *t, maxToken)
	}
	if err := in.writeAccountingInput.check(); err != nil {
		return nil, err
	}
	var out []*change
	for _, w := range in.TransactItems {
		c, err := w.change()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func checkTransactSize[T any](items []T) error {
	switch {
	case items == nil:
		return missing("transactItems")
	case len(items) == 0:
		return invalid("1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(items) > maxTransactItems:
		return invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to %d", maxTransactItems)
	default:
		return nil
	}
}

func (w transactWrite) change() (*change, error) {
	var made []func() (*change, error)
	if w.ConditionCheck != nil {
		made = append(made, w.ConditionCheck.conditionCheck)
	}
	if w.Put != nil {
		made = append(made, w.Put.change)
	}
	if w.Update != nil {
		made = append(made, func() (*change, error) {
			if w.Update.UpdateExpression == nil {
				return nil, missing("transactItems.member.update.updateExpression")
			}
			return w.Update.change()
		})
	}
	if w.Delete != nil {
		made = append(made, w.Delete.deletion)
	}
	if len(made) != 1 {
		return nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	return made[0]()
}

// conditionCheck is a change that leaves the item as it is.
func (in *keyInput) conditionCheck() (*change, error) {
	if in.ConditionExpression == nil {
		return nil, missing("transactItems.member.conditionCheck.conditionExpression")
	}
	c, err := in.deletion()
	if err != nil {
		return nil, err
	}
	c.effect = func(stored item) (item, error) { return stored, nil }
	return c, nil
}

func (db *database) transactWriteItems(in *transactWriteInput) (any, error) {
	changes, err := in.changes()
	if err != nil {
		return nil, err
	}
	done, remember, err := db.redeem(in)
	if err != nil || done {
		return map[string]any{}, err
	}
	tables := make([]*table, len(changes))
	for i, c := range changes {
		if tables[i], err = db.table(c.tableName); err != nil {
			return nil, err
		}
	}
	if err := checkDistinct(tables, func(i int) item { return changes[i].key }); err != nil {
		return nil, err
	}

	after := make([]item, len(changes))
	reasons := make([]error, len(changes))
	size := 0
	for i, c := range changes {
		_, after[i], reasons[i] = c.evaluate(tables[i])
		size += max(c.key.size(), after[i].size())
	}
	if err := cancelled(reasons); err != nil {
		return nil, err
	}
	if size > maxTransactBytes {
		return nil, tooLarge()
	}
	for i, c := range changes {
		tables[i].store(c.key, after[i])
	}
	remember()
	return map[string]any{}, nil
}

func tooLarge() error {
	return invalid("The aggregate size of the items in the transaction exceeds %d bytes", maxTransactBytes)
}

// redeem tells whether a transaction with the token was already carried out. If
// not, remember has to be called once this one was.
func (db *database) redeem(in *transactWriteInput) (done bool, remember func(), err error) {
	if in.ClientRequestToken == nil {
		return false, func() {}, nil
	}
	payload, err := in.payload()
	if err != nil {
		return false, nil, err
	}
	name, now := *in.ClientRequestToken, time.Now()
	if r, ok := db.receipts[name]; ok && now.Before(r.expires) {
		if !bytes.Equal(r.payload, payload) {
			return false, nil, newError(codeIdempotentMismatch, "The request token was already used for a transaction with other parameters")
		}
		return true, nil, nil
	}
	return false, func() {
		if db.receipts == nil {
			db.receipts = map[string]receipt{}
		}
		db.receipts[name] = receipt{payload, now.Add(receiptLifetime)}
	}, nil
}

// payload is all parameters but the token in a form that does not depend on the
// order of the members of JSON objects.
func (in transactWriteInput) payload() ([]byte, error) {
	in.ClientRequestToken = nil
	encoded, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("ddbtest: encode transaction: %w", err)
	}
	var parsed any
	if err := decodeJSON(encoded, &parsed); err != nil {
		return nil, err
	}
	return json.Marshal(parsed)
}

// checkDistinct refuses two actions on one item. Keys that do not fit the schema
// are none of its business.
func checkDistinct(tables []*table, key func(i int) item) error {
	seen := map[target]bool{}
	for i, t := range tables {
		k := t.key.extract(key(i))
		if t.checkKey(k) != nil {
			continue
		}
		to := target{t, t.id(k)}
		if seen[to] {
			return invalid("Transaction request cannot include multiple operations on one item")
		}
		seen[to] = true
	}
	return nil
}

// cancelled returns a TransactionCanceledException if an action has an error.
func cancelled(errs []error) error {
	if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return nil
	}
	codes := make([]string, len(errs))
	reasons := make([]map[string]any, len(errs))
	for i, err := range errs {
		reasons[i] = reason(err)
		codes[i] = reasons[i]["Code"].(string)
	}
	e := newError(codeCancelled, "Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	e.reasons = reasons
	return e
}

// reason is the CancellationReason for what became of one action.
func reason(err error) map[string]any {
	e, ok := err.(*apiError)
	if !ok {
		return map[string]any{"Code": "None"}
	}
	out := map[string]any{"Code": "ValidationError", "Message": e.message}
	if e.code == codeConditionFailed {
		out["Code"] = "ConditionalCheckFailed"
	}
	if e.item != nil {
		out["Item"] = e.item.wire()
	}
	return out
}

func (db *database) transactGetItems(in *transactGetInput) (any, error) {
	if err := checkTransactSize(in.TransactItems); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	n := len(in.TransactItems)
	tables, keys, projections := make([]*table, n), make([]item, n), make([]*projection, n)
	for i, entry := range in.TransactItems {
		if entry.Get == nil {
			return nil, missing("transactItems.member.get")
		}
		var err error
		if keys[i], err = required("transactItems.member.get.key", entry.Get.Key); err != nil {
			return nil, err
		}
		if projections[i], err = entry.Get.parse(); err != nil {
			return nil, err
		}
		if tables[i], err = db.table(entry.Get.TableName); err != nil {
			return nil, err
		}
	}
	if err := checkDistinct(tables, func(i int) item { return keys[i] }); err != nil {
		return nil, err
	}
	reasons := make([]error, n)
	responses := make([]map[string]any, n)
	size := 0
	for i, t := range tables {
		if reasons[i] = t.checkRead(keys[i], projections[i]); reasons[i] != nil {
			continue
		}
		responses[i] = map[string]any{}
		if it, ok := t.items[t.id(keys[i])]; ok {
			size += it.size()
			responses[i]["Item"] = projections[i].of(it).wire()
		}
	}
	if err := cancelled(reasons); err != nil {
		return nil, err
	}
	if size > maxTransactBytes {
		return nil, tooLarge()
	}
	return map[string]any{"Responses": responses}, nil
}
