package ddbtest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Tamper changes a stored item behind everybody's back, as someone with access
// to the table could: change gets the item and modifies it in place. No request
// is counted, no fault is used up, and no other request is carried out meanwhile,
// so change must not use the server. Reads that [Server.SetStaleReads] makes
// stale do not see it, as they do not see writes.
//
// The table may be given as an ARN, and the item by its primary key. Tamper
// panics if there is no such table or item, if key attributes are changed, and if
// the outcome is not an item that DynamoDB could hold.
func (s *Server) Tamper(table string, key map[string]types.AttributeValue, change func(item map[string]types.AttributeValue)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.db.tamper(table, key, change); err != nil {
		panic("ddbtest: Tamper: " + err.Error())
	}
}

func (db *database) tamper(name string, rawKey map[string]types.AttributeValue, change func(map[string]types.AttributeValue)) error {
	t, err := db.table(&name)
	if err != nil {
		return err
	}
	key, err := fromSDK(rawKey)
	if err != nil {
		return err
	}
	if err := t.checkKey(key); err != nil {
		return err
	}
	stored, ok := t.items[t.id(key)]
	if !ok {
		return fmt.Errorf("no such item in table %q", t.name)
	}
	raw := toSDK(stored)
	change(raw)
	changed, err := fromSDK(raw)
	if err != nil {
		return err
	}
	if err := t.checkItem(changed); err != nil {
		return err
	}
	if err := changed.checkSize(); err != nil {
		return err
	}
	if t.id(changed) != t.id(key) {
		return fmt.Errorf("the key was changed")
	}
	t.store(key, changed)
	return nil
}

// toSDK returns the item in the types of the SDK. It shares nothing with the
// item.
func toSDK(it item) map[string]types.AttributeValue {
	out := make(map[string]types.AttributeValue, len(it))
	for name, v := range it {
		out[name] = v.toSDK()
	}
	return out
}

func (v value) toSDK() types.AttributeValue {
	switch v.kind {
	case "S":
		return &types.AttributeValueMemberS{Value: v.text}
	case "N":
		return &types.AttributeValueMemberN{Value: v.text}
	case "B":
		return &types.AttributeValueMemberB{Value: []byte(v.text)}
	case "BOOL":
		return &types.AttributeValueMemberBOOL{Value: v.truth}
	case "NULL":
		return &types.AttributeValueMemberNULL{Value: v.truth}
	case "SS":
		return &types.AttributeValueMemberSS{Value: slices.Clone(v.members)}
	case "NS":
		return &types.AttributeValueMemberNS{Value: slices.Clone(v.members)}
	case "BS":
		set := make([][]byte, len(v.members))
		for i, m := range v.members {
			set[i] = []byte(m)
		}
		return &types.AttributeValueMemberBS{Value: set}
	case "L":
		list := make([]types.AttributeValue, len(v.list))
		for i, e := range v.list {
			list[i] = e.toSDK()
		}
		return &types.AttributeValueMemberL{Value: list}
	case "M":
		return &types.AttributeValueMemberM{Value: toSDK(v.fields)}
	default:
		panic("ddbtest: unknown type " + v.kind)
	}
}

// fromSDK reads and validates an item by way of its form on the wire.
func fromSDK(raw map[string]types.AttributeValue) (item, error) {
	encoded, err := json.Marshal(sdkWire(raw))
	if err != nil {
		return nil, err
	}
	var parsed rawItem
	if err := decodeJSON(encoded, &parsed); err != nil {
		return nil, err
	}
	return parsed.decode()
}

// sdkWire is the item with the name of its type around each value; the rest is
// as encoding/json does it, base64 included.
func sdkWire(raw map[string]types.AttributeValue) map[string]any {
	out := make(map[string]any, len(raw))
	for name, v := range raw {
		out[name] = sdkValueWire(v)
	}
	return out
}

func sdkValueWire(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberB:
		return map[string]any{"B": append([]byte{}, v.Value...)} // nil would be null
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberNULL:
		return map[string]any{"NULL": v.Value}
	case *types.AttributeValueMemberSS:
		return map[string]any{"SS": v.Value}
	case *types.AttributeValueMemberNS:
		return map[string]any{"NS": v.Value}
	case *types.AttributeValueMemberBS:
		return map[string]any{"BS": v.Value}
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			list[i] = sdkValueWire(e)
		}
		return map[string]any{"L": list}
	case *types.AttributeValueMemberM:
		return map[string]any{"M": sdkWire(v.Value)}
	default:
		return map[string]any{} // refused as a value without a type
	}
}
