package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
)

type (
	hookResult struct {
		ID     uint64
		Secret string
		Events []string
	}
	deliveriesResult struct {
		Deliveries []struct {
			ID, Status string
			Event      uint64
			Tries      int
		}
	}
)

func TestWebhooksAreMadeToldListedAndDeleted(t *testing.T) {
	w := newNetwork(t)
	n := w.bob
	told := make(chan string, 10)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		told <- r.Header.Get("Webhook-Id") + " " + string(b)
	}))
	defer web.Close()
	hook := ask[hookResult](t, n, "createwebhook", web.URL, "invoice")
	if hook.ID != 1 || !strings.HasPrefix(hook.Secret, "whsec_") || len(hook.Events) != 1 {
		t.Errorf("%+v", hook)
	}
	ask[struct{}](t, n, "invoice", "any", "tea", "one tea")
	if m := <-told; !strings.HasPrefix(m, "1-1 {") || !strings.Contains(m, `"key":"tea","state":"unpaid"`) {
		t.Error(m)
	}
	list := func() (d deliveriesResult) { return ask[deliveriesResult](t, n, "listwebhookdeliveries", 1) }
	until(t, "it is delivered", func() bool { d := list().Deliveries; return len(d) == 1 && d[0].Status == "delivered" })
	ask[struct{}](t, n, "redeliverwebhook", 1, 1)
	if m := <-told; !strings.HasPrefix(m, "1-1 {") {
		t.Error(m)
	}
	shown := string(ask[json.RawMessage](t, n, "listwebhooks"))
	if !strings.Contains(shown, web.URL) || strings.Contains(shown, strings.TrimPrefix(hook.Secret, "whsec_")) {
		t.Errorf("listwebhooks shows %s", shown)
	}
	for name, c := range map[string]struct {
		method string
		params []any
	}{
		"no URL":             {"createwebhook", nil},
		"no HTTP":            {"createwebhook", []any{"ftp://a"}},
		"a wrong kind":       {"createwebhook", []any{"http://a", "dreams"}},
		"a short secret":     {"createwebhook", []any{"http://a", nil, "short"}},
		"a broken secret":    {"createwebhook", []any{"http://a", nil, "whsec_?"}},
		"a webhook too far":  {"deletewebhook", []any{7}},
		"redelivery to none": {"redeliverwebhook", []any{7, 1}},
		"of no event":        {"redeliverwebhook", []any{1, 99}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, n, command.InvalidParams, c.method, c.params...) })
	}
	ask[struct{}](t, n, "deletewebhook", 1)
	if d := list().Deliveries; len(d) != 0 {
		t.Errorf("%+v", d)
	}
}

// A webhook's path and query are often all that whoever posts to it must know.
func TestOnlyWhoMayCreateWebhooksSeesTheirWholeURL(t *testing.T) {
	race.Leave(t, oneAfterTheOther)
	n := newNetwork(t).bob
	ask[hookResult](t, n, "createwebhook", "https://shop.example:8443/paid/s3cret?token=hush")
	for restrictions, whole := range map[string]bool{
		`"readonly"`: false, `[["method=listwebhooks"]]`: false, `[]`: true, `[["method=listwebhooks","method=createwebhook"]]`: true,
	} {
		rune := ask[runeResult](t, n, "createrune", named{"restrictions": json.RawMessage(restrictions)}).Rune
		ctx, err := api.Permit(t.Context(), n, rune, nil, "listwebhooks", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := api.Call(ctx, n, "listwebhooks", nil)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		shown := string(raw)
		if strings.Contains(shown, "s3cret") != whole || strings.Contains(shown, "hush") != whole || !strings.Contains(shown, "https://shop.example:8443/") {
			t.Errorf("%s sees %s", restrictions, shown)
		}
	}
}
