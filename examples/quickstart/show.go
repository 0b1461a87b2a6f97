package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// show prints items as DynamoDB holds them beside what the service sees of them,
// the key attributes first.
func show(stored, read []encryptor.Item, keys ...string) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  attribute\tDynamoDB holds\tthe service sees")
	fmt.Fprintln(w, "  ---------\t--------------\t----------------")
	for i, item := range stored[:min(len(stored), len(read))] {
		rest := maps.Clone(item)
		for _, key := range keys {
			delete(rest, key)
		}
		if i > 0 {
			fmt.Fprintln(w, "\t\t")
		}
		for _, name := range append(slices.Clone(keys), slices.Sorted(maps.Keys(rest))...) {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", name, text(item[name]), text(read[i][name]))
		}
	}
	w.Flush()
	for line := range strings.Lines(table.String()) {
		fmt.Println(strings.TrimRight(line, " \n"))
	}
	fmt.Println()
}

func text(v types.AttributeValue) string {
	const most = 12
	switch v := v.(type) {
	case nil:
		return ""
	case *types.AttributeValueMemberS:
		return fmt.Sprintf("S %q", v.Value)
	case *types.AttributeValueMemberN:
		return "N " + v.Value
	case *types.AttributeValueMemberB:
		if len(v.Value) > most {
			return fmt.Sprintf("B %x… (%d bytes)", v.Value[:most], len(v.Value))
		}
		return fmt.Sprintf("B %x", v.Value)
	default:
		return fmt.Sprintf("%T", v)
	}
}
