package regtest

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
)

// coin is an output of the miner's.
type coin struct {
	at     btcwire.OutPoint
	value  int64
	usable int32 // from this height on
}

// openMiner derives the miner's key, the same on every regtest, and finds its
// coins.
func (c *Chain) openMiner() error {
	seed := sha256.Sum256([]byte("leyden regtest miner"))
	c.miner, _ = btcec.PrivKeyFromBytes(seed[:])
	addr, err := address.NewAddressWitnessPubKeyHash(address.Hash160(c.miner.PubKey().SerializeCompressed()), c.params)
	if err != nil {
		return err
	}
	c.minerAddr = addr
	for h := int32(1); h <= c.blocks.BestSnapshot().Height; h++ {
		b, err := c.blocks.BlockByHeight(h)
		if err != nil {
			return err
		}
		c.minerBlock(b.MsgBlock())
	}
	return nil
}

func (c *Chain) minerScript() []byte {
	s, err := txscript.PayToAddrScript(c.minerAddr)
	if err != nil {
		panic(err) // the address is our own
	}
	return s
}

// minerBlock notes the miner's new coins of a block.
func (c *Chain) minerBlock(b *btcwire.MsgBlock) {
	script := string(c.minerScript())
	for i, tx := range b.Transactions {
		for n, out := range tx.TxOut {
			if string(out.PkScript) != script {
				continue
			}
			k := coin{at: btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(n)}, value: out.Value} //nolint:gosec // few outputs
			if i == 0 {
				k.usable = c.heightOf(b) + int32(c.params.CoinbaseMaturity)
			}
			c.coins = append(c.coins, k)
		}
	}
}

func (c *Chain) heightOf(b *btcwire.MsgBlock) int32 {
	hash := b.BlockHash()
	h, err := c.blocks.BlockHeightByHash(&hash)
	if err != nil {
		return c.blocks.BestSnapshot().Height
	}
	return h
}

// ErrPoor means that the miner has not enough that is mature: mine more.
var ErrPoor = errors.New("the miner has too few mature coins: mine some blocks")

// fee of the miner's transactions, in satoshi: enough for a few inputs.
const minerFee = 2000

// Send pays amt to script from the miner's coins, into the mempool.
func (c *Chain) Send(script []byte, amt amount.Satoshi) (chainhash.Hash, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tx := btcwire.NewMsgTx(2)
	var in []coin
	var kept []coin
	sum, want := int64(0), int64(amt)+minerFee //nolint:gosec // below MaxMoney
	height := c.blocks.BestSnapshot().Height + 1
	for _, k := range c.coins {
		e, err := c.blocks.FetchUtxoEntry(k.at)
		if err != nil || e == nil || e.IsSpent() {
			continue // spent, or of a block that is gone
		}
		if sum >= want || k.usable > height || c.pool.CheckSpend(k.at) != nil {
			kept = append(kept, k)
			continue
		}
		in = append(in, k)
		sum += k.value
		tx.AddTxIn(btcwire.NewTxIn(&k.at, nil, nil))
	}
	if sum < want {
		return chainhash.Hash{}, ErrPoor
	}
	tx.AddTxOut(btcwire.NewTxOut(int64(amt), script)) //nolint:gosec // below MaxMoney
	if change := sum - want; change > 1000 {
		tx.AddTxOut(btcwire.NewTxOut(change, c.minerScript()))
	}
	if err := c.sign(tx, in); err != nil {
		return chainhash.Hash{}, err
	}
	if err := c.accept(tx); err != nil {
		return chainhash.Hash{}, err
	}
	c.coins = append(kept, in...) // still unspent in the chain until a block has tx
	return tx.TxHash(), nil
}

func (c *Chain) sign(tx *btcwire.MsgTx, in []coin) error {
	script := c.minerScript()
	prev := map[btcwire.OutPoint]*btcwire.TxOut{}
	for _, k := range in {
		prev[k.at] = btcwire.NewTxOut(k.value, script)
	}
	hashes := txscript.NewTxSigHashes(tx, txscript.NewMultiPrevOutFetcher(prev))
	for i, k := range in {
		w, err := txscript.WitnessSignature(tx, hashes, i, k.value, script, txscript.SigHashAll, c.miner, true)
		if err != nil {
			return fmt.Errorf("miner: %w", err)
		}
		tx.TxIn[i].Witness = w
	}
	return nil
}
