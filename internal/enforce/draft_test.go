//go:build !race

package enforce_test

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/enforce"
)

// coin is a P2WPKH output of the wallet.
func coin(c *chain, n byte, value int64) (btcwire.OutPoint, *btcec.PrivateKey) {
	key, pub := btcec.PrivKeyFromBytes([]byte{n, 1})
	at := btcwire.OutPoint{Hash: chainhash.Hash{0xc0, n}}
	c.outputs[at] = btcwire.NewTxOut(value, script.P2WPKH(wire.PointOf(pub)))
	c.heights[at.Hash] = 1
	return at, key
}

// signCoin signs a wallet's input.
func signCoin(t *testing.T, c *chain, tx *btcwire.MsgTx, input int, key *btcec.PrivateKey) {
	t.Helper()
	out := c.outputs[tx.TxIn[input].PreviousOutPoint]
	fetch := txscript.NewCannedPrevOutputFetcher(out.PkScript, out.Value)
	w, err := txscript.WitnessSignature(tx, txscript.NewTxSigHashes(tx, fetch), input, out.Value,
		append([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, append(address.Hash160(key.PubKey().SerializeCompressed()),
			txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)...), txscript.SigHashAll, key, true)
	if err != nil {
		t.Fatal(err)
	}
	tx.TxIn[input].Witness = w
}

func TestHTLCTransactionsAreBatchedAndPayByACoinOfTheWallet(t *testing.T) {
	p := open(t, usual())
	for range 3 {
		p.offer(p.b, 20_000_000, cltv)
	}
	p.settle()
	p.a.ch.ForceClose("a test")
	for id := range uint64(3) {
		p.fulfill(p.a, id)
	}
	p.take(p.a)
	c := confirmed(t, p, latest(p.a), 450)
	c.height = 450 + delayB
	plan := p.resolve(p.a, c)
	var claims []enforce.Claim
	for _, kind := range []enforce.ClaimKind{enforce.Delayed, enforce.Anchor} { // they go behind
		claims = append(claims, one(t, plan, kind))
	}
	for _, claim := range plan.Claims {
		if claim.Kind == enforce.SuccessTx {
			claims = append(claims, claim)
		}
	}
	d, err := enforce.Assemble(claims...)
	if err != nil || len(d.Claims) != 5 || d.Out != 60_000 || d.In != d.Out+claims[0].Value+330 {
		t.Fatalf("%+v, %v", d, err)
	}
	at, key := coin(c, 1, 50_000)
	d.Tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: at, Sequence: btcwire.MaxTxInSequenceNum - 2})
	d.Tx.AddTxOut(btcwire.NewTxOut(int64(d.In-d.Out)+40_000, wallet))
	if err := d.Sign(func(wire.ChannelID) (enforce.Signer, error) { return p.a.signer, nil }); err != nil {
		t.Fatal(err)
	}
	signCoin(t, c, d.Tx, 5, key)
	if got, most := weight(d.Tx), d.Weight(); got > most || got+60 < most {
		t.Errorf("it weighs %d, at most %d was said", got, most)
	}
	c.confirm(d.Tx)
	c.height++
	second := 0
	for _, claim := range p.resolve(p.a, c).Claims {
		if claim.Kind == enforce.DelayedHTLC {
			second++
		}
	}
	if second != 3 {
		t.Errorf("%d second stages of three", second)
	}
}

func TestClaimsThatDoNotGoTogetherAreRefused(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.offer(p.a, 20_000_000, cltv+1)
	p.offer(p.b, 20_000_000, cltv)
	p.settle()
	p.a.ch.ForceClose("a test")
	p.fulfill(p.a, 0)
	p.take(p.a)
	plan := p.resolve(p.a, confirmed(t, p, latest(p.a), 450))
	var timeouts []enforce.Claim
	for _, claim := range plan.Claims {
		if claim.Kind == enforce.TimeoutTx {
			if !claim.Apart {
				t.Error("an HTLC that the peer can claim is not alone")
			}
			claim.Apart = false
			timeouts = append(timeouts, claim)
		}
	}
	success, balance, anchor := one(t, plan, enforce.SuccessTx), one(t, plan, enforce.Delayed), one(t, plan, enforce.Anchor)
	alone := balance
	alone.Apart = true
	for name, claims := range map[string][]enforce.Claim{
		"none":                             nil,
		"the same twice":                   {balance, balance},
		"one that stands apart":            {alone, anchor},
		"two locktimes of the peer":        timeouts,
		"a locktime where the peer's is 0": {success, timeouts[0]},
	} {
		if _, err := enforce.Assemble(claims...); !errors.Is(err, enforce.ErrTogether) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, claims := range map[string][]enforce.Claim{
		"alone":                 {alone},
		"a locktime and others": {balance, timeouts[0], anchor},
		"no locktime":           {balance, success, anchor},
	} {
		d, err := enforce.Assemble(claims...)
		if err != nil || len(d.Tx.TxIn) != len(claims) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BOLT 5, Appendix A, and BOLT 3, "Expected Weight of HTLC-timeout and HTLC-success
// Transactions".
func TestWeightsAreThoseExpected(t *testing.T) {
	p, cheat := cheated(t)
	plan := p.resolve(p.a, confirmed(t, p, cheat, 450))
	// The BOLT counts the delay of to_local with 8 bytes and its length, where ours is
	// one opcode, and of the 1 in its witness the length alone. The scripts of HTLCs
	// with anchors are 3 bytes longer.
	for _, claim := range plan.Claims {
		want := map[enforce.ClaimKind]uint64{enforce.RevokedToLocal: 324 - 8 + 1}[claim.Kind]
		if claim.Kind == enforce.RevokedHTLC && claim.HTLC.Incoming {
			want = 407 + 3
		}
		if got := claim.Weight(); want != 0 && got != want {
			t.Errorf("%s weighs %d instead of %d", claim.Kind, got, want)
		}
	}
	p = open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.settle()
	d, err := enforce.Assemble(one(t, p.resolve(p.a, confirmed(t, p, latest(p.a), 450)), enforce.TimeoutTx))
	if err != nil || d.Weight() != 666 {
		t.Errorf("HTLC-timeout weighs %d, %v", d.Weight(), err)
	}
}
