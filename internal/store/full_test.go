package store_test

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/internal/store"
)

func TestAFullDiskRefusesAndChangesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	limit := func(more int64) {
		if err := s.Limit(t.Context(), more); err != nil {
			t.Fatal(err)
		}
	}
	limit(100_000)
	small, large := store.Fact{Name: "small", Value: []byte{1}}, store.Fact{Name: "large", Value: make([]byte, 1<<20)}
	if err := s.Write(t.Context(), small, large); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a write for which there is no room: %v", err)
	}
	if _, found, err := s.Fact(t.Context(), "small"); err != nil || found {
		t.Errorf("half of it is there: %v, %v", found, err)
	}
	write(t, s, small)
	limit(-1)
	write(t, s, large)
}
