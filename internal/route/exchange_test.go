//go:build !race

package route

import (
	"errors"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
)

// teaOffer is that of a node, which sells at 15 msat a unit and buys at 14.
func teaOffer(node uint64) rate.Offer {
	return rate.Offer{Node: nodeID(node), Carrier: 4_000_000, Rate: rate.Rate{
		Property: tea, Sell: rate.Price{Msat: 15, Units: 1}, Buy: rate.Price{Msat: 14, Units: 1}, Least: 10, Most: 1_000_000, Blocks: 144,
	}}
}

// terms are those of the exchange's channel to the payee.
var terms = relay.Policy{FeeBaseMsat: 1000, FeeProportionalMillionths: 10, CLTVExpiryDelta: 80}

// sale is a way in bitcoin over node 1 to node 2, who exchanges, and a payee, 3, whose
// invoice names his channel with it.
func sale(units amount.Units, limit msat) *world {
	w := worldOf(3, line(1, 2, 5, 2000))
	w.query.Find.Amount, w.query.Find.Property, w.query.Find.Units, w.query.Find.MaxFee = 0, tea, units, limit
	w.query.Find.Offers = []rate.Offer{teaOffer(2)}
	w.query.Find.MaxParts = 16
	w.query.Find.Hints = [][]bolt11.HopHint{{{
		NodeID: nodeID(2), SCID: 9, FeeBaseMsat: terms.FeeBaseMsat, FeeProportionalMillionths: terms.FeeProportionalMillionths, CLTVExpiryDelta: terms.CLTVExpiryDelta,
	}}}
	return w
}

func TestBitcoinGoesToTheExchangeAndTokensFromThere(t *testing.T) {
	w := sale(100_000, amount.Max)
	ask, _ := w.query.Find.Offers[0].AskFor(100_000, 4_000_000, terms.Fee)
	routes, err := FindOver(w.graph(t), w.query, nil, nil)
	if err != nil || len(routes) != 1 || len(routes[0]) != 3 {
		t.Fatal(routes, err)
	}
	want := pay.Route{
		{NodeID: nodeID(1), SCID: 1 << 40, Amount: ask + 2000, CLTVExpiry: 1000 + 21 + 80 + 10},
		{NodeID: nodeID(2), SCID: 5, Amount: ask, CLTVExpiry: 1000 + 21 + 80},
		{NodeID: nodeID(3), SCID: 9, Amount: 4_000_000, Units: 100_000, CLTVExpiry: 1000 + 21},
	}
	for i, h := range routes[0] {
		if h != want[i] {
			t.Errorf("%d: %+v", i, h)
		}
	}
	// To the millisatoshi.
	w.query.Find.MaxFee = ask + 2000
	if _, err := FindOver(w.graph(t), w.query, nil, nil); err != nil {
		t.Error(err)
	}
	for _, limit := range []msat{ask + 1999, ask - 1} {
		w.query.Find.MaxFee = limit
		if _, err := FindOver(w.graph(t), w.query, nil, nil); code(t, err) != pay.CodeRouteTooCostly {
			t.Errorf("%s: %v", limit, err)
		}
	}
	// A hop that asked for more bitcoin with the tokens gets it.
	w.query.Find.MaxFee, w.query.Find.Raise = amount.Max, 1
	routes, err = FindOver(w.graph(t), w.query, nil, nil)
	more, _ := w.query.Find.Offers[0].AskFor(100_000, 8_000_000, terms.Fee)
	if err != nil || routes[0][2].Amount != 8_000_000 || routes[0][1].Amount != more {
		t.Errorf("%+v, %v", routes, err)
	}
	if text := Describe(routes); !strings.Contains(text, "the exchange "+nodeID(2).String()) || !strings.Contains(text, "100000 units") {
		t.Error(text)
	}
}

func TestTokensGoToTheExchangeAndBitcoinFromThere(t *testing.T) {
	w := worldOf(3, line(1, 2, 5, 1000, func(l *lane) { l.ppm, l.delta = 10, 80 }), line(2, 3, 6, 500))
	f := w.query.Find
	f.Amount, f.Property, f.MaxFeeUnits, f.MaxFee, f.Offers = 9_000_001, tea, amount.MaxUnits, 0, []rate.Offer{teaOffer(1)}
	w.query.Own = nil
	own := []OwnTokens{ownTea(1, 1, 1_000_000)}
	need, _ := f.Offers[0].UnitsFor(9_000_501, 2_000_000, terms.Fee)
	routes, err := FindOver(w.graph(t), w.query, own, nil)
	if err != nil || len(routes) != 1 || len(routes[0]) != 3 {
		t.Fatal(routes, err)
	}
	want := pay.Route{
		{NodeID: nodeID(1), SCID: 1, Amount: 2_000_000, Units: need, CLTVExpiry: 1000 + 21 + 10 + 80},
		{NodeID: nodeID(2), SCID: 5, Amount: 9_000_501, CLTVExpiry: 1000 + 21 + 10},
		{NodeID: nodeID(3), SCID: 6, Amount: 9_000_001, CLTVExpiry: 1000 + 21},
	}
	for i, h := range routes[0] {
		if h != want[i] {
			t.Errorf("%d: %+v", i, h)
		}
	}
	f.MaxFeeUnits = need
	if _, err := FindOver(w.graph(t), w.query, own, nil); err != nil {
		t.Error(err)
	}
	f.MaxFeeUnits = need - 1
	if _, err := FindOver(w.graph(t), w.query, own, nil); code(t, err) != pay.CodeRouteTooCostly {
		t.Error(err)
	}
	f.MaxFeeUnits = need
	if _, err := FindOver(w.graph(t), w.query, []OwnTokens{ownTea(1, 1, need-1)}, nil); code(t, err) != pay.CodeRouteNotFound {
		t.Error(err)
	}
}

// The invoice names no channel: those of the exchange are announced, and so is one beyond.
func TestTokensGoOnFromTheExchangeOverAnnouncedChannels(t *testing.T) {
	w := sale(100_000, amount.Max)
	w.query.Find.Hints = nil
	off := func(p *assetgraph.Policy) { p.Flags = wire.AssetDisabled }
	greedy := func(p *assetgraph.Policy) { p.Carrier = 8*4_000_000 + 1 }
	large := func(p *assetgraph.Policy) { p.HTLCMinimum = 101_001 }
	busy := func(p *assetgraph.Policy) { p.Carrier = 5_000_000 }
	public := []assetgraph.Channel{
		publicTea(20, 2, 4, 200_000, off), publicTea(21, 2, 4, 200_000, greedy), publicTea(22, 2, 4, 200_000, large),
		publicTea(23, 2, 4, 101_000, busy), publicTea(24, 4, 3, 200_000), publicTea(25, 1, 3, 200_000),
	}
	public = append(public, publicTea(26, 2, 4, 200_000))
	public[len(public)-1].Property++
	routes, err := FindOver(w.graph(t), w.query, nil, public)
	if err != nil || len(routes) != 1 || len(routes[0]) != 4 {
		t.Fatal(routes, err)
	}
	// Its own fee, which is in bitcoin, and its blocks are those that it has announced.
	ask, _ := w.query.Find.Offers[0].AskFor(101_000, 5_001_000, relay.Policy{FeeBaseMsat: 1000, FeeProportionalMillionths: 10_000}.Fee)
	want := pay.Route{
		{NodeID: nodeID(1), SCID: 1 << 40, Amount: ask + 2000, CLTVExpiry: 1000 + 21 + 40 + 40 + 10},
		{NodeID: nodeID(2), SCID: 5, Amount: ask, CLTVExpiry: 1000 + 21 + 40 + 40},
		{NodeID: nodeID(4), SCID: 23, Amount: 5_001_000, Units: 101_000, CLTVExpiry: 1000 + 21 + 40},
		{NodeID: nodeID(3), SCID: 24, Amount: 5_000_000, Units: 100_000, CLTVExpiry: 1000 + 21},
	}
	for i, h := range routes[0] {
		if h != want[i] {
			t.Errorf("%d: %+v, not %+v", i, h, want[i])
		}
	}
	w.query.Find.Exclude = []pay.Exclusion{{SCID: 23}, {SCID: 23, Direction: 1}}
	if routes, err := FindOver(w.graph(t), w.query, nil, public); err == nil {
		t.Errorf("%+v", routes)
	}
	// What the invoice says of a channel comes before what is announced of it.
	w = sale(100_000, amount.Max)
	routes, err = FindOver(w.graph(t), w.query, nil, []assetgraph.Channel{publicTea(9, 2, 3, 200_000)})
	if ask, _ = w.query.Find.Offers[0].AskFor(100_000, 4_000_000, terms.Fee); err != nil || routes[0][1].Amount != ask {
		t.Errorf("%+v, %v", routes, err)
	}
}

func TestTokensGoToTheExchangeOverAnnouncedChannels(t *testing.T) {
	w := worldOf(3, line(2, 3, 6, 500))
	f := w.query.Find
	f.Amount, f.Property, f.MaxFeeUnits, f.MaxFee, f.Offers = 9_000_001, tea, amount.MaxUnits, 50_000, []rate.Offer{teaOffer(2)}
	w.query.Own = nil
	own := []OwnTokens{ownTea(1, 1, 2_000_000)}
	if _, err := FindOver(w.graph(t), w.query, own, nil); code(t, err) != pay.CodeRouteNotFound {
		t.Error(err)
	}
	routes, err := FindOver(w.graph(t), w.query, own, []assetgraph.Channel{publicTea(7, 1, 2, 2_000_000)})
	if err != nil || len(routes) != 1 || len(routes[0]) != 3 {
		t.Fatal(routes, err)
	}
	need, _ := f.Offers[0].UnitsFor(9_000_001, 2_000_000, relay.Policy{FeeBaseMsat: 500}.Fee)
	if h := routes[0][1]; h.SCID != 7 || h.Units != need || h.Amount != 2_000_000 || routes[0][0].Amount != 2_001_000 || routes[0][0].Units <= need {
		t.Errorf("%+v for %d", routes[0], need)
	}
}

// Each part is exchanged for itself, and each takes of our own channel.
func TestWhatOneHTLCMayNotExchangeGoesInParts(t *testing.T) {
	w := sale(1_600_000, amount.Max)
	each, _ := w.query.Find.Offers[0].AskFor(800_000, 4_000_000, terms.Fee)
	w.query.Own[0].Spendable = 2 * (each + 2000)
	routes, err := FindOver(w.graph(t), w.query, nil, nil)
	if err != nil || len(routes) != 2 || routes[0][2].Units != 800_000 || routes[1][2].Units != 800_000 {
		t.Fatal(routes, err)
	}
	w.query.Own[0].Spendable--
	if routes, err := FindOver(w.graph(t), w.query, nil, nil); err == nil && len(routes) == 2 {
		t.Error("more than our channel has")
	}
	w.query.Own[0].Spendable++
	w.query.Find.MaxFee = 2*(each+2000) - 1
	if _, err := FindOver(w.graph(t), w.query, nil, nil); err == nil {
		t.Error("more than it may cost")
	}
	w.query.Find.MaxFee, w.query.Find.MaxParts = amount.Max, 1
	if _, err := FindOver(w.graph(t), w.query, nil, nil); code(t, err) != pay.CodeRouteNotFound {
		t.Error(err)
	}
}

func TestOfTwoExchangesTheOneThatCostsLessIsTaken(t *testing.T) {
	w := sale(100_000, amount.Max)
	dear := teaOffer(1)
	dear.Sell.Msat = 16
	hint := w.query.Find.Hints[0][0]
	hint.NodeID, hint.SCID = nodeID(1), 8
	w.query.Find.Hints = append(w.query.Find.Hints, []bolt11.HopHint{hint})
	w.query.Find.Offers = append([]rate.Offer{dear}, w.query.Find.Offers...)
	routes, err := FindOver(w.graph(t), w.query, nil, nil)
	if err != nil || routes[0][2].SCID != 9 {
		t.Fatal(routes, err)
	}
	w.query.Find.Exclude = []pay.Exclusion{{SCID: 9}, {SCID: 9, Direction: 1}}
	if routes, err = FindOver(w.graph(t), w.query, nil, nil); err != nil || routes[0][1].SCID != 8 {
		t.Fatal(routes, err)
	}
}

func TestWhyNothingGoesOverAnExchange(t *testing.T) {
	for words, change := range map[string]func(*world){
		"the invoice names none":            func(w *world) { w.query.Find.Hints = nil },
		"exchanges from 10 to 1000000":      func(w *world) { w.query.Find.Units = 9 },
		"takes up to 21 blocks":             func(w *world) { w.query.Find.Offers[0].Blocks = 20 },
		"no channel of this node can carry": func(w *world) { w.query.Own = nil },
		"no way to ":                        func(w *world) { w.lanes[0].disabled = true },
		"does not exchange for itself":      func(w *world) { w.query.Find.Offers[0].Node = us; w.query.Find.Hints[0][0].NodeID = us },
		"the destination is this node":      func(w *world) { w.query.Find.Destination = us },
		"more than there can be":            func(w *world) { w.query.Find.Offers[0].Sell.Msat = amount.Max },
	} {
		w := sale(100_000, amount.Max)
		change(w)
		_, err := FindOver(w.graph(t), w.query, nil, nil)
		var why *pay.Error
		if !errors.As(err, &why) || !strings.Contains(why.Message, words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
