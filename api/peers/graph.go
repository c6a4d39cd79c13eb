package peers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/node"
)

// longestGraph is how many rows a list of the network has at the most: well above what the
// public network has, so that who asks for no pages gets all of it.
const longestGraph = 250_000

// most is how many rows are asked for.
func most(limit *uint32) int { return int(min(command.Or(limit, longestGraph), longestGraph)) }

type listNodesRequest struct {
	ID    *wire.NodeID `json:"id" doc:"only this node"`
	Start *wire.NodeID `json:"start" doc:"list from this node id on: next of the page before"`
	Limit *uint32      `json:"limit" doc:"how many, 250000 at the most and when not given"`
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
		Timestamp: a.Timestamp, Features: hex.EncodeToString(a.Features),
	}
	out.Addresses = AnnouncedAs(a.Addresses)
	return out
}

// AnnouncedAs shows the addresses of a node_announcement.
func AnnouncedAs(addresses []byte) []Address {
	out := []Address{}
	// What is left after one of an unknown kind cannot be read.
	known, _ := wire.ParseAddresses(addresses)
	for _, x := range known {
		if kind, ok := addressTypes[x.Kind]; ok {
			out = append(out, Address{Type: kind, Address: x.Host, Port: int(x.Port)})
		}
	}
	return out
}

type listNodesResponse struct {
	Nodes []nodeRow    `json:"nodes" doc:"with a channel that is known, in the order of their ids"`
	Next  *wire.NodeID `json:"next,omitempty" doc:"where to start to go on: there are more"`
}

func listNodes(_ context.Context, n *node.Node, r listNodesRequest) (listNodesResponse, error) {
	out := listNodesResponse{Nodes: []nodeRow{}}
	limit := most(r.Limit)
	n.Graph(func(g *graph.Graph) {
		nodes := g.Nodes()
		if r.ID != nil {
			i, known := g.NodeIndex(*r.ID)
			if !known {
				return
			}
			nodes = nodes[i : i+1]
		}
		var found []*graph.Node
		for i := range nodes {
			if x := &nodes[i]; len(x.Channels) > 0 && (r.Start == nil || bytes.Compare(x.ID[:], r.Start[:]) >= 0) {
				found = append(found, x)
			}
		}
		slices.SortFunc(found, func(a, b *graph.Node) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		if len(found) > limit && limit > 0 {
			next := found[limit].ID
			out.Next = &next
		}
		for _, x := range found[:min(len(found), limit)] {
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
	Start       *edge                `json:"start" doc:"list from this direction of a channel on: next of the page before"`
	Limit       *uint32              `json:"limit" doc:"how many, 250000 at the most and when not given"`
}

// edge is one direction of a channel.
type edge struct {
	scid      wire.ShortChannelID
	direction uint8
}

// Words implements [command.Worded].
func (edge) Words() string { return "a short_channel_id with / and the direction" }

// MarshalText implements [encoding.TextMarshaler].
func (e edge) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s/%d", e.scid, e.direction), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *edge) UnmarshalText(b []byte) error {
	scid, direction, _ := bytes.Cut(b, []byte{'/'})
	if len(direction) != 1 || direction[0] < '0' || direction[0] > '1' {
		return errors.New("the direction of a channel is 0 or 1")
	}
	e.direction = direction[0] - '0'
	return e.scid.UnmarshalText(scid)
}

func byPlace(a, b edge) int {
	return cmp.Or(cmp.Compare(a.scid, b.scid), cmp.Compare(a.direction, b.direction))
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
	Channels []directionRow `json:"channels" doc:"one row a direction whose terms are known, in the order of the channels' places"`
	Next     *edge          `json:"next,omitempty" doc:"where to start to go on: there are more"`
}

// wants says whether a direction of a channel is asked for.
func (r *listChannelsRequest) wants(g *graph.Graph, c *graph.Channel, d int) bool {
	from, to := g.Nodes()[c.Nodes[d]].ID, g.Nodes()[c.Nodes[1-d]].ID
	return c.Policies[d].Known() && (r.SCID == nil || *r.SCID == c.SCID) && (r.Source == nil || *r.Source == from) &&
		(r.Destination == nil || *r.Destination == to) && (r.Start == nil || byPlace(edge{c.SCID, uint8(d)}, *r.Start) >= 0) //nolint:gosec // 0 or 1
}

// withTokens says whether a channel, of ours then, is none of BOLT 7's: `listassetchannels`
// has those of its kind that are announced.
func withTokens(n *node.Node, c *graph.Channel) bool {
	if c.Public() {
		return false
	}
	l, ours := n.Links().Named(c.SCID)
	return ours && l.Params().Property != 0
}

func listChannels(_ context.Context, n *node.Node, r listChannelsRequest) (listChannelsResponse, error) {
	out := listChannelsResponse{Channels: []directionRow{}}
	if r.SCID != nil && r.Source != nil || r.SCID != nil && r.Destination != nil || r.Source != nil && r.Destination != nil {
		return out, command.Refuse(command.InvalidParams, "give only one of short_channel_id, source and destination")
	}
	limit := most(r.Limit)
	n.Graph(func(g *graph.Graph) {
		type found struct {
			edge
			of *graph.Channel
		}
		var all []found
		for i := range g.Channels() {
			c := &g.Channels()[i]
			for d := range c.Policies {
				if c.SCID != 0 && r.wants(g, c, d) && !withTokens(n, c) {
					all = append(all, found{edge{c.SCID, uint8(d)}, c}) //nolint:gosec // 0 or 1
				}
			}
		}
		slices.SortFunc(all, func(a, b found) int { return byPlace(a.edge, b.edge) })
		if len(all) > limit && limit > 0 {
			next := all[limit].edge
			out.Next = &next
		}
		for _, x := range all[:min(len(all), limit)] {
			c, d := x.of, int(x.direction)
			p := &c.Policies[d]
			out.Channels = append(out.Channels, directionRow{
				Source: g.Nodes()[c.Nodes[d]].ID, Destination: g.Nodes()[c.Nodes[1-d]].ID, SCID: c.SCID, Direction: d, Public: c.Public(), Amount: c.Capacity.Msat(),
				MessageFlags: 1, Flags: p.Flags, Active: p.Enabled(), LastUpdate: p.Timestamp, FeeBase: p.FeeBaseMsat,
				FeePPM: p.FeeProportionalMillionths, Delay: p.CLTVExpiryDelta, HTLCMin: p.HTLCMinimum, HTLCMax: p.HTLCMaximum,
			})
		}
	})
	return out, nil
}

var graphCommands = []command.Command{
	command.Define(command.Spec{
		Name: "listnodes", Group: "network", Short: "list the nodes of the network",
		Long: "Lists the nodes that gossip told of, in the order of their ids. At 250,000 rows, or the limit, `next` says where to go on.", Examples: []string{"listnodes"},
	}, listNodes),
	command.Define(command.Spec{
		Name: "listchannels", Group: "network", Short: "list the channels of the network",
		Long: "Lists the channels that gossip told of, one row a direction, the oldest first, but for those with tokens (`listassetchannels`). At 250,000 rows, or the limit, `next` says where to go on.", Examples: []string{"listchannels"},
	}, listChannels),
}
