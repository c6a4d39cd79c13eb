//go:build !race

package channel

import (
	"bytes"
	"errors"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"
	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/channel/tally"
)

// riding are terms with a million tokens, 600,000 of them a's, and five HTLCs.
func riding() terms { return ridingWith(script.MinReceivers) }

// ridingWith is riding with so many receivers.
func ridingWith(receivers uint8) terms {
	l := usual().a
	l.DustLimit, l.Tokens = script.ScriptHashDust, tally.TokenLimits{Reserve: 10_000, HTLCMinimum: 10, MaxInFlight: 500_000}
	t := usual()
	t.a, t.b = l, l
	t.b.MaxAcceptedHTLCs, t.a.MaxAcceptedHTLCs = script.TokenHTLCs(receivers)
	t.format, t.tokens, t.tokensToA = script.Tokens, 1_000_000, 600_000
	return t
}

// tokens makes an HTLC with tokens and the least that must go with them.
func (p *pair) tokens(n *node, u amount.Units) Add {
	add := p.add(n.ch.Carrier())
	add.Tokens = u
	return add
}

// offerTokens offers some that may be refused.
func (p *pair) offerTokens(t *rapid.T, n *node) {
	u := amount.Units(rapid.SampledFrom([]uint64{0, 1, 10, 5_000, 90_000, 400_000, 1 << 63}).Draw(t, "tokens"))
	if u == 0 {
		u = n.ch.TokensSpendable()
	}
	add := p.tokens(n, u)
	add.Amount += amount.MilliSatoshi(rapid.SampledFrom([]uint64{0, 1, 999, 3_000_000, 40_000_000}).Draw(t, "carrier"))
	if rapid.IntRange(0, 9).Draw(t, "poor") == 0 {
		add.Amount = n.ch.Carrier() - 1
	}
	if _, err := n.ch.Offer(add); err == nil && (u < 10 || add.Amount < n.ch.Carrier()) {
		t.Fatalf("%s offers %d tokens with %v", n.name, u, add.Amount)
	}
}

// consistentTokens checks what is derived.
func (p *pair) consistentTokens(n *node) {
	p.t.Helper()
	c := n.ch
	kept := c.limits
	c.limits.valid = false
	if made := *c.tallied(); kept.valid && made != kept {
		p.t.Fatalf("%s: tallies kept %+v, made anew %+v", n.name, kept, made)
	}
	may := func(u amount.Units) bool {
		l := tally.Load{Msat: c.Carrier(), Tokens: u}
		return c.mayAdd(dance.Local, l, 0) == nil && c.mayOffer(l) == nil
	}
	if most := c.TokensSpendable(); most > 0 && (!may(most) || may(most+1)) {
		p.t.Fatalf("%s: %d is said to be the most that can be offered", n.name, most)
	}
	if c.Spendable() != 0 || c.View().Receivable != 0 {
		p.t.Fatalf("%s: bitcoin alone is said to be spendable", n.name)
	}
}

func TestTwoMachinesWithTokensAgreeUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := ridingWith(rapid.SampledFrom([]uint8{script.MinReceivers, 8, 11, script.MaxReceivers}).Draw(t, "receivers"))
		terms.capacity = amount.Satoshi(rapid.SampledFrom([]uint64{40_000, 200_000}).Draw(t, "capacity"))
		terms.toA = terms.capacity.Msat() / 10 * 7
		terms.a.ChannelReserve, terms.b.ChannelReserve = 1000, 1000
		if rapid.Bool().Draw(t, "no reserve of tokens") {
			terms.a.Tokens.Reserve, terms.b.Tokens.Reserve = 0, 0
		}
		if rapid.Bool().Draw(t, "all are the opener's") {
			terms.tokensToA, terms.toA = terms.tokens, terms.capacity.Msat()
		}
		terms.feePerKw = 500
		terms.simple = rapid.Bool().Draw(t, "simple close")
		closes := rapid.IntRange(0, 3).Draw(t, "closing") == 0
		p := ready(t, terms)
		p.engine = rapid.IntRange(0, 3).Draw(t, "engine") == 0
		for range rapid.IntRange(10, 60).Draw(t, "acts") {
			p.act(t, closes)
			p.sound()
			p.consistentTokens(p.a)
			p.consistentTokens(p.b)
		}
		p.finish(t, terms.toA, closes)
		if closes && p.a.ch.shuttingDown() {
			for _, n := range []*node{p.a, p.b} {
				for _, tx := range n.tx {
					p.paysTokens(tx)
				}
			}
		}
	})
}

// paysTokens checks that a closing transaction gives each side its tokens.
func (p *pair) paysTokens(tx *btcwire.MsgTx) {
	p.t.Helper()
	payload := tx.TxOut[0].PkScript[2+4:]
	if payload[3] != 7 {
		p.t.Fatalf("payload %x", payload)
	}
	got := map[string]amount.Units{}
	for e := payload[9:]; len(e) > 0; e = e[9:] {
		for _, x := range e[1:9] {
			script := string(tx.TxOut[e[0]].PkScript)
			got[script] = got[script]<<8 | amount.Units(x)
		}
	}
	for _, n := range []*node{p.a, p.b} {
		if want := n.ch.fundings[0].toLocal.Tokens; got[string(n.ch.status.LocalShutdown)] != want {
			p.t.Fatalf("%s gets %d of its %d tokens", n.name, got[string(n.ch.status.LocalShutdown)], want)
		}
	}
}

func TestTokensArePaidAndLeftAtTwoAddresses(t *testing.T) {
	for _, simple := range []bool{false, true} {
		terms := riding()
		terms.simple = simple
		p := ready(t, terms)
		p.engine = true
		if _, err := p.a.ch.Offer(p.tokens(p.a, 100_000)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.b.ch.Offer(p.tokens(p.b, 30_000)); err != nil {
			t.Fatal(err)
		}
		p.settle()
		if in := p.b.ch.Unsettled(); len(in) != 1 || in[0].Tokens != 100_000 {
			t.Fatalf("%+v", in)
		}
		if v := p.a.ch.View(); v.TokensToLocal != 500_000 || v.TokensToRemote != 370_000 || v.HTLCs[0].Tokens != 100_000 || v.Carrier == 0 {
			t.Fatalf("%+v", v)
		}
		p.fulfill(p.b, 0)
		p.fulfill(p.a, 0)
		p.settle()
		p.sound()
		p.mirror()
		if got := p.a.ch.fundings[0].toLocal.Tokens; got != 530_000 {
			t.Errorf("a has %d tokens", got)
		}
		for _, e := range raised[Resolved](p.a) {
			if e.Tokens != 100_000 {
				t.Errorf("%+v", e)
			}
		}
		if err := p.a.ch.Shutdown(nil, 1000); err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.sound()
		for _, n := range []*node{p.a, p.b} {
			if len(n.tx) == 0 {
				t.Fatalf("%s: no closing transaction: %s", n.name, n.ch.State())
			}
			for _, tx := range n.tx {
				p.pays(tx, p.closer(tx))
				p.paysTokens(tx)
			}
		}
	}
}

func TestShutdownToWhatCannotHaveTokensIsRefused(t *testing.T) {
	p := ready(t, riding())
	if err := p.a.ch.Shutdown(closingScript('z', script.Anchors), 1000); !errors.Is(err, closing.ErrTokenScript) {
		t.Errorf("P2WPKH: %v", err)
	}
	if err := p.a.ch.Receive(&wire.Shutdown{ChannelID: p.a.ch.ID(), ScriptPubkey: closingScript('z', script.Anchors)}, verifier{}); err == nil {
		t.Error("the peer's P2WPKH is taken")
	}
}

func TestOffersThatTokensForbidAreRefused(t *testing.T) {
	p := ready(t, riding())
	offer := func(n *node, change func(a *Add)) error {
		add := p.tokens(n, 100)
		change(&add)
		_, err := n.ch.Offer(add)
		return err
	}
	for name, c := range map[string]struct {
		change func(a *Add)
		want   error
	}{
		"none":                 {func(a *Add) { a.Tokens = 0 }, tally.ErrNoTokens},
		"more than exist":      {func(a *Add) { a.Tokens = 1 << 63 }, tally.ErrNoTokens},
		"below the minimum":    {func(a *Add) { a.Tokens = 9 }, tally.ErrMinimum},
		"too many in flight":   {func(a *Add) { a.Tokens = 500_001 }, tally.ErrInFlight},
		"too little a carrier": {func(a *Add) { a.Amount-- }, tally.ErrCarrier},
	} {
		if err := offer(p.a, c.change); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := offer(p.b, func(a *Add) { a.Tokens = 390_001 }); !errors.Is(err, tally.ErrReserve) {
		t.Errorf("into the reserve: %v", err)
	}
	// The opener keeps the fee of a commitment with five HTLCs, and what its tokens need.
	terms := riding()
	terms.toA = 8_000_000
	terms.a.ChannelReserve, terms.b.ChannelReserve = 1000, 1000
	q := ready(t, terms)
	add := q.tokens(q.a, 100)
	add.Amount = 3_800_000
	if _, err := q.a.ch.Offer(add); !errors.Is(err, tally.ErrCarrier) {
		t.Errorf("what the opener's tokens need: %v", err)
	}
	for range 3 {
		if err := offer(p.a, func(*Add) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := offer(p.a, func(*Add) {}); !errors.Is(err, ErrTooManyHTLCs) {
		t.Errorf("a fourth HTLC of the opener: %v", err)
	}
	r := ready(t, usual())
	bitcoin := r.add(1_000_000)
	bitcoin.Tokens = 1
	if _, err := r.a.ch.Offer(bitcoin); !errors.Is(err, tally.ErrBitcoinOnly) {
		t.Errorf("tokens in a channel of bitcoin: %v", err)
	}
}

func TestThePeersTokensAreCheckedAsOurs(t *testing.T) {
	good := func(p *pair) *wire.UpdateAddHTLC {
		return &wire.UpdateAddHTLC{
			ChannelID: p.a.ch.ID(), AmountMsat: p.a.ch.Carrier(), CLTVExpiry: 500,
			Asset: &wire.HTLCAsset{Property: 0x80000003, Tokens: 100},
		}
	}
	for name, c := range map[string]struct {
		terms  terms
		change func(m *wire.UpdateAddHTLC)
		fails  bool
	}{
		"no tokens":           {riding(), func(m *wire.UpdateAddHTLC) { m.Asset = nil }, true},
		"another property":    {riding(), func(m *wire.UpdateAddHTLC) { m.Asset.Property++ }, true},
		"zero tokens":         {riding(), func(m *wire.UpdateAddHTLC) { m.Asset.Tokens = 0 }, true},
		"tokens with bitcoin": {usual(), func(m *wire.UpdateAddHTLC) { m.AmountMsat = 1_000_000 }, true},
		"below the minimum":   {riding(), func(m *wire.UpdateAddHTLC) { m.Asset.Tokens = 9 }, false},
		"into the reserve":    {riding(), func(m *wire.UpdateAddHTLC) { m.Asset.Tokens = 390_001 }, false},
		"a poor carrier":      {riding(), func(m *wire.UpdateAddHTLC) { m.AmountMsat-- }, false},
	} {
		p := ready(t, c.terms)
		m := good(p)
		if name != "tokens with bitcoin" {
			q := ready(t, c.terms)
			if err := q.a.ch.Receive(good(q), verifier{}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		c.change(m)
		var v *Violation
		if err := p.a.ch.Receive(m, verifier{}); !errors.As(err, &v) || (v.Kind == Fail) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheFeerateOfAChannelWithTokensGoesUpByStepsOfTwo(t *testing.T) {
	p := ready(t, riding())
	if err := p.a.ch.SetFee(2001); err != ErrFeeSteps {
		t.Errorf("more than twice: %v", err)
	}
	if err := p.a.ch.SetFee(2000); err != nil {
		t.Fatal(err)
	}
	p.take(p.a)
	if err := p.a.ch.SetFee(2100); err != ErrFeeSteps {
		t.Errorf("before the last is done: %v", err)
	}
	p.settle()
	p.sound()
	if _, err := p.b.ch.Offer(p.tokens(p.b, 100)); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if err := p.a.ch.SetFee(4000); err != nil {
		t.Errorf("what the HTLC can bear: %v", err)
	}
	p.settle()
	if err := p.a.ch.SetFee(4100); err != ErrFee {
		t.Errorf("what it cannot: %v", err)
	}
	p.sound()
	q := ready(t, riding())
	var v *Violation
	if err := q.b.ch.Receive(&wire.UpdateFee{ChannelID: q.b.ch.ID(), FeeratePerKw: 2001}, verifier{}); !errors.As(err, &v) {
		t.Errorf("the peer doubles and more: %v", err)
	}
}

// A commitment that pays far less than the day's feerate may not confirm before an HTLC of
// it expires, and nothing can be added. A peer that opens cheaply, or never raises what it
// pays, gets no HTLC with tokens and has none of its own taken.
func TestNoTokensGoOverACheapCommitment(t *testing.T) {
	day := FeeBounds{Low: 1001, High: 100_000}
	for _, terms := range []terms{riding(), usual()} {
		p := ready(t, terms)
		add := func(n *node) Add {
			if terms.tokens == 0 {
				return p.add(10_000_000)
			}
			return p.tokens(n, 100)
		}
		p.b.ch.SetFeeBounds(day)
		if _, err := p.b.ch.Offer(add(p.b)); (err == ErrCheap) != (terms.tokens > 0) {
			t.Errorf("offered: %v", err)
		}
		if _, err := p.a.ch.Offer(add(p.a)); err != nil {
			t.Fatal(err)
		}
		p.settle()
		if in := p.b.ch.Unsettled(); len(in) != 1 || in[0].OverExposed != (terms.tokens > 0) {
			t.Errorf("taken: %+v", in)
		}
	}
	p := ready(t, riding())
	p.b.ch.SetFeeBounds(day)
	if err := p.a.ch.SetFee(1001); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if _, err := p.b.ch.Offer(p.tokens(p.b, 100)); err != nil {
		t.Errorf("when it is raised: %v", err)
	}
}

func TestACommitmentWithoutSignaturesOnItsDelaysIsRefused(t *testing.T) {
	for name, change := range map[string]func(m *wire.CommitmentSigned){
		"none":    func(m *wire.CommitmentSigned) { m.DelaySignatures = nil },
		"too few": func(m *wire.CommitmentSigned) { m.DelaySignatures = m.DelaySignatures[1:] },
		"wrong":   func(m *wire.CommitmentSigned) { m.DelaySignatures[0][40] ^= 1 },
		"exchanged": func(m *wire.CommitmentSigned) {
			m.DelaySignatures[0], m.DelaySignatures[1] = m.DelaySignatures[1], m.DelaySignatures[0]
		},
	} {
		p := ready(t, riding())
		if _, err := p.a.ch.Offer(p.tokens(p.a, 100)); err != nil {
			t.Fatal(err)
		}
		p.take(p.a)
		change(p.a.out[1].(*wire.CommitmentSigned))
		for len(p.a.out) > 0 {
			p.deliver(p.b)
		}
		var v *Violation
		if !errors.As(p.b.violated, &v) || v.Kind != Fail {
			t.Errorf("%s: %v", name, p.b.violated)
		}
	}
}

func TestThePastOfAChannelWithTokensHasItsScripts(t *testing.T) {
	p := ready(t, riding())
	if _, err := p.a.ch.Offer(p.tokens(p.a, 100)); err != nil {
		t.Fatal(err)
	}
	p.settle()
	was := p.built(p.b, dance.Local)
	p.fulfill(p.b, 0)
	p.settle()
	var rows []HTLCRow
	for _, h := range p.a.disk.htlcs {
		rows = append(rows, h)
	}
	past, err := p.a.ch.Past(dance.Remote, was.Number, p.b.signer.PerCommitmentPoint(was.Number), rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(past.HTLCs) != 1 || !bytes.Equal(past.HTLCs[0].WitnessScript, was.HTLCs[0].WitnessScript) ||
		past.HTLCs[0].Tokens != 100 || !bytes.Equal(past.ToLocal.WitnessScript, was.ToLocal.WitnessScript) || past.ToRemote == nil {
		t.Errorf("%+v", past)
	}
}
