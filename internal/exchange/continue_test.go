package exchange_test

import (
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/store"
)

func TestWhatTheRowsSayIsUnderWayAfterAStart(t *testing.T) {
	bitcoin, tea, cups := wire.ChannelID{1}, wire.ChannelID{2}, wire.ChannelID{3}
	rows := map[wire.ChannelID]*channel.Rows{}
	for id, property := range map[wire.ChannelID]amount.Property{bitcoin: 0, tea: 3, cups: 4} {
		rows[id] = &channel.Rows{Params: channel.ParamsRow{Channel: id, Property: property}}
	}
	u := store.Unfinished{Forwarded: map[channel.Ref]bool{}}
	next := uint64(0)
	forward := func(in wire.ChannelID, came amount.Units, out wire.ChannelID, went amount.Units) channel.Ref {
		next++
		ref := channel.Ref{Channel: in, ID: next}
		u.Forwarded[ref] = true
		rows[in].HTLCs = append(rows[in].HTLCs, channel.HTLCRow{Channel: in, Incoming: true, ID: next, Tokens: came})
		rows[out].HTLCs = append(rows[out].HTLCs, channel.HTLCRow{Channel: out, ID: next, Tokens: went, Origin: channel.Origin{In: &ref}})
		return ref
	}
	forward(bitcoin, 0, tea, 25)
	forward(bitcoin, 0, cups, 7)
	forward(tea, 12, bitcoin, 0)
	forward(tea, 52, tea, 50) // not exchanged
	ended := forward(bitcoin, 0, tea, 100)
	u.Settlements = append(u.Settlements, channel.SettlementRow{Origin: channel.Origin{In: &ended}}, channel.SettlementRow{Origin: channel.Origin{Attempt: 9}})
	gone := forward(tea, 200, bitcoin, 0) // the one that went on has ended
	delete(u.Forwarded, gone)
	rows[tea].HTLCs = append(rows[tea].HTLCs, channel.HTLCRow{Channel: tea, ID: 99, Tokens: 400, Origin: channel.Origin{Attempt: 9}}) // our own

	d := newDesk()
	d.Continue([]channel.Rows{*rows[bitcoin], *rows[tea], *rows[cups]}, u)
	for property, want := range map[amount.Property]amount.Units{3: 37, 4: 7, 0: 0} {
		if got := d.UnderWay(property); got != want {
			t.Errorf("of %d: %d and not %d", property, got, want)
		}
	}
}
