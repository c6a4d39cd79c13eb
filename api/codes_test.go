package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/race"
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
	race.Like(t, TestWithdrawing)
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
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	refused(t, w.alice, command.FundPeerNotConnected, "fundchannel", w.bob.ID(), 100_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	refused(t, w.alice, command.FundCannotAfford, "fundchannel", w.bob.ID(), 2_000_000)
	refused(t, w.alice, command.FundOutputIsDust, "fundchannel", w.bob.ID(), 500)
	refused(t, w.alice, command.Failed, "fundchannel", w.bob.ID(), 1000)
	refused(t, w.alice, command.InvalidParams, "fundchannel", w.bob.ID(), "much")
}

func TestWhatMustStayInTheWalletHasACodeOfItsOwn(t *testing.T) {
	race.Like(t, TestWithdrawing)
	w := line(t)
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	b := w.carol.Wallet().Balance()
	has := uint64(b.Confirmed + b.Unconfirmed)
	// Carol has two channels, for which 20,000 sat stay.
	for method, params := range map[string][]any{
		"withdraw":  {to, has - 15_000, "253perkw"},
		"txprepare": {[]any{named{to: has - 15_000}}, "253perkw"},
		"fundpsbt":  {has - 15_000, "253perkw", 200},
	} {
		if e := refused(t, w.carol, command.FundReserveNeeded, method, params...); !strings.Contains(e.Message, "kept for the fees") {
			t.Errorf("%s: %s", method, e.Message)
		}
	}
	ask[struct{}](t, w.carol, "connect", at(w.alice))
	refused(t, w.carol, command.FundReserveNeeded, "fundchannel", w.alice.ID(), has-15_000, "253perkw")
	refused(t, w.carol, command.FundCannotAfford, "fundchannel", w.alice.ID(), has+1, "253perkw")
}

func TestAPeerThatHangsUpBeforeItsInitHasItsCode(t *testing.T) {
	w := newNetwork(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	self, _ := btcec.PrivKeyFromBytes([]byte{1})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ephemeral, _ := btcec.PrivKeyFromBytes([]byte{2})
			_, _ = noise.Respond(c, mute{self}, ephemeral)
			c.Close()
		}
	}()
	refused(t, w.alice, command.ConnectDisconnected, "connect", hex.EncodeToString(self.PubKey().SerializeCompressed())+"@"+l.Addr().String())
	// Another one's key it does not have: it hangs up in the middle of the handshake.
	refused(t, w.alice, command.ConnectAllFailed, "connect", w.bob.ID().String()+"@"+l.Addr().String())
}

// mute is the key of a node that never says a word.
type mute struct{ *btcec.PrivateKey }

func (m mute) PublicKey() *btcec.PublicKey { return m.PubKey() }

func (m mute) ECDH(p *btcec.PublicKey) [32]byte {
	var at btcec.JacobianPoint
	p.AsJacobian(&at)
	btcec.ScalarMultNonConst(&m.Key, &at, &at)
	at.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&at.X, &at.Y).SerializeCompressed())
}

// TestAPaymentThatCostsTooMuchSaysWhatItWouldCost has a route of two hops.
func TestAPaymentThatCostsTooMuchSaysWhatItWouldCost(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 1_000_000, "dear", "dear")
	cost := func(params named, method string) (fee amount.MilliSatoshi, percent float64, delay uint32) {
		t.Helper()
		_, err := try(t, w.alice, method, params)
		e := command.AsError(err)
		if err == nil || e.Code != command.PayRouteTooExpensive {
			t.Fatalf("%s: %v", method, err)
		}
		data, _ := e.Data.(map[string]any)
		fee, _ = data["fee"].(amount.MilliSatoshi)
		percent, _ = data["feepercent"].(float64)
		delay, _ = data["delay"].(uint32)
		return fee, percent, delay
	}
	for _, method := range []string{"pay", "xpay"} {
		name := map[string]string{"pay": "bolt11", "xpay": "invstring"}[method]
		fee, percent, delay := cost(named{name: inv.Bolt11, "maxfee": 0}, method)
		if fee == 0 || percent != 100*float64(fee)/1_000_000 || delay == 0 {
			t.Errorf("%s: %d, %f, %d", method, fee, percent, delay)
		}
		if fee, _, delay = cost(named{name: inv.Bolt11, "maxdelay": 20}, method); fee == 0 || delay <= 20 {
			t.Errorf("%s within 20 blocks: %d, %d", method, fee, delay)
		}
	}
}

func TestGetroutesSaysAtWhichEndTheCapacityIsMissing(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	routes := func(from, to *node.Node, amt any) []any {
		return []any{from.ID(), to.ID(), amt, []any{}, "100000sat", 18} // without layers: as others see it
	}
	refused(t, w.alice, command.PayInsufficientFunds, "getroutes", routes(w.alice, w.bob, "5000000sat")...)
	refused(t, w.alice, command.PayInsufficientFunds, "getroutes", routes(w.carol, w.bob, "5000000sat")...)
	refused(t, w.alice, command.PayRouteNotFound, "getroutes", nowhere, w.bob.ID(), 1000, []any{}, 1000, 18)
	refused(t, w.alice, command.PayRouteNotFound, "getroutes", w.alice.ID(), nowhere, 1000, []any{}, 1000, 18)
	// With one more channel Alice has more than fits into Bob's.
	w.fund(t, w.alice, 5_000_000)
	open(t, w.alice, w.carol, 4_000_000)
	w.mine(t, 6)
	until(t, "the new channel is known", func() bool { return len(ask[graphResult](t, w.alice, "listchannels").Channels) == 6 })
	refused(t, w.alice, command.PayDestinationFull, "getroutes", routes(w.alice, w.bob, "3000000sat")...)
}

func TestAnInvoiceRequestIsNotKnown(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 1000, "x", "y").Bolt11
	id := strings.Repeat("ab", 32)
	hop := named{"id": w.bob.ID(), "channel": "1x2x3", "amount_msat": 1000, "delay": 9}
	refused(t, w.alice, command.PayInvoiceRequestWrong, "pay", named{"bolt11": inv, "localinvreqid": id})
	refused(t, w.alice, command.PayInvoiceRequestWrong, "xpay", named{"invstring": inv, "localinvreqid": id})
	refused(t, w.alice, command.PayInvoiceRequestWrong, "sendpay", named{"route": []named{hop}, "payment_hash": hashOf(1), "localinvreqid": id})
	refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": inv, "localinvreqid": "no digits"})
}

func TestAPaidInvoiceIsNotPaidWithAnotherAmount(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	open := ask[invoiceResult](t, w.bob, "invoice", "any", "alms", "thank you")
	first := ask[xpayResult](t, w.alice, "xpay", open.Bolt11, 7000)
	refused(t, w.alice, command.PayAlreadyPaid, "xpay", open.Bolt11, 8000)
	refused(t, w.alice, command.PayRHashAlreadyUsed, "pay", open.Bolt11, 8000)
	equal(t, "the same receipt", ask[xpayResult](t, w.alice, "xpay", open.Bolt11, 7000), first)
}

func TestARouteThatDoesNotBeginWithAPeerOfOursIsRefusedAtOnce(t *testing.T) {
	race.Like(t, TestPaying)
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
	until(t, "carol is away", func() bool {
		_, up := w.alice.Peers().Get(w.carol.ID())
		return !up && !channels(t, w.alice)[0].Connected
	})
	blamed("away", refused(t, w.alice, command.PayTryOtherRoute, "sendpay", route, hashOf(1)))
}

func TestAnInvoiceThatHasExpiredSaysWhen(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
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
}
