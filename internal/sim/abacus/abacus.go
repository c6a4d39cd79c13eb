// Package abacus walks over the blocks of the simulation and finds what each script has of
// a token. It is written from the rules and shares no code with the ledger, so that the one
// is a check of the other. It knows what the simulation sends, and says so of anything else.
package abacus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/sim/miner"
)

// Abacus is what scripts have of the one property that there is.
type Abacus struct {
	Held   map[string]uint64
	Issued uint64
	Moves  int // transactions that moved some

	property uint32
	scripts  map[btcwire.OutPoint]string
}

// first is the first property of the ecosystem for tests.
const first = 0x80000003

var errZero = errors.New("an entry of zero, which Omni Core does not survive")

// Walk reads a chain from its first block to its last.
func Walk(tip *miner.Block) (*Abacus, error) {
	a := &Abacus{Held: map[string]uint64{}, scripts: map[btcwire.OutPoint]string{}}
	var blocks []*miner.Block
	for b := tip; b != nil; b = b.Parent {
		blocks = append(blocks, b)
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		for _, tx := range blocks[i].Txs {
			if err := a.execute(tx); err != nil {
				return nil, fmt.Errorf("%s in block %d: %w", tx.TxHash(), blocks[i].Height, err)
			}
			txid := tx.TxHash()
			for n, out := range tx.TxOut {
				a.scripts[btcwire.OutPoint{Hash: txid, Index: uint32(n)}] = string(out.PkScript) //nolint:gosec // few
			}
		}
	}
	sum := uint64(0)
	for _, u := range a.Held {
		sum += u
	}
	if sum != a.Issued {
		return nil, fmt.Errorf("%d units were issued, there are %d", a.Issued, sum)
	}
	return a, nil
}

// receives tells whether a script is an address: P2PKH, P2SH and the witness programs of
// versions 0 and 1.
func receives(s []byte) bool {
	switch {
	case len(s) == 25 && bytes.HasPrefix(s, []byte{0x76, 0xa9, 20}):
	case len(s) == 23 && bytes.HasPrefix(s, []byte{0xa9, 20}):
	case len(s) == 22 && bytes.HasPrefix(s, []byte{0, 20}):
	case len(s) == 34 && (s[0] == 0 || s[0] == 0x51) && s[1] == 32:
	default:
		return false
	}
	return true
}

// payload joins what the marked outputs push. None of ours has more than one push.
func payload(tx *btcwire.MsgTx) (all []byte) {
	for _, out := range tx.TxOut {
		s := out.PkScript
		if len(s) < 3 || s[0] != 0x6a {
			continue
		}
		data := s[2:]
		if s[1] == 0x4c {
			data = s[3:]
		}
		if bytes.HasPrefix(data, []byte("omni")) {
			all = append(all, data[4:]...)
		}
	}
	return all
}

// reference is whom a simple send goes to: the only address, or else the last one, but
// for the first output that pays the sender.
func reference(sender string, tx *btcwire.MsgTx) string {
	var list []string
	for _, out := range tx.TxOut {
		if receives(out.PkScript) {
			list = append(list, string(out.PkScript))
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	to, change := sender, false
	for _, s := range list {
		if s == sender && !change {
			change = true
			continue
		}
		to = s
	}
	return to
}

func (a *Abacus) execute(tx *btcwire.MsgTx) error {
	p := payload(tx)
	if p == nil {
		return nil
	}
	sender, ok := a.scripts[tx.TxIn[0].PreviousOutPoint]
	if !ok || !receives([]byte(sender)) {
		return nil
	}
	switch typ := binary.BigEndian.Uint16(p[2:]); typ {
	case 0:
		if units := binary.BigEndian.Uint64(p[8:]); a.mine(p) && units > 0 && units <= a.Held[sender] {
			a.move(sender, reference(sender, tx), units)
		}
	case 7:
		if a.mine(p) {
			return a.sendToMany(tx, sender, p[8:])
		}
	case 50:
		if a.property != 0 {
			return errors.New("a second property")
		}
		a.property = first
		a.Issued = binary.BigEndian.Uint64(p[len(p)-8:])
		a.Held[sender] = a.Issued
	default:
		return fmt.Errorf("a transaction of type %d", typ)
	}
	return nil
}

func (a *Abacus) mine(p []byte) bool { return binary.BigEndian.Uint32(p[4:]) == a.property }

func (a *Abacus) move(from, to string, units uint64) {
	a.Moves++
	a.Held[from] -= units
	a.Held[to] += units
}

// sendToMany moves all that it names, or nothing.
func (a *Abacus) sendToMany(tx *btcwire.MsgTx, sender string, p []byte) error {
	n, sum := int(p[0]), uint64(0)
	to, units := make([]string, n), make([]uint64, n)
	for i := range n {
		at := p[1+9*i:]
		vout := int(at[0])
		if vout >= len(tx.TxOut) || !receives(tx.TxOut[vout].PkScript) {
			return nil
		}
		to[i], units[i] = string(tx.TxOut[vout].PkScript), binary.BigEndian.Uint64(at[1:9])
		if units[i] == 0 {
			return errZero
		}
		sum += units[i]
	}
	if sum == 0 || sum > a.Held[sender] {
		return nil
	}
	for i := range n {
		a.move(sender, to[i], units[i])
	}
	return nil
}
