package web

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/web/rings"
)

func TestTheNetworkIsSearchedAndARouteFound(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	row := inARow(t, "alice", "carol", "bob")
	a, carol, bob := row[0].in(t), row[1].node.ID().String(), row[2].node.ID().String()
	page := a.get("/network").body
	has(t, "the network", page, "<bdi>alice</bdi>", "<bdi>carol</bdi>", "<bdi>bob</bdi>", "3 shown of 3 found; the network has 3 nodes and 2 channels", "leyden listchannels", "leyden listnodes")
	if strings.Index(page, "<bdi>carol</bdi></a>") > strings.Index(page, "<bdi>bob</bdi></a>") {
		t.Error("what is farther away is first")
	}
	for _, text := range []string{"BOB", bob, bob[:20]} {
		body := a.get("/network?text=" + text).body
		has(t, "the search for "+text, body, "1 shown of 1 found", `href="/network?to=`+bob)
	}
	has(t, "a search in vain", a.get("/network?text=nobody", func(r *http.Request) { r.Header.Set("HX-Request", "true") }).body, "Nothing is here")
	has(t, "the second page", a.get("/network?from=2").body, "1 shown of 3 found", "From the first on")
	has(t, "the route", a.get("/network?to="+bob+"&amount=25+000&unit=sat").body,
		"leyden getroutes "+row[0].node.ID().String()+" "+bob+" 25000000msat", `data-ways="`+carol+" "+bob+" ;", "25\u202f000\u00a0sat",
		"a probability of 97.5%", "a fee of 1.250\u00a0sat, and a probability of 97.5%", `href="/open?peer=`+bob+`"`)
	has(t, "a node by the beginning of its id", a.get("/network?to="+bob[:16]).body, "leyden getroutes")
	has(t, "ourselves", a.get("/network?to="+row[0].node.ID().String()).body, "1, with 1\u202f000\u202f000\u00a0sat in them")
	has(t, "a route for too much", a.get("/network?to="+bob+"&amount=20000000").body, `role="alert"`)
	has(t, "a route for nothing", a.get("/network?to="+bob+"&amount=x").body, text("pay.amount.wrong"))
	for _, to := range []string{"zz", strings.Repeat("0", 66), bob[:15]} {
		if r := a.get("/network?to=" + to); r.status != http.StatusNotFound {
			t.Errorf("to %s: %d", to, r.status)
		}
	}
	drawn := []byte(a.get("/network.bin").body)
	if nodes, lines := binary.LittleEndian.Uint32(drawn), binary.LittleEndian.Uint32(drawn[4:]); nodes != 3 || lines != 2 {
		t.Errorf("%d nodes and %d lines are drawn", nodes, lines)
	}
	if r := row[0].browser(t).get("/network.bin"); r.status == http.StatusOK {
		t.Error("who is not logged in sees it")
	}
	has(t, "the form of a channel to it", a.get("/open?peer="+bob).body, ">"+bob+"</textarea>")
}

// settle gives a house a network as large as the public one, in which some nodes have
// many channels, as if it had been read.
func (h *house) settle(nodes, channels int) {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]rings.Node, nodes)
	ends := []int{0} // each node as often as it has channels
	var some []rings.Channel
	join := func(a, b int) {
		some = append(some, rings.Channel{A: all[a].ID, B: all[b].ID, SCID: fmt.Sprint(len(some)), Capacity: 1_000_000_000})
		ends = append(ends, a, b)
	}
	for i := range all {
		all[i] = rings.Node{ID: fmt.Sprintf("03%016x%048x", r.Uint64(), i), Alias: fmt.Sprint("node ", i)}
		if i > 0 {
			join(i, ends[r.IntN(len(ends))])
		}
	}
	for len(some) < channels {
		join(ends[r.IntN(len(ends))], ends[r.IntN(len(ends))])
	}
	all = append(all, rings.Node{ID: h.pages.self.ID, Alias: h.pages.self.Alias})
	for range 6 {
		join(nodes, r.IntN(300))
	}
	n := &h.pages.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = rings.Build(all[nodes], all, some)
	n.picture, n.at = n.last.Picture(), time.Now().Add(time.Hour)
}

func TestThePageOfALargeNetworkIsSmall(t *testing.T) {
	race.Like(t, TestAnInvoiceOfOnePageIsPaidFromAnother)
	h := newHouse(t, newChain(t), "alice")
	h.settle(17_000, 50_000)
	b := h.in(t)
	began := time.Now()
	page := b.get("/network").body
	t.Logf("%d bytes in %s; %d bytes of the picture", len(page), time.Since(began), len(b.get("/network.bin").body))
	has(t, "the page", page, "50 shown of 17001 found; the network has 17001 nodes and 50006 channels", `rel="next" href="/network?from=50"`)
	if len(page) > 60_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	has(t, "the last page", b.get("/network?from=17000").body, "1 shown of 17001 found")
	has(t, "beyond it", b.get("/network?from=99999").body, "Nothing is here")
	h.pages.networks.mu.Lock()
	h.pages.networks.at = time.Time{} // what is old is shown while it is read anew
	h.pages.networks.mu.Unlock()
	has(t, "the old page", b.get("/network").body, "17001 nodes")
	until(t, "it is read anew", func() bool { return strings.Contains(b.get("/network").body, "the network has 1 nodes and 0 channels") })
}

func TestTheCanvasDrawsTheNetworkAndIsMovedByKeys(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	row := inARow(t, "alice", "bob")
	small, large := row[0], row[1]
	large.settle(17_000, 50_000)
	const print = `(() => { const c = document.getElementById("graph-canvas"), d = c.getContext("2d").getImageData(0, 0, c.width || 1, c.height || 1).data;
		let sum = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3]) sum = (sum * 31 + d[i] + i) % 1000000007; return sum; })()`
	for name, h := range map[string]*house{"small": small, "large": large} {
		w := h.windowIn(t)
		w.open("/network")
		w.becomes("draws the "+name+" one", print+" > 0")
		was := js[int64](w, print)
		w.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("graph-canvas").focus()`))
		for _, key := range []string{"+", "ArrowLeft", "ArrowUp", "-", "0"} {
			js[bool](w, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: %q, bubbles: true, cancelable: true }))`, key))
			w.becomes("moves by "+key, fmt.Sprintf("%s !== %d", print, was))
			was = js[int64](w, print)
		}
		took := get(w, chromedp.Evaluate[float64](`(async () => {
			const b = document.querySelector("[data-move=in]"), o = document.querySelector("[data-move=out]"), at = performance.now();
			for (let i = 0; i < 20; i++) { (i % 2 ? o : b).click(); await new Promise(requestAnimationFrame); }
			return (performance.now() - at) / 20;
		})()`, chromedp.EvalAwaitPromise))
		t.Logf("%s: %.1f ms a picture; %s", name, took, js[string](w, `document.getElementById("graph-said").textContent`))
		w.click("[data-move=all]")
		if name == "large" {
			continue
		}
		w.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
		w.fill("#text", "bob")
		w.sees("1 shown of 1 found") // as it was typed
		if !js[bool](w, `window.notReloaded === true`) {
			t.Error("the page was loaded again")
		}
		w.click("td a")
		w.at("/network?to=")
		w.sees("Find a route", "All of it: a fee of")
	}
}

func TestTheNetworkNeedsNoScript(t *testing.T) {
	if !haveChromium(t) {
		return
	}
	row := inARow(t, "alice", "carol", "bob")
	w := row[0].window(t)
	w.noScript()
	w.open(strings.TrimPrefix(row[0].pages.Link(), row[0].pages.URL()))
	w.at("/")
	w.click(`a[href="/network"]`)
	w.at("/network")
	w.sees("alice", "carol", "bob", "the network has 3 nodes and 2 channels")
	if js[bool](w, `document.getElementById("graph").checkVisibility()`) {
		t.Error("there is an empty picture")
	}
	w.fill("#text", "bo")
	w.click(".filter button")
	w.at("/network?text=bo")
	w.sees("1 shown of 1 found")
	w.click("td a")
	w.at("/network?to=")
	w.fill("#amount", "5000")
	w.click("#route .filter button")
	w.sees("a probability of 99.5%", "a fee of")
}
