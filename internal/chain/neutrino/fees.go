package neutrino

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
)

// rates are the feerates of blocks that were read. A block tells its fees by what
// its miner took beyond the subsidy.
type rates struct {
	mu     sync.Mutex
	blocks map[uint32]uint32 // height to satoshi for 1000 units of weight
}

const (
	ratesBlocks  = 144 // older ones say nothing of today
	ratesWanted  = 3   // of the last blocks, when somebody asks for a feerate
	ratesTimeout = 15 * time.Second
	fullWeight   = blockchain.MaxBlockWeight * 3 / 4 // a block with more room than that had room for all
	urgent       = 2                                 // blocks: as much as the dearest of the last ones
)

func (r *rates) learn(height uint32, b *btcwire.MsgBlock, params *chaincfg.Params) {
	rate := feerate(height, b, params)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocks == nil {
		r.blocks = map[uint32]uint32{}
	}
	r.blocks[height] = rate
	for h := range r.blocks {
		if h+ratesBlocks < height {
			delete(r.blocks, h)
		}
	}
}

// feerate is the mean of a block, or the least that is relayed if the block is not
// full.
func feerate(height uint32, b *btcwire.MsgBlock, params *chaincfg.Params) uint32 {
	weight := blockchain.GetBlockWeight(btcutil.NewBlock(b))
	if len(b.Transactions) == 0 || weight < fullWeight {
		return chain.MinFeePerKw
	}
	fees := -blockchain.CalcBlockSubsidy(int32(height), params) //nolint:gosec // a block's height
	for _, out := range b.Transactions[0].TxOut {
		fees += out.Value
	}
	mean := fees * 1000 / weight
	return uint32(min(max(mean, chain.MinFeePerKw), 1<<31)) //nolint:gosec // bounded
}

func (r *rates) known(height uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.blocks[height]
	return ok
}

// estimate is a feerate by the blocks seen lately; zero when there are none.
func (r *rates) estimate(best, blocks uint32) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var seen []uint32
	for h, rate := range r.blocks {
		if h+ratesBlocks >= best {
			seen = append(seen, rate)
		}
	}
	if len(seen) == 0 {
		return 0
	}
	slices.Sort(seen)
	if blocks <= urgent {
		return seen[len(seen)-1]
	}
	return seen[len(seen)/2]
}

// FeeRate implements [chain.Source]. It reads the last few blocks, if they were
// not read anyway.
func (s *Source) FeeRate(ctx context.Context, blocks uint32) (uint32, error) {
	best := s.height()
	patience, cancel := context.WithTimeout(ctx, ratesTimeout)
	defer cancel()
	for height := best; height > 0 && height+ratesWanted > best && s.outbox.connected(); height-- {
		if s.rates.known(height) {
			continue
		}
		at, err := s.At(patience, height)
		if err != nil {
			break
		}
		b, err := s.block(patience, at.Hash)
		if err != nil {
			break
		}
		s.rates.learn(height, b.MsgBlock(), s.cfg.Network)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if rate := s.rates.estimate(best, blocks); rate > 0 {
		return rate, nil
	}
	return max(s.cfg.FeePerKw, chain.MinFeePerKw), nil
}

// connected says whether there is anybody to ask.
func (o *outbox) connected() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.peers) > 0
}

// DataCarrier implements [chain.Source]: peers do not tell.
func (*Source) DataCarrier(context.Context) (int, error) { return chain.DataCarrier, nil }
