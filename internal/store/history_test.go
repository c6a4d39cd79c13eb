package store_test

import (
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/dance"
)

func TestEachPastCommitmentOfThePeerGivesItsHTLCsBack(t *testing.T) {
	s := open(t, t.TempDir())
	id, other := wire.ChannelID{1}, wire.ChannelID{2}
	for i, c := range []wire.ChannelID{id, other} {
		write(t, s, channel.ParamsRow{Channel: c, KeyIndex: uint32(i + 1), Format: script.Anchors, LocalScript: []byte{1}, ChannelType: wire.Features{}})
	}
	htlc := func(id wire.ChannelID, incoming bool, n uint64, added, removed uint64, done bool) {
		r := channel.HTLCRow{
			Channel: id, Incoming: incoming, ID: n, Amount: 5000, PaymentHash: wire.PaymentHash{byte(n)}, CLTVExpiry: 500,
			Origin: channel.Origin{Attempt: 10*n + 1},
		}
		if incoming {
			r.Origin = channel.Origin{}
		}
		// Numbers of our own commitments are others: they must not matter.
		r.Added, r.Removed = dance.Numbers{dance.Local: added + 50, dance.Remote: added}, dance.Numbers{}
		if removed != 0 {
			r.Removed = dance.Numbers{dance.Local: removed + 50, dance.Remote: removed}
		}
		if id == other {
			r.Origin = channel.Origin{In: &channel.Ref{Channel: wire.ChannelID{1}, ID: n}}
		}
		r.Done = done
		write(t, s, r)
	}
	htlc(id, false, 0, 1, 4, true)
	htlc(id, true, 0, 2, 3, true)
	htlc(id, false, 1, 3, 5, true)
	htlc(id, false, 2, 2, 0, false) // still there: the machine's rows have it
	htlc(other, false, 0, 1, 9, true)
	for number, want := range []string{"[]", "[out 0]", "[out 0 in 0]", "[out 0 out 1]", "[out 1]", "[]", "[]"} {
		list, err := s.HTLCsStoodIn(t.Context(), id, uint64(number))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, h := range list {
			if !h.StoodIn(dance.Remote, uint64(number)) || h.Amount != 5000 || h.PaymentHash != (wire.PaymentHash{byte(h.ID)}) || h.CLTVExpiry != 500 {
				t.Errorf("commitment %d: %+v", number, h)
			}
			got = append(got, fmt.Sprintf("%s %d", map[bool]string{false: "out", true: "in"}[h.Incoming], h.ID))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("commitment %d held %v instead of %s", number, got, want)
		}
	}
	// One that forwards names its origin.
	list, err := s.HTLCsStoodIn(t.Context(), other, 5)
	if err != nil || len(list) != 1 || list[0].Origin.In == nil || list[0].Origin.In.Channel != id {
		t.Errorf("%+v, %v", list, err)
	}
}
