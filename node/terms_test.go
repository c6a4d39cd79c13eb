package node_test

import (
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store"
)

func TestTheTermsOfAChannelStayOverARestart(t *testing.T) {
	w := newWorld(t, 1)
	base, least, most := uint32(7), amount.MilliSatoshi(2000), amount.MilliSatoshi(3_000_000)
	before := w.carol.Terms(onlyLink(t, w.carol.Node, w.bob.ID()))
	if err := w.carol.SetTerms(t.Context(), []*link.Link{onlyLink(t, w.carol.Node, w.bob.ID())},
		store.TermsRow{FeeBase: &base, HTLCMin: &least, HTLCMax: &most}, time.Minute); err != nil {
		t.Fatal(err)
	}
	w.carol.stop()
	w.carol.start()
	got := w.carol.Terms(onlyLink(t, w.carol.Node, w.bob.ID()))
	if got.FeeBaseMsat != 7 || got.HTLCMinimum != 2000 || got.HTLCMaximum != 3_000_000 || got.FeeProportionalMillionths != before.FeeProportionalMillionths {
		t.Errorf("%+v, before %+v", got, before)
	}
	if other := w.carol.Terms(onlyLink(t, w.carol.Node, w.alice.ID())); other.FeeBaseMsat != before.FeeBaseMsat {
		t.Errorf("the other channel: %+v", other)
	}
}
