package door

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// policy lets a page load what is of this server and in a file, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors "

// Bounds is what holds for every request, also of who is not logged in.
type Bounds struct {
	Hosts   []string                     // names under which a browser may ask, beside localhost and addresses
	Framer  string                       // the one origin whose pages may show these in a frame; none when empty
	Refusal func(r *http.Request) string // what to say to who asks by another name
	Foreign func(r *http.Request) string // and to what another site's page asks
	Most    int64                        // bytes of a request's body
	Within  time.Duration                // in which an answer is to be written
}

// Guard is pages behind their bounds: what a page may load, who may frame it, by which
// names it may be asked for, and that forms come from pages of ours.
func Guard(next http.Handler, b Bounds) http.Handler {
	crossOrigin := http.NewCrossOriginProtection() // Sec-Fetch-Site, or Origin against Host
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, b.Foreign(r), http.StatusForbidden) }))
	next = crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy+cmp.Or(b.Framer, "'none'"))
		h.Set("X-Content-Type-Options", "nosniff")
		if b.Framer == "" {
			h.Set("X-Frame-Options", "DENY")
		}
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !b.known(r.Host) {
			http.Error(w, b.Refusal(r), http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, b.Most)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(b.Within)) // a recorder has none
		next.ServeHTTP(w, r)
	})
}

// known says whether a Host is one of ours: an address, localhost, or a name that the
// owner gave. Any other name is one that was made to point here.
func (b *Bounds) known(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil || strings.EqualFold(host, "localhost") {
		return true
	}
	for _, name := range b.Hosts {
		if strings.EqualFold(host, name) {
			return true
		}
	}
	return false
}

// From is the address for which the tries of who asks are counted: a host, or the IPv6
// network that one customer has.
func From(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	a := from.Addr().Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// Back is the page to which a form sends its reader back: one of ours, or the first.
func Back(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
