package sweep_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/asset"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/ledger"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
)

// token is the property of the tests: the first one of the test ecosystem.
const token amount.Property = 0x80000003

// town is a chain whose scripts and locks are all checked, and the ledger that follows it.
type town struct {
	*testing.T
	chain  *regtest.Chain
	store  *store.Store
	ledger *ledger.Ledger
	made   amount.Units // of the token
}

// build makes a town of so many blocks. Relative delays in scripts count from block 432 on.
func build(t *testing.T, blocks int) *town {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.Mine(blocks, nil); err != nil {
		t.Fatal(err)
	}
	at, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &town{T: t, chain: c, store: s}
	if w.ledger, err = ledger.New(asset.Regtest(), at).Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return w
}

// follow brings the ledger to the end of the chain.
func (w *town) follow() {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	tip, err := w.chain.Tip(ctx)
	if err != nil {
		w.Fatal(err)
	}
	if w.ledger.Seen() == tip {
		return
	}
	end := errors.New("the end")
	err = w.chain.Follow(ctx, w.ledger.Seen(), func(e chain.Event) error {
		outcome, err := w.ledger.Apply(ctx, e, w.chain, w.store)
		if err != nil {
			return err
		}
		if _, err := outcome.Commit(ctx, w.store); err != nil {
			return err
		}
		if w.ledger.Seen() == tip {
			return end
		}
		return nil
	})
	if !errors.Is(err, end) {
		w.Fatal(err)
	}
	if _, err := w.ledger.Mark().Commit(w.Context(), w.store); err != nil {
		w.Fatal(err)
	}
}

func (w *town) mine(blocks int) {
	w.Helper()
	if _, err := w.chain.Mine(blocks, nil); err != nil {
		w.Fatal(err)
	}
	w.follow()
}

// send broadcasts what must be taken.
func (w *town) send(tx *btcwire.MsgTx) {
	w.Helper()
	if err := w.chain.Broadcast(w.Context(), tx); err != nil {
		w.Fatal(err)
	}
}

// refused broadcasts what must not be taken.
func (w *town) refused(tx *btcwire.MsgTx) {
	w.Helper()
	if err := w.chain.Broadcast(w.Context(), tx); !errors.Is(err, chain.ErrRejected) {
		w.Fatalf("it is not refused: %v", err)
	}
}

// pay gives a script bitcoin, from a stranger.
func (w *town) pay(pkScript []byte, sat amount.Satoshi) coin {
	w.Helper()
	id, err := w.chain.Send(pkScript, sat)
	if err != nil {
		w.Fatal(err)
	}
	return coin{btcwire.OutPoint{Hash: id}, sat}
}

// has checks what a script has of the token: the walk over the blocks says it, and the
// ledger says the same.
func (w *town) has(who string, pkScript []byte, want amount.Units) {
	w.Helper()
	b := walk(w.T, w.chain)
	if got := b.has(pkScript, uint32(token)); got != uint64(want) {
		w.Errorf("%s has %d, want %d", who, got, want)
	}
	f, _ := bolt11.FallbackOf(pkScript)
	if got := w.ledger.Balance(f.Address(bolt11.Regtest), token); uint64(got) != b.has(pkScript, uint32(token)) {
		w.Errorf("the ledger says that %s has %d", who, got)
	}
	if got := b.total(uint32(token)); got != uint64(w.made) {
		w.Errorf("there are %d of it, want %d", got, w.made)
	}
}

// coin is an output of a known value.
type coin struct {
	at    btcwire.OutPoint
	value amount.Satoshi
}

// key is somebody's key.
func key(name string) (*btcec.PrivateKey, wire.Point) {
	h := sha256.Sum256([]byte(name))
	k, p := btcec.PrivKeyFromBytes(h[:])
	return k, wire.PointOf(p)
}

// nested wraps a witness program in P2SH; push is the script that opens it.
func nested(program []byte) (pkScript, push []byte) {
	pkScript = append(append([]byte{txscript.OP_HASH160, 20}, address.Hash160(program)...), txscript.OP_EQUAL)
	return pkScript, append([]byte{byte(len(program))}, program...)
}

// home is the address of a key: P2SH-P2WPKH.
func home(p wire.Point) []byte {
	pkScript, _ := nested(script.P2WPKH(p))
	return pkScript
}

// locked is the address of a witness script: P2SH-P2WSH.
func locked(witnessScript []byte) []byte {
	pkScript, _ := nested(script.P2WSH(witnessScript))
	return pkScript
}

// draft spends a coin: the payload, then outputs of equal value.
func draft(from coin, sequence uint32, payload []byte, to ...[]byte) *btcwire.MsgTx {
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: from.at, Sequence: sequence})
	if payload != nil {
		tx.AddTxOut(&btcwire.TxOut{PkScript: omni.Script(payload)})
	}
	const fee = 1000
	for _, pkScript := range to {
		tx.AddTxOut(btcwire.NewTxOut(int64(from.value-fee)/int64(len(to)), pkScript))
	}
	return tx
}

// out is an output of a transaction.
func out(tx *btcwire.MsgTx, i uint32) coin {
	return coin{btcwire.OutPoint{Hash: tx.TxHash(), Index: i}, amount.Satoshi(tx.TxOut[i].Value)}
}

// sign signs an input that spends a coin by a witness script.
func sign(k *btcec.PrivateKey, tx *btcwire.MsgTx, from coin, witnessScript []byte) []byte {
	for i, in := range tx.TxIn {
		if in.PreviousOutPoint != from.at {
			continue
		}
		sig, err := script.Sign(k, script.WitnessSigHash(tx, i, witnessScript, from.value, txscript.SigHashAll)).ECDSA()
		if err != nil {
			panic(err)
		}
		return append(sig.Serialize(), byte(txscript.SigHashAll))
	}
	panic("it does not spend " + from.at.String())
}

// open puts a witness to an input whose output is P2SH-P2WSH.
func open(tx *btcwire.MsgTx, input int, witnessScript []byte, witness ...[]byte) *btcwire.MsgTx {
	_, tx.TxIn[input].SignatureScript = nested(script.P2WSH(witnessScript))
	tx.TxIn[input].Witness = append(witness, witnessScript)
	return tx
}

// signedByKey opens the first input, which spends an address of a key.
func signedByKey(k *btcec.PrivateKey, tx *btcwire.MsgTx, from coin) *btcwire.MsgTx {
	p := wire.PointOf(k.PubKey())
	program := script.P2WPKH(p)
	_, tx.TxIn[0].SignatureScript = nested(program)
	code := append(append([]byte{txscript.OP_DUP, txscript.OP_HASH160, 20}, program[2:]...), txscript.OP_EQUALVERIFY, txscript.OP_CHECKSIG)
	tx.TxIn[0].Witness = btcwire.TxWitness{sign(k, tx, from, code), p[:]}
	return tx
}

func must(payload []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return payload
}

// issued makes a token that its issuer may freeze, and gives units of it to an address,
// with a coin there.
func (w *town) issued(units amount.Units, to []byte, sat amount.Satoshi) coin {
	w.Helper()
	w.rule(must(asset.IssueManaged(true, false, asset.About{Name: "Teacups"})), nil)
	w.rule(binary.BigEndian.AppendUint32(omni.Header(71), uint32(token)), nil)
	given := w.rule(must(asset.Grant(token, units)), to, sat)
	w.made += units
	return coin{btcwire.OutPoint{Hash: given.TxHash(), Index: 2}, sat}
}

// rule is a transaction of the issuer's, who has a coin of its own for each; it pays a
// receiver behind itself.
func (w *town) rule(payload, to []byte, sat ...amount.Satoshi) *btcwire.MsgTx {
	w.Helper()
	issuer, p := key("issuer")
	c := w.pay(home(p), 250_000)
	w.mine(1)
	tx := draft(c, btcwire.MaxTxInSequenceNum-2, payload, home(p))
	if to != nil {
		tx.AddTxOut(btcwire.NewTxOut(int64(sat[0]), to))
		tx.TxOut[1].Value -= int64(sat[0])
	}
	w.send(signedByKey(issuer, tx, c))
	w.mine(1)
	return tx
}

// gift gives an address some units of a stranger's.
func (w *town) gift(to []byte) amount.Units {
	w.Helper()
	const units = 7
	w.rule(must(asset.Grant(token, units)), to, 1_000)
	w.made += units
	return units
}

// freeze freezes an address, which must be P2SH, or frees it.
func (w *town) freeze(pkScript []byte, frozen bool) {
	w.Helper()
	typ := uint16(185)
	if !frozen {
		typ = 186
	}
	payload := binary.BigEndian.AppendUint32(omni.Header(typ), uint32(token))
	payload = binary.BigEndian.AppendUint64(payload, 0)
	w.rule(append(append(payload, 0xc4), pkScript[2:22]...), nil)
}

// halt has the issuer do what versions of Omni Core understand differently: the ledger
// halts the property, and others go on.
func (w *town) halt() {
	w.Helper()
	payload := binary.BigEndian.AppendUint32(omni.Header(186), uint32(token))
	payload = binary.BigEndian.AppendUint64(payload, 0)
	w.rule(append(payload, append([]byte{0xc4}, make([]byte, 21)...)...), nil)
}
