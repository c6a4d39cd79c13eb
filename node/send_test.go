package node_test

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func TestAWithdrawalLeavesWhatChannelsMayNeedForTheirFees(t *testing.T) {
	race.Leave(t, "the owner does one thing after the other")
	t.Parallel()
	w := newWorld(t, 1)
	fund(t, w.chain, w.carol.Node, 500_000)
	mine(t, w.chain, 1, w.nodes()...)
	to := script.P2WSH([]byte("somebody else's"))
	kept := w.carol.Reserve()
	if kept == 0 {
		t.Fatal("nothing is kept for two channels")
	}
	have := coins(w.carol.Node)
	request := func(o wallet.Output) wallet.Request {
		o.Script = to
		return wallet.Request{Outputs: []wallet.Output{o}, FeePerKw: 1000, MinConf: 1}
	}
	var few *wallet.InsufficientError
	if _, err := w.carol.Send(t.Context(), request(wallet.Output{Value: have - kept})); !errors.As(err, &few) || few.Kept != kept {
		t.Errorf("of %v with %v kept: %v", have, kept, err)
	}
	sent, err := w.carol.Send(t.Context(), request(wallet.Output{Value: wallet.All}))
	if err != nil {
		t.Fatal(err)
	}
	mine(t, w.chain, 1, w.nodes()...)
	if left := coins(w.carol.Node); left != kept {
		t.Errorf("%v are left, want %v; the transaction is %+v", left, kept, sent)
	}
}
