package sim

import (
	"time"

	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/sim/draw"
	"github.com/leyden-ln/leyden/internal/sim/plot"
)

// stage lets things happen in a world.
type stage struct{ *world }

// plan draws the schedule.
func (w *world) plan() {
	c := plot.Cast{Nodes: len(w.nodes), Stage: stage{w}, Only: w.cfg.Only}
	for _, x := range w.conns {
		c.Conns = append(c.Conns, [2]int{x.ends[0].index, x.ends[1].index})
	}
	for _, e := range w.edges {
		c.Edges, c.Units = append(c.Edges, [2]int{e.ends[0].n.index, e.ends[1].n.index}), append(c.Units, e.units)
	}
	if w.cfg.Script != nil {
		w.schedule = plot.Script(c, w.cfg.Script)
	} else {
		w.schedule = plot.Draw(c, w.cfg.draws(schedules), w.cfg.draws(crumbs))
	}
	w.stats.Actions = len(w.schedule)
}

func (s stage) Cut(conn int, why string)   { s.conns[conn].cut(why) }
func (s stage) Block()                     { s.block() }
func (s stage) Reorganize(depth int)       { s.chain.Reorganize(depth) }
func (s stage) Congest(blocks int)         { s.chain.Congest(blocks) }
func (s stage) Spike(perKw, blocks uint32) { s.chain.Spike(perKw, blocks) }
func (s stage) Lose()                      { s.chain.Lose() }
func (s stage) Mute(node int)              { s.nodes[node].mute = true }
func (s stage) Snapshot(node int)          { s.nodes[node].snapshot() }
func (s stage) Betray(node, back int)      { s.nodes[node].betray(back) }

func (s stage) Fuse(node, effects int) {
	if n := s.nodes[node]; n.up && n.fuse < 0 {
		n.fuse = effects
	}
}

func (s stage) Feerate(edge int, perKw uint32) {
	s.wish(edge, 0, func(l *link) { _ = l.ch.SetFee(perKw) }) // a refusal is an answer
}

// wish gives the link of a side of a channel an input.
func (s stage) wish(edge, side int, do func(l *link)) {
	e := s.edges[edge]
	if l := e.ends[side].n.links[e.id]; l != nil {
		l.put(func() { do(l) })
	}
}

func (s stage) Open(conn, side int, r funding.Request) {
	c := s.conns[conn]
	c.ends[side].open(c, r, 5)
}

func (s stage) FillDisk(node int) {
	n := s.nodes[node]
	n.full = true
	s.after(20*time.Second, func() { n.full = false })
}

// Stick keeps a channel from being closed on-chain for many blocks. What is in its
// HTLCs is at risk.
func (s stage) Stick(edge int, blocks uint32) { s.edges[edge].stick(blocks) }

func (e *edge) stick(blocks uint32) {
	w := e.w
	if _, spent := w.chain.Spent[e.funding]; spent {
		return
	}
	w.stats.Stuck++
	w.chain.Hold(e.funding, w.chain.Tip.Height+blocks)
	e.stuck = w.chain.Tip.Height + blocks
}

func (s stage) Close(edge, side int) {
	s.wish(edge, side, func(l *link) {
		s.stats.Mutual++
		_ = l.ch.Shutdown(nil, 0) // a refusal is an answer
	})
}

func (s stage) Force(edge, side int, why string) {
	if !s.edges[edge].ends[side].n.stale {
		s.wish(edge, side, func(l *link) { l.ch.ForceClose(why) })
	}
}

// Vanish ends a node for ever.
func (s stage) Vanish(node int) {
	n := s.nodes[node]
	n.gone = true
	if n.up {
		n.die()
	}
}

func (s stage) Hold(node int, blocks uint32) {
	s.stats.Holds++
	s.nodes[node].holds = true
	for _, e := range s.nodes[node].edges {
		if blocks > 0 {
			e.stick(blocks)
		}
	}
}

func (s stage) Remember(node int) {
	if n := s.nodes[node]; n.cheat == nil {
		n.remember()
	}
}

func (s stage) Restore(node int) bool {
	has := s.nodes[node].copied != nil
	s.nodes[node].restore()
	return has
}

func (s stage) Lie(node int, babble bool) {
	n := s.nodes[node]
	begins := babble && !n.lies
	if n.lies = true; begins {
		n.babble()
	}
}

func (s stage) Pay(from, to int, r invoice.Request, also *int) {
	x := s.request(s.nodes[from], s.nodes[to], r)
	if also == nil || x == nil || !s.nodes[*also].up {
		return
	}
	x.shared = true
	second := *x
	second.payer, second.begun = s.nodes[*also], false
	s.wishes = append(s.wishes, &second)
	second.payer.pay(&second)
}

// request lets one node make an invoice and another one pay it.
func (w *world) request(from, to *node, r invoice.Request) *wish {
	if !from.up || !to.up {
		return nil
	}
	if r.Property != 0 {
		r.Hints = w.hints(from, to)
	}
	row, err := to.newInvoice(r)
	if err != nil {
		w.fail("%s: invoice: %v", to, err)
	}
	w.invoices[row.PaymentHash] = to
	if err := to.disk.Write(w.ctx, row.Creation()...); err != nil {
		w.fail("%s: %v", to, err)
	}
	wish := &wish{payer: from, payee: to, row: row}
	w.wishes = append(w.wishes, wish)
	w.logf("%s is to pay %s %s, %s", from, to, draw.Asks(r), short(row.PaymentHash))
	from.pay(wish)
	return wish
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
			w.after(a.At, func() {
				w.logf("** %s", a.What)
				a.Do()
			})
			end = max(end, a.At)
		}
	}
	w.until(end)
}
