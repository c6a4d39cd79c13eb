package interop

import (
	"context"
	"errors"
	"testing"
)

// A channel that is named by aliases only carries payments both ways before its
// funding transaction is in a block, and afterwards.
func TestAChannelIsUsedBeforeItConfirms(t *testing.T) {
	notQuick(t)
	t.Parallel()
	for _, opener := range openers("lnd") {
		t.Run(opener+" opens", func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			ours, lnd := n.leyden("leyden"), n.lnd("lnd", aliases...)
			from, to := Peer(ours), Peer(lnd)
			if opener == "leyden" {
				n.must(lnd.TrustAll(t.Context()))
			} else {
				from, to = to, from
				n.must(ours.Stop())
				ours.args = append(ours.args, "--zeroconf-peer", lnd.ID())
				n.must(ours.Start(n.context()))
			}
			n.fund(from, 2_000_000)
			n.connect(from, to)
			n.must(from.Open(n.context(), to, Open{Sat: 1_000_000, Private: true, ZeroConf: true}))
			var c Channel
			n.eventually("the channel to be listed", func(ctx context.Context) error {
				all, err := from.Channels(ctx)
				if len(all) != 1 {
					return errors.Join(err, errNoChannel)
				}
				c = all[0]
				return nil
			})
			n.quiet(c, from, to)
			n.transfer(from, to, 300_000_000)
			n.quiet(c, from, to)
			n.transfer(to, from, 100_000_000)
			n.mine(6)
			n.quiet(c, from, to)
			n.transfer(from, to, 50_000_000)
			n.quiet(c, from, to)
			n.transfer(to, from, 50_000_000)
			n.quiet(c, from, to)
		})
	}
}
