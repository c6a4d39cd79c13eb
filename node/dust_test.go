package node_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
)

// Bob falls silent with an HTLC that is dust in every commitment. No channel is closed
// for it: Carol fails it back before it would cost her the channel with Alice, and
// takes what Bob says of it when he is back.
func TestDustOfASilentPeerCostsNoChannel(t *testing.T) {
	race.Like(t, TestACheatLosesAll)
	t.Parallel()
	const dust = 200_000
	w := newWorld(t, 1)
	before := [2]amount.MilliSatoshi{everything(w.alice), everything(w.carol)}
	down := onlyLink(t, w.carol.Node, w.bob.ID())
	up := onlyLink(t, w.carol.Node, w.alice.ID())
	row, paid, died := w.stuckAt(dust, w.bob, pending(down))
	if !died {
		t.Fatal("no HTLC was ever pending")
	}
	w.parted(w.carol, w.bob)
	in := up.View().HTLCs
	expiry := in[0].CLTVExpiry
	mine(t, w.chain, int(expiry-7-w.carol.Height()), w.alice.Node, w.carol.Node)
	if n := len(up.View().HTLCs); n != 1 {
		t.Fatalf("it is failed too early: %d HTLCs", n)
	}
	mine(t, w.chain, 1, w.alice.Node, w.carol.Node)
	until(t, "it is failed back", func() bool { return len(up.View().HTLCs) == 0 })
	if err := <-paid; err == nil {
		t.Error("it is paid")
	}
	mine(t, w.chain, 30, w.alice.Node, w.carol.Node)
	for _, l := range []interface{ Status() channel.StatusRow }{up, down} {
		if s := l.Status(); s.Status != channel.Open {
			t.Errorf("a channel was closed for dust: %s", s.Failure)
		}
	}
	w.bob.start()
	w.reconnect()
	w.settled()
	if p, _, _ := w.alice.Store().PaymentByHash(t.Context(), row.PaymentHash); p.Result.Status != pay.Failed {
		t.Errorf("alice's payment is %s", p.Result.Status)
	}
	if after := everything(w.alice); after != before[0] {
		t.Errorf("alice had %v and has %v", before[0], after)
	}
	if after := everything(w.carol); after+dust < before[1] || after > before[1] {
		t.Errorf("carol had %v and has %v", before[1], after)
	}
}
