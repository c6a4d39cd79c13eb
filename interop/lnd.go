package interop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lightningnetwork/lnd/lnrpc"
	"github.com/lightningnetwork/lnd/lnrpc/invoicesrpc"
	"github.com/lightningnetwork/lnd/lnrpc/routerrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// LND is an lnd.
type LND struct {
	process
	Dir string

	id, listen, rpc string
	conn            *grpc.ClientConn
}

// aliases make lnd offer option_scid_alias and option_zeroconf, which it does not of
// itself.
var aliases = []string{"--protocol.option-scid-alias", "--protocol.zero-conf"}

// StartLND starts a new node in a folder.
func StartLND(ctx context.Context, b Binaries, chain Chain, name, dir string, more ...string) (*LND, error) {
	at, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &LND{Dir: dir, listen: at[0], rpc: at[1], process: process{
		name: name, log: filepath.Join(dir, "log"),
		args: append([]string{
			b.LND, "--lnddir=" + dir, "--alias=" + name, "--listen=" + at[0], "--externalip=" + at[0], "--rpclisten=" + at[1],
			"--norest", "--no-macaroons", "--noseedbackup", "--nobootstrap", "--debuglevel=debug,CRTR=info,LNWL=info,BTWL=info,SRVR=debug",
			"--bitcoin.regtest", "--bitcoin.defaultchanconfs=1", "--trickledelay=50", "--gossip.sub-batch-delay=50ms",
			"--minbackoff=200ms", "--maxbackoff=1s", "--accept-keysend",
			"--protocol.wumbo-channels", "--keep-failed-payment-attempts",
			"--bitcoin.timelockdelta=40", "--maxpendingchannels=20",
			"--db.batch-commit-interval=1ms",
		}, append(chain.forLND(), more...)...),
	}}
	return l, l.Start(ctx)
}

var _ Peer = (*LND)(nil)

// Start implements [Peer].
func (l *LND) Start(ctx context.Context) error {
	if err := l.run(); err != nil {
		return err
	}
	return await(ctx, l.name+" to answer", func(ctx context.Context) error {
		if l.conn == nil {
			cert, err := credentials.NewClientTLSFromFile(filepath.Join(l.Dir, "tls.cert"), "")
			if err != nil {
				return err
			}
			const most = 64 << 20
			l.conn, err = grpc.NewClient(l.rpc, grpc.WithTransportCredentials(cert),
				grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(most)))
			if err != nil {
				return err
			}
		}
		l.conn.ResetConnectBackoff()
		info, err := l.RPC().GetInfo(ctx, &lnrpc.GetInfoRequest{})
		if err != nil {
			return err
		}
		l.id = info.IdentityPubkey
		state, err := lnrpc.NewStateClient(l.conn).GetState(ctx, &lnrpc.GetStateRequest{})
		if err == nil && state.State != lnrpc.WalletState_SERVER_ACTIVE {
			err = errors.New(state.State.String())
		}
		return err
	}, l.alive)
}

// RPC are lnd's own commands.
func (l *LND) RPC() lnrpc.LightningClient { return lnrpc.NewLightningClient(l.conn) }

// Router are its commands for payments.
func (l *LND) Router() routerrpc.RouterClient { return routerrpc.NewRouterClient(l.conn) }

// Invoices are its commands for held invoices.
func (l *LND) Invoices() invoicesrpc.InvoicesClient { return invoicesrpc.NewInvoicesClient(l.conn) }

// ID implements [Peer].
func (l *LND) ID() string { return l.id }

// Addr implements [Peer].
func (l *LND) Addr() string { return l.listen }

var errSyncing = errors.New("not synced")

// Height implements [Peer].
func (l *LND) Height(ctx context.Context) (uint32, error) {
	info, err := l.RPC().GetInfo(ctx, &lnrpc.GetInfoRequest{})
	if err != nil {
		return 0, err
	}
	if !info.SyncedToChain {
		return 0, errSyncing
	}
	return info.BlockHeight, nil
}

// NewAddress implements [Peer].
func (l *LND) NewAddress(ctx context.Context) (string, error) {
	out, err := l.RPC().NewAddress(ctx, &lnrpc.NewAddressRequest{Type: lnrpc.AddressType_WITNESS_PUBKEY_HASH})
	return out.GetAddress(), err
}

// OnChain implements [Peer].
func (l *LND) OnChain(ctx context.Context) (uint64, error) {
	out, err := l.RPC().WalletBalance(ctx, &lnrpc.WalletBalanceRequest{MinConfs: 1})
	return unsigned(out.GetConfirmedBalance()), err
}

// unsigned is a number that lnd gives as signed though it cannot be below zero.
func unsigned(n int64) uint64 { return uint64(max(n, 0)) }

// Connect implements [Peer].
func (l *LND) Connect(ctx context.Context, to Peer) error {
	_, err := l.RPC().ConnectPeer(ctx, &lnrpc.ConnectPeerRequest{
		Addr: &lnrpc.LightningAddress{Pubkey: to.ID(), Host: to.Addr()}, Timeout: 30,
	})
	if err != nil && strings.Contains(err.Error(), "already connected") {
		return nil
	}
	return err
}

// Disconnect implements [Peer].
func (l *LND) Disconnect(ctx context.Context, from Peer) error {
	_, err := l.RPC().DisconnectPeer(ctx, &lnrpc.DisconnectPeerRequest{PubKey: from.ID()})
	return err
}

// Connected implements [Peer].
func (l *LND) Connected(ctx context.Context) (ids []string, err error) {
	out, err := l.RPC().ListPeers(ctx, &lnrpc.ListPeersRequest{})
	for _, p := range out.GetPeers() {
		ids = append(ids, p.PubKey)
	}
	return ids, err
}

// Open implements [Peer].
func (l *LND) Open(ctx context.Context, to Peer, o Open) error {
	id, err := hex.DecodeString(to.ID())
	if err != nil {
		return err
	}
	request := &lnrpc.OpenChannelRequest{
		NodePubkey: id, LocalFundingAmount: int64(o.Sat), PushSat: int64(o.Push), Private: o.Private, SatPerVbyte: 2,
	}
	if o.Private {
		request.CommitmentType, request.ScidAlias, request.ZeroConf = lnrpc.CommitmentType_ANCHORS, true, o.ZeroConf
	}
	_, err = l.RPC().OpenChannelSync(ctx, request)
	return err
}

// TrustAll makes lnd use channels of anybody before they confirm, where the other
// asks for it, until the context ends.
func (l *LND) TrustAll(ctx context.Context) error {
	stream, err := l.RPC().ChannelAcceptor(ctx)
	if err != nil {
		return err
	}
	go func() {
		for {
			asked, err := stream.Recv()
			if err != nil {
				return
			}
			answer := &lnrpc.ChannelAcceptResponse{Accept: true, PendingChanId: asked.PendingChanId, ZeroConf: asked.WantsZeroConf}
			if err := stream.Send(answer); err != nil {
				return
			}
		}
	}()
	return nil
}

// Channels implements [Peer].
func (l *LND) Channels(ctx context.Context) ([]Channel, error) {
	open, err := l.RPC().ListChannels(ctx, &lnrpc.ListChannelsRequest{})
	if err != nil {
		return nil, err
	}
	pending, err := l.RPC().PendingChannels(ctx, &lnrpc.PendingChannelsRequest{})
	if err != nil {
		return nil, err
	}
	var out []Channel
	for _, c := range open.Channels {
		toUs := c.LocalBalance
		if c.Initiator { // who has paid the fee and the anchors of the commitment
			toUs = c.Capacity - c.RemoteBalance - c.UnsettledBalance
		}
		lacks := l.lacks(ctx, c)
		out = append(out, Channel{
			Point: c.ChannelPoint, SCID: scid(c.ChanId), Peer: c.RemotePubkey, Capacity: unsigned(c.Capacity),
			ToUs: 1000 * unsigned(toUs), HTLCs: len(c.PendingHtlcs), Ready: lacks == "", Private: c.Private,
			State: "open", Lacks: lacks,
		})
	}
	add := func(c *lnrpc.PendingChannelsResponse_PendingChannel, state string) {
		out = append(out, Channel{
			Point: c.ChannelPoint, Peer: c.RemoteNodePub, Capacity: unsigned(c.Capacity), ToUs: 1000 * unsigned(c.LocalBalance),
			Private: c.Private, State: state,
		})
	}
	for _, c := range pending.PendingOpenChannels {
		add(c.Channel, "pending open")
	}
	for _, c := range pending.WaitingCloseChannels {
		add(c.Channel, "waiting close")
	}
	for _, c := range pending.PendingForceClosingChannels {
		add(c.Channel, "force closing")
	}
	return out, nil
}

// lacks says why payments do not find a channel: some time after it is active lnd's
// terms are in its graph, and those of the other side. It forgets a channel_update
// for one of its aliases that comes earlier: an unannounced channel does without.
func (l *LND) lacks(ctx context.Context, c *lnrpc.Channel) string {
	if !c.Active {
		return "a link"
	}
	e, err := l.RPC().GetChanInfo(ctx, &lnrpc.ChanInfoRequest{ChanId: c.ChanId})
	if err != nil {
		return "a place in the graph: " + err.Error()
	}
	own, other := e.Node1Policy, e.Node2Policy
	if e.Node1Pub != l.id {
		own, other = other, own
	}
	switch {
	case own == nil:
		return "its own terms"
	case other == nil && !c.Private:
		return "its peer's terms"
	}
	return ""
}

// Close implements [Peer].
func (l *LND) Close(ctx context.Context, c Channel, force bool) (string, error) {
	request, err := closing(c)
	if err != nil {
		return "", err
	}
	request.Force = force
	if !force {
		request.SatPerVbyte, request.NoWait = 2, true // with HTLCs pending it closes when they are gone
	}
	stream, err := l.RPC().CloseChannel(ctx, request)
	if err != nil {
		return "", err
	}
	for {
		update, err := stream.Recv()
		if err != nil {
			return "", err
		}
		if p := update.GetClosePending(); p != nil {
			return reversed(p.Txid), nil
		}
	}
}

// closing asks for the close of a channel.
func closing(c Channel) (*lnrpc.CloseChannelRequest, error) {
	txid, index, _ := strings.Cut(c.Point, ":")
	n, err := strconv.ParseUint(index, 10, 32)
	return &lnrpc.CloseChannelRequest{ChannelPoint: &lnrpc.ChannelPoint{
		FundingTxid: &lnrpc.ChannelPoint_FundingTxidStr{FundingTxidStr: txid}, OutputIndex: uint32(n),
	}}, err
}

// reversed is a transaction's id as everybody writes it.
func reversed(id []byte) string {
	out := make([]byte, len(id))
	for i, b := range id {
		out[len(id)-1-i] = b
	}
	return hex.EncodeToString(out)
}

// Invoice implements [Peer].
func (l *LND) Invoice(ctx context.Context, i Ask) (Invoice, error) {
	out, err := l.RPC().AddInvoice(ctx, &lnrpc.Invoice{
		Memo: "interop", ValueMsat: int64(i.Msat), Expiry: int64(i.Expiry), Private: i.Private,
	})
	return Invoice{Bolt11: out.GetPaymentRequest(), Hash: hex.EncodeToString(out.GetRHash()), Secret: hex.EncodeToString(out.GetPaymentAddr())}, err
}

// Forget implements [Peer].
func (l *LND) Forget(ctx context.Context, i Invoice) error {
	hash, err := hex.DecodeString(i.Hash)
	if err != nil {
		return err
	}
	_, err = l.Invoices().CancelInvoice(ctx, &invoicesrpc.CancelInvoiceMsg{PaymentHash: hash})
	return err
}

// Hold makes an invoice whose preimage lnd does not know.
func (l *LND) Hold(ctx context.Context, msat uint64) (i Invoice, preimage []byte, err error) {
	preimage = make([]byte, 32)
	_, _ = rand.Read(preimage) // never fails
	hash := sha256.Sum256(preimage)
	out, err := l.Invoices().AddHoldInvoice(ctx, &invoicesrpc.AddHoldInvoiceRequest{
		Memo: "hold", Hash: hash[:], ValueMsat: int64(msat),
	})
	return Invoice{Bolt11: out.GetPaymentRequest(), Hash: hex.EncodeToString(hash[:])}, preimage, err
}

// Settle takes a held payment.
func (l *LND) Settle(ctx context.Context, preimage []byte) error {
	_, err := l.Invoices().SettleInvoice(ctx, &invoicesrpc.SettleInvoiceMsg{Preimage: preimage})
	return err
}

// State is that of an invoice.
func (l *LND) State(ctx context.Context, hash string) (*lnrpc.Invoice, error) {
	b, err := hex.DecodeString(hash)
	if err != nil {
		return nil, err
	}
	return l.RPC().LookupInvoice(ctx, &lnrpc.PaymentHash{RHash: b})
}

// Paid implements [Peer].
func (l *LND) Paid(ctx context.Context, hash string) (uint64, error) {
	i, err := l.State(ctx, hash)
	if i.GetState() != lnrpc.Invoice_SETTLED {
		return 0, err
	}
	return unsigned(i.AmtPaidMsat), err
}

// Pay implements [Peer].
func (l *LND) Pay(ctx context.Context, p Pay) (Receipt, error) {
	return l.Send(ctx, p, &routerrpc.SendPaymentRequest{PaymentRequest: p.Bolt11, AmtMsat: int64(p.Msat)})
}

// Outcome implements [Peer].
func (l *LND) Outcome(ctx context.Context, hash string) (Receipt, error) {
	b, err := hex.DecodeString(hash)
	if err != nil {
		return Receipt{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.Router().TrackPaymentV2(ctx, &routerrpc.TrackPaymentRequest{PaymentHash: b})
	if err != nil {
		return Receipt{}, err
	}
	done, err := stream.Recv()
	if status.Code(err) == codes.NotFound {
		return Receipt{}, &Refused{Why: "unknown"}
	}
	if err == nil && (done.Status == lnrpc.Payment_INITIATED || done.Status == lnrpc.Payment_IN_FLIGHT) {
		err = errPending
	}
	if err != nil {
		return Receipt{}, err
	}
	return ended(done)
}

// PayAnyway implements [Peer].
func (l *LND) PayAnyway(ctx context.Context, to Peer, i Invoice, a Anyway) (Receipt, error) {
	hash, err := hex.DecodeString(i.Hash)
	if err != nil {
		return Receipt{}, err
	}
	secret, err := hex.DecodeString(i.Secret)
	if err != nil {
		return Receipt{}, err
	}
	found, err := l.RPC().QueryRoutes(ctx, &lnrpc.QueryRoutesRequest{
		PubKey: to.ID(), AmtMsat: int64(a.Msat), FinalCltvDelta: 100,
		DestFeatures: []lnrpc.FeatureBit{lnrpc.FeatureBit_TLV_ONION_REQ, lnrpc.FeatureBit_PAYMENT_ADDR_REQ, lnrpc.FeatureBit_MPP_OPT},
	})
	if err != nil {
		return Receipt{}, err
	}
	r := found.Routes[0]
	r.TotalAmtMsat -= int64(a.LessFee)
	r.TotalFeesMsat -= int64(a.LessFee)
	r.Hops[0].FeeMsat -= int64(a.LessFee)
	r.TotalTimeLock -= a.FewerBlocks
	r.Hops[len(r.Hops)-1].MppRecord = &lnrpc.MPPRecord{PaymentAddr: secret, TotalAmtMsat: int64(a.Msat)}
	sent, err := l.Router().SendToRouteV2(ctx, &routerrpc.SendToRouteRequest{PaymentHash: hash, Route: r})
	if err != nil {
		return Receipt{}, err
	}
	// The next payments are not to be led by what came of one that it would not have made.
	if _, err := l.Router().ResetMissionControl(ctx, &routerrpc.ResetMissionControlRequest{}); err != nil {
		return Receipt{}, err
	}
	if f := sent.Failure; f != nil {
		return Receipt{}, &Refused{Why: f.Code.String(), Code: failureCodes[f.Code], From: int(f.FailureSourceIndex)}
	}
	return Receipt{Preimage: hex.EncodeToString(sent.Preimage), Fee: unsigned(r.TotalFeesMsat), Parts: 1}, nil
}

// keysendRecord is the type of the onion's record that has the preimage.
const keysendRecord = 5482373484

// Keysend pays a node that has asked for nothing.
func (l *LND) Keysend(ctx context.Context, to Peer, msat uint64) (Receipt, error) {
	id, err := hex.DecodeString(to.ID())
	if err != nil {
		return Receipt{}, err
	}
	preimage := make([]byte, 32)
	_, _ = rand.Read(preimage) // never fails
	hash := sha256.Sum256(preimage)
	return l.Send(ctx, Pay{Msat: msat}, &routerrpc.SendPaymentRequest{
		Dest: id, AmtMsat: int64(msat), PaymentHash: hash[:], FinalCltvDelta: 80,
		DestCustomRecords: map[uint64][]byte{keysendRecord: preimage},
	})
}

// Send pays as a request of lnd's own says, within the limits of p.
func (l *LND) Send(ctx context.Context, p Pay, r *routerrpc.SendPaymentRequest) (Receipt, error) {
	r.TimeoutSeconds, r.FeeLimitMsat, r.NoInflightUpdates = 30, int64(p.MaxFee), true
	if p.Seconds > 0 {
		r.TimeoutSeconds = int32(p.Seconds)
	}
	if p.MaxFee == 0 {
		r.FeeLimitMsat = 100_000_000
	}
	if r.MaxParts == 0 {
		r.MaxParts = 16
	}
	stream, err := l.Router().SendPaymentV2(ctx, r)
	if err != nil {
		return Receipt{}, err
	}
	done, err := stream.Recv()
	if err != nil {
		return Receipt{}, err
	}
	return ended(done)
}

// ended is how a payment that has ended did.
func ended(done *lnrpc.Payment) (Receipt, error) {
	out := Receipt{Preimage: done.PaymentPreimage, Fee: unsigned(done.FeeMsat)}
	refused := &Refused{Why: done.FailureReason.String()}
	for _, h := range done.Htlcs {
		if h.Status == lnrpc.HTLCAttempt_SUCCEEDED {
			out.Parts++
		}
		if f := h.Failure; f != nil {
			refused.Code, refused.From = failureCodes[f.Code], int(f.FailureSourceIndex)
		}
	}
	if done.Status != lnrpc.Payment_SUCCEEDED {
		return Receipt{}, refused
	}
	return out, nil
}

// failureCodes are BOLT 4's numbers of lnd's names.
var failureCodes = map[lnrpc.Failure_FailureCode]uint16{
	lnrpc.Failure_INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS: incorrectDetails,
	lnrpc.Failure_FINAL_INCORRECT_CLTV_EXPIRY:          18,
	lnrpc.Failure_FINAL_INCORRECT_HTLC_AMOUNT:          19,
	lnrpc.Failure_TEMPORARY_CHANNEL_FAILURE:            temporaryChannelFailure,
	lnrpc.Failure_FEE_INSUFFICIENT:                     feeInsufficient,
	lnrpc.Failure_AMOUNT_BELOW_MINIMUM:                 0x1000 | 11,
	lnrpc.Failure_INCORRECT_CLTV_EXPIRY:                incorrectExpiry,
	lnrpc.Failure_EXPIRY_TOO_SOON:                      0x1000 | 14,
	lnrpc.Failure_CHANNEL_DISABLED:                     0x1000 | 20,
	lnrpc.Failure_UNKNOWN_NEXT_PEER:                    unknownNextPeer,
	lnrpc.Failure_TEMPORARY_NODE_FAILURE:               0x2000 | 2,
	lnrpc.Failure_MPP_TIMEOUT:                          23,
}

// Failures that the cases look for (BOLT 4).
const (
	incorrectDetails        = 0x4000 | 15
	temporaryChannelFailure = 0x1000 | 7
	feeInsufficient         = 0x1000 | 12
	incorrectExpiry         = 0x1000 | 13
	unknownNextPeer         = 0x4000 | 10
)

// Graph implements [Peer].
func (l *LND) Graph(ctx context.Context) (Graph, error) {
	g := Graph{map[string]Policy{}, map[string]string{}}
	out, err := l.RPC().DescribeGraph(ctx, &lnrpc.ChannelGraphRequest{})
	if err != nil {
		return g, err
	}
	for _, e := range out.Edges {
		for i, p := range []*lnrpc.RoutingPolicy{e.Node1Policy, e.Node2Policy} {
			if p != nil {
				g.Channels[fmt.Sprintf("%s/%d", scid(e.ChannelId), i)] = Policy{
					unsigned(p.FeeBaseMsat), unsigned(p.FeeRateMilliMsat), p.TimeLockDelta, unsigned(p.MinHtlc), p.MaxHtlcMsat, p.Disabled,
				}
			}
		}
	}
	for _, n := range out.Nodes {
		if n.LastUpdate > 0 {
			g.Nodes[n.PubKey] = n.Alias
		}
	}
	return g, nil
}
