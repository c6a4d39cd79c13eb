//go:build !race

package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// live is a ledger that follows a chain with scripts and validation. The rules are those
// of the test ecosystem, where nothing else is needed.
type live struct {
	*testing.T
	chain  *regtest.Chain
	ledger *Ledger
	disk   disk
}

func begin(t *testing.T, blocks int) *live {
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &live{T: t, chain: c, disk: newDisk()}
	if _, err := c.Mine(blocks, nil); err != nil {
		t.Fatal(err)
	}
	at, err := c.At(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if l.ledger, err = New(asset.Regtest(), at).Commit(t.Context(), &l.disk); err != nil {
		t.Fatal(err)
	}
	l.follow()
	return l
}

// follow reads to the end of the chain.
func (l *live) follow() {
	l.Helper()
	ctx, cancel := context.WithCancel(l.Context())
	defer cancel()
	tip, err := l.chain.Tip(ctx)
	if err != nil {
		l.Fatal(err)
	}
	if l.ledger.Seen() == tip {
		return
	}
	done := errors.New("the end")
	if err := l.chain.Follow(ctx, l.ledger.Seen(), func(e chain.Event) error {
		outcome, err := l.ledger.Apply(ctx, e, l.chain, &l.disk)
		if err != nil {
			return err
		}
		if _, err := outcome.Commit(ctx, &l.disk); err != nil {
			return err
		}
		if l.ledger.Seen() == tip {
			return done
		}
		return nil
	}); !errors.Is(err, done) {
		l.Fatal(err)
	}
}

func (l *live) mine(n int) {
	l.Helper()
	if _, err := l.chain.Mine(n, nil); err != nil {
		l.Fatal(err)
	}
	l.follow()
}

// lock is an address of the form that token outputs have: P2SH-P2WSH.
type lock struct {
	witness []byte
	delay   uint32 // blocks that the script asks to wait
}

// named is a lock that anyone opens, another one for each name.
func named(name string) lock {
	s, err := txscript.NewScriptBuilder().AddData([]byte(name)).AddOp(txscript.OP_DROP).AddOp(txscript.OP_TRUE).Script()
	if err != nil {
		panic(err)
	}
	return lock{witness: s}
}

func delayed(name string, blocks uint32) lock {
	s, err := txscript.NewScriptBuilder().AddData([]byte(name)).AddOp(txscript.OP_DROP).AddInt64(int64(blocks)).AddOp(txscript.OP_CHECKSEQUENCEVERIFY).Script()
	if err != nil {
		panic(err)
	}
	return lock{witness: s, delay: blocks}
}

func (k lock) redeem() []byte {
	hash := sha256.Sum256(k.witness)
	return bolt11.Fallback{Version: 0, Program: hash[:]}.Script()
}

func (k lock) script() []byte {
	return bolt11.Fallback{Version: bolt11.ScriptHash, Program: address.Hash160(k.redeem())}.Script()
}

func (k lock) address() string {
	f, _ := bolt11.FallbackOf(k.script())
	return f.Address(bolt11.Regtest)
}

// coin is an output of a lock.
type coin struct {
	lock
	at    btcwire.OutPoint
	value int64
}

// pay gives a lock bitcoin from the miner.
func (l *live) pay(to lock, sat amount.Satoshi) coin {
	l.Helper()
	id, err := l.chain.Send(to.script(), sat)
	if err != nil {
		l.Fatal(err)
	}
	return coin{to, btcwire.OutPoint{Hash: id}, int64(sat)}
}

// spend makes a transaction of a coin: the payload, then outputs of equal value.
func spend(in coin, payload []byte, to ...lock) (*btcwire.MsgTx, []coin) {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: in.at, Sequence: btcwire.MaxTxInSequenceNum - 1, Witness: [][]byte{in.witness}})
	if in.delay > 0 {
		tx.TxIn[0].Sequence = in.delay
	}
	push, err := txscript.NewScriptBuilder().AddData(in.redeem()).Script()
	if err != nil {
		panic(err)
	}
	tx.TxIn[0].SignatureScript = push
	tx.AddTxOut(&btcwire.TxOut{PkScript: omni.Script(payload)})
	out := make([]coin, len(to))
	for i, k := range to {
		out[i] = coin{lock: k, value: (in.value - 1000) / int64(len(to))}
		tx.AddTxOut(&btcwire.TxOut{Value: out[i].value, PkScript: k.script()})
	}
	for i := range out {
		out[i].at = btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(i + 1)}
	}
	return tx, out
}

func (l *live) send(in coin, payload []byte, to ...lock) []coin {
	l.Helper()
	tx, out := spend(in, payload, to...)
	if err := l.chain.Broadcast(l.Context(), tx); err != nil {
		l.Fatal(err)
	}
	return out
}

func (l *live) has(k lock, want amount.Units) {
	l.Helper()
	if got := l.ledger.Balance(k.address(), first); got != want {
		l.Errorf("%d units, want %d", got, want)
	}
}

func TestTokensMoveOnAChainAndAReorgMovesThemBack(t *testing.T) {
	l := begin(t, 105)
	alice, bob, carol := named("alice"), named("bob"), named("carol")
	c := l.pay(alice, 100_000)
	l.mine(1)
	out := l.send(c, issue(1000), alice)
	l.mine(1)
	out = l.send(out[0], must(omni.SendToMany(first, omni.Entry{Output: 1, Units: 600}, omni.Entry{Output: 2, Units: 300})), bob, carol)
	l.send(out[0], pay(50), carol) // in the same block
	l.mine(1)
	check := func() {
		t.Helper()
		l.has(alice, 100)
		l.has(bob, 550)
		l.has(carol, 350)
	}
	check()
	hash := l.ledger.Hash()
	if err := l.chain.Reorg(2); err != nil {
		t.Fatal(err)
	}
	l.follow()
	if _, ok := l.ledger.Property(first); ok {
		t.Error("it is issued still")
	}
	l.mine(1) // the transactions are in the mempool again
	check()
	if l.ledger.Hash() != hash {
		t.Error("the same transactions give another hash")
	}
}

// Tokens belong to the address: whoever has an older coin there is not held by a delay
// that counts from the newer one. So a channel must not rest on a delay in a script.
func TestADelayInAScriptDoesNotHoldTokens(t *testing.T) {
	l := begin(t, 450) // the rule on delays is live
	const delay = 10
	funding, toLocal, thief := named("funding"), delayed("to_local", delay), named("thief")
	c := l.pay(funding, 100_000)
	dust := l.pay(toLocal, 10_000)
	l.mine(1)
	out := l.send(c, issue(1000), funding)
	l.mine(delay)

	commitment := l.send(out[0], pay(1000), toLocal)
	l.mine(1)
	l.has(toLocal, 1000)
	early, _ := spend(commitment[0], pay(1000), thief)
	if err := l.chain.Broadcast(t.Context(), early); !errors.Is(err, chain.ErrRejected) {
		t.Fatalf("the script has no delay: %v", err)
	}
	l.send(dust, pay(1000), thief)
	l.mine(1)
	l.has(toLocal, 0)
	l.has(thief, 1000)
}
