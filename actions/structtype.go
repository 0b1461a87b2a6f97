package actions

import (
	"fmt"
	"reflect"
	"strings"
)

// marshalMethod is the method of the interface attributevalue.Marshaler. A method of this name with another signature is taken for it too:
// this package does not import the SDK to tell them apart.
const marshalMethod = "MarshalDynamoDBAttributeValue"

// marshalsItself tells whether t or *t has the method. attributevalue looks for that of *t where it has an address.
func marshalsItself(t reflect.Type) bool {
	if _, ok := t.MethodByName(marshalMethod); ok {
		return true
	}
	_, ok := reflect.PointerTo(t).MethodByName(marshalMethod)
	return ok
}

// promoted returns the struct whose fields an embedded field promotes, or nil. A name in its tag makes it a field like others.
func promoted(sf reflect.StructField) reflect.Type {
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !sf.Anonymous || t.Kind() != reflect.Struct || nameInTag(sf) != "" {
		return nil
	}
	return t
}

// nameInTag returns the name of the dynamodbav tag, which may be "-".
func nameInTag(sf reflect.StructField) string {
	name, _, _ := strings.Cut(sf.Tag.Get(nameKey), ",")
	return name
}

// embeddedCycle returns a struct that embeds itself, by way of others perhaps, or nil. done holds false for what is being walked.
func embeddedCycle(t reflect.Type, done map[reflect.Type]bool) reflect.Type {
	done[t] = false
	for sf := range t.Fields() {
		inner := promoted(sf)
		if inner == nil {
			continue
		}
		if finished, seen := done[inner]; seen {
			if !finished {
				return inner
			}
			continue
		}
		if cycle := embeddedCycle(inner, done); cycle != nil {
			return cycle
		}
	}
	done[t] = true
	return nil
}

// nestedTag looks for a ddbec tag on a field inside values of type t, and returns that field's path.
func nestedTag(t reflect.Type, visited map[reflect.Type]bool) (string, *fieldTag) {
	if visited[t] {
		return "", nil
	}
	visited[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return nestedTag(t.Elem(), visited)
	case reflect.Struct:
	default:
		return "", nil
	}
	for sf := range t.Fields() {
		if !sf.IsExported() && !sf.Anonymous || nameInTag(sf) == "-" {
			continue
		}
		if text, ok := sf.Tag.Lookup(actionKey); ok {
			return sf.Name, &fieldTag{text: text}
		}
		if path, tag := nestedTag(sf.Type, visited); tag != nil {
			return sf.Name + "." + path, tag
		}
	}
	return "", nil
}

// typeName bounds the name of a type, which for a struct without a name is its whole text.
func typeName(t reflect.Type) string {
	const most = 100
	name := t.String()
	if len(name) > most {
		return fmt.Sprintf("%.*s…", most, name)
	}
	return name
}
