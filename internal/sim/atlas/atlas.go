// Package atlas is the map of the network that everybody in the simulation has: there
// is no gossip. Terms do not change, and nobody hears of closed channels.
package atlas

import (
	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/amount"
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
