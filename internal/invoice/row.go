package invoice

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Status is where an invoice is in its life. It goes from Unpaid to one of the
// others, and from Accepted to Paid or Expired.
type Status string

// The statuses of an invoice, in the words of listinvoices.
const (
	Unpaid  Status = "unpaid"
	Paid    Status = "paid"
	Expired Status = "expired"
	// Accepted is that of a held invoice whose parts are complete and wait for the
	// owner's word.
	Accepted Status = "accepted"
)

// Row is an invoice of ours. Written, it is a new one: the label and the payment
// hash must not be taken (the store has a unique index on each). Later changes
// are [PaidRow], [ExpiredRow], [DeletedRow] and [BareRow], and for a held one
// [AcceptedRow], [SettledRow] and [CancelledRow]; read, it has them all.
type Row struct {
	Label               string
	PaymentHash         wire.PaymentHash
	Preimage            wire.Preimage   // of a held invoice: zero until it is Paid
	Secret              [32]byte        // payment_secret
	Amount              amount.OrAny    // in bitcoin; of an invoice in an asset: any
	Property            amount.Property // whose tokens are asked for; 0: bitcoin
	Units               amount.Units    // of Property; 0: any
	Description         string
	DescriptionHashOnly bool   // the invoice carries the description's SHA256 only
	Bolt11              string // as given to the payer; of an invoice in an asset OmniBOLT's form
	CreatedAt           uint64 // unix seconds
	ExpiresAt           uint64 // unix seconds; from then on no HTLC is accepted

	// MinFinalCLTVExpiryDelta is how many blocks an HTLC must have left when it
	// arrives.
	MinFinalCLTVExpiryDelta uint32

	Status   Status
	Received amount.MilliSatoshi // when Paid or Accepted: the sum of the HTLCs
	Got      amount.Units        // then, of Property: what they brought
	PaidAt   uint64              // when Paid: unix seconds

	Hold        bool   // its parts are held until the owner settles or cancels
	AcceptedAt  uint64 // unix seconds; zero: its parts were never complete
	Deadline    uint32 // of an accepted one: the height at which it is cancelled by itself
	CancelledAt uint64 // unix seconds; zero: not cancelled

	// What the store assigns: places in the order of creation, of change (zero:
	// never changed) and of payment (zero: not paid), each from 1 up.
	CreatedIndex uint64
	UpdatedIndex uint64
	PayIndex     uint64

	// Assigned is where the store puts the CreatedIndex of a new invoice before its Write
	// returns without an error; nil: nobody asks.
	Assigned *uint64
}

// Table implements durable.Row.
func (Row) Table() string { return "invoices" }

// ExpiredAt says whether an unpaid invoice can no longer be paid at now, in unix
// seconds.
func (r Row) ExpiredAt(now uint64) bool { return now >= r.ExpiresAt }

// Creation is what must be written, in one transaction, for r to exist.
func (r Row) Creation() []durable.Row { return []durable.Row{r, changed(r, Unpaid)} }

// Expiry is what must be written when r, which is unpaid, has expired.
func (r Row) Expiry() []durable.Row {
	return []durable.Row{ExpiredRow{r.PaymentHash}, changed(r, Expired)}
}

// Deletion is what must be written to delete r.
func (r Row) Deletion() []durable.Row {
	return []durable.Row{DeletedRow{r.PaymentHash}, changed(r, "deleted")}
}

func changed(r Row, to Status) durable.Event {
	return durable.Event{Kind: "invoice", Key: r.Label, State: string(to)}
}

// PaidRow changes an unpaid invoice to Paid and gives it the next pay_index. The
// store refuses it when the invoice is not there or not unpaid.
type PaidRow struct {
	PaymentHash wire.PaymentHash
	Received    amount.MilliSatoshi
	Got         amount.Units // of the invoice's property
	PaidAt      uint64       // unix seconds
}

// Table implements durable.Row.
func (PaidRow) Table() string { return "invoices" }

// ExpiredRow changes an unpaid invoice to Expired. The store refuses it when the
// invoice is not there or not unpaid.
type ExpiredRow struct{ PaymentHash wire.PaymentHash }

// Table implements durable.Row.
func (ExpiredRow) Table() string { return "invoices" }

// DeletedRow takes an invoice away.
type DeletedRow struct{ PaymentHash wire.PaymentHash }

// Table implements durable.Row.
func (DeletedRow) Table() string { return "invoices" }

// BareRow takes the description off an invoice.
type BareRow struct{ PaymentHash wire.PaymentHash }

// Table implements durable.Row.
func (BareRow) Table() string { return "invoices" }

// Bare is what must be written to take the description off r.
func (r Row) Bare() []durable.Row { return []durable.Row{BareRow{r.PaymentHash}, changed(r, r.Status)} }

// CleanedRow counts invoices that were deleted because they were old.
type CleanedRow struct {
	Status Status
	Count  int
}

// Table implements durable.Row.
func (CleanedRow) Table() string { return "counters" }
