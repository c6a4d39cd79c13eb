package api_test

import (
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

// teaDirection is a row of listassetchannels.
type teaDirection struct {
	Source, Destination string
	SCID                string `json:"short_channel_id"`
	Property            uint32 `json:"property_id"`
	Capacity            uint64 `json:"capacity_units"`
	Active, Checked     bool
	Base                uint64 `json:"base_fee_millisatoshi"`
	PPM                 uint64 `json:"fee_per_millionth"`
	Most                uint64 `json:"htlc_maximum_units"`
	Carrier             uint64 `json:"carrier_msat"`
}

func teaDirections(t *testing.T, n *node.Node, params named) []teaDirection {
	t.Helper()
	return ask[struct{ Channels []teaDirection }](t, n, "listassetchannels", params).Channels
}

// Alice has a channel with Carl, Carl with Dave, Dave with Bob, who names none of them.
func TestTokensFindTheirWayOverAnnouncedChannels(t *testing.T) {
	race.Leave(t, "node's TestOnlyNodesWithTheFeatureHearOfChannelsWithTokens tells of such channels, TestTokensArePaidOverChannelsToTheUnit pays over them")
	w := teashop(t)
	carl, dave := w.start(t, "carl"), w.start(t, "dave")
	line := []*node.Node{w.alice, carl, dave, w.bob}
	blocks := func(count int) {
		t.Helper()
		w.mine(t, count)
		tip, err := w.chain.Tip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range line {
			until(t, "the ledger has read the chain", func() bool {
				rows, _, err := n.Store().Ledger(t.Context())
				return err == nil && rows.Seen == tip && n.Synced() == tip.Height
			})
		}
	}
	for _, n := range line[1:3] {
		w.fund(t, n, 300_000)
		blocks(1)
		ask[assetSent](t, w.alice, "assetsend", 3, "200", tokenAddress(t, n))
		blocks(1)
	}
	for i, n := range line[:3] {
		ask[struct{}](t, n, "connect", at(line[i+1]))
		ask[struct{}](t, n, "fundchannel", named{
			"id": line[i+1].ID(), "amount": 200_000, "asset": 3, "asset_amount": "100", "push_asset": "10", "push_msat": 40_000_000, "minconf": 0, "announce": true,
		})
		blocks(1)
	}
	refused(t, w.bob, command.InvalidParams, "invoice", named{"amount_msat": "1", "label": "no", "description": "", "asset": 4, "exposeprivatechannels": false})
	blocks(6)
	for _, n := range line {
		until(t, "everybody knows the three channels", func() bool {
			good := 0
			for _, d := range teaDirections(t, n, named{"property_id": 3}) {
				if d.Active && d.Checked && d.Capacity == 10_000_000_000 && d.Most == d.Capacity && d.Carrier > 0 {
					good++
				}
			}
			return good == 6
		})
		equal(t, "channels with bitcoin", len(ask[struct{ Channels []any }](t, n, "listchannels").Channels), 0)
	}
	equal(t, "of another token", len(teaDirections(t, w.alice, named{"property_id": 4})), 0)
	last := teaDirections(t, w.alice, named{"source": dave.ID(), "destination": w.bob.ID()})
	equal(t, "from Dave to Bob", len(last), 1)
	equal(t, "of that channel", len(teaDirections(t, w.alice, named{"short_channel_id": last[0].SCID})), 2)

	pay := func(label string, fee, base uint64) {
		t.Helper()
		made := ask[billResult](t, w.bob, "invoice", named{"amount_msat": "10", "label": label, "description": "", "asset": 3, "exposeprivatechannels": false})
		equal(t, "hints", len(ask[billResult](t, w.alice, "decode", made.Bolt11).Routes), 0)
		cost := ask[struct {
			Routes    []struct{ Route []struct{} }
			SentUnits uint64 `json:"amount_sent_units"`
		}](t, w.alice, "paycost", made.Bolt11)
		if len(cost.Routes) != 1 || len(cost.Routes[0].Route) != 3 || cost.SentUnits != 1_000_000_000+fee {
			t.Errorf("it would cost %+v", cost)
		}
		got := ask[teaPaid](t, w.alice, "pay", made.Bolt11)
		inv := ask[struct{ Invoices []teaPaid }](t, w.bob, "listinvoices", label).Invoices[0]
		if got.Status != "complete" || got.Units != 1_000_000_000 || inv.Got != got.Units || got.SentUnits != got.Units+fee || got.SentMsat != inv.GotMsat+base {
			t.Errorf("%+v, %+v", got, inv)
		}
	}
	ppm, base := last[0].PPM, last[0].Base
	dues := 1000 * ppm
	pay("as it is", dues+(1_000_000_000+dues)*ppm/1_000_000, 2*base)
	ask[struct{}](t, dave, "setchannel", named{"id": last[0].SCID, "feebase": 7000, "feeppm": 1000, "enforcedelay": 0})
	until(t, "Alice hears what Dave takes now", func() bool {
		d := teaDirections(t, w.alice, named{"source": dave.ID(), "destination": w.bob.ID()})
		return d[0].Base == 7000 && d[0].PPM == 1000
	})
	pay("dearer", 1_000_000+1_001_000_000*ppm/1_000_000, 7000+base)

	ask[struct{}](t, w.bob, "close", last[0].SCID)
	until(t, "Alice forgets the channel that is closed", func() bool {
		blocks(1)
		return len(teaDirections(t, w.alice, named{"short_channel_id": last[0].SCID})) == 0
	})
}
