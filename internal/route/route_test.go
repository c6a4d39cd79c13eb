//go:build !race

package route

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
)

// goes asks, and wants one part over these channels after our own.
func (w *world) goes(t *testing.T, want ...wire.ShortChannelID) pay.Route {
	t.Helper()
	routes, err := w.find(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(routes) != 1 || !slices.Equal(channels(routes[0]), want) {
		t.Fatalf("it goes %+v, not over %v", routes, want)
	}
	return routes[0]
}

// fails asks, and wants an error with words in it.
func (w *world) fails(t *testing.T, want pay.Code, words string) {
	t.Helper()
	routes, err := w.find(t)
	if err == nil {
		t.Fatalf("it goes %+v", routes)
	}
	if code(t, err) != want || !strings.Contains(err.Error(), words) {
		t.Errorf("%d: %v", code(t, err), err)
	}
}

// The figures are those of BOLT 7, "Routing Example".
func TestTheRoutingExampleOfBOLT7(t *testing.T) {
	const b, c, d = 1, 2, 3
	fees := func(base, ppm uint32, delta uint16) func(*lane) {
		return func(l *lane) { l.base, l.ppm, l.delta = base, ppm, delta }
	}
	w := worldOf(c,
		line(b, c, 1, 0, fees(200, 2000, 20)), line(d, c, 2, 0, fees(400, 4000, 40)),
		line(c, b, 1, 0, fees(300, 3000, 30)), line(c, d, 2, 0, fees(300, 3000, 30)),
	)
	f := w.query.Find
	f.Amount, f.FinalDelta = 4_999_999, 18+42
	r := w.goes(t, 1)
	if r.Sent() != 5_010_198 || r[0].CLTVExpiry != 1000+20+18+42 || r.Delivered() != 4_999_999 || r[1].CLTVExpiry != 1000+18+42 {
		t.Errorf("A->B->C: %+v", r)
	}
	w.query.Own = []Own{{SCID: 9, Peer: nodeID(d), Spendable: 1 << 40, Maximum: 1 << 40}}
	f.Exclude = []pay.Exclusion{{Node: nodeID(b)}}
	if r := w.goes(t, 2); r.Sent() != 5_020_398 || r[0].CLTVExpiry != 1000+40+18+42 {
		t.Errorf("A->D->C: %+v", r)
	}
	w.query.Own[0].Peer, f.Exclude = nodeID(c), nil
	if r := w.goes(t); r.Sent() != 4_999_999 || r[0].CLTVExpiry != 1000+18+42 || r[0].SCID != 9 {
		t.Errorf("B->C: %+v", r)
	}
}

func TestTheCheaperWayIsTaken(t *testing.T) {
	w := worldOf(3, line(1, 2, 1, 500), line(2, 3, 2, 500), line(1, 3, 3, 5000))
	w.goes(t, 1, 2)
	w.lanes[2].base = 1200
	w.goes(t, 3)
}

func TestWhatAChannelCannotCarryGoesAnotherWay(t *testing.T) {
	for name, spoil := range map[string]func(*lane){
		"disabled":                    func(l *lane) { l.disabled = true },
		"below its minimum":           func(l *lane) { l.min = 1_000_001 },
		"above its maximum":           func(l *lane) { l.max = 999_999 },
		"above its capacity":          func(l *lane) { l.capacity, l.max = 999, 999_000 },
		"maximum above the capacity":  func(l *lane) { l.max++ },
		"takes too long":              func(l *lane) { l.delta = 2000 },
		"costs more than the limit":   func(l *lane) { l.base = 100_001 },
		"costs more than there is":    func(l *lane) { l.base, l.ppm = math.MaxUint32, math.MaxUint32 },
		"locks for longer than exist": func(l *lane) { l.delta = math.MaxUint16 },
	} {
		w := worldOf(2, line(1, 2, 1, 10), line(1, 2, 2, 9000))
		w.goes(t, 1)
		spoil(&w.lanes[0])
		if routes, err := w.find(t); err != nil || routes[0][1].SCID != 2 {
			t.Errorf("%s: %+v, %v", name, routes, err)
		}
	}
}

func TestAWayThatIsSlowerButWithinTheLimitIsFound(t *testing.T) {
	// From 2 to 4 the cheap way is slow: with it, the limit ends the way before 1.
	w := worldOf(4,
		line(1, 2, 1, 10, func(l *lane) { l.delta = 100 }),
		line(2, 4, 2, 10, func(l *lane) { l.delta = 150 }), line(2, 4, 3, 5000, func(l *lane) { l.delta = 20 }),
	)
	w.goes(t, 1, 2)
	w.query.Find.MaxDelay = 200
	w.goes(t, 1, 3)
	w.query.Find.MaxFee = 5010
	w.goes(t, 1, 3)
	w.query.Find.MaxFee = 5009
	w.fails(t, pay.CodeRouteTooCostly, "271 blocks, the limit is 200")
}

func TestOfTwoChoicesOneIsCheapAndOneIsFast(t *testing.T) {
	days := func(delta uint16) func(*lane) { return func(l *lane) { l.delta = delta } }
	w := worldOf(4, line(1, 2, 1, 10, days(100)),
		line(2, 3, 20, 10, days(60)), line(2, 3, 21, 3000, days(10)),
		line(3, 4, 30, 10, days(60)), line(3, 4, 31, 5000, days(10)),
	)
	w.goes(t, 1, 20, 30)
	w.query.Find.MaxDelay = 200
	w.goes(t, 1, 21, 30)
	w.query.Find.MaxDelay = 150
	w.goes(t, 1, 21, 31)
}

func TestADearerWayLiftsTheAmountAboveAMinimum(t *testing.T) {
	w := worldOf(4, line(1, 2, 1, 10, func(l *lane) { l.min = 1_003_000 }), line(2, 4, 2, 10), line(2, 4, 3, 5000))
	w.goes(t, 1, 3)
	w = worldOf(2, line(1, 2, 1, 10), line(1, 2, 2, 5000))
	w.query.Own[0].Minimum = 1_003_000
	w.goes(t, 2)
	w, g, update := payer(t)
	f := w.query.Find
	for i, base := range []uint32{10, 5000} {
		f.Hints = append(f.Hints, []bolt11.HopHint{{NodeID: f.Destination, SCID: wire.ShortChannelID(50 + i), FeeBaseMsat: base}})
	}
	f.Destination = wire.NodeID{0: 9}
	w.query.Updates = []pay.Lesson{update(func(u *wire.ChannelUpdate) { u.HTLCMinimumMsat = 1_003_000 })}
	if routes, err := Find(g, w.query); err != nil || routes[0][3].SCID != 51 {
		t.Errorf("%+v, %v", routes, err)
	}
}

func TestALongerWayThanTwentyHopsIsNone(t *testing.T) {
	for _, hops := range []uint64{20, 21} {
		w := worldOf(hops)
		for i := range hops - 1 {
			w.lanes = append(w.lanes, line(i+1, i+2, wire.ShortChannelID(i+1), 1))
		}
		if routes, err := w.find(t); (err == nil) != (hops == 20) {
			t.Errorf("%d hops: %v, %v", hops, routes, err)
		}
	}
}

func TestOurOwnChannelsHaveTheirLimits(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Own)
		words string
	}{
		"not enough in it":          {func(o *Own) { o.Spendable = 999_999 }, "not enough balance"},
		"not enough with the fee":   {func(o *Own) { o.Spendable = 1_000_009 }, "no way"},
		"below the peer's minimum":  {func(o *Own) { o.Minimum = 1_000_011 }, "no way"},
		"above the maximum":         {func(o *Own) { o.Maximum = 1_000_009 }, "no way"},
		"nobody knows its peer":     {func(o *Own) { o.Peer = nodeID(77) }, "no way"},
		"there is none":             {nil, "no channel of this node"},
		"another leads to the same": {func(o *Own) { o.Maximum = 1_000_010 }, ""},
	} {
		w := worldOf(2, line(1, 2, 1, 10))
		if c.spoil == nil {
			w.query.Own = nil
		} else {
			c.spoil(&w.query.Own[0])
		}
		if c.words == "" {
			w.goes(t, 1)
			continue
		}
		t.Run(name, func(t *testing.T) { w.fails(t, pay.CodeRouteNotFound, c.words) })
	}
}

func TestBalancesOfMoreThanThereIsAreEnough(t *testing.T) {
	w := worldOf(2, line(1, 2, 1, 10))
	w.query.Own[0].Spendable = math.MaxUint64
	w.query.Own = append(w.query.Own, Own{SCID: 2, Peer: nodeID(7), Spendable: 2})
	w.goes(t, 1)
}

func TestNobodyPaysHimself(t *testing.T) {
	w := worldOf(0, line(1, 0, 1, 10))
	w.fails(t, pay.CodeRouteNotFound, "this node")
}

func TestNothingNeedsNoWay(t *testing.T) {
	w := worldOf(2, line(1, 2, 1, 10))
	w.query.Find.Amount = 0
	w.fails(t, pay.CodeRouteNotFound, "nothing")
}

func TestNoWayLeadsThroughUsOrInACircle(t *testing.T) {
	w := worldOf(2, line(0, 2, 1, 0), line(1, 0, 2, 0), line(1, 3, 3, 0), line(3, 1, 4, 0))
	w.fails(t, pay.CodeRouteNotFound, "no way")
}

func TestNoCircleLiftsAnAmountAboveAMinimum(t *testing.T) {
	w := worldOf(3, line(1, 2, 1, 10, func(l *lane) { l.min = 1_000_015 }), line(2, 3, 2, 10), line(2, 4, 3, 10), line(4, 2, 4, 10))
	w.fails(t, pay.CodeRouteNotFound, "no way")
	w.lanes[1].base = 15
	w.goes(t, 1, 2)
}

func TestAnErrorSaysWhichLimitRulesTheWayOut(t *testing.T) {
	w := worldOf(2, line(1, 2, 1, 3000))
	f := w.query.Find
	f.MaxFee = 2999
	w.fails(t, pay.CodeRouteTooCostly, "a fee of 3000msat, the limit is 2999msat")
	f.MaxFee, f.MaxDelay = 3000, 30
	w.fails(t, pay.CodeRouteTooCostly, "31 blocks, the limit is 30")
	f.MaxDelay = 31
	w.goes(t, 1)
	w.lanes[0].base, f.MaxFee, f.Amount = 2_000_000, 0, 1
	w.fails(t, pay.CodeRouteTooCostly, "a fee of 2000000msat") // more than what arrives
	w.lanes = nil
	w.fails(t, pay.CodeRouteNotFound, "no way to "+f.Destination.String())
}

func TestHintsLeadToWhereTheGraphDoesNot(t *testing.T) {
	w := worldOf(9, line(1, 2, 1, 10))
	w.fails(t, pay.CodeRouteNotFound, "no way")
	w.hint(line(2, 7, 100, 50), line(7, 9, 101, 60, func(l *lane) { l.ppm, l.delta = 1000, 77 }))
	r := w.goes(t, 1, 100, 101)
	if r.Sent() != 1_000_000+1060+50+10 || r[0].CLTVExpiry != 1000+21+77+10+10 {
		t.Errorf("%+v", r)
	}
	w.query.Find.Exclude = []pay.Exclusion{{SCID: 101, Direction: direction(nodeID(7), nodeID(9))}}
	w.fails(t, pay.CodeRouteNotFound, "no way")
	w.query.Find.Exclude = []pay.Exclusion{{Node: nodeID(7)}}
	w.fails(t, pay.CodeRouteNotFound, "no way")
	w.query.Find.Exclude = nil
	w.hint(line(1, 9, 102, 1)) // another path of hints, from our peer
	w.goes(t, 102)
}

func TestWhatIsExcludedIsNotUsed(t *testing.T) {
	lanes := []lane{line(1, 3, 1, 10), line(1, 2, 2, 500), line(2, 3, 3, 500)}
	forth := direction(nodeID(1), nodeID(3))
	for name, c := range map[string]struct {
		exclude pay.Exclusion
		want    []wire.ShortChannelID // nil: no way
	}{
		"the channel":                     {pay.Exclusion{SCID: 1, Direction: forth}, []wire.ShortChannelID{2, 3}},
		"the channel's other direction":   {pay.Exclusion{SCID: 1, Direction: 1 - forth}, []wire.ShortChannelID{1}},
		"a node aside":                    {pay.Exclusion{Node: nodeID(2)}, []wire.ShortChannelID{1}},
		"the only peer":                   {pay.Exclusion{Node: nodeID(1)}, nil},
		"our own channel":                 {pay.Exclusion{SCID: 1 << 40, Direction: direction(us, nodeID(1))}, nil},
		"our own channel's way back":      {pay.Exclusion{SCID: 1 << 40, Direction: 1 - direction(us, nodeID(1))}, []wire.ShortChannelID{1}},
		"the destination: it pays anyway": {pay.Exclusion{Node: nodeID(3)}, []wire.ShortChannelID{1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldOf(3, lanes...)
			w.query.Find.Exclude = []pay.Exclusion{c.exclude}
			if c.want == nil {
				w.fails(t, pay.CodeRouteNotFound, "no way")
				return
			}
			w.goes(t, c.want...)
		})
	}
}

func TestWhatFailedInThisPaymentIsAskedForLessOnly(t *testing.T) {
	w := worldOf(3, line(1, 3, 1, 10), line(1, 2, 2, 500), line(2, 3, 3, 500))
	forth := direction(nodeID(1), nodeID(3))
	w.query.Find.Avoid = []pay.Limit{{SCID: 1, Direction: forth, Below: 1_000_001}}
	w.goes(t, 1)
	w.query.Find.Avoid = []pay.Limit{{SCID: 1, Direction: forth, Below: 1_000_001}, {SCID: 1, Direction: forth, Below: 1_000_000}}
	w.goes(t, 2, 3)
	slices.Reverse(w.query.Find.Avoid)
	w.goes(t, 2, 3)
	w.query.Find.Avoid = append(w.query.Find.Avoid, pay.Limit{Node: nodeID(2)})
	w.fails(t, pay.CodeRouteNotFound, "no way")
	w.query.Find.Avoid = []pay.Limit{{SCID: 1, Direction: forth}, {Node: nodeID(2), Below: 5}}
	w.query.Find.Amount = 1
	w.goes(t, 2, 3)
	w.query.Find.Avoid = []pay.Limit{{SCID: 1 << 40, Direction: direction(us, nodeID(1))}}
	w.fails(t, pay.CodeRouteNotFound, "no way")
}

func TestANodeThatNeedsSomethingUnknownIsPassedBy(t *testing.T) {
	w := worldOf(3, line(1, 2, 1, 10), line(2, 3, 2, 10), line(1, 3, 3, 5000))
	g := w.graph(t)
	strange := func(n uint64) {
		a := &wire.NodeAnnouncement{NodeID: generator, Timestamp: 1, Features: wire.NewFeatures(1000)}
		if err := g.Load(graph.NodeRow{Node: nodeID(n), Raw: wire.Encode(a)}); err != nil {
			t.Fatal(err)
		}
	}
	over := func() []wire.ShortChannelID {
		routes, err := Find(g, w.query)
		if err != nil {
			t.Fatal(err)
		}
		return channels(routes[0])
	}
	if got := over(); !slices.Equal(got, []wire.ShortChannelID{1, 2}) {
		t.Fatalf("%v", got)
	}
	strange(3) // the payee may need what he likes: his invoice says what he needs of payers
	if got := over(); !slices.Equal(got, []wire.ShortChannelID{1, 2}) {
		t.Errorf("%v", got)
	}
	strange(2)
	if got := over(); !slices.Equal(got, []wire.ShortChannelID{3}) {
		t.Errorf("%v", got)
	}
}

// generator is a point of the curve.
var generator = func() wire.NodeID {
	_, k := btcec.PrivKeyFromBytes([]byte{1})
	return wire.PointOf(k)
}()

func TestAnAmountThatNoChannelCarriesIsSplit(t *testing.T) {
	small := func(l *lane) { l.capacity, l.max = 30_000, 30_000_000 }
	w := worldOf(4, line(1, 4, 1, 10, small), line(1, 2, 2, 10, small), line(2, 4, 3, 10, small))
	f := w.query.Find
	f.Amount = 50_000_001 // the halves differ
	w.fails(t, pay.CodeRouteNotFound, "no way")
	f.MaxParts = 2
	if routes, err := w.find(t); err != nil || len(routes) != 2 {
		t.Errorf("%+v, %v", routes, err)
	}
	f.Amount = 61_000_000
	f.MaxParts = 16
	w.fails(t, pay.CodeRouteNotFound, "no way")
}

func TestTheMaximumIsOfOneHTLCAndTheCapacityOfAll(t *testing.T) {
	w := worldOf(2, line(1, 2, 1, 10, func(l *lane) { l.capacity, l.max = 50_000, 25_000_000 }))
	f := w.query.Find
	f.Amount, f.MaxParts = 50_000_000, 4
	if routes, err := w.find(t); err != nil || len(routes) != 2 {
		t.Errorf("two parts fill the channel: %+v, %v", routes, err)
	}
	f.Amount++
	w.fails(t, pay.CodeRouteNotFound, "no way")
}

func TestPartsShareOurChannel(t *testing.T) {
	w := worldOf(2, line(1, 2, 1, 10, func(l *lane) { l.max = 25_000_000 }))
	f := w.query.Find
	f.Amount, f.MaxParts = 50_000_000, 4
	w.query.Own[0].Spendable = 50_000_020
	if routes, err := w.find(t); err != nil || len(routes) != 2 {
		t.Errorf("%+v, %v", routes, err)
	}
	w.query.Own[0].Spendable--
	w.fails(t, pay.CodeRouteNotFound, "no way")
}

func TestTheFeeLimitIsOfAllPartsTogether(t *testing.T) {
	w := worldOf(2, line(1, 2, 1, 10, func(l *lane) { l.max = 25_000_000 }))
	f := w.query.Find
	f.Amount, f.MaxParts, f.MaxFee = 50_000_000, 4, 20
	if _, err := w.find(t); err != nil {
		t.Error(err)
	}
	f.MaxFee = 19
	w.fails(t, pay.CodeRouteTooCostly, "a fee of 20msat, the limit is 19msat")
}

func TestTheSameQuestionGetsTheSameAnswer(t *testing.T) {
	w := worldOf(3, line(1, 2, 1, 10), line(1, 2, 2, 10), line(2, 3, 3, 10), line(2, 3, 4, 10))
	w.query.Own = append(w.query.Own, Own{SCID: 1<<40 + 1, Peer: nodeID(1), Spendable: 1 << 40, Maximum: 1 << 40})
	first, err := w.find(t)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := w.find(t); err != nil || !slices.Equal(first[0], again[0]) {
			t.Fatalf("%+v\n%+v, %v", first, again, err)
		}
	}
}

func TestExtremesDoNotOverflow(t *testing.T) {
	most := func(l *lane) {
		l.base, l.ppm, l.delta, l.max, l.capacity = math.MaxUint32, math.MaxUint32, math.MaxUint16, math.MaxUint64, math.MaxUint64
	}
	w := worldOf(3, line(1, 2, 1, 0, most), line(2, 3, 2, 0, most))
	f := w.query.Find
	w.query.Own = append(w.query.Own, Own{SCID: 2, Peer: nodeID(1), Spendable: math.MaxUint64, Maximum: math.MaxUint64}, w.query.Own[0])
	f.MaxFee, f.MaxDelay = math.MaxUint64, math.MaxUint32
	for _, amt := range []msat{1, 1_000_000_000, 2_100_000_000_000_000_000, math.MaxUint64} {
		for _, delta := range []uint32{0, math.MaxUint32 - 131_070, math.MaxUint32} {
			for _, height := range []uint32{0, 1000, math.MaxUint32} {
				f.Amount, f.FinalDelta, w.query.Height, f.MaxParts = amt, delta, height, 3
				_, _ = w.find(t)
			}
		}
	}
}

func TestAFeeAboveAllMoneyIsNotTakenForASmallOne(t *testing.T) {
	const amt = math.MaxUint64 / 4296 // with the first fee the HTLC just fits into 64 bits
	large := func(ppm uint32) func(*lane) {
		return func(l *lane) { l.ppm, l.delta, l.max, l.capacity = ppm, math.MaxUint16, math.MaxInt64, math.MaxUint64 }
	}
	w := worldOf(2, line(1, 2, 1, 0, large(math.MaxUint32)), line(1, 2, 2, 0, large(5_000_000)))
	w.query.Own[0].Spendable, w.query.Own[0].Maximum = math.MaxUint64, math.MaxUint64
	f := w.query.Find
	f.Amount, f.MaxDelay = amt, math.MaxUint32
	for _, f.MaxFee = range []msat{math.MaxUint64, math.MaxUint64 - amt} {
		w.goes(t, 2)
	}
}

// payer is a payment over node 1 to node 3, whose node 2 has keys.
func payer(t *testing.T) (w *world, g *graph.Graph, update func(...func(*wire.ChannelUpdate)) pay.Lesson) {
	key, public := btcec.PrivKeyFromBytes([]byte{7})
	two, three := wire.PointOf(public), wire.NodeID{0: 4}
	w = worldOf(0)
	w.query.Find.Destination = three
	g = graph.New(chainhash.Hash{})
	put := func(scid wire.ShortChannelID, from, to wire.NodeID, base uint32) {
		g.Local(scid, from, to, 10_000_000)
		u := &wire.ChannelUpdate{
			ShortChannelID: scid, Timestamp: 100, ChannelFlags: direction(from, to), CLTVExpiryDelta: 10,
			HTLCMaximumMsat: 10_000_000_000, FeeBaseMsat: base,
		}
		if err := g.Load(graph.UpdateRow{SCID: scid, Raw: wire.Encode(u)}); err != nil {
			t.Fatal(err)
		}
	}
	put(1, nodeID(1), two, 10)
	put(2, two, three, 20)
	return w, g, func(changes ...func(*wire.ChannelUpdate)) pay.Lesson {
		u := &wire.ChannelUpdate{
			ShortChannelID: 2, Timestamp: 101, ChannelFlags: direction(two, three), CLTVExpiryDelta: 50,
			HTLCMaximumMsat: 10_000_000_000, FeeBaseMsat: 3000, FeeProportionalMillionths: 1000,
		}
		for _, change := range changes {
			change(u)
		}
		u.Signature = script.Sign(key, chainhash.DoubleHashH(u.SignedPart()))
		return pay.Lesson{From: two, To: three, SCID: u.ShortChannelID, Update: u}
	}
}

// BOLT 4: "MAY consider the `channel_update` when calculating routes to retry the payment which failed"
func TestARetryUsesTheTermsThatCameWithTheFailure(t *testing.T) {
	type m = *wire.ChannelUpdate
	const before, after = 1_000_000 + 20 + 10, 1_000_000 + 3000 + 1000 + 10
	w, g, update := payer(t)
	spoilt := update()
	spoilt.Update.FeeBaseMsat = 1
	other := update()
	other.From, other.To = other.To, other.From
	private := update(func(u m) { u.ShortChannelID = 77 })
	for name, c := range map[string]struct {
		updates []pay.Lesson
		want    msat // sent; zero: there is no way
		delay   uint32
	}{
		"nothing came":              {nil, before, 41},
		"new terms":                 {[]pay.Lesson{update()}, after, 81},
		"signed by nobody":          {[]pay.Lesson{spoilt}, before, 41},
		"of the other node":         {[]pay.Lesson{other}, before, 41},
		"older than the graph's":    {[]pay.Lesson{update(func(u m) { u.Timestamp = 99 })}, before, 41},
		"of another chain":          {[]pay.Lesson{update(func(u m) { u.ChainHash[0] = 1 })}, before, 41},
		"of a channel not in use":   {[]pay.Lesson{private}, before, 41},
		"disabled":                  {[]pay.Lesson{update(func(u m) { u.ChannelFlags |= 2 })}, 0, 0},
		"a minimum above":           {[]pay.Lesson{update(func(u m) { u.HTLCMinimumMsat = 1_000_001 })}, 0, 0},
		"a maximum below":           {[]pay.Lesson{update(func(u m) { u.HTLCMaximumMsat = 999_999 })}, 0, 0},
		"a maximum above capacity":  {[]pay.Lesson{update(func(u m) { u.HTLCMaximumMsat++ })}, 0, 0},
		"twice: the newer counts":   {[]pay.Lesson{update(func(u m) { u.Timestamp, u.FeeBaseMsat = 102, 20 }), update()}, after - 2980, 81},
		"twice: in the other order": {[]pay.Lesson{update(), update(func(u m) { u.Timestamp, u.FeeBaseMsat = 102, 20 })}, after - 2980, 81},
	} {
		w.query.Updates = c.updates
		routes, err := Find(g, w.query)
		if (err == nil) != (c.want > 0) {
			t.Errorf("%s: %v, %v", name, routes, err)
			continue
		}
		if err == nil && (routes[0].Sent() != c.want || routes[0][0].CLTVExpiry != 1000+c.delay) {
			t.Errorf("%s: %+v", name, routes[0])
		}
	}
	if p, _ := g.Policy(2, update().From); p.FeeBaseMsat != 20 {
		t.Error("the graph took what was for one payment")
	}
}

func TestARetryUsesTheTermsOfAHintedChannel(t *testing.T) {
	w, g, update := payer(t)
	w.query.Find.Destination = wire.NodeID{0: 9}
	hint := line(0, 0, 50, 20)
	w.hint(hint)
	w.query.Find.Hints[0][0].NodeID = update().From
	routes, err := Find(g, w.query)
	if err != nil || routes[0].Sent() != 1_000_000+20+10 {
		t.Fatalf("%v, %v", routes, err)
	}
	private := update(func(u *wire.ChannelUpdate) {
		u.ShortChannelID, u.ChannelFlags = 50, direction(update().From, w.query.Find.Destination)
	})
	private.To = w.query.Find.Destination
	w.query.Updates = []pay.Lesson{private}
	if routes, err = Find(g, w.query); err != nil || routes[0].Sent() != 1_000_000+4000+10 {
		t.Fatalf("%v, %v", routes, err)
	}
	private = update(func(u *wire.ChannelUpdate) {
		u.ShortChannelID, u.ChannelFlags = 50, 2|direction(update().From, w.query.Find.Destination)
	})
	private.To = w.query.Find.Destination
	w.query.Updates = []pay.Lesson{private}
	if routes, err = Find(g, w.query); code(t, err) != pay.CodeRouteNotFound {
		t.Fatalf("it is disabled: %v, %v", routes, err)
	}
}
