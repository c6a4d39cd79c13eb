package api_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type forwardResult struct {
	Created            uint64 `json:"created_index"`
	In                 string `json:"in_channel"`
	Out                string `json:"out_channel"`
	HTLC               uint64 `json:"in_htlc_id"`
	InMsat             uint64 `json:"in_msat"`
	OutMsat            uint64 `json:"out_msat"`
	Fee                uint64 `json:"fee_msat"`
	Status             string
	Received, Resolved uint64
}

func TestTheTermsOfAChannelAreSetAndItsForwardsListed(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	carol := w.carol
	toBob := ""
	for _, c := range channels(t, carol) {
		if c.PeerID == w.bob.ID().String() {
			toBob = c.SCID
		}
	}
	forwards := func(params ...any) []forwardResult {
		t.Helper()
		return ask[struct{ Forwards []forwardResult }](t, carol, "listforwards", params...).Forwards
	}
	pays := func(amt uint64) (fee uint64) {
		t.Helper()
		inv := ask[invoiceResult](t, w.bob, "invoice", amt, hashOf(byte(amt%251))+t.Name(), "")
		got := ask[xpayResult](t, w.alice, "xpay", inv.Bolt11, nil, "100sat")
		w.idle(t)
		return got.Sent - got.Amount
	}
	equal(t, "the fee before", pays(100_000), uint64(1001))
	first := waiting(t, carol, "forwards", "created", 2)
	ended := waiting(t, carol, "forwards", "updated", 2)

	type set struct {
		Channels []struct {
			SCID    string `json:"short_channel_id"`
			FeeBase uint64 `json:"fee_base_msat"`
			FeePPM  uint64 `json:"fee_proportional_millionths"`
			Min     uint64 `json:"minimum_htlc_out_msat"`
			Max     uint64 `json:"maximum_htlc_out_msat"`
			High    string `json:"warning_htlcmax_too_high"`
		}
	}
	got := ask[set](t, carol, "setchannel", toBob, "7sat", 1000, 10_000, "5btc", 0).Channels
	if len(got) != 1 || got[0].SCID != toBob || got[0].FeeBase != 7000 || got[0].FeePPM != 1000 || got[0].Min != 10_000 || got[0].High == "" || got[0].Max > 1_000_000_000 {
		t.Errorf("setchannel gave %+v", got)
	}
	known := func(base uint64, ppm uint64) {
		t.Helper()
		until(t, "alice knows the terms", func() bool {
			type rows struct {
				Channels []struct {
					Source string
					Base   uint64 `json:"base_fee_millisatoshi"`
					PPM    uint64 `json:"fee_per_millionth"`
				}
			}
			for _, c := range ask[rows](t, w.alice, "listchannels", toBob).Channels {
				if c.Source == carol.ID().String() && c.Base == base && c.PPM == ppm {
					return true
				}
			}
			return false
		})
	}
	known(7000, 1000)
	equal(t, "the fee after", pays(100_001), uint64(7100))
	inv := ask[invoiceResult](t, w.bob, "invoice", 9999, "too small", "")
	if _, err := try(t, w.alice, "xpay", inv.Bolt11, nil, "100sat"); command.AsError(err).Code != command.PayRouteNotFound {
		t.Errorf("below htlcmin: %v", err)
	}
	// Who has not heard of new terms pays by those before, for a while.
	route := ask[struct{ Route []any }](t, w.alice, "getroute", w.bob.ID(), 50_000, nil, 50).Route
	send := func(b byte) error {
		t.Helper()
		inv := ask[invoiceResult](t, w.bob, "invoice", 50_000, secret(b), "", nil, nil, secret(b))
		ask[struct{}](t, w.alice, "sendpay", route, inv.PaymentHash, nil, nil, nil, inv.PaymentSecret)
		_, err := try(t, w.alice, "waitsendpay", inv.PaymentHash, 60)
		w.idle(t)
		return err
	}
	ask[set](t, carol, "setchannel", toBob, "8sat")
	if err := send(101); err != nil {
		t.Errorf("by the terms before: %v", err)
	}
	ask[set](t, carol, "setchannel", toBob, "7sat", 1000, 10_000, nil, 0)
	known(7000, 1000)
	// What is not given stays.
	got = ask[set](t, carol, "setchannel", named{"id": "all", "feeppm": 0}).Channels
	if len(got) != 2 {
		t.Errorf("all: %+v", got)
	}
	for _, c := range got {
		if c.FeePPM != 0 || c.SCID == toBob && (c.FeeBase != 7000 || c.Min != 10_000) || c.SCID != toBob && c.FeeBase != 1000 {
			t.Errorf("all: %+v", c)
		}
	}
	known(7000, 0)

	list := forwards()
	if len(list) != 3 || list[1].Status != "settled" || list[1].Fee != 7100 || list[1].OutMsat != 100_001 || list[1].InMsat != 107_101 || list[1].Out != toBob || list[1].In == toBob {
		t.Fatalf("forwards: %+v", list)
	}
	if got := <-first; got.Created == nil || *got.Created != 2 {
		t.Errorf("wait created: %+v", got)
	}
	if got := <-ended; got.Updated == nil || *got.Updated != 2 {
		t.Errorf("wait updated: %+v", got)
	}
	equal(t, "settled", len(forwards("settled")), 3)
	equal(t, "failed", len(forwards("failed")), 0)
	equal(t, "out of it", len(forwards(nil, nil, toBob)), 3)
	equal(t, "into it", len(forwards(nil, toBob)), 0)
	equal(t, "updated", len(forwards(named{"index": "updated", "start": 2})), 2)
	equal(t, "at the most", len(forwards(named{"limit": 1})), 1)

	refused(t, carol, command.ForwardNotFound, "delforward", list[0].In, list[0].HTLC, "failed")
	refused(t, carol, command.ForwardNotFound, "delforward", "1x2x3", 0, "settled")
	ask[struct{}](t, carol, "delforward", list[0].In, list[0].HTLC, "settled")
	equal(t, "what is left", len(forwards()), 2)
	equal(t, "what was earned", ask[struct {
		Fees amount.MilliSatoshi `json:"fees_collected_msat"`
	}](t, carol, "getinfo").Fees, amount.MilliSatoshi(15151))

	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"no channel":               {"setchannel", nil},
		"another's channel":        {"setchannel", []any{"1x2x3", 1}},
		"a fee below 0":            {"setchannel", []any{toBob, -1}},
		"a fee above 32 bits":      {"setchannel", []any{toBob, "1btc"}},
		"a share above 32 bits":    {"setchannel", []any{toBob, 1, uint64(1 << 32)}},
		"more than it carries":     {"setchannel", []any{toBob, nil, nil, "1btc"}},
		"the least above the most": {"setchannel", []any{toBob, nil, nil, 2000, 1000}},
		"ignoring the limits":      {"setchannel", []any{named{"id": toBob, "ignorefeelimits": true}}},
		"a status of love":         {"listforwards", []any{"loved"}},
		"an order of love":         {"listforwards", []any{named{"index": "loved"}}},
		"a channel of words":       {"listforwards", []any{nil, "mine"}},
		"deleting what is offered": {"delforward", []any{list[1].In, list[1].HTLC, "offered"}},
		"deleting nothing":         {"delforward", nil},
	} {
		t.Run(name, func(t *testing.T) { refused(t, carol, command.InvalidParams, c.method, c.params...) })
	}
}
