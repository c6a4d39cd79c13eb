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

// With option_simple_close, which lnd has to be asked for, who closes pays, and can
// pay more later: either side.
func TestAChannelIsClosedByTheSimpleClose(t *testing.T) {
	t.Parallel()
	for _, opener := range openers("lnd") {
		for _, first := range openers("lnd") {
			if testing.Short() && first == opener {
				continue
			}
			t.Run(fmt.Sprintf("%s opens, %s closes", opener, first), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				p := &pair{network: n, kind: "lnd", opener: opener, ours: n.leyden("leyden"), theirs: n.lnd("lnd", "--protocol.rbf-coop-close")}
				from, to := Peer(p.ours), p.theirs
				if opener == "lnd" {
					from, to = to, from
				}
				p.channel = n.open(from, to, Open{Sat: pairCapacity, Push: pairPush})
				p.transfer(p.ours, p.theirs, 12_345_000)
				p.transfer(p.theirs, p.ours, 2_345_000)
				p.quiet(p.channel, p.ours, p.theirs)
				before, shares := p.balances(), p.shares()
				closer := Peer(p.ours)
				if first == "lnd" {
					closer = p.theirs
				}
				_, err := closer.Close(p.context(), p.channel, false)
				p.must(err)
				p.must(p.chain.AwaitTx(p.context(), 1))
				cheap := p.closing()
				// Leyden pays more, whoever closed it.
				id, err := p.ours.channelID(p.context(), p.channel.Point)
				p.must(err)
				var raised struct{ Type, Txid string }
				p.must(p.ours.Call(p.context(), &raised, "close", map[string]any{"id": id, "feerate": "20000perkw"}))
				if raised.Type != "mutual" || raised.Txid == cheap {
					t.Errorf("raising gives %+v after %s", raised, cheap)
				}
				p.eventually("the raised transaction to be in the mempool", func(context.Context) error {
					if p.closing() != raised.Txid {
						return errors.New("it is not there")
					}
					return nil
				})
				p.mine(1)
				p.recovered(before, shares, 20_000)
				p.gone(120)
			})
		}
	}
}

// closing is the transaction in the mempool, which can be replaced.
func (p *pair) closing() string {
	p.Helper()
	chain := p.chain.(*Bitcoind)
	var txids []string
	p.must(chain.Call(p.context(), &txids, "getrawmempool"))
	for _, txid := range txids {
		var tx struct {
			Vin []struct{ Sequence uint32 }
		}
		p.must(chain.Call(p.context(), &tx, "getrawtransaction", txid, true))
		const simple = 0xFFFFFFFD
		if len(tx.Vin) == 1 && tx.Vin[0].Sequence == simple {
			return txid
		}
	}
	p.Fatal("no transaction of a simple close waits")
	return ""
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
