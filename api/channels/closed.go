package channels

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/node"
)

// onChainRow is where some of a channel's money is.
type onChainRow struct {
	Txid      string              `json:"txid" doc:"of the transaction that has the output"`
	Outnum    uint32              `json:"outnum" doc:"which one"`
	Amount    amount.MilliSatoshi `json:"amount_msat" doc:"what it holds"`
	Type      string              `json:"output_type" doc:"what it is, such as DELAYED_OUTPUT_TO_US"`
	State     string              `json:"state" doc:"not_ours; locked: ours from a later block on; claimable: ours now; waiting: an HTLC whose preimage may come; taken; lost"`
	Spendable uint32              `json:"spendable_height,omitempty" doc:"the first block in which we can take it"`
	SpentBy   string              `json:"spent_by,omitempty" doc:"the transaction that took it"`
	SpentAt   uint32              `json:"spent_height,omitempty" doc:"its block"`
}

// onChain shows what the chain says of a channel.
func (r *Row) onChain(p *enforce.Plan) {
	r.State = p.State()
	r.Status[0] = r.State
	if p.Kind != enforce.Unspent {
		r.Status = append(r.Status, p.Kind.String()+" "+p.TxID.String())
	}
	if p.Warning != "" {
		r.Status = append(r.Status, p.Warning)
	}
	for i := range p.Outputs {
		o := &p.Outputs[i]
		row := onChainRow{
			Txid: o.OutPoint.Hash.String(), Outnum: o.OutPoint.Index, Amount: o.Value.Msat(), Type: o.Type,
			State: o.State.String(), Spendable: o.Spendable, SpentAt: o.SpentAt,
		}
		if o.By != nil {
			row.SpentBy = o.By.String()
		}
		r.OnChain = append(r.OnChain, row)
	}
}

type closedRow struct {
	PeerID        wire.NodeID         `json:"peer_id" doc:"the other side"`
	ChannelID     wire.ChannelID      `json:"channel_id" doc:"BOLT 2's id"`
	SCID          string              `json:"short_channel_id,omitempty" doc:"place of the funding output in the chain"`
	Opener        string              `json:"opener" doc:"local or remote"`
	Private       bool                `json:"private" doc:"whether it was not announced"`
	Commitments   uint64              `json:"total_local_commitments" doc:"of ours"`
	Theirs        uint64              `json:"total_remote_commitments" doc:"of the peer's"`
	HTLCs         uint64              `json:"total_htlcs_sent" doc:"that we offered"`
	FundingTxid   string              `json:"funding_txid" doc:"of the funding transaction"`
	FundingOutnum uint32              `json:"funding_outnum" doc:"its output"`
	Total         amount.MilliSatoshi `json:"total_msat" doc:"the capacity"`
	FinalToUs     amount.MilliSatoshi `json:"final_to_us_msat" doc:"our balance at the end"`
	LeastToUs     amount.MilliSatoshi `json:"min_to_us_msat" doc:"the least that our balance ever was"`
	MostToUs      amount.MilliSatoshi `json:"max_to_us_msat" doc:"the most that it ever was"`
	Cause         string              `json:"close_cause" doc:"protocol: the channel failed; local or remote: who began to close it; unknown"`
	Alias         *aliases            `json:"alias,omitempty" doc:"names that do not tell the place"`
	Closer        string              `json:"closer,omitempty" doc:"local or remote: who began to close it"`
	Type          channelType         `json:"channel_type" doc:"what both sides agreed on"`
	Withheld      bool                `json:"funding_withheld" doc:"false: a funding transaction is always broadcast"`
	Leased        bool                `json:"leased" doc:"false: there are no leases"`
	Pushed        amount.MilliSatoshi `json:"funding_pushed_msat" doc:"what the opener gave to the other side at once"`
}

type listClosedResponse struct {
	Channels []closedRow `json:"closedchannels" doc:"in the order of opening"`
}

func listClosedChannels(ctx context.Context, n *node.Node, r ofPeer) (listClosedResponse, error) {
	out := listClosedResponse{Channels: []closedRow{}}
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return out, err
	}
	extremes, err := n.Store().Extremes(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range rows {
		p := c.Params
		if c.Status.Status != channel.Closed || r.ID != nil && *r.ID != p.Peer {
			continue
		}
		row := closedRow{
			PeerID: p.Peer, ChannelID: p.Channel, Opener: "remote", Private: !p.Announce, Commitments: c.State.Received + 1,
			Theirs: c.State.Signed + 1, HTLCs: c.State.NextLocalID, FundingTxid: p.Funding.Hash.String(), FundingOutnum: p.Funding.Index,
			Total: p.Capacity.Msat(), FinalToUs: c.State.ToLocal,
			LeastToUs: extremes[p.Channel][0], MostToUs: extremes[p.Channel][1], Cause: closeCause(&c.Status),
			Closer: closer(&c.Status), Type: typeOf(p.ChannelType), Pushed: p.Pushed,
		}
		if p.LocalAlias != 0 || c.Status.RemoteAlias != 0 {
			row.Alias = &aliases{p.LocalAlias, c.Status.RemoteAlias}
		}
		if p.LocalIsOpener {
			row.Opener = "local"
		}
		if c.Status.SCID != 0 {
			row.SCID = c.Status.SCID.String()
		}
		out.Channels = append(out.Channels, row)
	}
	return out, nil
}

// closeCause is Core Lightning's word for why a channel ended.
func closeCause(s *channel.StatusRow) string {
	switch {
	case s.Failure != "":
		return "protocol"
	case s.CloseFees.Aim != 0:
		return "local"
	case s.RemoteShutdown != nil:
		return "remote"
	}
	return "unknown"
}
