package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/web"
	"github.com/leyden-ln/leyden/web/words"
)

// demoWindow is one page with the pages of two nodes side by side, and a button that
// mines a block. Whoever opens it is logged in at both, so its address has a key in
// it that only its owner's terminal shows.
type demoWindow struct {
	path   string // with the key
	frames []demoFrame
	height func() uint64
	mine   func(context.Context) error
	log    *slog.Logger
}

// demoFrame is the pages of one node.
type demoFrame struct {
	Name, Origin string
	Link         func() string
}

// demoView is what its pages show.
type demoView struct {
	Words  *words.Words
	Frames []demoFrame
	Height uint64
}

func newDemoWindow(log *slog.Logger) *demoWindow {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	return &demoWindow{path: "/" + base64.RawURLEncoding.EncodeToString(key) + "/", log: log}
}

var demoPage = template.Must(template.New("").Parse(`{{define "both"}}<!doctype html>
<html lang="{{.Words.Lang}}" dir="{{.Words.Dir}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Words.Text "demo.title"}} · Leyden</title><link rel="stylesheet" href="style.css"></head>
<body><iframe class="chain" src="chain" title="{{.Words.Text "demo.chain"}}"></iframe>
<main>{{range .Frames}}<iframe src="{{call .Link}}" title="{{.Name}}"></iframe>{{end}}</main></body></html>{{end}}
{{define "chain"}}<!doctype html>
<html lang="{{.Words.Lang}}" dir="{{.Words.Dir}}"><head><meta charset="utf-8"><title>{{.Words.Text "demo.chain"}} · Leyden</title><link rel="stylesheet" href="style.css"></head>
<body class="chain"><form method="post" action="mine"><p>{{.Words.Text "demo.height" .Height}}</p> <button>{{.Words.Text "demo.mine"}}</button></form></body></html>{{end}}`))

const demoStyle = `:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; }
iframe { border: 0; flex: 1; min-width: 0; width: 100%; }
iframe.chain { flex: none; height: 3.2rem; border-bottom: 1px solid gray; }
main { flex: 1; display: flex; gap: 1px; background: gray; min-height: 0; }
form { display: flex; align-items: center; justify-content: center; gap: 1rem; height: 3.2rem; }
p { margin: 0; } button { font: inherit; padding: .3rem 1rem; }
@media (max-width: 44rem) { main { flex-direction: column; } }
`

func (w *demoWindow) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	origins := make([]string, len(w.frames))
	for i, f := range w.frames {
		origins[i] = f.Origin
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'; frame-src 'self' "+strings.Join(origins, " "))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	what, ok := strings.CutPrefix(r.URL.Path, w.path)
	if !ok {
		http.NotFound(rw, r)
		return
	}
	var err error
	switch r.Method + " " + what {
	case "GET ":
		err = demoPage.ExecuteTemplate(rw, "both", demoView{Words: web.WordsOf(r), Frames: w.frames})
	case "GET chain":
		err = demoPage.ExecuteTemplate(rw, "chain", demoView{Words: web.WordsOf(r), Height: w.height()})
	case "GET style.css":
		h.Set("Content-Type", "text/css; charset=utf-8")
		_, err = rw.Write([]byte(demoStyle))
	case "POST mine":
		if err = w.mine(r.Context()); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(rw, r, w.path+"chain", http.StatusSeeOther)
	default:
		http.NotFound(rw, r)
	}
	if err != nil {
		w.log.Debug("the window of both", "why", err)
	}
}

// serve serves the window until stop.
func (w *demoWindow) serve(l net.Listener) (stop func()) {
	s := &http.Server{Handler: http.NewCrossOriginProtection().Handler(w), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 2 * patience}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("the window of both failed", "why", err)
		}
	})
	return func() {
		s.Close()
		wg.Wait()
	}
}

// both serves Alice's and Bob's pages side by side.
func (d *demo) both(l net.Listener, pages map[string]*web.Server, log *slog.Logger) string {
	w := newDemoWindow(log)
	for _, name := range []string{"alice", "bob"} {
		w.frames = append(w.frames, demoFrame{name, pages[name].URL(), pages[name].Link})
	}
	w.height = func() uint64 { return uint64(d.nodes["alice"].Synced()) }
	w.mine = func(ctx context.Context) error { return d.mine(ctx, 1) }
	d.stops = append(d.stops, w.serve(l))
	return "http://" + l.Addr().String() + w.path
}
