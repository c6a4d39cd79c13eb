package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
	"github.com/leyden-ln/leyden/internal/funding"
	"github.com/leyden-ln/leyden/internal/graph"
	"github.com/leyden-ln/leyden/internal/wallet"
	"github.com/leyden-ln/leyden/node"
)

// What the network of real payments has.
const (
	realFunds   amount.Satoshi = 6_000_000
	realChannel amount.Satoshi = 5_000_000
	realCallers                = 16
	patience                   = time.Minute
)

// line is three nodes, of which the first pays the last.
type line struct {
	ctx   context.Context
	chain *regtest.Chain
	bench [3]*bench
}

// measureReal makes payments of 1 sat through two channels and says by how many bytes the
// database of each node grew with one.
func measureReal(dir string, payments int, tables bool) (err error) {
	l := &line{ctx: context.Background()}
	if l.chain, err = regtest.Open(""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for i, name := range []string{"payer", "forwarder", "payee"} {
		l.bench[i] = &bench{ctx: l.ctx, dir: filepath.Join(dir, name), chain: l.chain}
		if err := l.bench[i].open(); err != nil {
			return err
		}
	}
	if err := l.connect(); err != nil {
		return err
	}
	if err := l.pay("warm", 100); err != nil {
		return err
	}
	var before [3]map[string]int64
	for i, b := range l.bench {
		if before[i], err = b.tables(); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := l.pay("order", payments); err != nil {
		return err
	}
	figure("real payments of 1 sat through a forwarder, a second", "%.0f", float64(payments)/time.Since(began).Seconds())
	for i, b := range l.bench {
		after, err := b.tables()
		if err != nil {
			return err
		}
		var sum int64
		for name, size := range after {
			grown := size - before[i][name]
			if sum += grown; tables && grown > 0 {
				figure("  "+name, "%.1f", float64(grown)/float64(payments))
			}
		}
		figure("database bytes a real payment: "+filepath.Base(b.dir), "%.1f", float64(sum)/float64(payments))
	}
	return nil
}

func (l *line) close() (err error) {
	for _, b := range l.bench {
		if b != nil && b.node != nil {
			err = errors.Join(err, b.node.Close())
		}
	}
	return errors.Join(err, l.chain.Close())
}

// connect opens a channel from each node to the next one.
func (l *line) connect() error {
	if _, err := l.chain.Mine(110, nil); err != nil {
		return err
	}
	for i, b := range l.bench[:2] {
		next := l.bench[i+1].node
		if _, err := b.node.Connect(l.ctx, next.ID(), next.Addr().String()); err != nil {
			return err
		}
		pending, err := b.node.Wallet().NewAddress(wallet.P2TR)
		if err != nil {
			return err
		}
		addr, err := pending.Commit(l.ctx, b.node.Store())
		if err != nil {
			return err
		}
		if _, err := l.chain.Send(addr.Script, realFunds); err != nil {
			return err
		}
	}
	if err := l.mine(1); err != nil {
		return err
	}
	for i, b := range l.bench[:2] {
		if _, err := b.node.OpenChannel(l.ctx, l.bench[i+1].node.ID(), funding.Request{
			Amount: realChannel, FeePerKw: regtest.FeePerKw, Commit: regtest.FeePerKw, Announce: true, MinConf: 1,
		}); err != nil {
			return err
		}
	}
	if err := l.mine(6); err != nil {
		return err
	}
	return l.await("the channels to be announced", func(n *node.Node) bool {
		known := 0
		n.Graph(func(g *graph.Graph) {
			for i := range g.Channels() {
				if c := &g.Channels()[i]; c.Public() && c.Policies[0].Known() && c.Policies[1].Known() {
					known++
				}
			}
		})
		return known == 2
	})
}

// mine adds blocks, and waits until every node has processed them.
func (l *line) mine(blocks int) error {
	if _, err := l.chain.Mine(blocks, nil); err != nil {
		return err
	}
	tip, err := l.chain.Tip(l.ctx)
	if err != nil {
		return err
	}
	return l.await("the nodes to read the chain", func(n *node.Node) bool { return n.Synced() == tip.Height })
}

// await looks again and again until something is so of every node.
func (l *line) await(what string, ok func(*node.Node) bool) error {
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for _, b := range l.bench {
		for !ok(b.node) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("waited too long for %s", what)
			}
		}
	}
	return nil
}

// pay makes invoices of the last node and pays them by the first one, and waits until no
// HTLC is left.
func (l *line) pay(label string, count int) error {
	var wg sync.WaitGroup
	errs := make([]error, realCallers)
	for caller := range realCallers {
		wg.Go(func() {
			for i := caller; i < count && errs[caller] == nil; i += realCallers {
				var inv struct{ Bolt11 string }
				err := l.bench[2].call("invoice", fmt.Sprintf(`["1sat","%s %07d","%s, for customer %d"]`, label, i, things[i%len(things)], i%9973), &inv)
				if err == nil {
					err = l.bench[0].call("pay", fmt.Sprintf(`["%s"]`, inv.Bolt11), nil)
				}
				errs[caller] = err
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return l.await("the HTLCs to be removed", func(n *node.Node) bool {
		for _, link := range n.Links().All() {
			if len(link.View().HTLCs) > 0 {
				return false
			}
		}
		return true
	})
}

// tables are the bytes of the pages of each table and index.
func (b *bench) tables() (map[string]int64, error) {
	d, err := sql.Open("sqlite", "file:"+filepath.Join(b.dir, "leyden.sqlite3")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	rows, err := d.QueryContext(b.ctx, "SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var size int64
		if err := rows.Scan(&name, &size); err != nil {
			return nil, err
		}
		out[name] = size
	}
	return out, rows.Err()
}
