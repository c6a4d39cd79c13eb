//go:build !race

package durable

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type row string

func (row) Table() string { return "rows" }

type disk struct {
	rows   []Row
	err    error
	writes int
}

func (d *disk) Write(_ context.Context, rows ...Row) error {
	d.writes++
	if d.err != nil {
		return d.err
	}
	d.rows = append(d.rows, rows...)
	return nil
}

func TestAValueIsSeenOnlyAfterItsRowsAreWritten(t *testing.T) {
	var d disk
	got, err := Hold("hello", row("a"), row("b")).With(row("c")).Commit(t.Context(), &d)
	if err != nil || got != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
	if diff := cmp.Diff([]Row{row("a"), row("b"), row("c")}, d.rows); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedWriteHidesTheValue(t *testing.T) {
	full := errors.New("disk full")
	d := disk{err: full}
	got, err := Hold("hello", row("a")).Commit(t.Context(), &d)
	if got != "" || !errors.Is(err, full) {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestAValueWithoutRowsNeedsNoWrite(t *testing.T) {
	d := disk{err: errors.New("disk full")}
	if got, err := Hold("hello").Commit(t.Context(), &d); got != "hello" || err != nil || d.writes != 0 {
		t.Fatalf("got %q, %v after %d writes", got, err, d.writes)
	}
}

func TestJoinIsOneWriteOfBoth(t *testing.T) {
	var d disk
	got, err := Join(Hold(1, row("a")), Hold("two", row("b"))).Commit(t.Context(), &d)
	if err != nil || got.A != 1 || got.B != "two" || d.writes != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff([]Row{row("a"), row("b")}, d.rows); diff != "" {
		t.Error(diff)
	}
}

func TestAllIsOneWriteInTheirOrder(t *testing.T) {
	var d disk
	got, err := All([]Pending[int]{Hold(1, row("a"), row("b")), Hold(2), Hold(3, row("c"))}).Commit(t.Context(), &d)
	if err != nil || !slices.Equal(got, []int{1, 2, 3}) || d.writes != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff([]Row{row("a"), row("b"), row("c")}, d.rows); diff != "" {
		t.Error(diff)
	}
}

func TestWithDoesNotChangeWhatItWasMadeFrom(t *testing.T) {
	base := Hold(0, make([]Row, 0, 4)...)
	a, b := base.With(row("a")), base.With(row("b"))
	var da, db disk
	if _, err := a.Commit(t.Context(), &da); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), &db); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Row{row("a")}, da.rows); diff != "" {
		t.Error(diff)
	}
}
