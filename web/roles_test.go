package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/web/door"
)

// as is a browser that has logged in by a link for a role.
func (h *house) as(t *testing.T, role door.Role) *browser {
	t.Helper()
	link, err := door.NewLink(h.node.Dir(), role)
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser(t)
	if a := b.get(strings.TrimPrefix(link, h.pages.URL())); a.status != http.StatusSeeOther {
		t.Fatalf("the link gave %d %s", a.status, a.body)
	}
	b.get("/payments") // has the token of its forms
	return b
}

// with is a browser that has logged in by what is typed.
func (h *house) with(t *testing.T, field, value string) (*browser, answer) {
	t.Helper()
	b := h.browser(t)
	a := b.do(http.MethodPost, "/login", url.Values{field: {value}})
	if a.status == http.StatusSeeOther {
		b.get("/payments")
	}
	return b, a
}

// patterns are those of the pages, with something for each blank.
func (h *house) patterns(t *testing.T) (gets, posts []string) {
	t.Helper()
	source, err := os.ReadFile("server.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"(GET|POST) (/[^"]*)": `).FindAllStringSubmatch(string(source), -1) {
		if m[1] == "GET" {
			gets = append(gets, m[2])
		} else {
			posts = append(posts, m[2])
		}
	}
	if len(gets) < 20 || len(posts) < 10 {
		t.Fatalf("%d pages and %d forms", len(gets), len(posts))
	}
	return gets, posts
}

func TestEachFormSaysWhichCommandItNeeds(t *testing.T) {
	race.Leave(t, onePage)
	h := newHouse(t, newChain(t), "alice")
	_, posts := h.patterns(t)
	for _, p := range posts {
		need, ok := needs["POST "+p]
		if !ok {
			t.Errorf("needs has no line for POST %s", p)
		}
		if _, known := api.Find(need); need != "" && need != ownersOnly && !known {
			t.Errorf("POST %s needs %s, which is no command", p, need)
		}
	}
}

func TestARoleDoesWhatItsRunePermitsAndNothingElse(t *testing.T) {
	alice, _ := couple(t)
	var made struct {
		Hash string `json:"payment_hash"`
	}
	alice.ask(t, &made, "invoice", "1000sat", "tea", "tea")
	var channels struct{ Channels []channelRow }
	alice.ask(t, &channels, "listpeerchannels")
	gets, posts := alice.patterns(t)
	fill := func(path string) string {
		of := made.Hash
		if strings.HasPrefix(path, "/channels/") {
			of = channels.Channels[0].ID
		}
		return strings.NewReplacer("{hash}", of, "{id}", "1", "{$}", "").Replace(path)
	}
	for role, may := range map[door.Role][]string{
		door.All: nil, door.Look: {"", "getlog"}, door.Receive: {"", "getlog", "invoice", "newaddr"},
	} {
		b := alice.as(t, role)
		everything := role == door.All
		for _, p := range gets {
			if strings.HasSuffix(p, "/live") || strings.HasPrefix(p, "/payments/{") { // which do not end, or are not there
				continue
			}
			a := b.get(fill(p))
			need := needs["GET "+p]
			permitted := everything || slices.Contains(may, need) || strings.HasPrefix(need, "list")
			if permitted == (a.status == http.StatusForbidden) || a.status >= 500 {
				t.Errorf("%s: GET %s gave %d", role, p, a.status)
			}
		}
		for _, p := range posts {
			if everything || slices.Contains(may, needs["POST "+p]) {
				continue
			}
			if a := b.post(fill(p), "enable", "true", "invoice", "x", "file", t.TempDir()+"/copy", "new", "a long password", "again", "a long password"); a.status != http.StatusForbidden {
				t.Errorf("%s: POST %s gave %d", role, p, a.status)
			}
		}
		home, onchain := b.get("/").body, b.get("/onchain").body
		for what, shown := range map[string]bool{
			`href="/receive"`: strings.Contains(home, `href="/receive"`), `href="/pay"`: strings.Contains(home, `href="/pay"`),
			`action="/steps"`: strings.Contains(home, `action="/steps"`), `href="/password"`: strings.Contains(home, `href="/password"`),
			`action="/onchain/send"`: strings.Contains(onchain, `action="/onchain/send"`), `action="/onchain/address"`: strings.Contains(onchain, `action="/onchain/address"`),
		} {
			receives := role == door.Receive && (what == `href="/receive"` || what == `action="/onchain/address"`)
			if want := everything || receives; shown != want {
				t.Errorf("%s: %s is shown: %v", role, what, shown)
			}
		}
	}
	if b := alice.as(t, door.Receive); b.post("/receive", "amount", "1", "unit", "sat", "label", "made", "description", "by a role").status != http.StatusSeeOther {
		t.Error("who receives makes no invoice")
	}
	var all struct{ Invoices []json.RawMessage }
	if alice.ask(t, &all, "listinvoices"); len(all.Invoices) != 2 {
		t.Errorf("there are %d invoices", len(all.Invoices))
	}
	if has, err := alice.pages.door.HasPassword(); has || err != nil || alice.node.Steps().On() {
		t.Errorf("a role has set a password (%v, %v) or the steps", has, err)
	}
	var shown struct{ Runes []json.RawMessage }
	if alice.ask(t, &shown, "showrunes"); len(shown.Runes) != 2 {
		t.Errorf("%d runes were made for two roles", len(shown.Runes))
	}
}

func TestARuneOpensASessionThatEndsWhenItIsRevoked(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	var made struct {
		Rune     string
		UniqueID string `json:"unique_id"`
	}
	raw := `{"restrictions": [["method^list","method^get","method=invoice","method=searchinvoices"],["method/invoice","pnamelabel=small"]]}`
	res, err := api.Call(t.Context(), h.node, "createrune", json.RawMessage(raw))
	if err == nil {
		var b []byte
		if b, err = json.Marshal(res); err == nil {
			err = json.Unmarshal(b, &made)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if a := h.browser(t).get("/login?ticket=" + made.Rune); a.status != http.StatusForbidden {
		t.Errorf("a rune in an address gave %d", a.status)
	}
	b, a := h.with(t, "ticket", made.Rune)
	if a.status != http.StatusSeeOther {
		t.Fatalf("the rune gave %d", a.status)
	}
	has(t, "home", b.get("/invoices").body, "with a rune")
	if a := b.post("/receive", "amount", "2000", "unit", "sat", "label", "small", "description", "small"); a.status != http.StatusSeeOther {
		t.Errorf("a small invoice gave %d %s", a.status, a.body)
	}
	if a := b.post("/receive", "amount", "2000", "unit", "sat", "label", "large", "description", "large"); a.status < 400 {
		t.Errorf("a large invoice gave %d", a.status)
	}
	if a := b.post("/pay", "invoice", "x"); a.status != http.StatusForbidden {
		t.Errorf("a payment gave %d", a.status)
	}
	h.ask(t, nil, "blacklistrune", made.UniqueID)
	if a := b.get("/invoices"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" {
		t.Errorf("when it is revoked, a page gave %d", a.status)
	}
	h.ask(t, nil, "blacklistrune", made.UniqueID, made.UniqueID, "true")
	if a := b.get("/invoices"); a.status != http.StatusSeeOther {
		t.Errorf("the session lives again: %d", a.status)
	}
	for _, wrong := range []string{made.Rune[:len(made.Rune)-4] + "AAAA", "", "=", strings.Repeat("A", 44)} {
		if _, a := h.with(t, "ticket", wrong); a.status == http.StatusSeeOther {
			t.Errorf("%q lets somebody in", wrong)
		}
	}
	var all struct{ Invoices []json.RawMessage }
	if h.ask(t, &all, "listinvoices"); len(all.Invoices) != 1 {
		t.Errorf("there are %d invoices", len(all.Invoices))
	}
}

func TestARevokedRoleGetsANewRune(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	first := h.as(t, door.Look)
	h.ask(t, nil, "blacklistrune", "0")
	if a := first.get("/"); a.status != http.StatusSeeOther {
		t.Errorf("a session of the revoked rune: %d", a.status)
	}
	if a := h.as(t, door.Look).get("/"); a.status != http.StatusOK {
		t.Errorf("a new one: %d", a.status)
	}
}

func TestOnePasswordIsSetChangedAndUsed(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	const first, second = "a first password", "a second password"
	if strings.Contains(h.browser(t).get("/login").body, `type="password"`) {
		t.Error("a password is asked for that nobody has set")
	}
	owner := h.in(t)
	has(t, "home", owner.get("/").body, `href="/password"`)
	for _, wrong := range [][]string{{"new", "short", "again", "short"}, {"new", first, "again", second}, {"new", "", "again", ""}} {
		if a := owner.post("/password", wrong...); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%v gave %d", wrong, a.status)
		}
	}
	has(t, "the page", owner.post("/password", "new", first, "again", first).body, text("password.done"))
	has(t, "the login", h.browser(t).get("/login").body, `type="password"`)

	if _, a := h.with(t, "password", second); a.status != http.StatusForbidden || strings.Contains(a.body, second) {
		t.Errorf("a wrong password gave %d", a.status)
	}
	b, a := h.with(t, "password", first)
	if a.status != http.StatusSeeOther || b.get("/").status != http.StatusOK {
		t.Fatalf("the password gave %d", a.status)
	}
	if a := h.browser(t).get("/login?password=" + url.QueryEscape(first)); a.status != http.StatusOK || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a password in an address gave %d", a.status)
	}
	if a := b.post("/password", "old", second, "new", second, "again", second); a.status != http.StatusForbidden {
		t.Errorf("without the old one: %d", a.status)
	}
	if a := b.post("/password", "old", first, "new", second, "again", second); a.status != http.StatusOK {
		t.Errorf("with the old one: %d", a.status)
	}
	if a := owner.get("/"); a.status != http.StatusSeeOther {
		t.Errorf("the other session goes on: %d", a.status)
	}
	if b.get("/").status != http.StatusOK {
		t.Error("one's own session has ended")
	}
	if _, a := h.with(t, "password", first); a.status != http.StatusForbidden {
		t.Errorf("the old password gave %d", a.status)
	}
	if h.in(t).get("/").status != http.StatusOK {
		t.Error("the link does not work any more")
	}
	if err := door.SetPassword(h.node.Dir(), first); err != nil { // as leyden web --set-password does
		t.Fatal(err)
	}
	if _, a := h.with(t, "password", first); a.status != http.StatusSeeOther {
		t.Errorf("a password that was set on the command line gave %d", a.status)
	}
}

func TestWhoGuessesThePasswordHasToWait(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	statuses := map[int]int{}
	for range 100 { // slowly enough, one may go on
		_, a := h.with(t, "password", "no password is set")
		if statuses[a.status]++; a.status == http.StatusTooManyRequests {
			break
		}
	}
	if statuses[http.StatusForbidden] < 5 || statuses[http.StatusTooManyRequests] != 1 {
		t.Errorf("statuses: %v", statuses)
	}
}

func TestTheFirstVisitAsksForAPassword(t *testing.T) {
	h := newHouse(t, newChain(t), "alice")
	visit := func() (*browser, answer) {
		b := h.browser(t)
		return b, b.get(strings.TrimPrefix(h.pages.Link(), h.pages.URL()))
	}
	asked := func(when string, want bool) *browser {
		b, a := visit()
		if to := a.header.Get("Location"); a.status != http.StatusSeeOther || (to == "/password") != want || !want && to != "/" {
			t.Errorf("%s: %d, to %q", when, a.status, to)
		}
		return b
	}
	asked("who does without", false)
	if err := os.Remove(filepath.Join(h.node.Dir(), "web-password.json")); err != nil {
		t.Fatal(err)
	}
	b := asked("a new node", true)
	has(t, "the question", b.get("/password").body, "<h1>"+text("password.first")+"</h1>", `name="without"`)
	asked("who has not answered", true)
	looking := h.as(t, door.Look) // who cannot answer is not asked
	if a := b.post("/password", "without", "yes"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Errorf("without one: %d, to %q", a.status, a.header.Get("Location"))
	}
	asked("who has answered", false)
	if page := b.get("/password").body; strings.Contains(page, `name="without"`) || !strings.Contains(page, text("password.none")) {
		t.Errorf("who has answered is asked: %s", page)
	}

	// Others reach the pages too.
	h.pages.alone = false
	b = asked("from elsewhere", true)
	if strings.Contains(b.get("/password").body, `name="without"`) {
		t.Error("others reach the pages, and there need be no password")
	}
	if err := os.Remove(filepath.Join(h.node.Dir(), "web-password.json")); err != nil {
		t.Fatal(err)
	}
	if b.post("/password", "without", "yes"); h.pages.door.Without() {
		t.Error("others reach the pages, and there is no password")
	}
	h.pages.alone = true
	if a := looking.post("/password", "without", "yes"); a.status != http.StatusForbidden || h.pages.door.Without() {
		t.Errorf("who only looks has answered: %d", a.status)
	}
	has(t, "the answer", b.post("/password", "new", "a long password", "again", "a long password").body, text("password.done"))
	asked("who has set one", false)
	if b.post("/password", "without", "yes"); h.pages.door.Without() {
		t.Error("a password was taken away by a form that says nothing of it")
	}
}
