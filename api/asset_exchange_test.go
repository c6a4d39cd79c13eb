package api_test

import (
	"fmt"
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

// scales says how much more Carol has in bitcoin, and Bob in tokens, than the last time.
func (s *exchangeScene) scales(t *testing.T) (moved func() (msat, units int64)) {
	t.Helper()
	weigh := func() (msat, units int64) {
		t.Helper()
		a, _ := s.has(t, s.carol)
		_, b := s.has(t, s.bob)
		return int64(a), int64(b) //nolint:gosec // far below
	}
	carols, bobs := weigh()
	return func() (int64, int64) {
		t.Helper()
		msat, units := weigh()
		a, b := msat-carols, units-bobs
		carols, bobs = msat, units
		return a, b
	}
}

// exchangedForward is a forward of Alice's, as it is told everywhere.
type exchangedForward struct {
	InMsat      uint64 `json:"in_msat"`
	InProperty  uint32 `json:"in_property_id"`
	InAsset     string `json:"in_asset"`
	InUnits     uint64 `json:"in_units"`
	InAmount    string `json:"in_amount"`
	OutMsat     uint64 `json:"out_msat"`
	OutProperty uint32 `json:"out_property_id"`
	OutAsset    string `json:"out_asset"`
	OutUnits    uint64 `json:"out_units"`
	OutAmount   string `json:"out_amount"`

	Fee      *uint64 `json:"fee_msat"`
	FeeUnits *uint64 `json:"fee_units"`
}

// forwarded says whether the newest forward of Alice's that is settled is told as it was.
func (s *exchangeScene) forwarded(t *testing.T, hash string, want exchangedForward) {
	t.Helper()
	list := ask[struct{ Forwards []exchangedForward }](t, s.alice, "listforwards", "settled").Forwards
	equal(t, "listforwards", list[len(list)-1], want)
	got := ask[struct{ Rows [][]any }](t, s.alice, "sql", "SELECT in_property_id, in_units, out_property_id, out_units, fee_msat, fee_units FROM forwards "+
		"WHERE status = 'settled' ORDER BY created_index DESC LIMIT 1").Rows[0]
	column := func(v uint64) any { // a field that is left out is NULL
		if v == 0 {
			return nil
		}
		return float64(v)
	}
	equal(t, "sql", fmt.Sprint(got), fmt.Sprint([]any{
		column(uint64(want.InProperty)), column(want.InUnits), column(uint64(want.OutProperty)), column(want.OutUnits), nil, nil,
	}))
	want.InAsset, want.InAmount, want.OutAsset, want.OutAmount = "", "", "", "" // events have no names
	events := ask[struct {
		Events []struct {
			State string
			Data  exchangedForward
		}
	}](t, s.alice, "listevents", named{"kinds": "forward"}).Events
	last := events[len(events)-1]
	equal(t, "the event", last.Data, want)
	equal(t, "its state", last.State, "settled")
	units := map[uint64]bool{}
	for _, tr := range ask[struct{ Traces []teaPaid }](t, s.alice, "traces", named{"payment_hash": hash, "limit": 1000}).Traces {
		units[tr.Units] = true
	}
	if !units[0] || !units[want.InUnits+want.OutUnits] {
		t.Errorf("traces of HTLCs with %v units", units)
	}
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
	moved := s.scales(t)
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
		msat, tokens := moved()
		equal(t, "Carol paid", msat, -int64(price))
		equal(t, "Bob got", tokens, int64(units))
		s.forwarded(t, b.Hash, exchangedForward{InMsat: uint64(price), OutMsat: uint64(s.carrier), OutProperty: 3, OutUnits: uint64(units), OutAsset: "Tea", OutAmount: "2.50000001"})
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
		msat, tokens := moved()
		equal(t, "Carol got", msat, int64(amt))
		equal(t, "Bob paid", tokens, -int64(need))
		s.forwarded(t, b.Hash, exchangedForward{
			InMsat: uint64(s.carrier), InProperty: 3, InUnits: uint64(need), InAsset: "Tea", InAmount: need.Tokens(true), OutMsat: uint64(amt),
		})
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
		_, tokens := moved()
		equal(t, "Bob got", tokens, int64(many))
	})

	t.Run("and nothing without a rate", func(t *testing.T) {
		ask[struct{}](t, s.alice, "setassetrate", named{"property_id": 3, "amount_msat": 0, "enforcedelay": 0})
		equal(t, "rates", len(ask[struct{ Rates []any }](t, s.alice, "listassetrates").Rates), 0)
	})
}
