package interop

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// CLightning is Core Lightning.
type CLightning struct{ socket }

// StartCLightning starts a new node in a folder.
func StartCLightning(ctx context.Context, b Binaries, chain *Bitcoind, name, dir string) (*CLightning, error) {
	at, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	host, port, _ := strings.Cut(chain.Host, ":")
	c := &CLightning{socket{
		path: filepath.Join(dir, "regtest", "lightning-rpc"), listen: at,
		process: process{name: name, log: filepath.Join(dir, "log"), args: []string{
			b.CLightning, "--network=regtest", "--lightning-dir=" + dir, "--addr=" + at, "--alias=" + name, "--log-level=debug",
			"--bitcoin-cli=" + b.BitcoinCLI, "--bitcoin-rpcconnect=" + host, "--bitcoin-rpcport=" + port,
			"--bitcoin-rpcuser=" + chainUser, "--bitcoin-rpcpassword=" + chainPassword,
			"--developer", "--dev-fast-gossip", "--dev-bitcoind-poll=1", "--allow-deprecated-apis=false",
		}},
	}}
	return c, c.Start(ctx)
}

var _ Peer = (*CLightning)(nil)
