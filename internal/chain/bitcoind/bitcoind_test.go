package bitcoind_test

import (
	"context"
	"errors"
	"testing"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/chain/chaintest"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

func serve(t *testing.T) (*regtest.Chain, string) {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := c.Serve(context.Background(), "127.0.0.1:0", "user", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, addr.String()
}

func open(t *testing.T, cfg bitcoind.Config) (chain.Source, func()) {
	t.Helper()
	s, err := bitcoind.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if network, err := s.Ready(t.Context()); err != nil || network != "regtest" {
		t.Fatalf("the server is on %q: %v", network, err)
	}
	return s, s.Close
}

func TestConformanceOverRPC(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) *chaintest.Bench {
		c, addr := serve(t)
		return &chaintest.Bench{Chain: c, Open: func(t *testing.T) (chain.Source, func()) {
			return open(t, bitcoind.Config{URL: "http://user:secret@" + addr})
		}}
	})
}

func TestConformanceOfARealBitcoind(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) *chaintest.Bench {
		server, c := chaintest.Bitcoind(t), miner(t)
		return &chaintest.Bench{Chain: c, Server: server, Open: func(t *testing.T) (chain.Source, func()) {
			return open(t, bitcoind.Config{URL: "http://" + server.RPC, Cookie: server.Cookie()})
		}}
	})
}

// miner is a chain whose blocks are given to others.
func miner(t *testing.T) *regtest.Chain {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	_, addr := serve(t)
	s, err := bitcoind.New(bitcoind.Config{URL: "http://user:wrong@" + addr})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.FeeRate(t.Context(), 6); err == nil {
		t.Error("a wrong password was taken")
	}
}

func TestAWrongURLIsRefused(t *testing.T) {
	for _, u := range []string{"", "127.0.0.1:1", "ftp://x", "http://"} {
		if _, err := bitcoind.New(bitcoind.Config{URL: u}); !errors.Is(err, bitcoind.ErrURL) {
			t.Errorf("%q: %v", u, err)
		}
	}
}
