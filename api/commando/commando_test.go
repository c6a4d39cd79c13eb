package commando

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"

	"github.com/leyden-ln/leyden/api"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/peer"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// longest is how long a test waits for an answer.
const longest = 60 * time.Second

// host is a node that answers, with a rune that may do everything.
type host struct {
	*testing.T
	node   *node.Node
	server *Server
	rune   string
	logged logged
}

// logged is what the node has logged, in full.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHost(t *testing.T) *host {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	h := &host{T: t}
	log := slog.New(slog.NewTextHandler(&h.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n, err := node.Open(context.Background(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: c, Listen: "127.0.0.1:0", Log: log, Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	h.node, h.server = n, New(ctx, n, log)
	t.Cleanup(h.server.Wait)
	t.Cleanup(cancel)
	n.SetCustom(h.server)
	h.rune = h.make(`{}`)
	return h
}

// make makes a rune.
func (h *host) make(params string) string {
	h.Helper()
	res, err := api.Call(h.Context(), h.node, "createrune", json.RawMessage(params))
	if err != nil {
		h.Fatal(err)
	}
	b, err := json.Marshal(res)
	if err != nil {
		h.Fatal(err)
	}
	var made struct{ Rune string }
	if err := json.Unmarshal(b, &made); err != nil {
		h.Fatal(err)
	}
	return made.Rune
}

// key is a node key in memory.
type key struct{ *btcec.PrivateKey }

func newKey(t *testing.T) key {
	k, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key{k}
}

func (k key) PublicKey() *btcec.PublicKey { return k.PubKey() }

func (k key) ECDH(p *btcec.PublicKey) [32]byte {
	var point, shared btcec.JacobianPoint
	p.AsJacobian(&point)
	btcec.ScalarMultNonConst(&k.Key, &point, &shared)
	shared.ToAffine()
	return sha256.Sum256(btcec.NewPublicKey(&shared.X, &shared.Y).SerializeCompressed())
}

// asker is a peer that gives commands.
type asker struct {
	*host
	conn net.Conn
	n    *noise.Conn
	id   wire.NodeID
}

func (h *host) connect() *asker {
	h.Helper()
	c, err := (&net.Dialer{}).DialContext(h.Context(), "tcp", h.node.Addr().String())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(longest)); err != nil {
		h.Fatal(err)
	}
	remote, err := h.node.ID().Key()
	if err != nil {
		h.Fatal(err)
	}
	k := newKey(h.T)
	n, err := noise.Initiate(c, k, newKey(h.T).PrivateKey, remote)
	if err != nil {
		h.Fatal(err)
	}
	a := &asker{h, c, n, wire.PointOf(k.PubKey())}
	a.write(&wire.Init{Features: node.Features()})
	return a
}

func (a *asker) write(m wire.Message) {
	a.Helper()
	if err := a.n.WriteMessage(wire.Encode(m)); err != nil {
		a.Fatal(err)
	}
}

// say sends a part of a request.
func (a *asker) say(number uint64, text string, last bool) {
	a.Helper()
	kind := uint16(wire.CommandoPart)
	if last {
		kind = wire.CommandoLast
	}
	a.write(&wire.Unknown{MsgType: kind, Payload: append(binary.BigEndian.AppendUint64(nil, number), text...)})
}

type reply struct {
	ID     json.RawMessage
	Result json.RawMessage
	Error  *command.Error
	parts  int
}

// hear waits for a whole answer, whosever it is.
func (a *asker) hear() (number uint64, r reply) {
	a.Helper()
	if err := a.conn.SetDeadline(time.Now().Add(longest)); err != nil {
		a.Fatal(err)
	}
	var text []byte
	for {
		b, err := a.n.ReadMessage()
		if err != nil {
			a.Fatalf("no answer: %v", err)
		}
		kind := binary.BigEndian.Uint16(b)
		if kind != wire.CommandoReplyPart && kind != wire.CommandoReplyLast {
			continue
		}
		number = binary.BigEndian.Uint64(b[2:])
		text, r.parts = append(text, b[2+numberSize:]...), r.parts+1
		if kind == wire.CommandoReplyLast {
			break
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		a.Fatalf("%q: %v", text, err)
	}
	return number, r
}

// ask gives a command and waits for its answer.
func (a *asker) ask(number uint64, rune, method, params string) reply {
	a.Helper()
	a.say(number, request1(rune, method, params), true)
	got, r := a.hear()
	if got != number {
		a.Errorf("the answer has the number %d, not %d", got, number)
	}
	return r
}

func request1(rune, method, params string) string {
	return fmt.Sprintf(`{"id":"a#1","method":%q,"params":%s,"rune":%q}`, method, params, rune)
}

func (a *asker) refused(r reply, code command.Code, words string) {
	a.Helper()
	if r.Error == nil || r.Error.Code != code || !strings.Contains(r.Error.Message, words) || r.Result != nil {
		a.Errorf("answered with %+v and %s, not with code %d and %q", r.Error, r.Result, code, words)
	}
}

func TestARequestInPartsIsAnsweredInParts(t *testing.T) {
	a := newHost(t).connect()
	text := request1(a.rune, "help", "{}")
	for i := range text {
		a.say(7, text[i:i+1], i == len(text)-1)
	}
	if number, r := a.hear(); number != 7 || r.Error != nil || string(r.ID) != `"a#1"` || !strings.Contains(string(r.Result), `"invoice `) {
		t.Errorf("%d: %+v", number, r.Error)
	}
	// A result that is longer than a message.
	long := strings.Repeat("x", 1000)
	for i := range 100 {
		if r := a.ask(8, a.rune, "invoice", fmt.Sprintf(`["any", "i%d", %q]`, i, long[:600])); r.Error != nil {
			t.Fatal(r.Error)
		}
	}
	if r := a.ask(9, a.rune, "listinvoices", "{}"); r.Error != nil || r.parts < 2 || strings.Count(string(r.Result), long[:600]) != 100 {
		t.Errorf("%d parts, %v", r.parts, r.Error)
	}
	text = strings.Replace(request1(a.rune, "listinvoices", "{}"), `{"id"`, `{"filter":{"invoices":[{"label":true}]},"id"`, 1)
	a.say(10, text, true)
	if _, r := a.hear(); r.parts != 1 || !strings.HasPrefix(string(r.Result), `{"invoices":[{"label":"i0"},{"label":"i1"}`) {
		t.Errorf("filtered: %.100s", r.Result)
	}
}

func TestPartsOutOfOrderDoNothing(t *testing.T) {
	a := newHost(t).connect()
	text := request1(a.rune, "invoice", `["any", "tea", "one tea"]`)
	half := len(text) / 2
	a.say(1, text[half:], true)
	_, r := a.hear()
	a.refused(r, codeRequest, "Invalid JSON")
	a.say(1, text[:half], false)
	// Another number: what was there is forgotten.
	a.say(2, text[half:], true)
	_, r = a.hear()
	a.refused(r, codeRequest, "Invalid JSON")
	if r := a.ask(3, a.rune, "listinvoices", "{}"); string(r.Result) != `{"invoices":[]}` {
		t.Errorf("%s", r.Result)
	}
}

func TestARequestThatIsTooLongIsRefusedOnceAndTheNextIsHeard(t *testing.T) {
	a := newHost(t).connect()
	chunk := strings.Repeat(" ", 60_000)
	for range maxRequest/len(chunk) + 20 {
		a.say(1, chunk, false)
	}
	a.say(1, request1(a.rune, "getinfo", "{}"), true)
	if number, r := a.hear(); number != 1 {
		t.Errorf("answered %d", number)
	} else {
		a.refused(r, codeRequest, "too long")
	}
	if r := a.ask(1, a.rune, "getinfo", "{}"); r.Error != nil {
		t.Errorf("afterwards: %v", r.Error)
	}
	// The most itself is taken.
	text := request1(a.rune, "getinfo", "{}")
	text = strings.Repeat(" ", maxRequest-len(text)) + text
	for len(text) > 60_000 {
		a.say(2, text[:60_000], false)
		text = text[60_000:]
	}
	a.say(2, text, true)
	if _, r := a.hear(); r.Error != nil {
		t.Errorf("the longest: %v", r.Error)
	}
}

func TestWhatAsksForNothingOrMayNotIsRefused(t *testing.T) {
	a := newHost(t).connect()
	invoices := a.make(`{"restrictions": [["method=listinvoices"]]}`)
	others := a.make(fmt.Sprintf(`{"restrictions": [["id=%s"]]}`, a.node.ID()))
	mine := a.make(fmt.Sprintf(`{"restrictions": [["id=%s"]]}`, a.id))
	revoked := a.make(`{}`)
	slow := a.make(`{"restrictions": [["rate=1"]]}`)
	if r := a.ask(1, a.rune, "blacklistrune", "[4]"); r.Error != nil {
		t.Fatal(r.Error)
	}
	for what, text := range map[string]string{
		"nothing": "", "garbage": "garbage", "a string": `"getinfo"`, "broken UTF-8": "{\"method\":\"getinfo\",\"rune\":\"\xff\"}",
		"deep": strings.Repeat("[", 50_000), "half an object": `{"method":"getinfo"`, "no method": `{"rune":"` + a.rune + `"}`,
		"a number for a method": `{"method":7,"rune":"` + a.rune + `"}`,
	} {
		a.say(2, text, true)
		_, r := a.hear()
		if r.Error == nil || r.Error.Code != codeRequest {
			t.Errorf("%s: %+v", what, r.Error)
		}
	}
	for what, c := range map[string]struct{ rune, method, words string }{
		"no rune": {"", "getinfo", "Missing rune"}, "not a rune": {"garbage", "getinfo", ""},
		"of another node": {"OSqc7ixY6F-gjcigBfxtzKUI54uzgFSA6YfBQoWGDV89MA==", "getinfo", ""},
		"another command": {invoices, "getinfo", ""}, "another peer": {others, "getinfo", ""}, "revoked": {revoked, "getinfo", ""},
	} {
		t.Run(what, func(*testing.T) { a.refused(a.ask(3, c.rune, c.method, "{}"), codeRune, c.words) })
	}
	for _, rune := range []string{invoices, mine, a.rune} {
		if r := a.ask(4, rune, "listinvoices", "{}"); r.Error != nil {
			t.Errorf("a rune that permits it: %v", r.Error)
		}
	}
	a.refused(a.ask(5, a.rune, "dance", "{}"), command.UnknownMethod, "dance")
	a.refused(a.ask(6, a.rune, "invoice", "[1]"), command.InvalidParams, "label")
	a.refused(a.ask(7, a.rune, "notifications", "[true]"), command.Failed, "socket")
	if r := a.ask(8, slow, "getinfo", "{}"); r.Error != nil {
		t.Errorf("once: %v", r.Error)
	}
	a.refused(a.ask(9, slow, "getinfo", "{}"), codeRune, "")
	slip := strings.Repeat("5e", 31) + "5" // of a preimage
	a.refused(a.ask(10, a.rune, "settleholdinvoice", `["`+slip+`"]`), command.InvalidParams, "preimage")
	text := a.logged.text()
	for _, secret := range []string{a.rune, invoices, others, mine, revoked, slow, slip} {
		if strings.Contains(text, secret[:20]) {
			t.Errorf("a rune or preimage is in the log: %s", text)
		}
	}
	if !strings.Contains(text, "method=settleholdinvoice") {
		t.Errorf("a refusal is not in the log: %s", text)
	}
}

// Two peers use the same number at once, in turns.
func TestRequestsOfSeveralPeersDoNotMix(t *testing.T) {
	h := newHost(t)
	a, b := h.connect(), h.connect()
	texts := []string{request1(h.rune, "invoice", `["any", "of a", "tea"]`), request1(h.rune, "invoice", `["any", "of b", "tea"]`)}
	for i := range texts[0] {
		for j, who := range []*asker{a, b} {
			who.say(1, texts[j][i:i+1], i == len(texts[0])-1)
		}
	}
	for _, who := range []*asker{a, b} {
		if _, r := who.hear(); r.Error != nil {
			t.Error(r.Error)
		}
	}
	if r := a.ask(2, h.rune, "listinvoices", "{}"); strings.Count(string(r.Result), `"label":"of `) != 2 {
		t.Errorf("%s", r.Result)
	}
	// One that leaves takes what it had begun along, and nothing of the other's.
	b.say(3, "{", false)
	b.conn.Close()
	until(t, "it has left", func() bool {
		h.server.mu.Lock()
		defer h.server.mu.Unlock()
		return len(h.server.peers) == 1
	})
	if r := a.ask(4, h.rune, "getinfo", "{}"); r.Error != nil {
		t.Error(r.Error)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(longest)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for ; !ok(); <-look.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestOnePeerHasOnlySoManyRequestsAtOnceAndTheyEndWithIt(t *testing.T) {
	h := newHost(t)
	a := h.connect()
	for i := range maxOfOne {
		a.say(uint64(i), request1(h.rune, "waitanyinvoice", "{}"), true) //nolint:gosec // few
	}
	a.say(100, request1(h.rune, "getinfo", "{}"), true)
	number, r := a.hear()
	if number != 100 {
		t.Errorf("answered %d", number)
	}
	a.refused(r, codeRequest, "at once")
	if r := h.connect().ask(1, h.rune, "getinfo", "{}"); r.Error != nil {
		t.Errorf("another peer: %v", r.Error)
	}
	a.conn.Close()
	until(t, "they have ended", func() bool {
		h.server.mu.Lock()
		defer h.server.mu.Unlock()
		return h.server.running == 0
	})
}

// table is a server without a node, for what it gathers.
func table(now *time.Time) *Server {
	s := New(context.Background(), nil, slog.New(slog.DiscardHandler))
	s.now = func() time.Time { return *now }
	return s
}

func TestRequestsThatNeverEndTakeNoRoomForEver(t *testing.T) {
	now := time.Unix(1, 0)
	s := table(&now)
	crowd := make([]*peer.Peer, maxGathered+1)
	for i := range crowd {
		crowd[i] = new(peer.Peer)
	}
	say := func(i int, number uint64, last bool) string {
		text, _, ok := s.gather(crowd[i], number, []byte("x"), last)
		if ok != last && text == nil {
			return "nothing"
		}
		return string(text)
	}
	for i := range maxGathered {
		if why := say(i, 1, false); why != "" {
			t.Fatalf("peer %d: %s", i, why)
		}
		now = now.Add(time.Second)
	}
	if why := say(maxGathered, 1, false); !strings.Contains(why, "too many") {
		t.Errorf("one more: %q", why)
	}
	// Its rest is not answered again, and a request in one message needs no room.
	if why := say(maxGathered, 1, false); why != "" {
		t.Errorf("its rest: %q", why)
	}
	if text, _, ok := s.gather(crowd[maxGathered], 2, []byte("whole"), true); !ok || string(text) != "whole" {
		t.Errorf("in one message: %q", text)
	}
	// Who goes on keeps its room; who does not makes room.
	say(0, 1, false)
	now = now.Add(patience - time.Second)
	if why := say(maxGathered, 3, false); why != "" {
		t.Errorf("after a while: %q", why)
	}
	if text, _, ok := s.gather(crowd[1], 1, []byte("end"), true); ok || text != nil {
		t.Errorf("the one that gave way is whole: %q", text)
	}
	if text, _, ok := s.gather(crowd[0], 1, []byte("end"), true); !ok || string(text) != "xxend" {
		t.Errorf("the one that went on: %q", text)
	}
	// Many numbers of one peer: the newest counts, and one room is taken.
	for n := range uint64(100) {
		s.gather(crowd[0], 1000+n, bytes.Repeat([]byte("y"), 1000), false)
	}
	if a := s.peers[crowd[0]]; len(a.text) != 1000 || a.number != 1099 {
		t.Errorf("%d bytes of request %d", len(a.text), a.number)
	}
}

// Whatever peers send, no more is kept than the bounds say, and a request is what came of
// it, in its order.
func FuzzParts(f *testing.F) {
	f.Add([]byte{0, 1, 3, 'a', 'b', 'c', 129, 1, 2, 'd', 'e'})
	f.Add([]byte("\x00\x01\x01{\x80\x01\x01}\x81\x02\x10{\"method\":\"stop\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(1, 0)
		s := table(&now)
		crowd := map[byte]*peer.Peer{}
		type begun struct {
			number byte
			text   string
		}
		want := map[byte]begun{}
		for len(b) >= 3 {
			who, last, number, n := b[0]&63, b[0]&128 != 0, b[1]&3, min(int(b[2]), len(b)-3)
			more := b[3 : 3+n]
			if b[1]&4 != 0 {
				more = bytes.Repeat(more, 5000)
			}
			now = now.Add(time.Duration(b[1]>>3) * time.Second)
			b = b[3+n:]
			if crowd[who] == nil {
				crowd[who] = new(peer.Peer)
			}
			old := want[who]
			if old.number != number {
				old = begun{number: number}
			}
			text, a, ok := s.gather(crowd[who], uint64(number), more, last)
			switch whole := old.text + string(more); {
			case ok && (!last || string(text) != whole):
				t.Fatalf("%d bytes are %d, or others", len(whole), len(text))
			case ok:
				read(text)
				s.done(a)
				delete(want, who)
			case text != nil || last:
				delete(want, who)
			default:
				want[who] = begun{number, whole}
			}
			kept := 0
			for _, a := range s.peers {
				if len(a.text) > maxRequest {
					t.Fatalf("%d bytes are kept of one request", len(a.text))
				}
				if a.text != nil {
					kept++
				}
			}
			if kept > maxGathered || s.running != 0 {
				t.Fatalf("%d requests are kept, %d run", kept, s.running)
			}
		}
	})
}
