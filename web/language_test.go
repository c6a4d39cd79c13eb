package web

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/web/words"
)

// templateFiles are the templates by their names.
func templateFiles(t *testing.T) map[string]string {
	t.Helper()
	files, err := written.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files {
		b, err := written.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name()] = string(b)
	}
	b, err := os.ReadFile("both/both.html")
	if err != nil {
		t.Fatal(err)
	}
	all["both.html"] = string(b)
	return all
}

// sources are the files of the code that answers browsers.
func sources(t *testing.T) (files []string) {
	t.Helper()
	for _, in := range []string{"*.go", "office/*.go", "words/*.go", "channels/*.go", "grants/*.go", "child/*.go", "door/*.go", "both/*.go", "tokens/*.go", "sequence/*.go"} {
		found, err := filepath.Glob(in)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, slices.DeleteFunc(found, func(f string) bool { return strings.HasSuffix(f, "_test.go") })...)
	}
	if len(files) < 30 {
		t.Fatalf("%d files", len(files))
	}
	return files
}

// Every key that a template or the code names is in the catalogue, and nothing else
// is.
func TestTheCatalogueHasEveryTextAndNoOther(t *testing.T) {
	first := words.Languages()[0]
	keys := first.Keys()
	used := map[string]bool{"lang.name": true, "lang.dir": true}
	kinds := []string{"time", "channel"} // of which the code names the rest
	for name, source := range templateFiles(t) {
		for _, m := range regexp.MustCompile(`\b(?:t|Text) "([a-z0-9._]+)"`).FindAllStringSubmatch(source, -1) {
			used[m[1]] = true
			if !slices.Contains(keys, m[1]) {
				t.Errorf("%s: no text %s", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`\(print "([a-z.]+)\." |named "([a-z.]+)" `).FindAllStringSubmatch(source, -1) {
			kinds = append(kinds, m[1]+m[2])
		}
	}
	for _, f := range sources(t) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`Text\("([a-z0-9._]*[a-z0-9])"`).FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
			if !slices.Contains(keys, m[1]) {
				t.Errorf("%s: no text %s", f, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?:Text|Or)\("([a-z.]+)\."`).FindAllStringSubmatch(string(b), -1) {
			kinds = append(kinds, m[1])
		}
	}
	for _, key := range keys {
		key, one := strings.CutSuffix(key, ".one")
		if one && slices.Contains(keys, key) || used[key] || used[key+".one"] {
			continue
		}
		if !slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(key, kind+".") }) {
			t.Errorf("nobody uses the text %s", key)
		}
	}
}

// What templates say in every language: names, kinds of files, and examples of what one
// types.
var untold = []string{"Leyden", "CSV", "JSON", "pay decode", "https://shop.example/paid", "/mnt/safe/leyden.sqlite3", "s", "×", "web"}

func TestNoTemplateHasATextOfItsOwn(t *testing.T) {
	letters := regexp.MustCompile(`\pL`)
	for name, source := range templateFiles(t) {
		source = regexp.MustCompile(`(?s)\{\{.*?\}\}`).ReplaceAllString(source, "")
		said := regexp.MustCompile(`(?s)<[^>]*>`).Split(source, -1)
		for _, m := range regexp.MustCompile(`\b(?:aria-label|placeholder|title|alt|data-(?:name|done|start|stop|read|none|refused|us|shown|day))="([^"]*)"`).FindAllStringSubmatch(source, -1) {
			said = append(said, m[1])
		}
		for _, s := range said {
			if s = strings.Trim(s, " \n·"); letters.MatchString(s) && !slices.Contains(untold, s) {
				t.Errorf("%s says %q", name, s)
			}
		}
	}
}

// What the code says that is no text of a page: of the errors that it makes itself a page
// shows those of commands, which speak English.
func TestTheCodeHasNoTextOfItsOwn(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z]?[a-z]+[,:]? [a-z]+[a-z ]`)
	names := regexp.MustCompile(`^(?:find path|add HTLC|read the network|open |close | by force|method=|default-src|base-uri|attachment|public|leyden |destination label)`)
	quiet := map[string]bool{"New": true, "Errorf": true, "panic": true, "Warn": true, "Error": true, "Info": true, "Debug": true}
	for _, file := range sources(t) {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr: // a name, an error or a line of the log
				switch to := n.Fun.(type) {
				case *ast.Ident:
					return !quiet[to.Name]
				case *ast.SelectorExpr:
					of, _ := to.X.(*ast.Ident)
					return !quiet[to.Sel.Name] || of != nil && of.Name == "http"
				}
			case *ast.Field: // a tag
				return n.Tag == nil
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && sentence.MatchString(s) && !names.MatchString(s) {
					t.Errorf("%s says %q", set.Position(n.Pos()), s)
				}
			}
			return true
		})
	}
}

func TestEachReaderGetsTheirLanguage(t *testing.T) {
	race.Leave(t, onePage)
	h := newHouse(t, newChain(t), "alice")
	german := func(r *http.Request) { r.Header.Set("Accept-Language", "de-AT,de;q=0.9,en;q=0.5") }
	b := h.browser(t)
	has(t, "who is not logged in", b.get("/login", german).body, `<html lang="de" dir="ltr"`, "<h1>Anmelden</h1>", `value="de" lang="de" aria-pressed="true"`)
	has(t, "who says nothing", b.get("/login").body, `<html lang="en" dir="ltr"`, "<h1>Log in</h1>", `value="en" lang="en" aria-pressed="true"`)
	if a := b.post("/theme", "language", "de", "back", "/login"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" ||
		!strings.Contains(a.header.Get("Set-Cookie"), "HttpOnly") {
		t.Fatalf("the choice gave %d %v", a.status, a.header)
	}
	has(t, "who has chosen", b.get("/login").body, `<html lang="de"`)
	english := func(r *http.Request) { r.Header.Set("Accept-Language", "en") }
	has(t, "who has chosen another one than the browser's", b.get("/login", english).body, `<html lang="de"`)
	if a := b.post("/theme", "language", "xx", "back", "/login"); a.header.Get("Set-Cookie") != "" {
		t.Errorf("a language that there is not is kept: %q", a.header.Get("Set-Cookie"))
	}
	if a := b.get("/login?ticket=wrong", german); !strings.Contains(a.body, "Dieser Link ist falsch") || strings.Contains(a.body, "ticket=wrong") {
		t.Errorf("a wrong link gave %s", a.body)
	}

	in := h.in(t)
	in.post("/theme", "language", "de", "back", "/receive")
	has(t, "the form", in.get("/receive").body, "Empfangen", `value="1 Stunde"`, `option value="1 Woche"`)
	has(t, "a wrong time", in.post("/receive", "amount", "1", "unit", "sat", "expiry", "bald").body, "Sag, wie lange", `name="back" value="/receive"`)
	made := in.post("/receive", "amount", "25.000,5", "unit", "sat", "label", "tee", "description", "Tee", "expiry", "2 Tage").header.Get("Location")
	has(t, "the invoice", in.get(made).body, "25\u202f000,500\u00a0sat", "wartet", `data-day="T"`, "bis ")
	has(t, "the list", in.get("/invoices").body, "läuft ab", "in 1 Tag")
	has(t, "what is not there", in.get("/nothing").body, "Hier ist nichts")
	other := h.browser(t).do(http.MethodPost, "/receive", nil, german)
	has(t, "who is not logged in sends a form", other.body, "Melde dich zuerst an")
	has(t, "another name", h.browser(t).get("/", german, func(r *http.Request) { r.Host = "evil.example" }).body, "Dieser Name gehört nicht")
	has(t, "another site", in.do(http.MethodPost, "/receive", nil, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).body, "von einer anderen Website")
}

// What a page may show of the codes with which commands refuse: not those of programs that
// cannot speak JSON, and of the commands that no page gives.
func TestARefusalIsSaidInEachLanguage(t *testing.T) {
	race.Leave(t, onePage)
	known := words.Languages()[0].Keys()
	for code := command.ParseError; code < 2000; code++ {
		switch {
		case code.Text() == "", slices.Contains([]command.Code{command.ParseError, command.InvalidRequest, command.UnknownMethod}, code), code >= command.DataDelNotFound && code <= command.SignerUnknown, code == command.PayInvoiceRequestWrong:
		case !slices.Contains(known, fmt.Sprintf("refused.%d", code)):
			t.Errorf("no text for %d: %s", code, code.Text())
		}
	}
	h := newHouse(t, newChain(t), "alice")
	b := h.in(t)
	b.cookies[languageCookie] = "de"
	form := []string{"amount", "1", "unit", "sat", "label", "tea", "description", "tea"}
	b.post("/receive", form...)
	has(t, "a second one", b.post("/receive", form...).body, `role="alert">Eine Rechnung mit dieser Bezeichnung gibt es schon; es wurde nichts angelegt. <bdi lang="en">duplicate label:`)
	has(t, "what is no invoice", b.post("/pay", "invoice", "lnbcrt1x").body, `Was ausgefüllt wurde, ist so nicht brauchbar. <bdi lang="en">`)
	has(t, "what the page says itself", b.post("/receive", append(form, "expiry", "bald")...).body, `role="alert">Sag, wie lange`)
}
