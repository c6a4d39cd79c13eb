package link

import (
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/events"
)

// tracer names the step of a payment that each message carries. It watches the
// messages of one channel and moves each update along the same eight arrows as
// the channel does (see package channel); it decides nothing.
type tracer struct {
	channel  wire.ChannelID
	scid     wire.ShortChannelID
	peer     wire.NodeID
	htlcs    map[htlcKey]tracked
	moving   []motion
	property amount.Property
	local    uint64 // our commitment number
	remote   uint64 // theirs
	awaiting bool   // a revoke_and_ack for the last commitment_signed that we sent
}

type htlcKey struct {
	offered bool // by us
	id      uint64
}

type tracked struct {
	hash   wire.PaymentHash
	amount amount.MilliSatoshi
	units  amount.Units // that it carries
}

// motion is an add or a removal on its way to being irrevocable.
type motion struct {
	htlc    htlcKey
	removal bool
	ours    bool // proposed by us
	stage   uint8
}

// newTracer begins where the channel stands.
func newTracer(ch *channel.Channel) *tracer {
	p := ch.Params()
	t := &tracer{channel: p.Channel, scid: ch.Status().SCID, peer: p.Peer, property: p.Property}
	t.load(ch)
	return t
}

// load takes up the updates that are on their way from the channel itself: at the
// start, and at each reconnect, when what was proposed and never signed is
// forgotten.
func (t *tracer) load(ch *channel.Channel) {
	v := ch.View()
	t.local, t.remote = v.NumberOfCommitments[dance.Local], v.NumberOfCommitments[dance.Remote]
	theirs, _ := ch.TheirCommitments() // one, or two while a revocation is awaited
	t.awaiting = len(theirs) > 1
	t.htlcs, t.moving = make(map[htlcKey]tracked, len(v.HTLCs)), nil
	for _, h := range v.HTLCs {
		key := htlcKey{!h.Incoming, h.ID}
		t.htlcs[key] = tracked{h.PaymentHash, h.Amount, h.Tokens}
		if h.Added != dance.Irrevocable {
			t.moving = append(t.moving, motion{htlc: key, ours: !h.Incoming, stage: uint8(h.Added)})
		}
		if h.Removing {
			t.moving = append(t.moving, motion{htlc: key, removal: true, ours: h.Incoming, stage: uint8(h.Removed)})
		}
	}
}

// observe returns the traces of one message, sent or received at the time now.
func (t *tracer) observe(now time.Time, m wire.Message, sent bool) []events.Trace {
	switch m := m.(type) {
	case *wire.UpdateAddHTLC:
		key := htlcKey{sent, m.ID}
		add := tracked{hash: m.PaymentHash, amount: m.AmountMsat}
		if m.Asset != nil {
			add.units = m.Asset.Tokens
		}
		t.htlcs[key] = add
		return t.propose(now, m, key, false, sent, events.AddHTLC)
	case *wire.UpdateFulfillHTLC:
		return t.propose(now, m, htlcKey{!sent, m.ID}, true, sent, events.ForwardR)
	case *wire.UpdateFailHTLC:
		return t.propose(now, m, htlcKey{!sent, m.ID}, true, sent, events.FailHTLC)
	case *wire.UpdateFailMalformedHTLC:
		return t.propose(now, m, htlcKey{!sent, m.ID}, true, sent, events.FailHTLC)
	case *wire.CommitmentSigned:
		if sent && t.awaiting {
			return nil // the last one, sent again after a reconnect
		}
		if sent {
			t.remote++
			t.awaiting = true
		} else {
			t.local++
		}
		return t.move(now, m, sent, 0, 2)
	case *wire.RevokeAndAck:
		if !sent {
			t.awaiting = false
		}
		return t.move(now, m, sent, 1, 3)
	}
	return nil
}

func (t *tracer) propose(now time.Time, m wire.Message, key htlcKey, removal, ours bool, step events.Step) []events.Trace {
	for _, other := range t.moving {
		if other.htlc == key && other.removal == removal {
			return []events.Trace{t.trace(now, m, key, ours, step)} // sent again after a reconnect
		}
	}
	t.moving = append(t.moving, motion{htlc: key, removal: removal, ours: ours})
	return []events.Trace{t.trace(now, m, key, ours, step)}
}

// move takes every update on by one stage: the signer's (or revoker's) own from
// one stage, the other's from another.
//
//	                                 proposed by us   by them
//	we send    commitment_signed          0 → 1        2 → 3
//	we receive revoke_and_ack             1 → 2        3 → 4
//	we receive commitment_signed          2 → 3        0 → 1
//	we send    revoke_and_ack             3 → 4        1 → 2
func (t *tracer) move(now time.Time, m wire.Message, sent bool, early, late uint8) []events.Trace {
	_, signed := m.(*wire.CommitmentSigned)
	var traces []events.Trace
	kept := t.moving[:0]
	for _, u := range t.moving {
		from := late
		if u.ours == (sent == signed) {
			from = early
		}
		if u.stage != from {
			kept = append(kept, u)
			continue
		}
		u.stage++
		traces = append(traces, t.trace(now, m, u.htlc, sent, stepOf(u)))
		if u.stage < 4 {
			kept = append(kept, u)
		} else if u.removal {
			delete(t.htlcs, u.htlc)
		}
	}
	t.moving = kept
	return traces
}

func stepOf(u motion) events.Step {
	switch {
	case !u.removal:
		return events.HTLCSigned
	case u.stage == 1:
		return events.SignR
	case u.stage == 4:
		return events.CloseHTLCSigned
	default:
		return events.CloseHTLC
	}
}

func (t *tracer) trace(now time.Time, m wire.Message, key htlcKey, sent bool, step events.Step) events.Trace {
	direction := events.Received
	if sent {
		direction = events.Sent
	}
	h := t.htlcs[key]
	return events.Trace{
		Time: now, Step: step, PaymentHash: h.hash, Channel: t.channel, ShortID: t.scid, Peer: t.peer,
		Direction: direction, Message: wire.Name(m), HTLC: key.id, Offered: key.offered, Amount: h.amount, Property: t.property, Units: h.units,
		Local: t.local, Remote: t.remote,
	}
}
