package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/rate"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/node"
)

// exchangeCost is what paycost shows.
type exchangeCost struct {
	teaPaid
	Exchange *struct {
		ID    string
		Side  string
		Msat  uint64
		Units uint64
		Token uint64 `json:"token_msat"`
	}
	Routes []struct {
		Route []struct {
			Channel string
			Msat    uint64 `json:"amount_msat"`
			Units   uint64 `json:"amount_units"`
		}
	}
}

// rates are Alice's rates of a token, as she publishes them.
func (s *exchangeScene) rates(t *testing.T) map[string]any {
	t.Helper()
	return ask[struct{ Rates []map[string]any }](t, s.alice, "listassetrates", 3).Rates[0]
}

// refused says that a payment was refused with a code, in words, and that nothing was sent.
func (s *exchangeScene) refused(t *testing.T, n *node.Node, b exchangeBill, code command.Code, words string, name string, params named) {
	t.Helper()
	params["invstring"] = b.Bolt11
	_, err := try(t, n, name, params)
	if e := command.AsError(err); err == nil || e.Code != code || !strings.Contains(e.Message, words) {
		t.Errorf("%v", err)
	}
	equal(t, "attempts", len(ask[struct{ Payments []any }](t, n, "listsendpays", named{"payment_hash": b.Hash}).Payments), 0)
}

// told says that the receipt, the list and the traces of a payment have both currencies.
func (s *exchangeScene) told(t *testing.T, n *node.Node, b exchangeBill, want teaPaid) {
	t.Helper()
	list := ask[struct{ Pays []teaPaid }](t, n, "listpays", named{"payment_hash": b.Hash}).Pays
	receipt := ask[struct {
		teaPaid
		Fee *uint64 `json:"fee_msat"`
	}](t, n, "receipt", b.Hash)
	for i, got := range []teaPaid{list[0], receipt.teaPaid} {
		if got.Msat != want.Msat || got.SentMsat != want.SentMsat || got.Units != want.Units || got.SentUnits != want.SentUnits || got.Property != 3 {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if receipt.Fee != nil {
		t.Errorf("a fee of %d", *receipt.Fee)
	}
	note := ""
	for _, tr := range ask[struct {
		Traces []struct{ Step, Note string }
	}](t, n, "traces", named{"payment_hash": b.Hash}).Traces {
		if strings.Contains(tr.Note, " the exchange "+s.alice.ID().String()) {
			note = tr.Note
		}
	}
	if !strings.Contains(note, fmt.Sprintf("%d units", want.Units+want.SentUnits)) {
		t.Errorf("the trace says %q", note)
	}
}

func TestPayGoesOverAnExchangeWhoseRateIsGiven(t *testing.T) {
	race.Like(t, TestBitcoinPaysForTokensAndTokensForBitcoinToTheUnit)
	s := newExchange(t)
	ask[struct{}](t, s.alice, "setassetrate", 3, "1500sat", "1", 10_000, "20")
	published := s.rates(t)
	row, _ := s.alice.Exchange().Of(3)
	fee := rate.Fee(relay.DefaultPolicy().Fee)
	bill := func(n *node.Node, params named) exchangeBill {
		params["description"] = "tea"
		return ask[exchangeBill](t, n, "invoice", params)
	}
	until(t, "Bob's invoices can name his channel", func() bool { return len(s.bob.IncomingTokens(3, nil).Hints) > 0 })
	moved := s.scales(t)

	t.Run("bitcoin for tokens", func(t *testing.T) {
		units := amount.Units(2_50000001)
		price, _ := row.AskFor(units, s.carrier, fee)
		b := bill(s.bob, named{"label": "sold", "amount_msat": "any", "amount_units": units, "asset": 3})
		cost := ask[exchangeCost](t, s.carol, "paycost", named{"bolt11": b.Bolt11, "exchange": published})
		if x := cost.Exchange; x == nil || x.ID != s.alice.ID().String() || x.Side != "sell" || x.Msat*1_00000000 != 1_515_000*x.Units {
			t.Errorf("%+v", x)
		}
		if cost.SentMsat != uint64(price) || cost.Units != uint64(units) || cost.SentUnits != 0 || len(cost.Routes) != 1 || len(cost.Routes[0].Route) != 2 {
			t.Errorf("%+v", cost)
		}
		s.refused(t, s.carol, b, command.InvalidParams, "needs a limit", "pay", named{"exchange": published})
		s.refused(t, s.carol, b, command.InvalidParams, "not in what is paid with", "pay", named{"exchange": published, "maxcost": price, "maxcost_units": 1})
		s.refused(t, s.carol, b, command.InvalidParams, "give exchange", "pay", named{"maxcost": price})
		s.refused(t, s.carol, b, command.PayRouteTooExpensive, "the limit is", "pay", named{"exchange": published, "maxcost": price - 1})
		msat, _ := moved()
		equal(t, "Carol paid", msat, int64(0))
		got := ask[teaPaid](t, s.carol, "pay", named{"bolt11": b.Bolt11, "exchange": published, "maxcost": price})
		if got.Status != "complete" || got.SentMsat != uint64(price) || got.Units != uint64(units) || got.Parts != 1 {
			t.Errorf("%+v", got)
		}
		msat, tokens := moved()
		equal(t, "Carol paid", msat, -int64(price))
		equal(t, "Bob got", tokens, int64(units))
		s.told(t, s.carol, b, teaPaid{SentMsat: uint64(price), Units: uint64(units)})
		again := ask[teaPaid](t, s.carol, "pay", named{"bolt11": b.Bolt11, "exchange": published, "maxcost": price})
		equal(t, "the same receipt", again, got)
	})

	t.Run("tokens for bitcoin", func(t *testing.T) {
		until(t, "Bob knows Carol's channel", func() bool {
			return len(ask[struct{ Channels []any }](t, s.bob, "listchannels", s.btc).Channels) == 2
		})
		amt := amount.MilliSatoshi(9_000_001)
		need, _ := row.UnitsFor(amt, s.carrier, fee)
		b := bill(s.carol, named{"label": "bought", "amount_msat": amt})
		cost := ask[exchangeCost](t, s.bob, "paycost", named{"bolt11": b.Bolt11, "exchange": []any{published}})
		if x := cost.Exchange; x == nil || x.Side != "buy" || x.Token != 1_485_000 || cost.SentUnits != uint64(need) || cost.Msat != uint64(amt) || cost.SentMsat != uint64(s.carrier) {
			t.Errorf("%+v", cost)
		}
		s.refused(t, s.bob, b, command.InvalidParams, "needs a limit", "xpay", named{"exchange": published})
		s.refused(t, s.bob, b, command.PayRouteTooExpensive, "the limit is", "xpay", named{"exchange": published, "maxcost_units": need - 1})
		got := ask[teaPaid](t, s.bob, "xpay", named{"invstring": b.Bolt11, "exchange": published, "maxcost_units": need})
		if got.SentUnits != uint64(need) || got.Msat != uint64(amt) || got.Units != 0 {
			t.Errorf("%+v", got)
		}
		msat, tokens := moved()
		equal(t, "Carol got", msat, int64(amt))
		equal(t, "Bob paid", tokens, -int64(need))
		s.told(t, s.bob, b, teaPaid{Msat: uint64(amt), SentMsat: uint64(s.carrier), SentUnits: uint64(need)})
	})

	t.Run("getroutes shows the way, for sendpay", func(t *testing.T) {
		type routes struct {
			Routes []struct {
				Msat  uint64 `json:"amount_msat"`
				Units uint64 `json:"amount_units"`
				Path  []struct {
					In       uint64 `json:"amount_in_msat"`
					UnitsIn  uint64 `json:"amount_in_units"`
					Out      uint64 `json:"amount_out_msat"`
					UnitsOut uint64 `json:"amount_out_units"`
				}
			}
		}
		amt := amount.MilliSatoshi(9_000_001)
		need, _ := row.UnitsFor(amt, s.carrier, fee)
		params := named{
			"source": s.bob.ID(), "destination": s.carol.ID(), "amount_msat": amt, "layers": []any{}, "maxfee_msat": 0, "final_cltv": 40,
			"exchange": published, "maxcost_units": need,
		}
		got := ask[routes](t, s.bob, "getroutes", params).Routes
		if len(got) != 1 || len(got[0].Path) != 2 || got[0].Msat != uint64(amt) || got[0].Path[0].UnitsIn != uint64(need) ||
			got[0].Path[0].UnitsOut != uint64(need) || got[0].Path[0].Out != uint64(s.carrier) || got[0].Path[1].Out != uint64(amt) || got[0].Path[1].UnitsOut != 0 {
			t.Errorf("%+v", got)
		}
		params["maxcost_units"] = need - 1
		refused(t, s.bob, command.PayRouteTooExpensive, "getroutes", params)
		params["source"] = s.alice.ID()
		refused(t, s.bob, command.InvalidParams, "getroutes", params)
	})

	t.Run("more than one HTLC may have goes in parts", func(t *testing.T) {
		units := amount.Units(8_00000000) // the most of one is 5
		b := bill(s.bob, named{"label": "parts", "amount_msat": "8", "asset": 3})
		half, _ := row.AskFor(units/2, s.carrier, fee)
		got := ask[teaPaid](t, s.carol, "pay", named{"bolt11": b.Bolt11, "exchange": published, "maxcost": 2 * half})
		if got.SentMsat != 2*uint64(half) || got.Parts != 2 {
			t.Errorf("%+v", got)
		}
		_, tokens := moved()
		equal(t, "Bob got", tokens, int64(units))
	})

	t.Run("what carries the tokens need not be known", func(t *testing.T) {
		b := bill(s.bob, named{"label": "carried", "amount_msat": "1", "asset": 3})
		less := map[string]any{"id": s.alice.ID(), "property_id": 3, "sell": published["sell"]}
		got := ask[teaPaid](t, s.carol, "pay", named{"bolt11": b.Bolt11, "exchange": less, "maxcost": 20_000_000})
		if price, _ := row.AskFor(1_00000000, 2*s.carrier, fee); got.Units != 1_00000000 || got.SentMsat > uint64(price) {
			t.Errorf("%+v", got)
		}
	})

	t.Run("the rate has changed meanwhile", func(t *testing.T) {
		ask[struct{}](t, s.alice, "setassetrate", named{"property_id": 3, "amount_msat": 1_600_000, "enforcedelay": 0})
		moved()
		b := bill(s.bob, named{"label": "dear", "amount_msat": "1", "asset": 3})
		_, err := try(t, s.carol, "pay", named{"bolt11": b.Bolt11, "exchange": published, "maxcost": 20_000_000})
		e := command.AsError(err)
		if err == nil || e.Code != command.PayTryOtherRoute || !strings.Contains(e.Message, "fee_insufficient") ||
			e.Data.(map[string]any)["failcodename"] != "WIRE_FEE_INSUFFICIENT" {
			t.Errorf("%v", err)
		}
		msat, _ := moved()
		equal(t, "Carol paid", msat, int64(0))
		got := ask[teaPaid](t, s.carol, "pay", named{"bolt11": b.Bolt11, "exchange": s.rates(t), "maxcost": 20_000_000})
		if got.Status != "complete" {
			t.Errorf("%+v", got)
		}
	})
}
