package wire_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/vectors"
	"github.com/ddbec/ddbec-go/internal/wire"
)

func TestVectorExamples(t *testing.T) {
	t.Parallel()
	f := vectors.Examples(t)
	cases := 0
	run := func(group, id string, check func(t *testing.T)) {
		cases++
		t.Run(group+"/"+id, check)
	}
	for _, c := range f.AttributeSerialization {
		run("serialize", c.ID, func(t *testing.T) {
			if c.Error != "" {
				_, err := wire.Size(c.Value.AttributeValue)
				require.Equal(t, "invalid_value", c.Error)
				require.ErrorIs(t, err, wire.ErrValue)
				return
			}
			require.Equal(t, []byte(c.Hex), serialize(t, c.Value.AttributeValue, wire.PythonOrder))
			if c.JavaHex != nil {
				require.Equal(t, []byte(c.JavaHex), serialize(t, c.Value.AttributeValue, wire.JavaOrder))
			}
		})
	}
	for _, c := range f.AttributeDeserialization {
		run("parse", c.ID, func(t *testing.T) {
			v, err := new(wire.Parser).Parse(c.Hex)
			if c.Error != "" {
				require.Equal(t, "malformed_attribute", c.Error)
				require.ErrorIs(t, err, wire.ErrFormat)
				require.Nil(t, v)
				return
			}
			require.NoError(t, err)
			require.Equal(t, vectors.ValueText(c.Value.AttributeValue), vectors.ValueText(v))
		})
	}
	for _, c := range f.MaterialDescription {
		run("description", c.ID, func(t *testing.T) {
			require.Equal(t, []byte(c.Hex), wire.AppendDescription(nil, sortedEntries(c.Entries)))
			got, err := wire.ParseDescription(c.Hex)
			require.NoError(t, err)
			require.Equal(t, c.Entries, got)
		})
	}
	for _, c := range f.MaterialDescriptionDecoding {
		run("parse description", c.ID, func(t *testing.T) {
			got, err := wire.ParseDescription(c.Hex)
			if c.Error != "" {
				require.Contains(t, []string{"malformed_description", "description_version"}, c.Error)
				require.ErrorIs(t, err, wire.ErrDescription)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.Entries, got)
		})
	}
	for _, c := range f.StringToSign {
		run("string to sign", c.ID, func(t *testing.T) {
			require.Equal(t, []byte(c.Hex), stringToSign(c.Table, c.Item, c.Actions, wire.PythonOrder))
			if c.JavaHex != nil {
				require.Equal(t, []byte(c.JavaHex), stringToSign(c.Table, c.Item, c.Actions, wire.JavaOrder))
			}
		})
	}
	require.NotZero(t, cases)
	t.Logf("%d cases", cases)
}

func TestVectorPublished(t *testing.T) {
	t.Parallel()
	cases := 0
	type attribute struct {
		Attribute  vectors.Value
		Serialized []byte
	}
	for i, c := range vectors.Load[[]attribute](t, vectors.Published(t, "serialize_attribute.json")) {
		cases++
		require.Equal(t, c.Serialized, serialize(t, c.Attribute.AttributeValue, wire.PythonOrder), "serialize_attribute.json, %d", i)
	}
	for i, c := range vectors.Load[[]attribute](t, vectors.Published(t, "deserialize_attribute.json")) {
		cases++
		v, err := new(wire.Parser).Parse(c.Serialized)
		require.NoError(t, err, "deserialize_attribute.json, %d", i)
		require.Equal(t, vectors.ValueText(c.Attribute.AttributeValue), vectors.ValueText(v), "deserialize_attribute.json, %d", i)
	}
	type description struct {
		Entries    map[string]string `json:"material_description"`
		Serialized []byte
	}
	for i, c := range vectors.Load[[]description](t, vectors.Published(t, "material_description.json")) {
		cases++
		require.Equal(t, c.Serialized, wire.AppendDescription(nil, sortedEntries(c.Entries)), "material_description.json, %d", i)
		got, err := wire.ParseDescription(c.Serialized)
		require.NoError(t, err)
		require.Equal(t, c.Entries, got)
	}
	type toSign struct {
		Table string
		Item  map[string]struct {
			Value  vectors.Value
			Action string
		}
		StringToSign []byte `json:"string_to_sign"`
	}
	actions := map[string]string{"encrypt": "ENCRYPT_AND_SIGN", "sign": "SIGN_ONLY", "nothing": "DO_NOTHING"}
	for i, c := range vectors.Load[[]toSign](t, vectors.Published(t, "string_to_sign.json")) {
		cases++
		item, byName := vectors.Item{}, map[string]string{}
		for name, a := range c.Item {
			require.Contains(t, actions, a.Action)
			item[name], byName[name] = a.Value.AttributeValue, actions[a.Action]
		}
		require.Equal(t, c.StringToSign, stringToSign(c.Table, item, byName, wire.PythonOrder), "string_to_sign.json, %d", i)
	}
	require.NotZero(t, cases)
	t.Logf("%d cases", cases)
}

func serialize(t *testing.T, v types.AttributeValue, order wire.Order) []byte {
	t.Helper()
	size, err := wire.Size(v)
	require.NoError(t, err)
	serialized := wire.Append(nil, v, order)
	require.Len(t, serialized, size)
	return serialized
}
