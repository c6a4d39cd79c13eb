//go:build !race

package relay

import (
	"errors"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
)

// machine stands for a channel with incoming HTLCs.
type machine struct {
	holds    map[uint64]bool
	proposed []string
	refuses  error
	clock    uint64
	told     map[uint64]*wire.Attribution
}

func (m *machine) Attribute(id uint64, a *wire.Attribution) {
	if m.told == nil {
		m.told = map[uint64]*wire.Attribution{}
	}
	m.told[id] = a
}

func (m *machine) ID() wire.ChannelID            { return wire.ChannelID{1} }
func (m *machine) Unsettled() []channel.Incoming { return nil }
func (m *machine) Holds(id uint64) bool          { return m.holds[id] }

func (m *machine) Fulfill(uint64, wire.Preimage) error { return m.propose("fulfil") }
func (m *machine) Fail(uint64, []byte) error           { return m.propose("fail") }
func (m *machine) FailMalformed(uint64, [32]byte, uint16) error {
	return m.propose("malformed")
}

func (m *machine) propose(what string) error {
	if m.refuses == nil {
		m.proposed = append(m.proposed, what)
	}
	return m.refuses
}

type deskKey struct{ *btcec.PrivateKey }

func (k deskKey) PublicKey() *btcec.PublicKey        { return k.PubKey() }
func (k deskKey) ECDH(*btcec.PublicKey) (b [32]byte) { return b }

func desk(t *testing.T, holds ...uint64) (*Desk, *machine) {
	t.Helper()
	key, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{holds: map[uint64]bool{}}
	for _, id := range holds {
		m.holds[id] = true
	}
	return NewDesk(deskKey{key}, m, func() uint64 { m.clock += 250; return m.clock }), m
}

func fulfil(id uint64) DecisionRow {
	return DecisionRow{In: channel.Ref{ID: id}, Kind: Fulfil, Preimage: wire.Preimage{byte(id)}}
}

func TestTheFirstDecisionAboutAnHTLCCounts(t *testing.T) {
	d, m := desk(t, 5)
	if err := errors.Join(d.Settle(fulfil(5)), d.Settle(d.Fail(5, onion.UnknownNextPeer())), d.Propose(5)); err != nil {
		t.Fatal(err)
	}
	if len(m.proposed) != 2 || m.proposed[0] != "fulfil" || m.proposed[1] != "fulfil" {
		t.Errorf("proposed %v", m.proposed)
	}
}

func TestADecisionAboutAnHTLCThatHasEndedIsNotKept(t *testing.T) {
	d, m := desk(t, 5)
	if err := d.Settle(fulfil(5)); err != nil {
		t.Fatal(err)
	}
	delete(m.holds, 5)
	d.Settled(5)
	if err := d.Settle(d.Fail(5, onion.UnknownNextPeer())); err != nil || d.Left() != 0 || len(m.proposed) != 1 {
		t.Errorf("%v, %d left, proposed %v", err, d.Left(), m.proposed)
	}
}

func TestARemovalThatTheChannelRefusesIsProposedAgain(t *testing.T) {
	d, m := desk(t, 5)
	m.refuses = channel.ErrOffline
	if err := d.Settle(d.Fail(5, onion.UnknownNextPeer())); !errors.Is(err, channel.ErrOffline) || !d.Decided(5) {
		t.Fatal(err)
	}
	m.refuses = nil
	if err := d.Propose(5); err != nil || len(m.proposed) != 1 {
		t.Errorf("%v, proposed %v", err, m.proposed)
	}
	if err := d.Propose(6); err != nil || len(m.proposed) != 1 {
		t.Errorf("nothing was decided about 6: %v, proposed %v", err, m.proposed)
	}
}

func TestWhatWasDecidedBeforeTheLoadComesBeforeWhatHasEnded(t *testing.T) {
	d, m := desk(t, 1, 2, 3)
	in := func(id uint64) *channel.Ref { return &channel.Ref{ID: id} }
	d.Load(Loaded{
		Decided: []DecisionRow{fulfil(1)},
		Ended: []channel.Resolved{
			{Origin: channel.Origin{In: in(1)}, Reason: []byte{1}},
			{Origin: channel.Origin{In: in(2)}, Malformed: &channel.Malformed{Code: 0xc005}},
		},
		Asked: []uint64{3, 9},
	})
	if err := errors.Join(d.Propose(1), d.Propose(2), d.Propose(3)); err != nil {
		t.Fatal(err)
	}
	if len(m.proposed) != 2 || m.proposed[0] != "fulfil" || m.proposed[1] != "fail" {
		t.Errorf("proposed %v", m.proposed)
	}
	if d.Asked(9) {
		t.Error("what has ended is kept")
	}
	if !d.Asked(3) || d.Decided(3) || d.Asked(4) {
		t.Error("what is on its way downstream was not handed on already")
	}
}

func TestAnHTLCIsHandedOnOnce(t *testing.T) {
	d, m := desk(t, 5)
	row, ok := d.Take(channel.Incoming{Ref: channel.Ref{ID: 5}, Onion: new([wire.OnionPacketSize]byte)}, Facts{}).(FailMalformed)
	if !ok || !d.Asked(5) || d.Decided(5) {
		t.Fatal("an onion of zeros is not malformed, or was not noted")
	}
	if err := d.Settle(DecisionRow{In: channel.Ref{ID: 5}, Kind: Failed, Malformed: &row.Malformed}); err != nil || m.proposed[0] != "malformed" {
		t.Errorf("%v, proposed %v", err, m.proposed)
	}
}

func TestWhatWaitedForItsDecisionCountsAsHeldAllTheWhile(t *testing.T) {
	d, m := desk(t, 5)
	d.Wait(5)
	if d.Asked(5) {
		t.Error("it counts as decided")
	}
	m.clock += 7000
	d.Wait(5) // after a reconnect
	m.clock += 1000
	d.Take(channel.Incoming{Ref: channel.Ref{ID: 5}, Onion: new([wire.OnionPacketSize]byte)}, Facts{})
	if held := m.clock - d.since[5]; held != 8000 {
		t.Errorf("held for %d ms", held)
	}
	d.Settled(5)
	if d.Left() != 0 {
		t.Error("something of an HTLC is left")
	}
}

// Three desks hand back what the last of them decides, each with the time for which
// it had the HTLC, and the origin reads it.
func TestTheOriginLearnsForHowLongEachHopHadTheHTLC(t *testing.T) {
	secrets := [][32]byte{{1}, {2}, {3}}
	for _, fulfilled := range []bool{true, false} {
		var r channel.Resolved
		for i := len(secrets) - 1; i >= 0; i-- {
			d, m := desk(t, 5)
			d.secrets[5], d.since[5] = secrets[i], 0
			m.clock = uint64(1000 * i)
			row := fulfil(5)
			switch {
			case i < len(secrets)-1:
				r.Origin.In = &channel.Ref{ID: 5}
				row = d.Answer(r)
			case !fulfilled:
				row = d.Fail(5, onion.UnknownNextPeer())
			}
			if err := d.Settle(row); err != nil {
				t.Fatal(err)
			}
			r = channel.Resolved{Reason: row.Reason, Attribution: m.told[5]}
			if fulfilled {
				r.Preimage, r.Reason = &row.Preimage, nil
			}
			d.Settled(5)
			if d.Left() != 0 {
				t.Error("something of an HTLC is left")
			}
		}
		if held := onion.Attributed(secrets, r.Reason, r.Attribution); !slices.Equal(held, []uint64{200, 1200, 2200}) {
			t.Errorf("hold times %v, fulfilled %v", held, fulfilled)
		}
	}
	// Whose sender we do not know we tell nothing, as in a blinded route.
	d, m := desk(t, 5)
	if err := d.Settle(fulfil(5)); err != nil || m.told[5] != nil {
		t.Errorf("%v, %v", err, m.told)
	}
}

// A reason as long as a message can carry goes back, with attribution_data only where both
// fit: a message that cannot be sent would stop the channel of whoever forwarded.
func TestAReasonOfAnyLengthFitsInItsMessage(t *testing.T) {
	longest := wire.MaxPayload - (2 + 32 + 8 + 2)
	for size, attributed := range map[int]bool{
		292: true, wire.MaxAttributedReason: true, wire.MaxAttributedReason + 1: false, longest: false,
	} {
		d, m := desk(t, 5)
		d.secrets[5] = [32]byte{1}
		row := d.Answer(channel.Resolved{Origin: channel.Origin{In: &channel.Ref{ID: 5}}, Reason: make([]byte, size)})
		if err := d.Settle(row); err != nil || len(m.proposed) != 1 {
			t.Fatal(err, m.proposed)
		}
		if got := m.told[5] != nil; got != attributed {
			t.Errorf("a reason of %d bytes: attributed %v", size, got)
		}
		if _, err := wire.AppendMessage(nil, &wire.UpdateFailHTLC{Reason: row.Reason, Attribution: m.told[5]}); err != nil {
			t.Errorf("a reason of %d bytes: %v", size, err)
		}
	}
}

func TestTheDecisionToRefuseAForwardIsWrittenOnceAndNoOther(t *testing.T) {
	d, m := desk(t, 1, 2, 3, 4)
	d.onward[1], d.onward[2], d.onward[3] = 77, 0, 5 // 4 is for us
	refuse := func(id uint64) []durable.Row {
		return d.Refuse(d.Fail(id, onion.UnknownNextPeer()), onion.CodeUnknownNextPeer)
	}
	want := RefusedRow{In: channel.Ref{Channel: m.ID(), ID: 1}, Out: 77, Code: onion.CodeUnknownNextPeer}
	if rows := refuse(1); len(rows) != 2 || rows[1] != durable.Row(want) || rows[0].(DecisionRow).Kind != Failed {
		t.Errorf("%+v", rows)
	}
	if rows := refuse(2); len(rows) != 2 || rows[1].(RefusedRow).Out != 0 {
		t.Errorf("without a next channel: %+v", rows)
	}
	if err := d.Settle(DecisionRow{In: channel.Ref{ID: 3}, Kind: Fulfil}); err != nil {
		t.Fatal(err)
	}
	delete(m.holds, 2)
	for id, what := range map[uint64]string{2: "one that has ended", 3: "one that is decided", 4: "one that is for us"} {
		if rows := refuse(id); rows != nil {
			t.Errorf("%s: %+v", what, rows)
		}
	}
	for id := range uint64(5) {
		d.Settled(id)
	}
	if d.Left() != 0 {
		t.Error("the desk remembers what has ended")
	}
}
