package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// Cases that wait for a clock of lnd's which cannot be set. They stand in the first
// file so that they begin early, and the others run meanwhile.

// feeSource tells lnd the feerates of the day.
func feeSource(t *testing.T, perKB *atomic.Uint64) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"fee_by_block_target": {"1": %d}, "min_relay_feerate": 1000}`, perKB.Load())
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// lnd looks at the feerate of each channel that it has opened after 10 to 60
// minutes, drawn anew for each. Of many channels one comes first soon after the
// tenth. Each has an HTLC in flight when it does.
func TestLndChangesTheFeerateAsTheFunder(t *testing.T) {
	notQuick(t)
	t.Parallel()
	const (
		channels, atOnce = 40, 10
		each             = 100_000    // satoshi
		held             = each * 300 // msat: no channel carries two of them
		before, after    = 2_000, 8_000
		longestLook      = 62 * time.Minute
		feePerKw         = after / 4
	)
	n := newNetwork(t)
	var feerate atomic.Uint64
	feerate.Store(before)
	ours, lnd := n.leyden("leyden"), n.lnd("lnd", "--fee.url="+feeSource(t, &feerate))
	n.fund(lnd, 2*channels*each)
	n.connect(lnd, ours)
	for range channels / atOnce {
		n.openMany(lnd, ours, atOnce, &lnrpc.BatchOpenChannel{LocalFundingAmount: each, PushSat: each / 2})
	}
	var all []Channel
	n.eventually("lnd to list all channels", func(ctx context.Context) (err error) {
		if all, err = lnd.Channels(ctx); err == nil && len(all) != channels {
			err = fmt.Errorf("it lists %d", len(all))
		}
		return err
	})
	for _, c := range all {
		n.ready(c, lnd, ours)
	}
	pending := make([]*pending, channels)
	for i := range pending {
		pending[i] = n.holdAt(ours, lnd, held)
	}
	feerate.Store(after)
	var changed Channel
	ctx, cancel := context.WithTimeout(t.Context(), longestLook)
	defer cancel()
	n.must(await(ctx, "lnd to change a feerate", func(ctx context.Context) error {
		list, err := lnd.RPC().ListChannels(ctx, &lnrpc.ListChannelsRequest{})
		for _, c := range list.GetChannels() {
			if c.FeePerKw == feePerKw && len(c.PendingHtlcs) == 1 {
				changed = Channel{Point: c.ChannelPoint, Capacity: each}
				return nil
			}
		}
		return errors.Join(err, errors.New("it has not"))
	}, n.alive))
	n.eventually("Leyden to have the feerate too", func(ctx context.Context) error {
		has, err := ours.feerate(ctx, changed)
		if err == nil && has != feePerKw {
			err = fmt.Errorf("it has %d", has)
		}
		return err
	})
	for _, h := range pending {
		n.must(lnd.Settle(n.context(), h.preimage))
		n.must(<-h.ended)
	}
	for _, c := range all {
		n.quiet(c, lnd, ours)
	}
	n.transfer(lnd, ours, held)
	n.transfer(ours, lnd, held/2)
	n.quiet(changed, lnd, ours)
}

// openMany opens channels that are all alike by one transaction, and waits until it
// has six confirmations.
func (n *network) openMany(from *LND, to Peer, count int, like *lnrpc.BatchOpenChannel) {
	n.Helper()
	id, err := hex.DecodeString(to.ID())
	n.must(err)
	request := &lnrpc.BatchOpenChannelRequest{SatPerVbyte: 2}
	for range count {
		request.Channels = append(request.Channels, &lnrpc.BatchOpenChannel{
			NodePubkey: id, LocalFundingAmount: like.LocalFundingAmount, PushSat: like.PushSat,
		})
	}
	_, err = from.RPC().BatchOpenChannel(n.context(), request)
	n.must(err)
	n.must(n.chain.AwaitTx(n.context(), 1))
	n.mine(6)
}

// Two payments are held for minutes, in which the nodes say nothing to each other but
// pings, which both answer. Then one is settled and the other cancelled.
func TestPaymentsAreHeldForMinutesWhilePingsGoBothWays(t *testing.T) {
	notQuick(t)
	eachLND(t, func(p *pair, lnd *LND) {
		taken, left := p.holdAt(p.ours, lnd, 7_000_000), p.holdAt(p.ours, lnd, 9_000_000)
		answers := []string{"Received Pong(", "Sending Pong("}
		before := lnd.Log()
		p.eventually("an answer to a ping each way", func(context.Context) error {
			log := lnd.Log()
			for _, answer := range answers {
				if strings.Count(log, answer) == strings.Count(before, answer) {
					return fmt.Errorf("not yet: %q", answer)
				}
			}
			return nil
		})
		p.must(lnd.Settle(p.context(), taken.preimage))
		p.must(<-taken.ended)
		p.must(lnd.Forget(p.context(), left.invoice))
		p.refused(<-left.ended, incorrectDetails)
	})
}
