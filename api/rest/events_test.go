package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// listen opens a stream of events; next gives the next one, with its id and kind.
func (c *client) listen(query string, headers ...string) (next func() (id, kind string, e map[string]any), end func()) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	r, err := http.NewRequestWithContext(ctx, "GET", c.url+"/v1/events"+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Rune", c.rune)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(r) //nolint:bodyclose // end closes it
	if err != nil {
		c.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatalf("%s %v", res.Status, res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	return func() (id, kind string, e map[string]any) {
			c.t.Helper()
			for lines.Scan() {
				name, value, _ := strings.Cut(lines.Text(), ": ")
				switch name {
				case "id":
					id = value
				case "event":
					kind = value
				case "data":
					if err := json.Unmarshal([]byte(value), &e); err != nil {
						c.t.Fatal(err)
					}
				case "":
					if e != nil {
						return id, kind, e
					}
				}
			}
			return "", "", nil
		}, func() {
			res.Body.Close()
			cancel()
		}
}

func TestEventsAreFollowedFromWhereTheClientWas(t *testing.T) {
	n := newNode(t, newChain(t))
	c, _ := serve(t, n)
	invoice := func(label string) { c.must("invoice", fmt.Sprintf(`["any", "%s", ""]`, label)) }
	is := func(next func() (string, string, map[string]any), label string) (id string) {
		t.Helper()
		id, kind, e := next()
		if kind != "invoice" || e["key"] != label || e["state"] != "unpaid" || fmt.Sprint(e["index"]) != id {
			t.Fatalf("%s %s %v, want the invoice %s", id, kind, e, label)
		}
		return id
	}
	invoice("a")
	invoice("b")
	next, end := c.listen("") // what happens next
	invoice("c")
	last := is(next, "c")
	end()
	invoice("d")
	invoice("e")
	next, end = c.listen("?kinds=invoice", "Last-Event-ID", last)
	is(next, "d")
	is(next, "e")
	invoice("f")
	is(next, "f")
	end()
	next, end = c.listen("?after=0&kinds=payment,invoice")
	for _, label := range []string{"a", "b", "c", "d", "e", "f"} {
		is(next, label)
	}
	end()

	// A WebSocket sees the same.
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, c.url+"/v1/events?after="+last, &websocket.DialOptions{HTTPClient: c.http, HTTPHeader: http.Header{"Rune": {c.rune}}}) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, label := range []string{"d", "e", "f", "g"} {
		if label == "g" {
			invoice("g")
		}
		kind, b, err := ws.Read(ctx)
		var e map[string]any
		if err == nil {
			err = json.Unmarshal(b, &e)
		}
		if err != nil || kind != websocket.MessageText || e["key"] != label {
			t.Fatalf("%s: %v", b, err)
		}
	}

	// And so does who lists them.
	page := c.must("listevents", `{"start": 2, "limit": 3, "kinds": "invoice"}`)
	if list := page["events"].([]any); len(list) != 3 || list[0].(map[string]any)["key"] != "b" || page["next"] != 5.0 {
		t.Errorf("%v", page)
	}
	if page := c.must("listevents", `{"kinds": "channel"}`); len(page["events"].([]any)) != 0 || page["next"] != 8.0 {
		t.Errorf("%v", page)
	}
}

func TestEventsNeedARuneThatPermitsThem(t *testing.T) {
	n := newNode(t, newChain(t))
	c, _ := serve(t, n)
	payments := c.make(n, `{"restrictions": [["method=listevents"], ["pnamekinds=payment"]]}`)
	invoices := c.make(n, `{"restrictions": [["method=invoice"]]}`)
	for _, x := range []struct {
		query, rune string
		status      int
	}{
		{"", "", 403}, {"", "AAAA", 401}, {"", invoices, 401}, {"", payments, 401}, {"?kinds=invoice", payments, 401},
		{"?kinds=dreams", c.rune, 400}, {"?after=-1", c.rune, 400}, {"?after=x", c.rune, 400}, {"?since=1", c.rune, 400},
	} {
		if status, text, _ := c.request("GET", "/v1/events"+x.query, "", "rune", x.rune); status != x.status {
			t.Errorf("%q: %d %s, want %d", x.query, status, text, x.status)
		}
	}
	// A stream ends when its rune is revoked.
	free := c.rune
	c.rune = payments
	next, end := c.listen("?kinds=payment")
	defer end()
	c.rune = free
	c.must("blacklistrune", `[1]`)
	c.must("invoice", `["any", "a", ""]`) // something happens
	if id, kind, e := next(); e != nil {
		t.Errorf("%s %s %v after the rune was revoked", id, kind, e)
	}
}
