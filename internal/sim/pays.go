package sim

import (
	"errors"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/obolt"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/internal/sender"
)

// driver is the loop of one payment, as in package sender.
type driver struct {
	n     *node
	p     *pay.Payment
	wish  *wish // nil after a restart
	inbox []func()
	awake bool
	busy  bool
	timer int // which one counts
}

func (d *driver) String() string { return d.n.String() + " pays " + short(d.p.Hash()) }

// pay begins a payment; it is there once its row is.
func (n *node) pay(w *wish) {
	if !n.up || n.paying[w.row.PaymentHash] != nil || n.disk.Payments[w.row.PaymentHash] != nil {
		return
	}
	bill, err := obolt.Read(w.row.Bolt11)
	if err != nil {
		n.w.fail("%s: invoice %s: %v", n, w.row.Bolt11, err)
	}
	retry := uint64(120)
	p, err := pay.New(pay.Request{Bolt11: w.row.Bolt11, Invoice: &bill.Invoice, Property: bill.Property, Asked: bill.Units, RetryFor: &retry}, pay.Node{ID: n.id, Network: bolt11.Regtest}, 1, n.w.unix())
	if err != nil {
		n.w.logf("%s does not pay: %v", n, err)
		return
	}
	d := &driver{n: n, p: p, wish: w}
	n.paying[p.Hash()] = d
	d.wake()
}

func (d *driver) put(f func()) {
	d.inbox = append(d.inbox, f)
	d.wake()
}

func (d *driver) wake() {
	if !d.awake && !d.busy {
		d.awake = true
		d.n.after(d.n.w.jitter(2*time.Millisecond), d.turn)
	}
}

func (d *driver) turn() {
	d.awake = false
	inputs := d.inbox
	d.inbox = nil
	for _, f := range inputs {
		f()
	}
	d.busy = true
	submit(d.n, d, d.p.Take(), d.act)
}

// act does what the machine asked for, now that it is durable.
func (d *driver) act(todo pay.Todo) {
	n := d.n
	if d.wish != nil && !d.wish.begun {
		d.wish.begun = true
		n.w.stats.Payments++
		if d.wish.row.Property != 0 {
			n.w.stats.TokenPayments++
		}
	}
	for _, l := range todo.Learn {
		n.memory.Learn(l, n.w.unix())
	}
	for _, send := range todo.Send {
		if !n.alive() {
			return
		}
		n.w.stats.Parts++
		n.attempts[send.Attempt] = d
		add, err := sender.HTLC(send)
		if err != nil {
			n.w.fail("%s: %v", d, err)
		}
		n.w.logf("%s: attempt %d of %s over %d hops", d, send.Attempt, add.Amount, len(send.Hops))
		if l := n.named(send.Hops[0].SCID); l != nil {
			l.offer(add)
		} else {
			n.refused(send.Attempt, errNoChannel)
		}
	}
	if todo.Find != nil {
		d.find(todo.Find)
	}
	if !n.alive() {
		return
	}
	d.busy = false
	switch {
	case len(d.inbox) > 0:
		d.wake()
	case d.p.Done():
		delete(n.paying, d.p.Hash())
	default:
		d.sleep()
	}
}

var errNoChannel = errors.New("no channel has this short_channel_id")

// sleep until the deadline.
func (d *driver) sleep() {
	d.timer++
	if at, ok := d.p.Deadline(); ok {
		timer := d.timer
		left := time.Duration(at-began)*time.Second - d.n.w.time.Now //nolint:gosec // deadlines are near
		d.n.after(max(left, 0), func() {
			if d.timer == timer {
				d.put(func() { d.p.Tick(d.n.w.unix()) })
			}
		})
	}
}

// find answers a search.
func (d *driver) find(f *pay.Find) {
	n, w := d.n, d.n.w
	height := n.height
	var routes []pay.Route
	var err error
	if q := (route.Query{Us: n.id, Height: height, Find: f, Own: n.own(), Memory: &n.memory, Now: w.unix()}); f.Property != 0 {
		routes, err = route.FindTokens(q, n.ownTokens(), nil)
	} else {
		routes, err = route.Find(w.atlas.Graph, q)
	}
	if err != nil {
		var why *pay.Error
		if !errors.As(err, &why) {
			w.fail("%s: %v", d, err)
		}
		if why.Code == pay.CodeRouteNotFound && n.expects() {
			n.hoping = append(n.hoping, func() { d.put(func() { d.p.Again(w.unix()) }) })
			n.after(soon, n.hope)
			d.put(func() { d.p.NoRouteYet(w.unix(), why) })
			return
		}
		d.put(func() { d.p.NoRoute(w.unix(), why) })
		return
	}
	minted := make([]pay.Minted, len(routes))
	for i := range minted {
		n.last++
		minted[i] = pay.Minted{ID: n.last, Session: w.bytes32()}
		minted[i].Session[0] &= 0x7f // below the curve's order
	}
	d.put(func() {
		d.p.Routes(w.unix(), height, routes, func() (m pay.Minted) {
			m, minted = minted[0], minted[1:]
			return m
		})
	})
}

// soon is for how long a peer that is away is expected back.
const soon = 15 * time.Second

// expects tells whether a channel is expected back.
func (n *node) expects() bool {
	for _, l := range n.order {
		if !l.ch.Online() && n.w.time.Now-l.since < soon {
			return true
		}
	}
	return false
}

// hope wakes the payments that wait for a way.
func (n *node) hope() {
	hoping := n.hoping
	n.hoping = nil
	for _, f := range hoping {
		f()
	}
}

func (l *link) capacity() (spendable amount.MilliSatoshi, usable bool) {
	if !l.ch.Online() {
		return 0, false
	}
	if l.edge.units > 0 {
		return 0, l.ch.TokensSpendable() > 0
	}
	spendable = l.ch.Spendable()
	return spendable, spendable > 0
}

// own are the channels that can carry an HTLC now.
func (n *node) own() (list []route.Own) {
	for _, l := range n.order {
		if spendable, usable := l.capacity(); usable && spendable > 0 && l.ch.Status().SCID != 0 {
			p := l.ch.Params()
			list = append(list, route.Own{
				SCID: l.ch.Status().SCID, Peer: p.Peer, Spendable: spendable, Minimum: p.RemoteLimits.HTLCMinimum,
				Maximum: min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight),
			})
		}
	}
	return list
}

// resolved hears how an attempt's HTLC ended.
func (n *node) resolved(r channel.Resolved) {
	d := n.attempts[r.Origin.Attempt]
	if d == nil {
		return
	}
	delete(n.attempts, r.Origin.Attempt)
	d.put(func() { sender.Resolve(d.p, n.w.unix(), r) })
}

// refused hears that an attempt's HTLC was never signed and never will be.
func (n *node) refused(attempt uint64, why error) {
	if d := n.attempts[attempt]; d != nil {
		delete(n.attempts, attempt)
		d.put(func() { d.p.Refused(n.w.unix(), attempt, why) })
	}
}

// loadPayments goes on with what the rows say is under way. It comes before the
// channels are loaded.
func (n *node) loadPayments() (list []*driver) {
	d := n.disk
	n.last = d.Last
	for _, u := range d.Resume() {
		p, pending, err := u.Resume(n.id, n.w.unix())
		if err != nil {
			n.w.fail("%s: %v", n, err)
		}
		one := &driver{n: n, p: p}
		n.paying[p.Hash()] = one
		for _, id := range pending {
			n.attempts[id] = one
		}
		list = append(list, one)
	}
	return list
}
