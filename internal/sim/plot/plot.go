// Package plot draws the schedule of a run: what happens, and when. It knows what there is
// by number only; who makes it happen is a [Stage].
package plot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/sim/draw"
	"github.com/leyden-ln/leyden/internal/sim/mint"
)

// Action is one thing of the schedule. It draws from its own randomness, so that
// leaving out another one does not change it.
type Action struct {
	At   time.Duration
	What string
	Do   func()
}

// Kinds of trouble.
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
	Gifts  = "gifts"  // of strangers, to channels' addresses
)

// Stage is where it happens. Nodes, connections and channels have numbers; side 0 of a
// channel, or of a connection, is its first end.
type Stage interface {
	// Pay has a node pay an invoice of another one, and perhaps a second node pay it too.
	Pay(from, to int, r invoice.Request, also *int)
	Cut(conn int, why string)
	Fuse(node, effects int) // it dies after so many
	Feerate(edge int, perKw uint32)
	Block()
	Reorganize(depth int)
	Congest(blocks int)
	Spike(perKw, blocks uint32)
	Lose() // mempools forget
	Open(conn, side int, r funding.Request)
	FillDisk(node int)
	Stick(edge int, blocks uint32)
	Close(edge, side int)
	Force(edge, side int, why string)
	Vanish(node int)
	Hold(node int, blocks uint32)
	Remember(node int) // what an honest one would forget
	Mute(node int)
	Snapshot(node int)
	Restore(node int) bool // false: there is no copy
	Lie(node int, babble bool)
	Betray(node, back int)
	Gift(edge, side, which int)
}

// Cast is what there is.
type Cast struct {
	Nodes        int
	Conns, Edges [][2]int       // by the nodes at their ends
	Units        []amount.Units // of each channel; zero: bitcoin only
	Stage        Stage
	Only         map[string]bool // kinds that happen; nil: all
}

// Node is a node's name.
func Node(i int) string { return fmt.Sprintf("n%d", i) }

// Edge is a channel's name.
func Edge(i int, ends [2]int) string {
	return fmt.Sprintf("c%d(%s-%s)", i, Node(ends[0]), Node(ends[1]))
}

func (c *Cast) edge(i int) string { return Edge(i, c.Edges[i]) }

// plot is a schedule while it is drawn.
type plot struct {
	*Cast
	rng      *rand.Rand
	list     []Action
	doubtful map[int]bool // nodes that go bad, or may
	riders   []int        // channels with tokens
}

// add puts an action into the schedule, at a time.
type add func(kind, what string, do func())

// Draw draws a schedule; crumbs is the randomness of payments that are dust.
func Draw(c Cast, rng, crumbs *rand.Rand) []Action {
	p := &plot{Cast: &c, rng: rng, doubtful: map[int]bool{}}
	for i, u := range c.Units {
		if u > 0 {
			p.riders = append(p.riders, i)
		}
	}
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
		p.put(kind, at, what, do)
	}
	// Where peers fall silent for ever most payments are worth an output: see crumbs.
	strange := rng.IntN(2) == 0
	for range 2 + rng.IntN(10+2*c.Nodes) {
		p.payment(add, p.some, !strange)
	}
	// Some runs are gentle, so that each kind of trouble is also had alone.
	gentle := rng.IntN(4) == 0
	times := func(most int) int {
		if gentle && rng.IntN(3) > 0 {
			return 0
		}
		return rng.IntN(most + 1)
	}
	p.trouble(add, times, span, long)
	p.ends(add, strange)
	p.crumbs(add, crumbs)
	slices.SortStableFunc(p.list, func(a, b Action) int { return int(a.At - b.At) })
	return p.list
}

func (p *plot) some() int { return p.rng.IntN(p.Nodes) }

// put puts an action into the schedule, if it is of a kind that happens.
func (p *plot) put(kind string, at time.Duration, what string, do func()) {
	if kind == "" || p.happens(kind) {
		p.list = append(p.list, Action{at, what, do})
	}
}

func (p *plot) happens(kind string) bool { return p.Only == nil || p.Only[kind] }

// trouble draws what befalls nodes that play by the rules.
func (p *plot) trouble(add add, times func(int) int, span time.Duration, long bool) {
	rng, s := p.rng, p.Stage
	for range times(3 * p.Nodes) {
		c := rng.IntN(len(p.Conns))
		add(Cuts, fmt.Sprintf("cut %s-%s", Node(p.Conns[c][0]), Node(p.Conns[c][1])), func() { s.Cut(c, "the schedule") })
	}
	for range times(4 * p.Nodes) {
		n, fuse := p.some(), 1+rng.IntN(60)
		add(Deaths, fmt.Sprintf("%s dies after %d effects", Node(n), fuse), func() { s.Fuse(n, fuse) })
	}
	for range times(2 * p.Nodes) {
		e := rng.IntN(len(p.Edges))
		perKw := uint32(253 + rng.IntN(5000)) //nolint:gosec // small
		add(Fees, fmt.Sprintf("%s: feerate %d", p.edge(e), perKw), func() { s.Feerate(e, perKw) })
	}
	blocks, reorgs := times(40), times(2)
	if long {
		blocks, reorgs = int(span/(20*time.Second)), times(8)
	}
	for range blocks {
		p.put(Blocks, time.Duration(rng.Int64N(int64(span))), "block", s.Block)
	}
	for range reorgs {
		depth := 1 + rng.IntN(6)
		add(Reorgs, fmt.Sprintf("reorganization of %d blocks", depth), func() { s.Reorganize(depth) })
	}
	if rng.IntN(4) == 0 {
		s.Congest(5)
	}
	p.chain(add, times)
	for range times(2) {
		c, me, amt := rng.IntN(len(p.Conns)), rng.IntN(2), amount.Satoshi(30_000+rng.IntN(120_000)) //nolint:gosec // positive
		var push amount.MilliSatoshi
		if rng.IntN(2) == 0 {
			push = amt.Msat() / 3
		}
		n := p.Conns[c][me]
		add(Opens, fmt.Sprintf("%s opens a channel of %s with %s", Node(n), amt, Node(p.Conns[c][1-me])), func() {
			s.Open(c, me, funding.Request{Amount: amt, Push: push, Announce: true, MinConf: 1})
		})
		if rng.IntN(2) == 0 { // it dies of it
			fuse := 1 + rng.IntN(12)
			add(Deaths, fmt.Sprintf("%s dies after %d effects", Node(n), fuse), func() { s.Fuse(n, fuse) })
		}
	}
	for range times(1) * times(2) {
		n := p.some()
		add(Full, fmt.Sprintf("the disk of %s is full", Node(n)), func() { s.FillDisk(n) })
	}
	p.gifts(add)
}

// chain draws what miners and mempools do.
func (p *plot) chain(add add, times func(int) int) {
	rng, s := p.rng, p.Stage
	if rng.IntN(3) > 0 {
		return
	}
	for range times(3) {
		perKw, blocks := uint32(300+rng.IntN(2500)), uint32(1+rng.IntN(12)) //nolint:gosec // small
		if rng.IntN(3) == 0 {
			perKw *= 3
		}
		add(Storms, fmt.Sprintf("%d blocks ask for %d", blocks, perKw), func() { s.Spike(perKw, blocks) })
	}
	for range times(3) {
		add(Storms, "mempools forget", s.Lose)
	}
	if rng.IntN(3) == 0 {
		e, blocks := rng.IntN(len(p.Edges)), uint32(15+rng.IntN(40)) //nolint:gosec // small
		add(Stuck, fmt.Sprintf("%d blocks pass over what closes %s", blocks, p.edge(e)), func() { s.Stick(e, blocks) })
	}
}

// gifts draws what strangers send to the addresses of channels with tokens: dust, and
// tokens.
func (p *plot) gifts(add add) {
	if len(p.riders) == 0 {
		return
	}
	for range p.rng.IntN(8) {
		e, side, which := p.riders[p.rng.IntN(len(p.riders))], p.rng.IntN(2), p.rng.IntN(1<<20)
		add(Gifts, fmt.Sprintf("a stranger sends to an address of %s", p.edge(e)), func() { p.Stage.Gift(e, side, which) })
	}
}

// ends draws how channels end, and who goes bad.
func (p *plot) ends(add add, strange bool) {
	rng, s := p.rng, p.Stage
	if rng.IntN(3) == 0 {
		e := rng.IntN(len(p.Edges))
		side := rng.IntN(2)
		add(Closes, fmt.Sprintf("%s closes %s", Node(p.Edges[e][side]), p.edge(e)), func() { s.Close(e, side) })
	}
	for range rng.IntN(2) * rng.IntN(1+len(p.Edges)) {
		e := rng.IntN(len(p.Edges))
		side := rng.IntN(2)
		add(Forces, fmt.Sprintf("%s closes %s by force", Node(p.Edges[e][side]), p.edge(e)), func() { s.Force(e, side, "the schedule") })
	}
	if !strange {
		return
	}
	if rng.IntN(3) == 0 {
		n := p.doubt()
		add(Gone, fmt.Sprintf("%s vanishes", Node(n)), func() { s.Vanish(n) })
	}
	if rng.IntN(3) == 0 {
		n, blocks := p.doubt(), uint32(0)
		if rng.IntN(2) == 0 { // and no miner takes what its peers do about it
			blocks = uint32(60 + rng.IntN(100)) //nolint:gosec // small
		}
		add(Holds, fmt.Sprintf("%s sits on HTLCs, for %d blocks", Node(n), blocks), func() { s.Hold(n, blocks) })
		for range rng.IntN(10) {
			p.payment(add, func() int {
				if rng.IntN(2) == 0 {
					return n
				}
				return p.some()
			}, false)
		}
	}
	if rng.IntN(3) == 0 {
		p.mute()
	}
	if rng.IntN(4) == 0 {
		n := p.doubt()
		s.Snapshot(n) // in case it is restored before it is copied again
		add(Stale, fmt.Sprintf("%s is copied", Node(n)), func() { s.Snapshot(n) })
		add(Stale, fmt.Sprintf("%s is restored", Node(n)), func() { s.Restore(n) })
	}
	if rng.IntN(4) == 0 {
		n := p.doubt()
		add(Lies, fmt.Sprintf("%s begins to lie", Node(n)), func() { s.Lie(n, true) })
	}
	if rng.IntN(2) == 0 {
		n, back := p.doubt(), rng.IntN(3)
		if rng.IntN(2) == 0 {
			back = rng.IntN(1000)
		}
		if p.happens(Cheats) {
			s.Remember(n)
		}
		add(Cheats, fmt.Sprintf("%s cheats", Node(n)), func() { s.Betray(n, back) })
	}
}

// doubt draws a node that goes bad.
func (p *plot) doubt() int {
	n := p.some()
	p.doubtful[n] = true
	return n
}

// mute draws a peer that falls silent until what it offered expires.
func (p *plot) mute() {
	rng, n := p.rng, p.doubt()
	if p.happens(Mutes) {
		p.Stage.Remember(n)
	}
	at := 10*time.Second + time.Duration(rng.Int64N(int64(20*time.Second)))
	p.put(Mutes, at, fmt.Sprintf("%s is mute, and closes when what it offered expires", Node(n)), func() { p.Stage.Mute(n) })
	for range rng.IntN(8) { // some of what it pays is under way by then
		first := true
		p.payment(func(_, what string, do func()) {
			p.put(Mutes, at-time.Duration(rng.Int64N(int64(6*time.Second))), what, do)
		}, func() int {
			if first {
				first = false
				return n
			}
			return p.some()
		}, false)
	}
}

func (p *plot) payment(add add, some func() int, dust bool) {
	from, to := some(), some()
	if from == to {
		return
	}
	label := fmt.Sprint(len(p.list))
	r := draw.Invoice(p.rng, label, dust)
	if len(p.riders) > 0 && p.rng.IntN(3) > 0 {
		r = draw.Tokens(p.rng, label, mint.Property, p.Units[p.riders[p.rng.IntN(len(p.riders))]])
	}
	if other := some(); p.rng.IntN(8) == 0 && other != from && other != to {
		add("", fmt.Sprintf("%s and %s pay %s %s", Node(from), Node(other), Node(to), draw.Asks(r)), func() { p.Stage.Pay(from, to, r, &other) })
		return
	}
	add("", fmt.Sprintf("%s pays %s %s", Node(from), Node(to), draw.Asks(r)), func() { p.Stage.Pay(from, to, r, nil) })
}

// crumbs draws payments that are dust and go by peers that may fall silent. No payer
// is such a one's neighbour: his own HTLC would stay, since no channel is closed for it.
func (p *plot) crumbs(add add, rng *rand.Rand) {
	for from := range p.Nodes {
		if slices.ContainsFunc(p.Conns, func(c [2]int) bool {
			return (c[0] == from || c[1] == from) && (p.doubtful[c[0]] || p.doubtful[c[1]])
		}) {
			continue
		}
		for k := range rng.IntN(6) {
			to := rng.IntN(p.Nodes)
			r := draw.Crumb(rng, fmt.Sprint("crumb", from, k))
			if to != from {
				add(Crumbs, fmt.Sprintf("%s pays %s %s", Node(from), Node(to), r.Amount.Msat), func() { p.Stage.Pay(from, to, r, nil) })
			}
		}
	}
}
