//go:build !race

package route

import (
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
)

// us is node 0 in these tests.
var us = nodeID(0)

// lane is one direction of a channel, as its node uses it.
type lane struct {
	from, to  uint64
	scid      wire.ShortChannelID
	base, ppm uint32
	delta     uint16
	min, max  msat
	capacity  amount.Satoshi // zero: only a hint names it
	disabled  bool
}

func (l lane) way() way { return way{l.scid, direction(nodeID(l.from), nodeID(l.to))} }

// line is a lane that takes whatever fits into a channel of a bitcoin.
func line(from, to uint64, scid wire.ShortChannelID, base uint32, changes ...func(*lane)) lane {
	l := lane{from: from, to: to, scid: scid, base: base, delta: 10, max: 100_000_000_000, capacity: 100_000_000}
	for _, change := range changes {
		change(&l)
	}
	return l
}

// world is a network, from which the graph and the hints are made, and against
// which routes are checked without them.
type world struct {
	lanes []lane
	query Query
}

// worldOf has a channel of ours to node 1, and a payment of 1000 satoshi.
func worldOf(to uint64, lanes ...lane) *world {
	return &world{lanes: lanes, query: Query{
		Us: us, Height: 1000, Now: 1,
		Own: []Own{{SCID: 1 << 40, Peer: nodeID(1), Spendable: 50_000_000_000, Maximum: 50_000_000_000}},
		Find: &pay.Find{
			Destination: nodeID(to), Amount: 1_000_000, MaxFee: 100_000, MaxDelay: 2016, FinalDelta: 21, MaxParts: 1,
		},
	}}
}

func (w *world) graph(t interface{ Fatal(...any) }) *graph.Graph {
	g := graph.New(chainhash.Hash{})
	for _, l := range w.lanes {
		if l.capacity == 0 {
			continue
		}
		from, to := nodeID(l.from), nodeID(l.to)
		g.Local(l.scid, from, to, l.capacity)
		u := &wire.ChannelUpdate{
			ShortChannelID: l.scid, Timestamp: 100, ChannelFlags: direction(from, to), CLTVExpiryDelta: l.delta,
			HTLCMinimumMsat: l.min, HTLCMaximumMsat: l.max, FeeBaseMsat: l.base, FeeProportionalMillionths: l.ppm,
		}
		if l.disabled {
			u.ChannelFlags |= 2
		}
		if err := g.Load(graph.UpdateRow{SCID: l.scid, Raw: wire.Encode(u)}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// find asks, and checks every answer.
func (w *world) find(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}) ([]pay.Route, error) {
	routes, err := Find(w.graph(t), w.query)
	if err == nil {
		if err := w.check(routes); err != nil {
			t.Fatalf("%v\n%+v\n%+v\n%+v", err, routes, w.query.Find, w.lanes)
		}
		return routes, nil
	}
	var why *pay.Error
	if routes != nil || !errors.As(err, &why) || why.Code != pay.CodeRouteNotFound && why.Code != pay.CodeRouteTooCostly {
		t.Fatalf("%v with %v", routes, err)
	}
	return nil, err
}

// hint adds a path of hints that leads to the destination.
func (w *world) hint(path ...lane) {
	var hints []bolt11.HopHint
	for _, l := range path {
		l.capacity, l.min, l.max, l.disabled = 0, 0, ^msat(0), false
		w.lanes = append(w.lanes, l)
		hints = append(hints, bolt11.HopHint{
			NodeID: nodeID(l.from), SCID: l.scid, FeeBaseMsat: l.base, FeeProportionalMillionths: l.ppm, CLTVExpiryDelta: l.delta,
		})
	}
	w.query.Find.Hints = append(w.query.Find.Hints, hints)
}

// asks is what the node before a lane keeps of an HTLC of amt that it passes on.
//
// BOLT 7: "fee_base_msat + ( amount_to_forward * fee_proportional_millionths / 1000000 )"
func (l lane) asks(amt msat) *big.Int {
	part := new(big.Int).SetUint64(uint64(amt))
	part.Mul(part, big.NewInt(int64(l.ppm)))
	part.Div(part, big.NewInt(1_000_000))
	return part.Add(part, big.NewInt(int64(l.base)))
}

// check walks routes hop by hop, as the nodes on them would.
func (w *world) check(routes []pay.Route) error {
	f := w.query.Find
	if len(routes) == 0 || len(routes) > max(f.MaxParts, 1) {
		return fmt.Errorf("%d parts of at most %d", len(routes), f.MaxParts)
	}
	var delivered, fees msat
	load := map[way]msat{}
	for _, r := range routes {
		if err := w.walk(r, load); err != nil {
			return err
		}
		delivered += r.Delivered()
		fees += r.Sent() - r.Delivered()
	}
	if delivered != f.Amount {
		return fmt.Errorf("%s arrive, not %s", delivered, f.Amount)
	}
	if fees > f.MaxFee {
		return fmt.Errorf("fees of %s, above %s", fees, f.MaxFee)
	}
	for _, l := range w.lanes {
		if sum := load[l.way()]; l.capacity > 0 && sum > l.capacity.Msat() {
			return fmt.Errorf("channel %s of %s is filled with %s", l.scid, l.capacity, sum)
		}
	}
	for _, o := range w.query.Own {
		if sum := load[way{o.SCID, direction(us, o.Peer)}]; sum > o.Spendable {
			return fmt.Errorf("our channel %s has %s, not %s", o.SCID, o.Spendable, sum)
		}
	}
	return w.checkAvoided(routes, load)
}

func (w *world) checkAvoided(routes []pay.Route, load map[way]msat) error {
	f := w.query.Find
	avoid := f.Avoid
	if w.query.Memory != nil {
		avoid = append(avoid, w.query.Memory.Limits(w.query.Now)...)
	}
	for _, r := range routes {
		for _, h := range r[:len(r)-1] {
			for _, e := range f.Exclude {
				if e.Node == h.NodeID {
					return fmt.Errorf("node %s is excluded", e.Node)
				}
			}
			for _, l := range avoid {
				if l.Node == h.NodeID && l.Below == 0 {
					return fmt.Errorf("node %s is avoided", l.Node)
				}
			}
		}
	}
	for used, sum := range load {
		for _, e := range f.Exclude {
			if e.Node == (wire.NodeID{}) && (way{e.SCID, e.Direction}) == used {
				return fmt.Errorf("channel %s is excluded", e.SCID)
			}
		}
		for _, l := range avoid {
			if l.Node == (wire.NodeID{}) && (way{l.SCID, l.Direction}) == used && sum >= l.Below {
				return fmt.Errorf("channel %s failed with %s, and shall carry %s", l.SCID, l.Below, sum)
			}
		}
	}
	return nil
}

// walk is one part's way. It adds what each channel carries to load.
func (w *world) walk(r pay.Route, load map[way]msat) error {
	f, height := w.query.Find, w.query.Height
	if len(r) == 0 || len(r) > 20 || r[len(r)-1].NodeID != f.Destination {
		return errors.New("the route does not lead to the destination in 20 hops")
	}
	if last := r[len(r)-1]; uint64(last.CLTVExpiry) != uint64(height)+uint64(f.FinalDelta) || r[0].CLTVExpiry-height > f.MaxDelay {
		return fmt.Errorf("from block %d the expiries are %d to %d", height, last.CLTVExpiry, r[0].CLTVExpiry)
	}
	been := map[wire.NodeID]bool{us: true}
	from := us
	for i, h := range r {
		if been[h.NodeID] {
			return fmt.Errorf("%s is passed twice", h.NodeID)
		}
		been[h.NodeID] = true
		step := way{h.SCID, direction(from, h.NodeID)}
		load[step] += h.Amount
		if i == 0 {
			if !w.ours(h) {
				return fmt.Errorf("no channel of ours: %+v", h)
			}
			from = h.NodeID
			continue
		}
		err := fmt.Errorf("there is no channel %s", h.SCID)
		for _, l := range w.lanes { // one of those with the same id will do: a hint may repeat a channel
			if l.way() == step && nodeID(l.from) == from && nodeID(l.to) == h.NodeID {
				if err = l.forwards(r[i-1], h); err == nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
		from = h.NodeID
	}
	return nil
}

func (w *world) ours(h pay.Hop) bool {
	for _, o := range w.query.Own {
		if o.SCID == h.SCID && o.Peer == h.NodeID && o.Minimum <= h.Amount && h.Amount <= o.Maximum {
			return true
		}
	}
	return false
}

// forwards says why the lane's node would not pass on what comes in.
func (l lane) forwards(in, out pay.Hop) error {
	gets := new(big.Int).Sub(new(big.Int).SetUint64(uint64(in.Amount)), new(big.Int).SetUint64(uint64(out.Amount)))
	switch {
	case l.disabled:
		return fmt.Errorf("channel %s is disabled", l.scid)
	case gets.Cmp(l.asks(out.Amount)) < 0:
		return fmt.Errorf("channel %s: fee of %s is too low", l.scid, gets)
	case uint64(in.CLTVExpiry) < uint64(out.CLTVExpiry)+uint64(l.delta):
		return fmt.Errorf("channel %s: expiries %d and %d are too close", l.scid, in.CLTVExpiry, out.CLTVExpiry)
	case out.Amount < l.min || out.Amount > l.max:
		return fmt.Errorf("channel %s: %s is not in %s to %s", l.scid, out.Amount, l.min, l.max)
	}
	return nil
}

// code is the code of an error; zero: none.
func code(t *testing.T, err error) pay.Code {
	t.Helper()
	var why *pay.Error
	if err != nil && !errors.As(err, &why) {
		t.Fatalf("%v is no *pay.Error", err)
	}
	if why == nil {
		return 0
	}
	return why.Code
}

// channels are the short channel ids of a route, without our own channel.
func channels(r pay.Route) (ids []wire.ShortChannelID) {
	for _, h := range r[1:] {
		ids = append(ids, h.SCID)
	}
	return ids
}
