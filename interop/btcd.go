package interop

import (
	"context"
	"os"
	"path/filepath"
)

// Btcd is a btcd on regtest that serves light clients. It forgets its chain when it
// ends, and it has no wallet: the coins of its blocks are those of the purse.
type Btcd struct {
	process
	chainRPC
	Peer  string // where light clients connect
	Purse *Leyden
}

// StartBtcd starts one in a folder. The coins of its blocks go to an address.
func StartBtcd(ctx context.Context, b Binaries, address, dir string) (*Btcd, error) {
	at, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	settings := filepath.Join(dir, "btcd.conf")
	if err := os.WriteFile(settings, nil, 0o600); err != nil {
		return nil, err
	}
	s := &Btcd{chainRPC: chainRPC{at[0]}, Peer: at[1], process: process{
		name: "btcd", log: filepath.Join(dir, "log"),
		args: []string{
			b.Btcd, "--regtest", "--configfile=" + settings, "--datadir=" + dir, "--logdir=" + dir, "--listen=" + at[1],
			"--rpclisten=" + at[0], "--rpcuser=" + chainUser, "--rpcpass=" + chainPassword, "--notls", "--nodnsseed", "--txindex",
			"--miningaddr=" + address,
		},
	}}
	if err := s.run(); err != nil {
		return nil, err
	}
	return s, await(ctx, "btcd to answer", func(ctx context.Context) error {
		return s.Call(ctx, nil, "getblockcount")
	}, s.alive)
}

// Mine adds blocks with what is in the mempool.
func (s *Btcd) Mine(ctx context.Context, blocks int) error {
	return s.Call(ctx, nil, "generate", blocks)
}

// AwaitTx waits until so many transactions wait for a block.
func (s *Btcd) AwaitTx(ctx context.Context, count int) error { return s.awaitTx(ctx, count, s.alive) }

// Send pays an address on-chain.
func (s *Btcd) Send(ctx context.Context, address string, sat uint64) error {
	return s.Purse.Call(ctx, nil, "withdraw", map[string]any{"destination": address, "satoshi": sat})
}

func (s *Btcd) forLeyden() []string { return []string{"--neutrino", "--connect-peer", s.Peer} }

func (s *Btcd) forLND() []string {
	return []string{"--bitcoin.node=neutrino", "--neutrino.connect=" + s.Peer}
}

var _ Chain = (*Btcd)(nil)
