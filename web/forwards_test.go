package web

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/node"
)

func TestWhoForwardsTokensSeesWhatMovedAndWhatWasExchanged(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	alice, bob := teashop(t)
	dora := newHouse(t, alice.chain, "dora", func(c *node.Config) { c.Assets = tokens.Wish{On: true} })
	mineLedgers(t, 1, alice, bob, dora)
	call := func(h *house, method string, params map[string]any, into any) {
		t.Helper()
		raw, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := apiCall(t, h, method, raw)
		if err != nil {
			t.Fatal(method, err)
		}
		if raw, err = json.Marshal(answer); err == nil && into != nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	alice.ask(t, nil, "connect", dora.node.ID().String()+"@"+dora.node.Addr().String())
	call(alice, "fundchannel", map[string]any{"id": dora.node.ID(), "amount": 300_000, "push_msat": "100000sat", "announce": false, "minconf": 0}, nil)
	mineLedgers(t, 1, alice, bob, dora)
	call(alice, "fundchannel", map[string]any{
		"id": dora.node.ID(), "amount": 300_000, "push_msat": "100000sat", "asset": 3, "asset_amount": "100", "push_asset": "50", "minconf": 0,
	}, nil)
	mineLedgers(t, 7, alice, bob, dora)
	alice.ask(t, nil, "setassetrate", "3", "1000sat", "1", "0", "100")
	var rates struct {
		Rates []map[string]any
	}
	alice.ask(t, &rates, "listassetrates")

	pays := func(tea string, with map[string]any) {
		t.Helper()
		var made struct{ Bolt11 string }
		call(bob, "invoice", map[string]any{"asset": 3, "amount_msat": tea, "label": tea, "description": "tea"}, &made)
		with["bolt11"] = made.Bolt11
		call(dora, "pay", with, nil)
	}
	until(t, "dora's channels are usable", func() bool {
		var found struct{ Channels []channelRow }
		dora.ask(t, &found, "listpeerchannels")
		return len(found.Channels) == 2 && found.Channels[0].Spendable > 0 && found.Channels[1].Asset.Spendable > 0
	})
	pays("5", map[string]any{"exchange": rates.Rates[0], "maxcost": "12000sat"})
	pays("2", map[string]any{})

	a := alice.in(t)
	moved := "2 shown, 7" + tea + " moved, "
	until(t, "both are settled", func() bool { return strings.Contains(a.get("/forwards").body, moved) })
	body := a.get("/forwards").body
	has(t, "the forwards", body, "\u00a0sat → 5"+tea, `class="num long">2`+tea)
	rows, err := csv.NewReader(strings.NewReader(a.get("/forwards.csv").body)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	for i, want := range []string{"3,200002000,3,200000000,2000", ",,3,500000000,"} {
		if got := strings.Join(rows[i+1][12:], ","); got != want {
			t.Errorf("row %d of the file says %s", i, got)
		}
	}
}
