package api_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/node"
)

// unsure is a source that has more blocks than it gives, or does not answer.
type unsure struct {
	chain.Source
	more atomic.Uint32
	away atomic.Bool
}

func (u *unsure) Best(ctx context.Context) (chain.Best, error) {
	best, err := u.Source.Best(ctx)
	if u.away.Load() {
		err = errors.New("connection refused")
	}
	best.Height += u.more.Load()
	return best, err
}

func TestGetinfoSaysWhyTheHeightIsNotThePresentOne(t *testing.T) {
	t.Parallel()
	c, err := regtest.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, x := range []struct {
		name              string
		more              uint32
		away              bool
		bitcoind, reading bool
	}{
		{"whole", 0, false, false, false},
		{"behind", 3, false, false, true},
		{"away", 0, true, true, false},
	} {
		source := &unsure{Source: c}
		source.more.Store(x.more)
		source.away.Store(x.away)
		n, err := node.Open(t.Context(), node.Config{
			Dir: ready.Dir(t, t.TempDir()), Network: c.Params(), Source: source,
			Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { panic(err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		got := ask[struct {
			Bitcoind   string `json:"warning_bitcoind_sync"`
			Lightningd string `json:"warning_lightningd_sync"`
		}](t, n, "getinfo")
		if (got.Bitcoind != "") != x.bitcoind || (got.Lightningd != "") != x.reading {
			t.Errorf("%s: %+v", x.name, got)
		}
		if x.bitcoind || x.reading {
			hop := named{"id": n.ID(), "channel": "1x2x3", "amount_msat": 1000, "delay": 9}
			refused(t, n, command.PayRouteNotFound, "sendpay", []named{hop}, wire.PaymentHash{1})
			refused(t, n, command.FundStillSyncing, "fundchannel", nowhere, 100_000)
			refused(t, n, command.FundStillSyncing, "multifundchannel", []named{{"id": nowhere, "amount": 100_000}})
			refused(t, n, command.FundStillSyncing, "withdraw", ask[struct{ Bech32 string }](t, n, "newaddr").Bech32, 100_000)
		}
		n.Close()
	}
}
