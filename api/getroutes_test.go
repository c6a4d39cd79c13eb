package api_test

import (
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type routesResult struct {
	Probability uint64 `json:"probability_ppm"`
	Routes      []struct {
		Probability uint64              `json:"probability_ppm"`
		Amount      amount.MilliSatoshi `json:"amount_msat"`
		FinalCLTV   uint32              `json:"final_cltv"`
		Path        []struct {
			SCIDDir   string              `json:"short_channel_id_dir"`
			AmountIn  amount.MilliSatoshi `json:"amount_in_msat"`
			AmountOut amount.MilliSatoshi `json:"amount_out_msat"`
			NodeIn    string              `json:"node_id_in"`
			NodeOut   string              `json:"node_id_out"`
			CLTVIn    uint32              `json:"cltv_in"`
			CLTVOut   uint32              `json:"cltv_out"`
			Next      string              `json:"next_node_id"`
			Delay     uint32
		}
	}
}

// Without its layers a node is looked at as others see it, and takes what it takes of others.
func TestRoutesBeginAsTheLayersSay(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	alice, carol, bob := w.alice.ID().String(), w.carol.ID().String(), w.bob.ID().String()
	const sat = 1000
	for _, x := range []struct {
		source string
		msat   int
		layers []string
		fee    int // of the first channel, at 1 sat and 10 millionths
		delta  uint32
		chance uint64
	}{
		{alice, 100_000 * sat, []string{"auto.localchans", "auto.sourcefree"}, 0, 0, 900_000},
		{alice, 100_000 * sat, []string{"auto.localchans"}, 2000, 80, 900_000}, // of 100,002 sat, which Carol gets
		{alice, 100_000 * sat, []string{"auto.sourcefree"}, 0, 0, 809_998},
		{alice, 100_000 * sat, []string{}, 2000, 80, 809_998},
		{alice, 990_000 * sat, []string{"auto.sourcefree"}, 0, 0, 100}, // more than she has
		{carol, 100_000 * sat, []string{"auto.localchans", "auto.sourcefree"}, 0, 0, 900_000},
		{carol, 100_000 * sat, []string{"auto.localchans"}, 2000, 80, 900_000},
	} {
		got := ask[routesResult](t, w.alice, "getroutes", x.source, bob, x.msat, x.layers, 100*sat, 40)
		if len(got.Routes) != 1 || got.Routes[0].Path[0].NodeIn != x.source {
			t.Fatalf("%+v: %+v", x, got)
		}
		first := got.Routes[0].Path[0]
		if fee := int(first.AmountIn - first.AmountOut); fee != x.fee || first.CLTVIn-first.CLTVOut != x.delta || first.Delay != first.CLTVIn { //nolint:gosec // small
			t.Errorf("%+v: fee %d, blocks %d to %d", x, fee, first.CLTVIn, first.CLTVOut)
		}
		if got.Probability != x.chance {
			t.Errorf("%+v: probability %d", x, got.Probability)
		}
	}
	local := []string{"auto.localchans"}
	refused(t, w.alice, command.PayInsufficientFunds, "getroutes", alice, bob, 990_000*sat, local, 100*sat, 40)
	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 100_000*sat, local, 3999, 40)
	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 100_000*sat, []string{}, 3999, 40)
	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 100_000*sat, local, 100*sat, 40, 199)
	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 100_000*sat, []string{}, 100*sat, 40, 199)
	refused(t, w.alice, command.PayRouteNotFound, "getroutes", alice, alice, 1000, []string{}, 1000, 40)

	// A channel that is not announced is there with auto.localchans alone.
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "fundchannel", named{"id": bob, "amount": 300_000, "announce": false})
	w.mine(t, 6)
	until(t, "it is used", func() bool {
		return ask[struct {
			Active int `json:"num_active_channels"`
		}](t, w.alice, "getinfo").Active == 2
	})
	for layer, hops := range map[string]int{"auto.localchans": 1, "auto.sourcefree": 2} {
		got := ask[routesResult](t, w.alice, "getroutes", alice, bob, 1000*sat, []string{layer}, 100*sat, 40)
		if len(got.Routes) != 1 || len(got.Routes[0].Path) != hops {
			t.Errorf("%s: %+v", layer, got)
		}
	}
}

func TestRoutesAreFoundFromAnyNodeToAnyOther(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	alice, carol, bob := w.alice.ID().String(), w.carol.ID().String(), w.bob.ID().String()
	from := func(n string) routesResult {
		return ask[routesResult](t, w.alice, "getroutes", n, bob, 100_000_000, []string{"auto.localchans", "auto.sourcefree"}, 1_000_000, 40)
	}
	ours := from(alice)
	if len(ours.Routes) != 1 || len(ours.Routes[0].Path) != 2 {
		t.Fatalf("%+v", ours)
	}
	r := ours.Routes[0]
	first, last := r.Path[0], r.Path[1]
	equal(t, "what arrives", fmt.Sprint(r.Amount, r.FinalCLTV), "100000000msat 40")
	equal(t, "the nodes", fmt.Sprint(first.NodeIn == alice, first.NodeOut == carol, last.NodeIn == carol, last.NodeOut == bob), "true true true true")
	equal(t, "our own channel costs nothing", first.AmountIn, first.AmountOut)
	equal(t, "Carol's takes a fee", last.AmountIn > last.AmountOut, true)
	equal(t, "amounts go on from hop to hop", last.AmountIn, first.AmountOut)
	equal(t, "so do blocks", last.CLTVIn, first.CLTVOut)
	equal(t, "the payee's blocks", last.CLTVOut, uint32(40))
	equal(t, "older names", fmt.Sprint(first.Next == carol, first.Delay == first.CLTVIn), "true true")
	// 900,000 of 1,000,000 sat are left: our own channel is known, Carol's is not.
	equal(t, "the guess", fmt.Sprint(r.Probability, ours.Probability), "900000 900000")

	// From Carol, her channel is hers; from Bob, the way goes over her.
	if hers := from(carol); len(hers.Routes) != 1 || len(hers.Routes[0].Path) != 1 || hers.Routes[0].Path[0].AmountIn != 100_000_000 {
		t.Errorf("%+v", hers)
	}
	back := ask[routesResult](t, w.alice, "getroutes", named{
		"source": bob, "destination": alice, "amount_msat": 1000, "layers": []string{"auto.localchans", "auto.sourcefree", "auto.no_mpp_support"},
		"maxfee_msat": 2000, "final_cltv": 18, "maxdelay": 200, "maxparts": 3,
	})
	if len(back.Routes) != 1 || len(back.Routes[0].Path) != 2 {
		t.Errorf("%+v", back)
	}

	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 100_000_000, []string{}, 0, 40)
	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 100_000_000, []string{}, 1_000_000, 40, 41)
	refused(t, w.alice, command.PayRouteTooExpensive, "getroutes", alice, bob, 1000, []string{}, 1_000_000, 3000)
	refused(t, w.alice, command.PayInsufficientFunds, "getroutes", alice, bob, "2000000sat", []string{"auto.localchans"}, 1_000_000, 40)
	stranger := "02" + fmt.Sprintf("%064x", 1)
	refused(t, w.alice, command.PayRouteNotFound, "getroutes", alice, stranger, 1000, []string{}, 1_000_000, 40)
	refused(t, w.alice, command.PayRouteNotFound, "getroutes", stranger, bob, 1000, []string{}, 1_000_000, 40)
	for name, params := range map[string][]any{
		"too few":       {alice, bob, 1000, []string{}, 1000},
		"no amount":     {alice, bob, 0, []string{}, 1000, 40},
		"a layer":       {alice, bob, 1000, []string{"mine"}, 1000, 40},
		"no layers":     {alice, bob, 1000, "auto.localchans", 1000, 40},
		"too long":      {alice, bob, 1000, []string{}, 1000, 40, 2017},
		"no parts":      {alice, bob, 1000, []string{}, 1000, 40, 2016, 0},
		"not a node":    {"alice", bob, 1000, []string{}, 1000, 40},
		"a huge amount": {alice, bob, "21000001btc", []string{}, 1000, 40},
	} {
		t.Run(name, func(t *testing.T) { refused(t, w.alice, command.InvalidParams, "getroutes", params...) })
	}
}
