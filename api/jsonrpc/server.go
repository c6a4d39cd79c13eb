package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// Bounds on what one connection may ask of the node.
const (
	maxRequest  = 4 << 20 // bytes of one request
	maxInFlight = 256     // requests of one connection at once
)

// Server answers JSON-RPC 2.0 for a node.
type Server struct {
	Node *node.Node
	Log  *slog.Logger

	wg sync.WaitGroup
}

// Listen opens the unix socket at path, which only its owner may use. A socket
// left by a process that is gone is replaced; one that answers is not.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		if c, dialErr := (&net.Dialer{}).DialContext(ctx, "unix", path); dialErr == nil {
			c.Close()
			return nil, err
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		if l, err = lc.Listen(ctx, "unix", path); err != nil {
			return nil, err
		}
	}
	return l, os.Chmod(path, 0o600)
}

// Serve answers connections of l until ctx ends, then waits for the answers that
// are on their way.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer s.wg.Wait()
	defer cancel()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		s.wg.Go(func() { s.ServeConn(ctx, c) })
	}
}

// request is one JSON-RPC call.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// response is one answer. Result comes before error and only one of them is there.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *command.Error  `json:"error,omitempty"`
}

// ServeConn answers one connection until it ends or sends what is not JSON.
func (s *Server) ServeConn(ctx context.Context, c net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	out := &answers{w: c}
	slots := make(chan struct{}, maxInFlight)
	var wg sync.WaitGroup
	defer c.Close()
	defer wg.Wait()
	defer cancel()
	in := &bounded{r: c}
	d := json.NewDecoder(in)
	for {
		in.left = maxRequest
		var r request
		if err := d.Decode(&r); err != nil {
			if text := complaint(err); text != "" {
				out.send(response{Error: &command.Error{Code: command.ParseError, Message: text}})
			}
			return
		}
		if r.Method == "" || len(r.ID) == 0 {
			out.send(response{ID: r.ID, Error: &command.Error{Code: command.InvalidRequest, Message: "a request needs an id and a method"}})
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out.send(s.answer(ctx, r))
		})
	}
}

func (s *Server) answer(ctx context.Context, r request) response {
	res, err := api.Call(ctx, s.Node, r.Method, r.Params)
	if err != nil {
		e := command.AsError(err)
		s.Log.Debug("command refused", "method", r.Method, "code", e.Code, "reason", e.Message)
		return response{ID: r.ID, Error: e}
	}
	return response{ID: r.ID, Result: res}
}

// complaint says what was wrong with the stream; nothing when it just ended.
func complaint(err error) string {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errTooLong), errors.As(err, &syntax), errors.As(err, &wrongType):
		return err.Error()
	}
	return ""
}

// answers writes one response at a time, each a compact line and an empty one.
type answers struct {
	mu sync.Mutex
	w  io.Writer
}

func (a *answers) send(r response) {
	r.Version = "2.0"
	if len(r.ID) == 0 {
		r.ID = json.RawMessage("null")
	}
	b, err := json.Marshal(r)
	if err != nil {
		b, _ = json.Marshal(response{Version: "2.0", ID: r.ID, Error: &command.Error{Code: command.Internal, Message: err.Error()}})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = a.w.Write(append(b, '\n', '\n')) // a client that has gone is not our fault
}

var errTooLong = errors.New("the request is too long")

// bounded ends a stream at which one request is longer than it may be.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
