package encryptor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxExpression is DynamoDB's limit for one expression, in bytes.
const maxExpression = 4 << 10

// itemChange is one update or deletion of a stored item, with the condition under
// which it may be made.
type itemChange struct {
	names      map[string]string
	attributes Item // values by placeholder
	sets       []string
	removes    []string
	conditions []string
	aliases    map[string]string // by attribute name
}

func newChange() *itemChange {
	return &itemChange{names: make(map[string]string), attributes: make(Item), aliases: make(map[string]string)}
}

func (c *itemChange) alias(name string) string {
	alias, ok := c.aliases[name]
	if !ok {
		alias = fmt.Sprintf("#%d", len(c.aliases))
		c.aliases[name], c.names[alias] = alias, name
	}
	return alias
}

func (c *itemChange) value(v types.AttributeValue) string {
	placeholder := fmt.Sprintf(":%d", len(c.attributes))
	c.attributes[placeholder] = v
	return placeholder
}

func (c *itemChange) set(name string, v types.AttributeValue) {
	c.sets = append(c.sets, c.alias(name)+" = "+c.value(v))
}

func (c *itemChange) remove(name string) {
	c.removes = append(c.removes, c.alias(name))
}

// pin demands that an attribute still has the value read, or still is absent.
func (c *itemChange) pin(name string, read types.AttributeValue) {
	if read == nil {
		c.conditions = append(c.conditions, "attribute_not_exists("+c.alias(name)+")")
		return
	}
	c.conditions = append(c.conditions, c.alias(name)+" = "+c.value(read))
}

// update returns the update expression, nil if there is nothing to change.
func (c *itemChange) update() *string {
	var clauses []string
	if len(c.sets) > 0 {
		clauses = append(clauses, "SET "+strings.Join(c.sets, ", "))
	}
	if len(c.removes) > 0 {
		clauses = append(clauses, "REMOVE "+strings.Join(c.removes, ", "))
	}
	if len(clauses) == 0 {
		return nil
	}
	return aws.String(strings.Join(clauses, " "))
}

func (c *itemChange) condition() *string {
	return aws.String(strings.Join(c.conditions, " AND "))
}

// values returns the placeholders' values, nil if there are none, which DynamoDB
// wants.
func (c *itemChange) values() Item {
	if len(c.attributes) == 0 {
		return nil
	}
	return c.attributes
}

// change makes encrypted of a stored item, nil if there was none. read and item
// are their plaintexts. Only what the signature is about is written, and those
// other attributes that differ between read and item.
func (t *boundTable) change(stored, read, item, encrypted Item) (*itemChange, error) {
	c := newChange()
	pinned := t.standing(c, stored)
	all := make(Item, len(stored)+len(encrypted))
	maps.Copy(all, stored)
	maps.Copy(all, encrypted)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(t.keys, name) {
			continue
		}
		if t.codec.Rule(name) == RuleUnsigned && stored != nil && equalValues(read[name], item[name]) {
			continue
		}
		if v, ok := encrypted[name]; ok {
			c.set(name, v)
		} else {
			c.remove(name)
		}
		if stored != nil && !pinned[name] && !t.signsAlways(name) {
			c.pin(name, stored[name])
		}
	}
	for what, expression := range map[string]*string{"UpdateExpression": c.update(), "ConditionExpression": c.condition()} {
		if n := len(aws.ToString(expression)); n > maxExpression {
			return nil, fmt.Errorf("%w: an item of so many attributes: its %s would have %d bytes, DynamoDB takes %d; use PutItem with a condition of your own",
				ErrUnsupported, what, n, maxExpression)
		}
	}
	return c, nil
}

// deletion deletes a stored item: everything in it that its signature may not
// cover is pinned.
func (t *boundTable) deletion(stored Item) *itemChange {
	c := newChange()
	pinned := t.standing(c, stored)
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if !pinned[name] && !slices.Contains(t.keys, name) && !t.signsAlways(name) {
			c.pin(name, stored[name])
		}
	}
	return c
}

// standing demands that the item is still the one that was read, and returns what
// it has pinned: its stamp; of an item without, everything that was read, and that
// it has got no stamp; that an absent item is absent.
func (t *boundTable) standing(c *itemChange, stored Item) map[string]bool {
	pinned := make(map[string]bool)
	pin := func(name string, v types.AttributeValue) {
		if !pinned[name] {
			pinned[name] = true
			c.pin(name, v)
		}
	}
	if stored == nil {
		pin(t.info.Primary.PartitionKey, nil)
		return pinned
	}
	if stamp := t.stampName(stored); stamp != "" {
		pin(stamp, stored[stamp])
		return pinned
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		pin(name, stored[name])
	}
	for _, layout := range t.layouts {
		for _, name := range append([]string{layout.Stamp}, layout.Other...) {
			if name != "" {
				pin(name, stored[name])
			}
		}
	}
	return pinned
}

// signsAlways tells whether an attribute is covered by the signature of every
// form of item that is read. A codec that cannot tell has everything pinned.
func (t *boundTable) signsAlways(name string) bool {
	codec, ok := t.codec.(interface{ WeakestRule(attribute string) Rule })
	return ok && codec.WeakestRule(name) != RuleUnsigned
}
