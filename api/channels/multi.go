package channels

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"sync"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// destination is one of several channels to open.
type destination struct {
	ID       string               `json:"id" doc:"the peer: its node id, or id@host:port"`
	Amount   string               `json:"amount" doc:"of the channel"`
	Announce *bool                `json:"announce" doc:"whether to announce it"`
	Push     *amount.MilliSatoshi `json:"push_msat" doc:"to give to the peer at once"`
	CloseTo  *string              `json:"close_to" doc:"the address for our money in a mutual close"`
	Request  *command.Unsupported `json:"request_amt" doc:"there are no leases"`
	Lease    *command.Unsupported `json:"compact_lease" doc:"there are no leases"`
	MinDepth *uint32              `json:"mindepth" doc:"confirmations to wait for"`
	Reserve  *string              `json:"reserve" doc:"what the peer must keep"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *destination) UnmarshalJSON(b []byte) error {
	type bare destination
	return command.Object(b, (*bare)(d))
}

type multiFundRequest struct {
	Destinations []destination       `json:"destinations" doc:"objects, one a peer: id (node id, or id@host:port), amount (a number of satoshi, an amount with the suffix sat, msat or btc, or, in one of them, all), and, if wanted, announce (true when not given), push_msat (0), close_to (an address for our money in a mutual close), reserve (a hundredth) and mindepth (as many confirmations as the peer asks for)"`
	FeeRate      *command.FeeRate    `json:"feerate" doc:"of the funding transaction; a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
	MinConf      *uint32             `json:"minconf" doc:"confirmations of the coins to spend; 1 when not given"`
	UTXOs        *[]command.OutPoint `json:"utxos" doc:"spend just these coins: txid:output"`
	MinChannels  *uint32             `json:"minchannels" doc:"go on without peers that fail as long as at least so many are left; all when not given"`
	Commit       *command.FeeRate    `json:"commitment_feerate" doc:"of the first commitments; normal when not given"`
}

type multiFundRow struct {
	ID          wire.NodeID    `json:"id" doc:"the peer"`
	Outnum      uint32         `json:"outnum" doc:"the output of the funding transaction"`
	ChannelID   wire.ChannelID `json:"channel_id" doc:"BOLT 2's id"`
	ChannelType channelType    `json:"channel_type" doc:"what both sides agreed on"`
	CloseTo     string         `json:"close_to,omitempty" doc:"the script of close_to in hexadecimal"`
}

type multiFundFailure struct {
	ID     wire.NodeID    `json:"id" doc:"the peer"`
	Method string         `json:"method" doc:"how far it came: connect, fundchannel_start (it has not accepted) or fundchannel_complete"`
	Error  *command.Error `json:"error" doc:"code and message"`
}

type multiFundResponse struct {
	Tx       string             `json:"tx" doc:"the funding transaction in hexadecimal"`
	Txid     string             `json:"txid" doc:"its id"`
	Channels []multiFundRow     `json:"channel_ids" doc:"the channels"`
	Failed   []multiFundFailure `json:"failed" doc:"the peers with which there is none, where minchannels let them fail"`
}

// mostDestinations bounds a funding transaction.
const mostDestinations = 100

// target is a destination that was read.
type target struct {
	id   wire.NodeID
	addr string // empty: connected, or known
	req  funding.Request
}

func multiFundChannel(ctx context.Context, n *node.Node, r multiFundRequest) (out multiFundResponse, err error) {
	out.Channels, out.Failed = []multiFundRow{}, []multiFundFailure{}
	if _, err := n.PresentHeight(ctx); err != nil {
		return out, fundError(n, err)
	}
	targets, err := multiFundTargets(ctx, n, &r)
	if err != nil {
		return out, err
	}
	least := int(command.Or(r.MinChannels, uint32(len(targets)))) //nolint:gosec // at most mostDestinations
	if least < 1 || least > len(targets) {
		return out, command.Refuse(command.InvalidParams, "minchannels: should be 1 to %d", len(targets))
	}
	var wishes []funding.Wish
	for i, c := range callAll(ctx, n, targets) {
		if c.err == nil {
			wishes = append(wishes, funding.Wish{Peer: c.peer, Request: targets[i].req})
			continue
		}
		f := multiFundFailure{targets[i].id, "connect", command.AsError(c.err)}
		if out.Failed = append(out.Failed, f); len(targets)-len(out.Failed) < least {
			return out, f.refusal()
		}
	}
	opened, failed, err := n.OpenChannels(ctx, wishes, least)
	if of, ok := errors.AsType[*funding.PeerError](err); ok {
		f := failureOf(n, of)
		return out, f.refusal()
	}
	if err != nil {
		return out, fundError(n, err)
	}
	for _, of := range failed {
		out.Failed = append(out.Failed, failureOf(n, of))
	}
	for _, o := range opened {
		row := multiFundRow{ID: o.Params.Peer, Outnum: o.Output, ChannelID: o.Channel, ChannelType: typeOf(o.Params.ChannelType)}
		if o.Params.LocalUpfront {
			row.CloseTo = hex.EncodeToString(o.Params.LocalScript)
		}
		out.Channels = append(out.Channels, row)
	}
	out.Txid = opened[0].Tx.TxHash().String()
	out.Tx, err = command.HexTx(opened[0].Tx)
	return out, err
}

// multiFundTargets reads the destinations.
func multiFundTargets(ctx context.Context, n *node.Node, r *multiFundRequest) ([]target, error) {
	if len(r.Destinations) == 0 || len(r.Destinations) > mostDestinations {
		return nil, command.Refuse(command.InvalidParams, "destinations: should be 1 to %d", mostDestinations)
	}
	rate, err := r.FeeRate.Of(ctx, n)
	if err != nil {
		return nil, err
	}
	commit, err := r.Commit.Of(ctx, n)
	if err != nil {
		return nil, err
	}
	var out []target
	all := false
	for _, d := range r.Destinations {
		id, addr, err := command.NodeAt(d.ID)
		if err != nil {
			return nil, command.Refuse(command.InvalidParams, "destinations: id: %v", err)
		}
		sat, err := command.Satoshi(d.Amount)
		switch {
		case err != nil:
			return nil, command.Refuse(command.InvalidParams, "destinations: amount: %v", err)
		case sat == wallet.All && all:
			return nil, command.Refuse(command.InvalidParams, "destinations: only one amount may be all")
		case d.MinDepth != nil && *d.MinDepth == 0:
			// Its peer might use it before the others have signed.
			return nil, command.Refuse(command.InvalidParams, "destinations: mindepth: a channel that is used at once has a transaction of its own: see fundchannel")
		case slices.ContainsFunc(out, func(t target) bool { return t.id == id }):
			return nil, command.Refuse(command.InvalidParams, "destinations: %s is there twice", id)
		}
		all = all || sat == wallet.All
		t := target{id, addr, funding.Request{
			Amount: sat, FeePerKw: rate, Commit: commit, Announce: command.Or(d.Announce, true), MinConf: command.Or(r.MinConf, 1),
			Push: command.Or(d.Push, 0), Depth: d.MinDepth, Coins: outPoints(r.UTXOs),
		}}
		if err := (asked{closeTo: d.CloseTo, reserve: d.Reserve}).into(n, &t.req); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// called is a peer, or why there is none.
type called struct {
	peer *peer.Peer
	err  error
}

// callAll connects to all at once.
func callAll(ctx context.Context, n *node.Node, targets []target) []called {
	out := make([]called, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			if p, up := n.Peers().Get(t.id); up {
				out[i].peer = p
				return
			}
			out[i].peer, out[i].err = command.Connect(ctx, n, t.id, t.addr)
		})
	}
	wg.Wait()
	return out
}

func failureOf(n *node.Node, of *funding.PeerError) multiFundFailure {
	f := multiFundFailure{of.Peer, "fundchannel_start", command.AsError(fundError(n, of.Err))}
	if of.Accepted {
		f.Method = "fundchannel_complete"
	}
	return f
}

// refusal is the error of the whole command.
func (f *multiFundFailure) refusal() error {
	e := command.Refuse(f.Error.Code, "%s: %s", f.ID, f.Error.Message)
	e.Data = map[string]any{"id": f.ID, "method": f.Method}
	return e
}
