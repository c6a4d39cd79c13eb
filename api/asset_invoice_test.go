package api_test

import (
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

// billResult is what commands show of an invoice in an asset.
type billResult struct {
	Label, Bolt11, Status, Asset, Amount, Type string
	Hash                                       string  `json:"payment_hash"`
	Msat                                       *uint64 `json:"amount_msat"`
	Property                                   uint32  `json:"property_id"`
	Units                                      uint64  `json:"amount_units"`
	Warning                                    string  `json:"warning_capacity"`
	Routes                                     []any
}

// teashop is a network where Alice has issued Tea, property 3, which is divisible, and
// Cups, property 4, which are not.
func teashop(t *testing.T) *network {
	t.Helper()
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", "fixed", "Tea", "1000")
	w.block(t)
	ask[assetSent](t, w.alice, "assetissue", "fixed", "Cups", "1000", false)
	w.block(t)
	return w
}

func TestAnInvoiceAsksForTokens(t *testing.T) {
	race.Like(t, TestTokensArePaidOverChannelsToTheUnit)
	w := teashop(t)
	for _, c := range []struct {
		name   string
		params named
		prefix string
		amount string
		units  uint64
	}{
		{"tokens", named{"amount_msat": "12.5", "asset": 3}, "obort3:12500m1", "12.5", 1_250_000_000},
		{"a number of tokens", named{"amount_msat": 12.5, "asset": 3}, "obort3:12500m1", "12.5", 1_250_000_000},
		{"whole tokens", named{"amount_msat": 7, "asset": 3}, "obort3:71", "7", 700_000_000},
		{"the smallest unit", named{"amount_msat": "0.00000001", "asset": 3}, "obort3:10n1", "0.00000001", 1},
		{"what has no parts", named{"amount_msat": "7", "asset": 4}, "obort4:70n1", "7", 7},
		{"units", named{"amount_msat": "any", "amount_units": 1_250_000_000, "asset": 3}, "obort3:12500m1", "12.5", 1_250_000_000},
		{"the most", named{"amount_msat": "any", "amount_units": uint64(1<<63 - 1), "asset": 3}, "obort3:92233720368547758070n1", "92233720368.54775807", 1<<63 - 1},
		{"any", named{"amount_msat": "any", "asset": 3}, "obort3:1", "", 0},
		{"held", named{"amount_msat": "12.5", "asset": 3, "h": hashOf(1)}, "obort3:12500m1", "12.5", 1_250_000_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.params["label"], c.params["description"] = c.name, "a pound of it"
			made := ask[billResult](t, w.bob, "invoice", c.params)
			if !strings.HasPrefix(made.Bolt11, c.prefix) {
				t.Errorf("%s does not begin with %s", made.Bolt11, c.prefix)
			}
			if !strings.Contains(made.Warning, "no channel of this node carries this token") {
				t.Errorf("no warning: %q", made.Warning)
			}
			asset := map[bool]string{true: "Tea", false: "Cups"}[c.params["asset"] == 3]
			for what, got := range map[string]billResult{
				"decode":         ask[billResult](t, w.alice, "decode", made.Bolt11),
				"listinvoices":   ask[struct{ Invoices []billResult }](t, w.bob, "listinvoices", c.name).Invoices[0],
				"by its string":  ask[struct{ Invoices []billResult }](t, w.bob, "listinvoices", named{"invstring": made.Bolt11}).Invoices[0],
				"searchinvoices": ask[struct{ Invoices []billResult }](t, w.bob, "searchinvoices", named{"text": c.name, "asset": c.params["asset"]}).Invoices[0],
			} {
				if got.Asset != asset || got.Amount != c.amount || got.Units != c.units || got.Msat != nil || len(got.Routes) != 0 {
					t.Errorf("%s: %+v", what, got)
				}
			}
		})
	}
	t.Run("it is held when the payee keeps the preimage", func(t *testing.T) {
		list := ask[struct{ Holdinvoices []billResult }](t, w.bob, "listholdinvoices").Holdinvoices
		if len(list) != 1 || list[0].Hash != hashOf(1) || list[0].Amount != "12.5" || list[0].Property != 3 {
			t.Errorf("%+v", list)
		}
		made := ask[billResult](t, w.bob, "holdinvoice", named{"payment_hash": hashOf(2), "amount_msat": "2", "label": "h", "description": "", "asset": 4})
		equal(t, "what holdinvoice makes", made.Bolt11[:len("obort4:20n1")], "obort4:20n1")
		ask[struct{}](t, w.bob, "cancelholdinvoice", hashOf(2))
	})
	t.Run("a search for bitcoin finds none of them", func(t *testing.T) {
		for _, params := range []named{{"asset": 0}, {"min_msat": 1}, {"max_msat": 1}} {
			equal(t, "found", len(ask[struct{ Invoices []billResult }](t, w.bob, "searchinvoices", params).Invoices), 0)
		}
	})
	t.Run("who has no channel of it cannot pay, and is told so", func(t *testing.T) {
		made := ask[billResult](t, w.bob, "invoice", named{"amount_msat": 1, "asset": 3, "label": "x", "description": ""})
		for _, method := range []string{"pay", "xpay"} {
			_, err := try(t, w.alice, method, made.Bolt11)
			if e := command.AsError(err); err == nil || e.Code != command.PayRouteNotFound || !strings.Contains(e.Message, "no channel of this node can carry tokens of property 3") {
				t.Errorf("%s: %v", method, err)
			}
		}
		ask[struct{}](t, w.alice, "preapproveinvoice", made.Bolt11)
		checked := ask[struct {
			Valid  bool
			Asset  string
			Amount string
		}](t, w.alice, "checkreceipt", made.Bolt11, secret(9))
		equal(t, "a receipt", checked, struct {
			Valid  bool
			Asset  string
			Amount string
		}{false, "Tea", "1"})
	})
}

func TestAnInvoiceThatCannotBeInTokensIsRefusedAndLeavesNothing(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := teashop(t)
	tea := func(more named) named {
		more["label"], more["description"] = "x", "y"
		if more["asset"] == nil {
			more["asset"] = 3
		}
		return more
	}
	for name, c := range map[string]struct {
		params named
		code   command.Code
		says   string
	}{
		"millisatoshi":              {tea(named{"amount_msat": "1000msat"}), command.InvalidParams, "not an amount of tokens"},
		"bitcoin":                   {tea(named{"amount_msat": "0.5btc"}), command.InvalidParams, "not an amount of tokens"},
		"a fraction of a unit":      {tea(named{"amount_msat": "0.000000001"}), command.InvalidParams, "fraction"},
		"half a cup":                {tea(named{"amount_msat": "0.5", "asset": 4}), command.InvalidParams, "fraction"},
		"nothing":                   {tea(named{"amount_msat": 0}), command.InvalidParams, "smallest units"},
		"no units":                  {tea(named{"amount_msat": "any", "amount_units": 0}), command.InvalidParams, "smallest units"},
		"more than there can be":    {tea(named{"amount_msat": "92233720368.54775808"}), command.InvalidParams, "more than there can be"},
		"too many units":            {tea(named{"amount_msat": "any", "amount_units": uint64(1 << 63)}), command.InvalidParams, "smallest units"},
		"units below zero":          {tea(named{"amount_msat": "any", "amount_units": -1}), command.InvalidParams, "amount_units"},
		"both":                      {tea(named{"amount_msat": 1, "amount_units": 1}), command.InvalidParams, "instead of amount_msat"},
		"a negative":                {tea(named{"amount_msat": "-1"}), command.InvalidParams, "amount_msat"},
		"words":                     {tea(named{"amount_msat": "plenty"}), command.InvalidParams, "amount_msat"},
		"tokens without asset":      {named{"amount_msat": "12.5", "label": "x", "description": "y"}, command.InvalidParams, "fraction of a millisatoshi"},
		"units without asset":       {named{"amount_msat": "any", "amount_units": 5, "label": "x", "description": "y"}, command.InvalidParams, "goes with asset"},
		"bitcoin as an asset":       {tea(named{"amount_msat": 1, "asset": 0}), command.InvalidParams, "0 is bitcoin"},
		"an asset of 33 bits":       {tea(named{"amount_msat": 1, "asset": 1 << 32}), command.InvalidParams, "asset"},
		"an unknown asset":          {tea(named{"amount_msat": 1, "asset": 77}), command.AssetUnknown, "77"},
		"what rules of others move": {tea(named{"amount_msat": 1, "asset": 1}), command.AssetRefused, "channels do not carry it"},
		"an address on-chain":       {tea(named{"amount_msat": 1, "fallbacks": []string{"mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"}}), command.InvalidParams, "fallbacks"},
		"a hash and a preimage":     {tea(named{"amount_msat": 1, "h": hashOf(1), "preimage": secret(1)}), command.InvalidParams, "preimage"},
		"half a hash":               {tea(named{"amount_msat": 1, "h": "00"}), command.InvalidParams, "h"},
	} {
		t.Run(name, func(t *testing.T) {
			if no := refused(t, w.bob, c.code, "invoice", c.params); !strings.Contains(no.Message, c.says) {
				t.Errorf("%q does not say %q", no.Message, c.says)
			}
		})
	}
	if no := refused(t, w.carol, command.AssetsOff, "invoice", named{"amount_msat": 1, "asset": 3, "label": "x", "description": ""}); !strings.Contains(no.Message, "--assets") {
		t.Error(no.Message)
	}
	equal(t, "what was made", len(ask[struct{ Invoices []billResult }](t, w.bob, "listinvoices").Invoices), 0)
}
