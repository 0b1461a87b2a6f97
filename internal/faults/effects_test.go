package faults_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"strconv"
)

// An effect is what a request does to a key once it is carried out.
type effect struct {
	kind    string
	key     string
	version int64
	visits  int
}

const (
	effectPut    = "put"
	effectDelete = "delete"
	effectModify = "modify"
	effectVisit  = "visit"
)

const (
	dataTable = "data"
	metaTable = "keys"
)

// rawItem is an item in DynamoDB JSON.
type rawItem = map[string]map[string]any

// rawRequest has those members of requests that matter here.
type rawRequest struct {
	TableName                 string
	Item, Key                 rawItem
	UpdateExpression          string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues rawItem
	RequestItems              map[string]json.RawMessage
	TransactItems             []struct{ Put, Update, Delete *rawRequest }
	ClientRequestToken        string
}

type rawWrite struct{ PutRequest, DeleteRequest *rawRequest }

type rawAnswer struct {
	UnprocessedItems map[string][]rawWrite
}

// parseRequest reads a request; what is not JSON has no effects.
func parseRequest(body []byte) *rawRequest {
	var r rawRequest
	if json.Unmarshal(body, &r) != nil {
		return &rawRequest{}
	}
	return &r
}

func isWrite(op string) bool {
	switch op {
	case "PutItem", "DeleteItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems":
		return true
	}
	return false
}

// writes returns the parts of a request that write, by the operation they are like.
func (r *rawRequest) writes(op string) (parts []rawPart) {
	switch op {
	case "PutItem", "DeleteItem", "UpdateItem":
		return []rawPart{{op, r}}
	case "TransactWriteItems":
		for _, item := range r.TransactItems {
			for likeOp, part := range map[string]*rawRequest{"PutItem": item.Put, "UpdateItem": item.Update, "DeleteItem": item.Delete} {
				if part != nil {
					parts = append(parts, rawPart{likeOp, part})
				}
			}
		}
	case "BatchWriteItem":
		for table, raw := range r.RequestItems {
			var requests []rawWrite
			if json.Unmarshal(raw, &requests) != nil {
				return nil
			}
			for _, request := range requests {
				parts = append(parts, request.part(table))
			}
		}
	}
	return parts
}

type rawPart struct {
	op string
	*rawRequest
}

func (w rawWrite) part(table string) rawPart {
	if w.PutRequest != nil {
		w.PutRequest.TableName = table
		return rawPart{"PutItem", w.PutRequest}
	}
	w.DeleteRequest.TableName = table
	return rawPart{"DeleteItem", w.DeleteRequest}
}

// effectsOf returns what a request has done that the server answered with 200.
func effectsOf(op string, r *rawRequest, answer []byte) (effects []effect) {
	left := make(map[effect]bool)
	if op == "BatchWriteItem" {
		var a rawAnswer
		if json.Unmarshal(answer, &a) != nil {
			return nil
		}
		for table, requests := range a.UnprocessedItems {
			for _, request := range requests {
				left[request.part(table).effect()] = true
			}
		}
	}
	for _, part := range r.writes(op) {
		if e := part.effect(); part.TableName == dataTable && !left[e] {
			effects = append(effects, e)
		}
	}
	return effects
}

func (p rawPart) effect() effect {
	switch p.op {
	case "PutItem":
		return effect{kind: effectPut, key: rawKey(p.Item), version: rawNumber(p.Item["ver"])}
	case "DeleteItem":
		return effect{kind: effectDelete, key: rawKey(p.Key)}
	}
	if p.UpdateExpression == addVisit {
		return effect{kind: effectVisit, key: rawKey(p.Key)}
	}
	e := effect{kind: effectModify, key: rawKey(p.Key), version: rawNumber(p.assigned("ver"))}
	if p.assigned("visits") != nil {
		e.visits = 1
	}
	return e
}

// assigned returns the value that an update gives to an attribute.
func (r *rawRequest) assigned(name string) map[string]any {
	for alias, attribute := range r.ExpressionAttributeNames {
		if attribute != name {
			continue
		}
		found := regexp.MustCompile(regexp.QuoteMeta(alias) + ` = (:\d+)\b`).FindStringSubmatch(r.UpdateExpression)
		if found != nil {
			return r.ExpressionAttributeValues[found[1]]
		}
	}
	return nil
}

const metaID = "amzn-ddb-meta-id"

// material returns the material id that the item to be written names, "" if it
// names none.
func (p rawPart) material() string {
	value := p.Item["*amzn-ddb-map-desc*"]
	if p.op == "UpdateItem" {
		value = p.assigned("*amzn-ddb-map-desc*")
	}
	encoded, _ := value["B"].(string)
	var description []byte
	if json.Unmarshal(strconv.AppendQuote(nil, encoded), &description) != nil {
		return ""
	}
	_, rest, ok := bytes.Cut(description, []byte(metaID))
	if !ok || len(rest) < 4 {
		return ""
	}
	n := binary.BigEndian.Uint32(rest)
	if uint64(len(rest)) < 4+uint64(n) {
		return ""
	}
	return string(rest[4 : 4+n])
}

// materialID is that of a row of the meta table.
func (r *rawRequest) materialID() string {
	name, _ := r.Item["N"]["S"].(string)
	version, _ := r.Item["V"]["N"].(string)
	return name + "#" + version
}

func rawKey(item rawItem) string {
	pk, _ := item["pk"]["S"].(string)
	sk, _ := item["sk"]["N"].(string)
	return pk + "/" + sk
}

func rawNumber(v map[string]any) int64 {
	s, _ := v["N"].(string)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -2
	}
	return n
}
