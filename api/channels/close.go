package channels

import (
	"context"
	"errors"
	"slices"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/node"
)

type closeRequest struct {
	ID                string               `json:"id" doc:"channel_id, short_channel_id, our alias, or the id of a peer with one channel"`
	UnilateralTimeout *uint64              `json:"unilateraltimeout" doc:"seconds after which our commitment is broadcast; never when 0; 172800 when not given"`
	Destination       *string              `json:"destination" doc:"the address for our money; one of the wallet's when not given"`
	FeeStep           *command.Unsupported `json:"fee_negotiation_step" doc:"the fee is agreed on by ranges, without steps"`
	WrongFunding      *command.Unsupported `json:"wrong_funding" doc:"only the funding output of the channel is spent"`
	ForceLease        *command.Unsupported `json:"force_lease_closed" doc:"there are no leases"`
	FeeRange          *command.FeeRange    `json:"feerange" doc:"between which feerates the closing transaction must be, where it is we who pay for it; any when not given"`
	FeeRate           *command.FeeRate     `json:"feerate" doc:"of the closing transaction; normal, as far as feerange goes, when not given. Of a channel that is closing, a higher one replaces the transaction if the peer has option_simple_close"`
}

type closeResponse struct {
	Type  string   `json:"type" doc:"mutual or unilateral"`
	Tx    string   `json:"tx" doc:"the closing transaction in hexadecimal"`
	Txid  string   `json:"txid" doc:"its id"`
	Txs   []string `json:"txs" doc:"the same as tx, in a list"`
	Txids []string `json:"txids" doc:"the same as txid, in a list"`
}

// fees are the feerates that the closing transaction may have.
func (r *closeRequest) fees(ctx context.Context, n *node.Node) (out closing.Fees, err error) {
	if r.FeeRange != nil {
		if out.Least, err = r.FeeRange[0].Of(ctx, n); err != nil {
			return out, err
		}
		if out.Most, err = r.FeeRange[1].Of(ctx, n); err != nil {
			return out, err
		}
		if out.Least > out.Most {
			return out, command.Refuse(command.InvalidParams, "feerange: the least, %d, is more than the most, %d, for 1000 weight", out.Least, out.Most)
		}
	}
	out.Aim, err = r.FeeRate.Of(ctx, n)
	if err == nil && r.FeeRate != nil && r.FeeRange != nil && (out.Aim < out.Least || out.Aim > out.Most) {
		err = command.Refuse(command.InvalidParams, "feerate: %d for 1000 weight is not within feerange, %d to %d", out.Aim, out.Least, out.Most)
	}
	return out, err
}

func closedBy(kind string, tx *btcwire.MsgTx) (closeResponse, error) {
	raw, err := command.HexTx(tx)
	id := tx.TxHash().String()
	return closeResponse{Type: kind, Tx: raw, Txid: id, Txs: []string{raw}, Txids: []string{id}}, err
}

const defaultUnilateral = 172_800

// closeEvery is how often a close looks whether it is done; the change itself
// comes from the peer.
const closeEvery = 20 * time.Millisecond

func closeChannel(ctx context.Context, n *node.Node, r closeRequest) (out closeResponse, err error) {
	id, err := findChannel(ctx, n, r.ID)
	if err != nil {
		return out, err
	}
	fees, err := r.fees(ctx, n)
	if err != nil {
		return out, err
	}
	var script []byte
	if r.Destination != nil {
		if script, err = command.ScriptOf(n, *r.Destination); err != nil {
			return out, command.Refuse(command.InvalidParams, "destination: %v", err)
		}
	}
	l, ok := n.Links().Get(id)
	if !ok {
		return out, command.Refuse(command.Failed, "the channel is closed already")
	}
	seconds := command.Or(r.UnilateralTimeout, defaultUnilateral)
	deadline := time.Duration(min(seconds, 1<<31)) * time.Second //nolint:gosec // bounded
	if err := n.CloseChannelWithin(ctx, id, script, fees); err != nil && !errors.Is(err, channel.ErrOffline) {
		return out, err
	}
	var late <-chan time.Time
	if seconds > 0 {
		t := time.NewTimer(deadline)
		defer t.Stop()
		late = t.C
	}
	look := time.NewTicker(closeEvery)
	defer look.Stop()
	for {
		switch s := l.Status(); {
		case s.Closing != nil:
			tx, asking, err := n.ClosingTx(ctx, id)
			if err != nil {
				return out, err
			}
			if !asking {
				return closedBy("mutual", tx)
			}
		case s.Status == channel.Failed:
			return closedAlone(ctx, l)
		case s.Status != channel.Open:
			return out, command.Refuse(command.Failed, "the funding output was spent meanwhile")
		}
		select {
		case <-look.C:
		case <-late:
			if l.Status().Closing != nil {
				tx, _, err := n.ClosingTx(ctx, id)
				if err != nil {
					return out, err
				}
				return closedBy("mutual", tx)
			}
			if err := n.ForceClose(ctx, id); err != nil {
				return out, err
			}
			return closedAlone(ctx, l)
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
}

// closedAlone is the answer of a close by our latest commitment.
func closedAlone(ctx context.Context, l *link.Link) (out closeResponse, err error) {
	type answer struct {
		tx  *btcwire.MsgTx
		err error
	}
	got := make(chan answer, 1)
	if !l.Do(func(ch *channel.Channel) {
		_, tx, _, err := ch.OurCommitment(l.Signer())
		got <- answer{tx, err}
	}) {
		return out, node.ErrNoChannel
	}
	select {
	case a := <-got:
		if a.err != nil {
			return out, a.err
		}
		return closedBy("unilateral", a.tx)
	case <-ctx.Done():
		return out, ctx.Err()
	}
}

// findChannel finds the one channel that a text means.
func findChannel(ctx context.Context, n *node.Node, text string) (wire.ChannelID, error) {
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return wire.ChannelID{}, err
	}
	var found []wire.ChannelID
	for _, c := range rows {
		if c.Status.Status == channel.Closed {
			continue
		}
		names := []string{c.Params.Channel.String(), c.Params.Peer.String()}
		if c.Status.SCID != 0 {
			names = append(names, c.Status.SCID.String())
		}
		if c.Params.LocalAlias != 0 {
			names = append(names, c.Params.LocalAlias.String())
		}
		if slices.Contains(names, text) {
			found = append(found, c.Params.Channel)
		}
	}
	switch len(found) {
	case 0:
		return wire.ChannelID{}, command.Refuse(command.InvalidParams, "id: no open channel is named %q", command.Clip([]byte(text)))
	case 1:
		return found[0], nil
	}
	return wire.ChannelID{}, command.Refuse(command.Failed, "the peer has %d channels: name one by its channel_id", len(found))
}
