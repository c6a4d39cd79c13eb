package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

type waited struct {
	Subsystem                 string
	Created, Updated, Deleted *uint64
	Invoices                  struct{ Label, Status string }
	Sendpays                  struct {
		Status      string
		PaymentHash string `json:"payment_hash"`
	}
}

// waiting waits in the background.
func waiting(t *testing.T, n *node.Node, subsystem, index string, next uint64) <-chan waited {
	t.Helper()
	out := make(chan waited, 1)
	go func() {
		var w waited
		res, err := try(t, n, "wait", subsystem, index, next)
		if err == nil {
			err = json.Unmarshal(res, &w)
		}
		if err != nil {
			t.Errorf("wait %s %s: %v", subsystem, index, err)
		}
		out <- w
	}()
	return out
}

func TestWaitTellsOfEachChange(t *testing.T) {
	w := line(t)
	bob := w.bob
	is := func(index *uint64, want uint64) bool { return index != nil && *index == want }

	updated := waiting(t, bob, "invoices", "updated", 1)
	deleted := waiting(t, bob, "invoices", "deleted", 1)
	sent := waiting(t, w.alice, "sendpays", "created", 1)
	done := waiting(t, w.alice, "sendpays", "updated", 1)
	var inv invoiceResult
	var label string
	invoices := uint64(0)
	for late := true; late; { // a wait that begins after the change tells the index alone
		invoices++
		created := waiting(t, bob, "invoices", "created", invoices)
		label = fmt.Sprint("tea ", invoices)
		inv = ask[invoiceResult](t, bob, "invoice", 5000, label, "one tea")
		got := <-created
		if late = got.Invoices.Label == "" && invoices < 50; !late && (got.Invoices.Label != label || got.Invoices.Status != "unpaid") ||
			got.Subsystem != "invoices" || !is(got.Created, invoices) {
			t.Errorf("created: %+v", got)
		}
	}
	ask[payResult](t, w.alice, "pay", inv.Bolt11)
	if got := <-updated; !is(got.Updated, 1) || got.Invoices.Label != label || got.Invoices.Status != "paid" {
		t.Errorf("updated: %+v", got)
	}
	if got := <-sent; !is(got.Created, 1) || got.Sendpays.PaymentHash != inv.PaymentHash {
		t.Errorf("sendpays created: %+v", got)
	}
	if got := <-done; !is(got.Updated, 1) || got.Sendpays.Status != "complete" {
		t.Errorf("sendpays updated: %+v", got)
	}
	ask[invoiceResult](t, bob, "delinvoice", label, "paid")
	if got := <-deleted; !is(got.Deleted, 1) {
		t.Errorf("deleted: %+v", got)
	}
	for index, n := range map[string]uint64{"created": invoices, "updated": 1, "deleted": 1} {
		got := ask[waited](t, bob, "wait", "invoices", index, 0)
		if at := map[string]*uint64{"created": got.Created, "updated": got.Updated, "deleted": got.Deleted}[index]; !is(at, n) {
			t.Errorf("%s is now %+v", index, got)
		}
	}
	w.idle(t)
	for name, params := range map[string][]any{
		"nothing":         {},
		"no value":        {"invoices", "created"},
		"a subsystem":     {"dreams", "created", 0},
		"an index":        {"invoices", "loved", 0},
		"a value below 0": {"invoices", "created", -1},
		"too many":        {"invoices", "created", 0, 0},
	} {
		t.Run(name, func(t *testing.T) { refused(t, bob, command.InvalidParams, "wait", params...) })
	}
}

// balances are what a commitment_signed changes, as traces shows it.
type balances struct {
	Commitment    string
	Before, After balance
}

type balance struct {
	ToUs   int64 `json:"to_us_msat"`
	ToPeer int64 `json:"to_peer_msat"`
}

func TestAPaymentShowsItsInside(t *testing.T) {
	race.Like(t, TestPaying)
	w := line(t)
	inv := ask[invoiceResult](t, w.bob, "invoice", 5000, "tea", "one tea")
	other := ask[invoiceResult](t, w.bob, "invoice", 5000, "milk", "one milk")
	for _, i := range []invoiceResult{inv, other} {
		ask[payResult](t, w.alice, "pay", i.Bolt11)
	}
	w.idle(t)
	type result struct {
		Traces []struct {
			Step, Message, Direction string
			PaymentHash              string `json:"payment_hash"`
			Channel                  string `json:"channel_id"`
			Balances                 *balances
		}
		Next uint64
	}
	for _, n := range []*node.Node{w.alice, w.carol, w.bob} {
		got := ask[result](t, n, "traces", inv.PaymentHash)
		steps := map[string]bool{}
		for _, s := range got.Traces {
			steps[s.Step] = true
			if s.PaymentHash != inv.PaymentHash {
				t.Errorf("of another payment: %+v", s)
			}
		}
		for _, want := range []string{"add HTLC", "HTLC signed", "forward R", "close HTLC signed"} {
			if !steps[want] {
				t.Errorf("%s saw no %q: %+v", n.Alias(), want, got.Traces)
			}
		}
	}
	// Each commitment goes on from where the one before it was, and at the end Carol has
	// her fees more.
	all := ask[result](t, w.carol, "traces", nil, nil, 1000)
	begin, now := map[string]balance{}, map[[2]string]balance{}
	for _, s := range all.Traces {
		if (s.Balances != nil) != (s.Message == "commitment_signed") {
			t.Fatalf("balances of a %s: %+v", s.Message, s.Balances)
		}
		if s.Balances == nil {
			continue
		}
		at := [2]string{s.Channel, s.Balances.Commitment}
		if last, ok := now[at]; ok && last != s.Balances.Before && last != s.Balances.After {
			t.Errorf("%v: %+v after %+v", at, s.Balances, last)
		}
		if _, ok := begin[s.Channel]; !ok {
			begin[s.Channel] = s.Balances.Before
		}
		now[at] = s.Balances.After
	}
	var more int64
	for channel, was := range begin {
		ours, theirs := now[[2]string{channel, "ours"}], now[[2]string{channel, "the peer's"}]
		if ours != theirs || ours.ToUs+ours.ToPeer != was.ToUs+was.ToPeer || ours == was {
			t.Errorf("channel %s ends with %+v and %+v, and began with %+v", channel, ours, theirs, was)
		}
		more += ours.ToUs - was.ToUs
	}
	var fees int64
	for _, f := range ask[struct {
		Forwards []struct {
			Fee int64 `json:"fee_msat"`
		}
	}](t, w.carol, "listforwards").Forwards {
		fees += f.Fee
	}
	equal(t, "what Carol has more", more, fees)
	var pages int
	for start, seen := uint64(0), 0; ; pages++ {
		p := ask[result](t, w.carol, "traces", nil, start, 7)
		seen += len(p.Traces)
		if start = p.Next; len(p.Traces) == 0 {
			equal(t, "in pages", seen, len(all.Traces))
			break
		}
	}
	if pages < 2 || ask[result](t, w.carol, "traces", nil, all.Next).Next != all.Next {
		t.Error("pages do not end")
	}
	refused(t, w.carol, command.InvalidParams, "traces", "00")
	refused(t, w.carol, command.InvalidParams, "traces", nil, nil, 0)
	refused(t, w.carol, command.InvalidParams, "traces", nil, nil, 1001)
}
