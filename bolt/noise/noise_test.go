//go:build !race

package noise

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/btcsuite/btcd/btcec/v2"
)

// digits is bytes as hexadecimal digits.
type digits []byte

func (d *digits) UnmarshalText(text []byte) (err error) {
	*d, err = hex.DecodeString(string(text))
	return err
}

// act is one step of a handshake: what must come out, or what goes in.
type act struct{ Input, Output digits }

type handshakeVector struct {
	Name       string
	Initiator  bool
	Static     digits
	Ephemeral  digits
	Remote     digits
	Error      string
	Acts       []act
	SendKey    digits `json:"send_key"`
	ReceiveKey digits `json:"receive_key"`
}

type vectors struct {
	Handshakes []handshakeVector
	Messages   struct {
		ChainingKey digits `json:"chaining_key"`
		SendKey     digits `json:"send_key"`
		ReceiveKey  digits `json:"receive_key"`
		Message     string
		Outputs     map[int]digits
	}
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/transport.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// staticKey is a node key in memory.
type staticKey struct{ *btcec.PrivateKey }

func (k staticKey) PublicKey() *btcec.PublicKey { return k.PubKey() }

func (k staticKey) ECDH(p *btcec.PublicKey) [32]byte { return ecdh(k.PrivateKey, p) }

func key(b []byte) *btcec.PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(b)
	return k
}

// The keys of the vectors' two sides.
var (
	initiator, initiatorEphemeral = filled(0x11), filled(0x12)
	responder, responderEphemeral = filled(0x21), filled(0x22)
)

func filled(b byte) *btcec.PrivateKey { return key(bytes.Repeat([]byte{b}, 32)) }

// script is the other side: it says what it was told to say, whatever it hears.
type script struct {
	says  io.Reader
	heard bytes.Buffer
}

func says(b ...[]byte) *script { return &script{says: bytes.NewReader(slices.Concat(b...))} }

func (s *script) Read(b []byte) (int, error)  { return s.says.Read(b) }
func (s *script) Write(b []byte) (int, error) { return s.heard.Write(b) }

func (v handshakeVector) run(t *testing.T, rw io.ReadWriter) (*Conn, error) {
	t.Helper()
	if !v.Initiator {
		return Respond(rw, staticKey{key(v.Static)}, key(v.Ephemeral))
	}
	remote, err := btcec.ParsePubKey(v.Remote)
	if err != nil {
		t.Fatal(err)
	}
	return Initiate(rw, staticKey{key(v.Static)}, key(v.Ephemeral), remote)
}

// split gathers what goes in and what must come out.
func (v handshakeVector) split() (in, out []byte) {
	for _, a := range v.Acts {
		in, out = append(in, a.Input...), append(out, a.Output...)
	}
	return in, out
}

// wants are the errors of the vectors by a part of their names.
var wants = map[string]func(error) bool{
	"READ_FAILED":    func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) },
	"BAD_VERSION":    func(err error) bool { return errors.Is(err, ErrVersion) },
	"BAD_TAG":        func(err error) bool { return errors.Is(err, ErrMAC) },
	"BAD_CIPHERTEXT": func(err error) bool { return errors.Is(err, ErrMAC) },
	"BAD_PUBKEY":     func(err error) bool { return strings.Contains(err.Error(), "key:") },
}

func (v handshakeVector) check(t *testing.T, rw io.ReadWriter, heard *bytes.Buffer) {
	t.Helper()
	conn, err := v.run(t, rw)
	if _, out := v.split(); !bytes.Equal(heard.Bytes(), out) {
		t.Errorf("wrote %x, want %x", heard.Bytes(), out)
	}
	if v.Error == "" {
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(conn.send.key[:], v.SendKey) || !bytes.Equal(conn.receive.key[:], v.ReceiveKey) {
			t.Errorf("keys %x and %x", conn.send.key, conn.receive.key)
		}
		want := responder
		if !v.Initiator {
			want = initiator
		}
		if !conn.Remote().IsEqual(want.PubKey()) {
			t.Error("the other side is somebody else")
		}
		return
	}
	_, name, _ := strings.Cut(v.Error, "_")
	name, _, _ = strings.Cut(name, " ")
	is, ok := wants[name]
	if !ok || err == nil || !is(err) || conn != nil {
		t.Errorf("%v, want %s", err, v.Error)
	}
	if act := "act " + []string{"one", "two", "three"}[v.Error[3]-'1']; !strings.Contains(err.Error(), act) {
		t.Errorf("%v, not in %s", err, act)
	}
}

func TestHandshakesOfAppendixA(t *testing.T) {
	for _, v := range load(t).Handshakes {
		in, _ := v.split()
		t.Run(v.Name, func(t *testing.T) {
			s := says(in)
			v.check(t, s, &s.heard)
		})
		t.Run(v.Name+" byte by byte", func(t *testing.T) {
			s := &script{says: iotest.OneByteReader(bytes.NewReader(in))}
			v.check(t, s, &s.heard)
		})
	}
}

// pair is two ends that share the keys of the vectors; what one writes, the
// other reads from the pipe.
func pair(t testing.TB, pipe io.ReadWriter) (from, to *Conn) {
	m := load(t).Messages
	chain, a, b := [32]byte(m.ChainingKey), [32]byte(m.SendKey), [32]byte(m.ReceiveKey)
	return newConn(pipe, responder.PubKey(), newCipherState(chain, a), newCipherState(chain, b)),
		newConn(pipe, initiator.PubKey(), newCipherState(chain, b), newCipherState(chain, a))
}

func TestMessagesOfAppendixA(t *testing.T) {
	m := load(t).Messages
	var pipe bytes.Buffer
	from, to := pair(t, &pipe)
	for n := range slices.Max(slices.Collect(maps.Keys(m.Outputs))) + 1 {
		if err := from.WriteMessage([]byte(m.Message)); err != nil {
			t.Fatal(err)
		}
		if want, ok := m.Outputs[n]; ok && !bytes.Equal(pipe.Bytes(), want) {
			t.Errorf("message %d is %x, want %x", n, pipe.Bytes(), want)
		}
		if got, err := to.ReadMessage(); err != nil || string(got) != m.Message {
			t.Fatalf("message %d: %q, %v", n, got, err)
		}
	}
}

func TestMessagesOfEveryLengthArrive(t *testing.T) {
	var pipe bytes.Buffer
	from, to := pair(t, &struct {
		io.Reader
		io.Writer
	}{iotest.OneByteReader(&pipe), &pipe})
	for _, n := range []int{0, 1, 2, 511, 512, 513, 40000, MaxMessage, 3} {
		m := bytes.Repeat([]byte{byte(n)}, n)
		if err := from.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
		if got, err := to.ReadMessage(); err != nil || !bytes.Equal(got, m) {
			t.Errorf("%d bytes: %d, %v", n, len(got), err)
		}
	}
}

func TestBatchIsReadMessageByMessage(t *testing.T) {
	var pipe bytes.Buffer
	from, to := pair(t, &pipe)
	var batch []byte
	for _, m := range []string{"one", "", "three"} {
		var err error
		if batch, err = from.AppendEncrypted(batch, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	pipe.Write(batch)
	for _, m := range []string{"one", "", "three"} {
		if got, err := to.ReadMessage(); err != nil || string(got) != m {
			t.Errorf("%q, %v, want %q", got, err, m)
		}
	}
}

func TestMessageCostsNoMemory(t *testing.T) {
	var pipe bytes.Buffer
	from, to := pair(t, &pipe)
	m := make([]byte, 1452)
	// 100 messages and their first one: below the rotation, which does cost some.
	if n := testing.AllocsPerRun(100, func() {
		if err := from.WriteMessage(m); err != nil {
			t.Fatal(err)
		}
		if _, err := to.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func TestTooLongMessageIsRefusedAndUsesNoNonce(t *testing.T) {
	var pipe bytes.Buffer
	from, to := pair(t, &pipe)
	if err := from.WriteMessage(make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLong) || pipe.Len() > 0 {
		t.Fatalf("%v, %d bytes written", err, pipe.Len())
	}
	if err := from.WriteMessage([]byte("short")); err != nil {
		t.Fatal(err)
	}
	if got, err := to.ReadMessage(); err != nil || string(got) != "short" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWrongMACEndsTheConnection(t *testing.T) {
	for place := range headerSize + len("hello") + macSize {
		var pipe bytes.Buffer
		from, to := pair(t, &pipe)
		if err := from.WriteMessage([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		pipe.Bytes()[place] ^= 1
		if err := from.WriteMessage([]byte("again")); err != nil {
			t.Fatal(err)
		}
		_, first := to.ReadMessage()
		if !errors.Is(first, ErrMAC) {
			t.Fatalf("byte %d: %v", place, first)
		}
		left := pipe.Len()
		if _, err := to.ReadMessage(); !errors.Is(err, first) || pipe.Len() != left {
			t.Errorf("byte %d: after the error %v, %d bytes read", place, err, left-pipe.Len())
		}
	}
}

func TestReplayedMessageIsRefused(t *testing.T) {
	var pipe bytes.Buffer
	from, to := pair(t, &pipe)
	b, err := from.AppendEncrypted(nil, []byte("once"))
	if err != nil {
		t.Fatal(err)
	}
	pipe.Write(b)
	pipe.Write(b)
	if _, err := to.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if _, err := to.ReadMessage(); !errors.Is(err, ErrMAC) {
		t.Error(err)
	}
}

func TestEndOfTheStream(t *testing.T) {
	var pipe bytes.Buffer
	from, _ := pair(t, &pipe)
	if err := from.WriteMessage([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(pipe.Bytes())
	for n := range whole {
		_, to := pair(t, bytes.NewBuffer(whole[:n:n]))
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := to.ReadMessage(); !errors.Is(err, want) {
			t.Errorf("after %d bytes: %v, want %v", n, err, want)
		}
	}
}

func TestCallingTheWrongNodeTellsNothingOfUs(t *testing.T) {
	v := load(t).Handshakes[0]
	in, _ := v.split()
	s := says(in)
	if _, err := Initiate(s, staticKey{initiator}, initiatorEphemeral, filled(0x33).PubKey()); !errors.Is(err, ErrMAC) {
		t.Error(err)
	}
	if s.heard.Len() != actOneSize {
		t.Errorf("%d bytes were sent, not only act one", s.heard.Len())
	}
}

// brokenPipe cannot be written to.
type brokenPipe struct{ io.Reader }

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// closing takes one write.
type closing struct {
	*script
	writes int
}

func (c *closing) Write(b []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		return 0, io.ErrClosedPipe
	}
	return c.script.Write(b)
}

func TestSocketThatBreaksInTheMiddleOfAMessageSaysWhy(t *testing.T) {
	var pipe bytes.Buffer
	from, _ := pair(t, &pipe)
	if err := from.WriteMessage([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	why := errors.New("timeout")
	half := io.MultiReader(bytes.NewReader(bytes.Clone(pipe.Bytes()[:20])), iotest.ErrReader(why))
	_, to := pair(t, struct {
		io.Reader
		io.Writer
	}{half, io.Discard})
	if _, err := to.ReadMessage(); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestSocketThatCannotBeWrittenTo(t *testing.T) {
	v := load(t).Handshakes
	if _, err := Initiate(brokenPipe{}, staticKey{initiator}, initiatorEphemeral, responder.PubKey()); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	in, _ := v[0].split()
	once := &closing{script: says(in)}
	if _, err := Initiate(once, staticKey{initiator}, initiatorEphemeral, responder.PubKey()); !errors.Is(err, io.ErrClosedPipe) || once.writes != 2 {
		t.Errorf("act three: %v after %d writes", err, once.writes)
	}
	_, one := v[0].split()
	if _, err := Respond(brokenPipe{bytes.NewReader(one)}, staticKey{responder}, responderEphemeral); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

// seeds adds one act of every vector: the n-th that this side reads.
func seeds(f *testing.F, initiator bool, n int) {
	for _, v := range load(f).Handshakes {
		var in [][]byte
		for _, a := range v.Acts {
			if a.Input != nil {
				in = append(in, a.Input)
			}
		}
		if v.Initiator == initiator && len(in) > n {
			f.Add([]byte(in[n]))
		}
	}
}

// only fails when a handshake succeeded with other bytes than those of the one
// peer that has the keys.
func only(t *testing.T, conn *Conn, err error, got, want []byte) {
	if (err == nil) != (conn != nil) {
		t.Fatalf("a connection and an error: %v", err)
	}
	if err == nil && !bytes.HasPrefix(got, want) {
		t.Errorf("%x is accepted", got)
	}
}

func FuzzActOne(f *testing.F) {
	seeds(f, false, 0)
	v := load(f).Handshakes
	_, ours := v[0].split()
	three := ours[actOneSize:]
	f.Fuzz(func(t *testing.T, one []byte) {
		conn, err := Respond(says(one, three), staticKey{responder}, responderEphemeral)
		only(t, conn, err, one, ours[:actOneSize])
	})
}

func FuzzActTwo(f *testing.F) {
	seeds(f, true, 0)
	two := load(f).Handshakes[0].Acts[1].Input
	f.Fuzz(func(t *testing.T, b []byte) {
		conn, err := Initiate(says(b), staticKey{initiator}, initiatorEphemeral, responder.PubKey())
		only(t, conn, err, b, two)
	})
}

func FuzzActThree(f *testing.F) {
	seeds(f, false, 1)
	_, ours := load(f).Handshakes[0].split()
	f.Fuzz(func(t *testing.T, three []byte) {
		conn, err := Respond(says(ours[:actOneSize], three), staticKey{responder}, responderEphemeral)
		only(t, conn, err, three, ours[actOneSize:])
	})
}

func FuzzMessage(f *testing.F) {
	for _, b := range load(f).Messages.Outputs {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		pipe := bytes.NewBuffer(b)
		from, to := pair(t, pipe)
		got, err := to.ReadMessage()
		if err != nil {
			return
		}
		// Only who has the key can have written it.
		var again bytes.Buffer
		from.rw = &again
		if err := from.WriteMessage(got); err != nil || !bytes.HasPrefix(b, again.Bytes()) {
			t.Errorf("%x is read as %x: %v", b, got, err)
		}
	})
}
