package channel

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
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
