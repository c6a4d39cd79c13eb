package main

import (
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
)

func TestTheOwnerSaysForHowLongInvoicesAreGood(t *testing.T) {
	race.Like(t, TestNothingIsLostWhenDaemonsAreKilled)
	n := newNetwork(t)
	for want, flags := range map[uint64][]string{3600: nil, 86_400: {"--invoice-expiry", "86400"}} {
		d := n.add(fmt.Sprint("alice", want), flags...)
		type decoded struct{ Expiry uint64 }
		text := ask[struct{ Bolt11 string }](d, "invoice", "any", "a", "a").Bolt11
		if got := ask[decoded](d, "decode", text).Expiry; got != want {
			t.Errorf("with %v: %d instead of %d", flags, got, want)
		}
		d.end()
	}
}
