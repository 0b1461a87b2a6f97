package streams_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/streams"
)

// everything has one attribute of each type, and what is easily lost.
func everything() encryptor.Item {
	return encryptor.Item{
		"null":    &types.AttributeValueMemberNULL{Value: true},
		"true":    &types.AttributeValueMemberBOOL{Value: true},
		"false":   &types.AttributeValueMemberBOOL{Value: false},
		"text":    &types.AttributeValueMemberS{Value: "Ünïcode \u2028 \U0001F600"},
		"no text": &types.AttributeValueMemberS{Value: ""},
		"number":  &types.AttributeValueMemberN{Value: "-12345678901234567890123456789012345678"},
		"small":   &types.AttributeValueMemberN{Value: "0.00000000000000000000000000000000000001"},
		"exact":   &types.AttributeValueMemberN{Value: "9007199254740993"},
		"binary":  &types.AttributeValueMemberB{Value: []byte{0, 255, 128}},
		"nothing": &types.AttributeValueMemberB{Value: []byte{}},
		"ss":      &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
		"ns":      &types.AttributeValueMemberNS{Value: []string{"1", "9007199254740993"}},
		"bs":      &types.AttributeValueMemberBS{Value: [][]byte{{0}, {1, 2}}},
		"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberNULL{Value: true},
			&types.AttributeValueMemberM{Value: encryptor.Item{"": &types.AttributeValueMemberN{Value: "1"}}},
			&types.AttributeValueMemberL{Value: []types.AttributeValue{}},
		}},
		"map": &types.AttributeValueMemberM{Value: encryptor.Item{
			"list":  &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberB{Value: []byte("deep")}}},
			"empty": &types.AttributeValueMemberM{Value: encryptor.Item{}},
		}},
	}
}

func randomItem(r *rand.Rand) encryptor.Item {
	item := encryptor.Item{}
	for i := range 1 + r.IntN(8) {
		item[fmt.Sprintf("attribute %d", i)] = randomValue(r, 0)
	}
	return item
}

func randomValue(r *rand.Rand, depth int) types.AttributeValue {
	kinds := 10
	if depth > 3 {
		kinds = 8
	}
	switch r.IntN(kinds) {
	case 0:
		return &types.AttributeValueMemberNULL{Value: true}
	case 1:
		return &types.AttributeValueMemberBOOL{Value: r.IntN(2) == 0}
	case 2:
		return &types.AttributeValueMemberS{Value: randomText(r)}
	case 3:
		return &types.AttributeValueMemberN{Value: randomNumber(r)}
	case 4:
		return &types.AttributeValueMemberB{Value: []byte(randomText(r))}
	case 5:
		return &types.AttributeValueMemberSS{Value: randomSet(r, randomText)}
	case 6:
		return &types.AttributeValueMemberNS{Value: randomSet(r, randomNumber)}
	case 7:
		set := [][]byte{}
		for _, text := range randomSet(r, randomText) {
			set = append(set, []byte(text))
		}
		return &types.AttributeValueMemberBS{Value: set}
	case 8:
		list := []types.AttributeValue{}
		for range r.IntN(4) {
			list = append(list, randomValue(r, depth+1))
		}
		return &types.AttributeValueMemberL{Value: list}
	default:
		m := encryptor.Item{}
		for range r.IntN(4) {
			m[randomText(r)] = randomValue(r, depth+1)
		}
		return &types.AttributeValueMemberM{Value: m}
	}
}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteRune([]rune("abc \"\\\x00é\u2028\uffee\U0001F600")[r.IntN(11)])
	}
	return b.String()
}

// randomNumber is as DynamoDB spells it, of up to 38 digits.
func randomNumber(r *rand.Rand) string {
	digits := string(rune('1' + r.IntN(9)))
	for range r.IntN(37) {
		digits += string(rune('0' + r.IntN(10)))
	}
	if r.IntN(2) == 0 {
		digits = digits[:1] + "." + digits[1:] + "7"
	}
	if r.IntN(2) == 0 {
		digits = "-" + digits
	}
	return digits
}

// randomSet is in the order in which members are signed, which is the one in which decrypted ones come back.
func randomSet(r *rand.Rand, member func(*rand.Rand) string) []string {
	set := []string{}
	for range 1 + r.IntN(4) {
		set = append(set, member(r))
	}
	slices.Sort(set)
	return slices.Compact(set)
}

func TestConversionsReturnWhatTheyGot(t *testing.T) {
	t.Parallel()
	items := []encryptor.Item{nil, {}, everything()}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		items = append(items, randomItem(r))
	}
	for _, item := range items {
		event, err := streams.ToEvent(item)
		require.NoError(t, err)
		back, err := streams.FromEvent(event)
		require.NoError(t, err)
		require.Equal(t, item, back)

		text, err := json.Marshal(event)
		require.NoError(t, err)
		var parsed map[string]events.DynamoDBAttributeValue
		require.NoError(t, json.Unmarshal(text, &parsed))
		back, err = streams.FromEvent(parsed)
		require.NoError(t, err)
		require.Equal(t, item, back, "by way of JSON")

		stream, err := streams.ToStream(item)
		require.NoError(t, err)
		back, err = streams.FromStream(stream)
		require.NoError(t, err)
		require.Equal(t, item, back)
	}
}

// The values of a Lambda event, as their JSON spells them.
func TestFromEventTypes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]types.AttributeValue{
		`{"NULL": true}`: &types.AttributeValueMemberNULL{Value: true},
		`{"BOOL": true}`: &types.AttributeValueMemberBOOL{Value: true},
		`{"S": "x"}`:     &types.AttributeValueMemberS{Value: "x"},
		`{"N": "1e400"}`: &types.AttributeValueMemberN{Value: "1e400"},
		`{"B": "AP8="}`:  &types.AttributeValueMemberB{Value: []byte{0, 255}},
		`{"SS": ["x"]}`:  &types.AttributeValueMemberSS{Value: []string{"x"}},
		`{"NS": ["0.10000000000000000000000000000000000001"]}`: &types.AttributeValueMemberNS{Value: []string{"0.10000000000000000000000000000000000001"}},
		`{"BS": ["AA==", ""]}`:                                 &types.AttributeValueMemberBS{Value: [][]byte{{0}, {}}},
		`{"L": [{"NULL": true}]}`:                              &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberNULL{Value: true}}},
		`{"M": {"k": {"L": []}}}`:                              &types.AttributeValueMemberM{Value: encryptor.Item{"k": &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}},
	} {
		var v events.DynamoDBAttributeValue
		require.NoError(t, json.Unmarshal([]byte(text), &v), text)
		got, err := streams.FromEvent(map[string]events.DynamoDBAttributeValue{"a": v})
		require.NoError(t, err, text)
		assert.Equal(t, encryptor.Item{"a": want}, got, text)
	}
}

// nested returns a value inside as many lists and maps, in turns.
func nested(levels int) types.AttributeValue {
	var v types.AttributeValue = &types.AttributeValueMemberS{Value: "inside"}
	for i := range levels {
		if i%2 == 0 {
			v = &types.AttributeValueMemberL{Value: []types.AttributeValue{v}}
		} else {
			v = &types.AttributeValueMemberM{Value: encryptor.Item{"k": v}}
		}
	}
	return v
}

func TestConversionsRefuse(t *testing.T) {
	t.Parallel()
	var (
		secret = &types.AttributeValueMemberS{Value: "secret"}
		inList = func(v types.AttributeValue) types.AttributeValue {
			return &types.AttributeValueMemberL{Value: []types.AttributeValue{secret, v}}
		}
		inMap = func(v types.AttributeValue) types.AttributeValue {
			return &types.AttributeValueMemberM{Value: encryptor.Item{"k": v}}
		}
		eventZero  events.DynamoDBAttributeValue
		eventText  = events.NewStringAttribute("secret")
		streamText = &streamtypes.AttributeValueMemberS{Value: "secret"}
	)
	to := func(v types.AttributeValue) []func() (any, error) {
		item := encryptor.Item{"good": secret, "bad": v}
		return []func() (any, error){
			func() (any, error) { out, err := streams.ToEvent(item); return out == nil, err },
			func() (any, error) { out, err := streams.ToStream(item); return out == nil, err },
		}
	}
	fromEvent := func(v events.DynamoDBAttributeValue) []func() (any, error) {
		item := map[string]events.DynamoDBAttributeValue{"good": eventText, "bad": v}
		return []func() (any, error){func() (any, error) { out, err := streams.FromEvent(item); return out == nil, err }}
	}
	fromStream := func(v streamtypes.AttributeValue) []func() (any, error) {
		item := map[string]streamtypes.AttributeValue{"good": streamText, "bad": v}
		return []func() (any, error){func() (any, error) { out, err := streams.FromStream(item); return out == nil, err }}
	}
	deepEvent, deepStream := events.NewMapAttribute(nil), streamtypes.AttributeValue(&streamtypes.AttributeValueMemberM{})
	for range 128 {
		deepEvent = events.NewListAttribute([]events.DynamoDBAttributeValue{deepEvent})
		deepStream = &streamtypes.AttributeValueMemberM{Value: map[string]streamtypes.AttributeValue{"k": deepStream}}
	}

	const none, tooDeep, falseNull = "it has no value", "lists and maps nested deeper than 128", "NULL that is false"
	for name, tt := range map[string]struct {
		convert []func() (any, error)
		want    string
	}{
		"nil":                        {to(nil), none},
		"nil pointer":                {to((*types.AttributeValueMemberS)(nil)), none},
		"nil in a list":              {to(inList(nil)), none},
		"nil pointer in a map":       {to(inMap((*types.AttributeValueMemberL)(nil))), none},
		"false null":                 {to(inMap(&types.AttributeValueMemberNULL{})), falseNull},
		"unknown member":             {to(inList(&types.UnknownUnionMember{Tag: "X"})), "unknown type *types.UnknownUnionMember"},
		"too deep":                   {to(nested(129)), tooDeep},
		"zero event value":           {fromEvent(eventZero), none},
		"zero event value in a list": {fromEvent(events.NewListAttribute([]events.DynamoDBAttributeValue{eventText, eventZero})), none},
		"zero event value in a map":  {fromEvent(events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{"k": eventZero})), none},
		"too deep event value":       {fromEvent(deepEvent), tooDeep},
		"nil stream value":           {fromStream(nil), none},
		"nil pointer stream value":   {fromStream((*streamtypes.AttributeValueMemberBS)(nil)), none},
		"nil stream value in a list": {fromStream(&streamtypes.AttributeValueMemberL{Value: []streamtypes.AttributeValue{streamText, nil}}), none},
		"false null stream value":    {fromStream(&streamtypes.AttributeValueMemberNULL{}), falseNull},
		"unknown stream member":      {fromStream(&streamtypes.UnknownUnionMember{Tag: "X"}), "unknown type *types.UnknownUnionMember"},
		"too deep stream value":      {fromStream(deepStream), tooDeep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, convert := range tt.convert {
				isNil, err := convert()
				require.ErrorIs(t, err, encryptor.ErrInvalidValue)
				assert.EqualError(t, err, `attribute "bad": `+encryptor.ErrInvalidValue.Error()+": "+tt.want)
				assert.Equal(t, true, isNil)
			}
		})
	}

	t.Run("deep enough", func(t *testing.T) {
		t.Parallel()
		item := encryptor.Item{"a": nested(128)}
		event, err := streams.ToEvent(item)
		require.NoError(t, err)
		back, err := streams.FromEvent(event)
		require.NoError(t, err)
		assert.Equal(t, item, back)
	})
}

// What is done to a result does not reach what it was made from.
func TestConversionsCopy(t *testing.T) {
	t.Parallel()
	event, err := streams.ToEvent(everything())
	require.NoError(t, err)
	stream, err := streams.ToStream(everything())
	require.NoError(t, err)

	for range 2 { // the second time from the same, untouched sources
		item, err := streams.FromEvent(event)
		require.NoError(t, err)
		require.Equal(t, everything(), item)
		spoil(item)
		require.NotEqual(t, everything(), item)

		item, err = streams.FromStream(stream)
		require.NoError(t, err)
		require.Equal(t, everything(), item)
		spoil(item)
	}

	item := everything()
	event, err = streams.ToEvent(item)
	require.NoError(t, err)
	stream, err = streams.ToStream(item)
	require.NoError(t, err)
	spoil(item)
	for _, back := range []func() (encryptor.Item, error){
		func() (encryptor.Item, error) { return streams.FromEvent(event) },
		func() (encryptor.Item, error) { return streams.FromStream(stream) },
	} {
		got, err := back()
		require.NoError(t, err)
		assert.Equal(t, everything(), got)
	}
}

// spoil overwrites whatever can be shared.
func spoil(item encryptor.Item) {
	for _, name := range slices.Collect(maps.Keys(item)) {
		v := item[name]
		spoilValue(v)
		delete(item, name)
		item[name+"!"] = v
	}
}

func spoilValue(v types.AttributeValue) {
	switch v := v.(type) {
	case *types.AttributeValueMemberB:
		for i := range v.Value {
			v.Value[i] ^= 1
		}
	case *types.AttributeValueMemberSS:
		v.Value[0] = "spoilt"
	case *types.AttributeValueMemberNS:
		v.Value[0] = "0"
	case *types.AttributeValueMemberBS:
		for _, b := range v.Value {
			b[0] ^= 1
		}
	case *types.AttributeValueMemberL:
		for i, inner := range v.Value {
			spoilValue(inner)
			v.Value[i] = nil
		}
	case *types.AttributeValueMemberM:
		spoil(v.Value)
	}
}
