//go:build !race

package channel

import (
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestHTLCThatExpiresFailsTheChannel(t *testing.T) {
	p := ready(t, usual())
	a := p.add(5_000_000)
	a.CLTVExpiry = 600
	if _, err := p.a.ch.Offer(a); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.a.ch.Block(601)
	if p.a.ch.status.Status != Open {
		t.Fatal("closed within the grace period")
	}
	p.b.ch.Block(700)
	if p.b.ch.status.Status != Open {
		t.Error("the receiver closes for an HTLC that it cannot claim")
	}
	p.a.ch.Block(602)
	p.take(p.a)
	if p.a.ch.status.Status != Failed || len(raised[Failure](p.a)) != 1 {
		t.Error("not closed after the grace period")
	}
	if _, err := p.a.ch.Offer(p.add(1)); err != ErrClosed {
		t.Errorf("offer: %v", err)
	}
	p.settle()
	if f := raised[Failure](p.b); len(f) != 1 || !f[0].ByPeer {
		t.Errorf("the peer has %v", f)
	}
}

func TestHTLCWithPreimageIsClaimedBeforeItExpires(t *testing.T) {
	for _, how := range []string{"signed", "proposed", "offline"} {
		p := ready(t, usual())
		a := p.add(5_000_000)
		a.CLTVExpiry = 600
		p.a.ch.Offer(a)
		p.settle()
		if how == "offline" {
			p.disconnect()
		}
		p.fulfill(p.b, 0)
		if how != "proposed" {
			p.take(p.b)
		}
		p.b.ch.Block(581)
		if p.b.ch.status.Status != Open {
			t.Fatalf("%s: closed too early", how)
		}
		p.b.ch.Block(582)
		if p.b.ch.status.Status != Failed {
			t.Fatalf("%s: not closed in time", how)
		}
	}
}

// The dust limit of both sides is 354 satoshi.
func TestDustAloneNeverClosesAChannel(t *testing.T) {
	for amt, want := range map[amount.MilliSatoshi]Status{353_999: Open, 354_000: Failed} {
		p := ready(t, usual())
		a := p.add(amt)
		a.CLTVExpiry = 600
		p.a.ch.Offer(a)
		p.settle()
		p.disconnect()
		p.fulfill(p.b, 0)
		p.a.ch.Block(700)
		p.b.ch.Block(700)
		if a, b := p.a.ch.status.Status, p.b.ch.status.Status; a != want || b != want {
			t.Errorf("%v: the offerer is %v, the receiver %v", amt, a, b)
		}
	}
}

func TestAfterALongTimeAwayThePeerMayComeBack(t *testing.T) {
	in := Ref{wire.ChannelID{7}, 3}
	for _, x := range []struct {
		name     string
		until    uint32
		forwards uint32 // expiry of the incoming HTLC; zero: a payment of ours
		want     uint32 // first height at which the channel fails
	}{
		{"not away", 0, 0, 602},
		{"back long after it expired", 706, 0, 706},
		{"back before it expired", 550, 0, 602},
		{"a forward with time left", 706, 800, 706},
		{"a forward with little time left", 706, 720, 684},
		{"a forward without time", 706, 610, 602},
	} {
		p := ready(t, usual())
		a := p.add(5_000_000)
		a.CLTVExpiry = 600
		forwarded := map[Ref]uint32{}
		if x.forwards != 0 {
			a.Origin = Origin{In: &in}
			forwarded[in] = x.forwards
		}
		p.a.ch.Offer(a)
		p.settle()
		p.a.ch.Grace(x.until, forwarded)
		for height := uint32(590); p.a.ch.status.Status == Open; height++ {
			if p.a.ch.Block(height); (p.a.ch.status.Status == Failed) != (height >= x.want) {
				t.Errorf("%s: at %d it is %v", x.name, height, p.a.ch.status.Status)
				break
			}
		}
	}
}

// Rows of an older day, restored, have HTLCs about to expire that ended long ago. The
// peer is heard before a commitment is broadcast that may be revoked.
func TestAfterALongTimeAwayAFulfilledHTLCWaitsForThePeerToo(t *testing.T) {
	for _, x := range []struct{ until, want uint32 }{{0, 582}, {570, 582}, {586, 586}, {591, 591}, {700, 591}} {
		p := ready(t, usual())
		a := p.add(5_000_000)
		a.CLTVExpiry = 600
		p.a.ch.Offer(a)
		p.settle()
		p.disconnect()
		p.fulfill(p.b, 0)
		p.b.ch.Grace(x.until, nil)
		for height := uint32(575); p.b.ch.status.Status == Open; height++ {
			if p.b.ch.Block(height); (p.b.ch.status.Status == Failed) != (height >= x.want) {
				t.Errorf("until %d: at %d it is %v", x.until, height, p.b.ch.status.Status)
				break
			}
		}
	}
}

// A copy of an hour ago is no long time away, and has as old rows.
func TestThePeerIsHeardBeforeADeadlineClosesAChannelThatWasLoaded(t *testing.T) {
	for _, x := range []struct {
		name      string
		fulfilled bool // an HTLC that we fulfilled; else one that we offered
		heard     bool
		woke      uint32
		want      uint32 // first height at which the channel fails
	}{
		{"fulfilled, before the deadline", true, false, 581, 582},
		{"fulfilled, at the deadline", true, false, 582, 583},
		{"fulfilled, at the deadline, heard", true, true, 582, 582},
		{"fulfilled, just before it expires", true, false, 599, 600},
		{"fulfilled, and expired", true, false, 600, 606},
		{"fulfilled, and expired, heard", true, true, 600, 600},
		{"offered, before the deadline", false, false, 601, 602},
		{"offered, at the deadline", false, false, 602, 603},
		{"offered, at the deadline, heard", false, true, 602, 602},
	} {
		p := ready(t, usual())
		a := p.add(5_000_000)
		a.CLTVExpiry = 600
		p.a.ch.Offer(a)
		p.settle()
		p.disconnect()
		if x.fulfilled {
			p.fulfill(p.b, 0)
			p.take(p.b)
		}
		n := map[bool]*node{true: p.b, false: p.a}[x.fulfilled]
		if !x.heard {
			p.restart(n)
		}
		n.ch.Woke(x.woke)
		for height := x.woke; height <= x.want; height++ {
			if n.ch.Block(height); (n.ch.status.Status == Failed) != (height >= x.want) {
				t.Errorf("%s: at %d it is %v", x.name, height, n.ch.status.Status)
				break
			}
		}
	}
}

func TestChannelIsReadyWhenBothAre(t *testing.T) {
	terms := usual()
	terms.depth, terms.alias = 3, true
	p := open(t, terms)
	p.a.ch.FundingDepth(42, 2)
	p.settle()
	if p.a.ch.status.ReadySent {
		t.Fatal("ready before minimum_depth")
	}
	if _, err := p.a.ch.Offer(p.add(1)); err != ErrNotReady {
		t.Errorf("offer: %v", err)
	}
	p.a.ch.FundingDepth(42, 3)
	p.settle()
	if len(raised[Ready](p.a)) != 0 || p.b.ch.status.RemoteAlias != 'a' {
		t.Fatalf("ready alone; the alias is %v", p.b.ch.status.RemoteAlias)
	}
	p.disconnect()
	p.b.ch.FundingDepth(42, 4)
	p.take(p.b)
	p.connect()
	p.settle()
	for _, n := range []*node{p.a, p.b} {
		if r := raised[Ready](n); len(r) != 1 || r[0].SCID != 42 || n.ch.State() != "CHANNELD_NORMAL" {
			t.Errorf("%s: ready %v, %s", n.name, r, n.ch.State())
		}
		if e := n.disk.events; len(e) != 2 || e[1].State != "CHANNELD_NORMAL" {
			t.Errorf("%s: events %v", n.name, e)
		}
	}
	// Once more on reconnect, and ignored by a peer that has got it.
	p.disconnect()
	p.connect()
	p.settle()
	p.sound()
	p.fulfillNext()
	p.sound()
}

func TestZeroConfChannelIsReadyAtOnce(t *testing.T) {
	terms := usual()
	terms.depth, terms.alias = 0, true
	p := open(t, terms)
	p.settle()
	p.fulfillNext()
	p.sound()
	p.a.ch.FundingDepth(77, 1)
	p.take(p.a)
	if r := raised[Ready](p.a); len(r) != 2 || r[0].SCID != 0 || r[1].SCID != 77 {
		t.Errorf("ready: %+v", r)
	}
}

func TestEndsAreFinal(t *testing.T) {
	p := ready(t, usual())
	p.a.ch.SpentOnChain()
	p.take(p.a)
	if p.a.ch.State() != "FUNDING_SPEND_SEEN" || p.a.ch.Shutdown(nil, 0) != ErrClosed {
		t.Error("spent")
	}
	p.a.ch.Unspent()
	p.take(p.a)
	if p.a.ch.State() != "AWAITING_UNILATERAL" {
		t.Error("unspent")
	}
	p.a.ch.Done()
	p.take(p.a)
	p.a.ch.SpentOnChain()
	if p.a.ch.State() != "CLOSED" {
		t.Error("done")
	}
	p.a.out = nil
	p.disconnect()
	p.connect()
	p.take(p.a)
	if got := names(p.a.out); !slices.Equal(got, []string{"channel_reestablish", "error"}) {
		t.Errorf("on reconnect a closed channel sends %v", got)
	}
}

func TestTheOriginOfAnHTLCHearsOfItsEndOnChainOnce(t *testing.T) {
	for _, byPreimage := range []bool{true, false} {
		p := ready(t, usual())
		a := p.add(5_000_000)
		r := p.preimages[a.PaymentHash]
		id, err := p.a.ch.Offer(a)
		if err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.a.ch.ForceClose("for a test")
		p.a.ch.EndedOnChain(id, &wire.Preimage{1}) // of something else
		p.a.ch.EndedOnChain(id+1, nil)
		if byPreimage {
			p.a.ch.EndedOnChain(id, &r)
		}
		p.a.ch.EndedOnChain(id, nil)
		p.a.ch.EndedOnChain(id, &r)
		p.a.ch.EndedOnChain(id, nil)
		p.take(p.a)
		if told := raised[Resolved](p.a); len(told) != 1 || (told[0].Preimage != nil) != byPreimage {
			t.Errorf("by its preimage %v: %+v", byPreimage, told)
		}
	}
}
