package sweep_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/race"
)

// Tokens belong to an address, and whoever can spend any output there moves them. So a
// delay that counts from an output holds bitcoin and not tokens: the owner of the delayed
// key pays the address beforehand, lets that age, and spends it as soon as the tokens are
// there.

// fraud is a channel whose first commitment the cheat has revoked, and which is confirmed
// all the same: 700 tokens in to_local, 300 in to_remote.
type fraud struct {
	*town
	cheat, delayed     *btcec.PrivateKey // of the one who broadcasts
	victim, revocation *btcec.PrivateKey // of the other one
	toLocal            []byte            // witness script
	dust               coin              // at to_local's address, older than the delay
	commitment         *btcwire.MsgTx
}

const fraudDelay = 10

// commitFraud pays dust to to_local, lets it age, and has the commitment confirmed.
func commitFraud(t *testing.T, toLocal func(f *fraud) []byte) *fraud {
	t.Helper()
	f := &fraud{town: build(t, 450)}
	f.cheat, _ = key("cheat")
	f.delayed, _ = key("delayed")
	f.victim, _ = key("victim")
	f.revocation, _ = key("revocation")
	funding, _ := script.FundingScript(point(f.cheat), point(f.victim))
	held := f.issued(1000, locked(funding), 100_000)

	f.toLocal = toLocal(f)
	f.dust = f.pay(locked(f.toLocal), 10_000)
	f.mine(fraudDelay + 1)

	f.commitment = draft(held, btcwire.MaxTxInSequenceNum,
		must(omni.SendToMany(token, omni.Entry{Output: 1, Units: 700}, omni.Entry{Output: 2, Units: 300})),
		locked(f.toLocal), home(point(f.victim)))
	a, b := sign(f.cheat, f.commitment, held, funding), sign(f.victim, f.commitment, held, funding)
	if k, l := point(f.cheat), point(f.victim); string(k[:]) > string(l[:]) {
		a, b = b, a
	}
	f.send(open(f.commitment, 0, funding, nil, a, b))
	f.mine(1)
	f.has("to_local", locked(f.toLocal), 700)
	return f
}

func point(k *btcec.PrivateKey) wire.Point { return wire.PointOf(k.PubKey()) }

// punish takes to_local by the revocation key, with its tokens.
func (f *fraud) punish() {
	f.Helper()
	from := out(f.commitment, 1)
	tx := draft(from, btcwire.MaxTxInSequenceNum-2, must(omni.SimpleSend(token, 700)), home(point(f.victim)))
	f.send(open(tx, 0, f.toLocal, sign(f.revocation, tx, from, f.toLocal), []byte{1}))
	f.mine(1)
}

// bolt3 is to_local as BOLT 3 has it: the delay is in the script.
func bolt3(t *testing.T, f *fraud) []byte {
	t.Helper()
	var base [2]script.Basepoints
	for i, name := range []string{"a", "b"} {
		_, p := key(name)
		base[i] = script.Basepoints{Funding: p, Revocation: p, Payment: p, DelayedPayment: p, HTLC: p}
	}
	const capacity = amount.Satoshi(100_000)
	c, err := script.Build(&script.Params{
		Format: script.StaticRemoteKey, Capacity: capacity, Broadcaster: base[0], Countersignatory: base[1], ToSelfDelay: fraudDelay,
	}, point(f.cheat), script.Spec{ToBroadcaster: capacity.Msat()})
	if err != nil {
		t.Fatal(err)
	}
	// The keys of the test instead of the derived ones.
	s := c.ToLocal.WitnessScript
	for _, k := range [][2]wire.Point{{c.Keys.Revocation, point(f.revocation)}, {c.Keys.BroadcasterDelayed, point(f.delayed)}} {
		s = bytes.Replace(s, k[0][:], k[1][:], 1)
	}
	return s
}

func TestOldDustStealsTokensFromAScriptWithADelay(t *testing.T) {
	race.Leave(t, noGoroutine)
	f := commitFraud(t, func(f *fraud) []byte { return bolt3(t, f) })
	_, thief := key("thief")

	early := draft(out(f.commitment, 1), fraudDelay, must(omni.SimpleSend(token, 700)), home(thief))
	f.refused(open(early, 0, f.toLocal, sign(f.delayed, early, out(f.commitment, 1), f.toLocal), nil))

	theft := draft(f.dust, fraudDelay, must(omni.SimpleSend(token, 700)), home(thief))
	f.send(open(theft, 0, f.toLocal, sign(f.delayed, theft, f.dust, f.toLocal), nil))
	f.mine(1) // the next block: there was no time for a penalty
	f.has("the thief", home(thief), 700)
	f.punish()
	f.has("the thief", home(thief), 700)
	f.has("the victim", home(point(f.victim)), 300)
}

// cosigned is to_local of a channel with tokens: the delay is in a transaction that both
// have signed for one output.
func cosigned(f *fraud) []byte {
	revocation, delayed, victim := point(f.revocation), point(f.delayed), point(f.victim)
	s, err := txscript.NewScriptBuilder().
		AddOp(txscript.OP_IF).AddData(revocation[:]).AddOp(txscript.OP_CHECKSIG).
		AddOp(txscript.OP_ELSE).AddOp(txscript.OP_2).AddData(delayed[:]).AddData(victim[:]).AddOp(txscript.OP_2).AddOp(txscript.OP_CHECKMULTISIG).
		AddOp(txscript.OP_ENDIF).Script()
	if err != nil {
		panic(err)
	}
	return s
}

// delay is the delay transaction, and the victim's signature on it.
func (f *fraud) delay() (tx *btcwire.MsgTx, victim []byte) {
	from := out(f.commitment, 1)
	tx = draft(from, fraudDelay, must(omni.SimpleSend(token, 700)), home(point(f.delayed)))
	return tx, sign(f.victim, tx, from, f.toLocal)
}

func TestOldDustStealsNothingFromAPresignedDelay(t *testing.T) {
	race.Leave(t, noGoroutine)
	f := commitFraud(t, cosigned)
	_, thief := key("thief")
	tx, victim := f.delay()
	mine := func(tx *btcwire.MsgTx, from coin) []byte { return sign(f.delayed, tx, from, f.toLocal) }

	f.Log("the dust, with every signature that there is")
	for _, other := range []func(theft *btcwire.MsgTx) []byte{
		func(*btcwire.MsgTx) []byte { return victim },
		func(theft *btcwire.MsgTx) []byte { return mine(theft, f.dust) },
		func(*btcwire.MsgTx) []byte { return nil },
	} {
		theft := draft(f.dust, fraudDelay, must(omni.SimpleSend(token, 700)), home(thief))
		f.refused(open(theft, 0, f.toLocal, nil, mine(theft, f.dust), other(theft), nil))
	}
	f.Log("the delay transaction before its time, and with the dust before its input")
	f.refused(open(tx.Copy(), 0, f.toLocal, nil, mine(tx, out(f.commitment, 1)), victim, nil))
	both := tx.Copy()
	both.TxIn = append([]*btcwire.TxIn{{PreviousOutPoint: f.dust.at, Sequence: fraudDelay}}, both.TxIn...)
	open(both, 0, f.toLocal, nil, mine(both, f.dust), victim, nil)
	f.refused(open(both, 1, f.toLocal, nil, mine(both, out(f.commitment, 1)), victim, nil))

	f.mine(fraudDelay - 3) // all of the time that there is but a little
	f.punish()
	f.has("the victim", home(point(f.victim)), 1000)
	f.has("the thief", home(thief), 0)
	f.has("the cheat", home(point(f.delayed)), 0)
}

// Who does not cheat gets what is his by the same transaction, when it is time.
func TestAPresignedDelayEndsWithTheTokensAtTheirOwner(t *testing.T) {
	race.Leave(t, noGoroutine)
	f := commitFraud(t, cosigned)
	tx, victim := f.delay()
	open(tx, 0, f.toLocal, nil, sign(f.delayed, tx, out(f.commitment, 1), f.toLocal), victim, nil)
	f.mine(fraudDelay - 2)
	f.refused(tx)
	f.mine(1)
	f.send(tx)
	f.mine(1)
	f.has("the owner", home(point(f.delayed)), 700)
	f.has("the other one", home(point(f.victim)), 300)
}
