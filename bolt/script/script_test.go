//go:build !race

package script

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

// party is one side of a channel with its private keys.
type party struct{ funding, revocation, payment, delayed, htlc *btcec.PrivateKey }

// private is a key that depends on its name only.
func private(name string) *btcec.PrivateKey {
	h := sha256.Sum256([]byte(name))
	k, _ := btcec.PrivKeyFromBytes(h[:])
	return k
}

func newParty(name string) party {
	return party{private(name + "f"), private(name + "r"), private(name + "p"), private(name + "d"), private(name + "h")}
}

func (p party) basepoints() Basepoints {
	return Basepoints{
		Funding: wire.PointOf(p.funding.PubKey()), Revocation: wire.PointOf(p.revocation.PubKey()),
		Payment: wire.PointOf(p.payment.PubKey()), DelayedPayment: wire.PointOf(p.delayed.PubKey()), HTLC: wire.PointOf(p.htlc.PubKey()),
	}
}

var alice, bob = newParty("alice"), newParty("bob")

const someFee = 2500

func someParams(f Format) *Params {
	return &Params{
		Format: f, Funding: btcwire.OutPoint{Hash: chainhash.Hash{7}, Index: 1}, Capacity: 10_000_000,
		Broadcaster: alice.basepoints(), Countersignatory: bob.basepoints(), BroadcasterIsOpener: true, ToSelfDelay: 144, DustLimit: 546,
	}
}

// preimage of the HTLC with this id.
func preimage(id uint64) (r wire.Preimage) {
	binary.BigEndian.PutUint64(r[:], id)
	return r
}

func hash(r wire.Preimage) wire.PaymentHash { return sha256.Sum256(r[:]) }

// genParams and genSpec draw any commitment that a channel may hold: dust on
// either side, HTLCs of equal amount and hash, balances that the fee eats up.
func genParams(t *rapid.T) *Params {
	p := someParams(rapid.SampledFrom([]Format{StaticRemoteKey, Anchors}).Draw(t, "format"))
	p.Capacity = amount.Satoshi(rapid.Uint64Range(20_000, 50_000_000).Draw(t, "capacity"))
	p.BroadcasterIsOpener = rapid.Bool().Draw(t, "opener")
	p.DustLimit = amount.Satoshi(rapid.Uint64Range(354, 2000).Draw(t, "dust"))
	p.ToSelfDelay = rapid.Uint16Range(1, 2016).Draw(t, "delay")
	return p
}

func genSpec(t *rapid.T, p *Params) Spec {
	s := Spec{
		Number:   rapid.Uint64Range(0, LastNumber).Draw(t, "number"),
		FeePerKw: rapid.Uint32Range(0, 5000).Draw(t, "fee"),
	}
	free := (p.Capacity - AnchorsCost(p.Format)).Msat()
	for id := range rapid.Uint64Range(0, 12).Draw(t, "htlcs") {
		amt := amount.MilliSatoshi(rapid.Uint64Range(1, uint64(min(free, 5_000_000))).Draw(t, "amount"))
		if amt >= free {
			break
		}
		free -= amt
		s.HTLCs = append(s.HTLCs, HTLC{
			Offered: rapid.Bool().Draw(t, "offered"), ID: id, Amount: amt,
			PaymentHash: hash(preimage(id)), CLTVExpiry: rapid.Uint32Range(1, 1_000_000).Draw(t, "expiry"),
		})
	}
	opener := amount.MilliSatoshi(rapid.Uint64Range(0, uint64(free)).Draw(t, "balance"))
	s.ToBroadcaster, s.ToCountersignatory = opener+AnchorsCost(p.Format).Msat(), free-opener
	if !p.BroadcasterIsOpener {
		s.ToBroadcaster, s.ToCountersignatory = s.ToCountersignatory, s.ToBroadcaster
	}
	return s
}

var point = PointOfSecret([32]byte{9})

func mustBuild(t interface{ Fatal(...any) }, p *Params, s Spec) *Commitment {
	c, err := Build(p, point, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// accept runs an input through the script engine as a node that relays does.
func accept(tx *btcwire.MsgTx, spent *btcwire.TxOut) error {
	prev := txscript.NewCannedPrevOutputFetcher(spent.PkScript, spent.Value)
	vm, err := txscript.NewEngine(spent.PkScript, tx, 0, txscript.StandardVerifyFlags, nil, txscript.NewTxSigHashes(tx, prev), spent.Value, prev)
	if err != nil {
		return err
	}
	return vm.Execute()
}

func signed(c *Commitment) *btcwire.MsgTx {
	return c.Signed(Sign(alice.funding, c.SigHash()), Sign(bob.funding, c.SigHash()))
}

func signedHTLC(c *Commitment, i int) *btcwire.MsgTx {
	var r *wire.Preimage
	if h := c.HTLCs[i]; !h.Offered {
		x := preimage(h.ID)
		r = &x
	}
	return c.SignedHTLC(i, Sign(DerivePrivKey(alice.htlc, wire.PointOf(alice.htlc.PubKey()), point), c.HTLCOwnSigHash(i)), Sign(DerivePrivKey(bob.htlc, wire.PointOf(bob.htlc.PubKey()), point), c.HTLCSigHash(i)), r)
}

func TestScriptEngineAcceptsWhateverIsBuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genParams(t)
		c := mustBuild(t, p, genSpec(t, p))
		_, funding := FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
		tx := signed(c)
		if err := accept(tx, btcwire.NewTxOut(int64(p.Capacity), funding)); err != nil {
			t.Fatalf("commitment: %v", err)
		}
		for i, h := range c.HTLCs {
			if err := accept(signedHTLC(c, i), tx.TxOut[h.Index]); err != nil {
				t.Fatalf("HTLC %d: %v", h.ID, err)
			}
		}
	})
}

func TestOutputsAndFeeAreTheCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genParams(t)
		s := genSpec(t, p)
		c := mustBuild(t, p, s)
		sum := c.Fee
		for _, o := range c.Tx.TxOut {
			sum += amount.Satoshi(o.Value)
			if o.Value < 330 {
				t.Errorf("an output of %d sat", o.Value)
			}
		}
		if sum != p.Capacity || c.Fee > p.Capacity {
			t.Errorf("outputs and fee are %d, not %d", sum, p.Capacity)
		}
		if got := NumberOf(c.Tx, p); got != s.Number {
			t.Errorf("number %d, want %d", got, s.Number)
		}
		if len(c.HTLCs)+len(c.Trimmed) != len(s.HTLCs) {
			t.Errorf("%d HTLCs and %d trimmed of %d", len(c.HTLCs), len(c.Trimmed), len(s.HTLCs))
		}
		for _, o := range []*Output{c.ToLocal, c.ToRemote, c.Anchors[0], c.Anchors[1]} {
			if o != nil && amount.Satoshi(c.Tx.TxOut[o.Index].Value) != o.Value {
				t.Errorf("output %d is not of %d sat", o.Index, o.Value)
			}
		}
	})
}

func TestOrderOfHTLCsGivenDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genParams(t)
		s := genSpec(t, p)
		c := mustBuild(t, p, s)
		s.HTLCs = rapid.Permutation(s.HTLCs).Draw(t, "order")
		d := mustBuild(t, p, s)
		if c.SigHash() != d.SigHash() {
			t.Fatal("two commitments from one spec")
		}
		for i := range c.HTLCs {
			if c.HTLCSigHash(i) != d.HTLCSigHash(i) {
				t.Errorf("HTLC transaction %d differs", i)
			}
		}
	})
}

func TestEverySpendingPathOfACommitmentIsOpen(t *testing.T) {
	for _, f := range []Format{StaticRemoteKey, Anchors} {
		p := someParams(f)
		s := Spec{
			FeePerKw: someFee, ToBroadcaster: 4_000_000_000, ToCountersignatory: 5_980_000_000,
			HTLCs: []HTLC{
				{Offered: true, ID: 1, Amount: 10_000_000, PaymentHash: hash(preimage(1)), CLTVExpiry: 500},
				{Offered: false, ID: 2, Amount: 10_000_000, PaymentHash: hash(preimage(2)), CLTVExpiry: 600},
			},
		}
		c := mustBuild(t, p, s)
		secret := [32]byte{9}
		punish := DeriveRevocationPrivKey(bob.revocation, secret)
		theirs := DerivePrivKey(bob.htlc, wire.PointOf(bob.htlc.PubKey()), point)
		one := []byte{1}
		revocation := c.Keys.Revocation[:]
		delay := uint32(0)
		if f == Anchors {
			delay = 1
		}
		type path struct {
			name     string
			index    uint32
			script   []byte
			sequence uint32
			lockTime uint32
			key      *btcec.PrivateKey
			rest     [][]byte
		}
		paths := []path{
			{"to_local after the delay", c.ToLocal.Index, c.ToLocal.WitnessScript, 144, 0, DerivePrivKey(alice.delayed, wire.PointOf(alice.delayed.PubKey()), point), [][]byte{nil}},
			{"to_local by revocation", c.ToLocal.Index, c.ToLocal.WitnessScript, 0, 0, punish, [][]byte{one}},
		}
		if f == Anchors {
			paths = append(paths,
				path{"to_remote", c.ToRemote.Index, c.ToRemote.WitnessScript, 1, 0, bob.payment, nil},
				path{"the broadcaster's anchor", c.Anchors[0].Index, c.Anchors[0].WitnessScript, 0, 0, alice.funding, nil},
				path{"the countersignatory's anchor", c.Anchors[1].Index, c.Anchors[1].WitnessScript, 0, 0, bob.funding, nil})
		}
		for _, h := range c.HTLCs {
			r := preimage(h.ID)
			paths = append(paths, path{"HTLC by revocation", h.Index, h.WitnessScript, 0, 0, punish, [][]byte{revocation}})
			if h.Offered {
				paths = append(paths, path{"offered HTLC by preimage", h.Index, h.WitnessScript, delay, 0, theirs, [][]byte{r[:]}})
			} else {
				paths = append(paths, path{"received HTLC by timeout", h.Index, h.WitnessScript, delay, 600, theirs, [][]byte{nil}})
			}
		}
		for _, path := range paths {
			spend := func(sequence uint32) error {
				tx := btcwire.NewMsgTx(2)
				tx.LockTime = path.lockTime
				tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: c.Tx.TxHash(), Index: path.index}, Sequence: sequence})
				tx.AddTxOut(btcwire.NewTxOut(1000, P2WPKH(c.Keys.ToRemote)))
				out := c.Tx.TxOut[path.index]
				h := WitnessSigHash(tx, 0, path.script, amount.Satoshi(out.Value), txscript.SigHashAll)
				tx.TxIn[0].Witness = append(append(btcwire.TxWitness{der(Sign(path.key, h), txscript.SigHashAll)}, path.rest...), path.script)
				return accept(tx, out)
			}
			if err := spend(path.sequence); err != nil {
				t.Errorf("format %d: %s: %v", f, path.name, err)
			}
			if path.sequence > 0 && spend(path.sequence-1) == nil {
				t.Errorf("format %d: %s is open too early", f, path.name)
			}
		}
	}
}

func TestRevocationKeyTakesAnHTLCTransaction(t *testing.T) {
	c := mustBuild(t, someParams(Anchors), Spec{
		ToBroadcaster: 9_990_000_000,
		HTLCs:         []HTLC{{Offered: true, ID: 1, Amount: 10_000_000, CLTVExpiry: 500}},
	})
	second := c.HTLCs[0]
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: second.Tx.TxHash()}})
	tx.AddTxOut(btcwire.NewTxOut(1000, P2WPKH(c.Keys.ToRemote)))
	out := second.Tx.TxOut[0]
	h := WitnessSigHash(tx, 0, second.OutputScript, amount.Satoshi(out.Value), txscript.SigHashAll)
	sig := der(Sign(DeriveRevocationPrivKey(bob.revocation, [32]byte{9}), h), txscript.SigHashAll)
	tx.TxIn[0].Witness = btcwire.TxWitness{sig, {1}, second.OutputScript}
	if err := accept(tx, out); err != nil {
		t.Error(err)
	}
}

// longest is a transaction's weight (BIP 141) when both signatures have the 73
// bytes that BOLT 3 assumes, with their hash types.
func longest(tx *btcwire.MsgTx) int {
	w := tx.TxIn[0].Witness
	return 3*tx.SerializeSizeStripped() + tx.SerializeSize() + 73 - len(w[1]) + 73 - len(w[2])
}

// Appendix A counts three bytes for the number of outputs with anchors, so that
// there can be many, and one weight unit too many in HTLC-success, "for
// historical reasons". An expiry of four bytes is one above 2^23.
func TestExpectedWeightsAreThoseOfSignedTransactions(t *testing.T) {
	for _, f := range []Format{StaticRemoteKey, Anchors} {
		c := mustBuild(t, someParams(f), Spec{
			FeePerKw: someFee, ToBroadcaster: 4_000_000_000, ToCountersignatory: 5_980_000_000,
			HTLCs: []HTLC{
				{Offered: true, ID: 1, Amount: 10_000_000, PaymentHash: hash(preimage(1)), CLTVExpiry: 1 << 24},
				{Offered: false, ID: 2, Amount: 10_000_000, PaymentHash: hash(preimage(2)), CLTVExpiry: 1 << 24},
			},
		})
		manyOutputs, waits := 0, 0
		if f == Anchors {
			manyOutputs, waits = 2*4, 3 // OP_1 OP_CHECKSEQUENCEVERIFY OP_DROP
		}
		if got, want := longest(signed(c)), int(CommitWeight(f, 2))-manyOutputs; got != want {
			t.Errorf("format %d: a commitment's weight is %d, not %d", f, got, want)
		}
		for i, h := range c.HTLCs {
			want := successWeight - 1 + waits
			if h.Offered {
				want = timeoutWeight + waits
			}
			if got := longest(signedHTLC(c, i)); got != want {
				t.Errorf("format %d: the weight of HTLC transaction %d is %d, not %d", f, h.ID, got, want)
			}
		}
	}
}

// TestFeeOfTheExample is BOLT 3's example below "Fee Calculation".
func TestFeeOfTheExample(t *testing.T) {
	p := someParams(StaticRemoteKey)
	c := mustBuild(t, p, Spec{FeePerKw: 5000, ToBroadcaster: 5_000_000_000, ToCountersignatory: 4_986_200_000, HTLCs: []HTLC{
		{Offered: true, ID: 0, Amount: 5_000_000}, {Offered: true, ID: 1, Amount: 1_000_000},
		{Offered: false, ID: 2, Amount: 7_000_000}, {Offered: false, ID: 3, Amount: 800_000},
	}})
	if c.Fee != 7140 || CommitFee(StaticRemoteKey, 5000, 2) != 5340 {
		t.Errorf("fee %d, base fee %d", c.Fee, CommitFee(StaticRemoteKey, 5000, 2))
	}
	if got := []amount.Satoshi{HTLCFee(StaticRemoteKey, true, 5000), HTLCFee(StaticRemoteKey, false, 5000)}; !slices.Equal(got, []amount.Satoshi{3315, 3515}) {
		t.Errorf("HTLC fees %d", got)
	}
	if len(c.HTLCs) != 2 || len(c.Trimmed) != 2 {
		t.Errorf("%d outputs, %d trimmed", len(c.HTLCs), len(c.Trimmed))
	}
}

func TestHTLCIsTrimmedBelowTheDustLimitOnly(t *testing.T) {
	if IsTrimmed(Anchors, true, 546_000, 5000, 546) || !IsTrimmed(Anchors, true, 545_999, 5000, 546) {
		t.Error("with anchors the dust limit alone decides")
	}
	if IsTrimmed(StaticRemoteKey, true, (546+3315)*1000, 5000, 546) || !IsTrimmed(StaticRemoteKey, true, (546+3315)*1000-1, 5000, 546) {
		t.Error("without anchors the fee of HTLC-timeout counts")
	}
	if IsTrimmed(StaticRemoteKey, false, (546+3515)*1000, 5000, 546) || !IsTrimmed(StaticRemoteKey, false, (546+3515)*1000-1, 5000, 546) {
		t.Error("without anchors the fee of HTLC-success counts")
	}
}

func TestOutputsOfTheDustLimitStand(t *testing.T) {
	p := someParams(Anchors)
	cost := CommitFee(Anchors, someFee, 0) + AnchorsCost(Anchors)
	for _, c := range []struct {
		dust amount.Satoshi
		has  bool
	}{{0, true}, {1, false}} {
		limit := (p.DustLimit - c.dust).Msat()
		ours := mustBuild(t, p, Spec{FeePerKw: someFee, ToBroadcaster: limit + cost.Msat(), ToCountersignatory: p.Capacity.Msat() - limit - cost.Msat()})
		if (ours.ToLocal != nil) != c.has || (ours.Anchors[0] != nil) != c.has {
			t.Errorf("to_local of %v: %v, anchor %v", limit, ours.ToLocal, ours.Anchors[0])
		}
		theirs := mustBuild(t, p, Spec{FeePerKw: someFee, ToBroadcaster: p.Capacity.Msat() - limit, ToCountersignatory: limit})
		if (theirs.ToRemote != nil) != c.has || (theirs.Anchors[1] != nil) != c.has {
			t.Errorf("to_remote of %v: %v, anchor %v", limit, theirs.ToRemote, theirs.Anchors[1])
		}
	}
}

// BOLT 3, "Commitment Transaction": the factor has the opener's key first, in the
// commitments of both sides.
func TestOneFactorObscuresTheNumbersOfBothSides(t *testing.T) {
	ours := someParams(Anchors)
	theirs := *ours
	theirs.Broadcaster, theirs.Countersignatory, theirs.BroadcasterIsOpener = ours.Countersignatory, ours.Broadcaster, false
	if ObscuredNumber(0, ours) != ObscuredNumber(0, &theirs) {
		t.Error("the factor depends on who broadcasts")
	}
	accepted := *ours
	accepted.BroadcasterIsOpener = false
	if ObscuredNumber(0, ours) == ObscuredNumber(0, &accepted) {
		t.Error("the factor does not depend on who opened")
	}
}

func TestAnchorNeedsABalanceOrAnHTLC(t *testing.T) {
	for _, c := range []struct {
		name       string
		spec       Spec
		ours, them bool
	}{
		{"no to_remote", Spec{ToBroadcaster: 10_000_000_000}, true, false},
		{"no to_local", Spec{ToBroadcaster: 1_200_000, ToCountersignatory: 9_998_800_000}, false, true},
		{"an HTLC", Spec{ToBroadcaster: 9_990_000_000, HTLCs: []HTLC{{Amount: 10_000_000}}}, true, true},
		{"a trimmed HTLC", Spec{ToBroadcaster: 9_999_900_000, HTLCs: []HTLC{{Amount: 100_000}}}, true, false},
	} {
		got := mustBuild(t, someParams(Anchors), c.spec)
		if (got.Anchors[0] != nil) != c.ours || (got.Anchors[1] != nil) != c.them {
			t.Errorf("%s: anchors %v", c.name, got.Anchors)
		}
	}
}

func TestSumsThatAreNotTheCapacityAreRefused(t *testing.T) {
	for name, s := range map[string]Spec{
		"less":     {ToBroadcaster: 9_999_999_999},
		"more":     {ToBroadcaster: 10_000_000_000, ToCountersignatory: 1},
		"overflow": {ToBroadcaster: 10_000_000_001, ToCountersignatory: 1<<64 - 1},
		"overflow by HTLCs": {ToBroadcaster: 10_000_000_000, HTLCs: []HTLC{
			{Amount: 1 << 63}, {Amount: 1 << 63},
		}},
	} {
		if _, err := Build(someParams(Anchors), point, s); !errors.Is(err, ErrSum) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnchorsThatNobodyPaysForAreRefused(t *testing.T) {
	s := Spec{ToBroadcaster: 659_000, ToCountersignatory: 9_998_341_000, HTLCs: []HTLC{{Amount: 1_000_000}}}
	if _, err := Build(someParams(Anchors), point, s); !errors.Is(err, ErrAnchors) {
		t.Errorf("the opener has less than two anchors: %v", err)
	}
	s.ToBroadcaster, s.ToCountersignatory = 660_000, 9_998_340_000
	if c := mustBuild(t, someParams(Anchors), s); c.Fee != 0 {
		t.Errorf("fee %d", c.Fee)
	}
}

func TestPointsOffTheCurveGiveNoCommitment(t *testing.T) {
	if _, err := Build(someParams(Anchors), wire.Point{0: 2, 32: 5}, Spec{ToBroadcaster: 10_000_000_000}); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	p := someParams(Anchors)
	p.Broadcaster.HTLC = wire.Point{}
	if _, err := Build(p, point, Spec{ToBroadcaster: 10_000_000_000}); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
}

func TestPrivateKeysFitTheDerivedPublicOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := private(rapid.String().Draw(t, "base"))
		secret := sha256.Sum256([]byte(rapid.String().Draw(t, "secret")))
		pcp, b := PointOfSecret(secret), wire.PointOf(base.PubKey())
		if pub, err := DerivePubKey(b, pcp); err != nil || pub != wire.PointOf(DerivePrivKey(base, wire.PointOf(base.PubKey()), pcp).PubKey()) {
			t.Error("derived keys differ", err)
		}
		if pub, err := DeriveRevocationPubKey(b, pcp); err != nil || pub != wire.PointOf(DeriveRevocationPrivKey(base, secret).PubKey()) {
			t.Error("revocation keys differ", err)
		}
	})
}

func TestSecretsBringBackEveryEarlierOne(t *testing.T) {
	seed := [32]byte{3}
	var s Secrets
	for n := range uint64(200) {
		if _, ok := s.Get(n); ok {
			t.Fatalf("secret %d is known before it came", n)
		}
		if _, err := s.Insert(n, PerCommitmentSecret(seed, n)); err != nil {
			t.Fatal(err)
		}
		if s.Next() != n+1 || len(s.Buckets()) > 49 {
			t.Fatalf("next %d, %d buckets", s.Next(), len(s.Buckets()))
		}
		back, err := LoadSecrets(s.Buckets())
		if err != nil || *back != s {
			t.Fatalf("buckets do not bring it back: %v", err)
		}
		for k := range n + 1 {
			if got, ok := s.Get(k); !ok || got != PerCommitmentSecret(seed, k) {
				t.Fatalf("secret %d after %d", k, n)
			}
		}
	}
}

func TestSecretsComeInOrder(t *testing.T) {
	var s Secrets
	for _, n := range []uint64{1, LastNumber, LastNumber + 1} {
		if _, err := s.Insert(n, PerCommitmentSecret([32]byte{}, n&LastNumber)); !errors.Is(err, ErrSecret) {
			t.Errorf("secret %d first: %v", n, err)
		}
	}
}

func TestTheLastSecretIsTheLast(t *testing.T) {
	seed := [32]byte{3}
	s, err := LoadSecrets([]Bucket{{Bucket: 0, Number: LastNumber - 1, Secret: PerCommitmentSecret(seed, LastNumber-1)}})
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.Insert(LastNumber, PerCommitmentSecret(seed, LastNumber))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Insert(LastNumber+1, PerCommitmentSecret(seed, 0)); !errors.Is(err, ErrSecret) {
		t.Errorf("one more: %v", err)
	}
	if s, err = LoadSecrets([]Bucket{last}); err != nil || s.Next() != LastNumber+1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got, ok := s.Get(5); !ok || got != PerCommitmentSecret(seed, 5) {
		t.Error("the last secret does not give the others")
	}
	if _, ok := s.Get(LastNumber + 1); ok {
		t.Error("a secret that there cannot be")
	}
}

func TestBucketOfAnotherNumberIsRefused(t *testing.T) {
	for _, b := range []Bucket{{Bucket: 1, Number: 0}, {Bucket: 0, Number: 1}, {Bucket: -1, Number: 0}, {Bucket: 48, Number: LastNumber + 1}} {
		if _, err := LoadSecrets([]Bucket{b}); err == nil {
			t.Errorf("%+v", b)
		}
	}
}

func TestSignatureWithHighSDoesNotVerify(t *testing.T) {
	h := [32]byte{1}
	key := wire.PointOf(alice.funding.PubKey())
	sig := Sign(alice.funding, h)
	if !Verify(key, h, sig) {
		t.Fatal("a signature does not verify")
	}
	var s btcec.ModNScalar
	s.SetByteSlice(sig[32:])
	s.Negate()
	high := sig
	s.PutBytesUnchecked(high[32:])
	for name, ok := range map[string]bool{
		"high s":         Verify(key, h, high),
		"zero":           Verify(key, h, wire.Signature{}),
		"another hash":   Verify(key, [32]byte{2}, sig),
		"another key":    Verify(wire.PointOf(bob.funding.PubKey()), h, sig),
		"not even a key": Verify(wire.Point{}, h, sig),
	} {
		if ok {
			t.Errorf("%s verifies", name)
		}
	}
}

func TestClosingTransaction(t *testing.T) {
	p := someParams(Anchors)
	big, small := btcwire.NewTxOut(6_000_000, P2WPKH(p.Broadcaster.Payment)), btcwire.NewTxOut(3_999_000, P2WPKH(p.Countersignatory.Payment))
	tx := Closing(p.Funding, big, small)
	if tx.Version != 2 || tx.LockTime != 0 || tx.TxIn[0].Sequence != 0xffffffff || tx.TxOut[0].Value != small.Value {
		t.Errorf("%+v", tx)
	}
	witness, pkScript := FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
	h := ClosingSigHash(tx, witness, p.Capacity)
	full := SignedClosing(tx, p.Broadcaster.Funding, p.Countersignatory.Funding, Sign(alice.funding, h), Sign(bob.funding, h))
	if err := accept(full, btcwire.NewTxOut(int64(p.Capacity), pkScript)); err != nil {
		t.Error(err)
	}
	if len(tx.TxIn[0].Witness) > 0 {
		t.Error("the transaction to sign is changed")
	}
	if swapped := SignedClosing(tx, p.Countersignatory.Funding, p.Broadcaster.Funding, Sign(bob.funding, h), Sign(alice.funding, h)); swapped.WitnessHash() != full.WitnessHash() {
		t.Error("which side is named first matters")
	}
	if one := Closing(p.Funding, big, btcwire.NewTxOut(0, small.PkScript)); len(one.TxOut) != 1 {
		t.Error("an output of nothing")
	}
	if Closing(p.Funding, small, big).TxHash() != tx.TxHash() {
		t.Error("the order of outputs matters")
	}
	a, b := btcwire.NewTxOut(5_000_000, []byte{0x51, 1}), btcwire.NewTxOut(5_000_000, []byte{0x51, 2})
	for _, outs := range [][]*btcwire.TxOut{{a, b}, {b, a}} {
		if tx := Closing(p.Funding, outs...); tx.TxOut[0] != a {
			t.Error("outputs of one value are not in the order of their scripts")
		}
	}
	c, d := btcwire.NewTxOut(4_000_000, []byte{0x51, 9}), btcwire.NewTxOut(5_000_000, []byte{0x51, 1})
	if tx := Closing(p.Funding, c, d); tx.TxOut[0] != c {
		t.Error("the script counts before the value")
	}
}

func TestChannelIDIsTheTxidWithTheIndexInItsLastBytes(t *testing.T) {
	h := chainhash.Hash{30: 0xf0, 31: 0x0f}
	if got := ChannelID(btcwire.OutPoint{Hash: h, Index: 0x0102}); got[30] != 0xf1 || got[31] != 0x0d || got[0] != 0 {
		t.Errorf("%x", got)
	}
}
