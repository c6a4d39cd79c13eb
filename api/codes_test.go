package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// deaf is a chain that may refuse every transaction.
type deaf struct {
	*regtest.Chain
	refuses atomic.Bool
}

func (d *deaf) Broadcast(ctx context.Context, tx *btcwire.MsgTx) error {
	if d.refuses.Load() {
		return fmt.Errorf("%w: as the test wants", chain.ErrRejected)
	}
	return d.Chain.Broadcast(ctx, tx)
}

func TestATransactionThatTheNetworkDoesNotTakeHasItsCode(t *testing.T) {
	w := newNetwork(t)
	source := &deaf{Chain: w.chain}
	dora, err := node.Open(context.Background(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: w.chain.Params(), Source: source, Alias: "dora", Listen: "127.0.0.1:0",
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dora.Close() })
	for range 3 {
		w.fund(t, dora, 1_000_000)
	}
	until(t, "dora has coins", func() bool { return len(ask[fundsResult](t, dora, "listfunds").Outputs) == 3 })
	ask[struct{}](t, dora, "connect", at(w.bob))
	ask[struct{}](t, dora, "connect", at(w.carol))
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32

	source.refuses.Store(true)
	refused(t, dora, command.FundBroadcastFail, "withdraw", to, 100_000)
	// A channel whose transaction the network does not take yet is kept, and it is offered
	// to it again.
	for method, params := range map[string][]any{
		"fundchannel":      {w.bob.ID(), 100_000},
		"multifundchannel": {[]any{named{"id": w.bob.ID(), "amount": 100_000}, named{"id": w.carol.ID(), "amount": 100_000}}},
	} {
		if _, err := try(t, dora, method, params...); command.AsError(err).Code != command.FundBroadcastFail {
			t.Errorf("%s: %v", method, err)
		}
	}
	equal(t, "channels", len(channels(t, dora)), 3)
	source.refuses.Store(false)
	w.mine(t, 1)
	until(t, "both transactions are in the mempool", func() bool { return w.chain.Waiting() == 2 })
	w.mine(t, 6)
	until(t, "the channels work", func() bool {
		for _, c := range channels(t, dora) {
			if c.State != "CHANNELD_NORMAL" {
				return false
			}
		}
		return true
	})
}

func TestEachRefusalOfAChannelHasItsCode(t *testing.T) {
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	refused(t, w.alice, command.FundPeerNotConnected, "fundchannel", w.bob.ID(), 100_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	refused(t, w.alice, command.FundCannotAfford, "fundchannel", w.bob.ID(), 2_000_000)
	refused(t, w.alice, command.FundOutputIsDust, "fundchannel", w.bob.ID(), 500)
	refused(t, w.alice, command.Failed, "fundchannel", w.bob.ID(), 1000)
	refused(t, w.alice, command.InvalidParams, "fundchannel", w.bob.ID(), "much")
}

func TestARouteThatDoesNotBeginWithAPeerOfOursIsRefusedAtOnce(t *testing.T) {
	w := line(t)
	route := ask[struct{ Route []map[string]any }](t, w.alice, "getroute", w.bob.ID(), 50_000, nil, 50).Route
	right := route[0]["channel"]
	blamed := func(what string, e *command.Error) {
		t.Helper()
		b, err := json.Marshal(e.Data)
		if err != nil {
			t.Fatal(err)
		}
		var data struct {
			Index   *int   `json:"erring_index"`
			Node    string `json:"erring_node"`
			Channel string `json:"erring_channel"`
			Code    int    `json:"failcode"`
			Name    string `json:"failcodename"`
		}
		if err := json.Unmarshal(b, &data); err != nil {
			t.Fatal(err)
		}
		if data.Index == nil || *data.Index != 0 || data.Node != w.alice.ID().String() || data.Channel != route[0]["channel"] || data.Code != 0x400a || data.Name != "WIRE_UNKNOWN_NEXT_PEER" {
			t.Errorf("%s: %s", what, b)
		}
	}
	for what, channel := range map[string]any{"no channel": "1x1x1", "another's channel": route[1]["channel"]} {
		route[0]["channel"] = channel
		blamed(what, refused(t, w.alice, command.PayTryOtherRoute, "sendpay", route, hashOf(1)))
		refused(t, w.alice, command.PayNoSuchPayment, "waitsendpay", hashOf(1))
	}
	route[0]["channel"] = right
	// To a peer who is away.
	w.carol.Close()
	until(t, "carol is away", func() bool { _, up := w.alice.Peers().Get(w.carol.ID()); return !up })
	blamed("away", refused(t, w.alice, command.PayTryOtherRoute, "sendpay", route, hashOf(1)))
}

func TestAnInvoiceThatHasExpiredSaysWhen(t *testing.T) {
	w := newNetwork(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 1000, "old", "", 1)
	decoded, err := bolt11.Decode(inv.Bolt11)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it has expired", func() bool {
		list := string(ask[json.RawMessage](t, w.bob, "listinvoices", "old"))
		return strings.Contains(list, `"status":"expired"`)
	})
	for _, method := range []string{"pay", "xpay"} {
		e := refused(t, w.alice, command.PayInvoiceExpired, method, inv.Bolt11)
		data, _ := e.Data.(map[string]any)
		if data["expiry"] != decoded.ExpiresAt() || data["now"] == nil {
			t.Errorf("%s: %v", method, e.Data)
		}
	}
	refused(t, w.alice, command.InvalidParams, "keysend", named{"destination": w.bob.ID(), "amount_msat": 1000, "maxfee": 1, "exemptfee": 1})
	refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": inv.Bolt11, "partial_msat": 1})
}
