package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run is a command of Leyden's on a folder; it shows what it says.
func (n *network) run(l *Leyden, args ...string) string {
	n.Helper()
	out, err := exec.CommandContext(n.context(), l.args[0], append(args, "--dir", filepath.Dir(l.path))...).CombinedOutput() //nolint:gosec // our own binary
	if err != nil {
		n.Fatalf("leyden %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The disk is gone, with everything on it. There are the 24 words on paper, and a copy of
// channels.backup elsewhere. In an empty folder both bring the node back, lnd closes the
// channel when it is asked to, and Leyden has what it had, on-chain and in the channel.
func TestLeydenComesBackFromItsWordsAndItsBackupByLndsClose(t *testing.T) {
	notQuick(t)
	forced(t, func(p *pair) {
		p.transfer(p.ours, p.theirs, 5_000_000)
		p.transfer(p.theirs, p.ours, 90_000_000)
		p.quiet(p.channel, p.ours, p.theirs)
		before, shares := p.balances(), p.shares()
		p.must(p.ours.Stop())

		paper := filepath.Join(p.TempDir(), "paper")
		p.must(os.WriteFile(paper, []byte(p.run(p.ours, "words")), 0o600))
		dir := filepath.Dir(p.ours.path)
		elsewhere := filepath.Join(p.TempDir(), "channels.backup")
		p.copyTo(elsewhere, filepath.Join(dir, "channels.backup"))
		p.must(os.RemoveAll(dir))

		with := []string{"restore", "--network", "regtest", "--backup", elsewhere, "--words-file", paper}
		if said := p.run(p.ours, append(with, "--check")...); !strings.Contains(said, "1 channels") || !strings.Contains(said, p.theirs.ID()) {
			p.Errorf("a check says: %s", said)
		}
		if _, err := os.Stat(dir); err == nil {
			p.Error("a check has made a folder")
		}
		p.run(p.ours, with...)
		p.must(p.ours.Start(p.context()))
		p.must(p.chain.AwaitTx(p.context(), 1))
		p.mine(1)
		for _, x := range p.ends() {
			p.endsWith(x, before[x.Name()]+shares[x.Name()], 300)
		}
	})
}
