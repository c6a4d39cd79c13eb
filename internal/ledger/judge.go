package ledger

import (
	"context"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// Executed tells what became of transactions, as a [View] with a ledger of its own does.
type Executed interface {
	AssetHeight(ctx context.Context) (uint32, bool, error)
	AssetEntry(ctx context.Context, txid chainhash.Hash) (Entry, bool, error)
	AssetHoldings(ctx context.Context, address string) ([]Holding, error)
}

// Judge tells what became of a channel's tokens, by the transactions that spent its funding
// output and what came of it.
func Judge(ctx context.Context, from Executed, params *asset.Params, property amount.Property, spends map[btcwire.OutPoint]enforce.Spend) (enforce.Ledger, error) {
	l := enforce.Ledger{Moved: map[chainhash.Hash]amount.Units{}, Frozen: map[string]bool{}}
	height, _, err := from.AssetHeight(ctx)
	if err != nil {
		return l, err
	}
	seen := map[chainhash.Hash]bool{}
	for _, s := range spends {
		txid := s.Tx.TxHash()
		if seen[txid] || s.Height > height {
			continue
		}
		seen[txid] = true
		e, ok, err := from.AssetEntry(ctx, txid)
		if err != nil {
			return l, err
		}
		switch {
		case !ok || e.Height != s.Height: // not read, or in a branch that is gone
		case e.Failure == asset.ErrHalted.Error() && e.Property == property:
			// It may have moved them for all others.
		case e.Failure != "" || e.Property != property:
			l.Moved[txid] = 0
		default:
			l.Moved[txid] = e.Units
		}
		for _, out := range s.Tx.TxOut {
			address, ok := params.Address(height, out.PkScript)
			if !ok {
				continue
			}
			held, err := from.AssetHoldings(ctx, address)
			if err != nil {
				return l, err
			}
			for _, h := range held {
				if h.Property == property && h.Frozen {
					l.Frozen[string(out.PkScript)] = true
				}
			}
		}
	}
	return l, nil
}
