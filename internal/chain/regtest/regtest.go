package regtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	_ "github.com/btcsuite/btcd/database/ffldb" // the driver of the block database
	"github.com/btcsuite/btcd/mempool"
	"github.com/btcsuite/btcd/mining"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
)

// FeePerKw is the feerate that the chain estimates at first: blocks are never full.
const FeePerKw = 1000

// Chain is a regtest chain. It is safe for concurrent use.
type Chain struct {
	params    *chaincfg.Params
	db        database.DB
	blocks    *blockchain.BlockChain
	pool      *mempool.TxPool
	templates *mining.BlkTmplGenerator
	scratch   string // a folder to remove at the end
	miner     *btcec.PrivateKey
	minerAddr address.Address

	mu      sync.Mutex    // one block or transaction at a time
	coins   []coin        // of the miner
	changed chan struct{} // closed at the next change of the tip

	closers []func() // of RPC servers
	feeRate atomic.Uint32
	carrier atomic.Int64 // bytes
}

// Open opens the chain in the folder dir, or begins one there. With an empty dir
// it is kept in a temporary folder and forgotten by Close.
func Open(dir string) (*Chain, error) {
	c := &Chain{params: parameters(), changed: make(chan struct{})}
	c.feeRate.Store(FeePerKw)
	c.carrier.Store(DefaultDataCarrier)
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "leyden-regtest"); err != nil {
			return nil, err
		}
		c.scratch = dir
	}
	if err := c.open(dir); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// parameters are regtest's, with rules of voting of their own: a chain ties the
// clocks of those to itself.
func parameters() *chaincfg.Params {
	p := chaincfg.RegressionNetParams
	for i := range p.Deployments {
		d := &p.Deployments[i]
		if s, ok := d.DeploymentStarter.(*chaincfg.MedianTimeDeploymentStarter); ok {
			d.DeploymentStarter = chaincfg.NewMedianTimeDeploymentStarter(s.StartTime())
		}
		if e, ok := d.DeploymentEnder.(*chaincfg.MedianTimeDeploymentEnder); ok {
			d.DeploymentEnder = chaincfg.NewMedianTimeDeploymentEnder(e.EndTime())
		}
	}
	return &p
}

func (c *Chain) open(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, "blocks")
	c.db, err = database.Open("ffldb", path, c.params.Net)
	if isMissing(err) {
		c.db, err = database.Create("ffldb", path, c.params.Net)
	}
	if err != nil {
		return fmt.Errorf("block database: %w", err)
	}
	sigs, hashes := txscript.NewSigCache(10_000), txscript.NewHashCache(10_000)
	clock := blockchain.NewMedianTime()
	if c.blocks, err = blockchain.New(&blockchain.Config{
		DB: c.db, ChainParams: c.params, TimeSource: clock, SigCache: sigs, HashCache: hashes,
		UtxoCacheMaxSize: 16 << 20,
	}); err != nil {
		return fmt.Errorf("block chain: %w", err)
	}
	c.blocks.Subscribe(c.notified)
	c.pool = mempool.New(&mempool.Config{
		Policy: mempool.Policy{
			AcceptNonStd: true, MaxTxVersion: maxTxVersion, DisableRelayPriority: true, FreeTxRelayLimit: 15,
			MaxSigOpCostPerTx: blockchain.MaxBlockSigOpsCost / 4, MinRelayTxFee: mempool.DefaultMinRelayTxFee,
		},
		ChainParams: c.params, FetchUtxoView: c.blocks.FetchUtxoView,
		BestHeight:     func() int32 { return c.blocks.BestSnapshot().Height },
		MedianTimePast: func() time.Time { return c.blocks.BestSnapshot().MedianTime },
		CalcSequenceLock: func(tx *btcutil.Tx, view *blockchain.UtxoViewpoint) (*blockchain.SequenceLock, error) {
			return c.blocks.CalcSequenceLock(tx, view, true)
		},
		IsDeploymentActive: c.blocks.IsDeploymentActive, SigCache: sigs, HashCache: hashes,
	})
	c.templates = mining.NewBlkTmplGenerator(&mining.Policy{
		BlockMaxWeight: blockchain.MaxBlockWeight - 4000, BlockMaxSize: blockchain.MaxBlockBaseSize - 1000,
		TxMinFreeFee: mempool.DefaultMinRelayTxFee,
	}, c.params, c.pool, c.blocks, clock, sigs, hashes)
	return c.openMiner()
}

func isMissing(err error) bool {
	dbErr, ok := errors.AsType[database.Error](err)
	return ok && dbErr.ErrorCode == database.ErrDbDoesNotExist
}

// Params are the network's parameters.
func (c *Chain) Params() *chaincfg.Params { return c.params }

// Close writes what is in memory and closes the chain.
func (c *Chain) Close() (err error) {
	for _, f := range c.closers {
		f()
	}
	if c.blocks != nil {
		err = c.blocks.FlushUtxoCache(blockchain.FlushRequired)
	}
	if c.db != nil {
		err = errors.Join(err, c.db.Close())
	}
	if c.scratch != "" {
		err = errors.Join(err, os.RemoveAll(c.scratch))
	}
	return err
}

// notified keeps the mempool in step with the chain.
func (c *Chain) notified(n *blockchain.Notification) {
	b, ok := n.Data.(*btcutil.Block)
	if !ok {
		return
	}
	switch n.Type {
	case blockchain.NTBlockConnected:
		for _, tx := range b.Transactions()[1:] {
			c.pool.RemoveTransaction(tx, false)
			c.pool.RemoveDoubleSpends(tx)
		}
	case blockchain.NTBlockDisconnected:
		for _, tx := range b.Transactions()[1:] {
			if _, _, err := c.admit(tx, false); err != nil {
				c.pool.RemoveTransaction(tx, true)
			}
		}
	}
}

// Mine adds n blocks whose coins go to script, or to the chain's own miner when it
// is nil, each with what the mempool holds.
func (c *Chain) Mine(n int, script []byte) ([]chainhash.Hash, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hashes := make([]chainhash.Hash, 0, n)
	for range n {
		t, err := c.templates.NewBlockTemplate(c.minerAddr)
		if err != nil {
			return hashes, fmt.Errorf("block template: %w", err)
		}
		if script != nil {
			t.Block.Transactions[0].TxOut[0].PkScript = script
			refreshMerkleRoot(t.Block)
		}
		if err := c.add(t.Block); err != nil {
			return hashes, err
		}
		hashes = append(hashes, t.Block.BlockHash())
	}
	return hashes, nil
}

func refreshMerkleRoot(b *btcwire.MsgBlock) {
	b.Header.MerkleRoot = blockchain.CalcMerkleRoot(btcutil.NewBlock(b).Transactions(), false)
}

// add solves a block and connects it.
func (c *Chain) add(b *btcwire.MsgBlock) error {
	target := blockchain.CompactToBig(b.Header.Bits)
	for {
		hash := b.Header.BlockHash()
		if blockchain.HashToBig(&hash).Cmp(target) <= 0 {
			break
		}
		b.Header.Nonce++
	}
	if _, orphan, err := c.blocks.ProcessBlock(btcutil.NewBlock(b), blockchain.BFNone); err != nil {
		return fmt.Errorf("block refused: %w", err)
	} else if orphan {
		return errors.New("block refused: its parent is unknown")
	}
	c.minerBlock(b)
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

// Reorg replaces the last depth blocks with depth+1 empty ones. Their
// transactions go back to the mempool.
func (c *Chain) Reorg(depth int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	best := c.blocks.BestSnapshot()
	if depth < 1 || int32(depth) > best.Height { //nolint:gosec // compared before
		return fmt.Errorf("cannot replace %d of %d blocks", depth, best.Height)
	}
	parent, err := c.blocks.BlockByHeight(best.Height - int32(depth)) //nolint:gosec // checked
	if err != nil {
		return err
	}
	height, header := parent.Height(), parent.MsgBlock().Header
	for range depth + 1 {
		height++
		b, err := c.empty(height, header)
		if err != nil {
			return err
		}
		if err := c.add(b); err != nil {
			return err
		}
		header = b.Header
	}
	c.refill()
	return nil
}

// refill drops from the mempool what the next block may no longer hold: a delay
// counts from a block that is gone.
func (c *Chain) refill() {
	var left []*btcutil.Tx
	for _, d := range c.pool.TxDescs() {
		left = append(left, d.Tx)
		c.pool.RemoveTransaction(d.Tx, false)
	}
	for again := true; again; { // parents come before their children
		again = false
		left = slices.DeleteFunc(left, func(tx *btcutil.Tx) bool {
			missing, _, err := c.admit(tx, false)
			taken := err == nil && len(missing) == 0
			again = again || taken
			return taken
		})
	}
}

// empty is a block without transactions after the block prev. Its coins are burnt
// to a script that differs from the miner's, so that it is not the block that it
// replaces.
func (c *Chain) empty(height int32, prev btcwire.BlockHeader) (*btcwire.MsgBlock, error) {
	coinbase := btcwire.NewMsgTx(1)
	tag, err := txscript.NewScriptBuilder().AddInt64(int64(height)).AddInt64(time.Now().UnixNano()).Script()
	if err != nil {
		return nil, err
	}
	coinbase.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Index: btcwire.MaxPrevOutIndex}, tag, nil))
	coinbase.AddTxOut(btcwire.NewTxOut(blockchain.CalcBlockSubsidy(height, c.params), []byte{txscript.OP_TRUE}))
	b := btcwire.NewMsgBlock(&btcwire.BlockHeader{
		Version: prev.Version, PrevBlock: prev.BlockHash(), Timestamp: prev.Timestamp.Add(time.Second), Bits: c.params.PowLimitBits,
	})
	if err := b.AddTransaction(coinbase); err != nil {
		return nil, err
	}
	refreshMerkleRoot(b)
	return b, nil
}

// Tip implements [chain.Source].
func (c *Chain) Tip(context.Context) (chain.BlockRef, error) {
	best := c.blocks.BestSnapshot()
	return chain.BlockRef{Height: uint32(best.Height), Hash: best.Hash}, nil //nolint:gosec // not negative
}

// Best implements [chain.Source].
func (c *Chain) Best(context.Context) (chain.Best, error) {
	return chain.Best{Height: uint32(c.blocks.BestSnapshot().Height)}, nil //nolint:gosec // not negative
}

// At implements [chain.Source].
func (c *Chain) At(_ context.Context, height uint32) (chain.BlockRef, error) {
	h, err := c.blocks.BlockHashByHeight(int32(min(height, math.MaxInt32))) //nolint:gosec // bounded
	if err != nil {
		return chain.BlockRef{}, fmt.Errorf("%w %d", chain.ErrNoBlock, height)
	}
	return chain.BlockRef{Height: height, Hash: *h}, nil
}

// Parent implements [chain.Reader].
func (c *Chain) Parent(_ context.Context, at chain.BlockRef) (chainhash.Hash, bool, error) {
	h, err := c.blocks.HeaderByHash(&at.Hash)
	if err != nil {
		return chainhash.Hash{}, false, fmt.Errorf("%w %s", chain.ErrUnknownBlock, at.Hash)
	}
	return h.PrevBlock, c.blocks.MainChainHasBlock(&at.Hash), nil
}

// BlockAt implements [chain.Reader].
func (c *Chain) BlockAt(_ context.Context, height uint32) (chain.Block, bool, error) {
	if int64(height) > int64(c.blocks.BestSnapshot().Height) {
		return chain.Block{}, false, nil
	}
	b, err := c.blocks.BlockByHeight(int32(height)) //nolint:gosec // at most the best height
	if err != nil {
		return chain.Block{}, false, nil //nolint:nilerr // disconnected meanwhile
	}
	return chain.NewBlock(height, b.MsgBlock()), true, nil
}

// Changed implements [chain.Reader].
func (c *Chain) Changed(ctx context.Context, tip chain.BlockRef) error {
	c.mu.Lock()
	changed := c.changed
	c.mu.Unlock()
	if now, _ := c.Tip(ctx); now != tip {
		return nil
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Follow implements [chain.Source].
func (c *Chain) Follow(ctx context.Context, from chain.BlockRef, each func(chain.Event) error) error {
	return chain.Walk(ctx, c, from, each)
}

// Watch implements [chain.Source]: every block is given whole.
func (c *Chain) Watch(...[]byte) {}

// Broadcast implements [chain.Source].
func (c *Chain) Broadcast(_ context.Context, tx *btcwire.MsgTx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accept(tx)
}

func (c *Chain) accept(tx *btcwire.MsgTx) error {
	hash := tx.TxHash()
	if c.pool.IsTransactionInPool(&hash) || c.confirmed(tx) {
		return nil
	}
	missing, desc, err := c.admit(newTx(tx), true)
	if code, _ := mempool.ErrToRejectErr(err); err != nil && code == btcwire.RejectInsufficientFee {
		return fmt.Errorf("%w: %w", chain.ErrFeeTooLow, err)
	}
	if err != nil && !errors.Is(err, chain.ErrRejected) {
		err = fmt.Errorf("%w: %w", chain.ErrRejected, err)
	}
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return chain.ErrMissingInputs
	}
	// btcd's mempool takes small transactions without a fee, which others do not.
	if size := mempool.GetTxVirtualSize(desc.Tx); desc.Fee < size*int64(mempool.DefaultMinRelayTxFee)/1000 {
		c.pool.RemoveTransaction(desc.Tx, true)
		return fmt.Errorf("%w: %d satoshi for %d virtual bytes", chain.ErrFeeTooLow, desc.Fee, size)
	}
	return nil
}

// BroadcastPackage implements [chain.Source].
func (c *Chain) BroadcastPackage(ctx context.Context, txs ...*btcwire.MsgTx) error {
	return chain.OneByOne(ctx, c.Broadcast, txs)
}

// Block is a block of the best chain, whole. Error: [chain.ErrNoBlock].
func (c *Chain) Block(height uint32) (*btcwire.MsgBlock, error) {
	b, err := c.blocks.BlockByHeight(int32(min(height, math.MaxInt32))) //nolint:gosec // bounded
	if err != nil {
		return nil, fmt.Errorf("%w %d", chain.ErrNoBlock, height)
	}
	return b.MsgBlock(), nil
}

func newTx(tx *btcwire.MsgTx) *btcutil.Tx { return btcutil.NewTx(tx.Copy()) }

// confirmed says whether an output of tx is unspent in the chain.
func (c *Chain) confirmed(tx *btcwire.MsgTx) bool {
	hash := tx.TxHash()
	for i := range tx.TxOut {
		e, err := c.blocks.FetchUtxoEntry(btcwire.OutPoint{Hash: hash, Index: uint32(i)}) //nolint:gosec // few outputs
		if err == nil && e != nil && !e.IsSpent() {
			return true
		}
	}
	return false
}

// FeeRate implements [chain.Source].
func (c *Chain) FeeRate(context.Context, uint32) (uint32, error) { return c.feeRate.Load(), nil }

// SetFeeRate changes the feerate that the chain estimates, in satoshi for 1000
// weight.
func (c *Chain) SetFeeRate(perKw uint32) { c.feeRate.Store(perKw) }

// Output implements [chain.Source].
func (c *Chain) Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	b, ok, err := c.BlockAt(ctx, scid.Height())
	if err != nil {
		return nil, btcwire.OutPoint{}, err
	}
	if !ok {
		return nil, btcwire.OutPoint{}, chain.ErrNoOutput
	}
	if int(scid.Index()) >= len(b.Txs) {
		return nil, btcwire.OutPoint{}, chain.ErrNeverWas
	}
	op := btcwire.OutPoint{Hash: b.Txs[scid.Index()].TxHash(), Index: uint32(scid.Output())}
	e := c.unspent(op)
	if e == nil {
		return nil, op, chain.ErrNoOutput
	}
	return btcwire.NewTxOut(e.Amount(), e.PkScript()), op, nil
}

// Spent implements [chain.Source].
func (c *Chain) Spent(_ context.Context, at chain.BlockRef) (chain.Scripts, error) {
	b, err := c.blocks.BlockByHash(&at.Hash)
	if err != nil {
		return nil, fmt.Errorf("%w %s", chain.ErrUnknownBlock, at.Hash)
	}
	out := chain.Scripts{}
	if len(b.Transactions()) == 1 {
		return out, nil
	}
	journal, err := c.blocks.FetchSpendJournal(b)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", chain.ErrUnknownBlock, at.Hash, err) // disconnected meanwhile
	}
	for _, tx := range b.Transactions()[1:] {
		for _, in := range tx.MsgTx().TxIn {
			if len(journal) == 0 {
				return nil, fmt.Errorf("%w %s: its journal ends early", chain.ErrUnknownBlock, at.Hash)
			}
			out[in.PreviousOutPoint], journal = journal[0].PkScript, journal[1:]
		}
	}
	return out, nil
}

// unspent finds an unspent output of a block; nil: there is none. It locks: btcd's
// cache of outputs is written to by those who read it.
func (c *Chain) unspent(op btcwire.OutPoint) *blockchain.UtxoEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.blocks.FetchUtxoEntry(op)
	if err != nil || e == nil || e.IsSpent() {
		return nil
	}
	return e
}

// Waiting is how many transactions the mempool holds.
func (c *Chain) Waiting() int { return c.pool.Count() }

// ErrNoTransaction means that a transaction is not in the mempool.
var ErrNoTransaction = errors.New("no such transaction in the mempool")

// Transaction is a transaction of the mempool. Error: [ErrNoTransaction].
func (c *Chain) Transaction(txid chainhash.Hash) (*btcwire.MsgTx, error) {
	tx, err := c.pool.FetchTransaction(&txid)
	if err != nil {
		return nil, ErrNoTransaction
	}
	return tx.MsgTx(), nil
}
