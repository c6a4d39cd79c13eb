package chain

import (
	"context"
	"errors"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// Errors of sources.
var (
	// ErrRejected means that a transaction broke a rule of consensus or relay.
	ErrRejected = errors.New("transaction rejected")
	// ErrNoOutput means that a short_channel_id names no output of the chain, or
	// one that is spent.
	ErrNoOutput = errors.New("no such unspent output")
)

// MinFeePerKw is the lowest feerate that nodes relay, in satoshi for 1000 units of
// weight: 1 satoshi for a virtual byte, rounded as nodes do.
const MinFeePerKw = 253

// BlockRef names a block.
type BlockRef struct {
	Height uint32
	Hash   chainhash.Hash
}

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
	// Follow calls each with what happens after the block from, first what has
	// happened already, then what happens, until ctx ends or each returns an
	// error, which Follow returns.
	Follow(ctx context.Context, from BlockRef, each func(Event) error) error
	// Watch adds scripts whose payments and spends must be among a block's
	// transactions. A source that gives all of them ignores it.
	Watch(scripts ...[]byte)
	// Broadcast offers a transaction to the network. It returns nil too when it
	// is known already, and an [ErrRejected] with the reason.
	Broadcast(ctx context.Context, tx *btcwire.MsgTx) error
	// FeeRate estimates the feerate to confirm within so many blocks, in satoshi
	// for 1000 units of weight: at least [MinFeePerKw].
	FeeRate(ctx context.Context, blocks uint32) (uint32, error)
	// Output is the unspent output that a short_channel_id names. Error:
	// [ErrNoOutput].
	Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error)
}

// Reader is what [Walk] needs of a source that can be asked for any block.
type Reader interface {
	Tip(ctx context.Context) (BlockRef, error)
	// Parent returns the block before hash, and whether hash is in the best chain.
	Parent(ctx context.Context, hash chainhash.Hash) (prev chainhash.Hash, best bool, err error)
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
		prev, best, err := r.Parent(ctx, at.Hash)
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
