package ddbtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"unicode/utf8"
)

// decodeRequest reads the body of a request into in, a pointer to a struct whose
// field names are the names of the parameters. A parameter that the struct does
// not have is an error, as is a name given twice; encoding/json alone would let
// the second through, and names in another case as well.
func decodeRequest(op string, body []byte, in any) error {
	if !utf8.Valid(body) {
		return newError(codeSerialization, "the request is not UTF-8")
	}
	if !json.Valid(body) { // also bounds the nesting that checkNames walks through
		return newError(codeSerialization, "the request is not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := checkNames(op, dec, reflect.TypeOf(in).Elem()); err != nil {
		return serialization(err)
	}
	return decodeJSON(body, in)
}

// decodeJSON is json.Unmarshal with DynamoDB's error.
func decodeJSON(raw []byte, v any) error { return serialization(json.Unmarshal(raw, v)) }

// serialization gives errors of encoding/json DynamoDB's code. Their text is
// replaced, since it may quote a value.
func serialization(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*apiError](err); ok {
		return err
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return newError(codeSerialization, "%s can not be converted to %s", t.Value, t.Type)
	}
	return newError(codeSerialization, "the request is not JSON")
}

// checkNames reads one JSON value of type t from dec and compares the names of
// its members with those that t has. A nil t accepts every name.
func checkNames(path string, dec *json.Decoder, t reflect.Type) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		t = nil
	}
	switch token {
	case json.Delim('['):
		for dec.More() {
			if err := checkNames(path, dec, elem(t, reflect.Slice)); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			name := token.(string)
			if seen[name] {
				return newError(codeSerialization, "%s: %q is given twice", path, name)
			}
			seen[name] = true
			member := elem(t, reflect.Map)
			if t != nil && t.Kind() == reflect.Struct {
				field, ok := t.FieldByName(name)
				if !ok || !field.IsExported() { // an embedded struct is not a parameter
					return invalid("%s: the parameter %q is not supported by ddbtest", path, name)
				}
				member, path := field.Type, path+"."+name
				if err := checkNames(path, dec, member); err != nil {
					return err
				}
				continue
			}
			if err := checkNames(path, dec, member); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = dec.Token() // the closing delimiter
	return err
}

// elem is the element type of t if t is of the kind, otherwise nil.
func elem(t reflect.Type, kind reflect.Kind) reflect.Type {
	if t == nil || t.Kind() != kind {
		return nil
	}
	return t.Elem()
}
