package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestAFullDiskRefusesAndChangesNothing(t *testing.T) {
	s, err := Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var pages int
	if err := s.write.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		if _, err := s.write.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	small, large := Fact{Name: "small", Value: []byte{1}}, Fact{Name: "large", Value: make([]byte, 1<<20)}
	if err := s.Write(t.Context(), small, large); !errors.Is(err, ErrFull) {
		t.Fatalf("a write for which there is no room: %v", err)
	}
	if _, found, err := s.Fact(t.Context(), "small"); err != nil || found {
		t.Errorf("half of it is there: %v, %v", found, err)
	}
	limit(1 << 30)
	if err := s.Write(t.Context(), small, large); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
