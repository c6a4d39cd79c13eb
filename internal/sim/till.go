package sim

import (
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/relay"
)

// arrived takes an HTLC that ends here, as package receiver does.
func (n *node) arrived(in channel.Incoming, p onion.Payload) {
	n.parts = append(n.parts, invoice.PartOf(in, p))
	n.ring1(0)
}

// ring1 wakes the till.
func (n *node) ring1(in time.Duration) {
	if in > 0 {
		n.after(in, func() { n.ring1(0) })
	} else if !n.ringing {
		n.ringing = true
		n.after(n.w.jitter(2*time.Millisecond), n.count)
	}
}

// count is one turn of the till.
func (n *node) count() {
	parts := n.parts
	n.parts = nil
	now := n.w.clock()
	for _, p := range parts {
		n.accept(p, now)
	}
	n.till.Tick(now)
	submit(n, n, n.till.Take(), func(o invoice.Outcome) {
		n.ringing = false
		for _, f := range o.Fulfil {
			if !n.alive() {
				return
			}
			n.fulfil(f.In, f.Preimage)
		}
		for _, f := range o.Fail {
			if !n.alive() {
				return
			}
			if l := n.links[f.In.Channel]; l != nil {
				l.fail(f.In.ID, f.Failure)
			}
		}
		if len(n.parts) > 0 {
			n.ring1(0)
		} else if at, ok := n.till.Next(); ok {
			n.ring1(max(at.Sub(n.w.clock()), time.Millisecond))
		}
	})
}

func (n *node) accept(p invoice.Part, now time.Time) {
	row, found := n.disk.Invoices[p.PaymentHash]
	if n.denies(p) {
		row, found = nil, false
	}
	if !n.till.Held(p.PaymentHash) && (!found || row.Status != invoice.Unpaid) {
		// Perhaps it was one of the parts that paid, offered again.
		if d, ok := n.disk.Decisions[p.In]; ok && d.Kind == relay.Fulfil {
			n.fulfil(p.In, d.Preimage)
			return
		}
	}
	if !found || n.till.Held(p.PaymentHash) {
		n.till.Accept(nil, p, now, n.height)
		return
	}
	n.till.Accept(row, p, now, n.height)
}

func (n *node) fulfil(in channel.Ref, r wire.Preimage) {
	if l := n.links[in.Channel]; l != nil {
		l.settle(relay.DecisionRow{In: in, Kind: relay.Fulfil, Preimage: r})
	}
}

// expire marks the invoices whose time is over, and comes again.
func (n *node) expire() {
	rows, hashes := n.disk.Expired(n.w.unix())
	if len(hashes) == 0 || n.ringing {
		n.after(30*time.Second, n.expire)
		return
	}
	n.ringing = true // expiry and payments are one loop's
	submit(n, n, durable.Hold(struct{}{}, rows...), func(struct{}) {
		n.ringing = false
		for _, hash := range hashes {
			n.till.Expire(hash)
		}
		n.ring1(0)
		n.after(30*time.Second, n.expire)
	})
}
