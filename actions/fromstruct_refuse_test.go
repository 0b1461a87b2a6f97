package actions_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
)

// Types that FromStruct refuses.
type (
	valueMarshaler   struct{ A string }
	pointerMarshaler struct{ A string }
	promotesMethod   struct {
		*pointerMarshaler
		B string
	}
	timestamp time.Time

	EmbedsItself struct {
		A string
		*EmbedsItself
	}
	EmbedsOther struct{ *EmbedsBack }
	EmbedsBack  struct {
		B string
		*EmbedsOther
	}
	taggedNode struct {
		ID       string `ddbec:"SIGN_ONLY"`
		Children []taggedNode
	}
	left  struct{ *Plain }
	right struct{ Plain }
	Other struct{ Name string }

	Deep struct {
		Plain
		Name func()
	}
	Middle struct{ Plain }
	Left2  struct{ Middle }
	Right2 struct{ Middle }
)

func (valueMarshaler) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) { return nil, nil }
func (*pointerMarshaler) MarshalDynamoDBAttributeValue() (types.AttributeValue, error) {
	return nil, nil
}

// taggedSSN is for tags that go vet does not let pass in the source.
func taggedSSN(tag reflect.StructTag) func() (actions.AttributeActions, error) {
	return func() (actions.AttributeActions, error) {
		return actions.FromType(reflect.StructOf([]reflect.StructField{{Name: "SSN", Type: reflect.TypeFor[string](), Tag: tag}}))
	}
}

func TestFromStructRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		got  func() (actions.AttributeActions, error)
		want string // the whole text after the type
	}{
		"int":                  {actions.FromStruct[int], "it is neither a struct nor a pointer to one"},
		"map":                  {actions.FromStruct[map[string]string], "it is neither a struct nor a pointer to one"},
		"interface":            {actions.FromStruct[any], "it is neither a struct nor a pointer to one"},
		"slice":                {actions.FromStruct[[]Base], "it is neither a struct nor a pointer to one"},
		"pointer to a pointer": {actions.FromStruct[**Base], "it is neither a struct nor a pointer to one"},
		"time":                 {actions.FromStruct[time.Time], "attributevalue marshals it as a time, not as an item"},
		"kind of time":         {actions.FromStruct[*timestamp], "attributevalue marshals it as a time, not as an item"},
		"marshals itself":      {actions.FromStruct[valueMarshaler], "its method MarshalDynamoDBAttributeValue may choose any attribute names"},
		"marshals itself by pointer": {
			actions.FromStruct[pointerMarshaler], "its method MarshalDynamoDBAttributeValue may choose any attribute names",
		},
		"marshals itself by a promoted method": {
			actions.FromStruct[promotesMethod], "its method MarshalDynamoDBAttributeValue may choose any attribute names",
		},
		"misspelt action": {
			actions.FromStruct[struct {
				Card string `dynamodbav:"card" ddbec:"SIGN-ONLY"`
			}],
			`field Card: tag ddbec:"SIGN-ONLY": unknown crypto action: use ENCRYPT_AND_SIGN, SIGN_ONLY or DO_NOTHING`,
		},
		"empty action": {
			actions.FromStruct[struct {
				Card string `ddbec:""`
			}],
			`field Card: tag ddbec:"": unknown crypto action: use ENCRYPT_AND_SIGN, SIGN_ONLY or DO_NOTHING`,
		},
		"action with an option": {
			actions.FromStruct[struct {
				Base struct{}
				Card string `ddbec:"DO_NOTHING,omitempty"`
			}],
			`field Card: tag ddbec:"DO_NOTHING,omitempty": unknown crypto action: use ENCRYPT_AND_SIGN, SIGN_ONLY or DO_NOTHING`,
		},
		"action of a later format": {
			actions.FromStruct[struct {
				Card string `ddbec:"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT"`
			}],
			`field Card: tag ddbec:"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT": unknown crypto action: use ENCRYPT_AND_SIGN, SIGN_ONLY or DO_NOTHING`,
		},
		"misspelt option": {
			actions.FromStruct[struct {
				SSN string `dynamodbav:"ssn,ommitempty"`
			}],
			`field SSN: tag dynamodbav:"ssn,ommitempty": unknown option "ommitempty", which attributevalue would ignore`,
		},
		"option after a space": {
			actions.FromStruct[struct {
				SSN string `dynamodbav:"ssn, omitempty"`
			}],
			`field SSN: tag dynamodbav:"ssn, omitempty": unknown option " omitempty", which attributevalue would ignore`,
		},
		"options that exclude each other": {
			actions.FromStruct[struct {
				SSN string `dynamodbav:"ssn,omitempty,nullempty"`
			}],
			`field SSN: tag dynamodbav:"ssn,omitempty,nullempty": omitempty and nullempty exclude each other`,
		},
		"tag on an ignored field": {
			actions.FromStruct[struct {
				SSN string `dynamodbav:"-" ddbec:"SIGN_ONLY"`
			}],
			`field SSN: tag ddbec:"SIGN_ONLY" has no effect: with dynamodbav:"-" the field is never marshalled`,
		},
		"tag on an unexported field": {
			actions.FromStruct[struct {
				ssn string `ddbec:"SIGN_ONLY"`
			}],
			`field ssn: tag ddbec:"SIGN_ONLY" has no effect: an unexported field is never marshalled`,
		},
		"tag on a channel": {
			actions.FromStruct[struct {
				Done chan int `ddbec:"SIGN_ONLY"`
			}],
			`field Done: tag ddbec:"SIGN_ONLY" has no effect: a chan is never marshalled`,
		},
		"tag on an embedded struct": {
			actions.FromStruct[struct {
				Plain `ddbec:"DO_NOTHING"`
			}],
			`field Plain: tag ddbec:"DO_NOTHING" has no effect on an embedded struct: tag its fields, or name it in a dynamodbav tag to make it one attribute`,
		},
		"tag on a hidden field": {
			actions.FromStruct[struct {
				*Outer
				ID string `dynamodbav:"id" ddbec:"DO_NOTHING"`
			}],
			`field Outer.Base.ID: tag ddbec:"SIGN_ONLY" has no effect: the attribute "id" is the field ID`,
		},
		"tag inside an attribute": {
			actions.FromStruct[struct {
				Profiles map[string][]*struct{ Holder Base } `ddbec:"DO_NOTHING"`
			}],
			`field Profiles: field Holder.ID inside it has the tag ddbec:"SIGN_ONLY", but only attributes as a whole have actions`,
		},
		"tag inside an embedded attribute": {
			actions.FromStruct[struct {
				Base `dynamodbav:"base"`
			}],
			`field Base: field ID inside it has the tag ddbec:"SIGN_ONLY", but only attributes as a whole have actions`,
		},
		"holds itself, tagged": {
			actions.FromStruct[taggedNode],
			`field Children: field ID inside it has the tag ddbec:"SIGN_ONLY", but only attributes as a whole have actions`,
		},
		"malformed tag": {
			taggedSSN(`ddbec: "DO_NOTHING"`),
			`field SSN: malformed struct tag "ddbec: \"DO_NOTHING\""`,
		},
		"malformed tag before ours": {
			taggedSSN(`json=ssn dynamodbav:"ssn"`),
			`field SSN: malformed struct tag "json=ssn dynamodbav:\"ssn\""`,
		},
		"unterminated tag": {
			taggedSSN(`ddbec:"DO_NOTHING`),
			`field SSN: malformed struct tag "ddbec:\"DO_NOTHING"`,
		},
		"key in other letters": {
			taggedSSN(`DDBEC:"SIGN_ONLY"`),
			`field SSN: unknown key "DDBEC" in the struct tag: the key is ddbec`,
		},
		"name key in other letters": {
			taggedSSN(`dynamodbAV:"ssn"`),
			`field SSN: unknown key "dynamodbAV" in the struct tag: the key is dynamodbav`,
		},
		"two actions": {
			taggedSSN(`ddbec:"DO_NOTHING" ddbec:"ENCRYPT_AND_SIGN"`),
			`field SSN: two ddbec keys in one struct tag`,
		},
		"one name twice": {
			actions.FromStruct[struct {
				A string `dynamodbav:"x"`
				B string `dynamodbav:"x"`
			}],
			`fields A and B: both are the attribute "x", and attributevalue would write one at most`,
		},
		"a tag that takes the name of a field": {
			actions.FromStruct[struct {
				A string `dynamodbav:"B"`
				B string `ddbec:"DO_NOTHING"`
			}],
			`fields A and B: both are the attribute "B", and attributevalue would write one at most`,
		},
		"one name in two embedded structs": {
			actions.FromStruct[struct {
				Plain
				Other
			}],
			`fields Plain.Name and Other.Name: both are the attribute "Name", and attributevalue would write one at most`,
		},
		"one struct embedded twice": {
			actions.FromStruct[struct {
				left
				right
			}],
			`field left.Plain.Name: its struct is embedded more than once, and attributevalue would write the attribute "Name" once at most`,
		},
		"one struct embedded twice, by way of one": {
			actions.FromStruct[struct {
				Left2
				Right2
			}],
			`field Left2.Middle.Plain.Name: its struct is embedded more than once, and attributevalue would write the attribute "Name" once at most`,
		},
		"hidden by what is never marshalled": {
			actions.FromStruct[struct {
				Plain
				Name func()
			}],
			`field Plain.Name: it is hidden by the field Name, which is never marshalled`,
		},
		"hidden by two that are never marshalled": {
			actions.FromStruct[struct {
				Deep
				Name func()
			}],
			`field Deep.Plain.Name: it is hidden by the field Name, which is never marshalled`,
		},
		"embedded pointer to an unexported struct": {
			actions.FromStruct[struct{ *lower }],
			`field lower: attributevalue cannot unmarshal an embedded pointer to an unexported struct`,
		},
		"embedded map": {
			actions.FromStruct[struct {
				Base
				Attrs `ddbec:"SIGN_ONLY"`
			}],
			`field Attrs: an embedded map becomes one attribute, and its content none: name the attribute in a dynamodbav tag`,
		},
		"embedded pointer to a map": {
			actions.FromStruct[struct{ *Attrs }],
			`field Attrs: an embedded map becomes one attribute, and its content none: name the attribute in a dynamodbav tag`,
		},
		"embedded interface": {
			actions.FromStruct[struct{ Anything }],
			`field Anything: an embedded interface becomes one attribute, and its content none: name the attribute in a dynamodbav tag`,
		},
		"embedded unexported text": {
			actions.FromStruct[struct{ plainText }],
			`field plainText: attributevalue cannot marshal an embedded field of an unexported type`,
		},
		"embedded unexported struct with a name": {
			actions.FromStruct[struct {
				lower `dynamodbav:"lower"`
			}],
			`field lower: attributevalue cannot marshal an embedded field of an unexported type`,
		},
		"embeds itself":             {actions.FromStruct[EmbedsItself], "actions_test.EmbedsItself embeds itself"},
		"embeds itself by way":      {actions.FromStruct[EmbedsOther], "actions_test.EmbedsOther embeds itself"},
		"embeds what embeds itself": {actions.FromStruct[struct{ EmbedsItself }], "actions_test.EmbedsItself embeds itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.got()
			require.ErrorIs(t, err, actions.ErrStruct)
			assert.Zero(t, got)
			assert.True(t, strings.HasPrefix(err.Error(), "no actions from struct "), "%v", err)
			assert.True(t, strings.HasSuffix(err.Error(), ": "+tt.want), "got  %v\nwant %s", err, tt.want)
			assert.Less(t, len(err.Error()), 400)
			assert.Equal(t, strings.Contains(tt.want, "unknown crypto action"), errors.Is(err, actions.ErrUnknownAction))
		})
	}
}

// What the errors above say about attributevalue is so.
func TestWhyFromStructRefuses(t *testing.T) {
	t.Parallel()
	names := func(in any) []string {
		item, err := attributevalue.MarshalMap(in)
		require.NoError(t, err)
		return slices.Sorted(maps.Keys(item))
	}
	assert.Empty(t, names(time.Unix(1, 0)))
	assert.Empty(t, names(struct {
		A string `dynamodbav:"x"`
		B string `dynamodbav:"x"`
	}{"a", "b"}), "both are dropped")
	assert.Equal(t, []string{"B"}, names(struct {
		A string `dynamodbav:"B"`
		B string
	}{"a", "b"}), "one is dropped")
	assert.Empty(t, names(struct {
		Plain
		Other
	}{Plain{"a"}, Other{"b"}}), "both are dropped")
	assert.Empty(t, names(struct {
		left
		right
	}{left{&Plain{"a"}}, right{Plain{"b"}}}), "both are dropped")
	assert.Equal(t, []string{"Name"}, names(struct {
		Left2
		Right2
	}{}), "one of two is dropped")
	assert.Empty(t, names(struct {
		Plain
		Name func()
	}{Plain: Plain{"a"}}), "a function hides it")
	assert.Equal(t, []string{"Attrs"}, names(struct{ Attrs }{Attrs{"a": "b"}}))
	assert.Equal(t, []string{"ssn"}, names(struct {
		SSN string `dynamodbav:"ssn,ommitempty"`
	}{}), "the option is ignored")
	assert.Panics(t, func() {
		_ = attributevalue.UnmarshalMap(map[string]types.AttributeValue{"Promoted": &types.AttributeValueMemberNULL{Value: true}}, &struct{ *lower }{})
	})
	assert.Panics(t, func() { _, _ = attributevalue.MarshalMap(struct{ plainText }{"a"}) })
}
