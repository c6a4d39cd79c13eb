package peer

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// counter is a handler that tells of each message's arrival.
type counter struct {
	arrived chan struct{}
	answer  bool
}

func (counter) PeerUp(*Peer)          {}
func (counter) PeerDown(*Peer, error) {}
func (c counter) PeerMessage(p *Peer, m wire.Message) {
	if c.answer {
		_ = p.Send(m)
		return
	}
	c.arrived <- struct{}{}
}

// pair is a connection between two sets; here counts what comes to the caller.
func pair(b *testing.B, here, there counter) *Peer {
	b.Helper()
	from, _ := newSet(b, 1, func(c *Config) { c.Handler = here })
	to, _ := newSet(b, 2, func(c *Config) { c.Handler = there })
	p, err := from.Connect(b.Context(), to.self, listen(b, to))
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// htlc is the most common of the long messages.
func htlc() wire.Message { return &wire.UpdateAddHTLC{} }

// Messages go one way, with as many under way as a busy channel has.
func BenchmarkMessages(b *testing.B) {
	const window = 1024
	arrived := make(chan struct{}, window)
	p := pair(b, counter{}, counter{arrived: arrived})
	m := htlc()
	b.SetBytes(int64(len(wire.Encode(m))))
	b.ReportAllocs()
	sent, got := 0, 0
	for b.Loop() {
		if sent-got == window {
			<-arrived
			got++
		}
		if err := p.Send(m); err != nil {
			b.Fatal(err)
		}
		sent++
	}
	for ; got < sent; got++ {
		<-arrived
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
}

// One message goes there and back.
func BenchmarkRoundTrip(b *testing.B) {
	arrived := make(chan struct{}, 1)
	p := pair(b, counter{arrived: arrived}, counter{answer: true})
	m := htlc()
	for b.Loop() {
		if err := p.Send(m); err != nil {
			b.Fatal(err)
		}
		<-arrived
	}
}
