package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store/compact"
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
	ForwardRefused ForwardStatus = "local_failed" // by us: no HTLC went out
)

// ForwardRow is an HTLC that we forward, as stored: it is written with the HTLC that
// we offer for it, and with that one's end; or with the decision to refuse it.
type ForwardRow struct {
	CreatedIndex uint64
	UpdatedIndex uint64              // zero: never changed
	In, Out      wire.ShortChannelID // or our alias, where there is none; Out of a refused one as it was asked for
	InHTLC       uint64
	OutHTLC      uint64 // of no meaning when it was refused
	InAmount     amount.MilliSatoshi
	OutAmount    amount.MilliSatoshi // of no meaning when it was refused
	InProperty   amount.Property     // whose tokens it carried beside its bitcoin; 0: none
	InUnits      amount.Units
	OutProperty  amount.Property // as InProperty, and of no meaning when it was refused
	OutUnits     amount.Units
	Status       ForwardStatus
	FailCode     onion.Code // why it was refused
	ReceivedAt   uint64     // unix seconds; zero: not known
	ResolvedAt   uint64     // unix seconds; zero: not resolved, or not known when
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

// ForwardsCleanedRow takes up to so many forwards away that ended with a status until a
// time in unix seconds, the oldest first, and counts them for a kind of [CleanedRow].
type ForwardsCleanedRow struct {
	Kind   string
	Status ForwardStatus
	Until  uint64
	Most   int
}

// Table implements durable.Row.
func (ForwardsCleanedRow) Table() string { return "forwards" }

func (w *writing) cleanForwards(r ForwardsCleanedRow) error {
	n, err := w.q.CleanForwards(w.ctx, db.CleanForwardsParams{Status: string(r.Status), ResolvedAt: place(r.Until), Limit: int64(r.Most)})
	if err != nil || n == 0 {
		return err
	}
	w.event = true
	if err := w.q.AddCounter(w.ctx, db.AddCounterParams{Name: forwardDeletes, Value: n}); err != nil {
		return err
	}
	return w.cleaned(CleanedRow{r.Kind, unsigned[uint64](n)})
}

func (w *writing) forwardRow(r any) (bool, error) {
	switch r := r.(type) {
	case TermsRow:
		key, err := w.key(r.Channel)
		if err != nil {
			return true, err
		}
		return true, w.q.PutTerms(w.ctx, db.PutTermsParams{
			Channel: key, FeeBase: compact.Nullable(r.FeeBase), FeePpm: compact.Nullable(r.FeePPM),
			HtlcMin: compact.Nullable(r.HTLCMin), HtlcMax: compact.Nullable(r.HTLCMax),
		})
	case ForwardsCleanedRow:
		return true, w.cleanForwards(r)
	case CleanedRow:
		return true, w.cleaned(r)
	case relay.RefusedRow:
		return true, w.refused(r)
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
	err := w.q.InsertForward(w.ctx, db.InsertForwardParams{
		InChannel: p.InChannel.Int64, InHtlc: p.InHtlc.Int64, OutChannel: p.Channel, OutHtlc: p.ID, OutMsat: p.Amount, ReceivedAt: w.now,
	})
	if err != nil {
		return err
	}
	return w.forwardEvent(p.InChannel.Int64, p.InHtlc.Int64)
}

// refused writes that an HTLC was not forwarded, unless it was.
func (w *writing) refused(r relay.RefusedRow) error {
	in, err := w.key(r.In.Channel)
	if err != nil {
		return err
	}
	rows, err := w.q.InsertRefused(w.ctx, db.InsertRefusedParams{
		InChannel: in, InHtlc: integer(r.In.ID), OutScid: integer(r.Out), Failcode: integer(uint16(r.Code)), ReceivedAt: w.now,
	})
	if err != nil || rows == 0 {
		return err
	}
	return w.forwardEvent(in, integer(r.In.ID))
}

// forwarded writes how the HTLC ended that we offered for another, in of its channel.
func (w *writing) forwarded(in, out int64, r channel.SettlementRow) error {
	updated, err := w.next(forwardUpdates)
	if err != nil {
		return err
	}
	w.event = true // who waits for forwards reads the log
	status := ForwardFailed
	if r.Preimage != nil {
		status = ForwardSettled
	}
	id := integer(r.Origin.In.ID)
	rows, err := w.q.EndForward(w.ctx, db.EndForwardParams{
		Status: string(status), ResolvedAt: w.now, UpdatedIndex: updated, InChannel: in, InHtlc: id, OutChannel: out, OutHtlc: integer(r.HTLC.ID),
	})
	if err != nil || rows == 0 {
		return err
	}
	return w.forwardEvent(in, id)
}

// forwardEvent puts a forward as it is now into the log, if there is one.
func (w *writing) forwardEvent(in, htlc int64) error {
	r, err := w.q.ForwardOf(w.ctx, db.ForwardOfParams{InChannel: in, InHtlc: htlc})
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	f, _ := readForward(r) // which has no error
	e := events.Forward{
		CreatedIndex: f.CreatedIndex, UpdatedIndex: f.UpdatedIndex, In: f.In, InHTLC: f.InHTLC, InAmount: f.InAmount, InProperty: f.InProperty, InUnits: f.InUnits, Out: f.Out,
		Status: string(f.Status), FailCode: f.FailCode, FailReason: f.FailCode.WireName(), Style: "tlv", Received: f.ReceivedAt, Resolved: f.ResolvedAt,
	}
	if f.Status != ForwardRefused {
		e.OutHTLC, e.OutAmount, e.OutProperty, e.OutUnits = &f.OutHTLC, &f.OutAmount, f.OutProperty, f.OutUnits
		e.Fee, e.FeeUnits = e.Fees()
	}
	var id wire.ChannelID
	var c columns
	c.fixed(id[:], r.ChannelID)
	c.fixed(e.PaymentHash[:], r.PaymentHash)
	if c.err != nil {
		return c.err
	}
	_, err = w.nodeRow(durable.Event{Kind: "forward", Key: fmt.Sprintf("%s/%d", id, f.InHTLC), State: string(f.Status), Data: compact.Forward(&e)})
	return err
}

// Terms are those of the channels that have some of their own.
func (s *Store) Terms(ctx context.Context) ([]TermsRow, error) {
	rows, err := s.q.Terms(ctx)
	return all(rows, err, func(r db.TermsRow) (TermsRow, error) {
		out := TermsRow{
			FeeBase: compact.Number[uint32](r.FeeBase), FeePPM: compact.Number[uint32](r.FeePpm),
			HTLCMin: compact.Number[amount.MilliSatoshi](r.HtlcMin), HTLCMax: compact.Number[amount.MilliSatoshi](r.HtlcMax),
		}
		var c columns
		c.fixed(out.Channel[:], r.ChannelID)
		return out, c.err
	})
}

func readForward(f db.ForwardsSeen) (ForwardRow, error) {
	name := func(scid, alias int64) wire.ShortChannelID {
		if scid == 0 {
			scid = alias
		}
		return unsigned[wire.ShortChannelID](scid)
	}
	return ForwardRow{
		CreatedIndex: unsigned[uint64](f.CreatedIndex), UpdatedIndex: unsigned[uint64](f.UpdatedIndex), In: name(f.InScid, f.InAlias),
		Out: name(f.OutName, f.OutAlias), InHTLC: unsigned[uint64](f.InHtlc), OutHTLC: unsigned[uint64](f.OutHtlc),
		InAmount: unsigned[amount.MilliSatoshi](f.InMsat), OutAmount: unsigned[amount.MilliSatoshi](f.OutMsat),
		InProperty: unsigned[amount.Property](f.InProperty), InUnits: unsigned[amount.Units](f.InUnits),
		OutProperty: unsigned[amount.Property](f.OutProperty), OutUnits: unsigned[amount.Units](f.OutUnits),
		Status: ForwardStatus(f.Status), FailCode: onion.Code(unsigned[uint16](f.Failcode)), ReceivedAt: unsigned[uint64](f.ReceivedAt), ResolvedAt: unsigned[uint64](f.ResolvedAt),
	}, nil
}

// Forwards lists up to limit forwards with a created_index of at least start, in that
// order, those of a status unless it is empty.
func (s *Store) Forwards(ctx context.Context, status ForwardStatus, start uint64, limit int) ([]ForwardRow, error) {
	if status == "" {
		rows, err := s.q.ForwardsByCreated(ctx, db.ForwardsByCreatedParams{CreatedIndex: place(start), Limit: int64(limit)})
		return all(rows, err, readForward)
	}
	rows, err := s.q.ForwardsByStatus(ctx, db.ForwardsByStatusParams{Status: string(status), CreatedIndex: place(start), Limit: int64(limit)})
	return all(rows, err, readForward)
}

// ForwardsUpdated lists up to limit forwards with an updated_index of at least start, in
// that order.
func (s *Store) ForwardsUpdated(ctx context.Context, start uint64, limit int) ([]ForwardRow, error) {
	rows, err := s.q.ForwardsByUpdated(ctx, db.ForwardsByUpdatedParams{UpdatedIndex: place(start), Limit: int64(limit)})
	return all(rows, err, readForward)
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
