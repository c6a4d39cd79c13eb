//go:build !race

package channel

import (
	"bytes"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// simple are the usual terms, where both know option_simple_close.
func simple() terms {
	t := usual()
	t.simple = true
	return t
}

// pays checks a closing transaction: valid, and the closee gets all that it has, the
// closer what is left after the fee.
func (p *pair) pays(tx *btcwire.MsgTx, closer *node) (fee amount.Satoshi) {
	p.t.Helper()
	_, pkScript := p.a.ch.params.Format.FundingScript(p.a.signer.base.Funding, p.b.signer.base.Funding)
	p.run(tx, pkScript, p.a.ch.params.Capacity)
	fee = p.a.ch.closingFee(tx)
	// What the two lose by rounding goes to the miner too.
	rounded := p.a.ch.params.Capacity - p.a.ch.fundings[0].toLocal.Msat.Sat() - p.b.ch.fundings[0].toLocal.Msat.Sat()
	for _, n := range []*node{p.a, p.b} {
		want := n.ch.fundings[0].toLocal.Msat.Sat()
		if n == closer {
			want -= min(want, fee-rounded)
		}
		got := amount.Satoshi(0)
		for _, out := range tx.TxOut {
			if bytes.Equal(out.PkScript, n.ch.status.LocalShutdown) {
				got = amount.Satoshi(out.Value)
			}
		}
		if got != want && (want >= closing.DustThreshold(n.ch.status.LocalShutdown) || got != 0) {
			p.t.Fatalf("%s gets %v of %v, fee %v", n.name, got, want, fee)
		}
	}
	return fee
}

// closer is the side that pays for a closing transaction: its output is not all that
// it has.
func (p *pair) closer(tx *btcwire.MsgTx) *node {
	for _, n := range []*node{p.a, p.b} {
		for _, out := range tx.TxOut {
			if bytes.Equal(out.PkScript, n.ch.status.LocalShutdown) && amount.Satoshi(out.Value) == n.ch.fundings[0].toLocal.Msat.Sat() {
				return p.other(n)
			}
		}
	}
	return p.a
}

func (p *pair) best(n *node) *btcwire.MsgTx {
	p.t.Helper()
	tx, err := n.ch.ClosingTx(n.signer)
	if err != nil || tx == nil {
		p.t.Fatalf("%s has no closing transaction: %v", n.name, err)
	}
	return tx
}

func TestEachSideClosesAtItsOwnFee(t *testing.T) {
	p := ready(t, simple())
	p.offer(p.a, 100_000_000)
	p.settle()
	if err := p.b.ch.Shutdown(nil, 3000); err != nil {
		t.Fatal(err)
	}
	p.settle()
	if len(p.a.tx)+len(p.b.tx) > 0 {
		t.Fatal("closed with an HTLC")
	}
	p.fulfill(p.b, 0)
	p.settle()
	p.sound()
	for _, n := range []*node{p.a, p.b} {
		if n.ch.State() != "CLOSINGD_COMPLETE" || len(n.tx) != 2 {
			t.Fatalf("%s is %s with %d transactions", n.name, n.ch.State(), len(n.tx))
		}
		fees := []amount.Satoshi{}
		for _, tx := range n.tx {
			fees = append(fees, p.pays(tx, p.closer(tx)))
		}
		slices.Sort(fees)
		// The one who wished to close pays for it, and the other one's is the cheapest.
		if fees[0] != 172 || fees[1] != 2029 {
			t.Errorf("fees %v", fees)
		}
		if best := p.best(n); p.closer(best) != p.b || p.pays(best, p.b) != 2029 {
			t.Errorf("%s keeps a transaction with a fee of %v", n.name, n.ch.closingFee(best))
		}
	}
}

func TestEitherSideRaisesTheFeeOfItsClose(t *testing.T) {
	p := ready(t, simple())
	p.a.ch.Shutdown(nil, 1000)
	p.settle()
	for i, raise := range []struct {
		n    *node
		perK uint32
		fee  amount.Satoshi
	}{
		{p.a, 1000, 677}, {p.a, 900, 677}, {p.a, 2000, 1353}, {p.b, 3000, 2029}, {p.b, 3002, 2029 + 171}, {p.a, 5000, 3381},
	} {
		if err := raise.n.ch.Shutdown(nil, raise.perK); err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.sound()
		for _, n := range []*node{p.a, p.b} {
			if best := p.best(n); p.pays(best, p.closer(best)) != raise.fee {
				t.Errorf("raise %d: %s keeps a fee of %v", i, n.name, n.ch.closingFee(best))
			}
		}
	}
	p.disconnect()
	p.restart(p.a)
	if best := p.best(p.a); p.pays(best, p.a) != 3381 {
		t.Error("after a restart another one is kept")
	}
}

// After a reconnect shutdown is sent again, and each side offers its close again.
func TestASimpleCloseGoesOnAfterAReconnect(t *testing.T) {
	for cut := 1; cut < 8; cut++ {
		p := ready(t, simple())
		p.a.ch.Shutdown(nil, 1000)
		for range cut {
			p.take(p.a)
			p.take(p.b)
			if len(p.a.out) > 0 {
				p.deliver(p.b)
			}
			if len(p.b.out) > 0 {
				p.deliver(p.a)
			}
		}
		p.disconnect()
		p.restart(p.a)
		p.restart(p.b)
		p.connect()
		p.settle()
		p.sound()
		for _, n := range []*node{p.a, p.b} {
			best := p.best(n)
			p.pays(best, p.closer(best))
		}
	}
}

func TestWhoHasNothingLetsTheOtherOnePay(t *testing.T) {
	for _, toB := range []amount.MilliSatoshi{0, 100_000, 900_000} {
		terms := simple()
		terms.toA = terms.capacity.Msat() - toB
		p := ready(t, terms)
		p.b.ch.Shutdown(nil, 1000)
		p.settle()
		p.sound()
		best := p.best(p.b)
		if toB == 900_000 { // b has enough for a fee, and its dust is left out
			if len(p.b.tx) != 2 || p.a.ch.closingFee(best) != 900 || len(best.TxOut) != 1 {
				t.Errorf("%d transactions, fee %v", len(p.b.tx), p.a.ch.closingFee(best))
			}
			continue
		}
		if len(p.b.tx) != 1 || p.closer(best) != p.a || len(best.TxOut) != 1 {
			t.Errorf("with %v: %d transactions, %d outputs", toB, len(p.b.tx), len(best.TxOut))
		}
	}
}

// complete is a closing_complete of b that a would sign.
func (p *pair) complete(change func(*closing.Complete)) (*wire.ClosingComplete, closing.Complete) {
	c := closing.Complete{
		Closer: p.b.ch.share(dance.Local, p.b.ch.status.LocalShutdown), Closee: p.b.ch.share(dance.Remote, p.a.ch.status.LocalShutdown), Fee: 700,
	}
	if change != nil {
		change(&c)
	}
	m := &wire.ClosingComplete{
		ChannelID: p.a.ch.params.Channel, CloserScriptPubkey: c.Closer.Script, CloseeScriptPubkey: c.Closee.Script,
		FeeSatoshis: c.Fee, Locktime: c.LockTime,
	}
	if c.Payable() {
		for _, v := range []closing.Version{closing.CloserOnly, closing.CloseeOnly, closing.Both} {
			sig, _ := p.b.signer.SignClosing(c.Tx(&p.a.ch.fundings[0].sides[dance.Local], v), p.a.ch.params.Capacity, p.a.ch.fundingScript())
			*closing.Slot(m, v) = &sig
		}
	}
	return m, c
}

func TestAClosingCompleteThatBreaksARuleIsNotSigned(t *testing.T) {
	for name, change := range map[string]func(p *pair) *wire.ClosingComplete{
		"good": func(p *pair) *wire.ClosingComplete { m, _ := p.complete(nil); return m },
		"another script of ours": func(p *pair) *wire.ClosingComplete {
			m, _ := p.complete(func(c *closing.Complete) { c.Closee.Script = closingScript('q', script.Anchors) })
			return m
		},
		"a script that none may have": func(p *pair) *wire.ClosingComplete {
			m, _ := p.complete(func(c *closing.Complete) { c.Closer.Script = []byte{txscript.OP_TRUE} })
			return m
		},
		"a fee that the peer does not have": func(p *pair) *wire.ClosingComplete {
			m, _ := p.complete(func(c *closing.Complete) { c.Fee = c.Closer.Balance.Sat() + 1 })
			return m
		},
		"our output is left out": func(p *pair) *wire.ClosingComplete {
			m, _ := p.complete(nil)
			m.BothOutputs, m.CloseeOutputOnly = nil, nil
			return m
		},
		"a signature of something else": func(p *pair) *wire.ClosingComplete {
			m, _ := p.complete(nil)
			m.FeeSatoshis++
			return m
		},
		"no signature": func(p *pair) *wire.ClosingComplete {
			m, _ := p.complete(nil)
			m.BothOutputs, m.CloseeOutputOnly, m.CloserOutputOnly = nil, nil, nil
			return m
		},
	} {
		p := ready(t, simple())
		p.a.ch.Shutdown(nil, 1000)
		p.settle()
		p.a.tx = nil
		err := p.a.ch.Receive(change(p), verifier{})
		p.take(p.a)
		if (err == nil) != (name == "good") || (len(p.a.tx) == 0) != (err != nil) || p.a.cut != (err != nil) || p.a.ch.status.Status != Open {
			t.Errorf("%s: %v, %d signed, cut %v", name, err, len(p.a.tx), p.a.cut)
		}
	}
	// None without a shutdown of both, nor where it was not negotiated.
	for _, terms := range []terms{usual(), simple()} {
		p := ready(t, terms)
		if !terms.simple {
			p.a.ch.Shutdown(nil, 1000)
			p.settle()
		}
		m, _ := p.complete(func(c *closing.Complete) {
			c.Closer.Script, c.Closee.Script = closingScript('b', script.Anchors), closingScript('a', script.Anchors)
		})
		if err := p.a.ch.Receive(m, verifier{}); err == nil {
			t.Errorf("signed, simple %v", terms.simple)
		}
	}
	p := ready(t, simple())
	p.a.ch.Shutdown(nil, 1000)
	p.settle()
	if err := p.a.ch.Receive(&wire.ClosingSigned{ChannelID: p.a.ch.params.Channel}, verifier{}); err == nil {
		t.Error("closing_signed with option_simple_close")
	}
}

// What can never be mined, or that nobody relays, is signed and takes the place of
// nothing.
func TestAClosingTransactionThatIsOfNoUseIsNotKept(t *testing.T) {
	for name, change := range map[string]func(*closing.Complete){
		"a fee of nothing":                  func(c *closing.Complete) { c.Fee = 0 },
		"a locktime far in the future":      func(c *closing.Complete) { c.Fee, c.LockTime = 100_000, 900_000 },
		"a locktime that is a distant year": func(c *closing.Complete) { c.Fee, c.LockTime = 100_000, 4_000_000_000 },
	} {
		p := ready(t, simple())
		p.a.ch.Block(800_000)
		p.a.ch.Shutdown(nil, 1000)
		p.settle()
		kept := p.best(p.a).TxHash()
		m, _ := p.complete(change)
		if err := p.a.ch.Receive(m, verifier{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p.take(p.a)
		if p.best(p.a).TxHash() != kept || len(p.a.tx) != 3 {
			t.Errorf("%s is kept", name)
		}
	}
	p := ready(t, simple())
	p.a.ch.Block(800_000)
	p.a.ch.Shutdown(nil, 1000)
	p.settle()
	m, c := p.complete(func(c *closing.Complete) { c.Fee, c.LockTime = 100_000, 800_006 })
	if err := p.a.ch.Receive(m, verifier{}); err != nil {
		t.Error(err)
	}
	p.take(p.a)
	if tx := c.Tx(&p.a.ch.fundings[0].sides[dance.Local], closing.Both); p.best(p.a).TxHash() != tx.TxHash() {
		t.Error("a locktime of the next blocks is not kept")
	}
}

func TestThePeerMayCloseToAnotherScript(t *testing.T) {
	p := ready(t, simple())
	p.a.ch.Shutdown(nil, 1000)
	p.settle()
	data := slices.Concat([]byte{txscript.OP_RETURN, 8}, []byte("burnt..."))
	for _, to := range [][]byte{closingScript('n', script.Anchors), data} {
		m, _ := p.complete(func(c *closing.Complete) { c.Closer.Script, c.Fee = to, 800 })
		if err := p.a.ch.Receive(m, verifier{}); err != nil {
			t.Fatal(err)
		}
		p.take(p.a)
		p.b.ch.status.LocalShutdown = to // as it would have it
		p.b.ch.pending.status = true
		p.take(p.b)
		_, pkScript := script.FundingScript(p.a.signer.base.Funding, p.b.signer.base.Funding)
		p.run(p.a.tx[len(p.a.tx)-1], pkScript, p.a.ch.params.Capacity)
		p.a.out = nil
		// What we offer next pays there too.
		p.a.ch.Shutdown(nil, p.a.ch.status.CloseFees.Aim+1000)
		p.settle()
		p.sound()
		found := false
		for _, out := range p.a.tx[len(p.a.tx)-1].TxOut {
			found = found || bytes.Equal(out.PkScript, to)
		}
		if !found {
			t.Errorf("our next transaction does not pay to %x", to)
		}
	}
	// And it says so again in shutdown.
	p.disconnect()
	p.connect()
	p.settle()
	p.sound()
	// Unless it had promised one script at the opening.
	terms := simple()
	terms.upfront = true
	q := ready(t, terms)
	q.a.ch.Shutdown(nil, 1000)
	q.settle()
	m, _ := q.complete(func(c *closing.Complete) { c.Closer.Script = closingScript('n', script.Anchors) })
	if err := q.a.ch.Receive(m, verifier{}); err == nil {
		t.Error("upfront_shutdown_script is forgotten")
	}
}

func TestAClosingSigThatBreaksARuleClosesNothing(t *testing.T) {
	for name, change := range map[string]func(m *wire.ClosingSig){
		"good":                func(*wire.ClosingSig) {},
		"another fee":         func(m *wire.ClosingSig) { m.FeeSatoshis++ },
		"another locktime":    func(m *wire.ClosingSig) { m.Locktime++ },
		"another closer":      func(m *wire.ClosingSig) { m.CloserScriptPubkey = closingScript('q', script.Anchors) },
		"another closee":      func(m *wire.ClosingSig) { m.CloseeScriptPubkey = closingScript('q', script.Anchors) },
		"no signature":        func(m *wire.ClosingSig) { m.BothOutputs = nil },
		"two signatures":      func(m *wire.ClosingSig) { m.CloserOutputOnly = m.BothOutputs },
		"one of another":      func(m *wire.ClosingSig) { m.CloserOutputOnly, m.BothOutputs = m.BothOutputs, nil },
		"one that is invalid": func(m *wire.ClosingSig) { m.BothOutputs[5] ^= 1 },
		"one that we did not offer": func(m *wire.ClosingSig) {
			m.CloseeOutputOnly, m.BothOutputs = m.BothOutputs, nil
		},
	} {
		p := ready(t, simple())
		p.a.ch.Shutdown(nil, 1000)
		var answer *wire.ClosingSig
		for range 50 {
			p.take(p.a)
			p.take(p.b)
			for len(p.a.out) > 0 {
				p.deliver(p.b)
			}
			if len(p.b.out) > 0 {
				if m, ok := p.b.out[0].(*wire.ClosingSig); ok {
					answer = m
					break
				}
				p.deliver(p.a)
			}
		}
		if answer == nil {
			t.Fatal("b does not answer")
		}
		p.a.tx = nil
		change(answer)
		err := p.a.ch.Receive(answer, verifier{})
		p.take(p.a)
		if (err == nil) != (name == "good") || (len(p.a.tx) == 0) != (err != nil) {
			t.Errorf("%s: %v, %d signed", name, err, len(p.a.tx))
		}
		if name == "good" { // and once only
			if err := p.a.ch.Receive(answer, verifier{}); err == nil {
				t.Error("a closing_sig is taken twice")
			}
		}
	}
}

func TestTheFeeOfASimpleCloseIsWithinItsLimits(t *testing.T) {
	p := ready(t, simple())
	for i, wish := range []struct {
		closing.Fees
		fee amount.Satoshi
	}{
		{closing.Fees{Aim: 500, Least: 1000, Most: 2000}, 677},
		{closing.Fees{Aim: 1010, Least: 1000, Most: 1100}, 677}, // the least that replaces it is more than the most
		{closing.Fees{Aim: 9000, Least: 1000, Most: 2000}, 1353},
	} {
		if err := p.a.ch.ShutdownWithin(nil, wish.Fees); err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.sound()
		if best := p.best(p.a); p.pays(best, p.a) != wish.fee {
			t.Errorf("wish %d: a fee of %v", i, p.a.ch.closingFee(best))
		}
	}
	// Who has too little for the least offers nothing; the peer does.
	q := ready(t, simple())
	if err := q.a.ch.ShutdownWithin(nil, closing.Fees{Aim: 2_000_000, Least: 2_000_000}); err != nil {
		t.Fatal(err)
	}
	q.settle()
	q.sound()
	if best := q.best(q.a); len(q.a.tx) != 1 || q.closer(best) != q.b {
		t.Errorf("%d transactions, the best with a fee of %v", len(q.a.tx), q.a.ch.closingFee(best))
	}
}
