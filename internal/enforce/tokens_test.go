//go:build !race

package enforce_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/internal/enforce"
)

const (
	property amount.Property = 0x80000003
	tokensOf amount.Units    = 10_000 // of a channel
)

// homeOf is the address to which a side sends its tokens.
func homeOf(name string) []byte {
	pkScript, _ := script.Wrapped(append([]byte{0, 20}, bytes.Repeat([]byte(name), 20)...))
	return pkScript
}

// book is what addresses have, by simple sends and sends to many of one property. It is
// written from the rules: a transaction moves all that it says, of the address of its
// first input, or nothing.
type book struct {
	held  map[string]amount.Units
	moved map[chainhash.Hash]amount.Units
}

func newBook(funding []byte, tokens amount.Units) *book {
	if tokens == 0 {
		return nil
	}
	return &book{held: map[string]amount.Units{string(funding): tokens}, moved: map[chainhash.Hash]amount.Units{}}
}

func (b *book) execute(tx *btcwire.MsgTx, sender string) {
	payload := bytes.SplitN(tx.TxOut[0].PkScript, []byte("omni"), 2)
	if len(payload) != 2 {
		return
	}
	p := payload[1]
	to := map[string]amount.Units{}
	sum := amount.Units(0)
	give := func(vout int, units uint64) {
		to[string(tx.TxOut[vout].PkScript)] += amount.Units(units)
		sum += amount.Units(units)
	}
	if p[3] == 0 {
		give(1, binary.BigEndian.Uint64(p[8:])) // the only address
	} else {
		for e := p[9:]; len(e) > 0; e = e[9:] {
			give(int(e[0]), binary.BigEndian.Uint64(e[1:]))
		}
	}
	b.moved[tx.TxHash()] = 0
	if b.held[sender] < sum {
		return
	}
	b.held[sender] -= sum
	for script, units := range to {
		b.held[script] += units
	}
	b.moved[tx.TxHash()] = sum
}

// ledger is what is known of tokens after a block.
func (c *chain) ledger(height uint32) enforce.Ledger {
	l := enforce.Ledger{Moved: map[chainhash.Hash]amount.Units{}}
	if c.tokens != nil {
		for txid, units := range c.tokens.moved {
			if c.heights[txid] <= height {
				l.Moved[txid] = units
			}
		}
	}
	return l
}

// dueTokens are those that the honest side is entitled to, by who took what was contested.
func (w *war) dueTokens() (sum amount.Units) {
	of := func(o *script.Output) amount.Units {
		if o == nil {
			return 0
		}
		return o.Tokens
	}
	switch {
	case w.ours:
		sum = of(w.on.ToLocal)
	case w.revoked:
		sum = of(w.on.ToLocal) + of(w.on.ToRemote)
	default:
		sum = of(w.on.ToRemote)
	}
	for i := range w.on.HTLCs {
		h := &w.on.HTLCs[i]
		_, decided := w.honest.decided[h.ID]
		incoming := h.Offered != w.ours
		at := btcwire.OutPoint{Hash: w.on.Tx.TxHash(), Index: h.Index}
		if w.revoked || incoming && (decided || w.hasPreimage(h.ID)) || !incoming && w.honest.took[at] {
			sum += h.Tokens
		}
	}
	return sum
}

func TestWhateverCommitmentIsConfirmedTheHonestSideGetsItsTokens(t *testing.T) {
	terms := usual()
	terms.capacity, terms.toA, terms.tokensToA = 1_000_000, 600_000_000, 6_000
	terms.dustA, terms.dustB = script.ScriptHashDust, script.ScriptHashDust
	wages(t, terms)
}
