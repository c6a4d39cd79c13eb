package api_test

import (
	"encoding/hex"
	"strings"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// stopped is why nothing goes over the only channel of a node.
func stopped(t *testing.T, n *node.Node) string {
	t.Helper()
	list := ask[struct {
		Channels []struct {
			Asset  struct{ Stopped string }
			Status []string
		}
	}](t, n, "listpeerchannels").Channels
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	c := list[0]
	if said := strings.Contains(strings.Join(c.Status, " "), "nothing goes over it"); said != (c.Asset.Stopped != "") {
		return "" // between the two
	}
	return c.Asset.Stopped
}

// Alice takes the risk of tokens 5 and 6, Bob of 6 alone.
func TestATokenThatItsIssuerCanFreezeIsCarriedByWhoTakesTheRisk(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.fund(t, w.bob, 100_000)
	i := w.issuer(t)
	holder := scriptOf(t, w, tokenAddress(t, w.alice))
	for id := uint32(3); id <= 6; id++ {
		i.issue(t, id, 500, holder)
	}
	w.read(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	wish := func(id uint32) named {
		return named{"id": w.bob.ID(), "amount": 200_000, "asset": id, "asset_amount": "300"}
	}
	if no := refused(t, w.alice, command.AssetRefused, "fundchannel", wish(4)); !strings.Contains(no.Message, "--assets-freezable 4") {
		t.Error(no.Message)
	}
	if _, err := try(t, w.alice, "fundchannel", wish(5)); err == nil || !strings.Contains(err.Error(), "it is managed") {
		t.Errorf("bob takes a risk that he did not ask for: %v", err)
	}
	opened := ask[struct {
		Tx      string
		Outnum  uint32
		Warning string `json:"warning_freezable"`
	}](t, w.alice, "fundchannel", wish(6))
	if !strings.Contains(opened.Warning, "can freeze") {
		t.Errorf("no warning: %q", opened.Warning)
	}
	for range 6 {
		w.block(t)
	}
	w.stands(t, w.alice, "CHANNELD_NORMAL")
	w.stands(t, w.bob, "CHANNELD_NORMAL")
	bill := func(label string) string {
		until(t, "bob can name the channel", func() bool { return len(w.bob.IncomingTokens(6, nil).Hints) == 1 })
		return ask[billResult](t, w.bob, "invoice", named{"label": label, "description": "ice", "asset": 6, "amount_msat": "10"}).Bolt11
	}
	if got := ask[teaPaid](t, w.alice, "pay", bill("before")); got.Units != 10 {
		t.Errorf("%+v", got)
	}
	during := bill("during")

	// The issuer freezes the channel's address: nothing goes over it until it lets go.
	var tx btcwire.MsgTx
	if err := tx.Deserialize(hex.NewDecoder(strings.NewReader(opened.Tx))); err != nil {
		t.Fatal(err)
	}
	funding := tx.TxOut[opened.Outnum].PkScript
	i.mayFreeze(t, 6)
	i.freeze(t, 6, funding, true)
	for _, n := range []*node.Node{w.alice, w.bob} {
		until(t, "the channel says that it is stopped", func() bool { return strings.Contains(stopped(t, n), "frozen") })
	}
	_, err := try(t, w.alice, "pay", named{"bolt11": during, "retry_for": 5})
	if e := command.AsError(err); err == nil || e.Code != command.PayRouteNotFound || !strings.Contains(e.Message, "frozen") {
		t.Errorf("%v", err)
	}
	if hints := w.bob.IncomingTokens(6, nil).Hints; len(hints) != 0 {
		t.Errorf("bob names it still: %+v", hints)
	}
	i.freeze(t, 6, funding, false)
	for _, n := range []*node.Node{w.alice, w.bob} {
		until(t, "the channel goes on", func() bool { return stopped(t, n) == "" })
	}
	if got := ask[teaPaid](t, w.alice, "pay", during); got.Units != 10 || got.Status != "complete" {
		t.Errorf("%+v", got)
	}
}
