package ddbtest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
)

// Limits of DynamoDB on an item.
const (
	maxItemSize = 400 << 10
	maxNesting  = 32
	maxName     = 64<<10 - 1 // bytes of an attribute's name
)

// item is a set of attributes. Items and their values are never changed once
// they are stored: every write replaces the whole item.
type item map[string]value

// value is an attribute value, with numbers in canonical form.
type value struct {
	kind    string           // the type as DynamoDB spells it: S, N, B, BOOL, NULL, SS, NS, BS, L, M
	text    string           // S, B (raw bytes), N (canonical)
	number  number           // N
	truth   bool             // BOOL
	members []string         // SS, NS, BS: as text has them
	list    []value          // L
	fields  map[string]value // M
}

var allKinds = []string{"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"}

// rawItem is an item as the request has it, not yet validated.
type rawItem map[string]json.RawMessage

func (r rawItem) decode() (item, error) {
	it := make(item, len(r))
	for name, raw := range r {
		if name == "" {
			return nil, invalidParameters("Empty attribute name")
		}
		if len(name) > maxName {
			return nil, invalidParameters("Attribute name is too large, must be less than %d bytes", maxName+1)
		}
		v, err := decodeValue(raw, 1)
		if err != nil {
			return nil, err
		}
		it[name] = v
	}
	return it, nil
}

// decodeValue reads a value at the given level of nesting; an attribute itself is
// at level 1.
func decodeValue(raw json.RawMessage, depth int) (value, error) {
	if depth > maxNesting {
		return value{}, invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
	}
	var members map[string]json.RawMessage
	if err := decodeJSON(raw, &members); err != nil {
		return value{}, err
	}
	switch len(members) {
	case 1:
	case 0:
		return value{}, invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	default:
		return value{}, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	for kind, raw := range members {
		v := value{kind: kind}
		err := v.decode(raw, depth)
		return v, err
	}
	panic("unreachable")
}

// decode reads the value of the type v.kind.
func (v *value) decode(raw json.RawMessage, depth int) (err error) {
	if string(raw) == "null" {
		return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	}
	switch v.kind {
	case "S", "N", "B":
		var text string
		if err = decodeJSON(raw, &text); err != nil {
			return err
		}
		v.text, v.number, err = decodeScalar(v.kind, text)
		return err
	case "BOOL":
		return decodeJSON(raw, &v.truth)
	case "NULL":
		// DynamoDB used to refuse false; today it stores what was meant.
		err = decodeJSON(raw, &v.truth)
		v.truth = true
		return err
	case "SS", "NS", "BS":
		return v.decodeSet(raw)
	case "L":
		var elements []json.RawMessage
		if err = decodeJSON(raw, &elements); err != nil {
			return err
		}
		v.list = make([]value, len(elements))
		for i, e := range elements {
			if v.list[i], err = decodeValue(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case "M":
		var fields map[string]json.RawMessage
		if err = decodeJSON(raw, &fields); err != nil {
			return err
		}
		v.fields = make(map[string]value, len(fields))
		for name, f := range fields {
			if v.fields[name], err = decodeValue(f, depth+1); err != nil {
				return err
			}
		}
		return nil
	default:
		return invalid("Supplied AttributeValue has the unknown datatype %q", v.kind)
	}
}

// decodeScalar reads the text of an S, N or B value or member of a set.
func decodeScalar(kind, text string) (string, number, error) {
	switch kind {
	case "N":
		n, err := parseNumber(text)
		return n.String(), n, err
	case "B":
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return "", number{}, newError(codeSerialization, "a binary value is not base64")
		}
		return string(b), number{}, nil
	default:
		return text, number{}, nil
	}
}

func (v *value) decodeSet(raw json.RawMessage) error {
	var members []string
	if err := decodeJSON(raw, &members); err != nil {
		return err
	}
	if len(members) == 0 {
		return invalidParameters("%s", map[string]string{
			"SS": "An string set  may not be empty",
			"NS": "An number set  may not be empty",
			"BS": "Binary sets should not be empty",
		}[v.kind])
	}
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		text, _, err := decodeScalar(v.kind[:1], m)
		if err != nil {
			return err
		}
		if seen[text] {
			if v.kind == "NS" {
				return invalid("Input collection contains duplicates")
			}
			return invalidParameters("Input collection of type %s contains duplicates.", v.kind)
		}
		seen[text] = true
		v.members = append(v.members, text)
	}
	return nil
}

// wire returns the item in the form that encoding/json turns into DynamoDB's.
func (it item) wire() map[string]any {
	out := make(map[string]any, len(it))
	for name, v := range it {
		out[name] = v.wire()
	}
	return out
}

func (v value) wire() map[string]any {
	switch v.kind {
	case "BOOL", "NULL":
		return map[string]any{v.kind: v.truth}
	case "SS", "NS", "BS":
		members := shuffled(v.members)
		for i := range members {
			members[i] = wireText(v.kind[:1], members[i])
		}
		return map[string]any{v.kind: members}
	case "L":
		list := make([]any, len(v.list))
		for i, e := range v.list {
			list[i] = e.wire()
		}
		return map[string]any{"L": list}
	case "M":
		return map[string]any{"M": item(v.fields).wire()}
	default:
		return map[string]any{v.kind: wireText(v.kind, v.text)}
	}
}

func wireText(kind, text string) string {
	if kind == "B" {
		return base64.StdEncoding.EncodeToString([]byte(text))
	}
	return text
}

// shuffled returns the members in an order that is never the one they were
// given in, so that code which relies on the order of what has none fails every
// time.
func shuffled[T any](members []T) []T {
	order := rand.Perm(len(members))
	if slices.IsSorted(order) && len(order) > 1 {
		order = append(order[1:], order[0])
	}
	out := make([]T, len(members))
	for i, from := range order {
		out[i] = members[from]
	}
	return out
}

// size is what the item counts towards the limits of 400 KB and 1 MB.
func (it item) size() int {
	total := 0
	for name, v := range it {
		total += len(name) + v.size()
	}
	return total
}

// checkSize is called for every item that a request has whole.
func (it item) checkSize() error {
	if it.size() > maxItemSize {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// size follows "DynamoDB item sizes and formats" of the Developer Guide.
func (v value) size() int {
	const containerOverhead, elementOverhead = 3, 1
	switch v.kind {
	case "N":
		return v.number.size()
	case "BOOL", "NULL":
		return 1
	case "SS", "BS", "NS":
		total := 0
		for _, m := range v.members {
			total += scalarSize(v.kind[:1], m)
		}
		return total
	case "L":
		total := containerOverhead
		for _, e := range v.list {
			total += elementOverhead + e.size()
		}
		return total
	case "M":
		return containerOverhead + elementOverhead*len(v.fields) + item(v.fields).size()
	default:
		return len(v.text)
	}
}

func scalarSize(kind, text string) int {
	if kind == "N" {
		return mustNumber(text).size()
	}
	return len(text)
}

// mustNumber reads back a number in canonical form.
func mustNumber(canonical string) number {
	n, err := parseNumber(canonical)
	if err != nil {
		panic("ddbtest: stored number is not canonical: " + err.Error())
	}
	return n
}

// equal compares by type and value; the order of a set does not count.
func (v value) equal(o value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case "BOOL", "NULL":
		return v.truth == o.truth
	case "SS", "NS", "BS":
		return slices.Equal(slices.Sorted(slices.Values(v.members)), slices.Sorted(slices.Values(o.members)))
	case "L":
		return slices.EqualFunc(v.list, o.list, value.equal)
	case "M":
		if len(v.fields) != len(o.fields) {
			return false
		}
		for name, f := range v.fields {
			if other, ok := o.fields[name]; !ok || !f.equal(other) {
				return false
			}
		}
		return true
	default:
		return v.text == o.text
	}
}

// ordered tells whether < and > have a meaning for the values: both are of
// one type, which is S, N or B.
func ordered(a, b value) bool {
	return a.kind == b.kind && isScalarKey(a.kind)
}

// isScalarKey tells whether a type may be that of a key attribute.
func isScalarKey(kind string) bool { return kind == "S" || kind == "N" || kind == "B" }

// compare orders two values of one of the types S, N and B: numbers by value,
// the others by unsigned bytes, which for strings are those of UTF-8.
func (v value) compare(o value) int {
	if v.kind == "N" {
		return v.number.compare(o.number)
	}
	return cmp.Compare(v.text, o.text)
}

func (v value) hasPrefix(o value) bool {
	return v.kind == o.kind && (v.kind == "S" || v.kind == "B") && strings.HasPrefix(v.text, o.text)
}

func (v value) contains(o value) bool {
	switch v.kind {
	case "S", "B":
		return v.kind == o.kind && strings.Contains(v.text, o.text)
	case "SS", "NS", "BS":
		return v.kind[:1] == o.kind && slices.Contains(v.members, o.text)
	case "L":
		return slices.ContainsFunc(v.list, o.equal)
	default:
		return false
	}
}

// depth is the number of levels of nesting, 1 for a scalar.
func (v value) depth() int {
	deepest := 0
	for _, e := range v.list {
		deepest = max(deepest, e.depth())
	}
	for _, f := range v.fields {
		deepest = max(deepest, f.depth())
	}
	return deepest + 1
}

// length is the result of the expression function size.
func (v value) length() (int, bool) {
	switch v.kind {
	case "S", "B":
		return len(v.text), true
	case "SS", "NS", "BS":
		return len(v.members), true
	case "L":
		return len(v.list), true
	case "M":
		return len(v.fields), true
	default:
		return 0, false
	}
}
