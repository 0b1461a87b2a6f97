package ddbtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzNumber compares with math/big, and checks that the canonical form is one.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"0", "-0", "1.0", "00042", "1.5E2", "-9.99E125", "1E-130", ".5", "5.", "1e", "", "0e99999999999999999999", "12345678901234567890123456789012345678"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNumber(text)
		if err != nil {
			var e *apiError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, codeValidation, e.code)
			return
		}
		again, err := parseNumber(n.String())
		require.NoError(t, err)
		assert.Equal(t, n, again)
		assert.Zero(t, n.compare(again))
		if n.digits == "" {
			assert.Equal(t, "0", n.String()) // big.Rat takes no exponent of zero that is too large
			return
		}
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		got, ok := new(big.Rat).SetString(n.String())
		require.True(t, ok)
		assert.Zero(t, want.Cmp(got), "%s: %s", text, n)
		assert.Equal(t, want.Sign(), n.sign())
	})
}

// TestNumberOrder compares all pairs with math/big, and adds them.
func TestNumberOrder(t *testing.T) {
	t.Parallel()
	texts := []string{"0", "-0", "1", "-1", "0.1", "-0.1", "0.09", "10", "9", "99", "100", "-9", "-10", "-99", "-100", "1E-130", "-1E-130", "9E125", "-9E125", "1.01", "1.1", "-1.01", "-1.1", "123.456", "123.4561"}
	for _, a := range texts {
		for _, b := range texts {
			x, _ := new(big.Rat).SetString(a)
			y, _ := new(big.Rat).SetString(b)
			got := mustNumber(a).compare(mustNumber(b))
			assert.Equal(t, x.Cmp(y) < 0, got < 0, "%s %s", a, b)
			assert.Equal(t, x.Cmp(y) > 0, got > 0, "%s %s", a, b)
			if sum, err := mustNumber(a).add(mustNumber(b)); err == nil {
				z, _ := new(big.Rat).SetString(sum.String())
				assert.Zero(t, z.Cmp(x.Add(x, y)), "%s + %s = %s", a, b, sum)
			}
		}
	}
}

// FuzzExpression checks that any text is evaluated or refused.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"a = :v", "NOT (a.b[1] < #n OR size(a) IN (:v, b)) AND c BETWEEN :v AND :w", "begins_with(a, :v)", "((a))", "a[", "#", ":", "a, b.c", "<>", "size(size(a)) = :v", "SET a.b[1] = if_not_exists(a.b[0], :v) + :w, x = list_append(a.b, a.b) REMOVE #n ADD c :v", "DELETE a.s :v"} {
		f.Add(seed)
	}
	stored, err := rawItem{
		"a": json.RawMessage(`{"M":{"b":{"L":[{"N":"1"},{"S":"x"}]}}}`),
		"b": json.RawMessage(`{"S":"y"}`),
		"c": json.RawMessage(`{"N":"2"}`),
	}.decode()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, source string) {
		env, err := newEnvironment(map[string]string{"#n": "b"}, map[string]json.RawMessage{
			":v": json.RawMessage(`{"N":"1"}`), ":w": json.RawMessage(`{"N":"3"}`),
		})
		require.NoError(t, err)
		refused := func(err error) bool {
			if err == nil {
				return false
			}
			e, ok := errors.AsType[*apiError](err)
			require.True(t, ok, "%T", err)
			assert.Equal(t, codeValidation, e.code)
			return true
		}
		c, err := env.condition("ConditionExpression", &source)
		if !refused(err) {
			assert.NotEqual(t, c.matches(stored), not{c}.matches(stored))
			c.matches(nil)
			if k, err := newKeyCondition(c); !refused(err) {
				refused(k.check(keySchema{{"b", "S"}, {"c", "N"}}))
			}
		}
		u, err := env.update(&source)
		if !refused(err) {
			before := fmt.Sprint(stored)
			if after, err := u.effect(item{}, stored); !refused(err) {
				assert.NoError(t, after.checkSize())
				assert.LessOrEqual(t, u.updated(after).size(), after.size())
			}
			assert.Equal(t, before, fmt.Sprint(stored), "stored items are never modified")
		}
		p, err := env.projection(&source)
		if !refused(err) {
			assert.LessOrEqual(t, p.apply(stored).size(), stored.size())
		}
	})
}
