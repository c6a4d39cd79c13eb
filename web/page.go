package web

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/web/child"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/qrcode"
	"github.com/leyden-ln/leyden/web/tokens"
	"github.com/leyden-ln/leyden/web/words"
)

//go:embed templates/*.html
var written embed.FS

// pages are those of each language: the frame with each page in it, by the page's name.
var pages = sync.OnceValue(func() map[*words.Words]map[string]*template.Template {
	out := map[*words.Words]map[string]*template.Template{}
	for _, w := range words.Languages() {
		out[w] = pagesIn(w)
	}
	return out
})

func pagesIn(w *words.Words) map[string]*template.Template {
	funcs := template.FuncMap{
		"t": w.Text, "sat": w.Satoshi, "plain": words.Plain, "short": words.Short, "clock": w.Clock, "stamp": words.Stamp,
		"ago":    func(u uint64) string { return w.Ago(time.Now(), u) },
		"static": func(name string) string { return assets()[name].path }, "qr": qrcode.SVG, "word": w.Status, "named": func(kind, name string) string { return w.Or(kind+"."+name, name) },
		"made":    func(t child.Transaction) string { return madeFor(w, t) },
		"state":   func(c channelRow) string { return channelWord(w, &c) },
		"percent": words.Percent[amount.MilliSatoshi], "share": words.Percent[amount.Units], "sum": func(s worth) string { return s.Text(w) },
		"tokens": tokens.Of, "smallest": func(s tokens.Sum) string { return s.Smallest(w) }, "titled": func(a tokens.Asset) string { return a.Title(w) },
		"group": words.Group, "chance": w.Chance, "lasting": func(s uint64) string { return w.Lasting(time.Duration(min(s, 1<<32)) * time.Second) }, //nolint:gosec // bounded
		"add": func(a, b int) int { return a + b }, "sub": func(a, b int) int { return a - b },
		"said": func(f *office.Fault) string { return w.Or("refused."+f.Number(), "") },
		"plus": func(a, b amount.MilliSatoshi) amount.MilliSatoshi { return a + b }, // parts of a channel
		"less": amount.MilliSatoshi.Less0,
	}
	frame := template.Must(template.New("").Funcs(funcs).ParseFS(written, "templates/frame.html"))
	out := map[string]*template.Template{}
	files, err := written.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "frame" {
			continue
		}
		out[name] = template.Must(template.Must(frame.Clone()).ParseFS(written, "templates/"+f.Name()))
	}
	return out
}

// worth is an amount in an asset, or in several.
type worth interface{ Text(w *words.Words) string }

// entry is one of the menu's: a page, and what is in it.
type entry struct {
	Name, Path string
	Pages      []string
}

// Here says whether a page is one of the entry's.
func (e entry) Here(page string) bool { return slices.Contains(e.Pages, page) }

var menu = []entry{
	{"home", "/", []string{"home"}},
	{"receive", "/receive", []string{"receive"}},
	{"pay", "/pay", []string{"pay"}},
	{"invoices", "/invoices", []string{"invoices", "invoice", "delete"}},
	{"payments", "/payments", []string{"payments", "payment", "inside"}},
	{"channels", "/channels", []string{"channels", "open", "terms", "close"}},
	{"forwards", "/forwards", []string{"forwards"}},
	{"network", "/network", []string{"network"}},
	{"onchain", "/onchain", []string{"onchain", "bump", "label"}},
	{"settings", "/settings", []string{"settings", "runes", "webhooks", "webhook", "metrics"}},
}

// frame is what every page has.
type frame struct {
	Name, Path   string // of the page, and its address
	Alias, Color string
	CSRF         string
	Theme        string
	Themes       []string
	Words        *words.Words
	Languages    []*words.Words
	Inside       bool   // whether somebody is logged in
	Owner        bool   // who may do everything
	Role         string // what somebody else may do, in words
	Bar          []entry
	Commands     []string
	Page         any

	by api.Bearer
}

// May says whether the reader may give a command.
func (f frame) May(command string) bool { return f.Inside && f.by.May(command) }

// show answers with a page.
func (v *visit) show(name string, page any) error { return v.write(http.StatusOK, name, page) }

// status answers with a page that says what went wrong.
func (v *visit) status(code int, name string, page any) {
	if err := v.write(code, name, page); err != nil {
		v.s.c.Log.Error("a page cannot be shown", "page", name, "why", err)
		http.Error(v.w, v.Text("failed.title"), http.StatusInternalServerError)
	}
}

func (v *visit) frame(name string, page any) frame {
	f := frame{
		Name: name, Path: v.back(name), Theme: themes[0], Themes: themes, Words: v.words, Languages: words.Languages(), Page: page, Commands: v.lines, Inside: v.session != nil,
	}
	if c, err := v.r.Cookie(themeCookie); err == nil && (c.Value == "dark" || c.Value == "light") {
		f.Theme = c.Value
	}
	if v.session != nil {
		f.by, f.Owner, f.Bar = v.by, v.by.Rune == "", slices.DeleteFunc(slices.Clone(menu), func(e entry) bool { return !v.may("GET " + e.Path) })
		if !f.Owner {
			f.Role = v.Text("role." + cmp.Or(string(v.session.Role), "rune"))
		}
		f.CSRF = v.session.CSRF()
		f.Alias, f.Color = v.s.self.Alias, "#"+v.s.self.Color
	}
	return f
}

// back is where somebody comes back to who chooses the colours or the language here: the
// page itself, or where it stands if it answers to a form.
func (v *visit) back(name string) string {
	if v.session == nil {
		return "/login" // without what was tried
	}
	if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
		return strings.TrimSuffix(v.r.URL.RequestURI(), "/live")
	}
	if i := slices.IndexFunc(menu, func(e entry) bool { return e.Here(name) }); i >= 0 {
		return menu[i].Path
	}
	return "/"
}

func (v *visit) write(code int, name string, page any) error {
	var b bytes.Buffer
	if err := pages()[v.words][name].ExecuteTemplate(&b, "frame", v.frame(name, page)); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(code)
	_, err := b.WriteTo(v.w)
	return err
}

// fragment is a part of a page alone.
func (v *visit) fragment(name, part string, page any) ([]byte, error) {
	var b bytes.Buffer
	err := pages()[v.words][name].ExecuteTemplate(&b, part, v.frame(name, page))
	return b.Bytes(), err
}

// part answers with a part of a page.
func (v *visit) part(name, part string, page any) error {
	b, err := v.fragment(name, part, page)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err = v.w.Write(b)
	return err
}

// byScript says whether htmx asks, for a part of a page.
func (v *visit) byScript() bool { return v.r.Header.Get("HX-Request") == "true" }

// madeFor is what a transaction was made for, in words.
func madeFor(w *words.Words, t child.Transaction) string {
	kind, _, _ := strings.Cut(cmp.Or(t.Label, "none"), " ")
	return w.Or("label."+kind, t.Label)
}
