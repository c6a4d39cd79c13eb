//go:build !race

package compact

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/pay"
)

func TestWhatARouteCarriesIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.SliceOfN(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, uint64(amount.MaxUnits))), 1, 20).Draw(t, "units")
		units[rapid.IntRange(0, len(units)-1).Draw(t, "which")] = 7 // some hop carries tokens
		hops, again := make([]pay.Hop, len(units)), make([]pay.Hop, len(units))
		for i, u := range units {
			hops[i].Units = amount.Units(u)
		}
		b := Units(hops)
		if err := ReadUnits(b, again); err != nil {
			t.Fatal(err)
		}
		for i := range hops {
			if hops[i] != again[i] {
				t.Fatalf("%d: %d, not %d", i, again[i].Units, hops[i].Units)
			}
		}
		for _, damaged := range [][]byte{b[:len(b)-1], append(b, 1), {0x80}} {
			if len(damaged) > 0 && ReadUnits(damaged, make([]pay.Hop, len(hops))) == nil {
				t.Fatalf("%x was read for %d hops", damaged, len(hops))
			}
		}
	})
	if Units(make([]pay.Hop, 3)) != nil || ReadUnits(nil, make([]pay.Hop, 3)) != nil {
		t.Error("bitcoin takes room")
	}
}
