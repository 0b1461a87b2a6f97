package ddbtest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// environment holds the names and values that the expressions of one request
// share, and keeps account of those that were used.
type environment struct {
	names  map[string]string // by alias, with its #
	values map[string]value  // by placeholder, with its :

	unusedNames, unusedValues map[string]bool
	expressions, conditions   int // how many were given; projections count among the first only
}

// Limits of DynamoDB on the names and values of one request, in bytes.
const (
	maxAlias         = 255     // the # included
	maxSubstitutions = 2 << 20 // of all names and values together
)

var (
	aliasPattern       = regexp.MustCompile(`^#[0-9A-Za-z_]+$`)
	placeholderPattern = regexp.MustCompile(`^:[0-9A-Za-z_]+$`)
)

// newEnvironment checks names and values; nil maps are parameters not given.
func newEnvironment(names map[string]string, values map[string]json.RawMessage) (*environment, error) {
	env := &environment{
		names: names, values: make(map[string]value, len(values)),
		unusedNames: map[string]bool{}, unusedValues: map[string]bool{},
	}
	if names != nil && len(names) == 0 {
		return nil, invalid("ExpressionAttributeNames must not be empty")
	}
	if values != nil && len(values) == 0 {
		return nil, invalid("ExpressionAttributeValues must not be empty")
	}
	substitutions := 0
	for alias, name := range names {
		if !aliasPattern.MatchString(alias) {
			return nil, invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", alias)
		}
		if len(alias) > maxAlias {
			return nil, invalid("ExpressionAttributeNames contains invalid key: The expression attribute map contains a key that is too long; size of key: %d", len(alias))
		}
		if name == "" {
			return nil, invalid("ExpressionAttributeNames contains invalid value: Empty attribute name for key %s", alias)
		}
		if len(name) > maxName {
			return nil, invalid("ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less than %d bytes for key %s", maxName+1, alias)
		}
		env.unusedNames[alias] = true
		substitutions += len(alias) + len(name)
	}
	for placeholder, raw := range values {
		if !placeholderPattern.MatchString(placeholder) {
			return nil, invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", placeholder)
		}
		v, err := decodeValue(raw, 1)
		if err != nil {
			return nil, wrapped("ExpressionAttributeValues contains invalid value: ", err, " for key "+placeholder)
		}
		env.values[placeholder] = v
		env.unusedValues[placeholder] = true
		substitutions += len(placeholder) + v.size()
	}
	if substitutions > maxSubstitutions {
		return nil, invalid("ExpressionAttributeNames and ExpressionAttributeValues exceed the maximum size of %d bytes", maxSubstitutions)
	}
	return env, nil
}

// finish is called after the last expression of the request.
func (env *environment) finish() error {
	switch {
	case len(env.names) > 0 && env.expressions == 0:
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	case len(env.values) > 0 && env.conditions == 0:
		return invalid("ExpressionAttributeValues can only be specified when using expressions")
	case len(env.unusedNames) > 0:
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", keyList(env.unusedNames))
	case len(env.unusedValues) > 0:
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", keyList(env.unusedValues))
	default:
		return nil
	}
}

func keyList(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

// condition parses the parameter of that name; a nil source is a parameter not
// given, and gives a nil condition.
func (env *environment) condition(parameter string, source *string) (condition, error) {
	if source == nil {
		return nil, nil
	}
	env.conditions++
	p, err := env.parser(*source)
	if err != nil {
		return nil, prefixed("Invalid "+parameter+": ", err)
	}
	c, err := p.parseAll()
	return c, prefixed("Invalid "+parameter+": ", err)
}

// projection is condition for a ProjectionExpression.
func (env *environment) projection(source *string) (*projection, error) {
	if source == nil {
		return nil, nil
	}
	const prefix = "Invalid ProjectionExpression: "
	p, err := env.parser(*source)
	if err != nil {
		return nil, prefixed(prefix, err)
	}
	paths, err := p.parseProjection()
	if err != nil {
		return nil, prefixed(prefix, err)
	}
	proj, err := newProjection(paths)
	return proj, prefixed(prefix, err)
}

func (env *environment) parser(source string) (*parser, error) {
	const maxExpression = 4 << 10
	env.expressions++
	if strings.TrimSpace(source) == "" {
		return nil, invalid("The expression can not be empty;")
	}
	if len(source) > maxExpression {
		return nil, invalid("Expression size has exceeded the maximum allowed size; expression size: %d", len(source))
	}
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	return &parser{source: source, tokens: tokens, env: env, closed: map[int]int{}}, nil
}

func (env *environment) name(alias string) (string, error) {
	name, ok := env.names[alias]
	if !ok {
		return "", invalid("An expression attribute name used in the document path is not defined; attribute name: %s", alias)
	}
	delete(env.unusedNames, alias)
	return name, nil
}

func (env *environment) value(placeholder string) (value, error) {
	v, ok := env.values[placeholder]
	if !ok {
		return value{}, invalid("An expression attribute value used in expression is not defined; attribute value: %s", placeholder)
	}
	delete(env.unusedValues, placeholder)
	return v, nil
}
