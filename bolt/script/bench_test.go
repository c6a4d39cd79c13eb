//go:build !race

package script

import (
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
)

// ofHTLCs is a commitment with so many HTLCs, in both directions.
func ofHTLCs(n uint64) Spec {
	s := Spec{FeePerKw: someFee, ToBroadcaster: 4_000_000_000, ToCountersignatory: 6_000_000_000}
	for id := range n {
		s.HTLCs = append(s.HTLCs, HTLC{
			Offered: id%2 == 0, ID: id, Amount: 2_000_000, PaymentHash: hash(preimage(id)), CLTVExpiry: 800_000,
		})
		s.ToCountersignatory -= 2_000_000
	}
	return s
}

func forHTLCCounts(b *testing.B, run func(b *testing.B, p *Params, s Spec)) {
	for _, n := range []uint64{0, 60, 483} {
		b.Run(fmt.Sprintf("htlcs=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			run(b, someParams(Anchors), ofHTLCs(n))
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	forHTLCCounts(b, func(b *testing.B, p *Params, s Spec) {
		for b.Loop() {
			mustBuild(b, p, s)
		}
	})
}

// BenchmarkBuildAndSign is what one commitment_signed costs its sender.
func BenchmarkBuildAndSign(b *testing.B) {
	forHTLCCounts(b, func(b *testing.B, p *Params, s Spec) {
		for b.Loop() {
			c := mustBuild(b, p, s)
			Sign(bob.funding, c.SigHash())
			key := DerivePrivKey(bob.htlc, wire.PointOf(bob.htlc.PubKey()), point)
			for i := range c.HTLCs {
				Sign(key, c.HTLCSigHash(i))
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key, h := alice.basepoints().Funding, [32]byte{1}
	sig := Sign(alice.funding, h)
	for b.Loop() {
		if !Verify(key, h, sig) {
			b.Fatal("a signature does not verify")
		}
	}
}
