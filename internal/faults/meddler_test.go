package faults_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// meddle changes stored items behind everybody's back and moves the moment that
// eventually consistent reads see.
func (w *world) meddle(rng *rand.Rand) {
	older := make(map[string][]snapshot)
	for range w.tampers + 4 {
		time.Sleep(time.Duration(rng.Int64N(int64(60 * time.Millisecond))))
		if w.stale {
			w.moveStale(rng.IntN(3) > 0)
		}
		if w.tampers == 0 {
			continue
		}
		key := registers[rng.IntN(len(registers))]
		w.mu.Lock()
		if held := w.current(key); held.version > absent && !held.tainted {
			w.tamper(rng, key, older)
		}
		w.mu.Unlock()
	}
}

func (w *world) moveStale(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server.SetStaleReads(on)
	w.staleSince = -1
	if on {
		w.staleSince = w.now
		w.stats.tampered["stale reads"]++
	}
}

// snapshot is an item as it was stored.
type snapshot struct {
	content
	item encryptor.Item
}

// changes are what somebody with access to the table can do to an item.
var changes = []struct {
	name string
	do   func(rng *rand.Rand, item encryptor.Item)
}{
	{"signature changed", func(rng *rand.Rand, item encryptor.Item) { flip(rng, item, "*amzn-ddb-map-sig*") }},
	{"ciphertext changed", func(rng *rand.Rand, item encryptor.Item) { flip(rng, item, "secret") }},
	{"signed value changed", func(_ *rand.Rand, item encryptor.Item) { item["tally"] = number(1000) }},
	{"version changed", func(_ *rand.Rand, item encryptor.Item) { item["ver"] = number(numberOf(item["ver"]) + 1) }},
	{"attribute removed", func(_ *rand.Rand, item encryptor.Item) { delete(item, "count") }},
	{"attribute added", func(_ *rand.Rand, item encryptor.Item) { item["admin"] = &types.AttributeValueMemberBOOL{Value: true} }},
	{"two attributes swapped", func(_ *rand.Rand, item encryptor.Item) { item["secret"], item["count"] = item["count"], item["secret"] }},
	{"signature removed", func(_ *rand.Rand, item encryptor.Item) { delete(item, "*amzn-ddb-map-sig*") }},
	{"plaintext planted", func(_ *rand.Rand, item encryptor.Item) {
		delete(item, "*amzn-ddb-map-sig*")
		delete(item, "*amzn-ddb-map-desc*")
		item["secret"] = text("planted")
	}},
}

func flip(rng *rand.Rand, item encryptor.Item, name string) {
	b, ok := item[name].(*types.AttributeValueMemberB)
	if !ok {
		delete(item, name)
		return
	}
	value := slices.Clone(b.Value)
	value[rng.IntN(len(value))] ^= 1 << rng.IntN(8)
	item[name] = &types.AttributeValueMemberB{Value: value}
}

// tamper changes the item of a key, under the lock of the model.
func (w *world) tamper(rng *rand.Rand, key string, older map[string][]snapshot) {
	after := content{version: damaged}
	w.server.Tamper(dataTable, keyItem(key), func(item map[string]types.AttributeValue) {
		before := snapshot{w.current(key), maps.Clone(item)}
		others := slices.Sorted(maps.Keys(older))
		switch choice := rng.IntN(len(changes) + 4); {
		case choice < len(changes):
			changes[choice].do(rng, item)
			w.stats.tampered[changes[choice].name]++
		case choice == len(changes) && len(older[key]) > 0:
			// What no signature shows: an older item of the same key.
			back := older[key][rng.IntN(len(older[key]))]
			replace(item, back.item)
			after = back.content
			w.stats.tampered["older item put back"]++
			w.noteRollback(key)
		case choice == len(changes)+1:
			// The description is not signed: some entries are only read by other
			// libraries.
			flip(rng, item, "*amzn-ddb-map-desc*")
			after = content{before.version, true}
			w.stats.tampered["description changed"]++
		case len(others) > 0 && others[0] != key:
			replace(item, older[others[0]][0].item)
			w.stats.tampered["moved from another key"]++
		default:
			after = before.content
		}
		older[key] = append(older[key], before)
	})
	w.now++
	w.set(key, after)
}

// replace gives an item the attributes of another, but for its key.
func replace(item, by encryptor.Item) {
	maps.DeleteFunc(item, func(name string, _ types.AttributeValue) bool { return name != "pk" && name != "sk" })
	for name, v := range by {
		if name != "pk" && name != "sk" {
			item[name] = v
		}
	}
}
