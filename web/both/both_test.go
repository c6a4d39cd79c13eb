package both

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/steps"
	"github.com/leyden-ln/leyden/web/words"
)

// window is one with a chain of blocks, and the pages and gates of Alice and Bob.
func window(blocks *uint64) *Window {
	w := New(slog.New(slog.DiscardHandler))
	w.Height = func() uint64 { return *blocks }
	w.Mine = func(context.Context) error { *blocks++; return nil }
	w.Words = func(r *http.Request) *words.Words { return words.For("", r.Header.Get("Accept-Language")) }
	for i, name := range []string{"alice", "bob"} {
		w.Frames = append(w.Frames, Frame{name, "http://127.0.0.1:1", func() string { return "http://127.0.0.1:1/login?ticket=" + name }})
		w.Nodes = append(w.Nodes, Node{name, wire.NodeID{2, byte(i)}, steps.New()})
	}
	return w
}

func TestTheWindowOfBothLogsInOnlyWhoHasItsKey(t *testing.T) {
	blocks := uint64(117)
	w := window(&blocks)
	s := httptest.NewServer(http.NewCrossOriginProtection().Handler(w))
	t.Cleanup(s.Close)
	ask := func(method, path, site string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", site)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if p := res.Header.Get("Content-Security-Policy"); res.StatusCode == 200 && !strings.Contains(p, "frame-ancestors 'self'") {
			t.Errorf("%s has the policy %q", path, p)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	for _, path := range []string{"/", "/chain", "/mine", "/" + strings.Repeat("A", 22) + "/", w.path + "nothing"} {
		if status, body := ask("GET", path, "none"); status != 404 || strings.Contains(body, "ticket") {
			t.Errorf("%s gave %d", path, status)
		}
	}
	if _, body := ask("GET", w.path, "none"); !strings.Contains(body, "ticket=alice") || !strings.Contains(body, "ticket=bob") {
		t.Errorf("the window has %s", body)
	}
	if status, _ := ask("POST", w.path+"mine", "cross-site"); status != http.StatusForbidden || blocks != 117 {
		t.Errorf("another site's block: %d, %d", status, blocks)
	}
	if status, body := ask("POST", w.path+"mine", "same-origin"); status != 200 || !strings.Contains(body, "block 118.") {
		t.Errorf("a block: %d %s", status, body)
	}
}

// do asks for a page of the window, and follows no redirect.
func (w *Window) do(t *testing.T, method, what string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, w.path+what, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rw := httptest.NewRecorder()
	w.ServeHTTP(rw, r)
	return rw
}

func TestStepsAreHeldAndLetGoFromTheWindow(t *testing.T) {
	blocks := uint64(117)
	w := window(&blocks)
	if body := w.do(t, "GET", "chain", nil).Body.String(); !strings.Contains(body, `name="on" value="yes"`) || strings.Contains(body, "http-equiv") {
		t.Errorf("off: %s", body)
	}
	if a := w.do(t, "POST", "steps", url.Values{"on": {"yes"}}); a.Code != http.StatusSeeOther || !w.Nodes[0].Gate.On() || !w.Nodes[1].Gate.On() {
		t.Fatalf("the switch: %d", a.Code)
	}
	body := w.do(t, "GET", "chain", nil).Body.String()
	if !strings.Contains(body, "waits for your word") || !strings.Contains(body, `http-equiv="refresh"`) {
		t.Errorf("on: %s", body)
	}
	seen := regexp.MustCompile(`data-seen="([^"]+)"`).FindStringSubmatch(body)[1]

	// The bar that waits for something else shows what is held then.
	shown := make(chan string)
	go func() { shown <- w.do(t, "GET", "chain?seen="+seen, nil).Body.String() }()
	let := make(chan string, 2)
	for i, name := range []string{"alice", "bob"} {
		w.Nodes[i].Gate.Hold([]events.Trace{{Step: events.AddHTLC, Message: "update_add_htlc", Peer: w.Nodes[1-i].ID}}, func() { let <- name })
	}
	if body = <-shown; !strings.Contains(body, "<b>alice</b>: add HTLC <code>update_add_htlc</code> to bob") {
		t.Errorf("what is held: %s", body)
	}
	if body = w.do(t, "GET", "chain", nil).Body.String(); !strings.Contains(body, "<b>bob</b>: add HTLC") || strings.Count(body, `id="next"`) != 1 {
		t.Errorf("what is held: %s", body)
	}
	for _, wrong := range []url.Values{{"node": {"bob"}}, {"node": {"bob"}, "id": {"0"}}, {"node": {"bob"}, "id": {"7"}}, {"node": {"carol"}, "id": {"1"}}, nil} {
		if a := w.do(t, "POST", "next", wrong); a.Code != http.StatusSeeOther || len(let) > 0 {
			t.Errorf("%v: %d", wrong, a.Code)
		}
	}
	if w.do(t, "POST", "next", url.Values{"node": {"bob"}, "id": {"1"}}); <-let != "bob" {
		t.Error("another one went on")
	}
	if w.do(t, "POST", "steps", nil); <-let != "alice" || w.Nodes[0].Gate.On() {
		t.Error("it is still held")
	}
}

func TestTheWindowSpeaksAsItsReader(t *testing.T) {
	blocks := uint64(117)
	w := window(&blocks)
	r := httptest.NewRequest("GET", w.path+"chain", nil)
	r.Header.Set("Accept-Language", "de")
	rw := httptest.NewRecorder()
	w.ServeHTTP(rw, r)
	if body := rw.Body.String(); !strings.Contains(body, `<html lang="de"`) || !strings.Contains(body, "Die Kette ist bei Block 117.") {
		t.Error(body)
	}
}
