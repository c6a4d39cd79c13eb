package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/web"
	"github.com/leyden-ln/leyden/web/both"
)

// both serves Alice's and Bob's pages side by side.
func (d *demo) both(l net.Listener, pages map[string]*web.Server, log *slog.Logger) string {
	w := both.New(log)
	for _, name := range []string{"alice", "bob"} {
		w.Frames = append(w.Frames, both.Frame{Name: name, Origin: pages[name].URL(), Link: pages[name].Link})
	}
	for _, name := range d.names {
		w.Nodes = append(w.Nodes, both.Node{Name: name, ID: d.nodes[name].ID(), Gate: d.nodes[name].Steps()})
	}
	w.Height = func() uint64 { return uint64(d.nodes["alice"].Synced()) }
	w.Mine = func(ctx context.Context) error { return d.mine(ctx, 1) }
	w.Words = web.WordsOf
	d.stops = append(d.stops, serveWindow(w, l, log))
	return "http://" + l.Addr().String() + w.Path()
}

// serveWindow serves the window of both until stop.
func serveWindow(w *both.Window, l net.Listener, log *slog.Logger) (stop func()) {
	s := &http.Server{Handler: http.NewCrossOriginProtection().Handler(w), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 2 * patience}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the window of both failed", "why", err)
		}
	})
	return func() {
		s.Close()
		wg.Wait()
	}
}
