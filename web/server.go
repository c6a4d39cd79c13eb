package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/node"
	"github.com/leyden-ln/leyden/web/door"
	"github.com/leyden-ln/leyden/web/errand"
	"github.com/leyden-ln/leyden/web/office"
	"github.com/leyden-ln/leyden/web/words"
)

// Config is what pages need.
type Config struct {
	Node    *node.Node
	Dir     string   // where `leyden web` finds them: the node's data folder
	Program string   // how command lines begin; "leyden" when empty
	Hosts   []string // names under which a browser may ask for them, beside localhost and addresses
	Framer  string   // the one origin whose pages may show these in a frame; none when empty
	Log     *slog.Logger
}

// Bounds on what a browser may ask of the node.
const (
	maxForm    = 64 << 10 // bytes of a request's body
	maxHeader  = 32 << 10
	maxStreams = 64 // that show a page's changes, and downloads, at once
	pageTime   = 30 * time.Second
)

// identity is who the node is.
type identity struct{ ID, Alias, Color string }

// Server serves the pages of a node.
type Server struct {
	c       Config
	self    identity
	door    *door.Door
	alone   bool // whether only the node's machine reaches the pages
	handler http.Handler
	errands errand.Errands
	streams chan struct{}

	networks networks
}

//go:embed static
var embedded embed.FS

// asset is one file of static.
type asset struct {
	name, kind string
	content    []byte
	path       string // with the hash of the content in it, so that it never changes
}

// assets are the files of static by name.
var assets = sync.OnceValue(func() map[string]*asset {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	out := map[string]*asset{}
	err := fs.WalkDir(embedded, "static", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || kinds[path.Ext(p)] == "" {
			return err
		}
		b, err := embedded.ReadFile(p)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		name := path.Base(p)
		out[name] = &asset{name: name, kind: kinds[path.Ext(p)], content: b, path: "/static/" + hex.EncodeToString(sum[:6]) + "/" + name}
		return nil
	})
	if err != nil {
		panic(err) // the files are in the binary
	}
	return out
})

// New makes the pages of a node. They are ready to be served; Close ends them.
func New(ctx context.Context, c Config) (*Server, error) {
	if c.Program == "" {
		c.Program = "leyden"
	}
	s := &Server{c: c, streams: make(chan struct{}, maxStreams)}
	if err := s.owner().call(ctx, &s.self, "getinfo"); err != nil {
		return nil, err
	}
	s.door = door.New(c.Dir, "leyden_"+s.self.ID[2:14])
	s.handler = s.guard(s.routes())
	s.errands.Begin()
	return s, nil
}

// Close ends what was begun from pages. What is durable of a payment goes on without
// them.
func (s *Server) Close() { s.errands.Wait() }

// Listen opens the address of the pages.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr)
}

// Announce writes down where the pages are, for [door.NewLink]. Call it before Serve.
func (s *Server) Announce(l net.Listener) error {
	if !loopback(l.Addr()) {
		s.c.Log.Warn("the pages are not on loopback: whoever listens on the way reads what you read; put TLS in front", "address", l.Addr().String())
	}
	s.alone = loopback(l.Addr()) && len(s.c.Hosts) == 0 // a name is one for others
	return s.door.Announce("http://" + shown(l.Addr()))
}

// URL is where the pages are.
func (s *Server) URL() string { return s.door.URL() }

// Link is a link that logs its bearer in, once.
func (s *Server) Link() string { return s.door.Link(door.All) }

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// shown is an address that a browser can open: loopback for "all addresses".
func shown(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", t.Port)
	}
	return a.String()
}

// Serve answers browsers until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: pageTime, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeader, BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog: slog.NewLogLogger(s.c.Log.Handler(), slog.LevelDebug),
	}
	defer s.Close()
	defer func() { _ = s.door.Retire() }()               // the next start writes it anew
	stop := context.AfterFunc(ctx, func() { h.Close() }) // streams never end by themselves
	defer stop()
	defer cancel()
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /login", s.login)
	m.HandleFunc("POST /login", s.login)
	m.HandleFunc("GET /static/{hash}/{name}", static)
	m.HandleFunc("POST /theme", taste)
	inside := map[string]func(*visit) error{
		"GET /{$}":                               (*visit).home,
		"GET /live":                              (*visit).homeLive,
		"GET /receive":                           (*visit).receive,
		"POST /receive":                          (*visit).makeInvoice,
		"GET /invoices":                          (*visit).invoices,
		"GET /invoices.csv":                      savedInvoices.csv,
		"GET /invoices.json":                     savedInvoices.json,
		"GET /invoices/{hash}":                   (*visit).invoice,
		"GET /invoices/{hash}/live":              (*visit).invoiceLive,
		"GET /pay":                               (*visit).pay,
		"POST /pay":                              (*visit).readInvoice,
		"POST /pay/send":                         (*visit).send,
		"GET /payments":                          (*visit).payments,
		"GET /payments.csv":                      savedPayments.csv,
		"GET /payments.json":                     savedPayments.json,
		"GET /payments/{hash}":                   (*visit).payment,
		"GET /payments/{hash}/live":              (*visit).paymentLive,
		"GET /payments/{hash}/receipt.json":      (*visit).receiptFile,
		"GET /inside/{hash}":                     (*visit).inside,
		"GET /inside/{hash}/live":                (*visit).insideLive,
		"POST /steps":                            (*visit).setSteps,
		"POST /steps/next":                       (*visit).nextStep,
		"GET /password":                          (*visit).password,
		"POST /password":                         (*visit).setPassword,
		"GET /channels":                          (*visit).channels,
		"GET /open":                              (*visit).openForm,
		"POST /open":                             (*visit).open,
		"GET /channels/{hash}/terms":             (*visit).terms,
		"POST /channels/{hash}/terms":            (*visit).setTerms,
		"GET /channels/{hash}/close":             (*visit).askClose,
		"POST /channels/{hash}/close":            (*visit).closeChannel,
		"GET /forwards":                          (*visit).forwards,
		"GET /forwards.csv":                      savedForwards.csv,
		"GET /forwards.json":                     savedForwards.json,
		"GET /network":                           (*visit).showNetwork,
		"GET /network.bin":                       (*visit).networkPicture,
		"GET /onchain":                           of(office.OnChain),
		"POST /onchain/address":                  of(office.NewAddress),
		"POST /onchain/send":                     of(office.SendCoins),
		"POST /onchain/tokens":                   of(office.SendTokens),
		"GET /onchain/label":                     of(office.Label),
		"POST /onchain/label":                    of(office.Label),
		"GET /settings":                          of(office.Settings),
		"POST /settings/backup":                  of(office.Backup),
		"POST /settings/channels.json":           of(office.ChannelsFile),
		"GET /settings/metrics":                  of(office.Metrics),
		"GET /settings/runes":                    of(office.Runes),
		"POST /settings/runes":                   of(office.MakeRune),
		"POST /settings/runes/revoke":            of(office.RevokeRune),
		"GET /settings/webhooks":                 of(office.Webhooks),
		"POST /settings/webhooks":                of(office.MakeWebhook),
		"GET /settings/webhooks/{id}":            of(office.Deliveries),
		"POST /settings/webhooks/{id}/redeliver": of(office.Redeliver),
		"POST /settings/webhooks/{id}/delete":    of(office.DeleteWebhook),
		"GET /delete":                            of(office.Delete),
		"POST /delete":                           of(office.Delete),
		"POST /invoices/{hash}/settle":           (*visit).settle,
		"POST /invoices/{hash}/cancel":           (*visit).cancel,
		"GET /onchain/bump":                      of(office.Bump),
		"POST /onchain/bump":                     of(office.Bump),
		"POST /logout":                           (*visit).logout,
		"/":                                      (*visit).nothing,
	}
	for pattern, page := range inside {
		m.HandleFunc(pattern, s.inside(page))
	}
	return m
}

func static(w http.ResponseWriter, r *http.Request) {
	a := assets()[r.PathValue("name")]
	if a == nil || a.path != r.URL.Path {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
}

// guard is pages behind the door.
func (s *Server) guard(next http.Handler) http.Handler {
	return door.Guard(next, door.Bounds{
		Hosts: s.c.Hosts, Framer: s.c.Framer, Most: maxForm, Within: pageTime,
		Refusal: func(r *http.Request) string { return WordsOf(r).Text("guard.host") },
		Foreign: func(r *http.Request) string { return WordsOf(r).Text("guard.site") },
	})
}

// visit is one request of somebody who is logged in.
type visit struct {
	asked
	w       http.ResponseWriter
	r       *http.Request
	session *door.Session
	words   *words.Words
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// errNotFound says that there is no such page.
var errNotFound = office.ErrNotFound

func (v *visit) nothing() error { return errNotFound }

// inside lets in who is logged in, and changes only by the forms of our pages.
func (s *Server) inside(page func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{asked: asked{s: s}, w: w, r: r, session: s.door.Session(r), words: WordsOf(r)}
		if v.session != nil {
			v.by = api.Bearer{Node: s.c.Node, Rune: v.session.Rune}
			if !v.by.Good() { // it was revoked
				s.door.Leave(w, r)
				v.session = nil
			}
		}
		if v.session == nil {
			if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Dest") != "empty" {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			http.Error(w, v.Text("login.needed"), http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !v.session.Sent(r.PostFormValue("csrf")) {
			http.Error(w, v.Text("guard.csrf"), http.StatusForbidden)
			return
		}
		if !v.may(r.Pattern) {
			v.status(http.StatusForbidden, "forbidden", pageForbidden{})
			return
		}
		err := page(v)
		switch {
		case err == nil, r.Context().Err() != nil:
		case refused(err):
			v.status(http.StatusForbidden, "forbidden", pageForbidden{office.Reason(err)})
		case errors.Is(err, errNotFound):
			v.status(http.StatusNotFound, "notfound", page404{})
		default:
			s.c.Log.Warn("a page failed", "path", r.URL.Path, "why", err)
			v.status(http.StatusInternalServerError, "failed", page500{office.Reason(err)})
		}
	}
}

type page404 struct{}

type page500 struct{ Reason *office.Fault }

// login shows how to log in, and logs in who has a link, the password or a rune.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	v := &visit{asked: asked{s: s}, w: w, r: r, words: WordsOf(r)}
	has, err := s.door.HasPassword()
	if err != nil {
		s.c.Log.Error("the password cannot be read", "why", err)
	}
	page := pageLogin{Program: s.c.Program, HasPassword: has}
	pasted, password := strings.TrimSpace(r.FormValue("ticket")), r.PostFormValue("password")
	if pasted+password == "" || r.Method == http.MethodHead {
		v.status(http.StatusOK, "login", page)
		return
	}
	proof := s.door.Password(password)
	if pasted != "" {
		proof = s.proof(r, pasted)
	}
	var session door.Session
	cookie, err := s.door.Enter(door.From(r), func() (_ door.Session, ok bool) {
		session, ok = proof()
		return session, ok
	})
	switch {
	case errors.Is(err, door.ErrTries):
		w.Header().Set("Retry-After", fmt.Sprint(int(door.TryAgainIn.Seconds())))
		page.Wrong = v.Text("login.tries")
		v.status(http.StatusTooManyRequests, "login", page)
		return
	case err != nil:
		s.c.Log.Warn("a wrong login", "from", r.RemoteAddr)
		if page.Wrong = v.Text("login.wrong"); pasted == "" {
			page.Wrong = v.Text("password.wrong")
		}
		v.status(http.StatusForbidden, "login", page)
		return
	}
	s.door.Welcome(w, r, cookie)
	if session.Link && session.Rune == "" && !has && !s.without() {
		http.Redirect(w, r, "/password", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

type pageLogin struct {
	Program     string
	HasPassword bool
	Wrong       string
}

func (v *visit) logout() error {
	v.s.door.Leave(v.w, v.r)
	http.Redirect(v.w, v.r, "/login", http.StatusSeeOther)
	return nil
}

// themes are the colours that one may choose; the first is the system's choice.
var themes = []string{"auto", "light", "dark"}

// What is kept of one's taste, for a year: the colours, and the language.
const (
	themeCookie    = "leyden_theme"
	languageCookie = "leyden_language"
)

// WordsOf is the language of who asks: the one that was chosen on a page, or else the one
// that the browser likes best.
func WordsOf(r *http.Request) *words.Words {
	chosen := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	return words.For(chosen, r.Header.Get("Accept-Language"))
}

// taste keeps the colours or the language that somebody chose, who need not be logged in.
func taste(w http.ResponseWriter, r *http.Request) {
	keep := func(name, value string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	if t := r.PostFormValue("theme"); slices.Contains(themes, t) {
		keep(themeCookie, t)
	}
	if lang := r.PostFormValue("language"); lang != "" && words.For(lang, "").Lang == lang {
		keep(languageCookie, lang)
	}
	http.Redirect(w, r, door.Back(r.PostFormValue("back")), http.StatusSeeOther)
}
