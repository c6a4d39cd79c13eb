package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// A channel that is named by aliases only carries payments both ways before its
// funding transaction is in a block, and afterwards.
func TestAChannelIsUsedBeforeItConfirms(t *testing.T) {
	notQuick(t)
	for _, opener := range openers("lnd") {
		t.Run(opener+" opens", func(t *testing.T) {
			n := newNetwork(t)
			ours, lnd := n.leyden("leyden"), n.lnd("lnd")
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
			usable := func(ctx context.Context) error {
				all, err := lnd.RPC().ListChannels(ctx, &lnrpc.ListChannelsRequest{ActiveOnly: true})
				if err == nil && len(all.Channels) != 1 {
					err = errors.New("lnd has no active channel")
				}
				list, err2 := ours.Channels(ctx)
				if err2 == nil && (len(list) != 1 || !list[0].Ready) {
					err2 = fmt.Errorf("Leyden has %+v", list)
				}
				return errors.Join(err, err2)
			}
			n.eventually("the channel to be used", usable)
			n.transfer(from, to, 300_000_000)
			n.transfer(to, from, 100_000_000)
			n.mine(6)
			n.eventually("the channel to be used", usable)
			n.transfer(from, to, 50_000_000)
			n.transfer(to, from, 50_000_000)
		})
	}
}
