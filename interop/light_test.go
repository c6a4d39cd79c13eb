package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Two Leydens that read the chain as light clients, from a btcd: open, invoice, pay
// both ways, close. Its blocks' coins go to one of them.
func TestLightClientsOpenPayAndClose(t *testing.T) {
	notQuick(t)
	n := newNetwork(t)
	// btcd must know the address before it starts, and a light client needs a btcd: so
	// the node has its address on the other chain first, and takes its seed along.
	before := n.leyden("before")
	address, err := before.NewAddress(n.context())
	n.must(err)
	n.must(before.Stop())
	seed, err := os.ReadFile(filepath.Join(filepath.Dir(before.path), "seed"))
	n.must(err)
	n.must(os.Mkdir(filepath.Join(n.dir, "a"), 0o700))
	n.must(os.WriteFile(filepath.Join(n.dir, "a", "seed"), seed, 0o600))
	btcd, err := StartBtcd(n.context(), binaries, address, filepath.Join(n.dir, "btcd"))
	n.must(err)
	t.Cleanup(func() { _ = btcd.Kill() })
	n.must(btcd.Mine(n.context(), 1))
	light := func(name string) *Leyden {
		p, err := StartLightLeyden(n.context(), binaries, btcd, name, filepath.Join(n.dir, name))
		if p != nil {
			n.peers = append(n.peers, p)
		}
		n.must(err)
		return p
	}
	a, b := light("a"), light("b")
	if again, err := a.NewAddress(n.context()); err != nil || again != address {
		t.Fatalf("the address is %s, and was %s: %v", again, address, err)
	}
	has := func(p Peer, least uint64) {
		t.Helper()
		n.eventually(p.Name()+" to have coins", func(ctx context.Context) error {
			sat, err := p.OnChain(ctx)
			if err == nil && sat < least {
				err = fmt.Errorf("it has %d sat, not %d", sat, least)
			}
			return err
		})
	}
	n.must(btcd.Mine(n.context(), 105))
	has(a, 1_000_000_000)
	n.connect(a, b)
	n.must(a.Open(n.context(), b, Open{Sat: pairCapacity, Push: pairPush}))
	n.must(btcd.AwaitTx(n.context()))
	n.must(btcd.Mine(n.context(), 6))
	all, err := a.Channels(n.context())
	n.must(err)
	if len(all) != 1 {
		t.Fatalf("there are %d channels", len(all))
	}
	n.ready(all[0], a, b)
	n.transfer(a, b, 100_000_000)
	n.transfer(b, a, 30_000_000)
	n.quiet(all[0], a, b)
	_, err = b.Close(n.context(), all[0], false)
	n.must(err)
	n.must(btcd.AwaitTx(n.context()))
	n.must(btcd.Mine(n.context(), 1))
	has(b, pairPush+70_000-closingFees)
}
