package neutrino

import (
	"context"
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/btcutil/v2/gcs"
	"github.com/btcsuite/btcd/btcutil/v2/gcs/builder"
	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	light "github.com/lightninglabs/neutrino"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
)

// await runs what the client does without a context of its own, and no longer
// waits for it when ctx ends. The client ends it when it stops.
func await[T any](ctx context.Context, s *Source, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	s.wg.Go(func() {
		v, err := f()
		done <- answer{v, err}
	})
	var none T
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-s.ctx.Done():
		return none, errClosed
	}
}

func (s *Source) filter(ctx context.Context, block chainhash.Hash, options ...light.QueryOption) (*gcs.Filter, error) {
	return await(ctx, s, func() (*gcs.Filter, error) {
		return s.client.GetCFilter(block, btcwire.GCSFilterRegular, options...)
	})
}

func (s *Source) block(ctx context.Context, block chainhash.Hash) (*btcutil.Block, error) {
	return await(ctx, s, func() (*btcutil.Block, error) { return s.client.GetBlock(block) })
}

// BlockAt implements [chain.Reader]. A block without what is watched has no
// transactions here.
func (s *Source) BlockAt(ctx context.Context, height uint32) (chain.Block, bool, error) {
	for said := false; ; said = true {
		h, ok := s.header(height)
		if !ok {
			return chain.Block{}, false, nil
		}
		out := chain.Block{
			BlockRef: chain.BlockRef{Height: height, Hash: h.BlockHash()}, Prev: h.PrevBlock, Time: h.Timestamp,
		}
		b, err := s.match(ctx, out.BlockRef)
		if err == nil {
			if b != nil {
				out = chain.NewBlock(height, b.MsgBlock())
				s.outbox.confirmed(b.MsgBlock())
			}
			return out, true, s.leave(out)
		}
		if ctx.Err() != nil || errors.Is(err, errClosed) {
			return chain.Block{}, false, err
		}
		if !said {
			s.cfg.Log.Warn("no peer has given a block or its filter; asking again", "height", height, "why", err)
		}
		if err := s.wait(ctx, nil, retryEvery); err != nil {
			return chain.Block{}, false, err
		}
	}
}

// ahead is how many blocks before the tip filters are asked for one by one.
const ahead = 3

// match reads a block if its filter says that it may have what is watched.
func (s *Source) match(ctx context.Context, at chain.BlockRef) (*btcutil.Block, error) {
	s.mu.Lock()
	scripts := s.scripts
	s.mu.Unlock()
	if len(scripts) == 0 {
		return nil, nil
	}
	var options []light.QueryOption
	if s.height() > at.Height+ahead {
		options = append(options, light.OptimisticBatch())
	}
	f, err := s.filter(ctx, at.Hash, options...)
	if err != nil {
		return nil, err
	}
	if !matches(f, at.Hash, scripts) {
		return nil, nil
	}
	b, err := s.block(ctx, at.Hash)
	if err == nil {
		s.rates.learn(at.Height, b.MsgBlock(), s.cfg.Network)
	}
	return b, err
}

// matches says whether a filter may have one of the scripts. One that cannot be
// read may.
func matches(f *gcs.Filter, block chainhash.Hash, scripts [][]byte) bool {
	yes, err := f.MatchAny(builder.DeriveKey(&block), scripts)
	return yes || err != nil
}

// leave writes the way back from a block, and from those that follow it, before it
// is given.
func (s *Source) leave(b chain.Block) error {
	if _, known := s.trail.parent(b.BlockRef); known {
		return nil
	}
	steps := []step{{b.BlockRef, b.Prev}}
	for last := b.BlockRef; len(steps) < trailLength; {
		h, ok := s.header(last.Height + 1)
		if !ok || h.PrevBlock != last.Hash {
			break
		}
		last = chain.BlockRef{Height: last.Height + 1, Hash: h.BlockHash()}
		steps = append(steps, step{last, h.PrevBlock})
	}
	return s.trail.add(steps)
}

const (
	// outputTimeout is how long the network is asked about somebody's output.
	outputTimeout = 30 * time.Second
	// spentDepth is for how many blocks back a spend of it is looked for.
	spentDepth = chain.MaxReorg
)

// Output implements [chain.Source]. It reads the output's block, and looks for a
// spend only in the last 100 blocks.
func (s *Source) Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	var op btcwire.OutPoint
	ctx, cancel := context.WithTimeout(ctx, outputTimeout)
	defer cancel()
	at, err := s.At(ctx, scid.Height())
	if err != nil {
		return nil, op, chain.ErrNoOutput
	}
	b, err := s.block(ctx, at.Hash)
	if err != nil {
		return nil, op, err
	}
	txs := b.MsgBlock().Transactions
	if int(scid.Index()) >= len(txs) || int(scid.Output()) >= len(txs[scid.Index()].TxOut) {
		return nil, op, chain.ErrNeverWas
	}
	tx := txs[scid.Index()]
	out := tx.TxOut[scid.Output()]
	op = btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(scid.Output())}
	best := s.height()
	for height := max(at.Height, best-min(best, spentDepth)); height <= best; height++ {
		spent, err := s.spends(ctx, height, op, out.PkScript)
		if err != nil {
			return nil, op, err
		}
		if spent {
			return nil, op, chain.ErrNoOutput
		}
	}
	return out, op, nil
}

// spends says whether the block at a height spends an output with that script.
func (s *Source) spends(ctx context.Context, height uint32, op btcwire.OutPoint, pkScript []byte) (bool, error) {
	at, err := s.At(ctx, height)
	if err != nil {
		return false, err
	}
	f, err := s.filter(ctx, at.Hash, light.OptimisticBatch(), light.MaxBatchSize(spentDepth))
	if err != nil {
		return false, err
	}
	if !matches(f, at.Hash, [][]byte{pkScript}) {
		return false, nil
	}
	b, err := s.block(ctx, at.Hash)
	if err != nil {
		return false, err
	}
	for _, tx := range b.MsgBlock().Transactions {
		for _, in := range tx.TxIn {
			if in.PreviousOutPoint == op {
				return true, nil
			}
		}
	}
	return false, nil
}

// Spent implements [chain.Source]: nobody tells a light client what others spend.
func (s *Source) Spent(context.Context, chain.BlockRef) (chain.Scripts, error) {
	return nil, chain.ErrLight
}
