package ddbtest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The parameters of the operations on tables. Field names are those of the
// wire; a parameter that is not here is refused.
type (
	createTableInput struct {
		TableName              *string
		AttributeDefinitions   []attributeDefinition
		KeySchema              []keyElement
		BillingMode            string
		ProvisionedThroughput  *throughput
		GlobalSecondaryIndexes []indexSettings
		LocalSecondaryIndexes  []indexSettings
	}
	attributeDefinition struct{ AttributeName, AttributeType string }
	keyElement          struct{ AttributeName, KeyType string }
	throughput          struct{ ReadCapacityUnits, WriteCapacityUnits int64 }
	indexSettings       struct {
		IndexName             string
		KeySchema             []keyElement
		Projection            projectionSettings
		ProvisionedThroughput *throughput // of global indexes only
	}
	projectionSettings struct {
		ProjectionType   string
		NonKeyAttributes []string `json:",omitempty"`
	}
	tableInput      struct{ TableName *string }
	listTablesInput struct {
		ExclusiveStartTableName *string
		Limit                   *int
	}
)

// Limits of DynamoDB on indexes.
const (
	maxLocalIndexes      = 5
	maxGlobalIndexes     = 20
	maxNonKeyAttributes  = 100
	maxTablesOfOneAnswer = 100
)

func (db *database) createTable(in *createTableInput) (any, error) {
	t, err := newTable(in)
	if err != nil {
		return nil, err
	}
	if db.tables[t.name] != nil {
		return nil, newError(codeResourceInUse, "Table already exists: %s", t.name)
	}
	if db.frozen {
		t.stale = map[string]item{}
	}
	db.tables[t.name] = t
	return map[string]any{"TableDescription": t.describe("ACTIVE")}, nil
}

func (db *database) describeTable(in *tableInput) (any, error) {
	t, err := db.namedTable(in)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Table": t.describe("ACTIVE")}, nil
}

func (db *database) deleteTable(in *tableInput) (any, error) {
	t, err := db.namedTable(in)
	if err != nil {
		return nil, err
	}
	delete(db.tables, t.name)
	return map[string]any{"TableDescription": t.describe("DELETING")}, nil
}

// namedTable is table with the message that operations on tables give.
func (db *database) namedTable(in *tableInput) (*table, error) {
	name, err := bareName(in.TableName)
	if err != nil {
		return nil, err
	}
	t := db.tables[name]
	if t == nil {
		return nil, newError(codeResourceNotFound, "Requested resource not found: Table: %s not found", name)
	}
	return t, nil
}

func (db *database) listTables(in *listTablesInput) (any, error) {
	limit := maxTablesOfOneAnswer
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > maxTablesOfOneAnswer {
		return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d",
			limit, maxTablesOfOneAnswer)
	}
	names := slices.Sorted(maps.Keys(db.tables))
	if in.ExclusiveStartTableName != nil {
		names = slices.DeleteFunc(names, func(n string) bool { return n <= *in.ExclusiveStartTableName })
	}
	out := map[string]any{"TableNames": names[:min(limit, len(names))]}
	if len(names) > limit {
		out["LastEvaluatedTableName"] = names[limit-1]
	}
	return out, nil
}

// newTable validates the parameters of CreateTable.
func newTable(in *createTableInput) (*table, error) {
	name, err := bareName(in.TableName)
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	for _, d := range in.AttributeDefinitions {
		if !isScalarKey(d.AttributeType) {
			return nil, invalidEnum("attributeDefinitions.member.attributeType", d.AttributeType, "B, N, S")
		}
		if types[d.AttributeName] != "" {
			return nil, invalidParameters("Duplicate AttributeName in AttributeDefinitions: %s", d.AttributeName)
		}
		types[d.AttributeName] = d.AttributeType
	}
	if err := checkBilling(in); err != nil {
		return nil, err
	}
	t := &table{name: name, created: time.Now(), settings: *in, items: map[string]item{}}
	if t.key, err = newKeySchema(in.KeySchema, types); err != nil {
		return nil, err
	}
	if err := t.addIndexes(types); err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, schema := range t.schemas() {
		for _, a := range schema {
			used[a.name] = true
		}
	}
	if len(used) != len(types) {
		return nil, invalidParameters("Some AttributeDefinitions are not used. AttributeDefinitions: %v, keys used: %v",
			slices.Sorted(maps.Keys(types)), slices.Sorted(maps.Keys(used)))
	}
	return t, nil
}

// schemas lists the key schemas of the table and of its indexes.
func (t *table) schemas() []keySchema {
	out := []keySchema{t.key}
	for _, x := range t.indexes {
		out = append(out, x.key)
	}
	return out
}

func checkBilling(in *createTableInput) error {
	switch in.BillingMode {
	case "PAY_PER_REQUEST":
		if in.ProvisionedThroughput != nil {
			return invalidParameters("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
	case "", "PROVISIONED":
		if p := in.ProvisionedThroughput; p == nil || p.ReadCapacityUnits < 1 || p.WriteCapacityUnits < 1 {
			return invalidParameters("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
		}
	default:
		return invalidEnum("billingMode", in.BillingMode, "PROVISIONED, PAY_PER_REQUEST")
	}
	for _, x := range in.GlobalSecondaryIndexes {
		if (x.ProvisionedThroughput != nil) != (in.ProvisionedThroughput != nil) {
			return invalidParameters("ProvisionedThroughput of index %s does not agree with the table's BillingMode", x.IndexName)
		}
	}
	return nil
}

func newKeySchema(elements []keyElement, types map[string]string) (keySchema, error) {
	if len(elements) < 1 || len(elements) > 2 {
		return nil, invalid("1 validation error detected: Value at 'keySchema' failed to satisfy constraint: Member must have length 1 or 2 (multi-attribute keys are not supported by ddbtest)")
	}
	var schema keySchema
	for i, e := range elements {
		want, position := "HASH", "first"
		if i == 1 {
			want, position = "RANGE", "second"
		}
		if e.KeyType != want {
			return nil, invalid("Invalid KeySchema: The %s KeySchemaElement is not a %s key type", position, want)
		}
		kind, ok := types[e.AttributeName]
		if !ok {
			return nil, invalidParameters("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: %v",
				e.AttributeName, slices.Sorted(maps.Keys(types)))
		}
		schema = append(schema, keyAttribute{e.AttributeName, kind})
	}
	if len(schema) == 2 && schema[0].name == schema[1].name {
		return nil, invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	return schema, nil
}

// addIndexes validates the indexes in t.settings.
func (t *table) addIndexes(types map[string]string) error {
	in := &t.settings
	switch {
	case in.LocalSecondaryIndexes != nil && len(in.LocalSecondaryIndexes) == 0:
		return invalidParameters("List of LocalSecondaryIndexes is empty")
	case in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0:
		return invalidParameters("List of GlobalSecondaryIndexes is empty")
	case len(in.LocalSecondaryIndexes) > maxLocalIndexes:
		return invalidParameters("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	case len(in.GlobalSecondaryIndexes) > maxGlobalIndexes:
		return invalidParameters("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	case len(in.LocalSecondaryIndexes) > 0 && len(t.key) < 2:
		return invalidParameters("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	for _, s := range in.LocalSecondaryIndexes {
		if err := t.addIndex(s, true, types); err != nil {
			return err
		}
	}
	for _, s := range in.GlobalSecondaryIndexes {
		if err := t.addIndex(s, false, types); err != nil {
			return err
		}
	}
	projected := 0
	for _, x := range t.indexes {
		projected += len(x.projection.NonKeyAttributes)
	}
	if projected > maxNonKeyAttributes {
		return invalidParameters("NonKeyAttributes of all indexes exceed the limit of %d", maxNonKeyAttributes)
	}
	return nil
}

func (t *table) addIndex(s indexSettings, local bool, types map[string]string) error {
	if err := checkName("indexName", s.IndexName); err != nil {
		return err
	}
	if t.index(s.IndexName) != nil {
		return invalidParameters("Duplicate index name: %s", s.IndexName)
	}
	schema, err := newKeySchema(s.KeySchema, types)
	if err != nil {
		return err
	}
	if local {
		switch {
		case s.ProvisionedThroughput != nil:
			return invalid("CreateTable: the parameter %q is not supported for a local index", "ProvisionedThroughput")
		case len(schema) != 2:
			return invalidParameters("Index KeySchema does not have a range key for index: %s", s.IndexName)
		case schema[0] != t.key[0]:
			return invalidParameters("Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s",
				s.IndexName, schema[0].name, t.key[0].name)
		}
	}
	switch p := s.Projection; p.ProjectionType {
	case "ALL", "KEYS_ONLY":
		if p.NonKeyAttributes != nil {
			return invalidParameters("ProjectionType is %s, but NonKeyAttributes is specified", p.ProjectionType)
		}
	case "INCLUDE":
		if len(p.NonKeyAttributes) == 0 {
			return invalidParameters("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
		}
	default:
		return invalidParameters("Unknown ProjectionType: %s", p.ProjectionType)
	}
	t.indexes = append(t.indexes, &index{name: s.IndexName, local: local, key: schema, projection: s.Projection})
	return nil
}

// describe is the TableDescription of the wire.
func (t *table) describe(status string) map[string]any {
	in := t.settings
	out := map[string]any{
		"TableName":             t.name,
		"TableArn":              t.arn(),
		"TableId":               t.uuid(),
		"TableStatus":           status,
		"CreationDateTime":      float64(t.created.UnixMilli()) / 1000,
		"AttributeDefinitions":  in.AttributeDefinitions,
		"KeySchema":             in.KeySchema,
		"ItemCount":             len(t.items),
		"TableSizeBytes":        totalSize(t.items, func(it item) item { return it }),
		"ProvisionedThroughput": throughputDescription(in.ProvisionedThroughput),
	}
	if in.BillingMode == "PAY_PER_REQUEST" {
		out["BillingModeSummary"] = map[string]any{"BillingMode": in.BillingMode}
	}
	if len(in.LocalSecondaryIndexes) > 0 {
		out["LocalSecondaryIndexes"] = t.describeIndexes(in.LocalSecondaryIndexes)
	}
	if len(in.GlobalSecondaryIndexes) > 0 {
		descriptions := t.describeIndexes(in.GlobalSecondaryIndexes)
		for i, d := range descriptions {
			d["IndexStatus"] = status
			d["ProvisionedThroughput"] = throughputDescription(in.GlobalSecondaryIndexes[i].ProvisionedThroughput)
		}
		out["GlobalSecondaryIndexes"] = descriptions
	}
	return out
}

func (t *table) describeIndexes(settings []indexSettings) []map[string]any {
	var out []map[string]any
	for _, s := range settings {
		x := t.index(s.IndexName)
		held := maps.Clone(t.items)
		maps.DeleteFunc(held, func(_ string, it item) bool { return !x.holds(it) })
		out = append(out, map[string]any{
			"IndexName":      s.IndexName,
			"IndexArn":       t.arn() + "/index/" + s.IndexName,
			"KeySchema":      s.KeySchema,
			"Projection":     s.Projection,
			"ItemCount":      len(held),
			"IndexSizeBytes": totalSize(held, func(it item) item { return x.project(t, it) }),
		})
	}
	return out
}

func (t *table) arn() string { return arnPrefix + t.name }

// uuid is a TableId in the form of a UUID, derived from name and time.
func (t *table) uuid() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", t.name, t.created.UnixNano()))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func throughputDescription(p *throughput) map[string]any {
	if p == nil {
		p = &throughput{}
	}
	return map[string]any{
		"ReadCapacityUnits":      p.ReadCapacityUnits,
		"WriteCapacityUnits":     p.WriteCapacityUnits,
		"NumberOfDecreasesToday": 0,
	}
}

func totalSize(items map[string]item, view func(item) item) int {
	total := 0
	for _, it := range items {
		total += view(it).size()
	}
	return total
}
