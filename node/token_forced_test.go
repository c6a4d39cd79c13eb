package node_test

import (
	"crypto/sha256"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/race"
)

// holding has one pay the other in tea by an invoice that is held, and waits until it is.
func (w *world) holding(from, to *mortal, units amount.Units) (preimage wire.Preimage, paid <-chan error) {
	w.t.Helper()
	preimage = wire.Preimage{byte(w.number + 1), 9}
	hash := wire.PaymentHash(sha256.Sum256(preimage[:]))
	r := request(w.t, w.bill(to, units, &hash).Bolt11)
	done := make(chan error, 1)
	n := from.Node
	go func() {
		_, err := n.Sender().Pay(w.t.Context(), r)
		done <- err
	}()
	until(w.t, "the payment is held", func() bool {
		row, ok, err := to.Store().InvoiceByHash(w.t.Context(), hash)
		return err == nil && ok && row.Status == invoice.Accepted
	})
	return preimage, done
}

// Carol's channel with Bob is closed by force with HTLCs in both directions: one that Bob
// takes by its preimage, one that Carol takes by hers, and one that runs out.
func TestAForcedCloseWithTokensSurvivesDeathsAtItsWrites(t *testing.T) {
	race.Leave(t, "the deaths are those of TestAForcedCloseSurvivesDeathsAtItsWrites and of TestClosingAChannelWithTokensSurvivesADeathAtEachWrite")
	t.Parallel()
	w := newTeaWorld(t)
	first, paid := w.holding(w.alice, w.bob, 30)
	_, lost := w.holding(w.alice, w.bob, 7)
	back, returned := w.holding(w.bob, w.alice, 20)
	l := onlyLink(t, w.carol.Node, w.bob.ID())
	until(t, "all is signed", func() bool { return len(l.View().HTLCs) == 3 })
	forceClose(t, w.carol, l)
	until(t, "a commitment is in the mempool", func() bool { return w.chain.Waiting() > 0 })
	blocks(t, w.chain, 1, w.nodes()...)
	for at, preimage := range map[*mortal]wire.Preimage{w.bob: first, w.alice: back} {
		if _, err := at.SettleHeld(t.Context(), preimage); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "carol knows alice's preimage", func() bool {
		for _, h := range onlyLink(t, w.carol.Node, w.alice.ID()).View().HTLCs {
			if h.Tokens == 20 {
				return false
			}
		}
		return true
	})
	height := w.carol.Height()
	c := &closed{world: w, link: l}
	w.dying(l.ID(), func() int { return min(10, c.stride(w.carol.Height()-height)) }, w.alice, w.bob)
	for what, done := range map[string]<-chan error{"to Bob": paid, "to Alice": returned} {
		if err := <-done; err != nil {
			t.Errorf("the payment %s: %v", what, err)
		}
	}
	if err := <-lost; err == nil {
		t.Error("what nobody took is paid")
	}
	if s := onlyLink(t, w.carol.Node, w.alice.ID()).Status(); s.Status != channel.Open {
		t.Errorf("carol's channel with alice is %v: %s", s.Status, s.Failure)
	}
	w.want(w.drained(), allTea-2000-250-30+20, 2000+250-200, 200+30-20)
}
