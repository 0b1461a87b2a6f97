package actions_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
)

// generator makes struct types at random, with few names, so that they meet.
type generator struct {
	*rand.Rand
	shared []reflect.Type // to be embedded again
	// faulty has the types with a field that FromStruct must refuse wherever it stands; fault is set while one is made.
	faulty map[reflect.Type]bool
	fault  bool
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) structType(depth int) reflect.Type {
	var fields []reflect.StructField
	faulty := false
	for i, letter := range strings.Split("ABCDEF", "")[:g.IntN(6)] {
		if depth < 3 && g.chance(30) {
			fields = append(fields, g.embedded(fmt.Sprintf("Embedded%d", i), depth))
		} else {
			fields = append(fields, g.field(letter))
		}
		faulty, g.fault = faulty || g.fault, false
	}
	t := reflect.StructOf(fields)
	g.faulty[t] = faulty
	g.shared = append(g.shared, t)
	return t
}

func (g *generator) embedded(name string, depth int) reflect.StructField {
	var t reflect.Type
	if len(g.shared) > 0 && g.chance(25) {
		t = g.shared[g.IntN(len(g.shared))]
	} else {
		t = g.structType(depth + 1)
	}
	if g.chance(40) {
		t = reflect.PointerTo(t)
	}
	f := reflect.StructField{Name: name, Type: t, Anonymous: true}
	switch {
	case g.chance(5):
		f.Tag = `dynamodbav:"-"`
	case g.chance(3):
		f.Tag, g.fault = `ddbec:"SIGN_ONLY"`, true
	}
	return f
}

func (g *generator) field(name string) reflect.StructField {
	f := reflect.StructField{Name: name, Type: pick(g,
		reflect.TypeFor[string](),
		reflect.TypeFor[*string](),
		reflect.TypeFor[any](),
		reflect.TypeFor[[]string](),
		reflect.TypeFor[map[string]string](),
		reflect.TypeFor[struct{ V string }](),
		reflect.TypeFor[*struct{ V *string }](),
	)}
	var tags []string
	action := ""
	if g.chance(50) {
		action = pick(g, "ENCRYPT_AND_SIGN", "SIGN_ONLY", "DO_NOTHING")
	}
	if g.chance(1) {
		action, g.fault = pick(g, "", "sign_only", "NOTHING"), true
		tags = append(tags, fmt.Sprintf("ddbec:%q", action))
	} else if action != "" {
		tags = append(tags, fmt.Sprintf("ddbec:%q", action))
	}
	ignored := false
	if g.chance(40) {
		text := pick(g, "", "", "A", "B", "a", "x", "x y", "é", "-")
		ignored = text == "-"
		for range g.IntN(3) {
			text += "," + pick(g, "", "omitempty", "omitemptyelem", "nullemptyelem", "string", "unixtime")
		}
		if g.chance(2) {
			text += pick(g, ",ommitempty", ",OmitEmpty", ", omitempty")
			g.fault = g.fault || !ignored
		}
		tags = append(tags, fmt.Sprintf("dynamodbav:%q", text))
	}
	if g.chance(3) {
		f.Name, f.PkgPath, ignored = strings.ToLower(name), "example.com/unexported", true
	}
	if g.chance(2) {
		f.Type, ignored = pick(g, reflect.TypeFor[chan int](), reflect.TypeFor[func()](), reflect.TypeFor[complex64]()), true
	}
	if g.chance(1) && !ignored {
		f.Type, g.fault = reflect.TypeFor[[]struct {
			V string `ddbec:"SIGN_ONLY"`
		}](), true
	}
	g.fault = g.fault || ignored && action != ""
	g.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	f.Tag = reflect.StructTag(strings.Join(tags, " "))
	return f
}

// leaf is a field as it stands in the source. A struct that is embedded twice has it once.
type leaf struct {
	in    reflect.Type
	index int
}

type seenLeaf struct {
	marker string // the value it gets, wherever it is
	name   string // of its attribute
	depth  int    // the least
	times  int    // at that depth
	tagged bool
	action actions.CryptoAction

	unwritten bool // of a type for which nothing is written
}

// mark gives every field that could be marshalled a value that tells it from all others, and notes it in leaves. It tells whether a type on its
// way is faulty.
func (g *generator) mark(v reflect.Value, depth int, leaves map[leaf]*seenLeaf) bool {
	faulty := g.faulty[v.Type()]
	for i := range v.NumField() {
		sf, field := v.Type().Field(i), v.Field(i)
		tag := sf.Tag.Get("dynamodbav")
		name, _, _ := strings.Cut(tag, ",")
		if name == "-" || sf.PkgPath != "" {
			continue
		}
		if sf.Anonymous {
			if field.Kind() == reflect.Pointer {
				field.Set(reflect.New(field.Type().Elem()))
				field = field.Elem()
			}
			faulty = g.mark(field, depth+1, leaves) || faulty
			continue
		}
		id := leaf{v.Type(), i}
		seen := leaves[id]
		if seen == nil {
			seen = &seenLeaf{marker: fmt.Sprintf("leaf %d", len(leaves)), name: name, depth: depth}
			if name == "" {
				seen.name = sf.Name
			}
			var text string
			if text, seen.tagged = sf.Tag.Lookup("ddbec"); seen.tagged {
				_ = seen.action.UnmarshalText([]byte(text)) // if it is an error, the type is faulty
			}
			leaves[id] = seen
		}
		if depth < seen.depth {
			seen.depth, seen.times = depth, 0
		}
		if depth == seen.depth {
			seen.times++
		}
		switch field.Kind() {
		case reflect.Chan, reflect.Func, reflect.Complex64:
			seen.unwritten = true
		default:
			setMarker(field, seen.marker)
		}
	}
	return faulty
}

func setMarker(v reflect.Value, marker string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(marker)
	case reflect.Interface:
		v.Set(reflect.ValueOf(marker))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		setMarker(v.Elem(), marker)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		setMarker(v.Index(0), marker)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf(marker))
	case reflect.Struct:
		setMarker(v.Field(0), marker)
	default:
		panic(v.Kind())
	}
}

func markerOf(t *testing.T, v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberL:
		return markerOf(t, v.Value[0])
	case *types.AttributeValueMemberM:
		for _, inner := range v.Value {
			return markerOf(t, inner)
		}
	}
	require.Fail(t, "no marker", "%T", v)
	return ""
}

// TestFromStructAgreesWithMarshalMap makes struct types at random, marshals a value of each in which every field can be told from the others, and
// asks of FromStruct: the action of each attribute is that of the field that attributevalue put there; and it is an error exactly if a tag
// has no effect, a field is lost, or a fault was put in on purpose.
func TestFromStructAgreesWithMarshalMap(t *testing.T) {
	t.Parallel()
	accepted, refused, attributes, promoted := 0, 0, 0, 0
	for seed := range uint64(20_000) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), faulty: make(map[reflect.Type]bool)}
		typ := g.structType(0)
		value := reflect.New(typ).Elem()
		leaves := make(map[leaf]*seenLeaf)
		wantError := g.mark(value, 0, leaves)

		item, err := attributevalue.MarshalMap(value.Interface())
		require.NoError(t, err, "seed %d: %v", seed, typ)
		empty, err := attributevalue.MarshalMap(reflect.Zero(typ).Interface())
		require.NoError(t, err, "seed %d: %v", seed, typ)
		for name := range empty {
			require.Contains(t, item, name, "seed %d: %v: the value was not full", seed, typ)
		}

		writer := make(map[string]*seenLeaf) // of each attribute
		for name, v := range item {
			marker := markerOf(t, v)
			for _, seen := range leaves {
				if seen.marker == marker {
					require.Equal(t, name, seen.name, "seed %d", seed)
					writer[name] = seen
				}
			}
			require.NotNil(t, writer[name], "seed %d: %s", seed, name)
		}
		for _, seen := range leaves {
			if writer[seen.name] == seen {
				// Of a struct that two others embed, one may be written and one lost.
				wantError = wantError || seen.times > 1
				continue
			}
			if hides := writer[seen.name]; seen.unwritten {
				wantError = wantError || hides != nil && hides.depth == seen.depth
				continue
			}
			// Lost. That is well only for a field without a tag that another one of less depth hides.
			hides := writer[seen.name]
			wantError = wantError || seen.tagged || hides == nil || hides.depth >= seen.depth
		}

		for _, typ := range []reflect.Type{typ, reflect.PointerTo(typ)} {
			got, err := actions.FromType(typ)
			if wantError {
				require.ErrorIs(t, err, actions.ErrStruct, "seed %d: %v", seed, typ)
				refused++
				continue
			}
			require.NoError(t, err, "seed %d: %v", seed, typ)
			require.Equal(t, actions.EncryptAndSign, got.Default)
			overridden := 0
			for name, seen := range writer {
				require.Equal(t, seen.action, got.Action(name), "seed %d: %s of %v", seed, name, typ)
				_, ok := got.Overrides[name]
				require.Equal(t, seen.tagged, ok, "seed %d: %s of %v", seed, name, typ)
				if ok {
					overridden++
				}
				if seen.depth > 0 {
					promoted++
				}
			}
			require.Len(t, got.Overrides, overridden, "seed %d: names that are never written", seed)
			accepted++
			attributes += len(writer)
		}
	}
	t.Logf("%d types accepted, with %d attributes, %d of them promoted; %d refused", accepted, attributes, promoted, refused)
	assert.Greater(t, min(accepted, refused), 5_000, "the generator has grown one-sided")
	assert.Greater(t, promoted, 5_000)
}
