package materialstest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
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
		for _, secret := range s.secrets {
			if len(secret) >= leastSecret && shows(text, secret) {
				s.Errorf("%s shows a secret when printed by %s", what, form)
				break
			}
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

// shows looks for a secret as it is, in hexadecimal, in base64 and as the numbers
// by which fmt shows bytes.
func shows(text string, secret []byte) bool {
	encoded := base64.RawStdEncoding.EncodeToString(secret[:len(secret)-len(secret)%3])
	numbers := strings.Trim(fmt.Sprint(secret), "[]")
	hexNumbers := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte{"), "}")
	lower := strings.ToLower(text)
	return strings.Contains(text, string(secret)) || strings.Contains(lower, hex.EncodeToString(secret)) ||
		strings.Contains(text, encoded) || strings.Contains(text, numbers) || strings.Contains(text, hexNumbers)
}
