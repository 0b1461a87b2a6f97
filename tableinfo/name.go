package tableinfo

import (
	"errors"
	"fmt"
	"strings"
)

// ErrTableName is wrapped by every error about text that is neither a table name nor the ARN of a table.
var ErrTableName = errors.New("not a table name")

// NameOf returns the bare name of a table, for which requests may give a table ARN: "books" for "books" and for
// "arn:aws:dynamodb:eu-west-1:111122223333:table/books", in any partition. Text with a colon is taken for an ARN, since names have none.
//
// The empty text, ARNs of anything but a table (its indexes, streams, backups and other services included) and text with a slash are
// errors that wrap [ErrTableName]. Length and letters of a name are DynamoDB's to judge.
func NameOf(tableNameOrARN string) (string, error) {
	s := tableNameOrARN
	if s == "" {
		return "", fmt.Errorf("%w: it is empty", ErrTableName)
	}
	if !strings.Contains(s, ":") {
		if strings.Contains(s, "/") {
			return "", fmt.Errorf("%w: %s contains a slash", ErrTableName, quote(s))
		}
		return s, nil
	}
	// arn:partition:dynamodb:region:account:table/NAME
	parts := strings.Split(s, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[3] == "" || parts[4] == "" {
		return "", fmt.Errorf("%w: %s is a malformed ARN", ErrTableName, quote(s))
	}
	if parts[2] != "dynamodb" {
		return "", fmt.Errorf("%w: %s is an ARN of the service %s", ErrTableName, quote(s), quote(parts[2]))
	}
	name, ok := strings.CutPrefix(parts[5], "table/")
	if !ok || name == "" || strings.Contains(name, "/") {
		return "", fmt.Errorf("%w: %s is the ARN of something other than a table", ErrTableName, quote(s))
	}
	return name, nil
}
