package node_test

import (
	"context"
	"log/slog"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/race"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// mute is a source whose broadcasts go nowhere.
type mute struct{ chain.Source }

func (mute) Broadcast(context.Context, *btcwire.MsgTx) error { return nil }

func TestAChannelWhoseFundingNeverConfirmsIsForgottenByItsFundee(t *testing.T) {
	race.Leave(t, manyBlocks)
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 110)
	dir := t.TempDir()
	open := func(dir string, source chain.Source) *node.Node {
		n, err := node.Open(t.Context(), node.Config{
			Dir: dir, Network: c.Params(), Source: source, Listen: "127.0.0.1:0",
			Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	alice, carol := open(ready.Dir(t, t.TempDir()), mute{c}), open(ready.Dir(t, dir), c)
	defer alice.Close()
	defer func() { carol.Close() }()
	fund(t, c, alice, 1_100_000)
	mine(t, c, 1, alice, carol)
	id := openChannel(t, alice, carol, 1_000_000, 0)
	state := func(n *node.Node) string { return states(t, n)[id.String()] }
	for range 10 {
		mine(t, c, 100, alice, carol)
	}
	carol.Close() // how long she has waited is on disk
	carol = open(dir, c)
	for range 8 {
		mine(t, c, 127, alice, carol) // the first block after the opening was the first of them
	}
	if got := state(carol); got != "CHANNELD_AWAITING_LOCKIN" {
		t.Errorf("carol's channel is %s one block before its time", got)
	}
	mine(t, c, 1, alice, carol)
	if got := state(carol); got != "CLOSED" || len(carol.Links().All()) != 0 {
		t.Errorf("carol's channel is %s, and she has %d links", got, len(carol.Links().All()))
	}
	// Its opener goes on: it is his money.
	if l, ok := alice.Links().Get(id); !ok || l.Status().Status != channel.Open {
		t.Error("alice has forgotten the channel")
	}
}
