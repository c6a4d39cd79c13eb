package neutrino

import (
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/lightninglabs/neutrino/query"

	"github.com/leyden-ln/leyden/internal/chain"
)

// somebody is a peer of the outbox.
type somebody struct {
	received chan btcwire.Message
	gone     chan struct{}

	mu   sync.Mutex
	sent []btcwire.Message
}

func newSomebody() *somebody {
	return &somebody{received: make(chan btcwire.Message), gone: make(chan struct{})}
}

func (p *somebody) QueueMessageWithEncoding(m btcwire.Message, _ chan<- struct{}, _ btcwire.MessageEncoding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, m)
}
func (p *somebody) SubscribeRecvMsg() (<-chan btcwire.Message, func()) { return p.received, func() {} }
func (p *somebody) Addr() string                                       { return "127.0.0.1:8333" }
func (p *somebody) OnDisconnect() <-chan struct{}                      { return p.gone }

// offers counts the transactions that the peer was told of, and given.
func (p *somebody) offers() (told, given int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.sent {
		switch m.(type) {
		case *btcwire.MsgInv:
			told++
		case *btcwire.MsgTx:
			given++
		}
	}
	return told, given
}

func (p *somebody) asks(txid chainhash.Hash) {
	m := btcwire.NewMsgGetData()
	_ = m.AddInvVect(btcwire.NewInvVect(btcwire.InvTypeWitnessTx, &txid))
	p.received <- m
}

func (p *somebody) refuses(txid chainhash.Hash, code btcwire.RejectCode, words string) {
	m := btcwire.NewMsgReject(btcwire.CmdTx, code, words)
	m.Hash = txid
	p.received <- m
}

func transaction(n uint32) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.LockTime = n
	return tx
}

// withOutbox runs a test of an outbox, at a height that can be changed, with peers
// that can be added.
// The user has named so many of them; none: they may be anybody.
func withOutbox(t *testing.T, named int, f func(t *testing.T, o *outbox, height *uint32, join func() *somebody)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o, height, peers := newOutbox(slog.New(slog.DiscardHandler), named), uint32(1000), make(chan query.Peer)
		go o.run(t.Context(), peers, func() uint32 { return height })
		f(t, o, &height, func() *somebody {
			p := newSomebody()
			peers <- p
			time.Sleep(2 * settle) // of the bubble's clock
			return p
		})
	})
}

func TestATransactionIsOfferedToThosePeersThatComeLater(t *testing.T) {
	withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		tx := transaction(1)
		if err := o.offer(t.Context(), tx, *height); err != nil {
			t.Fatal(err)
		}
		p := join()
		p.asks(tx.TxHash())
		p.asks(transaction(2).TxHash())
		synctest.Wait()
		if told, given := p.offers(); told != 1 || given != 1 {
			t.Errorf("the peer was told of %d and given %d", told, given)
		}
		if err := o.offer(t.Context(), tx, *height); err != nil {
			t.Fatal(err)
		}
		if told, _ := p.offers(); told != 2 {
			t.Errorf("a second offer: the peer was told %d times", told)
		}
	})
}

func TestWhatNobodyOffersAgainIsForgottenAfterADay(t *testing.T) {
	withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		for n := range uint32(2) {
			if err := o.offer(t.Context(), transaction(n), *height); err != nil {
				t.Fatal(err)
			}
		}
		*height += offerBlocks
		if told, _ := join().offers(); told != 2 {
			t.Errorf("a day later %d of 2 are offered", told)
		}
		if err := o.offer(t.Context(), transaction(1), *height); err != nil {
			t.Fatal(err)
		}
		*height++
		if told, _ := join().offers(); told != 1 {
			t.Errorf("another block later %d are offered, want that which was offered again", told)
		}
	})
}

func TestATransactionInABlockIsOfferedNoMore(t *testing.T) {
	withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		tx := transaction(1)
		if err := o.offer(t.Context(), tx, *height); err != nil {
			t.Fatal(err)
		}
		b := btcwire.NewMsgBlock(&btcwire.BlockHeader{})
		if err := b.AddTransaction(tx); err != nil {
			t.Fatal(err)
		}
		o.confirmed(b)
		if told, _ := join().offers(); told != 0 {
			t.Error("it is offered")
		}
	})
}

func TestTheOutboxIsBounded(t *testing.T) {
	withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		for n := range uint32(maxOffers + 10) {
			if err := o.offer(t.Context(), transaction(n), *height+n); err != nil {
				t.Fatal(err)
			}
		}
		*height = 0
		p := join()
		if told, _ := p.offers(); told != maxOffers {
			t.Errorf("%d are offered", told)
		}
		p.asks(transaction(9).TxHash())
		p.asks(transaction(10).TxHash())
		synctest.Wait()
		if _, given := p.offers(); given != 1 {
			t.Errorf("%d of two are there: want the oldest forgotten", given)
		}
	})
}

func TestATransactionIsRejectedByAllWhoAskForIt(t *testing.T) {
	for name, c := range map[string]struct {
		refusals int
		code     btcwire.RejectCode
		words    string
		want     error
	}{
		"one of two":              {1, btcwire.RejectInvalid, "bad", nil},
		"nobody":                  {0, btcwire.RejectInvalid, "", nil},
		"both":                    {2, btcwire.RejectInvalid, "bad", chain.ErrRejected},
		"both, for its fee":       {2, btcwire.RejectInsufficientFee, "fee", chain.ErrFeeTooLow},
		"both, that have it":      {2, btcwire.RejectDuplicate, "txn-already-in-mempool", nil},
		"both, with it confirmed": {2, btcwire.RejectDuplicate, "transaction already exists", nil},
	} {
		withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
			tx, peers := transaction(1), []*somebody{join(), join()}
			done := make(chan error)
			go func() { done <- o.offer(t.Context(), tx, *height) }()
			synctest.Wait()
			for _, p := range peers {
				p.asks(tx.TxHash())
			}
			for _, p := range peers[:c.refusals] {
				p.refuses(tx.TxHash(), c.code, c.words)
			}
			err := <-done
			if (err == nil) != (c.want == nil) || !errors.Is(err, c.want) || err != nil && !errors.Is(err, chain.ErrRejected) {
				t.Errorf("refused by %s: %v", name, err)
			}
		})
	}
}

// has says whether a peer was given the transaction once it asks for it.
func (p *somebody) has(txid chainhash.Hash) bool {
	_, before := p.offers()
	p.asks(txid)
	synctest.Wait()
	_, after := p.offers()
	return after > before
}

func TestNoSinglePeerKeepsATransactionFromTheOthers(t *testing.T) {
	for name, liar := range map[string]func(p *somebody, txid chainhash.Hash){
		"that has not asked": func(p *somebody, txid chainhash.Hash) {
			for range 2 {
				p.refuses(txid, btcwire.RejectInvalid, "bad")
			}
		},
		"that asks and refuses before the others ask": func(p *somebody, txid chainhash.Hash) {
			p.asks(txid)
			for range 5 {
				p.refuses(txid, btcwire.RejectInvalid, "bad")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
				tx, a, b := transaction(1), join(), join()
				done := make(chan error, 1)
				go func() { done <- o.offer(t.Context(), tx, *height) }()
				synctest.Wait()
				liar(a, tx.TxHash())
				time.Sleep(4 * time.Second) // of the bubble's clock: Core waits with what comes from an inbound peer
				if !b.has(tx.TxHash()) {
					t.Error("another peer is not given the transaction")
				}
				if err := <-done; err != nil {
					t.Errorf("one peer of two has refused it: %v", err)
				}
				// Nor is it lost to those who come later, and ask later still.
				if c := join(); !c.has(tx.TxHash()) {
					t.Error("a peer that came later is not given the transaction")
				} else if told, _ := c.offers(); told != 1 {
					t.Errorf("it was told %d times", told)
				}
			})
		})
	}
}

func TestWhatAPeerSaysOfATransactionThatItWasNotGivenCountsForNothing(t *testing.T) {
	withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		tx, p := transaction(1), join()
		done := make(chan error, 1)
		go func() { done <- o.offer(t.Context(), tx, *height) }()
		synctest.Wait()
		p.refuses(tx.TxHash(), btcwire.RejectInvalid, "bad")
		if err := <-done; err != nil {
			t.Errorf("the only peer has not seen it: %v", err)
		}
	})
}

func TestStrangersAreNotBelievedThatATransactionIsRefusedUntilTheyAreSome(t *testing.T) {
	for peers := 1; peers <= leastStrangers; peers++ {
		withOutbox(t, 0, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
			tx, all := transaction(1), make([]*somebody, peers)
			for i := range all {
				all[i] = join()
			}
			done := make(chan error, 1)
			go func() { done <- o.offer(t.Context(), tx, *height) }()
			synctest.Wait()
			for _, p := range all {
				p.asks(tx.TxHash())
				p.refuses(tx.TxHash(), btcwire.RejectInvalid, "bad")
			}
			if err := <-done; errors.Is(err, chain.ErrRejected) != (peers == leastStrangers) {
				t.Errorf("refused by all of %d strangers: %v", peers, err)
			}
		})
	}
}

func TestATransactionThatMostPeersRefuseIsGivenToWhoAsksForItAllTheSame(t *testing.T) {
	withOutbox(t, 3, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		tx, peers := transaction(1), []*somebody{join(), join(), join()}
		began := time.Now()
		done := make(chan error, 1)
		offer := func() { done <- o.offer(t.Context(), tx, *height) }
		go offer()
		synctest.Wait()
		all := func() {
			for _, p := range peers {
				p.asks(tx.TxHash())
				p.refuses(tx.TxHash(), btcwire.RejectInvalid, "bad")
			}
		}
		all()
		if err := <-done; !errors.Is(err, chain.ErrRejected) || time.Since(began) != 0 {
			t.Fatalf("refused by all: %v after %v", err, time.Since(began))
		}
		newcomer := join()
		if told, _ := newcomer.offers(); told != 0 {
			t.Error("a newcomer is told of what was refused")
		}
		if !newcomer.has(tx.TxHash()) {
			t.Error("it is not given what it asks for")
		}
		// It has it and says nothing against it: the transaction is on its way.
		go offer()
		synctest.Wait()
		all()
		if err := <-done; err != nil {
			t.Errorf("offered again: %v", err)
		}
		if told, _ := newcomer.offers(); told != 1 {
			t.Errorf("offered again, the newcomer was told %d times", told)
		}
	})
}

func TestWhoHasATransactionAndDoesNotRefuseItKeepsIt(t *testing.T) {
	withOutbox(t, 5, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		tx, peers := transaction(1), []*somebody{join(), join(), join(), join(), join()}
		done := make(chan error, 1)
		go func() { done <- o.offer(t.Context(), tx, *height) }()
		synctest.Wait()
		for _, p := range peers[:4] {
			p.asks(tx.TxHash())
			p.refuses(tx.TxHash(), btcwire.RejectInvalid, "bad")
		}
		time.Sleep(askTimeout - verdictTimeout/2) // of the bubble's clock
		peers[4].asks(tx.TxHash())
		close(peers[4].gone)
		if err := <-done; err != nil {
			t.Errorf("one of five has it: %v", err)
		}
	})
}

func TestMostPeersDecideWhenTheOthersDoNotAsk(t *testing.T) {
	for refusals := 1; refusals <= 4; refusals++ {
		withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
			tx, peers := transaction(1), []*somebody{join(), join(), join(), join()}
			done := make(chan error, 1)
			go func() { done <- o.offer(t.Context(), tx, *height) }()
			synctest.Wait()
			for _, p := range peers[:refusals] {
				p.asks(tx.TxHash())
				p.refuses(tx.TxHash(), btcwire.RejectInvalid, "bad")
			}
			if err := <-done; errors.Is(err, chain.ErrRejected) != (refusals > 2) {
				t.Errorf("refused by %d of 4: %v", refusals, err)
			}
		})
	}
}

func TestAPeerThatIsGoneIsToldNothing(t *testing.T) {
	withOutbox(t, 1, func(t *testing.T, o *outbox, height *uint32, join func() *somebody) {
		p := join()
		close(p.gone)
		synctest.Wait()
		if o.connected() {
			t.Error("it is still there")
		}
		if err := o.offer(t.Context(), transaction(1), *height); err != nil {
			t.Fatal(err)
		}
		if told, _ := p.offers(); told != 0 {
			t.Error("it was told")
		}
	})
}

// block is a block at a height, with a transaction of a size, whose miner took fees.
func block(t *testing.T, height int32, size int, fees int64) *btcwire.MsgBlock {
	t.Helper()
	b := btcwire.NewMsgBlock(&btcwire.BlockHeader{})
	coinbase := btcwire.NewMsgTx(1)
	coinbase.AddTxOut(btcwire.NewTxOut(blockchain.CalcBlockSubsidy(height, &chaincfg.MainNetParams)+fees, nil))
	coinbase.AddTxOut(btcwire.NewTxOut(0, nil))
	big := btcwire.NewMsgTx(1)
	big.AddTxOut(btcwire.NewTxOut(0, make([]byte, size)))
	for _, tx := range []*btcwire.MsgTx{coinbase, big} {
		if err := b.AddTransaction(tx); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestAFullBlockTellsItsFeerate(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		fees int64
		want uint32
	}{
		"full":            {990_000, 40_000_000, 10_099},
		"full and cheap":  {990_000, 10, chain.MinFeePerKw},
		"half empty":      {500_000, 40_000_000, chain.MinFeePerKw},
		"full, not taken": {990_000, -100, chain.MinFeePerKw},
	} {
		if got := feerate(900_000, block(t, 900_000, c.size, c.fees), &chaincfg.MainNetParams); got != c.want {
			t.Errorf("a block that is %s: %d, want %d", name, got, c.want)
		}
	}
	if got := feerate(1, btcwire.NewMsgBlock(&btcwire.BlockHeader{}), &chaincfg.MainNetParams); got != chain.MinFeePerKw {
		t.Errorf("a block without transactions: %d", got)
	}
}

func TestTheEstimateIsOfLatelySeenBlocks(t *testing.T) {
	var r rates
	if r.estimate(900_000, 6) != 0 {
		t.Error("an estimate out of nothing")
	}
	for i, fees := range []int64{80_000_000, 20_000_000, 40_000_000} {
		height := int32(900_000 + i)
		r.learn(uint32(height), block(t, height, 990_000, fees), &chaincfg.MainNetParams)
	}
	if now, later := r.estimate(900_002, 1), r.estimate(900_002, 6); now <= later || later != 10_099 {
		t.Errorf("now %d, later %d", now, later)
	}
	if old := r.estimate(900_002+ratesBlocks+1, 6); old != 0 {
		t.Errorf("blocks of yesterday tell %d", old)
	}
	r.learn(900_000+2*ratesBlocks, block(t, 900_000, 990_000, 1), &chaincfg.MainNetParams)
	if len(r.blocks) != 1 {
		t.Errorf("%d blocks are remembered", len(r.blocks))
	}
}

func TestTheTrailIsOnDiskAndOfBoundedLength(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := openDB(path)
	if err != nil {
		t.Fatal(err)
	}
	trail, err := openTrail(db)
	if err != nil {
		t.Fatal(err)
	}
	at := func(height uint32) chain.BlockRef {
		return chain.BlockRef{Height: height, Hash: chainhash.Hash{byte(height), byte(height >> 8), 1}}
	}
	for h := uint32(1); h <= 2*trailLength; h += 100 {
		var steps []step
		for i := range uint32(100) {
			steps = append(steps, step{at(h + i), at(h + i - 1).Hash})
		}
		if err := trail.add(steps); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = openDB(path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if trail, err = openTrail(db); err != nil {
		t.Fatal(err)
	}
	if prev, ok := trail.parent(at(2 * trailLength)); !ok || prev != at(2*trailLength-1).Hash {
		t.Errorf("the last block's parent is %s: %t", prev, ok)
	}
	if _, ok := trail.parent(at(trailLength - 1)); ok || len(trail.parents) > trailLength+101 {
		t.Errorf("%d blocks are remembered", len(trail.parents))
	}
}
