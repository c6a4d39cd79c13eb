// Package atlas is the map of the network that everybody in the simulation has: there
// is no gossip. Terms do not change, and nobody hears of closed channels.
package atlas

import (
	"slices"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/relay"
)

// Atlas is the map.
type Atlas struct {
	Graph *graph.Graph
	told  map[wire.ShortChannelID]bool
}

// New is an empty one.
func New() *Atlas {
	return &Atlas{graph.New(*chaincfg.RegressionNetParams.GenesisHash), map[wire.ShortChannelID]bool{}}
}

// End is one side of a channel and its terms.
type End struct {
	ID     wire.NodeID
	Policy relay.Policy
}

// Announce puts a channel on the map; false: it is there.
func (a *Atlas) Announce(scid wire.ShortChannelID, capacity amount.Satoshi, ends [2]End, now uint32) (fresh bool, err error) {
	if a.told[scid] {
		return false, nil
	}
	a.told[scid] = true
	chain := *chaincfg.RegressionNetParams.GenesisHash
	half := func(e End) graph.Half { return graph.Half{Node: e.ID, Bitcoin: e.ID} }
	rows := []durable.Row{graph.AnnouncementRow{
		SCID: scid, Capacity: capacity, Raw: wire.Encode(graph.NewAnnouncement(chain, scid, half(ends[0]), half(ends[1]))),
	}}
	for i, e := range ends {
		u := &wire.ChannelUpdate{
			ChainHash: chain, ShortChannelID: scid, Timestamp: now, MessageFlags: 1,
			ChannelFlags: graph.Direction(e.ID, ends[1-i].ID), CLTVExpiryDelta: e.Policy.CLTVExpiryDelta, HTLCMinimumMsat: 1,
			FeeBaseMsat: e.Policy.FeeBaseMsat, FeeProportionalMillionths: e.Policy.FeeProportionalMillionths, HTLCMaximumMsat: capacity.Msat(),
		}
		rows = append(rows, graph.UpdateRow{SCID: scid, Direction: u.ChannelFlags, Raw: wire.Encode(u)})
	}
	for _, r := range rows {
		if err := a.Graph.Load(r); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Carrier is a channel with tokens, which nobody announces.
type Carrier struct {
	SCID wire.ShortChannelID
	Ends [2]End
}

// Hints are ways to a payee over such channels, the shortest first: what its invoice names.
// None goes over the payer, to whom its own channels are known.
func Hints(carriers []Carrier, payer, payee wire.NodeID) (ways [][]bolt11.HopHint) {
	const most, longest = 8, 3
	level := [][]bolt11.HopHint{nil}
	for range longest {
		var next [][]bolt11.HopHint
		for _, way := range level {
			at := payee
			if len(way) > 0 {
				at = way[0].NodeID
			}
			for _, c := range carriers {
				for i, e := range c.Ends {
					if on := c.Ends[1-i].ID; on != at || e.ID == payer || e.ID == payee || passes(way, e.ID) {
						continue
					}
					p := e.Policy
					hop := bolt11.HopHint{
						NodeID: e.ID, SCID: c.SCID, FeeBaseMsat: p.FeeBaseMsat,
						FeeProportionalMillionths: p.FeeProportionalMillionths, CLTVExpiryDelta: p.CLTVExpiryDelta,
					}
					next = append(next, append([]bolt11.HopHint{hop}, way...))
				}
			}
		}
		level = next
		if ways = append(ways, next...); len(ways) >= most {
			return ways[:most]
		}
	}
	return ways
}

func passes(way []bolt11.HopHint, id wire.NodeID) bool {
	return slices.ContainsFunc(way, func(h bolt11.HopHint) bool { return h.NodeID == id })
}
