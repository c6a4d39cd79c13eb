//go:build !race

package closing

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
)

var opReturn = bytesOf([]byte{txscript.OP_RETURN, 10}, 10)

func TestWhoClosesPaysAndDustIsLeftOut(t *testing.T) {
	side := func(sat uint64, script []byte) Side { return Side{Balance: amount.Satoshi(sat).Msat(), Script: script} }
	const perKw = 1000 // 676 satoshi for two outputs, rounded up
	for name, c := range map[string]struct {
		us, peer Side
		fee      amount.Satoshi
		offered  []Version
		none     bool
	}{
		"both have much, we more":           {side(600_000, p2wpkh), side(400_000, p2wpkh), 677, []Version{CloserOnly, Both}, false},
		"both have the same":                {side(500_000, p2wpkh), side(500_000, p2wpkh), 677, []Version{CloserOnly, Both}, false},
		"both have much, we less":           {side(400_000, p2wpkh), side(600_000, p2wpkh), 677, []Version{Both}, false},
		"we have all":                       {side(1_000_000, p2wpkh), side(0, p2wpkh), 677, []Version{CloserOnly}, false},
		"the peer has dust":                 {side(999_707, p2wpkh), side(293, p2wpkh), 677, []Version{CloserOnly}, false},
		"the peer has no dust":              {side(999_706, p2wpkh), side(294, p2wpkh), 677, []Version{CloserOnly, Both}, false},
		"what is left to us is dust":        {side(900, p2wpkh), side(999_100, p2wpkh), 677, []Version{CloseeOnly}, false},
		"what is left to us is just enough": {side(971, p2wpkh), side(999_029, p2wpkh), 677, []Version{Both}, false},
		"all that we have is the fee":       {side(200, p2wpkh), side(999_800, p2wpkh), 200, []Version{CloseeOnly}, false},
		"we cannot pay":                     {side(100, p2wpkh), side(999_900, p2wpkh), 0, nil, true},
		"we have nothing":                   {side(0, p2wpkh), side(1_000_000, p2wpkh), 0, nil, true},
		"both are poor":                     {side(700, p2wpkh), side(500, p2wpkh), 406, []Version{CloserOnly, Both}, false},
		"our money is burnt":                {side(600_000, opReturn), side(400_000, p2wpkh), 637, []Version{CloserOnly, Both}, false},
		"theirs is burnt":                   {side(600_000, p2wpkh), side(400_000, opReturn), 637, []Version{CloserOnly, Both}, false},
	} {
		p, ok := Propose(c.us, c.peer, perKw, 253)
		if ok == c.none || ok && (p.Fee != c.fee || !slices.Equal(p.Offered(), c.offered)) {
			t.Errorf("%s: %+v signs %v, %v", name, p, p.Offered(), ok)
		}
	}
}

func TestTheClosingTransactionIsThatOfBOLT3(t *testing.T) {
	p := Complete{
		Closer: Side{Balance: 600_000_999, Script: p2wpkh}, Closee: Side{Balance: 399_999_001, Script: opReturn}, Fee: 700, LockTime: 800_000,
	}
	funding := btcwire.OutPoint{Hash: chainhash.Hash{7}, Index: 3}
	tx := p.Tx(&script.Params{Funding: funding}, Both)
	if tx.Version != 2 || tx.LockTime != 800_000 || len(tx.TxIn) != 1 || tx.TxIn[0].PreviousOutPoint != funding || tx.TxIn[0].Sequence != 0xFFFFFFFD {
		t.Errorf("%+v", tx)
	}
	if len(tx.TxOut) != 2 || tx.TxOut[0].Value != 0 || string(tx.TxOut[0].PkScript) != string(opReturn) ||
		tx.TxOut[1].Value != 599_300 || string(tx.TxOut[1].PkScript) != string(p2wpkh) {
		t.Errorf("%+v", tx.TxOut)
	}
	if tx = p.Tx(&script.Params{Funding: funding}, CloserOnly); len(tx.TxOut) != 1 || tx.TxOut[0].Value != 599_300 {
		t.Errorf("%+v", tx.TxOut)
	}
	if tx = p.Tx(&script.Params{Funding: funding}, CloseeOnly); len(tx.TxOut) != 1 || tx.TxOut[0].Value != 0 {
		t.Errorf("%+v", tx.TxOut)
	}
}

// The closee finds what it needs among what an honest closer signs; nothing in it is
// dust, it is relayed, and the closee gets all that it has.
func TestWhatTheCloserOffersTheCloseeSigns(t *testing.T) {
	scripts := [][]byte{p2wpkh, p2wsh, p2tr, p2pkh, p2sh, opReturn}
	rapid.Check(t, func(t *rapid.T) {
		side := func(name string) Side {
			top := rapid.SampledFrom([]uint64{1_000_000, 3_000_000, 1_000_000_000}).Draw(t, name+" has up to")
			return Side{
				Balance: amount.MilliSatoshi(rapid.Uint64Range(0, top).Draw(t, name)),
				Script:  rapid.SampledFrom(scripts).Draw(t, name+" script"),
			}
		}
		us, peer := side("us"), side("peer")
		p, ok := Propose(us, peer, rapid.Uint32Range(253, 100_000).Draw(t, "feerate"), 253)
		if !ok {
			return
		}
		offered := p.Offered()
		v := p.Chosen(func(v Version) bool { return slices.Contains(offered, v) })
		if !slices.Contains(offered, v) {
			t.Fatalf("%+v: %d is chosen of %v", p, v, offered)
		}
		for _, v := range offered {
			tx := p.Tx(&script.Params{}, v)
			sum := amount.Satoshi(0)
			for _, out := range tx.TxOut {
				value := amount.Satoshi(out.Value) //nolint:gosec // not negative
				if value < DustThreshold(out.PkScript) {
					t.Fatalf("an output of %v", value)
				}
				sum += value
			}
			if p.perKw(v) < 253 || sum > us.Balance.Sat()+peer.Balance.Sat() {
				t.Fatalf("%+v: %d pays %d", p, v, p.perKw(v))
			}
		}
		all := peer.Balance.Sat()
		if isReturn(peer.Script) {
			all = 0
		}
		if v == CloserOnly && !p.closeeIsDust() || v != CloserOnly && p.closee() != all {
			t.Fatalf("%+v: the closee gets %v by version %d", p, p.closee(), v)
		}
	})
}
