package jsonrpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		`{"id":1,"method":7}`:                                 command.InvalidRequest,
		`{"id":1,"method":null}`:                              command.InvalidRequest,
		`[]`:                                                  command.InvalidRequest,
		`[{"id":1,"method":"help"}]`:                          command.InvalidRequest,
		`"help"`:                                              command.InvalidRequest,
		`null`:                                                command.InvalidRequest,
		`garbage`:                                             command.ParseError,
		`{"id":1,"method":"help","params":["pay",]}`:          command.ParseError,
		strings.Repeat("[", 20_000):                           command.ParseError,
		`{"id":1,"method":"help","params":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "}": command.InvalidParams,
		"{\"id\":1,\"method\":\"help\",\"params\":[\"\xff\"]}":                                              command.InvalidParams,
		`{"id":1,"method":"help","params":"pay"}`:                                                           command.InvalidParams,
		`{"id":1,"method":"help","params":{"` + strings.Repeat("x", maxRequest/2) + `":1}}`:                 command.InvalidParams,
		`{"id":1,"method":"` + strings.Repeat("x", maxRequest+1):                                            command.ParseError,
	} {
		c, r := dialog(t)
		go io.WriteString(c, request+"\n")
		if a := read(t, r); a.Error == nil || a.Error.Code != want || a.Result != nil || len(a.Error.Message) > 500 {
			t.Errorf("%.60s: %+v, want code %d", request, a.Error, want)
		}
	}
}

// What is JSON, but not a request, is refused with its id, and the next is heard.
func TestAConnectionGoesOnAfterWhatIsNoRequest(t *testing.T) {
	c, r := dialog(t)
	for text, id := range map[string]string{`[]`: "null", `7`: "null", `{"method":7,"id":"a"}`: `"a"`, `{"id":8}`: "8"} {
		go io.WriteString(c, text+"\n")
		if a := read(t, r); a.Error == nil || a.Error.Code != command.InvalidRequest || string(a.ID) != id {
			t.Errorf("%s: %+v with id %s", text, a.Error, a.ID)
		}
		go io.WriteString(c, `{"id":1,"method":"help","params":["pay"]}`)
		if a := read(t, r); a.Error != nil {
			t.Errorf("after %s: %v", text, a.Error)
		}
	}
}

// A preimage with a slip of the pen is answered with what is wrong with it, and not logged.
func TestWhatWasGivenIsInNoLog(t *testing.T) {
	secret := strings.Repeat("5e", 31) + "5"
	var log bytes.Buffer
	s := &Server{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for method, params := range map[string]string{
		"settleholdinvoice": `["` + secret + `"]`, "invoice": `["any","a","b",null,null,"` + secret + `"]`, "notifications": `["` + secret + `"]`,
		"checkrune": `{"` + secret + `":1}`,
	} {
		if a := s.answer(t.Context(), request{ID: json.RawMessage("1"), Method: method, Params: json.RawMessage(params)}); a.Error == nil || a.Error.Code != command.InvalidParams {
			t.Errorf("%s: %+v", method, a)
		}
	}
	if text := log.String(); strings.Contains(text, secret[:20]) || !strings.Contains(text, "method=settleholdinvoice code=-32602 reason=preimage") {
		t.Errorf("the log is %s", text)
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

func TestAFilterLeavesWhatItNames(t *testing.T) {
	c, r := dialog(t)
	go io.WriteString(c, `{"id":1,"method":"help","params":["pay"],"filter":{"help":[{"category":true}]}}{"id":2,"method":"help","filter":7}`)
	answers := map[string]answer{}
	for range 2 {
		a := read(t, r)
		answers[string(a.ID)] = a
	}
	if a := answers["1"]; string(a.Result) != `{"help":[{"category":"payments"}]}` {
		t.Errorf("%s, %v", a.Result, a.Error)
	}
	if a := answers["2"]; a.Error == nil || a.Error.Code != command.InvalidParams {
		t.Errorf("%s, %v", a.Result, a.Error)
	}
}

func TestNotificationsBelongToOneConnectionAndNameTheirRequest(t *testing.T) {
	var b strings.Builder
	talk, other := &conversation{out: &answers{w: &b}}, &conversation{out: &answers{w: &b}}
	first := asked{talk, json.RawMessage(`"a"`)}
	first.Notify("message", map[string]any{"message": "unheard"})
	first.Enable(true)
	asked{talk, json.RawMessage(`"b"`)}.Notify("message", map[string]any{"message": "heard"})
	asked{other, json.RawMessage(`"c"`)}.Notify("message", map[string]any{"message": "unheard"})
	first.Enable(false)
	first.Notify("message", map[string]any{"message": "unheard"})
	if got := b.String(); got != `{"jsonrpc":"2.0","method":"message","params":{"id":"b","message":"heard"}}`+"\n\n" {
		t.Error(got)
	}
	c, r := dialog(t)
	go io.WriteString(c, `{"id":1,"method":"notifications","params":{"enable":true}}`)
	if a := read(t, r); a.Error != nil || string(a.Result) != "{}" {
		t.Errorf("%s, %v", a.Result, a.Error)
	}
}

// serve is the socket of a server that takes so many connections.
func serve(t *testing.T, most int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "rpc")
	l, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- (&Server{Log: slog.New(slog.DiscardHandler), Clients: most}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return path
}

// crowd is connections to a server that takes so many.
func crowd(t *testing.T, most, n int) []net.Conn {
	t.Helper()
	path := serve(t, most)
	out := make([]net.Conn, n)
	for i := range out {
		var err error
		if out[i], err = (&net.Dialer{}).DialContext(t.Context(), "unix", path); err != nil {
			t.Fatal(err)
		}
		if err := out[i].SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { out[i].Close() })
	}
	return out
}

// Connections that hang in the middle of a request are as many as the bound says; those
// beyond are told so, and those within go on.
func TestConnectionsBeyondTheBoundAreRefusedAndThoseWithinGoOn(t *testing.T) {
	const most = 8
	conns := crowd(t, most, 20*most)
	const half = `{"id":1,"method":"help","params":["pa`
	for _, c := range conns[:most] {
		if _, err := io.WriteString(c, half); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range conns[most:] {
		b, err := io.ReadAll(c)
		if err != nil || !strings.Contains(string(b), `there are 8 connections already`) {
			t.Fatalf("connection %d: %q, %v", most+i, b, err)
		}
	}
	for i, c := range conns[:most] {
		if _, err := io.WriteString(c, `y"]}`); err != nil {
			t.Fatal(err)
		}
		if a := read(t, bufio.NewReader(c)); a.Error != nil {
			t.Errorf("connection %d: %v", i, a.Error)
		}
	}
	// When one ends there is room again.
	conns[0].Close()
	path := conns[1].RemoteAddr().String()
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, half+`y"]}`)
		line, err := bufio.NewReader(c).ReadString('\n')
		c.Close()
		if err == nil && strings.Contains(line, `"help":[`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no room: %q, %v", line, err)
		}
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
