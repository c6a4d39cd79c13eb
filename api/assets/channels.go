package assets

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/node"
)

type listChannelsRequest struct {
	Property    *amount.Property     `json:"property_id" doc:"only channels with this token"`
	SCID        *wire.ShortChannelID `json:"short_channel_id" doc:"only this channel"`
	Source      *wire.NodeID         `json:"source" doc:"only directions from this node"`
	Destination *wire.NodeID         `json:"destination" doc:"only directions to this node"`
}

type directionRow struct {
	Source      wire.NodeID         `json:"source" doc:"from this node"`
	Destination wire.NodeID         `json:"destination" doc:"to this one"`
	SCID        wire.ShortChannelID `json:"short_channel_id" doc:"the channel"`
	Direction   int                 `json:"direction" doc:"0 when source is the lesser node id, else 1"`
	Property    amount.Property     `json:"property_id" doc:"the token's number"`
	Capacity    amount.Units        `json:"capacity_units" doc:"all tokens of the channel, in the smallest units"`
	Checked     bool                `json:"checked" doc:"whether the ledger has said that the tokens are there; else the funding output alone is known"`
	Active      bool                `json:"active" doc:"whether it is not disabled"`
	LastUpdate  uint32              `json:"last_update" doc:"of the asset_channel_update, in unix seconds"`
	FeeBase     uint32              `json:"base_fee_millisatoshi" doc:"the fee of source for forwarding into it, in bitcoin"`
	FeePPM      uint32              `json:"fee_per_millionth" doc:"the part of it that grows with the tokens, in tokens"`
	Delay       uint16              `json:"delay" doc:"blocks that source asks for"`
	Least       amount.Units        `json:"htlc_minimum_units" doc:"the least that passes"`
	Most        amount.Units        `json:"htlc_maximum_units" doc:"the most that passes at once"`
	Carrier     amount.MilliSatoshi `json:"carrier_msat" doc:"the least bitcoin that goes with them"`
}

type listChannelsResponse struct {
	Channels []directionRow `json:"channels" doc:"one row a direction whose terms are known, in the order of the channels' places"`
}

func listChannels(_ context.Context, n *node.Node, r listChannelsRequest) (listChannelsResponse, error) {
	out := listChannelsResponse{Channels: []directionRow{}}
	n.AssetGraph(func(g *assetgraph.Graph) {
		for _, c := range g.Channels() {
			if r.Property != nil && *r.Property != c.Property || r.SCID != nil && *r.SCID != c.SCID {
				continue
			}
			for d := range c.Policies {
				p, from, to := &c.Policies[d], c.Nodes[d], c.Nodes[1-d]
				if !p.Known() || r.Source != nil && *r.Source != from || r.Destination != nil && *r.Destination != to {
					continue
				}
				out.Channels = append(out.Channels, directionRow{
					Source: from, Destination: to, SCID: c.SCID, Direction: d, Property: c.Property, Capacity: c.Capacity, Checked: c.Checked,
					Active: p.Enabled(), LastUpdate: p.Timestamp, FeeBase: p.FeeBaseMsat, FeePPM: p.FeeProportionalMillionths, Delay: p.CLTVExpiryDelta,
					Least: p.HTLCMinimum, Most: p.HTLCMaximum, Carrier: p.Carrier,
				})
			}
		}
	})
	return out, nil
}

var channelCommands = []command.Command{
	command.Define(command.Spec{
		Name: "listassetchannels", Group: "assets", Short: "list the announced channels with tokens",
		Long: "Lists the channels with tokens of which nodes that carry such have told each other, one row a direction, the oldest first. " +
			"Payments in tokens find their ways over them. `listchannels` lists those with bitcoin.",
		Examples: []string{"listassetchannels", "listassetchannels 31"},
	}, listChannels),
}
