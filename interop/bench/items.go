package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

const (
	tableName    = "bench"
	partitionKey = "pk"
	pageSize     = 100
)

// shape is a kind of item: what it has besides its partition key, all of it encrypted and signed.
type shape struct {
	name string
	make func(random *rand.ChaCha8) encryptor.Item
}

var shapes = []shape{
	{"10×32 B", binaries(10, 32)},
	{"10×400 B", binaries(10, 400)},
	{"4×4 KB", binaries(4, 4<<10)},
	{"1×100 KB", binaries(1, 100<<10)},
	{"99 attributes", mixed},
}

// items are as many different ones as are asked for, the same in each run.
func (s shape) items(n int) []vectors.Item {
	random := newRandom()
	items := make([]vectors.Item, n)
	for i := range items {
		item := s.make(random)
		item[partitionKey] = &types.AttributeValueMemberS{Value: fmt.Sprintf("customer#%010d", i)}
		items[i] = vectors.Item(item)
	}
	return items
}

// newRandom has the same numbers each time.
func newRandom() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{1}) }

func binaries(attributes, size int) func(*rand.ChaCha8) encryptor.Item {
	return func(random *rand.ChaCha8) encryptor.Item {
		item := encryptor.Item{}
		for i := range attributes {
			item["attribute"+strconv.Itoa(i)] = &types.AttributeValueMemberB{Value: randomBytes(random, size)}
		}
		return item
	}
}

func randomBytes(random *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	random.Read(b) // never fails
	return b
}

// mixed is an item of 99 attributes of all ten types, about 14 KB. Nothing is in it on which the libraries differ: numbers
// have up to 18 digits, text and the members of binary sets are ASCII.
func mixed(random *rand.ChaCha8) encryptor.Item {
	text := func(n int) string {
		const letters = "abcdefghijklmnopqrstuvwxyz 01234"
		b := randomBytes(random, n)
		for i := range b {
			b[i] = letters[b[i]%byte(len(letters))]
		}
		return string(b)
	}
	number := func() string { return strconv.FormatUint(1+random.Uint64()>>5, 10) }
	makers := []func() types.AttributeValue{
		func() types.AttributeValue { return &types.AttributeValueMemberS{Value: text(200)} },
		func() types.AttributeValue { return &types.AttributeValueMemberN{Value: number()} },
		func() types.AttributeValue { return &types.AttributeValueMemberB{Value: randomBytes(random, 250)} },
		func() types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: random.Uint64()%2 == 0} },
		func() types.AttributeValue { return &types.AttributeValueMemberNULL{Value: true} },
		func() types.AttributeValue {
			return &types.AttributeValueMemberSS{Value: []string{"a" + text(59), "b" + text(59), "c" + text(59)}}
		},
		func() types.AttributeValue {
			return &types.AttributeValueMemberNS{Value: []string{"1", "22.5", "-333"}}
		},
		func() types.AttributeValue {
			return &types.AttributeValueMemberBS{Value: [][]byte{bytes.Repeat([]byte{1}, 60), bytes.Repeat([]byte{2}, 60)}}
		},
		func() types.AttributeValue {
			return &types.AttributeValueMemberL{Value: []types.AttributeValue{
				&types.AttributeValueMemberS{Value: text(100)}, &types.AttributeValueMemberN{Value: number()},
				&types.AttributeValueMemberS{Value: text(100)},
			}}
		},
		func() types.AttributeValue {
			return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"street": &types.AttributeValueMemberS{Value: text(100)}, "number": &types.AttributeValueMemberN{Value: number()},
				"city": &types.AttributeValueMemberS{Value: text(100)},
			}}
		},
	}
	item := encryptor.Item{}
	for i := range 98 { // the partition key is the 99th
		item["attribute"+strconv.Itoa(i)] = makers[i%len(makers)]()
	}
	return item
}

// size is the item's size as DynamoDB counts it, but for numbers and containers, whose few bytes it leaves out or rounds.
func size(item encryptor.Item) int {
	n := 0
	for name, value := range item {
		n += len(name) + valueSize(value)
	}
	return n
}

func valueSize(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return len(v.Value)/2 + 1
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberSS:
		return len(strings.Join(v.Value, ""))
	case *types.AttributeValueMemberNS:
		return len(strings.Join(v.Value, ""))
	case *types.AttributeValueMemberBS:
		return len(bytes.Join(v.Value, nil))
	case *types.AttributeValueMemberL:
		n := 0
		for _, element := range v.Value {
			n += valueSize(element)
		}
		return n
	case *types.AttributeValueMemberM:
		return size(v.Value)
	}
	return 1
}
