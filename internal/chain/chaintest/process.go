package chaintest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// Server is a bitcoind or btcd on regtest, as a process of its own on loopback.
type Server struct {
	RPC, Peer string // host:port of its RPC server, and of where its peers connect
	Dir       string // its data folder
	user      func() (user, password string, err error)
	command   []string
	process   *exec.Cmd
	ended     chan struct{}    // closed when the process has ended
	fed       []chainhash.Hash // the blocks that it was fed, by height from 1 on
}

// binary finds a program, in the variable or on the PATH. Where continuous
// integration runs it must be there; else the test is skipped.
func binary(t *testing.T, variable, name string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = name
	}
	found, err := exec.LookPath(path)
	if err == nil {
		return found
	}
	why := fmt.Sprintf("no %s: put one on the PATH, or name it in %s", name, variable)
	if os.Getenv("LEYDEN_CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// freePort is a port of loopback that nobody listens on, outside of the range from which
// systems take the ports that somebody asks for or calls from: it must still be free when
// a server that was stopped comes back.
func freePort(t *testing.T) string {
	t.Helper()
	const first, many = 10_000, 10_000
	for range many {
		port := fmt.Sprint(first + (uint32(os.Getpid())*101+ports.Add(1))%many) //nolint:gosec // of no meaning
		if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

var ports atomic.Uint32 // that were given out

// Bitcoind starts the bitcoind that BITCOIND names, or that is on the PATH, with
// more options for its command line, and waits until it answers. It ends with the
// test.
func Bitcoind(t *testing.T, options ...string) *Server {
	t.Helper()
	path, dir := binary(t, "BITCOIND", "bitcoind"), t.TempDir()
	s := &Server{Dir: dir}
	s.user = func() (string, string, error) {
		b, err := os.ReadFile(s.Cookie())
		user, password, _ := strings.Cut(string(b), ":")
		return user, password, err
	}
	s.first(t, func(rpc, peer string) []string {
		return append([]string{path, "-regtest", "-datadir=" + dir, "-server", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1",
			"-rpcport=" + rpc, "-bind=127.0.0.1:" + peer, "-disablewallet", "-dnsseed=0", "-fixedseeds=0", "-discover=0", "-listenonion=0",
			"-natpmp=0", "-printtoconsole=0", "-par=1", "-dbcache=16"}, options...)
	})
	return s
}

// first starts a process at ports of its own, until one of the tries finds them
// free: others look for ports at the same time.
func (s *Server) first(t *testing.T, command func(rpc, peer string) []string) {
	t.Helper()
	var err error
	for range 5 {
		rpc, peer := freePort(t), freePort(t)
		s.RPC, s.Peer = "127.0.0.1:"+rpc, "127.0.0.1:"+peer
		s.command = command(rpc, peer)
		if err = s.launch(); err == nil {
			t.Cleanup(func() { s.Stop(t) })
			return
		}
	}
	t.Fatal(err)
}

// Cookie is the path of a bitcoind's cookie file.
func (s *Server) Cookie() string { return filepath.Join(s.Dir, "regtest", ".cookie") }

// Btcd starts the btcd that BTCD names, or that is on the PATH, and waits until it
// answers. It ends with the test.
func Btcd(t *testing.T) *Server {
	t.Helper()
	path, dir := binary(t, "BTCD", "btcd"), t.TempDir()
	s := &Server{Dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "btcd.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.user = func() (string, string, error) { return "user", "secret", nil }
	s.first(t, func(rpc, peer string) []string {
		return []string{path, "--regtest", "--configfile=" + filepath.Join(dir, "btcd.conf"), "--datadir=" + dir, "--logdir=" + dir,
			"--listen=127.0.0.1:" + peer, "--rpclisten=127.0.0.1:" + rpc, "--rpcuser=user", "--rpcpass=secret", "--notls", "--nodnsseed",
			"--blockmaxweight=3000000"}
	})
	return s
}

// Start starts the process, again after a [Server.Stop], with more options for
// this once, and waits until it answers. A btcd has forgotten its regtest then.
func (s *Server) Start(t *testing.T, options ...string) {
	t.Helper()
	if err := s.launch(options...); err != nil {
		t.Fatal(err)
	}
}

// launch starts the process and waits until it answers. With an error it has ended.
func (s *Server) launch(options ...string) error {
	s.fed = nil
	arguments := append(slices.Clone(s.command[1:]), options...)
	s.process = exec.CommandContext(context.Background(), s.command[0], arguments...) //nolint:gosec // the test's own command
	out := new(bytes.Buffer)
	s.process.Stdout, s.process.Stderr = out, out
	if err := s.process.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func(p *exec.Cmd) {
		_ = p.Wait() // its exit code is its own matter
		close(ended)
	}(s.process)
	s.ended = ended
	var last error
	gone := false
	if eventually(func() bool {
		select {
		case <-ended:
			gone = true
			return true
		default:
		}
		_, last = s.Call("getblockcount")
		return last == nil
	}) && !gone {
		return nil
	}
	_ = s.process.Process.Kill() // it may have ended by itself
	<-ended
	return fmt.Errorf("%s does not answer: %w\n%s", s.command[0], last, out)
}

// Catch waits until the server has so many blocks, from its disk or its peers.
func (s *Server) Catch(t *testing.T, height uint32) {
	t.Helper()
	var last string
	if !eventually(func() bool {
		r, err := s.Call("getblockcount")
		last = fmt.Sprint(string(r), err)
		return err == nil && string(r) == fmt.Sprint(height)
	}) {
		t.Fatalf("the server has not %d blocks: %s", height, last)
	}
}

// Stop ends the process in order.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	<-s.ended
	s.process = nil
}

// eventually asks a server, which cannot tell when, until what it asks is so.
func eventually(so func() bool) bool {
	end := time.NewTimer(timeout)
	defer end.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-end.C:
			return so()
		}
	}
	return true
}

// Call asks the server by JSON-RPC.
func (s *Server) Call(method string, params ...any) (json.RawMessage, error) {
	user, password, err := s.user()
	if err != nil {
		return nil, err
	}
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.RPC, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Result json.RawMessage
		Error  *regtest.RPCError
	}
	if err := json.Unmarshal(b, &reply); err != nil {
		return nil, fmt.Errorf("%s: answer %d: %s", method, res.StatusCode, b)
	}
	if reply.Error != nil {
		return nil, reply.Error
	}
	return reply.Result, nil
}

// Feed gives the server the blocks of a chain that it has not, until it has the
// same tip.
func (s *Server) Feed(t *testing.T, c *regtest.Chain) {
	t.Helper()
	tip, err := c.Tip(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for ; same < len(s.fed) && uint32(same) < tip.Height; same++ { //nolint:gosec // a short chain
		at, err := c.At(t.Context(), uint32(same)+1) //nolint:gosec // the same
		if err != nil {
			t.Fatal(err)
		}
		if at.Hash != s.fed[same] {
			break
		}
	}
	s.fed = s.fed[:same]
	for h := uint32(same) + 1; h <= tip.Height; h++ { //nolint:gosec // the same
		b, err := c.Block(h)
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		if err := b.Serialize(&raw); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Call("submitblock", hex.EncodeToString(raw.Bytes())); err != nil {
			t.Fatalf("block %d: %v", h, err)
		}
		s.fed = append(s.fed, b.BlockHash())
	}
	var best string
	if r, err := s.Call("getbestblockhash"); err != nil || json.Unmarshal(r, &best) != nil || best != tip.Hash.String() {
		t.Fatalf("the server's tip is %s, want %s: %v", best, tip.Hash, err)
	}
}

// Waits waits until a transaction is in the server's mempool.
func (s *Server) Waits(t *testing.T, txid chainhash.Hash) {
	t.Helper()
	var last error
	if !eventually(func() bool {
		var ids []string
		r, err := s.Call("getrawmempool")
		if err == nil {
			err = json.Unmarshal(r, &ids)
		}
		last = err
		for _, id := range ids {
			if id == txid.String() {
				return true
			}
		}
		return false
	}) {
		t.Fatalf("%s is not in the mempool: %v", txid, last)
	}
}
