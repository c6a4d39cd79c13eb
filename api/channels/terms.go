package channels

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/node"
)

type setChannelRequest struct {
	ID        string               `json:"id" doc:"channel_id, short_channel_id, our alias, the id of a peer, or all"`
	FeeBase   *amount.MilliSatoshi `json:"feebase" doc:"our fee for forwarding over it; unchanged when not given"`
	FeePPM    *uint32              `json:"feeppm" doc:"the part of it that grows with the amount, in millionths; unchanged when not given"`
	HTLCMin   *amount.MilliSatoshi `json:"htlcmin" doc:"the least that is forwarded; unchanged when not given"`
	HTLCMax   *amount.MilliSatoshi `json:"htlcmax" doc:"the most that is forwarded at once; unchanged when not given"`
	Delay     *uint32              `json:"enforcedelay" doc:"seconds for which the terms before are taken too, since others hear late of the new ones; 600 when not given"`
	IgnoreFee *bool                `json:"ignorefeelimits" doc:"only false: a commitment whose fee is out of bounds is never taken"`
}

type setRow struct {
	PeerID      wire.NodeID         `json:"peer_id" doc:"the other side"`
	ChannelID   wire.ChannelID      `json:"channel_id" doc:"BOLT 2's id"`
	SCID        string              `json:"short_channel_id,omitempty" doc:"place of the funding output in the chain"`
	FeeBase     uint32              `json:"fee_base_msat" doc:"our fee for forwarding over it"`
	FeePPM      uint32              `json:"fee_proportional_millionths" doc:"the part of it that grows with the amount"`
	IgnoreFee   bool                `json:"ignore_fee_limits" doc:"false"`
	HTLCMin     amount.MilliSatoshi `json:"minimum_htlc_out_msat" doc:"the least that is forwarded"`
	WarningLow  string              `json:"warning_htlcmin_too_low,omitempty" doc:"the peer takes no less"`
	HTLCMax     amount.MilliSatoshi `json:"maximum_htlc_out_msat" doc:"the most that is forwarded at once"`
	WarningHigh string              `json:"warning_htlcmax_too_high,omitempty" doc:"the channel carries no more"`
}

type setChannelResponse struct {
	Channels []setRow `json:"channels" doc:"as they are now"`
}

const defaultEnforceDelay = 600

func setChannel(ctx context.Context, n *node.Node, r setChannelRequest) (setChannelResponse, error) {
	out := setChannelResponse{Channels: []setRow{}}
	switch {
	case command.Or(r.IgnoreFee, false):
		return out, command.Refuse(command.InvalidParams, "ignorefeelimits: only false is supported")
	case r.FeeBase != nil && *r.FeeBase > 1<<32-1:
		return out, command.Refuse(command.InvalidParams, "feebase: at most 4294967295 msat")
	case r.HTLCMin != nil && r.HTLCMax != nil && *r.HTLCMin > *r.HTLCMax:
		return out, command.Refuse(command.InvalidParams, "htlcmin is above htlcmax")
	}
	links, err := named(n, r.ID)
	if err != nil {
		return out, err
	}
	change := store.TermsRow{FeePPM: r.FeePPM, HTLCMin: r.HTLCMin, HTLCMax: r.HTLCMax}
	if r.FeeBase != nil {
		base := uint32(*r.FeeBase) //nolint:gosec // bounded above
		change.FeeBase = &base
	}
	for _, l := range links {
		least, most := n.Limits(l)
		if r.HTLCMin != nil && *r.HTLCMin > most || r.HTLCMax != nil && *r.HTLCMax < least {
			return out, command.Refuse(command.InvalidParams, "channel %s carries HTLCs from %s to %s", l.ID(), least, most)
		}
	}
	honour := time.Duration(command.Or(r.Delay, defaultEnforceDelay)) * time.Second
	if err := n.SetTerms(ctx, links, change, honour); err != nil {
		return out, err
	}
	for _, l := range links {
		out.Channels = append(out.Channels, showTerms(n, l, r))
	}
	return out, nil
}

func showTerms(n *node.Node, l *link.Link, r setChannelRequest) setRow {
	t := n.Terms(l)
	row := setRow{
		PeerID: l.Params().Peer, ChannelID: l.ID(), FeeBase: t.FeeBaseMsat, FeePPM: t.FeeProportionalMillionths, HTLCMin: t.HTLCMinimum,
		HTLCMax: t.HTLCMaximum,
	}
	if scid := l.Status().SCID; scid != 0 {
		row.SCID = scid.String()
	}
	if r.HTLCMin != nil && *r.HTLCMin < t.HTLCMinimum {
		row.WarningLow = "the peer takes no less"
	}
	if r.HTLCMax != nil && *r.HTLCMax > t.HTLCMaximum {
		row.WarningHigh = "the channel carries no more"
	}
	return row
}

// named finds the open channels that a text means.
func named(n *node.Node, text string) (out []*link.Link, err error) {
	for _, l := range n.Links().All() {
		p, s := l.Params(), l.Status()
		if s.Status != channel.Open {
			continue
		}
		names := []string{"all", p.Channel.String(), p.Peer.String()}
		for _, id := range []wire.ShortChannelID{s.SCID, p.LocalAlias} {
			if id != 0 {
				names = append(names, id.String())
			}
		}
		if slices.Contains(names, text) {
			out = append(out, l)
		}
	}
	if len(out) == 0 && text != "all" {
		return nil, command.Refuse(command.InvalidParams, "id: no open channel is named %q", command.Clip([]byte(text)))
	}
	return out, nil
}

type listForwardsRequest struct {
	Status *string              `json:"status" doc:"only those that are offered, settled, failed or local_failed"`
	In     *wire.ShortChannelID `json:"in_channel" doc:"only those that came over this channel"`
	Out    *wire.ShortChannelID `json:"out_channel" doc:"only those that went over this channel"`
	Index  *string              `json:"index" doc:"created or updated: the order of the list; created when not given"`
	Start  *uint64              `json:"start" doc:"list from this index on"`
	Limit  *uint32              `json:"limit" doc:"how many, 10000 at the most and when not given"`
}

type forwardRow struct {
	CreatedIndex uint64               `json:"created_index" doc:"place in the order of creation"`
	UpdatedIndex uint64               `json:"updated_index,omitempty" doc:"place in the order of changes"`
	In           wire.ShortChannelID  `json:"in_channel" doc:"where it came"`
	InHTLC       uint64               `json:"in_htlc_id" doc:"the HTLC's number there"`
	InAmount     amount.MilliSatoshi  `json:"in_msat" doc:"what it carried"`
	Out          wire.ShortChannelID  `json:"out_channel,omitempty" doc:"where it went, or was to go"`
	OutHTLC      *uint64              `json:"out_htlc_id,omitempty" doc:"the HTLC's number there"`
	OutAmount    *amount.MilliSatoshi `json:"out_msat,omitempty" doc:"what it carried"`
	Fee          *amount.MilliSatoshi `json:"fee_msat,omitempty" doc:"what is ours, if it is settled; absent where bitcoin is exchanged for tokens: they have no difference"`
	InProperty   amount.Property      `json:"in_property_id,omitempty" doc:"whose tokens came, beside the bitcoin that carried them; absent: none"`
	InAsset      string               `json:"in_asset,omitempty" doc:"their name, where the ledger of this node knows it"`
	InUnits      amount.Units         `json:"in_units,omitempty" doc:"how many came, in smallest units"`
	InTokens     string               `json:"in_amount,omitempty" doc:"the same in tokens"`
	OutProperty  amount.Property      `json:"out_property_id,omitempty" doc:"whose tokens went on; absent: none"`
	OutAsset     string               `json:"out_asset,omitempty" doc:"their name, where the ledger of this node knows it"`
	OutUnits     amount.Units         `json:"out_units,omitempty" doc:"how many went on, in smallest units"`
	OutTokens    string               `json:"out_amount,omitempty" doc:"the same in tokens"`
	FeeUnits     *amount.Units        `json:"fee_units,omitempty" doc:"what is ours of the tokens, if it is settled and the same came as went on"`
	Status       string               `json:"status" doc:"offered: on its way; settled; failed: further on; local_failed: refused by this node"`
	FailCode     onion.Code           `json:"failcode,omitempty" doc:"BOLT 4's number of the failure with which it was refused"`
	FailReason   string               `json:"failreason,omitempty" doc:"its name"`
	Style        string               `json:"style" doc:"tlv: the form of the onion's payload"`
	Received     uint64               `json:"received_time" doc:"unix seconds; 0: not known"`
	Resolved     uint64               `json:"resolved_time,omitempty" doc:"unix seconds"`
}

type listForwardsResponse struct {
	Forwards []forwardRow `json:"forwards" doc:"in the order of the index"`
	Next     uint64       `json:"next,omitempty" doc:"where to start to go on: there may be more"`
}

// forwardsAtOnce is how many rows are read at once.
const forwardsAtOnce = 1000

func listForwards(ctx context.Context, n *node.Node, r listForwardsRequest) (listForwardsResponse, error) {
	out := listForwardsResponse{Forwards: []forwardRow{}}
	status := store.ForwardStatus(command.Or(r.Status, ""))
	switch status {
	case "", store.ForwardOffered, store.ForwardSettled, store.ForwardFailed, store.ForwardRefused:
	default:
		return out, command.Refuse(command.InvalidParams, "status: should be offered, settled, failed or local_failed, not %q", command.Clip([]byte(*r.Status)))
	}
	updated := false
	switch command.Or(r.Index, "created") {
	case "created":
	case "updated":
		updated = true
	default:
		return out, command.Refuse(command.InvalidParams, "index: should be created or updated, not %q", command.Clip([]byte(*r.Index)))
	}
	start, limit, all := command.Or(r.Start, 0), command.Limit(r.Limit), command.AssetsOf(ctx, n)
	for more := true; more && len(out.Forwards) < limit; {
		read := func() ([]store.ForwardRow, error) { return n.Store().Forwards(ctx, status, start, forwardsAtOnce) }
		if updated {
			read = func() ([]store.ForwardRow, error) { return n.Store().ForwardsUpdated(ctx, start, forwardsAtOnce) }
		}
		rows, err := read()
		if err != nil {
			return out, err
		}
		for _, f := range rows {
			if start = f.CreatedIndex + 1; updated {
				start = f.UpdatedIndex + 1
			}
			if r.In != nil && *r.In != f.In || r.Out != nil && *r.Out != f.Out || status != "" && status != f.Status {
				continue
			}
			if len(out.Forwards) < limit {
				out.Forwards = append(out.Forwards, showForward(all, f))
			}
		}
		more = len(rows) == forwardsAtOnce
	}
	out.Next = command.Next(len(out.Forwards), limit, func() uint64 {
		if updated {
			return out.Forwards[limit-1].UpdatedIndex
		}
		return out.Forwards[limit-1].CreatedIndex
	})
	return out, nil
}

func showForward(all *command.Assets, f store.ForwardRow) forwardRow {
	row := forwardRow{
		CreatedIndex: f.CreatedIndex, UpdatedIndex: f.UpdatedIndex, In: f.In, InHTLC: f.InHTLC, InAmount: f.InAmount, Out: f.Out,
		InProperty: f.InProperty, InAsset: all.Show(f.InProperty).Name, InUnits: f.InUnits, InTokens: all.Tokens(f.InProperty, f.InUnits),
		Status: string(f.Status), FailCode: f.FailCode, FailReason: f.FailCode.WireName(), Style: "tlv",
		Received: f.ReceivedAt, Resolved: f.ResolvedAt,
	}
	if f.Status != store.ForwardRefused {
		row.OutHTLC, row.OutAmount, row.OutProperty, row.OutUnits = &f.OutHTLC, &f.OutAmount, f.OutProperty, f.OutUnits
		row.OutAsset, row.OutTokens = all.Show(f.OutProperty).Name, all.Tokens(f.OutProperty, f.OutUnits)
		told := events.Forward{InProperty: f.InProperty, InUnits: f.InUnits, InAmount: f.InAmount, OutProperty: f.OutProperty, OutUnits: f.OutUnits, OutAmount: &f.OutAmount}
		row.Fee, row.FeeUnits = told.Fees()
	}
	return row
}

type delForwardRequest struct {
	In     wire.ShortChannelID `json:"in_channel" doc:"where it came"`
	HTLC   uint64              `json:"in_htlc_id" doc:"the HTLC's number there"`
	Status string              `json:"status" doc:"the status that it must have: settled, failed or local_failed"`
}

func delForward(ctx context.Context, n *node.Node, r delForwardRequest) (command.None, error) {
	status := store.ForwardStatus(r.Status)
	if status != store.ForwardSettled && status != store.ForwardFailed && status != store.ForwardRefused {
		return command.None{}, command.Refuse(command.InvalidParams, "status: should be settled, failed or local_failed, not %q", command.Clip([]byte(r.Status)))
	}
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return command.None{}, err
	}
	for _, c := range rows {
		if r.In != 0 && (c.Status.SCID == r.In || c.Status.SCID == 0 && c.Params.LocalAlias == r.In) {
			err = n.DeleteForward(ctx, c.Params.Channel, r.HTLC, status)
			if errors.Is(err, store.ErrGone) {
				break
			}
			return command.None{}, err
		}
	}
	return command.None{}, command.Refuse(command.ForwardNotFound, "there is no such forward")
}

var termsCommands = []command.Command{
	command.Define(command.Spec{
		Name: "setchannel", Group: "channels", Short: "set the terms of a channel",
		Long: "Sets our fee for forwarding over a channel, and how small and how large an HTLC may be, and tells the network. " +
			"The terms before are taken too for a while.",
		Errors: []command.Code{command.Failed}, Examples: []string{"setchannel 103x1x0 1sat 100", "setchannel all 0 0"},
	}, setChannel),
	command.Define(command.Spec{
		Name: "listforwards", Group: "channels", Short: "list what was forwarded",
		Long:   "Lists the HTLCs that this node forwards, has forwarded, or has refused to forward.",
		Errors: []command.Code{command.Failed}, Examples: []string{"listforwards", "listforwards settled"},
	}, listForwards),
	command.Define(command.Spec{
		Name: "delforward", Group: "channels", Short: "delete a forward from the list",
		Long:   "Deletes one that has ended from the list. The fees of getinfo stay as they are.",
		Errors: []command.Code{command.ForwardNotFound, command.Failed}, Examples: []string{"delforward 103x1x0 7 settled"},
	}, delForward),
}
