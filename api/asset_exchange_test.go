package api_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/node"
)

// exchangeScene is Carol, who has bitcoin only, Bob, who has tokens, and Alice between
// them, who exchanges.
type exchangeScene struct {
	*network
	btc, tea string // Alice's channels to Carol and Bob
	carrier  amount.MilliSatoshi
}

type exchangeChannel struct {
	Peer  wire.NodeID `json:"peer_id"`
	SCID  string      `json:"short_channel_id"`
	State string
	ToUs  uint64 `json:"to_us_msat"`
	HTLCs []any
	Asset *struct {
		ToUs    uint64              `json:"to_us_units"`
		Carrier amount.MilliSatoshi `json:"carrier_msat"`
	}
}

func exchangeChannels(t *testing.T, n *node.Node) []exchangeChannel {
	t.Helper()
	return ask[struct{ Channels []exchangeChannel }](t, n, "listpeerchannels").Channels
}

func newExchange(t *testing.T) *exchangeScene {
	t.Helper()
	s := &exchangeScene{network: teashop(t)}
	for _, peer := range []*node.Node{s.bob, s.carol} {
		ask[struct{}](t, s.alice, "connect", at(peer))
	}
	ask[struct{}](t, s.alice, "fundchannel", named{
		"id": s.bob.ID(), "amount": 200_000, "asset": 3, "asset_amount": "500", "push_asset": "100", "push_msat": 20_000_000, "minconf": 0,
	})
	s.block(t)
	ask[struct{}](t, s.alice, "fundchannel", named{"id": s.carol.ID(), "amount": 400_000, "push_msat": 200_000_000, "minconf": 0})
	s.mine(t, 6)
	s.read(t)
	until(t, "both channels are open", func() bool {
		open := 0
		for _, n := range []*node.Node{s.alice, s.bob, s.carol} {
			for _, c := range exchangeChannels(t, n) {
				if c.State == "CHANNELD_NORMAL" {
					open++
				}
			}
		}
		return open == 4
	})
	for _, c := range exchangeChannels(t, s.alice) {
		if c.Asset != nil {
			s.tea, s.carrier = c.SCID, c.Asset.Carrier
		} else {
			s.btc = c.SCID
		}
	}
	return s
}

// has is what a node has in its only channel.
func (s *exchangeScene) has(t *testing.T, n *node.Node) (msat, units uint64) {
	t.Helper()
	until(t, "nothing is on its way", func() bool {
		for _, c := range exchangeChannels(t, n) {
			if len(c.HTLCs) > 0 {
				return false
			}
		}
		return true
	})
	c := exchangeChannels(t, n)[0]
	if c.Asset != nil {
		units = c.Asset.ToUs
	}
	return c.ToUs, units
}

type exchangeBill struct {
	Hash   string `json:"payment_hash"`
	Secret string `json:"payment_secret"`
	Bolt11 string
}

// sold pays a bill of Bob's in tokens with Carol's bitcoin.
func (s *exchangeScene) sold(bill exchangeBill, msat amount.MilliSatoshi, units amount.Units) named {
	return named{"payment_hash": bill.Hash, "payment_secret": bill.Secret, "bolt11": bill.Bolt11, "property_id": 3, "route": []named{
		{"id": s.alice.ID(), "channel": s.btc, "amount_msat": msat, "delay": 130},
		{"id": s.bob.ID(), "channel": s.tea, "amount_msat": s.carrier, "amount_units": units, "delay": 50},
	}}
}

// bought pays a bill of Carol's in bitcoin with Bob's tokens.
func (s *exchangeScene) bought(bill exchangeBill, units amount.Units, msat amount.MilliSatoshi) named {
	return named{"payment_hash": bill.Hash, "payment_secret": bill.Secret, "bolt11": bill.Bolt11, "property_id": 3, "route": []named{
		{"id": s.alice.ID(), "channel": s.tea, "amount_msat": s.carrier, "amount_units": units, "delay": 130},
		{"id": s.carol.ID(), "channel": s.btc, "amount_msat": msat, "delay": 50},
	}}
}

// failure is the name of the failure with which a payment ends.
func (s *exchangeScene) failure(t *testing.T, n *node.Node, b exchangeBill) any {
	t.Helper()
	_, err := try(t, n, "waitsendpay", b.Hash)
	e := command.AsError(err)
	if err == nil || e.Code != command.PayTryOtherRoute {
		t.Fatalf("%v", err)
	}
	return e.Data.(map[string]any)["failcodename"]
}

func (s *exchangeScene) underWay(t *testing.T) uint64 {
	t.Helper()
	return ask[struct {
		Rates []struct {
			UnderWay uint64 `json:"under_way_units"`
		}
	}](t, s.alice, "listassetrates", 3).Rates[0].UnderWay
}

func TestBitcoinPaysForTokensAndTokensForBitcoinToTheUnit(t *testing.T) {
	s := newExchange(t)
	ask[struct{}](t, s.alice, "setassetrate", 3, "1500sat", "1", 10_000, "20")
	row, _ := s.alice.Exchange().Of(3)
	fee := rate.Fee(relay.DefaultPolicy().Fee)
	units := amount.Units(2_50000001) // so that something is rounded
	price, ok := row.AskFor(units, s.carrier, fee)
	if !ok {
		t.Fatal("no price")
	}
	carols, _ := s.has(t, s.carol)
	_, bobs := s.has(t, s.bob)
	bill := func(n *node.Node, params named) exchangeBill {
		params["description"] = "tea"
		return ask[exchangeBill](t, n, "invoice", params)
	}

	t.Run("bitcoin for tokens", func(t *testing.T) {
		b := bill(s.bob, named{"label": "sold", "amount_msat": "any", "amount_units": units, "asset": 3})
		ask[struct{}](t, s.carol, "sendpay", s.sold(b, price-1, units))
		equal(t, "one millisatoshi less", s.failure(t, s.carol, b), "WIRE_FEE_INSUFFICIENT")
		ask[struct{}](t, s.carol, "sendpay", s.sold(b, price, units))
		got := ask[teaPaid](t, s.carol, "waitsendpay", b.Hash)
		if got.Status != "complete" || got.Units != uint64(units) || got.Property != 3 || got.SentMsat != uint64(price) || got.SentUnits != 0 {
			t.Errorf("%+v", got)
		}
		list := ask[struct{ Pays []teaPaid }](t, s.carol, "listpays", named{"payment_hash": b.Hash}).Pays
		if len(list) != 1 || list[0].Units != uint64(units) || list[0].SentMsat != uint64(price) || list[0].Msat != 0 {
			t.Errorf("%+v", list)
		}
		inv := ask[struct{ Invoices []teaPaid }](t, s.bob, "listinvoices", "sold").Invoices[0]
		if inv.Status != "paid" || inv.Got != uint64(units) {
			t.Errorf("%+v", inv)
		}
		msat, _ := s.has(t, s.carol)
		_, now := s.has(t, s.bob)
		equal(t, "Carol paid", carols-msat, uint64(price))
		equal(t, "Bob got", now-bobs, uint64(units))
		carols, bobs = msat, now
	})

	t.Run("tokens for bitcoin", func(t *testing.T) {
		amt := amount.MilliSatoshi(9_000_001)
		need, ok := row.UnitsFor(amt, s.carrier, fee)
		if !ok || row.Pays(need-1, s.carrier, amt, fee) {
			t.Fatal(need)
		}
		b := bill(s.carol, named{"label": "bought", "amount_msat": amt})
		ask[struct{}](t, s.bob, "sendpay", s.bought(b, need-1, amt))
		equal(t, "one unit less", s.failure(t, s.bob, b), "WIRE_FEE_INSUFFICIENT")
		ask[struct{}](t, s.bob, "sendpay", s.bought(b, need, amt))
		got := ask[teaPaid](t, s.bob, "waitsendpay", b.Hash)
		if got.Status != "complete" || got.Msat != uint64(amt) || got.Units != 0 || got.SentUnits != uint64(need) || got.Property != 3 {
			t.Errorf("%+v", got)
		}
		msat, _ := s.has(t, s.carol)
		_, now := s.has(t, s.bob)
		equal(t, "Carol got", msat-carols, uint64(amt))
		equal(t, "Bob paid", bobs-now, uint64(need))
		bobs = now
	})

	t.Run("what is held is under way, and no more than the operator allows", func(t *testing.T) {
		many := amount.Units(5_00000000) // the most of one HTLC
		price, _ := row.AskFor(many, s.carrier, fee)
		b := bill(s.bob, named{"label": "held", "amount_msat": "5", "asset": 3, "h": hashOf(9), "cltv": 42})
		ask[struct{}](t, s.carol, "sendpay", s.sold(b, price, many))
		accepted(t, s.bob, hashOf(9))
		equal(t, "under way", s.underWay(t), uint64(many))
		ask[struct{}](t, s.alice, "setassetrate", named{"property_id": 3, "amount_msat": 3_000_000, "limit": "5"})
		other := bill(s.bob, named{"label": "more", "amount_msat": "1", "asset": 3})
		more, _ := row.AskFor(1_00000000, s.carrier, fee)
		ask[struct{}](t, s.carol, "sendpay", s.sold(other, more, 1_00000000)) // at the rate before, which still holds
		equal(t, "above the limit", s.failure(t, s.carol, other), "WIRE_TEMPORARY_CHANNEL_FAILURE")
		ask[struct{}](t, s.bob, "settleholdinvoice", secret(9))
		equal(t, "in the end", ask[teaPaid](t, s.carol, "waitsendpay", b.Hash).Status, "complete")
		until(t, "nothing is under way", func() bool { return s.underWay(t) == 0 })
		_, now := s.has(t, s.bob)
		equal(t, "Bob got", now-bobs, uint64(many))
	})

	t.Run("and nothing without a rate", func(t *testing.T) {
		ask[struct{}](t, s.alice, "setassetrate", named{"property_id": 3, "amount_msat": 0, "enforcedelay": 0})
		equal(t, "rates", len(ask[struct{ Rates []any }](t, s.alice, "listassetrates").Rates), 0)
	})
}
