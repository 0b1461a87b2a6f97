package faults_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
)

// remember keeps items as they go by.
func (w *wire) remember(op string, r *rawRequest, answer []byte) {
	keep := func(item rawItem) {
		if key := rawKey(item); key != "/" && len(w.seen[key]) < 8 {
			w.seen[key] = append(w.seen[key], item)
		}
	}
	for _, part := range r.writes(op) {
		if part.TableName == dataTable && part.op == "PutItem" {
			keep(part.Item)
		}
	}
	var a struct {
		Item  rawItem
		Items []rawItem
	}
	if op == "GetItem" || op == "Query" || op == "Scan" {
		_ = json.Unmarshal(answer, &a) // an error answer has no items
		keep(a.Item)
		for _, item := range a.Items {
			keep(item)
		}
	}
}

// damage makes another answer of the server's. It lies if the caller could take it
// for the truth: an item was left out, or an older one was given. That is beyond
// any signature.
func (w *wire) damage(rng *rand.Rand, op string, request []byte, a answer) (answer, bool) {
	a.wrong = true
	if w.service == "KMS" {
		a.body = damageKeys(rng, op, a.body)
		return a, false
	}
	var tree any
	if json.Unmarshal(a.body, &tree) != nil {
		return a, false
	}
	switch rng.IntN(10) {
	case 0:
		a.body = a.body[:rng.IntN(len(a.body)+1)]
		return a, len(a.body) == 0
	case 1:
		a.body = []byte("<html><body>Bad gateway</body></html>")
		return a, false
	case 2:
		a.badSum = true
		return a, false
	case 3:
		a.body = []byte([]string{"", "{}", "null", "[]", "0", `""`}[rng.IntN(6)])
		return a, true
	case 4, 5:
		if a.status == http.StatusOK {
			w.misplace(rng, tree)
		}
	case 6:
		if a.status == http.StatusOK {
			w.replay(rng, tree)
		}
	default:
		tree = mutate(rng, tree)
	}
	body, err := json.Marshal(tree)
	if err != nil {
		panic(err) // it came from JSON
	}
	a.body = body
	return a, true
}

// misplace puts an item of another key into an answer.
func (w *wire) misplace(rng *rand.Rand, tree any) {
	keys := slices.Sorted(maps.Keys(w.seen))
	if len(keys) == 0 {
		return
	}
	items := w.seen[keys[rng.IntN(len(keys))]]
	other := items[rng.IntN(len(items))]
	object, ok := tree.(map[string]any)
	if !ok {
		return
	}
	for name, member := range object {
		switch list := member.(type) {
		case []any:
			switch {
			case name == "Responses" && len(list) > 0:
				list[rng.IntN(len(list))] = map[string]any{"Item": other}
			case name == "Items" && len(list) > 0 && rng.IntN(2) == 0:
				list[rng.IntN(len(list))] = other
			case name == "Items":
				object[name] = append(list, other)
			}
			return
		case map[string]any:
			switch name {
			case "Item", "Attributes":
				object[name] = other
			case "Responses":
				for table := range list {
					answered, _ := list[table].([]any)
					list[table] = append(answered, other)
				}
			case "UnprocessedItems":
				list[dataTable] = []any{map[string]any{"PutRequest": map[string]any{"Item": other}}}
			case "UnprocessedKeys":
				key := other.(rawItem)
				list[dataTable] = map[string]any{"Keys": []any{map[string]any{"pk": key["pk"], "sk": key["sk"]}}}
			}
		}
	}
	if len(object) == 0 { // an absent item
		object["Item"] = other
	}
}

// replay gives items as they once were.
func (w *wire) replay(rng *rand.Rand, tree any) {
	older := func(item any) any {
		raw, _ := item.(map[string]any)
		pk, _ := raw["pk"].(map[string]any)
		sk, _ := raw["sk"].(map[string]any)
		items := w.seen[rawKey(rawItem{"pk": pk, "sk": sk})]
		if len(items) == 0 {
			return item
		}
		return items[rng.IntN(len(items))]
	}
	object, _ := tree.(map[string]any)
	for name, member := range object {
		switch list := member.(type) {
		case []any:
			for i := range list {
				if of, ok := list[i].(map[string]any); ok && name == "Responses" {
					of["Item"] = older(of["Item"])
				} else if name == "Items" {
					list[i] = older(list[i])
				}
			}
		case map[string]any:
			if name == "Item" {
				object[name] = older(member)
			}
		}
	}
}

// mutate changes one place of a tree: removed, doubled, of another type, or a bit
// of a string.
func mutate(rng *rand.Rand, tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(node))
		if len(names) == 0 {
			return []any{}
		}
		name := names[rng.IntN(len(names))]
		switch rng.IntN(6) {
		case 0:
			delete(node, name)
		case 1:
			node[name] = []any{nil, "x", 1.5, []any{}, map[string]any{}, map[string]any{"S": 1}, map[string]any{"Z": "?"}}[rng.IntN(7)]
		default:
			node[name] = mutate(rng, node[name])
		}
		return node
	case []any:
		if len(node) == 0 {
			return "list"
		}
		i := rng.IntN(len(node))
		switch rng.IntN(5) {
		case 0:
			return slices.Delete(node, i, i+1)
		case 1:
			return append(node, node[i])
		default:
			node[i] = mutate(rng, node[i])
		}
		return node
	case string:
		if node == "" {
			return "x"
		}
		changed := []byte(node)
		i := rng.IntN(len(changed))
		changed[i] = "ABCDEFGHIJabcdefghij0123456789"[rng.IntN(30)]
		return string(changed)
	case bool:
		return !node
	default:
		return "something"
	}
}

// damageKeys makes another answer of KMS's. A KMS that gives out a key and the
// ciphertext of another is beyond anybody's notice, so new keys are changed in shape
// only.
func damageKeys(rng *rand.Rand, op string, body []byte) []byte {
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return []byte("{")
	}
	members := slices.Sorted(maps.Keys(object))
	name := members[rng.IntN(len(members))]
	switch rng.IntN(6) {
	case 0:
		return body[:rng.IntN(len(body))]
	case 1:
		return []byte("{}")
	case 2:
		delete(object, name)
	case 3:
		object[name] = []any{nil, "", 1.5, []any{}, map[string]any{}}[rng.IntN(5)]
	case 4:
		if _, ok := object["Plaintext"]; ok {
			object["Plaintext"] = "c2hvcnQgb2YgMzI="
		}
	default:
		if text, ok := object[name].(string); ok && (op == "Decrypt" || name == "KeyId") {
			object[name] = mutate(rng, text)
		}
	}
	changed, err := json.Marshal(object)
	if err != nil {
		panic(err) // it came from JSON
	}
	return changed
}
