package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

// oddCalls is how many odd calls are given to each command, and oddTime after how long one
// is taken for one that waits.
const (
	oddCalls = 10
	oddTime  = 50 * time.Millisecond
)

// Whatever the parameters, a command answers, or refuses with one of its codes and a text
// that is short, and one that refuses them has made and changed nothing.
func TestOddCallsAreAnsweredOrRefusedWithACode(t *testing.T) {
	race.Leave(t, "thousands of calls, one after the other")
	w := line(t)
	values := oddValues(t, w)
	r := rand.New(rand.NewPCG(9, 3)) //nolint:gosec // the same calls each time
	state := func() string {
		var b strings.Builder
		for _, method := range []string{"listinvoices", "listfunds", "listdatastore", "showrunes", "listwebhooks"} {
			b.Write(ask[json.RawMessage](t, w.alice, method))
		}
		return b.String()
	}
	table := api.Table()
	for i := range table {
		c := &table[i]
		if slices.Contains([]string{"stop", "backup", "stepmode", "log"}, c.Name) {
			continue // they would change what this test stands on
		}
		for range oddCalls {
			params := named{}
			for _, p := range c.Params {
				if !p.Refused && (!p.Optional || r.IntN(4) == 0) {
					params[p.Name] = fitting[p.Type]
					if r.IntN(3) > 0 {
						params[p.Name] = values[r.IntN(len(values))]
					}
				}
			}
			raw, before := plain(t, params), state()
			ctx, cancel := context.WithTimeout(t.Context(), oddTime)
			res, err := api.Call(ctx, w.alice, c.Name, raw)
			late := ctx.Err() != nil
			cancel()
			var e *command.Error
			switch errors.As(err, &e); {
			case late: // it may have been waiting
			case err == nil:
				plain(t, res)
			case e == nil || e.Code != command.InvalidParams && !slices.Contains(c.Errors, e.Code):
				t.Errorf("%s %.300s: %v, which is not on its page", c.Name, raw, err)
			case e.Message == "" || !utf8.ValidString(e.Message) || len(e.Message) > 2100 || strings.Contains(e.Message, "json: "):
				t.Errorf("%s %.300s: the message is %.2200q", c.Name, raw, e.Message)
			case e.Code == command.InvalidParams && state() != before:
				t.Errorf("%s %.300s: %v, and it changed something", c.Name, raw, err)
			}
		}
	}
}

// oddValues are values of all kinds: some mean something to the first of the nodes.
func oddValues(t *testing.T, w *network) []any {
	t.Helper()
	inv := ask[invoiceResult](t, w.bob, "invoice", 7000, "odd", "of all kinds")
	ours := ask[invoiceResult](t, w.alice, "invoice", "any", "ours", "of all kinds")
	ch := channels(t, w.alice)[0]
	to := ask[struct{ Bech32 string }](t, w.bob, "newaddr").Bech32
	return []any{
		nil, "", " ", "\x00", "é\u202e\U0001F600", "any", "all", "null", "-1", "1.5", "1e3", "0x10", "18446744073709551616", "9223372036854775807msat",
		"99999999btc", -1, 0, 1, 253, math.MaxUint32, math.MaxInt64, json.Number("18446744073709551615"), json.Number("1e400"), 1.5, true, false,
		[]any{}, []any{nil}, []any{[]any{}}, named{}, named{"": nil}, json.RawMessage(strings.Repeat("[", 300) + strings.Repeat("]", 300)), strings.Repeat("y", 100_000),
		hashOf(1), "zz", "0", "16777216x1x1", "1x1x1/2", ch.SCID, ch.ID, ch.FundingTxid + ":0", ch.FundingTxid + ":4294967296",
		w.bob.ID(), w.carol.ID(), nowhere + "@127.0.0.1:1", nowhere + "@", inv.Bolt11, ours.Bolt11, inv.Bolt11[:100], "LIGHTNING:" + inv.Bolt11, ours.Label, to,
		[]any{named{to: "all"}}, []any{named{"id": nowhere, "amount": 1}}, []any{named{"id": w.carol.ID(), "channel": ch.SCID, "amount_msat": -1, "delay": 1e9}},
		"4294967295perkw", "0perkw", "65536blocks", "paid", "updated", "must-append", "SELECT * FROM invoices", "SELECT", "invoices", "sendpays",
	}
}
