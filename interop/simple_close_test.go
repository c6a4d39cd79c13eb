package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

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
