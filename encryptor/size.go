package encryptor

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// itemSize is about what DynamoDB counts of an item: "Item sizes and formats" in
// its developer guide. Numbers are an estimate there, too.
func itemSize(item Item) int {
	total := 0
	for name, v := range item {
		total += len(name) + valueSize(v)
	}
	return total
}

func valueSize(v types.AttributeValue) int {
	const container, element = 3, 1
	total := 0
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return numberSize(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberSS:
		for _, member := range v.Value {
			total += len(member)
		}
	case *types.AttributeValueMemberNS:
		for _, member := range v.Value {
			total += numberSize(member)
		}
	case *types.AttributeValueMemberBS:
		for _, member := range v.Value {
			total += len(member)
		}
	case *types.AttributeValueMemberL:
		total = container
		for _, member := range v.Value {
			total += element + valueSize(member)
		}
	case *types.AttributeValueMemberM:
		total = container
		for name, member := range v.Value {
			total += element + len(name) + valueSize(member)
		}
	default: // BOOL, NULL
		return 1
	}
	return total
}

// numberSize is one byte for two digits and one more.
func numberSize(text string) int { return len(text)/2 + 1 }
