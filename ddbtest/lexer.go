package ddbtest

import (
	"strings"
)

type tokenKind uint8

const (
	tokenEnd     tokenKind = iota
	tokenName              // a bare word, keywords included; it begins with a letter
	tokenAlias             // #name
	tokenValue             // :name
	tokenInteger           // digits, of a list index
	tokenSymbol            // ( ) [ ] . , = <> < <= > >= + -
)

type token struct {
	kind       tokenKind
	text       string
	start, end int // byte offsets in the expression
}

// lex cuts an expression into tokens; the last one is a tokenEnd.
func lex(source string) ([]token, error) {
	var tokens []token
	for {
		t, ok := tokenAfter(source, tokens)
		tokens = append(tokens, t)
		if !ok {
			next, _ := tokenAfter(source, tokens)
			return nil, syntaxError(source, append(tokens, next), len(tokens)-1)
		}
		if t.kind == tokenEnd {
			return tokens, nil
		}
	}
}

// tokenAfter reads the token that follows those read. Where none begins it returns
// one byte, which is no token.
func tokenAfter(source string, tokens []token) (t token, ok bool) {
	pos := 0
	if len(tokens) > 0 {
		pos = tokens[len(tokens)-1].end
	}
	for pos < len(source) && strings.IndexByte(" \t\r\n", source[pos]) >= 0 {
		pos++
	}
	t = nextToken(source, pos)
	if t.end > pos || pos == len(source) {
		return t, true
	}
	return token{kind: tokenEnd, text: source[pos : pos+1], start: pos, end: pos + 1}, false
}

// nextToken reads the token at pos. It is empty at the end of the source and
// where no token begins.
func nextToken(source string, pos int) token {
	cut := func(kind tokenKind, length int) token {
		return token{kind: kind, text: source[pos : pos+length], start: pos, end: pos + length}
	}
	rest := source[pos:]
	if rest == "" {
		return token{kind: tokenEnd, text: "<EOF>", start: pos, end: pos}
	}
	switch c := rest[0]; {
	case c == '#' || c == ':':
		kind := tokenAlias
		if c == ':' {
			kind = tokenValue
		}
		if n := span(rest[1:], isWord); n > 0 {
			return cut(kind, n+1)
		}
	case isDigit(c):
		return cut(tokenInteger, span(rest, isDigit))
	case isLetter(c):
		return cut(tokenName, span(rest, isWord))
	case c == '<' || c == '>':
		if len(rest) > 1 && (rest[1] == '=' || c == '<' && rest[1] == '>') {
			return cut(tokenSymbol, 2)
		}
		return cut(tokenSymbol, 1)
	case strings.IndexByte("()[].,=+-", c) >= 0:
		return cut(tokenSymbol, 1)
	}
	return cut(tokenEnd, 0)
}

// span counts the leading bytes of s that are of the class.
func span(s string, class func(byte) bool) int {
	n := 0
	for n < len(s) && class(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isWord(c byte) bool { return c == '_' || isDigit(c) || isLetter(c) }

// syntaxError complains about tokens[at] and shows its neighbours.
func syntaxError(source string, tokens []token, at int) error {
	bad := tokens[at]
	first, last := tokens[max(at-1, 0)], tokens[min(at+1, len(tokens)-1)]
	return invalid("Syntax error; token: %q, near: %q", bad.text, source[first.start:last.end])
}
