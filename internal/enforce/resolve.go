package enforce

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Plan is what to do with a channel whose funding output is spent, or is to be.
type Plan struct {
	Kind   Kind
	TxID   chainhash.Hash // of what spent the funding output
	Height uint32         // of its block
	Number uint64         // of the commitment, when it is one
	// Publish says that our latest commitment must be broadcast, with the anchor
	// among Claims to pay for it.
	Publish bool
	// Warning is what the user must be told; empty: nothing.
	Warning string
	// Claims are the outputs to take that no confirmed transaction has taken yet,
	// in the order of outputs.
	Claims []Claim
	// Upstream says what becomes of each HTLC of ours that is not done, by id.
	Upstream []Verdict
	// Preimages are those that the chain has revealed, of HTLCs of ours.
	Preimages map[wire.PaymentHash]wire.Preimage
	// Outputs are those of what spent the funding output, and of HTLC transactions.
	Outputs []Output
	// Done says that nothing is left: the channel may be forgotten.
	Done bool
}

// State is the channel's state by the names of Core Lightning.
func (p *Plan) State() string {
	switch {
	case p.Kind == Unspent:
		return "AWAITING_UNILATERAL"
	case p.Done:
		return "CLOSED"
	}
	return "ONCHAIN"
}

// ErrFormat means that the channel's commitments are of a form that nobody opens.
var ErrFormat = errors.New("enforcement knows commitments with anchors or with tokens only")

// resolver holds what a plan is made from.
type resolver struct {
	rows    channel.Rows
	points  channel.Points
	facts   Facts
	policy  Policy
	machine *channel.Channel
	ours    *script.Commitment   // see own
	theirs  []*script.Commitment // see their
	plan    Plan
}

// Resolve makes the plan. Points are those of our own commitments. Errors:
// [ErrFormat], and rows that contradict themselves.
func Resolve(rows channel.Rows, points channel.Points, f Facts, p Policy) (Plan, error) {
	r, err := load(rows, points, f, p)
	if err != nil {
		return Plan{}, err
	}
	if err := r.resolve(); err != nil {
		return Plan{}, fmt.Errorf("channel %s: %w", r.machine.ID(), err)
	}
	return r.plan, nil
}

func (r *resolver) resolve() error {
	var c *commitment
	if spend, spent := r.facts.spend(r.rows.Params.Funding); spent {
		var err error
		if c, err = r.recognise(spend); err != nil {
			return fmt.Errorf("transaction %s: %w", spend.Tx.TxHash(), err)
		}
		r.plan.Kind, r.plan.TxID, r.plan.Height, r.plan.Number = c.kind, c.txid, c.Height, c.number
		r.plan.Warning = warning(c.kind)
		r.unmoved(c)
		r.walk(c)
	} else if s := r.rows.Status.Status; s == channel.Open || s == channel.Closed {
		return nil
	} else if err := r.unconfirmed(); err != nil {
		return err
	}
	for i := range r.rows.HTLCs {
		if h := &r.rows.HTLCs[i]; !h.Incoming && !h.Done {
			v, err := r.verdict(c, h)
			if err != nil {
				return err
			}
			r.plan.Upstream = append(r.plan.Upstream, v)
		}
	}
	slices.SortFunc(r.plan.Upstream, func(a, b Verdict) int { return cmp.Compare(a.HTLC.ID, b.HTLC.ID) })
	r.plan.Done = c != nil && r.done(c)
	return nil
}

// load begins with what the rows say.
func load(rows channel.Rows, points channel.Points, f Facts, p Policy) (*resolver, error) {
	if rows.Params.Format != script.Anchors && rows.Params.Format != script.Tokens {
		return nil, ErrFormat
	}
	m, err := channel.Load(rows)
	if err != nil {
		return nil, err
	}
	r := &resolver{rows: rows, points: points, facts: f, policy: p, machine: m}
	r.plan.Preimages = map[wire.PaymentHash]wire.Preimage{}
	return r, nil
}

// blank tells whether nothing is known of any commitment: the channel's rows come from
// a backup.
func (r *resolver) blank() bool {
	return r.rows.Status.Status == channel.Lost && r.rows.Commitment.Signature == wire.Signature{}
}

// own makes our latest commitment, once it is asked for.
func (r *resolver) own() (*script.Commitment, error) {
	if r.ours != nil {
		return r.ours, nil
	}
	c, signatures, err := r.machine.Ours(r.points)
	if err != nil {
		return nil, fmt.Errorf("our commitment: %w", err)
	}
	if len(signatures) != len(c.HTLCs) {
		return nil, fmt.Errorf("%d HTLC signatures for %d HTLCs of our commitment", len(signatures), len(c.HTLCs))
	}
	r.ours = c
	return c, nil
}

// their makes the peer's valid commitments, once they are asked for.
func (r *resolver) their() (list []*script.Commitment, err error) {
	if r.theirs == nil {
		if r.theirs, err = r.machine.TheirCommitments(); err != nil {
			return nil, fmt.Errorf("the peer's commitment: %w", err)
		}
	}
	return r.theirs, nil
}

// warning is what must be told about a kind.
//
// BOLT 5: "MUST warn the user of potentially lost funds."
func warning(k Kind) string {
	switch k {
	case TheirsRevoked:
		return "the peer broadcast a commitment that it had revoked: all of it is being claimed"
	case TheirsFuture:
		return "we lost state: our balance is being claimed, HTLCs of the peer's commitment may be lost"
	case OursFuture:
		return "we lost state: our balance is being claimed, HTLCs of our own commitment may be lost"
	case OursRevoked:
		return "a commitment of ours that we had revoked is confirmed: the peer may take all of it"
	case Unknown:
		return "an unknown transaction spent the funding output: a private key has leaked and funds may be lost"
	}
	return ""
}

// history is every HTLC that may have stood in a commitment, each once.
func (r *resolver) history() []channel.HTLCRow {
	list := append([]channel.HTLCRow(nil), r.rows.HTLCs...)
	live := make(map[HTLC]bool, len(list))
	for i := range list {
		live[HTLC{list[i].Incoming, list[i].ID}] = true
	}
	for _, h := range r.facts.Past {
		if k := (HTLC{h.Incoming, h.ID}); !live[k] {
			live[k] = true
			list = append(list, h)
		}
	}
	return list
}

// row finds an HTLC that is not done.
func (r *resolver) row(k HTLC) *channel.HTLCRow {
	for i := range r.rows.HTLCs {
		if h := &r.rows.HTLCs[i]; h.ID == k.ID && h.Incoming == k.Incoming && !h.Done {
			return h
		}
	}
	return nil
}

// preimageFor is the preimage by which an HTLC that was offered to us is claimed.
//
// BOLT 5: "MUST NOT reveal its own preimage when it's not the final recipient."
func (r *resolver) preimageFor(id uint64) *wire.Preimage {
	h := r.row(HTLC{true, id})
	if h == nil || !h.Committed(&r.rows.State) {
		return nil
	}
	if h.Preimage != nil {
		return h.Preimage
	}
	if p, ok := r.facts.Decided[id]; ok && opens(p, h.PaymentHash) {
		return &p
	}
	return nil
}

// holds tells whether a commitment has an output for an HTLC. The broadcaster is
// us when ours.
func holds(c *script.Commitment, ours bool, k HTLC) bool {
	for i := range c.HTLCs {
		if h := &c.HTLCs[i]; h.ID == k.ID && h.Offered == (k.Incoming != ours) {
			return true
		}
	}
	return false
}

// anywhere tells whether a valid commitment has an output for an HTLC.
func (r *resolver) anywhere(k HTLC) (bool, error) {
	ours, err := r.own()
	if err != nil || holds(ours, true, k) {
		return err == nil, err
	}
	theirs, err := r.their()
	for _, t := range theirs {
		if holds(t, false, k) {
			return true, nil
		}
	}
	return false, err
}

// unconfirmed plans for a channel that has failed and of which nothing is
// confirmed: our commitment is broadcast, unless a closing transaction is agreed
// on, or the funding output is in no block; an anchor pays for whichever commitment is
// on its way. What pays for one whose funding output a reorganization took away stays
// as it is: the next block may bring it back.
func (r *resolver) unconfirmed() error {
	if r.blank() {
		return nil
	}
	status := &r.rows.Status
	may := status.Status != channel.Lost && status.Closing == nil
	r.plan.Publish = may && !r.facts.Unfunded
	if may {
		ours, err := r.own()
		if err != nil {
			return err
		}
		r.anchor(ours, ours.Anchors[0], true)
	}
	theirs, err := r.their()
	if err != nil {
		return err
	}
	for _, t := range theirs {
		r.anchor(t, t.Anchors[1], false)
	}
	return nil
}

// anchor claims our anchor on a commitment that is in no block.
//
// BOLT 5: "MUST spend any `to_local_anchor` output, providing sufficient fees as
// incentive to include the commitment transaction in a block."
func (r *resolver) anchor(c *script.Commitment, o *script.Output, ours bool) {
	if o == nil {
		return
	}
	claim := r.anchorClaim(btcwire.OutPoint{Hash: c.Tx.TxHash(), Index: o.Index}, o.WitnessScript)
	claim.Unconfirmed, claim.Apart = true, true
	for i := range c.HTLCs {
		h := &c.HTLCs[i]
		if d := r.commitBy(HTLC{h.Offered != ours, h.ID}, h.CLTVExpiry); d != 0 && (claim.Deadline == 0 || d < claim.Deadline) {
			claim.Deadline = d
		}
	}
	r.plan.Claims = append(r.plan.Claims, claim)
}

func (r *resolver) anchorClaim(at btcwire.OutPoint, witnessScript []byte) Claim {
	return Claim{
		Channel: r.machine.ID(), OutPoint: at, Value: script.AnchorSize, Kind: Anchor,
		WitnessScript: witnessScript, Key: Key{Role: FundingKey}, Sequence: bumpable,
	}
}

// commitBy is by which height a commitment must be confirmed for an HTLC of it;
// zero: whenever. Half of the time until somebody else can take the HTLC is for
// the commitment, half for what spends it.
func (r *resolver) commitBy(k HTLC, cltv uint32) uint32 {
	half := r.policy.FulfillDeadline / 2
	if k.Incoming {
		if r.preimageFor(k.ID) == nil {
			return 0
		}
		return less(cltv, half)
	}
	if h := r.row(k); h != nil {
		if by := r.serves(h); by != 0 {
			return max(cltv, less(by, half))
		}
	}
	return 0
}

// serves is by which height the timeout of an HTLC of ours must be confirmed to
// serve the incoming one that it forwards; zero: none waits for it.
func (r *resolver) serves(h *channel.HTLCRow) uint32 {
	if h.Origin.In == nil {
		return 0
	}
	expiry, ok := r.facts.Incoming[*h.Origin.In]
	if !ok {
		return 0
	}
	return less(expiry, r.policy.FulfillDeadline)
}

// less is a-b, or 1 where that is no height.
func less(a, b uint32) uint32 {
	if a <= b {
		return 1
	}
	return a - b
}

// value is what an output holds.
func value(o *btcwire.TxOut) amount.Satoshi { return amount.Satoshi(max(o.Value, 0)) } //nolint:gosec // not negative
