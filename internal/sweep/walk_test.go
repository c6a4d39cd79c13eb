package sweep_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// books are what scripts have of properties, as a walk over the blocks finds it. It is
// written from the rules and shares no code with the ledger, so that the one is a check of
// the other. What it does not know stops the test.
type books struct {
	t       *testing.T
	held    map[holding]uint64
	frozen  map[holding]bool
	issuers map[uint32]string
	scripts map[btcwire.OutPoint]string
	next    uint32
}

type holding struct {
	script   string
	property uint32
}

// walk reads a chain from its first block to its last.
func walk(t *testing.T, c *regtest.Chain) *books {
	t.Helper()
	b := &books{
		t: t, held: map[holding]uint64{}, frozen: map[holding]bool{}, issuers: map[uint32]string{},
		scripts: map[btcwire.OutPoint]string{}, next: 0x80000003,
	}
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for h := uint32(1); h <= tip.Height; h++ {
		block, err := c.Block(h)
		if err != nil {
			t.Fatal(err)
		}
		for i, tx := range block.Transactions {
			if i > 0 {
				b.execute(tx)
			}
			txid := tx.TxHash()
			for n, out := range tx.TxOut {
				b.scripts[btcwire.OutPoint{Hash: txid, Index: uint32(n)}] = string(out.PkScript)
			}
		}
	}
	return b
}

// has is what a script has of a property.
func (b *books) has(script []byte, property uint32) uint64 {
	return b.held[holding{string(script), property}]
}

// total is all that there is of a property.
func (b *books) total(property uint32) (sum uint64) {
	for k, u := range b.held {
		if k.property == property {
			sum += u
		}
	}
	return sum
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
func (b *books) payload(tx *btcwire.MsgTx) (all []byte) {
	for _, out := range tx.TxOut {
		s := out.PkScript
		if len(s) < 2 || s[0] != 0x6a {
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

func (b *books) execute(tx *btcwire.MsgTx) {
	p := b.payload(tx)
	if p == nil {
		return
	}
	sender, ok := b.scripts[tx.TxIn[0].PreviousOutPoint]
	if !ok {
		b.t.Fatalf("%s spends what is not known", tx.TxHash())
	}
	if !receives([]byte(sender)) {
		return
	}
	property := uint32(0)
	if len(p) >= 8 {
		property = binary.BigEndian.Uint32(p[4:])
	}
	from := holding{sender, property}
	switch typ := binary.BigEndian.Uint16(p[2:]); typ {
	case 0:
		units := binary.BigEndian.Uint64(p[8:])
		if units > 0 && units <= b.held[from] && !b.frozen[from] {
			b.held[from] -= units
			b.held[holding{reference(sender, tx), property}] += units
		}
	case 7:
		b.sendToMany(tx, from, p[8:])
	case 50, 54:
		rest := p[11:]
		for range 5 {
			_, rest, _ = bytes.Cut(rest, []byte{0})
		}
		id := b.next
		b.next++
		b.issuers[id] = sender
		if typ == 50 {
			b.held[holding{sender, id}] = binary.BigEndian.Uint64(rest)
		}
	case 55:
		if b.issuers[property] == sender {
			b.held[holding{reference(sender, tx), property}] += binary.BigEndian.Uint64(p[8:])
		}
	case 71:
	case 185, 186:
		if b.issuers[property] == sender {
			script := append(append([]byte{0xa9, 20}, p[17:37]...), 0x87) // freezes of P2SH only
			if p[16] != 0xc4 {
				b.t.Fatalf("a freeze of an address of version %d", p[16])
			}
			b.frozen[holding{string(script), property}] = typ == 185
		}
	default:
		b.t.Fatalf("a transaction of type %d: %s", typ, hex.EncodeToString(p))
	}
}

// sendToMany moves all that it names, or nothing.
func (b *books) sendToMany(tx *btcwire.MsgTx, from holding, p []byte) {
	n, sum := int(p[0]), uint64(0)
	type entry struct {
		to    string
		units uint64
	}
	entries := make([]entry, n)
	for i := range entries {
		at := p[1+9*i:]
		vout, units := int(at[0]), binary.BigEndian.Uint64(at[1:9])
		if vout >= len(tx.TxOut) || !receives(tx.TxOut[vout].PkScript) {
			return
		}
		entries[i] = entry{string(tx.TxOut[vout].PkScript), units}
		sum += units
	}
	if sum == 0 || sum > b.held[from] || b.frozen[from] {
		return
	}
	for _, e := range entries {
		if e.units == 0 {
			b.t.Fatal("an entry of zero, which Omni Core does not survive")
		}
		b.held[from] -= e.units
		b.held[holding{e.to, from.property}] += e.units
	}
}
