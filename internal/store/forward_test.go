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
