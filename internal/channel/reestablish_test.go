//go:build !race

package channel

import (
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// scenario is run whole, and again cut at each of its messages.
type scenario func(p *pair, step func())

// busy uses every message of normal operation in both directions.
func busy(p *pair, step func()) {
	p.offer(p.a, 30_000_000)
	p.b.ch.Offer(p.add(20_000_000))
	step()
	p.a.ch.SetFee(1500)
	p.a.ch.Offer(p.add(100_000))
	step()
	settleAll(p)
	step()
}

// leaving closes the channel with an HTLC on its way.
func leaving(p *pair, step func()) {
	p.offer(p.a, 30_000_000)
	step()
	p.b.ch.Shutdown(nil, 0)
	step()
	settleAll(p)
	step()
}

func settleAll(p *pair) {
	for _, n := range []*node{p.a, p.b} {
		for _, in := range n.ch.Unsettled() {
			if in.Ref.ID%2 == 0 {
				p.fulfill(n, in.Ref.ID)
			} else {
				n.ch.Fail(in.Ref.ID, []byte("odd"))
			}
		}
	}
}

// run plays a scenario and cuts the connection after a number of messages; it
// returns how many messages there were.
func (s scenario) run(t *testing.T, cut int, restart string) int {
	terms := usual()
	terms.alias = true
	p := open(t, terms)
	messages := 0
	pump := func() {
		for range 1000 {
			moved := false
			for _, n := range []*node{p.a, p.b} {
				for len(p.other(n).out) > 0 {
					if messages == cut {
						cut = -1
						p.disconnect()
						for _, n := range []*node{p.a, p.b} {
							if n.name == restart || restart == "both" {
								p.restart(n)
							}
						}
						p.connect()
						moved = true
						break
					}
					messages++
					p.deliver(n)
					moved = true
				}
			}
			moved = p.take(p.a)+p.take(p.b) > 0 || moved
			p.sound()
			if !moved {
				return
			}
		}
		t.Fatal("the scenario does not end")
	}
	p.a.ch.FundingDepth(42, 1)
	p.b.ch.FundingDepth(42, 1)
	pump()
	s(p, pump)
	for len(p.a.ch.Unsettled())+len(p.b.ch.Unsettled()) > 0 {
		settleAll(p)
		pump()
	}
	pump()
	p.mirror()
	if !p.a.ch.clean() || !p.b.ch.clean() {
		t.Fatalf("not clean: %+v and %+v", p.a.ch.View(), p.b.ch.View())
	}
	for _, n := range []*node{p.a, p.b} {
		if n.ch.shuttingDown() && n.ch.State() != "CLOSINGD_COMPLETE" {
			t.Fatalf("%s ends as %s", n.name, n.ch.State())
		}
	}
	return messages
}

func TestConnectionIsCutAtEachMessage(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scenario{"busy": busy, "leaving": leaving} {
		all := s.run(t, -1, "")
		for cut := range all {
			for _, restart := range []string{"", "a", "b", "both"} {
				t.Run(fmt.Sprintf("%s/%d/%s", name, cut, restart), func(t *testing.T) {
					t.Parallel()
					s.run(t, cut, restart)
				})
			}
		}
	}
}

func TestLostStateIsNeverBroadcast(t *testing.T) {
	p := ready(t, usual())
	old := p.a.disk.load()
	memory := p.a.disk.memory
	for range 2 {
		p.fulfillNext()
	}
	p.disconnect()
	var err error
	if p.a.ch, err = Load(old); err != nil {
		t.Fatal(err)
	}
	// The disk and the signer went back too.
	p.a.disk = newDisk()
	p.a.disk.rows, p.a.disk.memory = old, memory
	for _, s := range old.Secrets {
		p.a.disk.secrets[s.Bucket] = s
	}
	p.a.signer.memory = memory
	p.connect()
	p.settle()
	if len(raised[DataLoss](p.a)) != 1 || p.a.ch.status.Status != Lost {
		t.Fatalf("a is %s: %s", p.a.ch.State(), p.a.ch.status.Failure)
	}
	if _, _, _, err := p.a.ch.OurCommitment(p.a.signer); err != ErrLost {
		t.Errorf("our commitment: %v", err)
	}
	if p.b.ch.status.Status != Failed {
		t.Error("the peer was not asked to fail the channel")
	}
	// Nor when the block that closed the channel is gone again.
	p.a.ch.SpentOnChain()
	p.a.ch.Unspent()
	if _, _, _, err := p.a.ch.OurCommitment(p.a.signer); err != ErrLost {
		t.Errorf("our commitment after a reorganization: %v", err)
	}
	// It stays so, whatever the peer says and however often it connects.
	p.b.ch.ForceClose("")
	p.disconnect()
	p.restart(p.a)
	p.connect()
	p.a.ch.Receive(&wire.Error{Data: []byte("you first")}, verifier{})
	p.a.ch.ForceClose("impatience")
	p.take(p.a)
	if p.a.ch.status.Status != Lost || len(raised[Failure](p.a)) != 0 {
		t.Error("a lost channel is failed")
	}
	if _, _, _, err := p.a.ch.OurCommitment(p.a.signer); err != ErrLost {
		t.Errorf("our commitment: %v", err)
	}
}

// fulfillNext makes one payment from a to b.
func (p *pair) fulfillNext() {
	id := p.offer(p.a, 1_000_000)
	p.settle()
	p.fulfill(p.b, id)
	p.settle()
}

func TestPreimageIsToldOnceThoughItIsSentAgain(t *testing.T) {
	p := ready(t, usual())
	id := p.offer(p.a, 5_000_000)
	p.settle()
	p.fulfill(p.b, id)
	p.take(p.b)
	p.deliver(p.a) // update_fulfill_htlc, but not commitment_signed
	p.take(p.a)
	if got := raised[Resolved](p.a); len(got) != 1 || got[0].Preimage == nil {
		t.Fatalf("resolved: %+v", got)
	}
	p.disconnect()
	p.restart(p.a)
	if h := p.a.ch.find(dance.Local, id); h.Preimage == nil || h.removing() {
		t.Fatalf("after the restart the HTLC is %+v", h)
	}
	p.connect()
	p.settle()
	p.sound()
	if got := raised[Resolved](p.a); len(got) != 1 || !p.a.ch.clean() {
		t.Fatalf("resolved %d times", len(got))
	}
}

func TestPeerThatFailsAnHTLCAfterItsPreimageLosesTheAmount(t *testing.T) {
	p := ready(t, usual())
	id := p.offer(p.a, 5_000_000)
	p.settle()
	p.a.ch.Receive(&wire.UpdateFulfillHTLC{ChannelID: p.a.ch.ID(), ID: id, PaymentPreimage: p.preimages[p.a.ch.find(dance.Local, id).PaymentHash]}, verifier{})
	p.take(p.a)
	p.disconnect()
	p.connect()
	p.settle()
	if err := p.b.ch.Fail(id, []byte("never mind")); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.sound()
	if got := raised[Resolved](p.a); len(got) != 1 || got[0].Preimage == nil || p.a.ch.fundings[0].toLocal.Msat != 600_000_000 {
		t.Fatalf("resolved %+v, balance %v", got, p.a.ch.fundings[0].toLocal.Msat)
	}
}

func TestFailureIsToldOnlyWhenIrrevocable(t *testing.T) {
	p := ready(t, usual())
	id := p.offer(p.a, 5_000_000)
	p.settle()
	p.b.ch.Fail(id, []byte("no"))
	for p.take(p.b)+p.take(p.a) > 0 || len(p.a.out)+len(p.b.out) > 0 {
		before := len(raised[Resolved](p.a))
		h := p.a.ch.find(dance.Local, id)
		for _, n := range []*node{p.a, p.b} {
			if len(p.other(n).out) > 0 {
				p.deliver(n)
			}
		}
		if before > 0 && h != nil {
			t.Fatal("told before the removal was irrevocable")
		}
	}
	if got := raised[Resolved](p.a); len(got) != 1 || string(got[0].Reason) != "no" {
		t.Fatalf("resolved %+v", got)
	}
}

func TestOffersThatWereNotSignedComeBack(t *testing.T) {
	p := ready(t, usual())
	p.offer(p.a, 1_000_000)
	p.take(p.a)
	p.offer(p.a, 2_000_000)
	p.offer(p.a, 3_000_000)
	p.disconnect()
	p.take(p.a)
	got := raised[Unsent](p.a)
	if len(got) != 2 || got[0].Add.Amount != 2_000_000 || got[1].Add.Amount != 3_000_000 || got[1].Add.Origin.Attempt != 3 || got[0].Add.Onion[7] != 2 {
		t.Fatalf("unsent: %+v", got)
	}
	p.connect()
	p.settle()
	if id := p.offer(p.a, 4_000_000); id != 1 {
		t.Errorf("the next id is %d", id)
	}
	p.settle()
	p.sound()
}

func TestPreimageGivenWhileOfflineIsProposedOnReconnect(t *testing.T) {
	p := ready(t, usual())
	id := p.offer(p.a, 5_000_000)
	other := p.offer(p.a, 6_000_000)
	p.settle()
	p.disconnect()
	p.fulfill(p.b, id)
	if err := p.b.ch.Fail(other, nil); err != ErrOffline {
		t.Errorf("a failure while offline: %v", err)
	}
	p.take(p.b)
	p.restart(p.b)
	if got := p.b.ch.Unsettled(); len(got) != 1 || got[0].Ref.ID != other {
		t.Errorf("unsettled: %+v", got)
	}
	if err := p.b.ch.Fail(id, nil); err != ErrRemoved {
		t.Errorf("a failure of what was fulfilled: %v", err)
	}
	p.connect()
	p.settle()
	if got := raised[Resolved](p.a); len(got) != 1 || got[0].Preimage == nil {
		t.Fatalf("resolved: %+v", got)
	}
}

// Without it the HTLC could not be claimed on-chain, should the peer never come back.
func TestAPreimageWhoseRemovalWasNeverSignedIsKept(t *testing.T) {
	p := ready(t, usual())
	id := p.offer(p.a, 5_000_000)
	p.settle()
	p.fulfill(p.b, id)
	p.disconnect()
	p.take(p.b)
	p.restart(p.b)
	if h := p.b.ch.find(dance.Remote, id); h == nil || h.Preimage == nil || h.removing() {
		t.Errorf("%+v", h)
	}
}
