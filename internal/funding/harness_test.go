package funding

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"
	"go.uber.org/goleak"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/script"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel"
	"github.com/leyden-ln/leyden/internal/channel/open"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/keys"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/internal/store/ready"
	"github.com/leyden-ln/leyden/internal/wallet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var regtest = &chaincfg.RegressionNetParams

// random is an endless stream of bytes made from a name.
type random struct {
	state [32]byte
	bytes.Buffer
}

func newRandom(name string) *random { return &random{state: sha256.Sum256([]byte(name))} }

func (r *random) Read(p []byte) (int, error) {
	for r.Len() < len(p) {
		r.state = sha256.Sum256(r.state[:])
		r.Write(r.state[:])
	}
	return r.Buffer.Read(p)
}

type verifier struct{}

func (verifier) Verify(checks []channel.Check) bool {
	for _, c := range checks {
		if !script.Verify(c.Key, c.Hash, c.Sig) {
			return false
		}
	}
	return true
}

var features = wire.NewFeatures(wire.StaticRemoteKey, wire.AnchorsZeroFeeHTLC, wire.ChannelType, wire.LargeChannels, wire.ShutdownAnySegwit)

// node is a manager with a real store, a wallet and keys.
type node struct {
	*Manager
	t      *testing.T
	store  *store.Store
	ring   *keys.Ring
	wallet *wallet.Wallet

	opened    []*channel.Channel
	first     [][]wire.Message
	broadcast []*btcwire.MsgTx
	faults    []error
	reserve   amount.Satoshi // what must stay in the wallet
	waiting   Waiting
	named     func(wire.ShortChannelID) bool
	trusted   wire.NodeID
	refuse    error // of Broadcast
	signer    func(channel.Signer) channel.Signer
	onOpened  func(*channel.Channel)
	onTx      func(*btcwire.MsgTx)
}

func ring(t *testing.T, name string) *keys.Ring {
	t.Helper()
	seed, err := keys.NewSeed(newRandom(name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := keys.NewRing(seed, regtest)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	s, err := store.Open(t.Context(), ready.Dir(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	n := &node{t: t, store: s, ring: ring(t, name)}
	n.wallet = n.reload()
	n.Manager = New(Config{
		Chain: *regtest.GenesisHash, Features: features, Policy: open.DefaultPolicy(), Store: s, Wallet: n.wallet, NextKey: 1,
		Keys: func(index uint32) (channel.Signer, error) {
			c, err := n.ring.Channel(index)
			if n.signer != nil {
				return n.signer(c), err
			}
			return c, err
		},
		Verifier: verifier{}, Random: newRandom(name + "'s ids"),
		Reserve: func(int) amount.Satoshi { return n.reserve },
		Waiting: func() Waiting { return n.waiting },
		Named:   func(id wire.ShortChannelID) bool { return n.named != nil && n.named(id) },
		Trusts:  func(id wire.NodeID) bool { return id == n.trusted },
		Broadcast: func(_ context.Context, tx *btcwire.MsgTx) error {
			n.broadcast = append(n.broadcast, tx)
			if n.onTx != nil {
				n.onTx(tx)
			}
			return n.refuse
		},
		Opened: func(_ Peer, ch *channel.Channel, _ channel.Signer, first []wire.Message) {
			n.opened, n.first = append(n.opened, ch), append(n.first, first)
			if n.onOpened != nil {
				n.onOpened(ch)
			}
		},
		Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Log(name, "ends:", err); n.faults = append(n.faults, err) },
	})
	return n
}

// reload is the wallet as a restart would find it.
func (n *node) reload() *wallet.Wallet {
	n.t.Helper()
	rows, err := n.store.Wallet(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	w, err := wallet.Load(wallet.Config{Network: regtest, Keys: n.ring}, rows)
	if err != nil {
		n.t.Fatal(err)
	}
	return w
}

// coins gives the wallet a confirmed coin.
func (n *node) coins(value amount.Satoshi) {
	n.t.Helper()
	pending, err := n.wallet.NewAddress(wallet.P2TR)
	if err != nil {
		n.t.Fatal(err)
	}
	addr, err := pending.Commit(n.t.Context(), n.store)
	if err != nil {
		n.t.Fatal(err)
	}
	tx := btcwire.NewMsgTx(2)
	tx.AddTxIn(btcwire.NewTxIn(&btcwire.OutPoint{Hash: sha256.Sum256(addr.Script)}, nil, nil))
	tx.AddTxOut(btcwire.NewTxOut(int64(value), addr.Script))
	seen, err := n.wallet.Connect(n.wallet.Height()+1, []*btcwire.MsgTx{tx})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := seen.Commit(n.t.Context(), n.store); err != nil {
		n.t.Fatal(err)
	}
}

// free says that no coin is reserved or spent, now and after a restart.
func (n *node) free(when string) {
	n.t.Helper()
	for where, w := range map[string]*wallet.Wallet{"memory": n.wallet, "disk": n.reload()} {
		if b := w.Balance(); b.Reserved != 0 || b.Spent != 0 || b.Confirmed == 0 {
			n.t.Errorf("%s: the coins are not free, by %s: %+v", when, where, b)
		}
	}
}

// nothing says that no conversation and no channel is left, and that nothing was
// broadcast.
func (n *node) nothing(when string) {
	n.t.Helper()
	n.mu.Lock()
	talks := len(n.talks)
	n.mu.Unlock()
	if talks != 0 || len(n.rows()) != 0 || len(n.opened) != 0 || len(n.broadcast) != 0 {
		n.t.Errorf("%s: %d conversations, %d rows, %d channels, %d transactions are left",
			when, talks, len(n.rows()), len(n.opened), len(n.broadcast))
	}
	if len(n.faults) != 0 {
		n.t.Errorf("%s: the node ended: %v", when, n.faults)
	}
}

func (n *node) rows() []channel.Rows {
	n.t.Helper()
	rows, err := n.store.Channels(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return rows
}

// result is that of a call of Open.
type result struct {
	opened Opened
	err    error
}

// opening is a call of Open under way.
type opening struct {
	cancel context.CancelFunc
	done   chan result
}

func wish() Request {
	return Request{Amount: 1_000_000, Push: 10_000_000, FeePerKw: 1000, Commit: 1000, MinConf: 1}
}

func (n *node) open(p Peer, r Request) opening {
	ctx, cancel := context.WithCancel(n.t.Context())
	o := opening{cancel, make(chan result, 1)}
	go func() {
		opened, err := n.Open(ctx, p, r)
		o.done <- result{opened, err}
	}()
	n.t.Cleanup(cancel)
	return o
}

// tape is a connection: what we send is there to be read.
type tape struct {
	t      *testing.T
	id     wire.NodeID
	theirs wire.Features
	sent   chan wire.Message
	onSend func(wire.Message)
	gone   bool
}

func newTape(t *testing.T, name string) *tape {
	return &tape{t: t, id: ring(t, name).Node().ID(), theirs: features, sent: make(chan wire.Message, 100)}
}

func (p *tape) ID() wire.NodeID         { return p.id }
func (p *tape) Features() wire.Features { return p.theirs }
func (p *tape) Disconnect(error)        { p.gone = true }

func (p *tape) Send(msgs ...wire.Message) error {
	if p.gone {
		return io.ErrClosedPipe
	}
	for _, m := range msgs {
		if p.onSend != nil {
			p.onSend(m)
		}
		p.sent <- m
	}
	return nil
}

// next waits for a message of one kind, as it is read from the wire.
func next[M wire.Message](p *tape) M {
	p.t.Helper()
	var sent wire.Message
	select {
	case sent = <-p.sent:
	case <-time.After(10 * time.Second):
		p.t.Fatal("nothing was sent")
	}
	m, err := wire.Decode(wire.Encode(sent))
	if err != nil {
		p.t.Fatal(err)
	}
	got, ok := m.(M)
	if !ok {
		p.t.Fatalf("got %s: %+v", wire.Name(m), m)
	}
	return got
}

// silent says that nothing more was sent.
func (p *tape) silent(when string) {
	p.t.Helper()
	select {
	case m := <-p.sent:
		p.t.Errorf("%s: %s was sent: %+v", when, wire.Name(m), m)
	default:
	}
}

// told says that one error was sent, about the id.
func (p *tape) told(when string, id wire.ChannelID) *wire.Error {
	p.t.Helper()
	e := next[*wire.Error](p)
	if e.ChannelID != id {
		p.t.Errorf("%s: the error is about %s, not %s", when, e.ChannelID, id)
	}
	p.silent(when)
	return e
}

// side is the peer's own part in a conversation, by the pure machines.
func side(t *testing.T, name string, index uint32) open.Config {
	t.Helper()
	signer, err := ring(t, name).Channel(index)
	if err != nil {
		t.Fatal(err)
	}
	return open.Config{
		Policy: open.DefaultPolicy(), Chain: *regtest.GenesisHash, Peer: wire.NodeID{2}, Ours: features, Theirs: features,
		KeyIndex: index, Signer: signer, Script: append([]byte{0, 20}, make([]byte, 20)...),
	}
}

// asker is a peer that opens a channel with us.
type asker struct {
	*open.Opener
	hello *wire.OpenChannel
}

func newAsker(t *testing.T, id byte) asker {
	t.Helper()
	o, hello, err := open.Start(side(t, "bob", uint32(id)), open.Request{
		TemporaryID: wire.ChannelID{id, 7}, Funding: 1_000_000, Push: 10_000_000, FeePerKw: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return asker{o, hello}
}

// created is the asker's funding_created for an outpoint.
func (a asker) created(n *node, answer *wire.AcceptChannel, at btcwire.OutPoint) *wire.FundingCreated {
	n.t.Helper()
	if _, err := a.Accepted(answer); err != nil {
		n.t.Fatal(err)
	}
	pending, err := a.Funded(at)
	if err != nil {
		n.t.Fatal(err)
	}
	m, err := pending.Commit(n.t.Context(), nowhere{})
	if err != nil {
		n.t.Fatal(err)
	}
	return m
}

// nowhere is the peer's disk.
type nowhere struct{}

func (nowhere) Write(context.Context, ...durable.Row) error { return nil }

// outpoint is a funding output.
func outpoint(n byte) btcwire.OutPoint { return btcwire.OutPoint{Hash: [32]byte{1, n}, Index: 1} }
