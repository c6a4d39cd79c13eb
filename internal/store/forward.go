package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/store/db"
)

// Counters of the forwards' indexes.
const (
	forwardUpdates = "forwards.updated_index"
	forwardDeletes = "forwards.deleted_index"
)

// TermsRow is the terms of a channel where they are not the node's: nil is the
// node's.
type TermsRow struct {
	Channel wire.ChannelID
	FeeBase *uint32
	FeePPM  *uint32
	HTLCMin *amount.MilliSatoshi
	HTLCMax *amount.MilliSatoshi
}

// Table implements durable.Row.
func (TermsRow) Table() string { return "terms" }

// ForwardStatus is where a forwarded HTLC is in its life.
type ForwardStatus string

// The statuses, in the words of listforwards.
const (
	ForwardOffered ForwardStatus = "offered"
	ForwardSettled ForwardStatus = "settled"
	ForwardFailed  ForwardStatus = "failed"
)

// ForwardRow is an HTLC that we forward, as stored: it is written with the HTLC that
// we offer for it, and with that one's end.
type ForwardRow struct {
	CreatedIndex uint64
	UpdatedIndex uint64              // zero: never changed
	In, Out      wire.ShortChannelID // or our alias, where there is none
	InHTLC       uint64
	OutHTLC      uint64
	InAmount     amount.MilliSatoshi
	OutAmount    amount.MilliSatoshi
	Status       ForwardStatus
	ReceivedAt   uint64 // unix seconds; zero: not known
	ResolvedAt   uint64 // unix seconds; zero: not resolved, or not known when
}

// ForwardDeletedRow takes a forward that has ended with a status away. The store
// refuses it when there is none.
type ForwardDeletedRow struct {
	Channel wire.ChannelID // the incoming one
	HTLC    uint64
	Status  ForwardStatus
}

// Table implements durable.Row.
func (ForwardDeletedRow) Table() string { return "forwards" }

func (w *writing) forwardRow(r any) (bool, error) {
	switch r := r.(type) {
	case TermsRow:
		key, err := w.key(r.Channel)
		if err != nil {
			return true, err
		}
		return true, w.q.PutTerms(w.ctx, db.PutTermsParams{
			Channel: key, FeeBase: maybeInteger(r.FeeBase), FeePpm: maybeInteger(r.FeePPM),
			HtlcMin: maybeInteger(r.HTLCMin), HtlcMax: maybeInteger(r.HTLCMax),
		})
	case ForwardDeletedRow:
		key, err := w.key(r.Channel)
		if err != nil {
			return true, err
		}
		if _, err := w.next(forwardDeletes); err != nil {
			return true, err
		}
		w.event = true
		return true, found(w.q.DeleteForward(w.ctx, db.DeleteForwardParams{InChannel: key, InHtlc: integer(r.HTLC), Status: string(r.Status)}))
	}
	return false, nil
}

// forwards writes that an HTLC that we offer forwards another.
func (w *writing) forwards(p db.InsertHTLCParams) error {
	w.event = true // who waits for forwards reads the log
	return w.q.InsertForward(w.ctx, db.InsertForwardParams{
		InChannel: p.InChannel.Int64, InHtlc: p.InHtlc.Int64, OutChannel: p.Channel, OutHtlc: p.ID, OutMsat: p.Amount, ReceivedAt: w.now,
	})
}

// forwarded writes how the HTLC ended that we offered for another.
func (w *writing) forwarded(out int64, r channel.SettlementRow) error {
	updated, err := w.next(forwardUpdates)
	if err != nil {
		return err
	}
	w.event = true
	status := ForwardFailed
	if r.Preimage != nil {
		status = ForwardSettled
	}
	return w.q.EndForward(w.ctx, db.EndForwardParams{
		Status: string(status), ResolvedAt: w.now, UpdatedIndex: updated, OutChannel: out, OutHtlc: integer(r.HTLC.ID),
	})
}

func maybeInteger[T ~uint32 | ~uint64](v *T) sql.NullInt64 {
	if v == nil {
		return sql.NullInt64{}
	}
	return optional(integer(*v), true)
}

func maybeUnsigned[T ~uint32 | ~uint64](v sql.NullInt64) *T {
	if !v.Valid {
		return nil
	}
	u := unsigned[T](v.Int64)
	return &u
}

// Terms are those of the channels that have some of their own.
func (s *Store) Terms(ctx context.Context) ([]TermsRow, error) {
	rows, err := s.q.Terms(ctx)
	return all(rows, err, func(r db.TermsRow) (TermsRow, error) {
		out := TermsRow{
			FeeBase: maybeUnsigned[uint32](r.FeeBase), FeePPM: maybeUnsigned[uint32](r.FeePpm),
			HTLCMin: maybeUnsigned[amount.MilliSatoshi](r.HtlcMin), HTLCMax: maybeUnsigned[amount.MilliSatoshi](r.HtlcMax),
		}
		var c columns
		c.fixed(out.Channel[:], r.ChannelID)
		return out, c.err
	})
}

func readForward(f db.Forward, in, inAlias, out, outAlias int64) ForwardRow {
	name := func(scid, alias int64) wire.ShortChannelID {
		if scid == 0 {
			scid = alias
		}
		return unsigned[wire.ShortChannelID](scid)
	}
	return ForwardRow{
		CreatedIndex: unsigned[uint64](f.CreatedIndex), UpdatedIndex: unsigned[uint64](f.UpdatedIndex), In: name(in, inAlias),
		Out: name(out, outAlias), InHTLC: unsigned[uint64](f.InHtlc), OutHTLC: unsigned[uint64](f.OutHtlc),
		InAmount: unsigned[amount.MilliSatoshi](f.InMsat), OutAmount: unsigned[amount.MilliSatoshi](f.OutMsat),
		Status: ForwardStatus(f.Status), ReceivedAt: unsigned[uint64](f.ReceivedAt), ResolvedAt: unsigned[uint64](f.ResolvedAt),
	}
}

// Forwards lists up to limit forwards with a created_index of at least start, in that
// order, those of a status unless it is empty.
func (s *Store) Forwards(ctx context.Context, status ForwardStatus, start uint64, limit int) ([]ForwardRow, error) {
	if status == "" {
		rows, err := s.q.ForwardsByCreated(ctx, db.ForwardsByCreatedParams{CreatedIndex: place(start), Limit: int64(limit)})
		return all(rows, err, func(r db.ForwardsByCreatedRow) (ForwardRow, error) {
			return readForward(r.Forward, r.InScid, r.InAlias, r.OutScid, r.OutAlias), nil
		})
	}
	rows, err := s.q.ForwardsByStatus(ctx, db.ForwardsByStatusParams{Status: string(status), CreatedIndex: place(start), Limit: int64(limit)})
	return all(rows, err, func(r db.ForwardsByStatusRow) (ForwardRow, error) {
		return readForward(r.Forward, r.InScid, r.InAlias, r.OutScid, r.OutAlias), nil
	})
}

// ForwardsUpdated lists up to limit forwards with an updated_index of at least start, in
// that order.
func (s *Store) ForwardsUpdated(ctx context.Context, start uint64, limit int) ([]ForwardRow, error) {
	rows, err := s.q.ForwardsByUpdated(ctx, db.ForwardsByUpdatedParams{UpdatedIndex: place(start), Limit: int64(limit)})
	return all(rows, err, func(r db.ForwardsByUpdatedRow) (ForwardRow, error) {
		return readForward(r.Forward, r.InScid, r.InAlias, r.OutScid, r.OutAlias), nil
	})
}

// ForwardIndexes are how far the indexes of forwards have come: of creation, of change
// and of deletion.
func (s *Store) ForwardIndexes(ctx context.Context) (created, updated, deleted uint64, err error) {
	if created, err = s.sequence(ctx, "forwards"); err != nil {
		return 0, 0, 0, err
	}
	if updated, err = s.counter(ctx, forwardUpdates); err != nil {
		return 0, 0, 0, err
	}
	deleted, err = s.counter(ctx, forwardDeletes)
	return created, updated, deleted, err
}

// sequence is the highest number that a table has ever given to a row.
func (s *Store) sequence(ctx context.Context, table string) (uint64, error) {
	var last int64
	err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", table).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("numbers of %s: %w", table, err)
	}
	return unsigned[uint64](last), nil
}
