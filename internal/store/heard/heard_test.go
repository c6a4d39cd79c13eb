package heard_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/heard"
)

func TestTheLatestOfEachIsKeptUntilItIsForgotten(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	row := func(kind uint16, about, raw string) heard.Row {
		r := heard.Row{Kind: kind, About: []byte(about)}
		if raw != "" {
			r.Raw = []byte(raw)
		}
		return r
	}
	for _, r := range []heard.Row{
		row(33003, "a", "old"), row(33001, "b", "x"), row(33003, "a", "new"), row(33001, "a", "y"), row(33001, "b", ""), row(33001, "c", ""),
	} {
		if err := s.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := heard.Read(t.Context(), s.Queries())
	if diff := cmp.Diff([]heard.Row{row(33001, "a", "y"), row(33003, "a", "new")}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
