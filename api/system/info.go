package system

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/api/peers"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/node"
)

// Version of this software.
const Version = "0.1.0"

type getInfoResponse struct {
	ID            wire.NodeID     `json:"id" doc:"the node id"`
	Alias         string          `json:"alias" doc:"the name in the network"`
	Color         string          `json:"color" doc:"six hexadecimal digits"`
	NumPeers      int             `json:"num_peers" doc:"connections"`
	NumPending    int             `json:"num_pending_channels" doc:"being opened"`
	NumActive     int             `json:"num_active_channels" doc:"that carry payments"`
	NumInactive   int             `json:"num_inactive_channels" doc:"whose peer is away, or that are closing"`
	Address       []peers.Address `json:"address" doc:"what others are told, once a channel is announced"`
	Binding       []peers.Address `json:"binding" doc:"where the node listens"`
	Version       string          `json:"version" doc:"of this software"`
	BlockHeight   uint32          `json:"blockheight" doc:"of the last block that was processed"`
	Network       string          `json:"network" doc:"such as regtest"`
	FeesCollected uint64          `json:"fees_collected_msat" doc:"by forwarding, of HTLCs that have ended"`
	LightningDir  string          `json:"lightning-dir" doc:"the data folder"`
	OurFeatures   ourFeatures     `json:"our_features" doc:"feature bits, in hexadecimal"`

	WarningSource  string `json:"warning_bitcoind_sync,omitempty" doc:"the source of blocks is away, or has not the whole chain: no HTLC is taken, forwarded or sent"`
	WarningReading string `json:"warning_lightningd_sync,omitempty" doc:"blocks are still being read: until then no HTLC is taken, forwarded or sent"`
}

type ourFeatures struct {
	Init    string `json:"init" doc:"in our init"`
	Node    string `json:"node" doc:"in our node_announcement"`
	Channel string `json:"channel" doc:"in our channel_announcements: none"`
	Invoice string `json:"invoice" doc:"in our invoices"`
}

// invoiceFeatures are those of package invoice.
var invoiceFeatures = wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP+1)

func getInfo(ctx context.Context, n *node.Node, _ command.None) (getInfoResponse, error) {
	color := n.Color()
	out := getInfoResponse{
		ID: n.ID(), Alias: n.Alias(), Color: hex.EncodeToString(color[:]), NumPeers: len(n.Peers().All()), Address: peers.AnnouncedAs(n.Announced()),
		Binding: []peers.Address{}, Version: Version, BlockHeight: n.Height(), Network: n.Network(), LightningDir: n.Dir(),
		OurFeatures: ourFeatures{
			Init: hex.EncodeToString(n.Features()), Node: hex.EncodeToString(n.Features()),
			Invoice: hex.EncodeToString(invoiceFeatures),
		},
	}
	if why := n.Syncing(); errors.Is(why, present.ErrReading) {
		out.WarningReading = why.Error()
	} else if why != nil {
		out.WarningSource = why.Error()
	}
	if n.Addr() != nil {
		out.Binding = append(out.Binding, peers.AddressOf(n.Addr().String()))
	}
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range rows {
		ch, err := channel.Load(c)
		if err != nil {
			return out, err
		}
		_, connected := n.Peers().Get(c.Params.Peer)
		switch state := ch.State(); {
		case state == "CHANNELD_AWAITING_LOCKIN":
			out.NumPending++
		case state == "CHANNELD_NORMAL" && connected:
			out.NumActive++
		case state != "CLOSED":
			out.NumInactive++
		}
	}
	out.FeesCollected, err = n.Store().FeesCollected(ctx)
	return out, err
}

type stopResponse struct {
	Result string `json:"result" doc:"that the node is shutting down"`
}

// Commands are those of the node itself.
var Commands = slices.Concat(messageCommands, waitCommands, notificationCommands, dataCommands, configCommands, []command.Command{
	metricsCommand,
	command.Define(command.Spec{
		Name: "getinfo", Group: "node", Short: "show the node", Long: "Shows who the node is and how it is.",
		Errors: []command.Code{command.Failed}, Examples: []string{"getinfo"},
	}, getInfo),
	command.Define(command.Spec{
		Name: "stop", Group: "node", Short: "stop the node",
		Long: "Stops the node. What was promised is on disk; payments under way go on at the next start.", Examples: []string{"stop"},
	}, func(_ context.Context, n *node.Node, _ command.None) (stopResponse, error) {
		n.Stop()
		return stopResponse{"Shutdown in progress"}, nil
	}),
})
