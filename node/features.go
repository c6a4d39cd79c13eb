package node

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
)

// Features are those of our init, and of our node_announcement beside one: exactly
// those that work (BOLT 9).
func Features() wire.Features {
	return wire.NewFeatures(
		wire.DataLossProtect+1, wire.UpfrontShutdownScript+1, wire.GossipQueries+1, wire.VarOnion,
		wire.GossipQueriesEx+1,
		wire.StaticRemoteKey, wire.PaymentSecret, wire.BasicMPP+1, wire.LargeChannels+1,
		wire.AnchorsZeroFeeHTLC+1, wire.ShutdownAnySegwit+1, wire.ChannelType+1, wire.SCIDAlias+1, wire.ZeroConf+1,
		wire.SimpleClose+1,
	)
}

// announced are the features of our node_announcement: those of our init, and that we
// take payments without an invoice, which bLIP 2 has there only.
func announced() wire.Features { return Features().With(wire.Keysend + 1) }

// known are the features that a peer may require of us.
func known() wire.Features { return Features() }

// verifier checks signatures on all processors.
type verifier struct{}

// few is how many signatures are not worth sharing out.
const few = 4

// Verify implements [channel.Verifier].
func (verifier) Verify(checks []channel.Check) bool {
	if len(checks) <= few {
		return verify(checks)
	}
	var wrong atomic.Bool
	var wg sync.WaitGroup
	size := (len(checks) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for len(checks) > 0 {
		part := checks[:min(size, len(checks))]
		checks = checks[len(part):]
		wg.Go(func() {
			if !verify(part) {
				wrong.Store(true)
			}
		})
	}
	wg.Wait()
	return !wrong.Load()
}

func verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}
