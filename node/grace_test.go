package node_test

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/race"
)

// What expired while a node was away is no reason to close, as long as the peer may
// come back.
func TestAfterALongTimeAwayTheNodeWaitsForItsPeer(t *testing.T) {
	race.Leave(t, manyBlocks)
	t.Parallel()
	for _, comes := range []bool{true, false} {
		w := newWorld(t, 1)
		row := w.invoice(100_000_000)
		inv, err := bolt11.Decode(row.Bolt11)
		if err != nil {
			t.Fatal(err)
		}
		carol := w.carol.Node
		l := onlyLink(t, carol, w.bob.ID())
		w.bob.Store().SetFault(pending(l))
		paid := make(chan error, 1)
		go func() {
			_, err := carol.Sender().Pay(t.Context(), pay.Request{Bolt11: row.Bolt11, Invoice: inv})
			paid <- err
		}()
		select {
		case <-w.bob.died:
			w.bob.Close()
		case err := <-paid:
			t.Fatal("no HTLC was ever pending: ", err)
		}
		w.parted(w.carol, w.bob)
		v := l.View()
		w.carol.stop()
		<-paid
		mine(t, w.chain, int(v.HTLCs[0].CLTVExpiry-w.alice.Height())+10, w.alice.Node)
		w.carol.start()
		w.caughtUp(w.carol)
		l = onlyLink(t, w.carol.Node, w.bob.ID())
		if s := l.Status(); s.Status != channel.Open {
			t.Fatalf("carol does not wait: %s", s.Failure)
		}
		if comes {
			w.bob.start()
			w.reconnect()
			w.settled()
			mine(t, w.chain, 10, w.nodes()...)
		} else {
			mine(t, w.chain, 5, w.alice.Node, w.carol.Node)
			if s := l.Status(); s.Status != channel.Open {
				t.Errorf("carol waits five blocks at the most: %s", s.Failure)
			}
			w.carol.stop() // another start does not begin anew
			w.carol.start()
			l = onlyLink(t, w.carol.Node, w.bob.ID())
			mine(t, w.chain, 1, w.alice.Node, w.carol.Node)
		}
		if s := l.Status(); (s.Status == channel.Open) != comes {
			t.Errorf("bob comes back: %v, and the channel is %v: %s", comes, s.Status, s.Failure)
		}
	}
}
