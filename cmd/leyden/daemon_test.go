package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain/regtest"
)

// beLeyden is the variable of the environment by which the test binary is the
// program itself.
const beLeyden = "LEYDEN_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beLeyden) == "" {
		os.Exit(m.Run())
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test's process, however that ends
		os.Exit(3)
	}()
	main()
	os.Exit(0)
}

// longest is how long a test waits for anything that the daemons do: more than the
// 60 seconds for which parts of a payment are held.
const longest = 150 * time.Second

// eventually looks again and again until something is so.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(longest)
	for tick := time.NewTicker(10 * time.Millisecond); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			tb.Fatalf("waited too long for %s", what)
		}
	}
}

// network is a chain in this process and daemons in their own.
type network struct {
	tb      testing.TB
	dir     string
	chain   *regtest.Chain
	url     string
	daemons []*daemon
}

func newNetwork(tb testing.TB) *network {
	tb.Helper()
	dir, err := os.MkdirTemp("", "leyden") // short enough for a socket's path
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	c, err := regtest.Open("")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	at, err := c.Serve(tb.Context(), "127.0.0.1:0", "test", "test")
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.Mine(110, nil); err != nil { // coinbases mature after 100
		tb.Fatal(err)
	}
	return &network{tb: tb, dir: dir, chain: c, url: "http://test:test@" + at.String()}
}

// daemon is a node in a process of its own, which dies and comes back.
type daemon struct {
	tb          testing.TB
	name, dir   string
	listen, url string
	flags       []string // more of them
	id          wire.NodeID

	mu     sync.Mutex // of what follows
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
}

// add starts a new daemon.
func (n *network) add(name string, flags ...string) *daemon {
	n.tb.Helper()
	d := &daemon{tb: n.tb, name: name, dir: filepath.Join(n.dir, name), listen: freePort(n.tb), url: n.url, flags: flags}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		n.tb.Fatal(err)
	}
	if err := d.start(); err != nil {
		n.tb.Fatal(err)
	}
	n.tb.Cleanup(d.end)
	n.daemons = append(n.daemons, d)
	return d
}

// freePort finds a loopback port outside of the range from which systems take the
// ports of outgoing connections: it must still be free when the daemon comes back.
func freePort(tb testing.TB) string {
	tb.Helper()
	for port := 20_000 + os.Getpid()%5_000; port < 32_000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			if _, taken := ports.LoadOrStore(port, true); !taken {
				return l.Addr().String()
			}
		}
	}
	tb.Fatal("no port is free")
	return ""
}

var ports sync.Map // that were given out

// start runs the daemon until it is ready.
func (d *daemon) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cmd = exec.Command(os.Args[0], append([]string{"start", "--network", "regtest", "--bitcoind", d.url, "--listen", d.listen,
		"--dir", d.dir, "--alias", d.name, "--log-level", "warn"}, d.flags...)...)
	d.cmd.Env = append(os.Environ(), beLeyden+"=1")
	log, err := os.OpenFile(d.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	d.cmd.Stderr = log
	if _, err := d.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	late := time.AfterFunc(longest, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	id, _, ok := strings.Cut(strings.TrimPrefix(line, "ready: node "), ",")
	if err != nil || !ok {
		return fmt.Errorf("%s did not become ready: %q, %v, %v\n%s", d.name, line, err, d.cmd.Wait(), d.log())
	}
	d.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		defer close(exited)
		_ = cmd.Wait() // its ProcessState tells
	}(d.cmd, d.exited)
	return d.id.UnmarshalText([]byte(id))
}

// kill ends the process as a power cut would. It is an error when it had ended
// by itself.
func (d *daemon) kill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.exited:
		return fmt.Errorf("%s ended by itself: %v\n%s", d.name, d.cmd.ProcessState, d.log())
	default:
	}
	if err := d.cmd.Process.Kill(); err != nil {
		return err
	}
	<-d.exited
	if d.cmd.ProcessState.Exited() { // rather than by the signal
		return fmt.Errorf("%s ended by itself: %v\n%s", d.name, d.cmd.ProcessState, d.log())
	}
	return nil
}

// end asks the daemon to stop, which it must do without an error.
func (d *daemon) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.exited == nil {
		return
	}
	_, _ = d.call("stop") // when it has ended already its state tells how
	late := time.AfterFunc(longest, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	<-d.exited
	if !d.cmd.ProcessState.Success() {
		d.tb.Errorf("%s did not stop as it was asked to: %v", d.name, d.cmd.ProcessState)
	}
	if d.tb.Failed() {
		d.tb.Logf("%s's log:\n%s", d.name, d.log())
	}
}

func (d *daemon) logPath() string { return filepath.Join(d.dir, "log") }

func (d *daemon) log() string {
	b, err := os.ReadFile(d.logPath())
	return string(b) + errorText(err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// call gives a command to the daemon over its socket.
func (d *daemon) call(method string, params ...any) (json.RawMessage, error) {
	if params == nil {
		params = []any{}
	}
	given, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	path, err := socketPath(d.dir)
	if err != nil {
		return nil, err
	}
	type answer struct {
		result json.RawMessage
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		res, err := call(context.Background(), path, method, given, nil)
		answered <- answer{res, err}
	}()
	select {
	case a := <-answered:
		return a.result, a.err
	case <-time.After(2 * longest):
		return nil, fmt.Errorf("%s: %w: no answer from %s", method, errSilent, d.name)
	}
}

var errSilent = errors.New("the daemon is silent")

// ask gives a command that must succeed, and reads its result.
func ask[T any](d *daemon, method string, params ...any) (out T) {
	d.tb.Helper()
	res, err := d.call(method, params...)
	if err == nil {
		err = json.Unmarshal(res, &out)
	}
	if err != nil {
		d.tb.Fatalf("%s: %s: %v", d.name, method, err)
	}
	return out
}

// What the tests read of results.
type (
	addressResult struct{ Bech32 string }
	infoResult    struct {
		Blockheight   int32
		FeesCollected amount.MilliSatoshi `json:"fees_collected_msat"`
	}
	fundsResult struct {
		Outputs []struct{ Status string }
	}
	invoiceResult struct {
		Bolt11      string
		PaymentHash wire.PaymentHash `json:"payment_hash"`
	}
	graphResult struct{ Channels []struct{ Active bool } }

	channelResult struct {
		ID        string `json:"channel_id"`
		State     string
		Connected bool                `json:"peer_connected"`
		ToUs      amount.MilliSatoshi `json:"to_us_msat"`
		Total     amount.MilliSatoshi `json:"total_msat"`
		HTLCs     []json.RawMessage
	}
)

func (d *daemon) channels() []channelResult {
	d.tb.Helper()
	return ask[struct{ Channels []channelResult }](d, "listpeerchannels").Channels
}

// mine adds blocks and waits until every daemon has seen them.
func (n *network) mine(blocks int) {
	n.tb.Helper()
	if _, err := n.chain.Mine(blocks, nil); err != nil {
		n.tb.Fatal(err)
	}
	tip, err := n.chain.Tip(n.tb.Context())
	if err != nil {
		n.tb.Fatal(err)
	}
	for _, d := range n.daemons {
		eventually(n.tb, d.name+" to read the chain", func() bool {
			return ask[infoResult](d, "getinfo").Blockheight == int32(tip.Height) //nolint:gosec // a few blocks
		})
	}
}

// fund gives a daemon coins.
func (n *network) fund(d *daemon, sat amount.Satoshi) {
	n.tb.Helper()
	addr, err := address.DecodeAddress(ask[addressResult](d, "newaddr").Bech32, n.chain.Params())
	if err != nil {
		n.tb.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(addr)
	if err != nil {
		n.tb.Fatal(err)
	}
	if _, err := n.chain.Send(script, sat); err != nil {
		n.tb.Fatal(err)
	}
	n.mine(1)
	eventually(n.tb, d.name+"'s coins", func() bool {
		funds := ask[fundsResult](d, "listfunds")
		return len(funds.Outputs) == 1 && funds.Outputs[0].Status == "confirmed"
	})
}

// open opens a channel from one daemon to another; blocks must follow.
func (n *network) open(from, to *daemon, sat amount.Satoshi) {
	n.tb.Helper()
	n.fund(from, 2*sat)
	ask[struct{}](from, "connect", from.address(to))
	ask[struct{}](from, "fundchannel", to.id, fmt.Sprintf("%dsat", sat))
}

func (*daemon) address(to *daemon) string { return to.id.String() + "@" + to.listen }

// ready mines until the channels are announced, and waits until a daemon knows
// so many directions.
func (n *network) ready(d *daemon, directions int) {
	n.tb.Helper()
	n.mine(6)
	eventually(n.tb, "the channels to be announced", func() bool {
		active := 0
		for _, c := range ask[graphResult](d, "listchannels").Channels {
			if c.Active {
				active++
			}
		}
		return active == directions
	})
}
