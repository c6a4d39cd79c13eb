package regtest_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/chaintest"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

func open(t *testing.T, dir string) *regtest.Chain {
	t.Helper()
	c, err := regtest.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) *chaintest.Bench {
		c := open(t, "")
		t.Cleanup(func() { c.Close() })
		return &chaintest.Bench{Chain: c, Open: func(*testing.T) (chain.Source, func()) { return c, func() {} }}
	})
}

func TestASecondStartGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	if _, err := c.Mine(105, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := c.Tip(t.Context())
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir)
	defer c.Close()
	if after, _ := c.Tip(t.Context()); after != before {
		t.Fatalf("the tip was %v and is %v", before, after)
	}
	if _, err := c.Send(script.P2WSH([]byte{txscript.OP_TRUE}), 5000); err != nil {
		t.Fatalf("the miner's coins are lost: %v", err)
	}
}

func TestTheMempoolRefusesWhatANodeRefuses(t *testing.T) {
	c := open(t, "")
	defer c.Close()
	if _, err := c.Send(script.P2WPKH(wire.Point{2}), 1000); !errors.Is(err, regtest.ErrPoor) {
		t.Errorf("paid from immature coins: %v", err)
	}
	if _, err := c.Mine(101, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(script.P2WPKH(wire.Point{2}), 1); !errors.Is(err, chain.ErrRejected) {
		t.Errorf("an output of dust was taken: %v", err)
	}
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Hash: [32]byte{1}}, nil, nil))
	tx.AddTxOut(btcwire.NewTxOut(1000, script.P2WPKH(wire.Point{2})))
	if err := c.Broadcast(t.Context(), tx); !errors.Is(err, chain.ErrRejected) {
		t.Errorf("a spend of nothing was taken: %v", err)
	}
}

// What is relayed of data is a setting, as it is bitcoind's.
func TestTheMempoolTakesAsMuchDataAsItIsTold(t *testing.T) {
	c := open(t, "")
	defer c.Close()
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{regtest.DefaultDataCarrier, 250, chain.DataCarrier, 79, 0} {
		c.SetDataCarrier(most)
		if got, err := c.DataCarrier(t.Context()); err != nil || got != most {
			t.Error(got, err)
		}
		for _, receivers := range []int{7, 26} {
			size := 16 + 9*receivers
			id, err := c.Send(script.P2WSH([]byte{txscript.OP_TRUE}), 50_000)
			if err != nil {
				t.Fatal(err)
			}
			tx := btcwire.NewMsgTx(2)
			tx.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Hash: id}, nil, [][]byte{{txscript.OP_TRUE}}))
			tx.AddTxOut(btcwire.NewTxOut(0, append([]byte{txscript.OP_RETURN, txscript.OP_PUSHDATA1, byte(size - 3)}, make([]byte, size-3)...)))
			tx.AddTxOut(btcwire.NewTxOut(10_000, script.P2WPKH(wire.Point{2})))
			if err := c.Broadcast(t.Context(), tx); (err == nil) != (size <= most) || err != nil && !errors.Is(err, chain.ErrRejected) {
				t.Errorf("%d bytes of %d: %v", size, most, err)
			}
		}
	}
}

// The forms that btcd's own rules would refuse are refused, of outputs and of inputs.
func TestTheMempoolRefusesFormsThatNodesDoNotRelay(t *testing.T) {
	c := open(t, "")
	defer c.Close()
	if _, err := c.Mine(110, nil); err != nil {
		t.Fatal(err)
	}
	plain := script.P2WPKH(wire.Point{2})
	wide := bytes.Repeat([]byte{txscript.OP_CHECKSIG}, 16)
	for name, f := range map[string]struct {
		pays, sig []byte
		witness   btcwire.TxWitness
		outs      [][]byte
		want      bool
	}{
		"as it should be":         {script.P2WSH([]byte{txscript.OP_TRUE}), nil, [][]byte{{txscript.OP_TRUE}}, [][]byte{plain}, true},
		"an anchor":               {anchor, nil, nil, [][]byte{plain}, true},
		"an anchor with witness":  {anchor, nil, [][]byte{{1}}, [][]byte{plain}, false},
		"a script of no form":     {script.P2WSH([]byte{txscript.OP_TRUE}), nil, [][]byte{{txscript.OP_TRUE}}, [][]byte{{txscript.OP_TRUE}}, false},
		"two OP_RETURN":           {script.P2WSH([]byte{txscript.OP_TRUE}), nil, [][]byte{{txscript.OP_TRUE}}, [][]byte{plain, {txscript.OP_RETURN, 1, 1}, {txscript.OP_RETURN, 1, 2}}, false},
		"OP_RETURN with a script": {script.P2WSH([]byte{txscript.OP_TRUE}), nil, [][]byte{{txscript.OP_TRUE}}, [][]byte{plain, {txscript.OP_RETURN, txscript.OP_CHECKSIG}}, false},
		"many signatures":         {p2sh(wide), append([]byte{16}, wide...), nil, [][]byte{plain}, false},
	} {
		id, err := c.Send(f.pays, 50_000)
		if err != nil {
			t.Fatal(name, err)
		}
		tx := btcwire.NewMsgTx(2)
		tx.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Hash: id}, f.sig, f.witness))
		for _, out := range f.outs {
			tx.AddTxOut(btcwire.NewTxOut(5_000, out))
		}
		if err := c.Broadcast(t.Context(), tx); (err == nil) != f.want || err != nil && !errors.Is(err, chain.ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// anchor is an output that anyone spends by nothing (P2A).
var anchor = []byte{txscript.OP_1, 2, 0x4e, 0x73}

func p2sh(script []byte) []byte {
	return append(append([]byte{txscript.OP_HASH160, 20}, address.Hash160(script)...), txscript.OP_EQUAL)
}
