package encryptor_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

func TestItemConfigurationRefused(t *testing.T) {
	t.Parallel()
	type options = func(*encryptor.Options)
	index := func(i tableinfo.Index) func(*tableinfo.TableInfo) {
		return func(t *tableinfo.TableInfo) { t.Secondary = append(t.Secondary, i) }
	}
	const arn = "arn:aws:dynamodb:us-east-1:111122223333:table/customers"
	for name, c := range map[string]struct {
		options options
		table   func(*tableinfo.TableInfo)
		noKeys  bool // nil provider
		want    error
		text    []string
	}{
		"nil provider": {noKeys: true, text: []string{"nil materials provider"}},

		"encrypted partition key": {options: itemOptions(0, itemActions{"id": actions.EncryptAndSign}),
			want: actions.ErrKeyAction, text: []string{`"id"`, "ENCRYPT_AND_SIGN"}},
		"encrypted sort key": {options: itemOptions(actions.DoNothing, itemActions{"at": actions.EncryptAndSign}),
			want: actions.ErrKeyAction, text: []string{`"at"`, "ENCRYPT_AND_SIGN"}},
		"unsigned partition key": {options: itemOptions(0, itemActions{"id": actions.DoNothing}),
			want: actions.ErrKeyAction, text: []string{`"id"`, "DO_NOTHING"}},
		"unsigned sort key": {options: itemOptions(actions.DoNothing, itemActions{"at": actions.DoNothing}),
			want: actions.ErrKeyAction, text: []string{`"at"`, "DO_NOTHING"}},
		"encrypted key with UnsignedKeys": {options: itemBoth(itemUnsignedKeys, itemOptions(actions.DoNothing, itemActions{"id": actions.EncryptAndSign})),
			want: actions.ErrKeyAction, text: []string{`"id"`, "ENCRYPT_AND_SIGN"}},

		"unknown default":  {options: itemOptions(3, nil), want: actions.ErrUnknownAction, text: []string{"Actions", "default action"}},
		"unknown override": {options: itemOptions(0, itemActions{"name": 200}), want: actions.ErrUnknownAction, text: []string{"Actions", `"name"`}},
		"unknown action of a key": {options: itemOptions(0, itemActions{"id": 7}),
			want: actions.ErrUnknownAction, text: []string{"Actions", `"id"`}},
		"empty name": {options: itemOptions(0, itemActions{"": actions.SignOnly}), text: []string{"Actions", "empty"}},

		"signature in Overrides":   {options: itemOptions(0, itemActions{itemSignature: actions.DoNothing}), want: encryptor.ErrReservedAttribute, text: []string{`"*amzn-ddb-map-sig*"`}},
		"description in Overrides": {options: itemOptions(0, itemActions{itemDescription: actions.SignOnly}), want: encryptor.ErrReservedAttribute, text: []string{`"*amzn-ddb-map-desc*"`}},
		"successor's head":         {options: itemOptions(0, itemActions{"aws_dbe_head": actions.DoNothing}), want: encryptor.ErrReservedAttribute, text: []string{`"aws_dbe_head"`}},
		"successor's prefix":       {options: itemOptions(0, itemActions{"aws_dbe_": actions.DoNothing}), want: encryptor.ErrReservedAttribute, text: []string{`"aws_dbe_"`}},

		"previous with encrypted key": {options: itemPrevious(actions.AttributeActions{}, actions.AttributeActions{Overrides: itemActions{"id": actions.EncryptAndSign}}),
			want: actions.ErrKeyAction, text: []string{"PreviousActions[1]", `"id"`}},
		"previous with unknown action": {options: itemPrevious(actions.AttributeActions{Default: 9}), want: actions.ErrUnknownAction, text: []string{"PreviousActions[0]"}},
		"previous with reserved name": {options: itemPrevious(actions.AttributeActions{Overrides: itemActions{itemSignature: actions.SignOnly}}),
			want: encryptor.ErrReservedAttribute, text: []string{"PreviousActions[0]", `"*amzn-ddb-map-sig*"`}},
		"previous that signs nothing": {options: itemPrevious(actions.AttributeActions{Default: actions.DoNothing, Overrides: itemActions{"id": actions.DoNothing, "at": actions.DoNothing}}),
			text: []string{"PreviousActions[0]", "signs nothing", "Options.Plaintext"}},

		"global index": {table: index(tableinfo.Index{Name: "by-mail", PartitionKey: "mail"}), text: []string{`"mail"`, `"by-mail"`, "SIGN_ONLY"}},
		"global index, sort key": {table: index(tableinfo.Index{Name: "by-age", PartitionKey: "mail", SortKey: "age"}),
			options: itemOptions(0, itemActions{"mail": actions.SignOnly}), text: []string{`"age"`, `"by-age"`}},
		"local index": {table: index(tableinfo.Index{Name: "by-size", PartitionKey: "id", SortKey: "size", Local: true}), text: []string{`"size"`, `"by-size"`}},
		"third key":   {table: index(tableinfo.Index{Name: "by-more", PartitionKey: "id", MoreKeys: []string{"at", "third"}}), text: []string{`"third"`, `"by-more"`}},
		"vector": {table: index(tableinfo.Index{Name: "by-meaning", Vector: true, MoreKeys: []string{"embedding"}}),
			text: []string{`"embedding"`, `"by-meaning"`}},
		"index key encrypted by entry": {table: index(tableinfo.Index{Name: "by-mail", PartitionKey: "mail"}),
			options: itemOptions(actions.DoNothing, itemActions{"mail": actions.EncryptAndSign}), text: []string{`"mail"`, `"by-mail"`}},

		"ARN as name":          {table: func(t *tableinfo.TableInfo) { t.Name = arn }, want: tableinfo.ErrTableName, text: []string{"ARN"}},
		"no name":              {table: func(t *tableinfo.TableInfo) { t.Name = "" }, want: tableinfo.ErrTableName, text: []string{"empty"}},
		"no partition key":     {table: func(t *tableinfo.TableInfo) { t.Primary.PartitionKey = "" }, want: tableinfo.ErrTableInfo, text: []string{"partition key"}},
		"one key for both":     {table: func(t *tableinfo.TableInfo) { t.Primary.SortKey = "id" }, want: tableinfo.ErrTableInfo, text: []string{`"id"`}},
		"signed name is ARN":   {options: func(o *encryptor.Options) { o.SignedTableName = arn }, text: []string{"ARN", "bare name"}},
		"accepted name is ARN": {options: itemAccept("customers-2", arn), text: []string{"ARN", "bare name"}},
		"accepted name empty":  {options: itemAccept(""), want: tableinfo.ErrTableName, text: []string{"empty"}},
		"other service's ARN":  {options: itemAccept("arn:aws:s3:us-east-1:111122223333:table/customers"), want: tableinfo.ErrTableName},

		"unknown plaintext policy": {options: func(o *encryptor.Options) { o.Plaintext = 2 }, text: []string{"PlaintextPolicy"}},
		"unknown order":            {options: func(o *encryptor.Options) { o.Order = 2 }, text: []string{"CanonicalOrder"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := itemTable()
			if c.table != nil {
				c.table(&info)
			}
			var p materials.CryptographicMaterialsProvider
			if !c.noKeys {
				p = newItemProvider(t)
			}
			var optFns []options
			if c.options != nil {
				optFns = append(optFns, c.options)
			}
			e, err := encryptor.New(p, info, optFns...)
			require.Error(t, err)
			require.Nil(t, e)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			for _, text := range c.text {
				require.Contains(t, err.Error(), text)
			}
		})
	}
}

func itemBoth(fns ...func(*encryptor.Options)) func(*encryptor.Options) {
	return func(o *encryptor.Options) {
		for _, fn := range fns {
			fn(o)
		}
	}
}

// What is configured in the last case of each rule above, short of being refused.
func TestItemConfigurationAccepted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options func(*encryptor.Options)
		index   tableinfo.Index
	}{
		"keys listed as they are":            {options: itemOptions(0, itemActions{"id": actions.SignOnly, "at": actions.SignOnly})},
		"unsigned keys by entry":             {options: itemBoth(itemUnsignedKeys, itemOptions(0, itemActions{"id": actions.DoNothing}))},
		"unsigned keys by default":           {options: itemBoth(itemUnsignedKeys, itemOptions(actions.DoNothing, nil))},
		"previous with unsigned key":         {options: itemPrevious(actions.AttributeActions{Overrides: itemActions{"id": actions.DoNothing}})},
		"previous that signs its keys alone": {options: itemPrevious(actions.AttributeActions{Default: actions.DoNothing})},
		"index key signed":                   {index: tableinfo.Index{PartitionKey: "mail"}, options: itemOptions(0, itemActions{"mail": actions.SignOnly})},
		"index key unsigned":                 {index: tableinfo.Index{PartitionKey: "mail"}, options: itemOptions(actions.DoNothing, nil)},
		"index over the primary key":         {index: tableinfo.Index{PartitionKey: "at", SortKey: "id"}},
		// Only what is written would land in the index.
		"index key encrypted before": {index: tableinfo.Index{PartitionKey: "mail"},
			options: itemBoth(itemOptions(actions.SignOnly, nil), itemPrevious(actions.AttributeActions{}))},
		"names of no table": {options: itemBoth(itemAccept("None", "null", "customers"), func(o *encryptor.Options) { o.SignedTableName = "customers" })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := itemTable()
			if c.index.PartitionKey != "" {
				c.index.Name = "index"
				info.Secondary = []tableinfo.Index{c.index}
			}
			if c.options == nil {
				c.options = func(*encryptor.Options) {}
			}
			e, err := encryptor.New(newItemProvider(t), info, c.options)
			require.NoError(t, err)
			require.Equal(t, info, e.Table())
		})
	}
}

// Changing what was given to New, or what Table returns, changes no encryptor.
func TestItemConfigurationIsCopied(t *testing.T) {
	t.Parallel()
	overrides := itemActions{"open": actions.SignOnly}
	previous := itemActions{"open": actions.DoNothing}
	sets := []actions.AttributeActions{{Overrides: previous}}
	names := []string{"orders"}
	info := itemTable()
	info.Secondary = []tableinfo.Index{{Name: "index", PartitionKey: "open", MoreKeys: []string{"id"}, NonKeyAttributes: []string{"x"}}}
	want := info.Clone()
	var kept *encryptor.Options
	e := newItemEncryptorOn(t, info, newItemProvider(t), itemOptions(0, overrides), func(o *encryptor.Options) {
		o.PreviousActions = sets
		o.AcceptTableNames = names
		kept = o
	})

	overrides["open"], overrides["id"], overrides["string"] = actions.DoNothing, actions.DoNothing, actions.DoNothing
	previous["open"] = actions.EncryptAndSign
	sets[0] = actions.AttributeActions{Default: actions.DoNothing}
	names[0] = "elsewhere"
	info.Secondary[0].MoreKeys[0], info.Primary.PartitionKey = "string", "string"
	kept.Plaintext = encryptor.AllowPlaintextReads
	kept.Order = encryptor.JavaOrder
	e.Table().Secondary[0].MoreKeys[0] = "string"
	e.Table().Secondary[0].NonKeyAttributes[0] = "string"

	require.Equal(t, want, e.Table())
	require.Equal(t, encryptor.RuleSigned, e.Rule("open"))
	require.Equal(t, encryptor.RuleEncrypted, e.Rule("string"))
	item := itemWith(itemPlain(), "open", &itemS{Value: "hush-open"})
	stored, err := e.Encrypt(t.Context(), item)
	require.NoError(t, err)
	now := newItemModel(0, itemActions{"open": actions.SignOnly})
	require.NoError(t, now.check(item, stored))
	before := newItemModel(0, itemActions{"open": actions.DoNothing})
	before.table = "orders"
	_, err = e.Decrypt(t.Context(), before.encrypt(item))
	require.NoError(t, err)
	_, err = e.Decrypt(t.Context(), item)
	require.ErrorIs(t, err, encryptor.ErrUnsigned)
}

// A key that no entry names and one that an entry names, by the rule of each
// place where actions stand.
func TestItemKeyActions(t *testing.T) {
	t.Parallel()
	const none = actions.CryptoAction(255)
	for name, c := range map[string]struct {
		byDefault, entry actions.CryptoAction
		unsignedKeys     bool
		previous         bool
		want             actions.CryptoAction // of the key
	}{
		"encrypt":                                  {byDefault: actions.EncryptAndSign, entry: none, want: actions.SignOnly},
		"sign":                                     {byDefault: actions.SignOnly, entry: none, want: actions.SignOnly},
		"nothing":                                  {byDefault: actions.DoNothing, entry: none, want: actions.SignOnly},
		"encrypt, entry sign":                      {byDefault: actions.EncryptAndSign, entry: actions.SignOnly, want: actions.SignOnly},
		"nothing, entry sign":                      {byDefault: actions.DoNothing, entry: actions.SignOnly, want: actions.SignOnly},
		"UnsignedKeys, encrypt":                    {unsignedKeys: true, byDefault: actions.EncryptAndSign, entry: none, want: actions.SignOnly},
		"UnsignedKeys, sign":                       {unsignedKeys: true, byDefault: actions.SignOnly, entry: none, want: actions.SignOnly},
		"UnsignedKeys, nothing":                    {unsignedKeys: true, byDefault: actions.DoNothing, entry: none, want: actions.DoNothing},
		"UnsignedKeys, encrypt, entry nothing":     {unsignedKeys: true, byDefault: actions.EncryptAndSign, entry: actions.DoNothing, want: actions.DoNothing},
		"UnsignedKeys, nothing, entry sign":        {unsignedKeys: true, byDefault: actions.DoNothing, entry: actions.SignOnly, want: actions.SignOnly},
		"previous, nothing":                        {previous: true, byDefault: actions.DoNothing, entry: none, want: actions.SignOnly},
		"previous, encrypt, entry nothing":         {previous: true, byDefault: actions.EncryptAndSign, entry: actions.DoNothing, want: actions.DoNothing},
		"previous, nothing, entry nothing":         {previous: true, byDefault: actions.DoNothing, entry: actions.DoNothing, want: actions.DoNothing},
		"previous beside UnsignedKeys, by default": {previous: true, unsignedKeys: true, byDefault: actions.DoNothing, entry: none, want: actions.SignOnly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := actions.AttributeActions{Default: c.byDefault, Overrides: itemActions{"string": actions.SignOnly}}
			if c.entry != none {
				set.Overrides["id"] = c.entry
			}
			m := newItemModel(c.byDefault, set.Overrides)
			m.actions.Overrides["id"] = c.want
			if c.unsignedKeys && !c.previous && c.byDefault == actions.DoNothing {
				m.actions.Overrides["at"] = actions.DoNothing
			}
			e := newItemEncryptor(t, newItemProvider(t), func(o *encryptor.Options) {
				o.UnsignedKeys = c.unsignedKeys
				if c.previous {
					o.Actions.Default = actions.SignOnly // writes another signature than the previous set
					o.PreviousActions = []actions.AttributeActions{set}
				} else {
					o.Actions = set
				}
			})
			item := itemPlain()
			if !c.previous {
				stored, err := e.Encrypt(t.Context(), item)
				require.NoError(t, err)
				require.NoError(t, m.check(item, stored))
			}
			stored := m.encrypt(item)
			_, err := e.Decrypt(t.Context(), stored)
			require.NoError(t, err)
			_, err = e.Decrypt(t.Context(), itemWith(stored, "id", &itemS{Value: "hush-moved"}))
			if c.want == actions.DoNothing {
				require.NoError(t, err, "an unsigned key can be changed; that is what UnsignedKeys warns of")
			} else {
				requireItemFault(t, err, encryptor.ErrInvalidSignature, "", item)
			}
		})
	}
}

// itemDescriber is a DynamoDB that describes itemTable and does nothing else.
type itemDescriber struct{ encryptor.DynamoDBAPI }

func (itemDescriber) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return &dynamodb.DescribeTableOutput{Table: &types.TableDescription{
		TableName: aws.String("customers"),
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("at"), KeyType: types.KeyTypeRange},
		},
	}}, nil
}

// The options of New reach NewEncryptedTable, and are refused there alike.
func TestItemConfigurationOfATable(t *testing.T) {
	t.Parallel()
	open := func(optFns ...func(*encryptor.Options)) (*encryptor.EncryptedTable, error) {
		return encryptor.NewEncryptedTable(t.Context(), itemDescriber{}, "customers", newItemProvider(t), optFns...)
	}
	table, err := open(itemOptions(actions.DoNothing, itemActions{"string": actions.SignOnly}))
	require.NoError(t, err)
	require.Equal(t, []string{"id", "at"}, table.Codec().Table().KeyNames())
	require.Equal(t, encryptor.RuleSigned, table.Codec().Rule("string"))
	require.Equal(t, encryptor.RuleUnsigned, table.Codec().Rule("number"))

	_, err = open(func(o *encryptor.Options) { o.Concurrency = -1 })
	require.ErrorContains(t, err, "TableOptions.Concurrency: must not be negative (-1)")
	_, err = encryptor.NewTable(itemDescriber{}, newItemEncryptor(t, newItemProvider(t)), func(o *encryptor.TableOptions) { o.Concurrency = -8 })
	require.ErrorContains(t, err, "TableOptions.Concurrency: must not be negative (-8)")
	_, err = open(itemOptions(0, itemActions{"id": actions.EncryptAndSign}))
	require.ErrorIs(t, err, actions.ErrKeyAction)
	require.ErrorContains(t, err, `"id"`)
	_, err = open(itemOptions(0, itemActions{itemSignature: actions.SignOnly}))
	require.ErrorIs(t, err, encryptor.ErrReservedAttribute)
	_, err = encryptor.NewEncryptedTable(t.Context(), itemDescriber{}, "customers", nil)
	require.ErrorContains(t, err, "nil materials provider")
}

// Rule is what a request has to spare, WeakestRule what can be relied on.
func TestItemWeakestRule(t *testing.T) {
	t.Parallel()
	e := newItemEncryptor(t, newItemProvider(t), func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"signed": actions.SignOnly, "now": actions.DoNothing}
		o.PreviousActions = []actions.AttributeActions{{
			Overrides: map[string]actions.CryptoAction{"signed": actions.SignOnly, "before": actions.SignOnly, "id": actions.DoNothing},
		}}
	})
	for name, want := range map[string][2]encryptor.Rule{
		"other":       {encryptor.RuleEncrypted, encryptor.RuleEncrypted},
		"signed":      {encryptor.RuleSigned, encryptor.RuleSigned},
		"now":         {encryptor.RuleEncrypted, encryptor.RuleUnsigned},
		"before":      {encryptor.RuleEncrypted, encryptor.RuleSigned},
		"id":          {encryptor.RuleSigned, encryptor.RuleUnsigned},
		"at":          {encryptor.RuleSigned, encryptor.RuleSigned},
		itemSignature: {encryptor.RuleReserved, encryptor.RuleReserved},
	} {
		require.Equal(t, want, [2]encryptor.Rule{e.Rule(name), e.WeakestRule(name)}, name)
	}
}
