package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

type tripRequest struct{}

type tripResponse struct{}

func trip(context.Context, *node.Node, tripRequest) (tripResponse, error) {
	panic(errors.New("over its own feet"))
}

// A command that panics ends the process (decision 1), with its name and stack in the
// log: from a goroutine of our own, as on the socket, and from net/http's, which would
// recover it.
func TestACommandThatPanicsEndsTheProcessWhoeverAsked(t *testing.T) {
	api.Add(t, command.Define(command.Spec{Name: "trip"}, trip))
	ends := make(chan error, 1)
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := node.Open(t.Context(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Log: slog.New(slog.DiscardHandler),
		Fatal: func(err error) {
			ends <- err
			runtime.Goexit() // where the process would end
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ended := func(where string) {
		t.Helper()
		if text := (<-ends).Error(); !strings.Contains(text, "the command trip panicked: over its own feet") || !strings.Contains(text, "api_test.trip(") {
			t.Errorf("%s: %s", where, text)
		}
	}
	call := func() {
		_, err := api.Call(context.Background(), n, "trip", nil)
		t.Errorf("the command returned, with %v", err)
	}
	go call()
	ended("on its own")
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { call() }))
	defer s.Close()
	go func() {
		if res, err := http.Get(s.URL); err == nil { //nolint:noctx // the server is the test's
			res.Body.Close()
		}
	}()
	ended("behind HTTP")
}
