package link

import (
	"slices"
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
	all      events.Balance // with every update, also what is in no commitment yet
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
	htlc      htlcKey
	removal   bool
	fulfilled bool // the removal is by preimage
	ours      bool // proposed by us
	stage     uint8
}

// isIn says whether a side's newest commitment has the update.
func (u motion) isIn(remote bool) bool {
	if u.ours == remote {
		return u.stage >= 1
	}
	return u.stage >= 3
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
	t.all = events.Balance{Ours: v.ToLocal, Peers: v.ToRemote, OursUnits: v.TokensToLocal, PeersUnits: v.TokensToRemote}
	for _, h := range v.HTLCs {
		key := htlcKey{!h.Incoming, h.ID}
		t.htlcs[key] = tracked{h.PaymentHash, h.Amount, h.Tokens}
		if h.Added != dance.Irrevocable {
			t.moving = append(t.moving, motion{htlc: key, ours: !h.Incoming, stage: uint8(h.Added)})
		}
		if h.Removing {
			t.moving = append(t.moving, motion{htlc: key, removal: true, fulfilled: h.Fulfilled, ours: h.Incoming, stage: uint8(h.Removed)})
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
		return t.propose(now, m, motion{htlc: key, ours: sent}, events.AddHTLC)
	case *wire.UpdateFulfillHTLC:
		return t.propose(now, m, motion{htlc: htlcKey{!sent, m.ID}, removal: true, fulfilled: true, ours: sent}, events.ForwardR)
	case *wire.UpdateFailHTLC:
		return t.propose(now, m, motion{htlc: htlcKey{!sent, m.ID}, removal: true, ours: sent}, events.FailHTLC)
	case *wire.UpdateFailMalformedHTLC:
		return t.propose(now, m, motion{htlc: htlcKey{!sent, m.ID}, removal: true, ours: sent}, events.FailHTLC)
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

func (t *tracer) propose(now time.Time, m wire.Message, u motion, step events.Step) []events.Trace {
	again := slices.ContainsFunc(t.moving, func(o motion) bool { return o.htlc == u.htlc && o.removal == u.removal })
	if !again { // as it is after a reconnect
		t.moving = append(t.moving, u)
		t.all = t.count(t.all, u, false)
	}
	return []events.Trace{t.trace(now, m, u.htlc, u.ours, step)}
}

// count is a balance after an update, or before it. Who offers an HTLC pays for it,
// and gets it back when it fails; the other one gets it by its preimage.
func (t *tracer) count(b events.Balance, u motion, before bool) events.Balance {
	h := t.htlcs[u.htlc]
	msat, units := &b.Peers, &b.PeersUnits
	if u.htlc.offered != u.fulfilled {
		msat, units = &b.Ours, &b.OursUnits
	}
	if u.removal != before {
		*msat, *units = *msat+h.amount, *units+h.units
	} else {
		*msat, *units = *msat-h.amount, *units-h.units
	}
	return b
}

// balance is that of a side's newest commitment.
func (t *tracer) balance(remote bool) events.Balance {
	b := t.all
	for _, u := range t.moving {
		if !u.isIn(remote) {
			b = t.count(b, u, true)
		}
	}
	return b
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
	var balances *events.Balances
	if signed {
		balances = &events.Balances{Remote: sent, Before: t.balance(sent)}
	}
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
	if signed {
		balances.After = t.balance(sent)
	}
	for i := range traces {
		traces[i].Balances = balances
	}
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
