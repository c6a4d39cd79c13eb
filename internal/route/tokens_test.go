//go:build !race

package route

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/pay"
)

const tea amount.Property = 31

// teaQuery asks for a way for units of tea to node 2, which node 1 has channels to.
func teaQuery(units amount.Units, hints ...bolt11.HopHint) Query {
	f := &pay.Find{
		Destination: nodeID(2), Property: tea, Units: units, MaxFeeUnits: units / 10, MaxFee: 50_000, MaxDelay: 2016, FinalDelta: 21, MaxParts: 16,
	}
	for _, h := range hints {
		h.NodeID = nodeID(1)
		f.Hints = append(f.Hints, []bolt11.HopHint{h})
	}
	return Query{Us: us, Height: 1000, Now: 1, Find: f}
}

func ownTea(scid wire.ShortChannelID, to uint64, units amount.Units) OwnTokens {
	return OwnTokens{SCID: scid, Peer: nodeID(to), Property: tea, Spendable: units, Carrier: 2_000_000}
}

func TestTokensGoOverOurOwnChannelToItsPeer(t *testing.T) {
	routes, err := FindTokens(teaQuery(amount.MaxUnits), []OwnTokens{ownTea(1, 2, amount.MaxUnits)}, nil)
	if err != nil || len(routes) != 1 || len(routes[0]) != 1 {
		t.Fatal(routes, err)
	}
	if h := routes[0][0]; h.Units != amount.MaxUnits || h.Amount != 2_000_000 || h.SCID != 1 || h.CLTVExpiry != 1021 {
		t.Errorf("%+v", h)
	}
}

func TestAHopTakesTheBaseInBitcoinAndTheRestInTokens(t *testing.T) {
	q := teaQuery(1_000_000, bolt11.HopHint{SCID: 7, FeeBaseMsat: 1000, FeeProportionalMillionths: 100, CLTVExpiryDelta: 80})
	routes, err := FindTokens(q, []OwnTokens{ownTea(1, 1, 2_000_000), {SCID: 2, Peer: nodeID(1), Property: 32, Spendable: 5_000_000, Carrier: 1}}, nil)
	if err != nil || len(routes) != 1 || len(routes[0]) != 2 {
		t.Fatal(routes, err)
	}
	first, last := routes[0][0], routes[0][1]
	if first.Units != 1_000_100 || last.Units != 1_000_000 || first.Amount != 2_001_000 || last.Amount != 2_000_000 || first.SCID != 1 || first.CLTVExpiry != 1101 {
		t.Errorf("%+v", routes)
	}
	q.Find.Raise = 2
	routes, err = FindTokens(q, []OwnTokens{ownTea(1, 1, 2_000_000)}, nil)
	if err != nil || routes[0][1].Amount != 8_000_000 || routes[0][0].Amount != 8_001_000 {
		t.Errorf("%+v, %v", routes, err)
	}
	if q.Find.Hints[0][0].FeeBaseMsat != 1000 {
		t.Error("the invoice's hints are changed")
	}
}

func TestTokensAreSplitOverTheChannelsOfAPeer(t *testing.T) {
	hints := []bolt11.HopHint{{SCID: 7}, {SCID: 8}}
	routes, err := FindTokens(teaQuery(1000, hints...), []OwnTokens{ownTea(1, 1, 600), ownTea(2, 1, 500)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var sum amount.Units
	for _, r := range routes {
		sum += r.DeliveredUnits()
	}
	if sum != 1000 || len(routes) < 2 {
		t.Errorf("%+v", routes)
	}
}

func TestWhyNoTokensGo(t *testing.T) {
	q := teaQuery(1000)
	for words, own := range map[string][]OwnTokens{
		"no channel of this node can carry tokens of property 31": {{SCID: 1, Peer: nodeID(2), Property: 32, Spendable: 1000}},
		"not enough balance: 999 units of property 31":            {ownTea(1, 2, 999)},
		"units of property 31 is known":                           {ownTea(1, 3, 1000)},
	} {
		if _, err := FindTokens(q, own, nil); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, not %q", err, words)
		}
	}
	dear := teaQuery(1000, bolt11.HopHint{SCID: 7, FeeProportionalMillionths: 500_000})
	if _, err := FindTokens(dear, []OwnTokens{ownTea(1, 1, 5000)}, nil); code(t, err) != pay.CodeRouteTooCostly || !strings.Contains(err.Error(), "500 units") {
		t.Error(err)
	}
}

// Whatever the channels: the parts together deliver what was asked for, no channel of
// ours carries more than it can, each hop keeps its fee, and the bitcoin that goes along
// only falls by the base fees.
func TestRoutesKeepTheTokensTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var own []OwnTokens
		var hints []bolt11.HopHint
		terms := map[wire.ShortChannelID]bolt11.HopHint{}
		units := rapid.OneOf(rapid.Uint64Range(1, 2000), rapid.Uint64Range(1, uint64(amount.MaxUnits)))
		for i := range rapid.IntRange(1, 4).Draw(t, "own") {
			own = append(own, ownTea(wire.ShortChannelID(1+i), 1, amount.Units(units.Draw(t, "spendable"))))
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "hints") {
			h := bolt11.HopHint{
				SCID: wire.ShortChannelID(100 + i), FeeBaseMsat: uint32(rapid.Uint32Range(0, 3000).Draw(t, "base")),
				FeeProportionalMillionths: rapid.SampledFrom([]uint32{0, 1, 10, 100_000, 1_000_000, 1<<32 - 1}).Draw(t, "ppm"), CLTVExpiryDelta: 10,
			}
			hints, terms[h.SCID] = append(hints, h), h
		}
		q := teaQuery(amount.Units(units.Draw(t, "units")), hints...)
		routes, err := FindTokens(q, own, nil)
		if err != nil {
			return
		}
		var sum, sent amount.Units
		used := map[wire.ShortChannelID]amount.Units{}
		for _, r := range routes {
			sum += r.DeliveredUnits()
			sent += r.SentUnits()
			used[r[0].SCID] += r.SentUnits()
			for i := 1; i < len(r); i++ {
				h, before := terms[r[i].SCID], r[i-1]
				fee := fee(0, h.FeeProportionalMillionths, msat(r[i].Units))
				if msat(before.Units-r[i].Units) != fee || before.Amount-r[i].Amount != amount.MilliSatoshi(h.FeeBaseMsat) || r[i].Amount < 2_000_000 {
					t.Fatalf("%+v over %+v", r, h)
				}
			}
		}
		if sum != q.Find.Units || sent-sum > q.Find.MaxFeeUnits {
			t.Fatalf("%d sent, %d delivered of %d", sent, sum, q.Find.Units)
		}
		for _, o := range own {
			if used[o.SCID] > o.Spendable {
				t.Fatalf("%d over a channel of %d", used[o.SCID], o.Spendable)
			}
		}
	})
}

// publicTea is an announced channel between two nodes, with one policy for both directions.
func publicTea(scid wire.ShortChannelID, a, b uint64, units amount.Units, change ...func(p *assetgraph.Policy)) assetgraph.Channel {
	p := assetgraph.Policy{Timestamp: 1, CLTVExpiryDelta: 40, HTLCMinimum: 1, HTLCMaximum: units, FeeBaseMsat: 1000, FeeProportionalMillionths: 10_000, Carrier: 1}
	for _, f := range change {
		f(&p)
	}
	c := assetgraph.Channel{SCID: scid, Property: tea, Capacity: units, Nodes: [2]wire.NodeID{nodeID(a), nodeID(b)}, Policies: [2]assetgraph.Policy{p, p}}
	if direction(nodeID(a), nodeID(b)) == 1 {
		c.Nodes[0], c.Nodes[1] = c.Nodes[1], c.Nodes[0]
	}
	return c
}

func TestTokensGoOverAnnouncedChannelsToWhoeverNamesNone(t *testing.T) {
	dear := func(p *assetgraph.Policy) { p.Carrier, p.CLTVExpiryDelta = 3_000_000, 80 }
	own, way := []OwnTokens{ownTea(1, 1, 5_000_000)}, []assetgraph.Channel{publicTea(7, 1, 3, 2_000_000), publicTea(8, 3, 2, 2_000_000, dear)}
	routes, err := FindTokens(teaQuery(1_000_000), own, way)
	if err != nil || len(routes) != 1 || len(routes[0]) != 3 {
		t.Fatal(routes, err)
	}
	for i, want := range []pay.Hop{
		{NodeID: nodeID(1), SCID: 1, Units: 1_020_100, Amount: 3_002_000, CLTVExpiry: 1141},
		{NodeID: nodeID(3), SCID: 7, Units: 1_010_000, Amount: 3_001_000, CLTVExpiry: 1101},
		{NodeID: nodeID(2), SCID: 8, Units: 1_000_000, Amount: 3_000_000, CLTVExpiry: 1021},
	} {
		if routes[0][i] != want {
			t.Errorf("hop %d is %+v, not %+v", i, routes[0][i], want)
		}
	}
	for name, change := range map[string]func(c *assetgraph.Channel, p *assetgraph.Policy){
		"disabled":                         func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.Flags = wire.AssetDisabled },
		"nothing is said of it":            func(_ *assetgraph.Channel, p *assetgraph.Policy) { *p = assetgraph.Policy{} },
		"too much is the least":            func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.HTLCMinimum = 1_000_001 },
		"too little is the most":           func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.HTLCMaximum, p.HTLCMinimum = 10_000, 10_000 },
		"too many blocks":                  func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.CLTVExpiryDelta = 2000 },
		"a carrier beyond reason":          func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.Carrier = 8*2_000_000 + 1 },
		"another property":                 func(c *assetgraph.Channel, _ *assetgraph.Policy) { c.Property++ },
		"a fee in tokens above the limit":  func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.FeeProportionalMillionths = 200_000 },
		"a fee in bitcoin above the limit": func(_ *assetgraph.Channel, p *assetgraph.Policy) { p.FeeBaseMsat = 49_001 },
	} {
		c := way[1]
		change(&c, &c.Policies[0])
		c.Policies[1] = c.Policies[0]
		if routes, err := FindTokens(teaQuery(1_000_000), own, []assetgraph.Channel{way[0], c}); err == nil {
			t.Errorf("%s: %+v", name, routes)
		}
	}
	costly := publicTea(8, 3, 2, 2_000_000, func(p *assetgraph.Policy) { p.FeeBaseMsat = 49_001 })
	if _, err := FindTokens(teaQuery(1_000_000), own, []assetgraph.Channel{way[0], costly}); code(t, err) != pay.CodeRouteTooCostly || !strings.Contains(err.Error(), "50001msat in bitcoin") {
		t.Error(err)
	}
	// A way that costs more tokens and less bitcoin is there.
	other := publicTea(9, 3, 2, 2_000_000, func(p *assetgraph.Policy) { p.FeeProportionalMillionths = 20_000 })
	if routes, err = FindTokens(teaQuery(1_000_000), own, []assetgraph.Channel{way[0], costly, other}); err != nil || routes[0][2].SCID != 9 {
		t.Error(routes, err)
	}
	// The parts of a payment pay for all of them.
	narrow := []OwnTokens{ownTea(1, 1, 600_000), ownTea(2, 1, 600_000)}
	half := publicTea(9, 1, 2, 2_000_000, func(p *assetgraph.Policy) { p.FeeBaseMsat = 30_000 })
	if routes, err := FindTokens(teaQuery(1_000_000), narrow, []assetgraph.Channel{half}); err == nil {
		t.Errorf("two base fees of 30000 within 50000: %+v", routes)
	}
}

func TestWhatThePayeeNamesComesBeforeWhatIsAnnounced(t *testing.T) {
	q := teaQuery(1_000_000, bolt11.HopHint{SCID: 7, FeeBaseMsat: 5, CLTVExpiryDelta: 9})
	routes, err := FindTokens(q, []OwnTokens{ownTea(1, 1, 5_000_000)}, []assetgraph.Channel{publicTea(7, 1, 2, 2_000_000)})
	if err != nil || routes[0][0].Units != 1_000_000 || routes[0][0].Amount != 2_000_005 || routes[0][0].CLTVExpiry != 1030 {
		t.Error(routes, err)
	}
}
