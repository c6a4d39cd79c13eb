package peers

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/node"
)

type listNodesRequest struct {
	ID *wire.NodeID `json:"id" doc:"only this node"`
}

type nodeRow struct {
	ID wire.NodeID `json:"nodeid" doc:"the node id"`
	*announced
}

// announced is what a node says of itself, when it has.
type announced struct {
	Alias     string    `json:"alias" doc:"the name that it gave itself (when it announced itself)"`
	Color     string    `json:"color" doc:"six hexadecimal digits (when it announced itself)"`
	Timestamp uint32    `json:"last_timestamp" doc:"of its announcement, in unix seconds (when it announced itself)"`
	Features  string    `json:"features" doc:"feature bits in hexadecimal (when it announced itself)"`
	Addresses []Address `json:"addresses" doc:"where it is (when it announced itself)"`
}

// addressTypes are Core Lightning's names of the kinds of BOLT 7.
var addressTypes = map[byte]string{
	wire.AddressIPv4: "ipv4", wire.AddressIPv6: "ipv6", wire.AddressTorV3: "torv3", wire.AddressDNS: "dns",
}

func showAnnouncement(a *wire.NodeAnnouncement) *announced {
	out := &announced{
		Alias: strings.ToValidUTF8(strings.TrimRight(string(a.Alias[:]), "\x00"), "?"), Color: hex.EncodeToString(a.RGBColor[:]),
		Timestamp: a.Timestamp, Features: hex.EncodeToString(a.Features), Addresses: []Address{},
	}
	// What is left of the addresses after one of an unknown kind cannot be read.
	known, _ := wire.ParseAddresses(a.Addresses)
	for _, x := range known {
		if kind, ok := addressTypes[x.Kind]; ok {
			out.Addresses = append(out.Addresses, Address{Type: kind, Address: x.Host, Port: int(x.Port)})
		}
	}
	return out
}

type listNodesResponse struct {
	Nodes []nodeRow `json:"nodes" doc:"with a channel that is known"`
}

func listNodes(_ context.Context, n *node.Node, r listNodesRequest) (listNodesResponse, error) {
	out := listNodesResponse{Nodes: []nodeRow{}}
	n.Graph(func(g *graph.Graph) {
		nodes := g.Nodes()
		if r.ID != nil {
			i, known := g.NodeIndex(*r.ID)
			if !known {
				return
			}
			nodes = nodes[i : i+1]
		}
		for _, x := range nodes {
			if len(x.Channels) == 0 {
				continue
			}
			row := nodeRow{ID: x.ID}
			if m, err := wire.Decode(x.Raw); err == nil {
				if a, ok := m.(*wire.NodeAnnouncement); ok {
					row.announced = showAnnouncement(a)
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
	Source       wire.NodeID         `json:"source" doc:"from this node"`
	Destination  wire.NodeID         `json:"destination" doc:"to this one"`
	SCID         wire.ShortChannelID `json:"short_channel_id" doc:"the channel"`
	Direction    int                 `json:"direction" doc:"0 when source is the lesser node id, else 1"`
	Public       bool                `json:"public" doc:"whether it is announced"`
	Amount       amount.MilliSatoshi `json:"amount_msat" doc:"the capacity"`
	MessageFlags byte                `json:"message_flags" doc:"of the channel_update: 1"`
	Flags        byte                `json:"channel_flags" doc:"of the channel_update: the direction, and 2 when it is disabled"`
	Active       bool                `json:"active" doc:"whether it is not disabled"`
	LastUpdate   uint32              `json:"last_update" doc:"of the channel_update, in unix seconds"`
	FeeBase      uint32              `json:"base_fee_millisatoshi" doc:"the fee of source for forwarding into it"`
	FeePPM       uint32              `json:"fee_per_millionth" doc:"the part of it that grows with the amount"`
	Delay        uint16              `json:"delay" doc:"blocks that source asks for"`
	HTLCMin      amount.MilliSatoshi `json:"htlc_minimum_msat" doc:"the least that passes"`
	HTLCMax      amount.MilliSatoshi `json:"htlc_maximum_msat" doc:"the most that passes at once"`
	Features     string              `json:"features" doc:"of the channel: none"`
}

type listChannelsResponse struct {
	Channels []directionRow `json:"channels" doc:"one row a direction whose terms are known"`
}

func listChannels(_ context.Context, n *node.Node, r listChannelsRequest) (listChannelsResponse, error) {
	out := listChannelsResponse{Channels: []directionRow{}}
	if r.SCID != nil && r.Source != nil || r.SCID != nil && r.Destination != nil || r.Source != nil && r.Destination != nil {
		return out, command.Refuse(command.InvalidParams, "give only one of short_channel_id, source and destination")
	}
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
					MessageFlags: 1, Flags: p.Flags, Active: p.Enabled(), LastUpdate: p.Timestamp, FeeBase: p.FeeBaseMsat,
					FeePPM: p.FeeProportionalMillionths, Delay: p.CLTVExpiryDelta, HTLCMin: p.HTLCMinimum, HTLCMax: p.HTLCMaximum,
				})
			}
		}
	})
	return out, nil
}

var graphCommands = []command.Command{
	command.Define(command.Spec{
		Name: "listnodes", Group: "network", Short: "list the nodes of the network",
		Long: "Lists the nodes that gossip told of.", Examples: []string{"listnodes"},
	}, listNodes),
	command.Define(command.Spec{
		Name: "listchannels", Group: "network", Short: "list the channels of the network",
		Long: "Lists the channels that gossip told of, one row a direction.", Examples: []string{"listchannels"},
	}, listChannels),
}
