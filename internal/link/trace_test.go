package link

import (
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
)

// An HTLC of theirs is fulfilled and one of ours fails: the balances of both commitments
// after each commitment_signed.
func TestTheTracerKnowsTheBalancesOfBothCommitments(t *testing.T) {
	tr := &tracer{htlcs: map[htlcKey]tracked{}, all: events.Balance{Ours: 1000, Peers: 500}}
	type balance = events.Balance
	signed := new(wire.CommitmentSigned)
	for i, step := range []struct {
		message wire.Message
		sent    bool
		want    *events.Balances
	}{
		{&wire.UpdateAddHTLC{ID: 0, AmountMsat: 100}, true, nil},
		{&wire.UpdateAddHTLC{ID: 0, AmountMsat: 30}, false, nil},
		{signed, true, &events.Balances{Remote: true, Before: balance{Ours: 1000, Peers: 500}, After: balance{Ours: 900, Peers: 500}}},
		{&wire.RevokeAndAck{}, false, nil},
		{signed, false, &events.Balances{Before: balance{Ours: 1000, Peers: 500}, After: balance{Ours: 900, Peers: 470}}},
		{&wire.RevokeAndAck{}, true, nil},
		{signed, true, &events.Balances{Remote: true, Before: balance{Ours: 900, Peers: 500}, After: balance{Ours: 900, Peers: 470}}},
		{&wire.RevokeAndAck{}, false, nil},
		{&wire.UpdateFulfillHTLC{ID: 0}, true, nil},
		{&wire.UpdateFailHTLC{ID: 0}, false, nil},
		{&wire.UpdateFailHTLC{ID: 0}, false, nil}, // again
		{signed, false, &events.Balances{Before: balance{Ours: 900, Peers: 470}, After: balance{Ours: 1000, Peers: 470}}},
		{&wire.RevokeAndAck{}, true, nil},
		{signed, true, &events.Balances{Remote: true, Before: balance{Ours: 900, Peers: 470}, After: balance{Ours: 1030, Peers: 470}}},
		{&wire.RevokeAndAck{}, false, nil},
		{signed, false, &events.Balances{Before: balance{Ours: 1000, Peers: 470}, After: balance{Ours: 1030, Peers: 470}}},
	} {
		traces := tr.observe(time.Time{}, step.message, step.sent)
		if len(traces) == 0 {
			t.Fatalf("message %d is of no payment", i)
		}
		for _, got := range traces {
			if (got.Balances == nil) != (step.want == nil) || step.want != nil && *got.Balances != *step.want {
				t.Errorf("message %d: %+v", i, got.Balances)
			}
		}
	}
}
