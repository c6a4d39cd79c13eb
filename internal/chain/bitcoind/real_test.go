package bitcoind_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
	"github.com/leyden-ln/leyden/internal/chain/chaintest"
)

// reader follows a source in the background, and gives what it is told.
func reader(t *testing.T, s chain.Source, from chain.BlockRef) <-chan chain.Event {
	t.Helper()
	events, ended := make(chan chain.Event), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		_ = s.Follow(ctx, from, func(e chain.Event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return events
}

func TestARealBitcoindIsWaitedForWhileItRestartsAndReindexes(t *testing.T) {
	t.Parallel()
	server, c := chaintest.Bitcoind(t), miner(t)
	mine := func(n int) {
		t.Helper()
		if _, err := c.Mine(n, nil); err != nil {
			t.Fatal(err)
		}
	}
	mine(20)
	server.Feed(t, c)
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := new(lines)
	s, err := bitcoind.New(bitcoind.Config{
		URL: "http://" + server.RPC, Cookie: server.Cookie(), Log: slog.New(slog.NewTextHandler(l, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events := reader(t, s, tip)
	for _, options := range [][]string{nil, {"-reindex"}} {
		server.Stop(t)
		mine(1)
		server.Start(t, options...)
		server.Catch(t, tip.Height)
		server.Feed(t, c)
		e, ok := (<-events).(chain.Connected)
		if !ok || e.Prev != tip.Hash {
			t.Fatalf("after a start with %q the reader is told %v", options, e)
		}
		tip = e.Ref()
	}
	if got := l.list(); !slices.Contains(got, "bitcoind does not answer; waiting for it") || !slices.Contains(got, "bitcoind is back") || len(got) > 12 {
		t.Errorf("the log says %q", got)
	}
}

func TestARealPrunedBitcoindAsksItsPeersForABlock(t *testing.T) {
	t.Parallel()
	full, c := chaintest.Bitcoind(t), miner(t)
	if _, err := c.Mine(105, nil); err != nil {
		t.Fatal(err)
	}
	txid, err := c.Send(script.P2WPKH(wire.Point{2, 1}), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Mine(700, nil); err != nil {
		t.Fatal(err)
	}
	full.Feed(t, c)
	pruned := chaintest.Bitcoind(t, "-prune=1", "-fastprune", "-connect="+full.Peer)
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pruned.Catch(t, tip.Height)
	if r, err := pruned.Call("pruneblockchain", 400); err != nil {
		t.Fatalf("not pruned: %v", err)
	} else if string(r) == "-1" {
		t.Fatal("nothing was pruned")
	}
	gone, err := c.At(t.Context(), 105)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pruned.Call("getblock", gone.Hash.String()); err == nil {
		t.Fatal("the block is still there")
	}
	l := new(lines)
	s, err := bitcoind.New(bitcoind.Config{
		URL: "http://" + pruned.RPC, Cookie: pruned.Cookie(), Log: slog.New(slog.NewTextHandler(l, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, ok := (<-reader(t, s, gone)).(chain.Connected)
	if !ok || e.Prev != gone.Hash || len(e.Txs) != 2 || e.Txs[1].TxHash() != txid {
		t.Fatalf("the reader is told %v", e)
	}
	want := []string{"bitcoind has pruned a block; it is asked to get it again", "bitcoind has the block again"}
	if got := l.list(); len(got) < 2 || !slices.Equal(got[:2], want) {
		t.Errorf("the log says %q", got)
	}
	// An announcement's output is looked up all the same.
	out, _, err := s.Output(t.Context(), wire.NewShortChannelID(106, 1, 0))
	if err != nil || out.Value != 100_000 {
		t.Errorf("the output is %v: %v", out, err)
	}
}

func TestARealBitcoindOnAnotherForkThatItForgotIsFollowed(t *testing.T) {
	t.Parallel()
	c := miner(t)
	if _, err := c.Mine(130, nil); err != nil {
		t.Fatal(err)
	}
	first := chaintest.Bitcoind(t)
	first.Feed(t, c)
	gone, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Reorg(3); err != nil {
		t.Fatal(err)
	}
	// A new server was never told of the branch that we were on.
	second := chaintest.Bitcoind(t)
	second.Feed(t, c)
	s, _ := open(t, bitcoind.Config{URL: "http://" + second.RPC, Cookie: second.Cookie()})
	events, back, at := reader(t, s, gone), 0, gone
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for at != tip {
		switch e := (<-events).(type) {
		case chain.Connected:
			if e.Prev != at.Hash {
				t.Fatalf("block %d does not follow", e.Height)
			}
			at = e.Ref()
		case chain.Disconnected:
			if e.BlockRef != at {
				t.Fatalf("block %d left", e.Height)
			}
			at = e.Parent()
			back++
		}
	}
	if back != chain.MaxReorg {
		t.Errorf("%d blocks back", back)
	}
}

// The fields that are read are those that a server of today writes.
func TestARealBitcoindSpeaksAsTheFakeDoes(t *testing.T) {
	t.Parallel()
	server := chaintest.Bitcoind(t)
	for method, fields := range map[string][]string{
		"getblockchaininfo": {"chain", "blocks", "headers", "bestblockhash", "initialblockdownload"},
		"getmempoolinfo":    {"mempoolminfee", "minrelaytxfee"},
	} {
		r, err := server.Call(method)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(r, &got); err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			if got[f] == nil {
				t.Errorf("%s has no %s: %s", method, f, r)
			}
		}
	}
	if _, err := server.Call("getblockheader", fmt.Sprintf("%064d", 7)); err == nil || err.Error() != "Block not found" {
		t.Errorf("an unknown block: %v", err)
	}
}
