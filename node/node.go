package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"

	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backing"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/present"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/clean"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/exchange"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/gate"
	"github.com/leyden-ln/leyden/internal/gossip"
	"github.com/leyden-ln/leyden/internal/herald"
	"github.com/leyden-ln/leyden/internal/history"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/link"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/receiver"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/route"
	"github.com/leyden-ln/leyden/internal/sender"
	"github.com/leyden-ln/leyden/internal/steps"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/sweep"
	"github.com/leyden-ln/leyden/internal/terms"
	"github.com/leyden-ln/leyden/internal/tokens"
	"github.com/leyden-ln/leyden/internal/uptime"
	"github.com/leyden-ln/leyden/internal/wake"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/internal/webhook"
)

// Config is what a node needs.
type Config struct {
	Dir     string // the data folder
	Network *chaincfg.Params
	Source  chain.Source
	Alias   string       // at most 32 bytes; empty: the first bytes of the node id
	Color   [3]byte      // red, green, blue
	Listen  string       // host and port for BOLT 8; empty: none
	Relay   relay.Policy // zero: the default
	// Announce are the addresses of our node_announcement, in any order: see
	// [ParseAddress].
	Announce []wire.Address
	// ZeroConf are the peers whose channels are used before their funding
	// transactions confirm. Until then such a peer can take back all that is in
	// them, by spending its coins elsewhere.
	ZeroConf []wire.NodeID
	// SetTimeout is how long the parts of a payment wait for the rest; zero: 60
	// seconds, as BOLT 4 asks.
	SetTimeout time.Duration
	// InvoiceExpiry is for how long an invoice can be paid that does not say it
	// itself, in seconds; zero: [invoice.DefaultExpiry].
	InvoiceExpiry uint64
	// Clean says what of the past is deleted; zero: invoices that expired 30 days ago
	// and that nobody paid.
	Clean Clean
	// Passphrase gives the passphrase under which the seed's file is encrypted, or is
	// to be (new); empty: none. It is asked when it is needed. Nil: none.
	Passphrase func(fresh bool) (string, error)
	// ShowWords is shown the 24 words of a new node before anything is stored; its
	// error is the end of the start. Nil: nobody sees them.
	ShowWords func(words string) error
	Assets    tokens.Wish // whether the ledger of the Omni Layer is kept
	// ChannelsLost gives up every channel: for a database that is old. Nothing of
	// theirs is broadcast; the peers are asked to close them.
	ChannelsLost bool
	Random       io.Reader // nil: the operating system's
	Log          *slog.Logger
	LogLevel     *slog.LevelVar // from which on Log writes, for the command log; nil: nothing is below info
	Fatal        func(error)    // ends the process; nil: logs and exits
}

// Node is a running node. It is safe for concurrent use.
type Node struct {
	cfg    Config
	log    *slog.Logger
	ring   *keys.Ring
	prefix bolt11.Network

	store    *store.Store
	events   *events.Log
	traces   events.Traces
	steps    *steps.Gate // nil on mainnet
	wallet   *wallet.Wallet
	tokens   *tokens.Service
	backing  *backing.Judge
	book     *gossip.Book
	assets   *herald.Herald
	links    *link.Links
	receiver *receiver.Receiver
	sender   *sender.Sender
	cleaner  *clean.Cleaner
	funding  *funding.Manager
	peers    *peer.Set
	addr     net.Addr

	present  *present.Watch
	wake     *wake.Wake
	height   atomic.Uint32
	synced   atomic.Uint32
	enforced atomic.Uint32

	terms   *terms.Book
	rates   *exchange.Book
	gate    *gate.Gate
	hooks   *webhook.Service
	custom  atomic.Pointer[peer.Custom]
	history history.Log
	dataMu  sync.Mutex
	roll    *uptime.Roll

	memoryMu sync.Mutex
	memory   route.Memory

	away    link.Away
	onchain *sweep.Spends
	sweeper *sweep.Sweeper

	keeper    *keeper.Keeper
	changes   chan struct{} // has a token when the set of channels may have changed
	recoverMu sync.Mutex    // held while channels are recovered

	// Blocks that are looked at again: see goBack.
	wantBack  atomic.Bool
	following atomic.Pointer[context.CancelFunc]
	quiet     atomic.Uint32 // height below which nobody hears of a block; zero: none

	announceMu sync.Mutex
	announcing map[wire.ChannelID]*announcing

	chainMu sync.Mutex
	places  map[wire.ChannelID]wire.ShortChannelID // of funding outputs that are in a block
	spent   map[wire.ChannelID]uint32              // height at which a funding output was spent
	since   map[wire.ChannelID]uint32              // height since which a peer's channel waits for its funding output

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	closed sync.Once

	stopOnce sync.Once
	stopping chan struct{}
}

// Open starts a node on its data folder. Errors: [store.ErrLocked], a seed that
// does not fit the database, [keeper.OldError], and what disk and chain say.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.LogLevel == nil {
		cfg.LogLevel = new(slog.LevelVar)
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Relay == (relay.Policy{}) {
		cfg.Relay = relay.DefaultPolicy()
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, announcing: map[wire.ChannelID]*announcing{},
		places: map[wire.ChannelID]wire.ShortChannelID{}, spent: map[wire.ChannelID]uint32{},
		since: map[wire.ChannelID]uint32{}, onchain: sweep.NewSpends(),
		stopping: make(chan struct{}), changes: make(chan struct{}, 1),
	}
	if n.cfg.Fatal == nil {
		n.cfg.Fatal = func(err error) {
			n.log.Error("the node ends, so that nothing is said that is not on disk", "why", err)
			os.Exit(1)
		}
	}
	n.cfg.Log = n.history.Record(cfg.Log, cfg.LogLevel)
	n.log = n.cfg.Log
	n.ctx, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

var prefixes = map[string]bolt11.Network{
	chaincfg.MainNetParams.Name: bolt11.Mainnet, chaincfg.TestNet4Params.Name: bolt11.Testnet,
	chaincfg.SigNetParams.Name: bolt11.Signet, chaincfg.RegressionNetParams.Name: bolt11.Regtest,
}

func (n *Node) open(ctx context.Context) (err error) {
	var known bool
	if n.prefix, known = prefixes[n.cfg.Network.Name]; !known {
		return fmt.Errorf("network %q is not supported", n.cfg.Network.Name)
	}
	if n.store, err = store.Open(ctx, n.cfg.Dir); err != nil {
		return err
	}
	n.events = events.NewLog(n.store)
	n.store.OnEvent(n.events.Written)
	if n.gate, err = gate.Open(ctx, gate.Config{Store: n.store, Random: n.cfg.Random, Now: time.Now}); err != nil {
		return err
	}
	n.hooks = webhook.New(webhook.Config{Store: n.store, Events: n.events, Random: n.cfg.Random, Now: time.Now, Log: n.log, Fatal: n.fatal})
	if err := n.hooks.Load(ctx); err != nil {
		return err
	}
	how := keys.Sealing{Passphrase: n.cfg.Passphrase, Show: n.cfg.ShowWords}
	if n.ring, err = keeper.Identify(ctx, n.store, n.cfg.Dir, n.cfg.Network, n.cfg.Random, how); err != nil {
		return err
	}
	if err := n.openKeeper(ctx); err != nil {
		return err
	}
	if err := n.build(ctx); err != nil {
		return err
	}
	return n.start(ctx)
}

// factTip is the fact that holds the last block that was processed.
const factTip = "tip"

// build makes every room from what is stored.
func (n *Node) build(ctx context.Context) (err error) {
	if n.tokens, err = tokens.Open(ctx, tokens.Config{
		Wish: n.cfg.Assets, Network: n.prefix, Source: n.cfg.Source, Store: n.store,
		Publish: n.SendSigned, Reserve: n.Reserve, Random: n.cfg.Random, Log: n.log, Fatal: n.fatal,
		Executed: func() { n.onchain.Executed(); n.assets.Poke() },
	}); err != nil {
		return err
	}
	if n.wallet, err = keeper.Wallet(ctx, n.store, wallet.Config{Network: n.cfg.Network, Keys: n.ring, Watch: n.cfg.Source.Watch, Holds: n.tokens.Holds}); err != nil {
		return err
	}
	n.tokens.Use(n.wallet)
	n.backing = backing.New(backing.Config{Links: func() []*link.Link { return n.links.All() }, Place: n.place, Height: n.Height, Ledger: n.tokens, Log: n.log})
	gossiped, err := n.store.Gossip(ctx)
	if err != nil {
		return err
	}
	if n.book, err = gossip.New(gossip.Config{
		Chain: *n.cfg.Network.GenesisHash, Source: n.cfg.Source, Height: n.Height, Store: n.store,
		Ours: n.welcome, Flush: n.flush(), Log: n.log, Fatal: n.fatal,
	}, gossiped); err != nil {
		return err
	}
	if err := n.loadAssets(ctx); err != nil {
		return err
	}
	n.sweeper = sweep.New(sweep.Config{
		Wallet: n.wallet, Chain: n.cfg.Source, Signer: n.claimSigner, Writer: n.store,
		Done: n.enforced.Store, Log: n.log, Fatal: n.fatal,
	})
	n.steps = steps.For(n.cfg.Network)
	n.roll = uptime.New(n.store, n.ChangeData)
	n.present = present.New(present.Config{Best: n.cfg.Source.Best, Height: n.Height, Changed: func() { n.links.Resume() }, Log: n.log})
	if err := n.loadRates(ctx); err != nil {
		return err
	}
	n.links = link.New(link.Config{
		Store: n.store, Verifier: keys.Verifier{}, Key: n.ring.Node(), Features: Features(), Receiver: offering{n}, Sender: results{n}, Above: above{n},
		Policy: n.policy, Height: n.Height, Exchange: n.rates, Present: n.present.State, Traces: &n.traces, Steps: n.steps, Log: n.log, Fatal: n.fatal,
	})
	n.wake = wake.New(wake.Config{
		Store: n.store, Links: n.links, Tip: n.cfg.Source.Tip, Known: func() bool { return n.present.State() == present.Known },
	})
	n.receiver = receiver.New(receiver.Config{Writer: n.store, Invoices: receiver.Rows{Store: n.store}, Settler: n.links, Height: n.Height, Timeout: n.cfg.SetTimeout})
	n.sender = sender.New(sender.Config{
		Writer: n.store, Payments: sender.Rows{Store: n.store}, Links: n.links, Network: network{n},
		Node: pay.Node{ID: n.ID(), Network: n.prefix}, Steps: n.steps, Rand: n.cfg.Random, Fatal: n.fatal,
	})
	n.cleaner = n.newCleaner()
	next, err := n.store.NextKeyIndex(ctx)
	if err != nil {
		return err
	}
	n.funding = funding.New(funding.Config{
		Chain: *n.cfg.Network.GenesisHash, Features: n.Features(), Policy: open.DefaultPolicy(), Store: n.store, Assets: n.tokens, Private: n.cfg.Assets.Private,
		Wallet: n.wallet, Keys: n.newSigner, NextKey: next, Verifier: keys.Verifier{}, Random: n.cfg.Random,
		Reserve: n.reserve, Waiting: n.waiting, Named: n.named, Trusts: n.trusts, Broadcast: n.broadcastFunding, Opened: n.opened, Log: n.log, Fatal: n.fatal,
	})
	n.peers = peer.New(peer.Config{
		Key: n.ring.Node(), Features: n.Features(), Known: n.Features(), Chain: *n.cfg.Network.GenesisHash, Handler: handler{n},
		Random: n.cfg.Random, Log: n.log, Welcome: n.welcome,
	})
	if err := n.loadTerms(ctx); err != nil {
		return err
	}
	if err := n.load(ctx); err != nil {
		return err
	}
	return n.loadSpends(ctx)
}

func (n *Node) newSigner(index uint32) (channel.Signer, error) { return n.ring.Channel(index) }

// load makes the links of the stored channels.
func (n *Node) load(ctx context.Context) error {
	if err := n.sender.Load(ctx); err != nil {
		return err
	}
	channels, err := n.store.Channels(ctx)
	if err != nil {
		return err
	}
	unfinished, err := n.store.Unfinished(ctx)
	if err != nil {
		return err
	}
	n.rates.Continue(channels, unfinished)
	begins := map[wire.ChannelID]*link.Begin{}
	at := func(id wire.ChannelID) *link.Begin {
		if begins[id] == nil {
			begins[id] = &link.Begin{}
		}
		return begins[id]
	}
	for _, d := range unfinished.Decisions {
		b := at(d.In.Channel)
		b.Decided = append(b.Decided, d)
	}
	for _, s := range unfinished.Settlements {
		if in := s.Origin.In; in != nil {
			b := at(in.Channel)
			b.Ended = append(b.Ended, channel.Resolved{
				Out: s.HTLC, Origin: s.Origin, Amount: s.Amount, Preimage: s.Preimage, Reason: s.Reason, Malformed: s.Malformed,
			})
		}
	}
	for in := range unfinished.Forwarded {
		b := at(in.Channel)
		b.Asked = append(b.Asked, in.ID)
	}
	for _, rows := range channels {
		if rows.Status.Status == channel.Closed {
			continue
		}
		if err := n.loadChannel(ctx, rows, *at(rows.Params.Channel)); err != nil {
			return fmt.Errorf("channel %s: %w", rows.Params.Channel, err)
		}
	}
	return nil
}

func (n *Node) loadChannel(ctx context.Context, rows channel.Rows, begin link.Begin) error {
	signer, err := n.ring.Channel(rows.Params.KeyIndex)
	if err != nil {
		return err
	}
	memory, ok, err := n.store.Signer(ctx, rows.Params.KeyIndex)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the signer's memory is missing: the database is damaged")
	}
	signer.Remember(memory)
	ch, err := channel.Load(rows)
	if err != nil {
		return err
	}
	n.links.Add(ch, signer, begin)
	n.watchFunding(rows.Params, rows.Status)
	return n.loadPlace(ctx, rows)
}

// start begins the loops.
func (n *Node) start(ctx context.Context) error {
	tip, err := n.loadTip(ctx)
	if err != nil {
		return err
	}
	n.height.Store(tip.Height)
	n.steps.Block(tip.Height)
	n.synced.Store(tip.Height)
	if why := n.present.Ask(ctx); why != nil {
		n.log.Info("HTLCs wait until the present height is known", "why", why)
	}
	if err := n.wake.Start(ctx, tip.Height); err != nil {
		return err
	}
	n.away.Gone(n.links.All())
	n.backing.Look(n.ctx)
	for _, l := range n.links.All() {
		l.Start()
		n.reviveOnChain(l)
	}
	n.wg.Go(func() {
		if err := n.receiver.Run(n.ctx); err != nil && n.ctx.Err() == nil {
			n.fatal(err)
		}
	})
	n.sender.Start()
	n.wg.Go(n.enforceAlways)
	n.wg.Go(func() { n.sweeper.Run(n.ctx) })
	n.onchain.Poke()
	n.wantBack.Store(true)
	n.wg.Go(func() { n.follow(tip) })
	n.wg.Go(func() { n.present.Run(n.ctx) })
	n.wg.Go(func() { n.keeper.Run(n.ctx, keepEvery, n.changes, n.Height) })
	n.wg.Go(n.tend)
	n.wg.Go(func() { n.cleaner.Run(n.ctx) })
	n.wg.Go(func() { n.hooks.Run(n.ctx) })
	n.wg.Go(func() { n.tokens.Run(n.ctx) })
	n.wg.Go(func() { n.assets.Run(n.ctx) })
	if n.cfg.Listen != "" {
		if n.addr, err = n.peers.Listen(ctx, n.cfg.Listen); err != nil {
			return err
		}
	}
	n.wg.Go(n.keepCompany)
	return nil
}

// fatal ends the process, unless the node is stopping anyway.
func (n *Node) fatal(err error) {
	if n.ctx.Err() == nil {
		n.cfg.Fatal(err)
	}
}

// Fail ends the process as a write that fails does, also while the node is stopping.
func (n *Node) Fail(err error) { n.cfg.Fatal(err) }

// Close stops the node: connections first, then payments, channels and the disk.
func (n *Node) Close() (err error) {
	n.closed.Do(func() {
		if n.peers != nil {
			n.peers.Close()
		}
		if n.sender != nil {
			n.sender.Close()
		}
		n.cancel()
		if n.links != nil {
			n.links.Close()
		}
		n.wg.Wait()
		if n.store != nil {
			err = n.store.Close()
		}
	})
	return err
}

// ID is the node id.
func (n *Node) ID() wire.NodeID { return n.ring.Node().ID() }

// Height is that of the last block that was seen.
func (n *Node) Height() uint32 { return n.height.Load() }

// Synced is the height of the last block of which everything that follows from it
// is done and on disk.
func (n *Node) Synced() uint32 { return n.synced.Load() }

// Addr is where the node listens; nil: nowhere.
func (n *Node) Addr() net.Addr { return n.addr }
