package interop

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/encryptor"
)

// increments is how often each writer of the race increments: what the server is
// fast enough for.
var increments = map[string]int{onDdbtest: 200, onDynoxide: 200, onMinistack: 20, onMoto: 20}

const writers = 16

func grow(item encryptor.Item) error {
	v, ok := item["age"].(*types.AttributeValueMemberN)
	if !ok {
		return errors.New("no age")
	}
	age, err := strconv.Atoi(v.Value)
	if err != nil {
		return err
	}
	item["age"] = count(age + 1)
	return nil
}

var modifyOperations = []operation{
	{"Modify: change, add, remove", tableFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		written, err := f.table.Modify(t.Context(), customerKey("ada", 1), func(item encryptor.Item) error {
			delete(item, "tags")
			delete(item, "visits")
			item["email"] = text(secret + "email")
			return grow(item)
		})
		require.NoError(t, err)
		want := customer("ada", 1)
		delete(want, "tags")
		delete(want, "visits")
		want["email"], want["age"] = text(secret+"email"), num("43")
		requireItem(t, want, written)
		requireItem(t, want, f.get(t, customerKey("ada", 1)))
	}},
	{"Modify: create, delete", tableFace, func(t tester, f *fixture) {
		written, err := f.table.Modify(t.Context(), customerKey("ada", 1), func(item encryptor.Item) error {
			requireItem(t, customerKey("ada", 1), item)
			for name, v := range customer("ada", 1) {
				item[name] = v
			}
			return nil
		})
		require.NoError(t, err)
		requireItem(t, customer("ada", 1), written)
		requireItem(t, written, f.get(t, customerKey("ada", 1)))
		for range 2 { // the second finds nothing
			written, err = f.table.Modify(t.Context(), customerKey("ada", 1), func(encryptor.Item) error { return encryptor.ErrDeleteItem })
			require.NoError(t, err)
			require.Nil(t, written)
			require.Nil(t, f.get(t, customerKey("ada", 1)))
		}
	}},
	{"Modify: plaintext becomes encrypted", tableFace, func(t tester, f *fixture) {
		_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &f.customers, Item: customer("ada", 1)})
		require.NoError(t, err)
		table, err := encryptor.NewTable(f.raw, f.codec(t, f.customers, customerActions, plaintextReads))
		require.NoError(t, err)
		_, err = table.Modify(t.Context(), customerKey("ada", 1), func(encryptor.Item) error { return nil })
		require.NoError(t, err)
		requireCiphertext(t, f.stored(t, f.customers, customerKey("ada", 1)))
		requireItem(t, customer("ada", 1), f.get(t, customerKey("ada", 1)))
	}},
	{"Modify: lost race", tableFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		calls := 0
		_, err := f.table.Modify(t.Context(), customerKey("ada", 1), func(item encryptor.Item) error {
			if calls++; calls == 1 { // another writer comes first
				_, err := f.table.Modify(t.Context(), customerKey("ada", 1), grow)
				require.NoError(t, err)
			}
			return grow(item)
		})
		require.NoError(t, err)
		require.Equal(t, 2, calls)
		require.Equal(t, num("44"), f.get(t, customerKey("ada", 1))["age"])
	}},
	{"Modify: answer lost", tableFace, func(t tester, f *fixture) {
		f.put(t, customer("ada", 1))
		f.wire.loseNext("UpdateItem")
		_, err := f.table.Modify(t.Context(), customerKey("ada", 1), grow)
		require.NoError(t, err)
		require.Equal(t, 2, f.wire.requests("UpdateItem"))
		require.Equal(t, num("43"), f.get(t, customerKey("ada", 1))["age"])
		f.wire.loseNext("DeleteItem")
		_, err = f.table.Modify(t.Context(), customerKey("ada", 1), func(encryptor.Item) error { return encryptor.ErrDeleteItem })
		require.NoError(t, err)
		require.Nil(t, f.get(t, customerKey("ada", 1)))
	}},
	{"Modify: 16 writers and a counter", tableFace, func(t tester, f *fixture) {
		first := customer("ada", 1)
		first["age"], first["visits"] = num("0"), num("0")
		f.put(t, first)
		bumped := f.race(t, increments[f.server])
		got := f.get(t, customerKey("ada", 1))
		require.Equal(t, count(writers*increments[f.server]), got["age"])
		require.Equal(t, count(bumped), got["visits"])
		serverResults.note("%s, Modify by %d writers: %d increments, and %d of an unsigned counter meanwhile, all there",
			f.server, writers, writers*increments[f.server], bumped)
	}},
}

// race lets writers increment the encrypted age, each that many times, while another
// bumps the unsigned counter; it returns how often that one did.
func (f *fixture) race(t tester, times int) (bumped int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	key := customerKey("ada", 1)
	errs := make(chan error, writers+1)
	var running sync.WaitGroup
	var ended atomic.Bool
	for range writers {
		running.Go(func() {
			for range times {
				if _, err := f.table.Modify(ctx, key, grow, func(o *encryptor.ModifyOptions) { o.MaxAttempts = 100_000 }); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
	var bumping sync.WaitGroup
	bumping.Go(func() {
		for !ended.Load() && ctx.Err() == nil {
			if _, err := f.table.UpdateItem(ctx, f.visit(key)); err != nil {
				errs <- err
				return
			}
			bumped++
		}
	})
	running.Wait()
	ended.Store(true)
	bumping.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Positive(t, bumped)
	return bumped
}
