package encryptor_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/actions"
	"github.com/ddbec/ddbec-go/encryptor"
	"github.com/ddbec/ddbec-go/internal/vectors"
)

var modifyKey = customerKey("ada", 1)

func setName(name string) func(encryptor.Item) error {
	return func(item encryptor.Item) error {
		item["name"] = &types.AttributeValueMemberS{Value: name}
		return nil
	}
}

func (f *fixture) read(t *testing.T) encryptor.Item {
	t.Helper()
	out, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{Key: modifyKey, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// visit adds to the DO_NOTHING counter, as another service would.
func (f *fixture) visit(t *testing.T) {
	_, err := f.table.UpdateItem(context.WithoutCancel(t.Context()), &dynamodb.UpdateItemInput{
		Key: modifyKey, UpdateExpression: aws.String("ADD visits :one"),
		ExpressionAttributeValues: encryptor.Item{":one": &types.AttributeValueMemberN{Value: "1"}},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestModify(t *testing.T) {
	t.Parallel()
	t.Run("change, add and remove", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		calls := 0
		written, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error {
			calls++
			item["name"] = &types.AttributeValueMemberS{Value: "Ada"}
			item["email"] = &types.AttributeValueMemberS{Value: secret}
			item["tags"].(*types.AttributeValueMemberSS).Value[0] = "changed in place"
			delete(item, "age")
			delete(item, "visits")
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 1, calls)
		got := f.read(t)
		require.Equal(t, vectors.Text(written), vectors.Text(got))
		require.Equal(t, &types.AttributeValueMemberS{Value: "Ada"}, got["name"])
		require.NotContains(t, got, "age")
		require.NotContains(t, got, "visits")
		require.Contains(t, vectors.ValueText(got["tags"]), "changed in place")
		require.NotContains(t, vectors.Text(f.stored(t, modifyKey)), secret)
	})
	t.Run("absent item", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		written, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error {
			require.Equal(t, vectors.Text(modifyKey), vectors.Text(item), "f gets the key alone")
			item["name"] = &types.AttributeValueMemberS{Value: "new"}
			item["visits"] = &types.AttributeValueMemberN{Value: "0"}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(written), vectors.Text(f.read(t)))
	})
	t.Run("deletion", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		for range 2 { // the second finds it absent
			item, err := f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { return encryptor.ErrDeleteItem })
			require.NoError(t, err)
			require.Nil(t, item)
			require.Nil(t, f.stored(t, modifyKey))
		}
	})
	t.Run("f's own error", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		before := vectors.Text(f.stored(t, modifyKey))
		own := errors.New("no")
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { clear(item); return own })
		require.ErrorIs(t, err, own)
		require.Equal(t, before, vectors.Text(f.stored(t, modifyKey)))
	})
	t.Run("a changed key", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error {
			item["sk"] = &types.AttributeValueMemberN{Value: "2"}
			return nil
		})
		require.ErrorIs(t, err, encryptor.ErrInvalidValue)
		require.ErrorContains(t, err, "primary key")
	})
	t.Run("an item left as it is", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		before := f.stored(t, modifyKey)["*amzn-ddb-map-sig*"]
		_, err := f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { return nil })
		require.NoError(t, err)
		require.NotEqual(t, before, f.stored(t, modifyKey)["*amzn-ddb-map-sig*"], "it is written all the same")
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.read(t)))
	})
	t.Run("a damaged item", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.damage(t, modifyKey)
		_, err := f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { t.Error("f is called"); return nil })
		require.ErrorIs(t, err, encryptor.ErrInvalidSignature)
		var itemError *encryptor.ItemError
		require.ErrorAs(t, err, &itemError)
		require.Equal(t, "Modify", itemError.Op)
	})
	t.Run("too many attributes for an expression", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		item := customer("ada", 1)
		for i := range 400 {
			item[fmt.Sprint("a", i)] = &types.AttributeValueMemberBOOL{}
		}
		f.put(t, item)
		before := vectors.Text(f.stored(t, modifyKey))
		_, err := f.table.Modify(t.Context(), modifyKey, setName("x"))
		require.ErrorIs(t, err, encryptor.ErrUnsupported)
		require.Equal(t, before, vectors.Text(f.stored(t, modifyKey)), "never a blind put")
	})
}

// Modify moves items to other actions, and plaintext to encryption.
func TestModifyMigrates(t *testing.T) {
	t.Parallel()
	unchanged := func(encryptor.Item) error { return nil }
	t.Run("plaintext", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads })
		_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: customer("ada", 1)})
		require.NoError(t, err)
		_, err = f.table.Modify(t.Context(), modifyKey, unchanged)
		require.NoError(t, err)
		stored := f.stored(t, modifyKey)
		require.NotContains(t, vectors.Text(stored), secret)
		require.Contains(t, stored, "*amzn-ddb-map-sig*")
		require.Equal(t, vectors.Text(customer("ada", 1)), vectors.Text(f.read(t)))
	})
	t.Run("plaintext that somebody changes meanwhile", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads })
		plain := customer("ada", 1)
		_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: plain})
		require.NoError(t, err)
		f.server.BeforeNext("UpdateItem", func() {
			plain["age"] = &types.AttributeValueMemberN{Value: "43"}
			_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: plain})
			require.NoError(t, err)
		})
		calls := 0
		_, err = f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { calls++; return nil })
		require.NoError(t, err)
		require.Equal(t, 2, calls)
		require.Equal(t, vectors.Text(plain), vectors.Text(f.read(t)))
	})
	t.Run("plaintext that somebody signs meanwhile", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(o *encryptor.Options) { o.Plaintext = encryptor.AllowPlaintextReads })
		plain := customerKey("ada", 1)
		plain["city"] = &types.AttributeValueMemberS{Value: "Ulm"} // SIGN_ONLY: its value stays
		_, err := f.raw.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(customers), Item: plain})
		require.NoError(t, err)
		f.server.BeforeNext("UpdateItem", func() { f.put(t, plain) })
		calls := 0
		_, err = f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { calls++; return nil })
		require.NoError(t, err)
		require.Equal(t, 2, calls)
	})
	t.Run("other actions", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		// visits becomes signed, name readable, city unsigned.
		moved := f.open(t, func(o *encryptor.Options) {
			o.PreviousActions = []actions.AttributeActions{o.Actions}
			o.Actions = actions.AttributeActions{Overrides: map[string]actions.CryptoAction{
				"name": actions.SignOnly, "visits": actions.SignOnly, "city": actions.DoNothing,
			}}
		})
		// Under the signature that is read, visits is not covered: it is pinned.
		f.server.BeforeNext("UpdateItem", func() { f.visit(t) })
		_, err := moved.Modify(t.Context(), modifyKey, unchanged)
		require.NoError(t, err)
		want := customer("ada", 1)
		want["visits"] = &types.AttributeValueMemberN{Value: "8"}
		strict := f.open(t, func(o *encryptor.Options) {
			o.Actions = actions.AttributeActions{Overrides: map[string]actions.CryptoAction{
				"name": actions.SignOnly, "visits": actions.SignOnly, "city": actions.DoNothing,
			}}
		})
		got, err := strict.GetItem(t.Context(), &dynamodb.GetItemInput{Key: modifyKey, ConsistentRead: aws.Bool(true)})
		require.NoError(t, err)
		require.Equal(t, vectors.Text(want), vectors.Text(got.Item))
	})
}

func TestModifyRaces(t *testing.T) {
	t.Parallel()
	t.Run("another writer of the item", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.server.BeforeNext("UpdateItem", func() {
			item := customer("ada", 1)
			item["age"] = &types.AttributeValueMemberN{Value: "43"}
			f.put(t, item)
		})
		calls := 0
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { calls++; return setName("Ada")(item) })
		require.NoError(t, err)
		require.Equal(t, 2, calls)
		got := f.read(t)
		require.Equal(t, "N 43", vectors.ValueText(got["age"]))
		require.Equal(t, `S "Ada"`, vectors.ValueText(got["name"]))
	})
	t.Run("a counter that f leaves alone", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.server.BeforeNext("UpdateItem", func() { f.visit(t) })
		calls := 0
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { calls++; return setName("Ada")(item) })
		require.NoError(t, err)
		require.Equal(t, 1, calls, "it is no conflict")
		require.Equal(t, "N 8", vectors.ValueText(f.read(t)["visits"]), "it is not overwritten")
	})
	t.Run("a counter that f changes", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.server.BeforeNext("UpdateItem", func() { f.visit(t) })
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { return add(item, "visits", 10) })
		require.NoError(t, err)
		require.Equal(t, "N 18", vectors.ValueText(f.read(t)["visits"]))
	})
	t.Run("creation by another", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.server.BeforeNext("UpdateItem", func() { f.put(t, customer("ada", 1)) })
		_, err := f.table.Modify(t.Context(), modifyKey, setName("Ada"))
		require.NoError(t, err)
		require.Equal(t, "N 42", vectors.ValueText(f.read(t)["age"]), "what the other created is kept")
	})
	t.Run("deletion of what another changed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.server.BeforeNext("DeleteItem", func() { f.visit(t) })
		seen := []string{}
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error {
			seen = append(seen, vectors.ValueText(item["visits"]))
			return encryptor.ErrDeleteItem
		})
		require.NoError(t, err)
		require.Equal(t, []string{"N 7", "N 8"}, seen)
	})
	t.Run("always", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		calls := 0
		_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error {
			calls++
			f.put(t, customer("ada", 1))
			return setName("Ada")(item)
		}, func(o *encryptor.ModifyOptions) { o.MaxAttempts = 3 })
		require.ErrorIs(t, err, encryptor.ErrConflict)
		require.Equal(t, 3, calls)
	})
}

// Whatever becomes of an answer, the change is made once.
func TestModifyExactlyOnce(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		fault func(t *testing.T, f *fixture)
		want  string // of age, 42 before
		calls int
		err   error
	}{
		"the answer is lost after the effect": {fault: func(_ *testing.T, f *fixture) { f.server.LoseNext("UpdateItem", lost) }, want: "N 43", calls: 1},
		"the request is lost":                 {fault: func(_ *testing.T, f *fixture) { f.server.FailNext("UpdateItem", lost) }, want: "N 43", calls: 1},
		"the service is busy": {fault: func(_ *testing.T, f *fixture) {
			f.server.FailNext("UpdateItem", &types.ProvisionedThroughputExceededException{})
		}, want: "N 43", calls: 1},
		"the service fails, twice": {fault: func(_ *testing.T, f *fixture) {
			f.server.FailNext("UpdateItem", &types.InternalServerError{})
			f.server.LoseNext("UpdateItem", lost)
		}, want: "N 43", calls: 1},
		"lost, and a counter changes meanwhile": {fault: func(t *testing.T, f *fixture) {
			f.server.LoseNext("UpdateItem", lost)
			f.server.AfterNext("UpdateItem", func() { f.visit(t) })
		}, want: "N 43", calls: 1},
		"lost, and another writer comes": {fault: func(t *testing.T, f *fixture) {
			f.server.LoseNext("UpdateItem", lost)
			f.server.AfterNext("UpdateItem", func() { f.put(t, customer("ada", 1)) })
		}, want: "N 42", calls: 1, err: encryptor.ErrUnknownOutcome},
		"it is refused": {fault: func(_ *testing.T, f *fixture) { f.server.FailNext("UpdateItem", &types.ResourceNotFoundException{}) }, want: "N 42", calls: 1, err: new(types.ResourceNotFoundException)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.put(t, customer("ada", 1))
			c.fault(t, f)
			calls := 0
			_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { calls++; return add(item, "age", 1) })
			var notFound *types.ResourceNotFoundException
			switch {
			case c.err == nil:
				require.NoError(t, err)
			case errors.As(c.err, &notFound):
				require.ErrorAs(t, err, &notFound)
			default:
				require.ErrorIs(t, err, c.err)
			}
			require.Equal(t, c.calls, calls)
			require.Equal(t, c.want, vectors.ValueText(f.read(t)["age"]))
		})
	}
	t.Run("a deletion", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.put(t, customer("ada", 1))
		f.server.LoseNext("DeleteItem", lost)
		_, err := f.table.Modify(t.Context(), modifyKey, func(encryptor.Item) error { return encryptor.ErrDeleteItem })
		require.NoError(t, err)
		require.Nil(t, f.stored(t, modifyKey))
	})
}

func add(item encryptor.Item, name string, n int) error {
	old, err := strconv.Atoi(item[name].(*types.AttributeValueMemberN).Value)
	item[name] = &types.AttributeValueMemberN{Value: strconv.Itoa(old + n)}
	return err
}

func TestModifyUnderContention(t *testing.T) {
	t.Parallel()
	const writers, increments = 16, 200
	f := newFixture(t)
	item := customer("ada", 1)
	item["age"], item["visits"] = &types.AttributeValueMemberN{Value: "0"}, &types.AttributeValueMemberN{Value: "0"}
	f.put(t, item)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range increments {
				_, err := f.table.Modify(t.Context(), modifyKey, func(item encryptor.Item) error { return add(item, "age", 1) },
					func(o *encryptor.ModifyOptions) { o.MaxAttempts = 10_000 })
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2 {
		group.Go(func() {
			for range 100 {
				f.visit(t)
			}
		})
	}
	group.Wait()
	got := f.read(t)
	require.Equal(t, fmt.Sprint("N ", writers*increments), vectors.ValueText(got["age"]))
	require.Equal(t, "N 200", vectors.ValueText(got["visits"]))
}
