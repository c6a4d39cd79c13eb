package web

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/internal/race"
)

// many is a house with very many invoices, of which one in a hundred is for tea.
func many(t *testing.T) (h *house, count int) {
	t.Helper()
	h = newHouse(t, newChain(t), "alice")
	count = 100_000
	now := uint64(time.Now().Unix())
	var rows []durable.Row
	for i := range count {
		preimage := wire.Preimage(sha256.Sum256(binary.BigEndian.AppendUint32([]byte("many"), uint32(i))))
		what := "a cup of coffee"
		if i%100 == 7 {
			what = "a pot of tea"
		}
		rows = append(rows, invoice.Row{
			Label: fmt.Sprintf("order %06d", i), PaymentHash: sha256.Sum256(preimage[:]), Preimage: preimage, Amount: amount.OrAny{Msat: 1000},
			Description: what, Bolt11: "lnbcrt1", CreatedAt: now, ExpiresAt: now + 3600, MinFinalCLTVExpiryDelta: 18, Status: invoice.Unpaid,
		})
	}
	begin := time.Now()
	if err := h.node.Store().Write(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d invoices stored in %s", count, time.Since(begin).Round(time.Millisecond))
	return h, count
}

var ofRow = regexp.MustCompile(`<bdi>order (\d{6})</bdi>`)

// turn reads a list to its end, and says which orders it has, in how many pages.
func (b *browser) turn(path string) (orders []string, pages int) {
	b.t.Helper()
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`)
	for {
		body := b.get(path).body
		for _, m := range ofRow.FindAllStringSubmatch(body, -1) {
			orders = append(orders, m[1])
		}
		pages++
		m := next.FindStringSubmatch(body)
		if m == nil || pages > 1000 {
			return orders, pages
		}
		path = strings.ReplaceAll(m[1], "&amp;", "&")
	}
}

// What follows takes seconds, to store them: a page is as fast among many as among few.
func TestVeryManyInvoicesAreSearchedAsOneTypesAndTurnedOverToTheLast(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	h, count := many(t)
	b := h.in(t)
	found, pages := b.turn("/invoices?text=" + url.QueryEscape("pot of tea"))
	if whole := count / 100 / rowsOfPage; len(found) != count/100 || pages < whole || pages > whole+1 {
		t.Errorf("of %d the search finds %d, in %d pages", count, len(found), pages)
	}
	for i := 1; i < len(found); i++ {
		if found[i] >= found[i-1] {
			t.Fatalf("%s comes after %s", found[i], found[i-1])
		}
	}
	last, _ := b.turn("/invoices?before=121")
	if len(last) != 120 || last[0] != "000119" || last[119] != "000000" {
		t.Errorf("the end of the list has %d rows: %v", len(last), last[:min(len(last), 3)])
	}
	if first := ofRow.FindStringSubmatch(b.get("/invoices").body); first == nil || first[1] != fmt.Sprintf("%06d", count-1) {
		t.Errorf("the newest is %v", first)
	}
	if one, _ := b.turn("/invoices?text=" + url.QueryEscape("order 000042")); len(one) != 1 {
		t.Errorf("one order is %v", one)
	}
	if !haveChromium(t) {
		return
	}
	w := h.windowIn(t)
	w.open("/invoices")
	js[bool](w, `window.notReloaded = true`)
	w.sees(fmt.Sprintf("order %06d", count-1))
	w.fill("#text", "pot of t")
	w.becomes("shows tea alone", `document.querySelectorAll("#table tbody tr").length === 50 && [...document.querySelectorAll("#table tbody td.text")].every(e => e.textContent === "a pot of tea")`)
	w.becomes("says what is searched in its address", `new URLSearchParams(location.search).get("text") === "pot of t"`)
	if !js[bool](w, `window.notReloaded === true`) {
		t.Error("the page was loaded again")
	}
	seen := 50
	for js[bool](w, `!!document.querySelector("a[rel=next]")`) {
		was := js[string](w, `location.search`)
		w.click("a[rel=next]")
		w.becomes("is at another page", fmt.Sprintf(`location.search !== %q && document.readyState === "complete" && !!document.querySelector("#table .foot")`, was))
		seen += js[int](w, `document.querySelectorAll("#table tbody tr").length`)
	}
	if seen != count/100 {
		t.Errorf("%d of %d were seen", seen, count/100)
	}
	w.fill("#text", "order 000042")
	w.becomes("shows one", `document.querySelectorAll("#table tbody tr").length === 1`)
	w.sees("a cup of coffee")
}
