package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/events"
	"github.com/leyden-ln/leyden/internal/runes"
)

// Bounds on streams of events.
const (
	maxStreams = 128
	streamPage = 256 // entries that are read at once
)

// heartbeat is how often a stream says something, so that a client that has gone is
// noticed, and a rune that is no longer good too.
const heartbeat = 15 * time.Second

// follow is one client that follows the log.
type follow struct {
	s      *Server
	header string // the rune
	method string
	params json.RawMessage
	kinds  []string
	after  uint64 // the index of the last entry that it has seen
}

// sink takes what a client is to see.
type sink interface {
	event(ctx context.Context, e events.Shown) error
	alive(ctx context.Context) error
}

// events is GET /v1/events: server-sent events, or a WebSocket if the client asks for
// that. It is permitted to whoever may list them.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it lasts
	if _, ok := s.bearer(w, r); !ok {
		return
	}
	f := &follow{s: s, header: r.Header.Get("Rune"), method: "listevents"}
	var err error
	if f.params, err = f.read(r); err != nil {
		answer(w, http.StatusBadRequest, command.Refuse(command.InvalidParams, "%v", err))
		return
	}
	ctx, ok := s.permit(w, r, f.method, f.params)
	if !ok {
		return
	}
	select {
	case s.streams() <- struct{}{}:
		defer func() { <-s.streams() }()
	default:
		answer(w, http.StatusServiceUnavailable, command.Refuse(command.Failed, "too many follow the events already"))
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // it has answered
		}
		defer func() { _ = c.CloseNow() }()
		err = f.run(c.CloseRead(ctx), socket{c})
		if errors.Is(err, errNoLongerGood) {
			c.Close(websocket.StatusPolicyViolation, err.Error())
		} else {
			c.Close(websocket.StatusGoingAway, "the node is stopping")
		}
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	out := &lines{w, http.NewResponseController(w)}
	if err := out.alive(ctx); err == nil {
		err = f.run(ctx, out)
		s.Log.Debug("a stream of events ended", "why", err)
	}
}

// read takes the kinds and the place to begin from a request. Who says nothing begins
// with what happens next.
func (f *follow) read(r *http.Request) (json.RawMessage, error) {
	q := r.URL.Query()
	params := map[string]any{}
	for name := range q {
		if name != "kinds" && name != "after" {
			return nil, fmt.Errorf("unknown parameter: %s", command.Clip([]byte(name)))
		}
	}
	var err error
	if text := q.Get("kinds"); text != "" {
		params["kinds"] = text
		if f.kinds, err = events.ParseKinds(text); err != nil {
			return nil, err
		}
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.Get("after")
	}
	if last == "" {
		if f.after, err = f.s.Node.Store().LastEvent(r.Context()); err != nil {
			return nil, err
		}
	} else if f.after, err = strconv.ParseUint(last, 10, 63); err != nil {
		return nil, errors.New("after, or Last-Event-ID, should be the index of an event")
	}
	return json.Marshal(params)
}

var (
	errNoLongerGood = errors.New("the rune is no longer good")
	errStopping     = errors.New("the node is stopping")
)

// run shows what is in the log, and then what comes, until the client goes, the node
// stops, or the rune is no longer good.
func (f *follow) run(ctx context.Context, to sink) error {
	n := f.s.Node
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	p, err := runes.ParseParams(f.params)
	if err != nil {
		return err
	}
	for {
		changed := n.Events().Changed()
		if !n.Gate().Holds(f.header, &runes.Call{Method: &f.method, Params: p}) {
			return errNoLongerGood
		}
		entries, err := n.Store().Events(ctx, f.after, streamPage)
		if err != nil {
			return err
		}
		for _, e := range entries {
			f.after = e.Index
			if len(f.kinds) > 0 && !slices.Contains(f.kinds, e.Kind) {
				continue
			}
			if err := to.event(ctx, e.Show()); err != nil {
				return err
			}
		}
		if len(entries) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-beat.C:
			err = to.alive(ctx)
		case <-n.Stopping():
			err = errStopping
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// lines are server-sent events.
type lines struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (l *lines) send(format string, args ...any) error {
	if err := l.c.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l.w, format, args...); err != nil {
		return err
	}
	return l.c.Flush()
}

func (l *lines) event(_ context.Context, e events.Shown) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return l.send("id: %d\nevent: %s\ndata: %s\n\n", e.Index, e.Kind, b)
}

func (l *lines) alive(context.Context) error { return l.send(":\n\n") }

// socket is a WebSocket with an event a message.
type socket struct{ c *websocket.Conn }

func (s socket) event(ctx context.Context, e events.Shown) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return s.c.Write(ctx, websocket.MessageText, b)
}

func (s socket) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return s.c.Ping(ctx)
}
