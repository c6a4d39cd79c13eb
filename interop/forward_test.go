package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// line are nodes in a row, each with a channel to the next.
type line struct {
	*network
	nodes    []Peer
	channels []Channel
}

// newLine starts nodes of the kinds given and opens a channel from each to the
// next, half of which is the other's, and waits until every node knows all.
func newLine(t *testing.T, kinds ...string) *line {
	t.Helper()
	l := &line{network: newNetwork(t)}
	for i, kind := range kinds {
		name := fmt.Sprintf("%s%d", kind, i)
		var p Peer
		if kind == "leyden" {
			p = l.leyden(name)
		} else {
			p = l.other(kind, name)
		}
		l.nodes = append(l.nodes, p)
		if i > 0 {
			l.channels = append(l.channels, l.open(l.nodes[i-1], p, Open{Sat: 1_000_000, Push: 500_000}))
		}
	}
	l.mine(6)
	l.known(len(l.channels), l.nodes...)
	return l
}

// known waits until all nodes given have the same graph, of so many channels, with
// both sides' terms and the names of all nodes.
func (n *network) known(channels int, all ...Peer) {
	n.Helper()
	n.eventually("all to know the same graph", func(ctx context.Context) error {
		var first Graph
		for i, p := range all {
			g, err := p.Graph(ctx)
			switch {
			case err != nil:
				return err
			case len(g.Channels) != 2*channels:
				return fmt.Errorf("%s knows %d directions of %d channels", p.Name(), len(g.Channels), channels)
			case i == 0:
				first = g
			default:
				if err := same(first, g); err != nil {
					return fmt.Errorf("%s and %s: %w", all[0].Name(), p.Name(), err)
				}
			}
		}
		if len(first.Nodes) != channels+1 {
			return fmt.Errorf("%d nodes are known by name", len(first.Nodes))
		}
		return nil
	})
}

func same(a, b Graph) error {
	for id, p := range a.Channels {
		q, ok := b.Channels[id]
		if !ok {
			return fmt.Errorf("%s is not known", id)
		}
		if p != q {
			return fmt.Errorf("%s has the terms %+v and %+v", id, p, q)
		}
	}
	for id, name := range a.Nodes {
		if b.Nodes[id] != name {
			return fmt.Errorf("%s is called %q and %q", short(id), name, b.Nodes[id])
		}
	}
	return nil
}

// fee is what the node in the middle asks for forwarding into its channel to the
// last.
func (l *line) fee(from, to Peer, channel Channel, msat uint64) uint64 {
	l.Helper()
	g, err := from.Graph(l.context())
	l.must(err)
	direction := 0
	if from.ID() > to.ID() {
		direction = 1
	}
	p, ok := g.Channels[fmt.Sprintf("%s/%d", channel.SCID, direction)]
	if !ok {
		l.Fatalf("%s does not know %s/%d: %v", from.Name(), channel.SCID, direction, g.Channels)
	}
	return p.FeeBase + msat*p.FeePPM/1_000_000
}

// forwards is the case of three in a row: payments both ways, with the fee that the
// one in the middle has announced, and failures of each hop.
func forwards(t *testing.T, ends, middle string) {
	l := newLine(t, ends, middle, ends)
	a, b, c := l.nodes[0], l.nodes[1], l.nodes[2]
	for _, way := range []struct {
		payer, payee Peer
		out          Channel
	}{{a, c, l.channels[1]}, {c, a, l.channels[0]}} {
		name := way.payer.Name() + " pays " + way.payee.Name()
		t.Run(name, func(t *testing.T) {
			n := &line{network: l.in(t)}
			for _, msat := range []uint64{1_000, 123_456_000, 1_234_567} {
				r := n.transfer(way.payer, way.payee, msat)
				if want := n.fee(b, way.payee, way.out, msat); r.Fee != want {
					t.Errorf("the fee of %d msat is %d msat, %s has announced %d", msat, r.Fee, b.Name(), want)
				}
			}
		})
		t.Run(name+", who does not know the payment", func(t *testing.T) {
			n := l.in(t)
			i := n.invoice(way.payee, Ask{Msat: 77_000})
			n.must(way.payee.Forget(n.context(), i))
			_, err := way.payer.Pay(n.context(), Pay{Bolt11: i.Bolt11})
			n.refused(err, incorrectDetails)
			n.from(err, 2)
		})
		t.Run(name+", and gives the one in the middle too little", func(t *testing.T) {
			n := l.in(t)
			for _, less := range []struct {
				a    Anyway
				code uint16
			}{{Anyway{Msat: 1_000_000, LessFee: 1}, feeInsufficient}, {Anyway{Msat: 1_000_000, FewerBlocks: 1}, incorrectExpiry}} {
				i := n.invoice(way.payee, Ask{Msat: less.a.Msat})
				_, err := way.payer.PayAnyway(n.context(), way.payee, i, less.a)
				n.refused(err, less.code)
				n.from(err, 1)
				_, err = way.payer.PayAnyway(n.context(), way.payee, n.invoice(way.payee, Ask{Msat: less.a.Msat}), Anyway{Msat: less.a.Msat})
				n.must(err) // with what it has announced it does
			}
		})
		t.Run(name+", and the channel in the middle has too little", func(t *testing.T) {
			n := l.in(t)
			// The payer has enough; the one in the middle has it on the wrong side.
			n.transfer(way.payee, b, 1_000) // also shows that the way back is open
			n.drain(b, way.payee, way.out)
			i := n.invoice(way.payee, Ask{Msat: 300_000_000})
			_, err := way.payer.PayAnyway(n.context(), way.payee, i, Anyway{Msat: 300_000_000})
			n.refused(err, temporaryChannelFailure)
			n.from(err, 1)
			n.transfer(way.payee, b, 400_000_000) // as it was
		})
		t.Run(name+", who is away", func(t *testing.T) {
			n := l.in(t)
			i := n.invoice(way.payee, Ask{Msat: 55_000})
			n.quiet(way.out, b, way.payee) // else lnd may owe a signature, and not give it before there is more to sign
			n.must(way.payee.Kill())
			n.parted(b, way.payee) // else the HTLC may wait for it to come back
			_, err := way.payer.PayAnyway(n.context(), way.payee, i, Anyway{Msat: 55_000})
			n.refused(err, 0)
			n.from(err, 1)
			n.must(way.payee.Start(n.context()))
			n.ready(way.out, b, way.payee)
		})
	}
	l.quiet(l.channels[0], a, b)
	l.quiet(l.channels[1], b, c)
}

// drain leaves the first side of a channel 100,000 sat.
func (n *network) drain(from, to Peer, c Channel) {
	n.Helper()
	n.quiet(c, from, to)
	n.transfer(from, to, n.look(from, c).ToUs-100_000_000)
	n.quiet(c, from, to)
}

// from checks how far away a failure was made.
func (n *network) from(err error, hops int) {
	n.Helper()
	var r *Refused
	if !errors.As(err, &r) || r.From != hops {
		n.Errorf("the failure should come from hop %d: %v", hops, err)
	}
}

func TestLeydenForwardsBetweenOthers(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			forwards(t, kind, "leyden")
		})
	}
}

func TestOthersForwardBetweenLeydens(t *testing.T) {
	notQuick(t)
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			forwards(t, "leyden", kind)
		})
	}
}

// Each learns what the other knows: the channels of the other's far neighbour, and
// who comes late gets all of it by asking.
func TestGossipGoesBothWays(t *testing.T) {
	notQuick(t)
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, "leyden", "leyden", kind, kind)
			late := l.leyden("late-leyden")
			l.connect(late, l.nodes[3])
			later := l.other(kind, "late-"+kind)
			l.connect(later, l.nodes[0])
			l.known(len(l.channels), append(l.nodes, late, later)...)
		})
	}
}
