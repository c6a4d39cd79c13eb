package disk

import (
	"fmt"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
)

// Expired are the invoices whose time is over at now, with the rows that say so.
func (d *Disk) Expired(now uint64) (rows []durable.Row, hashes []wire.PaymentHash) {
	for _, hash := range d.Hashes {
		if row := d.Invoices[hash]; row.Status == invoice.Unpaid && row.ExpiredAt(now) {
			rows = append(rows, row.Expiry()...)
			hashes = append(hashes, hash)
		}
	}
	return rows, hashes
}

// Late tells whether an HTLC that the node offered has expired.
func (d *Disk) Late(height uint32) (late bool) {
	d.Live(func(h *channel.HTLCRow) { late = late || !h.Incoming && h.CLTVExpiry <= height })
	return late
}

// Earned is by how many units payments and forwards changed what the node has; it may be
// below zero, and is then what is to be added, as sums of units without a sign are.
func (d *Disk) Earned() amount.Units {
	units := d.Audit.Units
	for _, row := range d.Invoices {
		units += row.Got
	}
	for _, a := range d.Attempts {
		if a.Result.Status == pay.Complete {
			units -= a.UnitsSent
		}
	}
	return units
}

// Late is what HTLCs of a channel have that expire up to a height: of a payment, or of all.
func (s *Channel) Late(of wire.PaymentHash, until uint32) (msat int64, units amount.Units) {
	for _, k := range s.Keys {
		if h := s.HTLCs[k]; h.CLTVExpiry <= until && (of == h.PaymentHash || of == wire.PaymentHash{}) {
			msat += int64(h.Amount) //nolint:gosec // below 2^63
			units += h.Tokens
		}
	}
	return msat, units
}

// Left tells of rows that nothing will ever take away.
func (d *Disk) Left() error {
	for ref := range d.Decisions {
		if h := d.Find(ref, true); h == nil || h.Done {
			return fmt.Errorf("a decision about an HTLC that is done is left: %+v", ref)
		}
	}
	for _, s := range d.Settlements {
		if in := s.Origin.In; in == nil || d.Find(*in, true).Done {
			return fmt.Errorf("a settlement whose origin has ended is left: %+v", s)
		}
	}
	return nil
}
