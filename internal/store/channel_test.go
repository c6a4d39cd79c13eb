package store_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/pay"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
)

// filled is a value without a zero in it, so that no column can be forgotten.
func filled[T any](n byte) (out T) {
	fill(reflect.ValueOf(&out).Elem(), &n)
	return out
}

func fill(v reflect.Value, n *byte) {
	*n = *n%100 + 1
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.String:
		v.SetString(string('a' + rune(*n)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("no value for a " + v.Kind().String())
	}
}

// stored is all rows of a channel, each field set.
func stored(n byte) channel.Rows {
	out := channel.Rows{
		Params: filled[channel.ParamsRow](n), Status: filled[channel.StatusRow](n), State: filled[channel.StateRow](n),
		Commitment: filled[channel.CommitmentRow](n), Secrets: []channel.SecretRow{filled[channel.SecretRow](n), filled[channel.SecretRow](n + 50)},
	}
	id := wire.ChannelID{n}
	out.Params.Channel, out.Status.Channel, out.State.Channel, out.Commitment.Channel = id, id, id, id
	out.Params.KeyIndex = uint32(n)
	for i := range out.Secrets {
		out.Secrets[i].Channel, out.Secrets[i].Bucket = id, i
	}
	for i := range 3 {
		h := filled[channel.HTLCRow](n + byte(i))
		h.Channel, h.Incoming, h.ID, h.Done = id, i == 2, uint64(min(i, 1)), false // each side counts for itself
		h.Origin = channel.Origin{}
		out.HTLCs = append(out.HTLCs, h)
	}
	out.HTLCs[0].Origin.Attempt = 6 + uint64(n)
	out.HTLCs[1].Origin.In = &channel.Ref{Channel: id, ID: 1}
	return out
}

func rowsOf(c channel.Rows) []durable.Row {
	rows := []durable.Row{c.Params, c.Status, c.State, c.Commitment}
	for _, r := range c.Secrets {
		rows = append(rows, r)
	}
	for _, r := range c.HTLCs {
		rows = append(rows, r)
	}
	return rows
}

func channels(t *testing.T, s *store.Store) []channel.Rows {
	t.Helper()
	got, err := s.Channels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAChannelComesBackAsItWas(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	one, two := stored(1), stored(2)
	// What may be missing is missing in the second.
	two.Params.LocalIsOpener, two.Params.Announce, two.Params.LocalUpfront, two.Params.AnySegwit = false, false, false, false
	two.Params.RemoteUpfront = nil
	two.Status = channel.StatusRow{Channel: two.Params.Channel}
	two.Commitment.HTLCSignatures, two.Commitment.DelaySignatures, two.Secrets = nil, nil, nil
	for i := range two.HTLCs {
		h := &two.HTLCs[i]
		h.Onion, h.PathKey, h.OverExposed, h.HTLCState = nil, nil, false, channel.HTLCState{}
	}
	write(t, s, append(rowsOf(one), rowsOf(two)...)...)
	if diff := cmp.Diff([]channel.Rows{one, two}, channels(t, s)); diff != "" {
		t.Error(diff)
	}
	if n, err := s.NextKeyIndex(t.Context()); err != nil || n != 3 {
		t.Errorf("next index of keys %d, %v", n, err)
	}
	s.Close()
	s = open(t, dir)
	// All that changes is replaced.
	next := stored(2)
	one.Status, one.State, one.Commitment, one.Secrets = next.Status, next.State, next.Commitment, next.Secrets
	id := one.Params.Channel
	one.Status.Channel, one.State.Channel, one.Commitment.Channel = id, id, id
	for i := range one.Secrets {
		one.Secrets[i].Channel = id
	}
	change := channel.HTLCStateRow{Channel: id, ID: 1, HTLCState: filled[channel.HTLCState](60)}
	change.Done = false
	one.HTLCs[1].HTLCState = change.HTLCState
	write(t, s, one.Status, one.State, one.Commitment, one.Secrets[0], one.Secrets[1], change)
	if diff := cmp.Diff([]channel.Rows{one, two}, channels(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestAChannelThatIsRefusedDoesNotTakeAnothersPlace(t *testing.T) {
	s := open(t, t.TempDir())
	here := stored(1)
	write(t, s, rowsOf(here)...)
	again := here.Params
	again.KeyIndex = 2
	if err := s.Write(t.Context(), again); !errors.Is(err, store.ErrExists) {
		t.Errorf("stored twice: %v", err)
	}
	here.Status.Failure = "changed"
	write(t, s, here.Status)
	if diff := cmp.Diff([]channel.Rows{here}, channels(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestRowsOfWhatIsNotStoredAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	here := stored(1)
	write(t, s, rowsOf(here)...)
	id, none := here.Params.Channel, wire.ChannelID{9}
	lost := &channel.Ref{Channel: none}
	for name, r := range map[string]durable.Row{
		"status":                channel.StatusRow{Channel: none},
		"state":                 channel.StateRow{Channel: none},
		"commitment":            channel.CommitmentRow{Channel: none},
		"secret":                channel.SecretRow{Channel: none},
		"HTLC":                  channel.HTLCRow{Channel: none},
		"HTLC that forwards":    channel.HTLCRow{Channel: id, ID: 9, Origin: channel.Origin{In: lost}},
		"HTLC's change":         channel.HTLCStateRow{Channel: none},
		"change of no HTLC":     channel.HTLCStateRow{Channel: id, ID: 9},
		"settlement":            channel.SettlementRow{HTLC: *lost},
		"settlement of nothing": channel.SettlementRow{HTLC: channel.Ref{Channel: id}, Origin: channel.Origin{In: lost}},
		"decision":              relay.DecisionRow{In: *lost},
	} {
		err := s.Write(t.Context(), store.Fact{Name: name, Value: []byte{1}}, r)
		if err == nil || errors.Is(err, store.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
		if _, there, _ := s.Fact(t.Context(), name); there {
			t.Errorf("%s: half of it is written", name)
		}
	}
	if diff := cmp.Diff([]channel.Rows{here}, channels(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsUnfinishedIsThereUntilItsOriginHasEnded(t *testing.T) {
	s := open(t, t.TempDir())
	c := stored(1)
	write(t, s, rowsOf(c)...)
	id := c.Params.Channel
	in := channel.Ref{Channel: id, ID: 1}
	malformed := &channel.Malformed{SHA256OfOnion: [32]byte{1, 31: 2}, Code: 0xc005}
	decided := relay.DecisionRow{In: in, Kind: relay.Fulfil, Preimage: wire.Preimage{3}}
	settlements := []channel.SettlementRow{
		{HTLC: channel.Ref{Channel: id, ID: 1}, Origin: channel.Origin{In: &in}, Amount: 5, Preimage: &wire.Preimage{3}},
		{HTLC: channel.Ref{Channel: id, ID: 0}, Origin: channel.Origin{Attempt: 7}, Amount: 6, Malformed: malformed},
	}
	write(t, s, decided, settlements[0], settlements[1])
	write(t, s, relay.DecisionRow{In: in, Kind: relay.Failed, Reason: []byte{1}}) // the first decision counts
	want := store.Unfinished{
		Decisions: []relay.DecisionRow{decided}, Settlements: settlements,
		Forwarded: map[channel.Ref]bool{in: true}, Attempts: map[uint64]bool{7: true},
	}
	check := func(when string) {
		t.Helper()
		got, err := s.Unfinished(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", when, err, diff)
		}
	}
	check("at first")
	if got, ok, err := s.Decision(t.Context(), in); err != nil || !ok || !reflect.DeepEqual(got, decided) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, ok, err := s.Decision(t.Context(), channel.Ref{Channel: id, ID: 8}); err != nil || ok {
		t.Errorf("a decision about nothing: %v", err)
	}

	done := func(htlc int) channel.HTLCStateRow {
		h := c.HTLCs[htlc]
		return channel.HTLCStateRow{Channel: id, Incoming: h.Incoming, ID: h.ID, HTLCState: channel.HTLCState{Removal: channel.RemovedByPreimage, Done: true}}
	}
	write(t, s, done(0), done(1))
	want.Forwarded, want.Attempts = map[channel.Ref]bool{}, map[uint64]bool{}
	check("when the outgoing ones have ended")
	if fees, err := s.FeesCollected(t.Context()); err != nil || fees != uint64(c.HTLCs[2].Amount-c.HTLCs[1].Amount) {
		t.Errorf("fees of %d, %v", fees, err)
	}
	write(t, s, done(2))
	want.Decisions, want.Settlements = nil, settlements[1:]
	check("when the incoming one has ended")
	if got := channels(t, s); len(got[0].HTLCs) != 0 {
		t.Errorf("HTLCs that have ended are loaded: %+v", got[0].HTLCs)
	}
	write(t, s, pay.PaymentRow{PaymentHash: wire.PaymentHash{1}, Group: 1},
		pay.AttemptRow{ID: 7, PaymentHash: wire.PaymentHash{1}, Group: 1, Hops: []pay.Hop{{}}})
	write(t, s, pay.AttemptResultRow{ID: 7, Status: pay.Failed})
	want.Settlements = nil
	check("when the attempt has ended")
}

func TestDecisionsOfEveryKindComeBackAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	c := stored(1)
	write(t, s, rowsOf(c)...)
	for i, want := range []relay.DecisionRow{
		{Kind: relay.Failed, Reason: []byte("reason")},
		{Kind: relay.Failed, Malformed: &channel.Malformed{SHA256OfOnion: [32]byte{4}, Code: 0x8001}},
	} {
		h := c.HTLCs[2]
		h.ID = 100 + uint64(i)
		want.In = channel.Ref{Channel: c.Params.Channel, ID: h.ID}
		write(t, s, h, want)
		if got, ok, err := s.Decision(t.Context(), want.In); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestGossipAndPeersComeBackAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	want := []durable.Row{
		graph.AnnouncementRow{SCID: 5, Capacity: 6, Raw: []byte{7}},
		graph.UpdateRow{SCID: 5, Direction: 1, Raw: []byte{8}},
		graph.NodeRow{Node: wire.NodeID{2, 9}, Raw: []byte{10}},
	}
	write(t, s, graph.AnnouncementRow{SCID: 4, Raw: []byte{1}}, graph.UpdateRow{SCID: 4, Raw: []byte{1}})
	write(t, s, want...)
	write(t, s, graph.GoneRow{SCID: 4})
	got, err := s.Gossip(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}

	a, b := store.PeerRow{ID: wire.NodeID{2}, Address: "127.0.0.1:9735"}, store.PeerRow{ID: wire.NodeID{3}, Address: "[::1]:9735"}
	write(t, s, a, b)
	a.Address = "127.0.0.2:9735"
	write(t, s, a, store.PeerRow{ID: b.ID})
	for id, want := range map[wire.NodeID]string{a.ID: a.Address, b.ID: "", {4}: ""} {
		if got, err := s.PeerAddress(t.Context(), id); got != want || err != nil {
			t.Errorf("%v was reached at %q, not %q: %v", id, got, want, err)
		}
	}
}

func TestAttemptsInEveryStateComeBackAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	hash := wire.PaymentHash{1}
	attempt := func(id uint64) pay.AttemptRow {
		a := filled[pay.AttemptRow](byte(id))
		a.ID, a.PaymentHash, a.Group, a.UpdatedIndex, a.Property = id, hash, 1, 0, 31
		a.Result = pay.AttemptResultRow{ID: id, Status: pay.Pending}
		return a
	}
	pending, complete, failed := attempt(1), attempt(2), attempt(3)
	write(t, s, pay.PaymentRow{PaymentHash: hash, Group: 1, Property: 31}, pending, complete, failed)
	complete.Result = pay.AttemptResultRow{ID: 2, Status: pay.Complete, Preimage: wire.Preimage{4}, CompletedAt: 5}
	failed.Result = pay.AttemptResultRow{ID: 3, Status: pay.Failed, Failure: filled[*pay.Failure](9), CompletedAt: 6}
	write(t, s, complete.Result, failed.Result)
	complete.Session, complete.UpdatedIndex = [32]byte{}, 1
	failed.Session, failed.UpdatedIndex = [32]byte{}, 2
	got, err := s.AttemptsOf(t.Context(), hash)
	if diff := cmp.Diff([]pay.AttemptRow{pending, complete, failed}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if err := s.Write(t.Context(), complete.Result); !errors.Is(err, store.ErrGone) {
		t.Errorf("an attempt has ended twice: %v", err)
	}
	if p, ok, err := s.PaymentByHash(t.Context(), hash); err != nil || !ok || p.Result.Preimage != (wire.Preimage{}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestListenersAreCalledAfterACommitWithAnEvent(t *testing.T) {
	s := open(t, t.TempDir())
	calls := 0
	s.OnEvent(func() {
		if events, err := s.Events(t.Context(), 0, 10); err != nil || len(events) != calls+1 {
			t.Errorf("called before the event can be read: %v, %v", events, err)
		}
		calls++
	})
	write(t, s, store.Fact{Name: "a", Value: []byte{1}})
	if calls != 0 {
		t.Error("called without an event")
	}
	write(t, s, durable.Event{Kind: "invoice", Key: "a", State: "unpaid"})
	if err := s.Write(t.Context(), durable.Event{Kind: "invoice", Key: "b", State: "unpaid"}, channel.StatusRow{}); err == nil {
		t.Error("written")
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestNothingIsForwardedOrAttemptedTwice(t *testing.T) {
	s := open(t, t.TempDir())
	here := stored(1)
	write(t, s, rowsOf(here)...)
	for _, o := range []channel.Origin{here.HTLCs[0].Origin, here.HTLCs[1].Origin} {
		again := filled[channel.HTLCRow](9)
		again.Channel, again.Incoming, again.ID, again.Origin = here.Params.Channel, false, 9, o
		if err := s.Write(t.Context(), again); !errors.Is(err, store.ErrExists) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if diff := cmp.Diff([]channel.Rows{here}, channels(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestTheLeastAndTheMostOfAChannelAreKept(t *testing.T) {
	s := open(t, t.TempDir())
	c := stored(1)
	c.State.ToLocal = 4000
	write(t, s, rowsOf(c)...)
	for _, now := range []amount.MilliSatoshi{7000, 900, 5000, 8000, 8000, 6000} {
		c.State.ToLocal = now
		write(t, s, c.State)
	}
	all, err := s.Extremes(t.Context())
	if want := ([2]amount.MilliSatoshi{900, 8000}); err != nil || len(all) != 1 || all[c.Params.Channel] != want {
		t.Errorf("%+v, %v, want %+v", all, err, want)
	}
}
