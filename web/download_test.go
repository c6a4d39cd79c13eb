package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/internal/race"
)

// rows reads a file of CSV as a program that is not ours, by the names of its columns.
func rows(t *testing.T, a answer) (out []map[string]string) {
	t.Helper()
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v %.500s", a.status, a.header, a.body)
	}
	if strings.Count(a.body, "\r\n") == 0 {
		t.Errorf("lines do not end as RFC 4180 has it: %.500q", a.body)
	}
	all, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	for _, row := range all[1:] {
		fields := map[string]string{}
		for i, name := range all[0] {
			fields[name] = row[i]
		}
		out = append(out, fields)
	}
	return out
}

func TestListsAreDownloadedAsThePageFiltersThem(t *testing.T) {
	race.Like(t, TestADownloadReadsPageByPage)
	row := inARow(t, "alice", "carol", "bob")
	alice, carol, bob := row[0], row[1], row[2]
	made := map[string]string{}
	for _, label := range []string{"tea-1", "tea-2", "tea-3", "shirt"} {
		var out struct{ Bolt11 string }
		bob.ask(t, &out, "invoice", "10000sat", label, "One \"good\" "+label+",\nhot")
		made[label] = out.Bolt11
	}
	alice.ask(t, nil, "pay", made["tea-2"])
	alice.ask(t, nil, "pay", made["tea-3"])
	a, b, c := alice.in(t), bob.in(t), carol.in(t)

	tea := rows(t, b.get("/invoices.csv?text=tea&before=1"))
	if len(tea) != 3 || tea[0]["label"] != "tea-3" || tea[2]["label"] != "tea-1" { // all of them, not of the page
		t.Fatalf("%v", tea)
	}
	want := map[string]string{"amount_msat": "10000000", "amount_received_msat": "10000000", "status": "paid", "description": "One \"good\" tea-3,\nhot", "bolt11": made["tea-3"]}
	for name, value := range want {
		if tea[0][name] != value {
			t.Errorf("%s is %q, not %q", name, tea[0][name], value)
		}
	}
	if at, err := time.Parse(time.RFC3339, tea[0]["paid_at"]); err != nil || time.Since(at) > time.Hour || tea[2]["paid_at"] != "" {
		t.Errorf("paid at %q, and what is not paid at %q", tea[0]["paid_at"], tea[2]["paid_at"])
	}
	if paid := rows(t, b.get("/invoices.csv?status=paid&text=tea")); len(paid) != 2 {
		t.Errorf("paid: %v", paid)
	}
	if none := rows(t, b.get("/invoices.csv?text=nothing")); len(none) != 0 {
		t.Errorf("none: %v", none)
	}
	if sent := rows(t, a.get("/payments.csv?status=complete")); len(sent) != 2 || sent[0]["bolt11"] != made["tea-3"] || sent[0]["amount_sent_msat"] <= sent[0]["amount_msat"] {
		t.Errorf("payments: %v", sent)
	}
	until(t, "both are settled where they were forwarded", func() bool {
		moved := rows(t, c.get("/forwards.csv?status=settled"))
		return len(moved) == 2 && moved[0]["out_msat"] == "10000000" && moved[0]["fee_msat"] != "0"
	})

	// JSON has the rows as the commands give them.
	for _, of := range []struct {
		h                        *house
		path, command, key, file string
		args                     []string
		rows                     int
	}{
		{bob, "/invoices.json?text=tea", "searchinvoices", "invoices", "invoices.json", []string{"tea"}, 3},
		{alice, "/payments.json", "listpays", "pays", "payments.json", nil, 2},
		{carol, "/forwards.json?status=failed", "listforwards", "forwards", "forwards.json", []string{"failed"}, 0},
	} {
		got := of.h.in(t).get(of.path)
		var file, list map[string][]any
		if err := json.Unmarshal([]byte(got.body), &file); err != nil || got.header.Get("Content-Disposition") != `attachment; filename="`+of.file+`"` {
			t.Fatalf("%s: %v %v %s", of.path, err, got.header, got.body)
		}
		var result map[string]json.RawMessage
		of.h.ask(t, &result, of.command, of.args...)
		if err := json.Unmarshal([]byte(`{"`+of.key+`":`+string(result[of.key])+`}`), &list); err != nil {
			t.Fatal(err)
		}
		if of.command != "searchinvoices" { // which gives the newest first by itself
			slices.Reverse(list[of.key])
		}
		if len(file[of.key]) != of.rows || fmt.Sprint(file) != fmt.Sprint(list) {
			t.Errorf("%s has %v, not %v", of.path, file, list)
		}
	}

	page := b.get("/invoices?text=tea&status=paid&before=9")
	has(t, "the page", page.body, `href="/invoices.csv?status=paid&amp;text=tea" download`, `href="/invoices.json?status=paid&amp;text=tea" download`, "2 shown, 20\u202f000\u00a0sat received")
	has(t, "the payments", a.get("/payments").body, `href="/payments.csv" download`)
	has(t, "the forwards", c.get("/forwards?status=failed").body, `href="/forwards.json?status=failed" download`)
	for _, path := range []string{"/invoices.csv?status=loved", "/payments.json?status=loved", "/forwards.csv?status=loved"} {
		if r := b.get(path); r.status != http.StatusInternalServerError || r.header.Get("Content-Disposition") != "" {
			t.Errorf("%s gave %d %v", path, r.status, r.header)
		}
	}
	if r := b.h.browser(t).get("/invoices.csv"); r.status != http.StatusSeeOther {
		t.Errorf("who is not logged in got %d", r.status)
	}
}

// serve gives a page at an address of its own, behind the same doors.
func (h *house) serve(t *testing.T, page func(*visit) error) (b *browser) {
	t.Helper()
	b = h.in(t)
	other := *h
	other.http = httptest.NewServer(h.pages.guard(h.pages.inside(page)))
	t.Cleanup(other.http.Close)
	b.h = &other
	return b
}

func TestADownloadReadsPageByPage(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	for i := range 7 {
		h.ask(t, nil, "invoice", "any", fmt.Sprint("label ", i), "tea")
	}
	for _, atOnce := range []int{1, 2, 3, 7, 8} {
		f, most, pages := *savedInvoices, 0, 0
		f.atOnce = atOnce
		f.read = func(v *visit, before string, limit int) ([]json.RawMessage, uint64, error) {
			some, next, err := savedInvoices.read(v, before, limit)
			most, pages = max(most, len(some)), pages+1
			return some, next, err
		}
		all := rows(t, h.serve(t, f.csv).get("/invoices.csv"))
		if len(all) != 7 || most > atOnce || pages < 7/atOnce {
			t.Errorf("%d at once: %d rows in %d pages, %d in one", atOnce, len(all), pages, most)
		}
		for i, row := range all {
			if row["label"] != fmt.Sprint("label ", 6-i) {
				t.Errorf("%d at once: row %d is %q", atOnce, i, row["label"])
			}
		}
	}
}

func TestWhoGoesAwayEndsADownload(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	ended := make(chan struct{})
	endless := saved{"rows", []string{"n"}, 1, func(v *visit, _ string, _ int) ([]json.RawMessage, uint64, error) {
		return []json.RawMessage{json.RawMessage(`{"n":1}`)}, 1, v.ctx().Err()
	}}
	b := h.serve(t, func(v *visit) error {
		defer close(ended)
		return endless.csv(v)
	})
	res := b.begin(b.h.http.URL + "/rows.csv")
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	select {
	case <-ended:
	case <-time.After(longest):
		t.Fatal("it goes on for nobody")
	}
}

// A browser must not take half a file for a whole one.
func TestADownloadThatFailsInTheMiddleIsNotWhole(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	failing := saved{"rows", []string{"n"}, 1, func(_ *visit, before string, _ int) ([]json.RawMessage, uint64, error) {
		if before == "" {
			return []json.RawMessage{json.RawMessage(`{"n":1}`)}, 1, nil
		}
		return nil, 0, fmt.Errorf("the disk is gone")
	}}
	b := h.serve(t, failing.json)
	res := b.begin(b.h.http.URL + "/rows.json")
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the whole file is %q", body)
	}
}

// begin asks for an address, and gives the answer before it is whole.
func (b *browser) begin(address string) *http.Response {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}
