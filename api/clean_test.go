package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/node"
)

func TestForwardsAndPaymentsThatEndedAreCleanedAndNoOthers(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	w := line(t)
	pay := func(label string) (hash string) {
		t.Helper()
		inv := ask[invoiceResult](t, w.bob, "invoice", 50_000, label, "")
		ask[struct{}](t, w.alice, "xpay", inv.Bolt11)
		return inv.PaymentHash
	}
	for i := range 3 {
		pay(fmt.Sprint("paid ", i))
	}
	// One that the payee refuses.
	route := ask[struct{ Route []map[string]any }](t, w.alice, "getroute", w.bob.ID(), 50_000, nil, 50).Route
	ask[struct{}](t, w.alice, "sendpay", route, hashOf(1), nil, nil, nil, secret(1))
	if _, err := try(t, w.alice, "waitsendpay", hashOf(1), 60); command.AsError(err).Code != command.PayDestinationFailed {
		t.Fatal(err)
	}
	// One that this node refuses.
	route[0]["amount_msat"] = 50_001
	ask[struct{}](t, w.alice, "sendpay", route, hashOf(2), nil, nil, nil, secret(2))
	if _, err := try(t, w.alice, "waitsendpay", hashOf(2), 60); command.AsError(err).Code != command.PayTryOtherRoute {
		t.Fatal(err)
	}
	// And one that is still on its way.
	held := ask[invoiceResult](t, w.bob, "holdinvoice", hashOf(3), 50_000, "held", "")
	paying := make(chan error, 1)
	go func() {
		_, err := try(t, w.alice, "xpay", held.Bolt11)
		paying <- err
	}()
	until(t, "it is held", func() bool {
		var list struct{ Forwards []forwardResult }
		raw, err := try(t, w.carol, "listforwards", "offered")
		return err == nil && json.Unmarshal(raw, &list) == nil && len(list.Forwards) == 1
	})

	type result struct {
		Autoclean map[string]struct{ Cleaned, Uncleaned uint64 }
	}
	count := func(n *node.Node, list string) int {
		t.Helper()
		var rows map[string][]json.RawMessage
		if err := json.Unmarshal(ask[json.RawMessage](t, n, list), &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			return len(r)
		}
		return 0
	}
	for _, c := range []struct {
		n          *node.Node
		kind, list string
		gone       uint64
		left       int
	}{
		{w.carol, "failedforwards", "listforwards", 2, 4},
		{w.carol, "succeededforwards", "listforwards", 3, 1},
		{w.alice, "failedpays", "listpays", 2, 4},
		{w.alice, "succeededpays", "listpays", 3, 1},
	} {
		if r := ask[result](t, c.n, "autoclean-once", c.kind, 1_000_000).Autoclean[c.kind]; r.Cleaned != 0 || r.Uncleaned != c.gone {
			t.Errorf("%s that are too new: %+v", c.kind, r)
		}
		sum := uint64(0)
		until(t, "they are a second old", func() bool {
			r := ask[result](t, c.n, "autoclean-once", c.kind, 1).Autoclean[c.kind]
			sum += r.Cleaned
			return r.Uncleaned == 0
		})
		equal(t, c.kind, sum, c.gone)
		equal(t, "left of "+c.list, count(c.n, c.list), c.left)
		equal(t, "in all of "+c.kind, ask[result](t, c.n, "autoclean-status", c.kind).Autoclean[c.kind].Cleaned, c.gone)
	}
	equal(t, "attempts", count(w.alice, "listsendpays"), 1)
	ask[struct{}](t, w.bob, "settleholdinvoice", secret(3))
	if err := <-paying; err != nil {
		t.Errorf("the one that was on its way: %v", err)
	}
}
