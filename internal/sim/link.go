package sim

import (
	"fmt"
	"reflect"
	"time"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/sim/report"
)

// link drives one channel of a node, as package link does.
type link struct {
	n      *node
	edge   *edge
	ch     *channel.Channel
	signer *keys.Channel

	inbox []func()
	awake bool // a turn is coming
	busy  bool // an outcome is on its way to the disk

	conn  *line // nil: the peer is away
	quiet bool  // see curt
	since time.Duration
	desk  *relay.Desk
	first []wire.Message // to send before anything else
	after []func()       // once the outcome is visible

	risked map[uint64]bool // HTLCs that were failed though they could be claimed
}

// newLink makes the link of a channel.
func (n *node) newLink(e *edge, ch *channel.Channel, s *keys.Channel) *link {
	l := &link{
		n: n, edge: e, ch: ch, signer: s, since: n.w.time.Now,
		desk:   relay.NewDesk(n.ring.Node(), ch, func() uint64 { return uint64(n.w.time.Now.Milliseconds()) }), //nolint:gosec // not negative
		risked: map[uint64]bool{},
	}
	n.links[ch.ID()] = l
	n.onchain.Watch(ch.Params())
	n.order = append(n.order, l)
	return l
}

func (l *link) String() string { return fmt.Sprintf("%s/%s", l.n, l.edge) }

// put gives the link an input.
func (l *link) put(f func()) {
	l.inbox = append(l.inbox, f)
	l.wake()
}

func (l *link) wake() {
	if !l.awake && !l.busy {
		l.awake = true
		l.n.after(l.n.w.jitter(2*time.Millisecond), l.turn)
	}
}

// turn feeds the channel all that has gathered.
func (l *link) turn() {
	l.awake = false
	inputs := l.inbox
	l.inbox = nil
	for _, f := range inputs {
		f()
	}
	pending, err := l.ch.Take(l.n.w.proofs.Signer(l.signer))
	if err != nil {
		l.n.w.fail("%s: %v", l, err)
	}
	l.busy = true
	submit(l.n, l, pending, l.visible)
}

// visible makes an outcome visible, one effect after the other.
func (l *link) visible(v channel.Visible) {
	l.reload()
	first := l.first
	l.first = nil
	for _, m := range append(first, v.Send...) {
		if !l.n.alive() {
			return
		}
		if l.conn != nil && !l.curt(m) {
			l.conn.send(l.conn.end(l.n), m)
		}
	}
	for _, e := range v.Raise {
		if !l.n.alive() {
			return
		}
		l.raise(e)
	}
	after := l.after
	l.after = nil
	for _, f := range after {
		if !l.n.alive() {
			return
		}
		f()
	}
	if v.Disconnect && l.conn != nil {
		l.conn.cut("the channel's rules were broken")
	}
	l.busy = false
	if len(l.inbox) > 0 {
		l.wake()
	} else if l.ch.Status().Status == channel.Closed {
		l.close()
	}
}

// reload checks that the rows give the machine back: at every other turn, and in full
// at every fourth, since that takes longer than the turns.
func (l *link) reload() {
	if l.n.w.time.Step%2 > 0 {
		return
	}
	rows := l.n.disk.Channels[l.edge.id].Load()
	if machine := l.ch.Rows(); !reflect.DeepEqual(machine, rows) {
		l.n.w.fail("%s: the rows are not the machine's:\n%s\n%s", l, report.Rows(rows), report.Rows(machine))
	}
	ch, err := channel.Load(rows)
	if err != nil {
		l.n.w.fail("%s: %v", l, err)
	}
	if l.n.w.time.Step%4 > 0 {
		return
	}
	if again := ch.Rows(); !reflect.DeepEqual(again, rows) || ch.State() != l.ch.State() {
		l.n.w.fail("%s: the rows give another machine:\n%s\n%s", l, report.Rows(rows), report.Rows(again))
	}
}

func (l *link) raise(e channel.Event) {
	w := l.n.w
	switch e := e.(type) {
	case channel.Incoming:
		l.decide(e)
	case channel.Resolved:
		w.logf("%s: HTLC %d has ended, preimage %v", l, e.Out.ID, e.Preimage != nil)
		if e.Origin.In != nil {
			if up := l.n.links[e.Origin.In.Channel]; up != nil {
				up.put(func() { up.waits(e.Origin.In.ID, up.desk.Settle(up.desk.Answer(e))) })
			}
		} else {
			l.n.resolved(e)
		}
	case channel.Unsent:
		l.refuse(e.Add.Origin, channel.ErrOffline)
	case channel.Settled:
		l.desk.Settled(e.Ref.ID)
	case channel.Failure:
		w.logf("%s has failed: %s", l, e.Why)
		l.revive()
		l.n.after(w.jitter(time.Second), l.n.enforce)
	case channel.ClosedMutually:
		w.logf("%s is closed mutually", l)
		_ = w.chain.Broadcast(l.n, e.Tx) // it is offered again
	case channel.Ready:
		w.logf("%s is ready at %s", l, e.SCID)
		if o := l.edge.other(l.n).links[l.edge.id]; e.SCID != 0 && o != nil && o.ch.Status().SCID == e.SCID {
			w.announce(l.edge, e.SCID)
		}
		l.n.hope()
	case channel.Blamed:
		w.logf("%s may be of an older day: %s", l, e.Why)
	case channel.DataLoss:
		if l.n.confused() || l.edge.other(l.n).confused() {
			break
		}
		w.fail("%s: the peer proved a loss of state: %s", l, e.Why)
	}
}

// revive broadcasts what closes the channel.
func (l *link) revive() {
	switch s := l.ch.Status(); {
	case s.Status == channel.Failed && s.Closing == nil:
		_, tx, _, err := l.ch.OurCommitment(l.signer)
		if err != nil {
			l.n.w.fail("%s: %v", l, err)
		}
		_ = l.n.w.chain.Broadcast(l.n, tx) // it is offered again
	case s.Closing != nil && s.Status < channel.Spent:
		tx, err := l.ch.ClosingTx(l.signer)
		if err != nil {
			l.n.w.fail("%s: %v", l, err)
		}
		_ = l.n.w.chain.Broadcast(l.n, tx) // it is offered again
	}
}

// refuse tells the origin of an HTLC that it was not and will not be signed here.
func (l *link) refuse(o channel.Origin, why error) {
	if o.In == nil {
		l.n.refused(o.Attempt, why)
	} else if up := l.n.links[o.In.Channel]; up != nil {
		up.fail(o.In.ID, onion.TemporaryChannelFailure(nil))
	}
}

// decide hands on an incoming HTLC that is irrevocable.
func (l *link) decide(in channel.Incoming) {
	id := in.Ref.ID
	if l.desk.Asked(id) {
		if l.desk.Decided(id) {
			l.put(func() { l.waits(id, l.desk.Propose(id)) })
		}
		return
	}
	if l.n.sits(in) {
		return
	}
	if l.n.w.chain.Tip.Height > l.n.height { // the present height is awaited
		l.n.awaits = true
		return
	}
	switch d := l.desk.Take(in, relay.Facts{Height: l.n.height, Outgoing: l.n.outgoing}).(type) {
	case relay.Receive:
		l.n.arrived(in, d.Payload)
	case relay.Forward:
		if out := l.n.named(d.SCID); out == nil {
			l.fail(id, onion.UnknownNextPeer())
		} else {
			l.n.w.stats.Forwards++
			if d.Add.Tokens > 0 {
				l.n.w.stats.TokensForwarded++
			}
			out.offer(d.Add)
		}
	case relay.Fail:
		l.fail(id, d.Failure)
	case relay.FailMalformed:
		l.settle(relay.DecisionRow{In: in.Ref, Kind: relay.Failed, Malformed: &d.Malformed})
	}
}

// block says that the chain has a new height. Who holds an HTLC lets go of it in
// seconds: the deadlines of what nobody has settled are far away.
func (l *link) block(height uint32) { l.ch.Block(height) }

// outgoing is what a forward needs to know of a channel.
func (n *node) outgoing(scid wire.ShortChannelID) (relay.Channel, bool) {
	l := n.named(scid)
	if l == nil {
		return relay.Channel{}, false
	}
	s := l.ch.Status()
	_, usable := l.capacity()
	return relay.Channel{
		Policy: n.policy, Usable: usable, Property: l.edge.property(), Carrier: l.ch.Carrier(),
		Gone: s.Status != channel.Open || s.LocalShutdown != nil || s.RemoteShutdown != nil,
	}, true
}

func (l *link) fail(id uint64, f onion.Failure) {
	l.put(func() { l.waits(id, l.desk.Settle(l.desk.Fail(id, f))) })
}

func (l *link) settle(d relay.DecisionRow) {
	l.put(func() { l.waits(d.In.ID, l.desk.Settle(d)) })
}

// waits notes that a removal is not taken now; it is proposed again by resume.
func (l *link) waits(id uint64, why error) {
	if why != nil {
		l.n.w.logf("%s: the removal of HTLC %d waits: %v", l, id, why)
	}
}

// resume goes on with every incoming HTLC that is not settled.
func (l *link) resume() {
	for _, in := range l.ch.Unsettled() {
		l.decide(in)
	}
}

// offer asks the channel to carry an HTLC; a refusal goes back to its origin.
func (l *link) offer(add channel.Add) {
	l.put(func() {
		if _, err := l.ch.Offer(add); err != nil {
			l.n.w.logf("%s refuses %s: %v", l, add.Amount, err)
			l.after = append(l.after, func() { l.refuse(add.Origin, err) })
		}
	})
}

// connected says that the peer is there.
func (l *link) connected(c *line) {
	l.put(func() {
		l.conn = c
		s := l.ch.Status().Status
		l.quiet = l.n.curt && (s == channel.Failed || s == channel.Spent)
		l.ch.Connected(l.signer, l.edge.index%2 == 1)
	})
}

// disconnected says that the connection c is gone.
func (l *link) disconnected(c *line) {
	l.since = l.n.w.time.Now
	l.put(func() {
		if l.conn == c {
			l.conn = nil
			l.ch.Disconnected()
		}
	})
}

// message takes a message of the peer.
func (l *link) message(c *line, m wire.Message) {
	if l.n.mute {
		return
	}
	l.put(func() {
		if l.conn != c {
			return
		}
		if err := l.ch.Receive(m, l.n.w.proofs); err != nil {
			if !l.n.confused() && !l.edge.other(l.n).confused() {
				l.n.w.fail("%s: the peer broke a rule with %s: %v", l, wire.Name(m), err)
			}
			l.n.w.logf("%s: the peer broke a rule with %s: %v", l, wire.Name(m), err)
			return
		}
		if e, ok := m.(*wire.Error); ok {
			l.n.w.logf("%s hears the error %q", l, e.Data)
		}
		if _, ok := m.(*wire.ChannelReestablish); ok {
			l.after = append(l.after, l.resume, l.n.hope)
		}
	})
}
