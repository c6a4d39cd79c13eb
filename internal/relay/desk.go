package relay

import (
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
)

// Machine is what the desk asks of its [channel.Channel].
type Machine interface {
	ID() wire.ChannelID
	Unsettled() []channel.Incoming
	Holds(id uint64) bool
	Attribute(id uint64, a *wire.Attribution)
	Fulfill(id uint64, r wire.Preimage) error
	Fail(id uint64, reason []byte) error
	FailMalformed(id uint64, sha256OfOnion [32]byte, code uint16) error
}

// Desk is where the incoming HTLCs of one channel are settled: it knows which were
// handed on, what was decided about each, and the secrets that are shared with their
// senders. It proposes each removal until the channel has taken it. What it holds
// follows from rows; an HTLC leaves it with its end.
type Desk struct {
	key     onion.ECDHer // the node's
	ch      Machine
	now     func() uint64                  // milliseconds of any clock
	secrets map[uint64][32]byte            // of onions that were peeled
	decided map[uint64]DecisionRow         // removals to propose until they are irrevocable
	asked   map[uint64]bool                // HTLCs that were handed on and are not settled
	since   map[uint64]uint64              // when they came
	behind  map[uint64]*wire.Attribution   // what came with the end of the outgoing HTLC
	onward  map[uint64]wire.ShortChannelID // where an HTLC that is not for us was to go; zero: its onion did not say
}

// NewDesk makes the desk of a channel. Now gives milliseconds of any clock.
func NewDesk(key onion.ECDHer, ch Machine, now func() uint64) *Desk {
	return &Desk{
		key: key, ch: ch, now: now, secrets: map[uint64][32]byte{}, decided: map[uint64]DecisionRow{}, asked: map[uint64]bool{},
		since: map[uint64]uint64{}, behind: map[uint64]*wire.Attribution{}, onward: map[uint64]wire.ShortChannelID{},
	}
}

// Loaded is what the rows say of incoming HTLCs.
type Loaded struct {
	Decided []DecisionRow
	Ended   []channel.Resolved // of outgoing HTLCs that forward them
	Asked   []uint64           // those that an outgoing one forwards
}

// Load takes what was decided before the channel was loaded.
func (d *Desk) Load(l Loaded) {
	for _, row := range l.Decided {
		if d.ch.Holds(row.In.ID) {
			d.decided[row.In.ID] = row
		}
	}
	for _, r := range l.Ended {
		if id := r.Origin.In.ID; !d.Decided(id) && d.ch.Holds(id) {
			d.decided[r.Origin.In.ID] = d.Answer(r)
		}
	}
	for _, id := range l.Asked {
		if d.ch.Holds(id) { // else it has ended before the one that forwards it
			d.asked[id] = true
		}
	}
}

// Asked tells whether an HTLC was handed on, or decided.
func (d *Desk) Asked(id uint64) bool {
	_, decided := d.decided[id]
	return decided || d.asked[id]
}

// Wait notes that an HTLC which is irrevocable is here, decided or not.
func (d *Desk) Wait(id uint64) {
	if _, waits := d.since[id]; !waits {
		d.since[id] = d.now()
	}
}

// Take decides about an HTLC that is irrevocable, which from then on counts as
// handed on.
func (d *Desk) Take(in channel.Incoming, f Facts) Decision {
	d.Wait(in.Ref.ID)
	d.asked[in.Ref.ID] = true
	peeled, err := d.peel(in)
	if err == nil && peeled.Next != nil {
		d.onward[in.Ref.ID] = 0
		if to := peeled.Payload.ShortChannelID; to != nil {
			d.onward[in.Ref.ID] = *to
		}
	}
	return Decide(in, peeled, err, f)
}

// peel opens an onion and keeps the secret that is shared with its sender. One whose
// key is blinded by a path is another's business.
func (d *Desk) peel(in channel.Incoming) (peeled onion.Peeled, err error) {
	if in.PathKey != nil {
		return peeled, nil
	}
	if peeled, err = onion.Peel(d.key, in.Onion, in.PaymentHash); err == nil {
		d.secrets[in.Ref.ID] = peeled.SharedSecret
	}
	return peeled, err
}

// secret is the shared secret of an incoming HTLC's onion, which is peeled again
// after a restart.
func (d *Desk) secret(id uint64) [32]byte {
	if s, ok := d.secrets[id]; ok {
		return s
	}
	for _, in := range d.ch.Unsettled() {
		if in.Ref.ID == id {
			_, _ = d.peel(in) // an onion that cannot be read has no secret
		}
	}
	return d.secrets[id]
}

// Fail is the decision to fail an HTLC with a failure of ours.
func (d *Desk) Fail(id uint64, f onion.Failure) DecisionRow {
	return DecisionRow{In: channel.Ref{Channel: d.ch.ID(), ID: id}, Kind: Failed, Reason: onion.NewFailure(d.secret(id), f)}
}

// Refuse is what is to be written with the decision to fail an HTLC for which none of ours
// has gone out: the decision, and that it is one about a forward. Nothing: the HTLC was
// for us, has ended, or was decided before.
func (d *Desk) Refuse(row DecisionRow, code onion.Code) []durable.Row {
	out, forward := d.onward[row.In.ID]
	if !forward || d.Decided(row.In.ID) || !d.ch.Holds(row.In.ID) {
		return nil
	}
	return []durable.Row{row, RefusedRow{In: row.In, Out: out, Code: code}}
}

// Answer is the decision that follows from the end of the outgoing HTLC.
func (d *Desk) Answer(r channel.Resolved) DecisionRow {
	if id := r.Origin.In.ID; r.Attribution != nil && d.ch.Holds(id) {
		d.behind[id] = r.Attribution
	}
	return Answer(*r.Origin.In, r, d.secret(r.Origin.In.ID))
}

// Settle takes a decision and proposes the removal. The first decision about an HTLC
// counts, and none about one that has ended. The error is the channel's, which
// refuses a failure while the peer is away: [Desk.Propose] comes again.
func (d *Desk) Settle(row DecisionRow) error {
	if _, before := d.decided[row.In.ID]; before || !d.ch.Holds(row.In.ID) {
		return nil
	}
	d.decided[row.In.ID] = row
	return d.Propose(row.In.ID)
}

// Propose asks the channel for the removal that was decided.
func (d *Desk) Propose(id uint64) error {
	row, ok := d.decided[id]
	switch {
	case !ok:
		return nil
	case row.Kind == Fulfil:
		d.attribute(id, nil)
		return d.ch.Fulfill(id, row.Preimage)
	case row.Malformed != nil:
		return d.ch.FailMalformed(id, row.Malformed.SHA256OfOnion, row.Malformed.Code)
	}
	d.attribute(id, row.Reason)
	return d.ch.Fail(id, row.Reason)
}

// attribute adds ours to the attribution_data of a removal: how long we had the HTLC,
// and HMACs. Reason is what goes back; nil when the HTLC is fulfilled. A reason that came
// from behind and leaves no room for it goes back alone: the message that came with it
// was as long, and one that cannot be sent would stop the channel.
//
// BOLT 2: "if `path_key` is not set in the incoming `update_add_htlc`:"
// BOLT 2: "MUST initialize `attribution_data` and include it in `update_fail_htlc` and `update_fulfill_htlc`."
func (d *Desk) attribute(id uint64, reason []byte) {
	secret := d.secret(id)
	if _, ok := d.secrets[id]; !ok || len(reason) > wire.MaxAttributedReason {
		return // blinded, or an onion that cannot be read
	}
	held := uint64(0)
	if since, ok := d.since[id]; ok {
		held = d.now() - since
	}
	if reason != nil {
		reason = onion.Obfuscate(secret, reason) // obfuscating again takes our layer off
	}
	d.ch.Attribute(id, onion.Attribute(secret, d.behind[id], reason, held))
}

// Decided tells whether there is a decision about an HTLC.
func (d *Desk) Decided(id uint64) bool {
	_, ok := d.decided[id]
	return ok
}

// Settled forgets an HTLC whose end is irrevocable.
func (d *Desk) Settled(id uint64) {
	delete(d.decided, id)
	delete(d.secrets, id)
	delete(d.asked, id)
	delete(d.since, id)
	delete(d.behind, id)
	delete(d.onward, id)
}

// Left is how many HTLCs the desk knows.
func (d *Desk) Left() int {
	return max(len(d.decided), len(d.asked), len(d.secrets), len(d.since), len(d.behind), len(d.onward))
}
