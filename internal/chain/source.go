package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Errors of sources.
var (
	// ErrRejected means that a transaction broke a rule of consensus or relay.
	ErrRejected = errors.New("transaction rejected")
	// ErrMissingInputs is an [ErrRejected]: an input is spent by a transaction
	// of a block, or nobody knows the output that it spends. A server says so too
	// of a transaction in a block whose outputs are all spent.
	ErrMissingInputs = fmt.Errorf("%w: its inputs are missing or spent", ErrRejected)
	// ErrFeeTooLow is an [ErrRejected]: the feerate is below what is relayed, or
	// the fee below what replaces a transaction of the mempool.
	ErrFeeTooLow = fmt.Errorf("%w: its fee is too low", ErrRejected)
	// ErrNoOutput means that a short_channel_id names no output of the chain, or
	// one that is spent.
	ErrNoOutput = errors.New("no such unspent output")
	// ErrNeverWas is an [ErrNoOutput]: the block has no such transaction. Not every
	// source can tell an output that never was from one that is spent.
	ErrNeverWas = fmt.Errorf("%w: there never was one", ErrNoOutput)
	// ErrNoBlock means that the best chain is not that high.
	ErrNoBlock = errors.New("no block at that height")
	// ErrUnknownBlock means that a source knows a block neither in the best chain
	// nor beside it.
	ErrUnknownBlock = errors.New("unknown block")
	// ErrLight means that a source gives only what concerns the scripts that it was
	// told to watch.
	ErrLight = errors.New("a light client sees only its own transactions, not those of others: read the chain from a bitcoind")
	// ErrNotTold means that a server does not say what a block's transactions spend.
	ErrNotTold = errors.New("the server does not tell what the transactions of a block spend: it has to be bitcoind 23 or later, and to have the block since it checked it")
	// ErrBehind means that a source has not the whole chain yet.
	ErrBehind = errors.New("the chain is still being downloaded")
)

// MinFeePerKw is the lowest feerate that nodes relay, in satoshi for 1000 units of
// weight: 1 satoshi for a virtual byte, rounded as nodes do.
const MinFeePerKw = 253

// DataCarrier is how many bytes the script of an OP_RETURN output may have to be relayed by
// any node that relays one: what bitcoind took before its version 30.
const DataCarrier = 83

// DefaultFeePerKw is the feerate, in satoshi for 1000 units of weight, when nothing
// can be known and nothing else was configured: 10 satoshi for a virtual byte.
const DefaultFeePerKw = 2500

// MaxReorg is the deepest reorg, in blocks, that is followed where a source has
// forgotten the blocks that are gone.
const MaxReorg = 100

// BlockRef names a block.
type BlockRef struct {
	Height uint32
	Hash   chainhash.Hash
}

// Best is the end of the best chain, as far as a source knows it.
type Best struct {
	Height uint32    // of the newest header, whose block may still be missing
	Time   time.Time // of the newest block; zero: its age says nothing (see [Timeless])
}

// Timeless says of a network, by its name, that its blocks come when somebody wishes.
func Timeless(network string) bool { return network == "regtest" || network == "signet" }

// Tx is a transaction with its place in its block.
type Tx struct {
	Index uint32
	*btcwire.MsgTx
}

// Block is a block with every transaction that concerns what is watched; a full
// source gives all.
type Block struct {
	BlockRef
	Prev chainhash.Hash
	Time time.Time
	Txs  []Tx
}

// Event is a change of the best chain: [Connected] or [Disconnected].
type Event interface{ isEvent() }

// Connected is the next block of the best chain.
type Connected struct{ Block }

// Disconnected is a block, the last one given, that is no longer in the best chain.
type Disconnected struct {
	BlockRef
	Prev chainhash.Hash
}

// Ref is the block that was connected.
func (c Connected) Ref() BlockRef { return c.BlockRef }

// Parent is the block that is the last one now.
func (d Disconnected) Parent() BlockRef { return BlockRef{d.Height - 1, d.Prev} }

func (Connected) isEvent()    {}
func (Disconnected) isEvent() {}

// Source is a view of the chain. It is safe for concurrent use.
type Source interface {
	// Tip is the last block of the best chain.
	Tip(ctx context.Context) (BlockRef, error)
	// Best is the end of the best chain now. It is asked once: a server that does not
	// answer is an error and is not waited for, nor is one that knows that it has not
	// the whole chain ([ErrBehind]).
	Best(ctx context.Context) (Best, error)
	// At is the block of the best chain at a height, from which to follow for
	// whoever looks for what is older. Error: [ErrNoBlock].
	At(ctx context.Context, height uint32) (BlockRef, error)
	// Follow calls each with what happens after the block from, first what has
	// happened already, then what happens, until ctx ends or each returns an
	// error, which Follow returns.
	Follow(ctx context.Context, from BlockRef, each func(Event) error) error
	// Watch adds scripts whose payments and spends must be among a block's
	// transactions, in the blocks that Follow gives from now on: a script is
	// watched before it is paid, and all of them are again after a start, before
	// Follow. A source that gives all transactions ignores it.
	Watch(scripts ...[]byte)
	// Broadcast offers a transaction to the network. It returns nil too when it
	// is known already, in a mempool or a block, and an [ErrRejected] with the
	// reason. A light source learns of a rejection only from a peer that says so.
	Broadcast(ctx context.Context, tx *btcwire.MsgTx) error
	// BroadcastPackage offers transactions that spend each other's outputs,
	// parents first, as one where the network takes packages, so that the last
	// one's fee counts for all; else one after the other.
	BroadcastPackage(ctx context.Context, txs ...*btcwire.MsgTx) error
	// FeeRate estimates the feerate to confirm within so many blocks, in satoshi
	// for 1000 units of weight: at least [MinFeePerKw].
	FeeRate(ctx context.Context, blocks uint32) (uint32, error)
	// DataCarrier is how many bytes the script of an OP_RETURN output may have to be
	// relayed, as far as the source knows: [DataCarrier] when it cannot tell, zero when
	// none is relayed.
	DataCarrier(ctx context.Context) (int, error)
	// Output is the unspent output that a short_channel_id names. Error:
	// [ErrNoOutput].
	Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error)
	// Spent are the scripts of all outputs that the transactions of a block of the
	// best chain spend, those of the same block too. Errors: [ErrLight] of a light
	// source, for any block; [ErrUnknownBlock], [ErrNotTold].
	Spent(ctx context.Context, at BlockRef) (Scripts, error)
}

// Scripts are the scripts of outputs.
type Scripts map[btcwire.OutPoint][]byte

// Reader is what [Walk] needs of a source that can be asked for any block.
type Reader interface {
	Tip(ctx context.Context) (BlockRef, error)
	At(ctx context.Context, height uint32) (BlockRef, error)
	// Parent returns the block before at, and whether at is in the best chain.
	// Error: [ErrUnknownBlock].
	Parent(ctx context.Context, at BlockRef) (prev chainhash.Hash, best bool, err error)
	// BlockAt reads a block of the best chain; false when it is not that high.
	BlockAt(ctx context.Context, height uint32) (Block, bool, error)
	// Changed waits until the tip is no longer the given one.
	Changed(ctx context.Context, tip BlockRef) error
}

// Walk is [Source.Follow] for a [Reader]: it goes from block to block, back where
// the last one given has left the best chain, forward where there is a next one.
func Walk(ctx context.Context, r Reader, at BlockRef, each func(Event) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		tip, err := r.Tip(ctx)
		if err != nil {
			return err
		}
		prev, best, err := r.Parent(ctx, at)
		if errors.Is(err, ErrUnknownBlock) {
			if at, err = rewind(ctx, r, at, each); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if !best {
			gone := Disconnected{at, prev}
			if err := each(gone); err != nil {
				return err
			}
			at = gone.Parent()
			continue
		}
		next, ok, err := r.BlockAt(ctx, at.Height+1)
		if err != nil {
			return err
		}
		if !ok {
			if err := r.Changed(ctx, tip); err != nil {
				return err
			}
			continue
		}
		if next.Prev != at.Hash {
			continue // the chain changed between the two questions
		}
		if err := each(Connected{next}); err != nil {
			return err
		}
		at = next.BlockRef
	}
}

// rewind goes back as far as a reorg may reach from a block that nobody knows any
// more: its server was exchanged or reindexed. Blocks that were not gone come again.
func rewind(ctx context.Context, r Reader, at BlockRef, each func(Event) error) (BlockRef, error) {
	for range min(MaxReorg, at.Height) {
		parent, err := r.At(ctx, at.Height-1)
		if err != nil {
			return at, err
		}
		if err := each(Disconnected{at, parent.Hash}); err != nil {
			return at, err
		}
		at = parent
	}
	return at, nil
}

// NewBlock is a Block of all the transactions of a bitcoin block.
func NewBlock(height uint32, b *btcwire.MsgBlock) Block {
	out := Block{
		BlockRef: BlockRef{Height: height, Hash: b.BlockHash()}, Prev: b.Header.PrevBlock,
		Time: b.Header.Timestamp, Txs: make([]Tx, len(b.Transactions)),
	}
	for i, tx := range b.Transactions {
		out.Txs[i] = Tx{uint32(i), tx} //nolint:gosec // a block holds fewer
	}
	return out
}

// OneByOne is [Source.BroadcastPackage] where there are no packages. A parent in a
// block whose outputs are spent looks like one that misses its inputs: the last
// transaction tells which it is.
func OneByOne(ctx context.Context, broadcast func(context.Context, *btcwire.MsgTx) error, txs []*btcwire.MsgTx) (err error) {
	for _, tx := range txs {
		if err = broadcast(ctx, tx); err != nil && !errors.Is(err, ErrMissingInputs) {
			return err
		}
	}
	return err
}
