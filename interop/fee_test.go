package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// Leyden comes back with another feerate of the day while HTLCs are in flight, and
// proposes it for the channel that it has opened: both ways, and payments go on.
func TestLeydenChangesTheFeerateAsTheFunder(t *testing.T) {
	notQuick(t)
	t.Parallel()
	p := newPair(newNetwork(t), "lnd", "leyden")
	lnd := p.theirs.(*LND)
	for _, feerate := range []int64{500, 2500} {
		h := p.holdAt(p.ours, lnd, 7_000_000)
		p.must(p.ours.Stop())
		if err := <-h.ended; err == nil {
			t.Fatal("nobody has taken the payment")
		}
		p.ours.args = append(p.ours.args, "--default-feerate", fmt.Sprint(feerate)) // the last one counts
		p.must(p.ours.Start(p.context()))
		p.eventually("lnd to have the feerate", func(ctx context.Context) error {
			out, err := lnd.RPC().ListChannels(ctx, &lnrpc.ListChannelsRequest{})
			if err == nil && (len(out.Channels) != 1 || out.Channels[0].FeePerKw != feerate) {
				err = fmt.Errorf("it has %v", out.Channels)
			}
			return err
		})
		p.must(lnd.Settle(p.context(), h.preimage))
		p.state(h.invoice, lnrpc.Invoice_SETTLED)
		p.quiet(p.channel, p.ours, lnd)
		p.transfer(p.ours, lnd, 3_000_000)
		p.transfer(lnd, p.ours, 3_000_000)
		p.quiet(p.channel, p.ours, lnd)
	}
}
