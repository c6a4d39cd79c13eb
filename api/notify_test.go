package api_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

// listener is a client that writes down what it is told.
type listener struct {
	mu   sync.Mutex
	on   bool
	said []string
}

func (l *listener) Enable(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = on
}

func (l *listener) Enabled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on
}

func (l *listener) Notify(method string, params map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, _ := params["message"].(string)
	l.said = append(l.said, method+": "+text)
}

func TestWhoPaysIsToldOfEachStepIfTheyWantThat(t *testing.T) {
	w := line(t)
	l := &listener{}
	ctx := command.WithClient(t.Context(), l)
	call := func(method string, params ...any) {
		t.Helper()
		raw, err := json.Marshal(params)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.Call(ctx, w.alice, method, raw); err != nil {
			t.Fatal(err)
		}
	}
	pay := func(label string) { call("xpay", ask[invoiceResult](t, w.bob, "invoice", 50_000, label, "").Bolt11) }
	pay("unheard")
	equal(t, "told of nothing", len(l.said), 0)
	call("notifications", true)
	pay("heard")
	call("keysend", w.bob.ID(), 1000)
	told := strings.Join(l.said, "\n")
	for _, step := range []string{"message: find path: ", "add HTLC: update_add_htlc sent", "forward R: update_fulfill_htlc received"} {
		if strings.Count(told, step) < 2 {
			t.Errorf("%q is not told of both payments:\n%s", step, told)
		}
	}
	call("notifications", false)
	before := len(l.said)
	pay("unheard again")
	equal(t, "told afterwards", len(l.said), before)
	refused(t, w.alice, command.Failed, "notifications", true) // a caller who cannot be told
	refused(t, w.alice, command.InvalidParams, "notifications", "maybe")
	refused(t, w.alice, command.InvalidParams, "notifications")
}
