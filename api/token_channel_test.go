package api_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

type tokenChannel struct {
	Channels []struct {
		State   string
		ID      string `json:"channel_id"`
		Private bool
		Asset   struct {
			Property uint32 `json:"property_id"`
			Total    uint64 `json:"total_units"`
			ToUs     uint64 `json:"to_us_units"`
			Carrier  uint64 `json:"carrier_msat"`
		}
	}
}

// until a channel of a node is in a state.
func (w *network) stands(t *testing.T, n *node.Node, state string) (c tokenChannel) {
	t.Helper()
	until(t, "the channel is "+state, func() bool {
		c = ask[tokenChannel](t, n, "listpeerchannels")
		return len(c.Channels) == 1 && c.Channels[0].State == state
	})
	return c
}

func TestAChannelHoldsTokensAndGivesThemBack(t *testing.T) {
	race.Like(t, TestAChannelFromItsPeerToItsClose)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.fund(t, w.bob, 100_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", named{"kind": "fixed", "name": "Tea", "amount": "1000.5"})
	w.block(t)
	ask[assetSent](t, w.alice, "assetissue", named{"kind": "managed", "name": "Coffee"})
	w.block(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	wish := func(change named) named {
		all := named{"id": w.bob.ID(), "amount": 200_000, "asset": 3, "asset_amount": "500", "push_asset": "100", "push_msat": 20_000_000}
		for k, v := range change {
			all[k] = v
		}
		return all
	}
	refused(t, w.alice, command.AssetTooFew, "fundchannel", wish(named{"asset_amount": "1000.6"}))
	refused(t, w.alice, command.AssetUnknown, "fundchannel", wish(named{"asset": 5}))
	refused(t, w.alice, command.AssetRefused, "fundchannel", wish(named{"asset": 4})) // who manages it may freeze it
	refused(t, w.alice, command.AssetRefused, "fundchannel", wish(named{"asset": 1}))
	refused(t, w.alice, command.InvalidParams, "fundchannel", wish(named{"asset_amount": "0.000000001"}))
	refused(t, w.alice, command.InvalidParams, "fundchannel", named{"id": w.bob.ID(), "amount": 200_000, "asset_amount": "5"})
	refused(t, w.alice, command.Failed, "fundchannel", wish(named{"push_msat": 0}))
	has(t, w.alice, 3, "1000.5")

	opened := ask[struct {
		Txid     string
		MinDepth uint32
		Type     struct{ Bits []int } `json:"channel_type"`
	}](t, w.alice, "fundchannel", wish(nil))
	if opened.MinDepth != 6 || len(opened.Type.Bits) != 2 || opened.Type.Bits[1] != 270 {
		t.Errorf("%+v", opened)
	}
	for range 5 {
		w.block(t)
	}
	w.stands(t, w.alice, "CHANNELD_AWAITING_LOCKIN")
	w.block(t)
	for n, want := range map[*node.Node]uint64{w.alice: 400_00000000, w.bob: 100_00000000} {
		c := w.stands(t, n, "CHANNELD_NORMAL").Channels[0]
		if c.Asset.Property != 3 || c.Asset.Total != 500_00000000 || c.Asset.ToUs != want || c.Asset.Carrier == 0 || !c.Private {
			t.Errorf("%+v", c)
		}
	}
	has(t, w.alice, 3, "500.5")
	rows, err := w.bob.Store().Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for units, want := range map[amount.Units]bool{500_00000000: true, 500_00000001: false} {
		p := rows[0].Params
		p.Tokens = units
		if backed, err := w.bob.Tokens().Backed(t.Context(), p, w.bob.Height()); err != nil || backed != want {
			t.Errorf("the ledger says of %d units: %v, %v", units, backed, err)
		}
	}
	// Tokens that came to the address by another transaction may be as young as that.
	other := rows[0].Params
	other.Funding.Hash[0]++
	if backed, err := w.bob.Tokens().Backed(t.Context(), other, w.bob.Height()); err != nil || backed {
		t.Errorf("the ledger says of another funding transaction: %v, %v", backed, err)
	}
	funds := ask[struct {
		Channels []struct {
			Property uint32 `json:"property_id"`
			Units    uint64 `json:"our_units"`
		}
	}](t, w.bob, "listfunds").Channels
	if len(funds) != 1 || funds[0].Property != 3 || funds[0].Units != 100_00000000 {
		t.Errorf("%+v", funds)
	}

	c := w.stands(t, w.alice, "CHANNELD_NORMAL").Channels[0]
	refused(t, w.alice, command.Failed, "close", named{"id": c.ID, "destination": ask[map[string]string](t, w.alice, "newaddr", "bech32")["bech32"]})
	ask[struct{}](t, w.alice, "close", c.ID)
	w.block(t)
	has(t, w.alice, 3, "500.5", "400")
	has(t, w.bob, 3, "100")
}

// A peer that is gone takes no tokens with it: they come home when the delay is over.
func TestTokensOfAChannelThatIsClosedByForceComeHome(t *testing.T) {
	race.Leave(t, "hundreds of blocks, and node's goroutines")
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.fund(t, w.alice, 100_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", named{"kind": "fixed", "name": "Tea", "amount": "1000.5"})
	w.block(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "fundchannel", named{"id": w.bob.ID(), "amount": 200_000, "asset": 3, "asset_amount": "500", "push_asset": "100", "push_msat": 20_000_000})
	for range 6 {
		w.block(t)
	}
	c := w.stands(t, w.alice, "CHANNELD_NORMAL").Channels[0]
	if err := w.bob.Close(); err != nil {
		t.Fatal(err)
	}
	ask[struct{}](t, w.alice, "close", named{"id": c.ID, "unilateraltimeout": 1})
	home := func() bool { return len(ask[balancesResult](t, w.alice, "assetbalance", 3).Balances) > 1 }
	for blocks := 0; !home(); blocks++ {
		if blocks == 400 {
			t.Fatalf("they never come home: %+v", ask[tokenChannel](t, w.alice, "listpeerchannels"))
		}
		if _, err := w.chain.Mine(1, nil); err != nil {
			t.Fatal(err)
		}
		tip, err := w.chain.Tip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		until(t, "alice has done what is to be done", func() bool {
			rows, _, err := w.alice.Store().Ledger(t.Context())
			return err == nil && rows.Seen == tip && w.alice.Synced() == tip.Height && w.alice.Enforced() == tip.Height
		})
	}
	has(t, w.alice, 3, "500.5", "400")
}
