package neutrino

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/lightninglabs/neutrino/pushtx"
	"github.com/lightninglabs/neutrino/query"

	"github.com/leyden-ln/leyden/internal/chain"
)

// outbox offers transactions to the peers that there are and to those that come,
// and gives them to whoever asks. It is not the client's own broadcaster: that one
// takes one transaction at a time, waits for its peers each time, and does not
// forget.
type outbox struct {
	log *slog.Logger

	mu    sync.Mutex
	peers map[query.Peer]bool
	txs   map[chainhash.Hash]*offer
}

// offer is a transaction on its way.
type offer struct {
	tx      *btcwire.MsgTx
	height  uint32 // when it was offered last
	asked   int    // peers that asked for it
	refused int    // and those of them that did not want it
	why     *pushtx.BroadcastError
	news    chan struct{} // closed when every peer has refused it
	closed  bool
}

const (
	verdictTimeout = time.Second      // in which a peer of the rare kind refuses
	settle         = time.Second      // in which a new peer may not listen yet
	offerEvery     = 10 * time.Minute // a peer may have lost its mempool
	offerBlocks    = 144              // after which what nobody offers again is forgotten
	maxOffers      = 1000
)

func newOutbox(log *slog.Logger) *outbox {
	return &outbox{log: log, peers: map[query.Peer]bool{}, txs: map[chainhash.Hash]*offer{}}
}

// run attends to peers as they come, until ctx ends.
func (o *outbox) run(ctx context.Context, peers <-chan query.Peer, height func() uint32) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case p := <-peers:
			wg.Go(func() { o.attend(ctx, p, height) })
		case <-ctx.Done():
			return
		}
	}
}

func (o *outbox) attend(ctx context.Context, p query.Peer, height func() uint32) {
	received, cancel := p.SubscribeRecvMsg()
	defer cancel()
	o.join(p)
	defer func() { o.leave(p, ctx.Err() != nil) }()
	offer := time.NewTimer(settle)
	defer offer.Stop()
	for {
		select {
		case <-offer.C:
			o.offerAll(p, height())
			offer.Reset(offerEvery)
		case m := <-received:
			switch m := m.(type) {
			case *btcwire.MsgGetData:
				o.give(p, m)
			case *btcwire.MsgReject:
				o.refuse(p, m)
			}
		case <-p.OnDisconnect():
			return
		case <-ctx.Done():
			return
		}
	}
}

func (o *outbox) join(p query.Peer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.peers[p] = true
	o.log.Info("peer of the light client connected", "peer", p.Addr(), "peers", len(o.peers))
}

// offerAll tells a peer of all that is on its way.
func (o *outbox) offerAll(p query.Peer, height uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for txid, f := range o.txs {
		if f.height+offerBlocks < height {
			delete(o.txs, txid)
			continue
		}
		tell(p, txid)
	}
}

// leave forgets a peer that is gone, or that we leave because we stop.
func (o *outbox) leave(p query.Peer, stopping bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.peers, p)
	if len(o.peers) == 0 && !stopping {
		o.log.Warn("the light client has no peers", "last", p.Addr())
	}
}

func tell(p query.Peer, txid chainhash.Hash) {
	inv := btcwire.NewMsgInv()
	_ = inv.AddInvVect(btcwire.NewInvVect(btcwire.InvTypeTx, &txid)) // one fits
	p.QueueMessageWithEncoding(inv, nil, btcwire.WitnessEncoding)
}

func (o *outbox) give(p query.Peer, m *btcwire.MsgGetData) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range m.InvList {
		if f := o.txs[v.Hash]; f != nil {
			f.asked++
			p.QueueMessageWithEncoding(f.tx, nil, btcwire.WitnessEncoding)
		}
	}
}

func (o *outbox) refuse(p query.Peer, m *btcwire.MsgReject) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.txs[m.Hash]
	if f == nil {
		return
	}
	why := pushtx.ParseBroadcastError(m, p.Addr())
	if why.Code == pushtx.Mempool || why.Code == pushtx.Confirmed {
		return
	}
	o.log.Debug("a peer refuses a transaction", "tx", m.Hash, "why", why.Reason)
	f.refused++
	f.why = why
	if f.refused >= len(o.peers) && !f.closed {
		f.closed = true
		close(f.news)
	}
}

// offer offers a transaction to all peers. The first time it waits a moment for
// peers that refuse it.
func (o *outbox) offer(ctx context.Context, tx *btcwire.MsgTx, height uint32) error {
	txid := tx.TxHash()
	o.mu.Lock()
	f := o.txs[txid]
	first := f == nil
	if first {
		f = &offer{tx: tx.Copy(), news: make(chan struct{})}
		o.makeRoom()
		o.txs[txid] = f
	}
	f.height = height
	for p := range o.peers {
		tell(p, txid)
	}
	alone := len(o.peers) == 0
	o.mu.Unlock()
	if !first || alone {
		return nil
	}
	t := time.NewTimer(verdictTimeout)
	defer t.Stop()
	select {
	case <-f.news:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return o.verdict(txid, f)
}

// verdict is an error if whoever asked for a transaction has refused it.
func (o *outbox) verdict(txid chainhash.Hash, f *offer) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.refused == 0 || f.refused < f.asked {
		return nil
	}
	delete(o.txs, txid)
	if f.why.Code == pushtx.InsufficientFee {
		return fmt.Errorf("%w: %w", chain.ErrFeeTooLow, f.why)
	}
	return fmt.Errorf("%w: %w", chain.ErrRejected, f.why)
}

// makeRoom forgets the transaction that was offered longest ago.
func (o *outbox) makeRoom() {
	if len(o.txs) < maxOffers {
		return
	}
	var oldest chainhash.Hash
	height := ^uint32(0)
	for txid, f := range o.txs {
		if f.height <= height {
			oldest, height = txid, f.height
		}
	}
	delete(o.txs, oldest)
}

// confirmed forgets what a block has.
func (o *outbox) confirmed(b *btcwire.MsgBlock) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.txs) == 0 {
		return
	}
	for _, tx := range b.Transactions {
		delete(o.txs, tx.TxHash())
	}
}

// Broadcast implements [chain.Source]. While there is no peer the transaction
// waits for one.
func (s *Source) Broadcast(ctx context.Context, tx *btcwire.MsgTx) error {
	return s.outbox.offer(ctx, tx, s.height())
}

// BroadcastPackage implements [chain.Source]: peers put a parent and its child
// together themselves.
func (s *Source) BroadcastPackage(ctx context.Context, txs ...*btcwire.MsgTx) error {
	return chain.OneByOne(ctx, s.Broadcast, txs)
}
