package interop

import (
	"context"
	"os"
	"path/filepath"
)

// Leyden is one of ours.
type Leyden struct{ socket }

// StartLeyden starts a new node in a folder, on a bitcoind.
func StartLeyden(ctx context.Context, b Binaries, chain *Bitcoind, name, dir string) (*Leyden, error) {
	return startLeyden(ctx, b, name, dir, "--bitcoind", chain.URL())
}

// StartLightLeyden starts a new node in a folder, on the light client.
func StartLightLeyden(ctx context.Context, b Binaries, chain *Btcd, name, dir string) (*Leyden, error) {
	return startLeyden(ctx, b, name, dir, "--neutrino", "--connect-peer", chain.Peer)
}

func startLeyden(ctx context.Context, b Binaries, name, dir string, source ...string) (*Leyden, error) {
	at, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	args := append([]string{b.Leyden, "start", "--network", "regtest"}, source...)
	l := &Leyden{socket{
		path: filepath.Join(dir, "lightning-rpc"), listen: at,
		process: process{
			name: name, log: filepath.Join(dir, "log"),
			args: append(args, "--listen", at, "--dir", dir, "--alias", name, "--log-level", "debug"),
		},
	}}
	return l, l.Start(ctx)
}

var _ Peer = (*Leyden)(nil)
