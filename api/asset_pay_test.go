package api_test

import (
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// teaPaid is what commands show of a payment in an asset.
type teaPaid struct {
	Status, Asset, Amount string
	Hash                  string `json:"payment_hash"`
	Msat                  uint64 `json:"amount_msat"`
	SentMsat              uint64 `json:"amount_sent_msat"`
	Property              uint32 `json:"property_id"`
	Units                 uint64 `json:"amount_units"`
	SentUnits             uint64 `json:"amount_sent_units"`
	Parts                 uint32
	Got                   uint64 `json:"amount_received_units"`
	GotTokens             string `json:"amount_received"`
	GotMsat               uint64 `json:"amount_received_msat"`
}

// teaChannels are the channels of a node that carry tokens, and what is its own in them.
func teaChannels(t *testing.T, n *node.Node) (ours, spendable []uint64) {
	t.Helper()
	type row struct {
		Asset *struct {
			ToUs      uint64 `json:"to_us_units"`
			Spendable uint64 `json:"spendable_units"`
		}
	}
	for _, c := range ask[struct{ Channels []row }](t, n, "listpeerchannels").Channels {
		if c.Asset != nil {
			ours, spendable = append(ours, c.Asset.ToUs), append(spendable, c.Asset.Spendable)
		}
	}
	return ours, spendable
}

func sum(list []uint64) (s uint64) {
	for _, v := range list {
		s += v
	}
	return s
}

// teaLine is a network where Alice has channels to Bob with so many tokens each.
func teaLine(t *testing.T, amounts ...string) *network {
	t.Helper()
	w := teashop(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	for _, amount := range amounts {
		ask[struct{}](t, w.alice, "fundchannel", named{"id": w.bob.ID(), "amount": 200_000, "asset": 3, "asset_amount": amount, "minconf": 0})
		w.block(t)
	}
	w.mine(t, 6)
	w.read(t)
	until(t, "the channels carry tokens, and Bob can name them", func() bool {
		_, spendable := teaChannels(t, w.alice)
		usable := len(spendable) == len(amounts)
		for _, s := range spendable {
			usable = usable && s > 0
		}
		return usable && len(w.bob.IncomingTokens(3, nil).Hints) == len(amounts)
	})
	return w
}

func TestTokensArePaidOverChannelsToTheUnit(t *testing.T) {
	w := teaLine(t, "100", "50")
	before, _ := teaChannels(t, w.alice)
	bill := func(label string, more named) billResult {
		params := named{"label": label, "description": "a pound of tea", "asset": 3}
		for k, v := range more {
			params[k] = v
		}
		return ask[billResult](t, w.bob, "invoice", params)
	}
	paid := uint64(0)

	t.Run("in one part", func(t *testing.T) {
		made := bill("one", named{"amount_msat": "12.5"})
		equal(t, "no warning", made.Warning, "")
		equal(t, "hints", len(ask[billResult](t, w.alice, "decode", made.Bolt11).Routes), 2)
		got := ask[teaPaid](t, w.alice, "pay", made.Bolt11)
		if got.Status != "complete" || got.Amount != "12.5" || got.Units != 1_250_000_000 || got.SentUnits != got.Units || got.Parts != 1 ||
			got.Msat != 0 || got.SentMsat == 0 || got.Asset != "Tea" {
			t.Errorf("%+v", got)
		}
		paid += got.Units
		inv := ask[struct{ Invoices []teaPaid }](t, w.bob, "listinvoices", "one").Invoices[0]
		if inv.Status != "paid" || inv.Got != 1_250_000_000 || inv.GotTokens != "12.5" || inv.GotMsat != got.SentMsat {
			t.Errorf("%+v", inv)
		}
		for _, n := range []*node.Node{w.alice, w.bob} {
			receipt := ask[teaPaid](t, n, "receipt", made.Bolt11)
			equal(t, "the receipt", [2]string{receipt.Amount, receipt.Asset}, [2]string{"12.5", "Tea"})
		}
		again := ask[teaPaid](t, w.alice, "pay", made.Bolt11)
		equal(t, "the receipt again", again, got)
		list := ask[struct{ Payments []teaPaid }](t, w.alice, "listsendpays", named{"payment_hash": got.Hash}).Payments
		if len(list) != 1 || list[0].Units != 1_250_000_000 || list[0].Property != 3 {
			t.Errorf("%+v", list)
		}
	})

	t.Run("split over the channels of a peer", func(t *testing.T) {
		made := bill("parts", named{"amount_msat": 120})
		got := ask[teaPaid](t, w.alice, "pay", made.Bolt11)
		if got.Units != 12_000_000_000 || got.Parts < 2 {
			t.Errorf("%+v", got)
		}
		paid += got.Units
	})

	t.Run("and not more than there are", func(t *testing.T) {
		made := bill("much", named{"amount_msat": 30})
		_, err := try(t, w.alice, "pay", named{"bolt11": made.Bolt11, "retry_for": 5})
		if e := command.AsError(err); err == nil || e.Code != command.PayRouteNotFound {
			t.Errorf("%v", err)
		}
		equal(t, "the invoice", ask[struct{ Invoices []teaPaid }](t, w.bob, "listinvoices", "much").Invoices[0].Status, "unpaid")
	})

	t.Run("held until the payee gives the preimage", func(t *testing.T) {
		made := bill("held", named{"amount_msat": "2.5", "h": hashOf(1)})
		end := paying(t, w.alice, made.Bolt11)
		accepted(t, w.bob, hashOf(1))
		held := ask[struct{ Holdinvoices []teaPaid }](t, w.bob, "listholdinvoices", hashOf(1)).Holdinvoices[0]
		equal(t, "what is held", held.GotTokens, "2.5")
		ask[struct{}](t, w.bob, "settleholdinvoice", secret(1))
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		paid += 250_000_000
	})

	t.Run("by as many units as the payer says, where the payee leaves it open", func(t *testing.T) {
		made := bill("any", named{"amount_msat": "any"})
		if no := refused(t, w.alice, command.InvalidParams, "pay", made.Bolt11); !strings.Contains(no.Message, "how many units") {
			t.Error(no.Message)
		}
		refused(t, w.alice, command.InvalidParams, "pay", named{"bolt11": made.Bolt11, "amount_msat": 1000})
		got := ask[teaPaid](t, w.alice, "xpay", named{"invstring": made.Bolt11, "amount_units": 7})
		equal(t, "units", got.Units, uint64(7))
		paid += 7
	})

	t.Run("bitcoin finds no way over them", func(t *testing.T) {
		made := ask[billResult](t, w.bob, "invoice", "1000sat", "btc", "no tokens")
		equal(t, "hints", len(ask[billResult](t, w.alice, "decode", made.Bolt11).Routes), 0)
		_, err := try(t, w.alice, "pay", named{"bolt11": made.Bolt11, "retry_for": 5})
		if e := command.AsError(err); err == nil || e.Code != command.PayRouteNotFound {
			t.Errorf("%v", err)
		}
	})

	t.Run("what Alice paid is Bob's, to the unit", func(t *testing.T) {
		until(t, "the HTLCs are gone", func() bool {
			a, _ := teaChannels(t, w.alice)
			b, _ := teaChannels(t, w.bob)
			return sum(a)+sum(b) == sum(before)
		})
		a, _ := teaChannels(t, w.alice)
		b, _ := teaChannels(t, w.bob)
		equal(t, "Alice's", sum(a), sum(before)-paid)
		equal(t, "Bob's", sum(b), paid)
	})
}
