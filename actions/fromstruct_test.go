package actions_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
)

const (
	encrypt = actions.EncryptAndSign
	sign    = actions.SignOnly
	nothing = actions.DoNothing
)

type overrides = map[string]actions.CryptoAction

// Types that structs below embed.
type (
	Base struct {
		ID    string `dynamodbav:"id" ddbec:"SIGN_ONLY"`
		Label string `ddbec:"DO_NOTHING"`
	}
	lower struct {
		Promoted string `ddbec:"SIGN_ONLY"`
	}
	Outer struct {
		*Base
		Extra string `dynamodbav:"extra,omitempty" ddbec:"ENCRYPT_AND_SIGN"`
	}
	Text      string
	Attrs     map[string]string
	Anything  any
	plainText string
	// Unwritten has nothing of which anything is written.
	Unwritten struct {
		Name func()
		A    chan int `dynamodbav:"x"`
		B    chan int `dynamodbav:"x"`
	}
	// Inner has tags without effect, but no one who reads it as an attribute is misled.
	Inner struct {
		A string `dynamodbav:"-" ddbec:"SIGN_ONLY"`
		_ string `ddbec:"SIGN_ONLY"`
	}
	// Plain has a field that others of the same name hide.
	Plain struct{ Name string }
	// Address is an attribute, not an item.
	Address struct {
		Street string
		Lines  []string
	}
	Node struct {
		Value int `dynamodbav:"value"`
		Next  *Node
		All   map[string][]*Node
	}
	endless []endless

	Generic[T any] struct {
		Content T `dynamodbav:"content" ddbec:"SIGN_ONLY"`
	}
)

// fieldMarshaler writes any type of value, under the name of its field.
type fieldMarshaler func()

func (fieldMarshaler) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return &types.AttributeValueMemberBOOL{}, nil
}

// accepts describes a T that FromStruct accepts.
type accepts struct {
	got   func() (actions.AttributeActions, error)
	typ   reflect.Type
	names []string // of all attributes that can be written
	want  overrides
}

func of[T any](want overrides, names ...string) accepts {
	return accepts{actions.FromStruct[T], reflect.TypeFor[T](), names, want}
}

func TestFromStruct(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]accepts{
		"no fields": of[struct{}](overrides{}),
		"untagged": of[struct {
			A string
			B int `json:"not-read"`
			C []byte
		}](overrides{}, "A", "B", "C"),
		"actions": of[struct {
			A string `ddbec:"ENCRYPT_AND_SIGN"`
			B string `ddbec:"SIGN_ONLY"`
			C string `ddbec:"DO_NOTHING"`
			D string
		}](overrides{"A": encrypt, "B": sign, "C": nothing}, "A", "B", "C", "D"),
		"renamed": of[struct {
			A string `ddbec:"SIGN_ONLY" dynamodbav:"B"`
			B string `ddbec:"DO_NOTHING" dynamodbav:"A"`
			C string `json:"z" dynamodbav:"Ünï \"code\"" ddbec:"SIGN_ONLY" `
		}](overrides{"B": sign, "A": nothing, `Ünï "code"`: sign}, "A", "B", `Ünï "code"`),
		"names that differ by case": of[struct {
			A string `dynamodbav:"ssn"`
			B string `dynamodbav:"SSN" ddbec:"DO_NOTHING"`
		}](overrides{"SSN": nothing}, "ssn", "SSN"),
		"every option": of[struct {
			A string    `dynamodbav:",omitempty" ddbec:"SIGN_ONLY"`
			B []string  `dynamodbav:"b,omitemptyelem,stringset,"`
			C string    `dynamodbav:",nullempty"`
			D []string  `dynamodbav:",nullemptyelem"`
			E int       `dynamodbav:",string" ddbec:"DO_NOTHING"`
			F [][]byte  `dynamodbav:",binaryset"`
			G []int     `dynamodbav:",numberset" ddbec:"SIGN_ONLY"`
			H time.Time `dynamodbav:",unixtime"`
		}](overrides{"A": sign, "E": nothing, "G": sign}, "A", "b", "C", "D", "E", "F", "G", "H"),
		"never marshalled": of[struct {
			A string `dynamodbav:"-"`
			B string `dynamodbav:"-,ommitempty"`
			c string
			D chan int
			E func()
			F complex128
			G uintptr
			H unsafe.Pointer
			_ string
			I string
			J chan int `dynamodbav:"-"`
		}](overrides{}, "I"),
		"ignored and not hiding": of[struct {
			Plain
			Name func() `dynamodbav:"-"`
		}](overrides{}, "Name"),
		"marshalled by its own method": of[struct {
			A fieldMarshaler  `ddbec:"SIGN_ONLY"`
			B *fieldMarshaler `ddbec:"DO_NOTHING"`
		}](overrides{"A": sign, "B": nothing}, "A", "B"),
		"nil pointer to what is never marshalled": of[struct {
			A *chan int `ddbec:"SIGN_ONLY"`
		}](overrides{"A": sign}, "A"),
		"pointer": of[*struct {
			A *string `ddbec:"SIGN_ONLY"`
		}](overrides{"A": sign}, "A"),
		"embedded": of[struct {
			Base
			Name string
		}](overrides{"id": sign, "Label": nothing}, "id", "Label", "Name"),
		"embedded pointer": of[struct {
			*Base
			Name string `ddbec:"SIGN_ONLY"`
		}](overrides{"id": sign, "Label": nothing, "Name": sign}, "id", "Label", "Name"),
		"embedded unexported": of[struct{ lower }](overrides{"Promoted": sign}, "Promoted"),
		"embedded at two depths": of[struct {
			Outer
			Base
		}](overrides{"id": sign, "Label": nothing, "extra": encrypt}, "id", "Label", "extra"),
		"embedded with a name": of[struct {
			Address `dynamodbav:"address" ddbec:"SIGN_ONLY"`
			Text    `ddbec:"DO_NOTHING"`
			Attrs   `dynamodbav:"attrs"`
		}](overrides{"address": sign, "Text": nothing}, "address", "Text", "attrs"),
		"embedded without fields": of[struct {
			sync.Mutex
			time.Time
			A string
		}](overrides{}, "A"),
		"embedded and ignored": of[struct {
			Base `dynamodbav:"-"`
			ID   string `dynamodbav:"id"`
		}](overrides{}, "id"),
		"embedded and hidden": of[struct {
			Plain
			Name string `ddbec:"SIGN_ONLY"`
		}](overrides{"Name": sign}, "Name"),
		"never marshalled, twice": of[struct {
			Unwritten
			Name func()
		}](overrides{}),
		"embedded generic": of[struct{ Generic[int] }](overrides{"content": sign}, "content"),
		"nested": of[struct {
			A Address            `ddbec:"SIGN_ONLY"`
			B map[string]Address `ddbec:"DO_NOTHING"`
			C []*Address
			D endless
			E Inner
		}](overrides{"A": sign, "B": nothing}, "A", "B", "C", "D", "E"),
		"holds itself, untagged": of[Node](overrides{}, "value", "Next", "All"),
		"tags of others": of[struct {
			A string `json:"a,omitempty" xml:"b" ddbec:"SIGN_ONLY"`
		}](overrides{"A": sign}, "A"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.got()
			require.NoError(t, err)
			assert.Equal(t, actions.AttributeActions{Overrides: tt.want}, got)
			assert.NoError(t, got.Validate())

			// What this test says of the names is what attributevalue does.
			written := make(map[string]bool)
			for _, value := range []reflect.Value{reflect.Zero(tt.typ), filled(tt.typ)} {
				item, err := attributevalue.MarshalMap(value.Interface())
				require.NoError(t, err)
				for name := range item {
					written[name] = true
				}
			}
			assert.ElementsMatch(t, tt.names, slices.Collect(maps.Keys(written)))
			for name := range tt.want {
				assert.Contains(t, written, name)
			}
		})
	}
}

func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	fill(v, 0)
	return v
}

// fill sets everything in v that can be set to something other than zero, in a few levels of types that hold themselves.
func fill(v reflect.Value, depth int) {
	const deep = 6
	if !v.CanSet() || depth > deep {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Int:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element, depth+1)
		v.SetMapIndex(reflect.ValueOf("key"), element)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Chan:
		v.Set(reflect.MakeChan(v.Type(), 0))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), nil))
	case reflect.Complex128:
		v.SetComplex(1)
	case reflect.Uintptr:
		v.SetUint(1)
	case reflect.UnsafePointer:
		v.SetPointer(unsafe.Pointer(new(int)))
	case reflect.Interface:
		v.Set(reflect.ValueOf("text"))
	default:
		panic("fill: " + v.Kind().String())
	}
}

// With the Default of FromStruct, an attribute that decoding would match with a field regardless of case is a signed one.
func TestFromStructSignsOtherSpellings(t *testing.T) {
	t.Parallel()
	type customer struct {
		SSN   string `dynamodbav:"ssn"`
		Views int    `dynamodbav:"views" ddbec:"DO_NOTHING"`
	}
	var decoded customer
	require.NoError(t, attributevalue.UnmarshalMap(map[string]types.AttributeValue{"SSN": &types.AttributeValueMemberS{Value: "injected"}}, &decoded))
	require.Equal(t, "injected", decoded.SSN)

	a, err := actions.FromStruct[customer]()
	require.NoError(t, err)
	for _, name := range []string{"SSN", "Ssn", "VIEWS", "anything"} {
		assert.Equal(t, encrypt, a.Action(name), name)
	}
}

// Keys without a tag are left to the encryptor, which signs them; a tag that contradicts it is found by it.
func TestFromStructKeys(t *testing.T) {
	t.Parallel()
	a, err := actions.FromStruct[struct {
		Untagged string
		Signed   string `ddbec:"SIGN_ONLY"`
		Wrong    string `ddbec:"ENCRYPT_AND_SIGN"`
	}]()
	require.NoError(t, err)
	withKeys, err := a.WithKeys("Untagged", "Signed")
	require.NoError(t, err)
	assert.Equal(t, sign, withKeys.Action("Untagged"))
	_, err = a.WithKeys("Wrong")
	require.ErrorIs(t, err, actions.ErrKeyAction)
}

func ExampleFromStruct() {
	type Customer struct {
		ID    string   `dynamodbav:"id"` // the table's key: the encryptor signs it
		Email string   `dynamodbav:"email"`
		Tier  string   `dynamodbav:"tier" ddbec:"SIGN_ONLY"`
		Notes []string `dynamodbav:"notes,omitempty"`
		Views int      `dynamodbav:"views" ddbec:"DO_NOTHING"`
	}
	a, err := actions.FromStruct[Customer]()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"email", "notes", "tier", "views", "unheard of"} {
		fmt.Println(name, a.Action(name))
	}
	// Output:
	// email ENCRYPT_AND_SIGN
	// notes ENCRYPT_AND_SIGN
	// tier SIGN_ONLY
	// views DO_NOTHING
	// unheard of ENCRYPT_AND_SIGN
}

func ExampleFromStruct_error() {
	type Customer struct {
		ID  string `dynamodbav:"id"`
		SSN string `dynamodbav:"ssn,ommitempty"`
	}
	_, err := actions.FromStruct[Customer]()
	fmt.Println(err)
	// Output:
	// no actions from struct actions_test.Customer: field SSN: tag dynamodbav:"ssn,ommitempty": unknown option "ommitempty", which attributevalue would ignore
}
