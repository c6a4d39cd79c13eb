package web

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/web/child"
	"github.com/leyden-ln/leyden/web/qrcode"
	"github.com/leyden-ln/leyden/web/words"
)

//go:embed templates/*.html texts/en.json
var written embed.FS

// texts is the catalogue: every text of the pages by its key.
var texts = sync.OnceValue(func() map[string]string {
	b, err := written.ReadFile("texts/en.json")
	out := map[string]string{}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(err) // the catalogue is in the binary
	}
	return out
})

// text is a text of the catalogue with its blanks filled in.
func text(key string, args ...any) string {
	s, ok := texts()[key]
	if !ok {
		panic("web: no text " + key)
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// pages are the frame with each page in it, by the page's name.
var pages = sync.OnceValue(func() map[string]*template.Template {
	funcs := template.FuncMap{
		"t": text, "sat": satoshi, "plain": plain, "short": short, "clock": clock, "stamp": stamp, "ago": func(u uint64) string { return ago(time.Now(), u) },
		"static": func(name string) string { return assets()[name].path }, "qr": qrcode.SVG, "word": statusWord, "made": madeFor, "state": func(c channelRow) string { return channelWord(&c) },
		"percent": words.Percent, "chance": words.Chance, "add": func(a, b int) int { return a + b }, "sub": func(a, b int) int { return a - b },
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
})

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
	{"onchain", "/onchain", []string{"onchain", "bump"}},
	{"settings", "/settings", []string{"settings", "runes", "webhooks", "webhook"}},
}

// frame is what every page has.
type frame struct {
	Name, Path   string // of the page, and its address
	Alias, Color string
	CSRF         string
	Theme        string
	Themes       []string
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
		http.Error(v.w, text("failed.title"), http.StatusInternalServerError)
	}
}

func (v *visit) frame(name string, page any) frame {
	f := frame{
		Name: name, Path: strings.TrimSuffix(v.r.URL.RequestURI(), "/live"), Theme: themes[0], Themes: themes, Page: page, Commands: v.lines, Inside: v.session != nil,
	}
	if c, err := v.r.Cookie(themeCookie); err == nil && (c.Value == "dark" || c.Value == "light") {
		f.Theme = c.Value
	}
	if v.session != nil {
		f.by, f.Owner, f.Bar = v.by, v.by.Rune == "", slices.DeleteFunc(slices.Clone(menu), func(e entry) bool { return !v.may("GET " + e.Path) })
		if !f.Owner {
			f.Role = text("role." + cmp.Or(string(v.session.Role), "rune"))
		}
		f.CSRF = v.session.CSRF()
		f.Alias, f.Color = v.s.self.Alias, "#"+v.s.self.Color
	}
	return f
}

func (v *visit) write(code int, name string, page any) error {
	var b bytes.Buffer
	if err := pages()[name].ExecuteTemplate(&b, "frame", v.frame(name, page)); err != nil {
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
	err := pages()[name].ExecuteTemplate(&b, part, v.frame(name, page))
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

// What is the same in every language.
var (
	plain, short, clock, stamp = words.Plain, words.Short, words.Clock, words.Stamp
	readTime, amountOf         = words.ReadTime, words.AmountOf
	amountUnits                = words.AmountUnits
)

// satoshi shows an amount for people: groups of three, and millisatoshi after the
// point where there are any.
func satoshi(m amount.MilliSatoshi) string {
	out := words.Group(uint64(m / 1000))
	if rest := m % 1000; rest != 0 {
		out += fmt.Sprintf(".%03d", uint64(rest))
	}
	return out + "\u00a0" + text("unit.sat")
}

// ago is how long ago a time was, or how far away it is, in words.
func ago(now time.Time, unix uint64) string {
	d := now.Sub(time.Unix(int64(unix), 0)) //nolint:gosec // from our own rows
	if d < 0 {
		return text("time.in", inWords(-d))
	}
	if d < time.Minute {
		return text("time.now")
	}
	return text("time.ago", inWords(d))
}

// inWords is a length of time in its largest unit.
func inWords(d time.Duration) string {
	s := uint64(d / time.Second) //nolint:gosec // not negative
	for _, u := range words.Units {
		if n := s / u.Seconds; n > 1 {
			return text("time."+u.Key+"s", n)
		} else if n == 1 {
			return text("time." + u.Key)
		}
	}
	return text("time.seconds", 0)
}

// statusWord is a status as the pages name it.
func statusWord(status string) string {
	if s, ok := texts()["status."+status]; ok {
		return s
	}
	return status
}

// madeFor is what a transaction was made for, in words.
func madeFor(t child.Transaction) string {
	kind, _, _ := strings.Cut(cmp.Or(t.Label, "none"), " ")
	if s, ok := texts()["label."+kind]; ok {
		return s
	}
	return t.Label
}
