// Package scribe keeps a ledger of tokens at the chain of the simulation: the real one, of
// package ledger, over a disk of the simulation.
package scribe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/enforce"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/sim/disk"
	"github.com/leyden-ln/leyden/internal/sim/miner"
)

// Params are the rules.
var Params = asset.Regtest()

// Scribe reads the chain into a ledger, block by block.
type Scribe struct {
	chain  *miner.Chain
	disk   *disk.Disk
	pen    durable.Writer
	ledger *ledger.Ledger
	at     *miner.Block // nil: before the first block
}

// New begins a ledger on a disk that has none.
func New(c *miner.Chain, d *disk.Disk) (*Scribe, error) {
	first := c.Numbered(1)
	l, err := ledger.New(Params, ref(first.Parent, first.Height-1)).Commit(context.Background(), d)
	return &Scribe{c, d, d, l, nil}, err
}

// Load goes on with the ledger of a disk; what it writes goes through a pen.
func Load(c *miner.Chain, d *disk.Disk, pen durable.Writer) *Scribe {
	rows := d.Ledger.Rows()
	s := &Scribe{c, d, pen, ledger.Load(Params, rows), nil}
	if n := binary.LittleEndian.Uint64(rows.Seen.Hash[:]); n > 0 {
		s.at = c.Numbered(int(n)) //nolint:gosec // few blocks
	}
	return s
}

// ref names a block.
func ref(b *miner.Block, height uint32) chain.BlockRef {
	r := chain.BlockRef{Height: height}
	if b != nil {
		binary.LittleEndian.PutUint64(r.Hash[:], uint64(b.Number)) //nolint:gosec // not negative
	}
	return r
}

// Height is that of the last block that was read.
func (s *Scribe) Height() uint32 { return s.ledger.Seen().Height }

// Current tells whether the chain is read to its end.
func (s *Scribe) Current() bool { return s.at == s.chain.Tip }

// Step reads one more block, or takes one back; false: there is nothing to read. Its error
// is the disk's.
func (s *Scribe) Step(ctx context.Context) (bool, error) {
	if s.Current() {
		_, err := s.ledger.Mark().Commit(ctx, s.pen)
		return false, err
	}
	next := s.chain.Numbered(1)
	if s.at != nil {
		next = s.chain.Next(s.at)
	}
	var e chain.Event
	if next == nil {
		e = chain.Disconnected{BlockRef: s.ledger.Seen(), Prev: ref(s.at.Parent, 0).Hash}
		s.at = s.at.Parent
	} else {
		e = connected(next)
		s.at = next
	}
	pending, err := s.ledger.Apply(ctx, e, s, s.disk)
	if err == nil {
		var entries []ledger.Entry
		entries, err = pending.Commit(ctx, s.pen)
		for _, e := range entries {
			if e.Alarm != "" {
				err = errors.Join(err, fmt.Errorf("an alarm of the ledger: %s", e.Alarm))
			}
		}
	}
	return true, err
}

func connected(b *miner.Block) chain.Connected {
	c := chain.Block{BlockRef: ref(b, b.Height), Prev: ref(b.Parent, 0).Hash, Time: time.Unix(0, 0)}
	for i, tx := range b.Txs {
		c.Txs = append(c.Txs, chain.Tx{Index: uint32(i), MsgTx: tx}) //nolint:gosec // few
	}
	return chain.Connected{Block: c}
}

// Spent implements [ledger.Prevouts].
func (s *Scribe) Spent(_ context.Context, at chain.BlockRef) (chain.Scripts, error) {
	scripts := chain.Scripts{}
	for _, tx := range s.chain.Numbered(int(binary.LittleEndian.Uint64(at.Hash[:]))).Txs { //nolint:gosec // few blocks
		for _, in := range tx.TxIn {
			out := s.chain.Pays(in.PreviousOutPoint)
			if out == nil { // of the first block, out of nothing
				out = &btcwire.TxOut{}
			}
			scripts[in.PreviousOutPoint] = out.PkScript
		}
	}
	return scripts, nil
}

// Judge tells what became of a channel's tokens; nothing of one of bitcoin.
func (s *Scribe) Judge(ctx context.Context, property amount.Property, spends map[btcwire.OutPoint]enforce.Spend) (enforce.Ledger, error) {
	if s == nil || property == 0 {
		return enforce.Ledger{}, nil
	}
	return ledger.Judge(ctx, s.disk, Params, property, spends)
}

// Balance is what a script has of a property.
func (s *Scribe) Balance(pkScript []byte, property amount.Property) amount.Units {
	address, _ := Params.Address(s.Height(), pkScript)
	return s.ledger.Balance(address, property)
}
