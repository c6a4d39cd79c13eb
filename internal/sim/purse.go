package sim

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/sim/disk"
	"github.com/leyden-ln/leyden/internal/sim/lent"
	"github.com/leyden-ln/leyden/internal/sim/miner"
	"github.com/leyden-ln/leyden/internal/sweep"
	"github.com/leyden-ln/leyden/internal/wallet"
)

// purse is what a life of a node does on-chain: the rooms themselves, with the chain
// and the disk of the simulation. The node may die at each of their writes and
// broadcasts.
type purse struct {
	n       *node
	life    int
	wallet  *wallet.Wallet
	sweeper *sweep.Sweeper
	funding *funding.Manager
	work    *sweep.Work // to do; nil: none
}

// furnish makes the rooms of a new life from the rows.
func (n *node) furnish() {
	p := &purse{n: n, life: n.life}
	w, err := wallet.Load(wallet.Config{Network: &chaincfg.RegressionNetParams, Keys: p, Holds: n.holding}, n.disk.Wallet())
	if err != nil {
		n.w.fail("%s: %v", n, err)
	}
	quiet := slog.New(slog.DiscardHandler)
	p.wallet = w
	p.sweeper = sweep.New(sweep.Config{
		Wallet: w, Chain: p, Writer: p.pen(), Log: quiet, Fatal: p.fatal, Done: func(uint32) {},
		Signer: func(id wire.ChannelID) (enforce.Signer, error) {
			if l := n.links[id]; l != nil {
				return l.signer, nil
			}
			return nil, errNoChannel
		},
	})
	p.funding = funding.New(funding.Config{
		Chain: *chaincfg.RegressionNetParams.GenesisHash, Features: features, Policy: n.opening, Store: p.pen(),
		Wallet: w, NextKey: n.disk.NextKey(), Verifier: lent.Verifier{}, Random: p,
		Keys:    func(index uint32) (channel.Signer, error) { return n.signer(index, false), nil },
		Reserve: func(more int) amount.Satoshi { return wallet.Reserve(len(n.order) + more) },
		Waiting: func() funding.Waiting { return funding.Waiting{} }, Named: func(id wire.ShortChannelID) bool { return n.named(id) != nil },
		Trusts:    func(wire.NodeID) bool { return false },
		Broadcast: func(_ context.Context, tx *btcwire.MsgTx) error { return p.broadcast(tx) },
		Opened:    n.opened, Log: quiet, Fatal: p.fatal,
	})
	n.purse = p
}

var features = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.ChannelType, wire.ShutdownAnySegwit)

// alive tells whether this life goes on, and may end it.
func (p *purse) alive() bool { return p.n.life == p.life && p.n.alive() }

// pen writes to the disk at once.
func (p *purse) pen() durable.Writer {
	return disk.Pen{Disk: func() *disk.Disk { return p.n.disk }, Alive: p.alive}
}

// fatal is the end of the node; the reason must be its death.
func (p *purse) fatal(err error) {
	if !errors.Is(err, disk.ErrDead) {
		p.n.w.fail("%s: %v", p.n, err)
	}
}

// commit makes an outcome durable; false: the node has died of it, or before.
func commit[V any](p *purse, pending durable.Pending[V], err error) bool {
	if err == nil {
		_, err = pending.Commit(p.n.w.ctx, p.pen())
	}
	if err != nil {
		p.fatal(err)
	}
	return err == nil
}

// WalletKey implements [wallet.Keys].
func (p *purse) WalletKey(purpose, branch, index uint32) (*btcec.PrivateKey, error) {
	return lent.Wallet(p.n.index, purpose, branch, index)
}

// Read implements [io.Reader], as a source of randomness.
func (p *purse) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.n.w.rng.Uint32())
	}
	return len(b), nil
}

// FeeRate implements [sweep.Chain].
func (p *purse) FeeRate(_ context.Context, blocks uint32) (uint32, error) {
	return p.n.w.chain.Estimate(blocks), nil
}

// Broadcast implements [sweep.Chain].
func (p *purse) Broadcast(_ context.Context, tx *btcwire.MsgTx) error { return p.broadcast(tx) }

// BroadcastPackage implements [sweep.Chain].
func (p *purse) BroadcastPackage(_ context.Context, txs ...*btcwire.MsgTx) error {
	return p.broadcast(txs...)
}

func (p *purse) broadcast(txs ...*btcwire.MsgTx) error {
	if !p.alive() {
		return disk.ErrDead
	}
	return p.n.w.chain.Broadcast(p.n, txs...)
}

// rebroadcast offers every transaction of the wallet that is in no block again.
func (p *purse) rebroadcast() {
	for _, tx := range p.wallet.Unconfirmed() {
		_ = p.broadcast(tx) // it is offered again
	}
}

// sweep has the work done soon.
func (p *purse) sweep(w sweep.Work) {
	waits := p.work != nil
	p.work = &w
	if waits {
		return
	}
	n := p.n
	n.after(n.w.jitter(5*time.Second), func() {
		w := p.work
		p.work = nil
		n.w.stats.Claims += len(w.Claims)
		for _, c := range w.Claims {
			if c.Tokens > 0 {
				n.w.stats.TokenClaims++
			}
		}
		if err := p.sweeper.Do(n.w.ctx, w); err != nil {
			p.fatal(err)
		}
	})
}

// caller is the other end of a connection, for the conversation that opens a
// channel.
type caller struct {
	line *line
	me   int
}

// ID implements [funding.Peer].
func (c caller) ID() wire.NodeID { return c.line.ends[1-c.me].id }

// Features implements [funding.Peer].
func (c caller) Features() wire.Features { return features }

// Send implements [funding.Peer].
func (c caller) Send(msgs ...wire.Message) error {
	for _, m := range msgs {
		if !c.line.ends[c.me].alive() {
			return disk.ErrDead
		}
		c.line.send(c.me, m)
	}
	return nil
}

// Disconnect implements [funding.Peer].
func (c caller) Disconnect(error) { c.line.cut("the opening was refused") }

// open begins to open a channel over a connection, once there is one.
func (n *node) open(c *conn, r funding.Request, tries int) {
	me := c.end(n)
	if tries == 0 || n.gone || c.ends[1-me].gone || n.cheating() {
		return
	}
	if !n.up || !c.up || !c.hears[me] {
		n.w.after(5*time.Second, func() { n.open(c, r, tries-1) })
		return
	}
	r.FeePerKw, r.Commit = n.w.chain.Estimate(6), n.w.chain.Estimate(6)
	n.w.stats.Opens++
	if _, err := n.purse.funding.Begin(n.w.ctx, caller{c.line, me}, r); err != nil {
		n.w.logf("%s opens no channel: %v", n, err)
	}
}

// opened takes a channel whose rows are on disk.
func (n *node) opened(p funding.Peer, ch *channel.Channel, s channel.Signer, first []wire.Message) {
	to := p.(caller)
	e := n.w.made(n, ch.Rows(), to.line.conn)
	n.w.logf("%s has opened %s", n, e)
	l := n.newLink(e, ch, s.(*keys.Channel))
	l.conn, l.first = to.line, first
	l.wake()
}

// made is a channel that a side has opened; the first one to know it makes it.
func (w *world) made(by *node, rows channel.Rows, c *conn) *edge {
	p := rows.Params
	w.stats.Opened++
	for _, e := range w.edges {
		if e.id == p.Channel {
			by.edges = append(by.edges, e)
			return e
		}
	}
	e := &edge{w: w, index: len(w.edges), id: p.Channel, funding: p.Funding, capacity: p.Capacity, conn: c, late: true}
	for i, n := range c.ends {
		o := c.ends[1-i]
		if (p.Peer == o.id) == p.LocalIsOpener {
			e.ends[0].n, e.ends[1].n = n, o
		}
	}
	if e.push = rows.State.ToLocal; p.LocalIsOpener {
		e.push = p.Capacity.Msat() - e.push
	}
	by.edges = append(by.edges, e)
	w.edges = append(w.edges, e)
	w.funded[p.Funding] = true
	w.stats.Channels++
	return e
}

// places finds the funding outputs of a node's channels in the chain that ends in a
// block.
func (n *node) placesAt(tip *miner.Block) map[wire.ChannelID]wire.ShortChannelID {
	list := map[wire.ChannelID]wire.ShortChannelID{}
	for b := tip; b != nil; b = b.Parent {
		n.place(b, list)
	}
	return list
}

// place notes the funding outputs that a block has.
func (n *node) place(b *miner.Block, list map[wire.ChannelID]wire.ShortChannelID) {
	byTx := make(map[chainhash.Hash]*edge, len(n.edges))
	for _, e := range n.edges {
		byTx[e.funding.Hash] = e
	}
	for i, tx := range b.Txs {
		if e := byTx[tx.TxHash()]; e != nil {
			list[e.id] = wire.NewShortChannelID(b.Height, uint32(i), uint16(e.funding.Index)) //nolint:gosec // few
		}
	}
}
