package materialstest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/materials"
)

// leastSecret is the length from which a text is looked for: shorter ones are
// found by chance.
const leastSecret = 8

// valuesOf returns the S, N and B values of an item, which nothing may print.
func valuesOf(ec materials.EncryptionContext) [][]byte {
	var secrets [][]byte
	for _, value := range ec.Attributes {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			secrets = append(secrets, []byte(v.Value))
		case *types.AttributeValueMemberN:
			secrets = append(secrets, []byte(v.Value))
		case *types.AttributeValueMemberB:
			secrets = append(secrets, v.Value)
		}
	}
	return secrets
}

// checkPrints looks for secrets in everything that v prints.
func (s *suite) checkPrints(what string, v any) {
	s.Helper()
	for form, text := range printed(v) {
		lower := strings.ToLower(text)
		if slices.ContainsFunc(s.secrets, func(secret secret) bool { return secret.isIn(text, lower) }) {
			s.fail("%s shows a secret when printed by %s", what, form)
		}
	}
}

func printed(v any) map[string]string {
	texts := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		texts[verb] = fmt.Sprintf(verb, v)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("printed", "value", v)
	texts["slog"] = log.String()
	log.Reset()
	slog.New(slog.NewJSONHandler(&log, nil)).Info("printed", "value", v)
	texts["slog as JSON"] = log.String()
	if b, err := json.Marshal(v); err == nil {
		texts["encoding/json"] = string(b)
	}
	return texts
}

// secret is what somebody could print of some bytes.
type secret struct {
	hex   string   // to be found in lower case
	texts []string // as they are, in base64, and as the numbers by which fmt shows bytes
}

func secretsOf(all [][]byte) []secret {
	var secrets []secret
	for _, b := range all {
		if len(b) < leastSecret {
			continue
		}
		secrets = append(secrets, secret{hex.EncodeToString(b), []string{
			string(b),
			base64.RawStdEncoding.EncodeToString(b[:len(b)-len(b)%3]),
			strings.Trim(fmt.Sprint(b), "[]"),
			strings.Trim(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte"), "{}"),
		}})
	}
	return secrets
}

func (s secret) isIn(text, lower string) bool {
	return strings.Contains(lower, s.hex) || slices.ContainsFunc(s.texts, func(t string) bool { return strings.Contains(text, t) })
}
