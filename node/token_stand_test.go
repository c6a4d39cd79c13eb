package node_test

import (
	"context"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/race"
)

// stands says of each end of each channel whether nothing goes over it.
func (w *world) stands() (list []bool) {
	for _, n := range w.nodes() {
		for _, l := range n.Links().All() {
			list = append(list, l.Held() != "" && len(n.Troubles(l.ID())) == 1)
		}
	}
	return list
}

func each(list []bool, want bool) bool {
	for _, v := range list {
		if v != want {
			return false
		}
	}
	return len(list) == 4
}

func TestAChannelWhoseTokensAReorganizationTookStopsUntilTheyAreBack(t *testing.T) {
	race.Like(t, TestOpeningAChannelWithTokensSurvivesADeathAtEachWrite)
	t.Parallel()
	w := newTeaWorld(t)
	if !each(w.stands(), false) {
		t.Fatal("channels are held")
	}
	row := w.bill(w.bob, 5, nil)
	if err := w.chain.Reorg(6); err != nil {
		t.Fatal(err)
	}
	w.caughtUp(w.alice, w.carol, w.bob)
	ledgers(t, w.chain, w.nodes()...)
	until(t, "every channel is held", func() bool { return each(w.stands(), true) })
	if hints := w.bob.IncomingTokens(tea, nil).Hints; len(hints) != 0 {
		t.Errorf("bob names his channel still: %+v", hints)
	}
	r := request(t, row.Bolt11)
	_, err := w.alice.Sender().Pay(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "a reorganization has taken its funding transaction") {
		t.Fatalf("the payer hears %v", err)
	}
	w.alice.stop() // a start does not forget it
	w.alice.start()
	w.alice.reads()
	if l := onlyLink(t, w.alice.Node, w.carol.ID()); l.Held() == "" {
		t.Error("after a start it is used")
	}
	blocks(t, w.chain, 1, w.nodes()...)
	until(t, "it waits for blocks", func() bool {
		for _, n := range w.nodes() {
			for _, l := range n.Links().All() {
				if !strings.Contains(l.Held(), "not deep enough") {
					return false
				}
			}
		}
		return true
	})
	blocks(t, w.chain, 5, w.nodes()...)
	until(t, "every channel goes on", func() bool { return each(w.stands(), false) })
	w.reconnect()
	w.pay(row.Bolt11, w.bob)
	w.settled()
	w.judgeTea(row.Label, 5, 205)
	w.want(w.drained(), allTea-2000-250-5, 2000+250-200, 205)
}

// Who cannot rely on a channel takes no HTLC from it, whatever the other side thinks.
func TestNothingIsTakenFromAChannelThatIsHeld(t *testing.T) {
	race.Like(t, TestAtAStaleHeightNothingIsTakenForwardedOrSent)
	t.Parallel()
	w := newTeaWorld(t)
	for what, l := range map[string]*link.Link{
		"the payee": onlyLink(t, w.bob.Node, w.carol.ID()), "the one between": onlyLink(t, w.carol.Node, w.alice.ID()),
	} {
		row := w.bill(w.bob, 5, nil)
		l.Hold("for a test")
		r := request(t, row.Bolt11)
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		if _, err := w.alice.Sender().Pay(ctx, r); err == nil {
			t.Errorf("%s takes it", what)
		}
		cancel()
		if got, _, err := w.bob.Store().InvoiceByLabel(t.Context(), row.Label); err != nil || got.Status != invoice.Unpaid {
			t.Errorf("%s: %v %v", what, got.Status, err)
		}
		w.settled()
		l.Hold("")
	}
}
