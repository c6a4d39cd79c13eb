package peer

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/bolt/noise"
	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestBothSidesKnowEachOtherAfterInit(t *testing.T) {
	a, _ := newSet(t, 1, func(c *Config) { c.Features = wire.NewFeatures(wire.VarOnion, wire.ChannelType+1, 101) })
	b, _ := newSet(t, 2, func(c *Config) { c.Features = wire.NewFeatures(wire.PaymentSecret, wire.VarOnion+1) })
	out, in := connect(t, a, b)
	if out.ID() != idOf(2) || in.ID() != idOf(1) {
		t.Errorf("ids %s, %s", out.ID(), in.ID())
	}
	if !out.Features().Equal(b.cfg.Features) || !in.Features().Equal(a.cfg.Features) {
		t.Errorf("features %s and %s", out.Features(), in.Features())
	}
	if !out.Outbound() || in.Outbound() {
		t.Error("the wrong side has called")
	}
	if in.Addr() != out.conn.LocalAddr().String() || out.Addr() != in.conn.LocalAddr().String() {
		t.Errorf("addresses %s, %s", out.Addr(), in.Addr())
	}
	for _, s := range []*Set{a, b} {
		if all := s.All(); len(all) != 1 || all[0] != out && all[0] != in {
			t.Errorf("%v", all)
		}
	}
	if p, ok := a.Get(idOf(2)); !ok || p != out {
		t.Error("the connection is not found")
	}
	if _, ok := a.Get(idOf(3)); ok {
		t.Error("a connection is found that is not there")
	}
}

func TestOurFirstMessageIsInit(t *testing.T) {
	s, _ := newSet(t, 1, nil)
	c := shake(t, dial(t, listen(t, s)), 2, s)
	m, ok := c.hear().(*wire.Init)
	if !ok || !m.Features.Equal(s.cfg.Features) || len(m.Networks) != 1 || m.Networks[0] != chain {
		t.Errorf("%+v", m)
	}
	if m.RemoteAddr != nil {
		t.Error("a private address was told")
	}
}

// We have not heard init then, and so must not say anything else (BOLT 1).
func TestAnythingBeforeInitEndsTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"ping":        wire.Encode(&wire.Ping{NumPongBytes: 1}),
		"error":       wire.Encode(&wire.Error{}),
		"unknown odd": {0xff, 0xff},
		"half a type": {0},
		"nothing":     {},
		"short init":  {0, 16, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newSet(t, 1, nil)
			c := shake(t, dial(t, listen(t, s)), 2, s)
			c.hear()
			c.sayBytes(b)
			c.hearEnd()
			s.Close()
			d.silent(t)
		})
	}
}

// refusals are the inits with which we cannot talk.
var refusals = map[string]struct {
	init wire.Init
	want error
}{
	"unknown even feature":              {wire.Init{Features: wire.NewFeatures(100)}, ErrFeature},
	"unknown even global feature":       {wire.Init{GlobalFeatures: wire.NewFeatures(100)}, ErrFeature},
	"known ones and an unknown":         {wire.Init{Features: wire.NewFeatures(wire.VarOnion, 102)}, ErrFeature},
	"a feature without its dependency":  {wire.Init{Features: wire.NewFeatures(wire.BasicMPP + 1)}, ErrDependent},
	"a global one without a dependency": {wire.Init{GlobalFeatures: wire.NewFeatures(wire.BasicMPP)}, ErrDependent},
	"other chain":                       {wire.Init{Networks: []chainhash.Hash{{2}, {3}}}, ErrNetwork},
}

func TestAPeerWithWhichWeCannotTalkIsToldWhy(t *testing.T) {
	for name, c := range refusals {
		t.Run("inbound, "+name, func(t *testing.T) {
			s, d := newSet(t, 1, nil)
			peer := shake(t, dial(t, listen(t, s)), 2, s)
			peer.hear()
			peer.say(&c.init)
			peer.hearWarning(c.want)
			peer.hearEnd()
			peer.socket.Close()
			s.Close()
			d.silent(t)
		})
		t.Run("outbound, "+name, func(t *testing.T) {
			s, d := newSet(t, 1, nil)
			peer := answer(t, 2, func(peer *stranger) {
				peer.say(&c.init)
				peer.hear()
				peer.hearWarning(c.want)
				peer.hearEnd()
			})
			if _, err := s.Connect(t.Context(), idOf(2), peer); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			d.silent(t)
		})
	}
}

// answer is node n, to which one call can be made, in a goroutine.
func answer(t *testing.T, n uint16, talk func(*stranger)) (addr string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		conn, err := noise.Respond(c, key(n), key(n+1000).PrivateKey)
		if err != nil {
			t.Error(err)
			return
		}
		talk(&stranger{conn, t, c})
	}()
	return l.Addr().String()
}

// A socket that is closed with something unread in it takes back what was said.
func TestTheReasonArrivesAlthoughThePeerHasGoneOnTalking(t *testing.T) {
	s, _ := newSet(t, 1, nil)
	ours, theirs := metered(t, s)
	c := shake(t, ours, 2, s)
	b, err := c.AppendEncrypted(nil, wire.Encode(&wire.Init{Features: wire.NewFeatures(100)}))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if b, err = c.AppendEncrypted(b, make([]byte, noise.MaxMessage)); err != nil {
			t.Fatal(err)
		}
	}
	const acts = 50 + 66 // one and three
	if _, err := ours.Write(b); err != nil {
		t.Fatal(err)
	}
	c.hear()
	c.hearWarning(ErrFeature)
	c.hearEnd()
	ours.Close()
	<-theirs.closed
	if n := int64(acts+len(b)) - theirs.end.Load(); n != 0 {
		t.Errorf("closed with %d bytes unread", n)
	}
}

func TestWhatNobodyHasToKnowIsNoReasonToRefuse(t *testing.T) {
	for name, init := range map[string]wire.Init{
		"nothing":                    {},
		"an unknown odd feature":     {Features: wire.NewFeatures(101)},
		"required ones that we know": {Features: wire.NewFeatures(wire.VarOnion, wire.PaymentSecret, wire.BasicMPP)},
		"our chain among others":     {Networks: []chainhash.Hash{{2}, chain}},
		"a dependency in the other field": {
			Features: wire.NewFeatures(wire.BasicMPP), GlobalFeatures: wire.NewFeatures(wire.PaymentSecret),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newSet(t, 1, nil)
			c := shake(t, dial(t, listen(t, s)), 2, s)
			c.hear()
			c.say(&init)
			p := d.next(t, "up").p
			for _, f := range []wire.Features{init.Features, init.GlobalFeatures} {
				for _, bit := range f.Bits() {
					if !p.Features().Bit(bit) {
						t.Errorf("bit %d was lost", bit)
					}
				}
			}
		})
	}
}

func TestTheTwoFeatureFieldsAreOne(t *testing.T) {
	for _, c := range []struct{ f, g, want wire.Features }{
		{nil, nil, nil},
		{wire.Features{1}, nil, wire.Features{1}},
		{nil, wire.Features{2}, wire.Features{2}},
		{wire.Features{1}, wire.Features{0x80, 2}, wire.Features{0x80, 3}},
		{wire.Features{4, 0, 1}, wire.Features{0x80, 2}, wire.Features{4, 0x80, 3}},
	} {
		f, g := bytes.Clone(c.f), bytes.Clone(c.g)
		if got := combine(f, g); !bytes.Equal(got, c.want) || !bytes.Equal(f, c.f) || !bytes.Equal(g, c.g) {
			t.Errorf("%x and %x are %x, want %x", c.f, c.g, got, c.want)
		}
	}
}

// The longest init that there can be, with every bit set, is no work.
func TestAHugeFeatureFieldIsRefusedAtOnce(t *testing.T) {
	s, _ := newSet(t, 1, nil)
	c := shake(t, dial(t, listen(t, s)), 2, s)
	c.hear()
	c.say(&wire.Init{GlobalFeatures: bytes.Repeat([]byte{0xaa}, 60_000), Features: bytes.Repeat([]byte{0x55}, 5_000)})
	c.hearWarning(ErrFeature)
	c.hearEnd()
	all := bytes.Repeat([]byte{0xff}, 30_000)
	if n := testing.AllocsPerRun(1, func() { combine(all, all) }); n > 1 {
		t.Errorf("%v allocations for one feature field", n)
	}
}

func TestAnInboundPeerLearnsItsPublicAddress(t *testing.T) {
	for addr, want := range map[string]*wire.Address{
		"8.8.4.4:9735":             {Kind: wire.AddressIPv4, Host: "8.8.4.4", Port: 9735},
		"[::ffff:8.8.4.4]:9735":    {Kind: wire.AddressIPv4, Host: "8.8.4.4", Port: 9735},
		"[2a00:1450:4001::8]:1024": {Kind: wire.AddressIPv6, Host: "2a00:1450:4001::8", Port: 1024},
		"10.1.2.3:9735":            nil,
		"192.168.0.1:9735":         nil,
		"127.0.0.1:9735":           nil,
		"169.254.1.1:9735":         nil,
		"[::1]:9735":               nil,
		"[fd00::1]:9735":           nil,
		"[fe80::1%eth0]:9735":      nil,
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		b := remoteAddr(tcp)
		if want == nil {
			if b != nil {
				t.Errorf("%s is told as %x", addr, b)
			}
			continue
		}
		got, err := wire.ParseAddresses(b)
		if err != nil || len(got) != 1 || got[0] != *want {
			t.Errorf("%s is told as %v (%v), want %v", addr, got, err, want)
		}
	}
	if remoteAddr(&net.UnixAddr{Name: "socket"}) != nil {
		t.Error("an address that is none was told")
	}
}
