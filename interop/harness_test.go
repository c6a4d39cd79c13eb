package interop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What all cases share.
var (
	binaries Binaries
	folder   string
	idle     spare
)

// spare is what no case uses at the moment, kept for the next that wants it.
type spare struct {
	sync.Mutex
	chains []*Bitcoind
	pairs  []*pair
	made   int // chains and networks so far, for their folders
}

// number is a new one.
func (s *spare) number() int {
	s.Lock()
	defer s.Unlock()
	s.made++
	return s.made
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

// sideBySide is how many cases run at once when -parallel does not say. They wait
// for most of their time.
const sideBySide = 6

func run(m *testing.M) (code int) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", strconv.Itoa(sideBySide)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute) // lnd may have to be built
	defer cancel()
	began := time.Now()
	var err error
	if binaries, err = Find(ctx); err == nil {
		folder, err = os.MkdirTemp("", "ley") // short enough for a socket's path
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("the peers are ready after %v\n", time.Since(began).Round(time.Second))
	defer func() {
		for _, p := range idle.pairs {
			p.end()
		}
		for _, c := range idle.chains {
			_ = c.Kill()
		}
		if code == 0 || os.Getenv("LEYDEN_INTEROP_KEEP") == "" {
			os.RemoveAll(folder)
		} else {
			fmt.Println("the nodes' folders are in", folder)
		}
	}()
	return m.Run()
}

// takeChain is a bitcoind for one network alone, without transactions that wait.
func takeChain(ctx context.Context) (*Bitcoind, error) {
	idle.Lock()
	if last := len(idle.chains) - 1; last >= 0 {
		c := idle.chains[last]
		idle.chains = idle.chains[:last]
		idle.Unlock()
		return c, c.Mine(ctx, 1)
	}
	idle.Unlock()
	return StartBitcoind(ctx, binaries.Bitcoind, filepath.Join(folder, fmt.Sprint("chain", idle.number())))
}

// longest is how long a step of a case may take before the case has failed.
const longest = 5 * time.Minute

// notQuick leaves a case out of the quick part of the table.
func notQuick(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not in the quick part")
	}
}

// network are the nodes of a case and their chain.
type network struct {
	*testing.T
	dir   string
	chain Chain
	peers []Peer
	told  bool // the logs were shown
	again bool // an lnd was started again
}

// newNetwork begins one; its nodes end with the case.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := unattended(t, nil)
	t.Cleanup(func() {
		n.T = t
		n.tell()
		n.end()
	})
	return n
}

// unattended is one that nobody ends, on a chain, or on one of its own.
func unattended(t *testing.T, on Chain) *network {
	t.Helper()
	n := &network{T: t, dir: filepath.Join(folder, fmt.Sprint(idle.number())), chain: on}
	n.must(os.Mkdir(n.dir, 0o700))
	if on == nil {
		c, err := takeChain(n.context())
		n.must(err)
		n.chain = c
	}
	return n
}

// in is the same network in a part of the case.
func (n *network) in(t *testing.T) *network {
	return &network{T: t, dir: n.dir, chain: n.chain, peers: n.peers, told: n.told}
}

// end ends the nodes; their chain is free for others.
func (n *network) end() {
	for _, p := range n.peers {
		_ = p.Kill() // what it must do when it is asked to stop has its own case
	}
	if c, ok := n.chain.(*Bitcoind); ok {
		idle.Lock()
		defer idle.Unlock()
		idle.chains = append(idle.chains, c)
	}
}

// logLines is how much of each node's log a case shows that has failed.
const logLines = 80

// tell shows the logs when the case has failed.
func (n *network) tell() {
	n.Helper()
	if !n.Failed() || n.told {
		return
	}
	n.told = true
	for _, p := range n.peers {
		n.Logf("%s's log:\n%s", p.Name(), tail(p.Log(), logLines))
		if _, ok := p.(*LND); ok {
			n.Logf("what went wrong in it:\n%s", tail(grave(p.Log()), 20))
		}
	}
}

// context is that of one step.
func (n *network) context() context.Context {
	ctx, cancel := context.WithTimeout(n.Context(), longest)
	n.Cleanup(cancel)
	return ctx
}

// must ends the case when a step has failed.
func (n *network) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// eventually waits until something is so; until then look says what it is that is
// wrong.
func (n *network) eventually(what string, look func(ctx context.Context) error) {
	n.Helper()
	n.must(await(n.context(), what, look, n.alive))
}

// alive is an error when a node has ended by itself.
func (n *network) alive() error {
	for _, p := range n.peers {
		if a, ok := p.(interface{ alive() error }); ok {
			if err := a.alive(); errors.Is(err, errEnded) {
				if l, ok := p.(*LND); ok && !n.again {
					err = n.revive(l, err)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// revive starts an lnd again, once in a case, as whoever runs one has it started: it ends
// itself when one of its own parts fails, and on a busy machine its light client may.
func (n *network) revive(l *LND, why error) error {
	n.again = true
	n.Logf("%v, and is started again; it said:\n%s", why, tail(grave(l.Log()), 10))
	_ = l.Kill() // it has ended
	return l.Start(n.context())
}

// grave are the lines of an lnd's log that say that something went wrong.
func grave(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, "[ERR]") || strings.Contains(line, "[CRT]") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (n *network) leyden(name string) *Leyden {
	n.Helper()
	p, err := StartLeyden(n.context(), binaries, n.chain, name, filepath.Join(n.dir, name))
	if p != nil {
		n.peers = append(n.peers, p)
	}
	n.must(err)
	return p
}

func (n *network) lnd(name string, more ...string) *LND {
	n.Helper()
	p, err := StartLND(n.context(), binaries, n.chain, name, filepath.Join(n.dir, name), more...)
	if p != nil {
		n.peers = append(n.peers, p)
	}
	n.must(err)
	return p
}

func (n *network) cln(name string) *CLightning {
	n.Helper()
	p, err := StartCLightning(n.context(), binaries, n.chain.(*Bitcoind), name, filepath.Join(n.dir, name))
	if p != nil {
		n.peers = append(n.peers, p)
	}
	n.must(err)
	return p
}

// kinds are the implementations beside Leyden that are here.
func kinds() []string {
	if binaries.CLightning != "" {
		return []string{"lnd", "cln"}
	}
	return []string{"lnd"}
}

// other starts a node of a kind, an lnd with more arguments.
func (n *network) other(kind, name string, more ...string) Peer {
	n.Helper()
	if kind == "cln" {
		return n.cln(name)
	}
	return n.lnd(name, more...)
}

// openers are who opens the channel of a case.
func openers(kind string) []string { return []string{"leyden", kind} }

// mine adds blocks and waits until every node has processed them.
func (n *network) mine(blocks int) {
	n.Helper()
	n.must(n.chain.Mine(n.context(), blocks))
	n.synced()
}

func (n *network) synced() {
	n.Helper()
	tip, err := n.chain.Height(n.context())
	n.must(err)
	for _, p := range n.peers {
		n.eventually(p.Name()+" to read the chain", func(ctx context.Context) error {
			h, err := p.Height(ctx)
			if err == nil && h != tip {
				err = fmt.Errorf("it is at %d of %d", h, tip)
			}
			return err
		})
	}
}

// fund gives a node coins.
func (n *network) fund(p Peer, sat uint64) {
	n.Helper()
	had, err := p.OnChain(n.context())
	n.must(err)
	addr, err := p.NewAddress(n.context())
	n.must(err)
	n.must(n.chain.Send(n.context(), addr, sat))
	n.must(n.chain.AwaitTx(n.context(), 1))
	n.mine(1)
	n.eventually(p.Name()+"'s coins", func(ctx context.Context) error {
		has, err := p.OnChain(ctx)
		if err == nil && has != had+sat {
			err = fmt.Errorf("it has %d", has)
		}
		return err
	})
}

// connect connects two nodes, and waits until both know.
func (n *network) connect(from, to Peer) {
	n.Helper()
	n.must(from.Connect(n.context(), to))
	n.connected(from, to)
}

func (n *network) connected(a, b Peer) {
	n.Helper()
	for _, side := range [][2]Peer{{a, b}, {b, a}} {
		n.eventually(side[0].Name()+" to be connected to "+side[1].Name(), func(ctx context.Context) error {
			ids, err := side[0].Connected(ctx)
			if err == nil && !slices.Contains(ids, side[1].ID()) {
				err = errors.New("it is not")
			}
			return err
		})
	}
}

// parted waits until a node knows that another has gone.
func (n *network) parted(p, gone Peer) {
	n.Helper()
	n.eventually(p.Name()+" to know that "+gone.Name()+" has gone", func(ctx context.Context) error {
		ids, err := p.Connected(ctx)
		if err == nil && slices.Contains(ids, gone.ID()) {
			err = errors.New("it is connected")
		}
		return err
	})
}

// open opens a channel and waits until both sides can use it.
func (n *network) open(from, to Peer, o Open) Channel {
	n.Helper()
	n.fund(from, 2*o.Sat)
	n.connect(from, to)
	before, err := from.Channels(n.context())
	n.must(err)
	n.must(from.Open(n.context(), to, o))
	n.must(n.chain.AwaitTx(n.context(), 1))
	n.mine(6)
	var c Channel
	n.eventually("the channel to be listed", func(ctx context.Context) error {
		all, err := from.Channels(ctx)
		for _, x := range all {
			if !slices.ContainsFunc(before, func(y Channel) bool { return x.Point == y.Point }) {
				c = x
				return nil
			}
		}
		return errors.Join(err, errors.New("it is not"))
	})
	if !ours(from) && !ours(to) {
		n.between(c, from, to)
	}
	n.ready(c, from, to)
	return n.look(from, c)
}

func ours(p Peer) bool {
	_, ok := p.(*Leyden)
	return ok
}

// theirTime is how long two other nodes have to use a channel between them.
const theirTime = time.Minute

// between helps two other nodes to use a channel of theirs, which is no case of Leyden's:
// lnd loses a channel_update of its peer for good that comes while it writes the channel,
// and asks for it after a start only.
func (n *network) between(c Channel, sides ...Peer) {
	n.Helper()
	for _, p := range sides {
		ctx, cancel := context.WithTimeout(n.context(), theirTime)
		err := await(ctx, p.Name()+" to use the channel", func(ctx context.Context) error { return usable(ctx, p, c) }, n.alive)
		cancel()
		if err != nil {
			n.Logf("%s is started again: %v", p.Name(), err)
			n.must(p.Stop())
			n.must(p.Start(n.context()))
			n.connected(sides[0], sides[1])
		}
	}
}

// usable is nil when a node can use a channel.
func usable(ctx context.Context, p Peer, c Channel) error {
	x, err := seen(ctx, p, c)
	if err == nil && !x.Ready {
		err = fmt.Errorf("it is %+v", x)
	}
	return err
}

// seen is a channel as a node has it now.
func seen(ctx context.Context, p Peer, c Channel) (Channel, error) {
	all, err := p.Channels(ctx)
	for _, x := range all {
		if x.Point == c.Point {
			return x, nil
		}
	}
	return Channel{}, errors.Join(err, errNoChannel)
}

var errNoChannel = errors.New("the channel is not listed")

// look is a channel as a node has it now.
func (n *network) look(p Peer, c Channel) Channel {
	n.Helper()
	x, err := seen(n.context(), p, c)
	n.must(err)
	return x
}

// ready waits until all can use a channel.
func (n *network) ready(c Channel, sides ...Peer) {
	n.Helper()
	for _, p := range sides {
		n.eventually(p.Name()+" to use the channel", func(ctx context.Context) error { return usable(ctx, p, c) })
	}
}

// quiet waits until a channel is without HTLCs on both sides, and checks that they
// agree on who owns how much: to the satoshi, as lnd rounds.
func (n *network) quiet(c Channel, a, b Peer) {
	n.Helper()
	n.ready(c, a, b)
	n.eventually("the two sides of the channel to agree", func(ctx context.Context) error {
		x, err := seen(ctx, a, c)
		if err != nil {
			return err
		}
		y, err := seen(ctx, b, c)
		if err != nil {
			return err
		}
		if x.HTLCs+y.HTLCs > 0 {
			return fmt.Errorf("%s has %d HTLCs, %s %d", a.Name(), x.HTLCs, b.Name(), y.HTLCs)
		}
		sum, capacity := x.ToUs+y.ToUs, 1000*c.Capacity
		if max(sum, capacity)-min(sum, capacity) > 1000 {
			return fmt.Errorf("%s has %d msat and %s %d msat of %d", a.Name(), x.ToUs, b.Name(), y.ToUs, capacity)
		}
		return nil
	})
}

func (n *network) invoice(p Peer, a Ask) Invoice {
	n.Helper()
	i, err := p.Invoice(n.context(), a)
	n.must(err)
	return i
}

// pay pays an invoice, and checks that the payee has it.
func (n *network) pay(from, to Peer, i Invoice, p Pay) Receipt {
	n.Helper()
	p.Bolt11 = i.Bolt11
	r, err := from.Pay(n.context(), p)
	if err != nil {
		n.Fatalf("%s pays %s: %v", from.Name(), to.Name(), err)
	}
	if got, err := to.Paid(n.context(), i.Hash); err != nil || got == 0 {
		n.Fatalf("%s has paid, but %s has got %d msat, %v", from.Name(), to.Name(), got, err)
	}
	return r
}

// transfer makes an invoice and pays it.
func (n *network) transfer(from, to Peer, msat uint64) Receipt {
	n.Helper()
	return n.pay(from, to, n.invoice(to, Ask{Msat: msat}), Pay{})
}

// pair are a Leyden and another node with a channel.
type pair struct {
	*network
	kind    string
	opener  string // "leyden" or the kind
	ours    *Leyden
	theirs  Peer
	channel Channel
}

// capacity and push of a pair's channel, in satoshi.
const (
	pairCapacity = 1_000_000
	pairPush     = 400_000
)

// newPair starts two nodes and opens a channel with a push.
func newPair(n *network, kind, opener string, more ...string) *pair {
	n.Helper()
	p := &pair{network: n, kind: kind, opener: opener, ours: n.leyden("leyden"), theirs: n.other(kind, kind, more...)}
	from, to := Peer(p.ours), p.theirs
	if opener != "leyden" {
		from, to = to, from
	}
	p.channel = n.open(from, to, Open{Sat: pairCapacity, Push: pairPush})
	return p
}

// shared is a pair that lives from case to case, as long as the cases leave its
// channel as they found it.
func shared(t *testing.T, kind, opener string) *pair {
	t.Helper()
	p := idle.pair(kind, opener)
	fresh := p == nil
	if fresh {
		p = &pair{network: unattended(t, nil)}
	} else {
		p.network = p.in(t)
	}
	t.Cleanup(func() { // also when no pair came of it
		p.T = t
		p.tell()
		if t.Failed() {
			p.end()
		} else {
			idle.keep(p)
		}
	})
	if fresh {
		*p = *newPair(p.network, kind, opener)
	}
	p.synced()
	return p
}

// pair is one that nobody uses, or nil.
func (s *spare) pair(kind, opener string) *pair {
	s.Lock()
	defer s.Unlock()
	for i, p := range s.pairs {
		if p.kind == kind && p.opener == opener {
			s.pairs = slices.Delete(s.pairs, i, i+1)
			return p
		}
	}
	return nil
}

func (s *spare) keep(p *pair) {
	s.Lock()
	defer s.Unlock()
	s.pairs = append(s.pairs, p)
}

// eachPair runs a case on a pair whose channel Leyden has opened, and on one whose
// channel the other has.
func eachPair(t *testing.T, body func(*pair)) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds() {
		for _, opener := range openers(kind) {
			t.Run(opener+" opens", func(t *testing.T) {
				t.Parallel()
				p := shared(t, kind, opener)
				body(p)
				p.quiet(p.channel, p.ours, p.theirs)
			})
		}
	}
}

// bothWays runs a case on each pair in both directions.
func bothWays(t *testing.T, body func(p *pair, payer, payee Peer)) {
	t.Helper()
	eachPair(t, func(p *pair) {
		for _, way := range [][2]Peer{{p.ours, p.theirs}, {p.theirs, p.ours}} {
			outer := p.T
			outer.Run(way[0].Name()+" pays", func(t *testing.T) {
				p.T = t
				defer func() { p.T = outer }()
				body(p, way[0], way[1])
			})
		}
	})
}

// refused checks how a payment failed.
func (n *network) refused(err error, code uint16) {
	n.Helper()
	var r *Refused
	if !errors.As(err, &r) {
		n.Fatalf("want a refusal, got: %v", err)
	}
	if code != 0 && r.Code != code {
		n.Fatalf("want the failure %#x, got: %v", code, r)
	}
}

// short is the beginning of an id.
func short(id string) string { return strings.ToLower(id)[:8] }
