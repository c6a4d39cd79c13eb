//go:build !race

package channel

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// A peer that acknowledges nothing keeps an HTLC from being signed, and would keep
// the one that it forwards until that one's channel is closed for it.
func TestAnHTLCThatAMutePeerKeepsFromBeingSignedComesBackInTime(t *testing.T) {
	p := ready(t, usual())
	p.offer(p.a, 5_000_000)
	p.take(p.a) // commitment_signed, which b never answers
	in := Ref{wire.ChannelID{7}, 3}
	late := p.add(6_000_000)
	late.CLTVExpiry, late.Origin = 400, Origin{In: &in}
	if _, err := p.a.ch.Offer(late); err != nil {
		t.Fatal(err)
	}
	p.take(p.a)
	for height := uint32(390); height <= 394; height++ {
		p.a.cut = false
		p.a.ch.Block(height)
		p.take(p.a)
		if want := height >= 394; p.a.cut != want {
			t.Fatalf("block %d: disconnect is %v", height, p.a.cut)
		}
	}
	p.disconnect()
	p.connected = true
	p.take(p.a)
	unsent := raised[Unsent](p.a)
	if len(unsent) != 1 || *unsent[0].Add.Origin.In != in || p.a.ch.status.Status != Open {
		t.Errorf("%+v, the channel is %v", unsent, p.a.ch.status.Status)
	}
}
