//go:build !race

package script

import (
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
	"github.com/leyden-ln/leyden/bolt/omni"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/asset"
)

const someProperty amount.Property = 0x80000003

func tokenParams() *Params {
	p := someParams(Tokens)
	p.Property, p.Tokens = someProperty, 1_000_000
	return p
}

// maxHTLCs is how many HTLCs a commitment with tokens can have: both balances are receivers
// too.
const maxHTLCs = MaxReceivers - 2

// genTokens draws any state that a channel with tokens may have.
func genTokens(t *rapid.T) (*Params, Spec) {
	p := tokenParams()
	p.Capacity = amount.Satoshi(rapid.Uint64Range(200_000, 50_000_000).Draw(t, "capacity"))
	p.BroadcasterIsOpener = rapid.Bool().Draw(t, "opener")
	p.DustLimit = amount.Satoshi(rapid.Uint64Range(540, 2000).Draw(t, "dust"))
	p.ToSelfDelay = rapid.Uint16Range(1, 2016).Draw(t, "delay")
	p.Tokens = amount.Units(rapid.Uint64Range(10, uint64(amount.MaxUnits)).Draw(t, "tokens"))
	s := Spec{Number: rapid.Uint64Range(0, LastNumber).Draw(t, "number"), FeePerKw: rapid.Uint32Range(253, 5000).Draw(t, "fee")}
	free, tokens := p.Capacity.Msat(), p.Tokens
	cost := CommitFee(Tokens, s.FeePerKw, maxHTLCs) + CarrierFloor(s.FeePerKw, CarrierToLocal)
	floor := CarrierFloor(s.FeePerKw, CarrierHTLC).Msat()
	for id := range rapid.Uint64Range(0, maxHTLCs).Draw(t, "htlcs") {
		amt := floor + amount.MilliSatoshi(rapid.Uint64Range(0, 3_000_000).Draw(t, "carrier"))
		if free < amt+2*cost.Msat() || tokens < 2 {
			break
		}
		units := amount.Units(rapid.Uint64Range(1, uint64(tokens-1)).Draw(t, "units"))
		free, tokens = free-amt, tokens-units
		s.HTLCs = append(s.HTLCs, HTLC{
			Offered: rapid.Bool().Draw(t, "offered"), ID: id, Amount: amt, Tokens: units,
			PaymentHash: hash(preimage(id)), CLTVExpiry: rapid.Uint32Range(1, 1_000_000).Draw(t, "expiry"),
		})
	}
	given := amount.Units(rapid.Uint64Range(0, uint64(tokens)).Draw(t, "given"))
	least := amount.MilliSatoshi(0)
	if given > 0 {
		least = CarrierFloor(s.FeePerKw, CarrierToLocal).Msat()
	}
	other := least + amount.MilliSatoshi(rapid.Uint64Range(0, uint64(free-least-cost.Msat())).Draw(t, "balance"))
	s.ToBroadcaster, s.ToCountersignatory = free-other, other
	s.TokensToBroadcaster, s.TokensToCountersignatory = tokens-given, given
	if !p.BroadcasterIsOpener {
		s.ToBroadcaster, s.ToCountersignatory = s.ToCountersignatory, s.ToBroadcaster
		s.TokensToBroadcaster, s.TokensToCountersignatory = s.TokensToCountersignatory, s.TokensToBroadcaster
	}
	return p, s
}

var (
	aliceDelayed = func() *btcec.PrivateKey {
		return DerivePrivKey(alice.delayed, wire.PointOf(alice.delayed.PubKey()), point)
	}
	bobHTLC = func() *btcec.PrivateKey { return DerivePrivKey(bob.htlc, wire.PointOf(bob.htlc.PubKey()), point) }
)

func signedDelay(d *Delay) *btcwire.MsgTx {
	return d.Signed(Sign(aliceDelayed(), d.SigHash()), Sign(bobHTLC(), d.SigHash()))
}

// book is the ledger, in which the funding address has the channel's tokens.
type book struct {
	t     interface{ Fatalf(string, ...any) }
	rules *asset.Params
	state *asset.State
}

const bookHeight = 500

func newBook(t interface{ Fatalf(string, ...any) }, p *Params) *book {
	b := &book{t: t, rules: asset.Regtest()}
	b.rules.Exodus = ""
	_, funding := Tokens.FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
	b.state = asset.LoadState(b.rules, asset.Snapshot{
		Balances:   []asset.Balance{{Key: b.key(funding, p.Property), Units: p.Tokens}},
		Properties: []asset.Property{{ID: p.Property}},
	})
	b.state.Begin(bookHeight, 0)
	return b
}

func (b *book) key(script []byte, p amount.Property) asset.Key {
	a, ok := b.rules.Address(bookHeight, script)
	if !ok {
		b.t.Fatalf("%x is no address", script)
	}
	return asset.Key{Address: a, Property: p}
}

func (b *book) has(script []byte, p amount.Property) amount.Units {
	return b.state.Balance(b.key(script, p).Address, p)
}

// run executes a transaction of tokens.
func (b *book) run(tx *btcwire.MsgTx, spent []byte) {
	if out, ok := b.state.Execute(tx, spent); !ok || out.Err != nil {
		b.t.Fatalf("the ledger refuses: %+v", out)
	}
}

func TestEveryStateWithTokensHasThemAllOnItsOutputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := genTokens(t)
		c := mustBuild(t, p, s)
		script := c.Tx.TxOut[0].PkScript
		payload := script[2+len(omni.Marker):]
		if script[1] == txscript.OP_PUSHDATA1 {
			payload = payload[1:]
		}
		if payload[3] != omni.TypeSendToMany || amount.Property(binary.BigEndian.Uint32(payload[4:])) != p.Property {
			t.Fatalf("payload %x", payload)
		}
		n, rest := int(payload[8]), payload[9:]
		if n > MaxReceivers || len(rest) != 9*n || max(n, MinReceivers) != int(Receivers(max(len(script), 79))) {
			t.Fatalf("%d receivers in %d bytes, a script of %d", n, len(rest), len(script))
		}
		last, sum := 0, amount.Units(0)
		for ; len(rest) > 0; rest = rest[9:] {
			vout, units := int(rest[0]), amount.Units(binary.BigEndian.Uint64(rest[1:]))
			if vout <= last || vout >= len(c.Tx.TxOut) || units == 0 {
				t.Fatalf("an entry of %d for output %d after %d", units, vout, last)
			}
			last, sum = vout, sum+units
		}
		if sum != p.Tokens {
			t.Fatalf("%d of %d tokens", sum, p.Tokens)
		}
		value := c.Fee
		for i, o := range c.Tx.TxOut {
			value += amount.Satoshi(o.Value)
			if i > 0 && (!txscript.IsPayToScriptHash(o.PkScript) || o.Value < int64(ScriptHashDust)) {
				t.Errorf("output %d of %d sat, %x", i, o.Value, o.PkScript)
			}
		}
		if value != p.Capacity || len(c.HTLCs) != len(s.HTLCs) || NumberOf(c.Tx, p) != s.Number {
			t.Errorf("%d sat, %d HTLCs, number %d", value, len(c.HTLCs), NumberOf(c.Tx, p))
		}
	})
}

func TestScriptsAndTheLedgerTakeEveryTransactionWithTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := genTokens(t)
		c := mustBuild(t, p, s)
		b := newBook(t, p)
		_, funding := Tokens.FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
		tx := signed(c)
		if err := accept(tx, btcwire.NewTxOut(int64(p.Capacity), funding)); err != nil {
			t.Fatalf("commitment: %v", err)
		}
		b.run(tx, funding)
		if left := b.has(funding, p.Property); left != 0 {
			t.Fatalf("%d tokens stay behind", left)
		}
		want := map[string]amount.Units{}
		expect := func(o uint32, u amount.Units) { want[string(tx.TxOut[o].PkScript)] += u }
		home := Tokens.paysKey(c.Keys.BroadcasterDelayed)
		total := amount.Units(0)
		if c.ToLocal != nil {
			expect(c.ToLocal.Index, c.ToLocal.Tokens)
			total += c.ToLocal.Tokens
		}
		if c.ToRemote != nil {
			expect(c.ToRemote.Index, c.ToRemote.Tokens)
		}
		for _, h := range c.HTLCs {
			expect(h.Index, h.Tokens)
			total += h.Tokens
		}
		for script, units := range want {
			if got := b.has([]byte(script), p.Property); got != units {
				t.Fatalf("%d tokens instead of %d", got, units)
			}
		}
		for i, h := range c.HTLCs {
			second := signedHTLC(c, i)
			if err := accept(second, tx.TxOut[h.Index]); err != nil {
				t.Fatalf("HTLC %d: %v", h.ID, err)
			}
			b.run(second, tx.TxOut[h.Index].PkScript)
			if h.Delay.Tx.TxIn[0].PreviousOutPoint.Hash != second.TxHash() {
				t.Fatal("the delay transaction spends another")
			}
			delay := signedDelay(h.Delay)
			if err := accept(delay, second.TxOut[1]); err != nil {
				t.Fatalf("the delay of HTLC %d: %v", h.ID, err)
			}
			b.run(delay, second.TxOut[1].PkScript)
		}
		if c.ToLocal != nil {
			if c.ToLocal.Delay.Tx.TxIn[0].PreviousOutPoint != (btcwire.OutPoint{Hash: tx.TxHash(), Index: c.ToLocal.Index}) {
				t.Fatal("the delay transaction spends another")
			}
			delay := signedDelay(c.ToLocal.Delay)
			if err := accept(delay, tx.TxOut[c.ToLocal.Index]); err != nil {
				t.Fatalf("the delay of to_local: %v", err)
			}
			if c.ToLocal.Tokens > 0 {
				b.run(delay, tx.TxOut[c.ToLocal.Index].PkScript)
			}
		}
		if got := b.has(home, p.Property); got != total {
			t.Fatalf("the broadcaster has %d of its %d tokens", got, total)
		}
		for _, d := range c.Delays() {
			if last := d.Tx.TxOut[len(d.Tx.TxOut)-1]; last.Value < int64(ScriptHashDust) || d.Tx.TxIn[0].Sequence != uint32(p.ToSelfDelay) {
				t.Errorf("%d sat are left, sequence %d", last.Value, d.Tx.TxIn[0].Sequence)
			}
		}
	})
}

// tokenSpec has an HTLC each way.
func tokenSpec(p *Params) Spec {
	return Spec{
		FeePerKw: someFee, ToBroadcaster: 4_000_000_000, ToCountersignatory: 5_980_000_000,
		TokensToBroadcaster: 600_000, TokensToCountersignatory: p.Tokens - 630_000,
		HTLCs: []HTLC{
			{Offered: true, ID: 1, Amount: 10_000_000, PaymentHash: hash(preimage(1)), CLTVExpiry: 1 << 24, Tokens: 10_000},
			{Offered: false, ID: 2, Amount: 10_000_000, PaymentHash: hash(preimage(2)), CLTVExpiry: 1 << 24, Tokens: 20_000},
		},
	}
}

func TestTheOwnerOfTokensCannotTakeThemWithoutTheDelay(t *testing.T) {
	p := tokenParams()
	c := mustBuild(t, p, tokenSpec(p))
	out := c.Tx.TxOut[c.ToLocal.Index]
	alone := func(witness ...[]byte) error {
		tx := c.ToLocal.Delay.Tx.Copy()
		tx.TxIn[0].Sequence = 0
		h := WitnessSigHash(tx, 0, c.ToLocal.WitnessScript, c.ToLocal.Value, txscript.SigHashAll)
		own := der(Sign(aliceDelayed(), h), txscript.SigHashAll)
		w := btcwire.TxWitness{}
		for _, x := range witness {
			if x != nil && len(x) == 0 {
				x = own
			}
			w = append(w, x)
		}
		tx.TxIn[0].Witness = append(w, c.ToLocal.WitnessScript)
		return accept(tx, out)
	}
	ours := []byte{}
	theirs := der(Sign(bobHTLC(), c.ToLocal.Delay.SigHash()), txscript.SigHashAll)
	for name, w := range map[string][][]byte{
		"one signature":                       {nil, ours, nil},
		"its own twice":                       {nil, ours, ours, nil},
		"the signature of the delayed":        {nil, ours, theirs, nil},
		"the revocation path without its key": {ours, {1}},
	} {
		if alone(w...) == nil {
			t.Errorf("%s opens to_local at once", name)
		}
	}
	if err := accept(signedDelay(c.ToLocal.Delay), out); err != nil {
		t.Error(err)
	}
}

func TestRevocationTakesEveryOutputWithTokens(t *testing.T) {
	p := tokenParams()
	c := mustBuild(t, p, tokenSpec(p))
	punish := DeriveRevocationPrivKey(bob.revocation, [32]byte{9})
	take := func(name string, from *btcwire.MsgTx, index uint32, script []byte, second []byte) {
		tx := btcwire.NewMsgTx(2)
		tx.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: from.TxHash(), Index: index}, SignatureScript: Tokens.sigScript(script)})
		tx.AddTxOut(btcwire.NewTxOut(1000, Tokens.paysKey(c.Keys.ToRemote)))
		h := WitnessSigHash(tx, 0, script, amount.Satoshi(from.TxOut[index].Value), txscript.SigHashAll)
		tx.TxIn[0].Witness = btcwire.TxWitness{der(Sign(punish, h), txscript.SigHashAll), second, script}
		if err := accept(tx, from.TxOut[index]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	take("to_local", c.Tx, c.ToLocal.Index, c.ToLocal.WitnessScript, []byte{1})
	for _, h := range c.HTLCs {
		take("an HTLC", c.Tx, h.Index, h.WitnessScript, c.Keys.Revocation[:])
		take("a second stage", h.Tx, 1, h.OutputScript, []byte{1})
	}
	remote := btcwire.NewMsgTx(2)
	_, sigScript := Wrapped(P2WPKH(c.Keys.ToRemote))
	remote.AddTxIn(&btcwire.TxIn{PreviousOutPoint: btcwire.OutPoint{Hash: c.Tx.TxHash(), Index: c.ToRemote.Index}, SignatureScript: sigScript})
	payload, _ := omni.SimpleSend(p.Property, c.ToRemote.Tokens)
	remote.AddTxOut(btcwire.NewTxOut(0, omni.Script(payload)))
	remote.AddTxOut(btcwire.NewTxOut(1000, Tokens.paysKey(c.Keys.ToRemote)))
	out := c.Tx.TxOut[c.ToRemote.Index]
	w, err := txscript.WitnessSignature(remote, witnessHashes(remote), 0, out.Value, P2WPKH(c.Keys.ToRemote), txscript.SigHashAll, bob.payment, true)
	if err != nil {
		t.Fatal(err)
	}
	remote.TxIn[0].Witness = w
	if err := accept(remote, out); err != nil {
		t.Errorf("to_remote: %v", err)
	}
	if got := 3*remote.SerializeSizeStripped() + remote.SerializeSize() + 73 - len(w[0]); got != spendWeight {
		t.Errorf("spending to_remote weighs %d, not %d", got, spendWeight)
	}
}

func TestExpectedWeightsWithTokensAreThoseOfSignedTransactions(t *testing.T) {
	p := tokenParams()
	s := tokenSpec(p)
	for len(s.HTLCs) < maxHTLCs { // an OP_RETURN with so many entries has a byte more
		h := HTLC{Offered: true, ID: uint64(len(s.HTLCs) + 1), Amount: 10_000_000, CLTVExpiry: 1 << 24, Tokens: 10_000, PaymentHash: hash(preimage(uint64(len(s.HTLCs) + 1)))}
		s.HTLCs = append(s.HTLCs, h)
		s.ToBroadcaster -= h.Amount
		s.TokensToBroadcaster -= h.Tokens
	}
	c := mustBuild(t, p, s)
	if got, want := longest(signed(c)), int(CommitWeight(Tokens, maxHTLCs)); got != want {
		t.Errorf("a commitment's weight is %d, not %d", got, want)
	}
	for i, h := range c.HTLCs {
		want := successWeightTokens
		if h.Offered {
			want = timeoutWeightTokens
		}
		if got := longest(signedHTLC(c, i)); got != want {
			t.Errorf("the weight of HTLC transaction %d is %d, not %d", h.ID, got, want)
		}
	}
	for _, d := range c.Delays() {
		if got := longest(signedDelay(d)); got != delayWeight {
			t.Errorf("a delay transaction's weight is %d, not %d", got, delayWeight)
		}
	}
	if len(c.Delays()) != 1+maxHTLCs {
		t.Errorf("%d delays", len(c.Delays()))
	}
	for _, carrier := range []Carrier{CarrierToLocal, CarrierToRemote, CarrierHTLC} {
		if CarrierFloor(5000, carrier) <= CarrierFloor(253, carrier) || CarrierFloor(0, carrier) != ScriptHashDust {
			t.Errorf("carrier %d does not go with the feerate", carrier)
		}
	}
}

func TestStatesThatMoveTokensWronglyAreRefused(t *testing.T) {
	floor := CarrierFloor(someFee, CarrierHTLC).Msat()
	local, remote := CarrierFloor(someFee, CarrierToLocal), CarrierFloor(someFee, CarrierToRemote)
	for name, c := range map[string]struct {
		change func(p *Params, s *Spec)
		want   error
	}{
		"as it is":     {func(*Params, *Spec) {}, nil},
		"one too many": {func(_ *Params, s *Spec) { s.TokensToBroadcaster++ }, ErrTokens},
		"one too few":  {func(_ *Params, s *Spec) { s.HTLCs[0].Tokens-- }, ErrTokens},
		"a sum that wraps": {func(_ *Params, s *Spec) {
			s.TokensToBroadcaster += 1 << 63
			s.TokensToCountersignatory += 1 << 63
		}, ErrTokens},
		"an HTLC without": {func(_ *Params, s *Spec) {
			s.TokensToBroadcaster += s.HTLCs[0].Tokens
			s.HTLCs[0].Tokens = 0
		}, ErrTokens},
		"no property":    {func(p *Params, _ *Spec) { p.Property = 0 }, ErrTokens},
		"bitcoin's form": {func(p *Params, _ *Spec) { p.Format = Anchors }, ErrTokens},
		"a channel without": {func(p *Params, s *Spec) {
			p.Tokens, s.TokensToBroadcaster, s.TokensToCountersignatory, s.HTLCs = 0, 0, 0, nil
			s.ToBroadcaster += 20_000_000
		}, ErrTokens},
		"five HTLCs":       {func(_ *Params, s *Spec) { more(s, 5) }, nil},
		"an HTLC too many": {func(_ *Params, s *Spec) { more(s, maxHTLCs+1) }, ErrReceivers},
		"as many and no to_local": {func(_ *Params, s *Spec) {
			more(s, maxHTLCs+1)
			s.TokensToCountersignatory += s.TokensToBroadcaster
			s.TokensToBroadcaster = 0
		}, nil},
		"a carrier of the floor": {func(_ *Params, s *Spec) {
			s.ToBroadcaster += s.HTLCs[0].Amount - floor
			s.HTLCs[0].Amount = floor
		}, nil},
		"a carrier below": {func(_ *Params, s *Spec) {
			s.ToBroadcaster += s.HTLCs[0].Amount - floor + 1
			s.HTLCs[0].Amount = floor - 1
		}, ErrCarrier},
		"to_remote of the floor": {func(_ *Params, s *Spec) { give(s, remote) }, nil},
		"to_remote below":        {func(_ *Params, s *Spec) { give(s, remote-1) }, ErrCarrier},
		"to_remote without tokens below": {func(_ *Params, s *Spec) {
			give(s, remote-1)
			s.TokensToBroadcaster += s.TokensToCountersignatory
			s.TokensToCountersignatory = 0
		}, nil},
		"to_local of the floor": {func(_ *Params, s *Spec) { keep(s, local) }, nil},
		"to_local below":        {func(_ *Params, s *Spec) { keep(s, local-1) }, ErrCarrier},
		"to_local without tokens below": {func(_ *Params, s *Spec) {
			keep(s, local-1)
			s.TokensToCountersignatory += s.TokensToBroadcaster
			s.TokensToBroadcaster = 0
		}, nil},
	} {
		p := tokenParams()
		s := tokenSpec(p)
		c.change(p, &s)
		if _, err := Build(p, point, s); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	plain := Spec{ToBroadcaster: 9_990_000_000, HTLCs: []HTLC{{Amount: 10_000_000, Tokens: 1}}}
	if _, err := Build(someParams(Anchors), point, plain); !errors.Is(err, ErrTokens) {
		t.Errorf("tokens in an HTLC of bitcoin: %v", err)
	}
}

// more makes it so many HTLCs.
func more(s *Spec, n int) {
	for len(s.HTLCs) < n {
		h := HTLC{ID: uint64(len(s.HTLCs) + 1), Amount: 10_000_000, CLTVExpiry: 500, Tokens: 1}
		s.HTLCs = append(s.HTLCs, h)
		s.ToBroadcaster -= h.Amount
		s.TokensToBroadcaster--
	}
}

// give leaves the countersignatory so much, keep the broadcaster, who pays the fee.
func give(s *Spec, left amount.Satoshi) {
	s.ToBroadcaster += s.ToCountersignatory - left.Msat()
	s.ToCountersignatory = left.Msat()
}

func keep(s *Spec, left amount.Satoshi) {
	left += CommitFee(Tokens, s.FeePerKw, len(s.HTLCs))
	s.ToCountersignatory += s.ToBroadcaster - left.Msat()
	s.ToBroadcaster = left.Msat()
}

func TestHTLCsThatDifferInTokensOnlyHaveOneOrder(t *testing.T) {
	p := tokenParams()
	s := tokenSpec(p)
	more(&s, 4)
	s.HTLCs[2].PaymentHash, s.HTLCs[3].PaymentHash = hash(preimage(9)), hash(preimage(9))
	s.HTLCs[2].Tokens++
	s.TokensToBroadcaster--
	a := mustBuild(t, p, s)
	slices.Reverse(s.HTLCs)
	b := mustBuild(t, p, s)
	if a.SigHash() != b.SigHash() {
		t.Error("two commitments from one state")
	}
	for i := range a.HTLCs {
		if a.HTLCSigHash(i) != b.HTLCSigHash(i) || a.HTLCs[i].Delay.SigHash() != b.HTLCs[i].Delay.SigHash() {
			t.Errorf("HTLC transaction %d differs", i)
		}
	}
}

func TestMutualCloseLeavesTokensAtTwoAddresses(t *testing.T) {
	p := tokenParams()
	b := newBook(t, p)
	witness, funding := Tokens.FundingScript(p.Broadcaster.Funding, p.Countersignatory.Funding)
	ours := Share{btcwire.NewTxOut(6_000_000, Tokens.paysKey(p.Broadcaster.Payment)), 400_000}
	theirs := Share{btcwire.NewTxOut(3_999_000, Tokens.paysKey(p.Countersignatory.Payment)), 600_000}
	tx, err := TokenClosing(p, SimpleClosingSequence, 7, ours, theirs)
	if err != nil {
		t.Fatal(err)
	}
	h := ClosingSigHash(tx, witness, p.Capacity)
	full := SignedClosing(tx, p.Broadcaster.Funding, p.Countersignatory.Funding, Sign(alice.funding, h), Sign(bob.funding, h))
	if err := accept(full, btcwire.NewTxOut(int64(p.Capacity), funding)); err != nil {
		t.Fatal(err)
	}
	b.run(full, funding)
	for _, s := range []Share{ours, theirs} {
		if got := b.has(s.Out.PkScript, p.Property); got != s.Tokens {
			t.Errorf("%d tokens, not %d", got, s.Tokens)
		}
	}
	if full.TxOut[1].Value != theirs.Out.Value || full.LockTime != 7 || full.TxIn[0].Sequence != SimpleClosingSequence {
		t.Errorf("%+v", full)
	}
	// The outputs are the same.
	bitcoin := Closing(btcwire.OutPoint{Hash: chainhash.Hash{1}}, ours.Out, theirs.Out)
	if got, want := 4*tx.SerializeSizeStripped(), 4*bitcoin.SerializeSizeStripped()+ClosingWeightTokens; got != want {
		t.Errorf("%d bytes of weight, not %d", got, want)
	}
	if swapped, err := TokenClosing(p, SimpleClosingSequence, 7, theirs, ours); err != nil || swapped.TxHash() != tx.TxHash() {
		t.Errorf("the order of shares matters: %v", err)
	}
	theirs.Tokens--
	if _, err := TokenClosing(p, SimpleClosingSequence, 7, ours, theirs); !errors.Is(err, ErrTokens) {
		t.Errorf("tokens are left behind: %v", err)
	}
	one := Share{ours.Out, p.Tokens}
	if tx, err := TokenClosing(p, SimpleClosingSequence, 7, one); err != nil || len(tx.TxOut) != 2 {
		t.Errorf("one side has all: %v", err)
	}
}
