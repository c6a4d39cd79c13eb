//go:build !race

package compact

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/pay"
)

// known are two nodes with numbers.
var known = []wire.NodeID{{2, 1}, {3, 2}}

func ref(id wire.NodeID) uint64 { return uint64(slices.Index(known, id) + 1) } //nolint:gosec // not negative

var errUnknown = errors.New("unknown")

func node(ref uint64) (wire.NodeID, error) {
	if ref == 0 || ref > uint64(len(known)) {
		return wire.NodeID{}, errUnknown
	}
	return known[ref-1], nil
}

func TestARouteIsReadAsItWas(t *testing.T) {
	for what, hops := range map[string][]pay.Hop{
		"none":     nil,
		"one":      {{NodeID: known[0], SCID: wire.NewShortChannelID(800_000, 7, 1), Amount: 1000, CLTVExpiry: 800_100}},
		"two":      {{NodeID: known[1], SCID: 1, Amount: 1001, CLTVExpiry: 200}, {NodeID: known[0], SCID: 1<<64 - 1, Amount: 1000, CLTVExpiry: 100}},
		"strange":  {{NodeID: wire.NodeID{9}, Amount: 1<<64 - 1, CLTVExpiry: 1<<32 - 1}, {Amount: 0}, {NodeID: wire.NodeID{4}, Amount: 1 << 63, CLTVExpiry: 1 << 31}},
		"upwards":  {{NodeID: known[0], Amount: 1, CLTVExpiry: 1}, {NodeID: known[1], Amount: 5, CLTVExpiry: 9}},
		"in full":  {{NodeID: wire.NodeID{2, 9}, SCID: 5, Amount: 3, CLTVExpiry: 4}},
		"all zero": {{}},
	} {
		b := Route(nil, 1001, hops, ref)
		got, err := Hops(b, 1001, node)
		if err != nil || !slices.Equal(got, hops) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		for cut := range b {
			if got, err := Hops(b[:cut], 1001, node); err == nil && len(got) >= len(hops) {
				t.Errorf("%s: %d of %d bytes gave %+v", what, cut, len(b), got)
			}
		}
	}
	if b := Route(nil, 1001, []pay.Hop{{NodeID: known[1], SCID: wire.NewShortChannelID(800_000, 700, 1), Amount: 1001, CLTVExpiry: 800_180}, {NodeID: known[0], SCID: wire.NewShortChannelID(800_000, 7, 1), Amount: 1000, CLTVExpiry: 800_100}}, ref); len(b) > 24 {
		t.Errorf("two hops take %d bytes", len(b))
	}
	if _, err := Hops(Route(nil, 1, []pay.Hop{{NodeID: known[1]}}, func(wire.NodeID) uint64 { return 3 }), 1, node); !errors.Is(err, errUnknown) {
		t.Errorf("a number that nobody has: %v", err)
	}
}

func TestANodeIsReadAsItWas(t *testing.T) {
	for _, id := range []wire.NodeID{{}, known[0], known[1], {2, 99}} {
		got, err := ReadNode(PutNode(id, ref), node)
		if err != nil || got != id {
			t.Errorf("%v: %v, %v", id, got, err)
		}
	}
	for n := range uint64(70_000) {
		b := PutNode(known[0], func(wire.NodeID) uint64 { return n + 1 })
		if _, err := ReadNode(b, func(ref uint64) (wire.NodeID, error) {
			if ref != n+1 {
				t.Fatalf("%d, not %d", ref, n+1)
			}
			return known[0], nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range [][]byte{make([]byte, 9), {7}, make([]byte, 34)} {
		if got, err := ReadNode(bad, node); err == nil {
			t.Errorf("%x gave %v", bad, got)
		}
	}
}

const id = "4ca8c6dcf985a25a7e864aafc849408a37fb80970303ac7c046cb923567b2fa3"

func TestAnEntryOfTheLogIsReadAsItWas(t *testing.T) {
	for _, e := range []durable.Event{
		{Kind: "payment", Key: id, State: "complete"}, {Kind: "channel", Key: id, State: "CHANNELD_NORMAL"}, {Kind: "invoice", Key: "tea", State: "paid"},
		{Kind: "forward", Key: id + "/0", State: "offered"}, {Kind: "forward", Key: id + "/18446744073709551615", State: "settled"},
		{Kind: "invoice", Key: id, State: "unpaid"}, {Kind: "invoice", Key: id[:40], State: "unpaid"}, {Kind: "invoice", Key: "", State: ""},
		{Kind: "payment", Key: "no hash", State: "odd"}, {Kind: "payment", Key: id + "/1"}, {Kind: "forward", Key: id}, {Kind: "forward", Key: id + "/01"},
		{Kind: "forward", Key: id + "/x"}, {Kind: "payment", Key: "4CA8" + id[4:]}, {Kind: "web", Key: id, State: "paid"},
	} {
		for _, written := range []durable.Event{Event(e), e} { // and as it was written before
			if got, err := ReadEvent(written); err != nil || got.Kind != e.Kind || got.Key != e.Key || got.State != e.State {
				t.Errorf("%+v: %+v, %v", e, got, err)
			}
		}
	}
	if e := Event(durable.Event{Kind: "payment", Key: id, State: "complete"}); len(e.Kind)+len(e.Key)+len(e.State) != 34 {
		t.Errorf("%d bytes", len(e.Kind)+len(e.Key)+len(e.State))
	}
	for _, bad := range []durable.Event{
		{Kind: "payment", Key: string(make([]byte, 33))}, {Kind: "forward", Key: string(make([]byte, 32))}, {Kind: "forward", Key: string(make([]byte, 32)) + "\x01\x01"},
		{Kind: "forward", Key: id + "/1", Data: []byte{1, 2}},
	} {
		if got, err := ReadEvent(bad); err == nil {
			t.Errorf("%+v gave %+v", bad, got)
		}
	}
}

func TestAForwardInTheLogIsReadAsItWas(t *testing.T) {
	out, amt, fee, units := uint64(7), amount.MilliSatoshi(900), amount.MilliSatoshi(100), amount.Units(2)
	for _, f := range []events.Forward{
		{PaymentHash: wire.PaymentHash{1}, CreatedIndex: 2, In: 3, InHTLC: 4, InAmount: 1000, Out: 5, OutHTLC: &out, OutAmount: &amt, Fee: &fee, Status: "offered", Style: "tlv", Received: 9},
		{PaymentHash: wire.PaymentHash{1}, CreatedIndex: 2, UpdatedIndex: 8, In: 1<<64 - 1, InAmount: 1000, Out: 5, OutHTLC: &out, OutAmount: &amt, Fee: &fee, Status: "settled", Style: "tlv", Received: 9, Resolved: 10},
		{In: 3, InHTLC: 4, InAmount: 1000, FailCode: 0x1007, FailReason: "WIRE_TEMPORARY_CHANNEL_FAILURE", Status: "local_failed", Style: "tlv", Received: 9},
		{Status: "odd", Style: "tlv"},
		{InAmount: 1000, OutHTLC: &out, OutAmount: &amt, OutProperty: 1<<32 - 1, OutUnits: amount.MaxUnits, Status: "settled", Style: "tlv"}, // exchanged: no fee
		{InAmount: 1000, InProperty: 3, InUnits: 52, OutHTLC: &out, OutAmount: &amt, OutProperty: 3, OutUnits: 50, Fee: &fee, FeeUnits: &units, Status: "settled", Style: "tlv"},
		{InAmount: 1000, InProperty: 3, InUnits: 52, Status: "local_failed", Style: "tlv"},
	} {
		whole, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		written := Forward(&f)
		if len(written) > len(whole)/2 {
			t.Errorf("%d bytes of %d", len(written), len(whole))
		}
		for _, b := range [][]byte{written, whole, data("forward", whole)} {
			got, err := ReadEvent(durable.Event{Kind: "forward", Key: id + "/1", Data: b})
			if err != nil || string(got.Data) != string(whole) {
				t.Errorf("%s, %v, not %s", got.Data, err, whole)
			}
		}
		for cut := 1; cut < len(written); cut++ {
			if got, err := ReadEvent(durable.Event{Kind: "forward", Key: id + "/1", Data: written[:cut]}); err == nil {
				t.Fatalf("%d of %d bytes gave %s", cut, len(written), got.Data)
			}
		}
	}
}

func FuzzHops(f *testing.F) {
	f.Add(Route(nil, 1000, []pay.Hop{{NodeID: known[0], SCID: 9, Amount: 1000, CLTVExpiry: 100}, {NodeID: wire.NodeID{7}}}, ref), uint64(1000))
	f.Fuzz(func(t *testing.T, b []byte, sent uint64) {
		hops, err := Hops(b, amount.MilliSatoshi(sent), node)
		if err != nil {
			return
		}
		again, err := Hops(Route(nil, amount.MilliSatoshi(sent), hops, ref), amount.MilliSatoshi(sent), node)
		if err != nil || !slices.Equal(again, hops) {
			t.Fatalf("%+v, %v, not %+v", again, err, hops)
		}
	})
}

func FuzzReadEvent(f *testing.F) {
	f.Add("forward", id+"/1", []byte{1})
	f.Add("payment", id[:33], []byte(nil))
	f.Fuzz(func(_ *testing.T, kind, key string, data []byte) {
		_, _ = ReadEvent(durable.Event{Kind: kind, Key: key, Data: data})
		_, _ = ReadNode(data, node)
	})
}
