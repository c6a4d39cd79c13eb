package neutrino_test

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	light "github.com/lightninglabs/neutrino"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/chaintest"
	"github.com/leyden-ln/leyden/internal/chain/neutrino"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/race"
)

// The client leaves a peer that shows it half of a reorg, and comes back.
func init() { light.ConnectionRetryInterval = 100 * time.Millisecond }

func miner(t *testing.T) *regtest.Chain {
	t.Helper()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func open(t *testing.T, dir string, peers ...string) *neutrino.Source {
	t.Helper()
	s, err := neutrino.Open(neutrino.Config{Dir: dir, Network: &chaincfg.RegressionNetParams, Peers: peers})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bench is a light client with a server of some kind.
func bench(t *testing.T, server *chaintest.Server) *chaintest.Bench {
	t.Helper()
	dir := t.TempDir()
	return &chaintest.Bench{Chain: miner(t), Server: server, Light: true, Open: func(t *testing.T) (chain.Source, func()) {
		s := open(t, dir, server.Peer)
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s, func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}}
}

func TestConformanceWithBtcd(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) *chaintest.Bench { return bench(t, chaintest.Btcd(t)) })
}

func TestConformanceWithBitcoind(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) *chaintest.Bench {
		b := bench(t, chaintest.Bitcoind(t, "-blockfilterindex=basic", "-peerblockfilters"))
		b.Silent = true
		return b
	})
}

func TestATransactionWaitsForAPeer(t *testing.T) {
	t.Parallel()
	server, c := chaintest.Bitcoind(t, "-blockfilterindex=basic", "-peerblockfilters", "-persistmempool=0"), miner(t)
	if _, err := c.Mine(105, nil); err != nil {
		t.Fatal(err)
	}
	server.Feed(t, c)
	txid, err := c.Send(script.P2WPKH(wire.Point{2, 1}), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := c.Transaction(txid)
	if err != nil {
		t.Fatal(err)
	}
	server.Stop(t)
	s := open(t, t.TempDir(), server.Peer)
	defer s.Close()
	if err := s.Broadcast(t.Context(), tx); err != nil {
		t.Fatalf("broadcast to nobody: %v", err)
	}
	server.Start(t)
	server.Waits(t, txid)
	// A server that has lost its mempool is offered it again.
	server.Stop(t)
	server.Start(t)
	server.Waits(t, txid)
}

func TestAFolderBelongsToOneProcess(t *testing.T) {
	race.Like(t, TestAClosedClientEndsWhoFollows)
	dir := t.TempDir()
	s := open(t, dir, "127.0.0.1:1")
	defer s.Close()
	if other, err := neutrino.Open(neutrino.Config{Dir: dir, Network: &chaincfg.RegressionNetParams}); err == nil {
		t.Errorf("a second client has opened the folder: %v", other.Close())
	}
}

func TestWithoutPeersTheFeerateIsTheConfiguredOne(t *testing.T) {
	race.Like(t, TestAClosedClientEndsWhoFollows)
	for configured, want := range map[uint32]uint32{0: chain.DefaultFeePerKw, 700: 700, 1: chain.MinFeePerKw} {
		s, err := neutrino.Open(neutrino.Config{Dir: t.TempDir(), Network: &chaincfg.RegressionNetParams, FeePerKw: configured})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.FeeRate(t.Context(), 6); err != nil || got != want {
			t.Errorf("configured %d: %d, %v", configured, got, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAClosedClientEndsWhoFollows(t *testing.T) {
	s := open(t, t.TempDir())
	ended := make(chan error)
	go func() {
		ended <- s.Follow(t.Context(), chain.BlockRef{Hash: *chaincfg.RegressionNetParams.GenesisHash}, func(chain.Event) error { return nil })
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("follow ended without a reason")
	}
}
