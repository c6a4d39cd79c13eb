package store_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/onion"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/relay"
	"github.com/leyden-ln/leyden/internal/store"
)

// incoming writes two channels, and HTLCs that came over the first.
func incoming(t *testing.T, s *store.Store, htlcs int) (in, out wire.ChannelID) {
	t.Helper()
	in, out = wire.ChannelID{1}, wire.ChannelID{2}
	for i, id := range []wire.ChannelID{in, out} {
		write(t, s, channel.ParamsRow{
			Channel: id, KeyIndex: uint32(i + 1), Format: script.Anchors, LocalScript: []byte{1}, ChannelType: wire.Features{}, //nolint:gosec // two
			LocalAlias: wire.ShortChannelID(100 + i), //nolint:gosec // two
		})
	}
	for id := range htlcs {
		write(t, s, channel.HTLCRow{Channel: in, Incoming: true, ID: uint64(id), Amount: 5000, PaymentHash: wire.PaymentHash{byte(id + 1)}}) //nolint:gosec // few
	}
	return in, out
}

func forwardOf(in, out wire.ChannelID, id uint64) (offered channel.HTLCRow, settled channel.SettlementRow) {
	origin := channel.Origin{In: &channel.Ref{Channel: in, ID: id}}
	return channel.HTLCRow{Channel: out, ID: 70 + id, Amount: 4900, PaymentHash: wire.PaymentHash{byte(id + 1)}, Origin: origin},
		channel.SettlementRow{HTLC: channel.Ref{Channel: out, ID: 70 + id}, Origin: origin, Amount: 4900}
}

// told are the events of forwards, in order, without their times.
func told(t *testing.T, s *store.Store) (out []map[string]any) {
	t.Helper()
	entries, err := s.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var data map[string]any
		if err := json.Unmarshal(e.Data, &data); err != nil || e.Kind != "forward" || data["status"] != e.State {
			t.Fatalf("%+v: %v", e, err)
		}
		if data["received_time"] == 0.0 || (data["resolved_time"] == nil) != (e.State == "offered") {
			t.Errorf("the times of %s are %v and %v", e.State, data["received_time"], data["resolved_time"])
		}
		delete(data, "received_time")
		delete(data, "resolved_time")
		data["key"] = e.Key
		out = append(out, data)
	}
	return out
}

func TestEachChangeOfAForwardIsAnEventWithWhatListforwardsSays(t *testing.T) {
	s := open(t, t.TempDir())
	in, out := incoming(t, s, 3)
	paid, end := forwardOf(in, out, 0)
	end.Preimage = &wire.Preimage{9}
	write(t, s, paid)
	write(t, s, end)
	failed, back := forwardOf(in, out, 1)
	back.Reason = []byte{1}
	write(t, s, failed)
	write(t, s, back)
	refused := relay.RefusedRow{In: channel.Ref{Channel: in, ID: 2}, Out: 77, Code: onion.CodeFeeInsufficient}
	write(t, s, refused)
	write(t, s, refused, relay.RefusedRow{In: channel.Ref{Channel: in, ID: 0}}) // it is known already, and the other was forwarded

	row := func(id int, status string, more map[string]any) map[string]any {
		m := map[string]any{
			"key": fmt.Sprintf("%s/%d", in, id), "created_index": float64(id + 1), "payment_hash": wire.PaymentHash{byte(id + 1)}.String(),
			"in_channel": "0x0x100", "in_htlc_id": float64(id), "in_msat": 5000.0, "status": status, "style": "tlv",
		}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	way := func(id, updated int) map[string]any {
		m := map[string]any{"out_channel": "0x0x101", "out_htlc_id": float64(70 + id), "out_msat": 4900.0, "fee_msat": 100.0}
		if updated > 0 {
			m["updated_index"] = float64(updated)
		}
		return m
	}
	want := []map[string]any{
		row(0, "offered", way(0, 0)), row(0, "settled", way(0, 1)), row(1, "offered", way(1, 0)), row(1, "failed", way(1, 2)),
		row(2, "local_failed", map[string]any{"out_channel": "0x0x77", "failcode": float64(onion.CodeFeeInsufficient), "failreason": "WIRE_FEE_INSUFFICIENT"}),
	}
	if diff := cmp.Diff(want, told(t, s)); diff != "" {
		t.Error(diff)
	}
	list, err := s.Forwards(t.Context(), "", 0, 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if f := list[2]; f.Status != store.ForwardRefused || f.Out != 77 || f.FailCode != onion.CodeFeeInsufficient || f.InAmount != amount.MilliSatoshi(5000) || f.ResolvedAt == 0 {
		t.Errorf("%+v", f)
	}
	if only, err := s.Forwards(t.Context(), store.ForwardRefused, 0, 10); err != nil || len(only) != 1 {
		t.Errorf("%+v, %v", only, err)
	}
	write(t, s, store.ForwardDeletedRow{Channel: in, HTLC: 2, Status: store.ForwardRefused})
}

// What is not on disk is told to nobody, and what is on disk is told.
func TestAnEventOfAForwardIsWrittenWithItsRowOrNotAtAll(t *testing.T) {
	s := open(t, t.TempDir())
	in, out := incoming(t, s, 2)
	paid, end := forwardOf(in, out, 0)
	end.Preimage = &wire.Preimage{9}
	broken := channel.StatusRow{Channel: wire.ChannelID{9}} // it is refused, and so is all that is with it
	for what, rows := range map[string][]durable.Row{
		"offered": {paid}, "refused": {relay.RefusedRow{In: channel.Ref{Channel: in, ID: 1}}},
	} {
		if err := s.Write(t.Context(), append(rows, broken)...); err == nil {
			t.Errorf("%s: written", what)
		}
	}
	if got := told(t, s); len(got) != 0 {
		t.Fatalf("told of %v", got)
	}
	write(t, s, paid)
	if err := s.Write(t.Context(), end, broken); err == nil {
		t.Error("settled: written")
	}
	if got := told(t, s); len(got) != 1 {
		t.Fatalf("told of %v", got)
	}
	write(t, s, end)
	if got := told(t, s); len(got) != 2 {
		t.Fatalf("told of %v", got)
	}
}

// Alice's channels are 1 and 2 in bitcoin, 3 and 4 in tokens.
func TestAForwardTellsTheTokensOfBothSidesAndNoFeeWhereTheyWereExchanged(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range uint32(4) {
		p := channel.ParamsRow{
			Channel: wire.ChannelID{byte(i + 1)}, KeyIndex: i + 1, Format: script.Anchors, LocalScript: []byte{1}, ChannelType: wire.Features{},
			LocalAlias: wire.ShortChannelID(100 + i),
		}
		if i >= 2 {
			p.Format, p.Property, p.Tokens = script.Tokens, 3, 1000
		}
		write(t, s, p)
	}
	forward := func(id uint64, in, out byte, came, went channel.HTLCRow) {
		came.Channel, came.Incoming, came.ID, went.Channel, went.ID = wire.ChannelID{in}, true, id, wire.ChannelID{out}, 70+id
		went.Origin = channel.Origin{In: &channel.Ref{Channel: came.Channel, ID: id}}
		write(t, s, came)
		write(t, s, went)
		write(t, s, channel.SettlementRow{
			HTLC: channel.Ref{Channel: went.Channel, ID: went.ID}, Origin: went.Origin, Amount: went.Amount, Preimage: &wire.Preimage{9},
		})
		for _, h := range []channel.HTLCRow{came, went} {
			write(t, s, channel.HTLCStateRow{
				Channel: h.Channel, Incoming: h.Incoming, ID: h.ID, HTLCState: channel.HTLCState{Removal: channel.RemovedByPreimage, Done: true},
			})
		}
	}
	forward(0, 1, 3, channel.HTLCRow{Amount: 9000}, channel.HTLCRow{Amount: 4000, Tokens: 25})             // sold
	forward(1, 3, 1, channel.HTLCRow{Amount: 4000, Tokens: 30}, channel.HTLCRow{Amount: 9500})             // bought
	forward(2, 3, 4, channel.HTLCRow{Amount: 4700, Tokens: 52}, channel.HTLCRow{Amount: 4000, Tokens: 50}) // neither
	forward(3, 1, 2, channel.HTLCRow{Amount: 5000}, channel.HTLCRow{Amount: 4900})
	write(t, s, channel.HTLCRow{Channel: wire.ChannelID{4}, Incoming: true, ID: 4, Amount: 4000, Tokens: 7})
	write(t, s, relay.RefusedRow{In: channel.Ref{Channel: wire.ChannelID{4}, ID: 4}, Out: 77, Code: onion.CodeFeeInsufficient})

	// What each side carried, and the fees: the parts of the data that are about it.
	want := map[float64]map[string]any{
		0: {"in_msat": 9000.0, "out_msat": 4000.0, "out_property_id": 3.0, "out_units": 25.0},
		1: {"in_msat": 4000.0, "in_property_id": 3.0, "in_units": 30.0, "out_msat": 9500.0},
		2: {"in_msat": 4700.0, "in_property_id": 3.0, "in_units": 52.0, "out_msat": 4000.0, "out_property_id": 3.0, "out_units": 50.0, "fee_msat": 700.0, "fee_units": 2.0},
		3: {"in_msat": 5000.0, "out_msat": 4900.0, "fee_msat": 100.0},
		4: {"in_msat": 4000.0, "in_property_id": 3.0, "in_units": 7.0},
	}
	seen := 0
	for _, data := range told(t, s) {
		got := map[string]any{}
		for _, name := range []string{
			"in_msat", "in_property_id", "in_units", "out_msat", "out_property_id", "out_units", "fee_msat", "fee_units",
		} {
			if v, ok := data[name]; ok {
				got[name] = v
			}
		}
		id := data["in_htlc_id"].(float64)
		if diff := cmp.Diff(want[id], got); diff != "" {
			t.Errorf("%v, %v: %s", id, data["status"], diff)
		}
		seen++
	}
	if seen != 9 {
		t.Errorf("told of %d", seen)
	}
	rows, err := s.Forwards(t.Context(), store.ForwardSettled, 0, 10)
	if err != nil || len(rows) != 4 {
		t.Fatalf("%+v, %v", rows, err)
	}
	if f := rows[2]; f.InProperty != 3 || f.InUnits != 52 || f.OutProperty != 3 || f.OutUnits != 50 {
		t.Errorf("%+v", f)
	}
	// What getinfo says is earned leaves out what was exchanged.
	if fees, err := s.FeesCollected(t.Context()); err != nil || fees != 800 {
		t.Errorf("%d, %v", fees, err)
	}
}
