//go:build !race

package route

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// brute tries every path without a circle, from the payee back to us, and gives the
// cost of the cheapest one within the limits; false: there is none.
func (w *world) brute() (best uint64, found bool) {
	f := w.query.Find
	var back func(to wire.NodeID, l label, been map[wire.NodeID]bool)
	back = func(to wire.NodeID, l label, been map[wire.NodeID]bool) {
		if int(l.hops) == 20 {
			return
		}
		for _, o := range w.query.Own {
			step := way{o.SCID, direction(us, o.Peer)}
			if o.Peer == to && o.Minimum <= l.amount && l.amount <= min(o.Maximum, o.Spendable) && l.delay <= f.MaxDelay &&
				w.allows(step, us, to, l.amount) && (!found || l.cost < best) {
				best, found = l.cost, true
			}
		}
		for _, c := range w.lanes {
			from := nodeID(c.from)
			if nodeID(c.to) != to || from == us || been[from] || c.disabled || l.amount < c.min || l.amount > c.max ||
				c.capacity > 0 && (l.amount > c.capacity.Msat() || c.max > c.capacity.Msat()) || c.min > c.max ||
				!w.allows(c.way(), from, to, l.amount) {
				continue
			}
			fee := msat(c.asks(l.amount).Uint64())
			next := label{amount: l.amount + fee, delay: l.delay + uint32(c.delta), hops: l.hops + 1}
			if next.amount > f.Amount+f.MaxFee || next.delay > f.MaxDelay {
				continue
			}
			next.cost = l.cost + uint64(fee) + hopCost + uint64(next.amount)/1_000_000*lockedCost*uint64(c.delta)/1000
			if c.capacity > 0 {
				share := uint64(l.amount) / (uint64(c.capacity.Msat()) / 1000)
				next.cost += fillCost / 1_000_000 * share * share
			}
			been[from] = true
			back(from, next, been)
			delete(been, from)
		}
	}
	back(f.Destination, label{amount: f.Amount, delay: f.FinalDelta}, map[wire.NodeID]bool{f.Destination: true})
	return best, found
}

// allows says whether what the query excludes and avoids leaves a step free.
func (w *world) allows(step way, from, to wire.NodeID, amt msat) bool {
	f := w.query.Find
	for _, e := range f.Exclude {
		if e.Node == (wire.NodeID{}) && (way{e.SCID, e.Direction}) == step ||
			e.Node != (wire.NodeID{}) && (e.Node == from || e.Node == to && to != f.Destination) {
			return false
		}
	}
	for _, l := range f.Avoid {
		if (way{l.SCID, l.Direction}) == step && amt >= l.Below {
			return false
		}
	}
	return true
}

// cost is what the search thinks of a route.
func (w *world) cost(r pay.Route) (sum uint64) {
	for i, h := range r[1:] {
		cheapest, known := uint64(0), false
		for _, l := range w.lanes {
			if l.way() != (way{h.SCID, direction(r[i].NodeID, h.NodeID)}) || l.forwards(r[i], h) != nil {
				continue
			}
			c := uint64(r[i].Amount-h.Amount) + hopCost + uint64(r[i].Amount)/1_000_000*lockedCost*uint64(l.delta)/1000
			if l.capacity > 0 {
				share := uint64(h.Amount) / (uint64(l.capacity.Msat()) / 1000)
				c += fillCost / 1_000_000 * share * share
			}
			if !known || c < cheapest {
				cheapest, known = c, true
			}
		}
		sum += cheapest
	}
	return sum
}

// anyWorld draws a small network in which most limits are close to what is asked.
func anyWorld(t *rapid.T) *world {
	nodes := rapid.Uint64Range(2, 6).Draw(t, "nodes")
	w := worldOf(nodes - 1)
	f := w.query.Find
	amt := rapid.Uint64Range(1000, 2_000_000).Draw(t, "amount")
	near := func(name string) msat { // around the amount
		return msat(amt * rapid.Uint64Range(90, 130).Draw(t, name) / 100)
	}
	f.Amount = msat(amt)
	f.MaxFee = msat(amt * rapid.Uint64Range(0, 25).Draw(t, "fee %") / 100)
	f.FinalDelta = rapid.Uint32Range(0, 40).Draw(t, "final delta")
	f.MaxDelay = rapid.Uint32Range(0, 400).Draw(t, "max delay")
	w.query.Own = nil
	for i := range rapid.IntRange(1, 3).Draw(t, "own") {
		w.query.Own = append(w.query.Own, Own{
			SCID: wire.ShortChannelID(1<<40 + i), Peer: nodeID(rapid.Uint64Range(1, nodes-1).Draw(t, "peer")),
			Spendable: near("spendable") * 3, Minimum: near("own minimum") / 2, Maximum: near("own maximum") * 2,
		})
	}
	draw := func(i int) lane {
		l := lane{
			from: rapid.Uint64Range(0, nodes-1).Draw(t, "from"), to: rapid.Uint64Range(0, nodes-1).Draw(t, "to"),
			scid: wire.ShortChannelID(i + 1), base: rapid.Uint32Range(0, uint32(amt/10)).Draw(t, "base"),
			delta: uint16(rapid.IntRange(0, 150).Draw(t, "delta")),
		}
		if rapid.Bool().Draw(t, "proportional") {
			l.ppm = rapid.Uint32Range(0, 100_000).Draw(t, "ppm")
		}
		if l.from == l.to {
			l.to = (l.to + 1) % nodes
		}
		return l
	}
	count := rapid.IntRange(0, 10).Draw(t, "channels")
	for i := range count {
		l := draw(i)
		l.capacity = amount.Satoshi(near("capacity")/1000)*3 + 1
		l.max = min(near("maximum")*2, l.capacity.Msat()+msat(rapid.IntRange(0, 1).Draw(t, "too much")))
		l.disabled = rapid.IntRange(0, 9).Draw(t, "disabled") == 0
		if rapid.IntRange(0, 3).Draw(t, "minimum") == 0 {
			l.min = near("minimum")
		}
		w.lanes = append(w.lanes, l)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "hints") {
		l := draw(count + i)
		l.to = nodes - 1
		if l.from != l.to {
			w.hint(l)
		}
	}
	for range rapid.IntRange(0, 1).Draw(t, "excluded") {
		e := pay.Exclusion{SCID: wire.ShortChannelID(rapid.IntRange(1, 10).Draw(t, "id")), Direction: uint8(rapid.IntRange(0, 1).Draw(t, "side"))}
		if rapid.Bool().Draw(t, "node") {
			e = pay.Exclusion{Node: nodeID(rapid.Uint64Range(1, nodes-1).Draw(t, "excluded node"))}
		}
		f.Exclude = append(f.Exclude, e)
	}
	for range rapid.IntRange(0, 1).Draw(t, "avoided") {
		f.Avoid = append(f.Avoid, pay.Limit{
			SCID: wire.ShortChannelID(rapid.IntRange(1, 10).Draw(t, "id")), Direction: uint8(rapid.IntRange(0, 1).Draw(t, "side")),
			Below: near("below"),
		})
	}
	return w
}

func TestAWayIsFoundWhenThereIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		routes, err := w.find(t)
		if _, found := w.brute(); found != (err == nil) {
			t.Fatalf("a way exists: %v, found: %v, %v\n%+v\n%+v\n%+v", found, routes, err, w.query.Find, w.query.Own, w.lanes)
		}
	})
}

// With fees that do not depend on amounts, and limits that are far away, what is
// cheapest up to a node is so for the whole way.
func TestTheWayFoundIsTheCheapest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		f := w.query.Find
		f.Amount, f.MaxFee, f.MaxDelay, f.Avoid = min(f.Amount, 50_000), 800_000, 10_000, nil
		for i := range w.query.Own {
			w.query.Own[i].Minimum, w.query.Own[i].Maximum, w.query.Own[i].Spendable = 0, 1<<40, 1<<40
		}
		for i := range w.lanes {
			l := &w.lanes[i]
			l.ppm, l.min, l.max = 0, 0, 1<<40
			if l.capacity > 0 {
				l.capacity = 1 << 32
			}
		}
		for _, path := range f.Hints {
			for i := range path {
				path[i].FeeProportionalMillionths = 0
			}
		}
		routes, err := w.find(t)
		best, found := w.brute()
		if found != (err == nil) {
			t.Fatalf("a way exists: %v, found: %v", found, err)
		}
		if found && w.cost(routes[0]) != best {
			t.Fatalf("%+v costs %d, the cheapest %d\n%+v", routes[0], w.cost(routes[0]), best, w.lanes)
		}
	})
}

func TestPartsTogetherDeliverTheAmountAndOverfillNothing(t *testing.T) {
	split := 0
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		f := w.query.Find
		share := func(name string, least int) msat {
			return f.Amount * msat(rapid.IntRange(least, 130).Draw(t, name)) / 100
		}
		f.Amount = msat(rapid.IntRange(20_000_000, 200_000_000).Draw(t, "large amount"))
		f.MaxFee, f.MaxParts, f.MaxDelay, f.Avoid = f.Amount/2, rapid.IntRange(2, 16).Draw(t, "parts"), 2000, nil
		for i := range w.query.Own {
			o := &w.query.Own[i]
			o.Minimum, o.Maximum, o.Spendable = 0, share("own maximum", 20), share("spendable", 50)
		}
		for i := range w.lanes {
			l := &w.lanes[i]
			l.min = min(l.min, 1000)
			if l.capacity > 0 {
				l.capacity = amount.Satoshi(share("capacity", 40) / 1000)
				l.max = min(share("maximum", 15), l.capacity.Msat())
			}
		}
		routes, err := w.find(t)
		if _, found := w.brute(); found && err != nil {
			t.Fatalf("one part would do, but: %v", err)
		}
		if len(routes) > 1 {
			split++
		}
	})
	if split == 0 {
		t.Error("no payment was split")
	}
	t.Logf("%d payments were split", split)
}
