// Package both is one page with the pages of two nodes side by side, and above them the
// chain and the steps of payments: a button mines a block, a switch holds payments before
// each of their steps, and "next" lets one go on.
//
//	w := both.New(log)
//	w.Frames, w.Nodes, w.Height, w.Mine, w.Words = …
//	url := base + w.Path()
//
// Whoever opens it is logged in at both, so its address has a key in it that only its
// owner's terminal shows. It needs no script; with one, the bar changes by itself.
package both

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/steps"
	"github.com/leyden-ln/leyden/web/words"
)

// Window is the page, and what it needs, which is set before it is served.
type Window struct {
	Frames []Frame
	Nodes  []Node
	Height func() uint64
	Mine   func(context.Context) error
	Words  func(*http.Request) *words.Words // the language of who asks

	path string // with the key
	log  *slog.Logger
}

// Frame is the pages of one node.
type Frame struct {
	Name, Origin string
	Link         func() string // that logs in
}

// Node is one whose steps may be held.
type Node struct {
	Name string
	ID   wire.NodeID
	Gate *steps.Gate
}

// New makes a window with a key of its own.
func New(log *slog.Logger) *Window {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	return &Window{path: "/" + base64.RawURLEncoding.EncodeToString(key) + "/", log: log}
}

// Path is where it is.
func (w *Window) Path() string { return w.path }

//go:embed both.html both.css both.js
var files embed.FS

var page = template.Must(template.ParseFS(files, "both.html"))

// view is what its pages show.
type view struct {
	Words  *words.Words
	Frames []Frame
	Height uint64
	On     bool   // whether payments are taken step by step
	Held   []held // of each node what is held for longest
	Seen   string // changes with what is shown
}

// held is a step that waits.
type held struct {
	Node, Step, Message, To string
	ID                      uint64
}

// see looks at the chain and at what is held. The next of it is there when one of the
// channels is closed.
func (w *Window) see(r *http.Request) (v view, changed []<-chan struct{}) {
	v = view{Words: w.Words(r), Height: w.Height()}
	v.Seen = fmt.Sprint(v.Height)
	for _, n := range w.Nodes {
		list, changes, next := n.Gate.List()
		v.On = v.On || n.Gate.On()
		v.Seen += fmt.Sprint("-", changes)
		changed = append(changed, next)
		if len(list) > 0 {
			t := list[0].Traces[0]
			v.Held = append(v.Held, held{Node: n.Name, ID: list[0].ID, Step: string(t.Step), Message: t.Message, To: w.name(t.Peer)})
		}
	}
	return v, changed
}

// name is that of a node; empty when it is none of these.
func (w *Window) name(id wire.NodeID) string {
	for _, n := range w.Nodes {
		if n.ID == id {
			return n.Name
		}
	}
	return ""
}

// longest is how long the bar waits for something else to show.
const longest = 15 * time.Second

// bar shows the chain and the steps: at once, or as soon as it is not what was seen.
func (w *Window) bar(rw http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), longest)
	defer cancel()
	v, changed := w.see(r)
	for v.Seen == r.URL.Query().Get("seen") && ctx.Err() == nil {
		anyOf(ctx, changed)
		v, changed = w.see(r)
	}
	return page.ExecuteTemplate(rw, "bar", v)
}

// anyOf waits until one of some channels is closed.
func anyOf(ctx context.Context, channels []<-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range channels {
		wg.Go(func() {
			select {
			case <-c:
				cancel()
			case <-ctx.Done():
			}
		})
	}
	wg.Wait()
}

// ServeHTTP implements [http.Handler].
func (w *Window) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	origins := make([]string, len(w.Frames))
	for i, f := range w.Frames {
		origins[i] = f.Origin
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "+
		"frame-ancestors 'self'; frame-src 'self' "+strings.Join(origins, " "))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	what, ok := strings.CutPrefix(r.URL.Path, w.path)
	if !ok {
		http.NotFound(rw, r)
		return
	}
	var err error
	switch r.Method + " " + what {
	case "GET ":
		err = page.ExecuteTemplate(rw, "both", view{Words: w.Words(r), Frames: w.Frames})
	case "GET chain":
		err = w.bar(rw, r)
	case "GET both.css", "GET both.js":
		http.ServeFileFS(rw, r, files, what)
	case "POST mine", "POST steps", "POST next":
		if err = w.act(r, what); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(rw, r, w.path+"chain#"+what, http.StatusSeeOther)
	default:
		http.NotFound(rw, r)
	}
	if err != nil {
		w.log.Debug("the window of both", "why", err)
	}
}

// act does what a button says.
func (w *Window) act(r *http.Request, what string) error {
	switch what {
	case "mine":
		return w.Mine(r.Context())
	case "steps":
		for _, n := range w.Nodes {
			n.Gate.Set(r.PostFormValue("on") == "yes")
		}
	case "next": // that it is gone already is no failure
		id, err := strconv.ParseUint(r.PostFormValue("id"), 10, 64)
		for _, n := range w.Nodes {
			if err == nil && id != 0 && n.Name == r.PostFormValue("node") {
				n.Gate.Next(id)
			}
		}
	}
	return nil
}
