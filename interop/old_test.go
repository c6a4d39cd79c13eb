package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keepCopy copies what a node that does not run has in a folder, and returns what
// puts it back.
func (n *network) keepCopy(from string, names ...string) (putBack func()) {
	n.Helper()
	kept := filepath.Join(n.TempDir(), "kept")
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(from, name)); err == nil {
			n.copyTo(filepath.Join(kept, name), filepath.Join(from, name))
		}
	}
	return func() {
		n.Helper()
		for _, name := range names {
			n.must(os.RemoveAll(filepath.Join(from, name)))
			if _, err := os.Stat(filepath.Join(kept, name)); err == nil {
				n.copyTo(filepath.Join(from, name), filepath.Join(kept, name))
			}
		}
	}
}

func (n *network) copyTo(to, from string) {
	n.Helper()
	n.must(os.MkdirAll(filepath.Dir(to), 0o700))
	info, err := os.Stat(from)
	n.must(err)
	if info.IsDir() {
		n.must(os.CopyFS(to, os.DirFS(from)))
		return
	}
	b, err := os.ReadFile(from)
	n.must(err)
	n.must(os.WriteFile(to, b, 0o600))
}

// lnd's channels are put back to when it had more, and it closes by what it has
// there, while Leyden is away. Leyden takes all.
func TestLeydenTakesAllWhenLndBreaches(t *testing.T) {
	notQuick(t)
	forced(t, func(p *pair) {
		lnd, ok := p.theirs.(*LND)
		if !ok {
			return
		}
		p.transfer(p.ours, lnd, 50_000_000)
		p.quiet(p.channel, p.ours, lnd)
		before := p.balances()
		p.must(lnd.Stop())
		putBack := p.keepCopy(lnd.Dir, "data/graph")
		p.must(lnd.Start(p.context()))
		p.ready(p.channel, p.ours, lnd)
		p.transfer(lnd, p.ours, 250_000_000)
		p.transfer(p.ours, lnd, 1_000_000)
		p.quiet(p.channel, p.ours, lnd)
		p.must(p.ours.Stop())
		p.must(lnd.Stop())
		putBack()
		p.must(lnd.Start(p.context()))
		_, err := lnd.Close(p.context(), p.channel, true)
		p.must(err)
		p.must(p.chain.AwaitTx(p.context(), 1))
		p.must(p.chain.Mine(p.context(), 1))
		p.must(p.ours.Start(p.context()))
		p.synced()
		p.endsWith(p.ours, before["leyden"]+pairCapacity, 60)
		if p.has(lnd, before["lnd"]+forceFees) {
			p.Error("lnd has kept something")
		}
	})
}

// Leyden is given an old database. It must not broadcast what it has there, for lnd
// would take all. Where something newer is beside the database, it does not even start.
// Where the whole folder is old, it notices when lnd tells the state of the channel: it
// waits until lnd closes, and has what it had last.
func TestLeydenWithAnOldDatabaseGetsItsMoneyByLndsClose(t *testing.T) {
	notQuick(t)
	forced(t, func(p *pair) {
		p.transfer(p.ours, p.theirs, 5_000_000)
		p.quiet(p.channel, p.ours, p.theirs)
		p.must(p.ours.Stop())
		database := p.keepCopy(filepath.Dir(p.ours.path), "leyden.sqlite3", "leyden.sqlite3-wal", "leyden.sqlite3-shm")
		beside := p.keepCopy(filepath.Dir(p.ours.path), "leyden.mark", "channels.backup")
		p.must(p.ours.Start(p.context()))
		p.ready(p.channel, p.ours, p.theirs)
		p.transfer(p.theirs, p.ours, 90_000_000)
		p.transfer(p.ours, p.theirs, 1_000_000)
		p.quiet(p.channel, p.ours, p.theirs)
		before, shares := p.balances(), p.shares()
		p.must(p.ours.Stop())
		database()
		if err := p.ours.Start(p.context()); !errors.Is(err, errEnded) || !strings.Contains(p.ours.Log(), "older than this node") {
			p.Fatalf("with an old database beside a newer mark it says: %v", err)
		}
		_ = p.ours.Kill() // it has ended
		database()
		beside()
		p.must(p.ours.Start(p.context()))
		p.must(p.chain.AwaitTx(p.context(), 1))
		p.mine(1)
		for _, x := range p.ends() {
			p.endsWith(x, before[x.Name()]+shares[x.Name()], 300)
		}
	})
}

// endsWith mines until a node has so much on-chain, but for the fees.
func (p *pair) endsWith(x Peer, want uint64, most int) {
	p.Helper()
	const step = 5
	for mined := 0; mined < most && !p.has(x, want-forceFees); mined += step {
		p.mine(step)
	}
	p.eventually(x.Name()+" to have its money on-chain", func(ctx context.Context) error {
		has, err := x.OnChain(ctx)
		if err == nil && (has+forceFees < want || has > want+forceFees) {
			err = fmt.Errorf("it has %d sat, not %d", has, want)
		}
		return err
	})
}
