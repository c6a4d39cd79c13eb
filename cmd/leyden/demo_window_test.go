package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheWindowOfBothLogsInOnlyWhoHasItsKey(t *testing.T) {
	w := newDemoWindow(slog.New(slog.DiscardHandler))
	blocks := uint64(117)
	w.height = func() uint64 { return blocks }
	w.mine = func(context.Context) error { blocks++; return nil }
	for _, name := range []string{"alice", "bob"} {
		w.frames = append(w.frames, demoFrame{name, "http://127.0.0.1:1", func() string { return "http://127.0.0.1:1/login?ticket=" + name }})
	}
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
