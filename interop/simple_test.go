package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lightningnetwork/lnd/lnrpc"
)

// simple runs a case with pairs that both have option_simple_close: whichever has
// opened, either closes.
func simple(t *testing.T, body func(p *pair, first Peer)) {
	t.Helper()
	notQuick(t)
	t.Parallel()
	for _, opener := range openers("lnd") {
		for _, first := range openers("lnd") {
			t.Run(fmt.Sprintf("%s opens, %s closes", opener, first), func(t *testing.T) {
				t.Parallel()
				p := newPair(newNetwork(t), "lnd", opener, "--protocol.rbf-coop-close")
				p.transfer(p.ours, p.theirs, 12_345_000)
				p.quiet(p.channel, p.ours, p.theirs)
				body(p, map[string]Peer{"leyden": p.ours, "lnd": p.theirs}[first])
				if log := p.theirs.Log(); !strings.Contains(log, "ClosingComplete(") || strings.Contains(log, "ClosingSigned(") {
					p.Error("it was not closed by closing_complete")
				}
			})
		}
	}
}

func TestAChannelIsClosedSimply(t *testing.T) {
	simple(t, func(p *pair, first Peer) {
		before, shares := p.balances(), p.shares()
		_, err := first.Close(p.context(), p.channel, false)
		p.must(err)
		p.must(p.chain.AwaitTx(p.context(), 1))
		p.mine(1)
		p.recovered(before, shares, closingFees)
		p.gone(120)
	})
}

func TestAChannelWithHTLCsIsClosedSimplyWhenTheyAreGone(t *testing.T) {
	simple(t, func(p *pair, first Peer) {
		p.closeWhenGone(first)
	})
}

// Each side has offered a transaction of its own. Who closes asks again for a higher feerate while the first transaction waits: the
// one that pays more takes its place.
func TestASimpleCloseIsMadeAgainForMore(t *testing.T) {
	simple(t, func(p *pair, first Peer) {
		before, shares := p.balances(), p.shares()
		_, err := first.Close(p.context(), p.channel, false)
		p.must(err)
		p.must(p.chain.AwaitTx(p.context(), 1))
		old := p.waiting()
		p.raise(first, raised)
		p.eventually("a transaction that pays more", func(context.Context) error {
			if fee := p.waiting(); fee <= old {
				return fmt.Errorf("it pays %d sat, as %d before", fee, old)
			}
			return nil
		})
		p.mine(1)
		p.recovered(before, shares, raisedFees)
		p.gone(120)
	})
}

// A feerate that is above what lnd gives of itself where it knows none, which is 50
// satoshi a virtual byte, and more than a closing transaction costs then.
const (
	raised     = 100
	raisedFees = 40_000
)

// waiting is the fee of the only transaction that waits for a block.
func (p *pair) waiting() (fee uint64) {
	p.Helper()
	var list map[string]struct {
		Fees struct{ Base float64 } // bitcoin
	}
	p.must(p.chain.(*Bitcoind).Call(p.context(), &list, "getrawmempool", true))
	if len(list) != 1 {
		p.Fatalf("%d transactions wait", len(list))
	}
	for _, tx := range list {
		fee = uint64(tx.Fees.Base*1e8 + 0.5)
	}
	return fee
}

// raise asks a node to close again, for so many satoshi a virtual byte.
func (p *pair) raise(first Peer, satPerVByte uint64) {
	p.Helper()
	if lnd, ok := first.(*LND); ok {
		p.must(lnd.closeFor(p.context(), p.channel, satPerVByte))
		return
	}
	id, err := p.ours.channelID(p.context(), p.channel.Point)
	p.must(err)
	p.must(p.ours.Call(p.context(), nil, "close", map[string]any{"id": id, "feerate": fmt.Sprintf("%dperkb", 1000*satPerVByte)}))
}

// closeFor asks for a close at a feerate, and waits until it is under way.
func (l *LND) closeFor(ctx context.Context, c Channel, satPerVByte uint64) error {
	request, err := closing(c)
	if err != nil {
		return err
	}
	request.SatPerVbyte, request.NoWait = satPerVByte, true
	stream, err := l.RPC().CloseChannel(ctx, request)
	if err != nil {
		return err
	}
	for {
		update, err := stream.Recv()
		if err != nil {
			return err
		}
		if _, ok := update.Update.(*lnrpc.CloseStatusUpdate_ClosePending); ok {
			return nil
		}
		if _, ok := update.Update.(*lnrpc.CloseStatusUpdate_ChanClose); ok {
			return errors.New("it is closed already")
		}
	}
}
