package enforce

import (
	"crypto/sha256"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// VerdictKind is what becomes of an HTLC of ours for its origin.
type VerdictKind uint8

// The verdicts.
const (
	Wait   VerdictKind = iota // nothing yet
	Fulfil                    // by Preimage
	Fail                      // with permanent_channel_failure
)

// String is a word for logs.
func (k VerdictKind) String() string { return [...]string{"wait", "fulfil", "fail"}[k] }

// Verdict is what becomes of an HTLC of ours. It is given again at each block;
// the first one that is not [Wait] counts.
type Verdict struct {
	HTLC     channel.Ref
	Origin   channel.Origin
	Amount   amount.MilliSatoshi
	Kind     VerdictKind
	Preimage *wire.Preimage // when Kind is Fulfil
	AtRisk   bool           // a Fail though the HTLC may still be claimed downstream
	Why      string
}

// verdict judges one HTLC of ours; c is nil while nothing has spent the funding
// output.
//
// BOLT 5: "if the payment preimage is known: - MUST fulfill the corresponding
// incoming HTLC (if any). - otherwise: - once the commitment transaction has
// reached reasonable depth: - MUST fail the corresponding incoming HTLC (if any)."
func (r *resolver) verdict(c *commitment, h *channel.HTLCRow) (Verdict, error) {
	v := Verdict{HTLC: channel.Ref{Channel: h.Channel, ID: h.ID}, Origin: h.Origin, Amount: h.Amount}
	if p := r.known(h); p != nil {
		v.Kind, v.Preimage, v.Why = Fulfil, p, "the preimage is known"
		return v, nil
	}
	var buried bool
	if buried, v.AtRisk, v.Why = r.buried(c, h); buried {
		v.Kind = Fail
		return v, nil
	}
	if !r.cascades(h) {
		return v, nil
	}
	// BOLT 5: "The requirement that the incoming HTLC be failed before its own
	// timeout still applies as an upper bound."
	held, err := r.anywhere(HTLC{false, h.ID})
	if err == nil && (!held || h.Amount <= r.policy.MaxAtRisk && !r.tokens()) { // what tokens are worth is not known
		v.Kind, v.AtRisk, v.Why = Fail, held, "the incoming HTLC is about to expire, and "+v.Why
	}
	return v, err
}

// Overdue judges HTLCs of a channel that is open: those that have expired, that no valid
// commitment has an output for, and whose incoming HTLC is about to expire. No channel
// is closed for the sake of dust, so a peer that is silent would cost the channel of
// who sent it to us. It may still be fulfilled: the dust is at risk.
//
// BOLT 5: "The requirement that the incoming HTLC be failed before its own timeout
// still applies as an upper bound."
func Overdue(rows channel.Rows, points channel.Points, f Facts, p Policy) (list []Verdict, err error) {
	var r *resolver
	for i := range rows.HTLCs {
		h := &rows.HTLCs[i]
		if h.Incoming || h.Done || h.Origin.In == nil || h.CLTVExpiry > f.Height {
			continue
		}
		if r == nil {
			if r, err = load(rows, points, f, p); err != nil {
				return nil, err
			}
		}
		if r.known(h) != nil || !r.cascades(h) {
			continue
		}
		held, err := r.anywhere(HTLC{false, h.ID})
		if err != nil {
			return nil, err
		}
		if !held {
			list = append(list, Verdict{
				HTLC: channel.Ref{Channel: h.Channel, ID: h.ID}, Origin: h.Origin, Amount: h.Amount, Kind: Fail, AtRisk: true,
				Why: "it is dust, its peer is silent, and the incoming HTLC is about to expire",
			})
		}
	}
	return list, nil
}

// known is the preimage of an HTLC of ours, from wherever it is known.
func (r *resolver) known(h *channel.HTLCRow) *wire.Preimage {
	if h.Preimage != nil {
		return h.Preimage
	}
	if p, ok := r.plan.Preimages[h.PaymentHash]; ok {
		return &p
	}
	if p, ok := r.facts.Learnt[h.PaymentHash]; ok && opens(p, h.PaymentHash) {
		return &p
	}
	return nil
}

// cascades tells whether the incoming HTLC that an HTLC of ours forwards is about
// to expire.
func (r *resolver) cascades(h *channel.HTLCRow) bool {
	if h.Origin.In == nil {
		return false
	}
	expiry, ok := r.facts.Incoming[*h.Origin.In]
	return ok && r.facts.near(expiry, r.policy.Cascade)
}

// buried tells whether no preimage can come to light any more, and why. There is a
// risk when one could, for an output that is not worth the fee of our timeout: the
// payment must end all the same.
func (r *resolver) buried(c *commitment, h *channel.HTLCRow) (buried, risk bool, why string) {
	switch {
	case c == nil:
		return false, false, "no commitment is confirmed"
	case !r.facts.deep(c.Height, r.policy.Deep):
		return false, false, "the commitment is not deep enough"
	}
	found := false
	for i := range r.plan.Outputs {
		o := &r.plan.Outputs[i]
		if o.OutPoint.Hash != c.txid || !r.carries(c, o, h) {
			continue
		}
		found = true
		switch {
		case o.By == nil && o.Worthless && r.facts.deep(h.CLTVExpiry, r.policy.Deep):
			return true, !r.facts.deep(h.CLTVExpiry, r.policy.Forget), "it expired, and its output is not worth the fee to take it"
		case o.By == nil:
			return false, false, "its output is not spent"
		case !r.facts.deep(o.SpentAt, r.policy.Deep):
			return false, false, "what spent its output is not deep enough"
		case r.stuck(o):
			return false, false, "what spent its output has not moved its tokens"
		}
	}
	if found {
		return true, false, "it timed out on-chain"
	}
	return true, false, "the commitment that was confirmed has no output for it"
}

// carries tells whether an output is, or of a commitment that we have forgotten
// may be, that of an HTLC of ours.
func (r *resolver) carries(c *commitment, o *Output, h *channel.HTLCRow) bool {
	if o.HTLC != nil {
		return *o.HTLC == HTLC{false, h.ID}
	}
	forgotten := c.kind == TheirsFuture || c.kind == OursFuture || c.kind == OursRevoked
	return forgotten && c.parts[o.OutPoint.Index].role == unknownOutput && o.Value == h.Amount.Sat()
}

// done tells whether nothing can be undone any more: all that was ours is taken,
// every verdict is final and deep.
func (r *resolver) done(c *commitment) bool {
	if !r.facts.deep(c.Height, r.policy.Forget) || r.tokens() && r.facts.Ledger.Moved[c.txid] == 0 {
		return false
	}
	for i := range r.plan.Outputs {
		o := &r.plan.Outputs[i]
		switch {
		case o.Type == "ANCHOR_TO_US": // worth less than its fee, and free for all
		case o.By != nil:
			if o.State != NotOurs && (!r.facts.deep(o.SpentAt, r.policy.Forget) || r.stuck(o)) {
				return false
			}
		case o.State == Locked, o.State == Claimable:
			if !o.Worthless {
				return false
			}
		case o.State == Waiting:
			// BOLT 5: "If not otherwise resolved, once the HTLC output has expired, it is
			// considered *irrevocably resolved*."
			if h := r.row(*o.HTLC); h != nil && !r.facts.deep(h.CLTVExpiry, r.policy.Forget) {
				return false
			}
		}
	}
	for i := range r.plan.Upstream {
		if v := &r.plan.Upstream[i]; v.Kind == Wait || v.AtRisk {
			return false
		}
	}
	return true
}

func hashOf(p wire.Preimage) wire.PaymentHash { return sha256.Sum256(p[:]) }
