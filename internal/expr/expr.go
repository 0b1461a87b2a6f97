// Package expr finds the attributes that a DynamoDB expression names.
//
// [Uses] reads a condition, filter, key condition, update or projection
// expression and reports every top-level attribute in it, with #aliases
// resolved, so that a caller can refuse an expression that looks at an
// encrypted attribute.
//
// The package does not decide whether an expression is valid: the service does
// that, and this grammar is wider than the service's in places where no name
// can hide, such as the number of arguments of a function. It is never wider in
// what it skips. Each token must be one that DynamoDB knows, in a place where
// its kind may stand, and anything else is [ErrSyntax]. A keyword is
// therefore never taken for an attribute, nor an attribute for a keyword.
//
// Names have the form that the service itself asks for: a bare name is an ASCII
// letter followed by ASCII letters, digits and underscores, and any other
// attribute needs an alias in ExpressionAttributeNames.
//
// Time is linear in the length of the expression, and nothing recurses.
package expr

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ddbec/ddbec-go/internal/quote"
)

var (
	// ErrSyntax means that the expression is not one that this package can read
	// to its end. DynamoDB would answer ValidationException for nearly all such
	// expressions. The known exceptions are an attribute in parentheses that a
	// path follows, as in "(a).b", and a condition on an attribute named "remove"
	// without an alias: the one keyword that is not a reserved word.
	ErrSyntax = errors.New("expression syntax error")

	// ErrUndefinedAlias means that the expression has a #alias that is not among
	// its ExpressionAttributeNames.
	ErrUndefinedAlias = errors.New("undefined alias in expression")
)

// Use is one place at which an expression names an attribute.
type Use struct {
	// Name is the top-level attribute, with an alias resolved. It may be printed
	// with %q; it comes from the caller and has any length.
	Name string

	// Nested is set if a document path follows, as in "a.b" or "a[0]".
	Nested bool

	// ExistsOnly is set if the use, with its path, is the whole argument of
	// attribute_exists or attribute_not_exists. The result of the expression then
	// depends on the attribute's presence and not on its value, unless the use is
	// Nested as well.
	ExistsOnly bool

	// Removed is set in the REMOVE clause of an update expression.
	Removed bool
}

// Uses returns the uses of attributes in an expression in the order of their
// appearance, repeated ones included. The names are the request's
// ExpressionAttributeNames and may be nil. It fails with an error wrapping
// [ErrSyntax] or [ErrUndefinedAlias] and then returns no uses. An empty
// expression is an [ErrSyntax], as it is for the service.
//
// Errors give byte offsets, and the names of aliases and functions cut at 64
// bytes; a literal value that somebody wrote into the expression is not
// repeated.
func Uses(expression string, names map[string]string) ([]Use, error) {
	p := parser{names: names}
	if err := p.parse(expression); err != nil {
		return nil, err
	}
	return p.uses, nil
}

// Equalities returns the attributes that an expression compares by "=" with a value
// placeholder on the right, and the placeholder of each. It is meant for key
// conditions, which are comparisons joined by AND. Errors are those of [Uses].
func Equalities(expression string, names map[string]string) (map[string]string, error) {
	p := parser{names: names, equal: make(map[string]string)}
	if err := p.parse(expression); err != nil {
		return nil, err
	}
	return p.equal, nil
}

// Enclosed tells whether one pair of parentheses encloses a whole expression, as in
// "(a = :v OR b = :w)" and not in "(a = :v) OR (b = :w)". DynamoDB refuses to have
// a second pair put around that. The expression is one that [Uses] reads.
func Enclosed(expression string) bool {
	expression = strings.Trim(expression, space)
	if !strings.HasPrefix(expression, "(") {
		return false
	}
	depth := 0
	for i := range len(expression) {
		switch expression[i] { // there are no quotes in which a parenthesis could stand
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return i == len(expression)-1
		}
	}
	return false
}

// kind says what the token before the current position was; it decides what may
// follow. Knowing whether an operand or an operator is due is all the grammar
// needed to tell a keyword from a name.
type kind uint8

const (
	atStart     kind = iota
	afterPath        // an attribute with its document path
	afterValue       // a value placeholder or a closing parenthesis
	afterOpen        // an opening parenthesis
	afterExists      // the opening parenthesis of attribute_exists or attribute_not_exists
	afterInfix       // a comparator, "+", "-", a comma, BETWEEN or IN
	afterLogic       // AND, OR or NOT
	afterClause      // SET, REMOVE, ADD or DELETE
)

func (k kind) endsOperand() bool { return k == afterPath || k == afterValue }

const (
	clauseSet    = "SET"
	clauseRemove = "REMOVE"
	clauseAdd    = "ADD"
	clauseDelete = "DELETE"
)

// keywords are compared without regard to case, unlike functions. None of them
// is accepted as a bare attribute name.
var keywords = map[string]kind{
	"AND": afterLogic, "OR": afterLogic, "NOT": afterLogic,
	"BETWEEN": afterInfix, "IN": afterInfix,
	clauseSet: afterClause, clauseRemove: afterClause, clauseAdd: afterClause, clauseDelete: afterClause,
}

// functions maps each function to what its opening parenthesis leaves behind.
var functions = map[string]kind{
	"attribute_exists":     afterExists,
	"attribute_not_exists": afterExists,
	"attribute_type":       afterOpen,
	"begins_with":          afterOpen,
	"contains":             afterOpen,
	"size":                 afterOpen,
	"if_not_exists":        afterOpen,
	"list_append":          afterOpen,
}

type parser struct {
	src    string
	pos    int
	names  map[string]string
	last   kind
	depth  int    // open parentheses
	clause string // the clause of an update expression, else empty
	uses   []Use

	left  string            // the attribute on the left of the "=" that was just read
	equal map[string]string // placeholders by attribute; nil if nobody asks
}

func (p *parser) parse(expression string) error {
	p.src = expression
	for p.skipSpace(); p.pos < len(p.src); p.skipSpace() {
		if err := p.token(); err != nil {
			return err
		}
	}
	switch {
	case p.last == atStart:
		return fmt.Errorf("%w: it is empty", ErrSyntax)
	case !p.last.endsOperand():
		return fmt.Errorf("%w: it ends where an operand is missing", ErrSyntax)
	case p.depth > 0:
		return fmt.Errorf("%w: unclosed parentheses (%d)", ErrSyntax, p.depth)
	}
	return nil
}

// token reads one token, a path or the head of a function call counting as one.
// The position is at a byte that is not white space.
func (p *parser) token() error {
	left := p.left
	p.left = ""
	switch c := p.src[p.pos]; {
	case isLetter(c):
		return p.wordToken()
	case c == '#':
		return p.path(p.pos)
	case c == ':':
		return p.value(left)
	case c == '(':
		if p.last.endsOperand() || p.last == afterClause {
			return p.unexpected()
		}
		p.open(afterOpen)
	case c == ')':
		if !p.last.endsOperand() || p.depth == 0 {
			return p.unexpected()
		}
		p.pos++
		p.depth--
		p.last = afterValue
	case c == ',' || c == '=' || c == '<' || c == '>':
		return p.infix()
	case (c == '+' || c == '-') && p.clause == clauseSet:
		// Elsewhere "a-b" is no subtraction but somebody's attribute without its
		// alias, and must not be reported as two others.
		return p.infix()
	default:
		return p.unexpected()
	}
	return nil
}

// infix reads a comma, a comparator, "+" or "-".
func (p *parser) infix() error {
	if !p.last.endsOperand() {
		return p.unexpected()
	}
	if p.last == afterPath && p.peek() == '=' {
		if use := p.uses[len(p.uses)-1]; !use.Nested {
			p.left = use.Name
		}
	}
	p.last = afterInfix
	switch rest := p.src[p.pos:]; {
	case strings.HasPrefix(rest, "<>"), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		p.pos += 2
	default:
		p.pos++
	}
	return nil
}

// wordToken reads a keyword, the head of a function call or a path.
func (p *parser) wordToken() error {
	start := p.pos
	word := p.word()
	if k, ok := keywords[strings.ToUpper(word)]; ok {
		return p.keyword(start, strings.ToUpper(word), k)
	}
	p.skipSpace()
	if p.peek() != '(' {
		return p.path(start)
	}
	k, ok := functions[word]
	if !ok {
		return fmt.Errorf("%w: unknown function %s at byte %d", ErrSyntax, quote.Name(word), start)
	}
	if p.last.endsOperand() || p.last == afterClause {
		return fmt.Errorf("%w: misplaced function %s at byte %d", ErrSyntax, quote.Name(word), start)
	}
	p.open(k)
	return nil
}

// keyword accepts a keyword only where no operand is due (NOT excepted, which
// must itself be followed by one), so that an attribute of the same name cannot
// pass for it.
func (p *parser) keyword(start int, word string, k kind) error {
	ok := p.last.endsOperand()
	switch {
	case word == "NOT":
		ok = p.last == atStart || p.last == afterOpen || p.last == afterLogic
	case k == afterClause:
		ok = p.depth == 0 && (p.last == atStart || ok && p.clause != "")
		p.clause = word
	}
	if !ok {
		return fmt.Errorf("%w: misplaced %s at byte %d; an attribute of that name needs an alias in ExpressionAttributeNames", ErrSyntax, word, start)
	}
	p.last = k
	return nil
}

// path reads an attribute and the document path that follows it, from start.
func (p *parser) path(start int) error {
	p.pos = start
	if p.last.endsOperand() {
		return p.unexpected()
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	use := Use{Name: name, Removed: p.clause == clauseRemove}
	for {
		p.skipSpace()
		switch p.peek() {
		case '.':
			p.pos++
			p.skipSpace()
			if _, err := p.name(); err != nil {
				return err
			}
		case '[':
			p.pos++
			if err := p.index(); err != nil {
				return err
			}
		default:
			use.ExistsOnly = p.last == afterExists && p.peek() == ')'
			p.uses = append(p.uses, use)
			p.last = afterPath
			return nil
		}
		use.Nested = true
	}
}

// name reads one element of a path, a bare name or an alias, and resolves it.
func (p *parser) name() (string, error) {
	start := p.pos
	if p.peek() == '#' {
		p.pos++
		if !isWord(p.peek()) {
			return "", p.unexpected()
		}
		alias := "#" + p.word()
		name, ok := p.names[alias]
		if !ok {
			return "", fmt.Errorf("%w: %s at byte %d is not in ExpressionAttributeNames", ErrUndefinedAlias, quote.Name(alias), start)
		}
		return name, nil
	}
	if !isLetter(p.peek()) {
		return "", p.unexpected()
	}
	word := p.word()
	if _, ok := keywords[strings.ToUpper(word)]; ok {
		p.pos = start
		return "", p.unexpected()
	}
	return word, nil
}

// index reads the rest of "[n]" after its opening bracket.
func (p *parser) index() error {
	p.skipSpace()
	if !isDigit(p.peek()) {
		return p.unexpected()
	}
	for isDigit(p.peek()) {
		p.pos++
	}
	p.skipSpace()
	if p.peek() != ']' {
		return p.unexpected()
	}
	p.pos++
	return nil
}

// value reads a value placeholder. Only ADD and DELETE have one directly after a
// path. left is the attribute that the value is compared with by "=", if it is.
func (p *parser) value(left string) error {
	ok := !p.last.endsOperand() && p.last != afterClause
	if p.clause == clauseAdd || p.clause == clauseDelete {
		ok = p.last == afterPath
	}
	if !ok {
		return p.unexpected()
	}
	start := p.pos
	p.pos++
	if !isWord(p.peek()) {
		return p.unexpected()
	}
	p.word()
	if left != "" && p.equal != nil {
		p.equal[left] = p.src[start:p.pos]
	}
	p.last = afterValue
	return nil
}

func (p *parser) open(k kind) {
	p.pos++
	p.depth++
	p.last = k
}

// space is what may stand between tokens.
const space = " \t\r\n"

// word reads letters, digits and underscores; the caller has looked at the first.
func (p *parser) word() string {
	start := p.pos
	for isWord(p.peek()) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func (p *parser) skipSpace() {
	for p.pos < len(p.src) && strings.IndexByte(space, p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// peek returns the byte at the position. At the end it returns a newline, which
// is no part of any token and never stands where peek is called after skipSpace.
func (p *parser) peek() byte {
	if p.pos == len(p.src) {
		return '\n'
	}
	return p.src[p.pos]
}

// unexpected reports the character at the position. Digits and quotes begin
// somebody's literal value, which an error must not repeat.
func (p *parser) unexpected() error {
	if p.pos == len(p.src) {
		return fmt.Errorf("%w: unexpected end", ErrSyntax)
	}
	switch c := p.src[p.pos]; {
	case isDigit(c) || c == '"' || c == '\'':
		return fmt.Errorf("%w: literal at byte %d; values go into ExpressionAttributeValues, names that begin with a digit into ExpressionAttributeNames", ErrSyntax, p.pos)
	case isLetter(c):
		return fmt.Errorf("%w: unexpected word at byte %d", ErrSyntax, p.pos)
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	return fmt.Errorf("%w: unexpected %q at byte %d", ErrSyntax, r, p.pos)
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
