package interop

import (
	"context"
	"os"
	"path/filepath"
)

// Leyden is one of ours.
type Leyden struct{ socket }

// StartLeyden starts a new node in a folder.
func StartLeyden(ctx context.Context, b Binaries, chain Chain, name, dir string) (*Leyden, error) {
	at, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	args := append([]string{b.Leyden, "start", "--network", "regtest"}, chain.forLeyden()...)
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
