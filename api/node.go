package api

import (
	"context"
	"encoding/hex"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/node"
)

// Version of this software.
const Version = "0.1.0"

type none struct{}

type getInfoResponse struct {
	ID            wire.NodeID `json:"id" doc:"the node id"`
	Alias         string      `json:"alias" doc:"the name in the network"`
	Color         string      `json:"color" doc:"six hexadecimal digits"`
	NumPeers      int         `json:"num_peers" doc:"connections"`
	NumPending    int         `json:"num_pending_channels" doc:"being opened"`
	NumActive     int         `json:"num_active_channels" doc:"that carry payments"`
	NumInactive   int         `json:"num_inactive_channels" doc:"whose peer is away, or that are closing"`
	Address       []address   `json:"address" doc:"announced: none yet"`
	Binding       []address   `json:"binding" doc:"where the node listens"`
	Version       string      `json:"version" doc:"of this software"`
	BlockHeight   uint32      `json:"blockheight" doc:"of the last block that was processed"`
	Network       string      `json:"network" doc:"such as regtest"`
	FeesCollected uint64      `json:"fees_collected_msat" doc:"by forwarding, of HTLCs that have ended"`
	LightningDir  string      `json:"lightning-dir" doc:"the data folder"`
	OurFeatures   ourFeatures `json:"our_features" doc:"feature bits, in hexadecimal"`
}

type ourFeatures struct {
	Init    string `json:"init" doc:"in our init"`
	Node    string `json:"node" doc:"in our node_announcement"`
	Channel string `json:"channel" doc:"in our channel_announcements: none"`
	Invoice string `json:"invoice" doc:"in our invoices"`
}

// invoiceFeatures are those of package invoice.
var invoiceFeatures = wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP+1)

func getInfo(ctx context.Context, n *node.Node, _ none) (getInfoResponse, error) {
	color := n.Color()
	out := getInfoResponse{
		ID: n.ID(), Alias: n.Alias(), Color: hex.EncodeToString(color[:]), NumPeers: len(n.Peers().All()), Address: []address{},
		Binding: []address{}, Version: Version, BlockHeight: n.Height(), Network: n.Network(), LightningDir: n.Dir(),
		OurFeatures: ourFeatures{
			Init: hex.EncodeToString(node.Features()), Node: hex.EncodeToString(node.Features()),
			Invoice: hex.EncodeToString(invoiceFeatures),
		},
	}
	if n.Addr() != nil {
		out.Binding = append(out.Binding, addressOf(n.Addr().String()))
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

type helpRequest struct {
	Command *string `json:"command" doc:"only this command"`
}

type helpRow struct {
	Command     string `json:"command" doc:"the command with its parameters"`
	Category    string `json:"category" doc:"the group"`
	Description string `json:"description" doc:"in one line"`
	Verbose     string `json:"verbose" doc:"in full"`
}

type helpResponse struct {
	Help   []helpRow `json:"help" doc:"the commands"`
	Format string    `json:"format-hint" doc:"simple"`
}

func help(_ context.Context, _ *node.Node, r helpRequest) (helpResponse, error) {
	out := helpResponse{Help: []helpRow{}, Format: "simple"}
	if r.Command != nil {
		c, ok := Find(*r.Command)
		if !ok {
			return out, refuse(UnknownMethod, "unknown command %q: see help", clip([]byte(*r.Command)))
		}
		out.Help = append(out.Help, helpRow{c.Usage(), c.Group, c.Short, c.Page()})
		return out, nil
	}
	for i := range table {
		c := &table[i]
		out.Help = append(out.Help, helpRow{c.Usage(), c.Group, c.Short, c.Long})
	}
	return out, nil
}

type stopResponse struct {
	Result string `json:"result" doc:"that the node is shutting down"`
}

func nodeCommands() []Command {
	return []Command{
		define(Spec{
			Name: "getinfo", Group: "node", Short: "show the node", Long: "Shows who the node is and how it is.",
			Errors: []Code{Failed}, Examples: []string{"getinfo"},
		}, getInfo),
		define(Spec{
			Name: "help", Group: "node", Short: "list the commands, or explain one",
			Long: "Lists the commands; with a name, shows all about it.", Errors: []Code{UnknownMethod}, Examples: []string{"help", "help invoice"},
		}, help),
		define(Spec{
			Name: "stop", Group: "node", Short: "stop the node",
			Long: "Stops the node. What was promised is on disk; payments under way go on at the next start.", Examples: []string{"stop"},
		}, func(_ context.Context, n *node.Node, _ none) (stopResponse, error) {
			n.Stop()
			return stopResponse{"Shutdown in progress"}, nil
		}),
	}
}
