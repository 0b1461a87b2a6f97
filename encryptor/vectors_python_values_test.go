package encryptor_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
)

// pyVectorItem and pyVectorValue read DynamoDB JSON.
type pyVectorItem struct{ encryptor.Item }

type pyVectorValue struct{ types.AttributeValue }

func (i *pyVectorItem) UnmarshalJSON(data []byte) error {
	var values map[string]pyVectorValue
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	i.Item = encryptor.Item{}
	for name, v := range values {
		i.Item[name] = v.AttributeValue
	}
	return nil
}

func (v *pyVectorValue) UnmarshalJSON(data []byte) error {
	var tagged map[string]json.RawMessage
	if err := json.Unmarshal(data, &tagged); err != nil {
		return err
	}
	if len(tagged) != 1 {
		return errors.New("a value has exactly one type")
	}
	for tag, body := range tagged {
		switch tag {
		case "NULL":
			return pyVectorInto(v, body, func(b bool) types.AttributeValue { return &types.AttributeValueMemberNULL{Value: b} })
		case "BOOL":
			return pyVectorInto(v, body, func(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} })
		case "S":
			return pyVectorInto(v, body, func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} })
		case "N":
			return pyVectorInto(v, body, func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} })
		case "B":
			return pyVectorInto(v, body, func(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} })
		case "SS":
			return pyVectorInto(v, body, func(s []string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: s} })
		case "NS":
			return pyVectorInto(v, body, func(s []string) types.AttributeValue { return &types.AttributeValueMemberNS{Value: s} })
		case "BS":
			return pyVectorInto(v, body, func(b [][]byte) types.AttributeValue { return &types.AttributeValueMemberBS{Value: b} })
		case "L":
			return pyVectorInto(v, body, func(values []pyVectorValue) types.AttributeValue {
				list := make([]types.AttributeValue, len(values))
				for i, member := range values {
					list[i] = member.AttributeValue
				}
				return &types.AttributeValueMemberL{Value: list}
			})
		case "M":
			return pyVectorInto(v, body, func(item pyVectorItem) types.AttributeValue {
				return &types.AttributeValueMemberM{Value: item.Item}
			})
		default:
			return fmt.Errorf("unknown type %q", tag)
		}
	}
	return nil
}

func pyVectorInto[T any](v *pyVectorValue, body json.RawMessage, wrap func(T) types.AttributeValue) error {
	var value T
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	v.AttributeValue = wrap(value)
	return nil
}

// pyVectorCanonical gives each attribute a text that is the same for values that DynamoDB holds equal: numbers by
// value, sets without order.
func pyVectorCanonical(item encryptor.Item) map[string]string {
	texts := make(map[string]string, len(item))
	for name, v := range item {
		texts[name] = pyVectorText(v)
	}
	return texts
}

func pyVectorText(v types.AttributeValue) string {
	set := func(tag string, members []string) string {
		slices.Sort(members)
		return fmt.Sprintf("%s%q", tag, members)
	}
	number := func(text string) string {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			return "not a number: " + text
		}
		return r.RatString()
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberNULL:
		return fmt.Sprintf("NULL %t", v.Value)
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprintf("BOOL %t", v.Value)
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("S %q", v.Value)
	case *types.AttributeValueMemberN:
		return "N " + number(v.Value)
	case *types.AttributeValueMemberB:
		return "B " + base64.StdEncoding.EncodeToString(v.Value)
	case *types.AttributeValueMemberSS:
		return set("SS", slices.Clone(v.Value))
	case *types.AttributeValueMemberNS:
		var members []string
		for _, member := range v.Value {
			members = append(members, number(member))
		}
		return set("NS", members)
	case *types.AttributeValueMemberBS:
		var members []string
		for _, member := range v.Value {
			members = append(members, string(member))
		}
		return set("BS", members)
	case *types.AttributeValueMemberL:
		var members []string
		for _, member := range v.Value {
			members = append(members, pyVectorText(member))
		}
		return "L[" + strings.Join(members, ", ") + "]"
	case *types.AttributeValueMemberM:
		return fmt.Sprintf("M%q", pyVectorCanonical(v.Value))
	}
	return fmt.Sprintf("unexpected %T", v)
}

func pyVectorRSAKey(pkcs8 []byte) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T where an RSA key belongs", parsed)
	}
	return key, nil
}

func pyVectorSigning(algorithm string, key []byte) (materials.Signer, materials.Verifier, error) {
	if !strings.HasSuffix(algorithm, "withRSA") {
		mac, err := materials.NewHMACKeyFor(algorithm, key)
		return mac, mac, err
	}
	private, err := pyVectorRSAKey(key)
	if err != nil {
		return nil, nil, err
	}
	signer, err := materials.NewSigner(private, algorithm)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := materials.NewVerifier(&private.PublicKey, algorithm)
	return signer, verifier, err
}
