package ddbtest

import (
	"maps"
	"slices"
)

// The parameters of Query and Scan. Field names are those of the wire; a
// parameter that is not here is refused.
type (
	// pageInput has what both know.
	pageInput struct {
		expressionInput
		accountingInput
		TableName            *string
		IndexName            *string
		ConsistentRead       bool
		ExclusiveStartKey    rawItem
		FilterExpression     *string
		Limit                *int
		ProjectionExpression *string
		Select               string
	}
	queryInput struct {
		pageInput
		KeyConditionExpression *string
		ScanIndexForward       *bool
	}
	scanInput struct {
		pageInput
		Segment, TotalSegments *int
	}
)

const (
	maxPageBytes = 1 << 20
	maxSegments  = 1_000_000
)

// page is a validated Query or Scan.
type page struct {
	table      *table
	index      *index // nil for the table itself
	key        keySchema
	consistent bool
	start      item // where the page before ended, or nil
	limit      int  // items to look at, or 0
	filter     condition
	projection *projection
	count      bool // no items wanted
	whole      bool // the items are read from the table even where an index is asked
}

func (db *database) query(in *queryInput) (any, error) {
	env, err := newEnvironment(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	if in.KeyConditionExpression == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	parsed, err := env.condition("KeyConditionExpression", in.KeyConditionExpression)
	if err != nil {
		return nil, err
	}
	condition, err := newKeyCondition(parsed)
	if err != nil {
		return nil, err
	}
	p, err := db.page(&in.pageInput, env)
	if err != nil {
		return nil, err
	}
	if err := condition.check(p.key); err != nil {
		return nil, err
	}
	if err := p.checkQueryFilter(); err != nil {
		return nil, err
	}
	if p.start != nil {
		if !condition[p.key[0].name].matches(p.start[p.key[0].name]) {
			return nil, invalid("The provided starting key is outside query boundaries based on provided conditions")
		}
		if !condition.matches(p.start) {
			return nil, invalid("The provided starting key does not match the range key predicate")
		}
	}
	forward := in.ScanIndexForward == nil || *in.ScanIndexForward
	return p.read(condition.matches, forward), nil
}

// checkQueryFilter refuses key attributes: a Query has another parameter for
// them.
func (p *page) checkQueryFilter() (err error) {
	if p.filter == nil {
		return nil
	}
	keys := p.key.names()
	p.filter.walk(func(o operand) {
		if o.path != nil && slices.Contains(keys, o.path.top()) {
			err = invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", o.path.top())
		}
	})
	return err
}

func (db *database) scan(in *scanInput) (any, error) {
	env, err := newEnvironment(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	segment, segments, err := in.segments()
	if err != nil {
		return nil, err
	}
	p, err := db.page(&in.pageInput, env)
	if err != nil {
		return nil, err
	}
	inSegment := func(it item) bool {
		return bucket(it[p.key[0].name])%uint64(segments) == uint64(segment)
	}
	if p.start != nil && !inSegment(p.start) {
		return nil, invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d",
			segments, segment)
	}
	return p.read(inSegment, true), nil
}

// segments returns the segment to scan and the number of all.
func (in *scanInput) segments() (segment, segments int, err error) {
	switch {
	case in.Segment == nil && in.TotalSegments == nil:
		return 0, 1, nil
	case in.TotalSegments == nil:
		return 0, 0, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil:
		return 0, 0, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *in.TotalSegments < 1 || *in.TotalSegments > maxSegments:
		return 0, 0, invalid("1 validation error detected: Value '%d' at 'totalSegments' failed to satisfy constraint: Member must have value between 1 and %d",
			*in.TotalSegments, maxSegments)
	case *in.Segment < 0 || *in.Segment >= *in.TotalSegments:
		return 0, 0, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d",
			*in.Segment, *in.TotalSegments)
	default:
		return *in.Segment, *in.TotalSegments, nil
	}
}

// page validates what Query and Scan have in common. It is called after all
// other expressions were parsed.
func (db *database) page(in *pageInput, env *environment) (p *page, err error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	p = &page{consistent: in.ConsistentRead}
	if p.filter, err = env.condition("FilterExpression", in.FilterExpression); err != nil {
		return nil, err
	}
	if p.projection, err = env.projection(in.ProjectionExpression); err != nil {
		return nil, err
	}
	if err := env.finish(); err != nil {
		return nil, err
	}
	if in.ExclusiveStartKey != nil {
		if p.start, err = in.ExclusiveStartKey.decode(); err != nil {
			return nil, prefixed("The provided starting key is invalid: ", err)
		}
	}
	if p.limit, err = db.limit(in.Limit); err != nil {
		return nil, err
	}
	if p.table, err = db.table(in.TableName); err != nil {
		return nil, err
	}
	p.key = p.table.key
	if in.IndexName != nil {
		if p.index = p.table.index(*in.IndexName); p.index == nil {
			return nil, invalid("The table does not have the specified index: %s", *in.IndexName)
		}
		if !p.index.local && in.ConsistentRead {
			return nil, invalid("Consistent reads are not supported on global secondary indexes")
		}
		p.key = p.index.key
	}
	if err := p.choose(in.Select); err != nil {
		return nil, err
	}
	if err := p.table.checkProjection(p.projection); err != nil {
		return nil, err
	}
	if err := p.table.checkCondition(p.filter); err != nil {
		return nil, err
	}
	return p, p.checkStart()
}

// limit combines the Limit parameter with the server's page size.
func (db *database) limit(parameter *int) (int, error) {
	limit := db.pageSize
	if parameter != nil {
		if *parameter < 1 {
			return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *parameter)
		}
		if limit == 0 || *parameter < limit {
			limit = *parameter
		}
	}
	return limit, nil
}

// choose applies the Select parameter.
func (p *page) choose(selection string) error {
	specific := selection == "SPECIFIC_ATTRIBUTES" || selection == "" && p.projection != nil
	switch selection {
	case "", "SPECIFIC_ATTRIBUTES":
	case "ALL_ATTRIBUTES":
		if x := p.index; x != nil && !x.local && x.projection.ProjectionType != "ALL" {
			return invalidParameters("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", x.name)
		}
		p.whole = true
	case "ALL_PROJECTED_ATTRIBUTES":
		if p.index == nil {
			return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
		}
	case "COUNT":
		p.count = true
	default:
		return invalidEnum("select", selection, "SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES")
	}
	if !specific {
		if p.projection != nil {
			return invalid("Cannot specify the ProjectionExpression when choosing to get %s", selection)
		}
		return nil
	}
	if selection != "" && p.projection == nil {
		return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	}
	if p.index == nil || p.projection == nil {
		return nil
	}
	for _, name := range p.projection.topLevel() {
		if p.index.projects(p.table, name) {
			continue
		}
		if !p.index.local {
			return invalidParameters("Global secondary index %s does not project [%s]", p.index.name, name)
		}
		p.whole = true
	}
	return nil
}

// position is the schema of LastEvaluatedKey: the keys of the table and of the
// index.
func (p *page) position() keySchema {
	schema := slices.Clone(p.table.key)
	for _, a := range p.key {
		if !slices.Contains(schema, a) {
			schema = append(schema, a)
		}
	}
	return schema
}

func (p *page) checkStart() error {
	if p.start == nil {
		return nil
	}
	return prefixed("The provided starting key is invalid: ", checkKeyAttributes(p.position(), p.start))
}

// view is the part of the item that the page works on.
func (p *page) view(it item) item {
	if p.index == nil || p.whole {
		return it
	}
	return p.index.project(p.table, it)
}

// read collects one page of the items that the range holds.
func (p *page) read(inRange func(item) bool, forward bool) any {
	order := p.table.inOrder(p.index)
	if !forward {
		ascending := order
		order = func(a, b item) int { return ascending(b, a) }
	}
	var candidates []item
	for it := range maps.Values(p.table.snapshot(p.consistent)) {
		if p.index != nil && !p.index.holds(it) || !inRange(it) {
			continue
		}
		if p.start == nil || order(it, p.start) > 0 {
			candidates = append(candidates, it)
		}
	}
	slices.SortFunc(candidates, order)

	items := []any{}
	count, scanned, size := 0, 0, 0
	var last item
	more := false
	for _, it := range candidates {
		view := p.view(it)
		if size += view.size(); size > maxPageBytes && scanned > 0 {
			more = true // the item that would pass the limit begins the next page
			break
		}
		last = it
		scanned++
		if p.filter == nil || p.filter.matches(view) {
			count++
			if !p.count {
				items = append(items, p.projection.of(view).wire())
			}
		}
		if scanned == p.limit {
			more = true // as on DynamoDB, even if nothing follows
			break
		}
	}
	out := map[string]any{"Count": count, "ScannedCount": scanned}
	if !p.count {
		out["Items"] = items
	}
	if more {
		out["LastEvaluatedKey"] = p.position().extract(last).wire()
	}
	return out
}
