package herald

import (
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/rate"
)

// teaRate is one of so many msat for a hundred units.
func teaRate(msat amount.MilliSatoshi) rate.Row {
	return rate.Row{InFlight: 900, Rate: rate.Rate{
		Property: tea, Sell: rate.Price{Msat: msat, Units: 100}, Buy: rate.Price{Msat: msat - 1, Units: 100}, Least: 2, Most: 500, Blocks: 144,
	}}
}

// believes is Alice's rate as a side knows it; nil: there is none.
func (s *side) believes() (out *assetgraph.Rate) {
	s.Read(func(g *assetgraph.Graph) {
		for _, r := range g.Rates(uint32(s.w.now.Unix())) {
			if r.Node == s.w.alice.node.id() && r.Property == tea {
				out = &r
			}
		}
	})
	return out
}

// newMarket is a world with a channel that is about to be announced, and somebody who hears what Alice tells.
func newMarket(t *testing.T) (*world, *end) {
	w := newWorld(t)
	ear := w.alice.stranger(carries)
	w.connect()
	w.reestablished(w.alice, w.bob)
	return w, ear
}

func TestARateIsToldOnceItsChannelIsAnnounced(t *testing.T) {
	w, ear := newMarket(t)
	m := new(wire.AssetRate)
	other := teaRate(9)
	other.Property++ // of which there is no channel
	w.alice.rates = []rate.Row{teaRate(1500), other}
	if w.pass(5 * time.Second); ear.count(m) != 0 {
		t.Fatal("it is told before the channel is announced")
	}
	w.block()
	got := w.bob.believes()
	if got == nil || got.Sell.Msat != 1500 || got.Buy.Msat != 1499 || got.Least != 2 || got.Most != 500 || got.Blocks != 144 || got.Carrier != 2_000_000 {
		t.Fatalf("Bob knows %+v", got)
	}
	if ear.count(m) != 1 {
		t.Errorf("a stranger hears %d rates", ear.count(m))
	}
	w.alice.rates[0] = teaRate(1600)
	if w.pass(5 * time.Second); w.bob.believes().Sell.Msat != 1600 || ear.count(m) != 2 {
		t.Errorf("Bob knows %+v, a stranger heard %d", w.bob.believes(), ear.count(m))
	}
	signs := w.alice.signs
	w.disconnect()
	w.alice.start()
	ear = w.alice.stranger(carries)
	if w.pass(10 * time.Second); w.alice.signs != signs || ear.count(m) != 1 {
		t.Errorf("after a restart there are %d signatures more, and a stranger hears %d rates", w.alice.signs-signs, ear.count(m))
	}
	w.now = w.now.Add(6 * time.Hour)
	if w.pass(5 * time.Second); ear.count(m) != 2 || w.alice.believes().Until < uint64(w.now.Unix())+lasts-10 {
		t.Errorf("half of its time later: %d, %+v", ear.count(m), w.alice.believes())
	}
	w.connect()
	w.alice.rates = nil
	if w.pass(5 * time.Second); w.bob.believes() != nil || w.alice.believes() != nil || ear.count(m) != 3 {
		t.Errorf("it is taken away, and Bob knows %+v; a stranger heard %d", w.bob.believes(), ear.count(m))
	}
	w.now = w.now.Add(7 * time.Hour)
	if w.pass(5 * time.Second); ear.count(m) != 3 {
		t.Error("that it is taken away is told again")
	}
}

func TestARateThatIsNotToBeToldIsNot(t *testing.T) {
	for name, change := range map[string]func(s *side){
		"the channel is not announced": func(s *side) { s.mine.params.Announce = false },
		"this node carries no tokens":  func(s *side) { s.carry = false },
		"nothing is exchanged":         func(s *side) { s.rates = nil },
	} {
		w := newWorld(t)
		w.alice.rates = []rate.Row{teaRate(1500)}
		change(w.alice)
		ear := w.alice.stranger(carries)
		w.connect()
		w.reestablished(w.alice, w.bob)
		if w.block(); ear.count(new(wire.AssetRate)) != 0 || w.bob.believes() != nil {
			t.Errorf("%s: it is told", name)
		}
	}
}

// What changes faster than others take is told when they do, and then the latest.
func TestARateThatChangesOftenIsToldInItsLatestForm(t *testing.T) {
	w, ear := newMarket(t)
	w.block()
	for i := range 15 {
		w.alice.rates = []rate.Row{teaRate(1500 + amount.MilliSatoshi(i))}
		w.pass(time.Second)
	}
	if n := ear.count(new(wire.AssetRate)); n > 10 {
		t.Errorf("%d changes in 15 seconds are told", n)
	}
	if w.pass(time.Minute); w.bob.believes() == nil || w.bob.believes().Sell.Msat != 1514 {
		t.Errorf("a minute later Bob knows %+v", w.bob.believes())
	}
}
