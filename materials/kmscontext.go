package materials

import (
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/internal/quote"
)

func keyNames(ec EncryptionContext) []string {
	if ec.SortKeyName == "" {
		return []string{ec.PartitionKeyName}
	}
	return []string{ec.PartitionKeyName, ec.SortKeyName}
}

// kmsEncryptionContext is what KMS binds a data key to. A key attribute that is
// missing is left out, as Python does; then KMS decides.
func kmsEncryptionContext(ec EncryptionContext, algorithms kmsAlgorithms) (map[string]string, error) {
	kmsContext := make(map[string]string, 5)
	kmsContext["*amzn-ddb-env-alg*"] = algorithms.env
	kmsContext["*amzn-ddb-sig-alg*"] = algorithms.sig
	for _, name := range keyNames(ec) {
		v := ec.Attributes[name]
		if v == nil {
			continue
		}
		text, ok := keyText(v)
		if !ok {
			return nil, fmt.Errorf("key attribute %s is nil or not S, N or B: %T", quote.Name(name), v)
		}
		kmsContext[name] = text
	}
	if ec.TableName != "" {
		kmsContext["*aws-kms-table*"] = ec.TableName // last: a key of that name must not hide it
	}
	return kmsContext, nil
}

// keyText is what stands for a key attribute in the KMS encryption context.
func keyText(v types.AttributeValue) (text string, ok bool) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		if v != nil {
			return v.Value, true
		}
	case *types.AttributeValueMemberN:
		if v != nil {
			return v.Value, true
		}
	case *types.AttributeValueMemberB:
		if v != nil {
			return base64.StdEncoding.EncodeToString(v.Value), true
		}
	}
	return "", false
}
