package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/lightningnetwork/lnd/lnrpc"
	"github.com/lightningnetwork/lnd/zpay32"
)

// strangers runs a case with a Leyden and another node that have nothing to do with
// each other yet, and with either to begin.
func strangers(t *testing.T, begins string, body func(n *network, first, second Peer)) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds() {
		for _, first := range openers(kind) {
			t.Run(first+" "+begins, func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				ours, theirs := Peer(n.leyden("leyden")), n.other(kind, kind, aliases...)
				if first == "leyden" {
					body(n, ours, theirs)
				} else {
					body(n, theirs, ours)
				}
			})
		}
	}
}

func TestNodesConnect(t *testing.T) {
	strangers(t, "connects", func(n *network, first, second Peer) {
		n.connect(first, second)
		for _, p := range n.peers {
			if lnd, ok := p.(*LND); ok {
				n.features(lnd)
			}
		}
	})
}

// lacking are features of ours that lnd has not.
var lacking = map[uint32]string{
	11: "gossip_queries_ex",
	37: "option_attribution_data",
	43: "option_provide_storage",
}

// features checks that lnd has understood each feature bit of ours by its name, and
// that both halves of a ping work.
func (n *network) features(lnd *LND) {
	n.Helper()
	out, err := lnd.RPC().ListPeers(n.context(), &lnrpc.ListPeersRequest{})
	n.must(err)
	if len(out.Peers) != 1 {
		n.Fatalf("lnd has %d peers", len(out.Peers))
	}
	for bit, f := range out.Peers[0].Features {
		n.Logf("bit %d: %s", bit, f.Name)
		if !f.IsKnown && lacking[bit|1] == "" {
			n.Errorf("lnd does not know the feature bit %d", bit)
		}
	}
}

// Whoever has gone and come back: the two find each other again by themselves, and
// their channel goes on.
func TestALostConnectionComesBack(t *testing.T) {
	notQuick(t)
	bothWays(t, func(p *pair, goes, stays Peer) {
		for _, end := range []func() error{goes.Stop, goes.Kill} {
			p.must(end())
			p.parted(stays, goes)
			p.must(goes.Start(p.context()))
			p.ready(p.channel, goes, stays)
			p.transfer(goes, stays, 5_000_000)
			p.transfer(stays, goes, 5_000_000)
		}
	})
}

func TestAChannelIsOpenedWithAPush(t *testing.T) {
	strangers(t, "opens", func(n *network, first, second Peer) {
		c := n.open(first, second, Open{Sat: 500_000, Push: 123_456})
		n.quiet(c, first, second)
		if got := n.look(second, c).ToUs; got != 123_456_000 {
			n.Errorf("%s has %d msat", second.Name(), got)
		}
	})
}

// A channel of more than 2^24 satoshi needs large channels.
func TestALargeChannelIsOpened(t *testing.T) {
	notQuick(t)
	strangers(t, "opens", func(n *network, first, second Peer) {
		c := n.open(first, second, Open{Sat: 50_000_000, Push: 10_000_000})
		n.quiet(c, first, second)
		n.transfer(first, second, 4_500_000_000)
		n.quiet(c, first, second)
	})
}

// An unannounced channel carries payments of its ends, and is in no graph.
func TestAnUnannouncedChannelIsOpened(t *testing.T) {
	strangers(t, "opens", func(n *network, first, second Peer) {
		c := n.open(first, second, Open{Sat: 500_000, Push: 200_000, Private: true})
		n.mine(6)
		n.transfer(first, second, 10_000_000)
		n.transfer(second, first, 10_000_000)
		n.quiet(c, first, second)
		for _, p := range n.peers {
			if !n.look(p, c).Private {
				n.Errorf("%s thinks that the channel is public", p.Name())
			}
			g, err := p.Graph(n.context())
			n.must(err)
			if len(g.Channels) > 0 {
				n.Errorf("%s shows it in its graph: %v", p.Name(), g.Channels)
			}
		}
	})
}

// A payer who cannot know of the unannounced channel pays through it by the
// invoice's route hints.
func TestAnInvoiceNamesTheWayThroughAnUnannouncedChannel(t *testing.T) {
	notQuick(t)
	t.Parallel()
	for _, kind := range kinds() {
		for _, payee := range openers(kind) {
			for _, middle := range openers(kind) {
				payer := "leyden"
				if payee == "leyden" {
					payer = kind
				}
				t.Run(fmt.Sprintf("%s pays %s through %s", payer, payee, middle), func(t *testing.T) {
					t.Parallel()
					n := newNetwork(t)
					start := func(kind, name string) Peer {
						if kind == "leyden" {
							return n.leyden(name)
						}
						return n.other(kind, name, aliases...)
					}
					a, b, c := start(payer, "payer"), start(middle, "middle"), start(payee, "payee")
					n.open(a, b, Open{Sat: 1_000_000, Push: 400_000})
					hidden := n.open(b, c, Open{Sat: 1_000_000, Push: 400_000, Private: true})
					n.mine(6)
					n.pay(a, c, n.hinted(c, 20_000_000), Pay{})
					n.quiet(hidden, b, c)
				})
			}
		}
	}
}

// hinted is an invoice that names the way through an unannounced channel. The payee
// needs the terms of the other side for it, which come some time after the channel
// can be used.
func (n *network) hinted(payee Peer, msat uint64) (i Invoice) {
	n.Helper()
	n.eventually(payee.Name()+" to name the way in an invoice", func(ctx context.Context) error {
		var err error
		if i, err = payee.Invoice(ctx, Ask{Msat: msat, Private: true}); err != nil {
			return err
		}
		read, err := zpay32.Decode(i.Bolt11, &chaincfg.RegressionNetParams)
		if err == nil && len(read.RouteHints) == 0 {
			err = errors.New("it does not")
		}
		return err
	})
	return i
}

// Of two channels neither can carry the amount alone.
func TestAPaymentInPartsArrives(t *testing.T) {
	notQuick(t)
	strangers(t, "pays", func(n *network, first, second Peer) {
		x := n.open(first, second, Open{Sat: 300_000})
		y := n.open(first, second, Open{Sat: 300_000})
		r := n.transfer(first, second, 450_000_000)
		if r.Parts < 2 {
			n.Errorf("it came in %d parts", r.Parts)
		}
		n.quiet(x, first, second)
		n.quiet(y, first, second)
		back := n.transfer(second, first, 400_000_000)
		if back.Parts < 2 {
			n.Errorf("it came back in %d parts", back.Parts)
		}
		n.quiet(x, first, second)
		n.quiet(y, first, second)
	})
}
