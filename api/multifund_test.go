package api_test

import (
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

// TestSeveralChannelsAreOpenedByOneTransactionOrNone has a node that nobody can reach
// among the destinations, and one whose channel is too small.
func TestSeveralChannelsAreOpenedByOneTransactionOrNone(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 3_000_000)
	nobody := "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"
	carol, bob := w.carol.ID().String(), w.bob.ID().String()
	to := func(id string, sat any) named { return named{"id": id, "amount": sat} }
	// These leave everything as it was: nothing spent, nothing reserved, no channel.
	for what, wrong := range map[string]any{
		"none":                []any{},
		"no amount":           []any{named{"id": bob}},
		"unknown member":      []any{named{"id": bob, "amount": 100_000, "fee": 1}},
		"no object":           []any{bob},
		"one twice":           []any{to(at(w.bob), 100_000), to(bob, 100_000)},
		"two of all":          []any{to(at(w.bob), "all"), to(at(w.carol), "all")},
		"used at once":        []any{named{"id": bob, "amount": 100_000, "mindepth": 0}},
		"close_to":            []any{named{"id": bob, "amount": 100_000, "close_to": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"}},
		"reserve":             []any{named{"id": bob, "amount": 100_000, "reserve": "much"}},
		"half a node id":      []any{to(bob[:30], 100_000)},
		"a fraction of a sat": []any{to(bob, "1msat")},
	} {
		t.Log(what)
		refused(t, w.alice, command.InvalidParams, "multifundchannel", wrong)
	}
	for _, least := range []int{0, 3} {
		refused(t, w.alice, command.InvalidParams, "multifundchannel", named{"destinations": []any{to(bob, 100_000), to(carol, 100_000)}, "minchannels": least})
	}
	whose := func(e *command.Error, id, method string) {
		t.Helper()
		data, _ := e.Data.(map[string]any)
		if !strings.Contains(e.Message, id) || data["method"] != method {
			t.Errorf("the error is %q with %v", e.Message, data)
		}
	}
	whose(refused(t, w.alice, command.ConnectNoKnownAddress, "multifundchannel", []any{to(at(w.bob), 100_000), to(nobody, 100_000)}), nobody, "connect")
	whose(refused(t, w.alice, command.Failed, "multifundchannel", []any{to(at(w.bob), 1_000_000), to(at(w.carol), 1000)}), carol, "fundchannel_start")
	whose(refused(t, w.alice, command.FundOutputIsDust, "multifundchannel", []any{to(at(w.bob), 1_000_000), to(at(w.carol), 100)}), carol, "fundchannel_start")
	refused(t, w.alice, command.FundCannotAfford, "multifundchannel", []any{to(at(w.bob), 2_000_000), to(at(w.carol), 2_000_000)})

	got := ask[struct {
		Tx, Txid string
		Channels []struct {
			ID      string
			Outnum  uint32
			Channel string `json:"channel_id"`
		} `json:"channel_ids"`
		Failed []struct {
			ID, Method string
			Error      command.Error
		}
	}](t, w.alice, "multifundchannel", named{
		"destinations": []any{to(nobody, 100_000), named{"id": at(w.bob), "amount": 1_000_000, "push_msat": 5_000_000, "announce": false}, to(at(w.carol), "all")},
		"minchannels":  2,
	})
	if len(got.Failed) != 1 || got.Failed[0].ID != nobody || got.Failed[0].Method != "connect" || got.Failed[0].Error.Code != command.ConnectNoKnownAddress {
		t.Errorf("failed are %+v", got.Failed)
	}
	list := channels(t, w.alice)
	if len(list) != 2 || len(got.Channels) != 2 || got.Tx == "" {
		t.Fatalf("multifundchannel gives %+v, and there are %+v", got, list)
	}
	for _, c := range list {
		if c.FundingTxid != got.Txid {
			t.Errorf("%s has another funding transaction", c.PeerID)
		}
		if c.PeerID == bob && (c.Total != 1_000_000_000 || !c.Private || c.ToUs != 995_000_000) || c.PeerID == carol && c.Total < 1_800_000_000 {
			t.Errorf("the channel with %s is %+v", c.PeerID, c)
		}
	}
	w.mine(t, 6)
	until(t, "both channels can be used", func() bool {
		for _, c := range channels(t, w.alice) {
			if c.State != "CHANNELD_NORMAL" {
				return false
			}
		}
		return true
	})
	var total amount.MilliSatoshi
	for _, c := range ask[fundsResult](t, w.alice, "listfunds").Channels {
		total += c.Total
	}
	if total < 2_800_000_000 {
		t.Errorf("the channels have %v", total)
	}
}
