package api

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/node"
)

type listNodesRequest struct {
	ID *wire.NodeID `json:"id" doc:"only this node"`
}

type nodeRow struct {
	ID        wire.NodeID `json:"nodeid" doc:"the node id"`
	Alias     string      `json:"alias,omitempty" doc:"the name that it gave itself"`
	Color     string      `json:"color,omitempty" doc:"six hexadecimal digits"`
	Timestamp uint32      `json:"last_timestamp,omitempty" doc:"of its announcement, in unix seconds"`
	Features  string      `json:"features,omitempty" doc:"feature bits in hexadecimal"`
	Addresses []address   `json:"addresses,omitempty" doc:"where it is"`
}

type listNodesResponse struct {
	Nodes []nodeRow `json:"nodes" doc:"with a channel that is known"`
}

func listNodes(_ context.Context, n *node.Node, r listNodesRequest) (listNodesResponse, error) {
	out := listNodesResponse{Nodes: []nodeRow{}}
	n.Graph(func(g *graph.Graph) {
		for _, x := range g.Nodes() {
			if len(x.Channels) == 0 || r.ID != nil && *r.ID != x.ID {
				continue
			}
			row := nodeRow{ID: x.ID}
			if m, err := wire.Decode(x.Raw); err == nil {
				if a, ok := m.(*wire.NodeAnnouncement); ok {
					row.Alias = strings.ToValidUTF8(strings.TrimRight(string(a.Alias[:]), "\x00"), "?")
					row.Color, row.Timestamp = hex.EncodeToString(a.RGBColor[:]), a.Timestamp
					row.Features = hex.EncodeToString(a.Features)
				}
			}
			out.Nodes = append(out.Nodes, row)
		}
	})
	return out, nil
}

type listChannelsRequest struct {
	SCID        *wire.ShortChannelID `json:"short_channel_id" doc:"only this channel"`
	Source      *wire.NodeID         `json:"source" doc:"only directions from this node"`
	Destination *wire.NodeID         `json:"destination" doc:"only directions to this node"`
}

type directionRow struct {
	Source      wire.NodeID         `json:"source"`
	Destination wire.NodeID         `json:"destination"`
	SCID        wire.ShortChannelID `json:"short_channel_id"`
	Direction   int                 `json:"direction"`
	Public      bool                `json:"public"`
	Amount      amount.MilliSatoshi `json:"amount_msat"`
	Flags       byte                `json:"channel_flags"`
	Active      bool                `json:"active"`
	LastUpdate  uint32              `json:"last_update"`
	FeeBase     uint32              `json:"base_fee_millisatoshi"`
	FeePPM      uint32              `json:"fee_per_millionth"`
	Delay       uint16              `json:"delay"`
	HTLCMin     amount.MilliSatoshi `json:"htlc_minimum_msat"`
	HTLCMax     amount.MilliSatoshi `json:"htlc_maximum_msat"`
}

type listChannelsResponse struct {
	Channels []directionRow `json:"channels" doc:"one row a direction whose terms are known"`
}

func listChannels(_ context.Context, n *node.Node, r listChannelsRequest) (listChannelsResponse, error) {
	out := listChannelsResponse{Channels: []directionRow{}}
	n.Graph(func(g *graph.Graph) {
		for i := range g.Channels() {
			c := &g.Channels()[i]
			if c.SCID == 0 || r.SCID != nil && *r.SCID != c.SCID {
				continue
			}
			for d := range c.Policies {
				p := &c.Policies[d]
				from, to := g.Nodes()[c.Nodes[d]].ID, g.Nodes()[c.Nodes[1-d]].ID
				if !p.Known() || r.Source != nil && *r.Source != from || r.Destination != nil && *r.Destination != to {
					continue
				}
				out.Channels = append(out.Channels, directionRow{
					Source: from, Destination: to, SCID: c.SCID, Direction: d, Public: c.Public(), Amount: c.Capacity.Msat(),
					Flags: p.Flags, Active: p.Enabled(), LastUpdate: p.Timestamp, FeeBase: p.FeeBaseMsat,
					FeePPM: p.FeeProportionalMillionths, Delay: p.CLTVExpiryDelta, HTLCMin: p.HTLCMinimum, HTLCMax: p.HTLCMaximum,
				})
			}
		}
	})
	return out, nil
}

var graphCommands = []Command{
	define(Spec{
		Name: "listnodes", Group: "network", Short: "list the nodes of the network",
		Long: "Lists the nodes that gossip told of.", Examples: []string{"listnodes"},
	}, listNodes),
	define(Spec{
		Name: "listchannels", Group: "network", Short: "list the channels of the network",
		Long: "Lists the channels that gossip told of, one row a direction.", Examples: []string{"listchannels"},
	}, listChannels),
}
