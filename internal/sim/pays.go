package sim

import (
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/route"
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
	inv, err := bolt11.Decode(w.row.Bolt11)
	if err != nil {
		n.w.fail("%s: invoice %s: %v", n, w.row.Bolt11, err)
	}
	retry := uint64(120)
	p, err := pay.New(pay.Request{Bolt11: w.row.Bolt11, Invoice: inv, RetryFor: &retry}, pay.Node{ID: n.id, Network: bolt11.Regtest}, 1, n.w.unix())
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
		add, err := htlc(send)
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

var (
	errNoChannel = errors.New("no channel has this short_channel_id")
	errOnChain   = errors.New("the channel was closed and the HTLC timed out on-chain")
)

// sleep until the deadline.
func (d *driver) sleep() {
	d.timer++
	if at, ok := d.p.Deadline(); ok {
		timer := d.timer
		left := time.Duration(at-began)*time.Second - d.n.w.now //nolint:gosec // deadlines are near
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
	routes, err := route.Find(w.graph, route.Query{Us: n.id, Height: height, Find: f, Own: n.own(), Memory: &n.memory, Now: w.unix()})
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
		if !l.ch.Online() && n.w.now-l.since < soon {
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
	spendable = l.ch.Spendable()
	return spendable, spendable > 0
}

// own are the channels that can carry an HTLC now.
func (n *node) own() (list []route.Own) {
	for _, l := range n.order {
		if spendable, usable := l.capacity(); usable {
			p := l.ch.Params()
			list = append(list, route.Own{
				SCID: l.edge.scid, Peer: p.Peer, Spendable: spendable, Minimum: p.RemoteLimits.HTLCMinimum,
				Maximum: min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight),
			})
		}
	}
	return list
}

// htlc is the HTLC of an attempt, with its onion.
func htlc(send pay.Send) (channel.Add, error) {
	hops := make([]onion.Hop, len(send.Hops))
	for i, h := range send.Hops {
		hops[i].NodeID = h.NodeID
		p := &hops[i].Payload
		if i+1 < len(send.Hops) {
			next := send.Hops[i+1]
			p.AmtToForward, p.OutgoingCLTV, p.ShortChannelID = next.Amount, next.CLTVExpiry, &next.SCID
			continue
		}
		p.AmtToForward, p.OutgoingCLTV, p.PaymentMetadata = h.Amount, h.CLTVExpiry, send.Metadata
		if send.Secret != nil {
			p.PaymentSecret, p.TotalMsat = send.Secret, send.Total
		}
	}
	packet, err := onion.Build(session(send.Session), hops, send.PaymentHash)
	return channel.Add{
		Amount: send.Hops[0].Amount, PaymentHash: send.PaymentHash, CLTVExpiry: send.Hops[0].CLTVExpiry,
		Onion: packet, Origin: channel.Origin{Attempt: send.Attempt},
	}, err
}

func session(b [32]byte) *btcec.PrivateKey {
	key, _ := btcec.PrivKeyFromBytes(b[:])
	return key
}

// resolved hears how an attempt's HTLC ended.
func (n *node) resolved(r channel.Resolved) {
	d := n.attempts[r.Origin.Attempt]
	if d == nil {
		return
	}
	delete(n.attempts, r.Origin.Attempt)
	d.put(func() {
		a, ok := d.p.Attempted(r.Origin.Attempt)
		if !ok {
			return
		}
		if res, ok := result(a, r); ok {
			d.p.Resolved(n.w.unix(), a.ID, res)
		} else {
			d.p.Refused(n.w.unix(), a.ID, errOnChain)
		}
	})
}

// refused hears that an attempt's HTLC was never signed and never will be.
func (n *node) refused(attempt uint64, why error) {
	if d := n.attempts[attempt]; d != nil {
		delete(n.attempts, attempt)
		d.put(func() { d.p.Refused(n.w.unix(), attempt, why) })
	}
}

// result reads what came back; false: nothing did, the HTLC ended on-chain.
func result(a pay.AttemptRow, r channel.Resolved) (pay.Result, bool) {
	switch {
	case r.Preimage != nil:
		return pay.Result{Preimage: r.Preimage}, true
	case r.Malformed != nil:
		f := onion.Failure{Code: onion.Code(r.Malformed.Code), SHA256OfOnion: r.Malformed.SHA256OfOnion}
		return pay.Result{Hop: 0, Code: f.Code, Message: f.Encode()}, true
	case len(r.Reason) == 0:
		return pay.Result{}, false
	}
	nodes := make([]wire.NodeID, len(a.Hops))
	for i, h := range a.Hops {
		nodes[i] = h.NodeID
	}
	hop, f, err := onion.DecodeReason(onion.Secrets(session(a.Session), nodes), r.Reason)
	switch {
	case hop < 0:
		return pay.Result{Hop: -1, Message: r.Reason}, true
	case err != nil && f.Code == 0:
		f.Code = onion.CodeTemporaryNodeFailure
	}
	return pay.Result{Hop: hop, Code: f.Code, Message: f.Encode(), Height: f.Height}, true
}

// loadPayments goes on with what the rows say is under way. It comes before the
// channels are loaded.
func (n *node) loadPayments() (list []*driver) {
	d := n.disk
	n.last = d.Last
	alive := map[uint64]bool{}
	d.Live(func(h *channel.HTLCRow) {
		if !h.Incoming && h.Origin.Attempt != 0 {
			alive[h.Origin.Attempt] = true
		}
	})
	settled := map[uint64]channel.SettlementRow{}
	for _, s := range d.Settlements {
		if s.Origin.Attempt != 0 {
			settled[s.Origin.Attempt] = s
		}
	}
	for _, row := range d.Unfinished() {
		inv, err := bolt11.Decode(row.Bolt11)
		if err != nil {
			n.w.fail("%s: %v", n, err)
		}
		var attempts []pay.Resume
		for _, a := range d.AttemptsOf(row) {
			r := pay.Resume{Row: a, Alive: alive[a.ID]}
			if s, ok := settled[a.ID]; ok {
				if raw, ok := result(a, resolved(s)); ok {
					r.Raw = &raw
				} else {
					r.Alive = false
				}
			}
			attempts = append(attempts, r)
		}
		p, err := pay.Load(*row, inv, attempts, n.id, n.w.unix())
		if err != nil {
			n.w.fail("%s: %v", n, err)
		}
		one := &driver{n: n, p: p}
		n.paying[p.Hash()] = one
		for _, a := range attempts {
			if _, pending := p.Attempted(a.Row.ID); pending {
				n.attempts[a.Row.ID] = one
			}
		}
		list = append(list, one)
	}
	return list
}
