package pay

import (
	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Status is where a payment, or one of its attempts, is in its life.
type Status string

// The statuses, in the words of listpays and listsendpays.
const (
	Pending  Status = "pending"
	Complete Status = "complete"
	Failed   Status = "failed"
)

// PaymentRow is a payment. Written, it begins one, keyed by PaymentHash: it
// replaces the row of an earlier payment of the same hash that failed (the store
// refuses to replace any other). Later changes are [PaymentResultRow]; read, it
// has them.
type PaymentRow struct {
	PaymentHash wire.PaymentHash
	Manual      bool                // by sendpay: the caller chooses the routes and retries
	Destination wire.NodeID         // zero when unknown
	Amount      amount.MilliSatoshi // 0 of a payment in an asset: the bitcoin that carries it is not what is paid
	Property    amount.Property     // the asset; 0: bitcoin
	Units       amount.Units        // of Property that arrive; 0: they are sent, and Amount arrives
	Bolt11      string              // empty: none; with Manual false, it is a keysend
	Label       string              // empty: none
	Description string              // of an invoice that has only its hash; empty: none
	Group       uint64              // groupid of the attempts; counts up from 1 with each new start
	CreatedAt   uint64              // unix seconds

	// Limits, needed to go on after a restart. Those of fees are of all that is sent where an
	// exchange is on the way.
	MaxFee      amount.MilliSatoshi
	MaxFeeUnits amount.Units // of Property
	MaxDelay    uint32       // blocks
	RetryUntil  uint64       // unix seconds
	Exclude     []byte       // the exchanges that the user gave, his exclusions, and of what the payment is a part, in compact form, nil: none; of a keysend its records and hints

	Result PaymentResultRow // its PaymentHash is zero in a row to write

	// What the store assigns: places in the order of creation and of change
	// (zero: never changed), each from 1 up.
	CreatedIndex uint64
	UpdatedIndex uint64
}

// Table implements durable.Row.
func (PaymentRow) Table() string { return "payments" }

// PaymentResultRow changes a payment's status. The last one written counts. The
// store refuses to change a Complete payment to anything else.
type PaymentResultRow struct {
	PaymentHash wire.PaymentHash
	Status      Status
	Preimage    wire.Preimage       // when Complete
	AmountSent  amount.MilliSatoshi // with fees, of attempts that are Complete or, when Complete, still Pending
	UnitsSent   amount.Units        // as AmountSent, of the asset
	Parts       uint32              // how many attempts that is
	CompletedAt uint64              // unix seconds; zero while Pending
	Code        Code                // when Failed
	Message     string              // when Failed
}

// Table implements durable.Row.
func (PaymentResultRow) Table() string { return "payments" }

// AttemptRow is one HTLC that pays a payment or a part of it, written before the
// HTLC is offered. It is alive exactly when its HTLC's row exists.
type AttemptRow struct {
	ID          uint64 // unique over all payments, from 1 up in the order of creation
	PaymentHash wire.PaymentHash
	Group       uint64              // groupid
	Part        uint64              // partid
	Amount      amount.MilliSatoshi // that arrives
	Sent        amount.MilliSatoshi // of the HTLC that we offer
	Property    amount.Property     // of the payment; 0: bitcoin
	Units       amount.Units        // that arrive
	UnitsSent   amount.Units        // of the HTLC that we offer
	Hops        []Hop               // the first is offered by us
	Session     [32]byte            // of the onion: reads a failure's reason; of no use once there is a result
	CreatedAt   uint64              // unix seconds

	Result AttemptResultRow // its ID is zero in a row to write

	UpdatedIndex uint64 // as [PaymentRow.UpdatedIndex]
}

// Table implements durable.Row.
func (AttemptRow) Table() string { return "attempts" }

// AttemptResultRow is how an attempt ended.
type AttemptResultRow struct {
	ID          uint64
	Status      Status
	Preimage    wire.Preimage // when Complete
	Failure     *Failure      // when Failed
	CompletedAt uint64        // unix seconds
}

// Table implements durable.Row.
func (AttemptResultRow) Table() string { return "attempts" }

// DeletedRow takes a payment away, with all its attempts.
type DeletedRow struct{ PaymentHash wire.PaymentHash }

// Table implements durable.Row.
func (DeletedRow) Table() string { return "payments" }

// AttemptDeletedRow takes one attempt away.
type AttemptDeletedRow struct{ ID uint64 }

// Table implements durable.Row.
func (AttemptDeletedRow) Table() string { return "attempts" }

// Deletion is what must be written to delete attempts that have ended, and with all of
// them their payment.
func Deletion(hash wire.PaymentHash, attempts []AttemptRow, whole bool) []durable.Row {
	var rows []durable.Row
	for _, a := range attempts {
		rows = append(rows, AttemptDeletedRow{a.ID})
	}
	if whole {
		rows = append(rows, DeletedRow{hash})
	}
	return append(rows, changed(hash, "deleted"))
}

func changed(hash wire.PaymentHash, to Status) durable.Event {
	return durable.Event{Kind: "payment", Key: hash.String(), State: string(to)}
}
