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
//
// A peer may lie about a transaction, so that none is kept from the others for what
// one of them says: it counts what a peer says of what it was given, and a
// transaction is refused when most peers have refused it and nobody has it who did
// not.
type outbox struct {
	log   *slog.Logger
	least int // peers, without which nothing is refused

	mu    sync.Mutex
	peers map[query.Peer]bool
	txs   map[chainhash.Hash]*offer
}

// offer is a transaction on its way.
type offer struct {
	tx      *btcwire.MsgTx
	height  uint32 // when it was offered last
	trial   *trial // nil when nobody waits for what the peers say
	refused bool   // they did not want it: newcomers are not told of it
	wanted  bool   // later somebody asked for it all the same
}

// trial is what peers say of a transaction that they are offered for the first time.
type trial struct {
	began time.Time
	given map[query.Peer]time.Time // who asked, and when
	no    map[query.Peer]bool      // those of them that did not want it
	why   *pushtx.BroadcastError   // of the last one
	all   chan struct{}            // has a token when every peer may have refused
}

const (
	verdictTimeout = time.Second      // in which a peer of the rare kind refuses
	askTimeout     = 10 * time.Second // in which a peer asks: Core may wait six seconds with what comes from such as we are
	leastStrangers = 3                // peers that must refuse when anybody may be one
	settle         = time.Second      // in which a new peer may not listen yet
	offerEvery     = 10 * time.Minute // a peer may have lost its mempool
	offerBlocks    = 144              // after which what nobody offers again is forgotten
	maxOffers      = 1000
)

// newOutbox makes an outbox for so many peers that the user has named; none: for
// whoever the network names.
func newOutbox(log *slog.Logger, named int) *outbox {
	least := leastStrangers
	if named > 0 {
		least = min(named, least)
	}
	return &outbox{log: log, least: least, peers: map[query.Peer]bool{}, txs: map[chainhash.Hash]*offer{}}
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
		if !f.refused {
			tell(p, txid)
		}
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

// give gives a peer what it asks for, refused or not: it may know better than those
// who spoke first.
func (o *outbox) give(p query.Peer, m *btcwire.MsgGetData) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range m.InvList {
		f := o.txs[v.Hash]
		if f == nil {
			continue
		}
		p.QueueMessageWithEncoding(f.tx, nil, btcwire.WitnessEncoding)
		if t := f.trial; t == nil {
			f.wanted = true
		} else if _, again := t.given[p]; !again {
			t.given[p] = time.Now()
		}
	}
}

func (o *outbox) refuse(p query.Peer, m *btcwire.MsgReject) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.txs[m.Hash]
	if f == nil || f.trial == nil {
		return
	}
	t := f.trial
	if _, given := t.given[p]; !given || t.no[p] {
		return // it does not know what it speaks of, or has said so already
	}
	why := pushtx.ParseBroadcastError(m, p.Addr())
	if why.Code == pushtx.Mempool || why.Code == pushtx.Confirmed {
		return
	}
	o.log.Debug("a peer refuses a transaction", "tx", m.Hash, "why", why.Reason)
	t.no[p], t.why = true, why
	if no := o.refusals(t); no == len(o.peers) && no >= o.least {
		select {
		case t.all <- struct{}{}:
		default:
		}
	}
}

// refusals is how many of the peers that there are have refused. It is called with
// mu held.
func (o *outbox) refusals(t *trial) (n int) {
	for p := range o.peers {
		if t.no[p] {
			n++
		}
	}
	return n
}

// offer offers a transaction to all peers. The first time it waits a moment for
// peers that refuse it, and if there are such for what the others do.
func (o *outbox) offer(ctx context.Context, tx *btcwire.MsgTx, height uint32) error {
	f, t := o.begin(tx, height)
	if t == nil {
		return nil
	}
	defer o.end(f)
	tick := time.NewTicker(verdictTimeout)
	defer tick.Stop()
	for {
		select {
		case <-t.all:
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if done, err := o.verdict(f, t); done {
			return err
		}
	}
}

// begin tells the peers of a transaction. Without a trial there is nothing to wait
// for: nobody is there, or nobody refused it before.
func (o *outbox) begin(tx *btcwire.MsgTx, height uint32) (*offer, *trial) {
	o.mu.Lock()
	defer o.mu.Unlock()
	txid := tx.TxHash()
	f := o.txs[txid]
	tried := f != nil && (!f.refused || f.wanted)
	if f == nil {
		f = &offer{tx: tx.Copy()}
		o.makeRoom()
		o.txs[txid] = f
	}
	f.height, f.refused, f.wanted = height, false, false
	for p := range o.peers {
		tell(p, txid)
	}
	if tried || len(o.peers) == 0 {
		return f, nil
	}
	f.trial = &trial{
		began: time.Now(), given: map[query.Peer]time.Time{}, no: map[query.Peer]bool{}, all: make(chan struct{}, 1),
	}
	return f, f.trial
}

func (o *outbox) end(f *offer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.trial = nil
}

// verdict is an error when a transaction is refused: by most of the peers that there
// are, and by all that have it. Not done means that more may be said yet.
func (o *outbox) verdict(f *offer, t *trial) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(t.no) == 0 {
		return true, nil
	}
	late := time.Since(t.began) >= askTimeout
	undecided := false
	for p, at := range t.given {
		if t.no[p] {
			continue
		}
		if late || time.Since(at) >= verdictTimeout {
			return true, nil // it has it, and keeps it
		}
		undecided = true
	}
	no := o.refusals(t)
	if undecided || no < len(o.peers) && !late {
		return false, nil
	}
	if no < o.least || 2*no <= len(o.peers) {
		return true, nil
	}
	f.refused = true
	if t.why.Code == pushtx.InsufficientFee {
		return true, fmt.Errorf("%w: %w", chain.ErrFeeTooLow, t.why)
	}
	return true, fmt.Errorf("%w: %w", chain.ErrRejected, t.why)
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
