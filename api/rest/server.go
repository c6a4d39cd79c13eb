package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/node"
)

// Bounds on what clients may ask of the node.
const (
	maxBody    = 4 << 20 // bytes, as on the socket
	maxHeader  = 80 << 10
	maxClients = 512 // connections at once
	headerTime = 10 * time.Second
	bodyTime   = 30 * time.Second // until a request is whole
	answerTime = time.Minute      // until a client has taken its answer
	idleTime   = time.Minute
)

// Server answers a node's commands over HTTPS.
type Server struct {
	Node *node.Node
	Log  *slog.Logger

	whole  time.Duration // bounds the time until a request is whole below bodyTime; zero: it does not
	making sync.Once
	stream chan struct{}
}

// streams holds a token for each stream of events.
func (s *Server) streams() chan struct{} {
	s.making.Do(func() { s.stream = make(chan struct{}, maxStreams) })
	return s.stream
}

// Listen opens the port, with the certificate in the data folder, which is made when it
// is missing.
func Listen(ctx context.Context, dir, host string, port uint16) (net.Listener, error) {
	cert, err := certificate(dir, host)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, err
	}
	return tls.NewListener(atMost(l, maxClients), &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // one request a connection, so that their bound is one of requests
	}), nil
}

// Serve answers clients until ctx ends. What they asked for is then cancelled; what is
// durable stays.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	whole := bodyTime
	if s.whole > 0 {
		whole = min(whole, s.whole)
	}
	h := &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: min(headerTime, whole), ReadTimeout: whole, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { h.Close() }) // streams never end by themselves
	defer stop()
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return err
	}
	return nil
}

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/{command}", s.command)
	m.HandleFunc("GET /v1/events", s.events)
	m.HandleFunc("GET /metrics", s.metrics)
	m.HandleFunc("GET /v1/openapi.json", s.openAPI)
	m.HandleFunc("GET /{$}", s.page)
	m.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { nothingHere(w) })
	return m
}

// bounded closes connections that are too many, so that those that are served go on.
type bounded struct {
	net.Listener
	slots chan struct{}
}

func atMost(l net.Listener, n int) net.Listener { return &bounded{l, make(chan struct{}, n)} }

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.slots <- struct{}{}:
			return &counted{Conn: c, leave: sync.OnceFunc(func() { <-b.slots })}, nil
		default:
			c.Close()
		}
	}
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
