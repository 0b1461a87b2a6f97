package encryptor_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
)

// secretTexts is how the bytes of a secret could show up in print.
func secretTexts(secret []byte) map[string]string {
	start := secret[:6] // what shows part of a key is a leak, too
	list := func(format, separator string) string {
		var parts []string
		for _, b := range start {
			parts = append(parts, fmt.Sprintf(format, b))
		}
		return strings.Join(parts, separator)
	}
	base64Of := base64.StdEncoding.EncodeToString(start) // 6 bytes are 8 characters, whatever follows
	return map[string]string{
		"raw":              string(start),
		"quoted":           strings.Trim(fmt.Sprintf("%q", start), `"`),
		"quoted in ASCII":  strings.Trim(fmt.Sprintf("%+q", start), `"`),
		"hex":              hex.EncodeToString(start),
		"upper-case hex":   strings.ToUpper(hex.EncodeToString(start)),
		"spaced hex":       list("%02x", " "),
		"spaced upper hex": list("%02X", " "),
		"decimal list":     list("%d", " "),
		"decimal JSON":     list("%d", ","),
		"Go syntax":        list("0x%x", ", "),
		"base64":           base64Of,
		"URL-safe base64":  strings.NewReplacer("+", "-", "/", "_").Replace(base64Of),
		"errors by letter": list("%%!s(uint8=%d)", " "),
		"quoted letters":   list("%q", " "),
	}
}

// numberTexts is how a number, such as an RSA exponent, could show up.
func numberTexts(n *big.Int) map[string]string {
	texts := secretTexts(n.Bytes())
	texts["number"] = n.String()
	words := n.Bits()
	texts["words"] = fmt.Sprintf("%d %d", words[0], words[1])
	texts["words in Go syntax"] = fmt.Sprintf("0x%x, 0x%x", words[0], words[1])
	texts["words in hex"] = fmt.Sprintf("%x %x", words[0], words[1])
	return texts
}

// secrets are texts that must not show, by what they are and in which form.
type secrets map[string]map[string]string

func (s secrets) add(name string, secret []byte) { s[name] = secretTexts(secret) }

// addDigits takes more of a text that is all digits: times and addresses, which are
// in many prints, may have six of them by chance.
func (s secrets) addDigits(name, digits string) {
	texts := secretTexts([]byte(digits))
	for _, form := range []string{"raw", "quoted", "quoted in ASCII"} {
		texts[form] = digits[:12]
	}
	s[name] = texts
}

// in names what of the secrets is in a text.
func (s secrets) in(text string) string {
	for secret, texts := range s {
		for form, t := range texts {
			if strings.Contains(text, t) {
				return secret + " as " + form
			}
		}
	}
	return ""
}

// printers are the ways in which a value gets into a log.
func printers() map[string]func(v any) string {
	printers := map[string]func(v any) string{
		"encoding/json": func(v any) string {
			text, err := json.Marshal(v)
			return fmt.Sprint(string(text), err)
		},
		"slog text": func(v any) string {
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			return out.String()
		},
		"slog JSON": func(v any) string {
			var out bytes.Buffer
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v, slog.Group("g", "v", v))
			return out.String()
		},
		"error text":    func(v any) string { return fmt.Errorf("failed: %v", v).Error() },
		"wrapped error": func(v any) string { return inError(v, func(err error) error { return fmt.Errorf("failed: %w", err) }) },
		"joined error": func(v any) string {
			return inError(v, func(err error) error { return errors.Join(err, errors.New("another")) })
		},
		"panic": panicText,
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "% x", "% X", "%#x", "%q", "%+q", "%d", "%t", "%T", "%c", "%U", "%10.3v"} {
		printers[verb] = func(v any) string { return fmt.Sprintf(verb, v) }
	}
	return printers
}

// inError prints v within another error, every way round, if it is one.
func inError(v any, wrap func(error) error) string {
	err, ok := v.(error)
	if !ok {
		err = fmt.Errorf("%v", v)
	}
	wrapped := wrap(err)
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "err", wrapped)
	return fmt.Sprintf("%v %+v %#v %q", wrapped, wrapped, wrapped, wrapped) + out.String()
}

// panicText is what the runtime prints of a panic that nobody recovers, and what
// a server prints that does.
func panicText(v any) (text string) {
	defer func() {
		switch r := recover().(type) {
		case error:
			text = "panic: " + r.Error()
		case fmt.Stringer:
			text = "panic: " + r.String()
		default:
			text = fmt.Sprintf("panic serving: %v %+v", r, r)
		}
	}()
	panic(v)
}

// inStruct puts a value where fmt cannot call its methods, and where it can.
type inStruct[T any] struct {
	hidden T
	Shown  T
}

type inInterface struct {
	hidden any
	Shown  any
}

// places are the value as it is and inside the structs of somebody who prints
// those.
func places[T any](v T) map[string]any {
	return map[string]any{
		"by value":             v,
		"by pointer":           &v,
		"in a struct":          inStruct[T]{v, v},
		"pointer in struct":    inStruct[*T]{&v, &v},
		"pointer to struct":    &inStruct[T]{v, v},
		"in an interface":      inInterface{v, v},
		"in a slice":           []T{v},
		"in an array":          [1]T{v},
		"in a map":             map[string]T{"k": v},
		"in a struct of these": inStruct[inStruct[T]]{inStruct[T]{v, v}, inStruct[T]{v, v}},
		"in a slice of any":    []any{v, &v},
	}
}
