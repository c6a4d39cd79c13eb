package node_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// ahead is a source with blocks that it does not give yet.
type ahead struct {
	chain.Source
	by *atomic.Uint32
}

func (a ahead) Tip(ctx context.Context) (chain.BlockRef, error) {
	tip, err := a.Source.Tip(ctx)
	tip.Height += a.by.Load()
	return tip, err
}

// Who reveals a preimage must know how much time is left to claim on-chain.
func TestAHeldInvoiceIsNotSettledWhileTheChainIsStillRead(t *testing.T) {
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mineOnly(t, c, 3)
	var by atomic.Uint32
	n, err := node.Open(t.Context(), node.Config{
		Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: ahead{c, &by}, Listen: "127.0.0.1:0",
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for blocks, refused := range map[uint32]bool{0: false, 2: false, 3: true} {
		by.Store(blocks)
		if _, err := n.SettleHeld(t.Context(), wire.Preimage{1}); errors.Is(err, node.ErrSyncing) != refused || err == nil {
			t.Errorf("%d blocks behind: %v", blocks, err)
		}
	}
}
