package store

import (
	"context"
	"time"

	"github.com/leyden-ln/leyden/internal/runes"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// RuneRow is a rune that was made, without what others have added to it. Key: ID,
// which the store refuses to use twice.
type RuneRow struct {
	ID   uint64
	Text string
}

// Table implements [durable.Row].
func (RuneRow) Table() string { return "runes" }

// RuneUseRow is when a rune was last used. Key: ID.
type RuneUseRow struct {
	ID uint64
	At time.Time
}

// Table implements [durable.Row].
func (RuneUseRow) Table() string { return "rune_uses" }

// RevokedRunesRow replaces the numbers of runes that are revoked.
type RevokedRunesRow struct{ Ranges []runes.Range }

// Table implements [durable.Row].
func (RevokedRunesRow) Table() string { return "revoked_runes" }

func (w *writing) runeRow(r any) (bool, error) {
	switch r := r.(type) {
	case RuneRow:
		return true, w.q.InsertRune(w.ctx, db.InsertRuneParams{ID: integer(r.ID), Rune: r.Text})
	case RuneUseRow:
		return true, w.q.PutRuneUse(w.ctx, db.PutRuneUseParams{ID: integer(r.ID), Used: r.At.UnixNano()})
	case RevokedRunesRow:
		if err := w.q.DeleteRevokedRunes(w.ctx); err != nil {
			return true, err
		}
		for _, x := range r.Ranges {
			if err := w.q.InsertRevokedRunes(w.ctx, db.InsertRevokedRunesParams{FirstID: integer(x.First), LastID: integer(x.Last)}); err != nil {
				return true, err
			}
		}
		return true, nil
	}
	return false, nil
}

func readRune(r db.Rune) (RuneRow, error) { return RuneRow{unsigned[uint64](r.ID), r.Rune}, nil }

// Rune is the rune of a number.
func (s *Store) Rune(ctx context.Context, id uint64) (RuneRow, bool, error) {
	r, err := s.q.Rune(ctx, place(id))
	return maybe(r, err, readRune)
}

// Runes lists up to limit runes from a number on.
func (s *Store) Runes(ctx context.Context, from uint64, limit int) ([]RuneRow, error) {
	rows, err := s.q.Runes(ctx, db.RunesParams{ID: place(from), Limit: int64(limit)})
	return all(rows, err, readRune)
}

// NextRune is the first number that no rune has and no later one either.
func (s *Store) NextRune(ctx context.Context) (uint64, error) {
	last, err := s.q.LastRune(ctx)
	if err != nil || len(last) == 0 {
		return 0, err
	}
	return unsigned[uint64](last[0]) + 1, nil
}

// RuneUses are when runes were last used.
func (s *Store) RuneUses(ctx context.Context) ([]RuneUseRow, error) {
	rows, err := s.q.RuneUses(ctx)
	return all(rows, err, func(r db.RuneUse) (RuneUseRow, error) {
		return RuneUseRow{unsigned[uint64](r.ID), time.Unix(0, r.Used)}, nil
	})
}

// RevokedRunes are the numbers of runes that are revoked, in order.
func (s *Store) RevokedRunes(ctx context.Context) ([]runes.Range, error) {
	rows, err := s.q.RevokedRunes(ctx)
	return all(rows, err, func(r db.RevokedRune) (runes.Range, error) {
		return runes.Range{First: unsigned[uint64](r.FirstID), Last: unsigned[uint64](r.LastID)}, nil
	})
}
