package metastore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/metastore"
)

// Each call of Rotate makes one version, whoever else rotates; numbers have no
// gaps. The clock is synctest's, so that all requests overlap.
func TestRotationsRace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		stores := []*metastore.MetaStore{f.store, f.open(t, metaTable, nil)}
		f.server.SetLatency(5 * time.Millisecond)
		f.kms.SetLatency(3 * time.Millisecond)
		const rotations = 16
		made := make([]int64, rotations)
		var done sync.WaitGroup
		for i := range made {
			done.Go(func() {
				version, err := stores[i%2].Rotate(t.Context(), material)
				assert.NoError(t, err)
				made[i] = version
			})
		}
		done.Wait()
		slices.Sort(made)
		var want []int64
		for version := range int64(rotations) {
			want = append(want, version)
		}
		require.Equal(t, want, made)
		require.Len(t, f.rows(t, metaTable), rotations)
		for _, store := range stores {
			version, err := store.MaxVersion(t.Context(), material)
			require.NoError(t, err)
			require.EqualValues(t, rotations-1, version)
		}
	})
}

func TestRotateGivesUp(t *testing.T) {
	t.Parallel()
	t.Run("when others win every time", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		const most = 32
		var next func()
		rivals := 0
		next = func() {
			// The row goes in by a transaction, so that this is called once for
			// each attempt of Rotate.
			_, err := f.openTable(t, metaTable, nil).TransactWriteItems(context.Background(), &dynamodb.TransactWriteItemsInput{
				TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: aws.String(metaTable), Item: plainRow(material, fmt.Sprint(rivals))}}},
			})
			assert.NoError(t, err)
			rivals++
			f.server.BeforeNext("PutItem", next)
		}
		f.server.BeforeNext("PutItem", next)
		version, err := f.store.Rotate(t.Context(), material)
		require.Zero(t, version)
		requireOpaque(t, err)
		require.ErrorContains(t, err, "others made the next version first, 32 times")
		require.Equal(t, most, rivals)
	})
	t.Run("at its deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.server.SetLatency(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := f.store.Rotate(ctx, material)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 1500*time.Millisecond, time.Since(start))
		})
	})
	t.Run("at the last number", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		_, _, err := f.store.GetOrCreate(t.Context(), material, 9223372036854775807)
		require.NoError(t, err)
		_, err = f.store.Rotate(t.Context(), material)
		require.ErrorIs(t, err, metastore.ErrInvalidID)
	})
}

func TestReplicate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	replica := f.newTable(t, "replica")
	f.rotate(t, material, 0, 3)
	ctx := t.Context()

	require.NoError(t, f.store.Replicate(ctx, material, 1, replica))
	require.Equal(t, []string{"payroll#1"}, f.rows(t, "replica"), "one version is copied, and no other is made")
	original, err := f.store.Provider(ctx, material, 1)
	require.NoError(t, err)
	copied, err := replica.Provider(ctx, material, 1)
	require.NoError(t, err)
	requireSameKeys(t, original, copied)

	row := func(table string) encryptor.Item {
		out, err := f.raw.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: rowKey(material, 1), ConsistentRead: aws.Bool(true)})
		require.NoError(t, err)
		return out.Item
	}
	require.NotEqual(t, row(metaTable)["enc"], row("replica")["enc"], "the target's encryptor encrypts anew")
	before := row("replica")
	require.NoError(t, f.store.Replicate(ctx, material, 1, replica), "again")
	require.Equal(t, before, row("replica"), "an existing row is kept")
	require.NoError(t, f.store.Replicate(ctx, material, 1, f.store), "to itself")

	require.ErrorIs(t, f.store.Replicate(ctx, material, 3, replica), materials.ErrVersionNotFound)

	_, err = replica.Rotate(ctx, material)
	require.NoError(t, err)
	kept, err := replica.Provider(ctx, material, 2)
	require.NoError(t, err)
	err = f.store.Replicate(ctx, material, 2, replica)
	require.ErrorIs(t, err, metastore.ErrKeysDiffer)
	require.ErrorIs(t, err, materials.ErrStore)
	require.ErrorContains(t, err, `material "payroll", version 2`)
	ours, err := f.store.Provider(ctx, material, 2)
	require.NoError(t, err)
	requireOtherKeys(t, ours, kept)
	again, err := replica.Provider(ctx, material, 2)
	require.NoError(t, err)
	requireSameKeys(t, kept, again)

	for _, attribute := range []string{"enc", "int"} {
		rows := map[string]encryptor.Item{metaTable: plainRow(attribute, "0"), "replica": plainRow(attribute, "0")}
		rows["replica"][attribute] = &attrB{Value: []byte(strings.Repeat("x", 32))}
		for table, row := range rows {
			_, err := f.openTable(t, table, nil).PutItem(ctx, &dynamodb.PutItemInput{Item: row})
			require.NoError(t, err)
		}
		require.ErrorIs(t, f.store.Replicate(ctx, attribute, 0, replica), metastore.ErrKeysDiffer, "only %s differs", attribute)
	}

	f.server.FailNext("PutItem", &types.ProvisionedThroughputExceededException{})
	err = f.store.Replicate(ctx, material, 0, replica)
	var failure *metastore.Error
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "replica", failure.Table, "the error says which of the two it was")
	require.Equal(t, "ProvisionedThroughputExceededException", failure.Code)
}

// Java's rows may carry more than keys, and sign some of that without encrypting it.
func TestExtraAttributes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	signOnly := func(o *encryptor.Options) {
		o.Actions.Overrides = map[string]actions.CryptoAction{"tenant": actions.SignOnly, "note": actions.DoNothing}
	}
	extra := func(o *metastore.Options) {
		o.Extra = func(_ context.Context, name string, version int64) (encryptor.Item, error) {
			return encryptor.Item{
				"tenant": &attrS{Value: "t-" + name}, "origin": &attrN{Value: fmt.Sprint(version)}, "note": &attrS{Value: "unsigned"},
			}, nil
		}
	}
	store := f.open(t, metaTable, signOnly, extra)
	_, err := store.Rotate(ctx, material)
	require.NoError(t, err)
	created, _, err := store.GetOrCreate(ctx, material, 1)
	require.NoError(t, err)

	out, err := f.raw.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(metaTable), Key: rowKey(material, 1)})
	require.NoError(t, err)
	require.Equal(t, &attrS{Value: "t-payroll"}, out.Item["tenant"])
	require.IsType(t, &attrB{}, out.Item["origin"])
	plain, err := f.openTable(t, metaTable, signOnly).GetItem(ctx, &dynamodb.GetItemInput{Key: rowKey(material, 1)})
	require.NoError(t, err)
	require.Equal(t, &attrN{Value: "1"}, plain.Item["origin"])

	// A reader needs the actions, not the function.
	reader := f.open(t, metaTable, signOnly)
	read, version, err := reader.Latest(ctx, material)
	require.NoError(t, err)
	require.EqualValues(t, 1, version)
	requireSameKeys(t, created, read)
	_, _, err = f.store.Latest(ctx, material)
	require.ErrorIs(t, err, metastore.ErrRow, "with other actions, the signature does not match")

	// A reader with the actions of before and after reads the rows of both.
	_, err = f.store.Rotate(ctx, "old")
	require.NoError(t, err)
	both := f.open(t, metaTable, func(o *encryptor.Options) {
		signOnly(o)
		o.PreviousActions = []actions.AttributeActions{{}}
	})
	for _, name := range []string{"old", material} {
		_, err := both.MaxVersion(ctx, name)
		require.NoError(t, err)
	}

	t.Run("replicated if signed", func(t *testing.T) {
		f.server.Tamper(metaTable, rowKey(material, 1), func(item encryptor.Item) { item["note"] = &attrS{Value: "by anybody"} })
		require.NoError(t, metastore.CreateTable(ctx, f.raw, "replica"))
		require.NoError(t, store.Replicate(ctx, material, 1, f.open(t, "replica", nil)))
		copied, err := f.openTable(t, "replica", nil).GetItem(ctx, &dynamodb.GetItemInput{Key: rowKey(material, 1)})
		require.NoError(t, err)
		require.Equal(t, &attrS{Value: "t-payroll"}, copied.Item["tenant"])
		require.Equal(t, &attrN{Value: "1"}, copied.Item["origin"])
		require.NotContains(t, copied.Item, "note", "the target would vouch for what nobody signed")
	})
}

// While an attribute was not signed, whoever could write to the table could plant it;
// the signature of such a row still verifies, by the actions of then.
func TestReplicateLeavesOutWhatWasUnsignedBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := actions.AttributeActions{Overrides: map[string]actions.CryptoAction{"note": actions.DoNothing}}
	old := f.open(t, metaTable, func(o *encryptor.Options) { o.Actions = before })
	_, err := old.Rotate(t.Context(), material)
	require.NoError(t, err)
	f.tamper(material, 0, func(item encryptor.Item) { item["note"] = &attrS{Value: "by anybody"} })

	now := func(o *encryptor.Options) { o.PreviousActions = []actions.AttributeActions{before} }
	read, err := f.openTable(t, metaTable, now).GetItem(t.Context(), &dynamodb.GetItemInput{Key: rowKey(material, 0)})
	require.NoError(t, err)
	require.Contains(t, read.Item, "note", "the planted attribute is read")

	replica := f.newTable(t, "replica")
	require.NoError(t, f.open(t, metaTable, now).Replicate(t.Context(), material, 0, replica))
	copied, err := f.openTable(t, "replica", nil).GetItem(t.Context(), &dynamodb.GetItemInput{Key: rowKey(material, 0)})
	require.NoError(t, err)
	require.NotContains(t, copied.Item, "note", "the target would vouch for what nobody signed")
	original, err := old.Provider(t.Context(), material, 0)
	require.NoError(t, err)
	replicated, err := replica.Provider(t.Context(), material, 0)
	require.NoError(t, err)
	requireSameKeys(t, original, replicated)
}

func TestExtraAttributesThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	boom := fmt.Errorf("tenant register: %w", &types.ProvisionedThroughputExceededException{})
	for _, name := range []string{"N", "V", "t", "enc", "encAlg", "int", "intAlg", "*amzn-ddb-map-sig*", "*amzn-ddb-map-desc*", "aws_dbe_head"} {
		store := f.open(t, metaTable, nil, func(o *metastore.Options) {
			o.Extra = func(context.Context, string, int64) (encryptor.Item, error) {
				return encryptor.Item{name: &attrS{Value: strings.Repeat("secret", 3)}}, nil
			}
		})
		_, err := store.Rotate(t.Context(), material)
		requireOpaque(t, err)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "secret")
		provider, _, err := store.GetOrCreate(t.Context(), material, 0)
		require.Error(t, err)
		require.Nil(t, provider)
	}
	failing := f.open(t, metaTable, nil, func(o *metastore.Options) {
		o.Extra = func(context.Context, string, int64) (encryptor.Item, error) { return nil, boom }
	})
	_, err := failing.Rotate(t.Context(), material)
	requireOpaque(t, err)
	require.ErrorContains(t, err, "Options.Extra: tenant register")
	require.Empty(t, f.rows(t, metaTable))
}
