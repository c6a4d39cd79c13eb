package bitcoind

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
)

// withPrevouts is the verbosity of getblock by which it tells what is spent.
const withPrevouts = 3

// spending is an input as getblock tells it.
type spending struct {
	Txid    string `json:"txid"` // none: a coinbase
	Output  uint32 `json:"vout"`
	Prevout *struct {
		Script struct {
			Hex string `json:"hex"`
		} `json:"scriptPubKey"`
	} `json:"prevout"`
}

// Spent implements [chain.Source]. A pruned server that has got a block again from its
// peers does not tell.
func (s *Source) Spent(ctx context.Context, at chain.BlockRef) (chain.Scripts, error) {
	var block struct {
		Txs []struct {
			Ins []spending `json:"vin"`
		} `json:"tx"`
	}
	if err := s.getBlock(ctx, at, &block, withPrevouts); err != nil {
		return nil, err
	}
	out := chain.Scripts{}
	for _, tx := range block.Txs {
		for _, in := range tx.Ins {
			if in.Txid == "" {
				continue
			}
			if in.Prevout == nil {
				return nil, fmt.Errorf("%w (block %s)", chain.ErrNotTold, at.Hash)
			}
			hash, err := chainhash.NewHashFromStr(in.Txid)
			if err != nil {
				return nil, err
			}
			script, err := hex.DecodeString(in.Prevout.Script.Hex)
			if err != nil {
				return nil, err
			}
			out[btcwire.OutPoint{Hash: *hash, Index: in.Output}] = script
		}
	}
	return out, nil
}
