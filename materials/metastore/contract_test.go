package metastore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddbec/ddbec-go/materials"
	"github.com/ddbec/ddbec-go/materials/materialstest"
)

func TestProvidersOfTheStore(t *testing.T) {
	t.Parallel()
	t.Run("of a version", func(t *testing.T) {
		t.Parallel()
		p, _, err := newFixture(t).store.GetOrCreate(t.Context(), material, 0)
		require.NoError(t, err)
		materialstest.TestProvider(t, p)
	})
	t.Run("most recent", func(t *testing.T) {
		t.Parallel()
		p, err := materials.NewCachingMostRecentProvider(newFixture(t).store, material, time.Minute)
		require.NoError(t, err)
		materialstest.TestProvider(t, p)
	})
}
