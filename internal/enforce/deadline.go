package enforce

import (
	"fmt"

	"github.com/leyden-ln/leyden/internal/channel"
)

// Due is when a channel that still works must go on-chain, if nothing changes.
type Due struct {
	Height uint32 // of the newest block at which it must
	HTLC   HTLC   // because of which
	Why    string
}

// Deadline is the first height at which an open channel must go on-chain, and
// false when no HTLC asks for it. Only an HTLC that has an output in a valid
// commitment does: for dust a commitment serves nobody.
//
// BOLT 2: "if an HTLC which it offered is in either node's current commitment
// transaction, AND is past this timeout deadline"
//
// BOLT 2: "if an HTLC it has fulfilled is in either node's current commitment
// transaction, AND is past this fulfillment deadline"
func Deadline(rows channel.Rows, points channel.Points, f Facts, p Policy) (Due, bool, error) {
	if rows.Status.Status != channel.Open || len(rows.HTLCs) == 0 {
		return Due{}, false, nil
	}
	r, err := load(rows, points, f, p)
	if err != nil {
		return Due{}, false, err
	}
	var first Due
	for i := range rows.HTLCs {
		h := &rows.HTLCs[i]
		due, ok := r.due(h)
		if !ok || first.Height != 0 && due.Height >= first.Height {
			continue
		}
		held, err := r.anywhere(due.HTLC)
		if err != nil {
			return Due{}, false, fmt.Errorf("channel %s: %w", r.machine.ID(), err)
		}
		if held {
			first = due
		}
	}
	return first, first.Height != 0, nil
}

// due is the deadline of one HTLC, as if it had an output.
func (r *resolver) due(h *channel.HTLCRow) (Due, bool) {
	d := Due{HTLC: HTLC{h.Incoming, h.ID}}
	switch {
	case h.Done:
		return d, false
	case !h.Incoming:
		d.Height = r.offered(h)
		d.Why = fmt.Sprintf("HTLC %d that we offered expired at block %d", h.ID, h.CLTVExpiry)
	case r.preimageFor(h.ID) != nil:
		d.Height = less(h.CLTVExpiry, r.policy.FulfillDeadline)
		d.Why = fmt.Sprintf("HTLC %d that we fulfilled expires at block %d", h.ID, h.CLTVExpiry)
	default:
		return d, false
	}
	return d, true
}

// offered is the deadline of an HTLC of ours. After we were away, the peer has a
// while to come back and settle it, unless it forwards one that cannot wait.
func (r *resolver) offered(h *channel.HTLCRow) uint32 {
	at := h.CLTVExpiry + r.policy.OfferGrace
	if r.facts.Back == 0 {
		return at
	}
	grace := r.facts.Back + r.policy.BackGrace
	if h.Origin.In != nil {
		// Our commitment and what times the HTLC out must confirm before the incoming
		// one's own deadline.
		grace = min(grace, less(max(r.serves(h), 1), r.policy.FulfillDeadline))
	}
	return max(at, grace)
}
