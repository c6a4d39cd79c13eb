package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// The chain's user and password.
const (
	chainUser     = "interop"
	chainPassword = "interop"
)

// Bitcoind is a bitcoind on regtest, with a wallet that mines.
type Bitcoind struct {
	process
	chainRPC
	Dir     string
	address string // where its blocks' coins go
}

// StartBitcoind starts one in a folder and mines coins that can be spent.
func StartBitcoind(ctx context.Context, binary, dir string) (*Bitcoind, error) {
	at, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	_, rpcPort, _ := strings.Cut(at[0], ":")
	b := &Bitcoind{Dir: dir, chainRPC: chainRPC{at[0]}, process: process{
		name: "bitcoind", log: filepath.Join(dir, "log"),
		args: []string{
			binary, "-regtest", "-datadir=" + dir, "-server", "-listen=0", "-rpcport=" + rpcPort, "-rpcbind=127.0.0.1",
			"-rpcallowip=127.0.0.1", "-rpcuser=" + chainUser, "-rpcpassword=" + chainPassword, "-txindex", "-dnsseed=0",
			"-fixedseeds=0", "-fallbackfee=0.00002", "-rpcthreads=32", "-rpcworkqueue=256", "-printtoconsole", "-dbcache=64",
		},
	}}
	if err := b.Start(ctx); err != nil {
		return nil, err
	}
	if err := b.Call(ctx, nil, "createwallet", "miner"); err != nil {
		return nil, err
	}
	if err := b.Call(ctx, &b.address, "getnewaddress"); err != nil {
		return nil, err
	}
	return b, b.Mine(ctx, 150) // 50 blocks' coins are mature
}

// Start starts it again where it ended.
func (b *Bitcoind) Start(ctx context.Context) error {
	if err := b.run(); err != nil {
		return err
	}
	return await(ctx, "bitcoind to answer", func(ctx context.Context) error {
		return b.Call(ctx, nil, "getblockcount")
	}, b.alive)
}

// URL is where Leyden finds it.
func (b *Bitcoind) URL() string { return "http://" + chainUser + ":" + chainPassword + "@" + b.Host }

// Mine adds blocks with what is in the mempool.
func (b *Bitcoind) Mine(ctx context.Context, blocks int) error {
	return b.Call(ctx, nil, "generatetoaddress", blocks, b.address)
}

// Send pays an address on-chain.
func (b *Bitcoind) Send(ctx context.Context, address string, sat uint64) error {
	return b.Call(ctx, nil, "sendtoaddress", address, fmt.Sprintf("%d.%08d", sat/1e8, sat%1e8))
}

// AwaitTx waits until so many transactions wait for a block.
func (b *Bitcoind) AwaitTx(ctx context.Context, count int) error {
	return b.awaitTx(ctx, count, b.alive)
}

func (b *Bitcoind) forLeyden() []string { return []string{"--bitcoind", b.URL()} }

func (b *Bitcoind) forLND() []string {
	return []string{
		"--bitcoin.node=bitcoind", "--bitcoind.rpchost=" + b.Host, "--bitcoind.rpcuser=" + chainUser,
		"--bitcoind.rpcpass=" + chainPassword, "--bitcoind.rpcpolling", "--bitcoind.blockpollinginterval=100ms",
		"--bitcoind.txpollinginterval=500ms",
	}
}

var _ Chain = (*Bitcoind)(nil)

// chainRPC is where a bitcoind or btcd takes commands.
type chainRPC struct{ Host string }

// Height is that of its best block.
func (c chainRPC) Height(ctx context.Context) (height uint32, err error) {
	err = c.Call(ctx, &height, "getblockcount")
	return height, err
}

var errNoTx = errors.New("they have not come")

func (c chainRPC) awaitTx(ctx context.Context, count int, alive func() error) error {
	return await(ctx, fmt.Sprintf("%d transactions", count), func(ctx context.Context) error {
		var txids []string
		err := c.Call(ctx, &txids, "getrawmempool")
		if err == nil && len(txids) < count {
			err = errNoTx
		}
		return err
	}, alive)
}

// Call gives a command.
func (c chainRPC) Call(ctx context.Context, result any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": "interop", "method": method, "params": params})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Host, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth(chainUser, chainPassword)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("the chain: %s: %s", method, res.Status)
	}
	if answer.Error != nil {
		return fmt.Errorf("the chain: %s: %s", method, answer.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}
