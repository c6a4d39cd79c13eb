//go:build !race

package inbound

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func way(id wire.ShortChannelID, change func(*Way)) Way {
	w := Way{
		Names: []wire.ShortChannelID{0, id}, Size: 1000, Connected: true, DeadEnd: func() bool { return false },
		Hint: bolt11.HopHint{SCID: id},
	}
	change(&w)
	return w
}

func tea(w *Way) { w.Size, w.Property, w.Units = 0, 31, 500 }

func names(hints [][]bolt11.HopHint) (ids []wire.ShortChannelID) {
	for _, h := range hints {
		ids = append(ids, h[0].SCID)
	}
	return ids
}

func TestAnInvoiceInBitcoinNamesNoChannelOfTokens(t *testing.T) {
	ways := []Way{way(1, tea), way(2, func(*Way) {}), way(3, func(w *Way) { w.Size = 2000 })}
	in := Of(ways, Exposure{})
	if got := names(in.Hints); len(got) != 2 || got[0] != 3 || got[1] != 2 || in.Ready != 3000 || in.Largest != 2000 {
		t.Errorf("%+v", in)
	}
	if in := Of(ways, Exposure{Only: []wire.ShortChannelID{1}}); len(in.Hints) != 0 {
		t.Errorf("by its name: %+v", in)
	}
	// Nor does one of them hide the others, as an announced one would.
	ways[0].Announced = true
	if in := Of(ways, Exposure{}); len(in.Hints) != 2 {
		t.Errorf("beside an announced one: %+v", in)
	}
}

func TestAnInvoiceInAnAssetNamesItsChannels(t *testing.T) {
	ways := []Way{
		way(1, tea), way(2, func(*Way) {}),
		way(3, func(w *Way) { tea(w); w.Units = 700 }),
		way(4, func(w *Way) { tea(w); w.Property = 32 }),
		way(5, func(w *Way) { tea(w); w.Hint.SCID = 0 }), // its peer told no terms
		way(6, func(w *Way) { tea(w); w.Connected = false }),
	}
	in := TokensOf(ways, 31, nil)
	if got := names(in.Hints); len(got) != 3 || got[0] != 3 || in.Ready != 1200 || in.Offline != 500 || in.Largest != 700 {
		t.Errorf("%+v", in)
	}
	if got := names(TokensOf(ways, 31, []wire.ShortChannelID{1, 2, 4}).Hints); len(got) != 1 || got[0] != 1 {
		t.Errorf("just these: %v", got)
	}
	if in := TokensOf(ways, 0, nil); len(in.Hints) != 0 || in.Hints == nil {
		t.Errorf("of bitcoin: %+v", in)
	}
	var many []Way
	for id := range wire.ShortChannelID(20) {
		many = append(many, way(1+id, tea))
	}
	if in := TokensOf(many, 31, nil); len(in.Hints) != maxTokenHints || in.Ready != 500*maxTokenHints {
		t.Errorf("of many: %d hints, %d units", len(in.Hints), in.Ready)
	}
}
