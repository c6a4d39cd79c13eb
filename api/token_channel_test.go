package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

type tokenChannel struct {
	Channels []struct {
		State   string
		ID      string `json:"channel_id"`
		Private bool
		HTLCs   int `json:"max_accepted_htlcs"`
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

// tea has alice issue so much of property 3 and open a channel of so many satoshi with bob:
// 500 of it, of which 100 are his.
func (w *network) tea(t *testing.T, issued string, sat int) {
	t.Helper()
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", named{"kind": "fixed", "name": "Tea", "amount": issued})
	w.block(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	ask[struct{}](t, w.alice, "fundchannel", named{"id": w.bob.ID(), "amount": sat, "asset": 3, "asset_amount": "500", "push_asset": "100", "push_msat": 20_000_000})
	for range 6 {
		w.block(t)
	}
}

// A peer that is gone takes no tokens with it: they come home when the delay is over.
func TestTokensOfAChannelThatIsClosedByForceComeHome(t *testing.T) {
	race.Leave(t, "hundreds of blocks, and node's goroutines")
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.fund(t, w.alice, 100_000)
	w.tea(t, "1000.5", 200_000)
	c := w.stands(t, w.alice, "CHANNELD_NORMAL").Channels[0]
	if err := w.bob.Close(); err != nil {
		t.Fatal(err)
	}
	ask[struct{}](t, w.alice, "close", named{"id": c.ID, "unilateraltimeout": 1})
	w.until(t, []*node.Node{w.alice}, "they come home", func() bool { return len(ask[balancesResult](t, w.alice, "assetbalance", 3).Balances) > 1 })
	has(t, w.alice, 3, "500.5", "400")
}

// until mines until something is so, which nodes follow block by block.
func (w *network) until(t *testing.T, nodes []*node.Node, what string, so func() bool) {
	t.Helper()
	for blocks := 0; !so(); blocks++ {
		if blocks == 500 {
			t.Fatalf("never: %s: %+v", what, ask[tokenChannel](t, w.alice, "listpeerchannels"))
		}
		if _, err := w.chain.Mine(1, nil); err != nil {
			t.Fatal(err)
		}
		tip, err := w.chain.Tip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			until(t, "what is to be done in a block is done", func() bool {
				rows, _, err := n.Store().Ledger(t.Context())
				return err == nil && rows.Seen == tip && n.Synced() == tip.Height && n.Enforced() == tip.Height
			})
		}
	}
}

// Where nodes relay more than 83 bytes of data, more than five HTLCs carry tokens at once; on
// the chain each is somebody's, to the unit.
func TestAsManyHTLCsCarryTokensAsNodesRelay(t *testing.T) {
	race.Leave(t, "hundreds of blocks, and node's goroutines")
	for most, wants := range map[int]struct{ openers, accepters int }{chain.DataCarrier: {3, 2}, regtest.DefaultDataCarrier: {12, 12}} {
		w := newNetwork(t)
		w.chain.SetDataCarrier(most)
		w.fund(t, w.alice, 2_000_000)
		for range 16 {
			w.fund(t, w.bob, 100_000)
			w.fund(t, w.alice, 100_000)
		}
		w.tea(t, "1000", 1_000_000)
		c := w.stands(t, w.alice, "CHANNELD_NORMAL").Channels[0]
		equal(t, "what alice accepts", c.HTLCs, wants.accepters)
		equal(t, "what bob accepts", w.stands(t, w.bob, "CHANNELD_NORMAL").Channels[0].HTLCs, wants.openers)
		var ends []<-chan error
		for i := range byte(wants.openers) {
			bill := ask[invoiceResult](t, w.bob, "invoice", named{"amount_msat": "5", "label": fmt.Sprint(i), "description": "tea", "asset": 3, "h": hashOf(i)})
			ends = append(ends, paying(t, w.alice, bill.Bolt11))
			accepted(t, w.bob, hashOf(i))
		}
		one := ask[invoiceResult](t, w.bob, "invoice", named{"amount_msat": "5", "label": "more", "description": "tea", "asset": 3})
		if _, err := try(t, w.alice, "pay", named{"bolt11": one.Bolt11, "retry_for": 1}); command.AsError(err).Code != command.PayRouteNotFound {
			t.Errorf("one more: %v", err)
		}
		ask[struct{}](t, w.alice, "disconnect", named{"id": w.bob.ID(), "force": true})
		ask[struct{}](t, w.alice, "close", named{"id": c.ID, "unilateraltimeout": 1})
		w.block(t)
		settled := wants.openers / 2
		for i := range byte(settled) {
			ask[struct{}](t, w.bob, "settleholdinvoice", secret(i))
		}
		units := func(n *node.Node) (sum uint64) {
			for _, b := range ask[struct {
				Balances []struct {
					Units uint64 `json:"amount_units"`
				}
			}](t, n, "assetbalance", 3).Balances {
				sum += b.Units
			}
			return sum
		}
		tokens := uint64(100_000_000)
		bobs := (100 + 5*uint64(settled)) * tokens
		w.until(t, []*node.Node{w.alice, w.bob}, "each has what is its own", func() bool { return units(w.bob) == bobs && units(w.alice) == 1000*tokens-bobs })
		for i, end := range ends {
			if err := <-end; (err == nil) != (i < settled) {
				t.Errorf("payment %d: %v", i, err)
			}
		}
	}
}

// A node whose bitcoind relays too little has no channels with tokens.
func TestWithoutRelayedDataThereAreNoChannelsWithTokens(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := newNetwork(t)
	w.fund(t, w.alice, 1_000_000)
	w.read(t)
	ask[assetSent](t, w.alice, "assetissue", named{"kind": "fixed", "name": "Tea", "amount": "1000"})
	w.block(t)
	ask[struct{}](t, w.alice, "connect", at(w.bob))
	w.chain.SetDataCarrier(42)
	if no := refused(t, w.alice, command.AssetRefused, "fundchannel", named{"id": w.bob.ID(), "amount": 200_000, "asset": 3, "asset_amount": "500"}); !strings.Contains(no.Message, "-datacarriersize") {
		t.Error(no.Message)
	}
	has(t, w.alice, 3, "1000")
}
