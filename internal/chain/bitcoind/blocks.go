package bitcoind

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
)

// header is what getblockheader tells. A block that is not in the best chain has
// fewer than zero confirmations.
type header struct {
	Confirmations int    `json:"confirmations"`
	Previous      string `json:"previousblockhash"`
}

// Tip implements [chain.Source].
func (s *Source) Tip(ctx context.Context) (chain.BlockRef, error) {
	i, err := s.info(ctx)
	if err != nil {
		return chain.BlockRef{}, err
	}
	h, err := chainhash.NewHashFromStr(i.Best)
	if err != nil {
		return chain.BlockRef{}, err
	}
	return chain.BlockRef{Height: i.Blocks, Hash: *h}, nil
}

// At implements [chain.Source].
func (s *Source) At(ctx context.Context, height uint32) (chain.BlockRef, error) {
	var hash string
	err := s.patient(ctx, &hash, "getblockhash", height)
	var said *Error
	if errors.As(err, &said) && said.Code == codeParameter {
		return chain.BlockRef{}, fmt.Errorf("%w %d", chain.ErrNoBlock, height)
	}
	if err != nil {
		return chain.BlockRef{}, err
	}
	h, err := chainhash.NewHashFromStr(hash)
	if err != nil {
		return chain.BlockRef{}, err
	}
	return chain.BlockRef{Height: height, Hash: *h}, nil
}

// Parent implements [chain.Reader].
func (s *Source) Parent(ctx context.Context, at chain.BlockRef) (prev chainhash.Hash, best bool, err error) {
	h, err := s.headerOf(ctx, at)
	if err != nil {
		return prev, false, err
	}
	if h.Previous != "" {
		p, err := chainhash.NewHashFromStr(h.Previous)
		if err != nil {
			return prev, false, err
		}
		prev = *p
	}
	return prev, h.Confirmations >= 0, nil
}

// BlockAt implements [chain.Reader].
func (s *Source) BlockAt(ctx context.Context, height uint32) (chain.Block, bool, error) {
	at, err := s.At(ctx, height)
	if errors.Is(err, chain.ErrNoBlock) {
		return chain.Block{}, false, nil
	}
	if err != nil {
		return chain.Block{}, false, err
	}
	var text string
	if err := s.getBlock(ctx, at, &text, 0); err != nil {
		return chain.Block{}, false, err
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return chain.Block{}, false, err
	}
	var b btcwire.MsgBlock
	if err := b.Deserialize(bytes.NewReader(raw)); err != nil {
		return chain.Block{}, false, err
	}
	if b.BlockHash() != at.Hash {
		return chain.Block{}, false, fmt.Errorf("bitcoind: asked for block %s, got %s", at.Hash, b.BlockHash())
	}
	return chain.NewBlock(height, &b), true, nil
}

// getBlock reads a block, and waits for one that the server has not: its header
// is there before it while the server downloads, and a pruned server asks its
// peers for it.
func (s *Source) getBlock(ctx context.Context, at chain.BlockRef, result any, verbosity int) error {
	for tried := false; ; tried = true {
		err := s.patient(ctx, result, "getblock", at.Hash.String(), verbosity)
		var said *Error
		if !errors.As(err, &said) || said.Code != codeMisc && said.Code != codeNotFound || !strings.Contains(said.Message, "not ") {
			if tried && err == nil {
				s.cfg.Log.Info("bitcoind has the block again", "height", at.Height)
			}
			return err
		}
		if !tried {
			s.cfg.Log.Warn("bitcoind has pruned a block; it is asked to get it again",
				"height", at.Height, "block", at.Hash, "why", said.Message)
		}
		s.fetchFromPeers(ctx, at.Hash)
		if err := pause(ctx); err != nil {
			return err
		}
		if now, err := s.At(ctx, at.Height); err == nil && now != at {
			return fmt.Errorf("block %s has left the best chain", at.Hash)
		}
	}
}

// fetchFromPeers has a pruned server ask its peers that keep all blocks for one.
func (s *Source) fetchFromPeers(ctx context.Context, block chainhash.Hash) {
	var peers []struct {
		ID       int64    `json:"id"`
		Services []string `json:"servicesnames"`
	}
	if err := s.patient(ctx, &peers, "getpeerinfo"); err != nil {
		return
	}
	for _, p := range peers {
		for _, service := range p.Services {
			if service != "NETWORK" {
				continue
			}
			var ignored json.RawMessage
			if s.patient(ctx, &ignored, "getblockfrompeer", block.String(), p.ID) == nil {
				return
			}
		}
	}
}

// Changed implements [chain.Reader].
func (s *Source) Changed(ctx context.Context, tip chain.BlockRef) error {
	for {
		if now, err := s.Tip(ctx); err != nil || now != tip {
			return err
		}
		began := time.Now()
		if !s.noWait.Load() {
			var said *Error
			var ignored json.RawMessage
			// Not waitfornewblock: it misses a block that came since the tip was asked for.
			err := s.call(ctx, &ignored, "waitforblockheight", tip.Height+1, waitTimeout.Milliseconds())
			if errors.As(err, &said) && said.Code == codeNoMethod {
				s.noWait.Store(true)
			}
			if err == nil && time.Since(began) >= pollEvery {
				continue
			}
		}
		// A server that answers at once, or not at all, is not asked without a pause.
		if now, err := s.Tip(ctx); err != nil || now != tip {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// Follow implements [chain.Source].
func (s *Source) Follow(ctx context.Context, from chain.BlockRef, each func(chain.Event) error) error {
	return chain.Walk(ctx, s, from, each)
}

// Watch implements [chain.Source]: every block is given whole.
func (s *Source) Watch(...[]byte) {}

// outputTimeout is how long a pruned block is waited for when it is needed only to
// check somebody's announcement.
const outputTimeout = 10 * time.Second

// Output implements [chain.Source].
func (s *Source) Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	var op btcwire.OutPoint
	at, err := s.At(ctx, scid.Height())
	if errors.Is(err, chain.ErrNoBlock) {
		return nil, op, chain.ErrNoOutput
	}
	if err != nil {
		return nil, op, err
	}
	var block struct {
		Txs []string `json:"tx"`
	}
	patience, cancel := context.WithTimeout(ctx, outputTimeout)
	defer cancel()
	if err := s.getBlock(patience, at, &block, 1); err != nil {
		return nil, op, err
	}
	if int(scid.Index()) >= len(block.Txs) {
		return nil, op, chain.ErrNeverWas
	}
	txid, err := chainhash.NewHashFromStr(block.Txs[scid.Index()])
	if err != nil {
		return nil, op, err
	}
	op = btcwire.OutPoint{Hash: *txid, Index: uint32(scid.Output())}
	var unspent *struct {
		Value  json.Number `json:"value"`
		Script struct {
			Hex string `json:"hex"`
		} `json:"scriptPubKey"`
	}
	if err := s.patient(ctx, &unspent, "gettxout", op.Hash.String(), op.Index, false); err != nil {
		return nil, op, err
	}
	if unspent == nil {
		return nil, op, chain.ErrNoOutput
	}
	value, err := amount.Parse(unspent.Value.String() + "btc")
	if err != nil {
		return nil, op, err
	}
	pkScript, err := hex.DecodeString(unspent.Script.Hex)
	if err != nil {
		return nil, op, err
	}
	return btcwire.NewTxOut(int64(value.Sat()), pkScript), op, nil //nolint:gosec // below MaxMoney
}

var _ chain.Source = (*Source)(nil)
