package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/ddbtest"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/kmstest"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/tableinfo"
)

// shop is what the examples of the operations start from: customers by id, and their
// orders by customer and number with an index over the courier.
type shop struct {
	server            *ddbtest.Server
	db                *dynamodb.Client
	provider          materials.CryptographicMaterialsProvider
	customers, orders *encryptor.EncryptedTable
}

// Customer is an item of the table customers, and Order one of the table orders.
type (
	Customer struct {
		ID     string `dynamodbav:"id"`
		Name   string `dynamodbav:"name"`
		Points int    `dynamodbav:"points"`
		Orders int    `dynamodbav:"orders" ddbec:"DO_NOTHING"` // a counter
	}
	Order struct {
		Customer string `dynamodbav:"customer"`
		No       int    `dynamodbav:"order_no"`
		Courier  string `dynamodbav:"courier" ddbec:"SIGN_ONLY"` // an index is over it
		Address  string `dynamodbav:"address"`
	}
)

func openShop(ctx context.Context) shop {
	k := kmstest.New()
	provider, err := materials.NewDirectKMSProvider(k, k.CreateKey())
	if err != nil {
		log.Fatal(err)
	}
	s := shop{server: ddbtest.NewServer(), provider: provider}
	s.db = s.server.Client()
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
	}
	for _, in := range []*dynamodb.CreateTableInput{{
		TableName:            aws.String("customers"),
		AttributeDefinitions: []types.AttributeDefinition{attribute("id", types.ScalarAttributeTypeS)},
		KeySchema:            []types.KeySchemaElement{key("id", types.KeyTypeHash)},
	}, {
		TableName: aws.String("orders"),
		AttributeDefinitions: []types.AttributeDefinition{
			attribute("customer", types.ScalarAttributeTypeS), attribute("order_no", types.ScalarAttributeTypeN), attribute("courier", types.ScalarAttributeTypeS),
		},
		KeySchema: []types.KeySchemaElement{key("customer", types.KeyTypeHash), key("order_no", types.KeyTypeRange)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName:  aws.String("by-courier"),
			KeySchema:  []types.KeySchemaElement{key("courier", types.KeyTypeHash)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}},
	}} {
		in.BillingMode = types.BillingModePayPerRequest
		if _, err := s.db.CreateTable(ctx, in); err != nil {
			log.Fatal(err)
		}
	}
	customerActions, err := actions.FromStruct[Customer]()
	if err != nil {
		log.Fatal(err)
	}
	orderActions, err := actions.FromStruct[Order]()
	if err != nil {
		log.Fatal(err)
	}
	open := func(name string, a actions.AttributeActions) *encryptor.EncryptedTable {
		table, err := encryptor.NewEncryptedTable(ctx, s.db, name, provider, func(o *encryptor.Options) { o.Actions = a })
		if err != nil {
			log.Fatal(err)
		}
		return table
	}
	s.customers, s.orders = open("customers", customerActions), open("orders", orderActions)
	return s
}

func save[T any](ctx context.Context, table *encryptor.EncryptedTable, values ...T) {
	for _, v := range values {
		item, err := attributevalue.MarshalMap(v)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := table.PutItem(ctx, &dynamodb.PutItemInput{Item: item}); err != nil {
			log.Fatal(err)
		}
	}
}

func keyOfOrder(customer, no string) encryptor.Item {
	return encryptor.Item{"customer": &types.AttributeValueMemberS{Value: customer}, "order_no": &types.AttributeValueMemberN{Value: no}}
}

// A struct whose tags say what happens to each attribute, written if it is not there
// yet: whether an attribute exists may be asked of encrypted ones too, what it holds
// may not.
func ExampleEncryptedTable_PutItem() {
	ctx := context.Background()
	s := openShop(ctx)
	type Customer struct {
		ID   string `dynamodbav:"id"`
		IBAN string `dynamodbav:"iban"`
		Tier string `dynamodbav:"tier" ddbec:"SIGN_ONLY"`
	}
	customerActions, err := actions.FromStruct[Customer]()
	if err != nil {
		log.Fatal(err)
	}
	table, err := encryptor.NewEncryptedTable(ctx, s.db, "customers", s.provider, func(o *encryptor.Options) {
		o.Actions = customerActions
	})
	if err != nil {
		log.Fatal(err)
	}

	item, err := attributevalue.MarshalMap(Customer{ID: "c-1", IBAN: "DE02120300000000202051", Tier: "gold"})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		_, err := table.PutItem(ctx, &dynamodb.PutItemInput{
			Item:                item,
			ConditionExpression: aws.String("attribute_not_exists(iban)"),
		})
		var exists *types.ConditionalCheckFailedException
		switch {
		case errors.As(err, &exists):
			fmt.Println("there is one already")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println("written")
		}
	}
	// Output:
	// written
	// there is one already
}

// From an item to a struct. As with the SDK, an absent item is no error.
func ExampleEncryptedTable_GetItem() {
	ctx := context.Background()
	table := openShop(ctx).customers
	save(ctx, table, Customer{ID: "c-1", Name: "Ada", Points: 120})

	for _, id := range []string{"c-1", "c-2"} {
		out, err := table.GetItem(ctx, &dynamodb.GetItemInput{
			Key:            encryptor.Item{"id": &types.AttributeValueMemberS{Value: id}},
			ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			log.Fatal(err)
		}
		if out.Item == nil {
			fmt.Println(id, "is not there")
			continue
		}
		var c Customer
		if err := attributevalue.UnmarshalMap(out.Item, &c); err != nil {
			log.Fatalf("item %s does not fit the struct: %T", id, err) // the error's text has values of the item
		}
		fmt.Println(c.ID, c.Name, c.Points)
	}
	// Output:
	// c-1 Ada 120
	// c-2 is not there
}

// Spending points, never more than there are, however many do it at once. The
// function may be called again, after another writer won.
func ExampleEncryptedTable_Modify() {
	ctx := context.Background()
	table := openShop(ctx).customers
	save(ctx, table, Customer{ID: "c-1", Name: "Ada", Points: 120})

	errTooFew := errors.New("too few points")
	key := encryptor.Item{"id": &types.AttributeValueMemberS{Value: "c-1"}}
	spend := func(points int) error {
		_, err := table.Modify(ctx, key, func(item encryptor.Item) error {
			var c Customer
			if err := attributevalue.UnmarshalMap(item, &c); err != nil {
				return errors.New("the item does not fit the struct")
			}
			if c.Points < points { // those of an absent item are 0
				return errTooFew // and nothing is written
			}
			var err error
			item["points"], err = attributevalue.Marshal(c.Points - points)
			return err
		})
		return err
	}
	fmt.Println("100:", spend(100))
	fmt.Println("100:", spend(100))
	fmt.Println("20:", spend(20))
	// Output:
	// 100: <nil>
	// 100: too few points
	// 20: <nil>
}

// Deleting an item on account of what is encrypted in it, which a condition cannot
// look at.
func ExampleEncryptedTable_Modify_delete() {
	ctx := context.Background()
	table := openShop(ctx).orders
	save(ctx, table,
		Order{Customer: "c-1", No: 1, Courier: "fleet", Address: "unknown"},
		Order{Customer: "c-1", No: 2, Courier: "fleet", Address: "7 Savile Row"},
	)

	errKeep := errors.New("keep the item")
	for _, no := range []string{"1", "2"} {
		item, err := table.Modify(ctx, keyOfOrder("c-1", no), func(item encryptor.Item) error {
			if address, ok := item["address"].(*types.AttributeValueMemberS); ok && address.Value == "unknown" {
				return encryptor.ErrDeleteItem
			}
			return errKeep
		})
		switch {
		case errors.Is(err, errKeep):
			fmt.Println(no, "is kept")
		case err != nil:
			log.Fatal(err)
		case item == nil:
			fmt.Println(no, "is deleted")
		}
	}
	// Output:
	// 1 is deleted
	// 2 is kept
}

// All items of a partition. One that somebody changed is reported, and the loop goes
// on to the others.
func ExampleEncryptedTable_QueryItems() {
	ctx := context.Background()
	s := openShop(ctx)
	for no := range 4 {
		save(ctx, s.orders, Order{Customer: "c-1", No: no, Courier: "fleet", Address: fmt.Sprintf("%d Savile Row", no)})
	}
	s.server.Tamper("orders", keyOfOrder("c-1", "2"), func(item map[string]types.AttributeValue) {
		item["courier"] = &types.AttributeValueMemberS{Value: "highwaymen"}
	})

	input := &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("customer = :customer AND order_no >= :first"),
		ExpressionAttributeValues: encryptor.Item{":customer": &types.AttributeValueMemberS{Value: "c-1"}, ":first": &types.AttributeValueMemberN{Value: "1"}},
	}
	for item, err := range s.orders.QueryItems(ctx, input) {
		var bad *encryptor.ItemError
		switch {
		case errors.As(err, &bad) && errors.Is(err, encryptor.ErrInvalidSignature):
			fmt.Println("order", bad.Key()["order_no"].(*types.AttributeValueMemberN).Value, "was changed by somebody else")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(item["address"].(*types.AttributeValueMemberS).Value)
		}
	}
	// Output:
	// 1 Savile Row
	// order 2 was changed by somebody else
	// 3 Savile Row
}

// A page of a secondary index. What the index is built on is SIGN_ONLY, and the index
// projects ALL, since a part of an item cannot be verified.
func ExampleEncryptedTable_Query() {
	ctx := context.Background()
	table := openShop(ctx).orders
	save(ctx, table,
		Order{Customer: "c-1", No: 1, Courier: "fleet", Address: "7 Savile Row"},
		Order{Customer: "c-2", No: 1, Courier: "fleet", Address: "221B Baker Street"},
		Order{Customer: "c-2", No: 2, Courier: "pigeon", Address: "221B Baker Street"},
	)

	page, err := table.Query(ctx, &dynamodb.QueryInput{
		IndexName:                 aws.String("by-courier"),
		KeyConditionExpression:    aws.String("courier = :courier"),
		ExpressionAttributeValues: encryptor.Item{":courier": &types.AttributeValueMemberS{Value: "fleet"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	var addresses []string
	for _, item := range page.Items {
		addresses = append(addresses, item["address"].(*types.AttributeValueMemberS).Value)
	}
	slices.Sort(addresses) // the index has no sort key
	fmt.Println(addresses)

	_, err = table.Query(ctx, &dynamodb.QueryInput{
		IndexName:                 aws.String("by-courier"),
		KeyConditionExpression:    aws.String("courier = :courier"),
		FilterExpression:          aws.String("address = :address"), // ciphertext
		ExpressionAttributeValues: encryptor.Item{":courier": &types.AttributeValueMemberS{Value: "fleet"}, ":address": &types.AttributeValueMemberS{Value: "7 Savile Row"}},
	})
	fmt.Println(errors.Is(err, encryptor.ErrUnsupported))
	// Output:
	// [221B Baker Street 7 Savile Row]
	// true
}

// Several tables, for batches and transactions: an order is written and counted with
// its customer, or neither.
func ExampleNewEncryptedClient() {
	ctx := context.Background()
	s := openShop(ctx)
	save(ctx, s.customers, Customer{ID: "c-1", Name: "Ada"})

	client, err := encryptor.NewEncryptedClient(s.db, []encryptor.ItemCodec{s.customers.Codec(), s.orders.Codec()})
	if err != nil {
		log.Fatal(err)
	}
	order, err := attributevalue.MarshalMap(Order{Customer: "c-1", No: 1, Courier: "fleet", Address: "7 Savile Row"})
	if err != nil {
		log.Fatal(err)
	}
	customerKey := encryptor.Item{"id": &types.AttributeValueMemberS{Value: "c-1"}}
	write := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{
			TableName: aws.String("orders"), Item: order,
			ConditionExpression: aws.String("attribute_not_exists(customer)"),
		}},
		{Update: &types.Update{ // of a DO_NOTHING attribute
			TableName: aws.String("customers"), Key: customerKey,
			UpdateExpression:          aws.String("ADD orders :one"),
			ExpressionAttributeValues: encryptor.Item{":one": &types.AttributeValueMemberN{Value: "1"}},
		}},
	}}
	for range 2 {
		_, err := client.TransactWriteItems(ctx, write)
		var canceled *types.TransactionCanceledException
		switch {
		case errors.As(err, &canceled):
			fmt.Println("the order:", *canceled.CancellationReasons[0].Code)
		case err != nil:
			log.Fatal(err)
		}
	}

	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("customers"), Key: customerKey})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("orders counted:", out.Item["orders"].(*types.AttributeValueMemberN).Value)
	// Output:
	// the order: ConditionalCheckFailed
	// orders counted: 1
}

// Items of several tables at once. What DynamoDB leaves undone is asked for again.
func ExampleEncryptedClient_BatchGetItem() {
	ctx := context.Background()
	s := openShop(ctx)
	save(ctx, s.customers, Customer{ID: "c-1", Name: "Ada"})
	save(ctx, s.orders, Order{Customer: "c-1", No: 1, Courier: "fleet", Address: "7 Savile Row"})
	s.server.UnprocessedNext("BatchGetItem", 1) // as a busy table would

	client, err := encryptor.NewEncryptedClient(s.db, []encryptor.ItemCodec{s.customers.Codec(), s.orders.Codec()})
	if err != nil {
		log.Fatal(err)
	}
	items := map[string][]encryptor.Item{}
	undone := map[string]types.KeysAndAttributes{
		"customers": {Keys: []map[string]types.AttributeValue{{"id": &types.AttributeValueMemberS{Value: "c-1"}}}},
		"orders":    {Keys: []map[string]types.AttributeValue{keyOfOrder("c-1", "1")}},
	}
	for len(undone) > 0 { // with a pause that grows, in a service
		out, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: undone})
		if err != nil {
			log.Fatal(err)
		}
		for table, answers := range out.Responses {
			items[table] = append(items[table], answers...)
		}
		undone = out.UnprocessedKeys
	}
	fmt.Println(items["customers"][0]["name"].(*types.AttributeValueMemberS).Value)
	fmt.Println(items["orders"][0]["address"].(*types.AttributeValueMemberS).Value)
	// Output:
	// Ada
	// 7 Savile Row
}

// A *dynamodb.Client that is handed around encrypts by itself. The code that uses it
// does not change, and a table that nobody thought of is an error.
func ExampleMiddleware() {
	ctx := context.Background()
	s := openShop(ctx)
	codec, err := encryptor.New(s.provider, tableinfo.TableInfo{
		Name:    "customers",
		Primary: tableinfo.Index{PartitionKey: "id"},
	})
	if err != nil {
		log.Fatal(err)
	}
	encrypt, err := encryptor.Middleware([]encryptor.ItemCodec{codec})
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.New(s.db.Options(), encrypt) // on AWS: dynamodb.NewFromConfig(cfg, encrypt)

	item := encryptor.Item{"id": &types.AttributeValueMemberS{Value: "c-1"}, "name": &types.AttributeValueMemberS{Value: "Ada"}}
	if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("customers"), Item: item}); err != nil {
		log.Fatal(err)
	}
	get := &dynamodb.GetItemInput{TableName: aws.String("customers"), Key: encryptor.Item{"id": item["id"]}}
	read, err := client.GetItem(ctx, get)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := s.db.GetItem(ctx, get)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("read as %T, stored as %T\n", read.Item["name"], stored.Item["name"])

	_, err = client.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("orders"), Key: keyOfOrder("c-1", "1")})
	fmt.Println(errors.Is(err, encryptor.ErrUnknownTable))
	// Output:
	// read as *types.AttributeValueMemberS, stored as *types.AttributeValueMemberB
	// true
}

// Why a signature does not match, for an operator: here the writer was configured with
// other actions than the reader.
func ExampleItemEncryptor_Diagnose() {
	ctx := context.Background()
	provider := openShop(ctx).provider
	customers := tableinfo.TableInfo{Name: "customers", Primary: tableinfo.Index{PartitionKey: "id"}}
	writer, err := encryptor.New(provider, customers, func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"city": actions.SignOnly}
	})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := writer.Encrypt(ctx, encryptor.Item{
		"id":   &types.AttributeValueMemberS{Value: "c-1"},
		"city": &types.AttributeValueMemberS{Value: "London"},
	})
	if err != nil {
		log.Fatal(err)
	}

	reader, err := encryptor.New(provider, customers)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := reader.Decrypt(ctx, stored); !errors.Is(err, encryptor.ErrInvalidSignature) {
		log.Fatal(err)
	}
	diagnosis, err := reader.Diagnose(ctx, stored)
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range diagnosis.Changes {
		fmt.Println(change)
	}
	// Output: attribute "city" was written with SIGN_ONLY
}

// Plaintext is read while a table is being encrypted, but only of those customers who
// are known to be left: for any other it is an item that somebody slipped in.
func ExampleOptions_onRead() {
	ctx := context.Background()
	s := openShop(ctx)
	left := []string{"c-1"}
	errForged := errors.New("plaintext, but was encrypted already")
	table, err := encryptor.NewEncryptedTable(ctx, s.db, "customers", s.provider, func(o *encryptor.Options) {
		o.Plaintext = encryptor.AllowPlaintextReads
		o.OnRead = func(ctx context.Context, key encryptor.Item, r encryptor.ReadInfo) error {
			id, ok := key["id"].(*types.AttributeValueMemberS)
			if r.Plaintext && !(ok && slices.Contains(left, id.Value)) {
				return errForged
			}
			return nil
		}
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, id := range []string{"c-1", "c-2"} {
		key := encryptor.Item{"id": &types.AttributeValueMemberS{Value: id}}
		if _, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("customers"), Item: key}); err != nil {
			log.Fatal(err)
		}
		_, err := table.GetItem(ctx, &dynamodb.GetItemInput{Key: key})
		fmt.Println(id, "is refused:", errors.Is(err, errForged))
	}
	// Output:
	// c-1 is refused: false
	// c-2 is refused: true
}

// What to do when WriteAll gave up: what had no effect, what is unknown, and what it
// did not get to are written later.
func ExampleWriteReport() {
	ctx := context.Background()
	s := openShop(ctx)
	var requests []types.WriteRequest
	for i := range 60 {
		item, err := attributevalue.MarshalMap(Customer{ID: fmt.Sprintf("c-%d", i), Name: "Ada"})
		if err != nil {
			log.Fatal(err)
		}
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	s.server.AfterNext("BatchWriteItem", func() { // one batch passes, and the next does not
		s.server.FailNext("BatchWriteItem", &smithy.GenericAPIError{Code: "AccessDeniedException"})
	})

	report, err := s.customers.WriteAll(ctx, slices.Values(requests))
	fmt.Println(report, "failed:", err != nil)
	if err != nil {
		taken := report.Written + len(report.Unsent) + len(report.Unknown)
		later := slices.Concat(report.Unknown, report.Unsent, requests[taken:]) // Unknown, as nobody else writes these keys
		report, err = s.customers.WriteAll(ctx, slices.Values(later))
		fmt.Println(report, "failed:", err != nil)
	}
	// Output:
	// WriteReport{Written:25 Unsent:25 Unknown:0} failed: true
	// WriteReport{Written:35 Unsent:0 Unknown:0} failed: false
}
