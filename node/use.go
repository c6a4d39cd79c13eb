package node

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/assetgraph"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/gate"
	"github.com/leyden-ln/leyden/internal/gossip"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/history"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/receiver"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/internal/sender"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/uptime"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/internal/webhook"
)

// The rooms, for whoever reads rows or builds commands.

// Store has the rows.
func (n *Node) Store() *store.Store { return n.store }

// Events is the durable log.
func (n *Node) Events() *events.Log { return n.events }

// Tokens has the ledger of the Omni Layer.
func (n *Node) Tokens() *tokens.Service { return n.tokens }

// Wallet has the coins on-chain.
func (n *Node) Wallet() *wallet.Wallet { return n.wallet }

// Receiver has the invoices.
func (n *Node) Receiver() *receiver.Receiver { return n.receiver }

// Sender makes payments.
func (n *Node) Sender() *sender.Sender { return n.sender }

// Gate has the runes.
func (n *Node) Gate() *gate.Gate { return n.gate }

// Webhooks tells others of events.
func (n *Node) Webhooks() *webhook.Service { return n.hooks }

// Links has the channels.
func (n *Node) Links() *link.Links { return n.links }

// Book has the graph.
func (n *Node) Book() *gossip.Book { return n.book }

// Peers has the connections.
func (n *Node) Peers() *peer.Set { return n.peers }

// Uptimes is for how long each peer with a channel was connected.
func (n *Node) Uptimes() *uptime.Roll { return n.roll }

// Network is the chain's name, such as "regtest".
func (n *Node) Network() string { return n.cfg.Network.Name }

// Prefix is the network as invoices write it.
func (n *Node) Prefix() bolt11.Network { return n.prefix }

// LogLevel is the level from which on lines are logged; who has it may change it.
func (n *Node) LogLevel() *slog.LevelVar { return n.cfg.LogLevel }

// History has the newest lines of the log.
func (n *Node) History() *history.Log { return &n.history }

// Config is what the node works with.
func (n *Node) Config() Config { return n.cfg }

// Dir is the data folder.
func (n *Node) Dir() string { return n.cfg.Dir }

// InvoiceExpiry is for how long an invoice can be paid that does not say it itself, in
// seconds.
func (n *Node) InvoiceExpiry() uint64 { return cmp.Or(n.cfg.InvoiceExpiry, invoice.DefaultExpiry) }

// Color is the node's colour in its node_announcement.
func (n *Node) Color() [3]byte { return n.cfg.Color }

// Alias is the node's name in its node_announcement, at most 32 bytes.
func (n *Node) Alias() string {
	if n.cfg.Alias == "" {
		return n.ID().String()[:16]
	}
	return n.cfg.Alias[:min(len(n.cfg.Alias), 32)]
}

// FeeRate estimates the feerate to confirm within so many blocks, in satoshi for
// 1000 units of weight.
func (n *Node) FeeRate(ctx context.Context, blocks uint32) (uint32, error) {
	return n.cfg.Source.FeeRate(ctx, blocks)
}

// Connect connects to a node. An empty address is looked up among the peers that
// have channels with us and in the graph.
func (n *Node) Connect(ctx context.Context, id wire.NodeID, addr string) (*peer.Peer, error) {
	if addr == "" {
		if p, ok := n.peers.Get(id); ok {
			return p, nil
		}
		addrs, err := n.addresses(ctx, id)
		if err != nil {
			return nil, err
		}
		if len(addrs) == 0 {
			return nil, ErrNoAddress
		}
		return n.connectAny(ctx, id, addrs)
	}
	return n.peers.Connect(ctx, id, addr)
}

// connectAny tries one address after the other.
func (n *Node) connectAny(ctx context.Context, id wire.NodeID, addrs []string) (p *peer.Peer, err error) {
	for _, addr := range addrs {
		if p, err = n.peers.Connect(ctx, id, addr); err == nil || ctx.Err() != nil {
			return p, err
		}
	}
	return nil, err
}

// Errors of the commands below.
var (
	ErrNoAddress    = errors.New("no address of this node is known: give one as id@host:port")
	ErrNotConnected = errors.New("the peer is not connected: connect first")
	ErrNoChannel    = errors.New("no such channel")
)

// OpenChannel opens a channel with a connected peer. From then on the peer is called
// whenever it is not connected.
func (n *Node) OpenChannel(ctx context.Context, id wire.NodeID, r funding.Request) (funding.Opened, error) {
	p, ok := n.peers.Get(id)
	if !ok {
		return funding.Opened{}, ErrNotConnected
	}
	return n.funding.Open(ctx, p, r)
}

// OpenChannels opens channels by one funding transaction: see [funding.Manager.OpenMany].
func (n *Node) OpenChannels(ctx context.Context, wishes []funding.Wish, least int) ([]funding.Opened, []*funding.PeerError, error) {
	return n.funding.OpenMany(ctx, wishes, least)
}

// CloseChannel begins a mutual close, or raises the feerate of one. A nil script is
// one of ours.
func (n *Node) CloseChannel(ctx context.Context, id wire.ChannelID, script []byte, feePerKw uint32) error {
	return n.CloseChannelWithin(ctx, id, script, closing.Fees{Aim: feePerKw})
}

// CloseChannelWithin is CloseChannel with limits for the feerate.
func (n *Node) CloseChannelWithin(ctx context.Context, id wire.ChannelID, script []byte, fees closing.Fees) error {
	return n.ask(ctx, id, func(ch *channel.Channel) error {
		return ch.ShutdownWithin(script, fees)
	})
}

// ForceClose closes a channel by our latest commitment.
func (n *Node) ForceClose(ctx context.Context, id wire.ChannelID) error {
	return n.ask(ctx, id, func(ch *channel.Channel) error {
		ch.ForceClose("closed by its owner")
		return nil
	})
}

// ClosingTx is the transaction that closes a channel by agreement, fully signed, and
// whether the peer is asked for a better one. It is nil while there is no agreement.
func (n *Node) ClosingTx(ctx context.Context, id wire.ChannelID) (tx *btcwire.MsgTx, asking bool, err error) {
	l, ok := n.links.Get(id)
	if !ok {
		return nil, false, ErrNoChannel
	}
	err = n.ask(ctx, id, func(ch *channel.Channel) (err error) {
		tx, err = ch.ClosingTx(l.Signer())
		asking = ch.Offering()
		return err
	})
	return tx, asking, err
}

// SignDigest signs a digest with the node's key: 64 bytes and the recovery id.
func (n *Node) SignDigest(hash [32]byte) ([65]byte, error) {
	return n.ring.Node().SignRecoverable(hash)
}

// NewAddress makes an address of the wallet, on disk before it is shown.
func (n *Node) NewAddress(ctx context.Context, kind wallet.Kind) (string, error) {
	pending, err := n.wallet.NewAddress(kind)
	if err != nil {
		return "", err
	}
	row, err := commit(ctx, n, pending)
	if err != nil {
		return "", err
	}
	return row.Address, nil
}

// ask runs f on a channel, in the link's goroutine, and waits until what follows
// is durable.
func (n *Node) ask(ctx context.Context, id wire.ChannelID, f func(ch *channel.Channel) error) error {
	l, ok := n.links.Get(id)
	if !ok {
		return ErrNoChannel
	}
	answer := make(chan error, 1)
	if !l.Do(func(ch *channel.Channel) { answer <- f(ch) }) {
		return ErrNoChannel
	}
	select {
	case err := <-answer:
		if err == nil {
			l.Sync(ctx)
		}
		return err
	case <-l.Done():
		return ErrNoChannel
	case <-ctx.Done():
		return ctx.Err()
	}
}

// NewPreimage draws a preimage for a payment of ours that brings it (keysend).
func (n *Node) NewPreimage(p *wire.Preimage) error {
	_, err := io.ReadFull(n.cfg.Random, p[:])
	return err
}

// failed says whether an error of a write is a fault: neither a refusal (by a disk
// that is full, too: nobody has heard of what was to be written) nor the end of
// ctx, before which nothing was written.
func (n *Node) failed(ctx context.Context, err error) bool {
	for _, refusal := range []error{nil, ctx.Err(), invoice.ErrLabelExists, invoice.ErrPreimageUsed, store.ErrExists, store.ErrFull} {
		if errors.Is(err, refusal) {
			return false
		}
	}
	return true
}

// Routes finds routes without paying. The error is a [*pay.Error].
func (n *Node) Routes(f *pay.Find) ([]pay.Route, error) { return network{n}.Routes(n.Height(), f) }

// RoutesFrom finds routes as another node would, over its announced channels, as if their
// whole capacity were its own. From this node it is [Node.Routes].
func (n *Node) RoutesFrom(source wire.NodeID, f *pay.Find) (routes []pay.Route, err error) {
	if source == n.ID() {
		return n.Routes(f)
	}
	n.book.Read(func(g *graph.Graph) {
		if _, known := g.NodeIndex(source); !known {
			err = &pay.Error{Code: pay.CodeRouteNotFound, Message: "no channel of the node at the start is known"}
			return
		}
		routes, err = route.Find(g, route.Query{Us: source, Height: n.Height(), Find: f, Own: route.Announced(g, source), Now: unixNow()})
	})
	return routes, err
}

// Graph gives the graph to f, which must not keep it.
func (n *Node) Graph(f func(g *graph.Graph)) { n.book.Read(f) }

// AssetGraph gives the announced channels with tokens to f, which must not keep them.
func (n *Node) AssetGraph(f func(g *assetgraph.Graph)) { n.assets.Read(f) }

// Stop asks whoever runs the node to end it: see [Node.Stopping].
func (n *Node) Stop() { n.stopOnce.Do(func() { close(n.stopping) }) }

// Stopping is closed when somebody asked the node to stop.
func (n *Node) Stopping() <-chan struct{} { return n.stopping }
