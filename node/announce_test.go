package node

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/leyden-ln/leyden/bolt/wire"
)

func TestOurTermsGoToAPeerThatHasTheChannelInItsGraph(t *testing.T) {
	for _, s := range []struct {
		announced, signed, told bool
		after                   time.Duration
		want                    bool
	}{
		{after: 0},
		{after: settling - 1},
		{after: settling, want: true}, // it may wait for ours
		{told: true, want: true},
		{announced: true},
		{announced: true, told: true, after: settling}, // it may take the channel out once more
		{announced: true, signed: true, want: true},
		{announced: true, after: resettling - 1},
		{announced: true, after: resettling, want: true},
	} {
		if settled(s.announced, s.signed, s.told, s.after) != s.want {
			t.Errorf("%+v", s)
		}
	}
}

func TestAddressesToAnnounceAreReadAndOrdered(t *testing.T) {
	const onion = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
	n := &Node{log: slog.New(slog.DiscardHandler)}
	for _, s := range []struct {
		in   string
		kind byte
		host string
	}{
		{"ln.example.com:9735", wire.AddressDNS, "ln.example.com"},
		{onion + ":9735", wire.AddressTorV3, onion},
		{"[2001:db8::1]:9735", wire.AddressIPv6, "2001:db8::1"},
		{"203.0.113.5:9736", wire.AddressIPv4, "203.0.113.5"},
		{"[::ffff:203.0.113.6]:9736", wire.AddressIPv4, "203.0.113.6"},
		{"second.example.com:9735", wire.AddressDNS, "second.example.com"},
	} {
		a, err := ParseAddress(s.in)
		if err != nil || a.Kind != s.kind || a.Host != s.host {
			t.Errorf("%s is %+v: %v", s.in, a, err)
		}
		n.cfg.Announce = append(n.cfg.Announce, a)
	}
	for _, s := range []string{"", "203.0.113.5", "203.0.113.5:0", "203.0.113.5:70000", "a b:9735", "short.onion:9735", ":9735"} {
		if _, err := ParseAddress(s); !errors.Is(err, wire.ErrAddress) {
			t.Errorf("%q: %v", s, err)
		}
	}
	n.cfg.Announce = append(n.cfg.Announce, wire.Address{Kind: wire.AddressIPv4, Host: "nonsense", Port: 1})
	got, err := wire.ParseAddresses(n.Announced())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []byte
	for _, a := range got {
		kinds = append(kinds, a.Kind)
	}
	if string(kinds) != string([]byte{1, 1, 2, 4, 5}) {
		t.Errorf("the kinds are %v", kinds)
	}
}
