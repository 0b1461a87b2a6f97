package actions

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const (
	actionKey = "ddbec"
	nameKey   = "dynamodbav"
)

// nameOptions are what attributevalue understands after the name in a dynamodbav tag.
var nameOptions = []string{
	"", "omitempty", "omitemptyelem", "nullempty", "nullemptyelem", "string", "binaryset", "numberset", "stringset", "unixtime",
}

// fieldTag is what the tags of a struct field say.
type fieldTag struct {
	name    string // empty: not given
	ignored bool   // dynamodbav:"-"

	text   string // of the ddbec tag
	tagged bool   // with a ddbec tag
	action CryptoAction
}

// parseTag reads both tags of a field and is strict where attributevalue, like most readers of tags, takes a slip of the pen for silence.
func parseTag(tag reflect.StructTag) (fieldTag, error) {
	if err := checkTagFormat(string(tag)); err != nil {
		return fieldTag{}, err
	}
	var f fieldTag
	parts := strings.Split(tag.Get(nameKey), ",")
	if parts[0] == "-" {
		f.ignored = true
	} else {
		f.name = parts[0]
		for _, option := range parts[1:] {
			if !slices.Contains(nameOptions, option) {
				return fieldTag{}, fmt.Errorf("tag %s:%s: unknown option %s, which attributevalue would ignore", nameKey, quote(tag.Get(nameKey)), quote(option))
			}
		}
		if slices.Contains(parts[1:], "omitempty") && slices.Contains(parts[1:], "nullempty") {
			return fieldTag{}, fmt.Errorf("tag %s:%s: omitempty and nullempty exclude each other", nameKey, quote(tag.Get(nameKey)))
		}
	}
	if f.text, f.tagged = tag.Lookup(actionKey); f.tagged {
		if err := f.action.UnmarshalText([]byte(f.text)); err != nil {
			return fieldTag{}, fmt.Errorf("tag %s: %w: use ENCRYPT_AND_SIGN, SIGN_ONLY or DO_NOTHING", f, ErrUnknownAction)
		}
	}
	return f, nil
}

// String returns the ddbec tag as it stands in the source.
func (f fieldTag) String() string { return actionKey + ":" + quote(f.text) }

// checkTagFormat refuses a tag in which one of our keys would go unseen or would be read in one of two ways: package reflect finds nothing
// behind a malformed pair, and the first of several pairs with one key.
func checkTagFormat(tag string) error {
	keys, ok := tagKeys(tag)
	if lower := strings.ToLower(tag); !ok && (strings.Contains(lower, actionKey) || strings.Contains(lower, nameKey)) {
		return fmt.Errorf("malformed struct tag %s", quote(tag))
	}
	for _, want := range []string{actionKey, nameKey} {
		seen := false
		for _, key := range keys {
			switch {
			case !strings.EqualFold(key, want):
			case key != want:
				return fmt.Errorf("unknown key %s in the struct tag: the key is %s", quote(key), want)
			case seen:
				return errors.New("two " + want + " keys in one struct tag")
			default:
				seen = true
			}
		}
	}
	return nil
}

// tagKeys returns the keys of a tag of key:"value" pairs, or false if there is anything else in it.
func tagKeys(tag string) ([]string, bool) {
	var keys []string
	for {
		tag = strings.TrimLeft(tag, " ")
		if tag == "" {
			return keys, true
		}
		key, rest, ok := strings.Cut(tag, ":")
		if !ok || key == "" || strings.ContainsAny(key, " \t\r\n\"") || !strings.HasPrefix(rest, `"`) {
			return keys, false
		}
		value, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return keys, false
		}
		keys = append(keys, key)
		tag = rest[len(value):]
	}
}
