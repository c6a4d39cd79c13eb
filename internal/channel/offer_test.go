//go:build !race

package channel

import (
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

func TestWhatThePeerAcceptsIsUsedToTheLastMillisatoshi(t *testing.T) {
	terms := usual()
	terms.b.MaxHTLCValueInFlight = 30_000_000
	p := ready(t, terms)
	p.offer(p.a, 10_000_000)
	p.offer(p.a, 20_000_000)
	if _, err := p.a.ch.Offer(p.add(1)); err != ErrInFlight {
		t.Errorf("one more millisatoshi: %v", err)
	}
	p.settle()
	p.sound()
}

func TestSettlingWishesAreChecked(t *testing.T) {
	p := ready(t, usual())
	p.offer(p.a, 5_000_000)
	p.offer(p.a, 6_000_000)
	p.take(p.a)
	for len(p.a.out) > 0 {
		p.deliver(p.b)
	}
	// Both are committed, but a could still say that they are not.
	if err := p.b.ch.Fulfill(0, p.preimages[p.b.ch.find(dance.Remote, 0).PaymentHash]); err != ErrUnknownHTLC {
		t.Errorf("before it is irrevocable: %v", err)
	}
	if err := p.b.ch.Fail(0, nil); err != ErrUnknownHTLC || len(p.b.ch.Unsettled()) != 0 {
		t.Errorf("before it is irrevocable: %v", err)
	}
	p.settle()
	preimage := p.preimages[p.b.ch.find(dance.Remote, 0).PaymentHash]
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"an unknown HTLC", p.b.ch.Fulfill(2, preimage), ErrUnknownHTLC},
		{"a wrong preimage", p.b.ch.Fulfill(1, preimage), ErrPreimage},
		{"no BADONION", p.b.ch.FailMalformed(1, [32]byte{}, 0x4005), ErrBadCode},
		{"a fulfill", p.b.ch.Fulfill(0, preimage), nil},
		{"the same again", p.b.ch.Fulfill(0, preimage), nil},
		{"a failure after it", p.b.ch.Fail(0, nil), ErrRemoved},
		{"a failure", p.b.ch.FailMalformed(1, [32]byte{7}, 0x8005), nil},
		{"a second failure", p.b.ch.Fail(1, nil), ErrRemoved},
		{"a fulfill after it", p.b.ch.Fulfill(1, p.preimages[p.b.ch.find(dance.Remote, 1).PaymentHash]), ErrRemoved},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	p.settle()
	p.sound()
	if m := p.a.disk.settlements[1].Malformed; m == nil || m.Code != 0x8005 || m.SHA256OfOnion != [32]byte{7} {
		t.Errorf("the malformed onion is told as %+v", m)
	}
}

func TestFeerateWishesAreChecked(t *testing.T) {
	p := ready(t, usual())
	most := uint32((590_000 - 660) * 1000 / 1124)
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"below what is relayed", p.a.ch.SetFee(252), ErrFeerate},
		{"more than we have", p.a.ch.SetFee(most + 2), ErrFee},
		{"by who did not open", p.b.ch.SetFee(1500), ErrNotOpener},
		{"no change", p.a.ch.SetFee(1000), nil},
		{"the least", p.a.ch.SetFee(253), nil},
		{"all that we have", p.a.ch.SetFee(most), nil},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	p.settle()
	p.sound()
	if p.b.ch.fees[dance.Irrevocable] != most {
		t.Errorf("the feerate is %d", p.b.ch.fees[dance.Irrevocable])
	}
	p.disconnect()
	if err := p.a.ch.SetFee(300); err != ErrOffline {
		t.Errorf("while offline: %v", err)
	}
	if _, err := p.a.ch.Offer(p.add(1)); err != ErrOffline {
		t.Errorf("an offer while offline: %v", err)
	}
}

func TestPathKeyAndOriginAreKept(t *testing.T) {
	p := ready(t, usual())
	a := p.add(amount.MilliSatoshi(3_000_000))
	key := p.a.signer.base.HTLC
	a.PathKey, a.Origin = &key, Origin{In: &Ref{Channel: wire.ChannelID{9}, ID: 4}}
	if _, err := p.a.ch.Offer(a); err != nil {
		t.Fatal(err)
	}
	p.take(p.a)
	p.disconnect() // sent again from the rows
	p.restart(p.a)
	p.connect()
	p.settle()
	in := raised[Incoming](p.b)
	if len(in) != 1 || in[0].PathKey == nil || *in[0].PathKey != key || *in[0].Onion != a.Onion {
		t.Fatalf("arrived: %+v", in)
	}
	p.fulfill(p.b, 0)
	p.settle()
	if r := raised[Resolved](p.a); len(r) != 1 || r[0].Origin.In == nil || *r[0].Origin.In != *a.Origin.In || r[0].Amount != a.Amount {
		t.Fatalf("resolved: %+v", r)
	}
}
