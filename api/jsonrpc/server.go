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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/node"
)

// Bounds on what clients may ask of the node.
const (
	maxRequest  = 4 << 20 // bytes of one request
	maxInFlight = 256     // requests of one connection at once
	// MaxClients is how many connections there may be at once when nothing else is said.
	MaxClients = 1024
)

// Server answers JSON-RPC 2.0 for a node.
type Server struct {
	Node    *node.Node
	Log     *slog.Logger
	Clients int // connections at once; zero: MaxClients

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
// are on their way. Those that are too many are told so and closed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer s.wg.Wait()
	defer cancel()
	most := s.Clients
	if most == 0 {
		most = MaxClients
	}
	slots := make(chan struct{}, most)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			s.Log.Warn("a connection to the socket cannot be taken", "why", err)
			wait(ctx, fullPause)
			continue
		default:
			return err
		}
		select {
		case slots <- struct{}{}:
			s.wg.Go(func() {
				defer func() { <-slots }()
				s.ServeConn(ctx, c)
			})
		default:
			tooMany(c, most)
		}
	}
}

// fullPause is how long no connection is taken when the process has no file left.
const fullPause = 100 * time.Millisecond

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// refusalTime bounds the refusal of a connection. A new one has room for it: only a machine
// that is very busy takes its time.
const refusalTime = 10 * time.Second

// tooMany refuses a connection.
func tooMany(c net.Conn, most int) {
	if c.SetWriteDeadline(time.Now().Add(refusalTime)) == nil {
		(&answers{w: c}).send(response{Error: command.Refuse(command.Failed, "there are %d connections already: close one", most)})
	}
	c.Close()
}

// request is one JSON-RPC call.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Filter json.RawMessage `json:"filter"`
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
	talk := &conversation{out: out}
	slots := make(chan struct{}, maxInFlight)
	var wg sync.WaitGroup
	defer c.Close()
	defer wg.Wait()
	defer cancel()
	in := &bounded{r: c}
	d := json.NewDecoder(in)
	for {
		in.left = maxRequest
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			if text := complaint(err); text != "" {
				out.send(response{Error: &command.Error{Code: command.ParseError, Message: text}})
			}
			return
		}
		var r request
		if err := json.Unmarshal(text, &r); err != nil || r.Method == "" || len(r.ID) == 0 {
			out.send(response{ID: r.ID, Error: &command.Error{Code: command.InvalidRequest, Message: "a request is an object with an id and a method"}})
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out.send(s.answer(command.WithClient(ctx, asked{talk, r.ID}), r))
		})
	}
}

func (s *Server) answer(ctx context.Context, r request) response {
	res, err := api.CallFiltered(ctx, s.Node, r.Method, r.Params, r.Filter)
	if err != nil {
		e := command.AsError(err)
		s.Log.Debug("command refused", "method", command.Clip([]byte(r.Method)), "code", e.Code, "reason", e.Logged())
		return response{ID: r.ID, Error: e}
	}
	return response{ID: r.ID, Result: res}
}

// complaint says what was wrong with the stream; nothing when it just ended.
func complaint(err error) string {
	var syntax *json.SyntaxError
	if errors.Is(err, errTooLong) || errors.As(err, &syntax) {
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
	a.write(b)
}

func (a *answers) write(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = a.w.Write(append(b, '\n', '\n')) // a client that has gone is not our fault
}

// conversation is one connection that may want notifications.
type conversation struct {
	out     *answers
	enabled atomic.Bool
}

// asked is a command of a conversation. It implements [command.Client].
type asked struct {
	*conversation
	id json.RawMessage
}

// Enable implements [command.Client].
func (a asked) Enable(on bool) { a.enabled.Store(on) }

// Enabled implements [command.Client].
func (a asked) Enabled() bool { return a.enabled.Load() }

// Notify implements [command.Client].
func (a asked) Notify(method string, params map[string]any) {
	if !a.Enabled() {
		return
	}
	params["id"] = a.id
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	if err == nil {
		a.out.write(b)
	}
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
