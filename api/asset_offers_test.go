package api_test

import (
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/node"
)

// Carl has bitcoin only, and knows of Alice's rate and of her channel with tokens what she
// tells.
func TestAnAnnouncedRateIsPaidOver(t *testing.T) {
	race.Like(t, TestBitcoinPaysForTokensAndTokensForBitcoinToTheUnit)
	w := teashop(t)
	carl := w.start(t, "carl")
	for _, peer := range []*node.Node{w.bob, carl} {
		ask[struct{}](t, w.alice, "connect", at(peer))
	}
	ask[struct{}](t, w.alice, "setassetrate", 3, "1500sat", "1", 10_000, "20")
	ask[struct{}](t, w.alice, "fundchannel", named{
		"id": w.bob.ID(), "amount": 200_000, "asset": 3, "asset_amount": "500", "push_asset": "100", "push_msat": 20_000_000, "minconf": 0, "announce": true,
	})
	w.block(t)
	ask[struct{}](t, w.alice, "fundchannel", named{"id": carl.ID(), "amount": 400_000, "push_msat": 200_000_000, "minconf": 0})
	w.mine(t, 6)
	w.read(t)
	offered := func(params named) []map[string]any {
		t.Helper()
		return ask[struct{ Offers []map[string]any }](t, carl, "listassetoffers", params).Offers
	}
	until(t, "Carl knows the channel and its rate", func() bool {
		good := 0
		for _, d := range teaDirections(t, carl, named{"property_id": 3}) {
			if d.Active {
				good++
			}
		}
		return good == 2 && len(offered(named{"property_id": 3})) == 1
	})
	until(t, "Carl's channel is open", func() bool { return exchangeChannels(t, carl)[0].State == "CHANNELD_NORMAL" })
	equal(t, "of another token", len(offered(named{"property_id": 4})), 0)
	equal(t, "Alice's own", len(ask[struct{ Offers []any }](t, w.alice, "listassetoffers").Offers), 0)
	shown := offered(named{})[0]
	if shown["id"] != w.alice.ID().String() || shown["asset"] == nil || shown["sell"] == nil || shown["buy"] == nil || shown["expires_at"] == nil {
		t.Errorf("%v", shown)
	}

	row, _ := w.alice.Exchange().Of(3)
	units := amount.Units(2_50000001)
	carrier := teaDirections(t, carl, named{"source": w.alice.ID()})[0].Carrier
	price, _ := row.AskFor(units, amount.MilliSatoshi(carrier), rate.Fee(relay.DefaultPolicy().Fee))
	b := ask[exchangeBill](t, w.bob, "invoice", named{
		"label": "sold", "amount_msat": "any", "amount_units": units, "asset": 3, "description": "tea", "exposeprivatechannels": false,
	})
	for _, by := range []any{"announced", shown} {
		cost := ask[exchangeCost](t, carl, "paycost", named{"bolt11": b.Bolt11, "exchange": by})
		if x := cost.Exchange; x == nil || x.ID != w.alice.ID().String() || x.Side != "sell" || x.Token != 1_515_000 || cost.SentMsat != uint64(price) || cost.Units != uint64(units) {
			t.Errorf("%+v, want %d", cost, price)
		}
	}
	routes := named{
		"source": carl.ID(), "destination": w.bob.ID(), "amount_msat": 0, "amount_units": units, "layers": []any{}, "maxfee_msat": price, "final_cltv": 40,
		"exchange": "announced",
	}
	refused(t, carl, command.InvalidParams, "getroutes", routes)
	routes["property_id"] = 3
	found := ask[struct {
		Routes []struct {
			Units uint64 `json:"amount_units"`
			Path  []any
		}
	}](t, carl, "getroutes", routes).Routes
	if len(found) != 1 || len(found[0].Path) != 2 || found[0].Units != uint64(units) {
		t.Errorf("%+v", found)
	}
	refused(t, carl, command.InvalidParams, "pay", named{"bolt11": b.Bolt11, "exchange": "announced"})
	_, err := try(t, carl, "pay", named{"bolt11": b.Bolt11, "exchange": "announced", "maxcost": price - 1})
	if e := command.AsError(err); err == nil || e.Code != command.PayRouteTooExpensive {
		t.Errorf("%v", err)
	}
	sats := ask[exchangeBill](t, w.alice, "invoice", named{"label": "sats", "amount_msat": 1_000_000, "description": ""})
	_, err = try(t, carl, "pay", named{"bolt11": sats.Bolt11, "exchange": "announced", "maxcost_units": 1})
	if e := command.AsError(err); err == nil || e.Code != command.InvalidParams || !strings.Contains(e.Message, "listassetoffers") {
		t.Errorf("%v", err)
	}

	got := ask[teaPaid](t, carl, "pay", named{"bolt11": b.Bolt11, "exchange": "announced", "maxcost": price})
	inv := ask[struct{ Invoices []teaPaid }](t, w.bob, "listinvoices", "sold").Invoices[0]
	if got.Status != "complete" || got.SentMsat != uint64(price) || got.Units != uint64(units) || inv.Got != uint64(units) {
		t.Errorf("%+v, %+v", got, inv)
	}

	ask[struct{}](t, w.alice, "setassetrate", 3, 0)
	until(t, "Carl hears that there is no rate any more", func() bool { return len(offered(named{})) == 0 })
	again := ask[teaPaid](t, carl, "pay", named{"bolt11": b.Bolt11, "exchange": "announced", "maxcost": price})
	equal(t, "the same receipt", again, got)
	b = ask[exchangeBill](t, w.bob, "invoice", named{"label": "more", "amount_msat": "1", "asset": 3, "description": "tea"})
	refused(t, carl, command.PayRouteNotFound, "pay", named{"bolt11": b.Bolt11, "exchange": "announced", "maxcost": price})
}
