package actions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
)

var names = map[actions.CryptoAction]string{
	actions.EncryptAndSign: "ENCRYPT_AND_SIGN",
	actions.SignOnly:       "SIGN_ONLY",
	actions.DoNothing:      "DO_NOTHING",
}

func TestZeroValueIsTheStrongest(t *testing.T) {
	t.Parallel()
	var a actions.CryptoAction
	assert.Equal(t, actions.EncryptAndSign, a)
	assert.Equal(t, actions.EncryptAndSign, actions.AttributeActions{}.Action("anything"))
	assert.NoError(t, actions.AttributeActions{}.Validate())
}

// The numbers are part of the interface: stored configurations may hold them, and 3 belongs to a later format.
func TestNumbers(t *testing.T) {
	t.Parallel()
	assert.EqualValues(t, 0, actions.EncryptAndSign)
	assert.EqualValues(t, 1, actions.SignOnly)
	assert.EqualValues(t, 2, actions.DoNothing)
}

// TestText covers all 256 values, so that a new constant cannot be forgotten here.
func TestText(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		a := actions.CryptoAction(i)
		got, err := a.MarshalText()
		if want, ok := names[a]; ok {
			require.NoError(t, err)
			assert.Equal(t, want, string(got))
			assert.Equal(t, want, a.String())
			back := actions.CryptoAction(99)
			require.NoError(t, back.UnmarshalText(got))
			assert.Equal(t, a, back)
			continue
		}
		assert.Nil(t, got)
		require.ErrorIs(t, err, actions.ErrUnknownAction)
		assert.Contains(t, err.Error(), a.String())
		assert.Equal(t, fmt.Sprintf("CryptoAction(%d)", i), a.String())
	}
}

func TestUnmarshalTextRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "encrypt_and_sign", "SIGN_ONLY ", "SIGN-ONLY", "ENCRYPT", "0", "CryptoAction(3)",
		"SIGN_AND_INCLUDE_IN_ENCRYPTION_CONTEXT", "\x00", strings.Repeat("x", 1<<20),
	} {
		a := actions.DoNothing
		err := a.UnmarshalText([]byte(in))
		require.ErrorIs(t, err, actions.ErrUnknownAction, "%.20q", in)
		assert.Equal(t, actions.DoNothing, a, "%.20q: the receiver changed", in)
		assert.Less(t, len(err.Error()), 400, "%.20q", in)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	in := actions.AttributeActions{
		Default:   actions.DoNothing,
		Overrides: map[string]actions.CryptoAction{"a": actions.EncryptAndSign, "b": actions.SignOnly},
	}
	b, err := json.Marshal(in)
	require.NoError(t, err)
	assert.JSONEq(t, `{"default":"DO_NOTHING","overrides":{"a":"ENCRYPT_AND_SIGN","b":"SIGN_ONLY"}}`, string(b))
	var out actions.AttributeActions
	require.NoError(t, json.Unmarshal(b, &out))
	assert.Equal(t, in, out)

	err = json.Unmarshal([]byte(`{"overrides":{"a":"ENCRYPT"}}`), &out)
	require.ErrorIs(t, err, actions.ErrUnknownAction)
}

func TestAction(t *testing.T) {
	t.Parallel()
	a := actions.AttributeActions{
		Default:   actions.DoNothing,
		Overrides: map[string]actions.CryptoAction{"ssn": actions.EncryptAndSign, "name": actions.SignOnly},
	}
	assert.Equal(t, actions.EncryptAndSign, a.Action("ssn"))
	assert.Equal(t, actions.SignOnly, a.Action("name"))
	assert.Equal(t, actions.DoNothing, a.Action("other"))
	assert.Equal(t, actions.DoNothing, a.Action("SSN"), "names are compared byte for byte")
}

func TestWithKeys(t *testing.T) {
	t.Parallel()
	const unknown = actions.CryptoAction(3)
	for name, tc := range map[string]struct {
		in     actions.AttributeActions
		keys   []string
		err    error
		inText string
		want   map[string]actions.CryptoAction
	}{
		"encrypting default": {
			keys: []string{"pk", "sk"},
			want: map[string]actions.CryptoAction{"pk": actions.SignOnly, "sk": actions.SignOnly},
		},
		"do-nothing default": {
			in:   actions.AttributeActions{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{"a": actions.EncryptAndSign}},
			keys: []string{"pk"},
			want: map[string]actions.CryptoAction{"a": actions.EncryptAndSign, "pk": actions.SignOnly},
		},
		"already sign-only": {
			in:   actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"pk": actions.SignOnly}},
			keys: []string{"pk", "pk"},
			want: map[string]actions.CryptoAction{"pk": actions.SignOnly},
		},
		"no keys": {
			in:   actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"a": actions.DoNothing}},
			want: map[string]actions.CryptoAction{"a": actions.DoNothing},
		},
		"encrypted key": {
			in:   actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"pk": actions.EncryptAndSign}},
			keys: []string{"sk", "pk"}, err: actions.ErrKeyAction, inText: `key attributes are always SIGN_ONLY: key attribute "pk" has the action ENCRYPT_AND_SIGN`,
		},
		"unsigned key": {
			in:   actions.AttributeActions{Default: actions.DoNothing, Overrides: map[string]actions.CryptoAction{"pk": actions.DoNothing}},
			keys: []string{"pk"}, err: actions.ErrKeyAction, inText: `key attributes are always SIGN_ONLY: key attribute "pk" has the action DO_NOTHING`,
		},
		"unknown action": {
			in:   actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"pk": unknown}},
			keys: []string{"pk"}, err: actions.ErrUnknownAction, inText: `unknown crypto action: key attribute "pk" has the action CryptoAction(3)`,
		},
		"empty name": {keys: []string{""}, inText: "empty name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(tc.in.Overrides)
			got, err := tc.in.WithKeys(tc.keys...)
			assert.Equal(t, before, tc.in.Overrides, "the receiver changed")
			if tc.want == nil {
				require.ErrorContains(t, err, tc.inText)
				if tc.err != nil {
					require.ErrorIs(t, err, tc.err)
				}
				assert.Zero(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, actions.AttributeActions{Default: tc.in.Default, Overrides: tc.want}, got)
			got.Overrides["later"] = actions.DoNothing
			assert.Equal(t, before, tc.in.Overrides, "the copy shares its map with the receiver")
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const unknown = actions.CryptoAction(200)
	for name, tc := range map[string]struct {
		in   actions.AttributeActions
		want string
	}{
		"default": {actions.AttributeActions{Default: unknown}, "default action: unknown crypto action: CryptoAction(200)"},
		"override": {
			actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"z": unknown, "b": unknown, "a": actions.SignOnly}},
			`attribute "b": unknown crypto action: CryptoAction(200)`,
		},
		"long name": {
			actions.AttributeActions{Overrides: map[string]actions.CryptoAction{strings.Repeat("n", 65535): unknown}},
			`attribute "` + strings.Repeat("n", 64) + `"…: unknown crypto action`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.in.Validate()
			require.ErrorIs(t, err, actions.ErrUnknownAction)
			assert.ErrorContains(t, err, tc.want)
		})
	}
	t.Run("empty name", func(t *testing.T) {
		t.Parallel()
		err := actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"": actions.SignOnly}}.Validate()
		require.ErrorContains(t, err, "empty attribute name")
	})
}

func ExampleAttributeActions() {
	book := actions.AttributeActions{
		Overrides: map[string]actions.CryptoAction{
			"Publisher": actions.SignOnly,
			"Published": actions.DoNothing,
		},
	}
	withKeys, err := book.WithKeys("Author", "Title") // what the encryptor does with a table's primary key
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"Author", "Length", "Publisher", "Published"} {
		fmt.Println(name, withKeys.Action(name))
	}
	// Output:
	// Author SIGN_ONLY
	// Length ENCRYPT_AND_SIGN
	// Publisher SIGN_ONLY
	// Published DO_NOTHING
}
