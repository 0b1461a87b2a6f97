package actions

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// ErrStruct is wrapped by every error of [FromStruct]; the errors about a misspelt action wrap [ErrUnknownAction] too.
var ErrStruct = errors.New("no actions from struct")

// FromStruct returns the actions that stand in the tags of T, a struct or a pointer to one, in texts of [CryptoAction.String]:
//
//	type Customer struct {
//		ID    string `dynamodbav:"id"` // the table's key: no tag needed
//		Email string `dynamodbav:"email"`
//		Tier  string `dynamodbav:"tier" ddbec:"SIGN_ONLY"`
//		Views int    `dynamodbav:"views,omitempty" ddbec:"DO_NOTHING"`
//	}
//
// Attributes have the names that MarshalMap of the SDK's package attributevalue gives them with its default options: the name of the
// dynamodbav tag or else that of the field; fields of embedded structs are promoted. (Options of its encoder that choose other names,
// such as TagKey, are not known here.)
//
// Overrides lists the fields with a ddbec tag, and no others. Default is [EncryptAndSign]: it is the action of every field without a tag, but
// for keys, which the encryptor signs only, and that of every attribute that is no field of T at all. So an attribute that somebody adds to
// a stored item, and that decoding would match with a field regardless of case, breaks the signature. Keep that Default; a
// weaker one would leave fields without a tag unprotected.
//
// An error, which wraps [ErrStruct] and names the field and its tag, tells of a struct that does not say clearly what is to happen: a
// ddbec tag that is misspelt ([ErrUnknownAction]), malformed, or without effect, since its field is never marshalled or is inside an
// attribute (only attributes as a whole have actions); two fields of one name, of which attributevalue writes one at most; a dynamodbav option
// that it does not have, such as ommitempty; an embedded map or interface, whose content does not become attributes; an embedded field on
// which attributevalue panics, of an unexported type that is no struct or a pointer to one; a struct that embeds itself; and a T with
// a MarshalDynamoDBAttributeValue method, which may choose any names.
func FromStruct[T any]() (AttributeActions, error) {
	return fromType(reflect.TypeFor[T]())
}

func fromType(t reflect.Type) (AttributeActions, error) {
	overrides, err := readStruct(t)
	if err != nil {
		return AttributeActions{}, fmt.Errorf("%w %s: %w", ErrStruct, typeName(t), err)
	}
	return AttributeActions{Default: EncryptAndSign, Overrides: overrides}, nil
}

// structField is a field that becomes an attribute unless another one of its name hides it.
type structField struct {
	fieldTag         // name is never empty
	path      string // from T, such as Base.ID
	depth     int    // of embedding
	unwritten bool   // attributevalue writes nothing for its type, but lets it hide others
}

func readStruct(t reflect.Type) (map[string]CryptoAction, error) {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	switch {
	case t.Kind() != reflect.Struct:
		return nil, errors.New("it is neither a struct nor a pointer to one")
	case marshalsItself(t):
		return nil, fmt.Errorf("its method %s may choose any attribute names", marshalMethod)
	case t.ConvertibleTo(reflect.TypeFor[time.Time]()):
		return nil, errors.New("attributevalue marshals it as a time, not as an item")
	}
	if cycle := embeddedCycle(t, make(map[reflect.Type]bool)); cycle != nil {
		return nil, fmt.Errorf("%s embeds itself", typeName(cycle))
	}
	fields, err := collectFields(t)
	if err != nil {
		return nil, err
	}
	return resolve(fields)
}

// embeddedStruct is a struct whose fields are promoted to T.
type embeddedStruct struct {
	typ   reflect.Type
	path  string // empty for T, else with a dot at its end
	twice bool   // it, or what embeds it, is embedded more than once at its depth
}

// collectFields walks T and what it embeds, one depth after the other. Like attributevalue it enters a type at its least depth only: deeper,
// all of its fields would be hidden by themselves.
func collectFields(t reflect.Type) ([]structField, error) {
	var fields []structField
	visited := map[reflect.Type]bool{t: true}
	level := []*embeddedStruct{{typ: t}}
	for depth := 0; len(level) > 0; depth++ {
		var next []*embeddedStruct
		queued := make(map[reflect.Type]*embeddedStruct)
		for _, s := range level {
			for sf := range s.typ.Fields() {
				field, embedded, err := readField(sf)
				if err != nil {
					return nil, fmt.Errorf("field %s: %w", s.path+sf.Name, err)
				}
				switch {
				case field != nil:
					field.path, field.depth = s.path+sf.Name, depth
					fields = append(fields, *field)
					if s.twice {
						fields = append(fields, *field)
					}
				case embedded == nil || visited[embedded]:
				case queued[embedded] != nil:
					queued[embedded].twice = true
				default:
					queued[embedded] = &embeddedStruct{typ: embedded, path: s.path + sf.Name + ".", twice: s.twice}
					next = append(next, queued[embedded])
				}
			}
		}
		for embedded := range queued {
			visited[embedded] = true
		}
		level = next
	}
	return fields, nil
}

// readField returns a field that becomes an attribute, or the struct that it embeds, or neither if it is never marshalled.
func readField(sf reflect.StructField) (*structField, reflect.Type, error) {
	tag, err := parseTag(sf.Tag)
	if err != nil {
		return nil, nil, err
	}
	unwritten := slices.Contains(unmarshallable, sf.Type.Kind()) && !marshalsItself(sf.Type)
	switch {
	case tag.ignored && tag.tagged:
		return nil, nil, fmt.Errorf("tag %s has no effect: with %s:\"-\" the field is never marshalled", tag, nameKey)
	case !sf.IsExported() && !sf.Anonymous && tag.tagged:
		return nil, nil, fmt.Errorf("tag %s has no effect: an unexported field is never marshalled", tag)
	case unwritten && tag.tagged:
		return nil, nil, fmt.Errorf("tag %s has no effect: a %s is never marshalled", tag, sf.Type.Kind())
	case tag.ignored, !sf.IsExported() && !sf.Anonymous:
		return nil, nil, nil
	}
	if inner := promoted(sf); inner != nil {
		if tag.tagged {
			return nil, nil, fmt.Errorf("tag %s has no effect on an embedded struct: tag its fields, or name it in a %s tag to make it one attribute", tag, nameKey)
		}
		if !sf.IsExported() && sf.Type.Kind() == reflect.Pointer {
			return nil, nil, errors.New("attributevalue cannot unmarshal an embedded pointer to an unexported struct")
		}
		return nil, inner, nil
	}
	if sf.Anonymous {
		kind := sf.Type.Kind()
		if kind == reflect.Pointer {
			kind = sf.Type.Elem().Kind()
		}
		switch {
		case !sf.IsExported():
			return nil, nil, errors.New("attributevalue cannot marshal an embedded field of an unexported type")
		case tag.name == "" && (kind == reflect.Map || kind == reflect.Interface):
			return nil, nil, fmt.Errorf("an embedded %s becomes one attribute, and its content none: name the attribute in a %s tag", kind, nameKey)
		}
	}
	if inside, nested := nestedTag(sf.Type, make(map[reflect.Type]bool)); nested != nil {
		return nil, nil, fmt.Errorf("field %s inside it has the tag %s, but only attributes as a whole have actions", inside, nested)
	}
	if tag.name == "" {
		tag.name = sf.Name
	}
	return &structField{fieldTag: tag, unwritten: unwritten}, nil, nil
}

// unmarshallable are the kinds for which attributevalue writes nothing.
var unmarshallable = []reflect.Kind{reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128, reflect.Uintptr}

// resolve gives each name to its field of the least depth, by Go's rule for promoted fields.
//
// attributevalue prefers, among fields of the same depth, one that has its name from a tag, and otherwise drops all of them. Either way a
// value is lost without a word, so this is an error. So is a field that is hidden by one of which nothing is written.
func resolve(fields []structField) (map[string]CryptoAction, error) {
	byName := make(map[string][]structField)
	for _, f := range fields {
		byName[f.name] = append(byName[f.name], f) // in the order of depth
	}
	overrides := make(map[string]CryptoAction)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		same := byName[name]
		if !slices.ContainsFunc(same, func(f structField) bool { return !f.unwritten }) {
			continue
		}
		if len(same) > 1 && same[1].depth == same[0].depth {
			if same[1].path == same[0].path {
				return nil, fmt.Errorf("field %s: its struct is embedded more than once, and attributevalue would write the attribute %s once at most", same[0].path, quote(name))
			}
			return nil, fmt.Errorf("fields %s and %s: both are the attribute %s, and attributevalue would write one at most", same[0].path, same[1].path, quote(name))
		}
		for _, hidden := range same[1:] {
			if same[0].unwritten && !hidden.unwritten {
				return nil, fmt.Errorf("field %s: it is hidden by the field %s, which is never marshalled", hidden.path, same[0].path)
			}
			if hidden.tagged {
				return nil, fmt.Errorf("field %s: tag %s has no effect: the attribute %s is the field %s", hidden.path, hidden.fieldTag, quote(name), same[0].path)
			}
		}
		if same[0].tagged {
			overrides[name] = same[0].action
		}
	}
	return overrides, nil
}
