//go:build !race

package channel

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

// A node restored from an old copy connects; its peer fails the channel, and the
// connection ends before that is heard. When they meet again the peer says that the
// channel has failed: had it said nothing else, the old commitment would be
// broadcast, and punished.
func TestAPeerThatHasLostStateLearnsItFromAChannelThatHasFailed(t *testing.T) {
	p := ready(t, usual())
	old, memory := *p.a.disk, p.a.disk.memory
	old.htlcs, old.secrets = map[htlcKey]HTLCRow{}, map[int]SecretRow{}
	for range 3 {
		id := p.offer(p.a, 5_000_000)
		p.settle()
		p.fulfill(p.b, id)
		p.settle()
	}
	p.disconnect()
	p.a.disk, p.a.disk.memory = &old, memory
	p.restart(p.a)
	p.b.ch.ForceClose("for a test")
	p.take(p.b)

	p.connect()
	p.take(p.a)
	p.take(p.b)
	if len(p.b.out) != 2 || wire.Name(p.b.out[0]) != "channel_reestablish" || wire.Name(p.b.out[1]) != "error" {
		t.Fatalf("%v", p.b.out)
	}
	for len(p.b.out) > 0 {
		p.deliver(p.a)
	}
	p.take(p.a)
	if s := p.a.ch.status.Status; s != Lost {
		t.Errorf("the channel is %v", s)
	}
	if _, _, _, err := p.a.ch.OurCommitment(p.a.signer); err == nil {
		t.Error("an old commitment may be broadcast")
	}
}

// Also by one revocation: it is the nearest that a copy of the rows can be.
func TestThePeerProvesThatOneRevocationIsLost(t *testing.T) {
	p := ready(t, usual())
	p.fulfillNext()
	old := newDisk()
	old.rows = p.a.disk.load()
	old.memory = p.a.disk.memory
	for _, r := range old.rows.Secrets {
		old.secrets[r.Bucket] = r
	}
	before := p.a.ch.steps.Revoked[dance.Local]
	p.offer(p.a, 5_000_000)
	p.settle()
	if n := p.a.ch.steps.Revoked[dance.Local] - before; n != 1 {
		t.Fatalf("%d revocations are lost", n)
	}
	memory := p.a.disk.memory
	p.disconnect()
	p.a.disk = old
	p.a.disk.memory = memory
	p.restart(p.a)
	p.connect()
	p.settle()
	if s := p.a.ch.status.Status; s != Lost {
		t.Errorf("the channel is %v", s)
	}
	if _, _, _, err := p.a.ch.OurCommitment(p.a.signer); err == nil {
		t.Error("an old commitment may be broadcast")
	}
}

// without gives a a channel of which nothing is left but what never changes.
func (p *pair) without() {
	rows := p.a.disk.load()
	p.disconnect()
	disk := newDisk()
	disk.rows = Rows{
		Params:     rows.Params,
		State:      StateRow{Channel: rows.Params.Channel, FeeIrrevocable: minFeePerKw, CurrentPoint: rows.Params.RemoteKeys.Payment},
		Status:     StatusRow{Channel: rows.Params.Channel, Status: Lost, Failure: "the database is gone"},
		Commitment: CommitmentRow{Channel: rows.Params.Channel},
	}
	disk.memory = p.a.disk.memory
	p.a.disk = disk
	p.restart(p.a)
}

func TestAPeerClosesTheChannelOfOneWhoHasLostAll(t *testing.T) {
	for _, payments := range []int{0, 1, 5} {
		p := ready(t, usual())
		for range payments {
			p.fulfillNext()
		}
		p.without()
		p.connect()
		p.take(p.a)
		m, ok := p.a.out[0].(*wire.ChannelReestablish)
		if !ok || m.NextCommitmentNumber != 0 || m.NextRevocationNumber != 0 || m.YourLastCommitmentSecret != [32]byte{} {
			t.Fatalf("%+v", p.a.out[0])
		}
		p.settle()
		if s := p.b.ch.status; s.Status != Failed || len(raised[Failure](p.b)) != 1 {
			t.Errorf("after %d payments the peer's channel is %v", payments, s)
		}
		if s := p.a.ch.status; s.Status != Lost {
			t.Errorf("ours is %v", s)
		}
		if _, _, _, err := p.a.ch.OurCommitment(p.a.signer); err != ErrLost {
			t.Errorf("our commitment: %v", err)
		}
	}
}

func TestAChannelThatIsSaidToBeLostIsClosedByItsPeer(t *testing.T) {
	for _, online := range []bool{true, false} {
		p := ready(t, usual())
		p.fulfillNext()
		if !online {
			p.disconnect()
		}
		p.a.ch.Lose("the database is old")
		p.take(p.a)
		if _, err := p.a.ch.Offer(Add{Amount: 1_000_000}); err == nil {
			t.Error("an HTLC is offered")
		}
		if len(raised[DataLoss](p.a)) != 1 {
			t.Error("nobody was told")
		}
		if !online {
			p.restart(p.a)
			p.connect()
		}
		p.settle()
		if p.b.ch.status.Status != Failed || p.a.ch.status.Status != Lost {
			t.Errorf("online %v: ours is %v, the peer's %v", online, p.a.ch.status, p.b.ch.status)
		}
	}
}

// What was signed last is on disk of a channel that has failed, or whose close is
// agreed on: to call it lost would only leave the money with a peer that is gone.
func TestAChannelThatIsClosedIsNotLost(t *testing.T) {
	p := ready(t, usual())
	p.a.ch.ForceClose("for a test")
	p.a.ch.Lose("the database is old")
	p.take(p.a)
	if p.a.ch.status.Status != Failed {
		t.Errorf("%v", p.a.ch.status)
	}
	p = ready(t, usual())
	p.a.ch.status.Closing = &Agreement{}
	p.a.ch.Lose("the database is old")
	if p.a.ch.status.Status != Open {
		t.Errorf("%v", p.a.ch.status)
	}
}

// older gives a rows of some payments ago, as a copy of the disk has them.
func (p *pair) older() {
	p.t.Helper()
	old, memory := *p.a.disk, p.a.disk.memory
	old.htlcs, old.secrets = map[htlcKey]HTLCRow{}, map[int]SecretRow{}
	for range 3 {
		p.fulfillNext()
	}
	p.disconnect()
	p.a.disk, p.a.disk.memory = &old, memory
	p.restart(p.a)
}

// curt has b, whose channel has failed, say nothing but that, as BOLT 2 has it.
func (p *pair) curt() {
	p.t.Helper()
	p.connect()
	p.take(p.a)
	p.take(p.b)
	for len(p.b.out) > 0 {
		if _, numbers := p.b.out[0].(*wire.ChannelReestablish); numbers {
			p.b.out = p.b.out[1:]
			continue
		}
		p.deliver(p.a)
	}
	p.take(p.a)
}

func TestAnErrorAloneBroadcastsNothingOfAnOlderDay(t *testing.T) {
	p := ready(t, usual())
	p.older()
	p.b.ch.ForceClose("for a test")
	p.take(p.b)
	for range 2 {
		p.curt()
		if p.a.ch.status.Status != Open || len(raised[Failure](p.a)) != 0 {
			t.Fatalf("%v", p.a.ch.status)
		}
		p.disconnect()
	}
	if len(raised[Blamed](p.a)) != 1 {
		t.Error("nobody was told, or more than once")
	}
	if _, err := p.a.ch.Offer(p.add(1_000_000)); err == nil {
		t.Error("an HTLC is offered")
	}
	p.connect()
	p.settle()
	if p.a.ch.status.Status != Lost || len(raised[Failure](p.a)) != 0 {
		t.Errorf("after its numbers: %v", p.a.ch.status)
	}
}

func TestAnErrorCountsOnceTheNumbersAreThere(t *testing.T) {
	p := ready(t, usual())
	p.fulfillNext()
	p.disconnect()
	p.restart(p.a)
	p.b.ch.ForceClose("for a test")
	p.take(p.b)
	p.curt()
	if p.a.ch.status.Status != Open {
		t.Fatalf("%v", p.a.ch.status)
	}
	p.disconnect()
	p.connect()
	p.settle()
	if f := raised[Failure](p.a); p.a.ch.status.Status != Failed || len(f) != 1 || !f[0].ByPeer {
		t.Errorf("%v, %v", p.a.ch.status, f)
	}
}

// Once the numbers were heard an error counts at once, also on another connection.
func TestAnErrorCountsAtOnceWhereTheNumbersWereHeard(t *testing.T) {
	for _, restart := range []bool{false, true} {
		p := ready(t, usual())
		p.disconnect()
		if restart {
			p.restart(p.a)
			p.connect()
			p.settle()
			p.disconnect()
		}
		p.b.ch.ForceClose("for a test")
		p.take(p.b)
		p.curt()
		if f := raised[Failure](p.a); p.a.ch.status.Status != Failed || len(f) != 1 || !f[0].ByPeer {
			t.Errorf("restart %v: %v, %v", restart, p.a.ch.status, f)
		}
	}
}

func TestAPeerThatSaysOnlyErrorIsWaitedForADay(t *testing.T) {
	for _, missed := range []uint32{0, 500} { // blocks that are taken in at the start
		p := ready(t, usual())
		p.disconnect()
		p.restart(p.a)
		p.a.ch.Block(1000)
		if missed > 0 {
			p.a.ch.Grace(1000+missed, nil)
		}
		p.b.ch.ForceClose("for a test")
		p.take(p.b)
		p.curt()
		first, last := 1001+missed, 1001+missed+blameTime
		if missed > 0 {
			last--
		}
		for h := uint32(1001); h < last; h++ {
			p.a.ch.Block(h)
		}
		if p.a.ch.status.Status != Open {
			t.Fatalf("from %d: it failed at %d", first, p.a.ch.height)
		}
		p.a.ch.Block(last)
		p.take(p.a)
		if f := raised[Failure](p.a); p.a.ch.status.Status != Failed || len(f) != 1 || !f[0].ByPeer {
			t.Errorf("%v, %v", p.a.ch.status, f)
		}
	}
}

// An HTLC does not wait for a peer's numbers.
func TestAnHTLCForcesAChannelThatIsBlamed(t *testing.T) {
	p := ready(t, usual())
	a := p.add(5_000_000)
	a.CLTVExpiry = 600
	if _, err := p.a.ch.Offer(a); err != nil {
		t.Fatal(err)
	}
	p.settle()
	p.disconnect()
	p.restart(p.a)
	p.a.ch.Block(590)
	p.b.ch.ForceClose("for a test")
	p.take(p.b)
	p.curt()
	p.a.ch.Block(601)
	if p.a.ch.status.Status != Open {
		t.Fatalf("%v", p.a.ch.status)
	}
	p.a.ch.Block(602)
	if p.a.ch.status.Status != Failed {
		t.Errorf("%v", p.a.ch.status)
	}
}

// A block that is gone says nothing about how old the rows are.
func TestAReorganizationBroadcastsNothingOfAnOlderDay(t *testing.T) {
	p := ready(t, usual())
	p.older()
	p.a.ch.SpentOnChain()
	p.take(p.a)
	p.a.ch.Unspent()
	p.take(p.a)
	if p.a.ch.status.Status != Open || len(raised[Blamed](p.a)) != 1 {
		t.Fatalf("%v", p.a.ch.status)
	}
	p.connect()
	p.settle()
	if p.a.ch.status.Status != Lost {
		t.Errorf("%v", p.a.ch.status)
	}
}

func TestAfterAReorganizationTheChannelIsClosedOnceTheNumbersAreThere(t *testing.T) {
	for _, heard := range []bool{true, false} {
		p := ready(t, usual())
		if !heard {
			p.disconnect()
			p.restart(p.a)
		}
		p.a.ch.SpentOnChain()
		p.take(p.a)
		p.a.ch.Unspent()
		p.take(p.a)
		if !heard {
			p.connect()
			p.settle()
		}
		if p.a.ch.status.Status != Failed {
			t.Errorf("heard %v: %v", heard, p.a.ch.status)
		}
	}
}

// An lnd that is stopped in the middle of an update says so.
func TestAnInternalErrorOfThePeerClosesNothing(t *testing.T) {
	p := ready(t, usual())
	p.offer(p.a, 1_000_000)
	p.take(p.a)
	p.b.out = append(p.b.out, &wire.Error{ChannelID: p.a.ch.params.Channel, Data: []byte("internal error")})
	p.deliver(p.a)
	p.take(p.a)
	warning, ok := p.a.out[len(p.a.out)-1].(*wire.Warning)
	if p.a.ch.status.Status != Open || !p.a.cut || !ok || len(raised[Failure](p.a))+len(raised[Blamed](p.a)) != 0 {
		t.Fatalf("%v, cut: %v, %v", p.a.ch.status, p.a.cut, warning)
	}
	p.a.violated = nil // as if the peer had broken a rule
	p.disconnect()
	p.restart(p.b)
	p.connect()
	p.settle()
	p.fulfillNext()
	p.sound()
}
