package invoice

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/relay"
)

// HoldMargin is how many blocks before the first expiry among its parts a held
// invoice is cancelled by itself. An HTLC that is fulfilled closes its channel 18
// blocks before its expiry, if the peer has not removed it by then (BOLT 2,
// "`cltv_expiry_delta` Selection"): the rest is the peer's time to do so.
const HoldMargin = 24

// Why a held invoice is neither settled nor cancelled.
var (
	ErrNotAccepted = errors.New("no complete payment of this invoice is held")
	ErrTooLate     = errors.New("the payment of this invoice must be let go: its time is over")
)

// HeldRow is a part of a held invoice that is accepted, until it is settled or
// cancelled.
type HeldRow struct {
	PaymentHash wire.PaymentHash
	In          channel.Ref
	Amount      amount.MilliSatoshi // of the HTLC
	Units       amount.Units        // that it brings, of the invoice's property
	CLTVExpiry  uint32
}

// Table implements durable.Row.
func (HeldRow) Table() string { return "held_parts" }

// AcceptedRow changes an unpaid held invoice to Accepted. The store refuses it when
// the invoice is not there or not unpaid, as it does for the rows below when it has
// another status than they change.
type AcceptedRow struct {
	PaymentHash wire.PaymentHash
	Received    amount.MilliSatoshi
	Got         amount.Units // of the invoice's property
	AcceptedAt  uint64       // unix seconds
	Deadline    uint32
}

// Table implements durable.Row.
func (AcceptedRow) Table() string { return "invoices" }

// SettledRow changes an Accepted invoice to Paid, gives it its preimage and the next
// pay_index, and forgets its [HeldRow]s.
type SettledRow struct {
	PaymentHash wire.PaymentHash
	Preimage    wire.Preimage
	PaidAt      uint64 // unix seconds
}

// Table implements durable.Row.
func (SettledRow) Table() string { return "invoices" }

// CancelledRow changes a held invoice that is unpaid or Accepted to Expired, and
// forgets its [HeldRow]s.
type CancelledRow struct {
	PaymentHash wire.PaymentHash
	CancelledAt uint64 // unix seconds
}

// Table implements durable.Row.
func (CancelledRow) Table() string { return "invoices" }

// hold is an accepted invoice.
type hold struct {
	invoice Row
	parts   []HeldRow
}

// deadline is the height at which parts must be let go.
func deadline(parts []HeldRow) uint32 {
	first := uint32(math.MaxUint32)
	for _, p := range parts {
		first = min(first, p.CLTVExpiry)
	}
	return first - min(first, HoldMargin)
}

// accept holds a set that is complete until its owner decides.
func (t *Till) accept(s *set, now time.Time) {
	s.paid = true
	h := &hold{invoice: s.invoice}
	received, got := s.received()
	for _, p := range s.parts {
		h.parts = append(h.parts, HeldRow{s.invoice.PaymentHash, p.In, p.Amount, p.Units, p.CLTVExpiry})
	}
	at := uint64(now.Unix()) //nolint:gosec // after 1970
	row := &h.invoice
	row.Status, row.Received, row.Got, row.AcceptedAt, row.Deadline = Accepted, received, got, at, deadline(h.parts)
	t.rows = append(t.rows, AcceptedRow{row.PaymentHash, received, got, at, row.Deadline}, changed(*row, Accepted))
	for _, p := range h.parts {
		t.rows = append(t.rows, p)
	}
	delete(t.sets, row.PaymentHash)
	t.Restore(h.invoice, h.parts)
}

// Restore holds again what was accepted before a restart.
func (t *Till) Restore(invoice Row, parts []HeldRow) {
	if t.holds == nil {
		t.holds = make(map[wire.PaymentHash]*hold)
	}
	t.holds[invoice.PaymentHash] = &hold{invoice, parts}
}

// Settle fulfils the parts of an accepted invoice by its preimage. Errors:
// [ErrNotAccepted], [ErrTooLate].
func (t *Till) Settle(preimage wire.Preimage, now time.Time, height uint32) error {
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	h := t.holds[hash]
	if h == nil {
		return ErrNotAccepted
	}
	if height >= h.invoice.Deadline {
		return ErrTooLate
	}
	t.rows = append(t.rows, SettledRow{hash, preimage, uint64(now.Unix())}, changed(h.invoice, Paid)) //nolint:gosec // after 1970
	for _, p := range h.parts {
		t.rows = append(t.rows, relay.DecisionRow{In: p.In, Kind: relay.Fulfil, Preimage: preimage})
		t.outcome.Fulfil = append(t.outcome.Fulfil, Fulfilment{p.In, preimage})
	}
	t.outcome.Paid = append(t.outcome.Paid, hash)
	delete(t.holds, hash)
	return nil
}

// Cancel ends a held invoice that is unpaid or accepted, and fails what has come to
// pay it.
func (t *Till) Cancel(invoice Row, now time.Time, height uint32) {
	hash := invoice.PaymentHash
	t.rows = append(t.rows, CancelledRow{hash, uint64(now.Unix())}, changed(invoice, "cancelled")) //nolint:gosec // after 1970
	t.outcome.Cancelled = append(t.outcome.Cancelled, invoice.Label)
	if s := t.sets[hash]; s != nil {
		t.drop(s, hash, height)
	}
	if h := t.holds[hash]; h != nil {
		for _, p := range h.parts {
			t.refuse(Part{In: p.In, Amount: p.Amount}, height)
		}
		delete(t.holds, hash)
	}
}

// Block cancels what can no longer be held at height.
func (t *Till) Block(now time.Time, height uint32) {
	var late []Row
	for h := range maps.Values(t.holds) {
		if height >= h.invoice.Deadline {
			late = append(late, h.invoice)
		}
	}
	slices.SortFunc(late, func(a, b Row) int { return bytes.Compare(a.PaymentHash[:], b.PaymentHash[:]) })
	for _, row := range late {
		t.Cancel(row, now, height)
	}
}
