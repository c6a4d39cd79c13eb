package rest

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestMonitorsReadTheNumbersInTheirForm(t *testing.T) {
	n := newNode(t, newChain(t))
	c, _ := serve(t, n)
	c.must("invoice", `{"amount_msat": 1000, "label": "tea", "description": "tea"}`)
	c.rune = c.make(n, `{"restrictions": [["method=listmetrics"]]}`)
	status, text, header := c.request("GET", "/metrics", "")
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %v %s", status, header, text)
	}
	// Each number has two lines of comment before it, of the same name.
	each := regexp.MustCompile(`^# HELP (leyden_[a-z_]+) [^\n]+\n# TYPE (leyden_[a-z_]+) (?:gauge|counter)\n(leyden_[a-z_]+) \d+\n`)
	seen := map[string]bool{}
	for rest := text; rest != ""; {
		m := each.FindStringSubmatch(rest)
		if m == nil || m[1] != m[2] || m[2] != m[3] || seen[m[1]] {
			t.Fatalf("no number, or one again, at %.200q", rest)
		}
		seen[m[1]], rest = true, rest[len(m[0]):]
	}
	for _, want := range []string{"\nleyden_block_height 110\n", "\nleyden_invoices_total 1\n", "\nleyden_peers 0\n", "\nleyden_channels_active 0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if !regexp.MustCompile(`\nleyden_memory_bytes [1-9]\d{6,}\n`).MatchString(text) {
		t.Errorf("no memory in %s", text)
	}
	c.rune = c.make(n, `{"restrictions": [["method=getinfo"]]}`)
	if status, text, _ := c.request("GET", "/metrics", ""); status != http.StatusUnauthorized || strings.Contains(text, "leyden_") {
		t.Errorf("a rune that does not permit it: %d %s", status, text)
	}
	c.rune = ""
	if status, text, _ := c.request("GET", "/metrics", ""); status != http.StatusForbidden || strings.Contains(text, "leyden_") {
		t.Errorf("no rune: %d %s", status, text)
	}
}
