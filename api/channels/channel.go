package channels

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/terms"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

type htlcRow struct {
	Direction   string              `json:"direction" doc:"out: we offered it; in: the peer did"`
	ID          uint64              `json:"id" doc:"its number in this direction"`
	Amount      amount.MilliSatoshi `json:"amount_msat" doc:"what it carries"`
	Units       amount.Units        `json:"asset_units,omitempty" doc:"the tokens that it carries beside, in the smallest units"`
	Expiry      uint32              `json:"expiry" doc:"the height at which it times out"`
	PaymentHash wire.PaymentHash    `json:"payment_hash" doc:"whose preimage settles it"`
	State       string              `json:"state" doc:"how far its addition or removal has come, such as SENT_ADD_ACK_REVOCATION"`
	Trimmed     bool                `json:"local_trimmed,omitempty" doc:"true when it is too small for an output of our commitment"`
}

// htlcStates are Core Lightning's names of the stages of an update: by who
// offered it, ours and theirs.
var htlcStates = [2][5]string{
	{"SENT_%s_HTLC", "SENT_%s_COMMIT", "RCVD_%s_REVOCATION", "RCVD_%s_ACK_COMMIT", "SENT_%s_ACK_REVOCATION"},
	{"RCVD_%s_HTLC", "RCVD_%s_COMMIT", "SENT_%s_REVOCATION", "SENT_%s_ACK_COMMIT", "RCVD_%s_ACK_REVOCATION"},
}

func htlcState(h channel.HTLCView) string {
	by := 0
	if h.Incoming {
		by = 1
	}
	if h.Removing { // by the other side than it was added
		return fmt.Sprintf(htlcStates[1-by][h.Removed], "REMOVE")
	}
	return fmt.Sprintf(htlcStates[by][h.Added], "ADD")
}

type feeRates struct {
	PerKw uint32 `json:"perkw" doc:"in satoshi for 1000 weight"`
	PerKb uint32 `json:"perkb" doc:"in satoshi for 1000 virtual bytes"`
}

type aliases struct {
	Local  wire.ShortChannelID `json:"local,omitzero" doc:"ours, by which the peer asks us to forward over it"`
	Remote wire.ShortChannelID `json:"remote,omitzero" doc:"the peer's, for route hints"`
}

// Row is a channel as listed.
type Row struct {
	PeerID          wire.NodeID         `json:"peer_id" doc:"the other side"`
	PeerConnected   bool                `json:"peer_connected" doc:"whether it is connected"`
	State           string              `json:"state" doc:"such as CHANNELD_NORMAL"`
	ChannelID       wire.ChannelID      `json:"channel_id" doc:"BOLT 2's id"`
	SCID            string              `json:"short_channel_id,omitempty" doc:"place of the funding output in the chain"`
	Alias           *aliases            `json:"alias,omitempty" doc:"names that do not tell the place"`
	Direction       uint8               `json:"direction" doc:"0 when our node id is the lesser one, else 1"`
	FundingTxid     string              `json:"funding_txid" doc:"of the funding transaction"`
	FundingOutnum   uint32              `json:"funding_outnum" doc:"its output"`
	Opener          string              `json:"opener" doc:"local or remote"`
	Private         bool                `json:"private" doc:"whether it is not announced"`
	Type            channelType         `json:"channel_type" doc:"what both sides agreed on"`
	Features        []featureName       `json:"features" doc:"the same, by the names of features"`
	FeeRate         feeRates            `json:"feerate" doc:"of our commitment"`
	ToUs            amount.MilliSatoshi `json:"to_us_msat" doc:"our balance"`
	LeastToUs       amount.MilliSatoshi `json:"min_to_us_msat" doc:"the least that it ever was"`
	MostToUs        amount.MilliSatoshi `json:"max_to_us_msat" doc:"the most that it ever was"`
	Total           amount.MilliSatoshi `json:"total_msat" doc:"the capacity"`
	Spendable       amount.MilliSatoshi `json:"spendable_msat" doc:"the largest HTLC that we can offer"`
	Receivable      amount.MilliSatoshi `json:"receivable_msat" doc:"the largest HTLC that the peer can offer"`
	OurReserve      amount.MilliSatoshi `json:"our_reserve_msat" doc:"what we must keep"`
	TheirReserve    amount.MilliSatoshi `json:"their_reserve_msat" doc:"what the peer must keep"`
	LastFee         amount.MilliSatoshi `json:"last_tx_fee_msat" doc:"what our latest commitment pays to the miners"`
	DustLimit       amount.MilliSatoshi `json:"dust_limit_msat" doc:"below which our commitment has no output"`
	OurToSelfDelay  uint16              `json:"our_to_self_delay" doc:"blocks that we wait for our money after our unilateral close"`
	PeerToSelfDelay uint16              `json:"their_to_self_delay" doc:"blocks that the peer waits after its own"`
	MinHTLCIn       amount.MilliSatoshi `json:"minimum_htlc_in_msat" doc:"the smallest HTLC that we take"`
	MinHTLCOut      amount.MilliSatoshi `json:"minimum_htlc_out_msat" doc:"the smallest HTLC that the peer takes"`
	MaxHTLCOut      amount.MilliSatoshi `json:"maximum_htlc_out_msat" doc:"the largest HTLC that is forwarded over it"`
	MaxTotalIn      amount.MilliSatoshi `json:"max_total_htlc_in_msat" doc:"what the HTLCs that we take may carry together"`
	MaxTotalOut     amount.MilliSatoshi `json:"max_total_htlc_out_msat" doc:"what the HTLCs that the peer takes may carry together"`
	OurMaxInFlight  amount.MilliSatoshi `json:"our_max_htlc_value_in_flight_msat" doc:"the same as max_total_htlc_in_msat"`
	PeerMaxInFlight amount.MilliSatoshi `json:"their_max_htlc_value_in_flight_msat" doc:"the same as max_total_htlc_out_msat"`
	MaxAcceptedHTLC uint16              `json:"max_accepted_htlcs" doc:"how many HTLCs we take at once"`
	FeeBase         uint32              `json:"fee_base_msat" doc:"our fee for forwarding over it"`
	FeePPM          uint32              `json:"fee_proportional_millionths" doc:"the part of it that grows with the amount"`
	CLTVDelta       uint16              `json:"cltv_expiry_delta" doc:"blocks that we ask for"`
	Updates         *updates            `json:"updates,omitempty" doc:"what each side's channel_update says"`
	HTLCs           []htlcRow           `json:"htlcs" doc:"in flight"`
	CloseTo         string              `json:"close_to,omitempty" doc:"the script for our money in a mutual close, where it was fixed at the opening"`
	CloseToAddr     string              `json:"close_to_addr,omitempty" doc:"the same as an address"`
	Status          []string            `json:"status" doc:"in words"`
	OnChain         []onChainRow        `json:"onchain,omitempty" doc:"what became of the outputs of the transaction that closed it"`
	Reestablished   bool                `json:"reestablished" doc:"whether both sides have said since they are connected where they stand"`
	LostState       bool                `json:"lost_state" doc:"whether we have lost state, so that only the peer can close it"`
	IgnoreFees      bool                `json:"ignore_fee_limits" doc:"false: a commitment whose fee is out of bounds is never taken"`
	Closer          string              `json:"closer,omitempty" doc:"local or remote: who began to close it"`
	Funding         fundingRow          `json:"funding" doc:"who put what in"`
	Asset           *assetRow           `json:"asset,omitempty" doc:"the token that it carries beside bitcoin"`
	InOffered       uint64              `json:"in_payments_offered" doc:"how many HTLCs came over it"`
	InOfferedMsat   amount.MilliSatoshi `json:"in_offered_msat" doc:"what they carried"`
	InFulfilled     uint64              `json:"in_payments_fulfilled" doc:"how many of them were settled"`
	InFulfilledMsat amount.MilliSatoshi `json:"in_fulfilled_msat" doc:"what those carried"`
	OutOffered      uint64              `json:"out_payments_offered" doc:"how many HTLCs went over it"`
	OutOfferedMsat  amount.MilliSatoshi `json:"out_offered_msat" doc:"what they carried"`
	OutFulfilled    uint64              `json:"out_payments_fulfilled" doc:"how many of them were settled"`
	OutSettledMsat  amount.MilliSatoshi `json:"out_fulfilled_msat" doc:"what those carried"`
}

// carried adds what HTLCs have carried in each direction.
func (r *Row) carried(in, out store.Traffic) {
	r.InOffered, r.InOfferedMsat, r.InFulfilled, r.InFulfilledMsat = in.Offered, in.OfferedAmount, in.Fulfilled, in.FulfilledAmount
	r.OutOffered, r.OutOfferedMsat, r.OutFulfilled, r.OutSettledMsat = out.Offered, out.OfferedAmount, out.Fulfilled, out.FulfilledAmount
}

type fundingRow struct {
	Withheld bool                `json:"withheld" doc:"false: a funding transaction is always broadcast"`
	Local    amount.MilliSatoshi `json:"local_funds_msat" doc:"what we put in"`
	Remote   amount.MilliSatoshi `json:"remote_funds_msat" doc:"what the peer put in"`
	Pushed   amount.MilliSatoshi `json:"pushed_msat" doc:"what the opener gave to the other side at once"`
}

func fundingOf(p *channel.ParamsRow) fundingRow {
	if p.LocalIsOpener {
		return fundingRow{Local: p.Capacity.Msat(), Pushed: p.Pushed}
	}
	return fundingRow{Remote: p.Capacity.Msat(), Pushed: p.Pushed}
}

// closer is who began to close a channel; empty: nobody, or it failed.
func closer(s *channel.StatusRow) string {
	if cause := closeCause(s); cause == "local" || cause == "remote" {
		return cause
	}
	return ""
}

type listPeerChannelsRequest struct {
	ID      *wire.NodeID         `json:"id" doc:"only of this peer"`
	SCID    *wire.ShortChannelID `json:"short_channel_id" doc:"only this channel, by its place or by our alias; without id"`
	Channel *channelID           `json:"channel_id" doc:"only this channel; without id and short_channel_id"`
}

// wants says whether a channel is asked for.
func (r *listPeerChannelsRequest) wants(c *channel.Rows) bool {
	switch {
	case r.ID != nil:
		return *r.ID == c.Params.Peer
	case r.SCID != nil:
		return *r.SCID != 0 && (*r.SCID == c.Status.SCID || *r.SCID == c.Params.LocalAlias)
	case r.Channel != nil:
		return wire.ChannelID(*r.Channel) == c.Params.Channel
	}
	return true
}

type ofPeer struct {
	ID *wire.NodeID `json:"id" doc:"only of this peer"`
}

type listChannelsOfPeers struct {
	Channels []Row `json:"channels" doc:"in the order of opening"`
}

func listPeerChannels(ctx context.Context, n *node.Node, r listPeerChannelsRequest) (listChannelsOfPeers, error) {
	out := listChannelsOfPeers{Channels: []Row{}}
	if r.ID != nil && r.SCID != nil || r.ID != nil && r.Channel != nil || r.SCID != nil && r.Channel != nil {
		return out, command.Refuse(command.InvalidParams, "give only one of id, short_channel_id and channel_id")
	}
	rows, err := n.Store().Channels(ctx)
	if err != nil {
		return out, err
	}
	in, went, err := n.Store().Traffic(ctx)
	if err != nil {
		return out, err
	}
	extremes, err := n.Store().Extremes(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range rows {
		if !r.wants(&c) || c.Status.Status == channel.Closed {
			continue
		}
		row, err := Show(n, c)
		if err != nil {
			return out, err
		}
		row.carried(in[row.ChannelID], went[row.ChannelID])
		row.LeastToUs, row.MostToUs = extremes[row.ChannelID][0], extremes[row.ChannelID][1]
		out.Channels = append(out.Channels, row)
	}
	return out, nil
}

// Show makes a row's view: of what is on disk, with the connection as it is.
func Show(n *node.Node, rows channel.Rows) (Row, error) {
	ch, err := channel.Load(rows)
	if err != nil {
		return Row{}, err
	}
	p, v := rows.Params, ch.View()
	_, connected := n.Peers().Get(p.Peer)
	out := Row{
		PeerID: p.Peer, PeerConnected: connected, State: v.State, ChannelID: p.Channel, FundingTxid: p.Funding.Hash.String(),
		FundingOutnum: p.Funding.Index, Opener: "remote", Private: !p.Announce, ToUs: v.ToLocal, Total: p.Capacity.Msat(),
		Spendable: v.Spendable, Receivable: v.Receivable, LastFee: v.LastFee.Msat(), OurReserve: v.ReserveLocal.Msat(), TheirReserve: v.ReserveRemote.Msat(),
		DustLimit: p.LocalLimits.DustLimit.Msat(), OurToSelfDelay: p.RemoteLimits.ToSelfDelay,
		PeerToSelfDelay: p.LocalLimits.ToSelfDelay, MinHTLCIn: p.LocalLimits.HTLCMinimum, MinHTLCOut: p.RemoteLimits.HTLCMinimum,
		MaxHTLCOut:     min(p.Capacity.Msat(), p.RemoteLimits.MaxHTLCValueInFlight),
		OurMaxInFlight: p.LocalLimits.MaxHTLCValueInFlight, PeerMaxInFlight: p.RemoteLimits.MaxHTLCValueInFlight,
		MaxTotalIn: p.LocalLimits.MaxHTLCValueInFlight, MaxTotalOut: p.RemoteLimits.MaxHTLCValueInFlight,
		MaxAcceptedHTLC: p.LocalLimits.MaxAcceptedHTLCs, FeeRate: feeRates{v.FeePerKw, 4 * v.FeePerKw},
		Type: typeOf(p.ChannelType), Features: featuresOf(p.ChannelType), Direction: command.Direction(n.ID(), p.Peer), HTLCs: []htlcRow{}, Status: []string{v.State},
		LostState: rows.Status.Status == channel.Lost, Closer: closer(&rows.Status), Funding: fundingOf(&rows.Params), Asset: assetOf(&p, &v),
	}
	if l, ok := n.Links().Get(p.Channel); ok && connected {
		// What can move now depends on the connection, which rows do not know.
		live := l.View()
		out.Spendable, out.Receivable, out.Reestablished = live.Spendable, live.Receivable, live.Connected
		out.Asset = assetOf(&p, &live)
	}
	if l, ok := n.Links().Get(p.Channel); ok && out.Asset != nil {
		out.Asset.Stopped = l.Held()
	}
	if p.LocalIsOpener {
		out.Opener = "local"
	}
	if p.LocalUpfront {
		out.CloseTo, out.CloseToAddr = hex.EncodeToString(p.LocalScript), command.AddressOf(n, p.LocalScript)
	}
	if rows.Status.SCID != 0 {
		out.SCID = rows.Status.SCID.String()
	} else if p.MinimumDepth == 0 {
		out.Status = append(out.Status, unconfirmed)
	}
	if u := n.Book().Update(terms.LocalID(p, rows.Status), n.ID()); u != nil {
		out.FeeBase, out.FeePPM, out.CLTVDelta, out.MaxHTLCOut = u.FeeBaseMsat, u.FeeProportionalMillionths, u.CLTVExpiryDelta, u.HTLCMaximumMsat
		out.Updates = &updates{Local: saidBy(u), Remote: saidBy(n.PeerUpdate(p, rows.Status))}
	}
	if local, remote := p.LocalAlias, rows.Status.RemoteAlias; local != 0 || remote != 0 {
		out.Alias = &aliases{local, remote}
	}
	if rows.Status.Failure != "" {
		out.Status = append(out.Status, rows.Status.Failure)
	}
	out.Status = append(out.Status, n.Troubles(p.Channel)...)
	if plan, ok := n.Plan(p.Channel); ok {
		out.onChain(&plan)
	}
	for _, h := range v.HTLCs {
		direction := "out"
		if h.Incoming {
			direction = "in"
		}
		out.HTLCs = append(out.HTLCs, htlcRow{
			Direction: direction, ID: h.ID, Amount: h.Amount, Expiry: h.CLTVExpiry, PaymentHash: h.PaymentHash,
			State: htlcState(h), Trimmed: h.LocalTrimmed, Units: h.Tokens,
		})
	}
	return out, nil
}

// unconfirmed is the status of a channel that is used before it is in a block.
const unconfirmed = "used on trust: until its funding transaction is in a block, its opener can take back all that is in it"

type fundChannelRequest struct {
	ID       wire.NodeID          `json:"id" doc:"the peer, which must be connected"`
	Amount   string               `json:"amount" doc:"of the channel: a number of satoshi, an amount with the suffix sat, msat or btc, or all"`
	FeeRate  *command.FeeRate     `json:"feerate" doc:"of the funding transaction; a bare number is satoshi for 1000 virtual bytes (perkb); normal when not given"`
	Announce *bool                `json:"announce" doc:"whether to announce it; when not given true, and false with tokens, which nodes that carry such tell each other if the peer agrees"`
	MinConf  *uint32              `json:"minconf" doc:"confirmations of the coins to spend; 1 when not given"`
	UTXOs    *[]command.OutPoint  `json:"utxos" doc:"spend just these coins: txid:output"`
	Push     *amount.MilliSatoshi `json:"push_msat" doc:"to give to the peer at once; 0 when not given"`
	CloseTo  *string              `json:"close_to" doc:"the address for our money in a mutual close, to which both sides are bound; needs option_upfront_shutdown_script"`
	Request  *command.Unsupported `json:"request_amt" doc:"there are no leases"`
	Lease    *command.Unsupported `json:"compact_lease" doc:"there are no leases"`
	MinDepth *uint32              `json:"mindepth" doc:"confirmations of the funding transaction to wait for; 0: the channel is used at once, when the peer trusts us; as many as the peer asks for when not given"`
	Reserve  *string              `json:"reserve" doc:"what the peer must keep: a number of satoshi, or an amount with the suffix sat, msat or btc, up to a tenth of the amount; a hundredth when not given"`
	Type     *[]int               `json:"channel_type" doc:"its feature bits: [12,22] for anchors, with 46 for a channel that only its alias names, or 50 for one that is used unconfirmed; the best that both support when not given"`

	Asset       *amount.Property `json:"asset" doc:"the number of a token that the channel is to carry beside bitcoin; none when not given"`
	AssetAmount *string          `json:"asset_amount" doc:"how many tokens, such as 12.5, of one address of the wallet"`
	PushAsset   *string          `json:"push_asset" doc:"how many of them to give to the peer at once, with push_msat beside them; 0 when not given"`
}

// asked is what one channel to open may have of its own.
type asked struct {
	closeTo, reserve *string
	kind             *[]int
}

// into reads it into a request.
func (a asked) into(n *node.Node, r *funding.Request) (err error) {
	if a.closeTo != nil {
		if r.CloseTo, err = command.ScriptOf(n, *a.closeTo); err != nil {
			return command.Refuse(command.InvalidParams, "close_to: %v", err)
		}
	}
	if a.reserve != nil {
		sat, err := command.Satoshi(*a.reserve)
		if err != nil || sat > amount.MaxMoney {
			return command.Refuse(command.InvalidParams, "reserve: should be an amount, not %q", command.Clip([]byte(*a.reserve)))
		}
		r.Reserve = &sat
	}
	if a.kind == nil {
		return nil
	}
	r.Type = wire.Features{}
	for _, bit := range *a.kind {
		if bit < 0 || bit > mostFeature {
			return command.Refuse(command.InvalidParams, "channel_type: there is no feature %d", bit)
		}
		r.Type = r.Type.With(wire.FeatureBit(bit)) //nolint:gosec // bounded
	}
	if _, _, err := open.Variations(r.Type); err != nil {
		return command.Refuse(command.InvalidParams, "channel_type: %v", err)
	}
	return nil
}

// mostFeature bounds the bits of a channel type.
const mostFeature = 1000

// outPoints are coins that were named; nil: none were.
func outPoints(list *[]command.OutPoint) (out []btcwire.OutPoint) {
	for _, o := range command.Or(list, nil) {
		out = append(out, o.OutPoint)
	}
	return out
}

type fundChannelResponse struct {
	Tx          string         `json:"tx" doc:"the funding transaction in hexadecimal"`
	Txid        string         `json:"txid" doc:"its id"`
	Outnum      uint32         `json:"outnum" doc:"its output"`
	ChannelID   wire.ChannelID `json:"channel_id" doc:"BOLT 2's id"`
	ChannelType channelType    `json:"channel_type" doc:"what both sides agreed on"`
	CloseTo     string         `json:"close_to,omitempty" doc:"the script of close_to in hexadecimal"`
	MinDepth    uint32         `json:"mindepth" doc:"confirmations until it can be used"`
	Freezable   string         `json:"warning_freezable,omitempty" doc:"what the issuer of the token can do to the channel"`
}

func fundChannel(ctx context.Context, n *node.Node, r fundChannelRequest) (out fundChannelResponse, err error) {
	if _, err := n.PresentHeight(ctx); err != nil {
		return out, fundError(n, err)
	}
	sat, err := command.Satoshi(r.Amount)
	if err != nil {
		return out, command.Refuse(command.InvalidParams, "amount: %v", err)
	}
	estimate, err := n.FeeRate(ctx, command.ConfirmTarget)
	if err != nil {
		return out, err
	}
	rate, err := r.FeeRate.Of(ctx, n)
	if err != nil {
		return out, err
	}
	req := funding.Request{
		Amount: sat, FeePerKw: rate, Commit: estimate, Announce: r.announces(), MinConf: command.Or(r.MinConf, 1),
		Push: command.Or(r.Push, 0), Depth: r.MinDepth, Coins: outPoints(r.UTXOs),
	}
	if err := (asked{r.CloseTo, r.Reserve, r.Type}).into(n, &req); err != nil {
		return out, err
	}
	if req.Asset, err = r.tokensOf(ctx, n); err != nil {
		return out, err
	}
	opened, err := n.OpenChannel(ctx, r.ID, req)
	if err != nil {
		return out, fundError(n, err)
	}
	raw, err := command.HexTx(opened.Tx)
	return fundChannelResponse{
		Tx: raw, Txid: opened.Tx.TxHash().String(), Outnum: opened.Output, ChannelID: opened.Channel,
		ChannelType: typeOf(opened.Params.ChannelType), CloseTo: hex.EncodeToString(req.CloseTo), MinDepth: opened.Params.MinimumDepth,
		Freezable: riskOf(ctx, n, req.Asset),
	}, err
}

// fundError gives the errors of opening a channel their codes.
func fundError(n *node.Node, err error) error {
	if poor := command.Poor(n, err); poor != nil {
		return poor
	}
	if of := assetError(err); of != nil {
		return of
	}
	switch {
	case errors.Is(err, node.ErrSyncing):
		return command.Refuse(command.FundStillSyncing, "%v", err)
	case errors.Is(err, node.ErrNotConnected):
		return command.Refuse(command.FundPeerNotConnected, "%v", err)
	case errors.Is(err, funding.ErrBroadcast):
		return command.Refuse(command.FundBroadcastFail, "%v", err)
	case errors.Is(err, open.ErrLarge):
		return command.Refuse(command.FundMaxExceeded, "%v", err)
	case errors.Is(err, open.ErrDust), errors.Is(err, wallet.ErrOutput):
		return command.Refuse(command.FundOutputIsDust, "%v", err)
	}
	return err
}

// Commands are those of our channels.
var Commands = slices.Concat([]command.Command{
	command.Define(command.Spec{
		Name: "fundchannel", Group: "channels", Short: "open a channel",
		Long: "Opens a channel with a connected peer and returns when the funding transaction is broadcast. It can be used " +
			"when the transaction has enough confirmations, or at once with `mindepth=0`, if the peer trusts us " +
			"(option_zeroconf). A channel that is not announced has an alias, and its place in the chain is told to nobody. With `asset` it " +
			"carries that token beside bitcoin: both nodes must run with --assets, the tokens be at one address of the wallet, and their " +
			"ledgers see them at the channel's address, six blocks deep. Such a channel is announced with `announce=true` and the peer's " +
			"consent, to nodes that carry tokens alone (`listassetchannels`).",
		Errors:   []command.Code{command.FundMaxExceeded, command.FundCannotAfford, command.FundStillSyncing, command.FundReserveNeeded, command.FundOutputIsDust, command.FundBroadcastFail, command.FundPeerNotConnected, command.AssetsOff, command.AssetUnknown, command.AssetTooFew, command.AssetRefused, command.Failed},
		Examples: []string{"fundchannel -k id=02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 amount=all", "fundchannel 02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619 1000000"},
	}, fundChannel),
	command.Define(command.Spec{
		Name: "multifundchannel", Group: "channels", Short: "open several channels by one transaction",
		Long: "Connects to several peers, opens a channel with each by one funding transaction, and returns when it is broadcast, which is " +
			"once every peer has signed and all is on disk. When one fails nothing is spent, no channel is opened, and the error names the peer " +
			"and has its `id` and the `method` that failed as data; with `minchannels` the others are asked anew without it.",
		Errors: []command.Code{
			command.ConnectNoKnownAddress, command.ConnectAllFailed, command.ConnectDisconnected, command.FundMaxExceeded, command.FundCannotAfford, command.FundStillSyncing, command.FundReserveNeeded, command.FundOutputIsDust,
			command.FundBroadcastFail, command.FundPeerNotConnected, command.Failed,
		},
		Examples: []string{`multifundchannel '[{"id":"02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619","amount":"1000000sat"},` +
			`{"id":"03462779ad4aad39514614751a71085f2f10e1c7a593e4e030efb5b8721ce55b0b@127.0.0.1:9735","amount":"all"}]'`},
	}, multiFundChannel),
	command.Define(command.Spec{
		Name: "listpeerchannels", Group: "channels", Short: "list our channels",
		Long: "Lists the channels that are not closed for good, with their balances.", Errors: []command.Code{command.Failed},
		Examples: []string{"listpeerchannels"},
	}, listPeerChannels),
	command.Define(command.Spec{
		Name: "listclosedchannels", Group: "channels", Short: "list channels that are closed for good",
		Long: "Lists the channels of which nothing is left to claim: what closed them is 100 blocks deep.", Errors: []command.Code{command.Failed},
		Examples: []string{"listclosedchannels"},
	}, listClosedChannels),
	command.Define(command.Spec{
		Name: "close", Group: "channels", Short: "close a channel",
		Long: "Closes a channel by agreement with the peer, and when that does not come about in time, by our latest " +
			"commitment.",
		Errors: []command.Code{command.Failed}, Examples: []string{"close 103x1x0", "close 103x1x0 60"},
	}, closeChannel),
}, termsCommands)
