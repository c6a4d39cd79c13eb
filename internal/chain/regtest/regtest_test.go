package regtest_test

import (
	"errors"
	"testing"

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
