package jsonrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
)

// dialog gives a connection to a server without a node, and its answers by line.
func dialog(t testing.TB) (net.Conn, *bufio.Reader) {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&Server{Log: slog.New(slog.DiscardHandler)}).ServeConn(context.Background(), theirs)
	}()
	t.Cleanup(func() {
		ours.Close()
		<-done
	})
	return ours, bufio.NewReader(ours)
}

type answer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *command.Error  `json:"error"`
}

func read(t *testing.T, r *bufio.Reader) answer {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if empty, err := r.ReadString('\n'); err != nil || empty != "\n" {
		t.Fatalf("after an answer comes %q, %v", empty, err)
	}
	var a answer
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return a
}

func TestAnswersAreOneLineAndEchoTheID(t *testing.T) {
	c, r := dialog(t)
	for _, id := range []string{`"a:b#1"`, `7`, `123456789012345678901234567890`, `null`, `{"a":[1]}`} {
		go io.WriteString(c, `{"jsonrpc":"2.0","id":`+id+`,"method":"help","params":["pay"]}`)
		a := read(t, r)
		if string(a.ID) != id || a.Version != "2.0" || a.Error != nil || !strings.Contains(string(a.Result), `"help":[`) {
			t.Errorf("id %s: %+v", id, a)
		}
	}
}

func TestRequestsNeedNoSeparator(t *testing.T) {
	c, r := dialog(t)
	go io.WriteString(c, strings.Repeat(`{"id":1,"method":"help","params":{}}`, 20))
	for range 20 {
		if a := read(t, r); a.Error != nil {
			t.Fatal(a.Error)
		}
	}
}

func TestBadRequestsAreAnsweredWithTheirCode(t *testing.T) {
	for request, want := range map[string]command.Code{
		`{"id":1,"method":"nothing"}`: command.UnknownMethod,
		`{"id":1}`:                    command.InvalidRequest,
		`{"method":"help"}`:           command.InvalidRequest,
		`{"id":1,"method":"help","params":["help", 1]}`:       command.InvalidParams,
		`{"id":1,"method":"help","params":["nothing"]}`:       command.UnknownMethod,
		`{"id":1,"method":"decode","params":["lnbc1notone"]}`: command.InvalidParams,
		`{"id":1,"method":7}`:                                 command.ParseError,
		`garbage`:                                             command.ParseError,
		`[]`:                                                  command.ParseError,
		`{"id":1,"method":"` + strings.Repeat("x", maxRequest+1): command.ParseError,
	} {
		c, r := dialog(t)
		go io.WriteString(c, request)
		if a := read(t, r); a.Error == nil || a.Error.Code != want || a.Result != nil {
			t.Errorf("%.60s: %+v, want code %d", request, a.Error, want)
		}
	}
}

func TestTheSocketIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rpc")
	l, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(t.Context(), path); err == nil {
		t.Error("a socket that answers was replaced")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = Listen(t.Context(), path)
	if err != nil {
		t.Errorf("a socket that nobody serves was not replaced: %v", err)
	} else {
		l.Close()
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"decode","params":["lnbc1"]}`))
	f.Add([]byte(`{"id":"x","method":"help","params":{"command":"pay"}}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range api.Table() {
			if n := c.Name; n != "help" && n != "decode" && strings.Contains(string(b), n) {
				return // it would ask a node, and there is none
			}
		}
		if strings.Contains(string(b), `\`) {
			return // an escaped name of such a command
		}
		c, r := dialog(t)
		go func() {
			c.Write(b)
			c.Close()
		}()
		io.Copy(io.Discard, r)
	})
}
