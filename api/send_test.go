package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

func TestWithdrawing(t *testing.T) {
	w := newNetwork(t)
	w.fund(t, w.alice, 500_000)
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	coins := func() []struct {
		Txid   string
		Output uint32
		Amount amount.MilliSatoshi `json:"amount_msat"`
		Status string
	} {
		return ask[struct {
			Outputs []struct {
				Txid   string
				Output uint32
				Amount amount.MilliSatoshi `json:"amount_msat"`
				Status string
			}
		}](t, w.alice, "listfunds").Outputs
	}

	t.Run("what cannot be sent is refused", func(t *testing.T) {
		for _, wrong := range []string{"", "bob", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", to[:len(to)-1]} {
			refused(t, w.alice, command.InvalidParams, "withdraw", wrong, 1000)
		}
		for _, wrong := range []any{"", -1, "much", "1msat", 1.5} {
			refused(t, w.alice, command.InvalidParams, "withdraw", to, wrong)
		}
		refused(t, w.alice, command.InvalidParams, "withdraw", named{"destination": to, "satoshi": 1000, "utxos": []string{"x:0"}})
		refused(t, w.alice, command.InvalidParams, "withdraw", named{"destination": to, "satoshi": 1000, "feerate": "1perkw"})
		refused(t, w.alice, command.FundCannotAfford, "withdraw", to, 500_000)
		refused(t, w.bob, command.FundCannotAfford, "withdraw", to, "all")
		refused(t, w.alice, command.FundOutputIsDust, "withdraw", to, 10)
		refused(t, w.alice, command.Failed, "withdraw", named{"destination": to, "satoshi": 1000, "utxos": []string{strings.Repeat("ab", 32) + ":0"}})
	})

	t.Run("an amount arrives and the rest stays", func(t *testing.T) {
		coin := coins()[0]
		sent := ask[struct{ Tx, Txid string }](t, w.alice, "withdraw", named{
			"destination": to, "satoshi": "100000sat", "feerate": "1000perkw", "utxos": []string{coin.Txid + ":0"},
		})
		until(t, "it is in the mempool", func() bool { return w.chain.Waiting() == 1 })
		w.mine(t, 1)
		got := ask[fundsResult](t, w.bob, "listfunds").Outputs
		if len(got) != 1 || got[0].Amount != 100_000_000 || len(sent.Txid) != 64 {
			t.Errorf("bob has %+v", got)
		}
		left := coins()
		if len(left) != 1 || left[0].Txid != sent.Txid || left[0].Amount > 400_000_000 || left[0].Amount < 399_000_000 {
			t.Errorf("alice has %+v", left)
		}
	})

	t.Run("all of it goes", func(t *testing.T) {
		ask[struct{ Txid string }](t, w.alice, "withdraw", to, "all")
		until(t, "it is in the mempool", func() bool { return w.chain.Waiting() == 1 })
		w.mine(t, 1)
		equal(t, "alice's coins", len(coins()), 0)
		equal(t, "bob's coins", len(ask[fundsResult](t, w.bob, "listfunds").Outputs), 2)
	})
}

func TestFeeratesHaveAStyle(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	type rates struct {
		Min       uint32 `json:"min_acceptable"`
		Opening   uint32
		Estimates []struct{ Blockcount, Feerate uint32 }
	}
	kb := ask[struct{ PerKb, PerKw *rates }](t, w.alice, "feerates", "perkb")
	kw := ask[struct{ PerKb, PerKw *rates }](t, w.alice, "feerates", "perkw")
	if kb.PerKb == nil || kw.PerKw == nil || kb.PerKw != nil || kw.PerKb != nil {
		t.Fatalf("%+v %+v", kb, kw)
	}
	equal(t, "the least", kb.PerKb.Min, 4*kw.PerKw.Min)
	equal(t, "estimates", len(kw.PerKw.Estimates), 4)
	refused(t, w.alice, command.InvalidParams, "feerates", "perb")
	refused(t, w.alice, command.InvalidParams, "feerates")
}

func TestAPeerIsDisconnectedOnlyByForceWhenThereIsAChannel(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	refused(t, w.alice, command.Failed, "disconnect", w.bob.ID())
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "disconnect", w.bob.ID())
	until(t, "bob is gone", func() bool { return len(ask[peersResult](t, w.alice, "listpeers").Peers) == 0 })
	w.fund(t, w.alice, 200_000)
	open(t, w.alice, w.bob, 100_000)
	refused(t, w.alice, command.Failed, "disconnect", w.bob.ID())
	before, _ := w.alice.Peers().Get(w.bob.ID())
	ask[struct{}](t, w.alice, "disconnect", w.bob.ID(), true)
	until(t, "they are connected anew", func() bool {
		p, ok := w.alice.Peers().Get(w.bob.ID())
		return ok && p != before
	})
}

func TestAReceiptProvesThePayment(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	type proof struct {
		Bolt11, Payee, Role, Check string
		Preimage                   string               `json:"payment_preimage"`
		Hash                       string               `json:"payment_hash"`
		Amount                     amount.MilliSatoshi  `json:"amount_msat"`
		Fee                        *amount.MilliSatoshi `json:"fee_msat"`
		Time                       uint64
	}
	inv := ask[invoiceResult](t, w.bob, "invoice", 25_000, "tea", "one tea")
	refused(t, w.bob, command.InvoiceStatusUnexpected, "receipt", "tea")
	refused(t, w.alice, command.PayNoSuchPayment, "receipt", inv.Bolt11)
	refused(t, w.alice, command.InvoiceNotFound, "receipt", "tea")
	next := make(chan json.RawMessage, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), longest)
		defer cancel()
		res, _ := api.Call(ctx, w.bob, "waitanyinvoice", json.RawMessage(`[0]`))
		b, _ := json.Marshal(res)
		next <- b
	}()
	paid := ask[payResult](t, w.alice, "pay", inv.Bolt11)
	var first invoiceResult
	if err := json.Unmarshal(<-next, &first); err != nil || first.Label != "tea" {
		t.Errorf("waitanyinvoice gives %+v, %v", first, err)
	}
	w.idle(t)
	refused(t, w.bob, command.InvoiceWaitTimedOut, "waitanyinvoice", 1, 0)
	equal(t, "the first again", ask[invoiceResult](t, w.bob, "waitanyinvoice", 0, 0).Label, "tea")
	theirs := ask[proof](t, w.bob, "receipt", "tea")
	for _, name := range []string{inv.Bolt11, inv.PaymentHash} {
		ours := ask[proof](t, w.alice, "receipt", name)
		if ours.Role != "payer" || ours.Preimage != paid.Preimage || ours.Payee != w.bob.ID().String() || ours.Fee == nil ||
			*ours.Fee != paid.Sent-paid.Amount || ours.Time > uint64(time.Now().Unix()) || ours.Bolt11 != inv.Bolt11 {
			t.Errorf("by %s: %+v", name, ours)
		}
		equal(t, "both say the same", ours.Preimage+ours.Check, theirs.Preimage+theirs.Check)
	}
	type checked struct {
		Valid       bool
		Description string
	}
	equal(t, "a third one finds it", ask[checked](t, w.carol, "checkreceipt", inv.Bolt11, paid.Preimage), checked{true, "one tea"})
	equal(t, "another secret", ask[checked](t, w.carol, "checkreceipt", inv.Bolt11, secret(9)).Valid, false)
	refused(t, w.carol, command.InvalidParams, "checkreceipt", corrupted(inv.Bolt11), paid.Preimage)
}

func TestSignedMessages(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	type signed struct{ Signature, RecID, ZBase string }
	type who struct {
		Pubkey   string
		Verified bool
	}
	s := ask[signed](t, w.alice, "signmessage", "this is Alice")
	if len(s.Signature) != 128 || len(s.RecID) != 2 || len(s.ZBase) != 104 {
		t.Errorf("%+v", s)
	}
	alice := w.alice.ID().String()
	equal(t, "her own", ask[who](t, w.alice, "checkmessage", "this is Alice", s.ZBase), who{alice, true})
	refused(t, w.bob, command.SignerUnknown, "checkmessage", "this is Alice", s.ZBase)
	equal(t, "the node asked for", ask[who](t, w.bob, "checkmessage", "this is Alice", s.ZBase, alice), who{alice, true})
	equal(t, "another one", ask[who](t, w.bob, "checkmessage", "this is Alice", s.ZBase, w.bob.ID()).Verified, false)
	if e := refused(t, w.alice, command.SignerUnknown, "checkmessage", "this is Bob", s.ZBase); e.Data == nil {
		t.Errorf("another message: %+v", e)
	}
	refused(t, w.alice, command.InvalidParams, "signmessage", strings.Repeat("x", 65_536))
	for _, wrong := range []string{"", "v", s.ZBase[:103], s.ZBase + "y", strings.Repeat("y", 104)} {
		refused(t, w.alice, command.InvalidParams, "checkmessage", "this is Alice", wrong)
	}
}
