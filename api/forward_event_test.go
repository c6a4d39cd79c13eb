package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
)

// forwardTold is an event of a forward, as a webhook and listevents show it.
type forwardTold struct {
	Index            uint64
	Kind, Key, State string
	Data             struct {
		Hash       string `json:"payment_hash"`
		In         string `json:"in_channel"`
		Out        string `json:"out_channel"`
		InMsat     uint64 `json:"in_msat"`
		OutMsat    uint64 `json:"out_msat"`
		Fee        uint64 `json:"fee_msat"`
		Status     string
		FailReason string `json:"failreason"`
		Received   uint64 `json:"received_time"`
		Resolved   uint64 `json:"resolved_time"`
	}
}

func TestForwardsAreToldOfFromTheOfferToTheEnd(t *testing.T) {
	w := line(t)
	carol := w.carol
	hooked := make(chan forwardTold, 10)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var e forwardTold
		if err != nil || json.Unmarshal(b, &e) != nil {
			t.Errorf("%s: %v", b, err)
		}
		hooked <- e
	}))
	defer web.Close()
	ask[struct{}](t, carol, "createwebhook", web.URL, "forward")

	// One is settled, one the payee refuses, one this node.
	route := ask[struct{ Route []map[string]any }](t, w.alice, "getroute", w.bob.ID(), 50_000, nil, 50).Route
	send := func(b byte, secretOf string) (hash string, err error) {
		t.Helper()
		inv := ask[invoiceResult](t, w.bob, "invoice", 50_000, secret(b), "", nil, nil, secret(b))
		if secretOf == "" {
			secretOf = inv.PaymentSecret
		}
		ask[struct{}](t, w.alice, "sendpay", route, inv.PaymentHash, nil, nil, nil, secretOf)
		_, err = try(t, w.alice, "waitsendpay", inv.PaymentHash, 30)
		w.idle(t)
		return inv.PaymentHash, err
	}
	paid, err := send(101, "")
	if err != nil {
		t.Fatal(err)
	}
	failed, err := send(102, secret(7))
	if command.AsError(err).Code != command.PayDestinationFailed {
		t.Fatal(err)
	}
	route[0]["amount_msat"] = 50_001 // it leaves no fee
	refused, err := send(103, "")
	if command.AsError(err).Code != command.PayTryOtherRoute {
		t.Fatal(err)
	}

	type list struct {
		Events []forwardTold
		Next   uint64
	}
	got := ask[list](t, carol, "listevents", named{"kinds": "forward"})
	want := []struct {
		hash, state string
		fee         uint64
	}{{paid, "offered", 1000}, {paid, "settled", 1000}, {failed, "offered", 1000}, {failed, "failed", 1000}, {refused, "local_failed", 0}}
	if len(got.Events) != len(want) {
		t.Fatalf("%+v", got.Events)
	}
	keys := map[string]string{}
	for i, e := range got.Events {
		d := e.Data
		if e.State != want[i].state || d.Status != e.State || d.Hash != want[i].hash || e.Kind != "forward" || d.In == "" || d.Out == "" || d.In == d.Out {
			t.Errorf("event %d: %+v", i, e)
		}
		if known := keys[d.Hash]; known != "" && known != e.Key {
			t.Errorf("of one forward there are events of %s and of %s", known, e.Key)
		}
		keys[d.Hash] = e.Key
		if d.Received == 0 || (d.Resolved == 0) != (e.State == "offered") {
			t.Errorf("the times of event %d: %+v", i, d)
		}
		if e.State == "local_failed" {
			if d.FailReason != "WIRE_FEE_INSUFFICIENT" || d.InMsat != 50_001 || d.OutMsat != 0 || d.Fee != 0 {
				t.Errorf("refused: %+v", d)
			}
		} else if d.InMsat != d.OutMsat+d.Fee || d.Fee < want[i].fee || d.OutMsat != 50_000 {
			t.Errorf("the amounts of event %d: %+v", i, d)
		}
		if h := <-hooked; h != e {
			t.Errorf("the webhook was told of\n%+v and not of\n%+v", h, e)
		}
	}
	equal(t, "distinct forwards", len(keys), 3)

	// The list says the same.
	forwards := func(params ...any) []forwardResult {
		t.Helper()
		return ask[struct{ Forwards []forwardResult }](t, carol, "listforwards", params...).Forwards
	}
	if local := forwards("local_failed"); len(local) != 1 || local[0].Status != "local_failed" || local[0].InMsat != 50_001 || local[0].OutMsat != 0 {
		t.Errorf("%+v", local)
	}
	equal(t, "failed", len(forwards("failed")), 1)
	equal(t, "all", len(forwards()), 3)
	local := forwards("local_failed")[0]
	ask[struct{}](t, carol, "delforward", local.In, local.HTLC, "local_failed")
	equal(t, "what is left", len(forwards()), 2)
	equal(t, "in SQL", query(t, carol, "SELECT count(*) FROM forwards WHERE failcode IS NOT NULL"), "[[0]]")
}
