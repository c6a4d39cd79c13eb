package node_test

import (
	"testing"

	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// The coin of a funding transaction is spent otherwise before it confirms, as by a
// reorganization or from another copy of the seed: the channel will never be, and the
// opener, whose wallet knows, forgets it as the other side does.
func TestAChannelWhoseFundingCannotComeAnyMoreIsForgottenByItsOpener(t *testing.T) {
	race.Like(t, TestAChannelThatWasNeverFundedCostsItsFundeeNoCoins)
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 110)
	alice, bob := newMortal(t, c, "alice"), newMortal(t, c, "bob")
	fund(t, c, alice.Node, 500_000)
	mine(t, c, 1, alice.Node, bob.Node)
	address := must(must(alice.Wallet().NewAddress(wallet.P2WPKH)).Commit(t.Context(), alice.Store()))
	rival := must(must(alice.Wallet().Fund(wallet.Request{
		Outputs: []wallet.Output{{Value: wallet.All, Script: address.Script}}, FeePerKw: 20_000, MinConf: 1, For: "a rival",
	})).Commit(t.Context(), alice.Store()))
	must(alice.Wallet().Release("a rival").Commit(t.Context(), alice.Store()))
	id := openChannel(t, alice.Node, bob.Node, 300_000, 0)
	if err := c.Broadcast(t.Context(), rival.Tx); err != nil {
		t.Fatal(err)
	}
	mine(t, c, 1, alice.Node, bob.Node)
	if alive, known := alice.Wallet().Alive(onlyLink(t, alice.Node, bob.ID()).Params().Funding.Hash); alive || !known {
		t.Fatal("the funding transaction can confirm")
	}
	mine(t, c, 120, alice.Node, bob.Node)
	alice.stop()
	alice.start()
	if _, there := alice.Links().Get(id); !there {
		t.Fatal("forgotten too early: a reorganization may bring it back")
	}
	mine(t, c, 28, alice.Node, bob.Node)
	until(t, "alice has forgotten it", func() bool { _, there := alice.Links().Get(id); return !there })
	if _, there := bob.Links().Get(id); !there {
		t.Error("bob cannot know yet")
	}
	if b := alice.Wallet().Balance(); b.Confirmed == 0 || b.Reserved+b.Spent+b.Unconfirmed != 0 {
		t.Errorf("alice has %+v", b)
	}
}
