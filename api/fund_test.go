package api_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type fundResult struct {
	Tx, Txid string
	Outnum   uint32
	Channel  string `json:"channel_id"`
	CloseTo  string `json:"close_to"`
	Type     struct {
		Bits []int
	} `json:"channel_type"`
}

// coinOf is the name of the wallet's coin of a value.
func coinOf(t *testing.T, w *network, sat amount.Satoshi) string {
	t.Helper()
	for _, c := range w.alice.Wallet().Coins() {
		if c.Value == sat {
			return fmt.Sprintf("%s:%d", c.OutPoint.Hash, c.OutPoint.Index)
		}
	}
	t.Fatalf("there is no coin of %v", sat)
	return ""
}

func TestAChannelIsFundedWithTheCoinsThatAreNamed(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	for _, sat := range []amount.Satoshi{500_000, 700_000, 900_000} {
		w.fund(t, w.alice, sat)
	}
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	small, middle := coinOf(t, w, 500_000), coinOf(t, w, 700_000)
	for what, wrong := range map[string]any{"no coin": "x", "another's": hashOf(1) + ":0", "not a list": 7} {
		coins := []any{wrong}
		code := command.InvalidParams
		if what == "another's" {
			code = command.Failed
		}
		t.Log(what)
		refused(t, w.alice, code, "fundchannel", named{"id": w.bob.ID(), "amount": 100_000, "utxos": coins})
	}
	refused(t, w.alice, command.FundCannotAfford, "fundchannel", named{"id": w.bob.ID(), "amount": 800_000, "utxos": []string{small}})
	one := ask[fundResult](t, w.alice, "fundchannel", named{"id": w.bob.ID(), "amount": 200_000, "utxos": []string{small}})
	spent := func(txid string) (coins []string) {
		tx := ask[struct {
			Transactions []struct {
				Hash   string
				Inputs []struct {
					Txid  string
					Index uint32
				}
			}
		}](t, w.alice, "listtransactions").Transactions
		for _, x := range tx {
			if x.Hash == txid {
				for _, in := range x.Inputs {
					coins = append(coins, fmt.Sprintf("%s:%d", in.Txid, in.Index))
				}
			}
		}
		return coins
	}
	equal(t, "what the first spends", fmt.Sprint(spent(one.Txid)), fmt.Sprint([]string{small}))
	ask[struct{}](t, w.alice, "connect", at(w.carol))
	all := ask[fundResult](t, w.alice, "multifundchannel", named{
		"destinations": []any{named{"id": w.bob.ID(), "amount": 100_000}, named{"id": w.carol.ID(), "amount": "all"}}, "utxos": []string{middle},
	})
	equal(t, "what the others spend", fmt.Sprint(spent(all.Txid)), fmt.Sprint([]string{middle}))
}

func TestAChannelHasTheReserveAndTheTypeThatWereAskedFor(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 3_000_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	with := func(more named) named {
		params := named{"id": w.bob.ID(), "amount": 200_000}
		for k, v := range more {
			params[k] = v
		}
		return params
	}
	for _, wrong := range []named{
		{"reserve": "much"}, {"reserve": "1msat"}, {"reserve": "all"}, {"channel_type": []int{12}}, {"channel_type": []int{22, 12, 7}},
		{"channel_type": []int{-1}}, {"channel_type": []int{1 << 20}}, {"channel_type": "x"}, {"close_to": "x"},
	} {
		refused(t, w.alice, command.InvalidParams, "fundchannel", with(wrong))
	}
	for _, wrong := range []named{
		{"reserve": 353}, {"reserve": 20_001}, // above a tenth
		{"channel_type": []int{12, 22, 46}},                // announced
		{"channel_type": []int{12, 22}, "mindepth": 0},     // waits for a confirmation
		{"channel_type": []int{12, 22, 50}, "mindepth": 1}, // waits for none
	} {
		refused(t, w.alice, command.Failed, "fundchannel", with(wrong))
	}
	plain := ask[fundResult](t, w.alice, "fundchannel", with(named{"reserve": "5000sat", "channel_type": []int{22, 12}, "announce": false}))
	equal(t, "the type", fmt.Sprint(plain.Type.Bits), "[12 22]")
	w.mine(t, 1)
	hidden := ask[fundResult](t, w.alice, "fundchannel", with(named{"channel_type": []int{12, 22, 46}, "announce": false}))
	equal(t, "the type with an alias", fmt.Sprint(hidden.Type.Bits), "[12 22 46]")
	reserves := map[string]uint64{}
	for _, c := range ask[struct {
		Channels []struct {
			Channel string `json:"channel_id"`
			Theirs  uint64 `json:"their_reserve_msat"`
		}
	}](t, w.alice, "listpeerchannels").Channels {
		reserves[c.Channel] = c.Theirs
	}
	equal(t, "the reserve", reserves[plain.Channel], uint64(5_000_000))
	equal(t, "the usual reserve", reserves[hidden.Channel], uint64(2_000_000))
}

func TestAChannelClosesToTheAddressThatItWasOpenedWith(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	to := ask[struct{ Bech32 string }](t, w.carol, "newaddr").Bech32
	script := hex.EncodeToString(scriptOf(t, w, to))
	got := ask[fundResult](t, w.alice, "fundchannel", named{"id": w.bob.ID(), "amount": 300_000, "close_to": to})
	equal(t, "close_to", got.CloseTo, script)
	w.mine(t, 6)
	until(t, "the channel works", func() bool { return channels(t, w.alice)[0].State == "CHANNELD_NORMAL" })
	other := ask[struct{ Bech32 string }](t, w.alice, "newaddr").Bech32
	refused(t, w.alice, command.Failed, "close", named{"id": got.Channel, "destination": other})
	closed := ask[struct{ Tx string }](t, w.alice, "close", got.Channel)
	if !strings.Contains(closed.Tx, script) {
		t.Errorf("the closing transaction %s does not pay %s", closed.Tx, script)
	}
}
