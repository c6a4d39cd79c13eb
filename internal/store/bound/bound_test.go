package bound_test

import (
	"testing"

	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/bound"
)

func TestAKeyIsBoundToItsFirstRequestForAMonth(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const month = 30 * 86400
	for i, c := range []struct {
		key     string
		request byte
		at      int64
		want    bool
	}{
		{"a", 1, 1000, true},
		{"a", 1, 1001, true},
		{"a", 2, 1001, false},
		{"b", 2, 1002, true},
		{"a", 2, 1000 + month, false},
		{"a", 2, 1001 + month, true},
		{"b", 1, 1002 + month, false},
		{"a", 1, 1003 + month, false},
		{"b", 1, 1003 + month, true},
	} {
		if got, err := bound.Bind(t.Context(), s, bound.Row{Key: c.key, Request: [32]byte{c.request}, Made: c.at}); err != nil || got != c.want {
			t.Errorf("%d: %v, want %v, %v", i, got, c.want, err)
		}
	}
}
