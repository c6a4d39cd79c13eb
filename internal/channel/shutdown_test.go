//go:build !race

package channel

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/closing"
)

func TestChannelIsClosedByAgreementBeforeItIsReady(t *testing.T) {
	p := open(t, usual())
	if err := p.b.ch.Shutdown(nil, 0); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.sound()
	for _, n := range []*node{p.a, p.b} {
		if n.ch.State() != "CLOSINGD_COMPLETE" || len(n.tx) != 1 || len(raised[ClosedMutually](n)) != 1 {
			t.Errorf("%s is %s", n.name, n.ch.State())
		}
	}
}

func TestClosingTransactionIsRebuiltAfterARestart(t *testing.T) {
	p := ready(t, usual())
	p.a.ch.Shutdown(closingScript('z', script.Anchors), 2000)
	p.settle()
	p.disconnect()
	p.restart(p.a)
	tx, err := p.a.ch.ClosingTx(p.a.signer)
	if err != nil || tx == nil || tx.TxHash() != p.b.tx[0].TxHash() || len(tx.TxIn[0].Witness) != 4 {
		t.Fatalf("rebuilt %v, %v", tx, err)
	}
	// 2000 per 1000 weight, from what a has.
	fee := 1_000_000 - tx.TxOut[0].Value - tx.TxOut[1].Value
	if fee < 2*640 || fee > 2*730 || tx.TxOut[0].Value != 400_000 {
		t.Errorf("fee %d, outputs %d and %d", fee, tx.TxOut[0].Value, tx.TxOut[1].Value)
	}
}

func TestShutdownWishes(t *testing.T) {
	p := ready(t, usual())
	c := p.a.ch
	if err := c.Shutdown([]byte{1}, 0); !errors.Is(err, closing.ErrScript) {
		t.Errorf("a bad script: %v", err)
	}
	p.disconnect()
	if err := c.Shutdown(closingScript('z', script.Anchors), 0); err != nil {
		t.Errorf("while the peer is away: %v", err)
	}
	if err := c.Shutdown(closingScript('y', script.Anchors), 0); err != ErrClosing {
		t.Errorf("another script: %v", err)
	}
	if err := c.Shutdown(nil, 700); err != nil {
		t.Errorf("another feerate: %v", err)
	}
	p.take(p.a)
	p.restart(p.a)
	p.connect()
	p.settle()
	if p.a.ch.State() != "CLOSINGD_COMPLETE" || len(raised[ShutdownStarted](p.a)) != 1 {
		t.Errorf("the wish was forgotten: %s", p.a.ch.State())
	}

	terms := usual()
	terms.upfront = true
	q := ready(t, terms)
	if err := q.a.ch.Shutdown(closingScript('z', script.Anchors), 0); err != ErrUpfrontScript {
		t.Errorf("another script than upfront: %v", err)
	}
	if err := q.a.ch.Shutdown(closingScript('a', script.Anchors), 0); err != nil {
		t.Errorf("the upfront script: %v", err)
	}
}

func TestShutdownWaitsForUpdatesToBeSigned(t *testing.T) {
	p := ready(t, usual())
	p.offer(p.a, 1_000_000)
	p.take(p.a) // signed: a revocation is awaited
	p.offer(p.a, 1_000_000)
	p.a.ch.Shutdown(nil, 0)
	p.take(p.a)
	for _, m := range p.a.out {
		if _, ok := m.(*wire.Shutdown); ok {
			t.Fatal("shutdown with an update that is not signed")
		}
	}
	p.settle()
	p.sound()
	if !p.a.ch.conn.shutdownSent || !p.b.ch.conn.shutdownSent {
		t.Error("no shutdown")
	}
}

// An update that is not signed is in no row, and takes no step of a close back.
func TestTheStateOfAChannelIsThatOfItsRows(t *testing.T) {
	p := ready(t, usual())
	p.a.ch.Shutdown(nil, 0)
	p.take(p.a)
	p.deliver(p.b)
	p.take(p.b)
	p.disconnect()
	p.connect()
	p.take(p.a)
	p.take(p.b)
	p.deliver(p.b)
	p.take(p.b)
	p.a.out = []wire.Message{&wire.UpdateFee{ChannelID: p.b.ch.ID(), FeeratePerKw: 1100}}
	p.deliver(p.b)
	p.take(p.b)
	if p.b.violated != nil || p.b.ch.clean() {
		t.Fatal("no fee is on its way: ", p.b.violated)
	}
	stored, err := Load(p.b.ch.Rows())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := p.b.ch.State(), stored.State(); a != b {
		t.Errorf("it is %s, and %s by its rows", a, b)
	}
}

func TestAfterShutdownNothingIsOffered(t *testing.T) {
	p := ready(t, usual())
	p.offer(p.a, 1_000_000)
	p.settle()
	p.a.ch.Shutdown(nil, 0)
	if _, err := p.a.ch.Offer(p.add(1_000_000)); err != ErrShutdown {
		t.Errorf("after our shutdown: %v", err)
	}
	p.settle()
	if _, err := p.b.ch.Offer(p.add(1_000_000)); err != ErrShutdown {
		t.Errorf("after theirs: %v", err)
	}
	if err := p.a.ch.SetFee(1100); err != nil {
		t.Errorf("a fee while an HTLC is left: %v", err)
	}
	p.fulfill(p.b, 0)
	for len(p.b.out) == 0 {
		p.take(p.b)
	}
	p.deliver(p.a)
	if err := p.a.ch.SetFee(1200); err != ErrShutdown {
		t.Errorf("a fee while the last HTLC goes: %v", err)
	}
	p.settle()
	p.sound()
	if p.a.ch.State() != "CLOSINGD_COMPLETE" {
		t.Errorf("ends as %s", p.a.ch.State())
	}
}

// Each closing_signed says the limits, and its fee is within them, also when another one was
// wished for, and after a restart.
func TestTheFeeOfACloseIsWithinItsLimits(t *testing.T) {
	for wish, want := range map[closing.Fees][3]uint32{ // feerates of the range, and of the fee
		{Aim: 2000, Least: 1500, Most: 2500}: {1500, 2500, 2000},
		{Aim: 9000, Least: 1500, Most: 2500}: {1500, 2500, 2500},
		{Aim: 700, Least: 1500, Most: 2500}:  {1500, 2500, 1500},
		{Aim: 2000, Least: 1500}:             {1500, 4000, 2000},
		{Aim: 2000, Most: 2500}:              {253, 2500, 2000},
	} {
		p := ready(t, usual())
		p.disconnect()
		if err := p.a.ch.ShutdownWithin(nil, wish); err != nil {
			t.Fatal(err)
		}
		p.take(p.a)
		p.restart(p.a)
		p.connect()
		p.settle()
		p.sound()
		terms := p.a.ch.conn.terms
		weight := closing.WeightBetween(terms.Local, terms.Remote)
		fee := p.a.ch.closingFee(p.a.tx[0])
		if terms.Min != closing.Fee(want[0], weight) || terms.Max != closing.Fee(want[1], weight) || fee != closing.Fee(want[2], weight) {
			t.Errorf("%+v: range %v to %v, fee %v, for a weight of %d", wish, terms.Min, terms.Max, fee, weight)
		}
	}
}
