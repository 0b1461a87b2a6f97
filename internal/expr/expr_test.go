package expr_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/internal/expr"
)

var aliases = map[string]string{
	"#s":   "secret",
	"#dot": "a.b c",
	"#kw":  "AND",
	"#fn":  "size",
	"#_1":  "_private",
	"#1":   "1st",
}

func TestUses(t *testing.T) {
	t.Parallel()
	value := func(name string) expr.Use { return expr.Use{Name: name} }
	nested := func(name string) expr.Use { return expr.Use{Name: name, Nested: true} }
	exists := func(name string) expr.Use { return expr.Use{Name: name, ExistsOnly: true} }
	removed := func(name string) expr.Use { return expr.Use{Name: name, Removed: true} }
	tests := []struct {
		name, expression string
		want             []expr.Use
	}{
		{"comparison", "price <= :p", []expr.Use{value("price")}},
		{"every comparator", "a = :v AND b <> :v AND c < :v AND d <= :v AND e > :v AND f >= :v",
			[]expr.Use{value("a"), value("b"), value("c"), value("d"), value("e"), value("f")}},
		{"right-hand side", ":v = a", []expr.Use{value("a")}},
		{"two attributes", "a < b", []expr.Use{value("a"), value("b")}},
		{"values only", ":a = :b", nil},
		{"repeated", "a = :v OR a = :w", []expr.Use{value("a"), value("a")}},
		{"no spaces", "(a=:v)and(b=:w)", []expr.Use{value("a"), value("b")}},
		{"all white space", "\t\r\n a\t=\r\n:v ", []expr.Use{value("a")}},
		{"keywords in any case", "nOt a = :v Or b beTWEEN :x aNd :y", []expr.Use{value("a"), value("b")}},
		{"names are case-sensitive", "Price = price", []expr.Use{value("Price"), value("price")}},
		{"IN", "a IN (:x, b, :y)", []expr.Use{value("a"), value("b")}},
		{"BETWEEN attributes", "a BETWEEN b AND c", []expr.Use{value("a"), value("b"), value("c")}},
		{"alias", "#s = :v", []expr.Use{value("secret")}},
		{"alias is one name, whatever it contains", "#dot = :v", []expr.Use{value("a.b c")}},
		{"alias of a keyword", "#kw = :v", []expr.Use{value("AND")}},
		{"alias of a function", "#fn = :v AND size(#fn) > :v", []expr.Use{value("size"), value("size")}},
		{"alias with underscore and digits", "#_1 = #1", []expr.Use{value("_private"), value("1st")}},
		{"function name without a call", "contains = :v", []expr.Use{value("contains")}},
		{"nested by name", "a.b.c = :v", []expr.Use{nested("a")}},
		{"nested by index", "a[0][12] = :v", []expr.Use{nested("a")}},
		{"nested by alias: not a top-level use", "a.#s = :v", []expr.Use{nested("a")}},
		{"nested below an alias", "#s.b[3].#s = :v", []expr.Use{nested("secret")}},
		{"spaces in a path", "a . b [ 0 ] . #s = :v", []expr.Use{nested("a")}},
		{"exists", "attribute_exists(a)", []expr.Use{exists("a")}},
		{"not exists", "attribute_not_exists ( #s )", []expr.Use{exists("secret")}},
		{"exists and value", "attribute_exists(a) AND a = :v", []expr.Use{exists("a"), value("a")}},
		{"exists below", "attribute_exists(a.b)", []expr.Use{{Name: "a", Nested: true, ExistsOnly: true}}},
		{"exists within parentheses", "NOT (attribute_exists(a))", []expr.Use{exists("a")}},
		{"exists of more than a path", "attribute_exists(a = :v)", []expr.Use{value("a")}},
		{"exists of a function", "attribute_exists(size(a))", []expr.Use{value("a")}},
		{"exists of two", "attribute_exists(a, b)", []expr.Use{value("a"), value("b")}},
		{"exists of parentheses", "attribute_exists((a))", []expr.Use{value("a")}},
		{"exists ends at its parenthesis", "attribute_exists(:v) AND (a) = :v", []expr.Use{value("a")}},
		{"if_not_exists reads the value", "SET a = if_not_exists(b, :v)", []expr.Use{value("a"), value("b")}},
		{"if_not_exists alone", "SET a = if_not_exists(b)", []expr.Use{value("a"), value("b")}},
		{"other functions", "attribute_type(a, :t) AND begins_with(b, :p) AND contains(c, d) AND size(e) > :n",
			[]expr.Use{value("a"), value("b"), value("c"), value("d"), value("e")}},
		{"key condition", "pk = :p AND begins_with(sk, :prefix)", []expr.Use{value("pk"), value("sk")}},
		{"projection", "a, b.c, #s[1]", []expr.Use{value("a"), nested("b"), nested("secret")}},
		{"update", "SET a = :v, b.c = d - :w, e = list_append(f, :l) REMOVE g, h[0] ADD i :n DELETE j :set, #s :set",
			[]expr.Use{value("a"), nested("b"), value("d"), value("e"), value("f"),
				removed("g"), {Name: "h", Nested: true, Removed: true}, value("i"), value("j"), value("secret")}},
		{"update in lower case", "set a=a+:v remove b", []expr.Use{value("a"), value("a"), removed("b")}},
		{"REMOVE before another clause", "REMOVE #s, a.b SET c = d", []expr.Use{removed("secret"), {Name: "a", Nested: true, Removed: true}, value("c"), value("d")}},
		{"minus without spaces in SET", "SET a = b-c", []expr.Use{value("a"), value("b"), value("c")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := expr.Uses(tt.expression, aliases)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestUsesRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, expression string
		want             error
		text             string // part of the message
	}{
		{"empty", "", expr.ErrSyntax, "empty"},
		{"white space", " \n", expr.ErrSyntax, "empty"},
		{"undefined alias", "#none = :v", expr.ErrUndefinedAlias, `"#none" at byte 0`},
		{"undefined alias in a path", "a.#none = :v", expr.ErrUndefinedAlias, `"#none" at byte 2`},
		{"alias is case-sensitive", "#S = :v", expr.ErrUndefinedAlias, `"#S"`},
		{"long alias is cut", "#" + strings.Repeat("x", 5000), expr.ErrUndefinedAlias, `"#` + strings.Repeat("x", 63) + `"… at`},
		{"bare hash", "# = :v", expr.ErrSyntax, "' ' at byte 1"},
		{"bare colon", "a = :", expr.ErrSyntax, "unexpected end"},
		{"space in alias", "# s = :v", expr.ErrSyntax, "at byte 1"},
		{"double hash", "##s = :v", expr.ErrSyntax, "'#' at byte 1"},
		{"name of an alias joined to another", "#s#s = :v", expr.ErrSyntax, "'#' at byte 2"},

		{"unclosed", "(a = :v", expr.ErrSyntax, "unclosed parentheses (1)"},
		{"not opened", "a = :v)", expr.ErrSyntax, "')' at byte 6"},
		{"closed before opened", ")a = :v(", expr.ErrSyntax, "')' at byte 0"},
		{"empty parentheses", "() = :v", expr.ErrSyntax, "')' at byte 1"},
		{"function without argument", "size()", expr.ErrSyntax, "')' at byte 5"},
		{"unclosed function", "size(a", expr.ErrSyntax, "unclosed parentheses (1)"},
		{"call of a value", ":v(a)", expr.ErrSyntax, "'(' at byte 2"},
		{"call of an alias", "#fn(a)", expr.ErrSyntax, "'(' at byte 3"},
		{"call of a path", "a.size(b)", expr.ErrSyntax, "'(' at byte 6"},

		{"unknown function", "lower(a) = :v", expr.ErrSyntax, `unknown function "lower" at byte 0`},
		{"functions are case-sensitive", "Attribute_Exists(a)", expr.ErrSyntax, `unknown function "Attribute_Exists"`},
		{"long function name is cut", strings.Repeat("f", 5000) + "(a)", expr.ErrSyntax, `"` + strings.Repeat("f", 64) + `"…`},
		{"function after an operand", "a size(b)", expr.ErrSyntax, `misplaced function "size"`},
		{"function after a clause", "SET size(a) = :v", expr.ErrSyntax, `misplaced function "size"`},

		{"keyword as an attribute", "and = :v", expr.ErrSyntax, "misplaced AND at byte 0"},
		{"keyword as an operand", "a = between", expr.ErrSyntax, "misplaced BETWEEN at byte 4"},
		{"NOT as an attribute", "not = :v", expr.ErrSyntax, "'=' at byte 4"},
		{"NOT as an operand", "a = not", expr.ErrSyntax, "misplaced NOT"},
		{"NOT at the end", "NOT", expr.ErrSyntax, "operand is missing"},
		{"NOT IN", "a NOT IN (:v)", expr.ErrSyntax, "misplaced NOT"},
		{"NOT as an argument", "attribute_exists(not)", expr.ErrSyntax, "misplaced NOT"},
		{"SET as an attribute", "set = :v", expr.ErrSyntax, "'=' at byte 4"},
		{"REMOVE as an attribute", "remove = :v", expr.ErrSyntax, "'=' at byte 7"},
		{"REMOVE in a projection", "a, remove", expr.ErrSyntax, "misplaced REMOVE"},
		{"ADD as an attribute", "REMOVE a, add", expr.ErrSyntax, "misplaced ADD"},
		{"ADD as an operand", "SET a = add", expr.ErrSyntax, "misplaced ADD"},
		{"DELETE as an attribute of ADD", "ADD delete :v", expr.ErrSyntax, "misplaced DELETE"},
		{"clause in a condition", "a = :v REMOVE b", expr.ErrSyntax, "misplaced REMOVE"},
		{"clause after an open parenthesis", "SET a = (b REMOVE c)", expr.ErrSyntax, "misplaced REMOVE"},
		{"clause in parentheses", "(SET a = :v)", expr.ErrSyntax, "misplaced SET"},
		{"clause without attribute", "REMOVE", expr.ErrSyntax, "operand is missing"},
		{"clause with a value", "ADD :v", expr.ErrSyntax, "':' at byte 4"},
		{"SET of a value", "SET :v = a", expr.ErrSyntax, "':' at byte 4"},
		{"clause with parentheses", "SET (a) = :v", expr.ErrSyntax, "'(' at byte 4"},
		{"keyword in a path", "a.set = :v", expr.ErrSyntax, "word at byte 2"},
		{"path below a keyword", "add.a = :v", expr.ErrSyntax, "'.' at byte 3"},

		{"hyphen in a condition", "a-b = :v", expr.ErrSyntax, "'-' at byte 1"},
		{"plus in a condition", "a = b + :v", expr.ErrSyntax, "'+' at byte 6"},
		{"minus in REMOVE", "SET a = :v REMOVE b-c", expr.ErrSyntax, "'-' at byte 19"},
		{"unary minus", "SET a = -:v", expr.ErrSyntax, "'-' at byte 8"},
		{"leading underscore", "_a = :v", expr.ErrSyntax, "'_' at byte 0"},
		{"leading underscore in a path", "a._b = :v", expr.ErrSyntax, "'_' at byte 2"},
		{"leading digit", "1a = :v", expr.ErrSyntax, "literal at byte 0"},
		{"digit in a path", "a.0 = :v", expr.ErrSyntax, "literal at byte 2"},
		{"letter that is not ASCII", "größe = :v", expr.ErrSyntax, `'ö' at byte 2`},
		{"letter that folds to ASCII", "a \u017fet b", expr.ErrSyntax, `'ſ' at byte 2`},
		{"invalid UTF-8", "a\xff = :v", expr.ErrSyntax, "at byte 1"},
		{"NUL", "a\x00 = :v", expr.ErrSyntax, `'\x00' at byte 1`},
		{"no-break space", "a\u00a0= :v", expr.ErrSyntax, "at byte 1"},
		{"vertical tab", "a\v= :v", expr.ErrSyntax, "at byte 1"},
		{"comment", "a = :v -- b", expr.ErrSyntax, "'-' at byte 7"},
		{"second statement", "a = :v; b = :v", expr.ErrSyntax, "';' at byte 6"},
		{"quoted name", "`a` = :v", expr.ErrSyntax, "at byte 0"},
		{"not equal as in C", "a != :v", expr.ErrSyntax, "'!' at byte 2"},
		{"double equals", "a == :v", expr.ErrSyntax, "'=' at byte 3"},
		{"split comparator", "a < = :v", expr.ErrSyntax, "'=' at byte 4"},

		{"two operands", "a b", expr.ErrSyntax, "word at byte 2"},
		{"operand after a parenthesis", "(a = :v) b", expr.ErrSyntax, "word at byte 9"},
		{"value after a path", "a :v", expr.ErrSyntax, "':' at byte 2"},
		{"value after a path in SET", "SET a :v", expr.ErrSyntax, "':' at byte 6"},
		{"second value in ADD", "ADD a :v :w", expr.ErrSyntax, "':' at byte 9"},
		{"missing operand", "a =", expr.ErrSyntax, "operand is missing"},
		{"missing left operand", "= :v", expr.ErrSyntax, "'=' at byte 0"},
		{"trailing comma", "a, b,", expr.ErrSyntax, "operand is missing"},
		{"double comma", "a,, b", expr.ErrSyntax, "',' at byte 2"},

		{"path ends in a dot", "a.", expr.ErrSyntax, "unexpected end"},
		{"double dot", "a..b", expr.ErrSyntax, "'.' at byte 2"},
		{"value in a path", "a.:v = :v", expr.ErrSyntax, "':' at byte 2"},
		{"path below a value", ":v.a = :v", expr.ErrSyntax, "'.' at byte 2"},
		{"path below parentheses", "(a).b = :v", expr.ErrSyntax, "'.' at byte 3"},
		{"empty index", "a[] = :v", expr.ErrSyntax, "']' at byte 2"},
		{"negative index", "a[-1] = :v", expr.ErrSyntax, "'-' at byte 2"},
		{"attribute as index", "a[b] = :v", expr.ErrSyntax, "word at byte 2"},
		{"alias as index", "a[#s] = :v", expr.ErrSyntax, "'#' at byte 2"},
		{"value as index", "a[:v] = :v", expr.ErrSyntax, "':' at byte 2"},
		{"two indexes", "a[0,1] = :v", expr.ErrSyntax, "',' at byte 3"},
		{"unclosed index", "a[0", expr.ErrSyntax, "unexpected end"},
		{"stray bracket", "a = ]", expr.ErrSyntax, "']' at byte 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := expr.Uses(tt.expression, aliases)
			require.ErrorIs(t, err, tt.want)
			assert.Nil(t, got)
			assert.ErrorContains(t, err, tt.text)
		})
	}
}

// A literal in the place of a placeholder is a value, and may be a secret one.
func TestErrorsDoNotRepeatLiterals(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		`ssn = "987-65-4321"`, `ssn = '987-65-4321'`, "ssn = 987", "ssn = :v OR 987 = ssn", "ssn[0] 987", "size(ssn, 987)",
	} {
		_, err := expr.Uses(expression, nil)
		require.ErrorIs(t, err, expr.ErrSyntax, expression)
		assert.ErrorContains(t, err, "literal at byte", expression)
		assert.NotContains(t, err.Error(), "9", expression)
	}
}

func TestEnclosed(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"(a = :v)":                        true,
		" \t( a = :v )\r\n":               true,
		"((a = :v))":                      true,
		"((a = :v) AND (b = :w))":         true,
		"(attribute_exists(a))":           true,
		"(a IN (:v, :w))":                 true,
		"a = :v":                          false,
		"(a = :v) AND (b = :w)":           false,
		"(a = :v) AND b = :w":             false,
		"a = :v AND (b = :w)":             false,
		"NOT (a = :v)":                    false,
		"attribute_exists(a)":             false,
		"attribute_exists (a)":            false,
		"(a) = :v":                        false,
		"((a = :v)) AND ((b = :w))":       false,
		"(a = :v OR (b = :w)) AND c = :x": false,
	} {
		_, err := expr.Uses(expression, nil)
		require.NoError(t, err, expression)
		assert.Equal(t, want, expr.Enclosed(expression), expression)
	}
	for _, unreadable := range []string{"", " ", "(", ")", "(a = :v", ")a = :v("} {
		assert.False(t, expr.Enclosed(unreadable), unreadable)
	}
}

// The service stops at 4 KB. Here a longer expression is read too, without
// recursion, however deep its parentheses and paths are.
func TestDeepExpressions(t *testing.T) {
	t.Parallel()
	const n = 1 << 15
	got, err := expr.Uses(strings.Repeat("(", n)+"a"+strings.Repeat(".b[0]", n)+" = :v"+strings.Repeat(")", n), nil)
	require.NoError(t, err)
	assert.Equal(t, []expr.Use{{Name: "a", Nested: true}}, got)

	_, err = expr.Uses(strings.Repeat("NOT (size(", n), nil)
	require.ErrorIs(t, err, expr.ErrSyntax)
}

// What remains of a valid expression when everything that is not a top-level
// attribute has been taken out by regular expressions: an independent count of
// the names that Uses must report.
var (
	notNames       = regexp.MustCompile(`:\w+|\[\s*\d+\s*\]|\.\s*#?\w+|\b[a-z_]+\s*\(`)
	anyKeyword     = regexp.MustCompile(`(?i)(?:^|[^#\w])(?:(?:AND|OR|NOT|BETWEEN|IN|SET|REMOVE|ADD|DELETE)\b\s*)+`)
	namesOrAliases = regexp.MustCompile(`#?\w+`)
)

func FuzzUses(f *testing.F) {
	for _, seed := range []string{
		"a = :v", "#s = :v AND NOT attribute_exists(#s)", "attribute_not_exists(a.#s[0])", "a BETWEEN b AND #dot OR c IN (:x, d)",
		"SET a = if_not_exists(#s, :v) - b, c = list_append(c, :l) REMOVE d[1] ADD #_1 :n DELETE #1 :s", "a, b.c, #s[1]",
		"((size((a)) > :v))", "contains = size(contains)", "a . b [ 0 ] = :v", "NOT NOT a", "#none = :v", "and = or", "a-b = :v", "a\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		uses, err := expr.Uses(expression, aliases)
		if err != nil {
			require.Nil(t, uses)
			require.True(t, errors.Is(err, expr.ErrSyntax) || errors.Is(err, expr.ErrUndefinedAlias), "%v", err)
			return
		}

		rest := anyKeyword.ReplaceAllString(notNames.ReplaceAllString(expression, " "), " ")
		var want []string
		for _, word := range namesOrAliases.FindAllString(rest, -1) {
			if name, ok := aliases[word]; ok {
				word = name
			}
			want = append(want, word)
		}
		var got []string
		exists := 0
		for _, use := range uses {
			got = append(got, use.Name)
			if use.ExistsOnly {
				exists++
			}
		}
		require.Equal(t, want, got, "%q", expression)
		require.LessOrEqual(t, exists, strings.Count(expression, "attribute_exists")+strings.Count(expression, "attribute_not_exists"))

		wrapped, err := expr.Uses("("+expression+")", aliases)
		if err != nil { // an update expression cannot stand in parentheses
			require.ErrorIs(t, err, expr.ErrSyntax)
			require.Regexp(t, `(?i)^\s*(SET|REMOVE|ADD|DELETE)\b`, expression)
			return
		}
		require.Equal(t, uses, wrapped, "%q", expression)
		require.True(t, expr.Enclosed("("+expression+")"), "%q", expression)
		require.False(t, expr.Enclosed("("+expression+") AND ("+expression+")"), "%q", expression)
		if expr.Enclosed(expression) {
			text := strings.Trim(expression, " \t\r\n")
			within, err := expr.Uses(text[1:len(text)-1], aliases)
			require.NoError(t, err, "%q", expression)
			require.Equal(t, uses, within, "%q", expression)
		}
	})
}
