package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/sim/draw"
)

// action is one thing of the schedule. It draws from its own randomness, so that
// leaving out another one does not change it.
type action struct {
	at   time.Duration
	what string
	do   func()
}

// Kinds of trouble, for Config.Only.
const (
	Cuts   = "cuts"
	Deaths = "deaths"
	Blocks = "blocks"
	Reorgs = "reorgs"
	Fees   = "fees"
	Closes = "closes"
	Forces = "forces"
	Gone   = "gone"
	Holds  = "holds"
	Cheats = "cheats"
	Lies   = "lies"
	Mutes  = "mutes"
	Stale  = "stale"
	Opens  = "opens"
	Storms = "storms" // of fees
	Full   = "full"   // disks
	Stuck  = "stuck"  // closes that no miner takes
	Crumbs = "crumbs" // dust by way of peers that fall silent
)

// plan draws the schedule.
func (w *world) plan() {
	if w.cfg.Script != nil {
		w.script(w.cfg.Script)
		return
	}
	rng := w.cfg.draws(schedules)
	span := time.Duration(20+rng.IntN(300)) * time.Second
	long := rng.IntN(3) == 0 // so that deadlines pass and claims are made while there is trouble
	if long {
		span = time.Duration(1000+rng.IntN(3000)) * time.Second
	}
	// Things come together: trouble is worth most when HTLCs are on their way.
	var bursts []time.Duration
	for range 1 + rng.IntN(4) {
		bursts = append(bursts, time.Duration(rng.Int64N(int64(span))))
	}
	add := func(kind string, what string, do func()) {
		at := time.Duration(rng.Int64N(int64(span)))
		if rng.IntN(3) > 0 {
			at = bursts[rng.IntN(len(bursts))] + time.Duration(rng.Int64N(int64(10*time.Second)))
		}
		if kind == "" || w.cfg.Only == nil || w.cfg.Only[kind] {
			w.schedule = append(w.schedule, action{at, what, do})
		}
	}
	some := func() *node { return w.nodes[rng.IntN(len(w.nodes))] }
	size := len(w.nodes)

	// Where peers fall silent for ever most payments are worth an output: see planCrumbs.
	strange := rng.IntN(2) == 0
	for range 2 + rng.IntN(10+2*size) {
		w.planPayment(rng, add, some, !strange)
	}
	// Some runs are gentle, so that each kind of trouble is also had alone.
	gentle := rng.IntN(4) == 0
	times := func(most int) int {
		if gentle && rng.IntN(3) > 0 {
			return 0
		}
		return rng.IntN(most + 1)
	}
	for range times(3 * size) {
		c := w.conns[rng.IntN(len(w.conns))]
		add(Cuts, fmt.Sprintf("cut %s-%s", c.ends[0], c.ends[1]), func() { c.cut("the schedule") })
	}
	for range times(4 * size) {
		n, fuse := some(), 1+rng.IntN(60)
		add(Deaths, fmt.Sprintf("%s dies after %d effects", n, fuse), func() {
			if n.up && n.fuse < 0 {
				n.fuse = fuse
			}
		})
	}
	for range times(2 * size) {
		e := w.edges[rng.IntN(len(w.edges))]
		perKw := uint32(253 + rng.IntN(5000)) //nolint:gosec // small
		add(Fees, fmt.Sprintf("%s: feerate %d", e, perKw), func() {
			if l := e.ends[0].n.links[e.id]; l != nil {
				l.put(func() { _ = l.ch.SetFee(perKw) }) // a refusal is an answer
			}
		})
	}
	blocks, reorgs := times(40), times(2)
	if long {
		blocks, reorgs = int(span/(20*time.Second)), times(8)
	}
	for range blocks {
		at := time.Duration(rng.Int64N(int64(span)))
		if w.cfg.Only == nil || w.cfg.Only[Blocks] {
			w.schedule = append(w.schedule, action{at, "block", w.block})
		}
	}
	for range reorgs {
		depth := 1 + rng.IntN(6)
		add(Reorgs, fmt.Sprintf("reorganization of %d blocks", depth), func() { w.chain.Reorganize(depth) })
	}
	if rng.IntN(4) == 0 {
		w.chain.Congest(5)
	}
	w.planChain(rng, add, times)
	for range times(2) {
		c, me, amt := w.conns[rng.IntN(len(w.conns))], rng.IntN(2), amount.Satoshi(30_000+rng.IntN(120_000)) //nolint:gosec // positive
		var push amount.MilliSatoshi
		if rng.IntN(2) == 0 {
			push = amt.Msat() / 3
		}
		n := c.ends[me]
		add(Opens, fmt.Sprintf("%s opens a channel of %s with %s", n, amt, c.ends[1-me]), func() {
			n.open(c, funding.Request{Amount: amt, Push: push, Announce: true, MinConf: 1}, 5)
		})
		if rng.IntN(2) == 0 { // it dies of it
			fuse := 1 + rng.IntN(12)
			add(Deaths, fmt.Sprintf("%s dies after %d effects", n, fuse), func() {
				if n.up && n.fuse < 0 {
					n.fuse = fuse
				}
			})
		}
	}
	for range times(1) * times(2) {
		n := some()
		add(Full, fmt.Sprintf("the disk of %s is full", n), func() {
			n.full = true
			w.after(20*time.Second, func() { n.full = false })
		})
	}
	w.planEnds(rng, add, some, strange)
	w.planCrumbs(add)
	slices.SortStableFunc(w.schedule, func(a, b action) int { return int(a.at - b.at) })
	w.stats.Actions = len(w.schedule)
}

// planChain draws what miners and mempools do.
func (w *world) planChain(rng *rand.Rand, add func(string, string, func()), times func(int) int) {
	if rng.IntN(3) > 0 {
		return
	}
	for range times(3) {
		perKw, blocks := uint32(300+rng.IntN(2500)), uint32(1+rng.IntN(12)) //nolint:gosec // small
		if rng.IntN(3) == 0 {
			perKw *= 3
		}
		add(Storms, fmt.Sprintf("%d blocks ask for %d", blocks, perKw), func() { w.chain.Spike(perKw, blocks) })
	}
	for range times(3) {
		add(Storms, "mempools forget", w.chain.Lose)
	}
	if rng.IntN(3) == 0 {
		e, blocks := w.edges[rng.IntN(len(w.edges))], uint32(15+rng.IntN(40)) //nolint:gosec // small
		add(Stuck, fmt.Sprintf("%d blocks pass over what closes %s", blocks, e), func() { e.stick(blocks) })
	}
}

// stick keeps a channel from being closed on-chain for many blocks. What is in its
// HTLCs is at risk.
func (e *edge) stick(blocks uint32) {
	w := e.w
	if _, spent := w.chain.Spent[e.funding]; spent {
		return
	}
	w.stats.Stuck++
	w.chain.Hold(e.funding, w.chain.Tip.Height+blocks)
	e.stuck = w.chain.Tip.Height + blocks
}

// planEnds draws how channels end, and who goes bad.
func (w *world) planEnds(rng *rand.Rand, add func(string, string, func()), some func() *node, strange bool) {
	if rng.IntN(3) == 0 {
		e := w.edges[rng.IntN(len(w.edges))]
		n := e.ends[rng.IntN(2)].n
		add(Closes, fmt.Sprintf("%s closes %s", n, e), func() {
			if l := n.links[e.id]; l != nil {
				w.stats.Mutual++
				l.put(func() { _ = l.ch.Shutdown(nil, 0) }) // a refusal is an answer
			}
		})
	}
	for range rng.IntN(2) * rng.IntN(1+len(w.edges)) {
		e := w.edges[rng.IntN(len(w.edges))]
		n := e.ends[rng.IntN(2)].n
		add(Forces, fmt.Sprintf("%s closes %s by force", n, e), func() {
			if l := n.links[e.id]; l != nil && !n.stale {
				l.put(func() { l.ch.ForceClose("the schedule") })
			}
		})
	}
	if !strange {
		return
	}
	if rng.IntN(3) == 0 {
		n := some()
		n.doubtful = true
		add(Gone, fmt.Sprintf("%s vanishes", n), func() { n.vanish() })
	}
	if rng.IntN(3) == 0 {
		n, blocks := some(), uint32(0)
		if rng.IntN(2) == 0 { // and no miner takes what its peers do about it
			blocks = uint32(60 + rng.IntN(100)) //nolint:gosec // small
		}
		n.doubtful = true
		add(Holds, fmt.Sprintf("%s sits on HTLCs, for %d blocks", n, blocks), func() {
			w.stats.Holds++
			n.holds = true
			for _, e := range n.edges {
				if blocks > 0 {
					e.stick(blocks)
				}
			}
		})
		for range rng.IntN(10) {
			w.planPayment(rng, add, func() *node {
				if rng.IntN(2) == 0 {
					return n
				}
				return some()
			}, false)
		}
	}
	if rng.IntN(3) == 0 {
		n := some()
		if n.cheat == nil && (w.cfg.Only == nil || w.cfg.Only[Mutes]) {
			n.remember()
		}
		at := 10*time.Second + time.Duration(rng.Int64N(int64(20*time.Second)))
		put := func(at time.Duration, what string, do func()) {
			if w.cfg.Only == nil || w.cfg.Only[Mutes] {
				w.schedule = append(w.schedule, action{at, what, do})
			}
		}
		n.doubtful = true
		put(at, fmt.Sprintf("%s is mute, and closes when what it offered expires", n), func() { n.mute = true })
		for range rng.IntN(8) { // some of what it pays is under way by then
			first := true
			w.planPayment(rng, func(_, what string, do func()) {
				put(at-time.Duration(rng.Int64N(int64(6*time.Second))), what, do)
			}, func() *node {
				if first {
					first = false
					return n
				}
				return some()
			}, false)
		}
	}
	if rng.IntN(4) == 0 {
		n := some()
		n.doubtful = true
		n.snapshot() // in case it is restored before it is copied again
		add(Stale, fmt.Sprintf("%s is copied", n), n.snapshot)
		add(Stale, fmt.Sprintf("%s is restored", n), n.restore)
	}
	if rng.IntN(4) == 0 {
		n := some()
		n.doubtful = true
		add(Lies, fmt.Sprintf("%s begins to lie", n), func() {
			if !n.lies {
				n.lies = true
				n.babble()
			}
		})
	}
	if rng.IntN(2) == 0 {
		n, back := some(), rng.IntN(3)
		if rng.IntN(2) == 0 {
			back = rng.IntN(1000)
		}
		if n.cheat == nil && (w.cfg.Only == nil || w.cfg.Only[Cheats]) {
			n.remember()
		}
		n.doubtful = true
		add(Cheats, fmt.Sprintf("%s cheats", n), func() { n.betray(back) })
	}
}

func (w *world) planPayment(rng *rand.Rand, add func(string, string, func()), some func() *node, dust bool) {
	from, to := some(), some()
	if from == to {
		return
	}
	r := draw.Invoice(rng, fmt.Sprint(len(w.schedule)), dust)
	msat := r.Amount.Msat
	if other := some(); rng.IntN(8) == 0 && other != from && other != to {
		add("", fmt.Sprintf("%s and %s pay %s %s", from, other, to, msat), func() {
			if x := w.request(from, to, r); x != nil && other.up {
				x.shared = true
				second := *x
				second.payer, second.begun = other, false
				w.wishes = append(w.wishes, &second)
				other.pay(&second)
			}
		})
		return
	}
	add("", fmt.Sprintf("%s pays %s %s", from, to, msat), func() { w.request(from, to, r) })
}

// planCrumbs draws payments that are dust and go by peers that may fall silent. No payer
// is such a one's neighbour: his own HTLC would stay, since no channel is closed for it.
func (w *world) planCrumbs(add func(string, string, func())) {
	rng := w.cfg.draws(crumbs)
	for i, from := range w.nodes {
		if slices.ContainsFunc(from.conns, func(c *conn) bool { return c.ends[0].doubtful || c.ends[1].doubtful }) {
			continue
		}
		for k := range rng.IntN(6) {
			to := w.nodes[rng.IntN(len(w.nodes))]
			r := draw.Crumb(rng, fmt.Sprint("crumb", i, k))
			if to != from {
				add(Crumbs, fmt.Sprintf("%s pays %s %s", from, to, r.Amount.Msat), func() { w.request(from, to, r) })
			}
		}
	}
}

// request lets one node make an invoice and another one pay it.
func (w *world) request(from, to *node, r invoice.Request) *wish {
	if !from.up || !to.up {
		return nil
	}
	row, err := to.newInvoice(r)
	if err != nil {
		w.fail("%s: invoice: %v", to, err)
	}
	w.invoices[row.PaymentHash] = to
	w.commitRows(to, row)
	wish := &wish{payer: from, payee: to, row: row}
	w.wishes = append(w.wishes, wish)
	w.logf("%s is to pay %s %s, %s", from, to, r.Amount.Msat, short(row.PaymentHash))
	from.pay(wish)
	return wish
}

func (w *world) commitRows(n *node, row invoice.Row) {
	if err := n.disk.Write(w.ctx, row.Creation()...); err != nil {
		w.fail("%s: %v", n, err)
	}
}

// vanish ends a node for ever.
func (n *node) vanish() {
	n.gone = true
	if n.up {
		n.die()
	}
}

// sits tells whether an HTLC is left alone: until its deadline is near, or for
// good. Only payments of others are: what ends here is worth taking.
func (n *node) sits(in channel.Incoming) bool {
	if !n.holds {
		return false
	}
	return uint64(n.height)+(in.Ref.ID*7+uint64(in.PaymentHash[0]))%60 < uint64(in.CLTVExpiry)
}

// play lets the schedule happen.
func (w *world) play() {
	for _, n := range w.nodes {
		n.start()
	}
	end := time.Duration(0)
	for i, a := range w.schedule {
		if !w.cfg.Drop[i] {
			w.after(a.at, func() {
				w.logf("** %s", a.what)
				a.do()
			})
			end = max(end, a.at)
		}
	}
	w.until(end)
}
