package peers

import (
	"context"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/node"
)

type uptimeRow struct {
	ID        wire.NodeID `json:"id" doc:"the node"`
	Connected uint64      `json:"connected_seconds" doc:"for how long it was connected, of counted_seconds"`
	Counted   uint64      `json:"counted_seconds" doc:"for how long this node has run and had a channel with it"`
}

type listUptimesResponse struct {
	Peers []uptimeRow `json:"peers" doc:"those with which there is a channel"`
}

func listUptimes(_ context.Context, n *node.Node, r listPeersRequest) (listUptimesResponse, error) {
	out := listUptimesResponse{Peers: []uptimeRow{}}
	for _, l := range n.Links().All() {
		id := l.Params().Peer
		if r.ID != nil && *r.ID != id || l.Status().Status >= channel.Closed || slices.ContainsFunc(out.Peers, func(u uptimeRow) bool { return u.ID == id }) {
			continue
		}
		connected, counted := n.Uptimes().Of(id)
		out.Peers = append(out.Peers, uptimeRow{id, uint64(connected / time.Second), uint64(counted / time.Second)}) //nolint:gosec // not negative
	}
	return out, nil
}

var uptimeCommand = command.Define(command.Spec{
	Name: "listuptimes", Group: "network", Short: "say for how long peers were connected",
	Long: "Lists for how long each peer with a channel was connected, of the time in which this node ran. What was counted is written down " +
		"every ten minutes.",
	Examples: []string{"listuptimes", "listuptimes 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"},
}, listUptimes)
