package enforce_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/enforce"
)

func TestDeadlinesOfAnOpenChannel(t *testing.T) {
	in := channel.Ref{Channel: wire.ChannelID{7}, ID: 3}
	for _, x := range []struct {
		name     string
		amt      amount.MilliSatoshi
		incoming bool
		preimage bool   // of an incoming one
		forwards uint32 // expiry of what an outgoing one forwards
		back     uint32
		want     uint32 // 0: never
	}{
		{name: "we offered it", amt: 20_000_000, want: cltv + 2},
		{name: "dust everywhere", amt: 353_999, want: 0},
		{name: "dust in theirs only", amt: 400_000, want: cltv + 2},
		{name: "offered to us", amt: 20_000_000, incoming: true, want: 0},
		{name: "offered to us and fulfilled", amt: 20_000_000, incoming: true, preimage: true, want: cltv - 18},
		{name: "dust that we fulfilled", amt: 353_999, incoming: true, preimage: true, want: 0},
		{name: "fulfilled dust in theirs only", amt: 400_000, incoming: true, preimage: true, want: cltv - 18},
		{name: "a payment of ours, back after it expired", amt: 20_000_000, back: cltv + 50, want: cltv + 56},
		{name: "back long before it expired", amt: 20_000_000, back: cltv - 50, want: cltv + 2},
		{name: "back just before it expired", amt: 20_000_000, back: cltv - 2, want: cltv + 4},
		{name: "a forward, back with time left", amt: 20_000_000, back: cltv + 20, forwards: cltv + 80, want: cltv + 26},
		{name: "a forward, back with little time left", amt: 20_000_000, back: cltv + 40, forwards: cltv + 80, want: cltv + 44},
		{name: "a forward, back too late", amt: 20_000_000, back: cltv + 70, forwards: cltv + 80, want: cltv + 44},
		{name: "a short forward", amt: 20_000_000, back: cltv + 20, forwards: cltv + 30, want: cltv + 2},
		{name: "fulfilled, back after its deadline", amt: 20_000_000, incoming: true, preimage: true, back: cltv - 5, want: cltv - 18},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := open(t, usual())
			from := p.a
			if x.incoming {
				from = p.b
			}
			add := p.add(x.amt, cltv)
			if x.forwards != 0 {
				add.Origin = channel.Origin{In: &in}
				p.incoming[in] = x.forwards
			}
			if _, err := from.ch.Offer(add); err != nil {
				t.Fatal(err)
			}
			p.settle()
			f := enforce.Facts{Height: 450, Incoming: p.incoming, Back: x.back}
			if x.preimage {
				f.Decided = map[uint64]wire.Preimage{0: p.preimages[add.PaymentHash]}
			}
			due, ok, err := enforce.Deadline(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
			if err != nil || due.Height != x.want || ok != (x.want != 0) || ok && (due.Why == "" || due.HTLC.Incoming != x.incoming) {
				t.Errorf("%+v, %v, %v; want %d", due, ok, err, x.want)
			}
		})
	}
}

func TestTheFirstDeadlineCounts(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv+10)
	p.offer(p.a, 300_000, cltv-100) // dust
	second := p.offer(p.a, 20_000_000, cltv)
	p.offer(p.a, 20_000_000, cltv+20)
	p.settle()
	f := enforce.Facts{Height: 450}
	due, ok, err := enforce.Deadline(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy())
	if err != nil || !ok || due.Height != cltv+2 || due.HTLC != (enforce.HTLC{ID: second}) {
		t.Errorf("%+v, %v, %v", due, ok, err)
	}
	p.a.ch.ForceClose("a test")
	p.take(p.a)
	if _, ok, err := enforce.Deadline(p.a.disk.load(), p.a.signer, f, enforce.DefaultPolicy()); ok || err != nil {
		t.Errorf("a channel that has failed has a deadline: %v", err)
	}
}

func TestAnHTLCThatOnlyTheirNextCommitmentHoldsHasADeadline(t *testing.T) {
	p := open(t, usual())
	p.offer(p.a, 20_000_000, cltv)
	p.take(p.a)
	due, ok, err := enforce.Deadline(p.a.disk.load(), p.a.signer, enforce.Facts{Height: 450}, enforce.DefaultPolicy())
	if err != nil || !ok || due.Height != cltv+2 {
		t.Errorf("%+v, %v, %v", due, ok, err)
	}
}
