package sender

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/relay"
)

// What Alice offers for tokens Carol forwards and Bob's till takes, when the channels
// carry it as it is: each of them is told the same story.
func TestEachHopIsToldWhichTokensItsHTLCCarries(t *testing.T) {
	carol, bob := key(1), key(2)
	secret := [32]byte{5}
	hash := wire.PaymentHash{8}
	send := pay.Send{
		Attempt: 1, PaymentHash: hash, Session: [32]byte{31: 9}, Secret: &secret, Property: 31, TotalUnits: 2_000_000,
		Hops: []pay.Hop{
			{NodeID: wire.PointOf(carol.PubKey()), SCID: 1, Amount: 2_001_000, CLTVExpiry: 1200, Units: 1_000_010},
			{NodeID: wire.PointOf(bob.PubKey()), SCID: 7, Amount: 2_000_000, CLTVExpiry: 1100, Units: 1_000_000},
		},
	}
	add, err := HTLC(send)
	if err != nil {
		t.Fatal(err)
	}
	if add.Tokens != 1_000_010 || add.Amount != 2_001_000 {
		t.Errorf("%d tokens in %s", add.Tokens, add.Amount)
	}
	at := func(key nodeKey, add channel.Add) relay.Decision {
		in := channel.Incoming{Amount: add.Amount, Property: 31, Tokens: add.Tokens, PaymentHash: hash, CLTVExpiry: add.CLTVExpiry, Onion: &add.Onion}
		peeled, err := onion.Peel(key, in.Onion, hash)
		return relay.Decide(in, peeled, err, relay.Facts{Height: 1000, Outgoing: func(wire.ShortChannelID) (relay.Channel, bool) {
			return relay.Channel{Policy: relay.DefaultPolicy(), Usable: true, Property: 31, Carrier: 2_000_000}, true
		}})
	}
	forward, ok := at(carol, add).(relay.Forward)
	if !ok || forward.SCID != 7 || forward.Add.Tokens != 1_000_000 || forward.Add.Amount != 2_000_000 {
		t.Fatalf("%+v", at(carol, add))
	}
	receive, ok := at(bob, forward.Add).(relay.Receive)
	if !ok {
		t.Fatalf("%+v", at(bob, forward.Add))
	}
	part := invoice.PartOf(channel.Incoming{Amount: 2_000_000, Property: 31, Tokens: 1_000_000, PaymentHash: hash, CLTVExpiry: 1100}, receive.Payload)
	if part.Property != 31 || part.Units != 1_000_000 || part.UnitsToForward != 1_000_000 || part.TotalUnits != 2_000_000 || *part.Secret != secret {
		t.Errorf("%+v", part)
	}
}
