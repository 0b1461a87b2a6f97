package main

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/ddbec/ddbec-go/encryptor"
)

// growth is how many allocations an item takes, by the size of its values.
type growth struct {
	bytes            int
	encrypt, decrypt float64
}

// growthAttributes is how many values the item has besides its key.
const growthAttributes = 10

// measureGrowth collects no garbage meanwhile: the library keeps some memory for the next item, which a collection may take, and
// larger items make more collections. The measured allocations of a cell are those of a process that collects.
func measureGrowth(ctx context.Context) ([]growth, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	e, err := newConfiguration(provider{
		Kind: "static", EncryptionKey: make([]byte, 32), SigningKey: make([]byte, 32), SigningAlgorithm: "HmacSHA256",
	}).encryptor(ctx)
	if err != nil {
		return nil, err
	}
	var sizes []growth
	for _, n := range []int{100, 10_000, 100_000} {
		item := binaries(growthAttributes, n)(newRandom())
		item[partitionKey] = &types.AttributeValueMemberS{Value: "customer"}
		stored, err := e.Encrypt(ctx, item)
		if err != nil {
			return nil, err
		}
		if _, err := e.Decrypt(ctx, stored); err != nil {
			return nil, err
		}
		sizes = append(sizes, growth{n, allocations(ctx, e.Encrypt, item), allocations(ctx, e.Decrypt, stored)})
	}
	return sizes, nil
}

func allocations(ctx context.Context, f func(context.Context, encryptor.Item) (encryptor.Item, error), item encryptor.Item) float64 {
	return testing.AllocsPerRun(20, func() {
		if _, err := f(ctx, item); err != nil {
			panic(err) // the same call has succeeded
		}
	})
}
