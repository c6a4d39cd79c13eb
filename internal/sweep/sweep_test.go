package sweep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"go.uber.org/goleak"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pool is a mempool and the miners behind it: what pays less than their price waits.
// It knows the rules of replacement, but no scripts.
type pool struct {
	t       *testing.T
	mu      sync.Mutex
	price   uint32 // estimate and least feerate of the next block, for 1000 weight
	relay   uint64 // least feerate of the mempool
	refuse  error
	outputs map[btcwire.OutPoint]amount.Satoshi
	waiting []*btcwire.MsgTx
	most    uint64 // feerate of the dearest transaction so far
}

func (p *pool) FeeRate(context.Context, uint32) (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.price, nil
}

var errMempool = errors.New("refused")

func (p *pool) fee(tx *btcwire.MsgTx) (fee amount.Satoshi, err error) {
	for _, in := range tx.TxIn {
		v, ok := p.outputs[in.PreviousOutPoint]
		if !ok {
			return 0, fmt.Errorf("%w: no output %v", errMempool, in.PreviousOutPoint)
		}
		fee += v
	}
	for _, o := range tx.TxOut {
		if fee < amount.Satoshi(o.Value) {
			return 0, fmt.Errorf("%w: it pays more than it has", errMempool)
		}
		fee -= amount.Satoshi(o.Value)
	}
	return fee, nil
}

func meets(a, b *btcwire.MsgTx) bool {
	return slices.ContainsFunc(a.TxIn, func(i *btcwire.TxIn) bool {
		return slices.ContainsFunc(b.TxIn, func(j *btcwire.TxIn) bool { return i.PreviousOutPoint == j.PreviousOutPoint })
	})
}

// accept takes a transaction, whose feerate must be enough with the help of a child.
func (p *pool) accept(tx *btcwire.MsgTx, helped bool) error {
	txid := tx.TxHash()
	if slices.ContainsFunc(p.waiting, func(w *btcwire.MsgTx) bool { return w.TxHash() == txid }) {
		return nil
	}
	if p.refuse != nil {
		return p.refuse
	}
	fee, err := p.fee(tx)
	if err != nil {
		return err
	}
	size := Weight(tx)
	if uint64(fee)*1000 < size*p.relay && !helped {
		return fmt.Errorf("%w: %v for %d", errMempool, fee, size)
	}
	var replaced amount.Satoshi
	for _, w := range p.waiting {
		if meets(w, tx) {
			old, _ := p.fee(w)
			if replaced += old; uint64(old)*size >= uint64(fee)*Weight(w) {
				return fmt.Errorf("%w: a lower feerate", errMempool)
			}
		}
	}
	if replaced > 0 && fee < replaced+amount.Satoshi((size+3)/4) {
		return fmt.Errorf("%w: %v replaces %v", errMempool, fee, replaced)
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w *btcwire.MsgTx) bool { return meets(w, tx) })
	p.waiting = append(p.waiting, tx)
	for i, o := range tx.TxOut {
		p.outputs[btcwire.OutPoint{Hash: txid, Index: uint32(i)}] = amount.Satoshi(o.Value)
	}
	if !helped {
		p.most = max(p.most, uint64(fee)*1000/size)
	}
	return nil
}

func (p *pool) Broadcast(_ context.Context, tx *btcwire.MsgTx) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accept(tx, false)
}

func (p *pool) BroadcastPackage(_ context.Context, txs ...*btcwire.MsgTx) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, tx := range txs {
		if err := p.accept(tx, i+1 < len(txs)); err != nil {
			return err
		}
	}
	return nil
}

// block is what the miners take: what pays their price, parents by their children.
func (p *pool) block() (txs []*btcwire.MsgTx) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := map[chainhash.Hash]bool{}
	for _, tx := range slices.Backward(p.waiting) {
		fee, _ := p.fee(tx)
		size := Weight(tx)
		family := []*btcwire.MsgTx{tx}
		for _, parent := range p.waiting {
			if hash := parent.TxHash(); slices.ContainsFunc(tx.TxIn, func(in *btcwire.TxIn) bool { return in.PreviousOutPoint.Hash == hash }) {
				more, _ := p.fee(parent)
				fee, size, family = fee+more, size+Weight(parent), append(family, parent)
			}
		}
		if uint64(fee)*1000 < size*uint64(p.price) {
			continue
		}
		for _, tx := range slices.Backward(family) {
			if hash := tx.TxHash(); !taken[hash] {
				taken[hash] = true
				txs = append(txs, tx)
			}
		}
	}
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			delete(p.outputs, in.PreviousOutPoint)
		}
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(tx *btcwire.MsgTx) bool { return taken[tx.TxHash()] })
	return txs
}

// office is a sweeper at work, with a wallet and a store of its own.
type office struct {
	t       *testing.T
	chain   *pool
	store   *store.Store
	wallet  *wallet.Wallet
	keys    *keys.Ring
	dir     string
	log     *bytes.Buffer
	work    Work
	sweep   func() // what is to be done at this height
	sweeper *Sweeper
	stop    func()
	spent   map[btcwire.OutPoint]uint32 // heights
	nonce   byte
}

func newOffice(t *testing.T) *office {
	entropy := sha256.Sum256([]byte(t.Name()))
	seed, err := keys.NewSeed(bytes.NewReader(entropy[:]))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{
		t: t, dir: ready.Dir(t, t.TempDir()), log: &bytes.Buffer{}, spent: map[btcwire.OutPoint]uint32{},
		chain: &pool{t: t, price: 1000, relay: 250, outputs: map[btcwire.OutPoint]amount.Satoshi{}},
		work:  Work{Height: 100, Parents: map[chainhash.Hash]Parent{}, Alive: map[chainhash.Hash]bool{}},
	}
	if o.keys, err = keys.NewRing(seed, &chaincfg.RegressionNetParams); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.stop() })
	o.start()
	o.connect()
	return o
}

// start makes wallet and sweeper of what is stored.
func (o *office) start() {
	o.t.Helper()
	var err error
	if o.store, err = store.Open(o.t.Context(), o.dir); err != nil {
		o.t.Fatal(err)
	}
	rows, err := o.store.Wallet(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	if o.wallet, err = wallet.Load(wallet.Config{Network: &chaincfg.RegressionNetParams, Keys: o.keys}, rows); err != nil {
		o.t.Fatal(err)
	}
	done := make(chan uint32, 1)
	sweeper := New(Config{
		Wallet: o.wallet, Chain: o.chain, Signer: func(wire.ChannelID) (enforce.Signer, error) { return anySigner{}, nil },
		Writer: o.store, Log: slog.New(slog.NewTextHandler(o.log, nil)), Done: func(h uint32) { done <- h },
		Fatal: func(err error) {
			if !errors.Is(err, store.ErrFault) {
				o.t.Error(err)
			}
			close(done)
		},
	})
	o.sweeper = sweeper
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { sweeper.Run(ctx) })
	o.sweep = func() {
		sweeper.Work(o.work)
		<-done
	}
	o.stop = func() {
		cancel()
		loop.Wait()
		o.store.Close()
	}
}

type anySigner struct{}

func (anySigner) SignClaim(c *enforce.Claim, _ *btcwire.MsgTx, _ int) (wire.Signature, error) {
	return scrawl(c.OutPoint), nil
}

// scrawl is a signature, of nothing in particular.
func scrawl(o btcwire.OutPoint) wire.Signature {
	key, _ := btcec.PrivKeyFromBytes([]byte{1})
	return script.Sign(key, sha256.Sum256(o.Hash[:]))
}

// connect gives the wallet a block.
func (o *office) connect(txs ...*btcwire.MsgTx) {
	o.t.Helper()
	pending, err := o.wallet.Connect(o.work.Height, txs)
	if err == nil {
		_, err = pending.Commit(o.t.Context(), o.store)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// owed puts outputs of a confirmed transaction on the list of claims.
func (o *office) owed(claims ...enforce.Claim) {
	for i := range claims {
		c := &claims[i]
		c.WitnessScript = append(make([]byte, 79), byte(c.OutPoint.Index))
		if c.Presigned != nil {
			c.Presigned.Signature = scrawl(c.OutPoint)
		}
		o.chain.outputs[c.OutPoint] = c.Value
		o.work.Alive[c.OutPoint.Hash] = true
		o.work.Claims = append(o.work.Claims, *c)
	}
}

// coin gives the wallet a coin, in a block.
func (o *office) coin(value amount.Satoshi) {
	o.t.Helper()
	pending, err := o.wallet.NewAddress(wallet.P2WPKH)
	if err != nil {
		o.t.Fatal(err)
	}
	address, err := pending.Commit(o.t.Context(), o.store)
	if err != nil {
		o.t.Fatal(err)
	}
	o.nonce++
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: chainhash.Hash{200, o.nonce}}})
	tx.AddTxOut(btcwire.NewTxOut(int64(value), address.Script))
	o.chain.outputs[btcwire.OutPoint{Hash: tx.TxHash()}] = value
	o.work.Height++
	o.connect(tx)
}

// turn is one block: the sweeper works, the miners take what they like.
func (o *office) turn() {
	o.t.Helper()
	o.sweep()
	txs := o.chain.block()
	o.work.Height++
	for _, tx := range txs {
		for _, in := range tx.TxIn {
			o.spent[in.PreviousOutPoint] = o.work.Height
		}
		hash := tx.TxHash()
		o.work.Alive[hash] = true
		delete(o.work.Parents, hash)
		for i := range o.work.Claims {
			if c := &o.work.Claims[i]; c.OutPoint.Hash == hash {
				c.Unconfirmed, c.Apart, c.Deadline = false, false, 0
			}
		}
	}
	o.connect(txs...)
	o.work.Claims = slices.DeleteFunc(o.work.Claims, func(c enforce.Claim) bool { return o.spent[c.OutPoint] != 0 })
	for _, tx := range o.wallet.Unconfirmed() {
		_ = o.chain.Broadcast(o.t.Context(), tx) // as the node does
	}
}

func (o *office) turns(n int) {
	o.t.Helper()
	for range n {
		o.turn()
	}
}

func (o *office) restart() {
	o.t.Helper()
	o.stop()
	o.start()
}

func TestClaimsConfirmThoughTheEstimateRisesTenfold(t *testing.T) {
	o := newOffice(t)
	o.coin(100_000)
	o.owed(ours(1, 500_000), ours(2, 300_000), disputed(3, 200_000, 130), disputed(4, 200_000, 130), presigned(5, 100_000, 90))
	o.work.Claims[4].Deadline = 125
	o.chain.price = 1001 // a little more than was estimated
	o.sweep()
	for o.work.Height < 125 {
		o.chain.price = min(o.chain.price+700, 10_000)
		o.turn()
	}
	o.turns(10)
	if len(o.work.Claims) != 0 {
		t.Errorf("left: %d\n%s", len(o.work.Claims), o.log)
	}
	for n, deadline := range map[byte]uint32{3: 130, 4: 130, 5: 125} {
		if o.spent[at(n)] > deadline {
			t.Errorf("%d was claimed at %d", n, o.spent[at(n)])
		}
	}
	if b := o.wallet.Balance(); b.Reserved != 0 || b.Spent != 0 || b.Confirmed < 1_250_000 {
		t.Errorf("%+v", b)
	}
}

func TestWhatTheMarketForgetsRisesBeforeItsDeadline(t *testing.T) {
	o := newOffice(t)
	o.owed(disputed(1, 100_000, 120))
	o.work.Claims[0].Apart = true
	real := uint32(30_000) // the estimate knows nothing of it
	for o.spent[at(1)] == 0 && o.work.Height < 125 {
		o.chain.price = 1000
		o.sweep()
		o.chain.price = real
		txs := o.chain.block()
		o.work.Height++
		o.connect(txs...)
		for _, tx := range txs {
			o.spent[tx.TxIn[0].PreviousOutPoint] = o.work.Height
		}
	}
	if got := o.spent[at(1)]; got == 0 || got > 120 {
		t.Errorf("claimed at %d\n%s", got, o.log)
	}
}

func TestWhatIsTakenApartLeavesNothingBehind(t *testing.T) {
	o := newOffice(t)
	o.owed(disputed(1, 50_000, 130), disputed(2, 50_000, 120), disputed(3, 50_000, 140))
	o.sweep()
	o.work.Height, o.work.Claims[1].Apart = 117, true
	o.chain.price = 2000
	o.sweep()
	taken := 0
	for _, tx := range o.chain.waiting {
		taken += len(tx.TxIn)
	}
	if len(o.chain.waiting) != 2 || taken != 3 {
		t.Errorf("%d transactions take %d claims\n%s", len(o.chain.waiting), taken, o.log)
	}
}

func TestABroadcastThatIsRefusedIsTriedAgain(t *testing.T) {
	o := newOffice(t)
	o.owed(ours(1, 500_000))
	o.chain.refuse = errMempool
	o.turns(3)
	if n := strings.Count(o.log.String(), "a claim is not taken yet"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, o.log)
	}
	o.chain.refuse = nil
	o.turns(2)
	if o.spent[at(1)] == 0 {
		t.Errorf("not claimed:\n%s", o.log)
	}
}

func TestARestartIsNoSpecialCase(t *testing.T) {
	o := newOffice(t)
	o.coin(50_000)
	o.owed(ours(1, 500_000), presigned(2, 80_000, 90), disputed(3, 60_000, 140))
	o.chain.price = 2000
	o.sweep()
	first := o.wallet.Unconfirmed()
	if len(first) != 3 {
		t.Fatalf("%d transactions", len(first))
	}
	o.restart()
	o.sweep()
	if again := o.wallet.Unconfirmed(); len(again) != 3 || again[0].TxHash() != first[0].TxHash() {
		t.Errorf("%d transactions after the restart", len(again))
	}
	o.chain.price = 6000
	o.restart()
	o.turns(2)
	if len(o.work.Claims) != 0 {
		t.Errorf("left: %d\n%s", len(o.work.Claims), o.log)
	}
}

// Every write is struck once; what was reserved or published before is used again.
func TestADeathAtEachWriteLosesNothing(t *testing.T) {
	for _, after := range []bool{false, true} {
		for k := uint64(1); ; k++ {
			o := newOffice(t)
			o.coin(2_000) // enough for one claim, not for two
			o.owed(presigned(1, 80_000, 90))
			o.store.SetFault(func(n uint64) (bool, bool) { return n == k && !after, n == k && after })
			o.sweep()
			died := o.store.SetFault(nil)
			o.restart()
			o.turns(2)
			if o.spent[at(1)] == 0 || o.wallet.Balance().Spent != 0 {
				t.Errorf("%d: not claimed\n%s", k, o.log)
			}
			o.stop()
			if !died {
				if k != 3 {
					t.Errorf("%d writes", k-1)
				}
				break
			}
		}
	}
}

func TestAReorganizationBringsAnotherCommitment(t *testing.T) {
	o := newOffice(t)
	o.coin(5_000)
	coin := o.wallet.Balance().Confirmed
	o.owed(presigned(1, 80_000, 90), ours(2, 70_000))
	o.chain.price = 2000
	o.sweep()
	if b := o.wallet.Balance(); b.Spent == 0 || len(o.chain.waiting) != 2 {
		t.Fatalf("%+v, %d wait", b, len(o.chain.waiting))
	}
	// It is not known which commitment there is: nothing is given up.
	alive := o.work.Alive
	o.work.Claims, o.work.Alive = nil, nil
	o.sweep()
	if len(o.wallet.Unconfirmed()) != 2 {
		t.Fatal("claims are given up without a reason")
	}
	// The same one may come again.
	o.work.Alive = alive
	o.sweep()
	if len(o.wallet.Unconfirmed()) != 2 {
		t.Fatal("claims are given up though their commitment may confirm")
	}
	// Another one is in a block.
	o.work.Alive = map[chainhash.Hash]bool{}
	delete(o.chain.outputs, at(1))
	delete(o.chain.outputs, at(2))
	o.chain.waiting = nil
	o.owed(presigned(11, 80_000, 90), ours(12, 70_000))
	o.turns(3)
	if o.spent[at(11)] == 0 || o.spent[at(12)] == 0 {
		t.Errorf("not claimed:\n%s", o.log)
	}
	if b := o.wallet.Balance(); b.Spent != 0 || b.Unconfirmed != 0 || b.Confirmed < coin+70_000-5_000 {
		t.Errorf("coins are stuck: %+v", b)
	}
}

// What replaced another transaction and what it replaced are both given up.
func TestNoVersionOfAClaimThatCannotBeHoldsACoin(t *testing.T) {
	o := newOffice(t)
	o.coin(20_000)
	o.owed(presigned(1, 80_000, 90))
	for _, price := range []uint32{1000, 3000, 9000} {
		o.chain.price = price
		o.sweep()
	}
	o.work.Claims, o.work.Alive = nil, map[chainhash.Hash]bool{}
	o.sweep()
	if b := o.wallet.Balance(); b.Confirmed != 20_000 || b.Spent != 0 || len(o.wallet.Unconfirmed()) != 0 {
		t.Errorf("%+v", b)
	}
}

func TestAClaimWithoutCoinsWaitsForThem(t *testing.T) {
	o := newOffice(t)
	o.owed(presigned(1, 80_000, 90))
	o.turns(3)
	if n := strings.Count(o.log.String(), "level=ERROR"); n != 1 || len(o.wallet.Unconfirmed()) != 0 {
		t.Fatalf("%d lines, %d transactions\n%s", n, len(o.wallet.Unconfirmed()), o.log)
	}
	list := o.sweeper.Shorts(o.work.Claims[0].Channel)
	if len(list) != 1 || list[0].Missing == 0 || !strings.Contains(list[0].String(), "htlc_timeout_tx of 80000sat waits for coins") {
		t.Errorf("the user hears %v", list)
	}
	if other := o.sweeper.Shorts(wire.ChannelID{9}); len(other) != 0 {
		t.Errorf("of another channel: %v", other)
	}
	o.coin(4_000)
	o.turns(2)
	if o.spent[at(1)] == 0 {
		t.Errorf("not claimed:\n%s", o.log)
	}
	if list := o.sweeper.Shorts(wire.ChannelID{}); len(list) != 0 {
		t.Errorf("it still waits: %v", list)
	}
}

// What could be taken together is taken one by one, as far as coins go.
func TestFewCoinsPayForTheMostValuableClaim(t *testing.T) {
	o := newOffice(t)
	o.coin(450)
	o.chain.price = 253
	o.owed(presigned(1, 80_000, 90), presigned(2, 120_000, 90), presigned(3, 60_000, 90))
	o.turns(2)
	if o.spent[at(2)] == 0 || o.spent[at(1)] != 0 || o.spent[at(3)] != 0 {
		t.Errorf("%v\n%s", o.spent, o.log)
	}
	if list := o.sweeper.Shorts(wire.ChannelID{}); len(list) != 2 {
		t.Errorf("%d claims wait for coins: %v", len(list), list)
	}
	if n := strings.Count(o.log.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d lines", n)
	}
	o.coin(50_000)
	o.turns(2)
	if o.spent[at(1)] == 0 || o.spent[at(3)] == 0 {
		t.Errorf("not claimed:\n%s", o.log)
	}
}

func TestFewCoinsPayAsMuchAsThereIs(t *testing.T) {
	o := newOffice(t)
	o.coin(2_000)
	o.owed(presigned(1, 80_000, 90))
	o.chain.price = 5_000
	o.sweep()
	if len(o.chain.waiting) != 1 {
		t.Fatalf("nothing was broadcast:\n%s", o.log)
	}
	first := o.chain.waiting[0].TxHash()
	for range 5 {
		o.sweep()
	}
	if o.chain.waiting[0].TxHash() != first {
		t.Error("it is replaced though nothing better can be done")
	}
	if fee, _ := o.chain.fee(o.chain.waiting[0]); fee < 1_200 || len(o.chain.waiting) != 1 {
		t.Errorf("it pays %v", fee)
	}
	o.coin(50_000)
	o.turns(2)
	if o.spent[at(1)] == 0 {
		t.Errorf("not claimed:\n%s", o.log)
	}
}

func TestWithoutAnEstimateTheLastOneCounts(t *testing.T) {
	o := newOffice(t)
	fails := false
	s := New(Config{Chain: &estimator{o.chain, &fails}, Log: slog.New(slog.NewTextHandler(o.log, nil))})
	o.chain.price = 7000
	s.estimates(t.Context())(10)
	fails = true
	estimate := s.estimates(t.Context())
	if got := [2]uint32{estimate(10), estimate(11)}; got != [2]uint32{7000, unknown} {
		t.Errorf("%v", got)
	}
}

type estimator struct {
	*pool
	fails *bool
}

func (e *estimator) FeeRate(ctx context.Context, blocks uint32) (uint32, error) {
	if *e.fails {
		return 0, errMempool
	}
	return e.pool.FeeRate(ctx, blocks)
}
