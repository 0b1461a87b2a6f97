package encryptor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
)

// An unsigned attribute that attributevalue would put in the struct field of a
// signed one.
func TestItemAmbiguousNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ signed, added string }{
		{"ssn", "SSN"}, {"ssn", "sSn"}, {"SSN", "ssn"}, {"Card-No", "card-no"},
		{"kilo", "\u212ailo"}, {"\u212ailo", "kilo"}, {"\u212ailo", "KILO"}, // K and the sign of kelvin
		{"ssn", "\u017fsn"}, {"\u017f\u017fn", "SSN"}, // s and long s
		{"äß", "Ä\u1e9e"}, {"σς", "ΣΣ"}, {"\u01c4", "\u01c6"}, {"\u01c5x", "\u01c4X"}, {"θ", "\u03f4"},
		{"id", "ID"}, {"at", "At"}, // the keys
	} {
		t.Run(c.signed+" "+c.added, func(t *testing.T) {
			t.Parallel()
			require.True(t, strings.EqualFold(c.signed, c.added))
			for _, action := range []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly} {
				overrides := itemActions{c.signed: action}
				if c.signed == "id" || c.signed == "at" {
					overrides = itemActions{"string": action}
				}
				p := newItemProvider(t)
				e := newItemEncryptor(t, p, itemOptions(actions.DoNothing, overrides))
				base := itemPlain()
				stored := newItemModel(actions.DoNothing, overrides).encrypt(base)
				_, err := e.Decrypt(t.Context(), stored)
				require.NoError(t, err)
				calls := p.decryptions.Load()

				// Beside the signed one, and in its place.
				both := base
				if base[c.signed] == nil {
					both = itemWith(base, c.signed, &itemS{Value: "hush-signed"})
				}
				for _, plain := range []encryptor.Item{itemWith(base, c.added, &itemS{Value: "hush-added"}), itemWith(both, c.added, &itemS{Value: "hush-added"})} {
					got, err := e.Encrypt(t.Context(), plain)
					requireItemFault(t, err, encryptor.ErrAmbiguousName, c.added, plain)
					require.ErrorContains(t, err, fmt.Sprintf("%q", c.signed))
					require.ErrorContains(t, err, "Overrides")
					require.Nil(t, got)
					forged := newItemModel(actions.DoNothing, overrides).encrypt(plain) // the signature does not cover it
					got, err = e.Decrypt(t.Context(), forged)
					requireItemFault(t, err, encryptor.ErrAmbiguousName, c.added, plain)
					require.Nil(t, got)
				}
				require.Zero(t, p.encryptions.Load())
				require.Equal(t, calls, p.decryptions.Load())

				// Whoever lists the name knows of it.
				listed := itemActions{c.added: actions.DoNothing}
				for name, a := range overrides {
					listed[name] = a
				}
				plain := itemWith(both, c.added, &itemS{Value: "added"})
				e = newItemEncryptor(t, newItemProvider(t), itemOptions(actions.DoNothing, listed))
				got, err := e.Encrypt(t.Context(), plain)
				require.NoError(t, err)
				_, err = e.Decrypt(t.Context(), got)
				require.NoError(t, err)
			}
		})
	}
	t.Run("not ambiguous", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			options func(*encryptor.Options)
			added   string
		}{
			"signed by default":      {itemOptions(actions.SignOnly, itemActions{"ssn": actions.SignOnly}), "SSN"},
			"encrypted by default":   {itemOptions(actions.EncryptAndSign, nil), "SSN"},
			"neither is signed":      {itemOptions(actions.DoNothing, itemActions{"ssn": actions.DoNothing}), "SSN"},
			"both are signed":        {itemOptions(actions.DoNothing, itemActions{"ssn": actions.SignOnly, "SSN": actions.SignOnly}), "SSN"},
			"a dotless i is no i":    {itemOptions(actions.DoNothing, itemActions{"ssn": actions.SignOnly, "pin": actions.SignOnly}), "pın"},
			"ss is no sharp s":       {itemOptions(actions.DoNothing, itemActions{"ss": actions.SignOnly}), "ß"},
			"a name within another":  {itemOptions(actions.DoNothing, itemActions{"ssn": actions.SignOnly}), "SSN "},
			"an unsigned key's name": {itemBoth(itemUnsignedKeys, itemOptions(actions.DoNothing, itemActions{"ssn": actions.SignOnly})), "ID"},
		} {
			e := newItemEncryptor(t, newItemProvider(t), c.options)
			stored, err := e.Encrypt(t.Context(), itemWith(itemPlain(), c.added, &itemS{Value: "x"}))
			require.NoError(t, err, name)
			_, err = e.Decrypt(t.Context(), stored)
			require.NoError(t, err, name)
		}
	})
	// Where a name is signed by default, an added attribute breaks the signature.
	t.Run("default that signs", func(t *testing.T) {
		t.Parallel()
		e := newItemEncryptor(t, newItemProvider(t))
		stored, err := e.Encrypt(t.Context(), itemPlain())
		require.NoError(t, err)
		_, err = e.Decrypt(t.Context(), itemWith(stored, "STRING", &itemS{Value: "added"}))
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
	})
	// In a set that is accepted on read the rule holds as well.
	t.Run("previous set", func(t *testing.T) {
		t.Parallel()
		previous := actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"string": actions.SignOnly}}
		e := newItemEncryptor(t, newItemProvider(t), itemPrevious(previous))
		stored := newItemModel(previous.Default, previous.Overrides).encrypt(itemPlain())
		_, err := e.Decrypt(t.Context(), stored)
		require.NoError(t, err)
		_, err = e.Decrypt(t.Context(), itemWith(stored, "STRING", &itemS{Value: "added"}))
		require.Error(t, err)
		require.True(t, isItemReadError(err), "%v", err)
	})
}

func TestItemRule(t *testing.T) {
	t.Parallel()
	all := []actions.CryptoAction{actions.EncryptAndSign, actions.SignOnly, actions.DoNothing}
	rule := func(set ...actions.CryptoAction) encryptor.Rule {
		strictest := encryptor.RuleUnsigned
		for _, a := range set {
			switch a {
			case actions.EncryptAndSign:
				return encryptor.RuleEncrypted
			case actions.SignOnly:
				strictest = encryptor.RuleSigned
			}
		}
		return strictest
	}
	for _, current := range all {
		for _, first := range all {
			for _, second := range all {
				for _, byDefault := range all {
					t.Run(fmt.Sprint(current, first, second, byDefault), func(t *testing.T) {
						t.Parallel()
						e := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, itemActions{"name": current}), itemPrevious(
							actions.AttributeActions{Default: first}, actions.AttributeActions{Overrides: itemActions{"name": second, "other": actions.DoNothing}},
						))
						require.Equal(t, rule(current, first, second), e.Rule("name"))
						require.Equal(t, rule(byDefault, first, actions.DoNothing), e.Rule("other"))
						require.Equal(t, encryptor.RuleEncrypted, e.Rule("unknown"), "by the second set's default")
						require.Equal(t, encryptor.RuleSigned, e.Rule("id"))
						require.Equal(t, encryptor.RuleSigned, e.Rule("at"))
						require.Equal(t, encryptor.RuleReserved, e.Rule(itemSignature))
						require.Equal(t, encryptor.RuleReserved, e.Rule(itemDescription))

						alone := newItemEncryptor(t, newItemProvider(t), itemOptions(byDefault, itemActions{"name": current}))
						require.Equal(t, rule(current), alone.Rule("name"))
						require.Equal(t, rule(byDefault), alone.Rule("other"))
					})
				}
			}
		}
	}
	t.Run("keys", func(t *testing.T) {
		t.Parallel()
		unsigned := newItemEncryptor(t, newItemProvider(t), itemUnsignedKeys, itemOptions(actions.DoNothing, nil))
		require.Equal(t, encryptor.RuleUnsigned, unsigned.Rule("id"))
		migrating := newItemEncryptor(t, newItemProvider(t), itemUnsignedKeys, itemOptions(actions.DoNothing, nil), itemPrevious(actions.AttributeActions{Default: actions.DoNothing}))
		require.Equal(t, encryptor.RuleSigned, migrating.Rule("id"))
	})
}

func TestItemLayouts(t *testing.T) {
	t.Parallel()
	signed := encryptor.Layout{Stamp: itemSignature, Other: []string{itemDescription}}
	nothing := itemBoth(itemUnsignedKeys, itemOptions(actions.DoNothing, nil))
	previous := itemPrevious(actions.AttributeActions{})
	for name, c := range map[string]struct {
		options []func(*encryptor.Options)
		want    []encryptor.Layout
	}{
		"signed":                               {want: []encryptor.Layout{signed}},
		"keys signed alone":                    {options: []func(*encryptor.Options){itemOptions(actions.DoNothing, nil)}, want: []encryptor.Layout{signed}},
		"signed, previous":                     {options: []func(*encryptor.Options){previous}, want: []encryptor.Layout{signed}},
		"signed, plaintext":                    {options: []func(*encryptor.Options){itemPlaintext}, want: []encryptor.Layout{signed, {}}},
		"signed, previous, plaintext":          {options: []func(*encryptor.Options){previous, itemPlaintext}, want: []encryptor.Layout{signed, {}}},
		"nothing to do":                        {options: []func(*encryptor.Options){nothing}, want: []encryptor.Layout{{}}},
		"nothing to do, plaintext":             {options: []func(*encryptor.Options){nothing, itemPlaintext}, want: []encryptor.Layout{{}}},
		"nothing to do, previous":              {options: []func(*encryptor.Options){nothing, previous}, want: []encryptor.Layout{{}, signed}},
		"nothing to do, previous and so forth": {options: []func(*encryptor.Options){nothing, previous, itemPlaintext}, want: []encryptor.Layout{{}, signed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newItemEncryptor(t, newItemProvider(t), c.options...)
			require.Equal(t, c.want, e.Layouts())
			for _, layout := range e.Layouts() { // the caller's to change
				for i := range layout.Other {
					layout.Other[i] = "changed"
				}
			}
			require.Equal(t, c.want, e.Layouts())

			// What Layouts promises is what Encrypt writes and Decrypt reads.
			written, err := e.Encrypt(t.Context(), itemPlain())
			require.NoError(t, err)
			require.Equal(t, c.want[0].Stamp != "", written[itemSignature] != nil)
			_, err = e.Decrypt(t.Context(), itemPlain())
			if plain := c.want[0].Stamp == "" || len(c.want) == 2; plain {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, encryptor.ErrUnsigned)
			}
		})
	}
}
